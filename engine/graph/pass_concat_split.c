/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Concat, Split and Slice along one axis are ranges of each other. A run of a Concat's inputs that is all of one
 * tensor, in order, becomes that tensor (the C2f blocks of YOLO: Concat(split_0, split_1, more) -> Concat(x, more)); a
 * Concat in a Concat is flattened; a range of a Concat that lies in one of its inputs is a range of that input, also
 * where the Concat is transposed in between. */
#include "graph/passes.h"

#include <string.h>

#include "ops/shape.h"

static bool split_range(const graph_value *value, graph_range *r)
{
    const graph_node *split = value->producer;
    int axis;
    r->source = split->inputs[0];
    r->begin = 0;
    if (!axis_resolve(((const split_params *)split->params)->axis, value->info.rank, &axis))
        return false;
    for (int i = 0; i < value->producer_index; i++) {
        if (!split->outputs[i] || !graph_shape_known(split->outputs[i]))
            return false;
        r->begin += split->outputs[i]->info.dims[axis];
    }
    r->axis = axis;
    return true;
}

/* One axis is cut, all steps are one. */
static bool slice_range(graph *g, const graph_value *value, graph_range *r)
{
    const graph_node *slice = value->producer;
    const onyx_tensor *numbers[4] = { NULL };
    op_slice resolved;
    r->source = slice->inputs[0];
    r->axis = -1;
    for (int i = 0; i < 4; i++) {
        graph_value *input = graph_input(slice, 1 + i);
        numbers[i] = input ? graph_constant(g, input) : NULL;
        if (input && !numbers[i])
            return false;
    }
    if (!numbers[0] || !numbers[1] || !graph_shape_known(r->source) ||
        op_slice_resolve(r->source->info.rank, r->source->info.dims, numbers[0], numbers[1], numbers[2], numbers[3],
                         &resolved, NULL) != ONYX_OK)
        return false;
    for (int i = 0; i < r->source->info.rank; i++) {
        if (resolved.step[i] != 1)
            return false;
        if (resolved.length[i] == r->source->info.dims[i])
            continue;
        if (r->axis >= 0)
            return false;
        r->axis = i;
        r->begin = resolved.start[i];
    }
    return r->axis >= 0;
}

bool graph_range_of(graph *g, const graph_value *value, graph_range *r)
{
    const graph_node *node = value->producer;
    if (!node || !graph_shape_known(value) || value->info.kind != OP_KIND_TENSOR)
        return false;
    const bool known =
        graph_is(node, "Split") ? split_range(value, r) : graph_is(node, "Slice") && slice_range(g, value, r);
    if (!known || !graph_shape_known(r->source) || r->source->info.rank != value->info.rank)
        return false;
    r->length = value->info.dims[r->axis];
    return r->length > 0;
}

/* ---- Concat ---- */

/* How many inputs from `first` on are, together, all of one tensor; 0: none. */
static int whole_run(graph *g, graph_value *const *inputs, int count, int first, int axis, graph_value **source)
{
    graph_range r, next;
    if (!graph_range_of(g, inputs[first], &r) || r.axis != axis || r.begin != 0)
        return 0;
    for (int i = first + 1;; i++) {
        if (r.length == r.source->info.dims[axis]) {
            *source = r.source;
            return i - first;
        }
        if (i == count || !graph_range_of(g, inputs[i], &next) || next.source != r.source || next.axis != axis ||
            next.begin != r.length)
            return 0;
        r.length += next.length;
    }
}

static bool inner_concat(const graph_value *value, int rank, int axis)
{
    const graph_node *node = graph_maker(value, "Concat");
    int inner;
    return node && graph_sole(value) && axis_resolve(((const axis_params *)node->params)->axis, rank, &inner) &&
           inner == axis;
}

static onyx_status simplify_concat(graph *g, graph_node *node, bool *changed, onyx_error *error)
{
    const int rank = node->outputs[0]->info.rank;
    int axis, count = 0, total = 0;
    bool here = false, done = false;
    if (!axis_resolve(((const axis_params *)node->params)->axis, rank, &axis))
        return ONYX_OK;
    for (int i = 0; i < node->input_count; i++)
        total += inner_concat(node->inputs[i], rank, axis) ? node->inputs[i]->producer->input_count : 1;
    graph_value **inputs = arena_alloc(g->arena, sizeof(*inputs) * (size_t)(total + 1));
    if (!inputs)
        return status_no_memory(error, sizeof(*inputs) * (size_t)total, "a Concat");
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = node->inputs[i];
        const bool flatten = inner_concat(x, rank, axis);
        here |= flatten;
        for (int k = 0; k < (flatten ? x->producer->input_count : 1); k++)
            inputs[count++] = flatten ? x->producer->inputs[k] : x;
    }
    total = count;
    count = 0;
    for (int i = 0; i < total;) {
        graph_value *source;
        const int run = whole_run(g, inputs, total, i, axis, &source);
        inputs[count++] = run ? source : inputs[i];
        here |= run > 0;
        i += run ? run : 1;
    }
    if (!here)
        return ONYX_OK;
    if (count == 1)
        STATUS_TRY(graph_bypass(g, node, inputs[0], &done, error));
    *changed = true;
    if (done)
        return ONYX_OK;
    const op_attribute attribute = attribute_int("axis", axis);
    return graph_substitute(g, node, "", "Concat", node->name, inputs, count, &attribute, 1, NULL, error);
}

