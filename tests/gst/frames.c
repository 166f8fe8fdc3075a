/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxinfer's frames: every format, stride, aspect and chroma siting read as it is meant, memory that is not copied. */
#if ONYX_HAVE_TENSOR_META
#define GST_USE_UNSTABLE_API
#include <gst/analytics/analytics.h>
#endif
#include "common.h"
#include "meta/bridges.h"
#include "meta/detectionmeta.h"
#include "meta/tensormeta.h"
#include "registry.h"
#include "support.h"

GST_START_TEST(tensors)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    support_set_caps(harness, "RGB", 64, 64);
    for (guint red = 0; red < 16; red++) {
        GstBuffer *out = support_push(harness, red, red * GST_SECOND);
        for (guint row = 0; row < 4; row++)
            fail_unless(ABS(support_score(out, row) - (red >> row & 1)) < 0.02f);
        OnyxTensorMeta *meta = onyx_tensor_meta_get(out);
        fail_unless_equals_string(onyx_network_get_name(meta->network), "detector.onnx");
        fail_unless_equals_string(g_quark_to_string(onyx_network_get_label(meta->network, 1)), "blue");
        fail_unless(onyx_network_get_label(meta->network, 2) == 0 && onyx_network_get_label(meta->network, -1) == 0);
        fail_unless_equals_int(meta->geometry.picture_width, 64);
        fail_unless_equals_int(meta->geometry.input_width, TINY_SIZE);
        gst_buffer_unref(out);
    }
    fail_unless_equals_uint64(support_stat(harness->element, "inferred"), 16);
    support_teardown(harness);
}
GST_END_TEST

/* Red is red in every format (grey apart): the pixels are understood, not only read. */
GST_START_TEST(colours)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    GstClockTime pts = 0;
    for (const gchar *const *format = support_formats; *format; format++, pts += GST_SECOND) {
        gboolean grey = g_str_has_prefix(*format, "GRAY");
        support_set_caps(harness, *format, 64, 64);
        fail_unless_equals_int(gst_harness_push(harness, support_frame(*format, 64, 64, 6, pts)), GST_FLOW_OK);
        GstBuffer *out = gst_harness_pull(harness);
        fail_unless(ABS(support_score(out, 0)) < 0.05f, "%s: %f", *format, support_score(out, 0));
        fail_unless(ABS(support_score(out, 1) - (grey ? 0.3f : 1)) < 0.07f, "%s: %f", *format, support_score(out, 1));
        gst_buffer_unref(out);
    }
    support_teardown(harness);
}
GST_END_TEST

/* The same tensors as GStreamer's own metadata: not copied, gone with the decoder, and only when asked for. */
GST_START_TEST(upstream_tensors)
{
#if ONYX_HAVE_TENSOR_META
    GstHarness *harness = support_infer(TINY_DETECTOR);
    GstMapInfo map;
    onyx_tensor own;

    fail_unless(onyx_tensor_mirror_is_supported());
    support_set_caps(harness, "RGB", 64, 64);
    GstBuffer *out = support_push(harness, 5, 0);
    OnyxTensorMeta *meta = onyx_tensor_meta_get(out);
    fail_unless(onyx_tensor_meta_get_tensor(meta, 0, &own));
    GstTensorMeta *upstream = gst_buffer_get_tensor_meta(out);
    fail_unless(upstream != NULL);
    fail_unless_equals_int(upstream->num_tensors, 1);
    const GstTensor *tensor = gst_tensor_meta_get(upstream, 0);
    const gchar *name = onyx_network_get_output_names(meta->network)[0];
    fail_unless_equals_string(g_quark_to_string(tensor->id), name);
    fail_unless_equals_int(gst_tensor_meta_get_index_from_id(upstream, g_quark_from_string(name)), 0);
    fail_unless(tensor->data_type == GST_TENSOR_DATA_TYPE_FLOAT32 &&
                tensor->dims_order == GST_TENSOR_DIM_ORDER_ROW_MAJOR);
    fail_unless_equals_int(tensor->num_dims, own.rank);
    for (int d = 0; d < own.rank; d++)
        fail_unless_equals_int(tensor->dims[d], own.dims[d]);
    fail_unless(gst_buffer_map(tensor->data, &map, GST_MAP_READ));
    fail_unless(map.data == own.data && map.size == own.size_bytes);
    gst_buffer_unmap(tensor->data, &map);
    onyx_tensors_remove_mirror_meta(meta, out);
    fail_unless(gst_buffer_get_tensor_meta(out) == NULL && onyx_tensor_meta_get(out) != NULL);
    /* The memory lives as long as whoever holds the last reference. */
    onyx_tensors_add_mirror_meta(meta, NULL, out);
    GstBuffer *data = gst_buffer_ref(gst_tensor_meta_get(gst_buffer_get_tensor_meta(out), 0)->data);
    gst_buffer_unref(out);
    g_object_set(harness->element, "tensor-meta", FALSE, NULL);
    out = support_push(harness, 10, GST_SECOND);
    fail_unless(gst_buffer_get_tensor_meta(out) == NULL && onyx_tensor_meta_get(out) != NULL);
    gst_buffer_unref(out);
    support_teardown(harness);
    fail_unless(gst_buffer_map(data, &map, GST_MAP_READ));
    for (guint row = 0; row < 4; row++)
        fail_unless(ABS(((const gfloat *)(gconstpointer)map.data)[4 * TINY_ROWS + row] - (5 >> row & 1)) < 0.02f);
    gst_buffer_unmap(data, &map);
    gst_buffer_unref(data);
#else
    g_print("SKIPPED: GstTensorMeta needs GStreamer 1.26\n");
    fail_unless(!onyx_tensor_mirror_is_supported());
#endif
}
GST_END_TEST

