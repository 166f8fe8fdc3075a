/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxoverlay: draws detections into the frame, in the frame's own format. A frame without any is not touched. */
/**
 * SECTION:element-onnxoverlay
 *
 * Draws what OnyxDetectionMeta says: boxes in a colour per class, names, scores, track ids, masks and skeletons, sized
 * for the frame's height.
 *
 * |[
 * gst-launch-1.0 v4l2src ! onnxinfer model=yolo11n.onnx ! onnxdecode-yolo ! onnxoverlay ! videoconvert ! autovideosink
 * ]|
 */
#include "common.h"
#include "elements.h"
#include "meta/detectionmeta.h"
#include "painter.h"

GST_DEBUG_CATEGORY_STATIC(overlay_debug);
#define GST_CAT_DEFAULT overlay_debug

#define MAX_BLOCKS 8 /* decoders in a row whose results are drawn */

#define GST_TYPE_ONYX_OVERLAY (gst_onyx_overlay_get_type())
G_DECLARE_FINAL_TYPE(GstOnyxOverlay, gst_onyx_overlay, GST, ONYX_OVERLAY, GstBaseTransform)

struct _GstOnyxOverlay {
    GstBaseTransform parent;

    /* under the object lock */
    GstOnyxStyle style;
    gchar *font;
    guint64 hold_ns;
    gint font_serial; /* atomic: counts changes of the font */

    /* streaming thread, or nobody streams */
    GstVideoInfo info;
    gchar *used_font; /* a copy, so that none is made per frame */
    gint used_font_serial;
    GstOnyxPainter painter;
    gboolean painter_ready, draw;
    OnyxDetections *blocks[MAX_BLOCKS]; /* what was seen last */
    guint n_blocks;
    GstClockTime seen_at;
    gint64 last_warning_us;
};

G_DEFINE_TYPE(GstOnyxOverlay, gst_onyx_overlay, GST_TYPE_BASE_TRANSFORM)

enum {
    PROP_0,
    PROP_LINE_WIDTH,
    PROP_FONT,
    PROP_FONT_SIZE,
    PROP_DRAW_BOXES,
    PROP_DRAW_LABELS,
    PROP_DRAW_SCORES,
    PROP_DRAW_TRACK_IDS,
    PROP_DRAW_MASKS,
    PROP_DRAW_KEYPOINTS,
    PROP_MASK_OPACITY,
    PROP_HOLD_TIME,
};

static GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE(GST_ONYX_FORMATS)));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS(GST_VIDEO_CAPS_MAKE(GST_ONYX_FORMATS)));

/* ---------------------------------------------------------------------------------------------------- properties */

/* The switch behind a draw-... property, or NULL. */
static gboolean *switch_of(GstOnyxStyle *style, guint id)
{
    switch (id) {
    case PROP_DRAW_BOXES:
        return &style->boxes;
    case PROP_DRAW_LABELS:
        return &style->labels;
    case PROP_DRAW_SCORES:
        return &style->scores;
    case PROP_DRAW_TRACK_IDS:
        return &style->track_ids;
    case PROP_DRAW_MASKS:
        return &style->masks;
    case PROP_DRAW_KEYPOINTS:
        return &style->keypoints;
    default:
        return NULL;
    }
}

static void gst_onyx_overlay_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(object);

    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_LINE_WIDTH:
        self->style.line_width = g_value_get_uint(value);
        break;
    case PROP_FONT:
        g_free(self->font);
        self->font = g_value_dup_string(value);
        g_atomic_int_inc(&self->font_serial);
        break;
    case PROP_FONT_SIZE:
        self->style.font_size = g_value_get_uint(value);
        break;
    case PROP_MASK_OPACITY:
        self->style.mask_opacity = (guint)(g_value_get_float(value) * 255.0f + 0.5f);
        break;
    case PROP_HOLD_TIME:
        self->hold_ns = g_value_get_uint64(value);
        break;
    default:
        if (switch_of(&self->style, id))
            *switch_of(&self->style, id) = g_value_get_boolean(value);
        else
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

