# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
# cython: freethreading_compatible=True
"""The compiled twin of _delta_py, which is its specification.

A payload of a new look is walked strictly; what stood around its text is the
template for the next ones, compared as memory. The text of a str is read where
it is, at its own width of characters. Whatever does not fit gives None.
"""

cimport cython

cdef extern from "_delta.h":
    ctypedef struct Delta "ssewire_delta":
        long index
        int kind
    ctypedef struct Template "ssewire_template":
        Py_ssize_t prefix
    bint ssewire_walk(object, Delta *) noexcept
    bint ssewire_match(const Template *, object, Delta *) noexcept
    bint ssewire_learn(Template *, object, const Delta *) noexcept
    void ssewire_forget(Template *) noexcept
    object ssewire_delta_text(object, const Delta *)

# Equal to DELTA_CONTRACT in _delta_py when this was compiled; _choice compares them.
CONTRACT = 1

cdef tuple KINDS = ("text_delta", "input_json_delta", "thinking_delta", "signature_delta")

cdef enum:
    # So many templates are kept: more than one block is rarely open, and a block
    # has at most two kinds of delta.
    TEMPLATES = 4


@cython.final
cdef class DeltaDecoder:
    """DeltaDecoder()\n--\n
    Decode text, input_json, thinking and signature deltas, one stream's at a time.

    It remembers what the payloads of the stream look like; that changes its
    speed only, never a result.
    """

    cdef object __weakref__
    # All zero at first, which is empty.
    cdef Template _templates[TEMPLATES]
    cdef long _indices[TEMPLATES]
    cdef int _kinds[TEMPLATES]
    # The template of the last delta, and the slot for the next new one.
    cdef int _last
    cdef int _next

    def __dealloc__(self):
        cdef int i
        for i in range(TEMPLATES):
            ssewire_forget(&self._templates[i])

    def decode(self, str data not None):
        """Return index, type and text of a delta; None to have json.loads decide.

        A delta is returned only if json.loads gives an object of `type`
        "content_block_delta", an `index` of at most nine digits and a `delta`
        of its type and text, without any other or repeated key.
        """
        cdef Delta found
        if not self._find(data, &found):
            return None
        return found.index, KINDS[found.kind], ssewire_delta_text(data, &found)

    def run(self, list events not None, Py_ssize_t start, object index, str kind not None):
        """Return the texts of the consecutive deltas of one block and kind from events[start] on.

        It ends before the first event that `decode` would not give so, or whose
        event type is neither "content_block_delta" nor "message".
        """
        cdef Delta found
        cdef list texts = []
        cdef long wanted
        cdef int number
        # The event type that the last event had, known to be one of the two.
        cdef object known = None
        if kind not in KINDS or not 0 <= index < 10**9:
            return texts
        number = KINDS.index(kind)
        wanted = index
        # A copy: a list may be changed by others while it is walked.
        for event in events[start:]:
            name = event.event
            if name is not known:
                if name != "content_block_delta" and name != "message":
                    break  # an "error" is one whatever its data says
                known = name
            data = event.data
            if type(data) is not str or not self._find(data, &found):
                break
            if found.index != wanted or found.kind != number:
                break
            texts.append(ssewire_delta_text(data, &found))
        return texts

    cdef bint _find(self, str data, Delta *found) noexcept:
        # Whether `data` is a plain delta; then `found` says which.
        with cython.critical_section(self):
            return self._find_locked(data, found)

    cdef bint _find_locked(self, str data, Delta *found) noexcept:
        cdef int i = self._last
        if self._templates[i].prefix and ssewire_match(&self._templates[i], data, found):
            found.index = self._indices[i]
            found.kind = self._kinds[i]
            return True
        for i in range(TEMPLATES):
            if self._templates[i].prefix and ssewire_match(&self._templates[i], data, found):
                found.index = self._indices[i]
                found.kind = self._kinds[i]
                self._last = i
                return True
        if not ssewire_walk(data, found):
            return False
        i = self._next
        if ssewire_learn(&self._templates[i], data, found):
            self._indices[i] = found.index
            self._kinds[i] = found.kind
            self._last = i
            self._next = (i + 1) % TEMPLATES
        return True
