/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize. Every mode is separable: each dimension gets a table of source taps per output index, and dimensions are
 * resized one after the other. Coordinates follow the specification's formulas in float64. */
#include <math.h>
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* ---- attributes ---- */

onyx_status op_parse_resize(const op_parse_context *context, void *params)
{
    static const char *const modes[] = { "nearest", "linear", "cubic" };
    static const char *const coordinates[] = { "half_pixel",        "half_pixel_symmetric", "pytorch_half_pixel",
                                               "align_corners",     "asymmetric",           "tf_half_pixel_for_nn",
                                               "tf_crop_and_resize" };
    static const char *const nearest[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" };
    static const char *const aspects[] = { "stretch", "not_larger", "not_smaller" };
    resize_params *p = params;
    const op_attributes *a = &context->attributes;
    int mode = 0, coordinate = 0, round = 0, aspect = 0;
    STATUS_TRY(op_attribute_choice(context, "mode", "nearest", modes, ARRAY_LENGTH(modes), &mode));
    STATUS_TRY(op_attribute_choice(context, "coordinate_transformation_mode", "half_pixel", coordinates,
                                   ARRAY_LENGTH(coordinates), &coordinate));
    STATUS_TRY(
        op_attribute_choice(context, "nearest_mode", "round_prefer_floor", nearest, ARRAY_LENGTH(nearest), &round));
    STATUS_TRY(
        op_attribute_choice(context, "keep_aspect_ratio_policy", "stretch", aspects, ARRAY_LENGTH(aspects), &aspect));
    p->mode = (op_resize_mode)mode;
    p->coordinates = (op_resize_coordinates)coordinate;
    p->nearest = (op_resize_nearest)round;
    p->aspect = (op_resize_aspect)aspect;
    p->antialias = op_attribute_int(a, "antialias", 0) != 0;
    p->exclude_outside = op_attribute_int(a, "exclude_outside", 0) != 0;
    p->cubic_a = op_attribute_float(a, "cubic_coeff_a", -0.75f);
    p->extrapolation_value = op_attribute_float(a, "extrapolation_value", 0);
    const op_attribute *axes = op_attribute_find(a, "axes", OP_ATTRIBUTE_INTS);
    if (axes && axes->count > ONYX_MAX_RANK)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "axes has %d entries", axes->count);
    p->axis_count = axes ? axes->count : 0;
    for (int i = 0; i < p->axis_count; i++)
        p->axes[i] = axes->ints[i];
    return ONYX_OK;
}

/* ---- geometry ---- */

static onyx_status given_axes(const resize_params *p, int rank, int *axes, int *count, onyx_error *error)
{
    bool seen[ONYX_MAX_RANK] = { false };
    *count = p->axis_count ? p->axis_count : rank;
    for (int i = 0; i < *count; i++) {
        axes[i] = i;
        if (p->axis_count && (!axis_resolve(p->axes[i], rank, &axes[i]) || seen[axes[i]]))
            return status_fail(error, ONYX_ERROR_SHAPE, "axis %lld is out of range or stands twice",
                               (long long)p->axes[i]);
        seen[axes[i]] = true;
    }
    return ONYX_OK;
}

/* One scale for all of `axes`, so that no (every) side is larger than asked for. */
static void keep_aspect(const resize_params *p, const int *list, int count, op_resize_axis *axes)
{
    double scale = axes[list[0]].scale;
    for (int i = 1; i < count; i++) {
        double s = axes[list[i]].scale;
        scale = p->aspect == OP_RESIZE_NOT_LARGER ? MIN(scale, s) : MAX(scale, s);
    }
    for (int i = 0; i < count; i++) {
        axes[list[i]].scale = scale;
        axes[list[i]].out = (int64_t)(scale * (double)axes[list[i]].in + 0.5);
    }
}

