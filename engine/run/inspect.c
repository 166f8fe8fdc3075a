/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What people ask about a program or a file: sizes, steps and their times, operators. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "ops/lanes.h"
#include "ops/shape.h"
#include "run/run.h"

onyx_status onyx_session_describe(const onyx_session *session, onyx_session_info *info)
{
    if (!session || !info || info->size < sizeof(info->size))
        return ONYX_ERROR_ARGUMENT;
    const program *p = session->program;
    const onyx_session_info full = {
        .size = info->size, .parameters = p->parameters, .operations = p->operations, .nodes = p->node_count,
        .steps = p->step_count, .arena_bytes = p->arena_bytes, .packed_weight_bytes = p->packed_bytes,
        .scratch_bytes = p->scratch_bytes,
    };
    memcpy(info, &full, MIN(info->size, sizeof(full)));
    return ONYX_OK;
}

int onyx_session_step_count(const onyx_session *session)
{
    return session->program->step_count;
}

static size_t put_dims(char *text, size_t size, const onyx_tensor *tensor)
{
    size_t used = 0;
    for (int i = 0; i < tensor->rank && used + 24 < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%" PRId64, i ? "x" : "", tensor->dims[i]);
    if (!tensor->rank)
        used += (size_t)snprintf(text, size, "scalar");
    return used;
}

onyx_status onyx_session_step(const onyx_session *session, int index, onyx_step_info *info)
{
    if (!session || !info || index < 0 || index >= session->program->step_count)
        return ONYX_ERROR_ARGUMENT;
    const program_step *step = &session->program->steps[index];
    const step_times *times = &session->times[index];
    *info = (onyx_step_info){
        .name = step->name, .operator_ = step->op, .kernel = step->kernel, .operations = step->operations,
        .moved_bytes = step->moved_bytes, .runs = times->runs, .total_ns = times->total_ns,
        .last_start_ns = times->last_start_ns, .last_ns = times->last_ns,
    };
    size_t used = 0;
    if (step->input_count && step->inputs[0] >= 0)
        used = put_dims(info->shapes, sizeof(info->shapes) / 2, &session->tensors[step->inputs[0]]);
    if (step->output_count && step->outputs[0] >= 0) {
        used += (size_t)snprintf(info->shapes + used, sizeof(info->shapes) - used, " -> ");
        put_dims(info->shapes + used, sizeof(info->shapes) - used, &session->tensors[step->outputs[0]]);
    }
    return ONYX_OK;
}

void onyx_session_set_profiling(onyx_session *session, bool on)
{
    session->profiling = on;
    if (!on)
        memset(session->times, 0, sizeof(*session->times) * (size_t)session->program->step_count);
}

/* ---- what a graph does with pixels ---- */

enum { MOST_STEPS_TO_SCALING = 8, MOST_CHANNEL_VALUES = 16 };

static const onyx_tensor *constant_of(const model_graph *g, const char *name)
{
    for (int i = 0; i < g->initializer_count; i++)
        if (strcmp(g->initializers[i].name, name) == 0)
            return &g->initializers[i].tensor;
    for (int i = 0; i < g->node_count; i++) {
        const model_node *node = &g->nodes[i];
        const op_attributes attributes = { node->attributes, node->attribute_count };
        const op_attribute *value = op_attribute_find(&attributes, "value", OP_ATTRIBUTE_TENSOR);
        if (value && strcmp(node->op_type, "Constant") == 0 && strcmp(node->outputs[0], name) == 0)
            return value->tensor;
    }
    return NULL;
}

/* Least and greatest size of a value's elements; false where there are none, or too many for one a channel. */
static bool sizes_of(const onyx_tensor *t, double *least, double *most)
{
    double stored[MOST_CHANNEL_VALUES], values[MOST_CHANNEL_VALUES];
    const size_t count = type_in(t->type, TYPES_FLOAT) ? t->size_bytes / type_size(t->type) : 0;
    if (count < 1 || count > MOST_CHANNEL_VALUES)
        return false;
    memcpy(stored, t->data, t->size_bytes); /* which may lie anywhere in the file */
    lanes_load(LANE_F64, t->type, stored, 0, count, values);
    *least = HUGE_VAL;
    *most = 0;
    for (size_t i = 0; i < count; i++) {
        *least = fmin(*least, fabs(values[i]));
        *most = fmax(*most, fabs(values[i]));
    }
    return true;
}

static bool is_one_of(const char *name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return false;
}

/* Whether the node takes the values `name` of 0..255 to something smaller. */
static bool scales(const model_graph *g, const model_node *node, const char *name)
{
    static const char *const sums[] = { "Add", "Sub" };
    double least, most;
    if (node->input_count != 2)
        return false;
    const bool first = strcmp(node->inputs[0], name) == 0;
    const onyx_tensor *constant = constant_of(g, node->inputs[first ? 1 : 0]);
    if (!constant || !sizes_of(constant, &least, &most))
        return false;
    if (strcmp(node->op_type, "Mul") == 0)
        return most <= 0.02 && least > 0;
    if (strcmp(node->op_type, "Div") == 0)
        return first && least >= 50;
    return is_one_of(node->op_type, sums, ARRAY_LENGTH(sums)) && most >= 2;
}

bool onyx_model_scales_pixels(const onyx_model *model, int input)
{
    static const char *const passes[] = { "Cast", "Identity", "Transpose" };
    if (!model || input < 0 || input >= model->file->graph->input_count)
        return false;
    const model_graph *g = model->file->graph;
    const char *name = g->inputs[input].name;
    for (int steps = 0; steps < MOST_STEPS_TO_SCALING; steps++) {
        const char *next = NULL;
        for (int i = 0; i < g->node_count && !next; i++) {
            const model_node *node = &g->nodes[i];
            if (node->input_count < 1 || node->output_count < 1 || *node->domain)
                continue;
            bool takes = false;
            for (int k = 0; k < node->input_count; k++)
                takes |= strcmp(node->inputs[k], name) == 0;
            if (takes && scales(g, node, name))
                return true;
            if (takes && is_one_of(node->op_type, passes, ARRAY_LENGTH(passes)))
                next = node->outputs[0];
        }
        if (!next)
            return false;
        name = next;
    }
    return false;
}

/* ---- operators of a file ---- */

typedef struct operator_count {
    const char *domain, *name;
    int version, count;
} operator_count;

typedef struct operator_list {
    operator_count *items;
    int count, capacity;
    const model_file *file;
} operator_list;

static bool is_function(const model_file *file, const model_node *node)
{
    for (int i = 0; i < file->function_count; i++)
        if (strcmp(file->functions[i].name, node->op_type) == 0 && strcmp(file->functions[i].domain, node->domain) == 0)
            return true;
    return false;
}

static bool count_operator(operator_list *list, const model_node *node)
{
    for (int i = 0; i < list->count; i++)
        if (strcmp(list->items[i].name, node->op_type) == 0 && strcmp(list->items[i].domain, node->domain) == 0 &&
            list->items[i].version == node->version) {
            list->items[i].count++;
            return true;
        }
    if (list->count == list->capacity) {
        int capacity = list->capacity ? 2 * list->capacity : 64;
        operator_count *larger = realloc(list->items, sizeof(*larger) * (size_t)capacity);
        if (!larger)
            return false;
        list->items = larger;
        list->capacity = capacity;
    }
    list->items[list->count++] = (operator_count){ node->domain, node->op_type, node->version, 1 };
    return true;
}

static bool count_operators(operator_list *list, const model_node *nodes, int count)
{
    for (int i = 0; i < count; i++) {
        const model_node *node = &nodes[i];
        if (!is_function(list->file, node) && !count_operator(list, node))
            return false;
        for (int k = 0; k < node->attribute_count; k++) {
            const op_attribute *attribute = &node->attributes[k];
            const model_graph *body = attribute->type == OP_ATTRIBUTE_GRAPH ? attribute->graph : NULL;
            if (body && !count_operators(list, body->nodes, body->node_count))
                return false;
        }
    }
    return true;
}

onyx_status onyx_model_list_operators(const char *path, const onyx_options *options, onyx_operator_function *each,
                                      void *user, onyx_error *error)
{
    model_file *file = NULL;
    if (!path || !each)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_model_list_operators: path and each must not be NULL");
    STATUS_TRY(model_load(path, options, &file, error));
    operator_list list = { .file = file };
    bool counted = count_operators(&list, file->graph->nodes, file->graph->node_count);
    for (int i = 0; i < file->function_count && counted; i++)
        counted = count_operators(&list, file->functions[i].nodes, file->functions[i].node_count);
    for (int i = 0; i < list.count && counted; i++)
        each(list.items[i].domain, list.items[i].name, list.items[i].version, list.items[i].count,
             op_find(list.items[i].domain, list.items[i].name, list.items[i].version) != NULL, user);
    free(list.items);
    model_free(file);
    return counted ? ONYX_OK : status_no_memory(error, sizeof(operator_count), "the list of operators");
}
