# SPDX-License-Identifier: MIT
"""The command `ssewire claude PROMPT`: ask Claude, or talk with it; answers as they come.

May import: claude.client, claude.errors, client, _answer, _color, _conversation, _exit, _output,
_values.
"""

from __future__ import annotations

import argparse
import os
import sys

from ..claude.client import Claude
from ..claude.errors import ConfigurationError, StreamInterrupted
from ..client import Timeouts
from ._answer import Answer
from ._color import add_color
from ._conversation import Conversation, talk
from ._exit import TRANSPORT
from ._output import CommandError, standard_input, usage_errors, warn
from ._values import count, seconds, sendable

# The newest of the middle size that the official SDK 2.12.0 names.
DEFAULT_MODEL = "claude-sonnet-5-5"

# Enough for a long answer, and below what any model refuses.
DEFAULT_MAX_TOKENS = 4096

# Seconds without a byte after which a stream is given up: the API sends a ping
# every few seconds, so this much silence is a connection that is gone.
DEFAULT_IDLE = 60.0


DESCRIPTION = (
    "Stream an answer to stdout as it comes; why it stopped, its usage and its speed go to stderr."
)
NOTES = (
    "Without a prompt, on a terminal, each line is a turn of a conversation: Ctrl-C stops an "
    "answer, Ctrl-D ends. What had come of a stream that failed is printed.\n\n"
    "Environment: ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN, ANTHROPIC_BASE_URL, ANTHROPIC_MODEL."
)
EXITS = (0, 1, 2, 3, 130, 141)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "prompt",
        nargs="*",
        metavar="PROMPT",
        help="what to ask; quotes are needed for what the shell takes for something else. - at "
        "the end stands for standard input, which nothing and a pipe do too",
    )
    parser.add_argument("-s", "--system", type=sendable, metavar="TEXT", help="the system prompt")
    parser.add_argument(
        "-m",
        "--model",
        type=sendable,
        default=os.environ.get("ANTHROPIC_MODEL") or DEFAULT_MODEL,
        metavar="NAME",
        help="default: ANTHROPIC_MODEL, now %(default)s",
    )
    parser.add_argument(
        "--max-tokens",
        type=count,
        default=DEFAULT_MAX_TOKENS,
        metavar="N",
        help="the most that it may write (default: %(default)s)",
    )
    parser.add_argument(
        "-c",
        "--continue",
        dest="conversation",
        metavar="FILE",
        help="go on with the conversation in FILE, if it is there, and keep it there",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print the final message as JSON")
    form.add_argument(
        "--events", action="store_true", help="write each event as one JSON object on a line"
    )
    add_color(parser)
    parser.add_argument("--base-url", metavar="URL", help="default: ANTHROPIC_BASE_URL")
    parser.add_argument(
        "--idle",
        type=seconds,
        default=DEFAULT_IDLE,
        metavar="TIME",
        help="give up after so long without a byte; 30, 1.5, 2m (default: %(default)g seconds; "
        "0: never)",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire claude`."""
    prompt = _prompt(args.prompt)
    conversation = Conversation(args.conversation, args.system)
    try:
        client = Claude(
            base_url=args.base_url,
            timeouts=Timeouts(head=args.idle or None, idle=args.idle or None),
        )
    except (ConfigurationError, ValueError) as exc:
        raise _configuration(exc) from exc
    with client, usage_errors():
        answer = Answer(client, args, conversation)
        try:
            if prompt is None:
                talk(answer, conversation)
            else:
                answer.to(prompt)
                conversation.save()
        except ConfigurationError as exc:
            raise _configuration(exc) from exc
        except StreamInterrupted as exc:
            warn(str(exc))
            return TRANSPORT
    return 0


def _configuration(exc: Exception) -> CommandError:
    text = str(exc)
    if text.startswith("no credentials"):
        # Of the arguments of a class nobody has heard here.
        text = "no key: set ANTHROPIC_API_KEY or ANTHROPIC_AUTH_TOKEN; ssewire demo needs none"
    return CommandError(text)


def _prompt(words: list[str]) -> str | None:
    """Return what to ask; None where somebody wants to talk."""
    if not words and sys.stdin is not None and sys.stdin.isatty():
        return None
    piped = not words or words[-1] == "-"
    prompt = sendable(" ".join(words[:-1] if piped else words))
    if piped:
        text = standard_input().read().decode("utf-8", "replace").strip()
        if not text:
            raise CommandError("the prompt on standard input is empty")
        prompt += f"\n\n{text}" if prompt else text
    if not prompt.strip():
        raise CommandError("the prompt is empty")
    return prompt
