/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Compress, Unique, ReverseSequence, TensorScatter, BitCast, Det. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* ---- Compress: x, one bool for each element, or each slice along the axis; missing ones are false ---- */

onyx_status op_parse_axis_maybe(const op_parse_context *context, void *params)
{
    unique_params *p = params;
    const op_attribute *axis = op_attribute_find(&context->attributes, "axis", OP_ATTRIBUTE_INT);
    p->has_axis = axis != NULL;
    p->axis = axis ? axis->i : 0;
    p->sorted = op_attribute_int(&context->attributes, "sorted", 1) != 0;
    return ONYX_OK;
}

/* Output 0: some slices of x along the axis, or some elements; *count: of how many, -1 where that is not known. */
static onyx_status shape_slices(op_shape_context *context, int64_t *count)
{
    const unique_params *p = context->params;
    const op_value *x = context->inputs[0];
    int64_t dims[ONYX_MAX_RANK] = { -1 };
    int axis = 0;
    *count = -1;
    if (p->has_axis && x->rank >= 0) {
        if (!axis_resolve(p->axis, x->rank, &axis))
            return shape_fail(context, "axis is out of range for rank %d", x->rank);
        memcpy(dims, x->dims, sizeof(dims));
        *count = x->dims[axis];
        dims[axis] = -1;
    } else if (x->rank >= 0) {
        *count = dims_product_or_unknown(x->dims, 0, x->rank);
    }
    shape_set(&context->outputs[0], x->type, p->has_axis ? x->rank : 1, dims);
    return ONYX_OK;
}

onyx_status op_shape_compress(op_shape_context *context)
{
    int64_t count;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_BOOL));
    STATUS_TRY(shape_rank(context, 1, 1));
    return shape_slices(context, &count);
}

/* x as [outer][n][bytes of a slice]; without an axis each element is a slice. */
typedef struct slices {
    size_t outer, n, bytes;
} slices;

static slices slices_of(const onyx_tensor *x, bool has_axis, int64_t wanted)
{
    int axis = 0;
    slices s = { .outer = 1, .n = tensor_count(x), .bytes = type_size(x->type) };
    if (!has_axis)
        return s;
    axis_resolve(wanted, x->rank, &axis);
    s.outer = dims_product(x->dims, 0, axis);
    s.n = (size_t)x->dims[axis];
    s.bytes *= dims_product(x->dims, axis + 1, x->rank);
    return s;
}

static onyx_status set_slices(op_run_context *context, bool has_axis, int64_t wanted, size_t count)
{
    const onyx_tensor *x = context->inputs[0];
    int64_t dims[ONYX_MAX_RANK] = { (int64_t)count };
    int axis = 0;
    if (has_axis) {
        axis_resolve(wanted, x->rank, &axis);
        memcpy(dims, x->dims, sizeof(dims));
        dims[axis] = (int64_t)count;
    }
    return context->set_output(context, 0, x->type, has_axis ? x->rank : 1, dims);
}

onyx_status op_run_compress(op_run_context *context)
{
    const unique_params *p = context->params;
    const onyx_tensor *x = context->inputs[0], *condition = context->inputs[1];
    const uint8_t *wanted = condition->data;
    const slices s = slices_of(x, p->has_axis, p->axis);
    size_t kept = 0;
    for (int64_t i = 0; i < condition->dims[0]; i++) {
        if (wanted[i] && (size_t)i >= s.n)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "element %lld of %zu is asked for", (long long)i, s.n);
        kept += wanted[i] != 0;
    }
    STATUS_TRY(set_slices(context, p->has_axis, p->axis, kept));
    char *to = context->outputs[0]->data;
    for (size_t o = 0; o < s.outer; o++)
        for (int64_t i = 0; i < condition->dims[0]; i++)
            if (wanted[i]) {
                memcpy(to, (const char *)x->data + (o * s.n + (size_t)i) * s.bytes, s.bytes);
                to += s.bytes;
            }
    return ONYX_OK;
}

/* ---- Unique: values or slices, where each stood first, which of them each was, how many there were ---- */

onyx_status op_shape_unique(op_shape_context *context)
{
    const int64_t unknown = -1;
    int64_t count;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_slices(context, &count));
    for (int i = 1; i < context->output_count; i++)
        shape_set(&context->outputs[i], ONYX_TYPE_INT64, 1, i == 2 ? &count : &unknown);
    return ONYX_OK;
}

/* Slices as rows of comparable numbers, or of strings. */
typedef struct rows_to_sort {
    lane l; /* F64, I64 or U64 */
    const void *data;
    const char *const *strings;
    size_t length;
} rows_to_sort;

