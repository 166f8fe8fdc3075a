/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A 1x1 convolution mixes the channels of each pixel, an upsampling repeats or blends pixels of each channel: their
 * order does not matter. So what a convolution reads by way of an upsampling (the necks of YOLO: Conv(Concat(Resize(a),
 * b))) is multiplied before it, at a quarter of the pixels, and is added as a residual in front of the activation:
 * FusedConv(b, ..., Resize(Conv(a))). Where nothing else is read, the whole convolution moves: Resize(Conv(a)). */
#include "graph/passes.h"

#include <string.h>

/* Multiply-adds in the time of a byte that is written or read: 32 a cycle against 8 bytes. */
#define PER_BYTE 4.0
/* A step more, about a microsecond. */
#define PER_STEP 1e5

typedef struct pointwise {
    graph_node *conv, *concat; /* concat: NULL where the convolution reads one value alone */
    graph_value *const *parts; /* that are read, side by side along the channels */
    int count;
    int64_t channels, filters; /* in and out */
    double pixels;             /* of all images */
} pointwise;

/* An upsampling that leaves images and channels alone. */
typedef struct upsampling {
    graph_node *resize;
    int rank;
    op_resize_axis axes[ONYX_MAX_RANK];
    double pixels; /* that it reads */
} upsampling;

/* ---- what is looked for ---- */

static double pixels_of(const graph_value *value)
{
    return (double)graph_element_count(value) / (double)value->info.dims[1];
}

/* A convolution that can be taken apart: whatever is added to it already comes before its activation. */
static bool pointwise_conv(const graph_node *conv)
{
    const graph_value *bias = graph_input(conv, 2), *weights = graph_input(conv, 1);
    const conv_params *params = conv->params;
    op_window window;
    return graph_is_conv(conv) && conv->attribute_count <= MOST_CONV_ATTRIBUTES && conv->output_count == 1 &&
           params->group == 1 &&
           (!graph_input(conv, 3) || params->residual_before || params->activation.act == OP_ACT_NONE) &&
           weights->is_constant && graph_is_f32(weights) && (!bias || (bias->is_constant && graph_is_f32(bias))) &&
           graph_element_count(conv->inputs[0]) > 0 && graph_element_count(conv->outputs[0]) > 0 &&
           op_conv_geometry(params, &conv->inputs[0]->info, &weights->info, &window) && graph_is_point(&window);
}

static bool find_pointwise(graph_node *conv, pointwise *p)
{
    if (!pointwise_conv(conv))
        return false;
    graph_value *x = conv->inputs[0];
    *p = (pointwise){ .conv = conv,
                      .parts = &conv->inputs[0],
                      .count = 1,
                      .channels = x->info.dims[1],
                      .filters = conv->outputs[0]->info.dims[1],
                      .pixels = pixels_of(x) };
    graph_node *concat = graph_maker(x, "Concat");
    const int64_t axis = concat ? ((const axis_params *)concat->params)->axis : 0;
    if (!concat || (axis != 1 && axis + x->info.rank != 1))
        return true;
    for (int i = 0; i < concat->input_count; i++)
        if (!graph_shape_known(concat->inputs[i]))
            return true;
    p->concat = concat;
    p->parts = concat->inputs;
    p->count = concat->input_count;
    return true;
}

static bool find_upsampling(graph *g, const graph_value *value, upsampling *up)
{
    graph_node *resize = graph_maker(value, "Resize");
    const resize_params *params = resize ? resize->params : NULL;
    if (!resize || resize->output_count != 1 || !graph_is_f32(resize->inputs[0]) || value->info.rank < 3 ||
        graph_element_count(resize->inputs[0]) <= 0 || graph_element_count(value) <= 0 ||
        params->mode == OP_RESIZE_CUBIC)
        return false;
    const op_value *x = &resize->inputs[0]->info;
    *up = (upsampling){ .resize = resize, .rank = x->rank, .pixels = pixels_of(resize->inputs[0]) };
    if (!graph_resize_axes(g, resize, up->axes))
        return false;
    for (int i = 0; i < 2; i++)
        if (up->axes[i].out != up->axes[i].in || up->axes[i].scale != 1)
            return false;
    return up->pixels < pixels_of(value);
}

/* The same pixels of equally large pictures. */
static bool same_upsampling(const upsampling *a, const upsampling *b)
{
    const resize_params *p = a->resize->params, *q = b->resize->params;
    if (a->rank != b->rank || p->mode != q->mode || p->coordinates != q->coordinates || p->nearest != q->nearest ||
        p->antialias != q->antialias || p->exclude_outside != q->exclude_outside)
        return false;
    for (int i = 2; i < a->rank; i++)
        if (a->axes[i].in != b->axes[i].in || a->axes[i].out != b->axes[i].out || a->axes[i].scale != b->axes[i].scale)
            return false;
    return true;
}