onyx_status op_resize_axes(const resize_params *params, int rank, const int64_t *in_dims, const onyx_tensor *roi,
                           const onyx_tensor *scales, const onyx_tensor *sizes, op_resize_axis *axes, onyx_error *error)
{
    int list[ONYX_MAX_RANK], count;
    STATUS_TRY(given_axes(params, rank, list, &count, error));
    bool by_scales = scales && tensor_count(scales) > 0, by_sizes = sizes && tensor_count(sizes) > 0;
    if (by_scales == by_sizes)
        return status_fail(error, ONYX_ERROR_SHAPE, "exactly one of scales and sizes must be given");
    if (tensor_count(by_scales ? scales : sizes) != (size_t)count)
        return status_fail(error, ONYX_ERROR_SHAPE, "scales or sizes has not %d entries", count);
    bool has_roi = roi && tensor_count(roi) > 0 && params->coordinates == OP_RESIZE_TF_CROP_AND_RESIZE;
    if (has_roi && tensor_count(roi) != 2 * (size_t)count)
        return status_fail(error, ONYX_ERROR_SHAPE, "roi has not %d entries", 2 * count);
    for (int i = 0; i < rank; i++)
        axes[i] = (op_resize_axis){ in_dims[i], in_dims[i], 1, 0, 1 };
    for (int i = 0; i < count; i++) {
        op_resize_axis *axis = &axes[list[i]];
        if (by_scales) {
            float scale = 0;
            lanes_load(LANE_F32, scales->type, scales->data, (size_t)i, 1, &scale);
            double out = (double)floorf(scale * (float)axis->in);
            if (!(scale > 0) || !(out < 9e15))
                return status_fail(error, ONYX_ERROR_SHAPE, "scale %d is %g", i, (double)scale);
            axis->scale = (double)scale;
            axis->out = (int64_t)out;
        } else {
            lanes_load(LANE_I64, sizes->type, sizes->data, (size_t)i, 1, &axis->out);
            if (axis->out < 0)
                return status_fail(error, ONYX_ERROR_SHAPE, "size %d is %lld", i, (long long)axis->out);
            axis->scale = axis->in ? (double)axis->out / (double)axis->in : 1;
        }
        if (axis->in == 0 && axis->out > 0)
            return status_fail(error, ONYX_ERROR_SHAPE, "an empty dimension cannot be resized");
        if (has_roi) {
            lanes_load(LANE_F64, roi->type, roi->data, (size_t)i, 1, &axis->roi_start);
            lanes_load(LANE_F64, roi->type, roi->data, (size_t)(count + i), 1, &axis->roi_end);
        }
    }
    if (by_sizes && params->aspect != OP_RESIZE_STRETCH && count > 0)
        keep_aspect(params, list, count, axes);
    return ONYX_OK;
}

double op_resize_source(const resize_params *params, const op_resize_axis *axis, int64_t index)
{
    double x = (double)index, in = (double)axis->in, scale = axis->scale, length = scale * in;
    switch (params->coordinates) {
    case OP_RESIZE_HALF_PIXEL:
        break;
    case OP_RESIZE_HALF_PIXEL_SYMMETRIC: /* centre on centre, where the output is not exactly scale * in long */
        return in / 2 * (1 - (double)axis->out / length) + (x + 0.5) / scale - 0.5;
    case OP_RESIZE_PYTORCH_HALF_PIXEL:
        return axis->out == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case OP_RESIZE_ALIGN_CORNERS:
        return length == 1 || axis->out == 1 ? 0 : x * (in - 1) / (length - 1);
    case OP_RESIZE_ASYMMETRIC:
        return x / scale;
    case OP_RESIZE_TF_HALF_PIXEL_FOR_NN:
        return (x + 0.5) / scale;
    case OP_RESIZE_TF_CROP_AND_RESIZE:
        if (axis->out == 1)
            return (axis->roi_start + axis->roi_end) * (in - 1) / 2;
        return axis->roi_start * (in - 1) + x * (axis->roi_end - axis->roi_start) * (in - 1) / (length - 1);
    }
    return (x + 0.5) / scale - 0.5;
}

static int64_t clamp_index(double x, int64_t length)
{
    return x > 0 ? (x < (double)(length - 1) ? (int64_t)x : length - 1) : 0;
}

int64_t op_resize_nearest_index(const resize_params *params, const op_resize_axis *axis, int64_t index)
{
    double x = op_resize_source(params, axis, index);
    switch (params->nearest) {
    case OP_RESIZE_ROUND_PREFER_FLOOR:
        x = ceil(x - 0.5);
        break;
    case OP_RESIZE_ROUND_PREFER_CEIL:
        x = floor(x + 0.5);
        break;
    case OP_RESIZE_FLOOR:
        x = floor(x);
        break;
    case OP_RESIZE_CEIL:
        x = ceil(x);
        break;
    }
    return clamp_index(x, axis->in);
}

