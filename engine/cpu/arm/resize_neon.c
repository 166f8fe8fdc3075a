/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize, NEON: the shared bodies. */
#include "cpu/arm/math_neon.h"

#include "cpu/resize_body.h"

void resize_fill_neon(resize_kernels *kernels)
{
    resize_body_fill(kernels);
}
