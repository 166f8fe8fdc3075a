/* SPDX-License-Identifier: BSD-2-Clause
 *
 * libonyxgst: what Onyx's GStreamer elements attach to buffers. A program that wants the boxes of a pipeline includes
 * this, links pkg-config's onyx-gst-1.0, and reads:
 *
 *     gpointer state = NULL;
 *     OnyxDetectionMeta *meta;
 *
 *     while ((meta = onyx_detection_meta_iterate(buffer, &state)) != NULL)
 *         for (guint i = 0; i < meta->detections->count; i++) {
 *             const OnyxDetection *d = &meta->detections->items[i];
 *             g_print("%s %.2f at %.0f,%.0f\n", g_quark_to_string(d->label), d->score, d->x0, d->y0);
 *         }
 */
#ifndef ONYX_GST_H
#define ONYX_GST_H

#include "bridges.h"
#include "detectionmeta.h"
#include "detections.h"
#include "network.h"
#include "tensormeta.h"
#include "truthmeta.h"

#endif
