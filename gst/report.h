/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A frame's detections as JSON in DL Streamer's schema (gvametaconvert), and as a GstStructure of the same shape. */
#ifndef GST_ONYX_REPORT_H
#define GST_ONYX_REPORT_H

#include <gst/gst.h>
#include <json-glib/json-glib.h>

typedef struct {
    gint width, height;      /* of the frame; 0: unknown */
    GstClockTime timestamp;  /* stream time in ns; NONE: left out */
    const gchar *source;     /* NULL: left out */
    JsonNode *tags;          /* a JSON object of the user's; NULL: left out */
    const gchar *wall_clock; /* ISO 8601; NULL: left out */
    gboolean masks;          /* with COCO's "segmentation" where there are instance masks */
} GstOnyxReportHead;

/* Everything that OnyxDetectionMeta on the buffer says. A new node. */
JsonNode *gst_onyx_report_new(const GstOnyxReportHead *head, GstBuffer *buffer);
/* Objects become structures, arrays GST_TYPE_ARRAY, whole numbers gint64, others gdouble. */
GstStructure *gst_onyx_report_structure(JsonNode *report, const gchar *name);

#endif
