# SPDX-License-Identifier: MIT
"""Values that say other things of themselves: subclasses of str, int, float and bytes.

What an Enum with a str in it does by accident, these do on purpose: each method that code could
use to check or to write the value answers with something else. May import: the standard library.
"""

from __future__ import annotations

import enum
from typing import Any

FORGED = "forged\n\ndata: forged\n\n"
KEPT = {
    *("__class__", "__new__", "__init__", "__init_subclass__", "__subclasshook__"),
    *("__getattribute__", "__setattr__", "__delattr__", "__dict__", "__doc__"),
    *("__hash__", "__reduce__", "__reduce_ex__", "__getnewargs__", "__sizeof__", "__getstate__"),
}


def _forger(answer: Any) -> Any:
    return lambda self, *arguments, **options: answer


def _lying(kind: type, text: Any) -> dict[str, Any]:
    answers: dict[str, Any] = {}
    for name in dir(kind):
        if name not in KEPT:
            answers[name] = _forger(text)
    for name in ("__contains__", "__eq__", "__lt__", "__gt__", "__le__", "__ge__", "isascii"):
        answers[name] = _forger(False)
    answers |= {"__len__": _forger(0), "__iter__": _forger(iter(())), "__hash__": kind.__hash__}
    return answers


# Which of a lie is believed, is written: FORGED then stands in what came out.
LyingStr: Any = type("LyingStr", (str,), _lying(str, FORGED))
LyingInt: Any = type("LyingInt", (int,), _lying(int, 99))
LyingFloat: Any = type("LyingFloat", (float,), _lying(float, 99.0))
LyingBytes: Any = type("LyingBytes", (bytes,), _lying(bytes, FORGED.encode()))


def str_enum(value: str) -> Any:
    """Return a member of an Enum whose members are str too; it is formatted as `Kind.ONE`."""
    Kind: Any = enum.Enum("Kind", {"ONE": value}, type=str)
    return Kind.ONE


def liars(value: str) -> list[Any]:
    """Return things that are the str `value` and say otherwise."""
    return [LyingStr(value), str_enum(value)]
