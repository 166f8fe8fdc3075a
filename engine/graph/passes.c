/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of passes, in the order in which they run, and the loop over it. */
#include "graph/passes.h"

#include <string.h>

/* Activations are looked for before constants move into convolutions: the division by 6 of a HardSwish would. */
static const graph_pass table[] = {
    { "dead", "removes nodes whose results nobody reads", pass_dead },
    { "shapes", "makes the shapes of values constants, and folds what follows from them", pass_shapes },
    { "identity", "removes nodes that change nothing; merges chains of Reshape, Squeeze, Flatten, Cast",
      pass_identity },
    { "common", "computes equal expressions once", pass_common },
    { "float16", "computes float16 and bfloat16 graphs in float32; inputs and outputs keep their types", pass_float16 },
    { "einsum", "writes Einsum as transposes and matrix products", pass_einsum },
    { "sdpa", "writes the operator Attention as products and Softmax", pass_sdpa },
    { "layout", "computes with channels first where pictures have them last, if that saves transposes", pass_layout },
    { "canonical", "writes rare forms of an operation as the usual one", pass_canonical },
    { "pad", "puts padding into the convolutions and pools behind it", pass_pad },
    { "activations", "recognises SiLU, HardSwish, GELU, Mish and relatives in their parts", pass_activations },
    { "layer_norm", "recognises LayerNormalization in its parts", pass_layer_norm },
    { "group_norm", "recognises GroupNormalization in its parts", pass_group_norm },
    { "quantized", "computes quantised graphs on bytes: convolutions, products, tables, moves", pass_quantized },
    { "conv_bn", "puts BatchNormalization into the weights before it", pass_conv_bn },
    { "conv_scale", "puts constant factors and summands around a convolution into it", pass_conv_scale },
    { "conv_sum", "makes sums of convolutions of one value a single convolution", pass_conv_sum },
    { "conv_transpose", "makes transposed convolutions of whole strides others, and DepthToSpace",
      pass_conv_transpose },
    { "transpose", "removes, merges and moves Transposes", pass_transpose },
    { "concat_split", "removes Concats, Splits and Slices that undo each other", pass_concat_split },
    { "gather", "reads whole rows at once where their elements have one index", pass_gather },
    { "shuffle", "recognises channel shuffles", pass_shuffle },
    { "focus", "makes a space-to-depth in front of a convolution part of it", pass_focus },
    { "dfl", "computes the box distribution of YOLO heads without transposing it", pass_dfl },
    { "act_up", "moves activations behind Reshape and Concat up to their convolutions", pass_act_up },
    { "columns", "computes on a part of the columns in place, without Split and Concat", pass_columns },
    { "matmul", "puts transposes, factors, bias and activation into matrix products", pass_matmul },
    { "attention", "computes attention at once, on queries, keys and values where they lie", pass_attention },
    { "conv_act", "puts activations into the convolutions before them", pass_conv_act },
    { "conv_add", "puts residual additions into the convolutions before them", pass_conv_add },
    { "siblings", "makes convolutions of one value a single one where it is then read less", pass_siblings },
    { "up_conv", "computes 1x1 convolutions before upsampling, not behind it", pass_up_conv },
    { "pixels", "makes products between rows and pictures 1x1 convolutions", pass_pixels },
    { "rows", "transposes pictures themselves instead of their flattened form", pass_rows },
    { "patches", "makes convolutions over patches of a picture matrix products", pass_patches },
    { "channel_affine", "makes a factor and a summand for each channel one convolution", pass_channel_affine },
    { "conv_trim", "drops rows and columns of kernels that meet padding alone", pass_conv_trim },
    { "pools", "computes larger maximum pools of a value from smaller ones", pass_pools },
    { "conv_3d", "makes convolutions over three dimensions those over two", pass_conv_3d },
    { "conv_1d", "makes convolutions over one dimension those over two", pass_conv_1d },
};

const graph_pass *graph_passes(int *count)
{
    *count = (int)ARRAY_LENGTH(table);
    return table;
}

/* `name` stands in the comma-separated list. */
static bool listed(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (const char *at = list; at && *at;) {
        const char *comma = strchr(at, ',');
        size_t part = comma ? (size_t)(comma - at) : strlen(at);
        while (part && *at == ' ')
            at++, part--;
        while (part && at[part - 1] == ' ')
            part--;
        if (part == length && memcmp(at, name, length) == 0)
            return true;
        at = comma ? comma + 1 : NULL;
    }
    return false;
}

static onyx_status run_pass(graph *g, const graph_pass *pass, const graph_pass_options *options, bool *changed,
                            onyx_error *error)
{
    bool here = false, dead = false;
    onyx_status status = pass->run(g, options, &here, error);
    if (status == ONYX_OK && here && !listed(options->disabled, "dead"))
        status = pass_dead(g, options, &dead, error);
#ifndef NDEBUG
    if (status == ONYX_OK)
        status = graph_check(g, error);
#endif
    if (status != ONYX_OK)
        return status_context(error, status, "pass %s", pass->name);
    *changed |= here;
    return ONYX_OK;
}

/* Passes enable each other: what a later one merges, an earlier one may see anew. A graph settles in two or three
 * rounds; the bound keeps a strange one from taking longer. */
#define ROUNDS 4

onyx_status graph_optimise(graph *g, const graph_pass_options *options, onyx_error *error)
{
    static const graph_pass_options none = { 0 };
    bool changed = true;
    if (!options)
        options = &none;
    for (int round = 0; round < ROUNDS && changed; round++) {
        changed = false;
        for (size_t i = 0; i < ARRAY_LENGTH(table); i++)
            if (!listed(options->disabled, table[i].name))
                STATUS_TRY(run_pass(g, &table[i], options, &changed, error));
    }
    return ONYX_OK;
}
