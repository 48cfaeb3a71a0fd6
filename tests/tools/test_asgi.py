# SPDX-License-Identifier: MIT
"""Events over ASGI: what is sent, when it is sent, and that the source is closed whatever ends it.

Under a driver that speaks the protocol, and under real servers.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import nullcontext, suppress
from importlib import import_module
from typing import Any, Callable, TypeVar

import pytest

from ssewire import Comment, ServerSentEvent, aio, parse
from ssewire.asgi import HEADERS, event_body, event_stream
from ssewire.errors import StreamTimeout

pytestmark = pytest.mark.sockets

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a loop of its own; it must leave no task behind."""

    async def main() -> T:
        result = await asyncio.wait_for(coroutine, 10)
        for _ in range(3):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        return result

    return asyncio.run(main())


class Source:
    """Numbers its events, and remembers what happened to it."""

    def __init__(self, count: int = 3, *, hold: bool = False, error: Any = None) -> None:
        self.count = count
        self.given = 0
        self.closed = 0
        self.tasks: set[Any] = set()
        self._hold = hold
        self._error = error

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        self.tasks.add(asyncio.current_task())
        if self.given < self.count:
            self.given += 1
            return f"event {self.given}"
        if self._error is not None:
            raise self._error
        if self._hold:
            await asyncio.Event().wait()
        raise StopAsyncIteration

    async def aclose(self) -> None:
        self.tasks.add(asyncio.current_task())
        self.closed += 1


