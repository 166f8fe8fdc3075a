/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sub-graphs as the file has them: which outer values they read, and a sub-graph as a model of its own. */
#include "graph/bodies.h"

#include <string.h>

#include "base/size.h"
#include "graph/names.h"
#include "ops/shape.h"

/* ---- references to the attributes of a function ---- */

typedef struct binder {
    arena *memory;
    graph_binding *binding;
    const void *call;
    size_t *copied;
    onyx_error *error;
} binder;

static onyx_status bind_list(const binder *b, op_attribute *attributes, int count);

/* A copy whose references are filled in. */
static onyx_status bind_graph(const binder *b, const model_graph *source, const model_graph **result)
{
    model_graph *copy = arena_copy(b->memory, source, sizeof(*source));
    model_node *nodes = arena_copy(b->memory, source->nodes, sizeof(*nodes) * (size_t)source->node_count);
    if (!copy || !nodes)
        return status_no_memory(b->error, sizeof(*nodes) * (size_t)source->node_count, "a function body");
    *b->copied += (size_t)source->node_count;
    copy->nodes = nodes;
    *result = copy;
    for (int i = 0; i < source->node_count; i++) {
        model_node *node = &nodes[i];
        op_attribute *list = arena_copy(b->memory, node->attributes, sizeof(*list) * (size_t)node->attribute_count);
        if (!list)
            return status_no_memory(b->error, sizeof(*list) * (size_t)node->attribute_count, "a function body");
        int kept = 0;
        for (int k = 0; k < node->attribute_count; k++) {
            const op_attribute *value = &list[k];
            if (value->reference && !(value = b->binding(b->call, value->reference)))
                continue; /* the caller did not give it: absent here too */
            const char *name = list[k].name;
            list[kept] = *value;
            list[kept].name = name;
            list[kept++].reference = NULL;
        }
        node->attributes = list;
        node->attribute_count = kept;
        STATUS_TRY(bind_list(b, list, kept));
    }
    return ONYX_OK;
}

static onyx_status bind_list(const binder *b, op_attribute *attributes, int count)
{
    for (int i = 0; i < count; i++) {
        const model_graph *bound = NULL;
        if (attributes[i].type != OP_ATTRIBUTE_GRAPH || !attributes[i].graph)
            continue;
        STATUS_TRY(bind_graph(b, attributes[i].graph, &bound));
        attributes[i].graph = bound;
    }
    return ONYX_OK;
}

/* ---- outer names ---- */

typedef struct scope {
    const struct scope *outer;
    name_table names;
} scope;

typedef struct collector {
    arena *memory, *scratch;
    name_table seen; /* 1 + place in captures */
    graph_capture *captures;
    int count, capacity;
    unsigned reader; /* bit of the present sub-graph */
    onyx_error *error;
} collector;

static onyx_status add_outer(collector *c, const scope *s, const char *name)
{
    if (!name[0])
        return ONYX_OK;
    for (; s; s = s->outer)
        if (name_get(&s->names, name))
            return ONYX_OK;
    const uintptr_t known = (uintptr_t)name_get(&c->seen, name);
    if (known) {
        c->captures[known - 1].readers |= c->reader;
        return ONYX_OK;
    }
    if (c->count == c->capacity) {
        int capacity = c->capacity ? 2 * c->capacity : 8;
        graph_capture *larger = arena_alloc(c->memory, sizeof(*larger) * (size_t)capacity);
        if (!larger)
            return status_no_memory(c->error, sizeof(*larger) * (size_t)capacity, "names");
        if (c->count)
            memcpy(larger, c->captures, sizeof(*larger) * (size_t)c->count);
        c->captures = larger;
        c->capacity = capacity;
    }
    c->captures[c->count++] = (graph_capture){ name, c->reader };
    return name_put(&c->seen, name, (void *)(uintptr_t)c->count) ? ONYX_OK : status_no_memory(c->error, 0, "names");
}

static bool declare(scope *s, const char *name)
{
    return !name[0] || name_put(&s->names, name, (void *)name);
}

