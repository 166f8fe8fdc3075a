/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Late or not: QoS events where a sink synchronises, the clock where none does. */
#include "pace.h"

#define STARVED_NS GST_SECOND       /* a late frame is used if the last used one is older than this */
#define SLACK_NS (20 * GST_MSECOND) /* lateness that is no lateness */
#define WARM_UP_RUNS 2

void gst_onyx_pace_init(GstOnyxPace *pace, GstBaseTransform *element)
{
    pace->element = element;
    gst_onyx_pace_start(pace);
}

void gst_onyx_pace_start(GstOnyxPace *pace)
{
    GST_OBJECT_LOCK(pace->element);
    pace->own_latency = pace->pipeline_latency = 0;
    GST_OBJECT_UNLOCK(pace->element);
    pace->live = pace->live_known = FALSE;
    pace->runs = 0;
    gst_onyx_pace_flush(pace);
}

void gst_onyx_pace_flush(GstOnyxPace *pace)
{
    GST_OBJECT_LOCK(pace->element);
    pace->earliest_time = GST_CLOCK_TIME_NONE;
    pace->proportion = 1.0;
    GST_OBJECT_UNLOCK(pace->element);
    pace->last_used = GST_CLOCK_TIME_NONE;
}

void gst_onyx_pace_forget_live(GstOnyxPace *pace)
{
    pace->live_known = FALSE;
}

void gst_onyx_pace_forget_runs(GstOnyxPace *pace)
{
    pace->runs = 0;
}

/* After a late frame the next useful one is twice the lateness away: until then the backlog is worked off. */
static void take_qos(GstOnyxPace *pace, GstEvent *event)
{
    gdouble proportion;
    GstClockTimeDiff jitter;
    GstClockTime time;

    gst_event_parse_qos(event, NULL, &proportion, &jitter, &time);
    if (!GST_CLOCK_TIME_IS_VALID(time))
        return;
    GstClockTimeDiff earliest = (GstClockTimeDiff)time + (jitter > 0 ? 2 * jitter : jitter);
    GST_OBJECT_LOCK(pace->element);
    pace->proportion = proportion;
    pace->earliest_time = (GstClockTime)MAX(earliest, 0);
    GST_OBJECT_UNLOCK(pace->element);
}

void gst_onyx_pace_src_event(GstOnyxPace *pace, GstEvent *event)
{
    GstClockTime latency;

    if (GST_EVENT_TYPE(event) == GST_EVENT_QOS) {
        take_qos(pace, event);
    } else if (GST_EVENT_TYPE(event) == GST_EVENT_LATENCY) {
        gst_event_parse_latency(event, &latency);
        GST_OBJECT_LOCK(pace->element);
        pace->pipeline_latency = latency;
        GST_OBJECT_UNLOCK(pace->element);
    }
}

gboolean gst_onyx_pace_answer_latency(GstOnyxPace *pace, GstQuery *query)
{
    gboolean live;
    GstClockTime min, max;

    if (!gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(pace->element), query))
        return FALSE;
    gst_query_parse_latency(query, &live, &min, &max);
    GST_OBJECT_LOCK(pace->element);
    min += pace->own_latency;
    if (GST_CLOCK_TIME_IS_VALID(max))
        max += pace->own_latency;
    GST_OBJECT_UNLOCK(pace->element);
    gst_query_set_latency(query, live, min, max);
    return TRUE;
}

static void find_out_live(GstOnyxPace *pace)
{
    GstQuery *query = gst_query_new_latency();

    pace->live = FALSE;
    pace->live_known = TRUE;
    if (gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(pace->element), query))
        gst_query_parse_latency(query, &pace->live, NULL, NULL);
    gst_query_unref(query);
}

/* By how much the frame misses its moment at the sink; <= 0: it does not, or nobody can tell. */
static GstClockTimeDiff missed_by(GstOnyxPace *pace, GstClockTime running_time, GstClockTime duration)
{
    GstElement *element = GST_ELEMENT(pace->element);
    GstClockTimeDiff late = G_MININT64;
    GstClock *clock = gst_element_get_clock(element);

    GST_OBJECT_LOCK(element);
    if (GST_CLOCK_TIME_IS_VALID(pace->earliest_time))
        late = GST_CLOCK_DIFF(running_time, pace->earliest_time);
    GstClockTime allowed = pace->pipeline_latency + MAX(SLACK_NS, GST_CLOCK_TIME_IS_VALID(duration) ? duration : 0);
    GST_OBJECT_UNLOCK(element);
    if (clock) {
        GstClockTime base = gst_element_get_base_time(element), now = gst_clock_get_time(clock);
        if (now > base)
            late = MAX(late, GST_CLOCK_DIFF(running_time + allowed, now - base));
        gst_object_unref(clock);
    }
    return late;
}

static GstClockTime running_time_of(GstOnyxPace *pace, GstBuffer *buffer)
{
    return gst_segment_to_running_time(&pace->element->segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer));
}

GstClockTimeDiff gst_onyx_pace_lateness(GstOnyxPace *pace, GstBuffer *buffer, gboolean qos)
{
    GstClockTime time =
        pace->element->segment.format == GST_FORMAT_TIME ? running_time_of(pace, buffer) : GST_CLOCK_TIME_NONE;

    if (!pace->live_known)
        find_out_live(pace);
    if (!GST_CLOCK_TIME_IS_VALID(time))
        return 0;
    gboolean starved =
        !GST_CLOCK_TIME_IS_VALID(pace->last_used) || time < pace->last_used || time - pace->last_used >= STARVED_NS;
    GstClockTimeDiff late = qos && pace->live && !starved ? missed_by(pace, time, GST_BUFFER_DURATION(buffer)) : 0;
    if (late <= 0)
        pace->last_used = time;
    return late;
}

void gst_onyx_pace_took(GstOnyxPace *pace, GstClockTime ns)
{
    gboolean grown = FALSE;

    if (!pace->live || ++pace->runs <= WARM_UP_RUNS)
        return;
    GST_OBJECT_LOCK(pace->element);
    if (ns > pace->own_latency + pace->own_latency / 4 + GST_MSECOND) {
        pace->own_latency = ns + ns / 8;
        grown = TRUE;
    }
    GST_OBJECT_UNLOCK(pace->element);
    if (grown)
        gst_element_post_message(GST_ELEMENT(pace->element), gst_message_new_latency(GST_OBJECT(pace->element)));
}

void gst_onyx_pace_post_qos(GstOnyxPace *pace, GstBuffer *buffer, GstClockTimeDiff late, guint64 processed,
                            guint64 dropped)
{
    const GstSegment *segment = &pace->element->segment;

    GST_OBJECT_LOCK(pace->element);
    gdouble proportion = pace->proportion;
    GST_OBJECT_UNLOCK(pace->element);
    GstMessage *message =
        gst_message_new_qos(GST_OBJECT(pace->element), pace->live, running_time_of(pace, buffer),
                            gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer)),
                            GST_BUFFER_PTS(buffer), GST_BUFFER_DURATION(buffer));
    gst_message_set_qos_values(message, late, proportion, 1000000);
    gst_message_set_qos_stats(message, GST_FORMAT_BUFFERS, processed, dropped);
    gst_element_post_message(GST_ELEMENT(pace->element), message);
}
