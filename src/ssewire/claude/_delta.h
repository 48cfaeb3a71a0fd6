/* SPDX-License-Identifier: MIT */
/* The character loops of the compiled delta decoder, over the data of a str.
 *
 * As in _string.h, which reads the strings: functions that take a `kind` are inline and
 * called with a constant. Nothing here reads past the end it is given, or keeps a pointer
 * into a str.
 */
#ifndef SSEWIRE_DELTA_H
#define SSEWIRE_DELTA_H

#include <Python.h>
#include <string.h>

#include "_string.h"

/* What stands around the text and the index of a delta. twin: Look, which has the
 * index in its prefix and is another one for each block: there a longer prefix costs
 * less than a second comparison, here a new look more than to read the digits
 * (benchmarks/claude_pipeline.py: 1,000 blocks). */
typedef struct {
    const char *around;   /* ASCII: the three parts whose sizes follow */
    Py_ssize_t head;      /* up to the index, if that comes before the text; else up to the text */
    Py_ssize_t middle;    /* from the index to the text, its opening quote included */
    Py_ssize_t core;      /* after the text's closing quote, less padding and last brace */
    int numbered;         /* the index comes before the text */
    long index;           /* the index, if it comes after the text */
    int brace;            /* the payload ends in a brace, with padding before it or not */
} ssewire_look;

/* What a payload says, and where. */
typedef struct {
    long index;
    ssewire_run text;
} ssewire_delta;

/* Whether the n characters from `at` on are these ASCII ones. */
SSEWIRE_INLINE int
ssewire_same(int kind, const void *data, Py_ssize_t at, const char *ascii, Py_ssize_t n)
{
    Py_UCS4 different = 0;
    Py_ssize_t i;
    if (kind == PyUnicode_1BYTE_KIND)
        return memcmp((const Py_UCS1 *)data + at, ascii, (size_t)n) == 0;
    /* To the end in any case: the compiler makes vectors of that (benchmarks/delta.py: cjk). */
    for (i = 0; i < n; i++)
        different |= PyUnicode_READ(kind, data, at + i) ^ (Py_UCS4)(unsigned char)ascii[i];
    return different == 0;
}

/* Read an index of at most nine digits; return where it ends, `at` if it is none. */
SSEWIRE_INLINE Py_ssize_t
ssewire_index(int kind, const void *data, Py_ssize_t at, Py_ssize_t end, long *index)
{
    Py_ssize_t digit = at;
    *index = 0;
    for (; digit < end && digit < at + 9; digit++) {
        Py_UCS4 c = PyUnicode_READ(kind, data, digit);
        if (c < '0' || c > '9')
            break;
        *index = *index * 10 + (long)(c - '0');
    }
    return digit > at + 1 && PyUnicode_READ(kind, data, at) == '0' ? at : digit;
}

SSEWIRE_INLINE int
ssewire_match_kind(int kind, const void *data, Py_ssize_t size, const ssewire_look *look,
                   ssewire_delta *found)
{
    const char *around = look->around;
    Py_ssize_t text = look->head, tail, end = size;
    if (size < text || !ssewire_same(kind, data, 0, around, text))
        return 0;
    around += text;
    found->index = look->index;
    if (look->numbered) {
        text = ssewire_index(kind, data, text, size, &found->index);
        if (text == look->head)
            return 0;
    }
    if (size - text < look->middle || !ssewire_same(kind, data, text, around, look->middle))
        return 0;
    around += look->middle;
    text += look->middle;
    if (look->brace) {
        if (PyUnicode_READ(kind, data, end - 1) != '}')
            return 0;
        /* Padding before the brace that ends the document means nothing. */
        end--;
        while (end > text && PyUnicode_READ(kind, data, end - 1) == ' ')
            end--;
    }
    tail = end - look->core;
    /* The string is looked for up to the payload's end, not the tail: sixteen bytes are
     * more often there (benchmarks/delta.py: text). */
    return tail > text
        && ssewire_same(kind, data, tail, around, look->core)
        && ssewire_string(kind, data, text, size, &found->text)
        && found->text.stop == tail - 1;
}

/* Whether a payload has this look; then *found says what it says.
 * twin: DeltaDecoder.decode */
static inline int
ssewire_match(PyObject *payload, const ssewire_look *look, ssewire_delta *found)
{
    const void *data = PyUnicode_DATA(payload);
    Py_ssize_t size = PyUnicode_GET_LENGTH(payload);
    switch (PyUnicode_KIND(payload)) {
    case PyUnicode_1BYTE_KIND:
        return ssewire_match_kind(PyUnicode_1BYTE_KIND, data, size, look, found);
    case PyUnicode_2BYTE_KIND:
        return ssewire_match_kind(PyUnicode_2BYTE_KIND, data, size, look, found);
    default:
        return ssewire_match_kind(PyUnicode_4BYTE_KIND, data, size, look, found);
    }
}

/* Whether a payload may be a plain delta, as far as its quotes say. A server that adds a
 * key to each should not pay for a call of Python in vain (benchmarks/delta.py: more
 * keys). Without an early end, so that the compiler makes vectors of it. twin: learn */
static inline int
ssewire_has_quotes(PyObject *payload, int quotes)
{
    const Py_UCS1 *data = PyUnicode_DATA(payload);
    Py_ssize_t size = PyUnicode_GET_LENGTH(payload), i;
    int found = 0, escapes = 0;
    if (PyUnicode_KIND(payload) != PyUnicode_1BYTE_KIND)
        return 1;
    for (i = 0; i < size; i++) {
        found += data[i] == '"';
        escapes |= data[i] == '\\';
    }
    return escapes || found == quotes;
}

#endif
