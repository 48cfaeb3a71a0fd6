"""What one task waits for, again and again, without a future for each wait.

Tasks take whatever behaves as futures do for them: `_asyncio_future_blocking`, `get_loop`,
`add_done_callback`, `cancel` and `result` are what they ask for, on every Python from 3.9 on and
on uvloop. News that comes from the loop steps the task there and then, in its own context, where
a future would have the loop call it in its next turn: that is two fifths of what such a wait
costs (`python -m benchmarks.clients`, one event a packet).

One task at a time waits, and awaits it in a coroutine; who holds this sees to that. asyncio's
own functions, such as `wait_for`, are not to be given it: they ask more of a future.
This is the specification of _wake_cy. May import: nothing.
"""

from __future__ import annotations

import asyncio

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from contextvars import Context
    from typing import Any, Callable, NoReturn

    from typing_extensions import Self


# Bumped with any change of behaviour. The compiled twin repeats the number as a literal.
WAKE_CONTRACT = 1


class Wake:
    """A wait that can begin anew: `begin`, then await it; `wake` or `step` ends it.

    `waited_for` says whether one is under way that has not been ended. Until it is, a task that
    was cancelled counts as waiting.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_loop", "waited_for")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Tasks look at it: set where one is to wait for what it was given.
        self._asyncio_future_blocking = False
        self.waited_for: bool = False
        # Steps the task that is suspended; None if none is, or it is about to go on.
        self._callback: Callable[[Any], object] | None = None
        self._context: Context | None = None

    # --- who has news

    def begin(self) -> None:
        """Begin a wait."""
        self.waited_for = True

    def end(self) -> None:
        """Forget a wait that was given up: its task is not to be stepped any more."""
        self.waited_for = False
        self._callback = self._context = None

    def step(self) -> bool:
        """End the wait, and run the task up to its next one; only for callbacks of the loop.

        Returns:
            Whether this may be used again: not if the task goes on later. It refers to this and,
            cancelled meanwhile, would cancel another's wait.
        """
        self.waited_for = False
        callback, self._callback = self._callback, None
        context, self._context = self._context, None
        if callback is None or context is None:
            return False
        try:
            context.run(callback, self)
        except RuntimeError:
            # Another task is at work, where a loop was made to run within one. What the task
            # itself raises stays in it.
            self._loop.call_soon(callback, self, context=context)
            return False
        except (KeyboardInterrupt, SystemExit) as exc:
            # The task has had it, and so must who runs the loop: a transport may take it for an
            # error of the protocol.
            self._loop.call_soon(_raise, exc)
        return True

    def wake(self) -> None:
        """End the wait for good; the task goes on in the next turn of the loop."""
        self.waited_for = False
        self._go_on(self)

    def _go_on(self, outcome: object) -> None:
        callback, self._callback = self._callback, None
        context, self._context = self._context, None
        if callback is not None:
            self._loop.call_soon(callback, outcome, context=context)

    # --- the task that waits

    def __await__(self) -> Generator[Self, None, None]:
        if self.waited_for:
            self._asyncio_future_blocking = True
            yield self
            if self.waited_for:
                raise RuntimeError("stepped by something else than the task that waits")

    def get_loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    def add_done_callback(
        self, callback: Callable[[Any], object], *, context: Context | None = None
    ) -> None:
        self._callback = callback
        self._context = context

    def cancel(self, msg: Any = None) -> bool:
        """Have the task raise CancelledError, unless it is about to go on."""
        if self._callback is None:
            return False
        cancelled = self._loop.create_future()
        cancelled.cancel(msg)
        self._go_on(cancelled)
        return True

    def result(self) -> None:
        """Return nothing: news is no result."""


def _raise(exc: BaseException) -> NoReturn:
    raise exc