static void gst_onyx_overlay_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(object);

    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_LINE_WIDTH:
        g_value_set_uint(value, self->style.line_width);
        break;
    case PROP_FONT:
        g_value_set_string(value, self->font);
        break;
    case PROP_FONT_SIZE:
        g_value_set_uint(value, self->style.font_size);
        break;
    case PROP_MASK_OPACITY:
        g_value_set_float(value, (gfloat)self->style.mask_opacity / 255.0f);
        break;
    case PROP_HOLD_TIME:
        g_value_set_uint64(value, self->hold_ns);
        break;
    default:
        if (switch_of(&self->style, id))
            g_value_set_boolean(value, *switch_of(&self->style, id));
        else
            G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

/* -------------------------------------------------------------------------------------------------------- frames */

static void forget_blocks(GstOnyxOverlay *self)
{
    for (guint i = 0; i < self->n_blocks; i++)
        onyx_detections_unref(self->blocks[i]);
    self->n_blocks = 0;
    self->seen_at = GST_CLOCK_TIME_NONE;
}

/* Takes over what the buffer says. A frame that was not examined says nothing: then the last boxes stay for a while,
 * so that they do not flicker when the network looks at some frames only. */
static void look_at_buffer(GstOnyxOverlay *self, GstBuffer *buffer, guint64 hold_ns)
{
    OnyxDetectionMeta *meta;
    gpointer state = NULL;
    const GstSegment *segment = &GST_BASE_TRANSFORM(self)->segment;
    GstClockTime now = segment->format == GST_FORMAT_TIME
                           ? gst_segment_to_running_time(segment, GST_FORMAT_TIME, GST_BUFFER_PTS(buffer))
                           : GST_CLOCK_TIME_NONE;

    if (!onyx_detection_meta_get(buffer)) {
        gboolean fresh = GST_CLOCK_TIME_IS_VALID(self->seen_at) && GST_CLOCK_TIME_IS_VALID(now) &&
                         now >= self->seen_at && now - self->seen_at <= hold_ns;
        if (!fresh)
            forget_blocks(self);
        return;
    }
    forget_blocks(self);
    self->seen_at = now;
    while ((meta = onyx_detection_meta_iterate(buffer, &state)) != NULL && self->n_blocks < MAX_BLOCKS)
        self->blocks[self->n_blocks++] = onyx_detections_ref(meta->detections);
}

/* Decides whether there is anything to draw; only then is a shared frame copied. */
static GstFlowReturn gst_onyx_overlay_prepare_output_buffer(GstBaseTransform *transform, GstBuffer *in, GstBuffer **out)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(transform);

    GST_OBJECT_LOCK(self);
    GstOnyxStyle style = self->style;
    guint64 hold_ns = self->hold_ns;
    GST_OBJECT_UNLOCK(self);
    look_at_buffer(self, in, hold_ns);
    self->draw = FALSE;
    for (guint i = 0; i < self->n_blocks; i++)
        self->draw |= gst_onyx_painter_needed(&style, self->blocks[i]);
    GST_LOG_OBJECT(self, "frame %" GST_TIME_FORMAT ": %s, %s", GST_TIME_ARGS(GST_BUFFER_PTS(in)),
                   onyx_detection_meta_get(in) ? "examined"
                   : self->n_blocks > 0        ? "not examined, the last boxes are held"
                                               : "not examined",
                   self->draw ? "drawn into" : "nothing to draw");
    if (!self->draw || GST_BUFFER_FLAG_IS_SET(in, GST_BUFFER_FLAG_GAP)) {
        self->draw = FALSE;
        *out = in;
        return GST_FLOW_OK;
    }
    return GST_BASE_TRANSFORM_CLASS(gst_onyx_overlay_parent_class)->prepare_output_buffer(transform, in, out);
}

