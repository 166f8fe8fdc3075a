/* SPDX-License-Identifier: BSD-2-Clause
 *
 * QLinearAdd and QLinearMul: of two tensors of one shape, of one and a number for each channel, on whichever form they
 * have, and of one and another that broadcasts, on plain bytes. */
#include "plan/plan_quant.h"

#include <string.h>

typedef struct qbinary_step {
    qeltwise_binary *kernel;
    qeltwise_scales scales;
    size_t elements;
    int parts;
    /* A second operand with one element per image and channel: */
    size_t pixels; /* 0: it is as large as the first */
    int block;
    /* One that broadcasts: the first is [dims ..][times][run], the second [dims ..][run] with these steps: */
    int rank;
    size_t dims[ONYX_MAX_RANK], steps[ONYX_MAX_RANK], times, run, units; /* units: rows of run elements */
} qbinary_step;

static void run_qbinary(const step_context *context, int part)
{
    const program_step *step = context->step;
    const qbinary_step *s = step->params;
    const uint8_t *a = context->tensors[step->inputs[0]].data, *b = context->tensors[step->inputs[1]].data;
    uint8_t *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->elements, PLAN_BYTE_GRAIN, s->parts, part, &begin, &end);
    if (begin < end)
        s->kernel(a + begin, b + begin, dst + begin, end - begin, &s->scales);
}

#define PATTERN_BYTES 1024

/* By channel block: its elements of the second operand, over and over. */
static void run_qbinary_channels(const step_context *context, int part)
{
    const program_step *step = context->step;
    const qbinary_step *s = step->params;
    const size_t block = (size_t)s->block, bytes = s->pixels * block, room = PATTERN_BYTES / block * block;
    const uint8_t *a = context->tensors[step->inputs[0]].data, *b = context->tensors[step->inputs[1]].data;
    uint8_t *dst = context->tensors[step->outputs[0]].data, pattern[PATTERN_BYTES];
    size_t begin, end;
    plan_range(s->elements / bytes, 1, s->parts, part, &begin, &end);
    for (size_t i = begin; i < end; i++) {
        for (size_t k = 0; k < room; k += block)
            memcpy(pattern + k, b + i * block, block);
        for (size_t at = i * bytes; at < (i + 1) * bytes; at += room)
            s->kernel(a + at, pattern, dst + at, MIN(room, (i + 1) * bytes - at), &s->scales);
    }
}

/* `rows` rows that all meet the same row b: as often as they fit, copies of it are one long row. */
static void run_repeated(const qbinary_step *s, const uint8_t *a, const uint8_t *b, uint8_t *dst, size_t rows)
{
    uint8_t pattern[PATTERN_BYTES];
    const size_t copies = MIN(rows, PATTERN_BYTES / s->run), whole = copies * s->run;
    if (copies < 2) {
        for (size_t i = 0; i < rows; i++)
            s->kernel(a + i * s->run, b, dst + i * s->run, s->run, &s->scales);
        return;
    }
    for (size_t i = 0; i < copies; i++)
        memcpy(pattern + i * s->run, b, s->run);
    for (size_t at = 0; at < rows * s->run; at += whole)
        s->kernel(a + at, pattern, dst + at, MIN(whole, rows * s->run - at), &s->scales);
}

static void run_qbinary_broadcast(const step_context *context, int part)
{
    const program_step *step = context->step;
    const qbinary_step *s = step->params;
    const uint8_t *a = context->tensors[step->inputs[0]].data, *b = context->tensors[step->inputs[1]].data;
    uint8_t *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->units, 1, s->parts, part, &begin, &end);
    while (begin < end) {
        const size_t outer = begin / s->times, rows = MIN(end, (outer + 1) * s->times) - begin;
        size_t rest = outer, offset = 0;
        for (int i = s->rank - 1; i >= 0; i--) {
            offset += rest % s->dims[i] * s->steps[i];
            rest /= s->dims[i];
        }
        run_repeated(s, a + begin * s->run, b + offset, dst + begin * s->run, rows);
        begin += rows;
    }
}

