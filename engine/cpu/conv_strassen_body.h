/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The sums of Strassen's algorithm (conv_strassen.c) in the words of simd_*.h. */
#ifndef ONYX_CPU_CONV_STRASSEN_BODY_H
#define ONYX_CPU_CONV_STRASSEN_BODY_H

#include "cpu/conv_tile.h"

static void strassen_sums(const float *const a[4], float *const s[4], size_t n, ptrdiff_t ahead)
{
    for (size_t i = 0; i < n; i += VF_LANES) {
        const vf a1 = vf_load(a[0] + i), a2 = vf_load(a[1] + i), a3 = vf_load(a[2] + i), a4 = vf_load(a[3] + i);
        for (int k = 0; k < 4; k++)
            __builtin_prefetch(a[k] + i + ahead, 0, 3);
        for (int k = 0; k < 4; k++)
            __builtin_prefetch(s[k] + i + 8 * VF_LANES, 1, 3);
        const vf s1 = vf_add(a2, a4), s2 = vf_sub(s1, a1);
        vf_store(s[0] + i, s1);
        vf_store(s[1] + i, s2);
        vf_store(s[2] + i, vf_sub(a1, a2));
        vf_store(s[3] + i, vf_sub(a3, s2));
    }
}

#endif
