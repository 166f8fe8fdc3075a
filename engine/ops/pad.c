/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pad. Negative pads cut. Each dimension gets a table of source indices (-1: the constant), so that all modes are one
 * walk over rows. */
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

onyx_status op_parse_pad(const op_parse_context *context, void *params)
{
    static const char *const names[] = { "constant", "reflect", "edge", "wrap" };
    const char *mode = op_attribute_string(&context->attributes, "mode", "constant");
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++) {
        if (strcmp(mode, names[i]) == 0) {
            ((pad_params *)params)->mode = (op_pad_mode)i;
            return ONYX_OK;
        }
    }
    return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "mode \"%s\" is unknown", mode);
}

/* begin[i], end[i] of each dimension from the known inputs 1 and 3. */
static onyx_status resolve_pads(int rank, const onyx_tensor *pads, const onyx_tensor *axes, int64_t *begin,
                                int64_t *end, onyx_error *error)
{
    int64_t list[2 * ONYX_MAX_RANK], which[ONYX_MAX_RANK];
    int count, axis_count = rank;
    memset(begin, 0, (size_t)rank * sizeof(*begin));
    memset(end, 0, (size_t)rank * sizeof(*end));
    if (axes && !tensor_ints(axes, which, ONYX_MAX_RANK, &axis_count))
        return status_fail(error, ONYX_ERROR_SHAPE, "more than %d axes", ONYX_MAX_RANK);
    if (!tensor_ints(pads, list, 2 * ONYX_MAX_RANK, &count) || count != 2 * axis_count)
        return status_fail(error, ONYX_ERROR_SHAPE, "pads has not two entries for each of %d axes", axis_count);
    for (int i = 0; i < axis_count; i++) {
        int axis;
        if (!axis_resolve(axes ? which[i] : i, rank, &axis))
            return status_fail(error, ONYX_ERROR_SHAPE, "axis %lld is out of range", (long long)which[i]);
        begin[axis] = list[i];
        end[axis] = list[axis_count + i];
    }
    return ONYX_OK;
}

onyx_status op_shape_pad(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    /* Pad-2's value was a float32 attribute, for any floating type. */
    const op_value *constant = shape_input(context, 2);
    if (!constant || constant->type != ONYX_TYPE_FLOAT32 || !type_in(context->inputs[0]->type, TYPES_FLOAT))
        STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(shape_scalar(context, 2));
    STATUS_TRY(shape_type(context, 3, TYPES_INDEX));
    const op_value *in = context->inputs[0], *axes = shape_input(context, 3);
    int64_t begin[ONYX_MAX_RANK], end[ONYX_MAX_RANK], dims[ONYX_MAX_RANK];
    bool known = in->rank >= 0 && shape_constant(context, 1) && (!axes || axes->constant);
    if (known)
        STATUS_TRY(resolve_pads(in->rank, context->inputs[1]->constant, axes ? axes->constant : NULL, begin, end,
                                context->error));
    op_pad_mode mode = ((const pad_params *)context->params)->mode;
    for (int i = 0; i < in->rank; i++) {
        dims[i] = -1;
        if (!known || in->dims[i] < 0)
            continue;
        if (__builtin_add_overflow(in->dims[i], begin[i], &dims[i]) ||
            __builtin_add_overflow(dims[i], end[i], &dims[i]))
            return shape_fail(context, "the output is too large");
        if (dims[i] < 0)
            return shape_fail(context, "pads leave %lld in dimension %d", (long long)dims[i], i);
        if (mode != OP_PAD_CONSTANT && in->dims[i] == 0 && dims[i] > 0)
            return shape_fail(context, "dimension %d is empty, so there is nothing to repeat", i);
    }
    shape_set(&context->outputs[0], in->type, in->rank, dims);
    return ONYX_OK;
}

static int64_t source_index(op_pad_mode mode, int64_t i, int64_t dim)
{
    if (i >= 0 && i < dim)
        return i;
    if (mode == OP_PAD_CONSTANT)
        return -1;
    if (mode == OP_PAD_EDGE || dim == 1)
        return i < 0 ? 0 : dim - 1;
    int64_t period = mode == OP_PAD_WRAP ? dim : 2 * (dim - 1);
    int64_t r = i % period;
    if (r < 0)
        r += period;
    return r < dim ? r : period - r;
}

/* One row of the last dimension: the middle is copied at once, the rest by the table. */
static void pad_row(char *dst, const char *src, const int64_t *table, int64_t n, int64_t middle_begin,
                    int64_t middle_end, const void *constant, size_t bytes)
{
    for (int64_t i = 0; i < n; i++) {
        if (i == middle_begin && middle_end > middle_begin) {
            memcpy(dst + (size_t)i * bytes, src + (size_t)table[i] * bytes,
                   (size_t)(middle_end - middle_begin) * bytes);
            i = middle_end - 1;
            continue;
        }
        memcpy(dst + (size_t)i * bytes, table[i] < 0 ? constant : src + (size_t)table[i] * bytes, bytes);
    }
}

static onyx_status pad(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0], *value = run_input(context, 2);
    onyx_tensor *out = context->outputs[0];
    op_pad_mode mode = ((const pad_params *)context->params)->mode;
    int64_t begin[ONYX_MAX_RANK], end[ONYX_MAX_RANK], strides[ONYX_MAX_RANK], *tables[ONYX_MAX_RANK];
    static const char zeros[16] = { 0 };
    static const char *const empty_string = "";
    const void *constant = value ? value->data : in->type == ONYX_TYPE_STRING ? (const void *)&empty_string : zeros;
    size_t bytes = type_size(in->type), count = tensor_count(out);
    onyx_status status = ONYX_OK;
    double converted = 0;
    if (value && value->type != in->type) {
        double number = tensor_number(value);
        lanes_store(LANE_F64, &number, 1, in->type, &converted, 0);
        constant = &converted;
    }
    STATUS_TRY(resolve_pads(in->rank, context->inputs[1], run_input(context, 3), begin, end, context->error));
    if (count == 0)
        return ONYX_OK;
    if (in->rank == 0) {
        memcpy(out->data, in->data, bytes);
        return ONYX_OK;
    }
    dims_strides(in->rank, in->dims, strides);
    for (int d = 0; d < in->rank; d++) {
        tables[d] = run_scratch(context, (size_t)out->dims[d], sizeof(int64_t), &status);
        if (!tables[d])
            return status;
        for (int64_t i = 0; i < out->dims[d]; i++)
            tables[d][i] = source_index(mode, i - begin[d], in->dims[d]);
    }
    int last = in->rank - 1;
    int64_t n = out->dims[last], middle = MIN(MAX(begin[last], 0), n);
    int64_t middle_end = MIN(MAX(begin[last] + in->dims[last], middle), n);
    char *dst = out->data;
    for (size_t row = 0; row < count / (size_t)n; row++, dst += (size_t)n * bytes) {
        size_t rest = row;
        int64_t offset = 0;
        bool outside = false;
        for (int d = last - 1; d >= 0; d--) {
            int64_t index = tables[d][rest % (size_t)out->dims[d]];
            rest /= (size_t)out->dims[d];
            outside = outside || index < 0;
            offset += index * strides[d];
        }
        if (outside)
            strided_fill(dst, constant, (size_t)n, bytes);
        else
            pad_row(dst, (const char *)in->data + (size_t)offset * bytes, tables[last], n, middle, middle_end, constant,
                    bytes);
    }
    return ONYX_OK;
}

onyx_status op_run_pad(op_run_context *context)
{
    return packed_run(context, pad);
}
