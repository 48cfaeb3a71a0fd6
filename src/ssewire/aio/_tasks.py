"""Tasks of our own: children that others can end, and what closes in the background.

May import: _closing, _settings, errors.
"""

from __future__ import annotations

import asyncio
from typing import TypeVar

from .._closing import AsyncCloseable
from .._settings import log
from ..errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from typing import Any, Callable

_T = TypeVar("_T")


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
        """Make `run`, if it is under way, raise Interrupted."""
        if self._task is not None:
            self._interrupted = True
            self._task.cancel()

    async def idle(self) -> None:
        """Wait until `run` is not under way."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _end(self, task: asyncio.Task[_T], discard: Callable[[_T], object] | None) -> None:
        task.cancel()
        # Even if this wait is cancelled too.
        task.add_done_callback(lambda task: dispose(task, discard))
        await asyncio.wait({task})


def dispose(task: asyncio.Task[_T], discard: Callable[[_T], object] | None) -> None:
    """Take what a task ended with; close it if it is something to close."""
    if not task.cancelled() and task.exception() is None and discard is not None:
        discard(task.result())


# Kept until they are done: the loop itself holds tasks weakly.
_background: set[asyncio.Task[object]] = set()


def in_background(coroutine: Coroutine[Any, Any, object]) -> Closing:
    task = asyncio.get_running_loop().create_task(coroutine)
    _background.add(task)
    task.add_done_callback(_forget)
    return Closing(task)


def _forget(task: asyncio.Task[object]) -> None:
    _background.discard(task)
    # Whoever awaits it gets it raised; nobody need.
    if not task.cancelled() and task.exception() is not None:
        log.debug("closing failed", exc_info=task.exception())


async def awaited(awaitable: Any) -> object:
    return await awaitable
