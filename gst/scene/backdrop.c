/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A small ray tracer for one room with boxes in it: four samples a pixel, a faint mirror in the floor. */
#include "backdrop.h"

#include "goods.h"

#include <stdlib.h>

typedef struct room {
    const plan *plan;
    const light *light;
    uint32_t salt;
} room;

typedef struct hit {
    float t;
    int box;       /* -1: the room itself */
    int axis;      /* 0 x, 1 y, 2 z */
    bool positive; /* the normal points along +axis */
} hit;

static float get(vec3 v, int axis)
{
    return axis == 0 ? v.x : axis == 1 ? v.y : v.z;
}

static bool hit_box(const plan_box *b, vec3 o, vec3 d, hit *best)
{
    const float low[3] = { (float)b->x0, (float)b->y0, (float)b->z0 },
                high[3] = { (float)b->x1, (float)b->y1, (float)b->z1 };
    float enter = 1e-4f, leave = best->t;
    int axis = -1;
    bool positive = false;
    for (int k = 0; k < 3; k++) {
        float ok = get(o, k), dk = get(d, k);
        if (dk > -1e-9f && dk < 1e-9f) {
            if (ok < low[k] || ok > high[k])
                return false;
            continue;
        }
        float t0 = (low[k] - ok) / dk, t1 = (high[k] - ok) / dk;
        float first = t0 < t1 ? t0 : t1, last = t0 < t1 ? t1 : t0;
        if (first > enter) {
            enter = first;
            axis = k;
            positive = dk < 0;
        }
        if (last < leave)
            leave = last;
        if (enter >= leave)
            return false;
    }
    if (axis < 0)
        return false;
    best->t = enter;
    best->axis = axis;
    best->positive = positive;
    return true;
}

/* The room from inside; through the door rays go on to the pavement. */
static hit hit_room(vec3 o, vec3 d)
{
    const float size[3] = { (float)PLAN_WIDTH, (float)PLAN_DEPTH, (float)PLAN_HEIGHT };
    hit h = { .t = 1e9f, .box = -1 };
    for (int k = 0; k < 3; k++) {
        float dk = get(d, k);
        if (dk > -1e-9f && dk < 1e-9f)
            continue;
        float t = ((dk > 0 ? size[k] : 0) - get(o, k)) / dk;
        if (t > 1e-4f && t < h.t) {
            h.t = t;
            h.axis = k;
            h.positive = dk < 0;
        }
    }
    if (h.axis == 1 && h.positive && d.z < -1e-6f) {
        float x = o.x + d.x * h.t, z = o.z + d.z * h.t;
        float ground = -o.z / d.z;
        if (x > (float)PLAN_DOOR_LEFT + 0.07f && x < (float)PLAN_DOOR_RIGHT - 0.07f &&
            z < (float)PLAN_DOOR_HEIGHT - 0.07f && o.y + d.y * ground > -6) {
            h.t = ground;
            h.axis = 2;
        }
    }
    return h;
}

static hit find(const room *r, vec3 o, vec3 d)
{
    hit h = hit_room(o, d);
    for (int i = 0; i < r->plan->n_boxes; i++)
        if (hit_box(&r->plan->boxes[i], o, d, &h))
            h.box = i;
    return h;
}

/* How open the floor is: darker beside boxes and walls. */
static float openness(const room *r, float x, float y)
{
    float open = 1;
    for (int i = 0; i < r->plan->n_boxes; i++) {
        const plan_box *b = &r->plan->boxes[i];
        if (b->z0 > 0.3)
            continue;
        float dx = fmaxf(fmaxf((float)b->x0 - x, x - (float)b->x1), 0),
              dy = fmaxf(fmaxf((float)b->y0 - y, y - (float)b->y1), 0);
        float d = sqrtf(dx * dx + dy * dy);
        open *= 1 - 0.5f / (1 + 5.0f * d * d + 3 * d);
    }
    return open;
}

static vec3 axis_normal(const hit *h)
{
    float s = h->positive ? 1.0f : -1.0f;
    return h->axis == 0 ? vec(s, 0, 0) : h->axis == 1 ? vec(0, s, 0) : vec(0, 0, s);
}

static goods box_surface(const room *r, const hit *h, vec3 p)
{
    const plan_box *b = &r->plan->boxes[h->box];
    uint32_t salt = r->salt + (uint32_t)(h->box * 8 + h->axis * 2 + h->positive) * 7919u;
    float x = p.x - (float)b->x0, y = p.y - (float)b->y0, z = p.z - (float)b->z0;
    if (h->axis == 2)
        return goods_on_top(b->kind, x, y, salt);
    return goods_on_side(b->kind, h->axis == 0 ? y : x, z, (float)(h->axis == 0 ? b->y1 - b->y0 : b->x1 - b->x0),
                         (float)(b->z1 - b->z0), salt);
}

