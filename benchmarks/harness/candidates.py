# SPDX-License-Identifier: MIT
"""The parsers that are measured, each behind the same two functions.

`count(chunks)` does the work that is timed and returns the number of events;
`read(chunks)` gives them for the check. Parsers that return lists are counted
with len(), iterators by being iterated, which is what it takes to make them
work; where a peer asks for text the decoding is part of its work. Peers that
only come as HTTP clients get a response made of the chunks and no network; those
whose responses nobody else can make read from a server here, and are judged, not timed.
May import: served, the standard library, the peers.
"""

from __future__ import annotations

import codecs
import importlib.util
import io
import os
import platform
import sys
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Callable, NamedTuple

from .served import serving_chunks

# sseclient and sseclient-py install a module of the same name: the group `bench-alone`.
ALONE = Path(sys.prefix) / "only" / "sseclient"


class Found(NamedTuple):
    """One event, as far as the candidate tells."""

    data: str
    event: str
    id: str | None = ""  # the last event ID at dispatch; None: no ID in this block
    retry: int | None = None  # that of the event's own block


class Reading(NamedTuple):
    """All that came of a stream: its events, and `retry` and `last_event_id` at its end if told."""

    events: list[Found]
    state: dict[str, Any]


class Candidate(NamedTuple):
    name: str
    count: Callable[[list[bytes]], int]
    read: Callable[[list[bytes]], Reading]
    # Which of Found's last two fields the candidate tells; the others are not judged.
    tells: frozenset[str]


class StreamEnded(Exception):
    """Raised where a client would connect again."""


Iterate = Callable[[list[bytes], "dict[str, Any]"], Iterable[Any]]


def ours(parser: Any) -> Candidate:
    def count(chunks: list[bytes]) -> int:
        feed = parser(max_event_size=None).feed
        total = 0
        for chunk in chunks:
            total += len(feed(chunk))
        return total

    def read(chunks: list[bytes]) -> Reading:
        made = parser(max_event_size=None)
        feed = made.feed
        events = [Found(e.data, e.event, e.id, e.retry) for chunk in chunks for e in feed(chunk)]
        made.close()
        return Reading(events, {"last_event_id": made.last_event_id, "retry": made.retry})

    name = f"ssewire {parser.__module__.rpartition('_')[2]}"
    return Candidate(name, count, read, frozenset({"id", "retry"}))


def iterating(
    name: str, iterate: Iterate, fields: Callable[[Any], Found], *tells: str
) -> Candidate:
    def count(chunks: list[bytes]) -> int:
        total = 0
        for _ in iterate(chunks, {}):
            total += 1
        return total

    def read(chunks: list[bytes]) -> Reading:
        state: dict[str, Any] = {}
        return Reading([fields(event) for event in iterate(chunks, state)], state)

    return Candidate(name, count, read, frozenset(tells))


def remembering(candidate: Candidate) -> Candidate:
    """Let a peer that gives an event only the ID of its own block be used as its users must."""

    def read(chunks: list[bytes]) -> Reading:
        events, state = candidate.read(chunks)
        last = ""
        remembered = []
        for event in events:
            last = event.id if event.id is not None else last
            remembered.append(event._replace(id=last))
        return Reading(remembered, state)

    return candidate._replace(read=read)


