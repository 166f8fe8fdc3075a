/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From the file's nodes, which refer to each other by name and stand in any order, to the graph: functions inlined,
 * names resolved, nodes sorted, rows found. */
#include "graph/control.h"
#include "graph/names.h"

#include <stdio.h>
#include <string.h>

#include "base/size.h"

/* Functions may call functions; the specification forbids recursion, and this bounds it. */
#define FUNCTION_DEPTH 32
/* Initializers up to this size are copied when the file does not align them; larger ones wait until they are needed. */
#define SMALL_CONSTANT (64u << 10)

/* ---- inlining ---- */

/* A node of the file or of a function body, under the names that it has in the whole graph. */
typedef struct flat_node {
    const char *name, *domain, *op_type;
    int version;
    const char **inputs, **outputs;
    int input_count, output_count;
    const op_attribute *attributes;
    int attribute_count;
    struct graph_control *control; /* inputs then hold the outer values of its sub-graphs, too */
    int state;                     /* of sorting: 0 new, 1 on the stack, 2 done */
} flat_node;

typedef struct builder {
    const model_file *file;
    const model_graph *source;
    graph *g;
    graph_node *before; /* new nodes stand in front of it; NULL: at the end */
    const char *prefix; /* of the names of nodes and values */
    int depth;          /* sub-graphs within sub-graphs */
    name_table absent;  /* outer names that stand for nothing */
    arena *scratch;
    flat_node *nodes;
    size_t node_count, node_capacity, node_limit;
    size_t inlined;
    onyx_error *error;
} builder;

static const model_function *find_function(const model_file *file, const model_node *node)
{
    for (int i = 0; i < file->function_count; i++) {
        const model_function *function = &file->functions[i];
        if (strcmp(function->name, node->op_type) == 0 && strcmp(function->domain, node->domain) == 0 &&
            strcmp(function->overload ? function->overload : "", node->overload ? node->overload : "") == 0)
            return function;
    }
    return NULL;
}

static flat_node *add_flat(builder *b)
{
    if (b->node_count == b->node_limit) {
        status_fail(b->error, ONYX_ERROR_LIMIT, "%s: more than %zu nodes (options.max_nodes)", b->file->path,
                    b->node_limit);
        return NULL;
    }
    if (b->node_count == b->node_capacity) {
        size_t capacity = b->node_capacity ? 2 * b->node_capacity : 256;
        flat_node *nodes = arena_alloc(b->scratch, sizeof(*nodes) * capacity);
        if (!nodes) {
            status_no_memory(b->error, sizeof(*nodes) * capacity, "nodes");
            return NULL;
        }
        if (b->node_count)
            memcpy(nodes, b->nodes, sizeof(*nodes) * b->node_count);
        b->nodes = nodes;
        b->node_capacity = capacity;
    }
    return &b->nodes[b->node_count++];
}

typedef struct call {
    const model_function *function; /* NULL: the graph or sub-graph itself */
    const char *prefix;
    name_table names; /* formal -> actual; of a sub-graph: what is absent -> "" */
    const op_attribute *attributes;
    int attribute_count;
    int depth;
} call;

static const char *rename_value(builder *b, call *c, const char *name)
{
    const char *known = name[0] ? name_get(&c->names, name) : name;
    if (known || !c->function)
        return known ? known : name;
    const char *fresh = arena_printf(b->scratch, "%s%s", c->prefix, name);
    return fresh && name_put(&c->names, name, (void *)fresh) ? fresh : NULL;
}

static const op_attribute *call_attribute(const call *c, const char *name)
{
    for (int i = 0; i < c->attribute_count; i++)
        if (strcmp(c->attributes[i].name, name) == 0)
            return &c->attributes[i];
    for (int i = 0; c->function && i < c->function->attribute_default_count; i++)
        if (strcmp(c->function->attribute_defaults[i].name, name) == 0)
            return &c->function->attribute_defaults[i];
    return NULL;
}

static bool rename_values(builder *b, call *c, const char **names, int count, const char ***result)
{
    *result = names;
    if (!c->function && !c->names.count)
        return true;
    const char **renamed = arena_alloc(b->scratch, sizeof(*renamed) * (size_t)(count + 1));
    for (int i = 0; renamed && i < count; i++)
        if (!(renamed[i] = rename_value(b, c, names[i])))
            return false;
    *result = renamed;
    return renamed != NULL;
}

