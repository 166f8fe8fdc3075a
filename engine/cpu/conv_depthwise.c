/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Depthwise convolution on blocked data: every channel block for itself, by a few rows at once. Rows of taps outside
 * the image are one row of zeros. */
#include <string.h>

#include "cpu/conv_private.h"

/* Of a kernel; fewer of one that does several rows. */
enum { MOST_TAPS = 256 };
/* Outputs of a row that go through post at once: a few rows of them stay in the first-level cache. */
enum { POST_PIXELS = 64 };

typedef struct depthwise_run {
    const conv_plan *plan;
    const conv_arguments *arguments;
    conv_depthwise_f32 *const *kernels; /* [n - 1]: for n rows */
    int most, apart;                    /* rows at once, and how far from each other */
    conv_depthwise_row job;
    int pooled;                                                  /* size of the windows behind, or 1 */
    bool posted;                                                 /* the rest of the epilogue is done by way of post: */
    eltwise_act_f32 *act;                                        /* or NULL */
    float *post, *zeros;                                         /* pieces of rows; a row */
    bool cleared;                                                /* zeros is */
    ptrdiff_t src_plane, dst_plane, dst_row, src_skip, dst_skip; /* in pixels, see geometry of conv_direct.c */
    int src_cycle, dst_cycle; /* row y stands at place y % cycle, where that is not 0 */
} depthwise_run;

/* The kernels of this shape; false: none but depthwise_any. */
static bool known(const conv_shape *s)
{
    return s->kernel_h == s->kernel_w && s->kernel_w >= 3 && s->kernel_w <= 7 && s->kernel_w % 2 && s->stride_w <= 2 &&
           (s->dilation_w == 1 || s->stride_w == 1);
}

conv_depthwise_f32 *const *conv_depthwise_kernels(const conv_units *units, const conv_shape *s, int *most)
{
    conv_depthwise_f32 *const *kernels =
        known(s) ? units->depthwise[s->kernel_w / 2 - 1][s->stride_w - 1] : &units->depthwise_any;
    *most = 1;
    if (known(s) && s->stride_h == s->stride_w && (s->dilation_h == 1 || s->stride_h == 1))
        while (*most < CONV_DEPTHWISE_ROWS && kernels[*most])
            ++*most;
    return kernels;
}

/* What registers cannot do of n outputs that stand in post: the activation, and the residual, or NULL. */
static void finish(const depthwise_run *r, float *post, const float *residual, float *dst, int n)
{
    const conv_arguments *a = r->arguments;
    const size_t floats = (size_t)n * (size_t)r->plan->block;
    eltwise_binary_f32 *add = r->plan->kernels->eltwise.binary[CPU_BINARY_ADD];
    const bool before = residual && (a->residual_before || !r->act);
    if (before)
        add(post, 1, residual, 1, r->act ? post : dst, floats);
    if (r->act)
        r->act(post, residual && !before ? post : dst, floats, a->activation.a, a->activation.b);
    if (residual && !before)
        add(post, 1, residual, 1, dst, floats);
}

/* The same of a row of windows, whose rows stand in post. */
static void finish_pooled(const depthwise_run *r, float *const *post, float *dst, int n)
{
    const conv_arguments *a = r->arguments;
    const float *rows[CONV_DEPTHWISE_ROWS];
    const pool_shape pool = { .block = r->plan->block,
                              .w_in = n,
                              .w_out = n / r->pooled,
                              .kernel_w = r->pooled,
                              .stride_w = r->pooled,
                              .dilation_w = 1 };
    for (int i = 0; i < r->pooled; i++) {
        if (r->act)
            r->act(post[i], post[i], (size_t)n * (size_t)r->plan->block, a->activation.a, a->activation.b);
        rows[i] = post[i];
    }
    r->plan->kernels->pool.max_row(&pool, rows, r->pooled, dst);
}

/* Pixels from the first plane's start to row y of the output. */
static ptrdiff_t output_row(const depthwise_run *r, int y)
{
    return (r->dst_cycle ? y % r->dst_cycle : y) * r->dst_row - r->dst_skip;
}

/* The row of the input that stands at y, from the first tap of output 0 on. */
static const float *input_row(depthwise_run *r, int block, int y)
{
    const conv_shape *s = &r->plan->shape;
    const ptrdiff_t lanes = r->plan->block, row = s->w_in * lanes, left = s->pad_left * lanes;
    if (y >= 0 && y < s->h_in)
        return r->arguments->src + (block * r->src_plane - r->src_skip) * lanes - left +
               (r->src_cycle ? y % r->src_cycle : y) * row;
    if (!r->cleared)
        memset(r->zeros, 0, (size_t)row * sizeof(float));
    r->cleared = true;
    return r->zeros - left;
}

