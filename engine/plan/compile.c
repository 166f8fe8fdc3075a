/* SPDX-License-Identifier: BSD-2-Clause
 *
 * File -> graph -> passes -> steps. Each node goes to the families that know its operator; what they pass on is run by
 * the operator's reference kernel. */
#include "plan/planner.h"

#include <stdio.h>
#include <string.h>

/* Which family may take which operator; the first that does not pass wins. */
static const struct {
    const char *domain, *op;
    plan_function *plan;
} families[] = {
    { "", "Conv", plan_half_conv },
    { OP_DOMAIN_ONYX, "FusedConv", plan_half_conv },
    { OP_DOMAIN_ONYX, "Silu", plan_half_unary },
    { "", "Relu", plan_half_unary },
    { "", "Sigmoid", plan_half_unary },
    { "", "HardSwish", plan_half_unary },
    { "", "Add", plan_half_binary },
    { "", "Sub", plan_half_binary },
    { "", "Mul", plan_half_binary },
    { "", "MaxPool", plan_half_pool },
    { "", "Resize", plan_half_resize },
    { "", "Concat", plan_half_concat },
    { "", "Split", plan_half_split },
    { "", "Slice", plan_half_slice },
    { "", "Conv", plan_conv_few },
    { OP_DOMAIN_ONYX, "FusedConv", plan_conv_few },
    { "", "Conv", plan_chain },
    { OP_DOMAIN_ONYX, "FusedConv", plan_chain },
    { "", "Conv", plan_conv },
    { OP_DOMAIN_ONYX, "FusedConv", plan_conv },
    { "", "ConvTranspose", plan_conv_transpose },
    { "", "MatMul", plan_matmul },
    { "", "Gemm", plan_matmul },
    { OP_DOMAIN_ONYX, "FusedMatMul", plan_matmul },
    { OP_DOMAIN_ONYX, "Attention", plan_attention },
    { "", "GridSample", plan_grid_sample },
    { OP_DOMAIN_ONYX, "Silu", plan_unary },
    { "", "Relu", plan_unary },
    { "", "LeakyRelu", plan_unary },
    { "", "Clip", plan_unary },
    { "", "Sigmoid", plan_unary },
    { "", "HardSigmoid", plan_unary },
    { "", "HardSwish", plan_unary },
    { "", "Tanh", plan_unary },
    { "", "Gelu", plan_unary },
    { "", "Mish", plan_unary },
    { "", "Elu", plan_unary },
    { "", "Swish", plan_unary },
    { OP_DOMAIN_MICROSOFT, "QuickGelu", plan_unary },
    { "", "Exp", plan_unary },
    { "", "Log", plan_unary },
    { "", "Sqrt", plan_unary },
    { "", "Reciprocal", plan_unary },
    { "", "Neg", plan_unary },
    { "", "Abs", plan_unary },
    { "", "Erf", plan_unary },
    { "", "Floor", plan_unary },
    { "", "Ceil", plan_unary },
    { "", "Round", plan_unary },
    { "", "Add", plan_binary },
    { "", "Sub", plan_binary },
    { "", "Mul", plan_binary },
    { "", "Div", plan_binary },
    { "", "Max", plan_binary },
    { "", "Min", plan_binary },
    { "", "Pow", plan_binary },
    { "", "MaxPool", plan_pool },
    { "", "AveragePool", plan_pool },
    { "", "GlobalAveragePool", plan_global_pool },
    { "", "ReduceMean", plan_global_pool },
    { "", "ArgMax", plan_arg_max },
    { "", "ReduceL1", plan_reduce },
    { "", "ReduceL2", plan_reduce },
    { "", "ReduceMax", plan_reduce },
    { "", "ReduceMin", plan_reduce },
    { "", "ReduceSum", plan_reduce },
    { "", "ReduceSumSquare", plan_reduce },
    { "", "ReduceMean", plan_reduce },
    { "", "Resize", plan_resize },
    { "", "Softmax", plan_softmax },
    { "", "Cast", plan_cast },
    { "", "Concat", plan_concat },
    { "", "Split", plan_split },
    { "", "Slice", plan_slice },
    { "", "Transpose", plan_transpose },
    { "", "DepthToSpace", plan_depth_to_space },
    { OP_DOMAIN_ONYX, "ChannelShuffle", plan_shuffle },
    { OP_DOMAIN_ONYX, "ColumnChain", plan_columns },
    { OP_DOMAIN_ONYX, "SoftmaxMean", plan_softmax_mean },
    { "", "Pad", plan_pad },
    { "", "LSTM", plan_rnn },
    { "", "GRU", plan_rnn },
    { "", "GroupNormalization", plan_group_norm },
    { "", "InstanceNormalization", plan_group_norm },
    { "", "LayerNormalization", plan_layer_norm },
    { "", "RMSNormalization", plan_layer_norm },
    { OP_DOMAIN_ONYX, "QConv", plan_qconv },
    { "", "QLinearConv", plan_qconv },
    { "", "ConvInteger", plan_conv_integer },
    { OP_DOMAIN_ONYX, "QConvFloat", plan_qconv_float },
    { OP_DOMAIN_ONYX, "QMatMul", plan_qmatmul },
    { "", "QLinearMatMul", plan_qmatmul },
    { "", "MatMulInteger", plan_matmul_integer },
    { OP_DOMAIN_ONYX, "QMatMulFloat", plan_qmatmul_float },
    { OP_DOMAIN_ONYX, "QLookup", plan_qlookup },
    { OP_DOMAIN_MICROSOFT, "QLinearAdd", plan_qbinary },
    { OP_DOMAIN_MICROSOFT, "QLinearMul", plan_qbinary },
    { "", "QuantizeLinear", plan_quantize },
    { "", "DequantizeLinear", plan_dequantize },
    { "", "DynamicQuantizeLinear", plan_dynamic_quantize },
};

