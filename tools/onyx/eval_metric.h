/* SPDX-License-Identifier: BSD-2-Clause
 *
 * COCO's detection metric (Lin et al., Microsoft COCO, 2014; https://cocodataset.org/#detection-eval), as pycocotools
 * computes it, ties and all. */
#ifndef ONYX_TOOLS_EVAL_METRIC_H
#define ONYX_TOOLS_EVAL_METRIC_H

#include "eval_set.h"

#define EVAL_IOUS 10     /* 0.50, 0.55 ... 0.95 */
#define EVAL_RECALLS 101 /* 0, 0.01 ... 1 */

typedef enum eval_size { EVAL_ALL, EVAL_SMALL, EVAL_MEDIUM, EVAL_LARGE, EVAL_SIZES } eval_size;
enum { EVAL_TOP_1, EVAL_TOP_10, EVAL_TOP_100, EVAL_TOPS };

/* Of one class; what does not exist (no truth of that class and size) is -1. */
typedef struct eval_curve {
    double precision[EVAL_SIZES][EVAL_IOUS][EVAL_RECALLS]; /* with 100 detections a picture */
    double score[EVAL_IOUS][EVAL_RECALLS];                 /* the lowest score that reaches the recall; all sizes */
    double recall[EVAL_SIZES][EVAL_TOPS][EVAL_IOUS];
    guint truth; /* boxes that count, all sizes */
} eval_curve;

typedef struct eval_result {
    guint n_curves; /* a class each, in the order of the set; 1 when classes are ignored */
    eval_curve *curves;
} eval_result;

/* The set must be indexed. `agnostic`: all classes are one. */
eval_result *eval_measure(const eval_set *set, gboolean agnostic);
void eval_result_free(eval_result *result);

/* Means over classes (one: curve >= 0, all: -1) and IoUs (one: 0..9, all: -1); -1: nothing to say. */
double eval_precision(const eval_result *result, int curve, int iou, eval_size size);
double eval_recall(const eval_result *result, int curve, int iou, eval_size size, int top);

#endif
