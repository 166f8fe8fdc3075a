/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx eval: what is compared, wherever it was read from: pictures, classes, true boxes and detections. */
#ifndef ONYX_TOOLS_EVAL_SET_H
#define ONYX_TOOLS_EVAL_SET_H

#include <glib.h>

typedef struct eval_box {
    double x, y, w, h; /* pixels */
    double area;       /* the truth's may be a mask's */
    double score;      /* of detections */
    gboolean crowd;    /* truth: a group; many detections may lie in it, none is wrong or right */
    gboolean ignore;   /* truth: finding it is neither right nor wrong */
    guint picture, class;
} eval_box;

typedef struct eval_picture {
    gchar *name;      /* file name; NULL: none */
    gint64 id;        /* COCO's, or a number in order */
    gint64 timestamp; /* ns; -1: none */
    double width, height;
    guint first_truth, n_truth, first_found, n_found; /* after eval_set_index */
} eval_picture;

typedef struct eval_class {
    gint64 id;
    gchar *name; /* NULL: none */
} eval_class;

typedef struct eval_set {
    GArray *pictures, *classes; /* eval_picture, eval_class */
    GArray *truth, *found;      /* eval_box; of one picture in the order of the file */
    gboolean shares;            /* the truth is in shares of pictures until the detections are read */
    guint other_classes;        /* detections of classes that the truth does not know: left out */
} eval_set;

eval_set *eval_set_new(void);
void eval_set_free(eval_set *set);

guint eval_set_add_picture(eval_set *set, const gchar *name, gint64 id, gint64 timestamp);
/* The class with this id, made if need be. */
guint eval_set_class(eval_set *set, gint64 id, const gchar *name);
/* By name if it has one that some class has, else by number; FALSE: none. */
gboolean eval_set_find_class(const eval_set *set, const gchar *name, gint64 id, guint *index);

/* Sorts classes by id, and boxes by picture (pictures by id), as pycocotools walks them. */
void eval_set_index(eval_set *set);

static inline eval_picture *eval_set_picture(const eval_set *set, guint i)
{
    return &g_array_index(set->pictures, eval_picture, i);
}

#endif
