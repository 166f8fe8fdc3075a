/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Forms of values, slots and steps: the planner's bookkeeping. */
#include "plan/planner.h"

#include "base/types.h"
#include "cpu/qplane.h"

#include <assert.h>
#include <limits.h>
#include <string.h>

plan_result plan_no_memory(planner *p)
{
    status_no_memory(p->error, 0, "the plan");
    return PLAN_FAILED;
}

void *plan_alloc(planner *p, size_t bytes)
{
    void *memory = arena_alloc(p->program->arena, bytes ? bytes : 1);
    if (!memory)
        plan_no_memory(p);
    return memory;
}

/* Doubles an arena-held array when it is full. */
static void *grow(planner *p, void *items, size_t item_bytes, int count, int *capacity)
{
    if (count < *capacity)
        return items;
    int larger = *capacity ? 2 * *capacity : 64;
    void *copy = plan_alloc(p, item_bytes * (size_t)larger);
    if (copy && count)
        memcpy(copy, items, item_bytes * (size_t)count);
    if (copy)
        *capacity = larger;
    return copy;
}

void *plan_packed(planner *p, size_t bytes)
{
    program *target = p->program;
    buffer **list = grow(p, target->packed, sizeof(*list), target->packed_count, &target->packed_capacity);
    buffer *b = list ? buffer_new(bytes) : NULL;
    if (!b) {
        status_no_memory(p->error, bytes, "packed weights");
        return NULL;
    }
    target->packed = list;
    list[target->packed_count++] = b;
    target->packed_bytes += bytes;
    return buffer_data(b);
}

const void *plan_pack(planner *p, const graph_value *constant, packed_function *function, const void *form,
                      size_t form_bytes, size_t bytes)
{
    const void *packed = packed_set_add(p->program->weights, constant, function, form, form_bytes, bytes);
    if (!packed)
        status_no_memory(p->error, bytes, "packed weights");
    else
        p->program->packed_bytes += bytes;
    return packed;
}

int plan_parts(size_t bytes)
{
    size_t parts = bytes / (128u << 10);
    return parts < 1 ? 1 : parts > 32 ? 32 : (int)parts;
}

int plan_threads(const planner *p)
{
    return p->options->pool ? workers_count(p->options->pool) : 1;
}

bool plan_image_dims(const planner *p, const graph_value *value, image_dims *dims)
{
    const op_value *info = &value->info;
    const int block = p->kernels->block;
    size_t count;
    if (info->rank < 3 || info->rank > 4 || graph_element_count(value) < 1)
        return false;
    for (int i = 0; i < info->rank; i++)
        if (info->dims[i] > INT_MAX / (i == 0 ? 256 : 2)) /* of all images together parts are counted in an int */
            return false;
    dims->n = info->dims[0];
    dims->c = (int)info->dims[1];
    dims->h = info->rank == 4 ? (int)info->dims[2] : 1;
    dims->w = (int)info->dims[info->rank - 1];
    dims->channel_blocks = (dims->c + block - 1) / block;
    return size_mul((size_t)dims->channel_blocks * (size_t)block, (size_t)dims->h, &count) &&
           size_mul(count, (size_t)dims->w, &dims->blocked_elements);
}

bool plan_window_fits(const op_window *w)
{
    const int64_t limit = 1 << 28;
    for (int i = 0; i < w->spatial; i++) {
        const int64_t reach = (w->kernel[i] - 1) * w->dilation[i]; /* op_*_window has bounded it */
        if (w->in[i] >= limit || w->out[i] >= limit || w->kernel[i] >= limit || w->stride[i] >= limit ||
            w->dilation[i] >= limit || reach >= limit || w->pad_begin[i] >= limit || w->pad_end[i] >= limit ||
            w->pad_begin[i] <= -limit || w->pad_end[i] <= -limit)
            return false;
    }
    return true;
}

bool plan_can_block(const planner *p, const graph_value *value)
{
    image_dims dims;
    return value->info.kind == OP_KIND_TENSOR && value->info.type == ONYX_TYPE_FLOAT32 &&
           plan_image_dims(p, value, &dims);
}

