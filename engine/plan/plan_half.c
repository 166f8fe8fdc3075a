/* SPDX-License-Identifier: BSD-2-Clause
 *
 * precision=fp16 and bf16: a third form of images, 16 bits in blocks of channels (half.h), and the operators that keep
 * to it: convolutions start it, and what only they and such operators read never exists as float32. All else reads it
 * as plain float32 through a reorder, or where float32 has the same blocks as blocked float32, one vector after the
 * other. Where the processor has no such arithmetic every family here passes. */
#include "plan/planner.h"

#include <math.h>
#include <string.h>

#include "ops/params.h"

#define HALF_MOST 65504.0f

static bool enabled(const planner *p)
{
    const half_format format = p->kernels->half.format;
    return (format == HALF_FLOAT16 && p->options->precision == ONYX_PRECISION_FP16) ||
           (format == HALF_BFLOAT16 && p->options->precision == ONYX_PRECISION_BF16);
}

/* ---- the form ---- */

typedef struct half_dims {
    image_dims image;
    int blocks;
    size_t elements; /* of one image */
} half_dims;

static bool dims_of(const planner *p, const graph_value *value, half_dims *d)
{
    size_t count;
    if (!plan_can_block(p, value) || !plan_image_dims(p, value, &d->image))
        return false;
    const int lanes = p->kernels->half.lanes;
    d->blocks = (d->image.c + lanes - 1) / lanes;
    return size_mul((size_t)d->blocks * (size_t)lanes, (size_t)d->image.h, &count) &&
           size_mul(count, (size_t)d->image.w, &d->elements);
}

static bool has_half(const planner *p, const graph_value *value)
{
    return p->forms[value->id].half >= 0;
}

static int new_half(planner *p, graph_value *value)
{
    half_dims d;
    size_t bytes;
    const int slot = dims_of(p, value, &d) ? plan_temporary(p, value) : -1;
    if (slot < 0)
        return -1;
    if (!size_mul(d.elements, sizeof(uint16_t), &bytes) || !size_mul(bytes, (size_t)d.image.n, &bytes)) {
        status_fail(p->error, ONYX_ERROR_LIMIT, "value '%s' is too large", value->name);
        return -1;
    }
    p->program->slots[slot].blocked = true;
    p->program->slots[slot].tensor.size_bytes = bytes;
    return p->forms[value->id].half = slot;
}

typedef struct reorder_step {
    const cpu_kernels *kernels;
    int c, blocks;
    size_t hw;
    /* of the plain form, in elements: from plane to plane, from image to image, the first */
    size_t plane, image, offset;
} reorder_step;

/* Where a part lies, in elements; its channels. */
static int reorder_part(const reorder_step *r, int part, size_t *plain, size_t *half)
{
    const int block = part % r->blocks, lanes = r->kernels->half.lanes;
    *plain = r->offset + (size_t)(part / r->blocks) * r->image + (size_t)block * (size_t)lanes * r->plane;
    *half = (size_t)part * (size_t)lanes * r->hw;
    return MIN(lanes, r->c - block * lanes);
}

static void run_to_half(const step_context *context, int part)
{
    const program_step *step = context->step;
    const reorder_step *r = step->params;
    size_t plain, half;
    const int lanes = reorder_part(r, part, &plain, &half);
    half_block(r->kernels, (const float *)context->tensors[step->inputs[0]].data + plain, r->plane, lanes, r->hw,
               (uint16_t *)context->tensors[step->outputs[0]].data + half);
}

static void run_from_half(const step_context *context, int part)
{
    const program_step *step = context->step;
    const reorder_step *r = step->params;
    size_t plain, half;
    const int lanes = reorder_part(r, part, &plain, &half);
    half_unblock(r->kernels, (const uint16_t *)context->tensors[step->inputs[0]].data + half, lanes, r->hw,
                 (float *)context->tensors[step->outputs[0]].data + plain, r->plane);
}

/* Blocked float32 with the same blocks. */
static void run_widen(const step_context *context, int part)
{
    const program_step *step = context->step;
    const reorder_step *r = step->params;
    const size_t elements = (size_t)r->kernels->half.lanes * r->hw, at = (size_t)part * elements;
    r->kernels->half.to_float((const uint16_t *)context->tensors[step->inputs[0]].data + at,
                              (float *)context->tensors[step->outputs[0]].data + at, elements);
}

