# SPDX-License-Identifier: MIT
"""The command `ssewire demo`: a bundled answer, served here and streamed through both clients.

First the blocking client shows what is in a stream; then the asyncio client takes several of them
at once, in the time of one.
May import: claude.aio, claude.client, claude.events, parser, ssewire.replay, _claude_output,
_color, _lines, _output, _terminal, _values.
"""

from __future__ import annotations

import argparse
import asyncio
import pkgutil
import sys
import time

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
from ..replay import Recording, serve_in_thread
from ._claude_output import summary
from ._color import add_color, wants_color
from ._lines import Lines
from ._output import usage_errors
from ._terminal import one_line, printable
from ._values import factor

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..claude.events import StreamEvent

DESCRIPTION = (
    "Replay a bundled answer (thinking, text, a tool call) on this machine, and stream it through "
    "the blocking client; then ten of them at once through the asyncio client. Takes some five "
    "seconds, and needs no network and no key."
)
NOTES = (
    "The tool's input is written over in its line as it grows; to a pipe, or a console that knows "
    "no escape sequences, each state is a line of its own."
)
EXITS = (0, 2, 130, 141)

# Of the pace of recordings without one: slow enough to read along.
_PACE = 0.5
_AT_ONCE = 10

_ASKED: dict[str, Any] = {
    "model": "claude-demo-1",
    "max_tokens": 1024,
    "messages": [{"role": "user", "content": "Is tomorrow a day for a walk along the lake?"}],
}
# Over the network of this machine, whatever proxies the environment names.
_CLIENT: dict[str, Any] = {"api_key": "none", "proxy": None, "partial_strings": True}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "--speed",
        type=factor,
        default=1.0,
        metavar="X",
        help="times as fast as Claude writes (default: 1; 0: as fast as it goes)",
    )
    add_color(parser)


def run(args: argparse.Namespace) -> int:
    """Carry out `ssewire demo`."""
    # Also out of a zip file.
    body = pkgutil.get_data(__name__.rpartition(".")[0], "demo.sse")
    assert body is not None
    lines = Lines(sys.stdout, color=wants_color(args.color))
    with (
        usage_errors(),
        serve_in_thread([Recording(body, name="the demo")], speed=args.speed * _PACE) as server,
    ):
        lines.line("--- the blocking client")
        client = Claude(base_url=server.url, **_CLIENT)
        with client, client.messages.stream(**_ASKED) as stream:
            for event in stream:
                _show(event, lines)
        lines.line(f"--- the asyncio client: {_AT_ONCE} of these at once")
        asyncio.run(_at_once(server.url, lines))
    print(f"[parsed by the {IMPLEMENTATION} implementation]", file=sys.stderr)
    return 0


def _show(event: StreamEvent, lines: Lines) -> None:
    """Write what an event brings, as it comes."""
    if isinstance(event, ContentBlockStartEvent):
        lines.text(one_line(f"[{event.content_block.type}] "))
        if event.content_block.type == "tool_use":
            lines.line(one_line(f"{event.content_block.name}"))
    elif isinstance(event, ThinkingEvent):
        lines.text(printable(event.thinking), dim=True)
    elif isinstance(event, TextEvent):
        lines.text(printable(event.text))
    elif isinstance(event, InputJSONEvent):
        lines.state(one_line(f"  {event.snapshot}"))
    elif isinstance(event, ContentBlockStopEvent):
        lines.settle()
    elif isinstance(event, MessageStopEvent):
        lines.line(summary(event.message))


async def _at_once(url: str, lines: Lines) -> None:
    """Stream the answer several times at once; show how far all of them are together."""
    events = done = 0
    alone = 0.0
    begin = time.monotonic()
    shown = 0.0

    async def one(client: AsyncClaude) -> None:
        nonlocal events, done, alone, shown
        start = time.monotonic()
        async with client.messages.stream(**_ASKED) as stream:
            async for _ in stream:
                events += 1
                now = time.monotonic()
                if lines.live and now - shown > 0.05:
                    shown = now
                    lines.state(f"  {done} done, {events} events, {now - begin:.1f} s")
        done += 1
        alone += time.monotonic() - start

    async with AsyncClaude(base_url=url, **_CLIENT) as client:
        await asyncio.gather(*(one(client) for _ in range(_AT_ONCE)))
    lines.forget()
    took = time.monotonic() - begin
    lines.text(f"  {done} answers, {events} events in {took:.1f} s;")
    lines.line(f" one after the other they take {alone:.1f} s")
