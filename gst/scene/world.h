/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The simulation: who is in the shop, where they go and what they do. Steps of 20 ms, whatever the frame rate; the
 * same seed gives the same world on any machine. */
#ifndef ONYX_SCENE_WORLD_H
#define ONYX_SCENE_WORLD_H

#include "maths.h"
#include "plan.h"

#define WORLD_STEPS_PER_SECOND 50
#define WORLD_STEP_NS UINT64_C(20000000)
#define WORLD_MAX_PEOPLE 64
#define WORLD_MAX_AGENTS (WORLD_MAX_PEOPLE + PLAN_QUEUES)
#define WORLD_MAX_PATH 16

typedef struct world_config {
    uint64_t seed;
    int people;       /* customers, about; 0..WORLD_MAX_PEOPLE */
    double speed;     /* 1: as people walk */
    double crowding;  /* 0..1: how much they come together */
    double occlusion; /* see plan_make */
} world_config;

typedef enum activity { GOING, BROWSING, QUEUEING, PAYING, LEAVING, SERVING } activity;

typedef struct agent {
    uint32_t id; /* from 1, never used again */
    activity activity;
    double x, y, heading_x, heading_y, phase, speed; /* now; phase in radians of a double step */
    double old_x, old_y, old_heading_x, old_heading_y, old_phase, old_speed; /* a step ago */
    uint32_t appearance;
    uint64_t since_step; /* when the activity began */
    /* private */
    double wish_speed, patience;
    double look_x, look_y; /* direction to face while standing */
    plan_point path[WORLD_MAX_PATH];
    int path_length, path_at;
    int visits_left, queue, slot;
    uint64_t until_step, stuck_step;
    double stuck_x, stuck_y;
    uint32_t zones; /* bit per zone that it stands in */
} agent;

typedef struct world_counts {
    uint32_t in[PLAN_LINES], out[PLAN_LINES];
    uint32_t entries[PLAN_ZONES];
    uint64_t dwell_steps[PLAN_ZONES]; /* of all people together */
    uint32_t people;                  /* different customers so far */
} world_counts;

typedef struct world {
    world_config config;
    plan plan;
    scene_rng rng;
    uint64_t step;
    uint32_t next_id;
    int n_agents;
    agent agents[WORLD_MAX_AGENTS];
    uint32_t queues[PLAN_QUEUES][PLAN_QUEUE_SLOTS]; /* ids, 0 is free */
    uint64_t spawn_step;
    world_counts counts;
} world;

/* A shop that has been open for a while; counting begins here. `warm_up` more steps first (start offset). */
void world_make(world *w, const world_config *config, uint64_t warm_up);
void world_step(world *w);
/* Steps until the state at time_ns (since world_make) lies between the agents' old and new state; returns how far,
 * 0..1. */
double world_advance(world *w, uint64_t time_ns);

#endif
