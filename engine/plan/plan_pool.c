/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pools, global pools and Resize on blocked data. */
#include "plan/planner.h"

#include <limits.h>
#include <string.h>

#include "cpu/qplane.h"
#include "ops/params.h"

typedef struct pool_step {
    pool_f32 *kernel; /* NULL: the maximum of bytes */
    const qeltwise_kernels *bytes;
    bool is_signed;
    pool_shape shape;
    size_t src_elements, dst_elements; /* of one image */
} pool_step;

static void run_pool(const step_context *context, int part)
{
    const program_step *step = context->step;
    const pool_step *s = step->params;
    const size_t image = (size_t)(part / s->shape.channel_blocks);
    const float *src = (const float *)context->tensors[step->inputs[0]].data + image * s->src_elements;
    float *dst = (float *)context->tensors[step->outputs[0]].data + image * s->dst_elements;
    s->kernel(&s->shape, src, dst, part % s->shape.channel_blocks, context->scratch);
}

static void run_byte_pool(const step_context *context, int part)
{
    const program_step *step = context->step;
    const pool_step *s = step->params;
    const size_t image = (size_t)(part / s->shape.channel_blocks);
    const uint8_t *src = (const uint8_t *)context->tensors[step->inputs[0]].data + image * s->src_elements;
    uint8_t *dst = (uint8_t *)context->tensors[step->outputs[0]].data + image * s->dst_elements;
    qplane_max_pool(s->bytes, &s->shape, s->is_signed, src, dst, part % s->shape.channel_blocks, context->scratch);
}

static plan_result emit_pool(planner *p, graph_node *node, const char *name, const pool_step *s, int64_t images)
{
    const int input = plan_blocked(p, node->inputs[0]);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, node->outputs[0]);
    const size_t scratch = s->kernel ? pool_scratch_bytes(&s->shape) : qplane_pool_scratch_bytes(&s->shape);
    return plan_add_step(p, node, name, s->kernel ? run_pool : run_byte_pool, (int)images * s->shape.channel_blocks,
                         scratch, &input, 1, &output, 1, s, sizeof(*s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

plan_result plan_pool(planner *p, graph_node *node)
{
    const pool_params *params = node->params;
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const bool max = graph_is(node, "MaxPool"), bytes = max && plan_can_block_bytes(p, x);
    image_dims xd, yd;
    op_window w;
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i])
            return PLAN_PASS; /* indices */
    if ((!bytes && !plan_can_block(p, x)) || !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd) ||
        !op_pool_geometry(params, &x->info, &w) || w.spatial > 2 || !plan_window_fits(&w))
        return PLAN_PASS;
    const int last = w.spatial - 1;
    pool_step s = {
        .kernel = max ? p->kernels->pool.max : p->kernels->pool.average,
        .shape = { .channel_blocks = xd.channel_blocks,
                   .block = p->kernels->block,
                   .h_in = xd.h,
                   .w_in = xd.w,
                   .h_out = yd.h,
                   .w_out = yd.w,
                   .kernel_h = 1,
                   .kernel_w = (int)w.kernel[last],
                   .stride_h = 1,
                   .stride_w = (int)w.stride[last],
                   .dilation_h = 1,
                   .dilation_w = (int)w.dilation[last],
                   .pad_left = (int)w.pad_begin[last],
                   .pad_right = (int)w.pad_end[last],
                   .count_include_pad = params->count_include_pad },
        .src_elements = xd.blocked_elements,
        .dst_elements = yd.blocked_elements,
    };
    if (w.spatial == 2) {
        s.shape.kernel_h = (int)w.kernel[0];
        s.shape.stride_h = (int)w.stride[0];
        s.shape.dilation_h = (int)w.dilation[0];
        s.shape.pad_top = (int)w.pad_begin[0];
        s.shape.pad_bottom = (int)w.pad_end[0];
    }
    if (bytes) {
        s.kernel = NULL;
        s.bytes = &p->kernels->qeltwise;
        s.is_signed = x->info.type == ONYX_TYPE_INT8;
        return emit_pool(p, node, "qplane_max_pool", &s, xd.n);
    }
    if (max && s.kernel) {
        const plan_result chained = plan_chain_pool(p, node, &s.shape);
        if (chained != PLAN_PASS)
            return chained;
    }
    return s.kernel ? emit_pool(p, node, max ? "pool_max" : "pool_average", &s, xd.n) : PLAN_PASS;
}

plan_result plan_global_pool(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0];
    image_dims xd, yd;
    uint32_t mask;
    if (!plan_can_block(p, x) || !plan_can_block(p, node->outputs[0]) || !plan_image_dims(p, x, &xd) ||
        !plan_image_dims(p, node->outputs[0], &yd) || yd.c != xd.c || yd.h != 1 || yd.w != 1)
        return PLAN_PASS;
    if (!graph_is(node, "GlobalAveragePool") &&
        (x->info.rank != 4 || !((const reduce_params *)node->params)->keepdims || !plan_reduce_axes(p, node, &mask) ||
         mask != 0xc))
        return PLAN_PASS;
    const pool_step s = {
        .kernel = p->kernels->pool.global_average,
        .shape = { .channel_blocks = xd.channel_blocks,
                   .block = p->kernels->block,
                   .h_in = xd.h,
                   .w_in = xd.w,
                   .h_out = 1,
                   .w_out = 1,
                   .kernel_h = xd.h,
                   .kernel_w = xd.w,
                   .stride_h = 1,
                   .stride_w = 1,
                   .dilation_h = 1,
                   .dilation_w = 1 },
        .src_elements = xd.blocked_elements,
        .dst_elements = yd.blocked_elements,
    };
    return s.kernel ? emit_pool(p, node, "pool_global_average", &s, xd.n) : PLAN_PASS;
}

