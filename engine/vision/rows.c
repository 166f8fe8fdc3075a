/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The row kernels in plain C, which define the results, and the choice of a table. */
#include "vision/rows.h"

#include <stdatomic.h>

#include "base/cpuid.h"
#include "base/types.h"

static inline int16_t mix(int a, int b, int weight)
{
    return (int16_t)(a * 128 + (((b - a) * 128 * weight + 16384) >> 15));
}

static void expand1(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = mix(a[i], b[i], weight);
}

static void expand_step(const uint8_t *a, const uint8_t *b, int weight, int n, int step, int16_t *const *out)
{
    for (int k = 0; k < step; k++)
        if (out[k])
            for (int i = 0; i < n; i++)
                out[k][i] = mix(a[i * step + k], b[i * step + k], weight);
}

static void expand2(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[2])
{
    expand_step(a, b, weight, n, 2, out);
}

static void expand3(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[3])
{
    expand_step(a, b, weight, n, 3, out);
}

static void expand4(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[4])
{
    expand_step(a, b, weight, n, 4, out);
}

/* Sample `i` of a row, in 1/128 of a step. */
static inline int wide(const uint8_t *row, int i, int up)
{
    int value = (uint16_t)((row[2 * i] | row[2 * i + 1] << 8) << up) >> 1;
    return value < VISION_WIDE_MOST ? value : VISION_WIDE_MOST;
}

static inline int16_t mix_wide(int a, int b, int weight)
{
    return (int16_t)(a + (((b - a) * weight + 16384) >> 15));
}

static void expand_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int step, int up, int16_t *const *out)
{
    for (int k = 0; k < step; k++)
        for (int i = 0; i < n; i++)
            out[k][i] = mix_wide(wide(a, i * step + k, up), wide(b, i * step + k, up), weight);
}

static void expand1_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *out)
{
    expand_wide(a, b, weight, n, 1, up, &out);
}

static void expand2_wide(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *const out[2])
{
    expand_wide(a, b, weight, n, 2, up, out);
}

static void blend(const int16_t *in, const int32_t *index, const int16_t *weights, int n, int16_t *out)
{
    for (int i = 0; i < n; i++) {
        const int16_t *pair = in + index[i];
        out[i] = (int16_t)((pair[0] * (16384 - weights[i]) + pair[1] * weights[i] + 16384) >> 15);
    }
}

static void sample(const uint8_t *a, const uint8_t *b, int weight, int bytes, const vision_picks *picks, int channels,
                   const uint8_t *place, int n, int16_t *const *out)
{
    (void)bytes;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < channels; k++) {
            int start = picks->starts[i * picks->windows / VISION_BLOCK] + place[k], w = picks->weights[i];
            int left = start + picks->pairs[2 * i], right = w ? start + picks->pairs[2 * i + 1] : left;
            out[k][i] =
                (int16_t)((mix(a[left], b[left], weight) * (16384 - w) + mix(a[right], b[right], weight) * w + 16384) >>
                          15);
        }
}

static inline uint8_t byte_of(int value)
{
    value = (value + 32) >> 6;
    return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* (a * b + 2^14) / 2^15, what pmulhrsw and sqrdmulh do */
static inline int mul15(int a, int b)
{
    return (a * b + 16384) >> 15;
}

static void colour(const int16_t *y, const int16_t *u, const int16_t *v, int n, const vision_colour *c, uint8_t *r,
                   uint8_t *g, uint8_t *b)
{
    for (int i = 0; i < n; i++) {
        int light = y[i] - c->black, blue = (u[i] - 128 * 64) * 4, red = (v[i] - 128 * 64) * 4;
        light += mul15(light, c->y_gain);
        r[i] = byte_of(light + mul15(red, c->r_v));
        g[i] = byte_of(light - mul15(blue, c->g_u) - mul15(red, c->g_v));
        b[i] = byte_of(light + mul15(blue, c->b_u));
    }
}

static void round8(const int16_t *in, int n, uint8_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = byte_of(in[i]);
}

static int near_half(const int16_t *in, int n, int16_t *indices)
{
    int count = 0;
    for (int i = 0; i < n; i++) {
        indices[count] = (int16_t)i;
        count += ((in[i] - 31) & 63) <= 2;
    }
    return count;
}

void vision_affine_set(vision_affine *map, double scale, double mean, bool halves)
{
    map->scale_high = (float)scale;
    map->scale_low = (float)(scale - (double)map->scale_high);
    map->mean = (float)mean;
    for (int i = 0; i < 256; i++)
        map->values[i] = (float)(i * scale - mean);
    for (int i = 0; halves && i < 256; i++)
        map->halves[i] = float_to_half(map->values[i]);
}

static void store_f32(const uint8_t *in, int n, const vision_affine *map, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] = map->values[in[i]];
}

static void store_f16(const uint8_t *in, int n, const vision_affine *map, uint16_t *out)
{
    for (int i = 0; i < n; i++)
        out[i] = map->halves[in[i]];
}

static void fill_f32(float value, int n, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] = value;
}

static void max_f32(const float *in, int n, float *best, float *check)
{
    for (int i = 0; i < n; i++) {
        best[i] = in[i] > best[i] ? in[i] : best[i];
        check[i] += in[i] - in[i];
    }
}

static void half_to_f32(const uint16_t *in, int n, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] = half_to_float(in[i]);
}

static void add_scaled(const float *in, float factor, int n, float *out)
{
    for (int i = 0; i < n; i++)
        out[i] += factor * in[i];
}

const vision_rows vision_rows_c = { "c",          expand1,   expand2,  expand3, expand4,     expand1_wide,
                                    expand2_wide, blend,     sample,   colour,  round8,      near_half,
                                    store_f32,    store_f16, fill_f32, max_f32, half_to_f32, add_scaled };

const vision_rows *vision_rows_for(uint32_t cpu_flags)
{
    const vision_rows *rows = &vision_rows_c;
#if defined(__x86_64__)
    if (cpu_flags & CPU_AVX2)
        rows = &vision_rows_avx2;
    if (cpu_flags & CPU_AVX512)
        rows = &vision_rows_avx512;
    if ((cpu_flags & CPU_AVX512) && (cpu_flags & CPU_AVX512_VBMI))
        rows = &vision_rows_vbmi;
#elif defined(__aarch64__)
    if (cpu_flags & CPU_NEON)
        rows = &vision_rows_neon;
#endif
    (void)cpu_flags;
    return rows;
}

const vision_rows *vision_rows_here(void)
{
    /* A constant of the process, remembered because asking the processor is slow in a virtual machine (cpuid traps
     * there). Threads that ask at the same time find the same. */
    static _Atomic(const vision_rows *) chosen;
    const vision_rows *rows = atomic_load_explicit(&chosen, memory_order_acquire);
    if (!rows) {
        rows = vision_rows_for(cpuid_flags(NULL));
        atomic_store_explicit(&chosen, rows, memory_order_release);
    }
    return rows;
}
