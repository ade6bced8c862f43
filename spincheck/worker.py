"""``spincheck worker``: unit and driver steps for a build system, over pipes.

Owns the process that lives as long as a build. Flows in: one JSON object per line. Flows out: one JSON object per line, in order:

    {"id": 1, "command": "unit", "input": "x.i", "output": "x.spin", "cwd": DIR, "options": {"cache": PATH|null, "rules": [..]|null, "jobs": N}}
    {"id": 1, "command": "source", "source": "x.c", "words": [..], "environment": {..}, "unlike": REGEX, "copies": {..}, "output": "x.spin", "cwd": DIR, "options": {..}}
    {"id": 1, "command": "recall", "output": "x.spin", "known_as": NAME, "cwd": DIR, "options": {..}}
    {"id": 2, "command": "link", "inputs": ["x.spin", ..], "output": "driver.json", "cwd": DIR, "options": {..}}
    {"id": 3, "command": "record", "build": {..}, "cwd": DIR, "options": {..}}
    {"id": 4, "command": "prepare", "cwd": DIR, "options": {..}}

    {"id": 1, "status": 0, "text": "", "stats": {..}, "diagnostics": [{"fingerprint", "severity", "text", ..}]}

``jobs`` is how many processes a driver's step may have; those beyond the first take only what nobody else wants of the processors. ``status`` is the exit status that the command line would have: 0, 1 for violations, 2 for what cannot be read. ``text`` is what there is to
say beside the diagnostics; a link's diagnostics are those that its units have not told, ``repeated`` those that they have. With the option ``explain``, ``explained`` says
of every function that was analysed why it was. Tables, header regions and the
database connection stay in memory between requests, which is the reason for a process instead of a command per file. ``prepare`` loads now
what the first file unknown to the cache will need: a build has it done while the file is preprocessed.

A unit's request may say with ``known_as`` what all that the text is made of is called, and with ``began`` when its preprocessor was started. ``recall`` asks for
the same unit without a text; its answer has ``known`` false when there is no way around preprocessing. ``source`` asks for it by the command whose ``words`` and the source's name
write the text, run in that environment and without a shell (`spincheck.driver.prefix`); its answer has ``known`` false when it failed, or wrote what ``unlike`` describes. ``copies`` maps files that the text names to what it shall name instead.

A bad request is answered and survived; the end of the input ends the process. Nothing but answers goes to standard output.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import OrderedDict
from typing import BinaryIO, NoReturn

import msgspec

from spincheck.builds import Build, BuildStep, Told
from spincheck.diagnostics import Diagnostic, Report
from spincheck.driver.garbage import few_collections
from spincheck.driver.inputs import InputError
from spincheck.driver.session import Session
from spincheck.driver.settings import Options, configuration_stamp
from spincheck.driver.steps import status_of, step_of
from spincheck.report.text import diagnostic_lines

_SESSIONS = 4
"""Different options at the same time are rare; each keeps a database connection and up to 32 MB."""

_COMMANDS = ("unit", "source", "recall", "link", "record", "prepare")
_MAY_BE_UNKNOWN = ("source", "recall")
_LONGEST_REQUEST = 64 * 1024 * 1024


class WorkerOptions(msgspec.Struct, frozen=True):
    """The options of a request; null is the same as missing. ``jobs``: processes that a driver's step may have, itself included."""

    cache: str | None = None
    rules: tuple[str, ...] | None = None
    config: str | None = None
    locks: tuple[str, ...] | None = None
    roots: tuple[str, ...] | None = None
    reason_required: bool = False
    explain: bool = False
    jobs: int = 1


class StepRecord(msgspec.Struct, frozen=True):
    """A step of a build to be recorded; ``stats`` and ``diagnostics`` as the step was answered."""

    what: str
    target: str
    elapsed_ms: int = 0
    stats: dict[str, object] = {}
    diagnostics: tuple[dict[str, object], ...] = ()


class BuildRecord(msgspec.Struct, frozen=True):
    """A build to be recorded. ``started`` is in milliseconds since 1970, UTC; ``not_analysed`` are sources that were skipped."""

    what: str = "build"
    target: str = ""
    started: int = 0
    wall_ms: int = 0
    status: int = 0
    steps: tuple[StepRecord, ...] = ()
    not_analysed: tuple[str, ...] = ()


