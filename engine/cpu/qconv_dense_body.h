/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The dense part of qconv_body.h: tiles of filters x pixels whose sums stay in registers until they are bytes. Pixels
 * go by fours, because four vectors of sums are one of bytes; what a row has beyond that is done by a tile that
 * overlaps the one before it. */
#ifndef ONYX_CPU_QCONV_DENSE_BODY_H
#define ONYX_CPU_QCONV_DENSE_BODY_H

enum { FLAT_PIXELS = 320 }; /* whose results are still in the first cache when the table comes */

/* Where a tile's results go. */
typedef struct qconv_place {
    int block, row, x; /* first channel block; pixel of the image */
    uint8_t *dst;      /* the same as bytes, and from one channel block to the next */
    size_t dst_step;
} qconv_place;

/* Odd multiples of the step between pixels, by which all others are reached with a scaled index: an address of its own
 * for every pixel would cost as many instructions as the products. */
typedef struct qconv_steps {
    size_t odd[6];
} qconv_steps;

QCONV_INLINE qconv_steps qconv_step_multiples(size_t step_x, const int pixels)
{
    qconv_steps steps = { { 0 } };
#pragma GCC unroll 6
    for (int i = 0; i < 6; i++) {
        if (2 * i + 1 >= pixels)
            break;
        steps.odd[i] = (size_t)(2 * i + 1) * step_x;
        __asm__("" : "+r"(steps.odd[i])); /* or the compiler adds them up again and again */
    }
    return steps;
}

QCONV_INLINE const uint8_t *qconv_pixel_at(const uint8_t *x, const qconv_steps *steps, const int p)
{
    int scale = p ? p & -p : 0;
    scale = scale > 8 ? 8 : scale;
    return p ? x + (size_t)scale * steps->odd[p / scale / 2] : x;
}

/* One group of channels of one tap. */
QCONV_INLINE void qconv_group(const uint8_t *x, const qconv_steps *steps, const uint8_t *w, vi acc[QCONV_MAX_TILE],
                              const int filters, const int pixels)
{
    vq_w weights[QCONV_FILTERS];
#pragma GCC unroll 6
    for (int f = 0; f < filters; f++)
        weights[f] = vq_load_w(w + 4 * VF_LANES * f);
#pragma GCC unroll 12
    for (int p = 0; p < pixels; p++) {
        vq_x value = vq_load_x(qconv_pixel_at(x, steps, p));
#pragma GCC unroll 6
        for (int f = 0; f < filters; f++)
            acc[f * pixels + p] = vq_dot(acc[f * pixels + p], value, weights[f]);
    }
}

/* One loop over the taps of all whole blocks, because what happens between two loops costs as much as a group. */
QCONV_INLINE void qconv_sum(const qconv_job *j, const uint8_t *x, const uint8_t *w, vi acc[QCONV_MAX_TILE],
                            const int filters, const int pixels)
{
    const qconv_steps steps = qconv_step_multiples(j->step_x, pixels);
    const size_t *tap = j->taps, *end = tap + j->whole_taps;
    for (; tap < end; tap++) {
        const uint8_t *at = x + *tap;
#pragma GCC unroll 4
        for (int g = 0; g < VF_LANES / VQ_GROUP; g++, w += 4 * VF_LANES * filters)
            qconv_group(at + 4 * g, &steps, w, acc, filters, pixels);
    }
    end += j->rest_taps;
    for (; j->rest_groups > 1 && tap < end; tap++) {
        const uint8_t *at = x + *tap;
        for (int g = 0; g < j->rest_groups; g++, w += 4 * VF_LANES * filters)
            qconv_group(at + 4 * g, &steps, w, acc, filters, pixels);
    }
    end += j->extra_taps;
    for (; tap < end; tap++, w += 4 * VF_LANES * filters)
        qconv_group(x + *tap, &steps, w, acc, filters, pixels);
}

/* As qconv_store_bytes, from registers; pixels is a multiple of 4. */
QCONV_INLINE void qconv_tile_bytes(const qconv_job *j, const vi acc[QCONV_MAX_TILE], const qconv_place *at,
                                   const int filters, const int pixels)
{
    const int zero = j->arguments->dst_zero;
    const vf high = vf_set1((float)((j->bytes_signed ? 127 : 255) - zero));
    const float *scales = j->scale + at->block * VF_LANES;
#pragma GCC unroll 6
    for (int f = 0; f < filters; f++) {
        const vf scale = vf_load(scales + f * VF_LANES);
        uint8_t *dst = at->dst + (size_t)f * at->dst_step;
#pragma GCC unroll 3
        for (int p = 0; p < pixels; p += 4, dst += 4 * VF_LANES) {
            vi q[4];
            vf values[4];
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++)
                values[k] = vf_mul(vf_from_vi(acc[f * pixels + p + k]), scale);
            if (j->clamp)
#pragma GCC unroll 4
                for (int k = 0; k < 4; k++)
                    values[k] = vf_min(high, values[k]);
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++)
                q[k] = vi_from_vf(values[k]);
            vi_store_bytes_4(dst, q[0], q[1], q[2], q[3], zero, j->bytes_signed);
        }
    }
}

