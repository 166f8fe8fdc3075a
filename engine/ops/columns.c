/* SPDX-License-Identifier: BSD-2-Clause
 *
 * ColumnChain: elementwise arithmetic on ranges of the last axis, as heads of detectors decode boxes between scores. */
#include <math.h>
#include <string.h>

#include "ops/rows.h"
#include "ops/shape.h"

onyx_status op_parse_columns(const op_parse_context *context, void *params)
{
    columns_params *p = params;
    const op_attribute *codes = op_attribute_find(&context->attributes, "codes", OP_ATTRIBUTE_INTS);
    if (!codes || codes->count % (int)COLUMN_CODE_INTS)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute codes is missing or incomplete");
    p->codes = (const column_code *)codes->ints;
    p->count = codes->count / (int)COLUMN_CODE_INTS;
    for (int i = 0; i < p->count; i++) {
        const column_code *c = &p->codes[i];
        const bool binary = c->op < OP_COLUMN_BINARIES;
        if (c->op < 0 || c->op >= OP_COLUMN_COUNT || c->begin < 0 || c->width < 1 || c->begin > INT64_MAX - c->width ||
            (binary && (c->input < 1 || c->input >= context->input_count)))
            return status_fail(context->error, ONYX_ERROR_SHAPE, "code %d is none", i);
    }
    return ONYX_OK;
}

/* A single number, or one for each element of the range. */
static bool fits(const op_value *x, const op_value *operand, int64_t width)
{
    int64_t count = 1;
    for (int i = 0; i < operand->rank; i++)
        count = operand->dims[i] == 1 ? count : -1;
    if (count == 1)
        return operand->rank >= 0;
    return operand->rank == x->rank && operand->dims[x->rank - 1] == width &&
           memcmp(operand->dims, x->dims, sizeof(*x->dims) * (size_t)(x->rank - 1)) == 0;
}

onyx_status op_shape_columns(op_shape_context *context)
{
    const columns_params *p = context->params;
    const op_value *x = context->inputs[0];
    STATUS_TRY(shape_same(context));
    if (x->rank == 0)
        return shape_fail(context, "a single number has no columns");
    for (int i = 0; i < p->count && x->rank > 0; i++) {
        const column_code *c = &p->codes[i];
        const int64_t columns = x->dims[x->rank - 1];
        if (columns >= 0 && c->begin + c->width > columns)
            return shape_fail(context, "code %d ends behind column %lld", i, (long long)columns);
        if (c->op >= OP_COLUMN_BINARIES)
            continue;
        STATUS_TRY(shape_type(context, (int)c->input, TYPES_F32));
        const op_value *operand = context->inputs[c->input];
        if (!operand || (operand->rank >= 0 && !fits(x, operand, c->width)))
            return shape_fail(context, "input %lld does not fit code %d", (long long)c->input, i);
    }
    return ONYX_OK;
}

static float column_value(op_column op, float x, float y)
{
    switch (op) {
    case OP_COLUMN_ADD:
        return x + y;
    case OP_COLUMN_SUB:
        return x - y;
    case OP_COLUMN_MUL:
        return x * y;
    case OP_COLUMN_DIV:
        return x / y;
    case OP_COLUMN_SQUARE:
        return x * x;
    case OP_COLUMN_EXP:
        return expf(x);
    default:
        return 1 / (1 + expf(-x));
    }
}

onyx_status op_run_columns(op_run_context *context)
{
    const columns_params *p = context->params;
    const onyx_tensor *in = context->inputs[0];
    float *out = context->outputs[0]->data;
    const size_t columns = (size_t)in->dims[in->rank - 1], rows = columns ? tensor_count(in) / columns : 0;
    memcpy(out, in->data, in->size_bytes);
    for (int i = 0; i < p->count; i++) {
        const column_code *c = &p->codes[i];
        const op_column op = (op_column)c->op;
        const onyx_tensor *operand = op < OP_COLUMN_BINARIES ? context->inputs[c->input] : NULL;
        const float *values = operand ? operand->data : NULL;
        const size_t width = (size_t)c->width, step = operand && tensor_count(operand) > 1;
        for (size_t k = 0; k < rows * width; k++) {
            float *x = &out[k / width * columns + (size_t)c->begin + k % width];
            const float y = values ? values[k * step] : 0;
            *x = c->swap ? column_value(op, y, *x) : column_value(op, *x, y);
        }
    }
    return ONYX_OK;
}
