# SPDX-License-Identifier: MIT
"""What the packages of `ssewire.compat` give; read by four checkers, not run.

Events and errors of `compat.httpx2` are httpx2's own, which checkers know where it is installed.
"""

# mypy: disallow-any-expr
# pyright: strict

from __future__ import annotations

from collections.abc import AsyncGenerator, Generator, Iterator

from typing_extensions import assert_type

from ssewire.compat import httpx_sse, sseclient
from ssewire.compat.httpx2 import install as install_under_httpx2
from ssewire.compat.httpx_sse import EventSource, ServerSentEvent
from ssewire.compat.httpx_sse import _decoders as decoders
from ssewire.compat.sseclient import Event, SSEClient


def installing() -> None:
    httpx_sse.install()
    sseclient.install()
    install_under_httpx2()


def of_httpx_sse(source: EventSource) -> None:
    assert_type(source.iter_sse(), Iterator[ServerSentEvent])
    for event in source.iter_sse():
        assert_type((event.event, event.data, event.id), tuple[str, str, str])
        assert_type(event.retry, int | None)
    assert_type(ServerSentEvent(data=None).data, str)
    assert_type(decoders.SSEDecoder().decode(""), ServerSentEvent | None)


async def awaited(source: EventSource) -> None:
    assert_type(source.aiter_sse(), AsyncGenerator[ServerSentEvent, None])
    async for event in source.aiter_sse():
        assert_type(event, ServerSentEvent)


def of_sseclient(chunks: Iterator[bytes]) -> None:
    client = SSEClient(chunks)
    assert_type(client.events(), Generator[Event, None, None])
    for event in SSEClient([b"data: a\n\n"], "latin-1").events():
        assert_type((event.event, event.data), tuple[str, str])
        assert_type(event.id, str | None)
