/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Greedy non-maximum suppression in float. */
#include "vision/nms.h"

#include <math.h>
#include <string.h>

/* Ascending keys are falling scores, then rising index. */
static uint64_t sort_key(float score, int index)
{
    uint32_t bits;
    memcpy(&bits, &score, sizeof bits);
    bits = bits & 0x80000000u ? bits : ~bits & 0x7fffffffu;
    return (uint64_t)bits << 32 | (uint32_t)index;
}

/* Merge sort with its own scratch: qsort may allocate, and this runs once per frame. */
void nms_sort(const candidate *candidates, int count, uint64_t *order, uint64_t *spare)
{
    for (int i = 0; i < count; i++)
        order[i] = sort_key(candidates[i].score, i);
    uint64_t *from = order, *to = spare;
    for (int width = 1; width < count; width *= 2) {
        for (int start = 0; start < count; start += 2 * width) {
            int middle = start + width < count ? start + width : count;
            int end = middle + width < count ? middle + width : count;
            int a = start, b = middle;
            for (int i = start; i < end; i++)
                to[i] = a < middle && (b == end || from[a] < from[b]) ? from[a++] : from[b++];
        }
        uint64_t *swap = from;
        from = to;
        to = swap;
        if (width > count / 2)
            break;
    }
    if (from != order)
        memcpy(order, from, (size_t)count * sizeof *order);
}

static float area(const candidate *c)
{
    return fmaxf(c->x1 - c->x0, 0) * fmaxf(c->y1 - c->y0, 0);
}

float nms_overlap(const candidate *a, const candidate *b)
{
    float width = fminf(a->x1, b->x1) - fmaxf(a->x0, b->x0), height = fminf(a->y1, b->y1) - fmaxf(a->y0, b->y0);
    if (width <= 0 || height <= 0)
        return 0;
    float shared = width * height;
    return shared / fmaxf(area(a) + area(b) - shared, 1e-9f);
}

/* The covariance of a rotated box taken as a Gaussian. */
static void covariance(const candidate *c, double *a, double *b, double *shared)
{
    double w = c->x1 - c->x0, h = c->y1 - c->y0, cosine = cos((double)c->angle), sine = sin((double)c->angle);
    double p = w * w / 12, q = h * h / 12;
    *a = p * cosine * cosine + q * sine * sine;
    *b = p * sine * sine + q * cosine * cosine;
    *shared = (p - q) * cosine * sine;
}

float nms_overlap_rotated(const candidate *first, const candidate *second)
{
    const double epsilon = 1e-7;
    double a1, b1, c1, a2, b2, c2;
    covariance(first, &a1, &b1, &c1);
    covariance(second, &a2, &b2, &c2);
    double dx = ((double)first->x0 + first->x1 - second->x0 - second->x1) / 2;
    double dy = ((double)first->y0 + first->y1 - second->y0 - second->y1) / 2;
    double a = a1 + a2, b = b1 + b2, c = c1 + c2, determinant = a * b - c * c;
    double t1 = (a * dy * dy + b * dx * dx) / (determinant + epsilon) * 0.25;
    double t2 = -c * dx * dy / (determinant + epsilon) * 0.5;
    double own = sqrt(fmax(a1 * b1 - c1 * c1, 0) * fmax(a2 * b2 - c2 * c2, 0));
    double t3 = log(fmax(determinant, 0) / (4 * own + epsilon) + epsilon) * 0.5;
    double distance = fmin(fmax(t1 + t2 + t3, epsilon), 100);
    return (float)(1 - sqrt(1 - exp(-distance) + epsilon));
}

int nms_greedy(const candidate *candidates, int count, const uint64_t *order, float iou, bool agnostic, bool rotated,
               int limit, int *kept)
{
    int found = 0;
    for (int i = 0; i < count && found < limit; i++) {
        int index = (int)(uint32_t)order[i];
        const candidate *c = &candidates[index];
        bool good = true;
        for (int k = 0; k < found && good; k++) {
            const candidate *better = &candidates[kept[k]];
            if (agnostic || better->label == c->label)
                good = (rotated ? nms_overlap_rotated(better, c) : nms_overlap(better, c)) <= iou;
        }
        if (good)
            kept[found++] = index;
    }
    return found;
}
