# SPDX-License-Identifier: MIT
"""Where there are no sockets a request says so, at once, and a transport carries it all the same.

`make pyodide` runs this in WebAssembly; elsewhere the tests pretend.
"""

from __future__ import annotations

import sys

import pytest

from ssewire._http import exchange
from ssewire.client import HTTPResponse, open_stream, request
from ssewire.errors import ConnectFailed


@pytest.fixture(autouse=True)
def no_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform != "emscripten":
        monkeypatch.setattr(exchange, "_SOCKETLESS", True)


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://example.com/"])
def test_a_request_without_a_transport_names_what_is_wanted(url: str) -> None:
    for ask in (request, open_stream):
        with pytest.raises(ConnectFailed, match="no sockets in WebAssembly; give tr") as got:
            ask(url, proxy=None)
        # A second attempt would find none either.
        assert not got.value.retryable


def test_a_transport_carries_requests() -> None:
    def transport(asked: object) -> HTTPResponse:
        return HTTPResponse(200, {"Content-Type": "text/event-stream"}, iter([b"data: one\n\n"]))

    with open_stream("https://example.com/", transport=transport) as stream:
        assert [event.data for event in stream] == ["one"]