/* x = base + ratio with ratio in (0, 1]: a whole x counts as the end of the interval before it. */
static double split_source(double x, double *ratio)
{
    double base = ceil(x) - 1;
    *ratio = x - base;
    return base;
}

void op_resize_linear_taps(const resize_params *params, const op_resize_axis *axis, int64_t index, int64_t *first,
                           int64_t *next, float *weight)
{
    double ratio, base = split_source(op_resize_source(params, axis, index), &ratio);
    *first = clamp_index(base, axis->in);
    *next = clamp_index(base + 1, axis->in);
    *weight = (float)ratio;
}

/* The shape */
onyx_status op_shape_resize(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_FLOAT));
    STATUS_TRY(shape_type(context, 2, TYPES_F32));
    STATUS_TRY(shape_type(context, 3, TYPE_BIT(ONYX_TYPE_INT64)));
    const resize_params *p = context->params;
    const op_value *x = context->inputs[0];
    op_value *out = &context->outputs[0];
    shape_copy(out, x);
    if (p->mode != OP_RESIZE_NEAREST && x->type && !type_in(x->type, TYPES_NUMBER))
        return status_fail(context->error, ONYX_ERROR_TYPE, "only mode nearest resizes %s", onyx_type_name(x->type));
    for (int i = 0; i < x->rank; i++)
        out->dims[i] = -1;
    bool known = x->rank >= 0;
    for (int i = 0; i < x->rank; i++)
        known = known && x->dims[i] >= 0;
    for (int i = 1; i < context->input_count; i++)
        known = known && (!context->inputs[i] || context->inputs[i]->constant || i == 1);
    if (!known)
        return ONYX_OK;
    op_resize_axis axes[ONYX_MAX_RANK];
    STATUS_TRY(op_resize_axes(p, x->rank, x->dims, shape_constant(context, 1), shape_constant(context, 2),
                              shape_constant(context, 3), axes, context->error));
    for (int i = 0; i < x->rank; i++)
        out->dims[i] = axes[i].out;
    return ONYX_OK;
}

/* ---- nearest: any type ---- */

static bool is_identity(const op_resize_axis *axis)
{
    return axis->in == axis->out && fabs(axis->scale - 1) < 1e-9 && axis->roi_start == 0 && axis->roi_end == 1;
}

/* tf_crop_and_resize: output indices whose source lies outside take the extrapolation value. */
static bool lies_outside(const resize_params *p, const op_resize_axis *axis, int64_t index)
{
    if (p->coordinates != OP_RESIZE_TF_CROP_AND_RESIZE)
        return false;
    double x = op_resize_source(p, axis, index);
    return x < 0 || x > (double)(axis->in - 1);
}

static void gather_row(char *dst, const char *src, const int64_t *table, int64_t n, size_t bytes)
{
#define GATHER(T)                                                                                                      \
    for (int64_t i = 0; i < n; i++)                                                                                    \
    ((T *)(void *)dst)[i] = ((const T *)(const void *)src)[table[i]]
    switch (bytes) {
    case 1:
        GATHER(uint8_t);
        break;
    case 2:
        GATHER(uint16_t);
        break;
    case 4:
        GATHER(uint32_t);
        break;
    case 8:
        GATHER(uint64_t);
        break;
    default:
        for (int64_t i = 0; i < n; i++)
            memcpy(dst + (size_t)i * bytes, src + (size_t)table[i] * bytes, bytes);
        break;
    }
#undef GATHER
}

static onyx_status resize_nearest(op_run_context *context, const op_resize_axis *axes)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    int64_t *tables[ONYX_MAX_RANK], strides[ONYX_MAX_RANK];
    int last = x->rank - 1;
    size_t bytes = type_size(x->type);
    dims_strides(x->rank, x->dims, strides);
    for (int d = 0; d < x->rank; d++) {
        tables[d] = run_scratch(context, (size_t)axes[d].out, sizeof(int64_t), &status);
        STATUS_TRY(status);
        for (int64_t i = 0; i < axes[d].out; i++)
            tables[d][i] = is_identity(&axes[d]) ? i : op_resize_nearest_index(context->params, &axes[d], i);
    }
    int64_t n = axes[last].out;
    size_t rows = dims_product(out->dims, 0, last);
    char *dst = out->data;
    for (size_t row = 0; row < rows; row++, dst += (size_t)n * bytes) {
        size_t rest = row;
        int64_t offset = 0;
        for (int d = last - 1; d >= 0; d--) {
            offset += tables[d][rest % (size_t)axes[d].out] * strides[d];
            rest /= (size_t)axes[d].out;
        }
        gather_row(dst, (const char *)x->data + (size_t)offset * bytes, tables[last], n, bytes);
    }
    return ONYX_OK;
}

