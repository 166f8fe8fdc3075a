/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the passes share, and beside them only what writes loops and sequences out: reading constants and operators,
 * replacing nodes.
 *
 * How a pass changes the graph: it finds a pattern by its last node, adds the new nodes in front of that node (all that
 * the pattern reads is produced before it), lets the last new node take over the output value, and prunes: the old last
 * node and whatever has no reader any more. So a sweep from first to last never loses its place. */
#ifndef ONYX_GRAPH_PASSES_H
#define ONYX_GRAPH_PASSES_H

#include "base/size.h"
#include "graph/graph.h"
#include "ops/params.h"

graph_pass_function pass_attention, pass_sdpa, pass_group_norm, pass_einsum, pass_dead, pass_shapes, pass_identity,
    pass_common, pass_float16, pass_canonical, pass_conv_bn, pass_conv_sum, pass_conv_scale, pass_activations,
    pass_layer_norm, pass_transpose, pass_concat_split, pass_shuffle, pass_focus, pass_dfl, pass_act_up, pass_matmul,
    pass_conv_act, pass_conv_add, pass_conv_1d, pass_quantized, pass_siblings, pass_rows, pass_columns, pass_gather,
    pass_conv_trim, pass_pools, pass_conv_transpose, pass_up_conv, pass_patches, pass_channel_affine,
    pass_pad, pass_layout, pass_pixels, pass_conv_3d;

/* pass_tools.c */
/* ---- attributes of new nodes; arrays are copied into the graph's arena (NULL there: out of memory) ---- */
op_attribute attribute_int(const char *name, int64_t value);
op_attribute attribute_float(const char *name, float value);
op_attribute attribute_string(const char *name, const char *value);
bool attribute_ints(graph *g, const char *name, const int64_t *values, int count, op_attribute *attribute);
/* Those of a node but the named ones: how many. `attributes` has room for all. */
int attributes_but(const graph_node *node, const char *const *names, size_t count, op_attribute *attributes);
/* kernel_shape, strides, dilations, pads of a convolution. */
#define WINDOW_ATTRIBUTES 4
bool attribute_window(graph *g, const op_window *window, op_attribute attributes[WINDOW_ATTRIBUTES]);
/* More than these a convolution has not, where attributes are written anew. */
#define MOST_CONV_ATTRIBUTES 12
/* Those of a convolution with this window instead of its own: how many, -1 where memory is out. `attributes` has room
 * for WINDOW_ATTRIBUTES more than it has. */
int attributes_with_window(graph *g, const graph_node *conv, const op_window *window, op_attribute *attributes);
/* activation, activation_a, activation_b of FusedConv and FusedMatMul. */
#define ACTIVATION_ATTRIBUTES 3
void attribute_activation(const op_activation *activation, op_attribute attributes[ACTIVATION_ATTRIBUTES]);
/* Those of a convolution, and at the end of them this activation instead of its own: how many. residual_before goes.
 * `attributes` has room for ACTIVATION_ATTRIBUTES more than it has. */
int attributes_with_activation(const graph_node *conv, const op_activation *activation, op_attribute *attributes);

/* ---- looking ---- */
/* One output is wanted and it is the first. */
bool graph_one_output(const graph_node *node);
/* Nobody but one node reads the value, once. */
static inline bool graph_sole(const graph_value *value)
{
    return value->user_count == 1 && value->output_uses == 0;
}
static inline bool graph_is_f32(const graph_value *value)
{
    return value && value->info.kind == OP_KIND_TENSOR && value->info.type == ONYX_TYPE_FLOAT32;
}
/* Both shapes are known and equal. */
bool graph_same_shape(const graph_value *a, const graph_value *b);
/* The node whose output 0 the value is, if it is operator `op` of the default domain, else NULL. */
graph_node *graph_maker(const graph_value *value, const char *op);
graph_node *graph_maker_in(const graph_value *value, const char *domain, const char *op);
/* Conv or FusedConv of float32 (NULL otherwise). */
graph_node *graph_maker_conv(const graph_value *value);
bool graph_is_conv(const graph_node *node);
/* 1x1, of every pixel once. */
bool graph_is_point(const op_window *window);
static inline const op_activation *graph_conv_activation(const graph_node *conv)
{
    return &((const conv_params *)conv->params)->activation;
}
/* What alone reads the convolution is an activation, which it will still take in. */
bool graph_conv_grows(graph *g, const graph_node *conv);
/* The picture n x c x h x w that a value n x c x m (or c x m, of a single one) is the flattened form of, which only one
 * reader wants; or NULL. The picture has a producer. */
graph_value *graph_picture_of(const graph_value *value);
bool graph_has_row(const char *domain, const char *op);

/* value = source[..., begin : begin + length, ...] along `axis`: an output of Split, or of a Slice of one axis. */
typedef struct graph_range {
    graph_value *source;
    int axis;
    int64_t begin, length;
} graph_range;
bool graph_range_of(graph *g, const graph_value *value, graph_range *r);

/* A matrix product: act(alpha * op(a) * op(b) + bias + residual), op a transpose of the last two dims. */
typedef struct graph_product {
    graph_value *a, *b;
    graph_value *bias, *residual; /* NULL; or a constant row, and a value as large as the product */
    double alpha;
    bool trans_a, trans_b;
    op_activation activation;
} graph_product;
/* MatMul and FusedMatMul of float32 matrices. */
bool graph_read_product(const graph_node *node, graph_product *p);

/* ---- constants ---- */
/* int64 or int32: count, or -1 when it is no such constant or has more than `max`. */
int graph_constant_ints(graph *g, graph_value *value, int64_t *ints, int max);
/* float32, contiguous; NULL when it is no such constant. */
const float *graph_constant_f32(graph *g, graph_value *value);
/* All elements of a numeric constant are the same number (at least one element). */
bool graph_uniform(graph *g, graph_value *value, double *number);
/* The node (two inputs, float32) combines a tensor with one constant number and has the tensor's shape: the index of
 * the tensor, or -1. */
