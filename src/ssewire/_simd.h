/* SPDX-License-Identifier: MIT */
/* Sixteen bytes at a time: what _scan.h and claude/_string.h need of SSE2 and NEON.
 *
 * SSEWIRE_SIMD is defined where there is one of the two; without it the callers
 * loop byte by byte. A test on a vector gives 0xFF in each byte that passes, and
 * a mask says which ones did: SSEWIRE_MASK_BITS bits for each byte, the first
 * byte lowest. Only `ssewire_first`, `ssewire_before` and a comparison with zero
 * look into one, since NEON has no instruction for a mask of one bit a byte.
 * Compiled with -DSSEWIRE_NO_SIMD for the sanitizers, which test both ways.
 */
#ifndef SSEWIRE_SIMD_H
#define SSEWIRE_SIMD_H

#include <Python.h>

#if defined(_MSC_VER)
#include <intrin.h>
static __inline int
ssewire_ctz(unsigned int x)
{
    unsigned long i;
    _BitScanForward(&i, x);
    return (int)i;
}
#define SSEWIRE_LIKELY(x) (x)
#define SSEWIRE_INLINE static __forceinline
#else
#define ssewire_ctz __builtin_ctz
#define SSEWIRE_LIKELY(x) __builtin_expect(!!(x), 1)
#define SSEWIRE_INLINE static inline __attribute__((always_inline))
#endif

#if defined(SSEWIRE_NO_SIMD)
/* Neither. */
#elif defined(__SSE2__) || defined(_M_X64) || (defined(_M_IX86_FP) && _M_IX86_FP >= 2)
#define SSEWIRE_SIMD 1
#include <emmintrin.h>

typedef __m128i ssewire_vector;
typedef unsigned int ssewire_mask;
#define SSEWIRE_MASK_BITS 1

#define ssewire_load(p) _mm_loadu_si128((const __m128i *)(p))
#define ssewire_splat(byte) _mm_set1_epi8((char)(byte))
#define ssewire_or _mm_or_si128
#define ssewire_equal _mm_cmpeq_epi8
#define ssewire_largest_each _mm_max_epu8
/* Unsigned: a byte is at most another one if it is the smaller of the two. */
#define ssewire_at_most(v, limit) _mm_cmpeq_epi8(_mm_min_epu8(v, limit), v)
/* UTF-8 continuation bytes, 0x80 to 0xBF, are the least of signed ones. */
#define ssewire_continuations(v) _mm_cmplt_epi8(v, _mm_set1_epi8(-64))
/* A byte that passed is -1: subtracting it counts, 255 times before a byte is full. */
#define ssewire_count(counts, passed) _mm_sub_epi8(counts, passed)
#define ssewire_mask_of(passed) ((ssewire_mask)_mm_movemask_epi8(passed))
/* Which bytes are not ASCII. */
#define ssewire_high(v) ((ssewire_mask)_mm_movemask_epi8(v))
#define ssewire_first(mask) ssewire_ctz(mask)

SSEWIRE_INLINE Py_ssize_t
ssewire_sum(ssewire_vector v)
{
    __m128i halves = _mm_sad_epu8(v, _mm_setzero_si128());
    return _mm_cvtsi128_si32(halves) + _mm_cvtsi128_si32(_mm_srli_si128(halves, 8));
}

SSEWIRE_INLINE unsigned int
ssewire_largest(ssewire_vector v)
{
    unsigned char bytes[16];
    unsigned int largest = 0;
    int i;
    _mm_storeu_si128((__m128i *)bytes, v);
    for (i = 0; i < 16; i++)
        if (bytes[i] > largest)
            largest = bytes[i];
    return largest;
}

/* Write the sixteen bytes as characters of one, two or four bytes. */
SSEWIRE_INLINE void
ssewire_store_1(Py_UCS1 *out, ssewire_vector v)
{
    _mm_storeu_si128((__m128i *)out, v);
}

