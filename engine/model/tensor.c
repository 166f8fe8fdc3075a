/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A shape says how many bytes a tensor has; whatever form the payload is in must give exactly these. Memory is taken
 * only when the payload's size makes that possible, so that a hostile shape alone costs nothing. */
#include "model/tensor.h"

#include <assert.h>
#include <string.h>

#include "base/size.h"
#include "base/types.h"
#include "base/utf8.h"
#include "onnx.pb-c.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "payloads are used as they are in the file");

enum { FIELD_FLOAT = 4, FIELD_INT32 = 5, FIELD_INT64 = 7, FIELD_RAW = 9, FIELD_DOUBLE = 10, FIELD_UINT64 = 11 };
enum { LOCATION_EXTERNAL = 1 };

const char *tensor_text(arena *a, ProtobufCBinaryData bytes)
{
    char *text = arena_string(a, (const char *)bytes.data, bytes.len);
    if (text)
        utf8_repair(text, bytes.len);
    return text;
}

onyx_status tensor_no_room(onyx_error *error)
{
    return status_fail(error, ONYX_ERROR_LIMIT,
                       "loading takes more memory than is allowed (max_memory_bytes) or there");
}

bool tensor_type_known(int64_t type)
{
    return type == ONYX_TYPE_STRING || (type > 0 && type <= ONYX_TYPE_INT2 && onyx_type_bits((onyx_type)type) > 0);
}

static onyx_status read_dims(const tensor_reader *reader, const int64_t *dims, size_t rank, onyx_tensor *tensor,
                             size_t *count)
{
    if (rank > ONYX_MAX_RANK)
        return status_fail(reader->error, ONYX_ERROR_UNSUPPORTED, "it has %zu dimensions; at most %d are supported",
                           rank, ONYX_MAX_RANK);
    tensor->rank = (int)rank;
    for (size_t i = 0; i < rank; i++) {
        if (dims[i] < 0)
            return status_fail(reader->error, ONYX_ERROR_FORMAT, "dimension %zu is %lld", i, (long long)dims[i]);
        tensor->dims[i] = dims[i];
    }
    if (!size_count(tensor->dims, tensor->rank, count) || !type_bytes(tensor->type, *count, &tensor->size_bytes) ||
        tensor->size_bytes > PTRDIFF_MAX)
        return status_fail(reader->error, ONYX_ERROR_FORMAT, "its dimensions are too large");
    return ONYX_OK;
}

static onyx_status read_strings(const tensor_reader *reader, const Onnx__TensorProto *proto, size_t count,
                                onyx_tensor *tensor)
{
    if (proto->n_string_data != count)
        return status_fail(reader->error, ONYX_ERROR_FORMAT, "its shape has %zu elements, string_data has %zu", count,
                           proto->n_string_data);
    const char **strings = arena_alloc_aligned(reader->arena, tensor->size_bytes);
    if (!strings)
        return tensor_no_room(reader->error);
    for (size_t i = 0; i < count; i++) {
        ProtobufCBinaryData s = proto->string_data[i];
        strings[i] = arena_string(reader->arena, (const char *)s.data, s.len);
        if (!strings[i])
            return tensor_no_room(reader->error);
    }
    tensor->data = strings;
    return ONYX_OK;
}

/* A decimal number of external_data, without sign; false where it is none. */
static bool read_number(const char *text, size_t *number)
{
    size_t value = 0;
    if (!*text)
        return false;
    for (; *text; text++)
        if (*text < '0' || *text > '9' || !size_mul(value, 10, &value) ||
            !size_add(value, (size_t)(*text - '0'), &value))
            return false;
    *number = value;
    return true;
}

