/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A byte that follows, element by element, from one other byte is a table of 256 entries: found by running the
 * operators' own rows on all 256 values, whatever they are (SiLU between quantisations, another scale, a
 * QLinearSigmoid). A table behind a table is one; behind a convolution that only it reads it becomes part of it. */
#include <assert.h>
#include <string.h>

#include "base/types.h"
#include "graph/pass_quantized.h"

enum {
    MOST_NODES = 24, /* between the two bytes */
    MOST_VALUES = 6, /* that one element depends on at a time */
    MOST_INPUTS = 8,
    MOST_SCRATCH = 8, /* buffers that one kernel may ask for */
    NEAR = 2048,      /* nodes that are searched for an order */
    ENTRIES = 256,
    ENTRY_BYTES = 8
};

/* The nodes between `root` and the result, last first. */
typedef struct trace {
    graph_node *nodes[MOST_NODES];
    int count;
    graph_value *root;
} trace;

static bool is_lookup(const graph_node *node)
{
    return node && graph_is_in(node, OP_DOMAIN_ONYX, "QLookup");
}

/* Every element of the one output follows from the same element of the inputs, others being single numbers. */
static bool elementwise(const graph_node *node)
{
    static const char *const names[] = { "QuantizeLinear", "DequantizeLinear", "QLinearAdd",
                                         "QLinearMul",     "QLinearSigmoid",   "QLinearLeakyRelu" };
    if (!graph_one_output(node) || node->input_count > MOST_INPUTS || !node->row->run ||
        (node->row->flags & (OP_RANDOM | OP_CONTROL | OP_CONTAINER | OP_DYNAMIC)))
        return false;
    if (node->row->flags & OP_ELEMENTWISE || is_lookup(node) || graph_is(node, "Cast"))
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (graph_is(node, names[i]) || graph_is_in(node, OP_DOMAIN_MICROSOFT, names[i]))
            return true;
    return false;
}

/* `first` stands before `second`; false if that is not found out. */
static bool stands_before(const graph_node *first, const graph_node *second)
{
    int steps = NEAR;
    if (!first)
        return true;
    for (const graph_node *node = second ? second->previous : NULL; node && steps; node = node->previous, steps--)
        if (node == first)
            return true;
    return false;
}

typedef struct frontier {
    graph_value *values[MOST_VALUES];
    int count;
} frontier;

/* Puts what the node reads in the frontier; false where it is not elementwise in values of this shape. */
static bool expand(graph_node *node, const graph_value *shape, frontier *f)
{
    if (!node || !elementwise(node) || type_size(node->outputs[0]->info.type) > ENTRY_BYTES)
        return false;
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = node->inputs[i];
        bool known = false;
        if (!x || (x->is_constant && (graph_element_count(x) == 1 || (is_lookup(node) && i == 1))))
            continue;
        if (x->is_constant || !graph_same_shape(x, shape))
            return false;
        for (int k = 0; k < f->count; k++)
            known |= f->values[k] == x;
        if (known)
            continue;
        if (f->count == MOST_VALUES)
            return false;
        f->values[f->count++] = x;
    }
    return true;
}

/* Takes the value that is made last out of the frontier. */
static graph_value *take_last(frontier *f)
{
    int last = 0;
    for (int i = 1; i < f->count; i++)
        if (stands_before(f->values[last]->producer, f->values[i]->producer))
            last = i;
    graph_value *value = f->values[last];
    f->values[last] = f->values[--f->count];
    return value;
}

/* From the node back to the nearest byte that all of it follows from, and on through tables that only this reads. */
static bool find_root(graph_node *node, trace *t)
{
    frontier f = { .count = 0 };
    const graph_value *shape = node->outputs[0];
    int found = 0;
    *t = (trace){ .nodes = { node }, .count = 1 };
    if (!expand(node, shape, &f))
        return false;
    for (;;) {
        if (f.count == 0)
            return false;
        if (f.count == 1 && quantized_is_byte(f.values[0])) {
            t->root = f.values[0];
            found = t->count;
            if (!is_lookup(t->root->producer) || !graph_sole(t->root))
                return true;
        }
        graph_node *maker = take_last(&f)->producer;
        if (t->count == MOST_NODES || !expand(maker, shape, &f))
            break;
        t->nodes[t->count++] = maker;
    }
    t->count = found;
    return found > 0;
}

/* ---- the table ---- */

typedef struct table_run {
    void *scratch[MOST_SCRATCH];
    int scratch_count;
} table_run;

static void *table_scratch(op_run_context *context, size_t bytes)
{
    table_run *run = context->owner;
    void *memory = run->scratch_count < MOST_SCRATCH ? memory_alloc(bytes) : NULL;
    if (memory)
        run->scratch[run->scratch_count++] = memory;
    return memory;
}

static onyx_tensor entries_of(const graph_value *value, void *data)
{
    return (onyx_tensor){ .type = value->info.type,
                          .rank = 1,
                          .dims = { ENTRIES },
                          .data = data,
                          .size_bytes = ENTRIES * type_size(value->info.type) };
}

/* A constant input: a single number without dims, so that it does not change the rank. */
static bool constant_input(graph *g, graph_value *value, onyx_tensor *tensor)
{
    const onyx_tensor *constant = graph_constant(g, value);
    if (!constant)
        return false;
    *tensor = *constant;
    if (graph_element_count(value) == 1)
        tensor->rank = 0;
    return true;
}

