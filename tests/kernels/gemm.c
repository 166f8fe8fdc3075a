/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Matrix product of one kernel table against double precision: odd sizes, transposed operands, strides wider than the
 * rows, constant and variable b, rounded to bfloat16 or not, parts in any order, several threads; all buffers end at a
 * guard page. */
#include "cpu/strassen.h"
#include "oracle.h"

enum { MAX_FLOATS = 1 << 19 };

static guarded_region region_a, region_b, region_c, region_bias, region_residual, region_packed, region_scratch;
static float first[MAX_FLOATS];
static int by_strassen, by_tiles; /* problems that were solved so: by tiles of bfloat16 */

typedef struct problem {
    gemm_shape shape;
    bool constant;
    size_t a_stride, b_stride, c_stride;
    float alpha;
    int bias; /* 0 none, 1 per column, 2 per row */
    bool residual;
    cpu_activation activation;
} problem;

static const char *problem_text(const problem *p)
{
    static char text[200];
    snprintf(text, sizeof(text), "m %zu n %zu k %zu%s%s%s%s strides %zu %zu %zu alpha %g bias %d act %d%s", p->shape.m,
             p->shape.n, p->shape.k, p->shape.a_transposed ? " aT" : "", p->shape.b_transposed ? " bT" : "",
             p->constant ? " constant" : "", p->shape.half ? " half" : "", p->a_stride, p->b_stride, p->c_stride,
             (double)p->alpha, p->bias, p->activation.act, p->residual ? " residual" : "");
    return text;
}

static double result_of(const problem *p, const gemm_arguments *g, size_t i, size_t j, double *magnitude)
{
    double sum = 0, size = 0;
    for (size_t k = 0; k < p->shape.k; k++) {
        double x = (double)(p->shape.a_transposed ? g->a[k * p->a_stride + i] : g->a[i * p->a_stride + k]);
        double y = (double)(p->shape.b_transposed ? g->b[j * p->b_stride + k] : g->b[k * p->b_stride + j]);
        sum += x * y;
        size += fabs(x * y);
    }
    double bias = p->bias == 1 ? (double)g->bias[j] : p->bias == 2 ? (double)g->bias[i] : 0;
    if (p->residual)
        bias += (double)g->residual[i * p->c_stride + j];
    *magnitude = size * fabs((double)p->alpha) + fabs(bias);
    sum = sum * (double)p->alpha + bias;
    return p->activation.act == CPU_ACT_RELU   ? fmax(sum, 0)
           : p->activation.act == CPU_ACT_SILU ? sum / (1 + exp(-sum))
           : p->activation.act == CPU_ACT_GELU ? sum / 2 * erfc(-sum / sqrt(2))
                                               : sum;
}

/* Of the products, with bias and residual. */
static double largest_result(const problem *p, const gemm_arguments *g)
{
    problem plain = *p;
    plain.activation.act = CPU_ACT_NONE;
    double largest = 0;
    for (size_t i = 0; i < p->shape.m; i++)
        for (size_t j = 0; j < p->shape.n; j++) {
            double magnitude;
            largest = fmax(largest, fabs(result_of(&plain, g, i, j, &magnitude)));
        }
    return largest;
}

static bool is_strassen(const gemm_plan *plan)
{
    return strstr(plan->name, "strassen") != NULL;
}

static bool is_tiles(const gemm_plan *plan)
{
    return strstr(plan->name, "tiles") != NULL;
}

static bool compare(const problem *p, const gemm_plan *plan, const gemm_arguments *g)
{
    const bool strassen = is_strassen(plan);
    const double range = strassen ? largest_result(p, g) : 0;
    for (size_t i = 0; i < p->shape.m; i++)
        for (size_t j = 0; j < p->shape.n; j++) {
            double magnitude, expected = result_of(p, g, i, j, &magnitude);
            double bound = 1.2 * (strassen ? 4e-6 * range : 2 * (double)(p->shape.k + 1) * FLT_EPSILON * magnitude);
            bound += (is_tiles(plan) && p->activation.act == CPU_ACT_SILU ? 7e-4 : 4e-6) * fabs(expected) + 2e-6;
            float actual = g->c[i * p->c_stride + j];
            if (!(fabs((double)actual - expected) <= bound))
                return CHECK(false, "%s %s [%zu, %zu]: expected %.9g, got %.9g", plan->name, problem_text(p), i, j,
                             expected, (double)actual);
        }
    return CHECK(true, "%s", plan->name);
}

