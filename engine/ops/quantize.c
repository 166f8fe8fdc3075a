/* SPDX-License-Identifier: BSD-2-Clause
 *
 * QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear: per tensor, per axis and per block; and what all
 * quantised operators share. */
#include "ops/quantize.h"

#include <math.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

#define CHUNK 512

/* ---- shared parts ---- */

void quantized_range(onyx_type type, int32_t *low, int32_t *high)
{
    unsigned bits = onyx_type_bits(type);
    bool is_signed = lane_of(type) == LANE_I64;
    *low = is_signed ? -(1 << (bits - 1)) : 0;
    *high = is_signed ? (1 << (bits - 1)) - 1 : (1 << bits) - 1;
}

int32_t quantized(float x, int32_t zero_point, int32_t low, int32_t high)
{
    float q = rintf(x) + (float)zero_point; /* exact where it matters: |q| below 2^17 */
    if (q != q)
        return zero_point;
    return q <= (float)low ? low : q >= (float)high ? high : (int32_t)q;
}

float scale_at(const onyx_tensor *scale, size_t i)
{
    float value;
    lanes_load(LANE_F32, scale->type, scale->data, tensor_count(scale) > 1 ? i : 0, 1, &value);
    return value;
}

int32_t zero_point_at(const onyx_tensor *zero_point, size_t i)
{
    int64_t value = 0;
    if (zero_point)
        lanes_load(LANE_I64, zero_point->type, zero_point->data, tensor_count(zero_point) > 1 ? i : 0, 1, &value);
    return (int32_t)value;
}

int16_t *centred(op_run_context *context, const onyx_tensor *tensor, const onyx_tensor *zero_point, size_t inner,
                 onyx_status *status)
{
    size_t count = tensor_count(tensor), zeros = zero_point ? tensor_count(zero_point) : 1;
    int16_t *values = run_scratch(context, count, sizeof(*values), status);
    if (!values)
        return NULL;
    const uint8_t *u8 = tensor->data;
    const int8_t *s8 = tensor->data;
    bool is_signed = tensor->type == ONYX_TYPE_INT8;
    inner = zeros > 1 && inner ? inner : count;
    for (size_t begin = 0, line = 0; begin < count; begin += inner, line++) {
        int32_t zero = zero_point_at(zero_point, line % zeros);
        for (size_t i = begin; i < MIN(begin + inner, count); i++)
            values[i] = (int16_t)((is_signed ? s8[i] : u8[i]) - zero);
    }
    return values;
}

void requantize(onyx_tensor *out, size_t first, const int32_t *sums, size_t n, float multiplier, int32_t zero_point)
{
    int32_t low, high;
    uint8_t *dst = (uint8_t *)out->data + first;
    quantized_range(out->type, &low, &high);
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)quantized((float)sums[i] * multiplier, zero_point, low, high);
}

onyx_status shape_scale(op_shape_context *context, int index)
{
    STATUS_TRY(shape_type(context, index, TYPES_F32));
    return shape_scalar(context, index);
}

onyx_status shape_zero_point(op_shape_context *context, int index, int like)
{
    return shape_same_type(context, index, like);
}

/* ---- granularity ---- */

/* x seen as [outer][dim][inner]; the scale of an element is one for all, one per index of dim, or one per block. */
typedef struct grid {
    size_t outer, dim, inner, count;
    size_t scales_per_outer; /* 0 unless blocked: rows of `inner` scales along dim */
    size_t block;
    bool per_axis;
} grid;

