/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Common subexpressions: of nodes with the same operator, attributes and inputs one is kept. Small equal constants are
 * merged first, because exporters write the same number many times. */
#include "graph/passes.h"

#include <stdlib.h>
#include <string.h>

/* Larger constants are rarely equal and would cost time to compare. */
#define SMALL_CONSTANT 4096

typedef struct slot {
    uint64_t hash;
    void *item;
} slot;

typedef struct table {
    slot *slots;
    size_t mask;
} table;

static bool table_new(table *t, size_t items)
{
    size_t capacity = 64;
    while (capacity < 2 * items)
        capacity *= 2;
    *t = (table){ calloc(capacity, sizeof(slot)), capacity - 1 };
    return t->slots != NULL;
}

static uint64_t mix(uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *byte = data;
    for (size_t i = 0; i < bytes; i++)
        hash = (hash ^ byte[i]) * UINT64_C(0x100000001B3);
    return hash ^ (hash >> 29);
}

typedef bool equal_function(const void *a, const void *b);

/* The equal item that is there, or NULL after storing this one. */
static void *table_find_or_add(table *t, uint64_t hash, void *item, equal_function *equal)
{
    size_t i = (size_t)hash & t->mask;
    for (; t->slots[i].item; i = (i + 1) & t->mask)
        if (t->slots[i].hash == hash && equal(t->slots[i].item, item))
            return t->slots[i].item;
    t->slots[i] = (slot){ hash, item };
    return NULL;
}

/* ---- constants ---- */

static bool same_constant(const void *a, const void *b)
{
    const onyx_tensor *x = &((const graph_value *)a)->constant, *y = &((const graph_value *)b)->constant;
    return x->type == y->type && x->rank == y->rank && x->size_bytes == y->size_bytes &&
           memcmp(x->dims, y->dims, sizeof(*x->dims) * (size_t)x->rank) == 0 &&
           (x->size_bytes == 0 || memcmp(x->data, y->data, x->size_bytes) == 0);
}

static onyx_status merge_constants(graph *g, bool *changed, onyx_error *error)
{
    table seen;
    onyx_status status = ONYX_OK;
    if (!table_new(&seen, (size_t)g->value_count))
        return status_no_memory(error, sizeof(slot) * (size_t)g->value_count, "constants");
    for (int i = 0; i < g->value_count && status == ONYX_OK; i++) {
        graph_value *value = g->values[i];
        const onyx_tensor *tensor = &value->constant;
        if (!value->is_constant || !value->user_count || value->output_uses || tensor->size_bytes > SMALL_CONSTANT ||
            tensor->type == ONYX_TYPE_STRING || value->input_index >= 0)
            continue;
        uint64_t hash = mix(UINT64_C(0xCBF29CE484222325) + (uint64_t)tensor->type, tensor->dims,
                            sizeof(*tensor->dims) * (size_t)tensor->rank);
        hash = mix(hash, tensor->data, tensor->size_bytes);
        graph_value *first = table_find_or_add(&seen, hash, value, same_constant);
        if (first) {
            status = graph_replace_value(g, value, first, error);
            *changed = true;
        }
    }
    free(seen.slots);
    return status;
}

/* ---- nodes ---- */

static bool same_tensor(const onyx_tensor *x, const onyx_tensor *y)
{
    return x == y ||
           (x && y && x->type == y->type && x->type != ONYX_TYPE_STRING && x->rank == y->rank &&
            x->size_bytes == y->size_bytes && memcmp(x->dims, y->dims, sizeof(*x->dims) * (size_t)x->rank) == 0 &&
            (x->size_bytes == 0 || memcmp(x->data, y->data, x->size_bytes) == 0));
}

static bool same_attribute(const op_attribute *x, const op_attribute *y)
{
    if (x->type != y->type || x->count != y->count || strcmp(x->name, y->name) != 0)
        return false;
    const size_t count = (size_t)x->count;
    switch ((int)x->type) {
    case OP_ATTRIBUTE_INT:
        return x->i == y->i;
    case OP_ATTRIBUTE_FLOAT:
        return memcmp(&x->f, &y->f, sizeof(x->f)) == 0;
    case OP_ATTRIBUTE_STRING:
        return x->s_length == y->s_length && memcmp(x->s, y->s, x->s_length) == 0;
    case OP_ATTRIBUTE_INTS:
        return count == 0 || memcmp(x->ints, y->ints, count * sizeof(*x->ints)) == 0;
    case OP_ATTRIBUTE_FLOATS:
        return count == 0 || memcmp(x->floats, y->floats, count * sizeof(*x->floats)) == 0;
    case OP_ATTRIBUTE_TENSOR:
        return same_tensor(x->tensor, y->tensor);
    default:
        return false;
    }
}

static bool same_node(const void *a, const void *b)
{
    const graph_node *x = a, *y = b;
    if (x->row != y->row || x->version != y->version || x->input_count != y->input_count ||
        x->output_count != y->output_count || x->attribute_count != y->attribute_count)
        return false;
    for (int i = 0; i < x->input_count; i++)
        if (x->inputs[i] != y->inputs[i])
            return false;
    for (int i = 0; i < x->output_count; i++) /* what y gives, x must give too */
        if (y->outputs[i] && !x->outputs[i])
            return false;
    for (int i = 0; i < x->attribute_count; i++)
        if (!same_attribute(&x->attributes[i], &y->attributes[i]))
            return false;
    return true;
}

static uint64_t node_hash(const graph_node *node)
{
    uint64_t hash = mix(UINT64_C(0xCBF29CE484222325), &node->row, sizeof(node->row));
    for (int i = 0; i < node->input_count; i++) {
        const int id = node->inputs[i] ? node->inputs[i]->id : -1;
        hash = mix(hash, &id, sizeof(id));
    }
    for (int i = 0; i < node->attribute_count; i++)
        hash = mix(hash, &node->attributes[i].i, sizeof(node->attributes[i].i));
    return hash;
}

/* Two graph outputs must not become one value: each has memory of its own. */
static bool may_merge(const graph_node *node)
{
    if (node->row->flags & (OP_RANDOM | OP_CONTROL) || node->input_count == 0)
        return false;
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i] && node->outputs[i]->output_uses)
            return false;
    return true;
}

static onyx_status merge_node(graph *g, graph_node *node, const graph_node *first, onyx_error *error)
{
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i])
            STATUS_TRY(graph_replace_value(g, node->outputs[i], first->outputs[i], error));
    graph_remove_node(g, node);
    return ONYX_OK;
}

onyx_status pass_common(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    table seen;
    onyx_status status = merge_constants(g, changed, error);
    if (status != ONYX_OK)
        return status;
    if (!table_new(&seen, (size_t)g->node_count))
        return status_no_memory(error, sizeof(slot) * (size_t)g->node_count, "nodes");
    GRAPH_EACH_NODE(g, node)
    {
        if (!may_merge(node))
            continue;
        graph_node *first = table_find_or_add(&seen, node_hash(node), node, same_node);
        if (!first)
            continue;
        status = merge_node(g, node, first, error);
        *changed = true;
        if (status != ONYX_OK)
            break;
    }
    free(seen.slots);
    return status;
}
