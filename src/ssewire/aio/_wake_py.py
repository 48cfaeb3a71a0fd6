# SPDX-License-Identifier: MIT
"""What one task waits for, again and again, without a future for each wait.

Tasks take whatever behaves as futures do for them (`asyncio.isfuture` says how it is known):
`_asyncio_future_blocking`, `get_loop`, `add_done_callback`, `cancel` and `result` are what they
ask for, on every Python from 3.9 on and on uvloop; anyio asks whether it is `done`. As with a
future, the task goes on in the next turn of its loop, by a callback of the loop's and in its own
context. It must not go on within the callback that brings the news, although that would cost
less: a loop that is made to run within the task (nest_asyncio) could not call that one again,
libuv would read on before anything else had its turn, and what holds up the loop would look like
a transport. What is saved is the future, and that the tasks of many connections which have
news at the same time go on by one callback.

One task at a time waits, and awaits it in a coroutine; who holds this sees to that. asyncio's
own functions, such as `wait_for`, are not to be given it: they ask more of a future.
This is the specification of _wake_cy. May import: nothing.
"""

from __future__ import annotations

from collections import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator
    from contextvars import Context
    from typing import Any, Callable

    from typing_extensions import Self


# Bumped with any change of behaviour. The compiled twin repeats the number as a literal.
WAKE_CONTRACT = 1


class Turn:
    """The tasks that are to go on in the next turn of a loop."""

    __slots__ = ("__weakref__", "_scheduled", "_woken", "loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        # What steps a task, what it is given, and the context to do so in.
        self._woken: deque[tuple[Callable[[Any], object], Wake, Context | None]] = deque()
        # The loop is to call `_run`.
        self._scheduled = False

    def add(self, callback: Callable[[Any], object], wake: Wake, context: Context | None) -> None:
        self._woken.append((callback, wake, context))
        if not self._scheduled:
            self._schedule()

    def _schedule(self) -> None:
        self.loop.call_soon(self._run)
        self._scheduled = True

    def _run(self) -> None:
        self._scheduled = False
        woken = self._woken
        # For the others, where a task raises KeyboardInterrupt, or makes the loop run within it.
        if len(woken) > 1:
            self._schedule()
        # Debugging, the loop is to name the task that holds it up.
        debug = self.loop.get_debug()
        while woken:
            callback, wake, context = woken.popleft()
            if debug or context is None:
                self.loop.call_soon(callback, wake, context=context)
            else:
                context.run(callback, wake)


class Wake:
    """A wait that can begin anew: `begin`, then await it; `wake` ends it.

    `waited_for` says whether one is under way that has not been ended. Until it is, a task that
    was cancelled counts as waiting.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_callback",
        "_context",
        "_held",
        "_turn",
        "waited_for",
    )

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        # Tasks look at it: set where one is to wait for what it was given.
        self._asyncio_future_blocking = False
        self.waited_for: bool = False
        # A task was given it and has not gone on by it: it may still refer to it.
        self._held = False
        # Steps the task that is suspended; None if none is, or it is about to go on.
        self._callback: Callable[[Any], object] | None = None
        self._context: Context | None = None

    # --- who has news

    def begin(self) -> Wake:
        """Begin a wait; return what is to be awaited.

        That is another one where a task has not gone on by this: cancelled, that task
        would cancel the new wait.
        """
        wake = Wake(self._turn) if self._held else self
        wake.waited_for = True
        return wake

    def end(self) -> None:
        """Forget a wait that was given up: its task is not to be stepped any more."""
        self.waited_for = False
        self._callback = self._context = None

    def wake(self) -> None:
        """End the wait; the task goes on in the next turn of the loop."""
        self.waited_for = False
        callback = self._callback
        if callback is not None:
            context = self._context
            self._callback = self._context = None
            self._turn.add(callback, self, context)

    # --- the task that waits

    def __await__(self) -> Generator[Self, None, None]:
        if self.waited_for:
            self._held = True
            self._asyncio_future_blocking = True
            yield self
            if self.waited_for:
                raise RuntimeError("stepped by something else than the task that waits")
            self._held = False

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._turn.loop

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        self._callback = callback
        self._context = context

    def done(self) -> bool:
        """Return whether no task is suspended on it."""
        return self._callback is None

    def cancel(self, msg: Any = None) -> bool:
        """Have the task raise CancelledError, unless it is about to go on."""
        callback, context = self._callback, self._context
        if callback is None:
            return False
        self._callback = self._context = None
        loop = self._turn.loop
        cancelled = loop.create_future()
        cancelled.cancel(msg)
        loop.call_soon(callback, cancelled, context=context)
        return True

    def result(self) -> None:
        """Return nothing: news is no result."""
