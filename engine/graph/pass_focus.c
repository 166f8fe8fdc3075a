/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Space to depth in front of a convolution (the Focus layer of YOLOv5 and YOLOX: four strided Slices and a Concat; or
 * SpaceToDepth; or Reshape, Transpose, Reshape) is part of that convolution: with blocks of b, a kernel of k x k at
 * stride s on the blocks is one of bk x bk at stride bs on the picture, whose weights are the same numbers in another
 * order. */
#include "graph/passes.h"

#include <string.h>

#define MAX_PARTS 64

/* Channels [i * c, (i + 1) * c) are picture[:, :, dy[i]::block, dx[i]::block]. */
typedef struct blocks {
    graph_value *picture;
    int block, parts;
    int dy[MAX_PARTS], dx[MAX_PARTS];
} blocks;

/* Offsets and steps of one or two Slices of a picture: false where they are anything but [:, :, dy::b, dx::b]. */
static bool strided_part(graph *g, graph_value *value, graph_value **picture, int *block, int *dy, int *dx)
{
    int64_t start[4] = { 0 }, step[4] = { 1, 1, 1, 1 };
    for (int depth = 0; depth < 2 && graph_maker(value, "Slice"); depth++) {
        const graph_node *slice = value->producer;
        const onyx_tensor *numbers[4] = { NULL };
        op_slice r;
        value = slice->inputs[0];
        for (int i = 0; i < 4 && graph_input(slice, 1 + i); i++)
            if (!(numbers[i] = graph_constant(g, slice->inputs[1 + i])))
                return false;
        if (!numbers[0] || !numbers[1] || !graph_shape_known(value) || value->info.rank != 4 ||
            op_slice_resolve(4, value->info.dims, numbers[0], numbers[1], numbers[2], numbers[3], &r, NULL) != ONYX_OK)
            return false;
        for (int i = 0; i < 4; i++) {
            if (r.step[i] < 1 || r.length[i] != (value->info.dims[i] - r.start[i] + r.step[i] - 1) / r.step[i])
                return false;
            start[i] = r.start[i] + start[i] * r.step[i];
            step[i] *= r.step[i];
        }
    }
    if (start[0] || start[1] || step[0] != 1 || step[1] != 1 || step[2] != step[3] || step[2] < 2 || step[2] > 8 ||
        start[2] >= step[2] || start[3] >= step[2] || value->info.rank != 4 || !graph_shape_known(value) ||
        value->info.dims[2] % step[2] || value->info.dims[3] % step[2])
        return false;
    *picture = value;
    *block = (int)step[2];
    *dy = (int)start[2];
    *dx = (int)start[3];
    return true;
}

static bool blocks_of_concat(graph *g, const graph_node *concat, blocks *b)
{
    const int64_t axis = ((const axis_params *)concat->params)->axis;
    if (concat->input_count < 2 || concat->input_count > MAX_PARTS || concat->outputs[0]->info.rank != 4 ||
        (axis != 1 && axis != -3))
        return false;
    for (int i = 0; i < concat->input_count; i++) {
        graph_value *picture;
        int block;
        if (!strided_part(g, concat->inputs[i], &picture, &block, &b->dy[i], &b->dx[i]) ||
            (i > 0 && (picture != b->picture || block != b->block)))
            return false;
        b->picture = picture;
        b->block = block;
    }
    b->parts = concat->input_count;
    return true;
}

/* All offsets, row by row. */
static bool regular_blocks(graph_value *picture, int64_t block, blocks *b)
{
    if (block < 2 || block * block > MAX_PARTS || picture->info.rank != 4 || !graph_shape_known(picture) ||
        picture->info.dims[2] % block || picture->info.dims[3] % block)
        return false;
    b->picture = picture;
    b->block = (int)block;
    b->parts = b->block * b->block;
    for (int i = 0; i < b->parts; i++) {
        b->dy[i] = i / b->block;
        b->dx[i] = i % b->block;
    }
    return true;
}

