/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every element must do, whatever it is for: states, formats, odd and huge frames, caps in mid-stream, flushes,
 * EOS, gaps, shared buffers; and leave nothing behind. */
#include "support.h"

static const gchar *const elements[] = { "onnxinfer", "onnxdecode-yolo", "onnxoverlay", "onnxpublish", NULL };

/* The element with what it needs to work; a decoder gets an onnxinfer in front. */
static GstHarness *make(const gchar *name)
{
    gchar *model = support_model(TINY_DETECTOR);
    gchar *line = NULL;

    if (g_str_equal(name, "onnxinfer"))
        line = g_strdup_printf("onnxinfer model=%s", model);
    else if (g_str_equal(name, "onnxdecode-yolo"))
        line = g_strdup_printf("onnxinfer model=%s ! onnxdecode-yolo", model);
    else if (g_str_equal(name, "onnxoverlay"))
        line = g_strdup_printf("onnxinfer model=%s ! onnxdecode-yolo ! onnxoverlay", model);
    else
        line = g_strdup_printf("onnxinfer model=%s ! onnxdecode-yolo ! onnxpublish location=%s/out.json", model,
                               support_folder());
    GstHarness *harness = gst_harness_new_parse(line);
    g_free(line);
    g_free(model);
    support_watch(harness);
    return harness;
}

static void set_caps(GstHarness *harness, const gchar *format, gint width, gint height)
{
    gchar *caps = support_caps(format, width, height);
    gst_harness_set_src_caps_str(harness, caps);
    g_free(caps);
}

/* Frames come out as they went in: size, caps and time. */
static void push_and_pull(GstHarness *harness, const gchar *format, gint width, gint height, GstClockTime pts)
{
    GstBuffer *in = support_frame(format, width, height, 1, pts);
    gsize size = gst_buffer_get_size(in);

    fail_unless_equals_int(gst_harness_push(harness, in), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(harness);
    fail_unless(out);
    fail_unless_equals_uint64(gst_buffer_get_size(out), size);
    fail_unless_equals_uint64(GST_BUFFER_PTS(out), pts);
    gst_buffer_unref(out);
    gchar *text = support_text(harness, GST_MESSAGE_ERROR);
    fail_unless_equals_string(text, "");
    g_free(text);
}

GST_START_TEST(states)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstElement *element = gst_element_factory_make(*name, NULL);
        gchar *model = support_model(TINY_DETECTOR);
        fail_unless(element, "there is no element %s; is GST_PLUGIN_PATH set?", *name);
        if (g_str_equal(*name, "onnxinfer"))
            g_object_set(element, "model", model, NULL);
        if (g_str_equal(*name, "onnxpublish"))
            g_object_set(element, "location", "", NULL);
        for (int i = 0; i < 3; i++) {
            fail_unless_equals_int(gst_element_set_state(element, GST_STATE_PLAYING), GST_STATE_CHANGE_SUCCESS);
            fail_unless_equals_int(gst_element_set_state(element, i ? GST_STATE_READY : GST_STATE_PAUSED),
                                   GST_STATE_CHANGE_SUCCESS);
            fail_unless_equals_int(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
        }
        ASSERT_OBJECT_REFCOUNT(element, *name, 1);
        gst_object_unref(element);
        g_free(model);
    }
}
GST_END_TEST

/* Each property can be read, and set to what it has. */
GST_START_TEST(properties)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstElement *element = gst_element_factory_make(*name, NULL);
        guint n;
        GParamSpec **specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &n);
        for (guint i = 0; i < n; i++) {
            GValue value = G_VALUE_INIT;
            fail_unless(g_param_spec_get_blurb(specs[i]) != NULL);
            if (!(specs[i]->flags & G_PARAM_READABLE) || specs[i]->owner_type == GST_TYPE_OBJECT)
                continue;
            g_value_init(&value, specs[i]->value_type);
            g_object_get_property(G_OBJECT(element), specs[i]->name, &value);
            if ((specs[i]->flags & G_PARAM_WRITABLE) && !(specs[i]->flags & G_PARAM_CONSTRUCT_ONLY)) {
                fail_unless(g_param_value_defaults(specs[i], &value),
                            "%s of %s starts with another value than its default", specs[i]->name, *name);
                g_object_set_property(G_OBJECT(element), specs[i]->name, &value);
            }
            g_value_unset(&value);
        }
        g_free(specs);
        gst_object_unref(element);
    }
}
GST_END_TEST

