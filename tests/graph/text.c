/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The reader of text.h: line by line, everything in one arena, no sharing with the real loader. */
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "base/types.h"

enum { MOST = 256 };

typedef struct reader {
    arena *arena;
    model_file *file;
    uint32_t random;
} reader;

static const struct {
    const char *name;
    onyx_type type;
} types[] = {
    { "f32", ONYX_TYPE_FLOAT32 }, { "f16", ONYX_TYPE_FLOAT16 }, { "bf16", ONYX_TYPE_BFLOAT16 },
    { "f64", ONYX_TYPE_FLOAT64 }, { "i64", ONYX_TYPE_INT64 },   { "i32", ONYX_TYPE_INT32 },
    { "i8", ONYX_TYPE_INT8 },     { "u8", ONYX_TYPE_UINT8 },    { "bool", ONYX_TYPE_BOOL },
};

static onyx_type find_type(const char *name)
{
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++)
        if (strcmp(types[i].name, name) == 0)
            return types[i].type;
    return ONYX_TYPE_UNDEFINED;
}

/* Text without blanks at its ends, in the arena. */
static char *trimmed(reader *r, const char *text, size_t length)
{
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    while (length && isspace((unsigned char)*text))
        text++, length--;
    return arena_string(r->arena, text, length);
}

/* Splits at `separator` outside brackets and quotes. */
static int split(reader *r, const char *text, char separator, const char **parts)
{
    int count = 0, depth = 0;
    bool quoted = false;
    const char *start = text;
    for (const char *at = text;; at++) {
        quoted ^= *at == '"';
        depth += *at == '[' ? 1 : *at == ']' ? -1 : 0;
        const bool cut = *at == separator && depth == 0 && !quoted;
        if (*at && !cut)
            continue;
        const char *part = trimmed(r, start, (size_t)(at - start));
        if (count < MOST && (separator != ' ' || *part))
            parts[count++] = part;
        if (!*at)
            return count;
        start = at + 1;
    }
}

static int read_dims(reader *r, const char *text, int64_t *dims)
{
    const char *parts[MOST];
    if (strcmp(text, "-") == 0)
        return 0;
    int count = split(r, text, ',', parts);
    for (int i = 0; i < count; i++)
        dims[i] = strtoll(parts[i], NULL, 10);
    return count;
}

static void store(onyx_type type, void *data, size_t i, double value)
{
    const float f = (float)value;
    switch ((int)type) {
    case ONYX_TYPE_FLOAT32:
        ((float *)data)[i] = f;
        break;
    case ONYX_TYPE_FLOAT64:
        ((double *)data)[i] = value;
        break;
    case ONYX_TYPE_FLOAT16:
        ((uint16_t *)data)[i] = float_to_half(f);
        break;
    case ONYX_TYPE_BFLOAT16:
        ((uint16_t *)data)[i] = float_to_bfloat16(f);
        break;
    case ONYX_TYPE_INT64:
        ((int64_t *)data)[i] = (int64_t)value;
        break;
    case ONYX_TYPE_INT32:
        ((int32_t *)data)[i] = (int32_t)value;
        break;
    default:
        ((int8_t *)data)[i] = (int8_t)value;
    }
}

static double next_random(reader *r)
{
    r->random = r->random * 1664525u + 1013904223u;
    return (double)(r->random >> 8) / (1 << 24) - 0.5;
}

static bool read_tensor(reader *r, const char *line, model_tensor *tensor)
{
    const char *parts[MOST], *numbers[MOST];
    const int count = split(r, line, ' ', parts);
    size_t elements, bytes;
    if (count < 4)
        return false;
    tensor->name = parts[1];
    tensor->tensor.type = find_type(parts[2]);
    tensor->tensor.rank = read_dims(r, parts[3], tensor->tensor.dims);
    if (!size_count(tensor->tensor.dims, tensor->tensor.rank, &elements) ||
        !type_bytes(tensor->tensor.type, elements, &bytes))
        return false;
    tensor->tensor.size_bytes = bytes;
    tensor->tensor.data = arena_alloc(r->arena, bytes + 1);
    const bool is_byte = tensor->tensor.type == ONYX_TYPE_UINT8 || tensor->tensor.type == ONYX_TYPE_INT8;
    const int given = count >= 6 ? split(r, parts[5], ',', numbers) : 0;
    for (size_t i = 0; i < elements; i++) {
        const char *number = given ? numbers[MIN(i, (size_t)given - 1)] : NULL;
        if (number && tensor->tensor.type == ONYX_TYPE_INT64)
            ((int64_t *)tensor->tensor.data)[i] = strtoll(number, NULL, 10);
        else
            store(tensor->tensor.type, tensor->tensor.data, i,
                  number ? strtod(number, NULL) : next_random(r) * (is_byte ? 255 : 1));
    }
    return true;
}

static bool read_constant_node(reader *r, const char *line)
{
    model_tensor *tensor = arena_alloc(r->arena, sizeof(*tensor));
    model_node *node = &r->file->graph->nodes[r->file->graph->node_count++];
    const op_attribute value = { .name = "value", .type = OP_ATTRIBUTE_TENSOR, .tensor = &tensor->tensor };
    if (!read_tensor(r, line, tensor))
        return false;
    *node = (model_node){ .name = tensor->name, .domain = "", .op_type = "Constant", .overload = "",
                          .version = r->file->opsets[0].version, .output_count = 1, .attribute_count = 1 };
    node->outputs = arena_copy(r->arena, &tensor->name, sizeof(tensor->name));
    node->attributes = arena_copy(r->arena, &value, sizeof(value));
    return true;
}

