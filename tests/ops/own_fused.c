/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The operators that only passes make: each equals the chain of public operators that it replaces. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "ops/params.h"
#include "own.h"

static double act_value(op_act act, double x, double a, double b)
{
    switch (act) {
    case OP_ACT_RELU:
        return MAX(x, 0);
    case OP_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case OP_ACT_CLIP:
        return MIN(MAX(x, a), b);
    case OP_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case OP_ACT_SILU:
        return x / (1 + exp(-x));
    case OP_ACT_HARD_SIGMOID:
        return MIN(MAX(a * x + b, 0), 1);
    case OP_ACT_HARD_SWISH:
        return x * MIN(MAX(x / 6 + 0.5, 0), 1);
    case OP_ACT_TANH:
        return tanh(x);
    case OP_ACT_GELU:
        return x * (1 + erf(x / sqrt(2))) / 2;
    case OP_ACT_MISH:
        return x * tanh(log(1 + exp(x)));
    case OP_ACT_ELU:
        return x < 0 ? a * (exp(x) - 1) : x;
    case OP_ACT_SWISH:
        return x / (1 + exp(-x * (a + b * x * x)));
    default:
        return x;
    }
}

static onyx_tensor filled(runner *r, int rank, const int64_t *dims)
{
    onyx_tensor t = own_tensor(r, ONYX_TYPE_FLOAT32, rank, dims);
    own_fill(&t, -1.5, 1.5);
    return t;
}

static void fused_conv_case(op_act act, bool residual, bool before)
{
    runner *r = runner_new(NULL);
    onyx_tensor x = filled(r, 4, (int64_t[]){ 2, 3, 6, 5 }), w = filled(r, 4, (int64_t[]){ 5, 3, 3, 3 });
    onyx_tensor b = filled(r, 1, (int64_t[]){ 5 }), z = filled(r, 4, (int64_t[]){ 2, 5, 4, 3 }), plain = { 0 },
                y = { 0 };
    const onyx_tensor *inputs[4] = { &x, &w, &b, residual ? &z : NULL };
    op_attribute attributes[] = { own_string("activation", op_act_name(act)), own_float("activation_a", 0.25f),
                                  own_float("activation_b", 0.75f), own_int("residual_before", before) };
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, "", "Conv", 22, NULL, 0, inputs, 3, &plain, 1, &error);
    if (status == ONYX_OK)
        status = runner_node(r, OP_DOMAIN_ONYX, "FusedConv", 1, attributes, ARRAY_LENGTH(attributes), inputs, 4, &y, 1,
                             &error);
    if (own_check(status == ONYX_OK, "FusedConv: %s", error.message)) {
        double expected[120];
        for (size_t i = 0; i < 120; i++) {
            double sum = own_get(&plain, i), more = residual ? own_get(&z, i) : 0;
            expected[i] = act_value(act, sum + (before ? more : 0), 0.25, 0.75) + (before ? 0 : more);
        }
        own_compare("FusedConv", &y, 4, (int64_t[]){ 2, 5, 4, 3 }, expected, 1e-5, 1e-6);
    }
    runner_free(r);
}

static void fused_matmul_case(bool trans_a, bool trans_b, bool bias, bool residual, op_act act)
{
    runner *r = runner_new(NULL);
    int64_t a_dims[3] = { 2, trans_a ? 4 : 3, trans_a ? 3 : 4 }, b_dims[2] = { trans_b ? 5 : 4, trans_b ? 4 : 5 };
    onyx_tensor a = filled(r, 3, a_dims), b = filled(r, 2, b_dims), c = filled(r, 1, (int64_t[]){ 5 }),
                d = filled(r, 3, (int64_t[]){ 2, 3, 5 }), y = { 0 };
    const onyx_tensor *inputs[4] = { &a, &b, bias ? &c : NULL, residual ? &d : NULL };
    op_attribute attributes[] = { own_float("alpha", 0.5f), own_int("trans_a", trans_a), own_int("trans_b", trans_b),
                                  own_string("activation", op_act_name(act)) };
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, OP_DOMAIN_ONYX, "FusedMatMul", 1, attributes, ARRAY_LENGTH(attributes), inputs,
                                     4, &y, 1, &error);
    double expected[30];
    for (int64_t i = 0; i < 30; i++) {
        int64_t n = i % 5, m = i / 5 % 3, batch = i / 15;
        double sum = 0;
        for (int64_t k = 0; k < 4; k++)
            sum += own_get(&a, (size_t)(batch * 12 + (trans_a ? k * 3 + m : m * 4 + k))) *
                   own_get(&b, (size_t)(trans_b ? n * 4 + k : k * 5 + n));
        const double more = (bias ? own_get(&c, (size_t)n) : 0) + (residual ? own_get(&d, (size_t)i) : 0);
        expected[i] = act_value(act, 0.5 * sum + more, 0, 0);
    }
    if (own_check(status == ONYX_OK, "FusedMatMul: %s", error.message))
        own_compare("FusedMatMul", &y, 3, (int64_t[]){ 2, 3, 5 }, expected, 1e-5, 1e-6);
    runner_free(r);
}

