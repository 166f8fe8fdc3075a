/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Normalisations: BatchNormalization (also training), InstanceNormalization, GroupNormalization, LayerNormalization,
 * RMSNormalization, LRN. Statistics are taken in float64. */
#include <math.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* Inputs and output as floating lanes. */
typedef struct norm_data {
    lane l;
    const void *x;
    void *y;
} norm_data;

static onyx_status norm_begin(op_run_context *context, norm_data *d)
{
    onyx_status status = ONYX_OK;
    d->l = lane_of(context->inputs[0]->type);
    d->x = lanes_of_tensor(context, context->inputs[0], d->l, &status);
    d->y = lanes_for_output(context, context->outputs[0], d->l, &status);
    return status;
}

static double number_at(const onyx_tensor *tensor, size_t i)
{
    double value;
    lanes_load(LANE_F64, tensor->type, tensor->data, i, 1, &value);
    return value;
}

/* Mean and variance of `runs` runs of n elements, run r at first + r * stride. */
static void statistics(const norm_data *d, size_t first, size_t n, size_t runs, size_t stride, double *mean,
                       double *variance)
{
    double sum = 0, squares = 0;
    for (size_t r = 0; r < runs; r++) {
        for (size_t i = 0; i < n; i++)
            sum += lane_get(d->l, d->x, first + r * stride + i);
    }
    *mean = sum / (double)(n * runs);
    for (size_t r = 0; r < runs; r++) {
        for (size_t i = 0; i < n; i++) {
            double x = lane_get(d->l, d->x, first + r * stride + i) - *mean;
            squares += x * x;
        }
    }
    *variance = squares / (double)(n * runs);
}

/* y = (x - mean) * factor + bias */
static void apply(const norm_data *d, size_t first, size_t n, double mean, double factor, double bias)
{
    for (size_t i = first; i < first + n; i++)
        lane_set(d->l, d->y, i, (lane_get(d->l, d->x, i) - mean) * factor + bias);
}

/* Inputs first..last are vectors of `count` elements. */
static onyx_status check_vectors(op_shape_context *context, int first, int last, int64_t count)
{
    for (int i = first; i <= last; i++) {
        const op_value *v = shape_input(context, i);
        STATUS_TRY(shape_type(context, i, TYPES_FLOAT));
        STATUS_TRY(shape_rank(context, i, 1));
        if (v && v->rank == 1 && v->dims[0] >= 0 && count >= 0 && v->dims[0] != count)
            return shape_fail(context, "input %d has %lld elements instead of %lld", i, (long long)v->dims[0],
                              (long long)count);
    }
    return ONYX_OK;
}

static int64_t channels_of(const op_value *x)
{
    return x->rank > 1 ? x->dims[1] : x->rank < 0 ? -1 : 1;
}

/* ---- BatchNormalization: x, scale, bias, mean, variance ---- */

onyx_status op_parse_batch_norm(const op_parse_context *context, void *params)
{
    batch_norm_params *p = params;
    p->epsilon = op_attribute_float(&context->attributes, "epsilon", 1e-5f);
    p->momentum = op_attribute_float(&context->attributes, "momentum", 0.9f);
    p->training = op_attribute_int(&context->attributes, "training_mode", 0) != 0;
    if (!p->training && context->output_count > 1)
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED,
                           "outputs beyond the first without training_mode are not supported");
    return ONYX_OK;
}

onyx_status op_shape_batch_norm(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0];
    STATUS_TRY(check_vectors(context, 1, 4, channels_of(x)));
    shape_copy(&context->outputs[0], x);
    for (int i = 1; i < context->output_count; i++)
        shape_copy(&context->outputs[i], context->inputs[2 + i]);
    return ONYX_OK;
}

