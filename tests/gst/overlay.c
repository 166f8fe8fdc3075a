/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onnxoverlay: the right pixels in every format, nothing beside them, and no touch where there is nothing to draw. */
#include <math.h>

#include "glyphs.h"
#include "meta/onyxgst.h"
#include "painter.h"
#include "support.h"

static GstHarness *make(const gchar *format, gint width, gint height)
{
    GstHarness *harness = gst_harness_new("onnxoverlay");
    gchar *caps = support_caps(format, width, height);

    support_watch(harness);
    gst_harness_set_src_caps_str(harness, caps);
    g_free(caps);
    return harness;
}

static OnyxDetection *add_box(OnyxDetections *block, gfloat x0, gfloat y0, gfloat x1, gfloat y1, gint id)
{
    OnyxDetection *item = onyx_detections_append(block);
    *item = (OnyxDetection){ .x0 = x0, .y0 = y0, .x1 = x1, .y1 = y1, .score = 0.75f, .label_id = id };
    return item;
}

/* Takes buffer and block. */
static GstBuffer *draw(GstHarness *harness, GstBuffer *buffer, OnyxDetections *block)
{
    if (block) {
        onyx_detection_meta_add(buffer, block);
        onyx_detections_unref(block);
    }
    fail_unless_equals_int(gst_harness_push(harness, buffer), GST_FLOW_OK);
    return gst_harness_pull(harness);
}

static gboolean is_colour(const gint rgb[3], const guint8 colour[3], gint tolerance)
{
    return ABS(rgb[0] - colour[0]) <= tolerance && ABS(rgb[1] - colour[1]) <= tolerance &&
           ABS(rgb[2] - colour[2]) <= tolerance;
}

GST_START_TEST(pixels_of_each_format)
{
    for (const gchar *const *format = support_formats; *format; format++) {
        static const struct {
            gint x, y;
            gboolean drawn;
        } points[] = { { 44, 44, TRUE },   { 200, 44, TRUE },  { 100, 44, TRUE },   { 44, 120, TRUE },
                       { 212, 120, TRUE }, { 120, 172, TRUE }, { 120, 100, FALSE }, { 20, 20, FALSE },
                       { 32, 100, FALSE }, { 224, 184, FALSE } };
        GstHarness *harness = make(*format, 256, 192);
        OnyxDetections *block = onyx_detections_new(NULL);
        guint8 colour[3];
        gint rgb[3];

        g_object_set(harness->element, "draw-labels", FALSE, "draw-scores", FALSE, "draw-track-ids", FALSE,
                     "line-width", 8, NULL);
        add_box(block, 40, 40, 216, 176, 5);
        GstBuffer *out = draw(harness, support_frame(*format, 256, 192, 0, 0), block);
        gst_onyx_class_colour(5, colour);
        if (g_str_has_prefix(*format, "GRAY")) {
            guint8 luma = (guint8)((colour[0] * 299 + colour[1] * 587 + colour[2] * 114) / 1000);
            colour[0] = colour[1] = colour[2] = luma;
        }
        for (guint i = 0; i < G_N_ELEMENTS(points); i++) {
            const guint8 black[3] = { 0, 0, 0 };
            support_pixel(out, *format, 256, 192, points[i].x, points[i].y, rgb);
            fail_unless(is_colour(rgb, points[i].drawn ? colour : black, 6), "%s: pixel %d,%d is %d %d %d", *format,
                        points[i].x, points[i].y, rgb[0], rgb[1], rgb[2]);
        }
        gst_buffer_unref(out);
        support_teardown(harness);
    }
}
GST_END_TEST

