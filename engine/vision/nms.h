/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Candidates of a detector and their greedy non-maximum suppression, in pixels of the network's input. */
#ifndef ONYX_VISION_NMS_H
#define ONYX_VISION_NMS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct candidate {
    float x0, y0, x1, y1; /* before rotation by `angle` about the centre (radians) */
    float angle;
    float score;
    int label;
    int row; /* where the head has what belongs to it (keypoints, mask coefficients) */
} candidate;

/* Sorts by falling score; equal scores keep their order. order gets the indices, spare is scratch of as many. */
void nms_sort(const candidate *candidates, int count, uint64_t *order, uint64_t *spare);

/* Keeps, by falling score, each candidate that no kept one (of its class, unless agnostic) overlaps by more than
 * `iou`; at most `limit`. order: from nms_sort. Writes indices to kept and returns how many. */
int nms_greedy(const candidate *candidates, int count, const uint64_t *order, float iou, bool agnostic, bool rotated,
               int limit, int *kept);

float nms_overlap(const candidate *a, const candidate *b);
/* For rotated boxes: the probabilistic IoU of their Gaussian forms (Llerena and others, 2021). */
float nms_overlap_rotated(const candidate *a, const candidate *b);

#endif
