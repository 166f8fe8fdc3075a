/* SPDX-License-Identifier: BSD-2-Clause
 *
 * MaxUnpool: puts the maxima of a MaxPool back where they stood. */
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* Shape of what was pooled, as the attributes have it. */
static bool pooled_from(const window_params *w, const op_value *x, int64_t *dims)
{
    const int n = x->rank - 2;
    if (x->rank < 3 || w->kernel_count != n || (w->stride_count && w->stride_count != n) ||
        (w->pad_count && w->pad_count != 2 * n))
        return false;
    dims[0] = x->dims[0];
    dims[1] = x->dims[1];
    for (int i = 0; i < n; i++) {
        const int64_t stride = w->stride_count ? w->strides[i] : 1;
        const int64_t pads = w->pad_count ? w->pads[i] + w->pads[n + i] : 0;
        dims[2 + i] = -1;
        if (x->dims[2 + i] < 0)
            continue;
        if (__builtin_mul_overflow(x->dims[2 + i] - 1, stride, &dims[2 + i]) ||
            __builtin_add_overflow(dims[2 + i], w->kernel[i] - pads, &dims[2 + i]) || dims[2 + i] < 0)
            return false;
    }
    return true;
}

onyx_status op_shape_max_unpool(op_shape_context *context)
{
    const pool_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_type(context, 2, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 2, 1));
    const op_value *x = context->inputs[0], *indices = context->inputs[1], *shape = shape_input(context, 2);
    int64_t dims[ONYX_MAX_RANK], wanted[ONYX_MAX_RANK];
    int rank = x->rank, count;
    if (x->rank >= 0 && indices->rank >= 0) {
        bool same = x->rank == indices->rank;
        for (int i = 0; i < x->rank && same; i++)
            same = x->dims[i] < 0 || indices->dims[i] < 0 || x->dims[i] == indices->dims[i];
        if (!same)
            return shape_fail(context, "indices have another shape than the data");
    }
    if (x->rank >= 0 && !pooled_from(&p->window, x, dims))
        return shape_fail(context, "kernel_shape, strides and pads do not fit rank %d", x->rank);
    if (shape && x->rank >= 0 && shape->rank == 1 && shape->dims[0] >= 0 && shape->dims[0] != x->rank)
        return shape_fail(context, "an output shape of %lld numbers for rank %d", (long long)shape->dims[0], x->rank);
    for (int i = 0; shape && i < x->rank; i++)
        dims[i] = -1;
    if (shape && value_ints(shape, wanted, ONYX_MAX_RANK, &count)) {
        for (int i = 0; i < count; i++)
            if (wanted[i] < 0)
                return shape_fail(context, "output dimension %d is %lld", i, (long long)wanted[i]);
        memcpy(dims, wanted, sizeof(*dims) * (size_t)count);
        rank = count;
    }
    shape_set(&context->outputs[0], x->type, rank, dims);
    return ONYX_OK;
}

/* Whether each index, counted in `dims`, lies in the window that its element was pooled from. */
static bool in_windows(const window_params *w, const onyx_tensor *x, const int64_t *indices, const int64_t *dims)
{
    const size_t count = tensor_count(x);
    bool inside = dims_product(dims, 0, x->rank) > 0;
    for (size_t i = 0; i < count && inside; i++) {
        int64_t index = indices[i], item = (int64_t)i;
        inside = index >= 0;
        for (int d = x->rank - 1; d >= 0 && inside; d--) {
            const int k = d - 2;
            const int64_t place = index % dims[d], at = item % x->dims[d];
            const int64_t stride = k >= 0 && w->stride_count ? w->strides[k] : 1;
            const int64_t first = at * stride - (k >= 0 && w->pad_count ? w->pads[k] : 0);
            inside = place >= first && place - first < (k >= 0 ? w->kernel[k] : 1);
            index /= dims[d];
            item /= x->dims[d];
        }
        inside = inside && index == 0;
    }
    return inside;
}

/* Indices count in the output: a MaxPool's in what it pooled. Where an output shape is given and they cannot, but can
 * in the shape that the attributes tell, they count there, and each value goes to the same place of the larger one: so
 * ONNX's own test has it. */
onyx_status op_run_max_unpool(op_run_context *context)
{
    const pool_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    const op_value value = value_of_tensor(x);
    const int64_t *indices = context->inputs[1]->data, *counted = out->dims;
    const size_t size = type_size(x->type), count = tensor_count(x);
    int64_t told[ONYX_MAX_RANK];
    if (run_input(context, 2) && pooled_from(&p->window, &value, told) &&
        !in_windows(&p->window, x, indices, out->dims) && in_windows(&p->window, x, indices, told))
        counted = told;
    const size_t places = dims_product(counted, 0, x->rank);
    memset(out->data, 0, out->size_bytes);
    for (size_t i = 0; i < count; i++) {
        size_t rest = (size_t)indices[i], to = 0, stride = 1;
        bool inside = indices[i] >= 0 && rest < places;
        for (int d = x->rank - 1; d >= 0 && inside; d--) {
            const size_t at = rest % (size_t)counted[d];
            inside = at < (size_t)out->dims[d];
            to += at * stride;
            stride *= (size_t)out->dims[d];
            rest /= (size_t)counted[d];
        }
        if (!inside)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "index %lld lies outside of the output",
                               (long long)indices[i]);
        memcpy((char *)out->data + to * size, (const char *)x->data + i * size, size);
    }
    return ONYX_OK;
}
