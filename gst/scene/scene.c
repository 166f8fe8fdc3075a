/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Puts the rooms together: world -> figures -> picture and truth. */
#include "scene.h"

#include "paint.h"

#include <stdlib.h>
#include <string.h>

struct scene {
    scene_config config;
    world world;
    camera camera;
    light light;
    backdrop backdrop;
    canvas canvas;
    look looks[WORLD_MAX_AGENTS];
    uint32_t look_ids[WORLD_MAX_AGENTS]; /* whose look; 0: free */
    figure figures[WORLD_MAX_AGENTS];
    scene_truth people[WORLD_MAX_AGENTS];
    int n_people;
    int8_t *noise;
};

#define NOISE_SIZE 65536

static void make_noise(scene *s)
{
    scene_rng rng = { 99 };
    float strength = (float)s->config.noise * 36;
    for (int i = 0; i < NOISE_SIZE; i++) { /* a sum of four: nearly Gaussian */
        float sum = 0;
        for (int k = 0; k < 4; k++)
            sum += (float)scene_between(&rng, -0.5, 0.5);
        s->noise[i] = (int8_t)clampf(sum * strength * 1.7f, -120, 120);
    }
}

scene *scene_new(const scene_config *config)
{
    scene *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->config = *config;
    light_make(&s->light, config->light);
    camera_make(&s->camera, config->view, config->width, config->height);
    world_make(&s->world, &config->world, config->start_ns / WORLD_STEP_NS);
    s->noise = malloc(NOISE_SIZE);
    if (!s->noise || !canvas_make(&s->canvas, config->width, config->height) ||
        !backdrop_make(&s->backdrop, &s->camera, &s->world.plan, &s->light, config->world.seed, config->width,
                       config->height)) {
        scene_free(s);
        return NULL;
    }
    make_noise(s);
    return s;
}

void scene_free(scene *s)
{
    if (!s)
        return;
    backdrop_free(&s->backdrop);
    canvas_free(&s->canvas);
    free(s->noise);
    free(s);
}

/* Looks are made once a person. */
static const look *look_of(scene *s, const agent *a)
{
    int free_slot = -1;
    for (int i = 0; i < WORLD_MAX_AGENTS; i++) {
        if (s->look_ids[i] == a->id)
            return &s->looks[i];
        bool used = false;
        for (int k = 0; k < s->world.n_agents && !used && s->look_ids[i]; k++)
            used = s->world.agents[k].id == s->look_ids[i];
        if (!used)
            free_slot = i;
    }
    s->look_ids[free_slot] = a->id;
    look_make(&s->looks[free_slot], a->appearance, a->activity == SERVING);
    return &s->looks[free_slot];
}

/* Far ones first. */
static void order(const figure *figures, int *sequence, int n)
{
    for (int i = 0; i < n; i++) {
        int k = i;
        for (; k > 0 && figures[sequence[k - 1]].depth < figures[i].depth; k--)
            sequence[k] = sequence[k - 1];
        sequence[k] = i;
    }
}

/* ---- truth ---- */

/* The pixels of a body that are seen, and around them a box. */
static uint32_t seen_pixels(const scene *s, const figure *f, int number, scene_truth *t)
{
    int x0 = s->config.width, y0 = s->config.height, x1 = -1, y1 = -1;
    int left = (int)clampf(f->x0 - 1, 0, (float)s->config.width),
        right = (int)clampf(f->x1 + 2, 0, (float)s->config.width);
    int top = (int)clampf(f->y0 - 1, 0, (float)s->config.height),
        bottom = (int)clampf(f->y1 + 2, 0, (float)s->config.height);
    uint32_t count = 0;
    for (int y = top; y < bottom; y++) {
        const uint8_t *row = s->canvas.owner + (size_t)y * (size_t)s->config.width;
        for (int x = left; x < right; x++) {
            if (row[x] != number + 1)
                continue;
            count++;
            x0 = x < x0 ? x : x0;
            x1 = x > x1 ? x : x1;
            y0 = y < y0 ? y : y0;
            y1 = y;
        }
    }
    if (count) {
        t->seen_x0 = fmaxf((float)x0, t->x0);
        t->seen_y0 = fmaxf((float)y0, t->y0);
        t->seen_x1 = fminf((float)(x1 + 1), t->x1);
        t->seen_y1 = fminf((float)(y1 + 1), t->y1);
    }
    return count;
}

