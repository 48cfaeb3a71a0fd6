# SPDX-License-Identifier: MIT
# cython: language_level=3
# cython: freethreading_compatible=True
"""The compiled twin of _partial_json_py, which is its specification.

It keeps the same state under the same names, so that a pickle of either is read by the
other. A string is read by _string.h; what a fragment's end cuts is told by the patterns
of the specification. Only characters are read without a check of bounds, never what a
caller holds and may have changed: the containers of the value.
May import: _json, _partial_json_py.
"""

cimport cython
from cpython.unicode cimport PyUnicode_FromObject

from copyreg import __newobj__ as new_object

from ._json import MAX_DEPTH, MISSING
from ._partial_json_py import MAX_PIECES, MAX_SHOWN, WORDS, cut_escape, cut_low_escape

cdef extern from *:
    Py_UCS4 PyUnicode_READ_CHAR(object, Py_ssize_t) noexcept

cdef extern from "_string.h":
    ctypedef struct Run "ssewire_run":
        Py_ssize_t stop
    void ssewire_read_str(object, Py_ssize_t, Run *) noexcept
    object ssewire_run_text(object, const Run *)

# Equal to PARTIAL_JSON_CONTRACT in _partial_json_py when this was compiled; _choice's function
# compares them.
CONTRACT = 1

cdef Py_ssize_t max_depth = MAX_DEPTH
cdef Py_ssize_t max_pieces = MAX_PIECES
cdef Py_ssize_t max_shown = MAX_SHOWN
cdef object missing = MISSING
cdef dict words = WORDS
cdef object is_cut = cut_escape
cdef object is_cut_low = cut_low_escape

# What may come next.
cdef enum:
    VALUE = 1
    KEY = 2
    COLON = 4
    COMMA = 8
    CLOSE = 16

# What is unfinished.
cdef enum:
    NONE = 0
    STRING = 1
    NUMBER = 2

# Where a number is, in the order of their names, which pickles have.
cdef enum State:
    START
    MINUS
    ZERO
    INT
    POINT
    FRACTION
    E
    SIGN
    EXPONENT

cdef tuple state_names = (
    "start", "minus", "zero", "int", "point", "fraction", "e", "sign", "exponent"
)


# twin: _NUMBERS
cdef int following(int state, Py_UCS4 char) noexcept:
    # Return the next state, -1 if the number cannot go on so.
    cdef bint digit = u"0" <= char <= u"9"
    if state == START or state == MINUS:
        if char == u"-" and state == START:
            return MINUS
        return ZERO if char == u"0" else INT if digit else -1
    if digit:
        if state == INT or state == FRACTION:
            return state
        return -1 if state == ZERO else FRACTION if state == POINT else EXPONENT
    if char == u"." and (state == ZERO or state == INT):
        return POINT
    if (char == u"e" or char == u"E") and (state == ZERO or state == INT or state == FRACTION):
        return E
    return SIGN if state == E and (char == u"+" or char == u"-") else -1


# twin: _ENDS
cdef inline bint may_end(int state) noexcept:
    return state == ZERO or state == INT or state == FRACTION or state == EXPONENT


cdef inline bint is_high(Py_UCS4 char) noexcept:
    return 0xD800 <= char <= 0xDBFF


