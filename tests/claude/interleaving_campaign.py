# SPDX-License-Identifier: MIT
"""Readers of one message that take turns at random, against a model: no event lost or doubled.

By hand: `python -m tests.claude.interleaving_campaign 200000 [SEED]` does so many operations on
blocking streams, with `--asyncio` on asynchronous ones. Each operation is one of a reader's:
a step of one of several loops over events, texts or JSON values that are under way, a new
loop, `next`, a look at the message, a reading to the end, closing.

The model is a list of what the stream gives and one place in it. Texts and values
pass events by as the guide says.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import AsyncIterator, Coroutine
from typing import Any

from ssewire.claude import (
    AsyncMessageStream,
    ClaudeError,
    MalformedJSON,
    Message,
    MessageStream,
    StreamClosed,
)
from ssewire.errors import StateError
from tests.claude import wire
from tests.claude.interrupting import drive

THINKING: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
WORDS = ["a", "Zürich ", "", "\U0001f600", " \n", "and so on", "0", "{", '"']


class Step:
    """What one wire event comes to.

    Args:
        events: the types and texts of the events that it gives, pings left out.
        text: what text_stream gives for it; None for nothing.
        delta: whether that is a text_delta.
        message: the JSON of the message after it.
    """

    def __init__(self, events: list[Any], text: str | None, message: Any) -> None:
        self.events = events
        self.text = text
        self.message = message


def body(rng: random.Random) -> tuple[bytes, list[Step]]:
    """Return a random message and its steps, worked out from the protocol alone."""
    parts: list[bytes] = []
    steps: list[Step] = []
    content: list[dict[str, Any]] = []
    ends: dict[str, Any] = {}

    def step(part: bytes, events: list[Any], text: str | None = None) -> None:
        parts.append(part)
        message = {**wire.MESSAGE, "content": json.loads(json.dumps(content)), **ends}
        steps.append(Step(events, text, message))

    step(wire.message_start(), [("message_start",)])
    document = json.dumps(
        {"n": [rng.randrange(9) for _ in range(rng.randrange(6))], "s": rng.choice(WORDS)},
        ensure_ascii=False,
    )
    for index in range(rng.randrange(5)):
        kind = rng.choice(["text", "text", "json", "thinking", "tool"])
        if kind == "thinking":
            content.append(dict(THINKING))
            step(wire.start(index, THINKING), [("content_block_start",)])
            for _ in range(rng.randrange(3)):
                word = rng.choice(WORDS)
                content[-1]["thinking"] += word
                step(
                    wire.delta(index, "thinking_delta", thinking=word),
                    [("content_block_delta",), ("thinking", word)],
                )
        elif kind == "tool":
            content.append({**wire.TOOL, "input": {}})
            step(wire.start(index, wire.TOOL), [("content_block_start",)])
            content[-1]["input"] = {"a": 1}
            step(
                wire.partial(index, '{"a": 1}'),
                [("content_block_delta",), ("input_json", '{"a": 1}')],
            )
        else:
            first = rng.choice(["", "", "", "begun "]) if kind == "text" else ""
            content.append({"type": "text", "text": first})
            step(
                wire.start(index, {"type": "text", "text": first}),
                [("content_block_start",)],
                first or None,
            )
            words = [rng.choice(WORDS) for _ in range(rng.choice([0, 1, 2, 5, 40]))]
            if kind == "json":
                cuts = sorted(rng.randrange(len(document)) for _ in range(rng.randrange(9)))
                words = [document[a:b] for a, b in zip([0, *cuts], [*cuts, len(document)])]
            for word in words:
                content[-1]["text"] += word
                step(wire.text(index, word), [("content_block_delta",), ("text", word)], word)
                if rng.random() < 0.05:
                    step(wire.wire("ping"), [])
        step(wire.stop(index), [("content_block_stop",)])
    ends.update(stop_reason="end_turn", usage={"input_tokens": 11, "output_tokens": 6})
    step(wire.message_delta(), [("message_delta",)])
    step(wire.wire("message_stop"), [("message_stop",)])
    return b"".join(parts), steps


def chunks(rng: random.Random, data: bytes) -> list[bytes]:
    if rng.random() < 0.3:
        return [data]
    size = rng.choice([30, 200, 1000, 5000])
    cuts = sorted(rng.sample(range(1, len(data)), min(len(data) // size, len(data) - 1)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)])]


class Model:
    """What the next operation of any reader must give."""

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        # The step that is next; how many of the events before it, of the last one, are left.
        self.place = 0
        self.left: list[Any] = []
        # The events that the last text was given for.
        self.passed: list[Any] = []
        self.closed = False
        self.text = ""

    def _take(self) -> Step:
        step = self.steps[self.place]
        self.place += 1
        self.left = list(step.events)
        self.text += step.text or ""
        return step

    @property
    def message(self) -> Any:
        return self.steps[self.place - 1].message if self.place else None

    def event(self) -> Any:
        """Return the next event; None at the end."""
        while not self.left:
            if self.place == len(self.steps):
                return None
            self._take()
        return self.left.pop(0)

    def next_text(self) -> str | None:
        """Return the next text; None at the end."""
        while True:
            if self.left:
                # A delta's text is still to come where its derived event is.
                self.passed, self.left = self.left, []
                last = self.passed[-1]
                text = self.steps[self.place - 1].text
                if text is not None and last[0] in ("text", "content_block_start"):
                    return text
            if self.place == len(self.steps):
                return None
            self._take()

    def finish(self) -> None:
        while self.next_text() is not None:
            pass

    def close(self) -> None:
        self.closed = True
        if self.place < len(self.steps):
            self.steps = self.steps[: self.place]
            self.broken = True
        self.left = []

    broken = False


class Source:
    """Chunks for either kind of stream, that know how often they were closed."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = iter(pieces)
        self.closed = 0

    def __iter__(self) -> Source:
        return self

    def __next__(self) -> bytes:
        return next(self._pieces)

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration

    def close(self) -> None:
        self.closed += 1


