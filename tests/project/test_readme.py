# SPDX-License-Identifier: MIT
"""The README as a stranger meets it, on PyPI too: short, and its links lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks import report

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "README.md").read_text("utf-8")
PROGRAM = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINKS = re.findall(r"\]\(([^)\s]+)\)", PROGRAM.sub("", TEXT))
HOME = "https://github.com/ssewire/ssewire"
RAW = "https://raw.githubusercontent.com/ssewire/ssewire/main/"
SITE = "https://ssewire.github.io/ssewire/"


def anchors(page: Path) -> set[str]:
    """Return where links into a page may lead, as GitHub and the site name it."""
    headings = re.findall(r"^#+ (.*)$", PROGRAM.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_it_has_at_most_600_words_of_prose() -> None:
    prose = re.sub(r"<!--.*?-->|\]\([^)]*\)", "", PROGRAM.sub("", TEXT))
    assert len(re.findall(r"[\w']+", prose)) <= 600


def test_it_says_how_to_install_and_on_which_pythons() -> None:
    oldest = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert oldest is not None
    assert "$ pip install ssewire\n" in TEXT
    assert f"Python {oldest[1]} and newer" in TEXT
    assert "$ make demo " in TEXT
    assert "$ make test " in TEXT


def test_it_has_one_program_for_each_of_the_three_things_people_come_for() -> None:
    programs = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    imported = [re.search(r"^from (\S+) import", program, re.MULTILINE) for program in programs]
    assert [found and found[1] for found in imported] == [
        "ssewire", "ssewire.client", "ssewire.claude",
    ]  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
def test_a_link_works_where_nothing_of_the_repository_is(link: str) -> None:
    for base in (f"{HOME}/blob/main/", RAW):
        if link.startswith(base):
            path, _, fragment = link[len(base) :].partition("#")
            assert (ROOT / path).is_file()
            assert not fragment or fragment in anchors(ROOT / path)
            return
    assert link in (HOME, SITE), "relative, or not ours"
    assert urlsplit(link).scheme == "https"


def test_its_chart_is_one_of_the_benchmarks() -> None:
    images = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", TEXT)
    assert len(images) == 1
    assert images[0].startswith(f"{RAW}docs/benchmarks/")


def test_its_figures_are_those_of_the_page_of_the_benchmarks() -> None:
    # After another run: python -m benchmarks.report
    assert report.in_brief(report.read(ROOT / "docs" / "benchmarks")) in TEXT


def test_its_figures_name_commands_that_give_them() -> None:
    for command in ("make bench", "python -m ssewire bench"):
        assert f"`{command}`" in TEXT
