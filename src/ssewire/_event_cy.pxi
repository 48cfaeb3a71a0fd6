# The compiled event class; included by the parser and by the benchmarks' floor.
# Who includes it has imported wrong_type from errors.

cimport cython


cdef extern from *:
    """
    #include "structmember.h"

    /* Make a field readable through a member descriptor, which the interpreter's
     * attribute cache knows, in place of a getter, which it does not: an
     * attribute read costs a third (`python -m benchmarks.attributes`). */
    static int
    ssewire_add_member(PyTypeObject *type, PyMemberDef *member, const char *name, Py_ssize_t offset)
    {
        PyObject *descriptor;
        int result;
        member->name = (char *)name;
        member->type = T_OBJECT_EX;
        member->offset = offset;
        member->flags = READONLY;
        descriptor = PyDescr_NewMember(type, member);
        if (descriptor == NULL)
            return -1;
        result = PyDict_SetItemString(type->tp_dict, name, descriptor);
        Py_DECREF(descriptor);
        PyType_Modified(type);
        return result;
    }
    static PyMemberDef ssewire_members[4];
    """
    ctypedef struct PyMemberDef:
        pass
    int ssewire_add_member(type, PyMemberDef *, const char *, Py_ssize_t) except -1
    PyMemberDef ssewire_members[4]
    Py_ssize_t _DATA_OFFSET "offsetof(struct SSEWireEvent, data)"
    Py_ssize_t _EVENT_OFFSET "offsetof(struct SSEWireEvent, event)"
    Py_ssize_t _ID_OFFSET "offsetof(struct SSEWireEvent, id)"
    Py_ssize_t _RETRY_OFFSET "offsetof(struct SSEWireEvent, retry)"


# Not tracked by the garbage collector: the fields are exact str, int or None, so
# no cycle can pass through an event (no_gc), and tracking would make thousands of
# live events trigger collections. As many are kept for reuse as a 64 KiB chunk holds.
@cython.final
@cython.no_gc
@cython.freelist(512)
cdef public class ServerSentEvent [object SSEWireEvent, type SSEWireEventType]:
    """ServerSentEvent(data, event='message', id='', retry=None)\n--\n
    One dispatched event; read-only, hashable, comparable by value.

    `data` is the text of its data lines joined by LF, `event` the dispatched
    type, `id` the last event ID at dispatch (WHATWG lastEventId, kept from
    earlier events), and `retry` the last valid reconnection time in
    milliseconds that stood in the event's own block, else None.

    Raises:
        TypeError: a field is not a str, or retry neither an int nor None.
    """

    cdef object data
    cdef object event
    cdef object id
    cdef object retry

    __match_args__ = ("data", "event", "id", "retry")

    def __init__(self, data, event="message", id="", retry=None):
        data = _exact_str("data", data)
        event = _exact_str("event", event)
        id = _exact_str("id", id)
        if retry is not None:
            if not isinstance(retry, int):
                raise wrong_type("retry", "an int or None", retry)
            retry = int(retry)
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry

    def json(self, loads=None):
        """Return `loads(data)`; `json.loads` unless another decoder is given.

        Raises: what `loads` raises for data that it refuses.
        """
        if loads is None:
            from json import loads  # not at import: the parser's users may not need it
        return loads(self.data)

    def __eq__(self, other):
        if not isinstance(other, ServerSentEvent):
            return NotImplemented
        cdef ServerSentEvent that = other
        return (
            self.data == that.data
            and self.event == that.event
            and self.id == that.id
            and self.retry == that.retry
        )

    def __hash__(self):
        return hash((self.data, self.event, self.id, self.retry))

    def __repr__(self):
        return (
            f"ServerSentEvent(data={self.data!r}, event={self.event!r}, "
            f"id={self.id!r}, retry={self.retry!r})"
        )

    def __setattr__(self, name, value):
        raise AttributeError(f"ServerSentEvent is read-only: cannot set {name!r}")

    def __delattr__(self, name):
        raise AttributeError(f"ServerSentEvent is read-only: cannot delete {name!r}")

    def __reduce__(self):
        from .event import _restore_event
        return _restore_event, (self.data, self.event, self.id, self.retry)

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self


ssewire_add_member(ServerSentEvent, &ssewire_members[0], "data", _DATA_OFFSET)
ssewire_add_member(ServerSentEvent, &ssewire_members[1], "event", _EVENT_OFFSET)
ssewire_add_member(ServerSentEvent, &ssewire_members[2], "id", _ID_OFFSET)
ssewire_add_member(ServerSentEvent, &ssewire_members[3], "retry", _RETRY_OFFSET)


cdef object _exact_str(str name, object value):
    # Return `value` as an exact str, the only kind that an event holds.
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    return str.__str__(value)


cdef inline ServerSentEvent new_event(object data, object event, object id, object retry):
    cdef ServerSentEvent made = ServerSentEvent.__new__(ServerSentEvent)
    made.data = data
    made.event = event
    made.id = id
    made.retry = retry
    return made
