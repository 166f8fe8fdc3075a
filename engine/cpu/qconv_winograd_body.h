/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Winograd's F(4x4, 3x3) on bytes, exact (qconv_winograd.c tells why), in the words of qconv_body.h, which is included
 * before this, and of these that the instruction set defines, on vectors vh of 2 * VF_LANES int16:
 *   QCONV_WINOGRAD_FILTERS, _PIXELS_1 .. 4, _CASES_1 .. 4   sizes of the product's tiles
 *   vh_load_u8(p), vh_load_s8(p)     2 * VF_LANES bytes
 *   vh_load, vh_store, vh_add, vh_sub, vh_shift_left(v, n), vh_set1
 *   vh_low(a, b), vh_high(a, b)      the lower (upper) half of a, then that of b
 *   vq_dot_16(acc, x, w)             acc + x * w for pairs of int16 (vq_load_x, vq_load_w), modulo 2^32
 *   vi_shift_left(v, n), vi_shift_right(v, n)   logical; arithmetic
 * A part is a batch of tiles: their sources are transformed, multiplied by the filters as 36 matrix products, and what
 * comes out is transformed back, all in scratch of a few 100 KiB. The columns of a tile row are transformed once, for
 * both tiles that read them; rows are kept in pairs, so that the second transform has whole vectors. */
#ifndef ONYX_CPU_QCONV_WINOGRAD_BODY_H
#define ONYX_CPU_QCONV_WINOGRAD_BODY_H

#include "cpu/qconv_private.h"

#define QCONV_NINTH 0x38E38E39 /* times 9 is 1 modulo 2^32 */

/* ---- source ---- */

/* B^T d */
QCONV_INLINE void qconv_winograd_source_6(const vh d[6], vh out[6])
{
    vh a = vh_sub(d[4], vh_shift_left(d[2], 2)), b = vh_sub(d[3], vh_shift_left(d[1], 2));
    vh c = vh_sub(d[4], d[2]), e = vh_sub(d[3], d[1]), e2 = vh_add(e, e);
    out[0] = vh_add(c, vh_shift_left(vh_sub(d[0], d[2]), 2));
    out[1] = vh_add(a, b);
    out[2] = vh_sub(a, b);
    out[3] = vh_add(c, e2);
    out[4] = vh_sub(c, e2);
    out[5] = vh_sub(vh_sub(d[5], d[3]), vh_shift_left(e, 2));
}

/* Columns x and x + 1 of six rows, transformed; out: [3][columns][2][VF_LANES]. The zero point cancels out where a row
 * of B^T sums to 0, which all but the second do: to -6; zero: 6 times. */
QCONV_INLINE void qconv_winograd_two_columns(const uint8_t *const rows[6], size_t at, const bool is_signed, vh zero,
                                             int16_t *out, size_t pair_step)
{
    vh d[6], t[6];
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++)
        d[i] = is_signed ? vh_load_s8(rows[i] + at) : vh_load_u8(rows[i] + at);
    qconv_winograd_source_6(d, t);
    t[1] = vh_add(t[1], zero);
#pragma GCC unroll 3
    for (int i = 0; i < 3; i++) {
        vh_store(out + (size_t)i * pair_step, vh_low(t[2 * i], t[2 * i + 1]));
        vh_store(out + (size_t)i * pair_step + 2 * VF_LANES, vh_high(t[2 * i], t[2 * i + 1]));
    }
}

