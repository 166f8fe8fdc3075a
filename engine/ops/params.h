/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What attributes mean once parsed: the params structs of the rows that passes and the planner look into, and the
 * functions that resolve them to numbers for given shapes (padding, output sizes, source coordinates), so that every
 * kernel and every pass computes geometry in the same one place. */
#ifndef ONYX_OPS_PARAMS_H
#define ONYX_OPS_PARAMS_H

#include "ops/ops.h"

#define OP_MAX_SPATIAL (ONYX_MAX_RANK - 2)

/* ---- activations ---- */

/* The meaning (and order) is that of cpu_act in cpu/eltwise.h. */
typedef enum op_act {
    OP_ACT_NONE,
    OP_ACT_RELU,
    OP_ACT_LEAKY_RELU,
    OP_ACT_CLIP,
    OP_ACT_SIGMOID,
    OP_ACT_SILU,
    OP_ACT_HARD_SIGMOID,
    OP_ACT_HARD_SWISH,
    OP_ACT_TANH,
    OP_ACT_GELU,
    OP_ACT_MISH,
    OP_ACT_ELU,
    OP_ACT_SWISH,
    OP_ACT_COUNT
} op_act;

typedef struct op_activation {
    op_act act;
    float a, b;
} op_activation;

/* "none", "relu", ...: the values of the attribute "activation" of the onyx domain. */
const char *op_act_name(op_act act);
bool op_act_find(const char *name, op_act *act);
/* data[i] = act(data[i]) */
void op_activation_apply_f32(const op_activation *activation, float *data, size_t n);
void op_activation_apply_f64(const op_activation *activation, double *data, size_t n);

/* Params of unary operators with float attributes: LeakyRelu, Elu, HardSigmoid, Selu, ... */
typedef struct unary_params {
    float alpha, beta;
    bool tanh_form; /* Gelu with approximate = "tanh" */
} unary_params;

/* ---- windows: Conv, ConvTranspose, pools ---- */

typedef enum op_auto_pad {
    OP_AUTO_PAD_NOTSET,
    OP_AUTO_PAD_SAME_UPPER,
    OP_AUTO_PAD_SAME_LOWER,
    OP_AUTO_PAD_VALID
} op_auto_pad;

/* Attributes as written; a count of 0 means absent. pads: all begins, then all ends. */
typedef struct window_params {
    op_auto_pad auto_pad;
    bool ceil_mode;
    int kernel_count, stride_count, dilation_count, pad_count;
    int64_t kernel[OP_MAX_SPATIAL], strides[OP_MAX_SPATIAL], dilations[OP_MAX_SPATIAL], pads[2 * OP_MAX_SPATIAL];
} window_params;

/* Conv, ConvInteger, QLinearConv, ConvTranspose, Col2Im, and FusedConv, QConv, QConvFloat of the onyx domain. */
typedef struct conv_params {
    window_params window;
    int64_t group;
    int output_padding_count, output_shape_count; /* ConvTranspose */
    int64_t output_padding[OP_MAX_SPATIAL], output_shape[OP_MAX_SPATIAL];
    op_activation activation; /* FusedConv */
    bool residual_before;     /* add input 3 before the activation instead of after it */
} conv_params;

typedef struct pool_params {
    window_params window;
    bool count_include_pad; /* AveragePool */
    bool column_major;      /* MaxPool: indices count with storage_order = 1 */
} pool_params;

typedef struct lp_pool_params {
    pool_params pool; /* first, so that what knows pools knows it */
    int64_t p;
} lp_pool_params;

typedef struct deform_params {
    conv_params conv;
    int64_t offset_groups;
} deform_params;

typedef struct roi_params { /* RoiAlign, MaxRoiPool */
    int64_t height, width;  /* of the result */
    int64_t samples;        /* of a bin along an axis; 0: one for each element */
    float scale;
    bool max, half_pixel;
} roi_params;