/* ---- ranges of a Concat, ranges of ranges ---- */

static onyx_status substitute_slice(graph *g, graph_node *node, const graph_range *r, onyx_error *error)
{
    graph_value *inputs[5] = { r->source };
    const int64_t numbers[4] = { r->begin, r->begin + r->length, r->axis, 1 };
    for (int i = 0; i < 4; i++)
        STATUS_TRY(graph_add_ints(g, node->name, &numbers[i], 1, &inputs[1 + i], error));
    return graph_substitute(g, node, "", "Slice", node->name, inputs, 5, NULL, 0, NULL, error);
}

/* The source is a Concat along the same axis and one of its inputs holds all of the range: now a range of that. */
static bool step_into_concat(graph_range *r)
{
    const graph_node *concat = graph_maker(r->source, "Concat");
    int axis;
    int64_t begin = 0;
    if (!concat || !axis_resolve(((const axis_params *)concat->params)->axis, r->source->info.rank, &axis) ||
        axis != r->axis)
        return false;
    for (int i = 0; i < concat->input_count; i++) {
        graph_value *part = concat->inputs[i];
        if (!graph_shape_known(part))
            return false;
        const int64_t end = begin + part->info.dims[axis];
        if (r->begin >= begin && r->begin + r->length <= end) {
            r->source = part;
            r->begin -= begin;
            return true;
        }
        begin = end;
    }
    return false;
}

/* All that read the value cut it. */
static bool only_cut(const graph_value *value)
{
    for (int i = 0; i < value->user_count; i++)
        if (!graph_is(value->users[i], "Split") && !graph_is(value->users[i], "Slice"))
            return false;
    return value->output_uses == 0;
}

/* The source is a Transpose of a Concat, and the range is one of its inputs: now the transposed input, so that nothing
 * is joined only to be cut again. */
static onyx_status transpose_part(graph *g, graph_node *node, graph_value *value, bool *changed, onyx_error *error)
{
    graph_range r;
    int rank, perm[ONYX_MAX_RANK];
    if (value->output_uses || !graph_range_of(g, value, &r))
        return ONYX_OK;
    graph_node *transpose = graph_maker(r.source, "Transpose");
    if (!transpose || !only_cut(r.source) || !graph_sole(transpose->inputs[0]) ||
        !graph_permutation(transpose, &rank, perm))
        return ONYX_OK;
    r.source = transpose->inputs[0];
    r.axis = perm[r.axis];
    if (!step_into_concat(&r) || r.begin != 0 || r.length != r.source->info.dims[r.axis])
        return ONYX_OK;
    graph_value *turned = NULL;
    *changed = true;
    STATUS_TRY(graph_insert(g, node, "", "Transpose", transpose->name, &r.source, 1, transpose->attributes,
                            transpose->attribute_count, &turned, error));
    STATUS_TRY(graph_replace_value(g, value, turned, error));
    graph_prune(g, node);
    return ONYX_OK;
}

static onyx_status simplify_range(graph *g, graph_node *node, graph_value *value, bool *changed, onyx_error *error)
{
    graph_range r, outer;
    bool moved = false, slice = graph_is(node, "Slice");
    if (!graph_range_of(g, value, &r))
        return ONYX_OK;
    for (bool again = true; again;) {
        again = step_into_concat(&r);
        if (slice && graph_range_of(g, r.source, &outer) && outer.axis == r.axis) {
            r.source = outer.source;
            r.begin += outer.begin;
            again = true;
        }
        moved |= again;
    }
    if (!moved)
        return ONYX_OK;
    if (r.begin == 0 && r.length == r.source->info.dims[r.axis]) {
        if (value->output_uses && (!r.source->producer || r.source->output_uses))
            return ONYX_OK;
        *changed = true;
        STATUS_TRY(graph_replace_value(g, value, r.source, error));
        graph_prune(g, node);
        return ONYX_OK;
    }
    if (!slice)
        return ONYX_OK;
    *changed = true;
    return substitute_slice(g, node, &r, error);
}

onyx_status pass_concat_split(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    GRAPH_EACH_NODE(g, node)
    {
        if (graph_is(node, "Concat") && graph_one_output(node))
            STATUS_TRY(simplify_concat(g, node, changed, error));
        const bool cuts = graph_is(node, "Split") || graph_is(node, "Slice");
        for (int i = 0; cuts && i < node->output_count && !node->removed; i++) {
            graph_value *value = node->outputs[i];
            if (value && graph_is_read(value))
                STATUS_TRY(simplify_range(g, node, value, changed, error));
            if (value && value->user_count && !node->removed && value->producer == node)
                STATUS_TRY(transpose_part(g, node, value, changed, error));
        }
    }
    return ONYX_OK;
}
