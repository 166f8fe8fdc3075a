/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling, AVX2: the shared bodies. */
#include "cpu/x86/math_avx2.h"

#include "cpu/pool_body.h"

void pool_fill_avx2(pool_kernels *kernels)
{
    pool_body_fill(kernels);
}
