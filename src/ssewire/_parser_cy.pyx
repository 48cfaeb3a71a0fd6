# SPDX-License-Identifier: MIT
# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: freethreading_compatible=True
"""The compiled twin of _standard and _parser_py, which are its specification.

One pass over the bytes of a chunk finds the line ends. The data of an event
that lies whole in the chunk becomes a str straight from there; only what is
unfinished at the chunk's end is copied, into one of two buffers. No pointer
into a chunk outlives the call of `feed` that got it. `twin:` names what a part is in
Python, where the reasons stand that both have.
May import: _checks, _limits, errors, event.
"""

from cpython.buffer cimport PyObject_CheckBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromObject, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.string cimport memchr, memcmp, memcpy

from sys import maxsize

from ._checks import (
    HALF_FED, check_parser_options, not_bytes, shown_parser, unpicklable, wrong_type,
)
from ._limits import MAX_EVENT_SIZE
from .errors import EventTooLarge, StateError

include "_event_cy.pxi"

cdef extern from "_scan.h":
    ctypedef unsigned char byte "ssewire_byte"
    const bint SSEWIRE_FREE_THREADED
    const byte *ssewire_line_end(const byte *, const byte *, int *) noexcept nogil
    ctypedef struct Line "ssewire_line":
        const byte *start
        Py_ssize_t size
    object ssewire_ascii(const byte *, Py_ssize_t)
    object ssewire_join_ascii(const Line *, int, Py_ssize_t)
    object ssewire_decode(const byte *, Py_ssize_t)
    PyObject *ascii_or_null "ssewire_ascii"(const byte *, Py_ssize_t)
    PyObject *text_or_null "ssewire_decode"(const byte *, Py_ssize_t)

# Equal to PARSER_CONTRACT in _limits when this was compiled; _choice compares them.
CONTRACT = 3

cdef long long MAX_RETRY = 2**31 - 1

cdef enum:
    LF = 10
    CR = 13
    SPACE = 32
    COLON = 58
    # Event types are few: a line that named one before is found again without
    # decoding it (`python -m benchmarks --corpus mixed_types`).
    TYPE_SLOTS = 16
    # Longer event lines are not worth keeping.
    MAX_TYPE_LINE = 128
    # So many data lines of one event are held in place before they are copied.
    HELD_LINES = 32
    # A buffer this large is given back after its event; smaller ones are kept,
    # because the next event will need them again.
    KEPT_BUFFER = 64 * 1024
    # Below this a buffer grows by half, above by an eighth: realloc of large
    # blocks moves pages, not bytes, and a 64 MiB event must not reserve 96.
    LARGE_BUFFER = 1024 * 1024

# What bytearray is to the Python parser.
ctypedef struct Buffer:
    byte *start
    Py_ssize_t skip  # bytes at the start that are no longer part of the content
    Py_ssize_t size
    Py_ssize_t room


cdef int push(Buffer *buffer, const byte *p, Py_ssize_t n) except -1:
    # Append n bytes; one more always fits, for the LF that follows a data line.
    cdef Py_ssize_t needed = buffer.size + n + 1
    cdef Py_ssize_t room
    cdef byte *grown
    if needed > buffer.room:
        room = needed + (needed >> 1 if needed < LARGE_BUFFER else needed >> 3)
        grown = <byte *>PyMem_Realloc(buffer.start, room)
        if grown == NULL:
            raise MemoryError
        buffer.start = grown
        buffer.room = room
    if n:
        memcpy(buffer.start + buffer.size, p, n)
    buffer.size += n
    return 0


# twin: LineParser._process_field
cdef int push_data(Buffer *data, const Line *lines, int count) except -1:
    # Append data lines, each with the LF that follows it.
    cdef int i
    for i in range(count):
        push(data, lines[i].start, lines[i].size)
        data.start[data.size] = LF
        data.size += 1
    return 0


cdef void empty(Buffer *buffer) noexcept:
    buffer.size = buffer.skip = 0
    if buffer.room > KEPT_BUFFER:
        release(buffer)


cdef void release(Buffer *buffer) noexcept:
    PyMem_Free(buffer.start)
    buffer.start = NULL
    buffer.size = buffer.skip = buffer.room = 0


