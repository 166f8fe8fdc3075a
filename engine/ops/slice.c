/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Slice, Concat, Split and Trilu: contiguous pieces of dimensions. */
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

/* ---- Slice ---- */

/* One dimension, by the rules of numpy; an unknown dim gives an unknown length. */
static onyx_status slice_axis(int64_t dim, int64_t start, int64_t end, int64_t step, int64_t *first, int64_t *length)
{
    if (dim < 0) {
        *first = 0;
        *length = -1;
        return ONYX_OK;
    }
    start = start < 0 ? start + dim : start; /* cannot overflow: dim >= 0 */
    end = end < 0 ? end + dim : end;
    if (step > 0) {
        start = MIN(MAX(start, 0), dim);
        end = MIN(MAX(end, 0), dim);
        *length = end > start ? (end - start - 1) / step + 1 : 0;
    } else {
        start = MIN(MAX(start, -1), dim - 1);
        end = MIN(MAX(end, -1), dim - 1);
        uint64_t stride = 0 - (uint64_t)step;
        *length = start > end ? (int64_t)(((uint64_t)(start - end) - 1) / stride) + 1 : 0;
    }
    *first = MAX(start, 0);
    return ONYX_OK;
}

onyx_status op_slice_resolve(int rank, const int64_t *dims, const onyx_tensor *starts, const onyx_tensor *ends,
                             const onyx_tensor *axes, const onyx_tensor *steps, op_slice *slice, onyx_error *error)
{
    int64_t s[ONYX_MAX_RANK], e[ONYX_MAX_RANK], a[ONYX_MAX_RANK], t[ONYX_MAX_RANK];
    int count, other;
    for (int i = 0; i < rank; i++) {
        slice->start[i] = 0;
        slice->step[i] = 1;
        slice->length[i] = dims[i];
    }
    if (!tensor_ints(starts, s, ONYX_MAX_RANK, &count) || !tensor_ints(ends, e, ONYX_MAX_RANK, &other) ||
        other != count || (axes && (!tensor_ints(axes, a, ONYX_MAX_RANK, &other) || other != count)) ||
        (steps && (!tensor_ints(steps, t, ONYX_MAX_RANK, &other) || other != count)))
        return status_fail(error, ONYX_ERROR_SHAPE, "starts, ends, axes and steps differ in length or are too long");
    bool seen[ONYX_MAX_RANK] = { false };
    for (int i = 0; i < count; i++) {
        int axis;
        if (!axis_resolve(axes ? a[i] : i, rank, &axis) || seen[axis])
            return status_fail(error, ONYX_ERROR_SHAPE, "axis %lld is out of range or stands twice",
                               (long long)(axes ? a[i] : i));
        seen[axis] = true;
        int64_t step = steps ? t[i] : 1;
        if (step == 0)
            return status_fail(error, ONYX_ERROR_SHAPE, "step is 0");
        slice->step[axis] = step;
        STATUS_TRY(slice_axis(dims[axis], s[i], e[i], step, &slice->start[axis], &slice->length[axis]));
    }
    return ONYX_OK;
}

onyx_status op_shape_slice(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const op_value *in = context->inputs[0];
    op_value *out = &context->outputs[0];
    bool known = in->rank >= 0;
    for (int i = 1; i < context->input_count; i++) {
        STATUS_TRY(shape_type(context, i, TYPES_INDEX));
        if (context->inputs[i] && context->inputs[i]->rank > 1)
            return shape_fail(context, "input %d has rank %d", i, context->inputs[i]->rank);
        known = known && (!context->inputs[i] || context->inputs[i]->constant);
    }
    out->type = in->type;
    if (!known) {
        int64_t unknown[ONYX_MAX_RANK];
        /* Without an axes input only the first dims can change; with known axes only those. */
        int64_t axes[ONYX_MAX_RANK];
        int count = 0;
        bool axes_known = value_ints(shape_input(context, 3), axes, ONYX_MAX_RANK, &count);
        for (int i = 0; i < in->rank; i++)
            unknown[i] = axes_known ? in->dims[i] : -1;
        for (int i = 0; i < count; i++) {
            int axis;
            if (in->rank >= 0 && axis_resolve(axes[i], in->rank, &axis))
                unknown[axis] = -1;
        }
        shape_set(out, in->type, in->rank, unknown);
        return ONYX_OK;
    }
    op_slice slice;
    STATUS_TRY(op_slice_resolve(in->rank, in->dims, shape_constant(context, 1), shape_constant(context, 2),
                                shape_constant(context, 3), shape_constant(context, 4), &slice, context->error));
    shape_set(out, in->type, in->rank, slice.length);
    return ONYX_OK;
}

