/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Detections -> JSON. The schema is DL Streamer's; keypoints, corners and masks are added under names that it does not
 * use; masks as COCO has them. */
#include "report.h"

#include <math.h>

#include "coco.h"
#include "meta/detectionmeta.h"
#include "meta/truthmeta.h"

static void set_number(JsonObject *object, const gchar *name, gdouble value)
{
    json_object_set_double_member(object, name, isfinite(value) ? value : 0);
}

static void set_pixels(JsonObject *object, const gchar *name, gdouble value)
{
    json_object_set_int_member(object, name, isfinite(value) ? (gint64)llround(value) : 0);
}

static JsonObject *bounding_box(const OnyxDetection *item, gint width, gint height)
{
    JsonObject *box = json_object_new();

    set_number(box, "x_min", item->x0 / width);
    set_number(box, "x_max", item->x1 / width);
    set_number(box, "y_min", item->y0 / height);
    set_number(box, "y_max", item->y1 / height);
    return box;
}

static JsonObject *detection(const OnyxDetection *item, const GstOnyxReportHead *head)
{
    JsonObject *object = json_object_new();
    const gchar *label = g_quark_to_string(item->label);

    if (head->width > 0 && head->height > 0)
        json_object_set_object_member(object, "bounding_box", bounding_box(item, head->width, head->height));
    set_number(object, "confidence", item->score);
    json_object_set_int_member(object, "label_id", item->label_id);
    if (label)
        json_object_set_string_member(object, "label", label);
    return object;
}

static void add_point(JsonArray *points, const gfloat *values, guint n)
{
    JsonArray *point = json_array_sized_new(n);

    for (guint i = 0; i < n; i++)
        json_array_add_double_element(point, isfinite(values[i]) ? values[i] : 0);
    json_array_add_array_element(points, point);
}

static void add_skeleton(JsonObject *object, const OnyxDetections *block, const OnyxDetection *item)
{
    JsonArray *points;

    if (item->n_keypoints > 0) {
        points = json_array_sized_new(item->n_keypoints);
        for (guint k = 0; k < item->n_keypoints; k++) {
            const OnyxKeypoint *point = &block->keypoints[item->first_keypoint + k];
            add_point(points, (const gfloat[]){ point->x, point->y, point->score }, 3);
        }
        json_object_set_array_member(object, "keypoints", points);
    }
    if (item->rotated) {
        points = json_array_sized_new(4);
        for (int i = 0; i < 4; i++)
            add_point(points, item->corners[i], 2);
        json_object_set_array_member(object, "corners", points);
    }
}

static void add_mask(JsonObject *object, const OnyxDetections *block, const OnyxDetection *item,
                     const GstOnyxReportHead *head)
{
    gchar *counts = head->masks ? gst_onyx_coco_counts(block, item, head->width, head->height) : NULL;

    if (!counts)
        return;
    JsonObject *segmentation = json_object_new();
    JsonArray *size = json_array_sized_new(2);
    json_array_add_int_element(size, head->height);
    json_array_add_int_element(size, head->width);
    json_object_set_array_member(segmentation, "size", size);
    json_object_set_string_member(segmentation, "counts", counts);
    json_object_set_object_member(object, "segmentation", segmentation);
    g_free(counts);
}

static JsonObject *object_of(const OnyxDetections *block, const OnyxDetection *item, const GstOnyxReportHead *head,
                             guint region_id)
{
    JsonObject *object = json_object_new();
    const gchar *label = g_quark_to_string(item->label);

    set_pixels(object, "x", item->x0);
    set_pixels(object, "y", item->y0);
    set_pixels(object, "w", item->x1 - item->x0);
    set_pixels(object, "h", item->y1 - item->y0);
    json_object_set_int_member(object, "region_id", region_id);
    if (item->track_id)
        json_object_set_int_member(object, "id", (gint64)item->track_id);
    if (label)
        json_object_set_string_member(object, "roi_type", label);
    json_object_set_object_member(object, "detection", detection(item, head));
    add_skeleton(object, block, item);
    add_mask(object, block, item, head);
    return object;
}

static JsonArray *objects_of(GstBuffer *buffer, const GstOnyxReportHead *head)
{
    JsonArray *objects = json_array_new();
    OnyxDetectionMeta *meta;
    gpointer state = NULL;
    guint region_id = 0;

    while ((meta = onyx_detection_meta_iterate(buffer, &state)) != NULL)
        for (guint i = 0; i < meta->detections->count; i++)
            json_array_add_object_element(objects,
                                          object_of(meta->detections, &meta->detections->items[i], head, region_id++));
    return objects;
}

