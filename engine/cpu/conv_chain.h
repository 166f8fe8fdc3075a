/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A 1x1 convolution and the depthwise one behind it, float32, batch 1, strip by strip: what lies between stays in the
 * cache. On large planes either alone waits for memory. Same bounds as conv.h, twice. */
#ifndef ONYX_CPU_CONV_CHAIN_H
#define ONYX_CPU_CONV_CHAIN_H

#include "cpu/conv.h"

typedef struct conv_chain {
    conv_shape point; /* 1x1, stride 1, no padding, one group, blocked */
    conv_plan depth;  /* packs the depthwise weights */
    int filters;      /* blocks of the 1x1 that are done at once */
    int strip, parts; /* output rows */
    size_t point_bytes, scratch_bytes; /* of the packed 1x1 weights; per worker */
    const struct cpu_kernels *kernels; /* must outlive the chain */
} conv_chain;

/* False where the shapes are no such pair. */
bool conv_chain_choose(const struct cpu_kernels *kernels, const conv_shape *point, const conv_shape *depth,
                       conv_chain *chain);
/* What the packed 1x1 weights depend on, see pack_form.h. For conv_chain_pack. */
void conv_chain_pack_form(const conv_chain *chain, conv_chain *form);
void conv_chain_pack(const conv_chain *chain, const float *weights, void *packed);
/* src of `point`, dst of `depth`, and packed, bias and activation of both; no residuals. */
void conv_chain_run(const conv_chain *chain, const conv_arguments *point, const conv_arguments *depth, int part,
                    void *scratch);

#endif
