"""The analysis of one function: from its code and its callees' summaries to its own summary.

Owns the order of work for one function: run the fixpoint, confirm what was found along a single path, judge the ways out, and write the
cases that callers will use. What a finding is worth (who calls the function, in which role) is not known here: findings that
depend on it are kept with the condition under which they count.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import msgspec

from spincheck.analysis.budget import COARSE, GLANCE, Budget
from spincheck.analysis.calls import Calls
from spincheck.analysis.cfg import Graph, Liveness
from spincheck.analysis.effects import note_payloads
from spincheck.analysis.fixpoint import Fixpoint
from spincheck.analysis.focus import focus
from spincheck.analysis.judge import Judge, Standing, held_by_role, saved_by_role
from spincheck.analysis.recursion import unbounded
from spincheck.analysis.relevance import Relevance, sets_flag
from spincheck.analysis.summaries import Summary
from spincheck.analysis.surroundings import Surroundings
from spincheck.analysis.transfer import Interpreter
from spincheck.analysis.write import fields_read, write_summary
from spincheck.ir import Call, Function

SMALL = 80
"""Instructions up to which a function's result is always followed; of a longer one only where a coarse look does not settle it."""


EXACT = Budget(disjuncts=12, steps=800, lock_sets=32)
"""For a second look on behalf of one caller that holds a lock; what it does not tell apart makes no defect."""


RECURSIVE = Budget(disjuncts=8, steps=800, lock_sets=10, trusted=False)
"""For a function of a recursion of many: each is looked at many times, and each case of one is a case of all."""


class Run(NamedTuple):
    """One run of the fixpoint, with what it ran on."""

    interpreter: Interpreter
    fixpoint: Fixpoint


RUNS = 2
"""Runs after the first in which other threads open sides of branches; behind one there may be others."""


def run(
    function: Function,
    graph: Graph,
    around: Surroundings,
    standing: Standing,
    relevance: Relevance,
    budget: Budget,
    *,
    exact: bool,
    has_callers: bool,
) -> Run:
    """Run the fixpoint over a function; once more if there are branches whose other side only another thread can open."""

    def once(revived: frozenset[tuple[int, int]]) -> Run:
        interpreter = _interpreter(function, graph, around, standing, relevance, budget)
        interpreter.exact = exact
        interpreter.revived = revived
        interpreter.machine.has_callers = has_callers
        fixpoint = Fixpoint(interpreter, Liveness(graph, around.reads), relevance, moves_locks, budget)
        fixpoint.run()
        return Run(interpreter, fixpoint)

    def moves_locks(pc: int) -> bool:
        instruction = function.code[pc]
        return isinstance(instruction, Call) and around.moves_locks(instruction)

    found = once(frozenset())
    dead = found.interpreter.sides.dead(function)
    for _ in range(RUNS):
        if not dead or found.fixpoint.gave_up:
            break
        again = once(dead)
        if again.fixpoint.gave_up:
            break
        found, known = again, dead
        dead |= found.interpreter.sides.dead(function)
        if dead == known:
            break
    if function.result == "ptr":
        note_payloads(found.interpreter, [state for _, state in found.fixpoint.exits])
    return found


def _interpreter(
    function: Function, graph: Graph, around: Surroundings, standing: Standing, relevance: Relevance, budget: Budget
) -> Interpreter:
    interpreter = Interpreter(function, graph, around.tables)
    interpreter.outcome_matters = relevance.outcome_matters if budget.disjuncts > 1 else lambda _call, _summary: False
    interpreter.relevant = relevance.points.__contains__
    interpreter.carried, interpreter.handed = around.carried, around.handed
    if standing.kind == "entry":
        held = held_by_role(interpreter.terms, standing)
        interpreter.machine.held_on_entry = {lock: hold.kind for lock, hold in held.items()}
        interpreter.machine.saved_on_entry = {
            lock: saved for lock, hold in held.items() if (saved := saved_by_role(interpreter.terms, hold)) is not None
        }
        interpreter.machine.inside_on_entry = standing.inside
        interpreter.present = standing.present
        interpreter.machine.new = frozenset(interpreter.terms.make("param", number) for number in standing.new)
    interpreter.focus = cache(lambda locks: focus(graph, around, locks))
    Calls(interpreter, around.callee, around.exact, around.target)
    return interpreter


def analyse_function(
    function: Function,
    around: Surroundings,
    standing: Standing,
    *,
    has_callers: bool,
    exact: bool = False,
    recursive: bool = False,
) -> Summary:
    """Return the summary of a function whose callees' summaries are known.

    ``exact``: ways out that differ only in which locks had to be free on entry stay cases of their own. ``recursive``: the function is
    one of many that call each other.
    """
    graph = Graph(function)
    asked = (has_callers or standing.kind != "entry") and function.result != "void"
    small = len(function.code) <= SMALL
    first, judge, glance = None, None, None
    settled = True
    flagged = small and has_callers and any(sets_flag(instruction) for instruction in function.code)

    def relevant(*, result_matters: bool, flags_matter: bool = False) -> Relevance:
        return Relevance(
            graph, around.takes if exact else around.touches, around.writes, around.reads, around.tells, around.decides,
            result_matters=result_matters, flags_matter=flags_matter, parameters_matter=small and has_callers,
        )

    narrow = relevant(result_matters=False)
    if not exact and not (small and asked) and not flagged and not narrow.tests_flags:
        glance = run(function, graph, around, standing, narrow, GLANCE, exact=False, has_callers=has_callers)
        judge = Judge(glance.interpreter, glance.fixpoint, standing)
        in_doubt = glance.fixpoint.in_doubt or glance.interpreter.machine.in_doubt
        seen_all = not glance.fixpoint.exhausted and not in_doubt
        if glance.fixpoint.ways_out() <= 1 and seen_all and not judge.suspects_anything():
            first = glance
    if first is None or judge is None:
        relevance = relevant(result_matters=asked, flags_matter=flagged)
        budget = EXACT if exact else RECURSIVE if recursive else Budget()
        first = run(function, graph, around, standing, relevance, budget, exact=exact, has_callers=has_callers)
        settled = not first.fixpoint.gave_up
        if not settled:
            # A coarse look covers every path too; what it takes for a defect and is none falls away in the replay.
            if glance is None or glance.fixpoint.exhausted:
                glance = run(function, graph, around, standing, narrow, COARSE, exact=False, has_callers=has_callers)
            first = glance
        judge = Judge(first.interpreter, first.fixpoint, standing)
    findings = judge.findings()
    suspects = judge.suspects() if standing.kind == "helper" else ()
    summary = write_summary(
        first.interpreter, first.fixpoint, findings, suspects, tuple(judge.imprecise), fields_read(graph, around.reads),
        trusted=settled and first.fixpoint.within_budget,
    )
    _see_all(first, around)
    summary = msgspec.structs.replace(summary, ledger=judge.ledger(gave_up=first.fixpoint.gave_up), kept=() if exact else judge.kept())
    return unbounded(summary) if first.fixpoint.gave_up else summary


def _see_all(done: Run, around: Surroundings) -> None:
    """Take it that calls which no path came to may give back any lock of their kinds."""
    interpreter = done.interpreter
    for pc, instruction in enumerate(interpreter.function.code):
        if isinstance(instruction, Call) and pc not in interpreter.called:
            interpreter.machine.books.unseen(around.gives_back(instruction))
