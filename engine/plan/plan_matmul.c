/* SPDX-License-Identifier: BSD-2-Clause
 *
 * MatMul, Gemm and FusedMatMul: batched products over packed panels. */
#include "plan/planner.h"

#include <string.h>

#include "cpu/pack_form.h"
#include "ops/params.h"

typedef struct matmul_step {
    gemm_plan plan;
    const void *packed;
    const float *bias;
    float alpha;
    cpu_activation activation;
    size_t a_stride, b_stride, c_stride; /* of stored rows */
    size_t batches;
    /* a batch index -> matrix of a and of b: their batch dims may be broadcast */
    int rank;
    int64_t dims[ONYX_MAX_RANK];
    size_t a_steps[ONYX_MAX_RANK], b_steps[ONYX_MAX_RANK]; /* in elements */
    size_t c_elements;
    int residual; /* of the step's inputs; 0: none */
} matmul_step;

static gemm_arguments arguments_of(const step_context *context, const matmul_step *mm, size_t batch)
{
    const program_step *step = context->step;
    size_t a = 0, b = 0, rest = batch;
    for (int i = mm->rank - 1; i >= 0; i--) {
        size_t at = rest % (size_t)mm->dims[i];
        rest /= (size_t)mm->dims[i];
        a += at * mm->a_steps[i];
        b += at * mm->b_steps[i];
    }
    return (gemm_arguments){
        .a = (const float *)context->tensors[step->inputs[0]].data + a, .a_stride = mm->a_stride,
        .b = mm->packed ? NULL : (const float *)context->tensors[step->inputs[1]].data + b, .b_stride = mm->b_stride,
        .packed = mm->packed,
        .c = (float *)context->tensors[step->outputs[0]].data + batch * mm->c_elements, .c_stride = mm->c_stride,
        .residual = mm->residual
                        ? (const float *)context->tensors[step->inputs[mm->residual]].data + batch * mm->c_elements
                        : NULL,
        .alpha = mm->alpha, .bias = mm->bias, .activation = mm->activation,
    };
}

static void run_matmul(const step_context *context, int part)
{
    const matmul_step *mm = context->step->params;
    const gemm_arguments arguments = arguments_of(context, mm, (size_t)(part / mm->plan.parts));
    mm->plan.run(&mm->plan, &arguments, part % mm->plan.parts, context->scratch);
}

/* Two products in a row. */
typedef struct chain_step {
    matmul_step first, second;
    gemm_chain chain;
} chain_step;

static void run_chain(const step_context *context, int part)
{
    const chain_step *s = context->step->params;
    const gemm_arguments first = arguments_of(context, &s->first, 0), second = arguments_of(context, &s->second, 0);
    gemm_chain_run(&s->chain, &first, &second, part, context->scratch);
}

/* The step that made a, where it is a product that only this one reads and both can be done by one step; or -1. */
static int choose_chain(const planner *p, const graph_value *a, const matmul_step *mm, chain_step *chain)
{
    const int at = mm->batches == 1 ? plan_plain_producer(p, a) : -1;
    if (at < 0 || p->program->steps[at].run != run_matmul)
        return -1;
    chain->first = *(const matmul_step *)p->program->steps[at].params;
    chain->second = *mm;
    return chain->first.batches == 1 && !chain->first.residual &&
                   gemm_chain_choose(&chain->first.plan, &mm->plan, &chain->chain)
               ? at
               : -1;
}

typedef struct product {
    bool trans_a, trans_b;
    float alpha, beta;
    op_activation activation;
    graph_value *bias, *residual;
} product;

static product describe(const graph_node *node)
{
    product d = { .alpha = 1, .beta = 1 };
    d.bias = graph_input(node, 2);
    d.residual = graph_input(node, 3);
    if (graph_is(node, "Gemm")) {
        const gemm_params *params = node->params;
        d.trans_a = params->trans_a;
        d.trans_b = params->trans_b;
        d.alpha = params->alpha;
        d.beta = params->beta;
    } else if (!graph_is(node, "MatMul")) {
        const fused_matmul_params *params = node->params;
        d.trans_a = params->trans_a;
        d.trans_b = params->trans_b;
        d.alpha = params->alpha;
        d.activation = params->activation;
    }
    return d;
}

static bool is_float(const graph_value *value)
{
    return value->info.kind == OP_KIND_TENSOR && value->info.type == ONYX_TYPE_FLOAT32;
}

/* A bias that is one value per column: [n] behind any number of ones. */
static bool is_column_bias(const graph_value *bias, int64_t n)
{
    return is_float(bias) && bias->is_constant && graph_element_count(bias) == n && bias->info.rank >= 1 &&
           bias->info.dims[bias->info.rank - 1] == n;
}

/* Element steps of one operand for the batch dims of the result; false if it does not broadcast. */
static bool batch_steps(const op_value *operand, int rank, const int64_t *dims, size_t *steps)
{
    const int lead = rank - (operand->rank - 2);
    size_t step = (size_t)operand->dims[operand->rank - 1] * (size_t)operand->dims[operand->rank - 2];
    for (int i = rank - 1; i >= 0; i--) {
        const int64_t dim = i >= lead ? operand->dims[i - lead] : 1;
        if (dim != 1 && dim != dims[i])
            return false;
        steps[i] = dim == 1 ? 0 : step;
        step *= (size_t)dim;
    }
    return true;
}

typedef struct matrix_form {
    gemm_plan plan;
    size_t stride;
} matrix_form;

