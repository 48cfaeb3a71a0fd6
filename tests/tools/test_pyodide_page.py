# SPDX-License-Identifier: MIT
"""examples/pyodide: AsyncClaude over the browser's fetch, in Pyodide, in headless Chromium."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable

import pytest

from ssewire.replay import serve_in_thread
from tests.kit import nodejs
from tests.kit.serving import RECORDINGS, environment

pytest.importorskip("selenium", reason="the browser's driver runs on CPython only")

from tests.kit.browser import browser, marks

__all__ = ["browser"]

pytestmark = marks

ROOT = Path(__file__).resolve().parents[2]
ANSWER = (
    "Hello! A stream is an answer that you can read while it is being written — word by word, "
    "“as it comes”. ✓"
)
# Seconds until Python has been loaded in a browser, on a machine that is busy with other things.
PATIENCE = 90


def wait_until(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)


@contextmanager
def example(**faults: Any) -> Iterator[tuple[str, Any]]:
    """The example's server, with the replay server for the API; its URL and the API."""
    pyodide = nodejs.modules() / "node_modules" / "pyodide"
    with serve_in_thread([RECORDINGS / "hello.sse"], speed=float("inf"), **faults) as api:
        variables = environment(ANTHROPIC_BASE_URL=api.url, ANTHROPIC_API_KEY="sk-not-a-key")
        command = [sys.executable, "-m", "examples.pyodide", "--pyodide", str(pyodide), "--port=0"]
        with subprocess.Popen(
            command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, encoding="utf-8"
        ) as process:
            try:
                assert process.stdout is not None
                yield process.stdout.readline().strip(), api
            finally:
                process.terminate()
                process.communicate()


def ask(browser: Any, url: str) -> tuple[str, str]:
    """Ask the page something; what it answered, and what it says of that."""

    def text(selector: str) -> str:
        found: str = browser.find_element("css selector", selector).text
        return found

    browser.get_log("browser")
    browser.get(url)
    wait_until(lambda: text("#state") != "Python is being loaded.")
    assert text("#state") == "Ready."
    browser.find_element("css selector", "#prompt").send_keys("What is a stream?\n")
    wait_until(lambda: text("#state").endswith("end_turn") or "broke off" in text("#state"))
    said = [entry["message"] for entry in browser.get_log("browser")]
    assert said == []
    return text("#answer"), text("#state")


def test_an_answer_streams_into_the_page(browser: Any) -> None:
    with example() as (url, api):
        assert ask(browser, url) == (ANSWER, "27 tokens, end_turn")
        assert len(api.requests) == 1


def test_an_answer_that_breaks_off_stays_and_says_why(browser: Any) -> None:
    with example(fault="reset", at=5) as (url, _):
        answer, state = ask(browser, url)
    assert ANSWER.startswith(answer)
    assert answer
    assert "broke off" in state