/* What a tile's sums start with where that is more than the bias; a function of its own, because each tile's would grow
 * by it, and slow down. */
static __attribute__((noinline)) void qconv_begin_sums(const qconv_job *j, const qconv_place *at, int filters,
                                                       int pixels, int32_t *out)
{
    const int32_t *windows = j->window_sums ? j->window_sums + at->x : NULL;
    const int32_t *columns = j->sum ? j->sum_columns + at->x : NULL;
    for (int f = 0; f < filters; f++, out += pixels * VF_LANES) {
        const int channel = (at->block + f) * VF_LANES;
        const int32_t *sum = columns ? j->sum + (size_t)(at->block + f) * j->sum_plane : NULL;
        const vi bias = vi_load(j->bias + channel), zeros = vi_load(j->zeros + channel);
        for (int p = 0; p < pixels; p++)
            vi_store(out + p * VF_LANES, columns ? vi_add(bias, vi_load(sum + columns[p])) : bias);
        for (int p = 0; windows && p < pixels; p++)
            vi_store(out + p * VF_LANES, vi_sub(vi_load(out + p * VF_LANES), vi_mul(zeros, vi_set1(windows[p]))));
    }
}

/* `filters` vectors of channels, `pixels` neighbours, whose windows start at x. */
QCONV_INLINE void qconv_tile(const qconv_job *j, const uint8_t *x, const uint8_t *w, const qconv_place *at,
                             const int filters, const int pixels)
{
    vi acc[QCONV_MAX_TILE];
    int32_t out[QCONV_MAX_TILE * VF_LANES];
    if (j->window_sums || j->sum) {
        qconv_begin_sums(j, at, filters, pixels, out);
#pragma GCC unroll 24
        for (int i = 0; i < filters * pixels; i++)
            acc[i] = vi_load(out + i * VF_LANES);
    } else {
#pragma GCC unroll 6
        for (int f = 0; f < filters; f++) {
            vi bias = vi_load(j->bias + (at->block + f) * VF_LANES);
#pragma GCC unroll 12
            for (int p = 0; p < pixels; p++)
                acc[f * pixels + p] = bias;
        }
    }
    qconv_sum(j, x, w, acc, filters, pixels);
    if (pixels > 1 && j->bytes_blocked) {
        qconv_tile_bytes(j, acc, at, filters, pixels);
    } else {
#pragma GCC unroll 24
        for (int i = 0; i < filters * pixels; i++)
            vi_store(out + i * VF_LANES, acc[i]);
        qconv_finish(j, out, at->block, filters, at->row, at->x, pixels);
    }
}

#define QCONV_TILE(filters, pixels)                                                                                    \
    static void qconv_tile_##filters##_##pixels(const qconv_job *j, const uint8_t *x, const uint8_t *w,                \
                                                const qconv_place *at)                                                 \
    {                                                                                                                  \
        qconv_tile(j, x, w, at, filters, pixels);                                                                      \
    }
QCONV_TILES(QCONV_TILE)

typedef void qconv_tile_function(const qconv_job *j, const uint8_t *x, const uint8_t *w, const qconv_place *at);

/* [filters][pixels / 4] */
#define QCONV_TILE_ENTRY(filters, pixels) [filters][(pixels) / 4] = qconv_tile_##filters##_##pixels,
static qconv_tile_function *const qconv_tiles[QCONV_FILTERS + 1][4] = { QCONV_TILES(QCONV_TILE_ENTRY) };

/* Pixels of the next tile of a row with `left` to go. */
static inline int qconv_pixels(int filters, int left)
{
    for (int fours = left / 4 < 3 ? left / 4 : 3; fours > 1; fours--)
        if (qconv_tiles[filters][fours])
            return 4 * fours;
    return 4;
}

/* Where row ky of the kernel lies from its first. */
static inline size_t qconv_tap_row(const qconv_job *j, int ky)
{
    if (j->plan->line)
        return qconv_line_slot(j->plan, ky * j->plan->shape.dilation_h) * j->row_stride;
    return (size_t)ky * j->tap_y;
}

/* Where each tap of each block lies from a window's first pixel. */
static void qconv_list_taps(qconv_job *j, size_t *taps)
{
    const qconv_plan *plan = j->plan;
    const int window = plan->shape.kernel_h * plan->shape.kernel_w, groups = qconv_groups(plan, plan->src_blocks - 1);
    const int whole = groups == VF_LANES / VQ_GROUP ? plan->src_blocks : plan->src_blocks - 1;
    j->taps = taps;
    j->whole_taps = whole * window;
    j->rest_taps = (plan->src_blocks - whole) * window;
    j->rest_groups = groups;
    for (int block = 0; block < plan->src_blocks; block++)
        for (int ky = 0; ky < plan->shape.kernel_h; ky++)
            for (int kx = 0; kx < plan->shape.kernel_w; kx++)
                *taps++ = (size_t)block * j->block_stride + qconv_tap_row(j, ky) + (size_t)kx * j->tap_x;
    const int32_t *extra = (const int32_t *)j->arguments->packed + 2 * ((plan->shape.c_out + VF_LANES - 1) & -VF_LANES);
    j->extra_taps = plan->shape.extra_groups;
    for (int i = 0; i < j->extra_taps; i++) {
        const int tap = extra[i] % window, channel = extra[i] / window * 4, ky = tap / plan->shape.kernel_w;
        *taps++ = (size_t)(channel / plan->block_channels) * j->block_stride + qconv_tap_row(j, ky) +
                  (size_t)(tap % plan->shape.kernel_w) * j->tap_x + (size_t)(channel % plan->block_channels);
    }
}

