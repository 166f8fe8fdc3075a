/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxdecode-yolo: turns the tensors of a YOLO-like head into detections on the frame they came from. */
/**
 * SECTION:element-onnxdecode-yolo
 *
 * Takes the OnyxTensorMeta that onnxinfer attached, finds the head in it (from the model's metadata or the tensors'
 * shapes), and attaches OnyxDetectionMeta in pixels of the frame, with the same boxes as regions of interest for
 * other elements.
 *
 * |[
 * gst-launch-1.0 filesrc location=shop.mp4 ! decodebin ! onnxinfer model=yolo11n.onnx ! onnxdecode-yolo classes=person
 *     ! onnxpublish ! fakesink
 * ]|
 */
#include <string.h>

#include "common.h"
#include "elements.h"
#include "meta/bridges.h"
#include "meta/detectionmeta.h"
#include "meta/tensormeta.h"

GST_DEBUG_CATEGORY_STATIC(decode_debug);
#define GST_CAT_DEFAULT decode_debug

#define MAX_TENSORS 64
#define MAX_CLASSES 4096

#define GST_TYPE_ONYX_DECODE_YOLO (gst_onyx_decode_yolo_get_type())
G_DECLARE_FINAL_TYPE(GstOnyxDecodeYolo, gst_onyx_decode_yolo, GST, ONYX_DECODE_YOLO, GstBaseTransform)

struct _GstOnyxDecodeYolo {
    GstBaseTransform parent;

    /* under the object lock */
    vision_decode_params params; /* without the classes */
    gchar *classes, *labels;
    gboolean keep_tensors, roi_meta, analytics_meta;
    gint serial; /* atomic: counts changes of classes and labels */

    /* streaming thread, or nobody streams */
    gint label_serial;    /* of the labels and classes below */
    OnyxNetwork *network; /* that they were made for */
    vision_recipe *names; /* the user's labels; NULL: the network's */
    GQuark *quarks;       /* of `names` */
    gint *class_ids;      /* n_class_ids; NULL: all classes */
    guint n_class_ids;
    vision_detections *found;
    OnyxDetectionPool *pool;
    gboolean seen_tensors, decoded;
    gint64 last_warning_us;
};

G_DEFINE_TYPE(GstOnyxDecodeYolo, gst_onyx_decode_yolo, GST_TYPE_BASE_TRANSFORM)

enum {
    PROP_0,
    PROP_CONFIDENCE,
    PROP_IOU,
    PROP_MAX_DETECTIONS,
    PROP_CLASSES,
    PROP_CLASS_AGNOSTIC,
    PROP_LABELS,
    PROP_LABELS_FILE,
    PROP_MASKS,
    PROP_KEEP_TENSORS,
    PROP_ROI_META,
    PROP_ANALYTICS_META,
};

static GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));
static GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("video/x-raw(ANY)"));

/* ---------------------------------------------------------------------------------------------------- properties */

static void gst_onyx_decode_yolo_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    GstOnyxDecodeYolo *self = GST_ONYX_DECODE_YOLO(object);

    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_CONFIDENCE:
        self->params.confidence = g_value_get_float(value);
        break;
    case PROP_IOU:
        self->params.iou = g_value_get_float(value);
        break;
    case PROP_MAX_DETECTIONS:
        self->params.max_detections = (int)g_value_get_uint(value);
        break;
    case PROP_CLASSES:
        g_free(self->classes);
        self->classes = g_value_dup_string(value);
        break;
    case PROP_CLASS_AGNOSTIC:
        self->params.class_agnostic = g_value_get_boolean(value);
        break;
    case PROP_LABELS:
    case PROP_LABELS_FILE:
        g_free(self->labels);
        self->labels = g_value_dup_string(value);
        break;
    case PROP_MASKS:
        self->params.no_masks = !g_value_get_boolean(value);
        break;
    case PROP_KEEP_TENSORS:
        self->keep_tensors = g_value_get_boolean(value);
        break;
    case PROP_ROI_META:
        self->roi_meta = g_value_get_boolean(value);
        break;
    case PROP_ANALYTICS_META:
        self->analytics_meta = g_value_get_boolean(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
    if (id == PROP_CLASSES || id == PROP_LABELS || id == PROP_LABELS_FILE)
        g_atomic_int_inc(&self->serial);
}

