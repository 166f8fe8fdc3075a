/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The one floor plan. Gondolas and aisles run along y; the front wall with the door is y = 0. */
#include "plan.h"

#include <math.h>

#define FRONT_Y 4.2
#define MIDDLE_Y 7.2
#define BACK_Y 10.6

const double plan_aisle_x[PLAN_AISLES] = { 1.5, 4.5, 7.5, 10.5, 14.7 };

/* Nobody passes y = 0.3 but in the door (see keep_out in world.c). The door is crossed inwards by walking to +y; the
 * aisles' front edge by walking into them. */
const plan_line plan_lines[PLAN_LINES] = {
    { "entrance", { PLAN_DOOR_RIGHT, 0.3 }, { PLAN_DOOR_LEFT, 0.3 } },
    { "aisles", { 11.6, 4.7 }, { 0.7, 4.7 } },
};

const plan_zone plan_zones[PLAN_ZONES] = {
    { "checkout", 4.4, 1.0, 9.2, 3.6 },
    { "aisle", 6.4, 5.0, 8.6, 9.8 },
    { "produce", 10.2, 4.8, 15.4, 9.8 },
};

static void add(plan *p, plan_kind kind, double x0, double y0, double x1, double y1, double z0, double z1)
{
    p->boxes[p->n_boxes++] = (plan_box){ x0, y0, x1, y1, z0, z1, kind };
}

void plan_make(plan *p, double occlusion)
{
    p->n_boxes = 0;
    double height = 0.7 + 1.3 * occlusion;
    if (occlusion > 0)
        for (int i = 0; i < 3; i++)
            add(p, PLAN_GONDOLA, 2.5 + 3.0 * i, 5.1, 3.4 + 3.0 * i, 9.6, 0, height);
    add(p, PLAN_TABLE, 11.7, 5.3, 13.4, 6.6, 0, 0.85);
    add(p, PLAN_TABLE, 11.7, 8.0, 13.4, 9.3, 0, 0.85);
    add(p, PLAN_WALL_SHELF, 0.6, PLAN_DEPTH - 0.5, PLAN_WIDTH - 0.6, PLAN_DEPTH, 0, 2.1);
    add(p, PLAN_WALL_SHELF, 0, 3.4, 0.5, PLAN_DEPTH - 0.6, 0, 2.1);
    add(p, PLAN_FRIDGE, PLAN_WIDTH - 0.6, 3.2, PLAN_WIDTH, PLAN_DEPTH - 0.7, 0, 2.15);
    for (int q = 0; q < PLAN_QUEUES; q++) {
        double x = q ? 3.7 : 7.0;
        add(p, PLAN_COUNTER, x, 1.3, x + 0.7, 3.2, 0, 0.92);
        add(p, PLAN_REGISTER, x + 0.1, 1.9, x + 0.5, 2.25, 0.92, 1.25);
    }
}

plan_point plan_node(int n)
{
    static const double rows[] = { FRONT_Y, MIDDLE_Y, BACK_Y };
    return (plan_point){ plan_aisle_x[n % PLAN_AISLES], rows[n / PLAN_AISLES] };
}

bool plan_joined(int a, int b)
{
    int row_a = a / PLAN_AISLES, row_b = b / PLAN_AISLES, aisle_a = a % PLAN_AISLES, aisle_b = b % PLAN_AISLES;
    if (aisle_a == aisle_b)
        return row_a - row_b == 1 || row_b - row_a == 1;
    return row_a == row_b && row_a != 1 && (aisle_a - aisle_b == 1 || aisle_b - aisle_a == 1);
}

plan_point plan_queue_slot(int queue, int slot)
{
    /* The line bends a little, as lines do. */
    static const double bend[PLAN_QUEUE_SLOTS] = { 0, 0.08, 0.02, -0.06, 0.1, 0.04, -0.1 };
    return (plan_point){ (queue ? 4.95 : 8.3) + bend[slot], 1.9 + 0.78 * slot };
}

plan_point plan_cashier(int queue)
{
    return (plan_point){ queue ? 3.2 : 6.5, 2.05 };
}
