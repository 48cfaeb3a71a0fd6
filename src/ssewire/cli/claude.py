# SPDX-License-Identifier: MIT
"""The command `ssewire claude PROMPT`: ask Claude, and print the answer as it comes.

May import: claude.client, claude.errors, client, _claude_output, _main, _output, _terminal.
"""

from __future__ import annotations

import argparse
import os
import sys
import time

from ..claude.client import Claude
from ..claude.errors import ConfigurationError, StreamInterrupted
from ..client import Timeouts
from ._claude_output import event_line, summary
from ._main import EXIT_TRANSPORT
from ._output import CommandError, standard_input, warn
from ._terminal import plain_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..claude.stream import MessageStream

# The newest of the middle size that the official SDK 2.12.0 names.
DEFAULT_MODEL = "claude-sonnet-5-5"

# Enough for a long answer, and below what any model refuses.
DEFAULT_MAX_TOKENS = 4096

# Seconds without a byte after which a stream is given up: the API sends a ping
# every few seconds, so this much silence is a connection that is gone.
DEFAULT_IDLE = 60.0


# What argparse is told of the command.
PARSER: dict[str, Any] = {
    "description": "Stream an answer to stdout as it comes; why it stopped, its usage and its "
    "speed go to stderr.",
    "epilog": "Environment: ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL, "
    "ANTHROPIC_MODEL. Exit code: 0 the message is complete; 1 the API refused or the stream "
    "was bad (what had come is printed); 2 wrong usage, or no key; 3 the connection failed "
    "for good; 130 interrupted; 141 the reader of the output went away.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "prompt", nargs="?", metavar="PROMPT", help="what to ask; - or nothing: standard input"
    )
    parser.add_argument("-s", "--system", metavar="TEXT", help="the system prompt")
    parser.add_argument(
        "-m",
        "--model",
        default=os.environ.get("ANTHROPIC_MODEL") or DEFAULT_MODEL,
        help="default: ANTHROPIC_MODEL, now %(default)s",
    )
    parser.add_argument(
        "--max-tokens",
        type=int,
        default=DEFAULT_MAX_TOKENS,
        metavar="N",
        help="the most that it may write (default: %(default)s)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the final message as JSON")
    form.add_argument(
        "--events", action="store_true", help="write each event as one JSON object on a line"
    )
    parser.add_argument("--base-url", metavar="URL", help="default: ANTHROPIC_BASE_URL")
    parser.add_argument(
        "--idle",
        type=float,
        default=DEFAULT_IDLE,
        metavar="SECONDS",
        help="give up after so long without a byte (default: %(default)g; 0: never)",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire claude`."""
    prompt = _prompt(args.prompt)
    request: dict[str, Any] = {
        "model": args.model,
        "max_tokens": args.max_tokens,
        "messages": [{"role": "user", "content": prompt}],
    }
    if args.system is not None:
        request["system"] = args.system
    begin = time.monotonic()
    try:
        client = Claude(
            base_url=args.base_url,
            timeouts=Timeouts(head=args.idle or None, idle=args.idle or None),
        )
    except (ConfigurationError, ValueError) as exc:
        raise CommandError(str(exc)) from exc
    with client:
        try:
            with client.messages.stream(**request) as stream:
                _print(stream, args, begin)
        except ConfigurationError as exc:
            raise CommandError(str(exc)) from exc
        except StreamInterrupted as exc:
            warn(str(exc))
            return EXIT_TRANSPORT
    return 0


def _prompt(given: str | None) -> str:
    if given not in (None, "-"):
        return given or ""
    if given is None and (sys.stdin is None or sys.stdin.isatty()):
        raise CommandError("say what to ask: ssewire claude PROMPT, or - to type it")
    prompt = standard_input().read().decode("utf-8", "replace").strip()
    if not prompt:
        raise CommandError("the prompt on standard input is empty")
    return prompt


def _print(stream: MessageStream, args: argparse.Namespace, begin: float) -> None:
    first: float | None = None
    try:
        if args.events:
            for event in stream:
                if first is None and event.type == "text":
                    first = time.monotonic()
                _write(event_line(event))
        else:
            for text in stream.text_stream:
                if first is None:
                    first = time.monotonic()
                if not args.json:
                    _write(text)
    finally:
        end = time.monotonic()
        message = stream.partial_message
        if args.json and message is not None:
            _write(plain_json(message.to_json()) + "\n")
        elif not args.events and first is not None:
            _write("\n")
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


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
