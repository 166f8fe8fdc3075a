/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx-detect, the program behind `onyx detect`: one GStreamer pipeline from any source that decodebin or v4l2src
 * reads, or from a rendered scene, through onnxinfer and onnxdecode-yolo, to a window, an MP4 file, PNGs, and text or
 * JSON lines. */
#include "command.h"
#include "detect_plugin.h"
#include "detect_sheet.h"

#include <gst/gst.h>
#include <gst/video/video.h>
#include <onyxgst.h>

#include <glib-unix.h>
#include <string.h>

typedef struct detect {
    /* what was asked for */
    const char *model, *source;
    const char *labels, *classes, *precision, *png, *mp4, *sheet_png, *lines;
    double confidence, iou;
    int threads, limit;
    bool as_json, window, quiet;

    GstElement *pipeline;
    GMainLoop *loop;
    GstElement *infer;
    /* written on the streaming thread, read after it has stopped */
    guint64 frames, objects;
    gint64 first_us, last_us;
    GstSample *best; /* the frame with the most objects, for the PNG */
    gint best_count; /* -1: none yet */
    detect_sheet *sheet;
    gint stopping;
    bool failed;
} detect;

/* ---- on the way of a frame ---- */

static guint print_detections(const detect *d, GstBuffer *buffer)
{
    gpointer state = NULL;
    OnyxDetectionMeta *meta;
    guint count = 0;
    while ((meta = onyx_detection_meta_iterate(buffer, &state)) != NULL) {
        for (guint i = 0; i < meta->detections->count; i++, count++) {
            const OnyxDetection *o = &meta->detections->items[i];
            const char *label = o->label ? g_quark_to_string(o->label) : NULL;
            char number[32];
            if (d->quiet || d->as_json)
                continue;
            g_snprintf(number, sizeof number, "class %d", o->label_id);
            g_print("frame %" G_GUINT64_FORMAT ": %-16s %.2f  x %.0f-%.0f y %.0f-%.0f\n", d->frames,
                    label ? label : number, o->score, o->x0, o->x1, o->y0, o->y1);
        }
    }
    return count;
}

static GstPadProbeReturn on_frame(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    detect *d = user;
    GstBuffer *buffer = GST_PAD_PROBE_INFO_BUFFER(info);
    if (d->limit && d->frames >= (guint64)d->limit)
        return GST_PAD_PROBE_DROP; /* it was on its way before the end came from the source */
    guint count = print_detections(d, buffer);
    d->last_us = g_get_monotonic_time();
    if (d->frames++ == 0)
        d->first_us = d->last_us;
    d->objects += count;
    GstCaps *caps = d->png || d->sheet ? gst_pad_get_current_caps(pad) : NULL;
    if (d->sheet)
        detect_sheet_add(d->sheet, buffer, caps);
    if (d->png && (gint)count > d->best_count) {
        if (d->best)
            gst_sample_unref(d->best);
        /* A deep copy: a kept buffer would be one less in the decoder's pool. */
        GstBuffer *copy = gst_buffer_copy_deep(buffer);
        d->best = gst_sample_new(copy, caps, NULL, NULL);
        d->best_count = (gint)count;
        gst_buffer_unref(copy);
    }
    if (caps)
        gst_caps_unref(caps);
    if (d->limit && d->frames >= (guint64)d->limit && g_atomic_int_compare_and_exchange(&d->stopping, 0, 1))
        gst_element_post_message(
            d->infer, gst_message_new_application(GST_OBJECT(d->infer), gst_structure_new_empty("onyx-limit")));
    return GST_PAD_PROBE_OK;
}

/* ---- the pipeline ---- */

static bool has_element(const char *name)
{
    GstElementFactory *factory = gst_element_factory_find(name);
    if (!factory)
        return false;
    gst_object_unref(factory);
    return true;
}

/* "x264enc ... ! h264parse", of the encoders that Debian has; NULL: none. */
static const char *encoder(void)
{
    if (has_element("x264enc"))
        return "x264enc speed-preset=veryfast tune=zerolatency bitrate=4000 ! h264parse";
    if (has_element("openh264enc"))
        return "openh264enc bitrate=4000000 ! h264parse";
    if (has_element("avenc_mpeg4"))
        return "avenc_mpeg4 bitrate=4000000 ! mpeg4videoparse";
    return NULL;
}

/* "scene", or "scene:PROPERTY=VALUE ..."; -> the properties, or NULL for every other source. */
static const char *scene_properties(const char *source)
{
    if (strcmp(source, "scene") == 0)
        return "";
    return g_str_has_prefix(source, "scene:") ? source + strlen("scene:") : NULL;
}

