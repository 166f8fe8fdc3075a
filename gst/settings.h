/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GstOnyxSettings: the properties of onnxinfer that say what runs and how, of which a runner is made. */
#ifndef GST_ONYX_SETTINGS_H
#define GST_ONYX_SETTINGS_H

#include "common.h"

/* What the properties say. Strings belong to the settings. */
typedef struct {
    gchar *model, *device, *labels, *mean, *scale;
    gint threads;
    onyx_precision precision;
    onyx_scaling scaling;
    GstOnyxChannelOrder channel_order;
} GstOnyxSettings;

GstOnyxSettings gst_onyx_settings_copy(const GstOnyxSettings *settings);
void gst_onyx_settings_clear(GstOnyxSettings *settings);

/* Properties 1 to GST_ONYX_SETTINGS_LAST of a class; its own follow. */
enum { GST_ONYX_SETTINGS_LAST = 11 };
void gst_onyx_settings_install(GObjectClass *class);
/* Whether it says something else now. */
gboolean gst_onyx_settings_set(GstOnyxSettings *settings, guint id, const GValue *value);
void gst_onyx_settings_get(const GstOnyxSettings *settings, guint id, GValue *value);

#endif
