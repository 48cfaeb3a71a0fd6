# SPDX-License-Identifier: MIT
"""Broadcast: every viewer gets every event once, in order, also who comes back; or is told."""

from __future__ import annotations

import asyncio
import gc
import random
import threading
from typing import Any

import pytest

from ssewire import Comment, ServerSentEvent, parse
from ssewire.asgi import Broadcast, event_body, event_stream
from tests.tools.test_asgi import Client, run


async def take(viewer: Any, count: int) -> list[Any]:
    return [await viewer.__anext__() for _ in range(count)]


def data(events: list[Any]) -> list[str]:
    return [event.data for event in events]


async def cancelled(coroutine: Any) -> None:
    """Run it until it waits, and cancel it."""
    task = asyncio.ensure_future(coroutine)
    for _ in range(3):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def serve(broadcast: Any, last_event_id: str = "") -> tuple[Client, asyncio.Task[None]]:
    """Begin a response to a viewer."""
    client = Client()
    scope: dict[str, Any] = {"type": "http", "method": "GET", "headers": []}
    if last_event_id:
        scope["headers"] = [(b"last-event-id", last_event_id.encode())]
    application = event_stream(broadcast)
    task = asyncio.ensure_future(application(scope, client.receive, client.send))
    for _ in range(5):
        await asyncio.sleep(0)
    return client, task


def test_each_viewer_gets_each_event_from_where_it_began() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        first = broadcast.subscribe()
        broadcast.publish("a")
        second = broadcast.subscribe()
        broadcast.publish({"b": 1})
        broadcast.publish(ServerSentEvent("c", "named", "my id", 5))
        assert data(await take(first, 3)) == ["a", '{"b":1}', "c"]
        events = await take(second, 2)
        assert events[1] == ServerSentEvent("c", "named", "my id", 5)
        assert broadcast.viewers == 2
        await first.aclose()
        assert broadcast.viewers == 1

    run(main())


def test_an_event_without_an_id_is_given_one_that_publish_returns() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        viewer = broadcast.subscribe()
        ids = [broadcast.publish("x") for _ in range(3)]
        assert broadcast.publish(ServerSentEvent("y", id="mine")) == "mine"
        assert [event.id for event in await take(viewer, 4)] == [*ids, "mine"]
        assert len(set(ids)) == 3
        # Another process, or the same one started anew, gives others.
        assert Broadcast().publish("x") not in ids

    run(main())


@pytest.mark.parametrize("seen", range(6))
def test_who_comes_back_misses_none(seen: int) -> None:
    async def main() -> None:
        broadcast = Broadcast()
        ids = [broadcast.publish(str(number)) for number in range(6)]
        viewer = broadcast.subscribe(ids[seen])
        broadcast.publish("new")
        expected = [str(number) for number in range(seen + 1, 6)]
        assert data(await take(viewer, 6 - seen)) == [*expected, "new"]

    run(main())


@pytest.mark.parametrize("known", ["", "too old", "never published"])
def test_who_cannot_be_given_all_is_told_so_and_given_what_there_is(known: str) -> None:
    async def main() -> None:
        broadcast = Broadcast(history=3)
        ids = [broadcast.publish(str(number)) for number in range(6)]
        last = {"": "", "too old": ids[1], "never published": "x-1"}[known]
        viewer = broadcast.subscribe(last)
        broadcast.publish("new")
        if not known:
            assert data(await take(viewer, 1)) == ["new"]
            return
        told, *events = await take(viewer, 5)
        assert told.event == "stream-missed"
        assert told.json() == {"last_event_id": last}
        assert told.id == ""
        assert data(events) == ["3", "4", "5", "new"]

    run(main())


def test_the_oldest_that_still_misses_none_is_the_one_before_the_history() -> None:
    async def main() -> None:
        broadcast = Broadcast(history=2)
        ids = [broadcast.publish(str(number)) for number in range(4)]
        assert (await take(broadcast.subscribe(ids[1]), 1))[0].event == "stream-missed"
        assert data(await take(broadcast.subscribe(ids[2]), 1)) == ["3"]

    run(main())


def test_without_a_history_nothing_is_kept() -> None:
    async def main() -> None:
        broadcast = Broadcast(history=0)
        event_id = broadcast.publish("a")
        viewer = broadcast.subscribe(event_id)
        broadcast.publish("b")
        assert [e.event for e in await take(viewer, 2)] == ["stream-missed", "message"]

    run(main())


def test_of_an_id_that_was_published_twice_the_newer_counts() -> None:
    async def main() -> None:
        broadcast = Broadcast(history=3)
        for text in "abcde":
            broadcast.publish(ServerSentEvent(text, id="same" if text in "ac" else text))
        assert data(await take(broadcast.subscribe("same"), 2)) == ["d", "e"]

    run(main())