GST_START_TEST(formats)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        GstClockTime pts = 0;
        for (const gchar *const *format = support_formats; *format; format++, pts += GST_SECOND / 30) {
            set_caps(harness, *format, 64, 64);
            push_and_pull(harness, *format, 64, 64, pts);
        }
        support_teardown(harness);
    }
}
GST_END_TEST

GST_START_TEST(sizes)
{
    static const gint sizes[][2] = {
        { 1, 1 }, { 2, 4097 }, { 4097, 2 }, { 3, 5 }, { 17, 33 }, { 641, 359 }, { 1, 64 }
    };
    static const gchar *const some[] = { "NV12", "I420",  "YUY2", "UYVY",      "RGB",
                                         "BGRx", "GRAY8", "Y41B", "P010_10LE", "I422_10LE" };

    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        GstClockTime pts = 0;
        for (guint f = 0; f < G_N_ELEMENTS(some); f++)
            for (guint i = 0; i < G_N_ELEMENTS(sizes); i++, pts += GST_SECOND / 30) {
                set_caps(harness, some[f], sizes[i][0], sizes[i][1]);
                push_and_pull(harness, some[f], sizes[i][0], sizes[i][1], pts);
            }
        support_teardown(harness);
    }
}
GST_END_TEST

GST_START_TEST(huge)
{
    GstHarness *harness = make("onnxpublish");
    set_caps(harness, "NV12", 8192, 4320);
    push_and_pull(harness, "NV12", 8192, 4320, 0);
    support_teardown(harness);
    harness = make("onnxoverlay");
    set_caps(harness, "RGB", 8192, 4320);
    push_and_pull(harness, "RGB", 8192, 4320, 0);
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(caps_in_mid_stream)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        for (gint i = 0; i < 12; i++) {
            const gchar *format = i % 3 == 0 ? "NV12" : i % 3 == 1 ? "RGB" : "YUY2";
            gint width = i % 2 ? 320 : 96, height = i % 2 ? 240 : 96;
            set_caps(harness, format, width, height);
            push_and_pull(harness, format, width, height, (GstClockTime)i * GST_SECOND / 30);
            push_and_pull(harness, format, width, height, (GstClockTime)i * GST_SECOND / 30 + 1);
        }
        support_teardown(harness);
    }
}
GST_END_TEST

GST_START_TEST(flush_and_eos)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        GstSegment segment;

        set_caps(harness, "I420", 64, 64);
        push_and_pull(harness, "I420", 64, 64, 0);
        for (guint i = 0; i < 3; i++) {
            fail_unless(gst_harness_push_event(harness, gst_event_new_flush_start()));
            fail_unless(gst_harness_push_event(harness, gst_event_new_flush_stop(TRUE)));
            gst_segment_init(&segment, GST_FORMAT_TIME);
            segment.start = segment.position = i * GST_SECOND;
            fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
            push_and_pull(harness, "I420", 64, 64, i * GST_SECOND);
        }
        fail_unless(gst_harness_push_event(harness, gst_event_new_eos()));
        support_teardown(harness);
    }
}
GST_END_TEST

GST_START_TEST(gaps)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        set_caps(harness, "I420", 64, 64);
        for (guint i = 0; i < 3; i++) {
            GstBuffer *in = support_frame("I420", 64, 64, 15, i * GST_SECOND);
            GST_BUFFER_FLAG_SET(in, GST_BUFFER_FLAG_GAP);
            fail_unless_equals_int(gst_harness_push(harness, in), GST_FLOW_OK);
            GstBuffer *out = gst_harness_pull(harness);
            fail_unless(GST_BUFFER_FLAG_IS_SET(out, GST_BUFFER_FLAG_GAP));
            gst_buffer_unref(out);
        }
        fail_unless(gst_harness_push_event(harness, gst_event_new_gap(3 * GST_SECOND, GST_SECOND)));
        support_teardown(harness);
    }
}
GST_END_TEST

