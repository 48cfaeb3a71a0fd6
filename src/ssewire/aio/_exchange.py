# SPDX-License-Identifier: MIT
"""One request until its answer: the steps of `_http.exchange`, carried out with asyncio.

May import: _http, _settings, errors, _body, _connection, _response, _stream, _tasks.
"""

from __future__ import annotations

import asyncio

from .._http.exchange import Answered, Ask, Carry, Dial, StartTLS, Take
from .._http.timeouts import Deadlines
from .._settings import check_carried, foreign
from ..errors import SSEWireError
from ._body import ForeignBody, ResponseBody, error_body
from ._connection import Connection
from ._response import HTTPResponse
from ._stream import parsed
from ._tasks import Child, Closing, Expired

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._http.exchange import Step, Steps
    from .._http.heads import ResponseHead
    from .._http.request import HTTPRequest
    from .._settings import Settings
    from .._standard import ItemT
    from ..parser import Parser
    from ._stream import EventStream


async def respond(first: HTTPRequest, settings: Settings) -> HTTPResponse:
    """Return the response that a request ends at; its `chunks` are one of the bodies of `_body`."""
    loop = asyncio.get_running_loop()
    driver = _Driver(settings, Deadlines(first.timeouts, loop.time()), loop)
    steps = settings.steps(first, driver.deadlines, loop.time)
    try:
        return await driver.run(steps)
    except SSEWireError:
        await driver.close()
        raise
    except BaseException:
        # Cancelled, for one: it is closed all the same, but not waited for.
        driver.close()
        raise


class _Driver:
    """Carries out the steps of one exchange."""

    __slots__ = ("_connection", "_foreign", "_loop", "_settings", "deadlines")

    def __init__(
        self, settings: Settings, deadlines: Deadlines, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.deadlines: Deadlines = deadlines
        self._loop = loop
        self._settings = settings
        # Where the exchange is at: a connection of ours, or what a transport answered.
        self._connection: Connection | None = None
        self._foreign: ForeignBody | None = None

    async def run(self, steps: Steps) -> HTTPResponse:
        """Return the response that the steps lead to."""
        step = next(steps)
        while not isinstance(step, Answered):
            try:
                result = await self._perform(step)
            except SSEWireError as exc:
                step = steps.throw(exc)
            else:
                step = steps.send(result)
        return self._response(step)

    def close(self) -> Closing:
        """Close what is there."""
        if self._foreign is not None:
            return self._foreign.close()
        return Closing() if self._connection is None else self._connection.close()

    async def _perform(self, step: Step) -> Any:
        if isinstance(step, Ask):
            return await self._ask(step)
        if isinstance(step, Dial):
            connection = self._connection = Connection(self._loop, self.deadlines, step.reader)
            return await connection.connect(step.host, step.port, step.address)
        if isinstance(step, StartTLS):
            assert self._connection is not None
            return await self._connection.start_tls(
                self._settings, step.host, step.address, step.reader
            )
        if isinstance(step, Take):
            return await self._take(step)
        if isinstance(step, Carry):
            return await self._carry(step.request)
        return await self.close()

    async def _take(self, step: Take) -> bool:
        wire: Any = await self._settings.pool.soon(self._loop, step.route)
        if wire is None:
            return False
        self._connection = Connection(self._loop, self.deadlines, step.reader)
        self._connection.reuse(wire)
        return True

    async def _ask(self, step: Ask) -> ResponseHead:
        assert self._connection is not None
        if step.route is not None:
            self._connection.keep_for(self._settings.pool, step.route)
        return await self._connection.ask(step)

    async def _carry(self, request: HTTPRequest) -> HTTPResponse:
        """Have the caller's transport carry a request."""

        async def carried() -> HTTPResponse:
            try:
                answer = self._settings.transport(request)
                response: HTTPResponse = await answer if hasattr(answer, "__await__") else answer
            except SSEWireError:
                raise
            except Exception as exc:
                raise foreign(exc) from exc
            check_carried(response, HTTPResponse)
            return response

        left = self.deadlines.remaining(self._loop.time())
        try:
            response = await Child().run(carried(), left, HTTPResponse.close)
        except Expired:
            raise self.deadlines.timed_out(self._loop.time()) from None
        self._foreign = ForeignBody(response, self.deadlines, self._loop)
        return response

    def _response(self, answered: Answered) -> HTTPResponse:
        answer, request = answered.answer, answered.request
        body: ForeignBody | ResponseBody
        if self._foreign is not None:
            body = self._foreign
            url = answer.url or request.url
        else:
            assert self._connection is not None
            self._connection.begin_body(request.timeouts)
            body = ResponseBody(self._connection, answer.headers)
            url = request.url
        return HTTPResponse(answer.status, answer.headers, body, url=url, close=body.close)


async def open_events(
    first: HTTPRequest, settings: Settings, parser: Parser[ItemT]
) -> EventStream[ItemT]:
    """Return the events of a response that has been found to be an event stream."""
    return parsed(await event_response(first, settings), parser, settings.dispatch)


async def event_response(first: HTTPRequest, settings: Settings) -> HTTPResponse:
    """Return a response that has been found to be an event stream."""
    response = await respond(first, settings)
    try:
        if not settings.accepts(response):
            body: Any = response.chunks
            raise settings.refusal(first, response, await error_body(body))
    except BaseException:
        await response.close()
        raise
    return response
