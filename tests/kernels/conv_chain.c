/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Chains of thin layers of one kernel table: the same bits as one layer after the other (which test_conv and test_pool
 * hold against double), at odd sizes, with guard pages, parts in any order, rings full of NaN. */
#include "cpu/conv_chain.h"
#include "conv_oracle.h"

enum { MAX_BYTES = 24 << 20 };

static guarded_region region_src, region_dst, region_scratch;

typedef struct layer {
    conv_link link;
    conv_shape shape;
    conv_plan plan;    /* alone; none of a pool or sum */
    void *packed[2];   /* in the chain, alone */
    float *bias, *out; /* out: of the layer alone */
    float *residual;   /* of a sum */
    int *tables;       /* rows, then columns of what it resizes */
    cpu_activation activation;
} layer;

/* A layer that takes c channels of h x w: 1x1, depthwise or pool; dense 3x3 where it may be the first. */
static conv_shape random_layer(conv_link_kind kind, int c, int h, int w)
{
    conv_shape s = conv_oracle_point(c, c, h, w);
    s.exact = kind != CONV_LINK_POINT || oracle_int(0, 1);
    if (kind == CONV_LINK_POINT || kind == CONV_LINK_FIRST)
        s.c_out = oracle_int(2, 70);
    else
        s.groups = c;
    if (kind != CONV_LINK_POINT && kind != CONV_LINK_SUM) {
        s.kernel_h = oracle_int(0, 2) ? 3 : oracle_int(1, 5);
        s.kernel_w = oracle_int(0, 2) ? s.kernel_h : oracle_int(1, 5);
        s.stride_h = oracle_int(1, 2);
        s.stride_w = oracle_int(1, 2);
        s.dilation_h = oracle_int(0, 5) ? 1 : 2;
        s.dilation_w = kind == CONV_LINK_DEPTHWISE && oracle_int(0, 3) == 0 ? 2 : 1;
        s.pad_top = oracle_int(0, s.kernel_h / 2);
        s.pad_left = oracle_int(0, s.kernel_w / 2);
        s.src_plain = kind == CONV_LINK_FIRST && c <= 4;
    }
    if (s.src_plain && h >= 8 && w >= 8 && oracle_int(0, 1)) { /* tiles of four rows */
        s.kernel_h = s.kernel_w = oracle_int(4, 8);
        s.stride_h = s.stride_w = 2;
        s.dilation_h = 1;
        s.pad_top = s.pad_left = oracle_int(0, s.kernel_h / 2);
        s.exact = false;
    }
    if (kind == CONV_LINK_POOL && oracle_int(0, 1)) { /* windows that do not overlap are joined to what is in front */
        s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = oracle_int(1, 4);
        s.dilation_h = 1;
        s.pad_top = s.pad_left = 0;
    }
    s.h_out = conv_oracle_size(h, s.kernel_h, s.stride_h, s.dilation_h, 2 * s.pad_top);
    s.w_out = conv_oracle_size(w, s.kernel_w, s.stride_w, s.dilation_w, 2 * s.pad_left);
    return s;
}

static pool_shape pool_of(const cpu_kernels *kernels, const conv_shape *s)
{
    return (pool_shape){ .channel_blocks = (s->c_in + kernels->block - 1) / kernels->block,
                         .block = kernels->block,
                         .h_in = s->h_in,
                         .w_in = s->w_in,
                         .h_out = s->h_out,
                         .w_out = s->w_out,
                         .kernel_h = s->kernel_h,
                         .kernel_w = s->kernel_w,
                         .stride_h = s->stride_h,
                         .stride_w = s->stride_w,
                         .dilation_h = s->dilation_h,
                         .dilation_w = s->dilation_w,
                         .pad_top = s->pad_top,
                         .pad_left = s->pad_left };
}

static bool make_link(const cpu_kernels *kernels, conv_link_kind kind, layer *l)
{
    switch (kind) {
    case CONV_LINK_FIRST:
        return conv_link_first(&l->plan, &l->link);
    case CONV_LINK_POINT:
        return conv_link_point(kernels, &l->shape, &l->link);
    case CONV_LINK_DEPTHWISE:
        return conv_link_depthwise(kernels, &l->shape, &l->link);
    case CONV_LINK_POOL:
        return conv_link_pool(kernels, &l->shape, &l->link);
    case CONV_LINK_SUM:
        return conv_link_sum(kernels, l->shape.c_in, l->shape.h_in, l->shape.w_in, &l->link);
    }
    return false;
}

