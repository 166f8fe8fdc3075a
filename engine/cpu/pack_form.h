/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What packed weights depend on. The form of a plan is a plan with all else (sizes of images, parts, cuts, threads) set
 * to the same, padding zero: plans with the same bytes of form share packed weights, and packing sees the form only, so
 * that it cannot depend on more. */
#ifndef ONYX_CPU_PACK_FORM_H
#define ONYX_CPU_PACK_FORM_H

#include "cpu/conv.h"
#include "cpu/gemm.h"
#include "cpu/qconv.h"

/* Channels, kernel, stride, algorithm and the first entry of `tile`, the filters of a group. For conv_pack. */
void conv_pack_form(const conv_plan *plan, conv_plan *form);
/* Channels, kernel, types, algorithm and filters of a tile. For qconv_pack. */
void qconv_pack_form(const qconv_plan *plan, qconv_plan *form);
/* Columns and rows of b, algorithm. For gemm_pack_b. */
void gemm_pack_form(const gemm_plan *plan, gemm_plan *form);

#endif
