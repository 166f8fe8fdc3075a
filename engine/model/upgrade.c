/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Old operator forms become the newest form that means the same, so that kernels and passes know one. A row names an
 * operator, the version from which on nothing is to be done, and the function that rewrites one node; the version of
 * the rewritten node is raised to that of the row. What a row cannot rewrite keeps its version, and is then refused by
 * name as unsupported.
 *
 * Attributes that became inputs turn into Constant nodes, which also hold references to a function's attributes. */
#include <limits.h>
#include <string.h>

#include "base/size.h"
#include "model/upgrade.h"

/* Rewrites *node; *done false: leaves it as it was, at its version. */
typedef onyx_status upgrade_function(upgrader *u, model_node *node, bool *done);

typedef struct upgrade_row {
    const char *op_type;
    int version; /* the form that comes out */
    upgrade_function *function;
} upgrade_row;

/* ---- parts ---- */

static onyx_status no_room(upgrader *u)
{
    return status_no_memory(u->error, 0, "upgrading operators");
}

const char *upgrade_new_name(upgrader *u)
{
    return arena_printf(u->file->arena, ":upgrade:%d", u->constants++);
}

onyx_status upgrade_append(upgrader *u, const model_node *node)
{
    if (u->count == u->capacity) {
        if (u->capacity > INT_MAX / 2 || (size_t)u->count >= u->file->max_nodes * 4 + 64)
            return status_fail(u->error, ONYX_ERROR_LIMIT, "too many nodes");
        int capacity = MAX(2 * u->capacity, 16);
        model_node *nodes = arena_alloc(u->file->arena, (size_t)capacity * sizeof(*nodes));
        if (!nodes)
            return no_room(u);
        if (u->count)
            memcpy(nodes, u->nodes, (size_t)u->count * sizeof(*nodes));
        u->nodes = nodes;
        u->capacity = capacity;
    }
    u->nodes[u->count++] = *node;
    return ONYX_OK;
}

const op_attribute *upgrade_find(const model_node *node, const char *name)
{
    for (int i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) == 0)
            return &node->attributes[i];
    }
    return NULL;
}

static void drop(model_node *node, const char *name)
{
    int kept = 0;
    for (int i = 0; i < node->attribute_count; i++) {
        if (strcmp(node->attributes[i].name, name) != 0)
            node->attributes[kept++] = node->attributes[i];
    }
    node->attribute_count = kept;
}

static onyx_status add_attribute(upgrader *u, model_node *node, const op_attribute *attribute)
{
    size_t count = (size_t)node->attribute_count;
    op_attribute *list = arena_alloc(u->file->arena, (count + 1) * sizeof(*list));
    if (!list)
        return no_room(u);
    if (count)
        memcpy(list, node->attributes, count * sizeof(*list));
    list[count] = *attribute;
    node->attributes = list;
    node->attribute_count++;
    return ONYX_OK;
}

static onyx_status set_string(upgrader *u, model_node *node, const char *name, const char *value)
{
    drop(node, name);
    return add_attribute(
        u, node, &(op_attribute){ .name = name, .type = OP_ATTRIBUTE_STRING, .s = value, .s_length = strlen(value) });
}

/* Input `index` becomes `name`; those between are absent. */
static onyx_status set_input(upgrader *u, model_node *node, int index, const char *name)
{
    int count = MAX(node->input_count, index + 1);
    const char **inputs = arena_alloc(u->file->arena, (size_t)count * sizeof(*inputs));
    if (!inputs)
        return no_room(u);
    for (int i = 0; i < count; i++)
        inputs[i] = i < node->input_count ? node->inputs[i] : "";
    inputs[index] = name;
    node->inputs = inputs;
    node->input_count = count;
    return ONYX_OK;
}

bool upgrade_has_input(const model_node *node, int index)
{
    return index < node->input_count && node->inputs[index][0];
}

onyx_status upgrade_insert(upgrader *u, model_node *node, const char **name)
{
    const char **outputs = arena_alloc(u->file->arena, sizeof(*outputs));
    const char *text = upgrade_new_name(u);
    if (!outputs || !text)
        return no_room(u);
    outputs[0] = *name = text;
    node->name = node->name ? node->name : text;
    node->overload = "";
    node->outputs = outputs;
    node->output_count = 1;
    return upgrade_append(u, node);
}

