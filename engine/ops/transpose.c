/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that only permute or repeat elements by strides: Transpose, Expand, Tile, DepthToSpace, SpaceToDepth,
 * ChannelShuffle. */
#include <string.h>

#include "base/types.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

/* ---- Transpose ---- */

onyx_status op_parse_transpose(const op_parse_context *context, void *params)
{
    transpose_params *p = params;
    const op_attribute *perm = op_attribute_find(&context->attributes, "perm", OP_ATTRIBUTE_INTS);
    if (!perm)
        return ONYX_OK;
    if (perm->count > ONYX_MAX_RANK)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "perm has %d entries", perm->count);
    bool seen[ONYX_MAX_RANK] = { false };
    p->count = perm->count;
    for (int i = 0; i < perm->count; i++) {
        int axis;
        if (!axis_resolve(perm->ints[i], perm->count, &axis) || seen[axis])
            return status_fail(context->error, ONYX_ERROR_SHAPE, "perm is not a permutation");
        seen[axis] = true;
        p->perm[i] = axis;
    }
    return ONYX_OK;
}

static int permuted(const transpose_params *p, int rank, int i)
{
    return p->count ? (int)p->perm[i] : rank - 1 - i;
}

onyx_status op_shape_transpose(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const transpose_params *p = context->params;
    const op_value *in = context->inputs[0];
    int64_t dims[ONYX_MAX_RANK];
    if (in->rank >= 0 && p->count && p->count != in->rank)
        return shape_fail(context, "perm has %d entries for rank %d", p->count, in->rank);
    for (int i = 0; i < in->rank; i++)
        dims[i] = in->dims[permuted(p, in->rank, i)];
    shape_set(&context->outputs[0], in->type, in->rank, dims);
    return ONYX_OK;
}

static onyx_status transpose(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    int64_t strides[ONYX_MAX_RANK];
    strided_copy copy = { .rank = in->rank, .element_bytes = type_size(in->type) };
    dims_strides(in->rank, in->dims, strides);
    dims_strides(out->rank, out->dims, copy.dst_strides);
    for (int i = 0; i < in->rank; i++) {
        copy.dims[i] = out->dims[i];
        copy.src_strides[i] = strides[permuted(context->params, in->rank, i)];
    }
    strided_run(&copy, out->data, in->data, context->pool);
    return ONYX_OK;
}

onyx_status op_run_transpose(op_run_context *context)
{
    return packed_run(context, transpose);
}

/* ---- Expand ---- */

onyx_status op_shape_expand(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *in = context->inputs[0], *shape = context->inputs[1];
    op_value *out = &context->outputs[0];
    int64_t wanted[ONYX_MAX_RANK], dims[ONYX_MAX_RANK];
    int count, rank = in->rank;
    out->type = in->type;
    if (!value_ints(shape, wanted, ONYX_MAX_RANK, &count)) {
        if (shape->rank == 1 && shape->dims[0] > ONYX_MAX_RANK)
            return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
        if (in->rank >= 0 && shape->rank == 1 && shape->dims[0] >= 0) {
            out->rank = MAX(in->rank, (int)shape->dims[0]);
            for (int i = 0; i < out->rank; i++)
                out->dims[i] = -1;
        }
        return ONYX_OK;
    }
    for (int i = 0; i < count; i++) {
        if (wanted[i] < 0)
            return shape_fail(context, "dimension %d is %lld", i, (long long)wanted[i]);
    }
    if (in->rank < 0)
        return ONYX_OK;
    memcpy(dims, in->dims, sizeof(dims));
    if (!dims_broadcast(&rank, dims, count, wanted)) {
        char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
        return shape_fail(context, "%s does not expand to %s", shape_text(in->rank, in->dims, a),
                          shape_text(count, wanted, b));
    }
    shape_set(out, in->type, rank, dims);
    return ONYX_OK;
}

static onyx_status expand(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    int64_t strides[ONYX_MAX_RANK];
    strided_copy copy = { .rank = out->rank, .element_bytes = type_size(in->type) };
    int shift = out->rank - in->rank;
    dims_strides(in->rank, in->dims, strides);
    dims_strides(out->rank, out->dims, copy.dst_strides);
    for (int i = 0; i < out->rank; i++) {
        copy.dims[i] = out->dims[i];
        copy.src_strides[i] = i < shift || in->dims[i - shift] == 1 ? 0 : strides[i - shift];
    }
    strided_run(&copy, out->data, in->data, context->pool);
    return ONYX_OK;
}

