/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Comparisons and logic, which give bool, and Where. */
#include <string.h>

#include "base/types.h"
#include "ops/elementwise.h"
#include "ops/rows.h"
#include "ops/strided.h"

#define COMPARE(RUN, EXPRESSION)                                                                                       \
    BINARY_LOOP(RUN##_f32, float, uint8_t, void, EXPRESSION)                                                           \
    BINARY_LOOP(RUN##_f64, double, uint8_t, void, EXPRESSION)                                                          \
    BINARY_LOOP(RUN##_i64, int64_t, uint8_t, void, EXPRESSION)                                                         \
    BINARY_LOOP(RUN##_u64, uint64_t, uint8_t, void, EXPRESSION)                                                        \
    static const binary_loops RUN##_loops = { RUN##_f32, RUN##_f64, RUN##_i64, RUN##_u64, true };

#define COMPARE_RUN(RUN, EXPRESSION)                                                                                   \
    COMPARE(RUN, EXPRESSION)                                                                                           \
    onyx_status RUN(op_run_context *context)                                                                           \
    {                                                                                                                  \
        return binary_run(context, &RUN##_loops, lane_of(context->inputs[0]->type));                                   \
    }

/* clang-format off */
COMPARE_RUN(op_run_greater, x > y)
COMPARE_RUN(op_run_greater_or_equal, x >= y)
COMPARE_RUN(op_run_less, x < y)
COMPARE_RUN(op_run_less_or_equal, x <= y)
COMPARE(equal, x == y)
/* clang-format on */

#define LOGIC(RUN, EXPRESSION)                                                                                         \
    BINARY_LOOP(RUN##_u64, uint64_t, uint8_t, void, EXPRESSION)                                                        \
    onyx_status RUN(op_run_context *context)                                                                           \
    {                                                                                                                  \
        static const binary_loops loops = { NULL, NULL, NULL, RUN##_u64, true };                                       \
        return binary_run(context, &loops, LANE_U64);                                                                  \
    }

/* clang-format off */
LOGIC(op_run_and, x &&y)
LOGIC(op_run_or, x || y)
LOGIC(op_run_xor, (x != 0) != (y != 0))
/* clang-format on */

static void equal_strings(op_run_context *context)
{
    const onyx_tensor *a = context->inputs[0], *b = context->inputs[1], *inputs[2] = { a, b };
    onyx_tensor *out = context->outputs[0];
    const char *const *as = a->data, *const *bs = b->data;
    uint8_t *d = out->data;
    if (tensor_count(out) == 0)
        return;
    broadcast_walk walk;
    broadcast_begin(&walk, out->rank, out->dims, inputs, 2);
    for (size_t row = 0; row < walk.rows; row++) {
        size_t offsets[BROADCAST_MAX];
        broadcast_offsets(&walk, row, offsets);
        for (size_t i = 0; i < walk.row_length; i++)
            *d++ = strcmp(as[offsets[0] + i * walk.steps[0]], bs[offsets[1] + i * walk.steps[1]]) == 0;
    }
}

onyx_status op_run_equal(op_run_context *context)
{
    if (context->inputs[0]->type != ONYX_TYPE_STRING)
        return binary_run(context, &equal_loops, lane_of(context->inputs[0]->type));
    equal_strings(context);
    return ONYX_OK;
}

/* ---- Where ---- */

onyx_status op_shape_where(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_WHOLE));
    STATUS_TRY(shape_same_type(context, 1, 2));
    int rank = 0;
    int64_t dims[ONYX_MAX_RANK];
    bool known = true;
    for (int i = 0; i < 3; i++) {
        const op_value *input = context->inputs[i];
        if (input->rank < 0)
            known = false;
        else if (!dims_broadcast(&rank, dims, input->rank, input->dims))
            return shape_fail(context, "the inputs' shapes do not broadcast");
    }
    onyx_type type = context->inputs[1]->type;
    shape_set(&context->outputs[0], type ? type : context->inputs[2]->type, known ? rank : -1, dims);
    return ONYX_OK;
}

#define WHERE_ROW(T)                                                                                                   \
    do {                                                                                                               \
        const T *xs = x, *ys = y;                                                                                      \
        T *ds = dst;                                                                                                   \
        for (size_t i = 0; i < n; i++)                                                                                 \
            ds[i] = condition[i * steps[0]] ? xs[i * steps[1]] : ys[i * steps[2]];                                     \
    } while (0)

static void where_row(const uint8_t *condition, const void *x, const void *y, const size_t *steps, void *dst, size_t n,
                      size_t element_bytes)
{
    typedef struct pair {
        uint64_t low, high;
    } pair;
    switch (element_bytes) {
    case 1:
        WHERE_ROW(uint8_t);
        break;
    case 2:
        WHERE_ROW(uint16_t);
        break;
    case 4:
        WHERE_ROW(uint32_t);
        break;
    case 8:
        WHERE_ROW(uint64_t);
        break;
    default:
        WHERE_ROW(pair);
        break;
    }
}

onyx_status op_run_where(op_run_context *context)
{
    onyx_tensor *out = context->outputs[0];
    size_t bytes = type_size(out->type);
    char *dst = out->data;
    if (tensor_count(out) == 0)
        return ONYX_OK;
    broadcast_walk walk;
    broadcast_begin(&walk, out->rank, out->dims, context->inputs, 3);
    for (size_t row = 0; row < walk.rows; row++, dst += walk.row_length * bytes) {
        size_t offsets[BROADCAST_MAX];
        broadcast_offsets(&walk, row, offsets);
        where_row((const uint8_t *)context->inputs[0]->data + offsets[0],
                  (const char *)context->inputs[1]->data + offsets[1] * bytes,
                  (const char *)context->inputs[2]->data + offsets[2] * bytes, walk.steps, dst, walk.row_length, bytes);
    }
    return ONYX_OK;
}
