/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One function per message, each the size of its fields. The depth of the recursion (graph, node, attribute, graph) is
 * bounded by the scan. Text that finds no room gives "" and sets `full`, which the callers of every group check. */
#include "model/convert.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "onnx.pb-c.h"

typedef struct converter {
    const tensor_reader *reader;
    arena *arena;
    onyx_error *error;
    const model_opset *opsets; /* of the model, or of the function being read */
    int opset_count;
    bool views; /* tensors of attributes need no alignment: the node is a Constant */
    bool full;
} converter;

static const char *text(converter *c, ProtobufCBinaryData bytes)
{
    const char *copy = bytes.len ? tensor_text(c->arena, bytes) : "";
    c->full |= !copy;
    return copy ? copy : "";
}

static void *array(converter *c, size_t count, size_t size)
{
    size_t bytes;
    void *memory = size_mul(count, size, &bytes) ? arena_alloc(c->arena, bytes) : NULL;
    c->full |= !memory;
    return memory;
}

/* Element counts come from messages under 2 GiB, each element of which takes two bytes at least. */
static int small_count(size_t count)
{
    assert(count <= INT_MAX);
    return (int)count;
}

static const char *domain_text(converter *c, ProtobufCBinaryData bytes)
{
    const char *domain = text(c, bytes);
    return strcmp(domain, "ai.onnx") == 0 ? "" : domain;
}

static const char **texts(converter *c, size_t count, const ProtobufCBinaryData *list)
{
    const char **copies = array(c, count, sizeof *copies);
    for (size_t i = 0; copies && i < count; i++)
        copies[i] = text(c, list[i]);
    return copies;
}

/* ------------------------------------------------------------------------------------------------ values and types */

static onyx_status convert_shape(converter *c, const Onnx__TensorShapeProto *shape, model_value *value)
{
    if (!shape)
        return ONYX_OK;
    if (shape->n_dim > ONYX_MAX_RANK)
        return status_fail(c->error, ONYX_ERROR_UNSUPPORTED, "it has %zu dimensions; at most %d are supported",
                           shape->n_dim, ONYX_MAX_RANK);
    value->rank = small_count(shape->n_dim);
    for (int i = 0; i < value->rank; i++) {
        const Onnx__TensorShapeProto__Dimension *dim = shape->dim[i];
        value->dims[i] = -1;
        if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE)
            value->dims[i] = dim->dim_value >= 0 ? dim->dim_value : -1; /* some exporters write -1 for a free one */
        else if (dim->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM && dim->dim_param.len)
            value->dim_names[i] = text(c, dim->dim_param);
    }
    return ONYX_OK;
}

static onyx_status convert_element(converter *c, int32_t type, model_value *value)
{
    if (type != ONYX_TYPE_UNDEFINED && !tensor_type_known(type))
        return status_fail(c->error, ONYX_ERROR_UNSUPPORTED, "element type %d is not known", type);
    value->type = (onyx_type)type;
    return ONYX_OK;
}

/* The outermost kind, and the type of the tensors inside; the shape only of a tensor or of an optional one. */
static onyx_status convert_type(converter *c, const Onnx__TypeProto *type, model_value *value)
{
    bool shaped = true;
    for (bool outermost = true; type; outermost = false) {
        op_kind kind = OP_KIND_TENSOR;
        const Onnx__TypeProto *inner = NULL;
        switch (type->value_case) {
        case ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE:
            STATUS_TRY(convert_element(c, type->tensor_type->elem_type, value));
            if (shaped)
                STATUS_TRY(convert_shape(c, type->tensor_type->shape, value));
            break;
        case ONNX__TYPE_PROTO__VALUE_SPARSE_TENSOR_TYPE:
            STATUS_TRY(convert_element(c, type->sparse_tensor_type->elem_type, value));
            if (shaped)
                STATUS_TRY(convert_shape(c, type->sparse_tensor_type->shape, value));
            break;
        case ONNX__TYPE_PROTO__VALUE_SEQUENCE_TYPE:
            kind = OP_KIND_SEQUENCE;
            inner = type->sequence_type->elem_type;
            shaped = false;
            break;
        case ONNX__TYPE_PROTO__VALUE_OPTIONAL_TYPE:
            kind = OP_KIND_OPTIONAL;
            inner = type->optional_type->elem_type;
            break;
        case ONNX__TYPE_PROTO__VALUE_MAP_TYPE:
            kind = OP_KIND_MAP;
            inner = type->map_type->value_type;
            shaped = false;
            break;
        default: /* absent or opaque: nothing is known */
            break;
        }
        if (outermost)
            value->kind = kind;
        type = inner;
    }
    return ONYX_OK;
}