SSEWIRE_INLINE void
ssewire_store_2(Py_UCS2 *out, ssewire_vector v)
{
    const __m128i zero = _mm_setzero_si128();
    _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi8(v, zero));
    _mm_storeu_si128((__m128i *)(out + 8), _mm_unpackhi_epi8(v, zero));
}

SSEWIRE_INLINE void
ssewire_store_4(Py_UCS4 *out, ssewire_vector v)
{
    const __m128i zero = _mm_setzero_si128();
    const __m128i low = _mm_unpacklo_epi8(v, zero), high = _mm_unpackhi_epi8(v, zero);
    _mm_storeu_si128((__m128i *)out, _mm_unpacklo_epi16(low, zero));
    _mm_storeu_si128((__m128i *)(out + 4), _mm_unpackhi_epi16(low, zero));
    _mm_storeu_si128((__m128i *)(out + 8), _mm_unpacklo_epi16(high, zero));
    _mm_storeu_si128((__m128i *)(out + 12), _mm_unpackhi_epi16(high, zero));
}

#elif defined(__aarch64__) && defined(__ARM_NEON) && !defined(__ARM_BIG_ENDIAN) \
    && !defined(_MSC_VER)
#define SSEWIRE_SIMD 1
#include <arm_neon.h>

typedef uint8x16_t ssewire_vector;
typedef unsigned long long ssewire_mask;
#define SSEWIRE_MASK_BITS 4

#define ssewire_load(p) vld1q_u8((const unsigned char *)(p))
#define ssewire_splat(byte) vdupq_n_u8((unsigned char)(byte))
#define ssewire_or vorrq_u8
#define ssewire_equal vceqq_u8
#define ssewire_largest_each vmaxq_u8
#define ssewire_at_most(v, limit) vcleq_u8(v, limit)
#define ssewire_continuations(v) vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(-64))
#define ssewire_count(counts, passed) vsubq_u8(counts, passed)
/* Each pair of bytes shifted by four and cut to a byte: half a byte is left of each. */
#define ssewire_mask_of(passed) \
    vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(passed), 4)), 0)
#define ssewire_high(v) ssewire_mask_of(vcltq_s8(vreinterpretq_s8_u8(v), vdupq_n_s8(0)))
#define ssewire_first(mask) (__builtin_ctzll(mask) / SSEWIRE_MASK_BITS)
#define ssewire_sum(v) ((Py_ssize_t)vaddlvq_u8(v))
#define ssewire_largest(v) ((unsigned int)vmaxvq_u8(v))

SSEWIRE_INLINE void
ssewire_store_1(Py_UCS1 *out, ssewire_vector v)
{
    vst1q_u8(out, v);
}

SSEWIRE_INLINE void
ssewire_store_2(Py_UCS2 *out, ssewire_vector v)
{
    vst1q_u16(out, vmovl_u8(vget_low_u8(v)));
    vst1q_u16(out + 8, vmovl_u8(vget_high_u8(v)));
}

SSEWIRE_INLINE void
ssewire_store_4(Py_UCS4 *out, ssewire_vector v)
{
    const uint16x8_t low = vmovl_u8(vget_low_u8(v)), high = vmovl_u8(vget_high_u8(v));
    vst1q_u32(out, vmovl_u16(vget_low_u16(low)));
    vst1q_u32(out + 4, vmovl_u16(vget_high_u16(low)));
    vst1q_u32(out + 8, vmovl_u16(vget_low_u16(high)));
    vst1q_u32(out + 12, vmovl_u16(vget_high_u16(high)));
}
#endif

#ifdef SSEWIRE_SIMD
/* What a mask says of the bytes before the one numbered `byte`. */
#define ssewire_before(mask, byte) \
    ((mask) & (((ssewire_mask)1 << ((byte) * SSEWIRE_MASK_BITS)) - 1))
#endif

#endif