static onyx_status collect(collector *c, const model_graph *body, const scope *outer)
{
    scope s = { .outer = outer, .names = { .arena = c->scratch } };
    bool stored = true;
    for (int i = 0; i < body->input_count && stored; i++)
        stored = declare(&s, body->inputs[i].name);
    for (int i = 0; i < body->initializer_count && stored; i++)
        stored = declare(&s, body->initializers[i].name);
    for (int i = 0; i < body->node_count && stored; i++)
        for (int k = 0; k < body->nodes[i].output_count && stored; k++)
            stored = declare(&s, body->nodes[i].outputs[k]);
    if (!stored)
        return status_no_memory(c->error, 0, "names");
    for (int i = 0; i < body->node_count; i++) {
        const model_node *node = &body->nodes[i];
        for (int k = 0; k < node->input_count; k++)
            STATUS_TRY(add_outer(c, &s, node->inputs[k]));
        for (int k = 0; k < node->attribute_count; k++)
            if (node->attributes[k].type == OP_ATTRIBUTE_GRAPH && node->attributes[k].graph)
                STATUS_TRY(collect(c, node->attributes[k].graph, &s));
    }
    for (int i = 0; i < body->output_count; i++)
        STATUS_TRY(add_outer(c, &s, body->outputs[i].name));
    return ONYX_OK;
}

onyx_status control_read(arena *memory, const char *op, op_attribute *attributes, int attribute_count,
                         graph_binding *binding, const void *call, size_t *copied, struct graph_control **control,
                         onyx_error *error)
{
    const bool branches = strcmp(op, "If") == 0;
    const char *const names[CONTROL_BODIES] = { branches ? "then_branch" : "body", branches ? "else_branch" : NULL };
    const binder b = { memory, binding, call, copied, error };
    const op_attributes list = { attributes, attribute_count };
    *control = NULL;
    if (binding)
        STATUS_TRY(bind_list(&b, attributes, attribute_count));
    for (int i = 0; i < CONTROL_BODIES; i++) {
        const op_attribute *attribute = names[i] ? op_attribute_find(&list, names[i], OP_ATTRIBUTE_GRAPH) : NULL;
        if (!attribute || !attribute->graph)
            continue;
        if (!*control && !(*control = arena_alloc(memory, sizeof(**control))))
            return status_no_memory(error, sizeof(**control), "a sub-graph");
        (*control)->bodies[i] = attribute->graph;
    }
    if (!*control)
        return ONYX_OK;
    arena *scratch = arena_new(0);
    collector c = { .memory = memory, .scratch = scratch, .error = error, .seen = { .arena = scratch } };
    onyx_status status = scratch ? ONYX_OK : status_no_memory(error, 0, "names");
    for (int i = 0; i < CONTROL_BODIES && status == ONYX_OK; i++) {
        c.reader = 1u << i;
        if ((*control)->bodies[i])
            status = collect(&c, (*control)->bodies[i], NULL);
    }
    (*control)->captures = c.captures;
    (*control)->capture_count = c.count;
    arena_free(scratch);
    return status;
}

/* ---- a sub-graph as a model ---- */

/* What the formal input `index` of the body is. */
static model_value formal(const graph_body *body, int index)
{
    model_value value = body->graph->inputs[index];
    const op_value *info = &body->formals[index];
    value.kind = info->kind;
    value.type = info->type;
    value.rank = info->rank;
    memcpy(value.dims, info->dims, sizeof(value.dims));
    memset(value.dim_names, 0, sizeof(value.dim_names));
    return value;
}

