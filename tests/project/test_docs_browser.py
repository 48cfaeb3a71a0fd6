# SPDX-License-Identifier: MIT
"""The documentation site as a person meets it, in a real browser: read, searched, in the dark,
on a phone, and with nothing fetched from anybody else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.kit import nodejs

pytest.importorskip("selenium", reason="the browser's driver runs on CPython only")

from tests.kit.browser import PATIENCE, browser, marks
from tests.kit.site import built

__all__ = ["browser"]

pytestmark = marks

# A page of each kind: the start, questions, a guide, wide tables, drawings, the reference.
PAGES = [
    "index.html",
    "first-hour.html",
    "how-to/index.html",
    "clients.html",
    "benchmarks.html",
    "design/0009-interruptions.html",
    "reference/index.html",
    "reference/ssewire.claude.html",
    "reference/ssewire.errors.html",
]


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(built())))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def site(browser: Any, url: str) -> Iterator[Site]:
    site = Site(browser, url)
    site.width(1200)
    # What an earlier reader chose, light or dark.
    browser.execute_cdp_cmd(
        "Storage.clearDataForOrigin", {"origin": url, "storageTypes": "local_storage"}
    )
    yield site
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


class Site:
    """The site in the browser."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser = browser
        self._url = url

    def open(self, page: str) -> None:
        # What was said before is of another page.
        self._browser.get_log("browser")
        self._browser.get(f"{self._url}/{page}")

    def width(self, pixels: int) -> None:
        self._browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": pixels, "height": 800, "deviceScaleFactor": 1, "mobile": pixels < 600},
        )

    def prefer(self, scheme: str) -> None:
        self._browser.execute_cdp_cmd(
            "Emulation.setEmulatedMedia",
            {"features": [{"name": "prefers-color-scheme", "value": scheme}]},
        )

    def says(self, script: str, *arguments: Any) -> Any:
        return self._browser.execute_script(f"return {script}", *arguments)

    def finds(self, selector: str) -> Any:
        """Wait until an element is shown, and return it."""
        found = "[...document.querySelectorAll(arguments[0])].find((it) => it.checkVisibility())"
        return self._wait(lambda: self.says(found, selector))

    def follows(self, selector: str) -> None:
        """Wait until an element is there, and click it, in one step: results are drawn anew."""
        click = "(it => it ? (it.click(), true) : false)(document.querySelector(arguments[0]))"
        self._wait(lambda: self.says(click, selector))

    def _wait(self, condition: Callable[[], Any]) -> Any:
        end = time.monotonic() + PATIENCE
        while True:
            found = condition()
            if found:
                return found
            assert time.monotonic() < end
            time.sleep(0.05)

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self._browser.get_log("browser")]

    def fetched(self) -> list[str]:
        """What the page has fetched that is not the site's."""
        found: list[str] = self.says(
            "performance.getEntriesByType('resource').map((it) => it.name)"
        )
        assert found
        return [name for name in found if not name.startswith((self._url, "data:", "blob:"))]

    @property
    def scheme(self) -> str:
        scheme: str = self.says("document.body.getAttribute('data-md-color-scheme')")
        return scheme


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_on_screen_and_phone_without_complaint_and_anybody_else(
    site: Site, page: str
) -> None:
    site.open(page)
    assert site.finds("h1").text
    assert site.fetched() == []
    assert site.complaints() == []
    site.width(360)
    assert site.finds("h1").is_displayed()
    assert site.says("document.documentElement.scrollWidth") <= 360
    # Of what stands in the text nothing is cut off: wide tables and programs scroll by themselves.
    cut = site.says(
        "[...document.querySelectorAll('article > *, article p, article h2')]"
        ".filter((it) => it.getBoundingClientRect().right > 361).map((it) => it.outerHTML)"
    )
    assert cut == []


def test_the_start_leads_to_a_name_in_two_clicks(site: Site) -> None:
    site.open("")
    site.finds("article a[href='reference/index.html']").click()
    site.finds("article a[href='ssewire.client.html#ssewire.client.EventSource']").click()
    heading = site.finds("h2[id='ssewire.client.EventSource']")
    assert "EventSource" in heading.text
    # Its signature has the types, which lead to their entries.
    assert "Transport" in site.finds(".doc-signature").text
    assert site.says("document.querySelectorAll('.doc-signature a.autorefs').length") > 0


def test_a_search_for_a_name_finds_its_entry(site: Site) -> None:
    site.open("index.html")
    site.finds("input.md-search__input").click()
    site.finds("input.md-search__input").send_keys("ReconnectPolicy")
    # The page first, then its entry.
    site.follows(".md-search-result__item a[href*='#ssewire.client.ReconnectPolicy']")
    assert site.finds("h2[id='ssewire.client.ReconnectPolicy']")


def test_a_search_for_a_question_finds_its_guide(site: Site) -> None:
    site.open("index.html")
    site.finds("input.md-search__input").click()
    site.finds("input.md-search__input").send_keys("token that expires")
    assert site.finds(".md-search-result__item a[href*='clients.html']")


def test_commands_are_copied_without_their_prompts_and_output(site: Site) -> None:
    site.open("cli.html")
    site.says("document.addEventListener('copy', () => window.copied = getSelection().toString())")
    # By hand: a browser lets nothing else write to the clipboard.
    site.finds(".highlight:has(.go) button").click()
    copied = site.says("window.copied")
    assert copied.startswith("printf 'id: 7")
    assert copied.endswith("| \\\n    ssewire parse --comments")


def test_it_is_dark_where_that_is_preferred_and_where_it_was_chosen(site: Site) -> None:
    site.prefer("dark")
    site.open("index.html")
    assert site.scheme == "slate"
    site.prefer("light")
    site.open("index.html")
    assert site.scheme == "default"
    # As the system says, always light, always dark.
    for chosen in ("default", "slate"):
        site.finds("label.md-header__button[for^='__palette']").click()
        assert site.scheme == chosen
    site.open("reference/ssewire.html")
    assert site.scheme == "slate"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", ["first-hour.html", "reference/ssewire.replay.html"])
def test_axe_finds_nothing_serious(site: Site, browser: Any, page: str, scheme: str) -> None:
    axe = (nodejs.modules() / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
    site.prefer(scheme)
    site.open(page)
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert found["passes"]
    # What it calls moderate and minor is the theme's: the names of its landmarks, say.
    assert [
        f"{violation['id']}: {node['html']}"
        for violation in found["violations"]
        if violation["impact"] in ("serious", "critical")
        for node in violation["nodes"]
    ] == []
