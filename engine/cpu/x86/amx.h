/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AMX's tiles: eight, each of 16 rows of 64 bytes. Whoever uses them calls amx_begin first and amx_end when he is done,
 * for each part of the work: tiles belong to a thread. The compilers' own intrinsics are not used: gcc 12's do not say
 * which memory they read. Here whatever was written before AMX_FENCE is in memory for the loads behind it. */
#ifndef ONYX_CPU_X86_AMX_H
#define ONYX_CPU_X86_AMX_H

#include <stddef.h>
#include <stdint.h>

enum { AMX_ROWS = 16, AMX_ROW_BYTES = 64, AMX_TILE_BYTES = AMX_ROWS * AMX_ROW_BYTES };

/* All tiles are 0. */
static inline void amx_begin(void)
{
    struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t bytes[16];
        uint8_t rows[16];
    } config = { .palette = 1 };
    for (int i = 0; i < 8; i++) {
        config.bytes[i] = AMX_ROW_BYTES;
        config.rows[i] = AMX_ROWS;
    }
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
}

static inline void amx_end(void)
{
    __asm__ volatile("tilerelease");
}

/* Tiles are given by their numbers, literally: the assembler wants names. `step`: bytes from one row to the next. */
#define AMX_FENCE() __asm__ volatile("" ::: "memory")
#define AMX_ZERO(tile) __asm__ volatile("tilezero %%tmm" #tile ::)
#define AMX_LOAD(tile, base, step) __asm__ volatile("tileloadd (%0,%1,1), %%tmm" #tile ::"r"(base), "r"((size_t)(step)))
#define AMX_STORE(tile, base, step)                                                                                    \
    __asm__ volatile("tilestored %%tmm" #tile ", (%0,%1,1)" ::"r"(base), "r"((size_t)(step)) : "memory")
/* sum[m][n] += a[m][k] * b[k / 4][n][k % 4]: unsigned a, signed b, exact in 32 bits */
#define AMX_DOT_U8_S8(sum, a, b) __asm__ volatile("tdpbusd %%tmm" #b ", %%tmm" #a ", %%tmm" #sum ::)
/* The same of pairs of bfloat16, in float32: b[k / 2][n][k % 2] */
#define AMX_DOT_BF16(sum, a, b) __asm__ volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sum ::)

#endif