/* Everything there is, at and over the edges of odd frames with padded rows: the padding stays as it was. */
GST_START_TEST(padding_is_not_touched)
{
    static const gint sizes[][2] = { { 1, 1 }, { 3, 5 }, { 17, 33 }, { 2, 301 }, { 301, 2 }, { 65, 64 } };

    for (const gchar *const *format = support_formats; *format; format++)
        for (guint s = 0; s < G_N_ELEMENTS(sizes); s++) {
            gint width = sizes[s][0], height = sizes[s][1];
            GstHarness *harness = make(*format, width, height);
            gchar *text = support_caps(*format, width, height);
            GstCaps *caps = gst_caps_from_string(text);
            GstVideoInfo info;
            GstVideoAlignment alignment;
            gst_video_info_from_caps(&info, caps);
            gst_video_alignment_reset(&alignment);
            alignment.padding_right = alignment.padding_bottom = 16;
            alignment.padding_left = alignment.padding_top = 16;
            gst_video_info_align(&info, &alignment);
            GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&info), NULL);
            gst_buffer_memset(buffer, 0, 0x5a, GST_VIDEO_INFO_SIZE(&info));
            gst_buffer_add_video_meta_full(buffer, GST_VIDEO_FRAME_FLAG_NONE, GST_VIDEO_INFO_FORMAT(&info),
                                           (guint)width, (guint)height, GST_VIDEO_INFO_N_PLANES(&info), info.offset,
                                           info.stride);
            OnyxDetections *block = onyx_detections_new(NULL);
            OnyxDetection *item = add_box(block, -50, -50, 1000, 1000, 0);
            item->rotated = TRUE;
            item->corners[1][0] = item->corners[2][0] = 400;
            item->corners[2][1] = item->corners[3][1] = 400;
            item->mask = onyx_detections_append_mask(block, 3, 3);
            block->masks[0].x1 = block->masks[0].y1 = 500;
            memset(block->mask_data, 255, 9);
            item->first_keypoint = onyx_detections_append_keypoints(block, 17);
            item->n_keypoints = 17;
            for (guint k = 0; k < 17; k++)
                block->keypoints[k] = (OnyxKeypoint){ (gfloat)k * 30 - 100, 200 - (gfloat)k * 20, 1 };
            add_box(block, 0.5f, 0.5f, (gfloat)width - 0.5f, (gfloat)height - 0.5f, 1);
            GstBuffer *out = draw(harness, buffer, block);
            GstMapInfo map;
            gst_buffer_map(out, &map, GST_MAP_READ);
            /* The first rows and the last bytes of each plane's padding. */
            for (guint p = 0; p < GST_VIDEO_INFO_N_PLANES(&info); p++) {
                gsize start = p ? info.offset[p] - 16 : 0;
                for (gsize i = start; i < info.offset[p]; i++)
                    fail_unless(map.data[i] == 0x5a, "%s %dx%d: byte before plane %u", *format, width, height, p);
            }
            for (gint y = 0; y < height; y++)
                for (gint x = 16; x < 32; x++) {
                    gsize pixel_bytes = (gsize)GST_VIDEO_INFO_COMP_PSTRIDE(&info, 0);
                    gsize at = info.offset[0] + (gsize)y * (gsize)info.stride[0] +
                               ((gsize)width + (gsize)(x - 16) + 1) * pixel_bytes;
                    fail_unless(map.data[at] == 0x5a, "%s %dx%d: byte right of row %d", *format, width, height, y);
                }
            gst_buffer_unmap(out, &map);
            gst_buffer_unref(out);
            support_teardown(harness);
            gst_caps_unref(caps);
            g_free(text);
        }
}
GST_END_TEST