/* What lies between the rows of c must stay. */
static bool gaps_intact(const problem *p, const float *c)
{
    const unsigned char *bytes = (const unsigned char *)c;
    for (size_t i = 0; i + 1 < p->shape.m; i++)
        for (size_t j = p->shape.n * 4; j < p->c_stride * 4; j++)
            if (bytes[i * p->c_stride * 4 + j] != 0xa5)
                return false;
    return guarded_front_intact(c);
}

/* As `first` is, with any number of threads: packed is that of one. */
static void test_threads(const cpu_kernels *kernels, const problem *p, gemm_arguments g, size_t c_floats)
{
    static const int threads[] = { 2, 4, 16 };
    for (size_t i = 0; i < sizeof(threads) / sizeof(threads[0]); i++) {
        gemm_shape shape = p->shape;
        shape.threads = threads[i];
        gemm_plan plan;
        gemm_choose(kernels, &shape, p->constant, &plan);
        void *scratch = guarded(&region_scratch, (plan.scratch_bytes + 63) & ~(size_t)63);
        memset(scratch, 0xff, plan.scratch_bytes);
        memset(g.c, 0xa5, c_floats * 4);
        for (int part = plan.parts - 1; part >= 0; part--)
            plan.run(&plan, &g, part, scratch);
        CHECK(memcmp(first, g.c, c_floats * 4) == 0 && guarded_front_intact(scratch), "%s %s: %d threads change bits",
              plan.name, problem_text(p), threads[i]);
    }
}

/* To what bfloat16 holds. */
static void round_values(const cpu_kernels *kernels, float *values, size_t n)
{
    static uint16_t rounded[MAX_FLOATS];
    kernels->half.from_float(values, rounded, n);
    kernels->half.to_float(rounded, values, n);
}

static void test_problem(const cpu_kernels *kernels, const problem *p)
{
    const gemm_shape *s = &p->shape;
    size_t a_rows = s->a_transposed ? s->k : s->m, a_cols = s->a_transposed ? s->m : s->k;
    size_t b_rows = s->b_transposed ? s->n : s->k, b_cols = s->b_transposed ? s->k : s->n;
    size_t a_floats = (a_rows - 1) * p->a_stride + a_cols, b_floats = (b_rows - 1) * p->b_stride + b_cols;
    size_t c_floats = (s->m - 1) * p->c_stride + s->n, biases = p->bias == 1 ? s->n : s->m;
    float *a = guarded(&region_a, a_floats * 4), *b = guarded(&region_b, b_floats * 4);
    float *c = guarded(&region_c, c_floats * 4), *bias = guarded(&region_bias, biases * 4);
    oracle_fill_plain(a, a_floats, -1, 1);
    oracle_fill_plain(b, b_floats, -1, 1);
    oracle_fill_plain(bias, biases, -1, 1);
    float *residual = guarded(&region_residual, c_floats * 4);
    oracle_fill_plain(residual, c_floats, -1, 1);
    gemm_plan plan;
    gemm_choose(kernels, s, p->constant, &plan);
    if (is_tiles(&plan)) {
        round_values(kernels, a, a_floats);
        round_values(kernels, b, b_floats);
    }
    void *packed = guarded(&region_packed, (plan.packed_bytes + 63) & ~(size_t)63);
    void *scratch = guarded(&region_scratch, (plan.scratch_bytes + 63) & ~(size_t)63);
    gemm_arguments g = { a,
                         p->a_stride,
                         b,
                         p->b_stride,
                         p->constant ? packed : NULL,
                         c,
                         p->c_stride,
                         p->alpha,
                         p->bias ? bias : NULL,
                         p->bias == 2,
                         p->residual ? residual : NULL,
                         p->activation };
    if (p->constant) { /* as in a file, where it lies anywhere */
        memmove((char *)b - 1, b, b_floats * 4);
        gemm_pack_b(&plan, (const float *)((char *)b - 1), p->b_stride, packed);
        memmove(b, (char *)b - 1, b_floats * 4);
    }
    memset(scratch, 0xff, plan.scratch_bytes);
    for (int part = 0; part < plan.parts; part++)
        plan.run(&plan, &g, part, scratch);
    compare(p, &plan, &g);
    CHECK(gaps_intact(p, c) && guarded_front_intact(scratch) && guarded_front_intact(packed), "%s %s: wrote outside",
          plan.name, problem_text(p));
    memcpy(first, c, c_floats * 4);
    memset(scratch, 0xff, plan.scratch_bytes);
    for (int part = plan.parts - 1; part >= 0; part--)
        plan.run(&plan, &g, part, scratch);
    CHECK(memcmp(first, c, c_floats * 4) == 0, "%s %s: order of parts changes bits", plan.name, problem_text(p));
    test_threads(kernels, p, g, c_floats);
    by_strassen += is_strassen(&plan);
    by_tiles += is_tiles(&plan);
}

