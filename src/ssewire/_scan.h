/* SPDX-License-Identifier: MIT */
/* The byte loops of the compiled parser: finding line ends, making str objects.
 *
 * Nothing here reads past the end it is given, and nothing keeps a pointer.
 * What each trick buys is measured by `python -m benchmarks`; facts about the
 * layout of str are those of CPython (PEP 393).
 */
#ifndef SSEWIRE_SCAN_H
#define SSEWIRE_SCAN_H

#include <Python.h>
#include <string.h>

#include "_simd.h"

/* Threads run Python at the same time: parsers share nothing then. */
#ifdef Py_GIL_DISABLED
#define SSEWIRE_FREE_THREADED 1
#else
#define SSEWIRE_FREE_THREADED 0
#endif

typedef unsigned char ssewire_byte;

/* Return the first CR or LF in [p, end), or end; *high gets a non-zero value
 * if a byte before it is not ASCII.
 *
 * One pass for three questions: no search for CR first, no second look for
 * ASCII (the two cost a third more on corpus claude). */
static inline const ssewire_byte *
ssewire_line_end(const ssewire_byte *p, const ssewire_byte *end, int *high)
{
    unsigned int seen = 0;
#ifdef SSEWIRE_SIMD
    const ssewire_vector lf = ssewire_splat('\n');
    const ssewire_vector cr = ssewire_splat('\r');
    /* All bytes so far, or-ed: their top bits are asked for once, at the end. */
    ssewire_vector all = ssewire_splat(0);
    if (end - p >= 16) {
        do {
            ssewire_vector v = ssewire_load(p);
            ssewire_mask ends =
                ssewire_mask_of(ssewire_or(ssewire_equal(v, lf), ssewire_equal(v, cr)));
            if (ends) {
                int i = ssewire_first(ends);
                *high = (ssewire_before(ssewire_high(v), i) | ssewire_high(all)) != 0;
                return p + i;
            }
            all = ssewire_or(all, v);
            p += 16;
            /* Of a rest of less than sixteen bytes the last sixteen, some of them once
             * more: one by one they take as long as the line before them
             * (`python -m benchmarks --chunks event`). */
            if (p < end && end - p < 16)
                p = end - 16;
        } while (p < end);
        *high = ssewire_high(all) != 0;
        return end;
    }
#else
    /* Eight bytes at a time in an ordinary register: a byte of `x - 01..01`
     * borrows its top bit exactly when it, or one below it, was zero. Any hit
     * is looked at byte by byte below, so a false one costs time only. */
    const unsigned long long ones = 0x0101010101010101ULL;
    const unsigned long long tops = 0x8080808080808080ULL;
    while (end - p >= 8) {
        unsigned long long v, l, c;
        memcpy(&v, p, 8);
        l = v ^ (ones * '\n');
        c = v ^ (ones * '\r');
        if ((((l - ones) & ~l) | ((c - ones) & ~c)) & tops)
            break;
        seen |= (v & tops) != 0;
        p += 8;
    }
#endif
    while (p < end && *p != '\n' && *p != '\r') {
        seen |= *p & 0x80u;
        p++;
    }
    *high = seen != 0;
    return p;
}

/* A str of bytes known to be ASCII: half the time of a decoder that has to look. */
static inline PyObject *
ssewire_ascii(const ssewire_byte *p, Py_ssize_t n)
{
    PyObject *text = PyUnicode_New(n, 127);
    if (text != NULL && n > 0)
        memcpy(PyUnicode_1BYTE_DATA(text), p, (size_t)n);
    return text;
}

/* A line of a chunk, without its end. */
typedef struct {
    const ssewire_byte *start;
    Py_ssize_t size;
} ssewire_line;

/* A str of ASCII lines joined by LF; `size` is that of the result. Straight from
 * the chunk: through a buffer the lines are copied twice (corpus multiline). */
static PyObject *
ssewire_join_ascii(const ssewire_line *lines, int count, Py_ssize_t size)
{
    PyObject *text = PyUnicode_New(size, 127);
    if (text != NULL && size > 0) {
        Py_UCS1 *out = PyUnicode_1BYTE_DATA(text);
        int i;
        for (i = 0; i < count; i++) {
            if (i > 0)
                *out++ = '\n';
            memcpy(out, lines[i].start, (size_t)lines[i].size);
            out += lines[i].size;
        }
    }
    return text;
}

#define SSEWIRE_CONTINUES(b) (((b) & 0xC0) == 0x80)

/* Decode valid UTF-8 into a str of one kind; 0 at the first invalid byte.
 *
 * There is room for a character for each byte that is no continuation byte,
 * and each step writes one character for each such byte that it has read. */
