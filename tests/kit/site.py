# SPDX-License-Identifier: MIT
"""The documentation site, as `make docs` builds it: at most once, whoever asks first."""

from __future__ import annotations

import fcntl
import functools
import os
import re
import shutil
import subprocess
import sys
from html import unescape
from html.parser import HTMLParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SITE = ROOT / "build" / "site"

# Elements that a browser loads by itself, and where they say what.
LOADED = {"link": "href", "script": "src", "img": "src", "source": "src", "iframe": "src"}


class Page(HTMLParser):
    """What of a page the tests ask for.

    `ids` are where links may lead, `links` where they do, `loaded` what a browser fetches with it.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        for name in ("id", "name"):
            self.ids.add(given.get(name) or "")
        if tag == "a" and given.get("href") is not None:
            self.links.append(given["href"] or "")
        # The canonical address is said, not fetched.
        says = tag == "link" and (given.get("rel") or "") in ("canonical", "next", "prev")
        if tag in LOADED and given.get(LOADED[tag]) and not says:
            self.loaded.append(given[LOADED[tag]] or "")


@functools.lru_cache(1)
def built() -> Path:
    """Return the folder of the site, up to date; skip the test where no Python can build it."""
    if shutil.which("make") is None:
        pytest.skip("make is not installed")
    newer = any(shutil.which(f"python3.{minor}") for minor in range(10, 14))
    if sys.version_info < (3, 10) and not newer:
        pytest.skip("what builds the site needs Python 3.10")
    (ROOT / "build").mkdir(exist_ok=True)
    # Flags of the make that runs the tests are not for this one.
    environment = {
        name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")
    }
    # Tests run side by side: one builds, the others wait for it.
    with open(ROOT / "build" / "site.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = subprocess.run(
            ["make", "docs"], cwd=ROOT, env=environment, capture_output=True, text=True,
            timeout=600, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return SITE


@functools.lru_cache(1)
def pages() -> dict[str, Page]:
    """Return the pages of the site by their path."""
    site = built()
    return {
        path.relative_to(site).as_posix(): Page(path.read_text("utf-8"))
        for path in sorted(site.rglob("*.html"))
    }


def entries(page: str) -> dict[str, str]:
    """Return the entries of a page of the reference: the text of each by its path."""
    text = (built() / page).read_text("utf-8")
    text = re.sub(r'<p class="doc doc-class-bases">.*?</p>', "", text, flags=re.DOTALL)
    _, *parts = re.split(r'<h2 id="([^"]+)" class="doc[^>]*>', text)
    # An entry ends where the next begins, or another part of the page.
    ends = (body.partition("<h2 ")[0] for body in parts[1::2])
    return {path: unescape(re.sub(r"<[^>]+>", " ", body)) for path, body in zip(parts[::2], ends)}
