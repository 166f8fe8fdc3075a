/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Choosing elements: TopK, ArgMax and ArgMin, NonZero, NonMaxSuppression, CumSum. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* ---- TopK ---- */

onyx_status op_parse_topk(const op_parse_context *context, void *params)
{
    topk_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", -1);
    p->largest = op_attribute_int(&context->attributes, "largest", 1) != 0;
    p->sorted = op_attribute_int(&context->attributes, "sorted", 1) != 0;
    return ONYX_OK;
}

onyx_status op_shape_topk(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_scalar(context, 1));
    const op_value *in = context->inputs[0];
    int64_t dims[ONYX_MAX_RANK];
    if (in->rank >= 0) {
        int axis, count;
        int64_t k = -1;
        if (!axis_resolve(((const topk_params *)context->params)->axis, in->rank, &axis))
            return shape_fail(context, "axis is out of range for rank %d", in->rank);
        memcpy(dims, in->dims, sizeof(dims));
        if (value_ints(context->inputs[1], &k, 1, &count) && (k < 0 || (dims[axis] >= 0 && k > dims[axis])))
            return shape_fail(context, "k is %lld for a dimension of %lld", (long long)k, (long long)dims[axis]);
        dims[axis] = k;
    }
    for (int i = 0; i < context->output_count; i++)
        shape_set(&context->outputs[i], i ? ONYX_TYPE_INT64 : in->type, in->rank, dims);
    return ONYX_OK;
}

/* Values are compared as keys: integers that have the order of the values (NaN above all, as in numpy). */
typedef struct ranked {
    uint64_t key;
    int64_t index;
} ranked;

static uint64_t key_of_double(double x)
{
    if (x != x)
        return UINT64_MAX;
    x = x == 0 ? 0 : x; /* -0 equals 0 */
    uint64_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits >> 63 ? ~bits : bits | (UINT64_C(1) << 63);
}

static void load_keys(const onyx_tensor *in, size_t first, size_t step, int64_t n, bool largest, ranked *keys)
{
    lane l = lane_of(in->type);
    for (int64_t i = 0; i < n; i++) {
        size_t at = first + (size_t)i * step;
        uint64_t key;
        if (l == LANE_I64 || l == LANE_U64) {
            lanes_load(l, in->type, in->data, at, 1, &key);
            key ^= l == LANE_I64 ? UINT64_C(1) << 63 : 0;
        } else {
            double x;
            lanes_load(LANE_F64, in->type, in->data, at, 1, &x);
            key = key_of_double(x);
        }
        keys[i] = (ranked){ largest ? ~key : key, i };
    }
}

/* Ascending keys; equal ones by index. */
static bool ranked_less(const ranked *x, const ranked *y)
{
    return x->key < y->key || (x->key == y->key && x->index < y->index);
}

