/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxpublish: says what was found in each frame, as JSON lines and as messages on the bus. Frames pass untouched. */
/**
 * SECTION:element-onnxpublish
 *
 * Writes a line of JSON in DL Streamer's schema for each frame that was examined (also when nothing was found), to a
 * file, a FIFO or the standard output, and, with post-messages=true, posts the same as an element message
 * "onnxpublish".
 *
 * |[
 * gst-launch-1.0 -q filesrc location=shop.mp4 ! decodebin ! onnxinfer model=yolo11n.onnx ! onnxdecode-yolo
 *     ! onnxpublish ! fakesink | jq -c '.objects[].detection.label'
 * ]|
 */
#include <errno.h>
#include <string.h>

#include "common.h"
#include "elements.h"
#include "meta/detectionmeta.h"
#include "meta/truthmeta.h"
#include "report.h"
#include "writer.h"

GST_DEBUG_CATEGORY_STATIC(publish_debug);
#define GST_CAT_DEFAULT publish_debug

typedef enum { PUBLISH_EXAMINED, PUBLISH_DETECTIONS, PUBLISH_ALL } GstOnyxPublishFrames;

#define GST_TYPE_ONYX_PUBLISH (gst_onyx_publish_get_type())
G_DECLARE_FINAL_TYPE(GstOnyxPublish, gst_onyx_publish, GST, ONYX_PUBLISH, GstBaseTransform)

struct _GstOnyxPublish {
    GstBaseTransform parent;

    /* under the object lock */
    gchar *location, *source, *tags;
    gboolean append, post_messages, system_timestamp, masks;
    guint wait_ms;
    GstOnyxPublishFrames frames;
    guint64 written, dropped;

    /* streaming thread, or nobody streams */
    GstOnyxWriter *writer;
    JsonGenerator *generator;
    JsonNode *tags_node;
    gchar *upstream_uri;
    gboolean uri_known, examined_any, missed_any, warned;
    gint tags_serial, tags_done; /* tags_serial: atomic, counts changes */
    gint width, height;
};

G_DEFINE_TYPE(GstOnyxPublish, gst_onyx_publish, GST_TYPE_BASE_TRANSFORM)

enum {
    PROP_0,
    PROP_LOCATION,
    PROP_APPEND,
    PROP_POST_MESSAGES,
    PROP_SOURCE,
    PROP_TAGS,
    PROP_FRAMES,
    PROP_SYSTEM_TIMESTAMP,
    PROP_MASKS,
    PROP_WAIT,
    PROP_STATS,
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));

static GType publish_frames_get_type(void)
{
    static gsize type = 0;
    static const GEnumValue values[] = {
        { PUBLISH_EXAMINED, "Frames that were examined, also when nothing was found", "examined" },
        { PUBLISH_DETECTIONS, "Only frames in which something was found", "detections" },
        { PUBLISH_ALL, "All frames, also those that no decoder saw", "all" },
        { 0, NULL, NULL },
    };
    if (g_once_init_enter(&type))
        g_once_init_leave(&type, g_enum_register_static("GstOnyxPublishFrames", values));
    return (GType)type;
}

/* ---------------------------------------------------------------------------------------------------- properties */

static void gst_onyx_publish_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(object);

    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_LOCATION:
        g_free(self->location);
        self->location = g_value_dup_string(value);
        break;
    case PROP_APPEND:
        self->append = g_value_get_boolean(value);
        break;
    case PROP_POST_MESSAGES:
        self->post_messages = g_value_get_boolean(value);
        break;
    case PROP_SOURCE:
        g_free(self->source);
        self->source = g_value_dup_string(value);
        break;
    case PROP_TAGS:
        g_free(self->tags);
        self->tags = g_value_dup_string(value);
        g_atomic_int_inc(&self->tags_serial);
        break;
    case PROP_FRAMES:
        self->frames = (GstOnyxPublishFrames)g_value_get_enum(value);
        break;
    case PROP_SYSTEM_TIMESTAMP:
        self->system_timestamp = g_value_get_boolean(value);
        break;
    case PROP_MASKS:
        self->masks = g_value_get_boolean(value);
        break;
    case PROP_WAIT:
        self->wait_ms = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

