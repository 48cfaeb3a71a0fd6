# SPDX-License-Identifier: MIT
"""What both Claude clients decide, over no network: a client that only notes what it is asked.

Its streams read bodies from memory through an Attempt that the test scripts.
"""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator, Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Callable

import pytest

from ssewire._headers import Headers
from ssewire._http.request import HTTPRequest
from ssewire._http.timeouts import Deadlines, Timeouts
from ssewire.claude import (
    AsyncMessageStream,
    InternalServerError,
    MessageStream,
    StreamInterrupted,
    StreamResponse,
    StreamTruncated,
)
from ssewire.claude._client_base import CallBase, ClientBase, ManagerBase
from ssewire.claude._retry import response_error
from ssewire.claude.errors import ClaudeError, ConfigurationError
from ssewire.errors import ConnectionLost, StateError
from tests.claude import wire
from tests.claude.scenarios import ASKED

if TYPE_CHECKING:
    from ssewire.claude._retry import Attempt

BODY = wire.whole(wire.text_block(0, "so"))
CUT = wire.message_start() + wire.start(0, wire.TEXT) + wire.text(0, "s")


class Noting(ClientBase[Any, Any]):
    """The end of a client that carries nothing."""

    environ: Mapping[str, str] = {}
    chance = 0.0

    def _environ(self) -> Mapping[str, str]:
        return self.environ

    def _make_settings(self, tls: Any, proxy: str | None, transport: Any) -> Any:
        self.checked: list[HTTPRequest] = []
        return SimpleNamespace(
            tls=tls,
            proxy=proxy,
            transport=transport,
            check=self.checked.append,
            proxy_in_use=lambda request: None,
        )

    def _random(self) -> float:
        return self.chance

    def stream(self, **params: Any) -> HTTPRequest:
        return self._build(
            params.pop("model"), params.pop("max_tokens"), params.pop("messages"), params
        )


def client(**options: Any) -> Noting:
    return Noting(**{"api_key": "k", **options})


# --- settings and requests


def test_a_client_hands_its_end_what_carries_requests_and_has_the_first_one_checked() -> None:
    noting = client(tls="context", proxy=None, transport="callable", base_url="https://a.example")
    settings = noting._settings
    assert (settings.tls, settings.proxy, settings.transport) == ("context", None, "callable")
    assert [request.url for request in noting.checked] == ["https://a.example/v1/messages"]


def test_settings_that_were_not_given_are_those_of_the_ends_environment() -> None:
    class Outside(Noting):
        environ: Mapping[str, str] = {
            "ANTHROPIC_API_KEY": "e",
            "ANTHROPIC_BASE_URL": "https://b.example",
        }

    request = Outside().stream(**ASKED)
    assert request.url == "https://b.example/v1/messages"
    assert request.headers["x-api-key"] == "e"
    with pytest.raises(ConfigurationError):
        Noting().stream(**ASKED)


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"max_retries": -1}, ValueError),
        ({"max_retry_delay": float("nan")}, ValueError),
        ({"max_event_size": "much"}, TypeError),
        ({"timeouts": 1.0, "timeout": 2.0}, TypeError),
        ({"base_url": "ftp://a.example"}, ConfigurationError),
    ],
)
def test_arguments_that_make_no_sense_are_refused_at_once(
    options: dict[str, Any], error: type[Exception]
) -> None:
    with pytest.raises(error):
        client(**options)


def test_a_changed_client_differs_in_what_is_given_and_shares_the_rest() -> None:
    first = client(max_retries=5, default_headers={"X-One": "1"})
    changed = first.with_options(max_retry_delay=7.0, timeout=3.0, default_headers={"X-Two": "2"})
    assert (changed.max_retries, changed.max_retry_delay) == (5, 7.0)
    assert (changed.timeouts.head, changed.timeouts.idle) == (3.0, 3.0)
    assert changed._settings is first._settings
    headers = changed.stream(**ASKED).headers
    assert (headers["X-One"], headers["X-Two"]) == ("1", "2")
    assert "X-Two" not in first.stream(**ASKED).headers
    assert first.max_retry_delay != 7.0
    assert first.timeouts.head != 3.0
    with pytest.raises(TypeError):
        first.with_options(timeouts=1.0, timeout=2.0)
    with pytest.raises(ValueError, match="max_retries"):
        first.copy(max_retries=-1)


