/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What qconv.c and the bodies of the instruction sets agree on. */
#ifndef ONYX_CPU_QCONV_PRIVATE_H
#define ONYX_CPU_QCONV_PRIVATE_H

#include "cpu/qconv.h"

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

/* Where the filters start in the packed weights. */
static inline size_t qconv_filters_at(const qconv_plan *plan)
{
    size_t block = (size_t)plan->block, c_out = ((size_t)plan->shape.c_out + block - 1) / block * block;
    return (2 * sizeof(int32_t) * c_out + 63) / 64 * 64;
}

#endif