/* n c h w -> n c h/b b w/b b -> n b b c h/b w/b -> n cbb h/b w/b */
static bool blocks_of_reshapes(const graph_node *last, blocks *b)
{
    const graph_node *transpose = graph_maker(last->inputs[0], "Transpose");
    const graph_node *first = transpose ? graph_maker(transpose->inputs[0], "Reshape") : NULL;
    if (!first || !graph_is_transpose(transpose, 6, (const int[]){ 0, 3, 5, 1, 2, 4 }) ||
        !graph_shape_known(transpose->inputs[0]))
        return false;
    const int64_t *d = transpose->inputs[0]->info.dims;
    graph_value *picture = first->inputs[0];
    if (d[3] != d[5] || !regular_blocks(picture, d[3], b))
        return false;
    const int64_t *p = picture->info.dims, *out = last->outputs[0]->info.dims;
    return d[0] == p[0] && d[1] == p[1] && d[2] * d[3] == p[2] && d[4] * d[5] == p[3] &&
           last->outputs[0]->info.rank == 4 && out[0] == d[0] && out[1] == d[1] * d[3] * d[5] && out[2] == d[2] &&
           out[3] == d[4];
}

static bool blocks_of(graph *g, const graph_value *value, blocks *b)
{
    const graph_node *node = value->producer;
    if (!node || value->producer_index != 0 || !graph_sole(value))
        return false;
    if (graph_is(node, "Concat"))
        return blocks_of_concat(g, node, b);
    if (graph_is(node, "SpaceToDepth"))
        return regular_blocks(node->inputs[0], ((const space_params *)node->params)->block, b);
    return graph_is(node, "Reshape") && blocks_of_reshapes(node, b);
}

/* New weights [c_out][c][block * kh][block * kw]; taps that no part has are zero. */
static onyx_status spread_weights(graph *g, graph_value *weights, const blocks *b, graph_value **result,
                                  onyx_error *error)
{
    const float *w = graph_constant_f32(g, weights);
    const int64_t c_out = weights->info.dims[0], c = b->picture->info.dims[1];
    const int64_t kh = weights->info.dims[2], kw = weights->info.dims[3];
    const int64_t height = kh * b->block, width = kw * b->block, dims[4] = { c_out, c, height, width };
    size_t count;
    buffer *storage;
    float *data;
    if (!w || !size_count(dims, 4, &count))
        return status_no_memory(error, weights->constant.size_bytes, "weights");
    STATUS_TRY(graph_new_floats(count, &storage, &data, error));
    memset(data, 0, count * sizeof(*data));
    for (int64_t o = 0; o < c_out; o++)
        for (int i = 0; i < b->parts; i++)
            for (int64_t k = 0; k < c; k++)
                for (int64_t y = 0; y < kh; y++)
                    for (int64_t x = 0; x < kw; x++, w++)
                        data[((o * c + k) * height + y * b->block + b->dy[i]) * width + x * b->block + b->dx[i]] += *w;
    return graph_add_f32(g, weights->name, 4, dims, storage, result, error);
}

static onyx_status fold(graph *g, graph_node *conv, bool *changed, onyx_error *error)
{
    blocks b = { 0 };
    op_window window;
    int64_t channels;
    op_attribute attributes[MOST_CONV_ATTRIBUTES + WINDOW_ATTRIBUTES];
    const conv_params *params = conv->params;
    graph_value *x = conv->inputs[0], *w = conv->inputs[1];
    if (!graph_conv_constant(g, conv, &channels) || params->group != 1 ||
        conv->attribute_count > MOST_CONV_ATTRIBUTES || x->info.rank != 4 || !graph_shape_known(x) ||
        !blocks_of(g, x, &b) || !op_conv_geometry(params, &x->info, &w->info, &window) || window.dilation[0] != 1 ||
        window.dilation[1] != 1 || w->info.dims[1] != b.picture->info.dims[1] * b.parts)
        return ONYX_OK;
    for (int i = 0; i < 2; i++) {
        window.kernel[i] *= b.block;
        window.stride[i] *= b.block;
        window.pad_begin[i] *= b.block;
        window.pad_end[i] *= b.block;
    }
    const int count = attributes_with_window(g, conv, &window, attributes);
    if (count < 0)
        return status_no_memory(error, sizeof(window), "attributes");
    graph_value *inputs[4] = { b.picture, NULL, graph_input(conv, 2), graph_input(conv, 3) };
    STATUS_TRY(spread_weights(g, w, &b, &inputs[1], error));
    *changed = true;
    return graph_substitute(g, conv, conv->row->domain, conv->row->name, conv->name, inputs, conv->input_count,
                            attributes, count, NULL, error);
}

onyx_status pass_focus(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    if (graph_is_conv(node))
        STATUS_TRY(fold(g, node, changed, error));
    return ONYX_OK;
}
