# SPDX-License-Identifier: MIT
# cython: language_level=3, wraparound=False, initializedcheck=False
# cython: freethreading_compatible=True
"""The compiled twin of the steps that a stream takes where each event is a packet of its own.

What is done here is the usual: a chunk that holds one plain delta for the block that
began last, of a stream of which nothing is left over. Whatever else there is goes the plain
way, which is the methods in _place and _reader themselves. All state stands in the slots
of the Python objects; only where it is read and written does without the interpreter.

The rules of docs/design/0009 hold by order: from the chunk to what it makes ready the stream
is marked, and no Python code runs between taking an item and handing it out.
May import: _endless, _place, _reader, claude._text, claude.accumulator, claude.blocks,
claude.events, ssewire.errors.
"""

cimport cython
from cpython.object cimport PyObject_TypeCheck, PyTypeObject

from ...errors import EventTooLarge
from .._text import _MAX_PIECES, GrowingText, has_surrogates
from ..accumulator import Accumulator
from ..blocks import TextBlock
from ..events import DERIVED, ContentBlockDeltaEvent, TextEvent
from ._endless import TEXTS, VALUES
from ._endless import endless as plain_endless
from ._place import NONE_READY, NOTHING
from ._reader import WAIT, Reader

cdef extern from "_slot.h":
    ctypedef struct Slot "PyMemberDef":
        pass
    Slot *slot_of "ssewire_slot"(object, object) except NULL
    object get "ssewire_get"(object, Slot *)
    int put "ssewire_put"(object, Slot *, object) except -1
    object new "ssewire_new"(object)

# Equal to STEP_CONTRACT in _place when this was compiled; _choice compares them.
CONTRACT = 1

# Looked up once: a global of the module is a dictionary's.
cdef object none_ready = NONE_READY
cdef list nothing = NOTHING
cdef object reader_class = Reader
cdef object accumulator_class = Accumulator
cdef object text_block_class = TextBlock
cdef object growing_class = GrowingText
cdef object delta_class = ContentBlockDeltaEvent
cdef object text_class = TextEvent
cdef dict derived_classes = DERIVED
cdef Py_ssize_t most_pieces = _MAX_PIECES
cdef object plain_more_events = Reader._more_events
cdef object plain_more_texts = Reader._more_texts
cdef object plain_plan = Reader._plan
cdef object plain_take_in = Reader._take_in
# What an iterator has no more of.
cdef object over = object()

cdef Slot *_accumulator = slot_of(Reader, "_accumulator")
cdef Slot *_batch = slot_of(Reader, "_batch")
cdef Slot *_call = slot_of(Reader, "_call")
cdef Slot *_chunks = slot_of(Reader, "_chunks")
cdef Slot *_closed = slot_of(Reader, "_closed")
cdef Slot *_error = slot_of(Reader, "_error")
cdef Slot *_exhausted = slot_of(Reader, "_exhausted")
cdef Slot *_half = slot_of(Reader, "_half")
cdef Slot *_inbox = slot_of(Reader, "_inbox")
cdef Slot *_json = slot_of(Reader, "_json")
cdef Slot *_log = slot_of(Reader, "_log")
cdef Slot *_order = slot_of(Reader, "_order")
cdef Slot *_position = slot_of(Reader, "_position")
cdef Slot *_progress = slot_of(Reader, "_progress")
cdef Slot *_ready = slot_of(Reader, "_ready")
cdef Slot *_running = slot_of(Reader, "_running")
cdef Slot *_said = slot_of(Reader, "_said")
cdef Slot *_spoken = slot_of(Reader, "_spoken")
cdef Slot *_texts = slot_of(Reader, "_texts")
cdef Slot *_torn = slot_of(Reader, "_torn")
cdef Slot *_values = slot_of(Reader, "_values")
cdef Slot *_voice = slot_of(Reader, "_voice")
cdef Slot *_watch = slot_of(Reader, "_watch")

cdef Slot *accumulator_blocks = slot_of(Accumulator, "_blocks")
cdef Slot *accumulator_decoder = slot_of(Accumulator, "_decoder")
cdef Slot *accumulator_ended = slot_of(Accumulator, "_ended")
cdef Slot *accumulator_fatal = slot_of(Accumulator, "_fatal")
cdef Slot *accumulator_last_block = slot_of(Accumulator, "_last_block")
cdef Slot *accumulator_last_index = slot_of(Accumulator, "_last_index")
cdef Slot *accumulator_message = slot_of(Accumulator, "_message")
cdef Slot *accumulator_parser = slot_of(Accumulator, "_parser")
cdef Slot *accumulator_sniffer = slot_of(Accumulator, "_sniffer")

cdef Slot *block_growing = slot_of(TextBlock, "_growing")
cdef Slot *growing_pieces = slot_of(GrowingText, "_pieces")

