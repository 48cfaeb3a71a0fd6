/* SPDX-License-Identifier: MIT */
/* The inside of a JSON string, over the data of a str: how far it goes, what it says.
 *
 * A str holds one, two or four bytes a character (PEP 393). The functions that
 * take a `kind` read any of them; they are inline and called with a constant, so
 * that the compiler makes of each what it would of a loop for that width alone.
 * Nothing here reads past the end it is given, or keeps a pointer into a str.
 */
#ifndef SSEWIRE_STRING_H
#define SSEWIRE_STRING_H

#include <Python.h>
#include <string.h>

#include "_simd.h"

/* A part of a str that is the inside of a JSON string, or the beginning of one. */
typedef struct {
    Py_ssize_t start;     /* after the opening quote, if that is there */
    Py_ssize_t stop;      /* the closing quote, or where reading ended */
    int escaped;          /* there are escapes; only then the next two are set */
    Py_UCS4 high;         /* the characters it says, or-ed */
    Py_ssize_t size;      /* how many they are */
} ssewire_run;

/* Return the first quote, backslash or control character from `at` on, or end. */
SSEWIRE_INLINE Py_ssize_t
ssewire_plain(int kind, const void *data, Py_ssize_t at, Py_ssize_t end)
{
#ifdef SSEWIRE_SIMD
    if (kind == PyUnicode_1BYTE_KIND) {
        const ssewire_vector quote = ssewire_splat('"');
        const ssewire_vector slash = ssewire_splat('\\');
        const ssewire_vector control = ssewire_splat(0x1F);
        for (; end - at >= 16; at += 16) {
            ssewire_vector v = ssewire_load((const Py_UCS1 *)data + at);
            ssewire_mask hits = ssewire_mask_of(
                ssewire_or(ssewire_or(ssewire_equal(v, quote), ssewire_equal(v, slash)),
                           ssewire_at_most(v, control)));
            if (hits)
                return at + ssewire_first(hits);
        }
    }
#endif
    for (; at < end; at++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at);
        if (c == '"' || c == '\\' || c < 0x20)
            break;
    }
    return at;
}

/* Read four hexadecimal digits; -1 if they are none. */
SSEWIRE_INLINE int
ssewire_hex(int kind, const void *data, Py_ssize_t at)
{
    int i, code = 0;
    for (i = 0; i < 4; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, at + i);
        if (c >= '0' && c <= '9')
            code = code << 4 | (int)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            code = code << 4 | (int)((c | 0x20) - 'a' + 10);
        else
            return -1;
    }
    return code;
}

/* Read the escape whose backslash is at `at`; return its length, 0 if it is none.
 * Two escapes that are a surrogate pair count as one. */
SSEWIRE_INLINE int
ssewire_escape(int kind, const void *data, Py_ssize_t at, Py_ssize_t end, Py_UCS4 *code)
{
    int unit, low;
    if (end - at < 2)
        return 0;
    switch (PyUnicode_READ(kind, data, at + 1)) {
    case '"': *code = '"'; return 2;
    case '\\': *code = '\\'; return 2;
    case '/': *code = '/'; return 2;
    case 'b': *code = '\b'; return 2;
    case 'f': *code = '\f'; return 2;
    case 'n': *code = '\n'; return 2;
    case 'r': *code = '\r'; return 2;
    case 't': *code = '\t'; return 2;
    case 'u': break;
    default: return 0;
    }
    if (end - at < 6 || (unit = ssewire_hex(kind, data, at + 2)) < 0)
        return 0;
    *code = (Py_UCS4)unit;
    if (unit >= 0xD800 && unit <= 0xDBFF && end - at >= 12
        && PyUnicode_READ(kind, data, at + 6) == '\\'
        && PyUnicode_READ(kind, data, at + 7) == 'u') {
        low = ssewire_hex(kind, data, at + 8);
        if (low >= 0xDC00 && low <= 0xDFFF) {
            *code = 0x10000 + ((Py_UCS4)(unit - 0xD800) << 10) + (Py_UCS4)(low - 0xDC00);
            return 12;
        }
    }
    return 6;
}

/* Read the inside of a string from `at` on, as far as it is valid and whole: up to its
 * closing quote, to `end`, or to a control character or an escape that is cut or none. */
