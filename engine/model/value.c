/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Values in files of their own: TensorProto, SequenceProto, OptionalProto, MapProto, as test vectors hold them. */
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "model/model.h"
#include "model/tensor.h"
#include "onnx.pb-c.h"

#define VALUE_MEMORY_BYTES (SIZE_MAX / 4 < ((size_t)16 << 30) ? SIZE_MAX / 4 : (size_t)16 << 30)

/* A file opened, scanned and unpacked. */
typedef struct value_file {
    arena *scratch;
    model_mapping *mapping;
    wire_scan scan;
    ProtobufCMessage *message;
    tensor_reader reader;
} value_file;

static onyx_status value_open(value_file *f, const char *path, const ProtobufCMessageDescriptor *message, arena *memory,
                              onyx_error *error)
{
    const wire_limits limits = { .max_nodes = 0, .max_bytes = VALUE_MEMORY_BYTES };
    *f = (value_file){ .scratch = arena_new(VALUE_MEMORY_BYTES) };
    if (!f->scratch)
        return status_no_memory(error, 0, "reading a tensor");
    STATUS_TRY(mapping_open(f->scratch, path, VALUE_MEMORY_BYTES, &f->mapping, error));
    STATUS_TRY(wire_reduce(message, f->mapping->data, f->mapping->size, &limits, &f->scan, error));
    STATUS_TRY(wire_unpack(message, &f->scan, f->scratch, &f->message, error));
    f->reader = (tensor_reader){
        .arena = memory, .scan = &f->scan, .files = f->mapping, .max_model_bytes = VALUE_MEMORY_BYTES, .error = error
    };
    return ONYX_OK;
}

static void value_close(value_file *f)
{
    mapping_close(f->mapping);
    wire_free(&f->scan);
    arena_free(f->scratch);
}

onyx_status model_read_tensor(const char *path, arena *memory, model_tensor *tensor, onyx_error *error)
{
    value_file f;
    onyx_status status = value_open(&f, path, &onnx__tensor_proto__descriptor, memory, error);
    if (!status)
        status = tensor_read(&f.reader, (const Onnx__TensorProto *)f.message, true, tensor);
    value_close(&f);
    return status ? status_context(error, status, "%s", path) : ONYX_OK;
}

static onyx_status read_sequence(const tensor_reader *r, const Onnx__SequenceProto *proto, model_item *item);
static onyx_status read_map(const tensor_reader *r, const Onnx__MapProto *proto, model_item *item);
static onyx_status read_optional(const tensor_reader *r, const Onnx__OptionalProto *proto, model_item *item);

static onyx_status read_tensor(const tensor_reader *r, const Onnx__TensorProto *proto, model_item *item)
{
    *item = (model_item){ .kind = OP_KIND_TENSOR };
    STATUS_TRY(tensor_read(r, proto, true, &item->tensor));
    item->name = item->tensor.name;
    return ONYX_OK;
}

static onyx_status read_sparse(const tensor_reader *r, const Onnx__SparseTensorProto *proto, model_item *item)
{
    *item = (model_item){ .kind = OP_KIND_TENSOR };
    STATUS_TRY(tensor_read_sparse(r, proto, &item->tensor));
    item->name = item->tensor.name;
    return ONYX_OK;
}

/* A container with room for `count` items. */
static onyx_status open_item(const tensor_reader *r, op_kind kind, ProtobufCBinaryData name, size_t count,
                             model_item *item)
{
    size_t bytes;
    *item = (model_item){ .kind = kind, .name = tensor_text(r->arena, name) };
    if (!item->name || count > INT32_MAX || !size_mul(count, sizeof *item->items, &bytes))
        return tensor_no_room(r->error);
    item->items = arena_alloc(r->arena, bytes);
    item->count = (int)count;
    return item->items ? ONYX_OK : tensor_no_room(r->error);
}

static onyx_status read_sequence(const tensor_reader *r, const Onnx__SequenceProto *proto, model_item *item)
{
    size_t count = proto->n_tensor_values + proto->n_sparse_tensor_values + proto->n_sequence_values +
                   proto->n_map_values + proto->n_optional_values;
    STATUS_TRY(open_item(r, OP_KIND_SEQUENCE, proto->name, count, item));
    model_item *next = item->items;
    for (size_t i = 0; i < proto->n_tensor_values; i++)
        STATUS_TRY(read_tensor(r, proto->tensor_values[i], next++));
    for (size_t i = 0; i < proto->n_sparse_tensor_values; i++)
        STATUS_TRY(read_sparse(r, proto->sparse_tensor_values[i], next++));
    for (size_t i = 0; i < proto->n_sequence_values; i++)
        STATUS_TRY(read_sequence(r, proto->sequence_values[i], next++));
    for (size_t i = 0; i < proto->n_map_values; i++)
        STATUS_TRY(read_map(r, proto->map_values[i], next++));
    for (size_t i = 0; i < proto->n_optional_values; i++)
        STATUS_TRY(read_optional(r, proto->optional_values[i], next++));
    return ONYX_OK;
}

