"""Read the common deltas of a Claude stream without a full JSON parse.

The payloads of a block differ in one string and in padding. What stands before
and after that string is learned from one payload, by a probe: json's own parser
reads it with a marker in the string's place. From then on a payload with the
same text around its string must mean the same, and the string is read by json's
own scanner. Whatever does not fit gives None and is left to json.loads.
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

_TEXT_KEYS = frozenset(_KEYS.values())

# So many templates are kept: more than one block is rarely open, and a block
# has at most two kinds of delta.
_TEMPLATES = 4
# Usual ones take 80 characters; a peer must not make us keep megabytes.
_MAX_TEMPLATE = 256
# Tails that differ by their padding, kept for each template.
_MAX_TAILS = 64
# Three members, one of them an object of two, are so many strings.
_STRINGS = 8

_MARKER = "marker"


def _plain_int(digits: str) -> int | None:
    return int(digits) if digits.isdigit() and len(digits) <= 9 else None


# Objects come out as tuples of pairs, so that a key that is there twice shows.
_probe = JSONDecoder(object_pairs_hook=tuple, parse_int=_plain_int).decode


class _Template:
    """What stands around the string of a block's deltas, and what it says of them."""

    __slots__ = ("core", "index", "kind", "prefix", "start", "tails")

    def __init__(self, prefix: str, tail: str, index: int, kind: str) -> None:
        # Up to the quote before the string.
        self.prefix = prefix
        self.start = len(prefix)
        # What came after the quote behind the string.
        self.tails = {tail}
        # A tail without its padding and last brace; None if it does not end in a brace.
        self.core = tail[:-1].rstrip(" ") if tail.endswith("}") else None
        self.index = index
        self.kind = kind

    def fits(self, tail: str) -> bool:
        """Say whether a tail, not seen before, differs by its padding only."""
        # Spaces before the brace that ends the document mean nothing.
        if self.core is None or not tail.endswith("}") or tail[:-1].rstrip(" ") != self.core:
            return False
        if len(self.tails) < _MAX_TAILS and len(tail) <= _MAX_TEMPLATE:
            self.tails.add(tail)
        return True


class DeltaDecoder:
    """Decode text, input_json, thinking and signature deltas, one stream's at a time.

    It remembers what the payloads of the stream look like; that changes its
    speed only, never a result.
    """

    __slots__ = ("__weakref__", "_last", "_templates")

    def __init__(self) -> None:
        # No payload fits this one: nothing is among its tails.
        self._last = _Template("", "", 0, "")
        self._last.tails.clear()
        self._templates: list[_Template] = []

    def decode(self, data: str) -> tuple[int, str, str] | None:
        """Return index, type and text of a delta; None to have json.loads decide.

        A delta is returned only if json.loads gives an object of `type`
        "content_block_delta", an `index` of at most nine digits and a `delta`
        of its type and text, without any other or repeated key.
        """
        template = self._last
        if data.startswith(template.prefix):
            try:
                text, end = scanstring(data, template.start)
            except ValueError:
                return self._decode_other(data)
            if data[end:] in template.tails:
                return template.index, template.kind, text
        return self._decode_other(data)

    def run(self, events: list[ServerSentEvent], start: int, index: int, kind: str) -> list[str]:
        """Return the texts of the consecutive deltas of one block and kind from events[start] on.

        It ends before the first event that `decode` would not give so, or whose
        event type is neither "content_block_delta" nor "message".
        """
        texts: list[str] = []
        template = self._last
        prefix, skip, tails = template.prefix, template.start, template.tails
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
                    if template.index != index or template.kind != kind:
                        break
                    texts.append(text)
                    continue
            decoded = self._decode_other(data)
            if decoded is None or decoded[0] != index or decoded[1] != kind:
                break
            texts.append(decoded[2])
            template = self._last
            prefix, skip, tails = template.prefix, template.start, template.tails
        return texts

    def _decode_other(self, data: str) -> tuple[int, str, str] | None:
        """Decode what is not like the payload before."""
        for template in self._templates:
            if data.startswith(template.prefix):
                try:
                    text, end = scanstring(data, template.start)
                except ValueError:
                    return None  # as json.loads would, which gets there in the same way
                tail = data[end:]
                if tail in template.tails or template.fits(tail):
                    self._last = template
                    return template.index, template.kind, text
        return self._learn(data)

    def _learn(self, data: str) -> tuple[int, str, str] | None:
        """Decode a payload of a new look and remember that look."""
        if '"content_block_delta"' not in data:
            return None
        before = ""
        end = 0
        try:
            for _ in range(_STRINGS):
                quote = data.find('"', end)
                if quote < 0:
                    return None
                text, end = scanstring(data, quote + 1)
                if before in _TEXT_KEYS:
                    template = _make_template(data[: quote + 1], data[end:])
                    if template is not None:
                        if len(template.prefix) + len(data) - end <= _MAX_TEMPLATE:
                            self._remember(template)
                        return template.index, template.kind, text
                before = text
        except (ValueError, RecursionError):
            pass
        return None

    def _remember(self, template: _Template) -> None:
        if len(self._templates) == _TEMPLATES:
            del self._templates[-1]
        self._templates.insert(0, template)
        self._last = template


def _make_template(prefix: str, tail: str) -> _Template | None:
    """Return the template of payloads with these ends; None if they are not plain deltas.

    Raises:
        ValueError, RecursionError: json cannot parse it.
    """
    if "\\" in prefix or "\\" in tail:
        return None  # the twin reads keys and types as they are written
    pairs: Any = _probe(f'{prefix}{_MARKER}"{tail}')
    if type(pairs) is not tuple or len(pairs) != 3:
        return None
    event = dict(pairs)
    delta = event.get("delta")
    index = event.get("index")
    if type(delta) is not tuple or len(delta) != 2 or type(index) is not int:
        return None
    fields = dict(delta)
    kind = fields.get("type")
    if (
        event.get("type") != "content_block_delta"
        or type(kind) is not str
        or kind not in _KEYS
        or fields.get(_KEYS[kind]) != _MARKER
    ):
        return None
    return _Template(prefix, tail, index, kind)
