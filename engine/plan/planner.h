/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The planner's state while it walks the graph, and what the plan_*.c files (one per family of operators) use of it.
 * A value has up to two forms: plain, and blocked by channels. A family asks for the form it wants; the reorder between
 * them is emitted once, where it is first needed. Layout is decided here alone; no operator's meaning depends on it. */
#ifndef ONYX_PLAN_PLANNER_H
#define ONYX_PLAN_PLANNER_H

#include "base/size.h"
#include "ops/params.h"
#include "plan/program.h"

/* Smallest and largest values of blocks [first, first + count), found by `parts` parts of a step: float
 * [parts][blocks][2] in a slot. Blocks are of channels, axis 1, or of a product's columns, the last. */
typedef struct limits_part {
    int slot, parts, blocks, axis, first, count;
} limits_part;

/* Where a channel of a value is: in which blocked slot, and which of its channels. */
typedef struct channel_origin {
    int slot, channel;
} channel_origin;

typedef struct value_forms {
    int plain, blocked, half;       /* slots, or -1; half: of 16 bits, see plan_half.c */
    const channel_origin *channels; /* of all channels: a blocked form that is not written yet; or NULL */
    bool half_wanted;               /* worth the half form, see plan_half_wish.c */
    bool listed;          /* such lists of other values name channels of the blocked form, which must be written */
    graph_value *picture; /* the blocked one that this is a Reshape of, whose plain form nobody wants yet; or NULL */
    const graph_node *chained; /* the producer, which its only reader computes too; then there is no form */
    const limits_part *limits; /* of all blocks, or NULL where they are not known */
} value_forms;

/* The bias of the attention that was planned last, if a step packs it. */
typedef struct packed_bias {
    const graph_value *value;
    size_t queries;
    int slot;
} packed_bias;

typedef struct planner {
    program *program;
    graph *graph;
    const cpu_kernels *kernels;
    const plan_options *options;
    value_forms *forms; /* by value id */
    packed_bias bias;
    int slot_capacity, step_capacity;
    size_t memory_limit; /* of the arena and the outputs, in bytes */
    onyx_error *error;
} planner;

/* A family's function: emits the steps of a node and returns PLAN_DONE, or emits nothing and returns PLAN_PASS so that
 * the next one (in the end the reference kernel) takes it. All shapes of the node are known. */
typedef enum plan_result { PLAN_DONE, PLAN_PASS, PLAN_FAILED } plan_result;
typedef plan_result plan_function(planner *p, graph_node *node);

plan_function plan_attention, plan_grid_sample, plan_cast, plan_chain, plan_conv, plan_conv_transpose, plan_matmul,
    plan_unary, plan_binary, plan_pool, plan_global_pool, plan_resize, plan_softmax, plan_concat, plan_split,
    plan_slice, plan_view, plan_transpose, plan_arg_max, plan_reduce, plan_shuffle, plan_pad, plan_group_norm,
    plan_layer_norm, plan_rnn, plan_qconv, plan_conv_integer, plan_qconv_float, plan_qmatmul, plan_matmul_integer,
    plan_qmatmul_float, plan_qlookup, plan_qbinary, plan_quantize, plan_dequantize, plan_dynamic_quantize,
    plan_half_conv, plan_half_unary, plan_half_binary, plan_columns, plan_depth_to_space, plan_softmax_mean,
    plan_half_concat, plan_half_split, plan_half_slice, plan_half_pool, plan_half_resize, plan_conv_few;

/* The reference kernel on plain data; takes everything, dynamic shapes too. */
plan_result plan_reference(planner *p, graph_node *node);
/* A node whose shapes are known only in a run, and that is worth a plan then. */
bool plan_is_late(const planner *p, const graph_node *node);
/* Makes its step one that owns a sub-graph: the node alone. False: out of memory. */
bool plan_late(planner *p, const graph_node *node, program_step *step);
/* A node with sub-graphs, whatever is known of its shapes. */
plan_result plan_control(planner *p, graph_node *node);

/* ---- forms; -1 when memory is out (p->error is set) ---- */
int plan_plain(planner *p, graph_value *value);
/* Only for values that plan_can_block. */
int plan_blocked(planner *p, graph_value *value);
/* True of a half form with the same blocks, too: the blocked one is only a vector's conversion away. */
bool plan_has_blocked(const planner *p, const graph_value *value);
/* Blocked is the only form that exists now. */
bool plan_only_blocked(const planner *p, const graph_value *value);
/* float32, rank 3 or 4, known shape. */
bool plan_can_block(const planner *p, const graph_value *value);
/* The same of bytes (uint8, int8); blocks have as many channels as those of float32. */
bool plan_can_block_bytes(const planner *p, const graph_value *value);
/* plan_channels.c: all readers work on blocks; then these, or a list of channels, are better than plain data. */
bool plan_read_blocked(const planner *p, const graph_value *value);
/* Writes the blocked form of a value that is a list of channels. */
int plan_gather_channels(planner *p, graph_value *value);
/* Concat of channels, and y = channels [first, ...) of the node's input, as lists, where that is best. */
plan_result plan_concat_channels(planner *p, graph_node *node);
plan_result plan_slice_channels(planner *p, graph_node *node, graph_value *y, int64_t first);
/* plan_rows.c: rows of channels from a blocked picture, by Transpose; PASS where it makes none. */
plan_result plan_rows(planner *p, graph_node *node);
/* The Reshape only groups the channels of a blocked picture, for a Transpose that plan_rows takes: nothing to do yet.
 */
