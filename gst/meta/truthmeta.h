/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxTruthMeta: what really is in a buffer's frame, as a scene source or a labelled recording knows it. It is kept
 * apart from OnyxDetectionMeta, so that nobody takes the answer for a result; it moves with the frame in the same way.
 *
 * Each item: the box of the whole person (also of what is covered), cut at the frame's edges; score is the
 * visibility, 0..1; track_id is the person's; label "person". Its three keypoints are ONYX_TRUTH_SEEN_MIN and
 * ONYX_TRUTH_SEEN_MAX, the corners of what is seen of it (both 0,0 if nothing is), and ONYX_TRUTH_GROUND, where it
 * stands. After a mirror or a rotation MIN and MAX are opposite corners in any order. */
#ifndef ONYX_GST_TRUTH_META_H
#define ONYX_GST_TRUTH_META_H

#include "detections.h"

G_BEGIN_DECLS

enum { ONYX_TRUTH_SEEN_MIN, ONYX_TRUTH_SEEN_MAX, ONYX_TRUTH_GROUND, ONYX_TRUTH_KEYPOINTS };

typedef struct {
    GstMeta meta;
    OnyxDetections *truth; /* never NULL; count 0: nobody is there */
} OnyxTruthMeta;

ONYX_GST_API GType onyx_truth_meta_api_get_type(void);
ONYX_GST_API const GstMetaInfo *onyx_truth_meta_get_info(void);

/* Attaches a reference to `truth` to a writable buffer. */
ONYX_GST_API OnyxTruthMeta *onyx_truth_meta_add(GstBuffer *buffer, OnyxDetections *truth);
/* The first one, or NULL. */
ONYX_GST_API OnyxTruthMeta *onyx_truth_meta_get(GstBuffer *buffer);

G_END_DECLS

#endif