static onyx_status slice(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    op_slice s;
    STATUS_TRY(op_slice_resolve(in->rank, in->dims, context->inputs[1], context->inputs[2], run_input(context, 3),
                                run_input(context, 4), &s, context->error));
    int64_t strides[ONYX_MAX_RANK], offset = 0;
    strided_copy copy = { .rank = in->rank, .element_bytes = type_size(in->type) };
    dims_strides(in->rank, in->dims, strides);
    dims_strides(out->rank, out->dims, copy.dst_strides);
    for (int i = 0; i < in->rank; i++) {
        copy.dims[i] = s.length[i];
        /* A step that is taken at most once may be huge. */
        copy.src_strides[i] = s.length[i] > 1 ? strides[i] * s.step[i] : strides[i];
        offset += s.start[i] * strides[i];
    }
    strided_run(&copy, out->data, (const char *)in->data + offset * (int64_t)copy.element_bytes, context->pool);
    return ONYX_OK;
}

onyx_status op_run_slice(op_run_context *context)
{
    return packed_run(context, slice);
}

/* ---- Concat ---- */

onyx_status op_parse_concat(const op_parse_context *context, void *params)
{
    /* Version 1 defaulted to 1; from 4 on the attribute is required. */
    ((axis_params *)params)->axis = op_attribute_int(&context->attributes, "axis", 1);
    return ONYX_OK;
}

onyx_status op_shape_concat(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    op_value out = { .type = ONYX_TYPE_UNDEFINED, .rank = -1 };
    int axis = 0;
    for (int i = 0; i < context->input_count; i++) {
        const op_value *in = context->inputs[i];
        STATUS_TRY(shape_same_type(context, 0, i));
        if (in->type)
            out.type = in->type;
        if (in->rank < 0)
            continue;
        if (out.rank < 0) {
            if (!axis_resolve(((const axis_params *)context->params)->axis, in->rank, &axis))
                return shape_fail(context, "axis is out of range for rank %d", in->rank);
            shape_set(&out, out.type, in->rank, in->dims);
            out.dims[axis] = 0;
        }
        if (in->rank != out.rank)
            return shape_fail(context, "inputs have ranks %d and %d", out.rank, in->rank);
        for (int d = 0; d < in->rank; d++) {
            if (d == axis || in->dims[d] < 0)
                continue;
            if (out.dims[d] >= 0 && out.dims[d] != in->dims[d])
                return shape_fail(context, "input %d has %lld instead of %lld in dimension %d", i,
                                  (long long)in->dims[d], (long long)out.dims[d], d);
            out.dims[d] = in->dims[d];
        }
        if (out.dims[axis] >= 0 &&
            (in->dims[axis] < 0 || __builtin_add_overflow(out.dims[axis], in->dims[axis], &out.dims[axis])))
            out.dims[axis] = -1;
    }
    for (int i = 0; i < context->input_count && out.rank >= 0; i++) {
        if (context->inputs[i]->rank < 0)
            out.dims[axis] = -1;
    }
    shape_set(&context->outputs[0], out.type, out.rank, out.dims);
    return ONYX_OK;
}

static onyx_status concat(op_run_context *context)
{
    onyx_tensor *out = context->outputs[0];
    int axis = 0;
    axis_resolve(((const axis_params *)context->params)->axis, out->rank, &axis);
    size_t bytes = type_size(out->type), inner = dims_product(out->dims, axis + 1, out->rank);
    int64_t outer = (int64_t)dims_product(out->dims, 0, axis), row = (int64_t)inner * out->dims[axis];
    char *dst = out->data;
    for (int i = 0; i < context->input_count; i++) {
        const onyx_tensor *in = context->inputs[i];
        int64_t length = (int64_t)inner * in->dims[axis];
        strided_copy copy = { .rank = 2,
                              .dims = { outer, length },
                              .dst_strides = { row, 1 },
                              .src_strides = { length, 1 },
                              .element_bytes = bytes };
        strided_run(&copy, dst, in->data, context->pool);
        dst += (size_t)length * bytes;
    }
    return ONYX_OK;
}

onyx_status op_run_concat(op_run_context *context)
{
    return packed_run(context, concat);
}

/* ---- Split ---- */

onyx_status op_parse_split(const op_parse_context *context, void *params)
{
    split_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", 0);
    p->num_outputs = op_attribute_int(&context->attributes, "num_outputs", 0);
    if (p->num_outputs && p->num_outputs != context->output_count)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "num_outputs is %lld, but there are %d outputs",
                           (long long)p->num_outputs, context->output_count);
    return ONYX_OK;
}

