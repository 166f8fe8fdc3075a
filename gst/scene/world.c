/* SPDX-License-Identifier: BSD-2-Clause
 *
 * People with errands: come in, visit shelves, queue, pay, leave. Steering is a wish (the next point of a path) bent
 * by neighbours and furniture, after Helbing and Molnar, Social force model for pedestrian dynamics, 1995. */
#include "world.h"

#include <string.h>

#define STEP_SECONDS (1.0 / WORLD_STEPS_PER_SECOND)
#define WARM_UP_STEPS (70 * WORLD_STEPS_PER_SECOND)
#define BODY_RADIUS 0.27

static uint64_t seconds_to_steps(double seconds)
{
    return (uint64_t)(seconds * WORLD_STEPS_PER_SECOND);
}

/* ------------------------------------------------------------------------------------------------------- paths */

static void path_clear(agent *a)
{
    a->path_length = a->path_at = 0;
}

static void path_push(agent *a, double x, double y)
{
    if (a->path_length < WORLD_MAX_PATH)
        a->path[a->path_length++] = (plan_point){ x, y };
}

static double distance(double ax, double ay, double bx, double by)
{
    double dx = ax - bx, dy = ay - by;
    return sqrt(dx * dx + dy * dy);
}

/* The node from which a place of the shop is reached straight: the same aisle when between the rows, else the nearest
 * of the row in front. */
static int nearest_node(double x, double y)
{
    int best = 0;
    double best_cost = 1e9;
    for (int n = 0; n < PLAN_NODES; n++) {
        plan_point p = plan_node(n);
        double dx = x - p.x, dy = y - p.y;
        bool among_shelves = y > 4.9 && y < 9.9;
        double cost = sqrt(dx * dx * (among_shelves ? 40 : 1) + dy * dy);
        if (y <= 4.9 && n >= PLAN_AISLES)
            cost += 50;
        if (cost < best_cost) {
            best_cost = cost;
            best = n;
        }
    }
    return best;
}

/* Adds the nodes from `from` to `to` (both), shortest way. */
static void path_nodes(agent *a, int from, int to)
{
    double cost[PLAN_NODES];
    int next[PLAN_NODES];
    for (int n = 0; n < PLAN_NODES; n++)
        cost[n] = n == to ? 0 : 1e9;
    for (int n = 0; n < PLAN_NODES; n++)
        next[n] = n;
    for (int round = 0; round < PLAN_NODES; round++)
        for (int n = 0; n < PLAN_NODES; n++)
            for (int m = 0; m < PLAN_NODES; m++) {
                if (!plan_joined(n, m))
                    continue;
                plan_point p = plan_node(n), q = plan_node(m);
                double through = cost[m] + distance(p.x, p.y, q.x, q.y);
                if (through < cost[n] - 1e-9) {
                    cost[n] = through;
                    next[n] = m;
                }
            }
    for (int n = from;; n = next[n]) {
        plan_point p = plan_node(n);
        path_push(a, p.x, p.y);
        if (n == to)
            return;
    }
}

static void path_to(agent *a, scene_rng *rng, double x, double y)
{
    path_clear(a);
    if (a->y < 1.5 && a->x > 10)
        path_push(a, 12.9, 2.6);
    int from = nearest_node(a->x, a->y), to = nearest_node(x, y);
    if (from != to)
        path_nodes(a, from, to);
    /* Not everybody walks through the same point. */
    for (int i = 0; i < a->path_length; i++) {
        a->path[i].x += scene_between(rng, -0.35, 0.35);
        a->path[i].y += scene_between(rng, -0.3, 0.3);
    }
    path_push(a, x, y);
}

static void path_out(agent *a, scene_rng *rng)
{
    path_clear(a);
    if (a->y > 3.3) {
        path_nodes(a, nearest_node(a->x, a->y), 3);
        path_push(a, 11.5, 2.4);
    } else {
        path_push(a, a->x + 0.6, 0.85);
    }
    double x = scene_between(rng, 11.6, 12.6);
    path_push(a, x, 0.7);
    path_push(a, x + 0.1, -2.0);
}

/* ------------------------------------------------------------------------------------------------------- errands */

static void begin(world *w, agent *a, activity what)
{
    a->activity = what;
    a->since_step = w->step;
}

