/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One step of Strassen's algorithm in Winograd's form (7 products of halves in place of 8, 15 sums; S. Winograd, "On
 * multiplication of 2 x 2 matrices", 1971, as in Higham, "Accuracy and Stability of Numerical Algorithms", 23.1), for
 * matrix products and 1x1 convolutions: A = [A1 A3; A2 A4], halves of the rows or pixels x halves of the sum, times
 * the constant B = [B1 B3; B2 B4], halves of the sum x halves of the columns or filters.
 *
 *     S1 = A2 + A4   S2 = S1 - A1   S3 = A1 - A2   S4 = A3 - S2
 *     T1 = B3 - B1   T2 = B4 - T1   T3 = B4 - B3   T4 = T2 - B2
 *     U1 = A1 B1     U2 = U1 + S2 T2     U3 = U2 + S3 T3     P = S1 T1
 *     first half of the rows:  U1 + A3 B2, U2 + P + S4 B4     second half:  U3 - A4 T4, U3 + P
 *
 * B's sums are packed. Tiles go on with sums that they find in a near cache, so that of the 15 sums only the four of S
 * pass over memory; gemm_kernels has them done. Rows are summed with rows: NaN or infinity in one of the first half
 * spreads to the row at its place in the second half, and back. */
#ifndef ONYX_CPU_STRASSEN_H
#define ONYX_CPU_STRASSEN_H

#include <stddef.h>

/* Packed, in the order of their use; FIRST and SECOND: what the halves of the sum leave over, of both halves of the
 * columns. T4 has the sign that it is added with. */
enum { PANEL_B1, PANEL_B2, PANEL_FIRST, PANEL_T2, PANEL_T3, PANEL_T4, PANEL_T1, PANEL_B4, PANEL_SECOND, PANELS };
enum { S1, S2, S3, S4, SUMS };

/* B's sums at one place of its quarters, of which w holds B1, B2 and B4. */
static inline void strassen_weights(double b3, double w[PANELS])
{
    w[PANEL_T1] = b3 - w[PANEL_B1];
    w[PANEL_T2] = w[PANEL_B4] - w[PANEL_T1];
    w[PANEL_T3] = w[PANEL_B4] - b3;
    w[PANEL_T4] = w[PANEL_B2] - w[PANEL_T2];
}

/* S1 to S4, `apart` floats from each other, of n floats that have nothing in the second half. */
static inline void strassen_lone_sums(const float *a1, const float *a3, size_t n, float *s, size_t apart)
{
    for (size_t i = 0; i < n; i++) {
        s[i] = 0;
        s[i + apart] = -a1[i];
        s[i + 2 * apart] = a1[i];
        s[i + 3 * apart] = a3[i] + a1[i];
    }
}

#endif
