/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The few lines of runtime that running rows needs. */
#include "runner.h"

#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/types.h"

typedef struct named_value {
    const char *name;
    onyx_tensor tensor;
} named_value;

struct runner {
    workers *pool;
    size_t limit; /* bytes of one block */
    void **blocks;
    size_t count, capacity;
    named_value *values;
    size_t value_count, value_capacity;
};

runner *runner_new(workers *pool)
{
    runner *r = calloc(1, sizeof(*r));
    if (r) {
        r->pool = pool;
        r->limit = SIZE_MAX;
    }
    return r;
}

void runner_limit(runner *r, size_t bytes)
{
    r->limit = bytes;
}

void runner_free(runner *r)
{
    for (size_t i = 0; i < r->count; i++)
        memory_free(r->blocks[i]);
    free(r->blocks);
    free(r->values);
    free(r);
}

void *runner_alloc(runner *r, size_t bytes)
{
    if (bytes > r->limit)
        return NULL;
    if (r->count == r->capacity) {
        size_t capacity = r->capacity ? 2 * r->capacity : 64;
        void **blocks = realloc(r->blocks, capacity * sizeof(*blocks));
        if (!blocks)
            return NULL;
        r->blocks = blocks;
        r->capacity = capacity;
    }
    void *block = memory_alloc(bytes);
    if (block)
        r->blocks[r->count++] = block;
    return block;
}

static onyx_status set_output(op_run_context *context, int index, onyx_type type, int rank, const int64_t *dims)
{
    onyx_tensor *out = context->outputs[index];
    size_t count, bytes;
    if (rank < 0 || !size_count(dims, rank, &count) || !type_bytes(type, count, &bytes))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "output %d is too large or not known", index);
    *out = (onyx_tensor){ .type = type, .rank = rank, .size_bytes = bytes };
    memcpy(out->dims, dims, (size_t)rank * sizeof(*dims));
    out->data = runner_alloc(context->owner, bytes);
    if (!out->data)
        return status_no_memory(context->error, bytes, "an output");
    memset(out->data, 0xa5, bytes); /* what a kernel forgets to write shows */
    return ONYX_OK;
}

static void *scratch(op_run_context *context, size_t bytes)
{
    void *block = runner_alloc(context->owner, bytes);
    if (block)
        memset(block, 0xa5, bytes);
    return block;
}

enum { MOST = 256 };

onyx_status runner_node(runner *r, const char *domain, const char *op, int version, const op_attribute *attributes,
                        int attribute_count, const onyx_tensor *const *inputs, int input_count, onyx_tensor *outputs,
                        int output_count, onyx_error *error)
{
    const op_row *row = op_find(domain, op, version);
    if (!row || !row->run)
        return status_fail(error, ONYX_ERROR_UNSUPPORTED, "%s version %d has no row, or no kernel", op, version);
    if (input_count > MOST || output_count > MOST)
        return status_fail(error, ONYX_ERROR_LIMIT, "%s has too many inputs", op);
    if (input_count < row->min_inputs || (row->max_inputs != OP_ANY_COUNT && input_count > row->max_inputs) ||
        (row->max_outputs != OP_ANY_COUNT && output_count > row->max_outputs))
        return status_fail(error, ONYX_ERROR_FORMAT, "%s does not take %d inputs and %d outputs", op, input_count,
                           output_count);
    op_parse_context parse = { .row = row,
                               .version = version,
                               .attributes = { attributes, attribute_count },
                               .input_count = input_count,
                               .output_count = output_count,
                               .error = error };
    void *params = runner_alloc(r, row->params_size + 1);
    memset(params, 0, row->params_size + 1);
    if (row->parse)
        STATUS_TRY(row->parse(&parse, params));

    static op_value in_values[MOST], out_values[MOST];
    const op_value *in_list[MOST];
    onyx_tensor *out_list[MOST];
    for (int i = 0; i < input_count; i++) {
        in_list[i] = inputs[i] ? &in_values[i] : NULL;
        if (!inputs[i])
            continue;
        in_values[i] = (op_value){ .type = inputs[i]->type, .rank = inputs[i]->rank, .constant = inputs[i] };
        memcpy(in_values[i].dims, inputs[i]->dims, sizeof(in_values[i].dims));
    }
    for (int i = 0; i < output_count; i++) {
        out_values[i] = (op_value){ .rank = -1 };
        out_list[i] = &outputs[i];
    }
    op_shape_context shape = { .row = row,
                               .params = params,
                               .version = version,
                               .input_count = input_count,
                               .output_count = output_count,
                               .inputs = in_list,
                               .outputs = out_values,
                               .error = error };
    STATUS_TRY(row->shape(&shape));
    op_run_context run = { .row = row,
                           .params = params,
                           .version = version,
                           .input_count = input_count,
                           .output_count = output_count,
                           .inputs = inputs,
                           .outputs = out_list,
                           .set_output = set_output,
                           .scratch = scratch,
                           .pool = r->pool,
                           .error = error,
                           .owner = r };
    for (int i = 0; i < output_count && !(row->flags & OP_DYNAMIC); i++)
        STATUS_TRY(set_output(&run, i, out_values[i].type, out_values[i].rank, out_values[i].dims));
    return row->run(&run);
}

