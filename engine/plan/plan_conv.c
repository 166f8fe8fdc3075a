/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Conv and FusedConv on blocked data, 1-D and 2-D; ConvTranspose as a matrix product and a gather. */
#include "plan/planner.h"

#include <string.h>

#include "cpu/pack_form.h"
#include "ops/params.h"

/* Up to this many input channels the first layer reads plain data instead of padding them to a block. */
#define PLAIN_CHANNELS 4

typedef struct conv_step {
    conv_plan plan;
    double alone; /* cycles by the algorithm that is best without a chain */
    const void *packed;
    const float *bias;
    cpu_activation activation;
    bool residual_before, has_residual;
    conv_residual_map map;
    size_t src_elements, dst_elements, residual_elements; /* of one image */
    const void *next;                                     /* weights of a step behind this one, or NULL */
    size_t next_bytes;
} conv_step;

/* Several that are run strip by strip; the last one's plan is that of the chain, too. */
typedef struct strips_step {
    conv_strips chain;
    conv_step links[CONV_STRIPS_MOST];
} strips_step;

static conv_arguments arguments_of(const conv_step *conv, const float *src, const float *residual, float *dst,
                                   size_t image)
{
    return (conv_arguments){
        .src = src ? src + image * conv->src_elements : NULL,
        .dst = dst ? dst + image * conv->dst_elements : NULL,
        .packed = conv->packed,
        .bias = conv->bias,
        .residual = residual ? residual + image * conv->residual_elements : NULL,
        .activation = conv->activation,
        .residual_before = conv->residual_before,
        .map = conv->map,
        .next = conv->next,
        .next_bytes = conv->next_bytes,
    };
}

static void run_conv(const step_context *context, int part)
{
    const program_step *step = context->step;
    const conv_step *conv = step->params;
    const float *residual = conv->has_residual ? context->tensors[step->inputs[1]].data : NULL;
    const conv_arguments arguments =
        arguments_of(conv, context->tensors[step->inputs[0]].data, residual, context->tensors[step->outputs[0]].data,
                     (size_t)(part / conv->plan.parts));
    conv->plan.run(&conv->plan, &arguments, part % conv->plan.parts, context->scratch);
}

/* All but dst of the last one. */
static void strips_arguments(const step_context *context, const strips_step *c, size_t image,
                             conv_arguments arguments[CONV_STRIPS_MOST])
{
    const program_step *step = context->step;
    for (int i = 0; i < c->chain.count; i++)
        arguments[i] = arguments_of(&c->links[i], i == 0 ? context->tensors[step->inputs[0]].data : NULL,
                                    c->links[i].has_residual ? context->tensors[step->inputs[1]].data : NULL, NULL,
                                    image);
}

static void run_strips(const step_context *context, int part)
{
    const strips_step *c = context->step->params;
    const int last = c->chain.count - 1;
    const size_t image = (size_t)(part / c->chain.parts);
    conv_arguments arguments[CONV_STRIPS_MOST];
    strips_arguments(context, c, image, arguments);
    arguments[last].dst =
        (float *)context->tensors[context->step->outputs[0]].data + image * c->links[last].dst_elements;
    conv_strips_run(&c->chain, arguments, part % c->chain.parts, context->scratch);
}

/* ---- tails: rows of the result go to what reads it while they are near, and the whole is never written ---- */

/* The rows of a part should take about this much, where there are enough of them. */
#define BAND_BYTES ((size_t)256 << 10)
/* A band of more is not near. */
#define BAND_MOST_BYTES ((size_t)768 << 10)

typedef struct tail_step {
    bool chained;
    const void *params; /* strips_step or conv_step */
    plan_tail_function *tail;
    const void *tail_params;
    int parts, h, w; /* of an image */
    size_t block, band_bytes;
} tail_step;

