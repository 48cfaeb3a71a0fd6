# SPDX-License-Identifier: MIT
"""A chat endpoint: Claude's answers, as server-sent events, for a page in the browser.

    GET  /           the page, and its files beside it
    POST /api/chat   {"prompt": "..."} or {"messages": [{"role": ..., "content": ...}]}

The answer is `event: text` with {"text": ...} for each piece, `event: usage`, and
`data: [DONE]` at the end, without which the connection broke. A failure is
`event: error`, in the shape of the API's own errors. `asking` is what a request may be,
`answering` what comes back.

A plain ASGI application: `uvicorn examples.relay.app:app`.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Collection, MutableMapping
from pathlib import Path
from typing import Any, Callable, NamedTuple

from ssewire.asgi import KEEP_ALIVE, event_stream
from ssewire.claude import AsyncClaude
from ssewire.claude.errors import ConfigurationError

from .answering import MAX_TOKENS, MODEL, answer
from .asking import Refused, asked, check_host, check_origin, invalid

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

# What every response says. All of the page is here: it loads nothing from elsewhere, runs no
# script that stands in a text, and nobody frames its buttons.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


class File(NamedTuple):
    """A file of the page, with its headers."""

    headers: dict[str, str]
    body: bytes


def _file(name: str, media_type: str) -> File:
    headers = {"content-type": f"{media_type}; charset=utf-8", "cache-control": "no-cache"}
    return File({**headers, **HEADERS}, (Path(__file__).parent / "page" / name).read_bytes())


# By their paths, relative to where the application is mounted.
FILES = {
    "/": _file("index.html", "text/html"),
    "/page.css": _file("page.css", "text/css"),
    "/page.js": _file("page.js", "text/javascript"),
    "/markdown-it.min.js": _file("markdown-it.min.js", "text/javascript"),
    "/markdown-it.LICENSE.txt": _file("markdown-it.LICENSE.txt", "text/plain"),
}


def own_hosts() -> tuple[str, ...]:
    """Return the names of this server that RELAY_HOSTS lists, with commas in between."""
    names = os.environ.get("RELAY_HOSTS", "").lower().split(",")
    return tuple(name.strip() for name in names if name.strip())


def make_app(
    client: AsyncClaude | None = None,
    *,
    model: str = MODEL,
    max_tokens: int = MAX_TOKENS,
    keep_alive: float | None = KEEP_ALIVE,
    hosts: Collection[str] | None = None,
) -> Application:
    """Return the application.

    Args:
        client: who asks Claude, closed when the server stops; None takes one with
            the environment's key.
        keep_alive: seconds of silence after which a comment is sent.
        hosts: names under which browsers reach this server, besides addresses and localhost;
            None takes those of RELAY_HOSTS.
    """
    claude = client or AsyncClaude()
    names = own_hosts() if hosts is None else hosts

    async def chat(scope: Scope, headers: dict[str, str], receive: Receive, send: Send) -> None:
        check_origin(headers, names)
        messages = await asked(headers, _body(receive))
        events = answer(claude, messages, model=model, max_tokens=max_tokens)
        await event_stream(events, keep_alive=keep_alive)(scope, receive, send)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(claude, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"this application does not speak {scope['type']}")
        headers = {name.decode("latin-1"): it.decode("latin-1") for name, it in scope["headers"]}
        try:
            check_host(headers, names)
            file = _routed(scope)
            if file is None:
                await chat(scope, headers, receive, send)
            else:
                body = file.body if scope["method"] == "GET" else b""
                await _respond(send, 200, file.headers, body, len(file.body))
        except Refused as exc:
            content = json.dumps(exc.content).encode()
            refusal = {"content-type": "application/json", **HEADERS}
            await _respond(send, exc.status, refusal, content, len(content))
        except _Gone:
            pass

    return application


def _routed(scope: Scope) -> File | None:
    """Return the file that a request is for, or None for the chat.

    Raises:
        Refused: there is no answer to it.
    """
    # Where it is mounted, the path begins with where.
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    file = FILES.get(path)
    if file is None and path != "/api/chat":
        raise Refused(404, "not_found_error", "There is nothing here.")
    methods = ("GET", "HEAD") if file else ("POST",)
    if scope["method"] not in methods:
        raise invalid(f"The method here is {methods[0]}.", 405)
    return file


class _Gone(Exception):
    """The client left before its request was whole."""


async def _body(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


async def _respond(
    send: Send, status: int, headers: dict[str, str], body: bytes, length: int
) -> None:
    fields = [(name.encode(), value.encode()) for name, value in headers.items()]
    fields.append((b"content-length", str(length).encode()))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body})


async def _live(client: AsyncClaude, receive: Receive, send: Send) -> None:
    """Answer a server's questions about starting and stopping."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            try:
                # Sends nothing: but without a key it is better not to start.
                client.messages.stream(model=MODEL, max_tokens=1, messages=[])
            except ConfigurationError as exc:
                await send({"type": "lifespan.startup.failed", "message": str(exc)})
                return
            await send({"type": "lifespan.startup.complete"})
        else:
            await client.close()
            await send({"type": "lifespan.shutdown.complete"})
            return


app = make_app()
