/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution in the words of simd_*.h and a few of the instruction set's own, defined before this is included:
 *   VQ_GROUP, VQ_SIGNED, VQ_BYTES        as in qconv_units: channels per 32 bits, sign, bytes of a value in the strip
 *   vq_x, vq_load_x(p)                   one group of channels of one pixel, for all lanes
 *   vq_w, vq_load_w(p)                   the same group's weights for VF_LANES output channels
 *   vq_dot(acc, x, w)                    acc + x * w, exact
 *   vq_mac(acc, p, w)                    acc + p[lane] * w[lane] for VF_LANES values of the strip and |w| <= 255
 *   vq_expand(dst, src, n, flip)         n bytes of the source, each xor flip, as values of the strip
 *   vq_sum(p)                            the sum of VF_LANES values of the strip
 *   vq_sums(sums, p, n)                  where VQ_HAS_SUMS is defined: adds vq_sum of n pixels of a block to sums
 *   vq_spread(dst, src)                  where VQ_HAS_SPREAD is defined: [VF_LANES][4] bytes from four pixels
 *   vq_floats(dst, src, plane, channels, n, scale, zero, smallest)
 *                                        where VQ_HAS_FLOATS is defined: pixels of 4 bytes from planes of floats, as
 *                                        many of n as are whole vectors, or none
 *   QCONV_TILES(X)                       X(filters, pixels) for each tile of so many vectors of filters and 1, 4, 8 or
 *                                        12 pixels; with every number of filters those of 1 and 4 pixels
 *   QCONV_FILTERS                        the most filters of these
 *
 * A part copies the source rows that it needs into a strip, with the padding and in the form that the product takes
 * (or reads them where they lie), then runs tiles of filters x pixels over it: accumulators in registers, one load per
 * vector of weights and one broadcast per pixel and group. */
#ifndef ONYX_CPU_QCONV_BODY_H
#define ONYX_CPU_QCONV_BODY_H

#include <assert.h>
#include <string.h>

#include "cpu/kernels.h"
#include "cpu/qconv_job_body.h"

#define QCONV_INLINE static inline __attribute__((always_inline))
#define QCONV_MAX_TILE 24

/* ---- the strip ---- */

/* Padding: every channel reads `value`; in a plain source the bytes behind the last channel are 0 like its weights. */
static void qconv_fill(const qconv_plan *plan, uint8_t *dst, size_t pixels, int value)
{
#if VQ_BYTES == 2
    const size_t values = pixels * (size_t)plan->pixel_bytes / 2;
    const int16_t wide = (int16_t)value;
    for (size_t i = 0; i < values; i++)
        memcpy(dst + 2 * i, &wide, 2);
#else
    if (plan->pixel_bytes != VF_LANES) {
        memset(dst, value, pixels * (size_t)plan->pixel_bytes);
        return;
    }
    for (size_t i = 0; i < pixels; i++) /* mostly one pixel: a store, not a call */
        memset(dst + i * VF_LANES, value, VF_LANES);
#endif
}

/* One group of a plain source: count planes, interleaved. `step` bytes between pixels of the strip. */
QCONV_INLINE void qconv_interleave(const uint8_t *src, size_t plane, const int count, size_t n, uint8_t flip,
                                   uint8_t *dst, size_t step)
{
    const uint8_t *second = count > 1 ? src + plane : src, *third = count > 2 ? src + 2 * plane : src;
    const uint8_t *fourth = count > 3 ? src + 3 * plane : src;
    const int shift = 8 * VQ_BYTES;
    for (size_t i = 0; i < n; i++) {
        uint32_t v = (uint32_t)(src[i] ^ flip);
        if (count > 1)
            v |= (uint32_t)(second[i] ^ flip) << shift;
        if (count > 2)
            v |= (uint32_t)(third[i] ^ flip) << 16;
        if (count > 3)
            v |= (uint32_t)(fourth[i] ^ flip) << 24;
        memcpy(dst + i * step, &v, 4);
    }
}

