/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bones and flesh. Lengths are shares of the height (Drillis and Contini, Body segment parameters, 1966); the gait is
 * a few sines per leg, with the lower foot always on the floor. */
#include "figure.h"

/* The body's frame: forward, to its left, up. */
typedef struct frame {
    vec3 forward, left, up, origin;
} frame;

typedef struct gait {
    float swing; /* amplitude of the thighs, radians */
    double phase;
    float reach[2]; /* arms: left, right: 0 hanging .. 1 stretched forward at shoulder height */
    float bend[2];  /* elbows, radians */
    float lean, nod;
} gait;

static vec3 at(const frame *f, float forward, float left, float up)
{
    return vec_along(vec_along(vec_along(f->origin, f->forward, forward), f->left, left), f->up, up);
}

static part *add_part(figure *f, material stuff, float length, float r0, float r1)
{
    part *p = &f->parts[f->n_parts++];
    *p = (part){ .length = length, .r0 = r0, .r1 = r1, .material = stuff };
    return p;
}

/* A limb from a to b; `side` is the direction of its own x axis, which is stretched by wide, as y is by thick. */
static part *limb(figure *f, material stuff, vec3 a, vec3 b, float r0, float r1, vec3 side, float wide, float thick)
{
    vec3 along = vec_sub(b, a);
    float length = vec_length(along);
    part *p = add_part(f, stuff, length, r0, r1);
    p->origin = a;
    p->axis[2] = vec_unit(along);
    vec3 x = vec_along(side, p->axis[2], -vec_dot(side, p->axis[2]));
    p->axis[0] = vec_unit(x);
    p->axis[1] = vec_scale(vec_cross(p->axis[2], p->axis[0]), thick);
    p->axis[0] = vec_scale(p->axis[0], wide);
    return p;
}

/* An ellipsoid with half axes along the frame: left, forward, up. */
static part *blob(figure *f, const frame *b, material stuff, vec3 centre, float left, float forward, float up)
{
    part *p = add_part(f, stuff, 0, 1, 1);
    p->origin = centre;
    p->axis[0] = vec_scale(b->left, left);
    p->axis[1] = vec_scale(b->forward, -forward);
    p->axis[2] = vec_scale(b->up, up);
    return p;
}

/* A direction in the plane of forward and down: angle 0 hangs, positive swings forward. */
static vec3 swung(const frame *b, double angle)
{
    float s = (float)scene_sin(angle), c = (float)scene_cos(angle);
    return vec_add(vec_scale(b->forward, s), vec_scale(b->up, -c));
}

/* ---- legs ---- */

typedef struct leg {
    double thigh, knee; /* angles */
} leg;

static leg leg_pose(const gait *g, double phase)
{
    double forward = scene_cos(phase);
    double lift = forward > 0 ? forward * forward : 0;
    return (leg){ .thigh = g->swing * scene_sin(phase) + 0.25 * g->swing * lift,
                  .knee = 0.06 + g->swing * (0.15 + 1.75 * lift) };
}

static float leg_reach(const leg *l, float thigh, float shin)
{
    return thigh * (float)scene_cos(l->thigh) + shin * (float)scene_cos(l->thigh - l->knee);
}

