/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Binary and variadic arithmetic with broadcasting. Integers wrap; division and remainder by zero give 0 and never
 * trap; floats follow IEEE 754. */
#include <math.h>
#include <string.h>
#include <tgmath.h>

#include "ops/elementwise.h"
#include "ops/rows.h"

/* The smallest integer divided by -1 wraps too. */
static inline int64_t divide_i64(int64_t x, int64_t y)
{
    if (y == 0)
        return 0;
    return y == -1 ? (int64_t)(0 - (uint64_t)x) : x / y;
}

static inline int64_t remainder_i64(int64_t x, int64_t y, bool truncate)
{
    if (y == 0 || y == -1)
        return 0;
    int64_t r = x % y;
    return !truncate && r != 0 && (r < 0) != (y < 0) ? r + y : r;
}

static inline int64_t integer_power(int64_t x, int64_t y)
{
    if (y < 0)
        return x == 1 ? 1 : x == -1 ? (y & 1 ? -1 : 1) : 0;
    uint64_t result = 1, base = (uint64_t)x;
    for (; y; y >>= 1, base *= base) {
        if (y & 1)
            result *= base;
    }
    return (int64_t)result;
}

/* x - floor(x / y) * y with the sign of y, exactly. */
static inline double floor_mod(double x, double y)
{
    double r = fmod(x, y);
    if (r == 0)
        return copysign(r, y);
    return (r < 0) != (y < 0) ? r + y : r;
}