cdef Slot *delta_sse = slot_of(ContentBlockDeltaEvent, "_sse")
cdef Slot *delta_index = slot_of(ContentBlockDeltaEvent, "index")
cdef Slot *delta_block = slot_of(ContentBlockDeltaEvent, "_block")
cdef Slot *delta_kind = slot_of(ContentBlockDeltaEvent, "_kind")
cdef Slot *delta_text = slot_of(ContentBlockDeltaEvent, "_text")

cdef Slot *text_sse = slot_of(TextEvent, "_sse")
cdef Slot *text_index = slot_of(TextEvent, "index")
cdef Slot *text_block = slot_of(TextEvent, "_block")
cdef Slot *text_text = slot_of(TextEvent, "text")


# --- the events of most deltas


# twin: ContentBlockDeltaEvent.__init__
cdef inline object new_delta(object sse, object index, object block, object kind, object text):
    event = new(delta_class)
    put(event, delta_sse, sse)
    put(event, delta_index, index)
    put(event, delta_block, block)
    put(event, delta_kind, kind)
    put(event, delta_text, text)
    return event


# twin: TextEvent.__init__
cdef inline object new_text(object sse, object index, object block, object text):
    event = new(text_class)
    put(event, text_sse, sse)
    put(event, text_index, index)
    put(event, text_block, block)
    put(event, text_text, text)
    return event


# twin: run_events
def run_events(
    list batch not None, Py_ssize_t position, block, index, list pieces not None, bint derives
):
    """Return the delta, and the text event, of each piece; they are in `batch` from there on."""
    cdef list events = []
    for piece in pieces:
        sse = batch[position]
        position += 1
        events.append(new_delta(sse, index, block, "text_delta", piece))
        if derives:
            events.append(new_text(sse, index, block, piece))
    return events


# --- one event at hand


# twin: Place._take_delta, Place._take_text, Place._plain_delta
cdef bint take_delta(object stream, bint as_text) except -1:
    # Take the one wire event at hand, if there is nothing else to be seen to; say whether.
    cdef list batch = <list?>get(stream, _batch)
    cdef object accumulator = get(stream, _accumulator)
    if (
        len(batch) != 1 or get(stream, _position) != 0
        or get(stream, _torn) is not False
        or get(stream, _ready) is not none_ready or get(stream, _texts) is not none_ready
        or get(stream, _running) is not None
        or get(stream, _half) is not None
        or get(stream, _order) is not None
        or type(accumulator) is not accumulator_class
        or get(accumulator, accumulator_ended) is not False
        or get(accumulator, accumulator_blocks) is not None
    ):
        return False
    block = get(accumulator, accumulator_last_block)
    cdef bint is_text = type(block) is text_block_class
    if block is None or (as_text and not is_text):
        return False
    sse = batch[0]
    decoded = get(accumulator, accumulator_decoder).decode(sse.data)
    if decoded is None or sse.event == "error":
        return False
    index, kind, text = <tuple?>decoded
    if index != get(accumulator, accumulator_last_index):
        return False
    if kind != ("text_delta" if is_text else block._grows_by):
        return False
    if as_text and not (<str?>text).isascii() and has_surrogates(text):
        return False
    growing = get(block, block_growing) if is_text else None
    if is_text and type(growing) is not growing_class:
        return False
    put(stream, _torn, True)
    spoken = None
    if is_text:
        add_text(growing, text)
        if get(stream, _voice) is not block or get(stream, _json) is not None:
            stream._note(block, text)
        spoken = (block, text)
    else:
        block._growing.add(text)
    if as_text:
        put(stream, _texts, iter((text,)))
    else:
        event = new_delta(sse, index, block, kind, text)
        if not stream._derives:
            events = (event,)
        elif is_text:
            events = (event, new_text(sse, index, block, text))
        else:
            events = (event, derived_classes[kind](sse, index, block, text))
        put(stream, _ready, iter(events))
    put(stream, _spoken, spoken)
    put(stream, _position, 1)
    put(stream, _torn, False)
    return True


# twin: GrowingText.add
cdef inline int add_text(object growing, object text) except -1:
    cdef list pieces = <list?>get(growing, growing_pieces)
    pieces.append(text)
    if len(pieces) > most_pieces:
        growing._fold()
    return 0


# twin: Place._more_events
def more_events(stream):
    """Return what the next events are had from; None where they need more bytes."""
    check(stream)
    return get(stream, _ready) if take_delta(stream, False) else plain_more_events(stream)


# twin: Place._more_texts
def more_texts(stream):
    """Return what the next texts are had from; None where they need more bytes."""
    check(stream)
    return get(stream, _texts) if take_delta(stream, True) else plain_more_texts(stream)


cdef inline int check(object stream) except -1:
    # Only of these is it known where their slots are. What isinstance() says is not: it
    # believes the `__class__` that a weak reference's proxy or a mock object claims.
    if not PyObject_TypeCheck(stream, <PyTypeObject *>reader_class):
        raise TypeError(f"not a stream: {type(stream).__name__}")
    return 0


