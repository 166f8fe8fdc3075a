/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The metadata library: blocks and their pool, transforms, the two metas through real scalers and croppers, and the
 * mirrors for other people's elements. */
#if ONYX_HAVE_ANALYTICS
#define GST_USE_UNSTABLE_API
#include <gst/analytics/analytics.h>
#endif
#include "meta/onyxgst.h"
#include "support.h"

#define NEAR(a, b) (ABS((a) - (b)) < 0.01f)

/* Two detections on a 100 x 100 frame: a box with a mask and points, a rotated one. */
static OnyxDetections *sample(OnyxDetectionPool *pool)
{
    OnyxDetections *block = onyx_detections_new(pool);
    OnyxDetection *item = onyx_detections_append(block);

    *item = (OnyxDetection){ .x0 = 10,
                             .y0 = 20,
                             .x1 = 50,
                             .y1 = 60,
                             .score = 0.9f,
                             .label_id = 3,
                             .label = g_quark_from_static_string("cat"),
                             .track_id = 7 };
    item->first_keypoint = onyx_detections_append_keypoints(block, 2);
    item->n_keypoints = 2;
    block->keypoints[0] = (OnyxKeypoint){ 20, 30, 1 };
    block->keypoints[1] = (OnyxKeypoint){ 40, 50, 0.5f };
    guint mask = onyx_detections_append_mask(block, 4, 2);
    block->items[0].mask = mask;
    block->masks[mask - 1].x0 = 10;
    block->masks[mask - 1].y0 = 20;
    block->masks[mask - 1].x1 = 50;
    block->masks[mask - 1].y1 = 60;
    memset(block->mask_data + block->masks[mask - 1].offset, 200, 8);
    item = onyx_detections_append(block);
    *item = (OnyxDetection){ .x0 = 60,
                             .y0 = 60,
                             .x1 = 100,
                             .y1 = 100,
                             .score = 0.5f,
                             .label_id = 1,
                             .rotated = TRUE,
                             .corners = { { 80, 60 }, { 100, 80 }, { 80, 100 }, { 60, 80 } } };
    return block;
}

GST_START_TEST(blocks)
{
    OnyxDetectionPool *pool = onyx_detection_pool_new();
    OnyxDetections *block = sample(pool);
    OnyxDetection *items = block->items;

    OnyxDetections *copy = onyx_detections_copy(block);
    fail_unless_equals_int(copy->count, 2);
    fail_unless(copy->items != block->items && copy->mask_data != block->mask_data);
    fail_unless_equals_int(copy->items[0].n_keypoints, 2);
    fail_unless(NEAR(copy->keypoints[copy->items[0].first_keypoint + 1].y, 50));
    fail_unless_equals_int(copy->mask_data[copy->masks[copy->items[0].mask - 1].offset + 7], 200);
    onyx_detections_unref(copy);
    onyx_detections_unref(block);
    /* The pool gives the same memory again, emptied. */
    copy = onyx_detections_new(pool);
    block = onyx_detections_new(pool);
    fail_unless(block->items == items || copy->items == items);
    fail_unless(block->count == 0 && block->n_masks == 0 && block->n_keypoints == 0 && block->mask_bytes == 0);
    fail_unless_equals_int(onyx_detections_append_mask(block, 0, 5), 0);
    fail_unless_equals_int(onyx_detections_append_mask(block, G_MAXUINT, G_MAXUINT), 0);
    onyx_detections_unref(copy);
    /* A block outlives its pool's owner. */
    onyx_detection_pool_unref(pool);
    onyx_detections_append(block)->score = 1;
    onyx_detections_unref(block);
}
GST_END_TEST