static int compare_element(const rows_to_sort *rows, size_t a, size_t b)
{
    if (rows->strings)
        return strcmp(rows->strings[a], rows->strings[b]);
    if (rows->l == LANE_F64) { /* NaN is the largest, and equals itself */
        const double x = ((const double *)rows->data)[a], y = ((const double *)rows->data)[b];
        return x != x || y != y ? (x != x) - (y != y) : (x > y) - (x < y);
    }
    if (rows->l == LANE_I64) {
        const int64_t x = ((const int64_t *)rows->data)[a], y = ((const int64_t *)rows->data)[b];
        return (x > y) - (x < y);
    }
    const uint64_t x = ((const uint64_t *)rows->data)[a], y = ((const uint64_t *)rows->data)[b];
    return (x > y) - (x < y);
}

static int compare_rows(const rows_to_sort *rows, size_t a, size_t b)
{
    int order = 0;
    for (size_t i = 0; i < rows->length && !order; i++)
        order = compare_element(rows, a * rows->length + i, b * rows->length + i);
    return order;
}

/* Merge sort, from the bottom: equal rows keep their order. */
static void sort_rows(const rows_to_sort *rows, int64_t *order, int64_t *room, size_t n)
{
    for (size_t i = 0; i < n; i++)
        order[i] = (int64_t)i;
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t begin = 0; begin < n; begin += 2 * width) {
            size_t a = begin, middle = MIN(begin + width, n), b = middle, end = MIN(begin + 2 * width, n);
            for (size_t at = begin; at < end; at++) {
                const bool first =
                    b == end || (a < middle && compare_rows(rows, (size_t)order[a], (size_t)order[b]) <= 0);
                room[at] = first ? order[a++] : order[b++];
            }
        }
        memcpy(order, room, n * sizeof(*order));
    }
}

/* Rows of the tensor behind each other, in memory of the lane. */
static onyx_status gather_rows(op_run_context *context, const slices *s, rows_to_sort *rows)
{
    const onyx_tensor *x = context->inputs[0];
    const size_t inner = s->bytes / type_size(x->type), count = s->outer * s->n * inner;
    onyx_status status = ONYX_OK;
    const bool text = x->type == ONYX_TYPE_STRING;
    rows->length = s->outer * inner;
    rows->l = text ? LANE_U64 : lane_of(x->type) == LANE_F32 ? LANE_F64 : lane_of(x->type);
    const size_t size = text ? sizeof(char *) : sizeof(double);
    const char *from = text ? x->data : lanes_of_tensor(context, x, rows->l, &status);
    STATUS_TRY(status);
    char *to = run_scratch(context, count, size, &status);
    STATUS_TRY(status);
    rows->data = to;
    rows->strings = text ? (const char *const *)(const void *)to : NULL;
    for (size_t i = 0; i < s->n; i++)
        for (size_t o = 0; o < s->outer; o++, to += inner * size)
            memcpy(to, from + (o * s->n + i) * inner * size, inner * size);
    return ONYX_OK;
}

static onyx_status give_numbers(op_run_context *context, int index, const int64_t *numbers, size_t count)
{
    const int64_t dims[1] = { (int64_t)count };
    if (!run_output(context, index))
        return ONYX_OK;
    STATUS_TRY(context->set_output(context, index, ONYX_TYPE_INT64, 1, dims));
    if (count)
        memcpy(context->outputs[index]->data, numbers, count * sizeof(*numbers));
    return ONYX_OK;
}

/* The `found` values of n slices by the place of the first instead of in order; order and room are overwritten. */
static void sort_by_first(int64_t *firsts, int64_t *which, int64_t *counts, int64_t *order, int64_t *room, size_t n,
                          size_t found)
{
    size_t seen = 0;
    memcpy(room, counts, found * sizeof(*counts));
    for (size_t i = 0; i < n; i++) {
        const size_t value = (size_t)which[i];
        if (firsts[value] == (int64_t)i) {
            order[value] = (int64_t)seen;
            counts[seen++] = room[value];
        }
    }
    seen = 0;
    for (size_t i = 0; i < n; i++) {
        which[i] = order[which[i]];
        if ((size_t)which[i] == seen)
            firsts[seen++] = (int64_t)i;
    }
}

