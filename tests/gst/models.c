/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Real models on a real picture, element by element: names, boxes and masks where they belong. Skipped without the
 * shared folder. */
#include "meta/onyxgst.h"
#include "support.h"

typedef struct {
    OnyxDetections *found;
    gint width, height;
} Result;

static void keep(GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer user)
{
    Result *result = user;
    OnyxDetectionMeta *meta = onyx_detection_meta_get(buffer);
    GstCaps *caps = gst_pad_get_current_caps(pad);
    const GstStructure *structure = gst_caps_get_structure(caps, 0);

    gst_structure_get_int(structure, "width", &result->width);
    gst_structure_get_int(structure, "height", &result->height);
    gst_caps_unref(caps);
    if (meta && !result->found)
        result->found = onyx_detections_ref(meta->detections);
}

/* What `model` finds in the picture, read as `format`; NULL: skipped. */
static OnyxDetections *detect(const gchar *model, const gchar *picture, const gchar *format, const gchar *properties)
{
    const gchar *shared = support_shared();
    Result result = { 0 };

    if (!shared) {
        g_print("SKIPPED: the folder of shared models is not here (ONYX_SHARED)\n");
        return NULL;
    }
    gchar *line = g_strdup_printf("filesrc location=%s/images/%s ! pngdec ! videoconvert ! video/x-raw,format=%s ! "
                                  "onnxinfer model=%s/models/%s/model.onnx ! onnxdecode-yolo %s ! onnxoverlay ! "
                                  "fakesink name=s signal-handoffs=true",
                                  shared, picture, format, shared, model, properties);
    GstElement *pipeline = gst_parse_launch(line, NULL), *sink = gst_bin_get_by_name(GST_BIN(pipeline), "s");
    GstBus *bus = gst_element_get_bus(pipeline);

    g_signal_connect(sink, "handoff", G_CALLBACK(keep), &result);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstMessage *message = support_wait(bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    fail_unless(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS, "%s", line);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(sink);
    gst_object_unref(pipeline);
    fail_unless(result.found != NULL);
    for (guint i = 0; i < result.found->count; i++) {
        const OnyxDetection *d = &result.found->items[i];
        fail_unless(d->x0 >= 0 && d->y0 >= 0 && d->x1 <= (gfloat)result.width && d->y1 <= (gfloat)result.height);
        fail_unless(d->x0 < d->x1 && d->y0 < d->y1);
    }
    g_free(line);
    return result.found;
}

static const OnyxDetection *first_of(const OnyxDetections *found, const gchar *label)
{
    for (guint i = 0; i < found->count; i++)
        if (g_strcmp0(g_quark_to_string(found->items[i].label), label) == 0)
            return &found->items[i];
    return NULL;
}

GST_START_TEST(masks)
{
    OnyxDetections *found = detect("yolov8n-seg_320", "bus.png", "NV12", "confidence-threshold=0.5");
    if (!found)
        return;
    const OnyxDetection *bus = first_of(found, "bus");
    fail_unless(first_of(found, "person") != NULL && bus != NULL && bus->mask > 0);
    const OnyxMask *mask = &found->masks[bus->mask - 1];
    /* The grid covers the box, and the middle of the bus is bus. */
    fail_unless(mask->x0 <= bus->x0 + 1 && mask->x1 >= bus->x1 - 1 && mask->y0 <= bus->y0 + 1 &&
                mask->y1 >= bus->y1 - 1);
    fail_unless(found->mask_data[mask->offset + (mask->height / 2) * mask->width + mask->width * 2 / 3] >= 128);
    onyx_detections_unref(found);
    found = detect("yolov8n-seg_320", "bus.png", "RGB", "masks=false classes=bus");
    fail_unless(found->count >= 1 && found->n_masks == 0 && first_of(found, "person") == NULL);
    onyx_detections_unref(found);
}
GST_END_TEST

/* The same bus, whatever the family. */
GST_START_TEST(families)
{
    static const gchar *const models[] = { "yolov5n_640", "yolov8n_640",    "yolo11n_640",
                                           "yolo26n_640", "yolox_nano_416", "yolov10n_640_fp16" };
    for (guint i = 0; i < G_N_ELEMENTS(models); i++) {
        OnyxDetections *found = detect(models[i], "bus.png", "I420", "");
        if (!found)
            return;
        gboolean there = FALSE;
        for (guint k = 0; k < found->count; k++) {
            const OnyxDetection *d = &found->items[k];
            there |= d->label_id == 5 && d->score > 0.5f && ABS(d->x0 - 20) < 30 && ABS(d->y0 - 232) < 30 &&
                     ABS(d->y1 - 745) < 40;
        }
        fail_unless(there, "%s sees no bus where it is", models[i]);
        onyx_detections_unref(found);
    }
}
GST_END_TEST

static Suite *onyx_models_suite(void)
{
    Suite *suite = suite_create("onyx-models");
    TCase *tests = tcase_create("real models");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 200);
    tcase_add_test(tests, masks);
    tcase_add_test(tests, families);
    return suite;
}

GST_CHECK_MAIN(onyx_models)
