"""Claude streams end to end, beside the official SDK on the same bytes.

`python -m benchmarks.claude_pipeline` measures both implementations, each in
a process of its own where it and the SDK take turns, and says which targets
are reached. Needs the `anthropic` package. Figures are microseconds of the
best round, per delta.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from functools import partial
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_CHUNK = 64 * 1024
_ROUNDS = 7
# Long enough that starting a stream does not count, short enough for the SDK.
_DELTAS = 4000

_TARGETS = {
    # implementation -> (text and message, all events): times faster than the SDK
    "cython": (200.0, 60.0),
    "python": (15.0, 8.0),
}
_MAX_GROWTH = 2.0  # cost of a delta at 64,000 deltas over that at 1,000
_MAX_MEMORY = 4.0  # peak over the text's size
_MAX_IMPORT = 3.0  # `import ssewire.claude` over `import json`


def event(name: str, **fields: Any) -> bytes:
    """Return one event as the API frames it."""
    data = json.dumps({"type": name, **fields}, separators=(",", ":"), ensure_ascii=False)
    return f"event: {name}\ndata: {data}\n\n".encode()


def _message(parts: list[bytes]) -> bytes:
    start: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "claude",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 1},
    }
    end = {"stop_reason": "end_turn", "stop_sequence": None}
    return b"".join(
        [
            event("message_start", message=start),
            *parts,
            event("message_delta", delta=end, usage={"output_tokens": 500}),
            event("message_stop"),
        ]
    )


def text_stream(deltas: int, blocks: int = 1) -> bytes:
    """Return a stream of text: `deltas` in all, spread over `blocks`."""
    parts = []
    for index in range(blocks):
        block = {"type": "text", "text": ""}
        parts.append(event("content_block_start", index=index, content_block=block))
        for number in range(deltas // blocks):
            delta = {"type": "text_delta", "text": f" word {number} and"}
            parts.append(event("content_block_delta", index=index, delta=delta))
        parts.append(event("content_block_stop", index=index))
    return _message(parts)


def tool_stream(deltas: int) -> bytes:
    """Return a stream of one tool call whose input is a list of lines."""
    document = json.dumps({"lines": [f"line {n}: \u00e9" for n in range(deltas)]})
    size = max(1, -(-len(document) // deltas))
    block = {"type": "tool_use", "id": "toolu_1", "name": "write", "input": {}}
    parts = [event("content_block_start", index=0, content_block=block)]
    for at in range(0, len(document), size):
        delta = {"type": "input_json_delta", "partial_json": document[at : at + size]}
        parts.append(event("content_block_delta", index=0, delta=delta))
    parts.append(event("content_block_stop", index=0))
    return _message(parts)


def chunks(body: bytes) -> Iterator[bytes]:
    """Yield the body as a fast connection gives it."""
    for at in range(0, len(body), _CHUNK):
        yield body[at : at + _CHUNK]


def ours_text(body: bytes) -> str:
    from ssewire.claude import MessageStream

    with MessageStream(chunks(body)) as stream:
        text = "".join(stream.text_stream)
        message = stream.get_final_message()
    assert message.stop_reason == "end_turn"
    return text


def ours_events(body: bytes) -> int:
    from ssewire.claude import MessageStream

    size = 0
    with MessageStream(chunks(body)) as stream:
        for item in stream:
            if item.type == "text":
                size += len(item.text)
    return size


def ours_tool(body: bytes) -> Any:
    from ssewire.claude import MessageStream

    with MessageStream(chunks(body)) as stream:
        for _ in stream:
            pass
        return stream.current_message_snapshot


def ours_tool_snapshots(body: bytes) -> int:
    from ssewire.claude import MessageStream

    seen = 0
    with MessageStream(chunks(body)) as stream:
        for item in stream:
            if item.type == "input_json":
                seen += len(item.snapshot.get("lines", ()))
    return seen


def sdk_client(body: bytes) -> Any:
    """Return the official client, answered from memory."""
    anthropic = import_module("anthropic")
    httpx2 = import_module("httpx2")

    def answer(request: object) -> Any:
        headers = {"content-type": "text/event-stream"}
        return httpx2.Response(200, headers=headers, content=chunks(body))

    transport = httpx2.MockTransport(answer)
    return anthropic.Anthropic(api_key="none", http_client=httpx2.Client(transport=transport))


def sdk_text(client: Any) -> str:
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        text = "".join(stream.text_stream)
        assert stream.get_final_message().stop_reason == "end_turn"
    return text


def sdk_events(client: Any) -> int:
    size = 0
    with client.messages.stream(model="m", max_tokens=1, messages=[]) as stream:
        for item in stream:
            if item.type == "text":
                size += len(item.text)
    return size


def _best(rounds: int, *functions: Callable[[], object]) -> list[float]:
    """Return each one's best time in seconds; they take turns, so that all see the same noise."""
    best = [float("inf")] * len(functions)
    for _ in range(rounds):
        for number, function in enumerate(functions):
            start = time.perf_counter()
            function()
            best[number] = min(best[number], time.perf_counter() - start)
    return best


