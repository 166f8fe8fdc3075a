/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The properties of onnxinfer that a runner is made of. */
#include "settings.h"

enum {
    PROP_0,
    PROP_MODEL,
    PROP_MODEL_FILE,
    PROP_DEVICE,
    PROP_THREADS,
    PROP_PRECISION,
    PROP_LABELS,
    PROP_LABELS_FILE,
    PROP_SCALING,
    PROP_MEAN,
    PROP_SCALE,
    PROP_CHANNEL_ORDER,
};
G_STATIC_ASSERT((int)PROP_CHANNEL_ORDER == (int)GST_ONYX_SETTINGS_LAST);

GstOnyxSettings gst_onyx_settings_copy(const GstOnyxSettings *settings)
{
    GstOnyxSettings copy = *settings;
    copy.model = g_strdup(settings->model);
    copy.device = g_strdup(settings->device);
    copy.labels = g_strdup(settings->labels);
    copy.mean = g_strdup(settings->mean);
    copy.scale = g_strdup(settings->scale);
    return copy;
}

void gst_onyx_settings_clear(GstOnyxSettings *settings)
{
    g_clear_pointer(&settings->model, g_free);
    g_clear_pointer(&settings->device, g_free);
    g_clear_pointer(&settings->labels, g_free);
    g_clear_pointer(&settings->mean, g_free);
    g_clear_pointer(&settings->scale, g_free);
}

/* Whether the string is another one now. */
static gboolean take_string(gchar **field, const GValue *value)
{
    const gchar *text = g_value_get_string(value);
    if (g_strcmp0(*field, text) == 0)
        return FALSE;
    g_free(*field);
    *field = g_strdup(text);
    return TRUE;
}

static gboolean take_int(gint *field, gint value)
{
    gboolean changed = *field != value;
    *field = value;
    return changed;
}

gboolean gst_onyx_settings_set(GstOnyxSettings *settings, guint id, const GValue *value)
{
    gboolean changed = FALSE;
    gint number;

    switch (id) {
    case PROP_MODEL:
    case PROP_MODEL_FILE:
        take_string(&settings->model, value);
        changed = TRUE; /* of the same name, another file may be there now */
        break;
    case PROP_DEVICE:
        changed = take_string(&settings->device, value);
        break;
    case PROP_THREADS:
        changed = take_int(&settings->threads, g_value_get_int(value));
        break;
    case PROP_PRECISION:
        number = (gint)settings->precision;
        changed = take_int(&number, g_value_get_enum(value));
        settings->precision = (onyx_precision)number;
        break;
    case PROP_LABELS:
    case PROP_LABELS_FILE:
        take_string(&settings->labels, value);
        changed = TRUE;
        break;
    case PROP_SCALING:
        number = (gint)settings->scaling;
        changed = take_int(&number, g_value_get_enum(value));
        settings->scaling = (onyx_scaling)number;
        break;
    case PROP_MEAN:
        changed = take_string(&settings->mean, value);
        break;
    case PROP_SCALE:
        changed = take_string(&settings->scale, value);
        break;
    case PROP_CHANNEL_ORDER:
        number = (gint)settings->channel_order;
        changed = take_int(&number, g_value_get_enum(value));
        settings->channel_order = (GstOnyxChannelOrder)number;
        break;
    default:
        g_assert_not_reached();
    }
    return changed;
}

void gst_onyx_settings_get(const GstOnyxSettings *settings, guint id, GValue *value)
{
    switch (id) {
    case PROP_MODEL:
    case PROP_MODEL_FILE:
        g_value_set_string(value, settings->model);
        break;
    case PROP_DEVICE:
        g_value_set_string(value, settings->device);
        break;
    case PROP_THREADS:
        g_value_set_int(value, settings->threads);
        break;
    case PROP_PRECISION:
        g_value_set_enum(value, (gint)settings->precision);
        break;
    case PROP_LABELS:
    case PROP_LABELS_FILE:
        g_value_set_string(value, settings->labels);
        break;
    case PROP_SCALING:
        g_value_set_enum(value, (gint)settings->scaling);
        break;
    case PROP_MEAN:
        g_value_set_string(value, settings->mean);
        break;
    case PROP_SCALE:
        g_value_set_string(value, settings->scale);
        break;
    case PROP_CHANNEL_ORDER:
        g_value_set_enum(value, (gint)settings->channel_order);
        break;
    default:
        g_assert_not_reached();
    }
}

static void install_string(GObjectClass *class, guint id, const gchar *name, const gchar *nick, const gchar *blurb,
                           const gchar *value)
{
    g_object_class_install_property(
        class, id,
        g_param_spec_string(name, nick, blurb, value,
                            G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING));
}

void gst_onyx_settings_install(GObjectClass *class)
{
    const GParamFlags flags = G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS | GST_PARAM_MUTABLE_PLAYING;

    install_string(class, PROP_MODEL, "model", "Model",
                   "The ONNX file to run; empty: the people detector that comes with Onyx. Set while playing, it is "
                   "loaded and takes over at the next frame, also one that was replaced under the same name; if it "
                   "cannot be used, the former one stays and a warning says why",
                   NULL);
    install_string(class, PROP_MODEL_FILE, "model-file", "Model", "Another name of 'model'", NULL);
    install_string(class, PROP_DEVICE, "device", "Device",
                   "Where to run: an ordered wish with commas between, the first that works is taken. Known: cpu",
                   "cpu");
    g_object_class_install_property(
        class, PROP_THREADS,
        g_param_spec_int("threads", "Threads",
                         "Threads of one run. 0: as many as there are cores that this process may use", 0, 1024, 0,
                         flags));
    g_object_class_install_property(class, PROP_PRECISION,
                                    g_param_spec_enum("precision", "Precision", "The arithmetic to use",
                                                      gst_onyx_precision_get_type(), ONYX_PRECISION_AUTO, flags));
    install_string(class, PROP_LABELS, "labels", "Labels",
                   "Names of the classes, where the model's own are missing or not wanted: a text file with one name "
                   "a line, or the names with commas between",
                   NULL);
    install_string(class, PROP_LABELS_FILE, "labels-file", "Labels", "Another name of 'labels'", NULL);
    g_object_class_install_property(class, PROP_SCALING,
                                    g_param_spec_enum("scaling", "Scaling", "How the frame is fitted into the input",
                                                      gst_onyx_scaling_get_type(), ONYX_SCALING_AUTO, flags));
    install_string(class, PROP_MEAN, "mean", "Mean",
                   "Subtracted from the pixels, which are 0..255, before scale: (pixel - mean) * scale. One number, or "
                   "three with commas between in the network's channel order; empty: what the model needs",
                   NULL);
    install_string(class, PROP_SCALE, "scale", "Scale",
                   "Multiplies the pixels after mean was subtracted; 0.00392157 turns 0..255 into 0..1. One number, or "
                   "three with commas between in the network's channel order; empty: what the model needs",
                   NULL);
    g_object_class_install_property(
        class, PROP_CHANNEL_ORDER,
        g_param_spec_enum("channel-order", "Channel order", "The order of the colours in the network's input",
                          gst_onyx_channel_order_get_type(), GST_ONYX_CHANNELS_AUTO, flags));
}
