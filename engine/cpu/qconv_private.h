/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What qconv.c and the bodies of the instruction sets agree on. */
#ifndef ONYX_CPU_QCONV_PRIVATE_H
#define ONYX_CPU_QCONV_PRIVATE_H

#include "cpu/qconv.h"

/* Weights to be packed, and a zero point for each filter, or NULL. */
typedef struct qconv_weights {
    const void *values;
    const int *zeros;
} qconv_weights;

static inline int qconv_weight_at(const qconv_plan *plan, const void *weights, size_t i)
{
    return plan->shape.weights_signed ? ((const int8_t *)weights)[i] : ((const uint8_t *)weights)[i];
}

/* The zero point of filter c in the weights' own type. */
static inline int qconv_zero_of(const qconv_plan *plan, const int *zeros, int c)
{
    if (zeros)
        return zeros[c];
    return plan->shape.weights_signed ? 0 : 128;
}

static inline int qconv_clamp_int8(int value)
{
    return value < -128 ? -128 : value > 127 ? 127 : value;
}

static inline bool qconv_is_depthwise(const qconv_shape *s)
{
    return s->groups > 1 && s->groups == s->c_in && s->groups == s->c_out;
}

/* Groups of channels (units->group each) in a block of the source. */
static inline int qconv_groups(const qconv_plan *plan, int block)
{
    int channels = plan->shape.c_in - block * plan->block_channels;
    if (channels > plan->block_channels)
        channels = plan->block_channels;
    return (channels + plan->units->group - 1) / plan->units->group;
}

static inline int qconv_groups_all(const qconv_plan *plan)
{
    return (plan->src_blocks - 1) * qconv_groups(plan, 0) + qconv_groups(plan, plan->src_blocks - 1);
}

/* Groups that a dense filter is multiplied with. */
static inline int qconv_filter_groups(const qconv_plan *plan)
{
    return qconv_groups_all(plan) * plan->shape.kernel_h * plan->shape.kernel_w + plan->shape.extra_groups;
}

/* Vectors of filters in the next tile when `left` are left, at most `most`: as even as possible. */
static inline int qconv_wide(int most, int left)
{
    int tiles = (left + most - 1) / most;
    return (left + tiles - 1) / tiles;
}

/* Pairs of source channels, Winograd. */
static inline int qconv_winograd_pairs(const qconv_plan *plan)
{
    return (plan->shape.c_in + 1) / 2;
}

/* Depthwise by fours: vectors of weights for a row of the kernel, and pixels between two that are kept. */
static inline int qconv_fours(const qconv_plan *plan)
{
    return (plan->shape.kernel_w + 3) / 4;
}

static inline int qconv_kept_step(const qconv_plan *plan)
{
    return plan->shape.stride_w % 2 ? 1 : 2;
}

/* Winograd takes this shape, and it pays. */
bool qconv_winograd_fits(const qconv_units *units, const qconv_shape *shape);
/* Makes a plan that qconv_choose has begun one for Winograd. */
void qconv_winograd_plan(qconv_plan *plan);
void qconv_winograd_pack(const qconv_plan *plan, const void *weights, const int *zeros, void *packed);

/* Pixels of a row, where the rows of a strip are one line: columns of the source that are read, its pads to the left,
 * which are the row before's to the right, too, and whole steps of the output. */
int qconv_line_pixels(const qconv_plan *plan);

/* Matrix tiles take this shape. */
bool qconv_matrix_fits(const qconv_shape *shape);
/* Makes a plan that qconv_choose has begun one for matrix tiles. */
void qconv_matrix_plan(qconv_plan *plan);
void qconv_matrix_pack(const qconv_plan *plan, const qconv_weights *weights, const int32_t *extra, uint8_t *out);
/* Where a vector of filters has its weights of a step; from one of its steps to the next. */
uint8_t *qconv_matrix_vector(const qconv_plan *plan, int vector, int step, uint8_t *out);
size_t qconv_matrix_vector_step(const qconv_plan *plan, int vector);
/* Of one plane of its strip, of pixels of so many bytes. */
size_t qconv_plane_bytes(const qconv_plan *plan, int pixel);
/* One product of a sum: where its source lies in the strip for the line's first pixel, and from one output to the next.
 */
typedef struct qconv_step {
    size_t offset, step;
} qconv_step;
/* Lists them; how many these are. again: room for as many numbers. */
int qconv_matrix_steps(const qconv_plan *plan, const int32_t *extra, uint16_t *again, qconv_step *list);

/* Where the filters start in the packed weights. */
static inline size_t qconv_filters_at(const qconv_plan *plan)
{
    size_t block = (size_t)plan->block, c_out = ((size_t)plan->shape.c_out + block - 1) / block * block;
    return ((2 * c_out + (size_t)plan->shape.extra_groups) * sizeof(int32_t) + 63) / 64 * 64;
}

#endif
