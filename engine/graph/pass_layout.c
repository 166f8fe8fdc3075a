/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Exporters of frameworks whose pictures have the channels last (TensorFlow, TFLite) put a Transpose in front of every
 * convolution and another behind it, and cancel what they can. What is left between two such Transposes, be it padding,
 * sums, squeezed and excited channels or a whole part of the network, is computed with the channels first where that
 * moves fewer bytes than the Transposes around it do: an area of nodes at a time. Each node of the area becomes
 * transpose_to_last(node(transpose_to_first(x), ...)), where one undoes the other. */
#include "graph/passes.h"

#include <stdlib.h>

#include "base/types.h"

enum {
    MOST_INPUTS = 16,
    MOST_ATTRIBUTES = 8,
    MOST_NODES = 4096,  /* of an area; a bound of what one look costs */
    MOST_TRIMMED = 128, /* nodes of an area whose edge is looked at node by node */
};

/* ---- orders of dims: first is [0, r-1, 1, ..., r-2], last [0, 2, ..., r-1, 1] ---- */

static int first_axis(int last_axis, int rank)
{
    return last_axis == 0 ? 0 : last_axis == rank - 1 ? 1 : last_axis + 1;
}

static const int *turn_perm(int rank, bool to_first, int perm[ONYX_MAX_RANK])
{
    for (int i = 0; i < rank; i++)
        perm[to_first ? first_axis(i, rank) : i] = to_first ? i : first_axis(i, rank);
    return perm;
}

/* The node is a Transpose to the order with channels first, or last. */
static bool is_turn(const graph_node *node, bool to_first)
{
    int perm[ONYX_MAX_RANK];
    const int rank = node && node->input_count && node->inputs[0] ? node->inputs[0]->info.rank : -1;
    return rank >= 4 && graph_is_transpose(node, rank, turn_perm(rank, to_first, perm));
}

/* ---- which nodes ---- */

enum { NOT_MOVED, ELEMENTWISE, QUANTIZE, PAD, CONCAT, SOFTMAX, REDUCE, SLICE };

static int kind_of(const graph_node *node)
{
    static const struct {
        const char *op;
        int kind;
    } kinds[] = {
        { "QuantizeLinear", QUANTIZE },
        { "DequantizeLinear", QUANTIZE },
        { "Pad", PAD },
        { "Concat", CONCAT },
        { "Softmax", SOFTMAX },
        { "LogSoftmax", SOFTMAX },
        { "ReduceMean", REDUCE },
        { "ReduceSum", REDUCE },
        { "ReduceMax", REDUCE },
        { "ReduceMin", REDUCE },
        { "Slice", SLICE },
    };
    if (node->row->flags & OP_ELEMENTWISE)
        return ELEMENTWISE;
    for (size_t i = 0; i < ARRAY_LENGTH(kinds); i++)
        if (graph_is(node, kinds[i].op))
            return kinds[i].kind;
    return NOT_MOVED;
}

/* A constant that broadcasts: one number, or one for each channel, which is its last dim. */
static bool is_channels(const graph_value *c, int rank)
{
    if (!c->is_constant || c->info.rank > rank)
        return false;
    for (int i = 0; i < c->info.rank - 1; i++)
        if (c->info.dims[i] != 1)
            return false;
    return true;
}

static bool is_picture(const graph_value *value, int rank)
{
    return value && !value->is_constant && value->info.kind == OP_KIND_TENSOR && value->info.rank == rank &&
           graph_element_count(value) > 0;
}

static bool constant_axes(graph *g, const graph_node *node, int index)
{
    int64_t axes[ONYX_MAX_RANK];
    return !graph_input(node, index) || graph_constant_ints(g, node->inputs[index], axes, ONYX_MAX_RANK) >= 0;
}

/* What remains of a picture of which height and width are gone: the order of the rest is the same. */
static bool drops_space(graph *g, const graph_node *node, int rank)
{
    bool axes[ONYX_MAX_RANK];
    if (graph_reduce_axes(g, node, axes) != rank - 2)
        return false;
    return !axes[0] && !axes[rank - 1];
}

