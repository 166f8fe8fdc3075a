/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The row kernels for AVX2, FMA and F16C. What is left over behind whole vectors goes through plain C. */
#include "vision/rows.h"

#include <immintrin.h>
#include <stddef.h>

static inline __m256i load(const void *p)
{
    return _mm256_loadu_si256((const __m256i *)p);
}

static inline void store(void *p, __m256i v)
{
    _mm256_storeu_si256((__m256i *)p, v);
}

static inline __m256i widen(const uint8_t *p)
{
    return _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* a * 128 + round((b - a) * 128 * weight / 32768) */
static inline __m256i mix(__m256i a, __m256i b, __m256i weight)
{
    __m256i difference = _mm256_slli_epi16(_mm256_sub_epi16(b, a), 7);
    return _mm256_add_epi16(_mm256_slli_epi16(a, 7), _mm256_mulhrs_epi16(difference, weight));
}

static void expand1(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *out)
{
    __m256i w = _mm256_set1_epi16((int16_t)weight);
    int i = 0;
    if (weight)
        for (; i + 16 <= n; i += 16)
            store(out + i, mix(widen(a + i), widen(b + i), w));
    else
        for (; i + 16 <= n; i += 16)
            store(out + i, _mm256_slli_epi16(widen(a + i), 7));
    vision_rows_c.expand1(a + i, b + i, weight, n - i, out + i);
}

static void expand2(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[2])
{
    const __m256i w = _mm256_set1_epi16((int16_t)weight), low = _mm256_set1_epi16(0xff);
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i x = load(a + 2 * (size_t)i), y = load(b + 2 * (size_t)i);
        if (out[0])
            store(out[0] + i, mix(_mm256_and_si256(x, low), _mm256_and_si256(y, low), w));
        if (out[1])
            store(out[1] + i, mix(_mm256_srli_epi16(x, 8), _mm256_srli_epi16(y, 8), w));
    }
    int16_t *rest[2] = { out[0] ? out[0] + i : NULL, out[1] ? out[1] + i : NULL };
    vision_rows_c.expand2(a + 2 * (size_t)i, b + 2 * (size_t)i, weight, n - i, rest);
}

/* Every third byte of 48, from `phase` on, as 16 words. */
static inline __m256i every_third(const uint8_t *p, const __m128i pick[3])
{
    __m128i x = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)p), pick[0]);
    __m128i y = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 16)), pick[1]);
    __m128i z = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(p + 32)), pick[2]);
    return _mm256_cvtepu8_epi16(_mm_or_si128(_mm_or_si128(x, y), z));
}

static void third_picks(int phase, __m128i pick[3])
{
    int8_t bytes[3][16];
    for (int part = 0; part < 3; part++)
        for (int i = 0; i < 16; i++) {
            int at = 3 * i + phase - 16 * part;
            bytes[part][i] = (int8_t)(at >= 0 && at < 16 ? at : -1);
        }
    for (int part = 0; part < 3; part++)
        pick[part] = _mm_loadu_si128((const __m128i *)(const void *)bytes[part]);
}

static void expand3(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[3])
{
    const __m256i w = _mm256_set1_epi16((int16_t)weight);
    int16_t *rest[3];
    int i = 0;
    for (int k = 0; k < 3; k++) {
        __m128i pick[3];
        third_picks(k, pick);
        for (i = 0; i + 16 <= n; i += 16)
            store(out[k] + i, mix(every_third(a + 3 * (size_t)i, pick), every_third(b + 3 * (size_t)i, pick), w));
        rest[k] = out[k] + i;
    }
    vision_rows_c.expand3(a + 3 * (size_t)i, b + 3 * (size_t)i, weight, n - i, rest);
}

/* Byte k of 16 groups of four, as words. */
static inline __m256i every_fourth(const uint8_t *p, __m128i shift)
{
    const __m256i low = _mm256_set1_epi32(0xff);
    __m256i x = _mm256_and_si256(_mm256_srl_epi32(load(p), shift), low);
    __m256i y = _mm256_and_si256(_mm256_srl_epi32(load(p + 32), shift), low);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(x, y), 0xd8);
}

static void expand4(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[4])
{
    const __m256i w = _mm256_set1_epi16((int16_t)weight);
    int16_t *rest[4];
    int whole = n & ~15;
    for (int k = 0; k < 4; k++) {
        rest[k] = out[k] ? out[k] + whole : NULL;
        if (!out[k])
            continue;
        __m128i shift = _mm_cvtsi32_si128(8 * k);
        for (int i = 0; i < whole; i += 16)
            store(out[k] + i, mix(every_fourth(a + 4 * (size_t)i, shift), every_fourth(b + 4 * (size_t)i, shift), w));
    }
    vision_rows_c.expand4(a + 4 * (size_t)whole, b + 4 * (size_t)whole, weight, n - whole, rest);
}

