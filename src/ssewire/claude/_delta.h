/* The character loops of the compiled delta decoder, over the data of a str.
 *
 * A str holds one, two or four bytes a character (PEP 393). This file includes
 * itself once for each, with SSEWIRE_CHAR the type of a character. Nothing here
 * reads past the end it is given, or keeps a pointer into a str.
 */
#ifndef SSEWIRE_DELTA_H
#define SSEWIRE_DELTA_H

#include <Python.h>
#include <string.h>

#if (defined(__SSE2__) || defined(_M_X64) || (defined(_M_IX86_FP) && _M_IX86_FP >= 2)) \
    && !defined(SSEWIRE_NO_SSE2)
#define SSEWIRE_DELTA_SSE2 1
#include <emmintrin.h>
#if defined(_MSC_VER)
#include <intrin.h>
#endif
#endif

/* Usual ones take 80 characters; as in _delta_py. */
#define SSEWIRE_MAX_TEMPLATE 256

/* What a payload says, and where. */
typedef struct {
    Py_ssize_t start;     /* of the text: after its opening quote */
    Py_ssize_t stop;      /* its closing quote */
    int escaped;          /* the text holds escapes */
    Py_UCS4 high;         /* of the text's characters, or-ed, where it holds escapes */
    Py_ssize_t size;      /* characters of the text, where it holds escapes */
    long index;
    int kind;
} ssewire_delta;

/* What stands around the text of a block's deltas: ASCII, for each width of a
 * character once, so that it can be compared as memory. Made when it is needed:
 * a thousand streams that wait hold none (benchmarks/claude_clients.py). */
typedef struct {
    Py_ssize_t prefix;    /* characters up to the text; 0: an empty slot */
    Py_ssize_t core;      /* characters after the closing quote, less padding and last brace */
    Py_UCS4 *text_4;      /* owns the memory, in which the other two follow */
    Py_UCS2 *text_2;
    Py_UCS1 *text_1;
} ssewire_template;

/* In the order of KINDS in the .pyx. */
static const char *const ssewire_kinds[] = {
    "text_delta\"", "input_json_delta\"", "thinking_delta\"", "signature_delta\""};
static const char *const ssewire_keys[] = {
    "text\"", "partial_json\"", "thinking\"", "signature\""};

static inline int
ssewire_hex(Py_UCS4 c)
{
    if (c >= '0' && c <= '9')
        return (int)c - '0';
    if (c >= 'a' && c <= 'f')
        return (int)c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return (int)c - 'A' + 10;
    return -1;
}

#define SSEWIRE_PASTE_(a, b) a##b
#define SSEWIRE_PASTE(a, b) SSEWIRE_PASTE_(a, b)
#define SSEWIRE_NAME(stem) SSEWIRE_PASTE(stem, SSEWIRE_WIDTH)

#define SSEWIRE_WIDTH 1
#define SSEWIRE_CHAR Py_UCS1
#include "_delta.h"
#undef SSEWIRE_WIDTH
#undef SSEWIRE_CHAR
#define SSEWIRE_WIDTH 2
#define SSEWIRE_CHAR Py_UCS2
#include "_delta.h"
#undef SSEWIRE_WIDTH
#undef SSEWIRE_CHAR
#define SSEWIRE_WIDTH 4
#define SSEWIRE_CHAR Py_UCS4
#include "_delta.h"
#undef SSEWIRE_WIDTH
#undef SSEWIRE_CHAR

#define SSEWIRE_EACH_WIDTH(text, call_1, call_2, call_4)      \
    switch (PyUnicode_KIND(text)) {                           \
    case PyUnicode_1BYTE_KIND:                                \
        return call_1;                                        \
    case PyUnicode_2BYTE_KIND:                                \
        return call_2;                                        \
    default:                                                  \
        return call_4;                                        \
    }

/* Whether a payload is a plain delta; then *found says which. */
static int
ssewire_walk(PyObject *data, ssewire_delta *found)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(data);
    SSEWIRE_EACH_WIDTH(data,
        ssewire_walk_1(PyUnicode_1BYTE_DATA(data), n, found),
        ssewire_walk_2(PyUnicode_2BYTE_DATA(data), n, found),
        ssewire_walk_4(PyUnicode_4BYTE_DATA(data), n, found))
}