static void add_leg(figure *f, const frame *b, const leg *pose, vec3 hip)
{
    const look *l = f->look;
    float h = l->height, thigh = 0.242f * h, shin = 0.232f * h, g = l->girth;
    vec3 knee = vec_along(hip, swung(b, pose->thigh), thigh);
    vec3 ankle = vec_along(knee, swung(b, pose->thigh - pose->knee), shin);
    bool bare = l->legs == LEGS_SHORTS || l->legs == LEGS_SKIRT || l->top == TOP_DRESS;
    float loose = bare ? 0.9f : 1.1f;
    limb(f, bare && l->legs != LEGS_SHORTS ? MATERIAL_SKIN : MATERIAL_LEG, hip, knee, 0.049f * h * g,
         (l->legs == LEGS_SHORTS ? 0.043f : 0.034f) * h * g, b->left, 1, 1.05f);
    limb(f, bare ? MATERIAL_SKIN : MATERIAL_SHIN, knee, ankle, 0.033f * h * g * loose, 0.021f * h * loose, b->left, 1,
         1.05f);
    /* The foot: flat on the floor, tipped up behind when the leg swings back. */
    double pitch = (pose->thigh - pose->knee) * 0.75;
    if (pitch > 0)
        pitch *= 0.4;
    vec3 toe = vec_add(vec_scale(b->forward, (float)scene_cos(pitch)), vec_scale(b->up, (float)scene_sin(pitch)));
    vec3 heel = vec_along(ankle, toe, -0.022f * h);
    heel = vec_along(heel, b->up, -0.016f * h);
    limb(f, MATERIAL_SHOE, heel, vec_along(heel, toe, 0.098f * h), 0.024f * h, 0.021f * h, b->left, 1, 0.85f);
}

/* ---- arms ---- */

static vec3 add_arm(figure *f, const frame *b, vec3 shoulder, float side, double swing, float reach, float bend)
{
    const look *l = f->look;
    float h = l->height, upper = 0.165f * h, lower = 0.145f * h, g = 0.5f + 0.5f * l->girth;
    bool thick = l->top == TOP_JACKET || l->top == TOP_COAT;
    float cloth = thick ? 1.22f : 1.0f;
    vec3 out = vec_scale(b->left, side * (0.16f + 0.05f * l->girth) * (1 - 0.6f * reach));
    vec3 upper_way = vec_unit(vec_add(swung(b, swing + 1.35 * reach), out));
    vec3 elbow = vec_along(shoulder, upper_way, upper);
    vec3 lower_way = vec_unit(vec_add(swung(b, swing + 1.35 * reach + bend), vec_scale(out, 0.2f)));
    vec3 wrist = vec_along(elbow, lower_way, lower);
    limb(f, MATERIAL_SLEEVE, shoulder, elbow, 0.031f * h * g * cloth, 0.024f * h * g * cloth, b->left, 1, 1);
    limb(f, MATERIAL_FOREARM, elbow, wrist, 0.024f * h * g * cloth, 0.0165f * h * (thick ? 1.25f : 1), b->left, 1, 1);
    limb(f, MATERIAL_SKIN, vec_along(wrist, lower_way, 0.012f * h), vec_along(wrist, lower_way, 0.06f * h), 0.0155f * h,
         0.013f * h, b->forward, 1, 0.7f);
    return vec_along(wrist, lower_way, 0.05f * h);
}

/* ---- trunk ---- */

