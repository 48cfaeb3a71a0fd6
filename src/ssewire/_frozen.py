# SPDX-License-Identifier: MIT
"""Values of several fields that never change: equal, hashed and pickled by what they hold.

Not dataclasses, whose import costs more than the rest of a module that has one.
May import: nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any


class Frozen:
    """A read-only value; its fields are its `__slots__`, in the order of its arguments.

    `__init__` sets them by `object.__setattr__`.
    """

    __slots__: tuple[str, ...] = ()

    def _fields(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in self.__slots__)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only: cannot set {name!r}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"{type(self).__name__} is read-only: cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, type(self)):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash(self._fields())

    def __repr__(self) -> str:
        # One whose __init__ failed has not all of them, and debuggers ask for it too.
        there = [name for name in self.__slots__ if hasattr(self, name)]
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in there)
        return f"{type(self).__name__}({fields})"

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self._fields()
