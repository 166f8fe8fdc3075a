/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxinfer: runs an ONNX model on each frame and attaches what came out. The frame is only read: its size, format and
 * memory stay what they are, also behind a tee. */
/**
 * SECTION:element-onnxinfer
 *
 * Reads frames in place, runs a network on them and attaches its outputs as OnyxTensorMeta, for a decoder such as
 * onnxdecode-yolo behind it. (GStreamer's own onnxinference is another element.)
 *
 * |[
 * gst-launch-1.0 v4l2src ! onnxinfer model=yolo11n.onnx ! onnxdecode-yolo ! onnxoverlay ! videoconvert ! autovideosink
 * ]|
 *
 * Without a model it finds people, with the detector that comes with it.
 */
#include <string.h>

#include "builtin.h"
#include "common.h"
#include "elements.h"
#include "meta/bridges.h"
#include "meta/tensormeta.h"
#include "pace.h"
#include "runner.h"

GST_DEBUG_CATEGORY_STATIC(infer_debug);
#define GST_CAT_DEFAULT infer_debug

#define GST_TYPE_ONYX_INFER (gst_onyx_infer_get_type())
G_DECLARE_FINAL_TYPE(GstOnyxInfer, gst_onyx_infer, GST, ONYX_INFER, GstBaseTransform)

struct _GstOnyxInfer {
    GstBaseTransform parent;

    /* under the object lock */
    GstOnyxSettings settings;
    guint interval;
    gboolean qos;
    gboolean tensor_meta;
    OnyxNetwork *network; /* of the runner, for stats */
    gchar *network_path;

    gint serial; /* atomic: counts changes of settings */
    GstOnyxStats stats;
    GstOnyxPace pace;

    /* streaming thread, or nobody streams */
    GstOnyxRunner *runner;
    gint runner_serial;
    GstVideoInfo info;
    guint64 since_flush; /* frames since the stream began or was flushed */
    gboolean told;       /* that the built-in model is used */
    gint64 last_warning_us;
};

G_DEFINE_TYPE(GstOnyxInfer, gst_onyx_infer, GST_TYPE_BASE_TRANSFORM)

enum {
    PROP_INTERVAL = GST_ONYX_SETTINGS_LAST + 1,
    PROP_QOS,
    PROP_TENSOR_META,
    PROP_STATS,
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE(GST_ONYX_FORMATS)));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE(GST_ONYX_FORMATS)));

/* ---------------------------------------------------------------------------------------------------- properties */

static void gst_onyx_infer_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    GstOnyxInfer *self = GST_ONYX_INFER(object);
    gboolean changed = FALSE;

    GST_OBJECT_LOCK(self);
    if (id <= GST_ONYX_SETTINGS_LAST)
        changed = gst_onyx_settings_set(&self->settings, id, value);
    else if (id == PROP_INTERVAL)
        self->interval = g_value_get_uint(value);
    else if (id == PROP_QOS)
        self->qos = g_value_get_boolean(value);
    else if (id == PROP_TENSOR_META)
        self->tensor_meta = g_value_get_boolean(value);
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    GST_OBJECT_UNLOCK(self);
    if (changed)
        g_atomic_int_inc(&self->serial);
}

static GstStructure *make_stats(GstOnyxInfer *self)
{
    GST_OBJECT_LOCK(self);
    OnyxNetwork *network = self->network ? onyx_network_ref(self->network) : NULL;
    gchar *path = g_strdup(self->network_path);
    GST_OBJECT_UNLOCK(self);
    GstStructure *structure =
        gst_onyx_stats_structure(&self->stats, path, network ? onyx_network_get_description(network) : NULL);
    onyx_network_unref(network);
    g_free(path);
    return structure;
}

