/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution, AVX-512 VNNI: vpdpbusd, 64 products in one instruction. */
#include "cpu/x86/math_avx512.h"

#define VQ_GROUP 4
#define VQ_SIGNED 0
#define VQ_BYTES 1
#define QCONV_FILTERS 6
#define QCONV_TILES(X)                                                                                                 \
    X(1, 1)                                                                                                            \
    X(1, 4)                                                                                                            \
    X(1, 8)                                                                                                            \
    X(1, 12) X(2, 1) X(2, 4) X(2, 8) X(2, 12) X(3, 1) X(3, 4) X(3, 8) X(4, 1) X(4, 4) X(5, 1) X(5, 4) X(6, 1) X(6, 4)

typedef __m512i vq_x;
typedef __m512i vq_w;

static inline vq_x vq_load_x(const uint8_t *p)
{
    int four;
    __builtin_memcpy(&four, p, 4);
    return _mm512_set1_epi32(four);
}
static inline vq_w vq_load_w(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline vi vq_dot(vi acc, vq_x x, vq_w w)
{
    return _mm512_dpbusd_epi32(acc, x, w);
}
static inline vi vq_mac(vi acc, const uint8_t *p, vi w)
{
    return _mm512_dpwssd_epi32(acc, vi_load_u8(p), w); /* the upper halves of the source lanes are 0 */
}
static inline void vq_expand(uint8_t *dst, const uint8_t *src, size_t n, uint8_t flip)
{
    __m512i f = _mm512_set1_epi8((char)flip);
    size_t i = 0;
    for (; i + 64 <= n; i += 64)
        _mm512_storeu_si512(dst + i, _mm512_xor_si512(_mm512_loadu_si512(src + i), f));
    if (i < n) {
        __mmask64 rest = (UINT64_C(1) << (n - i)) - 1;
        _mm512_mask_storeu_epi8(dst + i, rest, _mm512_xor_si512(_mm512_maskz_loadu_epi8(rest, src + i), f));
    }
}
static inline int vq_sum(const uint8_t *p)
{
    __m128i sums = _mm_sad_epu8(_mm_loadu_si128((const __m128i *)p), _mm_setzero_si128());
    return _mm_cvtsi128_si32(sums) + _mm_extract_epi16(sums, 4);
}
#define VQ_HAS_SUMS
/* 16 pixels of 16 bytes at a time: sums of 4 bytes, then a transpose within the 128-bit lanes while they are added. */
static inline void vq_sums(int32_t *sums, const uint8_t *p, size_t n)
{
    const __m512i ones = _mm512_set1_epi8(1), none = _mm512_setzero_si512();
    const __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    for (size_t i = 0; i < n; i += 16, p += 256) {
        __m512i a = _mm512_dpbusd_epi32(none, _mm512_loadu_si512(p), ones);
        __m512i b = _mm512_dpbusd_epi32(none, _mm512_loadu_si512(p + 64), ones);
        __m512i c = _mm512_dpbusd_epi32(none, _mm512_loadu_si512(p + 128), ones);
        __m512i d = _mm512_dpbusd_epi32(none, _mm512_loadu_si512(p + 192), ones);
        __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
        __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
        __m512i all = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
        all = _mm512_permutexvar_epi32(order, all);
        _mm512_storeu_si512(sums + i, _mm512_add_epi32(_mm512_loadu_si512(sums + i), all));
    }
}

#define VQ_HAS_SPREAD
/* A transpose of dwords across the 128-bit lanes, then of bytes within them. */
static inline void vq_spread(uint8_t *dst, const uint8_t *src)
{
    const __m512i dwords = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i bytes = _mm512_broadcast_i32x4(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m512i x = _mm512_permutexvar_epi32(dwords, _mm512_loadu_si512(src));
    _mm512_storeu_si512(dst, _mm512_shuffle_epi8(x, bytes));
}

#include "cpu/x86/qconv_floats_body.h"

#include "cpu/qconv_body.h"

static inline vi vq_dot_16(vi acc, vq_x x, vq_w w)
{
    return _mm512_dpwssd_epi32(acc, x, w);
}

#include "cpu/x86/qconv_half_avx512.h"
#define QCONV_WINOGRAD_FILTERS 4
#define QCONV_WINOGRAD_PIXELS_1 12
#define QCONV_WINOGRAD_CASES_1 QCONV_CASES_12
#define QCONV_WINOGRAD_PIXELS_2 12
#define QCONV_WINOGRAD_CASES_2 QCONV_CASES_12
#define QCONV_WINOGRAD_PIXELS_3 8
#define QCONV_WINOGRAD_CASES_3 QCONV_CASES_8
#define QCONV_WINOGRAD_PIXELS_4 6
#define QCONV_WINOGRAD_CASES_4 QCONV_CASES_6
#include "cpu/qconv_winograd_body.h"

static const qconv_units units = { .name = "qconv_avx512_vnni",
                                   .lanes = 16,
                                   .group = 4,
                                   .filter_blocks = QCONV_FILTERS,
                                   .deep_pixels = 8,
                                   .deep_blocks = 3,
                                   .dense = qconv_dense,
                                   .depthwise = qconv_depthwise,
                                   .depthwise_dot = qconv_depthwise_dot,
                                   .winograd_name = "qconv_winograd_avx512_vnni",
                                   .winograd_blocks = QCONV_WINOGRAD_FILTERS,
                                   .winograd_tiles = 25,
                                   .winograd = qconv_winograd };

void qconv_fill_avx512_vnni(qconv_kernels *kernels)
{
    kernels->units = &units;
}