static void run_narrow(const step_context *context, int part)
{
    const program_step *step = context->step;
    const reorder_step *r = step->params;
    const size_t elements = (size_t)r->kernels->half.lanes * r->hw, at = (size_t)part * elements;
    r->kernels->half.from_float((const float *)context->tensors[step->inputs[0]].data + at,
                                (uint16_t *)context->tensors[step->outputs[0]].data + at, elements);
}

static bool add_reorder(planner *p, graph_value *value, const char *name, step_function *run, int from, int to)
{
    half_dims d;
    if (from < 0 || to < 0 || !dims_of(p, value, &d))
        return false;
    const size_t hw = (size_t)d.image.h * (size_t)d.image.w;
    const reorder_step r = { p->kernels, d.image.c, d.blocks, hw, hw, (size_t)d.image.c * hw, 0 };
    program_step *step =
        plan_add_step(p, NULL, name, run, (int)d.image.n * d.blocks, 0, &from, 1, &to, 1, &r, sizeof(r));
    if (!step)
        return false;
    step->name = value->name;
    step->op = "Reorder";
    return true;
}

int plan_plain_of_half(planner *p, graph_value *value)
{
    const int from = p->forms[value->id].half, to = plan_new_plain(p, value);
    return add_reorder(p, value, "half_unblock", run_from_half, from, to) ? to : -1;
}

bool plan_half_into(planner *p, const graph_value *value, int to, size_t rows, size_t dst_stride, size_t dst_offset)
{
    const graph_value *source = plan_sole_source(value);
    const int made = source ? p->forms[source->id].plain : -1, at = made < 0 ? -1 : plan_maker(p, made);
    program_step *step = at < 0 ? NULL : &p->program->steps[at];
    const bool whole = step && step->run == run_from_half;
    reorder_step *r = whole ? arena_copy(p->program->arena, step->params, sizeof(*r)) : NULL;
    int *outputs = r ? plan_alloc(p, sizeof(*outputs)) : NULL;
    if (!outputs || p->program->slots[made].tensor.dims[0] != 1 || rows != (size_t)r->c)
        return false; /* the rows must be planes */
    r->plane = dst_stride / sizeof(float);
    r->offset = dst_offset / sizeof(float);
    *outputs = to;
    step->params = r;
    step->outputs = outputs;
    return true;
}

int plan_blocked_of_half(planner *p, graph_value *value)
{
    const int from = p->forms[value->id].half;
    const int to = p->kernels->half.lanes == p->kernels->block ? plan_new_blocked(p, value) : -1;
    return add_reorder(p, value, "half_widen", run_widen, from, to) ? to : -1;
}

/* The half form of a value that can have one. */
static int half_of(planner *p, graph_value *value)
{
    if (p->forms[value->id].half >= 0)
        return p->forms[value->id].half;
    const bool blocked = plan_has_blocked(p, value) && p->kernels->half.lanes == p->kernels->block;
    const int from = blocked ? plan_blocked(p, value) : plan_plain(p, value), to = from < 0 ? -1 : new_half(p, value);
    return add_reorder(p, value, blocked ? "half_narrow" : "half_block", blocked ? run_narrow : run_to_half, from, to)
               ? to
               : -1;
}

/* ---- convolution ---- */

typedef struct conv_step {
    half_conv_plan plan;
    const void *packed, *bias;
    cpu_activation activation;
    bool residual_before, has_residual;
    size_t src_bytes, dst_elements, dst_bytes; /* of one image */
} conv_step;

static void run_conv(const step_context *context, int part)
{
    const program_step *step = context->step;
    const conv_step *conv = step->params;
    const size_t image = (size_t)(part / conv->plan.parts);
    const uint16_t *residual = conv->has_residual ? context->tensors[step->inputs[1]].data : NULL;
    const half_conv_arguments arguments = {
        .src = (const char *)context->tensors[step->inputs[0]].data + image * conv->src_bytes,
        .dst = (char *)context->tensors[step->outputs[0]].data + image * conv->dst_bytes,
        .packed = conv->packed,
        .bias = conv->bias,
        .residual = residual ? residual + image * conv->dst_elements : NULL,
        .activation = conv->activation,
        .residual_before = conv->residual_before,
    };
    half_conv_run(&conv->plan, &arguments, part % conv->plan.parts, context->scratch);
}

