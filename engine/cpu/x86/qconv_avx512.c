/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution, AVX-512 without VNNI: 16-bit products added in pairs. vpmaddubsw would saturate. */
#include "cpu/x86/math_avx512.h"

#define VQ_GROUP 2
#define VQ_SIGNED 0
#define VQ_BYTES 2
#define QCONV_FILTERS 6
#define QCONV_TILES(X)                                                                                                 \
    X(1, 1)                                                                                                            \
    X(1, 4)                                                                                                            \
    X(1, 8) X(1, 12) X(2, 1) X(2, 4) X(2, 8) X(2, 12) X(3, 1) X(3, 4) X(3, 8) X(4, 1) X(4, 4) X(5, 1) X(5, 4) X(6, 1)  \
        X(6, 4)

typedef __m512i vq_x;
typedef __m512i vq_w;

static inline vq_x vq_load_x(const uint8_t *p)
{
    int pair;
    __builtin_memcpy(&pair, p, 4);
    return _mm512_set1_epi32(pair);
}
static inline vq_w vq_load_w(const uint8_t *p)
{
    return _mm512_loadu_si512(p);
}
static inline vi vq_dot(vi acc, vq_x x, vq_w w)
{
    return _mm512_add_epi32(acc, _mm512_madd_epi16(x, w));
}
static inline vi vq_mac(vi acc, const uint8_t *p, vi w)
{
    __m512i x = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const __m256i *)p));
    return _mm512_add_epi32(acc, _mm512_madd_epi16(x, w));
}
static inline void vq_expand(uint8_t *dst, const uint8_t *src, size_t n, uint8_t flip)
{
    __m128i f = _mm_set1_epi8((char)flip);
    for (size_t i = 0; i < n; i += 16) /* n is whole pixels */
        _mm256_storeu_si256((__m256i *)(dst + 2 * i),
                            _mm256_cvtepu8_epi16(_mm_xor_si128(_mm_loadu_si128((const __m128i *)(src + i)), f)));
}
static inline int vq_sum(const uint8_t *p)
{
    __m256i sums = _mm256_madd_epi16(_mm256_loadu_si256((const __m256i *)p), _mm256_set1_epi16(1));
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256(sums, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(s) + _mm_extract_epi32(s, 1);
}

#include "cpu/qconv_body.h"

static inline vi vq_dot_16(vi acc, vq_x x, vq_w w)
{
    return vq_dot(acc, x, w);
}

#include "cpu/x86/qconv_half_avx512.h"
#define QCONV_WINOGRAD_FILTERS 4
#define QCONV_WINOGRAD_PIXELS_1 12
#define QCONV_WINOGRAD_CASES_1 QCONV_CASES_12
#define QCONV_WINOGRAD_PIXELS_2 12
#define QCONV_WINOGRAD_CASES_2 QCONV_CASES_12
#define QCONV_WINOGRAD_PIXELS_3 6
#define QCONV_WINOGRAD_CASES_3 QCONV_CASES_6
#define QCONV_WINOGRAD_PIXELS_4 5
#define QCONV_WINOGRAD_CASES_4 QCONV_CASES_5
#include "cpu/qconv_winograd_body.h"

static const qconv_units units = { .name = "qconv_avx512",
                                   .lanes = 16,
                                   .group = 2,
                                   .filter_blocks = QCONV_FILTERS,
                                   .deep_pixels = 8,
                                   .deep_blocks = 3,
                                   .dense = qconv_dense,
                                   .depthwise = qconv_depthwise,
                                   .winograd_name = "qconv_winograd_avx512",
                                   .winograd_blocks = QCONV_WINOGRAD_FILTERS,
                                   .winograd_tiles = 16,
                                   .winograd = qconv_winograd };

void qconv_fill_avx512(qconv_kernels *kernels)
{
    kernels->units = &units;
}
