# SPDX-License-Identifier: MIT
"""One request until its answer, as steps: kept connections, proxies, TLS, redirects.

`exchange` is a generator. It yields what is to be done next; whoever drives it
does that, sends back what came of it, or throws the error that it ended with.
What to do is thus decided once, for every way to wait. It runs once per
request and is done when the response's head is there: no event passes here.
May import: errors, heads, proxy, reader, redirects.
"""

from __future__ import annotations

import sys

from ..errors import ConnectFailed, ConnectionLost, HTTPFormatError
from .heads import connect_head, request_head
from .proxy import Route
from .reader import ResponseReader, SilentReader
from .redirects import Redirects

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Any, Callable, Protocol, Union

    from .._headers import Headers
    from .heads import ResponseHead
    from .proxy import Proxy
    from .request import HTTPRequest
    from .timeouts import Deadlines

    class Answer(Protocol):
        """A response's head, or the response of a transport."""

        @property
        def status(self) -> int: ...
        @property
        def headers(self) -> Headers: ...

    Step = Union["Take", "Dial", "StartTLS", "Ask", "Carry", "Drop", "Answered"]
    Steps = Generator[Step, Any, Any]

# Sockets can be made there, but connect to nothing, each in a way of its own.
_SOCKETLESS = sys.platform in ("emscripten", "wasi")
_INSTEAD = (
    "there are no sockets in WebAssembly; give transport=, in a browser one over fetch "
    "(docs/how-to/pyodide.md)"
)


class Take:
    """Step: take a connection that was kept for `route`. Send back whether there is one.

    `reader` is to read what comes over it.
    """

    __slots__ = ("reader", "route")

    def __init__(self, route: Route, reader: ResponseReader) -> None:
        self.route: Route = route
        self.reader: ResponseReader = reader


class Dial:
    """Step: connect to `host` and `port`; `address` is both of them for people.

    `reader` is to read what comes at first: it may come before a question.
    """

    __slots__ = ("address", "host", "port", "reader")

    def __init__(self, host: str, port: int, address: str, reader: ResponseReader) -> None:
        self.host: str = host
        self.port: int = port
        self.address: str = address
        self.reader: ResponseReader = reader


class StartTLS:
    """Step: put TLS on the connection, with a certificate for `host`; `reader` is for what follows.

    `address` is where that is, for people.
    """

    __slots__ = ("address", "host", "reader")

    def __init__(self, host: str, address: str, reader: ResponseReader) -> None:
        self.host: str = host
        self.address: str = address
        self.reader: ResponseReader = reader


class Ask:
    """Step: send `data` and wait for a head. Send back the ResponseHead.

    `route` says what the connection may be kept for after the response; None
    if it may not. The driver sets `written` once all of `data` has left it:
    from then on the server may have acted on it. It lets go of `data` when it
    sends it: that may be megabytes, and an answer may take minutes. It is never
    in a variable of its own: tracebacks show those, and it holds the credentials.
    """

    __slots__ = ("data", "reader", "route", "written")

    def __init__(self, data: bytes, reader: ResponseReader, route: Route | None) -> None:
        self.data: bytes = data
        self.reader: ResponseReader = reader
        self.route: Route | None = route
        self.written: bool = False


class Carry:
    """Step: have the caller's transport carry `request`. Send back its response."""

    __slots__ = ("request",)

    def __init__(self, request: HTTPRequest) -> None:
        self.request: HTTPRequest = request


class Drop:
    """Step: close the connection or the transport's response; another follows."""

    __slots__ = ()


class Answered:
    """The last step: nothing is to be done, `answer` is what `request` was answered with."""

    __slots__ = ("answer", "request")

    def __init__(self, request: HTTPRequest, answer: Any) -> None:
        self.request: HTTPRequest = request
        self.answer: Any = answer


def exchange(
    first: HTTPRequest,
    deadlines: Deadlines,
    clock: Callable[[], float],
    *,
    proxy_for: Callable[[HTTPRequest], Proxy | None],
    max_redirects: int,
    keeps: bool,
    carried: bool,
    within: bool = False,
) -> Steps:
    """Generate the steps from a request to the response that it ends at, after redirects.

    Args:
        deadlines: of the whole exchange; its phases are set here.
        clock: seconds, on the clock of `deadlines`.
        proxy_for: the proxy for a request, as the environment is at that time.
        keeps: connections are kept for further requests.
        carried: a transport of the caller's carries the requests.
        within: redirects to another origin are refused.

    Raises (out of the generator):
        RedirectError: a redirect that cannot or must not be followed.
        ConnectFailed: a proxy that cannot be used, or that refuses.
        HTTPFormatError: a proxy that does not keep to its part.
        TransportError: what was thrown in and nothing can be done about.
    """
    redirects = Redirects(max_redirects, within=within)
    current = first
    # The request before, and its proxy. No credential in a variable: tracebacks show those.
    before = first
    proxy: Proxy | None = None
    while True:
        if carried:
            deadlines.start_head(clock())
            answer: Answer = yield Carry(current)
            deadlines.start_body()
        else:
            route = _route(current, proxy_for)
            if proxy is not None and proxy.same_as(route.proxy):
                # A redirect to another origin lost it, but on the way is the same proxy.
                name = "Proxy-Authorization"
                current = current.with_headers({name: before.headers.get(name)})
            before, proxy = current, route.proxy
            answer = yield from _ask(current, route, deadlines, clock, keeps)
        following = redirects.follow(current, answer.status, answer.headers)
        if following is None:
            yield Answered(current, answer)
            return
        yield Drop()
        deadlines.start_connect(clock())
        current = following


