/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What an instruction set gives to the convolution family: register tiles and transforms. The loops around them
 * (strips, borders, filter groups, packing: conv_direct.c, conv_winograd.c, conv_depthwise.c) are written once for all.
 * V stands for the vector length in floats, which is the channel block. */
#ifndef ONYX_CPU_CONV_TILE_H
#define ONYX_CPU_CONV_TILE_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu/eltwise.h"

enum { CONV_MAX_FILTERS = 5, CONV_MAX_PIXELS = 20, CONV_MAX_LANES = 16 };

/* Epilogue on accumulators that are still in registers. Activations that are not among these are applied by the eltwise
 * table afterwards, and the tile then runs with CONV_EPILOGUE_NONE. */
typedef enum conv_epilogue_act {
    CONV_EPILOGUE_NONE,
    CONV_EPILOGUE_CLIP, /* also ReLU */
    CONV_EPILOGUE_LEAKY,
    CONV_EPILOGUE_SILU,
    CONV_EPILOGUE_HARD_SIGMOID, /* clip(a * x + b, 0, 1) */
    CONV_EPILOGUE_HARD_SWISH
} conv_epilogue_act;

typedef struct conv_epilogue {
    conv_epilogue_act act;
    float a, b;
    bool residual_before; /* residual, where given, is added before the activation, else after it */
} conv_epilogue;

/* The sum that one output needs: blocks x taps_h x taps_w runs of `inner` consecutive floats of src (inner_last in the
 * last block). Blocked src: inner = V channels of one tap, inner_last a multiple of 4, with zero weights where there is
 * no channel. Plain src: a block is a channel and inner = kernel width.
 * Also the small matrix products of Winograd (one tap). Strides in floats. */
typedef struct conv_tile {
    int blocks, taps_h, taps_w, inner, inner_last;
    ptrdiff_t block_stride, row_stride, tap_stride;
    ptrdiff_t step;             /* between the inputs of neighbouring outputs */
    ptrdiff_t dst_block_stride; /* between filter blocks */
    ptrdiff_t residual_block_stride;
    /* Blocked data only: sums that go on, laid out like dst, may be dst; or NULL: they begin with the bias. */
    const float *sums;
    ptrdiff_t sums_block_stride;
    /* What is needed next, to be fetched to the second level while summing, or NULL: with every input a line, then
     * ahead_step bytes further; the next tile begins ahead_share bytes further. */
    const char *ahead;
    ptrdiff_t ahead_share, ahead_step;
    /* Plain data of stride 2 alone: rows of taps from fetch_from on have what lies `fetch` floats further brought to
     * the second level, which the outputs below will read first. */
    ptrdiff_t fetch;
    int fetch_from;
    bool cold; /* dst is far away and the sum short: have it fetched while summing */
    conv_epilogue epilogue;
    const int *map; /* see conv_residual_map: from the first output on, or NULL; not for constant steps but V */
} conv_tile;

/* count times P outputs of F filter blocks: dst[f * dst_block_stride + p * V + lane]. weights: [sum][F][V]; bias:
 * [F][V] or NULL for none; residual: like dst, or NULL. */
typedef void conv_tile_f32(const conv_tile *tile, const float *src, const float *weights, const float *bias,
                           const float *residual, float *dst, int count);

/* Tiles for one step, which is a constant in their addresses or any. pixels[f - 1] is the largest P of f filter blocks;
 * every P from 1 exists, so a row of any length is cut into tiles of nearly equal size. */
typedef struct conv_tile_set {
    int filters; /* largest F */
    int pixels[CONV_MAX_FILTERS];
    conv_tile_f32 *run[CONV_MAX_FILTERS][CONV_MAX_PIXELS];
} conv_tile_set;

/* Winograd: tiles of 4x4 outputs or of 2x2. Stride 1, F(4x4, 3x3): 6x6 products from 6x6 inputs; F(2x2, 3x3): 4x4.
 * Stride 2: the even columns meet two taps, F(4, 2) with 5 products or F(2, 2) with 3, the odd ones a single tap, 4
 * products or 2: 9x9 products from 9x9 inputs, or 5x5. */
enum { WINOGRAD_SIDE_UNIT = 6, WINOGRAD_SIDE_TWO = 9, WINOGRAD_SIDE_SMALL = 4, WINOGRAD_SIDE_SMALL_TWO = 5 };
enum { WINOGRAD_SIDE_MOST = 9, WINOGRAD_FORMS = 4, WINOGRAD_SIDE_SEVEN = 7 };

/* count tiles, 4 * stride columns apart or 2 * stride, from `side` rows to v[(i * side + j) * point_stride]; the next
 * tile's v is V floats on. Columns [low, high) of those that the tiles span exist, rows point at column `low`; others
 * read 0. */
typedef void conv_winograd_input_f32(const float *const *rows, int low, int high, float *v, ptrdiff_t point_stride,
                                     int count);
/* One tile back: m[(i * side + j) * point_stride] to rows x cols (1..4, 1..2) vectors of dst. bias: [V]. residual: like
 * dst, rows residual_row_stride floats apart, or NULL. */
typedef void conv_winograd_output_f32(const float *m, ptrdiff_t point_stride, const conv_epilogue *epilogue,
                                      const float *bias, const float *residual, ptrdiff_t residual_row_stride,
                                      float *dst, ptrdiff_t row_stride, int rows, int cols);

