# SPDX-License-Identifier: MIT
"""A socket that one thread uses and any thread can end, and blocking I/O over it.

A socket is closed only by the thread that uses it, or while none does: the
others shut it down, which wakes the reader. There is no lock: a signal handler
could meet the one that its own thread holds, and its exception leave it held.
May import: _settings, errors, _custody.
"""

from __future__ import annotations

import os
import select
import socket
import ssl
import time
from threading import Lock, get_ident

from .._settings import READ_SIZE, keep_alive, reason
from ..errors import ConnectFailed, ConnectionLost, StreamTimeout
from ._custody import Custody

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any, Callable

    from .._http.exchange import Ask
    from .._http.reader import ResponseReader
    from .._http.timeouts import Deadlines
    from ._pool import Pool

# Seconds of one wait: the clocks of some calls overflow after weeks. Who waits
# for longer waits again.
LONGEST_WAIT = 86400.0

# What `map` is given to call recv() once with.
_ONE_READ = (READ_SIZE,)

# Seconds by which a wait may end before its time: some clocks are that coarse.
_EARLY = 0.05


class Interrupted(Exception):
    """close() or restart() was called in another thread; no user of the package sees it."""


class Pause:
    """A wait that any thread, or a signal handler, can end."""

    __slots__ = ("_bell",)

    def __init__(self) -> None:
        # Nobody ever holds it for a while: it is let go to ring, and taken to wait. An Event
        # has a lock of Python's around that, which a handler may meet.
        self._bell = Lock()
        self._bell.acquire()

    def wait(self, seconds: float) -> None:
        """Wait so long, or until `end` is called or has been; perhaps shorter. One call into C."""
        self._bell.acquire(True, min(max(seconds, 0.0), LONGEST_WAIT))

    def end(self) -> None:
        """End the wait that is under way, or else the next one."""
        try:
            self._bell.release()
        except RuntimeError:
            pass  # It has rung, and nobody has waited since.


