# SPDX-License-Identifier: MIT
# cython: language_level=3, nonecheck=True
# cython: freethreading_compatible=True
"""The compiled twin of _wake_py, which is its specification.

An event that comes alone costs a task eight calls of it, each a Python frame there and none here.
May import: nothing.
"""

from collections import deque

cimport cython
from cpython.contextvars cimport PyContext_Enter, PyContext_Exit

# Equal to WAKE_CONTRACT in _wake_py when this was compiled; _choice compares them.
CONTRACT = 1


# twin: Turn
@cython.final
cdef class Turn:
    cdef readonly object loop
    cdef object __weakref__
    cdef object _woken
    cdef object _append
    cdef object _take
    cdef bint _scheduled

    def __init__(self, loop):
        self.loop = loop
        self._woken = deque()
        self._append = self._woken.append
        self._take = self._woken.popleft

    # twin: Turn.add
    cdef int add(self, callback, wake, context) except -1:
        self._append((callback, wake, context))
        if not self._scheduled:
            self._schedule()
        return 0

    # twin: Turn._schedule
    cdef int _schedule(self) except -1:
        self.loop.call_soon(self._run)
        self._scheduled = True
        return 0

    # twin: Turn._run
    def _run(self):
        cdef tuple one
        self._scheduled = False
        if len(self._woken) > 1:
            self._schedule()
        cdef bint debug = self.loop.get_debug()
        while self._woken:
            one = self._take()
            if debug or one[2] is None:
                self.loop.call_soon(one[0], one[1], context=one[2])
            else:
                PyContext_Enter(one[2])
                try:
                    one[0](one[1])
                finally:
                    PyContext_Exit(one[2])


# twin: Wake
@cython.final
cdef class Wake:
    cdef public bint _asyncio_future_blocking
    cdef readonly bint waited_for
    cdef bint _held
    # What is awaited has been handed to the task: the iterator that `__await__` gives is this.
    cdef bint _given
    cdef Turn _turn
    cdef object _callback
    cdef object _context

    def __init__(self, Turn turn not None):
        self._turn = turn

    # twin: Wake.begin
    def begin(self):
        cdef Wake wake = Wake(self._turn) if self._held else self
        wake.waited_for = True
        return wake

    # twin: Wake.end
    def end(self):
        self.waited_for = False
        self._callback = self._context = None

    # twin: Wake.wake
    def wake(self):
        cdef object callback = self._callback
        cdef object context = self._context
        self.waited_for = False
        if callback is not None:
            self._callback = self._context = None
            self._turn.add(callback, self, context)

    # twin: Wake.__await__, with __next__
    def __await__(self):
        self._given = False
        return self

    def __next__(self):
        if not self._given:
            if not self.waited_for:
                raise StopIteration
            self._given = self._held = True
            self._asyncio_future_blocking = True
            return self
        if self.waited_for:
            raise RuntimeError("stepped by something else than the task that waits")
        self._held = False
        raise StopIteration

    # twin: Wake.get_loop
    def get_loop(self):
        return self._turn.loop

    # twin: Wake.add_done_callback
    def add_done_callback(self, callback, *, context=None):
        self._callback = callback
        self._context = context

    # twin: Wake.done
    def done(self):
        return self._callback is None

    # twin: Wake.cancel
    def cancel(self, msg=None):
        cdef object callback = self._callback
        cdef object context = self._context
        if callback is None:
            return False
        self._callback = self._context = None
        cancelled = self._turn.loop.create_future()
        cancelled.cancel(msg)
        self._turn.loop.call_soon(callback, cancelled, context=context)
        return True

    # twin: Wake.result
    def result(self):
        return None
