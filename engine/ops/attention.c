/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Attention: softmax(alpha * factor * q * k^T + bias) * v over matrices that lie with any steps in their tensors. */
#include <math.h>

#include "ops/rows.h"
#include "ops/shape.h"

static onyx_status read_ints(const op_parse_context *context, const char *name, int count, const int64_t **ints)
{
    const op_attribute *attribute = op_attribute_find(&context->attributes, name, OP_ATTRIBUTE_INTS);
    if (!attribute || (count >= 0 && attribute->count != count))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute %s is missing or incomplete", name);
    *ints = attribute->ints;
    return ONYX_OK;
}

onyx_status op_parse_attention(const op_parse_context *context, void *params)
{
    attention_params *p = params;
    const op_attribute *dims = op_attribute_find(&context->attributes, "dims", OP_ATTRIBUTE_INTS);
    const op_attribute *shape = op_attribute_find(&context->attributes, "shape", OP_ATTRIBUTE_INTS);
    if (!dims || dims->count < 4 || dims->count > 4 + ONYX_MAX_RANK || !shape || shape->count > ONYX_MAX_RANK)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute dims or shape is missing or incomplete");
    p->alpha = op_attribute_float(&context->attributes, "alpha", 1);
    p->zeros = op_attribute_int(&context->attributes, "zeros", 0) != 0;
    p->rank = dims->count - 4;
    p->dims = dims->ints;
    p->shape_rank = shape->count;
    p->shape = shape->ints;
    STATUS_TRY(read_ints(context, "q", 3 + p->rank, &p->q));
    STATUS_TRY(read_ints(context, "k", 3 + p->rank, &p->k));
    STATUS_TRY(read_ints(context, "v", 3 + p->rank, &p->v));
    return read_ints(context, "y", 3 + p->rank, &p->y);
}

/* The last element that the steps reach lies in the tensor. */
static bool within(const attention_params *p, const int64_t *steps, int64_t rows, int64_t columns, const op_value *x)
{
    int64_t last = steps[0] + (rows - 1) * steps[1 + p->rank] + (columns - 1) * steps[2 + p->rank], count = 1;
    for (int i = 0; i < p->rank; i++)
        last += (p->dims[i] - 1) * steps[1 + i];
    for (int i = 0; i < x->rank; i++) {
        if (x->dims[i] < 0)
            return true;
        count *= x->dims[i];
    }
    return x->rank < 0 || last < count;
}

onyx_status op_shape_attention(op_shape_context *context)
{
    const attention_params *p = context->params;
    const int64_t *sizes = p->dims + p->rank;
    STATUS_TRY(shape_begin(context));
    for (int i = 1; i < 5; i++)
        STATUS_TRY(shape_type(context, i, TYPES_F32));
    shape_set(&context->outputs[0], ONYX_TYPE_FLOAT32, p->shape_rank, p->shape);
    if (!within(p, p->q, sizes[0], sizes[2], context->inputs[0]) ||
        !within(p, p->k, sizes[1], sizes[2], context->inputs[1]) ||
        !within(p, p->v, sizes[1], sizes[3], context->inputs[2]) ||
        !within(p, p->y, sizes[0], sizes[3], &context->outputs[0]))
        return shape_fail(context, "a matrix ends behind its tensor");
    return ONYX_OK;
}

/* Where matrix `batch` begins; the same for matrices of `step` elements whose batch broadcasts. */
static int64_t begin_of(const attention_params *p, const int64_t *steps, int64_t batch)
{
    int64_t at = steps[0];
    for (int i = p->rank - 1; i >= 0; batch /= p->dims[i], i--)
        at += batch % p->dims[i] * steps[1 + i];
    return at;
}

static const float *constant_of(const attention_params *p, const onyx_tensor *x, int64_t step, int64_t batch)
{
    int64_t at = 0;
    for (int i = p->rank - 1, j = x->rank - 3; i >= 0 && j >= 0; batch /= p->dims[i], i--, j--) {
        at += x->dims[j] == 1 ? 0 : batch % p->dims[i] * step;
        step *= x->dims[j];
    }
    return (const float *)x->data + at;
}

onyx_status op_run_attention(op_run_context *context)
{
    const attention_params *p = context->params;
    const int64_t *sizes = p->dims + p->rank, queries = sizes[0], keys = sizes[1], depth = sizes[2], width = sizes[3];
    const int row = 1 + p->rank, column = 2 + p->rank;
    const onyx_tensor *bias = run_input(context, 3), *factors = run_input(context, 4);
    const int64_t bias_step = bias ? bias->dims[bias->rank - 2] : 0;
    double *scores = context->scratch(context, sizeof(*scores) * (size_t)keys);
    if (!scores)
        return status_no_memory(context->error, sizeof(*scores) * (size_t)keys, "scores");
    int64_t batches = 1;
    for (int i = 0; i < p->rank; i++)
        batches *= p->dims[i];
    for (int64_t b = 0; b < batches; b++) {
        const float *q = (const float *)context->inputs[0]->data + begin_of(p, p->q, b);
        const float *k = (const float *)context->inputs[1]->data + begin_of(p, p->k, b);
        const float *v = (const float *)context->inputs[2]->data + begin_of(p, p->v, b);
        const float *more = bias ? constant_of(p, bias, bias_step * keys, b) : NULL;
        const double factor = (double)p->alpha * (factors ? (double)*constant_of(p, factors, 1, b) : 1);
        float *y = (float *)context->outputs[0]->data + begin_of(p, p->y, b);
        for (int64_t i = 0; i < queries; i++) {
            double largest = -INFINITY, sum = 0;
            for (int64_t j = 0; j < keys; j++) {
                double dot = 0;
                for (int64_t d = 0; d < depth; d++)
                    dot += (double)q[i * p->q[row] + d * p->q[column]] * (double)k[j * p->k[row] + d * p->k[column]];
                scores[j] = dot * factor + (more ? (double)more[(bias_step == 1 ? 0 : i * keys) + j] : 0);
                largest = fmax(largest, scores[j]);
            }
            for (int64_t j = 0; j < keys; j++)
                sum += scores[j] = exp(scores[j] - largest);
            for (int64_t w = 0; w < width; w++) {
                double mean = 0;
                for (int64_t j = 0; j < keys; j++)
                    mean += scores[j] * (double)v[j * p->v[row] + w * p->v[column]];
                y[i * p->y[row] + w * p->y[column]] = p->zeros && isnan(sum) ? 0 : (float)(mean / sum);
            }
        }
    }
    return ONYX_OK;
}