static bool is_live(const char *source)
{
    return g_str_has_prefix(source, "/dev/video") || g_str_has_prefix(source, "rtsp");
}

/* What renders or decodes, up to raw video. */
static void describe_source(const detect *d, GString *text)
{
    const char *scene = scene_properties(d->source);
    if (scene)
        g_string_append_printf(text,
                               "onnxtestscene name=source %s ! video/x-raw,format=NV12,width=1280,height=720,"
                               "framerate=25/1 ! queue max-size-buffers=4 ! ",
                               scene);
    else if (g_str_has_prefix(d->source, "/dev/video"))
        g_string_append(text, "v4l2src name=source ! decodebin ! ");
    else
        g_string_append(text, "uridecodebin name=source caps=video/x-raw ! ");
    /* One newest frame waits: a slow model delays a live picture by one frame at most. */
    if (is_live(d->source))
        g_string_append(text, "queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! ");
}

/* The pipeline as text; locations are set on the elements afterwards, so that any file name works. */
static char *describe(const detect *d, GError **error)
{
    GString *text = g_string_new(NULL);
    describe_source(d, text);
    g_string_append(text, "videoconvert ! onnxinfer name=infer ! ");
    /* Average precision needs the doubtful ones too, which nobody wants to see. The queue lets the other branch start:
     * this one's sink holds its first frame until all play. */
    if (d->lines)
        g_string_append(text, "tee name=all all. ! queue max-size-buffers=16 max-size-bytes=0 max-size-time=0 ! "
                              "onnxdecode-yolo confidence-threshold=0.01 ! onnxpublish name=lines ! "
                              "fakesink sync=false async=false all. ! ");
    g_string_append(text, "onnxdecode-yolo name=decode ! ");
    if (d->as_json)
        g_string_append(text, "onnxpublish name=publish ! ");
    if (d->png || d->mp4 || d->sheet_png || d->window)
        g_string_append(text, "onnxoverlay ! ");
    g_string_append(text, "identity name=end silent=true ! ");
    if (d->mp4) {
        const char *encode = encoder();
        if (!encode) {
            g_set_error(error, GST_PARSE_ERROR, GST_PARSE_ERROR_NO_SUCH_ELEMENT,
                        "no video encoder: install gstreamer1.0-plugins-ugly (x264enc)");
            g_string_free(text, TRUE);
            return NULL;
        }
        g_string_append_printf(text, "%squeue max-size-buffers=4 ! videoconvert ! %s ! mp4mux ! filesink name=mp4",
                               d->window ? "tee name=t ! " : "", encode);
        if (d->window)
            g_string_append(text, " t. ! queue ! ");
    }
    if (d->window)
        g_string_append(text, "videoconvert ! autovideosink");
    else if (!d->mp4)
        g_string_append(text, "fakesink sync=false");
    return g_string_free(text, FALSE);
}

static void set_text(GstElement *pipeline, const char *element, const char *property, const char *value)
{
    GstElement *found = value ? gst_bin_get_by_name(GST_BIN(pipeline), element) : NULL;
    if (!found)
        return;
    gst_util_set_object_arg(G_OBJECT(found), property, value);
    gst_object_unref(found);
}

static bool set_source(detect *d, GError **error)
{
    if (scene_properties(d->source)) {
        GstElement *source = gst_bin_get_by_name(GST_BIN(d->pipeline), "source");
        if (d->limit)
            g_object_set(source, "num-buffers", d->limit, NULL);
        gst_object_unref(source);
        return true;
    }
    if (g_str_has_prefix(d->source, "/dev/video")) {
        set_text(d->pipeline, "source", "device", d->source);
        return true;
    }
    char *uri = gst_uri_is_valid(d->source) ? g_strdup(d->source) : gst_filename_to_uri(d->source, error);
    if (!uri)
        return false;
    set_text(d->pipeline, "source", "uri", uri);
    g_free(uri);
    return true;
}

