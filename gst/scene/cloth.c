/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Surfaces are procedural: colour by place on the part, folds as a noise that bends the normal. */
#include "cloth.h"

/* How the surface answers light, beside its colour. */
typedef struct surface {
    vec3 colour;
    float folds, gloss, dark; /* dark: 1 is open, less is in a corner */
} surface;

/* ---- fabric ---- */

static vec3 patterned(const look *l, float across, float up)
{
    float height = l->height;
    switch (l->pattern) {
    case PATTERN_STRIPES: {
        float s = up / (0.035f * height);
        return s - floorf(s) < 0.45f ? l->top_second : l->top_colour;
    }
    case PATTERN_PINSTRIPES: {
        float s = across / (0.016f * height);
        return s - floorf(s) < 0.25f ? l->top_second : l->top_colour;
    }
    case PATTERN_CHECKS: {
        float s = across / (0.04f * height), t = up / (0.04f * height);
        int n = (s - floorf(s) < 0.4f) + (t - floorf(t) < 0.4f);
        return vec_mix(l->top_colour, l->top_second, 0.42f * (float)n);
    }
    default:
        return l->top_colour;
    }
}

/* The front of the trunk: prints, open jackets, zips, belts. */
static vec3 trunk_colour(const figure *f, vec3 place, bool front)
{
    const look *l = f->look;
    float up = place.z, across = vec_dot(vec_sub(place, f->ground), f->left);
    float h = l->height;
    vec3 c = patterned(l, across, up);
    if (!front)
        return c;
    switch (l->top) {
    case TOP_JACKET:
    case TOP_COAT: {
        float opening = (0.018f + 0.035f * smooth(0.62f, 0.80f, up / h)) * h * (l->salt & 2 ? 1.0f : 0.12f);
        float a = fabsf(across);
        if (a < opening)
            return up < 0.57f * h ? l->legs_colour : l->shirt_colour;
        if (a < opening + 0.012f * h)
            return vec_scale(c, 0.6f);
        return c;
    }
    case TOP_VEST:
        return fabsf(across) < 0.02f * h && up > 0.74f * h ? l->shirt_colour : c;
    default:
        break;
    }
    if (l->pattern == PATTERN_PRINT && fabsf(across) < 0.055f * h && up > 0.65f * h && up < 0.75f * h) {
        float n = scene_cell((int32_t)floorf(across / (0.014f * h)), (int32_t)floorf(up / (0.016f * h)), l->salt);
        return n > 0.4f ? l->top_second : c;
    }
    return c;
}

/* ---- the head ---- */

/* y < 0 is the front; x, y, z of the unit sphere. */
static vec3 face_colour(const look *l, const part *p, vec3 q)
{
    vec3 c = l->skin;
    bool jaw = vec_dot(p->axis[0], p->axis[0]) < 0.0016f * l->height * l->height;
    float x = fabsf(q.x);
    if (jaw) {
        if (l->beard && q.z < 0.35f)
            c = vec_mix(c, l->hair_colour, 0.75f);
        if (q.y < -0.4f && q.z > 0.08f && q.z < 0.36f && x < 0.48f)
            c = vec_mix(c, vec(0.36f, 0.09f, 0.08f), l->female ? 0.7f : 0.45f);
        return c;
    }
    if (q.y > -0.35f)
        return c;
    float eye_x = (x - 0.42f) / 0.17f, eye_z = (q.z + 0.02f) / 0.075f;
    float eye = eye_x * eye_x + eye_z * eye_z;
    if (eye < 1)
        return eye_x * eye_x < 0.2f ? vec(0.02f, 0.015f, 0.012f) : vec(0.5f, 0.47f, 0.45f);
    if (eye < 2.2f)
        c = vec_scale(c, 0.62f); /* the socket */
    if (x > 0.18f && x < 0.68f && q.z > 0.13f && q.z < 0.23f)
        c = vec_mix(c, l->hair_colour, 0.75f);
    if (l->glasses && x > 0.12f && x < 0.75f && q.z > -0.18f && q.z < 0.16f) {
        bool rim = x < 0.2f || x > 0.67f || q.z < -0.12f || q.z > 0.09f;
        if (rim)
            c = vec(0.015f, 0.015f, 0.018f);
    }
    if (l->beard && q.z < -0.55f)
        c = vec_mix(c, l->hair_colour, 0.65f);
    /* cheeks */
    float cheek = (x - 0.5f) * (x - 0.5f) + (q.z + 0.35f) * (q.z + 0.35f);
    return cheek < 0.06f ? vec_mix(c, vec(0.55f, 0.16f, 0.13f), 0.16f) : c;
}

