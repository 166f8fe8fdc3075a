/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The operator Attention of float32 in its parts, products and Softmax: these are what other passes merge with what
 * stands around them, and have fast kernels. With earlier keys, fewer heads of keys than of queries, limits of the
 * scores or truth values as a mask it stays whole. */
#include <math.h>

#include "graph/passes.h"

typedef struct builder {
    graph *g;
    graph_node *node;
    op_sdpa s;
    onyx_error *error;
} builder;

static onyx_status transpose(const builder *b, graph_value *x, const int perm[4], graph_value **y)
{
    *y = NULL;
    return graph_insert_transpose(b->g, b->node, b->node->name, x, perm, y, b->error);
}

/* As [batch, heads, length, size], the last two swapped where `turned`. */
static onyx_status heads_of(const builder *b, graph_value *x, const op_sdpa_operand *o, bool turned, graph_value **y)
{
    static const int turn[4] = { 0, 1, 3, 2 }, flat[4] = { 0, 2, 1, 3 }, both[4] = { 0, 2, 3, 1 };
    const int64_t dims[4] = { o->batch, o->length, o->heads, o->size };
    graph_value *split = NULL;
    if (o->flat)
        STATUS_TRY(graph_insert_reshape(b->g, b->node, b->node->name, x, 4, dims, &split, b->error));
    *y = o->flat ? split : x;
    return o->flat || turned ? transpose(b, *y, !o->flat ? turn : turned ? both : flat, y) : ONYX_OK;
}

static onyx_status binary(const builder *b, const char *op, graph_value *x, graph_value *other, graph_value **y)
{
    *y = NULL;
    return graph_insert(b->g, b->node, "", op, b->node->name, (graph_value *[]){ x, other }, 2, NULL, 0, y, b->error);
}

/* -inf for keys behind the query. */
static onyx_status causal_mask(const builder *b, graph_value **mask)
{
    const int64_t dims[2] = { b->s.q.length, b->s.k.length };
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats((size_t)(dims[0] * dims[1]), &storage, &data, b->error));
    for (int64_t i = 0; i < dims[0]; i++)
        for (int64_t j = 0; j < dims[1]; j++)
            data[i * dims[1] + j] = j > i ? -INFINITY : 0;
    return graph_add_f32(b->g, b->node->name, 2, dims, storage, mask, b->error);
}

static bool can_split(builder *b)
{
    const graph_node *node = b->node;
    const sdpa_params *p = node->params;
    const op_value *inputs[3];
    const graph_value *mask = graph_input(node, 3);
    for (int i = 0; i < 3; i++) {
        inputs[i] = &node->inputs[i]->info;
        if (!graph_is_f32(node->inputs[i]) || graph_element_count(node->inputs[i]) < 1)
            return false;
    }
    if (!graph_one_output(node) || graph_input(node, 4) || graph_input(node, 6) || p->left >= 0 || p->right >= 0 ||
        p->softcap != 0 || !op_sdpa_read(p, inputs, 3, &b->s) || b->s.q.heads != b->s.k.heads ||
        (p->causal && b->s.q.length > MOST_FROM_SHAPES / b->s.k.length))
        return false;
    return !mask ||
           (graph_is_f32(mask) && !p->causal && mask->info.rank > 0 &&
            (mask->info.dims[mask->info.rank - 1] == b->s.k.length || mask->info.dims[mask->info.rank - 1] == 1));
}

static onyx_status split(builder *b)
{
    const sdpa_params *p = b->node->params;
    const op_sdpa *s = &b->s;
    graph_value *const *in = b->node->inputs, *q, *k, *v, *x, *scale, *mask = graph_input(b->node, 3), *inputs[1];
    const op_attribute last = attribute_int("axis", -1);
    const double factor = p->scale != 0 ? p->scale : 1 / sqrt((double)s->q.size);
    STATUS_TRY(heads_of(b, in[0], &s->q, false, &q));
    STATUS_TRY(heads_of(b, in[1], &s->k, true, &k));
    STATUS_TRY(heads_of(b, in[2], &s->v, false, &v));
    STATUS_TRY(graph_add_numbers(b->g, b->node->name, &factor, 0, NULL, &scale, b->error));
    STATUS_TRY(binary(b, "MatMul", q, k, &x));
    STATUS_TRY(binary(b, "Mul", x, scale, &x));
    if (p->causal)
        STATUS_TRY(causal_mask(b, &mask));
    if (mask)
        STATUS_TRY(binary(b, "Add", x, mask, &x));
    inputs[0] = x;
    x = NULL;
    STATUS_TRY(graph_insert(b->g, b->node, "", "Softmax", b->node->name, inputs, 1, &last, 1, &x, b->error));
    if (!s->q.flat)
        return graph_substitute(b->g, b->node, "", "MatMul", b->node->name, (graph_value *[]){ x, v }, 2, NULL, 0, NULL,
                                b->error);
    STATUS_TRY(binary(b, "MatMul", x, v, &x));
    STATUS_TRY(transpose(b, x, (const int[]){ 0, 2, 1, 3 }, &x));
    const op_value *y = &b->node->outputs[0]->info;
    return graph_substitute_reshape(b->g, b->node, x, y->rank, y->dims, b->error);
}

onyx_status pass_sdpa(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        builder b = { .g = g, .node = node, .error = error };
        if (!graph_is(node, "Attention") || !graph_output(node, 0) || !can_split(&b))
            continue;
        *changed = true;
        STATUS_TRY(split(&b));
    }
    return ONYX_OK;
}
