# SPDX-License-Identifier: MIT
"""Classes with `__slots__` have no dictionary, which one base without them would bring back.

A stream may be open for days, and there may be thousands: what each holds is
measured (benchmarks/claude_clients.py), and a forgotten `__slots__` is not seen there at once.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from typing import Any

import ssewire

# Classes that declare `__slots__` and are meant to have a dictionary all the same. Exceptions are
# left out by themselves: all of them have one, for their notes.
WITH_DICTIONARY: dict[str, str] = {}

# What is at work between a request and its last event, where each class is to have slots.
ROOMS = ("ssewire._http.", "ssewire.client.", "ssewire.aio.", "ssewire._following.")

# The classes there that have none, and why that costs a stream nothing.
WITHOUT_SLOTS = {
    "ssewire._http.redirects.Redirects": "of one request, gone with the head of its answer",
    "ssewire.client._pool.Pool": "one for all streams of a client",
    "ssewire.aio._pool.Pool": "one for all streams of a client",
}


def classes() -> dict[str, type[Any]]:
    """Return the classes of the package by their full names, but for exceptions."""
    found = {}
    for module in pkgutil.walk_packages(ssewire.__path__, "ssewire."):
        if module.name.endswith("__main__"):
            continue
        try:
            names = vars(importlib.import_module(module.name))
        except ModuleNotFoundError as exc:
            # What is for a framework that is not here.
            if str(exc.name).startswith("ssewire"):
                raise
            continue
        for value in names.values():
            if inspect.isclass(value) and value.__module__.partition(".")[0] == "ssewire":
                found[f"{value.__module__}.{value.__qualname__}"] = value
    return {name: value for name, value in found.items() if not issubclass(value, BaseException)}


def bases_with_dictionary(cls: type[Any]) -> list[str]:
    """Return the bases, itself included, that give each instance a dictionary."""
    return [base.__qualname__ for base in cls.__mro__ if "__dict__" in vars(base)]


def test_no_base_brings_back_the_dictionary_that_slots_are_to_spare() -> None:
    found = {
        name: bases
        for name, cls in classes().items()
        if "__slots__" in vars(cls) and (bases := bases_with_dictionary(cls))
    }
    assert found.keys() == WITH_DICTIONARY.keys(), found


def test_whatever_an_open_stream_may_hold_has_slots() -> None:
    found = {
        name
        for name, cls in classes().items()
        if name.startswith(ROOMS) and bases_with_dictionary(cls)
    }
    assert found == WITHOUT_SLOTS.keys()


def test_the_introspection_sees_a_dictionary() -> None:
    class Plain:
        pass

    class Slotted(Plain):
        __slots__ = ("a",)

    class Sparing:
        __slots__ = ("a",)

    assert [name.rpartition(".")[2] for name in bases_with_dictionary(Slotted)] == ["Plain"]
    assert bases_with_dictionary(Sparing) == []
