# SPDX-License-Identifier: MIT
"""What users can see of a class besides its behaviour, as plain values to compare.

`python -m tests.kit.surface` prints that of the event classes of its process as
JSON, so that those of a process with SSEWIRE_PARSER=python can be compared with
the compiled ones. May import: the standard library, ssewire.
"""

from __future__ import annotations

import copy
import inspect
import json
import pickle
import sys
import weakref
from collections.abc import Iterable
from typing import Any, Callable

from ssewire import Comment, ServerSentEvent

# What an object of the class has or refuses, beyond public names.
PROTOCOLS = (
    *("__eq__", "__hash__", "__repr__", "__lt__", "__len__", "__iter__", "__bool__", "__call__"),
    *("__copy__", "__deepcopy__", "__match_args__", "__enter__", "__exit__"),
    *("__class_getitem__", "__reduce__", "__getitem__", "__contains__", "__int__", "__buffer__"),
)


def surface(cls: type) -> dict[str, Any]:
    """Return public names, signatures and docstrings of a class."""
    names = sorted(name for name in dir(cls) if not name.startswith("_"))
    methods = [name for name in names if callable(getattr(cls, name))]
    return {
        "name": (cls.__name__, cls.__qualname__),
        "names": names,
        "protocols": [name for name in PROTOCOLS if getattr(cls, name, None) is not None],
        "match_args": list(getattr(cls, "__match_args__", ())),
        "signature": parameters(cls),
        "methods": {name: parameters(getattr(cls, name)) for name in methods},
        "doc": inspect.getdoc(cls),
        "docs": {name: inspect.getdoc(getattr(cls, name)) for name in methods},
    }


def parameters(function: Callable[..., Any]) -> list[tuple[str, str, str]]:
    """Return name, kind and default of each parameter; annotations are the Python class's alone."""
    return [
        (
            parameter.name,
            parameter.kind.name,
            "-" if parameter.default is parameter.empty else repr(parameter.default),
        )
        for parameter in inspect.signature(function).parameters.values()
    ]


def outcome(function: Callable[..., object], *args: Any, **options: Any) -> list[str]:
    """Return type and repr of a result, or type and text of an error."""
    try:
        result = function(*args, **options)
    except Exception as exc:
        return ["error", type(exc).__name__, str(exc)]
    return ["result", type(result).__name__, repr(result)]


def kind_of_outcome(function: Callable[..., object], *args: Any, **options: Any) -> list[str]:
    """As `outcome` without the text: that of the interpreter's own errors differs by version."""
    return outcome(function, *args, **options)[:2]


def refusals(value: Any, names: Iterable[str]) -> list[list[str]]:
    """Return what comes of setting and deleting attributes, weak references, comparison."""
    seen = []
    for name in names:
        seen.append(["set", name, *kind_of_outcome(setattr, value, name, "x")])
        seen.append(["delete", name, *kind_of_outcome(delattr, value, name)])
    seen.append(["dict", *kind_of_outcome(vars, value)])
    seen.append(["weakref", *kind_of_outcome(weakref.ref, value)])
    seen.append(["order", *kind_of_outcome(lambda: value < value)])
    seen.append(["length", *kind_of_outcome(len, value)])
    return seen


def event_surface() -> dict[str, Any]:
    """Return all that can be seen of the event classes of this process."""
    event: Any = ServerSentEvent
    comment: Any = Comment
    text = type("Text", (str,), {})("text")
    number = type("Number", (int,), {})(5)
    fields = (
        *(("x",), ("x", "t", "7", 5), (text, text, text, number), ("x", "", "", True), ("\ud800",)),
        *((b"x",), (None,), (5,), ("x", None), ("x", 5), ("x", "t", None), ("x", "t", b"7")),
        *(("x", "t", "7", "5"), ("x", "t", "7", 5.0), ("x", "t", "7", 2**70), ("x", "t", "7", -1)),
    )
    calls = [
        *(outcome(event, *args) for args in fields),
        *(outcome(comment, value) for value in ("x", text, "\ud800", b"x", None, 5)),
        *(kind_of_outcome(event, *args) for args in ((), ("x", "t", "7", 5, 6))),
        *(kind_of_outcome(comment, *args) for args in ((), ("x", "t"))),
        outcome(lambda: event(retry=5, id="7", event="t", data="x")),
        kind_of_outcome(lambda: event("x", type="t")),
        kind_of_outcome(type, "Sub", (event,), {}),
    ]

    full = event("d", "t", "7", 5)
    note = comment(" c")
    same = [
        full == event("d", "t", "7", 5),
        full != event("d", "t", "7", None),
        full == ("d", "t", "7", 5),
        note == comment(" c"),
        note == " c",
        full == note,
        hash(full) == hash(("d", "t", "7", 5)),
        hash(note) == hash((comment, " c")),
        copy.copy(full) is full and copy.deepcopy(note) is note,
        bool(full) and bool(note),
    ]
    texts = [
        outcome(setattr, value, name, "x")
        for value in (full, note)
        for name in ("data", "text", "new")
    ] + [
        outcome(delattr, value, name) for value in (full, note) for name in ("data", "text", "new")
    ]
    return {
        "classes": [surface(ServerSentEvent), surface(Comment)],
        "calls": calls,
        "same": same,
        "texts": texts,
        "refusals": refusals(full, ["data", "retry", "new", "__class__"])
        + refusals(note, ["text", "new", "__class__"]),
        "json": [
            outcome(event("[1]").json),
            outcome(event("[1]").json, len),
            outcome(event("[1]").json, loads=str.upper),
            outcome(event("{").json),
            kind_of_outcome(event("{").json, 5),
        ],
        # Bytes, not objects: what one implementation writes the other must read.
        "pickles": [
            pickle.dumps(value, protocol).hex()
            for value in (full, note)
            for protocol in range(pickle.HIGHEST_PROTOCOL + 1)
        ],
    }


if __name__ == "__main__":
    json.dump(event_surface(), sys.stdout)
