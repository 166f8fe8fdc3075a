/* SPDX-License-Identifier: BSD-2-Clause
 *
 * How a person looks: body, clothes, hair and what is carried, all from one number. */
#ifndef ONYX_SCENE_LOOK_H
#define ONYX_SCENE_LOOK_H

#include "maths.h"

typedef enum look_hair { HAIR_NONE, HAIR_SHORT, HAIR_MEDIUM, HAIR_LONG, HAIR_TAIL, HAIR_CAP, HAIR_SCARF } look_hair;
typedef enum look_top { TOP_SHIRT, TOP_SLEEVES, TOP_JACKET, TOP_COAT, TOP_DRESS, TOP_VEST } look_top;
typedef enum look_legs { LEGS_TROUSERS, LEGS_JEANS, LEGS_SHORTS, LEGS_SKIRT } look_legs;
typedef enum look_pattern {
    PATTERN_PLAIN,
    PATTERN_STRIPES,
    PATTERN_PINSTRIPES,
    PATTERN_CHECKS,
    PATTERN_PRINT
} look_pattern;
typedef enum look_bag { BAG_NONE, BAG_BACKPACK, BAG_SHOULDER, BAG_BASKET, BAG_CARRIER } look_bag;

/* Colours are linear light, 0..1. */
typedef struct look {
    float height; /* metres, without shoes and hair */
    float girth;  /* 0.85..1.3 of the usual */
    bool female, glasses, beard;
    look_hair hair;
    look_top top;
    look_legs legs;
    look_pattern pattern;
    look_bag bag;
    vec3 skin, hair_colour, top_colour, top_second, shirt_colour, legs_colour, shoe_colour, bag_colour;
    uint32_t salt; /* for folds and prints */
} look;

void look_make(look *l, uint32_t appearance, bool staff);

#endif
