/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GstOnyxPace: whether an element that takes long keeps up with a live stream. Gathers QoS events, the pipeline's
 * latency and the element's own, and says of each frame whether it comes too late to be worth the work. */
#ifndef GST_ONYX_PACE_H
#define GST_ONYX_PACE_H

#include <gst/base/gstbasetransform.h>

typedef struct {
    GstBaseTransform *element; /* not owned */

    /* under the element's object lock */
    GstClockTime own_latency, pipeline_latency;
    GstClockTime earliest_time; /* running time before which a frame is of no use to the sink; from QoS events */
    gdouble proportion;

    /* streaming thread */
    gboolean live, live_known;
    GstClockTime last_used; /* running time */
    guint runs;
} GstOnyxPace;

void gst_onyx_pace_init(GstOnyxPace *pace, GstBaseTransform *element);
/* A new start: everything is forgotten. */
void gst_onyx_pace_start(GstOnyxPace *pace);
/* A flush, a new segment or stream: the backlog is gone. */
void gst_onyx_pace_flush(GstOnyxPace *pace);
/* Upstream may be another one now. */
void gst_onyx_pace_forget_live(GstOnyxPace *pace);
/* Another model: its first runs say nothing about its latency. */
void gst_onyx_pace_forget_runs(GstOnyxPace *pace);
/* To be shown every event that comes from downstream. */
void gst_onyx_pace_src_event(GstOnyxPace *pace, GstEvent *event);
/* Answers a latency query from downstream: upstream's, and the element's own. */
gboolean gst_onyx_pace_answer_latency(GstOnyxPace *pace, GstQuery *query);
/* By how many ns a frame of a live stream is late, > 0; <= 0: use it. A frame that is used is noted; at least one a
 * second is. */
GstClockTimeDiff gst_onyx_pace_lateness(GstOnyxPace *pace, GstBuffer *buffer, gboolean qos);
/* A frame took that long: posts a latency message if that is more than was told. Not under a lock. */
void gst_onyx_pace_took(GstOnyxPace *pace, GstClockTime ns);
/* Posts a QoS message about a frame that was left out. Not under a lock. */
void gst_onyx_pace_post_qos(GstOnyxPace *pace, GstBuffer *buffer, GstClockTimeDiff late, guint64 processed,
                            guint64 dropped);

#endif