/* float32 and within what the format holds. */
static bool fits(planner *p, graph_value *value)
{
    const onyx_tensor *tensor =
        value->is_constant && value->info.type == ONYX_TYPE_FLOAT32 ? graph_constant(p->graph, value) : NULL;
    const int64_t count = tensor ? graph_element_count(value) : 0;
    for (int64_t i = 0; i < count; i++) {
        float x; /* weights may lie anywhere in a file */
        memcpy(&x, (const float *)tensor->data + i, sizeof(x));
        if (!(fabsf(x) <= HALF_MOST) && p->kernels->half.format == HALF_FLOAT16)
            return false;
    }
    return tensor != NULL;
}

static const void *padded_bias(planner *p, const graph_value *bias, int channels)
{
    const half_kernels *half = &p->kernels->half;
    if (half->sum_bytes == sizeof(float))
        return plan_padded_bias(p, bias, channels);
    const size_t padded = size_align((size_t)channels, (size_t)half->lanes) * half->sum_bytes;
    uint16_t *copy = plan_packed(p, padded);
    if (!copy)
        return NULL;
    memset(copy, 0, padded);
    if (bias)
        half->from_float(bias->constant.data, copy, (size_t)channels);
    return copy;
}

static void pack_weights(const void *form, const void *source, void *packed)
{
    half_conv_pack(form, source, packed);
}

static bool is_wanted(const planner *p, const graph_value *value)
{
    return p->forms[value->id].half_wanted;
}

plan_result plan_half_conv(planner *p, graph_node *node)
{
    const conv_params *params = node->params;
    graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
    graph_value *bias = graph_input(node, 2);
    graph_value *residual = graph_input(node, 3);
    half_dims xd, yd;
    conv_shape shape;
    conv_step conv = { .activation = { (cpu_act)params->activation.act, params->activation.a, params->activation.b },
                       .residual_before = params->residual_before,
                       .has_residual = residual != NULL };
    if (!enabled(p) || !dims_of(p, x, &xd) || !dims_of(p, y, &yd) ||
        !plan_conv_shape(params, node, &xd.image, &yd.image, &shape) || !fits(p, w) || (bias && !fits(p, bias)))
        return PLAN_PASS;
    if (residual && memcmp(residual->info.dims, y->info.dims, sizeof(int64_t) * (size_t)y->info.rank) != 0)
        return PLAN_PASS;
    if (shape.groups == xd.image.c && shape.groups > 1 && !is_wanted(p, y) && !has_half(p, x))
        return PLAN_PASS; /* reorders would cost more than it saves */
    shape.threads = plan_threads(p);
    shape.src_plain = xd.image.c <= 4 && shape.groups == 1 && !has_half(p, x);
    if (!half_conv_choose(p->kernels, &shape, &conv.plan))
        return PLAN_PASS;
    conv.src_bytes = shape.src_plain ? (size_t)xd.image.c * (size_t)xd.image.h * (size_t)xd.image.w * sizeof(float)
                                     : xd.elements * sizeof(uint16_t);
    /* A convolution that can writes float32 at once, unrounded, where nobody wants 16 bits. */
    conv.plan.wide_dst = conv.plan.tiles && p->kernels->half.lanes == p->kernels->block && !is_wanted(p, y);
    conv.dst_elements = yd.elements;
    conv.dst_bytes = yd.elements * (conv.plan.wide_dst ? sizeof(float) : sizeof(uint16_t));
    half_conv_plan form;
    half_conv_pack_form(&conv.plan, &form);
    conv.packed = plan_pack(p, w, pack_weights, &form, sizeof(form), conv.plan.packed_bytes);
    conv.bias = padded_bias(p, bias, yd.image.c);
    if (!conv.packed || !conv.bias)
        return PLAN_FAILED;

    const int inputs[2] = { shape.src_plain ? plan_plain(p, x) : half_of(p, x), residual ? half_of(p, residual) : -1 };
    if (inputs[0] < 0 || (residual && inputs[1] < 0))
        return PLAN_FAILED;
    const int output = conv.plan.wide_dst ? plan_new_blocked(p, y) : new_half(p, y);
    program_step *step =
        plan_add_step(p, node, conv.plan.name, run_conv, (int)xd.image.n * conv.plan.parts, conv.plan.scratch_bytes,
                      inputs, residual ? 2 : 1, &output, 1, &conv, sizeof(conv));
    if (!step)
        return PLAN_FAILED;
    step->op = plan_conv_title(p, &params->activation, residual != NULL);
    step->operations = 2 * xd.image.n * yd.image.c * yd.image.h * yd.image.w * (xd.image.c / shape.groups) *
                       shape.kernel_h * shape.kernel_w;
    step->moved_bytes += (int64_t)conv.plan.packed_bytes;
    return PLAN_DONE;
}

