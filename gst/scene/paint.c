/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One ray through each pixel finds the parts; where two meet, four rays more smooth the edge. */
#include "paint.h"

#include <stdlib.h>
#include <string.h>

/* A rectangle of pixels, x1 and y1 outside. */
typedef struct area {
    int x0, y0, x1, y1;
} area;

bool canvas_make(canvas *v, int width, int height)
{
    size_t count = (size_t)width * (size_t)height;
    *v = (canvas){
        .width = width, .height = height, .pixels = malloc(count * sizeof *v->pixels), .owner = malloc(count)
    };
    if (v->pixels && v->owner)
        return true;
    canvas_free(v);
    return false;
}

void canvas_free(canvas *v)
{
    free(v->pixels);
    free(v->owner);
    free(v->part_depth);
    free(v->part_at);
    *v = (canvas){ 0 };
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

static int most(int a, int b)
{
    return a > b ? a : b;
}

static area area_of(float x0, float y0, float x1, float y1, const area *within)
{
    area a = { (int)floorf(clampf(x0, -1e6f, 1e6f)), (int)floorf(clampf(y0, -1e6f, 1e6f)),
               (int)ceilf(clampf(x1, -1e6f, 1e6f)) + 1, (int)ceilf(clampf(y1, -1e6f, 1e6f)) + 1 };
    a.x0 = most(a.x0, within->x0);
    a.y0 = most(a.y0, within->y0);
    a.x1 = least(a.x1, within->x1);
    a.y1 = least(a.y1, within->y1);
    return a;
}

/* ------------------------------------------------------------------------------------------------------- shadows */

static uint32_t darker(uint32_t pixel, float factor)
{
    uint32_t k = (uint32_t)(factor * 256);
    return ((pixel >> 16 & 255) * k >> 8) << 16 | ((pixel >> 8 & 255) * k >> 8) << 8 | ((pixel & 255) * k >> 8);
}

/* Under the feet it is dark; a soft, longer shadow lies away from the lamps. */
static float shadow_at(const light *l, float dx, float dy)
{
    float length = 0.75f, wx = -l->key_way.x, wy = -l->key_way.y;
    float along = clampf((dx * wx + dy * wy) / (wx * wx + wy * wy + 1e-6f), 0, length);
    float sx = dx - wx * along, sy = dy - wy * along;
    float near = (dx * dx + dy * dy) / (0.26f * 0.26f), far = (sx * sx + sy * sy) / (0.24f * 0.24f);
    float contact = 1 / (1 + near * near), cast = (1 - 0.8f * along / length) / (1 + far * far);
    return fmaxf(contact, 0.6f * cast);
}

void paint_shadow(canvas *v, const backdrop *b, const camera *c, const light *l, const figure *f)
{
    const float reach = 1.25f;
    float x0 = 1e9f, y0 = 1e9f, x1 = -1e9f, y1 = -1e9f;
    for (int i = 0; i < 4; i++) {
        float x, y, depth;
        vec3 corner = vec(f->ground.x + (i & 1 ? reach : -reach), f->ground.y + (i & 2 ? reach : -reach), 0);
        if (!camera_project(c, corner, &x, &y, &depth))
            return;
        x0 = fminf(x0, x);
        x1 = fmaxf(x1, x);
        y0 = fminf(y0, y);
        y1 = fmaxf(y1, y);
    }
    area a = area_of(x0, y0, x1, y1, &(area){ 0, 0, v->width, v->height });
    for (int y = a.y0; y < a.y1; y++)
        for (int x = a.x0; x < a.x1; x++) {
            size_t i = (size_t)y * (size_t)v->width + (size_t)x;
            vec3 ray = camera_ray(c, (float)x + 0.5f, (float)y + 0.5f);
            if (ray.z > -1e-4f)
                continue;
            float t = -c->position.z / ray.z;
            if (t > b->depth[i] * 1.02f + 0.02f) /* something stands on the floor here */
                continue;
            float wx = c->position.x + ray.x * t - f->ground.x, wy = c->position.y + ray.y * t - f->ground.y;
            if (wx * wx + wy * wy > reach * reach)
                continue;
            float dark = shadow_at(l, wx, wy);
            if (dark > 0.012f)
                v->pixels[i] = darker(v->pixels[i], 1 - l->shadow * dark);
        }
}

/* ------------------------------------------------------------------------------------------------------- figures */

/* What is drawn with: the figure and its area's buffers. */
typedef struct brush {
    const camera *camera;
    const light *light;
    const figure *figure;
    area all;
    int stride;
    float *depth;
    uint8_t *at;
} brush;

static bool reserve(canvas *v, size_t count)
{
    if (count <= v->part_size)
        return true;
    free(v->part_depth);
    free(v->part_at);
    v->part_depth = malloc(count * sizeof *v->part_depth);
    v->part_at = malloc(count);
    v->part_size = v->part_depth && v->part_at ? count : 0;
    return v->part_size > 0;
}

static void find_parts(const brush *s)
{
    const camera *c = s->camera;
    for (int n = 0; n < s->figure->n_parts; n++) {
        const part *p = &s->figure->parts[n];
        if (!p->seen)
            continue;
        area a = area_of(p->x0, p->y0, p->x1, p->y1, &s->all);
        for (int y = a.y0; y < a.y1; y++) {
            float up = (c->centre_y - ((float)y + 0.5f)) / c->focal_px;
            size_t row = (size_t)(y - s->all.y0) * (size_t)s->stride;
            bool met = false;
            for (int x = a.x0; x < a.x1; x++) {
                float t, right = ((float)x + 0.5f - c->centre_x) / c->focal_px;
                vec3 point = { 0, 0, 0 }, normal = { 0, 0, 1 };
                size_t i = row + (size_t)(x - s->all.x0);
                if (!part_hit(p, right, up, &t, &point, &normal)) {
                    if (met) /* solids are convex: nothing more in this row */
                        break;
                    continue;
                }
                met = true;
                if (t < s->depth[i]) {
                    s->depth[i] = t;
                    s->at[i] = (uint8_t)(n + 1);
                }
            }
        }
    }
}

/* What is met through a point of the picture. */
typedef struct meeting {
    int part; /* 1 + its number; 0 nothing */
    vec3 point, normal;
    float right, up;
} meeting;

/* Looks at one part only, unless `only` is 0. */
static meeting meet(const brush *s, float x, float y, int only)
{
    const camera *c = s->camera;
    meeting m = { .right = (x - c->centre_x) / c->focal_px, .up = (c->centre_y - y) / c->focal_px };
    float nearest = 1e9f;
    for (int n = only ? only - 1 : 0; n < (only ? only : s->figure->n_parts); n++) {
        const part *p = &s->figure->parts[n];
        float t;
        vec3 point = { 0, 0, 0 }, normal = { 0, 0, 1 };
        if (x < p->x0 || x > p->x1 || y < p->y0 || y > p->y1)
            continue;
        if (part_hit(p, m.right, m.up, &t, &point, &normal) && t < nearest) {
            nearest = t;
            m.part = n + 1;
            m.point = point;
            m.normal = normal;
        }
    }
    return m;
}

static vec3 colour_of(const brush *s, const meeting *m)
{
    const camera *c = s->camera;
    vec3 view = vec_unit(vec_along(vec_along(c->forward, c->right, m->right), c->up, m->up));
    return cloth_shade(s->light, s->figure, &s->figure->parts[m->part - 1], m->point, m->normal, view);
}

/* Whether a pixel and its neighbours (in the figure's area) do not all show the same part. */
static bool at_edge(const brush *s, int x, int y)
{
    size_t i = (size_t)(y - s->all.y0) * (size_t)s->stride + (size_t)(x - s->all.x0);
    uint8_t own = s->at[i];
    if (x == s->all.x0 || y == s->all.y0 || x + 1 == s->all.x1 || y + 1 == s->all.y1)
        return own != 0;
    return s->at[i - 1] != own || s->at[i + 1] != own || s->at[i - (size_t)s->stride] != own ||
           s->at[i + (size_t)s->stride] != own;
}

static uint32_t mixed(uint32_t under, uint32_t over, uint32_t share, uint32_t of)
{
    uint32_t result = 0;
    for (int shift = 0; shift <= 16; shift += 8)
        result |= (((under >> shift & 255) * (of - share) + (over >> shift & 255) * share + of / 2) / of) << shift;
    return result;
}

static void paint_pixel(canvas *v, const brush *s, int x, int y, uint8_t own)
{
    static const float offsets[4][2] = {
        { 0.125f, 0.375f }, { 0.625f, 0.125f }, { 0.375f, 0.875f }, { 0.875f, 0.625f }
    };
    size_t i = (size_t)y * (size_t)v->width + (size_t)x;
    if (own && !at_edge(s, x, y)) {
        meeting m = meet(s, (float)x + 0.5f, (float)y + 0.5f, own);
        if (m.part)
            v->pixels[i] = light_pixel(s->light, colour_of(s, &m));
        return;
    }
    /* Four points; a part that several of them meet is lit once. */
    meeting met[4];
    vec3 lit[4], sum = vec(0, 0, 0);
    uint32_t hits = 0;
    for (int k = 0; k < 4; k++) {
        met[k] = meet(s, (float)x + offsets[k][0], (float)y + offsets[k][1], 0);
        if (!met[k].part)
            continue;
        int same = 0;
        while (met[same].part != met[k].part)
            same++;
        lit[k] = same < k ? lit[same] : colour_of(s, &met[k]);
        sum = vec_add(sum, lit[k]);
        hits++;
    }
    if (hits)
        v->pixels[i] = mixed(v->pixels[i], light_pixel(s->light, vec_scale(sum, 1.0f / (float)hits)), hits, 4);
}

uint32_t paint_figure(canvas *v, const backdrop *b, const camera *c, const light *l, const figure *f, int number)
{
    float x0 = f->x0, y0 = f->y0, x1 = f->x1, y1 = f->y1;
    if (!f->seen)
        return 0;
    for (int n = 0; n < f->n_parts; n++) {
        x0 = fminf(x0, f->parts[n].x0);
        y0 = fminf(y0, f->parts[n].y0);
        x1 = fmaxf(x1, f->parts[n].x1);
        y1 = fmaxf(y1, f->parts[n].y1);
    }
    if (x1 < 0 || y1 < 0 || x0 >= (float)v->width || y0 >= (float)v->height)
        return 0;
    brush s = { .camera = c, .light = l, .figure = f };
    s.all = area_of(x0 - 1, y0 - 1, x1 + 1, y1 + 1, &(area){ -v->width, -v->height, 2 * v->width, 2 * v->height });
    s.stride = s.all.x1 - s.all.x0;
    size_t count = (size_t)s.stride * (size_t)(s.all.y1 - s.all.y0);
    if (!reserve(v, count))
        return 0;
    s.depth = v->part_depth;
    s.at = v->part_at;
    memset(s.at, 0, count);
    for (size_t i = 0; i < count; i++)
        s.depth[i] = 1e9f;
    find_parts(&s);
    uint32_t whole = 0;
    for (int y = s.all.y0; y < s.all.y1; y++)
        for (int x = s.all.x0; x < s.all.x1; x++) {
            size_t k = (size_t)(y - s.all.y0) * (size_t)s.stride + (size_t)(x - s.all.x0);
            uint8_t own = s.at[k];
            bool body = own && !f->parts[own - 1].carried;
            whole += body;
            if (x < 0 || y < 0 || x >= v->width || y >= v->height || (!own && !at_edge(&s, x, y)))
                continue;
            size_t i = (size_t)y * (size_t)v->width + (size_t)x;
            if (b->depth[i] < (own ? s.depth[k] : f->depth))
                continue;
            paint_pixel(v, &s, x, y, own);
            if (own)
                v->owner[i] = body ? (uint8_t)(number + 1) : 0;
        }
    return whole;
}