/* Runs node `index` of the trace; `data` holds the entries of every node's output, then those of the root. */
static bool run_node(graph *g, const trace *t, int index, uint8_t (*data)[ENTRIES * ENTRY_BYTES], onyx_error *error)
{
    const graph_node *node = t->nodes[index];
    onyx_tensor inputs[MOST_INPUTS], output = entries_of(node->outputs[0], data[index]), *outputs[1] = { &output };
    const onyx_tensor *list[MOST_INPUTS] = { NULL };
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = node->inputs[i];
        if (!x)
            continue;
        list[i] = &inputs[i];
        if (x->is_constant) {
            if (!constant_input(g, x, &inputs[i]))
                return false;
            continue;
        }
        int from = t->count;
        for (int k = index + 1; k < t->count; k++)
            if (t->nodes[k]->outputs[0] == x)
                from = k;
        assert(from < t->count || x == t->root);
        inputs[i] = entries_of(x, data[from]);
    }
    table_run run = { .scratch_count = 0 };
    op_run_context context = { .row = node->row,
                               .params = node->params,
                               .version = node->version,
                               .input_count = node->input_count,
                               .output_count = 1,
                               .inputs = list,
                               .outputs = outputs,
                               .scratch = table_scratch,
                               .error = error,
                               .owner = &run };
    const onyx_status status = node->row->run(&context);
    for (int i = 0; i < run.scratch_count; i++)
        memory_free(run.scratch[i]);
    return status == ONYX_OK;
}

static bool make_table(graph *g, const trace *t, uint8_t table[ENTRIES])
{
    uint8_t(*data)[ENTRIES * ENTRY_BYTES] = memory_alloc(sizeof(*data) * (size_t)(t->count + 1));
    onyx_error ignored;
    bool done = data != NULL;
    for (int i = 0; i < ENTRIES && done; i++)
        data[t->count][i] = (uint8_t)i;
    for (int i = t->count - 1; i >= 0 && done; i--)
        done = run_node(g, t, i, data, &ignored);
    if (done)
        memcpy(table, data[0], ENTRIES);
    memory_free(data);
    return done;
}

static onyx_status add_table(graph *g, const char *name, const uint8_t table[ENTRIES], graph_value **value,
                             onyx_error *error)
{
    const onyx_tensor tensor = {
        .type = ONYX_TYPE_UINT8, .rank = 1, .dims = { ENTRIES }, .data = (void *)table, .size_bytes = ENTRIES
    };
    *value = graph_add_constant(g, name, &tensor, NULL);
    return *value ? ONYX_OK : status_no_memory(error, ENTRIES, "a table");
}

/* ---- replacing ---- */

static bool is_identity(const uint8_t table[ENTRIES])
{
    for (int i = 0; i < ENTRIES; i++)
        if (table[i] != i)
            return false;
    return true;
}

/* The QConv or QMatMul that alone makes the value, with what its table does so far. */
static graph_node *conv_before(graph *g, const graph_value *x, onyx_type type, uint8_t table[ENTRIES])
{
    graph_node *conv = graph_maker_in(x, OP_DOMAIN_ONYX, "QConv");
    if (!conv)
        conv = graph_maker_in(x, OP_DOMAIN_ONYX, "QMatMul");
    if (!conv || !graph_sole(x) || x->info.type != type)
        return NULL;
    graph_value *old = graph_input(conv, 9);
    const onyx_tensor *first = old ? graph_constant(g, old) : NULL;
    if (old && !first)
        return NULL;
    for (int i = 0; i < ENTRIES; i++)
        table[i] = first ? ((const uint8_t *)first->data)[i] : (uint8_t)i;
    return conv;
}

static onyx_status replace(graph *g, graph_node *node, const trace *t, const uint8_t table[ENTRIES], bool *changed,
                           onyx_error *error)
{
    const onyx_type type = node->outputs[0]->info.type;
    uint8_t merged[ENTRIES];
    graph_value *constant;
    bool done = false;
    if (t->root->info.type == type && is_identity(table)) {
        STATUS_TRY(graph_bypass(g, node, t->root, &done, error));
        *changed |= done;
        return ONYX_OK;
    }
    graph_node *conv = conv_before(g, t->root, type, merged);
    if (conv && is_lookup(node) && t->count == 1) {
        graph_value *inputs[11];
        const int count = MAX(conv->input_count, 10);
        for (int i = 0; i < ENTRIES; i++)
            merged[i] = table[merged[i]];
        for (int i = 0; i < count; i++)
            inputs[i] = graph_input(conv, i);
        STATUS_TRY(add_table(g, conv->name, merged, &inputs[9], error));
        *changed = true;
        return graph_substitute(g, node, OP_DOMAIN_ONYX, conv->row->name, conv->name, inputs, count, conv->attributes,
                                conv->attribute_count, NULL, error);
    }
    if (is_lookup(node) && t->count == 1)
        return ONYX_OK;
    const op_attribute to = attribute_int("to", type);
    STATUS_TRY(add_table(g, node->name, table, &constant, error));
    *changed = true;
    return graph_substitute(g, node, OP_DOMAIN_ONYX, "QLookup", node->name, (graph_value *[]){ t->root, constant }, 2,
                            &to, 1, NULL, error);
}

onyx_status quantized_tables(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        trace t;
        uint8_t table[ENTRIES];
        if (node->output_count < 1 || !quantized_is_byte(node->outputs[0]) || !graph_shape_known(node->outputs[0]) ||
            !elementwise(node) || !find_root(node, &t) || !make_table(g, &t, table))
            continue;
        STATUS_TRY(replace(g, node, &t, table, changed, error));
    }
    return ONYX_OK;
}
