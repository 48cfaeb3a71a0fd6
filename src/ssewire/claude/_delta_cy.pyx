# SPDX-License-Identifier: MIT
# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: freethreading_compatible=True
"""The compiled twin of _delta_py, which is its specification and learns for it.

A payload is compared, as memory, with the looks that were learned; the text of a
str is read where it is, at its own width of characters. What is like none of
them goes to _delta_py.learn; what that refuses gives None.
May import: _delta_py.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING

from ._delta_py import LOOKS, MAX_INDEX, MAX_LOOK, QUOTES, USUAL, learn

cdef extern from "_delta.h":
    ctypedef struct Shape "ssewire_look":
        const char *around
        Py_ssize_t head
        Py_ssize_t middle
        Py_ssize_t core
        bint numbered
        long index
        bint brace
    ctypedef struct Run "ssewire_run":
        pass
    ctypedef struct Delta "ssewire_delta":
        long index
        Run text
    bint ssewire_has_quotes(object, int) noexcept
    bint ssewire_match(object, const Shape *, Delta *) noexcept
    object ssewire_run_text(object, const Run *)

# Equal to DELTA_CONTRACT in _delta_py when this was compiled; _choice compares them.
CONTRACT = 1


# twin: Look
@cython.final
cdef class Look:
    cdef Shape shape
    # What shape.around points into.
    cdef bytes around
    cdef object kind


# twin: Look.__init__
cdef Look new_look(object learned):
    cdef Look look = Look.__new__(Look)
    cdef str head = learned.prefix
    cdef str middle = ""
    # There are no other digits outside of the text.
    head, digits, middle = head.partition(str(learned.index))
    # ASCII, as JSON is outside of strings.
    look.around = (head + middle + learned.core).encode()
    look.shape.around = PyBytes_AS_STRING(look.around)
    look.shape.head = len(head)
    look.shape.middle = len(middle)
    look.shape.core = len(learned.core)
    look.shape.numbered = bool(digits)
    look.shape.index = learned.index
    look.shape.brace = learned.brace
    look.kind = learned.kind
    return look


cdef int quotes = QUOTES

# What every decoder begins with: how the API writes each kind, so that a stream of
# it learns nothing (20 us of each; benchmarks/claude_pipeline.py). Never changed.
cdef list usual_looks = [new_look(learn(payload)[0]) for payload in USUAL]


@cython.final
cdef class DeltaDecoder:
    """DeltaDecoder()\n--\n
    Decode text, input_json, thinking and signature deltas, one stream's at a time.

    It remembers what the payloads of the stream look like; that changes its
    speed only, never a result.
    """

    cdef object __weakref__
    # The look of the last payload.
    cdef Look _last
    # The looks that are known, the newest first; replaced, not changed.
    cdef list _looks

    def __cinit__(self):
        self._looks = usual_looks
        self._last = usual_looks[0]

    def decode(self, str data not None):
        """Return index, type and text of a delta; None to have json.loads decide.

        A delta is returned only if json.loads gives an object of `type`
        "content_block_delta", an `index` of at most nine digits and a `delta`
        of its type and text, without any other or repeated key.
        """
        cdef Delta found
        cdef Look look
        with cython.critical_section(self):
            look = self._last
        if ssewire_match(data, &look.shape, &found):
            return found.index, look.kind, ssewire_run_text(data, &found.text)
        return self._decode_other(data)

    def run(self, list events not None, Py_ssize_t start, object index, str kind not None):
        """Return the texts of the consecutive deltas of one block and kind from events[start] on.

        It ends before the first event that `decode` would not give so, or whose
        event type is neither "content_block_delta" nor "message".
        """
        cdef Delta found
        cdef list texts = []
        cdef long wanted
        cdef Look look
        cdef bint fits
        # The event type that the last event had, known to be one of the two.
        cdef object known = None
        if not 0 <= index < MAX_INDEX:
            return texts
        wanted = index
        with cython.critical_section(self):
            look = self._last
        fits = look.kind == kind
        # A copy: a list may be changed by others while it is walked.
        for event in events[start:]:
            name = event.event
            if name is not known:
                if name != "content_block_delta" and name != "message":
                    break  # an "error" is one whatever its data says
                known = name
            data = event.data
            if type(data) is not str:
                break
            if ssewire_match(data, &look.shape, &found):
                if not fits or found.index != wanted:
                    break
                texts.append(ssewire_run_text(data, &found.text))
                continue
            decoded = self._decode_other(<str>data)
            if decoded is None or decoded[0] != wanted or decoded[1] != kind:
                break
            texts.append(decoded[2])
            with cython.critical_section(self):
                look = self._last
            fits = look.kind == kind
        return texts

    # twin: DeltaDecoder._decode_other
    cdef object _decode_other(self, str data):
        # Decode what is not like the payload before.
        cdef Delta found
        cdef Look look
        with cython.critical_section(self):
            for look in self._looks:
                if ssewire_match(data, &look.shape, &found):
                    self._last = look
                    return found.index, look.kind, ssewire_run_text(data, &found.text)
        learned = learn(data) if ssewire_has_quotes(data, quotes) else None
        if learned is None:
            return None
        look = new_look(learned[0])
        if len(look.around) <= MAX_LOOK:
            with cython.critical_section(self):
                self._looks = [look, *self._looks[:LOOKS - 1]]
                self._last = look
        return look.shape.index, look.kind, learned[1]