bool plan_can_block_bytes(const planner *p, const graph_value *value)
{
    image_dims dims;
    return value->info.kind == OP_KIND_TENSOR &&
           (value->info.type == ONYX_TYPE_UINT8 || value->info.type == ONYX_TYPE_INT8) &&
           plan_image_dims(p, value, &dims);
}

bool plan_has_blocked(const planner *p, const graph_value *value)
{
    const value_forms *forms = &p->forms[value->id];
    return forms->blocked >= 0 || forms->channels ||
           (forms->half >= 0 && forms->plain < 0 && p->kernels->half.lanes == p->kernels->block);
}

bool plan_only_blocked(const planner *p, const graph_value *value)
{
    return plan_has_blocked(p, value) && p->forms[value->id].plain < 0;
}

/* Values within the limit also keep all sums of bytes and operations within 64 bits. */
static int too_large(planner *p, const graph_value *value)
{
    status_fail(p->error, ONYX_ERROR_LIMIT, "value '%s' takes more than %zu bytes (max_memory_bytes)",
                value->name ? value->name : "", p->memory_limit);
    return -1;
}

static int new_slot(planner *p, const graph_value *value, slot_kind kind)
{
    program *target = p->program;
    program_slot *slots = grow(p, target->slots, sizeof(*slots), target->slot_count, &p->slot_capacity);
    if (!slots)
        return -1;
    target->slots = slots;
    program_slot *slot = &slots[target->slot_count];
    *slot =
        (program_slot){ .kind = kind, .name = value->name, .value = value->id, .base = -1, .index = -1, .root = -1 };
    slot->tensor.type = value->info.type;
    slot->tensor.rank = value->info.rank;
    memcpy(slot->tensor.dims, value->info.dims, sizeof(slot->tensor.dims));
    if (graph_shape_known(value)) {
        size_t bytes = 0;
        if (!type_bytes(value->info.type, (size_t)graph_element_count(value), &bytes) || bytes > p->memory_limit)
            return too_large(p, value);
        slot->tensor.size_bytes = bytes;
    }
    return target->slot_count++;
}

int plan_new_plain(planner *p, graph_value *value)
{
    int slot = new_slot(p, value, graph_shape_known(value) ? SLOT_ARENA : SLOT_DYNAMIC);
    p->forms[value->id].plain = slot;
    p->program->has_dynamic |= slot >= 0 && p->program->slots[slot].kind == SLOT_DYNAMIC;
    return slot;
}

int plan_temporary(planner *p, const graph_value *value)
{
    return new_slot(p, value, SLOT_ARENA);
}

static int new_blocked_slot(planner *p, const graph_value *value, slot_kind kind)
{
    image_dims dims;
    int slot = plan_image_dims(p, value, &dims) ? new_slot(p, value, kind) : -1;
    if (slot < 0)
        return -1;
    size_t bytes;
    if (!size_mul(dims.blocked_elements, type_size(value->info.type), &bytes) ||
        !size_mul(bytes, (size_t)dims.n, &bytes) || bytes > p->memory_limit)
        return too_large(p, value);
    p->program->slots[slot].blocked = true;
    p->program->slots[slot].tensor.size_bytes = bytes;
    return slot;
}

int plan_new_blocked(planner *p, graph_value *value)
{
    return p->forms[value->id].blocked = new_blocked_slot(p, value, SLOT_ARENA);
}

int plan_new_view(planner *p, graph_value *value, int base, size_t offset_bytes, bool blocked)
{
    int slot = blocked ? new_blocked_slot(p, value, SLOT_ARENA) : new_slot(p, value, SLOT_ARENA);
    if (slot < 0)
        return -1;
    program_slot *view = &p->program->slots[slot];
    const program_slot *whole = &p->program->slots[base];
    view->kind = whole->kind;
    view->index = whole->index;
    view->base = base;
    view->base_offset = offset_bytes;
    if (whole->kind == SLOT_CONSTANT)
        view->tensor.data = (char *)whole->tensor.data + offset_bytes;
    *(blocked ? &p->forms[value->id].blocked : &p->forms[value->id].plain) = slot;
    return slot;
}

