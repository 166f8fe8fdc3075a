/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Col2Im (version 18 on), PyTorch's fold: [n, c * block, places] to [n, c, image]. Each place of the window adds its
 * block to the image; what lies in the padding is dropped. */
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

typedef struct fold {
    int spatial;
    int64_t image[OP_MAX_SPATIAL], block[OP_MAX_SPATIAL], places[OP_MAX_SPATIAL];
    int64_t stride[OP_MAX_SPATIAL], dilation[OP_MAX_SPATIAL], pad[OP_MAX_SPATIAL];
    int64_t taps, columns; /* of a block; places of the window in all */
} fold;

#define LARGEST (INT64_C(1) << 31)

static bool times(int64_t *product, int64_t factor)
{
    if (factor != 0 && *product > LARGEST / factor)
        return false;
    *product *= factor;
    return true;
}

static onyx_status fold_of(const conv_params *params, const int64_t *image, int count, const int64_t *block,
                           int block_count, fold *f, onyx_error *error)
{
    const window_params *w = &params->window;
    *f = (fold){ .spatial = count, .taps = 1, .columns = 1 };
    if (count < 1 || count > OP_MAX_SPATIAL || block_count != count || (w->stride_count && w->stride_count != count) ||
        (w->dilation_count && w->dilation_count != count) || (w->pad_count && w->pad_count != 2 * count))
        return status_fail(error, ONYX_ERROR_SHAPE, "image_shape, block_shape and attributes differ in length");
    for (int i = 0; i < count; i++) {
        const int64_t pad = w->pad_count ? w->pads[i] : 0, end = w->pad_count ? w->pads[count + i] : 0;
        f->image[i] = image[i];
        f->block[i] = block[i];
        f->stride[i] = w->stride_count ? w->strides[i] : 1;
        f->dilation[i] = w->dilation_count ? w->dilations[i] : 1;
        f->pad[i] = pad;
        if (image[i] < 1 || block[i] < 1 || image[i] > LARGEST || block[i] > LARGEST || pad < 0 || end < 0)
            return status_fail(error, ONYX_ERROR_SHAPE, "axis %d of the image or block is %lld by %lld", i,
                               (long long)image[i], (long long)block[i]);
        const int64_t room = image[i] + pad + end - f->dilation[i] * (block[i] - 1) - 1;
        f->places[i] = room < 0 ? 0 : room / f->stride[i] + 1;
        if (!times(&f->taps, block[i]) || !times(&f->columns, f->places[i]))
            return status_fail(error, ONYX_ERROR_LIMIT, "the image is too large");
    }
    return ONYX_OK;
}

onyx_status op_shape_col2im(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_type(context, 2, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 0, 3));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *x = context->inputs[0];
    int64_t image[OP_MAX_SPATIAL], block[OP_MAX_SPATIAL], dims[ONYX_MAX_RANK];
    int count, block_count;
    fold f;
    context->outputs[0].type = x->type;
    if (!value_ints(context->inputs[1], image, OP_MAX_SPATIAL, &count) ||
        !value_ints(context->inputs[2], block, OP_MAX_SPATIAL, &block_count))
        return ONYX_OK;
    STATUS_TRY(fold_of(context->params, image, count, block, block_count, &f, context->error));
    if (x->rank == 3 && ((x->dims[1] >= 0 && x->dims[1] % f.taps) || (x->dims[2] >= 0 && x->dims[2] != f.columns)))
        return shape_fail(context, "%lld x %lld does not fit blocks of %lld at %lld places", (long long)x->dims[1],
                          (long long)x->dims[2], (long long)f.taps, (long long)f.columns);
    dims[0] = x->rank == 3 ? x->dims[0] : -1;
    dims[1] = x->rank == 3 && x->dims[1] >= 0 ? x->dims[1] / f.taps : -1;
    memcpy(dims + 2, f.image, sizeof(*dims) * (size_t)count);
    shape_set(&context->outputs[0], x->type, 2 + count, dims);
    return ONYX_OK;
}

/* Where tap and column meet in the image, or -1. */
static int64_t place_of(const fold *f, int64_t tap, int64_t column)
{
    int64_t at = 0, step = 1;
    for (int i = f->spatial - 1; i >= 0; i--) {
        const int64_t x = column % f->places[i] * f->stride[i] + tap % f->block[i] * f->dilation[i] - f->pad[i];
        if (x < 0 || x >= f->image[i])
            return -1;
        at += x * step;
        step *= f->image[i];
        column /= f->places[i];
        tap /= f->block[i];
    }
    return at;
}

onyx_status op_run_col2im(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    int64_t image[OP_MAX_SPATIAL], block[OP_MAX_SPATIAL];
    int count = 0, block_count = 0;
    onyx_status status = ONYX_OK;
    fold f;
    if (!tensor_ints(context->inputs[1], image, OP_MAX_SPATIAL, &count) ||
        !tensor_ints(context->inputs[2], block, OP_MAX_SPATIAL, &block_count))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "too many axes");
    STATUS_TRY(fold_of(context->params, image, count, block, block_count, &f, context->error));
    const lane l = lane_of(x->type);
    const void *src = lanes_of_tensor(context, x, l, &status);
    void *dst = lanes_for_output(context, out, l, &status);
    STATUS_TRY(status);
    const size_t planes = dims_product(out->dims, 0, 2), plane = dims_product(out->dims, 2, out->rank);
    memset(dst, 0, planes * plane * lane_size(l));
    for (int64_t tap = 0; tap < f.taps; tap++)
        for (int64_t column = 0; column < f.columns; column++) {
            const int64_t place = place_of(&f, tap, column);
            for (size_t p = 0; p < planes && place >= 0; p++) {
                const size_t to = p * plane + (size_t)place, from = p * (size_t)f.taps + (size_t)tap;
                lane_set(l, dst, to,
                         lane_get(l, dst, to) + lane_get(l, src, from * (size_t)f.columns + (size_t)column));
            }
        }
    lanes_finish_output(out, l, dst);
    return ONYX_OK;
}
