/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Procedural goods: each shelf level is cut into runs of the same product, each product into cap, body and label. */
#include "goods.h"

static vec3 product_colour(float n, float m)
{
    static const vec3 colours[] = { { 0.55f, 0.05f, 0.05f }, { 0.62f, 0.36f, 0.05f }, { 0.70f, 0.58f, 0.12f },
                                    { 0.08f, 0.30f, 0.09f }, { 0.05f, 0.14f, 0.42f }, { 0.10f, 0.36f, 0.50f },
                                    { 0.62f, 0.60f, 0.55f }, { 0.36f, 0.22f, 0.10f }, { 0.34f, 0.08f, 0.26f },
                                    { 0.10f, 0.10f, 0.12f }, { 0.66f, 0.34f, 0.34f }, { 0.40f, 0.52f, 0.22f } };
    int count = (int)(sizeof colours / sizeof colours[0]);
    vec3 c = colours[(int)(n * (float)count) % count];
    return vec_scale(vec_mix(c, vec(0.4f, 0.38f, 0.36f), 0.25f), 0.75f + 0.5f * m);
}

/* A level of `room` metres between two boards; up from the lower one. */
static goods shelf_level(float across, float up, float room, int level, uint32_t salt)
{
    uint32_t own = salt + (uint32_t)level * 131u;
    /* Runs of 0.5 to 0.8 m, cut where the noise says. */
    float run_width = 0.62f;
    int run = (int)floorf(across / run_width);
    float shift = (scene_cell(run, level, salt) - 0.5f) * 0.2f;
    run = (int)floorf((across + shift) / run_width);
    float kind = scene_cell(run, level, own), tone = scene_cell(run, level, own + 1);
    float width = 0.065f + 0.11f * scene_cell(run, level, own + 2);
    float tall = room * (0.55f + 0.38f * scene_cell(run, level, own + 3));
    float place = across / width;
    int item = (int)floorf(place);
    float u = place - (float)item - 0.5f; /* -0.5..0.5 over the product */
    bool missing = scene_cell(item, level, own + 4) < 0.06f;
    float deep = 0.10f + 0.10f * up / room; /* the dark behind the goods */
    if (missing || up > tall || fabsf(u) > 0.46f)
        return (goods){ vec(deep * 0.5f, deep * 0.48f, deep * 0.46f), 0 };
    float v = up / tall;
    vec3 body = product_colour(kind, tone);
    bool bottle = tone > 0.55f;
    if (bottle && v > 0.72f && fabsf(u) > 0.16f)
        return (goods){ vec(deep * 0.5f, deep * 0.48f, deep * 0.46f), 0 };
    vec3 c = body;
    if (bottle && v > 0.88f)
        c = product_colour(tone, kind);
    else if (v > 0.25f && v < 0.62f) {
        c = product_colour(scene_cell(run, level, own + 5), 0.9f);
        if (scene_cell((int)floorf(u * 9), (int)floorf(v * 14) + item * 0, own + 6) > 0.62f)
            c = vec(0.75f, 0.73f, 0.70f);
    }
    float round = bottle ? 1.08f - 2.2f * u * u : 1.0f - 0.35f * (u + 0.5f);
    float under = 1 - 0.55f * smooth(0.6f, 1.0f, up / room); /* the board above shades */
    return (goods){ vec_scale(c, round * under), 0 };
}

static goods shelf_side(float across, float up, float width, float height, uint32_t salt)
{
    const float base = 0.12f;
    if (up < base)
        return (goods){ vec(0.16f, 0.16f, 0.17f), 0 };
    if (across < 0.03f || across > width - 0.03f)
        return (goods){ vec(0.55f, 0.55f, 0.54f), 0 };
    int levels = (int)((height - base) / 0.36f);
    levels = levels < 1 ? 1 : levels;
    float room = (height - base) / (float)levels;
    int level = (int)((up - base) / room);
    float in_level = up - base - (float)level * room;
    if (in_level < 0.045f) { /* the board's edge with price tags */
        float tag = across / 0.21f;
        float place = tag - floorf(tag);
        bool label = place > 0.3f && place < 0.62f && in_level > 0.008f && in_level < 0.038f;
        bool offer = scene_cell((int)floorf(tag), level, salt + 9) > 0.8f;
        return (goods){ label ? (offer ? vec(0.75f, 0.55f, 0.06f) : vec(0.8f, 0.8f, 0.78f)) : vec(0.46f, 0.47f, 0.48f),
                        0 };
    }
    return shelf_level(across, in_level - 0.045f, room - 0.045f, level, salt);
}

static goods fridge_side(float across, float up, float width, float height, uint32_t salt)
{
    float door = across / 0.85f;
    float place = door - floorf(door);
    if (up < 0.2f || up > height - 0.18f)
        return (goods){ vec(0.62f, 0.63f, 0.64f), 0 };
    if (place < 0.035f || place > 0.965f)
        return (goods){ vec(0.10f, 0.10f, 0.11f), 0 };
    if (place > 0.9f && place < 0.93f && up > 0.8f && up < 1.4f)
        return (goods){ vec(0.7f, 0.7f, 0.7f), 0 };
    goods g = shelf_side(across + 0.4f, up, width + 1, height, salt);
    g.colour = vec_add(vec_scale(g.colour, 0.85f), vec(0.03f, 0.035f, 0.04f));
    g.glow = 0.35f;
    return g;
}

