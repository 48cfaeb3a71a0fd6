# SPDX-License-Identifier: MIT
"""The relay's page as a person meets it, in a real browser: seen, heard, and by the keyboard.

axe-core, which npm installs, looks for what shuts people out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import pytest

from ssewire.claude import AsyncClaude
from ssewire.replay import Recording, serve_in_thread
from tests.kit import nodejs
from tests.kit.serving import RECORDINGS

pytest.importorskip("selenium", reason="the browser's driver runs on CPython only")

from tests.kit.browser import browser, marks
from tests.kit.cutting import cutting
from tests.tools.test_relay import HELLO, KEY, made, relayed, served, wait_until

__all__ = ["browser"]

pytestmark = marks

MARKDOWN = RECORDINGS / "markdown.sse"
ANSWER = (
    "Hello! A stream is an answer that you can read while it is being written — word by word, "
    "“as it comes”. ✓"
)
# As WebDriver calls them.
ESCAPE = "\ue00c"
ENTER = "\ue007"
TAB = "\ue004"
SHIFT = "\ue008"
RELEASED = "\ue000"


def saying(text: str) -> Recording:
    """Return a recording that says this."""
    written = json.dumps(text)[1:-1].encode()
    return Recording(HELLO.read_bytes().replace(b"Hello! A stream is ", written))


@contextmanager
def answered(browser: Any, *recordings: Any, **faults: Any) -> Iterator[tuple[Chat, Any]]:
    """Ask the page a question; give it when the answer has ended, whole or not."""
    with relayed(*recordings, **faults) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: chat.texts(".note"))
        yield chat, upstream


def press(browser: Any, *keys: str) -> None:
    """Press keys, wherever the focus is."""
    chains = import_module("selenium.webdriver").ActionChains
    chains(browser).send_keys(*keys).perform()


def focused(browser: Any) -> str:
    name: str = browser.execute_script("return document.activeElement.id")
    return name


class Chat:
    """The relay's page in the browser."""

    def __init__(self, browser: Any, url: str) -> None:
        self._browser = browser
        # What went before is of another page.
        browser.get_log("browser")
        browser.get(f"{url}/")

    def ask(self, prompt: str) -> None:
        self.type(prompt)
        self.click("#send")

    def type(self, *keys: str) -> None:
        self._element("#prompt").send_keys(*keys)

    def stop(self) -> None:
        self.click("#stop")

    def click(self, selector: str) -> None:
        self._element(selector).click()

    def texts(self, selector: str) -> list[str]:
        # At once: what is being written is drawn anew between two calls.
        found: list[str] = self._browser.execute_script(
            "return [...document.querySelectorAll(arguments[0])].map((it) => it.textContent)",
            selector,
        )
        return found

    @property
    def answer(self) -> str:
        """The text of the last answer so far."""
        shown = self.texts(".turn:not(.user) .text")
        # Markdown's paragraphs end in a line end.
        return shown[-1].rstrip("\n") if shown else ""

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


# --- an answer


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
        assert chat.texts(".user .text") == ["What is a stream?"]
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
        wait_until(lambda: chat.answer == "Hello! A stream is an answer that you can")
        assert upstream.open_streams == 1
        assert not chat.idle
        chat.stop()
        wait_until(lambda: upstream.open_streams == 0)
        wait_until(lambda: chat.idle)
        assert chat.texts(".note") == ["Stopped."]
        assert chat.texts(".failed") == []
        assert chat.answer == "Hello! A stream is an answer that you can"
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
        ("truncate", 5, "Hello! A stream is an answer", "The connection to Claude broke off."),
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
            assert chat.answer == "Hello! A stream is an answer"


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
        assert chat.texts(".user .text") == ["<i>Hello</i>"]
        assert browser.title == "Chat with Claude"


