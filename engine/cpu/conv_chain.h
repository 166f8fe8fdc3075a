/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Layers in a row, float32, batch 1, a few rows at a time, so that what lies between them stays in the near cache: on
 * large planes thin layers wait for memory, each alone. The first may be any convolution that runs by rows, or the sum
 * of two images; those behind it are 1x1 and depthwise convolutions and maximum pools. No residuals. Same bounds as
 * conv.h, and the same bits as one layer after the other.
 *
 *     conv_link links[n]; ... conv_link_first(&plan, &links[0]), conv_link_point(..., &links[1]) ...
 *     if (conv_chain_choose(links, n, threads, &chain)) ... pack the links ... then for each part:
 *     conv_chain_run(&chain, arguments, part, scratch); */
#ifndef ONYX_CPU_CONV_CHAIN_H
#define ONYX_CPU_CONV_CHAIN_H

#include "cpu/conv.h"
#include "cpu/resize.h"

enum { CONV_CHAIN_MOST = 16 };

typedef enum conv_link_kind {
    CONV_LINK_FIRST,
    CONV_LINK_SUM,
    CONV_LINK_POINT,
    CONV_LINK_DEPTHWISE,
    CONV_LINK_POOL
} conv_link_kind;

typedef struct conv_link {
    conv_link_kind kind;
    conv_plan plan; /* of POINT, SUM and POOL shape, sizes and cycles alone */
    int filters;    /* POINT: blocks that are done at once, see conv_filters */
    bool joined;    /* POOL: done with the depthwise convolution in front, whose own rows nobody keeps */
    int step, held; /* rows that are computed at once; rows of the output that are kept (but of the last layer) */
    resize_tables nearest; /* SUM: how the second image becomes as large as the first */
} conv_link;

/* False where the shape is none of that kind. A pool's shape has as many groups as channels. */
bool conv_link_first(const conv_plan *plan, conv_link *link);
bool conv_link_point(const struct cpu_kernels *kernels, const conv_shape *shape, conv_link *link);
bool conv_link_depthwise(const struct cpu_kernels *kernels, const conv_shape *shape, conv_link *link);
bool conv_link_pool(const struct cpu_kernels *kernels, const conv_shape *shape, conv_link *link);
/* The sum of two images of h x w: arguments' src and residual. */
bool conv_link_sum(const struct cpu_kernels *kernels, int channels, int h, int w, conv_link *link);
/* What the packed weights depend on, see pack_form.h. For conv_link_pack; packed: link->plan.packed_bytes. */
void conv_link_pack_form(const conv_link *link, conv_link *form);
void conv_link_pack(const conv_link *link, const float *weights, void *packed);

typedef struct conv_chain {
    conv_link links[CONV_CHAIN_MOST];
    int count, parts;
    size_t scratch_bytes; /* per worker */
} conv_chain;

/* False where the links do not follow each other, or where what must be kept between them exceeds the near cache; that
 * does not depend on the threads. */
bool conv_chain_choose(const conv_link *links, int count, int threads, conv_chain *chain);
/* arguments: one for each link; of src and dst the first one's and the last one's count, of a pool's or sum's nothing
 * else but the sum's residual. */
void conv_chain_run(const conv_chain *chain, const conv_arguments *arguments, int part, void *scratch);

#endif
