# SPDX-License-Identifier: MIT
"""What does a Claude stream cost from bytes to message? `python -m benchmarks.claude_pipeline`.

Beside the official SDK on the same bytes, each in a process of its own; what they read is
checked. With `--targets`: what was asked of both our implementations, each in a process where
it and the SDK take turns, as microseconds of the best round, and which is reached.
"""

from __future__ import annotations

import os
import time
import zlib
from functools import partial
from typing import Any, Callable

from .harness import alone, importing, processes, tracing
from .harness.figures import Sheet
from .harness.messages import (
    chunks,
    lines_seen,
    text_events,
    text_of,
    text_stream,
    tool_events,
    tool_stream,
)
from .harness.readers import (
    ours_events,
    ours_text,
    ours_tool,
    ours_tool_snapshots,
    sdk_client,
    sdk_created,
    sdk_events,
    sdk_text,
    sdk_tool_snapshots,
)
from .harness.rounds import best, best_pass
from .harness.targets import verdict

_ROUNDS = 7
# Long enough that starting a stream does not count, short enough for the SDK.
_DELTAS = 4000

_TARGETS = {
    # implementation -> (text and message, all events): times faster than the SDK
    "cython": (200.0, 60.0),
    "python": (15.0, 8.0),
}
# Of the SDK's time, compiled, at most and hoped for, of messages of so many deltas: what is read
# -> one event a chunk, or in bulk.
OF_SDK = {
    "text, one event a chunk": (1 / 80, 1 / 200),
    "events, one event a chunk": (1 / 50, 1 / 120),
    "tool input and snapshots, one event a chunk": (1 / 40, 1 / 100),
    "events, in bulk": (1 / 150, 1 / 400),
}
_OF_SDK_DELTAS = 1000
_MAX_GROWTH = 2.0  # cost of a delta at 64,000 deltas over that at 1,000
_MAX_MEMORY = 4.0  # peak over the text's size
_MAX_IMPORT = 3.0  # `import ssewire.claude` over `import json`


# --- the sheets

# As many as a long answer has. The SDK parses a tool's input anew for each, so that these grow.
_SHEET_DELTAS = 1000
# Seconds in which passes begin, of which the fastest counts: three or more of the SDK's.
_PASSES, _FEW_PASSES = 0.15, 0.03
_HOW = {
    "one event a chunk": "one event a chunk, as a model writes it",
    "in bulk": "in chunks of 64 KiB, as a recording is",
}
# The SDK's other way, which gives the events alone.
CREATED = "anthropic, create(stream=True)"
_CANDIDATES = ("ssewire", "ssewire py", "anthropic", CREATED)


def _bodies(chunks: str, deltas: int) -> tuple[Any, Any]:
    text, tool = text_events(deltas), tool_events(deltas)
    return (b"".join(text), b"".join(tool)) if chunks == "in bulk" else (text, tool)


def _result(value: str | int) -> int:
    return value if isinstance(value, int) else zlib.crc32(value.encode())


def _works(name: str, chunks: str, deltas: int) -> dict[str, Callable[[], Any]]:
    """Return what a candidate does in each column."""
    text, tool = _bodies(chunks, deltas)
    if name == CREATED:
        return {"events": partial(sdk_created, sdk_client(text))}
    if name != "anthropic":
        return {
            "text": partial(ours_text, text),
            "events": partial(ours_events, text),
            "tool and snapshots": partial(ours_tool_snapshots, tool),
        }
    return {
        "text": partial(sdk_text, sdk_client(text)),
        "events": partial(sdk_events, sdk_client(text)),
        "tool and snapshots": partial(sdk_tool_snapshots, sdk_client(tool)),
    }


def right(deltas: int) -> dict[str, int]:
    """Return what is to be read: of the text its checksum and size, of the tool's lines the sum."""
    text = text_of(deltas)
    return {
        "text": _result(text),
        "events": len(text),
        "tool and snapshots": lines_seen(tool_events(deltas)),
    }


def _once(work: Callable[[], Any]) -> int:
    work()
    return 1


def candidate(name: str, chunks: str, count: int, passes: float) -> dict[str, Any]:
    """Measure one candidate in this process: CPU microseconds a delta.

    Args:
        passes: seconds in which passes begin.
    """
    figures, results = {}, {}
    for column, work in _works(name, chunks, count).items():
        # What is imported and made once does not belong to a message.
        results[column] = _result(work())
        seconds, _ = best_pass(partial(_once, work), passes, time.process_time)
        figures[column] = seconds / count * 1e6
    return {"figures": figures, "results": results}


def sheets(runs: int, quick: bool) -> list[Sheet]:
    deltas = 200 if quick else _SHEET_DELTAS

    def ask(chunks: str, name: str) -> Any:
        if name in ("anthropic", CREATED):
            alone.need("anthropic")
        chosen = alone.implementation(name)
        arguments = (name, chunks, str(deltas), str(_FEW_PASSES if quick else _PASSES))
        return processes.measure("claude_pipeline", *arguments, implementation=chosen)

    found = []
    for shape in _HOW:
        title = f"Claude, from bytes to messages, {shape}"
        cells = alone.checked(_CANDIDATES, runs, partial(ask, shape), right(deltas), title)
        if CREATED in cells:
            cells[CREATED] = {"events": cells[CREATED]["events"]}
        about = (
            f"A message of {deltas:,} deltas is read from bytes in memory, {_HOW[shape]}: CPU time "
            "for a delta. Asked for are the pieces of text and the final message; or all events, "
            "with their types and texts; or a tool's input, with its value so far after each "
            "delta. Each candidate has a process of its own, and what it read is checked. The SDK "
            "has its own client, answered from memory: no network is in these figures. Its "
            "messages.stream, as ours, also builds the message that the events make up; its "
            "messages.create(stream=True) gives the raw events and no message."
        )
        command = "python -m benchmarks.claude_pipeline"
        found.append(Sheet(title, about, "µs", command, cells))
    return found


