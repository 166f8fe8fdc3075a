/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Heads of detectors in the manner of YOLOv5 cut the last axis in parts, compute on some of them, element by element
 * with constants (boxes, but not scores), and join them again. The parts are a few columns of many rows: cutting and
 * joining moves all of the scores for nothing. One ColumnChain computes on the columns where they are. */
#include "graph/passes.h"

#include <string.h>

enum { MOST_CODES = 64 };

typedef struct chain {
    column_code codes[MOST_CODES];
    graph_value *inputs[1 + MOST_CODES]; /* of the ColumnChain */
    int code_count, input_count;
} chain;

/* Reads the value, once or as both operands of a product. */
static bool read_here_only(const graph_value *value, const graph_node *reader)
{
    for (int i = 0; i < value->user_count; i++)
        if (value->users[i] != reader)
            return false;
    return value->output_uses == 0;
}

/* A constant that broadcasts over `part` without enlarging it. */
static bool is_operand(const graph_value *value, const graph_value *part)
{
    const op_value *c = &value->info, *x = &part->info;
    if (!graph_is_f32(value) || !value->is_constant || !graph_shape_known(value) || c->rank > x->rank)
        return false;
    for (int i = 0; i < c->rank; i++)
        if (c->dims[i] != 1 && c->dims[i] != x->dims[x->rank - c->rank + i])
            return false;
    return true;
}

/* What the node does to one of its inputs, *x; the other is a constant or the same. */
static bool code_of(const graph_node *node, column_code *code, graph_value **x, graph_value **operand)
{
    static const struct {
        const char *name;
        op_column op;
    } ops[] = { { "Add", OP_COLUMN_ADD }, { "Sub", OP_COLUMN_SUB }, { "Mul", OP_COLUMN_MUL },
                { "Div", OP_COLUMN_DIV }, { "Exp", OP_COLUMN_EXP }, { "Sigmoid", OP_COLUMN_SIGMOID } };
    size_t i = 0;
    while (i < ARRAY_LENGTH(ops) && !graph_is(node, ops[i].name))
        i++;
    if (i == ARRAY_LENGTH(ops) || !graph_one_output(node))
        return false;
    *code = (column_code){ .op = ops[i].op };
    *x = node->inputs[0];
    *operand = NULL;
    if (ops[i].op >= OP_COLUMN_BINARIES)
        return true;
    if (node->inputs[0] == node->inputs[1]) {
        code->op = OP_COLUMN_SQUARE;
        return ops[i].op == OP_COLUMN_MUL;
    }
    code->swap = node->inputs[0]->is_constant;
    *x = node->inputs[code->swap];
    *operand = node->inputs[!code->swap];
    return is_operand(*operand, *x);
}

/* Up from `value`, input of `reader`, to a range of the last axis; codes are added last first. */
static bool trace(graph *g, const graph_value *value, const graph_node *reader, chain *c, graph_range *r)
{
    const int first = c->code_count;
    while (!graph_range_of(g, value, r)) {
        graph_node *node = value->producer;
        graph_value *x, *operand;
        if (!node || !graph_is_f32(value) || !read_here_only(value, reader) || c->code_count == MOST_CODES ||
            !code_of(node, &c->codes[c->code_count], &x, &operand) || !graph_same_shape(x, value))
            return false;
        if (operand) {
            c->codes[c->code_count].input = c->input_count;
            c->inputs[c->input_count++] = operand;
        }
        c->code_count++;
        reader = node;
        value = x;
    }
    for (int i = first; i < c->code_count; i++) {
        c->codes[i].begin = r->begin;
        c->codes[i].width = r->length;
    }
    for (int i = first, k = c->code_count - 1; i < k; i++, k--) {
        const column_code swap = c->codes[i];
        c->codes[i] = c->codes[k];
        c->codes[k] = swap;
    }
    return read_here_only(value, reader) && graph_is_f32(value) && r->axis == value->info.rank - 1;
}

