/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that change or read shapes and keep the bytes: Reshape, Flatten, Squeeze, Unsqueeze, Identity, Dropout,
 * Shape, Size. */
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

/* The run function of every OP_VIEW row. */
onyx_status op_run_view(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    if (out->data != in->data && in->size_bytes)
        memcpy(out->data, in->data, in->size_bytes);
    return ONYX_OK;
}

/* ---- Reshape ---- */

onyx_status op_parse_reshape(const op_parse_context *context, void *params)
{
    ((reshape_params *)params)->allowzero = op_attribute_int(&context->attributes, "allowzero", 0) != 0;
    return ONYX_OK;
}

static onyx_status reshape_unknown(op_shape_context *context)
{
    const op_value *shape = context->inputs[1];
    op_value *out = &context->outputs[0];
    if (shape->rank != 1 || shape->dims[0] < 0)
        return ONYX_OK;
    if (shape->dims[0] > ONYX_MAX_RANK)
        return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
    out->rank = (int)shape->dims[0];
    for (int i = 0; i < out->rank; i++)
        out->dims[i] = -1;
    return ONYX_OK;
}

/* 0 copies a dimension, -1 is what is left over. */
static onyx_status reshape_known(op_shape_context *context, int rank, int64_t *dims)
{
    const op_value *in = context->inputs[0];
    const reshape_params *p = context->params;
    op_value *out = &context->outputs[0];
    int rest = -1;
    bool all_known = in->rank >= 0;
    size_t in_count = 1, out_count = 1;
    for (int i = 0; i < in->rank; i++) {
        all_known = all_known && in->dims[i] >= 0;
        if (in->dims[i] >= 0 && !size_mul(in_count, (size_t)in->dims[i], &in_count))
            return shape_fail(context, "the input has too many elements");
    }
    for (int i = 0; i < rank; i++) {
        if (dims[i] == 0 && !p->allowzero) {
            if (in->rank >= 0 && i >= in->rank)
                return shape_fail(context, "dimension %d is to be copied from an input of rank %d", i, in->rank);
            dims[i] = in->rank >= 0 ? in->dims[i] : -1;
            if (dims[i] < 0)
                all_known = false;
        } else if (dims[i] == -1) {
            if (rest >= 0)
                return shape_fail(context, "more than one dimension is -1");
            rest = i;
            continue;
        } else if (dims[i] < 0) {
            return shape_fail(context, "dimension %d is %lld", i, (long long)dims[i]);
        }
        if (dims[i] >= 0 && !size_mul(out_count, (size_t)dims[i], &out_count))
            return shape_fail(context, "the output has too many elements");
    }
    char text[SHAPE_TEXT_SIZE];
    if (all_known && rest >= 0) {
        if (out_count == 0 ? in_count != 0 : in_count % out_count != 0)
            return shape_fail(context, "%zu elements do not fit %s", in_count, shape_text(rank, dims, text));
        dims[rest] = out_count ? (int64_t)(in_count / out_count) : 0;
    } else if (all_known && in_count != out_count) {
        return shape_fail(context, "%zu elements do not fit %s", in_count, shape_text(rank, dims, text));
    }
    shape_set(out, in->type, rank, dims);
    return ONYX_OK;
}

onyx_status op_shape_reshape(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    int64_t dims[ONYX_MAX_RANK];
    int rank;
    context->outputs[0].type = context->inputs[0]->type;
    if (value_ints(context->inputs[1], dims, ONYX_MAX_RANK, &rank))
        return reshape_known(context, rank, dims);
    if (context->inputs[1]->constant)
        return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
    return reshape_unknown(context);
}

/* ---- Flatten ---- */

onyx_status op_parse_axis_1(const op_parse_context *context, void *params)
{
    ((axis_params *)params)->axis = op_attribute_int(&context->attributes, "axis", 1);
    return ONYX_OK;
}

