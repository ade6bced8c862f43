"""The driver: from the files of a run to its report. The only module that knows both the cache and the analysis.

Owns the order of things: read the inputs, ask the cache whether exactly this was checked before, else read the units, analyse them
in an open or closed world, render; then apply what the user wants to be told, and record the run. A unit step, a driver step and
``check`` differ only in where units come from and which world is assumed.

The shortest way matters most: an unchanged check hashes its inputs and asks for one value, the drafts of all diagnostics. It imports neither
the front end nor the analysis, which is why this module imports them only where they are used.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import msgspec

from spincheck import __version__
from spincheck.builds import Build
from spincheck.cache.keys import Stamped, digest, stamp
from spincheck.cache.trail import Trails
from spincheck.diagnostics import REPORT_VERSION, Diagnostic, Report, Stats, Tool
from spincheck.driver.drafts import UNDECODABLE, Drafts
from spincheck.driver.garbage import few_collections
from spincheck.driver.inputs import Input, InputError, each_once, processors, read_input
from spincheck.driver.output import write_whole
from spincheck.driver.recipe import Recipe, load
from spincheck.driver.select import Relative, Spelled, told
from spincheck.driver.settings import Knowledge, Options
from spincheck.driver.source import Sources, Suppression
from spincheck.driver.steps import relative_coverage, step_of, suppressions_of
from spincheck.progress import Progress, unwatched

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

    from spincheck.analysis.findings import Account
    from spincheck.analysis.waves import Team
    from spincheck.cache.store import Store
    from spincheck.driver.basis import Basis
    from spincheck.driver.prefix import Command, Texts
    from spincheck.driver.recall import Known, Recall
    from spincheck.driver.render import LocatedUnit
    from spincheck.driver.units import PackedUnit, UnitBody
    from spincheck.driver.workers import Cluster

__all__ = ["InputError", "Options", "Session", "check_paths", "check_texts", "link", "unit"]

World = Literal["open", "closed"]

MANY_FILES = 12
MANY_BYTES = 12_000_000
"""From so many files and bytes of text on, files are read as tasks, see `spincheck.driver.workers.POOL_TASKS`."""


def check_paths(paths: Sequence[str], options: Options) -> Report:
    """Check files of preprocessed text together as one driver. Raises `InputError`."""
    with Session(options) as session:
        return session.check_recipes([Recipe(path) for path in each_once(paths)], target=" ".join(paths))


def check_texts(
    texts: Mapping[str, str], options: Options | None = None, *, world: World = "closed"
) -> Report:
    """Check texts by their names as one driver; for tests and for callers that hold the text already."""
    with Session(options or Options()) as session:
        inputs = [Input(name, text.encode("utf-8", "replace")) for name, text in sorted(texts.items())]
        return session.check(inputs, target=" ".join(sorted(texts)), world=world)


def unit(path: str, out: str, options: Options) -> Report:
    """Check one translation unit in an open world and write its unit file to ``out``. Raises `InputError`."""
    with Session(options) as session:
        return session.unit(path, out)


def link(unit_files: Sequence[str], out: str, options: Options) -> Report:
    """Check unit files together as one driver and write the JSON report to ``out``. Raises `InputError`."""
    with Session(options) as session:
        return session.link(unit_files, out)


class Session:
    """One run, or the many runs of a worker: keeps tables and memory. Not for several threads at once.

    ``warnings`` collects what the user should be told about the run itself (the cache, unknown configuration), each once. ``silenced`` are the
    diagnostics of the last report that comments suppress, each with the reasons given, ``files`` the project's own files that it is of; ``explained`` says, when that is
    asked for, of every function that the last step analysed why it did. ``progress`` is told how far a step is.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.knowledge = Knowledge(options)
        if self.knowledge.names_rules:
            _ = self.knowledge.policy  # a mistyped rule is told before the work and not after it
        self.build = os.urandom(8).hex()
        self._store: Store | None = None
        self._told_warnings = 0
        self.silenced: tuple[tuple[Diagnostic, str], ...] = ()
        self.files: frozenset[str] = frozenset()
        self.explained: tuple[str, ...] = ()
        self.progress: Progress = unwatched
        self._accounts: Sequence[Account] | None = None
        if options.cache is not None:
            from spincheck.cache.store import Store as OpenedStore  # noqa: PLC0415 -- a run without a cache does not load SQLite

            self._store = OpenedStore(options.cache)
            self._memory = Stamped(self._store)
        else:
            from spincheck.cache.recent import RUN_BYTES, Recent  # noqa: PLC0415

            self._memory = Stamped(Recent(RUN_BYTES))
        self.knowledge.memory = self._memory

    # --- the three steps ---------------------------------------------------------

    @few_collections()
    def check(
        self, inputs: Sequence[Input], *, target: str, world: World = "closed", record: bool = True
    ) -> Report:
        """Check inputs together."""
        started = time.monotonic()
        key = self._check_key(world, (one.identity for one in inputs))
        drafts = self._remembered(key)
        if drafts is not None:
            stats = Stats(functions_reused=drafts.summaries)
        else:
            units, scanned, reused = self._read(inputs)
            drafts, stats = self._judged(key, units, world, Stats(0, 0, scanned, reused))
        self._trace(f"check {world} {target}", key)
        comments = (comment for one in inputs for comment in one.comments)
        return self._checked(drafts, stats, comments, started, target, whole=world == "closed", record=record)

    @few_collections()
    def check_recipes(self, recipes: Sequence[Recipe], *, target: str, record: bool = True) -> Report:
        """Check the texts that these recipes lead to, together as one driver; read by several processes or machines where that pays.

        A text that a compile command makes is not made when it is known that it would be the same again.
        """
        started = time.monotonic()
        jobs = min(self.options.jobs or processors(), len(recipes))
        known = self._texts_known(recipes)
        if known and None not in known:
            key = self._check_key("closed", (one.identity for one in known if one is not None))
            drafts = self._remembered(key)
            if drafts is not None:
                self._trace(f"check closed {target}", key)
                comments = (comment for one in known if one is not None for comment in one.comments)
                stats = Stats(functions_reused=drafts.summaries)
                return self._checked(drafts, stats, comments, started, target, whole=True, record=record)
        few = len(recipes) < MANY_FILES or sum(one.size() for one in recipes) < MANY_BYTES
        # What is read as tasks is kept for each text, so that the next run need not make the others'
        if few and not known and not self.options.dask:
            return self.check(load(recipes, jobs), target=target, record=record)
        from spincheck.driver.many import Library  # noqa: PLC0415
        from spincheck.driver.workers import Cluster, Pool, workers  # noqa: PLC0415

        cache = None if self._store is None or self.options.dask else str(self._store.path)
        with workers(jobs, self.options.dask) as group:
            library = Library(
                recipes,
                self._memory,
                self._key,
                group,
                jobs=jobs,
                remote=bool(self.options.dask),
                known=known,
                keep=self._keep_text,
                progress=self.progress,
            )
            library.read(
                self.knowledge,
                cache,
                judged=lambda texts: self._remembered(self._check_key("closed", texts)) is not None,
            )
            key = self._check_key("closed", library.identities)
            drafts = self._remembered(key)
            if drafts is not None:
                stats = Stats(functions_reused=drafts.summaries)
            else:
                units = library.units()
                read = Stats(0, 0, library.scanned, library.reused)
                cluster, members = (group if isinstance(group, Cluster) else None), (group.members if isinstance(group, Pool) else ())
                with self._team(units, jobs, cluster=cluster, started=members) as team:
                    drafts, stats = self._judged(key, units, "closed", read, team)
        self._trace(f"check closed {target}", key)
        return self._checked(drafts, stats, library.comments(), started, target, whole=True, record=record)

    @few_collections()
    def unit(
        self, path: str, out: str, *, record: bool = True, known_as: str = "", began: float = 0.0
    ) -> Report:
        """Check one unit in an open world and write its unit file.

        ``known_as`` is the build system's name for all that the text is made of, under which `recall` finds it; its preprocessor was started
        at ``began``, in seconds since 1970.
        """
        return self._unit_of(read_input(path), out, time.monotonic(), record=record, known_as=known_as, began=began)

    @few_collections()
    def source(self, command: Command, out: str, *, known_as: str = "", unlike: str = "") -> Report | None:
        """Do as `unit` for a source and the command that preprocesses it; None if that fails, or the text has what the regular expression ``unlike`` says."""
        started, began = time.monotonic(), time.time()
        made = self._texts.make(command)
        if made is None or (unlike and re.search(unlike.encode(), made.text)):
            return None
        text = made.text
        if command.copies:
            from spincheck.driver.prefix import named_as_written  # noqa: PLC0415 -- for build systems only

            text = named_as_written(text, command.copies)
        one = Input(command.source, text)
        one.refuse_what_is_no_text()
        return self._unit_of(one, out, started, record=False, known_as=known_as, began=began, named=made.named)

    def _unit_of(
        self, one: Input, out: str, started: float, *, record: bool, known_as: str, began: float, named: Sequence[str] = ()
    ) -> Report:
        body, data, stats = self._unit_body(one)
        if known_as:
            from spincheck.driver.basis import named_in  # noqa: PLC0415 -- for build systems only
            from spincheck.driver.recall import Known  # noqa: PLC0415

            here = str(Path.cwd())
            basis = self._recall.files.basis(named or named_in(one.data), here, began)
            if basis is not None:
                self._recall.keep(known_as, Known(one.identity, one.comments, here, basis))
        return self._unit_written(body, data, one.comments, out, stats, started, record=record)

    @few_collections()
    def recall(self, known_as: str, out: str) -> Report | None:
        """Do as `unit` for a text that was checked under this name and would be the same again; None if that is not known."""
        started = time.monotonic()
        known = self._recall.find(known_as)
        if known is None:
            return None
        from spincheck.driver.units import unpack  # noqa: PLC0415

        key = self._key("unit", known.identity)
        data = self._memory.get("outcome", key)
        body = unpack(data) if data is not None else None
        if data is None or body is None:
            return None
        self._trace(f"unit {self._path(body.record.source)}", key)
        stats = Stats(functions_reused=body.drafts.summaries)
        return self._unit_written(body, data, known.comments, out, stats, started, record=False)

    def _unit_written(
        self,
        body: UnitBody,
        data: bytes,
        comments: Iterable[Suppression],
        out: str,
        stats: Stats,
        started: float,
        *,
        record: bool,
    ) -> Report:
        from spincheck.driver.units import encode_file, notes  # noqa: PLC0415

        sources = self._sources()
        extra = notes(body, sources, suppressions_of(body.drafts.files, sources, comments))
        write_whole(out, encode_file(data, extra))
        report = self._report(body.drafts, extra.suppressions, sources.spelled, stats, started, whole=False)
        if record:
            self._record("unit", self._path(body.record.source), report)
        return report

    @cached_property
    def _recall(self) -> Recall:
        from spincheck.driver.recall import Recall  # noqa: PLC0415 -- preprocessed text has no need of it

        return Recall(self._memory)

    @cached_property
    def _texts(self) -> Texts:
        from spincheck.driver.prefix import Texts  # noqa: PLC0415 -- for build systems only

        return Texts(self._memory, self._recall.files)

    def prepare(self) -> None:
        """Do what nobody waits for, and what the next `source` would otherwise do first."""
        if "_texts" in self.__dict__:
            self._texts.prepare()

    def _texts_known(self, recipes: Sequence[Recipe]) -> list[Known | None]:
        """Return what is known of each text, without making it."""
        if self._store is None or not any(recipe.command for recipe in recipes):
            return []
        from spincheck.driver.recall import recipe_name  # noqa: PLC0415

        names = [recipe_name(recipe) if recipe.command else "" for recipe in recipes]
        found = self._recall.find_all([name for name in names if name])
        return [found.get(name) for name in names]

    def _keep_text(self, recipe: Recipe, identity: str, comments: tuple[Suppression, ...], basis: Basis | None) -> None:
        if self._store is not None and basis is not None:
            from spincheck.driver.recall import Known, recipe_name  # noqa: PLC0415

            self._recall.keep(recipe_name(recipe), Known(identity, comments, recipe.directory, basis))

    def link(self, unit_files: Sequence[str], out: str) -> Report:
        """Check unit files together in a closed world and write the JSON report."""
        return self.link_units(unit_files, out)[0]

    @few_collections()
    def link_units(
        self, unit_files: Sequence[str], out: str, *, record: bool = True
    ) -> tuple[Report, frozenset[str]]:
        """Do as `link`; return also the fingerprints of what the units' own steps could tell already."""
        started = time.monotonic()
        from spincheck.driver.units import PackedUnit, read_unit_file, spelling_lookup  # noqa: PLC0415
        from spincheck.report import json_report  # noqa: PLC0415

        files = sorted(
            ((*read_unit_file(path), path) for path in dict.fromkeys(unit_files)),
            key=lambda file: (file[1].record.source, file[0]),
        )
        key = self._key(
            "link", *(part for body_key, body, _, _ in files for part in (body.record.source, body_key))
        )
        drafts = self._remembered(key)
        if drafts is not None:
            stats = Stats(functions_reused=drafts.summaries)
        else:
            units = [PackedUnit(body) for _, body, _, _ in files]
            with self._team(units, self.options.jobs or processors(), [path for _, _, _, path in files]) as team:
                drafts, stats = self._judged(key, units, "closed", Stats(), team)
        self._trace(f"link {self._path(out)}", key)
        suppressions = sorted({found for _, _, extra, _ in files for found in extra.suppressions})
        spelled = spelling_lookup([extra for _, _, extra, _ in files])
        report = self._report(drafts, suppressions, spelled, stats, started, whole=True)
        write_whole(out, json_report.render(report).encode())
        if record:
            self._record("link", self._path(out), report)
        return report, frozenset(
            draft.diagnostic.fingerprint for _, body, _, _ in files for draft in body.drafts.drafts
        )

    # --- life --------------------------------------------------------------------

    @property
    def warnings(self) -> list[str]:
        """Return the warnings about the run itself so far."""
        return [*self.knowledge.warnings, *(self._store.warnings if self._store is not None else ())]

    @property
    def rules(self) -> frozenset[str]:
        """Return the names of the rules that are told."""
        return self.knowledge.policy.rules

    @property
    def store(self) -> Store | None:
        """Return the cache of this session, if it has one."""
        return self._store

    def flush(self) -> None:
        """Write what is new to the cache."""
        if self._store is not None:
            self._store.flush()

    def record_build(self, build: Build) -> None:
        """Record a whole build with its steps, as a build system tells it; a build without an id gets one."""
        if self._store is not None:
            named = msgspec.structs.replace(build, id=build.id or os.urandom(8).hex())
            for step in named.steps:
                self._store.record(msgspec.structs.replace(step, build=named.id))
            self._store.finish(named)

    def __enter__(self) -> Self:
        """Return the session."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Write what is new and close the cache."""
        if self._store is not None:
            self._store.close()

    # --- inside ------------------------------------------------------------------

    def _key(self, *parts: str) -> str:
        return digest(*parts, self.knowledge.digest)

    def _check_key(self, world: World, identities: Iterable[str]) -> str:
        return self._key("check", world, *sorted(identities))

    def _path(self, file: str) -> str:
        return Relative(self.options.root or str(Path.cwd())).path(file)

    def _sources(self) -> Sources:
        return Sources((Path(self.options.root),) if self.options.root else ())

    def _remembered(self, key: str) -> Drafts | None:
        data = self._memory.get("outcome", key)
        if data is None:
            return None
        try:
            return msgspec.msgpack.decode(data, type=Drafts)
        except UNDECODABLE:
            return None

    def _read(self, inputs: Sequence[Input]) -> tuple[Sequence[LocatedUnit], int, int]:
        from spincheck.driver.read import read  # noqa: PLC0415

        reading = read(inputs, self.knowledge.settings, self._memory)
        return reading.units, reading.regions_scanned, reading.regions_reused

    def _judged(
        self, key: str, units: Sequence[LocatedUnit], world: World, read: Stats, team: Team | None = None
    ) -> tuple[Drafts, Stats]:
        drafts, stats = self._analysed(units, world, read, team)
        self._memory.put("outcome", key, msgspec.msgpack.encode(drafts))
        return drafts, stats

    def _checked(
        self,
        drafts: Drafts,
        stats: Stats,
        comments: Iterable[Suppression],
        started: float,
        target: str,
        *,
        whole: bool,
        record: bool,
    ) -> Report:
        sources = self._sources()
        suppressions = suppressions_of(drafts.files, sources, comments)
        report = self._report(drafts, suppressions, sources.spelled, stats, started, whole=whole)
        if record:
            self._record("check", target, report)
        return report

    def _team(
        self,
        units: Sequence[PackedUnit],
        jobs: int,
        files: Sequence[str] = (),
        cluster: Cluster | None = None,
        started: Sequence[ProcessPoolExecutor] = (),
    ) -> AbstractContextManager[Team | None]:
        """Return processes that may help with a driver step; ``files``: where the units can be read; ``started``: processes that there are."""
        from spincheck.analysis.waves import FUNCTION, HELPER, HELPERS, LEAST  # noqa: PLC0415

        work = sum(header.lines + FUNCTION for unit in units for header in unit.record.functions)
        if work < LEAST or (jobs < 2 and cluster is None):
            return nullcontext()
        from spincheck.driver.team import SPARE, setup  # noqa: PLC0415
        from spincheck.driver.team import Team as Processes  # noqa: PLC0415

        if cluster is not None:
            return cluster.team(min(work // HELPER + 1, HELPERS), lambda: setup(self.knowledge, units, files))
        # In a build the asking process keeps its priority, and works
        size, nice = (jobs - 1, SPARE) if self.options.spare else (jobs, 0)
        return Processes(min(size, HELPERS), jobs, lambda: setup(self.knowledge, units, files, nice), started)

    def _analysed(
        self, units: Sequence[LocatedUnit], world: World, read: Stats, team: Team | None = None
    ) -> tuple[Drafts, Stats]:
        """Analyse and render; ``read`` is what reading the units cost."""
        from spincheck.analysis.program import analyse  # noqa: PLC0415
        from spincheck.driver.render import Renderer, coverage, own_files  # noqa: PLC0415

        outcome = analyse(units, world, self.knowledge.tables, self._memory, team, self.progress)
        self._accounts = outcome.accounts
        if world == "closed" and self.knowledge.config.user is not None:
            called = {name for one in units for header in one.record.functions for name in header.calls}
            news = (one for one in self.knowledge.config.uncalled(called) if one not in self.knowledge.warnings)
            self.knowledge.warnings.extend(news)
        renderer = Renderer(units, self.knowledge.macros, self.knowledge.describe)
        drafts = Drafts(
            drafts=renderer.drafts(outcome.findings),
            coverage=coverage(units, outcome, renderer),
            files=own_files(units),
            summaries=outcome.functions_analysed + outcome.functions_reused,
        )
        return drafts, msgspec.structs.replace(
            read, functions_analysed=outcome.functions_analysed, functions_reused=outcome.functions_reused
        )

    def _unit_body(self, one: Input) -> tuple[UnitBody, bytes, Stats]:
        from spincheck.driver.units import pack, unpack  # noqa: PLC0415

        key = self._key("unit", one.identity)
        data = self._memory.get("outcome", key)
        body = unpack(data) if data is not None else None
        if data is not None and body is not None:
            self._trace(f"unit {self._path(body.record.source)}", key)
            return body, data, Stats(functions_reused=body.drafts.summaries)
        units, scanned, reused = self._read([one])
        drafts, stats = self._analysed(units, "open", Stats(0, 0, scanned, reused))
        data = pack(units[0], drafts, self.knowledge.macros)
        self._memory.put("outcome", key, data)
        body = unpack(data)
        assert body is not None
        self._trace(f"unit {self._path(body.record.source)}", key)
        return body, data, stats

    def _trace(self, step: str, result: str) -> None:
        """Keep what a step depended on, for explanations; explain it if that is asked for."""
        accounts, self._accounts = self._accounts, None
        if self._store is None:
            return
        program = stamp("function") + stamp("summary")
        found = Trails(self._store).step(
            step, result, accounts, (program, self.knowledge.digest), explain=self.options.explain
        )
        self.explained = tuple(f"{self._path(one.unit)}: {one.function}: {one.why}" for one in found)

    def _report(
        self,
        drafts: Drafts,
        suppressions: Sequence[Suppression],
        spelled: Spelled,
        stats: Stats,
        started: float,
        *,
        whole: bool,
    ) -> Report:
        root = self.options.root or str(Path.cwd())
        relative = Relative(root)
        self.files = frozenset(relative.path(file) for file in drafts.files)
        silenced: list[tuple[Diagnostic, str]] = []
        diagnostics: tuple[Diagnostic, ...] = ()
        if drafts.drafts or suppressions:  # otherwise nobody asks which rules there are
            diagnostics = told(
                drafts.drafts,
                suppressions,
                policy=self.knowledge.policy,
                known_rules=self.knowledge.rule_names,
                spelled=spelled,
                root=root,
                whole=whole,
                silenced=silenced,
            )
        self.silenced = tuple(silenced)
        elapsed = round((time.monotonic() - started) * 1000)
        return Report(
            version=REPORT_VERSION,
            tool=Tool("spincheck", __version__),
            diagnostics=diagnostics,
            coverage=relative_coverage(drafts.coverage, relative),
            stats=msgspec.structs.replace(stats, elapsed_ms=elapsed),
        )

    def _record(self, what: str, target: str, report: Report) -> None:
        if self._store is None:
            return
        self._store.record(step_of(self.build, what, target, report))