static onyx_status read_external(const tensor_reader *reader, const Onnx__TensorProto *proto, onyx_tensor *tensor)
{
    onyx_error *error = reader->error;
    const char *location = NULL;
    size_t offset = 0, length = tensor->size_bytes;
    for (size_t i = 0; i < proto->n_external_data; i++) {
        const char *key = tensor_text(reader->arena, proto->external_data[i]->key);
        const char *value = tensor_text(reader->arena, proto->external_data[i]->value);
        if (!key || !value)
            return tensor_no_room(error);
        if (strcmp(key, "location") == 0)
            location = value;
        else if (strcmp(key, "offset") == 0 && !read_number(value, &offset))
            return status_fail(error, ONYX_ERROR_FORMAT, "the offset of its external data is '%s', no number", value);
        else if (strcmp(key, "length") == 0 && !read_number(value, &length))
            return status_fail(error, ONYX_ERROR_FORMAT, "the length of its external data is '%s', no number", value);
    }
    if (!location)
        return status_fail(error, ONYX_ERROR_FORMAT, "its data is external, but no location is given");
    if (length != tensor->size_bytes)
        return status_fail(error, ONYX_ERROR_FORMAT, "its shape and type need %zu bytes, its external data has %zu",
                           tensor->size_bytes, length);
    const model_mapping *file;
    STATUS_TRY(mapping_external(reader->arena, reader->files, location, reader->max_model_bytes, &file, error));
    if (offset > file->size || length > file->size - offset)
        return status_fail(error, ONYX_ERROR_FORMAT,
                           "its external data is bytes %zu to %zu of '%s', which has only %zu: truncated?", offset,
                           offset + length, location, file->size);
    if (length)
        tensor->data = (void *)(uintptr_t)(file->data + offset);
    return ONYX_OK;
}

/* The typed field that holds a type, and its elements per tensor of `count` elements and `bytes` bytes. */
static uint32_t typed_field(onyx_type type, size_t count, size_t bytes, size_t *entries, const char **name)
{
    *entries = type_is_packed(type) ? bytes : count;
    switch (type) {
    case ONYX_TYPE_COMPLEX64:
        *entries = count * 2; /* cannot overflow: bytes did not */
        *name = "float_data";
        return FIELD_FLOAT;
    case ONYX_TYPE_FLOAT32:
        *name = "float_data";
        return FIELD_FLOAT;
    case ONYX_TYPE_COMPLEX128:
        *entries = count * 2;
        *name = "double_data";
        return FIELD_DOUBLE;
    case ONYX_TYPE_FLOAT64:
        *name = "double_data";
        return FIELD_DOUBLE;
    case ONYX_TYPE_INT64:
        *name = "int64_data";
        return FIELD_INT64;
    case ONYX_TYPE_UINT32:
    case ONYX_TYPE_UINT64:
        *name = "uint64_data";
        return FIELD_UINT64;
    default:
        *name = "int32_data";
        return FIELD_INT32;
    }
}

static const wire_view *view_at(const tensor_reader *reader, const Onnx__TensorProto *proto, size_t i)
{
    assert(proto->lifted[i] < reader->scan->view_count);
    return &reader->scan->views[proto->lifted[i]];
}

static onyx_status wrong_count(const tensor_reader *reader, size_t entries, const char *field, const char *found)
{
    return status_fail(reader->error, ONYX_ERROR_FORMAT, "its shape and type need %zu elements of %s, which has %s",
                       entries, field, found);
}

/* Joins the views of a field of fixed-size elements; one view alone is used where it lies. */
static onyx_status read_fixed(const tensor_reader *reader, const Onnx__TensorProto *proto, uint32_t field,
                              const char *name, size_t entries, onyx_tensor *tensor)
{
    size_t total = 0, views = 0;
    const wire_view *only = NULL;
    for (size_t i = 0; i < proto->n_lifted; i++) {
        const wire_view *view = view_at(reader, proto, i);
        if (view->field == field) {
            total += view->size; /* views lie side by side in memory, so their sum fits */
            views++;
            only = view;
        }
    }
    if (total != tensor->size_bytes)
        return wrong_count(reader, entries, name, total < tensor->size_bytes ? "fewer" : "more");
    if (views == 1) {
        tensor->data = (void *)(uintptr_t)only->data;
        return ONYX_OK;
    }
    uint8_t *data = arena_alloc_aligned(reader->arena, total);
    if (!data)
        return tensor_no_room(reader->error);
    tensor->data = data;
    for (size_t i = 0; i < proto->n_lifted; i++) {
        const wire_view *view = view_at(reader, proto, i);
        if (view->field == field && view->size) {
            memcpy(data, view->data, view->size);
            data += view->size;
        }
    }
    return ONYX_OK;
}

