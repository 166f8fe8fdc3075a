/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DeformConv: a convolution of pictures each of whose taps reads where an offset says, between pixels. A part is one
 * row of one group's results: its taps are gathered as columns, then multiplied. */
#include <math.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

enum { INPUT_X, INPUT_WEIGHTS, INPUT_OFFSET, INPUT_BIAS, INPUT_MASK };

onyx_status op_parse_deform_conv(const op_parse_context *context, void *params)
{
    deform_params *p = params;
    p->offset_groups = op_attribute_int(&context->attributes, "offset_group", 1);
    if (p->offset_groups < 1 || p->offset_groups > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "offset_group is %lld", (long long)p->offset_groups);
    return op_parse_conv(context, &p->conv);
}

/* Offsets or mask: [n, per_tap * groups * taps, output height, output width]. */
static onyx_status check_map(op_shape_context *context, int index, int64_t per_tap, const op_value *x,
                             const op_window *w)
{
    const deform_params *p = context->params;
    STATUS_TRY(shape_same_type(context, 0, index));
    STATUS_TRY(shape_rank(context, index, 4));
    const int64_t taps = w->kernel[0] < 0 || w->kernel[1] < 0 ? -1 : w->kernel[0] * w->kernel[1];
    int64_t channels = -1;
    if (taps >= 0 && __builtin_mul_overflow(taps, per_tap * p->offset_groups, &channels))
        return shape_fail(context, "offset_group is %lld", (long long)p->offset_groups);
    const int64_t wanted[4] = { x->dims[0], channels, w->out[0], w->out[1] };
    for (int i = 0; i < 4; i++)
        STATUS_TRY(shape_dim(context, index, i, wanted[i]));
    return ONYX_OK;
}

onyx_status op_shape_deform_conv(op_shape_context *context)
{
    const deform_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, INPUT_X, INPUT_WEIGHTS));
    STATUS_TRY(shape_same_type(context, INPUT_X, INPUT_BIAS));
    STATUS_TRY(shape_rank(context, INPUT_X, 4));
    STATUS_TRY(shape_rank(context, INPUT_WEIGHTS, 4));
    STATUS_TRY(shape_rank(context, INPUT_BIAS, 1));
    const op_value *x = context->inputs[INPUT_X], *weights = context->inputs[INPUT_WEIGHTS];
    op_window w;
    int64_t dims[4] = { -1, -1, -1, -1 };
    if (x->rank == 4 && weights->rank == 4) {
        STATUS_TRY(op_conv_window(&p->conv, 4, x->dims, weights->dims, &w, context->error));
        if (x->dims[1] >= 0 && x->dims[1] % p->offset_groups)
            return shape_fail(context, "%lld channels do not fit %lld groups of offsets", (long long)x->dims[1],
                              (long long)p->offset_groups);
        STATUS_TRY(check_map(context, INPUT_OFFSET, 2, x, &w));
        STATUS_TRY(check_map(context, INPUT_MASK, 1, x, &w));
        STATUS_TRY(shape_dim(context, INPUT_BIAS, 0, weights->dims[0]));
        dims[0] = x->dims[0];
        dims[1] = weights->dims[0];
        dims[2] = w.out[0];
        dims[3] = w.out[1];
    }
    shape_set(&context->outputs[0], x->type, 4, dims);
    return ONYX_OK;
}

typedef struct deform_job {
    op_window w;
    int64_t channels, results, group, offset_group; /* channels of x and of the result, and of each kind of group */
    int64_t groups;
    const void *x, *weights, *offset, *bias, *mask;
    void *dst, *columns; /* columns: [worker][group * taps][width] */
} deform_job;

/* Elements and weights that a point reads: outside of the picture is 0. */
typedef struct deform_point {
    int64_t at[4];
    double weight[4];
} deform_point;

static void point_of(const op_window *w, double y, double x, double factor, deform_point *point)
{
    const bool inside = y > -1 && x > -1 && y < (double)w->in[0] && x < (double)w->in[1]; /* NaN is outside */
    const double top = inside ? floor(y) : 0, left = inside ? floor(x) : 0;
    for (int i = 0; i < 4; i++) {
        const int64_t row = (int64_t)top + i / 2, column = (int64_t)left + i % 2;
        const double wy = i / 2 ? y - top : 1 - (y - top), wx = i % 2 ? x - left : 1 - (x - left);
        const bool there = inside && row >= 0 && column >= 0 && row < w->in[0] && column < w->in[1];
        point->at[i] = there ? row * w->in[1] + column : 0;
        point->weight[i] = there ? wy * wx * factor : 0;
    }
}

