/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that only move data. Where the pieces are contiguous they cost nothing: a split is a view, and what a
 * concat joins is written into it by its producers. */
#include "plan/planner.h"

#include <string.h>

#include "ops/params.h"

/* ---- copies of rows: count rows of `bytes`, with strides ---- */

typedef struct copy_step {
    size_t rows, bytes, src_stride, dst_stride, src_offset, dst_offset;
    int parts;
} copy_step;

static inline __attribute__((always_inline)) void copy_rows(char *dst, size_t dst_stride, const char *src,
                                                            size_t src_stride, size_t bytes, size_t rows)
{
    for (size_t i = 0; i < rows; i++)
        memcpy(dst + i * dst_stride, src + i * src_stride, bytes);
}

void plan_copy_rows(char *dst, size_t dst_stride, const char *src, size_t src_stride, size_t bytes, size_t rows)
{
    switch (bytes) {
    case 4:
        copy_rows(dst, dst_stride, src, src_stride, 4, rows);
        break;
    case 8:
        copy_rows(dst, dst_stride, src, src_stride, 8, rows);
        break;
    case 16:
        copy_rows(dst, dst_stride, src, src_stride, 16, rows);
        break;
    case 32:
        copy_rows(dst, dst_stride, src, src_stride, 32, rows);
        break;
    case 64:
        copy_rows(dst, dst_stride, src, src_stride, 64, rows);
        break;
    default:
        copy_rows(dst, dst_stride, src, src_stride, bytes, rows);
    }
}

static void run_rows(const step_context *context, int part)
{
    const program_step *step = context->step;
    const copy_step *c = step->params;
    const char *src = (const char *)context->tensors[step->inputs[0]].data + c->src_offset;
    char *dst = (char *)context->tensors[step->outputs[0]].data + c->dst_offset;
    size_t begin, end;
    if (c->rows == 1) {
        plan_range(c->bytes, 4096, c->parts, part, &begin, &end);
        if (begin < end)
            memcpy(dst + begin, src + begin, end - begin);
        return;
    }
    plan_range(c->rows, 1, c->parts, part, &begin, &end);
    plan_copy_rows(dst + begin * c->dst_stride, c->dst_stride, src + begin * c->src_stride, c->src_stride, c->bytes,
                   end - begin);
}

static bool add_rows(planner *p, const graph_node *node, int from, int to, copy_step c)
{
    c.parts = plan_parts(2 * c.rows * c.bytes);
    if (c.rows > 1)
        c.parts = (int)MIN((size_t)c.parts, c.rows);
    program_step *step = plan_add_step(p, node, "copy_rows", run_rows, c.parts, 0, &from, 1, &to, 1, &c, sizeof(c));
    if (step)
        step->moved_bytes = (int64_t)(2 * c.rows * c.bytes);
    return step != NULL;
}

bool plan_add_copy(planner *p, const graph_node *node, int from, int to, size_t bytes, size_t at)
{
    return add_rows(p, node, from, to, (copy_step){ .rows = 1, .bytes = bytes, .dst_offset = at });
}

/* [outer][axis][inner] of plain data. */
typedef struct axis_dims {
    size_t outer, axis, inner;
} axis_dims;

static axis_dims dims_around(const op_value *info, int axis)
{
    axis_dims d = { 1, (size_t)info->dims[axis], 1 };
    for (int i = 0; i < info->rank; i++)
        if (i != axis)
            *(i < axis ? &d.outer : &d.inner) *= (size_t)info->dims[i];
    return d;
}

/* Bytes of one index along the axis, or 0 for types that are packed. */
static size_t inner_bytes(const graph_value *value, axis_dims d)
{
    return value->info.kind == OP_KIND_TENSOR && value->info.type != ONYX_TYPE_STRING
               ? d.inner * type_size(value->info.type)
               : 0;
}

/* ---- Concat ---- */

/* Where the first of these slots are views that make up a whole other one, in order (a Split before the Concat, a
 * smaller Concat of the same): how many, and that slot. */
