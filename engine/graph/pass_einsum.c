/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Einsum of float32 becomes Transpose, Reshape and MatMul (or Mul, where nothing is summed over), which have fast
 * kernels. Of two operands each label is of one of four kinds: of both and the result (a stack of matrices), of the
 * left and the result (rows), of the right and the result (columns), of both alone (summed over). What only one
 * operand has is summed away first; more than two operands are multiplied one after the other. */
#include <string.h>

#include "graph/passes.h"

/* An operand, or the result, on its way: its dims by label. */
typedef struct term {
    graph_value *value;
    int rank;
    uint8_t labels[ONYX_MAX_RANK];
} term;

typedef struct rewriter {
    graph *g;
    graph_node *before; /* the Einsum */
    op_einsum e;
    onyx_error *error;
} rewriter;

static uint64_t bit(int label)
{
    return UINT64_C(1) << label;
}

static uint64_t labels_of(const term *t)
{
    uint64_t set = 0;
    for (int i = 0; i < t->rank; i++)
        set |= bit(t->labels[i]);
    return set;
}

static int popcount(uint64_t set)
{
    int count = 0;
    for (; set; set &= set - 1)
        count++;
    return count;
}

/* The labels of a set in the order that `like` has them, behind those that `to` has already. */
static void append(term *to, const term *like, uint64_t set)
{
    for (int i = 0; i < like->rank; i++)
        if (set & bit(like->labels[i]))
            to->labels[to->rank++] = like->labels[i];
}

static onyx_status reshape(const rewriter *r, graph_value **x, int rank, const int64_t *dims)
{
    graph_value *y = NULL;
    if ((*x)->info.rank == rank && memcmp((*x)->info.dims, dims, sizeof(*dims) * (size_t)rank) == 0)
        return ONYX_OK;
    STATUS_TRY(graph_insert_reshape(r->g, r->before, r->before->name, *x, rank, dims, &y, r->error));
    *x = y;
    return ONYX_OK;
}

/* Dims of one element go: they need no order. */
static onyx_status drop_ones(const rewriter *r, term *t)
{
    int64_t dims[ONYX_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < t->rank; i++) {
        if (t->value->info.dims[i] == 1)
            continue;
        dims[rank] = t->value->info.dims[i];
        t->labels[rank++] = t->labels[i];
    }
    t->rank = rank;
    return reshape(r, &t->value, rank, dims);
}

/* Sums over the labels of `set`. */
static onyx_status sum_away(const rewriter *r, term *t, uint64_t set)
{
    int64_t axes[ONYX_MAX_RANK];
    int count = 0, rank = 0;
    for (int i = 0; i < t->rank; i++) {
        if (set & bit(t->labels[i]))
            axes[count++] = i;
        else
            t->labels[rank++] = t->labels[i];
    }
    graph_value *inputs[2] = { t->value, NULL };
    const op_attribute keep = attribute_int("keepdims", 0);
    if (count == 0)
        return ONYX_OK;
    t->rank = rank;
    t->value = NULL;
    STATUS_TRY(graph_add_ints(r->g, r->before->name, axes, count, &inputs[1], r->error));
    return graph_insert(r->g, r->before, "", "ReduceSum", r->before->name, inputs, 2, &keep, 1, &t->value, r->error);
}

static onyx_status transpose(const rewriter *r, graph_value **x, int rank, const int *perm)
{
    graph_value *input = *x;
    bool same = true;
    for (int i = 0; i < rank; i++)
        same = same && perm[i] == i;
    if (same)
        return ONYX_OK;
    *x = NULL;
    return graph_insert_transpose(r->g, r->before, r->before->name, input, perm, x, r->error);
}

/* Dims in the order of `order`, which has the same labels. */
static onyx_status arrange(const rewriter *r, term *t, const term *order)
{
    int perm[ONYX_MAX_RANK];
    for (int i = 0; i < order->rank; i++)
        for (int j = 0; j < t->rank; j++)
            if (t->labels[j] == order->labels[i])
                perm[i] = j;
    memcpy(t->labels, order->labels, sizeof(t->labels));
    return transpose(r, &t->value, order->rank, perm);
}

