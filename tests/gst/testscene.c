/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxtestscene: formats and sizes, the same frames for the same seed, the truth on each frame and at the end, and
 * keeping time when live. The scene itself is tested in tests/eval/scene.c. */
#include <math.h>

#include "meta/truthmeta.h"
#include "support.h"

static const gchar *const formats[] = { "NV12", "I420", "YV12", "RGB",  "BGR",  "RGBx",
                                        "BGRx", "xRGB", "xBGR", "RGBA", "BGRA", "GRAY8" };

static GstHarness *make(const gchar *line, const gchar *caps)
{
    GstHarness *harness = gst_harness_new_parse(line);
    gst_harness_set_sink_caps_str(harness, caps);
    return harness;
}

/* A sum over a frame's bytes, and over the truth on it. */
static guint64 sum_of(GstBuffer *buffer)
{
    GstMapInfo map;
    guint64 sum = G_GUINT64_CONSTANT(0xcbf29ce484222325);
    fail_unless(gst_buffer_map(buffer, &map, GST_MAP_READ));
    for (gsize i = 0; i < map.size; i++)
        sum = (sum ^ map.data[i]) * G_GUINT64_CONSTANT(0x100000001b3);
    gst_buffer_unmap(buffer, &map);
    OnyxTruthMeta *meta = onyx_truth_meta_get(buffer);
    fail_unless(meta != NULL);
    for (guint i = 0; i < meta->truth->count; i++) {
        const OnyxDetection *item = &meta->truth->items[i];
        const gfloat numbers[5] = { item->x0, item->y0, item->x1, item->y1, item->score };
        for (guint k = 0; k < sizeof numbers; k++)
            sum = (sum ^ ((const guint8 *)numbers)[k]) * G_GUINT64_CONSTANT(0x100000001b3);
        sum ^= item->track_id;
    }
    return sum;
}

static guint64 sum_of_frames(const gchar *line, const gchar *caps, guint frames)
{
    GstHarness *harness = make(line, caps);
    guint64 sum = 0;
    gst_harness_play(harness);
    for (guint i = 0; i < frames; i++) {
        GstBuffer *buffer = gst_harness_pull(harness);
        fail_unless(buffer != NULL);
        sum = sum * 31 + sum_of(buffer);
        gst_buffer_unref(buffer);
    }
    gst_harness_teardown(harness);
    return sum;
}

/* The mean colour of the frame is the same in all formats. */
static void mean_colour(GstBuffer *buffer, const gchar *format, gint width, gint height, gdouble mean[3])
{
    gint n = 0;
    mean[0] = mean[1] = mean[2] = 0;
    for (gint y = 0; y < height; y += 5)
        for (gint x = 0; x < width; x += 5, n++) {
            gint rgb[3];
            support_pixel(buffer, format, width, height, x, y, rgb);
            for (guint k = 0; k < 3; k++)
                mean[k] += rgb[k];
        }
    for (guint k = 0; k < 3; k++)
        mean[k] /= n;
}

GST_START_TEST(all_formats)
{
    const gint width = 160, height = 90;
    gdouble nv12[3] = { 0, 0, 0 };
    for (guint i = 0; i < G_N_ELEMENTS(formats); i++) {
        gchar *caps = support_caps(formats[i], width, height);
        GstHarness *harness = make("onnxtestscene noise=0", caps);
        GstVideoInfo info;
        GstCaps *parsed = gst_caps_from_string(caps);
        gdouble mean[3];
        gst_harness_play(harness);
        GstBuffer *buffer = gst_harness_pull(harness);
        fail_unless(gst_video_info_from_caps(&info, parsed));
        fail_unless_equals_uint64(gst_buffer_get_size(buffer), GST_VIDEO_INFO_SIZE(&info));
        mean_colour(buffer, formats[i], width, height, mean);
        if (i == 0)
            memcpy(nv12, mean, sizeof nv12);
        gdouble luma = 0.299 * nv12[0] + 0.587 * nv12[1] + 0.114 * nv12[2];
        for (guint k = 0; k < 3; k++) {
            gdouble expected = g_str_equal(formats[i], "GRAY8") ? luma : nv12[k];
            fail_unless(fabs(mean[k] - expected) < 6, "%s: colour %u is %g on average, not %g", formats[i], k, mean[k],
                        expected);
        }
        fail_unless(mean[0] > 30 && mean[0] < 230);
        gst_buffer_unref(buffer);
        gst_caps_unref(parsed);
        gst_harness_teardown(harness);
        g_free(caps);
    }
}
GST_END_TEST

