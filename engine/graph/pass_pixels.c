/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Transformers with convolutions between their matrix products (SegFormer, PVT): rows of channels become pictures and
 * rows again. Rows are turned as pictures, where blocks of channels are made of them at once; and a product whose
 * result is turned into a picture, or that reads a picture's flattened channels, is a 1x1 convolution, whose chain with
 * its neighbours never leaves the cache. What is turned is then the smaller side of the product. */
#include "graph/passes.h"

/* As for the kernels of convolutions: with fewer channels, most of a block would be nothing. A Transpose of very few
 * channels, of an attention's heads, is worth more than that: convolutions of so few work on plain planes. */
enum { FEWEST_CHANNELS = 16, FEW_HEADS = 8 };

static const int to_picture[4] = { 0, 3, 1, 2 }, to_rows[4] = { 0, 2, 3, 1 };

/* n x c x h x w to n x h x w x c, or to n x h x c x w where the last two dims are swapped behind it */
static bool makes_rows(const graph_node *node, bool swapped)
{
    static const int half[4] = { 0, 2, 1, 3 };
    return graph_is_transpose(node, 4, swapped ? half : to_rows);
}

/* A Transpose to n x h x w x c that a Transpose behind `rows` would meet. */
static bool meets_turn(const graph_value *rows)
{
    const graph_node *maker = graph_sole(rows) ? rows->producer : NULL;
    if (maker && graph_is(maker, "Softmax") && graph_sole(maker->inputs[0]))
        maker = maker->inputs[0]->producer;
    return maker && makes_rows(maker, false);
}

static bool is_picture(const graph_value *x)
{
    return graph_is_f32(x) && x->info.rank == 4 && graph_element_count(x) > 0;
}

/* ---- rows, turned and cut into a picture ---- */

/* The Transpose that made n x c x m (or c x m of a single one) of rows, in front of a Reshape to n x c x h x w. */
static graph_node *flat_turn(const graph_node *reshape)
{
    static const int swap3[3] = { 0, 2, 1 }, swap2[2] = { 1, 0 };
    const graph_value *y = graph_output(reshape, 0), *flat = reshape->inputs[0];
    if (!graph_is(reshape, "Reshape") || !y || !is_picture(y) || !graph_sole(flat) || graph_element_count(flat) < 1)
        return NULL;
    const op_value *picture = &y->info;
    const int rank = flat->info.rank;
    if (!(rank == 3 ? graph_is_transpose(flat->producer, 3, swap3) : graph_is_transpose(flat->producer, 2, swap2)) ||
        picture->dims[0] != (rank == 3 ? flat->info.dims[0] : 1) || picture->dims[1] != flat->info.dims[rank - 2])
        return NULL;
    return flat->producer;
}

static onyx_status turn_picture(graph *g, graph_node *reshape, const graph_node *flat, bool *changed, onyx_error *error)
{
    const int64_t *picture = reshape->outputs[0]->info.dims;
    const int64_t dims[4] = { picture[0], picture[2], picture[3], picture[1] };
    graph_value *rows = NULL;
    STATUS_TRY(graph_insert_reshape(g, reshape, flat->name, flat->inputs[0], 4, dims, &rows, error));
    *changed = true;
    return graph_substitute_transpose(g, reshape, flat->name, rows, to_picture, error);
}

/* ---- products ---- */

/* A product with constant weights. */
static bool read_weighted(graph_node *node, graph_product *p)
{
    return node && graph_read_product(node, p) && p->b->is_constant && p->b->info.rank == 2 &&
           graph_shape_known(p->a) && graph_element_count(p->a) > 0 && graph_element_count(node->outputs[0]) > 0;
}

/* 1x1 weights: alpha * op(b) with outputs first. */
static onyx_status point_weights(graph *g, const graph_product *p, graph_value **weights, onyx_error *error)
{
    const float *b = graph_constant_f32(g, p->b);
    const int64_t ins = p->b->info.dims[p->trans_b], outs = p->b->info.dims[!p->trans_b];
    const int64_t dims[4] = { outs, ins, 1, 1 };
    buffer *storage;
    float *data;
    if (!b)
        return status_no_memory(error, p->b->constant.size_bytes, "weights");
    STATUS_TRY(graph_new_floats((size_t)(ins * outs), &storage, &data, error));
    for (int64_t o = 0; o < outs; o++)
        for (int64_t i = 0; i < ins; i++)
            data[o * ins + i] = (float)((double)(p->trans_b ? b[o * ins + i] : b[i * outs + o]) * p->alpha);
    return graph_add_f32(g, p->b->name, 4, dims, storage, weights, error);
}

