/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution and matrix product of 8-bit numbers, exact in int32, with what follows it in quantised graphs done in the
 * epilogue. Convolutions are 2-D, batch 1; a product's rows are pixels (shape.rows). Blocked 8-bit data is [ceil(c /
 * block)][h][w][block] bytes with the block of the table, as for float32; the lanes behind the last channel hold
 * anything.
 *
 *     qconv_plan plan;
 *     if (qconv_choose(&kernels, &shape, &plan)) ... qconv_pack(&plan, weights, zeros, packed) once ... then for each
 *     part: plan.run(&plan, &arguments, part, scratch);
 *
 * With acc = sum (src - src_zero) * (weight - weight_zero) + bias over the window, taps outside the input reading
 * src_zero, and for 1x1 convolutions with sum_up_h > 0 the sum of the pixel (y / sum_up_h, x / sum_up_w), dst is by
 * output:
 *   QCONV_U8, QCONV_S8  table[clamp(round_half_even(float(acc) * scale[c]) + dst_zero)]
 *   QCONV_F32           act(float(acc) * scale[c] + float_bias[c] + residual)
 *   QCONV_S32           acc
 * Every instruction set gives the same bits for 8-bit and int32 output; float output differs by one rounding of the
 * multiply-add and the activation's error. |acc| must fit int32 (c_in * kh * kw <= 32768 is always enough). */
#ifndef ONYX_CPU_QCONV_H
#define ONYX_CPU_QCONV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cpu/eltwise.h"

typedef enum qconv_output { QCONV_U8, QCONV_S8, QCONV_F32, QCONV_S32 } qconv_output;

typedef struct qconv_shape {
    int c_in, c_out, groups; /* 1, or all three equal: depthwise */
    int h_in, w_in, h_out, w_out;
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int pad_top, pad_left; /* the rest follows from h_out, w_out */
    bool rows;           /* src is [h_in][c_in], dst [h_out][c_out], plain; dense, kernel, stride and width 1, no pad */
    bool src_plain;      /* src is plain [c_in][h_in][w_in] of at most 16 channels; else blocked */
    bool src_float;      /* src_plain, but float32 that becomes bytes on the way: see arguments.src_scale */
    bool src_signed;     /* src is int8, else uint8 */
    bool weights_signed; /* weights are int8, else uint8 */
    bool weights_zero;   /* some weight zero point is not 0, or weights are uint8 and it is not 128: dearer, unless */
    bool zeros_folded;   /* weights are packed less their zero points (qconv_fold_zeros), with */
    int extra_groups;    /* so many groups of channels a second time, for what of them does not fit int8 */
    int largest_weight, largest_filter; /* max |weight - zero|, and max over filters of the sum of these; 0: unknown */
    int threads;            /* that will share the parts, as far as is known; 0 is 1. Cuts never change the bits */
    int sum_up_h, sum_up_w; /* arguments.sum is added, each for so many rows and columns of output; 0: no sum */
    qconv_output output;
} qconv_shape;

typedef struct qconv_arguments {
    const void *src;
    int src_zero;              /* in the type of src */
    float src_scale;           /* src_float: src stands for clamp(round_half_even(src / src_scale) + src_zero) */
    void *dst;                 /* blocked; rows: plain */
    const void *packed;        /* from qconv_pack, 64-byte aligned */
    const int32_t *bias;       /* c_out values, or NULL */
    const int32_t *sum;        /* blocked, where shape.sum_up_h > 0 */
    const float *scale;        /* c_out values: scales of src * weights (/ dst for 8-bit); unused for QCONV_S32 */
    int dst_zero;              /* 8-bit output, in its type */
    const uint8_t *table;      /* 256 entries by the byte's bits, or NULL; 8-bit output only */
    const float *float_bias;   /* c_out values, or NULL; QCONV_F32 only */
    const float *residual;     /* rows and QCONV_F32: stored as dst is, but elsewhere; or NULL */
    cpu_activation activation; /* QCONV_F32 only; any but CPU_ACT_SWISH */
    float
        *limits; /* NULL, or by channel block: the smallest and the largest value of this part, and 0; QCONV_F32 only */
} qconv_arguments;

struct cpu_kernels;
typedef struct qconv_plan qconv_plan;
typedef void qconv_run_function(const qconv_plan *plan, const qconv_arguments *arguments, int part, void *scratch);

/* How an instruction set multiplies; see qconv.c for the packed form that follows from it. */
typedef struct qconv_units {
    const char *name;
    int lanes;         /* output channels of a vector = block */
    int group;         /* source channels in 32 bits: 4 of 8 bits or 2 of 16 */
    bool split_pairs;  /* a group of 4 is stored as all first pairs, then all second pairs */
    bool src_signed;   /* the product takes signed sources, else unsigned */
    int filter_blocks; /* vectors of output channels in a tile, at most */
    int deep_pixels;   /* of the largest tile of deep_blocks vectors; 0: short rows do not become one line */
    int deep_blocks;   /* the same where the weights of such a tile do not stay in the first cache */
    qconv_run_function *dense, *depthwise;
    qconv_run_function *depthwise_dot; /* four taps at a time, for weights that fit int8 less their zero; or NULL */
    const char *winograd_name;
    int winograd_blocks;          /* as filter_blocks */
    int winograd_tiles;           /* fewer: reading larger weights eats what is saved; measured in whole nets */
    qconv_run_function *winograd; /* or NULL */
} qconv_units;

