/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution, AVX-VNNI (processors without AVX-512): vpdpbusd of 32 products. */
#include "cpu/x86/math_avx2.h"

#define VQ_GROUP 4
#define VQ_SIGNED 0
#define VQ_BYTES 1
#define QCONV_FILTERS 3
#define QCONV_TILES(X) X(1, 1) X(1, 4) X(1, 8) X(1, 12) X(2, 1) X(2, 4) X(3, 1) X(3, 4)

typedef __m256i vq_x;
typedef __m256i vq_w;

static inline vq_x vq_load_x(const uint8_t *p)
{
    int four;
    __builtin_memcpy(&four, p, 4);
    return _mm256_set1_epi32(four);
}
static inline vq_w vq_load_w(const uint8_t *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}
static inline vi vq_dot(vi acc, vq_x x, vq_w w)
{
    return _mm256_dpbusd_avx_epi32(acc, x, w);
}
static inline vi vq_mac(vi acc, const uint8_t *p, vi w)
{
    return _mm256_dpwssd_avx_epi32(acc, vi_load_u8(p), w); /* the upper halves of the source lanes are 0 */
}
static inline void vq_expand(uint8_t *dst, const uint8_t *src, size_t n, uint8_t flip)
{
    __m256i f = _mm256_set1_epi8((char)flip);
    size_t i = 0;
    for (; i + 32 <= n; i += 32)
        _mm256_storeu_si256((__m256i *)(dst + i), _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(src + i)), f));
    for (; i < n; i += 8) /* n is whole pixels */
        _mm_storel_epi64((__m128i *)(dst + i),
                         _mm_xor_si128(_mm_loadl_epi64((const __m128i *)(src + i)), _mm256_castsi256_si128(f)));
}
static inline int vq_sum(const uint8_t *p)
{
    return _mm_cvtsi128_si32(_mm_sad_epu8(_mm_loadl_epi64((const __m128i *)p), _mm_setzero_si128()));
}

#define VQ_HAS_SPREAD
/* A transpose of dwords across the 128-bit lanes, then of bytes within them. */
static inline void vq_spread(uint8_t *dst, const uint8_t *src)
{
    const __m256i dwords = _mm256_setr_epi32(0, 2, 4, 6, 1, 3, 5, 7);
    const __m256i bytes =
        _mm256_broadcastsi128_si256(_mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    __m256i x = _mm256_permutevar8x32_epi32(_mm256_loadu_si256((const __m256i *)src), dwords);
    _mm256_storeu_si256((__m256i *)dst, _mm256_shuffle_epi8(x, bytes));
}

#include "cpu/x86/qconv_floats_body.h"

#include "cpu/qconv_body.h"

static inline vi vq_dot_16(vi acc, vq_x x, vq_w w)
{
    return _mm256_dpwssd_avx_epi32(acc, x, w);
}

#include "cpu/x86/qconv_half_avx2.h"
#define QCONV_WINOGRAD_FILTERS 2
#define QCONV_WINOGRAD_PIXELS_1 12
#define QCONV_WINOGRAD_CASES_1 QCONV_CASES_12
#define QCONV_WINOGRAD_PIXELS_2 6
#define QCONV_WINOGRAD_CASES_2 QCONV_CASES_6
#include "cpu/qconv_winograd_body.h"

static const qconv_units units = { .name = "qconv_avx_vnni",
                                   .lanes = 8,
                                   .group = 4,
                                   .filter_blocks = QCONV_FILTERS,
                                   .deep_blocks = 3,
                                   .dense = qconv_dense,
                                   .depthwise = qconv_depthwise,
                                   .depthwise_dot = qconv_depthwise_dot,
                                   .winograd_name = "qconv_winograd_avx_vnni",
                                   .winograd_blocks = QCONV_WINOGRAD_FILTERS,
                                   .winograd_tiles = 49,
                                   .winograd = qconv_winograd };

void qconv_fill_avx_vnni(qconv_kernels *kernels)
{
    kernels->units = &units;
}
