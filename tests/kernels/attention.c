/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention of one kernel table against double precision: odd sizes, every operand stored either way, strides wider
 * than the rows, bias with masked keys, products of bfloat16, parts in any order; all buffers end at a guard page. */
#include <float.h>

#include "oracle.h"

enum { MAX_FLOATS = 1 << 19, MAX_KEYS = 1024 };

static guarded_region region_q, region_k, region_v, region_y, region_bias, region_packed, region_scratch;
static float first[MAX_FLOATS];

typedef struct problem {
    attention_shape shape;
    size_t q_stride, k_stride, v_stride, y_stride;
    float alpha;
    bool masked; /* some keys of some queries are -inf, all keys of others the least number, and of others -inf */
} problem;

static const char *problem_text(const problem *p)
{
    static char text[200];
    const attention_shape *s = &p->shape;
    snprintf(text, sizeof(text), "queries %zu keys %zu depth %zu width %zu%s%s%s%s%s%s strides %zu %zu %zu %zu",
             s->queries, s->keys, s->depth, s->width, s->q_transposed ? " qT" : "", s->k_transposed ? " kT" : "",
             s->v_transposed ? " vT" : "", s->y_transposed ? " yT" : "", s->biased ? " bias" : "",
             s->half ? " half" : "", p->q_stride, p->k_stride, p->v_stride, p->y_stride);
    return text;
}

static double element(const float *data, size_t stride, bool transposed, size_t row, size_t column)
{
    return (double)(transposed ? data[column * stride + row] : data[row * stride + column]);
}

static bool compare_query(const problem *p, const char *table, const attention_arguments *g, const float *bias,
                          bool half, size_t i)
{
    const attention_shape *s = &p->shape;
    const size_t row = s->bias_of_keys ? 0 : i * s->keys;
    static double powers[MAX_KEYS];
    double largest = -INFINITY, sum = 0, error = 0; /* error: of a score, because q and k are rounded to 2^-9 */
    for (size_t j = 0; j < s->keys; j++) {
        double dot = 0, magnitude = 0;
        for (size_t k = 0; k < s->depth; k++) {
            const double product =
                element(g->q, p->q_stride, s->q_transposed, i, k) * element(g->k, p->k_stride, s->k_transposed, j, k);
            dot += product;
            magnitude += fabs(product);
        }
        error = fmax(error, 0x1.02p-8 * (double)p->alpha * magnitude);
        powers[j] = dot * (double)p->alpha + (s->biased ? (double)bias[row + j] : 0);
        largest = fmax(largest, powers[j]);
    }
    for (size_t j = 0; j < s->keys; j++)
        sum += powers[j] = exp(powers[j] - largest);
    /* |v| <= 1; a power is off by as much as its score and the largest one, then rounded, as v is */
    const double bound = 2e-5 + (half ? expm1(2 * error) + 0x1.02p-8 : 0);
    for (size_t w = 0; w < s->width; w++) {
        double expected = 0;
        for (size_t j = 0; j < s->keys; j++)
            expected +=
                s->zeros && isnan(sum) ? 0 : powers[j] / sum * element(g->v, p->v_stride, s->v_transposed, j, w);
        const double actual = element(g->y, p->y_stride, s->y_transposed, i, w);
        if (!(fabs(actual - expected) <= bound) && !(isnan(actual) && isnan(expected)))
            return CHECK(false, "attention %s %s [%zu, %zu]: expected %.9g, got %.9g", table, problem_text(p), i, w,
                         expected, actual);
    }
    return CHECK(true, "%s", table);
}

/* What lies between the rows of y must stay. */
static bool gaps_intact(const problem *p, const float *y)
{
    const size_t rows = p->shape.y_transposed ? p->shape.width : p->shape.queries;
    const size_t columns = p->shape.y_transposed ? p->shape.queries : p->shape.width;
    const unsigned char *bytes = (const unsigned char *)y;
    for (size_t i = 0; i + 1 < rows; i++)
        for (size_t j = columns * 4; j < p->y_stride * 4; j++)
            if (bytes[i * p->y_stride * 4 + j] != 0xa5)
                return false;
    return guarded_front_intact(y);
}

