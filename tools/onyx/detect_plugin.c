/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See detect_plugin.h. */
#include "detect_plugin.h"

#include <gst/gst.h>

static bool is_there(void)
{
    GstElementFactory *factory = gst_element_factory_find("onnxinfer");
    if (!factory)
        return false;
    gst_object_unref(factory);
    return true;
}

bool detect_find_plugin(void)
{
    char *self = g_file_read_link("/proc/self/exe", NULL);
    char *folder = self ? g_path_get_dirname(self) : NULL;
    char *built = folder ? g_build_filename(folder, "..", "..", "gst", "libgstonyx.so", NULL) : NULL;
    GstRegistry *registry = gst_registry_get();
    /* A build tree first: what was just built is meant, not what was installed before. */
    if (built && g_file_test(built, G_FILE_TEST_EXISTS)) {
        GstPlugin *plugin = gst_plugin_load_file(built, NULL);
        if (plugin)
            gst_object_unref(plugin);
    }
    if (!is_there())
        gst_registry_scan_path(registry, ONYX_PLUGIN_DIR);
    g_free(built);
    g_free(folder);
    g_free(self);
    return is_there();
}