static bool build(detect *d, GError **error)
{
    char *text = describe(d, error);
    if (!text)
        return false;
    d->pipeline = gst_parse_launch_full(text, NULL, GST_PARSE_FLAG_FATAL_ERRORS, error);
    g_free(text);
    if (!d->pipeline || !set_source(d, error))
        return false;
    d->infer = gst_bin_get_by_name(GST_BIN(d->pipeline), "infer");
    GstElement *decode = gst_bin_get_by_name(GST_BIN(d->pipeline), "decode");
    GstElement *end = gst_bin_get_by_name(GST_BIN(d->pipeline), "end");
    g_object_set(d->infer, "model", d->model, "threads", d->threads, NULL);
    set_text(d->pipeline, "infer", "labels", d->labels);
    set_text(d->pipeline, "decode", "classes", d->classes);
    if (d->confidence > 0)
        g_object_set(decode, "confidence-threshold", d->confidence, NULL);
    if (d->iou > 0)
        g_object_set(decode, "iou-threshold", d->iou, NULL);
    set_text(d->pipeline, "infer", "precision", d->precision);
    set_text(d->pipeline, "publish", "location", "-");
    set_text(d->pipeline, "lines", "location", d->lines);
    set_text(d->pipeline, "mp4", "location", d->mp4);
    GstPad *pad = gst_element_get_static_pad(end, "src");
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, d, NULL);
    gst_object_unref(pad);
    gst_object_unref(end);
    gst_object_unref(decode);
    return true;
}

/* ---- running ---- */

/* Which is how one ends a window, and no failure. */
static bool window_was_closed(const detect *d, GstMessage *message, const GError *error)
{
    return d->window && g_error_matches(error, GST_RESOURCE_ERROR, GST_RESOURCE_ERROR_NOT_FOUND) &&
           GST_IS_ELEMENT(GST_MESSAGE_SRC(message)) &&
           GST_OBJECT_FLAG_IS_SET(GST_MESSAGE_SRC(message), GST_ELEMENT_FLAG_SINK) && d->frames > 0;
}

static gboolean on_message(GstBus *bus, GstMessage *message, gpointer user)
{
    detect *d = user;
    GError *error = NULL;
    char *detail = NULL;
    switch (GST_MESSAGE_TYPE(message)) {
    case GST_MESSAGE_EOS:
        g_main_loop_quit(d->loop);
        break;
    case GST_MESSAGE_ERROR:
        gst_message_parse_error(message, &error, &detail);
        if (window_was_closed(d, message, error)) {
            g_main_loop_quit(d->loop);
            break;
        }
        wanting("detect", "%s", error->message);
        if (detail)
            g_printerr("%s\n", detail);
        d->failed = true;
        g_main_loop_quit(d->loop);
        break;
    case GST_MESSAGE_WARNING:
        gst_message_parse_warning(message, &error, &detail);
        g_printerr("onyx detect: warning: %s\n", error->message);
        break;
    case GST_MESSAGE_INFO:
        gst_message_parse_info(message, &error, &detail);
        g_printerr("onyx detect: %s\n", error->message);
        break;
    case GST_MESSAGE_APPLICATION: /* enough frames */
        gst_element_send_event(d->pipeline, gst_event_new_eos());
        break;
    default:
        break;
    }
    g_clear_error(&error);
    g_free(detail);
    return G_SOURCE_CONTINUE;
}

/* The first Ctrl-C (or SIGTERM) ends the stream in order, so that the MP4 file is whole; the second one quits. */
static gboolean on_interrupt(gpointer user)
{
    detect *d = user;
    if (!g_atomic_int_compare_and_exchange(&d->stopping, 0, 1))
        g_main_loop_quit(d->loop);
    else
        gst_element_send_event(d->pipeline, gst_event_new_eos());
    return G_SOURCE_CONTINUE;
}

static bool ends_in(const char *name, const char *end)
{
    size_t length = strlen(name), tail = strlen(end);
    return length > tail && g_ascii_strcasecmp(name + length - tail, end) == 0;
}

/* PNG, or JPEG by the name's ending. sample: raw video, or NULL if no frame came. */
static bool write_picture(const char *path, GstSample *sample)
{
    GError *error = NULL;
    if (!sample) {
        wanting("detect", "%s: no frame came", path);
        return false;
    }
    GstCaps *caps = gst_caps_new_empty_simple(ends_in(path, ".jpg") ? "image/jpeg" : "image/png");
    GstSample *png = gst_video_convert_sample(sample, caps, 30 * GST_SECOND, &error);
    bool written = false;
    gst_caps_unref(caps);
    if (png) {
        GstMapInfo map;
        if (gst_buffer_map(gst_sample_get_buffer(png), &map, GST_MAP_READ)) {
            written = g_file_set_contents(path, (const char *)map.data, (gssize)map.size, &error);
            gst_buffer_unmap(gst_sample_get_buffer(png), &map);
        }
        gst_sample_unref(png);
    }
    if (written)
        g_printerr("wrote %s\n", path);
    else
        wanting("detect", "%s: %s", path, error ? error->message : "cannot be written");
    g_clear_error(&error);
    return written;
}

