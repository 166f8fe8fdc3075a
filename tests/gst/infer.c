/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxinfer: models that change and models that fail, properties, frames that are skipped or late, sharing. Its frames:
 * frames.c. */
#include "common.h"
#include "meta/bridges.h"
#include "meta/detectionmeta.h"
#include "meta/tensormeta.h"
#include "registry.h"
#include "support.h"

/* ----------------------------------------------------------------------------------------------------- bad models */

/* Starting with such a model fails with a message that holds `part`. */
static void refuse(const gchar *model, const gchar *property, const gchar *value, const gchar *part)
{
    GstElement *element = gst_element_factory_make("onnxinfer", NULL);
    GstBus *bus = gst_bus_new();
    GError *error = NULL;

    gst_element_set_bus(element, bus);
    g_object_set(element, "model", model, NULL);
    if (property)
        g_object_set(element, property, value, NULL);
    fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
    GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
    fail_unless(message != NULL, "%s: no error message", model);
    gst_message_parse_error(message, &error, NULL);
    fail_unless(strstr(error->message, part) != NULL, "'%s' does not say '%s'", error->message, part);
    g_error_free(error);
    gst_message_unref(message);
    gst_element_set_bus(element, NULL);
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(element);
    gst_object_unref(bus);
}

GST_START_TEST(bad_models)
{
    gchar *good = support_model(TINY_DETECTOR), *two = support_model(TINY_TWO_INPUTS);
    gchar *flat = support_model(TINY_NO_PICTURE), *unknown = support_model(TINY_UNKNOWN_OPERATOR);
    gchar *text = g_build_filename(support_folder(), "text.onnx", NULL);

    g_file_set_contents(text, "this is no model at all", -1, NULL);
    refuse("/no/such/file.onnx", NULL, NULL, "/no/such/file.onnx: No such file");
    refuse(support_folder(), NULL, NULL, "not a regular file");
    refuse(text, NULL, NULL, "text.onnx");
    refuse(two, NULL, NULL, "2 inputs");
    refuse(flat, NULL, NULL, "no picture");
    refuse(unknown, NULL, NULL, "Frobnicate");
    refuse(good, "mean", "1,2", "mean='1,2' is not understood");
    refuse(good, "scale", "a", "scale='a' is not understood");
    refuse(good, "labels", "/no/labels.txt", "no labels file");
    g_free(good);
    g_free(two);
    g_free(flat);
    g_free(unknown);
    g_free(text);
}
GST_END_TEST

GST_START_TEST(another_model_while_playing)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    gchar *detector = support_model(TINY_DETECTOR), *other = g_build_filename(support_folder(), "second.onnx", NULL);

    support_set_caps(harness, "RGB", 64, 64);
    gst_buffer_unref(support_push(harness, 1, 0));
    /* It cannot be used: a warning, and the old one stays. */
    g_object_set(harness->element, "model", "/no/such/file.onnx", NULL);
    for (guint i = 1; i < 4; i++) {
        GstBuffer *out = support_push(harness, 1, i);
        fail_unless_equals_string(onyx_network_get_name(onyx_tensor_meta_get(out)->network), "detector.onnx");
        gst_buffer_unref(out);
    }
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(strstr(text, "/no/such/file.onnx") && strstr(text, "former one stays"), "%s", text);
    g_free(text);
    text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless_equals_string(text, ""); /* said once */
    g_free(text);
    /* It can: the next frame is its. */
    tiny_model_write(other, TINY_DETECTOR, "{0: 'one', 1: 'two'}");
    g_object_set(harness->element, "model-file", other, NULL);
    GstBuffer *out = support_push(harness, 1, 5);
    OnyxTensorMeta *meta = onyx_tensor_meta_get(out);
    fail_unless_equals_string(onyx_network_get_name(meta->network), "second.onnx");
    fail_unless_equals_string(g_quark_to_string(onyx_network_get_label(meta->network, 0)), "one");
    gst_buffer_unref(out);
    /* Another one under the same name. */
    tiny_model_write(other, TINY_DETECTOR, "{0: 'three', 1: 'fourth'}");
    g_object_set(harness->element, "model", other, NULL);
    out = support_push(harness, 1, 6);
    fail_unless_equals_string(g_quark_to_string(onyx_network_get_label(onyx_tensor_meta_get(out)->network, 0)),
                              "three");
    gst_buffer_unref(out);
    text = support_text(harness, GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    fail_unless_equals_string(text, "");
    support_teardown(harness);
    g_free(text);
    g_free(detector);
    g_free(other);
}
GST_END_TEST