static bool can_move(graph *g, const graph_node *node, int rank)
{
    int64_t pads[2 * ONYX_MAX_RANK];
    const int kind = kind_of(node);
    if (kind == NOT_MOVED || !graph_one_output(node) || node->input_count < 1 || node->input_count > MOST_INPUTS ||
        node->attribute_count > MOST_ATTRIBUTES)
        return false;
    int pictures = 0;
    for (int i = 0; i < node->input_count; i++) {
        const graph_value *x = node->inputs[i];
        const bool operand = i == 0 || kind == ELEMENTWISE || kind == CONCAT;
        pictures += x && operand && is_picture(x, rank);
        if (x && operand && !is_picture(x, rank) && (kind != ELEMENTWISE || !is_channels(x, rank)))
            return false;
        if (x && kind == QUANTIZE && i > 0 && graph_element_count(x) != 1)
            return false;
    }
    if (!pictures)
        return false;
    bool axes[ONYX_MAX_RANK];
    switch (kind) {
    case PAD:
        return graph_input(node, 3) ? constant_axes(g, node, 3)
                                    : graph_constant_ints(g, node->inputs[1], pads, ARRAY_LENGTH(pads)) == 2 * rank;
    case SOFTMAX:
        return !((const softmax_params *)node->params)->flatten;
    case REDUCE:
        return graph_reduce_axes(g, node, axes) > 0 &&
               (((const reduce_params *)node->params)->keepdims || drops_space(g, node, rank));
    case SLICE: /* without axes the starts tell how many there are */
        return constant_axes(g, node, 3) && constant_axes(g, node, 1);
    default:
        return node->outputs[0]->info.rank == rank;
    }
}

/* Of the pictures. */
static int rank_of(const graph_node *node)
{
    return (kind_of(node) == ELEMENTWISE ? node->outputs[0] : node->inputs[0])->info.rank;
}

/* ---- the same node, channels first ---- */

static onyx_status constant_first(graph *g, graph_value *c, int rank, graph_value **turned, onyx_error *error)
{
    int64_t dims[ONYX_MAX_RANK];
    *turned = c;
    if (graph_element_count(c) == 1)
        return ONYX_OK;
    for (int i = 0; i < rank; i++)
        dims[i] = i == 1 ? c->info.dims[c->info.rank - 1] : 1;
    return graph_reshape_constant(g, c, rank, dims, turned, error);
}

static onyx_status picture_first(graph *g, graph_node *before, graph_value *x, graph_value **turned, onyx_error *error)
{
    int perm[ONYX_MAX_RANK];
    if (x->producer && is_turn(x->producer, false)) {
        *turned = x->producer->inputs[0];
        return ONYX_OK;
    }
    *turned = NULL;
    return graph_insert_transpose(g, before, x->name, x, turn_perm(x->info.rank, true, perm), turned, error);
}

static onyx_status axes_first(graph *g, const char *name, const int64_t *axes, int count, int rank, graph_value **value,
                              onyx_error *error)
{
    int64_t renamed[ONYX_MAX_RANK];
    for (int i = 0; i < count; i++)
        renamed[i] = first_axis((int)(axes[i] < 0 ? axes[i] + rank : axes[i]), rank);
    return graph_add_ints(g, name, renamed, count, value, error);
}

/* The inputs of Pad, Slice and reductions that tell axes, renamed. */
static onyx_status axis_inputs(graph *g, const graph_node *node, int kind, int rank, graph_value **inputs, int *count,
                               onyx_error *error)
{
    int64_t axes[ONYX_MAX_RANK] = { 0 }, pads[2 * ONYX_MAX_RANK], renamed[2 * ONYX_MAX_RANK];
    bool reduced[ONYX_MAX_RANK];
    int n = 0;
    if (kind == REDUCE) {
        graph_reduce_axes(g, node, reduced);
        for (int i = 0; i < rank; i++)
            if (reduced[i])
                axes[n++] = i;
        *count = 2;
        return axes_first(g, node->name, axes, n, rank, &inputs[1], error);
    }
    if (kind == PAD && !graph_input(node, 3)) {
        graph_constant_ints(g, node->inputs[1], pads, ARRAY_LENGTH(pads));
        for (int i = 0; i < rank; i++) {
            renamed[first_axis(i, rank)] = pads[i];
            renamed[rank + first_axis(i, rank)] = pads[rank + i];
        }
        return graph_add_ints(g, node->name, renamed, 2 * rank, &inputs[1], error);
    }
    if (graph_input(node, 3)) {
        n = graph_constant_ints(g, node->inputs[3], axes, ONYX_MAX_RANK);
    } else {
        n = graph_constant_ints(g, node->inputs[1], pads, ONYX_MAX_RANK);
        for (int i = 0; i < n; i++)
            axes[i] = i;
    }
    *count = MAX(*count, 4);
    return axes_first(g, node->name, axes, n, rank, &inputs[3], error);
}

