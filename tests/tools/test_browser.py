"""A real browser: the relay's page, and an EventSource that reconnects.

Headless Chromium of the system, driven by selenium.
"""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any, Callable

import pytest

from ssewire import ServerSentEvent
from ssewire.asgi import event_stream
from ssewire.claude import AsyncClaude
from ssewire.replay import serve_in_thread

pytest.importorskip("selenium", reason="the browser's driver runs on CPython only")

from tests.tools.test_relay import HELLO, KEY, made, relayed, served, wait_until

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
DRIVER = shutil.which("chromedriver")

pytestmark = [
    pytest.mark.once,
    pytest.mark.sockets,
    pytest.mark.skipif(
        CHROMIUM is None or DRIVER is None,
        reason="chromium or chromedriver is missing (Debian: chromium and chromium-driver)",
    ),
    # Selenium leaves the pipes of its driver to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]

# Seconds for what a browser does, on a machine that is busy with other things.
PATIENCE = 30


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    webdriver = import_module("selenium.webdriver")
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for switch in (
        "--headless=new",
        # The tests may run as root, and in a container with little shared memory.
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--no-proxy-server",
        f"--user-data-dir={tmp_path_factory.mktemp('chromium')}",
    ):
        options.add_argument(switch)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=DRIVER)
    chromium = webdriver.Chrome(options=options, service=service)
    chromium.set_script_timeout(PATIENCE)
    yield chromium
    chromium.quit()


class Chat:
    """The relay's page in the browser."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser = browser
        # What went before is of another page.
        browser.get_log("browser")
        browser.get(f"{url}/")

    def ask(self, prompt: str) -> None:
        self._element("#prompt").send_keys(prompt)
        self._element("#send").click()

    def stop(self) -> None:
        self._element("#stop").click()

    def texts(self, selector: str) -> list[str]:
        elements = self._browser.find_elements("css selector", selector)
        return [element.get_property("textContent") for element in elements]

    @property
    def answer(self) -> str:
        """The text of the last answer so far."""
        return self.texts(".turn:not(.user)")[-1]

    @property
    def idle(self) -> bool:
        """Whether another question can be asked."""
        shown = [self._element(name).is_displayed() for name in ("#send", "#stop")]
        return shown == [True, False]

    def draft(self) -> str:
        value: str = self._element("#prompt").get_property("value")
        return value

    def complaints(self) -> list[str]:
        """What the browser's console says that is a mistake of the page."""
        return [
            entry["message"]
            for entry in self._browser.get_log("browser")
            if entry["level"] == "SEVERE"
        ]

    def _element(self, selector: str) -> Any:
        return self._browser.find_element("css selector", selector)


ANSWER = (
    "Hello! A stream is an answer that you can read while it is being written — word by word, "
    "“as it comes”. ✓"
)


# --- the relay's page


@pytest.mark.parametrize("server", ["uvicorn", "hypercorn"])
def test_the_page_shows_an_answer_as_it_is_written_and_what_it_cost(
    browser: Any, server: str
) -> None:
    # Some 20 ms from one piece to the next; at a quarter of the speed 80.
    with relayed(speed=0.25, server=server) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        seen = [""]

        def whole() -> bool:
            if chat.answer != seen[-1]:
                seen.append(chat.answer)
            return bool(chat.texts(".note"))

        wait_until(whole)
        assert seen[-1] == ANSWER
        assert chat.texts(".user") == ["What is a stream?"]
        assert chat.texts(".note") == ["14 tokens in, 27 out"]
        assert chat.idle
        assert chat.complaints() == []
        assert len(upstream.requests) == 1
    # It grew: each state begins with the one before.
    assert len(seen) >= 3
    assert all(later.startswith(earlier) for earlier, later in zip(seen, seen[1:]))


def test_the_stop_button_closes_the_stream_upstream_and_keeps_the_text(browser: Any) -> None:
    with relayed(fault="stall", at=6) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: chat.answer == "Hello! A stream is an answer that you can ")
        assert upstream.open_streams == 1
        assert not chat.idle
        chat.stop()
        wait_until(lambda: upstream.open_streams == 0)
        wait_until(lambda: chat.idle)
        assert chat.texts(".note") == ["stopped"]
        assert chat.texts(".failed") == []
        assert chat.answer == "Hello! A stream is an answer that you can "
        assert chat.complaints() == []