def _dying(application: Any, after: int) -> Any:
    """Return an application whose POST responses break off after so many events."""

    async def dying(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["method"] == "POST":
            send = cutting(send, after)
        await application(scope, receive, send)

    return dying


# --- what is on it


def test_the_first_screen_says_what_to_do_until_the_first_question(browser: Any) -> None:
    with relayed() as (url, _):
        chat = Chat(browser, url)
        assert chat.texts("h1") == ["Chat with Claude"]
        assert chat.texts(".turn") == []
        [hint] = chat.texts("#hint")
        for key in ("Enter", "Shift", "Esc"):
            assert key in hint
        assert focused(browser) == "prompt"
        chat.ask("Hello")
        wait_until(lambda: chat.texts(".note"))
        assert chat.texts("#hint") == []


def test_each_turn_says_who_speaks(browser: Any) -> None:
    with answered(browser) as (chat, _):
        assert chat.texts("article > h2") == ["You", "Claude"]


def test_markdown_is_shown_as_what_it_means(browser: Any) -> None:
    with answered(browser, MARKDOWN) as (chat, _):
        assert chat.texts(".text strong") == ["stream"]
        # Below the heading that says who speaks.
        assert chat.texts(".text h3") == ["On the wire", "What to use"]
        assert chat.texts(".text pre code") == ['event: text\ndata: {"text": "Hello"}\n']
        assert len(chat.texts(".text table tr")) == 3
        assert chat.texts(".text td.center") == ["yes", "no"]
        assert len(chat.texts(".text ol > li")) == 2
        link = browser.find_element("css selector", ".text a")
        assert link.get_attribute("target") == "_blank"
        assert link.get_attribute("rel") == "noopener noreferrer"
        assert chat.complaints() == []


def test_markdown_is_shown_while_it_comes(browser: Any) -> None:
    with relayed(MARKDOWN, fault="stall", at=12) as (url, _):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: chat.texts(".text strong") and chat.texts(".text h3"))
        assert not chat.idle
        chat.stop()


@pytest.mark.parametrize(
    "text",
    [
        "<img src=x onerror=document.title='owned'><b>bold</b>",
        "<script>document.title='owned'</script>",
        "[click](javascript:document.title='owned')",
        "[click](data:text/html,<script>parent.document.title='owned'</script>)",
        "![x](http://127.0.0.1:9/?q=secret)",
        "![x](data:image/svg+xml,<svg>)",
        '[x](http://a.example/"onmouseover="document.title=1)',
        "<http://a.example/<svg/onload=alert(1)>>",
        "| a |\n|:-:|\n| <style>*{display:none}</style> |",
    ],
)
def test_what_an_answer_says_runs_nothing_and_fetches_nothing(browser: Any, text: str) -> None:
    with answered(browser, saying(text + "\n\n")) as (chat, _):
        assert browser.title == "Chat with Claude"
        live = ".text :is(img, script, style, svg, iframe, b, [style], [onmouseover])"
        assert chat.texts(live) == []
        links = browser.find_elements("css selector", ".text a")
        assert {link.get_attribute("href").partition(":")[0] for link in links} <= {"http"}
        assert browser.execute_script(
            "return performance.getEntriesByType('resource')"
            ".every((entry) => entry.name.startsWith(location.origin))"
        )
        assert chat.complaints() == []


@pytest.mark.parametrize("headings", ["## A\n\n#### B\n\n# C", "###### A\n\n# B", "# A", "### A"])
def test_headings_of_an_answer_come_below_the_speaker_without_gaps(
    browser: Any, headings: str
) -> None:
    with answered(browser, saying(headings + "\n\n")):
        ranks = browser.execute_script(
            "return [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].map((h) => +h.tagName[1])"
        )
    assert ranks[:4] == [1, 2, 2, 3]
    assert all(later <= earlier + 1 for earlier, later in zip(ranks, ranks[1:]))


# --- what can be done


@pytest.mark.parametrize("place", ["prompt", "turns", "new"])
def test_escape_stops_the_answer_wherever_the_focus_is(browser: Any, place: str) -> None:
    with relayed(fault="stall", at=6) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        wait_until(lambda: chat.answer)
        browser.execute_script(f"document.getElementById('{place}').focus()")
        press(browser, ESCAPE)
        wait_until(lambda: upstream.open_streams == 0)
        wait_until(lambda: chat.idle)
        assert chat.texts(".note") == ["Stopped."]


def test_an_answer_is_copied_as_it_was_written(browser: Any) -> None:
    with answered(browser, MARKDOWN) as (chat, _):
        browser.execute_cdp_cmd(
            "Browser.grantPermissions",
            {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]},
        )
        chat.click(".copy")
        wait_until(lambda: chat.texts(".copy") == ["Copied"])
        copied = browser.execute_async_script("navigator.clipboard.readText().then(arguments[0])")
        assert copied.startswith("A **stream** is an answer")
        assert copied.endswith("> A blank line ends an event.\n")


