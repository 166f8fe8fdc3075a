/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Values, nodes and the few edits that keep the graph's invariants. */
#include "graph/graph.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "base/size.h"

bool graph_is_in(const graph_node *node, const char *domain, const char *name)
{
    return strcmp(node->row->domain, domain) == 0 && strcmp(node->row->name, name) == 0;
}

graph_node *graph_single_user(const graph_value *value)
{
    return value->user_count == 1 && value->output_uses == 0 ? value->users[0] : NULL;
}

bool graph_has_readers(const graph_node *node)
{
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] && graph_is_read(node->outputs[i]))
            return true;
    return false;
}

bool graph_shape_known(const graph_value *value)
{
    return graph_element_count(value) >= 0;
}

int64_t graph_element_count(const graph_value *value)
{
    size_t count;
    if (value->info.rank < 0)
        return -1;
    for (int i = 0; i < value->info.rank; i++)
        if (value->info.dims[i] < 0)
            return -1;
    return size_count(value->info.dims, value->info.rank, &count) && count <= INT64_MAX ? (int64_t)count : -1;
}

static bool data_aligned(const onyx_tensor *tensor)
{
    size_t alignment = tensor->type == ONYX_TYPE_STRING ? sizeof(char *) : type_size(tensor->type);
    if (tensor->type == ONYX_TYPE_COMPLEX64 || tensor->type == ONYX_TYPE_COMPLEX128)
        alignment /= 2;
    return alignment <= 1 || (uintptr_t)tensor->data % alignment == 0;
}

bool graph_charge(graph *g, size_t bytes)
{
    size_t sum;
    if (!size_add(g->constant_bytes, bytes, &sum) || (g->constant_limit && sum > g->constant_limit))
        return false;
    g->constant_bytes = sum;
    return true;
}

static buffer *copy_bytes(graph *g, const void *data, size_t bytes)
{
    buffer *copy = graph_charge(g, bytes) ? buffer_new(bytes) : NULL;
    if (copy && bytes)
        memcpy(buffer_data(copy), data, bytes);
    return copy;
}

const onyx_tensor *graph_constant(graph *g, graph_value *value)
{
    if (!value->is_constant)
        return NULL;
    if (!value->info.constant) {
        buffer *copy = copy_bytes(g, value->constant.data, value->constant.size_bytes);
        if (!copy)
            return NULL;
        buffer_unref(value->storage);
        value->storage = copy;
        value->constant.data = buffer_data(copy);
        value->info.constant = &value->constant;
    }
    return &value->constant;
}

bool graph_scalar(graph *g, graph_value *value, float *scalar)
{
    if (!value->is_constant || graph_element_count(value) != 1)
        return false;
    const onyx_tensor *tensor = graph_constant(g, value);
    if (!tensor)
        return false;
    if (tensor->type == ONYX_TYPE_FLOAT32)
        *scalar = *(const float *)tensor->data;
    else if (tensor->type == ONYX_TYPE_FLOAT16)
        *scalar = half_to_float(*(const uint16_t *)tensor->data);
    else
        return false;
    return true;
}

/* *tensor is NULL where the input is absent or empty. */
static bool known_input(graph *g, const graph_node *node, int index, const onyx_tensor **tensor)
{
    graph_value *value = index < node->input_count ? node->inputs[index] : NULL;
    const bool given = value && graph_element_count(value) != 0;
    *tensor = given ? graph_constant(g, value) : NULL;
    return !given || *tensor;
}

bool graph_resize_axes(graph *g, const graph_node *resize, op_resize_axis axes[ONYX_MAX_RANK])
{
    const resize_params *params = resize->params;
    const op_value *x = &resize->inputs[0]->info;
    const onyx_tensor *scales, *sizes;
    return params->coordinates != OP_RESIZE_TF_CROP_AND_RESIZE && known_input(g, resize, 2, &scales) &&
           known_input(g, resize, 3, &sizes) &&
           op_resize_axes(params, x->rank, x->dims, NULL, scales, sizes, axes, NULL) == ONYX_OK;
}

const char *graph_node_title(graph *g, const graph_node *node)
{
    const char *title = arena_printf(g->arena, "node '%s' (%s)", node->name, node->row->name);
    return title ? title : node->row->name;
}

graph_value *graph_add_value(graph *g, const char *name)
{
    if (g->value_count == g->value_capacity) {
        int capacity = g->value_capacity ? 2 * g->value_capacity : 64;
        graph_value **values = arena_alloc(g->arena, sizeof(*values) * (size_t)capacity);
        if (!values)
            return NULL;
        if (g->value_count)
            memcpy(values, g->values, sizeof(*values) * (size_t)g->value_count);
        g->values = values;
        g->value_capacity = capacity;
    }
    graph_value *value = arena_alloc(g->arena, sizeof(*value));
    if (!value)
        return NULL;
    value->id = g->value_count;
    value->name = arena_string(g->arena, name, strlen(name));
    value->info.rank = -1;
    value->input_index = -1;
    if (!value->name)
        return NULL;
    g->values[g->value_count++] = value;
    return value;
}

