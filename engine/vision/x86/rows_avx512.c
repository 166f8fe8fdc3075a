/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The row kernels for AVX-512 (F, BW, DQ, VL), and a second table with those that VBMI makes better. Remainders go
 * through masks. */
#include "vision/rows.h"

#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

static inline __mmask32 first32(int n)
{
    return n >= 32 ? 0xffffffffu : (1u << n) - 1;
}

static inline __mmask16 first16(int n)
{
    return n >= 16 ? 0xffff : (__mmask16)((1u << n) - 1);
}

static inline __mmask64 first64(int n)
{
    return n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1;
}

static inline __m512i widen(const uint8_t *p, __mmask32 mask)
{
    return _mm512_cvtepu8_epi16(_mm256_maskz_loadu_epi8(mask, p));
}

static inline __m512i mix(__m512i a, __m512i b, __m512i weight)
{
    __m512i difference = _mm512_slli_epi16(_mm512_sub_epi16(b, a), 7);
    return _mm512_add_epi16(_mm512_slli_epi16(a, 7), _mm512_mulhrs_epi16(difference, weight));
}

static void expand1(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *out)
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight);
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        __m512i x = widen(a + i, mask);
        __m512i mixed = weight ? mix(x, widen(b + i, mask), w) : _mm512_slli_epi16(x, 7);
        _mm512_mask_storeu_epi16(out + i, mask, mixed);
    }
}

static void expand2(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[2])
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight), low = _mm512_set1_epi16(0xff);
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        __m512i x = _mm512_maskz_loadu_epi16(mask, a + 2 * (size_t)i),
                y = _mm512_maskz_loadu_epi16(mask, b + 2 * (size_t)i);
        if (out[0])
            _mm512_mask_storeu_epi16(out[0] + i, mask, mix(_mm512_and_si512(x, low), _mm512_and_si512(y, low), w));
        if (out[1])
            _mm512_mask_storeu_epi16(out[1] + i, mask, mix(_mm512_srli_epi16(x, 8), _mm512_srli_epi16(y, 8), w));
    }
}

/* 32 pixels of three bytes are 48 words; the word that holds a channel's byte is picked from two registers, and the
 * byte from the word. */
typedef struct third_pick {
    __m512i words;
    __mmask32 high;
} third_pick;

static third_pick third_pick_make(int phase)
{
    int16_t words[32];
    third_pick pick = { .high = 0 };
    for (int i = 0; i < 32; i++) {
        int at = 3 * i + phase;
        words[i] = (int16_t)(at / 2);
        pick.high |= (__mmask32)(at & 1) << i;
    }
    pick.words = _mm512_loadu_si512(words);
    return pick;
}

static inline __m512i every_third(__m512i first, __m512i second, third_pick pick)
{
    __m512i words = _mm512_permutex2var_epi16(first, pick.words, second);
    __m512i low = _mm512_and_si512(words, _mm512_set1_epi16(0xff));
    return _mm512_mask_srli_epi16(low, pick.high, words, 8);
}

static void expand3(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[3])
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight);
    const third_pick picks[3] = { third_pick_make(0), third_pick_make(1), third_pick_make(2) };
    for (int i = 0; i < n; i += 32) {
        int bytes = n - i >= 32 ? 96 : 3 * (n - i);
        __mmask32 mask = first32(n - i);
        __mmask64 one = first64(bytes), two = bytes > 64 ? first64(bytes - 64) : 0;
        const uint8_t *x = a + 3 * (size_t)i, *y = b + 3 * (size_t)i;
        __m512i x0 = _mm512_maskz_loadu_epi8(one, x), x1 = _mm512_maskz_loadu_epi8(two, x + 64);
        __m512i y0 = _mm512_maskz_loadu_epi8(one, y), y1 = _mm512_maskz_loadu_epi8(two, y + 64);
        for (int k = 0; k < 3; k++)
            _mm512_mask_storeu_epi16(out[k] + i, mask,
                                     mix(every_third(x0, x1, picks[k]), every_third(y0, y1, picks[k]), w));
    }
}

