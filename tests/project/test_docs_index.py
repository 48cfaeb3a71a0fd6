# SPDX-License-Identifier: MIT
"""docs/README.md names every page of the documentation, and nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

DOCS = Path(__file__).resolve().parent
while not (DOCS / "pyproject.toml").exists():
    DOCS = DOCS.parent
DOCS /= "docs"
LINKED = re.findall(r"\]\(([^)#]+)\)", (DOCS / "README.md").read_text("utf-8"))


def test_every_page_has_its_line_in_the_index() -> None:
    pages = {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - {"README.md"}
    assert pages - set(LINKED) == set()


def test_the_index_links_to_what_is_there() -> None:
    assert [link for link in LINKED if not (DOCS / link).exists()] == []


def test_design_notes_stand_in_their_order() -> None:
    notes = [link for link in LINKED if link.startswith("design/")]
    assert notes == sorted(notes)