static void set_constant(graph_value *value, const onyx_tensor *tensor, buffer *storage)
{
    value->is_constant = true;
    value->constant = *tensor;
    value->storage = storage;
    value->info.kind = OP_KIND_TENSOR;
    value->info.type = tensor->type;
    value->info.rank = tensor->rank;
    memcpy(value->info.dims, tensor->dims, sizeof(value->info.dims));
    value->info.constant = data_aligned(&value->constant) ? &value->constant : NULL;
}

graph_value *graph_add_constant(graph *g, const char *name, const onyx_tensor *tensor, buffer *storage)
{
    graph_value *value = graph_add_value(g, name);
    onyx_tensor own = *tensor;
    if (value && !storage) {
        storage = copy_bytes(g, tensor->data, tensor->size_bytes);
        if (storage)
            own.data = buffer_data(storage);
    }
    if (!value || !storage) {
        buffer_unref(storage);
        return NULL;
    }
    set_constant(value, &own, storage);
    return value;
}

static bool add_user(graph *g, graph_value *value, graph_node *node)
{
    if (value->user_count == value->user_capacity) {
        int capacity = value->user_capacity ? 2 * value->user_capacity : 4;
        graph_node **users = arena_alloc(g->arena, sizeof(*users) * (size_t)capacity);
        if (!users)
            return false;
        if (value->user_count)
            memcpy(users, value->users, sizeof(*users) * (size_t)value->user_count);
        value->users = users;
        value->user_capacity = capacity;
    }
    value->users[value->user_count++] = node;
    return true;
}

static void drop_user(graph_value *value, const graph_node *node)
{
    for (int i = 0; i < value->user_count; i++)
        if (value->users[i] == node) {
            memmove(value->users + i, value->users + i + 1,
                    sizeof(*value->users) * (size_t)(value->user_count - i - 1));
            value->user_count--;
            return;
        }
    assert(!"value does not know its user");
}

bool graph_set_input(graph *g, graph_node *node, int index, graph_value *value)
{
    assert(index >= 0 && index < node->input_count);
    if (value && !add_user(g, value, node))
        return false;
    if (node->inputs[index])
        drop_user(node->inputs[index], node);
    node->inputs[index] = value;
    return true;
}

static void link_before(graph *g, graph_node *node, graph_node *before)
{
    node->next = before;
    node->previous = before ? before->previous : g->last;
    if (node->previous)
        node->previous->next = node;
    else
        g->first = node;
    if (before)
        before->previous = node;
    else
        g->last = node;
}

static void unlink_node(graph *g, graph_node *node)
{
    if (node->previous)
        node->previous->next = node->next;
    else
        g->first = node->next;
    if (node->next)
        node->next->previous = node->previous;
    else
        g->last = node->previous;
    node->previous = node->next = NULL;
}

graph_node *graph_new_node(graph *g, const op_row *row, int version, const char *name, int input_count,
                           int output_count)
{
    graph_node *node = arena_alloc(g->arena, sizeof(*node));
    if (!node)
        return NULL;
    node->id = g->next_node_id++;
    node->row = row;
    node->version = version;
    node->name = arena_string(g->arena, name, strlen(name));
    node->inputs = arena_alloc(g->arena, sizeof(*node->inputs) * (size_t)(input_count ? input_count : 1));
    node->outputs = arena_alloc(g->arena, sizeof(*node->outputs) * (size_t)(output_count ? output_count : 1));
    node->params = arena_alloc(g->arena, row->params_size ? row->params_size : 1);
    node->input_count = input_count;
    node->output_count = output_count;
    return node->name && node->inputs && node->outputs && node->params ? node : NULL;
}

void graph_link_node(graph *g, graph_node *node, graph_node *before)
{
    link_before(g, node, before);
    g->node_count++;
}

onyx_status graph_parse_node(graph *g, graph_node *node, onyx_error *error)
{
    const op_row *row = node->row;
    if (node->input_count < row->min_inputs || (row->max_inputs != OP_ANY_COUNT && node->input_count > row->max_inputs))
        return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (%s) has %d inputs; the operator takes %d to %d",
                           node->name, row->name, node->input_count, row->min_inputs, row->max_inputs);
    if (node->output_count < row->min_outputs ||
        (row->max_outputs != OP_ANY_COUNT && node->output_count > row->max_outputs))
        return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (%s) has %d outputs; the operator gives %d to %d",
                           node->name, row->name, node->output_count, row->min_outputs, row->max_outputs);
    for (int i = 0; i < row->min_inputs && row->max_inputs != OP_ANY_COUNT; i++)
        if (!node->inputs[i])
            return status_fail(error, ONYX_ERROR_FORMAT, "node '%s' (%s) lacks input %d", node->name, row->name, i);
    if (!row->parse)
        return ONYX_OK;
    const op_parse_context context = {
        .row = row,
        .version = node->version,
        .attributes = { node->attributes, node->attribute_count },
        .input_count = node->input_count,
        .output_count = node->output_count,
        .result = node->output_count > 0 && node->outputs[0] ? node->outputs[0]->name : NULL,
        .error = error,
    };
    onyx_status status = row->parse(&context, node->params);
    if (status != ONYX_OK)
        return status_context(error, status, "%s", graph_node_title(g, node));
    return ONYX_OK;
}