static void add_trunk(figure *f, const frame *b)
{
    const look *l = f->look;
    float h = l->height, g = l->girth;
    bool outer = l->top == TOP_JACKET || l->top == TOP_COAT;
    float cloth = outer ? 1.1f : 1.0f;
    float waist = (l->female ? 0.074f : 0.083f) * h * g * cloth,
          chest = (l->female ? 0.094f : 0.104f) * h * (0.6f + 0.4f * g) * cloth;
    float hips = (l->female ? 0.093f : 0.086f) * h * g;
    /* hips and belly, chest, and the slope of the shoulders */
    limb(f, MATERIAL_HIPS, at(b, 0, 0, 0.485f * h), at(b, 0, 0, 0.56f * h), hips * 0.95f, hips * 0.95f, b->left, 1,
         0.7f);
    limb(f, MATERIAL_TORSO, at(b, 0, 0, (outer ? 0.53f : 0.56f) * h), at(b, 0.004f * h, 0, 0.735f * h),
         outer ? hips * 1.04f : (waist + hips) * 0.5f, chest, b->left, 1, 0.66f);
    limb(f, MATERIAL_TORSO, at(b, -0.008f * h, -0.082f * h, 0.805f * h), at(b, -0.008f * h, 0.082f * h, 0.805f * h),
         0.034f * h * cloth, 0.034f * h * cloth, b->up, 1, 1.15f);
    limb(f, MATERIAL_TORSO, at(b, -0.006f * h, 0, 0.79f * h), at(b, -0.006f * h, 0, 0.845f * h), 0.06f * h, 0.03f * h,
         b->left, 1.2f, 0.8f);
    if (l->girth > 1.12f)
        blob(f, b, MATERIAL_TORSO, at(b, 0.035f * h, 0, 0.60f * h), 0.085f * h * g, 0.06f * h * g, 0.075f * h);
    if (l->female) {
        blob(f, b, MATERIAL_TORSO, at(b, 0.032f * h, 0.038f * h, 0.715f * h), 0.043f * h, 0.036f * h, 0.046f * h);
        blob(f, b, MATERIAL_TORSO, at(b, 0.032f * h, -0.038f * h, 0.715f * h), 0.043f * h, 0.036f * h, 0.046f * h);
    }
    if (l->top == TOP_COAT)
        limb(f, MATERIAL_TORSO, at(b, 0, 0, 0.57f * h), at(b, 0, 0, 0.36f * h), hips * 1.02f, hips * 1.2f, b->left, 1,
             0.78f);
    if (l->top == TOP_DRESS || l->legs == LEGS_SKIRT)
        limb(f, MATERIAL_SKIRT, at(b, 0, 0, 0.55f * h), at(b, 0, 0, 0.33f * h), hips * 0.95f, hips * 1.3f, b->left, 1,
             0.8f);
}

/* ---- head ---- */

static void add_hair(figure *f, const frame *b, float h)
{
    switch (f->look->hair) {
    case HAIR_NONE:
        return;
    case HAIR_CAP:
        blob(f, b, MATERIAL_CAP, at(b, -0.004f * h, 0, 0.957f * h), 0.051f * h, 0.062f * h, 0.047f * h);
        limb(f, MATERIAL_CAP, at(b, 0.03f * h, 0, 0.957f * h), at(b, 0.085f * h, 0, 0.952f * h), 0.03f * h, 0.026f * h,
             b->left, 1.2f, 0.22f);
        blob(f, b, MATERIAL_HAIR, at(b, -0.015f * h, 0, 0.93f * h), 0.047f * h, 0.05f * h, 0.05f * h);
        return;
    case HAIR_SCARF:
        blob(f, b, MATERIAL_CAP, at(b, -0.013f * h, 0, 0.945f * h), 0.054f * h, 0.06f * h, 0.068f * h);
        limb(f, MATERIAL_CAP, at(b, -0.01f * h, 0, 0.90f * h), at(b, 0, 0, 0.83f * h), 0.044f * h, 0.062f * h, b->left,
             1.1f, 0.85f);
        return;
    case HAIR_LONG:
        limb(f, MATERIAL_HAIR, at(b, -0.03f * h, 0, 0.945f * h), at(b, -0.04f * h, 0, 0.83f * h), 0.046f * h,
             0.042f * h, b->left, 1.15f, 0.62f);
        break;
    case HAIR_MEDIUM:
        limb(f, MATERIAL_HAIR, at(b, -0.022f * h, 0, 0.945f * h), at(b, -0.024f * h, 0, 0.895f * h), 0.048f * h,
             0.046f * h, b->left, 1.1f, 0.8f);
        break;
    case HAIR_TAIL:
        limb(f, MATERIAL_HAIR, at(b, -0.062f * h, 0, 0.955f * h), at(b, -0.078f * h, 0, 0.87f * h), 0.02f * h,
             0.013f * h, b->left, 1, 1);
        break;
    default:
        break;
    }
    blob(f, b, MATERIAL_HAIR, at(b, -0.008f * h, 0, 0.956f * h), 0.0485f * h, 0.0575f * h, 0.0555f * h);
}