# --- more bytes


# twin: Reader._plan
def plan(stream):
    """Return what a reader does next that wants more."""
    check(stream)
    return WAIT if may_wait(stream) else plain_plan(stream)


# twin: Reader._plan
cdef bint may_wait(object stream) except -1:
    # Make ready for a wait, if there is no reason for anything else; say whether.
    accumulator = get(stream, _accumulator)
    if (
        get(stream, _torn) is not False
        or get(stream, _position) < len(<list?>get(stream, _batch))
        or get(stream, _closed) is not False
        or get(stream, _exhausted) is not False
        or get(stream, _error) is not None
        or type(accumulator) is not accumulator_class
        or get(accumulator, accumulator_ended) is not False
        or get(accumulator, accumulator_fatal) is not None
    ):
        return False
    put(stream, _batch, nothing)
    put(stream, _position, 0)
    put(stream, _ready, none_ready)
    put(stream, _texts, none_ready)
    put(stream, _values, none_ready)
    watch = get(stream, _watch)
    if watch is not None and get(stream, _progress):
        put(stream, _progress, False)
        watch()
    call = get(stream, _call)
    if call is not None and get(accumulator, accumulator_message) is not None:
        call.begun()
    return True


# twin: Reader._take_in
def take_in(stream):
    """Look at what was received: a chunk, or the end of the chunks."""
    check(stream)
    cdef list inbox = <list?>get(stream, _inbox)
    if not inbox or not take_chunk(stream, inbox[0]):
        return plain_take_in(stream)
    inbox.clear()


# twin: Reader._take_in, Accumulator._receive
cdef bint take_chunk(object stream, object chunk) except -1:
    # Have the events of a chunk at hand, if it is to be parsed as it is; say whether.
    accumulator = get(stream, _accumulator)
    if (
        type(chunk) is not bytes
        or type(accumulator) is not accumulator_class
        or get(accumulator, accumulator_ended) is not False
        or get(accumulator, accumulator_sniffer) is not None
    ):
        return False
    put(stream, _torn, True)
    try:
        batch = get(accumulator, accumulator_parser).feed(chunk)
    except EventTooLarge as exc:
        batch = accumulator._too_large(exc)
    put(stream, _batch, batch)
    put(stream, _position, 0)
    if (
        get(stream, _log) is not None
        or get(stream, _watch) is not None
        or get(stream, _said) is not None
    ):
        stream._tell(chunk, batch)
    put(stream, _torn, False)
    return True


# --- loops


# twin: endless
def endless(stream, what):
    """Return an iterator over all that comes of EVENTS, TEXTS or VALUES."""
    check(stream)
    return plain_endless(stream, what) if what == VALUES else Endless(stream, what == TEXTS)


# twin: endless, with _BlockingReader._await
@cython.final
cdef class Endless:
    """An iterator over all events or texts of a blocking stream, which no exception ends."""

    # None at the end.
    cdef object stream
    cdef bint texts
    # The slot whose iterator has what is ready, and that of the other kind.
    cdef Slot *walker
    cdef Slot *other

    def __init__(self, stream, bint texts):
        check(stream)
        self.stream = stream
        self.texts = texts
        self.walker = _texts if texts else _ready
        self.other = _ready if texts else _texts

    def __iter__(self):
        return self

    def __next__(self):
        stream = self.stream
        if stream is None:
            raise StopIteration
        while True:
            item = next(get(stream, self.walker), over)
            if item is not over:
                return item
            if not self.has_more(stream) and not refill(stream):
                self.stream = None
                raise StopIteration

    # twin: Place._more_events, Place._more_texts
    cdef bint has_more(self, object stream) except -1:
        if take_delta(stream, self.texts):
            return True
        if (
            get(stream, _position) >= len(<list?>get(stream, _batch))
            and get(stream, _torn) is False
            and get(stream, self.other) is none_ready
            and get(stream, _running) is None
            and get(stream, _half) is None
        ):
            return False
        more = plain_more_texts(stream) if self.texts else plain_more_events(stream)
        return more is not None


# twin: _BlockingReader._refill
cdef bint refill(object stream) except -1:
    # Get more bytes; False at the end.
    if get(stream, _inbox) or not may_wait(stream):
        return stream._refill()
    try:
        chunk = next(get(stream, _chunks), over)
    except Exception as exc:
        stream._interrupted(exc)
        return True
    closed = get(stream, _closed)
    if chunk is over:
        if not closed:
            stream._take_in()
    elif closed or not take_chunk(stream, chunk):
        # Marked, as it is lost where there is no memory to keep it.
        put(stream, _torn, True)
        (<list?>get(stream, _inbox)).append(chunk)
        put(stream, _torn, False)
        if not closed:
            stream._take_in()
    return True
