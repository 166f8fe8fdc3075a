/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Activations: each is one expression of x and the params alpha and beta, used by its own operator and, for those that
 * kernels can fuse, by op_activation. Infinite arguments give the limit, NaN stays NaN. */
#include <math.h>
#include <string.h>
#include <tgmath.h>

#include "ops/elementwise.h"
#include "ops/rows.h"

/* Each expression sees x in type T, and those OF_PARAMS their operator's alpha and beta as a and b, too. */
#define OF_PARAMS(T)                                                                                                   \
    const T a = (T)((const unary_params *)params)->alpha, b = (T)((const unary_params *)params)->beta;                 \
    (void)a, (void)b;
#define WITHOUT_PARAMS(T) (void)params;

#define ACTIVATION_LOOP(NAME, T, PARAMS, EXPRESSION)                                                                   \
    static void NAME(const void *src, void *dst, size_t n, const void *params)                                         \
    {                                                                                                                  \
        const T *s = src;                                                                                              \
        T *d = dst;                                                                                                    \
        PARAMS(T)                                                                                                      \
        for (size_t i = 0; i < n; i++) {                                                                               \
            T x = s[i];                                                                                                \
            d[i] = (T)(EXPRESSION);                                                                                    \
        }                                                                                                              \
    }

#define ACTIVATION(NAME, PARAMS, EXPRESSION)                                                                           \
    ACTIVATION_LOOP(NAME##_f32, float, PARAMS, EXPRESSION)                                                             \
    ACTIVATION_LOOP(NAME##_f64, double, PARAMS, EXPRESSION)                                                            \
    static const unary_loops NAME = { NAME##_f32, NAME##_f64, NULL, NULL, false };

#define SIGMOID(x) (1 / (1 + exp(-(x))))
#define SOFTPLUS(x) ((x) > 0 ? (x) + log1p(exp(-(x))) : log1p(exp(x)))
#define CLAMP(x, low, high) ((x) < (low) ? (low) : (x) > (high) ? (high) : (x))

/* x * sigmoid(a * x); 0 where the sigmoid underflows, so that -inf gives the limit. */
static float swish_f(float x, float a)
{
    float s = SIGMOID(a * x);
    return s == 0 ? 0 : x * s;
}

static double swish_d(double x, double a)
{
    double s = SIGMOID(a * x);
    return s == 0 ? 0 : x * s;
}

static float gelu_f(float x)
{
    float tail = erfcf(-x * 0.70710678118654752f); /* 1 + erf, without cancellation below 0 */
    return tail == 0 ? 0 : 0.5f * x * tail;
}

static double gelu_d(double x)
{
    double tail = erfc(-x * 0.70710678118654752440);
    return tail == 0 ? 0 : 0.5 * x * tail;
}

/* sqrt(2 / pi) and the cubic term of the tanh form, in x's precision. */
#define GELU_SCALE(x) (sizeof(x) == 4 ? (double)0.79788456f : 0.79788456080286535588)
#define GELU_CUBE(x) (sizeof(x) == 4 ? (double)0.044715f : 0.044715)
#define SWISH(x, a) (sizeof(x) == sizeof(float) ? swish_f((float)(x), (float)(a)) : swish_d(x, a))
#define GELU(x) (sizeof(x) == sizeof(float) ? gelu_f((float)(x)) : gelu_d(x))

/* clang-format off */
ACTIVATION(none, WITHOUT_PARAMS, x)
ACTIVATION(relu, WITHOUT_PARAMS, x < 0 ? 0 : x)
ACTIVATION(leaky_relu, OF_PARAMS, x < 0 ? a * x : x)
ACTIVATION(clip, OF_PARAMS, x < a ? a : x > b ? b : x)
ACTIVATION(sigmoid, WITHOUT_PARAMS, SIGMOID(x))
ACTIVATION(silu, WITHOUT_PARAMS, SWISH(x, 1))
ACTIVATION(hard_sigmoid, OF_PARAMS, CLAMP(a * x + b, 0, 1))
ACTIVATION(hard_swish, WITHOUT_PARAMS, x <= -3 ? 0 : x >= 3 ? x : x * (x + 3) / 6)
ACTIVATION(hyperbolic_tangent, WITHOUT_PARAMS, tanh(x))
ACTIVATION(gelu, WITHOUT_PARAMS, GELU(x))
ACTIVATION(mish, WITHOUT_PARAMS, isinf(x) ? (x > 0 ? x : 0) : x * tanh(SOFTPLUS(x)))
ACTIVATION(elu, OF_PARAMS, x < 0 ? a * expm1(x) : x)

ACTIVATION(swish_of_cube, OF_PARAMS, SWISH(x, a + (b == 0 ? 0 : b * x * x)))

ACTIVATION(selu, OF_PARAMS, x > 0 ? b * x : b * a * expm1(x))
ACTIVATION(celu, OF_PARAMS, (x > 0 ? x : 0) + (x < 0 ? a * expm1(x / a) : 0))
ACTIVATION(softplus, WITHOUT_PARAMS, SOFTPLUS(x))
ACTIVATION(softsign, WITHOUT_PARAMS, isinf(x) ? (x > 0 ? 1 : -1) : x / (1 + fabs(x)))
ACTIVATION(thresholded_relu, OF_PARAMS, x > a ? x : x != x ? x : 0)
ACTIVATION(swish, OF_PARAMS, SWISH(x, a))
ACTIVATION(gelu_tanh, WITHOUT_PARAMS,
           isinf(x) ? (x > 0 ? x : 0) : x / 2 * (1 + tanh(GELU_SCALE(x) * (x + GELU_CUBE(x) * x * x * x))))
/* clang-format on */

/* ---- fused activations ---- */

typedef struct act_row {
    const char *name;
    const unary_loops *loops;
} act_row;

static const act_row act_rows[OP_ACT_COUNT] = {
    [OP_ACT_NONE] = { "none", &none },
    [OP_ACT_RELU] = { "relu", &relu },
    [OP_ACT_LEAKY_RELU] = { "leaky_relu", &leaky_relu },
    [OP_ACT_CLIP] = { "clip", &clip },
    [OP_ACT_SIGMOID] = { "sigmoid", &sigmoid },
    [OP_ACT_SILU] = { "silu", &silu },
    [OP_ACT_HARD_SIGMOID] = { "hard_sigmoid", &hard_sigmoid },
    [OP_ACT_HARD_SWISH] = { "hard_swish", &hard_swish },
    [OP_ACT_TANH] = { "tanh", &hyperbolic_tangent },
    [OP_ACT_GELU] = { "gelu", &gelu },
    [OP_ACT_MISH] = { "mish", &mish },
    [OP_ACT_ELU] = { "elu", &elu },
    [OP_ACT_SWISH] = { "swish", &swish_of_cube },
};

const char *op_act_name(op_act act)
{
    return act >= 0 && act < OP_ACT_COUNT ? act_rows[act].name : "?";
}

bool op_act_find(const char *name, op_act *act)
{
    for (int i = 0; i < OP_ACT_COUNT; i++) {
        if (strcmp(act_rows[i].name, name) == 0) {
            *act = (op_act)i;
            return true;
        }
    }
    return false;
}

void op_activation_apply_f32(const op_activation *activation, float *data, size_t n)
{
    if (activation->act == OP_ACT_NONE)
        return;
    unary_params params = { .alpha = activation->a, .beta = activation->b };
    act_rows[activation->act].loops->f32(data, data, n, &params);
}

void op_activation_apply_f64(const op_activation *activation, double *data, size_t n)
{
    if (activation->act == OP_ACT_NONE)
        return;
    unary_params params = { .alpha = activation->a, .beta = activation->b };
    act_rows[activation->act].loops->f64(data, data, n, &params);
}

/* ---- operators ---- */

static onyx_status parse_alpha_beta(const op_parse_context *context, unary_params *p, float alpha, const char *second,
                                    float beta)
{
    p->alpha = op_attribute_float(&context->attributes, "alpha", alpha);
    p->beta = second ? op_attribute_float(&context->attributes, second, beta) : 0;
    return ONYX_OK;
}

onyx_status op_parse_leaky_relu(const op_parse_context *context, void *params)
{
    return parse_alpha_beta(context, params, 0.01f, NULL, 0);
}

onyx_status op_parse_alpha_one(const op_parse_context *context, void *params)
{
    return parse_alpha_beta(context, params, 1, NULL, 0);
}

onyx_status op_parse_quick_gelu(const op_parse_context *context, void *params)
{
    return parse_alpha_beta(context, params, 1.702f, NULL, 0);
}

onyx_status op_parse_hard_sigmoid(const op_parse_context *context, void *params)
{
    return parse_alpha_beta(context, params, 0.2f, "beta", 0.5f);
}

onyx_status op_parse_selu(const op_parse_context *context, void *params)
{
    return parse_alpha_beta(context, params, 1.67326319217681884765625f, "gamma", 1.05070102214813232421875f);
}

onyx_status op_parse_gelu(const op_parse_context *context, void *params)
{
    unary_params *p = params;
    p->tanh_form = strcmp(op_attribute_string(&context->attributes, "approximate", "none"), "tanh") == 0;
    return ONYX_OK;
}

UNARY_LOOP(relu_i64, int64_t, int64_t, void, x > 0 ? x : 0)

onyx_status op_run_relu(op_run_context *context)
{
    static const unary_loops loops = { relu_f32, relu_f64, relu_i64, NULL, false };
    return unary_run(context, &loops);
}

onyx_status op_run_leaky_relu(op_run_context *context)
{
    return unary_run(context, &leaky_relu);
}

onyx_status op_run_sigmoid(op_run_context *context)
{
    return unary_run(context, &sigmoid);
}

onyx_status op_run_silu(op_run_context *context)
{
    return unary_run(context, &silu);
}

onyx_status op_run_hard_sigmoid(op_run_context *context)
{
    return unary_run(context, &hard_sigmoid);
}

onyx_status op_run_hard_swish(op_run_context *context)
{
    return unary_run(context, &hard_swish);
}

onyx_status op_run_tanh(op_run_context *context)
{
    return unary_run(context, &hyperbolic_tangent);
}

onyx_status op_run_gelu(op_run_context *context)
{
    const unary_params *p = context->params;
    return unary_run(context, p->tanh_form ? &gelu_tanh : &gelu);
}

onyx_status op_run_mish(op_run_context *context)
{
    return unary_run(context, &mish);
}

onyx_status op_run_elu(op_run_context *context)
{
    return unary_run(context, &elu);
}

onyx_status op_run_selu(op_run_context *context)
{
    return unary_run(context, &selu);
}

onyx_status op_run_celu(op_run_context *context)
{
    return unary_run(context, &celu);
}

onyx_status op_run_softplus(op_run_context *context)
{
    return unary_run(context, &softplus);
}

onyx_status op_run_softsign(op_run_context *context)
{
    return unary_run(context, &softsign);
}

onyx_status op_run_thresholded_relu(op_run_context *context)
{
    return unary_run(context, &thresholded_relu);
}

onyx_status op_run_swish(op_run_context *context)
{
    return unary_run(context, &swish);
}

onyx_status op_parse_shrink(const op_parse_context *context, void *params)
{
    unary_params *p = params;
    p->alpha = op_attribute_float(&context->attributes, "lambd", 0.5f);
    p->beta = op_attribute_float(&context->attributes, "bias", 0);
    return ONYX_OK;
}

/* clang-format off */
UNARY_LOOP(shrink_f32, float, float, unary_params, x < -p->alpha ? x + p->beta : x > p->alpha ? x - p->beta : 0)
UNARY_LOOP(shrink_f64, double, double, unary_params, x < -(double)p->alpha ? x + (double)p->beta
                                                     : x > (double)p->alpha ? x - (double)p->beta : 0)
/* clang-format on */

onyx_status op_run_shrink(op_run_context *context)
{
    static const unary_loops loops = { shrink_f32, shrink_f64, NULL, NULL, false };
    return unary_run(context, &loops);
}

/* ---- Clip: limits are inputs ---- */

typedef struct clip_limits {
    float f32[2];
    double f64[2];
    int64_t i64[2];
    uint64_t u64[2];
} clip_limits;

/* NaN stays. */
static inline float lower_of_f(float x, float high)
{
    return x > high ? high : x;
}

static inline double lower_of_d(double x, double high)
{
    return x > high ? high : x;
}

/* clang-format off */
UNARY_LOOP(limit_f32, float, float, clip_limits, lower_of_f(x < p->f32[0] ? p->f32[0] : x, p->f32[1]))
UNARY_LOOP(limit_f64, double, double, clip_limits, lower_of_d(x < p->f64[0] ? p->f64[0] : x, p->f64[1]))
UNARY_LOOP(limit_i64, int64_t, int64_t, clip_limits, MIN(MAX(x, p->i64[0]), p->i64[1]))
UNARY_LOOP(limit_u64, uint64_t, uint64_t, clip_limits, MIN(MAX(x, p->u64[0]), p->u64[1]))
/* clang-format on */

/* Limits may be of another type than the input: those of Clip-6 were float32 attributes. */
onyx_status op_shape_clip(op_shape_context *context)
{
    for (int i = 1; i < 3; i++) {
        STATUS_TRY(shape_type(context, i, TYPES_NUMBER));
        STATUS_TRY(shape_scalar(context, i));
    }
    return shape_same(context);
}

onyx_status op_run_clip(op_run_context *context)
{
    static const unary_loops loops = { limit_f32, limit_f64, limit_i64, limit_u64, false };
    clip_limits limits = {
        { -INFINITY, INFINITY }, { -INFINITY, INFINITY }, { INT64_MIN, INT64_MAX }, { 0, UINT64_MAX }
    };
    for (int i = 0; i < 2; i++) {
        const onyx_tensor *limit = run_input(context, i + 1);
        if (!limit || tensor_count(limit) == 0)
            continue;
        lanes_load(LANE_F32, limit->type, limit->data, 0, 1, &limits.f32[i]);
        lanes_load(LANE_F64, limit->type, limit->data, 0, 1, &limits.f64[i]);
        lanes_load(LANE_I64, limit->type, limit->data, 0, 1, &limits.i64[i]);
        lanes_load(LANE_U64, limit->type, limit->data, 0, 1, &limits.u64[i]);
    }
    op_run_context inner = *context;
    inner.params = &limits;
    return unary_run(&inner, &loops);
}
