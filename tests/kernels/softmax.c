/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax by rows and columns, row reductions and layer normalisation against double. */
#include "oracle.h"

enum { MAX_N = 1 << 16 };

static guarded_region region_src, region_dst, region_scale, region_bias;
static double expected[MAX_N];

static const size_t sizes[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17, 18,  19,  20,
                                21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 47, 65, 80, 97, 400, 999, 8400 };

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

/* Softmax of n numbers `step` apart. */
static void oracle_softmax(const float *src, double *out, size_t n, size_t step, double (*power)(double))
{
    double largest = -INFINITY, sum = 0;
    for (size_t i = 0; i < n; i++)
        largest = src[i * step] > largest ? src[i * step] : largest;
    for (size_t i = 0; i < n; i++)
        sum += power(src[i * step] - largest);
    for (size_t i = 0; i < n; i++)
        out[i * step] = power(src[i * step] - largest) / sum;
}

/* kind 0: as in attention; 1: far apart; 2: masked with -inf; 3: a NaN; 4: +inf; 5: all -inf; 6: denormals */
static void fill(float *src, size_t n, int kind)
{
    oracle_fill_plain(src, n, kind == 1 ? -150 : -9, kind == 1 ? 150 : 9);
    for (size_t i = 0; i < n; i++) {
        if ((kind == 2 && oracle_int(0, 1)) || kind == 5)
            src[i] = -INFINITY;
        if (kind == 6)
            src[i] = 1e-40f;
    }
    if (kind == 2)
        src[oracle_bits() % n] = 1;
    if (kind == 3 || kind == 4)
        src[oracle_bits() % n] = kind == 3 ? NAN : INFINITY;
}

static void test_rows(const cpu_kernels *k, size_t rows, size_t n, int kind, bool in_place)
{
    float *src = guarded(&region_src, rows * n * sizeof(float)), *dst = src;
    for (size_t r = 0; r < rows; r++) {
        fill(src + r * n, n, kind);
        oracle_softmax(src + r * n, expected + r * n, n, 1, exp);
    }
    if (!in_place)
        dst = guarded(&region_dst, rows * n * sizeof(float));
    k->softmax.rows(src, dst, rows, n);
    oracle_check("softmax rows", k->name, dst, expected, rows * n, 1e-5, 1e-37);
    CHECK(guarded_front_intact(dst), "softmax rows %s wrote in front of dst", k->name);
}

static void test_columns(const cpu_kernels *k, size_t n, size_t inner, int kind, bool in_place)
{
    float *src = guarded(&region_src, n * inner * sizeof(float)), *dst = src;
    fill(src, n * inner, kind);
    for (size_t c = 0; c < inner; c++)
        oracle_softmax(src + c, expected + c, n, inner, exp);
    if (!in_place)
        dst = guarded(&region_dst, n * inner * sizeof(float));
    size_t middle = inner / 3;
    k->softmax.columns(src, dst, n, inner, 0, middle);
    k->softmax.columns(src, dst, n, inner, middle, inner);
    oracle_check("softmax columns", k->name, dst, expected, n * inner, 1e-5, 1e-37);
    CHECK(guarded_front_intact(dst), "softmax columns %s wrote in front of dst", k->name);
}

static void test_mean(const cpu_kernels *k, size_t n, size_t columns, size_t gap, int kind)
{
    const size_t stride = columns + gap, floats = n * stride - gap;
    float *src = guarded(&region_src, floats * sizeof(float)), *dst = guarded(&region_dst, columns * sizeof(float));
    float weights[100];
    double parts[100 * 100];
    fill(src, floats, kind);
    for (size_t i = 0; i < n; i++)
        weights[i] = (float)(1 + i) / 3;
    for (size_t c = 0; c < columns; c++) {
        oracle_softmax(src + c, parts, n, stride, exp);
        expected[c] = 0;
        for (size_t i = 0; i < n; i++)
            expected[c] += weights[i] * parts[i * stride];
    }
    k->softmax.mean(src, stride, weights, n, dst, columns);
    oracle_check("softmax mean", k->name, dst, expected, columns, 2e-5, 1e-37);
    CHECK(guarded_front_intact(dst), "softmax mean %s wrote in front of dst", k->name);
}

