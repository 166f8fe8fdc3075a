/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise work on bytes and the edges between bytes and float32, on whichever form the operands have. */
#include "plan/plan_quant.h"

#include <math.h>
#include <string.h>

#include "ops/params.h"

bool plan_byte_scale(planner *p, graph_value *scale_value, graph_value *zero_value, float *scale, int *zero)
{
    *zero = 0;
    if (!scale_value || scale_value->info.type != ONYX_TYPE_FLOAT32 || !graph_scalar(p->graph, scale_value, scale))
        return false;
    if (!zero_value)
        return true;
    const onyx_tensor *tensor =
        plan_is_byte(zero_value) && graph_element_count(zero_value) == 1 ? graph_constant(p->graph, zero_value) : NULL;
    if (!tensor)
        return false;
    *zero = tensor->type == ONYX_TYPE_INT8 ? ((const int8_t *)tensor->data)[0] : ((const uint8_t *)tensor->data)[0];
    return true;
}

/* Slots of one input and the output, both blocked or both plain, and the number of elements; false: memory is out. */
static bool unary_slots(planner *p, graph_node *node, bool blocked, int *input, int *output, size_t *elements)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    *input = blocked ? plan_blocked(p, x) : plan_plain(p, x);
    if (*input < 0)
        return false;
    *output = blocked ? plan_new_blocked(p, y) : plan_new_plain(p, y);
    if (*output < 0)
        return false;
    *elements = p->program->slots[*output].tensor.size_bytes / (plan_is_byte(y) ? 1 : sizeof(float));
    return true;
}

/* ---- QLookup ---- */

typedef struct lookup_step {
    void (*kernel)(const uint8_t *src, uint8_t *dst, size_t n, const uint8_t table[256]);
    uint8_t table[256];
    size_t elements;
    int parts;
} lookup_step;

static void run_lookup(const step_context *context, int part)
{
    const program_step *step = context->step;
    const lookup_step *s = step->params;
    const uint8_t *src = context->tensors[step->inputs[0]].data;
    uint8_t *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->elements, PLAN_BYTE_GRAIN, s->parts, part, &begin, &end);
    if (begin < end)
        s->kernel(src + begin, dst + begin, end - begin, s->table);
}