/* Two matrices of one x [2, keys, 3 * 4]: queries of the first 4 columns, keys of the next, values behind. y is
 * [width, 2, queries]. bias: how many rows it has. factors: of each matrix. */
static void attention_case(size_t bias, bool factors)
{
    enum { QUERIES = 3, KEYS = 5, DEPTH = 4, ROW = 3 * DEPTH };
    runner *r = runner_new(NULL);
    const int64_t dims[] = { 2, QUERIES, KEYS, DEPTH, DEPTH }, q_steps[] = { 0, KEYS * ROW, ROW, 1 },
                  k_steps[] = { DEPTH, KEYS * ROW, ROW, 1 }, v_steps[] = { 2 * DEPTH, KEYS * ROW, ROW, 1 },
                  y_steps[] = { 0, QUERIES, 1, 2 * QUERIES }, shape[] = { DEPTH, 2, QUERIES };
    onyx_tensor x = filled(r, 3, (int64_t[]){ 2, KEYS, ROW }),
                m = filled(r, 3, (int64_t[]){ 1, bias == 1 ? 1 : QUERIES, KEYS }),
                f = filled(r, 3, (int64_t[]){ 2, 1, 1 }), y = { 0 };
    const onyx_tensor *inputs[5] = { &x, &x, &x, bias ? &m : NULL, factors ? &f : NULL };
    op_attribute attributes[] = { own_float("alpha", 0.5f), own_ints("dims", dims, 5), own_ints("q", q_steps, 4),
                                  own_ints("k", k_steps, 4), own_ints("v", v_steps, 4), own_ints("y", y_steps, 4),
                                  own_ints("shape", shape, 3) };
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, OP_DOMAIN_ONYX, "Attention", 1, attributes, ARRAY_LENGTH(attributes), inputs,
                                     factors ? 5 : bias ? 4 : 3, &y, 1, &error);
    double expected[2 * QUERIES * DEPTH];
    for (size_t at = 0; at < 2 * QUERIES; at++) {
        const size_t batch = at / QUERIES, query = at % QUERIES, base = batch * KEYS * ROW;
        double weights[KEYS], sum = 0;
        for (size_t j = 0; j < KEYS; j++) {
            double dot = 0;
            for (size_t d = 0; d < DEPTH; d++)
                dot += own_get(&x, base + query * ROW + d) * own_get(&x, base + j * ROW + DEPTH + d);
            dot *= factors ? 0.5 * own_get(&f, batch) : 0.5;
            sum += weights[j] = exp(dot + (bias ? own_get(&m, query % bias * KEYS + j) : 0));
        }
        for (size_t d = 0; d < DEPTH; d++) {
            double mean = 0;
            for (size_t j = 0; j < KEYS; j++)
                mean += weights[j] / sum * own_get(&x, base + j * ROW + 2 * DEPTH + d);
            expected[d * 2 * QUERIES + at] = mean;
        }
    }
    if (own_check(status == ONYX_OK, "Attention: %s", error.message))
        own_compare("Attention", &y, 3, shape, expected, 1e-5, 1e-6);
    runner_free(r);
}

static void silu_and_shuffle(void)
{
    runner *r = runner_new(NULL);
    onyx_tensor x = filled(r, 4, (int64_t[]){ 2, 6, 2, 2 }), y = { 0 }, z = { 0 };
    const onyx_tensor *input = &x;
    op_attribute groups = own_int("groups", 3);
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, OP_DOMAIN_ONYX, "Silu", 1, NULL, 0, &input, 1, &y, 1, &error);
    if (status == ONYX_OK)
        status = runner_node(r, OP_DOMAIN_ONYX, "ChannelShuffle", 1, &groups, 1, &input, 1, &z, 1, &error);
    if (own_check(status == ONYX_OK, "Silu or ChannelShuffle: %s", error.message)) {
        double silu[48], shuffled[48];
        for (size_t i = 0; i < 48; i++) {
            size_t c = i / 4 % 6; /* output channel i * groups + g was g * 2 + i */
            silu[i] = act_value(OP_ACT_SILU, own_get(&x, i), 0, 0);
            shuffled[i] = own_get(&x, i / 24 * 24 + (c % 3 * 2 + c / 3) * 4 + i % 4);
        }
        own_compare("Silu", &y, 4, x.dims, silu, 1e-5, 1e-7);
        own_compare("ChannelShuffle", &z, 4, x.dims, shuffled, 0, 0);
    }
    runner_free(r);
}