/* Whether a payload is like those that the template was made of; sets the text only. */
static inline int
ssewire_match(const ssewire_template *like, PyObject *data, ssewire_delta *found)
{
    Py_ssize_t n = PyUnicode_GET_LENGTH(data);
    SSEWIRE_EACH_WIDTH(data,
        ssewire_match_1(like, like->text_1, PyUnicode_1BYTE_DATA(data), n, found),
        ssewire_match_2(like, like->text_2, PyUnicode_2BYTE_DATA(data), n, found),
        ssewire_match_4(like, like->text_4, PyUnicode_4BYTE_DATA(data), n, found))
}

/* Empty a slot. */
static inline void
ssewire_forget(ssewire_template *like)
{
    PyMem_Free(like->text_4);
    like->text_4 = NULL;
    like->prefix = 0;
}

/* Make a template of a payload that was walked; 0 if it is too long or does not end in a brace. */
static int
ssewire_learn(ssewire_template *like, PyObject *data, const ssewire_delta *found)
{
    int kind = PyUnicode_KIND(data);
    const void *p = PyUnicode_DATA(data);
    Py_ssize_t end = PyUnicode_GET_LENGTH(data) - 1;
    Py_ssize_t tail = found->stop + 1;
    Py_ssize_t size, i;
    void *text;
    if (PyUnicode_READ(kind, p, end) != '}')
        return 0;
    while (end > tail && PyUnicode_READ(kind, p, end - 1) == ' ')
        end--;
    size = found->start + (end - tail);
    if (size > SSEWIRE_MAX_TEMPLATE)
        return 0;
    text = PyMem_Malloc((size_t)size * (4 + 2 + 1));
    if (text == NULL)
        return 0; /* Without a template each payload is walked, that is all. */
    ssewire_forget(like);
    like->prefix = found->start;
    like->core = end - tail;
    like->text_4 = text;
    like->text_2 = (Py_UCS2 *)(like->text_4 + size);
    like->text_1 = (Py_UCS1 *)(like->text_2 + size);
    for (i = 0; i < like->prefix + like->core; i++) {
        Py_UCS4 c = PyUnicode_READ(kind, p, i < like->prefix ? i : tail + i - like->prefix);
        like->text_1[i] = (Py_UCS1)c;
        like->text_2[i] = (Py_UCS2)c;
        like->text_4[i] = c;
    }
    return 1;
}

/* The text of a delta, as json would decode it: a new reference. */
static PyObject *
ssewire_delta_text(PyObject *data, const ssewire_delta *found)
{
    Py_ssize_t n = found->stop - found->start;
    PyObject *text;
    if (!found->escaped) {
        if (!PyUnicode_IS_ASCII(data))
            return PyUnicode_Substring(data, found->start, found->stop);
        text = PyUnicode_New(n, 127);
        if (text != NULL && n > 0)
            memcpy(PyUnicode_1BYTE_DATA(text), PyUnicode_1BYTE_DATA(data) + found->start,
                   (size_t)n);
        return text;
    }
    /* Characters or-ed may be more than the largest one there is. */
    text = PyUnicode_New(found->size, found->high > 0x10FFFF ? 0x10FFFF : found->high);
    if (text == NULL)
        return NULL;
    switch (PyUnicode_KIND(data)) {
    case PyUnicode_1BYTE_KIND:
        ssewire_decode_1(PyUnicode_1BYTE_DATA(data) + found->start, n, text);
        break;
    case PyUnicode_2BYTE_KIND:
        ssewire_decode_2(PyUnicode_2BYTE_DATA(data) + found->start, n, text);
        break;
    default:
        ssewire_decode_4(PyUnicode_4BYTE_DATA(data) + found->start, n, text);
    }
    return text;
}

#elif defined(SSEWIRE_CHAR)