static onyx_status move(graph *g, graph_node *node, int rank, onyx_error *error)
{
    const int kind = kind_of(node);
    graph_value *inputs[MOST_INPUTS] = { NULL }, *y = NULL;
    op_attribute attributes[MOST_ATTRIBUTES];
    int count = node->input_count, attribute_count = 0, perm[ONYX_MAX_RANK];
    for (int i = 0; i < node->input_count; i++) {
        graph_value *x = inputs[i] = node->inputs[i];
        if (is_picture(x, rank) && (i == 0 || kind == ELEMENTWISE || kind == CONCAT))
            STATUS_TRY(picture_first(g, node, x, &inputs[i], error));
        else if (x && kind == ELEMENTWISE)
            STATUS_TRY(constant_first(g, x, rank, &inputs[i], error));
    }
    switch (kind) {
    case ELEMENTWISE:
    case QUANTIZE:
        STATUS_TRY(graph_insert_like(g, node, inputs, &y, error));
        break;
    case CONCAT:
    case SOFTMAX: {
        const int64_t axis =
            kind == CONCAT ? ((const axis_params *)node->params)->axis : ((const softmax_params *)node->params)->axis;
        attributes[attribute_count++] = attribute_int("axis", first_axis((int)(axis < 0 ? axis + rank : axis), rank));
        break;
    }
    default:
        STATUS_TRY(axis_inputs(g, node, kind, rank, inputs, &count, error));
        attribute_count = attributes_but(node, (const char *const[]){ "axes" }, 1, attributes);
    }
    if (node->outputs[0]->info.rank != rank)
        return graph_substitute(g, node, "", node->row->name, node->name, inputs, count, attributes, attribute_count,
                                NULL, error);
    if (!y)
        STATUS_TRY(graph_insert(g, node, "", node->row->name, node->name, inputs, count, attributes, attribute_count,
                                &y, error));
    return graph_substitute_transpose(g, node, node->name, y, turn_perm(rank, false, perm), error);
}

static onyx_status cancel(graph *g, graph_node *node, onyx_error *error)
{
    bool done;
    for (int to_first = 0; to_first < 2; to_first++) {
        const graph_node *maker = is_turn(node, to_first) ? node->inputs[0]->producer : NULL;
        if (maker && is_turn(maker, !to_first))
            return graph_bypass(g, node, maker->inputs[0], &done, error);
    }
    return ONYX_OK;
}

/* ---- areas ---- */

typedef struct area {
    graph *g;
    int rank;
    graph_node **nodes;
    int count;
    bool *inside, *looked; /* by the node's id */
    int *stamp, stamps;    /* by the value's id: the last count that has seen it */
} area;

/* 0 where the bytes stay where they are. */
static int64_t bytes_of(const graph_value *value)
{
    const op_value *v = &value->info;
    int64_t space = 1;
    for (int i = 1; i < v->rank - 1; i++)
        space *= v->dims[i];
    return space == 1 || v->dims[v->rank - 1] == 1 ? 0 : graph_element_count(value) * (int64_t)type_size(v->type);
}

static bool all_inside(const area *a, const graph_value *value)
{
    for (int i = 0; i < value->user_count; i++)
        if (!a->inside[value->users[i]->id])
            return false;
    return value->output_uses == 0;
}

static int64_t gain_in_front(area *a, const graph_value *x)
{
    if (a->stamp[x->id] == a->stamps || (x->producer && a->inside[x->producer->id]))
        return 0;
    a->stamp[x->id] = a->stamps;
    if (x->producer && is_turn(x->producer, false))
        return all_inside(a, x) ? bytes_of(x) : 0;
    for (int i = 0; i < x->user_count; i++)
        if (is_turn(x->users[i], true))
            return 0; /* it is there in the other order anyway */
    return -bytes_of(x);
}

/* How many bytes fewer the Transposes around the area move. */
static int64_t gain_of(area *a)
{
    int64_t gain = 0;
    a->stamps++;
    for (int n = 0; n < a->count; n++) {
        const graph_node *node = a->nodes[n];
        const graph_value *y = node->outputs[0];
        if (!a->inside[node->id])
            continue;
        for (int i = 0; i < node->input_count; i++)
            if (is_picture(node->inputs[i], a->rank))
                gain += gain_in_front(a, node->inputs[i]);
        if (y->info.rank != a->rank)
            continue;
        bool others = y->output_uses > 0, turned = false;
        for (int i = 0; i < y->user_count; i++) {
            const bool turn = is_turn(y->users[i], true);
            turned |= turn;
            others |= !turn && !a->inside[y->users[i]->id];
        }
        gain += bytes_of(y) * ((int)turned - (int)others);
    }
    return gain;
}

static void reach(area *a, graph_node *node)
{
    if (!node || a->count == MOST_NODES || a->looked[node->id] || !can_move(a->g, node, a->rank))
        return;
    a->looked[node->id] = a->inside[node->id] = true;
    a->nodes[a->count++] = node;
}

