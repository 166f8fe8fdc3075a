/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AffineGrid, for GridSample, and CenterCropPad. */
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

/* ---- AffineGrid: theta [n, 2, 3] or [n, 3, 4], size [n, c, (d,) h, w] -> [n, (d,) h, w, 2 or 3] ---- */

onyx_status op_parse_affine_grid(const op_parse_context *context, void *params)
{
    *(bool *)params = op_attribute_int(&context->attributes, "align_corners", 0) != 0;
    return ONYX_OK;
}

onyx_status op_shape_affine_grid(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_rank(context, 0, 3));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *theta = context->inputs[0], *size = context->inputs[1];
    int64_t dims[5] = { -1, -1, -1, -1, -1 }, given[ONYX_MAX_RANK];
    int rank = size->rank == 1 && size->dims[0] >= 0 && size->dims[0] <= 5 ? (int)size->dims[0] : -1, count;
    if (size->rank == 1 && size->dims[0] >= 0 && rank != 4 && rank != 5)
        return shape_fail(context, "a size of %lld numbers", (long long)size->dims[0]);
    if (value_ints(size, given, ONYX_MAX_RANK, &count)) {
        for (int i = 0; i < count; i++)
            if (given[i] < 0)
                return shape_fail(context, "size %d is %lld", i, (long long)given[i]);
        dims[0] = given[0];
        memcpy(dims + 1, given + 2, sizeof(*dims) * (size_t)(count - 2));
    }
    if (rank > 0) {
        dims[rank - 1] = rank - 2;
        STATUS_TRY(shape_dim(context, 0, 0, dims[0]));
        STATUS_TRY(shape_dim(context, 0, 1, rank - 2));
        STATUS_TRY(shape_dim(context, 0, 2, rank - 1));
    }
    shape_set(&context->outputs[0], theta->type, rank, dims);
    return ONYX_OK;
}

onyx_status op_run_affine_grid(op_run_context *context)
{
    const bool align_corners = *(const bool *)context->params;
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    const int axes = out->rank - 2;
    const size_t points = dims_product(out->dims, 1, out->rank - 1);
    const double *theta = lanes_of_tensor(context, context->inputs[0], LANE_F64, &status);
    STATUS_TRY(status);
    for (size_t i = 0; i < (size_t)out->dims[0] * points; i++) {
        double at[4] = { 0, 0, 0, 1 }, row[3];
        size_t rest = i % points;
        for (int a = 0; a < axes; a++) { /* x is the last axis */
            const size_t n = (size_t)out->dims[axes - a], k = rest % n;
            at[a] = !align_corners ? (2 * (double)k + 1) / (double)n - 1
                    : n > 1        ? 2 * (double)k / (double)(n - 1) - 1
                                   : 1; /* both corners: ONNX Runtime takes the last, the specification is silent */
            rest /= n;
        }
        at[axes] = 1;
        for (int a = 0; a < axes; a++) {
            const double *matrix = theta + (i / points * (size_t)axes + (size_t)a) * (size_t)(axes + 1);
            row[a] = 0;
            for (int k = 0; k <= axes; k++)
                row[a] += matrix[k] * at[k];
        }
        for (int a = 0; a < axes; a++)
            lanes_store(LANE_F64, &row[a], 1, out->type, out->data, i * (size_t)axes + (size_t)a);
    }
    return ONYX_OK;
}

/* ---- CenterCropPad: x, shape ---- */

onyx_status op_parse_axes(const op_parse_context *context, void *params)
{
    axes_params *p = params;
    const op_attribute *axes = op_attribute_find(&context->attributes, "axes", OP_ATTRIBUTE_INTS);
    p->axis_count = axes ? axes->count : -1;
    if (p->axis_count > ONYX_MAX_RANK)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "%d axes", p->axis_count);
    for (int i = 0; i < p->axis_count; i++)
        p->axes[i] = axes->ints[i];
    return ONYX_OK;
}

onyx_status op_shape_crop_pad(op_shape_context *context)
{
    const axes_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *x = context->inputs[0], *shape = context->inputs[1];
    const int wanted = p->axis_count < 0 ? x->rank : p->axis_count;
    int64_t sizes[ONYX_MAX_RANK], dims[ONYX_MAX_RANK];
    int count = 0, axis;
    if (x->rank >= 0 && shape->rank == 1 && shape->dims[0] >= 0 && shape->dims[0] != wanted)
        return shape_fail(context, "%lld sizes for %d axes", (long long)shape->dims[0], wanted);
    const bool known = value_ints(shape, sizes, ONYX_MAX_RANK, &count);
    memcpy(dims, x->dims, sizeof(dims));
    for (int i = 0; i < wanted && x->rank >= 0; i++) {
        if (!axis_resolve(p->axis_count < 0 ? i : p->axes[i], x->rank, &axis))
            return shape_fail(context, "axis %lld is out of range for rank %d", (long long)p->axes[i], x->rank);
        if (known && sizes[i] < 0)
            return shape_fail(context, "size %d is %lld", i, (long long)sizes[i]);
        dims[axis] = known ? sizes[i] : -1;
    }
    shape_set(&context->outputs[0], x->type, x->rank, dims);
    return ONYX_OK;
}

/* Cut off evenly, the odd element behind; or added so. */
onyx_status op_run_crop_pad(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    strided_copy copy = { .rank = x->rank, .element_bytes = type_size(x->type) };
    int64_t from = 0, to = 0;
    dims_strides(x->rank, x->dims, copy.src_strides);
    dims_strides(x->rank, out->dims, copy.dst_strides);
    for (int d = 0; d < x->rank; d++) {
        const int64_t n = x->dims[d], m = out->dims[d];
        copy.dims[d] = MIN(n, m);
        from += (n - copy.dims[d]) / 2 * copy.src_strides[d];
        to += (m - copy.dims[d]) / 2 * copy.dst_strides[d];
    }
    memset(out->data, 0, out->size_bytes);
    strided_run(&copy, (char *)out->data + to * (int64_t)copy.element_bytes,
                (const char *)x->data + from * (int64_t)copy.element_bytes, context->pool);
    return ONYX_OK;
}
