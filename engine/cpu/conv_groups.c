/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Filter blocks in groups, as register tiles take them: the cost model of tiles, by which algorithms and cuts are
 * chosen, and the weights of a group. */
#include <string.h>
#include <unistd.h>

#include "cpu/conv_private.h"

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