#define NUMBER_BINARY(RUN, FLOAT, SIGNED, UNSIGNED)                                                                    \
    BINARY_LOOP(RUN##_f32, float, float, void, FLOAT)                                                                  \
    BINARY_LOOP(RUN##_f64, double, double, void, FLOAT)                                                                \
    BINARY_LOOP(RUN##_i64, int64_t, int64_t, void, SIGNED)                                                             \
    BINARY_LOOP(RUN##_u64, uint64_t, uint64_t, void, UNSIGNED)                                                         \
    static const binary_loops RUN##_loops = { RUN##_f32, RUN##_f64, RUN##_i64, RUN##_u64, false };

#define NUMBER_BINARY_RUN(RUN)                                                                                         \
    onyx_status RUN(op_run_context *context)                                                                           \
    {                                                                                                                  \
        return binary_run(context, &RUN##_loops, lane_of(context->inputs[0]->type));                                   \
    }

/* clang-format off */
NUMBER_BINARY(op_run_add, x + y, (uint64_t)x + (uint64_t)y, x + y)
NUMBER_BINARY(op_run_sub, x - y, (uint64_t)x - (uint64_t)y, x - y)
NUMBER_BINARY(op_run_mul, x *y, (uint64_t)x *(uint64_t)y, x *y)
NUMBER_BINARY(op_run_div, x / y, divide_i64(x, y), y == 0 ? 0 : x / y)
NUMBER_BINARY(op_run_prelu, x < 0 ? x * y : x, x < 0 ? (int64_t)((uint64_t)x * (uint64_t)y) : x, x)
/* clang-format on */
NUMBER_BINARY_RUN(op_run_add)
NUMBER_BINARY_RUN(op_run_sub)
NUMBER_BINARY_RUN(op_run_mul)
NUMBER_BINARY_RUN(op_run_div)
NUMBER_BINARY_RUN(op_run_prelu)

/* clang-format off */
NUMBER_BINARY(mod_floor, floor_mod(x, y), remainder_i64(x, y, false), y == 0 ? 0 : x % y)
NUMBER_BINARY(mod_truncate, fmod(x, y), remainder_i64(x, y, true), y == 0 ? 0 : x % y)
/* clang-format on */

onyx_status op_parse_mod(const op_parse_context *context, void *params)
{
    ((mod_params *)params)->fmod = op_attribute_int(&context->attributes, "fmod", 0) != 0;
    return ONYX_OK;
}

onyx_status op_run_mod(op_run_context *context)
{
    const mod_params *p = context->params;
    return binary_run(context, p->fmod ? &mod_truncate_loops : &mod_floor_loops, lane_of(context->inputs[0]->type));
}

/* clang-format off */
NUMBER_BINARY(power, pow(x, y), integer_power(x, y), (uint64_t)integer_power((int64_t)x, (int64_t)y))
/* clang-format on */

/* The exponent may have another type. An integer to a floating power is computed in float64 and cut. */
onyx_status op_shape_pow(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_NUMBER));
    const op_value *a = context->inputs[0], *b = context->inputs[1];
    int rank = a->rank;
    int64_t dims[ONYX_MAX_RANK];
    memcpy(dims, a->dims, sizeof(dims));
    bool known = a->rank >= 0 && b->rank >= 0;
    if (known && !dims_broadcast(&rank, dims, b->rank, b->dims))
        return shape_fail(context, "shapes do not broadcast");
    shape_set(&context->outputs[0], a->type, known ? rank : -1, dims);
    return ONYX_OK;
}

onyx_status op_run_pow(op_run_context *context)
{
    lane base = lane_of(context->inputs[0]->type), exponent = lane_of(context->inputs[1]->type);
    bool is_float = base == LANE_F32 || base == LANE_F64;
    bool by_float = exponent == LANE_F32 || exponent == LANE_F64;
    return binary_run(context, &power_loops, !is_float && by_float ? LANE_F64 : base);
}

/* slope broadcasts to x, never the other way. */
onyx_status op_shape_prelu(op_shape_context *context)
{
    STATUS_TRY(shape_broadcast(context));
    const op_value *x = context->inputs[0];
    op_value *y = &context->outputs[0];
    if (x->rank < 0 || y->rank < 0)
        return ONYX_OK;
    if (x->rank != y->rank)
        return shape_fail(context, "the slope's shape does not broadcast to the input's");
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[i] >= 0 && y->dims[i] >= 0 && x->dims[i] != y->dims[i])
            return shape_fail(context, "the slope's shape does not broadcast to the input's");
    }
    return ONYX_OK;
}

/* ---- variadic: folded from the left ---- */

/* NaN wins, as in numpy. */
/* clang-format off */
NUMBER_BINARY(maximum, x > y || x != x ? x : y, MAX(x, y), MAX(x, y))
NUMBER_BINARY(minimum, x < y || x != x ? x : y, MIN(x, y), MIN(x, y))
/* clang-format on */

static onyx_status copy_broadcast(op_run_context *context)
{
    memcpy(context->outputs[0]->data, context->inputs[0]->data, context->outputs[0]->size_bytes);
    return ONYX_OK;
}

static onyx_status fold(op_run_context *context, const binary_loops *loops)
{
    onyx_tensor *out = context->outputs[0];
    lane l = lane_of(out->type);
    if (context->input_count == 1)
        return copy_broadcast(context);
    STATUS_TRY(binary_tensors(context, loops, l, context->inputs[0], context->inputs[1], out));
    for (int i = 2; i < context->input_count; i++)
        STATUS_TRY(binary_tensors(context, loops, l, out, context->inputs[i], out));
    return ONYX_OK;
}

onyx_status op_run_max(op_run_context *context)
{
    return fold(context, &maximum_loops);
}

onyx_status op_run_min(op_run_context *context)
{
    return fold(context, &minimum_loops);
}

onyx_status op_run_sum(op_run_context *context)
{
    return fold(context, &op_run_add_loops);
}

UNARY_LOOP(divided_f32, float, float, float, x / *p)
UNARY_LOOP(divided_f64, double, double, float, x / (double)*p)

onyx_status op_run_mean(op_run_context *context)
{
    static const unary_loops loops = { divided_f32, divided_f64, NULL, NULL, false };
    STATUS_TRY(fold(context, &op_run_add_loops));
    float count = (float)context->input_count;
    const onyx_tensor *sum = context->outputs[0];
    op_run_context inner = *context;
    inner.inputs = &sum;
    inner.params = &count;
    return unary_run(&inner, &loops);
}
