"""The units of a large run: which are known already, and who reads the others.

Owns `Library`. Flows in: recipes for texts, a memory, workers. Flows out: the identity of every text, and units that can locate their tokens.
A text is made unless it is known that it would be the same again, and is not kept. On this machine threads make the
texts, since the work is the compiler's, and only what is new goes to a process; a cluster makes them itself, and is told
which identity is expected. So an unchanged file costs its preprocessing and a hash, and a run without news starts no process.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice

import msgspec

from spincheck.driver.basis import Basis
from spincheck.driver.inputs import Input, InputError
from spincheck.driver.recall import Known
from spincheck.driver.recipe import Recipe
from spincheck.driver.settings import Knowledge
from spincheck.driver.source import Suppression
from spincheck.driver.tasks import RESULT, ReadResult, ReadTask, Setup, program
from spincheck.driver.units import PackedUnit, unpack
from spincheck.driver.workers import AHEAD, Workers
from spincheck.memory import Memory
from spincheck.progress import Progress, unwatched

_ENCODE = msgspec.msgpack.Encoder().encode


class Library:
    """The texts and units of some recipes.

    ``key`` makes a key that depends on what the run knows. ``jobs`` compilers run at a time; ``remote``: the workers run them. ``known`` is what is known of
    each text without making it, and ``keep`` remembers what a text was made of. ``progress`` is told how many files are read.
    """

    def __init__(
        self,
        recipes: Sequence[Recipe],
        memory: Memory,
        key: Callable[..., str],
        workers: Workers,
        *,
        jobs: int,
        remote: bool,
        known: Sequence[Known | None] = (),
        keep: Callable[[Recipe, str, tuple[Suppression, ...], Basis | None], None] = lambda *_text: None,
        progress: Progress = unwatched,
    ) -> None:
        self._recipes = recipes
        self._memory = memory
        self._key = key
        self._workers = workers
        self._jobs = jobs
        self._remote = remote
        self._known = known or [None] * len(recipes)
        self._keep_text = keep
        self._progress = progress
        self._read = 0
        self._results: list[ReadResult] = [ReadResult()] * len(recipes)
        self._bodies: dict[str, bytes] = {}
        self._setup = b""
        self.scanned = 0
        self.reused = 0

    def read(self, knowledge: Knowledge, cache: str | None, *, judged: Callable[[Sequence[str]], bool]) -> None:
        """Make every text, and read those units that are not known.

        ``judged`` says whether texts with these identities are judged already, so that none of their units is needed. Raises `InputError`.
        """
        roots, families, user = knowledge.settings.roots, knowledge.families, knowledge.config.user
        self._setup = _ENCODE(Setup(program(), roots, families, user, cache))
        expected = self._expected()
        if not (all(expected) and judged(expected)):
            keys = {identity: self._key("read", identity) for identity in expected if identity}
            found = self._memory.get_many("outcome", keys.values())
            self._bodies = {identity: found[key] for identity, key in keys.items() if key in found}
            expected = [identity if identity in self._bodies else "" for identity in expected]
        self._carry_out(dict(enumerate(expected)))

    @property
    def identities(self) -> list[str]:
        """The identity of each text, in the order of the recipes."""
        return [result.identity for result in self._results]

    def comments(self) -> Iterator[Suppression]:
        """Yield the suppression comments that preprocessed texts kept."""
        for result in self._results:
            yield from result.comments

    def units(self) -> list[PackedUnit]:
        """Return all units, in the order of the recipes. Raises `InputError`."""
        units = self._unpacked()
        lost = {number: "" for number, unit in enumerate(units) if unit is None}
        if lost:  # the cache lost them, or they were expected to be of no use
            self._carry_out(lost)
            units = self._unpacked()
        for unit in units:
            assert unit is not None
        return [unit for unit in units if unit is not None]

    def _expected(self) -> list[str]:
        keys = [self._text_key(recipe) for recipe in self._recipes]
        found = self._memory.get_many("outcome", keys)
        return [
            found.get(key, b"").decode("ascii", "replace") if known is None else known.identity
            for key, known in zip(keys, self._known, strict=True)
        ]

    def _text_key(self, recipe: Recipe) -> str:
        return self._key("text", recipe.name, recipe.directory, *recipe.command)

    def _carry_out(self, wanted: dict[int, str]) -> None:
        """Carry out the reading of these recipes, each with the identity that is expected."""
        failed: dict[int, str] = {}
        unknown = dict(wanted)
        for number, known in enumerate(self._known):
            if known is not None and wanted.get(number) == known.identity:
                self._keep(number, unknown.pop(number), ReadResult(known.identity, known.comments))
        for number, data in self._workers.map(self._setup, self._tasks(unknown, failed)):
            result = RESULT.decode(data)
            if result.error:
                failed[number] = result.error
            elif not failed:
                self._keep(number, wanted[number], result)
        if failed:
            # Tasks are handed out in order, so whatever comes before the first that failed was carried out, too.
            raise InputError(failed[min(failed)])

    def _tasks(self, wanted: dict[int, str], failed: dict[int, str]) -> Iterator[tuple[int, bytes]]:
        with ThreadPoolExecutor(self._jobs) as threads:
            ahead: deque[tuple[int, Future[Input] | None]] = deque()
            rest = iter(wanted)
            while True:
                for number in islice(rest, self._jobs * AHEAD - len(ahead)):
                    elsewhere = self._remote and self._recipes[number].command
                    ahead.append((number, None if elsewhere else threads.submit(self._recipes[number].load)))
                if not ahead or failed:
                    return
                number, future = ahead.popleft()
                recipe = self._recipes[number]
                if future is not None:
                    try:
                        text = future.result()
                    except InputError as error:
                        failed[number] = str(error)
                        return
                    self._keep_text(recipe, text.identity, text.comments, text.basis)
                    if text.identity == wanted[number]:
                        self._keep(number, wanted[number], ReadResult(text.identity, text.comments))
                        continue
                    recipe = Recipe(recipe.name, data=text.data)
                yield number, _ENCODE(ReadTask(recipe, wanted[number]))

    def _keep(self, number: int, expected: str, result: ReadResult) -> None:
        self._read += 1
        self._progress("files read", min(self._read, len(self._recipes)), len(self._recipes))
        for shelf, key, value in result.kept:
            self._memory.put(shelf, key, value)
        self.scanned += result.scanned
        self.reused += result.reused
        if result.body:
            self._bodies[result.identity] = result.body
            self._memory.put("outcome", self._key("read", result.identity), result.body)
        self._keep_text(self._recipes[number], result.identity, result.comments, result.basis)
        if result.identity != expected:
            self._memory.put("outcome", self._text_key(self._recipes[number]), result.identity.encode())
        self._results[number] = msgspec.structs.replace(result, body=b"", kept=())

    def _unpacked(self) -> list[PackedUnit | None]:
        keys = {identity: self._key("read", identity) for identity in self.identities if identity not in self._bodies}
        found = self._memory.get_many("outcome", keys.values())
        units: list[PackedUnit | None] = []
        for identity in self.identities:
            data = self._bodies.get(identity) or found.get(keys.get(identity, ""), b"")
            body = unpack(data) if data else None
            if body is None:
                self._bodies.pop(identity, None)
            units.append(None if body is None else PackedUnit(body))
        return units
