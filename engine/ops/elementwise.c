/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Drivers of elementwise operators: parts, chunks through lane buffers, broadcasting by rows. */
#include "ops/elementwise.h"

#include <assert.h>

#include "base/types.h"

#define CHUNK 512  /* elements converted at a time */
#define PART 32768 /* elements of one part */
#define MAX_PARTS 256

typedef union lane_buffer {
    float f32[CHUNK];
    double f64[CHUNK];
    int64_t i64[CHUNK];
    uint64_t u64[CHUNK];
} lane_buffer;

static int parts_for(size_t count)
{
    return (int)MIN((count + PART - 1) / PART, MAX_PARTS);
}

static onyx_status no_lane(op_run_context *context, onyx_type type)
{
    return status_fail(context->error, ONYX_ERROR_TYPE, "not implemented for %s", onyx_type_name(type));
}

/* ---- unary ---- */

typedef struct unary_job {
    const onyx_tensor *in;
    onyx_tensor *out;
    unary_loop *loop;
    lane l;
    bool gives_bool;
    const void *params;
    size_t count;
    int parts;
} unary_job;

static void unary_range(const unary_job *job, size_t begin, size_t end)
{
    bool direct_in = lane_is_stored(job->l, job->in->type);
    bool direct_out = job->gives_bool || lane_is_stored(job->l, job->out->type);
    size_t in_size = type_size(job->in->type), out_size = type_size(job->out->type);
    const char *src = job->in->data;
    char *dst = job->out->data;
    if (direct_in && direct_out) {
        job->loop(src + begin * in_size, dst + begin * out_size, end - begin, job->params);
        return;
    }
    lane_buffer a, b;
    for (size_t i = begin; i < end; i += CHUNK) {
        size_t n = MIN((size_t)CHUNK, end - i);
        const void *from = src + i * in_size;
        if (!direct_in) {
            lanes_load(job->l, job->in->type, src, i, n, &a);
            from = &a;
        }
        job->loop(from, direct_out ? (void *)(dst + i * out_size) : &b, n, job->params);
        if (!direct_out)
            lanes_store(job->l, &b, n, job->out->type, dst, i);
    }
}

static void unary_part(void *context, int part, int worker)
{
    const unary_job *job = context;
    (void)worker;
    size_t chunks = (job->count + CHUNK - 1) / CHUNK;
    size_t begin = chunks * (size_t)part / (size_t)job->parts * CHUNK;
    size_t end = chunks * (size_t)(part + 1) / (size_t)job->parts * CHUNK;
    unary_range(job, begin, MIN(end, job->count));
}

onyx_status unary_run(op_run_context *context, const unary_loops *loops)
{
    const onyx_tensor *in = context->inputs[0];
    unary_job job = { .in = in, .out = context->outputs[0], .params = context->params };
    job.l = lane_of(in->type);
    unary_loop *const by_lane[] = { loops->f32, loops->f64, loops->i64, loops->u64 };
    job.loop = by_lane[job.l];
    job.gives_bool = loops->gives_bool;
    job.count = tensor_count(in);
    if (!job.loop)
        return no_lane(context, in->type);
    job.parts = parts_for(job.count);
    workers_run(context->pool, unary_part, &job, job.parts);
    return ONYX_OK;
}

/* ---- broadcasting walk ---- */

void broadcast_begin(broadcast_walk *walk, int rank, const int64_t *dims, const onyx_tensor *const *inputs, int count)
{
    assert(count <= BROADCAST_MAX);
    *walk = (broadcast_walk){ .inputs = count };
    int64_t strides[BROADCAST_MAX][ONYX_MAX_RANK] = { 0 };
    for (int k = 0; k < count; k++) {
        int64_t stride = 1;
        for (int i = inputs[k]->rank - 1; i >= 0; i--) {
            strides[k][rank - inputs[k]->rank + i] = inputs[k]->dims[i] == 1 ? 0 : stride;
            stride *= inputs[k]->dims[i];
        }
    }
    for (int d = 0; d < rank; d++) {
        if (dims[d] == 1)
            continue;
        int last = walk->rank - 1;
        bool merge = last >= 0;
        for (int k = 0; k < count && merge; k++)
            merge = walk->strides[k][last] == strides[k][d] * dims[d];
        if (merge) {
            walk->dims[last] *= dims[d];
        } else {
            last = walk->rank++;
            walk->dims[last] = dims[d];
        }
        for (int k = 0; k < count; k++)
            walk->strides[k][last] = strides[k][d];
    }
    if (walk->rank == 0) {
        walk->rank = 1;
        walk->dims[0] = 1;
    }
    walk->row_length = (size_t)walk->dims[walk->rank - 1];
    walk->rows = dims_product(walk->dims, 0, walk->rank - 1);
    for (int k = 0; k < count; k++)
        walk->steps[k] = (size_t)walk->strides[k][walk->rank - 1];
}

