# SPDX-License-Identifier: MIT
"""Tasks of our own: children that others can end, and what closes in the background.

A `Child` ends with the wait for it, an `Errand` goes on. Each task is cancelled once: a second
time would end what it does to clean up. What belongs to a loop that was closed is left to the
collector, as nothing runs there any more.
May import: _closing, _settings, errors.
"""

from __future__ import annotations

import asyncio
import warnings
from contextlib import suppress
from typing import Generic, TypeVar

from .._closing import AsyncCloseable
from .._settings import log
from ..errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from typing import Any, Callable

_T = TypeVar("_T")

# Seconds that a transport's own clean-up may take: it says goodbye to a peer, which takes a round
# trip or two. One that hangs must not hold up who closes.
CLOSING_PATIENCE = 10.0


def refused_wait(waited_for: bool) -> StateError:
    """Return why a task cannot wait for a stream.

    Args:
        waited_for: another task does so; else the stream belongs to another loop.
    """
    if waited_for:
        return StateError("another task is waiting for this stream")
    return StateError("this stream belongs to another event loop: read it where it was opened")


class Closing:
    """What `close()` returns: it has been done, and may be awaited until the socket is gone."""

    __slots__ = ("_task",)

    def __init__(self, task: asyncio.Task[object] | None = None) -> None:
        # Closes what a transport opened; our own sockets need none.
        self._task = task

    def __await__(self) -> Generator[Any, None, None]:
        if self._task is None:
            # asyncio closes an aborted socket in the next turn of its loop.
            yield
        else:
            yield from asyncio.shield(self._task).__await__()


class EitherCloseable(AsyncCloseable):
    """Close by `close()` or `aclose()`, either of which may be awaited, and by `async with`."""

    __slots__ = ()

    def close(self) -> Closing:
        """Let go of what is held, at once; awaited, it returns when that is done."""
        raise NotImplementedError

    def aclose(self) -> Closing:
        """Do the same as `close`, under the name that `contextlib.aclosing` calls."""
        return self.close()


class Interrupted(Exception):
    """close() or restart() was called meanwhile; no user of the package sees it."""


class Expired(Exception):
    """The time is up; no user of the package sees it."""


class Child:
    """One coroutine at a time, in a task that others and a deadline can end.

    Where a deadline cancelled the caller's own task, that could not be told from
    a cancellation by somebody else on every supported Python.
    """

    __slots__ = ("_interrupted", "_task")

    def __init__(self) -> None:
        self._task: asyncio.Task[Any] | None = None
        # cancel() was called.
        self._interrupted = False

    async def run(
        self,
        coroutine: Coroutine[Any, Any, _T],
        seconds: float | None = None,
        discard: Callable[[_T], object] | None = None,
    ) -> _T:
        """Return what the coroutine returns. When this is cancelled, so is the coroutine.

        Args:
            discard: called with a result that comes too late.

        Raises:
            Expired: after so many seconds.
            Interrupted: `cancel` was called.
            StateError: another task is at it.
        """
        try:
            self.check_free()
        except StateError:
            coroutine.close()
            raise
        self._interrupted = False
        task = self._task = asyncio.get_running_loop().create_task(coroutine)
        try:
            try:
                done, _ = await asyncio.wait({task}, timeout=seconds)
            except asyncio.CancelledError:
                await self._end(task, discard)
                raise
            if done and not self._interrupted:
                result: _T = task.result()
                return result
            await self._end(task, discard)
        finally:
            self._task = None
        raise Interrupted if self._interrupted else Expired

    def check_free(self) -> None:
        """Refuse a second task.

        Raises:
            StateError: another one is at it.
        """
        if self._task is not None:
            raise StateError("another task is waiting for this stream")

    def cancel(self) -> None:
        """Make `run`, if it is under way, raise Interrupted. Idempotent."""
        if self._task is not None and not self._interrupted:
            self._interrupted = True
            _cancel(self._task)

    async def ended(self) -> None:
        """Wait until the coroutine of a `run` that was under way has ended, but not for ever."""
        if self._task is not None and not self._task.get_loop().is_closed():
            await _settle(self._task)

    async def _end(self, task: asyncio.Task[_T], discard: Callable[[_T], object] | None) -> None:
        if not self._interrupted:
            task.cancel()
        # Even if this wait is cancelled too.
        task.add_done_callback(lambda task: dispose(task, discard))
        await _settle(task)


