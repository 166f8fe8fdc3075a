/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise convolution of images of 16 bits whose sums are float32. Where the shape is a common one, and nothing
 * follows that takes registers, a kernel of its own does whole rows. Else every source row is widened once, into a ring
 * of rows of which float32's own kernels do a few outputs' rows at a time; what these leave is finished and rounded.
 * Such rows are cut in pieces so narrow that the ring and the sums stay in the first-level cache. */
#include <string.h>

#include "cpu/conv_private.h"
#include "cpu/half.h"

enum { NEAR_BYTES = 40 * 1024, UNIT_LEAST = 8, MOST_TAPS = 256 };

typedef struct geometry {
    conv_depthwise_f32 *const *kernels; /* [n - 1]: for n rows */
    int most, slots;                    /* rows at once; source rows that they reach over, which the ring holds */
    size_t width, unit;                 /* floats of a row of the ring, and of sums */
} geometry;

static geometry geometry_of(const half_conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    const size_t lanes = (size_t)plan->kernels->half.lanes;
    geometry g;
    g.kernels = conv_depthwise_kernels(plan->kernels->conv.units, s, &g.most);
    g.most = s->dilation_h > 1 ? 1 : g.most;
    g.slots = (g.most - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    g.unit = (size_t)plan->unit * lanes;
    g.width = (size_t)((plan->unit - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1) * lanes;
    return g;
}

static size_t row_bytes(const half_conv_plan *plan)
{
    return conv_round_bytes((size_t)plan->shape.w_in * (size_t)plan->kernels->half.lanes * sizeof(uint16_t));
}

bool half_depthwise_choose(half_conv_plan *plan)
{
    const conv_shape *s = &plan->shape;
    if (s->kernel_h > MOST_TAPS)
        return false;
    assert(plan->kernels->half.lanes == plan->kernels->block);
    plan->unit = 1;
    geometry g = geometry_of(plan);
    const int pixels = NEAR_BYTES / (int)sizeof(float) / plan->kernels->half.lanes;
    const int overlap = g.slots * ((s->kernel_w - 1) * s->dilation_w + 1 - s->stride_w);
    const int fit = conv_max(UNIT_LEAST, (pixels - overlap) / (g.slots * s->stride_w + g.most));
    plan->unit = conv_ceil_div(s->w_out, conv_ceil_div(s->w_out, fit));
    g = geometry_of(plan);
    plan->scratch_bytes = ((size_t)(g.slots + 1) * g.width + (size_t)g.most * g.unit) * sizeof(float);
    plan->scratch_bytes = plan->scratch_bytes > row_bytes(plan) ? plan->scratch_bytes : row_bytes(plan);
    return true;
}

/* Rows [begin, end) of n outputs of one block from column x on. scratch: a row of zeros, the ring, and sums. */
static void run_piece(const half_conv_plan *plan, const geometry *g, const half_conv_arguments *a, int block,
                      conv_range y, conv_range x, float *scratch)
{
    const conv_shape *s = &plan->shape;
    const half_kernels *half = &plan->kernels->half;
    const conv_depthwise_row job = {
        .kernel_h = s->kernel_h, .kernel_w = s->kernel_w, .stride = s->stride_w, .dilation = s->dilation_w
    };
    const ptrdiff_t lanes = half->lanes, plane = (ptrdiff_t)block * s->h_in;
    const int n = x.end - x.begin, first = x.begin * s->stride_w - s->pad_left, low = conv_max(0, -first);
    const int high = conv_min((n - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1, s->w_in - first);
    const float *weights = (const float *)a->packed + (ptrdiff_t)block * s->kernel_h * s->kernel_w * lanes;
    float *const ring = scratch + g->width, *const sums = ring + (size_t)g->slots * g->width;
    const int groups = conv_ceil_div(y.end - y.begin, g->most);
    for (int i = 0, next = 0; i < groups; i++) {
        const conv_range some = conv_group(y.end - y.begin, groups, i);
        const int from = y.begin + some.begin, rows = some.end - some.begin, top = from * s->stride_h - s->pad_top;
        const int taps = (rows - 1) * s->stride_h + s->kernel_h;
        const int bottom = conv_min(s->h_in, top + (taps - 1) * s->dilation_h + 1);
        const float *src[MOST_TAPS];
        float *dst[CONV_DEPTHWISE_ROWS];
        for (next = conv_max(next, top); next < bottom && high > low; next++)
            half->to_float((const uint16_t *)a->src + ((plane + next) * s->w_in + first + low) * lanes,
                           ring + (size_t)(next % g->slots) * g->width + low * lanes, (size_t)((high - low) * lanes));
        for (int tap = 0; tap < taps; tap++) {
            const int row = top + tap * s->dilation_h;
            src[tap] = row < 0 || row >= s->h_in ? scratch : ring + (size_t)(row % g->slots) * g->width;
        }
        for (int row = 0; row < rows; row++)
            dst[row] = sums + (size_t)row * g->unit;
        g->kernels[rows - 1](&job, src, weights, (const float *)a->bias + block * lanes, dst, n, low, high);
        for (int row = 0; row < rows; row++) {
            const ptrdiff_t at = (((ptrdiff_t)block * s->h_out + from + row) * s->w_out + x.begin) * lanes;
            half->finish(dst[row], a->residual ? a->residual + at : NULL, (uint16_t *)a->dst + at, (size_t)n,
                         a->activation, a->residual_before);
        }
    }
}

/* The kernel that does without a ring, or NULL. 1x64x80x80, 3x3: 7.5 cycles a vector, by way of the ring 10. */
static half_depthwise_rows *rows_for(const half_conv_plan *plan, const half_conv_arguments *a)
{
    const conv_shape *s = &plan->shape;
    const cpu_act act = a->activation.act;
    const bool clip = act == CPU_ACT_NONE || act == CPU_ACT_RELU || act == CPU_ACT_CLIP;
    const bool square = s->kernel_h == s->kernel_w && s->stride_h == s->stride_w && s->dilation_h * s->dilation_w == 1;
    return clip && square && !a->residual && s->stride_w <= 2 && (s->kernel_w == 3 || s->kernel_w == 5)
               ? plan->kernels->half.depthwise_rows[s->kernel_w / 2 - 1][s->stride_w - 1]
               : NULL;
}

/* Rows [begin, end) of one block, as many as the kernel takes or more: where they are no multiple, some twice. */
static void run_rows(const half_conv_plan *plan, half_depthwise_rows *run, const half_conv_arguments *a, int block,
                     conv_range y, const uint16_t *zeros)
{
    const conv_shape *s = &plan->shape;
    const ptrdiff_t lanes = plan->kernels->half.lanes, left = s->pad_left * lanes;
    const float *weights = (const float *)a->packed + (ptrdiff_t)block * s->kernel_h * s->kernel_w * lanes;
    for (int next = y.begin; next < y.end; next += HALF_DEPTHWISE_ROWS) {
        const int from = conv_min(next, y.end - HALF_DEPTHWISE_ROWS), top = from * s->stride_h - s->pad_top;
        const uint16_t *src[MOST_TAPS];
        uint16_t *dst[HALF_DEPTHWISE_ROWS];
        for (int i = 0; i < (HALF_DEPTHWISE_ROWS - 1) * s->stride_h + s->kernel_h; i++) {
            const ptrdiff_t at = ((ptrdiff_t)block * s->h_in + top + i) * s->w_in * lanes;
            src[i] = (top + i < 0 || top + i >= s->h_in ? zeros : (const uint16_t *)a->src + at) - left;
        }
        for (int i = 0; i < HALF_DEPTHWISE_ROWS; i++)
            dst[i] = (uint16_t *)a->dst + ((ptrdiff_t)block * s->h_out + from + i) * s->w_out * lanes;
        run(src, weights, (const float *)a->bias + block * lanes, dst, s->w_out, s->pad_left, s->pad_left + s->w_in,
            a->activation);
    }
}

void half_depthwise_run(const half_conv_plan *plan, const half_conv_arguments *arguments, int part, void *scratch)
{
    const conv_shape *s = &plan->shape;
    const geometry g = geometry_of(plan);
    const int pieces = conv_ceil_div(s->w_out, plan->unit);
    const int64_t rows = (int64_t)conv_ceil_div(s->c_in, plan->kernels->half.lanes) * s->h_out;
    const int64_t end = rows * (part + 1) / plan->parts;
    half_depthwise_rows *const run = rows_for(plan, arguments);
    const size_t narrow = run ? row_bytes(plan) : 0, wide = g.width * sizeof(float);
    memset(scratch, 0, narrow > wide ? narrow : wide);
    for (int64_t row = rows * part / plan->parts; row < end;) {
        const int block = (int)(row / s->h_out), y = (int)(row % s->h_out);
        const conv_range some = { y, (int)(end - row < s->h_out - y ? y + (end - row) : s->h_out) };
        const bool enough = run && some.end - some.begin >= HALF_DEPTHWISE_ROWS;
        if (enough)
            run_rows(plan, run, arguments, block, some, scratch);
        for (int piece = 0; piece < pieces && !enough; piece++)
            run_piece(plan, &g, arguments, block, some, conv_group(s->w_out, pieces, piece), scratch);
        row += some.end - some.begin;
    }
}