static bool is_free(const program_slot *slot)
{
    return slot->kind == SLOT_ARENA && slot->base < 0;
}

/* `view` begins `whole` and ends `base`: both become views of memory in which they overlap so. False: they cannot. */
static bool overlap(planner *p, int view, int base, size_t offset_bytes)
{
    const int whole = p->program->slots[view].base;
    const size_t bytes = p->program->slots[view].tensor.size_bytes;
    const program_slot *slots = p->program->slots;
    if (whole < 0 || slots[view].base_offset != 0 || !is_free(&slots[whole]) || !is_free(&slots[base]) ||
        offset_bytes + bytes != slots[base].tensor.size_bytes || whole == base)
        return false;
    const graph_value both = { .info = { .type = ONYX_TYPE_UINT8,
                                         .rank = 1,
                                         .dims = { (int64_t)(offset_bytes + slots[whole].tensor.size_bytes) } } };
    const int memory = plan_temporary(p, &both);
    if (memory < 0)
        return false;
    p->program->slots[base].base = p->program->slots[whole].base = memory;
    p->program->slots[whole].base_offset = offset_bytes;
    return true;
}

bool plan_place_in(planner *p, int slot, int base, size_t offset_bytes)
{
    program_slot *slots = p->program->slots;
    while (slots[slot].base >= 0 && slots[slot].base_offset == 0 &&
           slots[slots[slot].base].tensor.size_bytes == slots[slot].tensor.size_bytes)
        slot = slots[slot].base; /* another view of all of it */
    program_slot *part = &slots[slot];
    if (part->base >= 0)
        return overlap(p, slot, base, offset_bytes);
    if (part->kind != SLOT_ARENA || slot == base)
        return false;
    part->base = base;
    part->base_offset = offset_bytes;
    return true;
}

/* ---- reorders between the forms ---- */

typedef struct reorder_params {
    const cpu_kernels *kernels;
    int64_t n;
    int c, channel_blocks;
    size_t hw;
    bool bytes;
    /* of the plain form, in elements: from plane to plane, from image to image, the first */
    size_t plane, image, offset;
} reorder_params;

/* Where a part lies, in elements; the number of real channels in it. */
static int reorder_part(const reorder_params *r, int part, size_t *plain, size_t *blocked)
{
    const int block = r->kernels->block, image = part / r->channel_blocks, cb = part % r->channel_blocks;
    *plain = r->offset + (size_t)image * r->image + (size_t)cb * (size_t)block * r->plane;
    *blocked = (size_t)part * (size_t)block * r->hw;
    return MIN(block, r->c - cb * block);
}

static void reorder_block(const reorder_params *r, const void *src, void *dst, int part)
{
    size_t plain, blocked;
    const int lanes = reorder_part(r, part, &plain, &blocked);
    if (r->bytes)
        qplane_block((const uint8_t *)src + plain, r->plane, lanes, r->kernels->block, r->hw, (uint8_t *)dst + blocked,
                     0);
    else
        r->kernels->layout.block((const float *)src + plain, r->plane, lanes, r->hw, (float *)dst + blocked);
}

static void run_to_blocked(const step_context *context, int part)
{
    const program_step *step = context->step;
    reorder_block(step->params, context->tensors[step->inputs[0]].data, context->tensors[step->outputs[0]].data, part);
}

static void run_to_plain(const step_context *context, int part)
{
    const program_step *step = context->step;
    const reorder_params *r = step->params;
    size_t plain, blocked;
    const int lanes = reorder_part(r, part, &plain, &blocked);
    const void *src = context->tensors[step->inputs[0]].data;
    void *dst = context->tensors[step->outputs[0]].data;
    if (r->bytes)
        qplane_unblock((const uint8_t *)src + blocked, lanes, r->kernels->block, r->hw, (uint8_t *)dst + plain,
                       r->plane);
    else
        r->kernels->layout.unblock((const float *)src + blocked, lanes, r->hw, (float *)dst + plain, r->plane);
}

