"""The parsers that are measured, each behind the same two functions.

`count(chunks)` does the work that is timed and returns the number of events;
`events(chunks)` gives them for the check. Parsers that return lists are
counted with len(), iterators by being iterated, which is what it takes to
make them work; where a peer asks for text the decoding is part of its work.
"""

from __future__ import annotations

import codecs
import os
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Callable, NamedTuple

Found = tuple[str, str, "str | None"]  # None: the peer does not give a persistent ID


class Candidate(NamedTuple):
    name: str
    count: Callable[[list[bytes]], int]
    events: Callable[[list[bytes]], list[Found]]


def ours(parser: Any) -> Candidate:
    def count(chunks: list[bytes]) -> int:
        feed = parser(max_event_size=None).feed
        total = 0
        for chunk in chunks:
            total += len(feed(chunk))
        return total

    def events(chunks: list[bytes]) -> list[Found]:
        feed = parser(max_event_size=None).feed
        return [(e.data, e.event, e.id) for chunk in chunks for e in feed(chunk)]

    return Candidate(f"ssewire {parser.__module__.rpartition('_')[2]}", count, events)


def iterating(
    name: str, iterate: Callable[[list[bytes]], Iterable[Any]], fields: Callable[[Any], Found]
) -> Candidate:
    def count(chunks: list[bytes]) -> int:
        total = 0
        for _ in iterate(chunks):
            total += 1
        return total

    def events(chunks: list[bytes]) -> list[Found]:
        return [fields(event) for event in iterate(chunks)]

    return Candidate(name, count, events)


def _texts(chunks: list[bytes]) -> Iterator[str]:
    decode = codecs.getincrementaldecoder("utf-8")("replace").decode
    for chunk in chunks:
        yield decode(chunk)


def httpx_sse() -> Candidate:
    from httpx_sse._decoders import SSEDecoder, SSELineDecoder

    def iterate(chunks: list[bytes]) -> Iterator[Any]:
        lines = SSELineDecoder()
        decoder = SSEDecoder()
        for text in _texts(chunks):
            for line in lines.decode(text):
                event = decoder.decode(line)
                if event is not None:
                    yield event

    return iterating("httpx-sse", iterate, lambda e: (e.data, e.event, e.id))


def httpx2() -> Candidate:
    from httpx2._sse import _SSEParser

    def iterate(chunks: list[bytes]) -> Iterator[Any]:
        parser = _SSEParser(None)
        for text in _texts(chunks):
            yield from parser.decode(text)

    return iterating("httpx2", iterate, lambda e: (e.data, e.event, e.id))


def assel() -> Candidate:
    import assel as module

    def iterate(chunks: list[bytes]) -> Any:
        return module.parse(chunks)

    return iterating("assel", iterate, lambda e: (e.data, e.event or "message", None))


def launchdarkly() -> Candidate:
    from ld_eventsource.actions import Event
    from ld_eventsource.reader import _BufferedLineReader, _SSEReader

    def iterate(chunks: list[bytes]) -> Any:
        return _SSEReader(_BufferedLineReader.lines_from(chunks)).events_and_comments()

    def fields(event: Any) -> Found:
        return event.data, event.event, event.last_event_id or ""

    def count(chunks: list[bytes]) -> int:
        total = 0
        for action in iterate(chunks):
            total += isinstance(action, Event)
        return total

    def events(chunks: list[bytes]) -> list[Found]:
        return [fields(action) for action in iterate(chunks) if isinstance(action, Event)]

    return Candidate("launchdarkly-eventsource", count, events)


def sseclient_py() -> Candidate:
    from sseclient import SSEClient

    return iterating(
        "sseclient-py",
        lambda chunks: SSEClient(chunks).events(),
        lambda e: (e.data, e.event, None),
    )


def anthropic() -> Candidate:
    from anthropic._streaming import SSEDecoder

    return iterating(
        "anthropic",
        lambda chunks: SSEDecoder().iter_bytes(iter(chunks)),
        lambda e: (e.data, e.event or "message", e.id or ""),
    )


def openai() -> Candidate:
    from openai._streaming import SSEDecoder

    return iterating(
        "openai",
        lambda chunks: SSEDecoder().iter_bytes(iter(chunks)),
        lambda e: (e.data, e.event or "message", e.id or ""),
    )


PEERS = {
    "httpx-sse": httpx_sse,
    "httpx2": httpx2,
    "assel": assel,
    "launchdarkly-eventsource": launchdarkly,
    "sseclient-py": sseclient_py,
    "anthropic": anthropic,
    "openai": openai,
}


def floor(document: bytes, chunk_size: int) -> Any | None:
    """Return the floor for a document in chunks of a size; None where it was not built."""
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "floor"))
    try:
        from ssewire_floor import Floor
    except ModuleNotFoundError:
        return None
    finally:
        del sys.path[0]
    return Floor(document, chunk_size)


def installed(name: str) -> str | None:
    """Return the version of an installed package; None if it is not there."""
    try:
        return version(name)
    except PackageNotFoundError:
        return None
