/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix products take in what stands around them: act(alpha * op(a) * op(b) + bias + residual), with op a transpose of
 * the last two dims. In front: such Transposes, and factors. Behind: factors, a constant row, factors of columns of
 * constant weights, another value of the same shape, an activation. Gemm becomes the same operator. */
#include "graph/passes.h"

static onyx_status write_product(graph *g, const graph_product *p, const char *name, graph_node *last, bool *changed,
                                 onyx_error *error)
{
    op_attribute attributes[3 + ACTIVATION_ATTRIBUTES] = {
        attribute_float("alpha", (float)p->alpha),
        attribute_int("trans_a", p->trans_a),
        attribute_int("trans_b", p->trans_b),
    };
    attribute_activation(&p->activation, attributes + 3);
    graph_value *inputs[4] = { p->a, p->b, p->bias, p->residual };
    *changed = true;
    const int count = p->residual ? 4 : p->bias ? 3 : 2;
    return graph_substitute(g, last, OP_DOMAIN_ONYX, "FusedMatMul", name, inputs, count, attributes,
                            3 + ACTIVATION_ATTRIBUTES, NULL, error);
}

/* MatMul and FusedMatMul of float32 matrices. */
bool graph_read_product(const graph_node *node, graph_product *p)
{
    const bool fused = graph_is_in(node, OP_DOMAIN_ONYX, "FusedMatMul");
    if (!fused && !graph_is(node, "MatMul"))
        return false;
    *p = (graph_product){ .a = node->inputs[0],
                          .b = node->inputs[1],
                          .bias = graph_input(node, 2),
                          .residual = graph_input(node, 3),
                          .alpha = 1 };
    if (fused) {
        const fused_matmul_params *params = node->params;
        p->alpha = (double)params->alpha;
        p->trans_a = params->trans_a;
        p->trans_b = params->trans_b;
        p->activation = params->activation;
    }
    return graph_is_f32(p->a) && graph_is_f32(p->b) && p->a->info.rank >= 2 && p->b->info.rank >= 2 &&
           graph_one_output(node);
}

/* ---- in front ---- */

static bool swaps_last_two(const graph_node *node)
{
    int rank, perm[ONYX_MAX_RANK];
    if (!node || !graph_is(node, "Transpose") || !graph_permutation(node, &rank, perm) || rank < 2)
        return false;
    for (int i = 0; i < rank - 2; i++)
        if (perm[i] != i)
            return false;
    return perm[rank - 2] == rank - 1;
}

static bool take_transpose(graph_value **x, bool *trans)
{
    if (!swaps_last_two((*x)->producer))
        return false;
    *x = (*x)->producer->inputs[0];
    *trans = !*trans;
    return true;
}

/* A Transpose that moves the last dim to the one before it, as exporters write k of an attention: the same with the
 * last dim in its place, which copies whole rows, and a transposed product. */
static onyx_status untwist(graph *g, graph_node *node, graph_value **x, bool *trans, bool *here, onyx_error *error)
{
    int rank, perm[ONYX_MAX_RANK], better[ONYX_MAX_RANK];
    graph_node *transpose = graph_maker(*x, "Transpose");
    if (!transpose || !graph_sole(*x) || !graph_permutation(transpose, &rank, perm) || rank < 3 ||
        perm[rank - 2] != rank - 1 || swaps_last_two(transpose))
        return ONYX_OK;
    for (int i = 0; i < rank; i++)
        better[i] = perm[i == rank - 1 ? rank - 2 : i == rank - 2 ? rank - 1 : i];
    *x = NULL;
    *trans = !*trans;
    *here = true;
    return graph_insert_transpose(g, node, transpose->name, transpose->inputs[0], better, x, error);
}

static bool take_factor(graph *g, graph_value **x, double *alpha)
{
    double number;
    graph_node *node = (*x)->producer;
    const int index = node && graph_sole(*x) ? graph_with_scalar(g, node, &number) : -1;
    if (index < 0 || node->inputs[index]->info.rank != (*x)->info.rank)
        return false;
    if (graph_is(node, "Mul"))
        *alpha *= number;
    else if (graph_is(node, "Div") && index == 0 && number != 0)
        *alpha /= number;
    else
        return false;
    *x = node->inputs[index];
    return true;
}

