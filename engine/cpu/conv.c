/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution: the choice among the algorithms, and the cost model of register tiles that it rests on. */
#include <string.h>
#include <unistd.h>

#include "cpu/conv_private.h"

bool conv_is_reasonable(const conv_shape *s)
{
    const int64_t limit = 1 << 28;
    const int sizes[] = { s->c_in,     s->c_out,    s->groups,   s->h_in,     s->w_in,       s->h_out,     s->w_out,
                          s->kernel_h, s->kernel_w, s->stride_h, s->stride_w, s->dilation_h, s->dilation_w };
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
        if (sizes[i] < 1)
            return false;
    const int64_t reach = (int64_t)(s->kernel_h - 1) * s->dilation_h + 1;
    const int64_t height = (int64_t)(s->h_out - 1) * s->stride_h + reach;
    const int64_t width = (int64_t)(s->w_out - 1) * s->stride_w + (int64_t)(s->kernel_w - 1) * s->dilation_w + 1;
    const double row = (double)reach * (double)width * s->c_in, source = (double)s->h_in * s->w_in * s->c_in;
    return height < limit && width < limit && (int64_t)s->h_out * s->w_out < limit && s->pad_top < limit &&
           s->pad_left < limit && s->pad_top > -limit && s->pad_left > -limit && (int64_t)s->h_in * s->w_in < limit &&
           (row <= 1 << 25 || row <= 4 * source);
}

/* Groups that become one: the least that fills blocks, without the last one reaching into a block that is not there;
 * else all, where they are not too many. That multiplies zeros, too, and is still tens of times faster than going
 * channel by channel. */
static conv_shape join_groups(const conv_shape *s, int lanes)
{
    enum { MOST = 32 };
    conv_shape wide = *s;
    const int in = s->c_in / s->groups, out = s->c_out / s->groups;
    if (s->joined || s->src_plain || conv_fills_blocks(s, lanes) || (in == 1 && out == 1))
        return wide;
    wide.file_groups = s->groups;
    for (int k = 2; k <= conv_min(s->groups, MOST); k++) {
        wide.joined = k;
        wide.groups = conv_ceil_div(s->groups, k);
        wide.c_in = wide.groups * k * in;
        wide.c_out = wide.groups * k * out;
        if (conv_fills_blocks(&wide, lanes) && conv_ceil_div(wide.c_in, lanes) == conv_ceil_div(s->c_in, lanes) &&
            conv_ceil_div(wide.c_out, lanes) == conv_ceil_div(s->c_out, lanes))
            return wide;
    }
    return *s;
}

bool conv_choose(const cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan)
{
    if (!conv_is_reasonable(shape))
        return false;
    const conv_shape wide = join_groups(shape, kernels->block);
    shape = &wide;
    *plan = (conv_plan){ .shape = wide, .block = kernels->block, .kernels = kernels };
    assert(kernels->block == kernels->conv.units->lanes);
    return conv_choose_phases(kernels, shape, plan) || conv_choose_first(kernels, shape, plan) ||
           conv_choose_depthwise(kernels, shape, plan) || conv_choose_winograd(kernels, shape, plan) ||
           conv_choose_taps(kernels, shape, plan) || conv_choose_strassen(kernels, shape, plan) ||
           conv_choose_direct(kernels, shape, plan);
}

void conv_pack(const conv_plan *plan, const float *weights, void *packed)
{
    plan->pack(plan, weights, packed);
}

/* Cycles of one input of the sum for P pixels x F filter blocks: bound by two multiply-adds or two loads per cycle, and
 * by the latency of 4 where accumulators are few; a broadcast folds into a lone multiply-add but still loads. */
static double tile_cycles(int filters, int pixels)
{
    double arithmetic = filters * pixels / 2.0, loads = (filters + pixels) / 2.0;
    double cycles = arithmetic > loads ? arithmetic : loads;
    cycles *= filters == 1 ? 1.08 : 1; /* measured, AVX-512: a single block waits for its loads */
    return (cycles < 4 ? 4 : cycles) + 0.15;
}

double conv_near_bytes(void)
{
    long bytes = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
    bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    const double least = 256 << 10, most = 2 << 20;
    double cache = bytes <= 0 ? 512 << 10 : (double)bytes; /* not told: a small core's */
    return 0.8 * (cache < least ? least : cache > most ? most : cache);
}

