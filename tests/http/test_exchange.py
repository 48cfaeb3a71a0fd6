# SPDX-License-Identifier: MIT
"""One request until its answer: the steps, driven without a socket, a clock or a thread.

`Play` carries out what the generator asks for: a script says how each question
is answered, and what each connection that was kept is good for. It writes down
the steps, and which deadlines run while each is carried out.
"""

from __future__ import annotations

import sys
from typing import Any, Callable, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssewire._headers import Headers
from ssewire._http.exchange import (
    Answered,
    Ask,
    Carry,
    Dial,
    Drop,
    StartTLS,
    Take,
    exchange,
)
from ssewire._http.proxy import Proxy, parse_proxy
from ssewire._http.reader import SilentReader
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Deadlines, Timeouts
from ssewire.errors import (
    ConnectFailed,
    ConnectionLost,
    HTTPFormatError,
    RedirectError,
    StreamTimeout,
    TransportError,
)

PROXY = parse_proxy("http://user:pw@proxy:3128")
ALL = Timeouts(connect=10.0, head=20.0, idle=30.0, stall=40.0, total=1000.0)
SECRETS = {"Authorization": "secret", "x-api-key": "secret", "Cookie": "secret"}

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
TUNNEL = b"HTTP/1.1 200 Connection established\r\n\r\n"