/* Keys as a tensor: int64, whatever integer type the map has, or string. */
static onyx_status read_keys(const tensor_reader *r, const Onnx__MapProto *proto, onyx_tensor *keys)
{
    bool strings = proto->n_string_keys > 0 || proto->key_type == ONYX_TYPE_STRING;
    size_t count = strings ? proto->n_string_keys : proto->n_keys;
    size_t size = strings ? sizeof(const char *) : sizeof(int64_t), bytes;
    void *data = size_mul(count, size, &bytes) ? arena_alloc_aligned(r->arena, bytes) : NULL;
    if (!data)
        return tensor_no_room(r->error);
    *keys = (onyx_tensor){ .type = strings ? ONYX_TYPE_STRING : ONYX_TYPE_INT64,
                           .rank = 1,
                           .dims = { (int64_t)count },
                           .data = data,
                           .size_bytes = bytes };
    if (!strings && bytes)
        memcpy(data, proto->keys, bytes);
    for (size_t i = 0; strings && i < count; i++) {
        ProtobufCBinaryData key = proto->string_keys[i];
        const char *copy = arena_string(r->arena, (const char *)key.data, key.len);
        if (!copy)
            return tensor_no_room(r->error);
        memcpy((char *)data + i * size, &copy, size);
    }
    return ONYX_OK;
}

static onyx_status read_map(const tensor_reader *r, const Onnx__MapProto *proto, model_item *item)
{
    STATUS_TRY(open_item(r, OP_KIND_MAP, proto->name, 1, item));
    STATUS_TRY(read_keys(r, proto, &item->tensor.tensor));
    if (proto->values)
        STATUS_TRY(read_sequence(r, proto->values, &item->items[0]));
    else
        item->items[0] = (model_item){ .kind = OP_KIND_SEQUENCE, .name = "" };
    if (item->items[0].count != item->tensor.tensor.dims[0])
        return status_fail(r->error, ONYX_ERROR_FORMAT, "a map has %lld keys and %d values",
                           (long long)item->tensor.tensor.dims[0], item->items[0].count);
    return ONYX_OK;
}

static onyx_status read_optional(const tensor_reader *r, const Onnx__OptionalProto *proto, model_item *item)
{
    bool present = proto->tensor_value || proto->sparse_tensor_value || proto->sequence_value || proto->map_value ||
                   proto->optional_value;
    STATUS_TRY(open_item(r, OP_KIND_OPTIONAL, proto->name, present, item));
    if (proto->tensor_value)
        return read_tensor(r, proto->tensor_value, item->items);
    if (proto->sparse_tensor_value)
        return read_sparse(r, proto->sparse_tensor_value, item->items);
    if (proto->sequence_value)
        return read_sequence(r, proto->sequence_value, item->items);
    if (proto->map_value)
        return read_map(r, proto->map_value, item->items);
    return proto->optional_value ? read_optional(r, proto->optional_value, item->items) : ONYX_OK;
}

onyx_status model_read_value(const char *path, op_kind kind, arena *memory, model_item *item, onyx_error *error)
{
    static const ProtobufCMessageDescriptor *const messages[] = {
        [OP_KIND_TENSOR] = &onnx__tensor_proto__descriptor,
        [OP_KIND_SEQUENCE] = &onnx__sequence_proto__descriptor,
        [OP_KIND_OPTIONAL] = &onnx__optional_proto__descriptor,
        [OP_KIND_MAP] = &onnx__map_proto__descriptor,
    };
    value_file f;
    onyx_status status = value_open(&f, path, messages[kind], memory, error);
    if (status)
        goto done;
    switch (kind) {
    case OP_KIND_TENSOR:
        status = read_tensor(&f.reader, (const Onnx__TensorProto *)f.message, item);
        break;
    case OP_KIND_SEQUENCE:
        status = read_sequence(&f.reader, (const Onnx__SequenceProto *)f.message, item);
        break;
    case OP_KIND_OPTIONAL:
        status = read_optional(&f.reader, (const Onnx__OptionalProto *)f.message, item);
        break;
    case OP_KIND_MAP:
        status = read_map(&f.reader, (const Onnx__MapProto *)f.message, item);
        break;
    }
done:
    value_close(&f);
    return status ? status_context(error, status, "%s", path) : ONYX_OK;
}