GST_START_TEST(transforms)
{
    OnyxDetections *block = sample(NULL);
    const OnyxTransform scale = { { { 2, 0, 0 }, { 0, 0.5f, 0 }, { 0, 0, 1 } }, 200, 50 };
    const OnyxTransform crop = { { { 1, 0, -30 }, { 0, 1, -30 }, { 0, 0, 1 } }, 20, 20 };
    const OnyxTransform turn = { { { 0, -1, 100 }, { 1, 0, 0 }, { 0, 0, 1 } }, 100, 100 }; /* clockwise */

    OnyxDetections *moved = onyx_detections_transform(block, &scale);
    fail_unless_equals_int(moved->count, 2);
    fail_unless(NEAR(moved->items[0].x0, 20) && NEAR(moved->items[0].y0, 10) && NEAR(moved->items[0].x1, 100) &&
                NEAR(moved->items[0].y1, 30));
    fail_unless(NEAR(moved->keypoints[1].x, 80) && NEAR(moved->keypoints[1].y, 25));
    fail_unless(NEAR(moved->masks[0].x1, 100) && NEAR(moved->masks[0].y1, 30));
    fail_unless(NEAR(moved->items[1].corners[1][0], 200) && NEAR(moved->items[1].corners[1][1], 40));
    fail_unless(moved->items[0].track_id == 7 && NEAR(moved->items[0].score, 0.9f));
    onyx_detections_unref(moved);

    moved = onyx_detections_transform(block, &crop);
    fail_unless_equals_int(moved->count, 1); /* the other one is outside */
    fail_unless(NEAR(moved->items[0].x0, 0) && NEAR(moved->items[0].x1, 20) && NEAR(moved->items[0].y0, 0) &&
                NEAR(moved->items[0].y1, 20));
    fail_unless(NEAR(moved->masks[0].x0, -20) && NEAR(moved->masks[0].x1, 20)); /* the grid keeps its place */
    fail_unless(NEAR(moved->keypoints[0].x, -10));
    onyx_detections_unref(moved);

    moved = onyx_detections_transform(block, &turn);
    fail_unless_equals_int(moved->count, 2);
    fail_unless(NEAR(moved->items[0].x0, 40) && NEAR(moved->items[0].x1, 80) && NEAR(moved->items[0].y0, 10) &&
                NEAR(moved->items[0].y1, 50));
    fail_unless_equals_int(moved->items[0].mask, 0);
    onyx_detections_unref(moved);
    onyx_detections_unref(block);
}
GST_END_TEST

GST_START_TEST(writable)
{
    GstBuffer *buffer = gst_buffer_new();
    OnyxDetections *block = sample(NULL);
    onyx_detection_meta_add(buffer, block);
    onyx_detections_unref(block);
    GstBuffer *copy = gst_buffer_copy(buffer);
    OnyxDetectionMeta *first = onyx_detection_meta_get(buffer), *second = onyx_detection_meta_get(copy);
    fail_unless(first->detections == second->detections);
    onyx_detection_meta_make_writable(second)->items[0].track_id = 99;
    fail_unless(first->detections != second->detections && first->detections->items[0].track_id == 7);
    fail_unless(onyx_detection_meta_make_writable(first) == first->detections);
    gst_buffer_unref(copy);
    gst_buffer_unref(buffer);
}
GST_END_TEST

static void note_free(gpointer count)
{
    ++*(gint *)count;
}

GST_START_TEST(tensors_of_others)
{
    gfloat data[4] = { 1, 2, 3, 4 };
    onyx_tensor tensor = { .type = ONYX_TYPE_FLOAT32, .rank = 1, .dims = { 4 }, .data = data, .size_bytes = 16 }, got;
    onyx_geometry geometry = { .scale_x = 0.5f,
                               .scale_y = 0.5f,
                               .offset_y = 4,
                               .picture_width = 64,
                               .picture_height = 48,
                               .input_width = 32,
                               .input_height = 32 };
    gint freed = 0;
    GstBuffer *buffer = gst_buffer_new();

    onyx_tensor_meta_add_tensors(buffer, NULL, &tensor, 1, &geometry, &freed, note_free);
    GstBuffer *copy = gst_buffer_copy(buffer);
    gst_buffer_unref(buffer);
    fail_unless_equals_int(freed, 0);
    fail_unless(onyx_tensor_meta_get_tensor(onyx_tensor_meta_get(copy), 0, &got) && got.data == data);
    gst_buffer_unref(copy);
    fail_unless_equals_int(freed, 1);
}
GST_END_TEST