/* Puts the k smallest first, in any order. The keys are distinct by index, so the choice is unique. */
static void partition_smallest(ranked *keys, int64_t n, int64_t k)
{
    int64_t low = 0, high = n - 1;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        ranked a = keys[low], b = keys[middle], c = keys[high];
        ranked pivot = ranked_less(&a, &b) ? (ranked_less(&b, &c)   ? b
                                              : ranked_less(&a, &c) ? c
                                                                    : a)
                                           : (ranked_less(&a, &c)   ? a
                                              : ranked_less(&b, &c) ? c
                                                                    : b);
        int64_t i = low, j = high;
        while (i <= j) {
            while (ranked_less(&keys[i], &pivot))
                i++;
            while (ranked_less(&pivot, &keys[j]))
                j--;
            if (i <= j) {
                ranked swap = keys[i];
                keys[i++] = keys[j];
                keys[j--] = swap;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            return;
    }
}

static void sink(ranked *heap, int64_t n, int64_t at)
{
    ranked item = heap[at];
    for (int64_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && ranked_less(&heap[child], &heap[child + 1]);
        if (!ranked_less(&item, &heap[child]))
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

/* By heap: qsort of some C libraries allocates. */
static void sort_ranked(ranked *keys, int64_t n)
{
    for (int64_t i = n / 2; i-- > 0;)
        sink(keys, n, i);
    for (int64_t last = n - 1; last > 0; last--) {
        ranked largest = keys[0];
        keys[0] = keys[last];
        keys[last] = largest;
        sink(keys, last, 0);
    }
}

/* ---- of float32 that lie in a line: a key and its index are one integer, and what cannot be among the k best is left
 * out as it is read ---- */

static uint32_t key_of_float(float x)
{
    if (x != x)
        return UINT32_MAX;
    x = x == 0 ? 0 : x; /* -0 equals 0 */
    uint32_t bits;
    memcpy(&bits, &x, sizeof(bits));
    return bits >> 31 ? ~bits : bits | UINT32_C(1) << 31;
}

static void sink_packed(uint64_t *heap, size_t n, size_t at)
{
    const uint64_t item = heap[at];
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && heap[child] < heap[child + 1];
        if (item >= heap[child])
            break;
        heap[at] = heap[child];
    }
    heap[at] = item;
}

/* The k smallest of n first, in any order. All differ. */
static void partition_packed(uint64_t *keys, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        const uint64_t a = keys[low], b = keys[low + (high - low) / 2], c = keys[high];
        const uint64_t pivot = MAX(MIN(a, b), MIN(MAX(a, b), c));
        size_t i = low, j = high;
        while (i <= j) {
            while (keys[i] < pivot)
                i++;
            while (keys[j] > pivot)
                j--;
            if (i > j)
                break;
            const uint64_t swap = keys[i];
            keys[i++] = keys[j];
            keys[j] = swap;
            if (j-- == 0)
                break;
        }
        if (k <= j + 1)
            high = j;
        else if (k > i)
            low = i;
        else
            return;
    }
}

static void sort_packed(uint64_t *keys, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sink_packed(keys, n, i);
    for (size_t last = n - 1; last > 0; last--) {
        const uint64_t largest = keys[0];
        keys[0] = keys[last];
        keys[last] = largest;
        sink_packed(keys, last, 0);
    }
}

/* The k best of n numbers, 1 <= k <= n < 2^32, as keys with the index below them, in order. keys: room for 2 * k. */
static void best_of_floats(const float *x, size_t n, size_t k, bool largest, uint64_t *keys)
{
    const uint32_t flip = largest ? UINT32_MAX : 0;
    uint32_t limit = 0; /* once k are found: what has no smaller key comes too late */
    size_t count = 0, i = 0;
    for (; i < n && count < k; i++)
        keys[count++] = (uint64_t)(key_of_float(x[i]) ^ flip) << 32 | i;
    for (size_t at = 0; at < k; at++)
        limit = MAX(limit, (uint32_t)(keys[at] >> 32));
    for (; i < n; i++) {
        const uint32_t key = key_of_float(x[i]) ^ flip;
        if (key >= limit)
            continue;
        keys[count++] = (uint64_t)key << 32 | i;
        if (count < 2 * k)
            continue;
        partition_packed(keys, count, k);
        count = k;
        limit = 0;
        for (size_t at = 0; at < k; at++)
            limit = MAX(limit, (uint32_t)(keys[at] >> 32));
    }
    partition_packed(keys, count, k);
    sort_packed(keys, k);
}

static onyx_status topk_of_floats(op_run_context *context, size_t outer, size_t n, size_t k)
{
    const float *x = context->inputs[0]->data;
    const onyx_tensor *values = run_output(context, 0), *indices = run_output(context, 1);
    onyx_status status = ONYX_OK;
    uint64_t *keys = run_scratch(context, 2 * k, sizeof(*keys), &status);
    if (!keys)
        return status;
    for (size_t o = 0; o < outer; o++, x += n) {
        best_of_floats(x, n, k, ((const topk_params *)context->params)->largest, keys);
        for (size_t i = 0; i < k; i++) {
            const size_t index = (size_t)(keys[i] & UINT32_MAX);
            if (values)
                ((float *)values->data)[o * k + i] = x[index];
            if (indices)
                ((int64_t *)indices->data)[o * k + i] = (int64_t)index;
        }
    }
    return ONYX_OK;
}

onyx_status op_run_topk(op_run_context *context)
{
    const topk_params *p = context->params;
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *values = run_output(context, 0), *indices = run_output(context, 1);
    const onyx_tensor *shape = values ? values : indices;
    int axis = 0;
    onyx_status status = ONYX_OK;
    axis_resolve(p->axis, in->rank, &axis);
    int64_t n = in->dims[axis], k = shape->dims[axis];
    size_t outer = dims_product(in->dims, 0, axis), inner = dims_product(in->dims, axis + 1, in->rank);
    size_t bytes = type_size(in->type);
    if (in->type == ONYX_TYPE_FLOAT32 && inner == 1 && k > 0 && n <= UINT32_MAX)
        return topk_of_floats(context, outer, (size_t)n, (size_t)k);
    ranked *keys = run_scratch(context, (size_t)n, sizeof(*keys), &status);
    if (!keys)
        return status;
    for (size_t o = 0; o < outer * inner && k > 0; o++) {
        size_t from = o / inner * (size_t)n * inner + o % inner, to = o / inner * (size_t)k * inner + o % inner;
        load_keys(in, from, inner, n, p->largest, keys);
        partition_smallest(keys, n, k);
        sort_ranked(keys, k); /* also where `sorted` is 0: any order is allowed */
        for (int64_t i = 0; i < k; i++, to += inner) {
            if (values)
                memcpy((char *)values->data + to * bytes,
                       (const char *)in->data + (from + (size_t)keys[i].index * inner) * bytes, bytes);
            if (indices)
                ((int64_t *)indices->data)[to] = keys[i].index;
        }
    }
    return ONYX_OK;
}

/* ---- ArgMax, ArgMin ---- */

onyx_status op_parse_arg(const op_parse_context *context, void *params)
{
    arg_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", 0);
    p->keepdims = op_attribute_int(&context->attributes, "keepdims", 1) != 0;
    p->select_last_index = op_attribute_int(&context->attributes, "select_last_index", 0) != 0;
    return ONYX_OK;
}

onyx_status op_shape_arg(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    const arg_params *p = context->params;
    const op_value *in = context->inputs[0];
    int64_t dims[ONYX_MAX_RANK];
    int axis, rank = 0;
    if (in->rank >= 0 && !axis_resolve(p->axis, in->rank, &axis))
        return shape_fail(context, "axis is out of range for rank %d", in->rank);
    for (int i = 0; i < in->rank; i++) {
        if (i != axis)
            dims[rank++] = in->dims[i];
        else if (in->dims[i] == 0)
            return shape_fail(context, "nothing to choose from along axis %d", axis);
        else if (p->keepdims)
            dims[rank++] = 1;
    }
    shape_set(&context->outputs[0], ONYX_TYPE_INT64, in->rank < 0 ? -1 : rank, dims);
    return ONYX_OK;
}

static onyx_status run_arg(op_run_context *context, bool largest)
{
    const arg_params *p = context->params;
    const onyx_tensor *in = context->inputs[0];
    int64_t *out = context->outputs[0]->data;
    int axis = 0;
    onyx_status status = ONYX_OK;
    axis_resolve(p->axis, in->rank, &axis);
    int64_t n = in->dims[axis];
    size_t outer = dims_product(in->dims, 0, axis), inner = dims_product(in->dims, axis + 1, in->rank);
    ranked *keys = run_scratch(context, (size_t)n, sizeof(*keys), &status);
    if (!keys)
        return status;
    for (size_t o = 0; o < outer * inner; o++) {
        load_keys(in, o / inner * (size_t)n * inner + o % inner, inner, n, largest, keys);
        int64_t best = 0;
        for (int64_t i = 1; i < n; i++) {
            if (keys[i].key < keys[best].key || (p->select_last_index && keys[i].key == keys[best].key))
                best = i;
        }
        out[o] = best;
    }
    return ONYX_OK;
}

onyx_status op_run_arg_max(op_run_context *context)
{
    return run_arg(context, true);
}

onyx_status op_run_arg_min(op_run_context *context)
{
    return run_arg(context, false);
}

/* ---- NonZero ---- */

onyx_status op_shape_non_zero(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    int64_t dims[2] = { context->inputs[0]->rank, -1 };
    shape_set(&context->outputs[0], ONYX_TYPE_INT64, 2, dims);
    return ONYX_OK;
}

static bool is_non_zero(const onyx_tensor *in, size_t i)
{
    if (in->type == ONYX_TYPE_STRING)
        return ((const char *const *)in->data)[i][0] != '\0';
    double x;
    lanes_load(LANE_F64, in->type, in->data, i, 1, &x);
    return x != 0; /* also NaN */
}

onyx_status op_run_non_zero(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    size_t count = tensor_count(in), found = 0;
    for (size_t i = 0; i < count; i++)
        found += is_non_zero(in, i);
    int64_t dims[2] = { in->rank, (int64_t)found };
    STATUS_TRY(context->set_output(context, 0, ONYX_TYPE_INT64, 2, dims));
    int64_t *out = context->outputs[0]->data;
    for (size_t i = 0, at = 0; i < count; i++) {
        if (!is_non_zero(in, i))
            continue;
        size_t rest = i;
        for (int d = in->rank - 1; d >= 0; d--) {
            out[(size_t)d * found + at] = (int64_t)(rest % (size_t)in->dims[d]);
            rest /= (size_t)in->dims[d];
        }
        at++;
    }
    return ONYX_OK;
}

/* ---- NonMaxSuppression ---- */

onyx_status op_parse_nms(const op_parse_context *context, void *params)
{
    ((nms_params *)params)->center_point_box = op_attribute_int(&context->attributes, "center_point_box", 0) != 0;
    return ONYX_OK;
}

onyx_status op_shape_nms(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_F32));
    STATUS_TRY(shape_type(context, 2, TYPE_BIT(ONYX_TYPE_INT64)));
    STATUS_TRY(shape_type(context, 3, TYPES_F32));
    STATUS_TRY(shape_type(context, 4, TYPES_F32));
    STATUS_TRY(shape_rank(context, 0, 3));
    STATUS_TRY(shape_rank(context, 1, 3));
    for (int i = 2; i < 5; i++)
        STATUS_TRY(shape_scalar(context, i));
    const op_value *boxes = context->inputs[0], *scores = context->inputs[1];
    if (boxes->rank == 3 && boxes->dims[2] >= 0 && boxes->dims[2] != 4)
        return shape_fail(context, "boxes have %lld coordinates instead of 4", (long long)boxes->dims[2]);
    if (boxes->rank == 3 && scores->rank == 3 &&
        ((boxes->dims[0] >= 0 && scores->dims[0] >= 0 && boxes->dims[0] != scores->dims[0]) ||
         (boxes->dims[1] >= 0 && scores->dims[2] >= 0 && boxes->dims[1] != scores->dims[2])))
        return shape_fail(context, "boxes and scores differ in number");
    int64_t dims[2] = { -1, 3 };
    shape_set(&context->outputs[0], ONYX_TYPE_INT64, 2, dims);
    return ONYX_OK;
}

