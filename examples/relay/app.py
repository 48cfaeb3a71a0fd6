"""A chat endpoint: Claude's answers, as server-sent events, for a page in the browser.

    GET  /           the page
    POST /api/chat   {"prompt": "..."} or {"messages": [{"role": ..., "content": ...}]}

The answer is `event: text` with {"text": ...} for each piece, `event: usage`, and
`data: [DONE]` at the end, without which the connection broke. A failure is
`event: error`, in the shape of the API's own errors, with a sentence for the public;
why it failed goes to the log. The key never leaves this process but to the API.

A plain ASGI application: `uvicorn examples.relay.app:app`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, MutableMapping
from pathlib import Path
from typing import Any, Callable

from ssewire import ServerSentEvent
from ssewire.asgi import KEEP_ALIVE, event_stream
from ssewire.claude import AsyncClaude
from ssewire.claude.errors import (
    APIError,
    AuthenticationError,
    BillingError,
    ClaudeError,
    ConfigurationError,
    InvalidRequestError,
    NotFoundError,
    PermissionDeniedError,
    RateLimitError,
    RequestTooLargeError,
)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

MODEL = "claude-sonnet-5-5"

# Of one answer: a long one, and what a visitor can make you pay for at most.
MAX_TOKENS = 4096

# Bytes of a request: some 60,000 tokens, a conversation of hours. You pay for what
# visitors send.
MAX_BODY = 256 * 1024

# Bytes that are read, and dropped, of a request that is too large: a client that is
# answered while it still sends takes the answer for a broken connection.
MAX_DROPPED = 16 * 2**20

DONE = ServerSentEvent("[DONE]")

PAGE = (Path(__file__).parent / "page.html").read_bytes()
# All of the page is in the page: it loads nothing, and nobody frames its button.
POLICY = (
    b"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    b"connect-src 'self'; img-src data:; frame-ancestors 'none'"
)
PAGE_HEADERS = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-cache"),
    (b"content-security-policy", POLICY),
)

_log = logging.getLogger("relay")


class Refused(Exception):
    """A request that is answered with a 4xx status and a sentence."""

    def __init__(self, status: int, kind: str, sentence: str) -> None:
        super().__init__(status, kind, sentence)
        self.status = status
        self.content = error_content(kind, sentence)


def error_content(kind: str, sentence: str) -> dict[str, Any]:
    """Return what tells of an error, in the shape of the API's own."""
    return {"type": "error", "error": {"type": kind, "message": sentence}}


def _invalid(sentence: str, status: int = 400) -> Refused:
    return Refused(status, "invalid_request_error", sentence)


async def asked(content_type: str | None, chunks: AsyncIterable[bytes]) -> list[dict[str, str]]:
    """Return the messages that a request asks with.

    Args:
        content_type: the header of that name.
        chunks: the body.

    Raises:
        Refused: it asks for nothing that can be answered.
    """
    # A page of another site cannot send this type without asking first, which nobody
    # answers: so it cannot spend your tokens through a visitor's browser.
    if (content_type or "").partition(";")[0].strip().lower() != "application/json":
        raise _invalid("The content type must be application/json.", 415)
    body = bytearray()
    size = 0
    async for chunk in chunks:
        size += len(chunk)
        if size <= MAX_BODY:
            body += chunk
        elif size > MAX_DROPPED:
            break
    if size > MAX_BODY:
        sentence = f"The request is too large: {MAX_BODY // 1024} KiB is the limit."
        raise Refused(413, "request_too_large", sentence)
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise _invalid("The body is not JSON.") from None
    if not isinstance(content, dict):
        raise _invalid("The body is not a JSON object.")
    if "prompt" in content and "messages" in content:
        raise _invalid("Send a prompt or messages, not both.")
    if "prompt" in content:
        return [_message({"role": "user", "content": content["prompt"]})]
    messages = content.get("messages")
    if not isinstance(messages, list) or not messages:
        raise _invalid("There is no prompt, and there are no messages.")
    return [_message(message) for message in messages]


