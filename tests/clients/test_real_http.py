# SPDX-License-Identifier: MIT
"""Both clients against HTTP implementations that nobody here wrote: nginx and tinyproxy.

Skipped where these programs are missing; they are in every distribution.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ssewire import aio, client
from ssewire.errors import ConnectFailed, StatusError
from tests.clients.scenarios import event
from tests.kit.scripted import CHUNKED, LAST_CHUNK, Server, chunk, head, trusting_context

pytestmark = [pytest.mark.once, pytest.mark.sockets]

NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
TINYPROXY = shutil.which("tinyproxy") or shutil.which("tinyproxy", path="/usr/sbin:/usr/local/sbin")

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")
needs_tinyproxy = pytest.mark.skipif(TINYPROXY is None, reason="tinyproxy is not installed")
both_clients = pytest.mark.parametrize("name", ["client", "aio"])


def collect(name: str, url: str, **options: Any) -> list[str]:
    """Return the data of a stream's events, as the named client sees them."""
    if name == "client":
        with client.open_stream(url, **options) as stream:
            return [event.data for event in stream]

    async def run() -> list[str]:
        async with aio.open_stream(url, **options) as stream:
            return [event.data async for event in stream]

    return asyncio.run(run())


def follow(name: str, url: str, count: int, **options: Any) -> list[str]:
    """Return the data of a source's first events, as the named client sees them."""
    policy = client.ReconnectPolicy(initial_delay=0.01)
    if name == "client":
        with client.EventSource(url, reconnect=policy, **options) as source:
            return [next(source).data for _ in range(count)]

    async def run() -> list[str]:
        async with aio.EventSource(url, reconnect=policy, **options) as source:
            return [(await source.__anext__()).data for _ in range(count)]

    return asyncio.run(run())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def started(command: list[str], port: int, log: Path) -> Iterator[int]:
    """Run a server program until the test is over."""
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        deadline = time.monotonic() + 5
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"{command[0]} did not start: {log.read_text()}")
                time.sleep(0.01)
        yield port
    finally:
        process.terminate()
        process.wait(5)


EVENTS = [event(number) for number in range(1, 4)]
SERVER: list[Any] = [[head(200, CHUNKED), *(chunk(data) for data in EVENTS), LAST_CHUNK]]


@pytest.fixture
def upstream() -> Iterator[Server]:
    with Server(SERVER) as server:
        yield server


@pytest.fixture
def nginx(upstream: Server, tmp_path: Path) -> Iterator[int]:
    port = free_port()
    paths = "\n".join(
        f"{kind}_temp_path {tmp_path}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    config = tmp_path / "nginx.conf"
    config.write_text(
        f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log stderr;
        events {{ worker_connections 64; }}
        http {{
            access_log off; {paths}
            proxy_http_version 1.1; proxy_buffering off; proxy_read_timeout 5s;
            gzip_types text/event-stream; gzip_min_length 1; gzip_proxied any;
            server {{
                listen 127.0.0.1:{port};
                location / {{ proxy_pass {upstream.url}; }}
                location /gzip {{ gzip on; proxy_pass {upstream.url}; }}
                location /10 {{ chunked_transfer_encoding off; proxy_pass {upstream.url}; }}
                location /there {{ return 307 /; }}
                location /dead {{ proxy_pass http://127.0.0.1:{free_port()}; }}
            }}
        }}
        """
    )
    assert NGINX is not None
    command = [NGINX, "-c", str(config), "-p", str(tmp_path), "-e", "stderr"]
    yield from started(command, port, tmp_path / "log")


@pytest.fixture
def tinyproxy(tmp_path: Path) -> Iterator[int]:
    port = free_port()
    config = tmp_path / "tinyproxy.conf"
    config.write_text(f"Port {port}\nListen 127.0.0.1\nTimeout 10\nMaxClients 10\n")
    assert TINYPROXY is not None
    yield from started([TINYPROXY, "-d", "-c", str(config)], port, tmp_path / "log")


@needs_nginx
@both_clients
@pytest.mark.parametrize("path", ["/", "/10", "/there"])
def test_a_stream_through_nginx(name: str, path: str, nginx: int) -> None:
    assert collect(name, f"http://127.0.0.1:{nginx}{path}") == ["1", "2", "3"]


@needs_nginx
@both_clients
def test_a_stream_that_nginx_compresses(name: str, nginx: int) -> None:
    url = f"http://127.0.0.1:{nginx}/gzip"
    with client.request(url, headers={"Accept-Encoding": "gzip"}) as response:
        assert response.headers["Content-Encoding"] == "gzip"
    assert collect(name, url, headers={"Accept-Encoding": "gzip"}) == ["1", "2", "3"]


@needs_nginx
@both_clients
def test_a_source_behind_nginx_goes_on_where_it_was(
    name: str, nginx: int, upstream: Server
) -> None:
    url = f"http://127.0.0.1:{nginx}/"
    assert follow(name, url, 6) == ["1", "2", "3", "1", "2", "3"]
    assert upstream.last_event_ids == [None, "3"]


@needs_nginx
@both_clients
def test_a_dead_server_behind_nginx_is_a_status_error(name: str, nginx: int) -> None:
    with pytest.raises(StatusError) as caught:
        collect(name, f"http://127.0.0.1:{nginx}/dead")
    assert caught.value.status == 502
    assert b"nginx" in caught.value.body


@needs_tinyproxy
@both_clients
def test_a_stream_through_tinyproxy(name: str, tinyproxy: int, upstream: Server) -> None:
    proxy = f"http://127.0.0.1:{tinyproxy}"
    assert collect(name, upstream.url, proxy=proxy) == ["1", "2", "3"]
    assert "via" in upstream.requests[0].headers


@needs_tinyproxy
@both_clients
def test_a_stream_over_tls_through_tinyproxys_tunnel(name: str, tinyproxy: int) -> None:
    proxy = f"http://127.0.0.1:{tinyproxy}"
    with Server(SERVER, tls="127.0.0.1") as server:
        assert collect(name, server.url, proxy=proxy, tls=trusting_context()) == ["1", "2", "3"]
        assert "via" not in server.requests[0].headers


@needs_tinyproxy
@both_clients
def test_tinyproxy_that_cannot_reach_the_server_is_a_connect_failed(
    name: str, tinyproxy: int
) -> None:
    with pytest.raises(ConnectFailed, match="the proxy answered CONNECT with status 5"):
        collect(name, f"https://127.0.0.1:{free_port()}/", proxy=f"http://127.0.0.1:{tinyproxy}")
