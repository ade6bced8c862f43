"""What a function may write, read off its code without following a path.

Owns the summary of a function that reaches no lock operation and is too large to be worth following: it leaves every lock alone, writes the fields that
it or its callees assign, and returns anything. Facts about all other fields outlive the call. Calls that a held lock forbids are told where every way to
a return makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable

from spincheck.analysis.call_rules import FORWARDED, HANDED, MOST_CALLS, NEEDED
from spincheck.analysis.calls import Callee
from spincheck.analysis.cfg import Graph, field_name
from spincheck.analysis.summaries import NOWHERE, Case, Summary
from spincheck.analysis.write import fields_read
from spincheck.ir import (
    AddressOf,
    Assign,
    Call,
    Deref,
    Function,
    FunctionName,
    Global,
    Load,
    Local,
    Place,
    Return,
)
from spincheck.locks.tables import Tables


def flat_summary(function: Function, callee: Callable[[str], Callee], tables: Tables, hands_on: Collection[str]) -> Summary:
    """Return the summary of a function by its stores alone; ``hands_on`` are the kinds of carried lock that it may leave to another callback."""
    written: set[tuple[str, str]] = set()
    through: set[int] = set()
    passed: set[int] = set()
    parameters = {variable.name: number for number, variable in enumerate(function.parameters)}
    for instruction in function.code:
        if isinstance(instruction, Assign):
            _add_store(instruction.place, written, through, parameters)
        elif isinstance(instruction, Call):
            for argument in instruction.arguments:
                if isinstance(argument, AddressOf):
                    _add_store(argument.place, written, through, parameters)
            summary = callee(instruction.callee.name).summary if isinstance(instruction.callee, FunctionName) else None
            if summary is not None:
                written.update(summary.classes_written())
                through.update(_passed_on(instruction, summary.parameters_written(), parameters))
            passed.update(_passed_on(instruction, range(len(instruction.arguments)) if summary is None else summary.passes, parameters))

    def reads(call: Call) -> frozenset[str]:
        summary = callee(call.callee.name).summary if isinstance(call.callee, FunctionName) else None
        return frozenset(summary.reads) if summary is not None else frozenset()

    def made(call: Call) -> frozenset[str]:
        if not isinstance(call.callee, FunctionName):
            return frozenset()
        name = call.callee.name
        if any(ban.when is None and ban.unless is None for ban in tables.forbidden.get(name, ())):
            return frozenset((name,))
        summary = callee(name).summary
        told = [frozenset(one for one in case.calls if not one.startswith((NEEDED, HANDED, FORWARDED))) for case in summary.cases] if summary is not None else []
        return frozenset.intersection(*told) if told else frozenset()

    graph = Graph(function)
    calls = (*_always_called(graph, made), *(HANDED + kind for kind in sorted(hands_on)))
    rows: list[tuple[object, ...]] = [("fresh", 0)]
    epochs: list[tuple[str, int | str, int]] = [(kind, name, 0) for kind, name in sorted(written)]
    for number in sorted(through):
        rows.append(("param", number))
        epochs.append(("under", len(rows) - 1, 0))
    case = Case((), (), (), (), 0 if function.result != "void" else NOWHERE, tuple(epochs), (), (), calls, tainted=False)
    return Summary(tuple(rows), (case,), ((),), ((),), (), (), (), fields_read(graph, reads), passes=tuple(sorted(passed)))


def _always_called(graph: Graph, made: Callable[[Call], frozenset[str]]) -> tuple[str, ...]:
    """Return what every way from the entry to a return calls, at most as many names as a summary tells."""
    code = graph.function.code
    before: dict[int, frozenset[str]] = {0: frozenset()}
    always: frozenset[str] | None = None
    work = [0]
    while work:
        pc = work.pop()
        instruction = code[pc]
        called = before[pc] | (made(instruction) if isinstance(instruction, Call) else frozenset())
        if isinstance(instruction, Return):
            always = called if always is None else always & called
        for target in graph.next[pc]:
            known = before.get(target)
            met = called if known is None else known & called
            if met != known:
                before[target] = met
                work.append(target)
    return tuple(sorted(always or ()))[:MOST_CALLS]


def _passed_on(call: Call, positions: Iterable[int], parameters: dict[str, int]) -> list[int]:
    """The parameters that a call is handed at some positions."""
    passed = [call.arguments[position] for position in positions if position < len(call.arguments)]
    names = [value.place.name for value in passed if isinstance(value, Load) and isinstance(value.place, Local)]
    return [parameters[name] for name in names if name in parameters]


def _add_store(place: Place, written: set[tuple[str, str]], through: set[int], parameters: dict[str, int]) -> None:
    name = field_name(place)
    if name is not None:
        written.add(("global" if isinstance(place, Global) else "field", name))
    elif isinstance(place, Deref) and isinstance(place.pointer, Load) and isinstance(place.pointer.place, Local):
        number = parameters.get(place.pointer.place.name)
        if number is not None:
            through.add(number)
