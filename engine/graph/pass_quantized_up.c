/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A 1x1 convolution of bytes mixes the channels of each pixel, a nearest upsampling repeats pixels: what is read by way
 * of one (the necks of YOLO: QConv(Concat(Resize(a), b))) is multiplied before it, at a quarter of the pixels, and its
 * sums are added to those of the rest: QConv(b, ..., ConvInteger(a)). Exact, because sums are integers. */
#include "graph/pass_quantized.h"

#include <string.h>

/* Multiply-adds in the time of a byte that is written or read: 128 a cycle against 8 bytes. */
#define PER_BYTE 16.0
/* A step more, about a microsecond. */
#define PER_STEP 4e5

/* One part of a Concat that an upsampling makes: [lookup(]resize(x)[)]. */
typedef struct upsampled {
    graph_node *concat, *resize, *lookup; /* lookup: or NULL */
    int part;
    int64_t first, channels; /* of the Concat */
} upsampled;

/* ---- looking ---- */

static bool is_pointwise(graph *g, const graph_node *conv)
{
    op_window window;
    return graph_is_in(conv, OP_DOMAIN_ONYX, "QConv") && !graph_input(conv, 10) && graph_one_output(conv) &&
           ((const conv_params *)conv->params)->group == 1 && conv->inputs[3]->is_constant &&
           graph_constant(g, conv->inputs[3]) && graph_element_count(conv->outputs[0]) > 0 &&
           op_conv_geometry(conv->params, &conv->inputs[0]->info, &conv->inputs[3]->info, &window) &&
           graph_is_point(&window);
}

/* The Resize repeats each pixel equally often, side by side, and leaves images and channels alone. */
static bool repeats_pixels(graph *g, const graph_node *resize)
{
    const resize_params *params = resize->params;
    const op_value *x = &resize->inputs[0]->info;
    op_resize_axis axes[ONYX_MAX_RANK];
    if (params->mode != OP_RESIZE_NEAREST || x->rank < 3 || graph_element_count(resize->inputs[0]) <= 0 ||
        !graph_resize_axes(g, resize, axes))
        return false;
    for (int i = 0; i < x->rank; i++) {
        const int64_t times = axes[i].out / axes[i].in;
        if (axes[i].out != times * axes[i].in || (i < 2 && times != 1))
            return false;
        for (int64_t k = 0; k < axes[i].out; k++)
            if (op_resize_nearest_index(params, &axes[i], k) != k / times)
                return false;
    }
    return true;
}

static bool find_upsampled(graph *g, const graph_node *conv, upsampled *u)
{
    *u = (upsampled){ .concat = graph_maker(conv->inputs[0], "Concat") };
    if (!u->concat || u->concat->input_count < 2 || !graph_sole(conv->inputs[0]))
        return false;
    const int64_t axis = ((const axis_params *)u->concat->params)->axis;
    if (axis != 1 && axis + conv->inputs[0]->info.rank != 1)
        return false;
    int64_t first = 0;
    for (int i = 0; i < u->concat->input_count; i++) {
        const graph_value *value = u->concat->inputs[i];
        if (!graph_shape_known(value))
            return false;
        graph_node *lookup = graph_maker_in(value, OP_DOMAIN_ONYX, "QLookup");
        graph_node *resize = graph_maker(lookup ? lookup->inputs[0] : value, "Resize");
        const int64_t channels = value->info.dims[1];
        if (resize && channels > u->channels && repeats_pixels(g, resize)) {
            u->resize = resize;
            u->lookup = lookup;
            u->part = i;
            u->first = first;
            u->channels = channels;
        }
        first += channels;
    }
    return u->resize != NULL;
}

/* Multiply-adds saved, less the time for writing and reading the sums. */
static bool pays(const graph_node *conv, const upsampled *u)
{
    const op_value *y = &conv->outputs[0]->info;
    const double filters = (double)y->dims[1], pixels = (double)graph_element_count(conv->outputs[0]) / filters;
    const double low = (double)graph_element_count(u->resize->inputs[0]) / (double)u->channels;
    return (double)u->channels * filters * (pixels - low) > PER_BYTE * 8 * filters * low + PER_STEP;
}

