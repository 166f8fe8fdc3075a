/* SPDX-License-Identifier: BSD-2-Clause
 *
 * LSTM and GRU of float32 with constant weights and the usual activations: one matrix product for the inputs of all
 * steps and directions, then the recurrence, one part for each direction of a few sequences, which share its weights.
 */
#include "plan/planner.h"

#include <math.h>
#include <string.h>

#include "ops/params.h"

typedef struct rnn_step {
    const cpu_kernels *kernels;
    gemm_plan plan;
    const void *packed;          /* of W */
    const float *bias;           /* what W's product gets */
    gemm_plan state[2];          /* of R: of all gates of an LSTM; of z and r of a GRU, and of its h */
    const char *state_packed[2]; /* of all directions */
    const float *recurrent_bias; /* of the h gate of a GRU that is linear before reset, else NULL */
    size_t state_scratch;        /* where that of the products begins */
    size_t gates, hidden, inputs, steps, batch, directions;
    size_t group; /* sequences of a part; divides batch */
    bool batch_first, reverse, linear_before_reset;
    int h_input, c_input; /* of the step, or -1 */
} rnn_step;

static void run_inputs(const step_context *context, int part)
{
    const program_step *step = context->step;
    const rnn_step *s = step->params;
    const gemm_arguments arguments = { .a = context->tensors[step->inputs[0]].data,
                                       .a_stride = s->inputs,
                                       .packed = s->packed,
                                       .c = context->tensors[step->outputs[0]].data,
                                       .c_stride = s->plan.shape.n,
                                       .alpha = 1,
                                       .bias = s->bias };
    s->plan.run(&s->plan, &arguments, part, context->scratch);
}

/* out = bias + R * h, of the gates of one of the two plans, for each sequence of the group; the biases and the results
 * of two are bias_step and out_step floats apart (no step: one bias for all). */
static void multiply_state(const rnn_step *s, int which, size_t direction, const float *h, const float *bias,
                           size_t bias_step, float *out, size_t out_step, void *scratch)
{
    const gemm_plan *plan = &s->state[which];
    const bool together = s->group == 1 || bias_step == 0;
    const gemm_arguments arguments = { .a = h,
                                       .a_stride = s->hidden,
                                       .packed = s->state_packed[which] + direction * plan->packed_bytes,
                                       .c = out,
                                       .c_stride = out_step,
                                       .alpha = 1,
                                       .bias = together ? bias : NULL };
    for (int part = 0; part < plan->parts; part++)
        plan->run(plan, &arguments, part, scratch);
    for (size_t i = 0; !together && i < s->group; i++)
        s->kernels->eltwise.binary[CPU_BINARY_ADD](out + i * out_step, 1, bias + i * bias_step, 1, out + i * out_step,
                                                   plan->shape.n);
}

static void activate(const rnn_step *s, cpu_act act, float *data, size_t n)
{
    s->kernels->eltwise.act[act](data, data, n, 0, 0);
}

/* dst = a op b */
static void combine(const rnn_step *s, cpu_binary op, const float *a, const float *b, float *dst)
{
    s->kernels->eltwise.binary[op](a, 1, b, 1, dst, s->hidden);
}

/* gates: i o f c, of which `products` are those of the input, of each sequence of the group. */
static void lstm_cells(const rnn_step *s, size_t direction, const float *products, size_t step, float *gates, float *h,
                       float *c, void *scratch)
{
    const size_t n = s->hidden;
    multiply_state(s, 0, direction, h, products, step, gates, 4 * n, scratch);
    for (size_t i = 0; i < s->group; i++, gates += 4 * n, h += n, c += n) {
        float *in = gates, *out = gates + n, *forget = gates + 2 * n, *cell = gates + 3 * n;
        activate(s, CPU_ACT_SIGMOID, gates, 3 * n);
        activate(s, CPU_ACT_TANH, cell, n);
        combine(s, CPU_BINARY_MUL, c, forget, c);
        combine(s, CPU_BINARY_MUL, cell, in, cell);
        combine(s, CPU_BINARY_ADD, c, cell, c);
        s->kernels->eltwise.act[CPU_ACT_TANH](c, h, n, 0, 0);
        combine(s, CPU_BINARY_MUL, h, out, h);
    }
}