def _peak_over_text() -> float:
    body = text_stream(64_000)
    pieces = list(chunks(body))
    text = ours_text(body)

    def read() -> None:
        from ssewire.claude import MessageStream

        stream = MessageStream(iter(pieces))
        for _ in stream:
            pass
        assert stream.get_final_text() == text

    tracemalloc.start()
    read()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / len(text.encode())


def _import_times() -> tuple[float, float]:
    """Return the seconds that importing json, and this layer, takes in a bare process."""
    best = [float("inf")] * 2
    with tempfile.TemporaryDirectory() as folder:
        # Both from bytecode, whatever may be written where they are installed.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": folder}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for _ in range(2 * _ROUNDS):
            for number, module in enumerate(("json", "ssewire.claude")):
                # Without site: what it loads for editable installs would not be counted.
                program = (
                    f"import sys; sys.path[:] = {sys.path!r}\n"
                    "import time; start = time.perf_counter()\n"
                    f"import {module}; print(time.perf_counter() - start)"
                )
                command = [sys.executable, "-S", "-c", program]
                done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
                best[number] = min(best[number], float(done.stdout))
    return best[0], best[1]


def _measure() -> dict[str, Any]:
    body = text_stream(_DELTAS)
    client = sdk_client(body)
    assert ours_text(body) == sdk_text(client)
    assert ours_events(body) == sdk_events(client)
    text, sdk_text_time, events, sdk_events_time = _best(
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
        few, many = _best(_ROUNDS, partial(read, small), partial(read, large))
        growth[name] = (few / 1000 * 1e6, many / 64_000 * 1e6)
    return {
        "text": text / _DELTAS * 1e6,
        "sdk_text": sdk_text_time / _DELTAS * 1e6,
        "events": events / _DELTAS * 1e6,
        "sdk_events": sdk_events_time / _DELTAS * 1e6,
        "growth": growth,
        "memory": _peak_over_text(),
        "import": _import_times(),
    }


def _report(implementation: str, found: dict[str, Any]) -> bool:
    reached = True

    def line(what: str, figure: str, fine: bool) -> None:
        nonlocal reached
        reached = reached and fine
        print(f"  {what:<34} {figure:<46} {'reached' if fine else 'MISSED'}")

    print(f"{implementation}:")
    for what, key, target in zip(
        ("text and final message", "all events, .type and .text"),
        ("text", "events"),
        _TARGETS[implementation],
    ):
        mine, sdk = found[key], found[f"sdk_{key}"]
        figure = f"{mine:.3f} us, SDK {sdk:.1f}: {sdk / mine:.0f} x (target {target:.0f})"
        line(what, figure, sdk / mine >= target)
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


def main() -> int:
    """Measure both implementations and print the report; 0 if all targets are reached."""
    if "--measure" in sys.argv:
        print(json.dumps(_measure()))
        return 0
    reached = True
    for implementation in _TARGETS:
        environment = {**os.environ, "SSEWIRE_PARSER": implementation}
        command = [sys.executable, "-m", "benchmarks.claude_pipeline", "--measure"]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
        reached = _report(implementation, json.loads(done.stdout)) and reached
    return 0 if reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