def test_a_new_chat_stops_the_answer_and_forgets_the_conversation(browser: Any) -> None:
    with relayed(fault="stall", at=6, times=1) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("One")
        wait_until(lambda: chat.answer)
        chat.click("#new")
        wait_until(lambda: upstream.open_streams == 0)
        assert chat.texts(".turn") == []
        assert len(chat.texts("#hint")) == 1
        assert chat.idle
        chat.ask("Two")
        wait_until(lambda: chat.texts(".note"))
        assert chat.texts(".user .text") == ["Two"]
        assert chat.answer == ANSWER
        assert json.loads(upstream.requests[-1].body)["messages"] == [
            {"role": "user", "content": "Two"}
        ]


@pytest.mark.parametrize("fault", ["truncate", "reset", "error:overloaded_error", "stall"])
def test_continue_goes_on_where_the_answer_broke_off(browser: Any, fault: str) -> None:
    rest = saying("read at once.")
    with relayed(HELLO, rest, fault=fault, at=6, times=1) as (url, upstream):
        chat = Chat(browser, url)
        chat.ask("What is a stream?")
        if fault == "stall":
            wait_until(lambda: chat.answer)
            chat.stop()
        wait_until(lambda: chat.texts(".continue"))
        begun = chat.answer
        assert begun
        chat.click(".continue")
        wait_until(lambda: chat.texts(".note") == ["14 tokens in, 27 out"])
        assert chat.answer.startswith(f"{begun} read at once.")
        # It is the same answer, and it is whole.
        assert chat.texts("article > h2") == ["You", "Claude"]
        assert chat.texts(".continue") == []
        first, last, ask = json.loads(upstream.requests[1].body)["messages"]
        assert first == {"role": "user", "content": "What is a stream?"}
        assert last == {"role": "assistant", "content": [{"type": "text", "text": begun}]}
        assert ask["role"] == "user"
        assert begun in ask["content"]
        chat.ask("Thanks")
        wait_until(lambda: len(chat.texts(".note")) == 2)
        conversation = json.loads(upstream.requests[2].body)["messages"]
        assert [message["role"] for message in conversation] == ["user", "assistant", "user"]
        assert conversation[1]["content"].startswith(f"{begun} read at once.")


def test_an_answer_that_is_cut_at_its_limit_can_go_on(browser: Any) -> None:
    cut = Recording(HELLO.read_bytes().replace(b"end_turn", b"max_tokens"))
    with answered(browser, cut) as (chat, _):
        assert chat.texts(".note") == ["14 tokens in, 27 out; the answer is cut at its limit"]
        assert len(chat.texts(".continue")) == 1
        chat.ask("Another")
        wait_until(lambda: len(chat.texts(".note")) == 2)
        # Of the answer before the last question nothing can go on.
        assert len(chat.texts(".continue")) == 1


def test_an_answer_that_is_whole_has_nothing_to_continue(browser: Any) -> None:
    with answered(browser) as (chat, _):
        assert chat.texts(".continue") == []


# --- other sites


def test_a_page_of_another_site_has_a_visitors_browser_ask_nothing(browser: Any) -> None:
    async def blank(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"text/html")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"<!doctype html><title>Evil</title>"})

    tries = """
        const [url, done] = arguments;
        const body = JSON.stringify({prompt: "Spend"});
        const json = {"content-type": "application/json"};
        Promise.allSettled([
            fetch(url, {method: "POST", body, mode: "no-cors"}),
            fetch(url, {method: "POST", body, mode: "no-cors", headers: json}),
            fetch(url, {method: "POST", body, headers: json}),
            fetch(url, {method: "POST", body, headers: json, credentials: "include"}),
            Promise.resolve(navigator.sendBeacon(url, new Blob([body], {type: "text/plain"}))),
        ]).then((all) => done(all.map((one) => one.value?.type ?? one.status)));
    """
    with relayed() as (url, upstream), served(blank) as evil:
        for other in (evil, evil.replace("127.0.0.1", "localhost")):
            browser.get(other)
            ended = browser.execute_async_script(tries, f"{url}/api/chat")
            # Refused, and not even to be read; of the last a page learns nothing.
            assert ended == ["rejected"] * 4 + ["fulfilled"]
        assert not upstream.requests
        browser.execute_script(f"document.body.innerHTML = '<iframe src={url}/></iframe>'")
        wait_until(lambda: "frame-ancestors" in str(browser.get_log("browser")))
        chat = Chat(browser, url)
        chat.ask("Its own page may")
        wait_until(lambda: chat.texts(".note"))
        assert len(upstream.requests) == 1