/* ---- graphs ---- */

static const onyx_tensor *value_find(const runner *r, const char *name)
{
    for (size_t i = r->value_count; i-- > 0;) {
        if (strcmp(r->values[i].name, name) == 0)
            return &r->values[i].tensor;
    }
    return NULL;
}

static onyx_status value_add(runner *r, const char *name, const onyx_tensor *tensor, onyx_error *error)
{
    if (r->value_count == r->value_capacity) {
        size_t capacity = r->value_capacity ? 2 * r->value_capacity : 256;
        named_value *values = realloc(r->values, capacity * sizeof(*values));
        if (!values)
            return status_no_memory(error, capacity, "values");
        r->values = values;
        r->value_capacity = capacity;
    }
    r->values[r->value_count++] = (named_value){ name, *tensor };
    return ONYX_OK;
}

static onyx_status run_model_node(runner *r, const model_node *node, onyx_error *error)
{
    onyx_tensor in[MOST], out[MOST];
    const onyx_tensor *inputs[MOST];
    if (node->input_count > MOST || node->output_count > MOST)
        return status_fail(error, ONYX_ERROR_LIMIT, "too many inputs");
    memset(out, 0, sizeof(out));
    for (int i = 0; i < node->input_count; i++) {
        const onyx_tensor *value = node->inputs[i][0] ? value_find(r, node->inputs[i]) : NULL;
        if (node->inputs[i][0] && !value)
            return status_fail(error, ONYX_ERROR_FORMAT, "value %s is not known", node->inputs[i]);
        inputs[i] = value ? &in[i] : NULL;
        if (value)
            in[i] = *value;
    }
    STATUS_TRY(runner_node(r, node->domain, node->op_type, node->version, node->attributes, node->attribute_count,
                           inputs, node->input_count, out, node->output_count, error));
    for (int i = 0; i < node->output_count; i++)
        STATUS_TRY(value_add(r, node->outputs[i], &out[i], error));
    return ONYX_OK;
}

onyx_status runner_graph(runner *r, const model_graph *graph, const onyx_tensor *const *inputs, onyx_tensor *outputs,
                         onyx_error *error)
{
    r->value_count = 0;
    for (int i = 0; i < graph->initializer_count; i++) {
        onyx_tensor tensor = graph->initializers[i].tensor; /* its data may lie at any address */
        void *copy = runner_alloc(r, tensor.size_bytes);
        if (!copy)
            return status_no_memory(error, tensor.size_bytes, "an initializer");
        if (tensor.size_bytes)
            memcpy(copy, tensor.data, tensor.size_bytes);
        tensor.data = copy;
        STATUS_TRY(value_add(r, graph->initializers[i].name, &tensor, error));
    }
    for (int i = 0; i < graph->input_count; i++) {
        if (inputs[i])
            STATUS_TRY(value_add(r, graph->inputs[i].name, inputs[i], error));
    }
    for (int i = 0; i < graph->node_count; i++) {
        onyx_status status = run_model_node(r, &graph->nodes[i], error);
        if (status != ONYX_OK)
            return status_context(error, status, "%s", graph->nodes[i].op_type);
    }
    for (int i = 0; i < graph->output_count; i++) {
        const onyx_tensor *value = value_find(r, graph->outputs[i].name);
        if (!value)
            return status_fail(error, ONYX_ERROR_FORMAT, "output %s was not computed", graph->outputs[i].name);
        outputs[i] = *value;
    }
    return ONYX_OK;
}