static int64_t size_of(const rewriter *r, const term *t, uint64_t set)
{
    int64_t size = 1;
    for (int i = 0; i < t->rank; i++)
        size *= set & bit(t->labels[i]) ? r->e.sizes[t->labels[i]] : 1;
    return size;
}

/* As matrices [stack..., rows, columns]; the other way round in memory where that is its order already. */
static onyx_status as_matrices(const rewriter *r, term *t, const term *stack, uint64_t rows, const term *row_order,
                               uint64_t columns, const term *column_order)
{
    term straight = *stack, turned = *stack;
    int64_t dims[ONYX_MAX_RANK];
    int perm[ONYX_MAX_RANK];
    const int rank = stack->rank + 2;
    append(&straight, row_order, rows);
    append(&straight, column_order, columns);
    append(&turned, column_order, columns);
    append(&turned, row_order, rows);
    const bool turn = memcmp(turned.labels, t->labels, (size_t)t->rank) == 0 && rows && columns;
    STATUS_TRY(arrange(r, t, turn ? &turned : &straight));
    for (int i = 0; i < stack->rank; i++) {
        dims[i] = r->e.sizes[stack->labels[i]];
        perm[i] = i;
    }
    dims[rank - 2] = size_of(r, t, turn ? columns : rows);
    dims[rank - 1] = size_of(r, t, turn ? rows : columns);
    perm[rank - 2] = rank - 1;
    perm[rank - 1] = rank - 2;
    STATUS_TRY(reshape(r, &t->value, rank, dims));
    return turn ? transpose(r, &t->value, rank, perm) : ONYX_OK;
}

/* The result wants what only b has in front of what only a has. */
static bool right_first(const term *a, const term *b, const term *wanted)
{
    const uint64_t left = labels_of(a), right = labels_of(b);
    int i = 0;
    while (i < wanted->rank && !((left ^ right) & bit(wanted->labels[i])))
        i++;
    return i < wanted->rank && (right & bit(wanted->labels[i]));
}

/* *a = the product of *a and *b with the labels of `wanted`, in an order of its own. */
static onyx_status multiply(const rewriter *r, term *a, term *b, const term *wanted)
{
    const uint64_t kept = labels_of(wanted);
    STATUS_TRY(drop_ones(r, a));
    STATUS_TRY(drop_ones(r, b));
    if (right_first(a, b, wanted)) {
        const term left = *a;
        *a = *b;
        *b = left;
    }
    STATUS_TRY(sum_away(r, a, labels_of(a) & ~labels_of(b) & ~kept));
    STATUS_TRY(sum_away(r, b, labels_of(b) & ~labels_of(a) & ~kept));
    const uint64_t both = labels_of(a) & labels_of(b), summed = both & ~kept;
    const uint64_t rows = labels_of(a) & ~both, columns = labels_of(b) & ~both;
    term stack = { 0 }, product = { 0 };
    append(&stack, wanted, both & kept);
    STATUS_TRY(as_matrices(r, a, &stack, rows, wanted, summed, a));
    const term order = *a;
    STATUS_TRY(as_matrices(r, b, &stack, summed, &order, columns, wanted));
    int64_t dims[ONYX_MAX_RANK];
    product = stack;
    append(&product, wanted, rows);
    append(&product, wanted, columns);
    STATUS_TRY(graph_insert(r->g, r->before, "", summed ? "MatMul" : "Mul", r->before->name,
                            (graph_value *[]){ a->value, b->value }, 2, NULL, 0, &product.value, r->error));
    for (int i = 0; i < product.rank; i++)
        dims[i] = r->e.sizes[product.labels[i]];
    STATUS_TRY(reshape(r, &product.value, product.rank, dims));
    *a = product;
    return ONYX_OK;
}

