/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What onnxtestscene tells at the end of the stream. */
#ifndef GST_ONYX_TESTSCENE_COUNTS_H
#define GST_ONYX_TESTSCENE_COUNTS_H

#include <gst/gst.h>

#include "scene/scene.h"

/* "onyx-scene-truth": frames (guint64), customers (guint: different ones), and two GST_TYPE_ARRAYs of structures.
 * lines: name, in, out (guint); zones: name, entries (guint), dwell (gdouble, seconds of all people together). Each has
 * points, x and y in pixels of the frame in turn: the line's ends (in: from its left to its right) or the zone's
 * corners; left out when one of them lies behind the camera. */
GstStructure *gst_onyx_scene_counts(const scene *shown, guint64 frames);

#endif