/* All columns that `count` neighbouring tiles read of one block, into scratch. zero_row: as long as they, padding. */
QCONV_INLINE void qconv_winograd_columns(const qconv_job *j, const uint8_t *src, int ty, int tx, int count,
                                         int16_t *out, const uint8_t *zero_row, const bool is_signed)
{
    const qconv_shape *s = &j->plan->shape;
    const int columns = 4 * count + 2, first = 4 * tx - s->pad_left, top = 4 * ty - s->pad_top;
    int begin = first < 0 ? -first : 0, end = s->w_in - first < columns ? s->w_in - first : columns;
    const vh zero = vh_set1((int16_t)(6 * j->arguments->src_zero));
    const size_t pair_step = (size_t)columns * 2 * VF_LANES;
    const uint8_t *rows[6]; /* where column `begin` lies */
    uint8_t edge[6][2 * VF_LANES];
    const uint8_t *edge_rows[6] = { edge[0], edge[1], edge[2], edge[3], edge[4], edge[5] };
    begin = begin < columns ? begin : columns;
    end = end > begin ? end : begin;
    for (int i = 0; i < 6; i++) {
        const int y = top + i;
        rows[i] =
            y < 0 || y >= s->h_in ? zero_row : src + ((size_t)y * (size_t)s->w_in + (size_t)(first + begin)) * VF_LANES;
    }
    for (int c = 0; c < columns; c += 2, out += 4 * VF_LANES) {
        if (c >= begin && c + 2 <= end) {
            qconv_winograd_two_columns(rows, (size_t)(c - begin) * VF_LANES, is_signed, zero, out, pair_step);
            continue;
        }
        for (int i = 0; i < 6; i++)
            for (int k = 0; k < 2; k++) {
                const bool real = c + k >= begin && c + k < end;
                memcpy(edge[i] + k * VF_LANES, real ? rows[i] + (size_t)(c + k - begin) * VF_LANES : zero_row,
                       VF_LANES);
            }
        qconv_winograd_two_columns(edge_rows, 0, is_signed, zero, out, pair_step);
    }
}

/* The other direction, for `count` tiles; out: tile `t` of [3][6][block][tile][2][VF_LANES]. */
static void qconv_winograd_rows(const int16_t *columns, int count, int16_t *out, size_t position_step)
{
    const size_t pair_step = (size_t)(4 * count + 2) * 2 * VF_LANES;
    for (int i = 0; i < 3; i++, columns += pair_step, out += 6 * position_step) {
        for (int t = 0; t < count; t++) {
            vh d[6], u[6];
#pragma GCC unroll 6
            for (int k = 0; k < 6; k++)
                d[k] = vh_load(columns + (size_t)(4 * t + k) * 2 * VF_LANES);
            qconv_winograd_source_6(d, u);
#pragma GCC unroll 6
            for (int k = 0; k < 6; k++)
                vh_store(out + (size_t)k * position_step + (size_t)t * 2 * VF_LANES, u[k]);
        }
    }
}

/* ---- products ---- */

/* out: [filter vector][36][tile][VF_LANES], at this position. ahead: from each group's weights to the vector that is
 * fetched meanwhile. */
QCONV_INLINE void qconv_winograd_product(const int16_t *x, size_t block_step, const int16_t *w, size_t ahead, int pairs,
                                         int32_t *out, size_t filter_step, const int filters, const int pixels)
{
    vi acc[QCONV_MAX_TILE];
#pragma GCC unroll 24
    for (int i = 0; i < filters * pixels; i++)
        acc[i] = vi_set1(0);
    for (; pairs > 0; pairs -= VF_LANES / 2, x += block_step) {
        const int here = pairs < VF_LANES / 2 ? pairs : VF_LANES / 2;
        for (int g = 0; g < here; g++, w += 2 * VF_LANES * filters) {
            vq_w weights[4];
            __builtin_prefetch(w + ahead);
#pragma GCC unroll 4
            for (int f = 0; f < filters; f++)
                weights[f] = vq_load_w((const uint8_t *)(w + 2 * VF_LANES * f));
#pragma GCC unroll 12
            for (int p = 0; p < pixels; p++) {
                vq_x value = vq_load_x((const uint8_t *)(x + p * 2 * VF_LANES + 2 * g));
#pragma GCC unroll 4
                for (int f = 0; f < filters; f++)
                    acc[f * pixels + p] = vq_dot_16(acc[f * pixels + p], value, weights[f]);
            }
        }
    }
#pragma GCC unroll 4
    for (int f = 0; f < filters; f++)
#pragma GCC unroll 12
        for (int p = 0; p < pixels; p++)
            vi_store(out + (size_t)f * filter_step + p * VF_LANES, acc[f * pixels + p]);
}