static int views_of_whole(const planner *p, const int *slots, int count, int *whole)
{
    const program_slot *all = p->program->slots;
    size_t sum = 0;
    *whole = -1;
    for (int i = 0; i < count; i++) {
        int root = slots[i];
        size_t at = 0;
        for (; all[root].base >= 0; root = all[root].base)
            at += all[root].base_offset;
        if (root == slots[i] || (i > 0 && root != *whole) || at != sum)
            return 0;
        *whole = root;
        sum += all[slots[i]].tensor.size_bytes;
        if (sum == all[root].tensor.size_bytes)
            return all[root].blocked == all[slots[i]].blocked ? i + 1 : 0;
    }
    return 0;
}

bool plan_join(planner *p, const graph_node *node, const int *slots, int output)
{
    size_t at = 0;
    for (int i = 0, whole; i < node->input_count; i++) {
        const size_t bytes = p->program->slots[slots[i]].tensor.size_bytes;
        const int views = views_of_whole(p, slots + i, node->input_count - i, &whole);
        if (views && plan_place_in(p, whole, output, at)) {
            at += p->program->slots[whole].tensor.size_bytes;
            i += views - 1;
            continue;
        }
        if (bytes && !plan_place_in(p, slots[i], output, at) && !plan_add_copy(p, node, slots[i], output, bytes, at))
            return false;
        at += bytes;
    }
    return true;
}

static bool can_block(const planner *p, const graph_value *value)
{
    return plan_can_block(p, value) || plan_can_block_bytes(p, value);
}

/* Blocked is right if every input can be and starts at a whole block, and not all of them are plain already. */
static bool concat_blocked(const planner *p, const graph_node *node, int axis)
{
    bool any = false;
    int64_t channels = 0;
    if (axis != 1 || !can_block(p, node->outputs[0]))
        return false;
    for (int i = 0; i < node->input_count; i++) {
        if (!can_block(p, node->inputs[i]) || channels % p->kernels->block != 0)
            return false;
        channels += node->inputs[i]->info.dims[1];
        any |= plan_only_blocked(p, node->inputs[i]);
    }
    return any;
}

plan_result plan_concat(planner *p, graph_node *node)
{
    graph_value *y = node->outputs[0];
    int64_t axis = ((const axis_params *)node->params)->axis;
    axis += axis < 0 ? y->info.rank : 0;
    if (axis < 0 || axis >= y->info.rank || graph_element_count(y) < 1)
        return PLAN_PASS;
    const bool blocked = concat_blocked(p, node, (int)axis);
    const axis_dims yd = dims_around(&y->info, (int)axis);
    if (!blocked && axis == 1) {
        const plan_result result = plan_concat_channels(p, node);
        if (result != PLAN_PASS)
            return result;
    }
    if (!blocked && !inner_bytes(y, yd))
        return PLAN_PASS;
    const int output = blocked ? plan_new_blocked(p, y) : plan_new_plain(p, y);
    if (output < 0)
        return PLAN_FAILED;
    const size_t outer = blocked ? (size_t)y->info.dims[0] : yd.outer;
    const size_t row = p->program->slots[output].tensor.size_bytes / outer;
    if (outer == 1) {
        int *slots = plan_alloc(p, sizeof(int) * (size_t)node->input_count);
        for (int i = 0; slots && i < node->input_count; i++)
            if ((slots[i] = blocked ? plan_blocked(p, node->inputs[i]) : plan_plain(p, node->inputs[i])) < 0)
                return PLAN_FAILED;
        return slots && plan_join(p, node, slots, output) ? PLAN_DONE : PLAN_FAILED;
    }
    size_t at = 0;
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = node->inputs[i];
        if (graph_element_count(x) == 0)
            continue;
        const int slot = blocked ? plan_blocked(p, x) : plan_plain(p, x);
        if (slot < 0)
            return PLAN_FAILED;
        const size_t bytes = p->program->slots[slot].tensor.size_bytes / outer;
        const copy_step c = { .rows = outer, .bytes = bytes, .src_stride = bytes, .dst_stride = row, .dst_offset = at };
        const bool there = !blocked && (plan_dequantize_into(p, x, output, outer, row, at) ||
                                        plan_unblock_into(p, x, output, outer, row, at) ||
                                        plan_half_into(p, x, output, outer, row, at));
        if (!there && !add_rows(p, node, slot, output, c))
            return PLAN_FAILED;
        at += bytes;
    }
    return PLAN_DONE;
}