#define SSEWIRE_DECODER(NAME, CHAR, WIDEN_16)                                    \
static int NAME(const ssewire_byte *p, const ssewire_byte *end, CHAR *out,       \
                CHAR *out_end)                                                   \
{                                                                                \
    (void)out_end;                                                               \
    while (p < end) {                                                            \
        ssewire_byte b = *p;                                                     \
        if (b < 0x80) {                                                          \
            WIDEN_16                                                             \
            *out++ = (CHAR)b;                                                    \
            p++;                                                                 \
        } else if (b < 0xE0) {                                                   \
            if (b < 0xC2 || end - p < 2 || !SSEWIRE_CONTINUES(p[1]))             \
                return 0;                                                        \
            *out++ = (CHAR)(((b & 0x1Fu) << 6) | (p[1] & 0x3Fu));                \
            p += 2;                                                              \
        } else if (b < 0xF0) {                                                   \
            unsigned int c;                                                      \
            if (end - p < 3 || !SSEWIRE_CONTINUES(p[1]) || !SSEWIRE_CONTINUES(p[2])) \
                return 0;                                                        \
            c = ((b & 0x0Fu) << 12) | ((p[1] & 0x3Fu) << 6) | (p[2] & 0x3Fu);    \
            if (c < 0x800 || (c >= 0xD800 && c <= 0xDFFF))                       \
                return 0;                                                        \
            *out++ = (CHAR)c;                                                    \
            p += 3;                                                              \
        } else {                                                                 \
            unsigned int c;                                                      \
            if (end - p < 4 || !SSEWIRE_CONTINUES(p[1]) || !SSEWIRE_CONTINUES(p[2]) \
                || !SSEWIRE_CONTINUES(p[3]))                                     \
                return 0;                                                        \
            c = ((b & 0x07u) << 18) | ((p[1] & 0x3Fu) << 12)                     \
                | ((p[2] & 0x3Fu) << 6) | (p[3] & 0x3Fu);                        \
            if (b > 0xF4 || c < 0x10000 || c > 0x10FFFF)                         \
                return 0;                                                        \
            *out++ = (CHAR)c;                                                    \
            p += 4;                                                              \
        }                                                                        \
    }                                                                            \
    return 1;                                                                    \
}

/* JSON around foreign text is ASCII: its runs are widened sixteen at a time; of
 * a shorter run the rest of the sixteen is written over again. */
#ifdef SSEWIRE_SIMD
#define SSEWIRE_RUN(STORE)                                                       \
    while (end - p >= 16 && out_end - out >= 16) {                               \
        ssewire_vector v = ssewire_load(p);                                      \
        ssewire_mask top = ssewire_high(v);                                      \
        int run = top ? ssewire_first(top) : 16;                                 \
        STORE(out, v);                                                           \
        out += run;                                                              \
        p += run;                                                                \
        if (run < 16)                                                            \
            break;                                                               \
    }                                                                            \
    if (p == end)                                                                \
        break;                                                                   \
    b = *p;                                                                      \
    if (b >= 0x80)                                                               \
        continue;
#else
#define SSEWIRE_RUN(STORE)
#endif

SSEWIRE_DECODER(ssewire_decode_utf8_1, Py_UCS1, SSEWIRE_RUN(ssewire_store_1))
SSEWIRE_DECODER(ssewire_decode_utf8_2, Py_UCS2, SSEWIRE_RUN(ssewire_store_2))
SSEWIRE_DECODER(ssewire_decode_utf8_4, Py_UCS4, SSEWIRE_RUN(ssewire_store_4))

/* A str of any bytes, as bytes.decode("utf-8", "replace") makes it.
 *
 * First the size is found (the largest lead byte says how wide characters are,
 * continuation bytes are not counted), then the text is written into a str of
 * just that size. CPython's decoder has to grow its result, and takes half as
 * long again on corpus cjk; at any invalid byte it takes over, so that the
 * replacement characters are its own. */
static PyObject *
ssewire_decode(const ssewire_byte *p, Py_ssize_t n)
{
    const ssewire_byte *q = p, *end = p + n;
    Py_ssize_t continuations = 0, size;
    unsigned int largest = 0;
    PyObject *text;
    void *out;
    int valid;
#ifdef SSEWIRE_SIMD
    ssewire_vector most = ssewire_splat(0);
    int i;
    while (end - q >= 16) {
        ssewire_vector counts = ssewire_splat(0);
        for (i = 0; i < 255 && end - q >= 16; i++, q += 16) {
            ssewire_vector v = ssewire_load(q);
            most = ssewire_largest_each(most, v);
            counts = ssewire_count(counts, ssewire_continuations(v));
        }
        continuations += ssewire_sum(counts);
    }
    largest = ssewire_largest(most);
#endif
    for (; q < end; q++) {
        if (*q > largest)
            largest = *q;
        continuations += SSEWIRE_CONTINUES(*q);
    }
    if (largest < 0x80)
        return ssewire_ascii(p, n);
    size = n - continuations;
    text = PyUnicode_New(size, largest >= 0xF0 ? 0x10FFFF : largest >= 0xC4 ? 0xFFFF : 0xFF);
    if (text == NULL)
        return NULL;
    out = PyUnicode_DATA(text);
    if (size == 0)
        valid = 0; /* continuation bytes only; the empty str is shared, not to be written to */
    else if (largest >= 0xF0)
        valid = ssewire_decode_utf8_4(p, end, out, (Py_UCS4 *)out + size);
    else if (largest >= 0xC4)
        valid = ssewire_decode_utf8_2(p, end, out, (Py_UCS2 *)out + size);
    else
        valid = ssewire_decode_utf8_1(p, end, out, (Py_UCS1 *)out + size);
    if (SSEWIRE_LIKELY(valid))
        return text;
    Py_DECREF(text);
    return PyUnicode_DecodeUTF8((const char *)p, n, "replace");
}

#endif
