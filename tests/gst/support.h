/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the element tests share: frames of known colours, models on disk, messages from a harness. */
#ifndef ONYX_TESTS_GST_SUPPORT_H
#define ONYX_TESTS_GST_SUPPORT_H

#include <gst/check/gstcheck.h>
#include <gst/check/gstharness.h>
#include <gst/video/video.h>

#include "tiny_model.h"

#define NAMES "{0: 'red', 1: 'blue'}"

/* All formats that the elements take. */
extern const gchar *const support_formats[];

/* A folder of this test process, removed at its end. */
const gchar *support_folder(void);
/* The path of a tiny model in that folder, written at the first call for its kind; to be freed. */
gchar *support_model(TinyKind kind);

/* "video/x-raw,format=...,width=...,height=...,framerate=30/1" */
gchar *support_caps(const gchar *format, gint width, gint height);
/* A black frame whose quadrants named in `red` (bits 0..3, as the tiny detector counts) are red. The picture is
 * square in the detector's eyes, so width and height should be too. */
GstBuffer *support_frame(const gchar *format, gint width, gint height, guint red, GstClockTime pts);
/* The colour of a pixel, as the format's colorimetry says. */
void support_pixel(GstBuffer *buffer, const gchar *format, gint width, gint height, gint x, gint y, gint rgb[3]);

/* Gives the harness's element a bus, for support_message. */
void support_watch(GstHarness *harness);
/* Takes the harness down. Messages hold their element, which holds the bus: without this, both stay for ever. */
void support_teardown(GstHarness *harness);
/* The next message of these types, or NULL at once. */
GstMessage *support_message(GstHarness *harness, GstMessageType types);
/* The text of the next error or warning; "" if there is none. To be freed. */
gchar *support_text(GstHarness *harness, GstMessageType type);
/* A field of the element's `stats`. */
guint64 support_stat(GstElement *element, const gchar *field);

/* A harness with onnxinfer and a tiny model. */
GstHarness *support_infer(TinyKind kind);
void support_set_caps(GstHarness *harness, const gchar *format, gint width, gint height);
/* A frame of 64x64 RGB in, what comes out. */
GstBuffer *support_push(GstHarness *harness, guint red, GstClockTime pts);
/* The score of class 0 of a row of the tiny detector. */
gfloat support_score(GstBuffer *buffer, guint row);

/* The next message of these types, waited for as long as a test may take here (CK_TIMEOUT_MULTIPLIER: sanitizers,
 * valgrind), or NULL. */
GstMessage *support_wait(GstBus *bus, GstMessageType types);

/* The folder of shared models, or NULL: then a test says that it is skipped. */
const gchar *support_shared(void);

#endif