def test_a_request_has_the_keywords_of_the_caller_in_its_body() -> None:
    request = client().stream(**ASKED, temperature=0.5)
    assert request.method == "POST"
    assert request.body is not None
    assert b'"temperature":0.5' in request.body
    assert b'"stream":true' in request.body


def test_a_key_sent_without_encryption_warns_at_the_line_of_the_caller() -> None:
    noting = client(base_url="http://a.example")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        noting.stream(**ASKED)
        noting.stream(**ASKED)
    assert [warning.filename for warning in caught] == [__file__]


def test_a_client_shows_its_origin_and_no_key() -> None:
    assert repr(client(api_key="secret")) == "<Noting https://api.anthropic.com>"


def test_a_manager_sends_its_request_once() -> None:
    noting = client()
    request = noting.stream(**ASKED)
    manager: ManagerBase[MessageStream] = ManagerBase(noting, request)
    assert manager._take_request() is request
    with pytest.raises(StateError, match="sent already"):
        manager._take_request()


# --- the half of a call that does not wait


def call(noting: Noting, request: HTTPRequest | None = None, now: float = 100.0) -> CallBase:
    return CallBase(noting, noting.stream(**ASKED) if request is None else request, now)


def test_a_closed_client_starts_no_call() -> None:
    noting = client()
    noting._closed = True
    with pytest.raises(StateError, match="the client is closed"):
        call(noting)


def lost() -> StreamInterrupted:
    error = StreamInterrupted()
    error.__cause__ = ConnectionLost("reset")
    return error


def test_pauses_grow_until_the_attempts_of_the_client_are_used_up() -> None:
    asking = call(client(max_retries=3))
    assert [asking._delay(lost(), None, 100.0, 0.0) for _ in range(4)] == [0.5, 1.0, 2.0, None]


def test_chance_is_drawn_from_the_client() -> None:
    noting = client()
    noting.chance = 1.0
    assert call(noting)._delay(lost(), None, 100.0, 0.0) == 0.375


def test_the_headers_that_ask_for_a_pause_are_the_errors_or_those_of_the_body_that_failed() -> None:
    refused = response_error(429, Headers({"retry-after": "3"}), b"{}")
    assert call(client())._delay(refused, None, 100.0, 0.0) == 3.0
    in_band = InternalServerError("api_error", "", in_band=True)
    assert call(client())._delay(in_band, Headers({"retry-after": "4"}), 100.0, 0.0) == 4.0
    assert call(client())._delay(in_band, None, 100.0, 0.0) == 0.5


def test_a_later_attempt_has_what_is_left_of_the_total_timeout() -> None:
    noting = client(timeouts=Timeouts(total=10.0))
    asking = call(noting)
    assert asking._request(100.0).timeouts.total == 10.0
    assert asking._delay(lost(), None, 104.0, 0.0) == 0.5
    assert asking._request(104.5).timeouts.total == 5.5
    assert asking._delay(lost(), None, 109.5, 0.0) is None


def test_a_call_whose_message_has_begun_lets_go_of_the_request() -> None:
    asking = call(client())
    asking.begun()
    assert asking._retries is None


@pytest.mark.parametrize("stall", [None, 5.0])
def test_an_accepted_response_starts_the_clock_for_a_stall_if_there_is_one(
    stall: float | None,
) -> None:
    noting = client(timeouts=Timeouts(connect=None, stall=stall))
    request = noting.stream(**ASKED)
    asking = call(noting, request)
    deadlines = Deadlines(request.timeouts, 100.0)
    body = SimpleNamespace(deadlines=deadlines)
    response = SimpleNamespace(status=200, headers=Headers({}), url="u", chunks=body)
    head = asking._accept(request, response, lambda: 200.0)
    assert (head.status, head.headers, head.url) == (200, response.headers, "u")
    assert asking.chunks is body
    assert (asking.watch is None) == (stall is None)
    if asking.watch is not None:
        asking.watch()
        expired = deadlines.expired(205.0)
        assert expired is not None
        assert expired.kind == "stall"


# --- what streams ask of an Attempt