/* Numbers for one set of shapes. in and out are -1 where not known yet (pads are then those of the attributes). */
typedef struct op_window {
    int spatial;
    int64_t in[OP_MAX_SPATIAL], out[OP_MAX_SPATIAL], kernel[OP_MAX_SPATIAL], stride[OP_MAX_SPATIAL],
        dilation[OP_MAX_SPATIAL], pad_begin[OP_MAX_SPATIAL], pad_end[OP_MAX_SPATIAL];
} op_window;

/* Each checks what the specification demands and fails with SHAPE; error may be NULL. dims are those of the whole
 * tensor: x [n, c, spatial...], w [c_out, c_in / group, kernel...] (ConvTranspose: [c_in, c_out / group, kernel...]).
 */
onyx_status op_conv_window(const conv_params *params, int rank, const int64_t *x_dims, const int64_t *w_dims,
                           op_window *window, onyx_error *error);
onyx_status op_conv_transpose_window(const conv_params *params, int rank, const int64_t *x_dims, const int64_t *w_dims,
                                     op_window *window, onyx_error *error);
onyx_status op_pool_window(const pool_params *params, int rank, const int64_t *x_dims, op_window *window,
                           onyx_error *error);
/* For the planner: false when ranks or a dimension are not known, or the node is invalid. */
bool op_conv_geometry(const conv_params *params, const op_value *x, const op_value *w, op_window *window);
bool op_pool_geometry(const pool_params *params, const op_value *x, op_window *window);

/* ---- matrix products ---- */

typedef struct gemm_params { /* Gemm, com.microsoft QGemm */
    float alpha, beta;
    bool trans_a, trans_b;
} gemm_params;

typedef struct fused_matmul_params { /* onyx and com.microsoft FusedMatMul; the transposes are of the last two dims */
    float alpha;
    bool trans_a, trans_b;
    op_activation activation;
} fused_matmul_params;

typedef struct qmatmul_params { /* onyx QMatMulFloat */
    op_activation activation;
} qmatmul_params;

/* onyx Attention: y = softmax(alpha * factor * q * k^T + bias) * v for each matrix of a batch; bias and factor are
 * inputs 3 and 4, [.., queries or 1, keys] and [.., 1, 1], which broadcast over the batch. q [queries, depth],
 * k [keys, depth], v [keys, width] and y [queries, width] lie anyhow in their tensors: an offset, a step for each dim
 * of the batch, from row to row and from column to column, in elements. */
typedef struct attention_params {
    float alpha;
    bool zeros;                   /* where all keys of a query are left out, else NaN */
    int rank;                     /* of the batch */
    const int64_t *dims;          /* of the batch, queries, keys, depth, width */
    const int64_t *q, *k, *v, *y; /* 1 + rank + 2 each */
    const int64_t *shape;         /* of the output */
    int shape_rank;
} attention_params;

/* ---- Attention ---- */

typedef struct sdpa_params {
    bool causal;
    float scale, softcap; /* 0: one over the root of the size; none */
    int64_t q_heads, kv_heads;
    int64_t left, right; /* keys around a query's place that it sees, -1: all */
    int64_t scores;      /* that are an output: 0 products, 1 behind softcap, 2 with masks, 3 behind softmax */
} sdpa_params;

typedef struct op_sdpa_operand {
    int64_t batch, heads, length, size;
    bool flat; /* [batch, length, heads * size], else [batch, heads, length, size] */
} op_sdpa_operand;
typedef struct op_sdpa {
    op_sdpa_operand q, k, v;
    int64_t past; /* keys of earlier calls */
} op_sdpa;
/* False where dims are not known. */
bool op_sdpa_read(const sdpa_params *params, const op_value *const *inputs, int count, op_sdpa *sdpa);

/* ---- Einsum ---- */

enum { OP_EINSUM_INPUTS = 8, OP_EINSUM_LETTERS = 52, OP_EINSUM_LABELS = OP_EINSUM_LETTERS + ONYX_MAX_RANK };

typedef struct einsum_params {
    const char *equation;
} einsum_params;

