/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxDetectionMeta: the objects that were found in a buffer's frame. A frame that was examined carries one even when
 * nothing was found in it (count 0); a frame that was passed on unexamined carries none. Several decoders in a row
 * each add their own.
 *
 * Tagged video, orientation and size: scalers and converters keep it and call its transform, which moves everything
 * by copy, by scale, and by matrix where GStreamer has that (1.28). */
#ifndef ONYX_GST_DETECTION_META_H
#define ONYX_GST_DETECTION_META_H

#include "detections.h"

G_BEGIN_DECLS

typedef struct {
    GstMeta meta;
    OnyxDetections *detections; /* never NULL */
} OnyxDetectionMeta;

ONYX_GST_API GType onyx_detection_meta_api_get_type(void);
ONYX_GST_API const GstMetaInfo *onyx_detection_meta_get_info(void);

/* Attaches a reference to `detections` to a writable buffer. */
ONYX_GST_API OnyxDetectionMeta *onyx_detection_meta_add(GstBuffer *buffer, OnyxDetections *detections);
/* The first one, or NULL. */
ONYX_GST_API OnyxDetectionMeta *onyx_detection_meta_get(GstBuffer *buffer);
/* One after the other: *state is NULL at first. Returns NULL at the end. */
ONYX_GST_API OnyxDetectionMeta *onyx_detection_meta_iterate(GstBuffer *buffer, gpointer *state);
/* The block for writing (track ids, say): a private copy if somebody else holds it. The buffer must be writable. */
ONYX_GST_API OnyxDetections *onyx_detection_meta_make_writable(OnyxDetectionMeta *meta);

G_END_DECLS

#endif
