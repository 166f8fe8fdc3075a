/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Recurrent layers: RNN, LSTM, GRU, computed in double, step by step. Gates in ONNX's order: i o f c, and z r h. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* ---- attributes ---- */

static const struct {
    const char *name;
    op_rnn_act act;
    float alpha, beta;
    int parameters;
} activations[] = {
    { "Relu", OP_RNN_RELU, 0, 0, 0 },
    { "Tanh", OP_RNN_TANH, 0, 0, 0 },
    { "Sigmoid", OP_RNN_SIGMOID, 0, 0, 0 },
    { "Affine", OP_RNN_AFFINE, 1, 0, 2 },
    { "LeakyRelu", OP_RNN_LEAKY_RELU, 0.01f, 0, 1 },
    { "ThresholdedRelu", OP_RNN_THRESHOLDED_RELU, 1, 0, 1 },
    { "ScaledTanh", OP_RNN_SCALED_TANH, 1, 1, 2 },
    { "HardSigmoid", OP_RNN_HARD_SIGMOID, 0.2f, 0.5f, 2 },
    { "Elu", OP_RNN_ELU, 1, 0, 1 },
    { "Softsign", OP_RNN_SOFTSIGN, 0, 0, 0 },
    { "Softplus", OP_RNN_SOFTPLUS, 0, 0, 0 },
};

static bool same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    return *a == *b;
}

/* alphas and betas hold one number for each function that has parameters, in order. */
static onyx_status parse_activations(const op_parse_context *context, rnn_params *p, int per_direction)
{
    const op_attribute *names = op_attribute_find(&context->attributes, "activations", OP_ATTRIBUTE_STRINGS);
    const op_attribute *alphas = op_attribute_find(&context->attributes, "activation_alpha", OP_ATTRIBUTE_FLOATS);
    const op_attribute *betas = op_attribute_find(&context->attributes, "activation_beta", OP_ATTRIBUTE_FLOATS);
    static const op_rnn_act usual[3] = { OP_RNN_SIGMOID, OP_RNN_TANH, OP_RNN_TANH };
    const int wanted = per_direction * (p->direction == OP_RNN_BIDIRECTIONAL ? 2 : 1);
    int alpha = 0, beta = 0;
    if (names && names->count != wanted)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "%d activations instead of %d", names->count, wanted);
    for (int i = 0; i < wanted; i++) {
        rnn_activation *act = &p->activations[i / per_direction][i % per_direction];
        size_t k = 0;
        if (!names) {
            *act = (rnn_activation){ per_direction == 1 ? OP_RNN_TANH : usual[i % per_direction], 0, 0 };
            continue;
        }
        while (k < ARRAY_LENGTH(activations) && !same_name(names->strings[i], activations[k].name))
            k++;
        if (k == ARRAY_LENGTH(activations))
            return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "activation '%s' is not known",
                               names->strings[i]);
        *act = (rnn_activation){ activations[k].act, activations[k].alpha, activations[k].beta };
        if (activations[k].parameters > 0 && alphas && alpha < alphas->count)
            act->alpha = alphas->floats[alpha++];
        if (activations[k].parameters > 1 && betas && beta < betas->count)
            act->beta = betas->floats[beta++];
    }
    return ONYX_OK;
}

static onyx_status parse(const op_parse_context *context, rnn_params *p, int gates, int per_direction)
{
    const char *direction = op_attribute_string(&context->attributes, "direction", "forward");
    const op_attribute *clip = op_attribute_find(&context->attributes, "clip", OP_ATTRIBUTE_FLOAT);
    p->gates = gates;
    p->hidden = op_attribute_int(&context->attributes, "hidden_size", 0);
    p->batch_first = op_attribute_int(&context->attributes, "layout", 0) != 0;
    p->clip = clip && clip->f > 0 ? clip->f : INFINITY;
    p->linear_before_reset = op_attribute_int(&context->attributes, "linear_before_reset", 0) != 0;
    p->input_forget = op_attribute_int(&context->attributes, "input_forget", 0) != 0;
    if (strcmp(direction, "forward") == 0)
        p->direction = OP_RNN_FORWARD;
    else if (strcmp(direction, "reverse") == 0)
        p->direction = OP_RNN_REVERSE;
    else if (strcmp(direction, "bidirectional") == 0)
        p->direction = OP_RNN_BIDIRECTIONAL;
    else
        return status_fail(context->error, ONYX_ERROR_SHAPE, "direction is '%s'", direction);
    return parse_activations(context, p, per_direction);
}

