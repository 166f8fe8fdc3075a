/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Transposes cost a pass over memory and stand between nodes that could be fused. Those that only move dims of size one
 * are Reshapes; two in a row are one or none; a Transpose moves down through elementwise nodes, Softmax and Concat
 * where it meets another one there, so that they merge, and through what a matrix product in front of it takes in. */
#include "graph/passes.h"

#include <string.h>

typedef struct permutation {
    int rank;
    int perm[ONYX_MAX_RANK];
} permutation;

/* The node is a Transpose of known rank. */
static bool permutation_of(const graph_node *node, permutation *p)
{
    return node && graph_is(node, "Transpose") && graph_output(node, 0) && graph_permutation(node, &p->rank, p->perm);
}

static bool is_identity(const permutation *p)
{
    for (int i = 0; i < p->rank; i++)
        if (p->perm[i] != i)
            return false;
    return true;
}

/* First `first`, then `second`. */
static permutation compose(const permutation *first, const permutation *second)
{
    permutation both = { .rank = first->rank };
    for (int i = 0; i < first->rank; i++)
        both.perm[i] = first->perm[second->perm[i]];
    return both;
}

static bool equal(const permutation *a, const permutation *b)
{
    return a->rank == b->rank && memcmp(a->perm, b->perm, sizeof(*a->perm) * (size_t)a->rank) == 0;
}

/* Dims larger than one keep their order: the bytes stay where they are. */
static bool is_reshape(const graph_value *x, const permutation *p)
{
    int last = -1;
    if (graph_element_count(x) <= 0)
        return false;
    for (int i = 0; i < p->rank; i++) {
        if (x->info.dims[p->perm[i]] == 1)
            continue;
        if (p->perm[i] < last)
            return false;
        last = p->perm[i];
    }
    return true;
}

/* Transpose(x) in place of `last`, or x itself. */
static onyx_status substitute_transpose(graph *g, graph_node *last, graph_value *x, const permutation *p,
                                        onyx_error *error)
{
    bool done = false;
    if (is_identity(p))
        STATUS_TRY(graph_bypass(g, last, x, &done, error));
    return done ? ONYX_OK : graph_substitute_transpose(g, last, last->name, x, p->perm, error);
}

/* ---- a Transpose by itself, and two in a row ---- */

static onyx_status simplify(graph *g, graph_node *node, const permutation *p, bool *changed, onyx_error *error)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    permutation inner;
    if (is_identity(p)) {
        bool done;
        STATUS_TRY(graph_bypass(g, node, x, &done, error));
        *changed |= done;
        return ONYX_OK;
    }
    if (is_reshape(x, p)) {
        *changed = true;
        return graph_substitute_reshape(g, node, x, y->info.rank, y->info.dims, error);
    }
    if (!permutation_of(x->producer, &inner))
        return ONYX_OK;
    const permutation both = compose(&inner, p);
    *changed = true;
    return substitute_transpose(g, node, x->producer->inputs[0], &both, error);
}

/* ---- moving down ---- */

/* Nodes for which f(transpose(x)) = transpose(f(x)), by their first input; other inputs must be single numbers. */
static bool passes_through(const graph_node *node)
{
    static const char *const names[] = { "Relu",        "LeakyRelu", "Clip",      "Sigmoid",    "Tanh",
                                         "HardSigmoid", "Gelu",      "HardSwish", "Mish",       "Elu",
                                         "Exp",         "Log",       "Sqrt",      "Neg",        "Abs",
                                         "Erf",         "Cast",      "Softplus",  "Add",        "Sub",
                                         "Mul",         "Div",       "Pow",       "Reciprocal", "Swish" };
    if (!graph_one_output(node) || node->input_count < 1)
        return false;
    bool known = graph_is_in(node, OP_DOMAIN_ONYX, "Silu");
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        known |= graph_is(node, names[i]);
    return known;
}