def test_stopping_before_the_first_text_gives_the_question_back(browser: Any) -> None:
    with relayed(fault="stall", at=-1) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: upstream.open_streams == 1)
        chat.stop()
        wait_until(lambda: upstream.open_streams == 0)
        wait_until(lambda: chat.draft() == "What is a stream?")


def test_leaving_the_page_closes_the_stream_upstream(browser: Any) -> None:
    with relayed(fault="stall", at=6) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: upstream.open_streams == 1 and chat.answer)
        browser.get("about:blank")
        wait_until(lambda: upstream.open_streams == 0)


def test_a_second_question_goes_with_the_conversation_so_far(browser: Any) -> None:
    with relayed() as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("One")
        wait_until(lambda: len(chat.texts(".note")) == 1)
        chat.ask("Two")
        wait_until(lambda: len(chat.texts(".note")) == 2)
        assert json.loads(upstream.requests[1].body)["messages"] == [
            {"role": "user", "content": "One"},
            {"role": "assistant", "content": ANSWER},
            {"role": "user", "content": "Two"},
        ]


@pytest.mark.parametrize(
    ("fault", "at", "answer", "note"),
    [
        ("status:529", 0, "", "Claude is busy. Try again in a moment."),
        ("truncate", 5, "Hello! A stream is an answer ", "The connection to Claude broke off."),
    ],
)
def test_the_page_says_what_went_wrong_after_the_text_so_far(
    browser: Any, fault: str, at: int, answer: str, note: str
) -> None:
    with relayed(fault=fault, at=at) as (url, _):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: chat.texts(".failed"))
        assert chat.texts(".failed")[0].startswith(note)
        assert chat.answer == answer
        assert chat.idle
        assert chat.complaints() == []


def test_a_relay_that_dies_within_the_answer_is_told_from_its_end(browser: Any) -> None:
    with serve_in_thread([HELLO], fault="stall", at=6) as upstream:
        claude = AsyncClaude(api_key=KEY, base_url=upstream.url, proxy=None)
        with served(_dying(made("app", claude), 2)) as url:
            chat = Chat(browser, url)
            chat.ask("What is a stream?")
            wait_until(lambda: chat.texts(".failed"))
            assert chat.texts(".failed") == ["The connection to the server broke off."]
            assert chat.answer == "Hello! A stream is an answer "


def test_the_page_says_why_a_question_was_refused(browser: Any) -> None:
    with relayed() as (url, upstream):
        chat = Chat(browser, url)
        browser.execute_script("document.querySelector('#prompt').value = 'x'.repeat(300000)")
        chat.ask("x")
        wait_until(lambda: chat.texts(".failed"))
        assert chat.texts(".failed") == ["The request is too large: 256 KiB is the limit."]
        assert len(chat.draft()) == 300_001
        assert not upstream.requests


def test_text_that_looks_like_html_stays_text(browser: Any) -> None:
    markup = "<img src=x onerror=document.title='owned'><b>bold</b>"
    recording = HELLO.read_bytes().replace(b"an answer ", markup.encode())
    with relayed(recording) as (url, _):
        chat = Chat(browser, url)
        chat.ask("<i>Hello</i>")
        wait_until(lambda: chat.texts(".note"))
        assert markup in chat.answer
        assert chat.texts(".user") == ["<i>Hello</i>"]
        assert browser.title == "Chat"


def _dying(application: Any, after: int) -> Any:
    """Return an application whose POST responses break off after so many pieces of the body."""

    async def dying(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            send = _cutting(send, after)
        await application(scope, receive, send)

    return dying


def _cutting(send: Any, after: int) -> Any:
    """Return a send that drops the connection after so many pieces of the body."""
    sent = 0

    async def cutting(message: Any) -> None:
        nonlocal sent
        if message["type"] == "http.response.body":
            if sent == after:
                # The server gives a connection up when the application raises.
                raise _Cut
            sent += 1
        await send(message)

    return cutting


class _Cut(Exception):
    """Nothing is wrong but the connection."""


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
        cut_after: pieces of the first response after which its connection is dropped.
    """
    stream = event_stream(events, keep_alive=0.05)

    async def application(scope: Any, receive: Any, send: Any) -> None:
        nonlocal cut_after
        if scope["type"] != "http" or scope["path"] == "/events":
            if scope["type"] == "http" and cut_after is not None:
                send, cut_after = _cutting(send, cut_after), None
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
