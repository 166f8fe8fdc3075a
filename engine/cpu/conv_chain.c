/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Chains of thin layers. A part is a range of the last layer's rows. Every layer but the last writes into a ring of
 * rows, row y at place y % held, and is asked for rows by the one behind it, a few at a time; so nothing is computed
 * twice within a part. */
#include <string.h>

#include "cpu/conv_chain.h"
#include "cpu/pack_form.h"
#include "cpu/conv_private.h"

/* The 1x1's input of a line that several filter groups read; pixels between the planes of a ring, against equal places
 * in the caches; rows of the last layer at once. */
enum { LINE_BYTES = 128 * 1024, PLANE_GAP = 20, MOST_ROWS = 8 };

/* Of the near cache, what rings may take: the rest is for weights and for what streams in and out. Part of the work
 * that may be done twice. */
static const double RING_SHARE = 0.7, TWICE_MOST = 0.08;

/* ---- links ---- */

bool conv_link_first(const conv_plan *plan, conv_link *link)
{
    *link = (conv_link){ .kind = CONV_LINK_FIRST, .plan = *plan };
    return plan->run_rows != NULL;
}

bool conv_link_point(const cpu_kernels *kernels, const conv_shape *shape, conv_link *link)
{
    const conv_units *units = kernels->conv.units;
    const int line = conv_min(60, shape->w_out * 4);
    *link = (conv_link){ .kind = CONV_LINK_POINT,
                         .plan = { .shape = *shape, .block = kernels->block, .kernels = kernels } };
    /* Chains do as the direct algorithm does, whatever the layer alone would take. */
    if (!conv_is_reasonable(shape) || !conv_is_line(shape) || shape->groups != 1 ||
        !conv_choose_direct(kernels, shape, &link->plan))
        return false;
    link->filters = conv_best_halved(units, shape, line);
    const conv_filters filters = conv_filters_of(shape->c_out, units->lanes, link->filters);
    link->plan.packed_bytes =
        (size_t)(conv_summed_channels(shape->c_in) * conv_filter_all(&filters, units->lanes)) * sizeof(float);
    link->plan.scratch_bytes = 0;
    return true;
}

bool conv_link_depthwise(const cpu_kernels *kernels, const conv_shape *shape, conv_link *link)
{
    *link = (conv_link){ .kind = CONV_LINK_DEPTHWISE };
    return shape->groups == shape->c_in && shape->c_in > 1 && conv_choose(kernels, shape, &link->plan) &&
           link->plan.run_rows;
}

bool conv_link_pool(const cpu_kernels *kernels, const conv_shape *shape, conv_link *link)
{
    const int blocks = conv_ceil_div(shape->c_out, kernels->block);
    *link =
        (conv_link){ .kind = CONV_LINK_POOL, .plan = { .shape = *shape, .block = kernels->block, .kernels = kernels } };
    link->plan.cycles = (double)shape->kernel_h * shape->kernel_w * 2 * blocks * shape->h_out * shape->w_out;
    return kernels->pool.max_row && shape->kernel_h <= POOL_MOST_ROWS;
}

bool conv_link_sum(const cpu_kernels *kernels, int channels, int h, int w, conv_link *link)
{
    const conv_shape shape = { .c_in = channels,
                               .c_out = channels,
                               .groups = channels,
                               .h_in = h,
                               .w_in = w,
                               .h_out = h,
                               .w_out = w,
                               .kernel_h = 1,
                               .kernel_w = 1,
                               .stride_h = 1,
                               .stride_w = 1,
                               .dilation_h = 1,
                               .dilation_w = 1 };
    *link =
        (conv_link){ .kind = CONV_LINK_SUM, .plan = { .shape = shape, .block = kernels->block, .kernels = kernels } };
    link->plan.cycles = 4.0 * conv_ceil_div(channels, kernels->block) * h * w;
    return kernels->resize.nearest != NULL;
}

void conv_link_pack_form(const conv_link *link, conv_link *form)
{
    memset(form, 0, sizeof(*form));
    form->kind = link->kind;
    if (link->kind == CONV_LINK_FIRST || link->kind == CONV_LINK_DEPTHWISE) {
        conv_pack_form(&link->plan, &form->plan);
        return;
    }
    form->plan.shape.c_in = link->plan.shape.c_in;
    form->plan.shape.c_out = link->plan.shape.c_out;
    form->plan.shape.groups = form->plan.shape.kernel_h = form->plan.shape.kernel_w = 1;
    form->plan.block = link->plan.block;
    form->filters = link->filters;
}

