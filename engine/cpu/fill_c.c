/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu/kernels.h"

void cpu_fill_c(cpu_kernels *kernels)
{
    kernels->name = "c";
    kernels->block = 8;
    conv_fill_c(&kernels->conv);
    gemm_fill_c(&kernels->gemm);
    eltwise_fill_c(&kernels->eltwise);
    pool_fill_c(&kernels->pool);
    resize_fill_c(&kernels->resize);
    softmax_fill_c(&kernels->softmax);
    layout_fill_c(&kernels->layout);
    qconv_fill_c(&kernels->qconv);
    qeltwise_fill_c(&kernels->qeltwise);
}