onyx_status op_run_unique(op_run_context *context)
{
    const unique_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    const slices s = slices_of(x, p->has_axis, p->axis);
    rows_to_sort rows;
    onyx_status status = ONYX_OK;
    int64_t *numbers = run_scratch(context, 5 * s.n, sizeof(*numbers), &status);
    STATUS_TRY(status);
    int64_t *order = numbers, *room = order + s.n, *firsts = room + s.n, *which = firsts + s.n, *counts = which + s.n;
    STATUS_TRY(gather_rows(context, &s, &rows));
    sort_rows(&rows, order, room, s.n);
    size_t found = 0;
    for (size_t i = 0; i < s.n; i++) { /* equal ones stand together, the first first */
        if (i == 0 || compare_rows(&rows, (size_t)order[i - 1], (size_t)order[i]) != 0) {
            firsts[found] = order[i];
            counts[found++] = 0;
        }
        which[order[i]] = (int64_t)found - 1;
        counts[found - 1]++;
    }
    if (!p->sorted)
        sort_by_first(firsts, which, counts, order, room, s.n, found);
    if (run_output(context, 0)) {
        STATUS_TRY(set_slices(context, p->has_axis, p->axis, found));
        char *to = context->outputs[0]->data;
        for (size_t o = 0; o < s.outer; o++)
            for (size_t i = 0; i < found; i++, to += s.bytes)
                memcpy(to, (const char *)x->data + (o * s.n + (size_t)firsts[i]) * s.bytes, s.bytes);
    }
    STATUS_TRY(give_numbers(context, 1, firsts, found));
    STATUS_TRY(give_numbers(context, 2, which, s.n));
    return give_numbers(context, 3, counts, found);
}

/* ---- ReverseSequence ---- */

onyx_status op_parse_reverse(const op_parse_context *context, void *params)
{
    reverse_params *p = params;
    p->batch_axis = op_attribute_int(&context->attributes, "batch_axis", 1);
    p->time_axis = op_attribute_int(&context->attributes, "time_axis", 0);
    if (p->batch_axis < 0 || p->batch_axis > 1 || p->time_axis != 1 - p->batch_axis)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "batch_axis and time_axis must be 0 and 1");
    return ONYX_OK;
}

onyx_status op_shape_reverse(op_shape_context *context)
{
    const reverse_params *p = context->params;
    STATUS_TRY(shape_same(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 1, 1));
    const op_value *x = context->inputs[0];
    if (x->rank >= 0 && x->rank < 2)
        return shape_fail(context, "the input has rank %d", x->rank);
    return x->rank < 0 ? ONYX_OK : shape_dim(context, 1, 0, x->dims[p->batch_axis]);
}

onyx_status op_run_reverse(op_run_context *context)
{
    const reverse_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    const int64_t *lengths = context->inputs[1]->data;
    const int64_t times = x->dims[p->time_axis], batch = x->dims[p->batch_axis];
    const size_t bytes = type_size(x->type) * dims_product(x->dims, 2, x->rank);
    const int64_t time_step = p->time_axis ? 1 : batch, batch_step = p->time_axis ? times : 1;
    for (int64_t b = 0; b < batch; b++) {
        if (lengths[b] < 0 || lengths[b] > times)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "a length of %lld of %lld", (long long)lengths[b],
                               (long long)times);
        for (int64_t t = 0; t < times; t++) {
            const int64_t from = t < lengths[b] ? lengths[b] - 1 - t : t;
            memcpy((char *)context->outputs[0]->data + (size_t)(b * batch_step + t * time_step) * bytes,
                   (const char *)x->data + (size_t)(b * batch_step + from * time_step) * bytes, bytes);
        }
    }
    return ONYX_OK;
}

/* ---- TensorScatter: past, update, where to write ---- */

onyx_status op_parse_tensor_scatter(const op_parse_context *context, void *params)
{
    static const char *const modes[] = { "linear", "circular" };
    tensor_scatter_params *p = params;
    int mode;
    STATUS_TRY(op_attribute_choice(context, "mode", "linear", modes, ARRAY_LENGTH(modes), &mode));
    p->circular = mode == 1;
    p->axis = op_attribute_int(&context->attributes, "axis", -2);
    return ONYX_OK;
}

onyx_status op_shape_tensor_scatter(op_shape_context *context)
{
    const tensor_scatter_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_type(context, 2, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_rank(context, 2, 1));
    const op_value *past = context->inputs[0], *update = context->inputs[1];
    int axis = 0;
    shape_copy(&context->outputs[0], past);
    if (past->rank < 0)
        return ONYX_OK;
    if (past->rank < 2 || !axis_resolve(p->axis, past->rank, &axis) || axis == 0)
        return shape_fail(context, "axis %lld is out of range for rank %d", (long long)p->axis, past->rank);
    if (update->rank >= 0 && update->rank != past->rank)
        return shape_fail(context, "an update of rank %d to rank %d", update->rank, past->rank);
    for (int i = 0; i < update->rank; i++)
        if (past->dims[i] >= 0 && update->dims[i] >= 0 &&
            (i == axis ? update->dims[i] > past->dims[i] : update->dims[i] != past->dims[i]))
            return shape_fail(context, "%lld elements are written to %lld along axis %d", (long long)update->dims[i],
                              (long long)past->dims[i], i);
    return shape_dim(context, 2, 0, past->dims[0]);
}

