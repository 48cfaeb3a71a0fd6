# SPDX-License-Identifier: MIT
"""What `request` and `open_stream` return.

May import: errors.
"""

from __future__ import annotations

from typing import Callable, Generic, TypeVar

from ..errors import StateError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator
    from typing import Any

_T = TypeVar("_T")

_HINT = "; await it, or enter it: async with open_stream(...) as stream"


class Opening(Generic[_T]):
    """What `request` and `open_stream` return: await it, or enter it by `async with`; once.

    Nothing is sent before that.

    Raises (when awaited or entered a second time):
        StateError
    """

    __slots__ = ("_open", "_opened")

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> object:
            # What is sought here is mostly that of what is opened.
            hint = "" if name.startswith("_") else _HINT
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}{hint}")

        def __aiter__(self) -> object:
            raise TypeError(f"{type(self).__name__!r} object is not iterable{_HINT}")

    def __init__(self, opener: Callable[[], Coroutine[Any, Any, _T]]) -> None:
        # None once it has been used: it holds the request, which is larger than a stream.
        self._open: Callable[[], Coroutine[Any, Any, _T]] | None = opener
        self._opened: Any = None

    def __await__(self) -> Generator[Any, None, _T]:
        opener, self._open = self._open, None
        if opener is None:
            raise StateError("this request has been sent already; call again for another")
        return opener().__await__()

    async def __aenter__(self) -> _T:
        opened = self._opened = await self
        return opened

    async def __aexit__(self, *exc_info: object) -> None:
        await self._opened.close()