# What is known of the unfinished event while a chunk is being read. The functions that
# take it are inline ones below the class and not methods, which the compiler does not
# make part of their caller: a twelfth of the time (`python -m benchmarks --corpus small`).
# twin: LineParser._drop_event
ctypedef struct Block:
    # Its data lines, while all of them are in this chunk; there is room for HELD_LINES.
    Line *held
    int count
    # A byte of them is not ASCII.
    int high
    # Bytes of its data, wherever they are, each line with its LF.
    Py_ssize_t collected
    # The event type buffer, NULL when empty; borrowed from _event_type, _type_name
    # or the table. Counting references to the few objects that all events share
    # takes about as long as finding the line ends (corpus claude).
    PyObject *event_type


# twin: LineParser._process_field
cdef inline bint is_data(const Line *line) noexcept:
    return (
        line.size >= 4 and memcmp(line.start, <const char *>b"data", 4) == 0
        and (line.size == 4 or line.start[4] == COLON)
    )


# twin: Comment
cdef class Comment:
    """Comment(text)\n--\n
    A comment line; `text` is all that stood after its colon, a leading space included.

    Read-only, hashable, comparable by value.

    Raises:
        TypeError: text is not a str.
    """

    cdef readonly str text

    __match_args__ = ("text",)

    def __init__(self, text):
        self.text = _exact_str("text", text)

    def __eq__(self, other):
        if not isinstance(other, Comment):
            return NotImplemented
        return self.text == (<Comment>other).text

    def __hash__(self):
        return hash((Comment, self.text))

    def __repr__(self):
        return f"Comment({self.text!r})"

    def __setattr__(self, name, value):
        raise AttributeError(f"Comment is read-only: cannot set {name!r}")

    def __delattr__(self, name):
        raise AttributeError(f"Comment is read-only: cannot delete {name!r}")

    def __reduce__(self):
        from .event import _restore_comment
        return _restore_comment, (self.text,)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


# twin: Parser._heads
cdef list new_types():
    # At 2 * n a line that named a type, behind it the type.
    return [b"", None] * TYPE_SLOTS


# One table for all parsers: their own would be a tenth of what an open stream
# holds (benchmarks/claude_clients.py). Without the GIL each has its own.
cdef list shared_types = new_types()