class Played:
    """One stream, read by many."""

    def __init__(self, rng: random.Random, asynchronous: bool) -> None:
        self.rng = rng
        self.asynchronous = asynchronous
        data, self.steps = body(rng)
        self.source = Source(chunks(rng, data))
        self.stream: Any = (AsyncMessageStream if asynchronous else MessageStream)(self.source)
        self.model = Model(self.steps)
        self.loops: list[tuple[str, Any]] = []
        self.json_failed = False

    def do(self, call: Any) -> Any:
        return drive(call) if self.asynchronous and isinstance(call, Coroutine) else call

    def step_of(self, iterator: Any) -> Any:
        """Return an iterator's next item; None at its end."""
        if self.asynchronous:

            async def one() -> Any:
                async for item in iterator:
                    return item
                return None

            return drive(one())
        return next(iterator, None)

    def operate(self) -> bool:
        """Do one operation; False where the stream is through and was looked at enough."""
        rng = self.rng
        operation = rng.choices(
            ["loop", "new", "next", "look", "continuation", "final", "close"],
            [60, 10, 10, 8, 2, 1, 0.5],
        )[0]
        if operation == "new" or (operation == "loop" and not self.loops):
            self.new_loop()
        elif operation == "loop":
            self.go_on(*rng.choice(self.loops))
        elif operation == "next":
            kind = rng.choice(["events", "events", "texts", "values"])
            self.go_on(kind, self.iterable(kind))
        elif operation == "look":
            self.look()
        elif operation == "continuation":
            self.continuation()
        elif operation == "close":
            self.do(self.stream.close())
            self.model.close()
        elif not self.model.broken:
            self.final()
        return self.model.place < len(self.model.steps) or rng.random() < 0.9

    def iterable(self, kind: str) -> Any:
        if kind == "events":
            return self.stream
        return self.stream.text_stream if kind == "texts" else self.stream.json_stream

    def new_loop(self) -> None:
        kind = self.rng.choice(["events", "events", "texts", "texts", "values"])
        iterable = self.iterable(kind)
        loop = iterable.__aiter__() if self.asynchronous else iter(iterable)
        if len(self.loops) > 3:
            self.loops.pop(self.rng.randrange(4))
        self.loops.append((kind, loop))
        self.go_on(kind, loop)

    def go_on(self, kind: str, loop: Any) -> None:
        for _ in range(self.rng.choice([1, 1, 1, 2, 3, 20])):
            if kind == "events":
                self.event(loop)
            elif kind == "texts":
                found = self.step_of(loop)
                expected = self.model.next_text()
                assert found == expected, (found, expected)
            else:
                self.value(loop)

    def event(self, loop: Any) -> None:
        event = self.step_of(loop)
        expected = self.model.event()
        if expected is None:
            assert event is None, event
            return
        assert event is not None, expected
        assert event.type == expected[0], (event.type, expected)
        if len(expected) == 2:
            key = "partial_json" if event.type == "input_json" else event.type
            assert getattr(event, key) == expected[1], (event, expected)
        if event.type == "text":
            block = self.model.message["content"][event.index]
            assert event.snapshot == block["text"]

    def value(self, loop: Any) -> None:
        """Have a reader of JSON go on, by the model with another parser for the text so far."""
        expected: Any = None
        if not is_prefix(self.model.text):
            try:
                self.step_of(loop)
            except MalformedJSON:
                return
            raise AssertionError("a text that is no JSON was read as such")
        while True:
            text = self.model.next_text()
            if text is None:
                expected = None
                break
            if not is_prefix(self.model.text):
                expected = MalformedJSON
                break
            value = partial_value(self.model.text)
            if value is not NOTHING:
                expected = repr(value)
                break
        try:
            found = self.step_of(loop)
        except MalformedJSON:
            assert expected is MalformedJSON, expected
            # The text that it refused is still there for other readers.
            self.model.left = self.model.passed
            return
        assert expected is not MalformedJSON, found
        assert (None if found is None else repr(found)) == expected, (found, expected)

    def look(self) -> None:
        partial = self.stream.partial_message
        found = None if partial is None else partial.to_dict()
        assert found == self.model.message, (found, self.model.message)
        if found is None:
            try:
                _ = self.stream.current_message_snapshot
            except StateError:
                return
            raise AssertionError("a snapshot before the message began")
        assert self.stream.current_message_snapshot.to_dict() == found

    def continuation(self) -> None:
        ended = self.model.place == len(self.model.steps) and not self.model.broken
        try:
            turns = self.stream.continuation()
        except StateError:
            assert ended
        else:
            assert not ended
            assert isinstance(turns, list)

    def final(self) -> None:
        self.model.finish()
        way = self.rng.choice(["until_done", "get_final_message", "get_final_text", "json"])
        text = "".join(b["text"] for b in self.model.message["content"] if b["type"] == "text")
        assert text == self.model.text
        if way == "until_done":
            self.do(self.stream.until_done())
        elif way == "get_final_message":
            message: Message = self.do(self.stream.get_final_message())
            assert message.to_dict() == self.model.message
        elif way == "get_final_text":
            assert self.do(self.stream.get_final_text()) == text
        else:
            try:
                value = json.loads(text)
            except ValueError:
                value = MalformedJSON
            try:
                found = self.do(self.stream.get_final_json())
            except MalformedJSON as error:
                assert (value, error.data) == (MalformedJSON, text)  # noqa: PT017
            else:
                assert found == value

    def end(self) -> None:
        """Look at the end: of a closed stream too."""
        if self.model.broken:
            try:
                self.do(self.stream.get_final_message())
            except StreamClosed:
                pass
            else:
                raise AssertionError("the message of a closed stream")
            self.look()
        else:
            self.final()
            self.look()
        self.do(self.stream.close())
        assert self.source.closed == 1


