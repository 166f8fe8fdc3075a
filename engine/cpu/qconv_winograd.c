/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd's F(4x4, 3x3) in integers, without any rounding: when it can be used, and its packed weights.
 *
 * With the points 0, 1, -1, 2, -2 and infinity all factors are integers but those of the filters, which are taken 24
 * times (the last row 12 times, the rest of it at the end). A source value less its zero point grows from 9 bits to at
 * most 100 * 255, a weight w to 144 * |w|: both fit 16 bits. What comes out is 576 times the sum over the window,
 * modulo 2^32. 576 = 9 * 64, and 9 has an inverse modulo 2^32, so that 64 times the sum is left, exact where that fits:
 * the products and all sums between may wrap. Packed: the header of qconv.c with zeros, then
 *   [tile of filter_blocks vectors][6][6][source block][pair of channels][vector][lane][2] int16. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "cpu/qconv_private.h"

enum {
    LARGEST_WEIGHT = 227,        /* 144 * 227 < 2^15 */
    LARGEST_SUM = (1 << 25) - 1, /* 64 * sum < 2^31 */
    FEWEST_CHANNELS = 32,        /* below, what the transforms cost eats what they save */
    BATCH = 24,                  /* tiles that are done together */
    ONE_BATCH = 32,              /* that many are, because of their weights: they come from the last cache only once */
    FILTER_PARTS = 4,            /* at most, of such a batch; each transforms the source for itself */
};

bool qconv_winograd_fits(const qconv_units *units, const qconv_shape *s)
{
    if (!units || !units->winograd || s->groups != 1 || s->src_plain || s->kernel_h != 3 || s->kernel_w != 3 ||
        s->stride_h != 1 || s->stride_w != 1 || s->dilation_h != 1 || s->dilation_w != 1 || s->c_in < FEWEST_CHANNELS ||
        s->pad_top > 2 || s->pad_left > 2)
        return false;
    if (s->largest_weight < 1 || s->largest_weight > LARGEST_WEIGHT || s->largest_filter < 1 ||
        s->largest_filter > LARGEST_SUM / 255)
        return false;
    int tiles = (s->h_out + 3) / 4 * ((s->w_out + 3) / 4);
    return tiles >= units->winograd_tiles && tiles * 16 <= s->h_out * s->w_out * 4 / 3;
}

void qconv_winograd_plan(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const size_t lanes = (size_t)plan->block, blocks = (size_t)plan->src_blocks;
    const int tiles_x = (s->w_out + 3) / 4, tiles = tiles_x * ((s->h_out + 3) / 4);
    plan->name = plan->units->winograd_name;
    plan->run = plan->units->winograd;
    plan->winograd = true;
    plan->filter_blocks = plan->units->winograd_blocks;
    plan->in_place = true;
    plan->strips = tiles <= ONE_BATCH ? 1 : (tiles + BATCH - 1) / BATCH;
    plan->tiles = (tiles + plan->strips - 1) / plan->strips;
    plan->strips = (tiles + plan->tiles - 1) / plan->tiles;
    const int vectors = (s->c_out + plan->block - 1) / plan->block;
    const int whole = vectors / plan->filter_blocks; /* fewer filters a part: transforms would weigh too much */
    plan->filter_parts = plan->strips > 1 || whole < 1 ? 1 : whole < FILTER_PARTS ? whole : FILTER_PARTS;
    plan->parts = plan->strips * plan->filter_parts;
    const size_t batch = (size_t)plan->tiles;
    plan->packed_bytes = qconv_filters_at(plan) + (size_t)vectors * lanes * (size_t)qconv_winograd_pairs(plan) * 36 * 4;

    /* scratch: what qconv_choose has put in front; a row of padding; a tile row after the first transform; sources;
     * products */
    const size_t columns = 4 * batch + 2;
    plan->zero_row_at = plan->sums_at;
    plan->columns_at = plan->zero_row_at + size_align(columns * lanes, 64);
    plan->tiles_at = plan->columns_at + size_align(6 * columns * lanes * 2, 64);
    plan->products_at = plan->tiles_at + size_align(36 * blocks * lanes * 2 * batch, 64);
    plan->scratch_bytes = plan->products_at + 36 * batch * lanes * 4 * (size_t)plan->filter_blocks;
}

/* Filters that are transformed together, by vectors, before they go to their places, which lie multiples of a page
 * apart. */
