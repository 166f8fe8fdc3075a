/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A tiny writer of the protobuf wire format, with which the tests build models, good and bad ones. */
#ifndef ONYX_TESTS_WIRE_WRITER_H
#define ONYX_TESTS_WIRE_WRITER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct writer {
    uint8_t *data;
    size_t size, capacity;
} writer;

static inline void write_raw(writer *w, const void *data, size_t size)
{
    if (size > PTRDIFF_MAX / 2 - w->size)
        abort();
    if (w->size + size > w->capacity) {
        w->capacity = (w->size + size) * 2;
        w->data = realloc(w->data, w->capacity);
        if (!w->data)
            abort();
    }
    if (size)
        memcpy(w->data + w->size, data, size);
    w->size += size;
}

static inline void write_varint(writer *w, uint64_t value)
{
    uint8_t bytes[10];
    size_t size = 0;
    for (; value >= 0x80; value >>= 7)
        bytes[size++] = (uint8_t)(value | 0x80);
    bytes[size++] = (uint8_t)value;
    write_raw(w, bytes, size);
}

static inline void write_int(writer *w, unsigned field, int64_t value)
{
    write_varint(w, field << 3);
    write_varint(w, (uint64_t)value);
}

static inline void write_float(writer *w, unsigned field, float value)
{
    write_varint(w, field << 3 | 5);
    write_raw(w, &value, 4);
}

static inline void write_bytes(writer *w, unsigned field, const void *data, size_t size)
{
    write_varint(w, field << 3 | 2);
    write_varint(w, size);
    write_raw(w, data, size);
}

static inline void write_text(writer *w, unsigned field, const char *text)
{
    write_bytes(w, field, text, strlen(text));
}

static inline void writer_free(writer *w)
{
    free(w->data);
    *w = (writer){ 0 };
}

/* Appends `message` as a field, and frees it. */
static inline void write_message(writer *w, unsigned field, writer *message)
{
    write_bytes(w, field, message->data, message->size);
    writer_free(message);
}

/* ---- the messages that most tests need ---- */

static inline writer make_value(const char *name, int type, int64_t d0, int64_t d1)
{
    writer dim0 = { 0 }, dim1 = { 0 }, shape = { 0 }, tensor = { 0 }, type_proto = { 0 }, value = { 0 };
    write_int(&dim0, 1, d0);
    write_int(&dim1, 1, d1);
    write_message(&shape, 1, &dim0);
    write_message(&shape, 1, &dim1);
    write_int(&tensor, 1, type);
    write_message(&tensor, 2, &shape);
    write_message(&type_proto, 1, &tensor);
    write_text(&value, 1, name);
    write_message(&value, 2, &type_proto);
    return value;
}

/* name, type and dims; the payload is the caller's. */
static inline writer make_tensor(const char *name, int type, int rank, const int64_t *dims)
{
    writer tensor = { 0 };
    for (int i = 0; i < rank; i++)
        write_int(&tensor, 1, dims[i]);
    write_int(&tensor, 2, type);
    write_text(&tensor, 8, name);
    return tensor;
}

static inline writer make_node(const char *op, const char *input, const char *output)
{
    writer node = { 0 };
    write_text(&node, 1, input);
    write_text(&node, 2, output);
    write_text(&node, 3, "a node");
    write_text(&node, 4, op);
    return node;
}

/* A model around a graph, which is freed. The imports come last, so that no shorter prefix is a model. */
static inline writer make_model(writer *graph)
{
    writer model = { 0 }, opset = { 0 };
    write_int(&model, 1, 8);
    write_text(&model, 2, "tests");
    write_message(&model, 7, graph);
    write_int(&opset, 2, 17);
    write_message(&model, 8, &opset);
    return model;
}

#endif