/* U = G w G^T for V filters: w [9][V], G [side][3], u[point * point_stride] for side * side points. */
typedef void conv_winograd_weights_f32(const float *w, const float (*G)[3], int side, float *u, ptrdiff_t point_stride);

/* Kernels of one row or one column, F(4, r): 4 outputs from the points 0, +-a[k], infinity. q[k] and f are the even
 * polynomials whose zeros are the squares of all other points than a[k], and of all. */
enum { WINOGRAD_LINE_FORMS = 3, WINOGRAD_LINE_PAIRS = 4, WINOGRAD_LINE_MOST = 2 * WINOGRAD_LINE_PAIRS + 2 };
typedef struct conv_winograd_line {
    int pairs;
    float a[WINOGRAD_LINE_PAIRS], q[WINOGRAD_LINE_PAIRS][WINOGRAD_LINE_PAIRS], f[WINOGRAD_LINE_PAIRS + 1];
} conv_winograd_line;

/* count tiles: those of number t from taps[i] + t * step to v[point * point_stride + t * V], 2 * pairs + 2 of both. */
typedef void conv_winograd_line_input_f32(const conv_winograd_line *line, const float *const *taps, ptrdiff_t step,
                                          float *v, ptrdiff_t point_stride, int count);
/* One tile back to count (1..4) vectors dst_step apart; the residual's are residual_step apart. */
typedef void conv_winograd_line_output_f32(const conv_winograd_line *line, const float *m, ptrdiff_t point_stride,
                                           const conv_epilogue *epilogue, const float *bias, const float *residual,
                                           ptrdiff_t residual_step, float *dst, ptrdiff_t dst_step, int count);

/* The same for plain images of stride 2, whose even and odd rows and columns are images of their own: lanes are tiles.
 * F(4, 3), or F(4, 4) with a point more, 1/2 before the last one: `side` is 6 or 7.
 * Down the columns: n of `side` rows, every other one of the image, n a multiple of V: to lines[n / V][side][V]. */
typedef void conv_phases_down_f32(const float *const *rows, int n, float *lines);
/* Along one of those lines, its first V columns at `line`: the points of the even and of the odd ones to v[phase *
 * phase_stride + j * point_stride + tile], for tiles rounded up to V; reads 8 columns a tile and six more. */
typedef void conv_phases_along_f32(const float *line, float *v, ptrdiff_t phase_stride, ptrdiff_t point_stride,
                                   int tiles);

/* Depthwise: rows of `count` outputs of one channel block, one or more below each other by the kernel. weights:
 * [kernel_h][kernel_w][V]. src[k]: the rows of taps, where tap (k, 0) of output 0 reads, perhaps before the row's
 * start: columns (V floats each) outside [low, high) read 0 and are not touched. Of several rows the next one's taps
 * are `stride` further down in src. dst: one for each row. The epilogue's activation is any but SiLU. */
enum { CONV_DEPTHWISE_ROWS = 4 };
typedef struct conv_depthwise_row {
    int kernel_h, kernel_w, stride, dilation; /* the latter two horizontal */
    conv_epilogue epilogue;
} conv_depthwise_row;
typedef void conv_depthwise_f32(const conv_depthwise_row *row, const float *const *src, const float *weights,
                                const float *bias, float *const *dst, int count, int low, int high);

struct conv_units {
    int lanes;
    const char *direct_name, *strassen_name, *taps_name, *plain_name, *depthwise_name;
    const char *winograd_name[WINOGRAD_FORMS];  /* tiles of 4x4: stride 1, 2; of 2x2: stride 1, 2 */
    const char *line_name[WINOGRAD_LINE_FORMS]; /* of 3, 5, 7 taps */
    const char *phases_name;                    /* of seven points */
    /* by step: V (stride 1), 2 V (stride 2), 2 (plain src, stride 2), any */
    conv_tile_set unit, two, plain_two, any;
    conv_tile_set products; /* step 1, blocks of one float, nothing but the sum */
    /* As `unit`, where the last filter block has V / 2 filters or less: blocks are halves, whose lanes are a filter and
     * every other input, so that a multiply-add takes two. Weights [sum / 2][2 F - 1][V / 2][2]. F is 2 or more;
     * filters 0: there are none. */
    conv_tile_set halved;
    conv_winograd_input_f32 *winograd_input[WINOGRAD_FORMS];
    conv_winograd_output_f32 *winograd_output[WINOGRAD_FORMS];
    conv_winograd_weights_f32 *winograd_weights;
    conv_winograd_line_input_f32 *line_input[WINOGRAD_LINE_FORMS];
    conv_winograd_line_output_f32 *line_output;
    /* of six points, and seven; the output's rows and cols are 4 */
    conv_phases_down_f32 *phases_down[2];
    conv_phases_along_f32 *phases_along[2];
    conv_winograd_output_f32 *phases_output[2];
    /* square kernels of 3, 5 and 7, stride 1, dilated or not, and 2 in both directions, not dilated horizontally;
     * [n - 1]: n rows, or NULL from where on there are too few registers. One row of any kernel. */
    conv_depthwise_f32 *depthwise[3][2][CONV_DEPTHWISE_ROWS], *depthwise_any;
};

#endif
