"""One request until its answer, over a connection of ours or carried by a transport.

May import: _checks, _http, _settings, errors, _body, _connection, _response, _stream, _tasks.
"""

from __future__ import annotations

import asyncio

from .._checks import wrong_type
from .._http.heads import request_head
from .._http.reader import ResponseReader
from .._http.redirects import Redirects
from .._http.refusal import is_event_stream
from .._http.timeouts import Deadlines
from .._settings import foreign
from ..errors import (
    ConnectFailed,
    ConnectionLost,
    ContentTypeError,
    HTTPFormatError,
    SSEWireError,
    StatusError,
)
from ._body import ForeignBody, ResponseBody, error_body
from ._connection import Connection
from ._response import HTTPResponse
from ._stream import parsed
from ._tasks import Child, Expired

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
    from ._stream import EventStream


async def respond(first: HTTPRequest, settings: Settings) -> HTTPResponse:
    """Return the response that a request ends at, after redirects."""
    loop = asyncio.get_running_loop()
    deadlines = Deadlines(first.timeouts, loop.time())
    redirects = Redirects(settings.max_redirects)
    current = first
    while True:
        if settings.transport is None:
            response = await _exchange(current, settings, deadlines)
        else:
            response = await _carry(current, settings.transport, deadlines)
        try:
            following = redirects.follow(current, response.status, response.headers)
        except BaseException:
            await response.close()
            raise
        if following is None:
            return response
        await response.close()
        deadlines.start_connect(loop.time())
        current = following


async def _exchange(current: HTTPRequest, settings: Settings, deadlines: Deadlines) -> HTTPResponse:
    """Connect, or take a connection that was kept; send a request, return what is answered."""
    loop = asyncio.get_running_loop()
    parts = current.parts
    try:
        proxy = settings.proxy_for(current)
    except ValueError as exc:
        # Met after a redirect; the first request's was checked before.
        raise ConnectFailed(parts.address, str(exc), False) from exc
    key = (parts.scheme, parts.host, parts.port, proxy)
    pool: Pool | None = settings.pool
    transport = None if pool is None else await pool.soon(loop, key)
    secure = parts.scheme == "https"
    if transport is not None:
        connection = Connection(loop, deadlines, ResponseReader(current.method), False)
        connection.reuse(transport)
        try:
            return await _answer(connection, current, None if secure else proxy, pool, key)
        except ConnectionLost:
            if connection.reader.begun:
                raise
        # The server had closed it while it was idle, or just then (RFC 9112, 9.3.1). Once
        # only: another one that was kept may be no better.
        deadlines.start_connect(loop.time())
    reader = first_reader = ResponseReader(current.method)
    if secure:
        first_reader = ResponseReader("CONNECT", tunnel=True)
        if proxy is None:
            first_reader.error = HTTPFormatError("bytes before the TLS handshake")
    connection = Connection(loop, deadlines, first_reader, secure and proxy is not None)
    try:
        if proxy is None:
            await connection.connect(parts.host, parts.port, parts.address)
        else:
            await connection.connect(proxy.host, proxy.port, proxy.address)
            if secure:
                await connection.open_tunnel(current, proxy)
        if secure:
            context = settings.tls_context()
            # Certificates know no dot at the end of a name (RFC 6066, 3).
            await connection.start_tls(context, parts.host.rstrip("."), parts.address, reader)
            proxy = None
    except BaseException:
        connection.close()
        raise
    return await _answer(connection, current, proxy, pool, key)


async def _answer(
    connection: Connection,
    current: HTTPRequest,
    proxy: Proxy | None,
    pool: Pool | None,
    key: Hashable,
) -> HTTPResponse:
    """Send a request on a connection that is made, and return what is answered."""
    loop = asyncio.get_running_loop()
    try:
        connection.deadlines.start_head(loop.time())
        asked = request_head(current, proxy, keep_alive=pool is not None)
        if pool is not None:
            connection.keep_for(pool, key)
        head = await connection.ask(asked + (current.body or b""))
        connection.begin_body(current.timeouts)
        body = ResponseBody(connection, head.headers)
        response = HTTPResponse(head.status, head.headers, body, url=current.url, close=body.close)
        response._deadlines = connection.deadlines
        return response
    except BaseException:
        connection.close()
        raise


async def _carry(current: HTTPRequest, transport: Transport, deadlines: Deadlines) -> HTTPResponse:
    """Have a transport carry a request."""

    async def carried() -> HTTPResponse:
        try:
            awaitable = transport(current)
            response = await awaitable if hasattr(awaitable, "__await__") else awaitable
        except SSEWireError:
            raise
        except Exception as exc:
            raise foreign(exc) from exc
        if not isinstance(response, HTTPResponse):
            raise wrong_type("what a transport returns", "an HTTPResponse", response)
        return response

    loop = asyncio.get_running_loop()
    deadlines.start_head(loop.time())
    try:
        response = await Child().run(
            carried(), deadlines.remaining(loop.time()), HTTPResponse.close
        )
    except Expired:
        raise deadlines.timed_out(loop.time()) from None
    deadlines.start_body()
    body = ForeignBody(response, deadlines)
    ours = HTTPResponse(
        response.status,
        response.headers,
        body,
        url=response.url or current.url,
        close=body.close,
    )
    ours._deadlines = deadlines
    return ours


async def open_events(first: HTTPRequest, settings: Settings, parser: Parser[Any]) -> EventStream:
    return parsed(await event_response(first, settings), parser)


async def event_response(first: HTTPRequest, settings: Settings) -> HTTPResponse:
    """Return a response that has been found to be an event stream."""
    response = await respond(first, settings)
    try:
        if response.status != 200:
            raise StatusError(response.status, response.headers, await error_body(response))
        if not is_event_stream(response.headers):
            body = await error_body(response)
            raise ContentTypeError(response.headers.get("Content-Type"), body)
    except BaseException:
        await response.close()
        raise
    return response
