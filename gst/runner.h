/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GstOnyxRunner: one element's model, session and pre-processing, made from its properties in one go and then
 * unchanged, so that an element swaps from one to the next between two frames. */
#ifndef GST_ONYX_RUNNER_H
#define GST_ONYX_RUNNER_H

#include "common.h"
#include "meta/network.h"
#include "registry.h"
#include "settings.h"

typedef struct {
    OnyxNetwork *network; /* goes with every tensor meta */
    GQuark *tensor_ids;   /* one for each output, as GStreamer's own decoders look for them */
    gchar *notice;        /* something the user should know, such as a label count that does not fit; or NULL */

    /*< private >*/
    GstOnyxModel *model;
    onyx_session *session;
    vision_recipe *recipe;
    onyx_preprocess preprocess;
} GstOnyxRunner;

/* Loads (or shares) the model and makes a session: takes as long as that does. NULL with *error, whose message says
 * what and where. */
GstOnyxRunner *gst_onyx_runner_new(const GstOnyxSettings *settings, onyx_error *error);
void gst_onyx_runner_free(GstOnyxRunner *runner); /* NULL is allowed */

/* Reads the frame, runs the network. *outputs is a new reference. */
onyx_status gst_onyx_runner_infer(GstOnyxRunner *runner, const GstVideoFrame *frame, onyx_outputs **outputs,
                                  onyx_geometry *geometry, onyx_error *error);

#endif
