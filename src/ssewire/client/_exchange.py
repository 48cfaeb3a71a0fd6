# SPDX-License-Identifier: MIT
"""One request until its answer: the steps of `_http.exchange`, carried out with blocking sockets.

May import: _http, _settings, errors, _body, _connection, _response, _stream.
"""

from __future__ import annotations

import time

from .._http.exchange import Answered, Ask, Carry, Dial, StartTLS, Take
from .._http.timeouts import Deadlines
from .._settings import check_carried, foreign, log
from ..errors import SSEWireError
from ._body import ForeignBody, ResponseBody, error_body
from ._connection import Interrupted, Wire
from ._response import HTTPResponse
from ._stream import EventStream

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._http.exchange import Step, Steps
    from .._http.heads import ResponseHead
    from .._http.request import HTTPRequest
    from .._settings import Settings
    from .._standard import ItemT
    from ..parser import Parser
    from ._connection import Handle


def respond(first: HTTPRequest, settings: Settings, handle: Handle) -> HTTPResponse:
    """Return the response that a request ends at; its `chunks` are one of the bodies of `_body`."""
    driver = _Driver(settings, handle, Deadlines(first.timeouts, time.monotonic()))
    steps = settings.steps(first, driver.deadlines, time.monotonic)
    try:
        return driver.run(steps)
    except BaseException:
        handle.abort()
        raise


class _Driver:
    """Carries out the steps of one exchange."""

    __slots__ = ("_asked", "_first", "_settings", "deadlines", "handle", "wire")

    def __init__(self, settings: Settings, handle: Handle, deadlines: Deadlines) -> None:
        self.handle = handle
        self.deadlines = deadlines
        self.wire = Wire(handle, deadlines, settings.pool)
        self._settings = settings
        # The last question, and what came of the body with its answer's head.
        self._asked: Ask | None = None
        self._first: list[bytes] = []

    def run(self, steps: Steps) -> HTTPResponse:
        """Return the response that the steps lead to."""
        step = next(steps)
        while not isinstance(step, Answered):
            try:
                result = self._perform(step)
            except SSEWireError as exc:
                step = steps.throw(exc)
            else:
                step = steps.send(result)
        return self._response(step)

    def _perform(self, step: Step) -> Any:
        if isinstance(step, Ask):
            return self._ask(step)
        if isinstance(step, Dial):
            return self.wire.connect(step.host, step.port, step.address)
        if isinstance(step, StartTLS):
            return self.wire.start_tls(self._settings.tls_context(), step.host, step.address)
        if isinstance(step, Take):
            kept = self._settings.pool.take(step.route)
            if kept is not None:
                self.handle.adopt(kept)
            return kept is not None
        if isinstance(step, Carry):
            return self._carry(step.request)
        return self._drop()

    def _ask(self, step: Ask) -> ResponseHead:
        self._asked = step
        self._first = self.wire.ask(step)
        assert step.reader.head is not None
        return step.reader.head

    def _drop(self) -> None:
        asked = self._asked
        if asked is not None and asked.reader.complete:
            # It may carry another request, after a redirect without a body.
            self.wire.end(asked.reader)
        else:
            self.handle.drop()

    def _carry(self, request: HTTPRequest) -> HTTPResponse:
        """Have the caller's transport carry a request."""
        if self.handle.aborted:
            raise Interrupted
        try:
            response: HTTPResponse = self._settings.transport(request)
        except SSEWireError:
            raise
        except Exception as exc:
            raise foreign(exc) from exc
        check_carried(response, HTTPResponse)
        self.handle.adopt_response(lambda: _close_foreign(response))
        return response

    def _response(self, answered: Answered) -> HTTPResponse:
        answer = answered.answer
        if isinstance(answer, HTTPResponse):
            foreign_body = ForeignBody(answer, self.deadlines, self.handle)
            url = answer.url or answered.request.url
            return HTTPResponse(answer.status, answer.headers, foreign_body, url=url)
        assert self._asked is not None
        reader = self._asked.reader
        if reader.complete:
            # Nothing more is to come, so nobody need close what will not be read.
            self.wire.end(reader)
        body = ResponseBody(self.wire, reader, self._first)
        return HTTPResponse(answer.status, answer.headers, body, url=answered.request.url)


def _close_foreign(response: HTTPResponse) -> None:
    """Close a transport's response. That it cannot be closed changes no outcome."""
    try:
        response.close()
    except Exception as exc:
        log.warning("a transport's response could not be closed: %s", type(exc).__name__)


def open_events(
    first: HTTPRequest, settings: Settings, handle: Handle, parser: Parser[ItemT]
) -> EventStream[ItemT]:
    """Return the events of a response that has been found to be an event stream."""
    response = respond(first, settings, handle)
    try:
        body: Any = response.chunks
        if not settings.accepts(response):
            raise settings.refusal(first, response, error_body(body))
        return EventStream(response, parser, body.deadlines, handle, settings.dispatch)
    except BaseException:
        response.close()
        raise