/* Attributes of a body node with references to the function's attributes filled in. */
static bool bind_attributes(builder *b, const call *c, const model_node *node, const op_attribute **result, int *count)
{
    *result = node->attributes;
    *count = node->attribute_count;
    if (!c->function)
        return true;
    op_attribute *bound = arena_alloc(b->g->arena, sizeof(*bound) * (size_t)(node->attribute_count + 1));
    if (!bound)
        return false;
    int n = 0;
    for (int i = 0; i < node->attribute_count; i++) {
        const op_attribute *attribute = &node->attributes[i];
        const op_attribute *value = attribute->reference ? call_attribute(c, attribute->reference) : attribute;
        if (!value)
            continue; /* the caller did not give it: absent here too */
        bound[n] = *value;
        bound[n].name = attribute->name;
        bound[n++].reference = NULL;
    }
    *result = bound;
    *count = n;
    return true;
}

static const op_attribute *bound_attribute(const void *caller, const char *name)
{
    return call_attribute(caller, name);
}

/* The node's sub-graphs; what they read from outside becomes inputs of the node. */
static onyx_status read_bodies(builder *b, call *c, flat_node *node)
{
    size_t copied = 0;
    const op_row *row = op_find(node->domain, node->op_type, node->version);
    if (!row || !(row->flags & OP_CONTROL))
        return ONYX_OK;
    if (b->depth >= CONTROL_DEPTH)
        return status_fail(b->error, ONYX_ERROR_LIMIT, "%s: node '%s' (%s): sub-graphs more than %d deep",
                           b->file->path, node->name, node->op_type, CONTROL_DEPTH);
    op_attribute *attributes = (op_attribute *)(uintptr_t)node->attributes; /* ours within functions: bind_attributes */
    STATUS_TRY(control_read(b->g->arena, row->name, attributes, node->attribute_count,
                            c->function ? bound_attribute : NULL, c, &copied, &node->control, b->error));
    STATUS_TRY(graph_charge_nodes(b->g, copied, b->error));
    if (!node->control)
        return ONYX_OK;
    node->control->depth = b->depth + 1;
    node->control->own_inputs = node->input_count;
    const int count = node->control->capture_count;
    const char **inputs = arena_alloc(b->scratch, sizeof(*inputs) * (size_t)(node->input_count + count + 1));
    for (int i = 0; inputs && i < node->input_count; i++)
        inputs[i] = node->inputs[i];
    for (int i = 0; inputs && i < count; i++)
        if (!(inputs[node->input_count + i] = rename_value(b, c, node->control->captures[i].name)))
            inputs = NULL;
    if (!inputs)
        return status_no_memory(b->error, sizeof(*inputs) * (size_t)count, "a sub-graph");
    node->inputs = inputs;
    node->input_count += count;
    return ONYX_OK;
}

static onyx_status flatten(builder *b, call *c, const model_node *nodes, int count);

static onyx_status inline_function(builder *b, const flat_node *site, const model_function *function, int depth)
{
    if (depth >= FUNCTION_DEPTH || b->inlined >= b->node_limit)
        return status_fail(b->error, ONYX_ERROR_LIMIT,
                           "%s: function '%s' calls functions more than %d deep, or too often", b->file->path,
                           function->name, FUNCTION_DEPTH);
    call inner = { .function = function, .names = { .arena = b->scratch }, .attributes = site->attributes,
                   .attribute_count = site->attribute_count, .depth = depth + 1 };
    inner.prefix = arena_printf(b->scratch, "%s/%zu/", function->name, b->inlined++);
    bool stored = inner.prefix != NULL;
    for (int i = 0; i < function->input_count && stored; i++)
        stored = name_put(&inner.names, function->inputs[i], (void *)(i < site->input_count ? site->inputs[i] : ""));
    for (int i = 0; i < function->output_count && i < site->output_count && stored; i++)
        if (site->outputs[i][0])
            stored = name_put(&inner.names, function->outputs[i], (void *)site->outputs[i]);
    if (!stored)
        return status_no_memory(b->error, 0, "a function call");
    return flatten(b, &inner, function->nodes, function->node_count);
}

