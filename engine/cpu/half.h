/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Images of 16 bits, for precision=fp16 and bf16 where the processor has arithmetic for them: the families between
 * which a network's images flow (convolution, activations, sums, pools, upsampling). Layout "half":
 * [n][ceil(c / lanes)][h][w][lanes], lanes behind channel c - 1 hold finite values. All else stays float32; half_block
 * and half_unblock lie between.
 *
 * float16 (ARMv8.2), 8 lanes. A product is rounded once, by a fused multiply-add in float16. Sums are kept in float16
 * too, but put aside after at most HALF_CHUNK inputs (or one block, where its taps are more) and added up at the end,
 * so that the error of a long sum grows with the number of pieces and not of inputs. Error per output against double:
 * each rounding is up to 2^-11 of the sum so far, s_i, and they are as good as independent, so that six standard
 * deviations are 2^-11 * 3.5 * sqrt(sum s_i^2) (Higham and Mary, A New Approach to Probabilistic Rounding Error
 * Analysis, 2019), plus the activation's, see act. For terms of either sign one of these deviations is about
 * 2^-11 * 0.4 * sum |w||x|; at worst, with terms of one sign, the error is 2^-11 * HALF_CHUNK / 2 * sum |w||x|.
 * No Winograd: its transforms cost F(4, 3) three of the eleven bits. Results beyond 65504 become infinite.
 *
 * bfloat16 (AMX), 16 lanes. Only what is stored is bfloat16: images and, but for depthwise ones, weights. Products are
 * exact, sums, bias, residual and activation are float32. Bound per output against double, of such inputs:
 * k * 2^-23 * sum |w||x| for k inputs, 7e-4 of SiLU's result (below -10: 2e-6), and the result's rounding, 2^-8 of it.
 * Matrix products (gemm_half.c) the same of rounded matrices, with float32 results. Denormal numbers count as 0. What
 * is not finite makes its neighbours NaN, too: they meet it with weight 0. */
#ifndef ONYX_CPU_HALF_H
#define ONYX_CPU_HALF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/conv.h"

/* HALF_LANES, HALF_CHUNK, HALF_MAX_*: of float16. */
enum { HALF_LANES = 8, HALF_CHUNK = 128, HALF_MAX_FILTERS = 4, HALF_MAX_PIXELS = 12, HALF_MOST_LANES = 16 };

typedef enum half_format { HALF_NONE, HALF_FLOAT16, HALF_BFLOAT16 } half_format;

