/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Which samples of a picture a row or column of the result lies between, and with what weights. */
#ifndef ONYX_VISION_COLUMNS_H
#define ONYX_VISION_COLUMNS_H

#include <stdbool.h>
#include <stdint.h>

#include "vision/rows.h"

enum {
    TILE_COLUMNS = 1024, /* most columns of the result in a tile; whole blocks */
    TILE_SPAN = 4096     /* most columns of the picture that a tile may read */
};

/* One axis of the resize: position = (i + 0.5) * source / size - 0.5 + offset, in samples that lie 1 << shift pixels
 * apart, between samples first and last. */
typedef struct axis {
    double source, size, offset;
    int first, last;
    int shift;
    double site; /* of the first sample, in pixels */
} axis;

/* Two neighbours, the second with `weight`. Beyond the edges both are the outermost sample. */
typedef struct tap {
    int low, high;
    double weight;
} tap;

static inline tap tap_at(const axis *a, int i)
{
    double centre = (i + 0.5) * a->source / a->size - 0.5 + a->offset;
    if (a->shift)
        centre = (centre - a->site) / (1 << a->shift);
    int low = (int)centre;
    low -= centre < low; /* floor, for vectors too */
    tap t = { low, low + 1, centre - low };
    t.low = t.low < a->first ? a->first : t.low > a->last ? a->last : t.low;
    t.high = t.high < a->first ? a->first : t.high > a->last ? a->last : t.high;
    return t;
}

/* The columns of a tile in one kind of plane. Indices count from `start`. */
typedef struct column_taps {
    int start, count; /* samples of a row that the tile reads */
    int bits;         /* binary places of the finest weight; many if it is no short binary fraction */
    int32_t index[TILE_COLUMNS];
    int16_t weight[TILE_COLUMNS]; /* 0 where both neighbours are one sample */
    int16_t step[TILE_COLUMNS];   /* 0 there, else 1 */
    double exact[TILE_COLUMNS];
    vision_picks picks; /* into the following */
    int32_t starts[TILE_COLUMNS / VISION_BLOCK * 8];
    uint8_t pairs[2 * TILE_COLUMNS];
} column_taps;

/* How many binary places a weight has: 0 for whole numbers, 2 for 0.25, and 99 past six. */
int binary_places(double weight);

/* Columns column .. column + count - 1. A sample is `step` bytes behind the one before it, and its last channel lies
 * `last_place` bytes behind its start: for picks. */
void column_taps_make(const axis *a, int column, int count, int step, int last_place, column_taps *taps);

#endif