/* Makes the layer, and runs it alone. */
static bool make_layer(const cpu_kernels *kernels, conv_link_kind kind, const conv_shape *s, const float *src, layer *l)
{
    l->shape = *s;
    l->out = conv_oracle_floats(conv_oracle_blocked(s->c_out, kernels->block, s->h_out, s->w_out), 0, 0);
    if (kind != CONV_LINK_POOL &&
        !CHECK(conv_choose(kernels, s, &l->plan), "%s: refused %s", kernels->name, conv_oracle_text(s)))
        return false;
    if (kind == CONV_LINK_FIRST && !l->plan.run_rows)
        return false;
    if (!CHECK(make_link(kernels, kind, l), "%s: no link of %s", kernels->name, conv_oracle_text(s)))
        return false;
    if (kind == CONV_LINK_POOL) {
        const pool_shape pool = pool_of(kernels, s);
        void *scratch = malloc(pool_scratch_bytes(&pool));
        for (int block = 0; block < pool.channel_blocks; block++)
            kernels->pool.max(&pool, src, l->out, block, scratch);
        free(scratch);
        return true;
    }
    float *weights =
        conv_oracle_floats((size_t)s->c_out * (size_t)(s->c_in / s->groups * s->kernel_h * s->kernel_w), -1, 1);
    float *scratch = conv_oracle_floats(l->plan.scratch_bytes / sizeof(float) + 1, 0, 0);
    l->bias = conv_oracle_floats((size_t)(s->c_out + 15) / 16 * 16, -1, 1);
    l->packed[0] = conv_oracle_floats(l->link.plan.packed_bytes / sizeof(float), 0, 0);
    l->packed[1] = conv_oracle_floats(l->plan.packed_bytes / sizeof(float), 0, 0);
    l->activation = conv_oracle_activation();
    conv_link form;
    conv_link_pack_form(&l->link, &form);
    conv_link_pack(&form, weights, l->packed[0]);
    conv_pack(&l->plan, weights, l->packed[1]);
    const conv_arguments a = {
        .src = src, .dst = l->out, .packed = l->packed[1], .bias = l->bias, .activation = l->activation
    };
    for (int part = 0; part < l->plan.parts; part++)
        l->plan.run(&l->plan, &a, part, scratch);
    free(scratch);
    free(weights);
    return true;
}

/* A sum with an image of the same size, or one that is resized: by two, or in any other way. */
static bool make_sum(const cpu_kernels *kernels, const conv_shape *s, const float *src, layer *l)
{
    const bool resized = oracle_int(0, 2), twice = oracle_int(0, 1);
    const int h = s->h_in, w = s->w_in, block = kernels->block, blocks = (s->c_in + block - 1) / block;
    const int h_in = !resized ? h : twice ? (h + 1) / 2 : oracle_int(1, h);
    const int w_in = !resized ? w : twice ? (w + 1) / 2 : oracle_int(1, w);
    l->shape = *s;
    l->out = conv_oracle_floats(conv_oracle_blocked(s->c_in, kernels->block, h, w), 0, 0);
    l->residual = conv_oracle_floats(conv_oracle_blocked(s->c_in, kernels->block, h_in, w_in), -1, 1);
    l->tables = malloc(sizeof(int) * (size_t)(h + w));
    for (int y = 0; y < h; y++)
        l->tables[y] = twice || !resized ? y * h_in / h : oracle_int(0, h_in - 1);
    for (int x = 0; x < w; x++)
        l->tables[h + x] = twice || !resized ? x * w_in / w : oracle_int(0, w_in - 1);
    for (int at = 0, i = 0; i < blocks * h * w; i++)
        for (int lane = 0; lane < block; lane++, at++) {
            const int y = l->tables[i / w % h], x = l->tables[h + i % w];
            l->out[at] = src[at] + l->residual[((i / (h * w) * h_in + y) * w_in + x) * block + lane];
        }
    if (!CHECK(make_link(kernels, CONV_LINK_SUM, l), "%s: no sum", kernels->name))
        return false;
    if (resized)
        l->link.nearest = (resize_tables){ { blocks, block, h_in, w_in, h, w }, l->tables, l->tables + h };
    return true;
}

static void run_chain(const cpu_kernels *kernels, const layer *layers, int count, const float *src, int threads)
{
    const conv_shape *last = &layers[count - 1].shape;
    const size_t floats = conv_oracle_blocked(last->c_out, kernels->block, last->h_out, last->w_out);
    conv_link links[CONV_CHAIN_MOST];
    conv_arguments arguments[CONV_CHAIN_MOST] = { 0 };
    conv_chain chain;
    for (int i = 0; i < count; i++) {
        links[i] = layers[i].link;
        arguments[i] = (conv_arguments){ .packed = layers[i].packed[0],
                                         .bias = layers[i].bias,
                                         .residual = layers[i].residual,
                                         .activation = layers[i].activation };
    }
    if (!conv_chain_choose(links, count, threads, &chain)) {
        check_skipped++;
        return;
    }
    if (!CHECK(chain.scratch_bytes <= MAX_BYTES && floats * sizeof(float) <= MAX_BYTES, "%s: too large for the test",
               kernels->name))
        return;
    float *scratch = guarded(&region_scratch, (chain.scratch_bytes + 63) & ~(size_t)63);
    float *dst = guarded(&region_dst, (floats * sizeof(float) + 63) & ~(size_t)63);
    for (size_t i = 0; i < chain.scratch_bytes / sizeof(float); i++)
        scratch[i] = NAN;
    arguments[0].src = src;
    arguments[count - 1].dst = dst;
    for (int part = chain.parts - 1; part >= 0; part--)
        conv_chain_run(&chain, arguments, part, scratch);
    CHECK(memcmp(dst, layers[count - 1].out, floats * sizeof(float)) == 0,
          "%s: %d layers in %d parts by %d rows differ, last %s", kernels->name, count, chain.parts,
          chain.links[count - 1].step, conv_oracle_text(last));
    CHECK(conv_oracle_intact(dst, floats * sizeof(float)), "%s: %d layers, wrote outside", kernels->name, count);
    CHECK(guarded_front_intact(scratch), "%s: %d layers, wrote in front of scratch", kernels->name, count);
}