static onyx_status flatten(builder *b, call *c, const model_node *nodes, int count)
{
    for (int i = 0; i < count; i++) {
        const model_node *node = &nodes[i];
        flat_node flat = { .domain = node->domain, .op_type = node->op_type, .version = node->version,
                           .input_count = node->input_count, .output_count = node->output_count };
        flat.name = c->function ? arena_printf(b->scratch, "%s%s", c->prefix, node->name) : node->name;
        if (!flat.name || !rename_values(b, c, node->inputs, node->input_count, &flat.inputs) ||
            !rename_values(b, c, node->outputs, node->output_count, &flat.outputs) ||
            !bind_attributes(b, c, node, &flat.attributes, &flat.attribute_count))
            return status_no_memory(b->error, 0, "a function body");
        const model_function *function = find_function(b->file, node);
        if (function) {
            STATUS_TRY(inline_function(b, &flat, function, c->depth));
            continue;
        }
        STATUS_TRY(read_bodies(b, c, &flat));
        flat_node *slot = add_flat(b);
        if (!slot)
            return b->error ? b->error->status : ONYX_ERROR_LIMIT;
        *slot = flat;
    }
    return ONYX_OK;
}

/* ---- rows ---- */

static onyx_status check_supported(const builder *b)
{
    char list[ONYX_ERROR_MESSAGE_SIZE / 2];
    size_t used = 0;
    int missing = 0;
    name_table seen = { .arena = b->scratch };
    for (size_t i = 0; i < b->node_count; i++) {
        const flat_node *node = &b->nodes[i];
        if (op_find(node->domain, node->op_type, node->version) &&
            (b->file->is_ours || strcmp(node->domain, OP_DOMAIN_ONYX) != 0))
            continue;
        const char *key = arena_printf(b->scratch, "%s%s%s (version %d)", node->domain, node->domain[0] ? "." : "",
                                       node->op_type, node->version);
        if (!key || name_get(&seen, key))
            continue;
        if (!name_put(&seen, key, (void *)key))
            return status_no_memory(b->error, 0, "operator names");
        int wrote = snprintf(list + used, sizeof(list) - used, "%s%s", missing ? ", " : "", key);
        if (wrote > 0)
            used = MIN(used + (size_t)wrote, sizeof(list) - 1);
        missing++;
    }
    if (!missing)
        return ONYX_OK;
    return status_fail(b->error, ONYX_ERROR_UNSUPPORTED, "%s: %d operator%s not supported: %s", b->file->path, missing,
                       missing == 1 ? " is" : "s are", list);
}

/* ---- sorting and resolving ---- */

static onyx_status declare_outputs(builder *b, name_table *producers)
{
    for (size_t i = 0; i < b->node_count; i++)
        for (int k = 0; k < b->nodes[i].output_count; k++) {
            const char *name = b->nodes[i].outputs[k];
            if (!name[0])
                continue;
            if (name_get(producers, name))
                return status_fail(b->error, ONYX_ERROR_FORMAT, "%s: value '%s' is produced twice (node '%s')",
                                   b->file->path, name, b->nodes[i].name);
            if (!name_put(producers, name, &b->nodes[i]))
                return status_no_memory(b->error, 0, "names");
        }
    return ONYX_OK;
}

/* Depth-first from every node in the file's order; order[] gets the nodes, producers first. */
static onyx_status sort_nodes(builder *b, const name_table *producers, const name_table *values, flat_node **order)
{
    typedef struct frame {
        flat_node *node;
        int next;
    } frame;
    frame *stack = arena_alloc(b->scratch, sizeof(*stack) * (b->node_count + 1));
    if (!stack)
        return status_no_memory(b->error, sizeof(*stack) * b->node_count, "sorting");
    size_t done = 0;
    for (size_t i = 0; i < b->node_count; i++) {
        size_t depth = 0;
        if (b->nodes[i].state == 0) {
            b->nodes[i].state = 1;
            stack[depth++] = (frame){ &b->nodes[i], 0 };
        }
        while (depth) {
            frame *top = &stack[depth - 1];
            if (top->next == top->node->input_count) {
                top->node->state = 2;
                order[done++] = top->node;
                depth--;
                continue;
            }
            const char *name = top->node->inputs[top->next++];
            flat_node *producer = name[0] ? name_get(producers, name) : NULL;
            if (!producer || producer->state == 2) {
                if (name[0] && !producer && !name_get(values, name))
                    return status_fail(b->error, ONYX_ERROR_FORMAT,
                                       "%s: node '%s' (%s) reads '%s', which nothing produces", b->file->path,
                                       top->node->name, top->node->op_type, name);
                continue;
            }
            if (producer->state == 1)
                return status_fail(b->error, ONYX_ERROR_FORMAT, "%s: node '%s' (%s) depends on its own output '%s'",
                                   b->file->path, producer->name, producer->op_type, name);
            producer->state = 1;
            stack[depth++] = (frame){ producer, 0 };
        }
    }
    return ONYX_OK;
}