typedef void qconv_winograd_function(const int16_t *x, size_t block_step, const int16_t *w, size_t ahead, int pairs,
                                     int32_t *out, size_t filter_step, int pixels);

#define QCONV_WINOGRAD_CASE(filters, pixels)                                                                           \
    case pixels:                                                                                                       \
        qconv_winograd_product(x, block_step, w, ahead, pairs, out, filter_step, filters, pixels);                     \
        break;
#define QCONV_CASES_5(filters)                                                                                         \
    QCONV_WINOGRAD_CASE(filters, 1)                                                                                    \
    QCONV_WINOGRAD_CASE(filters, 2)                                                                                    \
    QCONV_WINOGRAD_CASE(filters, 3)                                                                                    \
    QCONV_WINOGRAD_CASE(filters, 4)                                                                                    \
    QCONV_WINOGRAD_CASE(filters, 5)
#define QCONV_CASES_6(filters) QCONV_CASES_5(filters) QCONV_WINOGRAD_CASE(filters, 6)
#define QCONV_CASES_8(filters) QCONV_CASES_6(filters) QCONV_WINOGRAD_CASE(filters, 7) QCONV_WINOGRAD_CASE(filters, 8)
#define QCONV_CASES_12(filters)                                                                                        \
    QCONV_CASES_8(filters)                                                                                             \
    QCONV_WINOGRAD_CASE(filters, 9)                                                                                    \
    QCONV_WINOGRAD_CASE(filters, 10)                                                                                   \
    QCONV_WINOGRAD_CASE(filters, 11)                                                                                   \
    QCONV_WINOGRAD_CASE(filters, 12)
#define QCONV_WINOGRAD_FUNCTION(name, filters, cases)                                                                  \
    static void name(const int16_t *x, size_t block_step, const int16_t *w, size_t ahead, int pairs, int32_t *out,     \
                     size_t filter_step, int pixels)                                                                   \
    {                                                                                                                  \
        switch (pixels) {                                                                                              \
            cases(filters) default : assert(0);                                                                        \
        }                                                                                                              \
    }

/* QCONV_WINOGRAD_CASES_n(n) gives the cases up to QCONV_WINOGRAD_PIXELS_n. */
QCONV_WINOGRAD_FUNCTION(qconv_winograd_1, 1, QCONV_WINOGRAD_CASES_1)
QCONV_WINOGRAD_FUNCTION(qconv_winograd_2, 2, QCONV_WINOGRAD_CASES_2)
#if QCONV_WINOGRAD_FILTERS == 4
QCONV_WINOGRAD_FUNCTION(qconv_winograd_3, 3, QCONV_WINOGRAD_CASES_3)
QCONV_WINOGRAD_FUNCTION(qconv_winograd_4, 4, QCONV_WINOGRAD_CASES_4)
#endif

static const struct {
    qconv_winograd_function *run;
    int pixels;
} qconv_winograd_products[] = {
    { NULL, 0 },
    { qconv_winograd_1, QCONV_WINOGRAD_PIXELS_1 },
    { qconv_winograd_2, QCONV_WINOGRAD_PIXELS_2 },
#if QCONV_WINOGRAD_FILTERS == 4
    { qconv_winograd_3, QCONV_WINOGRAD_PIXELS_3 },
    { qconv_winograd_4, QCONV_WINOGRAD_PIXELS_4 },
#endif
};

/* Tiles per product: as even as possible. */
static inline int qconv_even(int count, int most)
{
    int parts = (count + most - 1) / most;
    return (count + parts - 1) / parts;
}

