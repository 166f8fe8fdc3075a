/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolutions over three dimensions are convolutions over two, for which there are fast kernels: one dimension becomes
 * a part of the batch, and the taps along it channels beside each other. Neighbouring dimensions along which the kernel
 * does nothing are one, and then nothing moves. Runs after everything that looks for convolutions. */
#include "graph/passes.h"

#include <string.h>

/* Taps side by side are copies of the input. */
enum { SPATIAL = 3, MOST_TAPS = 8 };

typedef struct conv_3d {
    graph_node *conv;
    op_window window;
    int64_t n, c, m; /* images, channels of input and output */
} conv_3d;

static bool untouched(const op_window *w, int axis)
{
    return w->kernel[axis] == 1 && w->stride[axis] == 1 && w->pad_begin[axis] == 0 && w->pad_end[axis] == 0;
}

static bool read_conv(graph *g, graph_node *node, conv_3d *v)
{
    if (!graph_is_conv(node) || node->attribute_count > MOST_CONV_ATTRIBUTES)
        return false;
    const graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
    if (x->info.rank != 2 + SPATIAL || w->info.rank != 2 + SPATIAL || !w->is_constant ||
        !graph_constant_f32(g, node->inputs[1]) || graph_element_count(x) <= 0 || graph_element_count(y) <= 0 ||
        graph_element_count(w) <= 0 || !op_conv_geometry(node->params, &x->info, &w->info, &v->window) ||
        graph_conv_grows(g, node))
        return false;
    v->conv = node;
    v->n = x->info.dims[0];
    v->c = x->info.dims[1];
    v->m = y->info.dims[1];
    return true;
}

/* The convolution over axes a and b in place of the one over three. */
static onyx_status insert_conv(graph *g, const conv_3d *v, int a, int b, graph_value *const *inputs, graph_value **y,
                               onyx_error *error)
{
    const op_window *w = &v->window;
    const op_window plane = { .spatial = 2,
                              .kernel = { w->kernel[a], w->kernel[b] },
                              .stride = { w->stride[a], w->stride[b] },
                              .dilation = { w->dilation[a], w->dilation[b] },
                              .pad_begin = { w->pad_begin[a], w->pad_begin[b] },
                              .pad_end = { w->pad_end[a], w->pad_end[b] } };
    op_attribute attributes[MOST_CONV_ATTRIBUTES + WINDOW_ATTRIBUTES];
    const int count = attributes_with_window(g, v->conv, &plane, attributes);
    if (count < 0)
        return status_no_memory(error, sizeof(plane), "attributes");
    return graph_insert(g, v->conv, v->conv->row->domain, v->conv->row->name, v->conv->name, inputs,
                        v->conv->input_count, attributes, count, y, error);
}

/* ---- two dims as one ---- */

/* The first of two neighbouring axes along which the kernel does nothing, or -1. */
static int joined_axis(const op_window *w)
{
    for (int i = SPATIAL - 2; i >= 0; i--)
        if (untouched(w, i) && untouched(w, i + 1))
            return i;
    return -1;
}

/* A tensor of rank 5 without a copy: dims 2 + axis and 3 + axis as one. */
static void join_shape(const int64_t *dims, int axis, int64_t *joined)
{
    joined[0] = dims[0];
    joined[1] = dims[1];
    joined[2] = axis == 0 ? dims[2] * dims[3] : dims[2];
    joined[3] = axis == 0 ? dims[4] : dims[3] * dims[4];
}

static onyx_status join_value(graph *g, const conv_3d *v, graph_value *x, int axis, graph_value **joined,
                              onyx_error *error)
{
    int64_t dims[4];
    join_shape(x->info.dims, axis, dims);
    return graph_insert_reshape(g, v->conv, x->name, x, 4, dims, joined, error);
}

static onyx_status join_dims(graph *g, const conv_3d *v, int axis, onyx_error *error)
{
    graph_node *conv = v->conv;
    graph_value *inputs[4] = { NULL, NULL, graph_input(conv, 2), NULL }, *y = NULL;
    int64_t dims[4];
    STATUS_TRY(join_value(g, v, conv->inputs[0], axis, &inputs[0], error));
    join_shape(conv->inputs[1]->info.dims, axis, dims);
    STATUS_TRY(graph_reshape_constant(g, conv->inputs[1], 4, dims, &inputs[1], error));
    if (graph_input(conv, 3))
        STATUS_TRY(join_value(g, v, conv->inputs[3], axis, &inputs[3], error));
    STATUS_TRY(insert_conv(g, v, 0, axis == 0 ? 2 : 1, inputs, &y, error));
    return graph_substitute_reshape(g, conv, y, 2 + SPATIAL, conv->outputs[0]->info.dims, error);
}