static void qconv_plain_row(const qconv_plan *plan, const uint8_t *src, size_t plane, size_t n, uint8_t flip,
                            uint8_t *dst)
{
    size_t step = (size_t)plan->pixel_bytes;
    for (int c = 0; c < plan->shape.c_in; c += VQ_GROUP, src += VQ_GROUP * plane, dst += 4) {
        int count = plan->shape.c_in - c < VQ_GROUP ? plan->shape.c_in - c : VQ_GROUP;
        if (count == 1)
            qconv_interleave(src, plane, 1, n, flip, dst, step);
        else if (count == 2)
            qconv_interleave(src, plane, 2, n, flip, dst, step);
        else if (count == 3 && step == 4)
            qconv_interleave(src, plane, 3, n, flip, dst, 4);
        else if (count == 3)
            qconv_interleave(src, plane, 3, n, flip, dst, step);
        else
            qconv_interleave(src, plane, 4, n, flip, dst, step);
    }
}

/* n pixels of row y of a plain source of floats. */
static void qconv_float_row(const qconv_job *j, size_t y, size_t n, uint8_t flip, uint8_t *dst)
{
    const qconv_plan *plan = j->plan;
    const qconv_arguments *a = j->arguments;
    const size_t w = (size_t)plan->shape.w_in, plane = (size_t)plan->shape.h_in * w;
    const float *src = (const float *)a->src + y * w;
    size_t done = 0;
#ifdef VQ_HAS_FLOATS
    const int smallest = plan->shape.src_signed ? -128 : 0;
    done = vq_floats(dst, src, plane, plan->shape.c_in, n, a->src_scale, a->src_zero, smallest);
#endif
    uint8_t *bytes = j->float_row;
    for (int c = 0; c < plan->shape.c_in && done < n; c++, bytes += w) {
        const float *rest = src + (size_t)c * plane + done;
        if (plan->shape.src_signed)
            plan->kernels->eltwise.quantize_s8(rest, (int8_t *)bytes, n - done, a->src_scale, a->src_zero);
        else
            plan->kernels->eltwise.quantize_u8(rest, bytes, n - done, a->src_scale, a->src_zero);
    }
    qconv_plain_row(plan, j->float_row, w, n - done, flip, dst + done * (size_t)plan->pixel_bytes);
}

/* Source columns [from, to) of the row; pads around. */
static void qconv_strip_row(const qconv_job *j, int block, int y, uint8_t *dst, int zero)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    size_t pixel = (size_t)plan->pixel_bytes, plane = (size_t)s->h_in * (size_t)s->w_in;
    uint8_t flip = s->src_signed != (VQ_SIGNED != 0) ? 0x80 : 0;
    int to = plan->strip_w - s->pad_left < s->w_in ? plan->strip_w - s->pad_left : s->w_in;
    if (y < 0 || y >= s->h_in || to <= 0) {
        qconv_fill(plan, dst, (size_t)plan->strip_w, zero);
        return;
    }
    qconv_fill(plan, dst, (size_t)s->pad_left, zero);
    dst += (size_t)s->pad_left * pixel;
    const uint8_t *src = j->arguments->src;
    size_t at = (size_t)y * (size_t)s->w_in;
    if (s->src_float)
        qconv_float_row(j, (size_t)y, (size_t)to, flip, dst);
    else if (s->src_plain)
        qconv_plain_row(plan, src + at, plane, (size_t)to, flip, dst);
    else
        vq_expand(dst, src + ((size_t)block * plane + at) * VF_LANES, (size_t)to * VF_LANES, flip);
    qconv_fill(plan, dst + (size_t)to * pixel, (size_t)(plan->strip_w - s->pad_left - to), zero);
}

#if VQ_BYTES == 1
/* Pixels of one group: `channels` (up to 4) bytes each of 4, as numbers of 32 bits. */
static void qconv_sum_groups(int32_t *sums, const uint8_t *p, size_t pixels, int channels)
{
    for (int c = 0; c < channels; c++) {
        const int shift = 8 * (3 - c); /* little-endian: up to the top, then down with the sign */
        for (size_t i = 0; i < pixels; i++) {
            uint32_t group;
            memcpy(&group, p + 4 * i, 4);
            sums[i] += VQ_SIGNED ? (int32_t)(group << shift) >> 24 : (int32_t)(group << shift >> 24);
        }
    }
}
#endif

/* Of some values of the strip. */
static int32_t qconv_sum_some(const uint8_t *p, int count)
{
    int32_t sum = 0;
    for (int i = 0; i < count; i++) {
#if VQ_BYTES == 2
        int16_t wide;
        memcpy(&wide, p + 2 * i, 2);
        sum += wide;
#else
        sum += VQ_SIGNED ? (int8_t)p[i] : p[i];
#endif
    }
    return sum;
}

