/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The operator Attention of float32 in its parts, products and Softmax: these are what other passes merge with what
 * stands around them, and have fast kernels. With earlier keys or limits of the scores it stays whole. */
#include <math.h>
#include <string.h>

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

/* [batch, heads, ..] as [batch, groups, heads of a group, ..]: queries of a group share keys and values. */
static onyx_status group_heads(const builder *b, graph_value *x, int64_t in_group, graph_value **y)
{
    const int64_t *d = x->info.dims;
    const int64_t dims[5] = { d[0], d[1] / in_group, in_group, d[2], d[3] };
    *y = NULL;
    return graph_insert_reshape(b->g, b->node, b->node->name, x, 5, dims, y, b->error);
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

static onyx_status insert(const builder *b, const char *op, graph_value *const *inputs, int count, graph_value **y)
{
    const op_attribute last = attribute_int("axis", -1);
    graph_value *output = NULL;
    STATUS_TRY(graph_insert(b->g, b->node, "", op, b->node->name, inputs, count, &last, strcmp(op, "Softmax") == 0,
                            &output, b->error));
    *y = output;
    return ONYX_OK;
}

static onyx_status binary(const builder *b, const char *op, graph_value *x, graph_value *other, graph_value **y)
{
    return insert(b, op, (graph_value *[]){ x, other }, 2, y);
}

/* condition ? a : b; numbers stand for values that are NULL. */
static onyx_status where(const builder *b, graph_value *condition, double a, double number, graph_value *other,
                         graph_value **y)
{
    graph_value *inputs[3] = { condition, NULL, other };
    STATUS_TRY(graph_add_numbers(b->g, b->node->name, &a, 0, NULL, &inputs[1], b->error));
    if (!other)
        STATUS_TRY(graph_add_numbers(b->g, b->node->name, &number, 0, NULL, &inputs[2], b->error));
    return insert(b, "Where", inputs, 3, y);
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

/* What is added to the scores [batch, heads, queries, keys], or [batch, groups, heads, queries, keys]; or NULL. */
static onyx_status mask_of(const builder *b, int64_t in_group, graph_value **mask)
{
    graph_value *causal = NULL;
    *mask = graph_input(b->node, 3);
    if (*mask && (*mask)->info.type == ONYX_TYPE_BOOL)
        STATUS_TRY(where(b, *mask, 0, -INFINITY, NULL, mask));
    if (*mask && in_group > 1 && (*mask)->info.rank > 2) {
        const op_value *m = &(*mask)->info;
        const int64_t heads = m->dims[m->rank - 3];
        const int64_t dims[5] = { m->rank == 4 ? m->dims[0] : 1, heads == 1 ? 1 : heads / in_group,
                                  heads == 1 ? 1 : in_group, m->dims[m->rank - 2], m->dims[m->rank - 1] };
        graph_value *grouped = NULL;
        STATUS_TRY(graph_insert_reshape(b->g, b->node, b->node->name, *mask, 5, dims, &grouped, b->error));
        *mask = grouped;
    }
    if (!((const sdpa_params *)b->node->params)->causal)
        return ONYX_OK;
    STATUS_TRY(causal_mask(b, &causal));
    if (*mask)
        return binary(b, "Add", *mask, causal, mask);
    *mask = causal;
    return ONYX_OK;
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
        p->softcap != 0 || !op_sdpa_read(p, inputs, 3, &b->s) ||
        (p->causal && b->s.q.length > MOST_FROM_SHAPES / b->s.k.length))
        return false;
    return !mask ||
           ((graph_is_f32(mask) || mask->info.type == ONYX_TYPE_BOOL) && graph_element_count(mask) > 0 &&
            mask->info.rank > 0 &&
            (mask->info.dims[mask->info.rank - 1] == b->s.k.length || mask->info.dims[mask->info.rank - 1] == 1));
}

/* softmax(q * scale * k + mask), where all keys are left out zeros. */
static onyx_status weights_of(const builder *b, graph_value *q, graph_value *k, graph_value *mask, graph_value **y)
{
    const sdpa_params *p = b->node->params;
    const double factor = p->scale != 0 ? p->scale : 1 / sqrt((double)b->s.q.size);
    graph_value *scale, *x, *is_nan;
    STATUS_TRY(graph_add_numbers(b->g, b->node->name, &factor, 0, NULL, &scale, b->error));
    STATUS_TRY(binary(b, "MatMul", q, k, &x));
    STATUS_TRY(binary(b, "Mul", x, scale, &x));
    if (mask)
        STATUS_TRY(binary(b, "Add", x, mask, &x));
    STATUS_TRY(insert(b, "Softmax", &x, 1, y));
    if (!graph_input(b->node, 3))
        return ONYX_OK;
    STATUS_TRY(insert(b, "IsNaN", y, 1, &is_nan));
    return where(b, is_nan, 0, 0, *y, y);
}

static onyx_status split(builder *b)
{
    const op_sdpa *s = &b->s;
    const op_value shape = b->node->outputs[0]->info;
    const int64_t in_group = s->q.heads / s->k.heads, dims[4] = { s->q.batch, s->q.heads, s->q.length, s->v.size };
    graph_value *const *in = b->node->inputs, *q, *k, *v, *x, *mask;
    STATUS_TRY(heads_of(b, in[0], &s->q, false, &q));
    STATUS_TRY(heads_of(b, in[1], &s->k, true, &k));
    STATUS_TRY(heads_of(b, in[2], &s->v, false, &v));
    if (in_group > 1) {
        STATUS_TRY(group_heads(b, q, in_group, &q));
        STATUS_TRY(group_heads(b, k, 1, &k));
        STATUS_TRY(group_heads(b, v, 1, &v));
    }
    STATUS_TRY(mask_of(b, in_group, &mask));
    STATUS_TRY(weights_of(b, q, k, mask, &x));
    if (!s->q.flat && in_group == 1)
        return graph_substitute(b->g, b->node, "", "MatMul", b->node->name, (graph_value *[]){ x, v }, 2, NULL, 0, NULL,
                                b->error);
    STATUS_TRY(binary(b, "MatMul", x, v, &x));
    if (s->q.flat && in_group > 1) {
        graph_value *joined = NULL;
        STATUS_TRY(graph_insert_reshape(b->g, b->node, b->node->name, x, 4, dims, &joined, b->error));
        x = joined;
    }
    if (s->q.flat)
        STATUS_TRY(transpose(b, x, (const int[]){ 0, 2, 1, 3 }, &x));
    return graph_substitute_reshape(b->g, b->node, x, shape.rank, shape.dims, b->error);
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
