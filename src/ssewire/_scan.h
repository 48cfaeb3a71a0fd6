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

#if (defined(__SSE2__) || defined(_M_X64) || (defined(_M_IX86_FP) && _M_IX86_FP >= 2)) \
    && !defined(SSEWIRE_NO_SSE2)
#define SSEWIRE_SSE2 1
#include <emmintrin.h>
#endif

#if defined(_MSC_VER)
#include <intrin.h>
static __inline int ssewire_ctz(unsigned int x) {
    unsigned long i;
    _BitScanForward(&i, x);
    return (int)i;
}
#define SSEWIRE_LIKELY(x) (x)
#else
#define ssewire_ctz __builtin_ctz
#define SSEWIRE_LIKELY(x) __builtin_expect(!!(x), 1)
#endif

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
#ifdef SSEWIRE_SSE2
    const __m128i lf = _mm_set1_epi8('\n');
    const __m128i cr = _mm_set1_epi8('\r');
    /* All bytes so far, or-ed: their top bits are asked for once, at the end. */
    __m128i all = _mm_setzero_si128();
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        unsigned int ends = (unsigned int)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(v, lf), _mm_cmpeq_epi8(v, cr)));
        if (ends) {
            int i = ssewire_ctz(ends);
            unsigned int top = (unsigned int)_mm_movemask_epi8(v) & ((1u << i) - 1);
            *high = (top | (unsigned int)_mm_movemask_epi8(all)) != 0;
            return p + i;
        }
        all = _mm_or_si128(all, v);
        p += 16;
    }
    seen = (unsigned int)_mm_movemask_epi8(all);
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
#ifdef SSEWIRE_SSE2
#define SSEWIRE_RUN(STORES)                                                      \
    while (end - p >= 16 && out_end - out >= 16) {                               \
        __m128i v = _mm_loadu_si128((const __m128i *)p);                         \
        unsigned int top = (unsigned int)_mm_movemask_epi8(v);                   \
        int run = top ? ssewire_ctz(top) : 16;                                   \
        STORES                                                                   \
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
#define SSEWIRE_STORE_1 _mm_storeu_si128((__m128i *)out, v);
#define SSEWIRE_STORE_2                                                          \
    {                                                                            \
        const __m128i zero = _mm_setzero_si128();                                \
        _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi8(v, zero));            \
        _mm_storeu_si128((__m128i *)(out + 8), _mm_unpackhi_epi8(v, zero));      \
    }
#define SSEWIRE_STORE_4                                                          \
    {                                                                            \
        const __m128i zero = _mm_setzero_si128();                                \
        __m128i lo = _mm_unpacklo_epi8(v, zero), hi = _mm_unpackhi_epi8(v, zero); \
        _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi16(lo, zero));          \
        _mm_storeu_si128((__m128i *)(out + 4), _mm_unpackhi_epi16(lo, zero));    \
        _mm_storeu_si128((__m128i *)(out + 8), _mm_unpacklo_epi16(hi, zero));    \
        _mm_storeu_si128((__m128i *)(out + 12), _mm_unpackhi_epi16(hi, zero));   \
    }
#else
#define SSEWIRE_RUN(STORES)
#define SSEWIRE_STORE_1
#define SSEWIRE_STORE_2
#define SSEWIRE_STORE_4
#endif

SSEWIRE_DECODER(ssewire_decode_1, Py_UCS1, SSEWIRE_RUN(SSEWIRE_STORE_1))
SSEWIRE_DECODER(ssewire_decode_2, Py_UCS2, SSEWIRE_RUN(SSEWIRE_STORE_2))
SSEWIRE_DECODER(ssewire_decode_4, Py_UCS4, SSEWIRE_RUN(SSEWIRE_STORE_4))

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
    Py_ssize_t continuations = 0;
    unsigned int largest = 0;
    PyObject *text;
    int valid;
#ifdef SSEWIRE_SSE2
    const __m128i below = _mm_set1_epi8(-64);
    __m128i most = _mm_setzero_si128();
    ssewire_byte lanes[16];
    int i;
    while (end - q >= 16) {
        /* 0xFF is -1: subtracting it counts, 255 rounds before a lane is full. */
        __m128i count = _mm_setzero_si128();
        __m128i sums;
        for (i = 0; i < 255 && end - q >= 16; i++, q += 16) {
            __m128i v = _mm_loadu_si128((const __m128i *)q);
            most = _mm_max_epu8(most, v);
            count = _mm_sub_epi8(count, _mm_cmplt_epi8(v, below));
        }
        sums = _mm_sad_epu8(count, _mm_setzero_si128());
        continuations += _mm_cvtsi128_si32(sums) + _mm_cvtsi128_si32(_mm_srli_si128(sums, 8));
    }
    _mm_storeu_si128((__m128i *)lanes, most);
    for (i = 0; i < 16; i++)
        if (lanes[i] > largest)
            largest = lanes[i];
#endif
    for (; q < end; q++) {
        if (*q > largest)
            largest = *q;
        continuations += SSEWIRE_CONTINUES(*q);
    }
    if (largest < 0x80)
        return ssewire_ascii(p, n);
    text = PyUnicode_New(n - continuations,
                         largest >= 0xF0 ? 0x10FFFF : largest >= 0xC4 ? 0xFFFF : 0xFF);
    if (text == NULL)
        return NULL;
    /* PyUnicode_New(0) is shared and must not be written to: nothing is, all
     * bytes being continuation bytes. */
    if (largest >= 0xF0)
        valid = n > continuations && ssewire_decode_4(p, end, PyUnicode_4BYTE_DATA(text),
                                                         PyUnicode_4BYTE_DATA(text) + n - continuations);
    else if (largest >= 0xC4)
        valid = n > continuations && ssewire_decode_2(p, end, PyUnicode_2BYTE_DATA(text),
                                                         PyUnicode_2BYTE_DATA(text) + n - continuations);
    else
        valid = n > continuations && ssewire_decode_1(p, end, PyUnicode_1BYTE_DATA(text),
                                                         PyUnicode_1BYTE_DATA(text) + n - continuations);
    if (SSEWIRE_LIKELY(valid))
        return text;
    Py_DECREF(text);
    return PyUnicode_DecodeUTF8((const char *)p, n, "replace");
}

#endif
