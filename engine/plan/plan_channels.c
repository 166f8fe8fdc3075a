/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Values whose channels are picked from other blocked values: ChannelShuffle, and Concat, Split and Slice of channels
 * that do not fall on blocks. Such a value is only a list until somebody reads it; lists of lists are one list. What
 * ShuffleNets do between two convolutions (Concat, ChannelShuffle, Split) so becomes one step for each half. */
#include "plan/planner.h"

#include <string.h>

#include "ops/params.h"

/* ---- the step ---- */

typedef struct block_sources {
    int count;
    int input[LAYOUT_MAX_PICKS]; /* of the step */
    size_t block[LAYOUT_MAX_PICKS], stride[LAYOUT_MAX_PICKS]; /* in floats; from image to image */
    layout_pick picks[LAYOUT_MAX_PICKS];
} block_sources;

typedef struct gather_step {
    const cpu_kernels *kernels;
    int channel_blocks;
    size_t hw;
    const block_sources *blocks;
} gather_step;

static void run_gather(const step_context *context, int part)
{
    const program_step *step = context->step;
    const gather_step *g = step->params;
    const size_t image = (size_t)(part / g->channel_blocks), floats = g->hw * (size_t)g->kernels->block;
    const block_sources *s = &g->blocks[part % g->channel_blocks];
    const float *sources[LAYOUT_MAX_PICKS];
    for (int i = 0; i < s->count; i++)
        sources[i] =
            (const float *)context->tensors[step->inputs[s->input[i]]].data + image * s->stride[i] + s->block[i];
    g->kernels->layout.gather(sources, s->picks, s->count, g->hw, g->kernels->block,
                              (float *)context->tensors[step->outputs[0]].data + (size_t)part * floats);
}

/* Index of the slot among the step's inputs, added where it is new. */
static int input_of(int *inputs, int *count, int slot)
{
    for (int i = 0; i < *count; i++)
        if (inputs[i] == slot)
            return i;
    inputs[*count] = slot;
    return (*count)++;
}

/* Lane `lane` of an output block reads this channel. */
static void add_lane(const planner *p, block_sources *s, int lane, int input, const channel_origin *origin, size_t hw,
                     int64_t images)
{
    const size_t block = (size_t)p->kernels->block;
    const size_t at = (size_t)origin->channel / block * block * hw;
    int k = 0;
    while (k < s->count && (s->input[k] != input || s->block[k] != at))
        k++;
    if (k == s->count) {
        s->input[k] = input;
        s->block[k] = at;
        s->stride[k] = p->program->slots[origin->slot].tensor.size_bytes / sizeof(float) / (size_t)images;
        s->count++;
    }
    s->picks[k].mask |= UINT32_C(1) << lane;
    s->picks[k].index[lane] = origin->channel % (int)block;
}

int plan_gather_channels(planner *p, graph_value *value)
{
    const channel_origin *from = p->forms[value->id].channels;
    const int block = p->kernels->block;
    image_dims dims;
    if (!plan_image_dims(p, value, &dims))
        return -1;
    gather_step g = { p->kernels, dims.channel_blocks, (size_t)dims.h * (size_t)dims.w, NULL };
    block_sources *blocks = plan_alloc(p, sizeof(*blocks) * (size_t)dims.channel_blocks);
    int *inputs = plan_alloc(p, sizeof(*inputs) * (size_t)dims.c), count = 0;
    if (!blocks || !inputs)
        return -1;
    for (int c = 0; c < dims.c; c++)
        add_lane(p, &blocks[c / block], c % block, input_of(inputs, &count, from[c].slot), &from[c], g.hw, dims.n);
    g.blocks = blocks;
    const int output = plan_new_blocked(p, value);
    program_step *step = plan_add_step(p, NULL, "layout_gather", run_gather, (int)dims.n * dims.channel_blocks, 0,
                                       inputs, count, &output, 1, &g, sizeof(g));
    if (!step)
        return -1;
    step->name = value->name;
    step->op = "Channels";
    step->moved_bytes = 2 * (int64_t)p->program->slots[output].tensor.size_bytes;
    return output;
}

/* ---- the lists ---- */