static void gst_onyx_decode_yolo_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    GstOnyxDecodeYolo *self = GST_ONYX_DECODE_YOLO(object);

    GST_OBJECT_LOCK(self);
    switch (id) {
    case PROP_CONFIDENCE:
        g_value_set_float(value, self->params.confidence);
        break;
    case PROP_IOU:
        g_value_set_float(value, self->params.iou);
        break;
    case PROP_MAX_DETECTIONS:
        g_value_set_uint(value, (guint)self->params.max_detections);
        break;
    case PROP_CLASSES:
        g_value_set_string(value, self->classes);
        break;
    case PROP_CLASS_AGNOSTIC:
        g_value_set_boolean(value, self->params.class_agnostic);
        break;
    case PROP_LABELS:
    case PROP_LABELS_FILE:
        g_value_set_string(value, self->labels);
        break;
    case PROP_MASKS:
        g_value_set_boolean(value, !self->params.no_masks);
        break;
    case PROP_KEEP_TENSORS:
        g_value_set_boolean(value, self->keep_tensors);
        break;
    case PROP_ROI_META:
        g_value_set_boolean(value, self->roi_meta);
        break;
    case PROP_ANALYTICS_META:
        g_value_set_boolean(value, self->analytics_meta);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
        break;
    }
    GST_OBJECT_UNLOCK(self);
}

/* ------------------------------------------------------------------------------------------- labels and classes */

static void forget_names(GstOnyxDecodeYolo *self)
{
    vision_recipe_unref(self->names);
    self->names = NULL;
    g_clear_pointer(&self->quarks, g_free);
    g_clear_pointer(&self->class_ids, g_free);
    self->n_class_ids = 0;
    g_clear_pointer(&self->network, onyx_network_unref);
}

static void read_names(GstOnyxDecodeYolo *self, const gchar *spec, const vision_recipe *recipe)
{
    gchar *problem = NULL, *text = gst_onyx_read_labels(spec, &problem);
    onyx_error error = { ONYX_OK, "" };

    if (!text) {
        GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS, ("%s", problem), (NULL));
        g_free(problem);
        return;
    }
    if (vision_recipe_with_labels(recipe, text, strlen(text), &self->names, &error) != ONYX_OK)
        gst_onyx_post(GST_ELEMENT(self), GST_MESSAGE_WARNING, "The labels cannot be used", &error);
    g_free(text);
    if (!self->names)
        return;
    self->quarks = g_new0(GQuark, (gsize)self->names->label_count + 1);
    for (int i = 0; i < self->names->label_count; i++) {
        const char *label = vision_recipe_label(self->names, i);
        self->quarks[i] = label ? g_quark_from_string(label) : 0;
    }
}

/* The id of a class given by name or number; -1: unknown. */
static gint class_id(const vision_recipe *recipe, const gchar *name)
{
    gchar *end = NULL;

    for (int i = 0; recipe && i < recipe->label_count; i++) {
        const char *label = vision_recipe_label(recipe, i);
        if (label && g_ascii_strcasecmp(label, name) == 0)
            return i;
    }
    guint64 number = g_ascii_strtoull(name, &end, 10);
    return g_ascii_isdigit(*name) && *end == 0 && number <= G_MAXINT ? (gint)number : -1;
}

