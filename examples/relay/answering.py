# SPDX-License-Identifier: MIT
"""Claude's answer as the events of the page, and what the public is told of a failure.

Nothing that the API or an exception says reaches the browser: that goes to the log, under
`relay`. The key never leaves this process but to the API.
"""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator
from typing import Any

from ssewire import ServerSentEvent
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

from .asking import error_content

MODEL = "claude-sonnet-5-5"

# Of one answer: a long one, and what a visitor can make you pay for at most.
MAX_TOKENS = 4096

# Those that the page has words for; another is the API's own text.
STOP_REASONS = (
    "end_turn",
    "stop_sequence",
    "max_tokens",
    "model_context_window_exceeded",
    "refusal",
)

DONE = ServerSentEvent("[DONE]")

_log = logging.getLogger("relay")


async def answer(
    client: AsyncClaude,
    messages: list[dict[str, Any]],
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
        reason = message.stop_reason
        yield _event(
            "usage",
            {
                "input_tokens": _count(message.usage.input_tokens),
                "output_tokens": _count(message.usage.output_tokens),
                "stop_reason": reason if reason in STOP_REASONS else None,
            },
        )
    except Exception as exc:
        if isinstance(exc, ClaudeError):
            # In part: the words may be the peer's, as long as it likes.
            _log.warning("no whole answer, request %.100r: %.500r", exc.request_id, exc)
        else:
            _log.exception("no whole answer")
        yield _event("error", error_content(*public(exc)))
    yield DONE


def public(exc: Exception) -> tuple[str, str]:
    """Return the type and the sentence with which the public is told of an error."""
    too_large = isinstance(exc, RequestTooLargeError)
    if too_large or isinstance(exc, InvalidRequestError):
        # Not `exc.type`, which is whatever the API or a proxy wrote there.
        kind = "request_too_large" if too_large else "invalid_request_error"
        return kind, "Claude cannot answer this conversation. Shorten it, or begin a new one."
    ours = (AuthenticationError, BillingError, PermissionDeniedError, NotFoundError)
    if isinstance(exc, (*ours, ConfigurationError)):
        return "api_error", "This server is not set up as it should be. Its log says more."
    if isinstance(exc, RateLimitError):
        return "rate_limit_error", "Too many questions at once. Try again in a minute."
    if isinstance(exc, APIError):
        return "overloaded_error", "Claude is busy. Try again in a moment."
    if isinstance(exc, ClaudeError):
        return "api_error", "The connection to Claude broke off. Try again."
    return "api_error", "Something went wrong in this server. Its log says more."


def _count(tokens: object) -> int:
    return tokens if isinstance(tokens, int) else 0


def _event(kind: str, content: dict[str, Any]) -> ServerSentEvent:
    return ServerSentEvent(json.dumps(content, separators=(",", ":")), kind)