/* Sum over the real channels of every pixel of the strip. */
static void qconv_sum_pixels(const qconv_job *j, int rows)
{
    const qconv_plan *plan = j->plan;
    size_t pixels = (size_t)rows * (size_t)plan->strip_w;
    memset(j->pixel_sums, 0, pixels * sizeof(int32_t));
    for (int block = 0; block < plan->src_blocks; block++) {
        const uint8_t *p = j->source + (size_t)block * j->block_stride;
        int channels = plan->shape.c_in - block * plan->block_channels;
#if VQ_BYTES == 1
        if (plan->pixel_bytes == 4) {
            qconv_sum_groups(j->pixel_sums, p, pixels, channels < 4 ? channels : 4);
            continue;
        }
#endif
        if (channels >= VF_LANES && !plan->shape.src_plain) {
            size_t i = 0;
#ifdef VQ_HAS_SUMS
            i = pixels / VF_LANES * VF_LANES;
            vq_sums(j->pixel_sums, p, i);
#endif
            for (; i < pixels; i++)
                j->pixel_sums[i] += vq_sum(p + i * (size_t)plan->pixel_bytes);
            continue;
        }
        for (size_t i = 0; i < pixels; i++, p += plan->pixel_bytes)
            j->pixel_sums[i] += qconv_sum_some(p, channels);
    }
}

/* Sums over the windows of one output row, from the sums of pixels: down the columns, then along the row. */
static void qconv_sum_windows(const qconv_job *j, int row)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    const int top = (row - j->row_begin) * s->stride_h, pixels = plan->strip_w;
    const int32_t *in = j->pixel_sums + (size_t)top * (size_t)plan->strip_w;
    if (s->kernel_h > 1) {
        int32_t *columns = j->window_sums + s->w_out;
        memcpy(columns, in, (size_t)pixels * sizeof(int32_t));
        for (int ky = 1; ky < s->kernel_h; ky++) {
            const int32_t *more = in + (size_t)(ky * s->dilation_h) * (size_t)plan->strip_w;
            for (int x = 0; x < pixels; x++)
                columns[x] += more[x];
        }
        in = columns;
    }
    for (int x = 0; x < s->w_out; x++)
        j->window_sums[x] = in[(size_t)x * (size_t)s->stride_w];
    for (int kx = 1; kx < s->kernel_w; kx++)
        for (int x = 0; x < s->w_out; x++)
            j->window_sums[x] += in[(size_t)x * (size_t)s->stride_w + (size_t)(kx * s->dilation_w)];
}

#include "cpu/qconv_line_body.h"
#include "cpu/qconv_rows_body.h"

/* ---- start of a part ---- */

static void qconv_prepare_source(qconv_job *j, void *scratch, bool sums)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    if (s->rows) {
        qconv_prepare_rows(j, scratch);
        return;
    }
    if (plan->line) {
        qconv_prepare_line(j, scratch);
        return;
    }
    int first = j->row_begin * s->stride_h - s->pad_top;
    int rows = (j->row_end - 1 - j->row_begin) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    j->pixel_stride = (size_t)plan->pixel_bytes;
    if (plan->in_place) {
        j->row_stride = (size_t)s->w_in * VF_LANES;
        j->block_stride = (size_t)s->h_in * j->row_stride;
        j->source = (const uint8_t *)j->arguments->src + (size_t)first * j->row_stride;
    } else {
        uint8_t *strip = (uint8_t *)scratch + plan->strip_at;
        j->float_row = (uint8_t *)scratch + plan->bytes_at;
        int zero = j->arguments->src_zero + (s->src_signed ? 128 : 0) - (VQ_SIGNED ? 128 : 0);
        j->row_stride = (size_t)plan->strip_w * j->pixel_stride;
        j->block_stride = (size_t)rows * j->row_stride;
        j->source = strip;
        for (int block = 0; block < plan->src_blocks; block++)
            for (int y = 0; y < rows; y++, strip += j->row_stride)
                qconv_strip_row(j, block, first + y, strip, zero);
    }
    j->tap_x = (size_t)s->dilation_w * j->pixel_stride;
    j->tap_y = (size_t)s->dilation_h * j->row_stride;
    j->step_x = (size_t)s->stride_w * j->pixel_stride;
    if (sums) {
        j->pixel_sums = (int32_t *)(void *)((uint8_t *)scratch + plan->sums_at);
        j->window_sums = j->pixel_sums + (size_t)plan->strip_rows_in * (size_t)plan->strip_w;
        qconv_sum_pixels(j, rows);
    }
}

