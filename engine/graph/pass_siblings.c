/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small convolutions of one value, as detection heads have them (1, 4, 1 and 10 channels of the same 64), become one
 * with a Split behind it: the input is read once, and no block of channels is filled with padding four times. Depthwise
 * convolutions behind all parts of such a Split become one too, and the Split moves behind it. So do 1x1 convolutions
 * of whole blocks, with which the two halves of a CSP stage begin. */
#include "graph/passes.h"

#include <string.h>

#define MOST 16
/* Channels that the kernels do at once; what is merged must take fewer such blocks. */
#define BLOCK 16

typedef struct siblings {
    graph_node *convs[MOST]; /* in the order of their channels */
    graph_node *earliest;    /* in the list: all new nodes stand in front of it */
    op_window window;
    int count;
    int64_t channels, blocks, group;
    bool one_activation;
} siblings;

/* Asked of every convolution: no look at the numbers, which may copy them out of the file. */
static bool constant_f32(const graph_value *value)
{
    return value->is_constant && graph_is_f32(value);
}

/* A convolution of known shapes with constant float weights and nothing added. */
static bool simple(const graph_node *conv)
{
    const graph_value *bias = graph_input(conv, 2);
    return graph_is_conv(conv) && !graph_input(conv, 3) && graph_is_f32(conv->inputs[0]) &&
           graph_element_count(conv->inputs[0]) > 0 && graph_element_count(conv->outputs[0]) > 0 &&
           conv->inputs[1]->info.rank == 4 && constant_f32(conv->inputs[1]) && (!bias || constant_f32(bias));
}

static bool same_window(const op_window *a, const op_window *b)
{
    for (int i = 0; i < 2; i++)
        if (a->kernel[i] != b->kernel[i] || a->stride[i] != b->stride[i] || a->dilation[i] != b->dilation[i] ||
            a->pad_begin[i] != b->pad_begin[i] || a->pad_end[i] != b->pad_end[i])
            return false;
    return true;
}

/* Activations that differ stand behind the Split; these can. */
static bool parts_from(const op_activation *act)
{
    return act->act == OP_ACT_NONE || act->act == OP_ACT_SIGMOID;
}

/* Adds a convolution to the set if it fits to those before. */
static bool join(siblings *s, graph_node *conv)
{
    const op_activation *act = graph_conv_activation(conv);
    op_window window;
    if (s->count == MOST || !op_conv_geometry(conv->params, &conv->inputs[0]->info, &conv->inputs[1]->info, &window) ||
        window.spatial != 2)
        return false;
    if (s->count == 0) {
        s->window = window;
        s->one_activation = true;
    } else {
        const op_activation *first = graph_conv_activation(s->convs[0]);
        const bool same = first->act == act->act && first->a == act->a && first->b == act->b;
        if (!same_window(&window, &s->window) || (!same && (!parts_from(first) || !parts_from(act))) ||
            (!s->one_activation && !parts_from(act)))
            return false;
        s->one_activation &= same;
    }
    const int64_t channels = conv->outputs[0]->info.dims[1];
    s->convs[s->count++] = conv;
    s->channels += channels;
    s->blocks += (channels + BLOCK - 1) / BLOCK;
    return true;
}

/* ---- the new nodes ---- */

/* Appends a constant's numbers at *to. */
static bool append(graph *g, graph_value *constant, float **to)
{
    const float *from = graph_constant_f32(g, constant);
    const size_t count = (size_t)graph_element_count(constant);
    if (from)
        memcpy(*to, from, count * sizeof(*from));
    *to += count;
    return from != NULL;
}

static onyx_status join_weights(graph *g, const siblings *s, graph_value *inputs[3], onyx_error *error)
{
    const op_value *first = &s->convs[0]->inputs[1]->info;
    const int64_t dims[4] = { s->channels, first->dims[1], first->dims[2], first->dims[3] };
    const size_t filter = (size_t)(dims[1] * dims[2] * dims[3]);
    buffer *storage, *bias_storage;
    float *weights, *bias;
    bool copied = true;
    STATUS_TRY(graph_new_floats((size_t)s->channels * filter, &storage, &weights, error));
    for (int i = 0; i < s->count; i++)
        copied &= append(g, s->convs[i]->inputs[1], &weights);
    STATUS_TRY(graph_add_f32(g, s->convs[0]->inputs[1]->name, 4, dims, storage, &inputs[1], error));
    STATUS_TRY(graph_new_floats((size_t)s->channels, &bias_storage, &bias, error));
    memset(bias, 0, (size_t)s->channels * sizeof(*bias));
    for (int i = 0; i < s->count; i++) {
        graph_value *own = graph_input(s->convs[i], 2);
        if (own)
            copied &= append(g, own, &bias);
        else
            bias += s->convs[i]->outputs[0]->info.dims[1];
    }
    STATUS_TRY(graph_add_f32(g, s->convs[0]->inputs[1]->name, 1, dims, bias_storage, &inputs[2], error));
    return copied ? ONYX_OK : status_no_memory(error, 0, "joined weights");
}