/* Read \uXXXX or a short escape at p, which is a backslash; return its length, 0
 * if it is none. Two escapes that are a surrogate pair count as one. */
static int
SSEWIRE_NAME(ssewire_escape_)(const SSEWIRE_CHAR *p, const SSEWIRE_CHAR *end, Py_UCS4 *code)
{
    int i, digit;
    Py_UCS4 c = 0, low = 0;
    if (end - p < 2)
        return 0;
    switch (p[1]) {
    case '"': case '\\': case '/':
        *code = p[1];
        return 2;
    case 'b': *code = '\b'; return 2;
    case 'f': *code = '\f'; return 2;
    case 'n': *code = '\n'; return 2;
    case 'r': *code = '\r'; return 2;
    case 't': *code = '\t'; return 2;
    case 'u': break;
    default: return 0;
    }
    if (end - p < 6)
        return 0;
    for (i = 2; i < 6; i++) {
        if ((digit = ssewire_hex(p[i])) < 0)
            return 0;
        c = c << 4 | (Py_UCS4)digit;
    }
    *code = c;
    if (c < 0xD800 || c > 0xDBFF || end - p < 12 || p[6] != '\\' || p[7] != 'u')
        return 6;
    for (i = 8; i < 12; i++) {
        if ((digit = ssewire_hex(p[i])) < 0)
            return 6; /* no escape: the next step finds that out */
        low = low << 4 | (Py_UCS4)digit;
    }
    if (low < 0xDC00 || low > 0xDFFF)
        return 6;
    *code = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
    return 12;
}

/* Return the first quote, backslash or control character in [p, end), or end. */
static inline const SSEWIRE_CHAR *
SSEWIRE_NAME(ssewire_plain_)(const SSEWIRE_CHAR *p, const SSEWIRE_CHAR *end)
{
#if defined(SSEWIRE_DELTA_SSE2) && SSEWIRE_WIDTH == 1
    const __m128i quote = _mm_set1_epi8('"');
    const __m128i slash = _mm_set1_epi8('\\');
    const __m128i control = _mm_set1_epi8(0x1F);
    while (end - p >= 16) {
        __m128i v = _mm_loadu_si128((const __m128i *)p);
        /* A byte is a control character if it is its own minimum with 0x1F. */
        unsigned int hits = (unsigned int)_mm_movemask_epi8(_mm_or_si128(
            _mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, slash)),
            _mm_cmpeq_epi8(_mm_min_epu8(v, control), v)));
        if (hits) {
#if defined(_MSC_VER)
            unsigned long i;
            _BitScanForward(&i, hits);
            return p + i;
#else
            return p + __builtin_ctz(hits);
#endif
        }
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && *p >= 0x20)
        p++;
    return p;
}

/* Find the end of the string that begins at p, after its quote; NULL if json refuses it. */
static inline const SSEWIRE_CHAR *
SSEWIRE_NAME(ssewire_string_)(const SSEWIRE_CHAR *p, const SSEWIRE_CHAR *end,
                              ssewire_delta *found)
{
    const SSEWIRE_CHAR *start = p;
    const SSEWIRE_CHAR *q;
    Py_UCS4 high = 0, code;
    Py_ssize_t shorter = 0;
    int size;
    found->escaped = 0;
    for (;;) {
        p = SSEWIRE_NAME(ssewire_plain_)(p, end);
        if (p == end || *p < 0x20)
            return NULL;
        if (*p == '"')
            break;
        size = SSEWIRE_NAME(ssewire_escape_)(p, end, &code);
        if (size == 0)
            return NULL;
        found->escaped = 1;
        high |= code;
        shorter += size - 1;
        p += size;
    }
    if (found->escaped) {
        for (q = start; q < p; q++)
            high |= *q;
        found->high = high;
        found->size = p - start - shorter;
    }
    return p;
}

