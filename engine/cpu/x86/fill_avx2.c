/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu/kernels.h"

void cpu_fill_avx2(cpu_kernels *kernels)
{
    kernels->name = "avx2";
    kernels->block = 8;
    conv_fill_avx2(&kernels->conv);
    gemm_fill_avx2(&kernels->gemm);
    eltwise_fill_avx2(&kernels->eltwise);
    pool_fill_avx2(&kernels->pool);
    resize_fill_avx2(&kernels->resize);
    softmax_fill_avx2(&kernels->softmax);
    layout_fill_avx2(&kernels->layout);
    qconv_fill_avx2(&kernels->qconv);
    qeltwise_fill_avx2(&kernels->qeltwise);
}