GST_START_TEST(odd_sizes)
{
    static const gint sizes[][2] = { { 16, 16 }, { 17, 33 }, { 331, 187 }, { 90, 160 }, { 640, 64 } };
    static const gchar *const some[] = { "NV12", "I420", "RGB" };
    for (guint f = 0; f < G_N_ELEMENTS(some); f++)
        for (guint i = 0; i < G_N_ELEMENTS(sizes); i++) {
            gchar *caps = support_caps(some[f], sizes[i][0], sizes[i][1]);
            GstHarness *harness = make("onnxtestscene", caps);
            gdouble mean[3];
            gst_harness_play(harness);
            for (guint n = 0; n < 2; n++) { /* pixels alone: nobody writes what lies behind a row */
                GstBuffer *buffer = gst_harness_pull(harness);
                mean_colour(buffer, some[f], sizes[i][0], sizes[i][1], mean);
                fail_unless(mean[0] > 20 && mean[0] < 235, "%s: red is %g on average", caps, mean[0]);
                gst_buffer_unref(buffer);
            }
            gst_harness_teardown(harness);
            g_free(caps);
        }
}
GST_END_TEST

GST_START_TEST(default_caps)
{
    GstHarness *harness = gst_harness_new("onnxtestscene");
    gst_harness_play(harness);
    gst_buffer_unref(gst_harness_pull(harness));
    GstCaps *caps = gst_pad_get_current_caps(harness->sinkpad);
    const GstStructure *structure = gst_caps_get_structure(caps, 0);
    gint width, height, n, d;
    fail_unless(gst_structure_get_int(structure, "width", &width) &&
                gst_structure_get_int(structure, "height", &height));
    fail_unless(gst_structure_get_fraction(structure, "framerate", &n, &d));
    fail_unless_equals_int(width, 1280);
    fail_unless_equals_int(height, 720);
    fail_unless_equals_int(n, 30 * d);
    gst_caps_unref(caps);
    gst_harness_teardown(harness);
}
GST_END_TEST

GST_START_TEST(deterministic)
{
    const gchar *caps = "video/x-raw,format=NV12,width=320,height=180,framerate=5/1";
    guint64 once = sum_of_frames("onnxtestscene seed=4 people=12 noise=0.4 light=evening", caps, 12);
    fail_unless_equals_uint64(sum_of_frames("onnxtestscene seed=4 people=12 noise=0.4 light=evening", caps, 12), once);
    fail_unless(sum_of_frames("onnxtestscene seed=5 people=12 noise=0.4 light=evening", caps, 12) != once);
    fail_unless(sum_of_frames("onnxtestscene seed=4 people=12 noise=0.4 light=evening camera=aisle", caps, 12) != once);
    fail_unless(sum_of_frames("onnxtestscene seed=4 people=12 noise=0.4 light=evening start=3000000000", caps, 12) !=
                once);
}
GST_END_TEST

GST_START_TEST(times)
{
    GstHarness *harness = make("onnxtestscene", "video/x-raw,format=GRAY8,width=32,height=32,framerate=30000/1001");
    gst_harness_play(harness);
    for (guint i = 0; i < 40; i++) {
        GstBuffer *buffer = gst_harness_pull(harness);
        fail_unless_equals_uint64(GST_BUFFER_PTS(buffer), gst_util_uint64_scale(i, 1001 * GST_SECOND, 30000));
        fail_unless_equals_uint64(GST_BUFFER_PTS(buffer) + GST_BUFFER_DURATION(buffer),
                                  gst_util_uint64_scale(i + 1, 1001 * GST_SECOND, 30000));
        fail_unless_equals_uint64(GST_BUFFER_OFFSET(buffer), i);
        gst_buffer_unref(buffer);
    }
    gst_harness_teardown(harness);
}
GST_END_TEST

