/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Files from outside: every field is checked for its kind, and an error names the file and the place in it. */
#include "eval_read.h"
#include "eval_labels.h"

#include <json-glib/json-glib.h>

#include <math.h>
#include <string.h>

/* ---- fields ---- */

static gboolean is_number(JsonNode *node)
{
    return node && JSON_NODE_HOLDS_VALUE(node) &&
           (json_node_get_value_type(node) == G_TYPE_INT64 || json_node_get_value_type(node) == G_TYPE_DOUBLE);
}

static gboolean get_number(JsonObject *object, const gchar *name, double *value)
{
    JsonNode *node = json_object_get_member(object, name);
    if (!is_number(node))
        return FALSE;
    *value = json_node_get_double(node);
    return isfinite(*value);
}

static gboolean get_int(JsonObject *object, const gchar *name, gint64 *value)
{
    double number;
    JsonNode *node = json_object_get_member(object, name);
    if (is_number(node) && json_node_get_value_type(node) == G_TYPE_INT64) {
        *value = json_node_get_int(node);
        return TRUE;
    }
    if (!get_number(object, name, &number) || number != floor(number) || fabs(number) > 9e15)
        return FALSE;
    *value = (gint64)number;
    return TRUE;
}

static const gchar *get_text(JsonObject *object, const gchar *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

static JsonObject *get_object(JsonObject *object, const gchar *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static JsonArray *get_array(JsonObject *object, const gchar *name)
{
    JsonNode *node = json_object_get_member(object, name);
    return node && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

static JsonObject *element_object(JsonArray *array, guint i)
{
    JsonNode *node = json_array_get_element(array, i);
    return JSON_NODE_HOLDS_OBJECT(node) ? json_node_get_object(node) : NULL;
}

static gboolean get_rectangle(JsonObject *object, eval_box *box)
{
    if (!object || !get_number(object, "x", &box->x) || !get_number(object, "y", &box->y) ||
        !get_number(object, "w", &box->w) || !get_number(object, "h", &box->h))
        return FALSE;
    box->area = box->w * box->h;
    return TRUE;
}

static gboolean get_bbox(JsonObject *object, eval_box *box)
{
    JsonArray *array = get_array(object, "bbox");
    double values[4];
    if (!array || json_array_get_length(array) != 4)
        return FALSE;
    for (guint i = 0; i < 4; i++) {
        if (!is_number(json_array_get_element(array, i)))
            return FALSE;
        values[i] = json_array_get_double_element(array, i);
        if (!isfinite(values[i]))
            return FALSE;
    }
    box->x = values[0];
    box->y = values[1];
    box->w = values[2];
    box->h = values[3];
    box->area = box->w * box->h;
    return TRUE;
}

/* ---- which picture ---- */

typedef struct finder {
    GHashTable *by_name, *by_id, *by_time; /* -> 1 + index */
} finder;

static void finder_make(finder *f, const eval_set *set)
{
    f->by_name = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    f->by_id = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    f->by_time = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    for (guint i = 0; i < set->pictures->len; i++) {
        const eval_picture *p = eval_set_picture(set, i);
        g_hash_table_insert(f->by_id, g_memdup2(&p->id, sizeof p->id), GUINT_TO_POINTER(i + 1));
        if (p->timestamp >= 0)
            g_hash_table_insert(f->by_time, g_memdup2(&p->timestamp, sizeof p->timestamp), GUINT_TO_POINTER(i + 1));
        if (p->name)
            g_hash_table_insert(f->by_name, eval_stem(p->name), GUINT_TO_POINTER(i + 1));
    }
}

static void finder_clear(finder *f)
{
    g_hash_table_unref(f->by_name);
    g_hash_table_unref(f->by_id);
    g_hash_table_unref(f->by_time);
}

static guint find_name(const finder *f, const gchar *name)
{
    gchar *stem = eval_stem(name);
    guint found = GPOINTER_TO_UINT(g_hash_table_lookup(f->by_name, stem));
    g_free(stem);
    return found;
}

/* ---- COCO annotations ---- */

static gboolean read_coco_categories(eval_set *set, JsonArray *categories, const gchar *path, GError **error)
{
    for (guint i = 0; i < json_array_get_length(categories); i++) {
        JsonObject *category = element_object(categories, i);
        gint64 id;
        if (!category || !get_int(category, "id", &id)) {
            eval_fail(error, "%s: categories[%u] has no id", path, i);
            return FALSE;
        }
        eval_set_class(set, id, get_text(category, "name"));
    }
    return TRUE;
}

static gboolean read_coco_images(eval_set *set, JsonArray *images, const gchar *path, GError **error)
{
    for (guint i = 0; i < json_array_get_length(images); i++) {
        JsonObject *image = element_object(images, i);
        gint64 id;
        if (!image || !get_int(image, "id", &id)) {
            eval_fail(error, "%s: images[%u] has no id", path, i);
            return FALSE;
        }
        guint index = eval_set_add_picture(set, get_text(image, "file_name"), id, -1);
        eval_picture *picture = eval_set_picture(set, index);
        if (!get_number(image, "width", &picture->width) || !get_number(image, "height", &picture->height))
            picture->width = picture->height = 0;
    }
    return TRUE;
}

static gboolean read_coco_box(eval_set *set, const finder *pictures, JsonObject *annotation, const eval_reading *how,
                              const gchar *path, guint i, GError **error)
{
    eval_box box = { .score = 1 };
    gint64 image, category, crowd = 0;
    double area;
    if (!annotation || !get_int(annotation, "image_id", &image) || !get_int(annotation, "category_id", &category) ||
        !get_bbox(annotation, &box)) {
        eval_fail(error, "%s: annotations[%u] lacks image_id, category_id or a bbox of four numbers", path, i);
        return FALSE;
    }
    guint picture = GPOINTER_TO_UINT(g_hash_table_lookup(pictures->by_id, &image));
    if (picture == 0) {
        eval_fail(error, "%s: annotations[%u]: there is no image %" G_GINT64_FORMAT, path, i, image);
        return FALSE;
    }
    if (!eval_set_find_class(set, NULL, category, &box.class)) {
        eval_fail(error, "%s: annotations[%u]: there is no category %" G_GINT64_FORMAT, path, i, category);
        return FALSE;
    }
    box.picture = picture - 1;
    if (get_number(annotation, "area", &area))
        box.area = area;
    box.crowd = get_int(annotation, "iscrowd", &crowd) && crowd != 0;
    box.ignore = box.crowd || box.h < how->min_height;
    g_array_append_val(set->truth, box);
    return TRUE;
}

static gboolean read_coco(eval_set *set, JsonObject *root, const eval_reading *how, const gchar *path, GError **error)
{
    JsonArray *images = get_array(root, "images"), *annotations = get_array(root, "annotations");
    JsonArray *categories = get_array(root, "categories");
    finder pictures;
    gboolean good = TRUE;
    if (!images || !annotations || !categories) {
        eval_fail(error,
                  "%s: is neither COCO annotations (images, annotations, categories) nor JSON lines with \"truth\"",
                  path);
        return FALSE;
    }
    if (!read_coco_categories(set, categories, path, error) || !read_coco_images(set, images, path, error))
        return FALSE;
    finder_make(&pictures, set);
    for (guint i = 0; good && i < json_array_get_length(annotations); i++)
        good = read_coco_box(set, &pictures, element_object(annotations, i), how, path, i, error);
    finder_clear(&pictures);
    return good;
}

/* ---- JSON ---- */

/* json-glib reads nested values by recursion. */
#define DEEPEST 64

/* `size` bytes, or all. What reading says of text that is no JSON is left to the parser. */
static gboolean load(JsonParser *parser, const gchar *text, gssize size, GError **error)
{
    const gchar *end = size < 0 ? text + strlen(text) : text + size;
    gboolean in_string = FALSE;
    int depth = 0;
    for (const gchar *at = text; at < end && depth <= DEEPEST; at++) {
        if (in_string && *at == '\\')
            at++;
        else if (*at == '"')
            in_string = !in_string;
        else if (!in_string)
            depth += (*at == '[' || *at == '{') - (*at == ']' || *at == '}');
    }
    if (depth > DEEPEST) {
        eval_fail(error, "JSON that is nested more than %d deep", DEEPEST);
        return FALSE;
    }
    return json_parser_load_from_data(parser, text, size, error);
}

/* ---- JSON lines ---- */

typedef gboolean (*on_line)(JsonObject *line, guint number, gpointer user, GError **error);

/* Calls `each` for every line that is not blank. */
static gboolean for_lines(const gchar *path, gchar *text, on_line each, gpointer user, GError **error)
{
    JsonParser *parser = json_parser_new_immutable();
    gboolean good = TRUE;
    guint number = 0;
    for (gchar *line = text; good && line && *line;) {
        gchar *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        number++;
        if (*g_strchug(line)) {
            GError *problem = NULL;
            if (!load(parser, line, -1, &problem)) {
                eval_fail(error, "%s:%u: %s", path, number, problem->message);
                g_error_free(problem);
                good = FALSE;
            } else {
                JsonNode *root = json_parser_get_root(parser);
                if (!root || !JSON_NODE_HOLDS_OBJECT(root)) {
                    eval_fail(error, "%s:%u: is no JSON object", path, number);
                    good = FALSE;
                } else {
                    good = each(json_node_get_object(root), number, user, error);
                }
            }
        }
        line = end ? end + 1 : NULL;
    }
    g_object_unref(parser);
    return good;
}

static const gchar *name_of(JsonObject *line)
{
    const gchar *name = get_text(line, "file_name");
    return name ? name : get_text(line, "image");
}

typedef struct reading {
    eval_set *set;
    const eval_reading *how;
    const gchar *path;
    finder pictures;
    guint lines, unmatched;
} reading;

static void set_resolution(eval_picture *picture, JsonObject *line)
{
    JsonObject *resolution = get_object(line, "resolution");
    if (resolution && picture->width <= 0 &&
        (!get_number(resolution, "width", &picture->width) || !get_number(resolution, "height", &picture->height)))
        picture->width = picture->height = 0;
}

static gboolean truth_line(JsonObject *line, guint number, gpointer user, GError **error)
{
    reading *r = user;
    JsonArray *truth = get_array(line, "truth");
    gint64 timestamp = -1;
    if (!truth) {
        eval_fail(error, "%s:%u: has no array \"truth\"", r->path, number);
        return FALSE;
    }
    if (!get_int(line, "timestamp", &timestamp))
        timestamp = -1;
    guint picture = eval_set_add_picture(r->set, name_of(line), r->set->pictures->len, timestamp);
    set_resolution(eval_set_picture(r->set, picture), line);
    for (guint i = 0; i < json_array_get_length(truth); i++) {
        JsonObject *item = element_object(truth, i);
        eval_box box = { .picture = picture, .score = 1 };
        double visibility = 1, whole_height;
        const gchar *label = item ? get_text(item, "label") : NULL;
        if (!get_rectangle(item, &box)) {
            eval_fail(error, "%s:%u: truth[%u] lacks x, y, w or h", r->path, number, i);
            return FALSE;
        }
        whole_height = box.h;
        if (r->how->seen_box && !get_rectangle(get_object(item, "seen"), &box)) {
            eval_fail(error, "%s:%u: truth[%u] has no box \"seen\"", r->path, number, i);
            return FALSE;
        }
        if (!get_number(item, "visibility", &visibility))
            visibility = 1;
        guint class;
        if (!eval_set_find_class(r->set, label, 0, &class))
            class = eval_set_class(r->set, r->set->classes->len, label);
        box.class = class;
        box.ignore = visibility < r->how->min_visibility || whole_height < r->how->min_height;
        g_array_append_val(r->set->truth, box);
    }
    return TRUE;
}

/* The picture of a line: 1 + index; 0: none. */
static guint picture_of(const reading *r, JsonObject *line, guint order)
{
    const gchar *name = name_of(line), *source = get_text(line, "source");
    eval_match match = r->how->match;
    gint64 timestamp;
    if (match == EVAL_MATCH_AUTO || match == EVAL_MATCH_NAME) {
        guint found = name ? find_name(&r->pictures, name) : 0;
        if (!found && source && r->set->pictures->len > 1)
            found = find_name(&r->pictures, source);
        if (found || match == EVAL_MATCH_NAME)
            return found;
    }
    gboolean timed = get_int(line, "timestamp", &timestamp) && g_hash_table_size(r->pictures.by_time) > 0;
    if (match == EVAL_MATCH_TIMESTAMP || (match == EVAL_MATCH_AUTO && timed))
        return timed ? GPOINTER_TO_UINT(g_hash_table_lookup(r->pictures.by_time, &timestamp)) : 0;
    return order < r->set->pictures->len ? order + 1 : 0;
}

/* A detection; the fractions of the frame are finer than the whole pixels beside them. */
static gboolean found_object(JsonObject *object, const eval_picture *picture, eval_box *box, const gchar **label,
                             gint64 *label_id)
{
    JsonObject *detection = object ? get_object(object, "detection") : NULL;
    JsonObject *fractions = detection ? get_object(detection, "bounding_box") : NULL;
    double x0, y0, x1, y1;
    if (!detection || !get_number(detection, "confidence", &box->score))
        return FALSE;
    *label = get_text(detection, "label");
    if (!get_int(detection, "label_id", label_id))
        *label_id = 0;
    if (fractions && picture->width > 0 && get_number(fractions, "x_min", &x0) && get_number(fractions, "y_min", &y0) &&
        get_number(fractions, "x_max", &x1) && get_number(fractions, "y_max", &y1)) {
        box->x = x0 * picture->width;
        box->y = y0 * picture->height;
        box->w = (x1 - x0) * picture->width;
        box->h = (y1 - y0) * picture->height;
        box->area = box->w * box->h;
        return TRUE;
    }
    return get_rectangle(object, box);
}

static gboolean found_line(JsonObject *line, guint number, gpointer user, GError **error)
{
    reading *r = user;
    JsonArray *objects = get_array(line, "objects");
    if (!objects) {
        eval_fail(error, "%s:%u: has no array \"objects\"", r->path, number);
        return FALSE;
    }
    guint picture = picture_of(r, line, r->lines++);
    if (picture == 0) {
        r->unmatched++;
        return TRUE;
    }
    set_resolution(eval_set_picture(r->set, picture - 1), line);
    for (guint i = 0; i < json_array_get_length(objects); i++) {
        eval_box box = { .picture = picture - 1 };
        const gchar *label;
        gint64 label_id;
        if (!found_object(element_object(objects, i), eval_set_picture(r->set, picture - 1), &box, &label, &label_id)) {
            eval_fail(error, "%s:%u: objects[%u] lacks a box or detection.confidence", r->path, number, i);
            return FALSE;
        }
        if (eval_set_find_class(r->set, label, label_id, &box.class))
            g_array_append_val(r->set->found, box);
        else
            r->set->other_classes++;
    }
    return TRUE;
}

/* ---- COCO results ---- */

static gboolean read_results(eval_set *set, JsonArray *results, const finder *pictures, const gchar *path,
                             GError **error)
{
    for (guint i = 0; i < json_array_get_length(results); i++) {
        JsonObject *result = element_object(results, i);
        eval_box box = { 0 };
        gint64 image, category;
        guint picture = 0;
        const gchar *name = result ? get_text(result, "image_id") : NULL;
        if (!result || (!name && !get_int(result, "image_id", &image)) || !get_int(result, "category_id", &category) ||
            !get_number(result, "score", &box.score) || !get_bbox(result, &box)) {
            eval_fail(error, "%s: result %u lacks image_id, category_id, score or a bbox of four numbers", path, i);
            return FALSE;
        }
        if (name)
            picture = find_name(pictures, name);
        else
            picture = GPOINTER_TO_UINT(g_hash_table_lookup(pictures->by_id, &image));
        if (picture == 0) {
            gchar *number = name ? g_strdup(name) : g_strdup_printf("%" G_GINT64_FORMAT, image);
            eval_fail(error, "%s: result %u: the truth has no image %s", path, i, number);
            g_free(number);
            return FALSE;
        }
        box.picture = picture - 1;
        if (eval_set_find_class(set, NULL, category, &box.class))
            g_array_append_val(set->found, box);
        else
            set->other_classes++;
    }
    return TRUE;
}

/* ---- files ---- */

/* Whether the text is one JSON value (else: lines). The parser holds it. */
static gboolean is_one_value(JsonParser *parser, const gchar *text, gsize size)
{
    const gchar *start = text;
    while (g_ascii_isspace(*start))
        start++;
    if (*start == '[')
        return TRUE;
    const gchar *end = strchr(start, '\n');
    if (!end || !*end)
        return FALSE;
    /* A first line that is whole by itself makes it lines. */
    return !load(parser, start, end - start, NULL) && size > 0;
}

static gboolean parse(JsonParser *parser, const gchar *path, const gchar *text, gsize size, GError **error)
{
    GError *problem = NULL;
    if (load(parser, text, (gssize)size, &problem))
        return TRUE;
    eval_fail(error, "%s: %s", path, problem->message);
    g_error_free(problem);
    return FALSE;
}

gboolean eval_read_truth(eval_set *set, const gchar *path, const eval_reading *how, GError **error)
{
    gchar *text;
    gsize size;
    gboolean good = FALSE;
    if (how->names && !eval_read_names(set, how->names, error))
        return FALSE;
    set->shares = g_file_test(path, G_FILE_TEST_IS_DIR);
    if (set->shares)
        return eval_read_labels(set, path, how, error);
    if (!g_file_get_contents(path, &text, &size, error))
        return FALSE;
    JsonParser *parser = json_parser_new_immutable();
    const gchar *annotations = strstr(text, "\"annotations\"");
    if (annotations || is_one_value(parser, text, size)) {
        if (parse(parser, path, text, size, error)) {
            JsonNode *root = json_parser_get_root(parser);
            if (root && JSON_NODE_HOLDS_OBJECT(root))
                good = read_coco(set, json_node_get_object(root), how, path, error);
            else
                eval_fail(
                    error,
                    "%s: is a list, so no truth: COCO annotations are an object with images, annotations, categories",
                    path);
        }
    } else {
        reading r = { .set = set, .how = how, .path = path };
        good = for_lines(path, text, truth_line, &r, error);
        if (set->classes->len == 0) /* a scene in which nobody was seen */
            eval_set_class(set, 0, "person");
    }
    g_object_unref(parser);
    g_free(text);
    if (good && set->pictures->len == 0) {
        eval_fail(error, "%s: has no pictures", path);
        good = FALSE;
    }
    return good;
}

gboolean eval_read_found(eval_set *set, const gchar *path, const eval_reading *how, guint *unmatched, GError **error)
{
    gchar *text;
    gsize size;
    gboolean good = FALSE;
    reading r = { .set = set, .how = how, .path = path };
    if (!g_file_get_contents(path, &text, &size, error))
        return FALSE;
    JsonParser *parser = json_parser_new_immutable();
    finder_make(&r.pictures, set);
    if (is_one_value(parser, text, size)) {
        if (parse(parser, path, text, size, error)) {
            JsonNode *root = json_parser_get_root(parser);
            if (root && JSON_NODE_HOLDS_ARRAY(root))
                good = read_results(set, json_node_get_array(root), &r.pictures, path, error);
            else
                eval_fail(error, "%s: is neither COCO results (a list) nor JSON lines with \"objects\"", path);
        }
    } else {
        good = for_lines(path, text, found_line, &r, error);
    }
    finder_clear(&r.pictures);
    g_object_unref(parser);
    g_free(text);
    *unmatched = r.unmatched;
    return good && (!set->shares || eval_scale_labels(set, how, error));
}
