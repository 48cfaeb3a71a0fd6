# SPDX-License-Identifier: MIT
# cython: language_level=3, boundscheck=False, wraparound=False, initializedcheck=False
"""The floor under any parser: its objects, made from offsets known beforehand.

The same event class with its free list, the same str makers, a call and a list for
each chunk, and nothing else: no line is looked for, no field is read. What a
parser takes beyond this is its parsing. Built by benchmarks/harness/floor/setup.py;
never installed.
"""

from cpython.bytes cimport PyBytes_AS_STRING
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.list cimport PyList_GET_ITEM
from libc.string cimport memcpy

from ssewire._checks import wrong_type  # no-cython-lint: the include uses it

include "_event_cy.pxi"

cdef extern from "_scan.h":
    ctypedef unsigned char byte "ssewire_byte"
    object ssewire_ascii(const byte *, Py_ssize_t)
    object ssewire_decode(const byte *, Py_ssize_t)

cdef extern from "Python.h":
    object PyUnicode_New(Py_ssize_t, Py_UCS4)
    void *PyUnicode_DATA(object)

ctypedef struct Line:
    Py_ssize_t start
    Py_ssize_t size

ctypedef struct Plan:
    Py_ssize_t first  # of its data lines
    Py_ssize_t lines
    Py_ssize_t size   # of the joined data, in bytes
    bint ascii
    Py_ssize_t id_start  # -1: the ID is that of the event before
    Py_ssize_t id_size


cdef class Floor:
    """Floor(document, sizes)\n--\n
    Plans the events of a well-formed document, cut into chunks of `sizes` bytes;
    each `feed(chunk)` makes those of the next chunk, from the first after `rewind()`.
    """

    cdef bytes _document
    cdef Line *_lines
    cdef Plan *_plans
    cdef list _types
    # The number of events that are complete at the end of each chunk.
    cdef Py_ssize_t *_ends
    cdef Py_ssize_t _chunks
    cdef Py_ssize_t _chunk
    cdef object _last_event_id

    def __init__(self, bytes document, list sizes):
        lines, plans, self._types, ends = _plan(document)
        self._document = document
        self._last_event_id = ""
        self._chunks = len(sizes)
        self._lines = <Line *>PyMem_Calloc(len(lines) + 1, sizeof(Line))
        self._plans = <Plan *>PyMem_Calloc(len(plans) + 1, sizeof(Plan))
        # The first is where nothing has come yet.
        self._ends = <Py_ssize_t *>PyMem_Calloc(len(sizes) + 1, sizeof(Py_ssize_t))
        if self._lines == NULL or self._plans == NULL or self._ends == NULL:
            raise MemoryError
        for i, (start, size) in enumerate(lines):
            self._lines[i] = Line(start, size)
        for i, plan in enumerate(plans):
            self._plans[i] = plan
        done = 0
        chunk_end = 0
        for i, size in enumerate(sizes):
            chunk_end += size
            while done < len(ends) and ends[done] <= chunk_end:
                done += 1
            self._ends[i + 1] = done

    def __dealloc__(self):
        PyMem_Free(self._lines)
        PyMem_Free(self._plans)
        PyMem_Free(self._ends)

    def rewind(self):
        """Begin anew with the first chunk."""
        self._chunk = 0
        self._last_event_id = ""

    # As the parser's method is.
    @cython.binding(False)
    def feed(self, chunk):
        """Return the events that the next chunk completes, whatever its bytes."""
        if self._chunk == self._chunks:
            raise ValueError("the document has no more chunks")
        self._chunk += 1
        return self._make(self._ends[self._chunk - 1], self._ends[self._chunk])

    cdef list _make(self, Py_ssize_t first, Py_ssize_t end):
        # One event comes in a list of its size, as from the parser.
        cdef list events = [None] if end - first == 1 else []
        cdef const byte *document = <const byte *>PyBytes_AS_STRING(self._document)
        cdef object last_event_id = self._last_event_id
        cdef Plan *plan
        cdef Line *line
        cdef Py_ssize_t i, j
        cdef char *out
        for i in range(first, end):
            plan = &self._plans[i]
            line = &self._lines[plan.first]
            if plan.id_start >= 0:
                last_event_id = ssewire_ascii(document + plan.id_start, plan.id_size)
            if plan.lines == 1:
                if plan.ascii:
                    text = ssewire_ascii(document + line.start, line.size)
                else:
                    text = ssewire_decode(document + line.start, line.size)
            else:
                text = PyUnicode_New(plan.size, 127)
                out = <char *>PyUnicode_DATA(text)
                for j in range(plan.lines):
                    if j:
                        out[0] = c"\n"
                        out += 1
                    memcpy(out, document + line[j].start, line[j].size)
                    out += line[j].size
            event = ssewire_new_event(
                ServerSentEvent,
                <PyObject *>text,
                PyList_GET_ITEM(self._types, i),
                <PyObject *>last_event_id,
                <PyObject *>None,
            )
            if end - first == 1:
                events[0] = event
            else:
                events.append(event)
        self._last_event_id = last_event_id
        return events


def _plan(bytes document):
    """Return the data lines, plans and types of a document's events, and where each event ends."""
    lines = []
    plans = []
    types = []
    ends = []
    names = {}
    first = 0
    name = "message"
    id_start = -1
    id_size = 0
    pos = 0
    for line in document.splitlines(keepends=True):
        content = line.rstrip(b"\r\n")
        if content.startswith(b"data: "):
            lines.append((pos + 6, len(content) - 6))
        elif content.startswith(b"event: "):
            name = names.setdefault(content, content[7:].decode())
        elif content.startswith(b"id: "):
            id_start = pos + 4
            id_size = len(content) - 4
        pos += len(line)
        if not content and len(lines) > first:
            parts = [document[start:start + size] for start, size in lines[first:]]
            joined = b"\n".join(parts)
            if len(parts) > 1 and not joined.isascii():
                raise ValueError("several data lines that are not ASCII are not planned for")
            plans.append({
                "first": first, "lines": len(parts), "size": len(joined),
                "ascii": joined.isascii(), "id_start": id_start, "id_size": id_size,
            })
            types.append(name)
            ends.append(pos)
            first = len(lines)
            name = "message"
            id_start = -1
    return lines, plans, types, ends