onyx_status op_parse_rnn(const op_parse_context *context, void *params)
{
    return parse(context, params, 1, 1);
}

onyx_status op_parse_gru(const op_parse_context *context, void *params)
{
    return parse(context, params, 3, 2);
}

onyx_status op_parse_lstm(const op_parse_context *context, void *params)
{
    return parse(context, params, 4, 3);
}

/* ---- shapes ---- */

/* Input `index`, if there and known, has these dims (-1: any). */
static onyx_status check_dims(op_shape_context *context, int index, int rank, const int64_t *dims)
{
    const op_value *v = shape_input(context, index);
    if (!v)
        return ONYX_OK;
    STATUS_TRY(shape_rank(context, index, rank));
    for (int i = 0; i < rank && v->rank == rank; i++)
        if (dims[i] >= 0 && v->dims[i] >= 0 && v->dims[i] != dims[i]) {
            char has[SHAPE_TEXT_SIZE], wants[SHAPE_TEXT_SIZE];
            return shape_fail(context, "input %d is %s instead of %s", index, shape_text(v->rank, v->dims, has),
                              shape_text(rank, dims, wants));
        }
    return ONYX_OK;
}

onyx_status op_shape_rnn(op_shape_context *context)
{
    const rnn_params *p = context->params;
    const op_value *x = context->inputs[0], *r = shape_input(context, 2);
    const int64_t directions = p->direction == OP_RNN_BIDIRECTIONAL ? 2 : 1, gates = p->gates;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_rank(context, 0, 3));
    const bool known = x->rank == 3;
    const int64_t steps = known ? x->dims[p->batch_first] : -1, batch = known ? x->dims[!p->batch_first] : -1;
    const int64_t inputs = known ? x->dims[2] : -1;
    STATUS_TRY(shape_rank(context, 2, 3));
    const int64_t hidden = p->hidden > 0 ? p->hidden : r && r->rank == 3 ? r->dims[2] : -1;
    if (hidden > INT32_MAX)
        return shape_fail(context, "hidden_size is %lld", (long long)hidden);
    const int64_t wide = hidden < 0 ? -1 : gates * hidden;
    for (int i = 1; i < 8; i++)
        if (i != 4)
            STATUS_TRY(shape_same_type(context, 0, i));
    STATUS_TRY(shape_type(context, 4, TYPE_BIT(ONYX_TYPE_INT32)));
    STATUS_TRY(check_dims(context, 1, 3, (int64_t[]){ directions, wide, inputs }));
    STATUS_TRY(check_dims(context, 2, 3, (int64_t[]){ directions, wide, hidden }));
    STATUS_TRY(check_dims(context, 3, 2, (int64_t[]){ directions, wide < 0 ? -1 : 2 * wide }));
    STATUS_TRY(check_dims(context, 4, 1, (int64_t[]){ batch }));
    const int64_t state[3] = { p->batch_first ? batch : directions, p->batch_first ? directions : batch, hidden };
    for (int i = 5; i < 7; i++)
        STATUS_TRY(check_dims(context, i, 3, state));
    STATUS_TRY(check_dims(context, 7, 2, (int64_t[]){ directions, hidden < 0 ? -1 : 3 * hidden }));
    const int64_t y[4] = { p->batch_first ? batch : steps, p->batch_first ? steps : directions,
                           p->batch_first ? directions : batch, hidden };
    shape_set(&context->outputs[0], x->type, 4, y);
    for (int i = 1; i < context->output_count; i++)
        shape_set(&context->outputs[i], x->type, 3, state);
    return ONYX_OK;
}

/* ---- one direction ---- */

