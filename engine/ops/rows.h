/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The functions that rows of the operator table name, by the file that defines them, and what families share. */
#ifndef ONYX_OPS_ROWS_H
#define ONYX_OPS_ROWS_H

#include "ops/ops.h"
#include "ops/params.h"

/* activation.c */
op_parse_function op_parse_alpha_one, op_parse_gelu, op_parse_hard_sigmoid, op_parse_leaky_relu, op_parse_quick_gelu,
    op_parse_selu, op_parse_shrink;
op_shape_function op_shape_clip;
op_run_function op_run_celu, op_run_clip, op_run_elu, op_run_gelu, op_run_hard_sigmoid, op_run_hard_swish,
    op_run_leaky_relu, op_run_mish, op_run_relu, op_run_selu, op_run_shrink, op_run_sigmoid, op_run_silu,
    op_run_softplus, op_run_softsign, op_run_swish, op_run_tanh, op_run_thresholded_relu;

/* attention.c */
op_parse_function op_parse_attention;
op_shape_function op_shape_attention;
op_run_function op_run_attention;

/* binary.c */
op_parse_function op_parse_mod;
op_shape_function op_shape_pow, op_shape_prelu;
op_run_function op_run_add, op_run_div, op_run_max, op_run_mean, op_run_min, op_run_mod, op_run_mul, op_run_pow,
    op_run_prelu, op_run_sub, op_run_sum;

/* bitwise.c */
op_parse_function op_parse_bit_shift;
op_run_function op_run_bit_shift, op_run_bitwise_and, op_run_bitwise_not, op_run_bitwise_or, op_run_bitwise_xor;

/* cast.c */
op_parse_function op_parse_cast;
op_shape_function op_shape_cast, op_shape_cast_like;
op_run_function op_run_cast;

/* col2im.c */
op_shape_function op_shape_col2im;
op_run_function op_run_col2im;

/* columns.c */
op_parse_function op_parse_columns;
op_shape_function op_shape_columns;
op_run_function op_run_columns;

/* compare.c */
op_shape_function op_shape_where;
op_run_function op_run_and, op_run_equal, op_run_greater, op_run_greater_or_equal, op_run_less, op_run_less_or_equal,
    op_run_or, op_run_where, op_run_xor;

/* constant.c */
op_parse_function op_parse_constant, op_parse_constant_of_shape, op_parse_eye_like, op_parse_one_hot;
op_shape_function op_shape_constant, op_shape_constant_of_shape, op_shape_eye_like, op_shape_one_hot, op_shape_range;
op_run_function op_run_constant, op_run_constant_of_shape, op_run_eye_like, op_run_one_hot, op_run_range;

/* control.c */
op_parse_function op_parse_scan, op_parse_sequence;
op_shape_function op_shape_control, op_shape_has_element, op_shape_item, op_shape_length, op_shape_optional,
    op_shape_sequence;

/* conv.c */
op_parse_function op_parse_fused_conv;
op_shape_function op_shape_conv, op_shape_conv_integer, op_shape_conv_transpose, op_shape_fused_conv,
    op_shape_qlinear_conv;
op_run_function op_run_conv, op_run_conv_integer, op_run_conv_transpose, op_run_qlinear_conv;

/* crop.c */
op_parse_function op_parse_affine_grid, op_parse_axes;
op_shape_function op_shape_affine_grid, op_shape_crop_pad;
op_run_function op_run_affine_grid, op_run_crop_pad;

/* deform_conv.c */
op_parse_function op_parse_deform_conv;
op_shape_function op_shape_deform_conv;
op_run_function op_run_deform_conv;

/* einsum.c */
op_parse_function op_parse_einsum;
op_shape_function op_shape_einsum;
op_run_function op_run_einsum;

/* gather.c */
op_parse_function op_parse_axis_0, op_parse_gather_nd, op_parse_scatter;
op_shape_function op_shape_gather, op_shape_gather_elements, op_shape_gather_nd, op_shape_scatter_elements,
    op_shape_scatter_nd;