/* Boxes that are no boxes. */
GST_START_TEST(strange_boxes)
{
    static const gfloat values[] = {
        0, -1, 63.5f, 1e9f, -1e9f, 1e30f, (gfloat)INFINITY, -(gfloat)INFINITY, (gfloat)NAN
    };
    GstHarness *harness = make("I420", 64, 64);

    for (guint i = 0; i < G_N_ELEMENTS(values); i++)
        for (guint k = 0; k < G_N_ELEMENTS(values); k++) {
            OnyxDetections *block = onyx_detections_new(NULL);
            OnyxDetection *item = add_box(block, values[i], values[k], values[k], values[i], (gint)i - 2);
            item->rotated = i % 2;
            item->corners[0][0] = values[i];
            item->corners[2][1] = values[k];
            item->mask = onyx_detections_append_mask(block, 1, 1);
            block->mask_data[0] = 255;
            block->masks[0].x0 = values[k];
            block->masks[0].y1 = block->masks[0].x1 = values[i];
            item->first_keypoint = onyx_detections_append_keypoints(block, 1);
            item->n_keypoints = 1;
            block->keypoints[0] = (OnyxKeypoint){ values[i], values[k], values[i] };
            gst_buffer_unref(draw(harness, support_frame("I420", 64, 64, 0, 0), block));
        }
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(nothing_to_draw)
{
    GstHarness *harness = make("NV12", 64, 64);
    GstBuffer *in = support_frame("NV12", 64, 64, 0, 0);

    fail_unless_equals_int(gst_harness_push(harness, gst_buffer_ref(in)), GST_FLOW_OK);
    GstBuffer *out = gst_harness_pull(harness);
    fail_unless(out == in); /* shared, and not even shallowly copied */
    gst_buffer_unref(out);
    OnyxDetections *empty = onyx_detections_new(NULL);
    onyx_detection_meta_add(in, empty);
    onyx_detections_unref(empty);
    fail_unless_equals_int(gst_harness_push(harness, gst_buffer_ref(in)), GST_FLOW_OK);
    out = gst_harness_pull(harness);
    fail_unless(out == in);
    gst_buffer_unref(out);
    gst_buffer_unref(in);
    support_teardown(harness);
}
GST_END_TEST

static gboolean drawn(GstBuffer *buffer)
{
    gint rgb[3];
    support_pixel(buffer, "RGB", 64, 64, 20, 20, rgb);
    gst_buffer_unref(buffer);
    return rgb[0] + rgb[1] + rgb[2] > 0;
}

/* Boxes stay for a while on frames that nobody examined, not on those where nothing was found. */
GST_START_TEST(hold_time)
{
    GstHarness *harness = make("RGB", 64, 64);
    OnyxDetections *block = onyx_detections_new(NULL);

    add_box(block, 20, 20, 60, 60, 0);
    fail_unless(drawn(draw(harness, support_frame("RGB", 64, 64, 0, 0), onyx_detections_ref(block))));
    fail_unless(drawn(draw(harness, support_frame("RGB", 64, 64, 0, 400 * GST_MSECOND), NULL)));
    fail_unless(!drawn(draw(harness, support_frame("RGB", 64, 64, 0, 600 * GST_MSECOND), NULL)));
    fail_unless(!drawn(draw(harness, support_frame("RGB", 64, 64, 0, 610 * GST_MSECOND), NULL)));
    fail_unless(drawn(draw(harness, support_frame("RGB", 64, 64, 0, 700 * GST_MSECOND), onyx_detections_ref(block))));
    fail_unless(!drawn(draw(harness, support_frame("RGB", 64, 64, 0, 710 * GST_MSECOND), onyx_detections_new(NULL))));
    fail_unless(!drawn(draw(harness, support_frame("RGB", 64, 64, 0, 720 * GST_MSECOND), NULL)));
    g_object_set(harness->element, "hold-time", (guint64)0, NULL);
    fail_unless(drawn(draw(harness, support_frame("RGB", 64, 64, 0, 800 * GST_MSECOND), block)));
    fail_unless(!drawn(draw(harness, support_frame("RGB", 64, 64, 0, 810 * GST_MSECOND), NULL)));
    support_teardown(harness);
}
GST_END_TEST

/* filesrc without a parser: a stream in bytes, where nothing tells how old the last boxes are. */
GST_START_TEST(stream_of_bytes)
{
    GstHarness *harness = make("RGB", 64, 64);
    OnyxDetections *block = onyx_detections_new(NULL);
    GstSegment segment;

    add_box(block, 20, 20, 60, 60, 0);
    gst_segment_init(&segment, GST_FORMAT_BYTES);
    fail_unless(gst_harness_push_event(harness, gst_event_new_segment(&segment)));
    fail_unless(drawn(draw(harness, support_frame("RGB", 64, 64, 0, 0), block)));
    fail_unless(!drawn(draw(harness, support_frame("RGB", 64, 64, 0, GST_CLOCK_TIME_NONE), NULL)));
    support_teardown(harness);
}
GST_END_TEST

GST_START_TEST(masks_and_skeletons)
{
    GstHarness *harness = make("RGB", 64, 64);
    OnyxDetections *block = onyx_detections_new(NULL);
    OnyxDetection *item = add_box(block, 0, 0, 64, 64, 0);
    guint8 colour[3];
    gint rgb[3];

    g_object_set(harness->element, "draw-boxes", FALSE, "draw-labels", FALSE, "draw-scores", FALSE, "mask-opacity",
                 1.0f, NULL);
    item->mask = onyx_detections_append_mask(block, 2, 2);
    block->masks[0].x1 = block->masks[0].y1 = 64;
    block->mask_data[0] = block->mask_data[3] = 255; /* top left, bottom right */
    block->mask_data[1] = block->mask_data[2] = 0;
    item->first_keypoint = onyx_detections_append_keypoints(block, 2);
    item->n_keypoints = 2;
    block->keypoints[0] = (OnyxKeypoint){ 50, 10, 0.9f };
    block->keypoints[1] = (OnyxKeypoint){ 10, 50, 0.1f }; /* not sure enough */
    GstBuffer *out = draw(harness, support_frame("RGB", 64, 64, 0, 0), block);
    gst_onyx_class_colour(0, colour);
    support_pixel(out, "RGB", 64, 64, 8, 8, rgb);
    fail_unless(is_colour(rgb, colour, 2));
    support_pixel(out, "RGB", 64, 64, 56, 56, rgb);
    fail_unless(is_colour(rgb, colour, 2));
    support_pixel(out, "RGB", 64, 64, 10, 50, rgb);
    fail_unless(rgb[0] + rgb[1] + rgb[2] == 0);
    support_pixel(out, "RGB", 64, 64, 50, 10, rgb);
    fail_unless(rgb[0] > 200 && rgb[1] > 200 && rgb[2] > 200); /* the point's white heart */
    gst_buffer_unref(out);
    support_teardown(harness);
}
GST_END_TEST

/* Any text: scripts, emoji, very long, empty, with line breaks. */
GST_START_TEST(labels)
{
    static const gchar *const names[] = { "person",
                                          "größe",
                                          "人物检测",
                                          "שלום",
                                          "مرحبا",
                                          "👩‍🚀 rocket",
                                          "",
                                          "a\nb\tc",
                                          "0123456789012345678901234567890123456789012345678901234567890123456789"
                                          "0123456789012345678901234567890123456789012345678901234567890123456789" };
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        GstHarness *harness = make("NV12", 320, 240);
        OnyxDetections *block = onyx_detections_new(NULL);
        OnyxDetection *item = add_box(block, 40, 100, 300, 200, (gint)i);
        gint rgb[3], bright = 0;

        item->label = g_quark_from_static_string(names[i]);
        item->track_id = 12345;
        GstBuffer *out = draw(harness, support_frame("NV12", 320, 240, 0, 0), block);
        for (gint x = 42; x < 60; x++) {
            support_pixel(out, "NV12", 320, 240, x, 95, rgb);
            bright += rgb[0] + rgb[1] + rgb[2] > 60;
        }
        fail_unless(bright > 3, "'%s' was not drawn", names[i]);
        gst_buffer_unref(out);
        support_teardown(harness);
    }
}
GST_END_TEST

