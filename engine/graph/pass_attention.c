/* SPDX-License-Identifier: BSD-2-Clause
 *
 * softmax(alpha * factors * q * k^T + bias) * v becomes Attention, which never writes the scores, and reads q, k and v
 * where they lie before the reshapes, transposes and splits that exporters put in front; a Transpose behind is where it
 * writes. */
#include "graph/pass_attention.h"

#include <string.h>

#include "ops/shape.h"

enum { FEWEST_QUERIES = 8 }; /* with less, most of a vector's work would be for nothing */

/* A tensor's elements as they lie in another: an offset and a step for each of the dims, in elements of `source`; times
 * a factor, where one may be. */
typedef struct strided_view {
    graph_value *source;
    bool scaled;
    double factor;
    int rank;
    int64_t dims[ONYX_MAX_RANK], steps[ONYX_MAX_RANK], offset;
} strided_view;

static void contiguous(int rank, const int64_t *dims, int64_t *steps)
{
    int64_t step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        steps[i] = step;
        step *= dims[i];
    }
}

/* The view through a tensor x that was permuted: each step must stay within one dim of the permuted tensor. */
static bool through_transpose(const graph_node *transpose, strided_view *view)
{
    const op_value *x = &transpose->inputs[0]->info, *y = &transpose->outputs[0]->info;
    int rank, perm[ONYX_MAX_RANK];
    int64_t x_steps[ONYX_MAX_RANK], y_steps[ONYX_MAX_RANK], last[ONYX_MAX_RANK];
    strided_view moved = *view;
    if (!graph_permutation(transpose, &rank, perm))
        return false;
    contiguous(rank, x->dims, x_steps);
    contiguous(rank, y->dims, y_steps);
    int64_t offset = view->offset;
    moved.offset = 0;
    for (int j = 0; j < rank; j++) {
        last[j] = offset / y_steps[j];
        offset %= y_steps[j];
        moved.offset += last[j] * x_steps[perm[j]];
    }
    for (int i = 0; i < view->rank; i++) {
        int j = 0;
        if (view->dims[i] == 1 || view->steps[i] == 0)
            continue;
        while (j < rank && (y->dims[j] == 1 || view->steps[i] % y_steps[j] != 0))
            j++;
        if (j == rank)
            return false;
        const int64_t step = view->steps[i] / y_steps[j];
        last[j] += (view->dims[i] - 1) * step;
        if (last[j] >= y->dims[j])
            return false;
        moved.steps[i] = step * x_steps[perm[j]];
    }
    *view = moved;
    return true;
}

/* The view through a range of one axis: each step must stay within the range, or go over whole ranges. */
static bool through_range(const graph_range *range, strided_view *view)
{
    const op_value *x = &range->source->info;
    int64_t inner = 1, within = 0;
    for (int i = range->axis + 1; i < x->rank; i++)
        inner *= x->dims[i];
    const int64_t part = range->length * inner, whole = x->dims[range->axis] * inner;
    strided_view moved = *view;
    within = view->offset % part;
    moved.offset = view->offset / part * whole + within + range->begin * inner;
    for (int i = 0; i < view->rank; i++) {
        if (view->steps[i] % part == 0)
            moved.steps[i] = view->steps[i] / part * whole;
        else
            within += (view->dims[i] - 1) * view->steps[i];
    }
    if (within >= part)
        return false;
    *view = moved;
    return true;
}

/* One index of an axis by Gather: the range of length 1, its axis dropped. */
static bool index_range(graph *g, const graph_node *gather, graph_range *range)
{
    const graph_value *x = gather->inputs[0];
    int64_t index;
    int axis;
    if (!axis_resolve(((const axis_params *)gather->params)->axis, x->info.rank, &axis) ||
        gather->inputs[1]->info.rank != 0 || graph_constant_ints(g, gather->inputs[1], &index, 1) != 1)
        return false;
    index += index < 0 ? x->info.dims[axis] : 0;
    *range = (graph_range){ gather->inputs[0], axis, index, 1 };
    return index >= 0 && index < x->info.dims[axis];
}

/* One step back; false where the source is no view. *moves: it moves elements, or multiplies them by one number, which
 * saves a step of the program. */