static void add_head(figure *f, const frame *b)
{
    float h = f->look->height;
    limb(f, MATERIAL_SKIN, at(b, -0.012f * h, 0, 0.81f * h), at(b, 0.002f * h, 0, 0.90f * h), 0.034f * h, 0.031f * h,
         b->left, 1, 1);
    blob(f, b, MATERIAL_HEAD, at(b, 0.004f * h, 0, 0.938f * h), 0.0445f * h, 0.0545f * h, 0.064f * h);
    blob(f, b, MATERIAL_HEAD, at(b, 0.022f * h, 0, 0.903f * h), 0.034f * h, 0.036f * h, 0.037f * h);
    blob(f, b, MATERIAL_SKIN, at(b, 0.058f * h, 0, 0.926f * h), 0.008f * h, 0.012f * h, 0.014f * h);
    blob(f, b, MATERIAL_SKIN, at(b, -0.002f * h, 0.0445f * h, 0.93f * h), 0.006f * h, 0.011f * h, 0.018f * h);
    blob(f, b, MATERIAL_SKIN, at(b, -0.002f * h, -0.0445f * h, 0.93f * h), 0.006f * h, 0.011f * h, 0.018f * h);
    add_hair(f, b, h);
}

/* ---- things carried ---- */

static void add_bag(figure *f, const frame *b, const vec3 hands[2])
{
    const look *l = f->look;
    float h = l->height;
    int first = f->n_parts;
    vec3 hand = hands[l->salt & 1];
    switch (l->bag) {
    case BAG_BACKPACK:
        limb(f, MATERIAL_BAG, at(b, -0.10f * h, 0, 0.60f * h), at(b, -0.095f * h, 0, 0.75f * h), 0.075f * h, 0.065f * h,
             b->left, 1, 0.62f);
        break;
    case BAG_SHOULDER: {
        float side = l->salt & 1 ? -1.0f : 1.0f;
        limb(f, MATERIAL_BAG, at(b, -0.03f * h, side * 0.13f * h, 0.53f * h),
             at(b, 0.05f * h, side * 0.13f * h, 0.53f * h), 0.055f * h, 0.055f * h, b->left, 0.45f, 1.1f);
        break;
    }
    case BAG_CARRIER:
        limb(f, MATERIAL_BAG, vec_along(hand, b->up, -0.21f), vec_along(hand, b->up, -0.03f), 0.13f, 0.07f, b->left,
             0.55f, 1.05f);
        break;
    case BAG_BASKET:
        limb(f, MATERIAL_BASKET, vec_add(vec_along(hand, b->up, -0.24f), vec_scale(b->forward, -0.10f)),
             vec_add(vec_along(hand, b->up, -0.24f), vec_scale(b->forward, 0.10f)), 0.15f, 0.15f, b->left, 0.85f, 0.6f);
        break;
    case BAG_NONE:
        break;
    }
    for (int i = first; i < f->n_parts; i++)
        f->parts[i].carried = true;
}

/* ---- how somebody holds himself ---- */

static gait gait_of(const agent *a, const look *l, double between, double seconds)
{
    gait g = { .phase = a->old_phase + (a->phase - a->old_phase) * between };
    double speed = a->old_speed + (a->speed - a->old_speed) * between;
    double own = (double)(l->salt % 1000) * 0.01;
    g.swing = (float)(0.46 * (speed < 1.3 ? speed / 1.3 : 1.0));
    g.lean = 0.05f * (float)(speed < 1.5 ? speed : 1.5);
    g.bend[0] = g.bend[1] = 0.22f + 0.5f * g.swing;
    if (l->bag == BAG_BASKET) {
        g.bend[l->salt & 1] = 0.5f;
        g.reach[l->salt & 1] = 0.08f;
    }
    if (a->activity == BROWSING || a->activity == PAYING || a->activity == SERVING) {
        /* an arm goes out and comes back, every few seconds */
        float out = smooth(0.1f, 0.9f, (float)scene_sin(seconds * 0.9 + own * 6.3));
        int arm = (int)(1 - (l->salt & 1));
        g.reach[arm] = (a->activity == BROWSING ? 0.85f : 0.45f) * out;
        g.bend[arm] = 0.3f + (a->activity == BROWSING ? 0.15f : 0.75f);
        g.nod = 0.18f;
        if (a->activity == SERVING) {
            g.reach[1 - arm] = 0.3f;
            g.bend[1 - arm] = 0.9f;
        }
    } else if (a->activity == QUEUEING && speed < 0.2 && l->salt % 3 == 0) { /* looks at a telephone */
        g.bend[1] = 1.75f;
        g.reach[1] = 0.22f;
        g.nod = 0.3f;
    }
    return g;
}

