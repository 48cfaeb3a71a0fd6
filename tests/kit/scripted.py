# SPDX-License-Identifier: MIT
"""An HTTP server that does what a script says, down to the byte, and remembers what it was asked.

A script lists what happens on each connection, in order; the last one repeats.
What happens is a list of steps, or a function of the request that gives them:

    bytes        send them (b"@URL@" becomes the server's own URL)
    float        sleep so many seconds
    "hold"       say nothing until the client is gone
    "reset"      break the connection with a TCP reset
    "fin"        end our direction only, then wait until the client is gone
    "request"    read another request on the same connection
    "asked"      wait until one has begun to come, without reading it
    "tunnel"     answer CONNECT by relaying to where it says
    "deaf"       (first) do not read the request

After its steps a connection is closed. Threads and plain sockets, loopback only.
"""

from __future__ import annotations

import functools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Callable, Union

import pytest

from ssewire._settings import tell_cuts

if TYPE_CHECKING:
    from typing_extensions import Self

Step = Union[bytes, float, str]
Steps = Iterable[Step]
Connection = Union[Sequence[Any], Callable[["Request"], Steps]]

# Seconds. Nothing in a test may take as long; a server thread that does is given up.
PATIENCE = 30.0
# What happens at once is there by then, on a machine with ten times as much to do; what
# it must not wait for takes `PATIENCE`, or as long as a timeout's default.
AT_ONCE = 8.0
# Long enough for a loaded machine to get its bytes across, short enough to wait for.
SOON = 0.3


class Request:
    """A request as it came in."""

    def __init__(self, head: bytes, body: bytes, connection: int) -> None:
        lines = head.split(b"\r\n")
        self.method, self.target, self.version = lines[0].decode("ascii").split(" ")
        self.fields = [
            (name.decode("ascii").lower(), value.strip())
            for name, _, value in (line.partition(b":") for line in lines[1:] if line)
        ]
        self.headers = {name: value.decode("utf-8") for name, value in self.fields}
        self.body = body
        # The number of the connection it came on, from 0.
        self.connection = connection

    @property
    def last_event_id(self) -> str | None:
        return self.headers.get("last-event-id")


