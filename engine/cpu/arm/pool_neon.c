/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling, NEON: the shared bodies. */
#include "cpu/arm/math_neon.h"

#include "cpu/pool_body.h"

void pool_fill_neon(pool_kernels *kernels)
{
    pool_body_fill(kernels);
}
