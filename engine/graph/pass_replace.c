/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the passes share: new nodes in the place of others. */
#include "graph/passes.h"

#include <assert.h>

/* Chains deeper than this are left to the pass `dead`, so that a long dead chain needs no deep stack. */
#define PRUNE_DEPTH 100

static void prune(graph *g, graph_node *node, int depth)
{
    enum { FEW = 8 };
    graph_node *makers[FEW];
    int count = 0;
    if (node->removed || graph_has_readers(node) || depth == 0)
        return;
    for (int i = 0; i < node->input_count && count < FEW; i++)
        if (node->inputs[i] && node->inputs[i]->producer)
            makers[count++] = node->inputs[i]->producer;
    graph_remove_node(g, node);
    for (int i = 0; i < count; i++)
        prune(g, makers[i], depth - 1);
}

void graph_prune(graph *g, graph_node *node)
{
    prune(g, node, PRUNE_DEPTH);
}

onyx_status graph_insert(graph *g, graph_node *before, const char *domain, const char *op, const char *name,
                         graph_value *const *inputs, int input_count, const op_attribute *attributes,
                         int attribute_count, graph_value **output, onyx_error *error)
{
    if (!*output)
        *output = graph_add_value(g, name);
    if (!*output)
        return status_no_memory(error, sizeof(graph_value), "a value");
    return graph_add_node(g, before, domain, op, name, inputs, input_count, output, 1, attributes, attribute_count,
                          NULL, error);
}

onyx_status graph_substitute(graph *g, graph_node *last, const char *domain, const char *op, const char *name,
                             graph_value *const *inputs, int input_count, const op_attribute *attributes,
                             int attribute_count, graph_node **node, onyx_error *error)
{
    assert(graph_one_output(last));
    graph_value *output = last->outputs[0];
    STATUS_TRY(graph_add_node(g, last, domain, op, name, inputs, input_count, &output, 1, attributes, attribute_count,
                              node, error));
    graph_prune(g, last);
    return ONYX_OK;
}

onyx_status graph_clone(graph *g, graph_node *node, graph_value *const *inputs, graph_value *const *outputs,
                        onyx_error *error)
{
    graph_node *clone = graph_new_node(g, node->row, node->version, node->name, node->input_count, node->output_count);
    if (!clone)
        return status_no_memory(error, sizeof(*clone), "a graph node");
    clone->attributes = node->attributes;
    clone->attribute_count = node->attribute_count;
    for (int i = 0; i < node->input_count; i++)
        if (inputs[i] && !graph_set_input(g, clone, i, inputs[i]))
            return status_no_memory(error, sizeof(void *), "users of a value");
    STATUS_TRY(graph_parse_node(g, clone, error));
    for (int i = 0; i < node->output_count; i++) {
        clone->outputs[i] = outputs[i];
        if (!outputs[i])
            continue;
        if (outputs[i]->producer)
            outputs[i]->producer->outputs[outputs[i]->producer_index] = NULL;
        outputs[i]->producer = clone;
        outputs[i]->producer_index = i;
    }
    graph_link_node(g, clone, node);
    return graph_node_infer(g, clone, error);
}

onyx_status graph_insert_like(graph *g, graph_node *node, graph_value *const *inputs, graph_value **output,
                              onyx_error *error)
{
    assert(node->output_count == 1);
    *output = graph_add_value(g, node->outputs[0]->name);
    if (!*output)
        return status_no_memory(error, sizeof(graph_value), "a value");
    return graph_clone(g, node, inputs, output, error);
}

onyx_status graph_bypass(graph *g, graph_node *node, graph_value *value, bool *done, onyx_error *error)
{
    graph_value *output = node->outputs[0];
    *done = false;
    if (output->output_uses && (!value->producer || value->output_uses))
        return ONYX_OK;
    STATUS_TRY(graph_replace_value(g, output, value, error));
    graph_prune(g, node);
    *done = true;
    return ONYX_OK;
}

onyx_status graph_insert_reshape(graph *g, graph_node *before, const char *name, graph_value *x, int rank,
                                 const int64_t *dims, graph_value **output, onyx_error *error)
{
    graph_value *shape;
    STATUS_TRY(graph_add_ints(g, name, dims, rank, &shape, error));
    return graph_insert(g, before, "", "Reshape", name, (graph_value *[]){ x, shape }, 2, NULL, 0, output, error);
}

onyx_status graph_substitute_reshape(graph *g, graph_node *last, graph_value *x, int rank, const int64_t *dims,
                                     onyx_error *error)
{
    graph_value *shape;
    STATUS_TRY(graph_add_ints(g, last->name, dims, rank, &shape, error));
    return graph_substitute(g, last, "", "Reshape", last->name, (graph_value *[]){ x, shape }, 2, NULL, 0, NULL, error);
}