/* n rows of the output of one block, from y on every dilation_h-th, by one kernel. */
static void run_some(depthwise_run *r, int block, int y, int n)
{
    const conv_shape *s = &r->plan->shape;
    const conv_arguments *a = r->arguments;
    const ptrdiff_t lanes = r->plan->block;
    const float *weights = (const float *)a->packed + (ptrdiff_t)block * s->kernel_h * s->kernel_w * lanes;
    const float *src[MOST_TAPS];
    float *dst[CONV_DEPTHWISE_ROWS];
    const int taps = (n - 1) * s->stride_h + s->kernel_h, windows = s->w_out / r->pooled;
    const int pieces = r->posted ? conv_ceil_div(windows, POST_PIXELS / r->pooled) : 1;
    for (int i = 0; i < taps; i++)
        src[i] = input_row(r, block, y * s->stride_h - s->pad_top + i * s->dilation_h);
    for (int piece = 0; piece < pieces; piece++) {
        const conv_range x = conv_group(windows, pieces, piece);
        const int begin = x.begin * r->pooled, count = x.end * r->pooled - begin;
        const int low = s->pad_left - begin * s->stride_w;
        ptrdiff_t at[CONV_DEPTHWISE_ROWS];
        for (int i = 0; i < n; i++) {
            at[i] = (block * r->dst_plane + output_row(r, (y + i * r->apart) / r->pooled) + x.begin) * lanes;
            dst[i] = r->posted ? r->post + (ptrdiff_t)i * POST_PIXELS * lanes : a->dst + at[i];
        }
        r->kernels[n - 1](&r->job, src, weights, a->bias + block * lanes, dst, count, low, low + s->w_in);
        for (int i = 0; i < n && r->pooled > 1; i += r->pooled)
            finish_pooled(r, dst + i, a->dst + at[i], count);
        for (int i = 0; i < n && r->posted && r->pooled == 1; i++)
            finish(r, dst[i], a->residual ? a->residual + at[i] : NULL, a->dst + at[i], count);
        for (int i = 0; i < taps && pieces > 1; i++)
            src[i] += count * s->stride_w * lanes;
    }
}

/* Rows [begin, end) of the output of one block, nearly as many at a time, in whole windows; dilated ones with those
 * that share rows of taps. */
static void run_rows(depthwise_run *r, int block, int begin, int end)
{
    for (int first = begin; first < conv_min(begin + r->apart, end); first++) {
        const int windows = conv_ceil_div(end - first, r->apart) / r->pooled;
        const int groups = conv_ceil_div(windows, r->most / r->pooled);
        for (int i = 0; i < groups; i++) {
            const conv_range rows = conv_group(windows, groups, i);
            run_some(r, block, first + rows.begin * r->pooled * r->apart, (rows.end - rows.begin) * r->pooled);
        }
    }
}

static depthwise_run start(const conv_plan *plan, const conv_arguments *arguments, void *scratch)
{
    const conv_shape *s = &plan->shape;
    const conv_units *units = plan->kernels->conv.units;
    depthwise_run r = { .plan = plan, .arguments = arguments, .zeros = scratch };
    r.pooled = conv_max(1, arguments->pooled);
    r.post = r.zeros + s->w_in * plan->block;
    r.kernels = conv_depthwise_kernels(units, s, &r.most);
    r.apart = r.most > 1 ? s->dilation_h : 1;
    r.job = (conv_depthwise_row){
        .kernel_h = s->kernel_h, .kernel_w = s->kernel_w, .stride = s->stride_w, .dilation = s->dilation_w
    };
    r.act = conv_split_activation(plan->kernels, arguments, &r.job.epilogue);
    const conv_epilogue_act act = r.job.epilogue.act;
    r.posted = r.act || act == CONV_EPILOGUE_SILU || arguments->residual;
    assert(r.pooled == 1 || (r.pooled <= plan->pools && !arguments->residual));
    if (r.posted && act != CONV_EPILOGUE_NONE) {
        r.act = plan->kernels->eltwise.act[arguments->activation.act];
        r.job.epilogue.act = CONV_EPILOGUE_NONE;
    }
    r.posted = r.posted || r.pooled > 1;
    r.src_plane = (ptrdiff_t)s->h_in * s->w_in;
    r.dst_row = s->w_out / r.pooled;
    r.dst_plane = s->h_out / r.pooled * r.dst_row;
    return r;
}