/* ---- Split and Slice: part [first, first + length) along one axis ---- */

static plan_result plan_range_of(planner *p, graph_node *node, graph_value *y, int axis, int64_t first)
{
    graph_value *x = node->inputs[0];
    const axis_dims xd = dims_around(&x->info, axis);
    const int block = p->kernels->block;
    const int64_t length = y->info.dims[axis];
    const bool blocked = plan_only_blocked(p, x) && axis == 1 && first % block == 0 && can_block(p, y) &&
                         (length % block == 0 || first + length == x->info.dims[1]);
    const size_t unit = inner_bytes(x, xd);
    if (!blocked && axis == 1) {
        const plan_result result = plan_slice_channels(p, node, y, first);
        if (result != PLAN_PASS)
            return result;
    }
    if (!blocked && !unit)
        return PLAN_PASS;
    const int input = blocked ? plan_blocked(p, x) : plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const size_t outer = blocked ? (size_t)x->info.dims[0] : xd.outer;
    const size_t row = p->program->slots[input].tensor.size_bytes / outer;
    const size_t offset = (size_t)first * unit; /* of channels, both forms have the same size */
    if (outer == 1)
        return plan_new_view(p, y, input, offset, blocked) < 0 ? PLAN_FAILED : PLAN_DONE;
    const int output = blocked ? plan_new_blocked(p, y) : plan_new_plain(p, y);
    if (output < 0)
        return PLAN_FAILED;
    const size_t bytes = p->program->slots[output].tensor.size_bytes / outer;
    const copy_step c = { .rows = outer, .bytes = bytes, .src_stride = row, .dst_stride = bytes, .src_offset = offset };
    return add_rows(p, node, input, output, c) ? PLAN_DONE : PLAN_FAILED;
}

plan_result plan_split(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0];
    int64_t axis = ((const split_params *)node->params)->axis, first = 0;
    axis += axis < 0 ? x->info.rank : 0;
    if (axis < 0 || axis >= x->info.rank || graph_element_count(x) < 1)
        return PLAN_PASS;
    int64_t total = 0;
    for (int i = 0; i < node->output_count; i++) {
        if (!node->outputs[i] || graph_element_count(node->outputs[i]) < 1 ||
            !inner_bytes(x, dims_around(&x->info, (int)axis)))
            return PLAN_PASS;
        total += node->outputs[i]->info.dims[axis];
    }
    if (total != x->info.dims[axis])
        return PLAN_PASS;
    for (int i = 0; i < node->output_count; i++) {
        const graph_value *y = node->outputs[i];
        if ((y->user_count > 0 || y->output_uses > 0) &&
            plan_range_of(p, node, node->outputs[i], (int)axis, first) != PLAN_DONE)
            return PLAN_FAILED;
        first += y->info.dims[axis];
    }
    return PLAN_DONE;
}

plan_result plan_slice(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const onyx_tensor *lists[5] = { 0 };
    op_slice slice;
    int sliced = -1;
    for (int i = 1; i < node->input_count && i < 5; i++)
        if (node->inputs[i] && !(lists[i] = graph_constant(p->graph, node->inputs[i])))
            return PLAN_PASS;
    if (graph_element_count(y) < 1 ||
        op_slice_resolve(x->info.rank, x->info.dims, lists[1], lists[2], lists[3], lists[4], &slice, NULL) != ONYX_OK)
        return PLAN_PASS;
    for (int i = 0; i < x->info.rank; i++) {
        if (slice.length[i] == x->info.dims[i] && slice.start[i] == 0 && (slice.step[i] == 1 || slice.length[i] == 1))
            continue;
        if (sliced >= 0 || (slice.step[i] != 1 && slice.length[i] != 1))
            return PLAN_PASS;
        sliced = i;
    }
    return sliced < 0 ? PLAN_PASS : plan_range_of(p, node, y, sliced, slice.start[sliced]);
}

/* ---- Pad of blocked data with zeros, behind the channels and around the picture ---- */

