/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxinfer without a model: the one of $ONYX_MODELS runs, which is said once; without one there is a clear error. */
#include <glib/gstdio.h>

#include "meta/tensormeta.h"
#include "support.h"

/* A folder of models that is this test's own: tiny detectors under the names of the built-in ones. */
static void fill_models(void)
{
    static const gchar *const names[] = { "people.onnx", "people-int8.onnx" };

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        gchar *path = g_build_filename(support_folder(), names[i], NULL);
        tiny_model_write(path, TINY_DETECTOR, NAMES);
        g_free(path);
    }
    g_setenv("ONYX_MODELS", support_folder(), TRUE);
}

static GstElement *make(GstBus *bus)
{
    GstElement *element = gst_element_factory_make("onnxinfer", NULL);
    gst_element_set_bus(element, bus);
    return element;
}

/* The text of the next message of this type, to be freed; NULL: none. */
static gchar *next_text(GstBus *bus, GstMessageType type)
{
    GstMessage *message = gst_bus_pop_filtered(bus, type);
    GError *error = NULL;

    if (!message)
        return NULL;
    if (type == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, NULL);
    else if (type == GST_MESSAGE_WARNING)
        gst_message_parse_warning(message, &error, NULL);
    else
        gst_message_parse_info(message, &error, NULL);
    gchar *text = g_strdup(error->message);
    g_error_free(error);
    gst_message_unref(message);
    return text;
}

static void expect_text(GstBus *bus, GstMessageType type, const gchar *part)
{
    gchar *text = next_text(bus, type);
    fail_unless(text && strstr(text, part), "'%s' does not say '%s'", text ? text : "no message", part);
    g_free(text);
}

static void expect_none(GstBus *bus, GstMessageType type)
{
    gchar *text = next_text(bus, type);
    fail_unless(text == NULL, "unexpected: %s", text);
}

static void release(GstHarness *harness, GstElement *element, GstBus *bus)
{
    gst_bus_set_flushing(bus, TRUE);
    gst_element_set_bus(element, NULL);
    if (harness)
        gst_harness_teardown(harness);
    gst_element_set_state(element, GST_STATE_NULL);
    gst_object_unref(element);
    gst_object_unref(bus);
}

static void expect_network(GstHarness *harness, const gchar *name)
{
    fail_unless_equals_int(gst_harness_push(harness, support_frame("RGB", 64, 64, 1, 0)), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(harness);
    OnyxTensorMeta *meta = onyx_tensor_meta_get(out);
    fail_unless(meta != NULL);
    fail_unless_equals_string(onyx_network_get_name(meta->network), name);
    gst_buffer_unref(out);
}

GST_START_TEST(used_and_said_once)
{
    fill_models();
    GstBus *bus = gst_bus_new();
    GstElement *element = make(bus);

    for (int i = 0; i < 2; i++) {
        fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_SUCCESS);
        fail_unless_equals_int(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    }
    expect_text(bus, GST_MESSAGE_INFO, "built-in people detector");
    expect_none(bus, GST_MESSAGE_INFO | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    release(NULL, element, bus);
}
GST_END_TEST

/* Back and forth between the built-in ones and a given one, while frames flow. */
GST_START_TEST(changes_while_playing)
{
    fill_models();
    GstBus *bus = gst_bus_new();
    GstElement *element = make(bus);
    GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
    gchar *given = support_model(TINY_DETECTOR), *caps = support_caps("RGB", 64, 64), *model;

    gst_harness_set_src_caps_str(harness, caps);
    expect_network(harness, "people.onnx");
    expect_text(bus, GST_MESSAGE_INFO, "people.onnx");
    gst_util_set_object_arg(G_OBJECT(element), "precision", "int8");
    expect_network(harness, "people-int8.onnx");
    expect_none(bus, GST_MESSAGE_INFO | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    g_object_set(element, "model", given, NULL);
    expect_network(harness, "detector.onnx");
    expect_text(bus, GST_MESSAGE_WARNING, "is not quantised"); /* 8 bits are still asked for */
    gst_util_set_object_arg(G_OBJECT(element), "precision", "auto");
    expect_network(harness, "detector.onnx");
    g_object_set(element, "model", "", NULL);
    expect_network(harness, "people.onnx");
    g_object_get(element, "model", &model, NULL);
    fail_unless_equals_string(model, ""); /* what was set, not what was found */
    expect_none(bus, GST_MESSAGE_INFO | GST_MESSAGE_ERROR | GST_MESSAGE_WARNING);
    release(harness, element, bus);
    g_free(model);
    g_free(caps);
    g_free(given);
}
GST_END_TEST

GST_START_TEST(missing)
{
    static const gchar *const values[] = { NULL, "" };
    gchar *empty = g_build_filename(support_folder(), "no-models-here", NULL);

    g_setenv("ONYX_MODELS", empty, TRUE);
    for (guint i = 0; i < G_N_ELEMENTS(values); i++) {
        GstBus *bus = gst_bus_new();
        GstElement *element = make(bus);
        g_object_set(element, "model", values[i], NULL);
        fail_unless_equals_int(gst_element_set_state(element, GST_STATE_READY), GST_STATE_CHANGE_SUCCESS);
        fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PAUSED), GST_STATE_CHANGE_FAILURE);
        GstMessage *message = gst_bus_pop_filtered(bus, GST_MESSAGE_ERROR);
        GError *error = NULL;
        fail_unless(message != NULL);
        gst_message_parse_error(message, &error, NULL);
        fail_unless(strstr(error->message, empty) && strstr(error->message, "set the 'model' property"), "%s",
                    error->message);
        g_error_free(error);
        gst_message_unref(message);
        release(NULL, element, bus);
    }
    g_free(empty);
}
GST_END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("builtin");
    TCase *tests = tcase_create("builtin");

    gst_check_init(&argc, &argv);
    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, used_and_said_once);
    tcase_add_test(tests, changes_while_playing);
    tcase_add_test(tests, missing);
    return gst_check_run_suite(suite, "builtin", __FILE__);
}