def moved(location: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n".encode()


class Lost:
    """An answer that is none: the connection is lost when so much has been done."""

    def __init__(self, *, written: bool, begun: bytes = b"") -> None:
        self.written = written
        self.begun = begun
        self.error = ConnectionLost("reset")


# What comes of a question: bytes of a response, a loss, or another failure.
Outcome = Union[bytes, Lost, TransportError]


class Response:
    """What a transport gives."""

    def __init__(self, status: int, headers: dict[str, str] | None = None) -> None:
        self.status = status
        self.headers = Headers(headers)


class Play:
    """A driver of one exchange.

    Args:
        outcomes: of each question in turn, or of each request that a transport carries.
        proxy: for all requests, or a function of each.
        kept: what each Take in turn is answered with; None where there is no pool.
        carried: a transport carries the requests.
    """

    def __init__(
        self,
        first: HTTPRequest,
        *outcomes: Any,
        proxy: Proxy | Callable[[HTTPRequest], Proxy | None] | None = None,
        kept: list[bool] | None = None,
        carried: bool = False,
        max_redirects: int = 10,
    ) -> None:
        self.now = 0.0
        self.deadlines = Deadlines(first.timeouts, self.now)
        self.steps: list[Any] = []
        # One line for each step, the bytes of each question, and which deadlines run until when
        # at each step.
        self.log: list[str] = []
        self.sent: list[bytes] = []
        self.running: list[dict[str, float]] = []
        self.answer: Any = None
        self._outcomes = list(outcomes)
        self._kept = list(kept or ())
        self.generator = exchange(
            first,
            self.deadlines,
            lambda: self.now,
            proxy_for=proxy if callable(proxy) else lambda request: proxy,
            max_redirects=max_redirects,
            keeps=kept is not None,
            carried=carried,
        )

    def run(self, until: int | None = None) -> Play:
        """Carry out all steps, or as many as `until`; the next one has been asked for then."""
        step = self._noted(next(self.generator))
        while not isinstance(step, Answered) and len(self.steps) != until:
            # Each step takes a second.
            self.now += 1.0
            result = self.carry_out(step)
            if isinstance(result, BaseException):
                step = self._noted(self.generator.throw(result))
            else:
                step = self._noted(self.generator.send(result))
        if isinstance(step, Answered):
            self.answer = step.answer
            with pytest.raises(StopIteration):
                next(self.generator)
        return self

    @property
    def phases(self) -> list[tuple[str, str]]:
        """Each step, and which deadlines run at it."""
        kinds = [" ".join(sorted(running)) for running in self.running]
        return list(zip(self.log, kinds))

    def _noted(self, step: Any) -> Any:
        self.steps.append(step)
        self.log.append(describe(step))
        self.running.append(dict(self.deadlines.running))
        return step

    def carry_out(self, step: Any) -> Any:
        """Return what comes of a step: what is to be sent, or the exception to be thrown."""
        if isinstance(step, Take):
            return self._kept.pop(0) if self._kept else False
        if isinstance(step, Carry):
            return self._outcomes.pop(0)
        if not isinstance(step, Ask):
            return None
        self.sent.append(step.data)
        step.data = b""
        outcome = self._outcomes.pop(0)
        if isinstance(outcome, Lost):
            step.written = outcome.written
            if outcome.begun:
                step.reader.feed(outcome.begun)
            return outcome.error
        step.written = True
        if isinstance(outcome, bytes):
            step.reader.feed(outcome)
            step.reader.close()
            return step.reader.head or step.reader.error
        return outcome


def describe(step: Any) -> str:
    """Return what a step asks for, in a line."""
    if isinstance(step, Take):
        return f"take {step.route.scheme}://{step.route.host}:{step.route.port}"
    if isinstance(step, Dial):
        assert step.address == f"{step.host}:{step.port}"
        return f"dial {step.address}"
    if isinstance(step, StartTLS):
        return f"tls {step.host} at {step.address}"
    if isinstance(step, Ask):
        return f"ask {step.data.partition(b' HTTP/1.1')[0].decode()}"
    if isinstance(step, Carry):
        return f"carry {step.request.method} {step.request.url}"
    if isinstance(step, Answered):
        return f"answered {step.request.url} {step.answer.status}"
    assert isinstance(step, Drop)
    return "drop"


def get(url: str = "http://h/x", **options: Any) -> HTTPRequest:
    return HTTPRequest(url, timeouts=ALL, **options)


def fields(data: bytes) -> dict[str, str]:
    """Return the header fields of a request."""
    lines = data.partition(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
    return {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}


def secrets(data: bytes) -> set[str]:
    """Return the names of the fields that hold a secret."""
    return {name for name, value in fields(data).items() if value == "secret"}


# --- the four ways


def test_a_plain_request_goes_straight_to_the_server() -> None:
    play = Play(get("http://h/x?y", headers={"X-A": "b"}), OK).run()
    assert play.log == ["dial h:80", "ask GET /x?y", "answered http://h/x?y 200"]
    dial, ask, answered = play.steps
    assert play.sent[0].startswith(b"GET /x?y HTTP/1.1\r\nHost: h\r\n")
    assert play.sent[0].endswith(b"\r\nX-A: b\r\nConnection: close\r\n\r\n")
    assert dial.reader is ask.reader
    assert ask.route is None
    assert (answered.answer, answered.answer.status) == (ask.reader.head, 200)


def test_a_plain_request_through_a_proxy_names_the_whole_url() -> None:
    play = Play(get(), OK, proxy=PROXY).run()
    assert play.log == ["dial proxy:3128", "ask GET http://h/x", "answered http://h/x 200"]
    assert fields(play.sent[0])["proxy-authorization"].startswith("Basic ")
    assert play.steps[0].reader is play.steps[1].reader


def test_tls_starts_before_anything_is_said() -> None:
    play = Play(get("https://h.:8443/x"), OK).run()
    # Certificates know no dot at the end of a name.
    assert play.log == [
        "dial h.:8443",
        "tls h at h.:8443",
        "ask GET /x",
        "answered https://h.:8443/x 200",
    ]
    dial, tls, ask, _ = play.steps
    assert isinstance(dial.reader, SilentReader)
    assert tls.reader is ask.reader
    assert ask.reader is not dial.reader


def test_tls_through_a_proxy_goes_through_a_tunnel_and_the_proxy_learns_no_more_than_where() -> (
    None
):
    headers = {**SECRETS, "Proxy-Authorization": "mine"}
    play = Play(get("https://h/x", headers=headers), TUNNEL, OK, proxy=PROXY).run()
    assert play.log == [
        "dial proxy:3128",
        "ask CONNECT h:443",
        "tls h at h:443",
        "ask GET /x",
        "answered https://h/x 200",
    ]
    dial, connect, tls, ask, _ = play.steps
    assert fields(play.sent[0]) == {"host": "h:443", "proxy-authorization": "mine"}
    assert secrets(play.sent[1]) == {"authorization", "x-api-key", "cookie"}
    # What is for the proxy is not for the server.
    assert "proxy-authorization" not in fields(play.sent[1])
    assert dial.reader is connect.reader
    assert connect.reader.tunnel
    assert connect.route is None
    assert tls.reader is ask.reader
    assert not ask.reader.tunnel


def test_a_body_goes_out_after_its_head_in_one_piece() -> None:
    play = Play(get(method="POST", body=b"body"), OK).run()
    head, _, body = play.sent[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /x HTTP/1.1")
    assert (fields(head)["content-length"], body) == ("4", b"body")


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("proxy", [None, PROXY])
def test_only_heads_end_an_exchange_whatever_the_status(secure: bool, proxy: Proxy | None) -> None:
    for status in (200, 204, 304, 401, 500, 599):
        answer = f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode()
        before = [TUNNEL] if secure and proxy else []
        play = Play(get("https://h/" if secure else "http://h/"), *before, answer, proxy=proxy)
        assert play.run().answer.status == status


@pytest.mark.skipif(sys.implementation.name != "cpython", reason="counts references")
def test_nobody_holds_the_bytes_of_a_question_but_its_step() -> None:
    for kept in (None, [True]):
        play = Play(get(method="POST", body=bytes(1000)), OK, kept=kept).run(until=2)
        ask = play.steps[1]
        assert isinstance(ask, Ask)
        held = sys.getrefcount(ask.data)
        # By the attribute, and by the argument here.
        assert held <= 2


# --- redirects


ROUTES: list[tuple[str, Proxy | None, list[bytes]]] = [
    ("http", None, []),
    ("http", PROXY, []),
    ("https", None, []),
    ("https", PROXY, [TUNNEL]),
]


@pytest.mark.parametrize(("scheme", "proxy", "before"), ROUTES)
def test_a_redirect_within_the_origin_keeps_everything_and_takes_the_same_way(
    scheme: str, proxy: Proxy | None, before: list[bytes]
) -> None:
    first = get(f"{scheme}://h/x", headers=SECRETS)
    play = Play(first, *before, moved("/y"), *before, OK, proxy=proxy).run()
    there = play.log.index("drop")
    assert play.log[-1] == f"answered {scheme}://h/y 200"
    assert [line.replace("/y", "/x") for line in play.log[there + 1 : -1]] == play.log[:there]
    assert secrets(play.sent[-1]) == {"authorization", "x-api-key", "cookie"}
    # Each connection has readers of its own.
    readers = [step.reader for step in play.steps if isinstance(step, Ask)]
    assert len({id(reader) for reader in readers}) == len(readers)


@pytest.mark.parametrize(("scheme", "proxy", "before"), ROUTES)
@pytest.mark.parametrize("target", ["https://other/y", "https://h:8443/y"])
def test_a_redirect_to_another_origin_drops_what_identifies_the_caller(
    scheme: str, proxy: Proxy | None, before: list[bytes], target: str
) -> None:
    tunnel = [TUNNEL] if proxy else []
    first = get(f"{scheme}://h/x", headers={**SECRETS, "Host": "told", "X-Other": "kept"})
    play = Play(first, *before, moved(target), *tunnel, OK, proxy=proxy).run()
    assert play.log[-1] == f"answered {target} 200"
    assert secrets(play.sent[-1]) == set()
    assert fields(play.sent[-1])["host"] == target.split("/")[2]
    assert fields(play.sent[-1])["x-other"] == "kept"


def test_secrets_that_were_dropped_do_not_come_back_with_the_origin() -> None:
    first = get("http://h/x", headers=SECRETS)
    play = Play(first, moved("http://other/"), moved("http://h/y"), OK).run()
    assert [len(secrets(data)) for data in play.sent] == [3, 0, 0]
    assert play.log == [
        "dial h:80",
        "ask GET /x",
        "drop",
        "dial other:80",
        "ask GET /",
        "drop",
        "dial h:80",
        "ask GET /y",
        "answered http://h/y 200",
    ]


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (301, "ask GET /y"),
        (302, "ask GET /y"),
        (303, "ask GET /y"),
        (307, "ask POST /y"),
        (308, "ask POST /y"),
    ],
)
def test_the_body_goes_with_the_method(status: int, line: str) -> None:
    first = get(method="POST", body=b"body", headers={"Content-Type": "text/x"})
    play = Play(first, moved("/y", status), OK).run()
    assert line in play.log
    again = play.sent[1]
    assert again.endswith(b"\r\n\r\nbody") is (status >= 307)
    assert ("content-length" in fields(again)) is (status >= 307)
    assert ("content-type" in fields(again)) is (status >= 307)


def test_each_request_has_its_own_proxy() -> None:
    asked: list[str] = []

    def proxy_for(request: HTTPRequest) -> Proxy | None:
        asked.append(request.url)
        return PROXY if request.parts.host == "far" else None

    play = Play(get("http://near/"), moved("https://far/"), TUNNEL, OK, proxy=proxy_for).run()
    assert asked == ["http://near/", "https://far/"]
    assert play.log[3:6] == ["dial proxy:3128", "ask CONNECT far:443", "tls far at far:443"]


@pytest.mark.parametrize(
    ("url", "location", "text"),
    [
        ("https://h/", "http://h/", "from https to http"),
        ("http://h/", "/", "loop"),
        ("http://h/", "ftp://h/", "cannot be opened"),
        ("http://h/", "http://user:pw@h/", "cannot be opened"),
        ("http://h/", "", "without a Location"),
    ],
)
def test_a_redirect_that_must_not_be_followed_is_an_error_at_once(
    url: str, location: str, text: str
) -> None:
    play = Play(get(url), moved(location))
    with pytest.raises(RedirectError, match=text):
        play.run()
    # Whatever is open is for the driver to close.
    assert play.log[-1] == "ask GET /"


def test_no_more_redirects_are_followed_than_allowed() -> None:
    answers = [moved(f"/{number}") for number in range(1, 4)]
    with pytest.raises(RedirectError, match="more than 2 redirects"):
        Play(get("http://h/0"), *answers, max_redirects=2).run()
    play = Play(get("http://h/0"), *answers, OK, max_redirects=3).run()
    assert play.log.count("drop") == 3


def test_a_proxy_that_cannot_be_used_after_a_redirect_is_a_failure_to_connect() -> None:
    wrong = ValueError("not a valid proxy URL")

    def proxy_for(request: HTTPRequest) -> None:
        if request.parts.host == "far":
            raise wrong

    play = Play(get("http://near/"), moved("http://far/"), proxy=proxy_for)
    with pytest.raises(ConnectFailed, match="could not connect to far:80: not a valid") as caught:
        play.run()
    assert play.log[-1] == "drop"
    assert caught.value.__cause__ is wrong
    assert not caught.value.retryable


@pytest.mark.parametrize(
    ("there", "kept"),
    [
        (parse_proxy("http://proxy:3128"), True),
        (parse_proxy("http://other:3128"), False),
        (parse_proxy("http://proxy:3129"), False),
        (None, False),
    ],
    ids=str,
)
def test_what_the_caller_gave_for_a_proxy_goes_to_the_same_proxy_only(
    there: Proxy | None, kept: bool
) -> None:
    def proxy_for(request: HTTPRequest) -> Proxy | None:
        return parse_proxy("http://proxy:3128") if request.parts.host == "near" else there

    headers = {"Proxy-Authorization": "Basic c2VjcmV0", "Authorization": "secret"}
    play = Play(get("http://near/", headers=headers), moved("http://far/"), OK, proxy=proxy_for)
    play.run()
    assert fields(play.sent[0])["proxy-authorization"] == "Basic c2VjcmV0"
    assert ("proxy-authorization" in fields(play.sent[1])) is kept
    assert "authorization" not in fields(play.sent[1])


def test_a_transport_gets_nothing_for_a_proxy_after_a_redirect_to_another_origin() -> None:
    play = Play(
        get("http://near/", headers={"Proxy-Authorization": "secret"}),
        Response(302, {"Location": "http://far/"}),
        Response(200),
        carried=True,
    ).run()
    assert "Proxy-Authorization" not in play.steps[-2].request.headers


# --- proxies that refuse or misbehave


def test_a_proxy_of_the_environment_that_fails_is_named() -> None:
    proxy = PROXY._replace(variable="HTTPS_PROXY")
    no_tunnel = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    for outcome in (no_tunnel, ConnectionLost("reset")):
        with pytest.raises(ConnectFailed, match=r"proxy:3128.*the proxy of HTTPS_PROXY"):
            Play(get("https://h/"), outcome, proxy=proxy).run()
    with pytest.raises(ConnectionLost, match=r"^reset \(the proxy of HTTPS_PROXY\)$"):
        Play(get("http://h/"), Lost(written=True), proxy=proxy).run()
    with pytest.raises(ConnectionLost, match=r"^reset$"):
        Play(get("https://h/"), TUNNEL, Lost(written=True), proxy=proxy).run()
    play = Play(get("http://h/"), proxy=proxy).run(until=1)
    cause = OSError()
    refused = ConnectFailed("proxy:3128", "Connection refused")
    refused.__cause__ = cause
    with pytest.raises(ConnectFailed) as caught:
        play.generator.throw(refused)
    assert str(caught.value) == (
        "could not connect to proxy:3128: Connection refused (the proxy of HTTPS_PROXY)"
    )
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize(
    ("status", "retryable"),
    [(407, False), (403, False), (302, False), (408, True), (429, True), (500, True), (502, True)],
)
def test_a_proxy_that_refuses_a_tunnel_is_a_failure_to_connect(
    status: int, retryable: bool
) -> None:
    refused = f"HTTP/1.1 {status} No\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n".encode()
    play = Play(get("https://h/"), refused, proxy=PROXY)
    with pytest.raises(ConnectFailed) as caught:
        play.run()
    assert caught.value.address == "proxy:3128"
    assert caught.value.reason == f"the proxy answered CONNECT with status {status}"
    assert caught.value.retryable is retryable
    assert play.log == ["dial proxy:3128", "ask CONNECT h:443"]


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_status_of_success_opens_a_tunnel(status: int) -> None:
    # A length does not matter there (RFC 9110, 9.3.6).
    opened = f"HTTP/1.1 {status} Yes\r\nContent-Length: 5\r\n\r\n".encode()
    play = Play(get("https://h/"), opened, OK, proxy=PROXY).run()
    assert play.answer.status == 200


@pytest.mark.parametrize(
    "error", [ConnectionLost("reset"), HTTPFormatError("nonsense"), Lost(written=False)]
)
def test_a_proxy_that_is_lost_or_talks_nonsense_is_a_failure_to_connect(error: Any) -> None:
    with pytest.raises(ConnectFailed) as caught:
        Play(get("https://h/"), error, proxy=PROXY).run()
    cause = error.error if isinstance(error, Lost) else error
    assert (caught.value.address, caught.value.reason) == ("proxy:3128", str(cause))
    assert caught.value.__cause__ is cause
    assert caught.value.retryable


def test_a_timeout_of_a_proxy_stays_a_timeout() -> None:
    error = StreamTimeout("connect", 10.0)
    with pytest.raises(StreamTimeout) as caught:
        Play(get("https://h/"), error, proxy=PROXY).run()
    assert caught.value is error


def test_bytes_after_the_head_of_a_tunnel_are_refused() -> None:
    with pytest.raises(HTTPFormatError, match="before the tunnel was used"):
        Play(get("https://h/"), TUNNEL + b"x", proxy=PROXY).run()


def test_what_a_proxy_says_to_a_plain_request_is_the_answer() -> None:
    refused = b"HTTP/1.1 407 No\r\nContent-Length: 0\r\n\r\n"
    assert Play(get(), refused, proxy=PROXY).run().answer.status == 407
    with pytest.raises(ConnectionLost):
        Play(get(), Lost(written=True), proxy=PROXY).run()


# --- kept connections


@pytest.mark.parametrize(("scheme", "proxy", "before"), ROUTES)
def test_a_connection_that_was_kept_is_asked_at_once(
    scheme: str, proxy: Proxy | None, before: list[bytes]
) -> None:
    play = Play(get(f"{scheme}://h/x"), OK, proxy=proxy, kept=[True]).run()
    port = 443 if scheme == "https" else 80
    target = "http://h/x" if proxy and scheme == "http" else "/x"
    assert play.log == [
        f"take {scheme}://h:{port}",
        f"ask GET {target}",
        f"answered {scheme}://h/x 200",
    ]
    take, ask, _ = play.steps
    assert take.reader is ask.reader
    assert take.route == (scheme, "h", port, proxy)
    # What it may be kept for again, and that the server need not close it.
    assert ask.route is take.route
    assert "connection" not in fields(play.sent[0])


@pytest.mark.parametrize(("scheme", "proxy", "before"), ROUTES)
def test_where_none_was_kept_a_new_one_is_made_that_may_be(
    scheme: str, proxy: Proxy | None, before: list[bytes]
) -> None:
    play = Play(get(f"{scheme}://h/x"), *before, OK, proxy=proxy, kept=[False]).run()
    without = Play(get(f"{scheme}://h/x"), *before, OK, proxy=proxy).run()
    assert play.log[1:] == without.log
    asks = [step for step in play.steps if isinstance(step, Ask)]
    assert asks[-1].route == play.steps[0].route
    # A tunnel is not kept before it is one.
    assert [ask.route for ask in asks[:-1]] == [None] * len(before)
    assert "connection" not in fields(play.sent[-1])


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "PATCH"])
@pytest.mark.parametrize(("scheme", "proxy", "before"), ROUTES)
def test_a_stale_one_that_the_request_did_not_leave_by_gives_way_to_a_new_one(
    scheme: str, proxy: Proxy | None, before: list[bytes], method: str
) -> None:
    first = get(f"{scheme}://h/x", method=method)
    stale = Lost(written=False)
    play = Play(first, stale, *before, OK, proxy=proxy, kept=[True, True, True]).run()
    without = Play(first, *before, OK, proxy=proxy).run()
    # Once: what else was kept is not tried.
    assert play.log[2:] == ["drop", *without.log]
    asks = [step for step in play.steps if isinstance(step, Ask)]
    assert play.sent[0] == play.sent[-1]
    assert asks[0].reader is not asks[-1].reader
    assert asks[-1].route == asks[0].route