plan_result plan_qlookup(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0];
    const onyx_tensor *table = graph_constant(p->graph, node->inputs[1]);
    lookup_step s = { .kernel = p->kernels->qeltwise.lookup };
    int input, output;
    if (!table || graph_element_count(x) < 1)
        return PLAN_PASS;
    memcpy(s.table, table->data, sizeof(s.table));
    if (!unary_slots(p, node, plan_only_blocked(p, x), &input, &output, &s.elements))
        return PLAN_FAILED;
    s.parts = plan_parts(2 * s.elements);
    return plan_add_step(p, node, "qeltwise_lookup", run_lookup, s.parts, 0, &input, 1, &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* ---- QuantizeLinear, DequantizeLinear with one scale ---- */

typedef struct edge_step {
    const eltwise_kernels *kernels;
    float scale;
    int zero;
    bool is_signed;
    size_t elements;
    int parts;
    /* Of rows of `elements` that go apart: bytes between two results, and where the first lies */
    size_t rows, dst_stride, dst_offset;
    eltwise_act_f32 *act; /* of what is dequantised, or NULL */
    float act_a, act_b;
} edge_step;

static void quantize(const edge_step *s, const float *src, uint8_t *dst, size_t begin, size_t end)
{
    if (begin >= end)
        return;
    if (s->is_signed)
        s->kernels->quantize_s8(src + begin, (int8_t *)dst + begin, end - begin, s->scale, s->zero);
    else
        s->kernels->quantize_u8(src + begin, dst + begin, end - begin, s->scale, s->zero);
}

static void run_quantize(const step_context *context, int part)
{
    const program_step *step = context->step;
    const edge_step *s = step->params;
    size_t begin, end;
    plan_range(s->elements, PLAN_BYTE_GRAIN, s->parts, part, &begin, &end);
    quantize(s, context->tensors[step->inputs[0]].data, context->tensors[step->outputs[0]].data, begin, end);
}

#define ACT_ELEMENTS 1024 /* while they are in the first cache */

static void dequantize(const edge_step *s, const uint8_t *src, float *dst, size_t n)
{
    if (s->act && n > ACT_ELEMENTS) {
        for (size_t i = 0; i < n; i += ACT_ELEMENTS)
            dequantize(s, src + i, dst + i, MIN(n - i, ACT_ELEMENTS));
        return;
    }
    if (s->is_signed)
        s->kernels->dequantize_s8((const int8_t *)src, dst, n, s->scale, s->zero);
    else
        s->kernels->dequantize_u8(src, dst, n, s->scale, s->zero);
    if (s->act)
        s->act(dst, dst, n, s->act_a, s->act_b);
}

static void run_dequantize(const step_context *context, int part)
{
    const program_step *step = context->step;
    const edge_step *s = step->params;
    const uint8_t *src = context->tensors[step->inputs[0]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->elements, PLAN_BYTE_GRAIN, s->parts, part, &begin, &end);
    if (begin < end)
        dequantize(s, src + begin, dst + begin, end - begin);
}

static void run_dequantize_rows(const step_context *context, int part)
{
    const program_step *step = context->step;
    const edge_step *s = step->params;
    const uint8_t *src = context->tensors[step->inputs[0]].data;
    char *dst = (char *)context->tensors[step->outputs[0]].data + s->dst_offset;
    size_t begin, end;
    plan_range(s->rows, 1, s->parts, part, &begin, &end);
    for (size_t row = begin; row < end; row++)
        dequantize(s, src + row * s->elements, (float *)(void *)(dst + row * s->dst_stride), s->elements);
}

int plan_quantizer(const planner *p, const graph_value *bytes, float *scale, int *zero)
{
    const int at = plan_plain_producer(p, bytes);
    const program_step *step = at < 0 ? NULL : &p->program->steps[at];
    if (!step || step->run != run_quantize)
        return -1;
    const edge_step *s = step->params;
    *scale = s->scale;
    *zero = s->zero;
    return at;
}

bool plan_dequantize_into(planner *p, const graph_value *value, int to, size_t rows, size_t dst_stride,
                          size_t dst_offset)
{
    const graph_value *source = plan_sole_source(value);
    const int made = source ? p->forms[source->id].plain : -1, at = made < 0 ? -1 : plan_maker(p, made);
    program_step *step = at < 0 ? NULL : &p->program->steps[at];
    edge_step *s = step && step->run == run_dequantize ? plan_alloc(p, sizeof(*s)) : NULL;
    int *outputs = s ? plan_alloc(p, sizeof(*outputs)) : NULL;
    if (!outputs)
        return false;
    *s = *(const edge_step *)step->params;
    s->elements /= rows;
    s->rows = rows;
    s->dst_stride = dst_stride;
    s->dst_offset = dst_offset;
    s->parts = (int)MIN((size_t)s->parts, rows);
    *outputs = to;
    step->run = run_dequantize_rows;
    step->params = s;
    step->parts = s->parts;
    step->outputs = outputs;
    return true;
}

/* Elements that a step dequantises into the slot; 0: it does something else with it. */
static size_t dequantized_elements(const program_step *step, int slot)
{
    const edge_step *s = step->params;
    if ((step->run != run_dequantize && step->run != run_dequantize_rows) || step->outputs[0] != slot || s->act)
        return 0;
    return s->elements * (step->run == run_dequantize ? 1 : s->rows);
}

static bool uses_slot(const program_step *step, int slot)
{
    for (int i = 0; i < step->input_count + step->output_count; i++)
        if ((i < step->input_count ? step->inputs[i] : step->outputs[i - step->input_count]) == slot)
            return true;
    return false;
}

plan_result plan_dequantize_act(planner *p, const graph_value *x, eltwise_act_f32 *act, float a, float b)
{
    const int slot = p->forms[x->id].plain;
    program *target = p->program;
    size_t found = 0;
    if (slot < 0 || x->user_count != 1 || x->output_uses || target->slots[slot].kind != SLOT_ARENA)
        return PLAN_PASS;
    for (int i = 0; i < target->slot_count; i++)
        if (target->slots[i].base == slot)
            return PLAN_PASS;
    for (int i = 0; i < target->step_count; i++) {
        const size_t elements = dequantized_elements(&target->steps[i], slot);
        if (!elements && uses_slot(&target->steps[i], slot))
            return PLAN_PASS;
        found += elements;
    }
    if (found != (size_t)graph_element_count(x))
        return PLAN_PASS;
    for (int i = 0; i < target->step_count; i++) {
        if (!dequantized_elements(&target->steps[i], slot))
            continue;
        edge_step *s = plan_alloc(p, sizeof(*s));
        if (!s)
            return PLAN_FAILED;
        *s = *(const edge_step *)target->steps[i].params;
        s->act = act;
        s->act_a = a;
        s->act_b = b;
        target->steps[i].params = s;
    }
    return PLAN_DONE;
}

/* Blocked float32 is of no use to its first reader. */
static bool wants_plain(const graph_value *value)
{
    static const char *const names[] = { "MatMul", "Transpose", "Softmax", "Gemm" };
    if (value->output_uses || value->user_count == 0)
        return true;
    const graph_node *user = value->users[0];
    for (size_t i = 0; i < ARRAY_LENGTH(names); i++)
        if (graph_is(user, names[i]))
            return true;
    return (user->row->flags & OP_VIEW) || graph_is_in(user, OP_DOMAIN_ONYX, "FusedMatMul");
}

static plan_result plan_edge(planner *p, graph_node *node, const graph_value *bytes, const graph_value *floats,
                             bool blocked, const char *kernel, step_function *run)
{
    const quantize_params *params = node->params;
    edge_step s = { .kernels = &p->kernels->eltwise, .is_signed = bytes->info.type == ONYX_TYPE_INT8 };
    int input, output;
    if (!plan_is_byte(bytes) || floats->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(floats) < 1 ||
        params->block_size || (params->precision != ONYX_TYPE_UNDEFINED && params->precision != ONYX_TYPE_FLOAT32) ||
        !plan_byte_scale(p, node->inputs[1], graph_input(node, 2), &s.scale, &s.zero))
        return PLAN_PASS;
    if (!unary_slots(p, node, blocked, &input, &output, &s.elements))
        return PLAN_FAILED;
    s.parts = plan_parts(5 * s.elements);
    return plan_add_step(p, node, kernel, run, s.parts, 0, &input, 1, &output, 1, &s, sizeof(s)) ? PLAN_DONE
                                                                                                 : PLAN_FAILED;
}

plan_result plan_quantize(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const bool blocked = plan_only_blocked(p, x) && plan_can_block_bytes(p, y);
    return plan_edge(p, node, y, x, blocked, "eltwise_quantize", run_quantize);
}

plan_result plan_dequantize(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const bool blocked = plan_only_blocked(p, x) && plan_can_block(p, y) && !wants_plain(y);
    return plan_edge(p, node, x, y, blocked, "eltwise_dequantize", run_dequantize);
}

/* ---- DynamicQuantizeLinear: the limits come from the convolutions that made the values where that can be, else from a
 * step of their own; each part of the second step combines them ---- */

#define MOST_LIMITS 16 /* values that one consists of */

typedef struct dynamic_step {
    const eltwise_kernels *kernels;
    void (*find)(const float *x, size_t n, float *low, float *high);
    size_t elements;
    int parts;
    bool backwards; /* what was written last is read first, while it is still near */
    /* Blocked data whose last block has lanes without a channel: */
    int block, lanes, channel_blocks; /* lanes == block elsewhere */
    size_t pixels;
    limits_part limits[MOST_LIMITS];
    int limits_count;
} dynamic_step;

static void run_limits(const step_context *context, int part)
{
    const program_step *step = context->step;
    const dynamic_step *s = step->params;
    const float *x = context->tensors[step->inputs[0]].data;
    float *limits = (float *)context->tensors[step->outputs[0]].data + 2 * part;
    size_t begin, end;
    limits[0] = limits[1] = 0; /* the range always holds 0 */
    plan_range(s->elements, PLAN_BYTE_GRAIN, s->parts, s->parts - 1 - part, &begin, &end);
    if (s->lanes == s->block) {
        if (begin < end)
            s->find(x + begin, end - begin, &limits[0], &limits[1]);
        return;
    }
    for (size_t at = begin; at < end;) { /* by pixel, where a range starts: its grain is a multiple of the block */
        const size_t pixel = at / (size_t)s->block, cb = pixel / s->pixels % (size_t)s->channel_blocks;
        const int lanes = cb + 1 == (size_t)s->channel_blocks ? s->lanes : s->block;
        s->find(x + at, (size_t)lanes, &limits[0], &limits[1]);
        at += (size_t)s->block;
    }
}

static void run_dynamic(const step_context *context, int part)
{
    const program_step *step = context->step;
    const dynamic_step *s = step->params;
    float low = 0, high = 0;
    size_t begin, end;
    for (int i = 0; i < s->limits_count; i++) {
        const limits_part *l = &s->limits[i];
        const float *found = (const float *)context->tensors[l->slot].data + 2 * l->first;
        for (int k = 0; k < l->parts; k++, found += 2 * l->blocks)
            for (int b = 0; b < l->count; b++) {
                low = MIN(low, found[2 * b]);
                high = MAX(high, found[2 * b + 1]);
            }
    }
    const float scale = low == high ? 1 : (high - low) / 255, zero = rintf(-low / scale);
    const edge_step edge = { .kernels = s->kernels,
                             .scale = scale,
                             .zero = zero >= 255 ? 255
                                     : zero > 0  ? (int)zero
                                                 : 0 };
    if (part == 0) {
        *(float *)context->tensors[step->outputs[1]].data = edge.scale;
        *(uint8_t *)context->tensors[step->outputs[2]].data = (uint8_t)edge.zero;
    }
    plan_range(s->elements, PLAN_BYTE_GRAIN, s->parts, s->backwards ? s->parts - 1 - part : part, &begin, &end);
    quantize(&edge, context->tensors[step->inputs[0]].data, context->tensors[step->outputs[0]].data, begin, end);
}

/* A step that finds the limits of a value, on the form that is there. */
static bool add_limits_step(planner *p, const graph_node *node, graph_value *x)
{
    image_dims dims;
    const bool blocked = plan_only_blocked(p, x) && plan_image_dims(p, x, &dims);
    const int input = blocked ? plan_blocked(p, x) : plan_plain(p, x), block = p->kernels->block;
    dynamic_step s = { .find = p->kernels->qeltwise.limits, .block = block, .lanes = block };
    if (input < 0)
        return false;
    s.elements = p->program->slots[input].tensor.size_bytes / sizeof(float);
    s.parts = plan_parts(4 * s.elements);
    if (blocked) {
        s.lanes = dims.c - (dims.channel_blocks - 1) * block;
        s.channel_blocks = dims.channel_blocks;
        s.pixels = (size_t)dims.h * (size_t)dims.w;
    }
    const int output = plan_new_limits(p, node, s.parts, 1, 1, &p->forms[x->id].limits);
    return output >= 0 &&
           plan_add_step(p, node, "quantize_limits", run_limits, s.parts, 0, &input, 1, &output, 1, &s, sizeof(s));
}

int plan_new_limits(planner *p, const graph_node *node, int parts, int blocks, int axis, const limits_part **limits)
{
    graph_value *value = graph_add_value(p->graph, node->name);
    limits_part *all = plan_alloc(p, sizeof(*all));
    if (!value || !all)
        return -1;
    value->info = (op_value){ .type = ONYX_TYPE_FLOAT32, .rank = 3, .dims = { parts, blocks, 2 } };
    *all = (limits_part){
        .slot = plan_temporary(p, value), .parts = parts, .blocks = blocks, .axis = axis, .count = blocks
    };
    *limits = all;
    return all->slot;
}

/* Output `index` of a Split along the channels in whole blocks: its part of what is known of the input. */
static bool split_limits(planner *p, const graph_value *value, limits_part *part)
{
    const graph_node *split = value->producer;
    const int block = p->kernels->block;
    if (!graph_is(split, "Split") || split->inputs[0]->info.rank < 3 || !p->forms[split->inputs[0]->id].limits)
        return false;
    const limits_part *whole = p->forms[split->inputs[0]->id].limits;
    const int64_t axis = ((const split_params *)split->params)->axis, channels = split->inputs[0]->info.dims[1];
    int64_t first = 0, end;
    for (int i = 0; i < value->producer_index; i++) {
        if (!split->outputs[i])
            return false;
        first += split->outputs[i]->info.dims[1];
    }
    end = first + value->info.dims[1];
    if ((axis != 1 && axis != 1 - split->inputs[0]->info.rank) || whole->axis != 1 ||
        whole->blocks != (channels + block - 1) / block || whole->first || first % block ||
        (end % block && end != channels))
        return false;
    *part = *whole;
    part->first = (int)(first / block);
    part->count = (int)((end + block - 1) / block) - part->first;
    return true;
}

/* Nearest resize by whole numbers: every element is there again. */
static bool repeats(const graph_node *node)
{
    if (!graph_is(node, "Resize") || ((const resize_params *)node->params)->mode != OP_RESIZE_NEAREST ||
        ((const resize_params *)node->params)->coordinates == OP_RESIZE_TF_CROP_AND_RESIZE)
        return false;
    const op_value *x = &node->inputs[0]->info, *y = &node->outputs[0]->info;
    for (int i = 0; i < x->rank; i++)
        if (x->dims[i] < 1 || y->dims[i] % x->dims[i])
            return false;
    return x->rank == y->rank;
}

/* The limits of a value from those of what it consists of; steps are added for what nobody has found yet. */
static bool collect_limits(planner *p, const graph_node *node, graph_value *x, int depth, dynamic_step *s)
{
    limits_part part;
    const graph_node *maker = x->producer;
    if (!p->forms[x->id].limits && maker && depth > 0) {
        if (graph_is(maker, "Concat") && s->limits_count + maker->input_count <= MOST_LIMITS) {
            for (int i = 0; i < maker->input_count; i++)
                if (!collect_limits(p, node, maker->inputs[i], depth - 1, s))
                    return false;
            return true;
        }
        if (repeats(maker))
            return collect_limits(p, node, maker->inputs[0], depth - 1, s);
        if (split_limits(p, x, &part) && s->limits_count < MOST_LIMITS) {
            s->limits[s->limits_count++] = part;
            return true;
        }
    }
    if (s->limits_count == MOST_LIMITS || (!p->forms[x->id].limits && !add_limits_step(p, node, x)))
        return false;
    s->limits[s->limits_count++] = *p->forms[x->id].limits;
    return true;
}

plan_result plan_dynamic_quantize(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0];
    if (node->output_count < 3 || !node->outputs[0] || !node->outputs[1] || !node->outputs[2] ||
        x->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(x) < 1)
        return PLAN_PASS;
    const bool blocked = plan_only_blocked(p, x) && plan_can_block(p, x);
    dynamic_step s = { .kernels = &p->kernels->eltwise };
    int inputs[1 + MOST_LIMITS], outputs[3];
    const int steps = p->program->step_count;
    if (!collect_limits(p, node, x, 3, &s)) {
        s.limits_count = 0; /* in too many parts: all at once */
        if (!collect_limits(p, node, x, 0, &s))
            return PLAN_FAILED;
    }
    if (!unary_slots(p, node, blocked, &inputs[0], &outputs[0], &s.elements))
        return PLAN_FAILED;
    for (int i = 0; i < s.limits_count; i++)
        inputs[1 + i] = s.limits[i].slot;
    s.backwards = p->program->step_count == steps; /* else the step for the limits goes so */
    s.parts = plan_parts(4 * s.elements);
    outputs[1] = plan_new_plain(p, node->outputs[1]);
    outputs[2] = plan_new_plain(p, node->outputs[2]);
    return plan_add_step(p, node, "eltwise_quantize", run_dynamic, s.parts, 0, inputs, 1 + s.limits_count, outputs, 3,
                         &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
