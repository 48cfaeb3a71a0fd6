# SPDX-License-Identifier: MIT
"""The command `ssewire bench`: how fast both implementations parse on this machine.

Each runs in an interpreter of its own, since a process has one event class.
Streams are made up here: text deltas in the shape of Claude's, and events of
hardly any bytes; in chunks of 64 KiB, and of one event each.
May import: _version, parser, _against, _output, _terminal, _values.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import time
from importlib.util import find_spec

from .._version import __version__
from ..parser import Parser
from ._against import PUBLISHED, Figures, comparison
from ._output import CommandError
from ._terminal import control
from ._values import seconds

TYPE_CHECKING = False
if TYPE_CHECKING:
    # Stream, chunks, MB/s, nanoseconds per event.
    Row = tuple[str, str, float, float]

_CHUNK = 64 * 1024
# Events of a stream: some 2.4 MB of Claude's, so that a pass takes more than a clock tick
# and less than a tenth of a second in the slower implementation.
_EVENTS = 20_000
_SECONDS = 10.0
_IMPLEMENTATIONS = ("python", "cython")
# What `measure` gives, row by row, in the words of the benchmarks' files: corpus and chunks.
_MEASURED = (("claude", "64k"), ("claude", "event"), ("small", "64k"), ("small", "event"))
# Lets a new interpreter find the ssewire that this one has, however it was found.
_PROGRAM = (
    "import sys; sys.path[:] = {path!r}\nfrom ssewire.cli import bench\nbench.measure({seconds!r})"
)


DESCRIPTION = (
    "Measure both implementations on this machine, on streams made up for it. Figures are those of "
    "the fastest pass: what the machine can do when nothing disturbs it."
)
NOTES = (
    f"With --against, FILE is what `make bench` writes, and {PUBLISHED} stands for the figures of "
    "the documentation's page. The streams there are made in the same way. Ratios of another "
    "machine say little of a single row; a row unlike the others, or a load that is no small part "
    "of the cores, tells more."
)
EXITS = (0, 2, 130, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--seconds",
        type=_duration,
        default=_SECONDS,
        metavar="TIME",
        help="how long to measure, both together; 30, 2m (default: %(default)g seconds)",
    )
    parser.add_argument(
        "--against",
        metavar="FILE",
        help="compare with the figures in it, and say what differs in the machine; "
        f"{PUBLISHED}: with those of the documentation",
    )


def _duration(text: str) -> float:
    duration = seconds(text)
    if not 0 < duration <= 3600:
        raise argparse.ArgumentTypeError("must be more than 0 and at most an hour")
    return duration


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire bench`."""
    # Before anything is measured: a file that is no good is told at once.
    figures = None if args.against is None else Figures(args.against, list(_MEASURED))
    print(
        f"ssewire {__version__}, {platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}",
        flush=True,
    )
    found = {name: _measured(name, args.seconds / 2) for name in _IMPLEMENTATIONS}
    compiled = found["cython"]
    names = [name for name in found if found[name]]
    print("\n" + " " * 24 + "".join(f"{name:>18}" for name in names))
    print(" " * 24 + "".join(f"{'MB/s':>8}{'ns/event':>10}" for _ in names))
    title = ""
    for number, (stream, chunks, rate, cost) in enumerate(found["python"]):
        if stream != title:
            title = stream
            print(title)
        row = f"  {chunks:<22}{rate:>8.0f}{cost:>10.0f}"
        if compiled:
            _, _, compiled_rate, compiled_cost = compiled[number]
            row += f"{compiled_rate:>8.0f}{compiled_cost:>10.0f}{cost / compiled_cost:>8.1f} x"
        print(row)
    if not compiled:
        print(
            "\nThe compiled parser was never built. With a C compiler at hand,\n"
            "`SSEWIRE_BUILD_EXTENSION=require pip install --force-reinstall --no-cache-dir "
            "ssewire`\n"
            "builds it, or says why it cannot: pip's cache may keep what was built without."
        )
    if figures is not None:
        costs = {
            name: {key: row[3] for key, row in zip(_MEASURED, rows)} for name, rows in found.items()
        }
        titles = {key: (row[0], row[1]) for key, row in zip(_MEASURED, found["python"])}
        print(f"\n{comparison(figures, costs, titles)}")
    return 0


def _measured(implementation: str, seconds: float) -> list[Row]:
    """Return what `measure` prints in an interpreter of its own; nothing if it was never built."""
    if implementation == "cython" and find_spec("ssewire._parser_cy") is None:
        return []
    if sys.stderr.isatty():
        control(sys.stderr, f"\r\033[Kmeasuring: {implementation} ...")
    done = subprocess.run(
        [sys.executable, "-c", _PROGRAM.format(path=sys.path, seconds=seconds)],
        env={**os.environ, "SSEWIRE_PARSER": implementation},
        capture_output=True,
    )
    if sys.stderr.isatty():
        control(sys.stderr, "\r\033[K")
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
        raise CommandError(f"cannot measure the {implementation} implementation: {reason}")
    found: list[Row] = json.loads(done.stdout)
    return found


def measure(seconds: float) -> None:
    """Print this process's implementation's figures as JSON: a list of rows.

    Raises:
        RuntimeError: a parser gave another number of events than there are.
    """
    work = []
    for stream, events in (("Claude's text deltas", _deltas()), ("small events", _small())):
        body = b"".join(events)
        title = f"{stream}, {len(body) / len(events):.0f} bytes each"
        bulk = [body[at : at + _CHUNK] for at in range(0, len(body), _CHUNK)]
        work += [(title, "64 KiB chunks", bulk), (title, "one event a chunk", events)]
    best = [float("inf")] * len(work)
    # In turns, so that a slow moment of the machine falls on all; each at least once.
    end = time.perf_counter() + seconds
    while True:
        for number, (_, _, chunks) in enumerate(work):
            start = time.perf_counter()
            count = _pass(chunks)
            best[number] = min(best[number], time.perf_counter() - start)
            if count != _EVENTS:
                raise RuntimeError(f"{count} events for {_EVENTS}")
        if time.perf_counter() >= end:
            break
    rows = []
    for took, (title, how, chunks) in zip(best, work):
        rows.append((title, how, sum(map(len, chunks)) / took / 1e6, took / _EVENTS * 1e9))
    print(json.dumps(rows))


def _pass(chunks: list[bytes]) -> int:
    feed = Parser().feed
    count = 0
    for chunk in chunks:
        count += len(feed(chunk))
    return count


def _deltas() -> list[bytes]:
    words = ("The", "quick", "brown", "fox", "jumps", "over", "the", "lazy", "dog", "and", "sleeps")
    events = []
    for number in range(_EVENTS):
        delta = {"type": "text_delta", "text": f" {words[number % len(words)]}"}
        fields = {"type": "content_block_delta", "index": 0, "delta": delta}
        data = json.dumps(fields, separators=(",", ":"))
        events.append(f"event: content_block_delta\ndata: {data}\n\n".encode())
    return events


def _small() -> list[bytes]:
    return [f"data: {number}\n\n".encode() for number in range(_EVENTS)]
