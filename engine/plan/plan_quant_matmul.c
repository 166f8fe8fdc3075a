/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix products of bytes by constant matrices, on plain rows: QMatMul and QLinearMatMul give bytes, MatMulInteger
 * sums, QMatMulFloat float32. The kernels are those of 1x1 convolutions, whose pixels the rows are. QLinearMatMul by
 * matrices that are no constants packs them in each run, in a step of its own. */
#include "plan/plan_quant.h"

#include "cpu/pack_form.h"
#include "ops/params.h"

typedef struct qmatmul_step {
    qconv_plan plan;
    const void *packed;
    const int32_t *bias;
    const float *scale; /* by column; QMatMulFloat: of the weights alone; MatMulInteger: NULL */
    const float *float_bias;
    const uint8_t *table;
    int src_zero, dst_zero;
    cpu_activation activation;
    size_t scale_at;   /* QMatMulFloat: offset in scratch of the scales of this run */
    int residual;      /* of the step's inputs; 0: none */
    bool finds_limits; /* output 1 */
} qmatmul_step;

static qconv_arguments arguments_of(const step_context *context)
{
    const program_step *step = context->step;
    const qmatmul_step *s = step->params;
    return (qconv_arguments){
        .src = context->tensors[step->inputs[0]].data,
        .src_zero = s->src_zero,
        .dst = context->tensors[step->outputs[0]].data,
        .packed = s->packed,
        .bias = s->bias,
        .scale = s->scale,
        .dst_zero = s->dst_zero,
        .table = s->table,
        .float_bias = s->float_bias,
        .activation = s->activation,
    };
}

static void run_qmatmul(const step_context *context, int part)
{
    const qmatmul_step *s = context->step->params;
    const qconv_arguments arguments = arguments_of(context);
    s->plan.run(&s->plan, &arguments, part, context->scratch);
}

/* Inputs: x, x_scale, x_zero, maybe the residual. */
static void run_qmatmul_float(const step_context *context, int part)
{
    const program_step *step = context->step;
    const qmatmul_step *s = step->params;
    const int columns = s->plan.shape.c_out, blocks = (columns + s->plan.block - 1) / s->plan.block;
    const float x_scale = *(const float *)context->tensors[step->inputs[1]].data;
    const void *zero = context->tensors[step->inputs[2]].data;
    qconv_arguments arguments = arguments_of(context);
    float *scale = (float *)(void *)((char *)context->scratch + s->scale_at);
    for (int c = 0; c < columns; c++)
        scale[c] = x_scale * s->scale[c];
    arguments.scale = scale;
    arguments.src_zero = s->plan.shape.src_signed ? *(const int8_t *)zero : *(const uint8_t *)zero;
    if (s->residual)
        arguments.residual = context->tensors[step->inputs[s->residual]].data;
    if (s->finds_limits)
        arguments.limits = (float *)context->tensors[step->outputs[1]].data + (size_t)part * 2 * (size_t)blocks;
    s->plan.run(&s->plan, &arguments, part, context->scratch);
}

/* x [m, k] times w [k, n] */
static qconv_shape shape_of(const planner *p, const graph_value *x, const graph_value *w, int m, int k, int n,
                            qconv_output output)
{
    return (qconv_shape){
        .c_in = k,
        .c_out = n,
        .groups = 1,
        .h_in = m,
        .w_in = 1,
        .h_out = m,
        .w_out = 1,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .rows = true,
        .output = output,
        .src_signed = x->info.type == ONYX_TYPE_INT8,
        .weights_signed = w->info.type == ONYX_TYPE_INT8,
        .threads = plan_threads(p),
    };
}