static onyx_status perm_attribute(graph *g, const graph_value *x, const int *perm, op_attribute *attribute,
                                  onyx_error *error)
{
    int64_t wide[ONYX_MAX_RANK];
    for (int i = 0; i < x->info.rank; i++)
        wide[i] = perm[i];
    return attribute_ints(g, "perm", wide, x->info.rank, attribute)
               ? ONYX_OK
               : status_no_memory(error, sizeof(wide), "attributes");
}

onyx_status graph_insert_transpose(graph *g, graph_node *before, const char *name, graph_value *x, const int *perm,
                                   graph_value **output, onyx_error *error)
{
    op_attribute attribute;
    STATUS_TRY(perm_attribute(g, x, perm, &attribute, error));
    return graph_insert(g, before, "", "Transpose", name, &x, 1, &attribute, 1, output, error);
}

onyx_status graph_substitute_transpose(graph *g, graph_node *last, const char *name, graph_value *x, const int *perm,
                                       onyx_error *error)
{
    op_attribute attribute;
    STATUS_TRY(perm_attribute(g, x, perm, &attribute, error));
    return graph_substitute(g, last, "", "Transpose", name, &x, 1, &attribute, 1, NULL, error);
}

/* ---- convolutions ---- */

bool graph_conv_constant(graph *g, const graph_node *conv, int64_t *channels)
{
    graph_value *w = graph_input(conv, 1), *b = graph_input(conv, 2);
    const int64_t group = ((const conv_params *)conv->params)->group;
    if (!w || !w->is_constant || !graph_is_f32(w) || w->info.rank < 3 || (b && !graph_constant_f32(g, b)) || group < 1)
        return false;
    *channels = graph_is(conv, "ConvTranspose") ? w->info.dims[1] * group : w->info.dims[0];
    return *channels > 0 && graph_element_count(w) > 0 && (!b || graph_element_count(b) == *channels);
}

/* w[...] *= a of its output channel. ConvTranspose stores [c_in][c_out / group][kernel]. */
static void scale_weights(const graph_node *conv, const float *w, float *scaled, const double *a)
{
    const graph_value *value = conv->inputs[1];
    const bool transposed = graph_is(conv, "ConvTranspose");
    const int64_t group = ((const conv_params *)conv->params)->group;
    const int64_t first = value->info.dims[0], second = value->info.dims[1];
    const int64_t taps = graph_element_count(value) / (first * second);
    for (int64_t i = 0; i < first; i++)
        for (int64_t j = 0; j < second; j++) {
            const int64_t channel = transposed ? i / (first / group) * second + j : i;
            for (int64_t t = 0; t < taps; t++, w++, scaled++)
                *scaled = (float)(*w * (a ? a[channel] : 1));
        }
}

onyx_status graph_conv_rescale(graph *g, const graph_node *conv, graph_node *last, const double *a, const double *b,
                               onyx_error *error)
{
    int64_t channels;
    const bool constant = graph_conv_constant(g, conv, &channels);
    graph_value *weights = conv->inputs[1], *bias = NULL, *old_bias = graph_input(conv, 2);
    const float *w = graph_constant_f32(g, weights), *old = old_bias ? graph_constant_f32(g, old_bias) : NULL;
    buffer *storage;
    float *data;
    if (!constant || !w || (old_bias && !old))
        return status_no_memory(error, weights->constant.size_bytes, "folded weights");
    if (a) {
        STATUS_TRY(graph_new_floats((size_t)graph_element_count(weights), &storage, &data, error));
        scale_weights(conv, w, data, a);
        STATUS_TRY(graph_add_f32(g, weights->name, weights->info.rank, weights->info.dims, storage, &weights, error));
    }
    STATUS_TRY(graph_new_floats((size_t)channels, &storage, &data, error));
    for (int64_t i = 0; i < channels; i++)
        data[i] = (float)((old ? old[i] : 0.0) * (a ? a[i] : 1) + (b ? b[i] : 0));
    STATUS_TRY(graph_add_f32(g, old_bias ? old_bias->name : conv->name, 1, &channels, storage, &bias, error));
    return graph_substitute(g, last, conv->row->domain, conv->row->name, conv->name,
                            (graph_value *[]){ conv->inputs[0], weights, bias }, 3, conv->attributes,
                            conv->attribute_count, NULL, error);
}

onyx_status graph_fuse_conv(graph *g, const graph_node *conv, graph_node *last, graph_value *residual,
                            bool residual_before, const op_activation *activation, onyx_error *error)
{
    op_attribute attributes[MOST_CONV_ATTRIBUTES + ACTIVATION_ATTRIBUTES + 1];
    assert(conv->attribute_count <= MOST_CONV_ATTRIBUTES);
    int count = attributes_with_activation(conv, activation, attributes);
    attributes[count++] = attribute_int("residual_before", residual && residual_before);
    graph_value *inputs[4] = { conv->inputs[0], conv->inputs[1], graph_input(conv, 2), residual };
    const int input_count = residual ? 4 : inputs[2] ? 3 : 2;
    return graph_substitute(g, last, OP_DOMAIN_ONYX, "FusedConv", conv->name, inputs, input_count, attributes, count,
                            NULL, error);
}