/* Sixteen samples of 16 bits -> 1/128 of a step. */
static inline __m256i narrow(__m256i samples, __m128i up)
{
    __m256i value = _mm256_srli_epi16(_mm256_sll_epi16(samples, up), 1);
    return _mm256_min_epi16(value, _mm256_set1_epi16(VISION_WIDE_MOST));
}

static inline __m256i mix_wide(__m256i a, __m256i b, __m256i weight)
{
    return _mm256_add_epi16(a, _mm256_mulhrs_epi16(_mm256_sub_epi16(b, a), weight));
}

static void expand1_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *out)
{
    const __m256i w = _mm256_set1_epi16((int16_t)weight);
    const __m128i by = _mm_cvtsi32_si128(up);
    int i = 0;
    for (; i + 16 <= n; i += 16)
        store(out + i, mix_wide(narrow(load(a + 2 * (size_t)i), by), narrow(load(b + 2 * (size_t)i), by), w));
    vision_rows_c.expand1_wide(a + 2 * (size_t)i, b + 2 * (size_t)i, weight, n - i, up, out + i);
}

/* The first or (shift 16) the second of 16 pairs of words. */
static inline __m256i every_second(const uint8_t *p, __m128i shift)
{
    const __m256i low = _mm256_set1_epi32(0xffff);
    __m256i x = _mm256_and_si256(_mm256_srl_epi32(load(p), shift), low);
    __m256i y = _mm256_and_si256(_mm256_srl_epi32(load(p + 32), shift), low);
    return _mm256_permute4x64_epi64(_mm256_packus_epi32(x, y), 0xd8);
}

static void expand2_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *const out[2])
{
    const __m256i w = _mm256_set1_epi16((int16_t)weight);
    const __m128i by = _mm_cvtsi32_si128(up);
    const int whole = n & ~15;
    for (int k = 0; k < 2; k++) {
        __m128i shift = _mm_cvtsi32_si128(16 * k);
        for (int i = 0; i < whole; i += 16) {
            __m256i x = every_second(a + 4 * (size_t)i, shift), y = every_second(b + 4 * (size_t)i, shift);
            store(out[k] + i, mix_wide(narrow(x, by), narrow(y, by), w));
        }
    }
    int16_t *rest[2] = { out[0] + whole, out[1] + whole };
    vision_rows_c.expand2_wide(a + 4 * (size_t)whole, b + 4 * (size_t)whole, weight, n - whole, up, rest);
}

/* Eight outputs as int32: pairs of neighbours come by a gather of 32 bits. */
static inline __m256i blend8(const int16_t *in, const int32_t *index, const int16_t *weights)
{
    __m256i pairs = _mm256_i32gather_epi32((const int *)(const void *)in, load(index), 2);
    __m256i w = _mm256_cvtepi16_epi32(_mm_loadu_si128((const __m128i *)(const void *)weights));
    const __m256i one = _mm256_set1_epi32(16384);
    __m256i both = _mm256_or_si256(_mm256_slli_epi32(w, 16), _mm256_sub_epi32(one, w));
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_madd_epi16(pairs, both), one), 15);
}

static void blend(const int16_t *in, const int32_t *index, const int16_t *weights, int n, int16_t *out)
{
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i packed =
            _mm256_packs_epi32(blend8(in, index + i, weights + i), blend8(in, index + i + 8, weights + i + 8));
        store(out + i, _mm256_permute4x64_epi64(packed, 0xd8));
    }
    vision_rows_c.blend(in, index + i, weights + i, n - i, out + i);
}

static inline void put_bytes(__m256i value, uint8_t *out)
{
    value = _mm256_srai_epi16(_mm256_adds_epi16(value, _mm256_set1_epi16(32)), 6);
    __m256i packed = _mm256_permute4x64_epi64(_mm256_packus_epi16(value, value), 0xd8);
    _mm_storeu_si128((__m128i *)(void *)out, _mm256_castsi256_si128(packed));
}

