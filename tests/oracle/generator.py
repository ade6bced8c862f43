"""Random programs that look like driver code: mostly in order, often correlated, now and then wrong.

A purely random program leaks on its first path and says nothing about precision. So blocks are built from the shapes that drivers use
(take, work, give; flags; clean-up labels; helpers in pairs), nested in each other, and then a mutation breaks some of them.
One seed is one program, whatever the version of anything else.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from .helpers import Helpers
from .mutations import mutate
from .program import (
    LOCKS,
    SLOTS,
    STATUS,
    Ask,
    Attempt,
    Break,
    Choice,
    Cmp,
    Const,
    Continue,
    Copy,
    Do,
    DoWhile,
    Fetch,
    Field,
    For,
    Function,
    Give,
    Goto,
    If,
    Inside,
    Invoke,
    Label,
    Logic,
    Mask,
    Named,
    Not,
    NtSuccess,
    Pointer,
    Program,
    Return,
    Set,
    Slot,
    Switch,
    Take,
    Var,
    While,
    duplicate,
)  # fmt: skip

Body = list[Any]


def generate(seed: int) -> Program:
    """Return the program of a seed."""
    rng = random.Random(seed)
    return Generator(rng).program()


class Scope:
    """What a function can name: integers by kind, and whether it may leave early by a label."""

    def __init__(self, parameters: list[str], result: str, locks: list[str]) -> None:
        self.names = {
            "b": ["b0", "b1"], "n": ["n0", "n1"], "f": ["f0"], "s": ["s0"], "i": ["i0", "i1"],
        }  # fmt: skip
        for name in parameters:
            if name[0] in self.names:
                self.names[name[0]].append(name)
        self.parameters = parameters
        self.result = result
        self.locks = locks
        self.cleanup = False
        self.labels = 0
        self.loops = 0
        self.counters = 0


class Generator:
    """Builds one program; ``saves`` says that its locks save the IRQL."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.saves = rng.random() < 0.25
        self.locks = list(LOCKS[: rng.choice([1, 1, 2, 2, 3])])
        self.helpers = Helpers(self)
        self._callable = rng.random() < 0.6
        self._loops = rng.random() < 0.45
        self._budget = rng.randint(3, 9)
        self._fields = rng.random() < 0.5

    def program(self) -> Program:
        """Return the whole program, the callback first."""
        rng = self.rng
        parameters = rng.sample(["bp", "np", "fp", "sp", "mp"], rng.randint(0, 2))
        parameters = ["np2" if name == "mp" else name for name in parameters]
        scope = Scope(parameters, "", self.locks)
        if self._callable:
            self.helpers.prepare(rng.randint(1, 3))
        body: Body = [
            Set(Var(name), Ask(name[0])) for kind in "bnfs" for name in scope.names[kind] if len(name) == 2 and rng.random() < 0.3
        ]
        body += self.block(scope, 3)
        if scope.cleanup:
            body += self._cleanup(scope)
        program = [Function("Entry", parameters, "", body), *self.helpers.functions]
        program = mutate(program, rng, self.locks)
        return self._reachable(program)

    @staticmethod
    def _reachable(program: Program) -> Program:
        from .program import walk  # noqa: PLC0415

        by_name = {function.name: function for function in program}
        seen = {"Entry": None}
        work = ["Entry"]
        while work:
            for one in walk(by_name[work.pop()]):
                if isinstance(one, Invoke) and one.function not in seen:
                    seen[one.function] = None
                    work.append(one.function)
        return [function for function in program if function.name in seen]

    def _cleanup(self, scope: Scope) -> Body:
        """The label that early exits jump to; it gives back what a flag says is held."""
        lock = self.rng.choice(scope.locks)
        body: Body = [Label("Exit")]
        if self.rng.random() < 0.7:
            body.append(If(self.flag(scope), [self.give(lock)], []))
        return body

    # --- values ---

    def place(self, scope: Scope, kind: str) -> Any:
        """Return a variable or field of a kind."""
        if self._fields and self.rng.random() < 0.35 and kind != "i":
            return Field(self.rng.choice({"b": ["b0", "b1"], "n": ["n0", "n1"], "f": ["f0"], "s": ["s0"]}[kind]))
        return Var(self.rng.choice(scope.names[kind]))

    def flag(self, scope: Scope) -> Any:
        """Return a variable of kind b."""
        return self.place(scope, "b")

    def status(self) -> Const:
        """Return a status constant."""
        name = self.rng.choice(list(STATUS))
        return Const(STATUS[name], name)

    def condition(self, scope: Scope, depth: int = 2) -> Any:
        """Return a condition without side effects."""
        rng = self.rng
        roll = rng.random()
        if depth > 0 and roll < 0.15:
            return Logic(rng.choice(["&&", "||"]), self.condition(scope, depth - 1), self.condition(scope, depth - 1))
        if depth > 0 and roll < 0.25:
            return Not(self.condition(scope, depth - 1))
        if roll < 0.5:
            return self.flag(scope)
        if roll < 0.55:
            return Cmp(rng.choice(["==", "!="]), self.flag(scope), Const(rng.choice([0, 1])))
        if roll < 0.7:
            return Cmp(rng.choice(["==", "!=", "<", "<=", ">", ">="]), self.place(scope, "n"), Const(rng.randint(0, 2)))
        if roll < 0.77:
            return Cmp(rng.choice(["==", "!=", "<", "<="]), self.place(scope, "n"), self.place(scope, "n"))
        if roll < 0.85:
            mask = Mask(self.place(scope, "f"), rng.choice([1, 2, 4, 3]))
            return mask if rng.random() < 0.7 else Cmp(rng.choice(["==", "!="]), mask, Const(rng.choice([0, mask.bits])))
        if roll < 0.95:
            return NtSuccess(self.place(scope, "s"))
        return Cmp(rng.choice(["==", "!="]), self.place(scope, "s"), self.status())

    def asking(self, scope: Scope) -> Any:
        """Return a condition that may call."""
        rng = self.rng
        if rng.random() < 0.2:
            return Ask("b")
        if rng.random() < 0.1:
            return Logic(rng.choice(["&&", "||"]), self.condition(scope, 1), Ask("b"))
        return self.condition(scope)

    # --- locks ---

    def lock(self, name: str) -> Any:
        """Return a lock by its name."""
        return Named(name)

    def irql(self, name: str) -> Any:
        """Return where the IRQL of a lock is saved: one place per lock, so that giving it back finds it."""
        if not self.saves:
            return None
        return Field("i0" if name in {"A", "C"} else "i1")

    def take(self, name: str) -> Any:
        """Return an acquire of a lock."""
        return Take(Named(name), self.irql(name))

    def give(self, name: str) -> Any:
        """Return a release of a lock."""
        return Give(Named(name), self.irql(name))

    # --- statements ---

    def block(self, scope: Scope, depth: int) -> Body:
        """Return a list of statements."""
        body: Body = []
        for _ in range(self.rng.randint(1, 3)):
            body += self.statements(scope, depth)
        return body

    def statements(self, scope: Scope, depth: int) -> Body:
        """Return one or a few statements that belong together."""
        self._budget -= 1
        if depth <= 0 or self._budget < 0:
            return [self.small(scope)]
        shapes: list[tuple[float, Callable[[Scope, int], Body]]] = [
            (3, self._region), (2, self._conditional_pair), (2, self._flag_pair), (1.2, self._try_pair), (2, self._if), (1, self._switch),
            (1.2, self._status_chain), (1, self._early), (2, lambda s, _: [self.small(s)]), (0.5, self._stray), (1, self._alias),
            (0.5, self._two_way),
        ]  # fmt: skip
        if self.helpers.uses:
            shapes.append((4, self._helper))
        if self._loops:
            shapes += [(1.5, self._loop), (0.7, self._table), (0.7, self._retry), (0.7, self._spin), (0.7, self._drop_in_loop)]
        weights = [weight for weight, _ in shapes]
        return self.rng.choices(shapes, weights)[0][1](scope, depth)

    def small(self, scope: Scope) -> Any:
        """Return one simple statement."""
        rng = self.rng
        roll = rng.random()
        if roll < 0.25:
            return Set(self.flag(scope), Const(rng.choice([0, 1])))
        if roll < 0.35:
            return Set(self.flag(scope), self.condition(scope, 1))
        if roll < 0.5:
            kind = rng.choice("bnfs")
            return Set(self.place(scope, kind), Ask(kind))
        if roll < 0.6:
            kind = rng.choice("bnfs")
            return Fetch(self.place(scope, kind), kind)
        if roll < 0.75:
            return Set(self.place(scope, "n"), Const(rng.randint(0, 2)))
        if roll < 0.85:
            kind = rng.choice("bns")
            return Set(self.place(scope, kind), self.place(scope, kind))
        if roll < 0.95:
            return Set(self.place(scope, "s"), self.status())
        return Set(self.place(scope, "n"), Choice(self.condition(scope, 1), Const(1), Const(2)))

    def _region(self, scope: Scope, depth: int) -> Body:
        name = self.rng.choice(scope.locks)
        return [self.take(name), *self.block(scope, depth - 1), self.give(name)]

    def _conditional_pair(self, scope: Scope, depth: int) -> Body:
        name = self.rng.choice(scope.locks)
        condition = self.condition(scope)
        again = duplicate(condition)
        if self.rng.random() < 0.2:
            condition, again = Not(condition), Cmp("==", again, Const(0))
        inside = [self.small(scope)] if self.rng.random() < 0.5 else self.block(scope, depth - 1)
        return [If(condition, [self.take(name)], []), *inside, If(again, [self.give(name)], [])]

    def _flag_pair(self, scope: Scope, depth: int) -> Body:
        name = self.rng.choice(scope.locks)
        flag = self.flag(scope)
        take = If(self.asking(scope), [self.take(name), Set(duplicate(flag), Const(1))], [])
        if self.rng.random() < 0.2:
            take.otherwise = [self.small(scope)]
        return [
            Set(flag, Const(0)), take, *self.block(scope, depth - 1), If(duplicate(flag), [self.give(name), Set(duplicate(flag), Const(0))], []),
        ]  # fmt: skip

    def _try_pair(self, scope: Scope, depth: int) -> Body:
        name = self.rng.choice(scope.locks)
        if self.saves:
            return self._region(scope, depth)
        roll = self.rng.random()
        if roll < 0.4:
            return [If(Attempt(Named(name)), [*self.block(scope, depth - 1), self.give(name)], [])]
        flag = self.flag(scope)
        if roll < 0.7:
            got = Set(flag, Attempt(Named(name)))
            return [got, *self.block(scope, depth - 1), If(duplicate(flag), [self.give(name)], [])]
        condition = Logic(self.rng.choice(["&&", "||"]), self.condition(scope, 1), Attempt(Named(name)))
        return [If(condition, [self.give(name)], [])]

    def _if(self, scope: Scope, depth: int) -> Body:
        otherwise = self.block(scope, depth - 1) if self.rng.random() < 0.4 else []
        return [If(self.asking(scope), self.block(scope, depth - 1), otherwise)]

    def _switch(self, scope: Scope, depth: int) -> Body:
        kind = self.rng.choice("nnb")
        value = self.place(scope, kind)
        numbers = self.rng.sample([0, 1, 2], self.rng.randint(1, 3))

        def cases(make: Callable[[], Body]) -> list[Any]:
            made: list[Any] = [([Const(number)], make(), self.rng.random() < 0.8) for number in numbers]
            if self.rng.random() < 0.5:
                made.append(([], make(), True))
            return made

        if self.rng.random() < 0.5:
            name = self.rng.choice(scope.locks)
            take = Switch(value, [([Const(number)], [self.take(name)], True) for number in numbers])
            give = Switch(duplicate(value), [([Const(number) for number in numbers], [self.give(name)], True)])
            return [take, self.small(scope), give]
        return [Switch(value, cases(lambda: self.block(scope, depth - 1)))]

    def leave(self, scope: Scope) -> Body:
        """Return a way out of the function."""
        if self.rng.random() < 0.5:
            scope.cleanup = True
            return [Goto("Exit")]
        return [Return(self.result(scope))]

    def result(self, scope: Scope) -> Any:
        """Return a value to return."""
        if not scope.result:
            return None
        return self.place(scope, scope.result) if self.rng.random() < 0.7 else Const(self.rng.choice([0, 1]))

    def _status_chain(self, scope: Scope, depth: int) -> Body:
        status = self.place(scope, "s")
        name = self.rng.choice(scope.locks)
        failed = Not(NtSuccess(duplicate(status)))
        if self.rng.random() < 0.5:
            return [Set(status, Ask("s")), If(failed, self.leave(scope), []), *self.block(scope, depth - 1)]
        return [
            self.take(name), Set(status, Ask("s")), If(failed, [self.give(name), *self.leave(scope)], []), *self.block(scope, depth - 1),
            self.give(name),
        ]  # fmt: skip

    def _early(self, scope: Scope, depth: int) -> Body:
        name = self.rng.choice(scope.locks)
        body: Body = [self.take(name)]
        for _ in range(self.rng.randint(1, 2)):
            body.append(If(self.asking(scope), [self.give(name), *self.leave(scope)], []))
        return [*body, *self.block(scope, depth - 1), self.give(name)]

    def _stray(self, scope: Scope, _: int) -> Body:
        name = self.rng.choice(scope.locks)
        return [self.rng.choice([self.take, self.give])(name)]

    def _alias(self, scope: Scope, depth: int) -> Body:
        if self.saves:
            return self._region(scope, depth)
        rng = self.rng
        name = rng.choice(scope.locks)
        pointer: Any = Var("p0") if rng.random() < 0.7 else Field("p0")
        roll = rng.random()
        if roll < 0.35:
            ends = [Take(Pointer(duplicate(pointer))), self.give(name)]
            if rng.random() < 0.5:
                ends = [self.take(name), Give(Pointer(duplicate(pointer)))]
            return [Set(pointer, Named(name)), ends[0], *self.block(scope, depth - 1), ends[1]]
        if roll < 0.6:
            other = rng.choice([*scope.locks, "G"])
            chosen = Choice(self.condition(scope, 1), Named(name), Named(other))
            return [Set(pointer, chosen), Take(Pointer(duplicate(pointer))), self.small(scope), Give(Pointer(duplicate(pointer)))]
        return [
            Set(Inside("h0"), Named(name)), Copy("h1", "h0"), Take(Pointer(Inside("h0"))), *self.block(scope, depth - 1),
            Give(Pointer(Inside("h1"))),
        ]  # fmt: skip

    def _two_way(self, scope: Scope, depth: int) -> Body:
        """One of two locks, chosen alike at both ends."""
        first, second = self.rng.choice(scope.locks), self.rng.choice([*scope.locks, "G"])
        condition = self.condition(scope, 1)
        return [
            If(condition, [self.take(first)], [self.take(second)]), *self.block(scope, depth - 1),
            If(duplicate(condition), [self.give(first)], [self.give(second)]),
        ]  # fmt: skip

    def _helper(self, scope: Scope, depth: int) -> Body:
        return self.rng.choice(self.helpers.uses)(scope, depth)

    # --- loops ---

    def _loop(self, scope: Scope, depth: int) -> Body:
        rng = self.rng
        body = self.block(scope, depth - 1)
        way_out: Any = Break() if rng.random() < 0.7 else Continue()
        if rng.random() < 0.5:
            name = rng.choice(scope.locks)
            body = [self.take(name), *body, *([If(self.asking(scope), [self.give(name), way_out], [])] if rng.random() < 0.6 else []), self.give(name)]
        elif rng.random() < 0.4:
            body.append(If(self.condition(scope), [way_out], []))
        roll = rng.random()
        if roll < 0.35:
            scope.counters += 1
            return [For(f"n{8 + scope.counters}", 0, rng.randint(1, 3), 1, body)]
        if roll < 0.7:
            return [While(Ask("b") if rng.random() < 0.6 else self.condition(scope), body)]
        if roll < 0.85:
            return [DoWhile(body, Ask("b"))]
        return [While(Const(1), [*body, If(Ask("b"), [Break()], [])])]

    def _table(self, scope: Scope, depth: int) -> Body:
        """Take every lock of an array in a loop, and give them back in another."""
        scope.counters += 1
        name = f"n{8 + scope.counters}"
        count = self.rng.randint(1, SLOTS)
        if self.saves:
            return self._loop(scope, depth)
        take = For(name, 0, count, 1, [Take(Slot(Var(name)))])
        give = For(name, 0, count, 1, [Give(Slot(Var(name)))])
        if self.rng.random() < 0.5:
            give = For(name, count - 1, -1, -1, [Give(Slot(Var(name)))])
        return [take, self.small(scope), give]

    def _retry(self, scope: Scope, _: int) -> Body:
        scope.labels += 1
        name = self.rng.choice(scope.locks)
        if scope.labels > 1:
            return [self.small(scope)]
        loop = [self.take(name), self.small(scope), If(Ask("b"), [self.give(name), Continue()], []), self.give(name), Break()]
        return [While(Const(1), loop)]

    def _spin(self, scope: Scope, depth: int) -> Body:
        if self.saves:
            return self._loop(scope, depth)
        name = self.rng.choice(scope.locks)
        wait = While(Not(Attempt(Named(name))), [self.small(scope)])
        return [wait, *self.block(scope, depth - 1), self.give(name)]

    def _drop_in_loop(self, scope: Scope, _: int) -> Body:
        name = self.rng.choice(scope.locks)
        body = [self.give(name), Do(Ask("b")), self.take(name)]
        if self.rng.random() < 0.4:
            body = [self.small(scope), *body, If(self.condition(scope), [Break()], [])]
        return [self.take(name), While(Ask("b"), body), self.give(name)]
