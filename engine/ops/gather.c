/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reading and writing by index: Gather, GatherElements, GatherND, ScatterElements, ScatterND. Negative indices count
 * from the end; an index outside of its dimension is an error. */
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"
#include "ops/strided.h"

onyx_status op_parse_axis_0(const op_parse_context *context, void *params)
{
    ((axis_params *)params)->axis = op_attribute_int(&context->attributes, "axis", 0);
    return ONYX_OK;
}

static onyx_status index_error(op_run_context *context, int64_t index, int64_t dim)
{
    return status_fail(context->error, ONYX_ERROR_SHAPE, "index %lld is out of range for a dimension of %lld",
                       (long long)index, (long long)dim);
}

static bool index_resolve(int64_t *index, int64_t dim)
{
    if (*index < 0)
        *index += dim;
    return *index >= 0 && *index < dim;
}

/* ---- Gather ---- */

onyx_status op_shape_gather(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    const op_value *data = context->inputs[0], *indices = context->inputs[1];
    op_value *out = &context->outputs[0];
    int axis, rank = 0;
    int64_t dims[2 * ONYX_MAX_RANK];
    out->type = data->type;
    if (data->rank < 0)
        return ONYX_OK;
    if (!axis_resolve(((const axis_params *)context->params)->axis, data->rank, &axis))
        return shape_fail(context, "axis is out of range for rank %d", data->rank);
    if (indices->rank < 0)
        return ONYX_OK;
    for (int i = 0; i < axis; i++)
        dims[rank++] = data->dims[i];
    for (int i = 0; i < indices->rank; i++)
        dims[rank++] = indices->dims[i];
    for (int i = axis + 1; i < data->rank; i++)
        dims[rank++] = data->dims[i];
    if (rank > ONYX_MAX_RANK)
        return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
    shape_set(out, data->type, rank, dims);
    return ONYX_OK;
}

static onyx_status gather(op_run_context *context)
{
    const onyx_tensor *data = context->inputs[0], *indices = context->inputs[1];
    int axis = 0;
    axis_resolve(((const axis_params *)context->params)->axis, data->rank, &axis);
    onyx_status status = ONYX_OK;
    const int64_t *list = lanes_of_tensor(context, indices, LANE_I64, &status);
    if (!list)
        return status;
    size_t count = tensor_count(indices), outer = dims_product(data->dims, 0, axis);
    size_t block = dims_product(data->dims, axis + 1, data->rank) * type_size(data->type);
    int64_t dim = data->dims[axis];
    char *dst = context->outputs[0]->data;
    for (size_t o = 0; o < outer; o++) {
        const char *src = (const char *)data->data + o * (size_t)dim * block;
        for (size_t i = 0; i < count; i++, dst += block) {
            int64_t index = list[i];
            if (!index_resolve(&index, dim))
                return index_error(context, list[i], dim);
            memcpy(dst, src + (size_t)index * block, block);
        }
    }
    return ONYX_OK;
}

onyx_status op_run_gather(op_run_context *context)
{
    return packed_run(context, gather);
}

/* ---- GatherElements ---- */

onyx_status op_shape_gather_elements(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    const op_value *data = context->inputs[0], *indices = context->inputs[1];
    int axis;
    if (data->rank >= 0) {
        STATUS_TRY(shape_rank(context, 1, data->rank));
        if (!axis_resolve(((const axis_params *)context->params)->axis, data->rank, &axis))
            return shape_fail(context, "axis is out of range for rank %d", data->rank);
        for (int i = 0; i < data->rank && indices->rank >= 0; i++) {
            if (i != axis && data->dims[i] >= 0 && indices->dims[i] > data->dims[i])
                return shape_fail(context, "indices reach beyond dimension %d", i);
        }
    }
    shape_set(&context->outputs[0], data->type, indices->rank, indices->dims);
    return ONYX_OK;
}

/* Walks the elements of `indices` in order, keeping the offset in `data` of the same place with 0 along `axis`. */
typedef struct element_walk {
    int rank, axis;
    const int64_t *dims;
    int64_t strides[ONYX_MAX_RANK], index[ONYX_MAX_RANK], offset;
} element_walk;

static void walk_begin(element_walk *walk, const onyx_tensor *data, const onyx_tensor *indices, int axis)
{
    memset(walk, 0, sizeof(*walk));
    walk->rank = indices->rank;
    walk->axis = axis;
    walk->dims = indices->dims;
    dims_strides(data->rank, data->dims, walk->strides);
}

