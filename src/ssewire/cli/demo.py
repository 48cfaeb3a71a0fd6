# SPDX-License-Identifier: MIT
"""The command `ssewire demo`: a bundled answer, served here and streamed through both clients.

May import: claude.aio, claude.client, claude.events, parser, ssewire.replay, _claude_output,
_terminal.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys

from ..claude.aio import AsyncClaude
from ..claude.client import Claude
from ..claude.events import (
    ContentBlockStartEvent,
    ContentBlockStopEvent,
    InputJSONEvent,
    MessageStopEvent,
    TextEvent,
    ThinkingEvent,
)
from ..parser import IMPLEMENTATION
from ..replay import serve_in_thread
from ._claude_output import summary
from ._terminal import control, one_line, printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..claude.events import StreamEvent

DEMO_STREAM = os.path.join(os.path.dirname(__file__), "demo.sse")

_ASKED: dict[str, Any] = {
    "model": "claude-demo-1",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Is tomorrow a day for a walk along the lake?"}],
}
# Over the network of this machine, whatever proxies the environment names.
_CLIENT: dict[str, Any] = {"api_key": "none", "proxy": None, "partial_strings": True}

_DIM, _PLAIN = "\033[2m", "\033[0m"


# What argparse is told of the command.
PARSER: dict[str, Any] = {
    "description": "Replay a bundled answer (thinking, text, a tool call) on this machine, and "
    "stream it through the blocking client, then through the asyncio client. Needs no network "
    "and no key.",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--speed",
        type=float,
        default=1.0,
        metavar="X",
        help="times as fast as Claude writes (default: 1; 0: as fast as it goes)",
    )


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire demo`."""
    with serve_in_thread([DEMO_STREAM], speed=args.speed) as server:
        _title("the blocking client")
        client = Claude(base_url=server.url, **_CLIENT)
        with client, client.messages.stream(**_ASKED) as stream:
            for event in stream:
                _show(event)
        _title("the asyncio client")
        asyncio.run(_through_asyncio(server.url))
    print(f"[parsed by the {IMPLEMENTATION} implementation]", file=sys.stderr)
    return 0


async def _through_asyncio(url: str) -> None:
    client = AsyncClaude(base_url=url, **_CLIENT)
    async with client, client.messages.stream(**_ASKED) as stream:
        async for event in stream:
            _show(event)


def _title(text: str) -> None:
    print(f"--- {text}", flush=True)


def _show(event: StreamEvent) -> None:
    """Write what an event brings, as it comes."""
    terminal = sys.stdout.isatty()
    if isinstance(event, ContentBlockStartEvent):
        text = one_line(f"[{event.content_block.type}] ")
        if event.content_block.type == "tool_use":
            # Each state of the input over the one before, where that can be shown.
            text += one_line(f"{event.content_block.name}") + "\n"
    elif isinstance(event, ThinkingEvent):
        text = printable(event.thinking)
        text = f"{_DIM}{text}{_PLAIN}" if terminal else text
    elif isinstance(event, TextEvent):
        text = printable(event.text)
    elif isinstance(event, InputJSONEvent):
        state = one_line(f"{event.snapshot}")
        text = f"\r{state}" if terminal else f"  {state}\n"
    elif isinstance(event, ContentBlockStopEvent):
        text = "\n"
    elif isinstance(event, MessageStopEvent):
        text = f"{summary(event.message)}\n"
    else:
        return
    control(sys.stdout, text)