static void gst_onyx_publish_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(object);

    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_LOCATION:
        g_value_set_string(value, self->location);
        break;
    case PROP_APPEND:
        g_value_set_boolean(value, self->append);
        break;
    case PROP_POST_MESSAGES:
        g_value_set_boolean(value, self->post_messages);
        break;
    case PROP_SOURCE:
        g_value_set_string(value, self->source);
        break;
    case PROP_TAGS:
        g_value_set_string(value, self->tags);
        break;
    case PROP_FRAMES:
        g_value_set_enum(value, (gint)self->frames);
        break;
    case PROP_SYSTEM_TIMESTAMP:
        g_value_set_boolean(value, self->system_timestamp);
        break;
    case PROP_MASKS:
        g_value_set_boolean(value, self->masks);
        break;
    case PROP_WAIT:
        g_value_set_uint(value, self->wait_ms);
        break;
    case PROP_STATS:
        g_value_take_boxed(value, gst_structure_new("onnxpublish-stats", "written", G_TYPE_UINT64, self->written,
                                                    "dropped", G_TYPE_UINT64, self->dropped, NULL));
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

/* -------------------------------------------------------------------------------------------------------- frames */

/* tags is JSON text of the user's: what is no object is reported and left out. */
static void update_tags(GstOnyxPublish *self)
{
    gint serial = g_atomic_int_get(&self->tags_serial);
    GError *problem = NULL;

    if (serial == self->tags_done)
        return;
    self->tags_done = serial;
    g_clear_pointer(&self->tags_node, json_node_unref);
    GST_OBJECT_LOCK(self);
    gchar *tags = g_strdup(self->tags);
    GST_OBJECT_UNLOCK(self);
    if (tags && *tags) {
        self->tags_node = json_from_string(tags, &problem);
        if (!self->tags_node || !JSON_NODE_HOLDS_OBJECT(self->tags_node)) {
            GST_ELEMENT_WARNING(
                self, RESOURCE, SETTINGS,
                ("tags is no JSON object and is left out: %s. An example: tags='{\"camera\": \"door\"}'",
                 problem ? problem->message : tags),
                (NULL));
            g_clear_pointer(&self->tags_node, json_node_unref);
        }
    }
    g_clear_error(&problem);
    g_free(tags);
}

/* What upstream reads from, asked once a stream. */
static const gchar *upstream_uri(GstOnyxPublish *self)
{
    if (!self->uri_known) {
        GstQuery *query = gst_query_new_uri();
        self->uri_known = TRUE;
        g_clear_pointer(&self->upstream_uri, g_free);
        if (gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(self), query))
            gst_query_parse_uri(query, &self->upstream_uri);
        gst_query_unref(query);
    }
    return self->upstream_uri;
}

static JsonNode *make_report(GstOnyxPublish *self, GstBuffer *buffer)
{
    GstOnyxReportHead head = { .width = self->width, .height = self->height, .tags = self->tags_node };
    const GstSegment *segment = &GST_BASE_TRANSFORM(self)->segment;

    GST_OBJECT_LOCK(self);
    gchar *source = g_strdup(self->source);
    gboolean system_timestamp = self->system_timestamp;
    head.masks = self->masks;
    GST_OBJECT_UNLOCK(self);
    head.source = source && *source ? source : upstream_uri(self);
    head.timestamp = segment->format == GST_FORMAT_TIME
                         ? gst_segment_to_stream_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
                         : GST_BUFFER_PTS(buffer);
    GDateTime *now = system_timestamp ? g_date_time_new_now_utc() : NULL;
    gchar *wall_clock = now ? g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ") : NULL;
    head.wall_clock = wall_clock;
    JsonNode *report = gst_onyx_report_new(&head, buffer);
    g_clear_pointer(&now, g_date_time_unref);
    g_free(wall_clock);
    g_free(source);
    return report;
}

