/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx eval: truth from YOLO label files; and what all its readers share. */
#ifndef ONYX_TOOLS_EVAL_LABELS_H
#define ONYX_TOOLS_EVAL_LABELS_H

#include "eval_read.h"

/* An error with this text, which names the file and the place in it. */
void eval_fail(GError **error, const gchar *format, ...) G_GNUC_PRINTF(2, 3);
/* "b" of "a/b.jpg". To be freed. */
gchar *eval_stem(const gchar *name);

/* Class names, one a line; the first is class 0. */
gboolean eval_read_names(eval_set *set, const gchar *path, GError **error);
/* All *.txt of a folder but classes.txt, by name. Boxes are shares of their pictures until eval_scale_labels. */
gboolean eval_read_labels(eval_set *set, const gchar *path, const eval_reading *how, GError **error);
/* Into pixels, once the pictures' sizes are known (they may come with the detections only). */
gboolean eval_scale_labels(eval_set *set, const eval_reading *how, GError **error);

#endif