/* An empty shop still has its cashiers; ids stay with people; boxes move smoothly. */
GST_START_TEST(truth)
{
    GstHarness *harness =
        make("onnxtestscene people=10 camera=corner", "video/x-raw,format=GRAY8,width=640,height=360,framerate=25/1");
    GHashTable *last = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, g_free);
    guint followed = 0;
    gst_harness_play(harness);
    for (guint i = 0; i < 50; i++) {
        GstBuffer *buffer = gst_harness_pull(harness);
        OnyxTruthMeta *meta = onyx_truth_meta_get(buffer);
        fail_unless(meta && meta->truth->count >= 2);
        for (guint k = 0; k < meta->truth->count; k++) {
            const OnyxDetection *item = &meta->truth->items[k];
            const OnyxKeypoint *points = &meta->truth->keypoints[item->first_keypoint];
            gint64 id = (gint64)item->track_id;
            fail_unless(item->n_keypoints == ONYX_TRUTH_KEYPOINTS && id > 0);
            fail_unless_equals_string(g_quark_to_string(item->label), "person");
            gfloat foot = points[ONYX_TRUTH_GROUND].y;
            fail_unless(item->y1 >= 360 || fabsf(foot - item->y1) < 0.25f * (item->y1 - item->y0) + 2,
                        "feet at %g, box to %g", foot, item->y1);
            gfloat *old = g_hash_table_lookup(last, &id);
            if (old) {
                followed++;
                fail_unless(fabsf(*old - points[ONYX_TRUTH_GROUND].x) < 30, "person %d jumped", (gint)id);
            }
            g_hash_table_replace(last, g_memdup2(&id, sizeof id),
                                 g_memdup2(&points[ONYX_TRUTH_GROUND].x, sizeof(gfloat)));
        }
        gst_buffer_unref(buffer);
    }
    fail_unless(followed > 100);
    g_hash_table_unref(last);
    gst_harness_teardown(harness);
}
GST_END_TEST

/* The truth moves with the frame through a scaler, and stays apart from detections. */
GST_START_TEST(truth_scales)
{
    GstHarness *harness =
        make("onnxtestscene ! videoscale", "video/x-raw,format=RGB,width=320,height=180,framerate=30/1");
    GstHarness *small = make("onnxtestscene ! video/x-raw,width=160,height=90 ! videoscale",
                             "video/x-raw,format=RGB,width=320,height=180,framerate=30/1");
    gst_harness_play(harness);
    gst_harness_play(small);
    GstBuffer *a = gst_harness_pull(harness), *b = gst_harness_pull(small);
    const OnyxDetections *direct = onyx_truth_meta_get(a)->truth, *scaled = onyx_truth_meta_get(b)->truth;
    fail_unless(scaled->count > 0 && scaled->count <= direct->count);
    fail_unless(fabsf(direct->items[0].x0 - scaled->items[0].x0) < 0.5f &&
                fabsf(direct->items[0].y1 - scaled->items[0].y1) < 0.5f);
    gst_buffer_unref(a);
    gst_buffer_unref(b);
    gst_harness_teardown(harness);
    gst_harness_teardown(small);
}
GST_END_TEST

/* Runs a pipeline to its end and returns the message with the counts. */
static GstStructure *counts_of(const gchar *line)
{
    GstElement *pipeline = gst_parse_launch(line, NULL);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstStructure *counts = NULL;
    gboolean ended = FALSE;
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    while (!ended) {
        GstMessage *message = support_wait(bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR | GST_MESSAGE_ELEMENT);
        fail_unless(message && GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR);
        if (gst_message_has_name(message, "onyx-scene-truth")) {
            fail_unless(counts == NULL, "the counts came twice");
            counts = gst_structure_copy(gst_message_get_structure(message));
        }
        ended = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
        gst_message_unref(message);
    }
    gst_element_set_state(pipeline, GST_STATE_NULL);
    gst_object_unref(bus);
    gst_object_unref(pipeline);
    fail_unless(counts != NULL, "no counts at the end");
    return counts;
}

static guint count_in(const GstStructure *counts, const gchar *list, guint index, const gchar *field)
{
    guint value = 0;
    const GValue *array = gst_structure_get_value(counts, list);
    fail_unless(array && gst_value_array_get_size(array) > index);
    const GstStructure *item = gst_value_get_structure(gst_value_array_get_value(array, index));
    fail_unless(gst_structure_get_uint(item, field, &value));
    return value;
}

