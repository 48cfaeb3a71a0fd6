# SPDX-License-Identifier: MIT
"""The content of a body: its bytes with the Content-Encoding undone, in steps of bounded size.

May import: _headers, errors.
"""

from __future__ import annotations

import zlib

from ..errors import ContentDecodingError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from .._headers import Headers

# Bytes that inflating gives out at a time. A bomb of 1:1000 thus costs no more
# memory than a plain body; its reader may stop whenever it has enough.
INFLATE_STEP = 64 * 1024

# Compressed bytes given to zlib at a time: it copies what it has not used at
# every step, which would be quadratic for a large piece that inflates a lot.
_DEFLATED_STEP = 16 * 1024


class Body:
    """What the bytes of a response's body decode to.

    `begin`, which returns what to go on with: in turn `take` until that is None, and `feed`;
    `close` at the end.

    Args:
        headers: of the response; None where nothing is to be undone.
    """

    __slots__ = ("_headers", "_inflater", "_pieces", "plain")

    def __init__(self, headers: Headers | None) -> None:
        # None once it is known what there is to undo.
        self._headers: Headers | None = headers
        self._inflater: Inflater | None = None
        # What the bytes fed last inflate to, in small steps; None in between.
        self._pieces: Iterator[bytes] | None = None
        # Nothing is to be undone: who has bytes may take them as they are.
        self.plain: bool = headers is None

    @property
    def untouched(self) -> bool:
        """Whether nothing has been asked of it, and nothing would have to be undone."""
        return self._headers is not None and "Content-Encoding" not in self._headers

    @property
    def begun(self) -> bool:
        """Whether `begin` has been called."""
        return self._headers is None

    def begin(self, empty: bool) -> Body:
        """Find out what is to be undone, not before: a response that is refused keeps its status.

        Return the body from then on, which is the same one for all that are plain: most are,
        and not each open stream need hold its own (benchmarks/claude_clients.py).

        Args:
            empty: there is no body, as after HEAD; its encoding does not matter then.

        Raises:
            ContentDecodingError: an encoding other than gzip and deflate; it has not begun then.
        """
        if self._headers is not None:
            self._inflater = None if empty else make_inflater(self._headers)
            if self._inflater is None:
                return _PLAIN
            self._headers = None
        return self

    def feed(self, data: bytes) -> None:
        """Have more bytes of the body decoded by `take`; not for a body that is plain."""
        assert self._inflater is not None
        self._pieces = self._inflater.feed(data)

    def take(self) -> bytes | None:
        """Return the next piece, of at most 64 KiB; None where more bytes are needed for one.

        Raises:
            ContentDecodingError: the data is damaged.
        """
        if self._pieces is not None:
            for piece in self._pieces:
                return piece
            self._pieces = None
        return None

    def close(self) -> None:
        """Note the end of the body.

        Raises:
            ContentDecodingError: it ends in the middle; also when asked again, so that
                what was cut never looks whole.
        """
        if self._inflater is not None:
            self._inflater.close()


# Shared by all; nothing of it changes.
_PLAIN = Body(None)


# The registered content codings (IANA, HTTP Content Coding Registry) but for identity. Bytes of
# one that cannot be undone here are no text, and to parse them would find nothing in them.
_CODINGS = frozenset(
    (
        *("aes128gcm", "br", "compress", "dcb", "dcz", "deflate", "exi", "gzip"),
        *("pack200-gzip", "x-compress", "x-gzip", "zstd"),
    )
)


def make_inflater(headers: Headers) -> Inflater | None:
    """Return what undoes the Content-Encoding of a body; None where there is nothing to undo.

    A name that no registered coding has, such as none, utf-8 or identity, changes nothing: the
    bytes are taken as they are, as browsers do (Fetch, "handle content codings").

    Raises:
        ContentDecodingError: a registered coding other than gzip and deflate, or several.
    """
    fields = ",".join(headers.get_all("Content-Encoding")).lower()
    codings = [name for name in map(str.strip, fields.split(",")) if name in _CODINGS]
    return Inflater(", ".join(codings)) if codings else None


class Inflater:
    """Undo gzip or deflate (zlib or raw) of a body that comes in pieces.

    Args:
        encoding: "gzip", "x-gzip" or "deflate".

    Raises:
        ContentDecodingError: another encoding.
    """

    __slots__ = ("_between", "_encoding", "_ended", "_gzip", "_stream", "_undecided")

    def __init__(self, encoding: str) -> None:
        if encoding not in ("gzip", "x-gzip", "deflate"):
            raise ContentDecodingError(encoding, "not supported", False)
        self._encoding = encoding
        self._gzip = encoding != "deflate"
        # The current zlib stream; None before the first byte of one is complete enough to tell.
        self._stream: Any = None
        # Bytes that came before it could be told what they begin.
        self._undecided = b""
        # A gzip member has ended: another may follow, anything else is ignored as browsers do.
        self._between = False
        self._ended = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Generate what `data` inflates to, in pieces of at most 64 KiB.

        Exhaust it before the next `feed`.

        Raises (while iterating):
            ContentDecodingError: the data is damaged; zlib's error is the cause.
        """
        for start in range(0, len(data), _DEFLATED_STEP):
            rest = data[start : start + _DEFLATED_STEP]
            full = False
            # A full piece may mean that zlib still holds output, its input all taken.
            while (rest or full) and not self._ended:
                if self._stream is None:
                    rest = self._begin(rest)
                    full = False
                    continue
                # zlib gives nothing of a call that meets damage, also not what came before it.
                before = self._stream.copy()
                try:
                    piece = self._stream.decompress(rest, INFLATE_STEP)
                except zlib.error as exc:
                    piece = _undamaged(before, rest)
                    if piece:
                        yield piece
                    raise ContentDecodingError(
                        self._encoding, f"the body is damaged ({exc})"
                    ) from exc
                full = len(piece) == INFLATE_STEP
                rest = self._stream.unconsumed_tail
                if self._stream.eof:
                    rest = self._stream.unused_data
                    full = False
                    self._stream = None
                    self._between = True
                    self._ended = not self._gzip
                if piece:
                    yield piece

    def close(self) -> None:
        """Note the end of the body.

        Raises:
            ContentDecodingError: it ends in the middle. A body of no bytes at all is none.
        """
        if self._stream is not None or (self._undecided and not self._between):
            raise ContentDecodingError(self._encoding, "the body is cut short")

    def _begin(self, data: bytes) -> bytes:
        """Start a zlib stream once its first two bytes are there; return what it is to get."""
        data = self._undecided + data
        if len(data) < 2:
            self._undecided = data
            return b""
        self._undecided = b""
        if self._gzip:
            if self._between and data[:2] != b"\x1f\x8b":
                self._ended = True
                return b""
            self._stream = zlib.decompressobj(16 + zlib.MAX_WBITS)
        else:
            # RFC 9110 means zlib by "deflate"; some servers send the bare format.
            is_zlib = data[0] & 15 == 8 and (data[0] * 256 + data[1]) % 31 == 0
            self._stream = zlib.decompressobj(zlib.MAX_WBITS if is_zlib else -zlib.MAX_WBITS)
        self._between = False
        return data


def _undamaged(stream: Any, data: bytes) -> bytes:
    """Return what `data` inflates to before its first damaged byte, which it has."""
    out = bytearray()
    try:
        for byte in data:
            out += stream.decompress(bytes((byte,)))
    except zlib.error:
        pass
    return bytes(out)
