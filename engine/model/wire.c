/* SPDX-License-Identifier: BSD-2-Clause
 *
 * One walk over the wire format, led by protobuf-c's descriptors, with a stack of our own. Lengths in the reduced copy
 * are written as five-byte varints once a message ends, so that it is made in one pass. */
#include "model/wire.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "onnx.pb-c.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };

#define LENGTH_BYTES 5
#define FIELD_LIFTED 100000
#define MAX_FIELD ((1u << 29) - 1)

typedef struct frame {
    const ProtobufCMessageDescriptor *message;
    size_t end;    /* in the source */
    size_t length; /* where the length stands in the reduced copy */
} frame;

typedef struct scanner {
    const uint8_t *source;
    size_t size, position;
    frame frames[WIRE_MAX_DEPTH];
    int depth; /* frames in use */
    const wire_limits *limits;
    wire_scan *out;
    onyx_error *error;
} scanner;

typedef struct field_head {
    const ProtobufCFieldDescriptor *field; /* NULL: unknown */
    uint32_t number;
    int wire_type;
    size_t start;         /* of the tag */
    const uint8_t *value; /* the varint's bytes, the fixed bytes, or the content after the length */
    size_t value_size;
} field_head;

size_t wire_varint(const uint8_t *data, size_t size, uint64_t *value)
{
    uint64_t result = 0;
    size_t most = MIN(size, 10);
    for (size_t i = 0; i < most; i++) {
        result |= (uint64_t)(data[i] & 0x7F) << (7 * i);
        if (!(data[i] & 0x80)) {
            *value = result;
            return i + 1;
        }
    }
    return 0;
}

/* Charges what the copy and the table hold to the budget, before they grow. */
static onyx_status charge(scanner *s, size_t bytes_capacity, size_t view_capacity)
{
    size_t table, whole;
    if (!size_mul(view_capacity, sizeof(wire_view), &table) || !size_add(table, bytes_capacity, &whole) ||
        whole > s->limits->max_bytes)
        return status_fail(s->error, ONYX_ERROR_LIMIT,
                           "reading the model's structure takes more than %zu bytes (max_memory_bytes)",
                           s->limits->max_bytes);
    return ONYX_OK;
}

static onyx_status reserve(scanner *s, size_t more)
{
    wire_scan *out = s->out;
    size_t need;
    if (!size_add(out->size, more, &need) || need > INT_MAX)
        return status_fail(s->error, ONYX_ERROR_LIMIT, "the model's structure, without weights, is larger than 2 GiB");
    if (need <= out->capacity)
        return ONYX_OK;
    size_t capacity = MAX(need, MIN(out->capacity + out->capacity / 2, (size_t)INT_MAX));
    if (charge(s, capacity, out->view_capacity) != ONYX_OK) {
        capacity = need;
        STATUS_TRY(charge(s, capacity, out->view_capacity));
    }
    uint8_t *bytes = realloc(out->bytes, capacity);
    if (!bytes)
        return status_no_memory(s->error, capacity, "the model's structure");
    out->bytes = bytes;
    out->capacity = capacity;
    return ONYX_OK;
}

static void put_varint(wire_scan *out, uint64_t value)
{
    for (; value >= 0x80; value >>= 7)
        out->bytes[out->size++] = (uint8_t)(value | 0x80);
    out->bytes[out->size++] = (uint8_t)value;
}

static void put_tag(wire_scan *out, uint32_t number, int wire_type)
{
    put_varint(out, (uint64_t)number << 3 | (unsigned)wire_type);
}

