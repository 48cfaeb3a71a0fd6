# SPDX-License-Identifier: MIT
"""What one client costs in this process: CPU time per event, memory of an open stream.

The data and type of every event are compared with what `event_server` sent. A client that
gives one only with those that follow is not measured: `NoAnswer` says so.
May import: asyncio_clients, blocking_clients, event_server, processes.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import threading
import time
from operator import attrgetter
from typing import Any, Callable

from . import asyncio_clients, blocking_clients
from .event_server import BULK_EVENTS, TEXTS, address
from .processes import NoAnswer, resident

# Rounds that fill caches and free lists before the clock starts.
WARM_UP = 5
# Seconds in which events have to be there that were sent: far more than a thousand streams need.
LATE = 10.0

ASYNC = asyncio_clients.CLIENTS
SYNC = blocking_clients.CLIENTS

# The type of all events that are sent, and what clients call it who do not say `event`.
TYPE = "message"
TYPE_IS = {"aiohttp-sse-client": "type", "requests-sse": "type"}


def type_of(name: str) -> Callable[[Any], Any]:
    """Return what gives the type of a client's event."""
    return attrgetter(TYPE_IS.get(name, "event"))


# --- asyncio clients


async def measure_async(
    name: str,
    url: str,
    streams: int,
    rounds: int,
    held: Callable[[], int] = resident,
    control: str = "",
    authority: str = "",
) -> dict[str, float]:
    """Return the CPU microseconds per event, the KiB per open stream, and how many were wrong.

    Args:
        held: tells the bytes that the process holds.
        control: where the rounds are asked for; "" for the same server.
        authority: the file of that which vouches for a server over TLS.

    Raises:
        NoAnswer: events that were sent are not there in time.
    """
    make, opener = ASYNC[name]
    client = make(authority)
    kind = type_of(name)
    taken = wrong = 0
    failed: list[BaseException] = []
    round_over = asyncio.Event()

    async def consume(events: Any) -> None:
        nonlocal taken, wrong
        number = 0
        try:
            async for event in events:
                if event.data != TEXTS[number % BULK_EVENTS] or kind(event) != TYPE:
                    wrong += 1
                number += 1
                taken += 1
                if taken % streams == 0:
                    round_over.set()
            failed.append(EOFError("its stream ends"))
        except Exception as exc:
            failed.append(exc)
        round_over.set()

    async def opened(opening: Any) -> tuple[Any, asyncio.Task[None]]:
        return opening, asyncio.ensure_future(consume(await opening.__anext__()))

    # What is imported and made once does not belong to a stream. Not to the end, after which
    # some connect again.
    await measure_async_one(name, f"{url}/bulk/{BULK_EVENTS}", BULK_EVENTS, authority, client)
    gc.collect()
    before = held()
    key = os.getpid()
    consumers = [await opened(opener(client, f"{url}/rounds/{key}")) for _ in range(streams)]
    _, writer = await asyncio.open_connection(*address(control or url))
    coding = "/gzip" if url.endswith("/gzip") else ""
    writer.write(f"GET {coding}/control/{key}/{streams} HTTP/1.1\r\n\r\n".encode())

    async def take(rounds: int) -> None:
        for _ in range(rounds):
            round_over.clear()
            writer.write(b"r")
            await round_over.wait()
            if failed:
                raise failed[0]

    try:
        try:
            # Some connect only now.
            await asyncio.wait_for(take(1), 3 * LATE)
            await asyncio.wait_for(take(WARM_UP - 1), LATE)
        except asyncio.TimeoutError:
            raise NoAnswer(f"no event within {LATE:g} s of its packet") from None
        gc.collect()
        memory = (held() - before) / streams
        begin = time.process_time()
        await take(rounds)
        spent = time.process_time() - begin
        wrong += abs(taken - streams * (WARM_UP + rounds))
    finally:
        writer.close()
        for _, task in consumers:
            task.cancel()
        await asyncio.gather(*(task for _, task in consumers), return_exceptions=True)
        for opening, _ in consumers:
            await opening.aclose()
        await asyncio_clients.close(client)
    return {"cpu": spent / (streams * rounds) * 1e6, "memory": memory / 1024, "wrong": wrong}


async def measure_async_one(
    name: str, url: str, count: int, authority: str = "", client: Any = None
) -> dict[str, float]:
    """Return the CPU microseconds per event of one stream after the first few.

    Args:
        client: what was made once for several streams; None: it is made here.
    """
    make, opener = ASYNC[name]
    made = client or make(authority)
    opening = opener(made, url)
    kind = type_of(name)
    last = count - WARM_UP
    number = wrong = 0
    begin = spent = 0.0
    # Not to the end, after which some connect again.
    async for event in await opening.__anext__():
        if event.data != TEXTS[number % BULK_EVENTS] or kind(event) != TYPE:
            wrong += 1
        number += 1
        if number == WARM_UP:
            begin = time.process_time()
        elif number == last:
            spent = time.process_time() - begin
            break
    wrong += last - number
    await opening.aclose()
    if client is None:
        await asyncio_clients.close(made)
    return {"cpu": spent / (last - WARM_UP) * 1e6, "wrong": wrong}


# --- blocking clients


def measure_sync(name: str, url: str, count: int, authority: str = "") -> dict[str, float]:
    """Return the CPU microseconds per event after the first few, and how many were wrong."""
    wrong = 0
    kind = type_of(name)
    with SYNC[name](url, authority) as events:
        iterator = iter(events)
        for number in range(WARM_UP):
            event = next(iterator)
            wrong += event.data != TEXTS[number] or kind(event) != TYPE
        begin = time.process_time()
        # Not to the end, after which some connect again.
        for number in range(WARM_UP, count - WARM_UP):
            event = next(iterator)
            if event.data != TEXTS[number % BULK_EVENTS] or kind(event) != TYPE:
                wrong += 1
        spent = time.process_time() - begin
    return {"cpu": spent / (count - 2 * WARM_UP) * 1e6, "wrong": wrong}


def check_prompt(name: str, url: str, control: str, authority: str = "") -> None:
    """Check that a blocking client gives each event before the next one is sent.

    Raises:
        NoAnswer: it does not.
    """
    failed: list[BaseException] = []

    def take() -> None:
        key = os.getpid()
        coding = "/gzip" if url.endswith("/gzip") else ""
        try:
            with (
                SYNC[name](f"{url}/rounds/{key}", authority) as events,
                socket.create_connection(address(control)) as asking,
            ):
                asking.sendall(f"GET {coding}/control/{key}/1 HTTP/1.1\r\n\r\n".encode())
                iterator = iter(events)
                for _ in range(WARM_UP):
                    asking.sendall(b"r")
                    next(iterator)
        except Exception as exc:
            failed.append(exc)

    # Nothing else ends a read of theirs.
    thread = threading.Thread(target=take, daemon=True)
    thread.start()
    thread.join(LATE)
    if thread.is_alive():
        raise NoAnswer(f"no event within {LATE:g} s of its packet")
    if failed:
        raise failed[0]
