# SPDX-License-Identifier: MIT
"""Closing: what was made from what, and the halves of context managers.

Who owns a source closes the iterator that it made of it and the source
itself, whichever of the two can be closed. May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from typing_extensions import Self


class Closeable:
    """A context manager that closes itself."""

    __slots__ = ()

    def close(self) -> object:
        """Let go of what is held; again is allowed."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class AsyncCloseable:
    """An asynchronous context manager that closes itself."""

    __slots__ = ()

    # Any awaitable: some are done when they return, and only may be awaited.
    def aclose(self) -> Any:
        """Let go of what is held; again is allowed."""
        raise NotImplementedError

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()


def close_all(iterator: object, source: object) -> None:
    """Close an iterator, and what it was made from if that is another object."""
    try:
        _call(iterator, "close")
    finally:
        if source is not iterator:
            _call(source, "close")


async def aclose_all(iterator: object, source: object) -> None:
    """Close as `close_all`, awaiting what wants to be awaited."""
    try:
        await _acall(iterator)
    finally:
        if source is not iterator:
            await _acall(source)


def _call(owner: object, name: str) -> Any:
    method = getattr(owner, name, None)
    return None if method is None else method()


async def _acall(owner: object) -> None:
    result = _call(owner, "aclose" if hasattr(owner, "aclose") else "close")
    if hasattr(result, "__await__"):
        await result