/* The one input of the node that is not a single constant number, or -1. */
static int moving_input(const graph_node *node)
{
    int index = -1;
    for (int i = 0; i < node->input_count; i++) {
        const graph_value *input = node->inputs[i];
        if (!input ||
            (input->is_constant && graph_element_count(input) == 1 && input->info.rank <= node->outputs[0]->info.rank))
            continue;
        if (index >= 0)
            return -1;
        index = i;
    }
    return index;
}

static bool is_softmax(const graph_node *node)
{
    return (graph_is(node, "Softmax") || graph_is(node, "LogSoftmax")) && graph_one_output(node) &&
           !((const softmax_params *)node->params)->flatten;
}

/* A chain of nodes that nobody else reads, up from `value` to a Transpose: that Transpose. */
static graph_node *transpose_above(const graph_value *value, permutation *p)
{
    for (int depth = 0; depth < 16; depth++) {
        graph_node *node = value->producer;
        if (!node || !graph_sole(value) || value->producer_index != 0)
            return NULL;
        if (permutation_of(node, p))
            return node;
        const int index = passes_through(node) ? moving_input(node) : is_softmax(node) ? 0 : -1;
        if (index < 0 || node->inputs[index]->info.rank != value->info.rank)
            return NULL;
        value = node->inputs[index];
    }
    return NULL;
}

/* f(transpose(x)) in place of `node` becomes transpose(f(x)); its input `index` is the Transpose's output. */
static onyx_status swap(graph *g, graph_node *node, int index, const permutation *p, graph_node **moved,
                        onyx_error *error)
{
    graph_node *transpose = node->inputs[index]->producer;
    graph_value *inputs[3] = { NULL }, *y = NULL;
    op_attribute attribute;
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = i == index ? transpose->inputs[0] : node->inputs[i];
    if (is_softmax(node)) {
        const int64_t axis = ((const softmax_params *)node->params)->axis;
        attribute = attribute_int("axis", p->perm[axis < 0 ? axis + p->rank : axis]);
        STATUS_TRY(graph_insert(g, node, "", node->row->name, node->name, inputs, 1, &attribute, 1, &y, error));
    } else {
        STATUS_TRY(graph_insert_like(g, node, inputs, &y, error));
    }
    const graph_value *output = node->outputs[0];
    STATUS_TRY(graph_substitute_transpose(g, node, transpose->name, y, p->perm, error));
    *moved = output->producer;
    return ONYX_OK;
}

/* `node` is a Transpose below a chain below another Transpose: the upper one moves down, link by link. */
static onyx_status meet(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    permutation upper;
    graph_node *top = transpose_above(node->inputs[0], &upper);
    if (!top || top == node->inputs[0]->producer)
        return ONYX_OK;
    while (top != node->inputs[0]->producer) {
        graph_node *below = top->outputs[0]->users[0];
        const int index = is_softmax(below) ? 0 : moving_input(below);
        if (below->input_count > 3 || index < 0)
            return ONYX_OK;
        STATUS_TRY(swap(g, below, index, &upper, &top, error));
        *changed = true;
    }
    return ONYX_OK;
}

/* op(transpose(a), transpose(b), ...) with equal permutations is transpose(op(a, b, ...)). Constants that are single
 * numbers may stand among them; an axis is renamed. A Concat gains only where another Transpose follows: Transposes in
 * front of it can write their parts of its result. */