GST_START_TEST(glyph_cache)
{
    GstOnyxCanvas canvas;
    GstVideoInfo info;

    gst_video_info_set_format(&info, GST_VIDEO_FORMAT_I420, 64, 64);
    gst_onyx_canvas_init(&canvas, &info);
    GstOnyxGlyphs *glyphs = gst_onyx_glyphs_new("Sans", 12, &canvas);
    const GstOnyxBitmap *first = gst_onyx_glyphs_get(glyphs, "person", TRUE);
    fail_unless(first && first->width > 10 && first->height == gst_onyx_glyphs_line_height(glyphs));
    fail_unless(gst_onyx_glyphs_get(glyphs, "person", TRUE) == first);
    fail_unless(gst_onyx_glyphs_get(glyphs, "person", FALSE) != first);
    for (guint i = 0; i < 3000; i++) {
        gchar text[32];
        g_snprintf(text, sizeof text, "#%u", i);
        fail_unless(gst_onyx_glyphs_get(glyphs, text, i % 2) != NULL);
        fail_unless(gst_onyx_glyphs_get(glyphs, "person", TRUE) == first); /* what is used stays */
        fail_unless(gst_onyx_glyphs_count(glyphs) <= GST_ONYX_GLYPHS_MAX);
    }
    gst_onyx_glyphs_free(glyphs);
    gst_onyx_canvas_clear(&canvas);
}
GST_END_TEST