static vec3 hair_shade(const look *l, vec3 point)
{
    float strand = scene_noise(point.x * 9 + point.y * 4, point.z * 2.2f, l->salt);
    return vec_scale(l->hair_colour, 0.7f + 0.6f * strand);
}

/* ---- all parts ---- */

static surface legs_surface(const look *l, const part *p, vec3 point)
{
    surface s = { .colour = l->legs_colour, .folds = 0.32f, .gloss = 0.02f, .dark = 1 };
    if (l->legs == LEGS_JEANS) { /* washed out on the thighs */
        float wash = scene_noise(point.x * 40, point.z * 14, l->salt + 7);
        s.colour = vec_scale(s.colour, 0.85f + 0.4f * wash * (p->material == MATERIAL_LEG ? 1.0f : 0.6f));
        s.gloss = 0;
    }
    return s;
}

static surface surface_of(const figure *f, const part *p, vec3 point, vec3 place, bool front)
{
    const look *l = f->look;
    switch (p->material) {
    case MATERIAL_SKIN:
        return (surface){ l->skin, 0, 0.06f, 1 };
    case MATERIAL_HEAD:
        return (surface){ face_colour(l, p, point), 0, 0.06f, 1 };
    case MATERIAL_HAIR:
        return (surface){ hair_shade(l, point), 0.25f, 0.10f, 1 };
    case MATERIAL_CAP:
        return (surface){ l->top_second, 0.12f, 0.02f, 1 };
    case MATERIAL_TORSO:
        return (surface){ trunk_colour(f, place, front), l->top == TOP_SHIRT ? 0.26f : 0.34f, 0.02f, 1 };
    case MATERIAL_SKIRT:
        return (surface){ l->top == TOP_DRESS ? patterned(l, point.x, place.z) : l->legs_colour, 0.42f, 0.02f, 1 };
    case MATERIAL_HIPS: {
        if (l->top == TOP_DRESS)
            return (surface){ patterned(l, point.x, place.z), 0.3f, 0.02f, 1 };
        bool belt = place.z > 0.555f * l->height && place.z < 0.572f * l->height;
        surface s = legs_surface(l, p, point);
        if (belt)
            s.colour = vec(0.02f, 0.016f, 0.014f);
        return s;
    }
    case MATERIAL_SLEEVE:
        if (l->top == TOP_VEST)
            return (surface){ l->shirt_colour, 0.36f, 0.02f, 1 };
        if ((l->top == TOP_SHIRT || l->top == TOP_DRESS) && point.z > 0.62f * p->length)
            return (surface){ l->skin, 0, 0.06f, 1 };
        return (surface){ patterned(l, point.x, place.z), 0.36f, 0.02f, 0.95f };
    case MATERIAL_FOREARM:
        if (l->top == TOP_SHIRT || l->top == TOP_DRESS)
            return (surface){ l->skin, 0, 0.06f, 1 };
        return (surface){ l->top == TOP_VEST ? l->shirt_colour : patterned(l, point.x, place.z), 0.4f, 0.02f, 1 };
    case MATERIAL_LEG:
        if (l->legs == LEGS_SHORTS && point.z > 0.85f * p->length)
            return (surface){ l->skin, 0, 0.05f, 1 };
        return legs_surface(l, p, point);
    case MATERIAL_SHIN:
        return legs_surface(l, p, point);
    case MATERIAL_SHOE: {
        bool sole = point.y > 0.6f * p->r0;
        return (surface){ sole ? vec(0.5f, 0.48f, 0.45f) : l->shoe_colour, 0, 0.10f, 0.9f };
    }
    case MATERIAL_BAG:
        return (surface){ vec_scale(l->bag_colour, 0.8f + 0.4f * scene_noise(point.x * 12, point.z * 12, l->salt)),
                          0.2f, 0.05f, 1 };
    case MATERIAL_BASKET: {
        float u = point.z * 22, v = point.y * 22;
        bool grid = u - floorf(u) < 0.4f || v - floorf(v) < 0.4f;
        return (surface){ vec_scale(vec(0.55f, 0.05f, 0.05f), grid ? 1.0f : 0.35f), 0, 0.06f, 1 };
    }
    }
    return (surface){ { 1, 0, 1 }, 0, 0, 1 };
}

