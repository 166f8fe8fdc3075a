/* SPDX-License-Identifier: BSD-2-Clause
 *
 * x86: CPUID says what the processor has, XGETBV what the system saves; AMX also needs the kernel's permission, which
 * is asked for here. aarch64: the kernel's hardware capabilities. */
#include "base/cpuid.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"

#if defined(__x86_64__)
#include <sys/syscall.h>
#include <unistd.h>
#elif defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

/* Levels in rising order: a level allows its own bits and all those before it. */
static const struct {
    const char *name;
    uint32_t bits;
} levels[] = {
#if defined(__aarch64__)
    { "c", 0 }, { "neon", CPU_NEON }, { "dotprod", CPU_DOTPROD }, { "fp16", CPU_FP16 }, { "i8mm", CPU_I8MM },
#else
    { "c", 0 },
    { "avx2", CPU_AVX2 },
    { "avx512", CPU_AVX512 },
    { "vnni", CPU_AVX512_VNNI | CPU_AVX_VNNI | CPU_AVX512_VBMI },
    { "fp16", CPU_AVX512_FP16 },
    { "amx", CPU_AMX_INT8 | CPU_AMX_BF16 },
#endif
};

/* The bits that a wish allows; an unknown or absent wish allows all. */
static uint32_t allowed_bits(const char *wish)
{
    uint32_t bits = 0;
    if (!wish)
        wish = getenv("ONYX_CPU");
    for (size_t i = 0; wish && i < ARRAY_LENGTH(levels); i++) {
        bits |= levels[i].bits;
        if (strcmp(wish, levels[i].name) == 0)
            return bits;
    }
    return UINT32_MAX;
}

#if defined(__x86_64__)

#define XCR0_AVX UINT64_C(0x6)
#define XCR0_AVX512 UINT64_C(0xE6)
#define XCR0_AMX UINT64_C(0x60000)

static uint64_t saved_state(void)
{
    uint32_t low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (uint64_t)high << 32 | low;
}

/* Whether this process may use AMX's tile data (state component 18), asking the kernel if need be. */
static bool amx_permitted(void)
{
    enum { ARCH_GET_XCOMP_PERM = 0x1022, ARCH_REQ_XCOMP_PERM = 0x1023, TILE_DATA = 18 };
    uint64_t permitted = 0;
    if (syscall(SYS_arch_prctl, ARCH_GET_XCOMP_PERM, &permitted) == 0 && (permitted >> TILE_DATA & 1))
        return true;
    return syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, TILE_DATA) == 0;
}

/* Not <cpuid.h>: this header would be found in its place. */
typedef struct cpuid_leaf {
    uint32_t a, b, c, d;
} cpuid_leaf;

static cpuid_leaf read_leaf(uint32_t leaf, uint32_t sub_leaf)
{
    cpuid_leaf r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub_leaf));
    return r;
}

static bool has(uint32_t word, int bit)
{
    return word >> bit & 1;
}

static uint32_t machine_flags(uint32_t allowed)
{
    if (read_leaf(0, 0).a < 7)
        return 0;
    cpuid_leaf one = read_leaf(1, 0), seven = read_leaf(7, 0);
    const bool xsave = has(one.c, 27), avx = has(one.c, 28), fma = has(one.c, 12), f16c = has(one.c, 29);
    const bool avx2 = has(seven.b, 5);
    uint64_t state = xsave ? saved_state() : 0;
    if ((state & XCR0_AVX) != XCR0_AVX || !avx || !fma || !f16c || !avx2)
        return 0;
    uint32_t flags = CPU_AVX2;
    if (seven.a >= 1 && has(read_leaf(7, 1).a, 4))
        flags |= CPU_AVX_VNNI;
    const bool avx512 = has(seven.b, 16) && has(seven.b, 17) && has(seven.b, 30) && has(seven.b, 31); /* F DQ BW VL */
    if ((state & XCR0_AVX512) == XCR0_AVX512 && avx512) {
        flags |= CPU_AVX512;
        flags |= has(seven.c, 11) ? CPU_AVX512_VNNI : 0;
        flags |= has(seven.c, 1) ? CPU_AVX512_VBMI : 0;
        flags |= has(seven.d, 23) ? CPU_AVX512_FP16 : 0;
    }
    const bool amx = has(seven.d, 24) && (state & XCR0_AMX) == XCR0_AMX;
    if (amx && (allowed & (CPU_AMX_INT8 | CPU_AMX_BF16)) && amx_permitted()) {
        flags |= has(seven.d, 25) ? CPU_AMX_INT8 : 0;
        flags |= has(seven.d, 22) && seven.a >= 1 && has(read_leaf(7, 1).a, 5) ? CPU_AMX_BF16 : 0;
    }
    return flags;
}

#elif defined(__aarch64__)

#if !defined(HWCAP2_I8MM)
#define HWCAP2_I8MM (1ul << 13)
#endif

static uint32_t machine_flags(uint32_t allowed)
{
    unsigned long capabilities = getauxval(AT_HWCAP), more = getauxval(AT_HWCAP2);
    uint32_t flags = 0;
    (void)allowed;
    flags |= capabilities & HWCAP_ASIMD ? CPU_NEON : 0;
    flags |= capabilities & HWCAP_ASIMDDP ? CPU_DOTPROD : 0;
    flags |= (capabilities & HWCAP_ASIMDHP) && (capabilities & HWCAP_FPHP) ? CPU_FP16 : 0;
    flags |= more & HWCAP2_I8MM ? CPU_I8MM : 0;
    return flags;
}

#else

static uint32_t machine_flags(uint32_t allowed)
{
    (void)allowed;
    return 0;
}

#endif

uint32_t cpuid_flags(const char *wish)
{
    uint32_t allowed = allowed_bits(wish);
    return machine_flags(allowed) & allowed;
}

const char *cpuid_name(uint32_t flags)
{
    static const char *const arm[] = {
        "neon",      "neon+dotprod",      "neon+fp16",      "neon+dotprod+fp16",
        "neon+i8mm", "neon+dotprod+i8mm", "neon+fp16+i8mm", "neon+dotprod+fp16+i8mm",
    };
    static const char *const avx512[] = {
        "avx512",     "avx512+vnni",     "avx512+fp16",     "avx512+vnni+fp16",
        "avx512+amx", "avx512+vnni+amx", "avx512+fp16+amx", "avx512+vnni+fp16+amx",
    };
    if (flags & CPU_NEON)
        return arm[(flags & CPU_DOTPROD ? 1 : 0) + (flags & CPU_FP16 ? 2 : 0) + (flags & CPU_I8MM ? 4 : 0)];
    if (flags & CPU_AVX512)
        return avx512[(flags & CPU_AVX512_VNNI ? 1 : 0) + (flags & CPU_AVX512_FP16 ? 2 : 0) +
                      (flags & (CPU_AMX_INT8 | CPU_AMX_BF16) ? 4 : 0)];
    if (flags & CPU_AVX2)
        return flags & CPU_AVX_VNNI ? "avx2+vnni" : "avx2";
    return "c";
}
