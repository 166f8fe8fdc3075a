/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The floor plan of the shop, in metres: x to the right, y away from the front wall, z up. What stands in it, where
 * people walk and queue, and the lines and zones whose true counts a scene knows. */
#ifndef ONYX_SCENE_PLAN_H
#define ONYX_SCENE_PLAN_H

#include <stdbool.h>

#define PLAN_WIDTH 16.0
#define PLAN_DEPTH 12.0
#define PLAN_HEIGHT 4.6
#define PLAN_DOOR_LEFT 11.2
#define PLAN_DOOR_RIGHT 14.3
#define PLAN_DOOR_HEIGHT 2.5

#define PLAN_AISLES 5
#define PLAN_NODES (PLAN_AISLES * 3)
#define PLAN_QUEUES 2
#define PLAN_QUEUE_SLOTS 7
#define PLAN_LINES 2
#define PLAN_ZONES 3
#define PLAN_MAX_BOXES 24

typedef enum plan_kind {
    PLAN_GONDOLA,
    PLAN_WALL_SHELF,
    PLAN_FRIDGE,
    PLAN_COUNTER,
    PLAN_TABLE,
    PLAN_REGISTER
} plan_kind;

typedef struct plan_box {
    double x0, y0, x1, y1, z0, z1;
    plan_kind kind;
} plan_box;

typedef struct plan_point {
    double x, y;
} plan_point;

/* Crossing from the left of a -> b to its right counts as "in". */
typedef struct plan_line {
    const char *name;
    plan_point a, b;
} plan_line;

typedef struct plan_zone {
    const char *name;
    double x0, y0, x1, y1;
} plan_zone;

typedef struct plan {
    plan_box boxes[PLAN_MAX_BOXES];
    int n_boxes;
} plan;

extern const plan_line plan_lines[PLAN_LINES];
extern const plan_zone plan_zones[PLAN_ZONES];
extern const double plan_aisle_x[PLAN_AISLES];

/* `occlusion` 0..1 is how high the shelves in the room are: 0 none, 1 two metres. */
void plan_make(plan *p, double occlusion);
/* Node n: aisle n % PLAN_AISLES; front, middle, back by n / PLAN_AISLES. */
plan_point plan_node(int n);
bool plan_joined(int a, int b);
/* Where the person at `slot` of a queue stands; slot 0 pays. */
plan_point plan_queue_slot(int queue, int slot);
/* Where the cashier of a queue stands, looking to +x. */
plan_point plan_cashier(int queue);

#endif