/* The operands have moderate sizes with an element for each of their ranges. */
static bool fits(const chain *c)
{
    const op_value *x = &c->inputs[0]->info;
    const int64_t rows = graph_element_count(c->inputs[0]) / MAX(x->dims[x->rank - 1], (int64_t)1);
    for (int i = 0; i < c->code_count; i++)
        if (c->codes[i].input && rows > MOST_FROM_SHAPES / MAX((int64_t)c->codes[i].width, (int64_t)1))
            return false;
    return true;
}

/* The parts of a Concat are all columns of one value, in order. */
static bool match(graph *g, const graph_node *concat, chain *c)
{
    const int rank = concat->outputs[0]->info.rank;
    const int64_t axis = ((const axis_params *)concat->params)->axis;
    int64_t at = 0;
    if (rank < 2 || (axis != -1 && axis != rank - 1) || !graph_shape_known(concat->outputs[0]))
        return false;
    c->code_count = 0;
    c->input_count = 1;
    for (int i = 0; i < concat->input_count; i++) {
        graph_range r;
        if (!trace(g, concat->inputs[i], concat, c, &r) || r.begin != at || (i && r.source != c->inputs[0]))
            return false;
        c->inputs[0] = r.source;
        at += r.length;
    }
    return c->code_count > 0 && graph_same_shape(c->inputs[0], concat->outputs[0]) && fits(c);
}

/* The operand with an element for each of the range, unless it is a single number. */
static onyx_status expand(graph *g, const column_code *code, const op_value *x, graph_value **operand,
                          onyx_error *error)
{
    int64_t dims[ONYX_MAX_RANK], steps[ONYX_MAX_RANK], count = 1, from = 1;
    const op_value *c = &(*operand)->info;
    if (graph_element_count(*operand) == 1)
        return ONYX_OK;
    memcpy(dims, x->dims, sizeof(dims));
    dims[x->rank - 1] = code->width;
    for (int i = x->rank - 1, k = c->rank - 1; i >= 0; i--, k--) {
        steps[i] = k >= 0 && c->dims[k] != 1 ? from : 0;
        from *= k >= 0 ? c->dims[k] : 1;
        count *= dims[i];
    }
    if (from == count && c->rank == x->rank)
        return ONYX_OK;
    const float *data = graph_constant_f32(g, *operand);
    buffer *storage;
    float *all;
    if (!data)
        return status_no_memory(error, (*operand)->constant.size_bytes, "a constant");
    STATUS_TRY(graph_new_floats((size_t)count, &storage, &all, error));
    for (int64_t i = 0; i < count; i++) {
        int64_t rest = i, at = 0;
        for (int k = x->rank - 1; k >= 0; rest /= dims[k--])
            at += rest % dims[k] * steps[k];
        all[i] = data[at];
    }
    return graph_add_f32(g, (*operand)->name, x->rank, dims, storage, operand, error);
}

static onyx_status replace(graph *g, graph_node *concat, chain *c, onyx_error *error)
{
    op_attribute attribute;
    for (int i = 0; i < c->code_count; i++)
        if (c->codes[i].input)
            STATUS_TRY(expand(g, &c->codes[i], &c->inputs[0]->info, &c->inputs[c->codes[i].input], error));
    if (!attribute_ints(g, "codes", (const int64_t *)c->codes, c->code_count * (int)COLUMN_CODE_INTS, &attribute))
        return status_no_memory(error, sizeof(c->codes), "attributes");
    return graph_substitute(g, concat, OP_DOMAIN_ONYX, "ColumnChain", concat->name, c->inputs, c->input_count,
                            &attribute, 1, NULL, error);
}

onyx_status pass_columns(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        chain c;
        if (!graph_is(node, "Concat") || !graph_one_output(node) || !match(g, node, &c))
            continue;
        STATUS_TRY(replace(g, node, &c, error));
        *changed = true;
    }
    return ONYX_OK;
}