onyx_status op_run_tensor_scatter(op_run_context *context)
{
    const tensor_scatter_params *p = context->params;
    const onyx_tensor *past = context->inputs[0], *update = context->inputs[1], *at = run_input(context, 2);
    onyx_tensor *out = context->outputs[0];
    const slices whole = slices_of(past, true, p->axis), part = slices_of(update, true, p->axis);
    if (out->data != past->data && past->size_bytes)
        memcpy(out->data, past->data, past->size_bytes);
    for (size_t o = 0; o < part.outer; o++) {
        const size_t image = o / (part.outer / (size_t)past->dims[0]);
        const int64_t begin = at ? ((const int64_t *)at->data)[image] : 0, most = (int64_t)whole.n;
        if (begin < 0 || (!p->circular && begin > most - (int64_t)part.n))
            return status_fail(context->error, ONYX_ERROR_SHAPE, "%zu elements at %lld of %zu", part.n,
                               (long long)begin, whole.n);
        for (size_t i = 0; i < part.n; i++)
            memcpy((char *)out->data + (o * whole.n + ((size_t)begin % whole.n + i) % whole.n) * whole.bytes,
                   (const char *)update->data + (o * part.n + i) * part.bytes, part.bytes);
    }
    return ONYX_OK;
}

/* ---- BitCast: the same bytes as another type of the same size ---- */

onyx_status op_shape_bit_cast(op_shape_context *context)
{
    const cast_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0];
    shape_copy(&context->outputs[0], x);
    if (!type_in(p->to, TYPES_WHOLE & ~TYPES_STRING) ||
        (x->type != ONYX_TYPE_UNDEFINED && type_size(x->type) != type_size(p->to)))
        return shape_fail(context, "%s cannot become %s", onyx_type_name(x->type), onyx_type_name(p->to));
    context->outputs[0].type = p->to;
    return ONYX_OK;
}

onyx_status op_run_bit_cast(op_run_context *context)
{
    if (context->inputs[0]->size_bytes)
        memcpy(context->outputs[0]->data, context->inputs[0]->data, context->inputs[0]->size_bytes);
    return ONYX_OK;
}

/* ---- Det ---- */

onyx_status op_shape_det(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const op_value *x = context->inputs[0];
    if (x->rank >= 0 && (x->rank < 2 || (x->dims[x->rank - 1] >= 0 && x->dims[x->rank - 2] >= 0 &&
                                         x->dims[x->rank - 1] != x->dims[x->rank - 2])))
        return shape_fail(context, "the matrices are not square");
    shape_set(&context->outputs[0], x->type, x->rank < 0 ? -1 : x->rank - 2, x->dims);
    return ONYX_OK;
}

/* Elimination in place, with the largest pivot. */
static double determinant(double *a, size_t n)
{
    double result = 1;
    for (size_t k = 0; k < n; k++) {
        size_t pivot = k;
        for (size_t i = k + 1; i < n; i++)
            if (fabs(a[i * n + k]) > fabs(a[pivot * n + k]))
                pivot = i;
        if (a[pivot * n + k] == 0)
            return 0;
        for (size_t j = k; j < n && pivot != k; j++) {
            const double swap = a[k * n + j];
            a[k * n + j] = a[pivot * n + j];
            a[pivot * n + j] = swap;
        }
        result *= pivot == k ? a[k * n + k] : -a[k * n + k];
        for (size_t i = k + 1; i < n; i++) {
            const double factor = a[i * n + k] / a[k * n + k];
            for (size_t j = k + 1; j < n; j++)
                a[i * n + j] -= factor * a[k * n + j];
        }
    }
    return result;
}

onyx_status op_run_det(op_run_context *context)
{
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    const size_t n = (size_t)x->dims[x->rank - 1], count = tensor_count(out);
    double *matrix = run_scratch(context, n * n, sizeof(*matrix), &status);
    STATUS_TRY(status);
    for (size_t i = 0; i < count; i++) {
        lanes_load(LANE_F64, x->type, x->data, i * n * n, n * n, matrix);
        const double value = determinant(matrix, n);
        lanes_store(LANE_F64, &value, 1, out->type, out->data, i);
    }
    return ONYX_OK;
}
