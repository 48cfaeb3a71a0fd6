# SPDX-License-Identifier: MIT
"""One connection of the server: requests in, answers out when they are due.

One timer for each, and no more bytes held for a slow reader than one write.
May import: _requests, _script.
"""

from __future__ import annotations

import asyncio
import socket
import struct

from ._requests import MAX_HEAD, Refused, RequestReader
from ._script import Plan

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Callable

    from ._script import Answer, Script

# Events written in one turn of the loop where more of them are due: the other
# streams get their turn after them.
_AT_ONCE = 64

# How long a client may go on sending what is not going to be read, seconds: one that
# is told at once, by a reset, loses the answer too.
_LINGER = 5.0

_NOTHING = Plan((), ())


class Peers:
    """The connections of a server that are open, and whether it takes more."""

    def __init__(self) -> None:
        # One that is accepted at the last moment before the end is turned away.
        self.welcome: bool = False
        self._open: set[Peer] = set()

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[Peer]:
        # A copy, made in one step: the loop may be another thread's.
        return iter(list(self._open))

    @property
    def streams(self) -> int:
        """Responses that are under way now."""
        return sum(peer.streaming for peer in self)

    def join(self, peer: Peer) -> None:
        """Count a new connection, or close it."""
        self._open.add(peer)
        if not self.welcome:
            peer.abort()

    def leave(self, peer: Peer) -> None:
        """Count a connection no more."""
        self._open.discard(peer)

    def end(self) -> None:
        """Close all connections at once, and those that come."""
        self.welcome = False
        for peer in self:
            peer.abort()


class Peer(asyncio.Protocol):
    """One connection: requests in, one after the other; a response under way.

    Args:
        number: of the connection, from 0.
        speed: how many times as fast as recorded; 0 does not wait.
    """

    def __init__(
        self,
        number: int,
        script: Script,
        speed: float,
        peers: Peers,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._reader = RequestReader(number)
        self._script = script
        self._speed = speed
        self._peers = peers
        self._loop = loop
        self._transport: Any = None
        # The answer has been given before the request was read: what else comes is dropped.
        self._deaf = False
        # A response is under way; what is received meanwhile waits.
        self.streaming = False
        self._paused = False
        self._timer: asyncio.TimerHandle | None = None
        # Of the response under way: its pieces, when each is due, and how many are out.
        self._plan = _NOTHING
        self._sent = 0
        self._started = 0.0
        self._ending = "complete"
        self._chunked = True

    # --- what asyncio calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        # Wait for the reader whenever he is behind. So nothing of ours waits in this process
        # when a reset comes, which would drop it, and a thousand slow readers cost little.
        self._transport.set_write_buffer_limits(high=0)
        self._peers.join(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.leave(self)
        self.streaming = False
        self._cancel()

    def data_received(self, data: bytes) -> None:
        if self._deaf:
            return
        self._reader.feed(data)
        if not (self.streaming or self._paused):
            self._read()
        elif self._reader.waiting > MAX_HEAD:
            # Requests sent ahead of their turn are read when that has come.
            self._transport.pause_reading()

    def eof_received(self) -> None:
        # Taken for gone, as most servers do: a client that closes its connection while nothing
        # is written to it cannot be told from one that only ended its own direction.
        return None

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if not self.streaming:
            self._read_on()
        elif self._timer is None:
            self._go_on()

    def abort(self) -> None:
        """Close the connection at once."""
        self._transport.abort()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # --- requests

    def _read(self) -> None:
        """Answer the request that has been received, if it is complete."""
        reader = self._reader
        try:
            request = reader.next()
        except Refused as refused:
            self._deaf = True
            self._begin(self._script.refuse(refused))
            return
        if request is not None:
            self._begin(self._script.answer(request))
        elif reader.interim:
            self._transport.write(reader.interim)
            reader.interim = b""

    def _read_on(self) -> None:
        """Read the next request, unless answers wait for a client that does not read."""
        busy = self.streaming or self._paused
        if busy or self._deaf or self._transport.is_closing():
            return
        self._transport.resume_reading()
        if self._reader.waiting:
            self._read()

    # --- responses

    def _begin(self, answer: Answer) -> None:
        """Give an answer, once its silence is over."""
        if answer.delay:
            # What is received meanwhile waits.
            self.streaming = True
            self._timer = self._loop.call_later(answer.delay, self._answer, answer)
        else:
            self._answer(answer)

    def _answer(self, answer: Answer) -> None:
        """Write the beginning of an answer at once, the rest when it is due, then end it."""
        self._timer = None
        self.streaming = False
        reader = self._reader
        self._chunked = reader.chunks and answer.stream is not None
        beginning = answer.head(keep=reader.persistent, chunks=reader.chunks)
        if not reader.head_only:
            beginning += answer.body
        if answer.stream is None and answer.ending == "complete":
            self._transport.write(beginning)
            self._end()
            return
        self.streaming = True
        self._plan = answer.stream or _NOTHING
        self._sent = 0
        self._ending = answer.ending
        self._started = self._loop.time()
        self._transport.write(beginning)
        self._go_on()

    def _go_on(self) -> None:
        """Write what is due, then wait for what comes next."""
        self._timer = None
        speed = self._speed
        write = self._transport.write
        pieces, seconds = self._plan
        budget = _AT_ONCE
        while not (self._paused or self._transport.is_closing()):
            if self._sent == len(pieces):
                self._plan = _NOTHING
                _ENDINGS[self._ending](self)
                return
            if speed:
                due = self._started + seconds[self._sent] / speed
                if due > self._loop.time():
                    self._timer = self._loop.call_at(due, self._go_on)
                    return
            if not budget:
                self._timer = self._loop.call_later(0, self._go_on)
                return
            budget -= 1
            piece = pieces[self._sent]
            self._sent += 1
            write(b"%x\r\n%b\r\n" % (len(piece), piece) if self._chunked else piece)

    def _complete(self) -> None:
        """End a stream as it should."""
        # Before a client can have seen its end.
        self.streaming = False
        if self._chunked:
            self._transport.write(b"0\r\n\r\n")
        self._end()

    def _end(self) -> None:
        """Be done with a response; go on with the next request."""
        if self._deaf:
            self._transport.write_eof()
            self._timer = self._loop.call_later(_LINGER, self.abort)
            return
        if not self._reader.persistent:
            self._transport.close()
            return
        # Not at once: as many requests as were sent ahead would be as many calls deep.
        self._loop.call_soon(self._read_on)

    def _truncate(self) -> None:
        self._transport.close()

    def _stall(self) -> None:
        """Say nothing more; `streaming` stays until the client is gone."""

    def _reset(self) -> None:
        connection: socket.socket = self._transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()


_ENDINGS: dict[str, Callable[[Peer], None]] = {
    "complete": Peer._complete,
    "reset": Peer._reset,
    "truncate": Peer._truncate,
    "stall": Peer._stall,
}
