/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From the scene's pixels to the formats of video. */
#ifndef ONYX_SCENE_CONVERT_H
#define ONYX_SCENE_CONVERT_H

#include <stddef.h>
#include <stdint.h>

/* Fixed-point RGB -> Y'CbCr for one matrix and range. */
typedef struct convert_matrix {
    int32_t y[3], cb[3], cr[3]; /* for R, G, B, in 1/65536 */
    int32_t y_offset;
} convert_matrix;

/* kr and kb as standards give them (BT.601: 0.299, 0.114; BT.709: 0.2126, 0.0722). */
void convert_matrix_make(convert_matrix *m, double kr, double kb, int full_range);

/* The luma plane; and a chroma plane (or interleaved pairs: step 2) of half size, rounded up. */
void convert_luma(const convert_matrix *m, const uint32_t *pixels, int width, int height, uint8_t *to,
                  ptrdiff_t stride);
void convert_chroma(const convert_matrix *m, const uint32_t *pixels, int width, int height, uint8_t *cb, uint8_t *cr,
                    int step, ptrdiff_t cb_stride, ptrdiff_t cr_stride);
/* Packed bytes: where red, green and blue lie, and what lies at `other` (255; -1: nothing). */
void convert_packed(const uint32_t *pixels, int width, int height, uint8_t *to, ptrdiff_t stride, int step, int red,
                    int green, int blue, int other);

#endif