static reorder_params reorder_of(const planner *p, const graph_value *value, const image_dims *dims)
{
    const size_t hw = (size_t)dims->h * (size_t)dims->w;
    return (reorder_params){ .kernels = p->kernels, .n = dims->n, .c = dims->c, .channel_blocks = dims->channel_blocks,
                             .hw = hw, .bytes = type_size(value->info.type) == 1, .plane = hw,
                             .image = hw * (size_t)dims->c };
}

/* What a convolution does instead, see plan_conv_tail. */
static void planes_tail(const step_context *context, const void *params, const plan_band *band, void *scratch)
{
    const reorder_params *r = params;
    const float *src = band->data;
    const int block = r->kernels->block;
    float *dst = (float *)context->tensors[context->step->outputs[0]].data + r->offset + band->image * r->image +
                 band->first;
    (void)scratch;
    for (int c = 0; c < r->c; c += block, src += band->plane, dst += (size_t)block * r->plane)
        r->kernels->layout.unblock(src, MIN(block, r->c - c), band->pixels, dst, r->plane);
}

static bool planes_by_conv(planner *p, const graph_value *value, int to)
{
    image_dims dims;
    if (!plan_can_block(p, value) || !plan_image_dims(p, value, &dims))
        return false;
    const reorder_params params = reorder_of(p, value, &dims);
    const void *copy = arena_copy(p->program->arena, &params, sizeof(params));
    return copy && plan_conv_tail(p, value, "conv_planes", planes_tail, copy, 0, to);
}

static bool add_reorder(planner *p, graph_value *value, const char *name, step_function *run, int from, int to)
{
    image_dims dims;
    if (!plan_image_dims(p, value, &dims))
        return false;
    const reorder_params params = reorder_of(p, value, &dims);
    program_step *step = plan_add_step(p, NULL, name, run, (int)(dims.n * dims.channel_blocks), 0, &from, 1, &to, 1,
                                       &params, sizeof(params));
    if (!step)
        return false;
    step->name = value->name;
    step->op = "Reorder";
    return true;
}

const graph_value *plan_sole_source(const graph_value *value)
{
    while (graph_single_user(value) && value->producer && (value->producer->row->flags & OP_VIEW))
        value = value->producer->inputs[0];
    return graph_single_user(value) ? value : NULL;
}

/* `slot` is `view` or what it is a view of. */
static bool is_under(const planner *p, int view, int slot)
{
    while (view >= 0 && view != slot)
        view = p->program->slots[view].base;
    return view == slot;
}

bool plan_may_overwrite(const planner *p, const graph_value *x, int slot)
{
    const program_slot *slots = p->program->slots;
    const graph_value *source = plan_sole_source(x);
    int root = slot;
    while (slots[root].base >= 0)
        root = slots[root].base;
    if (!source || !source->producer || !is_free(&slots[root]) || slots[root].value != source->id)
        return false;
    for (int i = 0; i < p->program->slot_count; i++)
        if (slots[i].base >= 0 && is_under(p, slot, slots[i].base) && !is_under(p, slot, i))
            return false;
    return true;
}

bool plan_unblock_into(planner *p, const graph_value *value, int to, size_t rows, size_t dst_stride, size_t dst_offset)
{
    const graph_value *source = plan_sole_source(value);
    const int made = source ? p->forms[source->id].plain : -1, at = made < 0 ? -1 : plan_maker(p, made);
    program_step *step = at < 0 ? NULL : &p->program->steps[at];
    const reorder_params *before = !step                       ? NULL
                                   : step->run == run_to_plain ? step->params
                                                               : plan_tail_params(step, planes_tail);
    if (!before)
        return false;
    reorder_params r = *before;
    const size_t element = r.bytes ? 1 : sizeof(float);
    if (rows == (size_t)r.n * (size_t)r.c) /* each is a plane, or an image */
        r.image = (size_t)r.c * (r.plane = dst_stride / element);
    else if (rows == (size_t)r.n)
        r.image = dst_stride / element;
    else
        return false;
    r.offset = dst_offset / element;
    const reorder_params *moved = arena_copy(p->program->arena, &r, sizeof(r));
    int *outputs = moved ? plan_alloc(p, sizeof(*outputs)) : NULL;
    if (!outputs || (step->run != run_to_plain && !plan_set_tail_params(p, step, moved)))
        return false;
    *outputs = to;
    if (step->run == run_to_plain)
        step->params = moved;
    step->outputs = outputs;
    return true;
}