onyx_status op_shape_flatten(op_shape_context *context)
{
    const op_value *in = context->inputs[0];
    int64_t axis = ((const axis_params *)context->params)->axis;
    STATUS_TRY(shape_begin(context));
    int64_t dims[2] = { -1, -1 };
    if (in->rank >= 0) {
        if (axis < 0)
            axis += in->rank;
        if (axis < 0 || axis > in->rank)
            return shape_fail(context, "axis is out of range for rank %d", in->rank);
        dims[0] = dims_product_or_unknown(in->dims, 0, (int)axis);
        dims[1] = dims_product_or_unknown(in->dims, (int)axis, in->rank);
    }
    shape_set(&context->outputs[0], in->type, 2, dims);
    return ONYX_OK;
}

/* ---- Squeeze, Unsqueeze ---- */

/* Marks the axes of input 1 in `marked`; false in *known when they are not known yet. */
static onyx_status marked_axes(op_shape_context *context, int rank, bool *marked, bool *known, int *marks)
{
    int64_t axes[ONYX_MAX_RANK];
    int count;
    const op_value *input = shape_input(context, 1);
    memset(marked, 0, ONYX_MAX_RANK * sizeof(*marked));
    *known = value_ints(input, axes, ONYX_MAX_RANK, &count);
    *marks = 0;
    if (!*known)
        return input && input->constant ? shape_fail(context, "more than %d axes", ONYX_MAX_RANK) : ONYX_OK;
    for (int i = 0; i < count; i++) {
        int axis;
        if (!axis_resolve(axes[i], rank, &axis))
            return shape_fail(context, "axis %lld is out of range for rank %d", (long long)axes[i], rank);
        if (marked[axis])
            return shape_fail(context, "axis %lld stands twice", (long long)axes[i]);
        marked[axis] = true;
    }
    *marks = count;
    return ONYX_OK;
}

onyx_status op_shape_squeeze(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    const op_value *in = context->inputs[0];
    op_value *out = &context->outputs[0];
    out->type = in->type;
    if (in->rank < 0)
        return ONYX_OK;
    bool marked[ONYX_MAX_RANK], known;
    int marks, rank = 0;
    STATUS_TRY(marked_axes(context, in->rank, marked, &known, &marks));
    bool all = !shape_input(context, 1);
    if (!known && !all)
        return ONYX_OK;
    int64_t dims[ONYX_MAX_RANK];
    for (int i = 0; i < in->rank; i++) {
        if (all && in->dims[i] < 0)
            return ONYX_OK; /* whether it goes is not known */
        if (all ? in->dims[i] == 1 : marked[i]) {
            if (in->dims[i] > 1 || in->dims[i] == 0)
                return shape_fail(context, "dimension %d is %lld, not 1", i, (long long)in->dims[i]);
        } else {
            dims[rank++] = in->dims[i];
        }
    }
    shape_set(out, in->type, rank, dims);
    return ONYX_OK;
}

onyx_status op_shape_unsqueeze(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    const op_value *in = context->inputs[0], *axes = context->inputs[1];
    op_value *out = &context->outputs[0];
    out->type = in->type;
    if (in->rank < 0 || axes->rank < 0 || axes->rank > 1)
        return axes->rank > 1 ? shape_fail(context, "axes has rank %d", axes->rank) : ONYX_OK;
    int64_t count = axes->rank == 0 ? 1 : axes->dims[0];
    if (count < 0)
        return ONYX_OK;
    if (count + in->rank > ONYX_MAX_RANK)
        return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
    int rank = in->rank + (int)count, marks;
    bool marked[ONYX_MAX_RANK], known;
    STATUS_TRY(marked_axes(context, rank, marked, &known, &marks));
    int64_t dims[ONYX_MAX_RANK];
    for (int i = 0, from = 0; i < rank; i++)
        dims[i] = !known ? -1 : marked[i] ? 1 : in->dims[from++];
    shape_set(out, in->type, rank, dims);
    return ONYX_OK;
}

