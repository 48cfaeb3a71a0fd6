# SPDX-License-Identifier: MIT
"""The two functions that open a response.

May import: _checks, _http, _limits, _settings, parser, _exchange, _opening.
"""

from __future__ import annotations

from typing import overload

from .._checks import exact_str
from .._http.redirects import MAX_REDIRECTS
from .._http.refusal import EVENT_STREAM
from .._http.timeouts import NOT_GIVEN
from .._limits import MAX_EVENT_SIZE
from .._settings import checked_arguments
from ..parser import Parser
from ._exchange import open_events, respond
from ._opening import Opening

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from typing import Any, Literal

    from typing_extensions import Unpack

    from .._headers import HeaderSource
    from .._http.refusal import MediaTypes
    from .._http.request import Body
    from .._http.timeouts import NotGiven, Timeouts
    from .._settings import StreamOptions
    from .._unfinished import Unfinished
    from ..event import Item, ServerSentEvent
    from ._response import HTTPResponse, Transport
    from ._stream import EventStream


def request(
    url: str,
    *,
    method: str = "GET",
    headers: HeaderSource | None = None,
    body: Body | None = None,
    timeouts: Timeouts | float | NotGiven | None = NOT_GIVEN,
    timeout: Timeouts | float | NotGiven | None = NOT_GIVEN,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = "env",
    max_redirects: int = MAX_REDIRECTS,
    transport: Transport | None = None,
) -> Opening[HTTPResponse]:
    """Send a request, follow redirects and return the response, whatever its status is.

    To be awaited, or entered by `async with`, which closes the response.

    Args:
        url: http or https; without credentials.
        headers: a mapping or pairs; they win over the defaults (Accept:
            text/event-stream, Cache-Control: no-cache, Accept-Encoding: identity).
        timeouts: by default 10 s for connecting and none else. A number of seconds is for
            the head and for each wait for bytes (and at most that for connecting); None
            waits for ever. `timeout` is another name for it.
        tls: verifies with the system's certificates if not given.
        proxy: "env" takes it from the environment (HTTP_PROXY, NO_PROXY, ...);
            else a proxy's URL, or None.
        transport: carries each request instead of our own sockets. It and its
            chunks are awaited in tasks of their own.

    Raises:
        TypeError, ValueError: an argument that makes no sense, at the call itself.

    Raises (when awaited):
        TransportError: no response could be had.
    """
    first, settings = checked_arguments(
        url, method, headers, body, timeouts, timeout, tls, proxy, max_redirects, transport
    )
    return Opening(lambda: respond(first, settings))


# The keywords that decide nothing of the type stand once, in StreamOptions.
@overload
def open_stream(
    url: str,
    *,
    transport: Transport | None = None,
    comments: Literal[False] = False,
    **options: Unpack[StreamOptions],
) -> Opening[EventStream[ServerSentEvent]]: ...


@overload
def open_stream(
    url: str,
    *,
    transport: Transport | None = None,
    comments: bool,
    **options: Unpack[StreamOptions],
) -> Opening[EventStream[Item]]: ...


def open_stream(
    url: str,
    *,
    method: str = "GET",
    headers: HeaderSource | None = None,
    body: Body | None = None,
    timeouts: Timeouts | float | NotGiven | None = NOT_GIVEN,
    timeout: Timeouts | float | NotGiven | None = NOT_GIVEN,
    tls: ssl.SSLContext | None = None,
    proxy: str | None = "env",
    max_redirects: int = MAX_REDIRECTS,
    transport: Transport | None = None,
    media_types: MediaTypes = EVENT_STREAM,
    last_event_id: str = "",
    max_event_size: int | None = MAX_EVENT_SIZE,
    comments: bool = False,
    default_event: str = "message",
    unfinished: Unfinished = "drop",
) -> Opening[EventStream[Any]]:
    """Send a request and return its events; takes the arguments of `request` and of `Parser`.

    To be awaited, or entered by `async with`, which closes the stream.

    Args:
        media_types: what the response may be; None for anything, also for nothing said.
        unfinished: "dispatch" hands out an event that the body ends within, if it has
            data; the standard drops it. Never where the body was cut.

    Raises:
        TypeError, ValueError: an argument that makes no sense, at the call itself.

    Raises (when awaited):
        StatusError: the status is not 200.
        ContentTypeError: the media type is none of `media_types`.
        TransportError: no response could be had.
    """
    first, settings = checked_arguments(
        *(url, method, headers, body, timeouts, timeout, tls, proxy, max_redirects, transport),
        unfinished=unfinished,
        media_types=media_types,
    )
    last_event_id = exact_str("last_event_id", last_event_id)
    parser = Parser(
        last_event_id=last_event_id or first.headers.get("Last-Event-ID", ""),
        max_event_size=max_event_size,
        comments=comments,
        default_event=default_event,
    )
    if last_event_id:
        first = first.with_last_event_id(last_event_id)
    return Opening(lambda: open_events(first, settings, parser))