static void random_problem(const cpu_kernels *kernels, int round)
{
    problem p = { .alpha = oracle_int(0, 2) ? 1 : 0.37f,
                  .bias = oracle_int(0, 2),
                  .constant = oracle_int(0, 1),
                  .residual = oracle_int(0, 1) };
    int largest = round % 4 == 0 ? 6 : 70;
    p.shape = (gemm_shape){ (size_t)oracle_int(1, largest), (size_t)oracle_int(1, 100), (size_t)oracle_int(1, 100),
                            oracle_int(0, 1), oracle_int(0, 1) };
    if (round % 7 == 0)
        p.shape.k = (size_t)oracle_int(250, 800);
    if (round % 11 == 0)
        p.shape.n = 1;
    p.a_stride = (p.shape.a_transposed ? p.shape.m : p.shape.k) + (size_t)oracle_int(0, 3);
    p.b_stride = (p.shape.b_transposed ? p.shape.k : p.shape.n) + (size_t)oracle_int(0, 3);
    p.c_stride = p.shape.n + (size_t)oracle_int(0, 3);
    static const cpu_act acts[] = { CPU_ACT_NONE, CPU_ACT_RELU, CPU_ACT_SILU, CPU_ACT_GELU };
    p.activation.act = acts[oracle_int(0, 3)];
    p.shape.half = p.bias < 2 && p.alpha == 1;
    test_problem(kernels, &p);
}

/* Cut in parts, several column chunks, row blocks and slices of k. */
static void test_cuts(const cpu_kernels *kernels)
{
    static const gemm_shape shapes[] = {
        { 210, 500, 33, false, false },  { 130, 270, 300, true, true }, { 1, 1100, 300, false, false },
        { 2, 1000, 260, false, true },   { 600, 1, 500, false, false }, { 20, 700, 290, false, false },
        { 100, 40, 1024, false, false }, /* rows 4 KB apart */
    };
    for (size_t i = 0; i < 2 * sizeof(shapes) / sizeof(shapes[0]); i++) {
        problem p = {
            .shape = shapes[i / 2], .constant = i % 2 == 1, .alpha = 1, .bias = 1, .residual = i / 2 % 2 == 1
        };
        p.a_stride = p.shape.a_transposed ? p.shape.m : p.shape.k;
        p.b_stride = p.shape.b_transposed ? p.shape.k : p.shape.n;
        p.c_stride = p.shape.n;
        test_problem(kernels, &p);
    }
}

/* Strassen's sums alone: rows that end within a line, quarters that lie anywhere; nothing is written between them. */
static void test_sums(const cpu_kernels *kernels)
{
    enum { ROWS = 3, STRIDE = 51, BELOW = 160, RIGHT = 331, APART = 173 };
    const size_t n = 3 * (size_t)kernels->block, reach = (ROWS - 1) * STRIDE + n;
    const size_t a_floats = BELOW + RIGHT + reach, s_floats = (SUMS - 1) * APART + reach;
    float *a = guarded(&region_a, a_floats * 4), *s = guarded(&region_c, s_floats * 4);
    oracle_fill_plain(a, a_floats, -1, 1);
    memset(s, 0xa5, s_floats * 4);
    memcpy(first, s, s_floats * 4);
    for (size_t i = 0; i < ROWS; i++)
        for (size_t j = 0; j < n; j++) {
            const float *a1 = a + i * STRIDE + j, *a3 = a1 + RIGHT;
            float *sums = first + i * STRIDE + j;
            sums[S1 * APART] = a1[BELOW] + a3[BELOW];
            sums[S2 * APART] = sums[S1 * APART] - *a1;
            sums[S3 * APART] = *a1 - a1[BELOW];
            sums[S4 * APART] = *a3 - sums[S2 * APART];
        }
    kernels->gemm.strassen_sums(a, STRIDE, BELOW, RIGHT, n, s, STRIDE, APART, ROWS);
    CHECK(memcmp(first, s, s_floats * 4) == 0 && guarded_front_intact(s), "%s: Strassen's sums", kernels->name);
}