static onyx_status gather_up(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    enum { MOST = 32 };
    permutation p = { 0 }, other;
    graph_value *inputs[MOST], *y = NULL;
    int transposed = 0;
    const bool concat = graph_is(node, "Concat");
    if (node->input_count > MOST || node->input_count < 2 || !graph_one_output(node))
        return ONYX_OK;
    const graph_node *reader = graph_single_user(node->outputs[0]);
    if (concat && !(reader && graph_is(reader, "Transpose")))
        return ONYX_OK;
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = inputs[i] = node->inputs[i];
        if (x->producer && graph_sole(x) && permutation_of(x->producer, &other) &&
            (transposed == 0 || equal(&p, &other))) {
            p = other;
            transposed++;
            inputs[i] = x->producer->inputs[0];
        } else if (concat || !x->is_constant || graph_element_count(x) != 1) {
            return ONYX_OK;
        }
    }
    if (transposed < 2 || node->outputs[0]->info.rank != p.rank)
        return ONYX_OK;
    op_attribute attribute;
    *changed = true;
    if (concat) {
        const int64_t axis = ((const axis_params *)node->params)->axis;
        attribute = attribute_int("axis", p.perm[axis < 0 ? axis + p.rank : axis]);
        STATUS_TRY(
            graph_insert(g, node, "", "Concat", node->name, inputs, node->input_count, &attribute, 1, &y, error));
    } else {
        STATUS_TRY(graph_insert_like(g, node, inputs, &y, error));
    }
    return graph_substitute_transpose(g, node, node->name, y, p.perm, error);
}

/* ---- behind matrix products ---- */

static graph_value *product_below(const graph_value *transposed, permutation *p)
{
    graph_product product;
    if (!transposed->producer || !graph_sole(transposed) || !permutation_of(transposed->producer, p))
        return NULL;
    graph_value *x = transposed->producer->inputs[0];
    return x->producer && graph_sole(x) && graph_read_product(x->producer, &product) &&
                   product.activation.act == OP_ACT_NONE && !product.residual
               ? x
               : NULL;
}

/* What op(product, other) has for `other`: a constant for each of the product's columns, as a row, or what another
 * Transpose, the same, is of; or NULL. */
static onyx_status other_side(graph *g, const graph_node *node, graph_value *other, const permutation *p, int64_t n,
                              graph_value **row, onyx_error *error)
{
    permutation same;
    const float *numbers;
    int axis = 0, step;
    *row = NULL;
    while (axis < p->rank && p->perm[axis] != p->rank - 1)
        axis++;
    if (graph_is(node, "Add") && other->producer && permutation_of(other->producer, &same) && equal(&same, p)) {
        *row = other->producer->inputs[0];
        return ONYX_OK;
    }
    if (!graph_along_axis(g, other, node->outputs[0], axis, &numbers, &step) || step == 0)
        return ONYX_OK;
    return graph_add_strided(g, other->name, numbers, step, 1, &n, row, error);
}

/* op(transpose(product), other) is transpose(op(product, other)): a factor or summand for each column, or a residual of
 * the same permutation, which the product then takes in. */
static onyx_status pass_below(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2 && node->input_count == 2 && graph_one_output(node); i++) {
        permutation p;
        graph_value *inputs[2], *y = NULL, *x = product_below(node->inputs[i], &p);
        if (!x || node->outputs[0]->info.rank != p.rank || x->info.dims[p.rank - 1] <= 0 ||
            !graph_same_shape(node->inputs[i], node->outputs[0]))
            continue;
        inputs[i] = x;
        STATUS_TRY(other_side(g, node, node->inputs[1 - i], &p, x->info.dims[p.rank - 1], &inputs[1 - i], error));
        if (!inputs[1 - i])
            continue;
        *changed = true;
        STATUS_TRY(graph_insert_like(g, node, inputs, &y, error));
        return graph_substitute_transpose(g, node, node->name, y, p.perm, error);
    }
    return ONYX_OK;
}

onyx_status pass_transpose(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        permutation p;
        if (permutation_of(node, &p) && graph_one_output(node)) {
            STATUS_TRY(meet(g, node, changed, error));
            STATUS_TRY(simplify(g, node, &p, changed, error));
        } else if (graph_output(node, 0) && (graph_is(node, "Concat") || graph_is(node, "Add") ||
                                             graph_is(node, "Mul") || graph_is(node, "Sub") || graph_is(node, "Div"))) {
            STATUS_TRY(gather_up(g, node, changed, error));
            if (!node->removed)
                STATUS_TRY(pass_below(g, node, changed, error));
        }
    }
    return ONYX_OK;
}
