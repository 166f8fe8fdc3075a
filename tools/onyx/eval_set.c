/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pictures, classes and boxes of one evaluation. */
#include "eval_set.h"

static void clear_picture(gpointer picture)
{
    g_free(((eval_picture *)picture)->name);
}

static void clear_class(gpointer class)
{
    g_free(((eval_class *)class)->name);
}

eval_set *eval_set_new(void)
{
    eval_set *set = g_new0(eval_set, 1);
    set->pictures = g_array_new(FALSE, TRUE, sizeof(eval_picture));
    set->classes = g_array_new(FALSE, TRUE, sizeof(eval_class));
    set->truth = g_array_new(FALSE, TRUE, sizeof(eval_box));
    set->found = g_array_new(FALSE, TRUE, sizeof(eval_box));
    g_array_set_clear_func(set->pictures, clear_picture);
    g_array_set_clear_func(set->classes, clear_class);
    return set;
}

void eval_set_free(eval_set *set)
{
    if (!set)
        return;
    g_array_unref(set->pictures);
    g_array_unref(set->classes);
    g_array_unref(set->truth);
    g_array_unref(set->found);
    g_free(set);
}

guint eval_set_add_picture(eval_set *set, const gchar *name, gint64 id, gint64 timestamp)
{
    eval_picture picture = { .name = g_strdup(name), .id = id, .timestamp = timestamp };
    g_array_append_val(set->pictures, picture);
    return set->pictures->len - 1;
}

guint eval_set_class(eval_set *set, gint64 id, const gchar *name)
{
    for (guint i = 0; i < set->classes->len; i++)
        if (g_array_index(set->classes, eval_class, i).id == id)
            return i;
    eval_class class = { .id = id, .name = g_strdup(name) };
    g_array_append_val(set->classes, class);
    return set->classes->len - 1;
}

gboolean eval_set_find_class(const eval_set *set, const gchar *name, gint64 id, guint *index)
{
    gboolean named = FALSE;
    for (guint i = 0; i < set->classes->len; i++) {
        const eval_class *class = &g_array_index(set->classes, eval_class, i);
        named |= class->name != NULL;
        if (name && class->name && g_ascii_strcasecmp(name, class->name) == 0) {
            *index = i;
            return TRUE;
        }
    }
    for (guint i = 0; i < set->classes->len && !(name && named); i++)
        if (g_array_index(set->classes, eval_class, i).id == id) {
            *index = i;
            return TRUE;
        }
    return FALSE;
}

/* A stable order of indices by id. */
typedef struct ranked {
    gint64 id;
    guint old;
} ranked;

static gint compare_ranked(gconstpointer a, gconstpointer b)
{
    const ranked *x = a, *y = b;
    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    return x->old < y->old ? -1 : x->old > y->old;
}

/* Reorders the array by the ids in `order` (sorted here); returns where each old element went. */
static guint *reorder(GArray *array, guint size, ranked *order)
{
    guint *now_at = g_new0(guint, array->len + 1);
    gchar *copy = g_memdup2(array->data, (gsize)array->len * size);
    qsort(order, array->len, sizeof *order, compare_ranked);
    for (guint i = 0; i < array->len; i++) {
        memcpy(array->data + (gsize)i * size, copy + (gsize)order[i].old * size, size);
        now_at[order[i].old] = i;
    }
    g_free(copy);
    return now_at;
}

static guint *order_boxes(GArray *boxes)
{
    ranked *order = g_new0(ranked, boxes->len + 1);
    for (guint i = 0; i < boxes->len; i++)
        order[i] = (ranked){ g_array_index(boxes, eval_box, i).picture, i };
    guint *now_at = reorder(boxes, sizeof(eval_box), order);
    g_free(order);
    return now_at;
}

static void renumber(GArray *boxes, const guint *pictures, const guint *classes)
{
    for (guint i = 0; i < boxes->len; i++) {
        eval_box *box = &g_array_index(boxes, eval_box, i);
        box->picture = pictures[box->picture];
        box->class = classes[box->class];
    }
    g_free(order_boxes(boxes));
}

void eval_set_index(eval_set *set)
{
    ranked *order = g_new0(ranked, MAX(set->pictures->len, set->classes->len) + 1);
    for (guint i = 0; i < set->pictures->len; i++)
        order[i] = (ranked){ eval_set_picture(set, i)->id, i };
    guint *pictures = reorder(set->pictures, sizeof(eval_picture), order);
    for (guint i = 0; i < set->classes->len; i++)
        order[i] = (ranked){ g_array_index(set->classes, eval_class, i).id, i };
    guint *classes = reorder(set->classes, sizeof(eval_class), order);
    renumber(set->truth, pictures, classes);
    renumber(set->found, pictures, classes);
    g_free(order);
    g_free(pictures);
    g_free(classes);
    for (guint i = 0; i < set->pictures->len; i++)
        eval_set_picture(set, i)->n_truth = eval_set_picture(set, i)->n_found = 0;
    for (guint i = set->truth->len; i-- > 0;) {
        eval_picture *picture = eval_set_picture(set, g_array_index(set->truth, eval_box, i).picture);
        picture->first_truth = i;
        picture->n_truth++;
    }
    for (guint i = set->found->len; i-- > 0;) {
        eval_picture *picture = eval_set_picture(set, g_array_index(set->found, eval_box, i).picture);
        picture->first_found = i;
        picture->n_found++;
    }
}