/* Odd rows, columns and k behind the halves; rows 4 KB apart; never where sums are to be exact. */
static void test_strassen(const cpu_kernels *kernels)
{
    static const gemm_shape shapes[] = {
        { 197, 320, 384, false, false }, { 196, 397, 333, false, true },  { 131, 300, 450, false, false },
        { 97, 500, 511, false, true },   { 261, 330, 401, false, false }, { 130, 230, 1000, false, false },
    };
    static const cpu_act acts[] = { CPU_ACT_NONE, CPU_ACT_RELU, CPU_ACT_SILU };
    test_sums(kernels);
    by_strassen = 0;
    for (size_t i = 0; i < 2 * sizeof(shapes) / sizeof(shapes[0]); i++) {
        problem p = { .shape = shapes[i / 2],
                      .constant = true,
                      .alpha = i % 4 == 3 ? 0.37f : 1,
                      .bias = (int)(i % 3),
                      .residual = i / 2 % 2 == i % 2 };
        p.activation.act = acts[i / 2 % 3];
        p.a_stride = p.shape.k == 1000 ? 1024 : p.shape.k + i % 2 * 3;
        p.b_stride = (p.shape.b_transposed ? p.shape.k : p.shape.n) + i % 2;
        p.c_stride = p.shape.n + i % 2 * 5;
        test_problem(kernels, &p);
        gemm_plan plan;
        p.shape.exact = true;
        gemm_choose(kernels, &p.shape, true, &plan);
        CHECK(!is_strassen(&plan), "%s: %s is not exact", plan.name, problem_text(&p));
    }
    CHECK(by_strassen > 0, "%s: nothing is multiplied by Strassen's algorithm", kernels->name);
}

/* Several strips, one row, one vector of columns, columns and k behind the last whole tile. */
static void test_tiles(const cpu_kernels *kernels)
{
    static const gemm_shape shapes[] = {
        { 150, 40, 3072, false, false }, { 1, 1000, 300, false, true },  { 49, 100, 70, false, false },
        { 300, 17, 33, false, false },   { 65, 16, 16, false, true },    { 130, 272, 800, false, true },
        { 70, 4000, 60, false, false },  { 1500, 50, 20, false, false },
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        problem p = { .shape = shapes[i], .constant = true, .alpha = 1, .bias = i % 3 < 2, .residual = i % 2 == 0 };
        p.shape.half = true;
        p.activation.act = i % 4 == 3 ? CPU_ACT_GELU : CPU_ACT_NONE;
        p.a_stride = p.shape.k + i % 3;
        p.b_stride = p.shape.b_transposed ? p.shape.k : p.shape.n;
        p.c_stride = p.shape.n + i % 2 * 7;
        test_problem(kernels, &p);
    }
    CHECK((by_tiles > 0) == (kernels->half.tiles.run != NULL), "%s: %d products by tiles", kernels->name, by_tiles);
    const gemm_shape far = { .m = 100, .n = 16, .k = 1 << 24, .half = true };
    gemm_plan plan;
    gemm_choose(kernels, &far, true, &plan);
    CHECK(plan.scratch_bytes < 1 << 26, "%s, k = 2^24: %zu bytes of scratch", plan.name, plan.scratch_bytes);
}

/* What is not finite stays in its row. */
static void test_special(const cpu_kernels *kernels)
{
    enum { M = 45, N = 41, K = 35, NANS = 5, INFINITE = 40 };
    const gemm_shape shape = { .m = M, .n = N, .k = K, .half = true };
    gemm_plan plan;
    gemm_choose(kernels, &shape, true, &plan);
    float *a = guarded(&region_a, M * K * 4), *b = guarded(&region_b, K * N * 4), *c = guarded(&region_c, M * N * 4);
    void *packed = guarded(&region_packed, (plan.packed_bytes + 63) & ~(size_t)63);
    void *scratch = guarded(&region_scratch, (plan.scratch_bytes + 63) & ~(size_t)63);
    oracle_fill_plain(a, M * K, -1, 1);
    oracle_fill_plain(b, K * N, 0.5f, 1);
    a[NANS * K + K - 1] = NAN;
    a[INFINITE * K] = -INFINITY;
    memset(scratch, 0xff, plan.scratch_bytes);
    gemm_pack_b(&plan, b, N, packed);
    const gemm_arguments g = { .a = a, .a_stride = K, .packed = packed, .c = c, .c_stride = N, .alpha = 1 };
    for (int part = 0; part < plan.parts; part++)
        plan.run(&plan, &g, part, scratch);
    bool good = true;
    for (size_t i = 0; i < M * N; i++)
        good &= i / N == NANS ? isnan(c[i]) : i / N == INFINITE ? isinf(c[i]) && c[i] < 0 : isfinite(c[i]);
    CHECK(good, "%s: NaN and infinity", plan.name);
}