class Handle(Custody):
    """A socket that one thread uses and any thread can end.

    The using thread brackets each blocking call, so that `abort` knows
    whether it may close the socket (nobody is in a call) or must only shut it
    down (the caller wakes up and closes it): a closed descriptor could be
    another thread's new file by the time it is used.

    In place of a lock there are lists, whose operations are one step for other
    threads and for signal handlers, and two flags: each side sets its own before
    it looks at the other's, so that one of the two sees what the other did.
    """

    __slots__ = ("_aborted", "_busy", "_doomed", "_process", "_responses", "_sockets", "_timeout")

    # Custody's; said again for type checkers, as it is set here too.
    taken: bool

    def __init__(self) -> None:
        super().__init__()
        # The socket, if there is one. Whoever takes it out is the only one to close it, or to
        # give it to another exchange.
        self._sockets: list[socket.socket] = []
        # Those taken out to be closed. They stay here: what closes one may be interrupted, and
        # closing one twice is harmless.
        self._doomed: list[socket.socket] = []
        # The thread that is in a blocking call, or that an exception took out of one; 0 while
        # nobody may touch the socket, not even its own signal handlers. That takes no time.
        self._busy: int | None = None
        self._aborted = False
        # The socket's timeout, to spare the system call that sets the same again.
        self._timeout: float | None = None
        # What abort() calls where there is no socket of ours, but a transport's response.
        self._responses: list[Callable[[], object]] = []
        # Whose connection it is: a forked child has a copy of the descriptor, no more.
        self._process = os.getpid()

    @property
    def aborted(self) -> bool:
        return self._aborted

    def adopt(self, new: socket.socket) -> None:
        """Take over a socket, in place of the one before."""
        self._timeout = new.gettimeout()
        self._sockets.append(new)
        if self._aborted:
            self._close_now()
            raise Interrupted

    def adopt_response(self, close: Callable[[], object]) -> None:
        """Have `close` called by abort(); at once if that has already been."""
        self._responses.append(close)
        if self._aborted:
            self._close_response()
            raise Interrupted

    def blocking(
        self, timeout: float | None, operation: Callable[..., Any] | None = None, *args: Any
    ) -> Any:
        """Return what `operation`, a method below, does with the socket; without one, receive.

        Raises:
            Interrupted: abort() was called before, or meanwhile.
            OSError: what the call raises; socket.timeout after its `timeout` seconds.
        """
        # Here `busy` is set before `aborted` is looked at, in abort() it is the reverse.
        try:
            self._busy = get_ident()
            if self._aborted or not self._sockets:
                raise Interrupted
            current = self._sockets[-1]
            result: Any = None
            if operation is not None:
                result = operation(current, timeout, *args)
            elif isinstance(current, ssl.SSLSocket):
                self._receive_over_tls(current, timeout)
            else:
                # Here, as this is what each read comes to: a call more is felt.
                if timeout != self._timeout:
                    self._set_timeout(current, timeout)
                # One call into C, after which the bytes are in the inbox: a signal
                # handler's exception comes before or after, but cannot drop them.
                self.inbox.extend(map(current.recv, _ONE_READ))
            if not self._aborted:
                return result
        except (OSError, ValueError, AttributeError, IndexError):
            # What a socket makes of it when it is shut down, or closed by a signal handler.
            if not self._aborted:
                raise
        finally:
            self._busy = None
            if self._aborted:
                self._close_now()
        raise Interrupted

    def _set_timeout(self, current: socket.socket, timeout: float | None) -> None:
        if timeout is not None and timeout > LONGEST_WAIT:
            timeout = LONGEST_WAIT
        if timeout != self._timeout:
            current.settimeout(timeout)
            self._timeout = timeout

    def connect(self, current: socket.socket, timeout: float | None, where: Any) -> None:
        """Connect to an address of getaddrinfo's."""
        self._set_timeout(current, timeout)
        current.connect(where)
        # An event sent back in answer must not wait for an acknowledgement.
        current.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(current)

    def start_tls(
        self, current: socket.socket, _: float | None, context: ssl.SSLContext, host: str
    ) -> None:
        """Put TLS on the socket, without a handshake yet."""
        # Within this call the descriptor passes from one object to another. If it were shut down
        # meanwhile, ssl would leave its own one unclosed, with a ResourceWarning.
        self._busy = 0
        self._sockets[:] = [
            context.wrap_socket(
                current,
                server_hostname=host,
                do_handshake_on_connect=False,
                # Else a connection that was cut looks like one that was closed.
                suppress_ragged_eofs=False,
            )
        ]

    def shake_hands(self, current: ssl.SSLSocket, timeout: float | None) -> None:
        """Do the TLS handshake."""
        self._set_timeout(current, timeout)
        current.do_handshake()

    def _receive_over_tls(self, current: ssl.SSLSocket, timeout: float | None) -> None:
        # No call into C puts its bytes into a list, so the waiting is done where none are taken.
        self._set_timeout(current, 0.0)
        # Nearly all reads wait: an attempt before it is an exception, and those are costly.
        if not current.pending():
            _wait(current, timeout)
        while True:
            self.taken = True
            try:
                self.inbox.append(current.recv(READ_SIZE))
            except ssl.SSLWantReadError:
                self.taken = False
                _wait(current, timeout)
            except ssl.SSLWantWriteError:
                self.taken = False
                _wait(current, timeout, write=True)
            else:
                return

    def send(self, current: socket.socket, timeout: float | None, data: memoryview) -> int:
        """Send some of it; or 0 when it would block, and something came meanwhile.

        Leaves `taken` set, for the caller to clear when it has noted how much that was.
        """
        self._set_timeout(current, 0.0)
        while True:
            self.taken = True
            write = True
            try:
                return current.send(data)
            except ssl.SSLWantReadError:
                # A message of TLS's own is to come before.
                write = False
            except (BlockingIOError, ssl.SSLWantWriteError):
                pass
            self.taken = False
            if not _wait(current, timeout, write=write):
                continue
            self.taken = True
            try:
                self.inbox.append(current.recv(READ_SIZE))
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                # TLS has messages of its own, such as tickets.
                continue
            return 0

    def abort(self) -> None:
        """End it from any thread. Idempotent.

        In a forked child of the process that opened it this closes the child's copy of the
        descriptor and no more: the connection is the parent's, which goes on with it.
        """
        self._aborted = True
        if self._process != os.getpid():
            self._close_now()
            return
        busy = self._busy
        # Its own thread is in a signal handler, or was interrupted: it may close.
        if busy is None or busy == get_ident():
            self._close_now()
        elif busy:
            for current in self._sockets:
                try:
                    _shut_down(current)
                except OSError:
                    pass  # Not connected (yet, or any more): the call ends by itself.
        self._close_response()

    def release(self) -> socket.socket | None:
        """Give the socket away, for whoever goes on with it; None if it is not ours to give."""
        if self._process != os.getpid():
            return None
        try:
            return self._sockets.pop()
        except IndexError:
            return None

    def drop(self) -> None:
        """Close the socket or response, to go on with another; for the thread that uses it."""
        self._close_now()
        self._close_response()

    def _close_now(self) -> None:
        while self._sockets:
            try:
                # In one step: an exception comes before or after, but cannot lose it.
                self._doomed.extend(map(self._sockets.pop, (0,)))
            except IndexError:
                break  # Another thread was faster.
        for current in [*self._doomed]:
            current.close()

    def _close_response(self) -> None:
        while self._responses:
            try:
                close = self._responses.pop()
            except IndexError:
                break
            close()