/* Whether somebody else stands there or is about to. */
static bool taken(const world *w, const agent *a, double x, double y)
{
    for (int i = 0; i < w->n_agents; i++) {
        const agent *b = &w->agents[i];
        bool going = b->path_at < b->path_length;
        plan_point p = going ? b->path[b->path_length - 1] : (plan_point){ b->x, b->y };
        if (b != a && distance(x, y, p.x, p.y) < 0.5)
            return true;
    }
    return false;
}

/* A place to look at goods, and which way to look there. */
static plan_point try_shelf(world *w, agent *a)
{
    static const double sides[PLAN_AISLES] = { 0.65, 0.72, 0.72, 0.72, 0.8 };
    int aisle = scene_pick(&w->rng, PLAN_AISLES);
    bool right = scene_chance(&w->rng, 0.5);
    double y = scene_between(&w->rng, 5.2, 9.4);
    if (scene_chance(&w->rng, w->config.crowding * 0.85)) { /* where something is on offer: it moves every minute */
        uint64_t offer = scene_hash64(w->config.seed + w->step / (60 * WORLD_STEPS_PER_SECOND));
        aisle = 1 + (int)(offer % 3);
        right = (offer >> 8) & 1;
        y = 5.4 + (double)((offer >> 16) % 32) * 0.1 + scene_between(&w->rng, -0.9, 0.9);
    }
    if (aisle == 3 && right && y > 6.6 && y < 8.0)
        y = 6.2;
    a->look_x = right ? 1 : -1;
    a->look_y = 0;
    if (scene_chance(&w->rng, 0.12)) { /* the shelves at the back wall */
        a->look_x = 0;
        a->look_y = 1;
        return (plan_point){ scene_between(&w->rng, 1.5, 14.5), 11.05 };
    }
    double away = sides[aisle] - scene_between(&w->rng, 0.02, 0.25);
    return (plan_point){ plan_aisle_x[aisle] + a->look_x * away, y };
}

static void choose_shelf(world *w, agent *a)
{
    plan_point p = try_shelf(w, a);
    for (int i = 0; i < 8 && taken(w, a, p.x, p.y); i++)
        p = try_shelf(w, a);
    begin(w, a, GOING);
    path_to(a, &w->rng, p.x, p.y);
}

static bool join_queue(world *w, agent *a)
{
    int best = -1, best_slot = PLAN_QUEUE_SLOTS;
    for (int q = 0; q < PLAN_QUEUES; q++) {
        int slot = PLAN_QUEUE_SLOTS;
        while (slot > 0 && !w->queues[q][slot - 1])
            slot--;
        if (slot < best_slot) {
            best = q;
            best_slot = slot;
        }
    }
    if (best < 0)
        return false;
    a->queue = best;
    a->slot = best_slot;
    w->queues[best][best_slot] = a->id;
    plan_point p = plan_queue_slot(best, best_slot);
    begin(w, a, QUEUEING);
    path_to(a, &w->rng, p.x, p.y);
    return true;
}

static void next_errand(world *w, agent *a)
{
    if (a->visits_left-- > 0) {
        choose_shelf(w, a);
    } else if (!join_queue(w, a)) {
        a->visits_left = 1;
        choose_shelf(w, a);
    }
}

static void leave_queue(world *w, agent *a)
{
    for (int slot = 0; slot < PLAN_QUEUE_SLOTS; slot++)
        if (w->queues[a->queue][slot] == a->id)
            w->queues[a->queue][slot] = 0;
    begin(w, a, LEAVING);
    path_out(a, &w->rng);
}

/* People move up when there is room in front of them. */
static void move_up(world *w, agent *a)
{
    if (a->slot == 0 || w->queues[a->queue][a->slot - 1])
        return;
    w->queues[a->queue][a->slot] = 0;
    a->slot--;
    w->queues[a->queue][a->slot] = a->id;
    plan_point p = plan_queue_slot(a->queue, a->slot);
    if (a->path_at >= a->path_length - 1) {
        path_clear(a);
        path_push(a, p.x, p.y);
    } else {
        a->path[a->path_length - 1] = p;
    }
}

