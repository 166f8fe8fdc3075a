/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The light in the shop, and how linear light becomes bytes (gamma 2: a square root, which is exact everywhere). */
#ifndef ONYX_SCENE_LIGHT_H
#define ONYX_SCENE_LIGHT_H

#include "maths.h"

typedef enum scene_light { LIGHT_DAY, LIGHT_EVENING, LIGHT_DIM, LIGHT_HARSH } scene_light;

typedef struct light {
    vec3 sky, bounce; /* from above and from below, everywhere */
    vec3 key_way, key, fill_way, fill;
    vec3 outside;           /* what is seen through the door */
    float exposure, shadow; /* shadow: how dark the shadows on the floor are */
} light;

void light_make(light *l, scene_light kind);

/* The light that a matt surface with this normal sends back, for a white one. */
static inline vec3 light_on(const light *l, vec3 normal)
{
    float up = 0.5f + 0.5f * normal.z;
    vec3 sum = vec_mix(l->bounce, l->sky, up);
    float key = vec_dot(normal, l->key_way), fill = vec_dot(normal, l->fill_way);
    /* Lamps are large: the light wraps around a little. */
    key = clampf((key + 0.25f) * 0.8f, 0, 1);
    fill = clampf((fill + 0.3f) * 0.77f, 0, 1);
    sum = vec_along(sum, l->key, key);
    return vec_along(sum, l->fill, fill);
}

static inline uint32_t light_byte(float x)
{
    /* A soft shoulder instead of a hard white. */
    x = x > 0.7f ? 0.7f + (x - 0.7f) / (1 + (x - 0.7f) * 1.8f) : x;
    x = sqrtf(clampf(x, 0, 1)) * 255.0f + 0.5f;
    return (uint32_t)x;
}

/* 0x00RRGGBB of linear light. */
static inline uint32_t light_pixel(const light *l, vec3 c)
{
    return light_byte(c.x * l->exposure) << 16 | light_byte(c.y * l->exposure) << 8 | light_byte(c.z * l->exposure);
}

#endif