static bool values_known(graph_value *const *values, int count)
{
    for (int i = 0; i < count; i++)
        if (values[i] && graph_element_count(values[i]) < 0)
            return false;
    return true;
}

static bool shapes_known(const graph_node *node)
{
    return values_known(node->inputs, node->input_count) && values_known(node->outputs, node->output_count);
}

static plan_result plan_node(planner *p, graph_node *node)
{
    if (node->row->flags & (OP_CONTROL | OP_CONTAINER))
        return plan_control(p, node);
    if (shapes_known(node)) {
        if (node->row->flags & OP_VIEW) {
            plan_result result = plan_view(p, node);
            if (result != PLAN_PASS)
                return result;
        }
        for (size_t i = 0; i < ARRAY_LENGTH(families) && !p->options->unoptimised; i++)
            if (graph_is_in(node, families[i].domain, families[i].op)) {
                plan_result result = families[i].plan(p, node);
                if (result != PLAN_PASS)
                    return result;
            }
    }
    return plan_reference(p, node);
}

/* ---- reference steps ---- */

/* Whether the row's shape function has seen all that it asks for: shapes, and values that dims depend on. */
static bool shapes_final(const graph_node *node)
{
    for (int i = 1; i < node->input_count && node->row->flags & OP_SHAPE_INPUTS; i++)
        if (node->inputs[i] && !node->inputs[i]->is_constant)
            return false;
    return shapes_known(node);
}

plan_result plan_reference(planner *p, graph_node *node)
{
    if (!node->row->run) {
        status_fail(p->error, ONYX_ERROR_UNSUPPORTED, "node '%s' (%s) cannot be run", node->name, node->row->name);
        return PLAN_FAILED;
    }
    const int *slots = plan_plain_slots(p, node);
    if (!slots)
        return PLAN_FAILED;
    const bool dynamic = !shapes_final(node);
    /* where all inputs are known a run's plan would know no more, and come here again */
    const bool late = dynamic && !values_known(node->inputs, node->input_count) && plan_is_late(p, node);
    program_step *step = plan_add_step(p, node, late ? "planned_in_run" : "reference", NULL, 1, 0, slots,
                                       node->input_count, slots + node->input_count, node->output_count, NULL, 0);
    if (!step || (late && !plan_late(p, node, step)))
        return PLAN_FAILED;
    step->row = node->row;
    step->row_params = node->params;
    step->version = node->version;
    step->dynamic = dynamic;
    return PLAN_DONE;
}