static void walk_next(element_walk *walk)
{
    for (int d = walk->rank - 1; d >= 0; d--) {
        int64_t stride = d == walk->axis ? 0 : walk->strides[d];
        walk->offset += stride;
        if (++walk->index[d] < walk->dims[d])
            return;
        walk->offset -= stride * walk->dims[d];
        walk->index[d] = 0;
    }
}

onyx_status op_run_gather_elements(op_run_context *context)
{
    const onyx_tensor *data = context->inputs[0], *indices = context->inputs[1];
    int axis = 0;
    axis_resolve(((const axis_params *)context->params)->axis, data->rank, &axis);
    onyx_status status = ONYX_OK;
    const int64_t *list = lanes_of_tensor(context, indices, LANE_I64, &status);
    if (!list)
        return status;
    size_t bytes = type_size(data->type), count = tensor_count(indices);
    element_walk walk;
    walk_begin(&walk, data, indices, axis);
    char *dst = context->outputs[0]->data;
    for (size_t i = 0; i < count; i++, dst += bytes, walk_next(&walk)) {
        int64_t index = list[i];
        if (!index_resolve(&index, data->dims[axis]))
            return index_error(context, list[i], data->dims[axis]);
        memcpy(dst, (const char *)data->data + (size_t)(walk.offset + index * walk.strides[axis]) * bytes, bytes);
    }
    return ONYX_OK;
}

/* ---- GatherND ---- */

onyx_status op_parse_gather_nd(const op_parse_context *context, void *params)
{
    ((gather_nd_params *)params)->batch_dims = op_attribute_int(&context->attributes, "batch_dims", 0);
    return ONYX_OK;
}

onyx_status op_shape_gather_nd(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    const op_value *data = context->inputs[0], *indices = context->inputs[1];
    op_value *out = &context->outputs[0];
    int64_t batch = ((const gather_nd_params *)context->params)->batch_dims, dims[2 * ONYX_MAX_RANK];
    out->type = data->type;
    if (data->rank < 0 || indices->rank < 0 || (indices->rank > 0 && indices->dims[indices->rank - 1] < 0))
        return ONYX_OK;
    int64_t depth = indices->rank ? indices->dims[indices->rank - 1] : 0;
    if (batch < 0 || batch >= MIN(data->rank, indices->rank) || depth < 1 || batch + depth > data->rank)
        return shape_fail(context, "%lld batch dimensions and index tuples of %lld do not fit rank %d",
                          (long long)batch, (long long)depth, data->rank);
    for (int i = 0; i < batch; i++) {
        if (data->dims[i] >= 0 && indices->dims[i] >= 0 && data->dims[i] != indices->dims[i])
            return shape_fail(context, "batch dimension %d differs", i);
    }
    int rank = 0;
    for (int i = 0; i < indices->rank - 1; i++)
        dims[rank++] = indices->dims[i];
    for (int i = (int)(batch + depth); i < data->rank; i++)
        dims[rank++] = data->dims[i];
    if (rank > ONYX_MAX_RANK)
        return shape_fail(context, "more than %d dimensions", ONYX_MAX_RANK);
    shape_set(out, data->type, rank, dims);
    return ONYX_OK;
}

static bool index_tuple_offset(const int64_t *tuple, int depth, const int64_t *dims, const int64_t *strides,
                               int64_t *offset)
{
    *offset = 0;
    for (int i = 0; i < depth; i++) {
        int64_t index = tuple[i];
        if (!index_resolve(&index, dims[i]))
            return false;
        *offset += index * strides[i];
    }
    return true;
}

onyx_status op_run_gather_nd(op_run_context *context)
{
    const onyx_tensor *data = context->inputs[0], *indices = context->inputs[1];
    int batch = (int)((const gather_nd_params *)context->params)->batch_dims;
    int depth = (int)indices->dims[indices->rank - 1];
    const int64_t *tuples = indices->data;
    int64_t strides[ONYX_MAX_RANK];
    dims_strides(data->rank, data->dims, strides);
    size_t bytes = type_size(data->type), batches = dims_product(data->dims, 0, batch);
    size_t batch_size = dims_product(data->dims, batch, data->rank);
    size_t per_batch = dims_product(indices->dims, batch, indices->rank - 1);
    size_t block = dims_product(data->dims, batch + depth, data->rank) * bytes;
    char *dst = context->outputs[0]->data;
    for (size_t b = 0; b < batches; b++) {
        const char *src = (const char *)data->data + b * batch_size * bytes;
        for (size_t i = 0; i < per_batch; i++, tuples += depth, dst += block) {
            int64_t offset;
            if (!index_tuple_offset(tuples, depth, data->dims + batch, strides + batch, &offset))
                return status_fail(context->error, ONYX_ERROR_SHAPE, "an index is out of range");
            memcpy(dst, src + (size_t)offset * bytes, block);
        }
    }
    return ONYX_OK;
}