typedef struct box {
    float x0, y0, x1, y1, area;
} box;

static box box_of(const float *p, bool center)
{
    box b;
    if (center) {
        b = (box){ p[0] - p[2] / 2, p[1] - p[3] / 2, p[0] + p[2] / 2, p[1] + p[3] / 2, 0 };
    } else { /* y0, x0, y1, x1: any two opposite corners */
        b = (box){ MIN(p[1], p[3]), MIN(p[0], p[2]), MAX(p[1], p[3]), MAX(p[0], p[2]), 0 };
    }
    b.area = (b.x1 - b.x0) * (b.y1 - b.y0);
    return b;
}

static bool overlaps(const box *a, const box *b, float threshold)
{
    float w = MIN(a->x1, b->x1) - MAX(a->x0, b->x0), h = MIN(a->y1, b->y1) - MAX(a->y0, b->y0);
    if (!(w > 0 && h > 0))
        return false;
    float both = w * h, either = a->area + b->area - both;
    return a->area > 0 && b->area > 0 && either > 0 && both / either > threshold;
}

/* Sorts the boxes of one class by score and keeps those that overlap none kept before; returns their number. */
static int64_t suppress(const float *scores, const box *boxes, int64_t n, int64_t limit, float iou, const float *floor,
                        ranked *order, int64_t *kept)
{
    int64_t candidates = 0, count = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!(floor && !(scores[i] > *floor)))
            order[candidates++] = (ranked){ ~key_of_double((double)scores[i]), i };
    }
    sort_ranked(order, candidates);
    for (int64_t i = 0; i < candidates && count < limit; i++) {
        bool keep = true;
        for (int64_t j = 0; j < count && keep; j++)
            keep = !overlaps(&boxes[kept[j]], &boxes[order[i].index], iou);
        if (keep)
            kept[count++] = order[i].index;
    }
    return count;
}

