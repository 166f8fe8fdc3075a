/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The plugin only says what it has. It opens no model and no device: the registry scan loads it for everybody. */
#include <gst/gst.h>

#include "elements.h"

GST_DEBUG_CATEGORY(gst_onyx_debug);

static gboolean plugin_init(GstPlugin *plugin)
{
    GST_DEBUG_CATEGORY_INIT(gst_onyx_debug, "onyx", 0, "Onyx: ONNX models as pipeline stages");
    return gst_element_register(plugin, "onnxinfer", GST_RANK_NONE, gst_onyx_infer_get_type()) &&
           gst_element_register(plugin, "onnxdecode-yolo", GST_RANK_NONE, gst_onyx_decode_yolo_get_type()) &&
           gst_element_register(plugin, "onnxoverlay", GST_RANK_NONE, gst_onyx_overlay_get_type()) &&
           gst_element_register(plugin, "onnxpublish", GST_RANK_NONE, gst_onyx_publish_get_type()) &&
           gst_element_register(plugin, "onnxtestscene", GST_RANK_NONE, gst_onyx_test_scene_get_type());
}

GST_PLUGIN_DEFINE(GST_VERSION_MAJOR, GST_VERSION_MINOR, onyx, "ONNX models as ordinary stages of a pipeline",
                  plugin_init, ONYX_VERSION, "BSD", "Onyx", "Unknown package origin")
