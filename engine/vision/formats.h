/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How the samples of each pixel format lie in memory: one row a format, which all else is derived from. */
#ifndef ONYX_VISION_FORMATS_H
#define ONYX_VISION_FORMATS_H

#include <stdbool.h>
#include <stdint.h>

#include "onyx.h"

typedef enum pixel_kind {
    KIND_PLANES,     /* a plane a channel; place: those of y, u, v or r, g, b */
    KIND_PAIRS,      /* a plane of y, one of chroma; place[1], [2]: of u and v in a pair */
    KIND_PACKED_YUV, /* groups of two pixels; place: of the first y, of u and of v in the group's 4 bytes */
    KIND_PIXELS,     /* place: of y, u, v or r, g, b in a pixel */
    KIND_GRAY
} pixel_kind;

typedef struct format_row {
    const char *name;
    uint8_t kind; /* pixel_kind */
    bool yuv;     /* light and chroma, by matrix and range; also where there is light alone that needs scaling */
    uint8_t place[3];
    uint8_t step;             /* bytes from one pixel to the next in the first plane */
    uint8_t shift_x, shift_y; /* a chroma sample stands for 1 << shift_x pixels across, 1 << shift_y down */
    uint8_t bits;             /* of a sample; more than 8 lie in two bytes, the lower one first, ... */
    uint8_t up;               /* ... and come to the upper end of them when moved up by so many bits */
} format_row;

/* NULL: no such format. Static storage. */
const format_row *format_of(onyx_pixel_format format);

static inline int sample_bytes(const format_row *format)
{
    return format->bits > 8 ? 2 : 1;
}

/* From one chroma sample to the next in its plane. */
static inline int chroma_step(const format_row *format)
{
    static const uint8_t samples[] = { [KIND_PLANES] = 1, [KIND_PAIRS] = 2, [KIND_PACKED_YUV] = 4 };
    return samples[format->kind] * sample_bytes(format);
}

#endif