onyx_status op_run_nms(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0], *scores = context->inputs[1];
    const onyx_tensor *limit_input = run_input(context, 2), *iou = run_input(context, 3),
                      *floor = run_input(context, 4);
    int64_t batches = in->dims[0], n = in->dims[1], classes = scores->dims[1];
    double wanted = limit_input ? tensor_number(limit_input) : 0;
    int64_t limit = wanted > 0 ? (int64_t)MIN(wanted, (double)n) : 0, total = 0;
    float threshold = iou ? (float)tensor_number(iou) : 0, score_floor = floor ? (float)tensor_number(floor) : 0;
    onyx_status status = ONYX_OK;
    box *boxes = run_scratch(context, (size_t)n, sizeof(*boxes), &status);
    ranked *order = run_scratch(context, (size_t)n, sizeof(*order), &status);
    int64_t *counts = run_scratch(context, (size_t)(batches * classes), sizeof(*counts), &status);
    int64_t *kept =
        run_scratch(context, (size_t)(batches * classes), (size_t)(limit ? limit : 1) * sizeof(*kept), &status);
    if (!boxes || !order || !counts || !kept)
        return status;
    for (int64_t b = 0; b < batches; b++) {
        for (int64_t i = 0; i < n; i++)
            boxes[i] = box_of((const float *)in->data + (b * n + i) * 4,
                              ((const nms_params *)context->params)->center_point_box);
        for (int64_t c = b * classes; c < (b + 1) * classes; c++) {
            counts[c] = suppress((const float *)scores->data + c * n, boxes, n, limit, threshold,
                                 floor ? &score_floor : NULL, order, kept + c * limit);
            total += counts[c];
        }
    }
    int64_t dims[2] = { total, 3 };
    STATUS_TRY(context->set_output(context, 0, ONYX_TYPE_INT64, 2, dims));
    int64_t *out = context->outputs[0]->data;
    for (int64_t c = 0; c < batches * classes; c++) {
        for (int64_t i = 0; i < counts[c]; i++) {
            *out++ = c / classes;
            *out++ = c % classes;
            *out++ = kept[c * limit + i];
        }
    }
    return ONYX_OK;
}