op_run_function op_run_gather, op_run_gather_elements, op_run_gather_nd, op_run_scatter_elements, op_run_scatter_nd;

/* grid_sample.c */
op_parse_function op_parse_grid_sample;
op_shape_function op_shape_grid_sample;
op_run_function op_run_grid_sample;

/* lp_norm.c */
op_parse_function op_parse_lp_norm, op_parse_mvn;
op_shape_function op_shape_lp_norm, op_shape_mvn;
op_run_function op_run_lp_norm, op_run_mvn;

/* matmul.c */
op_parse_function op_parse_fused_matmul, op_parse_fused_matmul_ms, op_parse_gemm;
op_shape_function op_shape_fused_matmul, op_shape_gemm, op_shape_matmul, op_shape_matmul_integer, op_shape_qgemm,
    op_shape_qlinear_matmul;
op_run_function op_run_fused_matmul, op_run_gemm, op_run_matmul, op_run_matmul_integer, op_run_qgemm,
    op_run_qlinear_matmul;

/* norm.c */
op_parse_function op_parse_batch_norm, op_parse_lrn, op_parse_norm;
op_shape_function op_shape_batch_norm, op_shape_group_norm, op_shape_instance_norm, op_shape_layer_norm, op_shape_lrn;
op_run_function op_run_batch_norm, op_run_group_norm, op_run_instance_norm, op_run_layer_norm, op_run_lrn,
    op_run_rms_norm;

/* onyx_quant.c */
op_parse_function op_parse_qconv_float, op_parse_qmatmul_float;
op_shape_function op_shape_qconv, op_shape_qconv_float, op_shape_qlookup, op_shape_qmatmul, op_shape_qmatmul_float;
op_run_function op_run_qconv, op_run_qconv_float, op_run_qlookup, op_run_qmatmul, op_run_qmatmul_float;

/* pad.c */
op_parse_function op_parse_pad;
op_shape_function op_shape_pad;
op_run_function op_run_pad;

/* pick.c */
op_parse_function op_parse_axis_maybe, op_parse_reverse, op_parse_tensor_scatter;
op_shape_function op_shape_bit_cast, op_shape_compress, op_shape_det, op_shape_reverse, op_shape_tensor_scatter,
    op_shape_unique;
op_run_function op_run_bit_cast, op_run_compress, op_run_det, op_run_reverse, op_run_tensor_scatter, op_run_unique;

/* pool.c */
op_parse_function op_parse_lp_pool, op_parse_qlinear_global_pool, op_parse_qlinear_pool;
op_shape_function op_shape_global_pool, op_shape_pool, op_shape_qlinear_global_pool, op_shape_qlinear_pool;
op_run_function op_run_average_pool, op_run_global_average_pool, op_run_global_lp_pool, op_run_global_max_pool,
    op_run_lp_pool, op_run_max_pool, op_run_qlinear_average_pool, op_run_qlinear_global_average_pool;

/* qlinear.c */
op_parse_function op_parse_qlinear_softmax;
op_shape_function op_shape_qlinear_binary, op_shape_qlinear_concat, op_shape_qlinear_softmax, op_shape_qlinear_unary;
op_run_function op_run_qlinear_add, op_run_qlinear_concat, op_run_qlinear_leaky_relu, op_run_qlinear_mul,
    op_run_qlinear_sigmoid, op_run_qlinear_softmax;

/* quantize.c */
op_parse_function op_parse_quantize;
op_shape_function op_shape_dequantize, op_shape_dynamic_quantize, op_shape_quantize;
op_run_function op_run_dequantize, op_run_dynamic_quantize, op_run_quantize;

/* random.c */
op_parse_function op_parse_random;
op_shape_function op_shape_multinomial, op_shape_random;
op_run_function op_run_bernoulli, op_run_multinomial, op_run_random_normal, op_run_random_uniform;

