/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A pinhole camera in the shop. Depth is metres along the optical axis. */
#ifndef ONYX_SCENE_CAMERA_H
#define ONYX_SCENE_CAMERA_H

#include "maths.h"

typedef enum scene_view { VIEW_CORNER, VIEW_ENTRANCE, VIEW_AISLE, VIEW_OVERHEAD } scene_view;

typedef struct camera {
    vec3 position, forward, right, up; /* the three are orthonormal */
    float focal_px, centre_x, centre_y;
} camera;

void camera_make(camera *c, scene_view view, int width, int height);
/* False if it is not in front of the camera (at least 5 cm). */
bool camera_project(const camera *c, vec3 point, float *x, float *y, float *depth);
/* The direction through a point of the picture, with depth 1: position + ray * depth is a point of the world. */
static inline vec3 camera_ray(const camera *c, float x, float y)
{
    float a = (x - c->centre_x) / c->focal_px, b = (c->centre_y - y) / c->focal_px;
    return vec_along(vec_along(c->forward, c->right, a), c->up, b);
}

#endif
