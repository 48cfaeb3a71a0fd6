# SPDX-License-Identifier: MIT
# cython: language_level=3
# cython: freethreading_compatible=True
"""The compiled twin of _chunk_py, which is its specification. May import: nothing."""

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize

# Equal to CHUNK_CONTRACT in _chunk_py when this was compiled; _choice compares them.
CONTRACT = 1


# twin: feed_one_chunk
def feed_one_chunk(reader, buffer, Py_ssize_t size):
    if reader._state == "size" and not reader._line:
        return one_chunk(buffer, size)
    return None


# twin: one_chunk
cpdef one_chunk(buffer, Py_ssize_t size):
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        return _data(<const unsigned char *> view.buf, min(size, view.len))
    finally:
        PyBuffer_Release(&view)


cdef _data(const unsigned char *data, Py_ssize_t size):
    # twin: _size_of, with the search for the line's end
    # Eight digits fit, also where sizes have 32 bits.
    cdef unsigned int length = 0
    cdef Py_ssize_t end = 0
    cdef unsigned char digit
    while end < size and end < 8:
        digit = data[end]
        if c"0" <= digit <= c"9":
            digit -= c"0"
        elif c"a" <= (digit | 32) <= c"f":
            digit = (digit | 32) - c"a" + 10
        else:
            break
        length = length * 16 + digit
        end += 1
    # Nothing is read beyond the chunk's own two line ends, once they are known to be there.
    if length == 0 or size - end <= 4 or length != <size_t> (size - end - 4):
        return None
    if data[end] != 13 or data[end + 1] != 10 or data[size - 2] != 13 or data[size - 1] != 10:
        return None
    return PyBytes_FromStringAndSize(<const char *> data + end + 2, length)
