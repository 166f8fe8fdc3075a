/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The quantised operators of the onyx domain. */
#include <math.h>
#include <string.h>

#include "base/size.h"
#include "ops/params.h"
#include "own.h"

enum { C_IN = 3, C_OUT = 5, H = 6, W = 5, OUT = 4 * 3, COUNT = 2 * C_OUT * OUT };

typedef struct operands {
    onyx_tensor x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias, table, sums, float_bias;
} operands;

static onyx_tensor number(runner *r, onyx_type type, double value)
{
    onyx_tensor t = own_tensor(r, type, 0, NULL);
    own_fill(&t, value, value);
    return t;
}

static onyx_tensor numbers(runner *r, onyx_type type, int rank, const int64_t *dims, double low, double high)
{
    onyx_tensor t = own_tensor(r, type, rank, dims);
    own_fill(&t, low, high);
    return t;
}

static operands fill(runner *r, bool is_signed, bool per_channel)
{
    const onyx_type bytes = is_signed ? ONYX_TYPE_INT8 : ONYX_TYPE_UINT8;
    const double low = is_signed ? -128 : 0;
    const int64_t channels = per_channel ? C_OUT : 1;
    return (operands){
        .x = numbers(r, bytes, 4, (int64_t[]){ 2, C_IN, H, W }, low, low + 255),
        .x_scale = number(r, ONYX_TYPE_FLOAT32, 0.015625),
        .x_zero = number(r, bytes, low + 113),
        .w = numbers(r, ONYX_TYPE_INT8, 4, (int64_t[]){ C_OUT, C_IN, 3, 3 }, -127, 127),
        .w_scale = numbers(r, ONYX_TYPE_FLOAT32, 1, &channels, 0.01, 0.02),
        .w_zero = numbers(r, ONYX_TYPE_INT8, 1, &channels, -4, 4),
        .y_scale = number(r, ONYX_TYPE_FLOAT32, 0.25),
        .y_zero = number(r, bytes, low + 140),
        .bias = numbers(r, ONYX_TYPE_INT32, 1, (int64_t[]){ C_OUT }, -9000, 9000),
        .table = numbers(r, ONYX_TYPE_UINT8, 1, (int64_t[]){ 256 }, 0, 255),
        .sums = numbers(r, ONYX_TYPE_INT32, 4, (int64_t[]){ 2, C_OUT, 2, 1 }, -9000, 9000),
        .float_bias = numbers(r, ONYX_TYPE_FLOAT32, 1, (int64_t[]){ C_OUT }, -1, 1),
    };
}

/* sum (x - x_zero) * (w - w_zero) of output i */
static double sum_of(const operands *o, int i)
{
    const int column = i % 3, row = i / 3 % 4, c = i / OUT % C_OUT, n = i / OUT / C_OUT;
    const size_t zeros = own_count(&o->w_zero);
    double sum = 0;
    for (int k = 0; k < C_IN; k++)
        for (int y = 0; y < 3; y++)
            for (int x = 0; x < 3; x++)
                sum += (own_get(&o->x, (size_t)(((n * C_IN + k) * H + row + y) * W + column + x)) -
                        own_get(&o->x_zero, 0)) *
                       (own_get(&o->w, (size_t)(((c * C_IN + k) * 3 + y) * 3 + x)) -
                        own_get(&o->w_zero, zeros > 1 ? (size_t)c : 0));
    return sum;
}

static double w_scale_of(const operands *o, int i)
{
    return own_get(&o->w_scale, own_count(&o->w_scale) > 1 ? (size_t)(i / OUT % C_OUT) : 0);
}

/* What each two rows and three columns of the output have in common. */
static double more_of(const operands *o, int i)
{
    const int row = i / 3 % 4;
    return own_get(&o->sums, (size_t)(i / OUT * 2 + row / 2));
}

static void qconv_case(bool is_signed, bool per_channel, bool bias, bool table, bool sums)
{
    runner *r = runner_new(NULL);
    const operands o = fill(r, is_signed, per_channel);
    const onyx_tensor *inputs[11] = { &o.x,
                                      &o.x_scale,
                                      &o.x_zero,
                                      &o.w,
                                      &o.w_scale,
                                      &o.w_zero,
                                      &o.y_scale,
                                      &o.y_zero,
                                      bias ? &o.bias : NULL,
                                      table ? &o.table : NULL,
                                      sums ? &o.sums : NULL };
    const double low = is_signed ? -128 : 0;
    onyx_tensor y = { 0 };
    onyx_error error = { 0 };
    if (own_check(runner_node(r, OP_DOMAIN_ONYX, "QConv", 1, NULL, 0, inputs, 11, &y, 1, &error) == ONYX_OK,
                  "QConv: %s", error.message)) {
        double expected[COUNT];
        for (int i = 0; i < COUNT; i++) {
            const double sum =
                sum_of(&o, i) + (bias ? own_get(&o.bias, (size_t)(i / OUT % C_OUT)) : 0) + (sums ? more_of(&o, i) : 0);
            const float scale =
                (float)own_get(&o.x_scale, 0) * (float)w_scale_of(&o, i) / (float)own_get(&o.y_scale, 0);
            const double q = fmin(fmax(rint((float)sum * scale) + own_get(&o.y_zero, 0), low), low + 255);
            const uint8_t entry = ((const uint8_t *)o.table.data)[(uint8_t)(int)q];
            expected[i] = !table ? q : is_signed ? (int8_t)entry : entry;
        }
        own_compare("QConv", &y, 4, (int64_t[]){ 2, C_OUT, 4, 3 }, expected, 0, 0);
    }
    runner_free(r);
}