static onyx_status take_front(graph *g, graph_node *node, const graph_product *read, bool *changed, onyx_error *error)
{
    graph_product p = *read;
    bool here = false;
    for (bool again = true; again; here |= again) {
        again = take_transpose(&p.a, &p.trans_a) || take_transpose(&p.b, &p.trans_b);
        again = take_factor(g, &p.a, &p.alpha) || take_factor(g, &p.b, &p.alpha) || again;
    }
    STATUS_TRY(untwist(g, node, &p.a, &p.trans_a, &here, error));
    STATUS_TRY(untwist(g, node, &p.b, &p.trans_b, &here, error));
    return here ? write_product(g, &p, node->name, node, changed, error) : ONYX_OK;
}

/* A constant row of n numbers: row[i] = old[i] * scale + (number of c for column i). */
static onyx_status add_row(graph *g, const graph_node *node, int64_t n, const float *old, double scale, const float *c,
                           int c_step, double c_scale, graph_value **row, onyx_error *error)
{
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats((size_t)n, &storage, &data, error));
    for (int64_t i = 0; i < n; i++)
        data[i] = (float)((old ? old[i] * scale : 0) + (c ? c[i * c_step] * c_scale : 0));
    return graph_add_f32(g, node->name, 1, &n, storage, row, error);
}

/* Gemm whose c is absent or one constant row. */
static onyx_status convert_gemm(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const gemm_params *params = node->params;
    graph_value *c = graph_input(node, 2), *y = node->outputs[0];
    graph_product p = { .a = node->inputs[0],
                        .b = node->inputs[1],
                        .alpha = (double)params->alpha,
                        .trans_a = params->trans_a,
                        .trans_b = params->trans_b };
    const float *numbers;
    int step;
    if (!graph_is_f32(p.a) || !graph_is_f32(p.b) || !graph_one_output(node) || p.a->info.rank != 2 ||
        p.b->info.rank != 2)
        return ONYX_OK;
    if (c && params->beta != 0) {
        if (y->info.rank != 2 || y->info.dims[1] > MOST_FROM_SHAPES || !graph_along_axis(g, c, y, 1, &numbers, &step))
            return ONYX_OK;
        STATUS_TRY(add_row(g, node, y->info.dims[1], NULL, 1, numbers, step, (double)params->beta, &p.bias, error));
    }
    return write_product(g, &p, node->name, node, changed, error);
}

/* ---- behind ---- */

/* The constant of a binary node as numbers along the last axis. */
typedef struct column_step {
    int index; /* of the tensor among the inputs */
    const float *numbers;
    int step;
} column_step;

static bool column_step_of(graph *g, const graph_node *node, column_step *s)
{
    for (int i = 0; i < 2 && node->input_count == 2 && graph_one_output(node); i++) {
        const graph_value *x = node->inputs[i];
        s->index = i;
        if (graph_is_f32(x) && !x->is_constant && x->info.rank >= 2 && x->info.dims[x->info.rank - 1] > 0 &&
            graph_along_axis(g, node->inputs[1 - i], x, x->info.rank - 1, &s->numbers, &s->step))
            return true;
    }
    return false;
}

/* Constant b times a number for each of its columns (of op(b)). */
static onyx_status scale_columns(graph *g, const graph_product *p, const column_step *s, bool divide, graph_value **b,
                                 onyx_error *error)
{
    const float *old = graph_constant_f32(g, p->b);
    const int64_t rows = p->b->info.dims[0], columns = p->b->info.dims[1];
    buffer *storage;
    float *data;
    if (!old)
        return status_no_memory(error, p->b->constant.size_bytes, "weights");
    STATUS_TRY(graph_new_floats((size_t)(rows * columns), &storage, &data, error));
    for (int64_t i = 0; i < rows; i++)
        for (int64_t j = 0; j < columns; j++) {
            const double number = s->numbers[p->trans_b ? i : j];
            data[i * columns + j] = (float)(divide ? old[i * columns + j] / number : old[i * columns + j] * number);
        }
    return graph_add_f32(g, p->b->name, 2, p->b->info.dims, storage, b, error);
}

