/* SPDX-License-Identifier: BSD-2-Clause
 *
 * YOLO label files, a picture each. */
#include "eval_labels.h"

#include <math.h>
#include <stdarg.h>
#include <string.h>

void eval_fail(GError **error, const gchar *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    g_propagate_error(error, g_error_new_valist(g_quark_from_static_string("onyx-eval"), 1, format, arguments));
    va_end(arguments);
}

gchar *eval_stem(const gchar *name)
{
    gchar *base = g_path_get_basename(name);
    gchar *dot = strrchr(base, '.');
    if (dot && dot != base)
        *dot = '\0';
    return base;
}

gboolean eval_read_names(eval_set *set, const gchar *path, GError **error)
{
    gchar *text;
    if (!g_file_get_contents(path, &text, NULL, error))
        return FALSE;
    gchar **lines = g_strsplit(g_strchomp(text), "\n", -1);
    for (guint i = 0; lines[i]; i++)
        eval_set_class(set, i, g_strstrip(lines[i]));
    g_strfreev(lines);
    g_free(text);
    return TRUE;
}

/* "class cx cy w h", or a polygon "class x y x y ...", as shares of the picture. */
static gboolean label_line(eval_set *set, const gchar *path, guint number, const gchar *line, guint picture,
                           GError **error)
{
    double values[512];
    guint n = 0;
    gchar *end = (gchar *)line;
    while (n < G_N_ELEMENTS(values)) {
        const gchar *start = end;
        double value = g_ascii_strtod(start, &end);
        if (end == start)
            break;
        values[n++] = value;
    }
    while (g_ascii_isspace(*end))
        end++;
    gboolean polygon = n >= 7 && n % 2 == 1;
    gboolean good =
        *end == '\0' && (n == 5 || polygon) && values[0] >= 0 && values[0] < 1e6 && values[0] == floor(values[0]);
    for (guint i = 0; good && i < n; i++)
        good = isfinite(values[i]);
    if (!good) {
        eval_fail(error, "%s:%u: is not \"class x y width height\"", path, number);
        return FALSE;
    }
    eval_box box = { .picture = picture, .score = 1, .class = eval_set_class(set, (gint64)values[0], NULL) };
    if (polygon) {
        double x0 = values[1], x1 = x0, y0 = values[2], y1 = y0;
        for (guint i = 3; i < n; i += 2) {
            x0 = fmin(x0, values[i]);
            x1 = fmax(x1, values[i]);
            y0 = fmin(y0, values[i + 1]);
            y1 = fmax(y1, values[i + 1]);
        }
        box.x = x0;
        box.y = y0;
        box.w = x1 - x0;
        box.h = y1 - y0;
    } else {
        box.x = values[1] - values[3] / 2;
        box.y = values[2] - values[4] / 2;
        box.w = values[3];
        box.h = values[4];
    }
    g_array_append_val(set->truth, box);
    return TRUE;
}

static gboolean read_label_file(eval_set *set, const gchar *path, const gchar *name, const eval_reading *how,
                                GError **error)
{
    gchar *text;
    if (!g_file_get_contents(path, &text, NULL, error))
        return FALSE;
    gchar *stem = eval_stem(name);
    guint picture = eval_set_add_picture(set, stem, set->pictures->len, -1);
    eval_set_picture(set, picture)->width = how->width;
    eval_set_picture(set, picture)->height = how->height;
    gchar **lines = g_strsplit(text, "\n", -1);
    gboolean good = TRUE;
    for (guint i = 0; good && lines[i]; i++)
        if (*g_strstrip(lines[i]))
            good = label_line(set, path, i + 1, lines[i], picture, error);
    g_strfreev(lines);
    g_free(stem);
    g_free(text);
    return good;
}

static gint by_name(gconstpointer a, gconstpointer b)
{
    return strcmp(*(gchar *const *)a, *(gchar *const *)b);
}

gboolean eval_read_labels(eval_set *set, const gchar *path, const eval_reading *how, GError **error)
{
    GDir *folder = g_dir_open(path, 0, error);
    const gchar *name;
    gboolean good = TRUE;
    if (!folder)
        return FALSE;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    while ((name = g_dir_read_name(folder)))
        if (g_str_has_suffix(name, ".txt") && !g_str_equal(name, "classes.txt"))
            g_ptr_array_add(names, g_strdup(name));
    g_dir_close(folder);
    g_ptr_array_sort(names, by_name);
    if (names->len == 0) {
        eval_fail(error, "%s: has no label files (*.txt)", path);
        good = FALSE;
    }
    for (guint i = 0; good && i < names->len; i++) {
        gchar *file = g_build_filename(path, names->pdata[i], NULL);
        good = read_label_file(set, file, names->pdata[i], how, error);
        g_free(file);
    }
    g_ptr_array_unref(names);
    return good;
}

/* Labels are shares of pictures whose sizes may come with the detections only. */
gboolean eval_scale_labels(eval_set *set, const eval_reading *how, GError **error)
{
    for (guint i = 0; i < set->truth->len; i++) {
        eval_box *box = &g_array_index(set->truth, eval_box, i);
        const eval_picture *picture = eval_set_picture(set, box->picture);
        if (picture->width <= 0 || picture->height <= 0) {
            eval_fail(error, "%s: the picture's size is not known; give --size WIDTHxHEIGHT", picture->name);
            return FALSE;
        }
        box->x *= picture->width;
        box->w *= picture->width;
        box->y *= picture->height;
        box->h *= picture->height;
        box->area = box->w * box->h;
        box->ignore = box->h < how->min_height;
    }
    return TRUE;
}
