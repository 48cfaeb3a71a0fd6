# SPDX-License-Identifier: MIT
"""What serves events, one candidate a package, each as its documentation says.

All send the same events from a source of the items that they take; making an item is part of
what is measured. What they send is compared with what was meant.
May import: the standard library, ssewire, the peers.
"""

from __future__ import annotations

import importlib.util
from collections.abc import AsyncIterator
from typing import Any, Callable, NamedTuple

from ssewire import Parser, ServerSentEvent, encode_event
from ssewire.asgi import HEADERS, event_body, event_stream

# A delta of Claude's, as relays pass on.
DATA = '{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hello, you"}}'
NAME = "delta"

# A function without arguments that gives the items: for FastAPI it is the endpoint itself.
Events = Callable[[], AsyncIterator[Any]]
# What makes an item of the number of an event.
Item = Callable[[int], Any]


class Candidate(NamedTuple):
    """What it needs, and how it is used: both are loaded when they are first asked for."""

    packages: tuple[str, ...]  # the distributions
    item: Callable[[], Item]
    # An ASGI application that answers every request with the events; None: it is no ASGI.
    application: Callable[[Events], Any] | None = None
    # What answers a request of aiohttp's server.
    handler: Callable[[Events], Any] | None = None


def _our_item() -> Item:
    return lambda number: ServerSentEvent(DATA, NAME, str(number))


def _encoded_item() -> Item:
    return lambda number: encode_event(DATA, event=NAME, id=str(number))


def _dict_item() -> Item:
    return lambda number: {"data": DATA, "event": NAME, "id": str(number)}


def _fastapi_item() -> Item:
    from fastapi.sse import ServerSentEvent as Model

    # `raw_data` is for text that is encoded already, as this is.
    return lambda number: Model(raw_data=DATA, event=NAME, id=str(number))


def _each(make: Callable[[Events], Any]) -> Callable[[Events], Any]:
    """Return the application that makes a response for each request."""

    def application(events: Events) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await make(events)(scope, receive, send)

        return app

    return application


def _event_response(events: Events) -> Any:
    from ssewire.asgi import EventResponse

    return EventResponse(events())


def _plain(events: Events) -> Any:
    from starlette.responses import StreamingResponse

    return StreamingResponse(events(), headers=HEADERS)


def _body(events: Events) -> Any:
    from starlette.responses import StreamingResponse

    return StreamingResponse(event_body(events()), headers=HEADERS)


def _sse_starlette(events: Events) -> Any:
    from sse_starlette import EventSourceResponse

    return EventSourceResponse(events())


def _fastapi(events: Events) -> Any:
    from fastapi import FastAPI
    from fastapi.sse import EventSourceResponse

    app = FastAPI()
    app.get("/", response_class=EventSourceResponse)(events)
    return app


def _aiohttp_sse(events: Events) -> Any:
    from aiohttp_sse import sse_response

    async def view(request: Any) -> Any:
        async with sse_response(request) as response:
            async for each in events():
                await response.send(each["data"], event=each["event"], id=each["id"])
        return response

    return view


CANDIDATES = {
    "ssewire event_stream": Candidate(
        ("ssewire",), _our_item, lambda events: event_stream(lambda scope: events())
    ),
    "ssewire EventResponse": Candidate(("starlette",), _our_item, _each(_event_response)),
    "ssewire event_body": Candidate(("starlette",), _our_item, _each(_body)),
    "StreamingResponse + encode_event": Candidate(("starlette",), _encoded_item, _each(_plain)),
    "sse-starlette": Candidate(("sse-starlette", "starlette"), _dict_item, _each(_sse_starlette)),
    "fastapi.sse": Candidate(("fastapi", "starlette"), _fastapi_item, _fastapi),
    "aiohttp-sse": Candidate(("aiohttp-sse", "aiohttp"), _dict_item, None, _aiohttp_sse),
}


def missing(packages: tuple[str, ...]) -> list[str]:
    """Return those of some distributions that are not installed."""
    return [each for each in packages if importlib.util.find_spec(each.replace("-", "_")) is None]


def fault(body: bytes, number: int) -> str:
    """Return what is wrong with the bytes of so many events; "" if nothing is."""
    parser = Parser()
    found = [(event.data, event.event, event.id) for event in parser.feed(body)]
    if len(found) != number:
        return f"{len(found)} events for {number}"
    for each, event in enumerate(found):
        for what, one, other in zip(("data", "event type", "id"), event, (DATA, NAME, str(each))):
            if one != other:
                return what
    return ""
