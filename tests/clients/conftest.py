# SPDX-License-Identifier: MIT
"""A test that asks for `both` runs on the blocking client and on the asyncio client."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from tests.clients.both import BOTH, Both


@pytest.fixture(params=BOTH, ids=lambda both: both.name)
def both(request: pytest.FixtureRequest) -> Both:
    client: Both = request.param
    return client


@pytest.fixture
def deaf_port() -> Iterator[int]:
    """A port of 127.0.0.1 that refuses connections, and that no other test can take meanwhile."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


@pytest.fixture
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no proxy yet; variables may be set in it."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch
