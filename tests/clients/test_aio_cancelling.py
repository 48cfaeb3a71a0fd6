# SPDX-License-Identifier: MIT
"""What cancelling does in the asyncio client: of a wait nothing, of an opening all.

docs/design/0009 has the rules. Each way in which users put a limit on a step is tried, on
asyncio's loop and on uvloop where that is installed.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Callable

import pytest

from ssewire.aio import (
    EventSource,
    HTTPRequest,
    HTTPResponse,
    ReconnectPolicy,
    Timeouts,
    open_stream,
    request,
)
from ssewire.aio._connection import Connection
from ssewire.errors import RetriesExhausted, StreamTimeout, TransportError
from tests.clients.both import LOOPS, collect
from tests.clients.cancelling_campaign import campaign
from tests.clients.scenarios import event
from tests.kit.limits import LIMIT, PAUSE, WAYS, by_wait_for, patiently
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head, trusting_context

pytestmark = pytest.mark.sockets

WAYS_AND_TLS = [*((way, None) for way in WAYS), (by_wait_for, "127.0.0.1")]

ASYNCIO = LOOPS[0]
Run = Callable[[Coroutine[Any, Any, Any]], Any]


@pytest.fixture(params=LOOPS, ids=lambda loop: loop.name)
def run(request: pytest.FixtureRequest) -> Run:
    """Runs a coroutine in a loop of its own, of either kind."""
    runner: Run = request.param.run
    return runner


@pytest.mark.parametrize(("way", "tls"), WAYS_AND_TLS)
def test_a_cancelled_wait_for_an_event_takes_nothing(run: Run, way: Any, tls: str | None) -> None:
    async def main(url: str, options: Any) -> list[str]:
        async with open_stream(url, **options) as stream:
            return [e.data for e in await patiently(way, stream.__anext__, 5)]

    # The third one comes in two pieces, with a wait in the middle.
    steps = [event(1), PAUSE, event(2) + b"data: 3", PAUSE, b"\n\n", event(4), PAUSE, event(5)]
    with Server([[head(), *steps, "hold"]], tls=tls) as server:
        options = {"tls": trusting_context()} if tls else {}
        assert run(main(server.url, options)) == ["1", "2", "3", "4", "5"]
        assert server.connections == 1
        assert server.wait_closed()


@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_wait_for_a_batch_takes_nothing(run: Run, way: Any) -> None:
    async def main(url: str) -> list[str]:
        seen: list[str] = []
        async with open_stream(url) as stream:
            batches = stream.batches()
            while len(seen) < 4:
                for batch in await way(batches.__anext__, LIMIT):
                    seen += [e.data for e in batch]
        return seen

    with Server(
        [[head(), event(1), PAUSE, event(2) + event(3), PAUSE, event(4), "hold"]]
    ) as server:
        assert run(main(server.url)) == ["1", "2", "3", "4"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("fields", [(CHUNKED,), (CHUNKED, "Content-Encoding: gzip")])
def test_a_cancelled_wait_for_a_chunk_takes_nothing(run: Run, way: Any, fields: Any) -> None:
    import gzip

    whole = b"".join(b"%d," % number for number in range(2000))
    sent = gzip.compress(whole) if len(fields) == 2 else whole

    async def main(url: str) -> bytes:
        seen = b""
        async with request(url) as response:
            while len(seen) < len(whole):
                seen += b"".join(await way(response.chunks.__anext__, LIMIT))
        return seen

    third = len(sent) // 3
    steps = [
        chunk(sent[:third]),
        PAUSE,
        chunk(sent[third : 2 * third]),
        PAUSE,
        chunk(sent[2 * third :]),
    ]
    with Server([[head(200, *fields), *steps, LAST_CHUNK]]) as server:
        assert run(main(server.url)) == whole


@pytest.mark.parametrize("way", WAYS)
def test_a_cancelled_step_of_a_source_takes_nothing_whatever_it_was_at(run: Run, way: Any) -> None:
    async def main(url: str) -> list[str]:
        policy = ReconnectPolicy(initial_delay=PAUSE, jitter=0.0)
        async with EventSource(url, reconnect=policy) as source:
            return [e.id for e in await patiently(way, source.__anext__, 4)]

    # The head takes longer than each wait; so does the event after it, and the pause at the end.
    first = [PAUSE, head(), PAUSE, event(1), PAUSE, event(2)]
    with Server([first, [PAUSE, head(), event(3), PAUSE, event(4), "hold"]]) as server:
        assert run(main(server.url)) == ["1", "2", "3", "4"]
        assert server.last_event_ids == [None, "2"]
        assert server.wait_closed()


@pytest.mark.parametrize("steps", [[PAUSE, head()], [head(), PAUSE]], ids=["head", "event"])
def test_a_request_that_may_not_be_repeated_survives_a_cancelled_step(
    run: Run, steps: list[Any]
) -> None:
    async def main(server: Server) -> None:
        async with EventSource(server.url, method="POST", body=b"buy") as source:
            (found,) = await patiently(by_wait_for, source.__anext__)
            assert (found.data, source.state) == ("1", "open")

    with Server([[*steps, event(1), "hold"]]) as server:
        run(main(server))
        assert len(server.requests) == 1


def test_an_attempt_that_fails_while_nobody_waits_is_told_to_the_next_step(run: Run) -> None:
    told: list[Any] = []

    async def main(url: str) -> None:
        policy = ReconnectPolicy(initial_delay=0.0, max_attempts=1)
        source = EventSource(
            url, reconnect=policy, on_error=lambda error, delay: told.append(error)
        )
        async with source:
            assert await by_wait_for(source.__anext__, LIMIT) == []
            while not source._opening.done:
                await asyncio.sleep(0.005)
            assert told == []
            with pytest.raises(RetriesExhausted):
                await source.__anext__()
            assert len(told) == 1

    with Server([[0.02, head(503)]]) as server:
        run(main(server.url))


def test_a_wait_for_the_next_attempt_goes_on_where_it_was_cancelled(run: Run) -> None:
    async def main(url: str) -> str:
        policy = ReconnectPolicy(initial_delay=0.3, jitter=0.0)
        async with EventSource(url, reconnect=policy) as source:
            assert (await source.__anext__()).id == "1"
            for _ in range(50):
                found = await by_wait_for(source.__anext__, 0.1)
                if found:
                    return str(found[0].id)
        raise AssertionError("it never connected again")

    with Server([[head(), event(1)], [head(), event(2), "hold"]]) as server:
        assert run(main(server.url)) == "2"


def test_a_restart_does_not_go_back_to_the_wait_that_it_ended(run: Run) -> None:
    async def main(server: Server) -> None:
        source = EventSource(server.url, reconnect=ReconnectPolicy(initial_delay=60.0))
        waiting = asyncio.ensure_future(source.__anext__())
        while len(server.requests) < 1 or source._due < 0:
            await asyncio.sleep(0.005)
        for requests in (2, 3):
            source.restart()
            while len(server.requests) < requests:
                await asyncio.sleep(0.005)
        waiting.cancel()
        await asyncio.wait({waiting})
        # Also where an attempt is under way that nobody waits for.
        source.restart()
        async with source:
            assert (await asyncio.wait_for(source.__anext__(), 5)).data == "a"

    with Server([[head(503)], ["hold"], ["hold"], [head(), b"data: a\n\n"]]) as server:
        run(main(server))
        assert server.connections == 4


def test_two_waits_cannot_be_for_the_same_also_after_a_cancellation(run: Run) -> None:
    async def main(url: str) -> None:
        async with open_stream(url) as stream:
            first = asyncio.ensure_future(stream.__anext__())
            await asyncio.sleep(0.01)
            first.cancel()
            await asyncio.wait({first})
            # A coroutine that is thrown away in its wait, as a loop that ends does, too.
            dropped = stream.__anext__()
            dropped.send(None)
            dropped.close()
            assert (await stream.__anext__()).data == "1"

    with Server([[head(), PAUSE, event(1), "hold"]]) as server:
        run(main(server.url))


def test_the_time_for_silence_runs_on_while_waits_are_cancelled(run: Run) -> None:
    async def main(url: str, **timeouts: float) -> str:
        async with open_stream(url, timeouts=Timeouts(**timeouts)) as stream:
            with pytest.raises(StreamTimeout) as caught:
                await patiently(by_wait_for, stream.__anext__)
        return caught.value.kind

    with Server([[head(), b": hello\n\n", "hold"]]) as server:
        assert run(main(server.url, idle=0.2)) == "idle"
        assert run(main(server.url, stall=0.2)) == "stall"


@pytest.mark.parametrize(("way", "tls"), WAYS_AND_TLS)
@pytest.mark.parametrize("function", [open_stream, request])
def test_cancelling_an_opening_closes_it(
    run: Run, way: Any, function: Any, tls: str | None
) -> None:
    async def main(server: Server) -> None:
        options = {"tls": trusting_context()} if tls else {}

        async def opened() -> Any:
            return await function(server.url, **options)

        while not server.requests:
            assert await way(opened, PAUSE) == []
        await asyncio.sleep(0.01)
        assert server.wait_closed()

    with Server([["hold"]], tls=tls) as server:
        run(main(server))


# --- transports


def carried(chunks: AsyncIterator[bytes], closed: list[str]) -> Any:
    async def transport(request: HTTPRequest) -> HTTPResponse:
        async def close() -> None:
            closed.append("closing")
            await asyncio.sleep(0.01)
            closed.append("closed")

        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, chunks, close=close)

    return transport


@pytest.mark.parametrize("kind", [open_stream, EventSource])
def test_a_transports_generator_survives_a_cancelled_wait(run: Run, kind: Any) -> None:
    closed: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        for number in range(1, 4):
            await asyncio.sleep(PAUSE)
            yield event(number)
        await asyncio.sleep(60)

    async def main() -> list[str]:
        async with kind("http://h/", transport=carried(chunks(), closed)) as stream:
            return [e.id for e in await patiently(by_wait_for, stream.__anext__, 3)]

    assert run(main()) == ["1", "2", "3"]
    assert closed == ["closing", "closed"]


def test_a_chunk_that_came_while_nobody_waited_is_not_late(run: Run) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        await asyncio.sleep(0.05)
        yield event(1)

    async def main() -> None:
        options: Any = {"timeouts": Timeouts(idle=0.1)}
        async with open_stream("http://h/", transport=carried(chunks(), []), **options) as stream:
            assert await by_wait_for(stream.__anext__, 0.01) == []
            await asyncio.sleep(0.2)
            assert await collect(stream) == ["1"]

    run(main())


def test_a_transports_own_cancellation_is_not_taken_for_the_end(run: Run) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield event(1)
        raise asyncio.CancelledError

    async def main() -> None:
        async with open_stream("http://h/", transport=carried(chunks(), [])) as stream:
            assert (await stream.__anext__()).data == "1"
            with pytest.raises(TransportError, match="CancelledError"):
                await stream.__anext__()
            assert await collect(stream) == []

    run(main())


@pytest.mark.parametrize("at", ["request", "chunk"])
def test_a_transports_clean_up_is_cancelled_once_and_waited_for(run: Run, at: str) -> None:
    done: list[str] = []

    async def hang() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            done.append(at)

    async def chunks() -> AsyncIterator[bytes]:
        yield event(1)
        await hang()

    async def transport(request: HTTPRequest) -> HTTPResponse:
        if at == "request":
            await hang()
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, chunks())

    async def main() -> None:
        source = EventSource("http://h/", transport=transport)
        task = asyncio.ensure_future(collect(source))
        await asyncio.sleep(0.02)
        for _ in range(3):
            closing = source.close()
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await closing
        await source.close()
        while not done:
            await asyncio.sleep(0.005)
        assert done == [at]

    run(main())


def test_awaiting_the_closing_of_a_transports_request_waits_for_its_clean_up(run: Run) -> None:
    done: list[int] = []

    async def transport(request: HTTPRequest) -> HTTPResponse:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.02)
            done.append(1)
        raise AssertionError

    async def main() -> None:
        source = EventSource("http://h/", transport=transport)
        assert await by_wait_for(source.__anext__, LIMIT) == []
        await source.close()
        assert done == [1]

    run(main())


@pytest.mark.parametrize("at", ["request", "chunk", "close"])
def test_a_transports_clean_up_that_hangs_is_not_waited_for_for_ever(
    run: Run, at: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("_tasks", "_body"):
        monkeypatch.setattr(f"ssewire.aio.{module}.CLOSING_PATIENCE", 0.05)
    let_go = asyncio.Event

    async def main() -> None:
        free = let_go()

        async def hang() -> None:
            try:
                await asyncio.sleep(60)
            finally:
                await free.wait()

        async def chunks() -> AsyncIterator[bytes]:
            yield event(1)
            await (hang() if at == "chunk" else asyncio.sleep(60))

        async def transport(request: HTTPRequest) -> HTTPResponse:
            if at == "request":
                await hang()
            close = free.wait if at == "close" else None
            answer = {"Content-Type": "text/event-stream"}
            return HTTPResponse(200, answer, chunks(), close=close)

        source = EventSource("http://h/", transport=transport)
        while await by_wait_for(source.__anext__, LIMIT):
            pass
        await source.close()
        free.set()
        for _ in range(5):
            await asyncio.sleep(0.01)

    run(main())


# --- closing


def test_awaiting_the_closing_of_a_source_that_connects_waits_for_its_socket(run: Run) -> None:
    async def main(server: Server) -> None:
        source = EventSource(server.url)
        task = asyncio.ensure_future(collect(source))
        while not server.requests:
            await asyncio.sleep(0.005)
        loop = asyncio.get_running_loop()
        found = [o for o in gc.get_objects() if isinstance(o, Connection) and o.loop is loop]
        wires: list[Any] = [connection._wire for connection in found]
        await source.close()
        (socket,) = [wire.get_extra_info("socket") for wire in wires]
        # uvloop has none any more.
        assert socket is None or socket.fileno() == -1
        assert await task == []

    with Server([["hold"]]) as server:
        run(main(server))


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore:coroutine:RuntimeWarning")
# The collector may end a coroutine before the one that awaits it, which then finds it executing.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("steps", [["hold"], [head(), "hold"]], ids=["head", "event"])
@pytest.mark.parametrize("kind", [open_stream, EventSource, request, "transport"])
def test_closing_after_the_loop_was_closed_is_no_error(kind: Any, steps: list[Any]) -> None:
    if kind in (open_stream, request) and steps == ["hold"]:
        pytest.skip("nothing has been opened that could be closed")
    kept: list[Any] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield event(1)
        await asyncio.sleep(60)

    async def transport(request: HTTPRequest) -> HTTPResponse:
        if steps == ["hold"]:
            await asyncio.sleep(60)
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, chunks())

    async def main(server: Server) -> None:
        if kind in (open_stream, request):
            kept.append(await kind(server.url))
        elif kind == "transport":
            kept.append(EventSource("http://h/", transport=transport))
        else:
            kept.append(EventSource(server.url))
        items = kept[0].chunks if kind is request else kept[0]
        # A wait that was cancelled, and one that is under way.
        cut = asyncio.ensure_future(collect(items))
        await asyncio.sleep(0.02)
        cut.cancel()
        await asyncio.wait({cut})
        kept.append(asyncio.ensure_future(collect(items)))
        await asyncio.sleep(0.02)

    with Server([steps]) as server:
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main(server))
        pending = kept.pop()
        pending._log_destroy_pending = False
        loop.close()
        for _ in range(2):
            kept[0].close()

        async def again() -> None:
            await kept[0].close()

        ASYNCIO.run(again())
        kept.clear()
        del pending
        gc.collect()
        assert server.wait_closed()


# --- what is dropped


@pytest.mark.parametrize("at", ["head", "open"])
def test_a_source_that_is_dropped_closes_its_socket_with_a_warning(run: Run, at: str) -> None:
    async def main(server: Server) -> None:
        sources = [EventSource(server.url)]
        while not server.requests:
            assert await by_wait_for(sources[0].__anext__, LIMIT) == []

        def drop() -> None:
            sources.clear()
            gc.collect()  # Where nothing counts references, this alone drops it.

        with pytest.warns(ResourceWarning, match="unclosed <Event"):
            drop()
        await asyncio.sleep(0.01)
        assert server.wait_closed()

    steps = [head(), "hold"] if at == "open" else ["hold"]
    with Server([steps]) as server:
        run(main(server))


@pytest.mark.parametrize("kind", [open_stream, EventSource, request])
@pytest.mark.parametrize("waited", [False, True])
def test_a_transports_response_that_is_dropped_is_closed_with_a_warning(
    run: Run, kind: Any, waited: bool
) -> None:
    closed: list[str] = []

    async def chunks() -> AsyncIterator[bytes]:
        yield event(1)
        await asyncio.sleep(60)

    async def main() -> None:
        opened = [kind("http://h/", transport=carried(chunks(), closed))]
        if kind is not EventSource:
            opened = [await opened[0]]
        items: Any = opened[0].chunks if kind is request else opened[0]
        await items.__anext__()
        if waited:
            assert await by_wait_for(items.__anext__, LIMIT) == []
        del items

        def drop() -> None:
            opened.clear()
            gc.collect()

        with pytest.warns(ResourceWarning, match="unclosed"):
            drop()
        while len(closed) < 2:
            await asyncio.sleep(0.005)

    run(main())
    assert closed == ["closing", "closed"]


# --- many, at random


def test_cancellations_and_closes_at_random_lose_nothing_and_leave_nothing(run: Run) -> None:
    counts = campaign(300, 13, run)
    assert counts["cancelled"] > 200