static onyx_status take_back(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    column_step s;
    graph_product p;
    const bool adds = graph_is(node, "Add"), subtracts = graph_is(node, "Sub");
    const bool divides = graph_is(node, "Div"), multiplies = graph_is(node, "Mul");
    if (!(adds || subtracts || divides || multiplies) || !column_step_of(g, node, &s))
        return ONYX_OK;
    graph_value *x = node->inputs[s.index];
    const graph_node *maker = x->producer;
    const int64_t n = x->info.dims[x->info.rank - 1];
    if (!maker || !graph_sole(x) || !graph_read_product(maker, &p) || p.residual || p.activation.act != OP_ACT_NONE ||
        (s.index == 1 && (subtracts || divides)) || n > MOST_FROM_SHAPES)
        return ONYX_OK;
    const float *bias = p.bias ? graph_constant_f32(g, p.bias) : NULL;
    if (p.bias && (!bias || graph_element_count(p.bias) != n))
        return ONYX_OK;
    if (adds || subtracts) {
        STATUS_TRY(add_row(g, node, n, bias, 1, s.numbers, s.step, subtracts ? -1 : 1, &p.bias, error));
        return write_product(g, &p, maker->name, node, changed, error);
    }
    if (s.step == 0) {
        const double factor = divides ? 1 / (double)s.numbers[0] : (double)s.numbers[0];
        p.alpha *= factor;
        if (bias)
            STATUS_TRY(add_row(g, node, n, bias, factor, NULL, 0, 0, &p.bias, error));
        return write_product(g, &p, maker->name, node, changed, error);
    }
    if (!p.b->is_constant || p.b->info.rank != 2)
        return ONYX_OK;
    STATUS_TRY(scale_columns(g, &p, &s, divides, &p.b, error));
    if (bias) {
        buffer *storage;
        float *data;
        STATUS_TRY(graph_new_floats((size_t)n, &storage, &data, error));
        for (int64_t i = 0; i < n; i++)
            data[i] = divides ? bias[i] / s.numbers[i] : bias[i] * s.numbers[i];
        STATUS_TRY(graph_add_f32(g, node->name, 1, &n, storage, &p.bias, error));
    }
    return write_product(g, &p, maker->name, node, changed, error);
}

/* A constant is left to what else wants it: the bias of an attention. */
static onyx_status take_residual(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    for (int i = 0; i < 2 && graph_is(node, "Add") && graph_one_output(node); i++) {
        graph_product p;
        graph_value *x = node->inputs[i], *other = node->inputs[1 - i];
        if (!x->producer || !graph_sole(x) || !graph_read_product(x->producer, &p) || p.residual ||
            p.activation.act != OP_ACT_NONE || other->is_constant || !graph_is_f32(other) ||
            !graph_same_shape(x, other))
            continue;
        p.residual = other;
        return write_product(g, &p, x->producer->name, node, changed, error);
    }
    return ONYX_OK;
}

static onyx_status take_activation(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    graph_product p;
    op_activation activation;
    if (!graph_activation_of(g, node, &activation))
        return ONYX_OK;
    const graph_node *maker = node->inputs[0]->producer;
    if (!maker || !graph_sole(node->inputs[0]) || !graph_read_product(maker, &p) || p.activation.act != OP_ACT_NONE)
        return ONYX_OK;
    p.activation = activation;
    return write_product(g, &p, maker->name, node, changed, error);
}

onyx_status pass_matmul(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        graph_product p;
        if (!graph_output(node, 0))
            continue;
        if (graph_is(node, "Gemm"))
            STATUS_TRY(convert_gemm(g, node, changed, error));
        else if (graph_read_product(node, &p))
            STATUS_TRY(take_front(g, node, &p, changed, error));
        else if (node->input_count == 2)
            STATUS_TRY(take_back(g, node, changed, error));
        if (!node->removed)
            STATUS_TRY(take_residual(g, node, changed, error));
        if (!node->removed)
            STATUS_TRY(take_activation(g, node, changed, error));
    }
    return ONYX_OK;
}
