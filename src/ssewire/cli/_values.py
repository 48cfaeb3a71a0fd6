# SPDX-License-Identifier: MIT
"""What the values of options are: texts, sizes, times and numbers as people write them.

Each function is the `type` of an argparse argument: it takes the text and returns the value, or
raises ArgumentTypeError with a sentence that says what may stand there.
May import: nothing.
"""

from __future__ import annotations

import argparse
import math
import os
import re

# As GNU's tools have it: K and KiB are 1024 bytes, KB is 1000.
_SIZE = r"(\d+(?:\.\d+)?) *([kmgt]?)(i?b|)"
_POWERS = " kmgt"

_TIME = r"(\d+\.?\d*|\.\d+) *(ms|s|min|m|h)"
_UNITS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0}


def sendable(text: str) -> str:
    """Return a text of the command line or a terminal with U+FFFD for what is not UTF-8."""
    return os.fsencode(text).decode("utf-8", "replace")


def size(text: str) -> int:
    """Return a number of bytes: 4096, 64k, 1M, 1.5GiB; 1MB is a million."""
    match = re.fullmatch(_SIZE, text.strip(), re.IGNORECASE | re.ASCII)
    number = math.inf
    if match is not None and (match[2] or match[3].lower() != "ib"):
        base = 1000 if match[2] and match[3].lower() == "b" else 1024
        number = float(match[1]) * base ** _POWERS.index(match[2].lower() or " ")
    if number == math.inf:
        raise argparse.ArgumentTypeError(f"not a size: {text!r} (4096, 64k, 1M, 1GiB)")
    return int(number)


def size_or_none(text: str) -> int | None:
    """Return a `size`; None for 0, which lifts a limit."""
    return size(text) or None


def seconds(text: str) -> float:
    """Return seconds: 30, 1.5, 500ms, 2m, 1h. Who takes them checks whether they make sense."""
    try:
        return float(text)
    except ValueError:
        match = re.fullmatch(_TIME, text.strip(), re.IGNORECASE | re.ASCII)
    if match is None:
        raise argparse.ArgumentTypeError(f"not a time: {text!r} (30, 1.5, 500ms, 2m, 1h)")
    return float(match[1]) * _UNITS[match[2].lower()]


def factor(text: str) -> float:
    """Return a number that times a pace."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a number: {text!r}") from None


def whole(text: str) -> int:
    """Return a whole number, of any sign."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a whole number: {text!r}") from None


def count(text: str) -> int:
    """Return a whole number of at least 1."""
    number = whole(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, not {number}")
    return number


def port(text: str) -> int:
    """Return the number of a port; 0 lets the system choose."""
    number = whole(text)
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"not a port: {number} (0 to 65535; 0: a free one)")
    return number