def _shut_down(current: socket.socket) -> None:
    # Of the plain socket, also for TLS, which has its own state to keep. eventlet's class of
    # sockets has no such method, its objects do.
    shutdown = getattr(socket.socket, "shutdown", None)
    if shutdown is None:
        current.shutdown(socket.SHUT_RDWR)
    else:
        shutdown(current, socket.SHUT_RDWR)


def _wait(current: socket.socket, timeout: float | None, *, write: bool = False) -> bool:
    """Wait until a socket is ready for reading, or `write`; return whether it is for reading.

    Raises:
        socket.timeout: it is not within `timeout` seconds.
    """
    if timeout is not None:
        timeout = min(timeout, LONGEST_WAIT)
    if not hasattr(select, "poll"):
        # Windows, where select() has no limit to the number of a descriptor.
        readable, writable, _ = select.select([current], [current] if write else [], [], timeout)
        if not readable and not writable:
            raise socket.timeout("timed out")
        return bool(readable)
    poll = select.poll()
    poll.register(current, select.POLLIN | select.POLLOUT * write)
    # Rounded up: a wait of none would spin.
    ready = poll.poll(None if timeout is None else timeout * 1000 + 1)
    if not ready:
        raise socket.timeout("timed out")
    return bool(ready[0][1] & ~select.POLLOUT)


