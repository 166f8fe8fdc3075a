/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution, float32, 2-D, batch 1 (callers loop over images). The family chooses among its algorithms by shape
 * (direct on blocked data for any kernel, stride and dilation; tap by tap where taps are far apart; Winograd for 3x3 of
 * stride 1 and 2, tile-fused; Strassen for 1x1 of many channels; depthwise; the first layer, of plain data, some by
 * Winograd) and cuts the work in parts.
 *
 *     conv_plan plan;
 *     if (conv_choose(&kernels, &shape, &plan)) ... conv_pack(&plan, weights, packed) once ... then for each part:
 *     plan.run(&plan, &arguments, part, scratch);
 *
 * Result: dst = act(conv(src) + bias) (+ residual, added after the activation where asked for).
 * Bound per element against double: 2 * k * eps * sum |w||x| for direct, k = c_in/groups * kh * kw; Winograd 5e-5 of
 * the output's range, Strassen 4e-6; NaN and infinity spread over their tile in Winograd, in Strassen to the pixel in
 * the other half of the strip, too. Activations add what eltwise.h allows. */
#ifndef ONYX_CPU_CONV_H
#define ONYX_CPU_CONV_H

#include <stdbool.h>
#include <stddef.h>

#include "cpu/eltwise.h"

typedef struct conv_shape {
    int c_in, c_out, groups;
    int h_in, w_in, h_out, w_out;
    int kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
    int pad_top, pad_left; /* the rest follows from h_out, w_out; taps outside read 0 */
    bool src_plain;        /* src is plain NCHW (first layer, few channels); else blocked */
    bool exact;            /* no Winograd or Strassen, and sums in their order */
    int threads;           /* that will share the parts, as far as is known; 0 is 1. Cuts never change the bits */
    /* In plans alone, where groups do not fill blocks of channels: so many neighbours are one group, with zeros where
     * they do not meet, the last of them perhaps not whole; and how many there are in the weights. 0: none. */
    int joined, file_groups;
} conv_shape;

/* 1x1 over whole rows: pixels may be taken as one line. */
static inline bool conv_is_line(const conv_shape *s)
{
    return s->kernel_h == 1 && s->kernel_w == 1 && s->stride_h == 1 && s->stride_w == 1 && s->pad_top == 0 &&
           s->pad_left == 0 && s->h_out == s->h_in && s->w_out == s->w_in;
}

/* The rows of an image that a buffer holds; its planes follow each other at that height, `gap` pixels between them.
 * rows 0: the whole image. pitch > 0: a band with a border, rows of so many pixels of which the image's come behind
 * `left` others; all that is outside the image, rows too, reads 0. cyclic, for depthwise convolutions alone: row y
 * stands at place y % rows. */
typedef struct conv_band {
    int first, rows, gap, left, pitch;
    bool cyclic;
} conv_band;

/* A residual with pixels of its own, fewer ones as a rule, as nearest upsampling repeats them: pixel i of the whole
 * output, row after row, takes the vector offsets[i] floats on in a plane of the residual. */
typedef struct conv_residual_map {
    const int *offsets; /* NULL: the residual is like dst */
    ptrdiff_t plane;    /* floats */
} conv_residual_map;

typedef struct conv_arguments {
    const float *src;      /* blocked (or plain) [c_in][h_in][w_in] */
    float *dst;            /* blocked [c_out][h_out][w_out] */
    const void *packed;    /* from conv_pack, 64-byte aligned */
    const float *bias;     /* c_out rounded up to the block, zero padded; never NULL */
    const float *residual; /* blocked like dst, or NULL; may equal dst */
    cpu_activation activation;
    bool residual_before;         /* add the residual before the activation instead of after it */
    conv_residual_map map;        /* residual_before and plan->maps_residual alone */
    conv_band src_band, dst_band; /* for run_rows only; dst_band holds for the residual too */
    /* Weights that are read after this convolution: run may have them fetched to the near cache meanwhile. Or NULL. */
    const void *next;
    size_t next_bytes;
    /* For run_rows of plan->pools only: dst is the maximum of windows of so many rows and columns that do not overlap,
     * and has as many fewer; the rows asked for are whole windows. 0: none. No residual. */
    int pooled;
} conv_arguments;