static GstFlowReturn gst_onyx_overlay_transform_ip(GstBaseTransform *transform, GstBuffer *buffer)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(transform);
    GstVideoFrame frame;

    if (!self->draw)
        return GST_FLOW_OK;
    if (!gst_video_frame_map(&frame, &self->info, buffer, GST_MAP_READWRITE)) {
        if (gst_onyx_may_warn(&self->last_warning_us))
            GST_ELEMENT_WARNING(self, STREAM, FORMAT,
                                ("A frame passed undrawn: its %" G_GSIZE_FORMAT " bytes are no %dx%d %s frame, or "
                                 "cannot be written.",
                                 gst_buffer_get_size(buffer), GST_VIDEO_INFO_WIDTH(&self->info),
                                 GST_VIDEO_INFO_HEIGHT(&self->info),
                                 gst_video_format_to_string(GST_VIDEO_INFO_FORMAT(&self->info))),
                                (NULL));
        return GST_FLOW_OK;
    }
    GST_OBJECT_LOCK(self);
    GstOnyxStyle style = self->style;
    if (self->used_font_serial != g_atomic_int_get(&self->font_serial)) {
        self->used_font_serial = g_atomic_int_get(&self->font_serial);
        g_free(self->used_font);
        self->used_font = g_strdup(self->font);
    }
    GST_OBJECT_UNLOCK(self);
    gst_onyx_canvas_set_frame(&self->painter.canvas, &frame);
    for (guint i = 0; i < self->n_blocks; i++)
        gst_onyx_painter_draw(&self->painter, &style, self->used_font, self->blocks[i]);
    gst_video_frame_unmap(&frame);
    return GST_FLOW_OK;
}

/* ----------------------------------------------------------------------------------------------------- the stream */

static void drop_painter(GstOnyxOverlay *self)
{
    if (self->painter_ready)
        gst_onyx_painter_clear(&self->painter);
    self->painter_ready = FALSE;
}

static gboolean gst_onyx_overlay_set_caps(GstBaseTransform *transform, GstCaps *in, GstCaps *out)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(transform);

    if (!gst_video_info_from_caps(&self->info, in))
        return FALSE;
    forget_blocks(self);
    drop_painter(self);
    gst_onyx_painter_init(&self->painter, &self->info);
    self->painter_ready = TRUE;
    return TRUE;
}

static gboolean gst_onyx_overlay_sink_event(GstBaseTransform *transform, GstEvent *event)
{
    if (GST_EVENT_TYPE(event) == GST_EVENT_FLUSH_STOP || GST_EVENT_TYPE(event) == GST_EVENT_STREAM_START)
        forget_blocks(GST_ONYX_OVERLAY(transform));
    return GST_BASE_TRANSFORM_CLASS(gst_onyx_overlay_parent_class)->sink_event(transform, event);
}

static gboolean gst_onyx_overlay_stop(GstBaseTransform *transform)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(transform);

    forget_blocks(self);
    drop_painter(self);
    self->last_warning_us = 0;
    return TRUE;
}

static gboolean gst_onyx_overlay_propose_allocation(GstBaseTransform *transform, GstQuery *decided, GstQuery *query)
{
    if (!GST_BASE_TRANSFORM_CLASS(gst_onyx_overlay_parent_class)->propose_allocation(transform, decided, query))
        return FALSE;
    if (!gst_query_find_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL))
        gst_query_add_allocation_meta(query, GST_VIDEO_META_API_TYPE, NULL);
    return TRUE;
}

/* --------------------------------------------------------------------------------------------------------- class */