class Wire:
    """Blocking I/O of one exchange under its deadlines; every failure typed."""

    __slots__ = ("_asked", "_lost", "_pool", "_unsent", "deadlines", "handle", "key")

    def __init__(self, handle: Handle, deadlines: Deadlines, pool: Pool | None = None) -> None:
        self.handle: Handle = handle
        self.deadlines: Deadlines = deadlines
        self._pool = pool
        # What the connection may be kept for; None if it may not, or not yet.
        self.key: Hashable = None
        # The question that is being sent, what is left of it, and why that could not be sent.
        self._asked: Ask | None = None
        self._unsent: memoryview | None = None
        self._lost: ConnectionLost | None = None

    def remaining(self) -> float | None:
        """Return the seconds until the next deadline.

        Raises:
            StreamTimeout: it has passed.
        """
        return self.deadlines.remaining(time.monotonic())

    def connect(self, host: str, port: int, address: str) -> None:
        """Connect to the first address of the host that answers."""
        try:
            found = socket.getaddrinfo(
                # Bytes: a str would go through the idna codec, which raises UnicodeError.
                host.encode("ascii"),
                port,
                type=socket.SOCK_STREAM,
            )
        except OSError as exc:
            raise ConnectFailed(address, reason(exc)) from exc
        failure: OSError | None = None
        handle = self.handle
        for left, (family, kind, protocol, _, where) in zip(range(len(found), 0, -1), found):
            remaining = self.remaining()
            # One address that does not answer must not use up the time of the others.
            budget = None if remaining is None else remaining / left
            until = None if budget is None else time.monotonic() + min(budget, LONGEST_WAIT)
            try:
                handle.adopt(socket.socket(family, kind, protocol))
                handle.blocking(budget, handle.connect, where)
                return
            except OSError as exc:
                handle.drop()
                if _is_handlers(exc, until):
                    raise
                failure = exc
        self.remaining()
        assert failure is not None
        if _is_ours(failure):
            raise self._timed_out() from failure
        raise ConnectFailed(address, reason(failure)) from failure

    def start_tls(self, context: ssl.SSLContext, host: str, address: str) -> None:
        """Do the TLS handshake."""
        remaining = self.remaining()
        try:
            self.handle.blocking(remaining, self.handle.start_tls, context, host)
            self.handle.blocking(remaining, self.handle.shake_hands)
        except ssl.CertificateError as exc:
            raise ConnectFailed(address, reason(exc), False) from exc
        except (OSError, ValueError) as exc:
            if _is_handlers(exc, self._due(remaining)):
                raise
            if _is_ours(exc):
                raise self._timed_out() from exc
            raise ConnectFailed(address, reason(exc)) from exc

    def end(self, reader: ResponseReader) -> None:
        """End the exchange: leave the connection to the pool, or close it."""
        if self._pool is not None and self.key is not None:
            current = self.handle.release()
            if current is not None:
                self._pool.give(self.key, current, reader)
        self.handle.drop()

    def ask(self, step: Ask) -> list[bytes]:
        """Send a request and wait for a head; return what has come of the body.

        What is not sent by then goes on while the body is received, unless it is refused.

        Raises:
            TransportError: there is none.
        """
        reader = step.reader
        pieces: list[bytes] = []
        self.key = self._lost = None
        self._asked, self._unsent = step, memoryview(step.data)
        step.data = b""
        while reader.head is None:
            if reader.error is not None:
                raise self._lost or reader.error
            try:
                received = self.receive()
            except ConnectionLost as exc:
                lost = self._lost or exc
                raise lost from lost.__cause__
            if received:
                pieces = reader.feed(received)
            else:
                reader.close()
        # Of a redirect, or of a refusal, the rest would be read by nobody (RFC 9112, 9.3).
        if reader.head.status >= 300:
            self._unsent = None
        return pieces

    def receive(self) -> bytes:
        """Return what there is, as soon as there is something; b"" at the end.

        Meanwhile it sends what is left of the request.
        """
        handle = self.handle
        inbox = handle.inbox
        if not inbox:
            handle.taken = False
        while not inbox:
            # Outside of try: a StreamTimeout is an OSError and a socket.timeout too.
            deadlines = self.deadlines
            remaining = deadlines.remaining(time.monotonic()) if deadlines.running else None
            try:
                if self._unsent is None:
                    handle.blocking(remaining)
                else:
                    self._send(remaining)
            except OSError as exc:
                if _is_handlers(exc, self._due(remaining)):
                    raise
                if _is_ours(exc):
                    # remaining() says which deadline it was, or goes on if the clock was early.
                    continue
                if self._unsent is not None:
                    # A server may refuse a large body before it is through; its answer says why.
                    self._lost = ConnectionLost(reason(exc))
                    self._lost.__cause__ = exc
                    self._unsent = None
                    continue
                # It is told once: what comes next may look like the end.
                handle.taken = True
                raise ConnectionLost(reason(exc)) from exc
        handle.taken = True
        return inbox.pop()

    def _send(self, timeout: float | None) -> None:
        """Send some of the request, or receive, whichever can be done first."""
        assert self._unsent is not None
        assert self._asked is not None
        # In pieces, because each has its own timeout and the whole one deadline.
        sent = self.handle.blocking(timeout, self.handle.send, self._unsent[:READ_SIZE])
        left = self._unsent[sent:]
        self._unsent = left or None
        if not left:
            self._asked.written = True
            self.key = self._asked.route
        self.handle.taken = False

    def _due(self, remaining: float | None) -> float | None:
        """Return when a wait of so many seconds, begun before, ends; None if it does not."""
        if remaining is None or remaining > LONGEST_WAIT:
            return None if remaining is None else 0.0
        return self.deadlines.earliest()

    def _timed_out(self) -> StreamTimeout:
        return self.deadlines.timed_out(time.monotonic())


def _is_handlers(exc: BaseException, until: float | None) -> bool:
    """Say whether what came out of a blocking call that may end at `until` is a signal handler's.

    A socket's own failures have a number. A timeout has none, but comes when it is
    due: an alarm that raises TimeoutError must not be waited on.
    """
    if not isinstance(exc, OSError) or exc.errno is not None or isinstance(exc, ssl.SSLError):
        return False
    due = until is not None and time.monotonic() > until - _EARLY
    return not (due and isinstance(exc, socket.timeout))


def _is_ours(exc: BaseException) -> bool:
    """Say whether a timeout is one that we set: the kernel's ETIMEDOUT is the same class."""
    return isinstance(exc, socket.timeout) and exc.errno is None