/* ---- inputs and outputs ---- */

static bool plan_inputs(planner *p)
{
    const graph *g = p->graph;
    int *slots = plan_alloc(p, sizeof(*slots) * (size_t)g->input_count);
    if (!slots)
        return false;
    for (int i = 0; i < g->input_count; i++) {
        graph_value *value = g->inputs[i];
        if (!graph_shape_known(value)) {
            status_fail(p->error, ONYX_ERROR_SHAPE, "input '%s' has free dimensions and no shape was given",
                        value->name);
            return false;
        }
        slots[i] = plan_new_plain(p, value);
        if (slots[i] < 0)
            return false;
        p->program->slots[slots[i]].kind = SLOT_INPUT;
        p->program->slots[slots[i]].index = i;
    }
    p->program->inputs = slots;
    p->program->input_count = g->input_count;
    return true;
}

static void run_copy(const step_context *context, int part)
{
    const onyx_tensor *src = &context->tensors[context->step->inputs[0]];
    const onyx_tensor *dst = &context->tensors[context->step->outputs[0]];
    (void)part;
    memcpy(dst->data, src->data, src->size_bytes);
}

static int root_of(const program *p, int slot)
{
    while (p->slots[slot].base >= 0)
        slot = p->slots[slot].base;
    return slot;
}

/* An output that is an input or a constant of the graph itself is copied, so that its memory belongs to the outputs. */
static bool plan_outputs(planner *p)
{
    const graph *g = p->graph;
    program *target = p->program;
    int *slots = plan_alloc(p, sizeof(*slots) * (size_t)g->output_count);
    if (!slots)
        return false;
    for (int i = 0; i < g->output_count; i++) {
        slots[i] = plan_plain(p, g->outputs[i]);
        if (slots[i] < 0)
            return false;
        slot_kind kind = target->slots[root_of(target, slots[i])].kind;
        if (kind == SLOT_INPUT || kind == SLOT_CONSTANT) {
            int from = slots[i];
            slots[i] = plan_new_plain(p, g->outputs[i]);
            program_step *step =
                slots[i] < 0 ? NULL : plan_add_step(p, NULL, "copy", run_copy, 1, 0, &from, 1, &slots[i], 1, NULL, 0);
            if (!step)
                return false;
            step->name = g->outputs[i]->name;
            step->op = "Copy";
        }
        int root = root_of(target, slots[i]);
        if (target->slots[root].kind == SLOT_ARENA)
            target->slots[root].kind = SLOT_OUTPUT;
    }
    target->outputs = slots;
    target->output_count = g->output_count;
    return true;
}

/* ---- the whole ---- */

static onyx_status emit(planner *p)
{
    p->forms = plan_alloc(p, sizeof(*p->forms) * (size_t)p->graph->value_count);
    if (!p->forms)
        return ONYX_ERROR_MEMORY;
    for (int i = 0; i < p->graph->value_count; i++)
        p->forms[i] = (value_forms){ .plain = -1, .blocked = -1, .half = -1 };
    plan_half_wish(p);
    onyx_error local;
    if (!p->error)
        p->error = &local;
    p->error->status = ONYX_OK;
    if (!plan_inputs(p))
        return p->error->status;
    GRAPH_EACH_NODE(p->graph, node)
    {
        if (plan_node(p, node) == PLAN_FAILED)
            return p->error->status ? p->error->status : ONYX_ERROR_INTERNAL;
    }
    if (!plan_outputs(p) || !plan_conv_next(p))
        return p->error->status ? p->error->status : ONYX_ERROR_INTERNAL;
    for (int i = 0; i < p->program->step_count; i++)
        p->program->operations += p->program->steps[i].operations;
    return plan_memory(p);
}