static double activate(const rnn_activation *f, double x)
{
    switch (f->act) {
    case OP_RNN_RELU:
        return x > 0 ? x : 0;
    case OP_RNN_TANH:
        return tanh(x);
    case OP_RNN_SIGMOID:
        return 1 / (1 + exp(-x));
    case OP_RNN_AFFINE:
        return (double)f->alpha * x + (double)f->beta;
    case OP_RNN_LEAKY_RELU:
        return x >= 0 ? x : (double)f->alpha * x;
    case OP_RNN_THRESHOLDED_RELU:
        return x > (double)f->alpha ? x : 0;
    case OP_RNN_SCALED_TANH:
        return (double)f->alpha * tanh((double)f->beta * x);
    case OP_RNN_HARD_SIGMOID:
        return fmin(1, fmax(0, (double)f->alpha * x + (double)f->beta));
    case OP_RNN_ELU:
        return x >= 0 ? x : (double)f->alpha * (exp(x) - 1);
    case OP_RNN_SOFTSIGN:
        return x / (1 + fabs(x));
    case OP_RNN_SOFTPLUS:
        return log1p(exp(x));
    }
    return x;
}

/* Weights of one direction, and one sequence on its way. Rows of w have `inputs`, rows of r `hidden` numbers; bias is
 * that of the input then that of the state, or NULL; peepholes i, o, f or NULL. */
typedef struct recurrence {
    const rnn_params *p;
    const rnn_activation *f;
    int64_t inputs, hidden;
    const double *w, *r, *bias, *peepholes;
    double *h, *c;     /* state */
    double *gates;     /* gates * hidden: sums of the input, then all */
    double *recurrent; /* the same of the state */
} recurrence;

