/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Broadcasting in all ranks and types, integers that must not trap, NaN and infinity, slices and transposes. */
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "own.h"

/* Element offset of output index i in a tensor that broadcasts to `dims`. */
static size_t broadcast_offset(const onyx_tensor *t, int rank, const int64_t *dims, size_t i)
{
    size_t offset = 0, stride = 1;
    for (int d = rank - 1; d >= 0; d--) {
        int k = d - (rank - t->rank);
        size_t index = i % (size_t)dims[d];
        i /= (size_t)dims[d];
        if (k < 0)
            continue;
        offset += t->dims[k] == 1 ? 0 : index * stride;
        stride *= (size_t)t->dims[k];
    }
    return offset;
}

/* A tensor whose dims are those of `dims` or 1, some leading ones left out. */
static onyx_tensor random_operand(runner *r, onyx_type type, int rank, const int64_t *dims)
{
    int64_t own[6];
    int own_rank = (int)own_random_in(0, rank);
    for (int i = 0; i < own_rank; i++)
        own[i] = own_random() % 3 ? dims[rank - own_rank + i] : 1;
    onyx_tensor t = own_tensor(r, type, own_rank, own);
    own_fill(&t, type == ONYX_TYPE_UINT8 ? 0 : -9, 9);
    return t;
}

static double apply(const char *op, double a, double b)
{
    switch (op[0]) {
    case 'A':
        return a + b;
    case 'S':
        return a - b;
    case 'M':
        return op[1] == 'u' ? a * b : MAX(a, b);
    case 'G':
        return a > b;
    default:
        return a < b;
    }
}

static void broadcast_case(void)
{
    static const char *const ops[] = { "Add", "Sub", "Mul", "Max", "Greater", "Less" };
    static const onyx_type types[] = { ONYX_TYPE_FLOAT32, ONYX_TYPE_FLOAT64, ONYX_TYPE_FLOAT16,
                                       ONYX_TYPE_INT32,   ONYX_TYPE_INT64,   ONYX_TYPE_INT8 };
    runner *r = runner_new(NULL);
    const char *op = ops[own_random() % ARRAY_LENGTH(ops)];
    onyx_type type = types[own_random() % ARRAY_LENGTH(types)];
    int64_t dims[6], y_dims[6];
    int rank = (int)own_random_in(0, 5);
    for (int i = 0; i < rank; i++)
        dims[i] = own_random_in(1, 5);
    onyx_tensor a = random_operand(r, type, rank, dims), b = random_operand(r, type, rank, dims), y = { 0 };
    const onyx_tensor *inputs[2] = { &a, &b };
    onyx_error error = { 0 };
    int y_rank = MAX(a.rank, b.rank);
    for (int i = 0; i < y_rank; i++) {
        int64_t m = i >= y_rank - a.rank ? a.dims[i - (y_rank - a.rank)] : 1;
        int64_t n = i >= y_rank - b.rank ? b.dims[i - (y_rank - b.rank)] : 1;
        y_dims[i] = MAX(m, n);
    }
    onyx_status status = runner_node(r, "", op, 14, NULL, 0, inputs, 2, &y, 1, &error);
    if (own_check(status == ONYX_OK, "%s: %s", op, error.message)) {
        size_t count = own_count(&y);
        double *expected = calloc(count, sizeof(*expected));
        for (size_t i = 0; i < count; i++)
            expected[i] = apply(op, own_get(&a, broadcast_offset(&a, y_rank, y_dims, i)),
                                own_get(&b, broadcast_offset(&b, y_rank, y_dims, i)));
        own_compare(op, &y, y_rank, y_dims, expected, 1e-3, 0.01);
        free(expected);
    }
    runner_free(r);
}

/* ---- one operator on a few values ---- */

