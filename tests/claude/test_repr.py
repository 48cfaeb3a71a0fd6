# SPDX-License-Identifier: MIT
"""What a person is shown: bounded, without keys of theirs and without control characters."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Timeouts
from ssewire.claude import Accumulator, ClaudeError, Message, MessageStream, RawMessageStream, Usage
from ssewire.claude._json import shown
from ssewire.claude._options import ClientOptions
from ssewire.claude.aio import AsyncClaude
from ssewire.claude.client import Claude
from ssewire.claude.message import JSONObject
from tests.claude.scenarios import ASKED
from tests.claude.wire import (
    TEXT,
    message_start,
    start,
    text,
    text_block,
    tool_block,
    whole,
    wire,
)

ESCAPE = "\x1b]0;owned\x07\u202e\ud800"
HUGE: list[Any] = [
    "x" * 100_000,
    ["y" * 500] * 1000,
    {f"k{n}": "z" * 500 for n in range(1000)},
    [[[[[["deep"] * 50] * 50] * 50] * 50] * 50] * 50,
    json.loads("[" * 190 + "]" * 190),
    int("9" * 4000),
    1e400,
    ESCAPE * 5000,
]


def harmless(told: str) -> None:
    assert len(told) < 8000
    assert all(char.isprintable() for char in told)


@pytest.mark.parametrize("value", HUGE, ids=range(len(HUGE)))
def test_the_repr_of_any_json_is_bounded_and_printable(value: Any) -> None:
    for told in (
        shown(value),
        repr(JSONObject({"a": value, ESCAPE: 1})),
        repr(Usage({"output_tokens": value})),
        repr(Message({"id": value, "usage": {"x": value}, "content": [{**TEXT, "odd": value}]})),
    ):
        harmless(told)


def test_what_is_small_is_shown_whole() -> None:
    value = {"a": [1, 2.5, None, True, "b"], "c": {}, "d": [], "e": {"f": -1}}
    assert shown(value) == repr(value)


def test_a_message_shows_its_text_and_what_stands_after_it() -> None:
    stream = MessageStream([whole(text_block(0, "Hello, Zürich. " * 100), tool_block(1, "{}"))])
    told = repr(stream.get_final_message())
    harmless(told)
    assert told.startswith("Message({'id': 'msg_1'")
    for part in ("Hello, Zürich.", "'tool_use'", "'stop_reason': 'end_turn'", "'output_tokens': 6"):
        assert part in told


@pytest.mark.parametrize("cls", [MessageStream, RawMessageStream])
def test_a_stream_shows_its_state_its_message_and_its_request(cls: Any) -> None:
    body = message_start(id=ESCAPE) + start(0, TEXT) + text(0, "secret")
    name = cls.__name__
    stream = cls([body, text(0, "x")], request_id="req_1")
    assert repr(stream) == f"<{name} open, no message yet, request 'req_1'>"
    for _ in range(3):
        next(stream)
    told = repr(stream)
    harmless(told)
    assert "open, message '\\x1b]0;owned" in told
    assert "with 1 block," in told
    assert "secret" not in told
    with pytest.raises(ClaudeError):
        list(stream)
    assert "failed with StreamTruncated" in repr(stream)
    closed = cls([body])
    closed.close()
    assert repr(closed) == f"<{name} closed, no message>"
    complete = cls([whole(text_block(0, "a"), text_block(1, "b"))])
    list(complete)
    assert repr(complete) == f"<{name} complete, message 'msg_1' with 2 blocks>"


def test_readers_of_a_stream_show_the_stream() -> None:
    stream = MessageStream([b""])
    for reader in (stream.text_stream, stream.json_stream):
        assert repr(reader) == f"<{type(reader).__name__} of {stream!r}>"


def test_an_accumulator_shows_its_state_without_changing_it() -> None:
    accumulator = Accumulator()
    assert repr(accumulator) == "<Accumulator open, no message yet>"
    accumulator.feed(message_start())
    assert repr(accumulator) == "<Accumulator open, message 'msg_1' with 0 blocks>"
    accumulator.feed(wire("error", error={"type": "api_error"}))
    assert "failed with InternalServerError" in repr(accumulator)
    accumulator = Accumulator()
    accumulator._torn = True
    assert repr(accumulator) == "<Accumulator failed, no message>"
    assert accumulator._error is None


@pytest.mark.parametrize("cls", [Claude, AsyncClaude])
def test_a_client_and_what_it_gives_show_where_they_ask_and_no_secret(cls: Any) -> None:
    client = cls(api_key="sk-secret", default_headers={"x-mine": "secret"})
    manager = client.messages.stream(
        **ASKED, extra_query={"key": "secret"}, extra_headers={"cookie": "secret"}
    )
    asks = "Messages" if cls is Claude else "AsyncMessages"
    told = f"<{cls.__name__} https://api.anthropic.com>"
    assert repr(client) == told
    assert repr(client.messages) == f"<{asks} of {told}>"
    assert repr(client.beta.messages) in repr(client.beta)
    assert repr(manager) == f"<{type(manager).__name__} of {told}: to be entered>"
    manager._request = None
    assert repr(manager).endswith(": sent>")
    manager._closed = True
    assert repr(manager).endswith(": closed>")
    manager._stream = MessageStream([])
    assert repr(manager).endswith(f": {manager._stream!r}>")


@pytest.mark.parametrize("cls", [Claude, AsyncClaude, ClientOptions, HTTPRequest, Timeouts])
def test_the_repr_of_what_could_not_be_made_is_no_error(cls: Any) -> None:
    # Debuggers, and what reports errors, ask for it: it is in the frame of its __init__.
    assert cls.__name__ in repr(cls.__new__(cls))


def test_dir_lists_the_keys_that_can_be_read_as_attributes() -> None:
    record: Any = JSONObject({"known": 1, "not an identifier": 2, "_hidden": 3, "get": 4})
    names = dir(record)
    assert {"known", "to_dict", "get"} <= set(names)
    assert not {"not an identifier", "_hidden"} & set(names)
    for item in (
        Message({"id": "m", "vendor": 1}),
        Usage({"novel_tokens": 5}),
        MessageStream([message_start(vendor=1)]).__next__(),
        record,
    ):
        for name in dir(item):
            getattr(item, name, None)
    assert {"id", "content", "usage", "vendor", "stop_reason"} <= set(dir(Message({"vendor": 1})))
    assert "novel_tokens" in dir(Usage({"novel_tokens": 5}))
    assert {"cache_read_input_tokens", "output_tokens"} <= set(dir(Usage({})))


def test_dir_of_an_event_lists_the_keys_of_its_json() -> None:
    events = Accumulator().feed(wire("vendor_event", novel=1) + b"event: ping\ndata: no JSON\n\n")
    assert "novel" in dir(events[0])
    assert "to_sse" in dir(events[1])


def test_the_repr_of_an_event_is_bounded_and_shows_a_usual_delta_whole() -> None:
    (event,) = Accumulator().feed(message_start(id="x" * 5000))
    harmless(repr(event))
    accumulator = Accumulator()
    accumulator.feed(message_start() + start(0, TEXT))
    (event,) = accumulator.feed(text(0, "Hello"))
    assert json.loads(eval(repr(event)[len("ContentBlockDeltaEvent(") : -1])) == event.raw