/* The equation for operands of known ranks. Labels are letters, and dimensions of ellipses counted from the right. */
typedef struct op_einsum_term {
    int rank;
    uint8_t labels[ONYX_MAX_RANK];
} op_einsum_term;
typedef struct op_einsum {
    int inputs;
    op_einsum_term terms[OP_EINSUM_INPUTS + 1]; /* of the operands; then of the result */
    int64_t sizes[OP_EINSUM_LABELS];            /* -1: not known; 1 where no operand has the label */
} op_einsum;
onyx_status op_einsum_read(const einsum_params *params, const op_value *const *inputs, int count, op_einsum *einsum,
                           onyx_error *error);

/* ---- GridSample ---- */

typedef enum op_grid_mode { OP_GRID_NEAREST, OP_GRID_LINEAR, OP_GRID_CUBIC } op_grid_mode;
typedef enum op_grid_padding { OP_GRID_ZEROS, OP_GRID_BORDER, OP_GRID_REFLECTION } op_grid_padding;

typedef struct grid_sample_params {
    op_grid_mode mode;
    op_grid_padding padding;
    bool align_corners;
} grid_sample_params;

/* ---- resize ---- */

typedef enum op_resize_mode { OP_RESIZE_NEAREST, OP_RESIZE_LINEAR, OP_RESIZE_CUBIC } op_resize_mode;
typedef enum op_resize_coordinates {
    OP_RESIZE_HALF_PIXEL,
    OP_RESIZE_HALF_PIXEL_SYMMETRIC,
    OP_RESIZE_PYTORCH_HALF_PIXEL,
    OP_RESIZE_ALIGN_CORNERS,
    OP_RESIZE_ASYMMETRIC,
    OP_RESIZE_TF_HALF_PIXEL_FOR_NN,
    OP_RESIZE_TF_CROP_AND_RESIZE
} op_resize_coordinates;
typedef enum op_resize_nearest {
    OP_RESIZE_ROUND_PREFER_FLOOR,
    OP_RESIZE_ROUND_PREFER_CEIL,
    OP_RESIZE_FLOOR,
    OP_RESIZE_CEIL
} op_resize_nearest;
typedef enum op_resize_aspect { OP_RESIZE_STRETCH, OP_RESIZE_NOT_LARGER, OP_RESIZE_NOT_SMALLER } op_resize_aspect;

typedef struct resize_params {
    op_resize_mode mode;
    op_resize_coordinates coordinates;
    op_resize_nearest nearest;
    op_resize_aspect aspect;
    bool antialias, exclude_outside;
    float cubic_a, extrapolation_value;
    int axis_count; /* 0: all */
    int64_t axes[ONYX_MAX_RANK];
} resize_params;

/* One dimension of a Resize. */
typedef struct op_resize_axis {
    int64_t in, out;
    double scale;              /* out / in, or the scale that was given */
    double roi_start, roi_end; /* normalised; 0 and 1 where there is none */
} op_resize_axis;

/* roi, scales, sizes: NULL where absent. Fills axes[0..rank). */
onyx_status op_resize_axes(const resize_params *params, int rank, const int64_t *in_dims, const onyx_tensor *roi,
                           const onyx_tensor *scales, const onyx_tensor *sizes, op_resize_axis *axes,
                           onyx_error *error);
/* Source coordinate of an output index, before clipping. */
double op_resize_source(const resize_params *params, const op_resize_axis *axis, int64_t index);
/* The source element that nearest mode picks for an output index, in 0..in-1. */
int64_t op_resize_nearest_index(const resize_params *params, const op_resize_axis *axis, int64_t index);
/* The two taps of linear mode (not antialiased): out[i] = (1 - *weight) * src[*index] + *weight * src[*next]. */
void op_resize_linear_taps(const resize_params *params, const op_resize_axis *axis, int64_t index, int64_t *first,
                           int64_t *next, float *weight);

/* ---- the small ones ---- */

typedef struct axis_params { /* Concat, Gather, GatherElements, ScatterElements, Flatten, OneHot, ... */
    int64_t axis;
} axis_params;