/* Rows with padding between them, told by GstVideoMeta. */
GST_START_TEST(strides)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    support_set_caps(harness, "RGB", 64, 64);
    GstBuffer *tight = support_frame("RGB", 64, 64, 9, 0);
    const gint stride = 256;
    GstBuffer *wide = gst_buffer_new_allocate(NULL, 100 + (gsize)stride * 64, NULL);
    GstMapInfo from, to;

    gst_buffer_memset(wide, 0, 255, gst_buffer_get_size(wide));
    gst_buffer_map(tight, &from, GST_MAP_READ);
    gst_buffer_map(wide, &to, GST_MAP_WRITE);
    for (gint y = 0; y < 64; y++)
        memcpy(to.data + 100 + y * stride, from.data + y * 192, 192);
    gst_buffer_unmap(tight, &from);
    gst_buffer_unmap(wide, &to);
    gst_buffer_unref(tight);
    gst_buffer_add_video_meta_full(wide, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_FORMAT_RGB, 64, 64, 1,
                                   (gsize[GST_VIDEO_MAX_PLANES]){ 100 }, (gint[GST_VIDEO_MAX_PLANES]){ stride });
    fail_unless_equals_int(gst_harness_push(harness, wide), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(harness);
    for (guint row = 0; row < 4; row++)
        fail_unless(ABS(support_score(out, row) - (9 >> row & 1)) < 0.02f);
    gst_buffer_unref(out);
    support_teardown(harness);
}
GST_END_TEST

/* Pixels twice as wide as high: the network sees the square picture, and the transform leads back to the frame. */
GST_START_TEST(pixel_aspect)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    gst_harness_set_src_caps_str(harness, "video/x-raw,format=RGB,width=32,height=64,framerate=30/1,"
                                          "pixel-aspect-ratio=2/1");
    for (guint red = 0; red < 16; red++) {
        fail_unless_equals_int(gst_harness_push(harness, support_frame("RGB", 32, 64, red, red * GST_SECOND)),
                               GST_FLOW_OK);
        GstBuffer *out = gst_harness_pull(harness);
        for (guint row = 0; row < 4; row++)
            fail_unless(ABS(support_score(out, row) - (red >> row & 1)) < 0.02f);
        const onyx_geometry *geometry = &onyx_tensor_meta_get(out)->geometry;
        fail_unless_equals_int(geometry->content_width, TINY_SIZE);
        fail_unless_equals_int(geometry->content_height, TINY_SIZE);
        fail_unless_equals_float(geometry->scale_x, TINY_SIZE / 32.0f);
        fail_unless_equals_float(geometry->scale_y, TINY_SIZE / 64.0f);
        gst_buffer_unref(out);
    }
    support_teardown(harness);
}
GST_END_TEST

static void info_of(const gchar *fields, GstVideoInfo *info)
{
    gchar *text = g_strdup_printf("video/x-raw,format=NV12,width=1280,height=720,framerate=30/1%s", fields);
    GstCaps *caps = gst_caps_from_string(text);

    fail_unless(gst_onyx_video_info_from_caps(info, caps));
    gst_caps_unref(caps);
    g_free(text);
}

static onyx_chroma_site site_of(const gchar *fields)
{
    GstVideoInfo info;
    GstVideoFrame frame;
    onyx_image image;

    info_of(fields, &info);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&info), NULL);
    fail_unless(gst_video_frame_map(&frame, &info, buffer, GST_MAP_READ));
    fail_unless(gst_onyx_image_of_frame(&frame, &image));
    gst_video_frame_unmap(&frame);
    gst_buffer_unref(buffer);
    return image.chroma_site;
}

/* What GStreamer's converter writes for the pixels 640 and 641 of a row that is black up to the first and blue from the
 * second on: U, 128 to 240. Centred it is the mean of the two; co-sited, the left one counts more. */
