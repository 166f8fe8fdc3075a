/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Where onyx-detect finds libgstonyx.so: in GStreamer's own folders, else in the build tree it was built in, else where
 * it was installed (which for /usr/local is a folder that GStreamer does not look at). */
#ifndef ONYX_TOOLS_DETECT_PLUGIN_H
#define ONYX_TOOLS_DETECT_PLUGIN_H

#include <stdbool.h>

/* After gst_init. False: nowhere. */
bool detect_find_plugin(void);

#endif