void broadcast_offsets(const broadcast_walk *walk, size_t row, size_t *offsets)
{
    for (int k = 0; k < walk->inputs; k++)
        offsets[k] = 0;
    for (int d = walk->rank - 2; d >= 0; d--) {
        size_t index = row % (size_t)walk->dims[d];
        row /= (size_t)walk->dims[d];
        for (int k = 0; k < walk->inputs; k++)
            offsets[k] += index * (size_t)walk->strides[k][d];
    }
}

/* ---- binary ---- */

typedef struct binary_job {
    const onyx_tensor *a, *b;
    onyx_tensor *out;
    binary_loop *loop;
    lane l;
    bool gives_bool;
    const void *params;
    broadcast_walk walk;
    int parts;
} binary_job;

/* n elements of input `tensor` from `offset`, as lanes: in place or in `buffer`. */
static const void *lanes_at(lane l, const onyx_tensor *tensor, size_t offset, size_t n, lane_buffer *copy)
{
    if (lane_is_stored(l, tensor->type))
        return (const char *)tensor->data + offset * lane_size(l);
    lanes_load(l, tensor->type, tensor->data, offset, n, copy);
    return copy;
}

static void binary_row(const binary_job *job, size_t row)
{
    const broadcast_walk *walk = &job->walk;
    bool direct = job->gives_bool || lane_is_stored(job->l, job->out->type);
    bool all_direct = direct && lane_is_stored(job->l, job->a->type) && lane_is_stored(job->l, job->b->type);
    size_t offsets[BROADCAST_MAX], out = row * walk->row_length;
    size_t step = all_direct ? walk->row_length : CHUNK;
    lane_buffer a, b, d;
    broadcast_offsets(walk, row, offsets);
    for (size_t i = 0; i < walk->row_length; i += step) {
        size_t n = MIN(step, walk->row_length - i);
        const void *pa = lanes_at(job->l, job->a, offsets[0] + i * walk->steps[0], walk->steps[0] ? n : 1, &a);
        const void *pb = lanes_at(job->l, job->b, offsets[1] + i * walk->steps[1], walk->steps[1] ? n : 1, &b);
        void *pd = direct ? (char *)job->out->data + (out + i) * type_size(job->out->type) : (void *)&d;
        job->loop(pa, walk->steps[0], pb, walk->steps[1], pd, n, job->params);
        if (!direct)
            lanes_store(job->l, &d, n, job->out->type, job->out->data, out + i);
    }
}

static void binary_part(void *context, int part, int worker)
{
    const binary_job *job = context;
    (void)worker;
    size_t begin = job->walk.rows * (size_t)part / (size_t)job->parts;
    size_t end = job->walk.rows * (size_t)(part + 1) / (size_t)job->parts;
    for (size_t row = begin; row < end; row++)
        binary_row(job, row);
}

binary_loop *binary_loop_of(const binary_loops *loops, lane l)
{
    binary_loop *const by_lane[] = { loops->f32, loops->f64, loops->i64, loops->u64 };
    return by_lane[l];
}

/* One long row is cut in pieces, so that parts exist. */
static void split_single_row(broadcast_walk *walk)
{
    if (walk->rank != 1 || walk->row_length <= PART)
        return;
    size_t pieces = (walk->row_length + PART - 1) / PART;
    while (pieces > 1 && walk->row_length % pieces)
        pieces--;
    walk->rank = 2;
    walk->dims[0] = (int64_t)pieces;
    walk->dims[1] = (int64_t)(walk->row_length / pieces);
    for (int k = 0; k < walk->inputs; k++) {
        walk->strides[k][1] = walk->strides[k][0];
        walk->strides[k][0] *= walk->dims[1];
    }
    walk->rows = pieces;
    walk->row_length /= pieces;
}

onyx_status binary_tensors(op_run_context *context, const binary_loops *loops, lane l, const onyx_tensor *a,
                           const onyx_tensor *b, onyx_tensor *out)
{
    binary_job job = { .a = a, .b = b, .out = out, .l = l, .gives_bool = loops->gives_bool, .params = context->params };
    job.loop = binary_loop_of(loops, l);
    if (!job.loop)
        return no_lane(context, a->type);
    size_t count = tensor_count(out);
    if (count == 0)
        return ONYX_OK;
    const onyx_tensor *inputs[2] = { a, b };
    broadcast_begin(&job.walk, out->rank, out->dims, inputs, 2);
    split_single_row(&job.walk);
    job.parts = (int)MIN((size_t)parts_for(count), job.walk.rows);
    workers_run(context->pool, binary_part, &job, job.parts);
    return ONYX_OK;
}

onyx_status binary_run(op_run_context *context, const binary_loops *loops, lane l)
{
    return binary_tensors(context, loops, l, context->inputs[0], context->inputs[1], context->outputs[0]);
}