/* Where the channels of a value are: those of its list, or its own. NULL: memory is out. */
static const channel_origin *origins_of(planner *p, graph_value *value)
{
    const value_forms *forms = &p->forms[value->id];
    if (forms->channels && forms->blocked < 0)
        return forms->channels;
    const int channels = (int)value->info.dims[1], slot = plan_blocked(p, value);
    channel_origin *own = slot < 0 ? NULL : plan_alloc(p, sizeof(*own) * (size_t)channels);
    for (int c = 0; c < channels && own; c++)
        own[c] = (channel_origin){ slot, c };
    p->forms[value->id].listed = true;
    return own;
}

/* The Transpose that takes a picture apart into rows of channels. */
static bool makes_rows(const graph_node *node)
{
    const transpose_params *t = node->params;
    return graph_is(node, "Transpose") && t->count == 4 && t->perm[0] == 0 && t->perm[1] == 2 && t->perm[2] == 3;
}

bool plan_read_blocked(const planner *p, const graph_value *value)
{
    static const char *const names[] = { "Conv", "FusedConv", "ChannelShuffle", "Concat", "Split", "Slice", "MaxPool",
                                         "AveragePool", "GlobalAveragePool", "Resize", "Add", "Mul", "Relu", "Silu",
                                         "HardSwish", "Sigmoid", "LeakyRelu", "Clip" };
    if (value->output_uses || !value->user_count || !plan_can_block(p, value))
        return false;
    for (int i = 0; i < value->user_count; i++) {
        size_t k = 0;
        while (k < ARRAY_LENGTH(names) && strcmp(value->users[i]->row->name, names[k]) != 0)
            k++;
        if (k == ARRAY_LENGTH(names) && !makes_rows(value->users[i]))
            return false;
    }
    return true;
}

static plan_result set_channels(planner *p, graph_value *value, channel_origin *list)
{
    p->forms[value->id].channels = list;
    return PLAN_DONE;
}

plan_result plan_concat_channels(planner *p, graph_node *node)
{
    graph_value *y = node->outputs[0];
    bool any = false;
    if (!p->kernels->layout.gather || !plan_read_blocked(p, y))
        return PLAN_PASS;
    for (int i = 0; i < node->input_count; i++) {
        if (!plan_can_block(p, node->inputs[i]))
            return PLAN_PASS;
        any |= plan_only_blocked(p, node->inputs[i]);
    }
    channel_origin *list = any ? plan_alloc(p, sizeof(*list) * (size_t)y->info.dims[1]) : NULL;
    if (!list)
        return any ? PLAN_FAILED : PLAN_PASS;
    int64_t at = 0;
    for (int i = 0; i < node->input_count; i++) {
        const channel_origin *from = origins_of(p, node->inputs[i]);
        if (!from)
            return PLAN_FAILED;
        memcpy(list + at, from, sizeof(*list) * (size_t)node->inputs[i]->info.dims[1]);
        at += node->inputs[i]->info.dims[1];
    }
    return set_channels(p, y, list);
}

plan_result plan_slice_channels(planner *p, graph_node *node, graph_value *y, int64_t first)
{
    graph_value *x = node->inputs[0];
    if (!p->kernels->layout.gather || !plan_can_block(p, x) || !plan_only_blocked(p, x) || !plan_read_blocked(p, y))
        return PLAN_PASS;
    const size_t bytes = sizeof(channel_origin) * (size_t)y->info.dims[1];
    const channel_origin *from = origins_of(p, x);
    channel_origin *list = from ? plan_alloc(p, bytes) : NULL;
    if (!list)
        return PLAN_FAILED;
    memcpy(list, from + first, bytes);
    return set_channels(p, y, list);
}

plan_result plan_shuffle(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    const int64_t groups = ((const shuffle_params *)node->params)->groups;
    if (!p->kernels->layout.gather || !plan_can_block(p, x) || !plan_can_block(p, y) ||
        !(plan_only_blocked(p, x) || plan_read_blocked(p, y)))
        return PLAN_PASS;
    const int64_t channels = y->info.dims[1], size = channels / groups;
    const channel_origin *from = origins_of(p, x);
    channel_origin *list = from ? plan_alloc(p, sizeof(*list) * (size_t)channels) : NULL;
    if (!list)
        return PLAN_FAILED;
    for (int64_t g = 0; g < groups; g++)
        for (int64_t i = 0; i < size; i++)
            list[i * groups + g] = from[g * size + i];
    return set_channels(p, y, list);
}