static gint converted_chroma(const gchar *fields)
{
    GstVideoInfo rgb, nv12;
    GstVideoFrame from, to;

    gst_video_info_set_format(&rgb, GST_VIDEO_FORMAT_RGB, 1280, 720);
    info_of(fields, &nv12);
    nv12.fps_n = rgb.fps_n;
    nv12.fps_d = rgb.fps_d;
    GstBuffer *source = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&rgb), NULL);
    GstBuffer *target = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&nv12), NULL);
    fail_unless(gst_video_frame_map(&from, &rgb, source, GST_MAP_WRITE));
    guint8 *row = GST_VIDEO_FRAME_PLANE_DATA(&from, 0);
    for (gint y = 0; y < 720; y++, row += GST_VIDEO_FRAME_PLANE_STRIDE(&from, 0))
        for (gint x = 0; x < 1280; x++) {
            row[3 * x] = row[3 * x + 1] = 0;
            row[3 * x + 2] = x <= 640 ? 0 : 255;
        }
    fail_unless(gst_video_frame_map(&to, &nv12, target, GST_MAP_READWRITE));
    GstVideoConverter *converter = gst_video_converter_new(&rgb, &nv12, NULL);
    gst_video_converter_frame(converter, &from, &to);
    gst_video_converter_free(converter);
    row = GST_VIDEO_FRAME_PLANE_DATA(&to, 1);
    gint blue = row[100 * GST_VIDEO_FRAME_PLANE_STRIDE(&to, 1) + 640];
    gst_video_frame_unmap(&to);
    gst_video_frame_unmap(&from);
    gst_buffer_unref(target);
    gst_buffer_unref(source);
    return blue;
}

/* Chroma is read where caps say that it lies, and where GStreamer's own converter puts it for the same caps. */
GST_START_TEST(chroma_sites)
{
    static const struct {
        const gchar *fields;
        onyx_chroma_site site;
    } cases[] = { { ",colorimetry=bt709,chroma-site=mpeg2", ONYX_CHROMA_LEFT },
                  { ",colorimetry=bt709,chroma-site=jpeg", ONYX_CHROMA_CENTRE },
                  { ",chroma-site=mpeg2", ONYX_CHROMA_LEFT },
                  { ",chroma-site=jpeg", ONYX_CHROMA_CENTRE },
                  { ",chroma-site=dv", ONYX_CHROMA_TOP_LEFT } };
    static const gchar *const all[] = { "", ",colorimetry=bt709", ",chroma-site=mpeg2", ",chroma-site=jpeg" };
    for (gsize i = 0; i < G_N_ELEMENTS(cases); i++)
        fail_unless_equals_int(site_of(cases[i].fields), cases[i].site);
    for (gsize i = 0; i < G_N_ELEMENTS(all); i++) { /* what caps leave out, versions of GStreamer fill in differently */
        gint blue = converted_chroma(all[i]), expected = site_of(all[i]) == ONYX_CHROMA_CENTRE ? 184 : 156;
        fail_unless(ABS(blue - expected) <= 3, "%s: the converter writes %d", all[i], blue);
    }
}
GST_END_TEST

/* Frames are read where they are: what comes out is the very memory that went in, also when another branch of a tee
 * holds the buffer. */
GST_START_TEST(no_copies)
{
    GstHarness *harness = support_infer(TINY_DETECTOR);
    support_set_caps(harness, "NV12", 640, 480);
    for (int shared = 0; shared < 2; shared++) {
        GstBuffer *in = support_frame("NV12", 640, 480, 1, 0);
        GstMemory *memory = gst_buffer_peek_memory(in, 0);
        fail_unless_equals_int(gst_harness_push(harness, shared ? gst_buffer_ref(in) : in), GST_FLOW_OK);
        GstBuffer *out = gst_harness_pull(harness);
        fail_unless(gst_buffer_peek_memory(out, 0) == memory);
        fail_unless(onyx_tensor_meta_get(out) != NULL);
        if (shared) {
            fail_unless(out != in && onyx_tensor_meta_get(in) == NULL);
            gst_buffer_unref(in);
        }
        gst_buffer_unref(out);
    }
    support_teardown(harness);
}
GST_END_TEST

/* Through all three elements, in every format: the caps and the memory are those that came in, and the boxes those of
 * the same picture in RGB. */
