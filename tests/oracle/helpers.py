"""Helpers with a contract, and the ways a caller uses them.

Each shape adds one or two functions to the program and a use: a maker of statements that call them in accordance. A use can be made
inside another helper, which is how chains three deep come about.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .program import (
    Ask,
    Attempt,
    Choice,
    Cmp,
    Const,
    Deref,
    Do,
    Field,
    Function,
    Give,
    If,
    Invoke,
    IsNull,
    Named,
    Not,
    NtSuccess,
    Null,
    Out,
    Plus,
    Pointer,
    Return,
    Set,
    Take,
    Var,
    duplicate,
)  # fmt: skip

if TYPE_CHECKING:
    from .generator import Generator, Scope

Body = list[Any]
Use = Callable[["Scope", int], Body]


class Helpers:
    """The helpers of one program."""

    def __init__(self, generator: Generator) -> None:
        self._gen = generator
        self.functions: list[Function] = []
        self.uses: list[Use] = []

    def prepare(self, count: int) -> None:
        """Add helpers; later ones may call earlier ones."""
        shapes = [
            self._pair, self._by_argument, self._by_result, self._by_status, self._by_out, self._by_field, self._by_pointer, self._by_null,
            self._drop_and_retake, self._release_on_failure, self._free_form, self._recursive, self._saving_out, self._equal,
        ]  # fmt: skip
        for _ in range(count):
            self._gen.rng.choice(shapes)()

    def _add(self, parameters: list[str], result: str, body: Body) -> str:
        name = f"Helper{len(self.functions)}"
        self.functions.append(Function(name, parameters, result, body))
        return name

    def _wrapped(self, name: str, parameters: list[str], result: str) -> str:
        """Now and then put a function around a function, to nest deeper."""
        while self._gen.rng.random() < 0.3 and len(self.functions) < 6:
            passed = [Out(Deref(one)) if one[0] == "o" else Pointer(Var(one)) if one[0] == "p" else Var(one) for one in parameters]
            call = Invoke(name, passed)
            name = self._add(parameters, result, [Return(call)] if result else [Do(call)])
        return name

    def _lock(self) -> str:
        return self._gen.rng.choice(self._gen.locks)

    def _pair(self) -> None:
        gen, name = self._gen, self._lock()
        take = self._wrapped(self._add([], "", [gen.take(name)]), [], "")
        give = self._wrapped(self._add([], "", [gen.give(name)]), [], "")
        self.uses.append(lambda scope, depth: [Do(Invoke(take, [])), *gen.block(scope, depth - 1), Do(Invoke(give, []))])
        self.uses.append(lambda scope, depth: [Do(Invoke(take, [])), *gen.block(scope, depth - 1), gen.give(name)])

    def _by_argument(self) -> None:
        gen, name = self._gen, self._lock()
        kind = gen.rng.choice("bn")
        parameter = f"{kind}x"
        test: Any = Var(parameter) if kind == "b" else Cmp(gen.rng.choice(["==", "!=", ">"]), Var(parameter), Const(1))
        other: Body = [gen.take("G")] if gen.rng.random() < 0.3 else []
        back: Body = [gen.give("G")] if other else []
        take = self._wrapped(self._add([parameter], "", [If(test, [gen.take(name)], other)]), [parameter], "")
        give = self._wrapped(self._add([parameter], "", [If(duplicate(test), [gen.give(name)], back)]), [parameter], "")

        def use(scope: Scope, depth: int) -> Body:
            argument = gen.place(scope, kind)
            return [Do(Invoke(take, [argument])), *gen.block(scope, depth - 1), Do(Invoke(give, [duplicate(argument)]))]

        self.uses.append(use)

    def _by_result(self) -> None:
        gen, name = self._gen, self._lock()
        if gen.saves or gen.rng.random() < 0.5:
            body = [If(Ask("b"), [gen.take(name), Return(Const(1))], []), Return(Const(0))]
        else:
            body = [Return(Attempt(Named(name)))]
        call = self._wrapped(self._add([], "b", body), [], "b")

        def use(scope: Scope, depth: int) -> Body:
            if gen.rng.random() < 0.5:
                return [If(Invoke(call, []), [*gen.block(scope, depth - 1), gen.give(name)], [])]
            flag = gen.flag(scope)
            return [Set(flag, Invoke(call, [])), *gen.block(scope, depth - 1), If(duplicate(flag), [gen.give(name)], [])]

        self.uses.append(use)

    def _by_status(self) -> None:
        gen, name = self._gen, self._lock()
        local = Var("s0")
        failed = Not(NtSuccess(Var("s0")))
        body = [gen.take(name), Set(local, Ask("s")), If(failed, [gen.give(name)], []), Return(Var("s0"))]
        if gen.rng.random() < 0.5:
            body = [Set(local, Ask("s")), If(failed, [Return(Var("s0"))], []), gen.take(name), Return(Const(0, "STATUS_SUCCESS"))]
        call = self._wrapped(self._add([], "s", body), [], "s")

        def use(scope: Scope, depth: int) -> Body:
            status = gen.place(scope, "s")
            got = Set(status, Invoke(call, []))
            if gen.rng.random() < 0.5:
                return [got, If(NtSuccess(duplicate(status)), [*gen.block(scope, depth - 1), gen.give(name)], [])]
            return [got, If(Not(NtSuccess(duplicate(status))), gen.leave(scope), []), *gen.block(scope, depth - 1), gen.give(name)]

        self.uses.append(use)

    def _by_out(self) -> None:
        gen, name = self._gen, self._lock()
        body = [Set(Deref("obx"), Const(0)), If(Ask("b"), [gen.take(name), Set(Deref("obx"), Const(1))], [])]
        call = self._wrapped(self._add(["obx"], "", body), ["obx"], "")

        def use(scope: Scope, depth: int) -> Body:
            flag = gen.flag(scope)
            return [Do(Invoke(call, [Out(flag)])), *gen.block(scope, depth - 1), If(duplicate(flag), [gen.give(name)], [])]

        self.uses.append(use)

    def _by_field(self) -> None:
        gen, name = self._gen, self._lock()
        field = gen.rng.choice(["b0", "b1"])
        body = [Set(Field(field), Const(0)), If(Ask("b"), [gen.take(name), Set(Field(field), Const(1))], [])]
        call = self._wrapped(self._add([], "", body), [], "")
        back = self._wrapped(self._add([], "", [If(Field(field), [gen.give(name), Set(Field(field), Const(0))], [])]), [], "")
        self.uses.append(
            lambda scope, depth: [
                Do(Invoke(call, [])), *(gen.block(scope, depth - 1) if gen.rng.random() < 0.4 else []), Do(Invoke(back, [])),
            ]
        )

    def _by_pointer(self) -> None:
        gen = self._gen
        if gen.saves:
            self._pair()
            return
        take = self._wrapped(self._add(["px"], "", [Take(Pointer(Var("px")))]), ["px"], "")
        give = self._wrapped(self._add(["px"], "", [Give(Pointer(Var("px")))]), ["px"], "")

        def use(scope: Scope, depth: int) -> Body:
            name = gen.rng.choice(scope.locks)
            first: Body = [Do(Invoke(take, [Named(name)]))]
            last: Body = [Do(Invoke(give, [Named(name)]))] if gen.rng.random() < 0.7 else [gen.give(name)]
            return [*first, *gen.block(scope, depth - 1), *last]

        self.uses.append(use)

    def _by_null(self) -> None:
        gen = self._gen
        if gen.saves:
            self._pair()
            return
        drop = self._wrapped(self._add(["px"], "", [If(Not(IsNull(Var("px"))), [Give(Pointer(Var("px")))], [])]), ["px"], "")

        def use(scope: Scope, depth: int) -> Body:
            name = gen.rng.choice(scope.locks)
            condition = gen.condition(scope, 1)
            take = If(condition, [gen.take(name)], [])
            passed = Choice(duplicate(condition), Named(name), Null())
            return [take, *gen.block(scope, depth - 1), Do(Invoke(drop, [passed]))]

        self.uses.append(use)

    def _drop_and_retake(self) -> None:
        gen, name = self._gen, self._lock()
        call = self._wrapped(self._add([], "", [gen.give(name), Do(Ask("b")), gen.take(name)]), [], "")
        self.uses.append(lambda scope, depth: [gen.take(name), *gen.block(scope, depth - 1), Do(Invoke(call, [])), gen.give(name)])

    def _release_on_failure(self) -> None:
        gen, name = self._gen, self._lock()
        body = [Set(Var("s0"), Ask("s")), If(Not(NtSuccess(Var("s0"))), [gen.give(name)], []), Return(Var("s0"))]
        call = self._wrapped(self._add([], "s", body), [], "s")

        def use(scope: Scope, depth: int) -> Body:
            status = gen.place(scope, "s")
            done = If(NtSuccess(duplicate(status)), [*gen.block(scope, depth - 1), gen.give(name)], [])
            return [gen.take(name), Set(status, Invoke(call, [])), done]

        self.uses.append(use)

    def _free_form(self) -> None:
        gen = self._gen
        from .generator import Scope  # noqa: PLC0415 -- the two modules make each other's parts
        from .program import Label  # noqa: PLC0415

        parameters = gen.rng.sample(["bx", "nx"], gen.rng.randint(0, 2))
        result = gen.rng.choice(["", "b", "n"])
        scope = Scope(parameters, result, gen.locks)
        body = gen.block(scope, 2)
        if scope.cleanup:
            body.append(Label("Exit"))
        if result:
            body.append(Return(gen.result(scope)))
        call = self._wrapped(self._add(parameters, result, body), parameters, result)

        def use(scope: Scope, _: int) -> Body:
            invoke = Invoke(call, [gen.place(scope, name[0]) for name in parameters])
            return [Set(gen.place(scope, result), invoke)] if result else [Do(invoke)]

        self.uses.append(use)

    def _recursive(self) -> None:
        gen, name = self._gen, self._lock()
        call = f"Helper{len(self.functions)}"
        again: Body = [Do(Invoke(call, [Plus(Var("nx"), -1)]))]
        shape = gen.rng.randint(0, 2)
        if shape == 0:
            body: Body = [If(Cmp("<=", Var("nx"), Const(0)), [Return()], []), gen.take(name), gen.give(name), *again]
        elif shape == 1:
            body = [gen.take(name), If(Ask("b"), [gen.give(name), *again, gen.take(name)], []), gen.give(name)]
        else:
            body = [If(Cmp(">", Var("nx"), Const(0)), [*again], [gen.take(name)])]
        self._add(["nx"], "", body)

        def use(scope: Scope, depth: int) -> Body:
            start = Const(gen.rng.randint(0, 2))
            rest = [*gen.block(scope, depth - 1), gen.give(name)] if shape == 2 else []
            return [Do(Invoke(call, [start])), *rest]

        self.uses.append(use)

    def _saving_out(self) -> None:
        """The saved IRQL goes to the caller by a pointer and comes back by value."""
        gen, name = self._gen, self._lock()
        if not gen.saves:
            self._pair()
            return
        take = self._wrapped(self._add(["oix"], "", [Take(Named(name), Deref("oix"))]), ["oix"], "")
        give = self._wrapped(self._add(["ix"], "", [Give(Named(name), Var("ix"))]), ["ix"], "")

        def use(scope: Scope, depth: int) -> Body:
            place = Var(gen.rng.choice(scope.names["i"][:2]))
            return [Do(Invoke(take, [Out(place)])), *gen.block(scope, depth - 1), Do(Invoke(give, [duplicate(place)]))]

        self.uses.append(use)

    def _equal(self) -> None:
        """Two locks, or one when they are equal."""
        gen = self._gen
        if gen.saves:
            self._pair()
            return
        same = Cmp("!=", Pointer(Var("px")), Pointer(Var("py")))
        body = [Take(Pointer(Var("px"))), If(same, [Take(Pointer(Var("py")))], [])]
        back = [If(duplicate(same), [Give(Pointer(Var("py")))], []), Give(Pointer(Var("px")))]
        take = self._wrapped(self._add(["px", "py"], "", body), ["px", "py"], "")
        give = self._wrapped(self._add(["px", "py"], "", back), ["px", "py"], "")

        def use(scope: Scope, depth: int) -> Body:
            one, two = gen.rng.choice(scope.locks), gen.rng.choice([*scope.locks, "G"])
            return [
                Do(Invoke(take, [Named(one), Named(two)])), *gen.block(scope, depth - 1), Do(Invoke(give, [Named(one), Named(two)])),
            ]  # fmt: skip

        self.uses.append(use)
