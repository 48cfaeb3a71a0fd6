# SPDX-License-Identifier: MIT
"""A fixture for pytest: the replay server in place of the API, for one test.

A project asks for it by name in its conftest.py, `pytest_plugins =
["ssewire.replay.pytest_plugin"]`. It is not an entry point: that would load it in every
run of pytest wherever ssewire is installed. May import: server.
"""

from __future__ import annotations

import contextlib
from typing import Any, Callable

import pytest

from .server import ReplayServer, serve_in_thread

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["claude_replay"]

# Where clients, ours and the official SDK, look for the API and the key, and what else of
# the environment would change a request.
_UNSET = ("ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_CUSTOM_HEADERS", "ANTHROPIC_PROFILE")


@pytest.fixture
def claude_replay(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ReplayServer]]:
    """Give a function that starts a `ReplayServer` and points clients at it.

    It takes what the server answers, one after the other (files, `Recording`, `Reply`), and
    the arguments of `ReplayServer`; the speed is as fast as it goes. Clients that are made
    afterwards in this process, or in one that it starts, find the server: ANTHROPIC_BASE_URL
    is its URL, ANTHROPIC_API_KEY a key that is none, no proxy is in between. At the end of
    the test the server is closed and the environment as it was.
    """
    with contextlib.ExitStack() as servers:

        def serve(*replies: Any, **options: Any) -> ReplayServer:
            server = servers.enter_context(serve_in_thread(replies, **{"speed": 0, **options}))
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-not-a-key")
            for name in _UNSET:
                monkeypatch.delenv(name, raising=False)
            # Both: who reads them prefers one or the other.
            for name in ("NO_PROXY", "no_proxy"):
                monkeypatch.setenv(name, "127.0.0.1,localhost")
            return server

        yield serve