bool plan_rows_later(planner *p, graph_node *reshape);
/* New memory for an output. */
int plan_new_plain(planner *p, graph_value *value);
int plan_new_blocked(planner *p, graph_value *value);
/* Memory for a value that is in no graph: between two steps of one node. Only `info` of the value is read. */
int plan_temporary(planner *p, const graph_value *value);
/* A slot that is a view of `base`; becomes the value's plain (or blocked) form. */
int plan_new_view(planner *p, graph_value *value, int base, size_t offset_bytes, bool blocked);
/* Makes arena slot `slot` a view into `base`, if it is free to move there: in the arena, its own root, a view of a
 * whole root, or the beginning of a root where it is the end of `base`, which then overlap. */
bool plan_place_in(planner *p, int slot, int base, size_t offset_bytes);

/* The inputs' slots one after the other in `output`, placed there or copied. False: out of memory. */
bool plan_join(planner *p, const graph_node *node, const int *slots, int output);

/* The value that this one is, through views; NULL where others than the caller read one of them. */
const graph_value *plan_sole_source(const graph_value *value);
/* Nothing else is in the memory of x's slot that somebody reads: neither other readers of x, nor what was placed in it
 * or shares it. A step that reads x may write its result there. */
bool plan_may_overwrite(const planner *p, const graph_value *x, int slot);
/* Makes the step that made the value plain, or dequantised it, for the caller alone, write its `rows` equal rows into
 * slot `to`, `dst_stride` bytes apart from dst_offset on. False where there is no such step, or memory is out. */
bool plan_unblock_into(planner *p, const graph_value *value, int to, size_t rows, size_t dst_stride, size_t dst_offset);
bool plan_half_into(planner *p, const graph_value *value, int to, size_t rows, size_t dst_stride, size_t dst_offset);
bool plan_dequantize_into(planner *p, const graph_value *value, int to, size_t rows, size_t dst_stride,
                          size_t dst_offset);
/* Makes the steps that dequantised all of the value's plain form, for the caller alone, apply the function at once.
 * PASS where others had a hand in it. */
plan_result plan_dequantize_act(planner *p, const graph_value *x, eltwise_act_f32 *act, float a, float b);

/* The QuantizeLinear step that made the plain bytes for one reader alone, with what it does; or -1. */
int plan_quantizer(const planner *p, const graph_value *bytes, float *scale, int *zero);
/* Memory for the limits of a value that `parts` parts of a step find; *limits is what forms hold. -1: memory is out. */
int plan_new_limits(planner *p, const graph_node *node, int parts, int blocks, int axis, const limits_part **limits);

/* ---- shapes of images: [n, c, h, w], or [n, c, w] with h = 1 ---- */
typedef struct image_dims {
    int64_t n;
    int c, h, w;
    int channel_blocks;
    size_t blocked_elements; /* of one image */
} image_dims;
bool plan_image_dims(const planner *p, const graph_value *value, image_dims *dims);
/* All sizes of the window, and the coordinates that it reaches, are far from the ends of an int, as kernels want them.
 */
bool plan_window_fits(const op_window *window);
/* Fills in half_wanted of all forms. */
void plan_half_wish(planner *p);
/* Plain or blocked float32 from a value's half form, which is all that exists of it. Blocked: only where the blocks are
 * the same, kernels->half.lanes == kernels->block. */
int plan_plain_of_half(planner *p, graph_value *value);
int plan_blocked_of_half(planner *p, graph_value *value);

/* ---- plan_conv.c: tails. A convolution hands rows of its result to the only one that reads it, while they are near,
 * and the whole is never written. ---- */
/* `pixels` pixels from `first` on of an image, blocked; `plane` floats from block to block. */
typedef struct plan_band {
    const float *data;
    size_t image, first, pixels, plane;
} plan_band;
typedef void plan_tail_function(const step_context *context, const void *params, const plan_band *band, void *scratch);
/* The convolution that made `value` blocked writes slot `output` by the tail instead; there is no blocked form then.
 * False, and nothing is done, where others want the value or nothing is to be gained. */