/* Columns 1..2 become (n - x)^2 * v[row, column], column 4 becomes exp(x) and then its sigmoid. */
static void column_chain(void)
{
    static const int64_t codes[] = { 1, 2, OP_COLUMN_SUB, 1, 1, 1, 2, OP_COLUMN_SQUARE, 0, 0, 1, 2, OP_COLUMN_MUL, 0, 2,
                                     4, 1, OP_COLUMN_EXP, 0, 0, 4, 1, OP_COLUMN_SIGMOID, 0, 0 };
    runner *r = runner_new(NULL);
    onyx_tensor x = filled(r, 3, (int64_t[]){ 2, 3, 5 }), n = filled(r, 1, (int64_t[]){ 1 });
    onyx_tensor v = filled(r, 3, (int64_t[]){ 2, 3, 2 }), y = { 0 };
    const onyx_tensor *inputs[3] = { &x, &n, &v };
    op_attribute attribute = own_ints("codes", codes, ARRAY_LENGTH(codes));
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, OP_DOMAIN_ONYX, "ColumnChain", 1, &attribute, 1, inputs, 3, &y, 1, &error);
    if (own_check(status == ONYX_OK, "ColumnChain: %s", error.message)) {
        double expected[30];
        for (size_t i = 0; i < 30; i++) {
            const size_t column = i % 5;
            const double at = own_get(&x, i), difference = own_get(&n, 0) - at;
            expected[i] = at;
            if (column == 1 || column == 2)
                expected[i] = difference * difference * own_get(&v, i / 5 * 2 + column - 1);
            else if (column == 4)
                expected[i] = 1 / (1 + exp(-exp(at)));
        }
        own_compare("ColumnChain", &y, 3, x.dims, expected, 1e-5, 1e-6);
    }
    inputs[2] = &x; /* five columns for two */
    own_check(runner_node(r, OP_DOMAIN_ONYX, "ColumnChain", 1, &attribute, 1, inputs, 3, &y, 1, &error) != ONYX_OK,
              "ColumnChain takes an operand that does not fit");
    attribute.count = 15;
    inputs[0] = &n;
    own_check(runner_node(r, OP_DOMAIN_ONYX, "ColumnChain", 1, &attribute, 1, inputs, 2, &y, 1, &error) != ONYX_OK,
              "ColumnChain takes columns that are not there");
    runner_free(r);
}

static void softmax_mean(void)
{
    runner *r = runner_new(NULL);
    onyx_tensor x = filled(r, 3, (int64_t[]){ 2, 6, 5 }), n = filled(r, 1, (int64_t[]){ 3 }), y = { 0 };
    const onyx_tensor *inputs[2] = { &x, &n };
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, OP_DOMAIN_ONYX, "SoftmaxMean", 1, NULL, 0, inputs, 2, &y, 1, &error);
    if (own_check(status == ONYX_OK, "SoftmaxMean: %s", error.message)) {
        double expected[20];
        for (size_t i = 0; i < 20; i++) {
            double sum = 0, mean = 0;
            for (size_t k = 0; k < 3; k++) {
                const double e = exp(own_get(&x, (i / 5 * 3 + k) * 5 + i % 5));
                sum += e;
                mean += e * own_get(&n, k);
            }
            expected[i] = mean / sum;
        }
        own_compare("SoftmaxMean", &y, 3, (int64_t[]){ 2, 2, 5 }, expected, 1e-5, 1e-6);
    }
    onyx_tensor four = filled(r, 1, (int64_t[]){ 4 });
    inputs[1] = &four;
    own_check(runner_node(r, OP_DOMAIN_ONYX, "SoftmaxMean", 1, NULL, 0, inputs, 2, &y, 1, &error) != ONYX_OK,
              "SoftmaxMean takes bins that do not fit");
    runner_free(r);
}

void own_fused(void)
{
    own_seed(4);
    for (int act = 0; act < OP_ACT_COUNT; act++) {
        fused_conv_case((op_act)act, false, false);
        fused_conv_case((op_act)act, true, false);
        fused_conv_case((op_act)act, true, true);
        fused_matmul_case(act % 2, act / 2 % 2, act / 4 % 2, act % 3 == 1, act % 3 ? OP_ACT_NONE : OP_ACT_RELU);
    }
    attention_case(0, false);
    attention_case(3, false);
    attention_case(1, false);
    attention_case(0, true);
    attention_case(3, true);
    silu_and_shuffle();
    column_chain();
    softmax_mean();
}
