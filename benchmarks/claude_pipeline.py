# SPDX-License-Identifier: MIT
"""What does a Claude stream cost from bytes to message? `python -m benchmarks.claude_pipeline`.

Beside the official SDK on the same bytes. Both implementations are measured, each in
a process of its own where it and the SDK take turns; it says which targets
are reached. Needs the `anthropic` package. Figures are microseconds of the
best round, per delta.
"""

from __future__ import annotations

import os
import time
from functools import partial
from typing import Any

from .harness import importing, processes, tracing
from .harness.messages import chunks, text_events, text_stream, tool_events, tool_stream
from .harness.readers import (
    ours_events,
    ours_text,
    ours_tool,
    ours_tool_snapshots,
    sdk_client,
    sdk_events,
    sdk_text,
    sdk_tool_snapshots,
)
from .harness.rounds import best
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


if __name__ == "__main__":
    raise SystemExit(processes.main_of_both("claude_pipeline", measured, report))
