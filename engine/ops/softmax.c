/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax, LogSoftmax and Hardmax, in float64 inside. Up to version 12 the input is seen as a matrix split at the axis;
 * from 13 on the axis alone is normalised. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

onyx_status op_parse_softmax(const op_parse_context *context, void *params)
{
    softmax_params *p = params;
    p->flatten = context->version < 13;
    p->axis = op_attribute_int(&context->attributes, "axis", p->flatten ? 1 : -1);
    return ONYX_OK;
}

onyx_status op_shape_softmax(op_shape_context *context)
{
    int axis;
    STATUS_TRY(shape_same(context));
    const softmax_params *p = context->params;
    int rank = context->inputs[0]->rank;
    if (rank > 0 && !axis_resolve(p->axis, rank, &axis) && !(p->flatten && p->axis == rank))
        return shape_fail(context, "axis is out of range for rank %d", rank);
    return ONYX_OK;
}

typedef struct softmax_job {
    lane l;
    const void *src;
    void *dst;
    size_t n, inner;
    void (*row)(const struct softmax_job *job, size_t first);
} softmax_job;

static double largest_of(const softmax_job *job, size_t first)
{
    double largest = -INFINITY;
    for (size_t i = 0; i < job->n; i++) {
        double x = lane_get(job->l, job->src, first + i * job->inner);
        if (x > largest || x != x)
            largest = x;
    }
    return largest;
}

static double sum_of_exp(const softmax_job *job, size_t first, double largest)
{
    double sum = 0;
    for (size_t i = 0; i < job->n; i++)
        sum += exp(lane_get(job->l, job->src, first + i * job->inner) - largest);
    return sum;
}

static void softmax_row(const softmax_job *job, size_t first)
{
    double largest = largest_of(job, first), sum = 0;
    for (size_t i = 0; i < job->n; i++) {
        size_t at = first + i * job->inner;
        double e = exp(lane_get(job->l, job->src, at) - largest);
        sum += e;
        lane_set(job->l, job->dst, at, e);
    }
    for (size_t i = 0; i < job->n; i++) {
        size_t at = first + i * job->inner;
        lane_set(job->l, job->dst, at, lane_get(job->l, job->dst, at) / sum);
    }
}

static void log_softmax_row(const softmax_job *job, size_t first)
{
    double largest = largest_of(job, first), log_sum = log(sum_of_exp(job, first, largest));
    for (size_t i = 0; i < job->n; i++) {
        size_t at = first + i * job->inner;
        lane_set(job->l, job->dst, at, lane_get(job->l, job->src, at) - largest - log_sum);
    }
}

static void hardmax_row(const softmax_job *job, size_t first)
{
    double largest = largest_of(job, first);
    bool found = false;
    for (size_t i = 0; i < job->n; i++) {
        size_t at = first + i * job->inner;
        double x = lane_get(job->l, job->src, at);
        bool here = !found && (x == largest || x != x);
        found = found || here;
        lane_set(job->l, job->dst, at, here ? 1 : 0);
    }
}

static void softmax_part(void *context, int part, int worker)
{
    const softmax_job *job = context;
    (void)worker;
    for (size_t i = 0; i < job->inner; i++)
        job->row(job, (size_t)part * job->n * job->inner + i);
}

static onyx_status run_rows(op_run_context *context, void (*row)(const softmax_job *job, size_t first))
{
    const softmax_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    softmax_job job = { .l = lane_of(x->type), .n = 1, .inner = 1, .row = row };
    int axis = 0;
    size_t outer = 1;
    if (x->rank > 0) {
        if (!axis_resolve(p->axis, x->rank, &axis))
            axis = x->rank; /* flatten allows it */
        outer = dims_product(x->dims, 0, axis);
        job.n = axis < x->rank ? (size_t)x->dims[axis] : 1;
        job.inner = axis < x->rank ? dims_product(x->dims, axis + 1, x->rank) : 1;
        if (p->flatten) {
            job.n *= job.inner;
            job.inner = 1;
        }
    }
    job.src = lanes_of_tensor(context, x, job.l, &status);
    job.dst = lanes_for_output(context, out, job.l, &status);
    STATUS_TRY(status);
    if (outer > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many rows");
    workers_run(context->pool, softmax_part, &job, (int)outer);
    lanes_finish_output(out, job.l, job.dst);
    return ONYX_OK;
}

onyx_status op_run_softmax(op_run_context *context)
{
    return run_rows(context, softmax_row);
}

onyx_status op_run_log_softmax(op_run_context *context)
{
    return run_rows(context, log_softmax_row);
}

onyx_status op_run_hardmax(op_run_context *context)
{
    return run_rows(context, hardmax_row);
}

/* ---- SoftmaxMean: x [n, groups * bins, ...] and a number for each bin [bins] -> the mean of each group's distribution
 * [n, groups, ...] ---- */

onyx_status op_shape_softmax_mean(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_F32));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *x = context->inputs[0], *numbers = context->inputs[1];
    int64_t dims[ONYX_MAX_RANK];
    if (x->rank >= 0 && x->rank < 2)
        return shape_fail(context, "rank %d has no channels", x->rank);
    if (x->rank >= 0) {
        const int64_t bins = numbers->rank == 1 ? numbers->dims[0] : -1;
        memcpy(dims, x->dims, sizeof(dims));
        if (bins == 0 || (bins > 0 && x->dims[1] >= 0 && x->dims[1] % bins))
            return shape_fail(context, "%lld channels are no multiple of %lld bins", (long long)x->dims[1],
                              (long long)bins);
        dims[1] = bins > 0 && x->dims[1] >= 0 ? x->dims[1] / bins : -1;
    }
    shape_set(&context->outputs[0], x->type, x->rank, dims);
    return ONYX_OK;
}

onyx_status op_run_softmax_mean(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    const float *x = in->data, *numbers = context->inputs[1]->data;
    float *y = context->outputs[0]->data;
    const size_t bins = tensor_count(context->inputs[1]), inner = dims_product(in->dims, 2, in->rank);
    const size_t count = tensor_count(context->outputs[0]);
    for (size_t i = 0; i < count; i++) {
        const float *first = x + i / inner * bins * inner + i % inner;
        double largest = -INFINITY, sum = 0, mean = 0;
        for (size_t k = 0; k < bins; k++)
            largest = first[k * inner] > largest || first[k * inner] != first[k * inner] ? first[k * inner] : largest;
        for (size_t k = 0; k < bins; k++) {
            const double e = exp(first[k * inner] - largest);
            sum += e;
            mean += e * numbers[k];
        }
        y[i] = (float)(mean / sum);
    }
    return ONYX_OK;
}
