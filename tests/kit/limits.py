# SPDX-License-Identifier: MIT
"""The ways in which users of asyncio put a limit on a step: each cancels it when the time is up."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine
from typing import Any, Callable

import pytest

from ssewire.errors import StreamTimeout

# Seconds between what a server sends, and of a wait for it: so a step is cut some times.
PAUSE = 0.03
LIMIT = 0.008

Step = Callable[[], Coroutine[Any, Any, Any]]


async def by_wait_for(step: Step, seconds: float) -> list[Any]:
    try:
        return [await asyncio.wait_for(step(), seconds)]
    except StreamTimeout:
        # A TimeoutError too, but the stream's own.
        raise
    except asyncio.TimeoutError:
        pass
    # From Python 3.12 on the task refers to the cancelled frames for another turn.
    await asyncio.sleep(0)
    return []


async def by_timeout(step: Step, seconds: float) -> list[Any]:
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.timeout came with Python 3.11")
    found: list[Any] = []
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            found.append(await step())
    return found


async def by_task_group(step: Step, seconds: float) -> list[Any]:
    if sys.version_info < (3, 11):
        pytest.skip("asyncio.TaskGroup came with Python 3.11")
    found: list[Any] = []

    async def reader() -> None:
        found.append(await step())
        raise ZeroDivisionError

    async def clock() -> None:
        await asyncio.sleep(seconds)
        raise ZeroDivisionError

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(reader())
            group.create_task(clock())
    except BaseException as failures:
        if failures.split(ZeroDivisionError)[1] is not None:
            raise
    return found


async def by_anyio(step: Step, seconds: float) -> list[Any]:
    anyio = pytest.importorskip("anyio")
    found: list[Any] = []
    with anyio.move_on_after(seconds):
        found.append(await step())
    return found


WAYS = [by_wait_for, by_timeout, by_task_group, by_anyio]


async def patiently(way: Any, step: Step, times: int = 1) -> list[Any]:
    """Return what so many steps give, each tried until it is through; count the cut ones."""
    found: list[Any] = []
    while len(found) < times:
        found += await way(step, LIMIT)
    return found
