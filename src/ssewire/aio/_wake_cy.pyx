# cython: language_level=3
# cython: freethreading_compatible=True
"""The compiled twin of _wake_py, which is its specification.

An event that comes alone costs a task six calls of it, each a Python frame there and none here.
May import: nothing.
"""

cimport cython
from cpython.contextvars cimport PyContext_Enter, PyContext_Exit

# Equal to WAKE_CONTRACT in _wake_py when this was compiled; _choice compares them.
CONTRACT = 1


# twin: Wake
@cython.final
cdef class Wake:
    cdef public bint _asyncio_future_blocking
    cdef readonly bint waited_for
    # What is awaited has been handed to the task: the iterator that `__await__` gives is this.
    cdef bint _given
    cdef object _loop
    cdef object _callback
    cdef object _context

    def __init__(self, loop):
        self._loop = loop

    # twin: Wake.begin
    def begin(self):
        self.waited_for = True

    # twin: Wake.end
    def end(self):
        self.waited_for = False
        self._callback = self._context = None

    # twin: Wake.step
    def step(self):
        cdef object callback = self._callback
        cdef object context = self._context
        self.waited_for = False
        self._callback = self._context = None
        if callback is None or context is None:
            return False
        try:
            PyContext_Enter(context)
            try:
                callback(self)
            finally:
                PyContext_Exit(context)
        except RuntimeError:
            self._loop.call_soon(callback, self, context=context)
            return False
        except (KeyboardInterrupt, SystemExit) as exc:
            self._loop.call_soon(_raise, exc)
        return True

    # twin: Wake.wake
    def wake(self):
        self.waited_for = False
        self._go_on(self)

    # twin: Wake._go_on
    cdef _go_on(self, outcome):
        cdef object callback = self._callback
        cdef object context = self._context
        self._callback = self._context = None
        if callback is not None:
            self._loop.call_soon(callback, outcome, context=context)

    # twin: Wake.__await__, with __next__
    def __await__(self):
        self._given = False
        return self

    def __next__(self):
        if not self._given:
            if not self.waited_for:
                raise StopIteration
            self._given = True
            self._asyncio_future_blocking = True
            return self
        if self.waited_for:
            raise RuntimeError("stepped by something else than the task that waits")
        raise StopIteration

    # twin: Wake.get_loop
    def get_loop(self):
        return self._loop

    # twin: Wake.add_done_callback
    def add_done_callback(self, callback, *, context=None):
        self._callback = callback
        self._context = context

    # twin: Wake.cancel
    def cancel(self, msg=None):
        if self._callback is None:
            return False
        cancelled = self._loop.create_future()
        cancelled.cancel(msg)
        self._go_on(cancelled)
        return True

    # twin: Wake.result
    def result(self):
        return None


# twin: _raise
def _raise(exc):
    raise exc
