/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The views, and the projection. */
#include "camera.h"

static const struct {
    vec3 position, target;
    float half_width; /* of the picture at depth 1: the tangent of half the horizontal field of view */
} views[] = {
    [VIEW_CORNER] = { { 0.5f, 0.5f, 3.2f }, { 8.4f, 4.3f, 0.35f }, 0.62f },
    [VIEW_ENTRANCE] = { { 10.7f, 5.0f, 2.7f }, { 12.0f, 0.2f, 0.95f }, 0.70f },
    [VIEW_AISLE] = { { 7.5f, 1.9f, 2.55f }, { 7.5f, 8.0f, 0.8f }, 0.60f },
    [VIEW_OVERHEAD] = { { 10.6f, 0.5f, 4.3f }, { 9.6f, 5.6f, 0.7f }, 0.64f },
};

void camera_make(camera *c, scene_view view, int width, int height)
{
    c->position = views[view].position;
    c->forward = vec_unit(vec_sub(views[view].target, c->position));
    c->right = vec_unit(vec_cross(c->forward, vec(0, 0, 1)));
    c->up = vec_cross(c->right, c->forward);
    /* A tall picture sees at least as much height as a 16:9 one. */
    float wide = (float)width * 9 < (float)height * 16 ? (float)height * 16 / 9 : (float)width;
    c->focal_px = 0.5f * wide / views[view].half_width;
    c->centre_x = 0.5f * (float)width;
    c->centre_y = 0.5f * (float)height;
}

bool camera_project(const camera *c, vec3 point, float *x, float *y, float *depth)
{
    vec3 d = vec_sub(point, c->position);
    *depth = vec_dot(d, c->forward);
    if (*depth < 0.05f)
        return false;
    *x = c->centre_x + c->focal_px * vec_dot(d, c->right) / *depth;
    *y = c->centre_y - c->focal_px * vec_dot(d, c->up) / *depth;
    return true;
}