static void run_tail(const step_context *context, int part)
{
    const tail_step *t = context->step->params;
    const size_t image = (size_t)(part / t->parts);
    const int at = part % t->parts, begin = (int)((int64_t)t->h * at / t->parts);
    const int end = (int)((int64_t)t->h * (at + 1) / t->parts);
    const conv_band rows = { .first = begin, .rows = end - begin };
    void *scratch = (char *)context->scratch + t->band_bytes;
    if (t->chained) {
        const strips_step *c = t->params;
        conv_arguments arguments[CONV_STRIPS_MOST];
        strips_arguments(context, c, image, arguments);
        arguments[c->chain.count - 1].dst = context->scratch;
        arguments[c->chain.count - 1].dst_band = rows;
        conv_strips_rows(&c->chain, arguments, begin, end, scratch);
    } else {
        const conv_step *conv = t->params;
        conv_arguments arguments =
            arguments_of(conv, context->tensors[context->step->inputs[0]].data, NULL, NULL, image);
        arguments.dst = context->scratch;
        arguments.dst_band = rows;
        conv->plan.run_rows(&conv->plan, &arguments, begin, end, scratch);
    }
    const size_t count = (size_t)(end - begin) * (size_t)t->w;
    const plan_band band = { context->scratch, image, (size_t)begin * (size_t)t->w, count, count * t->block };
    t->tail(context, t->tail_params, &band, scratch);
}

/* Cuts the rows of an image for a tail; false where that is no gain. */
static bool cut_rows(const program_step *step, tail_step *t, size_t row_bytes)
{
    if (t->chained) {
        const strips_step *c = t->params;
        const size_t cuts = ((size_t)t->h * row_bytes + BAND_MOST_BYTES / 2 - 1) / (BAND_MOST_BYTES / 2);
        t->parts = (int)MIN((size_t)t->h, MAX(cuts, (size_t)c->chain.parts));
    } else {
        const conv_plan *plan = &((const conv_step *)t->params)->plan;
        const size_t strips = ((size_t)t->h * row_bytes + BAND_BYTES - 1) / BAND_BYTES;
        if (!plan->run_rows || (strips - 1) * plan->packed_bytes > (size_t)t->h * row_bytes)
            return false; /* weights that leave the cache are read again by every strip */
        t->parts = (int)MIN((size_t)t->h, strips);
        if (plan->shape.threads > 1)
            t->parts = MIN(t->h, MAX(t->parts, plan->parts));
    }
    t->band_bytes = size_align((size_t)((t->h + t->parts - 1) / t->parts) * row_bytes, 64);
    return t->band_bytes <= BAND_MOST_BYTES && step->input_count == 1;
}

/* One node, or the outputs of the graph alone, want the value. */
static bool wanted_once(const graph_value *value)
{
    return graph_single_user(value) || (value->user_count == 0 && value->output_uses > 0);
}

/* Parts of the value, of a Split's input, are read where it lies in blocks. */
static bool parts_in_blocks(const planner *p, const graph_value *value, int slot)
{
    for (int i = 0; i < p->program->slot_count; i++)
        if (p->program->slots[i].base == slot)
            return true;
    return p->forms[value->id].listed;
}

bool plan_conv_tail(planner *p, const graph_value *value, const char *kernel, plan_tail_function *tail,
                    const void *params, size_t scratch_bytes, int output)
{
    const int slot = p->forms[value->id].blocked;
    image_dims d;
    if (slot < 0 || output < 0 || !wanted_once(value) || p->program->slots[slot].kind != SLOT_ARENA ||
        p->program->slots[slot].base >= 0 || parts_in_blocks(p, value, slot) || !plan_image_dims(p, value, &d))
        return false;
    const int at = plan_maker(p, slot);
    program_step *step = at < 0 ? NULL : &p->program->steps[at];
    if (!step || step->output_count != 1 || (step->run != run_conv && step->run != run_strips))
        return false;
    tail_step t = { .chained = step->run == run_strips, .params = step->params, .tail = tail, .tail_params = params,
                    .h = d.h, .w = d.w, .block = (size_t)p->kernels->block };
    if (!cut_rows(step, &t, d.blocked_elements / (size_t)d.h * sizeof(float)))
        return false;
    const void *copy = arena_copy(p->program->arena, &t, sizeof(t));
    int *outputs = copy ? plan_alloc(p, sizeof(*outputs)) : NULL;
    if (!outputs)
        return false;
    *outputs = output;
    step->run = run_tail;
    step->kernel = kernel;
    step->params = copy;
    step->parts = (int)d.n * t.parts;
    step->outputs = outputs;
    step->scratch_bytes = t.band_bytes + MAX(step->scratch_bytes, scratch_bytes);
    p->program->scratch_bytes = MAX(p->program->scratch_bytes, step->scratch_bytes);
    p->forms[value->id].blocked = -1;
    return true;
}

const void *plan_tail_params(const program_step *step, plan_tail_function *tail)
{
    const tail_step *t = step->run == run_tail ? step->params : NULL;
    return t && t->tail == tail ? t->tail_params : NULL;
}

