# SPDX-License-Identifier: MIT
"""The asyncio clients that are measured, each used as its documentation says.

A client is what is made once, and how it opens a stream: an asynchronous generator that
gives the stream's events as something to iterate over. It takes what comes from
`event_server`, whose authority over TLS it is told of. Where a library has a limit of open
streams or seconds, it is lifted. May import: the standard library, the peers, ssewire.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, Coroutine
from importlib import import_module
from pathlib import Path
from typing import Any, Callable, NamedTuple


class Client(NamedTuple):
    # Takes the file of the authority, "" for none; called in a running loop.
    make: Callable[[str], Any]
    open: Callable[[Any, str], AsyncGenerator[Any, None]]


def context(authority: str) -> ssl.SSLContext | None:
    return ssl.create_default_context(cafile=authority) if authority else None


async def _ours(tls: Any, url: str) -> AsyncGenerator[Any, None]:
    from ssewire import aio

    async with aio.open_stream(url, tls=tls, proxy=None) as stream:
        yield stream


def _httpx_client(library: str) -> Callable[[str], Any]:
    def make(authority: str) -> Any:
        module = import_module(library)
        limits = module.Limits(max_connections=None, max_keepalive_connections=None)
        verify = context(authority) or True
        return module.AsyncClient(verify=verify, timeout=None, limits=limits, trust_env=False)

    return make


async def _httpx2(client: Any, url: str) -> AsyncGenerator[Any, None]:
    async with client.sse(url) as source:
        yield source


async def _httpx_sse(client: Any, url: str) -> AsyncGenerator[Any, None]:
    async with import_module("httpx_sse").aconnect_sse(client, "GET", url) as source:
        yield source.aiter_sse()


def _ry_client(authority: str) -> Any:
    # It takes the proxies of the environment, which this server is not behind.
    module = import_module("ry")
    if not authority:
        return module.Client()
    certificate = module.Certificate.from_pem(Path(authority).read_bytes())
    return module.Client(tls_certs_only=[certificate])


async def _ry(client: Any, url: str) -> AsyncGenerator[Any, None]:
    response = await client.get(url)
    yield response.sse()


def _aiohttp_session(authority: str) -> Any:
    module = import_module("aiohttp")
    connector = module.TCPConnector(limit=0, ssl=context(authority) or True)
    return module.ClientSession(connector=connector, timeout=module.ClientTimeout(total=None))


async def _aiohttp_sse_client(session: Any, url: str) -> AsyncGenerator[Any, None]:
    module = import_module("aiohttp_sse_client.client")
    async with module.EventSource(url, session=session) as source:
        yield source


async def _launchdarkly(session: Any, url: str) -> AsyncGenerator[Any, None]:
    strategies = import_module("ld_eventsource.config.async_connect_strategy")
    strategy = strategies.AsyncConnectStrategy.http(url, session=session)
    module = import_module("ld_eventsource.async_client")
    async with module.AsyncSSEClient(strategy) as client:
        yield client.events


def _nothing(authority: str) -> None:
    # It has no argument for one: the authority is that of the environment, SSL_CERT_FILE.
    return None


async def _aiosseclient(_: Any, url: str) -> AsyncGenerator[Any, None]:
    events = import_module("aiosseclient").aiosseclient(url)
    try:
        yield events
    finally:
        await events.aclose()


CLIENTS = {
    "ssewire": Client(context, _ours),
    "ssewire py": Client(context, _ours),
    "httpx2": Client(_httpx_client("httpx2"), _httpx2),
    "httpx-sse": Client(_httpx_client("httpx"), _httpx_sse),
    "ry": Client(_ry_client, _ry),
    "aiohttp-sse-client": Client(_aiohttp_session, _aiohttp_sse_client),
    "launchdarkly-eventsource": Client(_aiohttp_session, _launchdarkly),
    "aiosseclient": Client(_nothing, _aiosseclient),
}


async def close(client: Any) -> None:
    """Close what a client made once; ry's and our context need nothing."""
    shut = getattr(client, "aclose", None) or getattr(client, "close", None)
    if shut is not None:
        await shut()


def run(measured: Coroutine[Any, Any, dict[str, float]], uvloop: bool) -> dict[str, float]:
    """Run what measures a client, on asyncio's loop or on uvloop."""
    import asyncio

    if uvloop:
        return import_module("uvloop").run(measured)  # type: ignore[no-any-return]
    return asyncio.run(measured)
