/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Computes float16 and bfloat16 graphs in float32, which is faster where the processor has no such arithmetic, and more
 * exact everywhere. Each half value gets a float32 twin: a node that can is made anew between twins, and a Cast gives
 * the half value for whoever still reads it (a graph output, a node that cannot change). What nobody reads is dead, so
 * in a usual graph only the Casts at its inputs and outputs stay. */
#include "graph/passes.h"

#include <stdlib.h>
#include <string.h>

typedef struct twins {
    graph *g;
    graph_value **of; /* by the half value's id */
    int capacity;
    bool *changed;
    onyx_error *error;
} twins;

static bool is_half(const graph_value *value)
{
    return value && value->info.kind == OP_KIND_TENSOR &&
           (value->info.type == ONYX_TYPE_FLOAT16 || value->info.type == ONYX_TYPE_BFLOAT16);
}

static graph_value *twin_of(const twins *t, const graph_value *value)
{
    return value->id < t->capacity ? t->of[value->id] : NULL;
}

static onyx_status set_twin(twins *t, const graph_value *value, graph_value *twin)
{
    if (value->id >= t->capacity) {
        const int capacity = 2 * value->id + 64;
        graph_value **of = realloc(t->of, sizeof(*of) * (size_t)capacity);
        if (!of)
            return status_no_memory(t->error, sizeof(*of) * (size_t)capacity, "float32 twins");
        memset(of + t->capacity, 0, sizeof(*of) * (size_t)(capacity - t->capacity));
        t->of = of;
        t->capacity = capacity;
    }
    t->of[value->id] = twin;
    return ONYX_OK;
}

static onyx_status twin_of_constant(twins *t, graph_value *value, graph_value **twin)
{
    const onyx_tensor *tensor = graph_constant(t->g, value);
    const int64_t count = graph_element_count(value);
    buffer *storage;
    float *data;
    if (!tensor)
        return status_no_memory(t->error, value->constant.size_bytes, "a constant");
    STATUS_TRY(graph_new_floats((size_t)count, &storage, &data, t->error));
    const uint16_t *half = tensor->data;
    if (tensor->type == ONYX_TYPE_FLOAT16)
        halves_to_floats(half, data, (size_t)count);
    for (int64_t i = 0; i < count && tensor->type == ONYX_TYPE_BFLOAT16; i++)
        data[i] = bfloat16_to_float(half[i]);
    return graph_add_f32(t->g, value->name, tensor->rank, tensor->dims, storage, twin, t->error);
}

/* Cast to `type` in front of `before`. */
static onyx_status add_cast(twins *t, graph_node *before, graph_value *from, onyx_type type, graph_value **to)
{
    const char *name = *to ? (*to)->name : from->name;
    const op_attribute attribute = attribute_int("to", type);
    return graph_insert(t->g, before, "", "Cast", name, &from, 1, &attribute, 1, to, t->error);
}

/* The twin of an input of `node`, made on first need: a converted constant, or a Cast in front of the node. */
static onyx_status want_twin(twins *t, graph_node *node, graph_value *value, graph_value **twin)
{
    *twin = twin_of(t, value);
    if (*twin)
        return ONYX_OK;
    if (value->is_constant)
        STATUS_TRY(twin_of_constant(t, value, twin));
    else
        STATUS_TRY(add_cast(t, node, value, ONYX_TYPE_FLOAT32, twin));
    return set_twin(t, value, *twin);
}

/* Cast(x) to half: x itself, or its cast to float32, is the twin. The Cast stays for other readers. */
static onyx_status cast_to_half(twins *t, graph_node *node)
{
    graph_value *x = node->inputs[0], *twin = NULL;
    if (is_half(x))
        STATUS_TRY(want_twin(t, node, x, &twin));
    else if (graph_is_f32(x))
        twin = x;
    else {
        STATUS_TRY(add_cast(t, node, x, ONYX_TYPE_FLOAT32, &twin));
        *t->changed = true;
    }
    if (twin != x) {
        if (!graph_set_input(t->g, node, 0, twin))
            return status_no_memory(t->error, sizeof(void *), "users of a value");
        *t->changed = true;
    }
    return set_twin(t, node->outputs[0], twin);
}