/* ---- one dim in the batch ---- */

/* The zeros of the padding along an axis are of moderate size. */
static bool fits_padding(const conv_3d *v, int axis)
{
    const op_window *w = &v->window;
    const int64_t most = MAX(w->pad_begin[axis], w->pad_end[axis]);
    return most == 0 ||
           (most < w->in[axis] && graph_element_count(v->conv->inputs[0]) / w->in[axis] <= MOST_FROM_SHAPES / most);
}

/* The axis that costs least to take out: none of the taps' copies, else the fewest; -1: too many. */
static int batched_axis(const conv_3d *v)
{
    const op_window *w = &v->window;
    int best = -1;
    for (int i = 0; i < SPATIAL; i++)
        if (w->kernel[i] <= MOST_TAPS && fits_padding(v, i) && (best < 0 || w->kernel[i] < w->kernel[best]))
            best = i;
    return best >= 0 && (w->kernel[best] == 1 || ((const conv_params *)v->conv->params)->group == 1) ? best : -1;
}

/* n, c, spatial to n, axis, c, the others. */
static onyx_status batch_first(graph *g, const conv_3d *v, graph_value *x, int axis, graph_value **y, onyx_error *error)
{
    const int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
    return graph_insert_transpose(g, v->conv, x->name, x, (int[]){ 0, 2 + axis, 1, 2 + a, 2 + b }, y, error);
}

static onyx_status add_zeros(graph *g, const conv_3d *v, const graph_value *x, int64_t count, graph_value **zeros,
                             onyx_error *error)
{
    const int64_t dims[2 + SPATIAL] = { v->n, count, x->info.dims[2], x->info.dims[3], x->info.dims[4] };
    const size_t elements = (size_t)(graph_element_count(x) / x->info.dims[1] * count);
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats(elements, &storage, &data, error));
    memset(data, 0, elements * sizeof(*data));
    return graph_add_f32(g, v->conv->name, 2 + SPATIAL, dims, storage, zeros, error);
}

/* Zeros before and behind the pictures of the batch. */
static onyx_status pad_batch(graph *g, const conv_3d *v, int axis, graph_value **x, onyx_error *error)
{
    const int64_t begin = v->window.pad_begin[axis], end = v->window.pad_end[axis];
    const op_attribute along = attribute_int("axis", 1);
    graph_value *parts[3] = { NULL }, *padded = NULL;
    int count = 0;
    if (begin > 0)
        STATUS_TRY(add_zeros(g, v, *x, begin, &parts[count++], error));
    parts[count++] = *x;
    if (end > 0 && end == begin)
        parts[count++] = parts[0];
    else if (end > 0)
        STATUS_TRY(add_zeros(g, v, *x, end, &parts[count++], error));
    if (count == 1)
        return ONYX_OK;
    STATUS_TRY(graph_insert(g, v->conv, "", "Concat", v->conv->name, parts, count, &along, 1, &padded, error));
    *x = padded;
    return ONYX_OK;
}

/* What tap `tap` reads: every stride-th of the batch from it on. */
static onyx_status tap_of(graph *g, const conv_3d *v, int axis, int64_t tap, graph_value *x, graph_value **y,
                          onyx_error *error)
{
    const op_window *w = &v->window;
    const int64_t begin = tap * w->dilation[axis], end = begin + (w->out[axis] - 1) * w->stride[axis] + 1;
    const int64_t numbers[4] = { begin, end, 1, w->stride[axis] };
    graph_value *inputs[5] = { x };
    if (begin == 0 && w->stride[axis] == 1 && end == x->info.dims[1]) {
        *y = x;
        return ONYX_OK;
    }
    for (int i = 0; i < 4; i++)
        STATUS_TRY(graph_add_ints(g, v->conv->name, &numbers[i], 1, &inputs[1 + i], error));
    return graph_insert(g, v->conv, "", "Slice", v->conv->name, inputs, 5, NULL, 0, y, error);
}

