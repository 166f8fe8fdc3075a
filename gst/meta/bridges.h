/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The same detections in the forms that other people's elements read. They are mirrors: OnyxDetectionMeta is the
 * truth, and the one that survives a scaler whole. */
#ifndef ONYX_GST_BRIDGES_H
#define ONYX_GST_BRIDGES_H

#include "detections.h"
#include "tensormeta.h"

G_BEGIN_DECLS

/* One GstVideoRegionOfInterestMeta per detection, as DL Streamer writes it: roi_type is the label; a structure
 * "detection" with confidence, label_id, label, x_min, x_max, y_min, y_max (0..1 of the frame); with a track id also a
 * structure "object_id" with id. width and height are the frame's. */
ONYX_GST_API void onyx_detections_add_roi_metas(const OnyxDetections *detections, GstBuffer *buffer, gint width,
                                                gint height);

/* Whether this build knows GstAnalyticsRelationMeta (GStreamer >= 1.24). */
ONYX_GST_API gboolean onyx_analytics_is_supported(void);
/* One object detection entry each (and a tracking entry, related to it, where there is a track id), in the buffer's
 * existing relation meta or a new one. Does nothing where it is not supported. */
ONYX_GST_API void onyx_detections_add_analytics_meta(const OnyxDetections *detections, GstBuffer *buffer);

/* Whether this build knows GstTensorMeta (GStreamer >= 1.26). */
ONYX_GST_API gboolean onyx_tensor_mirror_is_supported(void);
/* The engine's tensors of `meta` as a GstTensorMeta on `buffer`, which other people's decoders read: the same memory,
 * read-only, to which each GstTensor holds a reference. ids: one for each tensor, or NULL. Tensors of types without a
 * name in GStreamer are left out. Does nothing where it is not supported, or where the buffer has one already. */
ONYX_GST_API void onyx_tensors_add_mirror_meta(const OnyxTensorMeta *meta, const GQuark *ids, GstBuffer *buffer);
/* Removes what the former has added for `meta`, so that the engine may use its memory again. */
ONYX_GST_API void onyx_tensors_remove_mirror_meta(const OnyxTensorMeta *meta, GstBuffer *buffer);

G_END_DECLS

#endif