static void qconv_float_case(bool is_signed, bool per_channel, bool bias, bool relu)
{
    runner *r = runner_new(NULL);
    const operands o = fill(r, is_signed, per_channel);
    const onyx_tensor *inputs[7] = {
        &o.x, &o.x_scale, &o.x_zero, &o.w, &o.w_scale, &o.w_zero, bias ? &o.float_bias : NULL
    };
    const op_attribute attribute = own_string("activation", relu ? "relu" : "none");
    onyx_tensor y = { 0 };
    onyx_error error = { 0 };
    if (own_check(runner_node(r, OP_DOMAIN_ONYX, "QConvFloat", 1, &attribute, 1, inputs, 7, &y, 1, &error) == ONYX_OK,
                  "QConvFloat: %s", error.message)) {
        double expected[COUNT];
        for (int i = 0; i < COUNT; i++) {
            const double scale = own_get(&o.x_scale, 0) * w_scale_of(&o, i);
            expected[i] = sum_of(&o, i) * scale + (bias ? own_get(&o.float_bias, (size_t)(i / OUT % C_OUT)) : 0);
            expected[i] = relu ? fmax(expected[i], 0) : expected[i];
        }
        own_compare("QConvFloat", &y, 4, (int64_t[]){ 2, C_OUT, 4, 3 }, expected, 1e-5, 1e-4);
    }
    runner_free(r);
}

static void qlookup_case(onyx_type from, onyx_type to)
{
    runner *r = runner_new(NULL);
    onyx_tensor x = own_tensor(r, from, 2, (int64_t[]){ 16, 16 }), y = { 0 };
    onyx_tensor table = numbers(r, ONYX_TYPE_UINT8, 1, (int64_t[]){ 256 }, 0, 255);
    const onyx_tensor *inputs[2] = { &x, &table };
    const op_attribute attribute = own_int("to", to);
    onyx_error error = { 0 };
    double expected[256];
    for (int i = 0; i < 256; i++) {
        const uint8_t entry = ((const uint8_t *)table.data)[i];
        ((uint8_t *)x.data)[i] = (uint8_t)i;
        expected[i] = to == ONYX_TYPE_INT8 ? (int8_t)entry : entry;
    }
    if (own_check(runner_node(r, OP_DOMAIN_ONYX, "QLookup", 1, &attribute, 1, inputs, 2, &y, 1, &error) == ONYX_OK,
                  "QLookup: %s", error.message))
        own_compare("QLookup", &y, 2, x.dims, expected, 0, 0);
    runner_free(r);
}

/* Means that lie half-way between two results, but for how the factors are rounded: as ONNX Runtime 1.31 gives them. */
static void qglobal_pool_case(void)
{
    static const int sums[3] = { 22, 286, 374 };
    runner *r = runner_new(NULL);
    onyx_tensor x = own_tensor(r, ONYX_TYPE_UINT8, 4, (int64_t[]){ 1, 3, 2, 3 }), y = { 0 };
    const onyx_tensor x_scale = number(r, ONYX_TYPE_FLOAT32, 0.063), y_scale = number(r, ONYX_TYPE_FLOAT32, 0.022);
    const onyx_tensor zero = number(r, ONYX_TYPE_UINT8, 0);
    const onyx_tensor *inputs[5] = { &x, &x_scale, &zero, &y_scale, &zero };
    onyx_error error = { 0 };
    for (int c = 0; c < 3; c++)
        for (int i = 0; i < 6; i++)
            ((uint8_t *)x.data)[6 * c + i] = (uint8_t)(sums[c] / 6 + (i < sums[c] % 6));
    if (own_check(runner_node(r, "com.microsoft", "QLinearGlobalAveragePool", 1, NULL, 0, inputs, 5, &y, 1, &error) ==
                      ONYX_OK,
                  "QLinearGlobalAveragePool: %s", error.message))
        own_compare("QLinearGlobalAveragePool", &y, 4, (int64_t[]){ 1, 3, 1, 1 }, (double[]){ 10, 136, 179 }, 0, 0);
    runner_free(r);
}