/* A stored operand of rows x columns; *floats: how many it takes. */
static float *operand(guarded_region *region, bool transposed, size_t rows, size_t columns, size_t stride,
                      size_t *floats)
{
    *floats = ((transposed ? columns : rows) - 1) * stride + (transposed ? rows : columns);
    float *data = guarded(region, *floats * 4);
    return data;
}

static void test_problem(const cpu_kernels *kernels, const problem *p)
{
    const attention_shape *s = &p->shape;
    size_t q_floats, k_floats, v_floats, y_floats;
    float *q = operand(&region_q, s->q_transposed, s->queries, s->depth, p->q_stride, &q_floats);
    float *k = operand(&region_k, s->k_transposed, s->keys, s->depth, p->k_stride, &k_floats);
    float *v = operand(&region_v, s->v_transposed, s->keys, s->width, p->v_stride, &v_floats);
    float *y = operand(&region_y, s->y_transposed, s->queries, s->width, p->y_stride, &y_floats);
    const size_t rows = s->bias_of_keys ? 1 : s->queries;
    float *bias = guarded(&region_bias, rows * s->keys * 4);
    oracle_fill_plain(q, q_floats, -1, 1);
    oracle_fill_plain(k, k_floats, -1, 1);
    oracle_fill_plain(v, v_floats, -1, 1);
    oracle_fill_plain(bias, rows * s->keys, -3, 3);
    for (size_t i = 0; p->masked && i < rows * s->keys; i++)
        if (i % s->keys && oracle_int(0, 1))
            bias[i] = -INFINITY;
    for (size_t i = rows > 1 ? 0 : (size_t)oracle_int(0, 2); p->masked && i < rows; i += 5)
        for (size_t j = 0; j < s->keys; j++)
            bias[i * s->keys + j] = i % 2 ? -INFINITY : -FLT_MAX;
    attention_plan plan;
    attention_choose(kernels, s, p->k_stride, p->v_stride, &plan);
    float *packed = guarded(&region_packed, (plan.bias_floats * 4 + 63) & ~(size_t)63);
    void *scratch = guarded(&region_scratch, (plan.scratch_bytes + 63) & ~(size_t)63);
    if (s->biased)
        attention_pack_bias(&plan, bias, packed);
    const attention_arguments g = { q, k, v, p->q_stride, p->k_stride, p->v_stride, y, p->y_stride, p->alpha, packed };
    memset(scratch, 0xff, plan.scratch_bytes);
    for (int part = 0; part < plan.parts; part++)
        attention_run(&plan, &g, part, scratch);
    for (size_t i = 0; i < s->queries; i++)
        if (!compare_query(p, kernels->name, &g, bias, plan.half, i))
            break;
    CHECK(gaps_intact(p, y) && guarded_front_intact(scratch) && guarded_front_intact(packed),
          "attention %s %s: wrote outside", kernels->name, problem_text(p));
    memcpy(first, y, y_floats * 4);
    memset(scratch, 0xff, plan.scratch_bytes);
    for (int part = plan.parts - 1; part >= 0; part--)
        attention_run(&plan, &g, part, scratch);
    CHECK(memcmp(first, y, y_floats * 4) == 0, "attention %s %s: order of parts changes bits", kernels->name,
          problem_text(p));
}

static void random_problem(const cpu_kernels *kernels, int round)
{
    const int largest = round % 3 == 0 ? 6 : 75;
    problem p = { .alpha = oracle_int(0, 1) ? 1 : 0.37f, .masked = oracle_int(0, 1) };
    p.shape = (attention_shape){ (size_t)oracle_int(1, largest),
                                 (size_t)oracle_int(1, largest),
                                 (size_t)oracle_int(1, 40),
                                 (size_t)oracle_int(1, 40),
                                 oracle_int(0, 1),
                                 oracle_int(0, 1),
                                 oracle_int(0, 1),
                                 oracle_int(0, 1),
                                 oracle_int(0, 1),
                                 oracle_int(0, 2) == 0,
                                 oracle_int(0, 1),
                                 oracle_int(0, 1) };
    if (round % 7 == 0)
        p.shape.keys = (size_t)oracle_int(250, 800);
    if (round % 11 == 0)
        p.shape.queries = (size_t)oracle_int(100, 300);
    const attention_shape *s = &p.shape;
    p.q_stride = (s->q_transposed ? s->queries : s->depth) + (size_t)oracle_int(0, 3);
    p.k_stride = (s->k_transposed ? s->keys : s->depth) + (size_t)oracle_int(0, 3);
    p.v_stride = (s->v_transposed ? s->keys : s->width) + (size_t)oracle_int(0, 3);
    p.y_stride = (s->y_transposed ? s->queries : s->width) + (size_t)oracle_int(0, 3);
    test_problem(kernels, &p);
}