onyx_status graph_add_later(graph *g, graph_node *before, const char *domain, const char *op, const char *name,
                            graph_value *const *inputs, int input_count, graph_value *const *outputs, int output_count,
                            const op_attribute *attributes, int attribute_count, graph_node **result, onyx_error *error)
{
    int version = strcmp(domain, "") == 0 ? MODEL_NEWEST_OPSET : 1;
    const op_row *row = op_find(domain, op, version);
    if (!row)
        return status_fail(error, ONYX_ERROR_INTERNAL, "no row for %s '%s' version %d", op, domain, version);
    graph_node *node = graph_new_node(g, row, version, name, input_count, output_count);
    if (!node)
        return status_no_memory(error, sizeof(*node), "a graph node");
    if (attribute_count) {
        node->attributes = arena_copy(g->arena, attributes, sizeof(*attributes) * (size_t)attribute_count);
        node->attribute_count = attribute_count;
        if (!node->attributes)
            return status_no_memory(error, sizeof(*attributes) * (size_t)attribute_count, "attributes");
    }
    /* parse looks at the presence of inputs only */
    if (input_count)
        memcpy(node->inputs, inputs, sizeof(*inputs) * (size_t)input_count);
    onyx_status status = graph_parse_node(g, node, error);
    memset(node->inputs, 0, sizeof(*inputs) * (size_t)input_count);
    STATUS_TRY(status);
    for (int i = 0; i < input_count; i++)
        if (!graph_set_input(g, node, i, inputs[i]))
            return status_no_memory(error, sizeof(void *), "users of a value");
    for (int i = 0; i < output_count; i++) {
        node->outputs[i] = outputs[i];
        if (!outputs[i])
            continue;
        assert(!outputs[i]->is_constant && outputs[i]->input_index < 0);
        if (outputs[i]->producer) /* the value moves to the new node */
            outputs[i]->producer->outputs[outputs[i]->producer_index] = NULL;
        outputs[i]->producer = node;
        outputs[i]->producer_index = i;
    }
    graph_link_node(g, node, before);
    *result = node;
    return ONYX_OK;
}

onyx_status graph_add_node(graph *g, graph_node *before, const char *domain, const char *op, const char *name,
                           graph_value *const *inputs, int input_count, graph_value *const *outputs, int output_count,
                           const op_attribute *attributes, int attribute_count, graph_node **result, onyx_error *error)
{
    graph_node *node;
    STATUS_TRY(graph_add_later(g, before, domain, op, name, inputs, input_count, outputs, output_count, attributes,
                               attribute_count, &node, error));
    if (result)
        *result = node;
    return graph_node_infer(g, node, error);
}

onyx_status graph_replace_value(graph *g, graph_value *from, graph_value *to, onyx_error *error)
{
    if (from == to)
        return ONYX_OK;
    while (from->user_count) {
        graph_node *user = from->users[0];
        for (int i = 0; i < user->input_count; i++)
            if (user->inputs[i] == from && !graph_set_input(g, user, i, to))
                return status_no_memory(error, sizeof(void *), "users of a value");
    }
    for (int i = 0; i < g->output_count && from->output_uses; i++)
        if (g->outputs[i] == from) {
            g->outputs[i] = to;
            from->output_uses--;
            to->output_uses++;
        }
    return ONYX_OK;
}

void graph_remove_node(graph *g, graph_node *node)
{
    assert(!node->removed);
    for (int i = 0; i < node->input_count; i++)
        graph_set_input(g, node, i, NULL);
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i]) {
            assert(node->outputs[i]->user_count == 0 && node->outputs[i]->output_uses == 0);
            node->outputs[i]->producer = NULL;
        }
    unlink_node(g, node);
    node->removed = true;
    g->node_count--;
}

onyx_status graph_make_constant(graph *g, graph_value *value, const onyx_tensor *tensor, buffer *storage,
                                onyx_error *error)
{
    onyx_tensor own = *tensor;
    if (!storage) {
        storage = copy_bytes(g, tensor->data, tensor->size_bytes);
        if (!storage)
            return status_no_memory(error, tensor->size_bytes, "a constant");
        own.data = buffer_data(storage);
    }
    if (value->producer) {
        value->producer->outputs[value->producer_index] = NULL;
        value->producer = NULL;
    }
    buffer_unref(value->storage);
    set_constant(value, &own, storage);
    return ONYX_OK;
}

void graph_drop_constant(graph_value *value)
{
    assert(value->user_count == 0 && value->output_uses == 0);
    if (!value->is_constant || !value->storage)
        return;
    buffer_unref(value->storage);
    value->storage = NULL;
    value->constant.data = NULL;
}

void graph_move_before(graph *g, graph_node *node, graph_node *before)
{
    if (node == before)
        return;
    unlink_node(g, node);
    link_before(g, node, before);
}

void graph_free(graph *g)
{
    if (!g)
        return;
    for (int i = 0; i < g->value_count; i++)
        buffer_unref(g->values[i]->storage);
    arena_free(g->arena);
}
