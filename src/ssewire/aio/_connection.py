# SPDX-License-Identifier: MIT
"""One connection: it receives into one buffer per event loop and parses there and then.

May import: _http, _settings, errors, _dial, _last_words, _shared, _tasks,
_wake.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import TypeVar

from .._http.timeouts import NO_DEADLINES, Deadlines, Timeouts
from .._settings import reason
from ..errors import ConnectFailed, ConnectionLost, EventTooLarge, SSEWireError, TransportError
from ._dial import HANDSHAKE, connected_socket
from ._last_words import hear, hear_tls
from ._shared import share_with_tls, shared_buffer, shared_turn
from ._tasks import Child, Closing, Interrupted, call_in, refused_wait, to_its_end, warn_unclosed
from ._wake import Wake

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket
    from collections.abc import Coroutine, Hashable
    from typing import Any

    from .._http.exchange import Ask
    from .._http.heads import ResponseHead
    from .._http.reader import ResponseReader
    from .._settings import Settings
    from ..parser import Parser
    from ._pool import Pool

_T = TypeVar("_T")

# Bytes received that nobody has taken yet, after which the socket is stopped:
# one full read. More would only move the kernel's own buffer into ours, less
# would stop and start the socket at every burst.
_BACKLOG = 64 * 1024

# Seconds for the rest of a response that nobody waits for, when its connection is
# to be kept: the last chunk follows the last event at once, or the server is at fault.
_REST = 1.0


class Connection(asyncio.BufferedProtocol):
    """One connection, and what it has received.

    `received` holds the bytes of the body, one item per read; once a parser
    is attached, the items that each read completed. When `ended` is set
    nothing more comes, and `error` says why unless all is well; both count
    only after what was received.
    """

    __slots__ = (
        "_asked",
        "_connecting",
        "_ending",
        "_key",
        "_making",
        "_parser",
        "_paused",
        "_pool",
        "_resumed",
        "_timed",
        "_timer",
        "_timer_at",
        "_unread",
        "_view",
        "_wake",
        "_wire",
        "deadlines",
        "ended",
        "error",
        "heard",
        "loop",
        "reader",
        "received",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        deadlines: Deadlines,
        reader: ResponseReader,
    ) -> None:
        self.loop: asyncio.AbstractEventLoop = loop
        self.deadlines: Deadlines = deadlines
        # There from the start: an answer may come before the question is asked.
        self.reader: ResponseReader = reader
        self.received: list[Any] = []
        self.ended: bool = False
        self.error: SSEWireError | None = None
        # A parser has been given bytes of the body.
        self.heard: bool = False
        self._view = shared_buffer(loop)
        self._wire: asyncio.Transport | None = None
        # Takes the wire over once the response is through; None if it is to be closed.
        self._pool: Pool | None = None
        self._key: Hashable = None
        # None while bytes are wanted.
        self._parser: Parser[Any] | None = None
        # What a task waits for that wants news.
        self._wake = Wake(shared_turn(loop))
        # Done when what `finish` began has ended; None if nobody asked.
        self._ending: asyncio.Future[None] | None = None
        # The request whose head is waited for, so that every read is news.
        self._asked: Ask | None = None
        # A wait was cancelled and nothing has come since: the next one goes on in its time.
        self._resumed = False
        # Bytes since somebody last waited.
        self._unread = 0
        self._paused = False
        # The loop is taking the socket over.
        self._making = False
        # What connects, while that is under way.
        self._connecting: Child | None = None
        # Deadlines can run; most streams have none and need not look at the clock.
        self._timed = True
        # The one timer, and when it fires: never later than the next deadline while somebody
        # waits. Deadlines that move away do not touch it.
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0

    # --- what asyncio calls

    def connection_made(self, transport: Any) -> None:
        self._wire = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._view

    def buffer_updated(self, nbytes: int) -> None:
        if self.ended:
            return
        self._resumed = False
        data = self.reader.feed_one_chunk(self._view, nbytes)
        news = self._read(nbytes) if data is None else self._keep(data)
        wake = self._wake
        if not wake.waited_for:
            self._unread += nbytes
            if self._unread > _BACKLOG and not self._paused and not self.ended:
                self._paused = True
                assert self._wire is not None
                self._wire.pause_reading()
        elif news:
            self._unread = nbytes
            if self._timed:
                self.deadlines.stop_stall(self.loop.time())
            wake.wake()
        elif self._timed:
            self.deadlines.start_idle(self.loop.time())

    # Between these two much of a large request is still here; asyncio calls them in pairs.
    def pause_writing(self) -> None:
        if self._asked is not None:
            self._asked.written = False

    def resume_writing(self) -> None:
        if self._asked is not None:
            self._asked.written = True

    def eof_received(self) -> None:
        self.connection_lost(None)

    def connection_lost(self, exc: Exception | None) -> None:
        # TLS does so itself.
        if exc is not None and self._wire and not self._wire.get_extra_info("ssl_object"):
            hear(self._wire, self)
        if self.ended:
            return
        if exc is None:
            self.reader.close()
            self._end(self.reader.error)
        else:
            lost = ConnectionLost(reason(exc))
            lost.__cause__ = exc
            self._end(lost)

    def _on_timer(self) -> None:
        self._timer = None
        # Nobody waits: a consumer that takes its time cannot time out a good stream.
        if self.ended or not (self._wake.waited_for or self._connecting):
            return
        error = self.deadlines.expired(self.loop.time())
        if error is None:
            self._arm()
        elif self._connecting is not None:
            self._connecting.cancel()
        else:
            self._end(error)

    # --- what tasks call

    def wait(self, progress: bool = False) -> Wake:
        """Return what ends at the next news: something in `received`, the end, more of a head.

        Not a coroutine, which would cost each waiting stream another frame. Whoever awaits it
        calls `stop_waiting` when cancelled, or closes the connection.

        Args:
            progress: an event was handed out, so that `stall` begins anew.

        Raises:
            StateError: another task waits, or this one runs in another loop.
        """
        wake = self._wake
        if wake.waited_for or asyncio.get_running_loop() is not self.loop:
            raise refused_wait(wake.waited_for)
        wake = self._wake = wake.begin()
        self._unread = 0
        if self._timed:
            now = self.loop.time()
            if self._asked is None:
                if not self._resumed:
                    self.deadlines.start_idle(now)
                self.deadlines.start_stall(now, progress)
            # One may have run out while nobody waited.
            error = self.deadlines.expired(now)
            if error is None:
                self._arm()
            else:
                self._end(error)
        if self._paused and not self.ended:
            self._paused = False
            assert self._wire is not None
            self._wire.resume_reading()
        return wake

    def stop_waiting(self, wake: Wake) -> None:
        """Note that nobody awaits what `wait` returned any more. It has taken nothing.

        Another wait may begin; nobody's time runs out meanwhile.
        """
        if wake.waited_for:
            wake.end()
            self._resumed = True
            self.deadlines.stop_stall(self.loop.time())

    async def ask(self, step: Ask) -> ResponseHead:
        """Send a request and return the head of the response.

        Raises:
            TransportError: there is none.
        """
        wire = self._wire
        assert wire is not None
        reader = self.reader
        self._asked = step
        if not wire.is_closing():
            step.written = True
            wire.write(step.data)
            step.data = b""
            if wire.is_closing():
                # The socket refused it.
                step.written = False
        while reader.head is None and not self.ended:
            await self.wait()
        self._asked = None
        if reader.head is None:
            raise self.error or ConnectionLost("the connection was closed")
        return reader.head

    def reuse(self, wire: asyncio.Transport) -> None:
        """Go on with a connection that carried another request before."""
        self._wire = wire
        wire.set_protocol(self)

    def keep_for(self, pool: Pool, key: Hashable) -> None:
        """Leave the wire to a pool once the response is through, if it is any good then."""
        self._pool = pool
        self._key = pool.key_for(self.loop, key)

    def is_for(self, key: Hashable) -> bool:
        """Whether it is to be kept for `key`."""
        return self._key == key

    async def connect(self, host: str, port: int, address: str) -> None:
        """Connect to the address of the host that answers first."""

        async def connected() -> None:
            found = await connected_socket(self.loop, host, port)
            await to_its_end(self._make(found))

        try:
            await self._within_deadline(connected())
        # An encoding error of a host name is a ValueError.
        except (OSError, ValueError) as exc:
            if isinstance(exc, TransportError):
                raise
            raise ConnectFailed(address, reason(exc)) from exc

    async def _make(self, found: socket.socket) -> None:
        """Have the loop take over a socket, which takes it two turns.

        Nothing may break in on that: uvloop would close the descriptor and leave the socket to
        close it again, when it may be somebody else's.
        """
        self._making = True
        try:
            await self.loop.create_connection(lambda: self, sock=found)
        finally:
            self._making = False
        if self.ended:
            # Given up meanwhile.
            self._let_go(None)

    async def start_tls(
        self, settings: Settings, host: str, address: str, reader: ResponseReader
    ) -> None:
        """Put TLS on the connection, and have `reader` read what comes over it."""
        assert self._wire is not None
        plain = self._wire

        async def shaken() -> None:
            if settings.tls_is_ready:
                context = settings.tls_context()
            else:
                # Reading the system's certificates would hold up the loop for tens of milliseconds.
                context = await self.loop.run_in_executor(None, settings.tls_context)
            if self.ended:
                why = str(self.error) if self.error else "the connection was closed"
                raise ConnectFailed(address, why) from self.error
            # From here to asyncio's taking over nothing else runs, so that no bytes in
            # plain text ever reach the reader of the answer.
            self.reader = reader
            try:
                made: Any = await self.loop.start_tls(
                    plain, self, context, server_hostname=host, ssl_handshake_timeout=HANDSHAKE
                )
            except BaseException:
                # Cancelled just as it was made: up to Python 3.10 nobody would close this one.
                made = getattr(plain.get_protocol(), "_app_transport", None)
                if made is not None:
                    made.abort()
                raise
            # Up to Python 3.10 there is none if the connection was lost meanwhile.
            if made is None:
                raise ConnectionResetError("closed within the TLS handshake")
            self._wire = made
            hear_tls(plain)
            share_with_tls(self.loop, plain)
            if self.ended:
                made.abort()

        try:
            await self._within_deadline(shaken())
        except ssl.CertificateError as exc:
            raise ConnectFailed(address, reason(exc), False) from exc
        except (OSError, ValueError) as exc:
            if isinstance(exc, TransportError):
                raise
            raise ConnectFailed(address, reason(exc)) from exc

    async def _within_deadline(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        error = self.deadlines.expired(self.loop.time())
        if error is not None:
            coroutine.close()
            raise error
        self._connecting = Child()
        self._arm()
        try:
            return await self._connecting.run(coroutine)
        except Interrupted:
            raise self.deadlines.timed_out(self.loop.time()) from None
        finally:
            self._connecting = None

    def begin_body(self, timeouts: Timeouts) -> None:
        """Note that the head is there: what may still run out are those of the body."""
        self._timed = not (timeouts.idle is timeouts.stall is timeouts.total is None)
        if not self._timed:
            # A stream may last for days; what it does not need is let go.
            self._disarm()
            self.deadlines = NO_DEADLINES

    def attach(self, parser: Parser[Any]) -> None:
        """Parse what was received, and from now on at every read."""
        self._parser = parser
        chunks, self.received = self.received, []
        if chunks:
            self._keep(b"".join(chunks))

    def close(self) -> Closing:
        """End it; what was received stays. Done at once, awaited until the socket is closed."""
        self._end(None)
        return Closing()

    def finish(self) -> None:
        """Let what is left of the response come, for the pool; close it if that takes long."""
        pool = self._pool
        if pool is None or pool.closed:
            # Nothing will be sent on it again, and nobody is left to close it later.
            self._end(None)
        if pool is None or self.ended:
            return
        self._disarm()
        self._timed = False
        self._timer = self.loop.call_later(_REST, self._end, None)
        pool.finish(self)
        if self._paused:
            self._paused = False
            assert self._wire is not None
            self._wire.resume_reading()

    def ending(self) -> asyncio.Future[None]:
        """Return what is done when `finish` has come to its end."""
        if self._ending is None:
            self._ending = self.loop.create_future()
        return self._ending

    def abandon(self, owner: object) -> None:
        """Close what nobody can close any more, as the destructor of `owner`, with a warning."""
        if not self.ended and not self.loop.is_closed():
            # It may run in any thread.
            call_in(self.loop, self.close)
            warn_unclosed(owner)

    # --- common

    def _read(self, nbytes: int) -> bool:
        """Read what is in the buffer; return whether that is news for a task that waits."""
        reader = self.reader
        news = self._asked is not None
        pieces = reader.feed(bytes(self._view[:nbytes]))
        if pieces and self._keep(pieces[0] if len(pieces) == 1 else b"".join(pieces)):
            news = True
        if reader.error is not None or (reader.complete and not reader.tunnel):
            self._end(reader.error)
        return news

    def _keep(self, data: bytes) -> bool:
        """Store bytes of the body, or the items that they complete; return whether there are."""
        if self._parser is None:
            self.received.append(data)
            return True
        self.heard = True
        try:
            items = self._parser.feed(data)
        except EventTooLarge as exc:
            items = exc.events
            self._end(None)
            # Whatever came after these bytes does not count any more.
            self.error = exc
        if items:
            self.received.append(items)
            return True
        return False

    def _end(self, error: SSEWireError | None) -> None:
        """Close the socket, or give it away, and wake who waits."""
        if self.ended:
            return
        self.ended = True
        self.error = error
        self._disarm()
        if self.loop.is_closed():
            # Nothing can be asked of the wire; without a protocol it is dropped, and so closed.
            self._wire = None
            self._wake.end()
            return
        try:
            self._let_go(error)
        finally:
            if self._timed:
                self.deadlines.stop_stall(self.loop.time())
            self._wake.wake()
            if self._ending is not None and not self._ending.done():
                self._ending.set_result(None)

    def _let_go(self, error: SSEWireError | None) -> None:
        """Give the wire away, or close it."""
        wire, pool = self._wire, self._pool
        if pool is not None:
            # uvloop refers to the old protocol as long as to a wire that waits for requests.
            self._pool = None
            pool.finished(self)
        if wire is None or self._making:
            return
        # Of a request that was answered before it was through, some is still to be sent.
        if (
            pool is not None
            and error is None
            and self.reader.reusable
            and not wire.get_write_buffer_size()
        ):
            if self._paused:
                wire.resume_reading()
            pool.give(self.loop, self._key, wire)
        else:
            # Not close(): over TLS that waits, for up to 30 s, for the peer's goodbye.
            # All that we had to say has long been said, or need not be any more.
            wire.abort()

    def _arm(self) -> None:
        earliest = self.deadlines.earliest()
        if earliest is None:
            return
        if self._timer is not None:
            if self._timer_at <= earliest:
                return
            self._timer.cancel()
        self._timer_at = earliest
        self._timer = self.loop.call_at(earliest, self._on_timer)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