#define DEFORM_PART(NAME, T)                                                                                           \
    static void NAME(void *context, int part, int worker)                                                              \
    {                                                                                                                  \
        const deform_job *job = context;                                                                               \
        const op_window *w = &job->w;                                                                                  \
        const int64_t height = w->out[0], width = w->out[1], taps = w->kernel[0] * w->kernel[1];                       \
        const int64_t row = part % height, g = part / height % job->groups, n = part / height / job->groups;           \
        const int64_t maps = job->channels / job->offset_group, in_plane = w->in[0] * w->in[1];                        \
        const int64_t deep = job->group * taps, each = job->results / job->groups;                                     \
        T *columns = (T *)job->columns + (int64_t)worker * deep * width;                                               \
        for (int64_t k = 0; k < taps; k++)                                                                             \
            for (int64_t x = 0; x < width; x++) {                                                                      \
                int64_t known = -1;                                                                                    \
                deform_point point = { .at = { 0 } };                                                                  \
                for (int64_t c = 0; c < job->group; c++) {                                                             \
                    const int64_t channel = g * job->group + c, map = channel / job->offset_group;                     \
                    if (map != known) {                                                                                \
                        const int64_t at = (((n * maps + map) * taps + k) * 2 * height + row) * width + x;             \
                        const int64_t at_mask = (((n * maps + map) * taps + k) * height + row) * width + x;            \
                        const T *offset = (const T *)job->offset + at;                                                 \
                        const double y_at =                                                                            \
                            (double)(row * w->stride[0] - w->pad_begin[0] + k / w->kernel[1] * w->dilation[0]) +       \
                            (double)offset[0];                                                                         \
                        const double x_at =                                                                            \
                            (double)(x * w->stride[1] - w->pad_begin[1] + k % w->kernel[1] * w->dilation[1]) +         \
                            (double)offset[height * width];                                                            \
                        point_of(w, y_at, x_at, job->mask ? (double)((const T *)job->mask)[at_mask] : 1, &point);      \
                        known = map;                                                                                   \
                    }                                                                                                  \
                    const T *src = (const T *)job->x + (n * job->channels + channel) * in_plane;                       \
                    double sum = 0;                                                                                    \
                    for (int i = 0; i < 4; i++)                                                                        \
                        sum += point.weight[i] * (double)src[point.at[i]];                                             \
                    columns[(c * taps + k) * width + x] = (T)sum;                                                      \
                }                                                                                                      \
            }                                                                                                          \
        for (int64_t o = g * each; o < (g + 1) * each; o++) {                                                          \
            T *dst = (T *)job->dst + ((n * job->results + o) * height + row) * width;                                  \
            const T *weights = (const T *)job->weights + o * deep;                                                     \
            for (int64_t x = 0; x < width; x++)                                                                        \
                dst[x] = job->bias ? ((const T *)job->bias)[o] : 0;                                                    \
            for (int64_t k = 0; k < deep; k++)                                                                         \
                for (int64_t x = 0; x < width; x++)                                                                    \
                    dst[x] += weights[k] * columns[k * width + x];                                                     \
        }                                                                                                              \
    }

DEFORM_PART(deform_part_f32, float)
DEFORM_PART(deform_part_f64, double)

onyx_status op_run_deform_conv(op_run_context *context)
{
    const deform_params *p = context->params;
    const onyx_tensor *x = context->inputs[INPUT_X], *weights = context->inputs[INPUT_WEIGHTS];
    onyx_tensor *out = context->outputs[0];
    const lane l = x->type == ONYX_TYPE_FLOAT64 ? LANE_F64 : LANE_F32;
    onyx_status status = ONYX_OK;
    deform_job job = { .channels = x->dims[1], .results = weights->dims[0], .groups = p->conv.group };
    const void **const data[] = { &job.x, &job.weights, &job.offset, &job.bias, &job.mask };
    if (tensor_count(out) == 0)
        return ONYX_OK;
    if (tensor_count(x) == 0)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "the picture has no elements");
    STATUS_TRY(op_conv_window(&p->conv, 4, x->dims, weights->dims, &job.w, context->error));
    job.group = job.channels / job.groups;
    job.offset_group = job.channels / p->offset_groups;
    for (int i = 0; i < (int)ARRAY_LENGTH(data); i++) {
        const onyx_tensor *tensor = run_input(context, i);
        *data[i] = tensor ? lanes_of_tensor(context, tensor, l, &status) : NULL;
        STATUS_TRY(status);
    }
    const int64_t rows = out->dims[0] * job.groups, deep = job.group * job.w.kernel[0] * job.w.kernel[1];
    if (rows > INT32_MAX / job.w.out[0])
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many rows");
    job.dst = lanes_for_output(context, out, l, &status);
    STATUS_TRY(status);
    job.columns = run_scratch(context, (size_t)deep * (size_t)job.w.out[1] * (size_t)workers_count(context->pool),
                              lane_size(l), &status);
    STATUS_TRY(status);
    workers_run(context->pool, l == LANE_F64 ? deform_part_f64 : deform_part_f32, &job, (int)(rows * job.w.out[0]));
    lanes_finish_output(out, l, job.dst);
    return ONYX_OK;
}