static onyx_status grid_of(const quantize_params *p, int rank, const int64_t *dims, int scale_rank,
                           const int64_t *scale_dims, grid *g, onyx_error *error)
{
    size_t scales = dims_product(scale_dims, 0, scale_rank);
    int axis = 0;
    *g = (grid){ .outer = 1, .dim = 1, .inner = dims_product(dims, 0, rank), .count = dims_product(dims, 0, rank) };
    if (scale_rank == 0 || (scale_rank == 1 && scales == 1 && p->block_size == 0))
        return ONYX_OK;
    if (!axis_resolve(p->axis, rank, &axis))
        return status_fail(error, ONYX_ERROR_SHAPE, "axis is out of range for rank %d", rank);
    g->outer = dims_product(dims, 0, axis);
    g->dim = (size_t)dims[axis];
    g->inner = dims_product(dims, axis + 1, rank);
    if (scale_rank == 1 && p->block_size == 0) {
        g->per_axis = true;
        if (scales != g->dim)
            return status_fail(error, ONYX_ERROR_SHAPE, "%zu scales for a dimension of %zu", scales, g->dim);
        return ONYX_OK;
    }
    bool fits = scale_rank == rank && p->block_size > 0;
    for (int i = 0; i < rank && fits; i++)
        fits = scale_dims[i] == (i == axis ? (dims[i] - 1) / p->block_size + (dims[i] > 0) : dims[i]);
    if (!fits)
        return status_fail(error, ONYX_ERROR_SHAPE, "the scale's shape does not fit blocks of %lld",
                           (long long)p->block_size);
    g->block = (size_t)p->block_size;
    g->scales_per_outer = (size_t)scale_dims[axis];
    return ONYX_OK;
}

/* First scale of row (outer, d), and the step to the next element's. */
static size_t grid_scale(const grid *g, size_t outer, size_t d, size_t *step)
{
    *step = g->scales_per_outer ? 1 : 0;
    return g->scales_per_outer ? (outer * g->scales_per_outer + d / g->block) * g->inner : g->per_axis ? d : 0;
}

onyx_status op_parse_quantize(const op_parse_context *context, void *params)
{
    quantize_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", 1);
    p->block_size = op_attribute_int(&context->attributes, "block_size", 0);
    p->output_type = (onyx_type)op_attribute_int(&context->attributes, "output_dtype", 0);
    p->precision = (onyx_type)op_attribute_int(&context->attributes, "precision", 0);
    p->saturate = op_attribute_int(&context->attributes, "saturate", 1) != 0;
    if (p->block_size < 0 || (unsigned)p->output_type > 63 || (unsigned)p->precision > 63)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attributes are out of range");
    return ONYX_OK;
}

static bool may_be_one(const op_value *v)
{
    bool one = true;
    for (int i = 0; i < v->rank; i++)
        one = one && (v->dims[i] == 1 || v->dims[i] < 0);
    return one;
}

static onyx_status check_grid(op_shape_context *context)
{
    const op_value *x = context->inputs[0], *scale = context->inputs[1], *zero = shape_input(context, 2);
    grid g;
    if (scale->rank >= 0 && zero && zero->rank >= 0) {
        /* [] and [1] both mean one for all. */
        bool same = scale->rank == zero->rank || (may_be_one(scale) && may_be_one(zero));
        for (int i = 0; i < scale->rank && same && scale->rank == zero->rank; i++)
            same = scale->dims[i] < 0 || zero->dims[i] < 0 || scale->dims[i] == zero->dims[i];
        if (!same)
            return shape_fail(context, "scale and zero point differ in shape");
    }
    if (!value_dims_known(x) || !value_dims_known(scale))
        return ONYX_OK;
    return grid_of(context->params, x->rank, x->dims, scale->rank, scale->dims, &g, context->error);
}

/* ---- QuantizeLinear ---- */

#define TYPES_SCALE                                                                                                    \
    (TYPE_BIT(ONYX_TYPE_FLOAT32) | TYPE_BIT(ONYX_TYPE_FLOAT16) | TYPE_BIT(ONYX_TYPE_BFLOAT16) |                        \
     TYPE_BIT(ONYX_TYPE_FLOAT8E8M0))
#define TYPES_QUANTIZED                                                                                                \
    (TYPES_BYTE | TYPES_PACKED | TYPES_FLOAT8 | TYPE_BIT(ONYX_TYPE_INT16) | TYPE_BIT(ONYX_TYPE_UINT16))

onyx_status op_shape_quantize(op_shape_context *context)
{
    const quantize_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_SCALE | TYPE_BIT(ONYX_TYPE_INT32)));
    STATUS_TRY(shape_type(context, 2, TYPES_QUANTIZED));
    const op_value *zero = shape_input(context, 2);
    onyx_type type = p->output_type ? p->output_type : zero ? zero->type : ONYX_TYPE_UINT8;
    if (type && !type_in(type, TYPES_QUANTIZED))
        return status_fail(context->error, ONYX_ERROR_TYPE, "output_dtype %d is not supported", (int)type);
    if (zero && zero->type && zero->type != type)
        return status_fail(context->error, ONYX_ERROR_TYPE, "output_dtype differs from the zero point's type");
    if (p->precision && !type_in(p->precision, TYPES_FLOAT))
        return status_fail(context->error, ONYX_ERROR_TYPE, "precision %d is not supported", (int)p->precision);
    shape_copy(&context->outputs[0], context->inputs[0]);
    context->outputs[0].type = type;
    return check_grid(context);
}