/* Constants that no step reads are given back: their packed form, for which packed_set holds them while it is to be
 * made, is all that runs need. */
static void release_constants(program *p)
{
    graph *g = p->graph;
    bool *kept = arena_alloc(p->arena, (size_t)g->value_count + 1);
    if (!kept)
        return;
    for (int i = 0; i < p->slot_count; i++)
        if (p->slots[i].kind == SLOT_CONSTANT)
            kept[p->slots[i].value] = true;
    for (int k = 0; k < g->value_count; k++)
        if (g->values[k]->is_constant && !kept[k]) {
            buffer_unref(g->values[k]->storage);
            g->values[k]->storage = NULL;
        }
}

static int64_t count_parameters(const graph *g)
{
    int64_t parameters = 0;
    for (int i = 0; i < g->value_count; i++)
        if (g->values[i]->is_constant && g->values[i]->info.type != ONYX_TYPE_INT64)
            parameters += graph_element_count(g->values[i]);
    return parameters;
}

static onyx_status prepare_graph(program *p, const plan_options *wish, onyx_error *error)
{
    p->graph->pool = wish->pool;
    p->node_count = p->graph->node_count;
    p->parameters = count_parameters(p->graph);
    p->graph->fold_dequantize = wish->unoptimised;
    STATUS_TRY(graph_infer(p->graph, true, error));
    if (wish->unoptimised)
        return ONYX_OK;
    const qconv_units *units = wish->kernels->qconv.units;
    const graph_pass_options options = { .disabled = wish->disabled_passes,
                                         .precision = wish->precision,
                                         .float_pairs = !units || units->group < 4 };
    STATUS_TRY(graph_optimise(p->graph, &options, error));
    p->graph->fold_dequantize = true;
    return graph_infer(p->graph, true, error);
}

onyx_status plan_compile(const model_file *file, const onyx_tensor *shapes, const onyx_options *options,
                         const plan_options *wish, program **result, onyx_error *error)
{
    const size_t limit = options && options->max_memory_bytes ? options->max_memory_bytes : SIZE_MAX;
    arena *memory = arena_new(limit);
    program *p = memory ? arena_alloc(memory, sizeof(*p)) : NULL;
    if (!p) {
        arena_free(memory);
        return status_no_memory(error, sizeof(*p), "a program");
    }
    p->arena = memory;
    p->weights = packed_set_new(wish->store);
    onyx_status status = p->weights ? model_check_unchanged(file, error) : status_no_memory(error, 0, "packed weights");
    if (status == ONYX_OK)
        status = graph_build(file, shapes, options, &p->graph, error);
    if (status == ONYX_OK)
        status = prepare_graph(p, wish, error);
    if (status == ONYX_OK) {
        planner pl = { .program = p, .graph = p->graph, .kernels = wish->kernels, .options = wish, .error = error };
        pl.memory_limit = MIN(memory_limit(options), (uint64_t)1 << 42); /* 4 TiB: see too_large */
        status = emit(&pl);
    }
    if (status == ONYX_OK) {
        release_constants(p);
        model_drop_pages(file); /* constants that others were made from */
        status = packed_set_write(p->weights, file, wish->pool, limit, error);
    }
    if (status == ONYX_OK)
        status = model_check_unchanged(file, error);
    if (status != ONYX_OK) {
        program_free(p);
        return status;
    }
    *result = p;
    return ONYX_OK;
}

void program_free(program *p)
{
    if (!p)
        return;
    for (int i = 0; i < p->packed_count; i++)
        buffer_unref(p->packed[i]);
    packed_set_free(p->weights);
    graph_free(p->graph);
    arena_free(p->arena);
}