/* What all have in common: shape, kernel and packed weights; w [k, n] is constant, all else of x one tall matrix. */
static plan_result begin(planner *p, graph_node *node, graph_value *w, graph_value *zeros, qconv_output output,
                         qmatmul_step *s)
{
    const graph_value *x = node->inputs[0];
    if (!p->kernels->qconv.units) /* plain C: the rows' kernels are faster than the definition */
        return PLAN_PASS;
    const int64_t elements = graph_element_count(x);
    const onyx_tensor *weights = w->info.rank == 2 && w->is_constant ? graph_constant(p->graph, w) : NULL;
    if (!weights || elements < 1 || graph_element_count(w) < 1 || w->info.dims[0] > INT32_MAX / 65536 ||
        w->info.dims[1] > INT32_MAX / 64 || elements / w->info.dims[0] > INT32_MAX / 64)
        return PLAN_PASS;
    const int k = (int)w->info.dims[0], n = (int)w->info.dims[1], m = (int)(elements / k);
    qconv_shape shape = shape_of(p, x, w, m, k, n, output);
    int *list;
    const plan_result read = plan_byte_zeros(p, zeros, &shape, &list);
    if (read != PLAN_DONE)
        return read;
    qconv_fold_zeros(p->kernels, weights->data, list, &shape);
    if (!qconv_choose(p->kernels, &shape, &s->plan))
        return PLAN_PASS;
    s->packed = plan_pack_bytes(p, &s->plan, w, list);
    return s->packed ? PLAN_DONE : PLAN_FAILED;
}

static plan_result emit(planner *p, graph_node *node, const char *title, step_function *run, size_t scratch,
                        const int *inputs, int input_count, qmatmul_step *s)
{
    const qconv_shape *shape = &s->plan.shape;
    const int blocks = (shape->c_out + s->plan.block - 1) / s->plan.block;
    for (int i = 0; i < input_count; i++)
        if (inputs[i] < 0)
            return PLAN_FAILED;
    int outputs[2] = { plan_new_plain(p, node->outputs[0]), -1 };
    if (s->finds_limits)
        outputs[1] = plan_new_limits(p, node, s->plan.parts, blocks, node->outputs[0]->info.rank - 1,
                                     &p->forms[node->outputs[0]->id].limits);
    program_step *step = plan_add_step(p, node, s->plan.name, run, s->plan.parts, scratch, inputs, input_count, outputs,
                                       1 + s->finds_limits, s, sizeof(*s));
    if (!step)
        return PLAN_FAILED;
    step->op = title;
    step->operations = 2 * (int64_t)shape->h_out * shape->c_in * shape->c_out;
    step->moved_bytes += (int64_t)s->plan.packed_bytes;
    return PLAN_DONE;
}

/* ---- both matrices known at run time only ---- */

enum { MOST_PADDING = 16 }; /* packed bytes for one of a matrix */

typedef struct pair_step {
    qconv_plan plan;    /* of one product of the batch */
    const float *scale; /* by column, all the same; */
    const int *zeros;   /* so are these */
    int src_zero, dst_zero;
    size_t packed_bytes; /* of a matrix, whole lines */
} pair_step;

static void run_pair_pack(const step_context *context, int part)
{
    const pair_step *s = context->step->params;
    const size_t bytes = (size_t)s->plan.shape.c_in * (size_t)s->plan.shape.c_out, at = (size_t)part;
    const char *weights = context->tensors[context->step->inputs[0]].data;
    char *packed = context->tensors[context->step->outputs[0]].data;
    qconv_pack(&s->plan, weights + at * bytes, s->zeros, packed + at * s->packed_bytes);
}

static void run_pair(const step_context *context, int part)
{
    const program_step *step = context->step;
    const pair_step *s = step->params;
    const qconv_shape *shape = &s->plan.shape;
    const size_t at = (size_t)(part / s->plan.parts), rows = (size_t)shape->h_out;
    const qconv_arguments arguments = {
        .src = (const char *)context->tensors[step->inputs[0]].data + at * rows * (size_t)shape->c_in,
        .src_zero = s->src_zero,
        .dst = (char *)context->tensors[step->outputs[0]].data + at * rows * (size_t)shape->c_out,
        .packed = (const char *)context->tensors[step->inputs[1]].data + at * s->packed_bytes,
        .scale = s->scale,
        .dst_zero = s->dst_zero,
    };
    s->plan.run(&s->plan, &arguments, part % s->plan.parts, context->scratch);
}

