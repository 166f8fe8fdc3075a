/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Solids as a camera sees them: exact bounds and rays. */
#include "figure.h"

/* Bounds along one picture axis of the ellipsoid with centre c and half axes a: the planes through the eye that touch
 * it, sum (n . a_k)^2 = (n . c)^2 with n = (1, -t), solved for t = position at depth 1. (u, w): along the axis, depth.
 */
static bool touching(const float u[3], const float w[3], float cu, float cw, float *low, float *high)
{
    float uu = cu * cu, uw = cu * cw, ww = cw * cw;
    for (int k = 0; k < 3; k++) {
        uu -= u[k] * u[k];
        uw -= u[k] * w[k];
        ww -= w[k] * w[k];
    }
    float root = uw * uw - uu * ww;
    if (ww <= 0 || root < 0)
        return false;
    root = sqrtf(root);
    *low = (uw - root) / ww;
    *high = (uw + root) / ww;
    return true;
}

static bool bounds_of_end(part *p, const camera *c, float along, float radius)
{
    vec3 centre = vec_sub(vec_along(p->origin, p->axis[2], along), c->position);
    float u[3], v[3], w[3], low, high;
    float depth = vec_dot(centre, c->forward);
    if (depth < 0.4f)
        return false;
    for (int k = 0; k < 3; k++) {
        u[k] = radius * vec_dot(p->axis[k], c->right);
        v[k] = -radius * vec_dot(p->axis[k], c->up);
        w[k] = radius * vec_dot(p->axis[k], c->forward);
    }
    if (!touching(u, w, vec_dot(centre, c->right), depth, &low, &high))
        return false;
    p->x0 = fminf(p->x0, c->centre_x + c->focal_px * low);
    p->x1 = fmaxf(p->x1, c->centre_x + c->focal_px * high);
    if (!touching(v, w, -vec_dot(centre, c->up), depth, &low, &high))
        return false;
    p->y0 = fminf(p->y0, c->centre_y + c->focal_px * low);
    p->y1 = fmaxf(p->y1, c->centre_y + c->focal_px * high);
    return true;
}

static vec3 to_own(const part *p, vec3 v)
{
    return vec(vec_dot(p->inverse[0], v), vec_dot(p->inverse[1], v), vec_dot(p->inverse[2], v));
}

void figure_project(figure *f, const camera *c)
{
    f->x0 = f->y0 = 1e9f;
    f->x1 = f->y1 = -1e9f;
    f->seen = f->n_parts > 0;
    f->depth = vec_dot(vec_sub(vec_along(f->ground, vec(0, 0, 1), 0.5f * f->look->height), c->position), c->forward);
    for (int i = 0; i < f->n_parts; i++) {
        part *p = &f->parts[i];
        p->x0 = p->y0 = 1e9f;
        p->x1 = p->y1 = -1e9f;
        p->seen = bounds_of_end(p, c, 0, p->r0) && (p->length <= 0 || bounds_of_end(p, c, p->length, p->r1));
        f->seen &= p->seen;
        if (!p->seen)
            continue;
        p->eye = to_own(p, vec_sub(c->position, p->origin));
        p->ray_forward = to_own(p, c->forward);
        p->ray_right = to_own(p, c->right);
        p->ray_up = to_own(p, c->up);
        if (p->carried)
            continue;
        f->x0 = fminf(f->x0, p->x0);
        f->x1 = fmaxf(f->x1, p->x1);
        f->y0 = fminf(f->y0, p->y0);
        f->y1 = fmaxf(f->y1, p->y1);
    }
}