static onyx_status insert_conv(graph *g, const siblings *s, graph_value *x, graph_value **y, onyx_error *error)
{
    graph_value *inputs[3] = { x, NULL, NULL };
    op_attribute attributes[WINDOW_ATTRIBUTES + 1 + ACTIVATION_ATTRIBUTES];
    const op_activation *act = graph_conv_activation(s->convs[0]);
    const bool fused = s->one_activation && act->act != OP_ACT_NONE;
    int count = WINDOW_ATTRIBUTES;
    if (!attribute_window(g, &s->window, attributes))
        return status_no_memory(error, sizeof(s->window), "attributes");
    attributes[count++] = attribute_int("group", s->group);
    attribute_activation(act, attributes + count);
    STATUS_TRY(join_weights(g, s, inputs, error));
    return graph_insert(g, s->earliest, fused ? OP_DOMAIN_ONYX : "", fused ? "FusedConv" : "Conv", s->convs[0]->name,
                        inputs, 3, attributes, count + (fused ? ACTIVATION_ATTRIBUTES : 0), y, error);
}

/* One convolution of x and a Split in the place of all. */
static onyx_status merge(graph *g, const siblings *s, graph_value *x, onyx_error *error)
{
    graph_node *before = s->earliest, *split;
    graph_value *inputs[2] = { NULL, NULL }, *parts[MOST];
    int64_t sizes[MOST];
    const op_attribute axis = attribute_int("axis", 1);
    STATUS_TRY(insert_conv(g, s, x, &inputs[0], error));
    for (int i = 0; i < s->count; i++) {
        sizes[i] = s->convs[i]->outputs[0]->info.dims[1];
        parts[i] = graph_add_value(g, s->convs[i]->outputs[0]->name);
        if (!parts[i])
            return status_no_memory(error, sizeof(*parts[i]), "a value");
    }
    STATUS_TRY(graph_add_ints(g, before->name, sizes, s->count, &inputs[1], error));
    STATUS_TRY(
        graph_add_node(g, before, "", "Split", before->name, inputs, 2, parts, s->count, &axis, 1, &split, error));
    for (int i = 0; i < s->count; i++) {
        graph_value *part = parts[i];
        if (!s->one_activation && graph_conv_activation(s->convs[i])->act == OP_ACT_SIGMOID) {
            part = NULL;
            STATUS_TRY(graph_insert(g, before, "", "Sigmoid", s->convs[i]->name, &parts[i], 1, NULL, 0, &part, error));
        }
        parts[i] = part;
    }
    for (int i = 0; i < s->count; i++) {
        bool done;
        STATUS_TRY(graph_bypass(g, s->convs[i], parts[i], &done, error));
    }
    return ONYX_OK;
}

/* ---- what is merged ---- */

/* Readers that a convolution would take in. */
static bool will_be_taken(const graph_node *conv)
{
    for (int i = 0; i < conv->outputs[0]->user_count; i++)
        if (graph_is(conv->outputs[0]->users[i], "Add"))
            return true;
    return false;
}

static bool small_conv(const graph_node *node)
{
    return simple(node) && ((const conv_params *)node->params)->group == 1 &&
           node->outputs[0]->info.dims[1] % BLOCK != 0 && !will_be_taken(node);
}

/* `first` is the first of its siblings. */
static bool find_small(graph_node *first, siblings *s)
{
    const graph_value *x = first->inputs[0];
    *s = (siblings){ .group = 1 };
    if (x->user_count < 2 || !small_conv(first) || !join(s, first))
        return false;
    for (int i = 0; i < x->user_count; i++) {
        graph_node *other = x->users[i];
        if (other != first && other->inputs[0] == x && small_conv(other))
            join(s, other);
    }
    return s->count > 1 && (s->channels + BLOCK - 1) / BLOCK < s->blocks;
}

/* ---- whole blocks: parts are views where a batch has one image ---- */

