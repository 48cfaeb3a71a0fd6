# SPDX-License-Identifier: MIT
"""The blocking clients that are measured, each used as its documentation says.

A client is a context manager that opens a stream and gives its events as something to
iterate over; it takes a URL of `event_server` and the file of its authority over TLS, "" for
none. Of several documented ways the fastest is taken.
May import: candidates, the standard library, the peers, ssewire.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

from .asyncio_clients import context
from .candidates import sseclient_alone


@contextmanager
def _ours(url: str, authority: str) -> Iterator[Any]:
    from ssewire import client

    with client.open_stream(url, tls=context(authority), proxy=None) as stream:
        yield stream


@contextmanager
def _httpx_sse(url: str, authority: str) -> Iterator[Any]:
    verify = context(authority) or True
    with (
        import_module("httpx").Client(verify=verify, timeout=None, trust_env=False) as client,
        import_module("httpx_sse").connect_sse(client, "GET", url) as source,
    ):
        yield source.iter_sse()


@contextmanager
def _httpx2(url: str, authority: str) -> Iterator[Any]:
    verify = context(authority) or True
    with (
        import_module("httpx2").Client(verify=verify, timeout=None, trust_env=False) as client,
        client.sse(url) as source,
    ):
        yield source


@contextmanager
def _requests_sse(url: str, authority: str) -> Iterator[Any]:
    with import_module("requests_sse").EventSource(url, verify=authority or True) as source:
        yield source


@contextmanager
def _sseclient_py(url: str, authority: str) -> Iterator[Any]:
    # Over urllib3, the first way of its README: over requests it reads 128 bytes at a time.
    with closing(_urllib3(authority).request("GET", url, preload_content=False)) as response:
        yield import_module("sseclient").SSEClient(response).events()


@contextmanager
def _sseclient(url: str, authority: str) -> Iterator[Any]:
    source = sseclient_alone().SSEClient(url, verify=authority or True)
    with closing(source.resp):
        yield source


@contextmanager
def _launchdarkly(url: str, authority: str) -> Iterator[Any]:
    strategies = import_module("ld_eventsource.config.connect_strategy")
    strategy = strategies.ConnectStrategy.http(url, pool=_urllib3(authority))
    with import_module("ld_eventsource").SSEClient(strategy) as client:
        yield client.events


def _urllib3(authority: str) -> Any:
    return import_module("urllib3").PoolManager(ca_certs=authority or None)


@contextmanager
def _ry(url: str, authority: str) -> Iterator[Any]:
    module = import_module("ry")
    options = {}
    if authority:
        pem = Path(authority).read_bytes()
        options["tls_certs_only"] = [module.Certificate.from_pem(pem)]
    with module.BlockingClient(**options).get(url).sse() as stream:
        yield stream


@contextmanager
def _urllib(url: str, authority: str) -> Iterator[Any]:
    """With our parser, as one would write it by hand: no limits, no typed failures."""
    from urllib.request import HTTPSHandler, ProxyHandler, build_opener

    from ssewire import Parser

    def events(read: Any, inflate: Any) -> Iterator[Any]:
        parser = Parser()
        while data := read(65536):
            yield from parser.feed(inflate(data) if inflate else data)

    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context(authority)))
    with opener.open(url) as response:
        coded = response.headers["Content-Encoding"] == "gzip"
        inflater = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
        yield events(response.read1, inflater.decompress if coded else None)


CLIENTS = {
    "ssewire": _ours,
    "ssewire py": _ours,
    "urllib": _urllib,
    "httpx-sse": _httpx_sse,
    "httpx2": _httpx2,
    "requests-sse": _requests_sse,
    "sseclient-py": _sseclient_py,
    "sseclient": _sseclient,
    "launchdarkly-eventsource": _launchdarkly,
    "ry": _ry,
}