/* An unknown name is reported and left out; if nothing is known, nothing is detected rather than everything. */
static void read_classes(GstOnyxDecodeYolo *self, const gchar *list, const vision_recipe *recipe)
{
    gchar **names = g_strsplit(list, ",", MAX_CLASSES);

    self->class_ids = g_new0(gint, g_strv_length(names) + 1);
    for (gchar **name = names; *name; name++) {
        g_strstrip(*name);
        if (!**name)
            continue;
        gint id = class_id(recipe, *name);
        if (id >= 0) {
            self->class_ids[self->n_class_ids++] = id;
            continue;
        }
        gchar *known = gst_onyx_list_labels(recipe, 100);
        GST_ELEMENT_WARNING(self, RESOURCE, SETTINGS,
                            ("classes: there is no class '%s' and it is left out. Known: %s", *name,
                             *known ? known : "none by name; give numbers, or set labels"),
                            (NULL));
        g_free(known);
    }
    g_strfreev(names);
}

/* Labels and class filter as the properties and this network have them. Returns the recipe to decode with. */
static const vision_recipe *update_names(GstOnyxDecodeYolo *self, OnyxNetwork *network)
{
    gint serial = g_atomic_int_get(&self->serial);
    const vision_recipe *recipe = network ? onyx_network_get_recipe(network) : NULL;

    if (serial == self->label_serial && network == self->network)
        return recipe;
    GST_OBJECT_LOCK(self);
    gchar *classes = g_strdup(self->classes), *labels = g_strdup(self->labels);
    GST_OBJECT_UNLOCK(self);
    forget_names(self);
    self->label_serial = serial;
    self->network = network ? onyx_network_ref(network) : NULL;
    if (labels && *labels)
        read_names(self, labels, recipe);
    if (classes && *classes)
        read_classes(self, classes, self->names ? self->names : recipe);
    g_free(classes);
    g_free(labels);
    return recipe;
}

static GQuark label_of(GstOnyxDecodeYolo *self, gint id)
{
    if (self->names)
        return id >= 0 && id < self->names->label_count ? self->quarks[id] : 0;
    return self->network ? onyx_network_get_label(self->network, id) : 0;
}

/* -------------------------------------------------------------------------------------------------------- frames */

static void copy_mask(OnyxDetections *to, OnyxDetection *item, const vision_mask *mask)
{
    if (mask->width <= 0 || mask->height <= 0)
        return;
    item->mask = onyx_detections_append_mask(to, (guint)mask->width, (guint)mask->height);
    if (item->mask == 0)
        return;
    OnyxMask *copy = &to->masks[item->mask - 1];
    copy->x0 = mask->x0;
    copy->y0 = mask->y0;
    copy->x1 = mask->x1;
    copy->y1 = mask->y1;
    memcpy(to->mask_data + copy->offset, mask->data, (gsize)mask->width * (gsize)mask->height);
}

static void copy_detection(GstOnyxDecodeYolo *self, OnyxDetections *to, const vision_detection *from)
{
    OnyxDetection *item = onyx_detections_append(to);

    item->x0 = from->x0;
    item->y0 = from->y0;
    item->x1 = from->x1;
    item->y1 = from->y1;
    item->score = from->score;
    item->label_id = from->label_id;
    item->label = label_of(self, from->label_id);
    item->rotated = from->rotated;
    memcpy(item->corners, from->corners, sizeof item->corners);
    item->n_keypoints = (guint)MAX(from->keypoint_count, 0);
    item->first_keypoint = onyx_detections_append_keypoints(to, item->n_keypoints);
    for (guint k = 0; k < item->n_keypoints; k++)
        to->keypoints[item->first_keypoint + k] =
            (OnyxKeypoint){ from->keypoints[k].x, from->keypoints[k].y, from->keypoints[k].score };
    copy_mask(to, item, &from->mask);
}

static void attach(GstOnyxDecodeYolo *self, GstBuffer *buffer, const OnyxTensorMeta *meta, gboolean roi,
                   gboolean analytics)
{
    OnyxDetections *detections = onyx_detections_new(self->pool);

    if (meta->network)
        detections->source = g_quark_from_string(onyx_network_get_name(meta->network));
    for (int i = 0; i < self->found->count; i++)
        copy_detection(self, detections, &self->found->items[i]);
    onyx_detection_meta_add(buffer, detections);
    if (roi && meta->geometry.picture_width > 0 && meta->geometry.picture_height > 0)
        onyx_detections_add_roi_metas(detections, buffer, meta->geometry.picture_width, meta->geometry.picture_height);
    if (analytics)
        onyx_detections_add_analytics_meta(detections, buffer);
    onyx_detections_unref(detections);
}