onyx_status graph_body_file(graph *g, const graph_node *node, const graph_body *body, model_file **result,
                            onyx_error *error)
{
    const struct graph_control *control = node->control;
    const model_graph *source = body->graph;
    model_file *file = arena_copy(g->arena, g->file, sizeof(*file));
    model_graph *own = arena_copy(g->arena, source, sizeof(*own));
    const size_t captures = (size_t)control->capture_count;
    model_value *inputs = arena_alloc(g->arena, sizeof(*inputs) * ((size_t)source->input_count + captures + 1));
    model_tensor *constants =
        arena_alloc(g->arena, sizeof(*constants) * ((size_t)source->initializer_count + captures + 1));
    const char **absent = arena_alloc(g->arena, sizeof(*absent) * (captures + 1));
    if (!file || !own || !inputs || !constants || !absent)
        return status_no_memory(error, sizeof(*inputs) * captures, "a sub-graph");
    own->absent = absent;
    own->absent_count = 0;
    int input_count = 0, constant_count = source->initializer_count;
    if (constant_count)
        memcpy(constants, source->initializers, sizeof(*constants) * (size_t)constant_count);
    for (int i = 0; i < source->input_count; i++)
        inputs[input_count++] = formal(body, i);
    for (int i = 0; i < control->capture_count; i++) {
        const graph_value *value = node->inputs[control->own_inputs + i];
        if (!value && control->captures[i].readers >> body->index & 1)
            absent[own->absent_count++] = control->captures[i].name;
        if (!control_reads(node, body->index, i))
            continue;
        if (value->is_constant) {
            constants[constant_count++] = (model_tensor){ control->captures[i].name, value->constant };
            continue;
        }
        model_value *input = &inputs[input_count++];
        *input = (model_value){ .name = control->captures[i].name,
                                .kind = value->info.kind,
                                .type = value->info.type,
                                .rank = value->info.rank };
        memcpy(input->dims, value->info.dims, sizeof(input->dims));
    }
    own->inputs = inputs;
    own->input_count = input_count;
    own->initializers = constants;
    own->initializer_count = constant_count;
    file->graph = own;
    file->is_ours = !(node->row->flags & OP_CONTROL);
    *result = file;
    return ONYX_OK;
}

/* ---- formal inputs of each operator ---- */

/* Scalars of Loop: exporters also declare them with one dimension. */
static op_value one_element(const model_value *declared, onyx_type type)
{
    op_value value = { .type = type, .rank = declared->rank == 1 ? 1 : 0 };
    value.dims[0] = 1;
    return value;
}

/* Scan input `number` without its axis; false where it has no such axis. */
static bool without_axis(const scan_params *scan, int number, op_value *x)
{
    int axis;
    if (x->rank < 0)
        return true;
    if (!axis_resolve(scan_value(&scan->input_axes, number), x->rank, &axis))
        return false;
    x->rank--;
    for (int i = axis; i < x->rank; i++)
        x->dims[i] = x->dims[i + 1];
    return true;
}

onyx_status graph_body_formals(graph *g, const graph_node *node, int index, graph_body *body, onyx_error *error)
{
    const struct graph_control *control = node->control;
    const model_graph *source = control->bodies[index];
    *body = (graph_body){ .graph = source, .index = index };
    body->formals = arena_alloc(g->arena, sizeof(*body->formals) * ((size_t)source->input_count + 1));
    if (!body->formals)
        return status_no_memory(error, sizeof(*body->formals), "a sub-graph");
    const scan_params *scan = graph_is(node, "Scan") ? node->params : NULL;
    for (int i = 0; i < source->input_count; i++) {
        op_value *value = &body->formals[i];
        if (graph_is(node, "Loop") && i < LOOP_FORMALS) {
            *value = one_element(&source->inputs[i], i == 0 ? ONYX_TYPE_INT64 : ONYX_TYPE_BOOL);
            continue;
        }
        const graph_value *actual = node->inputs[i];
        *value = actual->info;
        value->constant = NULL;
        const int scanned = scan ? i - (control->own_inputs - scan->count) : -1;
        if (scanned >= 0 && !without_axis(scan, scanned, value))
            return status_fail(error, ONYX_ERROR_SHAPE, "%s: scan input %d has %d dimensions and no axis %lld",
                               graph_node_title(g, node), scanned, actual->info.rank,
                               (long long)scan_value(&scan->input_axes, scanned));
        if (scanned >= 0)
            continue;
        if (control->found) /* a state: what is true of it in all iterations */
            *value = control->found[graph_is(node, "Loop") ? i - LOOP_FORMALS : i];
    }
    return ONYX_OK;
}
