"""The lock-balance analysis: events, transfer functions, fixpoint, summaries, call graph, program."""