class Request(msgspec.Struct, frozen=True):
    """One request."""

    id: int | str | None = None
    command: str = ""
    input: str = ""
    inputs: tuple[str, ...] = ()
    output: str = ""
    cwd: str = ""
    options: WorkerOptions = WorkerOptions()
    build: BuildRecord = BuildRecord()
    known_as: str = ""
    began: float = 0.0
    source: str = ""
    words: tuple[str, ...] = ()
    environment: dict[str, str] = {}
    unlike: str = ""
    copies: dict[str, str] = {}


class Answer(msgspec.Struct, frozen=True):
    """One answer."""

    id: int | str | None
    status: int
    text: str = ""
    stats: dict[str, int] = {}
    diagnostics: tuple[dict[str, object], ...] = ()
    repeated: tuple[dict[str, object], ...] = ()
    explained: tuple[str, ...] = ()
    known: bool | msgspec.UnsetType = msgspec.UNSET


class Worker:
    """Answers requests. ``close`` writes what is left and closes the caches."""

    def __init__(self) -> None:
        self._sessions: OrderedDict[tuple[Options, str], Session] = OrderedDict()
        self._warned: set[str] = set()

    def answer(self, line: bytes) -> bytes:
        """Answer one line; never raises for anything that a request can cause."""
        number: int | str | None = None
        try:
            number = msgspec.json.decode(line, type=_Numbered).id
            request = msgspec.json.decode(line, type=Request)
        except (msgspec.DecodeError, ValueError, RecursionError) as error:
            return _encode(Answer(number, 2, f"spincheck: error: not a request: {error}\n"))
        try:
            return _encode(self._carried_out(request))
        except InputError as error:
            return _encode(Answer(number, 2, f"spincheck: error: {error}\n"))
        except Exception as error:  # noqa: BLE001 -- one bad file must not take the build's other files with it
            from spincheck.cli.errors import internal_message  # noqa: PLC0415

            return _encode(Answer(number, 2, f"spincheck: {internal_message(error)}\n"))

    def prepare(self) -> None:
        """Do what the next request may need, while nobody waits; failing to is no loss."""
        for session in self._sessions.values():
            with contextlib.suppress(Exception):
                session.prepare()

    def close(self) -> None:
        """Close every session."""
        for session in self._sessions.values():
            session.__exit__(None, None, None)
        self._sessions.clear()

    def _carried_out(self, request: Request) -> Answer:
        if request.cwd:
            try:
                os.chdir(request.cwd)
            except OSError as error:
                raise InputError(
                    f"{request.cwd}: cannot be the current directory: {error.strerror or error}"
                ) from None
        if request.command not in _COMMANDS:
            raise InputError(f"no request {request.command!r}; there are {', '.join(_COMMANDS)}")
        session = self._session(request)
        if request.command == "prepare":
            with few_collections():
                from spincheck.driver.warm import warm  # noqa: PLC0415 -- it imports the whole analysis

                warm(session)
            return Answer(request.id, 0)
        told_by_units: frozenset[str] = frozenset()
        if request.command == "record":
            _record(session, request.build)
            session.flush()
            return Answer(request.id, 0, self._new_warnings(session))
        if not request.output:
            raise InputError(f"a {request.command} request needs an output")
        if request.command == "unit":
            report = session.unit(
                request.input, request.output, record=False, known_as=request.known_as, began=request.began
            )
        elif request.command in _MAY_BE_UNKNOWN:
            found = _found(session, request)
            if found is None:
                return Answer(request.id, 0, known=False)  # warnings wait for an answer that is told
            report = found
        else:
            report, told_by_units = session.link_units(request.inputs, request.output, record=False)
        session.flush()
        return Answer(
            request.id,
            status_of(report),
            self._new_warnings(session),
            _stats(report, request.command),
            tuple(_diagnostic(one) for one in report.diagnostics if one.fingerprint not in told_by_units),
            tuple(_diagnostic(one) for one in report.diagnostics if one.fingerprint in told_by_units),
            session.explained,
            True if request.command in _MAY_BE_UNKNOWN else msgspec.UNSET,
        )

    def _session(self, request: Request) -> Session:
        given = request.options
        options = Options(
            rules=given.rules or (),
            cache=given.cache,
            jobs=max(given.jobs, 1),
            spare=True,
            config=given.config,
            families=given.locks or (),
            roots=given.roots or (),
            root=request.cwd,
            reason_required=given.reason_required,
            explain=given.explain,
        )
        key = (options, configuration_stamp(options))
        session = self._sessions.pop(key, None) or Session(options)
        self._sessions[key] = session
        while len(self._sessions) > _SESSIONS:
            _, old = self._sessions.popitem(last=False)
            old.__exit__(None, None, None)
        return session

    def _new_warnings(self, session: Session) -> str:
        new = [warning for warning in session.warnings if warning not in self._warned]
        self._warned.update(new)
        return "".join(f"spincheck: warning: {warning}\n" for warning in new)


