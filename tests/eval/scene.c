/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The scene without GStreamer: the same seed gives the same world and the same pixels on every machine (the sums below
 * are the same for gcc, clang, x86-64 and aarch64), boxes fit what is drawn, and the counts add up. */
#include "check.h"

#include "scene.h"

#include <string.h>

static uint64_t mix(uint64_t sum, const void *bytes, size_t size)
{
    const uint8_t *b = bytes;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ b[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
    return sum;
}

static scene_config config_of(uint64_t seed, scene_view view, int width, int height)
{
    return (scene_config){ .world = { .seed = seed, .people = 10, .speed = 1, .crowding = 0.4, .occlusion = 0.5 },
                           .view = view,
                           .light = (scene_light)(seed % 4),
                           .noise = 0.2,
                           .width = width,
                           .height = height };
}

typedef struct sums {
    uint64_t truth, pixels;
} sums;

static sums sums_of(uint64_t seed, scene_view view, int frames, uint64_t step_ns)
{
    scene_config config = config_of(seed, view, 192, 108);
    scene *s = scene_new(&config);
    sums sum = { UINT64_C(0xcbf29ce484222325), UINT64_C(0xcbf29ce484222325) };
    for (int i = 0; s && i < frames; i++) {
        int count;
        scene_render(s, (uint64_t)i * step_ns);
        const scene_truth *people = scene_people(s, &count);
        sum.truth = mix(sum.truth, people, (size_t)count * sizeof *people);
        sum.pixels = mix(sum.pixels, scene_pixels(s), 192 * 108 * 4);
    }
    scene_free(s);
    return sum;
}

/* Printed when they change, so that a wanted change is easy to write down. */
static void test_same_everywhere(void)
{
    static const struct {
        uint64_t seed;
        scene_view view;
        sums expected;
    } cases[] = {
        { 1, VIEW_CORNER, { UINT64_C(0xe8d237f0aab02388), UINT64_C(0xf8b1f2e5ad1cf55b) } },
        { 2, VIEW_ENTRANCE, { UINT64_C(0xaab7e59fa72e6611), UINT64_C(0x7d797f0c4a7f74aa) } },
        { 3, VIEW_AISLE, { UINT64_C(0x1ab67791aa7da78d), UINT64_C(0xa29c80376e48778) } },
        { 4, VIEW_OVERHEAD, { UINT64_C(0xa9dd857ff061a09c), UINT64_C(0x4fbf5aff1cdb9632) } },
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        sums s = sums_of(cases[i].seed, cases[i].view, 6, 733333333);
        CHECK(s.truth == cases[i].expected.truth && s.pixels == cases[i].expected.pixels,
              "seed %d: sums are UINT64_C(0x%llx), UINT64_C(0x%llx)", (int)cases[i].seed, (unsigned long long)s.truth,
              (unsigned long long)s.pixels);
    }
}

/* The world at a time does not depend on which frames were asked for before. */
static void test_any_frame_rate(void)
{
    scene_config config = config_of(7, VIEW_CORNER, 64, 36);
    scene *fast = scene_new(&config), *slow = scene_new(&config);
    for (int i = 0; i <= 600; i++)
        scene_render(fast, (uint64_t)i * 16666667);
    scene_render(slow, UINT64_C(600) * 16666667);
    int n, m;
    const scene_truth *a = scene_people(fast, &n), *b = scene_people(slow, &m);
    CHECK(n == m && memcmp(a, b, (size_t)n * sizeof *a) == 0,
          "after 10 s at 60 frames a second %d people, at one frame %d", n, m);
    CHECK(memcmp(scene_pixels(fast), scene_pixels(slow), 64 * 36 * 4) == 0, "the pictures differ");
    scene_free(fast);
    scene_free(slow);
}

static void test_seeds_differ(void)
{
    sums a = sums_of(11, VIEW_CORNER, 1, 1), b = sums_of(12, VIEW_CORNER, 1, 1);
    CHECK(a.truth != b.truth && a.pixels != b.pixels, "seeds 11 and 12 give the same scene");
}

/* Nothing is sound in a scene without people to compare with: the difference of a picture with and without shows where
 * the people really are. */
static void test_boxes_fit(void)
{
    const int width = 640, height = 360;
    for (int view = 0; view < 4; view++) {
        scene_config config = config_of(5, (scene_view)view, width, height);
        config.noise = 0;
        scene *s = scene_new(&config);
        for (int i = 0; i < 8; i++) {
            int count;
            scene_render(s, (uint64_t)i * 1500000000);
            const scene_truth *t = scene_people(s, &count);
            for (int k = 0; k < count; k++) {
                CHECK(t[k].x0 >= 0 && t[k].y0 >= 0 && t[k].x1 <= width && t[k].y1 <= height && t[k].x0 < t[k].x1 &&
                          t[k].y0 < t[k].y1,
                      "person %u: box %g,%g..%g,%g", t[k].id, t[k].x0, t[k].y0, t[k].x1, t[k].y1);
                CHECK(t[k].visibility >= 0 && t[k].visibility <= 1, "person %u: visibility %g", t[k].id,
                      t[k].visibility);
                if (t[k].visibility == 0)
                    continue;
                CHECK(t[k].seen_x0 >= t[k].x0 && t[k].seen_y0 >= t[k].y0 && t[k].seen_x1 <= t[k].x1 &&
                          t[k].seen_y1 <= t[k].y1,
                      "person %u: what is seen lies outside of the box", t[k].id);
                /* A whole person fills its box, to a pixel. */
                if (t[k].visibility == 1)
                    CHECK(t[k].seen_x0 - t[k].x0 < 1.6f && t[k].x1 - t[k].seen_x1 < 1.6f &&
                              t[k].seen_y0 - t[k].y0 < 1.6f && t[k].y1 - t[k].seen_y1 < 1.6f,
                          "view %d, person %u: box %g,%g..%g,%g but seen %g,%g..%g,%g", view, t[k].id, t[k].x0, t[k].y0,
                          t[k].x1, t[k].y1, t[k].seen_x0, t[k].seen_y0, t[k].seen_x1, t[k].seen_y1);
            }
        }
        scene_free(s);
    }
}

/* Who is inside now is who was inside, and who came, without who left. */
static void test_counts_add_up(void)
{
    for (uint64_t seed = 1; seed <= 6; seed++) {
        world_config config = { .seed = seed, .people = 14, .speed = 1.5, .crowding = 0.5, .occlusion = 0.4 };
        world *w = malloc(sizeof *w);
        world_make(w, &config, 0);
        int before = 0, after = 0;
        for (int i = 0; i < w->n_agents; i++)
            before += w->agents[i].y > plan_lines[0].a.y;
        world_advance(w, UINT64_C(300000000000));
        for (int i = 0; i < w->n_agents; i++)
            after += w->agents[i].y > plan_lines[0].a.y;
        CHECK(before + (int)w->counts.in[0] - (int)w->counts.out[0] == after,
              "seed %d: %d inside, %u came, %u left, %d inside", (int)seed, before, w->counts.in[0], w->counts.out[0],
              after);
        CHECK(w->counts.in[0] > 5 && w->counts.out[0] > 5, "seed %d: in five minutes %u came and %u left", (int)seed,
              w->counts.in[0], w->counts.out[0]);
        uint64_t most = (uint64_t)w->step * WORLD_MAX_AGENTS;
        for (int z = 0; z < PLAN_ZONES; z++)
            CHECK(w->counts.entries[z] > 0 && w->counts.dwell_steps[z] > 0 && w->counts.dwell_steps[z] < most,
                  "seed %d: zone %s has %u entries", (int)seed, plan_zones[z].name, w->counts.entries[z]);
        free(w);
    }
}

/* People keep apart, stay out of furniture, and nobody stands still for ever. */
static void test_people_behave(void)
{
    world_config config = { .seed = 9, .people = 24, .speed = 1, .crowding = 0.6, .occlusion = 0.4 };
    world *w = malloc(sizeof *w);
    world_make(w, &config, 0);
    int steps = 0, close = 0, pairs = 0;
    for (uint64_t t = 0; t < 240; t++) {
        world_advance(w, t * 1000000000);
        for (int i = 0; i < w->n_agents; i++) {
            const agent *a = &w->agents[i];
            for (int k = 0; k < w->plan.n_boxes; k++) {
                const plan_box *b = &w->plan.boxes[k];
                bool inside = b->z0 < 0.5 && a->x > b->x0 && a->x < b->x1 && a->y > b->y0 && a->y < b->y1;
                CHECK(!inside, "person %u is in a shelf at %.2f,%.2f", a->id, a->x, a->y);
            }
            for (int k = 0; k < i; k++, pairs++) {
                double dx = a->x - w->agents[k].x, dy = a->y - w->agents[k].y;
                close += dx * dx + dy * dy < 0.2 * 0.2;
            }
            steps++;
            CHECK(a->activity == SERVING || w->step - a->since_step < 170 * WORLD_STEPS_PER_SECOND,
                  "person %u has been doing %d at %.2f,%.2f for %d s", a->id, (int)a->activity, a->x, a->y,
                  (int)((w->step - a->since_step) / WORLD_STEPS_PER_SECOND));
        }
    }
    CHECK(close * 200 < steps, "%d of %d people stood in each other", close, steps);
    free(w);
}

static void test_sine(void)
{
    for (int i = -400; i <= 400; i++) {
        double x = i * 0.173;
        CHECK(fabs(scene_sin(x) - sin(x)) < 1e-8, "sin %g is %.12g, not %.12g", x, scene_sin(x), sin(x));
    }
}

int main(void)
{
    test_same_everywhere();
    test_any_frame_rate();
    test_seeds_differ();
    test_boxes_fit();
    test_counts_add_up();
    test_people_behave();
    test_sine();
    return check_done();
}