def versions() -> tuple[dict[str, str], dict[str, str]]:
    return alone.versions_of(["anthropic", "jiter"])


# --- what was asked of both implementations


def peak_over_text(deltas: int) -> float:
    """Return the most that Python takes while a message is read, over the size of its text."""
    body = text_stream(deltas)
    pieces = list(chunks(body))
    text = ours_text(body)

    def read() -> None:
        from ssewire.claude import MessageStream

        stream = MessageStream(iter(pieces))
        for _ in stream:
            pass
        assert stream.get_final_text() == text

    peak, _ = tracing.peak(read)
    return peak / len(text.encode())


def measured() -> dict[str, Any]:
    body = text_stream(_DELTAS)
    client = sdk_client(body)
    assert ours_text(body) == sdk_text(client)
    assert ours_events(body) == sdk_events(client)
    text, sdk_text_time, events, sdk_events_time = best(
        _ROUNDS,
        lambda: ours_text(body),
        lambda: sdk_text(client),
        lambda: ours_events(body),
        lambda: sdk_events(client),
    )
    growth = {}
    for name, make, read in (
        ("text", text_stream, ours_text),
        ("text, all events", text_stream, ours_events),
        ("tool input", tool_stream, ours_tool),
        ("tool input, snapshots", tool_stream, ours_tool_snapshots),
        ("1,000 blocks", lambda n: text_stream(n, blocks=n // 64 or 1), ours_events),
    ):
        small, large = make(1000), make(64_000)
        few, many = best(_ROUNDS, partial(read, small), partial(read, large))
        growth[name] = (few / 1000 * 1e6, many / 64_000 * 1e6)
    imports = [(module, os.environ["SSEWIRE_PARSER"]) for module in ("json", "ssewire.claude")]
    return {
        "text": text / _DELTAS * 1e6,
        "sdk_text": sdk_text_time / _DELTAS * 1e6,
        "events": events / _DELTAS * 1e6,
        "sdk_events": sdk_events_time / _DELTAS * 1e6,
        "of_sdk": of_sdk(),
        "growth": growth,
        "memory": peak_over_text(64_000),
        "import": importing.best(2 * _ROUNDS, imports),
    }


def of_sdk() -> dict[str, tuple[float, float]]:
    """Return our CPU microseconds a delta and the SDK's for each row of `OF_SDK`.

    Raises:
        AssertionError: they do not read the same.
    """
    text, tool = text_events(_OF_SDK_DELTAS), tool_events(_OF_SDK_DELTAS)
    works: list[tuple[Any, Any, Any]] = [
        (text, ours_text, sdk_text),
        (text, ours_events, sdk_events),
        (tool, ours_tool_snapshots, sdk_tool_snapshots),
        (b"".join(text), ours_events, sdk_events),
    ]
    found = {}
    for what, (body, ours, sdk) in zip(OF_SDK, works):
        mine, theirs = partial(ours, body), partial(sdk, sdk_client(body))
        assert mine() == theirs(), what
        # Ours takes hardly any of the time: of more rounds the least is surer.
        times = best(_ROUNDS, *[mine] * 8, theirs, clock=time.process_time)
        found[what] = (min(times[:-1]) / _OF_SDK_DELTAS * 1e6, times[-1] / _OF_SDK_DELTAS * 1e6)
    return found


def report(implementation: str, found: dict[str, Any]) -> bool:
    reached = True

    def line(what: str, figure: str, fine: bool) -> None:
        nonlocal reached
        reached = reached and fine
        print(f"  {what:<34} {figure:<46} {verdict(fine)}")

    print(f"{implementation}:")
    for what, key, target in zip(
        ("text and final message", "all events, .type and .text"),
        ("text", "events"),
        _TARGETS[implementation],
    ):
        mine, sdk = found[key], found[f"sdk_{key}"]
        figure = f"{mine:.3f} us, SDK {sdk:.1f}: {sdk / mine:.0f} x (target {target:.0f})"
        line(what, figure, sdk / mine >= target)
    for what, (mine, sdk) in found["of_sdk"].items():
        bound = OF_SDK[what][0]
        figure = f"{mine:.2f} us, SDK {sdk:.1f}: {sdk / mine:.0f} x (target {1 / bound:.0f})"
        # Asked of the compiled ones.
        line(what, figure, sdk / mine >= 1 / bound or implementation == "python")
    for what, (few, many) in found["growth"].items():
        figure = f"{few:.3f} us at 1,000, {many:.3f} at 64,000: {many / few:.2f} x"
        line(f"linear: {what}", figure, many / few <= _MAX_GROWTH)
    figure = f"{found['memory']:.2f} x the text (target {_MAX_MEMORY:.0f})"
    line("memory", figure, found["memory"] <= _MAX_MEMORY)
    json_time, claude_time = found["import"]
    figure = (
        f"{claude_time * 1e3:.1f} ms, json {json_time * 1e3:.1f}: {claude_time / json_time:.1f} x"
    )
    line("import", figure, claude_time / json_time <= _MAX_IMPORT)
    return reached


def _answer(*arguments: str) -> dict[str, Any]:
    if not arguments:
        return measured()
    name, chunks, deltas, passes = arguments
    return candidate(name, chunks, int(deltas), float(passes))


def _asked() -> int:
    return processes.main_of_both("claude_pipeline", measured, report)


if __name__ == "__main__":
    raise SystemExit(alone.program("claude_pipeline", __doc__, sheets, _answer, _asked))
