/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The tests of one kernel table, family by family; main.c calls each for every table this processor can run. bench:
 * print rates instead of checking. Each adds what it counted (check.h counts per source file) to *counts. */
#ifndef ONYX_TESTS_KERNELS_FAMILIES_H
#define ONYX_TESTS_KERNELS_FAMILIES_H

#include <stdbool.h>

#include "cpu/kernels.h"

typedef struct test_counts {
    int passed, failed, skipped;
} test_counts;

void test_eltwise(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_pool(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_resize(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_softmax(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_layout(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_qconv(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_qeltwise(const cpu_kernels *kernels, bool bench, test_counts *counts);
void test_qplane(const cpu_kernels *kernels, bool bench, test_counts *counts);

/* rounds: random problems. */
void test_conv(const cpu_kernels *kernels, int rounds, test_counts *counts);
void test_conv_strips(const cpu_kernels *kernels, int rounds, test_counts *counts);
void test_conv_chain(const cpu_kernels *kernels, int rounds, test_counts *counts);
void test_attention(const cpu_kernels *kernels, bool bench, int rounds, test_counts *counts);
void test_gemm(const cpu_kernels *kernels, int rounds, test_counts *counts);
/* Nothing where the table has no float16 arithmetic. */
void test_float16(const cpu_kernels *kernels, int rounds, test_counts *counts);
/* Rates of convolutions and matrix products, each beside the multiply-add peak measured just before and after. filter:
 * only lines that contain it, or NULL. */
void bench_conv(const cpu_kernels *kernels, const char *filter);
void bench_gemm(const cpu_kernels *kernels, const char *filter);
/* One core's multiply-add peak with the widest vectors of the table, GFLOP/s. */
double bench_peak(const cpu_kernels *kernels);

#endif
