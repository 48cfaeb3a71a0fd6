# SPDX-License-Identifier: MIT
"""Waits cancelled and streams closed at random: nothing lost, nothing doubled, nothing left.

By hand: `python -m tests.clients.cancelling_campaign 20000 [SEED] [--uvloop]` makes so many
cancellations and closes, eight readers at a time: of streams by event and by batch, of response
bodies, of sources across reconnects and of Claude's messages, by `wait_for`, by `Task.cancel`
once or twice, by scopes of anyio; then reads on to the end, closes, drops, or gives up an
opening. Each reader must have had each event once and in order. Afterwards descriptors, tasks
and threads are counted.

The server is a real one, in the same loop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import random
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Coroutine
from typing import Any, Callable

from ssewire.aio import EventSource, ReconnectPolicy, open_stream, request
from ssewire.claude import AsyncClaude
from tests.claude import wire
from tests.clients.both import Asyncio, Uvloop

try:
    import anyio
except ImportError:  # on PyPy
    anyio = None

# Events of one stream or source; words of one message.
LENGTH = 12

END = object()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


class Peer:
    """A server of numbered events and of messages, that takes its time and sometimes breaks off."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._server: Any = None

    async def __aenter__(self) -> str:
        self._server = await asyncio.start_server(self._answer, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def __aexit__(self, *exc_info: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                if "content-length: " in head:
                    length = head.partition("content-length: ")[2].partition("\r\n")[0]
                    await reader.readexactly(int(length))
                if not await self._respond(head, writer):
                    break
        except (OSError, asyncio.IncompleteReadError):
            pass  # The client has gone, which is its right.
        finally:
            writer.transport.abort()

    async def _respond(self, head: str, writer: asyncio.StreamWriter) -> bool:
        """Answer a request; return whether there may be another on the connection."""
        rng = self._rng
        parts = numbered(head) if "get " in head else said()
        # Only a source connects again; a message that has not begun is asked for again.
        breaks = (
            rng.randrange(1, len(parts)) if "/breaking" in head and rng.random() < 0.7 else None
        )
        if "post " in head and rng.random() < 0.2:
            breaks = 0
        await self._pause()
        writer.write(HEAD)
        for number, part in enumerate(parts):
            if number == breaks:
                # In the middle of an event, or between two.
                writer.write(part[: rng.choice([0, len(part) // 2])])
                await writer.drain()
                return False
            cut = rng.randrange(len(part))
            for piece in (part[:cut], part[cut:]):
                if piece:
                    writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                if rng.random() < 0.3:
                    await writer.drain()
                    await self._pause()
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return True

    async def _pause(self) -> None:
        await asyncio.sleep(self._rng.choice([0, 0, 0.001, 0.003]))


def numbered(head: str) -> list[bytes]:
    last = head.partition("last-event-id: ")[2].partition("\r\n")[0]
    begin = int(last or "0") + 1
    # One more than is read: whoever has read them all closes, and is not sent away.
    return [b"retry: 1\nid: %d\ndata: %d\n\n" % (n, n) for n in range(begin, LENGTH + 2)]


def said() -> list[bytes]:
    words = [wire.text(0, f"{number} ") for number in range(1, LENGTH + 1)]
    begin = wire.message_start() + wire.start(0, {"type": "text", "text": ""})
    return [begin, *words, wire.stop(0) + wire.message_delta() + wire.wire("message_stop")]


class Player:
    """Plays one stream after another, and counts what it did."""

    def __init__(self, rng: random.Random, url: str, claude: AsyncClaude) -> None:
        self._rng = rng
        self._url = url
        self._claude = claude
        self.counts: Counter[str] = Counter()

    async def play(self) -> None:
        kind = self._rng.choice(
            [self.events, self.events, self.batches, self.body, self.source, self.message]
        )
        await kind()
        self.counts[kind.__name__] += 1

    async def limited(self, step: Callable[[], Coroutine[Any, Any, Any]]) -> list[Any]:
        """Do a step as a user would who does not wait for ever; return what it gave, if in time."""
        rng = self._rng
        way = rng.randrange(4 if anyio is not None else 3)
        seconds = rng.choice([0, 0.0005, 0.002, 0.004])
        found: list[Any] = []
        if way == 0:
            return [await step()]
        if way == 1:
            try:
                found.append(await asyncio.wait_for(step(), seconds))
            except asyncio.TimeoutError:
                pass
        elif way == 2:
            task = asyncio.ensure_future(step())
            for _ in range(rng.randrange(8)):
                await asyncio.sleep(0)
            for _ in range(rng.choice([1, 1, 2])):
                task.cancel()
                await asyncio.sleep(0)
            await asyncio.wait({task})
            if not task.cancelled():
                found.append(task.result())
        else:
            with anyio.move_on_after(seconds):
                found.append(await step())
        if not found:
            self.counts["cancelled"] += 1
        return found

    async def opened(self, opening: Callable[[], Any]) -> Any:
        """Open, in one go or after some that were given up."""

        async def step() -> Any:
            return await opening()

        while True:
            found = await self.limited(step)
            if found:
                return found[0]
            self.counts["openings cancelled"] += 1

    async def read(self, iterator: Any, take: Callable[[Any], object]) -> bool:
        """Read until `take` says that it is enough, or give up; return whether it was all."""

        async def step() -> Any:
            try:
                return await iterator.__anext__()
            except StopAsyncIteration:
                return END

        give_up = self._rng.randrange(LENGTH) if self._rng.random() < 0.3 else None
        taken = 0
        while give_up is None or taken < give_up:
            for item in await self.limited(step):
                if item is END or take(item) is True:
                    return True
                taken += 1
        return False

    async def leave(self, closeable: Any) -> None:
        """Close in one of the ways there are, or drop it."""
        way = self._rng.choice(["close", "await", "drop", "cancelled close"])
        self.counts["closed" if way != "drop" else "dropped"] += 1
        if way == "close":
            closing = closeable.close()
            if isinstance(closing, Coroutine):
                await closing
        elif way == "await":
            await closeable.close()
        elif way == "cancelled close":

            async def close() -> None:
                await closeable.close()

            task = asyncio.ensure_future(close())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait({task})

    async def events(self) -> None:
        stream = await self.opened(lambda: open_stream(self._url))
        seen: list[int] = []
        whole = await self.read(stream, lambda event: seen.append(int(event.data)))
        check(seen, LENGTH + 1 if whole else None)
        await self.leave(stream)

    async def batches(self) -> None:
        stream = await self.opened(lambda: open_stream(self._url))
        seen: list[int] = []
        whole = await self.read(
            stream.batches(), lambda batch: seen.extend(int(e.data) for e in batch)
        )
        check(seen, LENGTH + 1 if whole else None)
        await self.leave(stream)

    async def body(self) -> None:
        response = await self.opened(lambda: request(self._url))
        seen: list[bytes] = []
        whole = await self.read(response.chunks, seen.append)
        expected = b"".join(numbered(""))
        assert b"".join(seen) == (expected if whole else expected[: len(b"".join(seen))])
        await self.leave(response)

    async def source(self) -> None:
        policy = ReconnectPolicy(initial_delay=0.001, max_delay=0.001)
        source = EventSource(f"{self._url}/breaking", reconnect=policy)
        seen: list[int] = []

        def take(event: Any) -> bool:
            seen.append(int(event.data))
            if self._rng.random() < 0.05:
                source.restart()
                self.counts["restarted"] += 1
            return len(seen) == LENGTH

        whole = await self.read(source, take)
        check(seen, LENGTH if whole else None)
        await self.leave(source)

    async def message(self) -> None:
        stream = await self.opened(
            lambda: self._claude.messages.create(
                model="m", max_tokens=9, messages=[{"role": "user", "content": "x"}], stream=True
            )
        )
        text: list[str] = []

        def take(event: Any) -> bool:
            if event.type == "content_block_delta":
                text.append(event.delta.text)
            return False

        whole = await self.read(stream, take)
        check([int(word) for word in text], LENGTH if whole else None)
        await self.leave(stream)


def check(seen: list[int], length: int | None) -> None:
    """Each number once and in order: so many, or a beginning."""
    assert seen == list(range(1, (len(seen) if length is None else length) + 1)), seen


async def play_on(player: Player, players: list[Player], operations: int) -> None:
    while sum(one.counts["cancelled"] + one.counts["closed"] for one in players) < operations:
        await player.play()


async def play(operations: int, seed: int) -> Counter[str]:
    rng = random.Random(seed)
    async with Peer(rng) as url:
        before, tasks = descriptors(), asyncio.all_tasks()
        claude = AsyncClaude(api_key="k", base_url=url, proxy=None, max_retries=50)
        claude._sleep = lambda seconds: None
        players = [Player(random.Random(f"{seed} {n}"), url, claude) for n in range(8)]

        await asyncio.gather(*(play_on(player, players, operations) for player in players))
        await claude.close()
        counts = sum((player.counts for player in players), Counter())
        del players, claude
        # What was dropped is closed by now, or by the collector; a wait at the server may go on.
        for _ in range(1000):
            gc.collect()
            await asyncio.sleep(0.005)
            if descriptors() <= before and asyncio.all_tasks() == tasks:
                break
        assert descriptors() <= before, (descriptors(), before)
        assert asyncio.all_tasks() == tasks, asyncio.all_tasks() - tasks
    return counts


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0


def campaign(operations: int, seed: int, run: Callable[[Any], Any] = asyncio.run) -> Counter[str]:
    """Make so many cancellations and closes; return what was done, by its name."""
    threads = threading.active_count()
    with warnings.catch_warnings():
        # Of what is dropped, which is as it should be; nothing else may warn.
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", "unclosed <", ResourceWarning)
        counts: Counter[str] = run(play(operations, seed))
        gc.collect()
    assert threading.active_count() == threads
    return counts


def main() -> None:
    arguments = [argument for argument in sys.argv[1:] if argument != "--uvloop"]
    operations = int(arguments[0]) if arguments else 20_000
    seed = int(arguments[1]) if len(arguments) > 1 else 13
    run = (Uvloop() if "--uvloop" in sys.argv else Asyncio()).run_loop
    # Of a server that writes to clients that have gone, and of attempts that it broke off.
    for name in ("asyncio", "ssewire"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    counts = campaign(operations, seed, run)
    print(f"seed {seed}: nothing lost, nothing left;", json.dumps(counts))


if __name__ == "__main__":
    main()
