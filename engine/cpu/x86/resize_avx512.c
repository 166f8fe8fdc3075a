/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize, AVX-512: the shared bodies. */
#include "cpu/x86/math_avx512.h"

#include "cpu/resize_body.h"

void resize_fill_avx512(resize_kernels *kernels)
{
    resize_body_fill(kernels);
}