goods goods_on_side(plan_kind kind, float across, float up, float width, float height, uint32_t salt)
{
    switch (kind) {
    case PLAN_GONDOLA:
    case PLAN_WALL_SHELF:
        return shelf_side(across, up, width, height, salt);
    case PLAN_FRIDGE:
        return fridge_side(across, up, width, height, salt);
    case PLAN_COUNTER: {
        if (up < 0.1f)
            return (goods){ vec(0.06f, 0.06f, 0.06f), 0 };
        bool band = up > 0.62f && up < 0.72f;
        return (goods){ band ? vec(0.50f, 0.07f, 0.07f) : vec(0.50f, 0.49f, 0.47f), 0 };
    }
    case PLAN_TABLE: {
        float plank = up / 0.17f;
        float gap = plank - floorf(plank);
        float grain = scene_noise(across * 3, up * 60, salt);
        return (goods){ vec_scale(vec(0.34f, 0.21f, 0.11f), (gap < 0.1f ? 0.4f : 0.8f) + 0.35f * grain), 0 };
    }
    case PLAN_REGISTER:
        return (goods){ up > 0.1f && across > 0.05f && across < width - 0.05f ? vec(0.12f, 0.2f, 0.3f)
                                                                              : vec(0.05f, 0.05f, 0.055f),
                        0 };
    }
    return (goods){ vec(0.5f, 0.5f, 0.5f), 0 };
}

/* Heaps of fruit: circles in a jittered grid, crates of one sort each. */
static goods fruit(float x, float y, uint32_t salt)
{
    float crate_x = x / 0.57f, crate_y = y / 0.44f;
    int cx = (int)floorf(crate_x), cy = (int)floorf(crate_y);
    float ex = crate_x - (float)cx, ey = crate_y - (float)cy;
    if (ex < 0.05f || ex > 0.95f || ey < 0.06f || ey > 0.94f)
        return (goods){ vec(0.30f, 0.20f, 0.11f), 0 };
    static const vec3 sorts[] = { { 0.55f, 0.05f, 0.03f }, { 0.72f, 0.30f, 0.03f }, { 0.30f, 0.48f, 0.06f },
                                  { 0.74f, 0.62f, 0.08f }, { 0.22f, 0.04f, 0.12f }, { 0.10f, 0.30f, 0.06f } };
    vec3 sort = sorts[(int)(scene_cell(cx, cy, salt) * 6) % 6];
    float size = 0.065f + 0.03f * scene_cell(cx, cy, salt + 1);
    float gx = x / size, gy = y / size;
    int ix = (int)floorf(gx), iy = (int)floorf(gy);
    float dx = gx - (float)ix - 0.5f + 0.3f * (scene_cell(ix, iy, salt + 2) - 0.5f);
    float dy = gy - (float)iy - 0.5f + 0.3f * (scene_cell(ix, iy, salt + 3) - 0.5f);
    float r = dx * dx + dy * dy;
    float tone = (0.75f + 0.5f * scene_cell(ix, iy, salt + 4)) * clampf(1.15f - 3.2f * r, 0.15f, 1);
    return (goods){ vec_scale(sort, tone), 0 };
}

goods goods_on_top(plan_kind kind, float x, float y, uint32_t salt)
{
    if (kind == PLAN_TABLE)
        return fruit(x, y, salt);
    if (kind == PLAN_COUNTER) {
        bool belt = x > 0.16f && x < 0.56f && y > 0.2f;
        float line = y / 0.12f;
        return (goods){ belt ? vec(0.03f, 0.03f, 0.03f)
                             : vec_scale(vec(0.45f, 0.45f, 0.44f), line - floorf(line) < 2 ? 1.0f : 0.9f),
                        0 };
    }
    return (goods){ vec(0.42f, 0.42f, 0.41f), 0 };
}

goods goods_floor(float x, float y, uint32_t salt)
{
    float tx = x / 0.6f, ty = y / 0.6f;
    int ix = (int)floorf(tx), iy = (int)floorf(ty);
    float ex = tx - (float)ix, ey = ty - (float)iy;
    float tone = 0.93f + 0.08f * scene_cell(ix, iy, salt);
    tone *= 0.96f + 0.06f * scene_noise(x * 7, y * 7, salt + 3) + 0.03f * scene_noise(x * 31, y * 31, salt + 4);
    vec3 c = vec_scale(vec(0.52f, 0.50f, 0.465f), tone);
    if (ex < 0.012f || ey < 0.012f)
        c = vec_scale(c, 0.72f);
    /* the mat behind the door */
    if (y < 1.5f && x > PLAN_DOOR_LEFT + 0.2f && x < PLAN_DOOR_RIGHT - 0.2f)
        c = vec_scale(vec(0.09f, 0.09f, 0.10f), 0.8f + 0.4f * scene_noise(x * 60, y * 60, salt));
    if (y < 0) { /* the pavement */
        float sx = x / 0.5f, sy = y / 0.5f;
        bool joint = sx - floorf(sx) < 0.03f || sy - floorf(sy) < 0.03f;
        c = vec_scale(vec(0.36f, 0.35f, 0.34f), joint ? 0.6f : 0.9f + 0.2f * scene_noise(x * 9, y * 9, salt));
    }
    return (goods){ c, 0 };
}

