/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Compares a tensor with what was expected, by the rules of ONNX's backend tests: type and shape equal; floats within
 * |actual - expected| <= atol + rtol * |expected|; NaN equals NaN; integers, booleans and strings exactly.
 *
 * The narrow floats have bounds of their own, because one unit of their last place is more than the usual rtol of
 * 1e-3: float16 (spacing 2^-10) at least rtol 2^-9 and atol 2^-14, its least normal number; bfloat16 (spacing 2^-7)
 * at least rtol 2^-6, as ONNX's own runner has it. Smaller floats are compared by their exact values.
 *
 * Rows that a model sorted by a score (TopK in the graph: [..., rows, columns] with 5 columns or more) have no defined
 * order where scores are equal within the bounds: such rows may have changed places, each still compared within the
 * bounds, and those that tie with the last row may have been cut off for another. ONNX Runtime itself differs by that
 * between its own optimisation levels. */
#ifndef ONYX_TOOLS_COMPARE_H
#define ONYX_TOOLS_COMPARE_H

#include "onyx.h"

typedef struct compare_bounds {
    double rtol, atol;
    double atol_range; /* atol is at least this part of the expected tensor's largest minus smallest value */
    double outliers;   /* this part of a float tensor's elements may lie outside (8-bit models) */
} compare_bounds;

#define BOUNDS_DEFAULT                                                                                                 \
    {                                                                                                                  \
        .rtol = 1e-3, .atol = 1e-7                                                                                     \
    }

typedef struct difference {
    size_t count, different;
    size_t moved;            /* rows of tied scores that stand elsewhere */
    double max_abs, max_rel; /* over all elements where both are finite; 0 for what is no number */
    char text[512];          /* the first difference: index, expected, actual; or what of type and shape differs */
} difference;

/* True when equal within bounds. */
bool compare_tensors(const onyx_tensor *expected, const onyx_tensor *actual, const compare_bounds *bounds,
                     difference *d);

#endif