/* float32 of known shapes, no label twice in a term, and no more labels than a stack of matrices has room for. */
static bool can_rewrite(const graph_node *node, op_einsum *e)
{
    const op_value *inputs[OP_EINSUM_INPUTS];
    uint64_t all = 0;
    for (int i = 0; i < node->input_count; i++) {
        inputs[i] = &node->inputs[i]->info;
        if (!graph_is_f32(node->inputs[i]) || graph_element_count(node->inputs[i]) < 1)
            return false;
    }
    if (!graph_one_output(node) || op_einsum_read(node->params, inputs, node->input_count, e, NULL) != ONYX_OK)
        return false;
    for (int k = 0; k <= e->inputs; k++)
        for (int i = 0; i < e->terms[k].rank; i++)
            if (memchr(e->terms[k].labels, e->terms[k].labels[i], (size_t)i))
                return false;
            else
                all |= bit(e->terms[k].labels[i]);
    return popcount(all) <= ONYX_MAX_RANK - 2;
}

/* [..., k] by [k, n] (or [n, k]) to [..., n]: a dense layer, whose operand keeps its dims, so that what stands behind
 * it can become part of it. */
static bool is_dense(const graph_node *node, const op_einsum *e, bool *turned)
{
    const op_einsum_term *x = &e->terms[0], *w = &e->terms[1], *y = &e->terms[2];
    if (e->inputs != 2 || x->rank < 2 || w->rank != 2 || y->rank != x->rank ||
        memcmp(x->labels, y->labels, (size_t)x->rank - 1) != 0)
        return false;
    const uint8_t k = x->labels[x->rank - 1], n = y->labels[y->rank - 1];
    *turned = w->labels[0] == n;
    return w->labels[*turned] == k && w->labels[!*turned] == n && k != n && !memchr(x->labels, n, (size_t)x->rank) &&
           node->inputs[0]->info.dims[x->rank - 1] == node->inputs[1]->info.dims[*turned];
}

static onyx_status dense(const rewriter *r, graph_node *node, bool turned)
{
    graph_value *inputs[2] = { node->inputs[0], node->inputs[1] };
    if (turned)
        STATUS_TRY(transpose(r, &inputs[1], 2, (const int[]){ 1, 0 }));
    return graph_substitute(r->g, node, "", "MatMul", node->name, inputs, 2, NULL, 0, NULL, r->error);
}

static onyx_status rewrite(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    rewriter r = { .g = g, .before = node, .error = error };
    term terms[OP_EINSUM_INPUTS + 1] = { 0 };
    if (!can_rewrite(node, &r.e))
        return ONYX_OK;
    const int count = r.e.inputs;
    for (int k = 0; k <= count; k++) {
        terms[k].value = k < count ? node->inputs[k] : NULL;
        terms[k].rank = r.e.terms[k].rank;
        memcpy(terms[k].labels, r.e.terms[k].labels, sizeof(terms[k].labels));
    }
    *changed = true;
    bool turned;
    if (is_dense(node, &r.e, &turned))
        return dense(&r, node, turned);
    for (int k = 1; k < count; k++) {
        term wanted = terms[count]; /* and what operands that are still to come have */
        for (int i = k + 1; i < count; i++)
            append(&wanted, &terms[i], labels_of(&terms[i]) & ~labels_of(&wanted));
        STATUS_TRY(multiply(&r, &terms[0], &terms[k], &wanted));
    }
    STATUS_TRY(drop_ones(&r, &terms[0]));
    STATUS_TRY(sum_away(&r, &terms[0], labels_of(&terms[0]) & ~labels_of(&terms[count])));
    term order = { 0 };
    append(&order, &terms[count], labels_of(&terms[0]));
    STATUS_TRY(arrange(&r, &terms[0], &order));
    const op_value *y = &node->outputs[0]->info;
    return graph_substitute_reshape(g, node, terms[0].value, y->rank, y->dims, error);
}

onyx_status pass_einsum(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    if (graph_is(node, "Einsum") && graph_output(node, 0))
        STATUS_TRY(rewrite(g, node, changed, error));
    return ONYX_OK;
}