def test_comments_go_out_and_are_not_kept() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        viewer = broadcast.subscribe()
        event_id = broadcast.publish("a")
        assert broadcast.publish(Comment("c")) == ""
        broadcast.publish("b")
        assert [type(item) for item in await take(viewer, 3)] == [
            ServerSentEvent,
            Comment,
            ServerSentEvent,
        ]
        later = broadcast.subscribe(event_id)
        assert type((await take(later, 1))[0]) in (Comment, ServerSentEvent)

    run(main())


@pytest.mark.parametrize("item", [b"data: x\n\n", 7, None, ("a",)])
def test_what_cannot_be_published_is_told_what_can(item: Any) -> None:
    with pytest.raises(TypeError, match="a ServerSentEvent, Comment, str, dict or list"):
        Broadcast().publish(item)


@pytest.mark.parametrize(
    "item",
    [ServerSentEvent("x", "a\nb"), ServerSentEvent("x", id="a\nb"), "\ud800", {"n": float("nan")}],
)
def test_what_cannot_be_written_fails_where_it_is_published(item: Any) -> None:
    async def main() -> None:
        broadcast = Broadcast()
        viewer = broadcast.subscribe()
        with pytest.raises(ValueError, match=r"(CR|LF|surrogates|JSON)"):
            broadcast.publish(item)
        broadcast.publish("next")
        assert data(await take(viewer, 1)) == ["next"]

    run(main())