/* Products of whole matrices, where the processor has them: 64 bytes of a pixel, or of neighbouring ones, times as many
 * of 16 filters in one instruction. They take dense shapes, of blocked sources, of pictures with up to four channels or
 * of eight rows and more, before the units do. */
typedef struct qconv_matrix {
    const char *name;
    qconv_run_function *run;
    /* Packs the filters of rows whose zero points are not folded, quickly, because such weights may be those of one
     * run; sums[c]: of their weights as int8. */
    void (*pack_rows)(const qconv_plan *plan, const uint8_t *weights, uint8_t *filters, int32_t *sums);
} qconv_matrix;

struct qconv_plan {
    const char *name;
    qconv_shape shape;
    int block;
    int parts; /* independent parts of the work: strips of output rows, or batches of tiles */
    size_t packed_bytes;
    size_t scratch_bytes; /* per worker, 64-byte aligned; contents need not be kept */
    qconv_run_function *run;
    const struct cpu_kernels *kernels; /* must outlive the plan */
    const qconv_units *units;
    int filter_blocks;                        /* vectors of output channels in a tile, at most */
    int strips, filter_parts;                 /* parts = strips (Winograd: batches) * filter_parts */
    int strip_rows;                           /* output rows of a part */
    int strip_rows_in, strip_w;               /* rows and columns of the source that a strip needs, pads included */
    int src_blocks, block_channels;           /* channel blocks of the source, and channels in each */
    int pixel_bytes;                          /* of one pixel of one source block, in the strip */
    bool in_place;                            /* the source is read where it lies */
    size_t taps_at, up_at, sums_at, strip_at; /* offsets in scratch */
    size_t bytes_at;                          /* rows of a float source as bytes, plane by plane; too */
    bool winograd;
    bool depthwise_dot;
    size_t spread_at; /* in scratch: its pixels, each with the three behind it */
    int tiles;        /* of 4x4 output pixels in a part; the following are offsets in scratch again */
    size_t zero_row_at, columns_at, tiles_at, products_at;
    const qconv_matrix *matrix; /* or NULL; the following are about its strip, see qconv_matrix.c: */
    int planes, rest_bytes;     /* of 64-byte pixels; bytes of a pixel in the last, narrower plane, or 0 */
    int rest_taps;              /* taps of a row that 64 bytes of the narrower plane hold */
    int rest_rows;              /* rows of a picture that each of its pixels has; else 1 */
    int steps;                  /* products of one sum, those for what does not fit int8 included */
    int line, phase_rows; /* pixels of a row, and rows of a phase; without matrix: of short rows as one line, or 0 */
    size_t line_at;       /* in scratch: bytes of such a line */
};

/* False for shapes that no algorithm takes (grouped but not depthwise; plain sources of more than 16 channels;
 * depthwise plain sources; sums for other than dense 1x1 convolutions with stride 1 and whole repetitions; rows of what
 * is no matrix product; windows or strides beyond reason). */
bool qconv_choose(const struct cpu_kernels *kernels, const qconv_shape *shape, qconv_plan *plan);
/* Where some zero point is not what the product takes (shape->weights_zero), but nearly all weights fit int8 less it,
 * as where a filter's largest weight is far from the next: makes the shape one with folded zero points. Else leaves it.
 */
void qconv_fold_zeros(const struct cpu_kernels *kernels, const void *weights, const int *zeros, qconv_shape *shape);
/* Notes in the shape what the sums of `filters` 3x3 filters can grow to, which decides whether Winograd is exact; other
 * kernels it leaves alone. weights: [filters][c_in / groups][3][3] bytes. zeros: of each filter, in their type. */
void qconv_measure(const void *weights, const int *zeros, int filters, qconv_shape *shape);
/* weights: plain [c_out][c_in / groups][kh][kw] bytes; of rows [c_in][c_out]. zeros: c_out zero points in the weights'
 * type, or NULL when shape.weights_zero and zeros_folded are false (0 for int8, 128 for uint8). packed:
 * plan->packed_bytes, 64-byte aligned. */
void qconv_pack(const qconv_plan *plan, const void *weights, const int *zeros, void *packed);

typedef struct qconv_kernels {
    const qconv_units *units;
    const qconv_matrix *matrix; /* or NULL */
} qconv_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void qconv_fill_c(qconv_kernels *kernels);
void qconv_fill_avx2(qconv_kernels *kernels);
void qconv_fill_avx_vnni(qconv_kernels *kernels);
void qconv_fill_avx512(qconv_kernels *kernels);
void qconv_fill_avx512_vnni(qconv_kernels *kernels);
void qconv_fill_amx(qconv_kernels *kernels); /* beside avx512_vnni */
void qconv_fill_neon(qconv_kernels *kernels);
void qconv_fill_dotprod(qconv_kernels *kernels);

#endif