static onyx_status convert_value(converter *c, const Onnx__ValueInfoProto *proto, model_value *value)
{
    *value = (model_value){ .name = text(c, proto->name), .rank = -1 };
    onyx_status status = convert_type(c, proto->type, value);
    return status ? status_context(c->error, status, "value '%.200s'", value->name) : ONYX_OK;
}

static onyx_status convert_values(converter *c, size_t count, Onnx__ValueInfoProto *const *protos, model_value **values,
                                  int *value_count)
{
    *values = array(c, count, sizeof **values);
    if (!*values)
        return tensor_no_room(c->error);
    for (size_t i = 0; i < count; i++)
        STATUS_TRY(convert_value(c, protos[i], &(*values)[i]));
    *value_count = small_count(count);
    return ONYX_OK;
}

/* ------------------------------------------------------------------------------------------------------ attributes */

static onyx_status convert_graph(converter *c, const Onnx__GraphProto *proto, model_graph **result);

/* Files older than the field `type` leave it out: what is set then tells. */
static int attribute_type(const Onnx__AttributeProto *proto)
{
    if (proto->type != ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED || proto->ref_attr_name.len)
        return (int)proto->type;
    if (proto->has_f)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT;
    if (proto->has_i)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT;
    if (proto->has_s)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING;
    if (proto->t)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR;
    if (proto->g)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
    if (proto->n_floats)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS;
    if (proto->n_ints)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS;
    if (proto->n_strings)
        return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS;
    return ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__UNDEFINED;
}

static onyx_status convert_tensor_attribute(converter *c, const Onnx__AttributeProto *proto, bool sparse,
                                            op_attribute *attribute)
{
    model_tensor *tensor = array(c, 1, sizeof *tensor);
    if (!tensor)
        return tensor_no_room(c->error);
    if (sparse ? !proto->sparse_tensor : !proto->t)
        return status_fail(c->error, ONYX_ERROR_FORMAT, "its tensor is missing");
    if (sparse)
        STATUS_TRY(tensor_read_sparse(c->reader, proto->sparse_tensor, tensor));
    else
        STATUS_TRY(tensor_read(c->reader, proto->t, !c->views, tensor));
    attribute->type = OP_ATTRIBUTE_TENSOR;
    attribute->tensor = &tensor->tensor;
    return ONYX_OK;
}

static onyx_status convert_type_attribute(converter *c, const Onnx__AttributeProto *proto, op_attribute *attribute)
{
    model_value *value = array(c, 1, sizeof *value);
    if (!value)
        return tensor_no_room(c->error);
    *value = (model_value){ .name = "", .rank = -1 };
    attribute->graph = value;
    return convert_type(c, proto->tp, value);
}

static onyx_status convert_payload(converter *c, const Onnx__AttributeProto *proto, op_attribute *attribute)
{
    switch (attribute_type(proto)) {
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT:
        attribute->type = OP_ATTRIBUTE_FLOAT;
        attribute->f = proto->f;
        return ONYX_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT:
        attribute->type = OP_ATTRIBUTE_INT;
        attribute->i = proto->i;
        return ONYX_OK;
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING:
        attribute->type = OP_ATTRIBUTE_STRING;
        attribute->s = arena_string(c->arena, (const char *)proto->s.data, proto->s.len);
        attribute->s_length = proto->s.len;
        return attribute->s ? ONYX_OK : tensor_no_room(c->error);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TENSOR:
        return convert_tensor_attribute(c, proto, false, attribute);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__SPARSE_TENSOR:
        return convert_tensor_attribute(c, proto, true, attribute);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH: {
        model_graph *graph;
        if (!proto->g)
            return status_fail(c->error, ONYX_ERROR_FORMAT, "its graph is missing");
        STATUS_TRY(convert_graph(c, proto->g, &graph));
        attribute->type = OP_ATTRIBUTE_GRAPH;
        attribute->graph = graph;
        return ONYX_OK;
    }
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOATS:
        attribute->type = OP_ATTRIBUTE_FLOATS;
        attribute->count = small_count(proto->n_floats);
        attribute->floats = arena_copy(c->arena, proto->floats, proto->n_floats * sizeof(float));
        return attribute->floats ? ONYX_OK : tensor_no_room(c->error);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS:
        attribute->type = OP_ATTRIBUTE_INTS;
        attribute->count = small_count(proto->n_ints);
        attribute->ints = arena_copy(c->arena, proto->ints, proto->n_ints * sizeof(int64_t));
        return attribute->ints ? ONYX_OK : tensor_no_room(c->error);
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRINGS: {
        const char **strings = array(c, proto->n_strings, sizeof *strings);
        for (size_t i = 0; strings && i < proto->n_strings; i++) {
            strings[i] = arena_string(c->arena, (const char *)proto->strings[i].data, proto->strings[i].len);
            c->full |= !strings[i];
        }
        attribute->type = OP_ATTRIBUTE_STRINGS;
        attribute->count = small_count(proto->n_strings);
        attribute->strings = strings;
        return c->full ? tensor_no_room(c->error) : ONYX_OK;
    }
    case ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__TYPE_PROTO:
        attribute->type = OP_ATTRIBUTE_OTHER;
        return convert_type_attribute(c, proto, attribute);
    default: /* lists of tensors, graphs and types: no operator has one */
        attribute->type = OP_ATTRIBUTE_OTHER;
        return ONYX_OK;
    }
}