static void values_case(const char *op, onyx_type type, const op_attribute *attribute, const void *a, const void *b,
                        const double *expected, int64_t n)
{
    runner *r = runner_new(NULL);
    onyx_tensor x = own_tensor(r, type, 1, &n), z = own_tensor(r, type, 1, &n), y = { 0 };
    const onyx_tensor *inputs[2] = { &x, &z };
    onyx_error error = { 0 };
    memcpy(x.data, a, x.size_bytes);
    if (b)
        memcpy(z.data, b, z.size_bytes);
    onyx_status status = runner_node(r, "", op, 28, attribute, attribute ? 1 : 0, inputs, b ? 2 : 1, &y, 1, &error);
    if (own_check(status == ONYX_OK, "%s: %s", op, error.message))
        own_compare(op, &y, 1, &n, expected, 1e-6, 0);
    runner_free(r);
}

static void integers(void)
{
    const int32_t a[] = { 7, -7, 7, -7, 5, INT32_MIN, INT32_MIN }, b[] = { 2, 2, -2, -2, 0, -1, 0 };
    const int64_t la[] = { INT64_MIN, INT64_MIN, 9 }, lb[] = { -1, 0, 0 };
    const int8_t sa[] = { 127, -128, 100 }, sb[] = { 1, -1, 100 };
    const op_attribute fmod = own_int("fmod", 1);
    values_case("Div", ONYX_TYPE_INT32, NULL, a, b, (double[]){ 3, -3, -3, 3, 0, INT32_MIN, 0 }, 7);
    values_case("Mod", ONYX_TYPE_INT32, NULL, a, b, (double[]){ 1, 1, -1, -1, 0, 0, 0 }, 7);
    values_case("Mod", ONYX_TYPE_INT32, &fmod, a, b, (double[]){ 1, -1, 1, -1, 0, 0, 0 }, 7);
    values_case("Div", ONYX_TYPE_INT64, NULL, la, lb, (double[]){ (double)INT64_MIN, 0, 0 }, 3);
    values_case("Add", ONYX_TYPE_INT8, NULL, sa, sb, (double[]){ -128, 127, -56 }, 3);
    values_case("Abs", ONYX_TYPE_INT64, NULL, la, NULL, (double[]){ (double)INT64_MIN, (double)INT64_MIN, 9 }, 3);
}

static void special_floats(void)
{
    const float x[] = { NAN, INFINITY, -INFINITY, -0.f }, y[] = { 1, 1, 1, 1 }, z[] = { NAN, NAN, 2, -3 };
    values_case("Relu", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, INFINITY, 0, 0 }, 4);
    values_case("Sigmoid", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, 1, 0, 0.5 }, 4);
    values_case("Tanh", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, 1, -1, 0 }, 4);
    values_case("Max", ONYX_TYPE_FLOAT32, NULL, x, y, (double[]){ NAN, INFINITY, 1, 1 }, 4);
    values_case("Max", ONYX_TYPE_FLOAT32, NULL, y, z, (double[]){ NAN, NAN, 2, 1 }, 4);
    values_case("Min", ONYX_TYPE_FLOAT32, NULL, y, z, (double[]){ NAN, NAN, 1, -3 }, 4);
    values_case("HardSwish", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, INFINITY, 0, 0 }, 4);
    values_case("Mish", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, INFINITY, 0, 0 }, 4);
    values_case("Gelu", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, INFINITY, 0, 0 }, 4);
    values_case("Softmax", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, NAN, NAN, NAN }, 4);
    values_case("Sign", ONYX_TYPE_FLOAT32, NULL, x, NULL, (double[]){ NAN, 1, -1, 0 }, 4);
}

/* ---- Slice and Transpose against index arithmetic ---- */

