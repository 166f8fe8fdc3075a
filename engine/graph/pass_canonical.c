/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One way to write each thing: what other passes and fast kernels then need to know is fewer. Rows of {operator,
 * rewrite}; each rewrite looks at one node and is exact. float32 only. */
#include "graph/passes.h"

#include <math.h>

typedef onyx_status rewrite_function(graph *g, graph_node *node, bool *changed, onyx_error *error);

/* op(x), with at most one more constant operand; in place of `last`. */
static onyx_status to_unary(graph *g, graph_node *last, const char *op, graph_value *x, bool *changed,
                            onyx_error *error)
{
    *changed = true;
    return graph_substitute(g, last, "", op, last->name, &x, 1, NULL, 0, NULL, error);
}

static onyx_status to_clip(graph *g, graph_node *last, graph_value *x, double low, double high, bool *changed,
                           onyx_error *error)
{
    if (low == 0 && high == (double)INFINITY)
        return to_unary(g, last, "Relu", x, changed, error);
    graph_value *inputs[3] = { x, NULL, NULL };
    const double limits[2] = { low, high };
    for (int i = 0; i < 2; i++)
        if (!isinf(limits[i]))
            STATUS_TRY(graph_add_numbers(g, last->name, &limits[i], 0, NULL, &inputs[1 + i], error));
    *changed = true;
    return graph_substitute(g, last, "", "Clip", last->name, inputs,
                            inputs[2]   ? 3
                            : inputs[1] ? 2
                                        : 1,
                            NULL, 0, NULL, error);
}

/* Limits of Clip, Relu, Min(x, c) and Max(x, c); the tensor is *x. */
static bool limits_of(graph *g, const graph_node *node, graph_value **x, double *low, double *high)
{
    double number;
    float a, b;
    *low = -(double)INFINITY;
    *high = (double)INFINITY;
    if (!node || !graph_one_output(node) || !node->input_count || !graph_is_f32(node->inputs[0]))
        return false;
    *x = node->inputs[0];
    if (graph_is(node, "Relu")) {
        *low = 0;
        return true;
    }
    if (graph_is(node, "Clip")) {
        if (!graph_clip_limits(g, node, &a, &b))
            return false;
        *low = (double)a;
        *high = (double)b;
        return true;
    }
    if (!graph_is(node, "Min") && !graph_is(node, "Max"))
        return false;
    const int index = graph_with_scalar(g, node, &number);
    if (index < 0 || isnan(number))
        return false;
    *x = node->inputs[index];
    *(graph_is(node, "Min") ? high : low) = number;
    return true;
}

/* Min and Max with a number, and chains of limits, become one Clip or Relu. max(min(x, h), l) is clip(x, l, h) for
 * l <= h, in either order. */
static onyx_status merge_limits(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_value *x, *inner_x;
    double low, high, inner_low, inner_high;
    if (!limits_of(g, node, &x, &low, &high))
        return ONYX_OK;
    graph_node *inner = x->producer;
    if (inner && limits_of(g, inner, &inner_x, &inner_low, &inner_high) &&
        fmax(low, inner_low) <= fmin(high, inner_high))
        return to_clip(g, node, inner_x, fmax(low, inner_low), fmin(high, inner_high), changed, error);
    const bool rare = graph_is(node, "Min") || graph_is(node, "Max") ||
                      (graph_is(node, "Clip") && low == 0 && high == (double)INFINITY);
    return rare ? to_clip(g, node, x, low, high, changed, error) : ONYX_OK;
}

/* Max(x, a * x) with 0 < a < 1 is LeakyRelu. */
static onyx_status max_to_leaky(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2 && node->input_count == 2 && graph_one_output(node); i++) {
        graph_value *x = node->inputs[i];
        graph_node *mul = graph_maker(node->inputs[1 - i], "Mul");
        double slope;
        const int index = mul ? graph_with_scalar(g, mul, &slope) : -1;
        if (index < 0 || mul->inputs[index] != x || slope <= 0 || slope >= 1)
            continue;
        const op_attribute alpha = attribute_float("alpha", (float)slope);
        *changed = true;
        return graph_substitute(g, node, "", "LeakyRelu", node->name, &x, 1, &alpha, 1, NULL, error);
    }
    return merge_limits(g, node, changed, error);
}

static onyx_status prelu_to_leaky(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    double slope;
    graph_value *x = node->inputs[0];
    if (!graph_is_f32(x) || !graph_one_output(node) || !graph_uniform(g, node->inputs[1], &slope))
        return ONYX_OK;
    *changed = true;
    if (slope == 0)
        return to_unary(g, node, "Relu", x, changed, error);
    const op_attribute alpha = attribute_float("alpha", (float)slope);
    return graph_substitute(g, node, "", "LeakyRelu", node->name, &x, 1, &alpha, 1, NULL, error);
}

static onyx_status simple_pow(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    double exponent;
    graph_value *x = node->inputs[0], *c = node->inputs[1];
    if (!graph_is_f32(x) || x->is_constant || !graph_one_output(node) || !graph_uniform(g, c, &exponent))
        return ONYX_OK;
    if (!graph_same_shape(x, node->outputs[0]) && c->info.rank != 0)
        return ONYX_OK;
    if (exponent == 0.5)
        return to_unary(g, node, "Sqrt", x, changed, error);
    if (exponent != 2)
        return ONYX_OK;
    *changed = true;
    return graph_substitute(g, node, "", "Mul", node->name, (graph_value *[]){ x, x }, 2, NULL, 0, NULL, error);
}

