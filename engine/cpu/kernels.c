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
    if (!(cpu_flags & CPU_AVX512))
        return;
    cpu_fill_avx512(kernels);
#elif defined(__aarch64__)
    if (!(cpu_flags & CPU_NEON))
        return;
    cpu_fill_neon(kernels);
#endif
}
