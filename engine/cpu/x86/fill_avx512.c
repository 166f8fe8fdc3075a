/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu/kernels.h"

void cpu_fill_avx512(cpu_kernels *kernels)
{
    kernels->name = "avx512";
    kernels->block = 16;
    conv_fill_avx512(&kernels->conv);
    gemm_fill_avx512(&kernels->gemm);
    eltwise_fill_avx512(&kernels->eltwise);
    pool_fill_avx512(&kernels->pool);
    resize_fill_avx512(&kernels->resize);
    softmax_fill_avx512(&kernels->softmax);
    layout_fill_avx512(&kernels->layout);
    qconv_fill_avx512(&kernels->qconv);
    qeltwise_fill_avx512(&kernels->qeltwise);
}
