/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What every public header of libonyxgst shares: visibility and C linkage. */
#ifndef ONYX_GST_API_H
#define ONYX_GST_API_H

#include <gst/gst.h>

#if defined(__GNUC__)
#define ONYX_GST_API __attribute__((visibility("default")))
#else
#define ONYX_GST_API
#endif

#endif