onyx_status op_run_batch_norm(op_run_context *context)
{
    const batch_norm_params *p = context->params;
    const onyx_tensor *x = context->inputs[0], *const *in = context->inputs;
    norm_data d;
    STATUS_TRY(norm_begin(context, &d));
    size_t images = x->rank ? (size_t)x->dims[0] : 1, channels = x->rank > 1 ? (size_t)x->dims[1] : 1;
    size_t plane = x->rank > 2 ? dims_product(x->dims, 2, x->rank) : 1;
    for (size_t c = 0; c < channels; c++) {
        double mean = number_at(in[3], c), variance = number_at(in[4], c);
        if (p->training) {
            double running[2] = { mean, variance }, momentum = (double)p->momentum;
            statistics(&d, c * plane, plane, images, channels * plane, &mean, &variance);
            running[0] = running[0] * momentum + mean * (1 - momentum);
            running[1] = running[1] * momentum + variance * (1 - momentum);
            for (int i = 1; i < 3; i++) {
                onyx_tensor *out = run_output(context, i);
                if (out)
                    lanes_store(LANE_F64, &running[i - 1], 1, out->type, out->data, c);
            }
        }
        double factor = number_at(in[1], c) / sqrt(variance + (double)p->epsilon), bias = number_at(in[2], c);
        for (size_t n = 0; n < images; n++)
            apply(&d, (n * channels + c) * plane, plane, mean, factor, bias);
    }
    lanes_finish_output(context->outputs[0], d.l, d.y);
    return ONYX_OK;
}

/* ---- InstanceNormalization, GroupNormalization: x, scale, bias ---- */

onyx_status op_parse_norm(const op_parse_context *context, void *params)
{
    norm_params *p = params;
    p->epsilon = op_attribute_float(&context->attributes, "epsilon", 1e-5f);
    p->axis = op_attribute_int(&context->attributes, "axis", -1);
    p->groups = op_attribute_int(&context->attributes, "num_groups", 1);
    p->per_channel_scale = context->version >= 21;
    if (p->groups < 1)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "num_groups is %lld", (long long)p->groups);
    return ONYX_OK;
}

onyx_status op_shape_instance_norm(op_shape_context *context)
{
    const op_value *x = context->inputs[0];
    STATUS_TRY(shape_same(context));
    if (x->rank >= 0 && x->rank < 2)
        return shape_fail(context, "the input has rank %d", x->rank);
    return check_vectors(context, 1, 2, channels_of(x));
}

onyx_status op_run_instance_norm(op_run_context *context)
{
    const norm_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    norm_data d;
    STATUS_TRY(norm_begin(context, &d));
    size_t planes = dims_product(x->dims, 0, 2), plane = dims_product(x->dims, 2, x->rank);
    for (size_t i = 0; i < planes; i++) {
        double mean, variance;
        size_t c = i % (size_t)x->dims[1];
        statistics(&d, i * plane, plane, 1, 0, &mean, &variance);
        apply(&d, i * plane, plane, mean, number_at(context->inputs[1], c) / sqrt(variance + (double)p->epsilon),
              number_at(context->inputs[2], c));
    }
    lanes_finish_output(context->outputs[0], d.l, d.y);
    return ONYX_OK;
}

onyx_status op_shape_group_norm(op_shape_context *context)
{
    const norm_params *p = context->params;
    const op_value *x = context->inputs[0];
    int64_t channels = channels_of(x);
    STATUS_TRY(shape_same(context));
    if (x->rank >= 0 && (x->rank < 2 || (channels >= 0 && channels % p->groups)))
        return shape_fail(context, "%lld channels do not fit %lld groups", (long long)channels, (long long)p->groups);
    return check_vectors(context, 1, 2, p->per_channel_scale ? channels : p->groups);
}

