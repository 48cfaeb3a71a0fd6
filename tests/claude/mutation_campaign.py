# SPDX-License-Identifier: MIT
"""Damaged recordings: whatever becomes of a stream, only documented exceptions leave.

`python -m tests.claude.mutation_campaign N [SEED] [FOLDER]` reads N mutated recordings (of
FOLDER, else those of the examples), about 150 a second, each in pieces through the accumulator
and through a stream, and calls what a program calls on the result. It prints the first one
that raises something else, cut down to its seed. May import: the standard library, ssewire.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

from ssewire import StateError
from ssewire.claude import Accumulator, ClaudeError, ErrorEvent, MessageStream, continuation

EXAMPLES = Path(__file__).resolve().parents[2] / "src" / "ssewire" / "replay" / "examples"

# What is put in the place of a JSON value.
VALUES = [
    *("null", "true", "0", "-1", "7", "1e400", "NaN", "9" * 400, '""', '"x"', "[]", "{}", "[[[]]]"),
    *('"text_delta"', '"tool_use"', '"thinking"', '"error"', '"\\ud83d"', "[" * 300, "{" * 3),
    *('{"type":"text","text":"y"}', '"end_turn"', '{"a":{"b":[1.5]}}'),
]


def mutated(rng: random.Random, body: bytes) -> bytes:
    """Return a recording with some damage: to bytes, lines, events or JSON values."""
    for _ in range(rng.choice((1, 1, 1, 2, 3, 8))):
        way = rng.randrange(7)
        if way == 0 and body:
            at = rng.randrange(len(body))
            body = body[:at] + bytes([rng.randrange(256)]) + body[at + rng.randrange(2) :]
        elif way == 1:
            start, end = sorted(rng.randrange(len(body) + 1) for _ in range(2))
            body = body[:start] + body[min(end, start + rng.choice((1, 10, 300))) :]
        elif way in (2, 3):
            events = body.split(b"\n\n")
            one, two = (rng.randrange(len(events)) for _ in range(2))
            if way == 2:
                events[one], events[two] = events[two], events[one]
            else:
                events.insert(two, events[one])
            body = b"\n\n".join(events)
        elif way == 4:
            events = body.split(b"\n\n")
            del events[rng.randrange(len(events))]
            body = b"\n\n".join(events)
        else:
            body = with_other_value(rng, body)
    return body


def with_other_value(rng: random.Random, body: bytes) -> bytes:
    """Return a recording in which one JSON value is another."""
    events = body.split(b"\n\n")
    at = rng.randrange(len(events))
    head, mark, data = events[at].partition(b"data:")
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return body
    places: list[tuple[Any, Any]] = []
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, (dict, list)):
            keys = list(item) if isinstance(item, dict) else range(len(item))
            places += [(item, key) for key in keys]
            todo += [item[key] for key in keys]
    if not places:
        return body
    container, key = rng.choice(places)
    if rng.random() < 0.2:
        del container[key]
        events[at] = head + mark + json.dumps(value).encode()
    else:
        container[key] = "<here>"
        text = json.dumps(value).replace('"<here>"', rng.choice(VALUES))
        events[at] = head + mark + text.encode()
    return b"\n\n".join(events)


def check(rng: random.Random, body: bytes) -> None:
    """Read a body and use the result."""
    size = rng.choice((1000, 100_000))
    chunks = [body[at : at + size] for at in range(0, len(body), size)]
    accumulator = Accumulator(partial_strings=rng.random() < 0.5)
    events = [event for chunk in chunks for event in accumulator.feed(chunk)]
    events += accumulator.close()
    error = accumulator.error
    assert accumulator.finished == (error is None)
    assert error is None or isinstance(error, ClaudeError)
    assert not any(isinstance(event, ErrorEvent) for event in events[:-1])
    for event in events:
        assert isinstance(event.raw, dict)
        for name in ("delta", "content_block", "usage", "error"):
            getattr(event, name, None)
    use(accumulator.message)
    with MessageStream(chunks) as stream:
        failure = None
        try:
            for item in stream:
                getattr(item, "snapshot", None)
        except ClaudeError as exc:
            failure = exc
            str(exc), repr(exc)
        assert type(failure) is type(error), (failure, error)
        assert (stream.partial_message is None) == (accumulator.message is None)


def use(message: Any) -> None:
    if message is None:
        return

    def strict(constant: str) -> None:
        raise AssertionError(constant)

    assert json.loads(message.to_json(), parse_constant=strict).keys() == message.to_dict().keys()
    json.dumps(message.to_param(unsigned_thinking=True), allow_nan=False)
    _ = repr(message), message.text, message.usage + message.usage
    try:
        continuation(message)
    except StateError:
        pass


def campaign(count: int, seed: int, folder: Path = EXAMPLES) -> None:
    """Read `count` mutated recordings."""
    bodies = [path.read_bytes() for path in sorted(folder.glob("*.sse"))]
    # Long ones teach nothing more.
    bodies = [body if len(body) < 30_000 else body[:15_000] for body in bodies]
    for number in range(seed, seed + count):
        rng = random.Random(number)
        body = mutated(rng, rng.choice(bodies))
        try:
            check(rng, body)
        except Exception as exc:
            raise AssertionError(f"seed {number}: {type(exc).__name__}: {exc}") from exc


if __name__ == "__main__":
    import logging

    logging.getLogger("ssewire").setLevel(logging.CRITICAL)
    campaign(
        int(sys.argv[1]),
        int(sys.argv[2]) if len(sys.argv) > 2 else 0,
        Path(sys.argv[3]) if len(sys.argv) > 3 else EXAMPLES,
    )
    print("nothing undocumented was raised")