/* Of the powers of two; what lies between the rows must stay. */
static void test_powers(const cpu_kernels *k, size_t n, size_t vectors, size_t gap, int kind)
{
    const size_t columns = vectors * 16, stride = columns + gap, floats = n * stride - gap;
    float *x = guarded(&region_src, floats * sizeof(float)), *factors = guarded(&region_dst, columns * sizeof(float));
    fill(x, floats, kind);
    for (size_t i = 0; i < floats; i++)
        expected[i] = (double)x[i];
    for (size_t c = 0; c < columns; c++)
        oracle_softmax(x + c, expected + c, n, stride, exp2);
    k->softmax.powers(x, stride, n, columns, factors);
    k->softmax.scale_columns(x, stride, n, columns, factors);
    oracle_check("softmax powers", k->name, x, expected, floats, 1e-5, 1e-37);
    CHECK(guarded_front_intact(x) && guarded_front_intact(factors), "softmax powers %s wrote in front", k->name);
}

static void test_arg_max(const cpu_kernels *k, size_t n, size_t columns, size_t gap, int kind)
{
    const size_t stride = columns + gap, floats = n * stride - gap;
    float *src = guarded(&region_src, floats * sizeof(float));
    int64_t *dst = guarded(&region_dst, columns * sizeof(*dst));
    fill(src, floats, kind);
    if (kind == 0 && n > 2)
        for (size_t c = 0; c < columns; c++) /* the largest twice */
            src[(n - 1) * stride + c] = src[(1 + c % (n - 1)) * stride + c] = 100;
    k->softmax.arg_max(src, stride, n, columns, dst);
    size_t c = 0, best = 0;
    for (; c < columns; c++) {
        best = 0;
        while (best < n && !isnan(src[best * stride + c]))
            best++;
        for (size_t i = best = best < n ? best : 0; i < n; i++)
            best = src[i * stride + c] > src[best * stride + c] ? i : best;
        if (dst[c] != (int64_t)best)
            break;
    }
    CHECK(c == columns, "arg max %s n=%zu column %zu of %zu kind %d: expected %zu, got %lld", k->name, n, c, columns,
          kind, best, (long long)dst[c < columns ? c : 0]);
    CHECK(guarded_front_intact(dst), "arg max %s wrote in front of dst", k->name);
}

static void test_reductions(const cpu_kernels *k, size_t n, int kind)
{
    float *src = guarded(&region_src, n * sizeof(float));
    fill(src, n, kind);
    double largest = -INFINITY, sum = 0, magnitude = 0, squares = 0;
    for (size_t i = 0; i < n; i++) {
        largest = isnan(largest) || largest >= src[i] ? largest : src[i];
        sum += src[i];
        magnitude += fabs((double)src[i]);
        squares += (double)src[i] * (double)src[i];
    }
    float max = k->softmax.max(src, n), total = k->softmax.sum(src, n);
    const float of_squares = k->softmax.sum_squares(src, n);
    CHECK(oracle_close(max, largest, 0, 0), "max %s n=%zu kind %d: expected %g, got %g", k->name, n, kind, largest,
          (double)max);
    CHECK(oracle_close(total, sum, 0, 1e-6 * magnitude + 1e-40), "sum %s n=%zu kind %d: expected %g, got %g", k->name,
          n, kind, sum, (double)total);
    CHECK(oracle_close(of_squares, squares, 1e-6, 1e-40), "squares %s n=%zu kind %d: expected %g, got %g", k->name, n,
          kind, squares, (double)of_squares);
}

static void test_layer_norm(const cpu_kernels *k, size_t rows, size_t n, bool with_bias, bool in_place)
{
    const double epsilon = 1e-5;
    float *src = guarded(&region_src, rows * n * sizeof(float)), *dst = src;
    float *scale = guarded(&region_scale, n * sizeof(float)), *bias = guarded(&region_bias, n * sizeof(float));
    oracle_fill_plain(src, rows * n, -2, 6);
    oracle_fill_plain(scale, n, 0.5f, 2);
    oracle_fill_plain(bias, n, -1, 1);
    for (size_t r = 0; r < rows; r++) {
        double mean = 0, variance = 0;
        for (size_t i = 0; i < n; i++)
            mean += src[r * n + i] / (double)n;
        for (size_t i = 0; i < n; i++)
            variance += (src[r * n + i] - mean) * (src[r * n + i] - mean) / (double)n;
        for (size_t i = 0; i < n; i++)
            expected[r * n + i] = (src[r * n + i] - mean) / sqrt(variance + (double)(float)epsilon) * scale[i] +
                                  (with_bias ? bias[i] : 0);
    }
    if (!in_place)
        dst = guarded(&region_dst, rows * n * sizeof(float));
    k->softmax.layer_norm(src, dst, rows, n, scale, with_bias ? bias : NULL, (float)epsilon);
    /* n = 1: what is left of x - mean, 0 or one rounding, is magnified by 1 / sqrt(epsilon) */
    oracle_check("layer norm", k->name, dst, expected, rows * n, 1e-5, n < 3 ? 5e-4 : 1e-5);
}

