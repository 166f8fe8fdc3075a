/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx eval: precision over recall as an SVG picture. */
#ifndef ONYX_TOOLS_EVAL_PLOT_H
#define ONYX_TOOLS_EVAL_PLOT_H

#include "eval_metric.h"

/* One class: its curves at three IoUs; more: the mean and the classes with most truth, at IoU 0.5. */
gboolean eval_plot(const eval_set *set, const eval_result *result, const gchar *path, GError **error);

#endif
