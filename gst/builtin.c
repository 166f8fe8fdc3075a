/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Finds the project's own models. No path of the build machine is compiled in: a plugin in a build tree has them in a
 * folder beside its own. */
#include "builtin.h"

#include <dlfcn.h>
#include <string.h>

static gchar *file_in(const gchar *folder, const gchar *name, GString *tried)
{
    gchar *path = g_build_filename(folder, name, NULL);

    if (g_file_test(path, G_FILE_TEST_IS_REGULAR))
        return path;
    g_string_append_printf(tried, "%s%s", tried->len ? " or " : "", folder);
    g_free(path);
    return NULL;
}

/* BUILD/models of BUILD/gst/libgstonyx.so, or NULL: beside an installed plugin there is no such folder. */
static gchar *build_folder(void)
{
    Dl_info self;

    if (!dladdr((const void *)gst_onyx_choose_model, &self) || !self.dli_fname)
        return NULL;
    gchar *gst = g_path_get_dirname(self.dli_fname), *plain = g_build_filename(gst, "..", "models", NULL);
    gchar *folder = g_canonicalize_filename(plain, NULL);
    g_free(plain);
    g_free(gst);
    if (g_file_test(folder, G_FILE_TEST_IS_DIR))
        return folder;
    g_free(folder);
    return NULL;
}

static gchar *find(const gchar *name, onyx_error *error)
{
    const gchar *chosen = g_getenv("ONYX_MODELS");
    GString *tried = g_string_new(NULL);
    gchar *path = NULL;

    if (chosen && *chosen) {
        path = file_in(chosen, name, tried);
    } else {
        gchar *built = build_folder();
        if (built)
            path = file_in(built, name, tried);
        if (!path)
            path = file_in(ONYX_MODELS_DIR, name, tried);
        g_free(built);
    }
    if (!path) {
        error->status = ONYX_ERROR_ARGUMENT;
        g_snprintf(error->message, sizeof error->message,
                   "no model is given, and the built-in %s is not in %s; set the 'model' property to an .onnx file, as "
                   "in 'onnxinfer model=yolo11n.onnx'",
                   name, tried->str);
    }
    g_string_free(tried, TRUE);
    return path;
}

static void look_for_int8(const char *domain, const char *name, int version, int count, bool supported, void *user)
{
    gboolean *found = user;

    if (strstr(name, "QuantizeLinear") || strstr(name, "QLinear") || strstr(name, "Integer"))
        *found = TRUE;
}

/* A file that cannot be read says so when it is opened. */
static gboolean is_float(const gchar *path)
{
    gboolean found = FALSE;

    return onyx_model_list_operators(path, NULL, look_for_int8, &found, NULL) == ONYX_OK && !found;
}

gboolean gst_onyx_choose_model(GstOnyxSettings *settings, gboolean *builtin, gchar **notice, onyx_error *error)
{
    gboolean int8 = (gint)settings->precision == GST_ONYX_PRECISION_INT8;

    *notice = NULL;
    *builtin = !settings->model || !*settings->model;
    if (int8)
        settings->precision = ONYX_PRECISION_AUTO;
    if (*builtin) {
        g_free(settings->model);
        settings->model = find(int8 ? "people-int8.onnx" : "people.onnx", error);
    } else if (int8 && is_float(settings->model)) {
        *notice = g_strdup_printf("precision=int8: '%s' is not quantised and runs in floats. Give a file with 8-bit "
                                  "operators (QDQ or QLinear), or no model for the built-in one.",
                                  settings->model);
    }
    return settings->model != NULL;
}
