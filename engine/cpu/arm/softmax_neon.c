/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax, reductions and layer normalisation, NEON: the shared bodies. */
#include "cpu/arm/math_neon.h"

#include "cpu/softmax_body.h"

void softmax_fill_neon(softmax_kernels *kernels)
{
    softmax_body_fill(kernels);
}