static void note_truth(scene *s, int number, uint32_t whole)
{
    const figure *f = &s->figures[number];
    float width = (float)s->config.width, height = (float)s->config.height, depth;
    scene_truth t = { .id = s->world.agents[number].id,
                      .x0 = clampf(f->x0, 0, width),
                      .y0 = clampf(f->y0, 0, height),
                      .x1 = clampf(f->x1, 0, width),
                      .y1 = clampf(f->y1, 0, height) };
    if (whole == 0 || t.x1 - t.x0 < 1 || t.y1 - t.y0 < 1 ||
        !camera_project(&s->camera, f->ground, &t.ground_x, &t.ground_y, &depth))
        return;
    t.visibility = clampf((float)seen_pixels(s, f, number, &t) / (float)whole, 0, 1);
    s->people[s->n_people++] = t;
}

/* ---- picture ---- */

static void add_noise(scene *s, uint64_t time_ns)
{
    scene_rng rng = { scene_hash64(s->config.world.seed) + time_ns };
    for (int y = 0; y < s->config.height; y++) {
        uint8_t *row = (uint8_t *)(s->canvas.pixels + (size_t)y * (size_t)s->config.width);
        size_t left = (size_t)s->config.width * 4;
        while (left > 0) {
            size_t at = (size_t)scene_pick(&rng, NOISE_SIZE / 2), n = left < NOISE_SIZE / 2 ? left : NOISE_SIZE / 2;
            const int8_t *grain = s->noise + at;
            for (size_t i = 0; i < n; i++) {
                int value = row[i] + grain[i];
                row[i] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
            }
            row += n;
            left -= n;
        }
    }
}

void scene_render(scene *s, uint64_t time_ns)
{
    double between = world_advance(&s->world, time_ns);
    size_t count = (size_t)s->config.width * (size_t)s->config.height;
    int sequence[WORLD_MAX_AGENTS], n = s->world.n_agents;
    uint32_t whole[WORLD_MAX_AGENTS];
    memcpy(s->canvas.pixels, s->backdrop.pixels, count * sizeof *s->canvas.pixels);
    memset(s->canvas.owner, 0, count);
    for (int i = 0; i < n; i++) {
        const agent *a = &s->world.agents[i];
        figure_make(&s->figures[i], a, look_of(s, a), between, (double)(time_ns % UINT64_C(3600000000000)) * 1e-9);
        figure_project(&s->figures[i], &s->camera);
        if (s->figures[i].seen)
            paint_shadow(&s->canvas, &s->backdrop, &s->camera, &s->light, &s->figures[i]);
    }
    order(s->figures, sequence, n);
    for (int i = 0; i < n; i++)
        whole[sequence[i]] =
            paint_figure(&s->canvas, &s->backdrop, &s->camera, &s->light, &s->figures[sequence[i]], sequence[i]);
    s->n_people = 0;
    for (int i = 0; i < n; i++)
        note_truth(s, i, whole[i]);
    if (s->config.noise > 0)
        add_noise(s, time_ns);
}

const uint32_t *scene_pixels(const scene *s)
{
    return s->canvas.pixels;
}

const scene_truth *scene_people(const scene *s, int *count)
{
    *count = s->n_people;
    return s->people;
}

/* ---- counts ---- */

static void to_picture(const scene *s, double x, double y, float *px, float *py)
{
    float depth;
    if (!camera_project(&s->camera, vec((float)x, (float)y, 0), px, py, &depth))
        *px = *py = NAN;
}

void scene_lines(const scene *s, scene_line lines[PLAN_LINES])
{
    for (int i = 0; i < PLAN_LINES; i++) {
        const plan_line *l = &plan_lines[i];
        lines[i] = (scene_line){ .name = l->name, .in = s->world.counts.in[i], .out = s->world.counts.out[i] };
        to_picture(s, l->a.x, l->a.y, &lines[i].x0, &lines[i].y0);
        to_picture(s, l->b.x, l->b.y, &lines[i].x1, &lines[i].y1);
    }
}

void scene_zones(const scene *s, scene_zone zones[PLAN_ZONES])
{
    for (int i = 0; i < PLAN_ZONES; i++) {
        const plan_zone *z = &plan_zones[i];
        const double corners[4][2] = { { z->x0, z->y0 }, { z->x1, z->y0 }, { z->x1, z->y1 }, { z->x0, z->y1 } };
        zones[i] = (scene_zone){ .name = z->name,
                                 .entries = s->world.counts.entries[i],
                                 .dwell_seconds = (double)s->world.counts.dwell_steps[i] / WORLD_STEPS_PER_SECOND };
        for (int k = 0; k < 4; k++)
            to_picture(s, corners[k][0], corners[k][1], &zones[i].corners[k][0], &zones[i].corners[k][1]);
    }
}

uint32_t scene_customers(const scene *s)
{
    return s->world.counts.people;
}