/* Matrices of the batch, which a and b have as many of, or 0. */
static int batch_of(const graph_value *a, const graph_value *b)
{
    const int rank = a->info.rank;
    int64_t count = 1;
    if (rank < 2 || rank != b->info.rank || graph_element_count(a) < 1 || graph_element_count(b) < 1 ||
        graph_element_count(a) > INT32_MAX || graph_element_count(b) > INT32_MAX)
        return 0;
    for (int i = 0; i < rank - 2; i++) {
        if (a->info.dims[i] != b->info.dims[i])
            return 0;
        count *= a->info.dims[i];
    }
    return a->info.dims[rank - 2] <= INT32_MAX / 64 && b->info.dims[rank - 1] <= INT32_MAX / 64 &&
                   a->info.dims[rank - 1] <= INT32_MAX / 65536
               ? (int)count
               : 0;
}

static bool prepare_pair(planner *p, const graph_node *node, pair_step *s)
{
    const graph_value *a = node->inputs[0], *b = node->inputs[3];
    float a_scale, b_scale, y_scale;
    int zero;
    if (!p->kernels->qconv.units || !plan_is_byte(a) || !plan_is_byte(b) ||
        !plan_byte_scale(p, node->inputs[1], node->inputs[2], &a_scale, &s->src_zero) ||
        !plan_byte_scale(p, node->inputs[4], node->inputs[5], &b_scale, &zero) ||
        !plan_byte_scale(p, node->inputs[6], node->inputs[7], &y_scale, &s->dst_zero))
        return false;
    const int m = (int)a->info.dims[a->info.rank - 2], k = (int)a->info.dims[a->info.rank - 1],
              n = (int)b->info.dims[b->info.rank - 1];
    const qconv_output output = node->outputs[0]->info.type == ONYX_TYPE_INT8 ? QCONV_S8 : QCONV_U8;
    qconv_shape shape = shape_of(p, a, b, m, k, n, output);
    shape.weights_zero = zero != (shape.weights_signed ? 0 : 128);
    if (!qconv_choose(p->kernels, &shape, &s->plan))
        return false;
    s->packed_bytes = size_align(s->plan.packed_bytes, ONYX_ALIGNMENT);
    if (s->packed_bytes / MOST_PADDING > (size_t)k * (size_t)n) /* small matrices, of which there may be many */
        return false;
    float *scale = plan_alloc(p, sizeof(float) * (size_t)n);
    int *zeros = plan_alloc(p, sizeof(int) * (size_t)n);
    if (!scale || !zeros)
        return false;
    for (int i = 0; i < n; i++) {
        scale[i] = a_scale * b_scale / y_scale;
        zeros[i] = zero;
    }
    s->scale = scale;
    s->zeros = zeros;
    return true;
}

