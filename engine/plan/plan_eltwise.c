/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Unary and binary float32 operators, on whichever form their operands have. */
#include "plan/planner.h"

#include <limits.h>
#include <string.h>

#include "graph/passes.h"
#include "ops/params.h"

/* Parts start at multiples of this many elements: whole cache lines. */
#define GRAIN 16

static bool is_float(const graph_value *value)
{
    return value->info.kind == OP_KIND_TENSOR && value->info.type == ONYX_TYPE_FLOAT32;
}

static bool same_dims(const graph_value *a, const graph_value *b)
{
    return a->info.rank == b->info.rank &&
           memcmp(a->info.dims, b->info.dims, sizeof(int64_t) * (size_t)MAX(a->info.rank, 0)) == 0;
}

/* Lanes behind the last channel must stay finite. */
static bool fills_blocks(const planner *p, const graph_value *value)
{
    return value->info.dims[1] % p->kernels->block == 0;
}

/* ---- unary ---- */

typedef struct unary_step {
    eltwise_act_f32 *act;
    eltwise_unary_f32 *unary;
    float a, b;
    size_t elements;
    int parts;
} unary_step;

static void run_unary(const step_context *context, int part)
{
    const program_step *step = context->step;
    const unary_step *u = step->params;
    const float *src = context->tensors[step->inputs[0]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(u->elements, GRAIN, u->parts, part, &begin, &end);
    if (begin >= end)
        return;
    if (u->act)
        u->act(src + begin, dst + begin, end - begin, u->a, u->b);
    else
        u->unary(src + begin, dst + begin, end - begin);
}

static const struct {
    const char *op;
    cpu_unary unary;
    bool finite; /* finite in, finite out */
} unaries[] = {
    { "Exp", CPU_UNARY_EXP, false },     { "Log", CPU_UNARY_LOG, false },     { "Sqrt", CPU_UNARY_SQRT, false },
    { "Reciprocal", CPU_UNARY_RECIPROCAL, false },                            { "Neg", CPU_UNARY_NEG, true },
    { "Abs", CPU_UNARY_ABS, true },      { "Erf", CPU_UNARY_ERF, true },      { "Floor", CPU_UNARY_FLOOR, true },
    { "Ceil", CPU_UNARY_CEIL, true },    { "Round", CPU_UNARY_ROUND, true },
};

/* Fills the kernel and its parameters; false if there is none. */
static bool choose_unary(planner *p, const graph_node *node, unary_step *u, bool *finite)
{
    op_activation activation;
    *finite = true;
    if (graph_activation_of(p->graph, node, &activation)) {
        *u = (unary_step){ p->kernels->eltwise.act[activation.act], NULL, activation.a, activation.b, 0, 0 };
        return u->act != NULL;
    }
    for (size_t i = 0; i < ARRAY_LENGTH(unaries); i++)
        if (strcmp(node->row->name, unaries[i].op) == 0) {
            u->unary = p->kernels->eltwise.unary[unaries[i].unary];
            *finite = unaries[i].finite;
            return u->unary != NULL;
        }
    return false;
}

plan_result plan_unary(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    unary_step u = { 0 };
    bool finite;
    if (!is_float(x) || !choose_unary(p, node, &u, &finite) || graph_element_count(x) < 1)
        return PLAN_PASS;
    const bool blocked = plan_only_blocked(p, x) && (finite || fills_blocks(p, x));
    const int input = blocked ? plan_blocked(p, x) : plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const plan_result made = u.act && !blocked ? plan_dequantize_act(p, x, u.act, u.a, u.b) : PLAN_PASS;
    if (made != PLAN_PASS)
        return made == PLAN_FAILED || plan_new_view(p, y, input, 0, false) < 0 ? PLAN_FAILED : PLAN_DONE;
    const int output = blocked ? plan_new_blocked(p, y) : plan_new_plain(p, y);
    if (output < 0)
        return PLAN_FAILED;
    u.elements = p->program->slots[output].tensor.size_bytes / sizeof(float);
    u.parts = plan_parts(u.elements * 2 * sizeof(float));
    return plan_add_step(p, node, u.act ? "eltwise_act" : "eltwise_unary", run_unary, u.parts, 0, &input, 1, &output, 1,
                         &u, sizeof(u))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* ---- binary ---- */

static bool choose_binary(const graph_node *node, cpu_binary *op, bool *finite)
{
    static const struct {
        const char *name;
        cpu_binary op;
        bool finite;
    } binaries[] = {
        { "Add", CPU_BINARY_ADD, true }, { "Sub", CPU_BINARY_SUB, true },  { "Mul", CPU_BINARY_MUL, true },
        { "Div", CPU_BINARY_DIV, false }, { "Max", CPU_BINARY_MAX, true }, { "Min", CPU_BINARY_MIN, true },
        { "Pow", CPU_BINARY_POW, false },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(binaries); i++)
        if (strcmp(node->row->name, binaries[i].name) == 0) {
            *op = binaries[i].op;
            *finite = binaries[i].finite;
            return true;
        }
    return false;
}

/* Flat: both operands as long as the result, or one of them a single element. */
typedef struct flat_step {
    eltwise_binary_f32 *kernel;
    int a_step, b_step;
    size_t elements;
    int parts;
} flat_step;

static void run_flat(const step_context *context, int part)
{
    const program_step *step = context->step;
    const flat_step *f = step->params;
    const float *a = context->tensors[step->inputs[0]].data, *b = context->tensors[step->inputs[1]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(f->elements, GRAIN, f->parts, part, &begin, &end);
    if (begin < end)
        f->kernel(a + begin * (size_t)f->a_step, f->a_step, b + begin * (size_t)f->b_step, f->b_step, dst + begin,
                  end - begin);
}

static plan_result plan_flat(planner *p, graph_node *node, cpu_binary op, bool blocked, bool a_one, bool b_one)
{
    graph_value *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
    const int inputs[2] = { blocked && !a_one ? plan_blocked(p, a) : plan_plain(p, a),
                            blocked && !b_one ? plan_blocked(p, b) : plan_plain(p, b) };
    if (inputs[0] < 0 || inputs[1] < 0)
        return PLAN_FAILED;
    const int output = blocked ? plan_new_blocked(p, y) : plan_new_plain(p, y);
    if (output < 0)
        return PLAN_FAILED;
    flat_step f = { .kernel = p->kernels->eltwise.binary[op], .a_step = !a_one, .b_step = !b_one };
    f.elements = p->program->slots[output].tensor.size_bytes / sizeof(float);
    f.parts = plan_parts(f.elements * 3 * sizeof(float));
    return plan_add_step(p, node, "eltwise_binary", run_flat, f.parts, 0, inputs, 2, &output, 1, &f, sizeof(f))
               ? PLAN_DONE
               : PLAN_FAILED;
}

bool plan_is_sum(const planner *p, const program_step *step)
{
    const flat_step *f = step->run == run_flat ? step->params : NULL;
    return f && f->kernel == p->kernels->eltwise.binary[CPU_BINARY_ADD] && f->a_step && f->b_step &&
           step->input_count == 2;
}

/* Periodic: the large operand against one row of `period` elements a part: channels of blocked data, or trailing dims.
 */
typedef struct period_step {
    eltwise_binary_period_f32 *kernel;
    bool swap;
    size_t period, elements; /* of one part */
    size_t small_step;       /* elements of the small operand from part to part */
    int small_parts;         /* parts after which the small operand starts again */
} period_step;

static void run_period(const step_context *context, int part)
{
    const program_step *step = context->step;
    const period_step *s = step->params;
    const size_t at = (size_t)part * s->elements;
    const float *large = context->tensors[step->inputs[0]].data, *small = context->tensors[step->inputs[1]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    s->kernel(large + at, small + (size_t)(part % s->small_parts) * s->small_step, s->period, s->swap, dst + at,
              s->elements);
}

/* [n, c, h, w] against [1 or n, c, 1, 1] in blocked form. */
static bool is_per_channel(const planner *p, const graph_value *large, const graph_value *small)
{
    image_dims l, s;
    return plan_can_block(p, large) && plan_can_block(p, small) && plan_image_dims(p, large, &l) &&
           plan_image_dims(p, small, &s) && large->info.rank == small->info.rank && l.c == s.c && s.h == 1 &&
           s.w == 1 && (s.n == 1 || s.n == l.n) && l.h * l.w > 1;
}

static plan_result plan_per_channel(planner *p, graph_node *node, cpu_binary op, int large)
{
    image_dims l, s;
    graph_value *a = node->inputs[large], *b = node->inputs[!large];
    plan_image_dims(p, a, &l);
    plan_image_dims(p, b, &s);
    const int inputs[2] = { plan_blocked(p, a), plan_blocked(p, b) };
    if (inputs[0] < 0 || inputs[1] < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, node->outputs[0]);
    const size_t block = (size_t)p->kernels->block;
    const period_step step = { .kernel = p->kernels->eltwise.binary_period[op], .swap = large == 1, .period = block,
                               .elements = (size_t)l.h * (size_t)l.w * block, .small_step = block,
                               .small_parts = (int)s.n * l.channel_blocks };
    return plan_add_step(p, node, "eltwise_period", run_period, (int)l.n * l.channel_blocks, 0, inputs, 2, &output, 1,
                         &step, sizeof(step))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* Any broadcast, plain: neighbouring dims that both operands walk alike are merged; the last one is the inner loop. */
typedef struct broadcast_step {
    eltwise_binary_f32 *kernel;
    int rank; /* of the outer loops */
    int64_t dims[ONYX_MAX_RANK];
    size_t a_steps[ONYX_MAX_RANK], b_steps[ONYX_MAX_RANK];
    size_t inner, outer;
    int a_inner, b_inner, parts;
} broadcast_step;

static void run_broadcast(const step_context *context, int part)
{
    const program_step *step = context->step;
    const broadcast_step *s = step->params;
    const float *a = context->tensors[step->inputs[0]].data, *b = context->tensors[step->inputs[1]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->outer, 1, s->parts, part, &begin, &end);
    for (size_t row = begin; row < end; row++) {
        size_t rest = row, at_a = 0, at_b = 0;
        for (int i = s->rank - 1; i >= 0; i--) {
            const size_t index = rest % (size_t)s->dims[i];
            rest /= (size_t)s->dims[i];
            at_a += index * s->a_steps[i];
            at_b += index * s->b_steps[i];
        }
        s->kernel(a + at_a, s->a_inner, b + at_b, s->b_inner, dst + row * s->inner, s->inner);
    }
}

static int64_t dim_from_end(const op_value *info, int rank, int i)
{
    const int lead = rank - info->rank;
    return i < lead ? 1 : info->dims[i - lead];
}

static void fill_broadcast(const op_value *a, const op_value *b, const op_value *y, broadcast_step *s)
{
    int64_t dims[ONYX_MAX_RANK];
    bool a_moves[ONYX_MAX_RANK], b_moves[ONYX_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < y->rank; i++) {
        if (y->dims[i] == 1)
            continue;
        const bool am = dim_from_end(a, y->rank, i) != 1, bm = dim_from_end(b, y->rank, i) != 1;
        if (rank && am == a_moves[rank - 1] && bm == b_moves[rank - 1]) {
            dims[rank - 1] *= y->dims[i];
            continue;
        }
        dims[rank] = y->dims[i];
        a_moves[rank] = am;
        b_moves[rank++] = bm;
    }
    s->rank = rank ? rank - 1 : 0;
    s->inner = rank ? (size_t)dims[rank - 1] : 1;
    s->a_inner = rank ? a_moves[rank - 1] : 1;
    s->b_inner = rank ? b_moves[rank - 1] : 1;
    s->outer = 1;
    size_t a_step = s->a_inner ? s->inner : 1, b_step = s->b_inner ? s->inner : 1;
    for (int i = s->rank - 1; i >= 0; i--) {
        s->dims[i] = dims[i];
        s->outer *= (size_t)dims[i];
        s->a_steps[i] = a_moves[i] ? a_step : 0;
        s->b_steps[i] = b_moves[i] ? b_step : 0;
        a_step *= a_moves[i] ? (size_t)dims[i] : 1;
        b_step *= b_moves[i] ? (size_t)dims[i] : 1;
    }
}

static plan_result plan_broadcast(planner *p, graph_node *node, cpu_binary op)
{
    graph_value *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
    broadcast_step s = { .kernel = p->kernels->eltwise.binary[op] };
    fill_broadcast(&a->info, &b->info, &y->info, &s);
    if (s.outer > INT_MAX)
        return PLAN_PASS;
    s.parts = MIN(plan_parts((size_t)graph_element_count(y) * 3 * sizeof(float)), (int)s.outer);
    const int inputs[2] = { plan_plain(p, a), plan_plain(p, b) };
    if (inputs[0] < 0 || inputs[1] < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, y);
    return plan_add_step(p, node, "eltwise_broadcast", run_broadcast, s.parts, 0, inputs, 2, &output, 1, &s, sizeof(s))
               ? PLAN_DONE : PLAN_FAILED;
}

plan_result plan_binary(planner *p, graph_node *node)
{
    cpu_binary op;
    bool finite;
    if (node->input_count != 2 || !is_float(node->inputs[0]) || !is_float(node->inputs[1]) ||
        graph_element_count(node->outputs[0]) < 1 || !choose_binary(node, &op, &finite) ||
        !p->kernels->eltwise.binary[op])
        return PLAN_PASS;
    graph_value *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
    const bool only_blocked = plan_only_blocked(p, a) || plan_only_blocked(p, b);
    const bool blocked = only_blocked && plan_can_block(p, y) && (finite || fills_blocks(p, y));
    const bool a_one = graph_element_count(a) == 1, b_one = graph_element_count(b) == 1;
    if (same_dims(a, y) && same_dims(b, y))
        return plan_flat(p, node, op, blocked, false, false);
    if (same_dims(a, y) && b_one)
        return plan_flat(p, node, op, blocked, false, true);
    if (same_dims(b, y) && a_one)
        return plan_flat(p, node, op, blocked, true, false);
    if (p->kernels->eltwise.binary_period[op] && blocked)
        for (int large = 0; large < 2; large++)
            if (same_dims(node->inputs[large], y) && is_per_channel(p, node->inputs[large], node->inputs[!large]))
                return plan_per_channel(p, node, op, large);
    return plan_broadcast(p, node, op);
}
