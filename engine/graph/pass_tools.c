/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the passes share: attributes, constants, and what a node is. */
#include "graph/passes.h"

#include <math.h>
#include <string.h>

#include "ops/shape.h"

/* ---- attributes ---- */

op_attribute attribute_int(const char *name, int64_t value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_INT, .i = value };
}

int attributes_but(const graph_node *node, const char *const *names, size_t count, op_attribute *attributes)
{
    int kept = 0;
    for (int i = 0; i < node->attribute_count; i++) {
        size_t k = 0;
        while (k < count && strcmp(node->attributes[i].name, names[k]) != 0)
            k++;
        if (k == count)
            attributes[kept++] = node->attributes[i];
    }
    return kept;
}

op_attribute attribute_float(const char *name, float value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_FLOAT, .f = value };
}

op_attribute attribute_string(const char *name, const char *value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_STRING, .s = value, .s_length = strlen(value) };
}

bool attribute_ints(graph *g, const char *name, const int64_t *values, int count, op_attribute *attribute)
{
    const int64_t *copy = arena_copy(g->arena, values, sizeof(*values) * (size_t)count);
    *attribute = (op_attribute){ .name = name, .type = OP_ATTRIBUTE_INTS, .ints = copy, .count = count };
    return copy != NULL;
}

bool attribute_window(graph *g, const op_window *window, op_attribute attributes[WINDOW_ATTRIBUTES])
{
    const int spatial = window->spatial;
    int64_t pads[2 * OP_MAX_SPATIAL];
    for (int i = 0; i < spatial; i++) {
        pads[i] = window->pad_begin[i];
        pads[spatial + i] = window->pad_end[i];
    }
    return attribute_ints(g, "kernel_shape", window->kernel, spatial, &attributes[0]) &&
           attribute_ints(g, "strides", window->stride, spatial, &attributes[1]) &&
           attribute_ints(g, "dilations", window->dilation, spatial, &attributes[2]) &&
           attribute_ints(g, "pads", pads, 2 * spatial, &attributes[3]);
}

int attributes_with_window(graph *g, const graph_node *conv, const op_window *window, op_attribute *attributes)
{
    static const char *const own[] = { "kernel_shape", "strides", "dilations", "pads", "auto_pad" };
    const int count = attributes_but(conv, own, ARRAY_LENGTH(own), attributes);
    return attribute_window(g, window, attributes + count) ? count + WINDOW_ATTRIBUTES : -1;
}

void attribute_activation(const op_activation *activation, op_attribute attributes[ACTIVATION_ATTRIBUTES])
{
    attributes[0] = attribute_string("activation", op_act_name(activation->act));
    attributes[1] = attribute_float("activation_a", activation->a);
    attributes[2] = attribute_float("activation_b", activation->b);
}

int attributes_with_activation(const graph_node *conv, const op_activation *activation, op_attribute *attributes)
{
    static const char *const own[] = { "activation", "activation_a", "activation_b", "residual_before" };
    const int count = attributes_but(conv, own, ARRAY_LENGTH(own), attributes);
    attribute_activation(activation, attributes + count);
    return count + ACTIVATION_ATTRIBUTES;
}

/* ---- looking ---- */

bool graph_one_output(const graph_node *node)
{
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i] && graph_is_read(node->outputs[i]))
            return false;
    return graph_output(node, 0) != NULL;
}

bool graph_same_shape(const graph_value *a, const graph_value *b)
{
    if (!graph_shape_known(a) || !graph_shape_known(b) || a->info.rank != b->info.rank)
        return false;
    return memcmp(a->info.dims, b->info.dims, sizeof(*a->info.dims) * (size_t)a->info.rank) == 0;
}

graph_node *graph_maker_in(const graph_value *value, const char *domain, const char *op)
{
    return value && value->producer && value->producer_index == 0 && graph_is_in(value->producer, domain, op)
               ? value->producer
               : NULL;
}

graph_node *graph_maker(const graph_value *value, const char *op)
{
    return graph_maker_in(value, "", op);
}

bool graph_is_conv(const graph_node *node)
{
    return (graph_is(node, "Conv") || graph_is_in(node, OP_DOMAIN_ONYX, "FusedConv")) && graph_one_output(node) &&
           graph_is_f32(node->inputs[0]);
}

bool graph_is_point(const op_window *window)
{
    for (int i = 0; i < window->spatial; i++)
        if (window->kernel[i] != 1 || window->stride[i] != 1 || window->pad_begin[i] != 0 || window->pad_end[i] != 0)
            return false;
    return true;
}