/* [filter group], as conv_pack_inputs. */
static void pack_point(const conv_link *link, const float *weights, float *to)
{
    const int lanes = link->plan.block;
    const conv_filters filters = conv_filters_of(link->plan.shape.c_out, lanes, link->filters);
    const conv_file file = conv_file_of(&link->plan.shape, weights);
    const conv_range inputs = { 0, conv_summed_channels(link->plan.shape.c_in) };
    for (int q = 0; q < filters.groups; q++)
        to = conv_pack_inputs(&filters, q, lanes, file, 0, inputs, 0, to);
}

void conv_link_pack(const conv_link *link, const float *weights, void *packed)
{
    if (link->kind == CONV_LINK_POINT)
        pack_point(link, weights, packed);
    else
        conv_pack(&link->plan, weights, packed);
}

/* ---- the chain ---- */

/* Rows of the input, before they are cut at the image's borders. */
static conv_range input_rows(const conv_shape *s, conv_range out)
{
    return (conv_range){ out.begin * s->stride_h - s->pad_top,
                         (out.end - 1) * s->stride_h - s->pad_top + (s->kernel_h - 1) * s->dilation_h + 1 };
}

static ptrdiff_t ring_plane(const conv_link *link)
{
    return (ptrdiff_t)link->held * link->plan.shape.w_out + PLANE_GAP;
}

static size_t ring_bytes(const conv_link *link)
{
    const size_t blocks = (size_t)conv_ceil_div(link->plan.shape.c_out, link->plan.block);
    return conv_round_bytes(blocks * (size_t)ring_plane(link) * (size_t)link->plan.block * sizeof(float));
}

static bool has_ring(const conv_chain *chain, int i)
{
    return i + 1 < chain->count && !chain->links[i + 1].joined;
}

/* Rows that a link computes at once. */
static int grain_of(const conv_link *link)
{
    return link->kind == CONV_LINK_FIRST ? conv_max(1, link->plan.grain) : 1;
}

static int round_rows(const conv_link *link, int rows)
{
    const int grain = grain_of(link);
    return conv_min(conv_ceil_div(rows, grain) * grain, link->plan.shape.h_out);
}

/* Sets the rows of every link for `rows` of the last; what the rings then take. */
static size_t set_rows(conv_chain *chain, int rows)
{
    size_t bytes = 0;
    for (int i = chain->count - 1; i >= 0; i--) {
        conv_link *link = &chain->links[i];
        link->step = link->held = round_rows(link, rows);
        if (i < chain->count - 1) {
            const conv_range range = input_rows(&link[1].plan.shape, (conv_range){ 0, link[1].step });
            link->held = round_rows(link, range.end - range.begin + grain_of(link) - 1);
            bytes += has_ring(chain, i) ? ring_bytes(link) : 0;
        }
        rows = link->step * link->plan.shape.stride_h;
    }
    return bytes;
}

