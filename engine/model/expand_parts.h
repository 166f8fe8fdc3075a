/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What expand.c and expand_bits.c read a node with, and write others in its place. */
#ifndef ONYX_MODEL_EXPAND_PARTS_H
#define ONYX_MODEL_EXPAND_PARTS_H

#include "model/upgrade.h"

typedef struct expansion {
    upgrader *u;
    const model_node *node; /* that is replaced */
    onyx_status status;     /* of the first failure; later calls do nothing */
} expansion;

static inline const char *input(const expansion *e, int index)
{
    return upgrade_has_input(e->node, index) ? e->node->inputs[index] : "";
}

static inline const char *output(const expansion *e, int index)
{
    return index < e->node->output_count ? e->node->outputs[index] : "";
}

static inline op_attribute int_of(const char *name, int64_t value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_INT, .i = value };
}

static inline op_attribute float_of(const char *name, float value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_FLOAT, .f = value };
}

static inline int64_t int_attribute(const expansion *e, const char *name, int64_t otherwise)
{
    const op_attribute *found = upgrade_find(e->node, name);
    return found && found->type == OP_ATTRIBUTE_INT ? found->i : otherwise;
}

static inline float float_attribute(const expansion *e, const char *name, float otherwise)
{
    const op_attribute *found = upgrade_find(e->node, name);
    return found && found->type == OP_ATTRIBUTE_FLOAT ? found->f : otherwise;
}

static inline const char *string_attribute(const expansion *e, const char *name, const char *otherwise)
{
    const op_attribute *found = upgrade_find(e->node, name);
    return found && found->type == OP_ATTRIBUTE_STRING ? found->s : otherwise;
}

/* A node in the list; absent inputs and outputs are "". inputs and attributes end with NULL and no name. outputs[0]
 * NULL: one output of a new name. Returns the first output's name. */
static inline const char *emit(expansion *e, const char *op, int version, const char *const *inputs,
                               const op_attribute *attributes, const char *const *outputs)
{
    arena *memory = e->u->file->arena;
    model_node node = { .name = e->node->name, .domain = "", .op_type = op, .overload = "", .version = version };
    const char *name = "";
    while (inputs[node.input_count])
        node.input_count++;
    while (attributes && attributes[node.attribute_count].name)
        node.attribute_count++;
    while (outputs && outputs[node.output_count])
        node.output_count++;
    if (e->status != ONYX_OK)
        return name;
    node.inputs = arena_copy(memory, inputs, sizeof(*inputs) * (size_t)node.input_count);
    node.outputs = arena_copy(memory, outputs, sizeof(*outputs) * (size_t)node.output_count);
    node.attributes = arena_copy(memory, attributes, sizeof(*attributes) * (size_t)node.attribute_count);
    if (!node.inputs || !node.outputs || !node.attributes) {
        e->status = status_no_memory(e->u->error, sizeof(node), "upgrading operators");
        return name;
    }
    if (node.output_count) {
        e->status = upgrade_append(e->u, &node);
        return node.outputs[0];
    }
    e->status = upgrade_insert(e->u, &node, &name);
    return name;
}

#define NAMES(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define WITH(...) ((const op_attribute[]){ __VA_ARGS__, { .name = NULL } })

/* A node with three outputs of new names; false: out of memory. */
static inline bool emit_three(expansion *e, const char *op, int version, const char *x, const op_attribute *attributes,
                              const char *made[3])
{
    for (int i = 0; i < 3; i++)
        if (!(made[i] = upgrade_new_name(e->u))) {
            e->status = status_no_memory(e->u->error, 0, "upgrading operators");
            return false;
        }
    emit(e, op, version, NAMES(x), attributes, NAMES(made[0], made[1], made[2]));
    return e->status == ONYX_OK;
}

/* Products by weights of a few bits: expand_bits.c. False: nothing was written. */
bool expand_bits_product(expansion *e);
bool expand_bnb4_product(expansion *e);

#endif
