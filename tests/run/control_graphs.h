/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Small models with sub-graphs, and what comes out of them. */
#ifndef ONYX_TESTS_RUN_CONTROL_GRAPHS_H
#define ONYX_TESTS_RUN_CONTROL_GRAPHS_H

#include <stdio.h>
#include <string.h>

#include "../model/wire_writer.h"
#include "check.h"
#include "onyx.h"

enum { BODIES_MOST = 2, ATTRIBUTE_GRAPH = 5, ATTRIBUTE_INT = 2 };

/* Names between spaces; "-" is an absent one. */
static inline void put_names(writer *w, unsigned field, const char *names)
{
    char name[64];
    int length;
    for (; sscanf(names, " %63s%n", name, &length) == 1; names += length)
        write_text(w, field, strcmp(name, "-") == 0 ? "" : name);
}

/* bodies: sub-graphs (freed) by attribute name; numbers: an integer attribute. */
typedef struct extras {
    const char *body_names[BODIES_MOST];
    writer bodies[BODIES_MOST];
    const char *number_name;
    int64_t number;
} extras;

static inline void put(writer *graph, const char *op, const char *inputs, const char *outputs, extras e)
{
    writer node = { 0 };
    put_names(&node, 1, inputs);
    put_names(&node, 2, outputs);
    write_text(&node, 3, op);
    write_text(&node, 4, op);
    for (int i = 0; i < BODIES_MOST && e.body_names[i]; i++) {
        writer attribute = { 0 };
        write_text(&attribute, 1, e.body_names[i]);
        write_message(&attribute, 6, &e.bodies[i]);
        write_int(&attribute, 20, ATTRIBUTE_GRAPH);
        write_message(&node, 5, &attribute);
    }
    if (e.number_name) {
        writer attribute = { 0 };
        write_text(&attribute, 1, e.number_name);
        write_int(&attribute, 3, e.number);
        write_int(&attribute, 20, ATTRIBUTE_INT);
        write_message(&node, 5, &attribute);
    }
    write_message(graph, 1, &node);
}

#define NOTHING ((extras){ .number = 0 })
#define NUMBER(name, value) ((extras){ .number_name = name, .number = (value) })
#define BODY(graph) ((extras){ .body_names = { "body" }, .bodies = { graph } })
#define BRANCHES(first, second)                                                                                        \
    ((extras){ .body_names = { "then_branch", "else_branch" }, .bodies = { first, second } })

/* A value of a type and no stated shape. rank 0: a scalar. */
static inline void put_value(writer *graph, unsigned field, const char *name, int type, bool scalar)
{
    writer shape = { 0 }, tensor = { 0 }, kind = { 0 }, value = { 0 };
    write_int(&tensor, 1, type);
    if (scalar)
        write_message(&tensor, 2, &shape);
    write_message(&kind, 1, &tensor);
    write_text(&value, 1, name);
    write_message(&value, 2, &kind);
    write_message(graph, field, &value);
}

static inline void put_input(writer *graph, const char *name, int type)
{
    put_value(graph, 11, name, type, type != ONYX_TYPE_FLOAT32);
}

static inline void put_output(writer *graph, const char *name)
{
    put_value(graph, 12, name, ONYX_TYPE_FLOAT32, false);
}

static inline void put_constant(writer *graph, const char *name, int type, int rank, const void *data, size_t bytes)
{
    writer t = make_tensor(name, type, rank, (int64_t[]){ 1 });
    write_bytes(&t, 9, data, bytes);
    write_message(graph, 5, &t);
}

