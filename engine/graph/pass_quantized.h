/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the parts of the pass `quantized` share. */
#ifndef ONYX_GRAPH_PASS_QUANTIZED_H
#define ONYX_GRAPH_PASS_QUANTIZED_H

#include "graph/passes.h"

/* A QuantizeLinear to bytes or a DequantizeLinear of bytes with one constant scale and zero point. */
typedef struct byte_scale {
    graph_value *scale_value, *zero_value; /* zero_value: NULL where absent */
    float scale;
    int zero;
    onyx_type type; /* of the bytes */
} byte_scale;

static inline bool quantized_is_byte(const graph_value *value)
{
    return value && value->info.kind == OP_KIND_TENSOR &&
           (value->info.type == ONYX_TYPE_UINT8 || value->info.type == ONYX_TYPE_INT8);
}

/* The node is QuantizeLinear (DequantizeLinear) of float32 with one constant scale > 0. */
bool quantized_is_q(graph *g, const graph_node *node, byte_scale *scale);
bool quantized_is_dq(graph *g, const graph_node *node, byte_scale *scale);
/* The DequantizeLinear, as above, that makes the value, or NULL. */
graph_node *quantized_maker_dq(graph *g, const graph_value *value, byte_scale *scale);

/* ---- constants ---- */
/* A constant with one byte: its number. */
bool quantized_zero(graph *g, graph_value *value, int *zero);
/* *value is a new constant of one zero where it is NULL. */
onyx_status quantized_default_zero(graph *g, onyx_type type, graph_value **value, onyx_error *error);
/* The zero point's value; a new constant where it is absent. */
onyx_status quantized_zero_value(graph *g, const byte_scale *scale, graph_value **value, onyx_error *error);

/* Inputs of a QLinear operator of two byte tensors: each with its scale and zero point, then those of the result. */
onyx_status quantized_two_inputs(graph *g, graph_value *x, const byte_scale *x_scale, graph_value *w,
                                 const byte_scale *w_scale, const byte_scale *y_scale, graph_value *inputs[8],
                                 onyx_error *error);

/* `mul` is Cast(op(...)) * *factor, op giving int32 and nobody else reading it: the op's node, or NULL. */
const graph_node *quantized_maker_integer(const graph_node *mul, const char *op, graph_value **factor);
/* The factor of integer sums of shape `like`: a constant along `axis`, maybe times one number. *w_scale NULL: another.
 */
onyx_status quantized_read_scales(graph *g, graph_value *factor, const graph_value *like, int axis,
                                  graph_value **x_scale, graph_value **w_scale, onyx_error *error);

/* Constant bytes with a scale and a zero point for all outputs of a convolution or product, or for each. */
typedef struct byte_weights {
    graph_value *w, *scale, *zero; /* zero: NULL where absent */
    int64_t outputs;
    bool columns; /* w is [.., outputs], not [outputs, ..] */
} byte_weights;

/* bias[c] of a convolution or product: float32, or DequantizeLinear of constant int32; none: 0. False when it is no
 * such constant of `channels` numbers. */
bool quantized_read_bias(graph *g, graph_value *value, int64_t channels, double *bias);
/* A new constant round(bias / (x_scale * w_scale)); *value NULL where a sum may not fit int32, or results in steps of
 * y_scale would show that it was rounded. */
onyx_status quantized_integer_bias(graph *g, const char *name, const double *bias, float x_scale, float y_scale,
                                   const byte_weights *weights, graph_value **value, onyx_error *error);
onyx_status quantized_add_sums(graph *g, const char *name, const int32_t *sums, int64_t count, graph_value **value,
                               onyx_error *error);

/* ---- the parts; each is a sweep over the graph ---- */
/* Movement and pooling between DequantizeLinear and QuantizeLinear runs on bytes. */
onyx_status quantized_moves(graph *g, bool *changed, onyx_error *error);
/* Functions of one byte become tables, and tables part of the convolution before them. */
onyx_status quantized_tables(graph *g, bool *changed, onyx_error *error);
/* Q(Add(DQ, DQ)) and Q(Mul(DQ, DQ)). */
onyx_status quantized_binaries(graph *g, bool *changed, onyx_error *error);
/* Matrix products and what else has no kernel on bytes, in float32; float_pairs: quantized_is_pair's, too. */
onyx_status quantized_floats(graph *g, bool float_pairs, bool *changed, onyx_error *error);
/* Matrix products of bytes by constant matrices. */
onyx_status quantized_matmuls(graph *g, bool *changed, onyx_error *error);
/* Matrix products of bytes by bytes, as QLinearMatMul. */
onyx_status quantized_pairs(graph *g, bool *changed, onyx_error *error);
/* The QLinearMatMul is one of these. */
bool quantized_is_pair(graph *g, const graph_node *node);
/* Convolutions of bytes. */
onyx_status quantized_convs(graph *g, bool *changed, onyx_error *error);
/* What a convolution of bytes reads by way of an upsampling, at its own size. */
onyx_status quantized_up(graph *g, bool *changed, onyx_error *error);

#endif