static void gst_onyx_infer_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    GstOnyxInfer *self = GST_ONYX_INFER(object);

    if (id == PROP_STATS) {
        g_value_take_boxed(value, make_stats(self));
        return;
    }
    GST_OBJECT_LOCK(self);
    if (id <= GST_ONYX_SETTINGS_LAST)
        gst_onyx_settings_get(&self->settings, id, value);
    else if (id == PROP_INTERVAL)
        g_value_set_uint(value, self->interval);
    else if (id == PROP_QOS)
        g_value_set_boolean(value, self->qos);
    else if (id == PROP_TENSOR_META)
        g_value_set_boolean(value, self->tensor_meta);
    else
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    GST_OBJECT_UNLOCK(self);
}

/* -------------------------------------------------------------------------------------------------------- models */

static void publish_network(GstOnyxInfer *self, const gchar *path)
{
    OnyxNetwork *network = self->runner ? onyx_network_ref(self->runner->network) : NULL;

    GST_OBJECT_LOCK(self);
    OnyxNetwork *old = self->network;
    gchar *old_path = self->network_path;
    self->network = network;
    self->network_path = g_strdup(path);
    GST_OBJECT_UNLOCK(self);
    onyx_network_unref(old);
    g_free(old_path);
}

static void use_runner(GstOnyxInfer *self, GstOnyxRunner *runner, const gchar *path)
{
    gst_onyx_runner_free(self->runner);
    self->runner = runner;
    gst_onyx_pace_forget_runs(&self->pace);
    publish_network(self, path);
    if (!runner)
        return;
    GST_INFO_OBJECT(self, "model '%s': %s", path, onyx_network_get_description(runner->network));
    if (runner->notice)
        GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("%s", runner->notice), (NULL));
}

static void report_failed_load(GstOnyxInfer *self, const gchar *path, const onyx_error *error)
{
    if (self->runner) {
        gchar *what = g_strdup_printf("Cannot change to model '%s', the former one stays in use", path ? path : "");
        gst_onyx_post(GST_ELEMENT(self), GST_MESSAGE_WARNING, what, error);
        g_free(what);
    } else {
        gst_onyx_post(GST_ELEMENT(self), GST_MESSAGE_ERROR, "Cannot use the model", error);
    }
}

/* gst-launch-1.0 prints the detail of such a message alone, so it says the same. */
static void tell_builtin(GstOnyxInfer *self, const gchar *path)
{
    if (!self->told)
        GST_ELEMENT_INFO(self, RESOURCE, SETTINGS, ("No model is given: using the built-in people detector, %s.", path),
                         ("no model is given: using the built-in people detector, %s", path));
    self->told = TRUE;
}

/* Makes the runner fit the settings, if they changed. A failed change keeps the old one and is reported once.
 * Returns whether there is a runner. Slow; called by the streaming thread, or when nothing streams. */
static gboolean update_runner(GstOnyxInfer *self)
{
    gint serial = g_atomic_int_get(&self->serial);
    onyx_error error = { ONYX_OK, "" };
    GstOnyxRunner *runner = NULL;
    gchar *notice = NULL;
    gboolean builtin;

    if (self->runner && serial == self->runner_serial)
        return TRUE;
    self->runner_serial = serial;
    GST_OBJECT_LOCK(self);
    GstOnyxSettings settings = gst_onyx_settings_copy(&self->settings);
    GST_OBJECT_UNLOCK(self);

    if (gst_onyx_choose_model(&settings, &builtin, &notice, &error))
        runner = gst_onyx_runner_new(&settings, &error);
    if (runner && builtin)
        tell_builtin(self, settings.model);
    if (runner && notice && !runner->notice)
        runner->notice = g_steal_pointer(&notice);
    if (runner)
        use_runner(self, runner, settings.model);
    else
        report_failed_load(self, settings.model, &error);
    g_free(notice);
    gst_onyx_settings_clear(&settings);
    return self->runner != NULL;
}