GST_START_TEST(whole_way)
{
    gchar *model = support_model(TINY_DETECTOR);
    gchar *line = g_strdup_printf("onnxinfer model=%s ! onnxdecode-yolo ! onnxoverlay", model);

    for (const gchar *const *format = support_formats; *format; format++) {
        GstHarness *harness = gst_harness_new_parse(line);
        gchar *text = support_caps(*format, 63, 62);
        GstCaps *caps = gst_caps_from_string(text);
        gst_harness_set_src_caps(harness, gst_caps_ref(caps));
        GstBuffer *in = support_frame(*format, 63, 62, 6, 0);
        GstMemory *memory = gst_buffer_peek_memory(in, 0);
        fail_unless_equals_int(gst_harness_push(harness, in), GST_FLOW_OK);
        GstBuffer *out = gst_harness_pull(harness);
        GstCaps *now = gst_pad_get_current_caps(harness->sinkpad);
        fail_unless(gst_caps_is_equal(now, caps), "%s: caps have changed", *format);
        fail_unless(gst_buffer_n_memory(out) == 1 && gst_buffer_peek_memory(out, 0) == memory, "%s: a copy", *format);
        const OnyxDetections *found = onyx_detection_meta_get(out)->detections;
        for (guint i = 0; !g_str_has_prefix(*format, "GRAY") && i < MAX(found->count, 2); i++) {
            fail_unless_equals_int(found->count, 2);
            const OnyxDetection *item = &found->items[i];
            gboolean right = item->x0 > 20;
            fail_unless(item->label_id == 0 && item->score > 0.85f, "%s: %d, %f", *format, item->label_id, item->score);
            fail_unless(ABS(item->x0 - (right ? 31.5f : 0)) < 0.6f && ABS(item->y0 - (right ? 0 : 31.5f)) < 0.6f,
                        "%s: %f %f", *format, item->x0, item->y0);
        }
        gst_caps_unref(now);
        gst_caps_unref(caps);
        gst_buffer_unref(out);
        gst_harness_teardown(harness);
        g_free(text);
    }
    g_free(line);
    g_free(model);
}
GST_END_TEST

typedef struct {
    GMutex lock;
    gpointer memories[2][64];
    guint n[2];
} TeeSeen;

static void seen(TeeSeen *tee, GstBuffer *buffer, int branch)
{
    g_mutex_lock(&tee->lock);
    if (tee->n[branch] < 64)
        tee->memories[branch][tee->n[branch]++] = gst_buffer_peek_memory(buffer, 0);
    g_mutex_unlock(&tee->lock);
}

static void seen_plain(GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer tee)
{
    seen(tee, buffer, 0);
}

static void seen_inferred(GstElement *sink, GstBuffer *buffer, GstPad *pad, gpointer tee)
{
    fail_unless(onyx_detection_meta_get(buffer) != NULL);
    seen(tee, buffer, 1);
}

GST_START_TEST(behind_a_tee)
{
    gchar *model = support_model(TINY_DETECTOR);
    gchar *line =
        g_strdup_printf("videotestsrc num-buffers=20 ! video/x-raw,format=I420,width=320,height=240 ! tee name=t "
                        "t. ! queue max-size-buffers=30 ! fakesink name=a signal-handoffs=true sync=false async=false "
                        "t. ! queue max-size-buffers=30 ! onnxinfer model=%s ! onnxdecode-yolo ! fakesink name=b "
                        "signal-handoffs=true sync=false",
                        model);
    GstElement *pipeline = gst_parse_launch(line, NULL);
    GstElement *a = gst_bin_get_by_name(GST_BIN(pipeline), "a"), *b = gst_bin_get_by_name(GST_BIN(pipeline), "b");
    TeeSeen tee = { 0 };

    g_mutex_init(&tee.lock);
    g_signal_connect(a, "handoff", G_CALLBACK(seen_plain), &tee);
    g_signal_connect(b, "handoff", G_CALLBACK(seen_inferred), &tee);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message = support_wait(bus, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    fail_unless(message && GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS);
    gst_message_unref(message);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    fail_unless_equals_int(tee.n[0], 20);
    fail_unless_equals_int(tee.n[1], 20);
    for (guint i = 0; i < 20; i++)
        fail_unless(tee.memories[0][i] == tee.memories[1][i], "frame %u was copied", i);
    gst_object_unref(bus);
    gst_object_unref(a);
    gst_object_unref(b);
    gst_object_unref(pipeline);
    g_mutex_clear(&tee.lock);
    g_free(line);
    g_free(model);
}
GST_END_TEST

static Suite *onyx_frames_suite(void)
{
    Suite *suite = suite_create("onnxinfer frames");
    TCase *tests = tcase_create("onnxinfer frames");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, tensors);
    tcase_add_test(tests, colours);
    tcase_add_test(tests, upstream_tensors);
    tcase_add_test(tests, strides);
    tcase_add_test(tests, pixel_aspect);
    tcase_add_test(tests, chroma_sites);
    tcase_add_test(tests, no_copies);
    tcase_add_test(tests, whole_way);
    tcase_add_test(tests, behind_a_tee);
    return suite;
}

GST_CHECK_MAIN(onyx_frames)
