# SPDX-License-Identifier: MIT
"""A server of Claude messages in another process, on loopback, for what measures clients.

The base URL says how the text deltas of a message come, one event a packet: `/paced/N` so
many with a pause between; `/rounds` one on each stream whenever the one who asked for
`/control` sends a byte, and the end of all messages when it closes. So many streams can be
opened, however long that takes, before the first delta, and each round is over before the
next: no client falls behind. May import: messages, processes.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from .messages import text_events
from .processes import raise_file_limit, serving_ports

# Seconds between two events for a client with one stream: several times what the slowest needs,
# and short beside what a run may take.
PAUSE = 0.002
# More deltas than any client asks for.
_DELTAS = 4096
_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
    b"Connection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
)


class Server:
    """What is asked of one server."""

    def __init__(self) -> None:
        events = [b"%x\r\n%s\r\n" % (len(event), event) for event in text_events(_DELTAS)]
        self._begin = _HEAD + b"".join(events[:2])
        self._deltas = events[2:-3]
        self._end = b"".join(events[-3:]) + b"0\r\n\r\n"
        # Those that wait for the next `/control`.
        self._streams: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Clients leave before the end.
        with suppress(OSError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\ncontent-length: *(\d+)", head)
            await reader.readexactly(int(length[1]) if length else 0)
            _, way, *rest = head.split(b" ", 2)[1].split(b"/")
            if way == b"control":
                await self._rounds(reader)
                writer.close()
                return
            writer.write(self._begin)
            if way == b"rounds":
                self._streams.append(writer)
                return
            for delta in self._deltas[: int(rest[0])]:
                await asyncio.sleep(PAUSE)
                writer.write(delta)
            self._finish(writer)

    async def _rounds(self, reader: asyncio.StreamReader) -> None:
        streams, self._streams = self._streams, []
        deltas = iter(self._deltas)
        while await reader.read(1):
            delta = next(deltas)
            for writer in streams:
                writer.write(delta)
        for writer in streams:
            self._finish(writer)

    def _finish(self, writer: asyncio.StreamWriter) -> None:
        writer.write(self._end)
        writer.close()


async def _serve() -> None:
    raise_file_limit()
    server = await asyncio.start_server(Server().answer, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    # The end of the standard input is that of the server.
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


@contextmanager
def server() -> Iterator[str]:
    """Run the server in another process; give its URL."""
    with serving_ports("message_server") as (port,):
        yield f"http://127.0.0.1:{port}"


if __name__ == "__main__":
    asyncio.run(_serve())