onyx_status upgrade_insert_constant(upgrader *u, op_attribute value, const char **name)
{
    op_attribute *copy = arena_alloc(u->file->arena, sizeof(*copy));
    if (!copy)
        return no_room(u);
    *copy = value;
    copy->name = value.type == OP_ATTRIBUTE_INTS    ? "value_ints"
                 : value.type == OP_ATTRIBUTE_INT   ? "value_int"
                 : value.type == OP_ATTRIBUTE_FLOAT ? "value_float"
                                                    : "value_floats";
    model_node node = { .domain = "", .op_type = "Constant", .version = 13, .attributes = copy, .attribute_count = 1 };
    return upgrade_insert(u, &node, name);
}

/* Moves an attribute of the given type to an input. Absent (or of another type): nothing. */
static onyx_status to_input(upgrader *u, model_node *node, const char *attribute, op_attribute_type type, int index)
{
    const op_attribute *found = upgrade_find(node, attribute);
    const char *name = NULL;
    if (!found || found->type != type || upgrade_has_input(node, index))
        return ONYX_OK;
    STATUS_TRY(upgrade_insert_constant(u, *found, &name));
    drop(node, attribute);
    return set_input(u, node, index, name);
}

/* ---- rows ---- */

static onyx_status raise_only(upgrader *u, model_node *node, bool *done)
{
    (void)u;
    (void)node;
    *done = true;
    return ONYX_OK;
}

static onyx_status axes_input(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    return to_input(u, node, "axes", OP_ATTRIBUTE_INTS, 1);
}

static onyx_status split_input(upgrader *u, model_node *node, bool *done)
{
    *done = !upgrade_has_input(node, 1); /* version 1 could take it as an input of the data's type */
    return *done ? to_input(u, node, "split", OP_ATTRIBUTE_INTS, 1) : ONYX_OK;
}

static onyx_status reshape(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    return to_input(u, node, "shape", OP_ATTRIBUTE_INTS, 1);
}

static onyx_status slice(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    STATUS_TRY(to_input(u, node, "starts", OP_ATTRIBUTE_INTS, 1));
    STATUS_TRY(to_input(u, node, "ends", OP_ATTRIBUTE_INTS, 2));
    return to_input(u, node, "axes", OP_ATTRIBUTE_INTS, 3);
}

static onyx_status clip(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    STATUS_TRY(to_input(u, node, "min", OP_ATTRIBUTE_FLOAT, 1));
    return to_input(u, node, "max", OP_ATTRIBUTE_FLOAT, 2);
}

static onyx_status pad(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    STATUS_TRY(to_input(u, node, "pads", OP_ATTRIBUTE_INTS, 1));
    STATUS_TRY(to_input(u, node, "paddings", OP_ATTRIBUTE_INTS, 1)); /* version 1 */
    return to_input(u, node, "value", OP_ATTRIBUTE_FLOAT, 2);
}

static onyx_status topk(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    return to_input(u, node, "k", OP_ATTRIBUTE_INT, 1);
}

/* Outside of training there is nothing but the data, and a mask, which had the data's type before version 10. */
static onyx_status dropout(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    int version = node->version;
    node->input_count = MIN(node->input_count, 1);
    if (version >= 10 || node->output_count < 2 || !node->outputs[1][0] || !upgrade_has_input(node, 0))
        return ONYX_OK;
    const char **outputs = arena_alloc(u->file->arena, 2 * sizeof(*outputs));
    const char **inputs = arena_alloc(u->file->arena, 2 * sizeof(*inputs));
    const char *mask = upgrade_new_name(u);
    if (!outputs || !inputs || !mask)
        return no_room(u);
    model_node cast = { .name = node->name, .domain = "", .op_type = "CastLike", .overload = "", .version = 19 };
    outputs[0] = node->outputs[0];
    outputs[1] = inputs[0] = mask;
    inputs[1] = node->inputs[0];
    cast.inputs = inputs;
    cast.input_count = 2;
    cast.outputs = &node->outputs[1];
    cast.output_count = 1;
    node->outputs = outputs;
    node->output_count = 2;
    node->version = 12;
    STATUS_TRY(upgrade_append(u, node));
    *node = cast;
    return ONYX_OK;
}

/* spatial = 0, statistics of every single element, does not exist any more. */
static onyx_status batch_norm(upgrader *u, model_node *node, bool *done)
{
    (void)u;
    const op_attribute *spatial = upgrade_find(node, "spatial");
    *done = !spatial || spatial->i != 0;
    return ONYX_OK;
}