/* Byte k of 32 groups of four, as words. */
static inline __m512i every_fourth(__m512i first, __m512i second, __m128i shift)
{
    const __m512i low = _mm512_set1_epi32(0xff);
    __m256i x = _mm512_cvtepi32_epi16(_mm512_and_si512(_mm512_srl_epi32(first, shift), low));
    __m256i y = _mm512_cvtepi32_epi16(_mm512_and_si512(_mm512_srl_epi32(second, shift), low));
    return _mm512_inserti64x4(_mm512_castsi256_si512(x), y, 1);
}

static void expand4(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[4])
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight);
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        __mmask16 one = (__mmask16)mask, two = (__mmask16)(mask >> 16);
        const uint8_t *x = a + 4 * (size_t)i, *y = b + 4 * (size_t)i;
        __m512i x0 = _mm512_maskz_loadu_epi32(one, x), x1 = _mm512_maskz_loadu_epi32(two, x + 64);
        __m512i y0 = _mm512_maskz_loadu_epi32(one, y), y1 = _mm512_maskz_loadu_epi32(two, y + 64);
        for (int k = 0; k < 4; k++) {
            __m128i shift = _mm_cvtsi32_si128(8 * k);
            if (out[k])
                _mm512_mask_storeu_epi16(out[k] + i, mask,
                                         mix(every_fourth(x0, x1, shift), every_fourth(y0, y1, shift), w));
        }
    }
}

/* 32 samples of 16 bits -> 1/128 of a step. */
static inline __m512i narrow(__m512i samples, __m128i up)
{
    __m512i value = _mm512_srli_epi16(_mm512_sll_epi16(samples, up), 1);
    return _mm512_min_epi16(value, _mm512_set1_epi16(VISION_WIDE_MOST));
}

static inline __m512i mix_wide(__m512i a, __m512i b, __m512i weight)
{
    return _mm512_add_epi16(a, _mm512_mulhrs_epi16(_mm512_sub_epi16(b, a), weight));
}

static void expand1_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *out)
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight);
    const __m128i by = _mm_cvtsi32_si128(up);
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        __m512i x = narrow(_mm512_maskz_loadu_epi16(mask, a + 2 * (size_t)i), by);
        if (weight)
            x = mix_wide(x, narrow(_mm512_maskz_loadu_epi16(mask, b + 2 * (size_t)i), by), w);
        _mm512_mask_storeu_epi16(out + i, mask, x);
    }
}

static void expand2_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *const out[2])
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight);
    const __m128i by = _mm_cvtsi32_si128(up);
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = first16(n - i);
        __m512i x = narrow(_mm512_maskz_loadu_epi32(mask, a + 4 * (size_t)i), by);
        if (weight)
            x = mix_wide(x, narrow(_mm512_maskz_loadu_epi32(mask, b + 4 * (size_t)i), by), w);
        _mm256_mask_storeu_epi16(out[0] + i, mask, _mm512_cvtepi32_epi16(x));
        _mm256_mask_storeu_epi16(out[1] + i, mask, _mm512_cvtepi32_epi16(_mm512_srli_epi32(x, 16)));
    }
}

/* The neighbours of 16 outputs as 16 pairs of words. When they lie within 64 words, two loads and a permutation fetch
 * them in a third of a gather's time (a reduction of up to 4 to 1). */
static inline __m512i fetch_pairs(const int16_t *in, __m512i index, int first, int last)
{
    if (last - first <= 62) {
        __m512i at = _mm512_sub_epi32(index, _mm512_set1_epi32(first));
        at = _mm512_or_si512(at, _mm512_slli_epi32(_mm512_add_epi32(at, _mm512_set1_epi32(1)), 16));
        return _mm512_permutex2var_epi16(_mm512_loadu_si512(in + first), at, _mm512_loadu_si512(in + first + 32));
    }
    return _mm512_i32gather_epi32(index, in, 2);
}