/* The input as pictures n * out, taps * c, the two other dims. */
static onyx_status unfold(graph *g, const conv_3d *v, int axis, graph_value **pictures, onyx_error *error)
{
    graph_value *x = NULL, *taps[MOST_TAPS] = { NULL };
    const int count = (int)v->window.kernel[axis];
    const op_attribute channels = attribute_int("axis", 2);
    STATUS_TRY(batch_first(g, v, v->conv->inputs[0], axis, &x, error));
    STATUS_TRY(pad_batch(g, v, axis, &x, error));
    for (int i = 0; i < count; i++)
        STATUS_TRY(tap_of(g, v, axis, i, x, &taps[i], error));
    x = taps[0];
    if (count > 1) {
        x = NULL;
        STATUS_TRY(graph_insert(g, v->conv, "", "Concat", v->conv->name, taps, count, &channels, 1, &x, error));
    }
    const int64_t dims[4] = { v->n * v->window.out[axis], v->c * count, x->info.dims[3], x->info.dims[4] };
    return graph_insert_reshape(g, v->conv, v->conv->name, x, 4, dims, pictures, error);
}

/* [m][taps * c][..] of weights [m][c][spatial]. */
static onyx_status unfold_weights(graph *g, graph_value *w, int axis, graph_value **flat, onyx_error *error)
{
    const int64_t *d = w->info.dims;
    const int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
    const int64_t taps = d[2 + axis], rows = d[2 + a], columns = d[2 + b], area = rows * columns;
    const int64_t step[SPATIAL] = { d[3] * d[4], d[4], 1 };
    const float *numbers = graph_constant_f32(g, w);
    buffer *storage;
    float *data;
    STATUS_TRY(graph_new_floats((size_t)graph_element_count(w), &storage, &data, error));
    for (int64_t i = 0; i < d[0] * taps * d[1]; i++) {
        const int64_t m = i / (taps * d[1]), tap = i / d[1] % taps, c = i % d[1];
        const float *from = numbers + (m * d[1] + c) * taps * area + tap * step[axis];
        for (int64_t k = 0; k < area; k++)
            data[i * area + k] = from[k / columns * step[a] + k % columns * step[b]];
    }
    return graph_add_f32(g, w->name, 4, (int64_t[]){ d[0], taps * d[1], rows, columns }, storage, flat, error);
}

static onyx_status move_to_batch(graph *g, const conv_3d *v, int axis, onyx_error *error)
{
    graph_node *conv = v->conv;
    const int a = axis == 0 ? 1 : 0, b = axis == 2 ? 1 : 2;
    const int64_t *out = v->window.out;
    const int64_t whole[2 + SPATIAL] = { v->n, out[axis], v->m, out[a], out[b] };
    const int64_t pictures[4] = { v->n * out[axis], v->m, out[a], out[b] };
    int back[2 + SPATIAL] = { 0, 2 };
    graph_value *inputs[4] = { NULL, NULL, graph_input(conv, 2), NULL }, *turned = NULL, *y = NULL, *cut = NULL;
    STATUS_TRY(unfold(g, v, axis, &inputs[0], error));
    STATUS_TRY(unfold_weights(g, conv->inputs[1], axis, &inputs[1], error));
    if (graph_input(conv, 3)) {
        STATUS_TRY(batch_first(g, v, conv->inputs[3], axis, &turned, error));
        STATUS_TRY(graph_insert_reshape(g, conv, conv->name, turned, 4, pictures, &inputs[3], error));
    }
    STATUS_TRY(insert_conv(g, v, a, b, inputs, &y, error));
    STATUS_TRY(graph_insert_reshape(g, conv, conv->name, y, 2 + SPATIAL, whole, &cut, error));
    back[2 + axis] = 1;
    back[2 + a] = 3;
    back[2 + b] = 4;
    return graph_substitute_transpose(g, conv, conv->name, cut, back, error);
}

onyx_status pass_conv_3d(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        conv_3d v;
        if (!read_conv(g, node, &v))
            continue;
        const int joined = joined_axis(&v.window), batched = batched_axis(&v);
        if (joined >= 0)
            STATUS_TRY(join_dims(g, &v, joined, error));
        else if (batched >= 0)
            STATUS_TRY(move_to_batch(g, &v, batched, error));
        else
            continue;
        *changed = true;
    }
    return ONYX_OK;
}