typedef struct softmax_params { /* Softmax, LogSoftmax, Hardmax */
    int64_t axis;
    bool flatten; /* up to version 12: normalise over all dims from axis on */
} softmax_params;

typedef struct transpose_params {
    int count; /* 0: reverse all */
    int64_t perm[ONYX_MAX_RANK];
} transpose_params;

typedef struct split_params {
    int64_t axis;
    int64_t num_outputs; /* 0: absent */
} split_params;

typedef struct reduce_params {
    bool keepdims, noop_with_empty_axes;
} reduce_params;

typedef struct arg_params { /* ArgMax, ArgMin */
    int64_t axis;
    bool keepdims, select_last_index;
} arg_params;

typedef struct reshape_params {
    bool allowzero;
} reshape_params;

typedef struct shape_params { /* Shape */
    int64_t start, end;
    bool has_end;
} shape_params;

typedef struct cast_params { /* Cast, CastLike */
    onyx_type to;
    bool saturate;
    char round_mode; /* to float8e8m0: 'u'p, 'd'own, 'n'earest */
} cast_params;

typedef struct topk_params {
    int64_t axis;
    bool largest, sorted;
} topk_params;

typedef struct bit_shift_params {
    bool right;
} bit_shift_params;

typedef struct mod_params {
    bool fmod;
} mod_params;

typedef struct scatter_params {
    int64_t axis;
    char reduction; /* 0 none, '+', '*', '>' max, '<' min */
} scatter_params;

typedef struct gather_nd_params {
    int64_t batch_dims;
} gather_nd_params;

typedef enum op_pad_mode { OP_PAD_CONSTANT, OP_PAD_REFLECT, OP_PAD_EDGE, OP_PAD_WRAP } op_pad_mode;
typedef struct pad_params {
    op_pad_mode mode;
} pad_params;

typedef struct quantize_params { /* QuantizeLinear, DequantizeLinear */
    int64_t axis, block_size;
    onyx_type output_type; /* UNDEFINED: by the zero point or scale */
    onyx_type precision;   /* of the division; UNDEFINED: the scale's */
    bool saturate;
} quantize_params;

typedef struct batch_norm_params {
    float epsilon, momentum;
    bool training;
} batch_norm_params;

typedef struct norm_params { /* InstanceNormalization, LayerNormalization, GroupNormalization */
    float epsilon;
    int64_t axis, groups;
    bool per_channel_scale; /* GroupNormalization from 21 on; 18 scales per group */
} norm_params;

/* RNN, GRU, LSTM */
typedef enum op_rnn_act {
    OP_RNN_RELU,
    OP_RNN_TANH,
    OP_RNN_SIGMOID,
    OP_RNN_AFFINE,
    OP_RNN_LEAKY_RELU,
    OP_RNN_THRESHOLDED_RELU,
    OP_RNN_SCALED_TANH,
    OP_RNN_HARD_SIGMOID,
    OP_RNN_ELU,
    OP_RNN_SOFTSIGN,
    OP_RNN_SOFTPLUS
} op_rnn_act;

typedef struct rnn_activation {
    op_rnn_act act;
    float alpha, beta;
} rnn_activation;

typedef struct rnn_params {
    enum { OP_RNN_FORWARD, OP_RNN_REVERSE, OP_RNN_BIDIRECTIONAL } direction;
    int gates;      /* 1 RNN, 3 GRU, 4 LSTM */
    int64_t hidden; /* 0: that of the weights */
    bool batch_first, linear_before_reset, input_forget;
    float clip;                       /* infinite: none */
    rnn_activation activations[2][3]; /* by direction */
} rnn_params;

typedef struct lrn_params {
    float alpha, beta, bias;
    int64_t size;
} lrn_params;

typedef struct space_params { /* DepthToSpace, SpaceToDepth */
    int64_t block;
    bool column_row_depth; /* mode CRD */
} space_params;

typedef struct shuffle_params { /* onyx ChannelShuffle: channel g * (c / groups) + i becomes i * groups + g */
    int64_t groups;
} shuffle_params;