class Server:
    """The server; a context manager that leaves no thread and no socket.

    Args:
        script: what happens on each connection.
        tls: a host name that its certificate is for; None for plain HTTP.
        accept_delay: seconds before each connection is looked at.
        says_close: say "Connection: close" in each head after which nothing more is read, as
            servers do that are about to close. Else a request may cross the end on its way.
    """

    def __init__(
        self,
        script: Sequence[Connection],
        *,
        tls: str | None = None,
        accept_delay: float = 0.0,
        says_close: bool = False,
    ) -> None:
        self._script = script
        self._context = _server_context(tls) if tls is not None else None
        self._accept_delay = accept_delay
        self._says_close = says_close
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._open: set[socket.socket] = set()
        self._stopped = threading.Event()
        self.requests: list[Request] = []
        # Connections accepted so far.
        self.connections = 0
        # What went wrong in the server itself.
        self.errors: list[BaseException] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        scheme = "http" if tls is None else "https"
        self.url = f"{scheme}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._stopped.set()
        # accept() wakes by a shutdown on Linux, by the connection elsewhere.
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            socket.create_connection(("127.0.0.1", self.port)).close()
        with self._lock:
            for connection in self._open:
                _shutdown(connection)
        for thread in self._threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a connection of the scripted server hangs"
        self._listener.close()
        if self.errors and exc_info[0] is None:
            raise self.errors[0]

    @property
    def last_event_ids(self) -> list[str | None]:
        """The Last-Event-ID of each request."""
        return [request.last_event_id for request in self.requests]

    @property
    def open_connections(self) -> int:
        """Connections that neither side has ended."""
        return len(self._open)

    def wait_closed(self) -> bool:
        """Wait until the clients have closed all connections; False if they do not."""
        deadline = time.monotonic() + PATIENCE
        while self._open and time.monotonic() < deadline:
            time.sleep(0.002)
        return not self._open

    def _start(self, run: Callable[..., None], *args: Any) -> None:
        thread = threading.Thread(target=run, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopped.is_set():
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            if self._stopped.is_set():
                connection.close()
                return
            connection.settimeout(PATIENCE)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                number = self.connections
                self.connections += 1
                self._open.add(connection)
                # Joined at once, so that thousands of connections do not add up.
                self._threads = [thread for thread in self._threads if thread.is_alive()]
            self._start(self._serve, connection, number)

    def _serve(self, plain: socket.socket, number: int) -> None:
        connection = plain
        try:
            if self._accept_delay:
                self._stopped.wait(self._accept_delay)
            script = self._script[min(number, len(self._script) - 1)]
            if self._context is not None:
                # Not wrap_socket's own handshake: on failure it would close what we still hold.
                connection = self._context.wrap_socket(
                    plain, server_side=True, do_handshake_on_connect=False
                )
                with self._lock:
                    self._open.discard(plain)
                    self._open.add(connection)
                connection.do_handshake()
            self._play(connection, script, number)
        except OSError:
            pass  # The client has gone, which is its right.
        except BaseException as exc:
            self.errors.append(exc)
        finally:
            # Closed before it counts as closed, for who counts descriptors then; and at once, so
            # that no end of the server's shuts down a descriptor that is another's by then.
            with self._lock:
                connection.close()
                plain.close()
                self._open.discard(plain)
                self._open.discard(connection)

    def _play(self, connection: socket.socket, script: Connection, number: int) -> None:
        reader = _RequestReader(connection, number)
        request = None
        if callable(script) or script[:1] != ["deaf"]:
            request = reader.read()
            if request is None:
                return
            self.requests.append(request)
        if callable(script):
            assert request is not None
            script = script(request)  # type: ignore[assignment]
        steps: Steps = script  # type: ignore[assignment]
        if self._says_close:
            steps = _saying_close(steps)
        for step in steps:
            if isinstance(step, bytes):
                connection.sendall(step.replace(b"@URL@", self.url.encode()))
            elif isinstance(step, float):
                self._stopped.wait(step)
            elif step == "reset":
                linger = struct.pack("ii", 1, 0)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                return
            elif step == "fin":
                socket.socket.shutdown(connection, socket.SHUT_WR)
                _wait_gone(connection)
            elif step == "hold":
                _wait_gone(connection)
            elif step == "request":
                request = reader.read()
                if request is None:
                    return
                self.requests.append(request)
            elif step == "asked":
                connection.recv(1, socket.MSG_PEEK)
            elif step == "tunnel":
                assert request is not None
                self._tunnel(connection, request.target)
            else:
                assert step == "deaf", step
        if isinstance(connection, ssl.SSLSocket):
            connection.unwrap()
        else:
            # The request may not have been read: closing would reset, and lose what was sent.
            connection.shutdown(socket.SHUT_WR)
            if reader.unread_possible:
                _wait_gone(connection)

    def _tunnel(self, connection: socket.socket, target: str) -> None:
        host, _, port = target.rpartition(":")
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as upstream:
            connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")

            def back() -> None:
                try:
                    _copy(upstream, connection)
                finally:
                    _shutdown(connection)

            thread = threading.Thread(target=back, daemon=True)
            thread.start()
            try:
                _copy(connection, upstream)
            finally:
                _shutdown(upstream)
                thread.join(PATIENCE)


class ClosingServer(Server):
    """A server that says so before it closes, for clients that keep connections."""

    def __init__(self, script: Sequence[Connection], **options: Any) -> None:
        super().__init__(script, says_close=True, **options)


class _RequestReader:
    """Read the requests of one connection."""

    def __init__(self, connection: socket.socket, number: int) -> None:
        self._connection = connection
        self._number = number
        # One buffer that grows: a body of many MiB, added up as bytes, costs its square.
        self._data = bytearray()
        self.unread_possible = True

    def read(self) -> Request | None:
        while b"\r\n\r\n" not in self._data:
            if not self._more():
                return None
        end = self._data.index(b"\r\n\r\n") + 4
        request = Request(bytes(self._data[: end - 4]), b"", self._number)
        del self._data[:end]
        length = int(request.headers.get("content-length", "0"))
        while len(self._data) < length:
            if not self._more():
                return None
        request.body = bytes(self._data[:length])
        del self._data[:length]
        self.unread_possible = False
        return request

    def _more(self) -> bool:
        data = self._connection.recv(65536)
        self._data += data
        return bool(data)


def _saying_close(steps: Steps) -> Iterator[Any]:
    """Generate the steps with "Connection: close" in the first head after the last request.

    What a function generates is not known beforehand: its first head says so.
    """
    left = list(steps).count("request") if isinstance(steps, list) else 0
    said = False
    for step in steps:
        if step == "request":
            left -= 1
        elif isinstance(step, bytes) and step.startswith(b"HTTP/1.1 ") and not left and not said:
            said = True
            first_line, line_end, rest = step.partition(b"\r\n")
            yield first_line + line_end + b"Connection: close\r\n" + rest
            continue
        yield step


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while True:
            data = source.recv(65536)
            if not data:
                return
            target.sendall(data)
    except OSError:
        return


def _wait_gone(connection: socket.socket) -> None:
    while connection.recv(65536):
        pass


def _shutdown(connection: socket.socket) -> None:
    try:
        # Of the plain socket, also for TLS: it wakes whoever reads.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        pass


# --- certificates


@functools.lru_cache(1)
def authority() -> Any:
    """The certificate authority of this test run."""
    trustme = pytest.importorskip(
        "trustme", reason="no certificates: trustme needs cryptography, which PyPy has no wheel of"
    )
    return trustme.CA()


@functools.lru_cache(16)
def _server_context(host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(host).configure_cert(context)
    return context


def trusting_context() -> ssl.SSLContext:
    """Return a client's context that trusts the scripted server."""
    context = ssl.create_default_context()
    authority().configure_trust(context)
    tell_cuts(context)
    return context


# --- what servers say


def head(status: int = 200, *fields: str, content_type: str | None = "text/event-stream") -> bytes:
    """Return a response head."""
    lines = [f"HTTP/1.1 {status} Status"]
    if content_type is not None:
        lines.append(f"Content-Type: {content_type}")
    return ("\r\n".join([*lines, *fields]) + "\r\n\r\n").encode("latin-1")


def chunk(*pieces: bytes) -> bytes:
    """Return one HTTP chunk for each piece."""
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)


LAST_CHUNK = b"0\r\n\r\n"
CHUNKED = "Transfer-Encoding: chunked"


def drip(data: bytes, size: int = 1) -> list[Step]:
    """Return steps that send data in pieces of that size."""
    return [data[pos : pos + size] for pos in range(0, len(data), size)]