typedef struct half_conv_arguments {
    const void *src;          /* half; or plain float32 where shape.src_plain */
    void *dst;                /* half; or float32 in the same blocks where plan.wide_dst */
    const void *packed;       /* from half_conv_pack, 64-byte aligned */
    const void *bias;         /* half_kernels.sum_bytes each, c_out rounded up to lanes, zero padded; never NULL */
    const uint16_t *residual; /* half, of dst's size, not dst, or NULL */
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
    bool depthwise, padded, line, tiles;
    bool wide_dst;                     /* to be set behind half_conv_choose where plan.tiles */
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

/* half_tiles.c: dense convolutions where the table multiplies tiles; what half_conv_* leave to it. */
bool half_tiles_choose(const conv_shape *shape, half_conv_plan *plan);
void half_tiles_pack(const half_conv_plan *plan, const float *weights, uint16_t *packed);
void half_tiles_run(const half_conv_plan *plan, const half_conv_arguments *arguments, int part, void *scratch);

/* half_depthwise.c: depthwise ones where sums are float32. */
bool half_depthwise_choose(half_conv_plan *plan);
void half_depthwise_run(const half_conv_plan *plan, const half_conv_arguments *arguments, int part, void *scratch);

/* half_kernels.block and unblock, also where a table, whose float32 has the same blocks, has none of its own. */
void half_block(const struct cpu_kernels *kernels, const float *src, size_t stride, int lanes, size_t hw,
                uint16_t *dst);
void half_unblock(const struct cpu_kernels *kernels, const uint16_t *src, int lanes, size_t hw, float *dst,
                  size_t stride);

/* Maximum over windows, one channel block; windows wholly in the padding give -inf. NaN wins. */
typedef struct half_pool {
    int h_in, w_in, h_out, w_out, kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
} half_pool;

/* ---- what an instruction set gives ---- */

/* The sum that one output needs: blocks x taps_h x taps_w pixels of 8 inputs (4 in a plain source). Strides in
 * elements. */
typedef struct half_tile {
    int blocks, taps_h, taps_w;
    int chunk;                                                       /* blocks after which a sum is put aside */
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

/* Depthwise, where sums are of 16 bits: a row of one channel block, as conv_depthwise_f32 of conv_tile.h; strides in
 * elements. */
typedef struct half_row {
    int kernel_h, kernel_w, stride, dilation;
    ptrdiff_t row_stride;
    cpu_activation activation;
    bool residual_before;
} half_row;
enum { HALF_DEPTHWISE_ROWS = 4 };
typedef void half_depthwise_rows(const uint16_t *const *src, const float *weights, const float *bias,
                                 uint16_t *const *dst, int count, int low, int high, cpu_activation activation);
typedef void half_depthwise(const half_row *row, const uint16_t *src, const void *weights, const void *bias,
                            const uint16_t *residual, uint16_t *dst, int count, int low, int high);

/* Products of tiles. `count` outputs in a line, each of 1 or 2 filter blocks: output i takes for step s the 32 numbers
 * at src + offsets[s] + i * stride bytes, stride being strides[0] in the first `wide` steps and strides[1] in the
 * others. They are read, and may be anything, for HALF_TILE_READS outputs from the last begun block of as many on.
 * Several lines may follow each other between begin and end, which finish what was begun: until then everything that a
 * line was given must stay. An output whose place is named again is written again, in the order of the lines. */
enum { HALF_TILE_READS = 64, HALF_STEP = 32 };
typedef struct half_line {
    const char *src;
    const uint16_t *weights; /* [step][filter block][16][16 filters][2]: of inputs 2i and 2i + 1 */
    const float *bias;       /* of its filters */
    const uint16_t *residual;
    const float *addend; /* NULL; or what is added to the sums, stored as dst is */
    void *dst;           /* of bfloat16, or float32 where products.wide_dst */
    int filters, count;
} half_line;
typedef struct half_products {
    const int32_t *offsets;
    int steps, wide;
    ptrdiff_t strides[2];
    const int32_t *places; /* of output i in dst, residual and addend, in elements; of the next lines */
    ptrdiff_t block_out;   /* elements from filter block to filter block */
    cpu_activation activation;
    bool residual_before, wide_dst;
    /* Source rows that the next lines will want, fetched `fetch` lines of 64 bytes a step: `runs` of so many bytes,
     * `run_stride` bytes apart. */
    const char *next;
    size_t run_bytes, run_stride, run_at;
    int runs, fetch;
    /* Likewise weights, `ahead_lines` a step. */
    const char *ahead, *ahead_end;
    int ahead_lines;
    /* The kernel's own: the line whose sums wait, and them. */
    half_line waiting;
    const int32_t *waiting_places;
    float sums[64][16] __attribute__((aligned(64)));
} half_products;

typedef struct half_tile_kernels {
    void (*begin)(half_products *products);
    void (*run)(half_products *products, const half_line *line);
    void (*end)(half_products *products);
    /* n pixels of two blocks, `step` apart, side by side. */
    void (*pair)(const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n, size_t step);
    /* k rows of 16 floats a filter block, `stride` apart, as weights of a line: rounded, zeros behind row k - 1. */
    void (*columns)(const float *src, size_t stride, size_t k, int filters, uint16_t *dst);
} half_tile_kernels;

typedef struct half_kernels {
    half_format format; /* HALF_NONE: nothing below */
    int lanes;
    size_t sum_bytes; /* of a bias, and of a weight of a depthwise convolution: 2, or 4 where they are float32 */
    const char *direct_name, *depthwise_name, *product_name;
    void (*to_float)(const uint16_t *src, float *dst, size_t n);
    void (*from_float)(const float *src, uint16_t *dst, size_t n);
    half_tile_kernels tiles;                         /* where there are none, the next */
    half_tile_set unit, two, any, plain;             /* by step: 8, 16, any; plain: pixels of 4, any step */
    half_depthwise *depthwise[2][2], *depthwise_any; /* kernel width 3 and 5, stride 1 and 2; or: */
    /* HALF_DEPTHWISE_ROWS rows at once of square kernels and strides, as conv_depthwise_f32; no activation but none,
     * ReLU, clip. */
    half_depthwise_rows *depthwise_rows[2][2];
    /* Where that does not do: what follows the sums of n pixels of one block, as they come from float32's depthwise
     * kernels. */
    void (*finish)(const float *sums, const uint16_t *residual, uint16_t *dst, size_t n, cpu_activation activation,
                   bool residual_before);
    /* n elements; dst may be src. Bounds: SiLU, Sigmoid 4e-3 relative + 3e-4 (bfloat16: 7e-4 + 2e-6, and rounding);
     * others as float32's, rounded. */
    void (*act)(const uint16_t *src, uint16_t *dst, size_t n, cpu_activation activation);
    void (*binary)(cpu_binary op, const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n); /* add, sub, mul */
    void (*max_pool)(const half_pool *pool, const uint16_t *src, uint16_t *dst, int row_begin, int row_end);
    /* One block of `lanes` (1..all) channels of hw pixels; planes `stride` floats apart. */
    void (*block)(const float *src, size_t stride, int lanes, size_t hw, uint16_t *dst);
    void (*unblock)(const uint16_t *src, int lanes, size_t hw, float *dst, size_t stride);
    /* NULL: by way of float32 in blocks, see half_block. */
    /* n pixels of `channels` (1..4) planes of float32, `stride` apart, as pixels of 4. */
    void (*interleave)(const float *src, size_t stride, int channels, size_t n, uint16_t *dst);
} half_kernels;

void half_fill_fp16(half_kernels *kernels);
/* AMX and AVX-512 BF16. */
void half_fill_amx(half_kernels *kernels);

#endif
