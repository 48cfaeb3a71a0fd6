# SPDX-License-Identifier: MIT
"""What does a fragment of a tool input cost? `python -m benchmarks.partial_json`.

Each document comes in fragments of 12 characters, and its partial value is asked for after
each, by each candidate in a process of its own. With `--targets`: whether the cost of a fragment
grows with the document, up to 64,000 fragments. jiter, where it is installed, parses all that
has come anew each time; beyond 1,000 fragments that is done there for a sample of them, and
every figure is the mean over the document. Best of three rounds.
"""

from __future__ import annotations

import json
import sys
import time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Callable

from .harness import alone, processes
from .harness.figures import Sheet
from .harness.rounds import best, best_pass
from .harness.targets import verdict

NATIVE = "streaming_json_parser_native"

ROUNDS = 3
SIZE = 12
SHAPES = ("lines", "one string", "nested")
COUNTS = (1_000, 4_000, 16_000, 64_000)
# So often jiter is asked in long documents.
SAMPLES = 200
# The cost of a fragment of the longest document over that of the shortest.
MAX_GROWTH = 2.0


def document(shape: str, count: int) -> str:
    """Return a document of about `count` fragments."""
    size = count * SIZE
    if shape == "lines":
        return json.dumps({"lines": [f"line {i} of some text" for i in range(size // 28)]})
    if shape == "one string":
        return json.dumps({"text": "def f(x):\n    return x\n" * (size // 24)})
    return json.dumps([{"a": {"b": [i, {"c": "d"}]}} for i in range(size // 36)])


def fragments(text: str) -> list[str]:
    """Return a document cut into fragments."""
    return [text[at : at + SIZE] for at in range(0, len(text), SIZE)]


def ours(
    pieces: list[str],
    mode: str,
    look: bool,
    expected: Any,
    clock: Callable[[], float] = time.perf_counter,
) -> float:
    """Return microseconds a fragment.

    Raises:
        AssertionError: the value at the end is not that of json.loads.
    """
    from ssewire.claude.partial_json import PartialJSON

    def read() -> Any:
        parser = PartialJSON(mode)
        feed = parser.feed
        for piece in pieces:
            feed(piece)
            if look:
                parser.value  # noqa: B018
        return parser.value

    if read() != expected:
        raise AssertionError("the value is not that of json.loads")
    (seconds,) = best(ROUNDS, read, clock=clock)
    return seconds / len(pieces) * 1e6


def theirs(text: str, pieces: list[str]) -> float | None:
    """Return microseconds a fragment of jiter; None where it is not installed."""
    if find_spec("jiter") is None:
        return None
    from_json = import_module("jiter").from_json
    data = text.encode()
    total = 0.0
    ends = range(1, len(pieces) + 1, max(1, len(pieces) // SAMPLES if len(pieces) > 1_000 else 1))
    for end in ends:
        started = time.perf_counter()
        from_json(data[: end * SIZE], partial_mode=True)
        total += time.perf_counter() - started
    return total / len(ends) * 1e6


def incrementally(pieces: list[str], expected: Any) -> float | None:
    """Return microseconds a fragment of streaming-json-parser; None where it is not installed.

    Its strings grow, as ours in mode B. Its cost for one long string is quadratic, so that
    of a long document only the first 4,000 fragments are taken.

    Raises:
        AssertionError: the value at the end is not that of json.loads.
    """
    if find_spec("streaming_json_parser") is None or find_spec(NATIVE) is None:
        return None
    # Not imported before: a candidate of the sheet is to have it without its native module.
    incremental = import_module("streaming_json_parser")
    taken = pieces[:4_000]

    def read() -> Any:
        feed = incremental.StreamingJsonParser().feed
        for piece in taken:
            value = feed(piece).value
        return value

    if len(taken) == len(pieces) and read() != expected:
        raise AssertionError("the value is not that of json.loads")
    (seconds,) = best(ROUNDS, read)
    return seconds / len(taken) * 1e6


def of_peer(shape: str, count: int = 1_400) -> tuple[float, float]:
    """Return microseconds a fragment, ours showing growing strings as the peer does, and its."""
    text = document(shape, count)
    pieces, expected = fragments(text), json.loads(text)
    native = incrementally(pieces, expected)
    assert native is not None, "streaming-json-parser is not installed"
    return ours(pieces, "B", True, expected), native


# --- the sheet

# As many fragments as a tool's input of 16 KB has.
FRAGMENTS = 1_400
# Seconds in which passes begin, of which the fastest counts.
PASSES, FEW_PASSES = 0.3, 0.03
# Candidate -> what has to be installed. jiter is what the anthropic SDK does it with.
CANDIDATES: dict[str, tuple[str, ...]] = {
    "ssewire": (),
    "ssewire py": (),
    "streaming-json-parser, native": ("streaming-json-parser", "streaming-json-parser-native"),
    "streaming-json-parser": ("streaming-json-parser",),
    "jiter": ("jiter",),
}


def _ours(pieces: list[str]) -> Any:
    from ssewire.claude.partial_json import PartialJSON

    parser = PartialJSON("B")
    value = None
    for piece in pieces:
        parser.feed(piece)
        value = parser.value
    return value


def _incrementally(pieces: list[str]) -> Any:
    feed = import_module("streaming_json_parser").StreamingJsonParser().feed
    value = None
    for piece in pieces:
        value = feed(piece).value
    return value


def _anew(pieces: list[str]) -> Any:
    from_json = import_module("jiter").from_json
    came = b""
    value = None
    for piece in pieces:
        came += piece.encode()
        value = from_json(came, partial_mode="trailing-strings")
    return value


def candidate(name: str, seconds: str) -> dict[str, Any]:
    """Measure one candidate in this process: CPU microseconds a fragment.

    Args:
        seconds: in which passes begin.
    """
    if name == "streaming-json-parser":
        # It goes without where it finds none.
        sys.modules[NATIVE] = None  # type: ignore[assignment]
    elif name.startswith("streaming-json-parser"):
        import_module(NATIVE)
    work = {"jiter": _anew, "ssewire": _ours, "ssewire py": _ours}.get(name, _incrementally)
    figures, results = {}, {}
    for shape in SHAPES:
        text = document(shape, FRAGMENTS)
        pieces = fragments(text)
        # The first pass is for what is made once, and for this.
        results[shape] = work(pieces) == json.loads(text)
        once = partial(_once, work, pieces)
        figures[shape] = best_pass(once, float(seconds), time.process_time)[0] / len(pieces) * 1e6
    return {"figures": figures, "results": results}


def _once(work: Callable[[list[str]], Any], pieces: list[str]) -> int:
    work(pieces)
    return len(pieces)


def sheets(runs: int, quick: bool) -> list[Sheet]:
    seconds = FEW_PASSES if quick else PASSES

    def ask(name: str) -> Any:
        for package in CANDIDATES[name]:
            alone.need(package)
        chosen = alone.implementation(name)
        return processes.measure("partial_json", name, str(seconds), implementation=chosen)

    title = "Partial JSON, a fragment and the value so far"
    cells = alone.checked(CANDIDATES, runs, ask, dict.fromkeys(SHAPES, True), title)
    about = (
        f"A document of about {FRAGMENTS:,} fragments of {SIZE} characters: CPU time for feeding "
        "one and asking for the value of all so far, with strings that grow. The documents are a "
        "list of lines, one long string, and nested lists and objects. jiter, which the official "
        "SDK uses, parses all that has come anew each time, so that its cost grows with the "
        "document. The value at the end is held against that of json.loads."
    )
    return [Sheet(title, about, "µs", "python -m benchmarks.partial_json", cells)]


def versions() -> tuple[dict[str, str], dict[str, str]]:
    return alone.versions_of(dict.fromkeys(p for needed in CANDIDATES.values() for p in needed))


# --- growth


def growth() -> int:
    """Print the table; 0 if the cost of a fragment does not grow with the document."""
    print(processes.machine())
    print("us a fragment of 12 characters: fed only, value after each (A, B), jiter after each")
    reached = True
    for shape in SHAPES:
        print(f"{shape}:")
        rows = []
        for count in COUNTS:
            text = document(shape, count)
            pieces = fragments(text)
            expected = json.loads(text)
            row = [
                ours(pieces, "A", False, expected),
                ours(pieces, "A", True, expected),
                ours(pieces, "B", True, expected),
            ]
            rows.append(row)
            figures = "".join(f"{figure:8.2f}" for figure in row)
            other = theirs(text, pieces)
            versus = "" if other is None else f"{other:10.1f}  {other / row[1]:7.0f} x"
            native = incrementally(pieces, expected)
            versus += "" if native is None else f"  streaming-json-parser {native:.2f}"
            print(f"  {len(pieces):>6} fragments {figures}{versus}", flush=True)
        growth = max(last / first for first, last in zip(rows[0], rows[-1]))
        fine = growth <= MAX_GROWTH
        # Appending in place to a str is CPython's alone.
        reached = reached and (fine or sys.implementation.name != "cpython")
        print(f"  growth {growth:.2f} (at most {MAX_GROWTH}): {verdict(fine)}")
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(alone.program("partial_json", __doc__, sheets, candidate, growth))