/* What was attached outlives the element. */
GST_START_TEST(outputs_outlive_the_element)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    GstBuffer *held[5];
    support_set_caps(harness, "RGB", 64, 64);
    for (guint i = 0; i < 5; i++)
        held[i] = support_push(harness, 1u << (i % 4), i);
    support_teardown(harness);
    for (guint i = 0; i < 5; i++) {
        fail_unless(support_score(held[i], i % 4) > 0.98f);
        fail_unless(support_score(held[i], (i + 1) % 4) < 0.02f);
        gst_buffer_unref(held[i]);
    }
}
GST_END_TEST

/* ---------------------------------------------------------------------------------------------------- properties */

GST_START_TEST(preprocessing_properties)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    support_set_caps(harness, "RGB", 64, 64);
    g_object_set(harness->element, "mean", "51", "scale", "0.01", NULL);
    GstBuffer *out = support_push(harness, 1, 0);
    fail_unless(ABS(support_score(out, 0) - 2.04f) < 0.02f && ABS(support_score(out, 1) + 0.51f) < 0.02f);
    gst_buffer_unref(out);
    g_object_set(harness->element, "mean", NULL, "scale", "", NULL);
    gst_util_set_object_arg(G_OBJECT(harness->element), "channel-order", "bgr");
    out = support_push(harness, 1, 1);
    fail_unless(ABS(support_score(out, 0)) < 0.02f); /* red is where blue was */
    gst_buffer_unref(out);
    gst_util_set_object_arg(G_OBJECT(harness->element), "channel-order", "auto");
    gst_util_set_object_arg(G_OBJECT(harness->element), "scaling", "letterbox-top-left");
    support_set_caps(harness, "RGB", 64, 32);
    fail_unless_equals_int(gst_harness_push(harness, support_frame("RGB", 64, 32, 15, 2)), GST_FLOW_OK);
    out = gst_harness_pull(harness);
    fail_unless(support_score(out, 0) > 0.95f && ABS(support_score(out, 2) - 114 / 255.0f) < 0.05f);
    gst_buffer_unref(out);
    g_object_set(harness->element, "labels", "a,b,c", NULL);
    gst_buffer_unref(support_push(harness, 1, 3));
    gchar *text = support_text(harness, GST_MESSAGE_WARNING);
    fail_unless(strstr(text, "3 names") && strstr(text, "2 classes"), "%s", text);
    g_free(text);
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(interval_and_gaps)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    g_object_set(harness->element, "inference-interval", 3, NULL);
    support_set_caps(harness, "RGB", 64, 64);
    for (guint i = 0; i < 9; i++) {
        GstBuffer *out = support_push(harness, 1, i * GST_SECOND);
        fail_unless_equals_int(onyx_tensor_meta_get(out) != NULL, i % 3 == 0);
        gst_buffer_unref(out);
    }
    fail_unless_equals_uint64(support_stat(harness->element, "frames"), 9);
    fail_unless_equals_uint64(support_stat(harness->element, "inferred"), 3);
    fail_unless_equals_uint64(support_stat(harness->element, "skipped"), 6);
    GstBuffer *gap = support_frame("RGB", 64, 64, 1, 9 * GST_SECOND);
    GST_BUFFER_FLAG_SET(gap, GST_BUFFER_FLAG_GAP);
    gst_harness_push(harness, gap);
    gap = gst_harness_pull(harness);
    fail_unless(onyx_tensor_meta_get(gap) == NULL);
    gst_buffer_unref(gap);
    support_teardown(harness);
}
GST_END_TEST

