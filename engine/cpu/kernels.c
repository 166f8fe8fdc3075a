/* SPDX-License-Identifier: BSD-2-Clause */
#include "cpu/kernels.h"

#include "base/cpuid.h"

void cpu_kernels_init(cpu_kernels *kernels, uint32_t cpu_flags)
{
    *kernels = (cpu_kernels){ .flags = cpu_flags };
    cpu_fill_c(kernels);
#if defined(__x86_64__)
    if (!(cpu_flags & CPU_AVX2))
        return;
    cpu_fill_avx2(kernels);
    if (cpu_flags & CPU_AVX_VNNI) /* 2.3 times avx2 in 3x3 80x80 64-64; Xeon (Sapphire Rapids), 2026-11-21 */
        qconv_fill_avx_vnni(&kernels->qconv);
    if (!(cpu_flags & CPU_AVX512))
        return;
    cpu_fill_avx512(kernels);
    if (cpu_flags & CPU_AVX512_VNNI) /* 3.7 times avx512, same layer, machine and date */
        qconv_fill_avx512_vnni(&kernels->qconv);
    if (cpu_flags & CPU_AVX512_VBMI) /* tables 6.5 times as fast as by shuffles, same machine and date */
        qeltwise_fill_avx512_vbmi(&kernels->qeltwise);
    if (cpu_flags & CPU_AMX_BF16)
        half_fill_amx(&kernels->half);
    const uint32_t beneath = CPU_AVX512_VNNI | CPU_AVX512_VBMI; /* whatever has AMX has these */
    if ((cpu_flags & CPU_AMX_INT8) && (cpu_flags & beneath) == beneath)
        qconv_fill_amx(&kernels->qconv);
#elif defined(__aarch64__)
    if (!(cpu_flags & CPU_NEON))
        return;
    cpu_fill_neon(kernels);
    if (cpu_flags & CPU_DOTPROD)
        qconv_fill_dotprod(&kernels->qconv);
    if (cpu_flags & CPU_FP16) {
        half_fill_fp16(&kernels->half);
        kernels->half.to_float = kernels->eltwise.half_to_float;
        kernels->half.from_float = kernels->eltwise.float_to_half;
    }
#endif
}