/* onyx ColumnChain: what happens to ranges of the last axis, one after the other; the rest stays. The operand of a
 * binary one is input `input`: a single number, or of x's dims with `width` as the last. */
typedef enum op_column {
    OP_COLUMN_ADD,
    OP_COLUMN_SUB,
    OP_COLUMN_MUL,
    OP_COLUMN_DIV,
    OP_COLUMN_BINARIES,
    OP_COLUMN_SQUARE = OP_COLUMN_BINARIES,
    OP_COLUMN_EXP,
    OP_COLUMN_SIGMOID,
    OP_COLUMN_COUNT
} op_column;

typedef struct column_code {
    int64_t begin, width, op, swap, input; /* swap: operand op x */
} column_code;
#define COLUMN_CODE_INTS (sizeof(column_code) / sizeof(int64_t))

typedef struct columns_params {
    const column_code *codes;
    int count;
} columns_params;

typedef struct cumsum_params { /* CumSum, CumProd */
    bool exclusive, reverse, product;
} cumsum_params;

typedef struct trilu_params {
    bool upper;
} trilu_params;

typedef struct eye_params {
    onyx_type type;
    int64_t k;
} eye_params;

typedef struct is_inf_params {
    bool negative, positive;
} is_inf_params;

typedef struct nms_params {
    bool center_point_box;
} nms_params;

typedef struct constant_params { /* Constant, ConstantOfShape */
    onyx_tensor tensor;          /* the value; data may point at `number` below, then it is NULL here */
    union {
        float f;
        int64_t i;
        const char *s;
    } number;
} constant_params;
/* The data behind a constant_params. */
const void *op_constant_data(const constant_params *params);

/* Slice for known inputs: per dimension the first index, the step and the length of the result. */
typedef struct op_slice {
    int64_t start[ONYX_MAX_RANK], step[ONYX_MAX_RANK], length[ONYX_MAX_RANK];
} op_slice;
/* axes and steps may be NULL. False where the inputs are not valid; *error (may be NULL) says why. */
onyx_status op_slice_resolve(int rank, const int64_t *dims, const onyx_tensor *starts, const onyx_tensor *ends,
                             const onyx_tensor *axes, const onyx_tensor *steps, op_slice *slice, onyx_error *error);

/* ---- the rest: one operator each ---- */

typedef struct lp_norm_params {
    int64_t axis, p;
} lp_norm_params;

typedef struct axes_params { /* CenterCropPad, MeanVarianceNormalization */
    int64_t axes[ONYX_MAX_RANK];
    int axis_count; /* -1: all */
} axes_params;

typedef struct rotary_params {
    bool interleaved;
    int64_t heads, width; /* 0: not given, all of a head */
} rotary_params;

typedef struct signal_params { /* DFT, STFT, MelWeightMatrix, windows */
    bool inverse, one_sided, periodic;
    int64_t axis;
    onyx_type type;
} signal_params;

typedef struct reverse_params {
    int64_t batch_axis, time_axis;
} reverse_params;

typedef struct unique_params {
    int64_t axis;
    bool has_axis, sorted;
} unique_params;

typedef struct tensor_scatter_params {
    int64_t axis;
    bool circular;
} tensor_scatter_params;

typedef struct random_params {
    onyx_type type;
    float first, second; /* mean and scale, or low and high */
    int64_t count;
    uint64_t seed;
    int rank;
    int64_t dims[ONYX_MAX_RANK];
} random_params;

/* ---- control flow and containers ---- */

typedef struct scan_list {
    const int64_t *values;
    int count;
} scan_list;

typedef struct scan_params {
    int count; /* of scan inputs, the last of the node's own */
    scan_list input_axes, input_directions, output_axes, output_directions;
} scan_params;

/* 0 where the list says nothing. */
static inline int64_t scan_value(const scan_list *list, int index)
{
    return index < list->count ? list->values[index] : 0;
}

typedef struct sequence_params {
    int64_t axis;
    bool new_axis, keep_dims;
    onyx_type type; /* of SequenceEmpty */
} sequence_params;

#endif