/* ---- elementwise, on what has the half form already ---- */

typedef struct flat_step {
    const half_kernels *half;
    cpu_activation activation;
    cpu_binary op;
    size_t elements;
    int parts;
} flat_step;

static void run_act(const step_context *context, int part)
{
    const program_step *step = context->step;
    const flat_step *f = step->params;
    size_t begin, end;
    plan_range(f->elements, 64, f->parts, part, &begin, &end);
    if (begin < end)
        f->half->act((const uint16_t *)context->tensors[step->inputs[0]].data + begin,
                     (uint16_t *)context->tensors[step->outputs[0]].data + begin, end - begin, f->activation);
}

static void run_binary(const step_context *context, int part)
{
    const program_step *step = context->step;
    const flat_step *f = step->params;
    size_t begin, end;
    plan_range(f->elements, 64, f->parts, part, &begin, &end);
    if (begin < end)
        f->half->binary(f->op, (const uint16_t *)context->tensors[step->inputs[0]].data + begin,
                        (const uint16_t *)context->tensors[step->inputs[1]].data + begin,
                        (uint16_t *)context->tensors[step->outputs[0]].data + begin, end - begin);
}

static plan_result emit_flat(planner *p, graph_node *node, const char *name, step_function *run, flat_step *f,
                             int inputs)
{
    half_dims d;
    int slots[2] = { -1, -1 };
    dims_of(p, node->outputs[0], &d);
    for (int i = 0; i < inputs; i++)
        if ((slots[i] = half_of(p, node->inputs[i])) < 0)
            return PLAN_FAILED;
    const int output = new_half(p, node->outputs[0]);
    f->half = &p->kernels->half;
    f->elements = d.elements * (size_t)d.image.n;
    f->parts = plan_parts(f->elements * sizeof(uint16_t) * (size_t)(inputs + 1));
    return plan_add_step(p, node, name, run, f->parts, 0, slots, inputs, &output, 1, f, sizeof(*f)) ? PLAN_DONE
                                                                                                    : PLAN_FAILED;
}

plan_result plan_half_unary(planner *p, graph_node *node)
{
    static const struct {
        const char *op;
        cpu_act act;
    } acts[] = { { "Silu", CPU_ACT_SILU },
                 { "Relu", CPU_ACT_RELU },
                 { "Sigmoid", CPU_ACT_SIGMOID },
                 { "HardSwish", CPU_ACT_HARD_SWISH } };
    if (!enabled(p) || !has_half(p, node->inputs[0]))
        return PLAN_PASS;
    for (size_t i = 0; i < ARRAY_LENGTH(acts); i++)
        if (strcmp(node->row->name, acts[i].op) == 0) {
            flat_step f = { .activation = { acts[i].act, 0, 0 } };
            return emit_flat(p, node, "half_act", run_act, &f, 1);
        }
    return PLAN_PASS;
}

plan_result plan_half_binary(planner *p, graph_node *node)
{
    const graph_value *a = node->inputs[0], *b = node->inputs[1], *y = node->outputs[0];
    half_dims d;
    flat_step f = { .op = graph_is(node, "Add")   ? CPU_BINARY_ADD
                          : graph_is(node, "Sub") ? CPU_BINARY_SUB
                                                  : CPU_BINARY_MUL };
    const size_t bytes = sizeof(int64_t) * (size_t)MAX(y->info.rank, 0);
    if (!enabled(p) || node->input_count != 2 || !(has_half(p, a) || has_half(p, b)) ||
        !(is_wanted(p, y) || (has_half(p, a) && has_half(p, b))) || a->is_constant || b->is_constant ||
        a->info.rank != y->info.rank || b->info.rank != y->info.rank || memcmp(a->info.dims, y->info.dims, bytes) ||
        memcmp(b->info.dims, y->info.dims, bytes) || !dims_of(p, a, &d) || !dims_of(p, b, &d) || !dims_of(p, y, &d))
        return PLAN_PASS;
    return emit_flat(p, node, "half_binary", run_binary, &f, 2);
}

/* ---- Concat, Split and Slice of channels, one image: views ---- */

