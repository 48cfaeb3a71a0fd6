# SPDX-License-Identifier: MIT
"""The pages of docs/serving.md in a real browser: each reads its stream to the end, and stops."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ssewire import client

pytest.importorskip("selenium", reason="the browser's driver runs on CPython only")

from tests.kit.browser import browser, marks
from tests.kit.cutting import cutting
from tests.tools.test_relay import served, wait_until
from tests.tools.test_serving_docs import PROGRAMS, application

__all__ = ["browser"]

pytestmark = marks

# A browser waits for three seconds before it comes back, unless an event says how long.
QUICK = ("id=str(number))", "id=str(number), retry=20)")


class Page:
    """A page of the documentation, and what it asks of a server that is another's."""

    def __init__(self, html: str) -> None:
        outer = self
        self.html = html.encode()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("content-type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(outer.html)

            def log_message(self, format: str, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self._thread = threading.Thread(target=self.server.serve_forever, daemon=True)

    def __enter__(self) -> Page:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


def with_page(html: str, events: Any) -> tuple[Any, list[str]]:
    """Return what serves a page at / and the rest by `events`; and what it is asked."""
    asked: list[str] = []

    async def both(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/":
            headers = [(b"content-type", b"text/html; charset=utf-8")]
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            await send({"type": "http.response.body", "body": html.encode()})
            return
        if scope["type"] == "http":
            asked.append(scope["path"])
        await events(scope, receive, send)

    return both, asked


def listed(browser: Any) -> list[str]:
    found: list[str] = browser.execute_script(
        "return [...document.querySelectorAll('li')].map((item) => item.textContent)"
    )
    return found


def source_state(browser: Any) -> int:
    state: int = browser.execute_script("return source.readyState")
    return state


def test_the_first_page_shows_each_tick_once_and_stops_asking(browser: Any) -> None:
    both, asked = with_page(PROGRAMS["page"], application("plain", QUICK))
    with served(both) as url:
        browser.get(f"{url}/")
        # Closed: 204 was the answer to the second request.
        wait_until(lambda: source_state(browser) == 2)
        assert listed(browser) == ["0: tick 0", "1: tick 1", "2: tick 2"]
        assert asked == ["/events", "/events"]


def test_a_page_of_another_origin_reads_what_allows_it_and_nothing_else(browser: Any) -> None:
    def html(url: str) -> str:
        return PROGRAMS["page"].replace('"/events"', f'"{url}/", {{withCredentials: true}}')

    with Page("") as page, ExitStack() as servers:
        allowing = application("CORS", QUICK, ("http://localhost:8000", page.url))
        allowed = servers.enter_context(served(allowing))
        refused = servers.enter_context(served(application("CORS")))
        page.html = html(allowed).encode()
        browser.get(f"{page.url}/allowed")
        wait_until(lambda: source_state(browser) == 2)
        assert listed(browser) == ["0: tick 0", "1: tick 1", "2: tick 2"]
        page.html = html(refused).encode()
        browser.get(f"{page.url}/refused")
        wait_until(lambda: source_state(browser) == 2)
        assert listed(browser) == []


def test_a_page_with_a_ticket_reads_to_the_end_and_one_without_nothing(
    browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "the-token")
    both, asked = with_page(PROGRAMS["ticket page"], application("ticket"))
    with served(both) as url:
        browser.get(f"{url}/")
        wait_until(lambda: asked == ["/ticket"])
        browser.execute_script("sessionStorage.setItem('token', 'the-token')")
        browser.get(f"{url}/")
        wait_until(lambda: listed(browser) == ["tick 0", "tick 1", "tick 2"])
        time.sleep(0.1)
        assert asked == ["/ticket", "/ticket", "/events"]
        with client.request(f"{url}/events?ticket=guessed", proxy=None) as response:
            assert response.status == 401


def test_a_page_whose_connection_is_lost_takes_a_new_ticket_and_goes_on(
    browser: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "the-token")
    # What it waits before it asks again is a person's time.
    html = PROGRAMS["ticket page"].replace(", 3000)", ", 30)")
    program = application("ticket")
    cut = [True]

    async def dying(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/events" and cut:
            cut.clear()
            send = cutting(send, 2)
        await program(scope, receive, send)

    both, asked = with_page(html, dying)
    with served(both) as url:
        browser.get(f"{url}/")
        wait_until(lambda: asked == ["/ticket"])
        browser.execute_script("sessionStorage.setItem('token', 'the-token')")
        asked.clear()
        browser.get(f"{url}/")
        wait_until(lambda: listed(browser) == ["tick 0", "tick 1", "tick 2"])
        assert asked == ["/ticket", "/events"] * 2