onyx_status op_run_expand(op_run_context *context)
{
    return packed_run(context, expand);
}

/* ---- Tile ---- */

onyx_status op_shape_tile(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *in = context->inputs[0], *input = context->inputs[1];
    int64_t repeats[ONYX_MAX_RANK], dims[ONYX_MAX_RANK];
    int count;
    if (in->rank >= 0 && input->rank == 1 && input->dims[0] >= 0 && input->dims[0] != in->rank)
        return shape_fail(context, "%lld repeats for rank %d", (long long)input->dims[0], in->rank);
    bool known = value_ints(input, repeats, ONYX_MAX_RANK, &count);
    for (int i = 0; i < in->rank; i++) {
        dims[i] = -1;
        if (!known)
            continue;
        if (repeats[i] < 0)
            return shape_fail(context, "repeat %d is %lld", i, (long long)repeats[i]);
        if (in->dims[i] >= 0 && __builtin_mul_overflow(in->dims[i], repeats[i], &dims[i]))
            return shape_fail(context, "the output is too large");
    }
    shape_set(&context->outputs[0], in->type, in->rank, dims);
    return ONYX_OK;
}

/* Each dimension is seen as [repeat, dim], the repeats with source stride 0. */
static onyx_status tile(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    size_t bytes = type_size(in->type);
    const void *src = in->data;
    int64_t done[ONYX_MAX_RANK];
    memcpy(done, in->dims, sizeof(done));
    /* One dimension after the other from the last, so that the copies stay within the rank limit: the block of all
     * dims behind is repeated. */
    if (tensor_count(out) == 0)
        return ONYX_OK;
    int last = in->rank - 1;
    while (last >= 0 && in->dims[last] == out->dims[last])
        last--;
    if (last < 0) {
        memcpy(out->data, src, out->size_bytes);
        return ONYX_OK;
    }
    for (int axis = last; axis >= 0; axis--) {
        int64_t repeat = out->dims[axis] / in->dims[axis];
        if (repeat == 1)
            continue;
        size_t outer = dims_product(in->dims, 0, axis), block = dims_product(done, axis, in->rank);
        done[axis] = out->dims[axis];
        bool final = true;
        for (int i = 0; i < axis; i++)
            final = final && in->dims[i] == out->dims[i];
        void *dst = out->data;
        if (!final) {
            onyx_status status = ONYX_OK;
            dst = run_scratch(context, outer * block * (size_t)repeat, bytes, &status);
            if (!dst)
                return status;
        }
        strided_copy copy = { .rank = 3, .element_bytes = bytes };
        int64_t dims[3] = { (int64_t)outer, repeat, (int64_t)block }, src_strides[3] = { (int64_t)block, 0, 1 };
        memcpy(copy.dims, dims, sizeof(dims));
        memcpy(copy.src_strides, src_strides, sizeof(src_strides));
        dims_strides(3, dims, copy.dst_strides);
        strided_run(&copy, dst, src, context->pool);
        src = dst;
    }
    return ONYX_OK;
}

onyx_status op_run_tile(op_run_context *context)
{
    return packed_run(context, tile);
}

/* ---- DepthToSpace, SpaceToDepth ---- */

onyx_status op_parse_space(const op_parse_context *context, void *params)
{
    space_params *p = params;
    p->block = op_attribute_int(&context->attributes, "blocksize", 0);
    p->column_row_depth = strcmp(op_attribute_string(&context->attributes, "mode", "DCR"), "CRD") == 0;
    if (p->block < 1 || p->block > 1 << 20)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "blocksize is %lld", (long long)p->block);
    return ONYX_OK;
}