static double dot(const double *a, const double *b, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static double clipped(const recurrence *s, double x)
{
    const double limit = (double)s->p->clip;
    return x > limit ? limit : x < -limit ? -limit : x;
}

static void sum_gates(recurrence *s, const double *x)
{
    const int64_t wide = s->p->gates * s->hidden;
    for (int64_t g = 0; g < wide; g++) {
        s->gates[g] = dot(s->w + g * s->inputs, x, s->inputs) + (s->bias ? s->bias[g] : 0);
        s->recurrent[g] = dot(s->r + g * s->hidden, s->h, s->hidden) + (s->bias ? s->bias[wide + g] : 0);
    }
}

static void step_rnn(recurrence *s)
{
    for (int64_t i = 0; i < s->hidden; i++)
        s->h[i] = activate(&s->f[0], clipped(s, s->gates[i] + s->recurrent[i]));
}

static void step_gru(recurrence *s)
{
    const int64_t n = s->hidden;
    double *z = s->gates, *r = s->gates + n, *h = s->gates + 2 * n;
    for (int64_t i = 0; i < 2 * n; i++)
        s->gates[i] = activate(&s->f[0], clipped(s, s->gates[i] + s->recurrent[i]));
    if (s->p->linear_before_reset) {
        for (int64_t i = 0; i < n; i++)
            h[i] += r[i] * s->recurrent[2 * n + i];
    } else {
        for (int64_t i = 0; i < n; i++)
            r[i] *= s->h[i];
        for (int64_t i = 0; i < n; i++)
            h[i] += dot(s->r + (2 * n + i) * n, r, n) + (s->bias ? s->bias[5 * n + i] : 0);
    }
    for (int64_t i = 0; i < n; i++)
        s->h[i] = (1 - z[i]) * activate(&s->f[1], clipped(s, h[i])) + z[i] * s->h[i];
}

static void step_lstm(recurrence *s)
{
    const int64_t n = s->hidden;
    const double *peep = s->peepholes;
    for (int64_t i = 0; i < n; i++) {
        double sums[4];
        for (int g = 0; g < 4; g++)
            sums[g] = s->gates[g * n + i] + s->recurrent[g * n + i];
        const double c = s->c[i];
        const double in = activate(&s->f[0], clipped(s, sums[0] + (peep ? peep[i] * c : 0)));
        const double forget = s->p->input_forget
                                  ? 1 - in
                                  : activate(&s->f[0], clipped(s, sums[2] + (peep ? peep[2 * n + i] * c : 0)));
        s->c[i] = forget * c + in * activate(&s->f[1], clipped(s, sums[3]));
        const double out = activate(&s->f[0], clipped(s, sums[1] + (peep ? peep[n + i] * s->c[i] : 0)));
        s->h[i] = out * activate(&s->f[2], s->c[i]);
    }
}

/* ---- the whole ---- */

typedef struct rnn_data {
    const double *inputs[8]; /* NULL: absent; input 4 is not a number */
    double *outputs[3];
    int64_t steps, batch, directions;
    const int32_t *lengths;
} rnn_data;

/* Offset of [direction][batch] in a state. */
static int64_t state_at(const rnn_params *p, const rnn_data *d, int64_t direction, int64_t b)
{
    return (p->batch_first ? b * d->directions + direction : direction * d->batch + b) * p->hidden;
}

static void load_state(double *state, const double *from, int64_t at, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        state[i] = from ? from[at + i] : 0;
}

static void run_sequence(recurrence *s, const rnn_data *d, int64_t direction, int64_t b, bool reverse)
{
    const rnn_params *p = s->p;
    const int64_t at = state_at(p, d, direction, b), n = p->hidden;
    const int64_t length = d->lengths ? MIN(MAX(d->lengths[b], 0), d->steps) : d->steps;
    load_state(s->h, d->inputs[5], at, n);
    load_state(s->c, d->inputs[6], at, n);
    for (int64_t k = 0; k < d->steps; k++) {
        const int64_t t = reverse && k < length ? length - 1 - k : k;
        const int64_t x_row = p->batch_first ? b * d->steps + t : t * d->batch + b;
        const int64_t y_row = p->batch_first ? (b * d->steps + t) * d->directions + direction
                                             : (t * d->directions + direction) * d->batch + b;
        if (k < length) {
            sum_gates(s, d->inputs[0] + x_row * s->inputs);
            p->gates == 1 ? step_rnn(s) : p->gates == 3 ? step_gru(s) : step_lstm(s);
        }
        for (int64_t i = 0; i < n && d->outputs[0]; i++)
            d->outputs[0][y_row * n + i] = k < length ? s->h[i] : 0;
    }
    for (int64_t i = 0; i < n && d->outputs[1]; i++)
        d->outputs[1][at + i] = s->h[i];
    for (int64_t i = 0; i < n && d->outputs[2]; i++)
        d->outputs[2][at + i] = s->c[i];
}

onyx_status op_run_rnn(op_run_context *context)
{
    rnn_params p = *(const rnn_params *)context->params;
    const onyx_tensor *x = context->inputs[0], *lengths = run_input(context, 4);
    rnn_data d = { .steps = x->dims[p.batch_first],
                   .batch = x->dims[!p.batch_first],
                   .directions = p.direction == OP_RNN_BIDIRECTIONAL ? 2 : 1,
                   .lengths = lengths ? lengths->data : NULL };
    onyx_status status = ONYX_OK;
    p.hidden = context->inputs[2]->dims[2];
    for (int i = 0; i < 8; i++)
        if (i != 4 && run_input(context, i))
            d.inputs[i] = lanes_of_tensor(context, context->inputs[i], LANE_F64, &status);
    for (int i = 0; i < 3; i++)
        if (run_output(context, i))
            d.outputs[i] = lanes_for_output(context, context->outputs[i], LANE_F64, &status);
    const int64_t n = p.hidden, wide = p.gates * n;
    double *memory = run_scratch(context, (size_t)(2 * n + 2 * wide), sizeof(double), &status);
    STATUS_TRY(status);
    for (int64_t k = 0; k < d.directions; k++) {
        recurrence s = { .p = &p, .f = p.activations[k], .inputs = x->dims[2], .hidden = n };
        s.w = d.inputs[1] + k * wide * s.inputs;
        s.r = d.inputs[2] + k * wide * n;
        s.bias = d.inputs[3] ? d.inputs[3] + k * 2 * wide : NULL;
        s.peepholes = d.inputs[7] ? d.inputs[7] + k * 3 * n : NULL;
        s.h = memory;
        s.c = memory + n;
        s.gates = memory + 2 * n;
        s.recurrent = s.gates + wide;
        for (int64_t b = 0; b < d.batch; b++)
            run_sequence(&s, &d, k, b, p.direction == OP_RNN_REVERSE || k == 1);
    }
    for (int i = 0; i < 3; i++)
        if (run_output(context, i))
            lanes_finish_output(context->outputs[i], LANE_F64, d.outputs[i]);
    return ONYX_OK;
}