static void colour(const int16_t *y, const int16_t *u, const int16_t *v, int n, const vision_colour *c, uint8_t *r,
                   uint8_t *g, uint8_t *b)
{
    const __m256i black = _mm256_set1_epi16(c->black), gain = _mm256_set1_epi16(c->y_gain);
    const __m256i r_v = _mm256_set1_epi16(c->r_v), g_v = _mm256_set1_epi16(c->g_v), g_u = _mm256_set1_epi16(c->g_u);
    const __m256i b_u = _mm256_set1_epi16(c->b_u), middle = _mm256_set1_epi16(128 * 64);
    int i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i light = _mm256_sub_epi16(load(y + i), black);
        __m256i blue = _mm256_slli_epi16(_mm256_sub_epi16(load(u + i), middle), 2);
        __m256i red = _mm256_slli_epi16(_mm256_sub_epi16(load(v + i), middle), 2);
        light = _mm256_add_epi16(light, _mm256_mulhrs_epi16(light, gain));
        put_bytes(_mm256_adds_epi16(light, _mm256_mulhrs_epi16(red, r_v)), r + i);
        __m256i less = _mm256_subs_epi16(light, _mm256_mulhrs_epi16(blue, g_u));
        put_bytes(_mm256_subs_epi16(less, _mm256_mulhrs_epi16(red, g_v)), g + i);
        put_bytes(_mm256_adds_epi16(light, _mm256_mulhrs_epi16(blue, b_u)), b + i);
    }
    vision_rows_c.colour(y + i, u + i, v + i, n - i, c, r + i, g + i, b + i);
}

static void round8(const int16_t *in, int n, uint8_t *out)
{
    int i = 0;
    for (; i + 16 <= n; i += 16)
        put_bytes(load(in + i), out + i);
    vision_rows_c.round8(in + i, n - i, out + i);
}

static int near_half(const int16_t *in, int n, int16_t *indices)
{
    const __m256i from = _mm256_set1_epi16(31), mask = _mm256_set1_epi16(63), three = _mm256_set1_epi16(3);
    int count = 0, i = 0;
    for (; i + 16 <= n; i += 16) {
        __m256i above = _mm256_and_si256(_mm256_sub_epi16(load(in + i), from), mask);
        uint32_t bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpgt_epi16(three, above)) & 0x55555555u;
        for (; bits; bits &= bits - 1)
            indices[count++] = (int16_t)(i + __builtin_ctz(bits) / 2);
    }
    for (; i < n; i++)
        if (((in[i] - 31) & 63) <= 2)
            indices[count++] = (int16_t)i;
    return count;
}

/* Eight pixels through the map. */
static inline __m256 affine8(const uint8_t *in, const vision_affine *map)
{
    __m256 x = _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)in)));
    __m256 rest = _mm256_fmsub_ps(x, _mm256_set1_ps(map->scale_low), _mm256_set1_ps(map->mean));
    return _mm256_fmadd_ps(x, _mm256_set1_ps(map->scale_high), rest);
}

static void store_f32(const uint8_t *in, int n, const vision_affine *map, float *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, affine8(in + i, map));
    vision_rows_c.store_f32(in + i, n - i, map, out + i);
}

static void store_f16(const uint8_t *in, int n, const vision_affine *map, uint16_t *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm_storeu_si128((__m128i *)(void *)(out + i),
                         _mm256_cvtps_ph(affine8(in + i, map), _MM_FROUND_TO_NEAREST_INT));
    vision_rows_c.store_f16(in + i, n - i, map, out + i);
}

static void fill_f32(float value, int n, float *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_set1_ps(value));
    for (; i < n; i++)
        out[i] = value;
}

static void max_f32(const float *in, int n, float *best, float *check)
{
    int i = 0;
    for (; i + 8 <= n; i += 8) {
        __m256 x = _mm256_loadu_ps(in + i);
        _mm256_storeu_ps(best + i, _mm256_max_ps(x, _mm256_loadu_ps(best + i)));
        _mm256_storeu_ps(check + i, _mm256_add_ps(_mm256_loadu_ps(check + i), _mm256_sub_ps(x, x)));
    }
    vision_rows_c.max_f32(in + i, n - i, best + i, check + i);
}

static void half_to_f32(const uint16_t *in, int n, float *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(in + i))));
    vision_rows_c.half_to_f32(in + i, n - i, out + i);
}

static void add_scaled(const float *in, float factor, int n, float *out)
{
    int i = 0;
    for (; i + 8 <= n; i += 8)
        _mm256_storeu_ps(out + i,
                         _mm256_fmadd_ps(_mm256_loadu_ps(in + i), _mm256_set1_ps(factor), _mm256_loadu_ps(out + i)));
    vision_rows_c.add_scaled(in + i, factor, n - i, out + i);
}

const vision_rows vision_rows_avx2 = { "avx2",       expand1,   expand2,  expand3, expand4,     expand1_wide,
                                       expand2_wide, blend,     NULL,     colour,  round8,      near_half,
                                       store_f32,    store_f16, fill_f32, max_f32, half_to_f32, add_scaled };
