/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Steps that the session runs as sub-graphs: nodes with sub-graphs that depend on data, and single nodes whose shapes
 * do. */
#include "graph/control.h"
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
    if (node->row->flags & OP_CONTAINER || !tensors_only(node->inputs, node->input_count) ||
        !tensors_only(node->outputs, node->output_count)) {
        status_fail(p->error, ONYX_ERROR_UNSUPPORTED,
                    "node '%s' (%s): a sequence or optional whose length depends on data is not supported", node->name,
                    node->row->name);
        return PLAN_FAILED;
    }
    const int *slots = plan_plain_slots(p, node);
    if (!slots)
        return PLAN_FAILED;
    program_step *step = plan_add_step(p, node, "control", NULL, 1, 0, slots, node->input_count,
                                       slots + node->input_count, node->output_count, NULL, 0);
    if (!step)
        return PLAN_FAILED;
    step->row = node->row;
    step->row_params = node->params;
    step->version = node->version;
    step->control = node;
    step->control_index = p->program->control_count++;
    return PLAN_DONE;
}

/* ---- nodes that are planned when their shapes are known ---- */

bool plan_is_late(const planner *p, const graph_node *node)
{
    /* What takes a thousand operations for each element of its result; the rest is moved or computed before a plan for
     * it were made. */
    static const struct {
        const char *domain, *op;
    } heavy[] = {
        { "", "Conv" },
        { OP_DOMAIN_ONYX, "FusedConv" },
        { "", "ConvTranspose" },
        { "", "MatMul" },
        { OP_DOMAIN_ONYX, "FusedMatMul" },
        { "", "Gemm" },
        { "", "LSTM" },
        { "", "GRU" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(heavy) && !p->options->unoptimised; i++)
        if (graph_is_in(node, heavy[i].domain, heavy[i].op))
            return true;
    return false;
}

/* "i0", "i1", ... */
static const char **numbered(planner *p, char letter, graph_value *const *values, int count)
{
    const char **names = plan_alloc(p, sizeof(*names) * (size_t)count);
    for (int i = 0; names && i < count; i++)
        if (!(names[i] = values[i] ? arena_printf(p->program->arena, "%c%d", letter, i) : ""))
            return NULL;
    return names;
}

bool plan_late(planner *p, const graph_node *node, program_step *step)
{
    graph_node *own = plan_alloc(p, sizeof(*own));
    struct graph_control *control = plan_alloc(p, sizeof(*control));
    model_graph *body = plan_alloc(p, sizeof(*body));
    model_node *only = plan_alloc(p, sizeof(*only));
    const char **inputs = numbered(p, 'i', node->inputs, node->input_count);
    const char **outputs = numbered(p, 'o', node->outputs, node->output_count);
    graph_capture *captures = plan_alloc(p, sizeof(*captures) * (size_t)node->input_count);
    model_value *results = plan_alloc(p, sizeof(*results) * (size_t)node->output_count);
    if (!own || !control || !body || !only || !inputs || !outputs || !captures || !results)
        return false;
    for (int i = 0; i < node->input_count; i++)
        captures[i] = (graph_capture){ .name = inputs[i], .readers = node->inputs[i] != NULL };
    *only = (model_node){ .name = node->name,
                          .domain = node->row->domain,
                          .op_type = node->row->name,
                          .overload = "",
                          .version = node->version,
                          .inputs = inputs,
                          .input_count = node->input_count,
                          .outputs = outputs,
                          .output_count = node->output_count,
                          .attributes = (op_attribute *)(uintptr_t)node->attributes,
                          .attribute_count = node->attribute_count };
    *body = (model_graph){ .name = node->name, .nodes = only, .node_count = 1, .outputs = results };
    for (int i = 0; i < node->output_count; i++)
        if (node->outputs[i])
            results[body->output_count++] =
                (model_value){ .name = outputs[i], .type = node->outputs[i]->info.type, .rank = -1 };
    *control = (struct graph_control){ .bodies = { body }, .captures = captures, .capture_count = node->input_count };
    *own = *node;
    own->control = control;
    step->control = own;
    step->control_index = p->program->control_count++;
    return true;
}