static GstStateChangeReturn gst_onyx_infer_change_state(GstElement *element, GstStateChange transition)
{
    GstOnyxInfer *self = GST_ONYX_INFER(element);

    if (transition == GST_STATE_CHANGE_NULL_TO_READY) {
        GST_OBJECT_LOCK(self);
        gboolean given = self->settings.model && *self->settings.model;
        GST_OBJECT_UNLOCK(self);
        if (given && !update_runner(self))
            return GST_STATE_CHANGE_FAILURE;
    }
    GstStateChangeReturn result = GST_ELEMENT_CLASS(gst_onyx_infer_parent_class)->change_state(element, transition);
    if (transition == GST_STATE_CHANGE_READY_TO_NULL)
        use_runner(self, NULL, NULL);
    return result;
}

/* ----------------------------------------------------------------------------------------------------- the stream */

static gboolean gst_onyx_infer_start(GstBaseTransform *transform)
{
    GstOnyxInfer *self = GST_ONYX_INFER(transform);

    gst_onyx_stats_reset(&self->stats);
    gst_onyx_pace_start(&self->pace);
    self->since_flush = 0;
    self->last_warning_us = 0;
    return update_runner(self);
}

static gboolean gst_onyx_infer_set_caps(GstBaseTransform *transform, GstCaps *in, GstCaps *out)
{
    GstOnyxInfer *self = GST_ONYX_INFER(transform);
    gst_onyx_pace_forget_live(&self->pace);
    return gst_onyx_video_info_from_caps(&self->info, in);
}

static gboolean gst_onyx_infer_sink_event(GstBaseTransform *transform, GstEvent *event)
{
    GstOnyxInfer *self = GST_ONYX_INFER(transform);

    switch (GST_EVENT_TYPE(event)) {
    case GST_EVENT_FLUSH_STOP:
    case GST_EVENT_STREAM_START:
    case GST_EVENT_SEGMENT:
        gst_onyx_pace_flush(&self->pace);
        self->since_flush = 0;
        break;
    default:
        break;
    }
    return GST_BASE_TRANSFORM_CLASS(gst_onyx_infer_parent_class)->sink_event(transform, event);
}

static gboolean gst_onyx_infer_src_event(GstBaseTransform *transform, GstEvent *event)
{
    gst_onyx_pace_src_event(&GST_ONYX_INFER(transform)->pace, event);
    return GST_BASE_TRANSFORM_CLASS(gst_onyx_infer_parent_class)->src_event(transform, event);
}

static gboolean gst_onyx_infer_query(GstBaseTransform *transform, GstPadDirection direction, GstQuery *query)
{
    if (direction == GST_PAD_SRC && GST_QUERY_TYPE(query) == GST_QUERY_LATENCY)
        return gst_onyx_pace_answer_latency(&GST_ONYX_INFER(transform)->pace, query);
    if (direction == GST_PAD_SRC && GST_QUERY_TYPE(query) == GST_QUERY_CUSTOM &&
        gst_structure_has_name(gst_query_get_structure(query), GST_ONYX_QUERY_INFER))
        return TRUE;
    return GST_BASE_TRANSFORM_CLASS(gst_onyx_infer_parent_class)->query(transform, direction, query);
}

/* -------------------------------------------------------------------------------------------------------- frames */

/* Whether the frame is passed on without a look at it; then it is counted here. */
static gboolean skip_frame(GstOnyxInfer *self, GstBuffer *buffer)
{
    guint64 processed, dropped;

    GST_OBJECT_LOCK(self);
    guint interval = self->interval;
    gboolean qos = self->qos;
    GST_OBJECT_UNLOCK(self);

    gboolean gap = GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP);
    if (gap || self->since_flush++ % interval != 0) {
        GST_LOG_OBJECT(self, "frame %" GST_TIME_FORMAT " passes: %s", GST_TIME_ARGS(GST_BUFFER_PTS(buffer)),
                       gap ? "a gap" : "inference-interval");
        gst_onyx_stats_count(&self->stats, GST_ONYX_FRAME_SKIPPED, 0);
        return TRUE;
    }
    GstClockTimeDiff late = gst_onyx_pace_lateness(&self->pace, buffer, qos);
    if (late <= 0)
        return FALSE;
    GST_DEBUG_OBJECT(self, "frame %" GST_TIME_FORMAT " passes: %" GST_STIME_FORMAT " late",
                     GST_TIME_ARGS(GST_BUFFER_PTS(buffer)), GST_STIME_ARGS(late));
    gst_onyx_stats_count(&self->stats, GST_ONYX_FRAME_LATE, 0);
    gst_onyx_stats_qos(&self->stats, &processed, &dropped);
    gst_onyx_pace_post_qos(&self->pace, buffer, late, processed, dropped);
    return TRUE;
}