static void think(world *w, agent *a)
{
    bool there = a->path_at >= a->path_length;
    switch (a->activity) {
    case GOING:
        if (there) {
            begin(w, a, BROWSING);
            a->until_step = w->step + seconds_to_steps(scene_between(&w->rng, 2.5, 11.0) / w->config.speed);
        }
        break;
    case BROWSING:
        if (w->step >= a->until_step)
            next_errand(w, a);
        break;
    case QUEUEING:
        move_up(w, a);
        a->look_x = 0;
        a->look_y = -1;
        if (a->slot == 0 && a->path_at >= a->path_length) {
            begin(w, a, PAYING);
            a->look_x = -1;
            a->look_y = 0;
            a->until_step = w->step + seconds_to_steps(scene_between(&w->rng, 4.0, 10.0) / w->config.speed);
        }
        break;
    case PAYING:
        if (w->step >= a->until_step)
            leave_queue(w, a);
        break;
    case LEAVING:
    case SERVING:
        break;
    }
}

/* ------------------------------------------------------------------------------------------------------ steering */

/* Pushes from neighbours; to pass each other people keep to their right. */
static void push_of_others(const world *w, const agent *a, double wish_x, double wish_y, double *fx, double *fy)
{
    double reach = 0.95 - 0.3 * w->config.crowding;
    bool impatient = w->step > a->stuck_step && w->step - a->stuck_step > 4 * WORLD_STEPS_PER_SECOND;
    if (impatient)
        reach *= 0.45;
    for (int i = 0; i < w->n_agents; i++) {
        const agent *b = &w->agents[i];
        double dx = a->x - b->x, dy = a->y - b->y;
        double d = sqrt(dx * dx + dy * dy);
        if (b == a || d > reach)
            continue;
        if (d < 1e-6) {
            dx = a->id < b->id ? 1e-3 : -1e-3;
            d = 1e-3;
        }
        double push = 2.2 * (reach - d) / reach;
        if (d < 2 * BODY_RADIUS && !impatient)
            push += 4.0 * (2 * BODY_RADIUS - d);
        *fx += push * dx / d;
        *fy += push * dy / d;
        if (dx * wish_x + dy * wish_y < 0) { /* it is in front */
            *fx += 0.8 * push * wish_y;
            *fy -= 0.8 * push * wish_x;
        }
    }
}

/* Moves a place out of the furniture. */
static void keep_out(const world *w, double *x, double *y)
{
    for (int i = 0; i < w->plan.n_boxes; i++) {
        const plan_box *b = &w->plan.boxes[i];
        double x0 = b->x0 - BODY_RADIUS, x1 = b->x1 + BODY_RADIUS, y0 = b->y0 - BODY_RADIUS, y1 = b->y1 + BODY_RADIUS;
        if (b->z0 > 0.5 || *x <= x0 || *x >= x1 || *y <= y0 || *y >= y1)
            continue;
        double left = *x - x0, right = x1 - *x, front = *y - y0, back = y1 - *y;
        double least = fmin(fmin(left, right), fmin(front, back));
        if (least == left)
            *x = x0;
        else if (least == right)
            *x = x1;
        else if (least == front)
            *y = y0;
        else
            *y = y1;
    }
    if (*y > 0.35 || *x < PLAN_DOOR_LEFT + 0.3 || *x > PLAN_DOOR_RIGHT - 0.3) {
        *x = fmin(fmax(*x, 0.35), PLAN_WIDTH - 0.35);
        if (*x < PLAN_DOOR_LEFT + 0.3 || *x > PLAN_DOOR_RIGHT - 0.3)
            *y = fmax(*y, 0.35);
        *y = fmin(*y, PLAN_DEPTH - 0.35);
    }
}

static void turn_to(agent *a, double x, double y, double rate)
{
    double length = sqrt(x * x + y * y);
    if (length < 1e-6)
        return;
    x /= length;
    y /= length;
    if (a->heading_x * x + a->heading_y * y < -0.98) { /* right behind: choose a side */
        double side_x = -a->heading_y;
        y = a->heading_x;
        x = side_x;
    }
    double hx = a->heading_x + (x - a->heading_x) * rate, hy = a->heading_y + (y - a->heading_y) * rate;
    length = sqrt(hx * hx + hy * hy);
    if (length > 1e-6) {
        a->heading_x = hx / length;
        a->heading_y = hy / length;
    }
}

static void note_progress(const world *w, agent *a)
{
    if (distance(a->x, a->y, a->stuck_x, a->stuck_y) > 0.4 || a->path_at >= a->path_length) {
        a->stuck_x = a->x;
        a->stuck_y = a->y;
        a->stuck_step = w->step;
    }
}