static bool write_pictures(detect *d)
{
    bool written = !d->png || write_picture(d->png, d->best);
    if (d->sheet) {
        GstSample *sheet = detect_sheet_make(d->sheet);
        written = write_picture(d->sheet_png, sheet) && written;
        if (sheet)
            gst_sample_unref(sheet);
    }
    return written;
}

/* Lines that could not be written: the disk is full, or the reader went away. */
static bool lost_lines(const detect *d, const char *element)
{
    GstElement *publish = gst_bin_get_by_name(GST_BIN(d->pipeline), element);
    GstStructure *stats = NULL;
    guint64 dropped = 0;
    if (!publish)
        return false;
    g_object_get(publish, "stats", &stats, NULL);
    gst_structure_get_uint64(stats, "dropped", &dropped);
    gst_structure_free(stats);
    gst_object_unref(publish);
    if (dropped > 0)
        wanting("detect", "%" G_GUINT64_FORMAT " lines could not be written", dropped);
    return dropped > 0;
}

static void print_summary(const detect *d)
{
    double seconds = (double)(d->last_us - d->first_us) / 1e6;
    GstStructure *stats = NULL;
    guint64 mean = 0, p95 = 0;
    g_printerr("%" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT " objects", d->frames, d->objects);
    if (d->frames > 1 && seconds > 0)
        g_printerr(", %.1f frames per second", (double)(d->frames - 1) / seconds);
    g_object_get(d->infer, "stats", &stats, NULL);
    if (stats &&
        gst_structure_get(stats, "latency-mean-ns", G_TYPE_UINT64, &mean, "latency-p95-ns", G_TYPE_UINT64, &p95, NULL))
        g_printerr(", inference %.1f ms (p95 %.1f)", (double)mean / 1e6, (double)p95 / 1e6);
    if (stats)
        gst_structure_free(stats);
    g_printerr("\n");
    if (d->mp4)
        g_printerr("wrote %s\n", d->mp4);
}

static int run(detect *d)
{
    GError *error = NULL;
    if (!build(d, &error)) {
        wanting("detect", "%s", error ? error->message : "no pipeline");
        g_clear_error(&error);
        return EXIT_WANTING;
    }
    d->loop = g_main_loop_new(NULL, FALSE);
    GstBus *bus = gst_element_get_bus(d->pipeline);
    guint watch = gst_bus_add_watch(bus, on_message, d);
    guint interrupt = g_unix_signal_add(SIGINT, on_interrupt, d), end = g_unix_signal_add(SIGTERM, on_interrupt, d);
    if (gst_element_set_state(d->pipeline, GST_STATE_PLAYING) == GST_STATE_CHANGE_FAILURE) {
        /* The reason is a message that waits on the bus; a failure without one must not wait for ever. */
        GstMessage *message = gst_bus_timed_pop_filtered(bus, GST_SECOND, GST_MESSAGE_ERROR);
        if (message) {
            on_message(bus, message, d);
            gst_message_unref(message);
        }
        d->failed = true;
    } else {
        g_main_loop_run(d->loop);
    }
    gst_element_set_state(d->pipeline, GST_STATE_NULL);
    if (!d->failed)
        print_summary(d);
    if (!d->failed)
        d->failed = !write_pictures(d);
    d->failed = lost_lines(d, "publish") || d->failed;
    d->failed = lost_lines(d, "lines") || d->failed;
    g_source_remove(watch);
    g_source_remove(interrupt);
    g_source_remove(end);
    gst_object_unref(bus);
    g_main_loop_unref(d->loop);
    return d->failed ? EXIT_WANTING : EXIT_DONE;
}

/* -o FILE by its ending. */
static bool set_outputs(detect *d, const option_list *outputs)
{
    for (int i = 0; i < outputs->count; i++) {
        const char *name = outputs->items[i];
        if (ends_in(name, ".png") || ends_in(name, ".jpg")) {
            d->png = name;
        } else if (ends_in(name, ".mp4")) {
            d->mp4 = name;
        } else {
            misused("detect", "-o %s: the name must end in .jpg, .png or .mp4", name);
            return false;
        }
    }
    return true;
}

/* An output that is the model or the source would be emptied before it is read. */
static const char *overwritten(const detect *d)
{
    const char *outputs[] = { d->png, d->mp4, d->sheet_png, d->lines };
    char *path = gst_uri_is_valid(d->source) ? g_filename_from_uri(d->source, NULL, NULL) : g_strdup(d->source);
    const char *found = NULL;
    for (guint i = 0; i < G_N_ELEMENTS(outputs) && !found; i++)
        if (same_file(outputs[i], path) || same_file(outputs[i], d->model))
            found = outputs[i];
    g_free(path);
    return found;
}

