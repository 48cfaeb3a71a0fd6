# SPDX-License-Identifier: MIT
"""A client and a server of the real `mcp` package over sockets; a program for test_mcp.py.

`python mcp_round_trip.py [MODULE]` calls `MODULE.install()`, if one is named, before mcp is
imported. Then it calls a tool that sends progress notes and text full of characters that are line
ends elsewhere, by streamable HTTP and by the older SSE transport. It prints a line of JSON for
each: which notes and which text came, and how many events our parser has made of that.
"""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import uvicorn

from ssewire import Parser

NOTES = 1000
# JSON escapes CR and LF, and none of the others.
AWKWARD = "a\u2028b\u2029c\x85d\r\ne\rf\ng\x0bh\x0ci\x1cj\x1ek\ufeffl\U0001f600"


class CountingParser:
    """The parser of the process, and how many events all of them have made."""

    made = 0

    def __init__(self, **options: Any) -> None:
        self._parser = Parser(**options)

    def feed(self, data: bytes) -> list[Any]:
        events: list[Any] = self._parser.feed(data)
        CountingParser.made += len(events)
        return events

    def __getattr__(self, name: str) -> Any:
        return getattr(self._parser, name)


def make_server() -> Any:
    try:
        from mcp.server.mcpserver import Context, MCPServer
    except ImportError:  # mcp 1.x
        from mcp.server.fastmcp import Context
        from mcp.server.fastmcp import FastMCP as MCPServer

    async def report(ctx: Any, text: str) -> str:
        for number in range(NOTES):
            await ctx.report_progress(number, NOTES, f"{number} {AWKWARD}")
        return text

    report.__annotations__["ctx"] = Context
    server = MCPServer("awkward")
    server.add_tool(report)
    return server


@contextmanager
def serving(app: Any) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(app, log_level="error"))
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


async def call(connecting: Any) -> dict[str, Any]:
    from mcp import ClientSession

    notes: list[Any] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        notes.append([progress, total, message])

    async with connecting as (read, write, *_), ClientSession(read, write) as session:
        await session.initialize()
        text = AWKWARD * 100
        result = await session.call_tool("report", {"text": text}, progress_callback=on_progress)
        return {
            "notes": len(notes),
            "whole": notes == [[n, NOTES, f"{n} {AWKWARD}"] for n in range(NOTES)],
            "text": [block.text for block in result.content] == [text],
        }


def main() -> None:
    for module in sys.argv[1:]:
        import_module(module).install()
    vars(import_module("ssewire.compat._responses"))["Parser"] = CountingParser
    from mcp.client.sse import sse_client
    from mcp.client.streamable_http import streamable_http_client

    for transport in ("mcp", "sse"):
        # A server of its own for each: it may be started once.
        server = make_server()
        app = server.streamable_http_app() if transport == "mcp" else server.sse_app()
        connect = streamable_http_client if transport == "mcp" else sse_client
        CountingParser.made = 0
        with serving(app) as url:
            found = asyncio.run(asyncio.wait_for(call(connect(f"{url}/{transport}")), 60))
        print(json.dumps({"transport": transport, **found, "events": CountingParser.made}))


if __name__ == "__main__":
    main()
