/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The graph as text for people, and the check of its invariants for passes. */
#include "graph/graph.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static size_t value_text(const graph_value *value, char *text, size_t size)
{
    if (!value)
        return (size_t)snprintf(text, size, "-");
    int wrote = snprintf(text, size, "%%%s:%s", value->name, onyx_type_name(value->info.type));
    size_t used = wrote < 0 ? 0 : (size_t)wrote;
    if (value->info.rank < 0 && used < size)
        used += (size_t)snprintf(text + used, size - used, "[*]");
    for (int i = 0; i < value->info.rank && used < size; i++)
        used += (size_t)(value->info.dims[i] < 0
                             ? snprintf(text + used, size - used, "%s?", i ? "x" : "[")
                             : snprintf(text + used, size - used, "%s%" PRId64, i ? "x" : "[", value->info.dims[i]));
    if (value->info.rank >= 0 && used < size)
        used += (size_t)snprintf(text + used, size - used, value->info.rank ? "]" : "[]");
    if (value->is_constant && used < size)
        used += (size_t)snprintf(text + used, size - used, " const");
    return used;
}

static void append(char *line, size_t size, const char *text)
{
    size_t used = strlen(line);
    if (used < size - 1)
        snprintf(line + used, size - used, "%s", text);
}

void graph_dump(const graph *g, void (*line)(const char *text, void *user), void *user)
{
    char text[4096], part[512];
    for (int i = 0; i < g->input_count; i++) {
        value_text(g->inputs[i], part, sizeof(part));
        snprintf(text, sizeof(text), "input  %s", part);
        line(text, user);
    }
    for (const graph_node *node = g->first; node; node = node->next) {
        text[0] = 0;
        for (int i = 0; i < node->output_count; i++) {
            value_text(node->outputs[i], part, sizeof(part));
            append(text, sizeof(text), i ? ", " : "");
            append(text, sizeof(text), part);
        }
        snprintf(part, sizeof(part), " = %s%s%s(", node->row->domain, node->row->domain[0] ? "." : "", node->row->name);
        append(text, sizeof(text), part);
        for (int i = 0; i < node->input_count; i++) {
            value_text(node->inputs[i], part, sizeof(part));
            append(text, sizeof(text), i ? ", " : "");
            append(text, sizeof(text), part);
        }
        snprintf(part, sizeof(part), ")  # %s", node->name);
        append(text, sizeof(text), part);
        line(text, user);
    }
    for (int i = 0; i < g->output_count; i++) {
        value_text(g->outputs[i], part, sizeof(part));
        snprintf(text, sizeof(text), "output %s", part);
        line(text, user);
    }
}

static int count_uses(const graph_node *node, const graph_value *value)
{
    int uses = 0;
    for (int i = 0; i < node->input_count; i++)
        uses += node->inputs[i] == value;
    return uses;
}

static onyx_status check_value(const graph *g, const graph_value *value, onyx_error *error)
{
    int outputs = 0;
    for (int i = 0; i < g->output_count; i++)
        outputs += g->outputs[i] == value;
    if (outputs != value->output_uses)
        return status_fail(error, ONYX_ERROR_INTERNAL, "value '%s' counts %d graph outputs, there are %d", value->name,
                           value->output_uses, outputs);
    if (value->producer && (value->is_constant || value->producer->removed ||
                            value->producer->outputs[value->producer_index] != value))
        return status_fail(error, ONYX_ERROR_INTERNAL, "value '%s' has a wrong producer", value->name);
    for (int i = 0; i < value->user_count; i++)
        if (value->users[i]->removed || !count_uses(value->users[i], value))
            return status_fail(error, ONYX_ERROR_INTERNAL, "value '%s' has a user that does not use it", value->name);
    if (graph_is_read(value) && !value->producer && !value->is_constant && value->input_index < 0)
        return status_fail(error, ONYX_ERROR_INTERNAL, "value '%s' is used and nothing produces it", value->name);
    return ONYX_OK;
}

onyx_status graph_check(const graph *g, onyx_error *error)
{
    int count = 0;
    bool *ready = arena_alloc(g->arena, (size_t)g->value_count + 1);
    if (!ready)
        return status_no_memory(error, (size_t)g->value_count, "the check");
    for (int i = 0; i < g->value_count; i++) {
        STATUS_TRY(check_value(g, g->values[i], error));
        ready[i] = g->values[i]->is_constant || g->values[i]->input_index >= 0;
    }
    for (const graph_node *node = g->first; node; node = node->next, count++) {
        if (node->next ? node->next->previous != node : g->last != node)
            return status_fail(error, ONYX_ERROR_INTERNAL, "the list is broken behind '%s'", node->name);
        for (int i = 0; i < node->input_count; i++) {
            const graph_value *input = node->inputs[i];
            if (input && !ready[input->id])
                return status_fail(error, ONYX_ERROR_INTERNAL, "node '%s' (%s) reads '%s' before it is produced",
                                   node->name, node->row->name, input->name);
        }
        for (int i = 0; i < node->output_count; i++)
            if (node->outputs[i])
                ready[node->outputs[i]->id] = true;
    }
    if (count != g->node_count)
        return status_fail(error, ONYX_ERROR_INTERNAL, "%d nodes are linked, %d counted", count, g->node_count);
    return ONYX_OK;
}
