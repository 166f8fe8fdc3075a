/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Field by field into zeroed memory: a field that is new is left out until somebody says that packing needs it. */
#include "cpu/pack_form.h"

#include <string.h>

void conv_pack_form(const conv_plan *plan, conv_plan *form)
{
    memset(form, 0, sizeof(*form));
    conv_shape *s = &form->shape;
    s->c_in = plan->shape.c_in;
    s->c_out = plan->shape.c_out;
    s->groups = plan->shape.groups;
    s->kernel_h = plan->shape.kernel_h;
    s->kernel_w = plan->shape.kernel_w;
    s->stride_h = plan->shape.stride_h;
    s->stride_w = plan->shape.stride_w;
    s->dilation_h = s->dilation_w = s->h_in = s->w_in = s->h_out = s->w_out = 1;
    s->src_plain = plan->shape.src_plain;
    s->joined = plan->shape.joined;
    s->file_groups = plan->shape.file_groups;
    form->block = plan->block;
    form->packed_bytes = plan->packed_bytes;
    form->pack = plan->pack;
    form->kernels = plan->kernels;
    form->tile[0] = plan->tile[0];
    for (size_t i = 1; i < sizeof(form->tile) / sizeof(form->tile[0]); i++)
        form->tile[i] = 1;
}

void qconv_pack_form(const qconv_plan *plan, qconv_plan *form)
{
    memset(form, 0, sizeof(*form));
    qconv_shape *s = &form->shape;
    s->c_in = plan->shape.c_in;
    s->c_out = plan->shape.c_out;
    s->groups = plan->shape.groups;
    s->rows = plan->shape.rows;
    s->kernel_h = plan->shape.kernel_h;
    s->kernel_w = plan->shape.kernel_w;
    s->weights_signed = plan->shape.weights_signed;
    s->weights_zero = plan->shape.weights_zero;
    s->zeros_folded = plan->shape.zeros_folded;
    s->extra_groups = plan->shape.extra_groups;
    form->block = plan->block;
    form->packed_bytes = plan->packed_bytes;
    form->units = plan->units;
    form->filter_blocks = plan->filter_blocks;
    form->src_blocks = plan->src_blocks;
    form->block_channels = plan->block_channels;
    form->winograd = plan->winograd;
    form->depthwise_dot = plan->depthwise_dot;
    form->matrix = plan->matrix;
    form->planes = plan->planes;
    form->rest_bytes = plan->rest_bytes;
    form->rest_taps = plan->rest_taps;
    form->rest_rows = plan->rest_rows;
    form->steps = plan->steps;
}

void gemm_pack_form(const gemm_plan *plan, gemm_plan *form)
{
    memset(form, 0, sizeof(*form));
    form->shape.n = plan->shape.n;
    form->shape.k = plan->shape.k;
    form->shape.b_transposed = plan->shape.b_transposed;
    form->packed_bytes = plan->packed_bytes;
    form->kernels = plan->kernels;
    form->pack = plan->pack;
}