static void report_dropped(GstOnyxPublish *self, GstOnyxWriteResult result, int error)
{
    static const gchar *const why[] = {
        [GST_ONYX_NO_READER] = "its reader went away",
        [GST_ONYX_STALLED] = "its reader does not keep up",
    };
    if (self->warned)
        return;
    self->warned = TRUE;
    GST_OBJECT_LOCK(self);
    gchar *location = g_strdup(self->location);
    GST_OBJECT_UNLOCK(self);
    GST_ELEMENT_WARNING(self, RESOURCE, WRITE,
                        ("Lines for '%s' are dropped: %s. The stream goes on; 'stats' counts them.", location,
                         result == GST_ONYX_WRITE_FAILED ? g_strerror(error) : why[result]),
                        (NULL));
    g_free(location);
}

static void write_report(GstOnyxPublish *self, JsonNode *report)
{
    json_generator_set_root(self->generator, report);
    gchar *text = json_generator_to_data(self->generator, NULL);
    gchar *line = g_strconcat(text, "\n", NULL);
    GstOnyxWriteResult result = gst_onyx_writer_write(self->writer, line, strlen(line));
    int error = errno;

    g_free(line);
    g_free(text);
    GST_OBJECT_LOCK(self);
    gboolean wrote_before = self->written > 0;
    if (result == GST_ONYX_WRITTEN)
        self->written++;
    else
        self->dropped++;
    GST_OBJECT_UNLOCK(self);
    if (result == GST_ONYX_WRITTEN)
        self->warned = FALSE;
    else if (result != GST_ONYX_NO_READER || wrote_before) /* a FIFO may wait for its first reader */
        report_dropped(self, result, error);
}

/* Whether this frame is to be told about. */
static gboolean wanted(GstOnyxPublish *self, GstBuffer *buffer, GstOnyxPublishFrames frames)
{
    OnyxDetectionMeta *meta;
    gpointer state = NULL;
    gboolean examined = FALSE, found = FALSE;

    while ((meta = onyx_detection_meta_iterate(buffer, &state)) != NULL) {
        examined = TRUE;
        found |= meta->detections->count > 0;
    }
    examined |= onyx_truth_meta_get(buffer) != NULL; /* somebody knows what is there */
    self->examined_any |= examined;
    self->missed_any |= !examined && frames != PUBLISH_ALL;
    return frames == PUBLISH_ALL || (frames == PUBLISH_EXAMINED && examined) || found;
}

static GstFlowReturn gst_onyx_publish_transform_ip(GstBaseTransform *transform, GstBuffer *buffer)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(transform);

    GST_OBJECT_LOCK(self);
    gboolean post = self->post_messages;
    GstOnyxPublishFrames frames = self->frames;
    GST_OBJECT_UNLOCK(self);
    if (!wanted(self, buffer, frames) || (!self->writer && !post)) {
        GST_LOG_OBJECT(self, "frame %" GST_TIME_FORMAT " gets no line", GST_TIME_ARGS(GST_BUFFER_PTS(buffer)));
        return GST_FLOW_OK;
    }
    update_tags(self);
    JsonNode *report = make_report(self, buffer);
    if (self->writer)
        write_report(self, report);
    if (post)
        gst_element_post_message(
            GST_ELEMENT(self),
            gst_message_new_element(GST_OBJECT(self), gst_onyx_report_structure(report, "onnxpublish")));
    json_node_unref(report);
    return GST_FLOW_OK;
}

/* ----------------------------------------------------------------------------------------------------- the stream */

static gboolean gst_onyx_publish_set_caps(GstBaseTransform *transform, GstCaps *in, GstCaps *out)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(transform);
    const GstStructure *structure = gst_caps_get_structure(in, 0);

    return gst_structure_get_int(structure, "width", &self->width) &&
           gst_structure_get_int(structure, "height", &self->height);
}

