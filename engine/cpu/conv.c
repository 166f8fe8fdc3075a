/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution: the choice among the algorithms. */
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