/* ---- AlignBroadcast: the old "broadcast = 1, axis = k" of opset 1 to 6. Input 0 gets ones behind its dims, so that
 * its first dim stands at `axis` of input 1 when both broadcast as numpy does. ---- */

onyx_status op_shape_align_broadcast(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const op_value *in = context->inputs[0], *to = context->inputs[1];
    op_value *out = &context->outputs[0];
    int axis;
    out->type = in->type;
    if (in->rank < 0 || to->rank < 0)
        return ONYX_OK;
    if (in->rank == 0 || in->rank >= to->rank) {
        shape_copy(out, in);
        return ONYX_OK;
    }
    if (!axis_resolve(((const axis_params *)context->params)->axis, to->rank, &axis) || axis + in->rank > to->rank)
        return shape_fail(context, "axis is out of range for rank %d", to->rank);
    shape_copy(out, in);
    out->rank = to->rank - axis;
    for (int i = in->rank; i < out->rank; i++)
        out->dims[i] = 1;
    return ONYX_OK;
}

/* ---- Dropout: nothing happens outside of training ---- */

onyx_status op_shape_dropout(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_scalar(context, 1));
    STATUS_TRY(shape_scalar(context, 2));
    const onyx_tensor *ratio = shape_constant(context, 1), *training = shape_constant(context, 2);
    bool drops = shape_input(context, 1) ? ratio && tensor_number(ratio) != 0 : true;
    if (training && tensor_number(training) != 0 && drops)
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "training mode is not supported");
    for (int i = 0; i < context->output_count; i++)
        shape_copy(&context->outputs[i], context->inputs[0]);
    if (context->output_count > 1)
        context->outputs[1].type = ONYX_TYPE_BOOL;
    return ONYX_OK;
}

onyx_status op_run_dropout(op_run_context *context)
{
    const onyx_tensor *ratio = run_input(context, 1), *training = run_input(context, 2);
    if (training && tensor_number(training) != 0 && (ratio ? tensor_number(ratio) != 0 : true))
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "training mode is not supported");
    onyx_tensor *mask = run_output(context, 1);
    if (mask)
        memset(mask->data, 1, mask->size_bytes);
    return run_output(context, 0) ? op_run_view(context) : ONYX_OK;
}

/* ---- Shape, Size ---- */

onyx_status op_parse_shape(const op_parse_context *context, void *params)
{
    shape_params *p = params;
    p->start = op_attribute_int(&context->attributes, "start", 0);
    p->has_end = op_attribute_find(&context->attributes, "end", OP_ATTRIBUTE_INT) != NULL;
    p->end = op_attribute_int(&context->attributes, "end", 0);
    return ONYX_OK;
}

static void shape_range(const shape_params *p, int64_t rank, int *begin, int *end)
{
    int64_t b = p->start, e = p->has_end ? p->end : rank;
    b = MIN(MAX(b < 0 ? b + rank : b, 0), rank);
    e = MIN(MAX(e < 0 ? e + rank : e, 0), rank);
    *begin = (int)b;
    *end = (int)MAX(b, e);
}

onyx_status op_shape_shape(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    int64_t length = -1;
    if (context->inputs[0]->rank >= 0) {
        int begin, end;
        shape_range(context->params, context->inputs[0]->rank, &begin, &end);
        length = end - begin;
    }
    shape_set(&context->outputs[0], ONYX_TYPE_INT64, 1, &length);
    return ONYX_OK;
}

onyx_status op_run_shape(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    int64_t *out = context->outputs[0]->data;
    int begin, end;
    shape_range(context->params, in->rank, &begin, &end);
    for (int i = begin; i < end; i++)
        *out++ = in->dims[i];
    return ONYX_OK;
}

onyx_status op_shape_size(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    shape_set(&context->outputs[0], ONYX_TYPE_INT64, 0, NULL);
    return ONYX_OK;
}

onyx_status op_run_size(op_run_context *context)
{
    *(int64_t *)context->outputs[0]->data = (int64_t)tensor_count(context->inputs[0]);
    return ONYX_OK;
}
