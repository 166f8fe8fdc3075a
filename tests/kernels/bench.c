/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rates of convolution and matrix product on one core. The core's speed moves with its neighbours' load, so the peak is
 * probed just before and after each measurement, and the median of rate / probe is what to compare. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpuid.h"
#include "oracle.h"

enum { PROBE_LOOPS = 60000, MAX_COPIES = 24 };

/* Of this thread alone: what other processes take from the core does not count. */
static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

#if defined(__x86_64__)
/* Twelve independent chains in one block: separate registers, or the compiler would keep an array in memory. */
#define PROBE(fma, r)                                                                                                  \
    __asm__ volatile("1:\n\t" fma " %%" r "15, %%" r "15, %%" r "0\n\t" fma " %%" r "15, %%" r "15, %%" r "1\n\t" fma  \
                     " %%" r "15, %%" r "15, %%" r "2\n\t" fma " %%" r "15, %%" r "15, %%" r "3\n\t" fma " %%" r       \
                     "15, %%" r "15, %%" r "4\n\t" fma " %%" r "15, %%" r "15, %%" r "5\n\t" fma " %%" r "15, %%" r    \
                     "15, %%" r "6\n\t" fma " %%" r "15, %%" r "15, %%" r "7\n\t" fma " %%" r "15, %%" r "15, %%" r    \
                     "8\n\t" fma " %%" r "15, %%" r "15, %%" r "9\n\t" fma " %%" r "15, %%" r "15, %%" r "10\n\t" fma  \
                     " %%" r "15, %%" r "15, %%" r "11\n\tdec %0\n\tjnz 1b"                                            \
                     : "+r"(loops)                                                                                     \
                     :                                                                                                 \
                     : "cc", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",  \
                       "xmm11", "xmm15")

double bench_peak(const cpu_kernels *kernels)
{
    long loops = PROBE_LOOPS;
    double lanes = kernels->flags & CPU_AVX512 ? 16 : 8, seconds;
    if (!(kernels->flags & CPU_AVX2))
        return 0;
    seconds = cpu_seconds();
    if (kernels->flags & CPU_AVX512)
        PROBE("vfmadd231ps", "zmm");
    else
        PROBE("vfmadd231ps", "ymm");
    seconds = cpu_seconds() - seconds;
    return 12.0 * PROBE_LOOPS * lanes * 2 / seconds * 1e-9;
}
#else
double bench_peak(const cpu_kernels *kernels)
{
    (void)kernels;
    return 0;
}
#endif

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

/* What a measurement runs; copy rotates through equal sets of buffers. */
typedef void bench_function(void *context, int copy);

typedef struct rate {
    double best, part_of_peak; /* GFLOP/s; median of rate / probe */
} rate;

static rate measure(const cpu_kernels *kernels, bench_function *function, void *context, int copies, double flop)
{
    enum { ROUNDS = 9 };
    double parts[ROUNDS];
    rate r = { 0, 0 };
    for (int copy = 0; copy < copies; copy++)
        function(context, copy);
    double before = bench_peak(kernels);
    for (int round = 0, copy = 0; round < ROUNDS; round++) {
        int runs = 0;
        double seconds = cpu_seconds(), spent;
        do {
            function(context, copy);
            copy = (copy + 1) % copies;
            runs++;
            spent = cpu_seconds() - seconds;
        } while (spent < 4e-3);
        double after = bench_peak(kernels), gflops = flop * runs / spent * 1e-9;
        parts[round] = before > 0 ? gflops / ((before + after) / 2) : 0;
        r.best = gflops > r.best ? gflops : r.best;
        before = after;
    }
    qsort(parts, ROUNDS, sizeof(parts[0]), by_value);
    r.part_of_peak = parts[ROUNDS / 2];
    return r;
}

static float *buffer(size_t bytes)
{
    void *p = aligned_alloc(64, ((bytes + 63) & ~(size_t)63) + 64);
    if (!p) {
        perror("aligned_alloc");
        exit(2);
    }
    float *floats = p;
    for (size_t i = 0; i < bytes / sizeof(float); i++)
        floats[i] = oracle_float(-1, 1);
    return floats;
}

typedef struct conv_bench {
    conv_plan plan;
    conv_arguments arguments[MAX_COPIES];
    void *scratch;
} conv_bench;

static void run_conv(void *context, int copy)
{
    conv_bench *b = context;
    for (int part = 0; part < b->plan.parts; part++)
        b->plan.run(&b->plan, &b->arguments[copy], part, b->scratch);
}

static void free_conv(conv_bench *b, int copies)
{
    for (int i = 0; i < copies; i++) {
        free((void *)(uintptr_t)b->arguments[i].src);
        free(b->arguments[i].dst);
        free((void *)(uintptr_t)b->arguments[i].packed);
        free((void *)(uintptr_t)b->arguments[i].bias);
    }
    free(b->scratch);
}

/* Warm: one set of buffers. Cold: as many as make 40 MB, so that all comes from the last cache. */
static void bench_shape(const cpu_kernels *kernels, const conv_shape *s, const char *filter)
{
    static conv_bench b;
    if (!conv_choose(kernels, s, &b.plan))
        return;
    char line[160];
    snprintf(line, sizeof(line), "%-28s %dx%d/%d %dx%d %d-%d%s", b.plan.name, s->kernel_h, s->kernel_w, s->stride_h,
             s->h_out, s->w_out, s->c_in, s->c_out, s->exact ? " exact" : "");
    if (filter && !strstr(line, filter))
        return;
    size_t block = (size_t)b.plan.block, in = ((size_t)s->c_in + block) * (size_t)(s->h_in * s->w_in) * 4;
    size_t out = ((size_t)s->c_out + block) * (size_t)(s->h_out * s->w_out) * 4;
    size_t one = in + out + b.plan.packed_bytes;
    int copies = (int)(40e6 / (double)one) + 1;
    copies = copies > MAX_COPIES ? MAX_COPIES : copies;
    size_t inputs = (size_t)(s->c_in / s->groups * s->kernel_h * s->kernel_w);
    float *weights = buffer((size_t)s->c_out * inputs * sizeof(float));
    for (size_t i = 0; i < (size_t)s->c_out * inputs; i++)
        weights[i] /= (float)inputs;
    b.scratch = buffer(b.plan.scratch_bytes);
    for (int i = 0; i < copies; i++) {
        float *packed = buffer(b.plan.packed_bytes);
        conv_pack(&b.plan, weights, packed);
        b.arguments[i] = (conv_arguments){
            .src = buffer(in), .dst = buffer(out), .packed = packed, .bias = buffer(((size_t)s->c_out + block) * 4)
        };
    }
    free(weights);
    double flop = 2.0 * (double)inputs * s->c_out * s->h_out * s->w_out;
    rate raw = measure(kernels, run_conv, &b, 1, flop);
    for (int i = 0; i < copies; i++)
        b.arguments[i].activation.act = CPU_ACT_SILU;
    rate silu = measure(kernels, run_conv, &b, 1, flop);
    rate cold = measure(kernels, run_conv, &b, copies, flop);
    printf("%-60s parts %2d  raw %6.1f %3.0f%%  silu %6.1f %3.0f%%  cold %6.1f %3.0f%%\n", line, b.plan.parts, raw.best,
           raw.part_of_peak * 100, silu.best, silu.part_of_peak * 100, cold.best, cold.part_of_peak * 100);
    fflush(stdout);
    free_conv(&b, copies);
}

/* Kernel, stride, output size, channels. */
static const struct {
    int kernel, stride, size, c_in, c_out;
    bool exact, plain, depthwise;
} conv_shapes[] = {
    { 3, 1, 160, 16, 16, true, false, false },   { 3, 1, 80, 32, 32, true, false, false },
    { 3, 1, 80, 64, 64, true, false, false },    { 3, 1, 40, 64, 64, true, false, false },
    { 3, 1, 40, 80, 80, true, false, false },    { 3, 1, 20, 128, 128, true, false, false },
    { 3, 2, 160, 16, 32, false, false, false },  { 3, 2, 80, 32, 64, false, false, false },
    { 3, 2, 40, 64, 128, false, false, false },  { 3, 2, 20, 128, 256, false, false, false },
    { 1, 1, 160, 32, 32, false, false, false },  { 1, 1, 80, 128, 64, false, false, false },
    { 1, 1, 40, 384, 128, false, false, false }, { 1, 1, 20, 512, 256, false, false, false },
    { 3, 1, 160, 16, 16, false, false, false },  { 3, 1, 80, 32, 32, false, false, false },
    { 3, 1, 80, 64, 64, false, false, false },   { 3, 1, 40, 64, 64, false, false, false },
    { 3, 1, 40, 80, 80, false, false, false },   { 3, 1, 20, 128, 128, false, false, false },
    { 3, 1, 20, 256, 64, false, false, false },  { 3, 1, 13, 64, 64, false, false, false },
    { 3, 2, 320, 3, 16, false, true, false },    { 3, 2, 208, 3, 24, false, true, false },
    { 6, 2, 320, 3, 32, false, true, false },    { 3, 1, 80, 64, 64, false, false, true },
    { 3, 1, 40, 128, 128, false, false, true },  { 3, 1, 20, 256, 256, false, false, true },
    { 5, 1, 40, 96, 96, false, false, true },    { 3, 2, 40, 96, 96, false, false, true },
    { 5, 2, 20, 96, 96, false, false, true },
};

void bench_conv(const cpu_kernels *kernels, const char *filter)
{
    for (size_t i = 0; i < sizeof(conv_shapes) / sizeof(conv_shapes[0]); i++) {
        int k = conv_shapes[i].kernel, stride = conv_shapes[i].stride, size = conv_shapes[i].size;
        conv_shape s = { conv_shapes[i].c_in,
                         conv_shapes[i].c_out,
                         conv_shapes[i].depthwise ? conv_shapes[i].c_in : 1,
                         size * stride,
                         size * stride,
                         size,
                         size,
                         k,
                         k,
                         stride,
                         stride,
                         1,
                         1,
                         (k - stride + 1) / 2,
                         (k - stride + 1) / 2,
                         conv_shapes[i].plain,
                         conv_shapes[i].exact };
        bench_shape(kernels, &s, filter);
    }
}

/* More weights than the second-level cache holds, as layers of a network read them. */
enum { GEMM_COPIES = 12 };

typedef struct gemm_bench {
    gemm_plan plan;
    gemm_arguments arguments;
    float *packed[GEMM_COPIES];
    void *scratch;
} gemm_bench;

static void run_gemm(void *context, int copy)
{
    gemm_bench *b = context;
    b->arguments.packed = b->packed[copy];
    for (int part = 0; part < b->plan.parts; part++)
        b->plan.run(&b->plan, &b->arguments, part, b->scratch);
}

void bench_gemm(const cpu_kernels *kernels, const char *filter)
{
    static const gemm_shape shapes[] = {
        { 400, 400, 32, true, false },      { 64, 400, 400, false, true },   { 512, 512, 512, false, false },
        { 1000, 1000, 1000, false, false }, { 1, 1000, 1024, false, false }, { 4, 4096, 512, false, true },
        { 197, 768, 768, false, false },    { 197, 197, 64, false, true },
        { 3136, 384, 96, false, false },    { 3136, 96, 384, false, false },
        { 784, 768, 192, false, false },    { 784, 192, 768, false, false },
        { 196, 1536, 384, false, false },   { 196, 384, 1536, false, false },
        { 197, 768, 192, false, false },    { 197, 192, 768, false, false },
        { 197, 576, 192, false, false },    { 49, 3072, 768, false, false },
        { 197, 3072, 768, false, false },   { 197, 768, 3072, false, false },
    };
    for (size_t i = 0; i < 3 * sizeof(shapes) / sizeof(shapes[0]); i++) {
        gemm_bench b;
        gemm_shape shape = shapes[i / 3];
        const gemm_shape *s = &shape;
        const bool constant = i % 3 > 0;
        shape.half = i % 3 == 2;
        gemm_choose(kernels, s, constant, &b.plan);
        char line[120];
        snprintf(line, sizeof(line), "%-20s %zux%zux%zu%s%s%s", b.plan.name, s->m, s->n, s->k,
                 s->a_transposed ? " aT" : "", s->b_transposed ? " bT" : "", constant ? " constant" : "");
        if (filter && !strstr(line, filter))
            continue;
        b.scratch = buffer(b.plan.scratch_bytes);
        b.arguments = (gemm_arguments){ .a = buffer(s->m * s->k * 4),
                                        .a_stride = s->a_transposed ? s->m : s->k,
                                        .b = buffer(s->n * s->k * 4),
                                        .b_stride = s->b_transposed ? s->k : s->n,
                                        .c = buffer(s->m * s->n * 4),
                                        .c_stride = s->n,
                                        .alpha = 1 };
        const int copies = constant ? GEMM_COPIES : 1;
        for (int copy = 0; copy < copies; copy++) {
            b.packed[copy] = constant ? buffer(b.plan.packed_bytes) : NULL;
            if (constant)
                gemm_pack_b(&b.plan, b.arguments.b, b.arguments.b_stride, b.packed[copy]);
        }
        const double flop = 2.0 * (double)s->m * (double)s->n * (double)s->k;
        const rate near = measure(kernels, run_gemm, &b, 1, flop), far = measure(kernels, run_gemm, &b, copies, flop);
        printf("%-60s parts %2d  %6.1f %3.0f%%  cold %6.1f %3.0f%%\n", line, b.plan.parts, near.best,
               near.part_of_peak * 100, far.best, far.part_of_peak * 100);
        fflush(stdout);
        free((void *)(uintptr_t)b.arguments.a);
        free((void *)(uintptr_t)b.arguments.b);
        free(b.arguments.c);
        for (int copy = 0; copy < copies; copy++)
            free(b.packed[copy]);
        free(b.scratch);
    }
}