bool plan_set_tail_params(planner *p, program_step *step, const void *params)
{
    tail_step t = *(const tail_step *)step->params;
    t.tail_params = params;
    const void *copy = arena_copy(p->program->arena, &t, sizeof(t));
    step->params = copy ? copy : step->params;
    return copy != NULL;
}

bool plan_is_float_constant(const graph_value *value)
{
    return value->is_constant && value->info.type == ONYX_TYPE_FLOAT32;
}

bool plan_conv_shape(const conv_params *params, const graph_node *node, const image_dims *x, const image_dims *y,
                     conv_shape *shape)
{
    op_window window;
    if (!op_conv_geometry(params, &node->inputs[0]->info, &node->inputs[1]->info, &window) || window.spatial > 2 ||
        !plan_window_fits(&window))
        return false;
    const int last = window.spatial - 1;
    *shape = (conv_shape){
        .c_in = x->c, .c_out = y->c, .groups = (int)params->group, .h_in = x->h, .w_in = x->w, .h_out = y->h,
        .w_out = y->w, .kernel_h = 1, .kernel_w = (int)window.kernel[last], .stride_h = 1,
        .stride_w = (int)window.stride[last], .dilation_h = 1, .dilation_w = (int)window.dilation[last],
        .pad_left = (int)window.pad_begin[last],
    };
    if (window.spatial == 2) {
        shape->kernel_h = (int)window.kernel[0];
        shape->stride_h = (int)window.stride[0];
        shape->dilation_h = (int)window.dilation[0];
        shape->pad_top = (int)window.pad_begin[0];
    }
    return true;
}

const char *plan_conv_title(planner *p, const op_activation *activation, bool residual)
{
    const char *act = activation->act == OP_ACT_NONE ? "" : op_act_name(activation->act);
    const char *title = arena_printf(p->program->arena, "Conv%s%s%s", act[0] ? "+" : "", act, residual ? "+add" : "");
    return title ? title : "Conv";
}

const float *plan_padded_bias(planner *p, const graph_value *bias, int channels)
{
    const size_t padded = size_align((size_t)channels, 16);
    float *copy = plan_packed(p, padded * sizeof(float));
    if (!copy)
        return NULL;
    memset(copy, 0, padded * sizeof(float));
    if (bias)
        memcpy(copy, bias->constant.data, (size_t)channels * sizeof(float));
    return copy;
}

void plan_pack_conv(const void *form, const void *source, void *packed)
{
    conv_pack(form, source, packed);
}

static const void *packed_weights(planner *p, const conv_plan *plan, const graph_value *weights)
{
    conv_plan form;
    conv_pack_form(plan, &form);
    return plan_pack(p, weights, plan_pack_conv, &form, sizeof(form), plan->packed_bytes);
}

bool plan_conv_of_step(const program_step *step, conv_plan *plan, conv_arguments *arguments, size_t *src_elements)
{
    if (step->run != run_conv)
        return false;
    const conv_step *conv = step->params;
    *plan = conv->plan;
    *arguments = arguments_of(conv, NULL, NULL, NULL, 0);
    *src_elements = conv->src_elements;
    return !conv->has_residual;
}

/* The step that wrote x, if it is a convolution that this use of x alone waits for; or -1. */
static int producer_of(const planner *p, const graph_value *x)
{
    const int i = plan_producer(p, x);
    step_function *const run = i < 0 ? NULL : p->program->steps[i].run;
    return run == run_conv || run == run_strips ? i : -1;
}

/* Adds `conv` to what its producer's step does. False: nothing to be gained. */
static bool choose_strips(planner *p, const program_step *producer, const conv_step *conv, strips_step *c)
{
    conv_plan plans[CONV_STRIPS_MOST];
    *c = (strips_step){ 0 };
    int count = 1;
    if (producer->run == run_strips) {
        *c = *(const strips_step *)producer->params;
        count = c->chain.count;
    } else {
        c->links[0] = *(const conv_step *)producer->params;
        c->chain.cycles = c->links[0].alone;
    }
    if (count == CONV_STRIPS_MOST)
        return false;
    const double alone = c->chain.cycles + conv->alone;
    for (int i = 0; i < count; i++)
        plans[i] = c->links[i].plan;
    c->links[count] = *conv;
    plans[count] = conv->plan;
    if (!conv->plan.run_rows) {
        conv_shape direct = conv->plan.shape;
        direct.exact = true;
        if (!conv_choose(p->kernels, &direct, &plans[count]))
            return false;
        c->links[count].plan = plans[count];
    }
    return conv_strips_choose(plans, count + 1, alone, &c->chain);
}