/* Once for each value in a count: many nodes may read one. */
static void reach_readers(area *a, const graph_value *x)
{
    if (a->stamp[x->id] == a->stamps)
        return;
    a->stamp[x->id] = a->stamps;
    for (int u = 0; u < x->user_count; u++)
        reach(a, x->users[u]);
}

/* All that can be moved and hangs together with the nodes that are there. */
static void grow(area *a)
{
    a->stamps++;
    for (int n = 0; n < a->count; n++) {
        const graph_node *node = a->nodes[n];
        for (int i = 0; i < node->input_count; i++) {
            const graph_value *x = node->inputs[i];
            if (!is_picture(x, a->rank))
                continue;
            reach(a, x->producer);
            reach_readers(a, x);
        }
        if (node->outputs[0]->info.rank == a->rank)
            reach_readers(a, node->outputs[0]);
    }
}

/* Leaves out nodes one by one while that gains. */
static int64_t trim(area *a)
{
    int64_t best = gain_of(a);
    bool better = a->count <= MOST_TRIMMED;
    while (better) {
        better = false;
        for (int n = 0; n < a->count; n++) {
            const int id = a->nodes[n]->id;
            if (!a->inside[id])
                continue;
            a->inside[id] = false;
            const int64_t gain = gain_of(a);
            a->inside[id] = gain <= best;
            better |= gain > best;
            best = MAX(best, gain);
        }
    }
    return best;
}

/* Factors and summands between an input of the graph and a Transpose are better behind it: convolutions take them in.
 */
static bool is_preparation(const area *a)
{
    bool affine = false;
    for (int n = 0; n < a->count; n++) {
        const graph_node *node = a->nodes[n];
        const graph_value *y = node->outputs[0];
        if (!a->inside[node->id] || kind_of(node) != ELEMENTWISE)
            return false;
        affine |= graph_is(node, "Mul") || graph_is(node, "Add") || graph_is(node, "Sub") || graph_is(node, "Div");
        for (int i = 0; i < node->input_count; i++)
            if (is_picture(node->inputs[i], a->rank) &&
                !(node->inputs[i]->producer ? a->inside[node->inputs[i]->producer->id]
                                            : node->inputs[i]->user_count == 1))
                return false;
        for (int i = 0; i < y->user_count; i++)
            if (!a->inside[y->users[i]->id] && !is_turn(y->users[i], true))
                return false;
        if (y->output_uses)
            return false;
    }
    return affine;
}

/* The area around a Transpose: what it reads where it turns to channels first, what reads it else. True where it gains
 * to move what is then inside. */
static bool around(area *a, const graph_node *transpose)
{
    const graph_value *y = transpose->outputs[0];
    a->rank = y->info.rank;
    a->count = 0;
    if (is_turn(transpose, true))
        reach(a, transpose->inputs[0]->producer);
    else
        for (int i = 0; i < y->user_count; i++)
            reach(a, y->users[i]);
    grow(a);
    const int64_t gain = a->count && a->count < MOST_NODES ? trim(a) : -1;
    if (gain > 0 || (gain == 0 && is_preparation(a)))
        return true;
    for (int n = 0; n < a->count; n++)
        a->inside[a->nodes[n]->id] = false;
    return false;
}

onyx_status pass_layout(graph *g, const graph_pass_options *options, bool *changed, onyx_error *error)
{
    (void)options;
    const int ids = g->next_node_id;
    const size_t nodes = (size_t)ids + 1, values = (size_t)g->value_count + 1;
    area a = { .g = g,
               .inside = calloc(2 * nodes, sizeof(*a.inside)),
               .stamp = calloc(values, sizeof(*a.stamp)),
               .nodes = malloc(MOST_NODES * sizeof(graph_node *)) };
    onyx_status status = a.inside && a.stamp && a.nodes ? ONYX_OK : status_no_memory(error, nodes, "areas");
    bool found = false;
    a.looked = a.inside ? a.inside + nodes : NULL;
    for (const graph_node *node = g->first; node && status == ONYX_OK; node = node->next)
        if ((is_turn(node, true) || is_turn(node, false)) && is_picture(node->inputs[0], node->inputs[0]->info.rank))
            found |= around(&a, node);
    GRAPH_EACH_NODE(g, node)
    if (status == ONYX_OK && found && node->id < ids && a.inside[node->id])
        status = move(g, node, rank_of(node), error);
    GRAPH_EACH_NODE(g, node)
    if (status == ONYX_OK && found)
        status = cancel(g, node, error);
    *changed |= found;
    free(a.inside);
    free(a.stamp);
    free(a.nodes);
    return status;
}
