# SPDX-License-Identifier: MIT
"""Typical mistakes, and the sentence that says what to do instead."""

from __future__ import annotations

import asyncio
import gzip
import io
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Callable

import pytest

from ssewire import aio, aiter_events, aiter_json, client, iter_events, iter_json
from ssewire.claude import (
    AsyncClaude,
    AsyncMessageStream,
    Claude,
    ClaudeError,
    MalformedEvent,
    MessageStream,
)
from ssewire.errors import StateError
from ssewire.replay import Recording, serve_in_thread

ASKED: dict[str, Any] = {
    "model": "m",
    "max_tokens": 10,
    "messages": [{"role": "user", "content": "Hi"}],
}
CHUNK = b"data: 1\n\n"


async def chunks() -> AsyncIterator[bytes]:
    yield CHUNK


# --- one thing where many are due, and the other twin's


@pytest.mark.parametrize("take", [iter_events, MessageStream])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        (CHUNK, r"not bytes; put it in a list, as in \[data\]"),
        (bytearray(CHUNK), r"not bytearray; put it in a list, as in \[data\]"),
        (memoryview(CHUNK), r"not memoryview; put it in a list, as in \[data\]"),
        ("data: 1\n\n", r"not str; put it in a list, as in \[text.encode\(\)\]"),
        (None, "not NoneType$"),
        (Path("a.sse"), "not (Posix|Windows)Path$"),
        (chunks(), "not async_generator; the asynchronous twin takes that"),
    ],
)
def test_chunks_that_are_none_are_refused_at_once_with_what_to_give(
    take: Callable[..., Any], given: object, text: str
) -> None:
    with pytest.raises(
        TypeError, match=f"chunks must be an iterable of bytes-like objects, {text}"
    ):
        take(given)


@pytest.mark.parametrize("take", [aiter_events, AsyncMessageStream])
@pytest.mark.parametrize(
    ("given", "text"),
    [
        (CHUNK, r"not bytes; parse\(\) takes all of a stream at once"),
        ("data: 1\n\n", r"not str; parse\(\) takes all of a stream at once"),
        ([CHUNK], "not list; the blocking twin takes that"),
        (None, "not NoneType$"),
    ],
)
def test_asynchronous_chunks_that_are_none_are_refused_at_once_with_what_to_give(
    take: Callable[..., Any], given: object, text: str
) -> None:
    with pytest.raises(TypeError, match=f"chunks must be an asynchronous iterable of .*, {text}"):
        take(given)


def test_events_that_are_bytes_are_refused_with_what_makes_events() -> None:
    with pytest.raises(TypeError, match=r"not bytes; iter_events\(\) makes them of chunks"):
        iter_json(CHUNK)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="events must be an asynchronous iterable of events"):
        aiter_json(CHUNK)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"not str; Recording.load\(\) reads a file"):
        Recording("hello.sse")  # type: ignore[arg-type]


def test_what_is_iterated_over_by_its_items_is_an_iterable_too() -> None:
    class Old:
        def __getitem__(self, at: int) -> bytes:
            return [CHUNK][at]

    chunks: Any = Old()
    assert [event.data for event in iter_events(chunks)] == ["1"]


# --- no `with`, no `await`


