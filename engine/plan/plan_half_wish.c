/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which values are worth the half form (plan_half.c): those that dense convolutions read, maybe by way of operators
 * that keep to it. Elsewhere reorders would cost more than 16 bits save: a depthwise layer between rows of float32,
 * say. */
#include "plan/planner.h"

#include <string.h>

static bool is_one_of(const graph_node *node, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(node->row->name, names[i]) == 0)
            return true;
    return false;
}

static bool is_dense(const planner *p, const graph_node *node)
{
    static const char *const convolutions[] = { "Conv", "FusedConv" };
    if (!is_one_of(node, convolutions, ARRAY_LENGTH(convolutions)))
        return false;
    const op_value *weights = &node->inputs[1]->info; /* [c_out][c_in / groups].. */
    return ((const conv_params *)node->params)->group == 1 || weights->dims[1] >= p->kernels->half.lanes;
}

/* Where all that it reads has the form of the result, as far as that is a matter of 16 bits. */
static bool keeps_half(const graph_node *node)
{
    static const char *const keepers[] = { "Conv", "FusedConv", "MaxPool", "Resize", "Concat", "Split",   "Slice",
                                           "Add",  "Sub",       "Mul",     "Relu",   "Silu",   "Sigmoid", "HardSwish" };
    return is_one_of(node, keepers, ARRAY_LENGTH(keepers));
}

void plan_half_wish(planner *p)
{
    for (const graph_node *node = p->graph->last; node; node = node->previous) {
        bool wanted = is_dense(p, node);
        for (int i = 0; i < node->output_count && keeps_half(node); i++)
            wanted |= node->outputs[i] && p->forms[node->outputs[i]->id].half_wanted;
        for (int i = 0; i < node->input_count && wanted; i++)
            if (node->inputs[i])
                p->forms[node->inputs[i]->id].half_wanted = true;
    }
}
