# SPDX-License-Identifier: MIT
"""Every page has its line in an index: in docs/README.md, or in the README.md of its folder.

And docs/README.md leads to those. Nothing is named that is not there.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).resolve().parent
while not (DOCS / "pyproject.toml").exists():
    DOCS = DOCS.parent
DOCS /= "docs"
INDEXES = sorted(DOCS.rglob("README.md"))


def linked(index: Path) -> list[Path]:
    """Return what an index links to, but for what is on the web."""
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", index.read_text("utf-8"))
    return [(index.parent / link).resolve() for link in links]


def test_every_page_has_its_line_in_an_index() -> None:
    for page in sorted({*DOCS.rglob("*.md")} - {*INDEXES}):
        near = {DOCS / "README.md", page.parent / "README.md"} & {*INDEXES}
        assert any(page in linked(index) for index in near), page.relative_to(DOCS)


def test_the_first_index_leads_to_the_others() -> None:
    assert {*INDEXES[1:]} <= {*linked(DOCS / "README.md")}


@pytest.mark.parametrize("index", INDEXES, ids=lambda index: index.relative_to(DOCS).as_posix())
def test_an_index_links_to_what_is_there(index: Path) -> None:
    assert [link for link in linked(index) if not link.exists()] == []


def test_design_notes_stand_in_their_order() -> None:
    notes = [link.name for link in linked(DOCS / "design" / "README.md")]
    assert len(notes) >= 10
    assert notes == sorted(notes)