static bool is_member(graph *g, const upsampling *up, const graph_value *part)
{
    upsampling other;
    return find_upsampling(g, part, &other) && same_upsampling(up, &other);
}

/* ---- what it brings ---- */

/* All that read the value are such convolutions, which will no longer need it. */
static bool only_pointwise(const graph_value *value)
{
    for (int i = 0; i < value->user_count; i++)
        if (value->users[i]->inputs[0] != value || !pointwise_conv(value->users[i]))
            return false;
    return value->output_uses == 0;
}

/* Multiply-adds saved by taking all parts upsampled like `up` out, less the time for moving data. */
static double gain(graph *g, const pointwise *p, const upsampling *up, bool *whole)
{
    const resize_params *params = up->resize->params;
    const graph_node *conv = p->conv;
    const bool concat_goes = only_pointwise(conv->inputs[0]);
    const double filters = (double)p->filters, added = graph_input(conv, 3) ? 4 : 2;
    double channels = 0, floats = 0;
    int members = 0;
    for (int i = 0; i < p->count; i++) {
        if (!is_member(g, up, p->parts[i]))
            continue;
        const double own = (double)p->parts[i]->info.dims[1];
        const bool goes = concat_goes && (!p->concat || graph_sole(p->parts[i]));
        floats -= own * (goes ? 2 * p->pixels + up->pixels : p->pixels);
        channels += own;
        members++;
    }
    *whole = members == p->count;
    if (*whole && (graph_input(conv, 3) ||
                   (params->mode != OP_RESIZE_NEAREST && graph_conv_activation(conv)->act != OP_ACT_NONE)))
        return -1;
    floats += *whole ? filters * 2 * up->pixels : filters * (added * p->pixels + 2 * up->pixels);
    if (!concat_goes && p->count - members > 1)
        floats += 2 * ((double)p->channels - channels) * p->pixels;
    return channels * filters * (p->pixels - up->pixels) - PER_BYTE * sizeof(float) * floats - PER_STEP;
}

/* The upsampling whose parts are best taken out of the convolution. */
static bool find_best(graph *g, const pointwise *p, upsampling *best, bool *whole)
{
    double most = 0;
    *whole = false;
    for (int i = 0; i < p->count; i++) {
        upsampling up;
        bool all;
        if (!find_upsampling(g, p->parts[i], &up))
            continue;
        const double here = gain(g, p, &up, &all);
        if (here > most) {
            most = here;
            *best = up;
            *whole = all;
        }
    }
    return most > 0;
}

/* ---- the new nodes ---- */

/* The parts side by side. */
static onyx_status join(graph *g, const pointwise *p, graph_value *const *parts, int count, graph_value **joined,
                        onyx_error *error)
{
    const op_attribute axis = attribute_int("axis", 1);
    *joined = count == 1 ? parts[0] : NULL;
    return count == 1 ? ONYX_OK
                      : graph_insert(g, p->conv, "", "Concat", p->concat->name, parts, count, &axis, 1, joined, error);
}

/* The members, without their upsampling, or the other parts; and the weights of these channels. */
static onyx_status take_parts(graph *g, const pointwise *p, const bool *member, bool members, graph_value *inputs[2],
                              onyx_error *error)
{
    graph_value *w = p->conv->inputs[1];
    graph_value **parts = arena_alloc(g->arena, sizeof(*parts) * (size_t)p->count);
    const float *from = graph_constant_f32(g, w);
    int64_t dims[ONYX_MAX_RANK];
    buffer *storage;
    float *data;
    int count = 0;
    if (!parts || !from)
        return status_no_memory(error, sizeof(*parts) * (size_t)p->count, "a Concat");
    memcpy(dims, w->info.dims, sizeof(*dims) * (size_t)w->info.rank);
    dims[1] = 0;
    for (int i = 0; i < p->count; i++) {
        if (member[i] != members)
            continue;
        dims[1] += p->parts[i]->info.dims[1];
        parts[count++] = members ? p->parts[i]->producer->inputs[0] : p->parts[i];
    }
    STATUS_TRY(graph_new_floats((size_t)(p->filters * dims[1]), &storage, &data, error));
    for (int64_t o = 0; o < p->filters; o++)
        for (int i = 0; i < p->count; i++) {
            const size_t channels = (size_t)p->parts[i]->info.dims[1];
            if (member[i] == members) {
                memcpy(data, from, channels * sizeof(*data));
                data += channels;
            }
            from += channels;
        }
    STATUS_TRY(graph_add_f32(g, w->name, w->info.rank, dims, storage, &inputs[1], error));
    return join(g, p, parts, count, &inputs[0], error);
}

