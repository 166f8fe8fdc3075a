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

/* Source rows first ... of one block. */
static void qconv_spread_rows(const qconv_job *j, int block, int first, int rows, uint8_t *row, uint8_t *out)
{
    const qconv_plan *plan = j->plan;
    const int zero = j->arguments->src_zero + (plan->shape.src_signed ? 128 : 0), step = qconv_kept_step(plan);
    const size_t kept = qconv_kept_columns(plan);
    memset(row + (size_t)plan->strip_w * VF_LANES, 0, 8 * VF_LANES);
    for (int y = 0; y < rows; y++, out += kept * 4 * VF_LANES) {
        qconv_strip_row(j, block, first + y, row, zero);
        for (int c = 0, i = 0; c < plan->strip_w; c += step, i++)
            vq_spread(out + (size_t)i * 4 * VF_LANES, row + (size_t)c * VF_LANES);
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
    for (int block = 0; block < plan->src_blocks; block++, w += filter_bytes) {
        for (int row = j.row_begin, done = 0; row < j.row_end; row++) {
            /* Source rows when they are due, to stay near. */
            const int due = (row - j.row_begin) * s->stride_h + window;
            qconv_spread_rows(&j, block, first + done, due - done, strip, kept + (size_t)done * kept_row);
            done = due;
            qconv_depthwise_dot_row(&j, &k, kept + (size_t)(row - j.row_begin) * k.row, w, block, row);
        }
    }
    qconv_finish_limits(&j);
}

#endif
