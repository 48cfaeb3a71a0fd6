# SPDX-License-Identifier: MIT
"""Tables, paragraphs and figures as the pages and reports show them.

May import: the standard library.
"""

from __future__ import annotations

import json
import math
import textwrap
from collections.abc import Sequence
from typing import Any

KIB = 1024
MIB = 1024 * KIB


def table(header: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = (0,)) -> str:
    """Return a Markdown table that reads well as plain text too.

    Columns of words are set to the left, figures to the right; a last column of words
    is as wide as each of its cells.
    """
    last = len(header) - 1
    widths = [max(len(row[n]) for row in (header, *rows)) for n in range(len(header))]
    text = []
    for row in (header, *rows):
        cells = [f"{c:{'<' if n in words else '>'}{widths[n]}}" for n, c in enumerate(row)]
        if last in words:
            cells[last] = row[last]
        text.append(f"| {' | '.join(cells)} |")
    ruler = [
        "-" * (min(width, 30) + 2 if n == last else width + 2)
        if n in words
        else "-" * (width + 1) + ":"
        for n, width in enumerate(widths)
    ]
    return "\n".join([text[0], f"|{'|'.join(ruler)}|", *text[1:]])


def prose(text: str) -> str:
    """Return a paragraph in lines that an editor shows whole."""
    return textwrap.fill(text, 100, break_long_words=False, break_on_hyphens=False)


def as_json(value: Any, indent: str = "") -> str:
    """Return JSON with a line for each row of figures, so that two runs can be compared."""
    inner = indent + " "
    children = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (dict, list, tuple)) or not any(
        isinstance(child, (dict, list, tuple)) for child in children
    ):
        return json.dumps(value)
    if isinstance(value, dict):
        lines = [f"{inner}{json.dumps(k)}: {as_json(v, inner)}" for k, v in value.items()]
        return "{\n" + ",\n".join(lines) + f"\n{indent}}}"
    return "[\n" + ",\n".join(inner + as_json(v, inner) for v in value) + f"\n{indent}]"


def significant(figure: float, unit: str = "") -> str:
    """Return a figure with three digits that count."""
    if not math.isfinite(figure):
        return "-"
    if figure == 0:
        return f"0{unit}"
    places = max(0, 2 - math.floor(math.log10(abs(figure))))
    return f"{figure:,.{places}f}{unit}"


def duration(seconds: float) -> str:
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return significant(seconds / size, f" {unit}")
    return significant(seconds / 1e-9, " ns")


def amount(size: int) -> str:
    """Return a number of bytes as one reads it."""
    for unit, step in (("MiB", MIB), ("KiB", KIB)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size} B"