/* Reads the residual where a nearest Resize does: its slot, or -1 where there is none; false: memory is out. */
static bool map_residual(planner *p, const graph_value *residual, conv_step *conv, int *slot)
{
    resize_tables tables;
    *slot = plan_take_resize(p, residual, &tables);
    if (*slot < 0)
        return true;
    const resize_shape *s = &tables.shape;
    const size_t rows = (size_t)s->h_out, columns = (size_t)s->w_out;
    int *offsets = plan_alloc(p, rows * columns * sizeof(*offsets));
    for (size_t i = 0; offsets && i < rows * columns; i++)
        offsets[i] = (tables.rows[i / columns] * s->w_in + tables.columns[i % columns]) * s->block;
    conv->map = (conv_residual_map){ offsets, (ptrdiff_t)s->h_in * s->w_in * s->block };
    conv->residual_elements = (size_t)conv->map.plane * (size_t)s->channel_blocks;
    conv->residual_before = true;
    return offsets != NULL;
}

plan_result plan_conv(planner *p, graph_node *node)
{
    const conv_params *params = node->params;
    graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
    graph_value *bias = graph_input(node, 2);
    graph_value *residual = graph_input(node, 3);
    image_dims xd, yd;
    conv_step conv = { .activation = { (cpu_act)params->activation.act, params->activation.a, params->activation.b },
                       .residual_before = params->residual_before, .has_residual = residual != NULL };
    conv_shape shape;
    if (!plan_can_block(p, x) || !plan_is_float_constant(w) || (bias && !plan_is_float_constant(bias)) ||
        !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd) || !plan_conv_shape(params, node, &xd, &yd, &shape))
        return PLAN_PASS;
    if (residual && memcmp(residual->info.dims, y->info.dims, sizeof(int64_t) * (size_t)y->info.rank) != 0)
        return PLAN_PASS;
    shape.exact = p->options->precision == ONYX_PRECISION_STRICT;
    shape.threads = plan_threads(p);
    shape.src_plain = xd.c <= PLAIN_CHANNELS && shape.groups == 1 && !plan_has_blocked(p, x);
    bool taken = conv_choose(p->kernels, &shape, &conv.plan);
    if (!taken && shape.src_plain) {
        shape.src_plain = false;
        taken = conv_choose(p->kernels, &shape, &conv.plan);
    }
    if (!taken)
        return PLAN_PASS;
    conv.src_elements = shape.src_plain ? (size_t)xd.c * (size_t)xd.h * (size_t)xd.w : xd.blocked_elements;
    conv.dst_elements = conv.residual_elements = yd.blocked_elements;
    conv.alone = conv.plan.cycles;
    int residual_slot = -1;
    if (residual && conv.plan.maps_residual && (conv.residual_before || params->activation.act == OP_ACT_NONE) &&
        !map_residual(p, residual, &conv, &residual_slot))
        return PLAN_FAILED;
    if (residual && residual_slot < 0)
        residual_slot = plan_blocked(p, residual);

    strips_step chain;
    const int producer = shape.src_plain ? -1 : producer_of(p, x);
    const bool chained = producer >= 0 && choose_strips(p, &p->program->steps[producer], &conv, &chain);
    conv_step *own = chained ? &chain.links[chain.chain.count - 1] : &conv;
    own->packed = packed_weights(p, &own->plan, w);
    own->bias = plan_padded_bias(p, bias, yd.c);
    if (!own->packed || !own->bias)
        return PLAN_FAILED;

    program_step before = { 0 };
    if (chained)
        before = plan_take_step(p, producer);
    const int inputs[2] = { chained ? before.inputs[0] : shape.src_plain ? plan_plain(p, x) : plan_blocked(p, x),
                            residual_slot };
    if (inputs[0] < 0 || (residual && inputs[1] < 0))
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, y), count = residual ? 2 : 1;
    program_step *step =
        chained ? plan_add_step(p, node, "conv_strips", run_strips, (int)xd.n * chain.chain.parts,
                                chain.chain.scratch_bytes, inputs, count, &output, 1, &chain, sizeof(chain))
                : plan_add_step(p, node, conv.plan.name, run_conv, (int)xd.n * conv.plan.parts, conv.plan.scratch_bytes,
                                inputs, count, &output, 1, &conv, sizeof(conv));
    if (!step)
        return PLAN_FAILED;
    const char *title = plan_conv_title(p, &params->activation, residual != NULL);
    step->op = chained ? arena_printf(p->program->arena, "%s, %s", before.op, title) : title;
    step->operations = 2 * xd.n * yd.c * yd.h * yd.w * (xd.c / shape.groups) * shape.kernel_h * shape.kernel_w;
    step->moved_bytes += (int64_t)own->plan.packed_bytes;
    if (chained) {
        step->op = step->op ? step->op : title;
        step->operations += before.operations;
        for (int i = 0; i + 1 < chain.chain.count; i++)
            step->moved_bytes += (int64_t)chain.links[i].plan.packed_bytes;
    }
    return PLAN_DONE;
}

