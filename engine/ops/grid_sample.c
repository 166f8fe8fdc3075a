/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GridSample (ONNX, version 16 on): each output point reads its input where the grid says. Along every axis a point has
 * one, two or four taps, by mode; their products are the weights of the elements that it mixes, and these are the same
 * for all channels. Coordinates are float64. */
#include <math.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* Points of one image that are one part of the work. */
#define PART_POINTS 256

onyx_status op_parse_grid_sample(const op_parse_context *context, void *params)
{
    static const char *const modes[] = { "nearest", "linear", "cubic", "nearest", "bilinear", "bicubic" };
    static const char *const paddings[] = { "zeros", "border", "reflection" };
    grid_sample_params *p = params;
    int mode, padding;
    STATUS_TRY(op_attribute_choice(context, "mode", "linear", modes, ARRAY_LENGTH(modes), &mode));
    STATUS_TRY(op_attribute_choice(context, "padding_mode", "zeros", paddings, ARRAY_LENGTH(paddings), &padding));
    p->mode = (op_grid_mode)(mode % 3);
    p->padding = (op_grid_padding)padding;
    p->align_corners = op_attribute_int(&context->attributes, "align_corners", 0) != 0;
    return ONYX_OK;
}

onyx_status op_shape_grid_sample(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_FLOAT));
    const op_value *x = context->inputs[0], *grid = context->inputs[1];
    int64_t dims[ONYX_MAX_RANK];
    const int rank = x->rank >= 0 ? x->rank : grid->rank;
    if (rank >= 0 && rank < 3)
        return shape_fail(context, "input 0 has rank %d, less than 3", rank);
    if (x->rank >= 0)
        STATUS_TRY(shape_rank(context, 1, rank));
    for (int i = 0; i < rank; i++) {
        if (i > 1 && x->rank >= 0 && x->dims[i] == 0)
            return shape_fail(context, "axis %d of input 0 is empty", i);
        dims[i] = i == 1 ? (x->rank >= 0 ? x->dims[1] : -1) : -1;
        if (i != 1 && grid->rank >= 0)
            dims[i] = grid->dims[i == 0 ? 0 : i - 1];
    }
    if (x->rank >= 0 && grid->rank >= 0) {
        if (x->dims[0] >= 0 && grid->dims[0] >= 0 && x->dims[0] != grid->dims[0])
            return shape_fail(context, "%lld images, and grids for %lld", (long long)x->dims[0],
                              (long long)grid->dims[0]);
        dims[0] = MAX(x->dims[0], grid->dims[0]);
    }
    if (grid->rank >= 0 && grid->dims[rank - 1] >= 0 && grid->dims[rank - 1] != rank - 2)
        return shape_fail(context, "the grid has %lld coordinates a point for %d axes",
                          (long long)grid->dims[rank - 1], rank - 2);
    shape_set(&context->outputs[0], x->type, rank, dims);
    return ONYX_OK;
}

/* ---- taps of one axis ---- */

typedef struct axis_taps {
    int64_t index[4]; /* -1: outside, counts for 0 */
    double weight[4];
} axis_taps;

/* x is sent back at low and high until it lies between them. */
static double reflected(double x, double low, double high)
{
    const double range = high - low, beyond = x < low ? low - x : x > high ? x - high : 0;
    if (beyond == 0 || range == 0)
        return x < low || x > high ? low : x;
    const double turns = floor(beyond / range), rest = beyond - turns * range;
    return (fmod(turns, 2) == 0) == (x < low) ? low + rest : high - rest;
}

static double padded(const grid_sample_params *p, double x, int64_t n)
{
    const double last = (double)(n - 1), half = p->align_corners ? 0 : 0.5;
    if (p->padding == OP_GRID_BORDER)
        return x < 0 ? 0 : x > last ? last : x;
    if (p->padding == OP_GRID_REFLECTION)
        return reflected(x, -half, last + half);
    return x;
}

/* The element at a whole coordinate. Anything may come in: NaN and what is far outside count as outside. */
static int64_t element_at(const grid_sample_params *p, double x, int64_t n)
{
    if (x >= 0 && x <= (double)(n - 1))
        return (int64_t)x;
    if (p->padding == OP_GRID_ZEROS || !isfinite(x))
        return -1;
    x = p->padding == OP_GRID_REFLECTION ? trunc(padded(p, x, n)) : padded(p, x, n);
    return x >= 0 && x <= (double)(n - 1) ? (int64_t)x : -1;
}

static void cubic_weights(double t, double *weights)
{
    const double a = -0.75, far[2] = { 1 + t, 2 - t }, near[2] = { t, 1 - t };
    for (int i = 0; i < 2; i++) {
        weights[i ? 3 : 0] = ((a * far[i] - 5 * a) * far[i] + 8 * a) * far[i] - 4 * a;
        weights[i ? 2 : 1] = ((a + 2) * near[i] - (a + 3)) * near[i] * near[i] + 1;
    }
}

/* `at` in -1..1 over the axis of n elements. */
static void find_taps(const grid_sample_params *p, double at, int64_t n, axis_taps *taps)
{
    double x = p->align_corners ? (at + 1) / 2 * (double)(n - 1) : ((at + 1) * (double)n - 1) / 2;
    if (p->mode == OP_GRID_NEAREST) {
        taps->index[0] = element_at(p, padded(p, rint(x), n), n);
        taps->weight[0] = 1;
        return;
    }
    if (p->mode != OP_GRID_CUBIC || p->padding != OP_GRID_BORDER) /* there, each tap goes to the border by itself */
        x = padded(p, x, n);
    const double whole = floor(x), t = x - whole;
    const int first = p->mode == OP_GRID_CUBIC ? -1 : 0;
    for (int i = 0; i < (p->mode == OP_GRID_CUBIC ? 4 : 2); i++)
        taps->index[i] = element_at(p, whole + first + i, n);
    if (p->mode == OP_GRID_CUBIC) {
        cubic_weights(t, taps->weight);
    } else {
        taps->weight[0] = 1 - t;
        taps->weight[1] = t;
    }
}