/* ---- linear and cubic ---- */

/* taps weights per output index, from source index first[i] + k, clamped. */
typedef struct tap_table {
    int taps;
    int64_t *indices;
    double *weights;
} tap_table;

static double cubic_weight(double x, double a)
{
    x = fabs(x);
    if (x <= 1)
        return ((a + 2) * x - (a + 3)) * x * x + 1;
    return x < 2 ? ((a * x - 5 * a) * x + 8 * a) * x - 4 * a : 0;
}

static double tap_weight(const resize_params *p, double distance)
{
    if (p->mode == OP_RESIZE_CUBIC)
        return cubic_weight(distance, (double)p->cubic_a);
    return MAX(1 - fabs(distance), 0);
}

static onyx_status make_taps(op_run_context *context, const op_resize_axis *axis, tap_table *t)
{
    const resize_params *p = context->params;
    onyx_status status = ONYX_OK;
    /* Antialiasing stretches the filter when the dimension shrinks. */
    double stretch = p->antialias ? MIN(axis->scale, 1) : 1, reach = p->mode == OP_RESIZE_CUBIC ? 2 : 1;
    double start = floor(-reach / stretch) + 1;
    if (start < -(double)(1 << 24))
        return status_fail(context->error, ONYX_ERROR_LIMIT, "the scale is too small to antialias");
    t->taps = (int)(2 - 2 * start);
    t->indices = run_scratch(context, (size_t)axis->out * (size_t)t->taps, sizeof(int64_t), &status);
    t->weights = run_scratch(context, (size_t)axis->out * (size_t)t->taps, sizeof(double), &status);
    STATUS_TRY(status);
    for (int64_t i = 0; i < axis->out; i++) {
        double ratio, base = split_source(op_resize_source(p, axis, i), &ratio), sum = 0;
        double *weights = t->weights + i * t->taps;
        for (int k = 0; k < t->taps; k++) {
            double at = base + start + k;
            bool outside = at < 0 || at > (double)(axis->in - 1);
            weights[k] = p->exclude_outside && outside ? 0 : tap_weight(p, (start + k - ratio) * stretch);
            sum += weights[k];
            t->indices[i * t->taps + k] = clamp_index(at, axis->in);
        }
        for (int k = 0; k < t->taps && (p->antialias || p->exclude_outside) && sum != 0; k++)
            weights[k] /= sum;
    }
    return ONYX_OK;
}

/* src [outer][in][inner] -> dst [outer][out][inner]; a part is one of outer. */
typedef struct resize_job {
    const void *src;
    void *dst;
    int64_t in, out, inner;
    const tap_table *taps;
} resize_job;

#define RESIZE_PART(NAME, T)                                                                                           \
    static void NAME(void *context, int part, int worker)                                                              \
    {                                                                                                                  \
        const resize_job *job = context;                                                                               \
        const T *src = (const T *)job->src + part * job->in * job->inner;                                              \
        T *dst = (T *)job->dst + part * job->out * job->inner;                                                         \
        int taps = job->taps->taps;                                                                                    \
        (void)worker;                                                                                                  \
        for (int64_t i = 0; i < job->out && job->inner == 1; i++) {                                                    \
            T sum = 0;                                                                                                 \
            for (int k = 0; k < taps; k++)                                                                             \
                sum += (T)job->taps->weights[i * taps + k] * src[job->taps->indices[i * taps + k]];                    \
            dst[i] = sum;                                                                                              \
        }                                                                                                              \
        for (int64_t i = 0; i < job->out && job->inner > 1; i++, dst += job->inner) {                                  \
            memset(dst, 0, (size_t)job->inner * sizeof(T));                                                            \
            for (int k = 0; k < taps; k++) {                                                                           \
                const T *s = src + job->taps->indices[i * taps + k] * job->inner;                                      \
                T w = (T)job->taps->weights[i * taps + k];                                                             \
                for (int64_t j = 0; j < job->inner; j++)                                                               \
                    dst[j] += w * s[j];                                                                                \
            }                                                                                                          \
        }                                                                                                              \
    }