static void slice_case(void)
{
    runner *r = runner_new(NULL);
    int64_t dims[3], out[3], lists[4][3], three = 3, first[3];
    onyx_tensor parts[4], y = { 0 };
    const onyx_tensor *inputs[5];
    onyx_error error = { 0 };
    for (int i = 0; i < 3; i++) {
        dims[i] = own_random_in(1, 6);
        lists[0][i] = own_random() % 8 ? own_random_in(-8, 8) : INT64_MIN;
        lists[1][i] = own_random() % 8 ? own_random_in(-8, 8) : INT64_MAX;
        lists[2][i] = i - (own_random() % 2 ? 3 : 0);
        lists[3][i] = own_random_in(1, 3) * (own_random() % 2 ? 1 : -1);
        int64_t n = dims[i], step = lists[3][i], s = lists[0][i], e = lists[1][i];
        s = s < 0 ? s + n : s;
        e = e < 0 ? e + n : e;
        s = step > 0 ? MIN(MAX(s, 0), n) : MIN(MAX(s, -1), n - 1);
        e = step > 0 ? MIN(MAX(e, 0), n) : MIN(MAX(e, -1), n - 1);
        first[i] = s;
        out[i] = 0;
        for (int64_t k = s; step > 0 ? k < e : k > e; k += step)
            out[i]++;
    }
    onyx_tensor x = own_tensor(r, ONYX_TYPE_INT16, 3, dims);
    own_fill(&x, -1000, 1000);
    inputs[0] = &x;
    for (int i = 0; i < 4; i++) {
        parts[i] = own_tensor(r, ONYX_TYPE_INT64, 1, &three);
        memcpy(parts[i].data, lists[i], sizeof(lists[i]));
        inputs[1 + i] = &parts[i];
    }
    onyx_status status = runner_node(r, "", "Slice", 13, NULL, 0, inputs, 5, &y, 1, &error);
    size_t count = (size_t)(out[0] * out[1] * out[2]);
    double *expected = calloc(count + 1, sizeof(*expected));
    for (size_t i = 0; i < count; i++) {
        int64_t a = (int64_t)i / (out[1] * out[2]), b = (int64_t)i / out[2] % out[1], c = (int64_t)i % out[2];
        a = first[0] + a * lists[3][0];
        b = first[1] + b * lists[3][1];
        c = first[2] + c * lists[3][2];
        expected[i] = own_get(&x, (size_t)((a * dims[1] + b) * dims[2] + c));
    }
    if (own_check(status == ONYX_OK, "Slice: %s", error.message))
        own_compare("Slice", &y, 3, out, expected, 0, 0);
    free(expected);
    runner_free(r);
}

static void transpose_case(onyx_type type)
{
    runner *r = runner_new(NULL);
    int64_t dims[5], out[5], perm[5], rank = own_random_in(1, 5);
    onyx_error error = { 0 };
    for (int i = 0; i < rank; i++) {
        dims[i] = own_random_in(1, rank < 3 ? 70 : 6);
        perm[i] = i;
    }
    for (int i = 0; i < rank; i++) {
        int64_t j = own_random_in(i, rank - 1), swap = perm[i];
        perm[i] = perm[j];
        perm[j] = swap;
    }
    for (int i = 0; i < rank; i++)
        out[i] = dims[perm[i]];
    onyx_tensor x = own_tensor(r, type, (int)rank, dims), y = { 0 };
    own_fill(&x, 0, 7);
    const onyx_tensor *input = &x;
    op_attribute attribute = own_ints("perm", perm, (int)rank);
    onyx_status status = runner_node(r, "", "Transpose", 21, &attribute, 1, &input, 1, &y, 1, &error);
    size_t count = own_count(&x);
    double *expected = calloc(count, sizeof(*expected));
    for (size_t i = 0; i < count; i++) {
        int64_t index[5], offset = 0;
        size_t rest = i;
        for (int d = (int)rank - 1; d >= 0; d--) {
            index[perm[d]] = (int64_t)(rest % (size_t)out[d]);
            rest /= (size_t)out[d];
        }
        for (int d = 0; d < rank; d++)
            offset = offset * dims[d] + index[d];
        expected[i] = own_get(&x, (size_t)offset);
    }
    if (own_check(status == ONYX_OK, "Transpose: %s", error.message))
        own_compare("Transpose", &y, (int)rank, out, expected, 0, 0);
    free(expected);
    runner_free(r);
}