/* ---- Resize ---- */

typedef struct resize_step {
    resize_nearest_f32 *nearest; /* neither: nearest, bytes */
    resize_linear_f32 *linear;
    resize_shape shape;
    resize_taps y, x;
    size_t src_bytes, dst_bytes; /* of one image */
    int strips; /* of rows, per channel block */
} resize_step;

static void run_resize(const step_context *context, int part)
{
    const program_step *step = context->step;
    const resize_step *s = step->params;
    const int per_image = s->shape.channel_blocks * s->strips;
    const size_t image = (size_t)(part / per_image);
    const int block = part % per_image / s->strips, strip = part % s->strips;
    const void *src = (const char *)context->tensors[step->inputs[0]].data + image * s->src_bytes;
    void *dst = (char *)context->tensors[step->outputs[0]].data + image * s->dst_bytes;
    const int begin = s->shape.h_out * strip / s->strips, end = s->shape.h_out * (strip + 1) / s->strips;
    if (s->linear)
        s->linear(&s->shape, src, dst, &s->y, &s->x, block, begin, end);
    else if (s->nearest)
        s->nearest(&s->shape, src, dst, s->y.index, s->x.index, block, begin, end);
    else
        qplane_resize_nearest(&s->shape, src, dst, s->y.index, s->x.index, block, begin, end);
}

static bool fill_taps(planner *p, const resize_params *params, const op_resize_axis *axis, resize_taps *taps)
{
    const size_t n = (size_t)axis->out;
    int *index = plan_alloc(p, n * sizeof(int)), *next = plan_alloc(p, n * sizeof(int));
    float *weight = plan_alloc(p, n * sizeof(float));
    if (!index || !next || !weight)
        return false;
    for (size_t i = 0; i < n; i++) {
        int64_t a, b;
        if (params->mode == OP_RESIZE_NEAREST) {
            a = b = op_resize_nearest_index(params, axis, (int64_t)i);
            weight[i] = 0;
        } else {
            op_resize_linear_taps(params, axis, (int64_t)i, &a, &b, &weight[i]);
        }
        index[i] = (int)a;
        next[i] = (int)b;
    }
    *taps = (resize_taps){ index, next, weight };
    return true;
}

plan_result plan_resize(planner *p, graph_node *node)
{
    const resize_params *params = node->params;
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    image_dims xd, yd;
    op_resize_axis axes[ONYX_MAX_RANK];
    const bool bytes = params->mode == OP_RESIZE_NEAREST && plan_can_block_bytes(p, x);
    if ((!bytes && !plan_can_block(p, x)) || x->info.rank != 4 || !plan_image_dims(p, x, &xd) ||
        !plan_image_dims(p, y, &yd) || xd.n != yd.n || xd.c != yd.c || params->mode == OP_RESIZE_CUBIC ||
        (params->antialias && (yd.h < xd.h || yd.w < xd.w)) || !graph_resize_axes(p->graph, node, axes) ||
        axes[2].out != yd.h || axes[3].out != yd.w)
        return PLAN_PASS;
    resize_step s = { .shape = { xd.channel_blocks, p->kernels->block, xd.h, xd.w, yd.h, yd.w },
                      .src_bytes = xd.blocked_elements * (bytes ? 1 : sizeof(float)),
                      .dst_bytes = yd.blocked_elements * (bytes ? 1 : sizeof(float)) };
    if (bytes)
        s.nearest = NULL;
    else if (params->mode == OP_RESIZE_NEAREST)
        s.nearest = p->kernels->resize.nearest;
    else
        s.linear = p->kernels->resize.linear;
    if (!bytes && !s.nearest && !s.linear)
        return PLAN_PASS;
    if (!fill_taps(p, params, &axes[2], &s.y) || !fill_taps(p, params, &axes[3], &s.x))
        return PLAN_FAILED;
    s.strips = MAX(1, MIN(yd.h, plan_parts(s.dst_bytes) / xd.channel_blocks));
    const int input = plan_blocked(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, y);
    return plan_add_step(p, node,
                         s.linear ? "resize_linear"
                         : bytes  ? "qplane_resize_nearest"
                                  : "resize_nearest",
                         run_resize, (int)xd.n * xd.channel_blocks * s.strips, 0, &input, 1, &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

int plan_take_resize(planner *p, const graph_value *value, resize_tables *tables)
{
    const int at = plan_producer(p, value);
    const program_step *step = at < 0 ? NULL : &p->program->steps[at];
    const resize_step *s = step && step->run == run_resize ? step->params : NULL;
    if (!s || !s->nearest || (int64_t)s->shape.h_in * s->shape.w_in > INT_MAX / s->shape.block)
        return -1;
    *tables = (resize_tables){ s->shape, s->y.index, s->x.index };
    return plan_take_step(p, at).inputs[0];
}
