# SPDX-License-Identifier: MIT
"""`sdk_decoder()` alone, and under the hook of the installed anthropic and openai SDKs.

The SDKs read from real sockets: on ordinary streams their results are the
same with either decoder, and each deliberate difference is a test that shows
what the SDK's own decoder does and what ours does.
"""

from __future__ import annotations

import asyncio
import json
import platform
import sys
from collections.abc import AsyncIterator, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Callable

import pytest

from ssewire import EventTooLarge, ServerSentEvent, sdk_decoder
from tests.kit.chunkings import chunkings
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head

pytestmark = [pytest.mark.once, pytest.mark.sockets]

needs_sdk = pytest.mark.skipif(
    sys.version_info < (3, 10) or platform.python_implementation() != "CPython",
    reason="the SDKs need CPython 3.10 or later",
)
SDKS = pytest.mark.parametrize("sdk", ["anthropic", "openai"])


@pytest.fixture(autouse=True)
def implementation(parser_cls: type, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test on both parsers: the decoder takes the one of the process."""
    monkeypatch.setattr("ssewire.sdk.Parser", parser_cls)


# --- the decoder alone


def both_ways(*chunks: bytes, **options: Any) -> list[Any]:
    """Decode with and without async, and return what both give."""
    found = list(sdk_decoder(**options).iter_bytes(iter(chunks)))

    async def run() -> list[Any]:
        return [event async for event in sdk_decoder(**options).aiter_bytes(arriving(chunks))]

    awaited = asyncio.run(run())
    assert list(map(fields, awaited)) == list(map(fields, found))
    return found


async def arriving(chunks: Any) -> AsyncIterator[bytes]:
    for each in chunks:
        yield each


def fields(event: Any) -> tuple[Any, ...]:
    return event.event, event.data, event.id, event.retry


def test_a_typed_event_is_an_ordinary_event() -> None:
    (event,) = both_ways(b"event: a\nid: 1\nretry: 5\ndata: {}\n\n")
    assert event == ServerSentEvent("{}", "a", "1", 5)


def test_an_untyped_event_has_no_type_and_all_else() -> None:
    (event,) = both_ways(b'id: 1\nretry: 5\ndata: {"a": 1.5}\n\n')
    assert event.event is None
    assert fields(event) == (None, '{"a": 1.5}', "1", 5)
    assert event.json() == {"a": 1.5}
    assert event.json(partial(json.loads, parse_float=str)) == {"a": "1.5"}
    assert repr(event) == "UntypedEvent(data='{\"a\": 1.5}', id='1', retry=5)"


def test_json_of_an_untyped_event_that_is_none_raises_what_the_decoder_raises() -> None:
    (event,) = both_ways(b"data: {\n\n")
    with pytest.raises(json.JSONDecodeError):
        event.json()


def test_a_type_that_is_empty_or_spells_the_default_is_told_from_none() -> None:
    events = both_ways(b"event:\ndata: a\n\nevent: message\ndata: b\n\n")
    assert [event.event for event in events] == [None, "message"]


def test_blocks_without_data_never_come_out() -> None:
    assert both_ways(b"retry: 1\n\nid: 1\n\n: hi\n\nevent: a\n\nid: 2\n: b\n\n\n\n") == []


def test_a_block_of_empty_data_comes_out() -> None:
    assert [fields(event) for event in both_ways(b"data:\n\n")] == [(None, "", "", None)]


def test_typed_and_untyped_events_keep_their_order_at_every_chunking() -> None:
    body = (
        "\ufeffdata: é\r\n\r\nevent: a\ndata: b\ndata: c\n\nid: 7\rdata: d\r\rretry: 1\n\n".encode()
    )
    expected = [(None, "é", "", None), ("a", "b\nc", "", None), (None, "d", "7", None)]
    for chunks in chunkings(body):
        assert [fields(event) for event in both_ways(*chunks)] == expected


def test_bad_utf8_becomes_replacement_characters() -> None:
    (event,) = both_ways(b"data: a\xff\xe2\x82\n\n")
    assert event.data == "a\ufffd\ufffd"


def test_an_unfinished_event_at_the_end_does_not_come_out() -> None:
    assert len(both_ways(b"data: a\n\ndata: b\n")) == 1


def test_events_before_one_that_is_too_large_come_out_before_the_error() -> None:
    body = b"data: a\n\nevent: b\ndata: c\n\ndata: " + b"x" * 99
    decoder = sdk_decoder(max_event_size=50)
    expected = [(None, "a", "", None), ("b", "c", "", None)]
    events = decoder.iter_bytes([body])
    assert [fields(next(events)), fields(next(events))] == expected
    with pytest.raises(EventTooLarge) as caught:
        next(events)
    assert caught.value.limit == 50

    async def run() -> None:
        events = decoder.aiter_bytes(arriving([body]))
        assert [fields(await events.__anext__()) for _ in expected] == expected
        with pytest.raises(EventTooLarge):
            await events.__anext__()

    asyncio.run(run())


def test_a_limit_of_none_takes_an_event_of_any_size() -> None:
    (event,) = both_ways(b"data: " + b"x" * 99 + b"\n\n", max_event_size=None)
    assert len(event.data) == 99


def test_each_event_comes_out_before_the_next_chunk_is_asked_for() -> None:
    asked = []

    def source() -> Iterator[bytes]:
        for number in range(3):
            asked.append(number)
            yield b"data: %d\n\n" % number

    for number, event in enumerate(sdk_decoder().iter_bytes(source())):
        assert event.data == str(number)
        assert asked == list(range(number + 1))


def test_what_the_source_raises_comes_out_unchanged() -> None:
    def source() -> Iterator[bytes]:
        yield b"data: a\n\n"
        raise ConnectionResetError("gone")

    events = sdk_decoder().iter_bytes(source())
    assert next(events).data == "a"
    with pytest.raises(ConnectionResetError, match="gone"):
        next(events)


def test_one_decoder_starts_anew_with_each_stream() -> None:
    decoder = sdk_decoder()
    assert list(decoder.iter_bytes([b"id: 1\ndata: half"])) == []
    (event,) = decoder.iter_bytes([b"data: whole\n\n"])
    assert fields(event) == (None, "whole", "", None)


# --- under the SDKs


def answer(body: bytes, size: int = 97) -> list[list[bytes]]:
    """Return a script: a chunked response with the body in pieces that fit no event."""
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    return [[head(200, CHUNKED), *(chunk(each) for each in pieces), LAST_CHUNK]]


def client_of(sdk: str, url: str, decoder: Any, *, asynchronous: bool = False) -> Any:
    """Return an SDK's client with a decoder under its hook; None leaves its own."""
    module = import_module(sdk)
    name = {"anthropic": "Anthropic", "openai": "OpenAI"}[sdk]
    cls = getattr(module, f"Async{name}" if asynchronous else name)
    base = url if sdk == "anthropic" else f"{url}/v1"
    # Loopback without TLS: loading certificates would take most of the test's time.
    http = import_module("httpx2")
    http_client = (http.AsyncClient if asynchronous else http.Client)(verify=False, trust_env=False)
    client = cls(api_key="none", base_url=base, max_retries=0, http_client=http_client)
    if decoder is not None:
        client._make_sse_decoder = decoder
    return client


def quietly(model: Any) -> Any:
    # Blocks that are newer than the SDK's models make pydantic warn.
    return model.to_dict(mode="json", warnings=False)


def claude(url: str, decoder: Any) -> tuple[list[Any], Any]:
    """Return the events and the final message that the SDK makes of a stream."""
    with (
        client_of("anthropic", url, decoder) as client,
        client.beta.messages.stream(model="m", max_tokens=1, messages=[]) as stream,
    ):
        events = [quietly(event) for event in stream]
        return events, quietly(stream.get_final_message())


def claude_async(url: str, decoder: Any) -> tuple[list[Any], Any]:
    async def run() -> tuple[list[Any], Any]:
        client = client_of("anthropic", url, decoder, asynchronous=True)
        opening = client.beta.messages.stream(model="m", max_tokens=1, messages=[])
        async with client, opening as stream:
            events = [quietly(event) async for event in stream]
            return events, quietly(await stream.get_final_message())

    return asyncio.run(run())


def completion(url: str, decoder: Any) -> list[Any]:
    """Return the chunks that the SDK makes of a stream."""
    with (
        client_of("openai", url, decoder) as client,
        client.chat.completions.create(model="m", messages=[], stream=True) as stream,
    ):
        return [quietly(each) for each in stream]


def completion_async(url: str, decoder: Any) -> list[Any]:
    async def run() -> list[Any]:
        async with client_of("openai", url, decoder, asynchronous=True) as client:
            stream = await client.chat.completions.create(model="m", messages=[], stream=True)
            async with stream:
                return [quietly(each) async for each in stream]

    return asyncio.run(run())


READERS: dict[str, list[Callable[[str, Any], Any]]] = {
    "anthropic": [claude, claude_async],
    "openai": [completion, completion_async],
}


def read(sdk: str, body: bytes, decoder: Any, size: int = 97) -> Any:
    """Return what the SDK makes of a body, with and without async alike."""
    with Server(answer(body, size)) as server:
        results = [reader(server.url, decoder) for reader in READERS[sdk]]
    assert results[0] == results[1]
    return results[0]


def piece(**delta: Any) -> dict[str, Any]:
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


def data(value: Any) -> bytes:
    return f"data: {json.dumps(value, ensure_ascii=False)}\n\n".encode()


COMPLETION = b"".join(
    [
        data(piece(role="assistant", content="")),
        data(piece(content="Grüße")),
        data(piece(content="\u2028 日本語 \U0001f600")),
        data(piece(tool_calls=[{"index": 0, "function": {"name": "f", "arguments": '{"a'}}])),
        data({**piece(), "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}}),
        b"data: [DONE]\n\n",
    ]
)


@needs_sdk
def test_the_anthropic_sdk_makes_the_same_of_every_recording(recording: Path) -> None:
    body = recording.read_bytes()
    theirs = read("anthropic", body, None)
    assert read("anthropic", body, sdk_decoder) == theirs
    assert theirs[1]["content"]


@needs_sdk
@pytest.mark.parametrize("size", [1, 7, 65536])
def test_the_openai_sdk_makes_the_same_of_a_chat_completion(size: int) -> None:
    theirs = read("openai", COMPLETION, None, size)
    assert read("openai", COMPLETION, sdk_decoder, size) == theirs
    assert [each["choices"][0]["delta"].get("content") for each in theirs[:3]] == [
        "",
        "Grüße",
        "\u2028 日本語 \U0001f600",
    ]
    assert len(theirs) == 5


@needs_sdk
def test_the_openai_sdk_makes_the_same_of_a_stream_with_crlf_and_comments_before_any_id() -> None:
    body = b": ready\r\n\r\n" + COMPLETION.replace(b"\n", b"\r\n")
    assert read("openai", body, sdk_decoder) == read("openai", body, None)


@needs_sdk
@pytest.mark.parametrize(
    "block", [b"retry: 1000\n\n", b"id: 7\n\n", b"id: 7\n" + data(piece()) + b": keep-alive\n\n"]
)
def test_blocks_without_data_crash_the_openai_sdk_with_its_own_decoder_only(block: bytes) -> None:
    body = block + COMPLETION
    with pytest.raises(json.JSONDecodeError):
        read("openai", body, None)
    before = [piece()] if b"data" in block else []
    assert read("openai", body, sdk_decoder) == before + read("openai", COMPLETION, None)


@needs_sdk
def test_a_bom_costs_the_openai_sdk_the_first_chunk_with_its_own_decoder_only() -> None:
    body = b"\xef\xbb\xbf" + COMPLETION
    whole = read("openai", COMPLETION, None)
    assert read("openai", body, None) == whole[1:]
    assert read("openai", body, sdk_decoder) == whole


@needs_sdk
def test_bad_utf8_stops_the_openai_sdk_with_its_own_decoder_only() -> None:
    body = data(piece(content="a")).replace(b'"a"', b'"\xff"') + COMPLETION
    with pytest.raises(UnicodeDecodeError):
        read("openai", body, None)
    assert read("openai", body, sdk_decoder)[0]["choices"][0]["delta"]["content"] == "\ufffd"


@needs_sdk
def test_the_anthropic_sdk_passes_over_untyped_events_with_either_decoder() -> None:
    typed = b'event: ping\ndata: {"type": "ping"}\n\n'
    body = typed + b'data: {"type": "message_stop"}\n\n' + typed
    for decoder in (None, sdk_decoder):
        with Server(answer(body)) as server, client_of("anthropic", server.url, decoder) as client:
            events = client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
            assert list(events) == []


@needs_sdk
def test_the_anthropic_sdk_raises_the_same_error_for_an_error_event() -> None:
    anthropic = import_module("anthropic")
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}
    body = b"event: error\n" + data(error)
    raised = []
    for decoder in (None, sdk_decoder):
        with pytest.raises(anthropic.APIStatusError) as caught:
            read("anthropic", body, decoder)
        raised.append((type(caught.value), str(caught.value), caught.value.body))
    assert raised[0] == raised[1]


@needs_sdk
@SDKS
def test_an_event_that_is_too_large_stops_the_sdk_and_closes_its_connection(sdk: str) -> None:
    small = partial(sdk_decoder, max_event_size=50)
    script = [[head(200, CHUNKED), chunk(b"data: " + b"x" * 99), "hold"]]
    with Server(script) as server, client_of(sdk, server.url, small) as client:
        with pytest.raises(EventTooLarge):
            list(stream_of(sdk, client))
        assert server.wait_closed()


@needs_sdk
@SDKS
def test_a_connection_that_breaks_raises_what_it_raises_with_the_sdks_own_decoder(sdk: str) -> None:
    body = COMPLETION[:200] if sdk == "openai" else b'event: ping\ndata: {"type": "ping"}\n\nev'
    raised = []
    for decoder in (None, sdk_decoder):
        server = Server([[head(200, CHUNKED), chunk(body)]])
        with server, client_of(sdk, server.url, decoder) as client:
            with pytest.raises(Exception, match=r".") as caught:
                list(stream_of(sdk, client))
            raised.append((type(caught.value), str(caught.value)))
    assert raised[0] == raised[1]


def stream_of(sdk: str, client: Any) -> Any:
    if sdk == "anthropic":
        return client.messages.create(model="m", max_tokens=1, messages=[], stream=True)
    return client.chat.completions.create(model="m", messages=[], stream=True)


@needs_sdk
@SDKS
def test_a_stream_left_early_closes_its_connection(sdk: str) -> None:
    body = COMPLETION if sdk == "openai" else event_of_a_delta()
    server = Server([[head(200, CHUNKED), chunk(body[:-16]), "hold"]])
    with server, client_of(sdk, server.url, sdk_decoder) as client:
        with stream_of(sdk, client) as stream:
            assert next(stream) is not None
        assert server.wait_closed()


def event_of_a_delta() -> bytes:
    delta = {"type": "text_delta", "text": "a"}
    body = json.dumps({"type": "content_block_delta", "index": 0, "delta": delta})
    return f"event: content_block_delta\ndata: {body}\n\n".encode() * 2


@needs_sdk
@SDKS
def test_a_hook_on_the_instance_is_lost_by_with_options_and_one_in_a_subclass_is_kept(
    sdk: str,
) -> None:
    ours = type(sdk_decoder())
    with client_of(sdk, "http://127.0.0.1:9", sdk_decoder) as client:
        assert type(client._make_sse_decoder()) is ours
        assert type(client.with_options(timeout=1)._make_sse_decoder()) is not ours

        class Client(type(client)):  # type: ignore[misc]
            def _make_sse_decoder(self) -> Any:
                return sdk_decoder()

        other = Client(api_key="none", http_client=client._client).with_options(timeout=1)
        assert type(other._make_sse_decoder()) is ours


@needs_sdk
@SDKS
def test_the_decoder_is_what_the_sdk_calls_a_decoder(sdk: str) -> None:
    protocol = import_module(f"{sdk}._streaming").SSEBytesDecoder
    assert isinstance(sdk_decoder(), protocol)