def test_a_stream_that_was_not_entered_says_how_to() -> None:
    manager: Any = Claude(api_key="k").messages.stream(**ASKED)
    entering = r"the stream does: with client.messages.stream\(...\) as stream"
    for name in ("text_stream", "get_final_message", "until_done"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'; {entering}"):
            getattr(manager, name)
    with pytest.raises(TypeError, match=entering):
        list(manager)
    assert not hasattr(manager, "__len__")
    with pytest.raises(AttributeError, match=r"'_unknown'$"):
        _ = manager._unknown


def test_an_asynchronous_stream_that_was_not_entered_says_how_to() -> None:
    manager: Any = AsyncClaude(api_key="k").messages.stream(**ASKED)
    entering = r"the stream does: async with client.messages.stream\(...\) as stream"
    with pytest.raises(AttributeError, match=entering):
        _ = manager.text_stream
    with pytest.raises(TypeError, match=entering):
        type(manager).__aiter__(manager)


@pytest.mark.parametrize("call", [aio.open_stream, aio.request])
def test_what_aio_returns_says_that_it_is_to_be_awaited(call: Callable[..., Any]) -> None:
    opening = call("http://127.0.0.1:9/")
    hint = r"await it, or enter it: async with open_stream\(...\) as stream"
    with pytest.raises(AttributeError, match=f"no attribute 'status'; {hint}"):
        _ = opening.status
    with pytest.raises(TypeError, match=hint):
        type(opening).__aiter__(opening)
    with pytest.raises(AttributeError, match=r"'_unknown'$"):
        _ = opening._unknown


# --- the wrong loop


@pytest.mark.sockets
def test_a_stream_that_waits_in_another_loop_than_its_own_is_refused_and_goes_on() -> None:
    async def message_stream(url: str) -> Any:
        return await AsyncClaude(base_url=url, api_key="k").messages.stream(**ASKED).__aenter__()

    async def event_stream(url: str) -> Any:
        return await aio.open_stream(url)

    async def source(url: str) -> Any:
        found = aio.EventSource(url)
        await found.__anext__()
        return found

    async def rest(stream: Any) -> list[Any]:
        return [item async for item in stream]

    with serve_in_thread([Recording.example("hello")], speed=0, fault="stall", at=3) as server:
        for opening in (message_stream, event_stream, source):
            loop = asyncio.new_event_loop()
            try:
                stream = loop.run_until_complete(opening(server.url))
                with pytest.raises(StateError, match="another event loop: read it where it was"):
                    asyncio.run(rest(stream))
                step = asyncio.wait_for(rest(stream), 0.05)
                with pytest.raises(asyncio.TimeoutError):
                    loop.run_until_complete(step)
                loop.run_until_complete(stream.close())
                loop.run_until_complete(loop.shutdown_asyncgens())
            finally:
                loop.close()


# --- arguments


def test_seconds_that_make_no_sense_are_called_by_the_name_that_was_given() -> None:
    for make in (
        lambda: Claude(api_key="k", timeout=-1),
        lambda: client.EventSource("http://h/", timeout=-1),
        lambda: aio.EventSource("http://h/", timeouts=-1),
        lambda: client.open_stream("http://h/", timeouts=-1),
    ):
        with pytest.raises(ValueError, match=r"^timeout must be positive and finite, not -1$"):
            make()
    with pytest.raises(ValueError, match=r"^timeout idle must be positive"):
        client.Timeouts(idle=-1)


def test_a_path_is_no_url_and_is_not_taken_for_a_host() -> None:
    with pytest.raises(ValueError, match=r"only http and https .*; the URL has no host either"):
        client.open_stream("/v1/messages")


@pytest.mark.parametrize(
    ("data", "hint"),
    [
        (b"x", r"; base64.b64encode\(data\).decode\(\) is"),
        (bytearray(b"x"), r"; base64.b64encode\(data\).decode\(\) is"),
        (io.BytesIO(b"x"), r"; read it, and give base64.b64encode\(data\).decode\(\)"),
        (Path("x.png"), r"; read it, and give base64.b64encode\(data\).decode\(\)"),
        (object(), ""),
    ],
)
def test_an_image_that_is_not_base64_says_how_it_becomes_that(data: object, hint: str) -> None:
    source = {"type": "base64", "media_type": "image/png", "data": data}
    messages = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    with pytest.raises(TypeError, match=f"source.data is of type .*, which is not JSON{hint}$"):
        Claude(api_key="k").messages.create(model="m", max_tokens=1, messages=messages)


# --- bodies that are something else


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"<!doctype html><p>Log in", "the body is HTML: is the base URL right?"),
        (b"\xef\xbb\xbf\n <html>", "the body is HTML: is the base URL right?"),
        (gzip.compress(CHUNK, mtime=0), "the body is gzip without a Content-Encoding"),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_a_body_that_is_no_stream_says_what_it_is_however_it_is_cut(
    body: bytes, text: str, size: int
) -> None:
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    with pytest.raises(MalformedEvent) as caught, MessageStream(pieces) as stream:
        stream.get_final_message()
    assert text in str(caught.value)


def test_a_stream_may_begin_with_the_first_byte_of_gzip() -> None:
    with pytest.raises(ClaudeError, match="ended before a message began"):
        MessageStream([b"\x1f", b": 1\n\n"]).get_final_message()