static plan_result plan_pair(planner *p, graph_node *node)
{
    const int batch = batch_of(node->inputs[0], node->inputs[3]);
    pair_step s = { .src_zero = 0 };
    if (!batch || !prepare_pair(p, node, &s))
        return PLAN_PASS;
    const qconv_shape *shape = &s.plan.shape;
    graph_value *memory = graph_add_value(p->graph, node->name);
    if (!memory)
        return PLAN_FAILED;
    memory->info = (op_value){ .type = ONYX_TYPE_UINT8, .rank = 2, .dims = { batch, (int64_t)s.packed_bytes } };
    const int a = plan_plain(p, node->inputs[0]), b = plan_plain(p, node->inputs[3]);
    const int packed = plan_temporary(p, memory), y = plan_new_plain(p, node->outputs[0]);
    if (a < 0 || b < 0 || packed < 0 || y < 0 ||
        !plan_add_step(p, node, "qconv_pack", run_pair_pack, batch, 0, &b, 1, &packed, 1, &s, sizeof(s)))
        return PLAN_FAILED;
    program_step *step = plan_add_step(p, node, s.plan.name, run_pair, batch * s.plan.parts, s.plan.scratch_bytes,
                                       (int[]){ a, packed }, 2, &y, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->operations = 2 * (int64_t)batch * shape->h_out * shape->c_in * shape->c_out;
    return PLAN_DONE;
}

/* ---- the nodes ---- */

plan_result plan_qmatmul(planner *p, graph_node *node)
{
    if (!node->inputs[3]->is_constant)
        return plan_pair(p, node);
    graph_value *bias = graph_input(node, 8), *table = graph_input(node, 9);
    qmatmul_step s = { .src_zero = 0 };
    float x_scale, y_scale;
    if (!graph_scalar(p->graph, node->inputs[1], &x_scale) || !graph_scalar(p->graph, node->inputs[6], &y_scale) ||
        !plan_byte_zero(p, node->inputs[2], 0, &s.src_zero) || !plan_byte_zero(p, node->inputs[7], 0, &s.dst_zero) ||
        graph_element_count(node->inputs[2]) != 1 || !plan_constant(p, node->inputs[4], ONYX_TYPE_FLOAT32) ||
        (bias && !plan_constant(p, bias, ONYX_TYPE_INT32)) || (table && !plan_constant(p, table, ONYX_TYPE_UINT8)))
        return PLAN_PASS;
    const qconv_output output = node->outputs[0]->info.type == ONYX_TYPE_INT8 ? QCONV_S8 : QCONV_U8;
    const plan_result result = begin(p, node, node->inputs[3], node->inputs[5], output, &s);
    if (result != PLAN_DONE)
        return result;
    s.scale = plan_byte_scales(p, node->inputs[4], x_scale, y_scale, s.plan.shape.c_out);
    s.bias = bias ? plan_constant_copy(p, bias, s.plan.shape.c_out) : NULL;
    s.table = table ? plan_constant_copy(p, table, 256 / 4) : NULL;
    if (!s.scale || (bias && !s.bias) || (table && !s.table))
        return PLAN_FAILED;
    const int input = plan_plain(p, node->inputs[0]);
    return emit(p, node, table ? "QMatMul+table" : "QMatMul", run_qmatmul, s.plan.scratch_bytes, &input, 1, &s);
}

plan_result plan_matmul_integer(planner *p, graph_node *node)
{
    qmatmul_step s = { .src_zero = 0 };
    graph_value *zero = graph_input(node, 2);
    if ((zero && graph_element_count(zero) != 1) || !plan_byte_zero(p, zero, 0, &s.src_zero))
        return PLAN_PASS;
    const plan_result result = begin(p, node, node->inputs[1], graph_input(node, 3), QCONV_S32, &s);
    if (result != PLAN_DONE)
        return result;
    const int input = plan_plain(p, node->inputs[0]);
    return emit(p, node, "MatMulInteger", run_qmatmul, s.plan.scratch_bytes, &input, 1, &s);
}

plan_result plan_qmatmul_float(planner *p, graph_node *node)
{
    const op_activation *activation = &((const qmatmul_params *)node->params)->activation;
    graph_value *bias = graph_input(node, 6), *residual = graph_input(node, 7);
    qmatmul_step s = { .activation = { (cpu_act)activation->act, activation->a, activation->b } };
    if (!plan_constant(p, node->inputs[4], ONYX_TYPE_FLOAT32) || (bias && !plan_constant(p, bias, ONYX_TYPE_FLOAT32)) ||
        graph_element_count(node->inputs[1]) != 1 || !node->inputs[2] || graph_element_count(node->inputs[2]) != 1)
        return PLAN_PASS;
    const plan_result result = begin(p, node, node->inputs[3], graph_input(node, 5), QCONV_F32, &s);
    if (result != PLAN_DONE)
        return result;
    const int columns = s.plan.shape.c_out;
    s.scale = plan_byte_scales(p, node->inputs[4], 1, 1, columns);
    s.float_bias = bias ? plan_constant_copy(p, bias, columns) : NULL;
    if (!s.scale || (bias && !s.float_bias))
        return PLAN_FAILED;
    int inputs[4] = { plan_plain(p, node->inputs[0]), plan_plain(p, node->inputs[1]), plan_plain(p, node->inputs[2]) };
    if (residual)
        inputs[s.residual = 3] = plan_plain(p, residual);
    s.finds_limits = node->outputs[0]->user_count && graph_is(node->outputs[0]->users[0], "DynamicQuantizeLinear");
    s.scale_at = size_align(s.plan.scratch_bytes, ONYX_ALIGNMENT);
    const char *act = activation->act == OP_ACT_NONE ? "" : op_act_name(activation->act);
    const char *title = arena_printf(p->program->arena, "QMatMulFloat%s%s", act[0] ? "+" : "", act);
    return emit(p, node, title ? title : "QMatMulFloat", run_qmatmul_float,
                s.scale_at + (size_t)columns * sizeof(float), inputs, residual ? 4 : 3, &s);
}