static void walk(world *w, agent *a)
{
    double wish_x = 0, wish_y = 0, wish = 0;
    if (a->path_at < a->path_length) {
        plan_point p = a->path[a->path_at];
        bool last = a->path_at == a->path_length - 1;
        double dx = p.x - a->x, dy = p.y - a->y;
        double d = sqrt(dx * dx + dy * dy);
        if (d < (last ? 0.12 : 0.5) ||
            (last && d < 0.6 && w->step - a->stuck_step > 3 * WORLD_STEPS_PER_SECOND && a->activity == GOING)) {
            a->path_at++;
        } else {
            wish_x = dx / d;
            wish_y = dy / d;
            wish = a->wish_speed * w->config.speed;
            if (last && d < 0.8)
                wish *= 0.25 + 0.75 * d / 0.8;
        }
    }
    double fx = 0, fy = 0;
    bool standing = wish == 0;
    if (!standing)
        push_of_others(w, a, wish_x, wish_y, &fx, &fy);
    double vx = wish_x * wish + fx * 0.6 * a->wish_speed, vy = wish_y * wish + fy * 0.6 * a->wish_speed;
    double v = sqrt(vx * vx + vy * vy), fastest = 1.25 * a->wish_speed * w->config.speed;
    if (v > fastest) {
        vx *= fastest / v;
        vy *= fastest / v;
        v = fastest;
    }
    /* Speed changes over about a third of a second. */
    double speed = a->speed + (v - a->speed) * 0.08;
    double scale = v > 1e-9 ? speed / v : 0;
    if (standing)
        speed = speed < 0.02 ? 0 : speed * 0.86;
    double x = a->x + vx * scale * STEP_SECONDS, y = a->y + vy * scale * STEP_SECONDS;
    keep_out(w, &x, &y);
    double moved = distance(x, y, a->x, a->y);
    a->x = x;
    a->y = y;
    a->speed = standing ? speed : moved * WORLD_STEPS_PER_SECOND;
    a->phase += moved * SCENE_PI / 0.72;
    if (!standing && v > 0.1)
        turn_to(a, vx * 0.6 + wish_x * 0.5, vy * 0.6 + wish_y * 0.5, 0.09);
    else
        turn_to(a, a->look_x, a->look_y, 0.06);
    note_progress(w, a);
}

/* ------------------------------------------------------------------------------------------------------ counting */

/* Which side of the line a -> b: > 0 left. */
static double side_of(const plan_line *l, double x, double y)
{
    return (l->b.x - l->a.x) * (y - l->a.y) - (l->b.y - l->a.y) * (x - l->a.x);
}

static void count(world *w, agent *a)
{
    for (int i = 0; i < PLAN_LINES; i++) {
        const plan_line *l = &plan_lines[i];
        double before = side_of(l, a->old_x, a->old_y), after = side_of(l, a->x, a->y);
        if ((before > 0) == (after > 0))
            continue;
        double t = before / (before - after);
        double x = a->old_x + (a->x - a->old_x) * t;
        if (x < fmin(l->a.x, l->b.x) || x > fmax(l->a.x, l->b.x))
            continue;
        if (before > 0)
            w->counts.in[i]++;
        else
            w->counts.out[i]++;
    }
    for (int i = 0; i < PLAN_ZONES; i++) {
        const plan_zone *z = &plan_zones[i];
        bool inside = a->x >= z->x0 && a->x <= z->x1 && a->y >= z->y0 && a->y <= z->y1;
        bool was = (a->zones >> i) & 1;
        if (inside && !was)
            w->counts.entries[i]++;
        w->counts.dwell_steps[i] += inside;
        a->zones = inside ? a->zones | (1u << i) : a->zones & ~(1u << i);
    }
}

/* ------------------------------------------------------------------------------------------------- coming, going */

static agent *add_agent(world *w, double x, double y, double heading_x, double heading_y)
{
    agent *a = &w->agents[w->n_agents++];
    *a = (agent){ .id = w->next_id++, .x = x, .y = y, .heading_x = heading_x, .heading_y = heading_y };
    a->old_x = a->stuck_x = x;
    a->old_y = a->stuck_y = y;
    a->old_heading_x = a->look_x = heading_x;
    a->old_heading_y = a->look_y = heading_y;
    a->wish_speed = scene_between(&w->rng, 0.85, 1.4);
    a->phase = a->old_phase = scene_between(&w->rng, 0, 6);
    a->appearance = (uint32_t)scene_next(&w->rng);
    a->visits_left = 1 + scene_pick(&w->rng, 4);
    a->since_step = a->stuck_step = w->step;
    return a;
}