RESIZE_PART(resize_part_f32, float)
RESIZE_PART(resize_part_f64, double)

/* Integers are rounded and clamped. */
static void store_result(onyx_tensor *out, lane l, const void *data)
{
    if (!type_in(out->type, TYPES_INT)) {
        lanes_finish_output(out, l, data);
        return;
    }
    unsigned bits = onyx_type_bits(out->type);
    bool is_signed = lane_of(out->type) == LANE_I64;
    double low = is_signed ? -ldexp(1, (int)bits - 1) : 0, high = ldexp(1, (int)bits - (is_signed ? 1 : 0)) - 1;
    size_t count = tensor_count(out);
    for (size_t i = 0; i < count; i++) {
        double x = rint(lane_get(l, data, i));
        x = x < low ? low : x > high ? high : x;
        lanes_store(LANE_F64, &x, 1, out->type, out->data, i);
    }
}

static onyx_status resize_smooth(op_run_context *context, const op_resize_axis *axes)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    bool is_double = x->type == ONYX_TYPE_FLOAT64 || (type_in(x->type, TYPES_INT) && onyx_type_bits(x->type) > 16);
    lane l = is_double ? LANE_F64 : LANE_F32;
    const void *src = lanes_of_tensor(context, x, l, &status);
    STATUS_TRY(status);
    int64_t dims[ONYX_MAX_RANK];
    memcpy(dims, x->dims, sizeof(dims));
    for (int d = 0; d < x->rank; d++) {
        if (is_identity(&axes[d]))
            continue;
        tap_table taps;
        STATUS_TRY(make_taps(context, &axes[d], &taps));
        size_t outer = dims_product(dims, 0, d);
        resize_job job = { .src = src, .in = axes[d].in, .out = axes[d].out, .taps = &taps };
        job.inner = (int64_t)dims_product(dims, d + 1, x->rank);
        dims[d] = axes[d].out;
        job.dst = run_scratch(context, dims_product(dims, 0, x->rank), lane_size(l), &status);
        STATUS_TRY(status);
        if (outer > INT32_MAX)
            return status_fail(context->error, ONYX_ERROR_LIMIT, "too many rows");
        workers_run(context->pool, is_double ? resize_part_f64 : resize_part_f32, &job, (int)outer);
        src = job.dst;
    }
    store_result(out, l, src);
    return ONYX_OK;
}

/* Overwrites what lies outside of the cropped input. */
static void extrapolate(op_run_context *context, const op_resize_axis *axes)
{
    const resize_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    for (int d = 0; d < out->rank; d++) {
        size_t outer = dims_product(out->dims, 0, d), inner = dims_product(out->dims, d + 1, out->rank);
        for (int64_t i = 0; i < axes[d].out; i++) {
            if (!lies_outside(p, &axes[d], i))
                continue;
            for (size_t k = 0; k < outer * inner; k++) {
                size_t at = (k / inner * (size_t)axes[d].out + (size_t)i) * inner + k % inner;
                lanes_store(LANE_F32, &p->extrapolation_value, 1, out->type, out->data, at);
            }
        }
    }
}

onyx_status op_run_resize(op_run_context *context)
{
    const resize_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    op_resize_axis axes[ONYX_MAX_RANK];
    STATUS_TRY(op_resize_axes(p, x->rank, x->dims, run_input(context, 1), run_input(context, 2), run_input(context, 3),
                              axes, context->error));
    if (tensor_count(context->outputs[0]) == 0)
        return ONYX_OK;
    if (x->rank == 0) {
        memcpy(context->outputs[0]->data, x->data, x->size_bytes);
        return ONYX_OK;
    }
    STATUS_TRY(p->mode == OP_RESIZE_NEAREST ? resize_nearest(context, axes) : resize_smooth(context, axes));
    if (p->coordinates == OP_RESIZE_TF_CROP_AND_RESIZE && type_in(x->type, TYPES_NUMBER | TYPES_BOOL))
        extrapolate(context, axes);
    return ONYX_OK;
}