static onyx_status decode_meta(GstOnyxDecodeYolo *self, const OnyxTensorMeta *meta, onyx_error *error)
{
    onyx_tensor tensors[MAX_TENSORS];
    guint count = MIN(onyx_tensor_meta_get_n_tensors(meta), MAX_TENSORS);
    const vision_recipe *recipe = update_names(self, meta->network);
    const gchar *const *names = NULL;

    for (guint i = 0; i < count; i++)
        onyx_tensor_meta_get_tensor(meta, i, &tensors[i]);
    if (meta->network && onyx_network_get_n_outputs(meta->network) >= count)
        names = onyx_network_get_output_names(meta->network);
    GST_OBJECT_LOCK(self);
    vision_decode_params params = self->params;
    GST_OBJECT_UNLOCK(self);
    params.classes = self->class_ids;
    params.class_count = (int)self->n_class_ids;
    if (self->class_ids && self->n_class_ids == 0)
        params.max_detections = 0;
    return vision_decode(recipe, tensors, names, (int)count, &meta->geometry, &params, self->found, error);
}

/* No tensors on this frame: right behind inference-interval and late frames, wrong where nobody makes any. */
static GstFlowReturn no_tensors(GstOnyxDecodeYolo *self, GstBuffer *buffer)
{
    if (self->seen_tensors || GST_BUFFER_FLAG_IS_SET(buffer, GST_BUFFER_FLAG_GAP))
        return GST_FLOW_OK;
    GstQuery *query = gst_query_new_custom(GST_QUERY_CUSTOM, gst_structure_new_empty(GST_ONYX_QUERY_INFER));
    self->seen_tensors = gst_pad_peer_query(GST_BASE_TRANSFORM_SINK_PAD(self), query);
    gst_query_unref(query);
    if (self->seen_tensors)
        return GST_FLOW_OK;
    GST_ELEMENT_ERROR(self, STREAM, WRONG_TYPE,
                      ("The frames carry no tensors to decode. Put onnxinfer in front: ... ! onnxinfer "
                       "model=yolo11n.onnx ! onnxdecode-yolo ! ..."),
                      ("no OnyxTensorMeta on the first frame, and no onnxinfer upstream"));
    return GST_FLOW_ERROR;
}

/* A model that is no detector at all is the user's mistake and ends the stream; one bad tensor in a good stream does
 * not. */
static GstFlowReturn decode_failed(GstOnyxDecodeYolo *self, const OnyxTensorMeta *meta, const onyx_error *error)
{
    gboolean hopeless = error->status != ONYX_ERROR_MEMORY && !self->decoded;
    const gchar *name = meta->network ? onyx_network_get_name(meta->network) : NULL;

    if (!hopeless && !gst_onyx_may_warn(&self->last_warning_us))
        return GST_FLOW_OK;
    gchar *text =
        g_strdup_printf("The tensors%s%s cannot be decoded: %s", name ? " of " : "", name ? name : "", error->message);
    if (hopeless)
        GST_ELEMENT_ERROR(self, STREAM, WRONG_TYPE, ("%s", text), ("%s", onyx_status_name(error->status)));
    else
        GST_ELEMENT_WARNING(self, STREAM, DECODE, ("%s", text), ("%s", onyx_status_name(error->status)));
    g_free(text);
    return hopeless ? GST_FLOW_ERROR : GST_FLOW_OK;
}

