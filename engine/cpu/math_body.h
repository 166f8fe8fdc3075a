/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Transcendental functions and activations over one vector, written in the words of simd_*.h, one of which is included
 * before this file (by x86/math_avx512.h, x86/math_avx2.h, arm/math_neon.h). Polynomials are minimax fits in float32
 * (Lawson's iteration); the errors given are against double over the whole range.
 * NaN stays NaN, +-inf gives the limit (in pieces: to their error). Arguments are clamped with the constant as first
 * operand of vf_min / vf_max, which keeps a NaN of the second, and in x * f(x) both factors see the clamped x, so that
 * no inf * 0 arises. */
#ifndef ONYX_CPU_MATH_BODY_H
#define ONYX_CPU_MATH_BODY_H

#include <math.h>

#include "cpu/eltwise.h"
#include "cpu/math_linear_body.h"
#include "cpu/math_pieces.h"

/* 2^t for t <= 127 (no upper clamp), 0 from 2^-126 down; 1.5e-7 relative to the rounded t. */
static inline vf vf_exp2(vf t)
{
    vf f = vf_fraction(t);
    vf p = vf_fma(vf_set1(0.00186713005f), f, vf_set1(0.00901703071f));
    p = vf_fma(p, f, vf_set1(0.0557999127f));
    p = vf_fma(p, f, vf_set1(0.240164444f));
    p = vf_fma(p, f, vf_set1(0.693151295f));
    p = vf_fma(p, f, vf_set1(1.0f));
    return vf_scale_floor(p, t);
}

/* The same with one multiply-add less: 2.7e-6. */
static inline vf vf_exp2_short(vf t)
{
    vf f = vf_fraction(t);
    vf p = vf_fma(vf_set1(0.0135341678f), f, vf_set1(0.0520114601f));
    p = vf_fma(p, f, vf_set1(0.241442755f));
    p = vf_fma(p, f, vf_set1(0.693003833f));
    p = vf_fma(p, f, vf_set1(1.00000262f));
    return vf_scale_floor(p, t);
}

#define VF_LOG2E 1.44269504f

/* e^x for x <= 88, as fast as vf_exp2: relative error 1.5e-7 + |x| * 9e-8. */
static inline vf vf_exp_fast(vf x)
{
    return vf_exp2(vf_mul(x, vf_set1(VF_LOG2E)));
}

/* e^x over the whole range, denormal results too; 2e-7 relative. */
static inline vf vf_exp(vf x)
{
    vf c = vf_min(vf_set1(89.0f), vf_max(vf_set1(-104.0f), x));
    vf n = vf_round(vf_mul(c, vf_set1(VF_LOG2E)));
    vf r = vf_fnma(n, vf_set1(0.693359375f), c); /* ln 2 in two parts */
    r = vf_fnma(n, vf_set1(-2.12194440e-4f), r);
    vf p = vf_fma(vf_set1(0.00138146128f), r, vf_set1(0.00836871006f));
    p = vf_fma(p, r, vf_set1(0.041668389f));
    p = vf_fma(p, r, vf_set1(0.166665211f));
    p = vf_fma(p, r, vf_set1(0.49999994f));
    p = vf_fma(p, r, vf_set1(1.0f));
    p = vf_fma(p, r, vf_set1(1.0f));
    return vf_scale(p, n);
}

/* Natural logarithm: 2e-7 relative; 0 gives -inf, negative NaN. */
static inline vf vf_log(vf x)
{
    vf e, m = vf_split(x, &e);
    vm high = vf_lt(vf_set1(1.41421356f), m);
    m = vf_select(high, vf_mul(m, vf_set1(0.5f)), m);
    e = vf_select(high, vf_add(e, vf_set1(1.0f)), e);
    vf f = vf_sub(m, vf_set1(1.0f)), z = vf_mul(f, f);
    vf p = vf_fma(vf_set1(-0.0763449743f), f, vf_set1(0.12761578f));
    p = vf_fma(p, f, vf_set1(-0.131601825f));
    p = vf_fma(p, f, vf_set1(0.142017573f));
    p = vf_fma(p, f, vf_set1(-0.166233569f));
    p = vf_fma(p, f, vf_set1(0.200012267f));
    p = vf_fma(p, f, vf_set1(-0.250008196f));
    p = vf_fma(p, f, vf_set1(0.333333313f));
    p = vf_mul(p, vf_mul(z, f));
    p = vf_fma(e, vf_set1(-2.12194440e-4f), p);
    p = vf_fnma(vf_set1(0.5f), z, p);
    p = vf_fma(e, vf_set1(0.693359375f), vf_add(f, p));
    p = vf_select(vf_lt(x, vf_set1(INFINITY)), p, x);
    p = vf_select(vf_lt(x, vf_zero()), vf_set1(NAN), p);
    return vf_select(vf_eq(x, vf_zero()), vf_set1(-INFINITY), p);
}

static inline vf vf_sigmoid(vf x)
{
    vf t = vf_min(vf_set1(126.0f), vf_mul(x, vf_set1(-VF_LOG2E)));
    return vf_reciprocal(vf_add(vf_set1(1.0f), vf_exp2(t)));
}

#if defined(VF_HAS_LOOKUP32)
/* See math_pieces.h: 11 instructions. A NaN goes through the maximum. */
static inline vf vf_pieces(vf x, const math_pieces *t)
{
    const vf a = vf_min_abs(x, vf_set1(t->limit));
    const vi piece = vf_index(a, vf_set1(t->scale));
    vf q = vf_fma(vf_lookup32(t->c[3], piece), a, vf_lookup32(t->c[2], piece));
    q = vf_fma(q, a, vf_lookup32(t->c[1], piece));
    q = vf_fma(q, a, vf_lookup32(t->c[0], piece));
    return vf_fma(q, a, vf_max(vf_zero(), x));
}
#endif

#if defined(VF_HAS_EIGHTHS)
/* 1 + e^-x for |x| <= 87: 2^(n / 8) from a table, and a parabola for the rest; 3.4e-6 relative to e^-x */
static inline vf vf_one_plus_exp_minus(vf x)
{
    vf f, power = vf_power_of_eighths(x, vf_set1(-8 * VF_LOG2E), &f);
    vf p = vf_mul(f, vf_fma(f, vf_set1(0.00375411427f), vf_set1(0.0866636932f))); /* 2^(f / 8) - 1 */
    return vf_fma(power, p, vf_add(vf_set1(1.0f), power));
}
#endif

/* x * sigmoid(x): 2.3e-6 absolute in pieces, else 1e-6 absolute up to 1 and 3.4e-6 relative. Every instruction counts:
 * it follows most convolutions. */
static inline vf vf_silu(vf x)
{
#if defined(VF_HAS_LOOKUP32)
    return vf_pieces(x, &math_pieces_silu);
#else
    vf c = vf_max(vf_set1(-87.0f), x);
#if defined(VF_HAS_EIGHTHS)
    return vf_div(c, vf_one_plus_exp_minus(vf_min(vf_set1(87.0f), c)));
#else
    return vf_mul(c, vf_reciprocal(vf_add(vf_set1(1.0f), vf_exp2_short(vf_mul(c, vf_set1(-VF_LOG2E))))));
#endif
#endif
}

static inline vf vf_tanh(vf x)
{
    vf a = vf_min(vf_set1(10.0f), vf_abs(x)), z = vf_mul(x, x);
    vf p = vf_fma(vf_set1(-0.00570498733f), z, vf_set1(0.020639088f));
    p = vf_fma(p, z, vf_set1(-0.0537397154f));
    p = vf_fma(p, z, vf_set1(0.133314416f));
    p = vf_fma(p, z, vf_set1(-0.333332807f));
    p = vf_fma(vf_mul(p, z), x, x);
    vf d = vf_add(vf_exp_fast(vf_add(a, a)), vf_set1(1.0f));
    vf large = vf_fnma(vf_set1(2.0f), vf_reciprocal(d), vf_set1(1.0f));
    return vf_select(vf_lt(a, vf_set1(0.625f)), p, vf_copysign(large, x));
}

/* 2e-7 absolute */
static inline vf vf_erf(vf x)
{
    vf a = vf_min(vf_set1(4.0f), vf_abs(x)), z = vf_mul(a, a);
    vf p = vf_fma(vf_set1(-0.000563143753f), z, vf_set1(0.00491755549f));
    p = vf_fma(p, z, vf_set1(-0.0267113149f));
    p = vf_fma(p, z, vf_set1(0.112801805f));
    p = vf_fma(p, z, vf_set1(-0.37612325f));
    p = vf_fma(p, z, vf_set1(1.12837911f));
    p = vf_mul(p, a);
    /* -ln(1 - erf(a)) on [0.9, 4] */
    vf g = vf_fma(vf_set1(-0.00019718158f), a, vf_set1(0.00305560627f));
    g = vf_fma(g, a, vf_set1(-0.0222770814f));
    g = vf_fma(g, a, vf_set1(0.104037352f));
    g = vf_fma(g, a, vf_set1(0.637059748f));
    g = vf_fma(g, a, vf_set1(1.12774956f));
    g = vf_fma(g, a, vf_set1(0.000177496113f));
    vf large = vf_sub(vf_set1(1.0f), vf_exp2(vf_mul(g, vf_set1(-VF_LOG2E))));
    return vf_copysign(vf_select(vf_lt(a, vf_set1(0.95f)), p, large), x);
}

/* max(x, 0) - |x| / 2 * erfc(|x| / sqrt 2): in pieces, or with erfc as 2 to the power of a polynomial; absolute error
 * 4.8e-7 or 1.1e-7 */
static inline vf vf_gelu(vf x)
{
#if defined(VF_HAS_LOOKUP32)
    return vf_pieces(x, &math_pieces_gelu);
#else
    vf a = vf_min(vf_set1(5.65685425f), vf_abs(x));
    vf t = vf_fma(vf_set1(2.99241401e-05f), a, vf_set1(-0.000739873853f));
    t = vf_fma(t, a, vf_set1(0.00797746144f));
    t = vf_fma(t, a, vf_set1(-0.0532381833f));
    t = vf_fma(t, a, vf_set1(-0.458915681f));
    t = vf_mul(vf_fma(t, a, vf_set1(-1.15114713f)), a);
    return vf_fnma(vf_mul(a, vf_set1(0.5f)), vf_exp2(t), vf_max(vf_zero(), x));
#endif
}

/* With e = e^x: tanh(ln(1 + e)) = (e^2 + 2e) / (e^2 + 2e + 2). */
static inline vf vf_mish(vf x)
{
    vf c = vf_max(vf_set1(-87.0f), x);
    vf e = vf_exp2(vf_min(vf_set1(30.0f), vf_mul(c, vf_set1(VF_LOG2E))));
    vf w = vf_mul(e, vf_add(e, vf_set1(2.0f)));
    return vf_mul(c, vf_div(w, vf_add(w, vf_set1(2.0f))));
}

static inline vf vf_relu(vf x)
{
    return vf_max(vf_zero(), x);
}

static inline vf vf_elu(vf x, vf alpha)
{
    vf e = vf_exp_fast(vf_min(vf_zero(), x));
    return vf_select(vf_lt(x, vf_zero()), vf_mul(alpha, vf_sub(e, vf_set1(1.0f))), x);
}

/* Beyond 200 the sigmoid is 0 or 1. */
static inline vf vf_swish(vf x, vf a, vf b)
{
    const vf c = vf_max(vf_set1(-200.0f), x), d = vf_min(vf_set1(200.0f), c);
    return vf_mul(c, vf_sigmoid(vf_mul(d, vf_fma(vf_mul(d, d), b, a))));
}

/* Any activation of eltwise.h. Where act is a constant the switch folds away. */
static inline vf vf_act(cpu_act act, vf x, float a, float b)
{
    switch (act) {
    case CPU_ACT_RELU:
        return vf_relu(x);
    case CPU_ACT_LEAKY_RELU:
        return vf_leaky_relu(x, vf_set1(a));
    case CPU_ACT_CLIP:
        return vf_clip(x, vf_set1(a), vf_set1(b));
    case CPU_ACT_SIGMOID:
        return vf_sigmoid(x);
    case CPU_ACT_SILU:
        return vf_silu(x);
    case CPU_ACT_HARD_SIGMOID:
        return vf_hard_sigmoid(x, vf_set1(a), vf_set1(b));
    case CPU_ACT_HARD_SWISH:
        return vf_hard_swish(x);
    case CPU_ACT_TANH:
        return vf_tanh(x);
    case CPU_ACT_GELU:
        return vf_gelu(x);
    case CPU_ACT_MISH:
        return vf_mish(x);
    case CPU_ACT_SWISH:
        return vf_swish(x, vf_set1(a), vf_set1(b));
    case CPU_ACT_ELU:
        return vf_elu(x, vf_set1(a));
    case CPU_ACT_NONE:
    case CPU_ACT_COUNT:
        break;
    }
    return x;
}

#endif
