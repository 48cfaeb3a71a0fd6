"""One request until its answer, over a socket of ours or carried by a transport.

May import: _checks, _http, _settings, errors, _body, _connection, _response, _stream.
"""

from __future__ import annotations

import time

from .._checks import wrong_type
from .._http.heads import request_head
from .._http.reader import ResponseReader
from .._http.redirects import Redirects
from .._http.refusal import is_event_stream
from .._http.timeouts import Deadlines
from .._settings import foreign, log
from ..errors import ConnectFailed, ConnectionLost, ContentTypeError, SSEWireError, StatusError
from ._body import ForeignBody, ResponseBody, error_body
from ._connection import Handle, Interrupted, Wire
from ._response import HTTPResponse
from ._stream import EventStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any

    from .._http.proxy import Proxy
    from .._http.request import HTTPRequest
    from .._settings import Settings
    from ..parser import Parser
    from ._pool import Pool
    from ._response import Transport


def respond(first: HTTPRequest, settings: Settings, handle: Handle) -> HTTPResponse:
    """Return the response that a request ends at, after redirects."""
    deadlines = Deadlines(first.timeouts, time.monotonic())
    redirects = Redirects(settings.max_redirects)
    current = first
    try:
        while True:
            if settings.transport is None:
                response = _exchange(current, settings, Wire(handle, deadlines, settings.pool))
            else:
                response = _carry(current, settings.transport, handle, deadlines)
            following = redirects.follow(current, response.status, response.headers)
            if following is None:
                return response
            handle.drop()
            deadlines.start_connect(time.monotonic())
            current = following
    except BaseException:
        handle.abort()
        raise


def _exchange(current: HTTPRequest, settings: Settings, wire: Wire) -> HTTPResponse:
    """Connect, or take a connection that was kept; send a request, return what is answered."""
    parts = current.parts
    try:
        proxy = settings.proxy_for(current)
    except ValueError as exc:
        # Met after a redirect; the first request's was checked before.
        raise ConnectFailed(parts.address, str(exc), False) from exc
    secure = parts.scheme == "https"
    key = (parts.scheme, parts.host, parts.port, proxy)
    pool: Pool | None = settings.pool
    kept = None if pool is None else pool.take(key)
    if kept is not None:
        wire.handle.adopt(kept)
        reader = ResponseReader(current.method)
        try:
            return _answer(current, None if secure else proxy, wire, reader, key)
        except ConnectionLost:
            if reader.begun:
                raise
        # The server had closed it while it was idle, or just then (RFC 9112, 9.3.1).
        wire.handle.drop()
        wire.deadlines.start_connect(time.monotonic())
    if proxy is None:
        wire.connect(parts.host, parts.port, parts.address)
    else:
        wire.connect(proxy.host, proxy.port, proxy.address)
        if secure:
            try:
                wire.open_tunnel(current, proxy)
            except ConnectionLost as exc:
                raise ConnectFailed(proxy.address, str(exc)) from exc
    if secure:
        # Certificates know no dot at the end of a name (RFC 6066, 3).
        wire.start_tls(settings.tls_context(), parts.host.rstrip("."), parts.address)
        proxy = None
    return _answer(current, proxy, wire, ResponseReader(current.method), key)


def _answer(
    current: HTTPRequest,
    proxy: Proxy | None,
    wire: Wire,
    reader: ResponseReader,
    key: Hashable,
) -> HTTPResponse:
    """Send a request on a connection that is made, and return what is answered."""
    wire.deadlines.start_head(time.monotonic())
    head = request_head(current, proxy, keep_alive=wire.pooled)
    lost: ConnectionLost | None = None
    pieces: list[bytes] = []
    try:
        pieces = wire.send(head + (current.body or b""), reader)
    except ConnectionLost as exc:
        # A server may refuse a large body before it is through; its answer says why.
        lost = exc
    if reader.error is not None and reader.head is None:
        raise lost or reader.error
    while reader.head is None:
        try:
            received = wire.receive()
        except ConnectionLost as exc:
            raise (lost or exc) from (lost or exc).__cause__
        if received:
            pieces = reader.feed(received)
        else:
            reader.close()
        if reader.error is not None and reader.head is None:
            raise lost or reader.error
    wire.deadlines.start_body()
    if wire.sent:
        wire.key = key
    if reader.complete:
        # Nothing more is to come, so nobody need close what will not be read.
        wire.end(reader)
    response = HTTPResponse(
        reader.head.status, reader.head.headers, ResponseBody(wire, reader, pieces), url=current.url
    )
    response._deadlines = wire.deadlines
    return response


def _close_foreign(response: HTTPResponse) -> None:
    """Close a transport's response. That it cannot be closed changes no outcome."""
    try:
        response.close()
    except Exception as exc:
        log.warning("a transport's response could not be closed: %s", type(exc).__name__)


def _carry(
    current: HTTPRequest, transport: Transport, handle: Handle, deadlines: Deadlines
) -> HTTPResponse:
    """Have a transport carry a request."""
    if handle.aborted:
        raise Interrupted
    try:
        response = transport(current)
    except SSEWireError:
        raise
    except Exception as exc:
        raise foreign(exc) from exc
    if not isinstance(response, HTTPResponse):
        raise wrong_type("what a transport returns", "an HTTPResponse", response)
    handle.adopt_response(lambda: _close_foreign(response))
    deadlines.start_head(time.monotonic())
    deadlines.start_body()
    ours = HTTPResponse(
        response.status,
        response.headers,
        ForeignBody(response, deadlines, handle),
        url=response.url or current.url,
    )
    ours._deadlines = deadlines
    return ours


def open_events(
    first: HTTPRequest, settings: Settings, handle: Handle, parser: Parser[Any]
) -> EventStream:
    """Return the events of a response that has been found to be an event stream."""
    response = respond(first, settings, handle)
    try:
        deadlines = response._deadlines
        assert deadlines is not None
        if response.status != 200:
            body = error_body(response, deadlines)
            raise StatusError(response.status, response.headers, body)
        if not is_event_stream(response.headers):
            body = error_body(response, deadlines)
            raise ContentTypeError(response.headers.get("Content-Type"), body)
        return EventStream(response, parser, deadlines, handle)
    except BaseException:
        response.close()
        raise