struct cpu_kernels;
typedef struct conv_plan conv_plan;
typedef void conv_run_function(const conv_plan *plan, const conv_arguments *arguments, int part, void *scratch);
/* Rows [begin, end) of the output; src holds all rows that they need. */
typedef void conv_rows_function(const conv_plan *plan, const conv_arguments *arguments, int begin, int end,
                                void *scratch);

struct conv_plan {
    const char *name; /* "conv_winograd43_f32_avx512" */
    conv_shape shape;
    int block;
    int parts;            /* independent parts of the work */
    size_t packed_bytes;  /* of the packed weights */
    size_t scratch_bytes; /* per worker, 64-byte aligned; contents need not be kept */
    conv_run_function *run;
    conv_rows_function *run_rows; /* NULL where the algorithm has none; scratch as for run */
    int grain;                    /* of run_rows: rows that are computed at once, from multiples of it on; 0: 1 */
    bool takes_border;            /* run_rows is faster from a band with as much border as the taps reach */
    bool maps_residual;           /* takes conv_arguments.map */
    int pools;                    /* takes conv_arguments.pooled up to this */
    double cycles;                /* estimate of one thread for all of it, data in the near cache */
    double balance;               /* estimate: share of the time that shape.threads threads are all at work */
    void (*pack)(const conv_plan *plan, const float *weights, void *packed);
    int tile[8];                       /* the algorithm's own: filter blocks, cuts, strip rows ... */
    const struct cpu_kernels *kernels; /* must outlive the plan */
};

/* False when no algorithm of this table takes the shape (many groups of odd sizes): the caller then falls back on the
 * operator's reference kernel. Never fails for groups == 1 and blocked src. */
bool conv_choose(const struct cpu_kernels *kernels, const conv_shape *shape, conv_plan *plan);
/* weights: plain [c_out][c_in / groups][kh][kw] of the shape asked for, any alignment. packed: plan->packed_bytes,
 * 64-byte aligned. */
void conv_pack(const conv_plan *plan, const float *weights, void *packed);

/* Convolutions in a row whose tensors between them would leave the near cache: a strip of the last one's rows is
 * carried through all, what lies between stays in scratch. The first and last one's arguments have src, dst and
 * residual. */
enum { CONV_STRIPS_MOST = 3 };
typedef struct conv_strips {
    conv_plan plans[CONV_STRIPS_MOST];
    int count;
    int rows; /* of a strip */
    int parts;
    int band_rows[CONV_STRIPS_MOST]; /* of what lies behind each but the last */
    size_t band_floats[CONV_STRIPS_MOST];
    size_t scratch_bytes;
    double cycles; /* estimate, less what moving the tensors between would take */
} conv_strips;

/* False where a plan has no run_rows, or where by the cost model it takes more than `alone` cycles. */
bool conv_strips_choose(const conv_plan *plans, int count, double alone, conv_strips *chain);
/* arguments: one for each plan; src and dst of what lies between are ignored. */
void conv_strips_run(const conv_strips *chain, const conv_arguments *arguments, int part, void *scratch);
/* Rows [begin, end) of the last one's output. */
void conv_strips_rows(const conv_strips *chain, const conv_arguments *arguments, int begin, int end, void *scratch);

/* What an instruction set offers: register tiles and transforms, see conv_tile.h. */
typedef struct conv_units conv_units;
typedef struct conv_kernels {
    const conv_units *units;
} conv_kernels;

/* Each overwrites what its instruction set does better; called in this order by cpu/fill_*.c. */
void conv_fill_c(conv_kernels *kernels);
void conv_fill_avx2(conv_kernels *kernels);
void conv_fill_avx512(conv_kernels *kernels);
void conv_fill_neon(conv_kernels *kernels);

#endif
