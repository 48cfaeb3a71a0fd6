# SPDX-License-Identifier: MIT
"""Records: the peer's JSON, with declared keys as attributes and all keys by `["key"]`.

Known keys are declared by the classes, all others stay and are reached in the
same ways. Only the accumulator writes to a record. May import: _json, ssewire.errors.
"""

from __future__ import annotations

import json

from ..errors import StateError
from ._json import Slotted, shown

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from collections.abc import Iterator, KeysView
    from typing import Any, ClassVar


class ShapeError(ValueError):
    """JSON that is not of the protocol's shape; callers turn it into MalformedEvent."""


def want(kind: type, value: Any, name: str) -> Any:
    """Return `value` if it is of the type that the protocol demands of the key `name`.

    Raises:
        ShapeError: it is of another one.
    """
    if not isinstance(value, kind):
        raise ShapeError(f"{name} must be {kind.__name__}, not {type(value).__name__}")
    return value


def want_or(default: Any, value: Any, name: str) -> Any:
    """Return `value`, or `default` for null; relays send null where a key has no value."""
    return default if value is None else want(type(default), value, name)


def copy_json(value: Any, *, finite: bool = False) -> Any:
    """Return a deep copy of JSON; without recursion, since peers choose the depth.

    Args:
        finite: null in place of the floats that JSON cannot write: what `1e400`, NaN
            and Infinity are in Python.
    """
    top = [value]
    todo: list[Any] = [top]
    while todo:
        container = todo.pop()
        for key, item in container.items() if type(container) is dict else enumerate(container):
            if type(item) is dict or type(item) is list:
                item = container[key] = item.copy()
                todo.append(item)
            elif finite and type(item) is float and item - item != 0:
                container[key] = None
    return top[0]


def view(value: Any) -> Any:
    """Return JSON with attribute access where it has keys. Cost: the length of lists."""
    if type(value) is dict:
        return JSONObject(value)
    if type(value) is not list:
        return value
    views: list[Any] = value.copy()
    todo = [views]
    while todo:
        items = todo.pop()
        for place, item in enumerate(items):
            if type(item) is dict:
                items[place] = JSONObject(item)
            elif type(item) is list:
                item = items[place] = item.copy()
                todo.append(item)
    return views


class Record(Slotted):
    """Part of a message or event: declared keys as attributes, all keys by `["key"]`.

    A declared key that was not sent reads as None, or as the empty value of
    its type where the protocol says that it is always there. Reading a key costs
    the same whatever the record holds, but for lists, which are copied as views;
    copying and comparing cost the record's size, printing and `dir` that of its keys.
    """

    __slots__ = ("_data",)
    # Known keys that read as None, or as "", where they are absent.
    _nullable: ClassVar[tuple[str, ...]] = ()
    _strings: ClassVar[tuple[str, ...]] = ()
    # Keys whose value is worked out when it is read; `_data` has them too.
    _computed: ClassVar[tuple[str, ...]] = ()

    def __init__(self, data: dict[str, Any]) -> None:
        self._data = data

    if not TYPE_CHECKING:  # so that checkers report names that are not declared

        def __getattr__(self, name: str) -> Any:
            # Python asks for names with an underscore, such as those of pickle.
            if name[:1] != "_":
                if name in self._data:
                    return view(self._data[name])
                if name in self._nullable:
                    return None
                if name in self._strings:
                    return ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __getitem__(self, key: str) -> Any:
        """Return the JSON value of `key`; not a copy, so it must not be changed."""
        return self._work_out(key) if key in self._computed else self._data[key]

    def _work_out(self, key: str) -> Any:
        """Return the value of a key of `_computed`."""
        return getattr(self, key)

    def __contains__(self, key: object) -> bool:
        return key in self._data

    def __iter__(self) -> Iterator[str]:
        return iter(self._data)

    def __len__(self) -> int:
        return len(self._data)

    def keys(self) -> KeysView[str]:
        """Return the keys that were sent."""
        return self._data.keys()

    def get(self, key: str, default: Any = None) -> Any:
        """Return the JSON value of `key`, or `default` if it was not sent."""
        return self[key] if key in self._data else default

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON of this record as it is now: a deep copy. Cost: its size.

        Numbers beyond the range of floats (`1e400`), NaN and Infinity are floats as Python
        has them; `to_json` and what is sent to the API have null for these, as JSON must.
        """
        return self._copied()

    def _copied(self, *, finite: bool = False) -> dict[str, Any]:
        """Return a deep copy of the data; `finite` as for `copy_json`."""
        data: dict[str, Any] = copy_json(self._data, finite=finite)
        for key in self._computed:
            data[key] = copy_json(self._work_out(key), finite=finite)
        return data

    def model_dump(self) -> dict[str, Any]:
        """Return `to_dict()`; the official SDK's name for it."""
        return self.to_dict()

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return the record as JSON text, indented as by the official SDK. Cost: its size."""
        return json.dumps(self._copied(finite=True), indent=indent, ensure_ascii=False)

    def model_dump_json(self, *, indent: int | None = None) -> str:
        """Return the record as JSON text, compact unless an `indent` is given. Cost: its size."""
        separators = (",", ":") if indent is None else None
        return json.dumps(
            self._copied(finite=True), indent=indent, ensure_ascii=False, separators=separators
        )

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Record):
            return self.to_dict() == other.to_dict()
        return NotImplemented

    # Mutable and compared by value.
    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # pyright: ignore

    def __repr__(self) -> str:
        """Return the beginning of what it holds: at most some thousands of characters."""
        return f"{type(self).__name__}({shown(self._to_show())})"

    def __dir__(self) -> list[str]:
        keys = [key for key in self._data if key.isidentifier() and key[:1] != "_"]
        return sorted({*super().__dir__(), *self._nullable, *self._strings, *keys})

    def _to_show(self) -> dict[str, Any]:
        """Return the JSON of this record, or as much of it as its repr can need; no copy."""
        data = self._data
        if not self._computed:
            return data
        try:
            return {key: self[key] if key in self._computed else data[key] for key in data}
        except StateError:
            return {**data, "...": "a text that was lost when memory was short"}

    def _set(self, key: str, value: Any) -> None:
        """Change the value of a key; only the accumulator does."""
        self._data[key] = value

    def _frozen(self) -> Record:
        """Return a copy that the accumulator does not know and so never changes."""
        return type(self)(self._copied())


class JSONObject(Record):
    """A JSON object that has no class of its own: every key is an attribute."""

    __slots__ = ()

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any: ...
