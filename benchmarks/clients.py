# SPDX-License-Identifier: MIT
"""What does a client cost per event and per open stream? `python -m benchmarks.clients`.

The server is another process, and so is each measurement; CPU time is the client's process's
own, user and system. Streams get one 120-byte event per packet: a single one 0.2 ms after
the last, several whenever all have taken theirs. Every event is compared with
what was sent. Before, each client has to give an event before the next one is sent.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, nullcontext
from pathlib import Path
from typing import Any, Callable, NamedTuple

from .harness import alone, asyncio_clients, blocking_clients, candidates, javascript, processes
from .harness.client_costs import (
    WARM_UP,
    check_prompt,
    measure_async,
    measure_async_one,
    measure_sync,
)
from .harness.event_server import (
    BULK_EVENTS,
    TEXTS,
    Streams,
    make_keys,
    on_its_core,
    server,
    serving,
)
from .harness.field import ssewire_version
from .harness.figures import RUNS, Cell, Sheet, in_turn, sheet_table
from .harness.processes import NoAnswer, answer_of, environment, raise_file_limit, resident
from .harness.targets import Target

COMMAND = "python -m benchmarks.clients"
# Events after which a just-in-time compiler has done most of what it will.
COMPILED = 2_000
# Seconds for one measurement: the slowest, a thousand streams over TLS, takes under ten.
LIMIT = 60.0

# The most that was allowed: of each peer's CPU time per event, and memory per stream.
ASYNC_CPU = {"httpx2": 0.25, "httpx-sse": 0.25, "ry": 1.0}
ASYNC_MEMORY = {"httpx2": 0.25, "httpx-sse": 0.25, "ry": 0.125}
SYNC_PACED = {"httpx-sse": 0.5, "requests-sse": 0.75, "urllib": 1.1}
SYNC_BULK = {"httpx-sse": 1 / 3, "requests-sse": 1 / 3}

ASYNC = asyncio_clients.CLIENTS
SYNC = blocking_clients.CLIENTS
# Event sources of JavaScript, beside the asyncio clients, and their packages.
JAVASCRIPT = {"undici": "undici", "eventsource": "eventsource"}
OURS = ("ssewire", "ssewire py")
# It brings a runtime of its own, which no loop of Python's makes faster.
NOT_ON_UVLOOP = ("ry",)
ON_UVLOOP = "Asyncio clients on uvloop"
# What carries the streams of others, whose version tells as much.
BELOW = {
    "httpx-sse": "httpx",
    "aiohttp-sse-client": "aiohttp",
    "aiosseclient": "aiohttp",
    "launchdarkly-eventsource": "aiohttp",
    "requests-sse": "requests",
    "sseclient": "requests",
    "sseclient-py": "urllib3",
}
LEFT_OUT = {
    "aiohttp-sse-client2": "reads as aiohttp-sse-client does: the same code but for its errors",
    "niquests": "brings another urllib3 in the place of that which other clients use",
}


# --- columns and candidates


class Column(NamedTuple):
    """One way to be measured."""

    name: str
    way: str  # "plain", "TLS" or "gzip"
    path: str  # of the server: "rounds", "paced" or "bulk"
    events: int  # of each stream
    streams: int = 1
    blocking: bool = False
    uvloop: bool = False


class Place(NamedTuple):
    """Where the streams of a column are."""

    url: str
    control: str
    authority: str = ""


# Returns the command that measures in a column and prints its figures, None where it has no such.
Command = Callable[[Column, Place], "list[str] | None"]


class Ground:
    """The server of a run, and what its clients have to know."""

    def __init__(self, stack: ExitStack) -> None:
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.authority = ""
        self.without_tls = ""
        try:
            self.authority = str(make_keys(self.folder))
        except ModuleNotFoundError as exc:
            self.without_tls = f"{exc.name} is not installed, which makes keys"
        keys = self.folder if self.authority else None
        self.streams: Streams = stack.enter_context(serving(keys))

    def place(self, way: str) -> Place:
        """Return where the streams of a way are.

        Raises:
            NoAnswer: they are nowhere.
        """
        plain, tls = self.streams
        if way == "TLS":
            if not tls:
                raise NoAnswer(self.without_tls)
            return Place(tls, plain, self.authority)
        return Place(plain if way == "plain" else f"{plain}/gzip", plain)


def ours_or_peer(name: str) -> Command:
    """Return the command of a client in Python."""

    def command(column: Column, place: Place) -> list[str] | None:
        if name not in (SYNC if column.blocking else ASYNC):
            return None
        if column.uvloop and name in NOT_ON_UVLOOP:
            return None
        return [
            *(sys.executable, "-m", "benchmarks.clients", "--measure", name),
            *(["--blocking"] if column.blocking else []),
            *(["--uvloop"] if column.uvloop else []),
            *("--path", column.path, "--count", str(column.events)),
            *("--streams", str(column.streams), "--url", place.url),
            *("--control", place.control, "--authority", place.authority),
        ]

    return command


def javascript_peer(node: str, package: str, texts: Path) -> Command:
    """Return the command of an event source in JavaScript, for up to a hundred plain streams."""

    def command(column: Column, place: Place) -> list[str] | None:
        if column.blocking or column.uvloop or column.way != "plain" or column.path == "bulk":
            return None
        if column.streams > 100:
            return None
        warm_up = max(WARM_UP, COMPILED // column.streams)
        return [
            *(node, "--no-warnings", str(javascript.FOLDER / "sources.mjs"), package, place.url),
            *(str(column.streams), str(column.events), str(warm_up), package, str(texts)),
        ]

    return command


def environment_of(name: str, authority: str = "") -> dict[str, str]:
    """Return the environment of a client's process."""
    chosen = "python" if name == "ssewire py" else os.environ.get("SSEWIRE_PARSER", "auto")
    env = alone.local(environment(chosen))
    # Some have no other way to be told.
    return {**env, "SSL_CERT_FILE": authority} if authority else env