static void pack_matrix(const void *form, const void *source, void *packed)
{
    const matrix_form *f = form;
    gemm_pack_b(&f->plan, source, f->stride, packed);
}

static const void *packed_matrix(planner *p, const gemm_plan *plan, const graph_value *b, size_t stride)
{
    matrix_form form = { .stride = stride };
    gemm_pack_form(plan, &form.plan);
    return plan_pack(p, b, pack_matrix, &form, sizeof(form), plan->packed_bytes);
}

plan_result plan_matmul(planner *p, graph_node *node)
{
    graph_value *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
    const product d = describe(node);
    if (!is_float(a) || !is_float(b) || a->info.rank < 2 || b->info.rank < 2 || graph_element_count(y) < 1 ||
        graph_element_count(a) < 1)
        return PLAN_PASS;
    const int64_t *ad = a->info.dims + a->info.rank - 2, *bd = b->info.dims + b->info.rank - 2;
    gemm_shape shape = { .m = (size_t)ad[d.trans_a],
                         .k = (size_t)ad[!d.trans_a],
                         .n = (size_t)bd[!d.trans_b],
                         .a_transposed = d.trans_a,
                         .b_transposed = d.trans_b,
                         .exact = p->options->precision == ONYX_PRECISION_STRICT,
                         .half = p->options->precision == ONYX_PRECISION_BF16 && d.alpha == 1,
                         .threads = plan_threads(p) };
    matmul_step mm = { .alpha = d.alpha, .activation = { (cpu_act)d.activation.act, d.activation.a, d.activation.b },
                       .a_stride = (size_t)ad[1], .b_stride = (size_t)bd[1], .c_stride = shape.n, .batches = 1,
                       .rank = y->info.rank - 2 };
    if (mm.rank < 0 || mm.rank > ONYX_MAX_RANK || (d.bias && !is_column_bias(d.bias, (int64_t)shape.n)) ||
        (d.residual && graph_element_count(d.residual) != graph_element_count(y)))
        return PLAN_PASS;
    memcpy(mm.dims, y->info.dims, sizeof(int64_t) * (size_t)mm.rank);
    if (!batch_steps(&a->info, mm.rank, mm.dims, mm.a_steps) || !batch_steps(&b->info, mm.rank, mm.dims, mm.b_steps))
        return PLAN_PASS;
    for (int i = 0; i < mm.rank; i++)
        mm.batches *= (size_t)mm.dims[i];
    const bool one_b = graph_element_count(b) == (int64_t)(shape.k * shape.n);
    if (one_b && !d.trans_a && graph_element_count(a) == (int64_t)(mm.batches * shape.m * shape.k)) {
        shape.m *= mm.batches; /* one tall product */
        mm.batches = 1;
        mm.rank = 0;
    }
    mm.c_elements = shape.m * shape.n;
    gemm_choose(p->kernels, &shape, b->is_constant && one_b, &mm.plan);

    int inputs[3] = { plan_plain(p, a), -1, -1 }, count = 1;
    if (mm.plan.b_constant) {
        mm.packed = packed_matrix(p, &mm.plan, b, mm.b_stride);
        if (!mm.packed)
            return PLAN_FAILED;
    } else {
        inputs[count++] = plan_plain(p, b);
        if (inputs[1] < 0)
            return PLAN_FAILED;
    }
    if (d.residual) {
        mm.residual = count;
        inputs[count++] = plan_plain(p, d.residual);
        if (inputs[mm.residual] < 0)
            return PLAN_FAILED;
    }
    if (d.bias) {
        float *bias = plan_packed(p, shape.n * sizeof(float));
        const onyx_tensor *stored = graph_constant(p->graph, d.bias);
        if (!bias || !stored)
            return PLAN_FAILED;
        for (size_t i = 0; i < shape.n; i++)
            bias[i] = ((const float *)stored->data)[i] * d.beta;
        mm.bias = bias;
    }
    if (inputs[0] < 0)
        return PLAN_FAILED;
    const int64_t operations = 2 * (int64_t)(mm.batches * shape.m * shape.n * shape.k);
    chain_step chain;
    const int producer = choose_chain(p, a, &mm, &chain);
    if (producer >= 0) {
        const program_step before = plan_take_step(p, producer);
        inputs[0] = before.inputs[0];
        const int output = plan_new_plain(p, y);
        program_step *step = plan_add_step(p, node, "gemm_chain_bf16", run_chain, chain.chain.parts,
                                           chain.chain.scratch_bytes, inputs, count, &output, 1, &chain, sizeof(chain));
        if (!step)
            return PLAN_FAILED;
        const char *title = arena_printf(p->program->arena, "%s, %s", before.op, step->op);
        step->op = title ? title : step->op;
        step->operations = before.operations + operations;
        step->moved_bytes += (int64_t)(chain.first.plan.packed_bytes + mm.plan.packed_bytes);
        return PLAN_DONE;
    }
    const int output = plan_new_plain(p, y);
    program_step *step = plan_add_step(p, node, mm.plan.name, run_matmul, (int)mm.batches * mm.plan.parts,
                                       mm.plan.scratch_bytes, inputs, count, &output, 1, &mm, sizeof(mm));
    if (!step)
        return PLAN_FAILED;
    step->operations = operations;
    step->moved_bytes += (int64_t)(mm.packed ? mm.plan.packed_bytes : 0);
    return PLAN_DONE;
}