graph_node *graph_maker_conv(const graph_value *value)
{
    return value && value->producer && value->producer_index == 0 && graph_is_conv(value->producer) ? value->producer
                                                                                                    : NULL;
}

bool graph_conv_grows(graph *g, const graph_node *conv)
{
    op_activation activation;
    const graph_node *reader = graph_single_user(conv->outputs[0]);
    return reader && graph_conv_activation(conv)->act == OP_ACT_NONE && graph_activation_of(g, reader, &activation);
}

graph_value *graph_picture_of(const graph_value *value)
{
    const graph_node *reshape = graph_sole(value) ? graph_maker(value, "Reshape") : NULL;
    graph_value *x = reshape ? reshape->inputs[0] : NULL;
    const int rank = value->info.rank;
    if (!x || !x->producer || !graph_is_f32(x) || x->info.rank != 4 || rank < 2 || rank > 3 ||
        graph_element_count(x) <= 0 || graph_element_count(value) <= 0 ||
        x->info.dims[0] != (rank == 3 ? value->info.dims[0] : 1) || x->info.dims[1] != value->info.dims[rank - 2])
        return NULL;
    return x;
}

bool graph_has_row(const char *domain, const char *op)
{
    return op_find(domain, op, *domain ? 1 : MODEL_NEWEST_OPSET) != NULL;
}

/* ---- constants ---- */

int graph_constant_ints(graph *g, graph_value *value, int64_t *ints, int max)
{
    if (!value || !value->is_constant || (value->info.type != ONYX_TYPE_INT64 && value->info.type != ONYX_TYPE_INT32))
        return -1;
    const int64_t count = graph_element_count(value);
    const onyx_tensor *tensor = count >= 0 && count <= max ? graph_constant(g, value) : NULL;
    if (!tensor)
        return -1;
    for (int i = 0; i < count; i++)
        ints[i] =
            tensor->type == ONYX_TYPE_INT64 ? ((const int64_t *)tensor->data)[i] : ((const int32_t *)tensor->data)[i];
    return (int)count;
}

const float *graph_constant_f32(graph *g, graph_value *value)
{
    if (!value || !value->is_constant || !graph_is_f32(value))
        return NULL;
    const onyx_tensor *tensor = graph_constant(g, value);
    return tensor ? tensor->data : NULL;
}

static bool element_number(const onyx_tensor *tensor, size_t i, double *number)
{
    switch ((int)tensor->type) {
    case ONYX_TYPE_FLOAT32:
        *number = ((const float *)tensor->data)[i];
        return true;
    case ONYX_TYPE_FLOAT64:
        *number = ((const double *)tensor->data)[i];
        return true;
    case ONYX_TYPE_FLOAT16:
        *number = half_to_float(((const uint16_t *)tensor->data)[i]);
        return true;
    case ONYX_TYPE_BFLOAT16:
        *number = bfloat16_to_float(((const uint16_t *)tensor->data)[i]);
        return true;
    case ONYX_TYPE_INT32:
        *number = ((const int32_t *)tensor->data)[i];
        return true;
    case ONYX_TYPE_INT64: /* larger ones would lose digits */
        *number = (double)((const int64_t *)tensor->data)[i];
        return fabs(*number) < 9007199254740992.0;
    default:
        return false;
    }
}

bool graph_uniform(graph *g, graph_value *value, double *number)
{
    if (!value || !value->is_constant || type_size(value->info.type) == 0 || graph_element_count(value) < 1)
        return false;
    const onyx_tensor *tensor = &value->constant; /* at any alignment: many are asked that are large, and not uniform */
    const size_t size = type_size(tensor->type), count = tensor->size_bytes / size;
    max_align_t aligned;
    onyx_tensor first = *tensor;
    first.data = &aligned;
    if (size > sizeof(aligned))
        return false;
    memcpy(first.data, tensor->data, size);
    if (!element_number(&first, 0, number))
        return false;
    for (size_t i = 1; i < count; i++)
        if (memcmp((const char *)tensor->data + i * size, tensor->data, size) != 0)
            return false;
    return true;
}

int graph_with_scalar(graph *g, const graph_node *node, double *number)
{
    if (node->input_count != 2 || !graph_one_output(node))
        return -1;
    for (int i = 1; i >= 0; i--) {
        graph_value *x = node->inputs[1 - i], *c = node->inputs[i];
        if (!graph_is_f32(x) || !c->is_constant || x->is_constant || !graph_uniform(g, c, number))
            continue;
        const bool small = graph_element_count(c) == 1 && (c->info.rank == 0 || c->info.rank <= x->info.rank);
        return small || graph_same_shape(x, node->outputs[0]) ? 1 - i : -1;
    }
    return -1;
}