static void blend(const int16_t *in, const int32_t *index, const int16_t *weights, int n, int16_t *out)
{
    const __m512i one = _mm512_set1_epi32(16384);
    for (int i = 0; i + 16 <= n; i += 16) {
        __m512i pairs = fetch_pairs(in, _mm512_loadu_si512(index + i), index[i], index[i + 15]);
        __m512i w = _mm512_cvtepi16_epi32(_mm256_loadu_si256((const __m256i *)(const void *)(weights + i)));
        __m512i both = _mm512_or_si512(_mm512_slli_epi32(w, 16), _mm512_sub_epi32(one, w));
        __m512i sum = _mm512_srai_epi32(_mm512_add_epi32(_mm512_madd_epi16(pairs, both), one), 15);
        _mm256_storeu_si256((__m256i *)(void *)(out + i), _mm512_cvtepi32_epi16(sum));
    }
    int done = n & ~15;
    vision_rows_c.blend(in, index + done, weights + done, n - done, out + done);
}

/* Byte n of 128 at a time, for all n in `at`: what `sample` is made of. */
#define VBMI __attribute__((target("avx512f,avx512bw,avx512vl,avx512vbmi")))
#define VBMI_INLINE static inline __attribute__((always_inline, target("avx512f,avx512bw,avx512vl,avx512vbmi")))

VBMI_INLINE __m512i first_bytes(const uint8_t *p, int n)
{
    return n >= 64 ? _mm512_loadu_si512(p) : _mm512_maskz_loadu_epi8(n > 0 ? first64(n) : 0, p);
}

/* Two neighbours of 32 columns (low and high byte of a word) -> out, as blend does. */
VBMI_INLINE __m512i blend_pairs(__m512i a, __m512i b, __m512i weight, bool two, __m512i low_factors,
                                __m512i high_factors)
{
    const __m512i low = _mm512_set1_epi16(0xff), one = _mm512_set1_epi32(16384);
    __m512i left = _mm512_and_si512(a, low), right = _mm512_srli_epi16(a, 8);
    if (two) {
        left = mix(left, _mm512_and_si512(b, low), weight);
        right = mix(right, _mm512_srli_epi16(b, 8), weight);
    } else {
        left = _mm512_slli_epi16(left, 7);
        right = _mm512_slli_epi16(right, 7);
    }
    __m512i first = _mm512_madd_epi16(_mm512_unpacklo_epi16(left, right), low_factors);
    __m512i second = _mm512_madd_epi16(_mm512_unpackhi_epi16(left, right), high_factors);
    return _mm512_packs_epi32(_mm512_srai_epi32(_mm512_add_epi32(first, one), 15),
                              _mm512_srai_epi32(_mm512_add_epi32(second, one), 15));
}

/* The pairs of a block, for up to three channels, from all its windows. */
VBMI_INLINE void pick_pairs(const uint8_t *row, int bytes, const int32_t *start, int windows, const __m512i at[3],
                            const int channels, __m512i out[3])
{
    const int share = 64 / windows; /* bytes of pairs that a window serves */
    for (int k = 0; k < channels; k++)
        out[k] = _mm512_setzero_si512();
    for (int part = 0; part < windows; part++) {
        __mmask64 mine = (~(__mmask64)0 >> (64 - share)) << (part * share);
        int from = start[part];
        __m512i first = first_bytes(row + from, bytes - from), second = first_bytes(row + from + 64, bytes - from - 64);
        for (int k = 0; k < channels; k++)
            out[k] = windows == 1 ? _mm512_permutex2var_epi8(first, at[k], second)
                                  : _mm512_or_si512(out[k], _mm512_maskz_permutex2var_epi8(mine, first, at[k], second));
    }
}