/* The name that a node or value of a sub-graph has in the whole graph. */
static const char *full_name(builder *b, const char *name)
{
    return b->prefix[0] ? arena_printf(b->scratch, "%s%s", b->prefix, name) : name;
}

static onyx_status add_constant(builder *b, name_table *values, const char *name, const onyx_tensor *tensor)
{
    buffer *view = buffer_wrap(tensor->data, tensor->size_bytes, NULL, NULL);
    const char *full = view ? full_name(b, name) : NULL;
    graph_value *value = full ? graph_add_constant(b->g, full, tensor, view) : NULL;
    if (!value || !name_put(values, name, value))
        return status_no_memory(b->error, sizeof(*value), "constants");
    if (!value->info.constant && tensor->size_bytes <= SMALL_CONSTANT && !graph_constant(b->g, value))
        return status_no_memory(b->error, tensor->size_bytes, "constants");
    return ONYX_OK;
}

static onyx_status add_initializers(builder *b, name_table *values)
{
    const model_graph *source = b->source;
    for (int i = 0; i < source->initializer_count; i++) {
        const model_tensor *initializer = &source->initializers[i];
        if (name_get(values, initializer->name))
            return status_fail(b->error, ONYX_ERROR_FORMAT, "%s: two initializers are named '%s'", b->file->path,
                               initializer->name);
        STATUS_TRY(add_constant(b, values, initializer->name, &initializer->tensor));
    }
    return ONYX_OK;
}

static onyx_status check_input_shape(const builder *b, const model_value *input, const onyx_tensor *shape)
{
    bool fits = shape->type == input->type && (input->rank < 0 || shape->rank == input->rank) && shape->rank >= 0 &&
                shape->rank <= ONYX_MAX_RANK;
    for (int i = 0; fits && i < shape->rank; i++)
        fits = shape->dims[i] >= 0 && (input->rank < 0 || input->dims[i] < 0 || input->dims[i] == shape->dims[i]);
    if (fits)
        return ONYX_OK;
    char want[256], have[256];
    size_t w = 0, h = 0;
    for (int i = 0; i < input->rank && w < sizeof(want) - 24; i++)
        w += (size_t)snprintf(want + w, sizeof(want) - w, input->dims[i] < 0 ? "%s?" : "%s%lld", i ? "x" : "",
                              (long long)input->dims[i]);
    for (int i = 0; i < shape->rank && i < ONYX_MAX_RANK && h < sizeof(have) - 24; i++)
        h += (size_t)snprintf(have + h, sizeof(have) - h, "%s%lld", i ? "x" : "", (long long)shape->dims[i]);
    want[w] = have[h] = 0;
    return status_fail(b->error, ONYX_ERROR_SHAPE, "%s: input '%s' is %s %s in the model; %s %s was given",
                       b->file->path, input->name, onyx_type_name(input->type), want, onyx_type_name(shape->type),
                       have);
}

static onyx_status add_inputs(builder *b, name_table *values, const onyx_tensor *shapes)
{
    const model_graph *source = b->source;
    graph *g = b->g;
    g->input_count = source->input_count;
    g->inputs = arena_alloc(g->arena, sizeof(*g->inputs) * (size_t)(g->input_count + 1));
    if (!g->inputs)
        return status_no_memory(b->error, sizeof(*g->inputs) * (size_t)g->input_count, "inputs");
    for (int i = 0; i < source->input_count; i++) {
        const model_value *input = &source->inputs[i];
        graph_value *value = graph_add_value(g, input->name);
        if (!value || !name_put(values, value->name, value))
            return status_no_memory(b->error, sizeof(*value), "inputs");
        value->input_index = i;
        value->info.kind = input->kind;
        value->info.type = input->type;
        value->info.rank = input->rank;
        memcpy(value->info.dims, input->dims, sizeof(value->info.dims));
        if (shapes) {
            STATUS_TRY(check_input_shape(b, input, &shapes[i]));
            value->info.rank = shapes[i].rank;
            memcpy(value->info.dims, shapes[i].dims, sizeof(value->info.dims));
        }
        g->inputs[i] = value;
    }
    return ONYX_OK;
}

