/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ArgMax: rows, columns, or the channels of a blocked picture (a segmentation's classes). */
#include "plan/planner.h"

/* Pixels of a blocked picture that are made planes at a time, in scratch. */
#define ARG_PIXELS ((size_t)64)

typedef struct arg_step {
    arg_max_f32 *kernel;
    layout_unblock_f32 *unblock; /* NULL: plain */
    size_t n, inner;             /* inner: columns, or pixels of an image */
    size_t outer, block;
    int parts; /* of the columns of one outer index; of the rows where inner is 1 */
} arg_step;

/* Pixels [first, first + count): src is the first of these in block 0, blocks `plane` floats apart. */
static void arg_of_blocks(const arg_step *s, const float *src, size_t plane, size_t count, int64_t *dst, float *planes)
{
    for (size_t i = 0, m; i < count; i += m) {
        m = MIN(ARG_PIXELS, count - i);
        for (size_t c = 0; c < s->n; c += s->block)
            s->unblock(src + c / s->block * plane + i * s->block, (int)MIN(s->block, s->n - c), m,
                       planes + c * ARG_PIXELS, ARG_PIXELS);
        s->kernel(planes, ARG_PIXELS, s->n, m, dst + i);
    }
}

static void run_arg(const step_context *context, int part)
{
    const program_step *step = context->step;
    const arg_step *s = step->params;
    const float *src = context->tensors[step->inputs[0]].data;
    int64_t *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    if (s->inner == 1) {
        plan_range(s->outer, 1, s->parts, part, &begin, &end);
        for (size_t row = begin; row < end; row++)
            s->kernel(src + row * s->n, 1, s->n, 1, dst + row);
        return;
    }
    const size_t image = (size_t)(part / s->parts);
    plan_range(s->inner, 16, s->parts, part % s->parts, &begin, &end);
    if (begin >= end)
        return;
    dst += image * s->inner + begin;
    if (s->unblock) {
        const size_t plane = s->inner * s->block, blocks = (s->n + s->block - 1) / s->block;
        arg_of_blocks(s, src + image * blocks * plane + begin * s->block, plane, end - begin, dst, context->scratch);
    } else {
        s->kernel(src + image * s->n * s->inner + begin, s->inner, s->n, end - begin, dst);
    }
}

plan_result plan_arg_max(planner *p, graph_node *node)
{
    const arg_params *params = node->params;
    graph_value *x = node->inputs[0];
    const int64_t axis = params->axis < 0 ? params->axis + x->info.rank : params->axis;
    arg_step s = { .kernel = p->kernels->softmax.arg_max, .n = 1, .inner = 1, .outer = 1,
                   .block = (size_t)p->kernels->block };
    if (!s.kernel || params->select_last_index || x->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(x) < 1 ||
        axis < 0 || axis >= x->info.rank)
        return PLAN_PASS;
    for (int i = 0; i < x->info.rank; i++)
        *(i < axis ? &s.outer : i == axis ? &s.n : &s.inner) *= (size_t)x->info.dims[i];
    if (s.n > ARG_MAX_MOST || s.outer > 1000000)
        return PLAN_PASS;
    const bool blocked = axis == 1 && s.inner > 1 && plan_can_block(p, x) && plan_only_blocked(p, x);
    const int worth = plan_parts((size_t)graph_element_count(x) * 2 * sizeof(float));
    s.parts = s.inner == 1 ? (int)MIN((size_t)worth, s.outer) : (int)MAX(1, MIN((size_t)worth / s.outer, s.inner / 64));
    if (blocked)
        s.unblock = p->kernels->layout.unblock;
    const size_t scratch = blocked ? size_align(s.n, 16) * ARG_PIXELS * sizeof(float) : 0;
    const int input = blocked ? plan_blocked(p, x) : plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    return plan_add_step(p, node, "arg_max", run_arg, s.parts * (s.inner == 1 ? 1 : (int)s.outer), scratch, &input, 1,
                         &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