VBMI_INLINE void sample_rows(const uint8_t *a, const uint8_t *b, int weight, int bytes, const vision_picks *picks,
                             const int windows, const int channels, const uint8_t *place, int n, int16_t *const *out)
{
    const __m512i w = _mm512_set1_epi16((int16_t)weight), one = _mm512_set1_epi16(16384);
    const int32_t *start = picks->starts;
    const bool two = weight != 0;
    __m512i places[3], at[3], x[3], y[3];
    for (int k = 0; k < channels; k++)
        places[k] = _mm512_set1_epi8((char)place[k]);
    for (int i = 0; i < n; i += 32, start += windows) {
        __m512i pairs = _mm512_loadu_si512(picks->pairs + 2 * (size_t)i);
        for (int k = 0; k < channels; k++)
            at[k] = _mm512_add_epi8(pairs, places[k]);
        pick_pairs(a, bytes, start, windows, at, channels, x);
        for (int k = 0; k < channels; k++)
            y[k] = x[k];
        if (two)
            pick_pairs(b, bytes, start, windows, at, channels, y);
        __m512i right = _mm512_loadu_si512(picks->weights + i), left = _mm512_sub_epi16(one, right);
        __m512i low_factors = _mm512_unpacklo_epi16(left, right), high_factors = _mm512_unpackhi_epi16(left, right);
        for (int k = 0; k < channels; k++)
            _mm512_mask_storeu_epi16(out[k] + i, first32(n - i),
                                     blend_pairs(x[k], y[k], w, two, low_factors, high_factors));
    }
}

VBMI static void sample_near(const uint8_t *a, const uint8_t *b, int weight, int bytes, const vision_picks *picks,
                             int channels, const uint8_t *place, int n, int16_t *const *out)
{
    if (channels == 1)
        sample_rows(a, b, weight, bytes, picks, 1, 1, place, n, out);
    else if (channels == 2)
        sample_rows(a, b, weight, bytes, picks, 1, 2, place, n, out);
    else
        sample_rows(a, b, weight, bytes, picks, 1, 3, place, n, out);
}

VBMI static void sample(const uint8_t *a, const uint8_t *b, int weight, int bytes, const vision_picks *picks,
                        int channels, const uint8_t *place, int n, int16_t *const *out)
{
    if (picks->windows == 1)
        sample_near(a, b, weight, bytes, picks, channels, place, n, out);
    else if (channels == 1)
        sample_rows(a, b, weight, bytes, picks, picks->windows, 1, place, n, out);
    else if (channels == 2)
        sample_rows(a, b, weight, bytes, picks, picks->windows, 2, place, n, out);
    else
        sample_rows(a, b, weight, bytes, picks, picks->windows, 3, place, n, out);
}

static inline void put_bytes(__m512i value, __mmask32 mask, uint8_t *out)
{
    value = _mm512_srai_epi16(_mm512_adds_epi16(value, _mm512_set1_epi16(32)), 6);
    value = _mm512_max_epi16(value, _mm512_setzero_si512());
    _mm256_mask_storeu_epi8(out, mask, _mm512_cvtusepi16_epi8(value));
}

static void colour(const int16_t *y, const int16_t *u, const int16_t *v, int n, const vision_colour *c, uint8_t *r,
                   uint8_t *g, uint8_t *b)
{
    const __m512i black = _mm512_set1_epi16(c->black), gain = _mm512_set1_epi16(c->y_gain);
    const __m512i r_v = _mm512_set1_epi16(c->r_v), g_v = _mm512_set1_epi16(c->g_v), g_u = _mm512_set1_epi16(c->g_u);
    const __m512i b_u = _mm512_set1_epi16(c->b_u), middle = _mm512_set1_epi16(128 * 64);
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        __m512i light = _mm512_sub_epi16(_mm512_maskz_loadu_epi16(mask, y + i), black);
        __m512i blue = _mm512_slli_epi16(_mm512_sub_epi16(_mm512_maskz_loadu_epi16(mask, u + i), middle), 2);
        __m512i red = _mm512_slli_epi16(_mm512_sub_epi16(_mm512_maskz_loadu_epi16(mask, v + i), middle), 2);
        light = _mm512_add_epi16(light, _mm512_mulhrs_epi16(light, gain));
        put_bytes(_mm512_adds_epi16(light, _mm512_mulhrs_epi16(red, r_v)), mask, r + i);
        __m512i less = _mm512_subs_epi16(light, _mm512_mulhrs_epi16(blue, g_u));
        put_bytes(_mm512_subs_epi16(less, _mm512_mulhrs_epi16(red, g_v)), mask, g + i);
        put_bytes(_mm512_adds_epi16(light, _mm512_mulhrs_epi16(blue, b_u)), mask, b + i);
    }
}