/* Weights with which a step begins, or NULL where they are none or few. */
static const void *first_weights(const program_step *step, size_t *bytes)
{
    enum { FEW_BYTES = 8 * 1024, MOST_BYTES = 128 * 1024 };
    const conv_step *conv = step->run == run_conv     ? step->params
                            : step->run == run_strips ? ((const strips_step *)step->params)->links
                                                      : NULL;
    *bytes = conv ? MIN(conv->plan.packed_bytes, (size_t)MOST_BYTES) : 0;
    return *bytes > FEW_BYTES ? conv->packed : NULL;
}

bool plan_conv_next(planner *p)
{
    enum { NEAR = 3 }; /* steps */
    program_step *steps = p->program->steps;
    for (int i = 0; i < p->program->step_count; i++) {
        if (steps[i].run != run_conv)
            continue;
        conv_step conv = *(const conv_step *)steps[i].params;
        for (int k = i + 1; k < MIN(i + 1 + NEAR, p->program->step_count) && !conv.next; k++)
            conv.next = first_weights(&steps[k], &conv.next_bytes);
        steps[i].params = conv.next ? arena_copy(p->program->arena, &conv, sizeof(conv)) : steps[i].params;
        if (!steps[i].params)
            return false;
    }
    return true;
}

/* ---- ConvTranspose: t[c_out * kh * kw, h * w] = w^T x, then each output gathers the taps that reach it ---- */

typedef struct transpose_step {
    gemm_plan plan;
    const float *weights; /* [c_in, c_out * kh * kw] */
    const float *bias;
    int c_in, c_out, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int h_in, w_in, h_out, w_out;
} transpose_step;

static void run_transpose_product(const step_context *context, int part)
{
    const program_step *step = context->step;
    const transpose_step *t = step->params;
    const size_t image = (size_t)(part / t->plan.parts), hw = (size_t)t->h_in * (size_t)t->w_in, m = t->plan.shape.m;
    const gemm_arguments arguments = {
        .a = t->weights, .a_stride = m,
        .b = (const float *)context->tensors[step->inputs[0]].data + image * (size_t)t->c_in * hw, .b_stride = hw,
        .c = (float *)context->tensors[step->outputs[0]].data + image * m * hw, .c_stride = hw, .alpha = 1,
    };
    t->plan.run(&t->plan, &arguments, part % t->plan.parts, context->scratch);
}

/* Kernel and stride 2 without padding: every output has one tap, and two neighbours interleave. */
static void interleave_taps(const transpose_step *t, const float *products, float bias, float *plane)
{
    const size_t hw = (size_t)t->h_in * (size_t)t->w_in;
    for (int y = 0; y < 2 * t->h_in; y++) {
        const float *even = products + (size_t)(y % 2 * 2) * hw + (size_t)(y / 2) * (size_t)t->w_in, *odd = even + hw;
        float *row = plane + (size_t)y * (size_t)t->w_out;
        for (int x = 0; x < t->w_in; x++) {
            row[2 * x] = bias + even[x];
            row[2 * x + 1] = bias + odd[x];
        }
    }
}

static bool is_interleaved(const transpose_step *t)
{
    return t->kernel_h == 2 && t->kernel_w == 2 && t->stride_h == 2 && t->stride_w == 2 && t->dilation_h == 1 &&
           t->dilation_w == 1 && t->pad_top == 0 && t->pad_left == 0 && t->h_out == 2 * t->h_in &&
           t->w_out == 2 * t->w_in;
}

