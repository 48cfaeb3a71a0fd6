# SPDX-License-Identifier: MIT
"""A real browser: an EventSource that reconnects."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any, Callable

import pytest

from ssewire import ServerSentEvent
from ssewire.asgi import event_stream

pytest.importorskip("selenium", reason="the browser's driver runs on CPython only")

from tests.kit.browser import browser, marks
from tests.kit.cutting import cutting
from tests.tools.test_relay import served, wait_until

__all__ = ["browser"]

pytestmark = marks

# --- EventSource

PAGE = b"""<!doctype html><title>EventSource</title><link rel=icon href=data:,><script>
const seen = [];
const source = new EventSource("/events");
source.onopen = () => seen.push(["open"]);
source.onerror = () => seen.push(["error", source.readyState]);
source.onmessage = (event) => seen.push(["message", event.lastEventId, event.data]);
source.addEventListener("named", (event) => seen.push(["named", event.lastEventId, event.data]));
</script>"""


@contextmanager
def listening(
    browser: Any, events: Callable[[Any], AsyncIterator[Any]], cut_after: int | None = None
) -> Iterator[Callable[[], list[list[Any]]]]:
    """Open a page whose EventSource reads these events; give what it has seen so far.

    Args:
        cut_after: events of the first response after which its connection is dropped.
    """
    stream = event_stream(events, keep_alive=0.05)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal cut_after
        if scope["type"] != "http" or scope["path"] == "/events":
            if scope["type"] == "http" and cut_after is not None:
                send, cut_after = cutting(send, cut_after), None
            await stream(scope, receive, send)
            return
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": PAGE})

    with served(application) as url:
        browser.get(url)
        yield lambda: browser.execute_script("return seen")
        # The browser keeps a page that was left, with its connection, for the way back.
        browser.execute_script("source.close()")


def last_event_id(scope: Any) -> str:
    found: bytes = dict(scope["headers"]).get(b"last-event-id", b"")
    return found.decode()


class Numbers:
    """A source of numbered events that goes on after the ID that the browser has seen."""

    def __init__(self, *, each: int | None = None, silent: bool = False) -> None:
        # Events after which a response ends; None for none.
        self._each = each
        # Of each request, what it asked to go on after.
        self.asked: list[str] = []
        self.open = 0
        self._silent = silent

    async def __call__(self, scope: Any) -> AsyncIterator[ServerSentEvent]:
        last = last_event_id(scope)
        self.asked.append(last)
        self.open += 1
        try:
            number = int(last or 0)
            until = None if self._each is None else number + self._each
            while number != until:
                number += 1
                # The browser is to wait for 20 ms only before it reconnects.
                yield ServerSentEvent(f"event {number}\nof many", id=str(number), retry=20)
                if self._silent:
                    await asyncio.Event().wait()
                await asyncio.sleep(0.01)
        finally:
            self.open -= 1


def messages(seen: list[list[Any]]) -> list[list[Any]]:
    return [entry[1:] for entry in seen if entry[0] == "message"]


def expected(count: int) -> list[list[Any]]:
    return [[str(number), f"event {number}\nof many"] for number in range(1, count + 1)]


def test_an_event_source_goes_on_where_its_stream_ended(browser: Any) -> None:
    source = Numbers(each=3)
    with listening(browser, source) as seen:
        wait_until(lambda: len(messages(seen())) >= 7)
        got = seen()
    assert messages(got)[:7] == expected(7)
    assert source.asked[:3] == ["", "3", "6"]
    assert [entry[0] for entry in got[:5]] == ["open", *["message"] * 3, "error"]
    # It is connecting, not closed.
    assert got[4][1] == 0


def test_an_event_source_goes_on_after_a_connection_that_was_dropped(browser: Any) -> None:
    source = Numbers()
    with listening(browser, source, cut_after=4) as seen:
        wait_until(lambda: len(messages(seen())) >= 8)
        got = seen()
        assert source.open == 1
    assert messages(got)[:8] == expected(8)
    assert source.asked == ["", "4"]
    assert [entry[0] for entry in got].count("error") == 1
    wait_until(lambda: source.open == 0)


def test_an_event_source_that_is_closed_closes_the_source_of_its_events(browser: Any) -> None:
    source = Numbers(silent=True)
    with listening(browser, source) as seen:
        wait_until(lambda: messages(seen()) == expected(1))
        assert source.open == 1
        browser.execute_script("source.close()")
        wait_until(lambda: source.open == 0)
        assert source.asked == [""]


def test_a_browser_reads_names_lines_and_comments_as_we_write_them(browser: Any) -> None:
    async def events(scope: Any) -> AsyncIterator[Any]:
        yield "plain"
        yield ServerSentEvent("a\nb\n\n c", "named", "ünï ✓")
        yield b": a comment\ndata: raw\nid\n\n"
        # Long enough for some comments of the keep-alive, which are no events.
        await asyncio.sleep(0.2)
        yield ServerSentEvent("last")
        await asyncio.Event().wait()

    with listening(browser, events) as seen:
        wait_until(lambda: messages(seen())[-1:] == [["", "last"]])
        assert seen() == [
            ["open"],
            ["message", "", "plain"],
            ["named", "ünï ✓", "a\nb\n\n c"],
            ["message", "", "raw"],
            ["message", "", "last"],
        ]
