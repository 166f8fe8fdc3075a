/* SPDX-License-Identifier: BSD-2-Clause
 *
 * OnyxNetwork: what is known about the network that made a tensor meta: names, labels, and the decoder's own notes.
 * Immutable and reference counted; it outlives the element that made it for as long as a buffer points at it. */
#ifndef ONYX_GST_NETWORK_H
#define ONYX_GST_NETWORK_H

#include "api.h"

G_BEGIN_DECLS

typedef struct _OnyxNetwork OnyxNetwork;

/* `outputs`: the names of the outputs in order. `labels`: n_labels names by class number, NULL where there is none.
 * Both are copied. `recipe`: an opaque object that onyx's decoders understand (or NULL), given back with `free`. */
ONYX_GST_API OnyxNetwork *onyx_network_new(const gchar *name, const gchar *description, const gchar *const *outputs,
                                           guint n_outputs, const gchar *const *labels, guint n_labels,
                                           gconstpointer recipe, GDestroyNotify free);
ONYX_GST_API OnyxNetwork *onyx_network_ref(OnyxNetwork *network);
ONYX_GST_API void onyx_network_unref(OnyxNetwork *network);

/* The file's name without its folder. */
ONYX_GST_API const gchar *onyx_network_get_name(const OnyxNetwork *network);
/* One line: what was recognised in the model, and from where. */
ONYX_GST_API const gchar *onyx_network_get_description(const OnyxNetwork *network);
ONYX_GST_API guint onyx_network_get_n_outputs(const OnyxNetwork *network);
/* n_outputs names. */
ONYX_GST_API const gchar *const *onyx_network_get_output_names(const OnyxNetwork *network);
ONYX_GST_API guint onyx_network_get_n_labels(const OnyxNetwork *network);
/* 0 out of range or without a name. */
ONYX_GST_API GQuark onyx_network_get_label(const OnyxNetwork *network, gint label_id);
ONYX_GST_API gconstpointer onyx_network_get_recipe(const OnyxNetwork *network);

G_END_DECLS

#endif