/* Input x float32 [2, 3], n a scalar int64 if wanted; constants yes, no, zero, one, two (float32), i0, i1, i4, last. */
static inline writer begin(bool counted)
{
    static const uint8_t yes = 1, no = 0;
    static const float floats[] = { 0, 1, 2 };
    static const int64_t ints[] = { 0, 1, 4, -1, INT64_MAX, 0 };
    writer graph = { 0 }, x = make_value("x", ONYX_TYPE_FLOAT32, 2, 3);
    write_text(&graph, 2, "g");
    write_message(&graph, 11, &x);
    if (counted)
        put_input(&graph, "n", ONYX_TYPE_INT64);
    put_constant(&graph, "yes", ONYX_TYPE_BOOL, 0, &yes, 1);
    put_constant(&graph, "no", ONYX_TYPE_BOOL, 0, &no, 1);
    put_constant(&graph, "zero", ONYX_TYPE_FLOAT32, 0, &floats[0], 4);
    put_constant(&graph, "one", ONYX_TYPE_FLOAT32, 0, &floats[1], 4);
    put_constant(&graph, "two", ONYX_TYPE_FLOAT32, 0, &floats[2], 4);
    put_constant(&graph, "i0", ONYX_TYPE_INT64, 0, &ints[0], 8);
    put_constant(&graph, "i1", ONYX_TYPE_INT64, 0, &ints[1], 8);
    put_constant(&graph, "i4", ONYX_TYPE_INT64, 0, &ints[2], 8);
    put_constant(&graph, "last", ONYX_TYPE_INT64, 0, &ints[3], 8);
    put_constant(&graph, "huge", ONYX_TYPE_INT64, 0, &ints[4], 8);
    return graph;
}

/* One node. */
static inline writer branch(const char *op, const char *inputs)
{
    writer graph = { 0 };
    put(&graph, op, inputs, "branch_result", NOTHING);
    put_output(&graph, "branch_result");
    return graph;
}

/* c = sum of x > 0 */
static inline void put_positive(writer *graph)
{
    put(graph, "ReduceSum", "x", "sum", NUMBER("keepdims", 0));
    put(graph, "Greater", "sum zero", "c", NOTHING);
}

typedef struct result {
    onyx_status status;
    onyx_error error;
    int rank[3];
    int64_t dims[3][3];
    float data[3][64];
} result;

/* Runs a model with x = value and n = count, `runs` times in one session, x negated each time. */
static inline result run_model(const writer *bytes, int outputs, float value, int64_t count, int runs)
{
    const onyx_options options = ONYX_OPTIONS(.threads = 1);
    result r = { .error = { .message = "" } };
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_tensor t;
    r.status = onyx_model_open_memory(bytes->data, bytes->size, "control.onnx", &options, &model, &r.error);
    if (!r.status)
        r.status = onyx_session_new(model, NULL, &session, &r.error);
    for (int k = 0; k < runs && !r.status; k++) {
        onyx_outputs *found = NULL;
        r.status = onyx_session_input(session, 0, &t, &r.error);
        for (int i = 0; !r.status && i < 6; i++)
            ((float *)t.data)[i] = (k % 2 ? -value : value) * (float)(i + 1);
        if (!r.status && onyx_model_input_count(model) > 1 && !onyx_session_input(session, 1, &t, &r.error))
            *(int64_t *)t.data = count;
        if (!r.status)
            r.status = onyx_session_run(session, &found, &r.error);
        for (int i = 0; !r.status && i < outputs; i++) {
            r.status = onyx_outputs_get(found, i, &t);
            r.rank[i] = t.rank;
            memcpy(r.dims[i], t.dims, sizeof(r.dims[i]));
            memcpy(r.data[i], t.data, t.size_bytes < sizeof(r.data[i]) ? t.size_bytes : sizeof(r.data[i]));
        }
        onyx_outputs_unref(found);
    }
    onyx_session_free(session);
    onyx_model_unref(model);
    return r;
}

/* The model of a graph (freed). */
static inline result run(writer *graph, int outputs, float value, int64_t count, int runs)
{
    writer bytes = make_model(graph);
    const result r = run_model(&bytes, outputs, value, count, runs);
    writer_free(&bytes);
    return r;
}

/* The domain of our functions, in a model (field 8) or a function (9). */
static inline void put_import(writer *w, unsigned field)
{
    writer opset = { 0 };
    write_text(&opset, 1, "tests");
    write_int(&opset, 2, 1);
    write_message(w, field, &opset);
}