/* Whether the node is a Constant of a tensor or a list of numbers: some exporters keep all weights in such nodes. */
static bool constant_tensor(const flat_node *flat, const op_row *row, onyx_tensor *tensor)
{
    constant_params params = { .tensor = { .data = NULL } };
    const op_parse_context context = { .row = row,
                                       .version = flat->version,
                                       .attributes = { flat->attributes, flat->attribute_count },
                                       .output_count = flat->output_count };
    if (row->domain[0] || strcmp(row->name, "Constant") != 0 || flat->output_count != 1 || !flat->outputs[0][0] ||
        row->parse(&context, &params) != ONYX_OK)
        return false;
    *tensor = params.tensor;
    return tensor->data && tensor->type != ONYX_TYPE_STRING;
}

static onyx_status add_node(builder *b, name_table *values, const flat_node *flat)
{
    graph *g = b->g;
    const op_row *row = op_find(flat->domain, flat->op_type, flat->version);
    onyx_tensor tensor;
    if (constant_tensor(flat, row, &tensor))
        return add_constant(b, values, flat->outputs[0], &tensor);
    const char *name = full_name(b, flat->name);
    graph_node *node =
        name ? graph_new_node(g, row, flat->version, name, flat->input_count, flat->output_count) : NULL;
    if (!node)
        return status_no_memory(b->error, sizeof(*node), "nodes");
    node->attributes = flat->attributes;
    node->attribute_count = flat->attribute_count;
    node->control = flat->control;
    for (int i = 0; i < flat->input_count; i++)
        if (flat->inputs[i][0] && !graph_set_input(g, node, i, name_get(values, flat->inputs[i])))
            return status_no_memory(b->error, sizeof(void *), "users of a value");
    while (!node->control && node->input_count > row->min_inputs && !node->inputs[node->input_count - 1])
        node->input_count--; /* trailing absent inputs say nothing */
    for (int i = 0; i < flat->output_count; i++) {
        if (!flat->outputs[i][0])
            continue;
        name = full_name(b, flat->outputs[i]);
        graph_value *value = name ? graph_add_value(g, name) : NULL;
        if (!value || !name_put(values, flat->outputs[i], value))
            return status_no_memory(b->error, sizeof(*value), "values");
        node->outputs[i] = value;
        value->producer = node;
        value->producer_index = i;
    }
    graph_link_node(g, node, b->before);
    onyx_status status = graph_parse_node(g, node, b->error);
    if (status == ONYX_OK && row->flags & OP_CONTROL)
        status = control_check(node, b->error);
    return status == ONYX_OK ? ONYX_OK : status_context(b->error, status, "%s", b->file->path);
}

static onyx_status add_outputs(builder *b, const name_table *values)
{
    const model_graph *source = b->source;
    graph *g = b->g;
    g->output_count = source->output_count;
    g->outputs = arena_alloc(g->arena, sizeof(*g->outputs) * (size_t)(g->output_count + 1));
    if (!g->outputs)
        return status_no_memory(b->error, sizeof(*g->outputs) * (size_t)g->output_count, "outputs");
    for (int i = 0; i < g->output_count; i++) {
        g->outputs[i] = name_get(values, source->outputs[i].name);
        if (!g->outputs[i])
            return status_fail(b->error, ONYX_ERROR_FORMAT, "%s: output '%s' is produced by no node", b->file->path,
                               source->outputs[i].name);
        g->outputs[i]->output_uses++;
    }
    return ONYX_OK;
}

/* All nodes of the source, whose inputs and outer values stand in `values`. */
static onyx_status build_nodes(builder *b, name_table *values)
{
    name_table producers = { .arena = b->scratch };
    call top = { .function = NULL, .names = b->absent };
    STATUS_TRY(flatten(b, &top, b->source->nodes, b->source->node_count));
    STATUS_TRY(check_supported(b));
    STATUS_TRY(graph_charge_nodes(b->g, b->node_count, b->error));
    STATUS_TRY(declare_outputs(b, &producers));
    flat_node **order = arena_alloc(b->scratch, sizeof(*order) * (b->node_count + 1));
    if (!order)
        return status_no_memory(b->error, sizeof(*order) * b->node_count, "sorting");
    STATUS_TRY(sort_nodes(b, &producers, values, order));
    for (size_t i = 0; i < b->node_count; i++)
        STATUS_TRY(add_node(b, values, order[i]));
    return ONYX_OK;
}

