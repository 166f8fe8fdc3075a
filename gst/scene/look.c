/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Wardrobe. Colours are written as sRGB bytes and squared, which is the gamma of the whole renderer. */
#include "look.h"

#define RGB(r, g, b)                                                                                                   \
    {                                                                                                                  \
        (r) / 255.0f, (g) / 255.0f, (b) / 255.0f                                                                       \
    }

static const vec3 skins[] = { RGB(241, 205, 182), RGB(232, 190, 160), RGB(222, 176, 142), RGB(205, 153, 115),
                              RGB(180, 126, 88),  RGB(148, 98, 68),   RGB(112, 74, 52),   RGB(82, 54, 40) };
static const vec3 hairs[] = { RGB(28, 22, 20),   RGB(42, 30, 24),    RGB(70, 46, 30),  RGB(104, 70, 42),
                              RGB(150, 112, 68), RGB(190, 158, 108), RGB(120, 62, 36), RGB(160, 156, 152),
                              RGB(96, 94, 94),   RGB(35, 27, 22) };
static const vec3 tops[] = { RGB(38, 42, 52),    RGB(60, 62, 66),    RGB(226, 226, 222), RGB(142, 32, 38),
                             RGB(34, 62, 118),   RGB(96, 132, 174),  RGB(52, 92, 62),    RGB(112, 112, 74),
                             RGB(196, 172, 132), RGB(204, 126, 52),  RGB(222, 192, 74),  RGB(118, 76, 122),
                             RGB(206, 132, 150), RGB(44, 120, 128),  RGB(150, 150, 154), RGB(96, 66, 46),
                             RGB(28, 28, 32),    RGB(184, 196, 212), RGB(178, 52, 44),   RGB(70, 84, 104) };
static const vec3 trousers[] = { RGB(32, 34, 42), RGB(48, 50, 56), RGB(74, 70, 66),    RGB(150, 130, 100),
                                 RGB(90, 82, 70), RGB(40, 46, 66), RGB(120, 120, 122), RGB(58, 50, 44) };
static const vec3 jeans[] = { RGB(46, 62, 96), RGB(72, 92, 132), RGB(104, 128, 162), RGB(34, 40, 58) };
static const vec3 shoes[] = { RGB(30, 28, 28), RGB(70, 48, 34), RGB(228, 228, 224), RGB(120, 120, 122),
                              RGB(150, 40, 40) };
static const vec3 bags[] = { RGB(40, 40, 44),  RGB(110, 70, 44),   RGB(150, 36, 40),
                             RGB(44, 74, 120), RGB(190, 160, 110), RGB(60, 92, 66) };

#define COUNT(array) (int)(sizeof(array) / sizeof(array)[0])

static vec3 linear(vec3 c)
{
    return vec_times(c, c);
}

/* One of a list, a little lighter or darker. */
static vec3 pick(scene_rng *rng, const vec3 *list, int count)
{
    vec3 c = linear(list[scene_pick(rng, count)]);
    return vec_scale(c, (float)scene_between(rng, 0.85, 1.15));
}

static void choose_clothes(look *l, scene_rng *rng)
{
    static const look_top common[] = {
        TOP_SHIRT, TOP_SHIRT, TOP_SLEEVES, TOP_SLEEVES, TOP_JACKET, TOP_JACKET, TOP_COAT
    };
    l->top = common[scene_pick(rng, COUNT(common))];
    if (l->female && scene_chance(rng, 0.16))
        l->top = TOP_DRESS;
    double legs = scene_uniform(rng);
    l->legs = legs < 0.45 ? LEGS_JEANS : legs < 0.85 ? LEGS_TROUSERS : l->female ? LEGS_SKIRT : LEGS_SHORTS;
    l->top_colour = pick(rng, tops, COUNT(tops));
    l->top_second = pick(rng, tops, COUNT(tops));
    l->shirt_colour = scene_chance(rng, 0.5) ? linear((vec3)RGB(224, 224, 224)) : pick(rng, tops, COUNT(tops));
    l->legs_colour = l->legs == LEGS_JEANS ? pick(rng, jeans, COUNT(jeans)) : pick(rng, trousers, COUNT(trousers));
    double pattern = scene_uniform(rng);
    if (l->top == TOP_JACKET || l->top == TOP_COAT)
        l->pattern = pattern < 0.85 ? PATTERN_PLAIN : PATTERN_CHECKS;
    else
        l->pattern = pattern < 0.5    ? PATTERN_PLAIN
                     : pattern < 0.65 ? PATTERN_STRIPES
                     : pattern < 0.72 ? PATTERN_PINSTRIPES
                     : pattern < 0.84 ? PATTERN_CHECKS
                                      : PATTERN_PRINT;
}

static void choose_head(look *l, scene_rng *rng)
{
    static const look_hair of_women[] = { HAIR_LONG, HAIR_LONG,  HAIR_MEDIUM, HAIR_TAIL,
                                          HAIR_TAIL, HAIR_SHORT, HAIR_SCARF };
    static const look_hair of_men[] = {
        HAIR_SHORT, HAIR_SHORT, HAIR_SHORT, HAIR_SHORT, HAIR_MEDIUM, HAIR_NONE, HAIR_CAP
    };
    int n = scene_pick(rng, 7);
    l->hair = l->female ? of_women[n] : of_men[n];
    l->skin = pick(rng, skins, COUNT(skins));
    l->hair_colour = pick(rng, hairs, COUNT(hairs));
    /* Dark skin goes with dark hair, mostly. */
    if (l->skin.x < 0.4f && scene_chance(rng, 0.9))
        l->hair_colour = linear(hairs[scene_pick(rng, 2)]);
    l->beard = !l->female && scene_chance(rng, 0.3);
    l->glasses = scene_chance(rng, 0.22);
}

void look_make(look *l, uint32_t appearance, bool staff)
{
    scene_rng rng = { scene_hash64((uint64_t)appearance * 2 + 1) };
    *l = (look){ .salt = appearance };
    l->female = scene_chance(&rng, 0.5);
    l->height = (float)(l->female ? scene_between(&rng, 1.54, 1.76) : scene_between(&rng, 1.66, 1.94));
    l->girth = (float)scene_between(&rng, 0.88, 1.08);
    l->girth += scene_chance(&rng, 0.25) ? 0.16f : 0;
    choose_clothes(l, &rng);
    choose_head(l, &rng);
    l->shoe_colour = pick(&rng, shoes, COUNT(shoes));
    l->bag_colour = pick(&rng, bags, COUNT(bags));
    double bag = scene_uniform(&rng);
    l->bag = bag < 0.45   ? BAG_NONE
             : bag < 0.6  ? BAG_BACKPACK
             : bag < 0.75 ? BAG_SHOULDER
             : bag < 0.9  ? BAG_BASKET
                          : BAG_CARRIER;
    if (staff) {
        l->top = TOP_VEST;
        l->pattern = PATTERN_PLAIN;
        l->top_colour = linear((vec3)RGB(170, 34, 40));
        l->legs = LEGS_TROUSERS;
        l->legs_colour = linear((vec3)RGB(34, 34, 38));
        l->bag = BAG_NONE;
    }
}
