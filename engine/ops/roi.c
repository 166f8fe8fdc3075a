/* SPDX-License-Identifier: BSD-2-Clause
 *
 * RoiAlign and MaxRoiPool: regions of a picture, given as numbers, read at one size. */
#include <math.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* ---- RoiAlign: x [n, c, h, w], regions [r, 4] as x1 y1 x2 y2, image of each [r] ---- */

/* More samples of a bin say nothing more; the bound keeps their number in 32 bits. */
#define SAMPLES_MOST 4096

onyx_status op_parse_roi_align(const op_parse_context *context, void *params)
{
    static const char *const modes[] = { "avg", "max" };
    static const char *const transforms[] = { "half_pixel", "output_half_pixel" };
    roi_params *p = params;
    int mode, transform;
    STATUS_TRY(op_attribute_choice(context, "mode", "avg", modes, ARRAY_LENGTH(modes), &mode));
    STATUS_TRY(op_attribute_choice(context, "coordinate_transformation_mode",
                                   context->version < 16 ? "output_half_pixel" : "half_pixel", transforms,
                                   ARRAY_LENGTH(transforms), &transform));
    p->max = mode == 1;
    p->half_pixel = transform == 0;
    p->height = op_attribute_int(&context->attributes, "output_height", 1);
    p->width = op_attribute_int(&context->attributes, "output_width", 1);
    p->samples = op_attribute_int(&context->attributes, "sampling_ratio", 0);
    p->scale = op_attribute_float(&context->attributes, "spatial_scale", 1);
    if (p->height < 1 || p->width < 1 || p->height > INT32_MAX || p->width > INT32_MAX || p->samples < 0 ||
        p->samples > SAMPLES_MOST)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "output of %lld x %lld, %lld samples",
                           (long long)p->height, (long long)p->width, (long long)p->samples);
    return ONYX_OK;
}

/* x, regions [r, columns] of one type; [r, c, height, width]. */
static onyx_status shape_regions(op_shape_context *context, int64_t columns)
{
    const roi_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_rank(context, 0, 4));
    STATUS_TRY(shape_rank(context, 1, 2));
    STATUS_TRY(shape_dim(context, 1, 1, columns));
    const op_value *x = context->inputs[0], *regions = context->inputs[1];
    const int64_t dims[4] = { regions->rank == 2 ? regions->dims[0] : -1, x->rank == 4 ? x->dims[1] : -1, p->height,
                              p->width };
    shape_set(&context->outputs[0], x->type, 4, dims);
    return ONYX_OK;
}

onyx_status op_shape_roi_align(op_shape_context *context)
{
    STATUS_TRY(shape_regions(context, 4));
    STATUS_TRY(shape_type(context, 2, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 2, 1));
    const op_value *images = context->inputs[2];
    int64_t *count = &context->outputs[0].dims[0];
    STATUS_TRY(shape_dim(context, 2, 0, *count));
    if (*count < 0 && images->rank == 1)
        *count = images->dims[0];
    return ONYX_OK;
}

/* A sample along one axis: which bin it belongs to, between which elements it lies and how far from the first. */
typedef struct roi_sample {
    int bin;
    int64_t low, high;
    double part;
} roi_sample;

/* One axis of a region: its bins, and the samples that lie in the picture. */
typedef struct roi_axis {
    double start, step; /* of samples */
    int64_t bins, samples, size;
} roi_axis;

static roi_axis axis_of(const roi_params *p, double first, double last, int64_t bins, int64_t size)
{
    const double offset = p->half_pixel ? 0.5 : 0, start = first * (double)p->scale - offset;
    double length = last * (double)p->scale - offset - start;
    if (!p->half_pixel && length < 1)
        length = 1;
    roi_axis axis = { .start = start, .bins = bins, .size = size };
    const double wanted = p->samples > 0 ? (double)p->samples : ceil(length / (double)bins);
    /* Beyond a sample for each element, as long as the region is in the picture. */
    axis.samples = !(wanted >= 1) ? 0 : wanted > 1e9 ? (int64_t)1e9 : (int64_t)wanted;
    axis.step = axis.samples ? length / (double)bins / (double)axis.samples : 0;
    if (!isfinite(axis.start) || !isfinite(length))
        axis.samples = 0;
    return axis;
}

/* Samples [*from, *to) of a bin that may lie in the picture. */
static void sample_range(const roi_axis *axis, int64_t bin, int64_t *from, int64_t *to)
{
    const double begin = axis->start + (double)bin * (double)axis->samples * axis->step;
    *from = 0;
    *to = axis->samples;
    if (!(axis->step > 0))
        return;
    const double low = (-1 - begin) / axis->step - 2, high = ((double)axis->size - begin) / axis->step + 2;
    if (low > 0)
        *from = low < (double)axis->samples ? (int64_t)low : axis->samples;
    if (high < (double)axis->samples)
        *to = high > 0 ? (int64_t)high : 0;
    *to = MAX(*to, *from);
}