/* In several parts; with rows 4 KB apart. */
static void test_cuts(const cpu_kernels *kernels)
{
    static const problem problems[] = {
        { { 230, 520, 33, 20, true, true, true, true, false, false, false }, 230, 520, 520, 230, 1, false },
        { { 197, 197, 64, 64, false, false, false, false, true, false, false }, 72, 64, 64, 70, 0.125f, false },
        { { 65, 70, 24, 30, false, false, false, false, false, false, false }, 1024, 1024, 1024, 1024, 1, false },
        { { 20, 70, 24, 30, true, false, true, true, true, false, false }, 1024, 1024, 1024, 1024, 1, true },
    };
    for (size_t i = 0; i < 2 * sizeof(problems) / sizeof(problems[0]); i++) {
        problem p = problems[i / 2];
        p.shape.half = i % 2;
        test_problem(kernels, &p);
    }
}

static void bench_attention(const cpu_kernels *kernels)
{
    static const problem problems[] = {
        { { 197, 197, 64, 64, false, false, false, false, false, false, false }, 576, 576, 576, 192, 0.125f, false },
        { { 400, 400, 32, 64, true, true, true, true, false, false, false }, 400, 400, 400, 400, 0.2f, false },
        { { 49, 49, 32, 32, false, false, false, false, true, false, false }, 288, 288, 288, 96, 0.2f, false },
        { { 256, 256, 36, 36, false, false, false, false, false, false, false }, 432, 432, 432, 144, 0.2f, false },
    };
    for (size_t i = 0; i < 2 * sizeof(problems) / sizeof(problems[0]); i++) {
        problem both = problems[i / 2];
        const problem *p = &both;
        const attention_shape *s = &p->shape;
        attention_plan plan;
        both.shape.half = i % 2;
        attention_choose(kernels, s, p->k_stride, p->v_stride, &plan);
        if (plan.half != s->half)
            continue;
        float *q = guarded(&region_q, 1 << 20), *k = guarded(&region_k, 1 << 20), *v = guarded(&region_v, 1 << 20);
        float *y = guarded(&region_y, 1 << 20), *packed = guarded(&region_packed, 1 << 20);
        void *scratch = guarded(&region_scratch, (plan.scratch_bytes + 63) & ~(size_t)63);
        oracle_fill_plain(q, 1 << 18, -1, 1);
        oracle_fill_plain(k, 1 << 18, -1, 1);
        oracle_fill_plain(v, 1 << 18, -1, 1);
        oracle_fill_plain(packed, 1 << 18, -1, 1);
        const attention_arguments g = {
            q, k, v, p->q_stride, p->k_stride, p->v_stride, y, p->y_stride, p->alpha, packed
        };
        double best = 1;
        for (int round = 0; round < 300; round++) {
            const double start = oracle_seconds();
            for (int part = 0; part < plan.parts; part++)
                attention_run(&plan, &g, part, scratch);
            best = fmin(best, oracle_seconds() - start);
        }
        const double operations = 2.0 * (double)(s->queries * s->keys * (s->depth + s->width));
        printf("%-12s attention%s %zu x %zu, %zu and %zu: %7.1f us %7.1f GFLOP/s\n", kernels->name,
               plan.half ? ", bfloat16" : "", s->queries, s->keys, s->depth, s->width, best * 1e6,
               operations / best * 1e-9);
    }
}

void test_attention(const cpu_kernels *kernels, bool bench, int rounds, test_counts *counts)
{
    guarded_region *regions[] = { &region_q,    &region_k,      &region_v,      &region_y,
                                  &region_bias, &region_packed, &region_scratch };
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        *regions[i] = guarded_create(MAX_FLOATS * 4);
    if (bench) {
        bench_attention(kernels);
    } else {
        test_cuts(kernels);
        for (int round = 0; round < rounds; round++)
            random_problem(kernels, round);
    }
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        guarded_free(regions[i]);
    oracle_report(counts);
}
