# SPDX-License-Identifier: MIT
# The compiled event class; included by the parser and by the benchmarks' floor.
# Who includes it has imported wrong_type from _checks.

cimport cython
from cpython.object cimport PyObject


cdef extern from *:
    """
    #include "structmember.h"

    #if CYTHON_USE_TYPE_SPECS
    #error "ServerSentEvent is freed by hand, which is right for static types only"
    #endif

    /* The struct of ServerSentEvent below, for the functions that stand before it. */
    typedef struct {
        PyObject_HEAD
        PyObject *data, *event, *id, *retry;
    } ssewire_event;

    /* Events that were let go, for the next chunk: as many as a 64 KiB chunk of an
     * LLM's stream holds. Without them such chunks take a tenth to a sixth longer
     * (`python -m benchmarks --corpus claude`), one event a feed a twentieth; events
     * that are kept gain nothing by them. Not for interpreters without a GIL to guard
     * them, nor for the sanitizers, which are to see a late use. */
    #if !defined(Py_GIL_DISABLED) && !defined(SSEWIRE_NO_SPARE_EVENTS)
    #define SSEWIRE_SPARE_EVENTS 512
    static PyObject *ssewire_spare[SSEWIRE_SPARE_EVENTS];
    static int ssewire_spares = 0;
    #endif

    /* Make an event; twin: make_event. By hand, because a generated constructor fills
     * the fields with None first (corpus small shows it most). */
    static CYTHON_INLINE PyObject *
    ssewire_new_event(PyTypeObject *type, PyObject *data, PyObject *event, PyObject *id,
                      PyObject *retry)
    {
        ssewire_event *made;
    #ifdef SSEWIRE_SPARE_EVENTS
        if (ssewire_spares > 0) {
            made = (ssewire_event *)PyObject_Init(ssewire_spare[--ssewire_spares], type);
        } else
    #endif
        {
            made = PyObject_New(ssewire_event, type);
            if (made == NULL)
                return NULL;
        }
        Py_INCREF(data);
        made->data = data;
        Py_INCREF(event);
        made->event = event;
        Py_INCREF(id);
        made->id = id;
        Py_INCREF(retry);
        made->retry = retry;
        return (PyObject *)made;
    }

    /* A list of one event, made of text that is taken over, which may be NULL after an
     * error; NULL after one. Nothing but the list can make the collector run, and it
     * comes last. An empty one that grows costs a twentieth of a feed of one event
     * (`python -m benchmarks --chunks event`). */
    static CYTHON_INLINE PyObject *
    ssewire_list_of_one(PyTypeObject *type, PyObject *data, PyObject *event, PyObject *id)
    {
        PyObject *made, *list;
        if (data == NULL)
            return NULL;
        made = ssewire_new_event(type, data, event, id, Py_None);
        Py_DECREF(data);
        if (made == NULL)
            return NULL;
        list = PyList_New(1);
        if (list == NULL)
            Py_DECREF(made);
        else
            PyList_SET_ITEM(list, 0, made);
        return list;
    }

    /* For Cython: a result that it takes over, and which is an error if it is NULL. */
    #define ssewire_raise_null(result) (result)

    static void
    ssewire_free_event(PyObject *self)
    {
        ssewire_event *gone = (ssewire_event *)self;
        Py_XDECREF(gone->data);
        Py_XDECREF(gone->event);
        Py_XDECREF(gone->id);
        Py_XDECREF(gone->retry);
    #ifdef SSEWIRE_SPARE_EVENTS
        if (ssewire_spares < SSEWIRE_SPARE_EVENTS) {
            ssewire_spare[ssewire_spares++] = self;
            return;
        }
    #endif
        PyObject_Free(self);
    }

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
        return result;
    }

    static int
    ssewire_finish_type(PyTypeObject *type)
    {
        static PyMemberDef members[4];
        type->tp_dealloc = ssewire_free_event;
        if (ssewire_add_member(type, &members[0], "data", offsetof(ssewire_event, data)) < 0
            || ssewire_add_member(type, &members[1], "event", offsetof(ssewire_event, event)) < 0
            || ssewire_add_member(type, &members[2], "id", offsetof(ssewire_event, id)) < 0
            || ssewire_add_member(type, &members[3], "retry", offsetof(ssewire_event, retry)) < 0)
            return -1;
        PyType_Modified(type);
        return 0;
    }
    """
    object ssewire_new_event(type, PyObject *, PyObject *, PyObject *, PyObject *)
    PyObject *ssewire_list_of_one(type, PyObject *, PyObject *, PyObject *)
    list ssewire_raise_null(PyObject *)
    int ssewire_finish_type(type) except -1
    bint _SAME_LAYOUT "(sizeof(struct SSEWireEvent) == sizeof(ssewire_event) \
&& offsetof(struct SSEWireEvent, data) == offsetof(ssewire_event, data) \
&& offsetof(struct SSEWireEvent, event) == offsetof(ssewire_event, event) \
&& offsetof(struct SSEWireEvent, id) == offsetof(ssewire_event, id) \
&& offsetof(struct SSEWireEvent, retry) == offsetof(ssewire_event, retry))"


# twin: ServerSentEvent
# Not tracked by the garbage collector: the fields are exact str, int or None, so
# no cycle can pass through an event (no_gc), and tracking would make thousands of
# live events trigger collections.
@cython.final
@cython.no_gc
cdef public class ServerSentEvent [object SSEWireEvent, type SSEWireEventType]:
    """ServerSentEvent(data, event='message', id='', retry=None)\n--\n
    One dispatched event; read-only, hashable, comparable by value.

    `data` is the text of its data lines joined by LF, `event` the dispatched
    type, `id` the last event ID at dispatch (WHATWG lastEventId, kept from
    earlier events), and `retry` the last valid reconnection time in
    milliseconds that stood in the event's own block, else None.
    Cost: making one is constant; comparing, hashing and repr are linear in its text.

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
            retry = int.__index__(retry)
        self.data = data
        self.event = event
        self.id = id
        self.retry = retry

    def json(self, loads=None):
        """Return `loads(data)`; `json.loads` unless another decoder is given, at its cost.

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


if not _SAME_LAYOUT:
    raise ImportError("the compiled ServerSentEvent has another layout than its C code")
ssewire_finish_type(ServerSentEvent)


# twin: exact_str
cdef object _exact_str(str name, object value):
    # Return `value` as an exact str, the only kind that an event holds.
    if not isinstance(value, str):
        raise wrong_type(name, "a str", value)
    return str.__str__(value)
