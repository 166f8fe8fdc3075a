/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sorting and greedy suppression against a naive version, on random boxes with many ties. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "vision/nms.h"

enum { MOST = 700 };

static uint32_t seed = 7;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void make(candidate *c, int count, int classes, int levels)
{
    for (int i = 0; i < count; i++) {
        float x = (float)(next_random() % 300), y = (float)(next_random() % 300);
        c[i] = (candidate){ .x0 = x,
                            .y0 = y,
                            .x1 = x + (float)(next_random() % 90),
                            .y1 = y + (float)(next_random() % 90),
                            .score = (float)(next_random() % (uint32_t)levels) / (float)levels - 0.1f,
                            .label = (int)(next_random() % (uint32_t)classes),
                            .row = i };
    }
}

static double naive_overlap(const candidate *a, const candidate *b)
{
    double w = fmin(a->x1, b->x1) - fmax(a->x0, b->x0), h = fmin(a->y1, b->y1) - fmax(a->y0, b->y0);
    double shared = w > 0 && h > 0 ? w * h : 0;
    double both = ((double)a->x1 - a->x0) * ((double)a->y1 - a->y0) + ((double)b->x1 - b->x0) * ((double)b->y1 - b->y0);
    return both - shared > 0 ? shared / (both - shared) : 0;
}

/* Takes the best of what is left and strikes out what it overlaps, until nothing is left. */
static int naive(const candidate *c, int count, double iou, bool agnostic, int limit, int *kept)
{
    bool gone[MOST] = { false };
    int found = 0;
    while (found < limit) {
        int best = -1;
        for (int i = 0; i < count; i++)
            if (!gone[i] && (best < 0 || c[i].score > c[best].score))
                best = i;
        if (best < 0)
            break;
        kept[found++] = best;
        gone[best] = true;
        for (int i = 0; i < count; i++)
            if (!gone[i] && (agnostic || c[i].label == c[best].label) && naive_overlap(&c[best], &c[i]) > iou)
                gone[i] = true;
    }
    return found;
}

static void test_against_naive(void)
{
    static candidate c[MOST];
    static uint64_t order[2 * MOST];
    static int kept[MOST], expected[MOST];
    static const int counts[] = { 0, 1, 2, 3, 7, 64, 100, 333, MOST };
    for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
        for (int variant = 0; variant < 12; variant++) {
            int count = counts[k], limit = variant % 4 == 3 ? 5 : MOST;
            float iou = variant % 3 == 0 ? 0.45f : variant % 3 == 1 ? 0.7f : 0.1f;
            bool agnostic = variant & 1;
            make(c, count, 1 + variant % 5, variant % 2 ? 10 : 100000);
            nms_sort(c, count, order, order + count);
            for (int i = 1; i < count; i++) {
                const candidate *a = &c[(uint32_t)order[i - 1]], *b = &c[(uint32_t)order[i]];
                CHECK(a->score > b->score || (a->score == b->score && a->row < b->row), "order at %d of %d", i, count);
            }
            int found = nms_greedy(c, count, order, iou, agnostic, false, limit, kept);
            int want = naive(c, count, (double)iou, agnostic, limit, expected);
            CHECK(found == want && !memcmp(kept, expected, (size_t)want * sizeof *kept),
                  "%d boxes: %d kept, expected %d", count, found, want);
        }
}

static void test_rotated(void)
{
    candidate a = { .x0 = 0, .y0 = 0, .x1 = 40, .y1 = 10 }, b = a, far = { .x0 = 500, .y0 = 0, .x1 = 540, .y1 = 10 };
    CHECK(nms_overlap_rotated(&a, &b) > 0.99f, "equal: %g", (double)nms_overlap_rotated(&a, &b));
    b.angle = 3.14159265f; /* half a turn is the same box */
    CHECK(nms_overlap_rotated(&a, &b) > 0.99f, "half a turn: %g", (double)nms_overlap_rotated(&a, &b));
    b.angle = 1.57079633f;
    float crossed = nms_overlap_rotated(&a, &b);
    CHECK(crossed > 0.1f && crossed < 0.6f, "crossed: %g", (double)crossed);
    CHECK(nms_overlap_rotated(&a, &far) < 0.01f, "far: %g", (double)nms_overlap_rotated(&a, &far));
}

int main(void)
{
    test_against_naive();
    test_rotated();
    return check_done();
}