/* ---- back ---- */

/* 24 A^T m; the filters' last row is half of what it ought to be. */
QCONV_INLINE void qconv_winograd_back_4(const vi m[6], vi out[4])
{
    vi p = vi_add(m[1], m[2]), q = vi_sub(m[1], m[2]), r = vi_add(m[3], m[4]), s = vi_sub(m[3], m[4]);
    out[0] = vi_add(vi_add(m[0], p), r);
    out[1] = vi_add(q, vi_shift_left(s, 1));
    out[2] = vi_add(p, vi_shift_left(r, 2));
    out[3] = vi_add(q, vi_add(vi_shift_left(s, 3), vi_shift_left(m[5], 1)));
}

/* 4 x 4 pixels of one vector of channels, times 64. step: between positions. */
QCONV_INLINE void qconv_winograd_back(const int32_t *products, size_t step, vi sums[4][4])
{
    const vi ninth = vi_set1(QCONV_NINTH);
    vi rows[4][6];
#pragma GCC unroll 6
    for (int k = 0; k < 6; k++) {
        vi m[6], out[4];
#pragma GCC unroll 6
        for (int i = 0; i < 6; i++)
            m[i] = vi_load(products + (size_t)(6 * i + k) * step);
        qconv_winograd_back_4(m, out);
#pragma GCC unroll 4
        for (int i = 0; i < 4; i++)
            rows[i][k] = out[i];
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++) {
        vi out[4];
        qconv_winograd_back_4(rows[i], out);
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            sums[i][k] = vi_mul(out[k], ninth);
    }
}

/* What a tile needs of its channels and its place; rows and pixels: how much of it is inside. */
typedef struct qconv_winograd_place {
    int channel, row, x, rows, pixels;
    uint8_t *dst; /* of bytes */
} qconv_winograd_place;

static void qconv_winograd_tile_bytes(const qconv_job *j, const int32_t *products, size_t step,
                                      const qconv_winograd_place *at)
{
    const int zero = j->arguments->dst_zero, smallest = j->bytes_signed ? -128 : 0;
    const size_t row_bytes = (size_t)j->plan->shape.w_out * VF_LANES;
    const vi bias = vi_load(j->bias + at->channel);
    const vf scale = vf_load(j->scale + at->channel), high = vf_set1((float)(smallest + 255 - zero));
    uint8_t *dst = at->dst, rest[4 * VF_LANES];
    vi sums[4][4];
    qconv_winograd_back(products, step, sums);
#pragma GCC unroll 4
    for (int i = 0; i < 4; i++, dst += row_bytes) {
        vi q[4];
        if (i >= at->rows)
            break;
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++) {
            vf value = vf_from_vi(vi_add(vi_shift_right(sums[i][k], 6), bias));
            value = vf_mul(value, scale);
            q[k] = vi_from_vf(j->clamp ? vf_min(high, value) : value);
        }
        if (at->pixels == 4) {
            vi_store_bytes_4(dst, q[0], q[1], q[2], q[3], zero, j->bytes_signed);
        } else {
            vi_store_bytes_4(rest, q[0], q[1], q[2], q[3], zero, j->bytes_signed);
            memcpy(dst, rest, (size_t)at->pixels * VF_LANES);
        }
    }
}