static onyx_status sum_to_add(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    if (node->input_count != 2 || !graph_one_output(node))
        return ONYX_OK;
    *changed = true;
    return graph_substitute(g, node, "", "Add", node->name, node->inputs, 2, NULL, 0, NULL, error);
}

/* A reduction over all spatial dims is a global pool, plus a Reshape where the dims are dropped. */
static onyx_status reduce_to_pool(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    bool axes[ONYX_MAX_RANK];
    graph_value *x = graph_input(node, 0), *pooled = NULL, *y = graph_output(node, 0);
    const char *op = graph_is(node, "ReduceMean") ? "GlobalAveragePool" : "GlobalMaxPool";
    if (!graph_is_f32(x) || !graph_one_output(node) || x->info.rank != 4 || !graph_shape_known(x) ||
        graph_element_count(x) <= 0 || graph_reduce_axes(g, node, axes) != 2 || !axes[2] || !axes[3])
        return ONYX_OK;
    *changed = true;
    if (y->info.rank == 4)
        return to_unary(g, node, op, x, changed, error);
    STATUS_TRY(graph_insert(g, node, "", op, node->name, &x, 1, NULL, 0, &pooled, error));
    return graph_substitute_reshape(g, node, pooled, y->info.rank, y->info.dims, error);
}

/* A pool whose one window is all of the picture. */
static onyx_status pool_to_global(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    op_window window;
    graph_value *x = node->inputs[0];
    if (!graph_is_f32(x) || !graph_one_output(node) || !op_pool_geometry(node->params, &x->info, &window) ||
        window.spatial != 2)
        return ONYX_OK;
    for (int i = 0; i < window.spatial; i++)
        if (window.kernel[i] != window.in[i] || window.out[i] != 1 || window.dilation[i] != 1 || window.pad_begin[i] ||
            window.pad_end[i])
            return ONYX_OK;
    return to_unary(g, node, graph_is(node, "AveragePool") ? "GlobalAveragePool" : "GlobalMaxPool", x, changed, error);
}

/* Reciprocal(Sqrt(x)) * y, y * Reciprocal(x): a division. */
static onyx_status mul_reciprocal(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2; i++) {
        graph_node *reciprocal = graph_maker(node->inputs[i], "Reciprocal");
        if (!reciprocal || !graph_is_f32(node->inputs[i]) || !graph_sole(node->inputs[i]) || !graph_one_output(node))
            continue;
        *changed = true;
        return graph_substitute(g, node, "", "Div", node->name,
                                (graph_value *[]){ node->inputs[1 - i], reciprocal->inputs[0] }, 2, NULL, 0, NULL,
                                error);
    }
    return ONYX_OK;
}

/* Before version 13, Softmax normalised over all dims from the axis on: with those as one dim, it is today's. */
static onyx_status modern_softmax(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const softmax_params *params = node->params;
    graph_value *x = node->inputs[0], *flat = NULL, *y = NULL;
    const int rank = x->info.rank;
    const int64_t axis = params->axis < 0 ? params->axis + rank : params->axis;
    const op_attribute last = attribute_int("axis", -1);
    int64_t dims[2] = { 1, 1 };
    if (!params->flatten || !graph_is_f32(x) || !graph_one_output(node) || graph_element_count(x) <= 0)
        return ONYX_OK;
    *changed = true;
    if (axis == rank - 1)
        return graph_substitute(g, node, "", node->row->name, node->name, &x, 1, &last, 1, NULL, error);
    for (int i = 0; i < rank; i++)
        dims[i >= axis] *= x->info.dims[i];
    STATUS_TRY(graph_insert_reshape(g, node, node->name, x, 2, dims, &flat, error));
    STATUS_TRY(graph_insert(g, node, "", node->row->name, node->name, &flat, 1, &last, 1, &y, error));
    return graph_substitute_reshape(g, node, y, rank, x->info.dims, error);
}

static const struct {
    const char *op;
    rewrite_function *rewrite;
} rewrites[] = {
    { "Clip", merge_limits },        { "Relu", merge_limits },
    { "Min", merge_limits },         { "Max", max_to_leaky },
    { "PRelu", prelu_to_leaky },     { "Pow", simple_pow },
    { "Sum", sum_to_add },           { "ReduceMean", reduce_to_pool },
    { "ReduceMax", reduce_to_pool }, { "AveragePool", pool_to_global },
    { "MaxPool", pool_to_global },   { "Mul", mul_reciprocal },
    { "Softmax", modern_softmax },   { "LogSoftmax", modern_softmax },
};

/* ONNX Runtime's FusedMatMul is one of ours with nothing behind the product. */
static onyx_status own_matmul(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const fused_matmul_params *p = node->params;
    const op_attribute attributes[] = { attribute_float("alpha", p->alpha), attribute_int("trans_a", p->trans_a),
                                        attribute_int("trans_b", p->trans_b) };
    *changed = true;
    return graph_substitute(g, node, OP_DOMAIN_ONYX, "FusedMatMul", node->name, node->inputs, 2, attributes,
                            ARRAY_LENGTH(attributes), NULL, error);
}

onyx_status pass_canonical(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    if (graph_is_in(node, OP_DOMAIN_MICROSOFT, "FusedMatMul") && graph_output(node, 0))
        STATUS_TRY(own_matmul(g, node, changed, error));
    GRAPH_EACH_NODE(g, node)
    for (size_t i = 0; i < ARRAY_LENGTH(rewrites) && !node->removed; i++)
        if (graph_is(node, rewrites[i].op) && graph_output(node, 0)) {
            STATUS_TRY(rewrites[i].rewrite(g, node, changed, error));
            break;
        }
    return ONYX_OK;
}