/* reduce.c */
op_parse_function op_parse_reduce;
op_shape_function op_shape_reduce;
op_run_function op_run_reduce_l1, op_run_reduce_l2, op_run_reduce_log_sum, op_run_reduce_log_sum_exp, op_run_reduce_max,
    op_run_reduce_mean, op_run_reduce_min, op_run_reduce_prod, op_run_reduce_sum, op_run_reduce_sum_square;

/* resize.c */
op_parse_function op_parse_resize;
op_shape_function op_shape_resize;
op_run_function op_run_resize;

/* rnn.c */
op_parse_function op_parse_gru, op_parse_lstm, op_parse_rnn;
op_shape_function op_shape_rnn;
op_run_function op_run_rnn;

/* roi.c */
op_parse_function op_parse_max_roi_pool, op_parse_roi_align;
op_shape_function op_shape_max_roi_pool, op_shape_roi_align;
op_run_function op_run_max_roi_pool, op_run_roi_align;

/* rotary.c */
op_parse_function op_parse_rotary;
op_shape_function op_shape_rotary;
op_run_function op_run_rotary;

/* sdpa.c */
op_parse_function op_parse_sdpa;
op_shape_function op_shape_sdpa;
op_run_function op_run_sdpa;

/* select.c */
op_parse_function op_parse_arg, op_parse_cumsum, op_parse_nms, op_parse_topk;
op_shape_function op_shape_arg, op_shape_cumsum, op_shape_nms, op_shape_non_zero, op_shape_topk;
op_run_function op_run_arg_max, op_run_arg_min, op_run_cumsum, op_run_nms, op_run_non_zero, op_run_topk;

/* shape_ops.c */
op_parse_function op_parse_axis_1, op_parse_reshape, op_parse_shape;
op_shape_function op_shape_align_broadcast, op_shape_dropout, op_shape_flatten, op_shape_reshape, op_shape_shape,
    op_shape_size, op_shape_squeeze, op_shape_unsqueeze;
op_run_function op_run_dropout, op_run_shape, op_run_size, op_run_view;

/* signal.c */
op_parse_function op_parse_signal;
op_shape_function op_shape_dft, op_shape_mel, op_shape_signal_window, op_shape_stft;
op_run_function op_run_blackman_window, op_run_dft, op_run_hamming_window, op_run_hann_window, op_run_mel, op_run_stft;

/* slice.c */
op_parse_function op_parse_concat, op_parse_split, op_parse_trilu;
op_shape_function op_shape_concat, op_shape_slice, op_shape_split, op_shape_trilu;
op_run_function op_run_concat, op_run_slice, op_run_split, op_run_trilu;

/* softmax.c */
op_parse_function op_parse_softmax;
op_shape_function op_shape_softmax, op_shape_softmax_mean;
op_run_function op_run_hardmax, op_run_log_softmax, op_run_softmax, op_run_softmax_mean;

/* transpose.c */
op_parse_function op_parse_shuffle, op_parse_space, op_parse_transpose;
op_shape_function op_shape_depth_to_space, op_shape_expand, op_shape_shuffle, op_shape_space_to_depth, op_shape_tile,
    op_shape_transpose;
op_run_function op_run_depth_to_space, op_run_expand, op_run_shuffle, op_run_space_to_depth, op_run_tile,
    op_run_transpose;

/* unary.c */
op_parse_function op_parse_is_inf;
op_run_function op_run_abs, op_run_acos, op_run_acosh, op_run_asin, op_run_asinh, op_run_atan, op_run_atanh,
    op_run_ceil, op_run_cos, op_run_cosh, op_run_erf, op_run_exp, op_run_floor, op_run_is_inf, op_run_is_nan,
    op_run_log, op_run_neg, op_run_not, op_run_reciprocal, op_run_round, op_run_sign, op_run_sin, op_run_sinh,
    op_run_sqrt, op_run_tan;

/* unpool.c */
op_shape_function op_shape_max_unpool;
op_run_function op_run_max_unpool;

/* window.c */
op_parse_function op_parse_conv, op_parse_pool;

/* conv.c: the attributes activation, activation_a, activation_b of the onyx domain. */
onyx_status op_parse_activation(const op_parse_context *context, op_activation *activation);

#endif