/* The buffer with the sample and a tensor meta, through `element` (a scaler or the like) from 100 x 100 to `caps`. */
static GstBuffer *through(const gchar *line, gint width, gint height)
{
    onyx_tensor tensor = { .type = ONYX_TYPE_FLOAT32 };
    onyx_geometry geometry = { .scale_x = 0.32f,
                               .scale_y = 0.32f,
                               .picture_width = 100,
                               .picture_height = 100,
                               .input_width = 32,
                               .input_height = 32 };
    GstHarness *harness = gst_harness_new_parse(line);
    gchar *in = support_caps("I420", 100, 100), *out = support_caps("I420", width, height);
    OnyxDetections *block = sample(NULL);
    GstBuffer *buffer = support_frame("I420", 100, 100, 0, 0);

    gst_harness_set_caps_str(harness, in, out);
    onyx_detection_meta_add(buffer, block);
    onyx_tensor_meta_add_tensors(buffer, NULL, &tensor, 1, &geometry, NULL, NULL);
    onyx_detections_unref(block);
    fail_unless_equals_int(gst_harness_push(harness, buffer), GST_FLOW_OK);
    buffer = gst_harness_pull(harness);
    support_teardown(harness);
    g_free(in);
    g_free(out);
    return buffer;
}

GST_START_TEST(videoscale)
{
    GstBuffer *buffer = through("videoscale add-borders=false", 200, 50);
    OnyxDetectionMeta *meta = onyx_detection_meta_get(buffer);
    fail_unless(meta != NULL && meta->detections->count == 2);
    const OnyxDetection *item = &meta->detections->items[0];
    fail_unless(NEAR(item->x0, 20) && NEAR(item->y0, 10) && NEAR(item->x1, 100) && NEAR(item->y1, 30));
    fail_unless_equals_string(g_quark_to_string(item->label), "cat");
    fail_unless(NEAR(item->score, 0.9f) && item->n_keypoints == 2 && item->mask == 1);
    OnyxTensorMeta *tensors = onyx_tensor_meta_get(buffer);
    fail_unless(tensors != NULL && NEAR(tensors->geometry.scale_x, 0.16f) && NEAR(tensors->geometry.scale_y, 0.64f));
    fail_unless_equals_int(tensors->geometry.picture_width, 200);
    gst_buffer_unref(buffer);
}
GST_END_TEST

/* Boxes may be right or gone behind a cropper or a flipper, but never wrong. */
GST_START_TEST(croppers)
{
    if (!gst_registry_check_feature_version(gst_registry_get(), "videocrop", 1, 0, 0)) {
        g_print("SKIPPED: videocrop is not installed\n");
        return;
    }
    GstBuffer *buffer = through("videocrop left=30 top=30 right=10 bottom=10", 60, 60);
    OnyxDetectionMeta *meta = onyx_detection_meta_get(buffer);
    fail_unless(!meta || (NEAR(meta->detections->items[0].x0, 0) && NEAR(meta->detections->items[0].x1, 20)));
    gst_buffer_unref(buffer);
    buffer = through("videoflip video-direction=horiz", 100, 100);
    meta = onyx_detection_meta_get(buffer);
    fail_unless(!meta || (NEAR(meta->detections->items[0].x0, 50) && NEAR(meta->detections->items[0].x1, 90)));
    gst_buffer_unref(buffer);
}
GST_END_TEST

GST_START_TEST(regions_of_interest)
{
    GstBuffer *buffer = gst_buffer_new();
    OnyxDetections *block = sample(NULL);
    gdouble number;
    gint id;

    onyx_detections_add_roi_metas(block, buffer, 100, 200);
    fail_unless_equals_int(gst_buffer_get_n_meta(buffer, GST_VIDEO_REGION_OF_INTEREST_META_API_TYPE), 2);
    GstVideoRegionOfInterestMeta *roi = gst_buffer_get_video_region_of_interest_meta_id(buffer, 0);
    fail_unless(roi->x == 10 && roi->y == 20 && roi->w == 40 && roi->h == 40);
    fail_unless_equals_string(g_quark_to_string(roi->roi_type), "cat");
    GstStructure *detection = gst_video_region_of_interest_meta_get_param(roi, "detection");
    fail_unless(detection != NULL);
    fail_unless(gst_structure_get_double(detection, "confidence", &number) && NEAR(number, 0.9));
    fail_unless(gst_structure_get_double(detection, "x_max", &number) && NEAR(number, 0.5));
    fail_unless(gst_structure_get_double(detection, "y_max", &number) && NEAR(number, 0.3));
    fail_unless(gst_structure_get_int(detection, "label_id", &id) && id == 3);
    fail_unless_equals_string(gst_structure_get_string(detection, "label"), "cat");
    GstStructure *object = gst_video_region_of_interest_meta_get_param(roi, "object_id");
    fail_unless(object && gst_structure_get_int(object, "id", &id) && id == 7);
    onyx_detections_add_analytics_meta(block, buffer); /* where it is not supported: nothing */
    onyx_detections_unref(block);
    gst_buffer_unref(buffer);
}
GST_END_TEST