static int constant_slot(planner *p, graph_value *value)
{
    const onyx_tensor *tensor = graph_constant(p->graph, value);
    if (!tensor) {
        plan_no_memory(p);
        return -1;
    }
    onyx_tensor kept = *tensor;
    if (buffer_is_borrowed(value->storage) && kept.size_bytes > 0 && kept.size_bytes <= PACKED_COPY_BYTES)
        kept.data = (void *)plan_pack(p, value, packed_copy, &kept.size_bytes, sizeof(size_t), kept.size_bytes);
    int slot = kept.data || kept.size_bytes == 0 ? new_slot(p, value, SLOT_CONSTANT) : -1;
    if (slot >= 0)
        p->program->slots[slot].tensor = kept;
    return slot;
}

static int constant_blocked_slot(planner *p, graph_value *value)
{
    image_dims dims;
    const onyx_tensor *tensor = graph_constant(p->graph, value);
    int slot = tensor && plan_image_dims(p, value, &dims) ? new_blocked_slot(p, value, SLOT_CONSTANT) : -1;
    void *data = slot >= 0 ? plan_packed(p, p->program->slots[slot].tensor.size_bytes) : NULL;
    if (!data)
        return -1;
    const reorder_params params = reorder_of(p, value, &dims);
    for (int part = 0; part < dims.n * dims.channel_blocks; part++)
        reorder_block(&params, tensor->data, data, part);
    p->program->slots[slot].tensor.data = data;
    return slot;
}

int plan_plain(planner *p, graph_value *value)
{
    value_forms *forms = &p->forms[value->id];
    if (forms->plain >= 0)
        return forms->plain;
    if (value->is_constant)
        return forms->plain = constant_slot(p, value);
    if (forms->half >= 0 && forms->blocked < 0)
        return plan_plain_of_half(p, value);
    if (forms->picture) {
        const int whole = plan_plain(p, forms->picture);
        return whole < 0 ? -1 : plan_new_view(p, value, whole, 0, false);
    }
    if (forms->blocked < 0 && plan_blocked(p, value) < 0)
        return -1;
    int slot = plan_new_plain(p, value);
    if (slot < 0 || planes_by_conv(p, value, slot))
        return slot;
    if (!add_reorder(p, value, "layout_unblock", run_to_plain, forms->blocked, slot))
        return -1;
    return slot;
}

int plan_blocked(planner *p, graph_value *value)
{
    value_forms *forms = &p->forms[value->id];
    if (forms->blocked >= 0)
        return forms->blocked;
    if (value->is_constant)
        return forms->blocked = constant_blocked_slot(p, value);
    if (forms->channels)
        return plan_gather_channels(p, value);
    if (forms->half >= 0 && forms->plain < 0 && p->kernels->half.lanes == p->kernels->block)
        return plan_blocked_of_half(p, value);
    if ((forms->half >= 0 || forms->picture) && plan_plain(p, value) < 0) /* from the form that there is */
        return -1;
    assert(forms->plain >= 0);
    int slot = plan_new_blocked(p, value);
    if (slot < 0 || !add_reorder(p, value, "layout_block", run_to_blocked, forms->plain, slot))
        return -1;
    return slot;
}

/* ---- steps ---- */

static int64_t slot_bytes(const planner *p, const int *slots, int count)
{
    int64_t bytes = 0;
    for (int i = 0; i < count; i++)
        if (slots[i] >= 0)
            bytes += (int64_t)p->program->slots[slots[i]].tensor.size_bytes;
    return bytes;
}

