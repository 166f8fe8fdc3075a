/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the processor and the operating system allow, as bits. Dispatch asks for bits, never for a model. */
#ifndef ONYX_BASE_CPUID_H
#define ONYX_BASE_CPUID_H

#include <stdint.h>

enum {
    CPU_AVX2 = 1u << 0,   /* AVX2, FMA, F16C */
    CPU_AVX512 = 1u << 1, /* F, BW, DQ, VL */
    CPU_AVX512_VNNI = 1u << 2,
    CPU_AVX_VNNI = 1u << 3,
    CPU_AVX512_VBMI = 1u << 4,
    CPU_AVX512_FP16 = 1u << 5,
    CPU_AMX_INT8 = 1u << 6, /* and permission was granted */
    CPU_AMX_BF16 = 1u << 7, /* with AVX-512 BF16 */
    CPU_NEON = 1u << 8,
    CPU_DOTPROD = 1u << 9,
    CPU_FP16 = 1u << 10,
    CPU_I8MM = 1u << 11,
};

/* The flags of this machine, lowered by ONYX_CPU=c|avx2|avx512|vnni|neon|dotprod|fp16 (a level and all below it).
 * `wish` NULL: reads the environment variable. */
uint32_t cpuid_flags(const char *wish);
/* "avx512+vnni"; static storage. */
const char *cpuid_name(uint32_t flags);

#endif