@pytest.mark.parametrize(
    "stale",
    [
        Lost(written=True),
        Lost(written=True, begun=b"HTTP/1.1 2"),
        # An answer that began before the request was through: the server has acted on it.
        Lost(written=False, begun=b"H"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_one_that_is_lost_after_the_request_left_is_for_the_caller_to_judge(
    stale: Lost, method: str
) -> None:
    play = Play(get(method=method), stale, OK, kept=[True])
    with pytest.raises(ConnectionLost) as caught:
        play.run()
    assert caught.value is stale.error
    assert play.log == ["take http://h:80", f"ask {method} /x"]


@pytest.mark.parametrize("error", [StreamTimeout("head", 20.0), HTTPFormatError("nonsense")])
def test_other_failures_of_a_kept_connection_are_no_reason_for_another(
    error: TransportError,
) -> None:
    with pytest.raises(type(error)) as caught:
        Play(get(), error, OK, kept=[True]).run()
    assert caught.value is error


def test_a_new_one_that_is_lost_unwritten_is_not_replaced() -> None:
    lost = Lost(written=False)
    for outcomes, kept in (([lost], [False]), ([Lost(written=False), lost], [True])):
        with pytest.raises(ConnectionLost) as caught:
            Play(get(), *outcomes, OK, kept=kept).run()
        assert caught.value is lost.error


def test_each_hop_of_a_redirect_may_take_one_and_each_may_be_stale() -> None:
    play = Play(
        get(),
        moved("/y"),
        Lost(written=False),
        moved("/z"),
        OK,
        kept=[True, True, True],
    ).run()
    assert play.log == [
        "take http://h:80",
        "ask GET /x",
        "drop",
        "take http://h:80",
        "ask GET /y",
        "drop",
        "dial h:80",
        "ask GET /y",
        "drop",
        "take http://h:80",
        "ask GET /z",
        "answered http://h/z 200",
    ]


def test_a_failed_second_attempt_does_not_speak_of_the_first() -> None:
    with pytest.raises(StreamTimeout) as caught:
        Play(get(), Lost(written=False), StreamTimeout("head", 1.0), kept=[True]).run()
    assert caught.value.__context__ is None


# --- transports


def test_a_transport_carries_every_request_and_nothing_else_is_asked() -> None:
    def proxy_for(request: HTTPRequest) -> None:
        raise AssertionError("a transport has its own ways")

    last = Response(200)
    play = Play(
        get("https://h/x", headers=SECRETS),
        Response(302, {"Location": "https://other/y"}),
        last,
        proxy=proxy_for,
        kept=[],
        carried=True,
    ).run()
    assert play.log == [
        "carry GET https://h/x",
        "drop",
        "carry GET https://other/y",
        "answered https://other/y 200",
    ]
    assert play.answer is last
    assert "authorization" in play.steps[0].request.headers
    assert "authorization" not in play.steps[2].request.headers


def test_what_a_transport_raises_comes_out() -> None:
    error = TransportError("the transport raised OSError")
    with pytest.raises(TransportError) as caught:
        Play(get(), error, carried=True).run()
    assert caught.value is error


# --- deadlines


def test_which_deadlines_run_at_which_step() -> None:
    play = Play(
        get("https://h/x"),
        Lost(written=False),
        TUNNEL,
        moved("https://h2/"),
        OK,
        proxy=lambda request: PROXY if request.parts.host == "h" else None,
        kept=[True, False],
    ).run()
    assert play.phases == [
        ("take https://h:443", "connect total"),
        ("ask GET /x", "head total"),
        ("drop", "head total"),
        ("dial proxy:3128", "connect total"),
        # The tunnel is part of connecting.
        ("ask CONNECT h:443", "connect total"),
        ("tls h at h:443", "connect total"),
        ("ask GET /x", "head total"),
        ("drop", "total"),
        ("take https://h2:443", "connect total"),
        ("dial h2:443", "connect total"),
        ("tls h2 at h2:443", "connect total"),
        ("ask GET /", "head total"),
        ("answered https://h2/ 200", "total"),
    ]


def test_a_kept_connection_has_no_phase_of_connecting_but_the_wait_for_one() -> None:
    assert Play(get(), OK, kept=[True]).run().phases == [
        ("take http://h:80", "connect total"),
        ("ask GET /x", "head total"),
        ("answered http://h/x 200", "total"),
    ]


def test_each_phase_begins_at_its_step_and_total_with_the_exchange() -> None:
    play = Play(get(), moved("/y"), OK).run()
    assert list(zip(play.log, play.running)) == [
        ("dial h:80", {"total": 1000.0, "connect": 10.0}),
        # Steps take a second each here.
        ("ask GET /x", {"total": 1000.0, "head": 21.0}),
        ("drop", {"total": 1000.0}),
        ("dial h:80", {"total": 1000.0, "connect": 13.0}),
        ("ask GET /y", {"total": 1000.0, "head": 24.0}),
        ("answered http://h/y 200", {"total": 1000.0}),
    ]


def test_the_head_of_a_transport_has_its_deadline_too() -> None:
    redirect = Response(302, {"Location": "/y"})
    play = Play(get(), redirect, Response(200), carried=True).run()
    assert play.phases == [
        ("carry GET http://h/x", "head total"),
        ("drop", "total"),
        ("carry GET http://h/y", "head total"),
        ("answered http://h/y 200", "total"),
    ]


# --- what is thrown in, and an exchange that is given up


def plays() -> list[Callable[[], Play]]:
    """Return makers of plays that between them come to every step."""
    return [
        lambda: Play(get(), moved("/y"), OK),
        lambda: Play(
            get("https://h/x"),
            Lost(written=False),
            TUNNEL,
            moved("/y"),
            OK,
            proxy=PROXY,
            kept=[True, True],
        ),
        lambda: Play(get(), Response(302, {"Location": "/y"}), Response(200), carried=True),
    ]


class Interrupted(Exception):
    """What a driver's own way of being ended may be; it knows nothing of ssewire."""


@pytest.mark.parametrize("make", plays())
@pytest.mark.parametrize(
    "error",
    [StreamTimeout("total", 1.0), ConnectFailed("h:80", "no"), Interrupted(), KeyboardInterrupt()],
)
def test_what_is_thrown_in_at_any_step_comes_out_as_it_is(
    make: Callable[[], Play], error: BaseException
) -> None:
    number = len(make().run().steps)
    for until in range(1, number):
        play = make().run(until=until)
        with pytest.raises(type(error)) as caught:
            play.generator.throw(error)
        assert caught.value is error
        assert (error.__cause__, error.__context__) == (None, None)
        with pytest.raises(StopIteration):
            next(play.generator)


@pytest.mark.parametrize("make", plays())
def test_an_exchange_that_is_closed_at_any_step_asks_for_nothing_more(
    make: Callable[[], Play],
) -> None:
    number = len(make().run().steps)
    for until in range(1, number):
        play = make().run(until=until)
        play.generator.close()
        with pytest.raises(StopIteration):
            next(play.generator)
    # Nor does one that was never begun.
    make().generator.close()


# --- a walk


HOSTS = ("h", "other")


@given(
    st.lists(
        st.tuples(st.sampled_from(["http", "https"]), st.sampled_from(HOSTS), st.booleans()),
        min_size=1,
        max_size=6,
    ),
    st.lists(st.sampled_from(["none", "good", "stale", "used up"]), max_size=6),
    st.booleans(),
)
def test_whatever_the_way_the_order_of_steps_makes_sense(
    hops: list[tuple[str, str, bool]], kept: list[str], keeps: bool
) -> None:
    urls = [f"{scheme}://{host}/{number}" for number, (scheme, host, _) in enumerate(hops)]
    proxied = {url: by_proxy for url, (_, _, by_proxy) in zip(urls, hops)}
    play = Play(
        get(urls[0], headers=SECRETS),
        proxy=lambda request: PROXY if proxied[request.url] else None,
        kept=[] if keeps else None,
    )
    stock = list(kept)
    current = 0
    state = "nothing"
    step = play._noted(next(play.generator))
    outcome: BaseException | None = None
    while not isinstance(step, Answered):
        result: Any = None
        if isinstance(step, Take):
            assert (keeps, state) == (True, "nothing")
            found = stock.pop(0) if stock else "none"
            result = found != "none"
            state = found if result else "looked"
        elif isinstance(step, Dial):
            assert state == ("looked" if keeps else "nothing") or state == "after stale"
            state = "connected"
        elif isinstance(step, StartTLS):
            assert state in ("connected", "tunnel")
            state = "secure"
        elif isinstance(step, Drop):
            assert state in ("lost", "answered")
            state = "after stale" if state == "lost" else "nothing"
        else:
            assert isinstance(step, Ask)
            data = step.data
            if data.startswith(b"CONNECT"):
                assert (state, step.route) == ("connected", None)
                assert urls[current].startswith("https")
                assert secrets(data) == set()
                state = "tunnel"
                step.reader.feed(TUNNEL)
                result = step.reader.head
            elif state in ("stale", "used up"):
                step.written = state == "used up"
                result = ConnectionLost("reset")
                state = "lost"
            else:
                secure = urls[current].startswith("https")
                assert state in ("good", "secure" if secure else "connected")
                # The secrets are for the first origin, and for nobody after another.
                origins = {(scheme, host) for scheme, host, _ in hops[: current + 1]}
                assert bool(secrets(data)) is (len(origins) == 1)
                state = "answered"
                current += 1
                step.reader.feed(OK if current == len(urls) else moved(urls[current]))
                result = step.reader.head
        try:
            if isinstance(result, ConnectionLost):
                step = play._noted(play.generator.throw(result))
            else:
                step = play._noted(play.generator.send(result))
        except (ConnectionLost, RedirectError) as exc:
            outcome = exc
            break
    downgrade = [
        number
        for number in range(1, len(hops))
        if (hops[number - 1][0], hops[number][0]) == ("https", "http")
    ]
    if isinstance(outcome, RedirectError):
        assert downgrade
        assert current == downgrade[0]
    elif outcome is not None:
        assert "used up" in kept
    else:
        assert current == len(urls)
        assert not downgrade