/* A harness is a live source with a clock of its own. */
GST_START_TEST(late_frames)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    support_set_caps(harness, "RGB", 64, 64);
    gst_harness_play(harness);
    gst_harness_set_time(harness, 0);
    gst_buffer_unref(support_push(harness, 1, 0));
    /* Half a second behind the clock. */
    gst_harness_set_time(harness, 600 * GST_MSECOND);
    for (guint i = 0; i < 3; i++) {
        GstBuffer *out = support_push(harness, 1, (40 + i) * GST_MSECOND);
        fail_unless(onyx_tensor_meta_get(out) == NULL);
        gst_buffer_unref(out);
    }
    fail_unless_equals_uint64(support_stat(harness->element, "late"), 3);
    GstMessage *message = support_message(harness, GST_MESSAGE_QOS);
    guint64 processed, dropped;
    gboolean live;
    fail_unless(message != NULL);
    gst_message_parse_qos(message, &live, NULL, NULL, NULL, NULL);
    gst_message_parse_qos_stats(message, NULL, &processed, &dropped);
    fail_unless(live && processed == 1 && dropped == 1);
    gst_message_unref(message);
    /* In time again; and the sink's word counts where the clock says nothing. */
    GstBuffer *out = support_push(harness, 1, 590 * GST_MSECOND);
    fail_unless(onyx_tensor_meta_get(out) != NULL);
    gst_buffer_unref(out);
    gst_harness_push_upstream_event(
        harness, gst_event_new_qos(GST_QOS_TYPE_UNDERFLOW, 1.5, 100 * GST_MSECOND, 600 * GST_MSECOND));
    out = support_push(harness, 1, 700 * GST_MSECOND);
    fail_unless(onyx_tensor_meta_get(out) == NULL);
    gst_buffer_unref(out);
    /* Never starved: one a second is used, however late; and none is skipped without qos. */
    gst_harness_set_time(harness, 20 * GST_SECOND);
    out = support_push(harness, 1, 2 * GST_SECOND);
    fail_unless(onyx_tensor_meta_get(out) != NULL);
    gst_buffer_unref(out);
    g_object_set(harness->element, "qos", FALSE, NULL);
    out = support_push(harness, 1, 2 * GST_SECOND + 1);
    fail_unless(onyx_tensor_meta_get(out) != NULL);
    gst_buffer_unref(out);
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(latency)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    support_set_caps(harness, "RGB", 64, 64);
    gst_harness_set_upstream_latency(harness, 20 * GST_MSECOND);
    fail_unless(gst_harness_query_latency(harness) >= 20 * GST_MSECOND);
    support_teardown(harness);
}
GST_END_TEST

/* ------------------------------------------------------------------------------------------------------- sharing */

static gpointer open_model(gpointer path)
{
    GstOnyxModelOptions options = { .path = path };
    onyx_error error;
    return gst_onyx_registry_open(&options, &error);
}

GST_START_TEST(one_model_for_all)
{
    gchar *path = support_model(TINY_DETECTOR), *other = g_build_filename(support_folder(), "other.onnx", NULL);
    gchar *roundabout = g_strdup_printf("%s/./detector.onnx", support_folder());
    GThread *threads[4];
    GstOnyxModel *models[4];
    onyx_error error;

    for (int i = 0; i < 4; i++)
        threads[i] = g_thread_new(NULL, open_model, i % 2 ? path : roundabout);
    for (int i = 0; i < 4; i++)
        models[i] = g_thread_join(threads[i]);
    for (int i = 0; i < 4; i++)
        fail_unless(models[i] && models[i] == models[0]);
    GstOnyxModelOptions two_threads = { .path = path, .threads = 2 };
    GstOnyxModel *differs = gst_onyx_registry_open(&two_threads, &error);
    fail_unless(differs && differs != models[0]);
    fail_unless_equals_int(gst_onyx_registry_size(), 2);
    gst_onyx_registry_close(differs);
    for (int i = 0; i < 4; i++)
        gst_onyx_registry_close(models[i]);
    fail_unless_equals_int(gst_onyx_registry_size(), 0);

    /* A file that was written anew is another model. */
    tiny_model_write(other, TINY_DETECTOR, NAMES);
    models[0] = open_model(other);
    tiny_model_write(other, TINY_DETECTOR, "{0: 'a', 1: 'b and more'}");
    models[1] = open_model(other);
    fail_unless(models[0] && models[1] && models[0] != models[1]);
    gst_onyx_registry_close(models[0]);
    gst_onyx_registry_close(models[1]);
    fail_unless(open_model("/no/such/file.onnx") == NULL);
    fail_unless_equals_int(gst_onyx_registry_size(), 0);
    g_free(path);
    g_free(other);
    g_free(roundabout);
}
GST_END_TEST

static Suite *onyx_infer_suite(void)
{
    Suite *suite = suite_create("onnxinfer");
    TCase *tests = tcase_create("onnxinfer");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, bad_models);
    tcase_add_test(tests, another_model_while_playing);
    tcase_add_test(tests, outputs_outlive_the_element);
    tcase_add_test(tests, preprocessing_properties);
    tcase_add_test(tests, interval_and_gaps);
    tcase_add_test(tests, late_frames);
    tcase_add_test(tests, latency);
    tcase_add_test(tests, one_model_for_all);
    return suite;
}

GST_CHECK_MAIN(onyx_infer)
