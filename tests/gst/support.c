/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Frames, models and messages for the element tests. */
#include "support.h"

#include <glib/gstdio.h>
#include <stdlib.h>

#include "canvas.h"
#include "meta/tensormeta.h"

GST_DEBUG_CATEGORY(gst_onyx_debug);

const gchar *const support_formats[] = { "NV12",      "I420",      "YV12",      "YUY2",      "UYVY",      "RGB",
                                         "BGR",       "RGBx",      "BGRx",      "RGBA",      "BGRA",      "ARGB",
                                         "GRAY8",     "NV21",      "xRGB",      "xBGR",      "ABGR",      "Y42B",
                                         "NV16",      "NV61",      "Y444",      "NV24",      "Y41B",      "AYUV",
                                         "VUYA",      "GBR",       "I420_10LE", "P010_10LE", "I422_10LE", "Y444_10LE",
                                         "I420_12LE", "I422_12LE", "Y444_12LE", "GRAY16_LE", NULL };

static gchar *folder;
static pid_t folder_owner;

static void remove_folder(void)
{
    GDir *dir = folder && folder_owner == getpid() ? g_dir_open(folder, 0, NULL) : NULL;
    const gchar *name;

    if (!dir)
        return;
    while ((name = g_dir_read_name(dir)) != NULL) {
        gchar *path = g_build_filename(folder, name, NULL);
        g_unlink(path);
        g_free(path);
    }
    g_dir_close(dir);
    g_rmdir(folder);
}

const gchar *support_folder(void)
{
    if (folder && folder_owner == getpid())
        return folder;
    folder = g_dir_make_tmp("onyx-gst-XXXXXX", NULL);
    folder_owner = getpid();
    g_assert(folder);
    atexit(remove_folder);
    return folder;
}

gchar *support_model(TinyKind kind)
{
    static const gchar *const files[] = { "detector.onnx", "nan.onnx",   "cls.onnx",
                                          "two.onnx",      "nopic.onnx", "unknown.onnx" };
    gchar *path = g_build_filename(support_folder(), files[kind], NULL);

    if (!g_file_test(path, G_FILE_TEST_EXISTS))
        tiny_model_write(path, kind, kind == TINY_CLASSIFIER || kind == TINY_NO_PICTURE ? NULL : NAMES);
    return path;
}

gchar *support_caps(const gchar *format, gint width, gint height)
{
    return g_strdup_printf("video/x-raw,format=%s,width=%d,height=%d,framerate=30/1", format, width, height);
}

static void video_info(GstVideoInfo *info, const gchar *format, gint width, gint height)
{
    gchar *text = support_caps(format, width, height);
    GstCaps *caps = gst_caps_from_string(text);
    g_assert(gst_video_info_from_caps(info, caps));
    gst_caps_unref(caps);
    g_free(text);
}

GstBuffer *support_frame(const gchar *format, gint width, gint height, guint red, GstClockTime pts)
{
    GstVideoInfo info;
    GstVideoFrame frame;
    GstOnyxCanvas canvas;

    video_info(&info, format, width, height);
    GstBuffer *buffer = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&info), NULL);
    gst_buffer_memset(buffer, 0, 0, GST_VIDEO_INFO_SIZE(&info));
    g_assert(gst_video_frame_map(&frame, &info, buffer, GST_MAP_WRITE));
    gst_onyx_canvas_init(&canvas, &info);
    gst_onyx_canvas_set_frame(&canvas, &frame);
    gst_onyx_canvas_fill(&canvas, 0, 0, width, height, gst_onyx_canvas_ink(&canvas, 0, 0, 0), 255);
    for (gint i = 0; i < 4; i++) {
        gint x = (i % 2) * width / 2, y = (i / 2) * height / 2;
        if (red & (1u << i))
            gst_onyx_canvas_fill(&canvas, x, y, x + width / 2, y + height / 2, gst_onyx_canvas_ink(&canvas, 255, 0, 0),
                                 255);
    }
    gst_onyx_canvas_clear(&canvas);
    gst_video_frame_unmap(&frame);
    GST_BUFFER_PTS(buffer) = pts;
    GST_BUFFER_DURATION(buffer) = GST_SECOND / 30;
    return buffer;
}