/* ---- the end of a tile ---- */

/* Four vectors at a time, where only what would overflow the conversion is clamped beforehand: the packing clamps. */
QCONV_INLINE void qconv_store_bytes(const qconv_job *j, const int32_t *acc, int channel, int pixels, uint8_t *dst,
                                    const bool is_signed)
{
    int zero = j->arguments->dst_zero, smallest = is_signed ? -128 : 0, p = 0;
    vf scale = vf_load(j->scale + channel), low = vf_set1((float)(smallest - zero));
    vf high = vf_set1((float)(smallest + 255 - zero));
    vi offset = vi_set1(zero);
    for (; p + 4 <= pixels; p += 4, acc += 4 * VF_LANES, dst += 4 * VF_LANES) {
        vi q[4];
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            q[k] = vi_from_vf(vf_min(high, vf_mul(vf_from_vi(vi_load(acc + k * VF_LANES)), scale)));
        vi_store_bytes_4(dst, q[0], q[1], q[2], q[3], zero, is_signed);
    }
    for (; p < pixels; p++, acc += VF_LANES, dst += VF_LANES) {
        vf q = vf_mul(vf_from_vi(vi_load(acc)), scale);
        vi_store_bytes(dst, vi_add(vi_from_vf(vf_min(high, vf_max(low, q))), offset));
    }
}

/* Neighbouring pixels of one channel block, `count` times. Steps: from one to the next, in lanes and floats. */
typedef struct qconv_runs {
    int count, pixels, channel_step;
    size_t acc_step, dst_step;
} qconv_runs;

/* All of a tile at once, because the activation's constants take as long to load as a few of its vectors. */
QCONV_INLINE void qconv_store_runs(const qconv_job *j, const qconv_runs *runs, const int32_t *acc, int channel,
                                   float *dst, const bool silu)
{
    const cpu_activation activation = j->arguments->activation;
    if (activation.act == CPU_ACT_SWISH)
        __builtin_unreachable();
    for (int i = 0; i < runs->count; i++, acc += runs->acc_step, channel += runs->channel_step, dst += runs->dst_step) {
        const vf scale = vf_load(j->scale + channel), bias = vf_load(j->float_bias + channel);
        float *limits = j->limits + 2 * channel;
        vf low = vf_load(limits), high = vf_load(limits + VF_LANES);
        for (int p = 0; p < runs->pixels; p++) {
            vf x = vf_fma(vf_from_vi(vi_load(acc + p * VF_LANES)), scale, bias);
            x = silu ? vf_silu(x) : vf_act(activation.act, x, activation.a, activation.b);
            low = vf_min(low, x);
            high = vf_max(high, x);
            vf_store(dst + p * VF_LANES, x);
        }
        vf_store(limits, low);
        vf_store(limits + VF_LANES, high);
    }
}

static void qconv_store_floats(const qconv_job *j, const qconv_runs *runs, const int32_t *acc, int channel, float *dst)
{
    if (j->arguments->activation.act == CPU_ACT_SILU) /* the usual one, without the choice in the loop */
        qconv_store_runs(j, runs, acc, channel, dst, true);
    else
        qconv_store_runs(j, runs, acc, channel, dst, false);
}

/* acc: [filters][pixels][lanes]; first: channel block; pixel: of the image. */
static void qconv_finish(const qconv_job *j, const int32_t *acc, int first, int filters, int row, int x, int pixels)
{
    const qconv_plan *plan = j->plan;
    size_t plane = (size_t)plan->shape.h_out * (size_t)plan->shape.w_out;
    size_t pixel = (size_t)row * (size_t)plan->shape.w_out + (size_t)x;
    if (plan->shape.rows) {
        qconv_finish_rows(j, acc, first, filters, row + x, pixels);
        return;
    }
    if (plan->shape.output == QCONV_F32) {
        const qconv_runs runs = { filters, pixels, VF_LANES, (size_t)pixels * VF_LANES, plane * VF_LANES };
        float *dst = (float *)j->arguments->dst + ((size_t)first * plane + pixel) * VF_LANES;
        qconv_store_floats(j, &runs, acc, first * VF_LANES, dst);
        return;
    }
    for (int f = 0; f < filters; f++, acc += pixels * VF_LANES) {
        int channel = (first + f) * VF_LANES;
        size_t at = ((size_t)(first + f) * plane + pixel) * VF_LANES;
        switch (plan->shape.output) {
        case QCONV_U8:
            qconv_store_bytes(j, acc, channel, pixels, (uint8_t *)j->arguments->dst + at, false);
            break;
        case QCONV_S8:
            qconv_store_bytes(j, acc, channel, pixels, (uint8_t *)j->arguments->dst + at, true);
            break;
        case QCONV_F32:
            break;
        case QCONV_S32:
            memcpy((int32_t *)j->arguments->dst + at, acc, (size_t)pixels * VF_LANES * sizeof(int32_t));
            break;
        }
    }
}