GST_START_TEST(counts_at_the_end)
{
    /* Two minutes, at two rates: what happened does not depend on when it was looked at. */
    GstStructure *slow = counts_of("onnxtestscene seed=3 people=12 speed=1.5 num-buffers=121 ! "
                                   "video/x-raw,format=GRAY8,width=32,height=32,framerate=1/1 ! fakesink");
    GstStructure *fast = counts_of("onnxtestscene seed=3 people=12 speed=1.5 num-buffers=601 ! "
                                   "video/x-raw,format=GRAY8,width=32,height=32,framerate=5/1 ! fakesink");
    guint64 frames;
    fail_unless(gst_structure_get_uint64(slow, "frames", &frames) && frames == 121);
    fail_unless(count_in(slow, "lines", 0, "in") > 0 && count_in(slow, "lines", 0, "out") > 0);
    for (guint i = 0; i < 2; i++) {
        fail_unless_equals_int(count_in(slow, "lines", i, "in"), count_in(fast, "lines", i, "in"));
        fail_unless_equals_int(count_in(slow, "lines", i, "out"), count_in(fast, "lines", i, "out"));
    }
    for (guint i = 0; i < 3; i++)
        fail_unless_equals_int(count_in(slow, "zones", i, "entries"), count_in(fast, "zones", i, "entries"));
    gst_structure_free(slow);
    gst_structure_free(fast);
}
GST_END_TEST

/* A live source sends a frame when its time has come. No time is asserted but that clock's, which we turn ourselves. */
GST_START_TEST(live)
{
    GstHarness *harness =
        make("onnxtestscene is-live=true", "video/x-raw,format=GRAY8,width=32,height=32,framerate=10/1");
    gboolean is_live = FALSE;
    GstClockTime least, most;
    gst_harness_use_testclock(harness);
    gst_harness_play(harness);
    for (guint i = 0; i < 5; i++) {
        fail_unless(gst_harness_wait_for_clock_id_waits(harness, 1, 60));
        fail_unless_equals_int((gint)gst_harness_buffers_in_queue(harness), 0);
        fail_unless(gst_harness_crank_single_clock_wait(harness));
        GstBuffer *buffer = gst_harness_pull(harness);
        fail_unless_equals_uint64(GST_BUFFER_PTS(buffer), i * GST_SECOND / 10);
        gst_buffer_unref(buffer);
    }
    GstQuery *query = gst_query_new_latency();
    fail_unless(gst_pad_peer_query(harness->sinkpad, query));
    gst_query_parse_latency(query, &is_live, &least, &most);
    fail_unless(is_live);
    fail_unless_equals_uint64(least, GST_SECOND / 10);
    gst_query_unref(query);
    gst_harness_teardown(harness);
}
GST_END_TEST

GST_START_TEST(states)
{
    GstElement *element = gst_element_factory_make("onnxtestscene", NULL);
    fail_unless(element, "there is no element onnxtestscene; is GST_PLUGIN_PATH set?");
    for (int i = 0; i < 3; i++) {
        fail_unless(gst_element_set_state(element, GST_STATE_PAUSED) != GST_STATE_CHANGE_FAILURE);
        fail_unless_equals_int(gst_element_set_state(element, GST_STATE_NULL), GST_STATE_CHANGE_SUCCESS);
    }
    guint n;
    GParamSpec **specs = g_object_class_list_properties(G_OBJECT_GET_CLASS(element), &n);
    for (guint i = 0; i < n; i++) {
        GValue value = G_VALUE_INIT;
        if (specs[i]->owner_type != G_OBJECT_TYPE(element))
            continue;
        g_value_init(&value, specs[i]->value_type);
        g_object_get_property(G_OBJECT(element), specs[i]->name, &value);
        fail_unless(g_param_value_defaults(specs[i], &value), "%s starts with another value than its default",
                    specs[i]->name);
        g_value_unset(&value);
    }
    g_free(specs);
    ASSERT_OBJECT_REFCOUNT(element, "onnxtestscene", 1);
    gst_object_unref(element);
}
GST_END_TEST

static Suite *onyx_testscene_suite(void)
{
    Suite *suite = suite_create("onnxtestscene");
    TCase *tests = tcase_create("scene");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, all_formats);
    tcase_add_test(tests, odd_sizes);
    tcase_add_test(tests, default_caps);
    tcase_add_test(tests, deterministic);
    tcase_add_test(tests, times);
    tcase_add_test(tests, truth);
    tcase_add_test(tests, truth_scales);
    tcase_add_test(tests, counts_at_the_end);
    tcase_add_test(tests, live);
    tcase_add_test(tests, states);
    return suite;
}

GST_CHECK_MAIN(onyx_testscene)
