"""A test that asks for `both` runs on the blocking client and on the asyncio client."""

from __future__ import annotations

import pytest

from tests.clients.both import BOTH, Both


@pytest.fixture(params=BOTH, ids=lambda both: both.name)
def both(request: pytest.FixtureRequest) -> Both:
    client: Both = request.param
    return client