/* ---- the new nodes ---- */

/* Weights of the channels [begin, end), or of all others, as a new constant. */
static onyx_status take_weights(graph *g, graph_value *weights, int64_t begin, int64_t end, bool others,
                                graph_value **value, onyx_error *error)
{
    const onyx_tensor *w = graph_constant(g, weights);
    const size_t filters = (size_t)w->dims[0], channels = (size_t)w->dims[1], from = (size_t)begin, to = (size_t)end;
    const size_t count = others ? channels - (to - from) : to - from;
    onyx_tensor taken = *w;
    char *data = arena_alloc(g->arena, filters * count);
    if (!data)
        return status_no_memory(error, filters * count, "a constant");
    taken.dims[1] = (int64_t)count;
    taken.data = data;
    taken.size_bytes = filters * count;
    for (size_t i = 0; i < filters; i++, data += count) {
        const char *row = (const char *)w->data + i * channels;
        if (!others) {
            memcpy(data, row + from, count);
            continue;
        }
        memcpy(data, row, from);
        memcpy(data + from, row + to, channels - to);
    }
    *value = graph_add_constant(g, weights->name, &taken, NULL);
    return *value ? ONYX_OK : status_no_memory(error, taken.size_bytes, "a constant");
}

/* What the Concat joins besides. */
static onyx_status join_rest(graph *g, graph_node *conv, const upsampled *u, graph_value **joined, onyx_error *error)
{
    const graph_node *concat = u->concat;
    const int count = concat->input_count - 1;
    graph_value **parts = arena_alloc(g->arena, sizeof(*parts) * (size_t)count);
    if (!parts)
        return status_no_memory(error, sizeof(*parts) * (size_t)count, "a Concat");
    for (int i = 0; i < count; i++)
        parts[i] = concat->inputs[i < u->part ? i : i + 1];
    *joined = count == 1 ? parts[0] : NULL;
    return count == 1 ? ONYX_OK
                      : graph_insert(g, conv, "", "Concat", concat->name, parts, count, concat->attributes,
                                     concat->attribute_count, joined, error);
}

static onyx_status take_out(graph *g, graph_node *conv, const upsampled *u, onyx_error *error)
{
    graph_value *inputs[11] = { NULL }, *parts[4] = { NULL };
    for (int i = 0; i < 10; i++)
        inputs[i] = graph_input(conv, i);
    if (u->lookup)
        STATUS_TRY(graph_insert(g, conv, OP_DOMAIN_ONYX, "QLookup", u->lookup->name,
                                (graph_value *[]){ u->resize->inputs[0], u->lookup->inputs[1] }, 2,
                                u->lookup->attributes, u->lookup->attribute_count, &parts[0], error));
    else
        parts[0] = u->resize->inputs[0];
    parts[2] = inputs[2];
    parts[3] = inputs[5];
    STATUS_TRY(take_weights(g, inputs[3], u->first, u->first + u->channels, false, &parts[1], error));
    STATUS_TRY(graph_insert(g, conv, "", "ConvInteger", conv->name, parts, 4, conv->attributes, conv->attribute_count,
                            &inputs[10], error));
    STATUS_TRY(take_weights(g, inputs[3], u->first, u->first + u->channels, true, &inputs[3], error));
    STATUS_TRY(join_rest(g, conv, u, &inputs[0], error));
    return graph_substitute(g, conv, OP_DOMAIN_ONYX, "QConv", conv->name, inputs, 11, conv->attributes,
                            conv->attribute_count, NULL, error);
}

onyx_status quantized_up(graph *g, bool *changed, onyx_error *error)
{
    GRAPH_EACH_NODE(g, node)
    {
        upsampled u;
        if (!is_pointwise(g, node) || !find_upsampled(g, node, &u) || !pays(node, &u))
            continue;
        STATUS_TRY(take_out(g, node, &u, error));
        *changed = true;
    }
    return ONYX_OK;
}