/* How b meets every element of y; false where it does not broadcast. */
static bool fill_broadcast(const op_value *b, const op_value *y, qbinary_step *s)
{
    int i = y->rank - 1;
    const int lead = y->rank - b->rank;
    if (lead < 0)
        return false;
    for (int k = 0; k < b->rank; k++)
        if (b->dims[k] != 1 && b->dims[k] != y->dims[lead + k])
            return false;
    s->run = s->times = 1;
    for (; i >= 0 && (y->dims[i] == 1 || (i >= lead && b->dims[i - lead] != 1)); i--)
        s->run *= (size_t)y->dims[i];
    size_t step = s->run;
    for (; i >= 0 && (i < lead || b->dims[i - lead] == 1); i--)
        s->times *= (size_t)y->dims[i];
    s->rank = i + 1;
    for (; i >= 0; i--) {
        const bool repeats = i < lead || b->dims[i - lead] == 1;
        s->dims[i] = (size_t)y->dims[i];
        s->steps[i] = repeats ? 0 : step;
        step *= repeats ? 1 : s->dims[i];
    }
    return true;
}

/* [n, c, 1, ...] beside [n, c, h, ...]: squeeze and excitation. */
static bool one_per_channel(const graph_value *value, const graph_value *like)
{
    if (value->info.rank != like->info.rank || like->info.rank < 3)
        return false;
    for (int i = 0; i < value->info.rank; i++)
        if (value->info.dims[i] != (i < 2 ? like->info.dims[i] : 1))
            return false;
    return true;
}

static void swap_operands(graph_value **a, graph_value **b, qeltwise_scales *s)
{
    const qeltwise_scales t = *s;
    graph_value *value = *a;
    *a = *b;
    *b = value;
    s->a_scale = t.b_scale;
    s->b_scale = t.a_scale;
    s->a_zero = t.b_zero;
    s->b_zero = t.a_zero;
}

static bool same_dims(const graph_value *a, const graph_value *b)
{
    return a->info.rank == b->info.rank &&
           memcmp(a->info.dims, b->info.dims, sizeof(int64_t) * (size_t)MAX(a->info.rank, 0)) == 0;
}

plan_result plan_qbinary(planner *p, graph_node *node)
{
    graph_value *a = node->inputs[0], *b = node->inputs[3], *y = node->outputs[0];
    const bool add = graph_is_in(node, OP_DOMAIN_MICROSOFT, "QLinearAdd");
    qbinary_step s = { .kernel = add ? p->kernels->qeltwise.add : p->kernels->qeltwise.mul };
    qeltwise_scales *scales = &s.scales;
    image_dims dims;
    if (!s.kernel || !plan_is_byte(a) || a->info.type != b->info.type || graph_element_count(y) < 1 ||
        !plan_byte_scale(p, node->inputs[1], node->inputs[2], &scales->a_scale, &scales->a_zero) ||
        !plan_byte_scale(p, node->inputs[4], node->inputs[5], &scales->b_scale, &scales->b_zero) ||
        !plan_byte_scale(p, node->inputs[6], graph_input(node, 7), &scales->dst_scale, &scales->dst_zero))
        return PLAN_PASS;
    if (!same_dims(a, y))
        swap_operands(&a, &b, scales);
    const bool same = same_dims(b, y);
    const bool channels = !same && one_per_channel(b, y) && plan_can_block_bytes(p, a) && plan_can_block_bytes(p, b) &&
                          plan_image_dims(p, y, &dims);
    const bool broadcast = !same && !channels;
    if (!same_dims(a, y) || (broadcast && !fill_broadcast(&b->info, &y->info, &s)))
        return PLAN_PASS;
    scales->is_signed = a->info.type == ONYX_TYPE_INT8;
    const bool blocked = channels || (!broadcast && (plan_only_blocked(p, a) || plan_only_blocked(p, b)));
    const int inputs[2] = { blocked ? plan_blocked(p, a) : plan_plain(p, a),
                            blocked ? plan_blocked(p, b) : plan_plain(p, b) };
    if (inputs[0] < 0 || inputs[1] < 0)
        return PLAN_FAILED;
    const int output = blocked ? plan_new_blocked(p, y) : plan_new_plain(p, y);
    if (output < 0)
        return PLAN_FAILED;
    s.elements = p->program->slots[output].tensor.size_bytes;
    s.parts = plan_parts(3 * s.elements);
    s.block = p->kernels->block;
    s.pixels = channels ? (size_t)dims.h * (size_t)dims.w : 0;
    s.units = broadcast ? s.elements / s.run : 0;
    step_function *run = broadcast ? run_qbinary_broadcast : channels ? run_qbinary_channels : run_qbinary;
    return plan_add_step(p, node, add ? "qeltwise_add" : "qeltwise_mul", run, s.parts, 0, inputs, 2, &output, 1, &s,
                         sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