plan_result plan_half_concat(planner *p, graph_node *node)
{
    graph_value *y = node->outputs[0];
    half_dims d, yd;
    int64_t axis = ((const axis_params *)node->params)->axis, channels = 0;
    bool any = false;
    axis += axis < 0 ? y->info.rank : 0;
    if (!enabled(p) || axis != 1 || !dims_of(p, y, &yd) || yd.image.n != 1)
        return PLAN_PASS;
    for (int i = 0; i < node->input_count; i++) {
        if (!dims_of(p, node->inputs[i], &d) || channels % p->kernels->half.lanes != 0)
            return PLAN_PASS;
        channels += d.image.c;
        any |= has_half(p, node->inputs[i]);
    }
    if (!any)
        return PLAN_PASS;
    const int output = new_half(p, y);
    if (output < 0)
        return PLAN_FAILED;
    int *slots = plan_alloc(p, sizeof(int) * (size_t)node->input_count);
    for (int i = 0; slots && i < node->input_count; i++)
        if ((slots[i] = half_of(p, node->inputs[i])) < 0)
            return PLAN_FAILED;
    return slots && plan_join(p, node, slots, output) ? PLAN_DONE : PLAN_FAILED;
}

static bool can_view(const planner *p, const graph_value *x, const graph_value *y, int64_t first)
{
    const int lanes = p->kernels->half.lanes;
    half_dims xd, yd;
    return enabled(p) && has_half(p, x) && dims_of(p, x, &xd) && dims_of(p, y, &yd) && xd.image.n == 1 &&
           xd.image.h == yd.image.h && xd.image.w == yd.image.w && first % lanes == 0 &&
           (yd.image.c % lanes == 0 || first + yd.image.c == xd.image.c);
}

static plan_result emit_view(planner *p, const graph_value *x, graph_value *y, int64_t first)
{
    const int base = p->forms[x->id].half, slot = new_half(p, y);
    if (slot < 0)
        return PLAN_FAILED;
    program_slot *view = &p->program->slots[slot];
    view->base = base;
    view->base_offset = (size_t)first * (size_t)(x->info.rank == 4 ? x->info.dims[2] : 1) *
                        (size_t)x->info.dims[x->info.rank - 1] * sizeof(uint16_t);
    return PLAN_DONE;
}

plan_result plan_half_split(planner *p, graph_node *node)
{
    const graph_value *x = node->inputs[0];
    int64_t axis = ((const split_params *)node->params)->axis, first = 0;
    axis += axis < 0 ? x->info.rank : 0;
    if (axis != 1)
        return PLAN_PASS;
    for (int i = 0; i < node->output_count; i++) {
        if (!node->outputs[i] || !can_view(p, x, node->outputs[i], first))
            return PLAN_PASS;
        first += node->outputs[i]->info.dims[1];
    }
    if (first != x->info.dims[1])
        return PLAN_PASS;
    first = 0;
    for (int i = 0; i < node->output_count; i++) {
        if (emit_view(p, x, node->outputs[i], first) != PLAN_DONE)
            return PLAN_FAILED;
        first += node->outputs[i]->info.dims[1];
    }
    return PLAN_DONE;
}

plan_result plan_half_slice(planner *p, graph_node *node)
{
    const graph_value *x = node->inputs[0];
    const onyx_tensor *lists[5] = { 0 };
    op_slice slice;
    if (!enabled(p) || !has_half(p, x))
        return PLAN_PASS;
    for (int i = 1; i < node->input_count && i < 5; i++)
        if (node->inputs[i] && !(lists[i] = graph_constant(p->graph, node->inputs[i])))
            return PLAN_PASS;
    if (op_slice_resolve(x->info.rank, x->info.dims, lists[1], lists[2], lists[3], lists[4], &slice, NULL) != ONYX_OK)
        return PLAN_PASS;
    for (int i = 0; i < x->info.rank; i++)
        if (slice.step[i] != 1 || (i != 1 && (slice.start[i] != 0 || slice.length[i] != x->info.dims[i])))
            return PLAN_PASS;
    return can_view(p, x, node->outputs[0], slice.start[1]) ? emit_view(p, x, node->outputs[0], slice.start[1])
                                                            : PLAN_PASS;
}

/* ---- MaxPool and nearest Resize ---- */

typedef struct window_step {
    const half_kernels *half;
    half_pool pool;
    const int *rows, *columns; /* of Resize: source indices */
    int strips;
} window_step;

static void resize_row(const uint16_t *src, const int *columns, int n, uint16_t *dst, const size_t lanes)
{
    for (int x = 0; x < n; x++)
        memcpy(dst + (size_t)x * lanes, src + (size_t)columns[x] * lanes, lanes * sizeof(*dst));
}