static onyx_status shape_blocks(op_shape_context *context, bool to_space)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_rank(context, 0, 4));
    const op_value *in = context->inputs[0];
    int64_t b = ((const space_params *)context->params)->block, dims[4] = { -1, -1, -1, -1 };
    if (in->rank == 4) {
        memcpy(dims, in->dims, sizeof(dims));
        if (to_space) {
            if (dims[1] >= 0 && dims[1] % (b * b))
                return shape_fail(context, "%lld channels are no multiple of blocksize squared", (long long)dims[1]);
            dims[1] = dims[1] < 0 ? -1 : dims[1] / (b * b);
        } else {
            if (dims[1] >= 0 && __builtin_mul_overflow(dims[1], b * b, &dims[1]))
                return shape_fail(context, "the channels are too many");
        }
        for (int i = 2; i < 4; i++) {
            if (dims[i] < 0)
                continue;
            if (!to_space && dims[i] % b)
                return shape_fail(context, "%lld is no multiple of blocksize", (long long)dims[i]);
            if (!to_space)
                dims[i] /= b;
            else if (__builtin_mul_overflow(dims[i], b, &dims[i]))
                return shape_fail(context, "the picture is too large");
        }
    }
    shape_set(&context->outputs[0], in->type, 4, dims);
    return ONYX_OK;
}

onyx_status op_shape_depth_to_space(op_shape_context *context)
{
    return shape_blocks(context, true);
}

onyx_status op_shape_space_to_depth(op_shape_context *context)
{
    return shape_blocks(context, false);
}

/* Both are a copy over [n, c, h, block row, w, block column] of the smaller depth c and the smaller image h, w. */
static void copy_blocks(op_run_context *context, const int64_t *deep, bool to_space)
{
    const space_params *p = context->params;
    int64_t b = p->block, n = deep[0], c = deep[1] / (b * b), h = deep[2], w = deep[3];
    int64_t plane = h * w;
    strided_copy copy = { .rank = 6, .element_bytes = type_size(context->inputs[0]->type) };
    const int64_t dims[6] = { n, c, h, b, w, b };
    int64_t by_depth[6] = { deep[1] * plane, 0, w, 0, 1, 0 }, by_space[6];
    int64_t depth_of_c = p->column_row_depth ? b * b : 1, depth_of_row = p->column_row_depth ? b : b * c,
            depth_of_column = p->column_row_depth ? 1 : c;
    by_depth[1] = depth_of_c * plane;
    by_depth[3] = depth_of_row * plane;
    by_depth[5] = depth_of_column * plane;
    dims_strides(6, dims, by_space);
    memcpy(copy.dims, dims, sizeof(dims));
    memcpy(copy.dst_strides, to_space ? by_space : by_depth, sizeof(by_space));
    memcpy(copy.src_strides, to_space ? by_depth : by_space, sizeof(by_space));
    strided_run(&copy, context->outputs[0]->data, context->inputs[0]->data, context->pool);
}

onyx_status op_run_depth_to_space(op_run_context *context)
{
    copy_blocks(context, context->inputs[0]->dims, true);
    return ONYX_OK;
}

onyx_status op_run_space_to_depth(op_run_context *context)
{
    copy_blocks(context, context->outputs[0]->dims, false);
    return ONYX_OK;
}

/* ---- ChannelShuffle ---- */

onyx_status op_parse_shuffle(const op_parse_context *context, void *params)
{
    shuffle_params *p = params;
    p->groups = op_attribute_int(&context->attributes, "groups", 0);
    if (p->groups < 1)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "groups is %lld", (long long)p->groups);
    return ONYX_OK;
}

onyx_status op_shape_shuffle(op_shape_context *context)
{
    const op_value *in = context->inputs[0];
    STATUS_TRY(shape_same(context));
    if (in->rank >= 0 &&
        (in->rank < 2 || (in->dims[1] >= 0 && in->dims[1] % ((const shuffle_params *)context->params)->groups)))
        return shape_fail(context, "the channels do not fit the groups");
    return ONYX_OK;
}

onyx_status op_run_shuffle(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    int64_t groups = ((const shuffle_params *)context->params)->groups, each = in->dims[1] / groups;
    int64_t plane = (int64_t)dims_product(in->dims, 2, in->rank);
    strided_copy copy = { .rank = 4,
                          .dims = { in->dims[0], each, groups, plane },
                          .src_strides = { in->dims[1] * plane, plane, each * plane, 1 },
                          .element_bytes = type_size(in->type) };
    dims_strides(4, copy.dims, copy.dst_strides);
    strided_run(&copy, context->outputs[0]->data, in->data, context->pool);
    return ONYX_OK;
}
