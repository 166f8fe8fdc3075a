/* SPDX-License-Identifier: BSD-2-Clause
 *
 * MaxPool, AveragePool, LpPool and the global pools, for any number of spatial dimensions, and the quantised averages.
 * Padding never takes part in a maximum, and in an average only where count_include_pad counts it. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/quantize.h"
#include "ops/rows.h"
#include "ops/shape.h"

typedef struct pool_task {
    op_window window;
    bool max, column_major;
    int64_t in_plane, out_plane;
    const void *x;
    void *dst;
    int64_t *indices;
    int64_t *counts[OP_MAX_SPATIAL]; /* averages: taps that count, for each output index of each dimension */
} pool_task;

/* The element offset of the input row under outer tap `tap` for output row `row`; false outside of the input. */
static bool pool_input_row(const op_window *w, int64_t row, int64_t tap, int64_t *offset)
{
    int64_t stride = w->in[w->spatial - 1];
    *offset = 0;
    for (int d = w->spatial - 2; d >= 0; d--) {
        int64_t i = row % w->out[d] * w->stride[d] + tap % w->kernel[d] * w->dilation[d] - w->pad_begin[d];
        row /= w->out[d];
        tap /= w->kernel[d];
        if (i < 0 || i >= w->in[d])
            return false;
        *offset += i * stride;
        stride *= w->in[d];
    }
    return true;
}

/* Columns i with 0 <= i * stride + offset < width. */
static void pool_columns(int64_t offset, int64_t stride, int64_t width, int64_t columns, int64_t *from, int64_t *to)
{
    *from = offset >= 0 ? 0 : (-offset + stride - 1) / stride;
    *to = width - offset <= 0 ? 0 : MIN(columns, (width - offset + stride - 1) / stride);
}

static int64_t pool_row_count(const pool_task *t, int64_t row)
{
    int64_t count = 1;
    for (int d = t->window.spatial - 2; d >= 0; d--) {
        count *= t->counts[d][row % t->window.out[d]];
        row /= t->window.out[d];
    }
    return count;
}

/* Row-major offset in a plane -> the one with the first dimension fastest. */
static int64_t pool_column_major(const op_window *w, int64_t offset)
{
    int64_t index[OP_MAX_SPATIAL], result = 0;
    for (int d = w->spatial - 1; d >= 0; d--) {
        index[d] = offset % w->in[d];
        offset /= w->in[d];
    }
    for (int d = w->spatial - 1; d >= 0; d--)
        result = result * w->in[d] + index[d];
    return result;
}

#define T float
#define NAME(x) x##_f32
#include "ops/pool_loops.h"

#define T double
#define NAME(x) x##_f64
#include "ops/pool_loops.h"

/* ---- shapes ---- */

onyx_status op_shape_pool(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0];
    op_window window;
    int64_t dims[ONYX_MAX_RANK];
    if (x->rank >= 0) {
        STATUS_TRY(op_pool_window(context->params, x->rank, x->dims, &window, context->error));
        dims[0] = x->dims[0];
        dims[1] = x->dims[1];
        memcpy(dims + 2, window.out, (size_t)window.spatial * sizeof(int64_t));
    }
    for (int i = 0; i < context->output_count; i++)
        shape_set(&context->outputs[i], i ? ONYX_TYPE_INT64 : x->type, x->rank, dims);
    return ONYX_OK;
}

onyx_status op_shape_global_pool(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0];
    op_value *out = &context->outputs[0];
    shape_copy(out, x);
    if (x->rank >= 0 && x->rank < 2)
        return shape_fail(context, "the input has rank %d", x->rank);
    for (int i = 2; i < x->rank; i++)
        out->dims[i] = 1;
    return ONYX_OK;
}

/* ---- runs ---- */

static int64_t taps_that_count(const op_window *w, int d, int64_t o, bool include_pad)
{
    int64_t start = o * w->stride[d] - w->pad_begin[d], end = w->in[d] + (include_pad ? w->pad_end[d] : 0), count = 0;
    for (int64_t k = 0; k < w->kernel[d]; k++) {
        int64_t i = start + k * w->dilation[d];
        count += i < end && (include_pad || i >= 0);
    }
    return count;
}