/* Cast of a half value: from its twin; a Cast to float32 is the twin where there is none yet. */
static onyx_status cast_from_half(twins *t, graph_node *node)
{
    graph_value *x = node->inputs[0], *twin = twin_of(t, x);
    if (((const cast_params *)node->params)->to == ONYX_TYPE_FLOAT32 && !twin && !x->is_constant)
        return set_twin(t, x, node->outputs[0]);
    STATUS_TRY(want_twin(t, node, x, &twin));
    if (!graph_set_input(t->g, node, 0, twin))
        return status_no_memory(t->error, sizeof(void *), "users of a value");
    *t->changed = true;
    return graph_node_infer(t->g, node, t->error);
}

/* Nodes whose types follow their inputs alone, and that know float32. */
static bool can_change(const graph_node *node)
{
    static const char *const fixed[] = { "dtype", "output_dtype", "to", "softmax_precision", "precision" };
    bool any = false;
    if ((strcmp(node->row->domain, "") != 0 && strcmp(node->row->domain, OP_DOMAIN_MICROSOFT) != 0) ||
        node->row->flags & (OP_CONTROL | OP_CONTAINER | OP_RANDOM))
        return false;
    if (strcmp(node->row->name, "CastLike") == 0 || strcmp(node->row->name, "BitCast") == 0 ||
        (graph_input(node, 0) && is_half(node->inputs[0]) && !(node->row->types & TYPE_BIT(ONYX_TYPE_FLOAT32))))
        return false;
    for (int i = 0; i < node->input_count; i++)
        any |= is_half(node->inputs[i]);
    for (int i = 0; i < node->attribute_count; i++) {
        if (node->attributes[i].type == OP_ATTRIBUTE_TENSOR || node->attributes[i].type == OP_ATTRIBUTE_GRAPH)
            return false;
        for (size_t k = 0; k < ARRAY_LENGTH(fixed); k++)
            if (strcmp(node->attributes[i].name, fixed[k]) == 0)
                return false;
    }
    return any;
}

/* The node again, between twins; then a Cast for each half output. The new node stands in front of the old one, whose
 * outputs it takes over where they are not half. */
static onyx_status change_node(twins *t, graph_node *node)
{
    graph *g = t->g;
    graph_value **inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)(node->input_count + 1));
    graph_value **outputs = arena_alloc(g->arena, sizeof(*outputs) * (size_t)(node->output_count + 1));
    if (!inputs || !outputs)
        return status_no_memory(t->error, sizeof(*inputs) * (size_t)node->input_count, "a node");
    for (int i = 0; i < node->input_count; i++) {
        inputs[i] = node->inputs[i];
        if (is_half(inputs[i]))
            STATUS_TRY(want_twin(t, node, inputs[i], &inputs[i]));
    }
    graph_value **halves = arena_alloc(g->arena, sizeof(*halves) * (size_t)(node->output_count + 1));
    if (!halves)
        return status_no_memory(t->error, sizeof(*halves) * (size_t)node->output_count, "a node");
    for (int i = 0; i < node->output_count; i++) {
        halves[i] = is_half(node->outputs[i]) ? node->outputs[i] : NULL;
        outputs[i] = halves[i] ? graph_add_value(g, node->outputs[i]->name) : node->outputs[i];
        if (node->outputs[i] && !outputs[i])
            return status_no_memory(t->error, sizeof(graph_value), "a value");
    }
    STATUS_TRY(graph_clone(g, node, inputs, outputs, t->error));
    for (int i = 0; i < node->output_count; i++) {
        if (!halves[i])
            continue;
        const onyx_type type = halves[i]->info.type;
        if (graph_is_f32(outputs[i]))
            STATUS_TRY(set_twin(t, halves[i], outputs[i]));
        STATUS_TRY(add_cast(t, node, outputs[i], type, &halves[i]));
    }
    *t->changed = true;
    graph_prune(g, node);
    return ONYX_OK;
}

onyx_status pass_float16(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    twins t = { .g = g, .changed = changed, .error = error };
    onyx_status status = ONYX_OK;
    GRAPH_EACH_NODE(g, node)
    {
        const bool cast =
            graph_is(node, "Cast") && graph_output(node, 0) && node->inputs[0]->info.kind == OP_KIND_TENSOR;
        if (cast && is_half(node->outputs[0]))
            status = cast_to_half(&t, node);
        else if (cast && is_half(node->inputs[0]))
            status = cast_from_half(&t, node);
        else if (!cast && can_change(node))
            status = change_node(&t, node);
        if (status != ONYX_OK)
            break;
    }
    free(t.of);
    return status;
}