static onyx_status convert_attributes(converter *c, size_t count, Onnx__AttributeProto *const *protos,
                                      op_attribute **attributes, int *attribute_count)
{
    *attributes = array(c, count, sizeof **attributes);
    if (!*attributes)
        return tensor_no_room(c->error);
    for (size_t i = 0; i < count; i++) {
        op_attribute *attribute = &(*attributes)[i];
        attribute->name = text(c, protos[i]->name);
        if (protos[i]->ref_attr_name.len) {
            attribute->reference = text(c, protos[i]->ref_attr_name);
            int type = attribute_type(protos[i]);
            attribute->type = type >= OP_ATTRIBUTE_FLOAT && type <= OP_ATTRIBUTE_STRINGS ? (op_attribute_type)type
                                                                                         : OP_ATTRIBUTE_OTHER;
            continue;
        }
        onyx_status status = convert_payload(c, protos[i], attribute);
        if (status)
            return status_context(c->error, status, "attribute '%.100s'", attribute->name);
    }
    *attribute_count = small_count(count);
    return ONYX_OK;
}

/* ------------------------------------------------------------------------------------------------ nodes and graphs */

static int opset_version(const model_opset *opsets, int count, const char *domain)
{
    for (int i = 0; i < count; i++)
        if (strcmp(opsets[i].domain, domain) == 0)
            return opsets[i].version;
    return 0;
}

static onyx_status convert_node(converter *c, const Onnx__NodeProto *proto, model_node *node)
{
    node->name = text(c, proto->name);
    node->domain = domain_text(c, proto->domain);
    node->op_type = text(c, proto->op_type);
    node->overload = text(c, proto->overload);
    node->version = opset_version(c->opsets, c->opset_count, node->domain);
    node->inputs = texts(c, proto->n_input, proto->input);
    node->outputs = texts(c, proto->n_output, proto->output);
    if (c->full)
        return tensor_no_room(c->error);
    node->input_count = small_count(proto->n_input);
    node->output_count = small_count(proto->n_output);
    if (!*node->op_type)
        return status_fail(c->error, ONYX_ERROR_FORMAT, "node '%.200s' has no operator", node->name);
    c->views = !node->domain[0] && strcmp(node->op_type, "Constant") == 0;
    onyx_status status =
        convert_attributes(c, proto->n_attribute, proto->attribute, &node->attributes, &node->attribute_count);
    c->views = false;
    return status ? status_context(c->error, status, "node '%.200s' (%.100s)", node->name, node->op_type) : ONYX_OK;
}

