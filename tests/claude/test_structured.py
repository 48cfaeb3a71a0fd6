# SPDX-License-Identifier: MIT
"""Answers that are JSON: json_stream and get_final_json, of both streams."""

from __future__ import annotations

import json
import pickle
from typing import Any

import pytest

from ssewire.claude import (
    AsyncMessageStream,
    MalformedEvent,
    MalformedJSON,
    MessageStream,
    StreamClosed,
    StreamTruncated,
)
from tests.claude import wire
from tests.claude.interrupting import drive

pytestmark = pytest.mark.usefixtures("implementation")

PIECES = ["", '{"name"', ': "Zür', 'ich", "n', '": [1, ', "2", "2]", ', "done": tru', "e}"]
VALUE = {"name": "Zürich", "n": [1, 22], "done": True}
BODY = wire.whole(wire.text_block(0, *PIECES))


class Chunks:
    def __init__(self, *pieces: bytes) -> None:
        self._pieces = iter(pieces)

    def __aiter__(self) -> Any:
        return self

    async def __anext__(self) -> bytes:
        for piece in self._pieces:
            return piece
        raise StopAsyncIteration


def values(twin: str, body: bytes, size: int = 100_000, **options: Any) -> list[str]:
    """Return the values that a stream gives, as JSON: they are live."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    if twin == "blocking":
        stream = MessageStream(iter(pieces), **options)
        return [json.dumps(value, ensure_ascii=False) for value in stream.json_stream]

    async def collect() -> list[str]:
        stream = AsyncMessageStream(Chunks(*pieces), **options)
        return [json.dumps(value, ensure_ascii=False) async for value in stream.json_stream]

    found: list[str] = drive(collect())
    return found


@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
@pytest.mark.parametrize("size", [1, 100, 100_000])
def test_json_stream_gives_the_live_value_after_each_delta(twin: str, size: int) -> None:
    assert values(twin, BODY, size) == [
        "{}",
        "{}",
        '{"name": "Zürich"}',
        '{"name": "Zürich", "n": [1]}',
        '{"name": "Zürich", "n": [1, 2]}',
        '{"name": "Zürich", "n": [1, 22]}',
        '{"name": "Zürich", "n": [1, 22]}',
        '{"name": "Zürich", "n": [1, 22], "done": true}',
    ]


@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
def test_json_stream_shows_strings_as_they_come_where_that_was_asked_for(twin: str) -> None:
    assert values(twin, BODY, partial_strings=True)[1] == '{"name": "Zür"}'


@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
@pytest.mark.parametrize("text", ["[]", '"x"', "12", " null ", "{}", '{"a": "\\ud83d\\ude00"}'])
def test_get_final_json_is_the_value_of_the_text(twin: str, text: str) -> None:
    body = wire.whole(wire.text_block(0, *text))
    if twin == "blocking":
        stream = MessageStream([body])
        assert stream.get_final_json() == json.loads(text)
        # Made anew each time: who changes it changes nothing.
        assert stream.get_final_json() == json.loads(text)
    else:
        assert drive(AsyncMessageStream(Chunks(body)).get_final_json()) == json.loads(text)
    assert json.loads(values(twin, body)[-1]) == json.loads(text)


@pytest.mark.parametrize(
    "text", ["", " ", "Sorry, I cannot.", '{"a": 1', "{} {}", "[1,]", "{'a': 1}", "[" * 5000]
)
@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
def test_a_final_text_that_is_no_json_is_a_typed_error_with_the_message(
    twin: str, text: str
) -> None:
    body = wire.whole(wire.text_block(0, *text[:50], text[50:]))

    def read() -> Any:
        if twin == "blocking":
            return MessageStream([body], request_id="req_1").get_final_json()
        return drive(AsyncMessageStream(Chunks(body), request_id="req_1").get_final_json())

    with pytest.raises(MalformedJSON) as caught:
        read()
    error = caught.value
    assert isinstance(error, MalformedEvent)
    assert (error.data, error.request_id) == (text, "req_1")
    assert error.partial_message is not None
    assert error.partial_message.stop_reason == "end_turn"
    assert isinstance(error.__cause__, (ValueError, RecursionError))
    assert "not JSON" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), again.data) == (MalformedJSON, text)


@pytest.mark.parametrize("twin", ["blocking", "asyncio"])
def test_json_stream_of_a_text_that_is_no_json_raises_where_that_shows(twin: str) -> None:
    body = wire.whole(wire.text_block(0, '{"a": 1', ", oh", " no", "}"))
    with pytest.raises(MalformedJSON, match="not JSON") as caught:
        values(twin, body)
    assert caught.value.data == '{"a": 1, oh'


def test_other_readers_go_on_after_json_stream_has_refused_the_text() -> None:
    stream = MessageStream([wire.whole(wire.text_block(0, "Sor", "ry"))])
    for _ in range(3):
        with pytest.raises(MalformedJSON):
            next(stream.json_stream)
    assert list(stream.text_stream) == ["Sor", "ry"]
    with pytest.raises(MalformedJSON):
        next(stream.json_stream)
    assert stream.get_final_text() == "Sorry"


def test_json_stream_ends_without_an_error_where_there_is_no_text_or_it_was_cut() -> None:
    assert values("blocking", wire.whole(wire.tool_block(0, "{}"))) == []
    assert values("blocking", wire.whole(wire.text_block(0, '{"a": [1'))) == ['{"a": [1]}']


def test_json_stream_knows_what_other_readers_have_taken() -> None:
    stream = MessageStream([BODY])
    texts = stream.text_stream
    assert [next(texts), next(texts), next(texts)] == PIECES[:3]
    assert next(stream.json_stream) == {"name": "Zürich"}
    for event in stream:
        if event.type == "text":
            break
    assert next(stream.json_stream) == {"name": "Zürich", "n": [1, 2]}
    assert list(stream.text_stream) == PIECES[6:]
    assert list(stream.json_stream) == []
    assert stream.get_final_json() == VALUE


def test_json_may_stand_in_several_blocks() -> None:
    first, last = wire.text_block(0, "[1, "), wire.text_block(2, "2]")
    body = wire.whole(first, wire.tool_block(1, "{}"), last)
    stream = MessageStream([body])
    assert [list(value) for value in stream.json_stream] == [[1], [1, 2]]
    assert stream.get_final_json() == [1, 2]


def test_errors_of_the_stream_come_through() -> None:
    body = wire.message_start() + wire.start(0, wire.TEXT) + wire.text(0, '{"a": 1')
    stream = MessageStream([body])
    with pytest.raises(StreamTruncated):
        list(stream.json_stream)
    with pytest.raises(StreamTruncated):
        stream.get_final_json()
    closed = MessageStream([BODY])
    closed.close()
    assert list(closed.json_stream) == []
    with pytest.raises(StreamClosed):
        closed.get_final_json()
