/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxdecode-yolo: tensors that are made up, fed through the meta: good, wrong, not finite, none. */
#include <math.h>

#include "meta/onyxgst.h"
#include "support.h"

#define ROWS 21
#define COLUMNS 6

static const onyx_geometry half_size = { .scale_x = 0.5f,
                                         .scale_y = 0.5f,
                                         .picture_width = 64,
                                         .picture_height = 64,
                                         .input_width = 32,
                                         .input_height = 32,
                                         .content_width = 32,
                                         .content_height = 32 };

/* An empty YOLOv8 table of two classes for a 32 x 32 input. */
typedef struct {
    gfloat value[COLUMNS][ROWS];
} Table;

static void set_row(Table *table, guint row, gfloat x, gfloat y, gfloat w, gfloat h, gfloat a, gfloat b)
{
    const gfloat values[COLUMNS] = { x, y, w, h, a, b };
    for (guint c = 0; c < COLUMNS; c++)
        table->value[c][row] = values[c];
}

static GstHarness *make(void)
{
    GstHarness *harness = gst_harness_new("onnxdecode-yolo");
    support_watch(harness);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=64,framerate=30/1");
    return harness;
}

/* A frame of 64 x 64 with this table: the network saw it at half size. */
static GstFlowReturn push_table(GstHarness *harness, Table *table, OnyxNetwork *network)
{
    onyx_tensor tensor = { .type = ONYX_TYPE_FLOAT32,
                           .rank = 3,
                           .dims = { 1, COLUMNS, ROWS },
                           .data = table->value,
                           .size_bytes = sizeof table->value };
    GstBuffer *buffer = support_frame("RGB", 64, 64, 0, 0);

    onyx_tensor_meta_add_tensors(buffer, network, &tensor, 1, &half_size, NULL, NULL);
    return gst_harness_push(harness, buffer);
}

static const OnyxDetections *found_in(GstBuffer *buffer)
{
    OnyxDetectionMeta *meta = onyx_detection_meta_get(buffer);
    fail_unless(meta != NULL);
    return meta->detections;
}

static GstBuffer *decode(GstHarness *harness, Table *table)
{
    fail_unless_equals_int(push_table(harness, table, NULL), GST_FLOW_OK);
    return gst_harness_pull(harness);
}

static guint count(GstHarness *harness, Table *table)
{
    GstBuffer *out = decode(harness, table);
    guint n = found_in(out)->count;
    gst_buffer_unref(out);
    return n;
}