/* A call of a function, which put_function adds to a model. */
static inline void put_call(writer *graph, const char *name, const char *inputs, const char *outputs)
{
    writer node = { 0 };
    put_names(&node, 1, inputs);
    put_names(&node, 2, outputs);
    write_text(&node, 4, name);
    write_text(&node, 7, "tests");
    write_message(graph, 1, &node);
}

/* body: nodes only, as a graph has them (freed). */
static inline void put_function(writer *model, const char *name, const char *inputs, const char *outputs, writer *body)
{
    writer function = { 0 }, opset = { 0 };
    write_text(&function, 1, name);
    put_names(&function, 4, inputs);
    put_names(&function, 5, outputs);
    for (size_t i = 0; i < body->size;) { /* nodes are field 1 of a graph, 7 of a function */
        size_t length = 0;
        body->data[i++] = 7 << 3 | 2;
        for (int shift = 0; shift < 64; shift += 7) {
            length |= (size_t)(body->data[i] & 127) << shift;
            if (body->data[i++] < 128)
                break;
        }
        i += length;
    }
    write_raw(&function, body->data, body->size);
    writer_free(body);
    write_int(&opset, 2, 17);
    write_message(&function, 9, &opset);
    put_import(&function, 9);
    write_text(&function, 10, "tests");
    write_message(model, 25, &function);
}

/* A Scan with one scan input and output, and a body (freed). */
static inline void put_scan(writer *graph, const char *inputs, const char *outputs, writer *body, int64_t input_axis,
                            int64_t output_axis, bool reverse)
{
    static const char *const lists[] = { "scan_input_axes", "scan_output_axes", "scan_input_directions",
                                         "scan_output_directions" };
    const int64_t values[] = { input_axis, output_axis, reverse, reverse };
    writer node = { 0 }, attribute = { 0 };
    put_names(&node, 1, inputs);
    put_names(&node, 2, outputs);
    write_text(&node, 3, "scan");
    write_text(&node, 4, "Scan");
    write_text(&attribute, 1, "body");
    write_message(&attribute, 6, body);
    write_int(&attribute, 20, ATTRIBUTE_GRAPH);
    write_message(&node, 5, &attribute);
    write_text(&attribute, 1, "num_scan_inputs");
    write_int(&attribute, 3, 1);
    write_int(&attribute, 20, ATTRIBUTE_INT);
    write_message(&node, 5, &attribute);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        write_text(&attribute, 1, lists[i]);
        write_int(&attribute, 8, values[i]);
        write_int(&attribute, 20, 7);
        write_message(&node, 5, &attribute);
    }
    write_message(graph, 1, &node);
}

/* s' = s + item, and a copy of it as scan output. */
static inline writer summing_body(void)
{
    writer body = { 0 };
    put_value(&body, 11, "s", ONYX_TYPE_FLOAT32, false);
    put_value(&body, 11, "item", ONYX_TYPE_FLOAT32, false);
    put(&body, "Add", "s item", "next", NOTHING);
    put(&body, "Identity", "next", "copy", NOTHING);
    put_output(&body, "next");
    put_output(&body, "copy");
    return body;
}

/* s' = s + x * i (+ s of the iteration before), item = s'; until `until` where there is one. */
static inline writer adding_body(const char *condition)
{
    writer body = { 0 };
    put_input(&body, "i", ONYX_TYPE_INT64);
    put_input(&body, "go_on", ONYX_TYPE_BOOL);
    put_input(&body, "s", ONYX_TYPE_FLOAT32);
    put(&body, "Cast", "i", "number", NUMBER("to", ONYX_TYPE_FLOAT32));
    put(&body, "Mul", "x number", "step", NOTHING);
    put(&body, "Add", "s step", "next", NOTHING);
    put(&body, "Neg", "next", "item", NOTHING);
    if (condition) {
        put(&body, "ReduceMax", "next", "most", NUMBER("keepdims", 0));
        put(&body, "Less", "most limit", "more", NOTHING);
    } else
        put(&body, "Identity", "go_on", "more", NOTHING);
    put_value(&body, 12, "more", ONYX_TYPE_BOOL, true);
    put_output(&body, "next");
    put_output(&body, "item");
    return body;
}

#endif