/* gates: z r h; spare: n floats; of each sequence of the group. */
static void gru_cells(const rnn_step *s, size_t direction, const float *products, size_t step, float *gates, float *h,
                      float *spare, void *scratch)
{
    const size_t n = s->hidden;
    const bool linear = s->linear_before_reset;
    multiply_state(s, 0, direction, h, products, step, gates, 3 * n, scratch);
    if (linear)
        multiply_state(s, 1, direction, h, s->recurrent_bias + direction * n, 0, spare, n, scratch);
    for (size_t i = 0; i < s->group; i++) {
        float *reset = gates + 3 * n * i + n;
        activate(s, CPU_ACT_SIGMOID, gates + 3 * n * i, 2 * n);
        combine(s, CPU_BINARY_MUL, linear ? spare + n * i : h + n * i, reset, spare + n * i);
    }
    if (!linear)
        multiply_state(s, 1, direction, spare, products + 2 * n, step, gates + 2 * n, 3 * n, scratch);
    for (size_t i = 0; i < s->group; i++, gates += 3 * n, h += n) {
        float *update = gates, *next = gates + 2 * n;
        if (linear)
            combine(s, CPU_BINARY_ADD, spare + n * i, products + step * i + 2 * n, next);
        activate(s, CPU_ACT_TANH, next, n);
        combine(s, CPU_BINARY_SUB, h, next, h);
        combine(s, CPU_BINARY_MUL, h, update, h);
        combine(s, CPU_BINARY_ADD, h, next, h);
    }
}

static void load_state(const step_context *context, int input, size_t at, float *state, size_t n)
{
    const float *from = input < 0 ? NULL : context->tensors[context->step->inputs[input]].data;
    if (from)
        memcpy(state, from + at, n * sizeof(float));
    else
        memset(state, 0, n * sizeof(float));
}

static float *output_of(const step_context *context, int index)
{
    const int slot = index < context->step->output_count ? context->step->outputs[index] : -1;
    return slot < 0 ? NULL : context->tensors[slot].data;
}

/* Of the state of sequence b in one direction. */
static size_t state_at(const rnn_step *s, size_t direction, size_t b)
{
    return (s->batch_first ? b * s->directions + direction : direction * s->batch + b) * s->hidden;
}

static void run_recurrence(const step_context *context, int part)
{
    const rnn_step *s = context->step->params;
    const size_t groups = s->batch / s->group, direction = (size_t)part / groups,
                 first = (size_t)part % groups * s->group;
    const size_t n = s->hidden, wide = s->gates * n, row = s->directions * wide;
    const size_t step = (s->batch_first ? s->steps : 1) * row; /* from sequence to sequence */
    const float *products = (const float *)context->tensors[context->step->inputs[0]].data + direction * wide;
    float *y = output_of(context, 0), *last_h = output_of(context, 1), *last_c = output_of(context, 2);
    float *gates = context->scratch, *h = gates + s->group * wide, *c = h + s->group * n;
    void *scratch = (char *)context->scratch + s->state_scratch;
    for (size_t i = 0; i < s->group; i++) {
        load_state(context, s->h_input, state_at(s, direction, first + i), h + i * n, n);
        load_state(context, s->c_input, state_at(s, direction, first + i), c + i * n, n);
    }
    for (size_t k = 0; k < s->steps; k++) {
        const size_t t = s->reverse || direction ? s->steps - 1 - k : k;
        const float *given = products + (s->batch_first ? first * s->steps + t : t * s->batch + first) * row;
        if (s->gates == 4)
            lstm_cells(s, direction, given, step, gates, h, c, scratch);
        else
            gru_cells(s, direction, given, step, gates, h, c, scratch);
        for (size_t i = 0, b = first; y && i < s->group; i++, b++) {
            const size_t at = s->batch_first ? (b * s->steps + t) * s->directions + direction
                                             : (t * s->directions + direction) * s->batch + b;
            memcpy(y + at * n, h + i * n, n * sizeof(float));
        }
    }
    for (size_t i = 0; i < s->group; i++) {
        if (last_h)
            memcpy(last_h + state_at(s, direction, first + i), h + i * n, n * sizeof(float));
        if (last_c)
            memcpy(last_c + state_at(s, direction, first + i), c + i * n, n * sizeof(float));
    }
}