static onyx_status convert_nodes(converter *c, size_t count, Onnx__NodeProto *const *protos, model_node **nodes,
                                 int *node_count)
{
    *nodes = array(c, count, sizeof **nodes);
    if (!*nodes)
        return tensor_no_room(c->error);
    for (size_t i = 0; i < count; i++)
        STATUS_TRY(convert_node(c, protos[i], &(*nodes)[i]));
    *node_count = small_count(count);
    return ONYX_OK;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Takes those inputs away that are initializers: defaults which nobody can override here. */
static onyx_status drop_initialized_inputs(converter *c, model_graph *graph)
{
    if (!graph->initializer_count || !graph->input_count)
        return ONYX_OK;
    size_t count = (size_t)graph->initializer_count;
    const char **names = malloc(count * sizeof *names);
    if (!names)
        return status_no_memory(c->error, count * sizeof *names, "names of initializers");
    for (size_t i = 0; i < count; i++)
        names[i] = graph->initializers[i].name;
    qsort(names, count, sizeof *names, by_text);
    int kept = 0;
    for (int i = 0; i < graph->input_count; i++)
        if (!bsearch(&graph->inputs[i].name, names, count, sizeof *names, by_text))
            graph->inputs[kept++] = graph->inputs[i];
    graph->input_count = kept;
    free(names);
    return ONYX_OK;
}

static onyx_status convert_initializers(converter *c, const Onnx__GraphProto *proto, model_graph *graph)
{
    size_t count;
    if (!size_add(proto->n_initializer, proto->n_sparse_initializer, &count) || count > INT_MAX)
        return status_fail(c->error, ONYX_ERROR_LIMIT, "too many initializers");
    graph->initializers = array(c, count, sizeof *graph->initializers);
    if (!graph->initializers)
        return tensor_no_room(c->error);
    model_tensor *next = graph->initializers;
    for (size_t i = 0; i < proto->n_initializer; i++)
        STATUS_TRY(tensor_read(c->reader, proto->initializer[i], false, next++));
    for (size_t i = 0; i < proto->n_sparse_initializer; i++)
        STATUS_TRY(tensor_read_sparse(c->reader, proto->sparse_initializer[i], next++));
    graph->initializer_count = small_count(count);
    for (const model_tensor *t = graph->initializers; t < next; t++)
        if (!*t->name)
            return status_fail(c->error, ONYX_ERROR_FORMAT, "an initializer has no name");
    return ONYX_OK;
}

static onyx_status convert_graph(converter *c, const Onnx__GraphProto *proto, model_graph **result)
{
    model_graph *graph = array(c, 1, sizeof *graph);
    if (!graph)
        return tensor_no_room(c->error);
    graph->name = text(c, proto->name);
    STATUS_TRY(convert_initializers(c, proto, graph));
    STATUS_TRY(convert_values(c, proto->n_input, proto->input, &graph->inputs, &graph->input_count));
    STATUS_TRY(convert_values(c, proto->n_output, proto->output, &graph->outputs, &graph->output_count));
    STATUS_TRY(convert_values(c, proto->n_value_info, proto->value_info, &graph->values, &graph->value_count));
    STATUS_TRY(convert_nodes(c, proto->n_node, proto->node, &graph->nodes, &graph->node_count));
    STATUS_TRY(drop_initialized_inputs(c, graph));
    *result = graph;
    return c->full ? tensor_no_room(c->error) : ONYX_OK;
}

/* ------------------------------------------------------------------------------------------- opsets, functions, model
 */

static onyx_status convert_opsets(converter *c, size_t count, Onnx__OperatorSetIdProto *const *protos,
                                  model_opset **result, int *result_count)
{
    model_opset *opsets = array(c, count, sizeof *opsets);
    if (!opsets)
        return tensor_no_room(c->error);
    int kept = 0;
    for (size_t i = 0; i < count; i++) {
        const char *domain = domain_text(c, protos[i]->domain);
        int64_t version = protos[i]->version;
        if (version < 1 || version > INT_MAX)
            return status_fail(c->error, ONYX_ERROR_FORMAT, "version %lld of opset '%.100s' is impossible",
                               (long long)version, domain);
        int known = opset_version(opsets, kept, domain);
        if (known && known != version)
            return status_fail(c->error, ONYX_ERROR_FORMAT, "opset '%.100s' is imported in versions %d and %lld",
                               domain, known, (long long)version);
        if (!known)
            opsets[kept++] = (model_opset){ .domain = domain, .version = (int)version };
        if (kept > 1024) /* the search above is a plain one */
            return status_fail(c->error, ONYX_ERROR_LIMIT, "more than 1024 opsets are imported");
    }
    *result = opsets;
    *result_count = kept;
    return ONYX_OK;
}

static onyx_status convert_function(converter *c, const Onnx__FunctionProto *proto, model_function *function)
{
    function->domain = domain_text(c, proto->domain);
    function->name = text(c, proto->name);
    function->overload = text(c, proto->overload);
    function->inputs = texts(c, proto->n_input, proto->input);
    function->input_count = small_count(proto->n_input);
    function->outputs = texts(c, proto->n_output, proto->output);
    function->output_count = small_count(proto->n_output);
    function->attribute_names = texts(c, proto->n_attribute, proto->attribute);
    function->attribute_name_count = small_count(proto->n_attribute);
    if (c->full)
        return tensor_no_room(c->error);
    /* A function's body is read under its own imports; those it lacks are the model's. */
    const model_opset *model_opsets = c->opsets;
    int model_opset_count = c->opset_count, own_count;
    model_opset *own;
    STATUS_TRY(convert_opsets(c, proto->n_opset_import, proto->opset_import, &own, &own_count));
    model_opset *both = array(c, (size_t)own_count + (size_t)model_opset_count, sizeof *both);
    if (!both)
        return tensor_no_room(c->error);
    memcpy(both, own, (size_t)own_count * sizeof *both);
    memcpy(both + own_count, model_opsets, (size_t)model_opset_count * sizeof *both);
    c->opsets = both;
    c->opset_count = own_count + model_opset_count;
    onyx_status status = convert_attributes(c, proto->n_attribute_proto, proto->attribute_proto,
                                            &function->attribute_defaults, &function->attribute_default_count);
    if (!status)
        status = convert_nodes(c, proto->n_node, proto->node, &function->nodes, &function->node_count);
    c->opsets = model_opsets;
    c->opset_count = model_opset_count;
    return status ? status_context(c->error, status, "function '%.100s'", function->name) : ONYX_OK;
}

static onyx_status convert_functions(converter *c, const Onnx__ModelProto *proto, model_file *file)
{
    file->functions = array(c, proto->n_functions, sizeof *file->functions);
    if (!file->functions)
        return tensor_no_room(c->error);
    for (size_t i = 0; i < proto->n_functions; i++)
        STATUS_TRY(convert_function(c, proto->functions[i], &file->functions[i]));
    file->function_count = small_count(proto->n_functions);
    return ONYX_OK;
}

static void convert_texts(converter *c, const Onnx__ModelProto *proto, model_file *file)
{
    const char *name = text(c, proto->producer_name), *version = text(c, proto->producer_version);
    file->producer = *version ? arena_printf(c->arena, "%s %s", name, version) : name;
    c->full |= !file->producer;
    file->metadata = array(c, proto->n_metadata_props, sizeof *file->metadata);
    for (size_t i = 0; file->metadata && i < proto->n_metadata_props; i++) {
        file->metadata[i].key = text(c, proto->metadata_props[i]->key);
        file->metadata[i].value = text(c, proto->metadata_props[i]->value);
    }
    file->metadata_count = small_count(proto->n_metadata_props);
}

onyx_status convert_model(model_file *file, const tensor_reader *reader, const Onnx__ModelProto *proto)
{
    converter c = { .reader = reader, .arena = reader->arena, .error = reader->error };
    file->ir_version = proto->ir_version;
    if (!proto->graph)
        return status_fail(c.error, ONYX_ERROR_FORMAT,
                           "this is no ONNX model, or it is truncated: a graph is expected, none was found");
    if (file->ir_version < 1)
        return status_fail(c.error, ONYX_ERROR_FORMAT,
                           "this is no ONNX model, or it is damaged: an ir_version from 1 to %d is expected, %lld was "
                           "found",
                           MODEL_NEWEST_IR, (long long)file->ir_version);
    STATUS_TRY(convert_opsets(&c, proto->n_opset_import, proto->opset_import, &file->opsets, &file->opset_count));
    if (file->opset_count == 0 && file->ir_version >= 3)
        return status_fail(c.error, ONYX_ERROR_FORMAT,
                           "opset_import is missing, without which operators have no meaning (IR version %lld)",
                           (long long)file->ir_version);
    if (file->opset_count == 0) { /* before IR 3 there was one opset */
        file->opsets = array(&c, 1, sizeof *file->opsets);
        if (!file->opsets)
            return tensor_no_room(c.error);
        file->opsets[0] = (model_opset){ .domain = "", .version = 1 };
        file->opset_count = 1;
    }
    c.opsets = file->opsets;
    c.opset_count = file->opset_count;
    convert_texts(&c, proto, file);
    if (c.full)
        return tensor_no_room(c.error);
    STATUS_TRY(convert_functions(&c, proto, file));
    return convert_graph(&c, proto->graph, &file->graph);
}
