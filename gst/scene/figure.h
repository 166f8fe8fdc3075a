/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A person as solids in the shop: tapered capsules, flattened and turned. A solid's own space has its axis along z:
 * a sphere of radius r0 at 0 and one of r1 at `length`, and the cone that touches both. */
#ifndef ONYX_SCENE_FIGURE_H
#define ONYX_SCENE_FIGURE_H

#include "camera.h"
#include "look.h"
#include "world.h"

#define FIGURE_MAX_PARTS 48

typedef enum material {
    MATERIAL_SKIN,
    MATERIAL_HEAD,
    MATERIAL_HAIR,
    MATERIAL_CAP,
    MATERIAL_TORSO,
    MATERIAL_SLEEVE,
    MATERIAL_FOREARM,
    MATERIAL_HIPS,
    MATERIAL_LEG,
    MATERIAL_SHIN,
    MATERIAL_SKIRT,
    MATERIAL_SHOE,
    MATERIAL_BAG,
    MATERIAL_BASKET
} material;

typedef struct part {
    vec3 origin, axis[3];       /* own space -> world: origin + x axis[0] + ...; the axes are orthogonal */
    vec3 inverse[3];            /* rows of the inverse */
    float length, r0, r1;
    material material;
    bool carried;               /* no part of the body: not in the person's box */
    /* as the camera sees it, in own space: position, and how a ray changes */
    vec3 eye, ray_forward, ray_right, ray_up;
    float x0, y0, x1, y1;       /* bounds in the picture, exact */
    bool seen;                  /* in front of the camera */
} part;

typedef struct figure {
    const look *look;
    part parts[FIGURE_MAX_PARTS];
    int n_parts;
    vec3 ground;                /* where the person stands */
    float depth;                /* of its middle */
    float x0, y0, x1, y1;       /* of the body in the picture, not clipped */
    bool seen;
} figure;

/* The person between its old and its new state, `between` 0..1; seconds for what moves in standing people. */
void figure_make(figure *f, const agent *a, const look *l, double between, double seconds);
void figure_project(figure *f, const camera *c);
/* Where a ray (eye + depth * (forward + a right + b up)) meets the part: depth, own-space point and normal. */
bool part_hit(const part *p, float a, float b, float *depth, vec3 *point, vec3 *normal);

#endif
