/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Constants around a convolution go into it. Behind: Mul, Div, Add, Sub by one number or one for each channel. In
 * front: a factor always (padding is zero before and after), a summand where there is no padding, and where there is it
 * goes in front of the factor. */
#include "graph/passes.h"

#include <math.h>
#include <stdlib.h>

/* y = x * a[c] + b[c] of a binary node with a constant: *x, and the functions of c. */
typedef struct affine_step {
    graph_value *x;
    const float *constant;
    int step;
    enum { STEP_ADD, STEP_SUB, STEP_FROM, STEP_MUL, STEP_DIV } kind; /* FROM: c - x */
} affine_step;

static bool affine_step_of(graph *g, const graph_node *node, affine_step *s)
{
    static const struct {
        const char *op;
        int kind, swapped; /* -1: not with the constant first */
    } rows[] = {
        { "Add", STEP_ADD, STEP_ADD },
        { "Sub", STEP_SUB, STEP_FROM },
        { "Mul", STEP_MUL, STEP_MUL },
        { "Div", STEP_DIV, -1 },
    };
    for (size_t r = 0; r < ARRAY_LENGTH(rows); r++) {
        if (!graph_is(node, rows[r].op) || !graph_one_output(node))
            continue;
        for (int i = 0; i < 2; i++) {
            graph_value *x = node->inputs[i], *c = node->inputs[1 - i];
            if (!graph_is_f32(x) || x->is_constant || (i == 1 && rows[r].swapped < 0) || x->info.rank < 3 ||
                !graph_along_axis(g, c, x, 1, &s->constant, &s->step))
                continue;
            s->x = x;
            s->kind = i == 0 ? rows[r].kind : rows[r].swapped;
            return true;
        }
    }
    return false;
}

static void affine_numbers(const affine_step *s, int64_t channels, double *a, double *b)
{
    for (int64_t i = 0; i < channels; i++) {
        const double c = s->constant[i * s->step];
        a[i] = s->kind == STEP_MUL ? c : s->kind == STEP_DIV ? 1 / c : s->kind == STEP_FROM ? -1 : 1;
        b[i] = s->kind == STEP_ADD || s->kind == STEP_FROM ? c : s->kind == STEP_SUB ? -c : 0;
    }
}

static onyx_status fold_behind(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    affine_step s;
    int64_t channels;
    if (!affine_step_of(g, node, &s) || !graph_sole(s.x))
        return ONYX_OK;
    graph_node *conv = graph_maker(s.x, "Conv");
    if (!conv)
        conv = graph_maker(s.x, "ConvTranspose");
    if (!conv || !graph_conv_constant(g, conv, &channels))
        return ONYX_OK;
    double *a = malloc(sizeof(*a) * 2 * (size_t)channels);
    if (!a)
        return status_no_memory(error, sizeof(*a) * 2 * (size_t)channels, "folded weights");
    affine_numbers(&s, channels, a, a + channels);
    const bool scales = s.kind == STEP_MUL || s.kind == STEP_DIV || s.kind == STEP_FROM;
    onyx_status status = graph_conv_rescale(g, conv, node, scales ? a : NULL, a + channels, error);
    free(a);
    *changed = true;
    return status;
}

/* ---- in front ---- */

static bool padded(const graph_node *conv)
{
    op_window window;
    if (!op_conv_geometry(conv->params, &conv->inputs[0]->info, &conv->inputs[1]->info, &window))
        return true;
    for (int i = 0; i < window.spatial; i++)
        if (window.pad_begin[i] || window.pad_end[i])
            return true;
    return false;
}

/* Weights times the factor of their input channel; bias plus what the summands give. w is [c_out][c_in / group][taps].
 */
static onyx_status fold_front_numbers(graph *g, graph_node *conv, const affine_step *s, const double *a,
                                      const double *b, graph_node **result, onyx_error *error)
{
    graph_value *weights = conv->inputs[1], *bias = graph_input(conv, 2);
    const float *w = graph_constant_f32(g, weights), *old = bias ? graph_constant_f32(g, bias) : NULL;
    const int64_t group = ((const conv_params *)conv->params)->group, c_out = weights->info.dims[0];
    const int64_t c_in = weights->info.dims[1], taps = graph_element_count(weights) / (c_out * c_in);
    buffer *w_storage, *b_storage;
    float *scaled, *sums;
    if (!w || (bias && !old))
        return status_no_memory(error, weights->constant.size_bytes, "folded weights");
    STATUS_TRY(graph_new_floats((size_t)graph_element_count(weights), &w_storage, &scaled, error));
    onyx_status status = graph_new_floats((size_t)c_out, &b_storage, &sums, error);
    if (status != ONYX_OK) {
        buffer_unref(w_storage);
        return status;
    }
    for (int64_t o = 0; o < c_out; o++) {
        double sum = old ? old[o] : 0;
        for (int64_t i = 0; i < c_in; i++) {
            const int64_t channel = o / (c_out / group) * c_in + i;
            for (int64_t t = 0; t < taps; t++, w++, scaled++) {
                sum += *w * b[channel];
                *scaled = (float)(*w * a[channel]);
            }
        }
        sums[o] = (float)sum;
    }
    graph_value *inputs[4] = { s->x, NULL, NULL, graph_input(conv, 3) };
    status = graph_add_f32(g, weights->name, weights->info.rank, weights->info.dims, w_storage, &inputs[1], error);
    if (status != ONYX_OK) {
        buffer_unref(b_storage);
        return status;
    }
    STATUS_TRY(graph_add_f32(g, bias ? bias->name : conv->name, 1, &c_out, b_storage, &inputs[2], error));
    return graph_substitute(g, conv, conv->row->domain, conv->row->name, conv->name, inputs, inputs[3] ? 4 : 3,
                            conv->attributes, conv->attribute_count, result, error);
}