def measured(
    columns: Iterable[Column],
    commands: Mapping[str, Command],
    runs: int,
    ground: Ground,
    limit: float = LIMIT,
) -> tuple[dict[str, dict[str, Cell]], dict[str, dict[str, Cell]]]:
    """Return the CPU time per event of each candidate in each column, and the memory of a stream.

    In a column all candidates take turns. Who gives wrong events keeps the figures, marked; who
    gives none has the reason in its place, in that column only.
    """
    times: dict[str, dict[str, Cell]] = {}
    memory: dict[str, dict[str, Cell]] = {}
    for column in columns:
        kind = "blocking" if column.blocking else "uvloop" if column.uvloop else "asyncio"
        wrong: dict[str, float] = {}

        def once(
            name: str, column: Column = column, wrong: dict[str, float] = wrong
        ) -> dict[str, float]:
            place = ground.place(column.way)
            command = commands[name](column, place)
            assert command is not None
            with on_its_core() if column.path == "paced" else nullcontext():
                found = answer_of(command, environment_of(name, place.authority), limit)
            return _figures(found, name, wrong)

        # What is asked of a candidate does not depend on where the streams are.
        able = [name for name in commands if commands[name](column, Place("", "")) is not None]
        title = f"{kind}, {column.name}"
        for name, row in in_turn(able, runs, once, title).items():
            fault = f"{wrong[name]:g} wrong events" if wrong.get(name) else ""
            cells = {key: cell._replace(fault=cell.fault or fault) for key, cell in row.items()}
            cell = cells.get("cpu") or next(iter(cells.values()))
            times.setdefault(name, {})[column.name] = cell
            if "memory" in cells and cells["memory"].runs:
                held = f"{column.streams:,} {column.way}{', uvloop' * column.uvloop}"
                memory.setdefault(name, {})[held] = cells["memory"]
    return times, memory


def _figures(found: Any, name: str, wrong: dict[str, float]) -> dict[str, float]:
    """Return the figures of what a measurement printed, and count its wrong events.

    Raises:
        NoAnswer: it tells a fault, or nothing of use.
    """
    if isinstance(found, dict) and "fault" in found:
        raise NoAnswer(str(found["fault"]))
    alone.part(found, "cpu", "wrong")
    figures = alone.numbers(found)
    wrong[name] = wrong.get(name, 0) + figures.pop("wrong")
    return {"cpu": figures.pop("cpu"), **figures}


# --- the whole


