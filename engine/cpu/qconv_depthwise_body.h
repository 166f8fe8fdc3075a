/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise 8-bit convolution where a product takes four bytes of every lane: a pixel is kept with the three to its
 * right, lane by lane, so that four taps of a row are one product. What is kept serves all rows of the kernel. */
#ifndef ONYX_CPU_QCONV_DEPTHWISE_BODY_H
#define ONYX_CPU_QCONV_DEPTHWISE_BODY_H

/* Pixels that are kept of one row of the strip. */
static inline size_t qconv_kept_columns(const qconv_plan *plan)
{
    return ((size_t)plan->strip_w + 3) / (size_t)qconv_kept_step(plan) + 4;
}

/* Rows [begin, end) of the strip, whose first one is the source's `first`, of one block; row r to kept[r % ring]. */
static void qconv_spread_rows(const qconv_job *j, int block, int first, int begin, int end, int ring, uint8_t *row,
                              uint8_t *kept)
{
    const qconv_plan *plan = j->plan;
    const int zero = j->arguments->src_zero + (plan->shape.src_signed ? 128 : 0), step = qconv_kept_step(plan);
    const size_t kept_row = qconv_kept_columns(plan) * 4 * VF_LANES;
    memset(row + (size_t)plan->strip_w * VF_LANES, 0, 8 * VF_LANES);
    for (int y = begin; y < end; y++) {
        uint8_t *out = kept + (size_t)(y % ring) * kept_row;
        qconv_strip_row(j, block, first + y, row, zero);
        for (int c = 0; c < plan->strip_w; c += step, out += 4 * VF_LANES)
            vq_spread(out, row + (size_t)c * VF_LANES);
    }
}

/* Bytes between what is kept for a row, for one pixel and its next, and for one four of taps and its next. */
typedef struct qconv_kept {
    int kernel_h, fours;
    size_t row, tap_row, next, four;
} qconv_kept;

/* x: the kept pixel of the first tap. */
QCONV_INLINE void qconv_depthwise_dot_tile(const qconv_job *j, const qconv_kept *k, const uint8_t *x, const uint8_t *w,
                                           const qconv_place *at, const int pixels)
{
    const size_t next = k->next;
    vi acc[QCONV_MAX_TILE], bias = vi_load(j->bias + at->block * VF_LANES);
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
        acc[p] = bias;
    for (int ky = 0; ky < k->kernel_h; ky++, x += k->tap_row) {
        const uint8_t *tap = x;
        for (int four = 0; four < k->fours; four++, w += 4 * VF_LANES, tap += k->four) {
            const vq_w weights = vq_load_w(w);
#pragma GCC unroll 8
            for (int p = 0; p < pixels; p++)
                acc[p] = vq_dot(acc[p], vq_load_w(tap + (size_t)p * next), weights);
        }
    }
    if (pixels > 1 && j->bytes) {
        qconv_tile_bytes(j, acc, at, 1, pixels);
    } else {
        int32_t out[8 * VF_LANES];
#pragma GCC unroll 8
        for (int p = 0; p < pixels; p++)
            vi_store(out + p * VF_LANES, acc[p]);
        qconv_finish(j, out, at->block, 1, at->row, at->x, pixels);
    }
}

static void qconv_depthwise_dot_row(const qconv_job *j, const qconv_kept *k, const uint8_t *kept, const uint8_t *w,
                                    int block, int row)
{
    const qconv_shape *s = &j->plan->shape;
    const size_t plane = (size_t)s->h_out * (size_t)s->w_out;
    qconv_place at = { .block = block, .row = row };
    for (int x = 0, pixels; x < s->w_out; x += pixels) {
        const int left = s->w_out - x;
        pixels = s->w_out < 4 ? 1 : left < 8 ? 4 : 8;
        if (pixels > left)
            x = s->w_out - pixels;
        at.x = x;
        if (j->bytes)
            at.dst = (uint8_t *)j->arguments->dst +
                     ((size_t)block * plane + (size_t)row * (size_t)s->w_out + (size_t)x) * VF_LANES;
        const uint8_t *from = kept + (size_t)x * k->next;
        if (pixels == 8)
            qconv_depthwise_dot_tile(j, k, from, w, &at, 8);
        else if (pixels == 4)
            qconv_depthwise_dot_tile(j, k, from, w, &at, 4);
        else
            qconv_depthwise_dot_tile(j, k, from, w, &at, 1);
    }
    qconv_table(j, block, 1, row, s->w_out);
}

enum { QCONV_FEW_ROWS = 3, QCONV_FEW_PIXELS = 4 };

/* Kernels of three rows of one four of taps each, whose weights stay in registers, to a row of bytes. */
static bool qconv_depthwise_few(const qconv_job *j)
{
    const qconv_shape *s = &j->plan->shape;
    return j->bytes && s->kernel_h == QCONV_FEW_ROWS && qconv_fours(j->plan) == 1 && s->w_out >= QCONV_FEW_PIXELS;
}