static void run_window(const step_context *context, int part)
{
    const program_step *step = context->step;
    const window_step *s = step->params;
    const half_pool *d = &s->pool;
    const size_t block = (size_t)(part / s->strips), lanes = (size_t)s->half->lanes;
    const int strip = part % s->strips, begin = d->h_out * strip / s->strips, end = d->h_out * (strip + 1) / s->strips;
    const uint16_t *src =
        (const uint16_t *)context->tensors[step->inputs[0]].data + block * (size_t)d->h_in * (size_t)d->w_in * lanes;
    uint16_t *dst =
        (uint16_t *)context->tensors[step->outputs[0]].data + block * (size_t)d->h_out * (size_t)d->w_out * lanes;
    if (!s->rows) {
        s->half->max_pool(d, src, dst, begin, end);
        return;
    }
    for (int y = begin; y < end; y++) {
        const uint16_t *row = src + (size_t)s->rows[y] * (size_t)d->w_in * lanes;
        uint16_t *to = dst + (size_t)y * (size_t)d->w_out * lanes;
        if (lanes == HALF_LANES) /* a size that is known is copied without a call */
            resize_row(row, s->columns, d->w_out, to, HALF_LANES);
        else
            resize_row(row, s->columns, d->w_out, to, HALF_MOST_LANES);
    }
}

static plan_result emit_window(planner *p, graph_node *node, const char *name, window_step *s, const half_dims *d)
{
    const int input = half_of(p, node->inputs[0]);
    const int output = input < 0 ? -1 : new_half(p, node->outputs[0]);
    const int blocks = (int)d->image.n * d->blocks;
    s->half = &p->kernels->half;
    s->strips = MAX(1, MIN(s->pool.h_out, 16 / blocks));
    return output >= 0 &&
                   plan_add_step(p, node, name, run_window, blocks * s->strips, 0, &input, 1, &output, 1, s, sizeof(*s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

plan_result plan_half_pool(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    half_dims xd, yd;
    op_window w;
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i])
            return PLAN_PASS; /* indices */
    if (!enabled(p) || !has_half(p, x) || !dims_of(p, x, &xd) || !dims_of(p, y, &yd) ||
        !op_pool_geometry(node->params, &x->info, &w) || w.spatial > 2)
        return PLAN_PASS;
    const int last = w.spatial - 1;
    window_step s = { .pool = { .h_in = xd.image.h,
                                .w_in = xd.image.w,
                                .h_out = yd.image.h,
                                .w_out = yd.image.w,
                                .kernel_h = 1,
                                .kernel_w = (int)w.kernel[last],
                                .stride_h = 1,
                                .stride_w = (int)w.stride[last],
                                .dilation_h = 1,
                                .dilation_w = (int)w.dilation[last],
                                .pad_left = (int)w.pad_begin[last] } };
    if (w.spatial == 2) {
        s.pool.kernel_h = (int)w.kernel[0];
        s.pool.stride_h = (int)w.stride[0];
        s.pool.dilation_h = (int)w.dilation[0];
        s.pool.pad_top = (int)w.pad_begin[0];
    }
    return emit_window(p, node, "half_max_pool", &s, &xd);
}

static const int *nearest(planner *p, const resize_params *params, const op_resize_axis *axis)
{
    int *index = plan_alloc(p, (size_t)axis->out * sizeof(int));
    for (int64_t i = 0; index && i < axis->out; i++)
        index[i] = (int)op_resize_nearest_index(params, axis, i);
    return index;
}

plan_result plan_half_resize(planner *p, graph_node *node)
{
    const resize_params *params = node->params;
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    op_resize_axis axes[ONYX_MAX_RANK];
    half_dims xd, yd;
    if (!enabled(p) || !has_half(p, x) || params->mode != OP_RESIZE_NEAREST || x->info.rank != 4 ||
        !dims_of(p, x, &xd) || !dims_of(p, y, &yd) || xd.image.n != yd.image.n || xd.image.c != yd.image.c ||
        !graph_resize_axes(p->graph, node, axes) || axes[2].out != yd.image.h || axes[3].out != yd.image.w)
        return PLAN_PASS;
    window_step s = { .pool = { .h_in = xd.image.h, .w_in = xd.image.w, .h_out = yd.image.h, .w_out = yd.image.w },
                      .rows = nearest(p, params, &axes[2]),
                      .columns = nearest(p, params, &axes[3]) };
    return s.rows && s.columns ? emit_window(p, node, "half_resize_nearest", &s, &xd) : PLAN_FAILED;
}