static gboolean gst_onyx_publish_sink_event(GstBaseTransform *transform, GstEvent *event)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(transform);

    if (GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START)
        self->uri_known = FALSE;
    if (GST_EVENT_TYPE(event) == GST_EVENT_EOS && self->missed_any && !self->examined_any)
        GST_ELEMENT_WARNING(self, STREAM, FAILED,
                            ("No frame carried detections, so no line was written. Put onnxinfer ! onnxdecode-yolo in "
                             "front, and between these and onnxpublish nothing that drops metadata (compositor; "
                             "videocrop and videoflip of GStreamer 1.22)."),
                            (NULL));
    return GST_BASE_TRANSFORM_CLASS(gst_onyx_publish_parent_class)->sink_event(transform, event);
}

static gboolean gst_onyx_publish_start(GstBaseTransform *transform)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(transform);
    gchar *problem = NULL;

    self->uri_known = self->examined_any = self->missed_any = self->warned = FALSE;
    self->width = self->height = 0;
    GST_OBJECT_LOCK(self);
    gchar *location = g_strdup(self->location);
    gboolean append = self->append;
    guint wait_ms = self->wait_ms;
    self->written = self->dropped = 0;
    GST_OBJECT_UNLOCK(self);
    if (location && *location) {
        GstOnyxWriter *writer = gst_onyx_writer_new(location, append, wait_ms, &problem);
        GST_OBJECT_LOCK(self);
        self->writer = writer;
        GST_OBJECT_UNLOCK(self);
    }
    g_free(location);
    if (!problem)
        return TRUE;
    GST_ELEMENT_ERROR(self, RESOURCE, OPEN_WRITE, ("%s", problem), (NULL));
    g_free(problem);
    return FALSE;
}

static gboolean gst_onyx_publish_stop(GstBaseTransform *transform)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(transform);

    GST_OBJECT_LOCK(self);
    GstOnyxWriter *writer = self->writer;
    self->writer = NULL;
    GST_OBJECT_UNLOCK(self);
    gst_onyx_writer_free(writer);
    g_clear_pointer(&self->tags_node, json_node_unref);
    g_clear_pointer(&self->upstream_uri, g_free);
    self->tags_done = 0;
    return TRUE;
}

/* A line that waits for its reader must not hold up going to READY. */
static GstStateChangeReturn gst_onyx_publish_change_state(GstElement *element, GstStateChange transition)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(element);

    if (transition == GST_STATE_CHANGE_PAUSED_TO_READY) {
        GST_OBJECT_LOCK(self);
        if (self->writer)
            gst_onyx_writer_set_flushing(self->writer, TRUE);
        GST_OBJECT_UNLOCK(self);
    }
    return GST_ELEMENT_CLASS(gst_onyx_publish_parent_class)->change_state(element, transition);
}

/* --------------------------------------------------------------------------------------------------------- class */