static void frame_failed(GstOnyxInfer *self, const onyx_error *error)
{
    gst_onyx_stats_count(&self->stats, GST_ONYX_FRAME_FAILED, 0);
    if (gst_onyx_may_warn(&self->last_warning_us))
        gst_onyx_post(GST_ELEMENT(self), GST_MESSAGE_WARNING, "A frame passed without inference", error);
}

static void infer_frame(GstOnyxInfer *self, GstBuffer *buffer)
{
    GstVideoFrame frame;
    onyx_outputs *outputs = NULL;
    onyx_geometry geometry;
    onyx_error error = { ONYX_OK, "" };
    GstClockTime start = gst_util_get_timestamp();

    if (!gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_READ | GST_VIDEO_FRAME_MAP_FLAG_NO_REF)) {
        error.status = ONYX_ERROR_SHAPE;
        g_snprintf(error.message, sizeof error.message,
                   "the buffer of %" G_GSIZE_FORMAT " bytes does not hold the %dx%d %s frame of the caps",
                   gst_buffer_get_size(buffer), GST_VIDEO_INFO_WIDTH(&self->info), GST_VIDEO_INFO_HEIGHT(&self->info),
                   gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&self->info)));
        frame_failed(self, &error);
        return;
    }
    onyx_status status = gst_onyx_runner_infer(self->runner, &frame, &outputs, &geometry, &error);
    gst_video_frame_unmap(&frame);
    if (status != ONYX_OK) {
        frame_failed(self, &error);
        return;
    }
    OnyxTensorMeta *meta = onyx_tensor_meta_add(buffer, self->runner->network, outputs, &geometry);
    GST_OBJECT_LOCK(self);
    gboolean mirrored = self->tensor_meta;
    GST_OBJECT_UNLOCK(self);
    if (meta && mirrored)
        onyx_tensors_add_mirror_meta(meta, self->runner->tensor_ids, buffer);
    onyx_outputs_unref(outputs);
    GstClockTime took = gst_util_get_timestamp() - start;
    GST_LOG_OBJECT(self, "frame %" GST_TIME_FORMAT ": inferred in %.1f ms", GST_TIME_ARGS(GST_BUFFER_PTS(buffer)),
                   (gdouble)took / GST_MSECOND);
    gst_onyx_stats_count(&self->stats, GST_ONYX_FRAME_INFERRED, took);
    gst_onyx_pace_took(&self->pace, took);
}

static GstFlowReturn gst_onyx_infer_transform_ip(GstBaseTransform *transform, GstBuffer *buffer)
{
    GstOnyxInfer *self = GST_ONYX_INFER(transform);

    if (!update_runner(self))
        return GST_FLOW_ERROR;
    if (!skip_frame(self, buffer))
        infer_frame(self, buffer);
    return GST_FLOW_OK;
}

static gboolean gst_onyx_infer_propose_allocation(GstBaseTransform *transform, GstQuery *decided, GstQuery *query)
{
    if (!GST_BASE_TRANSFORM_CLASS(gst_onyx_infer_parent_class)->propose_allocation(transform, decided, query))
        return FALSE;
    if (!gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL))
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    return TRUE;
}

/* --------------------------------------------------------------------------------------------------------- class */