/* ---- the run ---- */

typedef struct sample_job {
    const grid_sample_params *params;
    const void *x;
    const double *grid;
    void *dst;
    int axes, taps;                         /* taps of an axis */
    const int64_t *dims;                    /* of the axes of x */
    int64_t channels, plane, points, parts; /* elements of an input plane, points and parts of an image */
    size_t most;                            /* products of taps */
    int64_t *offsets;                       /* [worker][most] */
    double *weights;
} sample_job;

/* The elements of a plane that a point mixes; returns how many. */
static size_t mixed_elements(const sample_job *job, const double *point, int64_t *offsets, double *weights)
{
    size_t count = 1;
    offsets[0] = 0;
    weights[0] = 1;
    for (int d = 0; d < job->axes; d++) { /* from behind, so that what is there can be replaced as it is read */
        axis_taps taps;
        find_taps(job->params, point[job->axes - 1 - d], job->dims[d], &taps);
        for (size_t i = count; i-- > 0;)
            for (int k = job->taps - 1; k >= 0; k--) {
                const size_t to = i * (size_t)job->taps + (size_t)k;
                const bool inside = offsets[i] >= 0 && taps.index[k] >= 0;
                offsets[to] = inside ? offsets[i] * job->dims[d] + taps.index[k] : -1;
                weights[to] = weights[i] * taps.weight[k];
            }
        count *= (size_t)job->taps;
    }
    size_t kept = 0;
    for (size_t i = 0; i < count; i++)
        if (offsets[i] >= 0) {
            offsets[kept] = offsets[i];
            weights[kept++] = weights[i];
        }
    return kept;
}

#define SAMPLE_PART(NAME, T)                                                                                           \
    static void NAME(void *context, int part, int worker)                                                              \
    {                                                                                                                  \
        const sample_job *job = context;                                                                               \
        const int64_t image = part / job->parts, begin = part % job->parts * PART_POINTS;                              \
        const int64_t end = MIN(begin + PART_POINTS, job->points);                                                     \
        int64_t *offsets = job->offsets + (size_t)worker * job->most;                                                  \
        double *weights = job->weights + (size_t)worker * job->most;                                                   \
        for (int64_t at = begin; at < end; at++) {                                                                     \
            const double *point = job->grid + (image * job->points + at) * job->axes;                                  \
            const size_t count = mixed_elements(job, point, offsets, weights);                                         \
            const T *src = (const T *)job->x + image * job->channels * job->plane;                                     \
            T *dst = (T *)job->dst + image * job->channels * job->points + at;                                         \
            for (int64_t c = 0; c < job->channels; c++, src += job->plane, dst += job->points) {                       \
                double sum = 0;                                                                                        \
                for (size_t i = 0; i < count; i++)                                                                     \
                    sum += weights[i] * (double)src[offsets[i]];                                                       \
                *dst = (T)sum;                                                                                         \
            }                                                                                                          \
        }                                                                                                              \
    }

SAMPLE_PART(sample_part_f32, float)
SAMPLE_PART(sample_part_f64, double)

onyx_status op_run_grid_sample(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0], *grid = context->inputs[1];
    onyx_tensor *out = context->outputs[0];
    const grid_sample_params *p = context->params;
    const bool wide = x->type == ONYX_TYPE_FLOAT64;
    const lane l = wide ? LANE_F64 : LANE_F32;
    onyx_status status = ONYX_OK;
    sample_job job = { .params = p, .axes = x->rank - 2, .dims = x->dims + 2, .channels = x->dims[1] };
    if (tensor_count(out) == 0)
        return ONYX_OK;
    job.taps = p->mode == OP_GRID_NEAREST ? 1 : p->mode == OP_GRID_LINEAR ? 2 : 4;
    job.most = 1;
    for (int d = 0; d < job.axes; d++)
        job.most *= (size_t)job.taps;
    job.plane = (int64_t)dims_product(x->dims, 2, x->rank);
    job.points = (int64_t)dims_product(out->dims, 2, out->rank);
    job.parts = (job.points + PART_POINTS - 1) / PART_POINTS;
    if (x->dims[0] > INT32_MAX / job.parts)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many points");
    const size_t scratch = job.most * (size_t)MAX(1, workers_count(context->pool));
    job.x = lanes_of_tensor(context, x, l, &status);
    STATUS_TRY(status);
    job.grid = lanes_of_tensor(context, grid, LANE_F64, &status);
    STATUS_TRY(status);
    job.dst = lanes_for_output(context, out, l, &status);
    STATUS_TRY(status);
    job.offsets = run_scratch(context, scratch, sizeof(*job.offsets), &status);
    STATUS_TRY(status);
    job.weights = run_scratch(context, scratch, sizeof(*job.weights), &status);
    STATUS_TRY(status);
    workers_run(context->pool, wide ? sample_part_f64 : sample_part_f32, &job, (int)(x->dims[0] * job.parts));
    lanes_finish_output(out, l, job.dst);
    return ONYX_OK;
}