/* ---- ScatterElements ---- */

onyx_status op_parse_scatter(const op_parse_context *context, void *params)
{
    scatter_params *p = params;
    const char *reduction = op_attribute_string(&context->attributes, "reduction", "none");
    static const struct {
        const char *name;
        char code;
    } codes[] = { { "none", 0 }, { "add", '+' }, { "mul", '*' }, { "max", '>' }, { "min", '<' } };
    p->axis = op_attribute_int(&context->attributes, "axis", 0);
    for (size_t i = 0; i < ARRAY_LENGTH(codes); i++) {
        if (strcmp(reduction, codes[i].name) == 0) {
            p->reduction = codes[i].code;
            return ONYX_OK;
        }
    }
    return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "reduction \"%s\" is unknown", reduction);
}

static bool can_reduce(onyx_type type)
{
    return type_in(type, TYPES_NUMBER | TYPES_BOOL);
}

static onyx_status check_reduction(op_shape_context *context)
{
    const scatter_params *p = context->params;
    onyx_type type = context->inputs[0]->type;
    if (p->reduction && type != ONYX_TYPE_UNDEFINED && !can_reduce(type))
        return status_fail(context->error, ONYX_ERROR_TYPE, "no reduction for %s", onyx_type_name(type));
    return ONYX_OK;
}