GST_START_TEST(boxes)
{
    GstHarness *harness = make();
    Table table = { 0 };
    set_row(&table, 3, 8, 8, 8, 4, 0.8f, 0.1f);
    set_row(&table, 9, 30, 30, 10, 10, 0.1f, 0.6f); /* hangs over the edge */
    GstBuffer *out = decode(harness, &table);
    const OnyxDetections *found = found_in(out);
    fail_unless_equals_int(found->count, 2);
    fail_unless_equals_float(found->items[0].x0, 8);
    fail_unless_equals_float(found->items[0].y0, 12);
    fail_unless_equals_float(found->items[0].x1, 24);
    fail_unless_equals_float(found->items[0].y1, 20);
    fail_unless_equals_int(found->items[0].label_id, 0);
    fail_unless_equals_int(found->items[1].label_id, 1);
    fail_unless_equals_float(found->items[1].x1, 64);
    fail_unless(onyx_tensor_meta_get(out) == NULL);
    fail_unless_equals_int(gst_buffer_get_n_meta(out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), 2);
    gst_buffer_unref(out);
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(properties)
{
    GstHarness *harness = make();
    Table table = { 0 };
    set_row(&table, 0, 8, 8, 8, 8, 0.9f, 0);
    set_row(&table, 1, 9, 8, 8, 8, 0.8f, 0); /* IoU 0.78 with row 0 */
    set_row(&table, 2, 9, 8, 8, 8, 0, 0.7f); /* the same place, the other class */
    set_row(&table, 3, 24, 24, 8, 8, 0.3f, 0);
    set_row(&table, 4, 24, 8, 8, 8, 0, 0.2f);
    fail_unless_equals_int(count(harness, &table), 3);
    g_object_set(harness->element, "confidence-threshold", 0.1f, NULL);
    fail_unless_equals_int(count(harness, &table), 4);
    g_object_set(harness->element, "iou-threshold", 0.9f, NULL);
    fail_unless_equals_int(count(harness, &table), 5);
    g_object_set(harness->element, "iou-threshold", 0.45f, "class-agnostic", TRUE, NULL);
    fail_unless_equals_int(count(harness, &table), 3);
    g_object_set(harness->element, "class-agnostic", FALSE, "max-detections", 1, NULL);
    fail_unless_equals_int(count(harness, &table), 1);
    g_object_set(harness->element, "max-detections", 300, "classes", "1", NULL);
    fail_unless_equals_int(count(harness, &table), 2);
    g_object_set(harness->element, "labels", "left, ünï人", "classes", "ünï人", NULL);
    GstBuffer *out = decode(harness, &table);
    fail_unless_equals_int(found_in(out)->count, 2);
    fail_unless_equals_string(g_quark_to_string(found_in(out)->items[0].label), "ünï人");
    gst_buffer_unref(out);
    g_object_set(harness->element, "classes", "left,right", NULL); /* half of it is unknown */
    fail_unless_equals_int(count(harness, &table), 2);
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(strstr(text, "no class 'right'") && strstr(text, "left, ünï人"), "%s", text);
    g_free(text);
    g_object_set(harness->element, "classes", "nobody", NULL);
    fail_unless_equals_int(count(harness, &table), 0);
    g_object_set(harness->element, "classes", NULL, "keep-tensors", TRUE, "roi-meta", FALSE, NULL);
    out = decode(harness, &table);
    fail_unless(onyx_tensor_meta_get(out) != NULL && found_in(out)->count == 4);
    fail_unless_equals_int(gst_buffer_get_n_meta(out, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), 0);
    gst_buffer_unref(out);
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(not_finite)
{
    GstHarness *harness = make();
    Table table = { 0 };
    for (guint row = 0; row < ROWS; row++)
        set_row(&table, row, NAN, -INFINITY, INFINITY, NAN, INFINITY, NAN);
    set_row(&table, 5, 8, 8, 8, 8, 0.9f, 0);
    set_row(&table, 6, 1e30f, 8, 1e38f, 8, 0.8f, 0);
    GstBuffer *out = decode(harness, &table);
    const OnyxDetections *found = found_in(out);
    fail_unless(found->count >= 1);
    for (guint i = 0; i < found->count; i++) {
        const OnyxDetection *d = &found->items[i];
        fail_unless(d->x0 >= 0 && d->y0 >= 0 && d->x1 <= 64 && d->y1 <= 64 && d->score <= 1);
    }
    gst_buffer_unref(out);
    support_teardown(harness);
}
GST_END_TEST

/* The same from a real model. */
GST_START_TEST(not_finite_model)
{
    gchar *model = support_model(TINY_NOT_FINITE);
    gchar *line =
        g_strdup_printf("onnxinfer model=%s ! onnxdecode-yolo ! onnxoverlay ! onnxpublish location=\"\"", model);
    GstHarness *harness = gst_harness_new_parse(line);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=64,framerate=30/1");
    gst_harness_push(harness, support_frame("RGB", 64, 64, 15, 0));
    GstBuffer *out = gst_harness_pull(harness);
    fail_unless_equals_int(found_in(out)->count, 2); /* rows 0 and 1 are spoiled */
    gst_buffer_unref(out);
    support_teardown(harness);
    g_free(line);
    g_free(model);
}
GST_END_TEST

/* Tensors of wrong shapes: an error that says what was seen and what is understood, if it is the first; a warning if
 * the stream was good before. */
GST_START_TEST(wrong_shapes)
{
    static gfloat data[4096];
    static const struct {
        gint rank;
        gint64 dims[4];
        onyx_type type;
    } wrong[] = {
        { 2, { 1, 10 }, ONYX_TYPE_FLOAT32 },
        { 0, { 0 }, ONYX_TYPE_FLOAT32 },
        { 3, { 1, 3, 7 }, ONYX_TYPE_FLOAT32 },
        { 4, { 1, 1, 1, 1 }, ONYX_TYPE_FLOAT32 },
        { 3, { 1, COLUMNS, ROWS }, ONYX_TYPE_COMPLEX64 },
        { 3, { 1, 0, 21 }, ONYX_TYPE_FLOAT32 },
    };

    for (guint i = 0; i < G_N_ELEMENTS(wrong); i++)
        for (int good_before = 0; good_before < 2; good_before++) {
            GstHarness *harness = make();
            Table table = { 0 };
            if (good_before)
                fail_unless_equals_int(count(harness, &table), 0);
            onyx_tensor tensor = { .type = wrong[i].type, .rank = wrong[i].rank, .data = data };
            gsize elements = 1;
            for (gint d = 0; d < wrong[i].rank; d++) {
                tensor.dims[d] = wrong[i].dims[d];
                elements *= (gsize)wrong[i].dims[d];
            }
            tensor.size_bytes = elements * onyx_type_bits(wrong[i].type) / 8;
            GstBuffer *buffer = support_frame("RGB", 64, 64, 0, 0);
            onyx_tensor_meta_add_tensors(buffer, NULL, &tensor, 1, &half_size, NULL, NULL);
            GstFlowReturn flow = gst_harness_push(harness, buffer);
            fail_unless(flow == (good_before ? GST_FLOW_OK : GST_FLOW_ERROR), "case %u: %s", i,
                        gst_flow_get_name(flow));
            gchar *text = support_text(harness, good_before ? GST_MESSAGE_WARNING : GST_MESSAGE_ERROR);
            fail_unless(strstr(text, "cannot be decoded") != NULL, "case %u: '%s'", i, text);
            fail_unless(strstr(text, "understood are") != NULL, "case %u: '%s'", i, text);
            g_free(text);
            support_teardown(harness);
        }
}
GST_END_TEST

GST_START_TEST(no_tensors)
{
    GstHarness *harness = make();
    fail_unless_equals_int(gst_harness_push(harness, support_frame("RGB", 64, 64, 0, 0)), GST_FLOW_ERROR);
    gchar *text = support_text(harness, GST_MESSAGE_ERROR);
    fail_unless(strstr(text, "Put onnxinfer in front") != NULL, "%s", text);
    g_free(text);
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(a_model_that_detects_nothing)
{
    gchar *model = support_model(TINY_CLASSIFIER);
    gchar *line = g_strdup_printf("onnxinfer model=%s ! onnxdecode-yolo", model);
    GstHarness *harness = gst_harness_new_parse(line);
    support_watch(harness);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=64,height=64,framerate=30/1");
    fail_unless_equals_int(gst_harness_push(harness, support_frame("RGB", 64, 64, 15, 0)), GST_FLOW_ERROR);
    gchar *text = support_text(harness, GST_MESSAGE_ERROR);
    fail_unless(strstr(text, "cls.onnx") && strstr(text, "[1,10]"), "%s", text);
    g_free(text);
    support_teardown(harness);
    g_free(line);
    g_free(model);
}
GST_END_TEST

/* Steady state: the blocks are taken from the pool, not made. */
GST_START_TEST(blocks_are_reused)
{
    GstHarness *harness = make();
    Table table = { 0 };
    GHashTable *seen = g_hash_table_new(NULL, NULL);
    set_row(&table, 0, 8, 8, 8, 8, 0.9f, 0);
    for (int i = 0; i < 50; i++) {
        GstBuffer *out = decode(harness, &table);
        g_hash_table_add(seen, (gpointer)found_in(out)->items);
        gst_buffer_unref(out);
    }
    fail_unless(g_hash_table_size(seen) <= 2, "%u different arrays", g_hash_table_size(seen));
    g_hash_table_destroy(seen);
    support_teardown(harness);
}
GST_END_TEST

static Suite *onyx_decode_suite(void)
{
    Suite *suite = suite_create("onnxdecode-yolo");
    TCase *tests = tcase_create("onnxdecode-yolo");

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, boxes);
    tcase_add_test(tests, properties);
    tcase_add_test(tests, not_finite);
    tcase_add_test(tests, not_finite_model);
    tcase_add_test(tests, wrong_shapes);
    tcase_add_test(tests, no_tensors);
    tcase_add_test(tests, a_model_that_detects_nothing);
    tcase_add_test(tests, blocks_are_reused);
    return suite;
}

GST_CHECK_MAIN(onyx_decode)
