/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Float16 arithmetic and storage, for precision=fp16 where the processor has it: the families between which a network's
 * images flow (convolution, activations, sums, pools, upsampling). Layout "half": [n][ceil(c / 8)][h][w][8] of float16,
 * lanes behind channel c - 1 hold finite values. All else stays float32; half_block and half_unblock lie between.
 *
 * A product is rounded once, by a fused multiply-add in float16. Sums are kept in float16 too, but put aside after at
 * most HALF_CHUNK inputs (or one block, where its taps are more) and added up at the end, so that the error of a long
 * sum grows with the number of pieces and not of inputs. Bound per output against double: 2^-11 * 2 * sum |w||x| for
 * terms of either sign (at worst HALF_CHUNK / 2 times that), plus the activation's, see act. No Winograd: its
 * transforms cost F(4, 3) three of the eleven bits. Results beyond 65504 become infinite. */
#ifndef ONYX_CPU_HALF_H
#define ONYX_CPU_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/conv.h"

enum { HALF_LANES = 8, HALF_CHUNK = 128, HALF_MAX_FILTERS = 4, HALF_MAX_PIXELS = 12 };

typedef struct half_conv_arguments {
    const void *src;          /* half; or plain float32 where shape.src_plain */
    uint16_t *dst;            /* half */
    const void *packed;       /* from half_conv_pack, 64-byte aligned */
    const uint16_t *bias;     /* c_out rounded up to 8, zero padded; never NULL */
    const uint16_t *residual; /* like dst, not dst, or NULL */
    cpu_activation activation;
    bool residual_before;
} half_conv_arguments;

typedef struct half_conv_plan half_conv_plan;
struct half_conv_plan {
    const char *name;
    conv_shape shape;
    int parts;
    size_t packed_bytes, scratch_bytes; /* as in conv.h */
    int filters, unit, cuts, filter_cuts, strip;
    bool depthwise, padded, line;
    const struct cpu_kernels *kernels; /* must outlive the plan */
};

struct cpu_kernels;
/* False where the table has no float16 arithmetic or groups neither are the channels nor fill blocks. src_plain: up to
 * four channels of plain float32 (a network's first layer). */
bool half_conv_choose(const struct cpu_kernels *kernels, const conv_shape *shape, half_conv_plan *plan);
/* What the packed weights depend on, as in conv.h; padding is zero. */
void half_conv_pack_form(const half_conv_plan *plan, half_conv_plan *form);
/* weights: plain float32 [c_out][c_in / groups][kh][kw], any alignment. A form may be given as the plan. */
void half_conv_pack(const half_conv_plan *plan, const float *weights, void *packed);
void half_conv_run(const half_conv_plan *plan, const half_conv_arguments *arguments, int part, void *scratch);

/* Maximum over windows, one channel block; windows wholly in the padding give -inf. NaN wins. */
typedef struct half_pool {
    int h_in, w_in, h_out, w_out, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} half_pool;

/* ---- what an instruction set gives ---- */

/* The sum that one output needs: blocks x taps_h x taps_w pixels of 8 inputs (4 in a plain source). Strides in
 * elements. */
typedef struct half_tile {
    int blocks, taps_h, taps_w;
    int chunk; /* blocks after which a sum is put aside */
    ptrdiff_t block_stride, row_stride, tap_stride, step, block_out; /* block_out: of dst and residual */
    cpu_activation activation;
    bool residual_before;
} half_tile;

/* count times P outputs of F filter blocks. weights: [input block][tap][input][F][8]; bias: [F][8]; residual like
 * dst, or NULL. */
typedef void half_tile_run(const half_tile *tile, const uint16_t *src, const uint16_t *weights, const uint16_t *bias,
                           const uint16_t *residual, uint16_t *dst, int count);
typedef struct half_tile_set {
    int pixels[HALF_MAX_FILTERS]; /* largest P of f + 1 filter blocks; every P from 1 exists */
    half_tile_run *run[HALF_MAX_FILTERS][HALF_MAX_PIXELS];
} half_tile_set;

/* Depthwise: a row of one channel block, as conv_depthwise_f32 of conv_tile.h; strides in elements. */
typedef struct half_row {
    int kernel_h, kernel_w, stride, dilation;
    ptrdiff_t row_stride;
    cpu_activation activation;
    bool residual_before;
} half_row;
typedef void half_depthwise(const half_row *row, const uint16_t *src, const uint16_t *weights, const uint16_t *bias,
                            const uint16_t *residual, uint16_t *dst, int count, int low, int high);

typedef struct half_kernels {
    const char *direct_name, *depthwise_name; /* NULL: no float16 arithmetic, and nothing below */
    half_tile_set unit, two, any, plain;      /* by step: 8, 16, any; plain: pixels of 4, any step */
    half_depthwise *depthwise[2][2], *depthwise_any; /* kernel width 3 and 5, stride 1 and 2 */
    /* n elements; dst may be src. Bounds: SiLU, Sigmoid 4e-3 relative + 3e-4; others as float32's, rounded. */
    void (*act)(const uint16_t *src, uint16_t *dst, size_t n, cpu_activation activation);
    void (*binary)(cpu_binary op, const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n); /* add, sub, mul */
    void (*max_pool)(const half_pool *pool, const uint16_t *src, uint16_t *dst, int row_begin, int row_end);
    /* One block of `lanes` (1..8) channels of hw pixels; planes `stride` floats apart. */
    void (*block)(const float *src, size_t stride, int lanes, size_t hw, uint16_t *dst);
    void (*unblock)(const uint16_t *src, int lanes, size_t hw, float *dst, size_t stride);
    /* n pixels of `channels` (1..4) planes of float32, `stride` apart, as pixels of 4. */
    void (*interleave)(const float *src, size_t stride, int channels, size_t n, uint16_t *dst);
} half_kernels;

void half_fill_fp16(half_kernels *kernels);

#endif