static goods poster(float u, float v, int number, uint32_t salt)
{
    if (u < 0.03f || u > 0.97f || v < 0.03f || v > 0.97f)
        return (goods){ vec(0.75f, 0.75f, 0.74f), 0 };
    vec3 ground = product_colour(scene_cell(number, 1, salt), 0.8f);
    if (v > 0.66f) { /* big letters, unreadable */
        float cell = u * 11;
        bool ink =
            scene_cell((int)cell, number, salt + 2) > 0.3f && cell - floorf(cell) < 0.7f && v > 0.74f && v < 0.88f;
        return (goods){ ink ? vec(0.85f, 0.84f, 0.80f) : ground, 0 };
    }
    float dx = u - 0.5f, dy = v - 0.34f, r = dx * dx * 2 + dy * dy * 3;
    return (goods){ r < 0.16f ? product_colour(scene_cell(number, 3, salt), 1.0f - 2 * r) : ground, 0 };
}

static goods door(float x, float up, vec3 outside, uint32_t salt)
{
    float leaf = (x - (float)PLAN_DOOR_LEFT) / (float)(PLAN_DOOR_RIGHT - PLAN_DOOR_LEFT);
    (void)leaf;
    /* Over the street: houses and sky. */
    vec3 sky = vec_mix(vec(0.75f, 0.8f, 0.86f), vec(0.5f, 0.65f, 0.9f), clampf(up / 4, 0, 1));
    float house = scene_cell((int)floorf(x / 1.3f), 0, salt);
    vec3 c = sky;
    if (up < 1.5f + 0.9f * house) {
        float wx = x / 0.42f, wy = up / 0.6f;
        bool window = wx - floorf(wx) > 0.35f && wy - floorf(wy) > 0.4f && up > 0.9f;
        c = vec_scale(vec(0.42f, 0.36f, 0.32f), window ? 0.45f : 0.7f + 0.5f * house);
    }
    return (goods){ vec_times(c, outside), 1 };
}

goods goods_wall(int side, float across, float up, vec3 outside, uint32_t salt)
{
    if (side == 0 && across > (float)PLAN_DOOR_LEFT && across < (float)PLAN_DOOR_RIGHT &&
        up < (float)PLAN_DOOR_HEIGHT) {
        float edge =
            fminf(fminf(across - (float)PLAN_DOOR_LEFT, (float)PLAN_DOOR_RIGHT - across), (float)PLAN_DOOR_HEIGHT - up);
        if (edge < 0.07f)
            return (goods){ vec(0.12f, 0.12f, 0.13f), 0 };
        return door(across, up, outside, salt);
    }
    if (side == 0 && across > 0.8f && across < 10.6f && up > 1.0f && up < 2.9f) { /* shop windows */
        float pane = across / 1.63f;
        float place = pane - floorf(pane);
        if (place < 0.04f || up < 1.06f || up > 2.84f)
            return (goods){ vec(0.12f, 0.12f, 0.13f), 0 };
        goods g = door(across, up, vec_scale(outside, 0.8f), salt);
        return g;
    }
    if (up < 0.12f)
        return (goods){ vec(0.20f, 0.19f, 0.18f), 0 };
    if (up > 2.55f && up < 2.85f && side != 0)
        return (goods){ vec(0.42f, 0.06f, 0.06f), 0 };
    float slot = across / 3.1f;
    int number = (int)floorf(slot);
    float u = (slot - (float)number - 0.25f) / 0.36f, v = (up - 2.95f) / 0.95f;
    if (side != 0 && u > 0 && u < 1 && v > 0 && v < 1)
        return poster(u, v, number + side * 17, salt);
    float tone = 0.97f + 0.04f * scene_noise(across * 2, up * 2, salt);
    return (goods){ vec_scale(vec(0.66f, 0.645f, 0.61f), tone), 0 };
}

goods goods_ceiling(float x, float y)
{
    float lx = x / 3.0f, ly = y / 2.4f;
    float px = lx - floorf(lx), py = ly - floorf(ly);
    if (px > 0.44f && px < 0.54f && py > 0.2f && py < 0.8f)
        return (goods){ vec(1.6f, 1.6f, 1.55f), 1 };
    float tx = x / 0.6f, ty = y / 0.6f;
    bool joint = tx - floorf(tx) < 0.03f || ty - floorf(ty) < 0.03f;
    return (goods){ vec_scale(vec(0.60f, 0.60f, 0.59f), joint ? 0.8f : 1.0f), 0 };
}
