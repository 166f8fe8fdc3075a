/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the algorithms of the convolution family share: how work is cut, and the epilogue. Private to conv*.c. */
#ifndef ONYX_CPU_CONV_PRIVATE_H
#define ONYX_CPU_CONV_PRIVATE_H

#include <assert.h>
#include <stdint.h>

#include "cpu/conv_tile.h"
#include "cpu/kernels.h"

/* Each fills the plan and returns true where it takes the shape. */
bool conv_choose_direct(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
bool conv_choose_winograd(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
bool conv_choose_strassen(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
/* Dilated, where that is faster than conv_choose_direct. */
bool conv_choose_taps(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
/* False, too, where conv_choose_first's is faster. */
bool conv_choose_phases(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
bool conv_choose_first(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
bool conv_choose_depthwise(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);

/* The kernels of a depthwise shape, [n - 1] for n rows of outputs, and how many rows one can do at once; dilated ones
 * are those that share rows of taps. */
conv_depthwise_f32 *const *conv_depthwise_kernels(const conv_units *units, const conv_shape *s, int *most);

/* G of F(4, 3). */
extern const float conv_winograd_form[6][3];

/* Kernels of one row or column by Winograd (conv_winograd_line.c). The form for a shape, or -1. */
int conv_winograd_line_form(const conv_shape *s);
conv_winograd_line conv_winograd_line_of(int form);
/* u[point * point_stride + lane] of w[tap][lane]. */
void conv_winograd_line_weights(const conv_winograd_line *line, int taps, int lanes, const float *w, float *u,
                                ptrdiff_t point_stride);
/* count tiles side by side from output (y, x) of a plane on; zeros: as long as a row. */
typedef struct conv_winograd_lines {
    const conv_shape *shape;
    conv_winograd_line line;
    conv_winograd_line_input_f32 *input;
    int lanes;
    ptrdiff_t point_stride;
    const float *zeros;
} conv_winograd_lines;
void conv_winograd_line_input(const conv_winograd_lines *l, const float *plane, int y, int x, int count, float *v);

/* Cycles of one pixel and one input of the sum, when `blocks` filter blocks are done in groups of at most `filters` and
 * rows have n pixels. */
double conv_tile_cost(const conv_tile_set *set, int filters, int blocks, int n);
/* The best `filters` by conv_tile_cost. */
int conv_best_filters(const conv_tile_set *set, int blocks, int n);

/* The filter blocks of a 1x1 kernel, in groups of at most `filters`, as a plan keeps it. Where CONV_HALVED is added to
 * that, half of the last block's lanes are enough: it and one or two in front of it are the first group, which takes
 * tiles of units->halved. */
enum { CONV_HALVED = 16 };
typedef struct conv_filters {
    int blocks, groups, most; /* most: blocks of a group */
    int halved;               /* blocks of the first group, where that is one of those; or 0 */
} conv_filters;
conv_filters conv_filters_of(int channels, int lanes, int filters);
/* The best `filters` of a 1x1 kernel with stride 1 for lines of n; halves, which sum every other input apart, only
 * where the sums' order is free. */
int conv_best_halved(const conv_units *units, const conv_shape *s, int n);
/* conv_tile_cost of that. */
double conv_halved_cost(const conv_units *units, const conv_filters *f, int n);

/* The machine's part of the cost model: bytes of the first-level cache that weights and inputs may take; bytes per
 * cycle from the second level while computing, and from beyond it. (Emerald Rapids, one core of 3 GHz: 130 and 28 GB/s
 * for reading alone.) */
enum { CONV_NEAREST_BYTES = 40 * 1024 };
#define CONV_NEAR_RATE 20.0
#define CONV_FAR_RATE 9.5
/* Layers of so many weights compete for the third level, too. Measured: 13 GB/s where a network has 170 MB of them
 * (ResNet-18 by Winograd alone), 20 where it has 83. */
#define CONV_MANY_WEIGHTS (6.0 * 1024 * 1024)
#define CONV_WEIGHT_RATE 6.0
/* Bytes of the second-level cache that a part may count on. */
double conv_near_bytes(void);

static inline int conv_ceil_div(int a, int b)
{
    return (a + b - 1) / b;
}
static inline int conv_min(int a, int b)
{
    return a < b ? a : b;
}
static inline int conv_max(int a, int b)
{
    return a > b ? a : b;
}
static inline size_t conv_round_bytes(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* Part i of n of `total`: [begin, end), sizes differ by at most one. */
typedef struct conv_range {
    int begin, end;
} conv_range;
static inline conv_range conv_cut(int total, int n, int i)
{
    return (conv_range){ (int)((int64_t)total * i / n), (int)((int64_t)total * (i + 1) / n) };
}

/* Pixels from plane to plane of a buffer whose rows have w. */
static inline ptrdiff_t conv_band_plane(const conv_band *band, int w)
{
    return (ptrdiff_t)band->rows * w + band->gap;
}

/* Parts that a job of so many multiply-adds is worth: none smaller than about 20 us of one core, none too many. */
static inline int conv_parts_for(double multiply_adds)
{
    double parts = multiply_adds / 1.5e6;
    return parts < 1 ? 1 : parts > 32 ? 32 : (int)parts;
}

/* How evenly threads that take the next part when they are free share `items` x `groups` in so many cuts. */
double conv_balance(int items, int item_cuts, int groups, int group_cuts, int threads);

/* No coordinate overflows an int, and what a row of outputs reads, with its pads, is not much more than the image. */
bool conv_is_reasonable(const conv_shape *s);

/* Does any window reach outside the source? */
static inline bool conv_needs_padding(const conv_shape *s)
{
    const int bottom = (s->h_out - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h - s->pad_top;
    const int right = (s->w_out - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w - s->pad_left;
    return s->pad_top > 0 || s->pad_left > 0 || bottom >= s->h_in || right >= s->w_in;
}

/* Groups that do not share a block of channels. */
static inline bool conv_fills_blocks(const conv_shape *s, int lanes)
{
    return s->groups == 1 || (s->c_in % (s->groups * lanes) == 0 && s->c_out % (s->groups * lanes) == 0);
}

/* What one group of a grouped convolution is. */
static inline conv_shape conv_shape_of_group(const conv_shape *s)
{
    conv_shape one = *s;
    one.c_in /= s->groups;
    one.c_out /= s->groups;
    one.groups = 1;
    return one;
}

/* The weights as they lie in the file, at any alignment. */
typedef struct conv_file {
    const float *weights;
    int in, out, groups, joined; /* of one of its groups; how many of them are one of the shape's */
    size_t taps;
} conv_file;

static inline conv_file conv_file_of(const conv_shape *s, const float *weights)
{
    const int joined = s->joined ? s->joined : 1;
    return (conv_file){ .weights = weights,
                        .in = s->c_in / s->groups / joined,
                        .out = s->c_out / s->groups / joined,
                        .groups = s->joined ? s->file_groups : s->groups,
                        .joined = joined,
                        .taps = (size_t)(s->kernel_h * s->kernel_w) };
}

/* The taps of filter o and channel c of a group; NULL: zeros, behind the last one and where joined groups do not meet.
 */
static inline const float *conv_file_taps(const conv_file *f, int group, int o, int c)
{
    if (f->joined > 1) {
        if (o / f->out != c / f->in)
            return NULL;
        group = group * f->joined + o / f->out;
        o %= f->out;
        c %= f->in;
    }
    if (group >= f->groups || o >= f->out || c >= f->in)
        return NULL;
    return f->weights + (((size_t)group * (size_t)f->out + (size_t)o) * (size_t)f->in + (size_t)c) * f->taps;
}

/* Splits an activation in what the tiles do in registers, and what the eltwise table must do afterwards, or NULL. */
static inline eltwise_act_f32 *conv_split_activation(const cpu_kernels *kernels, const conv_arguments *arguments,
                                                     conv_epilogue *epilogue)
{
    const cpu_activation *activation = &arguments->activation;
    *epilogue = (conv_epilogue){ CONV_EPILOGUE_NONE, activation->a, activation->b, arguments->residual_before };
    switch (activation->act) {
    case CPU_ACT_NONE:
        return NULL;
    case CPU_ACT_RELU:
        epilogue->act = CONV_EPILOGUE_CLIP;
        epilogue->a = 0;
        epilogue->b = __builtin_inff();
        return NULL;
    case CPU_ACT_CLIP:
        epilogue->act = CONV_EPILOGUE_CLIP;
        return NULL;
    case CPU_ACT_LEAKY_RELU:
        epilogue->act = CONV_EPILOGUE_LEAKY;
        return NULL;
    case CPU_ACT_SILU:
        epilogue->act = CONV_EPILOGUE_SILU;
        return NULL;
    case CPU_ACT_HARD_SIGMOID:
        epilogue->act = CONV_EPILOGUE_HARD_SIGMOID;
        return NULL;
    case CPU_ACT_HARD_SWISH:
        epilogue->act = CONV_EPILOGUE_HARD_SWISH;
        return NULL;
    default:
        return kernels->eltwise.act[activation->act];
    }
}

/* Has `bytes` fetched evenly by `tiles` tiles, each with a sum of `inputs`; what one of them cannot take is left. */
static inline void conv_fetch_ahead(conv_tile *tile, const void *from, size_t bytes, int tiles, size_t inputs)
{
    enum { LINE = 64 };
    tile->ahead = from;
    tile->ahead_share = (ptrdiff_t)conv_round_bytes((bytes + (size_t)tiles - 1) / (size_t)tiles);
    const size_t step = ((size_t)tile->ahead_share + inputs - 1) / inputs;
    tile->ahead_step = step < LINE ? (ptrdiff_t)step : LINE;
}

/* One filter group over n pixels in a line, in tiles of nearly equal size. */
static inline void conv_run_line(const conv_tile_set *set, int filters, const conv_tile *tile, const float *src,
                                 const float *weights, const float *bias, const float *residual, float *dst, int n,
                                 int lanes)
{
    int tiles = conv_ceil_div(n, set->pixels[filters - 1]);
    int size = n / tiles, larger = n % tiles;
    conv_tile rest;
    if (larger > 0) {
        set->run[filters - 1][size](tile, src, weights, bias, residual, dst, larger);
        ptrdiff_t done = (ptrdiff_t)larger * (size + 1);
        src += done * tile->step;
        dst += done * lanes;
        if (!tile->map)
            residual = residual ? residual + done * lanes : NULL;
        if (tile->map || tile->ahead || tile->sums) {
            rest = *tile;
            rest.map = tile->map ? tile->map + done : NULL;
            rest.ahead = tile->ahead ? tile->ahead + larger * tile->ahead_share : NULL;
            rest.sums = tile->sums ? tile->sums + done * lanes : NULL;
            tile = &rest;
        }
    }
    set->run[filters - 1][size - 1](tile, src, weights, bias, residual, dst, tiles - larger);
}

/* n outputs in a line of one filter group. */
typedef struct conv_line {
    const float *src, *weights, *bias, *residual;
    float *dst;
    int n;
} conv_line;

/* The same with an activation that is not done in registers, or NULL: by way of post, which holds the line for all
 * filters. The tile's strides between blocks are those of dst and residual. */
static inline void conv_run_line_act(const cpu_kernels *kernels, const conv_arguments *arguments,
                                     const conv_tile_set *set, int filters, const conv_tile *tile,
                                     const conv_line *line, eltwise_act_f32 *act, float *post)
{
    const cpu_activation *activation = &arguments->activation;
    if (!act) {
        conv_run_line(set, filters, tile, line->src, line->weights, line->bias, line->residual, line->dst, line->n,
                      kernels->block);
        return;
    }
    const bool after = line->residual && !arguments->residual_before;
    const size_t floats = (size_t)line->n * (size_t)kernels->block;
    conv_tile to_post = *tile;
    to_post.dst_block_stride = (ptrdiff_t)floats;
    conv_run_line(set, filters, &to_post, line->src, line->weights, line->bias, after ? NULL : line->residual, post,
                  line->n, kernels->block);
    for (int f = 0; f < filters; f++) {
        float *from = post + (size_t)f * floats, *to = line->dst + f * tile->dst_block_stride;
        act(from, after ? from : to, floats, activation->a, activation->b);
        if (after)
            kernels->eltwise.binary[CPU_BINARY_ADD](from, 1, line->residual + f * tile->residual_block_stride, 1, to,
                                                    floats);
    }
}

/* Input channels that blocked tiles sum over: in fours, the last ones perhaps against zero weights. */
static inline int conv_summed_channels(int channels)
{
    return (channels + 3) / 4 * 4;
}
static inline int conv_last_block(int channels, int lanes)
{
    return (conv_summed_channels(channels) - 1) % lanes + 1;
}

/* Blocks of filter group i of n: nearly equal, the larger ones first. */
static inline conv_range conv_group(int blocks, int n, int i)
{
    int size = blocks / n, larger = blocks % n;
    int begin = i * size + conv_min(i, larger);
    return (conv_range){ begin, begin + size + (i < larger) };
}

static inline bool conv_filter_halved(const conv_filters *f, int i)
{
    return f->halved > 0 && i == 0;
}
/* Blocks of group i, what weights it takes for an input, and those in front of it, in floats. */
static inline conv_range conv_filter_group(const conv_filters *f, int i)
{
    const int whole = f->blocks - f->halved;
    if (f->halved == 0)
        return conv_group(whole, f->groups, i);
    return i == 0 ? (conv_range){ whole, f->blocks } : conv_group(whole, f->groups - 1, i - 1);
}
static inline int conv_filter_floats(const conv_filters *f, int i, int lanes)
{
    const conv_range blocks = conv_filter_group(f, i);
    return (blocks.end - blocks.begin) * lanes - (conv_filter_halved(f, i) ? lanes / 2 : 0);
}
static inline int conv_filter_place(const conv_filters *f, int i, int lanes)
{
    const int begin = conv_filter_group(f, i).begin * lanes;
    if (f->halved == 0)
        return begin;
    return i == 0 ? 0 : f->halved * lanes - lanes / 2 + begin;
}
/* The same of all. */
static inline int conv_filter_all(const conv_filters *f, int lanes)
{
    return f->blocks * lanes - (f->halved ? lanes / 2 : 0);
}
/* What filter group i takes of a tap of some inputs: [input][filter block][lane], with half a block [input / 2][lane of
 * all blocks][input % 2]; zeros where the file has none. Gives where the next ones go. */
float *conv_pack_inputs(const conv_filters *f, int i, int lanes, conv_file file, int convolution, conv_range inputs,
                        int tap, float *to);

#endif