class Client:
    """The server's side of one ASGI connection."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.gone = asyncio.Event()
        self.on_send: Callable[[dict[str, Any]], Any] = lambda message: None

    async def receive(self) -> dict[str, Any]:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.sent.append(message)
        result = self.on_send(message)
        if result is not None:
            await result

    async def ask(self, application: Any, method: str = "GET") -> bytes:
        await application({"type": "http", "method": method}, self.receive, self.send)
        return self.body

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.sent)


async def answer(application: Any, method: str = "GET") -> bytes:
    """Return the body of an answer; made in a loop, which Python 3.9 wants."""
    return await Client().ask(application, method)


def leaving(client: Client, at: bytes = b"") -> Callable[[dict[str, Any]], None]:
    """Return what has a client leave at the first body that holds these bytes."""

    def leave(message: dict[str, Any]) -> None:
        if message.get("body") and at in message["body"]:
            client.gone.set()

    return leave


def test_a_response_has_its_headers_events_and_end() -> None:
    source = Source(2)

    async def main() -> Client:
        client = Client()
        await client.ask(event_stream(source))
        return client

    client = run(main())
    start, *events, last = client.sent
    assert start == {
        "type": "http.response.start",
        "status": 200,
        "headers": [(name.encode(), value.encode()) for name, value in HEADERS.items()],
    }
    assert [message["body"] for message in events] == [b"data: event 1\n\n", b"data: event 2\n\n"]
    assert all(message["more_body"] for message in events)
    assert last == {"type": "http.response.body", "body": b"", "more_body": False}
    assert source.closed == 1


def test_items_are_events_data_comments_or_bytes() -> None:
    async def source() -> AsyncIterator[Any]:
        yield ServerSentEvent("a", "named", "7")
        yield "two\nlines"
        yield Comment(" note")
        yield b"data: as it is\n\n"

    async def main() -> bytes:
        return b"".join([data async for data in event_body(source())])

    body = run(main())
    assert body == (
        b"event: named\nid: 7\ndata: a\n\ndata: two\ndata: lines\n\n: note\ndata: as it is\n\n"
    )
    assert [event.data for event in parse(body)] == ["a", "two\nlines", "as it is"]


def test_silence_is_filled_with_comments_and_no_event_is_lost() -> None:
    async def main() -> list[bytes]:
        go_on = asyncio.Event()

        async def source() -> AsyncIterator[str]:
            yield "one"
            await go_on.wait()
            yield "two"

        pieces = []
        async for data in event_body(source(), keep_alive=0.02):
            pieces.append(data)
            if len(pieces) == 4:
                go_on.set()
        return pieces

    one, *comments, two = run(main())
    assert (one, two) == (b"data: one\n\n", b"data: two\n\n")
    assert len(comments) >= 3
    assert set(comments) == {b":\n"}


def test_without_keep_alive_silence_is_silence() -> None:
    async def source() -> AsyncIterator[str]:
        await asyncio.sleep(0.05)
        yield "one"

    async def main() -> list[bytes]:
        return [data async for data in event_body(source(), keep_alive=None)]

    assert run(main()) == [b"data: one\n\n"]


def test_a_client_that_goes_away_closes_a_source_that_is_waited_for() -> None:
    source = Source(1, hold=True)

    async def main() -> None:
        client = Client()

        def leave(message: dict[str, Any]) -> None:
            if b"event 1" in message.get("body", b""):
                client.gone.set()

        client.on_send = leave
        await client.ask(event_stream(source))

    run(main())
    assert source.closed == 1


@pytest.mark.parametrize("turns", range(6))
def test_a_client_that_goes_away_at_any_turn_closes_the_source(turns: int) -> None:
    source = Source(3, hold=True)

    async def main() -> None:
        client = Client()
        task = asyncio.ensure_future(client.ask(event_stream(source)))
        # None: it has gone before it is answered.
        for _ in range(turns):
            await asyncio.sleep(0)
        client.gone.set()
        await task

    run(main())
    assert source.closed == 1


def test_a_send_that_fails_because_the_client_has_gone_closes_the_source() -> None:
    source = Source(100)

    async def main() -> None:
        client = Client()

        def fail(message: dict[str, Any]) -> None:
            if source.given == 3:
                raise ConnectionResetError

        client.on_send = fail
        await client.ask(event_stream(source))

    run(main())
    assert (source.given, source.closed) == (3, 1)


def test_cancelling_the_application_closes_the_source() -> None:
    source = Source(1, hold=True)

    async def main() -> None:
        client = Client()
        task = asyncio.create_task(client.ask(event_stream(source)))
        while not client.body:
            await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()

    run(main())
    assert source.closed == 1


def test_a_slow_client_slows_the_source() -> None:
    source = Source(1000)

    async def main() -> None:
        client = Client()
        blocked = asyncio.Event()
        client.on_send = lambda message: asyncio.Event().wait() if blocked.is_set() else stop()

        def stop() -> None:
            if source.given == 5:
                blocked.set()

        task = asyncio.create_task(client.ask(event_stream(source)))
        for _ in range(200):
            await asyncio.sleep(0)
        assert source.given <= 7
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    run(main())
    assert source.closed == 1


def test_an_error_of_the_source_ends_the_stream_with_an_event_that_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source(1, error=RuntimeError("the password is 1234"))

    async def main() -> bytes:
        return await Client().ask(event_stream(source))

    with caplog.at_level(logging.ERROR, "ssewire"):
        body = run(main())
    event, error = parse(body)
    assert event.data == "event 1"
    assert error.event == "stream-error"
    assert error.json()["error"]["type"] == "internal_error"
    assert b"1234" not in body
    assert "the password is 1234" in caplog.text
    assert source.closed == 1


def test_a_source_that_is_cancelled_from_within_ends_with_an_error_event(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def source() -> AsyncIterator[str]:
        yield "one"
        part = asyncio.ensure_future(asyncio.Event().wait())
        part.cancel()
        await part

    async def main() -> bytes:
        return await Client().ask(event_stream(source()))

    event, error = parse(run(main()))
    assert (event.data, error.event) == ("one", "stream-error")
    assert "was cancelled" in caplog.text


def test_a_source_that_goes_on_when_it_is_cancelled_is_closed_at_its_next_event() -> None:
    ended = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "one"
            with suppress(asyncio.CancelledError):
                await asyncio.Event().wait()
            yield "two"
        finally:
            ended.append(True)

    async def main() -> None:
        body = event_body(source())
        await body.__anext__()
        waiting = asyncio.ensure_future(body.__anext__())
        for _ in range(3):
            await asyncio.sleep(0)
        await body.aclose()
        with pytest.raises(StopAsyncIteration):
            await waiting

    run(main())
    assert ended


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        # A line is given in part: no comment may come into it, and no event after it.
        ([b"data: hel", b"lo\n\n"], ["hello", "error"]),
        ([b"data: hel"], []),
        ([b"data: a\n\ndata: b\n"], ["a"]),
        ([b"data: a\r\n\r", b"\n"], ["a", "error"]),
        ([b"data: a\r\n", b"\r\n"], ["a", "error"]),
        ([b"data: a\n\n", b""], ["a", "error"]),
        (["a", Comment("c")], ["a", "error"]),
        ([], ["error"]),
    ],
)
def test_what_is_given_in_pieces_is_torn_neither_by_a_comment_nor_by_an_error(
    parts: list[Any], expected: list[str]
) -> None:
    async def source() -> AsyncIterator[Any]:
        for part in parts:
            yield part
            await asyncio.sleep(0.06)
        raise ValueError

    async def main() -> bytes:
        return b"".join([data async for data in event_body(source(), 0.02)])

    data = run(main())
    assert ["error" if e.event == "stream-error" else e.data for e in parse(data)] == expected
    assert (b":" + b"\n" in data) is bool(parts and expected)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_source_that_fails_to_close_is_logged(
    method: str, caplog: pytest.LogCaptureFixture
) -> None:
    class Unclosable(Source):
        async def aclose(self) -> None:
            raise RuntimeError("the password is 1234")

    async def main() -> bytes:
        return await Client().ask(event_stream(Unclosable(1)), method)

    assert b"1234" not in run(main())
    assert "the password is 1234" in caplog.text


@pytest.mark.parametrize("ends", ["leaves", "takes nothing", "fails"])
def test_a_source_that_fails_to_close_while_something_is_sent_is_logged(
    ends: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "ssewire")

    async def source() -> AsyncIterator[str]:
        try:
            yield "first"
            raise AssertionError("it was asked for more")
        finally:
            raise RuntimeError("of the closing")

    class Sending(Source):
        async def aclose(self) -> None:
            raise RuntimeError("of the closing")

    async def main(source: Any) -> None:
        client = Client()

        async def stuck(message: Any) -> None:
            if message.get("body") and ends == "fails":
                raise LookupError("of the server")
            if message.get("body"):
                if ends == "leaves":
                    client.gone.set()
                await asyncio.Event().wait()

        client.on_send = stuck
        expected = pytest.raises(LookupError) if ends == "fails" else nullcontext()
        with expected:
            timeout = 0.05 if ends == "takes nothing" else None
            await client.ask(event_stream(source, send_timeout=timeout))

    for each in source(), Sending(5):
        caplog.clear()
        run(main(each))
        assert "of the closing" in caplog.text


@pytest.mark.parametrize("item", [7, None, ServerSentEvent("x", "a\nb")])
def test_an_item_that_is_no_event_is_an_error_of_the_source(
    item: Any, caplog: pytest.LogCaptureFixture
) -> None:
    closed = []

    async def source() -> AsyncIterator[Any]:
        try:
            yield item
        finally:
            closed.append(True)

    async def main() -> bytes:
        return await Client().ask(event_stream(source()))

    assert parse(run(main()))[0].event == "stream-error"
    assert closed


def test_the_source_lives_in_one_task_from_its_first_event_to_its_closing() -> None:
    source = Source(3)

    async def main() -> None:
        await Client().ask(event_stream(source))

    run(main())
    assert len(source.tasks) == 1


@pytest.mark.skipif(sys.version_info < (3, 11), reason="asyncio.timeout came with Python 3.11")
def test_a_timeout_inside_the_source_works_across_its_events() -> None:
    async def source() -> AsyncIterator[str]:
        with suppress(TimeoutError):
            async with import_module("asyncio").timeout(0.05):
                yield "one"
                await asyncio.Event().wait()
        yield "late"

    async def main() -> bytes:
        return await Client().ask(event_stream(source()))

    assert [event.data for event in parse(run(main()))] == ["one", "late"]


def test_closing_a_body_that_was_never_begun_closes_the_source() -> None:
    source = Source()

    async def main() -> None:
        body = event_body(source)
        await body.aclose()
        await body.aclose()
        assert [data async for data in body] == []

    run(main())
    assert (source.given, source.closed) == (0, 1)


def test_dropping_a_body_closes_the_source() -> None:
    source = Source(hold=True)

    async def main() -> None:
        body = event_body(source)
        await body.__anext__()
        del body
        gc.collect()
        while not source.closed:
            await asyncio.sleep(0.001)

    run(main())


def test_head_gets_the_headers_and_closes_the_source_unread() -> None:
    source = Source()

    async def main() -> list[Any]:
        client = Client()
        await client.ask(event_stream(source), "HEAD")
        return client.sent

    assert [message["type"] for message in run(main())] == [
        "http.response.start",
        "http.response.body",
    ]
    assert (source.given, source.closed) == (0, 1)


def test_a_function_of_the_scope_serves_any_number_of_responses() -> None:
    async def source(scope: Any) -> AsyncIterator[str]:
        yield scope["method"]

    async def main() -> list[bytes]:
        application = event_stream(source)
        return [await Client().ask(application, method) for method in ("GET", "POST")]

    assert run(main()) == [b"data: GET\n\n", b"data: POST\n\n"]


def test_other_scopes_are_answered_as_their_servers_expect() -> None:
    async def main() -> None:
        questions = [{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}]
        sent: list[Any] = []

        async def receive() -> Any:
            return questions.pop(0)

        async def send(message: Any) -> None:
            sent.append(message["type"])

        application = event_stream(lambda scope: Source())
        await application({"type": "lifespan"}, receive, send)
        assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]
        questions.append({"type": "websocket.connect"})
        await application({"type": "websocket"}, receive, send)
        assert sent[-1] == "websocket.close"
        with pytest.raises(ValueError, match="odd"):
            await application({"type": "odd"}, receive, send)

    run(main())


@pytest.mark.parametrize("keep_alive", [0, -1, float("nan"), 10**400, "15", True])
def test_a_keep_alive_that_makes_no_sense_fails_at_once(keep_alive: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="keep_alive"):
        event_stream(Source(), keep_alive=keep_alive)
    with pytest.raises((TypeError, ValueError), match="keep_alive"):
        event_body(Source(), keep_alive)


@pytest.mark.parametrize("events", ["text", b"bytes", {}, ServerSentEvent("x"), None, 7])
def test_what_is_no_source_fails_at_once(events: Any) -> None:
    with pytest.raises(TypeError, match="events must be an iterable"):
        event_stream(events)
    with pytest.raises(TypeError, match="events must be an iterable"):
        event_body(events)


def test_a_function_in_place_of_what_it_gives_is_told_to_be_called() -> None:
    with pytest.raises(TypeError, match=r"not function; call it$"):
        event_body(opened)  # type: ignore[arg-type]


def test_a_function_that_does_not_take_the_scope_is_told_that_it_is_given_it() -> None:
    async def none_taken() -> AsyncIterator[str]:
        yield "x"

    def raises(scope: Any) -> Any:
        return len(scope["type"], 1)  # type: ignore[call-arg]

    with pytest.raises(TypeError, match=r"event_stream\(\) calls it with the scope"):
        run(answer(event_stream(none_taken)))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="exactly one argument"):
        run(answer(event_stream(raises)))


def test_an_application_that_a_view_returns_names_the_response_to_return() -> None:
    with pytest.raises(TypeError, match="EventResponse"):
        iter(event_stream(opened))  # type: ignore[call-overload]


# --- whatever the source is


async def opened(scope: Any) -> AsyncIterator[str]:
    yield "opened"


def test_a_function_of_the_scope_may_be_a_coroutine_function() -> None:
    async def source(scope: Any) -> AsyncIterator[str]:
        await asyncio.sleep(0)
        return opened(scope)

    assert run(answer(event_stream(source))) == b"data: opened\n\n"


def test_a_function_that_gives_none_ends_the_browsers_reconnecting() -> None:
    async def main() -> list[Any]:
        client = Client()
        await client.ask(event_stream(lambda scope: None))
        return client.sent

    start, end = run(main())
    assert start["status"] == 204
    assert not [name for name, _ in start["headers"] if name == b"content-type"]
    assert end["body"] == b""


class Blocking:
    """A source that blocks; remembers its threads."""

    def __init__(self, *items: Any, hold: bool = False, error: Any = None) -> None:
        self.items = list(items)
        self.threads: set[int] = set()
        self.closed = threading.Event()
        self.go_on = threading.Event()
        self._hold = hold
        self._error = error

    def __iter__(self) -> Iterator[Any]:
        try:
            for item in self.items:
                self.threads.add(threading.get_ident())
                yield item
            if self._hold:
                self.go_on.wait(10)
            if self._error is not None:
                raise self._error
        finally:
            self.threads.add(threading.get_ident())
            self.closed.set()


@pytest.mark.parametrize("served", ["stream", "body"])
def test_a_blocking_source_runs_in_a_thread_of_its_own(served: str) -> None:
    source = Blocking("a", {"b": 1}, Comment("c"))

    async def main() -> bytes:
        if served == "stream":
            return await Client().ask(event_stream(source))
        return b"".join([data async for data in event_body(source)])

    assert run(main()) == b'data: a\n\ndata: {"b":1}\n\n:c\n'
    assert source.closed.is_set()
    assert len(source.threads) == 1
    assert threading.get_ident() not in source.threads


def test_a_blocking_source_is_kept_alive_while_it_blocks() -> None:
    source = Blocking("a", hold=True)

    async def main() -> bytes:
        client = Client()

        def comment(message: dict[str, Any]) -> None:
            if message.get("body") == b":\n":
                source.go_on.set()

        client.on_send = comment
        return await client.ask(event_stream(source, keep_alive=0.02))

    body = run(main())
    assert body.startswith(b"data: a\n\n:\n")
    assert source.closed.is_set()


def test_a_blocking_source_that_fails_is_logged_and_told(caplog: pytest.LogCaptureFixture) -> None:
    source = Blocking("a", error=RuntimeError("the password is 1234"))
    body = run(answer(event_stream(source)))
    assert [event.event for event in parse(body)] == ["message", "stream-error"]
    assert b"1234" not in body
    assert "the password is 1234" in caplog.text


def test_a_blocking_source_whose_client_left_is_not_waited_for_and_closed_in_its_thread() -> None:
    source = Blocking("a", hold=True)

    async def main() -> None:
        client = Client()
        client.on_send = leaving(client)
        # on_close is how what it blocks on is told.
        await client.ask(event_stream(source, on_close=source.go_on.set))

    run(main())
    assert source.closed.wait(10)
    assert len(source.threads) == 1


def test_a_blocking_source_that_exits_ends_its_stream_and_not_the_server() -> None:
    body = run(answer(event_stream(Blocking("a", error=SystemExit(3)))))
    assert [event.event for event in parse(body)] == ["message", "stream-error"]


def test_an_iterator_that_a_source_makes_is_closed_with_it() -> None:
    closed = []

    class Made:
        async def __aiter__(self) -> AsyncIterator[str]:
            try:
                yield "one"
                await asyncio.Event().wait()
            finally:
                closed.append("iterator")

        async def close(self) -> None:
            closed.append("source")

    async def main() -> None:
        client = Client()
        client.on_send = leaving(client)
        await client.ask(event_stream(Made()))

    run(main())
    assert closed == ["iterator", "source"]


def test_a_source_that_cannot_be_begun_is_a_failure_of_the_source() -> None:
    class Broken:
        def __aiter__(self) -> Any:
            raise RuntimeError("the password is 1234")

    body = run(answer(event_stream(Broken())))
    assert [event.event for event in parse(body)] == ["stream-error"]


def test_a_list_serves_any_number_of_responses() -> None:
    application = event_stream(["a", "b"])
    for _ in range(2):
        assert run(answer(application)) == b"data: a\n\ndata: b\n\n"


# --- whatever is asked for


def test_a_response_has_the_status_and_headers_that_it_is_given() -> None:
    async def main() -> dict[str, Any]:
        client = Client()
        application = event_stream(
            Source(1), status=201, headers={"Access-Control-Allow-Origin": "*"}
        )
        await client.ask(application)
        return client.sent[0]

    start = run(main())
    assert start["status"] == 201
    assert (b"access-control-allow-origin", b"*") in start["headers"]
    assert (b"cache-control", b"no-cache, no-transform") in start["headers"]


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body_leaves_the_source_unread(status: int) -> None:
    source = Source()
    assert run(answer(event_stream(source, status=status))) == b""
    assert (source.given, source.closed) == (0, 1)


@pytest.mark.parametrize(("name", "expected"), [("failed", ["failed"]), (None, [])])
def test_the_event_of_a_failure_has_the_name_that_it_is_given(
    name: Any, expected: list[str]
) -> None:
    source = Source(0, error=RuntimeError())
    body = run(answer(event_stream(source, error_event=name)))
    assert [event.event for event in parse(body)] == expected


ENDS = ["at its end", "failing", "left", "cancelled", "HEAD", "204", "unbegun", "body"]


@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("awaited", [False, True])
def test_on_close_is_called_once_when_the_source_is_closed(how: str, awaited: bool) -> None:
    error = RuntimeError() if how == "failing" else None
    source = Source(1, hold=how in ("left", "cancelled"), error=error)
    seen = []

    def closed() -> Any:
        seen.append(source.closed)
        return asyncio.sleep(0) if awaited else None

    async def main() -> None:
        client = Client()
        if how == "left":
            client.on_send = leaving(client)
        elif how == "unbegun":
            client.gone.set()
        status = 204 if how == "204" else 200
        if how == "body":
            assert [data async for data in event_body(source, on_close=closed)]
            return
        application = event_stream(source, on_close=closed, status=status)
        task = asyncio.ensure_future(client.ask(application, "HEAD" if how == "HEAD" else "GET"))
        if how == "cancelled":
            while not client.body:
                await asyncio.sleep(0)
            task.cancel()
        await asyncio.wait({task})

    run(main())
    assert seen == [1]


def test_an_on_close_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def closed() -> None:
        raise RuntimeError("the password is 1234")

    body = run(answer(event_stream(Source(1), on_close=closed)))
    assert body == b"data: event 1\n\n"
    assert "the password is 1234" in caplog.text


# --- clients that do not read, and leave while somebody is busy


@pytest.mark.parametrize("comments", [False, True])
def test_a_client_that_takes_nothing_is_let_go_after_send_timeout(comments: bool) -> None:
    source = Source(1, hold=True)

    async def main() -> Client:
        client = Client()

        def block(message: dict[str, Any]) -> Any:
            body = message.get("body", b"")
            return (
                asyncio.Event().wait() if body.startswith(b":" if comments else b"data") else None
            )

        client.on_send = block
        keep_alive = 0.01 if comments else None
        await client.ask(event_stream(source, keep_alive=keep_alive, send_timeout=0.05))
        return client

    client = run(main())
    assert source.closed == 1
    assert client.sent[-1]["more_body"], "the end was sent to a client that reads nothing"


def test_a_client_that_is_slow_and_reads_is_not_let_go() -> None:
    async def main() -> bytes:
        client = Client()
        client.on_send = lambda message: asyncio.sleep(0.02)
        return await client.ask(event_stream(Source(5), send_timeout=0.5, keep_alive=0.01))

    assert run(main()).count(b"data: ") == 5


async def slow_to_close(steps: list[int]) -> AsyncIterator[str]:
    try:
        yield "one"
        await asyncio.Event().wait()
    finally:
        for step in range(3):
            await asyncio.sleep(0.01)
            steps.append(step)


def test_a_source_has_time_to_close_when_its_client_leaves_and_is_cancelled_once() -> None:
    steps: list[int] = []

    async def main() -> None:
        client = Client()
        client.on_send = leaving(client)
        await client.ask(event_stream(slow_to_close(steps)))

    run(main())
    assert steps == [0, 1, 2]


@pytest.mark.parametrize("times", [1, 2, 5])
def test_a_source_closes_in_peace_however_often_its_response_is_cancelled(times: int) -> None:
    steps: list[int] = []

    async def main() -> None:
        client = Client()
        task = asyncio.ensure_future(client.ask(event_stream(slow_to_close(steps))))
        while not client.body:
            await asyncio.sleep(0)
        # As anyio's scopes do, at each turn of the loop.
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        with pytest.raises(asyncio.CancelledError):
            await task
        while len(steps) < 3:
            await asyncio.sleep(0.001)

    run(main())
    assert steps == [0, 1, 2]


def test_a_source_that_does_not_end_its_closing_is_left_to_it(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ssewire.asgi._running.CLOSING", 0.02)
    at_last = []

    async def source() -> AsyncIterator[str]:
        try:
            yield "one"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.1)
            at_last.append(True)

    async def main() -> None:
        client = Client()
        client.on_send = leaving(client)
        await client.ask(event_stream(source()))
        assert not at_last
        while not at_last:
            await asyncio.sleep(0.001)

    run(main())
    assert "still closing" in caplog.text


def test_a_source_that_never_waits_lets_others_have_a_turn() -> None:
    async def source() -> AsyncIterator[str]:
        while True:
            yield "more"

    async def main() -> None:
        client = Client()
        task = asyncio.ensure_future(client.ask(event_stream(source())))
        await asyncio.sleep(0)
        client.gone.set()
        await task

    run(main())


def test_a_receive_that_never_waits_lets_others_have_a_turn() -> None:
    async def receive() -> dict[str, Any]:
        # As a driver that was written in a hurry.
        return {"type": "http.request", "body": b"", "more_body": False}

    async def main() -> bytes:
        client = Client()
        client.receive = receive  # type: ignore[method-assign]
        return await client.ask(event_stream(["a", "b"]))

    assert run(main()) == b"data: a\n\ndata: b\n\n"


def test_what_a_server_raises_at_a_send_is_no_failure_of_the_source(
    caplog: pytest.LogCaptureFixture,
) -> None:
    source = Source(5)

    async def main() -> None:
        client = Client()

        def fail(message: dict[str, Any]) -> None:
            if source.given == 2:
                raise LookupError("of the server")

        client.on_send = fail
        with pytest.raises(LookupError, match="of the server"):
            await client.ask(event_stream(source))

    run(main())
    assert source.closed == 1
    assert not caplog.records


def test_an_oserror_of_the_source_is_a_failure_of_the_source(
    caplog: pytest.LogCaptureFixture,
) -> None:
    body = run(answer(event_stream(Source(1, error=ConnectionResetError()))))
    assert [event.event for event in parse(body)] == ["message", "stream-error"]
    assert "failed" in caplog.text


@pytest.mark.skipif(sys.version_info < (3, 12), reason="eager tasks came with Python 3.12")
def test_eager_tasks_serve_as_others_do() -> None:
    async def main() -> None:
        factory = import_module("asyncio").eager_task_factory
        asyncio.get_running_loop().set_task_factory(factory)
        for hold in (False, True):
            source = Source(2, hold=hold)
            client = Client()
            if hold:
                client.on_send = leaving(client, b"2")
            await client.ask(event_stream(source))
            assert (source.given, source.closed) == (2, 1)
        assert len([data async for data in event_body(Source(2))]) >= 1

    run(main())


def test_a_burst_is_handed_over_as_one_piece_and_no_more_than_fits() -> None:
    given = []

    async def source() -> AsyncIterator[str]:
        for number in range(40):
            given.append(number)
            yield "x" * 1000

    async def main() -> list[bytes]:
        body = event_body(source())
        first = await body.__anext__()
        # One is on its way, and the next is not asked for before this one is taken.
        assert len(given) <= 17
        assert len(first) <= 17 * 1008
        return [first] + [data async for data in body]

    pieces = run(main())
    assert len(pieces) < 10
    assert len(parse(b"".join(pieces))) == 40


# --- real servers


class Serving:
    """An application under a real server, in the running loop."""

    def __init__(self, name: str, application: Any) -> None:
        self._name = name
        self._application = application
        self._stop: Any = None
        self._task: Any = None
        self.url = ""

    async def __aenter__(self) -> Serving:
        await getattr(self, f"_{self._name}")()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._stop()
        await self._task

    async def _uvicorn(self) -> None:
        uvicorn = import_module("uvicorn")
        server = uvicorn.Server(
            uvicorn.Config(self._application, port=0, log_level="warning", ws="none")
        )
        # The tests have their own signals.
        server.capture_signals = import_module("contextlib").nullcontext
        self._task = asyncio.ensure_future(server.serve())
        while not server.started:
            await asyncio.sleep(0.005)
        self._stop = lambda: setattr(server, "should_exit", True)
        self.url = "http://{}:{}/".format(*server.servers[0].sockets[0].getsockname())

    async def _hypercorn(self) -> None:
        socket = import_module("socket")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        config = import_module("hypercorn.config").Config()
        config.bind = [f"127.0.0.1:{port}"]
        config.graceful_timeout = 0.1
        config.errorlog = None
        stopped = asyncio.Event()
        serve = import_module("hypercorn.asyncio").serve
        self._task = asyncio.ensure_future(
            serve(self._application, config, shutdown_trigger=stopped.wait)
        )
        self._stop = stopped.set
        self.url = f"http://127.0.0.1:{port}/"
        for _ in range(400):
            try:
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                return
            except OSError:
                await asyncio.sleep(0.01)


async def comments_only(stream: Any) -> None:
    async for item in stream:
        assert type(item) is Comment


both_servers = pytest.mark.parametrize("name", ["uvicorn", "hypercorn"])


@both_servers
def test_a_real_server_hands_each_event_on_as_it_comes(name: str) -> None:
    got: list[str] = []

    async def source(scope: Any) -> AsyncIterator[str]:
        for number in range(3):
            yield f"event {number}"
            # The next one comes only when this one has arrived.
            while len(got) <= number:
                await asyncio.sleep(0.002)

    async def main() -> None:
        async with Serving(name, event_stream(source)) as server:
            stream = await aio.open_stream(server.url, proxy=None)
            assert stream.headers["X-Accel-Buffering"] == "no"
            async for event in stream:
                got.append(event.data)  # noqa: PERF401 - the source waits for it

    asyncio.run(asyncio.wait_for(main(), 20))
    assert got == ["event 0", "event 1", "event 2"]


@both_servers
def test_a_real_server_closes_the_source_when_its_client_leaves(name: str) -> None:
    sources = []

    def source(scope: Any) -> Source:
        sources.append(Source(1, hold=True))
        return sources[-1]

    async def main() -> None:
        async with Serving(name, event_stream(source)) as server:
            async with aio.open_stream(server.url, proxy=None) as stream:
                await stream.__anext__()
            while not sources[0].closed:
                await asyncio.sleep(0.005)

    asyncio.run(asyncio.wait_for(main(), 20))
    assert sources[0].closed == 1


@both_servers
def test_a_real_server_keeps_a_silent_stream_alive(name: str) -> None:
    from ssewire.client import Timeouts

    async def main() -> None:
        quiet = event_stream(lambda scope: Source(1, hold=True), keep_alive=0.05)
        async with Serving(name, quiet) as server:
            timeouts = Timeouts(idle=2.0, stall=0.5)
            stream = await aio.open_stream(server.url, proxy=None, timeouts=timeouts, comments=True)
            async with stream:
                items = [await stream.__anext__() for _ in range(4)]
                assert [type(item) for item in items[1:]] == [Comment] * 3
                with pytest.raises(StreamTimeout) as caught:
                    await comments_only(stream)
                # It was never idle: only events were missing.
                assert caught.value.kind == "stall"

    asyncio.run(asyncio.wait_for(main(), 20))