static int customers(const world *w)
{
    return w->n_agents - PLAN_QUEUES;
}

/* Somebody comes in, sometimes with company. */
static void spawn(world *w)
{
    if (w->step < w->spawn_step || customers(w) >= w->config.people)
        return;
    /* Each number in a statement of its own: compilers choose the order within one. */
    double x = scene_between(&w->rng, 13.0, 13.9);
    double y = scene_between(&w->rng, -2.0, -1.5);
    agent *a = add_agent(w, x, y, 0, 1);
    w->counts.people++;
    next_errand(w, a);
    bool company = scene_chance(&w->rng, 0.15 + 0.5 * w->config.crowding);
    w->spawn_step = w->step + seconds_to_steps(company ? 0.6 : scene_between(&w->rng, 1.5, 6.0));
}

static void place_cashier(world *w, int queue)
{
    plan_point p = plan_cashier(queue);
    agent *a = add_agent(w, p.x, p.y, 1, 0);
    begin(w, a, SERVING);
}

/* Customers who are inside already when the shop is first seen. */
static void place_customer(world *w)
{
    plan_point p = plan_node(scene_pick(&w->rng, PLAN_NODES));
    double x = p.x + scene_between(&w->rng, -0.5, 0.5);
    double y = p.y + scene_between(&w->rng, -0.5, 0.5);
    agent *a = add_agent(w, x, y, 0, 1);
    keep_out(w, &a->x, &a->y);
    if (scene_chance(&w->rng, 0.3))
        a->visits_left = 0;
    next_errand(w, a);
}

void world_step(world *w)
{
    w->step++;
    spawn(w);
    for (int i = 0; i < w->n_agents; i++) {
        agent *a = &w->agents[i];
        a->old_x = a->x;
        a->old_y = a->y;
        a->old_heading_x = a->heading_x;
        a->old_heading_y = a->heading_y;
        a->old_phase = a->phase;
        a->old_speed = a->speed;
    }
    for (int i = 0; i < w->n_agents; i++) {
        agent *a = &w->agents[i];
        think(w, a);
        if (a->activity != SERVING)
            walk(w, a);
    }
    for (int i = 0; i < w->n_agents; i++)
        count(w, &w->agents[i]);
    for (int i = 0; i < w->n_agents;) {
        agent *a = &w->agents[i];
        if (a->activity == LEAVING && a->path_at >= a->path_length)
            memmove(a, a + 1, (size_t)(--w->n_agents - i) * sizeof *a);
        else
            i++;
    }
}

void world_make(world *w, const world_config *config, uint64_t warm_up)
{
    *w = (world){ .config = *config, .next_id = 1 };
    w->rng.state = scene_hash64(config->seed + 0x5eed);
    plan_make(&w->plan, config->occlusion);
    for (int q = 0; q < PLAN_QUEUES; q++)
        place_cashier(w, q);
    for (int i = 0; i < config->people; i++)
        place_customer(w);
    for (uint64_t i = 0; i < WARM_UP_STEPS + warm_up; i++)
        world_step(w);
    /* Who is there keeps identity and place; time and counts begin now. */
    for (int i = 0; i < w->n_agents; i++) {
        agent *a = &w->agents[i];
        a->until_step = a->until_step > w->step ? a->until_step - w->step : 0;
        a->since_step = 0;
        a->stuck_step = 0;
    }
    w->spawn_step = w->spawn_step > w->step ? w->spawn_step - w->step : 0;
    w->step = 0;
    memset(&w->counts, 0, sizeof w->counts);
    w->counts.people = (uint32_t)customers(w);
}

double world_advance(world *w, uint64_t time_ns)
{
    /* State number n is at time n * 20 ms; between n - 1 and n lies what is shown. */
    uint64_t wanted = time_ns / WORLD_STEP_NS + 1;
    while (w->step < wanted)
        world_step(w);
    return (double)(time_ns % WORLD_STEP_NS) / (double)WORLD_STEP_NS;
}