int graph_with_scalar(graph *g, const graph_node *node, double *number);
/* A float32 constant that broadcasts over `like` with one number for each index of `axis` (*step 1) or one for all
 * (*step 0), and does not enlarge it. */
bool graph_along_axis(graph *g, graph_value *value, const graph_value *like, int axis, const float **data, int *step);
/* What a node applies to its input 0, element by element, where epilogues know it; all of its parameters constant. */
bool graph_activation_of(graph *g, const graph_node *node, op_activation *activation);
/* Limits of a Clip; infinite where absent. False when they are not constant. */
bool graph_clip_limits(graph *g, const graph_node *clip, float *low, float *high);
/* Axes of a Reduce*, as 0..rank-1, from the input or the attribute; count or -1. No axes: all. */
int graph_reduce_axes(graph *g, const graph_node *node, bool axes[ONYX_MAX_RANK]);
/* The permutation of a Transpose of known rank. */
bool graph_permutation(const graph_node *transpose, int *rank, int perm[ONYX_MAX_RANK]);
/* The node (or NULL) is a Transpose by this permutation. */
bool graph_is_transpose(const graph_node *node, int rank, const int *perm);

/* A new float32 or int64 constant over a buffer of its own, which is taken over (also on failure). */
onyx_status graph_add_f32(graph *g, const char *name, int rank, const int64_t *dims, buffer *storage,
                          graph_value **value, onyx_error *error);
onyx_status graph_add_ints(graph *g, const char *name, const int64_t *ints, int count, graph_value **value,
                           onyx_error *error);
/* A float32 constant of these numbers, rounded; of numbers[i * step]. */
onyx_status graph_add_numbers(graph *g, const char *name, const double *numbers, int rank, const int64_t *dims,
                              graph_value **value, onyx_error *error);
onyx_status graph_add_strided(graph *g, const char *name, const float *numbers, int step, int rank,
                              const int64_t *dims, graph_value **value, onyx_error *error);
/* The same numbers with other dims. */
onyx_status graph_reshape_constant(graph *g, graph_value *constant, int rank, const int64_t *dims,
                                   graph_value **reshaped, onyx_error *error);
/* A constant whose size follows from shapes alone has no more elements: a file of a few bytes can ask for any. */
#define MOST_FROM_SHAPES (1 << 24)
onyx_status graph_new_floats(size_t count, buffer **storage, float **data, onyx_error *error);

/* pass_replace.c */
/* ---- replacing ---- */
/* Removes a node without readers, then its producers that have none left. */
void graph_prune(graph *g, graph_node *node);
/* A node with one output in front of `before`; *output is a new value, or the given one where not NULL. */
onyx_status graph_insert(graph *g, graph_node *before, const char *domain, const char *op, const char *name,
                         graph_value *const *inputs, int input_count, const op_attribute *attributes,
                         int attribute_count, graph_value **output, onyx_error *error);
/* A new node in the place of `last`: takes over its output 0 and prunes it. */
onyx_status graph_substitute(graph *g, graph_node *last, const char *domain, const char *op, const char *name,
                             graph_value *const *inputs, int input_count, const op_attribute *attributes,
                             int attribute_count, graph_node **node, onyx_error *error);
/* The same operator, version and attributes between other inputs and outputs (which it takes over), in front of `node`.
 * The node stays until it is pruned. */
onyx_status graph_clone(graph *g, graph_node *node, graph_value *const *inputs, graph_value *const *outputs,
                        onyx_error *error);
/* The same with one output, a new value. */
onyx_status graph_insert_like(graph *g, graph_node *node, graph_value *const *inputs, graph_value **output,
                              onyx_error *error);
/* All readers of output 0 read `value` instead; the node is pruned. Not *done where the output is the graph's and the
 * value is an input, a constant or an output too: these have memory of their own. */
onyx_status graph_bypass(graph *g, graph_node *node, graph_value *value, bool *done, onyx_error *error);
/* Reshape of `x` to known dims (all > 0), in place of `last`. */
onyx_status graph_substitute_reshape(graph *g, graph_node *last, graph_value *x, int rank, const int64_t *dims,
                                     onyx_error *error);
onyx_status graph_insert_reshape(graph *g, graph_node *before, const char *name, graph_value *x, int rank,
                                 const int64_t *dims, graph_value **output, onyx_error *error);
/* Transpose of `x`, whose rank is known. */
onyx_status graph_substitute_transpose(graph *g, graph_node *last, const char *name, graph_value *x, const int *perm,
                                       onyx_error *error);
onyx_status graph_insert_transpose(graph *g, graph_node *before, const char *name, graph_value *x, const int *perm,
                                   graph_value **output, onyx_error *error);

/* `last` computes conv(...) * a[c] + b[c] for each output channel c (a, b: c_out numbers; NULL: 1 and 0): puts a Conv
 * or ConvTranspose with other weights in its place. The convolution must pass graph_conv_constant. */
bool graph_conv_constant(graph *g, const graph_node *conv, int64_t *channels);
onyx_status graph_conv_rescale(graph *g, const graph_node *conv, graph_node *last, const double *a, const double *b,
                               onyx_error *error);
/* Puts FusedConv in the place of `last`: the convolution `conv`, of MOST_CONV_ATTRIBUTES at most, with this activation
 * and residual (NULL: none). */
onyx_status graph_fuse_conv(graph *g, const graph_node *conv, graph_node *last, graph_value *residual,
                            bool residual_before, const op_activation *activation, onyx_error *error);

#endif
