# SPDX-License-Identifier: MIT
"""What the debug log says of each request of both Claude clients."""

from __future__ import annotations

import logging
import re
import socket
from typing import Any

import pytest

from ssewire.claude import ClaudeError
from tests.claude import wire
from tests.claude.both import claude, without_pauses
from tests.claude.scenarios import ASKED, BUSY, GOOD, HELLO, SSE, in_band
from tests.claude.scenarios import stream as stream_of
from tests.clients.both import BOTH, Both, step
from tests.kit.scripted import ClosingServer as Server
from tests.kit.scripted import chunk

pytestmark = [pytest.mark.once, pytest.mark.sockets]

ID = "request ID 'req_011Scripted'"
EVENTS = HELLO.count(b"\n\n")


@pytest.fixture(params=BOTH, ids=lambda both: both.name)
def both(request: pytest.FixtureRequest) -> Both:
    client: Both = request.param
    return client


def told(caplog: pytest.LogCaptureFixture, url: str) -> list[str]:
    """Return the debug lines, less what they all begin with, seconds as `S`."""
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "ssewire" and record.levelno == logging.DEBUG
    ]
    beginning = f"Claude: POST {url}/v1/messages: "
    assert all(line.startswith(beginning) for line in lines), lines
    return [re.sub(r"\d+\.\d{3} s", "S", line[len(beginning) :]) for line in lines]


async def ask(client: Any, **more: Any) -> None:
    """Ask as well as it goes."""
    try:
        await client.messages.create(**ASKED, **more)
    except ClaudeError:
        pass


def requested(
    both: Both, caplog: pytest.LogCaptureFixture, *script: Any, **options: Any
) -> list[str]:
    """Return what is told of a request to a server that does this."""
    caplog.set_level(logging.DEBUG, "ssewire")

    async def main(server: Server) -> None:
        async with claude(both, server, **{"max_retries": 1, **options}) as client:
            without_pauses(client)
            await ask(client, extra_query={"key": "secret"}, extra_headers={"x-mine": "secret"})

    with Server(script) as server:
        both.run(main(server))
        lines = told(caplog, server.url)
    for word in ("secret", "sk-test", "Hel", "Hello", "claude-a"):
        assert word not in caplog.text
    return lines


COMPLETE = [
    f"status 200 after S, {ID}",
    f"complete after S, {ID}; events {EVENTS}, first after S; bytes {len(HELLO)}",
]
CUT = wire.message_start() + wire.start(0, wire.TEXT)


def test_a_request_is_told_with_its_answer_and_with_its_end(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    assert requested(both, caplog, GOOD) == COMPLETE


def test_an_attempt_that_is_refused_is_told_with_its_status(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    refused = f"status 529, OverloadedError after S, {ID}"
    assert requested(both, caplog, BUSY, GOOD) == [refused, *COMPLETE]
    caplog.clear()
    assert requested(both, caplog, BUSY, max_retries=0) == [refused]


def test_an_attempt_whose_body_fails_before_the_message_is_told_once(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    failing = in_band("overloaded_error")
    end = f"OverloadedError after S, {ID}; events 1, first after S; bytes {len(failing)}"
    lines = requested(both, caplog, stream_of(failing), GOOD)
    assert lines == [COMPLETE[0], end, *COMPLETE]


def test_a_body_that_is_cut_is_told_with_what_had_come(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    end = f"StreamInterrupted after S, {ID}; events 2, first after S; bytes {len(CUT)}"
    assert requested(both, caplog, [SSE, chunk(CUT)]) == [COMPLETE[0], end]
    caplog.clear()
    end = f"StreamTruncated after S, {ID}; events 0, none; bytes 0"
    assert requested(both, caplog, stream_of(), max_retries=0)[1:] == [end]


def test_a_stream_left_early_is_told_as_closed(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")

    async def main(server: Server) -> None:
        async with claude(both, server) as client, client.messages.stream(**ASKED) as stream:
            await step(stream)

    with Server([[SSE, chunk(CUT), "hold"]]) as server:
        both.run(main(server))
        end = f"closed after S, {ID}; events 2, first after S; bytes {len(CUT)}"
        assert told(caplog, server.url) == [COMPLETE[0], end]


def test_a_request_without_an_answer_is_told(both: Both, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "ssewire")

    async def main(url: str) -> None:
        async with claude(both, api_key="k", base_url=url, proxy=None, max_retries=0) as client:
            await ask(client)

    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        both.run(main(url))
    assert told(caplog, url) == ["StreamInterrupted after S, request ID none"]


def test_where_nobody_listens_nothing_is_counted(
    both: Both, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ssewire")

    async def main(server: Server) -> None:
        async with claude(both, server) as client, client.messages.stream(**ASKED) as stream:
            await stream.until_done()
            assert stream._log is None

    with Server([GOOD]) as server:
        both.run(main(server))
    assert not caplog.records
