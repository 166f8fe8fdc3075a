/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small models as text, for tests. One statement a line:
 *
 *     input x f32 1,3,8,8
 *     init w f32 4,3,3,3              random numbers in -0.5..0.5; bytes: any
 *     init s i64 2 = 1,-1             these; dims "-" for a scalar
 *     node w f32 4,3,3,3              the same as a Constant node
 *     y, z = Split(x, s) axis=1       attributes: 1, 1.5, [1,2], [1.,2], "text", f16 (a type's number)
 *     q = onyx.Silu(y)                another domain
 *     output q
 *
 * An absent input or output is empty: Clip(x,,max). */
#ifndef ONYX_TESTS_GRAPH_TEXT_H
#define ONYX_TESTS_GRAPH_TEXT_H

#include "model/model.h"

/* The model in `memory`; NULL after printing the line that is wrong. `opset` 0: the newest. */
model_file *text_model(const char *text, int opset, arena *memory);

#endif
