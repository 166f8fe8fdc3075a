/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Nodes with sub-graphs that depend on data: one step each, which the session runs. */
#include "plan/planner.h"

static bool tensors_only(graph_value *const *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] && values[i]->info.kind != OP_KIND_TENSOR)
            return false;
    return true;
}

plan_result plan_control(planner *p, graph_node *node)
{
    program *target = p->program;
    if (node->row->flags & OP_CONTAINER || !tensors_only(node->inputs, node->input_count) ||
        !tensors_only(node->outputs, node->output_count)) {
        status_fail(p->error, ONYX_ERROR_UNSUPPORTED,
                    "node '%s' (%s): a sequence or optional whose length depends on data is not supported", node->name,
                    node->row->name);
        return PLAN_FAILED;
    }
    int *slots = plan_alloc(p, sizeof(*slots) * (size_t)(node->input_count + node->output_count));
    if (!slots)
        return PLAN_FAILED;
    int *outputs = slots + node->input_count;
    for (int i = 0; i < node->input_count; i++) {
        slots[i] = node->inputs[i] ? plan_plain(p, node->inputs[i]) : -1;
        if (node->inputs[i] && slots[i] < 0)
            return PLAN_FAILED;
    }
    for (int i = 0; i < node->output_count; i++) {
        outputs[i] = node->outputs[i] ? plan_new_plain(p, node->outputs[i]) : -1;
        if (node->outputs[i] && outputs[i] < 0)
            return PLAN_FAILED;
    }
    program_step *step =
        plan_add_step(p, node, "control", NULL, 1, 0, slots, node->input_count, outputs, node->output_count, NULL, 0);
    if (!step)
        return PLAN_FAILED;
    step->row = node->row;
    step->row_params = node->params;
    step->version = node->version;
    step->control = node;
    step->control_index = target->control_count++;
    return PLAN_DONE;
}
