# SPDX-License-Identifier: MIT
"""Read the common deltas of a Claude stream without a full JSON parse.

The payloads of a block differ in one string and in padding. What stands before
and after that string, the look, is learned from one payload that json's own
parser has read. From then on a payload with the same text around its string must
mean the same, and the string is read by json's own scanner. Whatever does not
fit gives None and is left to json.loads.
May import: _json, _scanstring.
"""

from __future__ import annotations

from json.decoder import JSONDecoder

from ._json import DELTA_KEYS as _KEYS
from ._scanstring import scanstring

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any

    from ..event import ServerSentEvent

# Bumped with any change of behaviour; the compiled twin repeats it as a literal.
DELTA_CONTRACT = 1

# How the API writes an empty one of each kind; the compiled twin knows these looks already.
USUAL = [
    f'{{"type":"content_block_delta","index":0,"delta":{{"type":"{kind}","{key}":""}}}}'
    for kind, key in _KEYS.items()
]

# So many looks are kept. A block has one, seldom two; of a server that writes its
# keys in any order it has twelve (`python -m benchmarks.delta`: any order).
LOOKS = 16
# Usual ones take 80 characters; a peer must not make us keep megabytes.
MAX_LOOK = 256
# Tails that differ by their padding, kept for each look.
_MAX_TAILS = 64
# A plain delta is eight strings: five keys and three values.
QUOTES = 16
MAX_INDEX = 10**9


# Objects come out as tuples of pairs, so that a key that is there twice shows.
_pairs = JSONDecoder(object_pairs_hook=tuple).decode


class Look:
    """What stands around the string of a block's deltas, and what it says of them."""

    __slots__ = ("brace", "core", "index", "kind", "prefix", "start", "tails")

    def __init__(self, prefix: str, tail: str, index: int, kind: str) -> None:
        # Up to the quote before the string.
        self.prefix = prefix
        self.start = len(prefix)
        # What came after the quote behind the string.
        self.tails = {tail}
        # A tail that ends in a brace may have padding before it, which means nothing;
        # the core is the tail without the two.
        self.brace = tail.endswith("}")
        self.core = tail[:-1].rstrip(" ") if self.brace else tail
        self.index = index
        self.kind = kind

    def fits(self, tail: str) -> bool:
        """Say whether a tail, not seen before, differs by its padding only."""
        if not self.brace or not tail.endswith("}") or tail[:-1].rstrip(" ") != self.core:
            return False
        if len(self.tails) < _MAX_TAILS and len(tail) <= MAX_LOOK:
            self.tails.add(tail)
        return True


class DeltaDecoder:
    """Decode text, input_json, thinking and signature deltas, one stream's at a time.

    It remembers what the payloads of the stream look like; that changes its
    speed only, never a result.
    """

    __slots__ = ("__weakref__", "_last", "_looks")

    def __init__(self) -> None:
        # No payload fits this one: nothing is among its tails.
        self._last = Look("", "", 0, "")
        self._last.tails.clear()
        self._looks: list[Look] = []

    def decode(self, data: str) -> tuple[int, str, str] | None:
        """Return index, type and text of a delta; None to have json.loads decide.

        A delta is returned only if json.loads gives an object of `type`
        "content_block_delta", an `index` of at most nine digits and a `delta`
        of its type and text, without any other or repeated key.
        """
        look = self._last
        if data.startswith(look.prefix):
            try:
                text, end = scanstring(data, look.start)
            except ValueError:
                return self._decode_other(data)
            if data[end:] in look.tails:
                return look.index, look.kind, text
        return self._decode_other(data)

    def run(self, events: list[ServerSentEvent], start: int, index: int, kind: str) -> list[str]:
        """Return the texts of the consecutive deltas of one block and kind from events[start] on.

        It ends before the first event that `decode` would not give so, or whose
        event type is neither "content_block_delta" nor "message".
        """
        texts: list[str] = []
        look = self._last
        prefix, skip, tails = look.prefix, look.start, look.tails
        known = "content_block_delta"
        # A copy: a list may be changed by others while it is walked.
        for event in events[start:]:
            name = event.event
            if name != known:
                if name != "content_block_delta" and name != "message":
                    break  # an "error" is one whatever its data says
                known = name
            data = event.data
            if data.startswith(prefix):
                try:
                    text, end = scanstring(data, skip)
                except ValueError:
                    break
                if data[end:] in tails:
                    if look.index != index or look.kind != kind:
                        break
                    texts.append(text)
                    continue
            decoded = self._decode_other(data)
            if decoded is None or decoded[0] != index or decoded[1] != kind:
                break
            texts.append(decoded[2])
            look = self._last
            prefix, skip, tails = look.prefix, look.start, look.tails
        return texts

    def _decode_other(self, data: str) -> tuple[int, str, str] | None:
        """Decode what is not like the payload before."""
        for look in self._looks:
            if data.startswith(look.prefix):
                try:
                    text, end = scanstring(data, look.start)
                except ValueError:
                    return None  # as json.loads would, which gets there in the same way
                tail = data[end:]
                if tail in look.tails or look.fits(tail):
                    self._last = look
                    return look.index, look.kind, text
        learned = learn(data)
        if learned is None:
            return None
        look, text = learned
        if look.start + len(look.core) <= MAX_LOOK:
            del self._looks[LOOKS - 1 :]
            self._looks.insert(0, look)
            self._last = look
        return look.index, look.kind, text


def learn(data: str) -> tuple[Look, str] | None:
    """Return the look of a payload and its text; None if it is no plain delta."""
    if '"content_block_delta"' not in data:
        return None
    # A server that adds a key to each delta should not pay for a parse that is in vain.
    if "\\" not in data and data.count('"') != QUOTES:
        return None
    try:
        delta = _plain_delta(data)
        if delta is None:
            return None
        index, kind, text = delta
        # Of all strings of a plain delta only its key is just this; in the text it
        # would have a backslash before its last quote.
        key = data.index(f'"{_KEYS[kind]}"')
        quote = data.index('"', key + len(_KEYS[kind]) + 2)
        scanned, end = scanstring(data, quote + 1)
    except (ValueError, RecursionError):
        return None
    prefix, tail = data[: quote + 1], data[end:]
    # No server escapes its keys; and an index of -0 is not to be told from 0 otherwise.
    if scanned != text or "\\" in prefix or "\\" in tail or "-" in prefix or "-" in tail:
        return None
    return Look(prefix, tail, index, kind), text


def _plain_delta(data: str) -> tuple[int, str, str] | None:
    """Return what json's own parser says of a payload; None if it is no plain delta.

    Raises:
        ValueError, RecursionError: it cannot parse it.
    """
    pairs: Any = _pairs(data)
    if type(pairs) is not tuple or len(pairs) != 3:
        return None
    event = dict(pairs)
    index, delta = event.get("index"), event.get("delta")
    if type(index) is not int or not 0 <= index < MAX_INDEX:
        return None
    if type(delta) is not tuple or len(delta) != 2:
        return None
    fields = dict(delta)
    kind = fields.get("type")
    if event.get("type") != "content_block_delta" or type(kind) is not str or kind not in _KEYS:
        return None
    text = fields.get(_KEYS[kind])
    return (index, kind, text) if type(text) is str else None
