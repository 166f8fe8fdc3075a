/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Solids as a camera sees them: exact bounds and rays. */
#include "figure.h"

/* Bounds along one picture axis of the ellipsoid with centre c and half axes a: the planes through the eye that touch
 * it, sum (n . a_k)^2 = (n . c)^2 with n = (1, -t), solved for t = position at depth 1. (u, w): along the axis, depth. */
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

/* After Inigo Quilez, "Rounded cone - intersection" (MIT), for a ray that need not be of unit length. */
bool part_hit(const part *p, float a, float b, float *depth, vec3 *point, vec3 *normal)
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
