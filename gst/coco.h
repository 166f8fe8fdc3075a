/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Instance masks as COCO's tools write and read them. */
#ifndef GST_ONYX_COCO_H
#define GST_ONYX_COCO_H

#include "meta/detections.h"

/* A detection's mask at the size of its frame, cut at its box, as COCO's compressed run lengths: column by column,
 * first outside, then inside, and so on; as text, five bits a letter. What pycocotools.mask.decode takes as `counts`.
 * NULL where there is no mask. To be freed. */
gchar *gst_onyx_coco_counts(const OnyxDetections *block, const OnyxDetection *item, gint width, gint height);

#endif
