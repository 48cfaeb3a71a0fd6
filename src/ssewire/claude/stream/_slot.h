/* SPDX-License-Identifier: MIT */
/* The slots of Python classes, read and written in C.
 *
 * A class with `__slots__` has a member descriptor for each, which says where in an
 * object the value stands. The classes so stay Python's, and there is one of each.
 */
#ifndef SSEWIRE_SLOT_H
#define SSEWIRE_SLOT_H

#include "Python.h"
#include "structmember.h"

/* CPython's own functions for members lock what they must without a GIL. With one, what
 * they cost is a fifth of a step (`python -m benchmarks.claude_pipeline`). */
#if !defined(Py_GIL_DISABLED) && !defined(SSEWIRE_NO_DIRECT_SLOTS)
#define SSEWIRE_DIRECT_SLOTS
#endif

/* Return the slot `name` of a class, which lives as long as the class.
 *
 * Raises:
 *     ImportError: the class has none of that name.
 */
static PyMemberDef *
ssewire_slot(PyObject *cls, PyObject *name)
{
    PyObject *found = PyObject_GetAttr(cls, name);
    PyMemberDef *slot = NULL;
    if (found != NULL && Py_TYPE(found) == &PyMemberDescr_Type
        && ((PyMemberDescrObject *)found)->d_member->type == T_OBJECT_EX)
        slot = ((PyMemberDescrObject *)found)->d_member;
    else
        PyErr_Format(PyExc_ImportError, "%R has no slot %R", cls, name);
    Py_XDECREF(found);
    return slot;
}

/* Return the value of a slot of an object of its class.
 *
 * Raises:
 *     AttributeError: it has none.
 */
static CYTHON_INLINE PyObject *
ssewire_get(PyObject *object, PyMemberDef *slot)
{
#ifdef SSEWIRE_DIRECT_SLOTS
    PyObject *value = *(PyObject **)((char *)object + slot->offset);
    if (value != NULL) {
        Py_INCREF(value);
        return value;
    }
#endif
    return PyMember_GetOne((const char *)object, slot);
}

/* Set a slot of an object of its class; -1 for an exception. */
static CYTHON_INLINE int
ssewire_put(PyObject *object, PyMemberDef *slot, PyObject *value)
{
#ifdef SSEWIRE_DIRECT_SLOTS
    PyObject **place = (PyObject **)((char *)object + slot->offset);
    PyObject *before = *place;
    Py_INCREF(value);
    *place = value;
    /* Last: what goes may run code that looks at the slot. */
    Py_XDECREF(before);
    return 0;
#else
    return PyMember_SetOne((char *)object, slot, value);
#endif
}

/* Return a new object of a class with `__slots__`, none of which is set. */
static CYTHON_INLINE PyObject *
ssewire_new(PyObject *cls)
{
    return ((PyTypeObject *)cls)->tp_alloc((PyTypeObject *)cls, 0);
}

#endif
