/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A pipeline that runs for long needs no more memory than after its first tenth.
 *
 * usage: soak MODEL FRAMES. Elements are found through GST_PLUGIN_PATH. */
#include "check.h"

#include <gst/gst.h>

/* Growth that is none: allocator and thread-stack pages that come into use late. */
enum { SLACK_KIB = 1024 };

typedef struct soak {
    gint64 frames, wanted;
    long early_kib, late_kib, largest_kib;
} soak;

static long resident_kib(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file) && sscanf(line, "VmRSS: %ld", &kib) != 1)
        ;
    if (file)
        fclose(file);
    return kib;
}

static GstPadProbeReturn on_frame(GstPad *pad, GstPadProbeInfo *info, gpointer user)
{
    soak *s = user;
    (void)pad;
    (void)info;
    s->frames++;
    if (s->frames == s->wanted / 10)
        s->early_kib = resident_kib();
    if (s->frames > s->wanted / 10 && s->frames % 50 == 0) {
        s->late_kib = resident_kib();
        s->largest_kib = MAX(s->largest_kib, s->late_kib);
    }
    if (s->frames % 2500 == 0)
        fprintf(stderr, "%" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " frames, %ld KiB\n", s->frames, s->wanted,
                resident_kib());
    return GST_PAD_PROBE_OK;
}

static void run(const char *model, const char *format, gint64 frames)
{
    GError *error = NULL;
    soak s = { .wanted = frames };
    char *text = g_strdup_printf("videotestsrc pattern=smpte num-buffers=%" G_GINT64_FORMAT " ! "
                                 "video/x-raw,format=%s,width=320,height=240,framerate=30/1 ! onnxinfer name=infer ! "
                                 "onnxdecode-yolo ! onnxoverlay ! onnxpublish location=/dev/null ! fakesink name=sink",
                                 frames, format);
    GstElement *pipeline = gst_parse_launch(text, &error);
    g_free(text);
    if (!CHECK(pipeline && !error, "%s", error ? error->message : "no pipeline"))
        return;
    GstElement *infer = gst_bin_get_by_name(GST_BIN(pipeline), "infer");
    GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    GstPad *pad = gst_element_get_static_pad(sink, "sink");
    g_object_set(infer, "model", model, NULL);
    gst_pad_add_probe(pad, GST_PAD_PROBE_TYPE_BUFFER, on_frame, &s, NULL);
    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *end = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    if (GST_MESSAGE_TYPE(end) == GST_MESSAGE_ERROR) {
        gst_message_parse_error(end, &error, NULL);
        CHECK(false, "%s: %s", format, error->message);
        g_error_free(error);
    }
    gst_message_unref(end);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    CHECK(s.frames == frames, "%s: %" G_GINT64_FORMAT " of %" G_GINT64_FORMAT " frames came through", format, s.frames,
          frames);
    CHECK(s.largest_kib - s.early_kib <= SLACK_KIB,
          "%s: resident memory grew from %ld KiB at frame %" G_GINT64_FORMAT " to %ld KiB", format, s.early_kib,
          frames / 10, s.largest_kib);
    printf("%s: %" G_GINT64_FORMAT " frames, %ld KiB after a tenth, %ld KiB at most, %ld KiB at the end\n", format,
           s.frames, s.early_kib, s.largest_kib, s.late_kib);
    gst_object_unref(bus);
    gst_object_unref(pad);
    gst_object_unref(sink);
    gst_object_unref(infer);
    gst_object_unref(pipeline);
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    if (argc != 3)
        return 2;
    const char *wish = g_getenv("ONYX_SOAK_FRAMES");
    gint64 frames = g_ascii_strtoll(wish ? wish : argv[2], NULL, 10);
    run(argv[1], "NV12", frames);
    run(argv[1], "RGB", frames);
    return check_done();
}
