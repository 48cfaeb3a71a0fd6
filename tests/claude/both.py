# SPDX-License-Identifier: MIT
"""Both Claude clients in the same words: `tests.clients.both`, one floor up.

The private names of the clients that such tests touch are in this file.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, Callable

from ssewire.claude.aio import AsyncClaude
from ssewire.claude.client import Claude
from tests.clients.both import Both, Turned
from tests.kit.scripted import Server


class _Messages:
    """`client.messages` of the blocking client, to be awaited like its twin."""

    def __init__(self, messages: Any) -> None:
        self._messages = messages

    def stream(self, **asked: Any) -> Turned:
        return Turned(self._messages.stream(**asked))

    def create(self, **asked: Any) -> Awaitable[Any]:
        async def created() -> Any:
            answer = self._messages.create(**asked)
            return Turned(answer) if asked.get("stream") else answer

        return created()


class TurnedClaude(Turned):
    """The blocking client."""

    @property
    def messages(self) -> _Messages:
        return _Messages(self._inner.messages)

    def with_options(self, **options: Any) -> TurnedClaude:
        return TurnedClaude(self._inner.with_options(**options))

    def copy(self) -> TurnedClaude:
        return TurnedClaude(self._inner.copy())


def claude(both: Both, server: Server | None = None, **options: Any) -> Any:
    """Return a client, of a scripted server where there is one."""
    if server is not None:
        options = {"base_url": server.url, "api_key": "sk-test", "proxy": None, **options}
    return TurnedClaude(Claude(**options)) if both.name == "blocking" else AsyncClaude(**options)


def without_pauses(client: Any, pause: Callable[[float], Any] = lambda seconds: None) -> None:
    """Let a client call `pause` in the place of waiting before a retry, and take out chance."""
    inner = client._inner if isinstance(client, Turned) else client
    inner._sleep = pause
    inner._random = lambda: 0.0