/* The table, over `pixels` finished pixels of `blocks` channel blocks: many at a time, so that it runs over whole
 * vectors. */
static void qconv_table(const qconv_job *j, int first, int blocks, int row, int pixels)
{
    const qconv_plan *plan = j->plan;
    if (!j->arguments->table || !j->bytes)
        return;
    size_t w = (size_t)plan->shape.w_out, plane = (size_t)plan->shape.h_out * w;
    for (int b = first; b < first + blocks; b++) {
        uint8_t *dst = (uint8_t *)j->arguments->dst + ((size_t)b * plane + (size_t)row * w) * VF_LANES;
        plan->kernels->qeltwise.lookup(dst, dst, (size_t)pixels * VF_LANES, j->arguments->table);
    }
}

#include "cpu/qconv_dense_body.h"

#ifdef VQ_HAS_SPREAD
#include "cpu/qconv_depthwise_body.h"
#endif

/* ---- depthwise ---- */

QCONV_INLINE void qconv_depthwise_tile(const qconv_job *j, const uint8_t *x, const int32_t *w, int block, int32_t *out,
                                       const int pixels)
{
    const qconv_shape *s = &j->plan->shape;
    vi acc[8], bias = vi_load(j->bias + block * VF_LANES);
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
        acc[p] = bias;
    for (int ky = 0; ky < s->kernel_h; ky++) {
        for (int kx = 0; kx < s->kernel_w; kx++, w += VF_LANES) {
            const uint8_t *tap = x + (size_t)ky * j->tap_y + (size_t)kx * j->tap_x;
            vi weights = vi_load(w);
#pragma GCC unroll 8
            for (int p = 0; p < pixels; p++)
                acc[p] = vq_mac(acc[p], tap + (size_t)p * j->step_x, weights);
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < pixels; p++)
        vi_store(out + p * VF_LANES, acc[p]);
}

static void qconv_depthwise_row(const qconv_job *j, const int32_t *w, int block, int row)
{
    int32_t acc[8 * VF_LANES];
    int w_out = j->plan->shape.w_out, x = 0;
    const uint8_t *source = j->source + (size_t)block * j->block_stride +
                            (size_t)((row - j->row_begin) * j->plan->shape.stride_h) * j->row_stride;
    for (; x + 8 <= w_out; x += 8) {
        qconv_depthwise_tile(j, source + (size_t)x * j->step_x, w, block, acc, 8);
        qconv_finish(j, acc, block, 1, row, x, 8);
    }
    for (; x + 4 <= w_out; x += 4) {
        qconv_depthwise_tile(j, source + (size_t)x * j->step_x, w, block, acc, 4);
        qconv_finish(j, acc, block, 1, row, x, 4);
    }
    for (; x < w_out; x++) {
        qconv_depthwise_tile(j, source + (size_t)x * j->step_x, w, block, acc, 1);
        qconv_finish(j, acc, block, 1, row, x, 1);
    }
    qconv_table(j, block, 1, row, w_out);
}

static void qconv_depthwise(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const qconv_shape *s = &plan->shape;
    qconv_job j;
    qconv_start(&j, plan, a, part);
    qconv_prepare_filters(&j, scratch, true);
    qconv_prepare_source(&j, scratch, false);
    const int32_t *w = (const int32_t *)(const void *)((const uint8_t *)a->packed + qconv_filters_at(plan));
    for (int block = 0; block < plan->src_blocks; block++, w += s->kernel_h * s->kernel_w * VF_LANES)
        for (int row = j.row_begin; row < j.row_end; row++)
            qconv_depthwise_row(&j, w, block, row);
    qconv_finish_limits(&j);
}

#endif