static void gst_onyx_publish_init(GstOnyxPublish *self)
{
    self->location = g_strdup("-");
    self->wait_ms = 1000;
    self->masks = TRUE;
    self->generator = json_generator_new();
    gst_base_transform_set_passthrough(GST_BASE_TRANSFORM(self), TRUE);
    gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_onyx_publish_finalize(GObject *object)
{
    GstOnyxPublish *self = GST_ONYX_PUBLISH(object);

    g_object_unref(self->generator);
    g_free(self->location);
    g_free(self->source);
    g_free(self->tags);
    G_OBJECT_CLASS(gst_onyx_publish_parent_class)->finalize(object);
}

static void install(GObjectClass *class, guint id, GParamSpec *spec)
{
    g_object_class_install_property(class, id, spec);
}

static void install_properties(GObjectClass *class)
{
    const GParamFlags playing = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;
    const GParamFlags ready = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_READY;

    install(class, PROP_LOCATION,
            g_param_spec_string("location", "Location",
                                "Where the lines go: a file (overwritten, unless append is set; made anew when it is "
                                "moved away), a FIFO, or - for the standard output; empty: nowhere. A FIFO without a "
                                "reader and a reader that goes away cost lines, not the stream",
                                "-", ready));
    install(class, PROP_APPEND,
            g_param_spec_boolean("append", "Append", "Keep what is in the file, and write behind it", FALSE, ready));
    install(class, PROP_POST_MESSAGES,
            g_param_spec_boolean("post-messages", "Post messages",
                                 "Post an element message 'onnxpublish' for each of the frames, a structure with the "
                                 "same fields as the line (whole numbers as gint64, arrays as GstValueArray)",
                                 FALSE, playing));
    install(class, PROP_SOURCE,
            g_param_spec_string("source", "Source",
                                "The field 'source' of each line, such as a camera's name; empty: upstream's URI, if "
                                "it has one",
                                NULL, playing));
    install(class, PROP_TAGS,
            g_param_spec_string("tags", "Tags",
                                "The field 'tags' of each line: a JSON object, such as {\"shop\": 7}; empty: none",
                                NULL, playing));
    install(class, PROP_FRAMES,
            g_param_spec_enum("frames", "Frames", "Which frames get a line", publish_frames_get_type(),
                              PUBLISH_EXAMINED, playing));
    install(class, PROP_SYSTEM_TIMESTAMP,
            g_param_spec_boolean("system-timestamp", "System timestamp",
                                 "Add 'system_timestamp', the time of writing in UTC (ISO 8601), beside 'timestamp', "
                                 "the frame's stream time in ns",
                                 FALSE, playing));
    install(
        class, PROP_MASKS,
        g_param_spec_boolean("masks", "Masks",
                             "Add 'segmentation' to objects with an instance mask: COCO's compressed run lengths at "
                             "the frame's size ({\"size\": [height, width], \"counts\": text}, as "
                             "pycocotools.mask.decode takes it)",
                             TRUE, playing));
    install(class, PROP_WAIT,
            g_param_spec_uint("wait", "Wait",
                              "How long a line may wait for a reader that does not keep up before it is dropped, in "
                              "milliseconds. Once one was dropped, none waits until the reader reads again",
                              0, 60000, 1000, ready));
    install(class, PROP_STATS,
            g_param_spec_boxed("stats", "Statistics", "Since the start: lines written, lines dropped",
                               GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void gst_onyx_publish_class_init(GstOnyxPublishClass *class)
{
    GObjectClass *object = G_OBJECT_CLASS(class);
    GstElementClass *element = GST_ELEMENT_CLASS(class);
    GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS(class);

    GST_DEBUG_CATEGORY_INIT(publish_debug, "onnxpublish", 0, "writes detections as JSON lines");
    object->set_property = gst_onyx_publish_set_property;
    object->get_property = gst_onyx_publish_get_property;
    object->finalize = gst_onyx_publish_finalize;
    install_properties(object);
    gst_element_class_set_static_metadata(
        element, "Detection publisher", "Filter/Analyzer/Video",
        "Writes what was found in each frame as JSON lines (DL Streamer's schema) to a file, FIFO or stdout, and posts "
        "it on the bus; behind a decoder such as onnxdecode-yolo",
        "The Onyx authors");
    gst_element_class_add_static_pad_template(element, &sink_template);
    gst_element_class_add_static_pad_template(element, &src_template);
    element->change_state = gst_onyx_publish_change_state;
    transform->start = gst_onyx_publish_start;
    transform->stop = gst_onyx_publish_stop;
    transform->set_caps = gst_onyx_publish_set_caps;
    transform->sink_event = gst_onyx_publish_sink_event;
    transform->transform_ip = gst_onyx_publish_transform_ip;
    transform->transform_ip_on_passthrough = TRUE;
    gst_type_mark_as_plugin_api(publish_frames_get_type(), 0);
}