/* The frame tilted forward by an angle about a point on its up axis. */
static frame tilted(const frame *b, float pivot, float angle)
{
    float s = (float)scene_sin(angle), c = (float)scene_cos(angle);
    frame t = *b;
    t.up = vec_add(vec_scale(b->up, c), vec_scale(b->forward, s));
    t.forward = vec_sub(vec_scale(b->forward, c), vec_scale(b->up, s));
    t.origin = vec_sub(vec_along(b->origin, b->up, pivot), vec_scale(t.up, pivot));
    return t;
}

void figure_make(figure *f, const agent *a, const look *l, double between, double seconds)
{
    f->look = l;
    f->n_parts = 0;
    float x = (float)(a->old_x + (a->x - a->old_x) * between), y = (float)(a->old_y + (a->y - a->old_y) * between);
    frame b = { .origin = vec(x, y, 0), .up = vec(0, 0, 1) };
    b.forward = vec_unit(vec((float)(a->old_heading_x + (a->heading_x - a->old_heading_x) * between),
                             (float)(a->old_heading_y + (a->heading_y - a->old_heading_y) * between), 0));
    b.left = vec_cross(b.up, b.forward);
    f->ground = b.origin;
    f->forward = b.forward;
    f->left = b.left;
    float h = l->height;
    gait g = gait_of(a, l, between, seconds);

    /* The hips are as high as the leg that carries allows. */
    leg legs[2] = { leg_pose(&g, g.phase), leg_pose(&g, g.phase + SCENE_PI) };
    float thigh = 0.242f * h, shin = 0.232f * h, sole = 0.034f * h;
    float hip_up = sole + fmaxf(leg_reach(&legs[0], thigh, shin), leg_reach(&legs[1], thigh, shin));
    float sink = hip_up - 0.508f * h;
    b.origin = vec(x, y, sink);
    add_leg(f, &b, &legs[0], at(&b, 0, 0.052f * h, 0.508f * h));
    add_leg(f, &b, &legs[1], at(&b, 0, -0.052f * h, 0.508f * h));

    frame trunk = tilted(&b, 0.52f * h, g.lean);
    add_trunk(f, &trunk);
    float wide = (l->female ? 0.103f : 0.113f) * h * (0.7f + 0.3f * l->girth);
    double swing = 0.75 * g.swing * scene_sin(g.phase);
    vec3 hands[2];
    bool held = l->bag == BAG_BASKET || l->bag == BAG_CARRIER;
    for (int i = 0; i < 2; i++) {
        double own = (i ? swing : -swing) * (held && (int)(l->salt & 1) == i ? 0.3 : 1.0);
        hands[i] = add_arm(f, &trunk, at(&trunk, -0.006f * h, i ? -wide : wide, 0.797f * h), i ? -1.0f : 1.0f, own,
                           g.reach[i], g.bend[i]);
    }
    frame head = tilted(&trunk, 0.83f * h, g.nod - g.lean);
    add_head(f, &head);
    add_bag(f, &b, hands);
    for (int i = 0; i < f->n_parts; i++) {
        part *p = &f->parts[i];
        for (int k = 0; k < 3; k++)
            p->inverse[k] = vec_scale(p->axis[k], 1.0f / vec_dot(p->axis[k], p->axis[k]));
    }
}