class Errand(Generic[_T]):
    """One coroutine at a time, in a task that goes on where the wait for its result is cancelled.

    The next wait is for the same. So `asyncio.wait_for` around a wait takes nothing, and what
    takes longer than its time comes to an end all the same. The coroutine must not refer to who
    holds the errand, which otherwise could not be dropped.

    Args:
        discard: called with a result that nobody waits for any more.
    """

    __slots__ = ("_discard", "_task", "_waited_for")

    def __init__(self, discard: Callable[[_T], object] | None = None) -> None:
        self._discard = discard
        # From `begin` until its result was taken.
        self._task: asyncio.Task[_T] | None = None
        self._waited_for = False

    @property
    def under_way(self) -> bool:
        """Whether there is something to wait for."""
        return self._task is not None

    @property
    def done(self) -> bool:
        """Whether its result is there."""
        return self._task is not None and self._task.done()

    def begin(self, coroutine: Coroutine[Any, Any, _T]) -> None:
        """Start the coroutine; nothing else may be under way."""
        self._task = asyncio.get_running_loop().create_task(coroutine)
        # Perhaps nobody waits for it any more when it fails.
        self._task.add_done_callback(_forgive)

    def check_free(self) -> None:
        """Refuse a second task.

        Raises:
            StateError: another one waits.
        """
        if self._waited_for:
            raise StateError("another task is waiting for this stream")

    async def result(self, seconds: float | None = None) -> _T:
        """Return what the coroutine returned, or raise what it raised.

        Raises:
            Expired: after so many seconds; it goes on.
            Interrupted: `end` was called.
            StateError: another task waits.
        """
        self.check_free()
        task = self._task
        assert task is not None
        self._waited_for = True
        try:
            await asyncio.wait({task}, timeout=seconds)
        finally:
            self._waited_for = False
        if self._task is not task:
            raise Interrupted
        if not task.done():
            raise Expired
        self._task = None
        return task.result()

    def end(self) -> Closing:
        """Cancel what is under way; `result` raises Interrupted. Awaited until that has ended."""
        task, self._task = self._task, None
        if task is None or task.get_loop().is_closed():
            return Closing()
        if task.done():
            dispose(task, self._discard)
            return Closing()
        task.cancel()
        discard = self._discard
        task.add_done_callback(lambda task: dispose(task, discard))
        return in_background(_settle(task), task.get_loop())

    def abandon(self, owner: object) -> None:
        """End what nobody can end any more, as the destructor of `owner`, with a warning."""
        task = self._task
        if task is not None and not task.get_loop().is_closed():
            call_in(task.get_loop(), self.end)
            warn_unclosed(owner)


def call_in(loop: asyncio.AbstractEventLoop, function: Callable[[], object]) -> None:
    """Have a loop call a function, from whatever thread; not if it has been closed."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(function)


def warn_unclosed(owner: object) -> None:
    """Warn of what was dropped unclosed, as the last act of its destructor: it may be an error."""
    warnings.warn(f"unclosed {owner!r}", ResourceWarning, 3, owner)


def _cancel(task: asyncio.Task[Any]) -> None:
    if not task.get_loop().is_closed():
        task.cancel()


async def _settle(task: asyncio.Task[Any]) -> None:
    """Wait for the end of a task that was cancelled, but not for ever."""
    _, late = await asyncio.wait({task}, timeout=CLOSING_PATIENCE)
    if late:
        log.warning("what was cancelled has not ended in %g s; left behind", CLOSING_PATIENCE)


def _forgive(task: asyncio.Task[Any]) -> None:
    """Take a failure for known: whoever waits gets it raised, and perhaps nobody does."""
    if not task.cancelled():
        task.exception()


def dispose(task: asyncio.Task[_T], discard: Callable[[_T], object] | None) -> None:
    """Take what a task ended with; close it if it is something to close."""
    if not task.cancelled() and task.exception() is None and discard is not None:
        discard(task.result())


# Kept until they are done: the loop itself holds tasks weakly.
_background: set[asyncio.Task[object]] = set()


def in_background(
    coroutine: Coroutine[Any, Any, object], loop: asyncio.AbstractEventLoop | None = None
) -> Closing:
    """Run a coroutine in a task of its own, in the running loop if no other is given."""
    return Closing(_detached(coroutine, loop or asyncio.get_running_loop()))


async def to_its_end(coroutine: Coroutine[Any, Any, object]) -> None:
    """Await a coroutine that goes on where this is cancelled; it must not take long."""
    await asyncio.shield(_detached(coroutine, asyncio.get_running_loop()))


def _detached(
    coroutine: Coroutine[Any, Any, object], loop: asyncio.AbstractEventLoop
) -> asyncio.Task[object]:
    task = loop.create_task(coroutine)
    _background.add(task)
    task.add_done_callback(_forget)
    return task


def _forget(task: asyncio.Task[object]) -> None:
    _background.discard(task)
    # Whoever awaits it gets it raised; nobody need.
    if not task.cancelled() and task.exception() is not None:
        log.debug("failed in the background", exc_info=task.exception())


async def awaited(awaitable: Any) -> object:
    return await awaitable