/* Decode the n characters of a string that was found to be valid. */
static void
SSEWIRE_NAME(ssewire_decode_)(const SSEWIRE_CHAR *p, Py_ssize_t n, PyObject *text)
{
    const SSEWIRE_CHAR *end = p + n;
    const SSEWIRE_CHAR *stop;
    int kind = PyUnicode_KIND(text);
    void *out = PyUnicode_DATA(text);
    Py_ssize_t at = 0;
    Py_UCS4 code = 0;
    while (p < end) {
        stop = SSEWIRE_NAME(ssewire_plain_)(p, end);
        if (kind == SSEWIRE_WIDTH && stop > p) {
            memcpy((SSEWIRE_CHAR *)out + at, p, (size_t)(stop - p) * SSEWIRE_WIDTH);
            at += stop - p;
            p = stop;
        }
        while (p < stop)
            PyUnicode_WRITE(kind, out, at++, *p++);
        if (p < end) {
            p += SSEWIRE_NAME(ssewire_escape_)(p, end, &code);
            PyUnicode_WRITE(kind, out, at++, code);
        }
    }
}

static inline int
SSEWIRE_NAME(ssewire_match_)(const ssewire_template *like, const SSEWIRE_CHAR *around,
                             const SSEWIRE_CHAR *p, Py_ssize_t n, ssewire_delta *found)
{
    const SSEWIRE_CHAR *end = p + n;
    const SSEWIRE_CHAR *stop;
    if (n < like->prefix + like->core + 2
        || memcmp(p, around, (size_t)like->prefix * SSEWIRE_WIDTH) != 0)
        return 0;
    stop = SSEWIRE_NAME(ssewire_string_)(p + like->prefix, end, found);
    if (stop == NULL || end[-1] != '}')
        return 0;
    found->start = like->prefix;
    found->stop = stop - p;
    /* Padding before the brace that ends the document means nothing. */
    stop++;
    end--;
    while (end > stop && end[-1] == ' ')
        end--;
    return end - stop == like->core
        && memcmp(stop, around + like->prefix, (size_t)like->core * SSEWIRE_WIDTH) == 0;
}

static inline const SSEWIRE_CHAR *
SSEWIRE_NAME(ssewire_space_)(const SSEWIRE_CHAR *p, const SSEWIRE_CHAR *end)
{
    while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
        p++;
    return p;
}

/* Skip white space, then one certain character; NULL if another one is there. */
static inline const SSEWIRE_CHAR *
SSEWIRE_NAME(ssewire_char_)(const SSEWIRE_CHAR *p, const SSEWIRE_CHAR *end, char expected)
{
    p = SSEWIRE_NAME(ssewire_space_)(p, end);
    return p < end && *p == (SSEWIRE_CHAR)expected ? p + 1 : NULL;
}

/* Return what follows `word` if that is what stands at p, else NULL. */
static inline const SSEWIRE_CHAR *
SSEWIRE_NAME(ssewire_word_)(const SSEWIRE_CHAR *p, const SSEWIRE_CHAR *end, const char *word)
{
    for (; *word; word++, p++)
        if (p == end || *p != (SSEWIRE_CHAR)*word)
            return NULL;
    return p;
}

/* Which of four words stands at *p; goes past it. -1: none. */
static inline int
SSEWIRE_NAME(ssewire_which_)(const SSEWIRE_CHAR **p, const SSEWIRE_CHAR *end,
                             const char *const *words)
{
    int i;
    for (i = 0; i < 4; i++) {
        const SSEWIRE_CHAR *after = SSEWIRE_NAME(ssewire_word_)(*p, end, words[i]);
        if (after != NULL) {
            *p = after;
            return i;
        }
    }
    return -1;
}