NOTHING = object()


def partial_value(text: str) -> Any:
    """Return what the JSON parser of partial documents tells of a text, given it at once."""
    from ssewire.claude import PartialJSON
    from ssewire.claude._json import MISSING

    parser = PartialJSON("A")
    parser.feed(text)
    return NOTHING if parser.value is MISSING else parser.value


def is_prefix(text: str) -> bool:
    from ssewire.claude import PartialJSON

    parser = PartialJSON("A")
    parser.feed(text)
    return parser.error is None


def campaign(operations: int, seed: int, asynchronous: bool) -> int:
    """Do so many operations; return on how many streams."""
    done = streams = 0
    while done < operations:
        played = Played(random.Random(f"{seed} {streams}"), asynchronous)
        try:
            while True:
                done += 1
                if not played.operate():
                    break
            played.end()
        except (AssertionError, ClaudeError) as exc:
            raise AssertionError(f"seed {seed}, stream {streams}: {exc!r}") from exc
        streams += 1
    return streams


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--asyncio"]
    operations = int(arguments[0]) if arguments else 200_000
    seed = int(arguments[1]) if len(arguments) > 1 else 12
    asynchronous = "--asyncio" in sys.argv
    streams = campaign(operations, seed, asynchronous)
    kind = "asynchronous" if asynchronous else "blocking"
    print(f"{operations} operations on {streams} {kind} streams, seed {seed}: nothing lost")


if __name__ == "__main__":
    main()