def versions(names: Iterable[str] = ()) -> tuple[dict[str, str], dict[str, str]]:
    """Return the versions of what is installed, and why the others are not measured.

    Args:
        names: of these candidates in Python only; else of all.
    """
    found: dict[str, str] = {}
    skipped: dict[str, str] = {}
    chosen = list(names) or list({**ASYNC, **SYNC})
    for name in chosen:
        number = ssewire_version() if name in OURS else candidates.installed(name)
        if number is None:
            skipped[name] = "not installed"
        elif name in BELOW and candidates.installed(BELOW[name]) is None:
            skipped[name] = f"{BELOW[name]} is not installed"
        else:
            found[name] = number
    if "ssewire" in found and not processes.built():
        del found["ssewire"]
        skipped["ssewire"] = "the extension was never built"
    for name, package in BELOW.items():
        if name in found:
            found[name] += f", {package} {candidates.installed(package)}"
    if not names:
        javascript_found, why = _javascript()
        found.update({name: versions for name, (_, versions) in javascript_found.items()})
        skipped.update(why)
        skipped.update(LEFT_OUT)
        uvloop = candidates.installed("uvloop")
        if uvloop is None:
            skipped["uvloop"] = "not installed"
        else:
            found["uvloop"] = uvloop
    return found, skipped


def _javascript() -> tuple[dict[str, tuple[str, str]], dict[str, str]]:
    """Return name -> Node's program and the versions of the sources, and why there are none."""
    try:
        program, number = javascript.newest_node()
    except NoAnswer as exc:
        return {}, dict.fromkeys(JAVASCRIPT, str(exc))
    generation = number.partition(".")[0]
    return {
        f"{name} on Node {generation}": (program, f"{javascript.installed(package)}, Node {number}")
        for name, package in JAVASCRIPT.items()
    }, {}


def sheets(runs: int, quick: bool) -> list[Sheet]:
    """Measure all that are installed, and return the tables."""
    found, _ = versions()
    with ExitStack() as stack:
        ground = Ground(stack)
        texts = ground.folder / "texts.json"
        texts.write_text(json.dumps(TEXTS))
        commands = {name: ours_or_peer(name) for name in {**ASYNC, **SYNC} if name in found}
        for name, (program, _) in _javascript()[0].items():
            package = JAVASCRIPT[name.partition(" on ")[0]]
            commands[name] = javascript_peer(program, package, texts)
        return sheets_of(runs, quick, commands, ground)


def sheets_of(
    runs: int, quick: bool, commands: Mapping[str, Command], ground: Ground
) -> list[Sheet]:
    """Measure these, and return the tables."""
    made = []
    memories: dict[str, dict[str, Cell]] = {}
    pages = {"plain": "one event a packet", "TLS": "over TLS", "gzip": "compressed by gzip"}
    for way, words in pages.items():
        columns = concurrent_columns(way, quick)
        times, memory = measured(columns, commands, runs, ground)
        memories = alone.beside(memories, memory)
        about = f"{ABOUT[way]} {ABOUT_ASYNC}"
        made.append(Sheet(f"Asyncio clients, {words}", about, "µs", COMMAND, times))
    if candidates.installed("uvloop") is not None:
        times, memory = measured(uvloop_columns(quick), commands, runs, ground)
        memories = alone.beside(memories, memory)
        made.append(Sheet(ON_UVLOOP, ABOUT["uvloop"], "µs", COMMAND, times))
    made.append(Sheet("Asyncio clients, an open stream", ABOUT["memory"], "KiB", COMMAND, memories))
    times, _ = measured(blocking_columns(quick), commands, runs, ground)
    made.append(
        Sheet("Blocking clients, one event a packet", ABOUT["blocking"], "µs", COMMAND, times)
    )
    times, _ = measured(bulk_columns(quick), commands, runs, ground)
    made.append(Sheet("A stream in bulk", ABOUT["bulk"], "µs", COMMAND, times))
    return made