static JsonObject *rectangle(gfloat x0, gfloat y0, gfloat x1, gfloat y1)
{
    JsonObject *object = json_object_new();

    set_number(object, "x", MIN(x0, x1));
    set_number(object, "y", MIN(y0, y1));
    set_number(object, "w", fabsf(x1 - x0));
    set_number(object, "h", fabsf(y1 - y0));
    return object;
}

/* What is really there, in pixels as numbers: no part of DL Streamer's schema. */
static JsonArray *truth_of(const OnyxDetections *block)
{
    JsonArray *truth = json_array_new();

    for (guint i = 0; i < block->count; i++) {
        const OnyxDetection *item = &block->items[i];
        JsonObject *object = rectangle(item->x0, item->y0, item->x1, item->y1);
        json_object_set_int_member(object, "id", (gint64)item->track_id);
        json_object_set_string_member(object, "label", g_quark_to_string(item->label));
        set_number(object, "visibility", item->score);
        if (item->n_keypoints == ONYX_TRUTH_KEYPOINTS) {
            const OnyxKeypoint *points = &block->keypoints[item->first_keypoint];
            JsonArray *ground = json_array_new();
            json_object_set_object_member(object, "seen",
                                          rectangle(points[ONYX_TRUTH_SEEN_MIN].x, points[ONYX_TRUTH_SEEN_MIN].y,
                                                    points[ONYX_TRUTH_SEEN_MAX].x, points[ONYX_TRUTH_SEEN_MAX].y));
            json_array_add_double_element(ground, points[ONYX_TRUTH_GROUND].x);
            json_array_add_double_element(ground, points[ONYX_TRUTH_GROUND].y);
            json_object_set_array_member(object, "ground", ground);
        }
        json_array_add_object_element(truth, object);
    }
    return truth;
}

JsonNode *gst_onyx_report_new(const GstOnyxReportHead *head, GstBuffer *buffer)
{
    JsonObject *root = json_object_new(), *resolution = json_object_new();
    JsonNode *node = json_node_alloc();

    json_object_set_int_member(resolution, "width", head->width);
    json_object_set_int_member(resolution, "height", head->height);
    json_object_set_object_member(root, "resolution", resolution);
    if (head->source)
        json_object_set_string_member(root, "source", head->source);
    if (GST_CLOCK_TIME_IS_VALID(head->timestamp))
        json_object_set_int_member(root, "timestamp", (gint64)head->timestamp);
    if (head->wall_clock)
        json_object_set_string_member(root, "system_timestamp", head->wall_clock);
    if (head->tags)
        json_object_set_member(root, "tags", json_node_copy(head->tags));
    json_object_set_array_member(root, "objects", objects_of(buffer, head));
    OnyxTruthMeta *truth = onyx_truth_meta_get(buffer);
    if (truth)
        json_object_set_array_member(root, "truth", truth_of(truth->truth));
    json_node_init_object(node, root);
    json_object_unref(root);
    return node;
}

/* ------------------------------------------------------------------------------------------------- as structures */

static gboolean value_of(JsonNode *node, GValue *value);

static void add_field(JsonObject *object, const gchar *name, JsonNode *node, gpointer structure)
{
    GValue value = G_VALUE_INIT;
    if (value_of(node, &value))
        gst_structure_take_value(structure, name, &value);
}

static void add_element(JsonArray *array, guint index, JsonNode *node, gpointer list)
{
    GValue value = G_VALUE_INIT;
    if (value_of(node, &value))
        gst_value_array_append_and_take_value(list, &value);
}

/* False for null. */
static gboolean value_of(JsonNode *node, GValue *value)
{
    switch (json_node_get_node_type(node)) {
    case JSON_NODE_OBJECT:
        g_value_init(value, GST_TYPE_STRUCTURE);
        g_value_take_boxed(value, gst_onyx_report_structure(node, "object"));
        return TRUE;
    case JSON_NODE_ARRAY:
        g_value_init(value, GST_TYPE_ARRAY);
        json_array_foreach_element(json_node_get_array(node), add_element, value);
        return TRUE;
    case JSON_NODE_VALUE:
        json_node_get_value(node, value);
        return TRUE;
    default:
        return FALSE;
    }
}

GstStructure *gst_onyx_report_structure(JsonNode *report, const gchar *name)
{
    GstStructure *structure = gst_structure_new_empty(name);
    json_object_foreach_member(json_node_get_object(report), add_field, structure);
    return structure;
}