bool plan_conv_tail(planner *p, const graph_value *value, const char *kernel, plan_tail_function *tail,
                    const void *params, size_t scratch_bytes, int output);
/* Of a step with this tail; NULL: it has none. */
const void *plan_tail_params(const program_step *step, plan_tail_function *tail);
bool plan_set_tail_params(planner *p, program_step *step, const void *params);

/* All steps are there: convolutions learn which weights are wanted after theirs. False: memory is out. */
bool plan_conv_next(planner *p);

/* ---- what the families of convolutions and of moves share ---- */
bool plan_conv_shape(const conv_params *params, const graph_node *node, const image_dims *x, const image_dims *y,
                     conv_shape *shape);
/* The plan of a step of plan_conv and its arguments, all but src and dst; floats of an input image. False where it is
 * none of a single convolution without residual. */
bool plan_conv_of_step(const program_step *step, conv_plan *plan, conv_arguments *arguments, size_t *src_elements);
/* Where a nearest Resize made the value for one reader alone: takes its step out again, gives the slot of what it read
 * and how the value is made of it; floats of an image count in an int. -1: the value stays as it is. */
int plan_take_resize(planner *p, const graph_value *value, resize_tables *tables);
/* The step adds two images of the same size. */
bool plan_is_sum(const planner *p, const program_step *step);
/* plan_reduce.c: the axes of a Reduce operator as a bit mask; false if they are not known. */
bool plan_reduce_axes(planner *p, const graph_node *node, uint32_t *mask);
/* plan_chain.c: a maximum pool behind a chain or a convolution. */
plan_result plan_chain_pool(planner *p, const graph_node *node, const pool_shape *shape);
const char *plan_conv_title(planner *p, const op_activation *activation, bool residual);
bool plan_is_float_constant(const graph_value *value);
/* A bias (or NULL: zeros) as the kernels of float32 want it: whole blocks of 16. NULL: memory is out. */
const float *plan_padded_bias(planner *p, const graph_value *bias, int channels);
packed_function plan_pack_conv; /* conv_pack, by the form of conv_pack_form */
/* A step that copies `bytes` of slot `from` to offset `at` of slot `to`. */
bool plan_add_copy(planner *p, const graph_node *node, int from, int to, size_t bytes, size_t at);

/* Rows of `bytes`; short ones are many, and those of the usual sizes are copied without a call. */
void plan_copy_rows(char *dst, size_t dst_stride, const char *src, size_t src_stride, size_t bytes, size_t rows);

/* ---- steps ---- */
/* The plain slots of the node's inputs, then of its outputs, -1 for those left out. NULL: memory is out. */
const int *plan_plain_slots(planner *p, graph_node *node);
/* A step for `node`; params are copied into the program. */
program_step *plan_add_step(planner *p, const graph_node *node, const char *kernel, step_function *run, int parts,
                            size_t scratch_bytes, const int *inputs, int input_count, const int *outputs,
                            int output_count, const void *params, size_t params_bytes);
/* The last step whose first output the slot is, or -1. */
int plan_maker(const planner *p, int slot);
/* The step with one input and one output that wrote x's blocked form, which one use of x alone waits for; or -1. */
int plan_producer(const planner *p, const graph_value *x);
/* The same with any number of inputs. */
int plan_producer_any(const planner *p, const graph_value *x);
/* The step that wrote x's plain form, the only one, which one use of x alone waits for; or -1. */
int plan_plain_producer(const planner *p, const graph_value *x);
/* Takes it out again: what it did is to be part of another one. */
program_step plan_take_step(planner *p, int index);
/* Memory that lives as long as the program; counted as packed weights. */
void *plan_packed(planner *p, size_t bytes);
/* The packed form of a constant, shared by all programs of the model: see packed_set_add. */
const void *plan_pack(planner *p, const graph_value *constant, packed_function *function, const void *form,
                      size_t form_bytes, size_t bytes);
void *plan_alloc(planner *p, size_t bytes); /* small, zeroed */
plan_result plan_no_memory(planner *p);

/* Part of `total` elements for part `part` of `parts`, in multiples of `grain`. */
static inline void plan_range(size_t total, size_t grain, int parts, int part, size_t *begin, size_t *end)
{
    size_t grains = (total + grain - 1) / grain;
    *begin = grains * (size_t)part / (size_t)parts * grain;
    *end = MIN(grains * ((size_t)part + 1) / (size_t)parts * grain, total);
}
/* How many parts a job over `bytes` of memory traffic is worth. */
int plan_parts(size_t bytes);
/* How many threads will share a step, as far as is known. */
int plan_threads(const planner *p);

/* plan_memory.c: resolves views, finds lifetimes, places roots. */
onyx_status plan_memory(planner *p);

#endif