static onyx_status prepare(op_run_context *context, const onyx_tensor *x, bool max, pool_task *t, int *planes)
{
    const pool_params *p = context->params;
    onyx_status status = ONYX_OK;
    memset(t, 0, sizeof(*t));
    STATUS_TRY(op_pool_window(p, x->rank, x->dims, &t->window, context->error));
    const op_window *w = &t->window;
    t->max = max;
    t->column_major = p->column_major;
    t->in_plane = (int64_t)dims_product(w->in, 0, w->spatial);
    t->out_plane = (int64_t)dims_product(w->out, 0, w->spatial);
    for (int d = 0; d < w->spatial && !max; d++) {
        t->counts[d] = run_scratch(context, (size_t)w->out[d], sizeof(int64_t), &status);
        STATUS_TRY(status);
        for (int64_t o = 0; o < w->out[d]; o++)
            t->counts[d][o] = taps_that_count(w, d, o, p->count_include_pad);
    }
    int64_t n = x->dims[0] * x->dims[1];
    if (n > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many planes");
    *planes = t->out_plane ? (int)n : 0;
    return ONYX_OK;
}

static onyx_status run_pool(op_run_context *context, bool max)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = run_output(context, 0), *indices = run_output(context, 1);
    lane l = x->type == ONYX_TYPE_FLOAT64 ? LANE_F64 : LANE_F32; /* also holds 8-bit integers exactly */
    onyx_status status = ONYX_OK;
    pool_task task;
    int planes = 0;
    STATUS_TRY(prepare(context, x, max, &task, &planes));
    task.x = lanes_of_tensor(context, x, l, &status);
    STATUS_TRY(status);
    if (out) {
        task.dst = lanes_for_output(context, out, l, &status);
        STATUS_TRY(status);
        workers_run(context->pool, l == LANE_F64 ? pool_part_f64 : pool_part_f32, &task, planes);
        lanes_finish_output(out, l, task.dst);
    }
    if (indices) {
        task.indices = indices->data;
        workers_run(context->pool, l == LANE_F64 ? index_part_f64 : index_part_f32, &task, planes);
    }
    return ONYX_OK;
}

onyx_status op_run_max_pool(op_run_context *context)
{
    return run_pool(context, true);
}

onyx_status op_run_average_pool(op_run_context *context)
{
    return run_pool(context, false);
}

/* ---- LpPool, GlobalLpPool: the p-th root of the sum of p-th powers ---- */

onyx_status op_parse_lp_pool(const op_parse_context *context, void *params)
{
    lp_pool_params *p = params;
    p->p = op_attribute_int(&context->attributes, "p", 2);
    if (p->p < 1)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "p is %lld", (long long)p->p);
    return strcmp(context->row->name, "LpPool") == 0 ? op_parse_pool(context, &p->pool) : ONYX_OK;
}

/* |x|^p */
static double *powers(op_run_context *context, const onyx_tensor *x, double p, onyx_status *status)
{
    const size_t count = tensor_count(x);
    double *values = run_scratch(context, count, sizeof(*values), status);
    if (!values)
        return NULL;
    lanes_load(LANE_F64, x->type, x->data, 0, count, values);
    for (size_t i = 0; i < count; i++)
        values[i] = p == 2 ? values[i] * values[i] : p == 1 ? fabs(values[i]) : pow(fabs(values[i]), p);
    return values;
}

static double root(double sum, double p)
{
    return p == 2 ? sqrt(sum) : p == 1 ? sum : pow(sum, 1 / p);
}

onyx_status op_run_lp_pool(op_run_context *context)
{
    const double p = (double)((const lp_pool_params *)context->params)->p;
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    pool_task task;
    int planes = 0;
    STATUS_TRY(prepare(context, context->inputs[0], false, &task, &planes));
    for (int d = 0; d < task.window.spatial; d++) /* sums, not means */
        for (int64_t o = 0; o < task.window.out[d]; o++)
            task.counts[d][o] = 1;
    task.x = powers(context, context->inputs[0], p, &status);
    STATUS_TRY(status);
    const size_t count = tensor_count(out);
    double *sums = run_scratch(context, count, sizeof(*sums), &status);
    STATUS_TRY(status);
    task.dst = sums;
    workers_run(context->pool, pool_part_f64, &task, planes);
    for (size_t i = 0; i < count; i++)
        sums[i] = root(sums[i], p);
    lanes_store(LANE_F64, sums, count, out->type, out->data, 0);
    return ONYX_OK;
}

onyx_status op_run_global_lp_pool(op_run_context *context)
{
    const double p = (double)((const lp_pool_params *)context->params)->p;
    const onyx_tensor *x = context->inputs[0];
    onyx_status status = ONYX_OK;
    const double *values = powers(context, x, p, &status);
    STATUS_TRY(status);
    const size_t planes = dims_product(x->dims, 0, 2), n = dims_product(x->dims, 2, x->rank);
    for (size_t i = 0; i < planes; i++) {
        double sum = 0;
        for (size_t k = i * n; k < (i + 1) * n; k++)
            sum += values[k];
        sum = root(sum, p);
        lanes_store(LANE_F64, &sum, 1, context->outputs[0]->type, context->outputs[0]->data, i);
    }
    return ONYX_OK;
}