# twin: Parser, LineParser
# no_gc_clear: C code relies on the lists and bytes being there, even when the
# collector takes a cycle apart that the parser is in.
@cython.no_gc_clear
cdef class Parser:
    """Parser(*, last_event_id='', max_event_size=67108864, comments=False, \
default_event='message')\n--\n
    Turn the bytes of one event stream into events (WHATWG HTML, "Interpreting
    an event stream"). Content never raises, only its size does.

    A parser belongs to one stream and one thread at a time.

    Args:
        last_event_id: the ID known from an earlier connection.
        max_event_size: bytes that one unfinished event may hold, counted as
            its data so far plus its current line; None lifts the limit.
        comments: give out `Comment` objects too, each at its line end.
        default_event: the type of events that name none.

    Raises:
        TypeError: an option of the wrong type.
        ValueError: a last_event_id with CR, LF or NUL, a negative size.
    """

    cdef object __weakref__
    cdef Py_ssize_t _limit
    cdef object _max_event_size
    cdef bint _comments
    cdef object _default_event
    cdef bint _closed
    cdef bint _poisoned
    # A feed is under way, or an exception that is none of ours ended one halfway.
    cdef bint _torn
    # The last event ID when that feed began.
    cdef object _given_id
    # The stream is at its start, and so many bytes of a BOM have come.
    cdef bint _at_start
    cdef int _bom
    # The last byte was a CR: it ended its line, an LF after it belongs to it.
    cdef bint _skip_lf
    # Nothing of a next event has come, and nothing but its bytes says what they mean.
    cdef bint _between_events
    # The current line as far as it came in earlier chunks.
    cdef Buffer _line
    # The standard's data buffer: each value with an LF after it.
    cdef Buffer _data
    # The event type buffer; None when empty.
    cdef object _event_type
    cdef object _id
    cdef object _last_event_id
    # Milliseconds; -1 when there is none.
    cdef long long _retry
    cdef long long _block_retry
    # Lines that named an event type, and the type: the last one, and a table.
    cdef bytes _type_line
    cdef object _type_name
    cdef list _types

    def __cinit__(self):
        # Closed until __init__ has run, which a subclass may forget to call.
        self._closed = True
        self._retry = -1
        self._last_event_id = self._given_id = self._id = self._default_event = ""
        self._type_line = b""
        self._types = new_types() if SSEWIRE_FREE_THREADED else shared_types

    def __init__(
        self,
        *,
        last_event_id="",
        max_event_size=MAX_EVENT_SIZE,
        comments=False,
        default_event="message",
    ):
        max_event_size = check_parser_options(last_event_id, max_event_size, default_event)
        with cython.critical_section(self):
            self._max_event_size = max_event_size
            # No bytes object is longer than maxsize, so it is no limit.
            self._limit = maxsize if max_event_size is None else min(max_event_size, maxsize)
            self._comments = bool(comments)
            self._default_event = str.__str__(default_event)
            self._last_event_id = str.__str__(last_event_id)
            self._torn = False
            self._retry = -1
        self.reset()

    def __dealloc__(self):
        PyMem_Free(self._line.start)
        PyMem_Free(self._data.start)

    def __reduce__(self):
        raise unpicklable(self)

    def __repr__(self):
        state = "closed" if self._closed else "failed" if self._poisoned else "open"
        return shown_parser(self, state)

    __class_getitem__ = classmethod(type(list[int]))

    def reset(self):
        """Make ready for a new connection, in whatever state: an unfinished event is dropped.

        Equals a new parser with the same options and the current
        `last_event_id`; `retry` is kept, and a BOM is expected again. Cost: constant.
        """
        with cython.critical_section(self):
            if self._torn:
                self._last_event_id = self._given_id
            self._torn = False
            self._closed = False
            self._poisoned = False
            self._at_start = True
            self._bom = 0
            self._skip_lf = False
            self._drop_event()

    @property
    def last_event_id(self):
        """The last event ID of the stream; it changes at blank lines only."""
        with cython.critical_section(self):
            return self._given_id if self._torn else self._last_event_id

    @property
    def retry(self):
        """The last valid reconnection time in milliseconds, as soon as its line has ended."""
        with cython.critical_section(self):
            return None if self._retry < 0 else self._retry

    @property
    def pending(self):
        """Bytes held of an unfinished event: its data so far plus its current line."""
        with cython.critical_section(self):
            return self._data.size - self._data.skip + self._line.size

    def close(self):
        """End the input: an unfinished event is dropped, as the standard says.

        Idempotent. Cost: constant.
        """
        with cython.critical_section(self):
            self._closed = True
            self._drop_event()

    def flush(self):
        """End the input as lenient readers do: return the unfinished event, if it has data.

        The last line counts as ended and a blank line as read. The standard
        drops that event, since nothing says that it is whole: use `close` to do so. An
        event without data is dropped here too, and its ID with it. The parser is
        closed afterwards; again, or after `close`, this returns nothing. Cost:
        linear in `pending`.

        Raises:
            StateError: the parser was left halfway.
            EventTooLarge: an event was too large, as in each feed after it.
            MemoryError, or what a signal's handler raised: the event is lost, and
                later calls raise StateError until `reset`.
        """
        cdef list items
        cdef list last
        with cython.critical_section(self):
            if self._closed and not self._torn:
                return []
            given_id = self._last_event_id
            items = self._feed(<const byte *>b"\n", 1 if self._line.size else 0)
            if self._data.size > self._data.skip:
                last = self._feed(<const byte *>b"\n\n", 2)
                if items:
                    self._given_id = given_id
                    self._torn = True
                    items.extend(last)
                    self._torn = False
                else:
                    items = last
            self._closed = True
            self._drop_event()
            return items

    # Not bound as a Python function is: the interpreter knows such methods and calls them
    # in a tenth less of a feed (`python -m benchmarks --chunks event`).
    @cython.binding(False)
    def feed(self, data, /):
        """feed($self, data, /)\n--\n
        Return the events that `data`, the stream's next bytes, completes.

        Takes any bytes-like object, cut anywhere; nothing of it is kept
        borrowed. Cost: linear in its length.

        Raises:
            TypeError: data is not a bytes-like object.
            StateError: the parser is closed, or was left halfway.
            EventTooLarge: an event is larger than `max_event_size`; what was
                complete before is on its `.events`. Every later feed raises
                again, without events, until `reset`.
            MemoryError, or what a signal's handler raised: the events of `data`
                are lost, and every later feed raises StateError until `reset`.
        """
        if type(data) is not bytes:
            # A copy: another thread may write into a bytearray while it is read, and the
            # str makers look twice. The bytes of a chunk are cheap to copy, its events are not.
            if not PyObject_CheckBuffer(data):
                raise not_bytes(data)
            try:
                data = PyBytes_FromObject(data)
            except TypeError:
                # What its __buffer__ raised.
                raise not_bytes(data) from None
        cdef const byte *p = <const byte *>PyBytes_AS_STRING(data)
        cdef Py_ssize_t n = PyBytes_GET_SIZE(data)
        with cython.critical_section(self):
            if self._between_events and n <= self._limit:
                events = one_event(self, p, p + n)
                if events is not None:
                    return events
            return self._feed(p, n)

    # twin: LineParser._drop_event
    @cython.final
    cdef int _drop_event(self) except -1:
        release(&self._line)
        release(&self._data)
        self._event_type = None
        self._id = self._last_event_id
        self._block_retry = -1
        self._between_events = False
        return 0

    # twin: LineParser._poison
    @cython.final
    cdef object _poison(self, list events):
        self._poisoned = True
        self._drop_event()
        return EventTooLarge(self._max_event_size, events)

    # twin: LineParser._feed_lines
    @cython.final
    cdef list _feed(self, const byte *p, Py_ssize_t n):
        cdef list events = []
        cdef const byte *end = p + n
        cdef const byte *stop
        cdef Line line
        cdef Block block
        cdef Line held[HELD_LINES]
        cdef int high = 0
        self._refuse()
        self._given_id = self._last_event_id
        self._torn = True
        self._between_events = False
        p = self._first_line(p, end)
        block.held = held
        block.count = block.high = 0
        block.collected = self._data.size - self._data.skip
        block.event_type = self._kept_event_type()
        while p < end:
            stop = known_type(self, p, end, &block)
            if stop != NULL:
                p = self._next_line(stop, end)
                continue
            stop = ssewire_line_end(p, end, &high)
            line.start = p
            line.size = stop - p
            if self._line.size or stop == end:
                # Not all of the line is in this chunk.
                push(&self._line, p, line.size)
                line.start = self._line.start
                line.size = self._line.size
            if line.size > self._limit - block.collected:
                error = self._poison(events)
                self._torn = False
                raise error
            if stop == end:
                break
            p = self._next_line(stop, end)
            if line.size == 0:
                dispatch(self, &block, events)
            elif is_data(&line):
                add_data(self, &block, &line, high)
            else:
                self._keep_event_type(block.event_type)
                self._end_line(line.start, line.size, events)
                block.event_type = self._kept_event_type()
                if self._line.size:
                    empty(&self._line)
        # The chunk is the caller's; what is unfinished moves into the buffer.
        push_data(&self._data, block.held, block.count)
        self._keep_event_type(block.event_type)
        self._between_events = (
            self._line.size == 0 and block.collected == 0 and block.event_type == NULL
            and self._block_retry < 0 and self._id is self._last_event_id and not self._at_start
        )
        self._torn = False
        return events

    # twin: LineParser._before_feed
    @cython.final
    cdef inline int _refuse(self) except -1:
        if self._closed:
            raise StateError("feed() after close(); reset() makes the parser ready again")
        if self._torn:
            raise StateError(HALF_FED)
        if self._poisoned:
            raise EventTooLarge(self._max_event_size)
        return 0

    # twin: LineParser._before_feed, of the BOM; LineParser.feed, of the LF
    @cython.final
    cdef inline const byte *_first_line(self, const byte *p, const byte *end) except NULL:
        # Return where the chunk's first line begins: behind a BOM, and behind the LF
        # of a CR that ended the chunk before.
        if self._at_start:
            p = self._skip_bom(p, end)
        if self._skip_lf and p < end:
            self._skip_lf = False
            if p[0] == LF:
                p += 1
        return p

    # twin: LineParser._before_feed
    @cython.final
    cdef const byte *_skip_bom(self, const byte *p, const byte *end) except NULL:
        while self._bom < 3 and p < end and p[0] == (<const byte *>b"\xef\xbb\xbf")[self._bom]:
            self._bom += 1
            p += 1
        if self._bom == 3:
            self._at_start = False
        elif p < end:
            # Not a BOM: what looked like one begins the first line.
            self._at_start = False
            if self._bom:
                push(&self._line, <const byte *>b"\xef\xbb\xbf", self._bom)
        return p

    # twin: LineParser._feed_lines
    @cython.final
    cdef inline const byte *_next_line(self, const byte *stop, const byte *end) noexcept:
        # Return where the line after the one that ends at `stop` begins. A CR ends its
        # line at once; an LF after it belongs to it.
        if stop[0] == CR:
            if stop + 1 == end:
                self._skip_lf = True
            elif stop[1] == LF:
                return stop + 2
        return stop + 1

    # twin: LineParser._event_type
    @cython.final
    cdef inline void _keep_event_type(self, PyObject *event_type) noexcept:
        if event_type == NULL:
            self._event_type = None
        else:
            self._event_type = <object>event_type

    # twin: LineParser._event_type
    @cython.final
    cdef inline PyObject *_kept_event_type(self) noexcept:
        return NULL if self._event_type is None else <PyObject *>self._event_type

    # twin: LineParser._end_line, LineParser._process_field
    @cython.final
    cdef int _end_line(self, const byte *line, Py_ssize_t size, list events) except -1:
        # Act on a line that is neither blank nor data.
        cdef const byte *colon = <const byte *>memchr(line, COLON, size)
        cdef const byte *value = line + size if colon == NULL else colon + 1
        cdef Py_ssize_t name_size = size if colon == NULL else colon - line
        cdef Py_ssize_t value_size
        cdef Comment comment
        if name_size == 0:
            if self._comments:
                # Without a call: its arguments could make the collector run, and with it
                # a finalizer that feeds this parser.
                comment = <Comment>Comment.__new__(Comment)
                comment.text = ssewire_decode(line + 1, size - 1)
                events.append(comment)
            return 0
        if value < line + size and value[0] == SPACE:
            value += 1
        value_size = line + size - value
        if name_size == 5 and memcmp(line, <const char *>b"event", 5) == 0:
            self._set_event_type(line, size, value, value_size)
        elif name_size == 2 and memcmp(line, <const char *>b"id", 2) == 0:
            if value_size == 0 or memchr(value, 0, value_size) == NULL:
                self._id = ssewire_decode(value, value_size)
        elif name_size == 5 and memcmp(line, <const char *>b"retry", 5) == 0:
            self._set_retry(value, value_size)
        return 0

    # twin: LineParser._process_field, with what Parser._learn_head remembers
    @cython.final
    cdef int _set_event_type(
        self, const byte *line, Py_ssize_t size, const byte *value, Py_ssize_t value_size
    ) except -1:
        cdef Py_ssize_t slot
        cdef bytes known
        if value_size == 0:
            self._event_type = None
            return 0
        if size > MAX_TYPE_LINE:
            self._event_type = ssewire_decode(value, value_size)
            return 0
        slot = 2 * ((size * 7 + line[size - 1] * 3 + line[size >> 1]) % TYPE_SLOTS)
        known = <bytes>self._types[slot]
        if PyBytes_GET_SIZE(known) == size and memcmp(PyBytes_AS_STRING(known), line, size) == 0:
            name = self._types[slot + 1]
        else:
            name = ssewire_decode(value, value_size)
            known = line[:size]
            self._types[slot] = known
            self._types[slot + 1] = name
        self._type_line = known
        self._type_name = self._event_type = name
        return 0

    # twin: LineParser._process_field
    @cython.final
    cdef int _set_retry(self, const byte *value, Py_ssize_t size) except -1:
        cdef long long milliseconds = 0
        cdef Py_ssize_t i
        if size == 0:
            return 0
        for i in range(size):
            if not c"0" <= value[i] <= c"9":
                return 0
            if milliseconds <= MAX_RETRY:
                milliseconds = milliseconds * 10 + (value[i] - c"0")
        self._retry = self._block_retry = min(milliseconds, MAX_RETRY)
        return 0


