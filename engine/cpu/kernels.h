/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The fast CPU kernels: families of functions over pointers, sizes and parameters. They know no graph, no model and no
 * session, and never allocate. cpu_kernels is one table; cpu_kernels_init fills it in order c -> avx2 -> avx512 -> ...
 * (c -> neon -> ...), each step under its own flags, and is a pure function of the flags, so tests can build them all.
 *
 * Layouts. "plain" is row-major NCHW. "blocked" is [n][ceil(c / block)][h][w][block] of the element type with
 * block = cpu_kernels.block; the lanes behind channel c - 1 hold finite values that nobody may rely on.
 * All buffers start at 64 bytes and may be read up to 64 bytes past their end.
 *
 * Work is cut in parts by shape alone; a part may run on any thread, so bits do not depend on the number of threads. */
#ifndef ONYX_CPU_KERNELS_H
#define ONYX_CPU_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/attention.h"
#include "cpu/eltwise.h"
#include "cpu/gemm.h"
#include "cpu/half.h"
#include "cpu/layout.h"
#include "cpu/pool.h"
#include "cpu/conv.h"
#include "cpu/qconv.h"
#include "cpu/qeltwise.h"
#include "cpu/resize.h"
#include "cpu/softmax.h"

typedef struct cpu_kernels {
    const char *name; /* "avx512" */
    uint32_t flags;
    int block; /* channels per block of blocked float32: 16 avx512, 8 avx2 and c, 4 neon */
    conv_kernels conv;
    gemm_kernels gemm;
    eltwise_kernels eltwise;
    pool_kernels pool;
    resize_kernels resize;
    softmax_kernels softmax;
    layout_kernels layout;
    qconv_kernels qconv;
    qeltwise_kernels qeltwise;
    half_kernels half;
} cpu_kernels;

void cpu_kernels_init(cpu_kernels *kernels, uint32_t cpu_flags);

/* One per instruction set, in cpu/x86 and cpu/arm; each overwrites what it does better. */
void cpu_fill_c(cpu_kernels *kernels);
void cpu_fill_avx2(cpu_kernels *kernels);
void cpu_fill_avx512(cpu_kernels *kernels);
void cpu_fill_neon(cpu_kernels *kernels);

#endif