void support_pixel(GstBuffer *buffer, const gchar *format, gint width, gint height, gint x, gint y, gint rgb[3])
{
    GstVideoInfo in, out;
    GstVideoFrame from, to;

    video_info(&in, format, width, height);
    video_info(&out, "RGB", width, height);
    GstBuffer *converted = gst_buffer_new_allocate(NULL, GST_VIDEO_INFO_SIZE(&out), NULL);
    g_assert(gst_video_frame_map(&from, &in, buffer, GST_MAP_READ));
    g_assert(gst_video_frame_map(&to, &out, converted, GST_MAP_WRITE));
    GstVideoConverter *converter = gst_video_converter_new(&in, &out, NULL);
    gst_video_converter_frame(converter, &from, &to);
    gst_video_converter_free(converter);
    const guint8 *pixel =
        (const guint8 *)GST_VIDEO_FRAME_PLANE_DATA(&to, 0) + y * GST_VIDEO_FRAME_PLANE_STRIDE(&to, 0) + x * 3;
    for (int c = 0; c < 3; c++)
        rgb[c] = pixel[c];
    gst_video_frame_unmap(&to);
    gst_video_frame_unmap(&from);
    gst_buffer_unref(converted);
}

void support_watch(GstHarness *harness)
{
    GstBus *bus = gst_bus_new();
    gst_element_set_bus(harness->element, bus);
    gst_object_unref(bus);
}

void support_teardown(GstHarness *harness)
{
    GstBus *bus = gst_element_get_bus(harness->element);

    if (bus) {
        gst_bus_set_flushing(bus, TRUE);
        gst_object_unref(bus);
    }
    gst_harness_teardown(harness);
}

GstMessage *support_message(GstHarness *harness, GstMessageType types)
{
    GstBus *bus = gst_element_get_bus(harness->element);
    GstMessage *message = gst_bus_pop_filtered(bus, types);
    gst_object_unref(bus);
    return message;
}

gchar *support_text(GstHarness *harness, GstMessageType type)
{
    GstMessage *message = support_message(harness, type);
    GError *error = NULL;

    if (!message)
        return g_strdup("");
    if (type == GST_MESSAGE_ERROR)
        gst_message_parse_error(message, &error, NULL);
    else
        gst_message_parse_warning(message, &error, NULL);
    gchar *text = g_strdup(error->message);
    g_error_free(error);
    gst_message_unref(message);
    return text;
}

guint64 support_stat(GstElement *element, const gchar *field)
{
    GstStructure *stats = NULL;
    guint64 value = 0;

    g_object_get(element, "stats", &stats, NULL);
    g_assert(gst_structure_get_uint64(stats, field, &value));
    gst_structure_free(stats);
    return value;
}

GstMessage *support_wait(GstBus *bus, GstMessageType types)
{
    const gchar *multiplier = g_getenv("CK_TIMEOUT_MULTIPLIER");
    const guint64 slower = multiplier ? g_ascii_strtoull(multiplier, NULL, 10) : 1;

    return gst_bus_timed_pop_filtered(bus, 100 * GST_SECOND * MAX(slower, 1), types);
}

const gchar *support_shared(void)
{
    const gchar *shared = g_getenv("ONYX_SHARED");
    if (!shared)
        shared = ONYX_SOURCE_DIR "/../shared";
    return g_file_test(shared, G_FILE_TEST_IS_DIR) ? shared : NULL;
}

GstHarness *support_infer(TinyKind kind)
{
    gchar *model = support_model(kind);
    GstElement *element = gst_element_factory_make("onnxinfer", NULL);
    g_object_set(element, "model", model, NULL);
    GstHarness *harness = gst_harness_new_with_element(element, "sink", "src");
    support_watch(harness);
    gst_object_unref(element);
    g_free(model);
    return harness;
}

void support_set_caps(GstHarness *harness, const gchar *format, gint width, gint height)
{
    gchar *caps = support_caps(format, width, height);
    gst_harness_set_src_caps_str(harness, caps);
    g_free(caps);
}

GstBuffer *support_push(GstHarness *harness, guint red, GstClockTime pts)
{
    fail_unless_equals_int(gst_harness_push(harness, support_frame("RGB", 64, 64, red, pts)), GST_FLOW_OK);
    return gst_harness_pull(harness);
}

/* The score of class 0 of a row of the tiny detector. */
gfloat support_score(GstBuffer *buffer, guint row)
{
    OnyxTensorMeta *meta = onyx_tensor_meta_get(buffer);
    onyx_tensor tensor;

    fail_unless(meta != NULL);
    fail_unless_equals_int(onyx_tensor_meta_get_n_tensors(meta), 1);
    fail_unless(onyx_tensor_meta_get_tensor(meta, 0, &tensor));
    fail_unless(!onyx_tensor_meta_get_tensor(meta, 1, &tensor));
    fail_unless_equals_int(tensor.rank, 3);
    return ((const gfloat *)tensor.data)[4 * TINY_ROWS + row];
}
