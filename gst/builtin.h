/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The project's own models: what onnxinfer runs when none is given. */
#ifndef GST_ONYX_BUILTIN_H
#define GST_ONYX_BUILTIN_H

#include "runner.h"

/* Turns what the properties say into the file and the precision that the engine knows. Without a model that is the
 * people detector, in floats or in 8 bits, and *builtin is set: of $ONYX_MODELS alone, if that is set; else of the
 * build tree of this very plugin, else where it was installed. *notice, to be freed: 8 bits are asked of a file that
 * has none. False with *error, which names the folders: there is no such file. May read the file. */
gboolean gst_onyx_choose_model(GstOnyxSettings *settings, gboolean *builtin, gchar **notice, onyx_error *error);

#endif
