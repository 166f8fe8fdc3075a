/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Example: a GStreamer pipeline whose detections arrive in a callback.
 *
 *     onyx-callback yolo11n.onnx shop.mp4
 *
 * The detections are read from the metadata that onnxdecode-yolo attaches to each frame: no JSON, no copy. Whoever
 * only wants to know without writing C can use onnxpublish instead.
 * Build outside of this tree:
 *
 *     cc callback.c -o onyx-callback $(pkg-config --cflags --libs onyx-gst-1.0 gstreamer-app-1.0)
 */
#include <gst/app/gstappsink.h>
#include <gst/gst.h>
#include <onyxgst.h>

#include <stdio.h>
#include <stdlib.h>

typedef struct {
    guint64 frames, objects;
} Tally;

/* Called for every frame, on the pipeline's thread: what takes long belongs elsewhere. */
static GstFlowReturn on_frame(GstAppSink *sink, gpointer user)
{
    Tally *tally = user;
    GstSample *sample = gst_app_sink_pull_sample(sink);
    if (!sample)
        return GST_FLOW_EOS;

    GstBuffer *buffer = gst_sample_get_buffer(sample);
    OnyxDetectionMeta *meta;
    gpointer state = NULL;
    while ((meta = onyx_detection_meta_iterate(buffer, &state)) != NULL) {
        for (guint i = 0; i < meta->detections->count; i++) {
            const OnyxDetection *d = &meta->detections->items[i];
            printf("%6.2f s  %-16s %.2f  x %.0f-%.0f y %.0f-%.0f\n", (double)GST_BUFFER_PTS(buffer) / GST_SECOND,
                   d->label ? g_quark_to_string(d->label) : "?", d->score, d->x0, d->x1, d->y0, d->y1);
            tally->objects++;
        }
    }
    tally->frames++;
    gst_sample_unref(sample);
    return GST_FLOW_OK;
}

/* Waits for the end or an error; FALSE after an error. */
static gboolean wait_for_end(GstElement *pipeline)
{
    GstBus *bus = gst_element_get_bus(pipeline);
    GstMessage *message = gst_bus_timed_pop_filtered(bus, GST_CLOCK_TIME_NONE, GST_MESSAGE_EOS | GST_MESSAGE_ERROR);
    gboolean good = GST_MESSAGE_TYPE(message) == GST_MESSAGE_EOS;
    if (!good) {
        GError *error = NULL;
        gst_message_parse_error(message, &error, NULL);
        fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
    }
    gst_message_unref(message);
    gst_object_unref(bus);
    return good;
}

int main(int argc, char **argv)
{
    gst_init(&argc, &argv);
    if (argc != 3) {
        fprintf(stderr, "usage: %s MODEL.onnx VIDEO\n", argv[0]);
        return 2;
    }

    GError *error = NULL;
    GstElement *pipeline =
        gst_parse_launch("filesrc name=source ! decodebin ! onnxinfer name=infer ! onnxdecode-yolo ! "
                         "appsink name=sink sync=false",
                         &error);
    if (!pipeline || error) {
        fprintf(stderr, "%s\n", error->message);
        g_error_free(error);
        return EXIT_FAILURE;
    }
    GstElement *source = gst_bin_get_by_name(GST_BIN(pipeline), "source");
    GstElement *infer = gst_bin_get_by_name(GST_BIN(pipeline), "infer");
    GstElement *sink = gst_bin_get_by_name(GST_BIN(pipeline), "sink");
    g_object_set(infer, "model", argv[1], NULL);
    g_object_set(source, "location", argv[2], NULL);

    Tally tally = { 0, 0 };
    GstAppSinkCallbacks callbacks = { .new_sample = on_frame };
    gst_app_sink_set_callbacks(GST_APP_SINK(sink), &callbacks, &tally, NULL);

    gst_element_set_state(pipeline, GST_STATE_PLAYING);
    gboolean good = wait_for_end(pipeline);
    gst_element_set_state(pipeline, GST_STATE_NULL);
    printf("%" G_GUINT64_FORMAT " frames, %" G_GUINT64_FORMAT " objects\n", tally.frames, tally.objects);

    gst_object_unref(sink);
    gst_object_unref(infer);
    gst_object_unref(source);
    gst_object_unref(pipeline);
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