static void gst_onyx_infer_init(GstOnyxInfer *self)
{
    self->settings.device = g_strdup("cpu");
    self->interval = 1;
    self->tensor_meta = TRUE;
    self->qos = TRUE;
    self->runner_serial = -1;
    gst_onyx_stats_init(&self->stats);
    gst_onyx_pace_init(&self->pace, GST_BASE_TRANSFORM(self));
    gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
    gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_onyx_infer_finalize(GObject *object)
{
    GstOnyxInfer *self = GST_ONYX_INFER(object);

    gst_onyx_runner_free(self->runner);
    onyx_network_unref(self->network);
    g_free(self->network_path);
    gst_onyx_settings_clear(&self->settings);
    gst_onyx_stats_clear(&self->stats);
    G_OBJECT_CLASS(gst_onyx_infer_parent_class)->finalize(object);
}

static void install_properties(GObjectClass *class)
{
    const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

    gst_onyx_settings_install(class);
    g_object_class_install_property(
        class, PROP_INTERVAL,
        g_param_spec_uint("inference-interval", "Inference interval",
                          "Run the network on every n-th frame; the others pass without tensors", 1, G_MAXUINT, 1,
                          flags));
    g_object_class_install_property(
        class, PROP_QOS,
        g_param_spec_boolean("qos", "QoS",
                             "With a live source, pass frames that are late on without running the network (at least "
                             "one a second is used), count them and post QoS messages. Files are never skipped",
                             TRUE, flags));
    g_object_class_install_property(
        class, PROP_TENSOR_META,
        g_param_spec_boolean("tensor-meta", "Tensor metadata",
                             "Also attach GstTensorMeta, for GStreamer's own decoders (needs a build with GStreamer "
                             "1.26 or newer; else it does nothing)",
                             TRUE, flags));
    g_object_class_install_property(
        class, PROP_STATS,
        g_param_spec_boxed("stats", "Statistics",
                           "Since the start: frames, inferred, skipped (interval, gaps), late, failed; latency-mean-ns "
                           "and latency-p95-ns of reading a frame and running the network, fps (p95 and fps over the "
                           "last 512 runs); model, and recognised: what was found in the model and where",
                           GST_TYPE_STRUCTURE, G_PARAM_READABLE | G_PARAM_STATIC_STRINGS));
}

static void gst_onyx_infer_class_init(GstOnyxInferClass *class)
{
    GObjectClass *object = G_OBJECT_CLASS(class);
    GstElementClass *element = GST_ELEMENT_CLASS(class);
    GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS(class);

    GST_DEBUG_CATEGORY_INIT(infer_debug, "onnxinfer", 0, "runs ONNX models on frames");
    object->set_property = gst_onyx_infer_set_property;
    object->get_property = gst_onyx_infer_get_property;
    object->finalize = gst_onyx_infer_finalize;
    install_properties(object);
    gst_element_class_set_static_metadata(
        element, "ONNX inference", "Filter/Analyzer/Video",
        "Runs an ONNX model on video frames in place and attaches its outputs for a decoder such as onnxdecode-yolo; "
        "the frames keep their size, format and memory",
        "The Onyx authors");
    gst_element_class_add_static_pad_template(element, &sink_template);
    gst_element_class_add_static_pad_template(element, &src_template);
    element->change_state = gst_onyx_infer_change_state;
    transform->start = gst_onyx_infer_start;
    transform->set_caps = gst_onyx_infer_set_caps;
    transform->sink_event = gst_onyx_infer_sink_event;
    transform->src_event = gst_onyx_infer_src_event;
    transform->query = gst_onyx_infer_query;
    transform->propose_allocation = gst_onyx_infer_propose_allocation;
    transform->transform_ip = gst_onyx_infer_transform_ip;
    gst_type_mark_as_plugin_api(gst_onyx_scaling_get_type(), 0);
    gst_type_mark_as_plugin_api(gst_onyx_precision_get_type(), 0);
    gst_type_mark_as_plugin_api(gst_onyx_channel_order_get_type(), 0);
}