static void depthwise_run_rows(const conv_plan *plan, const conv_arguments *arguments, int begin, int end,
                               void *scratch)
{
    const conv_shape *s = &plan->shape;
    const conv_band *from = &arguments->src_band, *to = &arguments->dst_band;
    depthwise_run r = start(plan, arguments, scratch);
    if (from->rows > 0) {
        r.src_plane = conv_band_plane(from, s->w_in);
        r.src_skip = from->cyclic ? 0 : (ptrdiff_t)from->first * s->w_in;
        r.src_cycle = from->cyclic ? from->rows : 0;
    }
    if (to->pitch > 0)
        r.dst_row = to->pitch;
    if (to->rows > 0) {
        r.dst_plane = conv_band_plane(to, (int)r.dst_row);
        r.dst_skip = to->cyclic ? 0 : to->first * r.dst_row - to->left;
        r.dst_cycle = to->cyclic ? to->rows : 0;
    }
    for (int block = 0; block < conv_ceil_div(s->c_in, plan->block); block++)
        run_rows(&r, block, begin, end);
}

static void depthwise_run_part(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch)
{
    const conv_shape *s = &plan->shape;
    depthwise_run r = start(plan, arguments, scratch);
    const int64_t rows = (int64_t)conv_ceil_div(s->c_in, plan->block) * s->h_out;
    const int64_t end = rows * (part + 1) / plan->parts;
    for (int64_t row = rows * part / plan->parts; row < end;) {
        const int block = (int)(row / s->h_out), y = (int)(row % s->h_out);
        const int last = end - row < s->h_out - y ? y + (int)(end - row) : s->h_out;
        run_rows(&r, block, y, last);
        row += last - y;
    }
}

/* [block][tap][lane]; lanes behind the last channel are zero. */
static void depthwise_pack(const conv_plan *plan, const float *weights, void *packed)
{
    const conv_shape *s = &plan->shape;
    int taps = s->kernel_h * s->kernel_w;
    float *to = packed;
    for (int c0 = 0; c0 < s->c_in; c0 += plan->block)
        for (int tap = 0; tap < taps; tap++)
            for (int c = c0; c < c0 + plan->block; c++, to++) {
                *to = 0;
                if (c < s->c_in) /* weights may lie anywhere in a file: no plain load */
                    memcpy(to, weights + (size_t)c * (size_t)taps + (size_t)tap, sizeof(*to));
            }
}

bool conv_choose_depthwise(const cpu_kernels *kernels, const conv_shape *s, conv_plan *plan)
{
    const conv_units *units = kernels->conv.units;
    if (s->groups != s->c_in || s->c_in != s->c_out || s->c_in == 1 || s->src_plain || s->kernel_h > MOST_TAPS)
        return false;
    size_t blocks = (size_t)conv_ceil_div(s->c_in, units->lanes), lanes = (size_t)units->lanes;
    double sums = (double)s->kernel_h * s->kernel_w * s->c_out * s->h_out * s->w_out;
    double rows = (double)blocks * s->h_out;
    plan->name = units->depthwise_name;
    /* Bound by loads as much as by arithmetic, so the parts are smaller. */
    plan->parts = conv_parts_for(sums * 3);
    plan->parts = conv_ceil_div(plan->parts, conv_max(1, s->threads)) * conv_max(1, s->threads);
    plan->parts = plan->parts > rows ? (int)rows : plan->parts;
    plan->packed_bytes = blocks * lanes * (size_t)s->kernel_h * (size_t)s->kernel_w * sizeof(float);
    plan->scratch_bytes = (CONV_DEPTHWISE_ROWS * POST_PIXELS + (size_t)s->w_in) * lanes * sizeof(float);
    plan->run = depthwise_run_part;
    plan->run_rows = depthwise_run_rows;
    conv_depthwise_kernels(units, s, &plan->pools);
    plan->pools = !kernels->pool.max_row ? 0 : s->dilation_h > 1 ? 1 : plan->pools;
    plan->balance = conv_balance((int)rows, plan->parts, 1, 1, s->threads);
    /* Two taps a cycle while rows are near (measured: 4.8 cycles of 3x3, 13 of 5x5, 25 of 7x7), and SiLU. */
    plan->cycles = (s->kernel_h * s->kernel_w * 0.5 + 6) * (double)blocks * s->h_out * s->w_out;
    plan->pack = depthwise_pack;
    return true;
}