/* Part of the work that is done again for every further part, by estimate. */
static double twice(const conv_chain *chain)
{
    double again = 0, all = 0;
    int overlap = 0; /* rows of a link that two parts compute */
    for (int i = chain->count - 1; i >= 0; i--) {
        const conv_plan *plan = &chain->links[i].plan;
        const conv_shape *s = &plan->shape;
        again += plan->cycles * overlap / s->h_out;
        all += plan->cycles;
        overlap = conv_max(0, (overlap - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1);
    }
    return again / all;
}

static bool follows(const conv_link *a, const conv_link *b)
{
    const conv_shape *from = &a->plan.shape, *to = &b->plan.shape;
    return from->c_out == to->c_in && from->h_out == to->h_in && from->w_out == to->w_in && !to->src_plain &&
           a->plan.kernels == b->plan.kernels;
}

/* Windows of a maximum pool that do not overlap are done with the depthwise convolution in front. */
static bool can_join(const conv_link *depthwise, const conv_link *pool)
{
    const conv_shape *s = &pool->plan.shape;
    const int size = s->kernel_h;
    return depthwise->kind == CONV_LINK_DEPTHWISE && pool->kind == CONV_LINK_POOL && size <= depthwise->plan.pools &&
           s->kernel_w == size && s->stride_h == size && s->stride_w == size && s->dilation_h == 1 &&
           s->dilation_w == 1 && s->pad_top == 0 && s->pad_left == 0 && s->h_out == s->h_in / size &&
           s->w_out == s->w_in / size;
}

/* Depthwise convolutions are slow by single rows. */
static bool by_pairs(const conv_chain *chain)
{
    for (int i = 0; i < chain->count; i++)
        if (chain->links[i].kind == CONV_LINK_DEPTHWISE && chain->links[i].step < 2 &&
            chain->links[i].plan.shape.h_out > 1)
            return false;
    return true;
}

/* Weights that have no room beside the rings are read again for every few rows, and push these out: that must be less
 * than what the links would write and read, one after the other. */
static bool reads_less(const conv_chain *chain, size_t rings)
{
    const conv_link *last = &chain->links[chain->count - 1];
    double weights = 0, between = 0;
    for (int i = 0; i < chain->count; i++) {
        const conv_plan *plan = &chain->links[i].plan;
        const int blocks = conv_ceil_div(plan->shape.c_out, plan->block);
        weights += (double)plan->packed_bytes;
        if (has_ring(chain, i))
            between += 2.0 * (double)sizeof(float) * blocks * plan->block * plan->shape.h_out * plan->shape.w_out;
    }
    return weights + (double)rings <= conv_near_bytes() ||
           weights * (conv_ceil_div(last->plan.shape.h_out, last->step) - 1) <= between;
}

bool conv_chain_choose(const conv_link *links, int count, int threads, conv_chain *chain)
{
    assert(count >= 2 && count <= CONV_CHAIN_MOST);
    *chain = (conv_chain){ .count = count };
    for (int i = 0; i < count; i++) {
        chain->links[i] = links[i];
        if (i > 0 && !follows(&links[i - 1], &links[i]))
            return false;
        chain->links[i].joined = i > 0 && can_join(&links[i - 1], &links[i]);
        if (chain->scratch_bytes < conv_round_bytes(links[i].plan.scratch_bytes))
            chain->scratch_bytes = conv_round_bytes(links[i].plan.scratch_bytes);
    }
    int rows = MOST_ROWS;
    while (rows > 1 && (double)set_rows(chain, rows) > RING_SHARE * conv_near_bytes())
        rows /= 2;
    const size_t rings = set_rows(chain, rows);
    chain->scratch_bytes += rings;
    chain->parts = threads > 1 ? conv_min(2 * threads, links[count - 1].plan.shape.h_out) : 1;
    if ((chain->parts - 1) * twice(chain) > TWICE_MOST)
        chain->parts = conv_min(threads, chain->parts);
    return (double)rings <= RING_SHARE * conv_near_bytes() && by_pairs(chain) && reads_less(chain, rings);
}

/* ---- a run ---- */

typedef struct chain_run {
    const conv_chain *chain;
    const conv_arguments *arguments;
    char *scratch;                /* of the links' own */
    float *ring[CONV_CHAIN_MOST]; /* what a link writes */
    int done[CONV_CHAIN_MOST];    /* the row that a link computes next */
} chain_run;

/* Where rows of a tensor lie: the whole image, or a ring. */
typedef struct rows_at {
    const float *data;
    ptrdiff_t row, plane; /* floats */
    int held;             /* 0: all */
    conv_band band;
} rows_at;

static rows_at output_of(const chain_run *r, int i)
{
    const conv_link *link = &r->chain->links[i];
    const conv_shape *s = &link->plan.shape;
    const int lanes = link->plan.block;
    const ptrdiff_t row = (ptrdiff_t)s->w_out * lanes;
    if (i == r->chain->count - 1)
        return (rows_at){ .data = r->arguments[i].dst, .row = row, .plane = row * s->h_out };
    return (rows_at){ .data = r->ring[i],
                      .row = row,
                      .plane = ring_plane(link) * lanes,
                      .held = link->held,
                      .band = { .rows = link->held, .gap = PLANE_GAP, .cyclic = true } };
}

static rows_at input_of(const chain_run *r, int i)
{
    const conv_shape *s = &r->chain->links[0].plan.shape;
    const ptrdiff_t row = (ptrdiff_t)s->w_in * r->chain->links[0].plan.block;
    if (i > 0)
        return output_of(r, i - 1);
    return (rows_at){ .data = r->arguments[0].src, .row = row, .plane = row * s->h_in };
}

static const float *row_at(const rows_at *t, int y)
{
    return t->data + (t->held ? y % t->held : y) * t->row;
}

/* The end of the rows from y on, at most `end`, that lie behind each other. */
static int run_of(const rows_at *t, int y, int end)
{
    return t->held ? conv_min(end, y - y % t->held + t->held) : end;
}

/* Convolutions that have a plan of their own: the first, and depthwise ones, perhaps with the pool behind; rows of the
 * convolution. */
static void run_plan(const chain_run *r, int i, conv_range rows, int pooled)
{
    const conv_plan *plan = &r->chain->links[i].plan;
    const rows_at from = input_of(r, i), to = output_of(r, pooled ? i + 1 : i);
    conv_arguments a = r->arguments[i];
    a.src = from.data;
    a.dst = (float *)to.data;
    a.residual = NULL;
    a.src_band = from.band;
    a.dst_band = to.band;
    a.pooled = pooled;
    if (r->chain->links[i].kind == CONV_LINK_DEPTHWISE) {
        plan->run_rows(plan, &a, rows.begin, rows.end, r->scratch);
        return;
    }
    a.dst_band.cyclic = false;
    for (int y = rows.begin, end; y < rows.end; y = end) {
        end = run_of(&to, y, rows.end);
        a.dst_band.first = to.held ? y - y % to.held : 0;
        plan->run_rows(plan, &a, y, end, r->scratch);
    }
}

/* n pixels from src on, by all filters. */
static void run_line(const conv_link *link, const conv_arguments *a, const conv_tile *tile, eltwise_act_f32 *act,
                     const float *src, float *dst, int n)
{
    const conv_units *units = link->plan.kernels->conv.units;
    const int lanes = link->plan.block;
    const conv_filters filters = conv_filters_of(link->plan.shape.c_out, lanes, link->filters);
    const float *weights = a->packed;
    for (int q = 0; q < filters.groups; q++) {
        const conv_range blocks = conv_filter_group(&filters, q);
        conv_run_line(conv_filter_halved(&filters, q) ? &units->halved : &units->unit, blocks.end - blocks.begin, tile,
                      src, weights, a->bias + blocks.begin * lanes, NULL, dst + blocks.begin * tile->dst_block_stride,
                      n, lanes);
        weights += conv_summed_channels(link->plan.shape.c_in) * conv_filter_floats(&filters, q, lanes);
    }
    for (int block = 0; block < filters.blocks && act; block++) {
        float *plane = dst + block * tile->dst_block_stride;
        act(plane, plane, (size_t)(n * lanes), a->activation.a, a->activation.b);
    }
}

/* Pixels of a line: whole tiles; as many as there are where all filters are one group. */
static int line_pixels(const conv_link *link)
{
    const conv_shape *s = &link->plan.shape;
    const int tile = link->plan.kernels->conv.units->unit.pixels[link->filters % CONV_HALVED - 1];
    if (conv_filters_of(s->c_out, link->plan.block, link->filters).groups == 1)
        return s->h_out * s->w_out;
    return conv_ceil_div(LINE_BYTES / (int)sizeof(float) / conv_summed_channels(s->c_in), tile) * tile;
}

static void run_point(const chain_run *r, int i, conv_range rows)
{
    const conv_link *link = &r->chain->links[i];
    const conv_shape *s = &link->plan.shape;
    const conv_arguments *a = &r->arguments[i];
    const rows_at from = input_of(r, i), to = output_of(r, i);
    const int most = line_pixels(link);
    const int lanes = link->plan.block, summed = conv_summed_channels(s->c_in);
    conv_tile tile = { .blocks = conv_ceil_div(s->c_in, lanes),
                       .taps_h = 1,
                       .taps_w = 1,
                       .inner = lanes,
                       .inner_last = conv_last_block(summed, lanes),
                       .block_stride = from.plane,
                       .row_stride = from.row,
                       .tap_stride = lanes,
                       .step = lanes,
                       .dst_block_stride = to.plane,
                       .residual_block_stride = to.plane };
    eltwise_act_f32 *act = conv_split_activation(link->plan.kernels, a, &tile.epilogue);
    for (int y = rows.begin, end; y < rows.end; y = end) {
        end = run_of(&to, y, run_of(&from, y, rows.end));
        const int pixels = (end - y) * s->w_out;
        for (int x = 0; x < pixels; x += most)
            run_line(link, a, &tile, act, row_at(&from, y) + (ptrdiff_t)x * lanes,
                     (float *)row_at(&to, y) + (ptrdiff_t)x * lanes, conv_min(most, pixels - x));
    }
}

static void run_pool(const chain_run *r, int i, conv_range rows)
{
    const conv_plan *plan = &r->chain->links[i].plan;
    const conv_shape *s = &plan->shape;
    const rows_at from = input_of(r, i), to = output_of(r, i);
    const pool_shape shape = { .block = plan->block,
                               .w_in = s->w_in,
                               .w_out = s->w_out,
                               .kernel_w = s->kernel_w,
                               .stride_w = s->stride_w,
                               .dilation_w = s->dilation_w,
                               .pad_left = s->pad_left };
    const float *taps[POOL_MOST_ROWS];
    for (int block = 0; block < conv_ceil_div(s->c_out, plan->block); block++)
        for (int y = rows.begin; y < rows.end; y++) {
            int count = 0;
            for (int k = 0; k < s->kernel_h; k++) {
                const int at = y * s->stride_h - s->pad_top + k * s->dilation_h;
                if (at >= 0 && at < s->h_in)
                    taps[count++] = row_at(&from, at) + block * from.plane;
            }
            plan->kernels->pool.max_row(&shape, taps, count, (float *)row_at(&to, y) + block * to.plane);
        }
}

static void run_sum(const chain_run *r, int i, conv_range rows)
{
    const conv_link *link = &r->chain->links[i];
    const conv_shape *s = &link->plan.shape;
    const resize_tables *nearest = &link->nearest;
    const cpu_kernels *kernels = link->plan.kernels;
    const int lanes = link->plan.block, h = nearest->rows ? nearest->shape.h_in : s->h_in;
    const ptrdiff_t row = (ptrdiff_t)(nearest->rows ? nearest->shape.w_in : s->w_in) * lanes;
    const rows_at from = input_of(r, i), to = output_of(r, i);
    for (int y = rows.begin, end; y < rows.end; y = end) {
        end = run_of(&to, y, rows.end);
        for (int block = 0; block < conv_ceil_div(s->c_out, lanes); block++) {
            const float *a = row_at(&from, y) + block * from.plane, *b = r->arguments[i].residual + block * h * row;
            float *sum = (float *)row_at(&to, y) + block * to.plane;
            if (nearest->rows)
                kernels->resize.nearest(&nearest->shape, b, sum, nearest->rows + y, nearest->columns, 0, 0, end - y);
            kernels->eltwise.binary[CPU_BINARY_ADD](a, 1, nearest->rows ? sum : b + y * row, 1, sum,
                                                    (size_t)(end - y) * (size_t)s->w_out * (size_t)lanes);
        }
    }
}

static void run_link(const chain_run *r, int i, conv_range rows)
{
    const conv_link *link = &r->chain->links[i];
    if (link->kind == CONV_LINK_POINT)
        run_point(r, i, rows);
    else if (link->joined)
        run_plan(r, i - 1, input_rows(&link->plan.shape, rows), link->plan.shape.kernel_h);
    else if (link->kind == CONV_LINK_POOL)
        run_pool(r, i, rows);
    else if (link->kind == CONV_LINK_SUM)
        run_sum(r, i, rows);
    else
        run_plan(r, i, rows, 0);
}

/* Has link i compute its rows up to `end`, and those before it what that needs. */
static void advance(chain_run *r, int i, int end)
{
    const conv_link *link = &r->chain->links[i];
    const int first = link->joined ? i - 1 : i, grain = grain_of(link);
    end = round_rows(link, end);
    while (r->done[i] < end) {
        const int next = r->done[i] + conv_max(link->step, grain); /* a step is less where the image has fewer rows */
        const conv_range rows = { r->done[i], conv_min(end, next - next % grain) };
        if (first > 0) {
            const conv_range own = first < i ? input_rows(&link->plan.shape, rows) : rows;
            const conv_shape *s = &r->chain->links[first].plan.shape;
            advance(r, first - 1, conv_min(input_rows(s, own).end, s->h_in));
        }
        run_link(r, i, rows);
        r->done[i] = rows.end;
    }
}

void conv_chain_run(const conv_chain *chain, const conv_arguments *arguments, int part, void *scratch)
{
    chain_run r = { .chain = chain, .arguments = arguments, .scratch = scratch };
    const int last = chain->count - 1;
    const conv_range rows = conv_cut(chain->links[last].plan.shape.h_out, chain->parts, part);
    conv_range needed = rows;
    for (int i = last; i >= 0; i--) {
        const int height = chain->links[i].plan.shape.h_out;
        r.done[i] = conv_max(0, conv_min(needed.begin, height));
        needed = input_rows(&chain->links[i].plan.shape, (conv_range){ r.done[i], r.done[i] + 1 });
        if (has_ring(chain, i)) {
            r.ring[i] = (float *)r.scratch;
            r.scratch += ring_bytes(&chain->links[i]);
        }
    }
    advance(&r, last, rows.end);
}
