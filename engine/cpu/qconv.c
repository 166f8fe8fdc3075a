/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution: geometry for every instruction set, and the plain C version. qconv_pack.c packs the weights. */
#include "cpu/qconv.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "cpu/kernels.h"
#include "cpu/math_c.h"
#include "cpu/qconv_private.h"

enum {
    STRIP_BYTES = 256 * 1024, /* source of a strip: half of a small L2 */
    STRIPS_WANTED = 8,        /* per image, where several workers are to find something to do */
    WEIGHT_BYTES = 24 * 1024, /* of a tile: half of the first cache */
    DEEP_BYTES = 512 * 1024,  /* of all weights: too many to read for every strip */
    FILTER_PARTS = 4,
    PLAIN_CHANNELS = 16,
};

/* Of a group's weights that come from the second cache for a tile of four pixels, as ResNet-50's layers took them. */
#define LONELY_CYCLES 9.0
/* What a line must take of its rows' time: the copies are not counted. */
#define LINE_GAIN 0.95

/* No coordinate overflows an int, and the strip that one row of outputs needs, or one row of all phases, is not so
 * large, because of taps or outputs far apart, that zeros are most of the work. */
static bool reasonable(const qconv_shape *s)
{
    const double limit = 1 << 28, least = 1 << 26, source = (double)s->h_in * s->w_in * s->c_in;
    const double reach_h = (s->kernel_h - 1.0) * s->dilation_h + 1, reach_w = (s->kernel_w - 1.0) * s->dilation_w + 1;
    const double rows = MAX(reach_h, (double)s->stride_h), columns = (double)s->w_out * s->stride_w + reach_w;
    return s->stride_h > 0 && s->stride_w > 0 && s->dilation_h > 0 && s->dilation_w > 0 && columns < limit &&
           (double)s->h_out * s->stride_h + reach_h < limit && s->pad_top < limit && s->pad_left < limit &&
           rows * columns * s->c_in <= MAX(4 * source, least);
}

static bool shape_supported(const qconv_shape *s)
{
    if ((s->groups != 1 && !qconv_is_depthwise(s)) || !reasonable(s))
        return false;
    if (s->rows)
        return s->groups == 1 && s->kernel_h * s->kernel_w * s->stride_h * s->stride_w == 1 && !s->src_plain &&
               !s->src_float && !s->sum_up_h && s->w_in == 1 && s->w_out == 1 && s->h_in == s->h_out &&
               s->pad_top == 0 && s->pad_left == 0;
    if (s->sum_up_h && (s->groups != 1 || s->kernel_h * s->kernel_w * s->stride_h * s->stride_w != 1 ||
                        s->h_out % s->sum_up_h || s->w_out % s->sum_up_w))
        return false;
    return s->src_plain ? s->c_in <= PLAIN_CHANNELS && s->groups == 1 : !s->src_float;
}

/* Does any window reach outside the source? */
static bool needs_padding(const qconv_shape *s)
{
    int bottom = (s->h_out - 1) * s->stride_h - s->pad_top + (s->kernel_h - 1) * s->dilation_h;
    int right = (s->w_out - 1) * s->stride_w - s->pad_left + (s->kernel_w - 1) * s->dilation_w;
    return s->pad_top > 0 || s->pad_left > 0 || bottom >= s->h_in || right >= s->w_in;
}

static size_t packed_filters(const qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    size_t taps = (size_t)s->kernel_h * (size_t)s->kernel_w, c_out = size_align((size_t)s->c_out, (size_t)plan->block);
    if (!plan->units)
        return (size_t)s->c_out * (size_t)(s->c_in / s->groups) * taps * sizeof(int16_t);
    if (qconv_is_depthwise(s))
        return c_out * taps * sizeof(int32_t);
    return c_out * (size_t)qconv_filter_groups(plan) * 4;
}

/* Of one source row in the strip; of a matrix, a pixel has all blocks. */
static size_t strip_row_bytes(const qconv_plan *plan)
{
    const size_t planes = plan->shape.rows ? 1 : (size_t)plan->src_blocks;
    return (size_t)plan->strip_w * planes * (size_t)plan->pixel_bytes;
}