bool graph_along_axis(graph *g, graph_value *value, const graph_value *like, int axis, const float **data, int *step)
{
    const int rank = like->info.rank;
    if (!value || axis >= rank || !graph_is_f32(value) || !value->is_constant || value->info.rank > rank ||
        like->info.dims[axis] < 1)
        return false;
    const int64_t count = graph_element_count(value);
    if (count != 1 && count != like->info.dims[axis])
        return false;
    const int at = axis - (rank - value->info.rank);
    if (count != 1 && (at < 0 || value->info.dims[at] != count))
        return false;
    *step = count != 1;
    *data = graph_constant_f32(g, value);
    return *data != NULL;
}

bool graph_clip_limits(graph *g, const graph_node *clip, float *low, float *high)
{
    float *limits[2] = { low, high };
    *low = -INFINITY;
    *high = INFINITY;
    for (int i = 0; i < 2; i++) {
        graph_value *limit = graph_input(clip, 1 + i);
        if (limit && (!graph_is_f32(limit) || !graph_scalar(g, limit, limits[i])))
            return false;
    }
    return *low <= *high;
}

bool graph_activation_of(graph *g, const graph_node *node, op_activation *activation)
{
    static const struct {
        const char *domain, *op;
        op_act act;
    } names[] = {
        { "", "Relu", OP_ACT_RELU },
        { "", "LeakyRelu", OP_ACT_LEAKY_RELU },
        { "", "Clip", OP_ACT_CLIP },
        { "", "Sigmoid", OP_ACT_SIGMOID },
        { "", "Tanh", OP_ACT_TANH },
        { "", "HardSigmoid", OP_ACT_HARD_SIGMOID },
        { "", "Gelu", OP_ACT_GELU },
        { "", "HardSwish", OP_ACT_HARD_SWISH },
        { "", "Mish", OP_ACT_MISH },
        { "", "Elu", OP_ACT_ELU },
        { OP_DOMAIN_ONYX, "Silu", OP_ACT_SILU },
        { "", "Swish", OP_ACT_SWISH },
        { OP_DOMAIN_MICROSOFT, "QuickGelu", OP_ACT_SWISH },
    };
    *activation = (op_activation){ .act = OP_ACT_NONE };
    if (!graph_one_output(node) || node->input_count < 1 || !graph_is_f32(node->inputs[0]))
        return false;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (graph_is_in(node, names[i].domain, names[i].op))
            activation->act = names[i].act;
    const unary_params *unary = node->params;
    switch (activation->act) {
    case OP_ACT_NONE:
        return false;
    case OP_ACT_LEAKY_RELU:
    case OP_ACT_ELU:
        activation->a = unary->alpha;
        return true;
    case OP_ACT_HARD_SIGMOID:
        activation->a = unary->alpha;
        activation->b = unary->beta;
        return true;
    case OP_ACT_SWISH:
        activation->a = unary->alpha;
        return unary->alpha >= 0.5f && unary->alpha <= 100;
    case OP_ACT_GELU:
        if (unary->tanh_form) /* (1 + tanh(z)) / 2 = sigmoid(2 * z) */
            *activation = (op_activation){ OP_ACT_SWISH, 1.59576912f, 0.0713548163f };
        return true;
    case OP_ACT_CLIP:
        return graph_clip_limits(g, node, &activation->a, &activation->b);
    default:
        return true;
    }
}

int graph_reduce_axes(graph *g, const graph_node *node, bool axes[ONYX_MAX_RANK])
{
    int64_t list[ONYX_MAX_RANK];
    const op_attributes attributes = { node->attributes, node->attribute_count };
    const op_attribute *attribute = op_attribute_find(&attributes, "axes", OP_ATTRIBUTE_INTS);
    const int rank = graph_input(node, 0) ? node->inputs[0]->info.rank : -1;
    int count = 0, marked = 0;
    if (rank < 0)
        return -1;
    if (graph_input(node, 1)) {
        count = graph_constant_ints(g, node->inputs[1], list, ONYX_MAX_RANK);
    } else if (attribute) {
        count = attribute->count <= ONYX_MAX_RANK ? attribute->count : -1;
        for (int i = 0; i < count; i++)
            list[i] = attribute->ints[i];
    }
    if (count < 0 || (count == 0 && ((const reduce_params *)node->params)->noop_with_empty_axes))
        return -1;
    for (int i = 0; i < rank; i++)
        axes[i] = count == 0;
    for (int i = 0; i < count; i++) {
        int axis;
        if (!axis_resolve(list[i], rank, &axis))
            return -1;
        axes[axis] = true;
    }
    for (int i = 0; i < rank; i++)
        marked += axes[i];
    return marked;
}

