# SPDX-License-Identifier: MIT
"""An ASGI response whose connection breaks off on the way."""

from __future__ import annotations

from typing import Any


def cutting(send: Any, events: int) -> Any:
    """Return a send that drops the connection after so many events.

    However they come: several in one piece, or with comments in between.
    """
    left = events

    async def sending(message: Any) -> None:
        nonlocal left
        if message["type"] == "http.response.body":
            ended = message["body"].split(b"\n\n")
            if len(ended) > left:
                body = b"".join(event + b"\n\n" for event in ended[:left])
                await send({**message, "body": body, "more_body": True})
                # The server gives a connection up when the application raises.
                raise _Cut
            left -= len(ended) - 1
        await send(message)

    return sending


class _Cut(Exception):
    """Nothing is wrong but the connection."""