typedef struct pad_step {
    int channels, blocks, block, top, left;
    size_t h, w, h_out, w_out, src_floats, dst_floats; /* of one image */
} pad_step;

static void run_pad(const step_context *context, int part)
{
    const program_step *step = context->step;
    const pad_step *s = step->params;
    const int image = part / s->blocks, at = part % s->blocks;
    const size_t block = (size_t)s->block, row = s->w * block, left = (size_t)s->left * block, wide = s->w_out * block;
    const float *src = (const float *)context->tensors[step->inputs[0]].data + (size_t)image * s->src_floats +
                       (size_t)at * s->h * row;
    float *dst = (float *)context->tensors[step->outputs[0]].data + (size_t)image * s->dst_floats +
                 (size_t)at * s->h_out * wide;
    const int lanes = MIN(s->channels - at * s->block, s->block);
    if (lanes <= 0) {
        memset(dst, 0, s->h_out * wide * sizeof(float));
        return;
    }
    memset(dst, 0, (size_t)s->top * wide * sizeof(float));
    dst += (size_t)s->top * wide;
    for (size_t y = 0; y < s->h; y++, src += row, dst += wide) {
        memset(dst, 0, left * sizeof(float));
        memcpy(dst + left, src, row * sizeof(float));
        memset(dst + left + row, 0, (wide - left - row) * sizeof(float));
        for (size_t x = 0; x < s->w && lanes < s->block; x++)
            memset(dst + left + x * block + lanes, 0, (size_t)(s->block - lanes) * sizeof(float));
    }
    memset(dst, 0, (s->h_out - (size_t)s->top - s->h) * wide * sizeof(float));
}

/* Begins and sizes agree with a plain Pad of zeros. */
static bool pads_known(planner *p, const graph_node *node, int64_t begin[4])
{
    const onyx_tensor *pads = graph_constant(p->graph, node->inputs[1]);
    float value = 0;
    if (((const pad_params *)node->params)->mode != OP_PAD_CONSTANT || !pads || pads->type != ONYX_TYPE_INT64 ||
        graph_element_count(node->inputs[1]) != 8 || graph_input(node, 3) ||
        (graph_input(node, 2) && (!graph_scalar(p->graph, node->inputs[2], &value) || value != 0)))
        return false;
    for (int i = 0; i < 8; i++)
        if (((const int64_t *)pads->data)[i] < 0 || (i < 2 && ((const int64_t *)pads->data)[i] != 0))
            return false;
    memcpy(begin, pads->data, 4 * sizeof(*begin));
    return true;
}

plan_result plan_pad(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    image_dims xd, yd;
    int64_t begin[4];
    if (x->info.rank != 4 || !plan_can_block(p, x) || !plan_can_block(p, y) || !plan_only_blocked(p, x) ||
        !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd) || xd.n != yd.n || !pads_known(p, node, begin))
        return PLAN_PASS;
    const pad_step s = { .channels = xd.c,
                         .blocks = yd.channel_blocks,
                         .block = p->kernels->block,
                         .top = (int)begin[2],
                         .left = (int)begin[3],
                         .h = (size_t)xd.h,
                         .w = (size_t)xd.w,
                         .h_out = (size_t)yd.h,
                         .w_out = (size_t)yd.w,
                         .src_floats = xd.blocked_elements,
                         .dst_floats = yd.blocked_elements };
    const int input = plan_blocked(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, y);
    return plan_add_step(p, node, "pad_blocked", run_pad, (int)yd.n * yd.channel_blocks, 0, &input, 1, &output, 1, &s,
                         sizeof(s)) ? PLAN_DONE : PLAN_FAILED;
}

/* ---- Reshape and its kin ---- */

plan_result plan_view(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    if (x->info.kind != OP_KIND_TENSOR || x->info.type == ONYX_TYPE_STRING || x->info.type != y->info.type ||
        graph_element_count(x) != graph_element_count(y))
        return PLAN_PASS;
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i])
            return PLAN_PASS;
    if (plan_rows_later(p, node))
        return PLAN_DONE;
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    return plan_new_view(p, y, input, 0, false) < 0 ? PLAN_FAILED : PLAN_DONE;
}