static onyx_status cast(upgrader *u, model_node *node, bool *done)
{
    static const struct {
        const char *name;
        onyx_type type;
    } types[] = {
        { "FLOAT", ONYX_TYPE_FLOAT32 },   { "UINT8", ONYX_TYPE_UINT8 },    { "INT8", ONYX_TYPE_INT8 },
        { "UINT16", ONYX_TYPE_UINT16 },   { "INT16", ONYX_TYPE_INT16 },    { "INT32", ONYX_TYPE_INT32 },
        { "INT64", ONYX_TYPE_INT64 },     { "STRING", ONYX_TYPE_STRING },  { "BOOL", ONYX_TYPE_BOOL },
        { "FLOAT16", ONYX_TYPE_FLOAT16 }, { "DOUBLE", ONYX_TYPE_FLOAT64 }, { "UINT32", ONYX_TYPE_UINT32 },
        { "UINT64", ONYX_TYPE_UINT64 },
    };
    const op_attribute *to = upgrade_find(node, "to");
    *done = true;
    if (!to || to->type != OP_ATTRIBUTE_STRING)
        return ONYX_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(types); i++) {
        if (strcmp(to->s, types[i].name) != 0)
            continue;
        op_attribute number = { .name = "to", .type = OP_ATTRIBUTE_INT, .i = types[i].type };
        drop(node, "to");
        return add_attribute(u, node, &number);
    }
    *done = false;
    return ONYX_OK;
}

/* Input 1 is laid along `axis` of input 0. */
static onyx_status align(upgrader *u, model_node *node, int64_t axis)
{
    const char **inputs = arena_alloc(u->file->arena, 2 * sizeof(*inputs)), *name = NULL;
    op_attribute *attribute = arena_alloc(u->file->arena, sizeof(*attribute));
    if (!inputs || !attribute)
        return no_room(u);
    inputs[0] = node->inputs[1];
    inputs[1] = node->inputs[0];
    *attribute = (op_attribute){ .name = "axis", .type = OP_ATTRIBUTE_INT, .i = axis };
    model_node helper = { .domain = OP_DOMAIN_UPGRADE,
                          .op_type = "AlignBroadcast",
                          .version = 1,
                          .inputs = inputs,
                          .input_count = 2,
                          .attributes = attribute,
                          .attribute_count = 1 };
    STATUS_TRY(upgrade_insert(u, &helper, &name));
    return set_input(u, node, 1, name);
}

/* "broadcast = 1, axis = k"; without an axis the last dims are meant, as today. */
static onyx_status broadcast(upgrader *u, model_node *node, bool *done)
{
    const op_attribute *on = upgrade_find(node, "broadcast"), *axis = upgrade_find(node, "axis");
    *done = true;
    if (!on || on->i == 0 || !axis || axis->type != OP_ATTRIBUTE_INT || !upgrade_has_input(node, 0) ||
        !upgrade_has_input(node, 1))
        return ONYX_OK;
    return align(u, node, axis->i);
}

/* One slope for each channel. */
static onyx_status prelu(upgrader *u, model_node *node, bool *done)
{
    *done = true;
    return upgrade_has_input(node, 0) && upgrade_has_input(node, 1) ? align(u, node, 1) : ONYX_OK;
}

static onyx_status scatter(upgrader *u, model_node *node, bool *done)
{
    (void)u;
    node->op_type = "ScatterElements";
    *done = true;
    return ONYX_OK;
}

/* Up to version 10 Resize and Upsample were asymmetric, and nearest took the floor. */
static onyx_status resize(upgrader *u, model_node *node, bool *done)
{
    const op_attribute *mode = upgrade_find(node, "mode");
    const char *scales = upgrade_has_input(node, 1) ? node->inputs[1] : "";
    *done = scales[0] != '\0';
    if (!*done)
        return ONYX_OK;
    if (mode && mode->type == OP_ATTRIBUTE_STRING && strcmp(mode->s, "bilinear") == 0)
        STATUS_TRY(set_string(u, node, "mode", "linear"));
    STATUS_TRY(set_input(u, node, 1, ""));
    STATUS_TRY(set_input(u, node, 2, scales));
    STATUS_TRY(set_string(u, node, "coordinate_transformation_mode", "asymmetric"));
    STATUS_TRY(set_string(u, node, "nearest_mode", "floor"));
    node->op_type = "Resize";
    return ONYX_OK;
}

static onyx_status upsample(upgrader *u, model_node *node, bool *done)
{
    const op_attribute *height = upgrade_find(node, "height_scale"), *width = upgrade_find(node, "width_scale");
    if (height && width && !upgrade_has_input(node, 1)) { /* version 1: pictures only */
        float *scales = arena_alloc(u->file->arena, 4 * sizeof(*scales));
        if (!scales)
            return no_room(u);
        scales[0] = scales[1] = 1;
        scales[2] = height->f;
        scales[3] = width->f;
        op_attribute list = { .name = "scales", .type = OP_ATTRIBUTE_FLOATS, .floats = scales, .count = 4 };
        STATUS_TRY(add_attribute(u, node, &list));
    }
    STATUS_TRY(to_input(u, node, "scales", OP_ATTRIBUTE_FLOATS, 1));
    return resize(u, node, done);
}