static void patch_length(wire_scan *out, size_t at)
{
    size_t length = out->size - at - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++, length >>= 7)
        out->bytes[at + (size_t)i] = (uint8_t)((length & 0x7F) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

static onyx_status damaged(const scanner *s, size_t at, const char *what)
{
    return status_fail(s->error, ONYX_ERROR_FORMAT, "%s at byte %zu of %zu, in %s: truncated, damaged or no ONNX file",
                       what, at, s->size, s->frames[s->depth - 1].message->short_name);
}

/* Reads tag and extent of the next field; the position moves behind it. */
static onyx_status next_field(scanner *s, field_head *head)
{
    const frame *top = &s->frames[s->depth - 1];
    size_t position = s->position, left = top->end - position;
    uint64_t tag, value;
    head->start = position;
    size_t used = wire_varint(s->source + position, left, &tag);
    if (!used)
        return damaged(s, position, left < 10 ? "a field is cut off" : "a field has no valid number");
    if (tag >> 3 == 0 || tag >> 3 > MAX_FIELD)
        return damaged(s, position, "a field has no valid number");
    head->number = (uint32_t)(tag >> 3);
    head->wire_type = (int)(tag & 7);
    position += used;
    left -= used;
    switch (head->wire_type) {
    case WIRE_VARINT:
        head->value_size = wire_varint(s->source + position, left, &value);
        if (!head->value_size)
            return damaged(s, position, left < 10 ? "a number is cut off" : "a number is longer than 10 bytes");
        break;
    case WIRE_FIXED64:
    case WIRE_FIXED32:
        head->value_size = head->wire_type == WIRE_FIXED64 ? 8 : 4;
        if (left < head->value_size)
            return damaged(s, position, "a number is cut off");
        break;
    case WIRE_BYTES:
        used = wire_varint(s->source + position, left, &value);
        if (!used)
            return damaged(s, position, "a length is cut off");
        position += used;
        left -= used;
        if (value > left)
            return status_fail(
                s->error, ONYX_ERROR_FORMAT,
                "field %u of %s at byte %zu claims %llu bytes, but only %zu are left: truncated, damaged "
                "or no ONNX file",
                head->number, top->message->short_name, head->start, (unsigned long long)value, left);
        head->value_size = (size_t)value;
        break;
    default:
        return damaged(s, head->start, "a field has no valid wire type");
    }
    head->value = s->source + position;
    s->position = position + head->value_size;
    head->field =
        head->number == FIELD_LIFTED ? NULL : protobuf_c_message_descriptor_get_field(top->message, head->number);
    return ONYX_OK;
}

/* The wire type of one element of a field. */
static int element_wire_type(const ProtobufCFieldDescriptor *field)
{
    switch (field->type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_FIXED32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_FIXED64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_BYTES;
    default:
        return WIRE_VARINT;
    }
}

/* Whether the content of a packed field is whole elements. */
static bool packed_is_whole(const uint8_t *data, size_t size, int element)
{
    if (element != WIRE_VARINT)
        return size % (element == WIRE_FIXED32 ? 4 : 8) == 0;
    size_t run = 0; /* bytes of the element so far */
    for (size_t i = 0; i < size; i++) {
        run = data[i] & 0x80 ? run + 1 : 0;
        if (run >= 10)
            return false;
    }
    return run == 0;
}

static onyx_status open_message(scanner *s, const field_head *head)
{
    const ProtobufCMessageDescriptor *message = head->field->descriptor;
    if (s->depth == WIRE_MAX_DEPTH)
        return status_fail(s->error, ONYX_ERROR_LIMIT, "messages are nested deeper than %d at byte %zu", WIRE_MAX_DEPTH,
                           head->start);
    if (message == &onnx__node_proto__descriptor && ++s->out->node_count > s->limits->max_nodes)
        return status_fail(s->error, ONYX_ERROR_LIMIT, "more than %zu nodes (max_nodes)", s->limits->max_nodes);
    STATUS_TRY(reserve(s, 5 + LENGTH_BYTES));
    put_tag(s->out, head->number, WIRE_BYTES);
    s->frames[s->depth++] = (frame){ .message = message, .end = s->position, .length = s->out->size };
    s->out->size += LENGTH_BYTES;
    s->position = (size_t)(head->value - s->source);
    return ONYX_OK;
}

static bool is_payload(const ProtobufCMessageDescriptor *message, uint32_t number)
{
    return message == &onnx__tensor_proto__descriptor &&
           (number == 4 || number == 5 || number == 7 || number == 9 || number == 10 || number == 11);
}

static onyx_status lift(scanner *s, const field_head *head)
{
    wire_scan *out = s->out;
    if (out->view_count == out->view_capacity) {
        size_t capacity = out->view_capacity ? out->view_capacity + out->view_capacity / 2 : 64;
        STATUS_TRY(charge(s, out->capacity, capacity));
        wire_view *views = realloc(out->views, capacity * sizeof *views);
        if (!views)
            return status_no_memory(s->error, capacity * sizeof *views, "the table of tensors");
        out->views = views;
        out->view_capacity = capacity;
    }
    STATUS_TRY(reserve(s, 16));
    put_tag(out, FIELD_LIFTED, WIRE_VARINT);
    put_varint(out, out->view_count);
    out->views[out->view_count++] = (wire_view){ .data = head->value, .size = head->value_size, .field = head->number };
    return ONYX_OK;
}

static onyx_status copy_field(scanner *s, const field_head *head)
{
    size_t most;
    if (!size_add(head->value_size, 20, &most))
        return damaged(s, head->start, "a length is impossible");
    STATUS_TRY(reserve(s, most));
    put_tag(s->out, head->number, head->wire_type);
    if (head->wire_type == WIRE_BYTES)
        put_varint(s->out, head->value_size);
    if (head->value_size)
        memcpy(s->out->bytes + s->out->size, head->value, head->value_size);
    s->out->size += head->value_size;
    return ONYX_OK;
}

static onyx_status one_field(scanner *s)
{
    field_head head = { 0 };
    STATUS_TRY(next_field(s, &head));
    if (!head.field)
        return ONYX_OK;
    const ProtobufCMessageDescriptor *message = s->frames[s->depth - 1].message;
    int element = element_wire_type(head.field);
    bool packed =
        head.field->label == PROTOBUF_C_LABEL_REPEATED && element != WIRE_BYTES && head.wire_type == WIRE_BYTES;
    if (!packed && head.wire_type != element)
        return status_fail(s->error, ONYX_ERROR_FORMAT,
                           "%s.%s at byte %zu has wire type %d instead of %d: damaged or no ONNX file",
                           message->short_name, head.field->name, head.start, head.wire_type, element);
    if (packed && !packed_is_whole(head.value, head.value_size, element))
        return status_fail(s->error, ONYX_ERROR_FORMAT,
                           "%s.%s at byte %zu ends inside an element: truncated or damaged", message->short_name,
                           head.field->name, head.start);
    if (is_payload(message, head.number))
        return lift(s, &head);
    if (head.field->type == PROTOBUF_C_TYPE_MESSAGE)
        return open_message(s, &head);
    return copy_field(s, &head);
}

onyx_status wire_reduce(const ProtobufCMessageDescriptor *message, const void *bytes, size_t size,
                        const wire_limits *limits, wire_scan *scan, onyx_error *error)
{
    scanner s = { .source = bytes, .size = size, .limits = limits, .out = scan, .error = error };
    *scan = (wire_scan){ 0 };
    s.frames[s.depth++] = (frame){ .message = message, .end = size };
    STATUS_TRY(reserve(&s, 256));
    while (s.depth > 0) {
        const frame *top = &s.frames[s.depth - 1];
        if (s.position < top->end) {
            STATUS_TRY(one_field(&s));
            continue;
        }
        assert(s.position == top->end);
        if (--s.depth > 0)
            patch_length(scan, top->length);
    }
    return ONYX_OK;
}

void wire_free(wire_scan *scan)
{
    free(scan->bytes);
    free(scan->views);
    *scan = (wire_scan){ 0 };
}

static void *scratch_alloc(void *scratch, size_t bytes)
{
    return arena_alloc(scratch, bytes);
}

static void scratch_free(void *scratch, void *memory)
{
    (void)scratch;
    (void)memory;
}

onyx_status wire_unpack(const ProtobufCMessageDescriptor *message, const wire_scan *scan, arena *scratch,
                        ProtobufCMessage **result, onyx_error *error)
{
    ProtobufCAllocator allocator = { scratch_alloc, scratch_free, scratch };
    ProtobufCMessage *unpacked = protobuf_c_message_unpack(message, &allocator, scan->size, scan->bytes);
    if (!unpacked) /* the scan has checked the format, so that what is left is memory */
        return status_fail(error, ONYX_ERROR_LIMIT,
                           "unpacking the model's structure (%zu bytes) takes more memory than is allowed "
                           "(max_memory_bytes) or there",
                           scan->size);
    *result = unpacked;
    return ONYX_OK;
}