def serve(requests: BinaryIO, answers: BinaryIO) -> int:
    """Answer until the input ends. Returns the exit status."""
    worker = Worker()
    try:
        while line := requests.readline(_LONGEST_REQUEST):
            if line.strip():
                answers.write(worker.answer(line) + b"\n")
                answers.flush()
                worker.prepare()
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    finally:
        worker.close()
    return 0


def serve_standard_streams() -> NoReturn:
    """Serve over standard input and output, then end the process; whatever else is printed in it goes to standard error."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    status = serve(sys.stdin.buffer, answers)
    with contextlib.suppress(OSError):
        answers.close()
        sys.stdout.flush()
        sys.stderr.flush()
    # A build waits for its workers. All is written, and taking thousands of objects apart one by one would be 10 to 20 ms.
    os._exit(status)


class _Numbered(msgspec.Struct):
    id: int | str | None = None


def _encode(answer: Answer) -> bytes:
    return msgspec.json.encode(answer)


def _diagnostic(one: Diagnostic) -> dict[str, object]:
    return {
        "fingerprint": one.fingerprint,
        "severity": one.severity,
        "rule": one.rule,
        "file": one.file,
        "line": one.line,
        "function": one.function,
        "message": one.message,
        "text": "".join(f"{line}\n" for line in diagnostic_lines(one)),
    }


def _found(session: Session, request: Request) -> Report | None:
    if request.command == "recall":
        return session.recall(request.known_as, request.output)
    from spincheck.driver.prefix import Command  # noqa: PLC0415 -- a worker that only looks up runs no compiler

    command = Command(request.source, request.words, request.environment, request.copies)
    return session.source(command, request.output, known_as=request.known_as, unlike=request.unlike)


def _stats(report: Report, command: str) -> dict[str, int]:
    step = step_of("", command, "", report)
    return {name: getattr(step, name) for name in _COUNTS}


_COUNTS = (
    "units",
    "functions",
    "functions_analysed",
    "functions_reused",
    "regions_scanned",
    "regions_reused",
    "errors",
    "warnings",
    "gaps",
    "elapsed_ms",
    "status",
)


def _record(session: Session, record: BuildRecord) -> None:
    steps = []
    for step in record.steps:
        counts = {name: value for name in _COUNTS if isinstance(value := step.stats.get(name), int)}
        counts["elapsed_ms"] = step.elapsed_ms
        told = tuple(
            Told(
                fingerprint=str(one.get("fingerprint", "")),
                rule=str(one.get("rule", "")),
                severity=str(one.get("severity", "")),
                file=str(one.get("file", "")),
                line=line if isinstance(line := one.get("line"), int) else 0,
                function=str(one.get("function", "")),
                message=str(one.get("message", "")),
            )
            for one in step.diagnostics
        )
        what = "link" if step.what == "driver" else step.what
        steps.append(BuildStep("", what, step.target, **counts, told=told))
    session.record_build(
        Build(
            id="",
            started=record.started // 1000,
            what=record.what,
            target=record.target,
            wall_ms=record.wall_ms,
            status=record.status,
            version="",
            steps=tuple(steps),
            skipped=record.not_analysed,
        )
    )