static bool read_attribute(reader *r, const char *text, op_attribute *attribute)
{
    const char *equals = strchr(text, '='), *parts[MOST];
    if (!equals)
        return false;
    attribute->name = trimmed(r, text, (size_t)(equals - text));
    const char *value = equals + 1;
    if (*value == '[') {
        const int count = split(r, trimmed(r, value + 1, strlen(value) - 2), ',', parts);
        int64_t *ints = arena_alloc(r->arena, sizeof(*ints) * (size_t)(count + 1));
        float *floats = arena_alloc(r->arena, sizeof(*floats) * (size_t)(count + 1));
        for (int i = 0; i < count; i++) {
            ints[i] = strtoll(parts[i], NULL, 10);
            floats[i] = strtof(parts[i], NULL);
        }
        attribute->type = strchr(value, '.') ? OP_ATTRIBUTE_FLOATS : OP_ATTRIBUTE_INTS;
        attribute->ints = ints;
        attribute->floats = floats;
        attribute->count = count;
    } else if (*value == '"') {
        attribute->type = OP_ATTRIBUTE_STRING;
        attribute->s = trimmed(r, value + 1, strlen(value) - 2);
        attribute->s_length = strlen(attribute->s);
    } else if (find_type(value) != ONYX_TYPE_UNDEFINED) {
        attribute->type = OP_ATTRIBUTE_INT;
        attribute->i = find_type(value);
    } else if (strchr(value, '.')) {
        attribute->type = OP_ATTRIBUTE_FLOAT;
        attribute->f = strtof(value, NULL);
    } else {
        attribute->type = OP_ATTRIBUTE_INT;
        attribute->i = strtoll(value, NULL, 10);
    }
    return true;
}

static const char **names(reader *r, const char *text, int *count)
{
    const char *parts[MOST];
    *count = *text ? split(r, text, ',', parts) : 0;
    return arena_copy(r->arena, parts, sizeof(*parts) * (size_t)(*count + 1));
}

static bool read_node(reader *r, const char *line)
{
    const char *equals = strchr(line, '='), *open = equals ? strchr(equals, '(') : NULL;
    const char *close = open ? strchr(open, ')') : NULL, *parts[MOST];
    model_graph *graph = r->file->graph;
    if (!close)
        return false;
    model_node *node = &graph->nodes[graph->node_count++];
    node->outputs = names(r, trimmed(r, line, (size_t)(equals - line)), &node->output_count);
    node->inputs = names(r, trimmed(r, open + 1, (size_t)(close - open - 1)), &node->input_count);
    const char *op = trimmed(r, equals + 1, (size_t)(open - equals - 1)), *dot = strrchr(op, '.');
    node->domain = dot ? trimmed(r, op, (size_t)(dot - op)) : "";
    node->op_type = dot ? dot + 1 : op;
    node->name = node->outputs[0];
    node->overload = "";
    node->version = dot ? 1 : r->file->opsets[0].version;
    const int count = split(r, close + 1, ' ', parts);
    node->attributes = arena_alloc(r->arena, sizeof(*node->attributes) * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        if (!read_attribute(r, parts[i], &node->attributes[node->attribute_count++]))
            return false;
    return true;
}

static bool read_line(reader *r, const char *line)
{
    const char *parts[MOST];
    model_graph *graph = r->file->graph;
    if (!*line)
        return true;
    if (strncmp(line, "init ", 5) == 0)
        return read_tensor(r, line, &graph->initializers[graph->initializer_count++]);
    if (strncmp(line, "node ", 5) == 0)
        return read_constant_node(r, line);
    if (strncmp(line, "output ", 7) == 0) {
        graph->outputs[graph->output_count++].name = trimmed(r, line + 7, strlen(line + 7));
        return true;
    }
    if (strncmp(line, "input ", 6) != 0)
        return read_node(r, line);
    if (split(r, line, ' ', parts) != 4)
        return false;
    model_value *input = &graph->inputs[graph->input_count++];
    input->name = parts[1];
    input->type = find_type(parts[2]);
    input->rank = read_dims(r, parts[3], input->dims);
    return true;
}

model_file *text_model(const char *text, int opset, arena *memory)
{
    const char *lines[MOST];
    reader r = { .arena = memory, .file = arena_alloc(memory, sizeof(model_file)), .random = 1 };
    model_graph *graph = r.file->graph = arena_alloc(memory, sizeof(*graph));
    const int count = split(&r, text, '\n', lines);
    r.file->arena = memory;
    r.file->path = "text";
    r.file->opsets = arena_alloc(memory, sizeof(*r.file->opsets));
    r.file->opsets[0] = (model_opset){ "", opset ? opset : MODEL_NEWEST_OPSET };
    r.file->opset_count = 1;
    graph->nodes = arena_alloc(memory, sizeof(*graph->nodes) * (size_t)(count + 1));
    graph->initializers = arena_alloc(memory, sizeof(*graph->initializers) * (size_t)(count + 1));
    graph->inputs = arena_alloc(memory, sizeof(*graph->inputs) * (size_t)(count + 1));
    graph->outputs = arena_alloc(memory, sizeof(*graph->outputs) * (size_t)(count + 1));
    for (int i = 0; i < count; i++)
        if (!read_line(&r, lines[i])) {
            printf("bad line: %s\n", lines[i]);
            return NULL;
        }
    return r.file;
}
