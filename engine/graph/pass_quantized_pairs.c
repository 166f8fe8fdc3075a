/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Part of the pass `quantized`: matrix products of bytes by bytes, neither constant, as attention has them.
 *
 *   Q(MatMul(DQ(a), DQ(b)))  -> QLinearMatMul(a, b)
 *
 * Only those whose matrices are as many on both sides: there are kernels for these, which pack b. */
#include "graph/pass_quantized.h"

#define LEAST 16 /* rows and columns of b: many small matrices would take up to a hundred times their memory, packed   \
                  */

static bool is_pair(const graph_value *a, const graph_value *b)
{
    if (!quantized_is_byte(a) || !quantized_is_byte(b) || a->is_constant || b->is_constant || !graph_shape_known(a) ||
        !graph_shape_known(b) || a->info.rank < 2 || a->info.rank != b->info.rank)
        return false;
    for (int i = 0; i < a->info.rank - 2; i++)
        if (a->info.dims[i] != b->info.dims[i])
            return false;
    const int64_t *sizes = b->info.dims + b->info.rank - 2;
    return graph_element_count(a) > 0 && sizes[0] >= LEAST && sizes[1] >= LEAST;
}

bool quantized_is_pair(graph *g, const graph_node *node)
{
    static const int scales[] = { 1, 4, 6 }; /* a zero point follows each */
    for (size_t i = 0; i < ARRAY_LENGTH(scales); i++) {
        graph_value *scale = node->inputs[scales[i]], *zero = node->inputs[scales[i] + 1];
        float factor;
        int point;
        if (!graph_is_f32(scale) || graph_element_count(scale) != 1 || !graph_scalar(g, scale, &factor) ||
            graph_element_count(zero) != 1 || !quantized_zero(g, zero, &point))
            return false;
    }
    return is_pair(node->inputs[0], node->inputs[3]);
}

onyx_status quantized_pairs(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        byte_scale y, a, b;
        if (!quantized_is_q(g, node, &y) || !graph_one_output(node) || !graph_sole(node->inputs[0]))
            continue;
        const graph_node *product = graph_maker(node->inputs[0], "MatMul");
        const graph_node *da = product ? quantized_maker_dq(g, product->inputs[0], &a) : NULL;
        const graph_node *db = product ? quantized_maker_dq(g, product->inputs[1], &b) : NULL;
        if (!da || !db || !is_pair(da->inputs[0], db->inputs[0]))
            continue;
        graph_value *inputs[8];
        STATUS_TRY(quantized_two_inputs(g, da->inputs[0], &a, db->inputs[0], &b, &y, inputs, error));
        STATUS_TRY(graph_substitute(g, node, "", "QLinearMatMul", product->name, inputs, 8, NULL, 0, NULL, error));
        *changed = true;
    }
    return ONYX_OK;
}