/* line: room for the results, where the plan has one. */
static void qconv_dense_row(const qconv_job *j, const uint8_t *w, int first, int filters, int row, uint8_t *line)
{
    const qconv_shape *s = &j->plan->shape;
    const size_t plane = VF_LANES * (j->plan->line ? (size_t)(j->plan->line / s->stride_w * j->plan->strip_rows)
                                                   : (size_t)s->h_out * (size_t)s->w_out);
    const uint8_t *source = j->source + (size_t)((row - j->row_begin) * j->plan->shape.stride_h) * j->row_stride;
    uint8_t *dst = j->plan->line ? line : (uint8_t *)j->arguments->dst;
    if (j->bytes_blocked && !j->plan->line)
        dst += (size_t)first * plane + (size_t)row * (size_t)j->plan->shape.w_out * VF_LANES;
    qconv_place at = { .block = first, .row = row, .dst_step = plane };
    for (int x = 0, pixels; x < j->row_pixels; x += pixels) {
        pixels = j->row_pixels < 4 ? 1 : qconv_pixels(filters, j->row_pixels - x);
        if (pixels > j->row_pixels - x)
            x = j->row_pixels - pixels;
        at.x = x;
        at.dst = dst + (j->bytes_blocked ? (size_t)x * VF_LANES : 0);
        qconv_tiles[filters][pixels / 4](j, source + (size_t)x * j->step_x, w, &at);
    }
}

/* Where each column's sums lie from their row's first. */
static void qconv_list_sums(qconv_job *j, int32_t *columns)
{
    const qconv_shape *s = &j->plan->shape;
    j->sum_plane = (size_t)(s->h_out / s->sum_up_h) * (size_t)(s->w_out / s->sum_up_w) * VF_LANES;
    j->sum_columns = columns;
    for (int x = 0; x < s->w_out; x++)
        columns[x] = x / s->sum_up_w * VF_LANES;
}

static void qconv_dense(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const qconv_shape *s = &plan->shape;
    qconv_job j;
    qconv_start(&j, plan, a, part);
    qconv_prepare_filters(&j, scratch, false);
    qconv_prepare_source(&j, scratch, s->weights_zero);
    qconv_list_taps(&j, (size_t *)(void *)((uint8_t *)scratch + plan->taps_at));
    size_t filter_bytes = (size_t)qconv_filter_groups(plan) * 4 * VF_LANES;
    const uint8_t *w = (const uint8_t *)a->packed + qconv_filters_at(plan);
    const int blocks = (s->c_out + VF_LANES - 1) / VF_LANES;
    uint8_t *line = (uint8_t *)scratch + plan->line_at;
    int flat = 1; /* rows that lie one behind the other and are done as one */
    if (s->sum_up_h)
        qconv_list_sums(&j, (int32_t *)(void *)((uint8_t *)scratch + plan->up_at));
    else if (s->rows || plan->line)
        flat = plan->strip_rows;
    else if (plan->in_place && s->kernel_h * s->kernel_w * s->stride_h * s->stride_w == 1 && s->w_out < FLAT_PIXELS)
        flat = FLAT_PIXELS / s->w_out;
    const int filter_part = part / plan->strips, blocks_end = blocks * (filter_part + 1) / plan->filter_parts;
    const int blocks_begin = blocks * filter_part / plan->filter_parts;
    for (int first = 0, wide; first < blocks_end; first += wide, w += (size_t)wide * filter_bytes) {
        wide = qconv_wide(plan->filter_blocks, blocks - first);
        if (first < blocks_begin) /* the tile in which a part begins belongs to the one before */
            continue;
        for (int row = j.row_begin; row < j.row_end; row += flat) {
            const int rows = j.row_end - row < flat ? j.row_end - row : flat;
            j.row_pixels = plan->line ? (rows - 1) * (plan->line / s->stride_w) + s->w_out : rows * s->w_out;
            if (s->sum_up_h)
                j.sum = a->sum + (size_t)(row / s->sum_up_h) * (size_t)(s->w_out / s->sum_up_w) * VF_LANES;
            if (j.window_sums && !s->rows)
                qconv_sum_windows(&j, row);
            qconv_dense_row(&j, w, first, wide, row, line);
            if (plan->line)
                qconv_line_out(&j, line, first, wide);
            else if (!s->rows)
                qconv_table(&j, first, wide, row, j.row_pixels);
        }
        if (s->rows)
            qconv_table_rows(&j, first, first + wide);
    }
    qconv_finish_limits(&j);
}

#endif