static bool wide_conv(const graph_node *node)
{
    op_window w;
    return graph_is_conv(node) && simple(node) && ((const conv_params *)node->params)->group == 1 &&
           node->outputs[0]->info.dims[0] == 1 && node->outputs[0]->info.dims[1] % BLOCK == 0 &&
           op_conv_geometry(node->params, &node->inputs[0]->info, &node->inputs[1]->info, &w) && graph_is_point(&w);
}

/* Convolutions alone read it, and so a view is as good as a tensor of its own. */
static bool read_by_convs(const graph_value *y)
{
    for (int i = 0; i < y->user_count; i++)
        if (!graph_is_conv(y->users[i]) || graph_input(y->users[i], 1) == y)
            return false;
    return y->user_count > 0 && !y->output_uses;
}

/* It is the end of a Concat: that can lie over the beginning of what it is a part of, see plan_place_in. */
static bool ends_concat(const graph_value *y)
{
    const graph_node *concat = graph_single_user(y);
    if (!concat || !graph_is(concat, "Concat") || concat->inputs[concat->input_count - 1] != y)
        return false;
    const int64_t axis = ((const axis_params *)concat->params)->axis;
    return axis == 1 || axis == 1 - y->info.rank;
}

/* What is gained is a large input that is read once; the weights, which are copied, should be small beside it. */
static bool mostly_input(const graph_value *x, const siblings *s)
{
    enum { SMALL = 16, LARGE_BYTES = 512 * 1024 };
    return s->channels * SMALL <= x->info.dims[2] * x->info.dims[3] &&
           graph_element_count(x) > LARGE_BYTES / (int64_t)sizeof(float);
}

/* Of all that read x: one whose result ends a Concat goes first. */
static bool find_wide(graph_node *first, siblings *s)
{
    const graph_value *x = first->inputs[0];
    *s = (siblings){ .group = 1 };
    if (x->user_count < 2 || !wide_conv(first))
        return false;
    for (int i = 0; i < x->user_count && s->count == 0; i++)
        if (x->users[i]->inputs[0] == x && wide_conv(x->users[i]) && ends_concat(x->users[i]->outputs[0]))
            join(s, x->users[i]);
    for (int i = 0; i < x->user_count; i++) {
        siblings more = *s;
        if (x->users[i]->inputs[0] == x && wide_conv(x->users[i]) && read_by_convs(x->users[i]->outputs[0]) &&
            join(&more, x->users[i]) && more.one_activation)
            *s = more;
    }
    return s->count > 1 && mostly_input(x, s);
}

/* All parts of a Split of channels, in order, go into depthwise convolutions alone. */
static bool find_depthwise(const graph_node *split, siblings *s)
{
    *s = (siblings){ 0 };
    if (!graph_is(split, "Split") || split->inputs[0]->info.rank != 4 ||
        ((const split_params *)split->params)->axis != 1 || split->output_count < 2)
        return false;
    for (int i = 0; i < split->output_count; i++) {
        graph_value *part = graph_output(split, i);
        graph_node *conv = part ? graph_single_user(part) : NULL;
        const int64_t channels = conv ? part->info.dims[1] : 0;
        if (!conv || !simple(conv) || conv->inputs[0] != part ||
            ((const conv_params *)conv->params)->group != channels || conv->outputs[0]->info.dims[1] != channels ||
            !join(s, conv))
            return false;
    }
    s->group = s->channels;
    return (s->channels + BLOCK - 1) / BLOCK < s->blocks;
}

static graph_node *earliest(graph *g, const siblings *s)
{
    GRAPH_EACH_NODE(g, node)
    {
        for (int i = 0; i < s->count; i++)
            if (s->convs[i] == node)
                return node;
    }
    return s->convs[0];
}

static onyx_status merge_one(graph *g, bool *merged, onyx_error *error)
{
    siblings s;
    *merged = false;
    GRAPH_EACH_NODE(g, node)
    {
        if ((graph_is_conv(node) && (find_small(node, &s) || find_wide(node, &s))) || find_depthwise(node, &s)) {
            *merged = true;
            s.earliest = earliest(g, &s);
            return merge(g, &s, node->inputs[0], error);
        }
    }
    return ONYX_OK;
}

onyx_status pass_siblings(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    bool merged = true;
    (void)options;
    while (merged) { /* each takes convolutions away, anywhere in the list */
        STATUS_TRY(merge_one(g, &merged, error));
        *changed |= merged;
    }
    return ONYX_OK;
}