static size_t sample_count(const roi_axis *axis)
{
    size_t count = 0;
    for (int64_t bin = 0; bin < axis->bins; bin++) {
        int64_t from, to;
        sample_range(axis, bin, &from, &to);
        count += (size_t)(to - from);
    }
    return count;
}

/* Writes the samples in the picture; missed[bin]: one lies outside. */
static size_t find_samples(const roi_axis *axis, roi_sample *samples, uint8_t *missed)
{
    size_t count = 0;
    for (int64_t bin = 0; bin < axis->bins; bin++) {
        int64_t from, to;
        sample_range(axis, bin, &from, &to);
        missed[bin] = to - from < axis->samples;
        for (int64_t i = from; i < to; i++) {
            double at = axis->start + ((double)bin * (double)axis->samples + (double)i + 0.5) * axis->step;
            if (!(at >= -1 && at <= (double)axis->size)) {
                missed[bin] = 1;
                continue;
            }
            at = MAX(at, 0);
            const int64_t low = MIN((int64_t)at, axis->size - 1);
            const bool last = low == axis->size - 1;
            samples[count++] = (roi_sample){
                .bin = (int)bin, .low = low, .high = last ? low : low + 1, .part = last ? 0 : at - (double)low
            };
        }
    }
    return count;
}

typedef struct roi_job {
    const roi_params *params;
    const void *x;
    void *dst;
    const double *regions;
    const int64_t *images;
    int64_t channels, height, width;
    roi_sample *samples; /* [worker][most] */
    uint8_t *missed;     /* [worker][height + width of the result] */
    size_t most;
} roi_job;

static void job_axes(const roi_job *job, int64_t region, roi_axis *y, roi_axis *x)
{
    const double *box = job->regions + region * 4;
    *y = axis_of(job->params, box[1], box[3], job->params->height, job->height);
    *x = axis_of(job->params, box[0], box[2], job->params->width, job->width);
}

/* A part is one region. In an average a sample outside counts as 0; so it does in a maximum, which is that of the four
 * weighted neighbours: so both are defined by what trains such networks. */
#define ROI_PART(NAME, T)                                                                                              \
    static void NAME(void *context, int part, int worker)                                                              \
    {                                                                                                                  \
        const roi_job *job = context;                                                                                  \
        const int64_t height = job->params->height, width = job->params->width, plane = job->height * job->width;      \
        const bool max = job->params->max;                                                                             \
        roi_sample *ys = job->samples + (size_t)worker * job->most;                                                    \
        uint8_t *missed_y = job->missed + (size_t)worker * (size_t)(height + width), *missed_x = missed_y + height;    \
        roi_axis y_axis, x_axis;                                                                                       \
        job_axes(job, part, &y_axis, &x_axis);                                                                         \
        const size_t rows = find_samples(&y_axis, ys, missed_y);                                                       \
        const roi_sample *xs = ys + rows;                                                                              \
        const size_t columns = find_samples(&x_axis, ys + rows, missed_x);                                             \
        const double count = (double)MAX(y_axis.samples * x_axis.samples, 1);                                          \
        for (int64_t c = 0; c < job->channels; c++) {                                                                  \
            const T *src = (const T *)job->x + (job->images[part] * job->channels + c) * plane;                        \
            T *dst = (T *)job->dst + (part * job->channels + c) * height * width;                                      \
            for (int64_t i = 0; i < height * width; i++)                                                               \
                dst[i] = !max || missed_y[i / width] || missed_x[i % width] ? 0 : (T)-INFINITY;                        \
            for (size_t r = 0; r < rows; r++) {                                                                        \
                const T *top = src + ys[r].low * job->width, *below = src + ys[r].high * job->width;                   \
                const T ly = (T)ys[r].part, hy = 1 - ly;                                                               \
                T *out = dst + ys[r].bin * width;                                                                      \
                for (size_t k = 0; k < columns; k++) {                                                                 \
                    const T lx = (T)xs[k].part, hx = 1 - lx;                                                           \
                    const T a = hy * hx * top[xs[k].low], b = hy * lx * top[xs[k].high];                               \
                    const T d = ly * hx * below[xs[k].low], e = ly * lx * below[xs[k].high];                           \
                    T *o = &out[xs[k].bin];                                                                            \
                    *o = max ? MAX(*o, MAX(MAX(a, b), MAX(d, e))) : *o + (a + b + d + e);                              \
                }                                                                                                      \
            }                                                                                                          \
            for (int64_t i = 0; i < height * width; i++)                                                               \
                dst[i] = max ? (dst[i] == (T)-INFINITY ? 0 : dst[i]) : (T)((double)dst[i] / count);                    \
        }                                                                                                              \
    }

ROI_PART(roi_part_f32, float)
ROI_PART(roi_part_f64, double)

static onyx_status check_images(op_run_context *context, const onyx_tensor *images, int64_t count)
{
    const int64_t *image = images->data;
    for (size_t i = 0; i < tensor_count(images); i++)
        if (image[i] < 0 || image[i] >= count)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "region %zu is of image %lld of %lld", i,
                               (long long)image[i], (long long)count);
    return ONYX_OK;
}