/* A Resize's inputs for a value with so many channels. */
static onyx_status resize_inputs(graph *g, const graph_node *resize, graph_value *x, int64_t channels,
                                 graph_value *inputs[4], onyx_error *error)
{
    const resize_params *params = resize->params;
    int64_t sizes[ONYX_MAX_RANK];
    for (int i = 0; i < 4; i++)
        inputs[i] = i ? graph_input(resize, i) : x;
    const int count = graph_constant_ints(g, inputs[3], sizes, ONYX_MAX_RANK);
    for (int i = 0; i < count; i++) {
        const int64_t axis = params->axis_count ? params->axes[i] : i;
        if (axis == 1 || axis + x->info.rank == 1)
            sizes[i] = channels;
    }
    return count > 0 ? graph_add_ints(g, inputs[3]->name, sizes, count, &inputs[3], error) : ONYX_OK;
}

/* Resize(Conv(a)) for Conv(Resize(a)): all parts are upsampled alike. */
static onyx_status move_whole(graph *g, const pointwise *p, const upsampling *up, onyx_error *error)
{
    graph_node *conv = p->conv;
    graph_value **parts = arena_alloc(g->arena, sizeof(*parts) * (size_t)p->count);
    graph_value *inputs[4] = { NULL, conv->inputs[1], graph_input(conv, 2), NULL }, *y;
    if (!parts)
        return status_no_memory(error, sizeof(*parts) * (size_t)p->count, "a Concat");
    for (int i = 0; i < p->count; i++)
        parts[i] = p->parts[i]->producer->inputs[0];
    STATUS_TRY(join(g, p, parts, p->count, &inputs[0], error));
    STATUS_TRY(graph_insert_like(g, conv, inputs, &y, error));
    STATUS_TRY(resize_inputs(g, up->resize, y, p->filters, inputs, error));
    return graph_substitute(g, conv, "", "Resize", up->resize->name, inputs, up->resize->input_count,
                            up->resize->attributes, up->resize->attribute_count, NULL, error);
}

/* Resize(Conv(a)) of the members. */
static onyx_status insert_low(graph *g, const pointwise *p, const upsampling *up, const bool *member,
                              const op_attribute *attributes, int count, graph_value **result, onyx_error *error)
{
    graph_value *inputs[4] = { NULL }, *y = NULL;
    STATUS_TRY(take_parts(g, p, member, true, inputs, error));
    STATUS_TRY(graph_insert(g, p->conv, "", "Conv", p->conv->name, inputs, 2, attributes, count, &y, error));
    STATUS_TRY(resize_inputs(g, up->resize, y, p->filters, inputs, error));
    return graph_insert(g, p->conv, "", "Resize", up->resize->name, inputs, up->resize->input_count,
                        up->resize->attributes, up->resize->attribute_count, result, error);
}

static onyx_status take_out(graph *g, const pointwise *p, const upsampling *up, onyx_error *error)
{
    graph_node *conv = p->conv;
    op_attribute attributes[MOST_CONV_ATTRIBUTES + ACTIVATION_ATTRIBUTES + 1];
    int count = attributes_with_activation(conv, graph_conv_activation(conv), attributes);
    graph_value *inputs[4] = { NULL, NULL, graph_input(conv, 2), NULL }, *sum = graph_input(conv, 3), *both = NULL;
    bool *member = arena_alloc(g->arena, sizeof(*member) * (size_t)p->count);
    if (!member)
        return status_no_memory(error, sizeof(*member) * (size_t)p->count, "a Concat");
    for (int i = 0; i < p->count; i++)
        member[i] = is_member(g, up, p->parts[i]);
    STATUS_TRY(insert_low(g, p, up, member, attributes, count - ACTIVATION_ATTRIBUTES, &inputs[3], error));
    if (sum) {
        STATUS_TRY(graph_insert(g, conv, "", "Add", conv->name, (graph_value *[]){ sum, inputs[3] }, 2, NULL, 0, &both,
                                error));
        inputs[3] = both;
    }
    STATUS_TRY(take_parts(g, p, member, false, inputs, error));
    attributes[count++] = attribute_int("residual_before", 1);
    return graph_substitute(g, conv, OP_DOMAIN_ONYX, "FusedConv", conv->name, inputs, 4, attributes, count, NULL,
                            error);
}

onyx_status pass_up_conv(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    bool again = options->precision != ONYX_PRECISION_STRICT; /* sums come in another order */
    while (again) {                                           /* what has moved may move on */
        again = false;
        GRAPH_EACH_NODE(g, node)
        {
            pointwise p;
            upsampling up = { 0 };
            bool whole;
            if (!find_pointwise(node, &p) || !find_best(g, &p, &up, &whole))
                continue;
            STATUS_TRY(whole ? move_whole(g, &p, &up, error) : take_out(g, &p, &up, error));
            again = *changed = true;
        }
    }
    return ONYX_OK;
}
