/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Detections as regions of interest, in DL Streamer's convention. */
#include <gst/video/video.h>
#include <math.h>

#include "bridges.h"

static GstStructure *detection_structure(const OnyxDetection *item, gdouble width, gdouble height)
{
    const gchar *label = g_quark_to_string(item->label);
    return gst_structure_new("detection", "confidence", G_TYPE_DOUBLE, (gdouble)item->score, "label_id", G_TYPE_INT,
                             item->label_id, "label", G_TYPE_STRING, label ? label : "", "x_min", G_TYPE_DOUBLE,
                             item->x0 / width, "x_max", G_TYPE_DOUBLE, item->x1 / width, "y_min", G_TYPE_DOUBLE,
                             item->y0 / height, "y_max", G_TYPE_DOUBLE, item->y1 / height, NULL);
}

void onyx_detections_add_roi_metas(const OnyxDetections *detections, GstBuffer *buffer, gint width, gint height)
{
    g_return_if_fail(width > 0 && height > 0);
    for (guint i = 0; i < detections->count; i++) {
        const OnyxDetection *item = &detections->items[i];
        gint x0 = (gint)lrintf(CLAMP(item->x0, 0, (gfloat)width)), x1 = (gint)lrintf(CLAMP(item->x1, 0, (gfloat)width));
        gint y0 = (gint)lrintf(CLAMP(item->y0, 0, (gfloat)height));
        gint y1 = (gint)lrintf(CLAMP(item->y1, 0, (gfloat)height));
        GstVideoRegionOfInterestMeta *roi = gst_buffer_add_video_region_of_interest_meta_id(
            buffer, item->label, (guint)x0, (guint)y0, (guint)(x1 - x0), (guint)(y1 - y0));

        roi->id = (gint)i;
        roi->parent_id = -1;
        gst_video_region_of_interest_meta_add_param(roi, detection_structure(item, width, height));
        if (item->track_id)
            gst_video_region_of_interest_meta_add_param(
                roi, gst_structure_new("object_id", "id", G_TYPE_INT, (gint)(item->track_id & G_MAXINT), NULL));
    }
}