/* How many rows the upper line and the label of a box take. */
static void measure(gint width, gint height, gint *line, gint *label)
{
    GstHarness *harness = make("GRAY8", width, height);
    OnyxDetections *block = onyx_detections_new(NULL);
    gint rgb[3];

    add_box(block, (gfloat)width / 4, (gfloat)height / 2, (gfloat)width * 0.75f, (gfloat)height - 20, 0);
    GstBuffer *out = draw(harness, support_frame("GRAY8", width, height, 0, 0), block);
    *line = *label = 0;
    for (gint y = 0; y < height; y++) {
        support_pixel(out, "GRAY8", width, height, width / 2, y, rgb);
        *line += y < height * 3 / 4 && rgb[0] > 40;
        support_pixel(out, "GRAY8", width, height, width / 4, y, rgb);
        *label += y < height / 2 && rgb[0] > 40;
    }
    gst_buffer_unref(out);
    support_teardown(harness);
}

GST_START_TEST(sizes_follow_the_frame)
{
    gint line, label;
    measure(426, 240, &line, &label);
    fail_unless(line == 2 && label >= 10 && label <= 18, "240: line %d, label %d", line, label);
    measure(960, 1080, &line, &label);
    fail_unless(line == 3 && label >= 24 && label <= 34, "1080: line %d, label %d", line, label);
}
GST_END_TEST

GST_START_TEST(class_colours)
{
    for (gint a = 0; a < 12; a++)
        for (gint b = 0; b < a; b++) {
            guint8 first[3], second[3];
            gst_onyx_class_colour(a, first);
            gst_onyx_class_colour(b, second);
            gint distance = ABS(first[0] - second[0]) + ABS(first[1] - second[1]) + ABS(first[2] - second[2]);
            fail_unless(distance > 40, "classes %d and %d are %d apart", a, b, distance);
        }
}
GST_END_TEST

static Suite *onyx_overlay_suite(void)
{
    Suite *suite = suite_create("onnxoverlay");
    TCase *tests = tcase_create("onnxoverlay");

    suite_add_tcase(suite, tests);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, stream_of_bytes);
    tcase_add_test(tests, pixels_of_each_format);
    tcase_add_test(tests, padding_is_not_touched);
    tcase_add_test(tests, strange_boxes);
    tcase_add_test(tests, nothing_to_draw);
    tcase_add_test(tests, hold_time);
    tcase_add_test(tests, masks_and_skeletons);
    tcase_add_test(tests, labels);
    tcase_add_test(tests, glyph_cache);
    tcase_add_test(tests, sizes_follow_the_frame);
    tcase_add_test(tests, class_colours);
    return suite;
}

GST_CHECK_MAIN(onyx_overlay)
