/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A scene: the shop at any time, as a picture and as the truth about it. Knows no GStreamer. Not thread-safe. */
#ifndef ONYX_SCENE_H
#define ONYX_SCENE_H

#include "camera.h"
#include "light.h"
#include "world.h"

typedef struct scene_config {
    world_config world;
    scene_view view;
    scene_light light;
    double noise; /* 0..1: of the sensor */
    uint64_t start_ns;
    int width, height;
} scene_config;

/* A person that is at least partly in the picture. Pixels, y down. */
typedef struct scene_truth {
    uint32_t id;
    float x0, y0, x1, y1;                     /* the whole body, cut at the frame's edges */
    float seen_x0, seen_y0, seen_x1, seen_y1; /* around what is seen of it; all 0 if nothing is */
    float ground_x, ground_y;                 /* where it stands (may lie outside of the frame) */
    float visibility;                         /* share of the whole body that is in the frame and uncovered */
} scene_truth;

typedef struct scene_line {
    const char *name;
    float x0, y0, x1, y1; /* in the picture; NAN when an end lies behind the camera */
    uint32_t in, out;
} scene_line;

typedef struct scene_zone {
    const char *name;
    float corners[4][2]; /* in the picture; NAN when behind the camera */
    uint32_t entries;
    double dwell_seconds; /* of all people together */
} scene_zone;

typedef struct scene scene;

/* NULL when there is no memory for it. */
scene *scene_new(const scene_config *config);
void scene_free(scene *s);

/* Renders the scene at time_ns; time must not go back. The pixels (0x00RRGGBB, rows of width) and the truth are
 * valid until the next call. */
void scene_render(scene *s, uint64_t time_ns);
const uint32_t *scene_pixels(const scene *s);
const scene_truth *scene_people(const scene *s, int *count);
/* What has happened until the time of the last picture. */
void scene_lines(const scene *s, scene_line lines[PLAN_LINES]);
void scene_zones(const scene *s, scene_zone zones[PLAN_ZONES]);
uint32_t scene_customers(const scene *s);

#endif
