/* SPDX-License-Identifier: BSD-2-Clause
 *
 * All Reduce* operators. Dims are merged to runs that are kept or reduced; rows of the input are folded into an array
 * of accumulators (float64, int64 or uint64), which a last step turns into the result. */
#include <math.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

typedef enum reduction { SUM, MEAN, MAXIMUM, MINIMUM, PRODUCT, L1, L2, SUM_SQUARE, LOG_SUM, LOG_SUM_EXP } reduction;

onyx_status op_parse_reduce(const op_parse_context *context, void *params)
{
    reduce_params *p = params;
    p->keepdims = op_attribute_int(&context->attributes, "keepdims", 1) != 0;
    p->noop_with_empty_axes = op_attribute_int(&context->attributes, "noop_with_empty_axes", 0) != 0;
    return ONYX_OK;
}

/* axes NULL or empty: all, or none with noop_with_empty_axes. */
static onyx_status reduced_axes(const reduce_params *p, int rank, const onyx_tensor *axes, bool *reduced,
                                onyx_error *error)
{
    int64_t list[ONYX_MAX_RANK];
    int count = 0;
    if (axes && !tensor_ints(axes, list, ONYX_MAX_RANK, &count))
        return status_fail(error, ONYX_ERROR_SHAPE, "more than %d axes", ONYX_MAX_RANK);
    for (int i = 0; i < rank; i++)
        reduced[i] = count == 0 && !p->noop_with_empty_axes;
    for (int i = 0; i < count; i++) {
        int axis;
        if (!axis_resolve(list[i], rank, &axis))
            return status_fail(error, ONYX_ERROR_SHAPE, "axis %lld is out of range for rank %d", (long long)list[i],
                               rank);
        reduced[axis] = true;
    }
    return ONYX_OK;
}

onyx_status op_shape_reduce(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    const reduce_params *p = context->params;
    const op_value *in = context->inputs[0], *axes = shape_input(context, 1);
    op_value *out = &context->outputs[0];
    bool reduced[ONYX_MAX_RANK];
    out->type = in->type;
    if (in->rank < 0)
        return ONYX_OK;
    if (axes && !axes->constant) {
        for (int i = 0; i < in->rank && p->keepdims; i++)
            out->dims[i] = -1;
        out->rank = p->keepdims ? in->rank : -1;
        return ONYX_OK;
    }
    STATUS_TRY(reduced_axes(p, in->rank, axes ? axes->constant : NULL, reduced, context->error));
    int64_t dims[ONYX_MAX_RANK];
    int rank = 0;
    for (int i = 0; i < in->rank; i++) {
        if (!reduced[i])
            dims[rank++] = in->dims[i];
        else if (p->keepdims)
            dims[rank++] = 1;
    }
    shape_set(out, in->type, rank, dims);
    return ONYX_OK;
}

/* ---- folding ---- */

/* Folds the value v into accumulator a. */
static inline double fold_double(reduction kind, double a, double v, double shift)
{
    switch (kind) {
    case SUM:
    case MEAN:
    case LOG_SUM:
        return a + v;
    case MAXIMUM:
        return v > a || v != v ? v : a;
    case MINIMUM:
        return v < a || v != v ? v : a;
    case PRODUCT:
        return a * v;
    case L1:
        return a + fabs(v);
    case L2:
    case SUM_SQUARE:
        return a + v * v;
    case LOG_SUM_EXP:
        return a + exp(v - shift);
    }
    return a;
}

/* Integers: wraps; signed values come as their bits. */
static inline uint64_t fold_integer(reduction kind, uint64_t a, uint64_t v, bool is_signed)
{
    switch (kind) {
    case MAXIMUM:
        return (is_signed ? (int64_t)v > (int64_t)a : v > a) ? v : a;
    case MINIMUM:
        return (is_signed ? (int64_t)v < (int64_t)a : v < a) ? v : a;
    case PRODUCT:
        return a * v;
    case L1:
        return a + (is_signed && (int64_t)v < 0 ? 0 - v : v);
    case L2:
    case SUM_SQUARE:
        return a + v * v;
    default:
        return a + v;
    }
}

typedef struct reduce_job {
    reduction kind;
    lane l; /* of the data */
    const void *data;
    bool floating; /* accumulators are double, else 64-bit integers */
    double *sums;
    uint64_t *integers;
    const double *shifts; /* LOG_SUM_EXP: maximum of each result */
    int rank;
    int64_t dims[ONYX_MAX_RANK], out_strides[ONYX_MAX_RANK]; /* merged; stride 0 where reduced */
} reduce_job;

static double data_at(const reduce_job *job, size_t i)
{
    if (job->l == LANE_I64)
        return (double)((const int64_t *)job->data)[i];
    return job->l == LANE_U64 ? (double)((const uint64_t *)job->data)[i] : lane_get(job->l, job->data, i);
}

/* n input elements from `in` go to accumulators out, out + step, ... */
static void fold_row(const reduce_job *job, size_t in, size_t out, size_t step, size_t n)
{
    if (!job->floating) {
        const uint64_t *data = job->data;
        for (size_t i = 0; i < n; i++)
            job->integers[out + i * step] =
                fold_integer(job->kind, job->integers[out + i * step], data[in + i], job->l == LANE_I64);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        size_t at = out + i * step;
        job->sums[at] = fold_double(job->kind, job->sums[at], data_at(job, in + i), job->shifts ? job->shifts[at] : 0);
    }
}

