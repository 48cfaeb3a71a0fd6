# SPDX-License-Identifier: MIT
"""Ask Claude once, and print the answer as it comes, in the form that the options say.

May import: claude.client, _claude_output, _conversation, _events.
"""

from __future__ import annotations

import sys
import time

from ..claude.client import Claude
from ._claude_output import event_text, summary
from ._conversation import Conversation
from ._events import JSONLines

TYPE_CHECKING = False
if TYPE_CHECKING:
    import argparse
    from typing import Any

    from ..claude.stream import MessageStream


class Answer:
    """Answers to the turns of a conversation, one after the other."""

    def __init__(
        self, client: Claude, args: argparse.Namespace, conversation: Conversation
    ) -> None:
        self._client = client
        self._args = args
        self._conversation = conversation
        self._lines = JSONLines(args.color)

    def to(self, prompt: str) -> None:
        """Print the answer to `prompt`; both become part of the conversation.

        Where it fails or is interrupted, what had come is printed, and the conversation has the
        turn if some text had come, otherwise not.

        Raises:
            ClaudeError: as `messages.stream`.
        """
        conversation = self._conversation
        request: dict[str, Any] = {
            "model": self._args.model,
            "max_tokens": self._args.max_tokens,
            "messages": conversation.ask(prompt),
        }
        if conversation.system is not None:
            request["system"] = conversation.system
        begin = time.monotonic()
        message = None
        try:
            with self._client.messages.stream(**request) as stream:
                try:
                    self._print(stream, begin)
                finally:
                    message = stream.partial_message
        finally:
            conversation.answered(None if message is None else message.to_param())

    def _print(self, stream: MessageStream, begin: float) -> None:
        args = self._args
        first: float | None = None
        try:
            if args.events:
                for event in stream:
                    if first is None and event.type == "text":
                        first = time.monotonic()
                    self._lines.write_text(event_text(event))
                    sys.stdout.flush()
            else:
                for text in stream.text_stream:
                    if first is None:
                        first = time.monotonic()
                    if not args.json:
                        sys.stdout.write(text)
                        sys.stdout.flush()
        finally:
            end = time.monotonic()
            message = stream.partial_message
            if args.json and message is not None:
                self._lines.write_text(message.to_json())
            elif not args.events and first is not None:
                sys.stdout.write("\n")
            sys.stdout.flush()
            if message is not None:
                speed = _speed(message.usage.output_tokens, begin, first, end)
                print(summary(message, *speed), file=sys.stderr)


def _speed(tokens: int, begin: float, first: float | None, end: float) -> list[str]:
    """Return when the first text came, and how fast it went from there."""
    if first is None:
        return []
    speed = [f"first text after {first - begin:.2f} s"]
    if end > first:
        speed.append(f"{tokens / (end - first):.0f} tokens/s")
    return speed