static bool step_back(graph *g, strided_view *view, bool *moves)
{
    graph_node *maker = view->source->producer;
    graph_range range;
    double factor = 1;
    const int scaled = view->scaled && maker && graph_is(maker, "Mul") ? graph_with_scalar(g, maker, &factor) : -1;
    graph_value *x = maker && maker->input_count ? maker->inputs[MAX(scaled, 0)] : NULL;
    if (!x || !graph_is_f32(x) || !graph_shape_known(x) || graph_element_count(x) < 1)
        return false;
    if (graph_is(maker, "Transpose")) {
        if (!through_transpose(maker, view))
            return false;
    } else if (graph_range_of(g, view->source, &range) ||
               (graph_is(maker, "Gather") && index_range(g, maker, &range))) {
        if (!through_range(&range, view))
            return false;
    } else if ((scaled < 0 && !(maker->row->flags & OP_VIEW)) ||
               graph_element_count(x) != graph_element_count(view->source)) {
        return false;
    }
    view->factor *= factor;
    *moves = !(maker->row->flags & OP_VIEW);
    view->source = x;
    return true;
}

/* The last two dims of a view can be read by rows: one of them is contiguous. */
static bool readable(const strided_view *view)
{
    const int row = view->rank - 2, column = view->rank - 1;
    return view->dims[row] == 1 || view->dims[column] == 1 || view->steps[row] == 1 || view->steps[column] == 1;
}

static strided_view find_view(graph *g, graph_value *value, bool scaled)
{
    strided_view view = { .source = value, .scaled = scaled, .factor = 1, .rank = value->info.rank }, best;
    memcpy(view.dims, value->info.dims, sizeof(view.dims));
    contiguous(view.rank, view.dims, view.steps);
    best = view;
    for (bool moves; step_back(g, &view, &moves);)
        if (moves && readable(&view))
            best = view;
    return best;
}

/* offset, a step for each dim of the batch (0 where it is broadcast), from row to row, from column to column. */
static bool write_steps(graph *g, const char *name, const strided_view *view, int batch_rank, bool swap,
                        op_attribute *attribute)
{
    int64_t ints[3 + ONYX_MAX_RANK] = { view->offset };
    const int lead = batch_rank - (view->rank - 2);
    for (int i = lead; i < batch_rank; i++)
        ints[1 + i] = view->dims[i - lead] == 1 ? 0 : view->steps[i - lead];
    ints[1 + batch_rank] = view->steps[view->rank - (swap ? 1 : 2)];
    ints[2 + batch_rank] = view->steps[view->rank - (swap ? 2 : 1)];
    return attribute_ints(g, name, ints, 3 + batch_rank, attribute);
}

/* What stands around the softmax: y = weights * v or v^T * weights^T. */
typedef struct attention {
    attention_scores scores;
    graph_product result;
    graph_node *softmax;
    graph_value *weights; /* the softmax, or what follows, as the second product reads it */
    bool swapped;         /* the result is transposed */
    bool zeros;           /* instead of what is no number in the softmax, as PyTorch exports it */
} attention;

static graph_node *softmax_behind(graph *g, graph_value *weights, attention *found)
{
    const graph_node *where = graph_maker(weights, "Where"),
                     *is_nan = where ? graph_maker(where->inputs[0], "IsNaN") : NULL;
    double number;
    found->zeros = is_nan && where->inputs[2] == is_nan->inputs[0];
    if (!found->zeros)
        return graph_sole(weights) ? graph_maker(weights, "Softmax") : NULL;
    const graph_value *softmax = where->inputs[2];
    return graph_sole(weights) && graph_sole(where->inputs[0]) && softmax->user_count == 2 &&
                   softmax->output_uses == 0 && graph_uniform(g, where->inputs[1], &number) && number == 0 &&
                   graph_same_shape(softmax, weights)
               ? graph_maker(softmax, "Softmax")
               : NULL;
}

/* What a Reshape of the batch alone, that nobody else reads, is made of. */
static graph_value *unsplit(graph_value *weights)
{
    const graph_node *maker = graph_sole(weights) ? weights->producer : NULL;
    return maker && graph_one_output(maker) && attention_keeps_matrices(maker) ? maker->inputs[0] : weights;
}

static bool match(graph *g, const graph_node *node, attention *found)
{
    if (!attention_plain_product(node, &found->result) || found->result.alpha != 1)
        return false;
    const graph_product *r = &found->result;
    found->weights = r->a;
    found->softmax = softmax_behind(g, unsplit(r->a), found);
    found->swapped = !found->softmax || r->trans_a;
    if (found->swapped) {
        found->weights = r->b;
        found->softmax = softmax_behind(g, unsplit(r->b), found);
        if (!found->softmax || !r->trans_b)
            return false;
    }
    const softmax_params *params = found->softmax->params;
    const graph_value *weights = found->weights;
    const int rank = weights->info.rank;
    return r->a != r->b && !params->flatten &&
           (params->axis == -1 || params->axis == found->softmax->outputs[0]->info.rank - 1) &&
           rank == node->outputs[0]->info.rank && weights->info.dims[rank - 2] >= FEWEST_QUERIES &&
           attention_read_scores(found->softmax->inputs[0], weights, &found->scores) &&
           graph_element_count(found->scores.product.a) > 0 && /* the sums are over something */
           memcmp(weights->info.dims, node->outputs[0]->info.dims, sizeof(int64_t) * (size_t)(rank - 2)) == 0 &&
           attention_terms_fit(&found->scores);
}

