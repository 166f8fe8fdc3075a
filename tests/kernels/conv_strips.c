/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Several convolutions of one kernel table strip by strip: the same bits as one after the other (which test_conv holds
 * against double), parts in any order, scratch full of NaN. */
#include "conv_oracle.h"

typedef struct chained {
    conv_plan plan;
    float *weights, *bias, *out; /* out: blocked, whole */
    void *packed, *scratch;
} chained;

/* A shape that takes `c` channels of h x w: 1x1, 3x3 of stride 1 and 2, depthwise; no Winograd but in front of all. */
static conv_shape next_shape(int c, int h, int w, bool first, int threads)
{
    conv_shape s = conv_oracle_point(c, oracle_int(1, 40), h, w);
    s.exact = true;
    s.threads = threads;
    int kind = oracle_int(0, 3); /* 1x1, 3x3, depthwise 3x3, 5x5 */
    if (kind > 0) {
        s.kernel_h = s.kernel_w = kind == 3 ? 5 : 3;
        s.pad_top = s.pad_left = oracle_int(0, s.kernel_h / 2);
        s.stride_h = s.stride_w = oracle_int(0, 5) ? oracle_int(1, 2) : 4; /* rows that nobody needs */
    }
    s.src_plain = first && c <= 4;
    if (s.src_plain && oracle_int(0, 1)) {
        s.kernel_h = s.kernel_w = oracle_int(5, 6);
        s.pad_top = s.pad_left = 2;
        s.stride_h = s.stride_w = 2;
        s.exact = false;
    }
    if (kind == 2 && !s.src_plain && c > 1)
        s.groups = s.c_out = c;
    if (s.groups > 1 && oracle_int(0, 2) == 0) {
        s.dilation_h = oracle_int(1, 3);
        s.dilation_w = oracle_int(1, 3);
        s.stride_h = s.stride_w = 1;
    }
    s.h_out = conv_oracle_size(h, s.kernel_h, s.stride_h, s.dilation_h, 2 * s.pad_top);
    s.w_out = conv_oracle_size(w, s.kernel_w, s.stride_w, s.dilation_w, 2 * s.pad_left);
    return s;
}

static bool make_link(const cpu_kernels *kernels, const conv_shape *s, chained *l)
{
    if (!CHECK(conv_choose(kernels, s, &l->plan) && l->plan.run_rows, "%s: no rows of %s", kernels->name,
               conv_oracle_text(s)))
        return false;
    size_t padded = (size_t)((s->c_out + 15) / 16 * 16);
    l->weights =
        conv_oracle_floats((size_t)s->c_out * (size_t)(s->c_in / s->groups * s->kernel_h * s->kernel_w), -1, 1);
    l->bias = conv_oracle_floats(padded, 0, 0);
    l->out = conv_oracle_floats(conv_oracle_blocked(s->c_out, l->plan.block, s->h_out, s->w_out), 0, 0);
    l->packed = conv_oracle_floats(l->plan.packed_bytes / sizeof(float), 0, 0);
    l->scratch = conv_oracle_floats(l->plan.scratch_bytes / sizeof(float) + 1, 0, 0);
    conv_pack(&l->plan, l->weights, l->packed);
    return true;
}

static void free_link(chained *l)
{
    free(l->weights);
    free(l->bias);
    free(l->out);
    free(l->packed);
    free(l->scratch);
}

/* The same bits as one convolution after the other. */
static void random_chain(const cpu_kernels *kernels)
{
    chained links[CONV_STRIPS_MOST] = { 0 };
    conv_plan plans[CONV_STRIPS_MOST];
    conv_arguments arguments[CONV_STRIPS_MOST];
    conv_strips chain;
    int count = oracle_int(2, CONV_STRIPS_MOST), threads = oracle_int(1, 3);
    int c = oracle_int(0, 1) ? 3 : oracle_int(1, 40), h = oracle_int(9, 40), w = oracle_int(9, 40), made = 0;
    float *src = conv_oracle_floats(conv_oracle_blocked(c, 16, h, w), -1, 1), *other = NULL;
    for (; made < count; made++) {
        conv_shape s = next_shape(c, h, w, made == 0, threads);
        if (s.h_out < 1 || s.w_out < 1 || !make_link(kernels, &s, &links[made]))
            break;
        plans[made] = links[made].plan;
        arguments[made] = (conv_arguments){ .src = made ? links[made - 1].out : src,
                                            .dst = links[made].out,
                                            .packed = links[made].packed,
                                            .bias = links[made].bias,
                                            .activation = conv_oracle_activation() };
        conv_oracle_run(&plans[made], &arguments[made], links[made].scratch, false);
        c = s.c_out;
        h = s.h_out;
        w = s.w_out;
    }
    if (made == count && conv_strips_choose(plans, count, 1e30, &chain)) {
        size_t floats = conv_oracle_blocked(c, kernels->block, h, w);
        void *scratch = conv_oracle_floats(chain.scratch_bytes / sizeof(float), NAN, NAN);
        other = conv_oracle_floats(floats, 0, 0);
        for (size_t i = 0; i < chain.scratch_bytes / sizeof(float); i++)
            ((float *)scratch)[i] = NAN;
        arguments[count - 1].dst = other;
        chain.rows = oracle_int(1, chain.rows); /* strips that keep rows from one to the next */
        for (int part = chain.parts - 1; part >= 0; part--)
            conv_strips_run(&chain, arguments, part, scratch);
        CHECK(memcmp(other, links[count - 1].out, floats * sizeof(float)) == 0,
              "%s: a chain of %d in %d parts of %d rows each strip differs, last %s", kernels->name, count, chain.parts,
              chain.rows, conv_oracle_text(&plans[count - 1].shape));
        free(scratch);
    }
    for (int i = 0; i < CONV_STRIPS_MOST; i++)
        free_link(&links[i]);
    free(src);
    free(other);
}

void test_conv_strips(const cpu_kernels *kernels, int rounds, test_counts *counts)
{
    for (int round = 0; round < rounds; round += 3)
        random_chain(kernels);
    oracle_report(counts);
}