/* With several networks in a row the last one's tensors are this decoder's. */
static OnyxTensorMeta *newest_tensors(GstBuffer *buffer)
{
    OnyxTensorMeta *meta, *newest = NULL;
    gpointer state = NULL;

    while ((meta = onyx_tensor_meta_iterate(buffer, &state)) != NULL)
        newest = meta;
    return newest;
}

static GstFlowReturn gst_onyx_decode_yolo_transform_ip(GstBaseTransform *transform, GstBuffer *buffer)
{
    GstOnyxDecodeYolo *self = GST_ONYX_DECODE_YOLO(transform);
    onyx_error error = { ONYX_OK, "" };
    OnyxTensorMeta *meta = newest_tensors(buffer);
    GstFlowReturn flow = GST_FLOW_OK;

    if (!meta)
        return no_tensors(self, buffer);
    self->seen_tensors = TRUE;
    GST_OBJECT_LOCK(self);
    gboolean keep = self->keep_tensors, roi = self->roi_meta, analytics = self->analytics_meta;
    GST_OBJECT_UNLOCK(self);
    if (decode_meta(self, meta, &error) == ONYX_OK) {
        self->decoded = TRUE;
        attach(self, buffer, meta, roi, analytics);
        GST_LOG_OBJECT(self, "frame %" GST_TIME_FORMAT ": %d detections", GST_TIME_ARGS(GST_BUFFER_PTS(buffer)),
                       self->found->count);
    } else {
        flow = decode_failed(self, meta, &error);
    }
    if (self->found->ignored > 0)
        GST_LOG_OBJECT(self, "%d rows held no numbers and were left out", self->found->ignored);
    if (!keep) {
        onyx_tensors_remove_mirror_meta(meta, buffer);
        gst_buffer_remove_meta(buffer, &meta->meta);
    }
    return flow;
}

static gboolean gst_onyx_decode_yolo_start(GstBaseTransform *transform)
{
    GstOnyxDecodeYolo *self = GST_ONYX_DECODE_YOLO(transform);
    onyx_error error = { ONYX_OK, "" };

    self->seen_tensors = self->decoded = FALSE;
    self->last_warning_us = 0;
    self->label_serial = -1;
    if (!self->pool)
        self->pool = onyx_detection_pool_new();
    if (!self->found && vision_detections_new(&self->found, &error) != ONYX_OK) {
        gst_onyx_post(GST_ELEMENT(self), GST_MESSAGE_ERROR, "Cannot start", &error);
        return FALSE;
    }
    return TRUE;
}

static gboolean gst_onyx_decode_yolo_stop(GstBaseTransform *transform)
{
    GstOnyxDecodeYolo *self = GST_ONYX_DECODE_YOLO(transform);

    forget_names(self);
    vision_detections_free(self->found);
    self->found = NULL;
    onyx_detection_pool_unref(self->pool);
    self->pool = NULL;
    return TRUE;
}

static gboolean gst_onyx_decode_yolo_propose_allocation(GstBaseTransform *transform, GstQuery *decided, GstQuery *query)
{
    return gst_onyx_forward_allocation(transform, query);
}

/* --------------------------------------------------------------------------------------------------------- class */

static void gst_onyx_decode_yolo_init(GstOnyxDecodeYolo *self)
{
    self->params = VISION_DECODE_PARAMS;
    self->roi_meta = TRUE;
    self->analytics_meta = TRUE;
    self->label_serial = -1;
    gst_base_transform_set_in_place(GST_BASE_TRANSFORM(self), TRUE);
    gst_base_transform_set_gap_aware(GST_BASE_TRANSFORM(self), TRUE);
}

static void gst_onyx_decode_yolo_finalize(GObject *object)
{
    GstOnyxDecodeYolo *self = GST_ONYX_DECODE_YOLO(object);
    g_free(self->classes);
    g_free(self->labels);
    G_OBJECT_CLASS(gst_onyx_decode_yolo_parent_class)->finalize(object);
}

static void install(GObjectClass *class, guint id, GParamSpec *spec)
{
    g_object_class_install_property(class, id, spec);
}