static void bench_softmax(const cpu_kernels *k)
{
    enum { N = 1 << 14 };
    float *src = guarded(&region_src, N * sizeof(float)), *dst = guarded(&region_dst, N * sizeof(float));
    float *scale = guarded(&region_scale, N * sizeof(float));
    oracle_fill_plain(src, N, -9, 9);
    oracle_fill_plain(scale, N, -9, 9);
    ORACLE_BENCH(k->name, "softmax rows of 80", 8 * N, k->softmax.rows(src, dst, N / 80, 80));
    ORACLE_BENCH(k->name, "softmax rows of 400", 8 * N, k->softmax.rows(src, dst, N / 400, 400));
    ORACLE_BENCH(k->name, "softmax rows of 8192", 8 * N, k->softmax.rows(src, dst, 2, 8192));
    ORACLE_BENCH(k->name, "softmax columns 16 x 1024", 8 * N, k->softmax.columns(src, dst, 16, 1024, 0, 1024));
    ORACLE_BENCH(k->name, "softmax mean 16 x 1024", 4 * N, k->softmax.mean(src, 1024, scale, 16, dst, 1024));
    ORACLE_BENCH(k->name, "arg max 16 x 1024", 4 * N, k->softmax.arg_max(src, 1024, 16, 1024, (int64_t *)(void *)dst));
    ORACLE_BENCH(k->name, "reduce max", 4 * N, scale[0] = k->softmax.max(src, N));
    ORACLE_BENCH(k->name, "reduce sum", 4 * N, scale[0] = k->softmax.sum(src, N));
    ORACLE_BENCH(k->name, "layer norm rows of 256", 8 * N,
                 k->softmax.layer_norm(src, dst, N / 256, 256, scale, scale, 0));
    enum { INNER = 4 * 8400 };
    float *big = calloc(16 * INNER, sizeof(float)), *out = calloc(16 * INNER, sizeof(float));
    if (big && out)
        ORACLE_BENCH(k->name, "softmax columns 16 x 33600", 8 * 16 * INNER,
                     k->softmax.columns(big, out, 16, INNER, 0, INNER));
    free(big);
    free(out);
}

void test_softmax(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_src = guarded_create(MAX_N * sizeof(float));
    region_dst = guarded_create(MAX_N * sizeof(float));
    region_scale = guarded_create(MAX_N * sizeof(float));
    region_bias = guarded_create(MAX_N * sizeof(float));
    if (bench) {
        bench_softmax(k);
    } else {
        for (int s = 0; s < SIZES; s++) {
            size_t n = sizes[s], rows = n < 1000 ? 3 : 1;
            for (int kind = 0; kind < 7; kind++) {
                test_rows(k, rows, n, kind, kind & 1);
                test_reductions(k, n, kind);
                test_arg_max(k, n, 1, 0, kind);
                test_arg_max(k, n < 100 ? n : 19, n < 100 ? 67 - (size_t)kind : 3, n % 3, kind);
                test_columns(k, n < 100 ? n : 7, n < 100 ? 67 - (size_t)kind : n, kind, kind & 1);
                test_mean(k, n < 100 ? n : 16, n < 100 ? 67 - (size_t)kind : 3, n % 3, kind);
                test_columns(k, 16, n > 1000 ? 1000 : n, kind, !(kind & 1));
                test_powers(k, n < 1000 ? n : 7, 1 + n % 3, n % 5, kind);
            }
            test_layer_norm(k, 2 * rows + 1, n, true, s & 1);
            test_layer_norm(k, 2 * rows + 1, n, false, !(s & 1));
        }
    }
    guarded_free(&region_src);
    guarded_free(&region_dst);
    guarded_free(&region_scale);
    guarded_free(&region_bias);
    oracle_report(counts);
}