def _ask(
    current: HTTPRequest,
    route: Route,
    deadlines: Deadlines,
    clock: Callable[[], float],
    keeps: bool,
) -> Steps:
    """Ask over a connection that was kept, if there is one that is good, else over a new one."""
    if keeps:
        reader = ResponseReader(current.method)
        if (yield Take(route, reader)):
            deadlines.start_head(clock())
            ask = _question(current, route, reader, keeps)
            try:
                head: ResponseHead = yield ask
            except ConnectionLost:
                # The server may close an idle connection at any time. Only where it cannot
                # have seen the whole request is it asked again unasked (RFC 9110, 9.2.2);
                # else that is for the caller's retries to decide.
                if ask.written or reader.begun:
                    raise
            else:
                deadlines.start_body()
                return head
            # Once: another one that was kept may be no better.
            yield Drop()
            deadlines.start_connect(clock())
    reader = ResponseReader(current.method)
    yield from _connect(current, route, reader)
    deadlines.start_head(clock())
    try:
        head = yield _question(current, route, reader, keeps)
    except ConnectionLost as exc:
        proxy = route.proxy
        if proxy is None or not proxy.variable or route.secure:
            raise
        # Lost to the proxy, as far as anybody here can tell.
        raise ConnectionLost(proxy.explain(exc.reason)) from exc.__cause__
    deadlines.start_body()
    return head


def _question(current: HTTPRequest, route: Route, reader: ResponseReader, keeps: bool) -> Ask:
    """Return the step that asks over a connection; nobody else holds its data."""
    # Within a tunnel the request is the server's alone.
    proxy = None if route.secure else route.proxy
    return Ask(
        request_head(current, proxy, keep_alive=keeps) + (current.body or b""),
        reader,
        route if keeps else None,
    )


def _route(current: HTTPRequest, proxy_for: Callable[[HTTPRequest], Proxy | None]) -> Route:
    parts = current.parts
    try:
        proxy = proxy_for(current)
    except ValueError as exc:
        # Met after a redirect; the first request's was checked before.
        raise ConnectFailed(parts.address, str(exc), False) from exc
    return Route(parts.scheme, parts.host, parts.port, proxy)


def _connect(current: HTTPRequest, route: Route, reader: ResponseReader) -> Steps:
    """Make a new connection, on which `reader` reads in the end."""
    parts = current.parts
    proxy = route.proxy
    if not route.secure:
        yield from _dial(route, reader)
        return
    if proxy is None:
        yield from _dial(route, SilentReader("bytes before the TLS handshake"))
    else:
        first_reader = ResponseReader("CONNECT", tunnel=True)
        yield from _dial(route, first_reader)
        try:
            head: ResponseHead = yield Ask(connect_head(current, proxy), first_reader, None)
        except (ConnectionLost, HTTPFormatError) as exc:
            raise ConnectFailed(proxy.address, proxy.explain(str(exc))) from exc
        _check_tunnel(proxy, head, first_reader)
    # Certificates know no dot at the end of a name (RFC 6066, 3).
    yield StartTLS(parts.host.rstrip("."), parts.address, reader)


def _dial(route: Route, reader: ResponseReader) -> Steps:
    """Connect to the proxy, if there is one, else to the server."""
    if _SOCKETLESS:
        raise ConnectFailed(route.first_hop[-1], _INSTEAD, retryable=False)
    try:
        yield Dial(*route.first_hop, reader)
    except ConnectFailed as exc:
        if route.proxy is None or not route.proxy.variable:
            raise
        why = route.proxy.explain(exc.reason)
        raise ConnectFailed(exc.address, why, exc.retryable) from exc.__cause__


def _check_tunnel(proxy: Proxy, head: ResponseHead, reader: ResponseReader) -> None:
    """Refuse what is no tunnel to the server."""
    if not 200 <= head.status < 300:
        raise ConnectFailed(
            proxy.address,
            proxy.explain(f"the proxy answered CONNECT with status {head.status}"),
            head.status in (408, 429) or head.status >= 500,
        )
    if reader.leftover:
        raise HTTPFormatError("the proxy sent bytes before the tunnel was used")