static void free_layers(const layer *layers)
{
    for (int i = 0; i < CONV_CHAIN_MOST; i++) {
        free(layers[i].packed[0]);
        free(layers[i].packed[1]);
        free(layers[i].bias);
        free(layers[i].out);
        free(layers[i].residual);
        free(layers[i].tables);
    }
}

static void test_chain(const cpu_kernels *kernels, int count, int c, int h, int w)
{
    layer layers[CONV_CHAIN_MOST] = { 0 };
    const size_t floats = conv_oracle_blocked(c, kernels->block, h, w);
    float *src = guarded(&region_src, (floats * sizeof(float) + 63) & ~(size_t)63);
    oracle_fill_plain(src, floats, -1, 1);
    int made = 0;
    for (; made < count; made++) {
        const conv_link_kind kinds[] = { CONV_LINK_POINT, CONV_LINK_DEPTHWISE, CONV_LINK_POOL };
        conv_link_kind kind = made || oracle_int(0, 1) ? kinds[oracle_int(0, 2)] : CONV_LINK_FIRST;
        if (made == 0 && kind == CONV_LINK_POOL)
            kind = CONV_LINK_POINT;
        if (made == 0 && oracle_int(0, 3) == 0)
            kind = CONV_LINK_SUM;
        const conv_shape s = random_layer(kind, c, h, w);
        if (s.h_out < 1 || s.w_out < 1 || (size_t)s.h_in < 1)
            break;
        if (kind == CONV_LINK_SUM ? !make_sum(kernels, &s, src, &layers[made])
                                  : !make_layer(kernels, kind, &s, made ? layers[made - 1].out : src, &layers[made]))
            break;
        c = s.c_out;
        h = s.h_out;
        w = s.w_out;
    }
    if (made >= 2)
        run_chain(kernels, layers, made, src, oracle_int(1, 3));
    free_layers(layers);
}

/* Windows of size x size that do not overlap, behind a depthwise layer, which does them where it has so many rows. */
static void test_joined(const cpu_kernels *kernels, int size, int c, int h, int w)
{
    static const conv_link_kind kinds[] = { CONV_LINK_DEPTHWISE, CONV_LINK_POOL, CONV_LINK_POINT };
    layer layers[CONV_CHAIN_MOST] = { 0 };
    conv_link links[3];
    conv_chain chain;
    const size_t floats = conv_oracle_blocked(c, kernels->block, h, w);
    float *src = guarded(&region_src, (floats * sizeof(float) + 63) & ~(size_t)63);
    oracle_fill_plain(src, floats, -1, 1);
    bool made = true;
    for (int i = 0; i < 3 && made; i++) {
        conv_shape s = random_layer(kinds[i], c, h, w);
        if (i < 2) {
            s.kernel_h = s.kernel_w = i ? size : 3;
            s.stride_h = s.stride_w = i ? size : 1;
            s.pad_top = s.pad_left = !i;
            s.dilation_h = 1;
            s.h_out = i ? h / size : h;
            s.w_out = i ? w / size : w;
        }
        made = make_layer(kernels, kinds[i], &s, i ? layers[i - 1].out : src, &layers[i]);
        links[i] = layers[i].link;
        h = s.h_out;
        w = s.w_out;
    }
    if (made && CHECK(conv_chain_choose(links, 3, 1, &chain), "%s: no chain with windows of %d", kernels->name, size)) {
        CHECK(chain.links[1].joined == (size <= layers[0].plan.pools), "%s: windows of %d, for %d", kernels->name, size,
              layers[0].plan.pools);
        run_chain(kernels, layers, 3, src, 1);
    }
    free_layers(layers);
}

void test_conv_chain(const cpu_kernels *kernels, int rounds, test_counts *counts)
{
    region_src = guarded_create(MAX_BYTES);
    region_dst = guarded_create(MAX_BYTES);
    region_scratch = guarded_create(MAX_BYTES);
    for (int round = 0; round < rounds; round++)
        test_chain(kernels, oracle_int(2, 7), oracle_int(2, 40), oracle_int(5, 60), oracle_int(5, 60));
    /* so wide that there is room for fewer rows at once */
    for (int round = 0; round < 3; round++)
        test_chain(kernels, 3, oracle_int(30, 40), oracle_int(20, 25), oracle_int(400, 1500));
    for (int size = 2; size <= 5; size++)
        test_joined(kernels, size, oracle_int(2, 40), oracle_int(9, 40), oracle_int(9, 90));
    guarded_free(&region_src);
    guarded_free(&region_dst);
    guarded_free(&region_scratch);
    oracle_report(counts);
}