/* A frame that somebody else holds: what comes out is right, and theirs is as it was. */
GST_START_TEST(shared_buffers)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        set_caps(harness, "RGB", 64, 64);
        GstBuffer *in = support_frame("RGB", 64, 64, 15, 0);
        GstBuffer *before = gst_buffer_copy_deep(in);
        fail_unless_equals_int(gst_harness_push(harness, gst_buffer_ref(in)), GST_FLOW_OK);
        GstBuffer *out = gst_harness_pull(harness);
        GstMapInfo old, new;
        fail_unless(gst_buffer_map(before, &old, GST_MAP_READ) && gst_buffer_map(in, &new, GST_MAP_READ));
        fail_unless_equals_int(memcmp(old.data, new.data, old.size), 0);
        gst_buffer_unmap(before, &old);
        gst_buffer_unmap(in, &new);
        gpointer state = NULL;
        fail_unless(gst_buffer_iterate_meta(in, &state) == NULL);
        gst_buffer_unref(out);
        ASSERT_MINI_OBJECT_REFCOUNT(in, "frame", 1);
        gst_buffer_unref(in);
        gst_buffer_unref(before);
        support_teardown(harness);
    }
}
GST_END_TEST

/* A buffer that is shorter than its caps say: a warning, and the stream goes on. */
GST_START_TEST(short_buffers)
{
    for (const gchar *const *name = elements; *name; name++) {
        GstHarness *harness = make(*name);
        set_caps(harness, "RGB", 64, 64);
        for (guint i = 0; i < 3; i++) {
            GstBuffer *in = gst_buffer_new_allocate(NULL, 100, NULL);
            GST_BUFFER_PTS(in) = i * GST_SECOND;
            fail_unless_equals_int(gst_harness_push(harness, in), GST_FLOW_OK);
            gst_buffer_unref(gst_harness_pull(harness));
        }
        push_and_pull(harness, "RGB", 64, 64, 4 * GST_SECOND);
        support_teardown(harness);
    }
}
GST_END_TEST

/* States go up and down under a running stream, and everything is given back. */
GST_START_TEST(cycling_while_streaming)
{
    gchar *model = support_model(TINY_DETECTOR);
    gchar *line =
        g_strdup_printf("videotestsrc ! video/x-raw,format=NV12,width=64,height=64 ! onnxinfer model=%s name=i ! "
                        "queue ! onnxdecode-yolo name=d ! onnxoverlay name=o ! onnxpublish location=\"\" name=p ! "
                        "fakesink sync=false",
                        model);
    GstElement *pipeline = gst_parse_launch(line, NULL);
    GstElement *infer = gst_bin_get_by_name(GST_BIN(pipeline), "i");

    for (int i = 0; i < 8; i++) {
        fail_unless(gst_element_set_state(pipeline, GST_STATE_PLAYING) != GST_STATE_CHANGE_FAILURE);
        fail_unless_equals_int(gst_element_get_state(pipeline, NULL, NULL, 10 * GST_SECOND), GST_STATE_CHANGE_SUCCESS);
        if (i % 2)
            gst_element_seek_simple(pipeline, GST_FORMAT_TIME, GST_SEEK_FLAG_FLUSH, (gint64)i * GST_SECOND);
        g_usleep(20000);
        gst_element_set_state(pipeline, i % 3 == 0 ? GST_STATE_PAUSED : i % 3 == 1 ? GST_STATE_READY : GST_STATE_NULL);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(pipeline);
    ASSERT_OBJECT_REFCOUNT(infer, "onnxinfer", 1);
    gst_object_unref(infer);
    g_free(line);
    g_free(model);
}
GST_END_TEST

static Suite *onyx_generic_suite(void)
{
    Suite *suite = suite_create("onyx-generic");
    TCase *tests = tcase_create("all elements");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, states);
    tcase_add_test(tests, properties);
    tcase_add_test(tests, formats);
    tcase_add_test(tests, sizes);
    tcase_add_test(tests, huge);
    tcase_add_test(tests, caps_in_mid_stream);
    tcase_add_test(tests, flush_and_eos);
    tcase_add_test(tests, gaps);
    tcase_add_test(tests, shared_buffers);
    tcase_add_test(tests, short_buffers);
    tcase_add_test(tests, cycling_while_streaming);
    return suite;
}

GST_CHECK_MAIN(onyx_generic)