static void qconv_winograd_tile_other(const qconv_job *j, const int32_t *products, size_t step,
                                      const qconv_winograd_place *at)
{
    int32_t acc[16 * VF_LANES];
    const vi bias = vi_load(j->bias + at->channel);
    vi sums[4][4];
    qconv_winograd_back(products, step, sums);
#pragma GCC unroll 16
    for (int i = 0; i < 16; i++)
        vi_store(acc + i * VF_LANES, vi_add(vi_shift_right(sums[i / 4][i % 4], 6), bias));
    if (j->plan->shape.output == QCONV_F32) {
        const size_t w = (size_t)j->plan->shape.w_out, pixel = (size_t)at->row * w + (size_t)at->x;
        const qconv_runs runs = { at->rows, at->pixels, 0, 4 * VF_LANES, w * VF_LANES };
        float *dst =
            (float *)j->arguments->dst + (size_t)at->channel * (size_t)j->plan->shape.h_out * w + pixel * VF_LANES;
        qconv_store_floats(j, &runs, acc, at->channel, dst);
        return;
    }
    for (int y = 0; y < at->rows; y++)
        qconv_finish(j, acc + 4 * y * VF_LANES, at->channel / VF_LANES, 1, at->row + y, at->x, at->pixels);
}

/* ---- a part ---- */

typedef struct qconv_batch {
    int first, count, tiles_x;
    uint8_t *zero_row;
    int16_t *columns, *tiles;
    int32_t *products;
} qconv_batch;

/* Tiles [*t, ...) of the batch that stand side by side; *t moves behind them. */
static int qconv_winograd_run(const qconv_batch *b, int *t, int *ty, int *tx)
{
    const int tile = b->first + *t, left = b->count - *t;
    *ty = tile / b->tiles_x;
    *tx = tile % b->tiles_x;
    const int count = b->tiles_x - *tx < left ? b->tiles_x - *tx : left;
    *t += count;
    return count;
}

static void qconv_winograd_transform(const qconv_job *j, const qconv_batch *b)
{
    const qconv_plan *plan = j->plan;
    const size_t block_bytes = (size_t)plan->shape.h_in * (size_t)plan->shape.w_in * VF_LANES;
    const size_t block_step = (size_t)b->count * 2 * VF_LANES, position_step = (size_t)plan->src_blocks * block_step;
    for (int block = 0; block < plan->src_blocks; block++) {
        const uint8_t *src = (const uint8_t *)j->arguments->src + (size_t)block * block_bytes;
        for (int t = 0, ty, tx; t < b->count;) {
            int16_t *out = b->tiles + (size_t)block * block_step + (size_t)t * 2 * VF_LANES;
            const int count = qconv_winograd_run(b, &t, &ty, &tx);
            if (plan->shape.src_signed)
                qconv_winograd_columns(j, src, ty, tx, count, b->columns, b->zero_row, true);
            else
                qconv_winograd_columns(j, src, ty, tx, count, b->columns, b->zero_row, false);
            qconv_winograd_rows(b->columns, count, out, position_step);
        }
    }
}

static void qconv_winograd_multiply(const qconv_plan *plan, const qconv_batch *b, const int16_t *w, int filters)
{
    const int pairs = qconv_winograd_pairs(plan), step = qconv_even(b->count, qconv_winograd_products[filters].pixels);
    const size_t block_step = (size_t)b->count * 2 * VF_LANES, position_step = (size_t)plan->src_blocks * block_step;
    const size_t product_step = (size_t)b->count * VF_LANES, weights = (size_t)pairs * 2 * VF_LANES * (size_t)filters;
    for (int at = 0; at < 36; at++, w += weights) {
        const int16_t *x = b->tiles + (size_t)(at / 12 * 6 + at % 6) * position_step + (size_t)(at / 6 % 2) * VF_LANES;
        /* Each run fetches a share of the next position's weights, which at first are in the last cache only. */
        for (int t = 0, share = 0; t < b->count; t += step, share++)
            qconv_winograd_products[filters].run(x + (size_t)t * 2 * VF_LANES, block_step, w,
                                                 weights + (size_t)(share % filters) * 2 * VF_LANES, pairs,
                                                 b->products + (size_t)at * product_step + (size_t)t * VF_LANES,
                                                 36 * product_step, b->count - t < step ? b->count - t : step);
    }
}

