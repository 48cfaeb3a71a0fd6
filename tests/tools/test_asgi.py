"""Events over ASGI: what is sent, when it is sent, and that the source is closed whatever ends it.

Under a driver that speaks the protocol, and under real servers.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import suppress
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
    async def source() -> AsyncIterator[str]:
        yield "one"
        await asyncio.sleep(0.2)
        yield "two"

    async def main() -> list[bytes]:
        return [data async for data in event_body(source(), keep_alive=0.03)]

    one, *comments, two = run(main())
    assert (one, two) == (b"data: one\n\n", b"data: two\n\n")
    assert 2 <= len(comments) <= 7
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
            uvicorn.Config(self._application, port=0, lifespan="on", log_level="warning", ws="none")
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