static onyx_status split_by_input(op_shape_context *context, int64_t dim, int axis)
{
    const onyx_tensor *lengths = context->inputs[1]->constant;
    int64_t sum = 0;
    if (tensor_count(lengths) != (size_t)context->output_count)
        return shape_fail(context, "split has %zu entries for %d outputs", tensor_count(lengths),
                          context->output_count);
    for (int i = 0; i < context->output_count; i++) {
        int64_t length;
        lanes_load(LANE_I64, lengths->type, lengths->data, (size_t)i, 1, &length);
        if (length < 0 || __builtin_add_overflow(sum, length, &sum))
            return shape_fail(context, "split %d is %lld", i, (long long)length);
        context->outputs[i].dims[axis] = length;
    }
    if (dim >= 0 && sum != dim)
        return shape_fail(context, "the splits' sum is %lld, the dimension %lld", (long long)sum, (long long)dim);
    return ONYX_OK;
}

onyx_status op_shape_split(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    const op_value *in = context->inputs[0];
    int axis, parts = context->output_count;
    for (int i = 0; i < parts; i++)
        shape_copy(&context->outputs[i], in);
    if (in->rank < 0)
        return ONYX_OK;
    if (!axis_resolve(((const split_params *)context->params)->axis, in->rank, &axis))
        return shape_fail(context, "axis is out of range for rank %d", in->rank);
    int64_t dim = in->dims[axis], piece = dim < 0 ? -1 : (dim + parts - 1) / parts;
    if (shape_constant(context, 1))
        return split_by_input(context, dim, axis);
    /* Without an input: equal parts. The last may be smaller from version 18 on. */
    bool has_input = shape_input(context, 1) != NULL;
    if (!has_input && dim >= 0 && dim % parts && context->version < 18)
        return shape_fail(context, "%lld does not split in %d equal parts", (long long)dim, parts);
    for (int i = 0; i < parts; i++) {
        int64_t left = dim - piece * i;
        context->outputs[i].dims[axis] = has_input || dim < 0 ? -1 : MAX(MIN(piece, left), 0);
    }
    return ONYX_OK;
}

static onyx_status split(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0], *lengths = run_input(context, 1);
    int axis = 0;
    axis_resolve(((const split_params *)context->params)->axis, in->rank, &axis);
    size_t bytes = type_size(in->type), inner = dims_product(in->dims, axis + 1, in->rank);
    int64_t outer = (int64_t)dims_product(in->dims, 0, axis), dim = in->dims[axis], row = (int64_t)inner * dim;
    int64_t piece = (dim + context->output_count - 1) / context->output_count, at = 0;
    for (int i = 0; i < context->output_count; i++) {
        int64_t length = MAX(MIN(piece, dim - at), 0);
        if (lengths)
            lanes_load(LANE_I64, lengths->type, lengths->data, (size_t)i, 1, &length);
        if (context->outputs[i]) {
            strided_copy copy = { .rank = 2,
                                  .dims = { outer, length * (int64_t)inner },
                                  .dst_strides = { length * (int64_t)inner, 1 },
                                  .src_strides = { row, 1 },
                                  .element_bytes = bytes };
            strided_run(&copy, context->outputs[i]->data, (const char *)in->data + (size_t)at * inner * bytes,
                        context->pool);
        }
        at += length;
    }
    return ONYX_OK;
}

onyx_status op_run_split(op_run_context *context)
{
    return packed_run(context, split);
}

/* ---- Trilu ---- */

onyx_status op_parse_trilu(const op_parse_context *context, void *params)
{
    ((trilu_params *)params)->upper = op_attribute_int(&context->attributes, "upper", 1) != 0;
    return ONYX_OK;
}

onyx_status op_shape_trilu(op_shape_context *context)
{
    STATUS_TRY(shape_same(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_scalar(context, 1));
    if (context->inputs[0]->rank >= 0 && context->inputs[0]->rank < 2)
        return shape_fail(context, "the input has rank %d", context->inputs[0]->rank);
    return ONYX_OK;
}

onyx_status op_run_trilu(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0], *diagonal = run_input(context, 1);
    onyx_tensor *out = context->outputs[0];
    bool upper = ((const trilu_params *)context->params)->upper;
    int64_t rows = in->dims[in->rank - 2], columns = in->dims[in->rank - 1], k = 0;
    int64_t bytes = (int64_t)type_size(in->type);
    size_t matrices = dims_product(in->dims, 0, in->rank - 2);
    if (diagonal)
        lanes_load(LANE_I64, diagonal->type, diagonal->data, 0, 1, &k);
    k = MIN(MAX(k, -rows), columns);
    if (out->data != in->data && in->size_bytes)
        memcpy(out->data, in->data, in->size_bytes);
    for (size_t m = 0; m < matrices; m++) {
        for (int64_t r = 0; r < rows; r++) {
            char *row = (char *)out->data + ((int64_t)m * rows + r) * columns * bytes;
            int64_t edge = MIN(MAX(upper ? r + k : r + k + 1, 0), columns); /* upper keeps from here, lower up to */
            int64_t begin = upper ? 0 : edge, end = upper ? edge : columns;
            memset(row + begin * bytes, 0, (size_t)((end - begin) * bytes));
        }
    }
    return ONYX_OK;
}