static bool knows_precision(const char *name)
{
    GstElement *infer = gst_element_factory_make("onnxinfer", NULL);
    GParamSpec *spec = g_object_class_find_property(G_OBJECT_GET_CLASS(infer), "precision");
    bool known = g_enum_get_value_by_nick(G_PARAM_SPEC_ENUM(spec)->enum_class, name) != NULL;
    gst_object_unref(infer);
    return known;
}

int main(int argc, char **argv)
{
    detect d = { .best_count = -1 };
    option_list outputs = { .count = 0 };
    const option options[] = {
        { "output", 'o', OPTION_LIST, &outputs, "FILE",
          "write FILE.mp4, or FILE.png or .jpg (the frame with most objects); again: both" },
        { "sheet", 0, OPTION_TEXT, &d.sheet_png, "FILE.png", "write a contact sheet: up to 12 frames, evenly spread" },
        { "eval", 0, OPTION_TEXT, &d.lines, "FILE",
          "write JSON lines for onyx eval: all down to a score of 0.01, and a scene's truth" },
        { "window", 'w', OPTION_FLAG, &d.window, NULL, "show a window" },
        { "json", 0, OPTION_FLAG, &d.as_json, NULL, "print a JSON line per frame (DL Streamer's schema)" },
        { "quiet", 'q', OPTION_FLAG, &d.quiet, NULL, "print no single objects, only the sum" },
        { "frames", 'n', OPTION_INT, &d.limit, "N", "stop after N frames", .minimum = 1 },
        { "confidence", 'c', OPTION_DOUBLE, &d.confidence, "X", "lowest score that counts (default: the decoder's)",
          .maximum = 1 },
        { "iou", 0, OPTION_DOUBLE, &d.iou, "X", "overlap above which of two boxes one goes (default: the decoder's)",
          .maximum = 1 },
        { "labels", 'l', OPTION_TEXT, &d.labels, "FILE", "class names, one a line (default: the model's own)" },
        { "classes", 0, OPTION_TEXT, &d.classes, "LIST", "only these classes: names or numbers, comma-separated" },
        { "precision", 'p', OPTION_TEXT, &d.precision, "WHICH", "auto, fp32, strict, bf16, fp16 or int8" },
        { "threads", 't', OPTION_INT, &d.threads, "N", "threads of one run; 0: all cores this process may use" },
        { NULL },
    };
    const verb_usage usage = {
        "detect",
        "[MODEL] SOURCE",
        "Finds objects; without MODEL people, with the built-in model. SOURCE is a picture, a video, /dev/videoN, a "
        "URI\n"
        "such as rtsp://host/path, or \"scene\": a rendered shop (\"scene:seed=3 people=12\" sets properties of\n"
        "onnxtestscene). Objects are printed on stdout, frames per second on stderr. Ctrl-C ends the stream in order.",
        options,
        1,
        2
    };
    int count, status;
    if (!options_parse(&usage, argc, argv, &count, &status))
        return finished("detect", status);
    if (!set_outputs(&d, &outputs))
        return EXIT_MISUSED;
    d.model = count > 1 ? argv[0] : NULL;
    d.source = argv[count - 1];
    if (!d.model && g_str_has_suffix(d.source, ".onnx"))
        return misused("detect", "%s is a model; name a source too. usage: onyx detect [MODEL] SOURCE", d.source);
    if (d.model && !g_file_test(d.model, G_FILE_TEST_IS_REGULAR))
        return wanting("detect", "%s: no such file (the model comes first, then the source)", d.model);
    if (!gst_uri_is_valid(d.source) && !scene_properties(d.source) && !g_file_test(d.source, G_FILE_TEST_EXISTS))
        return wanting("detect", "%s: no such file or device", d.source);
    const char *both = overwritten(&d);
    if (both)
        return misused("detect", "%s is read, so it cannot be written", both);
    gst_init(NULL, NULL);
    if (!detect_find_plugin())
        return wanting("detect", "GStreamer does not find Onyx's plugin; set GST_PLUGIN_PATH to the folder of "
                                 "libgstonyx.so");
    if (d.precision && !knows_precision(d.precision))
        return misused("detect", "unknown precision \"%s\"; there are auto, fp32, strict, bf16, fp16 and int8",
                       d.precision);
    if (d.sheet_png)
        d.sheet = detect_sheet_new();
    status = run(&d);
    detect_sheet_free(d.sheet);
    if (d.best)
        gst_sample_unref(d.best);
    if (d.infer)
        gst_object_unref(d.infer);
    if (d.pipeline)
        gst_object_unref(d.pipeline);
    gst_deinit();
    return finished("detect", status);
}