static void choose_strips(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    size_t row_bytes = strip_row_bytes(plan);
    if (plan->depthwise_dot) /* by block */
        row_bytes = (size_t)plan->strip_w * (size_t)plan->block * 4;
    int fit = (int)(STRIP_BYTES / (row_bytes * (size_t)s->stride_h));
    const int wanted = s->threads > 1 ? STRIPS_WANTED : 1; /* what two strips need is copied twice */
    int rows = (s->h_out + wanted - 1) / wanted;
    if (rows < 4) /* few rows: what neighbouring strips read twice would weigh more */
        rows = s->h_out < 4 ? s->h_out : 4;
    if (rows > fit)
        rows = fit < 1 ? 1 : fit;
    plan->filter_parts = 1;
    if (!qconv_is_depthwise(s) && packed_filters(plan) > DEEP_BYTES &&
        s->h_out <= fit) { /* weights are read once a run */
        const int wide = plan->block * plan->filter_blocks, tiles = (s->c_out + wide - 1) / wide;
        rows = s->h_out;
        plan->filter_parts = tiles < FILTER_PARTS ? tiles : FILTER_PARTS;
    }
    plan->strip_rows = rows;
    plan->strips = (s->h_out + rows - 1) / rows;
    plan->parts = plan->strips * plan->filter_parts;
    plan->strip_rows_in = (rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
}

/* Wide tiles load a source once for more filters; deep ones must come by with fewer bytes of weights for a product. */
static int choose_filter_blocks(const qconv_plan *plan)
{
    size_t vector = (size_t)qconv_filter_groups(plan) * 4 * (size_t)plan->block;
    return vector * (size_t)plan->units->filter_blocks > WEIGHT_BYTES ? plan->units->deep_blocks
                                                                      : plan->units->filter_blocks;
}

/* Tiles of `pixels` outputs in a row, in cycles of a group: those of four wait for their weights. */
static double row_cycles(int pixels, int widest)
{
    return (double)(pixels / widest) * widest * 1.5 + (double)((pixels % widest + 3) / 4) * LONELY_CYCLES;
}

int qconv_line_pixels(const qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const int room = plan->strip_w - s->pad_left, columns = MIN(MAX(room, 0), s->w_in);
    const int pixels = MAX(MAX(s->pad_left + columns, room), s->w_out * s->stride_w);
    return (pixels + s->stride_w - 1) / s->stride_w * s->stride_w;
}

/* Makes short rows one line, where the weights come from the second cache for every tile and fewer tiles pay for the
 * copy and for outputs between the rows. */
static void choose_line(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const int widest = plan->units->deep_pixels;
    if (!widest || s->groups != 1 || s->rows || s->src_plain || s->weights_zero || s->sum_up_h || s->w_out < 4 ||
        (s->output != QCONV_U8 && s->output != QCONV_S8) || plan->filter_blocks > plan->units->deep_blocks ||
        (plan->in_place && s->stride_h * s->stride_w == 1))
        return;
    const int line = qconv_line_pixels(plan), outputs = (plan->strip_rows - 1) * (line / s->stride_w) + s->w_out;
    if (row_cycles(outputs, widest) > LINE_GAIN * plan->strip_rows * row_cycles(s->w_out, widest))
        return;
    plan->in_place = false;
    plan->line = plan->strip_w = line;
    choose_strips(plan);
    plan->phase_rows = (plan->strip_rows_in + s->stride_h - 1) / s->stride_h;
}

/* What follows from the shape and the instruction set, and the strips. */
static void choose_kernel(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const qconv_units *units = plan->units;
    const int bytes = units->group == 2 ? 2 : 1; /* of one source value in the strip */
    const bool flip = s->src_signed != units->src_signed;
    plan->name = units->name;
    plan->run = qconv_is_depthwise(s) ? units->depthwise : units->dense;
    plan->block_channels = s->src_plain ? s->c_in : plan->block;
    plan->src_blocks = (s->c_in + plan->block_channels - 1) / plan->block_channels;
    plan->pixel_bytes = (int)size_align((size_t)plan->block_channels * (size_t)bytes, 4);
    if (s->rows)
        plan->pixel_bytes *= plan->src_blocks;
    plan->in_place = !s->src_plain && bytes == 1 && !flip && !s->weights_zero && !needs_padding(s) &&
                     !(s->rows && s->c_in % 4); /* a row's last group would reach into the next, or beyond */
    plan->strip_w = (s->w_out - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    plan->filter_blocks = choose_filter_blocks(plan);
    plan->depthwise_dot = qconv_is_depthwise(s) && units->depthwise_dot && s->dilation_w == 1 && !s->weights_zero;
    if (plan->depthwise_dot) {
        plan->run = units->depthwise_dot;
        plan->in_place = false;
    }
    choose_strips(plan);
}

/* Scratch: bias[c], zero[c], scale[c], float_bias[c], limits[2][c]; taps; columns of the sum that is added; sums of
 * pixels, of windows, of columns; the strip. This is all in front of the strip. */
static void place_sums(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const size_t rows = (size_t)plan->strip_rows_in, columns = (size_t)plan->strip_w, outputs = (size_t)s->w_out;
    const size_t taps = (size_t)plan->src_blocks * (size_t)s->kernel_h * (size_t)s->kernel_w + (size_t)s->extra_groups;
    plan->taps_at = size_align(6 * sizeof(int32_t) * size_align((size_t)s->c_out, (size_t)plan->block), 64);
    plan->up_at = plan->taps_at + size_align(taps * sizeof(size_t), 64);
    plan->sums_at = plan->up_at + (s->sum_up_h ? size_align(outputs * sizeof(int32_t), 64) : 0);
    plan->strip_at = plan->sums_at;
    if (s->weights_zero)
        plan->strip_at += size_align((rows * columns + outputs + columns) * sizeof(int32_t), 64);
}

static void place_strip(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    plan->scratch_bytes = plan->strip_at + 128; /* vectors may reach behind the last pixel */
    if (plan->line) {
        const size_t pads = (size_t)plan->src_blocks * (size_t)s->pad_left * (size_t)plan->pixel_bytes;
        plan->scratch_bytes += (size_t)(s->stride_h * plan->phase_rows) * strip_row_bytes(plan) + pads;
        plan->line_at = size_align(plan->scratch_bytes, 64);
        plan->scratch_bytes = plan->line_at + (size_t)plan->filter_blocks * (size_t)plan->strip_rows *
                                                  (size_t)(plan->line / s->stride_w) * (size_t)plan->block;
    } else if (!plan->in_place) {
        plan->scratch_bytes += (size_t)plan->strip_rows_in * strip_row_bytes(plan);
    }
    plan->bytes_at = size_align(plan->scratch_bytes, 64);
    if (s->src_float)
        plan->scratch_bytes = plan->bytes_at + (size_t)s->c_in * (size_t)s->w_in;
}

/* The strip and its spread pixels, depthwise by fours. */
static void place_spread(qconv_plan *plan)
{
    const size_t pixel = (size_t)plan->block, columns = (size_t)plan->strip_w;
    const size_t kept = (columns + 3) / (size_t)qconv_kept_step(plan) + 4;
    plan->spread_at = plan->strip_at + size_align((columns + 8) * pixel, 64);
    plan->scratch_bytes = plan->spread_at + (size_t)plan->strip_rows_in * kept * 4 * pixel;
}

static void qconv_run_c(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch);

bool qconv_choose(const cpu_kernels *kernels, const qconv_shape *shape, qconv_plan *plan)
{
    const qconv_units *units = kernels->qconv.units;
    if (!shape_supported(shape))
        return false;
    *plan = (qconv_plan){ .shape = *shape, .block = kernels->block, .kernels = kernels, .units = units };
    if (!units) {
        plan->name = "qconv_c";
        plan->run = qconv_run_c;
        plan->strip_rows = 1;
        plan->parts = shape->h_out;
        plan->packed_bytes = qconv_filters_at(plan) + packed_filters(plan);
        return true;
    }
    assert(units->lanes == kernels->block);
    choose_kernel(plan);
    plan->packed_bytes = qconv_filters_at(plan) + packed_filters(plan);
    place_sums(plan);
    if (kernels->qconv.matrix && qconv_matrix_fits(shape)) {
        qconv_matrix_plan(plan);
    } else if (qconv_winograd_fits(units, shape)) {
        qconv_winograd_plan(plan);
    } else if (plan->depthwise_dot) {
        place_spread(plan);
    } else {
        choose_line(plan);
        place_strip(plan);
    }
    return true;
}

/* A float source's byte less its zero point; NaN is the lowest. */
static int byte_of(const qconv_plan *plan, const qconv_arguments *a, float value)
{
    const float low = (float)((plan->shape.src_signed ? -128 : 0) - a->src_zero), q = value / a->src_scale;
    return (int)rintf(q > low ? (q < low + 255 ? q : low + 255) : low);
}

static int source_at(const qconv_plan *plan, const qconv_arguments *a, int c, int y, int x)
{
    const qconv_shape *s = &plan->shape;
    if (y < 0 || y >= s->h_in || x < 0 || x >= s->w_in)
        return 0;
    size_t pixel = (size_t)y * (size_t)s->w_in + (size_t)x, plane = (size_t)s->h_in * (size_t)s->w_in, at;
    size_t block = (size_t)plan->block, channel = (size_t)c;
    if (s->rows)
        at = pixel * (size_t)s->c_in + channel;
    else if (s->src_plain)
        at = channel * plane + pixel;
    else
        at = (channel / block * plane + pixel) * block + channel % block;
    if (s->src_float)
        return byte_of(plan, a, ((const float *)a->src)[at]);
    return (s->src_signed ? ((const int8_t *)a->src)[at] : ((const uint8_t *)a->src)[at]) - a->src_zero;
}

static int32_t sum_at(const qconv_plan *plan, const qconv_arguments *a, int c, int y, int x)
{
    const qconv_shape *s = &plan->shape;
    if (!s->sum_up_h)
        return 0;
    const int rows = s->h_out / s->sum_up_h, columns = s->w_out / s->sum_up_w, row = y / s->sum_up_h;
    const size_t pixel = (size_t)(c / plan->block * rows + row) * (size_t)columns + (size_t)(x / s->sum_up_w);
    return a->sum[pixel * (size_t)plan->block + (size_t)(c % plan->block)];
}

static void store_c(const qconv_plan *plan, const qconv_arguments *a, int c, size_t at, int32_t acc)
{
    switch (plan->shape.output) {
    case QCONV_S32:
        ((int32_t *)a->dst)[at] = acc;
        return;
    case QCONV_F32: {
        float value = (float)acc * a->scale[c] + (a->float_bias ? a->float_bias[c] : 0);
        value += a->residual ? a->residual[at] : 0;
        value = math_c_act(a->activation.act, value, a->activation.a, a->activation.b);
        ((float *)a->dst)[at] = value;
        if (a->limits) {
            float *limits = a->limits + 2 * (c / plan->block);
            limits[0] = value < limits[0] ? value : limits[0];
            limits[1] = value > limits[1] ? value : limits[1];
        }
        return;
    }
    case QCONV_U8:
    case QCONV_S8: {
        float low = plan->shape.output == QCONV_U8 ? 0 : -128;
        float q = math_c_clip((float)acc * a->scale[c], low - (float)a->dst_zero, low + 255 - (float)a->dst_zero);
        uint8_t byte = (uint8_t)((int)rintf(q) + a->dst_zero);
        ((uint8_t *)a->dst)[at] = a->table ? a->table[byte] : byte;
        return;
    }
    }
}

/* One row of output, by the definition. */
static void qconv_run_c(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const qconv_shape *s = &plan->shape;
    const int16_t *weights = (const void *)((const uint8_t *)a->packed + qconv_filters_at(plan));
    size_t block = (size_t)plan->block, taps = (size_t)s->kernel_h * (size_t)s->kernel_w;
    int channels = s->c_in / s->groups;
    (void)scratch;
    for (int b = 0; a->limits && b < (s->c_out + plan->block - 1) / plan->block; b++)
        a->limits[2 * b] = a->limits[2 * b + 1] = 0;
    for (int c = 0; c < s->c_out; c++) {
        int first = qconv_is_depthwise(s) ? c : 0;
        for (int x = 0; x < s->w_out; x++) {
            const int16_t *w = weights + (size_t)c * (size_t)channels * taps;
            int32_t acc = (a->bias ? a->bias[c] : 0) + sum_at(plan, a, c, part, x);
            for (int k = 0; k < channels; k++)
                for (int ky = 0; ky < s->kernel_h; ky++)
                    for (int kx = 0; kx < s->kernel_w; kx++)
                        acc +=
                            *w++ * source_at(plan, a, first + k, part * s->stride_h - s->pad_top + ky * s->dilation_h,
                                             x * s->stride_w - s->pad_left + kx * s->dilation_w);
            size_t pixel = (size_t)part * (size_t)s->w_out + (size_t)x;
            size_t plane = (size_t)s->h_out * (size_t)s->w_out;
            size_t at = s->rows ? pixel * (size_t)s->c_out + (size_t)c
                                : ((size_t)c / block * plane + pixel) * block + (size_t)c % block;
            store_c(plan, a, c, at, acc);
        }
    }
}

void qconv_fill_c(qconv_kernels *kernels)
{
    kernels->units = NULL;
}
