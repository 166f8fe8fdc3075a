/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling, AVX-512: the shared bodies. */
#include "cpu/x86/math_avx512.h"

#include "cpu/pool_body.h"

void pool_fill_avx512(pool_kernels *kernels)
{
    pool_body_fill(kernels);
}
