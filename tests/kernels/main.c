/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tests every kernel table that this processor can run. --bench [family [filter]] prints rates instead; --table NAME
 * takes one table alone; --rounds N sets the number of random problems of conv and gemm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpuid.h"
#include "base/workers.h"
#include "check.h"
#include "families.h"

static const uint32_t masks[] = {
    0,
#if defined(__x86_64__)
    CPU_AVX2,
    CPU_AVX2 | CPU_AVX_VNNI,
    CPU_AVX2 | CPU_AVX512,
    CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_VBMI,
    CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VNNI | CPU_AVX512_VBMI | CPU_AMX_INT8 | CPU_AMX_BF16,
#elif defined(__aarch64__)
    CPU_NEON,
    CPU_NEON | CPU_DOTPROD,
    CPU_NEON | CPU_DOTPROD | CPU_FP16,
#endif
};

static bool has_tiles(const cpu_kernels *kernels)
{
    return kernels->flags & (CPU_AMX_INT8 | CPU_AMX_BF16);
}

/* A family that is asked for, or all; with AMX those that have kernels of their own there. */
static bool wanted(const cpu_kernels *kernels, const char *family, const char *name)
{
    if (!family && has_tiles(kernels))
        return strcmp(name, "qconv") == 0 || strcmp(name, "half") == 0;
    return !family || strcmp(family, name) == 0;
}

static void run_table(const cpu_kernels *kernels, bool bench, const char *family, const char *filter, int rounds,
                      test_counts *counts)
{
    static const struct {
        const char *name;
        void (*run)(const cpu_kernels *kernels, bool bench, test_counts *counts);
    } families[] = {
        { "eltwise", test_eltwise },   { "pool", test_pool },     { "resize", test_resize },
        { "softmax", test_softmax },   { "layout", test_layout }, { "qconv", test_qconv },
        { "qeltwise", test_qeltwise }, { "qplane", test_qplane },
    };
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        if (wanted(kernels, family, families[i].name))
            families[i].run(kernels, bench, counts);
    if (wanted(kernels, family, "conv")) {
        if (bench)
            bench_conv(kernels, filter);
        else
            test_conv(kernels, rounds, counts);
    }
    if (wanted(kernels, family, "conv_strips") && !bench)
        test_conv_strips(kernels, rounds, counts);
    if (wanted(kernels, family, "conv_chain") && !bench)
        test_conv_chain(kernels, rounds, counts);
    if (wanted(kernels, family, "gemm")) {
        if (bench)
            bench_gemm(kernels, filter);
        else
            test_gemm(kernels, rounds, counts);
    }
    if (wanted(kernels, family, "attention"))
        test_attention(kernels, bench, rounds, counts);
    if (wanted(kernels, family, "half") && !bench)
        test_float16(kernels, rounds, counts);
}

int main(int argc, char **argv)
{
    bool bench = false;
    const char *table = NULL, *words[2] = { NULL, NULL };
    const char *wish = getenv("ONYX_TEST_ROUNDS"); /* fewer under valgrind */
    int rounds = wish ? atoi(wish) : 400, count = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--bench") == 0)
            bench = true;
        else if (strcmp(argv[i], "--table") == 0 && i + 1 < argc)
            table = argv[++i];
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            rounds = atoi(argv[++i]);
        else if (count < 2 && argv[i][0] != '-')
            words[count++] = argv[i];
        else {
            fprintf(stderr, "usage: %s [--bench] [--table NAME] [--rounds N] [FAMILY [FILTER]]\n", argv[0]);
            return 2;
        }
    }
    uint32_t available = cpuid_flags(NULL);
    test_counts counts = { 0, 0, 0 };
    unsigned float_mode = bench ? workers_set_float_mode() : 0;
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        cpu_kernels kernels;
        if ((masks[i] & available) != masks[i]) {
            check_skip("a table that this processor cannot run");
            continue;
        }
        cpu_kernels_init(&kernels, masks[i]);
        if (table && strcmp(table, kernels.name) != 0)
            continue;
        run_table(&kernels, bench, words[0], words[1], rounds, &counts);
    }
    if (bench)
        workers_restore_float_mode(float_mode);
    check_passed += counts.passed;
    check_failed += counts.failed;
    check_skipped += counts.skipped;
    return check_done();
}