# twin: Parser._prefix, the guess that an event begins like the last one
cdef inline const byte *known_type(
    Parser self, const byte *p, const byte *end, Block *block
) noexcept:
    # Act on the `event` line that came last once more, and return its end; NULL if
    # another line begins at p.
    cdef Py_ssize_t size
    if p[0] != c"e" or self._line.size:
        return NULL
    size = PyBytes_GET_SIZE(self._type_line)
    if (
        size and end - p > size
        and memcmp(p, PyBytes_AS_STRING(self._type_line), size) == 0
        and (p[size] == LF or p[size] == CR)
        and size <= self._limit - block.collected
    ):
        block.event_type = <PyObject *>self._type_name
        return p + size
    return NULL


# twin: Parser.feed, of one event that begins like the last one
cdef inline list one_event(Parser self, const byte *p, const byte *end):
    # Return the event of a chunk that is one `data` line, perhaps after the `event` line that
    # came last, and its blank line; None of any other, of which nothing is taken. Only
    # between events, and only if the chunk is no larger than an event may be.
    cdef PyObject *event_type = <PyObject *>self._default_event
    cdef PyObject *events
    cdef Py_ssize_t size
    cdef const byte *stop
    cdef int high = 0
    if end - p >= 8 and p[0] == c"e":
        size = PyBytes_GET_SIZE(self._type_line)
        if not (
            size and end - p > size + 2
            and memcmp(p, PyBytes_AS_STRING(self._type_line), size) == 0
        ):
            return None
        event_type = <PyObject *>self._type_name
        p += size + 1 if p[size] == CR else size
        if p[0] != LF:
            return None
        p += 1
    if end - p < 8 or memcmp(p, <const char *>b"data: ", 6) != 0:
        return None
    p += 6
    stop = ssewire_line_end(p, end, &high)
    if not (
        end - stop == 2 and stop[0] == LF and stop[1] == LF
        or end - stop == 4 and memcmp(stop, <const char *>b"\r\n\r\n", 4) == 0
    ):
        return None
    self._skip_lf = False
    events = ssewire_list_of_one(
        ServerSentEvent,
        text_or_null(p, stop - p) if high else ascii_or_null(p, stop - p),
        event_type,
        <PyObject *>self._last_event_id,
    )
    if events == NULL:
        self._given_id = self._last_event_id
        self._torn = True
        self._between_events = False
    return ssewire_raise_null(events)