@pytest.mark.parametrize(
    "arguments",
    [
        {"history": -1},
        {"history": "1"},
        {"backlog": 0},
        {"backlog": True},
        {"missed_event": "a\nb"},
        {"missed_event": 7},
        {"missed_event": None},
    ],
)
def test_arguments_that_make_no_sense_are_refused(arguments: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        Broadcast(**arguments)
    with pytest.raises(TypeError, match="last_event_id"):
        Broadcast().subscribe(arguments)


# --- served


def test_an_application_serves_it_and_looks_at_the_last_event_id() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        old = broadcast.publish("old")
        broadcast.publish("kept")
        new, new_task = await serve(broadcast)
        back, back_task = await serve(broadcast, old)
        broadcast.publish("live")
        broadcast.close()
        await asyncio.wait({new_task, back_task})
        assert data(parse(new.body)) == ["live"]
        assert data(parse(back.body)) == ["kept", "live"]
        assert broadcast.viewers == 0
        # After its end there is nothing to wait for.
        late, late_task = await serve(broadcast, old)
        await late_task
        assert data(parse(late.body)) == ["kept", "live"]

    run(main())


def test_a_viewer_that_falls_behind_is_let_go_and_can_come_back() -> None:
    async def main() -> None:
        broadcast = Broadcast(history=100, backlog=50)
        stuck, stuck_task = await serve(broadcast)
        stuck.on_send = lambda message: asyncio.Event().wait()
        well, well_task = await serve(broadcast)
        for number in range(90):
            broadcast.publish(str(number))
            for _ in range(3):
                await asyncio.sleep(0)
        # It waits for its client, and is let go all the same.
        await asyncio.wait({stuck_task})
        assert broadcast.viewers == 1
        [seen] = parse(stuck.body)
        back, back_task = await serve(broadcast, seen.id)
        broadcast.close()
        await asyncio.wait({well_task, back_task})
        assert data(parse(well.body)) == [str(number) for number in range(90)]
        assert data(parse(stuck.body) + parse(back.body)) == data(parse(well.body))

    run(main())


def test_a_viewer_that_is_not_read_at_all_holds_no_events() -> None:
    broadcast = Broadcast(history=10, backlog=20)
    viewer = broadcast.subscribe()
    for _ in range(30):
        broadcast.publish("x")
    assert broadcast.viewers == 0
    assert viewer._link is None
    assert run(ended(viewer))


def test_who_comes_and_goes_while_nothing_is_published_leaves_nothing_behind() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        for _ in range(20):
            client, task = await serve(broadcast)
            client.gone.set()
            await task
        assert broadcast.viewers == 0
        assert not any(broadcast._waiting.values())

    run(main())


def test_a_viewer_that_is_dropped_is_none_any_more() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        unread = broadcast.subscribe()
        body = event_body(broadcast.subscribe())
        read, waiting = broadcast.subscribe(), broadcast.subscribe()
        broadcast.publish("x")
        assert data(await take(read, 1)) == ["x"]
        for viewer in read, waiting:
            await cancelled(take(viewer, 2))
        broadcast.publish("y")
        assert data(await take(read, 1)) == ["y"]
        await cancelled(take(read, 1))
        del viewer
        assert broadcast.viewers == 4
        del unread, body, read, waiting
        gc.collect()
        gc.collect()
        assert broadcast.viewers == 0

    run(main())


def test_a_viewer_that_is_held_by_its_task_alone_gets_what_is_published() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        task = asyncio.ensure_future(take(broadcast.subscribe(), 2))
        for text in "ab":
            await asyncio.sleep(0)
            gc.collect()
            broadcast.publish(text)
        assert data(await task) == ["a", "b"]

    run(main())


async def ended(viewer: Any) -> bool:
    return [event async for event in viewer] == []


def test_published_from_other_threads_each_event_arrives_once() -> None:
    async def main() -> None:
        broadcast = Broadcast(history=5000, backlog=5000)
        viewers = [broadcast.subscribe() for _ in range(5)]

        def publish(name: str) -> None:
            for number in range(200):
                broadcast.publish(f"{name} {number}")

        threads = [threading.Thread(target=publish, args=(name,)) for name in "abc"]
        tasks = [asyncio.ensure_future(take(viewer, 600)) for viewer in viewers]
        await asyncio.sleep(0)
        for thread in threads:
            thread.start()
        found = await asyncio.gather(*tasks)
        for thread in threads:
            thread.join()
        assert all(events == found[0] for events in found)
        for name in "abc":
            of_one = [event for event in data(found[0]) if event.startswith(name)]
            assert of_one == [f"{name} {number}" for number in range(200)]

    run(main())


def test_viewers_in_loops_of_several_threads_get_the_same() -> None:
    broadcast = Broadcast()
    ready = threading.Barrier(4)
    found = []

    def view() -> None:
        async def main() -> None:
            viewer = broadcast.subscribe()
            waiting = asyncio.ensure_future(take(viewer, 20))
            await asyncio.sleep(0)
            ready.wait(10)
            found.append(data(await waiting))

        run(main())

    threads = [threading.Thread(target=view) for _ in range(3)]
    for thread in threads:
        thread.start()
    ready.wait(10)
    for number in range(20):
        broadcast.publish(str(number))
    for thread in threads:
        thread.join(10)
    assert found == [[str(number) for number in range(20)]] * 3


def test_publishing_while_publishing_loses_nothing() -> None:
    """As a signal's handler does, which comes in the middle of a publish()."""
    broadcast = Broadcast()
    viewer = broadcast.subscribe()
    chain = broadcast._chain
    nested = iter(["nested"])

    def interrupted(item: Any) -> None:
        for text in nested:
            broadcast.publish(text)
        chain(item)

    broadcast._chain = interrupted  # type: ignore[method-assign]
    broadcast.publish("outer")
    broadcast.publish("after")
    assert data(run(take(viewer, 3))) == ["outer", "nested", "after"]


@pytest.mark.parametrize("seed", range(20))
def test_whoever_leaves_and_comes_back_at_random_gets_all_or_is_told(seed: int) -> None:
    rng = random.Random(seed)

    async def view(broadcast: Broadcast, got: list[str]) -> None:
        last = ""
        while "end" not in got:
            async with broadcast.subscribe(last) as viewer:
                for _ in range(rng.randrange(1, 6)):
                    event: Any = await viewer.__anext__()
                    if event.event == "stream-missed":
                        got.append("missed")
                        continue
                    got.append(event.data)
                    last = event.id
                    if event.data == "end":
                        return
            for _ in range(rng.randrange(4)):
                await asyncio.sleep(0)

    async def main() -> None:
        broadcast = Broadcast(history=rng.choice([3, 10, 100]))
        lists: list[list[str]] = [[] for _ in range(5)]
        tasks = [asyncio.ensure_future(view(broadcast, got)) for got in lists]
        await asyncio.sleep(0)
        for number in range(60):
            broadcast.publish(str(number))
            if rng.random() < 0.5:
                await asyncio.sleep(0)
        broadcast.publish("end")
        await asyncio.gather(*tasks)
        expected = [*map(str, range(60)), "end"]
        for got in lists:
            events = [text for text in got if text != "missed"]
            assert events == sorted(set(events), key=expected.index), "twice, or out of order"
            missing = [text for text in expected if text not in events]
            assert not missing or "missed" in got

    run(main())


def test_a_body_of_a_framework_serves_it_too() -> None:
    async def main() -> None:
        broadcast = Broadcast()
        body = event_body(broadcast.subscribe())
        waiting = asyncio.ensure_future(body.__anext__())
        await asyncio.sleep(0)
        broadcast.publish("x")
        assert data(parse(await waiting)) == ["x"]
        await body.aclose()
        assert broadcast.viewers == 0

    run(main())