static void fold_all(const reduce_job *job)
{
    int last = job->rank - 1;
    int64_t index[ONYX_MAX_RANK] = { 0 };
    size_t n = (size_t)job->dims[last], in = 0, out = 0, rows = dims_product(job->dims, 0, last);
    for (size_t row = 0; row < rows; row++, in += n) {
        fold_row(job, in, out, (size_t)job->out_strides[last], n);
        for (int d = last - 1; d >= 0; d--) {
            out += (size_t)job->out_strides[d];
            if (++index[d] < job->dims[d])
                break;
            out -= (size_t)(job->out_strides[d] * job->dims[d]);
            index[d] = 0;
        }
    }
}

/* Neighbouring dims of one kind become one. */
static void merge_dims(const onyx_tensor *in, const bool *reduced, reduce_job *job)
{
    bool kinds[ONYX_MAX_RANK];
    int64_t stride = 1;
    job->rank = 0;
    for (int i = 0; i < in->rank; i++) {
        if (job->rank && kinds[job->rank - 1] == reduced[i]) {
            job->dims[job->rank - 1] *= in->dims[i];
            continue;
        }
        kinds[job->rank] = reduced[i];
        job->dims[job->rank++] = in->dims[i];
    }
    if (job->rank == 0) {
        kinds[0] = false;
        job->dims[job->rank++] = 1;
    }
    for (int i = job->rank - 1; i >= 0; i--) {
        job->out_strides[i] = kinds[i] ? 0 : stride;
        stride *= kinds[i] ? 1 : job->dims[i];
    }
}

/* What an accumulator starts with: the result for an empty set. */
static double start_double(reduction kind)
{
    return kind == MAXIMUM ? -INFINITY : kind == MINIMUM ? INFINITY : kind == PRODUCT ? 1 : 0;
}

static uint64_t start_integer(reduction kind, onyx_type type)
{
    unsigned bits = type == ONYX_TYPE_BOOL ? 1 : onyx_type_bits(type);
    bool is_signed = lane_of(type) == LANE_I64;
    uint64_t all = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    if (kind == MAXIMUM)
        return is_signed ? 0 - (UINT64_C(1) << (bits - 1)) : 0;
    if (kind == MINIMUM)
        return is_signed ? all >> 1 : all;
    return kind == PRODUCT ? 1 : 0;
}

static double finish(reduction kind, double sum, double count, double shift)
{
    switch (kind) {
    case MEAN:
        return sum / count;
    case L2:
        return sqrt(sum);
    case LOG_SUM:
        return log(sum);
    case LOG_SUM_EXP:
        return log(sum) + shift;
    default:
        return sum;
    }
}

/* Largest value of each result's set; infinities are left out, so that exp(x - shift) is no NaN. */
static onyx_status find_shifts(op_run_context *context, reduce_job *job, size_t results)
{
    onyx_status status = ONYX_OK;
    double *shifts = run_scratch(context, results, sizeof(*shifts), &status);
    STATUS_TRY(status);
    reduce_job maxima = *job;
    maxima.kind = MAXIMUM;
    maxima.sums = shifts;
    for (size_t i = 0; i < results; i++)
        shifts[i] = -INFINITY;
    fold_all(&maxima);
    for (size_t i = 0; i < results; i++)
        shifts[i] = isinf(shifts[i]) ? 0 : shifts[i];
    job->shifts = shifts;
    return ONYX_OK;
}

static onyx_status run_reduce(op_run_context *context, reduction kind)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    reduce_job job = { .kind = kind, .l = lane_of(in->type) };
    bool reduced[ONYX_MAX_RANK];
    size_t results = tensor_count(out), count = tensor_count(in);
    STATUS_TRY(reduced_axes(context->params, in->rank, run_input(context, 1), reduced, context->error));
    job.floating =
        job.l == LANE_F32 || job.l == LANE_F64 || kind == MEAN || kind == L2 || kind == LOG_SUM || kind == LOG_SUM_EXP;
    job.data = lanes_of_tensor(context, in, job.l, &status);
    double *sums = run_scratch(context, results, sizeof(*sums), &status);
    STATUS_TRY(status);
    job.sums = sums;
    job.integers = (uint64_t *)(void *)sums;
    merge_dims(in, reduced, &job);
    for (size_t i = 0; i < results; i++) {
        if (job.floating)
            sums[i] = start_double(kind);
        else
            job.integers[i] = start_integer(kind, in->type);
    }
    if (kind == LOG_SUM_EXP && count > 0)
        STATUS_TRY(find_shifts(context, &job, results));
    if (count > 0)
        fold_all(&job);
    for (size_t i = 0; i < results && job.floating; i++)
        sums[i] = finish(kind, sums[i], (double)count / (double)results, job.shifts ? job.shifts[i] : 0);
    lanes_store(job.floating ? LANE_F64 : job.l, sums, results, out->type, out->data, 0);
    return ONYX_OK;
}

onyx_status op_run_reduce_sum(op_run_context *context)
{
    return run_reduce(context, SUM);
}

onyx_status op_run_reduce_mean(op_run_context *context)
{
    return run_reduce(context, MEAN);
}

onyx_status op_run_reduce_max(op_run_context *context)
{
    return run_reduce(context, MAXIMUM);
}

onyx_status op_run_reduce_min(op_run_context *context)
{
    return run_reduce(context, MINIMUM);
}

onyx_status op_run_reduce_prod(op_run_context *context)
{
    return run_reduce(context, PRODUCT);
}

onyx_status op_run_reduce_l1(op_run_context *context)
{
    return run_reduce(context, L1);
}

onyx_status op_run_reduce_l2(op_run_context *context)
{
    return run_reduce(context, L2);
}

onyx_status op_run_reduce_sum_square(op_run_context *context)
{
    return run_reduce(context, SUM_SQUARE);
}

onyx_status op_run_reduce_log_sum(op_run_context *context)
{
    return run_reduce(context, LOG_SUM);
}

onyx_status op_run_reduce_log_sum_exp(op_run_context *context)
{
    return run_reduce(context, LOG_SUM_EXP);
}