SSEWIRE_INLINE void
ssewire_read_run(int kind, const void *data, Py_ssize_t at, Py_ssize_t end, ssewire_run *found)
{
    Py_UCS4 high = 0, code = 0;
    Py_ssize_t shorter = 0;
    int size;
    found->start = at;
    found->escaped = 0;
    for (;;) {
        at = ssewire_plain(kind, data, at, end);
        if (at == end || PyUnicode_READ(kind, data, at) != '\\')
            break;
        size = ssewire_escape(kind, data, at, end, &code);
        if (size == 0)
            break;
        found->escaped = 1;
        high |= code;
        shorter += size - 1;
        at += size;
    }
    found->stop = at;
    if (found->escaped) {
        for (at = found->start; at < found->stop; at++)
            high |= PyUnicode_READ(kind, data, at);
        found->high = high;
        found->size = found->stop - found->start - shorter;
    }
}

/* The same over a str, to its end. twin: PartialJSON._scan_string */
static inline void
ssewire_read_str(PyObject *text, Py_ssize_t at, ssewire_run *found)
{
    const void *data = PyUnicode_DATA(text);
    Py_ssize_t size = PyUnicode_GET_LENGTH(text);
    switch (PyUnicode_KIND(text)) {
    case PyUnicode_1BYTE_KIND:
        ssewire_read_run(PyUnicode_1BYTE_KIND, data, at, size, found);
        break;
    case PyUnicode_2BYTE_KIND:
        ssewire_read_run(PyUnicode_2BYTE_KIND, data, at, size, found);
        break;
    default:
        ssewire_read_run(PyUnicode_4BYTE_KIND, data, at, size, found);
    }
}

/* Find the end of the string that begins at `at`, after its quote; 0 if json refuses it. */
SSEWIRE_INLINE int
ssewire_string(int kind, const void *data, Py_ssize_t at, Py_ssize_t end, ssewire_run *found)
{
    ssewire_read_run(kind, data, at, end, found);
    return found->stop < end && PyUnicode_READ(kind, data, found->stop) == '"';
}

/* Write the characters of a string that was found to be valid. */
SSEWIRE_INLINE void
ssewire_unescape(int kind, const void *data, const ssewire_run *found, PyObject *text)
{
    int out_kind = PyUnicode_KIND(text);
    void *out = PyUnicode_DATA(text);
    Py_ssize_t at = found->start, next, size = 0;
    Py_UCS4 code = 0;
    while (at < found->stop) {
        next = ssewire_plain(kind, data, at, found->stop);
        if (kind == out_kind) {
            memcpy((char *)out + size * kind, (const char *)data + at * kind,
                   (size_t)((next - at) * kind));
            size += next - at;
            at = next;
        }
        for (; at < next; at++)
            PyUnicode_WRITE(out_kind, out, size++, PyUnicode_READ(kind, data, at));
        if (at < found->stop) {
            at += ssewire_escape(kind, data, at, found->stop, &code);
            PyUnicode_WRITE(out_kind, out, size++, code);
        }
    }
}

/* What a run of a str says, as json would decode it: a new reference. twin: scanstring */
static PyObject *
ssewire_run_text(PyObject *whole, const ssewire_run *found)
{
    Py_ssize_t size = found->stop - found->start;
    const void *data = PyUnicode_DATA(whole);
    PyObject *text;
    if (!found->escaped && !PyUnicode_IS_ASCII(whole))
        return PyUnicode_Substring(whole, found->start, found->stop);
    if (!found->escaped) {
        text = PyUnicode_New(size, 127);
        if (text != NULL && size > 0)
            memcpy(PyUnicode_1BYTE_DATA(text), (const Py_UCS1 *)data + found->start, (size_t)size);
        return text;
    }
    /* Characters or-ed may be more than the largest one there is. */
    text = PyUnicode_New(found->size, found->high > 0x10FFFF ? 0x10FFFF : found->high);
    if (text == NULL)
        return NULL;
    switch (PyUnicode_KIND(whole)) {
    case PyUnicode_1BYTE_KIND:
        ssewire_unescape(PyUnicode_1BYTE_KIND, data, found, text);
        break;
    case PyUnicode_2BYTE_KIND:
        ssewire_unescape(PyUnicode_2BYTE_KIND, data, found, text);
        break;
    default:
        ssewire_unescape(PyUnicode_4BYTE_KIND, data, found, text);
    }
    return text;
}

#endif
