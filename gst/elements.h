/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The GTypes of the elements, for plugin.c. */
#ifndef GST_ONYX_ELEMENTS_H
#define GST_ONYX_ELEMENTS_H

#include <gst/gst.h>

GType gst_onyx_infer_get_type(void);
GType gst_onyx_decode_yolo_get_type(void);
GType gst_onyx_overlay_get_type(void);
GType gst_onyx_publish_get_type(void);
GType gst_onyx_test_scene_get_type(void);

#endif
