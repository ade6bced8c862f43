"""The analysis of one function: from its code and its callees' summaries to its own summary.

Owns the order of work for one function: run the fixpoint, confirm what was found along a single path, judge the ways out, and write the
cases that callers will use. What a finding is worth (who calls the function, in which role) is not known here: findings that
depend on it are kept with the condition under which they count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from spincheck.analysis.calls import Callee, Calls
from spincheck.analysis.cfg import Graph, Liveness
from spincheck.analysis.fixpoint import Budget, Fixpoint
from spincheck.analysis.judge import Judge, Standing, held_by_role
from spincheck.analysis.summaries import Summary
from spincheck.analysis.transfer import Constants, Interpreter
from spincheck.analysis.write import fields_read, write_summary
from spincheck.domain.terms import Term
from spincheck.ir import Call, Function, FunctionName
from spincheck.locks.tables import Tables


class Surroundings(NamedTuple):
    """What a function's analysis asks of the program around it.

    ``callee`` tells what is known of a called name; ``targets`` which functions an unknown function pointer may be;
    ``constants`` the values of cells that never change.
    """

    tables: Tables
    callee: Callable[[str], Callee]
    targets: Callable[[Term], tuple[str, ...]]
    constants: Constants


class Run(NamedTuple):
    """One run of the fixpoint, with what it ran on."""

    interpreter: Interpreter
    fixpoint: Fixpoint


def run(function: Function, graph: Graph, around: Surroundings, standing: Standing, budget: Budget) -> Run:
    """Run the fixpoint over a function."""
    interpreter = Interpreter(function, graph, around.tables, around.constants)
    if standing.kind == "entry":
        interpreter.machine.held_on_entry = frozenset(held_by_role(interpreter.terms, standing))
    Calls(interpreter, around.callee, around.targets)

    def reads(call: Call) -> frozenset[str] | None:
        if not isinstance(call.callee, FunctionName):
            return frozenset()
        summary = around.callee(call.callee.name).summary
        return frozenset(summary.reads) if summary is not None else frozenset()

    def touches_locks(pc: int) -> bool:
        instruction = function.code[pc]
        if not isinstance(instruction, Call) or not isinstance(instruction.callee, FunctionName):
            return False
        name = instruction.callee.name
        summary = around.callee(name).summary
        return name in around.tables.operations or (summary is not None and any(case.locks for case in summary.cases))

    fixpoint = Fixpoint(interpreter, Liveness(graph, reads), touches_locks, budget)
    fixpoint.run()
    return Run(interpreter, fixpoint)


def analyse_function(function: Function, around: Surroundings, standing: Standing) -> Summary:
    """Return the summary of a function whose callees' summaries are known."""
    graph = Graph(function)
    first = run(function, graph, around, standing, Budget())
    judge = Judge(first.interpreter, first.fixpoint, standing)
    findings = judge.findings()
    suspects = judge.suspects() if standing.kind == "helper" else ()
    callee_reads = {}
    for instruction in function.code:
        if isinstance(instruction, Call) and isinstance(instruction.callee, FunctionName):
            summary = around.callee(instruction.callee.name).summary
            callee_reads[instruction.callee.name] = summary.reads if summary is not None else ()
    reads = fields_read(graph, callee_reads)
    return write_summary(first.interpreter, first.fixpoint, findings, suspects, tuple(judge.imprecise), reads)