static void run_transpose_gather(const step_context *context, int part)
{
    const program_step *step = context->step;
    const transpose_step *t = step->params;
    const size_t hw = (size_t)t->h_in * (size_t)t->w_in, taps = (size_t)t->kernel_h * (size_t)t->kernel_w;
    const float *products = (const float *)context->tensors[step->inputs[0]].data + (size_t)part * taps * hw;
    float *plane =
        (float *)context->tensors[step->outputs[0]].data + (size_t)part * (size_t)t->h_out * (size_t)t->w_out;
    const float bias = t->bias[part % t->c_out];
    if (is_interleaved(t)) {
        interleave_taps(t, products, bias, plane);
        return;
    }
    for (int y = 0; y < t->h_out; y++) {
        float *row = plane + (size_t)y * (size_t)t->w_out;
        for (int x = 0; x < t->w_out; x++)
            row[x] = bias;
        for (int i = 0; i < t->kernel_h; i++) {
            const int top = y + t->pad_top - i * t->dilation_h;
            if (top < 0 || top % t->stride_h || top / t->stride_h >= t->h_in)
                continue;
            for (int j = 0; j < t->kernel_w; j++) {
                const float *src = products + (size_t)(i * t->kernel_w + j) * hw +
                                   (size_t)(top / t->stride_h) * (size_t)t->w_in;
                const int shift = j * t->dilation_w - t->pad_left; /* x = column * stride + shift */
                for (int column = 0; column < t->w_in; column++) {
                    const int x = column * t->stride_w + shift;
                    if (x >= 0 && x < t->w_out)
                        row[x] += src[column];
                }
            }
        }
    }
}

static void copy_weights(const void *form, const void *source, void *packed)
{
    memcpy(packed, source, *(const size_t *)form);
}

plan_result plan_conv_transpose(planner *p, graph_node *node)
{
    const conv_params *params = node->params;
    graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
    graph_value *bias = graph_input(node, 2);
    image_dims xd, yd;
    op_window window;
    if (!plan_can_block(p, x) || x->info.rank != 4 || params->group != 1 || !plan_is_float_constant(w) ||
        (bias && !plan_is_float_constant(bias)) || !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd) ||
        op_conv_transpose_window(params, 4, x->info.dims, w->info.dims, &window, NULL) != ONYX_OK ||
        !plan_window_fits(&window))
        return PLAN_PASS;
    transpose_step t = {
        .c_in = xd.c,
        .c_out = yd.c,
        .kernel_h = (int)window.kernel[0],
        .kernel_w = (int)window.kernel[1],
        .stride_h = (int)window.stride[0],
        .stride_w = (int)window.stride[1],
        .dilation_h = (int)window.dilation[0],
        .dilation_w = (int)window.dilation[1],
        .pad_top = (int)window.pad_begin[0],
        .pad_left = (int)window.pad_begin[1],
        .h_in = xd.h,
        .w_in = xd.w,
        .h_out = yd.h,
        .w_out = yd.w,
    };
    const size_t m = (size_t)yd.c * (size_t)t.kernel_h * (size_t)t.kernel_w, hw = (size_t)xd.h * (size_t)xd.w;
    const gemm_shape shape = { .m = m, .n = hw, .k = (size_t)xd.c, .a_transposed = true };
    gemm_choose(p->kernels, &shape, false, &t.plan);
    const size_t bytes = (size_t)xd.c * m * sizeof(float);
    t.weights = plan_pack(p, w, copy_weights, &bytes, sizeof(bytes), bytes);
    t.bias = plan_padded_bias(p, bias, yd.c);
    if (!t.weights || !t.bias)
        return PLAN_FAILED;

    graph_value *products = graph_add_value(p->graph, node->name);
    const int src = plan_plain(p, x);
    if (!products || src < 0)
        return PLAN_FAILED;
    products->info = (op_value){ .type = ONYX_TYPE_FLOAT32, .rank = 3, .dims = { xd.n, (int64_t)m, (int64_t)hw } };
    const int between = plan_temporary(p, products), output = plan_new_plain(p, y);
    program_step *product = plan_add_step(p, node, t.plan.name, run_transpose_product, (int)xd.n * t.plan.parts,
                                          t.plan.scratch_bytes, &src, 1, &between, 1, &t, sizeof(t));
    if (!product)
        return PLAN_FAILED;
    product->operations = 2 * xd.n * (int64_t)(m * hw) * xd.c;
    return plan_add_step(p, node, "conv_transpose_gather", run_transpose_gather, (int)xd.n * yd.c, 0, &between, 1,
                         &output, 1, &t, sizeof(t))
               ? PLAN_DONE
               : PLAN_FAILED;
}