/* The convolution of a picture that computes the product, in front of `before`. */
static onyx_status insert_point(graph *g, graph_node *before, const char *name, const graph_product *p,
                                graph_value *picture, graph_value **y, onyx_error *error)
{
    op_attribute attributes[ACTIVATION_ATTRIBUTES];
    graph_value *inputs[3] = { picture, NULL, p->bias };
    const bool fused = p->activation.act != OP_ACT_NONE;
    STATUS_TRY(point_weights(g, p, &inputs[1], error));
    attribute_activation(&p->activation, attributes);
    return graph_insert(g, before, fused ? OP_DOMAIN_ONYX : "", fused ? "FusedConv" : "Conv", name, inputs,
                        p->bias ? 3 : 2, attributes, fused ? ACTIVATION_ATTRIBUTES : 0, y, error);
}

/* The product of rows whose result this Transpose makes a picture: with at least as many channels, or between heads. */
static graph_node *turned_product(const graph_node *transpose, graph_product *p)
{
    graph_value *x = transpose->inputs[0];
    if (!is_picture(x))
        return NULL;
    while (graph_sole(x) && x->producer && (x->producer->row->flags & OP_VIEW) &&
           x->producer->inputs[0]->info.rank >= 2 &&
           x->producer->inputs[0]->info.dims[x->producer->inputs[0]->info.rank - 1] == x->info.dims[x->info.rank - 1])
        x = x->producer->inputs[0];
    if (!graph_sole(x) || !read_weighted(x->producer, p) || p->residual || p->trans_a)
        return NULL;
    const int64_t ins = p->b->info.dims[p->trans_b], outs = p->b->info.dims[!p->trans_b];
    const bool pixels = ins >= FEWEST_CHANNELS && ins <= outs;
    const bool heads = ins <= FEW_HEADS && outs <= FEW_HEADS && x == transpose->inputs[0] && meets_turn(p->a);
    return (pixels || heads) && outs == transpose->outputs[0]->info.dims[1] ? x->producer : NULL;
}

static onyx_status convolve_front(graph *g, graph_node *transpose, const graph_node *product, const graph_product *p,
                                  bool *changed, onyx_error *error)
{
    const int64_t *rows = transpose->inputs[0]->info.dims;
    const int64_t dims[4] = { rows[0], rows[1], rows[2], p->b->info.dims[p->trans_b] };
    graph_value *cut = NULL, *picture = NULL, *y = NULL;
    bool done;
    STATUS_TRY(graph_insert_reshape(g, transpose, product->name, p->a, 4, dims, &cut, error));
    STATUS_TRY(graph_insert_transpose(g, transpose, transpose->name, cut, to_picture, &picture, error));
    STATUS_TRY(insert_point(g, transpose, product->name, p, picture, &y, error));
    *changed = true;
    return graph_bypass(g, transpose, y, &done, error);
}

/* The picture whose channels a product reads, transposed: n x c x h x w for op(a) of n x h x w x c, or flattened to
 * n x c x m for op(a) of n x m x c. */
static graph_value *turned_picture(const graph_product *p)
{
    const graph_value *a = p->a;
    if (graph_sole(a) && a->producer && makes_rows(a->producer, p->trans_a))
        return a->producer->inputs[0];
    return p->trans_a ? graph_picture_of(a) : NULL;
}

/* The convolution's result has no more channels than the picture; a residual is added to its rows. */
static bool pays_back(const graph_product *p, const graph_value *picture, const graph_value *y)
{
    const int64_t channels = picture->info.dims[1];
    return (channels >= FEWEST_CHANNELS || (channels <= FEW_HEADS && !p->residual)) &&
           p->b->info.dims[!p->trans_b] <= channels &&
           (!p->residual || (p->activation.act == OP_ACT_NONE && graph_same_shape(p->residual, y)));
}

static onyx_status convolve_back(graph *g, graph_node *product, const graph_product *p, graph_value *picture,
                                 bool *changed, onyx_error *error)
{
    const op_value *shape = &product->outputs[0]->info;
    graph_value *y = NULL, *rows = NULL, *flat = NULL;
    STATUS_TRY(insert_point(g, product, product->name, p, picture, &y, error));
    STATUS_TRY(graph_insert_transpose(g, product, product->name, y, to_rows, &rows, error));
    *changed = true;
    if (!p->residual)
        return graph_substitute_reshape(g, product, rows, shape->rank, shape->dims, error);
    STATUS_TRY(graph_insert_reshape(g, product, product->name, rows, shape->rank, shape->dims, &flat, error));
    graph_value *inputs[2] = { flat, p->residual };
    return graph_substitute(g, product, "", "Add", product->name, inputs, 2, NULL, 0, NULL, error);
}

onyx_status pass_pixels(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        graph_product p;
        graph_node *flat = node->input_count ? flat_turn(node) : NULL;
        if (flat) {
            STATUS_TRY(turn_picture(g, node, flat, changed, error));
        } else if (graph_is_transpose(node, 4, to_picture)) {
            const graph_node *product = turned_product(node, &p);
            if (product)
                STATUS_TRY(convolve_front(g, node, product, &p, changed, error));
        } else if (read_weighted(node, &p)) {
            graph_value *picture = turned_picture(&p);
            if (picture && pays_back(&p, picture, node->outputs[0]))
                STATUS_TRY(convolve_back(g, node, &p, picture, changed, error));
        }
    }
    return ONYX_OK;
}