def concurrent_columns(way: str, quick: bool) -> list[Column]:
    """Return the columns of the asyncio clients over one way."""
    numbers = {"plain": (1, 100, 1000), "TLS": (1, 100, 1000), "gzip": (1, 100)}[way]
    if quick:
        numbers = {"plain": (1, 100), "TLS": (100,), "gzip": (1,)}[way]
    columns = []
    for streams in numbers:
        path = "paced" if streams == 1 else "rounds"
        count = (500 if quick else 2000) if streams == 1 else max(10, EVENTS_IN_ALL // streams)
        name = "1 stream" if streams == 1 else f"{streams:,} streams"
        columns.append(Column(name, way, path, count, streams))
    return columns


def uvloop_columns(quick: bool) -> list[Column]:
    """Return the columns of the asyncio clients on uvloop."""
    return [
        Column(f"100 {way}", way, "rounds", EVENTS_IN_ALL // 100, 100, uvloop=True)
        for way in (("plain",) if quick else ("plain", "TLS"))
    ]


def blocking_columns(quick: bool) -> list[Column]:
    """Return the columns of the blocking clients, one event a packet."""
    ways = ("plain",) if quick else ("plain", "TLS", "gzip")
    return [Column(way, way, "paced", 500 if quick else 2000, blocking=True) for way in ways]


def bulk_columns(quick: bool) -> list[Column]:
    """Return the columns of a stream that comes as fast as it can."""
    count = BULK_EVENTS * (20 if quick else 100)
    return [
        Column(name, "plain", "bulk", count, blocking=name == "blocking")
        for name in ("asyncio", "blocking")
    ]


# Events of one measurement of several streams.
EVENTS_IN_ALL = 10_000
ABOUT_ASYNC = (
    "Of several streams each gets its next event when all have taken theirs; a single one gets "
    "it 0.2 ms after the last, from a server on the same core: on two, what an event costs depends "
    "on where the system puts them."
)
ABOUT = {
    "plain": (
        "CPU time of the client's process per event of 120 bytes, over plain HTTP, in chunks. "
        "The event sources of JavaScript are beside, as a yardstick from another language."
    ),
    "TLS": "The same events over TLS, which each client does as it does it by default.",
    "gzip": "The same events compressed, each flushed, so that it can be read at once.",
    "uvloop": (
        "CPU time of the client's process per event of 120 bytes of a hundred streams, each of "
        "which gets its next when all have taken theirs: the same clients as above, all on "
        "uvloop's event loop in place of asyncio's. `ry` is not among them: it brings a runtime "
        "of its own, which no loop of Python's makes faster."
    ),
    "memory": (
        "Resident memory of the client's process for each stream that is open and has given a "
        "few events; what is imported or made once is not counted. Over TLS asyncio holds a "
        "buffer of 256 KiB for each connection, which those clients do without that bring a loop "
        "or a TLS layer of their own, and ours, which lends it one that all share. uvloop has its "
        "own too."
    ),
    "blocking": (
        "CPU time of the client's process per event of 120 bytes, which comes 0.2 ms after the "
        "last, from a server on the same core. `urllib` is Python's own, with our parser and "
        "twenty lines by hand: the floor of what the standard library's HTTP costs."
    ),
    "bulk": (
        "CPU time of the client's process per event of 120 bytes of one stream over plain HTTP, "
        "in chunks of 64 KiB that come as fast as they are taken."
    ),
}


# --- what was asked


def targets(made: Iterable[Sheet]) -> Iterator[Target]:
    """Yield what was asked of the clients, of the sheets of a run."""
    tables = {sheet.title: sheet for sheet in made}
    many = tables["Asyncio clients, one event a packet"]
    held = tables["Asyncio clients, an open stream"]
    paced = tables["Blocking clients, one event a packet"]
    streams = many.columns[-1]
    yield from _ratios("asyncio, CPU per event", many, streams, ASYNC_CPU)
    plain = streams.replace("streams", "plain")
    yield from _ratios("asyncio, memory per stream", held, plain, ASYNC_MEMORY)
    yield from _ratios("blocking, one event per packet, CPU per event", paced, "plain", SYNC_PACED)
    bulk = tables["A stream in bulk"]
    yield from _ratios("blocking, in bulk, CPU per event", bulk, "blocking", SYNC_BULK)


def _ratios(what: str, sheet: Sheet, column: str, bounds: dict[str, float]) -> Iterator[Target]:
    cells = {who: cell for who, cell in sheet.column(column).items() if cell.runs}
    for peer, bound in bounds.items():
        if peer in cells and "ssewire" in cells:
            ratio = cells["ssewire"].median / cells[peer].median
            yield Target(f"{what}: times {peer}'s", ratio, bound, False)


def compare(names: list[str], arguments: list[str], repeat: int) -> dict[str, dict[str, float]]:
    """Return the best figures of some clients, measured in turns.

    Args:
        arguments: `--streams N` for asyncio clients, `--path PATH --count N` for blocking ones.
    """
    best: dict[str, dict[str, float]] = {}
    with server() as url:
        for _ in range(repeat):
            for name in names:
                command = [sys.executable, "-m", "benchmarks.clients", "--measure", name]
                command += ["--url", url, *arguments]
                command += ["--blocking"] if "--path" in arguments else []
                with on_its_core() if "paced" in arguments else nullcontext():
                    found = answer_of(command, environment_of(name))
                wrong: dict[str, float] = {}
                try:
                    figures = _figures(found, name, wrong)
                except NoAnswer as exc:
                    raise NoAnswer(f"{name}: {exc}") from None
                if wrong[name]:
                    raise NoAnswer(f"{name}: wrong events")
                kept = best.setdefault(name, figures)
                for key, figure in figures.items():
                    kept[key] = min(kept[key], figure)
    return best


# --- the program


def measure_here(args: argparse.Namespace) -> dict[str, Any]:
    """Return the figures of one measurement, in this process, or the fault of what gives none."""
    raise_file_limit()
    control = args.control or args.url
    try:
        if args.blocking:
            check_prompt(args.measure, args.url, control, args.authority)
            url = f"{args.url}/{args.path}/{args.count}"
            return measure_sync(args.measure, url, args.count, args.authority)
        return asyncio_clients.run(_measure_async(args, control), args.uvloop)
    except NoAnswer as exc:
        return {"fault": str(exc)}
    except Exception as exc:
        return {"fault": textwrap.shorten(f"{type(exc).__name__}: {exc}", 60, placeholder="...")}


async def _measure_async(args: argparse.Namespace, control: str) -> dict[str, float]:
    several = (resident, control, args.authority)
    if args.path == "rounds":
        rounds = args.count or max((20_000 if args.quick else 50_000) // args.streams, 10)
        return await measure_async(args.measure, args.url, args.streams, rounds, *several)
    if args.path == "paced":
        await measure_async(args.measure, args.url, 1, 1, *several)
    url = f"{args.url}/{args.path}/{args.count}"
    return await measure_async_one(args.measure, url, args.count, args.authority)


def main() -> None:
    arguments = argparse.ArgumentParser(prog=COMMAND, description=__doc__)
    arguments.add_argument("--quick", action="store_true", help="fewer columns, one run")
    arguments.add_argument("--runs", type=int, help=f"{RUNS} unless told otherwise")
    for name in ("--measure", "--url", "--control", "--authority"):
        arguments.add_argument(name, default="", help=argparse.SUPPRESS)
    for name in ("--count", "--streams"):
        arguments.add_argument(name, type=int, default=0, help=argparse.SUPPRESS)
    arguments.add_argument("--path", default="rounds", help=argparse.SUPPRESS)
    for name in ("--blocking", "--uvloop"):
        arguments.add_argument(name, action="store_true", help=argparse.SUPPRESS)
    args = arguments.parse_args()
    if args.measure:
        # What hangs in a thread is not waited for.
        alone.tell(measure_here(args))
        os._exit(0)
    show(args.runs or (1 if args.quick else RUNS), args.quick)


def show(runs: int, quick: bool) -> None:
    installed, skipped = versions()
    print(f"{processes.machine()}; {processes.load()}")
    print("clients:", ", ".join(f"{name} {number}" for name, number in installed.items()))
    for name, why in skipped.items():
        print(f"skipped: {name}: {why}")
    made = sheets(runs, quick)
    for sheet in made:
        print(f"\n{sheet.title}: {sheet.unit}\n{sheet_table(sheet)}")
        for name, row in sheet.cells.items():
            for column, cell in row.items():
                if cell.runs and cell.fault:
                    print(f"* {name}, {column}: {cell.fault}")
    print("\ntargets")
    for target in targets(made):
        print(" ", target)


if __name__ == "__main__":
    main()
