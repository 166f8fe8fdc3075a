/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Detections as upstream's relation meta, where GStreamer has it (1.24); else nothing. */
#include "bridges.h"

#if ONYX_HAVE_ANALYTICS
#define GST_USE_UNSTABLE_API
#include <gst/analytics/analytics.h>
#include <math.h>

gboolean onyx_analytics_is_supported(void)
{
    return TRUE;
}

static void add_tracking(GstAnalyticsRelationMeta *meta, const OnyxDetection *item, guint object, GstClockTime time)
{
    GstAnalyticsTrackingMtd tracking;
    if (gst_analytics_relation_meta_add_tracking_mtd(meta, item->track_id, time, &tracking))
        gst_analytics_relation_meta_set_relation(meta, GST_ANALYTICS_REL_TYPE_RELATE_TO, object, tracking.id);
}

void onyx_detections_add_analytics_meta(const OnyxDetections *detections, GstBuffer *buffer)
{
    /* A second relation meta on a buffer is lost by the next copy: the existing one takes the entries. */
    GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(buffer);
    if (!meta && detections->count > 0)
        meta = gst_buffer_add_analytics_relation_meta(buffer);
    for (guint i = 0; i < detections->count; i++) {
        const OnyxDetection *item = &detections->items[i];
        gint x0 = (gint)lrintf(item->x0), y0 = (gint)lrintf(item->y0);
        gint x1 = (gint)lrintf(item->x1), y1 = (gint)lrintf(item->y1);
        GstAnalyticsODMtd object;

        if (!gst_analytics_relation_meta_add_od_mtd(meta, item->label, x0, y0, x1 - x0, y1 - y0, item->score, &object))
            continue;
        if (item->track_id)
            add_tracking(meta, item, object.id, GST_BUFFER_PTS(buffer));
    }
}
#else

gboolean onyx_analytics_is_supported(void)
{
    return FALSE;
}

void onyx_detections_add_analytics_meta(const OnyxDetections *detections, GstBuffer *buffer)
{
}
#endif