/* Mean or maximum of each plane, in float64. */
static double plane_value(lane l, const void *x, size_t plane, size_t n, bool max)
{
    double value = max ? -INFINITY : 0;
    for (size_t i = plane * n; i < (plane + 1) * n; i++) {
        double v = l == LANE_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
        if (!max)
            value += v;
        else if (v > value || v != v)
            value = v;
    }
    return max ? value : value / (double)n;
}

static onyx_status run_global(op_run_context *context, bool max)
{
    const onyx_tensor *x = context->inputs[0];
    lane l = x->type == ONYX_TYPE_FLOAT64 ? LANE_F64 : LANE_F32;
    onyx_status status = ONYX_OK;
    const void *data = lanes_of_tensor(context, x, l, &status);
    if (!data)
        return status;
    size_t planes = dims_product(x->dims, 0, 2), n = dims_product(x->dims, 2, x->rank);
    for (size_t i = 0; i < planes; i++) {
        double value = plane_value(l, data, i, n, max);
        lanes_store(LANE_F64, &value, 1, x->type, context->outputs[0]->data, i);
    }
    return ONYX_OK;
}

onyx_status op_run_global_max_pool(op_run_context *context)
{
    return run_global(context, true);
}

onyx_status op_run_global_average_pool(op_run_context *context)
{
    return run_global(context, false);
}

/* ---- com.microsoft: x, x_scale, x_zero, y_scale, y_zero; planes first only ---- */

static onyx_status refuse_channels_last(const op_parse_context *context)
{
    if (op_attribute_int(&context->attributes, "channels_last", 0) == 0)
        return ONYX_OK;
    return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "channels_last is not supported");
}

onyx_status op_parse_qlinear_global_pool(const op_parse_context *context, void *params)
{
    (void)params;
    return refuse_channels_last(context);
}

onyx_status op_parse_qlinear_pool(const op_parse_context *context, void *params)
{
    STATUS_TRY(refuse_channels_last(context));
    return op_parse_pool(context, params);
}

static onyx_status check_quantisation(op_shape_context *context)
{
    STATUS_TRY(shape_scale(context, 1));
    STATUS_TRY(shape_zero_point(context, 2, 0));
    STATUS_TRY(shape_scale(context, 3));
    return shape_zero_point(context, 4, 0);
}

onyx_status op_shape_qlinear_pool(op_shape_context *context)
{
    STATUS_TRY(check_quantisation(context));
    return op_shape_pool(context);
}

onyx_status op_shape_qlinear_global_pool(op_shape_context *context)
{
    STATUS_TRY(check_quantisation(context));
    return op_shape_global_pool(context);
}

/* Element i of the result: what is left of it when y_scale is divided out, rounded, and the zero point. */
static void quantize_result(op_run_context *context, size_t i, float quotient)
{
    onyx_tensor *out = context->outputs[0];
    const onyx_tensor *zero = run_input(context, 4);
    int32_t low, high;
    quantized_range(out->type, &low, &high);
    int64_t q = quantized(quotient, zero_point_at(zero, 0), low, high);
    lanes_store(LANE_I64, &q, 1, out->type, out->data, i);
}

onyx_status op_run_qlinear_average_pool(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_status status = ONYX_OK;
    pool_task task;
    int planes = 0;
    size_t count = tensor_count(x), results = tensor_count(context->outputs[0]);
    STATUS_TRY(prepare(context, x, false, &task, &planes));
    float *centred_x = run_scratch(context, count, sizeof(float), &status);
    task.dst = run_scratch(context, results, sizeof(float), &status);
    STATUS_TRY(status);
    lanes_load(LANE_F32, x->type, x->data, 0, count, centred_x);
    for (size_t i = 0; i < count; i++)
        centred_x[i] -= (float)zero_point_at(run_input(context, 2), 0);
    task.x = centred_x;
    workers_run(context->pool, pool_part_f32, &task, planes);
    const float ratio = scale_at(context->inputs[1], 0) / scale_at(context->inputs[3], 0);
    for (size_t i = 0; i < results; i++)
        quantize_result(context, i, ((const float *)task.dst)[i] * ratio);
    return ONYX_OK;
}

onyx_status op_run_qlinear_global_average_pool(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    size_t planes = dims_product(x->dims, 0, 2), n = dims_product(x->dims, 2, x->rank);
    /* One factor for the whole sum, as ONNX Runtime has it: any other order rounds ties differently. */
    const float factor = scale_at(context->inputs[1], 0) / (scale_at(context->inputs[3], 0) * (float)n);
    const double zeros = (double)n * zero_point_at(run_input(context, 2), 0);
    for (size_t p = 0; p < planes; p++) {
        double sum = 0;
        for (size_t i = p * n; i < (p + 1) * n; i++) {
            float v;
            lanes_load(LANE_F32, x->type, x->data, i, 1, &v);
            sum += (double)v;
        }
        quantize_result(context, p, (float)(sum - zeros) * factor);
    }
    return ONYX_OK;
}