onyx_status op_shape_scatter_elements(op_shape_context *context)
{
    STATUS_TRY(shape_same(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(check_reduction(context));
    const op_value *data = context->inputs[0], *indices = context->inputs[1], *updates = context->inputs[2];
    int axis;
    if (data->rank < 0)
        return ONYX_OK;
    if (!axis_resolve(((const scatter_params *)context->params)->axis, data->rank, &axis))
        return shape_fail(context, "axis is out of range for rank %d", data->rank);
    STATUS_TRY(shape_rank(context, 1, data->rank));
    STATUS_TRY(shape_rank(context, 2, data->rank));
    for (int i = 0; i < data->rank; i++) {
        if (indices->rank >= 0 && i != axis && data->dims[i] >= 0 && indices->dims[i] > data->dims[i])
            return shape_fail(context, "indices reach beyond dimension %d", i);
        if (indices->rank >= 0 && updates->rank >= 0 && indices->dims[i] >= 0 && updates->dims[i] >= 0 &&
            indices->dims[i] != updates->dims[i])
            return shape_fail(context, "indices and updates differ in dimension %d", i);
    }
    return ONYX_OK;
}

#define COMBINE(T)                                                                                                     \
    do {                                                                                                               \
        T *x = a;                                                                                                      \
        T y = *(const T *)b;                                                                                           \
        switch (reduction) {                                                                                           \
        case '+':                                                                                                      \
            *x += y;                                                                                                   \
            break;                                                                                                     \
        case '*':                                                                                                      \
            *x *= y;                                                                                                   \
            break;                                                                                                     \
        case '>':                                                                                                      \
            *x = *x > y || *x != *x ? *x : y;                                                                          \
            break;                                                                                                     \
        default:                                                                                                       \
            *x = *x < y || *x != *x ? *x : y;                                                                          \
            break;                                                                                                     \
        }                                                                                                              \
    } while (0)

static void combine_i64(char reduction, void *a, const void *b)
{
    if (reduction == '>' || reduction == '<')
        COMBINE(int64_t);
    else
        COMBINE(uint64_t); /* wraps */
}

/* n elements of dst from `at` are combined with those of src from `from`. */
static void scatter_block(char reduction, onyx_tensor *dst, size_t at, const onyx_tensor *src, size_t from, size_t n)
{
    size_t bytes = type_size(dst->type);
    if (!reduction) {
        memcpy((char *)dst->data + at * bytes, (const char *)src->data + from * bytes, n * bytes);
        return;
    }
    lane l = lane_of(dst->type);
    for (size_t i = 0; i < n; i++) {
        union {
            float f32;
            double f64;
            int64_t i64;
            uint64_t u64;
        } lanes[2];
        void *a = &lanes[0];
        const void *b = &lanes[1];
        lanes_load(l, dst->type, dst->data, at + i, 1, &lanes[0]);
        lanes_load(l, src->type, src->data, from + i, 1, &lanes[1]);
        if (l == LANE_F32)
            COMBINE(float);
        else if (l == LANE_F64)
            COMBINE(double);
        else if (l == LANE_I64)
            combine_i64(reduction, a, b);
        else
            COMBINE(uint64_t);
        lanes_store(l, &lanes[0], 1, dst->type, dst->data, at + i);
    }
}

onyx_status op_run_scatter_elements(op_run_context *context)
{
    const onyx_tensor *data = context->inputs[0], *indices = context->inputs[1], *updates = context->inputs[2];
    onyx_tensor *out = context->outputs[0];
    const scatter_params *p = context->params;
    int axis = 0;
    axis_resolve(p->axis, data->rank, &axis);
    onyx_status status = ONYX_OK;
    const int64_t *list = lanes_of_tensor(context, indices, LANE_I64, &status);
    if (!list)
        return status;
    if (out->data != data->data && data->size_bytes)
        memcpy(out->data, data->data, data->size_bytes);
    element_walk walk;
    walk_begin(&walk, data, indices, axis);
    size_t count = tensor_count(indices);
    for (size_t i = 0; i < count; i++, walk_next(&walk)) {
        int64_t index = list[i];
        if (!index_resolve(&index, data->dims[axis]))
            return index_error(context, list[i], data->dims[axis]);
        scatter_block(p->reduction, out, (size_t)(walk.offset + index * walk.strides[axis]), updates, i, 1);
    }
    return ONYX_OK;
}

/* ---- ScatterND ---- */

onyx_status op_shape_scatter_nd(op_shape_context *context)
{
    STATUS_TRY(shape_same(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_same_type(context, 0, 2));
    STATUS_TRY(check_reduction(context));
    const op_value *data = context->inputs[0], *indices = context->inputs[1], *updates = context->inputs[2];
    if (data->rank < 0 || indices->rank < 0)
        return ONYX_OK;
    if (indices->rank == 0)
        return shape_fail(context, "indices has rank 0");
    int64_t depth = indices->dims[indices->rank - 1];
    if (depth > data->rank)
        return shape_fail(context, "index tuples of %lld for rank %d", (long long)depth, data->rank);
    if (depth < 0 || updates->rank < 0)
        return ONYX_OK;
    if (updates->rank != indices->rank - 1 + data->rank - depth)
        return shape_fail(context, "updates has rank %d", updates->rank);
    for (int i = 0; i < updates->rank; i++) {
        int64_t dim = i < indices->rank - 1 ? indices->dims[i] : data->dims[depth + i - (indices->rank - 1)];
        if (dim >= 0 && updates->dims[i] >= 0 && dim != updates->dims[i])
            return shape_fail(context, "updates has %lld instead of %lld in dimension %d", (long long)updates->dims[i],
                              (long long)dim, i);
    }
    return ONYX_OK;
}

onyx_status op_run_scatter_nd(op_run_context *context)
{
    const onyx_tensor *data = context->inputs[0], *indices = context->inputs[1], *updates = context->inputs[2];
    onyx_tensor *out = context->outputs[0];
    int depth = (int)indices->dims[indices->rank - 1];
    const int64_t *tuples = indices->data;
    int64_t strides[ONYX_MAX_RANK];
    dims_strides(data->rank, data->dims, strides);
    if (out->data != data->data && data->size_bytes)
        memcpy(out->data, data->data, data->size_bytes);
    size_t count = dims_product(indices->dims, 0, indices->rank - 1);
    size_t block = dims_product(data->dims, depth, data->rank);
    for (size_t i = 0; i < count; i++, tuples += depth) {
        int64_t offset;
        if (!index_tuple_offset(tuples, depth, data->dims, strides, &offset))
            return status_fail(context->error, ONYX_ERROR_SHAPE, "an index is out of range");
        scatter_block(((const scatter_params *)context->params)->reduction, out, (size_t)offset, updates, i * block,
                      block);
    }
    return ONYX_OK;
}