static const upgrade_row rows[] = {
    { "Add", 7, broadcast },
    { "And", 7, broadcast },
    { "BatchNormalization", 9, batch_norm },
    { "Cast", 6, cast },
    { "Clip", 11, clip },
    { "Div", 7, broadcast },
    { "Dropout", 12, dropout },
    { "Equal", 7, broadcast },
    { "Gemm", 7, raise_only },
    { "Greater", 7, broadcast },
    { "LayerNormalization", 17, raise_only }, /* of ONNX Runtime's optimiser, in files of any opset */
    { "Less", 7, broadcast },
    { "Mul", 7, broadcast },
    { "Or", 7, broadcast },
    { "PRelu", 7, prelu },
    { "Pad", 11, pad },
    { "Pow", 7, broadcast },
    { "ReduceL1", 18, axes_input },
    { "ReduceL2", 18, axes_input },
    { "ReduceLogSum", 18, axes_input },
    { "ReduceLogSumExp", 18, axes_input },
    { "ReduceMax", 18, axes_input },
    { "ReduceMean", 18, axes_input },
    { "ReduceMin", 18, axes_input },
    { "ReduceProd", 18, axes_input },
    { "ReduceSum", 13, axes_input },
    { "ReduceSumSquare", 18, axes_input },
    { "Reshape", 5, reshape },
    { "Resize", 11, resize },
    { "Scatter", 11, scatter },
    { "Slice", 10, slice },
    { "Split", 13, split_input },
    { "Squeeze", 13, axes_input },
    { "Sub", 7, broadcast },
    { "TopK", 10, topk },
    { "Unsqueeze", 13, axes_input },
    { "Upsample", 11, upsample },
    { "Xor", 7, broadcast },
};

/* ---- the walk ---- */

/* Scatter and Upsample were deprecated at a version, not changed: they are rewritten at any. */
static bool applies(const upgrade_row *row, const model_node *node)
{
    if (strcmp(node->op_type, row->op_type) != 0)
        return false;
    return node->version < row->version || row->function == scatter || row->function == upsample;
}

static onyx_status upgrade_graph(upgrader *u, model_graph *graph);

static onyx_status upgrade_node(upgrader *u, const model_node *old)
{
    model_node node = *old;
    for (int i = 0; i < node.attribute_count; i++) {
        const op_attribute *attribute = &node.attributes[i];
        if (attribute->type == OP_ATTRIBUTE_GRAPH && attribute->graph)
            STATUS_TRY(upgrade_graph(u, (model_graph *)(uintptr_t)attribute->graph));
    }
    bool expanded = false;
    STATUS_TRY(upgrade_expand(u, &node, &expanded));
    if (expanded)
        return ONYX_OK;
    for (size_t i = 0; i < ARRAY_LENGTH(rows) && node.domain[0] == '\0'; i++) {
        bool done = false;
        if (!applies(&rows[i], &node))
            continue;
        STATUS_TRY(rows[i].function(u, &node, &done));
        if (done)
            node.version = MAX(node.version, rows[i].version);
        break;
    }
    return upgrade_append(u, &node);
}

/* The list is written anew, because nodes may be added to it. */
static onyx_status upgrade_nodes(upgrader *u, model_node **nodes, int *count)
{
    upgrader inner = { .file = u->file, .error = u->error, .constants = u->constants };
    for (int i = 0; i < *count; i++)
        STATUS_TRY(upgrade_node(&inner, &(*nodes)[i]));
    u->constants = inner.constants;
    *nodes = inner.nodes;
    *count = inner.count;
    return ONYX_OK;
}

static onyx_status upgrade_graph(upgrader *u, model_graph *graph)
{
    return upgrade_nodes(u, &graph->nodes, &graph->node_count);
}

onyx_status model_upgrade(model_file *file, onyx_error *error)
{
    upgrader u = { .file = file, .error = error };
    STATUS_TRY(upgrade_graph(&u, file->graph));
    for (int i = 0; i < file->function_count; i++)
        STATUS_TRY(upgrade_nodes(&u, &file->functions[i].nodes, &file->functions[i].node_count));
    return ONYX_OK;
}