enum { M = 5, K = 21, N = 9 };

/* QMatMul (bias, table) and QMatMulFloat (bias, residual, relu). */
static void qmatmul_case(bool is_signed, bool per_channel, bool extras, bool floats)
{
    runner *r = runner_new(NULL);
    const onyx_type bytes = is_signed ? ONYX_TYPE_INT8 : ONYX_TYPE_UINT8;
    const double low = is_signed ? -128 : 0;
    const int64_t scales = per_channel ? N : 1, columns = N;
    const onyx_tensor x = numbers(r, bytes, 3, (int64_t[]){ 1, M, K }, low, low + 255),
                      w = numbers(r, ONYX_TYPE_INT8, 2, (int64_t[]){ K, N }, -127, 127),
                      x_scale = number(r, ONYX_TYPE_FLOAT32, 0.015625), x_zero = number(r, bytes, low + 113),
                      w_scale = numbers(r, ONYX_TYPE_FLOAT32, 1, &scales, 0.01, 0.02),
                      w_zero = numbers(r, ONYX_TYPE_INT8, 1, &scales, -4, 4),
                      y_scale = number(r, ONYX_TYPE_FLOAT32, 0.25), y_zero = number(r, bytes, low + 140),
                      bias = numbers(r, floats ? ONYX_TYPE_FLOAT32 : ONYX_TYPE_INT32, 1, &columns, -9000, 9000),
                      residual = numbers(r, ONYX_TYPE_FLOAT32, 3, (int64_t[]){ 1, M, N }, -900, 900),
                      table = numbers(r, ONYX_TYPE_UINT8, 1, (int64_t[]){ 256 }, 0, 255);
    const onyx_tensor *inputs[10] = { &x, &x_scale, &x_zero, &w, &w_scale, &w_zero };
    const op_attribute attribute = own_string("activation", extras ? "relu" : "none");
    const char *op = floats ? "QMatMulFloat" : "QMatMul";
    double expected[M * N];
    onyx_tensor y = { 0 };
    onyx_error error = { 0 };
    inputs[6] = floats ? (extras ? &bias : NULL) : &y_scale;
    inputs[7] = floats ? (extras ? &residual : NULL) : &y_zero;
    inputs[8] = extras && !floats ? &bias : NULL;
    inputs[9] = extras && !floats ? &table : NULL;
    for (int i = 0; i < M * N; i++) {
        const size_t row = (size_t)(i / N), c = (size_t)(i % N), at = per_channel ? c : 0;
        double sum = extras && !floats ? own_get(&bias, c) : 0;
        for (size_t k = 0; k < K; k++)
            sum += (own_get(&x, row * K + k) - own_get(&x_zero, 0)) * (own_get(&w, k * N + c) - own_get(&w_zero, at));
        const double scale = own_get(&x_scale, 0) * own_get(&w_scale, at);
        if (floats) {
            expected[i] = sum * scale + (extras ? own_get(&bias, c) + own_get(&residual, (size_t)i) : 0);
            expected[i] = extras ? fmax(expected[i], 0) : expected[i];
            continue;
        }
        const double q = rint((double)((float)sum * ((float)own_get(&x_scale, 0) * (float)own_get(&w_scale, at) /
                                                     (float)own_get(&y_scale, 0))));
        const int byte = (int)fmax(low, fmin(low + 255, q + own_get(&y_zero, 0)));
        const uint8_t entry = extras ? ((const uint8_t *)table.data)[(uint8_t)byte] : (uint8_t)byte;
        expected[i] = is_signed ? (int8_t)entry : entry;
    }
    if (own_check(runner_node(r, OP_DOMAIN_ONYX, op, 1, &attribute, floats, inputs, floats ? 8 : 10, &y, 1, &error) ==
                      ONYX_OK,
                  "%s: %s", op, error.message))
        own_compare(op, &y, 3, (int64_t[]){ 1, M, N }, expected, floats ? 1e-5 : 0, floats ? 1e-2 : 0);
    runner_free(r);
}

void own_quantised(void)
{
    own_seed(11);
    for (int i = 0; i < 16; i++) {
        qconv_case(i & 1, i & 2, i & 4, i & 8, false);
        qconv_case(i & 1, i & 2, i & 4, i & 8, true);
        qconv_float_case(i & 1, i & 2, i & 4, i & 8);
        qmatmul_case(i & 1, i & 2, i & 4, i & 8);
    }
    for (int i = 0; i < 4; i++)
        qlookup_case(i & 1 ? ONYX_TYPE_INT8 : ONYX_TYPE_UINT8, i & 2 ? ONYX_TYPE_INT8 : ONYX_TYPE_UINT8);
    qglobal_pool_case();
}
