# SPDX-License-Identifier: MIT
"""Parse JSON that is still coming: fragments in, live value out.

A push parser without recursion. Containers are put into their parent when they
open, so the value of all that has come is there at any time, and a fragment
costs its own length however long the document is. What is unfinished at a
fragment's end, a number or a string, is shown when the value is read. A
document is valid if json.loads takes it and it is not nested beyond MAX_DEPTH.
May import: _json, _scanstring.
"""

from __future__ import annotations

import re

from ._json import MAX_DEPTH, MISSING, Slotted
from ._scanstring import scanstring

TYPE_CHECKING = False  # importing typing costs more than the rest of the package
if TYPE_CHECKING:
    from typing import Any


# Bumped with any change of behaviour; the compiled twin repeats it as a literal.
PARTIAL_JSON_CONTRACT = 1

# What may come next, white space aside. After the document's end: nothing.
_VALUE = 1
_KEY = 2
_COLON = 4
_COMMA = 8
_CLOSE = 16

# What is unfinished between two fragments; other unfinished things are in `_unread`.
_NONE = 0
_STRING = 1
_NUMBER = 2

# Where a number is: state -> character -> next state. It may end in the states
# of _ENDS; those of _DIGIT_STATES go on with any digit.
_DIGIT_STATES = {"int", "fraction", "exponent"}
_ENDS = _DIGIT_STATES | {"zero"}
_AFTER_INT = {".": "point", "e": "e", "E": "e"}
_NUMBERS: dict[str, dict[str, str]] = {
    "start": {"-": "minus", "0": "zero", **dict.fromkeys("123456789", "int")},
    "minus": {"0": "zero", **dict.fromkeys("123456789", "int")},
    "zero": _AFTER_INT,
    "int": _AFTER_INT,
    "point": dict.fromkeys("0123456789", "fraction"),
    "fraction": {"e": "e", "E": "e"},
    "e": {"+": "sign", "-": "sign", **dict.fromkeys("0123456789", "exponent")},
    "sign": dict.fromkeys("0123456789", "exponent"),
    "exponent": {},
}

WORDS: dict[str, tuple[str, Any]] = {
    "t": ("true", True),
    "f": ("false", False),
    "n": ("null", None),
    "N": ("NaN", float("nan")),
    "I": ("Infinity", float("inf")),
    "-": ("-Infinity", float("-inf")),
}

_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}

# Any: checkers think of None, but each of these three is asked where it matches.
_space: Any = re.compile(r"[ \t\n\r]+").match
_digits: Any = re.compile(r"[0-9]*").match
_plain: Any = re.compile(r'[^"\\\x00-\x1f]*').match
_escape = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\/bfnrt]))').match
_low_escape = re.compile(r"\\u([dD][c-fC-F][0-9a-fA-F]{2})").match
# An escape, and the second one of a pair, as far as a fragment's end lets them come.
cut_escape = re.compile(r"\\(?:u[0-9a-fA-F]{0,3})?\Z").match
cut_low_escape = re.compile(r"(?:\\(?:u(?:[dD](?:[c-fC-F][0-9a-fA-F]?)?)?)?)?\Z").match

# Pieces of a string are joined when so many have come: a short str takes
# several times the memory of its text.
MAX_PIECES = 512
# An unfinished number inside a container is shown up to so many characters, to
# bound what a snapshot costs; Python's own limit for integers is the same. Of one that is the
# whole document the value may be older beyond it.
MAX_SHOWN = 4300


