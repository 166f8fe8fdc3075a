/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What does not move: floor, walls, ceiling, shelves with goods, checkouts. Traced once for a size and view. */
#ifndef ONYX_SCENE_BACKDROP_H
#define ONYX_SCENE_BACKDROP_H

#include "camera.h"
#include "light.h"
#include "plan.h"

typedef struct backdrop {
    int width, height;
    uint32_t *pixels; /* 0x00RRGGBB */
    float *depth;     /* metres along the optical axis */
} backdrop;

/* False when there is no memory. */
bool backdrop_make(backdrop *b, const camera *c, const plan *p, const light *l, uint64_t seed, int width, int height);
void backdrop_free(backdrop *b);

#endif