static onyx_status build(builder *b, const onyx_tensor *shapes)
{
    name_table values = { .arena = b->scratch };
    b->absent = (name_table){ .arena = b->scratch };
    for (int i = 0; i < b->source->absent_count; i++)
        if (!name_put(&b->absent, b->source->absent[i], (void *)""))
            return status_no_memory(b->error, 0, "names");
    STATUS_TRY(add_initializers(b, &values));
    STATUS_TRY(add_inputs(b, &values, shapes));
    STATUS_TRY(build_nodes(b, &values));
    return add_outputs(b, &values);
}

onyx_status graph_inline(graph *g, graph_node *before, const graph_scope *scope, graph_value **outputs,
                         onyx_error *error)
{
    onyx_error local;
    arena *scratch = arena_new(g->constant_limit);
    if (!scratch)
        return status_no_memory(error, 0, "a sub-graph");
    builder b = { .file = g->file, .source = scope->body, .g = g, .before = before, .prefix = scope->prefix,
                  .depth = scope->depth, .scratch = scratch, .error = error ? error : &local,
                  .node_limit = graph_node_limit(g) };
    name_table values = { .arena = scratch };
    b.absent = (name_table){ .arena = scratch };
    onyx_status status = ONYX_OK;
    for (int i = 0; i < scope->count && status == ONYX_OK; i++)
        if (!(scope->values[i] ? name_put(&values, scope->names[i], scope->values[i])
                               : name_put(&b.absent, scope->names[i], (void *)"")))
            status = status_no_memory(b.error, 0, "names");
    if (status == ONYX_OK)
        status = add_initializers(&b, &values);
    if (status == ONYX_OK)
        status = build_nodes(&b, &values);
    for (int i = 0; i < scope->body->output_count && status == ONYX_OK; i++) {
        outputs[i] = name_get(&values, scope->body->outputs[i].name);
        if (!outputs[i])
            status = status_fail(b.error, ONYX_ERROR_FORMAT, "output '%s' of the sub-graph is produced by no node",
                                 scope->body->outputs[i].name);
    }
    arena_free(scratch);
    return status;
}

static onyx_status graph_new(const model_file *file, const onyx_options *options, graph **result, onyx_error *error)
{
    const size_t limit = memory_limit(options);
    arena *memory = arena_new(limit);
    graph *g = memory ? arena_alloc(memory, sizeof(*g)) : NULL;
    if (!g) {
        arena_free(memory);
        return status_no_memory(error, sizeof(*g), "a graph");
    }
    g->arena = memory;
    g->file = file;
    g->constant_limit = limit;
    *result = g;
    return ONYX_OK;
}

/* The graph goes where it fails. */
static onyx_status build_whole(graph *g, int depth, const onyx_tensor *shapes, graph **result, onyx_error *error)
{
    onyx_error local;
    arena *scratch = arena_new(g->constant_limit);
    builder b = { .file = g->file, .source = g->file->graph, .g = g, .prefix = "", .depth = depth, .scratch = scratch,
                  .error = error ? error : &local, .node_limit = graph_node_limit(g) };
    onyx_status status = scratch ? build(&b, shapes) : status_no_memory(error, 0, "a graph");
    arena_free(scratch);
    if (status != ONYX_OK) {
        graph_free(g);
        return status;
    }
    *result = g;
    return ONYX_OK;
}

onyx_status graph_build_within(const model_file *file, const graph *outer, int depth, const onyx_options *options,
                               graph **result, onyx_error *error)
{
    graph *g;
    STATUS_TRY(graph_new(file, options, &g, error));
    g->built_nodes = outer->built_nodes;
    return build_whole(g, depth, NULL, result, error);
}

onyx_status graph_build(const model_file *file, const onyx_tensor *shapes, const onyx_options *options, graph **result,
                        onyx_error *error)
{
    graph *g;
    STATUS_TRY(graph_new(file, options, &g, error));
    return build_whole(g, 0, shapes, result, error);
}