/* Two products in a row give the bits of one behind the other, whatever the number of threads. */
static void test_chain(const cpu_kernels *kernels)
{
    enum { M = 150, K = 70, BETWEEN = 1056, N = 41 };
    const gemm_shape shapes[] = { { .m = M, .n = BETWEEN, .k = K, .half = true },
                                  { .m = M, .n = N, .k = BETWEEN, .half = true } };
    gemm_plan plans[2];
    gemm_chain chain;
    float *a = guarded(&region_a, M * K * 4), *c = guarded(&region_c, M * N * 4);
    float *bias = guarded(&region_bias, BETWEEN * 4), *residual = guarded(&region_residual, M * N * 4);
    static float between[M * BETWEEN];
    char *packed[2];
    oracle_fill_plain(a, M * K, -1, 1);
    oracle_fill_plain(bias, BETWEEN, -1, 1);
    oracle_fill_plain(residual, M * N, -1, 1);
    for (int i = 0; i < 2; i++)
        gemm_choose(kernels, &shapes[i], true, &plans[i]);
    packed[0] = guarded(&region_packed, plans[0].packed_bytes + plans[1].packed_bytes);
    packed[1] = packed[0] + plans[0].packed_bytes;
    for (int i = 0; i < 2; i++) {
        float *b = guarded(&region_b, shapes[i].k * shapes[i].n * 4);
        oracle_fill_plain(b, shapes[i].k * shapes[i].n, -1, 1);
        gemm_pack_b(&plans[i], b, shapes[i].n, packed[i]);
    }
    const gemm_arguments arguments[] = {
        { .a = a,
          .a_stride = K,
          .packed = packed[0],
          .c = between,
          .c_stride = BETWEEN,
          .alpha = 1,
          .bias = bias,
          .activation = { CPU_ACT_GELU, 0, 0 } },
        { .a = between,
          .a_stride = BETWEEN,
          .packed = packed[1],
          .c = c,
          .c_stride = N,
          .alpha = 1,
          .residual = residual },
    };
    for (int i = 0; i < 2; i++)
        for (int part = 0; part < plans[i].parts; part++)
            plans[i].run(&plans[i], &arguments[i], part, guarded(&region_scratch, plans[i].scratch_bytes));
    memcpy(first, c, M * N * 4);
    for (int threads = 1; threads <= 2; threads++) {
        plans[1].shape.threads = threads;
        if (!CHECK(gemm_chain_choose(&plans[0], &plans[1], &chain), "%s: no chain", kernels->name))
            return;
        void *scratch = guarded(&region_scratch, chain.scratch_bytes);
        memset(scratch, 0xff, chain.scratch_bytes);
        memset(c, 0xff, M * N * 4);
        for (int part = chain.parts - 1; part >= 0; part--)
            gemm_chain_run(&chain, &arguments[0], &arguments[1], part, scratch);
        CHECK(memcmp(first, c, M * N * 4) == 0 && guarded_front_intact(scratch), "%s: a chain for %d threads differs",
              kernels->name, threads);
    }
}

void test_gemm(const cpu_kernels *kernels, int rounds, test_counts *counts)
{
    guarded_region *regions[] = { &region_a,        &region_b,      &region_c,      &region_bias,
                                  &region_residual, &region_packed, &region_scratch };
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        *regions[i] = guarded_create(MAX_FLOATS * 4 + (1 << 16));
    test_cuts(kernels);
    test_strassen(kernels);
    by_tiles = 0;
    test_tiles(kernels);
    test_special(kernels);
    if (kernels->half.tiles.run)
        test_chain(kernels);
    for (int round = 0; round < rounds; round++)
        random_problem(kernels, round);
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        guarded_free(regions[i]);
    oracle_report(counts);
}
