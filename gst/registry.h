/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Compiled models, shared by all elements of a process that name the same file with the same options: the weights are
 * in memory once, however many streams run. The file counts as the same as long as path, size and times are. */
#ifndef GST_ONYX_REGISTRY_H
#define GST_ONYX_REGISTRY_H

#include <glib.h>

#include "onyx.h"
#include "vision/vision.h"

typedef struct {
    const gchar *path;   /* as the user wrote it */
    const gchar *device; /* NULL: cpu */
    gint threads;
    onyx_precision precision;
} GstOnyxModelOptions;

typedef struct {
    onyx_model *model;
    vision_recipe *recipe;

    /*< private >*/
    guint ref_count; /* guarded by the registry's lock */
    gchar *key;
    gboolean loading;
} GstOnyxModel;

/* The shared model, or NULL with *error. Takes as long as a load does; when another thread loads the same one, waits
 * for it. */
GstOnyxModel *gst_onyx_registry_open(const GstOnyxModelOptions *options, onyx_error *error);
void gst_onyx_registry_close(GstOnyxModel *model); /* NULL is allowed */
/* Models that are loaded now: for tests. */
guint gst_onyx_registry_size(void);

#endif