/* ---- what is taken ---- */

static bool usual(const rnn_params *params)
{
    const int directions = params->direction == OP_RNN_BIDIRECTIONAL ? 2 : 1;
    for (int d = 0; d < directions; d++)
        if (params->activations[d][0].act != OP_RNN_SIGMOID || params->activations[d][1].act != OP_RNN_TANH ||
            (params->gates == 4 && params->activations[d][2].act != OP_RNN_TANH))
            return false;
    return isinf(params->clip) && !params->input_forget;
}

static const float *constant_floats(planner *p, graph_value *value)
{
    const onyx_tensor *t = value && value->info.type == ONYX_TYPE_FLOAT32 ? graph_constant(p->graph, value) : NULL;
    return t ? t->data : NULL;
}

/* The input's bias; that of the state is added where it may be. */
static bool pack_biases(planner *p, graph_node *node, rnn_step *s)
{
    const size_t wide = s->gates * s->hidden, n = s->hidden;
    const float *stored = graph_input(node, 3) ? constant_floats(p, graph_input(node, 3)) : NULL;
    float *bias = plan_packed(p, s->directions * wide * sizeof(float));
    float *recurrent =
        s->gates == 3 && s->linear_before_reset ? plan_packed(p, s->directions * n * sizeof(float)) : NULL;
    if (!bias || (s->gates == 3 && s->linear_before_reset && !recurrent))
        return false;
    for (size_t d = 0; d < s->directions; d++)
        for (size_t i = 0; i < wide; i++) {
            const float of_input = stored ? stored[d * 2 * wide + i] : 0,
                        of_state = stored ? stored[(d * 2 + 1) * wide + i] : 0;
            const bool apart = recurrent && i >= 2 * n;
            bias[d * wide + i] = apart ? of_input : of_input + of_state;
            if (apart)
                recurrent[d * n + i - 2 * n] = of_state;
        }
    s->bias = bias;
    s->recurrent_bias = recurrent;
    return true;
}

static bool pack_weights(planner *p, rnn_step *s, const float *w, const float *r)
{
    const size_t n = s->hidden, rows[2] = { s->gates == 4 ? 4 * n : 2 * n, s->gates == 4 ? 0 : n };
    void *packed = plan_packed(p, s->plan.packed_bytes);
    if (!packed)
        return false;
    gemm_pack_b(&s->plan, w, s->inputs, packed);
    s->packed = packed;
    for (int i = 0; i < 2 && rows[i]; i++) {
        const gemm_shape shape = { .m = s->group, .n = rows[i], .k = n, .b_transposed = true, .exact = true };
        gemm_choose(p->kernels, &shape, true, &s->state[i]);
        char *state = plan_packed(p, s->directions * s->state[i].packed_bytes);
        if (!state)
            return false;
        for (size_t d = 0; d < s->directions; d++)
            gemm_pack_b(&s->state[i], r + (d * s->gates * n + (i ? rows[0] : 0)) * n, n,
                        state + d * s->state[i].packed_bytes);
        s->state_packed[i] = state;
    }
    s->state_scratch = size_align(s->group * (s->gates + 2) * n * sizeof(float), 64);
    return true;
}

/* As many sequences as divide the batch: of 16 (96 hidden), 8 together take a third of the time of each alone. */
static size_t group_of(size_t batch)
{
    enum { MOST = 8 };
    size_t group = MIN(batch, MOST);
    while (batch % group)
        group--;
    return group;
}

