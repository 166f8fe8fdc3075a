/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The row kernels of the room: first those of picture -> tensor. A row of the result goes through four steps, each over
 * short buffers that stay in the first-level cache:
 *
 *   expand    two rows of the picture, mixed by the vertical weight -> planes of int16 in 1/128 of a step
 *   blend     two neighbours of a plane, mixed by the horizontal weights -> int16 in 1/64 of a step
 *             (or both in one: sample)
 *   colour    Y, U, V planes -> R, G, B bytes       (or round8: a plane -> bytes)
 *   store     bytes -> network input, pixel * scale - mean
 *
 * Everything up to the bytes is integer arithmetic that every variant does alike, so all variants give the same bits;
 * plain C (rows.c) defines them. Behind expand (at most 1/128 step off: its weight's 2^-16 of 255 and its rounding) and
 * blend (2^-15 of 255 and its rounding), a value is at most 0.0235 steps = 1.5 / 64 off. Buffers need no alignment,
 * except that planes are readable for VISION_ROW_SLACK elements beyond their end; nothing is written beyond n. */
#ifndef ONYX_VISION_ROWS_H
#define ONYX_VISION_ROWS_H

#include <stdbool.h>
#include <stdint.h>

#define VISION_ROW_SLACK 64

/* All of 12 bits, and so little that 4 * (chroma - 128) steps of 1/64 fit into int16 in `colour`. */
enum { VISION_WIDE_MOST = 32760 };

/* Where the neighbours of 32 columns at a time lie in a row of bytes, for `sample`. A block of 32 columns is served by
 * 1, 2, 4 or 8 windows of VISION_WINDOW bytes, each of which holds both neighbours of its share of the columns. */
enum { VISION_WINDOW = 128, VISION_BLOCK = 32 };
typedef struct vision_picks {
    int windows;            /* a block; 0: the columns lie too far apart, and `sample` cannot be used */
    const int32_t *starts;  /* [column * windows / VISION_BLOCK]: the window's first byte */
    const uint8_t *pairs;   /* [column][2]: the neighbours' first bytes within the window; zeros behind the last column,
                               up   to a whole block */
    const int16_t *weights; /* [column]: as in blend, up to a whole block; where 0, the second neighbour is none */
} vision_picks;

/* R = y + r_v v, G = y - g_u u - g_v v, B = y + b_u u, with y = (Y - black) (1 + y_gain), chroma about 128. The
 * chroma factors are quarters in Q15, y_gain is Q15, black is in 1/64. */
typedef struct vision_colour {
    int16_t black, y_gain, r_v, g_u, g_v, b_u;
} vision_colour;

/* pixel * scale - mean for all pixels, rounded once; and its factors, in two parts so that
 * fma(pixel, scale_high, fma(pixel, scale_low, -mean)) keeps the precision. */
typedef struct vision_affine {
    float scale_high, scale_low, mean;
    float values[256];
    uint16_t halves[256];
} vision_affine;
void vision_affine_set(vision_affine *map, double scale, double mean, bool halves); /* halves: fill them, too */

typedef struct vision_rows {
    const char *name;
    /* out[k] = a[k] * 128 + round((b[k] - a[k]) * 128 * weight / 32768), 0 <= weight <= 32767. expand2 and expand4 take
     * n groups of 2 and 4 bytes to as many planes; planes that are NULL are left out. expand3: n groups of 3. */
    void (*expand1)(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *out);
    void (*expand2)(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[2]);
    void (*expand3)(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[3]);
    void (*expand4)(const uint8_t *a, const uint8_t *b, int weight, int n, int16_t *const out[4]);
    /* The same for n samples, or pairs of them, of two bytes, the lower one first, whose upper end is reached when they
     * are moved up by `up` bits (what falls off does not count): 1/128 of a step is half of what that gives, at most
     * VISION_WIDE_MOST. */
    void (*expand1_wide)(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *out);
    void (*expand2_wide)(const uint8_t *a, const uint8_t *b, int weight, int n, int up, int16_t *const out[2]);
    /* out[i] = round((in[index[i]] * (16384 - w) + in[index[i] + 1] * w) / 32768), w = weights[i] in 0..16384;
     * index does not fall and is >= 0. */
    void (*blend)(const int16_t *in, const int32_t *index, const int16_t *weights, int n, int16_t *out);
    /* expand and blend in one, for what is read of the rows alone: for each k < channels (1 to 3), out[k] is what they
     * would give for the bytes place[k] behind the picked ones (place[k] + the pair < VISION_WINDOW). Reads less than
     * `bytes` bytes of a and b; what would lie beyond has weight 0. NULL where it does not pay. */
    void (*sample)(const uint8_t *a, const uint8_t *b, int weight, int bytes, const vision_picks *picks, int channels,
                   const uint8_t *place, int n, int16_t *const *out);
    void (*colour)(const int16_t *y, const int16_t *u, const int16_t *v, int n, const vision_colour *colour, uint8_t *r,
                   uint8_t *g, uint8_t *b);
    void (*round8)(const int16_t *in, int n, uint8_t *out); /* (in + 32) / 64, within 0..255 */
    /* Indices where in lies 31 to 33 parts of 64 above a whole step: so near to a half that the errors of expand and
     * blend may have turned round8. Returns how many. */
    int (*near_half)(const int16_t *in, int n, int16_t *indices);
    /* out[i] = map of in[i]; a variant may compute it from the factors instead, and then be off by the last bit where
     * the mean is not 0. */
    void (*store_f32)(const uint8_t *in, int n, const vision_affine *map, float *out);
    void (*store_f16)(const uint8_t *in, int n, const vision_affine *map, uint16_t *out);
    void (*fill_f32)(float value, int n, float *out);
    /* For decoding: best[i] = max(best[i], in[i]), check[i] += in[i] - in[i] (which is 0 only for finite values). What
     * best becomes where a value is NaN is not defined. */
    void (*max_f32)(const float *in, int n, float *best, float *check);
    void (*half_to_f32)(const uint16_t *in, int n, float *out);
    /* out[i] += factor * in[i] (may be fused; the order of calls is the order of sums) */
    void (*add_scaled)(const float *in, float factor, int n, float *out);
} vision_rows;

/* The table for these flags (base/cpuid.h): a pure function, so that tests can ask for every level. Static storage. */
const vision_rows *vision_rows_for(uint32_t cpu_flags);
/* The table for this process. */
const vision_rows *vision_rows_here(void);

extern const vision_rows vision_rows_c;
/* Only where built for that processor. */
extern const vision_rows vision_rows_avx2, vision_rows_avx512, vision_rows_vbmi, vision_rows_neon;

#endif
