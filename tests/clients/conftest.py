"""A test that asks for `both` runs on the blocking client and on the asyncio client."""

from __future__ import annotations

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
