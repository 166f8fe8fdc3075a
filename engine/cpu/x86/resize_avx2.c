/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize, AVX2: the shared bodies. */
#include "cpu/x86/math_avx2.h"

#include "cpu/resize_body.h"

void resize_fill_avx2(resize_kernels *kernels)
{
    resize_body_fill(kernels);
}
