/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of loaded models: key -> entry, guarded by one lock that is never held during a load. */
#include "registry.h"

#include <errno.h>
#include <gst/gst.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

GST_DEBUG_CATEGORY_EXTERN(gst_onyx_debug);
#define GST_CAT_DEFAULT gst_onyx_debug

static GMutex lock;
static GCond loaded;
static GHashTable *entries; /* gchar *key -> GstOnyxModel *, both owned by the entry */

static void log_to_gst(onyx_log_level level, const char *message, void *user)
{
    if (level == ONYX_LOG_WARNING)
        GST_WARNING("%s", message);
    else if (level == ONYX_LOG_INFO)
        GST_INFO("%s", message);
    else
        GST_DEBUG("%s", message);
}

/* Everything that decides what the compiled model is; NULL with *error if the file is not there. */
static gchar *key_of(const GstOnyxModelOptions *options, onyx_error *error)
{
    struct stat status;
    char *path = realpath(options->path, NULL);

    if (!path || stat(path, &status) != 0) {
        error->status = ONYX_ERROR_IO;
        g_snprintf(error->message, sizeof error->message, "%s: %s", options->path, g_strerror(errno));
        free(path);
        return NULL;
    }
    if (!S_ISREG(status.st_mode)) {
        error->status = ONYX_ERROR_IO;
        g_snprintf(error->message, sizeof error->message, "%s: not a regular file", options->path);
        free(path);
        return NULL;
    }
    gchar *key = g_strdup_printf("%s|%lld|%lld.%09ld|%llu|%s|%d|%d", path, (long long)status.st_size,
                                 (long long)status.st_mtim.tv_sec, (long)status.st_mtim.tv_nsec,
                                 (unsigned long long)status.st_ino, options->device ? options->device : "cpu",
                                 options->threads, (int)options->precision);
    free(path);
    return key;
}

static onyx_status load(GstOnyxModel *entry, const GstOnyxModelOptions *options, onyx_error *error)
{
    onyx_options engine = ONYX_OPTIONS(.threads = options->threads, .precision = options->precision,
                                       .device = options->device, .log = log_to_gst);
    onyx_status status = onyx_model_open(options->path, &engine, &entry->model, error);

    if (status == ONYX_OK)
        status = vision_recipe_of_model(entry->model, &entry->recipe, error);
    return status;
}

static void entry_free(GstOnyxModel *entry)
{
    vision_recipe_unref(entry->recipe);
    onyx_model_unref(entry->model);
    g_free(entry->key);
    g_free(entry);
}

/* Under the lock: the entry for `key` with a new reference, once it is loaded; or a new one, marked as loading, that
 * the caller must load. */
static GstOnyxModel *find_or_reserve(gchar *key, gboolean *must_load)
{
    GstOnyxModel *entry;

    if (!entries)
        entries = g_hash_table_new(g_str_hash, g_str_equal);
    while ((entry = g_hash_table_lookup(entries, key)) != NULL && entry->loading)
        g_cond_wait(&loaded, &lock);
    *must_load = entry == NULL;
    if (entry) {
        entry->ref_count++;
        g_free(key);
        return entry;
    }
    entry = g_new0(GstOnyxModel, 1);
    entry->ref_count = 1;
    entry->key = key;
    entry->loading = TRUE;
    g_hash_table_insert(entries, key, entry);
    return entry;
}

GstOnyxModel *gst_onyx_registry_open(const GstOnyxModelOptions *options, onyx_error *error)
{
    gboolean must_load;
    gchar *key = key_of(options, error);
    if (!key)
        return NULL;

    g_mutex_lock(&lock);
    GstOnyxModel *entry = find_or_reserve(key, &must_load);
    g_mutex_unlock(&lock);
    if (!must_load)
        return entry;

    onyx_status status = load(entry, options, error);
    g_mutex_lock(&lock);
    entry->loading = FALSE;
    if (status != ONYX_OK)
        g_hash_table_remove(entries, entry->key);
    g_cond_broadcast(&loaded);
    g_mutex_unlock(&lock);
    if (status == ONYX_OK)
        return entry;
    entry_free(entry);
    return NULL;
}

void gst_onyx_registry_close(GstOnyxModel *model)
{
    if (!model)
        return;
    g_mutex_lock(&lock);
    gboolean last = --model->ref_count == 0;
    if (last)
        g_hash_table_remove(entries, model->key);
    if (entries && g_hash_table_size(entries) == 0)
        g_clear_pointer(&entries, g_hash_table_destroy);
    g_mutex_unlock(&lock);
    if (last)
        entry_free(model);
}

guint gst_onyx_registry_size(void)
{
    g_mutex_lock(&lock);
    guint size = entries ? g_hash_table_size(entries) : 0;
    g_mutex_unlock(&lock);
    return size;
}