/* ---- CumSum ---- */

onyx_status op_parse_cumsum(const op_parse_context *context, void *params)
{
    cumsum_params *p = params;
    p->exclusive = op_attribute_int(&context->attributes, "exclusive", 0) != 0;
    p->reverse = op_attribute_int(&context->attributes, "reverse", 0) != 0;
    p->product = strcmp(context->row->name, "CumProd") == 0;
    return ONYX_OK;
}

onyx_status op_shape_cumsum(op_shape_context *context)
{
    STATUS_TRY(shape_same(context));
    STATUS_TRY(shape_type(context, 1, TYPES_INDEX));
    STATUS_TRY(shape_scalar(context, 1));
    const op_value *in = context->inputs[0];
    int64_t axis;
    int count, resolved;
    if (in->rank >= 0 && value_ints(context->inputs[1], &axis, 1, &count) && !axis_resolve(axis, in->rank, &resolved))
        return shape_fail(context, "axis is out of range for rank %d", in->rank);
    return ONYX_OK;
}

#define CUMULATE(T)                                                                                                    \
    do {                                                                                                               \
        const T *src = in;                                                                                             \
        T *dst = out;                                                                                                  \
        T so_far = p->product;                                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                                              \
            int64_t at = (p->reverse ? n - 1 - i : i) * step;                                                          \
            const T before = so_far;                                                                                   \
            so_far = p->product ? so_far * src[at] : so_far + src[at];                                                 \
            dst[at] = p->exclusive ? before : so_far;                                                                  \
        }                                                                                                              \
    } while (0)

static void cumulate(lane l, const cumsum_params *p, const void *in, void *out, int64_t n, int64_t step)
{
    if (l == LANE_F32)
        CUMULATE(float);
    else if (l == LANE_F64)
        CUMULATE(double);
    else
        CUMULATE(uint64_t); /* wraps, also for signed integers */
}

onyx_status op_run_cumsum(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    lane l = lane_of(in->type);
    onyx_status status = ONYX_OK;
    int64_t wanted;
    int axis;
    lanes_load(LANE_I64, context->inputs[1]->type, context->inputs[1]->data, 0, 1, &wanted);
    if (!axis_resolve(wanted, in->rank, &axis))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "axis %lld is out of range", (long long)wanted);
    const char *src = lanes_of_tensor(context, in, l, &status);
    char *dst = src ? lanes_for_output(context, out, l, &status) : NULL;
    if (!dst)
        return status;
    int64_t n = in->dims[axis], inner = (int64_t)dims_product(in->dims, axis + 1, in->rank);
    int64_t outer = (int64_t)dims_product(in->dims, 0, axis), bytes = (int64_t)lane_size(l);
    for (int64_t o = 0; o < outer * inner; o++) {
        int64_t at = (o / inner * n * inner + o % inner) * bytes;
        cumulate(l, context->params, src + at, dst + at, n, inner);
    }
    lanes_finish_output(out, l, dst);
    return ONYX_OK;
}