cdef class PartialJSON:
    """PartialJSON(mode='A')\n--\n
    Parse one JSON document in fragments cut anywhere; show what is known of it.

    In mode "A" a string shows up when it is complete, in mode "B" it grows as
    it comes, without a half escape or surrogate pair at its end. In both a
    container shows up when it opens, a number as soon as it could end, and
    true, false and null when they are complete.

    A container nested deeper than MAX_DEPTH is an error, as is all that is not JSON.

    Raises:
        ValueError: another mode.
    """

    cdef bint _grows, _is_key, _shown
    cdef int _expected, _token, _number
    cdef Py_ssize_t _size, _known_size, _read
    cdef object _top, _container, _known, _old, _error
    cdef list _stack, _chunks, _pieces
    cdef str _key, _unread

    def __cinit__(self, *args, **options):
        self._begin()

    def __init__(self, mode="A"):
        if mode not in ("A", "B"):
            raise ValueError(f"mode must be 'A' or 'B', not {mode!r}")
        with cython.critical_section(self):
            self._begin()
            self._grows = mode == "B"

    # twin: PartialJSON.__init__
    cdef int _begin(self) except -1:
        self._grows = self._is_key = self._shown = False
        self._expected = VALUE
        self._token = NONE
        self._number = START
        self._size = self._known_size = self._read = 0
        self._top = self._known = self._old = missing
        self._container = self._error = None
        self._stack = []
        self._chunks = []
        self._pieces = []
        self._key = self._unread = ""
        return 0

    def __reduce_ex__(self, protocol):
        return new_object, (type(self),), (None, self._state())

    def __reduce__(self):
        return self.__reduce_ex__(2)

    def __setstate__(self, state):
        with cython.critical_section(self):
            self._set_state(state[1])

    cdef dict _state(self):
        with cython.critical_section(self):
            return {
                "_chunks": self._chunks, "_container": self._container, "_error": self._error,
                "_expected": self._expected, "_grows": self._grows, "_is_key": self._is_key,
                "_key": self._key, "_known": self._known, "_known_size": self._known_size,
                "_number": state_names[self._number], "_old": self._old, "_padded": "",
                "_pieces": self._pieces, "_read": self._read, "_shown": self._shown,
                "_size": self._size, "_stack": self._stack, "_token": self._token,
                "_top": self._top, "_unread": self._unread,
            }

    cdef int _set_state(self, dict state) except -1:
        self._chunks = state["_chunks"]
        self._container = state["_container"]
        self._error = state["_error"]
        self._expected = state["_expected"]
        self._grows = state["_grows"]
        self._is_key = state["_is_key"]
        self._key = state["_key"]
        self._known = state["_known"]
        self._known_size = state["_known_size"]
        self._number = state_names.index(state["_number"])
        self._old = state["_old"]
        self._pieces = state["_pieces"]
        self._read = state["_read"]
        self._shown = state["_shown"]
        self._size = state["_size"]
        self._stack = state["_stack"]
        self._token = state["_token"]
        self._top = state["_top"]
        self._unread = state["_unread"]
        return 0

    @property
    def value(self):
        """The value so far, live: later fragments change it. MISSING while there is none.

        After an invalid character it stays as it was before that character.
        Cost: what came since it was read last. A string that grows is copied
        as a whole if the caller keeps the one of the time before.
        """
        with cython.critical_section(self):
            return self._value()

    # twin: PartialJSON.value
    cdef object _value(self):
        if self._token == NUMBER:
            self._show_number()
        elif self._token == STRING and self._grows and not self._is_key:
            self._show_string()
        return self._top

    @property
    def error(self):
        """What is wrong with the document: set at its first invalid character."""
        with cython.critical_section(self):
            return self._error

    @property
    def complete(self):
        """Whether what has come is a whole document; of a lone number more may come."""
        with cython.critical_section(self):
            if self._error is not None or self._container is not None:
                return False
            if self._token == NUMBER:
                return self._value() is not missing
            return self._expected == 0

    def feed(self, fragment):
        """Take the next characters. Content never raises; after an error it is ignored.

        Cost: linear in the fragment's length.
        """
        if not fragment:
            return
        # A str of a class of its own is copied into an ordinary one.
        if type(fragment) is not str:
            fragment = PyUnicode_FromObject(fragment)
        with cython.critical_section(self):
            if self._error is None:
                self._feed(<str>fragment)

    # twin: PartialJSON.feed
    cdef int _feed(self, str fragment) except -1:
        cdef Py_ssize_t pos = 0
        if self._unread:
            fragment = self._join_unread(fragment)
        if self._token == STRING:
            pos = self._scan_string(fragment, 0)
        elif self._token == NUMBER:
            if self._shown:
                self._take_back()
            pos = self._scan_number(fragment, 0)
        if pos < len(fragment):
            self._scan(fragment, pos)
        self._read += len(fragment) - len(self._unread)
        return 0

    # twin: PartialJSON._join_unread
    cdef str _join_unread(self, str fragment):
        cdef str unread = self._unread
        cdef Py_UCS4 high = PyUnicode_READ_CHAR(unread, 0), low = PyUnicode_READ_CHAR(fragment, 0)
        self._unread = ""
        if len(unread) == 1 and is_high(high) and 0xDC00 <= low <= 0xDFFF:
            return chr(0x10000 + ((<int>high - 0xD800) << 10) + <int>low - 0xDC00) + fragment[1:]
        return unread + fragment

    # twin: PartialJSON._scan
    cdef int _scan(self, str text, Py_ssize_t pos) except -1:
        cdef Py_ssize_t size = len(text)
        cdef Py_UCS4 char
        cdef int expected
        cdef bint is_object
        cdef object container
        while pos < size:
            char = PyUnicode_READ_CHAR(text, pos)
            expected = self._expected
            if char == u" " or char == u"\t" or char == u"\n" or char == u"\r":
                pos += 1
            elif char == u'"':
                if not expected & (VALUE | KEY):
                    return self._fail(pos)
                self._token = STRING
                self._is_key = expected & KEY != 0
                pos = self._scan_string(text, pos + 1)
            elif char == u",":
                if not expected & COMMA:
                    return self._fail(pos)
                self._expected = KEY if type(self._container) is dict else VALUE
                pos += 1
            elif char == u":":
                if expected != COLON:
                    return self._fail(pos)
                self._expected = VALUE
                pos += 1
            elif char == u"{" or char == u"[":
                if not expected & VALUE:
                    return self._fail(pos)
                if len(self._stack) == max_depth:
                    return self._fail(pos, f"JSON nested deeper than {max_depth} levels")
                is_object = char == u"{"
                container = {} if is_object else []
                self._put(container)
                self._stack.append(self._container)
                self._container = container
                self._expected = (KEY if is_object else VALUE) | CLOSE
                pos += 1
            elif char == u"}" or char == u"]":
                is_object = char == u"}"
                if not expected & CLOSE or (type(self._container) is dict) != is_object:
                    return self._fail(pos)
                self._container = self._stack.pop()
                self._expected = 0 if self._container is None else COMMA | CLOSE
                pos += 1
            elif not expected & VALUE:
                return self._fail(pos)
            elif u"0" <= char <= u"9" or (
                char == u"-" and pos + 1 < size and PyUnicode_READ_CHAR(text, pos + 1) != u"I"
            ):
                self._token = NUMBER
                self._number = START
                pos = self._scan_number(text, pos)
            elif chr(char) in words:
                pos = self._scan_word(text, pos)
            else:
                return self._fail(pos)
        return 0

    # twin: PartialJSON._fail
    cdef int _fail(self, Py_ssize_t pos, str what="invalid JSON") except -1:
        self._error = ValueError(f"{what} at character {self._read + pos}")
        return 0

    # twin: PartialJSON._put
    cdef int _put(self, object value) except -1:
        if self._container is None:
            self._top = value
            self._expected = 0
            return 0
        self._set(value)
        self._expected = COMMA | CLOSE
        return 0

    cdef int _set(self, object value) except -1:
        # Put a value into the innermost container.
        container = self._container
        if type(container) is dict:
            (<dict>container)[self._key] = value
        else:
            (<list?>container).append(value)
        return 0

    # twin: PartialJSON._scan_word
    cdef Py_ssize_t _scan_word(self, str text, Py_ssize_t pos) except -1:
        cdef Py_ssize_t size = len(text), i
        cdef str word
        word, value = words[text[pos]]
        for i in range(1, min(size - pos, len(word))):
            if PyUnicode_READ_CHAR(text, pos + i) != PyUnicode_READ_CHAR(word, i):
                self._fail(pos + i)
                return size
        if size - pos < len(word):
            self._unread = text[pos:]
            return size
        self._put(value)
        return pos + len(word)

    # twin: PartialJSON._scan_number
    cdef Py_ssize_t _scan_number(self, str text, Py_ssize_t pos) except -1:
        cdef Py_ssize_t size = len(text), start = pos
        cdef int state = self._number, after
        while pos < size:
            after = following(state, PyUnicode_READ_CHAR(text, pos))
            if after < 0:
                break
            state = after
            pos += 1
        self._number = state
        self._add(text[start:pos])
        if pos == size:
            return size
        if not may_end(state):
            self._fail(pos)
            return size
        try:
            value = self._number_value()
        except ValueError as exc:
            self._error = ValueError(str(exc))  # too long an integer
            return size
        self._end_token()
        self._put(value)
        return pos

    # twin: PartialJSON._number_value
    cdef object _number_value(self):
        digits = self._joined()
        return int(digits) if self._number == INT or self._number == ZERO else float(digits)

    # twin: PartialJSON._scan_string
    # twin: PartialJSON._scan_escaped
    cdef Py_ssize_t _scan_string(self, str text, Py_ssize_t pos) except -1:
        cdef Py_ssize_t size = len(text), end, cut
        cdef bint half
        cdef Run run
        cdef str piece
        ssewire_read_str(text, pos, &run)
        piece = ssewire_run_text(text, &run)
        end = run.stop
        if end < size and PyUnicode_READ_CHAR(text, end) == u'"':
            self._finish_string(piece)
            return end + 1
        half = len(piece) > 0 and is_high(PyUnicode_READ_CHAR(piece, len(piece) - 1))
        cut = size
        if end < size:
            if PyUnicode_READ_CHAR(text, end) != u"\\" or is_cut(text, end) is None:
                self._fail(end)
                half = False
            else:
                cut = end
                # The first half of a pair as an escape, before what may be its second one.
                half = (half and not is_high(PyUnicode_READ_CHAR(text, end - 1))
                        and is_cut_low(text, end) is not None)
        if half:
            # As a character, or as an escape.
            cut = end - 1 if is_high(PyUnicode_READ_CHAR(text, end - 1)) else end - 6
            piece = piece[:-1]
        if cut < size:
            self._unread = text[cut:]
        if piece:
            self._add(piece)
        return size

    # twin: PartialJSON._finish_string
    cdef int _finish_string(self, str piece) except -1:
        cdef str text
        if self._shown and not self._is_key:
            self._add(piece)
            self._show_string()
            self._end_token()
            self._expected = COMMA | CLOSE if self._container is not None else 0
            return 0
        text = self._joined() + piece if self._pieces else piece
        self._end_token()
        if self._is_key:
            self._key = text
            self._expected = COLON
        else:
            self._put(text)
        return 0

    # twin: PartialJSON._add
    cdef int _add(self, str piece) except -1:
        self._pieces.append(piece)
        self._size += len(piece)
        if len(self._pieces) > max_pieces:
            self._chunks.append("".join(self._pieces[:-1]))
            del self._pieces[:-1]
        return 0

    # twin: PartialJSON._joined
    cdef str _joined(self):
        if self._chunks:
            return "".join(self._chunks) + "".join(self._pieces)
        return "".join(self._pieces)

    # twin: PartialJSON._end_token
    cdef int _end_token(self) except -1:
        self._token = NONE
        self._shown = False
        self._old = missing
        self._size = 0
        return self._drop_pieces()

    cdef int _drop_pieces(self) except -1:
        if self._pieces:
            self._pieces.clear()
            self._chunks.clear()
        return 0

    # twin: PartialJSON._show_number
    cdef int _show_number(self) except -1:
        cdef int expected = self._expected
        cdef bint long_one = self._size > max_shown
        if self._shown or not may_end(self._number):
            return 0
        if long_one and (
            self._container is not None or self._number == INT or self._number == ZERO
        ):
            return 0
        try:
            value = self._long_value() if long_one else self._number_value()
        except ValueError:
            return 0
        if type(self._container) is dict:
            self._old = (<dict>self._container).get(self._key, missing)
        self._put(value)
        self._expected = expected
        self._shown = True
        return 0

    # twin: PartialJSON._long_value
    cdef object _long_value(self):
        if self._size >= 2 * self._known_size:
            self._known = self._number_value()
            self._known_size = self._size
        return self._known

    # twin: PartialJSON._take_back
    cdef int _take_back(self) except -1:
        container = self._container
        self._shown = False
        if container is None:
            self._top = missing
        elif type(container) is list:
            (<list>container).pop()
        elif self._old is missing:
            del container[self._key]
        else:
            container[self._key] = self._old
        return 0

    # twin: PartialJSON._show_string
    cdef int _show_string(self) except -1:
        cdef int expected = self._expected
        cdef str new, text
        container = self._container
        if not self._shown:
            self._put(self._joined())
            self._expected = expected
            self._shown = True
        elif self._pieces:
            new = self._joined()
            # Appended in place, which takes a str that has no other reference.
            if container is None:
                text = self._top
                self._top = None
                text += new
                self._top = text
            elif type(container) is dict:
                text = (<dict>container)[self._key]
                (<dict>container)[self._key] = None
                text += new
                (<dict>container)[self._key] = text
            else:
                text = container[-1]
                container[-1] = None
                text += new
                container[-1] = text
        return self._drop_pieces()