/* Rows of n numbers of `levels` kinds, rising, falling or neither; among them NaN, both zeros and infinity. */
static void topk_case(onyx_type type, int64_t n, int64_t k, int levels, int order, bool largest)
{
    runner *r = runner_new(NULL);
    const int64_t one[1] = { 1 };
    onyx_tensor x = own_tensor(r, type, 2, (int64_t[]){ 2, n }), count = own_tensor(r, ONYX_TYPE_INT64, 1, one);
    onyx_tensor outputs[2] = { { 0 } };
    const onyx_tensor *inputs[2] = { &x, &count };
    const op_attribute attributes[] = { own_int("largest", largest), own_int("axis", -1) };
    onyx_error error = { 0 };
    double *values = calloc((size_t)(4 * k), sizeof(*values)), *indices = values + 2 * k;
    *(int64_t *)count.data = k;
    for (int64_t i = 0; i < 2 * n; i++) {
        static const double special[] = { 0, -0.0, NAN, INFINITY };
        const int64_t at = order > 0 ? i % n : order < 0 ? n - i % n : own_random_in(0, levels);
        double number = (double)at / 8 - 1;
        if (own_random_in(0, 9) == 0 && order == 0)
            number = special[own_random_in(0, 3)];
        if (type == ONYX_TYPE_FLOAT32)
            ((float *)x.data)[i] = (float)number;
        else
            ((double *)x.data)[i] = number;
    }
    for (int64_t row = 0; row < 2; row++) {
        bool *taken = calloc((size_t)n, sizeof(*taken));
        for (int64_t place = 0; place < k; place++) {
            int64_t best = -1;
            for (int64_t i = 0; i < n; i++) {
                const double a = own_get(&x, (size_t)(row * n + i));
                const double b = best < 0 ? 0 : own_get(&x, (size_t)(row * n + best));
                const bool above = isnan(a) ? !isnan(b) : a > b, below = isnan(b) ? !isnan(a) : a < b;
                if (!taken[i] && (best < 0 || (largest ? above : below)))
                    best = i;
            }
            taken[best] = true;
            values[row * k + place] = own_get(&x, (size_t)(row * n + best));
            indices[row * k + place] = (double)best;
        }
        free(taken);
    }
    if (own_check(runner_node(r, "", "TopK", 11, attributes, 2, inputs, 2, outputs, 2, &error) == ONYX_OK, "TopK: %s",
                  error.message)) {
        own_compare("values of TopK", &outputs[0], 2, (int64_t[]){ 2, k }, values, 0, 0);
        own_compare("indices of TopK", &outputs[1], 2, (int64_t[]){ 2, k }, indices, 0, 0);
    }
    free(values);
    runner_free(r);
}

void own_elements(void)
{
    own_seed(3);
    for (int i = 0; i < 600; i++)
        broadcast_case();
    integers();
    special_floats();
    for (int i = 0; i < 400; i++)
        slice_case();
    for (int i = 0; i < 120; i++) {
        const int64_t n = own_random_in(1, 90), k = i % 3 ? own_random_in(1, n) : i % 2 ? n : 1;
        topk_case(i % 4 ? ONYX_TYPE_FLOAT32 : ONYX_TYPE_FLOAT64, n, k, i % 5 ? 40 : 3, i % 7 > 1 ? 0 : i % 7 * 2 - 1,
                  i % 2);
    }
    for (int i = 0; i < 60; i++) {
        transpose_case(ONYX_TYPE_UINT8);
        transpose_case(ONYX_TYPE_FLOAT32);
        transpose_case(ONYX_TYPE_FLOAT64);
        transpose_case(ONYX_TYPE_FLOAT16);
        transpose_case(ONYX_TYPE_UINT4);
    }
}
