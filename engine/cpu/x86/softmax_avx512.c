/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax, reductions and layer normalisation, AVX-512: the shared bodies. */
#include "cpu/x86/math_avx512.h"

#include "cpu/softmax_body.h"

void softmax_fill_avx512(softmax_kernels *kernels)
{
    softmax_body_fill(kernels);
}