bool graph_permutation(const graph_node *transpose, int *rank, int perm[ONYX_MAX_RANK])
{
    const transpose_params *params = transpose->params;
    *rank = transpose->inputs[0]->info.rank;
    if (*rank < 0 || (params->count && params->count != *rank))
        return false;
    for (int i = 0; i < *rank; i++)
        perm[i] = params->count ? (int)params->perm[i] : *rank - 1 - i;
    return true;
}

bool graph_is_transpose(const graph_node *node, int rank, const int *perm)
{
    int own_rank, own[ONYX_MAX_RANK];
    return node && graph_is(node, "Transpose") && graph_output(node, 0) && graph_permutation(node, &own_rank, own) &&
           own_rank == rank && memcmp(own, perm, sizeof(*perm) * (size_t)rank) == 0;
}

onyx_status graph_new_floats(size_t count, buffer **storage, float **data, onyx_error *error)
{
    size_t bytes = SIZE_MAX;
    *storage = size_mul(count, sizeof(float), &bytes) ? buffer_new(bytes) : NULL;
    *data = *storage ? buffer_data(*storage) : NULL;
    return *storage ? ONYX_OK : status_no_memory(error, bytes, "folded weights");
}

onyx_status graph_add_f32(graph *g, const char *name, int rank, const int64_t *dims, buffer *storage,
                          graph_value **value, onyx_error *error)
{
    onyx_tensor tensor = {
        .type = ONYX_TYPE_FLOAT32, .rank = rank, .data = buffer_data(storage), .size_bytes = buffer_size(storage)
    };
    size_t count;
    for (int i = 0; i < rank; i++)
        tensor.dims[i] = dims[i];
    if (size_count(dims, rank, &count)) /* buffers may be rounded up */
        tensor.size_bytes = count * sizeof(float);
    *value = graph_add_constant(g, name, &tensor, storage);
    return *value ? ONYX_OK : status_no_memory(error, tensor.size_bytes, "a constant");
}

static size_t count_of(int rank, const int64_t *dims)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    return count;
}

onyx_status graph_add_numbers(graph *g, const char *name, const double *numbers, int rank, const int64_t *dims,
                              graph_value **value, onyx_error *error)
{
    const size_t count = count_of(rank, dims);
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    for (size_t i = 0; i < count; i++)
        data[i] = (float)numbers[i];
    return graph_add_f32(g, name, rank, dims, storage, value, error);
}

onyx_status graph_add_strided(graph *g, const char *name, const float *numbers, int step, int rank, const int64_t *dims,
                              graph_value **value, onyx_error *error)
{
    const size_t count = count_of(rank, dims);
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    for (size_t i = 0; i < count; i++)
        data[i] = numbers[i * (size_t)step];
    return graph_add_f32(g, name, rank, dims, storage, value, error);
}

onyx_status graph_add_ints(graph *g, const char *name, const int64_t *ints, int count, graph_value **value,
                           onyx_error *error)
{
    const onyx_tensor tensor = { .type = ONYX_TYPE_INT64,
                                 .rank = 1,
                                 .dims = { count },
                                 .data = (void *)ints,
                                 .size_bytes = sizeof(*ints) * (size_t)count };
    *value = graph_add_constant(g, name, &tensor, NULL);
    return *value ? ONYX_OK : status_no_memory(error, tensor.size_bytes, "a constant");
}

onyx_status graph_reshape_constant(graph *g, graph_value *constant, int rank, const int64_t *dims,
                                   graph_value **reshaped, onyx_error *error)
{
    const onyx_tensor *tensor = graph_constant(g, constant);
    if (!tensor)
        return status_no_memory(error, constant->constant.size_bytes, "a constant");
    onyx_tensor view = *tensor;
    view.rank = rank;
    memcpy(view.dims, dims, sizeof(*dims) * (size_t)rank);
    *reshaped = graph_add_constant(g, constant->name, &view, buffer_ref(constant->storage));
    return *reshaped ? ONYX_OK : status_no_memory(error, sizeof(graph_value), "a constant");
}