onyx_status op_run_group_norm(op_run_context *context)
{
    const norm_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    norm_data d;
    STATUS_TRY(norm_begin(context, &d));
    size_t channels = (size_t)x->dims[1], groups = (size_t)p->groups, each = channels / groups;
    size_t plane = dims_product(x->dims, 2, x->rank);
    for (size_t g = 0; g < (size_t)x->dims[0] * groups; g++) {
        double mean, variance;
        statistics(&d, g * each * plane, each * plane, 1, 0, &mean, &variance);
        double factor = 1 / sqrt(variance + (double)p->epsilon);
        for (size_t i = 0; i < each; i++) {
            size_t c = p->per_channel_scale ? g % groups * each + i : g % groups;
            apply(&d, (g * each + i) * plane, plane, mean, factor * number_at(context->inputs[1], c),
                  number_at(context->inputs[2], c));
        }
    }
    lanes_finish_output(context->outputs[0], d.l, d.y);
    return ONYX_OK;
}

/* ---- LayerNormalization: x, scale, bias -> y, mean, 1 / deviation ---- */

onyx_status op_shape_layer_norm(op_shape_context *context)
{
    const op_value *x = context->inputs[0];
    int axis = 0;
    STATUS_TRY(shape_begin(context));
    shape_copy(&context->outputs[0], x);
    if (x->rank >= 0 && !axis_resolve(((const norm_params *)context->params)->axis, x->rank, &axis))
        return shape_fail(context, "axis is out of range for rank %d", x->rank);
    for (int i = 1; i < 3; i++) {
        const op_value *v = shape_input(context, i);
        STATUS_TRY(shape_type(context, i, TYPES_FLOAT));
        if (!v || v->rank < 0 || x->rank < 0)
            continue;
        /* Broadcasts to the normalised dims. */
        bool fits = v->rank <= x->rank - axis;
        for (int k = 0; k < v->rank && fits; k++) {
            int64_t dim = x->dims[x->rank - v->rank + k];
            fits = v->dims[k] == dim || v->dims[k] == 1 || v->dims[k] < 0 || dim < 0;
        }
        if (!fits)
            return shape_fail(context, "input %d does not broadcast to the normalised dimensions", i);
    }
    for (int i = 1; i < context->output_count; i++) {
        shape_copy(&context->outputs[i], x);
        context->outputs[i].type = ONYX_TYPE_FLOAT32;
        for (int k = axis; k < x->rank; k++)
            context->outputs[i].dims[k] = 1;
    }
    return ONYX_OK;
}

/* values[i] = the tensor broadcast to dims[axis..rank). */
static double *broadcast_numbers(op_run_context *context, const onyx_tensor *tensor, const onyx_tensor *x, int axis,
                                 double otherwise, onyx_status *status)
{
    size_t n = dims_product(x->dims, axis, x->rank);
    double *values = run_scratch(context, n, sizeof(*values), status);
    for (size_t i = 0; i < n && values; i++) {
        size_t rest = i, offset = 0, stride = 1;
        if (!tensor) {
            values[i] = otherwise;
            continue;
        }
        for (int k = tensor->rank - 1; k >= 0; k--) {
            size_t dim = (size_t)x->dims[x->rank - tensor->rank + k];
            offset += tensor->dims[k] == 1 ? 0 : rest % dim * stride;
            stride *= (size_t)tensor->dims[k];
            rest /= dim;
        }
        values[i] = number_at(tensor, offset);
    }
    return values;
}

onyx_status op_run_layer_norm(op_run_context *context)
{
    const norm_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *means = run_output(context, 1), *deviations = run_output(context, 2);
    onyx_status status = ONYX_OK;
    norm_data d;
    int axis = 0;
    axis_resolve(p->axis, x->rank, &axis);
    STATUS_TRY(norm_begin(context, &d));
    const double *scale = broadcast_numbers(context, context->inputs[1], x, axis, 1, &status);
    const double *bias = broadcast_numbers(context, run_input(context, 2), x, axis, 0, &status);
    STATUS_TRY(status);
    size_t rows = dims_product(x->dims, 0, axis), n = dims_product(x->dims, axis, x->rank);
    for (size_t r = 0; r < rows; r++) {
        double mean, variance;
        statistics(&d, r * n, n, 1, 0, &mean, &variance);
        double factor = 1 / sqrt(variance + (double)p->epsilon);
        for (size_t i = 0; i < n; i++)
            lane_set(d.l, d.y, r * n + i, (lane_get(d.l, d.x, r * n + i) - mean) * factor * scale[i] + bias[i]);
        if (means)
            ((float *)means->data)[r] = (float)mean;
        if (deviations)
            ((float *)deviations->data)[r] = (float)factor;
    }
    lanes_finish_output(context->outputs[0], d.l, d.y);
    return ONYX_OK;
}

