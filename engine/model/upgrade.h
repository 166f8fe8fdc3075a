/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the two files that rewrite nodes at load share: upgrade.c for old forms, expand.c for operators that are others
 * in a row. */
#ifndef ONYX_MODEL_UPGRADE_H
#define ONYX_MODEL_UPGRADE_H

#include "model/model.h"

typedef struct upgrader {
    model_file *file;
    onyx_error *error;
    model_node *nodes; /* the list being written */
    int count, capacity;
    int constants; /* made so far, for their names */
} upgrader;

/* A name for a new value; NULL: out of memory. */
const char *upgrade_new_name(upgrader *u);
onyx_status upgrade_append(upgrader *u, const model_node *node);
/* A node with one output of a new name, which is returned in *name. */
onyx_status upgrade_insert(upgrader *u, model_node *node, const char **name);
/* A Constant node that holds `value` (its name is changed to the one that Constant has for its type). */
onyx_status upgrade_insert_constant(upgrader *u, op_attribute value, const char **name);
const op_attribute *upgrade_find(const model_node *node, const char *name);
bool upgrade_has_input(const model_node *node, int index);

/* Writes other nodes in the place of this one, where it is one that is known so and has a form that can be: *done. */
onyx_status upgrade_expand(upgrader *u, const model_node *node, bool *done);

#endif
