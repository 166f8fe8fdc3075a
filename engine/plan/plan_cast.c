/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cast between float16 and float32, what is left of a float16 model's casts: its inputs and outputs; and from bytes,
 * which pictures are, to float32. Others are the reference kernel's. */
#include "plan/planner.h"

#include "base/types.h"

typedef struct cast_step {
    const eltwise_kernels *kernels;
    size_t count;
    int parts;
    onyx_type from;
} cast_step;

static void run_cast(const step_context *context, int part)
{
    const program_step *step = context->step;
    const cast_step *s = step->params;
    const void *src = context->tensors[step->inputs[0]].data;
    void *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->count, 64, s->parts, part, &begin, &end);
    if (begin >= end)
        return;
    const char *in = (const char *)src + begin * type_size(s->from);
    if (s->from == ONYX_TYPE_FLOAT16)
        s->kernels->half_to_float((const uint16_t *)in, (float *)dst + begin, end - begin);
    else if (s->from == ONYX_TYPE_FLOAT32)
        s->kernels->float_to_half((const float *)in, (uint16_t *)dst + begin, end - begin);
    else if (s->from == ONYX_TYPE_UINT8)
        s->kernels->dequantize_u8((const uint8_t *)in, (float *)dst + begin, end - begin, 1, 0);
    else
        s->kernels->dequantize_s8((const int8_t *)in, (float *)dst + begin, end - begin, 1, 0);
}

plan_result plan_cast(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const onyx_type from = x->info.type, to = y->info.type;
    const bool widens = to == ONYX_TYPE_FLOAT32 &&
                        (from == ONYX_TYPE_FLOAT16 || from == ONYX_TYPE_UINT8 || from == ONYX_TYPE_INT8);
    if ((!widens && (from != ONYX_TYPE_FLOAT32 || to != ONYX_TYPE_FLOAT16)) || x->info.kind != OP_KIND_TENSOR ||
        graph_element_count(x) < 1)
        return PLAN_PASS;
    cast_step s = { .kernels = &p->kernels->eltwise, .count = (size_t)graph_element_count(x), .from = from };
    s.parts = plan_parts(s.count * (type_size(from) + type_size(to)));
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, y);
    return plan_add_step(p, node, "eltwise_cast", run_cast, s.parts, 0, &input, 1, &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