class PartialJSON(Slotted):
    """Parse one JSON document in fragments cut anywhere; show what is known of it.

    In mode "A" a string shows up when it is complete, in mode "B" it grows as
    it comes, without a half escape or surrogate pair at its end. In both a
    container shows up when it opens, a number as soon as it could end, and
    true, false and null when they are complete.

    A container nested deeper than MAX_DEPTH is an error, as is all that is not JSON.

    Raises:
        ValueError: another mode.
    """

    __slots__ = (
        "_chunks",
        "_container",
        "_error",
        "_expected",
        "_grows",
        "_is_key",
        "_key",
        "_known",
        "_known_size",
        "_number",
        "_old",
        "_padded",
        "_pieces",
        "_read",
        "_shown",
        "_size",
        "_stack",
        "_token",
        "_top",
        "_unread",
    )

    def __init__(self, mode: str = "A") -> None:
        if mode not in ("A", "B"):
            raise ValueError(f"mode must be 'A' or 'B', not {mode!r}")
        self._grows = mode == "B"
        self._top: Any = MISSING
        # The innermost open container, and those around it, outermost first.
        self._container: Any = None
        self._stack: list[Any] = []
        # Of the innermost container if it is an object: the key that came last.
        self._key = ""
        self._expected = _VALUE
        # The unfinished token: its text is the slot's if a string is shown there, then
        # _chunks, then _pieces.
        self._token = _NONE
        self._chunks: list[str] = []
        self._pieces: list[str] = []
        # Characters of the unfinished token, as far as it is not in its slot.
        self._size = 0
        # Of a lone number beyond MAX_SHOWN: its value when it was worked out last, and its
        # size then.
        self._known: Any = MISSING
        self._known_size = 0
        self._is_key = False
        self._number = "start"
        # Whether the unfinished token is in its slot, and what it displaced there.
        self._shown = False
        self._old: Any = MISSING
        # The end of the last fragment that makes sense with the next one only: part of a
        # word or of an escape, never longer than two escapes.
        self._unread = ""
        # During `feed`: its text and a quote, once that is needed.
        self._padded = ""
        # Characters of the document that lie before the text being scanned.
        self._read = 0
        self._error: ValueError | None = None

    @property
    def value(self) -> Any:
        """The value so far, live: later fragments change it. MISSING while there is none.

        After an invalid character it stays as it was before that character.
        Cost: what came since it was read last. A string that grows is copied
        as a whole if the caller keeps the one of the time before.
        """
        if self._token:
            if self._token == _NUMBER:
                self._show_number()
            elif self._grows and not self._is_key:
                self._show_string()
        return self._top

    @property
    def error(self) -> ValueError | None:
        """What is wrong with the document: set at its first invalid character."""
        return self._error

    @property
    def complete(self) -> bool:
        """Whether what has come is a whole document; of a lone number more may come."""
        if self._error is not None or self._container is not None:
            return False
        if self._token == _NUMBER:
            return self.value is not MISSING
        return not self._expected

    def feed(self, fragment: str) -> None:
        """Take the next characters. Content never raises; after an error it is ignored.

        Cost: linear in the fragment's length.
        """
        if not fragment or self._error is not None:
            return
        if self._unread:
            fragment = self._join_unread(fragment)
        pos = 0
        if self._token == _STRING:
            pos = self._scan_string(fragment, 0)
        elif self._token == _NUMBER:
            if self._shown:
                self._take_back()
            pos = self._scan_number(fragment, 0)
        if pos < len(fragment):
            self._scan(fragment, pos)
        self._padded = ""
        self._read += len(fragment) - len(self._unread)

    def _join_unread(self, fragment: str) -> str:
        unread = self._unread
        self._unread = ""
        if "\ud800" <= unread <= "\udbff" and "\udc00" <= fragment[0] <= "\udfff":
            # A character that was cut into its surrogates is one again, as where the
            # fragments are joined before they are parsed.
            code = 0x10000 + ((ord(unread) - 0xD800) << 10) + ord(fragment[0]) - 0xDC00
            return chr(code) + fragment[1:]
        return unread + fragment

    def _scan(self, text: str, pos: int) -> None:
        size = len(text)
        while pos < size:
            char = text[pos]
            expected = self._expected
            if char in " \t\n\r":
                pos = _space(text, pos).end()
            elif char == '"':
                if not expected & (_VALUE | _KEY):
                    return self._fail(pos)
                self._token = _STRING
                self._is_key = expected & _KEY != 0
                pos = self._scan_string(text, pos + 1)
            elif char == ",":
                if not expected & _COMMA:
                    return self._fail(pos)
                self._expected = _KEY if type(self._container) is dict else _VALUE
                pos += 1
            elif char == ":":
                if expected != _COLON:
                    return self._fail(pos)
                self._expected = _VALUE
                pos += 1
            elif char == "{" or char == "[":
                if not expected & _VALUE:
                    return self._fail(pos)
                if len(self._stack) == MAX_DEPTH:
                    return self._fail(pos, f"JSON nested deeper than {MAX_DEPTH} levels")
                container: Any = {} if char == "{" else []
                self._put(container)
                self._stack.append(self._container)
                self._container = container
                self._expected = (_KEY if char == "{" else _VALUE) | _CLOSE
                pos += 1
            elif char == "}" or char == "]":
                kind = dict if char == "}" else list
                if not expected & _CLOSE or type(self._container) is not kind:
                    return self._fail(pos)
                self._container = self._stack.pop()
                self._expected = 0 if self._container is None else _COMMA | _CLOSE
                pos += 1
            elif not expected & _VALUE:
                return self._fail(pos)
            elif char in WORDS and (char != "-" or text[pos + 1 : pos + 2] in ("", "I")):
                pos = self._scan_word(text, pos)
            elif char in "-0123456789":
                self._token = _NUMBER
                self._number = "start"
                pos = self._scan_number(text, pos)
            else:
                return self._fail(pos)
        return None

    def _fail(self, pos: int, what: str = "invalid JSON") -> None:
        self._error = ValueError(f"{what} at character {self._read + pos}")

    def _stop(self, text: str, pos: int) -> int:
        self._fail(pos)
        return len(text)

    def _put(self, value: Any) -> None:
        """Put a value where one is expected."""
        container = self._container
        if container is None:
            self._top = value
            self._expected = 0
        else:
            if type(container) is dict:
                container[self._key] = value
            else:
                container.append(value)
            self._expected = _COMMA | _CLOSE

    def _scan_word(self, text: str, pos: int) -> int:
        word, value = WORDS[text[pos]]
        if text.startswith(word, pos):
            self._put(value)
            return pos + len(word)
        size = len(text)
        for i in range(1, size - pos):
            if text[pos + i] != word[i]:
                return self._stop(text, pos + i)
        self._unread = text[pos:]
        return size

    def _scan_number(self, text: str, pos: int) -> int:
        """Take as much of the number as there is; return where it ends."""
        size = len(text)
        start = pos
        state = self._number
        while pos < size:
            if state in _DIGIT_STATES:
                pos = _digits(text, pos).end()
                if pos == size:
                    break
            following = _NUMBERS[state].get(text[pos])
            if following is None:
                break
            state = following
            pos += 1
        self._number = state
        self._add(text[start:pos])
        if pos == size:
            return size
        if state not in _ENDS:
            return self._stop(text, pos)
        try:
            value = self._number_value()
        except ValueError as exc:
            self._error = ValueError(str(exc))  # too long an integer
            return size
        self._end_token()
        self._put(value)
        return pos

    def _number_value(self) -> Any:
        digits = self._joined()
        # As json: an integer if it is written as one.
        return int(digits) if self._number in ("int", "zero") else float(digits)

    def _scan_string(self, text: str, pos: int) -> int:
        """Take as much of the string as there is; return where it ends."""
        size = len(text)
        end: int = _plain(text, pos).end()
        closed = False
        if end == size:
            piece = text[pos:]
        elif text[end] == '"':
            piece = text[pos:end]
            end += 1
            closed = True
        else:
            piece, end, closed = self._scan_escaped(text, pos)
        if closed:
            self._finish_string(piece)
            return end
        if self._error is None and "\ud800" <= piece[-1:] <= "\udbff" and not self._unread:
            # The first half of a pair: as a character, or as an escape.
            self._unread = piece[-1] if text[-1] == piece[-1] else text[-6:]
            piece = piece[:-1]
        if piece:
            self._add(piece)
        return size

    def _scan_escaped(self, text: str, pos: int) -> tuple[str, int, bool]:
        """Return a string with escapes as far as it comes, where that is, and if it ends."""
        size = len(text)
        if not self._padded:
            self._padded = text + '"'
        try:
            # json's scanner does it all at once, unless the text ends within an escape.
            piece, end = scanstring(self._padded, pos)
        except ValueError:
            pass
        else:
            return (piece, end, True) if end <= size else (piece, size, False)
        pieces = []
        while True:
            end = _plain(text, pos).end()
            pieces.append(text[pos:end])
            if end == size:
                break
            found = _escape(text, end)
            if found is None:
                if cut_escape(text, end):
                    self._unread = text[end:]
                else:
                    self._fail(end)
                break
            pos = found.end()
            digits, letter = found.groups()
            if letter:
                pieces.append(_ESCAPES[letter])
                continue
            code = int(digits, 16)
            if 0xD800 <= code <= 0xDBFF:
                low = _low_escape(text, pos)
                if low:
                    pos = low.end()
                    code = 0x10000 + ((code - 0xD800) << 10) + int(low[1], 16) - 0xDC00
                elif cut_low_escape(text, pos):
                    self._unread = text[end:]
                    break
            pieces.append(chr(code))
        return "".join(pieces), size, False

    def _finish_string(self, piece: str) -> None:
        if self._is_key:
            self._key = self._joined() + piece if self._pieces else piece
            self._end_token()
            self._expected = _COLON
        elif self._shown:
            self._add(piece)
            self._show_string()
            self._end_token()
            self._expected = _COMMA | _CLOSE if self._container is not None else 0
        else:
            value = self._joined() + piece if self._pieces else piece
            self._end_token()
            self._put(value)

    def _add(self, piece: str) -> None:
        pieces = self._pieces
        pieces.append(piece)
        self._size += len(piece)
        if len(pieces) > MAX_PIECES:
            # The last one stays, so that no pieces means no text.
            self._chunks.append("".join(pieces[:-1]))
            del pieces[:-1]

    def _joined(self) -> str:
        if self._chunks:
            return "".join(self._chunks) + "".join(self._pieces)
        return "".join(self._pieces)

    def _end_token(self) -> None:
        self._token = _NONE
        self._shown = False
        self._old = MISSING
        self._size = 0
        if self._pieces:
            self._pieces.clear()
            self._chunks.clear()

    def _show_number(self) -> None:
        if self._shown or self._number not in _ENDS:
            return
        container = self._container
        if self._size > MAX_SHOWN and (container is not None or self._number in ("int", "zero")):
            return
        try:
            value = self._long_value() if self._size > MAX_SHOWN else self._number_value()
        except ValueError:
            return
        expected = self._expected
        if type(container) is dict:
            self._old = container.get(self._key, MISSING)
        self._put(value)
        self._expected = expected
        self._shown = True

    def _long_value(self) -> Any:
        """Return the value of a long number, perhaps as of when it was half as long."""
        if self._size >= 2 * self._known_size:
            self._known = self._number_value()
            self._known_size = self._size
        return self._known

    def _take_back(self) -> None:
        self._shown = False
        container = self._container
        if container is None:
            self._top = MISSING
        elif type(container) is list:
            container.pop()
        elif self._old is MISSING:
            del container[self._key]
        else:
            # A repeated key: its earlier value is back until the later one is known.
            container[self._key] = self._old

    def _show_string(self) -> None:
        container = self._container
        if not self._shown:
            text = self._joined()
            expected = self._expected
            self._put(text)
            self._expected = expected
            self._shown = True
        elif self._pieces:
            new = self._joined()
            # CPython appends in place to a str that has no other reference, so it is
            # taken out of its slot for the while.
            if container is None:
                text = self._top
                self._top = None
                text += new
                self._top = text
            else:
                key: Any = self._key if type(container) is dict else -1
                text = container[key]
                container[key] = None
                text += new
                container[key] = text
        else:
            return
        if self._pieces:
            self._pieces.clear()
            self._chunks.clear()