# twin: LineParser._dispatch
cdef inline int dispatch(Parser self, Block *block, list events) except -1:
    cdef PyObject *event_type = block.event_type
    cdef PyObject *retry = <PyObject *>None
    cdef object milliseconds
    if self._last_event_id is not self._id:
        self._last_event_id = self._id
    if block.collected:
        text = take_data(self, block)
        if event_type == NULL:
            event_type = <PyObject *>self._default_event
        if self._block_retry >= 0:
            milliseconds = self._block_retry
            retry = <PyObject *>milliseconds
        events.append(ssewire_new_event(
            ServerSentEvent, <PyObject *>text, event_type, <PyObject *>self._id, retry
        ))
        block.count = block.high = 0
        block.collected = 0
    block.event_type = NULL
    self._block_retry = -1
    return 0


# twin: LineParser._dispatch
cdef inline object take_data(Parser self, Block *block):
    # Return the data of the event, less its last LF, as text.
    cdef Buffer *data = &self._data
    if block.count == 1:
        if block.high:
            return ssewire_decode(block.held[0].start, block.held[0].size)
        return ssewire_ascii(block.held[0].start, block.held[0].size)
    if block.count and not block.high:
        return ssewire_join_ascii(block.held, block.count, block.collected - 1)
    push_data(data, block.held, block.count)
    text = ssewire_decode(data.start + data.skip, data.size - data.skip - 1)
    empty(data)
    return text


# twin: LineParser._process_field
cdef inline int add_data(Parser self, Block *block, const Line *line, int high) except -1:
    # Act on a data line: in place while it can be, else in the buffer.
    cdef Line value
    cdef Py_ssize_t value_at = 5
    if line.size <= 5:
        value_at = line.size
    elif line.start[5] == SPACE:
        value_at = 6
    value.start = line.start + value_at
    value.size = line.size - value_at
    if self._line.size == 0 and block.count < HELD_LINES and self._data.size == 0:
        block.held[block.count] = value
        block.count += 1
        block.high |= high
    else:
        push_data(&self._data, block.held, block.count)
        block.count = 0
        if self._line.size and self._data.size == 0:
            # The whole line becomes the data: the buffers change places.
            self._line, self._data = self._data, self._line
            self._data.skip = value_at
            self._data.start[self._data.size] = LF
            self._data.size += 1
        else:
            push_data(&self._data, &value, 1)
        empty(&self._line)
    block.collected += value.size + 1
    return 0