enum { STAGE_FILTERS = 64, STAGE_ROW = STAGE_FILTERS * 2 };

/* 24 times the transform of three weights of every filter; its last row: 12 times. All fits 16 bits. */
static void transform_3(int16_t a[STAGE_FILTERS], int16_t b[STAGE_FILTERS], int16_t c[STAGE_FILTERS],
                        int16_t out[6][STAGE_FILTERS])
{
    for (int f = 0; f < STAGE_FILTERS; f++) {
        out[0][f] = (int16_t)(6 * a[f]);
        out[1][f] = (int16_t)(-4 * (a[f] + b[f] + c[f]));
        out[2][f] = (int16_t)(-4 * (a[f] - b[f] + c[f]));
        out[3][f] = (int16_t)(a[f] + 2 * b[f] + 4 * c[f]);
        out[4][f] = (int16_t)(a[f] - 2 * b[f] + 4 * c[f]);
        out[5][f] = (int16_t)(12 * c[f]);
    }
}

static void transform_filters(int16_t w[9][STAGE_FILTERS], int16_t out[36][STAGE_FILTERS])
{
    int16_t columns[3][6][STAGE_FILTERS];
    for (int k = 0; k < 3; k++)
        transform_3(w[k], w[3 + k], w[6 + k], columns[k]);
    for (int i = 0; i < 6; i++)
        transform_3(columns[0][i], columns[1][i], columns[2][i], out + 6 * i);
}

/* Inputs k and k + 1 of filters [begin, end) to stage[point][filter][2]. */
static void stage_pair(const qconv_shape *s, const void *weights, const int *zeros, int begin, int end, int k,
                       int16_t stage[36][STAGE_ROW])
{
    int16_t w[2][9][STAGE_FILTERS] = { 0 }, transformed[2][36][STAGE_FILTERS];
    for (int c = begin; c < end; c++) {
        const int zero = zeros ? zeros[c] : s->weights_signed ? 0 : 128;
        for (int i = k; i < k + 2 && i < s->c_in; i++) {
            const size_t from = ((size_t)c * (size_t)s->c_in + (size_t)i) * 9;
            for (size_t tap = 0; tap < 9; tap++) {
                const int value =
                    s->weights_signed ? ((const int8_t *)weights)[from + tap] : ((const uint8_t *)weights)[from + tap];
                assert(abs(value - zero) <= LARGEST_WEIGHT);
                w[i - k][tap][c - begin] = (int16_t)(value - zero);
            }
        }
    }
    for (int i = 0; i < 2; i++)
        transform_filters(w[i], transformed[i]);
    for (int point = 0; point < 36; point++)
        for (int f = 0; f < STAGE_FILTERS; f++) {
            stage[point][2 * f] = transformed[0][point][f];
            stage[point][2 * f + 1] = transformed[1][point][f];
        }
}

void qconv_winograd_pack(const qconv_plan *plan, const void *weights, const int *zeros, void *packed)
{
    const qconv_shape *s = &plan->shape;
    const int lanes = plan->block, vectors = (s->c_out + lanes - 1) / lanes, pairs = qconv_winograd_pairs(plan);
    int16_t *out = (int16_t *)(void *)((uint8_t *)packed + qconv_filters_at(plan));
    memset(packed, 0, plan->packed_bytes);
    for (int first = 0, wide; first < vectors;
         first += wide, out += (size_t)36 * (size_t)pairs * (size_t)wide * (size_t)lanes * 2) {
        wide = qconv_wide(plan->filter_blocks, vectors - first);
        const int end = s->c_out < (first + wide) * lanes ? s->c_out : (first + wide) * lanes;
        const size_t pair = (size_t)wide * (size_t)lanes * 2, point = (size_t)pairs * pair;
        for (int c = first * lanes; c < end; c += STAGE_FILTERS) {
            const int some = end - c < STAGE_FILTERS ? end - c : STAGE_FILTERS;
            int16_t *to = out + (size_t)(c - first * lanes) * 2;
            for (int k = 0; k < s->c_in; k += 2, to += pair) {
                int16_t stage[36][STAGE_ROW];
                stage_pair(s, weights, zeros, c, c + some, k, stage);
                for (size_t i = 0; i < 36; i++)
                    memcpy(to + i * point, stage[i], (size_t)some * 2 * sizeof(*to));
            }
        }
    }
}