# --- for everyone


@contextmanager
def shown_as(browser: Any, scheme: str, width: int) -> Iterator[None]:
    """Show pages in this colour scheme, this many pixels wide."""
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})
    metrics = {"width": width, "height": 700, "deviceScaleFactor": 1, "mobile": width < 500}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        yield
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def findings(browser: Any) -> list[str]:
    """What axe-core finds wrong with the page as it stands, all of its rules taken."""
    axe = (nodejs.modules() / "node_modules" / "axe-core" / "axe.min.js").read_text("utf-8")
    browser.execute_script(axe)
    found = browser.execute_async_script("axe.run().then(arguments[0])")
    assert found["passes"]
    return [
        f"{violation['id']}: {node['html']}"
        for violation in found["violations"]
        for node in violation["nodes"]
    ]


@pytest.mark.parametrize("width", [360, 1200], ids=["phone", "desktop"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_any_screen(browser: Any, scheme: str, width: int) -> None:
    with shown_as(browser, scheme, width):
        with relayed() as (url, _):
            Chat(browser, url)
            assert findings(browser) == []
        with answered(browser, MARKDOWN):
            assert findings(browser) == []
        with answered(browser, fault="truncate", at=6) as (chat, _):
            assert chat.texts(".failed")
            assert findings(browser) == []
        with relayed(MARKDOWN, fault="stall", at=30) as (url, _):
            chat = Chat(browser, url)
            chat.ask("What is a stream?")
            wait_until(lambda: chat.texts(".text table"))
            assert findings(browser) == []
            chat.stop()


@pytest.mark.parametrize("width", [320, 360, 1200])
def test_the_page_never_scrolls_sideways(browser: Any, width: int) -> None:
    wide = (
        "`"
        + "x" * 300
        + "`\n\n```\n"
        + "y " * 300
        + "\n```\n\n"
        + "|"
        + "a" * 90
        + "|b|c|\n|-|-|-|\n\n"
    )
    with shown_as(browser, "light", width), answered(browser, saying(wide)):
        sizes = browser.execute_script(
            "return ['html', 'main'].map((name) => document.querySelector(name))"
            ".map((element) => element.scrollWidth - element.clientWidth)"
        )
        assert sizes == [0, 0]


def test_all_of_it_is_reached_by_the_keyboard_in_the_order_of_the_page(browser: Any) -> None:
    with answered(browser, fault="truncate", at=6):
        browser.execute_script("document.querySelector('#new').focus()")
        reached = []
        for _ in range(6):
            reached.append(
                browser.execute_script(
                    "const it = document.activeElement; return it.id || it.textContent"
                )
            )
            press(browser, TAB)
        assert reached == ["new", "turns", "Copy", "Continue", "prompt", "send"]


def test_enter_asks_and_shift_enter_begins_a_line(browser: Any) -> None:
    with relayed() as (url, _):
        chat = Chat(browser, url)
        chat.type("One", SHIFT + ENTER + RELEASED, "two", ENTER)
        wait_until(lambda: chat.texts(".note"))
        assert chat.texts(".user .text") == ["One\ntwo"]
        # And the next can be written at once.
        assert focused(browser) == "prompt"


def test_a_screen_reader_hears_that_it_begins_and_the_whole_answer_once(browser: Any) -> None:
    with relayed(fault="stall", at=6, times=1) as (url, _):
        chat = Chat(browser, url)
        browser.execute_script(
            "window.heard = []; new MutationObserver(() => heard.push(said.textContent.trim()))"
            ".observe(said, {childList: true})"
        )
        chat.ask("One")
        wait_until(lambda: chat.answer)
        busy = "return [...document.querySelectorAll('article')].map((it) => it.ariaBusy)"
        assert browser.execute_script(busy) == [None, "true"]
        press(browser, ESCAPE)
        wait_until(lambda: chat.idle)
        chat.ask("Two")
        wait_until(lambda: len(chat.texts(".note")) == 2)
        assert browser.execute_script("return heard") == [
            "Claude is answering.",
            "Stopped. Hello! A stream is an answer that you can",
            "Claude is answering.",
            ANSWER,
        ]
        assert browser.execute_script(busy)[1::2] == ["false", "false"]