typedef struct quantize_job {
    const onyx_tensor *x, *scale, *zero;
    onyx_tensor *out;
    onyx_type division; /* float16 and bfloat16 round the quotient */
    bool saturate, to_integer;
    int32_t low, high;
} quantize_job;

static double round_quotient(onyx_type type, double q)
{
    if (type == ONYX_TYPE_FLOAT16)
        return (double)half_to_float(float_to_half(double_to_float_odd(q)));
    if (type == ONYX_TYPE_BFLOAT16)
        return (double)bfloat16_to_float(float_to_bfloat16(double_to_float_odd(q)));
    return type == ONYX_TYPE_FLOAT32 ? (double)(float)q : q;
}

static void quantize_row(const quantize_job *job, size_t first, size_t n, size_t scale_first, size_t scale_step)
{
    double x[CHUNK];
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        size_t length = MIN((size_t)CHUNK, n - begin);
        lanes_load(LANE_F64, job->x->type, job->x->data, first + begin, length, x);
        for (size_t i = 0; i < length; i++) {
            size_t at = scale_first + (begin + i) * scale_step, to = first + begin + i;
            double q = round_quotient(job->division, x[i] / (double)scale_at(job->scale, at));
            if (job->to_integer) {
                q = rint(q);
                /* The sum is taken wide; NaN gives the zero point. */
                double sum = (q != q ? 0 : q) + zero_point_at(job->zero, at);
                int64_t value = sum <= job->low ? job->low : sum >= job->high ? job->high : (int64_t)sum;
                lanes_store(LANE_I64, &value, 1, job->out->type, job->out->data, to);
            } else if (type_is_packed(job->out->type)) {
                lanes_store(LANE_F64, &q, 1, job->out->type, job->out->data, to);
            } else {
                ((uint8_t *)job->out->data)[to] = float_to_small_float(job->out->type, (float)q, job->saturate);
            }
        }
    }
}

/* The case that models have: float32 to 8 bits with one scale for the row. */
static void quantize_row_fast(const quantize_job *job, size_t first, size_t n, size_t scale_index)
{
    const float *x = (const float *)job->x->data + first;
    uint8_t *dst = (uint8_t *)job->out->data + first;
    float scale = scale_at(job->scale, scale_index);
    int32_t zero = zero_point_at(job->zero, scale_index);
    for (size_t i = 0; i < n; i++)
        dst[i] = (uint8_t)quantized(x[i] / scale, zero, job->low, job->high);
}

onyx_status op_run_quantize(op_run_context *context)
{
    const quantize_params *p = context->params;
    quantize_job job = { .x = context->inputs[0], .scale = context->inputs[1], .zero = run_input(context, 2) };
    grid g;
    STATUS_TRY(grid_of(p, job.x->rank, job.x->dims, job.scale->rank, job.scale->dims, &g, context->error));
    job.out = context->outputs[0];
    job.saturate = p->saturate;
    job.to_integer = !type_in(job.out->type, TYPES_FLOAT8 | TYPE_BIT(ONYX_TYPE_FLOAT4E2M1));
    /* An integer input divides in float64, as in numpy; else the scale's type decides, or `precision`. */
    job.division = p->precision ? p->precision : job.x->type == ONYX_TYPE_INT32 ? ONYX_TYPE_FLOAT64 : job.scale->type;
    if (job.division == ONYX_TYPE_FLOAT8E8M0 || job.division == ONYX_TYPE_INT32)
        job.division = job.x->type;
    if (job.to_integer)
        quantized_range(job.out->type, &job.low, &job.high);
    bool fast = job.x->type == ONYX_TYPE_FLOAT32 && type_in(job.out->type, TYPES_BYTE) && !g.scales_per_outer &&
                job.division == ONYX_TYPE_FLOAT32;
    for (size_t o = 0; o < g.outer; o++) {
        for (size_t d = 0; d < g.dim; d++) {
            size_t step, scale = grid_scale(&g, o, d, &step), first = (o * g.dim + d) * g.inner;
            if (fast)
                quantize_row_fast(&job, first, g.inner, scale);
            else
                quantize_row(&job, first, g.inner, scale, step);
        }
    }
    return ONYX_OK;
}

