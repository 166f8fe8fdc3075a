/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Unary operators of arithmetic: one expression each, for float32 and float64 (float16 and bfloat16 go through
 * float32), and for integers where the operator has them. */
#include <math.h>
#include <tgmath.h>

#include "ops/elementwise.h"
#include "ops/rows.h"

/* RUN is the operator's function; its two loops are made from it. */
#define FLOAT_UNARY(RUN, EXPRESSION)                                                                                   \
    UNARY_LOOP(RUN##_f32, float, float, void, EXPRESSION)                                                              \
    UNARY_LOOP(RUN##_f64, double, double, void, EXPRESSION)                                                            \
    onyx_status RUN(op_run_context *context)                                                                           \
    {                                                                                                                  \
        static const unary_loops loops = { RUN##_f32, RUN##_f64, NULL, NULL, false };                                  \
        return unary_run(context, &loops);                                                                             \
    }

FLOAT_UNARY(op_run_exp, exp(x))
FLOAT_UNARY(op_run_log, log(x))
FLOAT_UNARY(op_run_sqrt, sqrt(x))
FLOAT_UNARY(op_run_reciprocal, 1 / x)
FLOAT_UNARY(op_run_floor, floor(x))
FLOAT_UNARY(op_run_ceil, ceil(x))
FLOAT_UNARY(op_run_round, rint(x)) /* halves to even */
FLOAT_UNARY(op_run_erf, erf(x))
FLOAT_UNARY(op_run_sin, sin(x))
FLOAT_UNARY(op_run_cos, cos(x))
FLOAT_UNARY(op_run_tan, tan(x))
FLOAT_UNARY(op_run_asin, asin(x))
FLOAT_UNARY(op_run_acos, acos(x))
FLOAT_UNARY(op_run_atan, atan(x))
FLOAT_UNARY(op_run_sinh, sinh(x))
FLOAT_UNARY(op_run_cosh, cosh(x))
FLOAT_UNARY(op_run_asinh, asinh(x))
FLOAT_UNARY(op_run_acosh, acosh(x))
FLOAT_UNARY(op_run_atanh, atanh(x))

/* Integers wrap: the negative of the smallest is itself. */
#define NUMBER_UNARY(RUN, FLOAT, SIGNED, UNSIGNED)                                                                     \
    UNARY_LOOP(RUN##_f32, float, float, void, FLOAT)                                                                   \
    UNARY_LOOP(RUN##_f64, double, double, void, FLOAT)                                                                 \
    UNARY_LOOP(RUN##_i64, int64_t, int64_t, void, SIGNED)                                                              \
    UNARY_LOOP(RUN##_u64, uint64_t, uint64_t, void, UNSIGNED)                                                          \
    onyx_status RUN(op_run_context *context)                                                                           \
    {                                                                                                                  \
        static const unary_loops loops = { RUN##_f32, RUN##_f64, RUN##_i64, RUN##_u64, false };                        \
        return unary_run(context, &loops);                                                                             \
    }

/* clang-format off */
NUMBER_UNARY(op_run_abs, fabs(x), x < 0 ? 0 - (uint64_t)x : (uint64_t)x, x)
NUMBER_UNARY(op_run_neg, -x, 0 - (uint64_t)x, 0 - x)
NUMBER_UNARY(op_run_sign, x > 0 ? 1 : x < 0 ? -1 : x, (x > 0) - (x < 0), x > 0)
/* clang-format on */

UNARY_LOOP(not_u64, uint64_t, uint8_t, void, x == 0)

onyx_status op_run_not(op_run_context *context)
{
    static const unary_loops loops = { NULL, NULL, NULL, not_u64, true };
    return unary_run(context, &loops);
}

UNARY_LOOP(is_nan_f32, float, uint8_t, void, x != x)
UNARY_LOOP(is_nan_f64, double, uint8_t, void, x != x)

onyx_status op_run_is_nan(op_run_context *context)
{
    static const unary_loops loops = { is_nan_f32, is_nan_f64, NULL, NULL, true };
    return unary_run(context, &loops);
}

/* clang-format off */
UNARY_LOOP(is_inf_f32, float, uint8_t, is_inf_params, isinf(x) && (x > 0 ? p->positive : p->negative))
UNARY_LOOP(is_inf_f64, double, uint8_t, is_inf_params, isinf(x) && (x > 0 ? p->positive : p->negative))
/* clang-format on */

onyx_status op_parse_is_inf(const op_parse_context *context, void *params)
{
    is_inf_params *p = params;
    p->negative = op_attribute_int(&context->attributes, "detect_negative", 1) != 0;
    p->positive = op_attribute_int(&context->attributes, "detect_positive", 1) != 0;
    return ONYX_OK;
}

onyx_status op_run_is_inf(op_run_context *context)
{
    static const unary_loops loops = { is_inf_f32, is_inf_f64, NULL, NULL, true };
    return unary_run(context, &loops);
}
