# SPDX-License-Identifier: MIT
"""The programs of a page of the documentation that have names: `<!-- program: NAME -->`."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
_PROGRAM = re.compile(
    r"(?:^<!-- program: (?P<name>[^\n]*) -->\n)?^```(?:python|html|nginx)\n(?P<text>.*?)^```",
    re.MULTILINE | re.DOTALL,
)


def named_programs(page: str) -> dict[str, str]:
    """Return a page's programs by their names; each has one, so that none goes untested."""
    found: dict[str, str] = {}
    for match in _PROGRAM.finditer((DOCS / page).read_text("utf-8")):
        assert match["name"], f"a program without a name: {match['text'][:60]!r}"
        assert match["name"] not in found
        found[match["name"]] = match["text"]
    return found
