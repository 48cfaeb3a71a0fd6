"""An ASGI response whose connection breaks off on the way."""

from __future__ import annotations

from typing import Any


def cutting(send: Any, after: int) -> Any:
    """Return a send that drops the connection after so many pieces of the body."""
    sent = 0

    async def sending(message: Any) -> None:
        nonlocal sent
        if message["type"] == "http.response.body":
            if sent == after:
                # The server gives a connection up when the application raises.
                raise _Cut
            sent += 1
        await send(message)

    return sending


class _Cut(Exception):
    """Nothing is wrong but the connection."""