static void install_properties(GObjectClass *class)
{
    const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

    install(class, PROP_CONFIDENCE,
            g_param_spec_float("confidence-threshold", "Confidence threshold",
                               "Detections with a lower score are left out (0..1)", 0, 1, 0.25f,
                               flags | GST_PARAM_CONTROLLABLE));
    install(
        class, PROP_IOU,
        g_param_spec_float("iou-threshold", "IoU threshold",
                           "Of two boxes whose intersection over union is larger, only the better one stays (0..1). "
                           "Not used where the model suppresses by itself",
                           0, 1, 0.45f, flags | GST_PARAM_CONTROLLABLE));
    install(class, PROP_MAX_DETECTIONS,
            g_param_spec_uint("max-detections", "Maximum of detections", "The best that many of a frame are kept", 0,
                              100000, 300, flags | GST_PARAM_CONTROLLABLE));
    install(class, PROP_CLASSES,
            g_param_spec_string("classes", "Classes",
                                "Only these classes, by name or number with commas between, such as person,car,7. "
                                "Empty: all",
                                NULL, flags));
    install(class, PROP_CLASS_AGNOSTIC,
            g_param_spec_boolean("class-agnostic", "Class-agnostic",
                                 "Suppress overlapping boxes also when their classes differ", FALSE, flags));
    install(class, PROP_LABELS,
            g_param_spec_string("labels", "Labels",
                                "Names of the classes, instead of the network's: a text file with one name a line, or "
                                "the names with commas between",
                                NULL, flags));
    install(class, PROP_LABELS_FILE,
            g_param_spec_string("labels-file", "Labels", "Another name of 'labels'", NULL, flags));
    install(class, PROP_MASKS,
            g_param_spec_boolean("masks", "Masks", "Make instance masks, where the model gives them", TRUE, flags));
    install(class, PROP_KEEP_TENSORS,
            g_param_spec_boolean("keep-tensors", "Keep tensors",
                                 "Leave the tensors on the buffer, for another decoder or a program", FALSE, flags));
    install(class, PROP_ROI_META,
            g_param_spec_boolean("roi-meta", "Regions of interest",
                                 "Also attach a GstVideoRegionOfInterestMeta per detection, as DL Streamer does", TRUE,
                                 flags));
    install(class, PROP_ANALYTICS_META,
            g_param_spec_boolean("analytics-meta", "Analytics metadata",
                                 "Also attach GstAnalyticsRelationMeta (needs a build with GStreamer 1.24 or newer; "
                                 "else it does nothing)",
                                 TRUE, flags));
}

static void gst_onyx_decode_yolo_class_init(GstOnyxDecodeYoloClass *class)
{
    GObjectClass *object = G_OBJECT_CLASS(class);
    GstElementClass *element = GST_ELEMENT_CLASS(class);
    GstBaseTransformClass *transform = GST_BASE_TRANSFORM_CLASS(class);

    GST_DEBUG_CATEGORY_INIT(decode_debug, "onnxdecode-yolo", 0, "decodes YOLO heads");
    object->set_property = gst_onyx_decode_yolo_set_property;
    object->get_property = gst_onyx_decode_yolo_get_property;
    object->finalize = gst_onyx_decode_yolo_finalize;
    install_properties(object);
    gst_element_class_set_static_metadata(
        element, "YOLO decoder", "Filter/Analyzer/Video",
        "Decodes the tensors of YOLO-like models (boxes; masks and keypoints where the model has them) into detections "
        "in pixels of the frame; behind onnxinfer",
        "The Onyx authors");
    gst_element_class_add_static_pad_template(element, &sink_template);
    gst_element_class_add_static_pad_template(element, &src_template);
    transform->start = gst_onyx_decode_yolo_start;
    transform->stop = gst_onyx_decode_yolo_stop;
    transform->propose_allocation = gst_onyx_decode_yolo_propose_allocation;
    transform->transform_ip = gst_onyx_decode_yolo_transform_ip;
}