def _texts(chunks: list[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    for chunk in chunks:
        yield decode(chunk)
    yield decode(b"", True)


def _pieces(chunks: list[bytes], size: int) -> Iterator[bytes]:
    """Yield what reads of at most `size` bytes give when the chunks arrive one by one."""
    for chunk in chunks:
        for at in range(0, len(chunk), size):
            yield chunk[at : at + size]


# --- the peers ----------------------------------------------------------------


def httpx_sse() -> Candidate:
    from httpx_sse._decoders import SSEDecoder, SSELineDecoder

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        lines = SSELineDecoder()
        decoder = SSEDecoder()
        for text in _texts(chunks):
            for line in lines.decode(text):
                event = decoder.decode(line)
                if event is not None:
                    yield event
        for line in lines.flush():
            event = decoder.decode(line)
            if event is not None:
                yield event

    return iterating(
        "httpx-sse", iterate, lambda e: Found(e.data, e.event, e.id, e.retry), "id", "retry"
    )


def httpx2() -> Candidate:
    from httpx2._sse import _SSEParser

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        parser = _SSEParser(None)
        for text in _texts(chunks):
            yield from parser.decode(text)
        yield from parser.flush()

    return iterating(
        "httpx2", iterate, lambda e: Found(e.data, e.event, e.id, e.retry), "id", "retry"
    )


def assel() -> Candidate:
    import assel as module

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Any:
        # The decoder is an attribute of the class: what one stream left in it would
        # break the next one.
        module.LineParser.utf8dec.reset()
        return module.parse(chunks)

    return remembering(
        iterating("assel", iterate, lambda e: Found(e.data, e.event, e.id, e.retry), "id", "retry")
    )


def launchdarkly() -> Candidate:
    from ld_eventsource.actions import Event
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        reader = _SSEReader(_BufferedLineReader.lines_from(chunks))
        for action in reader.events_and_comments():
            if isinstance(action, Event):
                yield action
        state["last_event_id"] = reader.last_event_id or ""

    return iterating(
        "launchdarkly-eventsource",
        iterate,
        lambda e: Found(e.data, e.event, e.last_event_id or ""),
        "id",
    )


def sseclient_py() -> Candidate:
    from sseclient import SSEClient

    return remembering(
        iterating(
            "sseclient-py",
            lambda chunks, state: SSEClient(iter(chunks)).events(),
            # Its retry is the field's text as it stood there: nothing to judge.
            lambda e: Found(e.data, e.event, e.id),
            "id",
        )
    )


def sseclient_alone() -> Any:
    """Return the module of sseclient, whose name that of sseclient-py has."""
    spec = importlib.util.spec_from_file_location("sseclient_alone", ALONE / "sseclient.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sseclient() -> Candidate:
    module = sseclient_alone()
    read_size = 1024  # its default

    class Client(module.SSEClient):  # type: ignore[misc, name-defined]
        """Does not wait before it connects again, whatever the stream's `retry` says."""

        asked_retry: Any = None

        @property
        def retry(self) -> int:
            return 0

        @retry.setter
        def retry(self, value: Any) -> None:
            self.asked_retry = value

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        pieces = _pieces(chunks, read_size)
        reader = SimpleNamespace(read1=lambda size: next(pieces, b""))
        response = SimpleNamespace(
            raw=SimpleNamespace(_fp=SimpleNamespace(fp=reader)),
            # What requests makes of a text type without a charset, as event streams come.
            encoding="ISO-8859-1",
            raise_for_status=lambda: None,
        )
        responses = iter([response])

        def get(url: str, **_: object) -> Any:
            for found in responses:
                return found
            raise StreamEnded

        client = Client("http://peer", session=SimpleNamespace(get=get), chunk_size=read_size)
        client.asked_retry = None
        try:
            for event in client:
                # An event has the ID of its own block only; the client has the last one.
                event.last_id = client.last_id or ""
                yield event
        except StreamEnded:
            pass
        state.update(last_event_id=client.last_id or "", retry=client.asked_retry)

    return iterating(
        "sseclient", iterate, lambda e: Found(e.data, e.event, e.last_id, e.retry), "id", "retry"
    )


def requests_sse() -> Candidate:
    import requests
    from requests_sse import EventSource

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        def ended() -> None:
            raise StreamEnded

        response = requests.Response()
        response.status_code = 200
        response.url = "http://peer"
        response.headers["Content-Type"] = "text/event-stream"
        response.raw = SimpleNamespace(
            stream=lambda size, decode_content: _pieces(chunks, size),
            close=lambda: None,
        )
        session = SimpleNamespace(request=lambda **_: response)
        source = EventSource("http://peer", session=session, on_error=ended)
        before = source._reconnection_time
        source.connect()
        try:
            yield from source
        except StreamEnded:
            pass
        state.update(_told(source, before))

    return iterating(
        "requests-sse", iterate, lambda e: Found(e.data, e.type, e.last_event_id), "id"
    )


def aiohttp_sse_client() -> Candidate:
    import asyncio

    from aiohttp import StreamReader
    from aiohttp.base_protocol import BaseProtocol
    from aiohttp_sse_client.client import EventSource
    from yarl import URL

    class Body(StreamReader):  # type: ignore[misc]
        """Takes the next chunk where a response's body would wait for it."""

        def __init__(self, chunks: list[bytes]) -> None:
            super().__init__(BaseProtocol(loop), 2**16, loop=loop)
            self._arriving = iter(chunks)

        async def _wait(self, what: str) -> None:
            chunk = next(self._arriving, None)
            if chunk is None:
                self.feed_eof()
            else:
                self.feed_data(chunk)

    loop = asyncio.new_event_loop()

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        def ended() -> None:
            raise StreamEnded

        response = SimpleNamespace(
            status=200,
            content_type="text/event-stream",
            real_url=URL("http://peer"),
            content=Body(chunks),
        )

        async def request(method: str, url: object, **_: object) -> Any:
            return response

        session = SimpleNamespace(request=request)
        source = EventSource("http://peer", session=session, on_error=ended)
        before = source._reconnection_time
        _run(source.connect())
        try:
            while True:
                yield _run(source.__anext__())
        except StreamEnded:
            pass
        state.update(_told(source, before))

    return iterating(
        "aiohttp-sse-client",
        iterate,
        lambda e: Found(e.data, e.type or "message", e.last_event_id),
        "id",
    )


def _told(source: Any, before: Any) -> dict[str, Any]:
    """Return the state of requests-sse's and aiohttp-sse-client's sources, which are alike.

    Args:
        before: its reconnection time before the stream.
    """
    after = source._reconnection_time
    retry = None if after is before else round(after.total_seconds() * 1000)
    return {"last_event_id": source._last_event_id, "retry": retry}


def _run(coroutine: Any) -> Any:
    """Return what a coroutine returns that never waits: no event loop is timed with it."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("it waits for something")


def larzsse() -> Candidate:
    from larzsse import parse_events

    class Body(io.RawIOBase):
        def __init__(self, chunks: list[bytes]) -> None:
            # What a BufferedReader asks for at a time.
            self._pieces = _pieces(chunks, io.DEFAULT_BUFFER_SIZE)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: Any) -> int:
            piece = next(self._pieces, b"")
            buffer[: len(piece)] = piece
            return len(piece)

    return iterating(
        "larzsse",
        lambda chunks, state: parse_events(io.BufferedReader(Body(chunks)).readline),
        lambda e: Found(e.data, e.event, e.id or ""),
        "id",
    )


def axio_sse() -> Candidate:
    from axio_sse import Decoder

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        decode = Decoder(limit=sys.maxsize).decode
        for chunk in chunks:
            yield from decode(chunk)
        yield from decode(final=True)

    return iterating(
        "axio-sse", iterate, lambda e: Found(e.data, e.name, e.id, e.retry), "id", "retry"
    )


def _sdk(name: str, decoder: Any) -> Candidate:
    return iterating(
        name,
        lambda chunks, state: decoder().iter_bytes(iter(chunks)),
        lambda e: Found(e.data, e.event or "message", e.id or "", e.retry),
        *("id", "retry"),
    )


def anthropic() -> Candidate:
    from anthropic._streaming import SSEDecoder

    return _sdk("anthropic", SSEDecoder)


def openai() -> Candidate:
    from openai._streaming import SSEDecoder

    return _sdk("openai", SSEDecoder)


def ry() -> Candidate:
    from ry import BlockingClient

    client = BlockingClient()
    url, serve = serving_chunks()

    def iterate(chunks: list[bytes], state: dict[str, Any]) -> Iterator[Any]:
        serve(chunks)
        # Its own limit is 512 KiB; no case needs more.
        with client.get(url).sse() as stream:
            yield from stream
            state.update(last_event_id=stream.last_event_id, retry=stream.retry)

    return iterating("ry", iterate, lambda e: Found(e.data, e.event, e.last_event_id), "id")


# The parsers, which are timed too.
PEERS = {
    "httpx-sse": httpx_sse,
    "httpx2": httpx2,
    "launchdarkly-eventsource": launchdarkly,
    "axio-sse": axio_sse,
    "assel": assel,
    "sseclient-py": sseclient_py,
    "sseclient": sseclient,
    "requests-sse": requests_sse,
    "aiohttp-sse-client": aiohttp_sse_client,
    "larzsse": larzsse,
    "anthropic": anthropic,
    "openai": openai,
}

# Those that only read from a server: the cost of a network would be in their time.
CLIENTS = {"ry": ry}


def floor(document: bytes, chunks: list[bytes]) -> Any | None:
    """Return the floor for a document in these chunks; None where it was not built."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor"))
    try:
        from ssewire_floor import Floor
    except ModuleNotFoundError:
        return None
    finally:
        del sys.path[0]
    return Floor(document, [len(chunk) for chunk in chunks])


def installed(name: str) -> str | None:
    """Return the version of an installed package; None if it is not there."""
    if name == "sseclient":
        found = next(iter(metadata.distributions(name=name, path=[str(ALONE)])), None)
        return None if found is None else found.version
    if name == "urllib":  # of the standard library
        return platform.python_version()
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