/* Decodes varints into elements of `width` bytes, the low ones of each number. */
static onyx_status read_varints(const tensor_reader *reader, const Onnx__TensorProto *proto, uint32_t field,
                                const char *name, size_t entries, onyx_tensor *tensor)
{
    size_t total = 0, width = entries ? tensor->size_bytes / entries : 1, done = 0;
    for (size_t i = 0; i < proto->n_lifted; i++)
        if (view_at(reader, proto, i)->field == field)
            total += view_at(reader, proto, i)->size;
    if (total < entries)
        return wrong_count(reader, entries, name, "fewer");
    uint8_t *data = arena_alloc_aligned(reader->arena, tensor->size_bytes);
    if (!data)
        return tensor_no_room(reader->error);
    tensor->data = data;
    for (size_t i = 0; i < proto->n_lifted; i++) {
        const wire_view *view = view_at(reader, proto, i);
        if (view->field != field)
            continue;
        for (size_t position = 0; position < view->size;) {
            uint64_t value;
            size_t used = wire_varint(view->data + position, view->size - position, &value);
            if (!used)
                return status_fail(reader->error, ONYX_ERROR_FORMAT, "%s holds no valid number", name);
            if (done == entries)
                return wrong_count(reader, entries, name, "more");
            if (tensor->type == ONYX_TYPE_BOOL)
                value = value != 0;
            memcpy(data + width * done++, &value, width);
            position += used;
        }
    }
    return done == entries ? ONYX_OK : wrong_count(reader, entries, name, "fewer");
}

static onyx_status read_payload(const tensor_reader *reader, const Onnx__TensorProto *proto, size_t count,
                                onyx_tensor *tensor)
{
    for (size_t i = proto->n_lifted; i-- > 0;) { /* of several occurrences the last one counts */
        const wire_view *view = view_at(reader, proto, i);
        if (view->field != FIELD_RAW)
            continue;
        if (view->size != tensor->size_bytes)
            return status_fail(reader->error, ONYX_ERROR_FORMAT, "its shape and type need %zu bytes, raw_data has %zu",
                               tensor->size_bytes, view->size);
        tensor->data = (void *)(uintptr_t)view->data;
        return ONYX_OK;
    }
    size_t entries;
    const char *name;
    uint32_t field = typed_field(tensor->type, count, tensor->size_bytes, &entries, &name);
    if (field == FIELD_FLOAT || field == FIELD_DOUBLE)
        return read_fixed(reader, proto, field, name, entries, tensor);
    return read_varints(reader, proto, field, name, entries, tensor);
}

static onyx_status read_checked(const tensor_reader *reader, const Onnx__TensorProto *proto, bool aligned,
                                onyx_tensor *tensor)
{
    size_t count;
    if (!tensor_type_known(proto->data_type))
        return status_fail(reader->error, proto->data_type ? ONYX_ERROR_UNSUPPORTED : ONYX_ERROR_FORMAT,
                           "element type %d is not known", proto->data_type);
    tensor->type = (onyx_type)proto->data_type;
    STATUS_TRY(read_dims(reader, proto->dims, proto->n_dims, tensor, &count));
    if (tensor->type == ONYX_TYPE_STRING)
        return read_strings(reader, proto, count, tensor);
    if (proto->data_location == LOCATION_EXTERNAL)
        STATUS_TRY(read_external(reader, proto, tensor));
    else
        STATUS_TRY(read_payload(reader, proto, count, tensor));
    if (!aligned && tensor->size_bytes)
        return ONYX_OK;
    void *copy = arena_alloc_aligned(reader->arena, tensor->size_bytes);
    if (!copy)
        return tensor_no_room(reader->error);
    if (tensor->size_bytes)
        memcpy(copy, tensor->data, tensor->size_bytes);
    tensor->data = copy;
    return ONYX_OK;
}

onyx_status tensor_read(const tensor_reader *reader, const Onnx__TensorProto *proto, bool aligned, model_tensor *result)
{
    *result = (model_tensor){ .name = tensor_text(reader->arena, proto->name) };
    if (!result->name)
        return tensor_no_room(reader->error);
    onyx_status status = read_checked(reader, proto, aligned, &result->tensor);
    return status ? status_context(reader->error, status, "tensor '%.200s'", result->name) : ONYX_OK;
}

