/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Activations as max(x, 0) + a * q(a), a = min(|x|, limit), where q is a cubic on each of 32 pieces: for instruction
 * sets that look up 32 values at once. tools/fit-pieces wrote the tables. */
#ifndef ONYX_CPU_MATH_PIECES_H
#define ONYX_CPU_MATH_PIECES_H

enum { MATH_PIECES = 32 };

typedef struct math_pieces {
    float limit, scale;       /* the piece of a is floor(a * scale) */
    float c[4][MATH_PIECES] __attribute__((aligned(64))); /* of a^0 .. a^3 */
} math_pieces;

/* With parabolas. */
typedef struct math_parabolas {
    float limit, scale;
    float c[3][MATH_PIECES] __attribute__((aligned(64)));
} math_parabolas;

extern const math_pieces math_pieces_silu, math_pieces_gelu;
extern const math_parabolas math_parabolas_silu;

#endif