/* Entries join a relation meta that is there already, and survive a copy of the buffer. */
GST_START_TEST(analytics)
{
#if ONYX_HAVE_ANALYTICS
    GstBuffer *buffer = gst_buffer_new();
    OnyxDetections *block = sample(NULL);
    GstAnalyticsODMtd object;
    GstAnalyticsTrackingMtd tracking;
    gpointer state = NULL;
    gint x, y, w, h;
    gfloat confidence;

    fail_unless(onyx_analytics_is_supported());
    onyx_detections_add_analytics_meta(block, buffer);
    onyx_detections_add_analytics_meta(block, buffer);
    GstBuffer *copy = gst_buffer_copy(buffer);
    fail_unless_equals_int(gst_buffer_get_n_meta(copy, GST_ANALYTICS_RELATION_META_API_TYPE), 1);
    GstAnalyticsRelationMeta *meta = gst_buffer_get_analytics_relation_meta(copy);
    fail_unless_equals_int(gst_analytics_relation_get_length(meta), 6); /* two objects and a track, twice */
    fail_unless(gst_analytics_relation_meta_iterate(meta, &state, gst_analytics_od_mtd_get_mtd_type(), &object));
    fail_unless(gst_analytics_od_mtd_get_location(&object, &x, &y, &w, &h, &confidence));
    fail_unless(x == 10 && y == 20 && w == 40 && h == 40 && NEAR(confidence, 0.9f));
    fail_unless_equals_string(g_quark_to_string(gst_analytics_od_mtd_get_obj_type(&object)), "cat");
    state = NULL;
    fail_unless(gst_analytics_relation_meta_get_direct_related(meta, object.id, GST_ANALYTICS_REL_TYPE_RELATE_TO,
                                                               gst_analytics_tracking_mtd_get_mtd_type(), &state,
                                                               &tracking));
    gst_buffer_unref(copy);
    gst_buffer_unref(buffer);
    onyx_detections_unref(block);
#else
    g_print("SKIPPED: GstAnalyticsRelationMeta needs GStreamer 1.24\n");
    fail_unless(!onyx_analytics_is_supported());
#endif
}
GST_END_TEST

GST_START_TEST(network)
{
    const gchar *outputs[] = { "a", "b" }, *labels[] = { "one", NULL, "\xff\xfe" };
    gint freed = 0;
    OnyxNetwork *network = onyx_network_new("n.onnx", NULL, outputs, 2, labels, 3, &freed, note_free);

    onyx_network_unref(onyx_network_ref(network));
    fail_unless_equals_string(onyx_network_get_output_names(network)[1], "b");
    fail_unless_equals_string(onyx_network_get_description(network), "");
    fail_unless(onyx_network_get_label(network, 1) == 0);
    fail_unless(g_utf8_validate(g_quark_to_string(onyx_network_get_label(network, 2)), -1, NULL));
    onyx_network_unref(network);
    fail_unless_equals_int(freed, 1);
}
GST_END_TEST

static Suite *onyx_meta_suite(void)
{
    Suite *suite = suite_create("onyx-meta");
    TCase *tests = tcase_create("metadata");

    suite_add_tcase(suite, tests);
    tcase_add_test(tests, blocks);
    tcase_add_test(tests, transforms);
    tcase_add_test(tests, writable);
    tcase_add_test(tests, tensors_of_others);
    tcase_add_test(tests, videoscale);
    tcase_add_test(tests, croppers);
    tcase_add_test(tests, regions_of_interest);
    tcase_add_test(tests, analytics);
    tcase_add_test(tests, network);
    return suite;
}

GST_CHECK_MAIN(onyx_meta)