static void qconv_winograd_finish(const qconv_job *j, const qconv_batch *b, int first, int filters)
{
    const qconv_shape *s = &j->plan->shape;
    const size_t step = (size_t)b->count * VF_LANES, plane = (size_t)s->h_out * (size_t)s->w_out;
    const bool bytes = j->bytes, table = bytes && j->arguments->table;
    uint8_t *const dst = j->arguments->dst;
    for (int f = 0; f < filters; f++) {
        const int32_t *products = b->products + (size_t)f * 36 * step;
        for (int t = 0, ty, tx; t < b->count;) {
            const int count = qconv_winograd_run(b, &t, &ty, &tx), x = 4 * tx;
            const int rows = s->h_out - 4 * ty < 4 ? s->h_out - 4 * ty : 4;
            const int width = s->w_out - x < 4 * count ? s->w_out - x : 4 * count;
            const size_t pixel = (size_t)(4 * ty) * (size_t)s->w_out + (size_t)x;
            const size_t place = ((size_t)(first + f) * plane + pixel) * VF_LANES;
            for (int k = 0; k < count; k++, products += VF_LANES) {
                const qconv_winograd_place at = { .channel = (first + f) * VF_LANES,
                                                  .row = 4 * ty,
                                                  .x = x + 4 * k,
                                                  .rows = rows,
                                                  .pixels = width - 4 * k < 4 ? width - 4 * k : 4,
                                                  .dst = bytes ? dst + place + 4 * k * VF_LANES : NULL };
                if (bytes)
                    qconv_winograd_tile_bytes(j, products, step, &at);
                else
                    qconv_winograd_tile_other(j, products, step, &at);
            }
            for (int y = 0; table && y < rows; y++) {
                uint8_t *row = dst + place + (size_t)y * (size_t)s->w_out * VF_LANES;
                j->plan->kernels->qeltwise.lookup(row, row, (size_t)width * VF_LANES, j->arguments->table);
            }
        }
    }
}

static void qconv_winograd(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const qconv_shape *s = &plan->shape;
    uint8_t *memory = scratch;
    const int tiles_x = (s->w_out + 3) / 4, tiles = tiles_x * ((s->h_out + 3) / 4),
              first = part % plan->strips * plan->tiles;
    const bool is_signed = s->output == QCONV_S8;
    qconv_job j = {
        .plan = plan, .arguments = a, .bytes = is_signed || s->output == QCONV_U8, .bytes_signed = is_signed
    };
    qconv_batch b = { .first = first,
                      .count = tiles - first < plan->tiles ? tiles - first : plan->tiles,
                      .tiles_x = tiles_x,
                      .zero_row = memory + plan->zero_row_at,
                      .columns = (int16_t *)(void *)(memory + plan->columns_at),
                      .tiles = (int16_t *)(void *)(memory + plan->tiles_at),
                      .products = (int32_t *)(void *)(memory + plan->products_at) };
    qconv_prepare_filters(&j, scratch, false);
    memset(b.zero_row, a->src_zero & 255, (size_t)(4 * b.count + 2) * VF_LANES);
    qconv_winograd_transform(&j, &b);
    const int16_t *w = (const int16_t *)(const void *)((const uint8_t *)a->packed + qconv_filters_at(plan));
    const int vectors = (s->c_out + VF_LANES - 1) / VF_LANES;
    const int filter_part = part / plan->strips, begin = vectors * filter_part / plan->filter_parts;
    const int end = vectors * (filter_part + 1) / plan->filter_parts;
    const size_t filter = (size_t)36 * (size_t)qconv_winograd_pairs(plan) * 2 * VF_LANES;
    for (int block = 0, wide; block < end; block += wide, w += filter * (size_t)wide) {
        wide = qconv_wide(plan->filter_blocks, vectors - block);
        if (block < begin) /* the tile in which a part begins belongs to the one before */
            continue;
        qconv_winograd_multiply(plan, &b, w, wide);
        qconv_winograd_finish(&j, &b, block, wide);
    }
    qconv_finish_limits(&j);
}

#endif