/* ---- DequantizeLinear ---- */

onyx_status op_shape_dequantize(op_shape_context *context)
{
    const quantize_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_SCALE));
    STATUS_TRY(shape_same_type(context, 0, 2));
    onyx_type type = p->output_type ? p->output_type : context->inputs[1]->type;
    if (type && !type_in(type, TYPES_FLOAT & ~TYPE_BIT(ONYX_TYPE_FLOAT64)))
        return status_fail(context->error, ONYX_ERROR_TYPE, "an output of %s is not supported", onyx_type_name(type));
    shape_copy(&context->outputs[0], context->inputs[0]);
    context->outputs[0].type = type;
    return check_grid(context);
}

static void dequantize_row(op_run_context *context, size_t first, size_t n, size_t scale_first, size_t scale_step)
{
    const onyx_tensor *x = context->inputs[0], *scale = context->inputs[1], *zero = run_input(context, 2);
    onyx_tensor *out = context->outputs[0];
    bool is_float = lane_of(x->type) == LANE_F32;
    float values[CHUNK];
    int64_t integers[CHUNK];
    for (size_t begin = 0; begin < n; begin += CHUNK) {
        size_t length = MIN((size_t)CHUNK, n - begin);
        if (is_float)
            lanes_load(LANE_F32, x->type, x->data, first + begin, length, values);
        else
            lanes_load(LANE_I64, x->type, x->data, first + begin, length, integers);
        float s = scale_at(scale, scale_first + begin * scale_step);
        int32_t z = is_float ? 0 : zero_point_at(zero, scale_first + begin * scale_step);
        for (size_t i = 0; i < length; i++) {
            if (scale_step) {
                s = scale_at(scale, scale_first + begin + i);
                z = is_float ? 0 : zero_point_at(zero, scale_first + begin + i);
            }
            values[i] = (is_float ? values[i] : (float)(integers[i] - z)) * s;
        }
        lanes_store(LANE_F32, values, length, out->type, out->data, first + begin);
    }
}

onyx_status op_run_dequantize(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0], *scale = context->inputs[1];
    grid g;
    STATUS_TRY(grid_of(context->params, x->rank, x->dims, scale->rank, scale->dims, &g, context->error));
    for (size_t o = 0; o < g.outer; o++) {
        for (size_t d = 0; d < g.dim; d++) {
            size_t step, first = grid_scale(&g, o, d, &step);
            dequantize_row(context, (o * g.dim + d) * g.inner, g.inner, first, step);
        }
    }
    return ONYX_OK;
}

/* ---- DynamicQuantizeLinear: y, y_scale, y_zero_point ---- */

onyx_status op_shape_dynamic_quantize(op_shape_context *context)
{
    static const onyx_type types[] = { ONYX_TYPE_UINT8, ONYX_TYPE_FLOAT32, ONYX_TYPE_UINT8 };
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0];
    for (int i = 0; i < context->output_count; i++)
        shape_set(&context->outputs[i], types[i], i ? 0 : x->rank, x->dims);
    return ONYX_OK;
}

onyx_status op_run_dynamic_quantize(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *y = run_output(context, 0), *y_scale = run_output(context, 1), *y_zero = run_output(context, 2);
    const float *data = x->data;
    size_t count = tensor_count(x);
    float low = 0, high = 0; /* the range always holds 0 */
    for (size_t i = 0; i < count; i++) {
        low = data[i] < low ? data[i] : low;
        high = data[i] > high ? data[i] : high;
    }
    float scale = low == high ? 1 : (high - low) / 255;
    uint8_t zero = (uint8_t)quantized(-low / scale, 0, 0, 255);
    if (y_scale)
        *(float *)y_scale->data = scale;
    if (y_zero)
        *(uint8_t *)y_zero->data = zero;
    for (size_t i = 0; i < count && y; i++)
        ((uint8_t *)y->data)[i] = (uint8_t)quantized(data[i] / scale, zero, 0, 255);
    return ONYX_OK;
}