static goods room_surface(const room *r, const hit *h, vec3 p)
{
    if (h->axis == 2)
        return h->positive ? goods_floor(p.x, p.y, r->salt) : goods_ceiling(p.x, p.y);
    if (h->axis == 1)
        return goods_wall(h->positive ? 0 : 1, p.x, p.z, r->light->outside, r->salt);
    return goods_wall(h->positive ? 2 : 3, p.y, p.z, r->light->outside, r->salt);
}

/* Light comes in at the door and falls off. */
static vec3 light_at(const room *r, vec3 p, vec3 n)
{
    vec3 sum = light_on(r->light, n);
    float dx = p.x - 12.7f, dy = p.y - 0.2f;
    float day = 0.35f / (1 + 0.35f * (dx * dx + dy * dy));
    sum = vec_along(sum, r->light->outside, day * 0.5f);
    if (p.y < 0)
        sum = r->light->outside;
    return sum;
}

static vec3 shade(const room *r, const hit *h, vec3 p)
{
    goods g = h->box >= 0 ? box_surface(r, h, p) : room_surface(r, h, p);
    vec3 n = axis_normal(h), lit = light_at(r, p, n);
    if (h->box < 0 && h->axis == 2 && h->positive && p.y > 0)
        lit = vec_scale(lit, openness(r, p.x, p.y));
    else if (h->axis != 2)
        lit = vec_scale(lit, 0.66f + 0.34f * smooth(0, 1.6f, p.z));
    return vec_times(g.colour, vec_mix(lit, vec(1, 1, 1), g.glow));
}

static vec3 trace(const room *r, vec3 o, vec3 d, float *depth)
{
    hit h = find(r, o, d);
    vec3 p = vec_along(o, d, h.t), c = shade(r, &h, p);
    *depth = h.t;
    if (h.box < 0 && h.axis == 2 && h.positive && p.y > 0) { /* polished tiles */
        vec3 way = vec(d.x, d.y, -d.z);
        float cosine = -d.z / vec_length(d), away = 1 - cosine;
        vec3 from = vec(p.x, p.y, 1e-3f);
        hit mirrored = find(r, from, way);
        vec3 seen = shade(r, &mirrored, vec_along(from, way, mirrored.t));
        float share = 0.05f + 0.30f * away * away * away;
        c = vec_mix(c, vec(fminf(seen.x, 1.6f), fminf(seen.y, 1.6f), fminf(seen.z, 1.6f)), share);
    }
    return c;
}

bool backdrop_make(backdrop *b, const camera *c, const plan *p, const light *l, uint64_t seed, int width, int height)
{
    static const float offsets[4][2] = {
        { 0.125f, 0.375f }, { 0.625f, 0.125f }, { 0.375f, 0.875f }, { 0.875f, 0.625f }
    };
    size_t count = (size_t)width * (size_t)height;
    room r = { .plan = p, .light = l, .salt = (uint32_t)scene_hash64(seed + 77) };
    *b = (backdrop){ .width = width,
                     .height = height,
                     .pixels = malloc(count * sizeof *b->pixels),
                     .depth = malloc(count * sizeof *b->depth) };
    if (!b->pixels || !b->depth) {
        backdrop_free(b);
        return false;
    }
    for (int y = 0; y < height; y++)
        for (int x = 0; x < width; x++) {
            vec3 sum = vec(0, 0, 0);
            float nearest = 1e9f;
            for (int s = 0; s < 4; s++) {
                float depth;
                vec3 ray = camera_ray(c, (float)x + offsets[s][0], (float)y + offsets[s][1]);
                vec3 one = trace(&r, c->position, ray, &depth);
                one = vec(fminf(one.x, 1.5f), fminf(one.y, 1.5f), fminf(one.z, 1.5f));
                sum = vec_along(sum, one, 0.25f);
                nearest = fminf(nearest, depth);
            }
            size_t i = (size_t)y * (size_t)width + (size_t)x;
            b->pixels[i] = light_pixel(l, sum);
            b->depth[i] = nearest;
        }
    return true;
}

void backdrop_free(backdrop *b)
{
    free(b->pixels);
    free(b->depth);
    *b = (backdrop){ 0 };
}