/* How y lies in the output of `behind`, a Transpose; false where it is none that can be written by rows. */
static bool written_by(const graph_node *behind, strided_view *out)
{
    int rank, perm[ONYX_MAX_RANK];
    int64_t steps[ONYX_MAX_RANK];
    if (!behind || !graph_is(behind, "Transpose") || !graph_permutation(behind, &rank, perm))
        return false;
    contiguous(rank, behind->outputs[0]->info.dims, steps);
    for (int i = 0; i < rank; i++)
        out->steps[perm[i]] = steps[i];
    return readable(out);
}

/* y: the result of the second product; last: this product, or the Transpose behind it. */
static onyx_status fuse(graph *g, const attention *found, const graph_value *y, const strided_view *out,
                        graph_node *last, bool *changed, onyx_error *error)
{
    const graph_product *s = &found->scores.product, *r = &found->result;
    const strided_view q = find_view(g, s->a, true), k = find_view(g, s->b, true),
                       v = find_view(g, found->swapped ? r->a : r->b, false);
    const bool v_swapped = found->swapped ? !r->trans_a : r->trans_b;
    const op_value *scores = &found->weights->info, *shape = &last->outputs[0]->info;
    const int batch = y->info.rank - 2;
    int64_t dims[4 + ONYX_MAX_RANK];
    memcpy(dims, y->info.dims, sizeof(*dims) * (size_t)batch);
    dims[batch] = scores->dims[batch];
    dims[batch + 1] = scores->dims[batch + 1];
    dims[batch + 2] = s->a->info.dims[s->a->info.rank - (s->trans_a ? 2 : 1)];
    dims[batch + 3] = y->info.dims[y->info.rank - (found->swapped ? 2 : 1)];
    op_attribute attributes[8] = { attribute_float("alpha", (float)(s->alpha * q.factor * k.factor)) };
    attributes[7] = attribute_int("zeros", found->zeros);
    if (!attribute_ints(g, "dims", dims, batch + 4, &attributes[1]) ||
        !attribute_ints(g, "shape", shape->dims, shape->rank, &attributes[2]) ||
        !write_steps(g, "q", &q, batch, s->trans_a, &attributes[3]) ||
        !write_steps(g, "k", &k, batch, !s->trans_b, &attributes[4]) ||
        !write_steps(g, "v", &v, batch, v_swapped, &attributes[5]) ||
        !write_steps(g, "y", out, batch, found->swapped, &attributes[6]))
        return status_no_memory(error, sizeof(dims), "attributes");
    graph_value *inputs[5] = { q.source, k.source, v.source };
    STATUS_TRY(attention_add_terms(g, &found->scores, found->softmax, &inputs[3], &inputs[4], error));
    *changed = true;
    return graph_substitute(g, last, OP_DOMAIN_ONYX, "Attention", found->softmax->name, inputs,
                            inputs[4]   ? 5
                            : inputs[3] ? 4
                                        : 3,
                            attributes, 8, NULL, error);
}

/* By its last node: the second product, or a Transpose that alone reads it. */
static onyx_status try_last(graph *g, graph_node *last, bool *changed, onyx_error *error)
{
    const bool moved = graph_is(last, "Transpose") && graph_sole(last->inputs[0]);
    const graph_node *product = moved ? last->inputs[0]->producer : last;
    attention found = { 0 };
    if (!product || !match(g, product, &found))
        return ONYX_OK;
    const graph_value *y = product->outputs[0];
    strided_view out = { .rank = y->info.rank }, behind;
    memcpy(out.dims, y->info.dims, sizeof(out.dims));
    contiguous(out.rank, out.dims, out.steps);
    behind = out;
    if (written_by(moved ? last : graph_single_user(y), &behind) != moved)
        return ONYX_OK; /* this product's turn comes with the Transpose, or has been */
    return fuse(g, &found, y, moved ? &behind : &out, last, changed, error);
}

onyx_status pass_attention(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (graph_output(node, 0))
            STATUS_TRY(try_last(g, node, changed, error));
    }
    return ONYX_OK;
}
