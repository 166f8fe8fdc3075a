/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Patches of transformers: a convolution whose windows lie side by side, and a Transpose to rows of channels behind it.
 * With every patch gathered in a row, it is a matrix product. */
#include "graph/passes.h"

/* On a picture of a few channels, whole rows of pixels, a direct convolution takes 19 ps for 2 operations, a product 12
 * (AVX-512, 16x16 windows of 3 channels to 192: 106 and 168 GFLOP/s). An element of a patch costs 250 ps to gather, and
 * each run of them within a row of pixels 1.5 ns. */
static bool pays(int64_t picture_channels, int64_t channels, int64_t run)
{
    const double saved = 7e-3 * (double)channels, gathered = 0.25 + 1.5 / (double)run;
    return picture_channels <= 4 && saved > 1.5 * gathered;
}

/* Convolutions without overlap, padding and rest, followed by a Transpose to n x h x w x c alone. */
static graph_node *convolution_of(graph *g, const graph_node *transpose, op_window *window)
{
    int64_t channels;
    if (!graph_is_transpose(transpose, 4, (const int[]){ 0, 2, 3, 1 }) || !graph_sole(transpose->inputs[0]))
        return NULL;
    graph_node *conv = graph_maker(transpose->inputs[0], "Conv");
    const graph_value *x = conv ? conv->inputs[0] : NULL;
    if (!conv || !graph_conv_constant(g, conv, &channels) || ((const conv_params *)conv->params)->group != 1 ||
        !graph_is_f32(x) || graph_element_count(x) < 1 || x->info.rank != 4 ||
        !op_conv_geometry(conv->params, &x->info, &conv->inputs[1]->info, window))
        return NULL;
    for (int i = 0; i < 2; i++)
        if (window->kernel[i] != window->stride[i] || window->dilation[i] != 1 || window->pad_begin[i] ||
            window->pad_end[i] || window->in[i] != window->kernel[i] * window->out[i])
            return NULL;
    return pays(x->info.dims[1], channels, window->kernel[1]) ? conv : NULL;
}

static onyx_status multiply_patches(graph *g, graph_node *last, const graph_node *conv, const op_window *w,
                                    onyx_error *error)
{
    graph_value *x = conv->inputs[0], *split = NULL, *turned = NULL, *patches = NULL, *weights = NULL;
    const int64_t n = x->info.dims[0], c = x->info.dims[1];
    const int64_t dims[6] = { n, c, w->out[0], w->kernel[0], w->out[1], w->kernel[1] };
    const int64_t flat[2] = { conv->inputs[1]->info.dims[0], c * w->kernel[0] * w->kernel[1] };
    const int64_t rows[4] = { n, w->out[0], w->out[1], c * w->kernel[0] * w->kernel[1] };
    const op_attribute transposed = attribute_int("trans_b", 1);
    STATUS_TRY(graph_reshape_constant(g, conv->inputs[1], 2, flat, &weights, error));
    STATUS_TRY(graph_insert_reshape(g, last, conv->name, x, 6, dims, &split, error));
    STATUS_TRY(graph_insert_transpose(g, last, conv->name, split, (const int[]){ 0, 2, 4, 1, 3, 5 }, &turned, error));
    STATUS_TRY(graph_insert_reshape(g, last, conv->name, turned, 4, rows, &patches, error));
    graph_value *inputs[3] = { patches, weights, graph_input(conv, 2) };
    return graph_substitute(g, last, OP_DOMAIN_ONYX, "FusedMatMul", conv->name, inputs, inputs[2] ? 3 : 2, &transposed,
                            1, NULL, error);
}

onyx_status pass_patches(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        op_window window;
        const graph_node *conv = convolution_of(g, node, &window);
        if (!conv)
            continue;
        *changed = true;
        STATUS_TRY(multiply_patches(g, node, conv, &window, error));
    }
    return ONYX_OK;
}