static const int *copy_slots(planner *p, const int *slots, int count)
{
    int *copy = plan_alloc(p, sizeof(*copy) * (size_t)count);
    if (copy && count)
        memcpy(copy, slots, sizeof(*copy) * (size_t)count);
    return copy;
}

const int *plan_plain_slots(planner *p, graph_node *node)
{
    const int count = node->input_count + node->output_count;
    int *slots = plan_alloc(p, sizeof(*slots) * (size_t)count);
    for (int i = 0; slots && i < count; i++) {
        const int output = i - node->input_count;
        graph_value *value = output < 0 ? node->inputs[i] : node->outputs[output];
        slots[i] = !value ? -1 : output < 0 ? plan_plain(p, value) : plan_new_plain(p, value);
        if (value && slots[i] < 0)
            return NULL;
    }
    return slots;
}

program_step *plan_add_step(planner *p, const graph_node *node, const char *kernel, step_function *run, int parts,
                            size_t scratch_bytes, const int *inputs, int input_count, const int *outputs,
                            int output_count, const void *params, size_t params_bytes)
{
    program *target = p->program;
    for (int i = 0; i < output_count; i++)
        if (outputs[i] < 0 && run)
            return NULL;
    program_step *steps = grow(p, target->steps, sizeof(*steps), target->step_count, &p->step_capacity);
    if (!steps)
        return NULL;
    target->steps = steps;
    program_step *step = &steps[target->step_count];
    *step = (program_step){ .kernel = kernel, .run = run, .parts = parts, .scratch_bytes = scratch_bytes,
                            .input_count = input_count, .output_count = output_count };
    step->inputs = copy_slots(p, inputs, input_count);
    step->outputs = copy_slots(p, outputs, output_count);
    step->params = params_bytes ? arena_copy(target->arena, params, params_bytes) : params;
    step->name = node ? node->name : "";
    step->op = node ? node->row->name : "";
    if (!step->inputs || !step->outputs || (params_bytes && !step->params)) {
        plan_no_memory(p);
        return NULL;
    }
    step->moved_bytes = slot_bytes(p, inputs, input_count) + slot_bytes(p, outputs, output_count);
    target->scratch_bytes = MAX(target->scratch_bytes, scratch_bytes);
    target->step_count++;
    return step;
}

int plan_maker(const planner *p, int slot)
{
    int i = p->program->step_count - 1;
    while (i >= 0 && (p->program->steps[i].output_count == 0 || p->program->steps[i].outputs[0] != slot))
        i--;
    return i;
}

int plan_producer_any(const planner *p, const graph_value *x)
{
    const int slot = p->forms[x->id].blocked;
    if (slot < 0 || p->forms[x->id].channels || x->user_count != 1 || x->output_uses || p->forms[x->id].plain >= 0 ||
        p->program->slots[slot].kind != SLOT_ARENA || p->program->slots[slot].base >= 0)
        return -1;
    const int at = plan_maker(p, slot);
    return at >= 0 && p->program->steps[at].output_count == 1 ? at : -1;
}

int plan_plain_producer(const planner *p, const graph_value *x)
{
    const int slot = p->forms[x->id].plain;
    if (slot < 0 || x->user_count != 1 || x->output_uses || plan_has_blocked(p, x) ||
        p->program->slots[slot].kind != SLOT_ARENA || p->program->slots[slot].base >= 0)
        return -1;
    return plan_maker(p, slot);
}

int plan_producer(const planner *p, const graph_value *x)
{
    const int i = plan_producer_any(p, x);
    return i >= 0 && p->program->steps[i].input_count == 1 ? i : -1;
}

program_step plan_take_step(planner *p, int index)
{
    program *target = p->program;
    const program_step step = target->steps[index];
    target->step_count--;
    memmove(target->steps + index, target->steps + index + 1, sizeof(step) * (size_t)(target->step_count - index));
    return step;
}
