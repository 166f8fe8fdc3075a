/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Colours of the shop's surfaces: tiles, walls, goods on shelves. */
#ifndef ONYX_SCENE_GOODS_H
#define ONYX_SCENE_GOODS_H

#include "maths.h"
#include "plan.h"

typedef struct goods {
    vec3 colour;
    float glow; /* 0..1: lit from inside */
} goods;

/* A side of a box: `across` and `up` in metres from its lower corner, `width` and `height` its size. */
goods goods_on_side(plan_kind kind, float across, float up, float width, float height, uint32_t salt);
goods goods_on_top(plan_kind kind, float x, float y, uint32_t salt);
goods goods_floor(float x, float y, uint32_t salt);
/* side: 0 front (y = 0), 1 back, 2 left, 3 right */
goods goods_wall(int side, float across, float up, vec3 outside, uint32_t salt);
goods goods_ceiling(float x, float y);

#endif