/* Creases run around the limb, aslant: the slope of a long noise bends the normal. */
static vec3 folded(const figure *f, const part *p, vec3 point, vec3 normal, float amount)
{
    bool skirt = p->material == MATERIAL_SKIRT;
    float along = skirt ? 8 : 24, around = skirt ? 6.0f : 2.2f;
    float turn = (point.y > 0 ? point.x : 3 - point.x) / fmaxf(p->r0, 0.02f), up = point.z;
    if (p->length == 0) {
        turn = point.x * 2;
        up *= 0.1f;
    }
    uint32_t salt = f->look->salt + (uint32_t)p->material * 977u;
    float au, az, bu, bz;
    scene_noise_slope(turn * around + up * 5, up * along, salt, &au, &az);
    scene_noise_slope(turn * 2 * around - up * 9, up * along * 1.9f, salt + 1, &bu, &bz);
    normal.x -= amount * 0.29f * around * (au + bu);
    normal.z -= amount * 0.02f * (au * 5 + az * along + 0.5f * (bz * 1.9f * along - bu * 9));
    return vec_unit(normal);
}

/* A normal from the part's own space. */
static vec3 to_place(const part *p, vec3 n)
{
    return vec_unit(vec_along(vec_along(vec_scale(p->inverse[0], n.x), p->inverse[1], n.y), p->inverse[2], n.z));
}

vec3 cloth_shade(const light *lamps, const figure *f, const part *p, vec3 point, vec3 normal, vec3 view)
{
    vec3 place =
        vec_along(vec_along(vec_along(p->origin, p->axis[0], point.x), p->axis[1], point.y), p->axis[2], point.z);
    vec3 own = vec_unit(normal);
    vec3 n = to_place(p, own);
    surface s = surface_of(f, p, point, place, vec_dot(n, f->forward) > 0);
    if (s.folds > 0)
        n = to_place(p, folded(f, p, point, own, s.folds));
    vec3 c = vec_times(s.colour, light_on(lamps, n));
    /* Less light gets down between people and shelves, under chins and into armpits. */
    float share = place.z / f->look->height;
    float open = s.dark * (0.62f + 0.38f * smooth(0.0f, 0.75f, share));
    if (n.z < 0)
        open *= 1 + 0.35f * n.z;
    c = vec_scale(c, open);
    vec3 half = vec_unit(vec_sub(lamps->key_way, view));
    float shine = clampf(vec_dot(n, half), 0, 1);
    shine *= shine;
    shine *= shine;
    shine *= shine;
    float rim = 1 + vec_dot(n, view); /* view points away from the eye */
    rim = clampf(rim, 0, 1);
    rim = rim * rim * rim;
    c = vec_along(c, lamps->key, s.gloss * (shine * shine + shine));
    return vec_along(c, lamps->sky, 0.06f * rim);
}
