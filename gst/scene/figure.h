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
    vec3 origin, axis[3]; /* own space -> world: origin + x axis[0] + ...; the axes are orthogonal */
    vec3 inverse[3];      /* rows of the inverse */
    float length, r0, r1;
    material material;
    bool carried; /* no part of the body: not in the person's box */
    /* as the camera sees it, in own space: position, and how a ray changes */
    vec3 eye, ray_forward, ray_right, ray_up;
    float x0, y0, x1, y1; /* bounds in the picture, exact */
    bool seen;            /* in front of the camera */
} part;

typedef struct figure {
    const look *look;
    part parts[FIGURE_MAX_PARTS];
    int n_parts;
    vec3 ground, forward, left; /* where the person stands, and faces */
    float depth;                /* of its middle */
    float x0, y0, x1, y1;       /* of the body in the picture, not clipped */
    bool seen;
} figure;

/* The person between its old and its new state, `between` 0..1; seconds for what moves in standing people. */
void figure_make(figure *f, const agent *a, const look *l, double between, double seconds);
void figure_project(figure *f, const camera *c);
/* Where a ray (eye + depth * (forward + a right + b up)) meets the part: depth, own-space point and normal. After Inigo
 * Quilez, "Rounded cone - intersection" (MIT), for a ray that need not be of unit length. In the header because each
 * pixel asks it. */
static inline bool part_hit(const part *p, float a, float b, float *depth, vec3 *point, vec3 *normal)
{
    vec3 d = vec_along(vec_along(p->ray_forward, p->ray_right, a), p->ray_up, b);
    float dd = vec_dot(d, d), od = vec_dot(p->eye, d), oo = vec_dot(p->eye, p->eye);
    float best = 1e20f;
    if (p->length > 0) {
        float h = p->length, rr = p->r0 - p->r1;
        float hh = h * h, ho = h * p->eye.z, hd = h * d.z, d2 = hh - rr * rr;
        float k2 = d2 * dd - hd * hd;
        float k1 = d2 * od - ho * hd + hd * rr * p->r0;
        float k0 = d2 * oo - ho * ho + 2 * ho * rr * p->r0 - hh * p->r0 * p->r0;
        float disc = k1 * k1 - k0 * k2;
        if (disc < 0)
            return false;
        float t = (-sqrtf(disc) - k1) / k2;
        float y = ho - p->r0 * rr + t * hd;
        if (y > 0 && y < d2 && t > 0) {
            *depth = t;
            *point = vec_along(p->eye, d, t);
            *normal = vec_sub(vec_scale(*point, d2), vec(0, 0, h * y));
            return true;
        }
        vec3 end = vec(p->eye.x, p->eye.y, p->eye.z - h);
        float ed = vec_dot(end, d), h2 = ed * ed - dd * (vec_dot(end, end) - p->r1 * p->r1);
        if (h2 > 0) {
            best = (-ed - sqrtf(h2)) / dd;
            *point = vec_along(p->eye, d, best);
            *normal = vec(point->x, point->y, point->z - h);
        }
    }
    float h1 = od * od - dd * (oo - p->r0 * p->r0);
    if (h1 > 0) {
        float t = (-od - sqrtf(h1)) / dd;
        if (t < best) {
            best = t;
            *point = vec_along(p->eye, d, t);
            *normal = *point;
        }
    }
    *depth = best;
    return best > 0 && best < 1e19f;
}

#endif
