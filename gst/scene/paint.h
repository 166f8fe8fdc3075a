/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Draws people into a frame, behind what stands in front of them, and says how much of each is seen. */
#ifndef ONYX_SCENE_PAINT_H
#define ONYX_SCENE_PAINT_H

#include "backdrop.h"
#include "cloth.h"
#include "figure.h"

typedef struct canvas {
    int width, height;
    uint32_t *pixels; /* 0x00RRGGBB */
    uint8_t *owner;   /* whose body a pixel shows: 1 + the figure's number; 0 nobody's */
    /* one figure's pixels: nearest depth, and 1 + the number of the part */
    float *part_depth;
    uint8_t *part_at;
    size_t part_size;
} canvas;

bool canvas_make(canvas *v, int width, int height);
void canvas_free(canvas *v);

void paint_shadow(canvas *v, const backdrop *b, const camera *c, const light *l, const figure *f);
/* Figures go from far to near. Returns how many pixels the whole body would show, in and out of the frame; 0 when
 * there is nothing to see or no memory. */
uint32_t paint_figure(canvas *v, const backdrop *b, const camera *c, const light *l, const figure *f, int number);

#endif
