# SPDX-License-Identifier: MIT
"""Reading a source step by step, so that an exception in the middle is never taken for an end.

An exception that comes out of a step is the source's own, or its caller's: Ctrl-C, a signal
handler's, a cancellation, no memory. The source's own closes it. The caller's closes nothing: the
next step asks the source again. A step that was left anywhere else has perhaps lost something: all
later ones refuse with StateError, until `close()`. docs/design/0009-interruptions.md has the rules.
May import: _checks, _closing, errors.
"""

from __future__ import annotations

from ._checks import async_iterator_of, iterator_of
from ._closing import AsyncCloseable, Closeable, aclose_all, close_all
from .errors import StateError

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator
    from types import CodeType
    from typing import Any, NoReturn

_TORN = (
    "an earlier step is under way, or an exception left it halfway, "
    "so that something may be missing: close() this"
)
_DOUBTFUL = (
    "an exception interrupted the source, which has ended since, "
    "so that something may be missing: close() this"
)


class _State:
    """What readers of both kinds keep."""

    # A step is under way, or was left where something may have been lost. Set early, cleared when
    # what was read is kept: it may be set when nothing is lost, never clear when something is.
    _torn = False
    # The last step that asked the source ended in the caller's exception, which passed through a
    # generator. That is finished by it, without a word: if the source ends now, it says nothing.
    _doubtful = False
    # Closed by the caller, or come to the source's own end.
    _ended = False
    # The source has been closed, or is being.
    _released = False

    def _refuse(self, end: type[BaseException]) -> NoReturn:
        """Raise what a step raises that must not ask the source."""
        raise end if self._ended else StateError(_TORN)

    def _over(self, whole: bool) -> None:
        """React to the end of the source, by itself (`whole`) or in a failure of its own."""

    def _is_over(self, exc: BaseException, end: type[BaseException]) -> bool:
        """Note what an exception that came out of the source means; say whether to close that."""
        if isinstance(exc, end):
            # In this order: what an exception in between leaves is no end.
            self._over(not self._doubtful)
            self._ended = not self._doubtful
            return True
        if not is_the_callers(exc):
            self._over(False)
            return True
        self._doubtful = self._doubtful or ended_a_generator(exc)
        self._torn = False
        return False


class Reading(_State, Closeable):
    """Owns a source that is iterated over; the base of iterators.

    A step asks for an item without a call in between, which would be a third of its cost
    (`python -m benchmarks --corpus small`, one event a chunk). It does so in this order, as
    `ssewire.stream.EventIterator.__next__` shows: where `_torn` or `_ended`, `_refuse`; set
    `_torn`; ask, and hand what that raises to `_stopped`; clear `_doubtful`; keep the item;
    clear `_torn`.
    """

    def __init__(self, name: str, items: str, source: Iterable[Any]) -> None:
        self._iterator: Iterator[Any] = iterator_of(name, items, source)
        self._source = source

    def _stopped(self, exc: BaseException) -> None:
        """Close the source after an exception that came out of it, unless that is the caller's.

        Raises:
            StateError: it is an end that may be none.
        """
        if self._is_over(exc, StopIteration):
            self._release()
            if self._doubtful:
                raise StateError(_DOUBTFUL) from None

    def _release(self) -> None:
        if not self._released:
            self._released = True
            close_all(self._iterator, self._source)

    def close(self) -> None:
        """Close the source, where it can be closed; what was not handed out is dropped."""
        self._ended = True
        self._release()


class AsyncReading(_State, AsyncCloseable):
    """Owns a source that is iterated over with `async`; Reading with `await`."""

    def __init__(self, name: str, items: str, source: AsyncIterable[Any]) -> None:
        self._iterator: AsyncIterator[Any] = async_iterator_of(name, items, source)
        self._source = source

    async def _stopped(self, exc: BaseException) -> None:
        """As `Reading._stopped`."""
        if self._is_over(exc, StopAsyncIteration):
            await self._release()
            if self._doubtful:
                raise StateError(_DOUBTFUL) from None

    async def _release(self) -> None:
        if not self._released:
            self._released = True
            await aclose_all(self._iterator, self._source)

    async def aclose(self) -> None:
        """Close the source, where it can be closed; what was not handed out is dropped."""
        self._ended = True
        await self._release()


def is_the_callers(exc: BaseException) -> bool:
    """Say whether an exception that came out of a source is none of its own.

    KeyboardInterrupt, asyncio.CancelledError and their like are no `Exception`. A MemoryError or
    a full stack says nothing of the source. What a signal handler raised is known by the handler's
    frame.
    """
    if not isinstance(exc, Exception) or isinstance(exc, (MemoryError, RecursionError)):
        return True
    handlers = _code_of_signal_handlers()
    return any(code in handlers for code in _passed_through(exc))


def ended_a_generator(exc: BaseException) -> bool:
    """Say whether an exception has passed through a generator, which no step can go on with."""
    return any(
        # What awaits is a generator too in places, but one of a single step.
        code.co_flags & _KINDS in _GENERATORS and code.co_name != "__await__"
        for code in _passed_through(exc)
    )


# As in the module inspect: CO_GENERATOR, CO_ITERABLE_COROUTINE and CO_ASYNC_GENERATOR.
_KINDS = 0x20 | 0x100 | 0x200
_GENERATORS = (0x20, 0x200)


def _passed_through(exc: BaseException) -> Iterator[CodeType]:
    traceback = exc.__traceback__
    while traceback is not None:
        yield traceback.tb_frame.f_code
        traceback = traceback.tb_next


def _code_of_signal_handlers() -> set[object]:
    import signal  # not at import: only who fails needs it

    found: set[object] = set()
    for number in signal.valid_signals():
        handler: Any = signal.getsignal(number)
        # A function, a bound method, or an object that can be called.
        for function in (handler, getattr(handler, "__call__", None)):  # noqa: B004
            found.add(getattr(getattr(function, "__func__", function), "__code__", None))
    found.discard(None)
    return found
