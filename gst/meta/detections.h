/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxDetections: the objects found in one frame, as one reference-counted block of arrays. Blocks come from a pool
 * that keeps their memory, so that a stream in steady state allocates nothing for them.
 *
 * A block is filled by the one who made it, before anybody else holds a reference; shared blocks are only read. */
#ifndef ONYX_GST_DETECTIONS_H
#define ONYX_GST_DETECTIONS_H

#include "api.h"

G_BEGIN_DECLS

/* A point of a skeleton: pixels of the frame (may lie outside of it), score 0..1. */
typedef struct {
    gfloat x, y, score;
} OnyxKeypoint;

/* An instance mask: width x height bytes, row-major, 0..255 (inside is >= 128), which cover the rectangle x0,y0..x1,y1
 * of the frame evenly. The bytes are at `offset` of the block's mask_data. */
typedef struct {
    guint width, height;
    gfloat x0, y0, x1, y1;
    gsize offset;
} OnyxMask;

typedef struct {
    gfloat x0, y0, x1, y1; /* pixels of the frame: left, top, right, bottom */
    gfloat score;          /* 0..1 */
    gint label_id;         /* the model's class number */
    GQuark label;          /* its name; 0: none */
    guint64 track_id;      /* given by a tracker; 0: none */
    guint first_keypoint;  /* the points are keypoints[first_keypoint ...] of the block */
    guint n_keypoints;
    guint mask; /* 1 + the index in the block's masks; 0: none */
    gboolean rotated;
    gfloat corners[4][2]; /* of a rotated box, clockwise, pixels of the frame; the box encloses them */
} OnyxDetection;

typedef struct _OnyxDetectionPool OnyxDetectionPool;

typedef struct {
    guint count;
    OnyxDetection *items; /* by falling score, as the decoder left them */
    guint n_keypoints;
    OnyxKeypoint *keypoints;
    guint n_masks;
    OnyxMask *masks;
    gsize mask_bytes;
    guint8 *mask_data;
    GQuark source; /* what found them: the model's name; 0: not said */

    /*< private >*/
    gint ref_count;
    guint items_size, keypoints_size, masks_size;
    gsize mask_data_size;
    OnyxDetectionPool *pool;
} OnyxDetections;

/* A pool keeps up to 32 unused blocks. It lives until its last reference and its last block are gone. */
ONYX_GST_API OnyxDetectionPool *onyx_detection_pool_new(void);
ONYX_GST_API void onyx_detection_pool_unref(OnyxDetectionPool *pool);

/* An empty block; pool NULL: one of its own. Thread-safe. */
ONYX_GST_API OnyxDetections *onyx_detections_new(OnyxDetectionPool *pool);
ONYX_GST_API OnyxDetections *onyx_detections_ref(OnyxDetections *detections);
ONYX_GST_API void onyx_detections_unref(OnyxDetections *detections);
/* A deep copy, from the same pool. */
ONYX_GST_API OnyxDetections *onyx_detections_copy(const OnyxDetections *detections);
/* Whether the caller holds the only reference, and may write. */
ONYX_GST_API gboolean onyx_detections_is_writable(const OnyxDetections *detections);

/* Appends a zeroed detection and returns it; the pointer is valid until the next call. */
ONYX_GST_API OnyxDetection *onyx_detections_append(OnyxDetections *detections);
/* Appends n points and returns the index of the first; they are to be written at keypoints[index ...]. */
ONYX_GST_API guint onyx_detections_append_keypoints(OnyxDetections *detections, guint n);
/* Appends a mask with width x height unwritten bytes, to be written at mask_data + masks[index - 1].offset. Returns
 * 1 + its index, as OnyxDetection.mask wants it; 0 if the size is 0 or absurd (over 64 MiB). */
ONYX_GST_API guint onyx_detections_append_mask(OnyxDetections *detections, guint width, guint height);

/* How a frame's points move: x' = (m[0][0] x + m[0][1] y + m[0][2]) / w, y' likewise, w = m[2][0] x + m[2][1] y +
 * m[2][2]; then everything is clipped to 0,0..width,height. */
typedef struct {
    gfloat m[3][3];
    gint width, height;
} OnyxTransform;

/* A new block with everything moved. What ends up outside of the frame is left out; masks survive a scale and a crop,
 * not a rotation or a mirror (an upright grid of bytes cannot say it), the box does. */
ONYX_GST_API OnyxDetections *onyx_detections_transform(const OnyxDetections *detections,
                                                       const OnyxTransform *transform);

G_END_DECLS

#endif
