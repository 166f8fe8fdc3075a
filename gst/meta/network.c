/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxNetwork: an immutable description, shared by all tensor metas of one loaded model. */
#include "network.h"

/* Names come from files: GStreamer and JSON want UTF-8. */
static gchar *valid(const gchar *text)
{
    return g_utf8_make_valid(text ? text : "", -1);
}

static GQuark label_quark(const gchar *label)
{
    if (!label)
        return 0;
    gchar *text = valid(label);
    GQuark quark = g_quark_from_string(text);
    g_free(text);
    return quark;
}

struct _OnyxNetwork {
    gint ref_count;
    gchar *name, *description;
    gchar **outputs; /* n_outputs, then NULL */
    guint n_outputs;
    GQuark *labels;
    guint n_labels;
    gconstpointer recipe;
    GDestroyNotify free;
};

OnyxNetwork *onyx_network_new(const gchar *name, const gchar *description, const gchar *const *outputs, guint n_outputs,
                              const gchar *const *labels, guint n_labels, gconstpointer recipe, GDestroyNotify free)
{
    OnyxNetwork *network = g_new0(OnyxNetwork, 1);

    network->ref_count = 1;
    network->name = valid(name);
    network->description = valid(description);
    network->outputs = g_new0(gchar *, n_outputs + 1);
    network->n_outputs = n_outputs;
    for (guint i = 0; i < n_outputs; i++)
        network->outputs[i] = valid(outputs[i]);
    network->labels = g_new0(GQuark, n_labels + 1);
    network->n_labels = n_labels;
    for (guint i = 0; i < n_labels; i++)
        network->labels[i] = label_quark(labels[i]);
    network->recipe = recipe;
    network->free = free;
    return network;
}

OnyxNetwork *onyx_network_ref(OnyxNetwork *network)
{
    g_atomic_int_inc(&network->ref_count);
    return network;
}

void onyx_network_unref(OnyxNetwork *network)
{
    if (!network || !g_atomic_int_dec_and_test(&network->ref_count))
        return;
    if (network->free)
        network->free((gpointer)network->recipe);
    g_free(network->name);
    g_free(network->description);
    g_strfreev(network->outputs);
    g_free(network->labels);
    g_free(network);
}

const gchar *onyx_network_get_name(const OnyxNetwork *network)
{
    return network->name;
}

const gchar *onyx_network_get_description(const OnyxNetwork *network)
{
    return network->description;
}

guint onyx_network_get_n_outputs(const OnyxNetwork *network)
{
    return network->n_outputs;
}

const gchar *const *onyx_network_get_output_names(const OnyxNetwork *network)
{
    return (const gchar *const *)network->outputs;
}

guint onyx_network_get_n_labels(const OnyxNetwork *network)
{
    return network->n_labels;
}

GQuark onyx_network_get_label(const OnyxNetwork *network, gint label_id)
{
    return label_id >= 0 && (guint)label_id < network->n_labels ? network->labels[label_id] : 0;
}

gconstpointer onyx_network_get_recipe(const OnyxNetwork *network)
{
    return network->recipe;
}
