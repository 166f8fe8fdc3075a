/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GStreamer's ways to say how a frame was transformed, as one matrix. Private to libonyxgst. */
#ifndef ONYX_GST_TRANSFORM_H
#define ONYX_GST_TRANSFORM_H

#include "detections.h"

/* False for a transform that is not understood (then a meta must be dropped rather than be wrong). */
gboolean onyx_transform_from_gst(OnyxTransform *transform, GQuark type, gconstpointer data);

#endif