static plan_result emit_recurrence(planner *p, graph_node *node, rnn_step *s, int products)
{
    int inputs[3] = { products, -1, -1 }, count = 1, outputs[3] = { -1, -1, -1 };
    int *states[2] = { &s->h_input, &s->c_input };
    bool failed = false;
    for (int i = 0; i < 2; i++) {
        graph_value *state = graph_input(node, 5 + i);
        *states[i] = state ? count : -1;
        if (state)
            failed |= (inputs[count++] = plan_plain(p, state)) < 0;
    }
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i])
            failed |= (outputs[i] = plan_new_plain(p, node->outputs[i])) < 0;
    if (failed)
        return PLAN_FAILED;
    /* Outputs that nobody reads stay away; the last that is there ends the list. */
    const size_t scratch = s->state_scratch + MAX(s->state[0].scratch_bytes, s->state[1].scratch_bytes);
    program_step *step =
        plan_add_step(p, node, s->gates == 4 ? "lstm_cells" : "gru_cells", run_recurrence,
                      (int)(s->directions * (s->batch / s->group)), scratch, inputs, count, outputs, 0, s, sizeof(*s));
    int *kept = step ? plan_alloc(p, sizeof(outputs)) : NULL;
    if (!kept)
        return PLAN_FAILED;
    memcpy(kept, outputs, sizeof(outputs));
    step->outputs = kept;
    step->output_count = node->output_count;
    step->operations = 2 * (int64_t)(s->steps * s->batch * s->directions * s->gates * s->hidden * s->hidden);
    return PLAN_DONE;
}

plan_result plan_rnn(planner *p, graph_node *node)
{
    const rnn_params *params = node->params;
    graph_value *x = node->inputs[0], *r_value = node->inputs[2];
    const float *w = constant_floats(p, node->inputs[1]), *r = constant_floats(p, r_value);
    if (!w || !r || x->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(x) < 1 ||
        graph_element_count(r_value) < 1 || !usual(params) || graph_input(node, 4) || graph_input(node, 7) ||
        !p->kernels->eltwise.act[CPU_ACT_SIGMOID] || !p->kernels->eltwise.act[CPU_ACT_TANH] ||
        (graph_input(node, 3) && !constant_floats(p, graph_input(node, 3))))
        return PLAN_PASS;
    rnn_step s = { .kernels = p->kernels, .gates = (size_t)params->gates, .hidden = (size_t)r_value->info.dims[2],
                   .inputs = (size_t)x->info.dims[2], .steps = (size_t)x->info.dims[params->batch_first],
                   .batch = (size_t)x->info.dims[!params->batch_first], .directions = (size_t)r_value->info.dims[0],
                   .batch_first = params->batch_first, .reverse = params->direction == OP_RNN_REVERSE,
                   .linear_before_reset = params->linear_before_reset };
    s.group = group_of(s.batch);
    const gemm_shape shape = { .m = s.steps * s.batch, .n = s.directions * s.gates * s.hidden, .k = s.inputs,
                               .b_transposed = true, .exact = p->options->precision == ONYX_PRECISION_STRICT,
                               .threads = plan_threads(p) };
    gemm_choose(p->kernels, &shape, true, &s.plan);
    graph_value *products = graph_add_value(p->graph, node->name);
    const int src = plan_plain(p, x);
    if (!products || src < 0 || !pack_biases(p, node, &s) || !pack_weights(p, &s, w, r))
        return PLAN_FAILED;
    products->info = (op_value){ .type = ONYX_TYPE_FLOAT32, .rank = 2, .dims = { (int64_t)shape.m, (int64_t)shape.n } };
    const int between = plan_temporary(p, products);
    program_step *step = plan_add_step(p, node, s.plan.name, run_inputs, s.plan.parts, s.plan.scratch_bytes, &src, 1,
                                       &between, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->operations = 2 * (int64_t)(shape.m * shape.n * shape.k);
    return emit_recurrence(p, node, &s, between);
}
