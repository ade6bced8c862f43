"""A brute-force oracle for the analysis: random programs, every path of them, and the comparison.

Shares no code with the analyser: `program` is a little language with its own meaning of every construct and a printer to C, `enumerator`
runs a program on all its inputs, `generator` makes programs, `shrinker` makes them small, `comparison` asks the analyser about the C
text and compares. The analyser's package is imported by `comparison` alone.
"""