/* x * a + b in front of padding is (x + b / a) * a: what x is then added to, and *s becomes the factor. False where the
 * summand is no such one. */
static onyx_status factor_last(graph *g, graph_node *conv, int64_t channels, affine_step *s, bool *done,
                               onyx_error *error)
{
    affine_step factor;
    graph_value *inputs[2] = { NULL, NULL }, *sum = NULL;
    const int rank = s->x->info.rank;
    int64_t dims[ONYX_MAX_RANK];
    buffer *storage;
    float *data;
    *done = false;
    if ((s->kind != STEP_ADD && s->kind != STEP_SUB) || !s->x->producer || !graph_sole(s->x) ||
        !affine_step_of(g, s->x->producer, &factor) || (factor.kind != STEP_MUL && factor.kind != STEP_DIV) ||
        !graph_same_shape(factor.x, s->x))
        return ONYX_OK;
    for (int i = 0; i < rank; i++)
        dims[i] = i == 1 ? channels : 1;
    STATUS_TRY(graph_new_floats((size_t)channels, &storage, &data, error));
    for (int64_t i = 0; i < channels; i++) {
        const double c = factor.constant[i * factor.step], b = s->constant[i * s->step];
        const double summand = (s->kind == STEP_SUB ? -b : b) / (factor.kind == STEP_DIV ? 1 / c : c);
        data[i] = (float)summand;
        if (!isfinite(data[i]) || !isfinite(1 / c) || c == 0) {
            buffer_unref(storage);
            return ONYX_OK;
        }
    }
    inputs[0] = factor.x;
    STATUS_TRY(graph_add_f32(g, s->x->name, rank, dims, storage, &inputs[1], error));
    STATUS_TRY(graph_insert(g, conv, "", "Add", s->x->name, inputs, 2, NULL, 0, &sum, error));
    *s = factor;
    s->x = sum;
    *done = true;
    return ONYX_OK;
}

/* *result: the convolution then. */
static onyx_status fold_front(graph *g, graph_node *conv, graph_node **result, onyx_error *error)
{
    affine_step s;
    int64_t channels;
    graph_value *x = conv->inputs[0];
    *result = conv;
    if (!x->producer || !graph_sole(x) || !affine_step_of(g, x->producer, &s) ||
        !graph_conv_constant(g, conv, &channels))
        return ONYX_OK;
    const int64_t c_in = conv->inputs[1]->info.dims[1] * ((const conv_params *)conv->params)->group;
    if (c_in < 1 || s.x->info.dims[1] != c_in)
        return ONYX_OK;
    if (s.kind != STEP_MUL && s.kind != STEP_DIV && padded(conv)) {
        bool done;
        STATUS_TRY(factor_last(g, conv, c_in, &s, &done, error));
        if (!done)
            return ONYX_OK;
    }
    double *a = malloc(sizeof(*a) * 2 * (size_t)c_in);
    if (!a)
        return status_no_memory(error, sizeof(*a) * 2 * (size_t)c_in, "folded weights");
    affine_numbers(&s, c_in, a, a + c_in);
    onyx_status status = fold_front_numbers(g, conv, &s, a, a + c_in, result, error);
    free(a);
    return status;
}

onyx_status pass_conv_scale(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (!graph_output(node, 0))
            continue;
        graph_node *conv = graph_is_conv(node) ? node : NULL, *folded;
        while (conv) {
            STATUS_TRY(fold_front(g, conv, &folded, error));
            *changed |= folded != conv;
            conv = folded != conv ? folded : NULL;
        }
        if (!graph_is_conv(node) && !node->removed)
            STATUS_TRY(fold_behind(g, node, changed, error));
    }
    return ONYX_OK;
}