class Scripted:
    """An Attempt over bodies in memory; it notes what is asked of it."""

    def __init__(self, *bodies: list[Any]) -> None:
        self._bodies = list(bodies)
        self.asked: list[str] = []
        self.watch: Callable[[], object] | None = None
        self.log: Any = None
        self.chunks: Any = None
        self.head = self.next_head()

    def next_head(self) -> StreamResponse:
        self.chunks = self._body(self._bodies.pop(0))
        return StreamResponse(200, Headers({"content-type": "text/event-stream"}), "u")

    def _body(self, parts: list[Any]) -> Iterator[bytes]:
        for part in parts:
            if isinstance(part, Exception):
                raise part
            yield part

    def again(self, error: ClaudeError) -> StreamResponse | None:
        self.asked.append(f"again after {type(error).__name__}")
        return self.next_head() if self._bodies else None

    def abandon(self, owner: object) -> None:
        """Nothing goes on without its stream."""

    def begun(self) -> None:
        if "begun" not in self.asked:
            self.asked.append("begun")

    def finish(self) -> None:
        self.asked.append("finish")

    def close(self) -> None:
        self.asked.append("close")


class ScriptedAsync:
    """The same for asyncio."""

    def __init__(self, *bodies: list[Any]) -> None:
        self._inner = Scripted(*bodies)
        self.asked = self._inner.asked
        self.watch: Callable[[], object] | None = None
        self.log: Any = None
        self.head = self._inner.head
        self.chunks: Any = self._waiting()

    async def _waiting(self) -> AsyncIterator[bytes]:
        for chunk in self._inner.chunks:
            yield chunk

    async def again(self, error: ClaudeError) -> StreamResponse | None:
        head = self._inner.again(error)
        self.chunks = self._waiting()
        return head

    def abandon(self, owner: object) -> None:
        """Nothing goes on without its stream."""

    def begun(self) -> None:
        self._inner.begun()

    async def finish(self) -> None:
        self._inner.finish()

    async def close(self) -> None:
        self._inner.close()


def read(*bodies: list[Any]) -> tuple[str | ClaudeError, list[str]]:
    """Return the text or error of a stream over these bodies, and what it asked of the Attempt."""
    scripted = Scripted(*bodies)
    attempt: Attempt = scripted
    stream = MessageStream(attempt.chunks)
    stream._attach(attempt, scripted.head)
    with stream:
        try:
            return stream.get_final_text(), scripted.asked
        except ClaudeError as error:
            return error, scripted.asked


def read_async(*bodies: list[Any]) -> tuple[str | ClaudeError, list[str]]:
    async def run() -> tuple[str | ClaudeError, list[str]]:
        scripted = ScriptedAsync(*bodies)
        attempt: Attempt = scripted
        stream = AsyncMessageStream(attempt.chunks)
        stream._attach(attempt, scripted.head)
        async with stream:
            try:
                return await stream.get_final_text(), scripted.asked
            except ClaudeError as error:
                return error, scripted.asked

    return asyncio.run(run())


both = pytest.mark.parametrize("read", [read, read_async], ids=["blocking", "asyncio"])


@both
def test_a_complete_message_is_finished_and_not_closed(read: Any) -> None:
    begun = BODY.index(b"event: content_block_start")
    assert read([BODY[:begun], BODY[begun:]]) == ("so", ["begun", "finish"])


@both
def test_a_body_that_fails_before_the_message_began_is_replaced(read: Any) -> None:
    overloaded = wire.frame('{"type":"error","error":{"type":"overloaded_error"}}', "error")
    result = read([ConnectionLost("reset")], [overloaded], [BODY])
    asked = ["again after StreamInterrupted", "again after OverloadedError", "finish"]
    assert result == ("so", asked)


@both
def test_a_body_that_fails_after_it_is_not_asked_for_again(read: Any) -> None:
    error, asked = read([CUT, ConnectionLost("reset")], [BODY])
    assert isinstance(error, StreamInterrupted)
    assert error.partial_message is not None
    assert asked == ["begun", "close"]


@both
def test_where_there_is_no_other_attempt_the_first_failure_is_what_is_raised(read: Any) -> None:
    error, asked = read([])
    assert isinstance(error, StreamTruncated)
    assert asked == ["again after StreamTruncated", "close"]