/* ---- RMSNormalization: x, scale ---- */

onyx_status op_run_rms_norm(op_run_context *context)
{
    const norm_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_status status = ONYX_OK;
    norm_data d;
    int axis = 0;
    axis_resolve(p->axis, x->rank, &axis);
    STATUS_TRY(norm_begin(context, &d));
    const double *scale = broadcast_numbers(context, context->inputs[1], x, axis, 1, &status);
    STATUS_TRY(status);
    const size_t rows = dims_product(x->dims, 0, axis), n = dims_product(x->dims, axis, x->rank);
    for (size_t r = 0; r < rows; r++) {
        double squares = 0;
        for (size_t i = r * n; i < (r + 1) * n; i++)
            squares += lane_get(d.l, d.x, i) * lane_get(d.l, d.x, i);
        const double factor = 1 / sqrt(squares / (double)n + (double)p->epsilon);
        for (size_t i = 0; i < n; i++)
            lane_set(d.l, d.y, r * n + i, lane_get(d.l, d.x, r * n + i) * factor * scale[i]);
    }
    lanes_finish_output(context->outputs[0], d.l, d.y);
    return ONYX_OK;
}

/* ---- LRN: across channels ---- */

onyx_status op_parse_lrn(const op_parse_context *context, void *params)
{
    lrn_params *p = params;
    p->alpha = op_attribute_float(&context->attributes, "alpha", 1e-4f);
    p->beta = op_attribute_float(&context->attributes, "beta", 0.75f);
    p->bias = op_attribute_float(&context->attributes, "bias", 1);
    p->size = op_attribute_int(&context->attributes, "size", 0);
    if (p->size < 1)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "size is %lld", (long long)p->size);
    return ONYX_OK;
}

onyx_status op_shape_lrn(op_shape_context *context)
{
    STATUS_TRY(shape_same(context));
    if (context->inputs[0]->rank >= 0 && context->inputs[0]->rank < 2)
        return shape_fail(context, "the input has rank %d", context->inputs[0]->rank);
    return ONYX_OK;
}

onyx_status op_run_lrn(op_run_context *context)
{
    const lrn_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    norm_data d;
    STATUS_TRY(norm_begin(context, &d));
    int64_t channels = x->dims[1], before = MIN((p->size - 1) / 2, channels), after = MIN(p->size / 2, channels);
    size_t plane = dims_product(x->dims, 2, x->rank);
    for (int64_t n = 0; n < x->dims[0]; n++) {
        for (int64_t c = 0; c < channels; c++) {
            int64_t low = MAX(c - before, 0), high = MIN(c + after, channels - 1);
            for (size_t i = 0; i < plane; i++) {
                double sum = 0;
                for (int64_t k = low; k <= high; k++) {
                    double v = lane_get(d.l, d.x, (size_t)(n * channels + k) * plane + i);
                    sum += v * v;
                }
                size_t at = (size_t)(n * channels + c) * plane + i;
                double base = (double)p->bias + (double)p->alpha / (double)p->size * sum;
                lane_set(d.l, d.y, at, lane_get(d.l, d.x, at) / pow(base, (double)p->beta));
            }
        }
    }
    lanes_finish_output(context->outputs[0], d.l, d.y);
    return ONYX_OK;
}
