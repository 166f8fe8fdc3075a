/* SPDX-License-Identifier: BSD-2-Clause
 *
 * LayerNormalization in parts: d = x - mean(x); y = d / sqrt(mean(d * d) + epsilon), over the last dims; and
 * RMSNormalization, where d is x. The division is found first and gets a scale of ones; a Mul and an Add by constants
 * of the normalised shape then go into it. */
#include "graph/passes.h"

#include <string.h>

/* ReduceMean over the last `count` dims, kept: its input, else NULL. */
static graph_value *mean_of_last(graph *g, const graph_value *value, int *count)
{
    bool axes[ONYX_MAX_RANK];
    graph_node *mean = graph_maker(value, "ReduceMean");
    const int marked = mean && ((const reduce_params *)mean->params)->keepdims ? graph_reduce_axes(g, mean, axes) : -1;
    if (marked < 1)
        return NULL;
    for (int i = 0; i < marked; i++)
        if (!axes[mean->inputs[0]->info.rank - 1 - i])
            return NULL;
    *count = marked;
    return mean->inputs[0];
}

/* value = d * d: d */
static graph_value *square_of(graph *g, const graph_value *value)
{
    double exponent;
    graph_node *mul = graph_maker(value, "Mul"), *pow = graph_maker(value, "Pow");
    if (mul && mul->inputs[0] == mul->inputs[1])
        return mul->inputs[0];
    return pow && graph_uniform(g, pow->inputs[1], &exponent) && exponent == 2 ? pow->inputs[0] : NULL;
}

/* d = x - mean(x): x. Exporters may compute d twice; then both have the same x. */
static graph_value *centred(graph *g, const graph_value *d, int *count)
{
    graph_node *sub = graph_maker(d, "Sub");
    return sub && mean_of_last(g, sub->inputs[1], count) == sub->inputs[0] ? sub->inputs[0] : NULL;
}

static onyx_status match_division(graph *g, graph_node *div, bool *changed, onyx_error *error)
{
    double epsilon;
    int count = 0, var_count = 0, again = 0;
    graph_node *root = graph_maker(div->inputs[1], "Sqrt");
    graph_node *add = root ? graph_maker(root->inputs[0], "Add") : NULL;
    const int index = add ? graph_with_scalar(g, add, &epsilon) : -1;
    graph_value *square = index >= 0 ? mean_of_last(g, add->inputs[index], &var_count) : NULL;
    graph_value *d = square ? square_of(g, square) : NULL;
    const bool uncentred = d && d == div->inputs[0] && !centred(g, d, &count);
    graph_value *x = uncentred ? d : d ? centred(g, d, &count) : NULL;
    count = uncentred ? var_count : count;
    if (!x || count != var_count || !graph_is_f32(x) ||
        (!uncentred && (centred(g, div->inputs[0], &again) != x || again != count)))
        return ONYX_OK;
    int64_t elements = 1;
    const int64_t *dims = x->info.dims + x->info.rank - count;
    for (int i = 0; i < count; i++) {
        if (dims[i] < 1 || dims[i] > MOST_FROM_SHAPES / elements)
            return ONYX_OK;
        elements *= dims[i];
    }
    buffer *storage;
    float *data;
    graph_value *inputs[2] = { x, NULL };
    STATUS_TRY(graph_new_floats((size_t)elements, &storage, &data, error));
    for (int64_t i = 0; i < elements; i++)
        data[i] = 1;
    STATUS_TRY(graph_add_f32(g, div->name, count, dims, storage, &inputs[1], error));
    const op_attribute attributes[] = { attribute_int("axis", -count), attribute_float("epsilon", (float)epsilon) };
    *changed = true;
    return graph_substitute(g, div, "", uncentred ? "RMSNormalization" : "LayerNormalization", div->name, inputs, 2,
                            attributes, 2, NULL, error);
}

/* LayerNormalization(x) * c or + c, c constant with the normalised shape (or one number): into scale and bias.
 * RMSNormalization has no bias. */
static onyx_status absorb(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2; i++) {
        graph_value *y = node->inputs[i], *c = node->inputs[1 - i];
        graph_node *norm = graph_maker(y, "LayerNormalization");
        norm = norm || graph_is(node, "Add") ? norm : graph_maker(y, "RMSNormalization");
        if (!norm || !graph_sole(y) || !graph_one_output(norm) || !graph_one_output(node) ||
            !graph_is_f32(norm->inputs[0]))
            continue;
        graph_value *scale = norm->inputs[1], *bias = graph_input(norm, 2);
        const float *number = graph_constant_f32(g, c), *s = graph_constant_f32(g, scale);
        const float *b = bias ? graph_constant_f32(g, bias) : NULL;
        const int64_t n = graph_element_count(scale), c_count = graph_element_count(c);
        const bool adds = graph_is(node, "Add");
        if (!number || !s || (bias && (!b || graph_element_count(bias) != n)) || c->info.rank > y->info.rank || n < 1 ||
            (c_count != 1 && c_count != n))
            continue;
        bool fits = true; /* dims of c at the end are those of the scale */
        for (int d = 0; d < scale->info.rank && c_count != 1; d++) {
            const int at = c->info.rank - scale->info.rank + d;
            fits = fits && (at < 0 ? scale->info.dims[d] == 1 : c->info.dims[at] == scale->info.dims[d]);
        }
        if (!fits)
            continue;
        buffer *storage;
        float *data;
        graph_value *inputs[3] = { norm->inputs[0], scale, bias };
        for (int k = adds ? 2 : 1; k < 3; k++) {
            if (k == 2 && !adds && !bias)
                continue;
            const float *old = k == 1 ? s : b;
            STATUS_TRY(graph_new_floats((size_t)n, &storage, &data, error));
            for (int64_t j = 0; j < n; j++) {
                const float value = number[c_count == 1 ? 0 : j];
                data[j] = adds ? (old ? old[j] : 0) + value : old[j] * value;
            }
            STATUS_TRY(graph_add_f32(g, c->name, scale->info.rank, scale->info.dims, storage, &inputs[k], error));
        }
        *changed = true;
        return graph_substitute(g, node, "", norm->row->name, norm->name, inputs, inputs[2] ? 3 : 2, norm->attributes,
                                norm->attribute_count, NULL, error);
    }
    return ONYX_OK;
}

onyx_status pass_layer_norm(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (!graph_output(node, 0) || !graph_one_output(node))
            continue;
        if (graph_is(node, "Div"))
            STATUS_TRY(match_division(g, node, changed, error));
        else if (graph_is(node, "Mul") || graph_is(node, "Add"))
            STATUS_TRY(absorb(g, node, changed, error));
    }
    return ONYX_OK;
}