static double group_cost(const conv_tile_set *set, int filters, int n)
{
    int tiles = conv_ceil_div(n, set->pixels[filters - 1]);
    int size = n / tiles, larger = n % tiles;
    double cycles = (tiles - larger) * tile_cycles(filters, size);
    return larger ? cycles + larger * tile_cycles(filters, size + 1) : cycles;
}

double conv_tile_cost(const conv_tile_set *set, int filters, int blocks, int n)
{
    int groups = conv_ceil_div(blocks, filters);
    int size = blocks / groups, larger = blocks % groups;
    double cycles = (groups - larger) * group_cost(set, size, n);
    if (larger)
        cycles += larger * group_cost(set, size + 1, n);
    return cycles / n;
}

int conv_best_filters(const conv_tile_set *set, int blocks, int n)
{
    int best = 1;
    double best_cost = 0;
    for (int filters = 1; filters <= conv_min(set->filters, blocks); filters++) {
        double cost = conv_tile_cost(set, filters, blocks, n);
        if (filters == 1 || cost <= best_cost * 1.001) {
            best = filters;
            best_cost = cost;
        }
    }
    return conv_ceil_div(blocks, conv_ceil_div(blocks, best)); /* as many as the largest group has */
}

/* Blocks that share tiles with half a one: few enough for as many accumulators as others have. */
static int blocks_with_half(int blocks)
{
    return blocks < 4 ? blocks : 2;
}

conv_filters conv_filters_of(int channels, int lanes, int filters)
{
    const int blocks = conv_ceil_div(channels, lanes), most = filters % CONV_HALVED;
    const int halved = filters >= CONV_HALVED ? blocks_with_half(blocks) : 0;
    return (conv_filters){ blocks, conv_ceil_div(blocks - halved, most) + (halved > 0), conv_max(most, halved),
                           halved };
}

float *conv_pack_inputs(const conv_filters *f, int i, int lanes, conv_file file, int convolution, conv_range inputs,
                        int tap, float *to)
{
    const int first = conv_filter_group(f, i).begin * lanes, width = conv_filter_floats(f, i, lanes);
    const int halved = conv_filter_halved(f, i); /* two inputs follow each other */
    for (int c = inputs.begin; c < inputs.end; c += 1 + halved)
        for (int k = 0; k < width << halved; k++, to++) {
            const float *from = conv_file_taps(&file, convolution, first + (k >> halved), c + (k & halved));
            *to = 0;
            if (from) /* weights may lie anywhere in a file: no plain load */
                memcpy(to, from + tap, sizeof(*to));
        }
    return to;
}

int conv_best_halved(const conv_units *units, const conv_shape *s, int n)
{
    enum { FEW = 8 }; /* then a group more would wait for its own sums */
    const int blocks = conv_ceil_div(s->c_out, units->lanes), last = s->c_out - (blocks - 1) * units->lanes;
    const int whole = blocks - blocks_with_half(blocks);
    if (s->exact || units->halved.filters == 0 || blocks < 2 || last > units->lanes / 2 || s->h_out * s->w_out < FEW)
        return conv_best_filters(&units->unit, blocks, n);
    return CONV_HALVED + (whole > 0 ? conv_best_filters(&units->unit, whole, n) : 1);
}

double conv_halved_cost(const conv_units *units, const conv_filters *f, int n)
{
    const int whole = f->blocks - f->halved;
    const double part = f->halved ? 1 - 0.5 / f->halved : 0; /* of the first group's lanes */
    return (whole > 0 ? conv_tile_cost(&units->unit, f->most, whole, n) : 0) +
           (f->halved ? part * conv_tile_cost(&units->halved, f->halved, f->halved, n) : 0);
}

double conv_balance(int items, int item_cuts, int groups, int group_cuts, int threads)
{
    enum { MOST = 64 };
    double busy[MOST] = { 0 }, most = 0;
    threads = conv_max(1, conv_min(threads, MOST));
    if (threads == 1)
        return 1;
    for (int i = 0; i < group_cuts; i++)
        for (int j = 0; j < item_cuts; j++) {
            conv_range some = conv_cut(groups, group_cuts, i), part = conv_cut(items, item_cuts, j);
            int idle = 0;
            for (int t = 1; t < threads; t++)
                if (busy[t] < busy[idle])
                    idle = t;
            busy[idle] += (double)(some.end - some.begin) * (part.end - part.begin);
            most = busy[idle] > most ? busy[idle] : most;
        }
    return (double)items * groups / (most * threads);
}