static void round8(const int16_t *in, int n, uint8_t *out)
{
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        put_bytes(_mm512_maskz_loadu_epi16(mask, in + i), mask, out + i);
    }
}

static int near_half(const int16_t *in, int n, int16_t *indices)
{
    int count = 0;
    for (int i = 0; i < n; i += 32) {
        __mmask32 mask = first32(n - i);
        __m512i above = _mm512_sub_epi16(_mm512_maskz_loadu_epi16(mask, in + i), _mm512_set1_epi16(31));
        above = _mm512_and_si512(above, _mm512_set1_epi16(63));
        uint32_t bits = _mm512_mask_cmplt_epi16_mask(mask, above, _mm512_set1_epi16(3));
        for (; bits; bits &= bits - 1)
            indices[count++] = (int16_t)(i + __builtin_ctz(bits));
    }
    return count;
}

/* Sixteen pixels through the map. */
static inline __m512 affine16(const uint8_t *in, __mmask16 mask, const vision_affine *map)
{
    __m512 x = _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(_mm_maskz_loadu_epi8(mask, in)));
    __m512 rest = _mm512_fmsub_ps(x, _mm512_set1_ps(map->scale_low), _mm512_set1_ps(map->mean));
    return _mm512_fmadd_ps(x, _mm512_set1_ps(map->scale_high), rest);
}

static void store_f32(const uint8_t *in, int n, const vision_affine *map, float *out)
{
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = first16(n - i);
        _mm512_mask_storeu_ps(out + i, mask, affine16(in + i, mask, map));
    }
}

static void store_f16(const uint8_t *in, int n, const vision_affine *map, uint16_t *out)
{
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = first16(n - i);
        _mm256_mask_storeu_epi16(out + i, mask,
                                 _mm512_cvtps_ph(affine16(in + i, mask, map), _MM_FROUND_TO_NEAREST_INT));
    }
}

static void fill_f32(float value, int n, float *out)
{
    for (int i = 0; i < n; i += 16)
        _mm512_mask_storeu_ps(out + i, first16(n - i), _mm512_set1_ps(value));
}

static void max_f32(const float *in, int n, float *best, float *check)
{
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = first16(n - i);
        __m512 x = _mm512_maskz_loadu_ps(mask, in + i), sum = _mm512_maskz_loadu_ps(mask, check + i);
        _mm512_mask_storeu_ps(best + i, mask, _mm512_max_ps(x, _mm512_maskz_loadu_ps(mask, best + i)));
        _mm512_mask_storeu_ps(check + i, mask, _mm512_add_ps(sum, _mm512_sub_ps(x, x)));
    }
}

static void half_to_f32(const uint16_t *in, int n, float *out)
{
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = first16(n - i);
        _mm512_mask_storeu_ps(out + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, in + i)));
    }
}

static void add_scaled(const float *in, float factor, int n, float *out)
{
    for (int i = 0; i < n; i += 16) {
        __mmask16 mask = first16(n - i);
        __m512 sum = _mm512_maskz_loadu_ps(mask, out + i);
        _mm512_mask_storeu_ps(out + i, mask,
                              _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, in + i), _mm512_set1_ps(factor), sum));
    }
}

#define TABLE(name, sample)                                                                                            \
    {                                                                                                                  \
        name, expand1, expand2, expand3, expand4, expand1_wide, expand2_wide, blend, sample, colour, round8,           \
            near_half, store_f32, store_f16, fill_f32, max_f32, half_to_f32, add_scaled                                \
    }
const vision_rows vision_rows_avx512 = TABLE("avx512", NULL);
const vision_rows vision_rows_vbmi = TABLE("avx512+vbmi", sample);
