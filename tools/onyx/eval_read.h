/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx eval: truth and detections from files. */
#ifndef ONYX_TOOLS_EVAL_READ_H
#define ONYX_TOOLS_EVAL_READ_H

#include "eval_set.h"

typedef enum eval_match { EVAL_MATCH_AUTO, EVAL_MATCH_ORDER, EVAL_MATCH_TIMESTAMP, EVAL_MATCH_NAME } eval_match;

typedef struct eval_reading {
    gboolean seen_box;     /* a scene's truth: what is seen instead of the whole body */
    double min_visibility; /* less visible truth is ignored */
    double min_height;     /* so is truth that is lower, in pixels */
    const gchar *names;    /* a file of class names; NULL: none */
    double width, height;  /* of the pictures of YOLO labels; 0: as the detections say */
    eval_match match;
} eval_reading;

/* COCO annotations, JSON lines with `truth`, or a folder of YOLO labels. */
gboolean eval_read_truth(eval_set *set, const gchar *path, const eval_reading *how, GError **error);
/* COCO results or JSON lines with `objects`. *unmatched counts lines whose frame the truth does not have. */
gboolean eval_read_found(eval_set *set, const gchar *path, const eval_reading *how, guint *unmatched, GError **error);

#endif