def _message(message: object) -> dict[str, str]:
    """Return a message that may go to the API, with nothing in it but these two.

    Raises:
        Refused: it is not one.
    """
    if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
        raise _invalid('Each message has a role, "user" or "assistant".')
    content = message.get("content")
    # No blocks: with those a visitor could have the API fetch files at your cost.
    if not isinstance(content, str) or not content.strip():
        raise _invalid("The content of each message is text that is not empty.")
    try:
        content.encode()
    except UnicodeEncodeError:
        # What a browser makes of text that was cut in the middle of an emoji.
        raise _invalid("The text holds half a character.") from None
    return {"role": message["role"], "content": content}


async def answer(
    client: AsyncClaude,
    messages: list[dict[str, str]],
    *,
    model: str = MODEL,
    max_tokens: int = MAX_TOKENS,
) -> AsyncIterator[ServerSentEvent]:
    """Yield Claude's answer as the events of the page; closing it closes the stream upstream."""
    try:
        async with client.messages.stream(
            model=model, max_tokens=max_tokens, messages=messages
        ) as stream:
            async for text in stream.text_stream:
                yield _event("text", {"text": text})
            message = await stream.get_final_message()
        usage = message.usage
        yield _event(
            "usage",
            {
                "input_tokens": usage.input_tokens,
                "output_tokens": usage.output_tokens,
                "stop_reason": message.stop_reason,
            },
        )
    except Exception as exc:
        if isinstance(exc, ClaudeError):
            _log.warning("no whole answer, request %s: %r", exc.request_id, exc)
        else:
            _log.exception("no whole answer")
        yield _event("error", error_content(*public(exc)))
    yield DONE


def public(exc: Exception) -> tuple[str, str]:
    """Return the type and the sentence with which the public is told of an error."""
    if isinstance(exc, (InvalidRequestError, RequestTooLargeError)):
        sentence = "Claude cannot answer this conversation. Shorten it, or begin a new one."
        return exc.type, sentence
    ours = (AuthenticationError, BillingError, PermissionDeniedError, NotFoundError)
    if isinstance(exc, (*ours, ConfigurationError)):
        return "api_error", "This server is not set up as it should be. Its log says more."
    if isinstance(exc, RateLimitError):
        return exc.type, "Too many questions at once. Try again in a minute."
    if isinstance(exc, APIError):
        return "overloaded_error", "Claude is busy. Try again in a moment."
    if isinstance(exc, ClaudeError):
        return "api_error", "The connection to Claude broke off. Try again."
    return "api_error", "Something went wrong in this server. Its log says more."


def _event(kind: str, content: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(content, separators=(",", ":")), kind)


def make_app(
    client: AsyncClaude | None = None,
    *,
    model: str = MODEL,
    max_tokens: int = MAX_TOKENS,
    keep_alive: float | None = KEEP_ALIVE,
) -> Application:
    """Return the application.

    Args:
        client: who asks Claude, closed when the server stops; None takes one with
            the environment's key.
        keep_alive: seconds of silence after which a comment is sent.
    """
    claude = client or AsyncClaude()

    async def chat(scope: Scope, receive: Receive, send: Send) -> None:
        content_type = dict(scope["headers"]).get(b"content-type", b"").decode("latin-1")
        messages = await asked(content_type, _body(receive))
        events = answer(claude, messages, model=model, max_tokens=max_tokens)
        await event_stream(events, keep_alive=keep_alive)(scope, receive, send)

    async def application(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(claude, receive, send)
            return
        if scope["type"] != "http":
            raise ValueError(f"this application does not speak {scope['type']}")
        try:
            method = _routed(scope)
            if method == "POST":
                await chat(scope, receive, send)
            else:
                await _respond(send, 200, PAGE_HEADERS, PAGE if method == "GET" else b"")
        except Refused as exc:
            content = json.dumps(exc.content).encode()
            await _respond(send, exc.status, [(b"content-type", b"application/json")], content)
        except _Gone:
            pass

    return application


def _routed(scope: Scope) -> str:
    """Return the method of a request that there is an answer to.

    Raises:
        Refused: there is none.
    """
    # Where it is mounted, the path begins with where.
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    methods = {"/": ("GET", "HEAD"), "/api/chat": ("POST",)}.get(path)
    if methods is None:
        raise Refused(404, "not_found_error", "There is nothing here.")
    method: str = scope["method"]
    if method not in methods:
        raise _invalid(f"The method here is {methods[0]}.", 405)
    return method


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


async def _respond(send: Send, status: int, headers: Any, body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
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