/* The flat position of entry `i`: indices are flat themselves, or one row of coordinates each. False out of range. */
static bool sparse_position(const onyx_tensor *dense, const uint8_t *indices, bool coordinates, size_t i, size_t count,
                            size_t *position)
{
    int64_t index;
    if (!coordinates) {
        memcpy(&index, indices + i * sizeof index, sizeof index);
        *position = (size_t)index;
        return index >= 0 && (uint64_t)index < count;
    }
    size_t flat = 0;
    for (int axis = 0; axis < dense->rank; axis++) {
        memcpy(&index, indices + (i * (size_t)dense->rank + (size_t)axis) * sizeof index, sizeof index);
        if (index < 0 || index >= dense->dims[axis])
            return false;
        flat = flat * (size_t)dense->dims[axis] + (size_t)index;
    }
    *position = flat;
    return true;
}

static onyx_status fill_dense(const tensor_reader *reader, const onyx_tensor *values, const onyx_tensor *indices,
                              size_t count, onyx_tensor *dense)
{
    size_t size = type_size(dense->type), stored = (size_t)values->dims[0];
    uint8_t *data = arena_alloc_aligned(reader->arena, dense->size_bytes);
    if (!data)
        return tensor_no_room(reader->error);
    static const char *const empty = "";
    for (size_t i = 0; dense->type == ONYX_TYPE_STRING && i < count; i++)
        memcpy(data + i * size, &empty, size);
    for (size_t i = 0; i < stored; i++) {
        size_t position;
        if (!sparse_position(dense, indices->data, indices->rank == 2, i, count, &position))
            return status_fail(reader->error, ONYX_ERROR_FORMAT, "index %zu of a sparse tensor is out of range", i);
        memcpy(data + position * size, (const uint8_t *)values->data + i * size, size);
    }
    dense->data = data;
    return ONYX_OK;
}

onyx_status tensor_read_sparse(const tensor_reader *reader, const Onnx__SparseTensorProto *proto, model_tensor *result)
{
    model_tensor values, indices;
    size_t count;
    if (!proto->values)
        return status_fail(reader->error, ONYX_ERROR_FORMAT, "a sparse tensor has no values");
    STATUS_TRY(tensor_read(reader, proto->values, false, &values));
    *result = (model_tensor){ .name = values.name, .tensor = { .type = values.tensor.type } };
    onyx_status status = read_dims(reader, proto->dims, proto->n_dims, &result->tensor, &count);
    if (status)
        return status_context(reader->error, status, "sparse tensor '%.200s'", values.name);
    if (type_is_packed(values.tensor.type))
        return status_fail(reader->error, ONYX_ERROR_UNSUPPORTED, "sparse tensor '%.200s' of type %s", values.name,
                           onyx_type_name(values.tensor.type));
    if (values.tensor.rank != 1)
        return status_fail(reader->error, ONYX_ERROR_FORMAT, "the values of sparse tensor '%.200s' have rank %d, not 1",
                           values.name, values.tensor.rank);
    if (!proto->indices) {
        if (values.tensor.dims[0] != 0)
            return status_fail(reader->error, ONYX_ERROR_FORMAT, "sparse tensor '%.200s' has no indices", values.name);
        indices = (model_tensor){ .tensor = { .rank = 1 } };
    } else {
        STATUS_TRY(tensor_read(reader, proto->indices, false, &indices));
        const onyx_tensor *t = &indices.tensor;
        bool flat = t->rank == 1, rows = t->rank == 2 && t->dims[1] == result->tensor.rank;
        if (t->type != ONYX_TYPE_INT64 || (!flat && !rows) || t->dims[0] != values.tensor.dims[0])
            return status_fail(reader->error, ONYX_ERROR_FORMAT,
                               "the indices of sparse tensor '%.200s' are not int64 of shape [%lld] or [%lld, %d]",
                               values.name, (long long)values.tensor.dims[0], (long long)values.tensor.dims[0],
                               result->tensor.rank);
    }
    status = fill_dense(reader, &values.tensor, &indices.tensor, count, &result->tensor);
    return status ? status_context(reader->error, status, "sparse tensor '%.200s'", values.name) : ONYX_OK;
}