static void gst_onyx_overlay_init(GstOnyxOverlay *self)
{
    self->style = (GstOnyxStyle){ .boxes = TRUE,
                                  .labels = TRUE,
                                  .scores = TRUE,
                                  .track_ids = TRUE,
                                  .masks = TRUE,
                                  .keypoints = TRUE,
                                  .mask_opacity = 102 };
    self->font = g_strdup("Sans");
    self->used_font_serial = -1;
    self->hold_ns = 500 * GST_MSECOND;
    self->seen_at = GST_CLOCK_TIME_NONE;
    gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
    gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_onyx_overlay_finalize(GObject *object)
{
    GstOnyxOverlay *self = GST_ONYX_OVERLAY(object);

    forget_blocks(self);
    drop_painter(self);
    g_free(self->font);
    g_free(self->used_font);
    G_OBJECT_CLASS(gst_onyx_overlay_parent_class)->finalize(object);
}

static void install_switch(GObjectClass *class, guint id, const gchar *name, const gchar *nick, const gchar *blurb)
{
    g_object_class_install_property(class, id,
                                    g_param_spec_boolean(name, nick, blurb, TRUE,
                                                         G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS |
                                                             GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE));
}

static void install_properties(GObjectClass *class)
{
    const GParamFlags flags =
        G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING | GST_PARAM_CONTROLLABLE;

    g_object_class_install_property(
        class, PROP_LINE_WIDTH,
        g_param_spec_uint(
            "line-width", "Line width",
            "Width of box lines in pixels. 0: by the frame's height (2 at 480 lines, 3 at 1080, 6 at 2160)", 0, 200, 0,
            flags));
    g_object_class_install_property(
        class, PROP_FONT,
        g_param_spec_string("font", "Font",
                            "Font of the labels, as Pango names it, such as 'Sans' or 'DejaVu Sans Bold'", "Sans",
                            flags));
    g_object_class_install_property(
        class, PROP_FONT_SIZE,
        g_param_spec_uint("font-size", "Font size",
                          "Size of the letters in pixels. 0: by the frame's height (11 at 480 lines, 24 at 1080, 48 at "
                          "2160)",
                          0, 500, 0, flags));
    install_switch(class, PROP_DRAW_BOXES, "draw-boxes", "Draw boxes", "Draw the outline of each detection");
    install_switch(class, PROP_DRAW_LABELS, "draw-labels", "Draw labels",
                   "Write the name of the class (its number, if it has none)");
    install_switch(class, PROP_DRAW_SCORES, "draw-scores", "Draw scores", "Write the score, 0.00 to 1.00");
    install_switch(class, PROP_DRAW_TRACK_IDS, "draw-track-ids", "Draw track ids",
                   "Write the number that a tracker gave, as #7");
    install_switch(class, PROP_DRAW_MASKS, "draw-masks", "Draw masks", "Tint the pixels of instance masks");
    install_switch(class, PROP_DRAW_KEYPOINTS, "draw-keypoints", "Draw keypoints",
                   "Draw the points of a pose, and the "
                   "limbs between them where it is a person's 17 points");
    g_object_class_install_property(class, PROP_MASK_OPACITY,
                                    g_param_spec_float("mask-opacity", "Mask opacity",
                                                       "How much a mask covers of what is below (0..1)", 0, 1, 0.4f,
                                                       flags));
    g_object_class_install_property(
        class, PROP_HOLD_TIME,
        g_param_spec_uint64("hold-time", "Hold time",
                            "How long the last boxes stay on frames that were not examined (inference-interval, late "
                            "frames), in nanoseconds. 0: not at all",
                            0, G_MAXUINT64, 500 * GST_MSECOND, flags));
}

static void gst_onyx_overlay_class_init(GstOnyxOverlayClass *class)
{
    GObjectClass *object = G_OBJECT_CLASS(class);
    GstElementClass *element = GST_ELEMENT_CLASS(class);
    GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS(class);

    GST_DEBUG_CATEGORY_INIT(overlay_debug, "onnxoverlay", 0, "draws detections");
    object->set_property = gst_onyx_overlay_set_property;
    object->get_property = gst_onyx_overlay_get_property;
    object->finalize = gst_onyx_overlay_finalize;
    install_properties(object);
    gst_element_class_set_static_metadata(
        element, "Detection overlay", "Filter/Effect/Video",
        "Draws detections (boxes, names, scores, track ids, masks, skeletons) into frames of any common format; behind "
        "a decoder such as onnxdecode-yolo",
        "The Onyx authors");
    gst_element_class_add_static_pad_template(element, &sink_template);
    gst_element_class_add_static_pad_template(element, &src_template);
    transform->stop = gst_onyx_overlay_stop;
    transform->set_caps = gst_onyx_overlay_set_caps;
    transform->sink_event = gst_onyx_overlay_sink_event;
    transform->propose_allocation = gst_onyx_overlay_propose_allocation;
    transform->prepare_output_buffer = gst_onyx_overlay_prepare_output_buffer;
    transform->transform_ip = gst_onyx_overlay_transform_ip;
}
