/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu/kernels.h"

void cpu_fill_neon(cpu_kernels *kernels)
{
    kernels->name = "neon";
    kernels->block = 4;
    conv_fill_neon(&kernels->conv);
    gemm_fill_neon(&kernels->gemm);
    eltwise_fill_neon(&kernels->eltwise);
    pool_fill_neon(&kernels->pool);
    resize_fill_neon(&kernels->resize);
    softmax_fill_neon(&kernels->softmax);
    layout_fill_neon(&kernels->layout);
    qconv_fill_neon(&kernels->qconv);
    qeltwise_fill_neon(&kernels->qeltwise);
}
