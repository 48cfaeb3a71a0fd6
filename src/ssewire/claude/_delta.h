/* The character loops of the compiled delta decoder, over the data of a str.
 *
 * A str holds one, two or four bytes a character (PEP 393). The functions that
 * take a `kind` read any of them; they are inline and called with a constant, so
 * that the compiler makes of each what it would of a loop for that width alone.
 * Nothing here reads past the end it is given, or keeps a pointer into a str.
 */
#ifndef SSEWIRE_DELTA_H
#define SSEWIRE_DELTA_H

#include <Python.h>
#include <string.h>

#include "_simd.h"

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
    Py_ssize_t start;     /* of the text: after its opening quote */
    Py_ssize_t stop;      /* its closing quote */
    int escaped;          /* the text holds escapes; only then the next two are set */
    Py_UCS4 high;         /* its characters, or-ed */
    Py_ssize_t size;      /* how many they are */
} ssewire_delta;

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

/* Find the end of the string that begins at `at`, after its quote; 0 if json refuses it. */
SSEWIRE_INLINE int
ssewire_string(int kind, const void *data, Py_ssize_t at, Py_ssize_t end, ssewire_delta *found)
{
    Py_UCS4 high = 0, code = 0;
    Py_ssize_t shorter = 0;
    int size;
    found->start = at;
    found->escaped = 0;
    for (;;) {
        at = ssewire_plain(kind, data, at, end);
        if (at == end || PyUnicode_READ(kind, data, at) < 0x20)
            return 0;
        if (PyUnicode_READ(kind, data, at) == '"')
            break;
        size = ssewire_escape(kind, data, at, end, &code);
        if (size == 0)
            return 0;
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
    return 1;
}

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
        && ssewire_string(kind, data, text, size, found) && found->stop == tail - 1;
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

/* Write the characters of a string that was found to be valid. */
SSEWIRE_INLINE void
ssewire_unescape(int kind, const void *data, const ssewire_delta *found, PyObject *text)
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

/* The text of a payload, as json would decode it: a new reference. twin: scanstring */
static PyObject *
ssewire_delta_text(PyObject *payload, const ssewire_delta *found)
{
    Py_ssize_t size = found->stop - found->start;
    const void *data = PyUnicode_DATA(payload);
    PyObject *text;
    if (!found->escaped && !PyUnicode_IS_ASCII(payload))
        return PyUnicode_Substring(payload, found->start, found->stop);
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
    switch (PyUnicode_KIND(payload)) {
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