/* rows: what is kept of each row of the kernel. */
QCONV_INLINE void qconv_depthwise_few_row(const qconv_job *j, size_t next, const uint8_t *const rows[QCONV_FEW_ROWS],
                                          const uint8_t *weights, int block, uint8_t *dst, const bool is_signed)
{
    const int columns = j->plan->shape.w_out, zero = j->arguments->dst_zero;
    const bool clamp = j->clamp;
    const vf scale = vf_load(j->scale + block * VF_LANES), high = vf_set1((float)((is_signed ? 127 : 255) - zero));
    const vi bias = vi_load(j->bias + block * VF_LANES);
    const vq_w w[QCONV_FEW_ROWS] = { vq_load_w(weights), vq_load_w(weights + 4 * VF_LANES),
                                     vq_load_w(weights + 8 * VF_LANES) };
    for (int column = 0; column < columns; column += QCONV_FEW_PIXELS) {
        const int x = column + QCONV_FEW_PIXELS <= columns ? column : columns - QCONV_FEW_PIXELS;
        vf values[QCONV_FEW_PIXELS];
        vi q[QCONV_FEW_PIXELS];
#pragma GCC unroll 4
        for (int p = 0; p < QCONV_FEW_PIXELS; p++) {
            const size_t at = (size_t)(x + p) * next;
            vi acc = vq_dot(bias, vq_load_w(rows[0] + at), w[0]);
            acc = vq_dot(acc, vq_load_w(rows[1] + at), w[1]);
            values[p] = vf_mul(vf_from_vi(vq_dot(acc, vq_load_w(rows[2] + at), w[2])), scale);
        }
        if (clamp)
#pragma GCC unroll 4
            for (int p = 0; p < QCONV_FEW_PIXELS; p++)
                values[p] = vf_min(high, values[p]);
#pragma GCC unroll 4
        for (int p = 0; p < QCONV_FEW_PIXELS; p++)
            q[p] = vi_from_vf(values[p]);
        vi_store_bytes_4(dst + (size_t)x * VF_LANES, q[0], q[1], q[2], q[3], zero, is_signed);
    }
}

/* The part's rows of one block. Of what is kept there are only the rows that one output needs and the next one's new
 * ones, so that it stays in the first cache. */
static void qconv_depthwise_few_rows(const qconv_job *j, int block, const uint8_t *w, uint8_t *strip, uint8_t *kept)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    const int first = j->row_begin * s->stride_h - s->pad_top, window = 2 * s->dilation_h + 1;
    const int ring = window + s->stride_h;
    const size_t kept_row = qconv_kept_columns(plan) * 4 * VF_LANES, width = (size_t)s->w_out;
    const size_t next = (size_t)(s->stride_w / qconv_kept_step(plan)) * 4 * VF_LANES;
    for (int row = j->row_begin, done = 0; row < j->row_end; row++) {
        const int top = (row - j->row_begin) * s->stride_h, begin = done > top ? done : top;
        const uint8_t *rows[QCONV_FEW_ROWS];
        uint8_t *dst = (uint8_t *)j->arguments->dst + ((size_t)(block * s->h_out + row) * width) * VF_LANES;
        done = top + window;
        qconv_spread_rows(j, block, first, begin, done, ring, strip, kept);
        for (int ky = 0; ky < QCONV_FEW_ROWS; ky++)
            rows[ky] = kept + (size_t)((top + ky * s->dilation_h) % ring) * kept_row;
        if (j->bytes_signed)
            qconv_depthwise_few_row(j, next, rows, w, block, dst, true);
        else
            qconv_depthwise_few_row(j, next, rows, w, block, dst, false);
        qconv_table(j, block, 1, row, s->w_out);
    }
}

static void qconv_depthwise_dot(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const qconv_shape *s = &plan->shape;
    qconv_job j;
    qconv_start(&j, plan, a, part);
    qconv_prepare_filters(&j, scratch, true);
    const int first = j.row_begin * s->stride_h - s->pad_top;
    const int window = (s->kernel_h - 1) * s->dilation_h + 1, step = qconv_kept_step(plan);
    const size_t pixel = 4 * VF_LANES, kept_row = qconv_kept_columns(plan) * pixel;
    const qconv_kept k = { .kernel_h = s->kernel_h,
                           .fours = qconv_fours(plan),
                           .row = kept_row * (size_t)s->stride_h,
                           .tap_row = kept_row * (size_t)s->dilation_h,
                           .next = (size_t)(s->stride_w / step) * pixel,
                           .four = (size_t)(4 / step) * pixel };
    const size_t filter_bytes = (size_t)(s->kernel_h * qconv_fours(plan)) * 4 * VF_LANES;
    uint8_t *strip = (uint8_t *)scratch + plan->strip_at, *kept = (uint8_t *)scratch + plan->spread_at;
    const uint8_t *w = (const uint8_t *)a->packed + qconv_filters_at(plan);
    const bool few = qconv_depthwise_few(&j);
    for (int block = 0; block < plan->src_blocks; block++, w += filter_bytes) {
        if (few)
            qconv_depthwise_few_rows(&j, block, w, strip, kept);
        for (int row = j.row_begin, done = 0; row < j.row_end && !few; row++) {
            /* Source rows when they are due, to stay near. */
            const int due = (row - j.row_begin) * s->stride_h + window;
            qconv_spread_rows(&j, block, first, done, due, due, strip, kept);
            done = due;
            qconv_depthwise_dot_row(&j, &k, kept + (size_t)(row - j.row_begin) * k.row, w, block, row);
        }
    }
    qconv_finish_limits(&j);
}

#endif