/* Walk the object of a delta, after its brace: type and text, in any order. */
static const SSEWIRE_CHAR *
SSEWIRE_NAME(ssewire_walk_inner_)(const SSEWIRE_CHAR *begin, const SSEWIRE_CHAR *p,
                                  const SSEWIRE_CHAR *end, ssewire_delta *found)
{
    const SSEWIRE_CHAR *after;
    int member, key = -1;
    found->kind = -1;
    for (member = 0; member < 2; member++) {
        if (member && (p = SSEWIRE_NAME(ssewire_char_)(p, end, ',')) == NULL)
            return NULL;
        if ((p = SSEWIRE_NAME(ssewire_char_)(p, end, '"')) == NULL)
            return NULL;
        if ((after = SSEWIRE_NAME(ssewire_word_)(p, end, "type\"")) != NULL) {
            if (found->kind >= 0
                || (p = SSEWIRE_NAME(ssewire_char_)(after, end, ':')) == NULL
                || (p = SSEWIRE_NAME(ssewire_char_)(p, end, '"')) == NULL
                || (found->kind = SSEWIRE_NAME(ssewire_which_)(&p, end, ssewire_kinds)) < 0)
                return NULL;
        } else {
            if (key >= 0
                || (key = SSEWIRE_NAME(ssewire_which_)(&p, end, ssewire_keys)) < 0
                || (p = SSEWIRE_NAME(ssewire_char_)(p, end, ':')) == NULL
                || (p = SSEWIRE_NAME(ssewire_char_)(p, end, '"')) == NULL)
                return NULL;
            found->start = p - begin;
            if ((p = SSEWIRE_NAME(ssewire_string_)(p, end, found)) == NULL)
                return NULL;
            found->stop = p - begin;
            p++;
        }
    }
    if (key != found->kind)
        return NULL;
    return SSEWIRE_NAME(ssewire_char_)(p, end, '}');
}

/* Walk a whole payload: type, index and delta once each, in any order, nothing else. */
static int
SSEWIRE_NAME(ssewire_walk_)(const SSEWIRE_CHAR *p, Py_ssize_t n, ssewire_delta *found)
{
    const SSEWIRE_CHAR *begin = p;
    const SSEWIRE_CHAR *end = p + n;
    const SSEWIRE_CHAR *after;
    int member, have_type = 0, have_index = 0, have_delta = 0;
    if ((p = SSEWIRE_NAME(ssewire_char_)(p, end, '{')) == NULL)
        return 0;
    for (member = 0; member < 3; member++) {
        if (member && (p = SSEWIRE_NAME(ssewire_char_)(p, end, ',')) == NULL)
            return 0;
        if ((p = SSEWIRE_NAME(ssewire_char_)(p, end, '"')) == NULL)
            return 0;
        if ((after = SSEWIRE_NAME(ssewire_word_)(p, end, "type\"")) != NULL) {
            if (have_type
                || (p = SSEWIRE_NAME(ssewire_char_)(after, end, ':')) == NULL
                || (p = SSEWIRE_NAME(ssewire_char_)(p, end, '"')) == NULL
                || (p = SSEWIRE_NAME(ssewire_word_)(p, end, "content_block_delta\"")) == NULL)
                return 0;
            have_type = 1;
        } else if ((after = SSEWIRE_NAME(ssewire_word_)(p, end, "index\"")) != NULL) {
            Py_ssize_t digits;
            if (have_index || (p = SSEWIRE_NAME(ssewire_char_)(after, end, ':')) == NULL)
                return 0;
            p = SSEWIRE_NAME(ssewire_space_)(p, end);
            found->index = 0;
            for (digits = 0; p < end && *p >= '0' && *p <= '9' && digits < 9; digits++)
                found->index = found->index * 10 + (long)(*p++ - '0');
            /* A tenth digit, which a long might not hold, is no comma. */
            if (digits < 1 || (digits > 1 && p[-digits] == '0'))
                return 0;
            have_index = 1;
        } else {
            if (have_delta
                || (p = SSEWIRE_NAME(ssewire_word_)(p, end, "delta\"")) == NULL
                || (p = SSEWIRE_NAME(ssewire_char_)(p, end, ':')) == NULL
                || (p = SSEWIRE_NAME(ssewire_char_)(p, end, '{')) == NULL
                || (p = SSEWIRE_NAME(ssewire_walk_inner_)(begin, p, end, found)) == NULL)
                return 0;
            have_delta = 1;
        }
    }
    p = SSEWIRE_NAME(ssewire_char_)(p, end, '}');
    return p != NULL && SSEWIRE_NAME(ssewire_space_)(p, end) == end;
}

#endif