onyx_status op_run_roi_align(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    const roi_params *p = context->params;
    const lane l = x->type == ONYX_TYPE_FLOAT64 ? LANE_F64 : LANE_F32;
    roi_job job = { .params = p,
                    .images = context->inputs[2]->data,
                    .channels = x->dims[1],
                    .height = x->dims[2],
                    .width = x->dims[3],
                    .most = 1 };
    onyx_status status = ONYX_OK;
    if (tensor_count(out) == 0)
        return ONYX_OK;
    if (tensor_count(x) == 0 || out->dims[0] > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "regions of a picture without elements, or too many");
    STATUS_TRY(check_images(context, context->inputs[2], x->dims[0]));
    job.regions = lanes_of_tensor(context, context->inputs[1], LANE_F64, &status);
    STATUS_TRY(status);
    for (int64_t i = 0; i < out->dims[0]; i++) {
        roi_axis y_axis, x_axis;
        job_axes(&job, i, &y_axis, &x_axis);
        job.most = MAX(job.most, sample_count(&y_axis) + sample_count(&x_axis));
    }
    const size_t threads = (size_t)workers_count(context->pool);
    job.x = lanes_of_tensor(context, x, l, &status);
    STATUS_TRY(status);
    job.dst = lanes_for_output(context, out, l, &status);
    STATUS_TRY(status);
    job.samples = run_scratch(context, job.most * threads, sizeof(*job.samples), &status);
    STATUS_TRY(status);
    job.missed = run_scratch(context, (size_t)(p->height + p->width) * threads, 1, &status);
    STATUS_TRY(status);
    workers_run(context->pool, l == LANE_F64 ? roi_part_f64 : roi_part_f32, &job, (int)out->dims[0]);
    lanes_finish_output(out, l, job.dst);
    return ONYX_OK;
}

/* ---- MaxRoiPool: x [n, c, h, w], regions [r, 5] as image x1 y1 x2 y2 in whole pixels ---- */

onyx_status op_parse_max_roi_pool(const op_parse_context *context, void *params)
{
    roi_params *p = params;
    const op_attribute *shape = op_attribute_find(&context->attributes, "pooled_shape", OP_ATTRIBUTE_INTS);
    p->scale = op_attribute_float(&context->attributes, "spatial_scale", 1);
    if (!shape || shape->count != 2 || shape->ints[0] < 1 || shape->ints[1] < 1 || shape->ints[0] > INT32_MAX ||
        shape->ints[1] > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "pooled_shape must be two positive numbers");
    p->height = shape->ints[0];
    p->width = shape->ints[1];
    return ONYX_OK;
}

onyx_status op_shape_max_roi_pool(op_shape_context *context)
{
    return shape_regions(context, 5);
}

/* Elements [*begin, *end) of bin `i` of `bins` over [first, last], within the picture. */
static void bin_range(double first, double last, int64_t i, int64_t bins, int64_t size, int64_t *begin, int64_t *end)
{
    const double length = fmax(last - first + 1, 1) / (double)bins;
    const double low = floor((double)i * length) + first, high = ceil((double)(i + 1) * length) + first;
    *begin = !(low > 0) ? 0 : low < (double)size ? (int64_t)low : size;
    *end = !(high > 0) ? 0 : high < (double)size ? (int64_t)high : size;
}

onyx_status op_run_max_roi_pool(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    const roi_params *p = context->params;
    onyx_status status = ONYX_OK;
    const double *data = lanes_of_tensor(context, x, LANE_F64, &status);
    const double *region = data ? lanes_of_tensor(context, context->inputs[1], LANE_F64, &status) : NULL;
    STATUS_TRY(status);
    size_t at = 0;
    for (int64_t r = 0; r < out->dims[0]; r++, region += 5) {
        if (!(region[0] >= 0 && region[0] < (double)x->dims[0]))
            return status_fail(context->error, ONYX_ERROR_SHAPE, "region %lld is of image %g of %lld", (long long)r,
                               region[0], (long long)x->dims[0]);
        double box[4];
        for (int i = 0; i < 4; i++)
            box[i] = round(region[1 + i] * (double)p->scale);
        const double *plane = data + (int64_t)region[0] * x->dims[1] * x->dims[2] * x->dims[3];
        for (int64_t c = 0; c < x->dims[1]; c++, plane += x->dims[2] * x->dims[3])
            for (int64_t i = 0; i < p->height * p->width; i++, at++) {
                int64_t y0, y1, x0, x1;
                bin_range(box[1], box[3], i / p->width, p->height, x->dims[2], &y0, &y1);
                bin_range(box[0], box[2], i % p->width, p->width, x->dims[3], &x0, &x1);
                double most = y0 < y1 && x0 < x1 ? -INFINITY : 0;
                for (int64_t yy = y0; yy < y1; yy++)
                    for (int64_t xx = x0; xx < x1; xx++)
                        most = MAX(most, plane[yy * x->dims[3] + xx]);
                lanes_store(LANE_F64, &most, 1, out->type, out->data, at);
            }
    }
    return ONYX_OK;
}
