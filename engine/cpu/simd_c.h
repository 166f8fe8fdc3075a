/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The vector words of x86/simd_avx512.h that the bodies of conv and gemm use, in plain C: 8 floats in two halves of the
 * compiler's own vectors, which any target can lower. */
#ifndef ONYX_CPU_SIMD_C_H
#define ONYX_CPU_SIMD_C_H

#include <stddef.h>
#include <string.h>

#include "cpu/math_c.h"

#define VF_LANES 8
#define VF_REGISTERS 0 /* not known */
typedef float vf_half __attribute__((vector_size(16)));
typedef int vf_half_mask __attribute__((vector_size(16)));
typedef struct vf {
    vf_half l, h;
} vf;

static inline vf vf_load(const float *p)
{
    vf v;
    memcpy(&v.l, p, 16);
    memcpy(&v.h, p + 4, 16);
    return v;
}
static inline void vf_store(float *p, vf v)
{
    memcpy(p, &v.l, 16);
    memcpy(p + 4, &v.h, 16);
}
/* The first n lanes; the others are 0. */
static inline vf vf_load_part(const float *p, size_t n)
{
    float lanes[VF_LANES] = { 0 };
    memcpy(lanes, p, n * sizeof(float));
    return vf_load(lanes);
}
static inline void vf_store_part(float *p, vf v, size_t n)
{
    memcpy(p, &v, n * sizeof(float));
}
static inline vf vf_set1(float x)
{
    vf_half v = { x, x, x, x };
    return (vf){ v, v };
}
static inline vf vf_zero(void)
{
    return vf_set1(0);
}
static inline vf vf_add(vf a, vf b)
{
    return (vf){ a.l + b.l, a.h + b.h };
}
static inline vf vf_sub(vf a, vf b)
{
    return (vf){ a.l - b.l, a.h - b.h };
}
static inline vf vf_mul(vf a, vf b)
{
    return (vf){ a.l * b.l, a.h * b.h };
}
/* a * b + c */
static inline vf vf_fma(vf a, vf b, vf c)
{
    return (vf){ a.l * b.l + c.l, a.h * b.h + c.h };
}
static inline vf vf_fma_tied(vf a, vf b, vf c)
{
    return vf_fma(a, b, c);
}
/* c - a * b */
static inline vf vf_fnma(vf a, vf b, vf c)
{
    return (vf){ c.l - a.l * b.l, c.h - a.h * b.h };
}
static inline vf_half vf_half_select(vf_half_mask m, vf_half a, vf_half b)
{
    return (vf_half)((m & (vf_half_mask)a) | (~m & (vf_half_mask)b));
}
/* b where either is NaN */
static inline vf vf_max(vf a, vf b)
{
    return (vf){ vf_half_select(a.l > b.l, a.l, b.l), vf_half_select(a.h > b.h, a.h, b.h) };
}
static inline vf vf_min(vf a, vf b)
{
    return (vf){ vf_half_select(a.l < b.l, a.l, b.l), vf_half_select(a.h < b.h, a.h, b.h) };
}
/* See simd_avx512.h. */
static inline void vf_split_8(vf *v)
{
    float line[8 * VF_LANES], split[8 * VF_LANES];
    for (int i = 0; i < 8; i++)
        vf_store(line + i * VF_LANES, v[i]);
    for (int i = 0; i < 8 * VF_LANES; i++)
        split[i % 8 * VF_LANES + i / 8] = line[i];
    for (int i = 0; i < 8; i++)
        v[i] = vf_load(split + i * VF_LANES);
}
/* Lane i is what was lane i + 1, the last one next. */
static inline vf vf_move_down(vf v, float next)
{
    float floats[VF_LANES + 1];
    vf_store(floats, v);
    floats[VF_LANES] = next;
    return vf_load(floats + 1);
}
static inline float vf_sum(vf a)
{
    vf_half s = a.l + a.h;
    return (s[0] + s[2]) + (s[1] + s[3]);
}
/* Eight exponentials: one copy of them, as every tile would have as many as it has sums. */
static __attribute__((noinline, unused)) vf vf_silu(vf x)
{
    for (int i = 0; i < 4; i++) {
        x.l[i] = math_c_silu(x.l[i]);
        x.h[i] = math_c_silu(x.h[i]);
    }
    return x;
}

#endif
