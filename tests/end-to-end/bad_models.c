/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Models and calls that are wrong, through the public interface: each gives a message that says what is wrong and
 * where, and what was good before stays good. (Bytes that are no model at all: tests/model/hostile.c.) */
#include <math.h>
#include <string.h>

#include "check.h"
#include "model/wire_writer.h"
#include "onyx.h"

enum { INPUTS_MOST = 3 };

typedef struct node {
    const char *op, *domain, *inputs[INPUTS_MOST], *output;
} node;

static void add_node(writer *graph, const node *n)
{
    writer w = { 0 };
    for (int i = 0; i < INPUTS_MOST && n->inputs[i]; i++)
        write_text(&w, 1, n->inputs[i]);
    write_text(&w, 2, n->output);
    write_text(&w, 3, "the node");
    write_text(&w, 4, n->op);
    if (n->domain)
        write_text(&w, 7, n->domain);
    write_message(graph, 1, &w);
}

/* Input x: float32 [2, 3]; weights f, g (float32), i, s (int64), b (int8); output y of no stated type. */
static writer model_of(const node *nodes, int count)
{
    static const float floats[12] = { 1, 2, 3, 4, 5, 6 };
    static const int64_t ints[3] = { 3, 2, 1 };
    writer graph = { 0 }, t, output = { 0 };
    for (int i = 0; i < count; i++)
        add_node(&graph, &nodes[i]);
    write_text(&graph, 2, "bad");
    t = make_tensor("f", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 2, 3 });
    write_bytes(&t, 9, floats, 24);
    write_message(&graph, 5, &t);
    t = make_tensor("g", ONYX_TYPE_FLOAT32, 4, (int64_t[]){ 1, 3, 2, 2 });
    write_bytes(&t, 9, floats, 48);
    write_message(&graph, 5, &t);
    t = make_tensor("i", ONYX_TYPE_INT64, 2, (int64_t[]){ 1, 3 });
    write_bytes(&t, 9, ints, 24);
    write_message(&graph, 5, &t);
    t = make_tensor("s", ONYX_TYPE_INT64, 1, (int64_t[]){ 2 });
    write_bytes(&t, 9, ints, 16);
    write_message(&graph, 5, &t);
    t = make_tensor("huge", ONYX_TYPE_INT64, 1, (int64_t[]){ 2 });
    write_bytes(&t, 9, (int64_t[]){ 1 << 20, 3 << 20 }, 16);
    write_message(&graph, 5, &t);
    t = make_tensor("b", ONYX_TYPE_INT8, 4, (int64_t[]){ 1, 3, 2, 2 });
    write_bytes(&t, 9, ints, 12);
    write_message(&graph, 5, &t);
    t = make_value("x", ONYX_TYPE_FLOAT32, 2, 3);
    write_message(&graph, 11, &t);
    write_text(&output, 1, "y");
    write_message(&graph, 12, &output);
    writer model = make_model(&graph), opset = { 0 };
    write_text(&opset, 1, "com.acme");
    write_int(&opset, 2, 1);
    write_message(&model, 8, &opset);
    return model;
}

/* Opens and runs a model that must be refused somewhere on that way. */
static onyx_status try_all(const writer *model, size_t budget, onyx_error *error)
{
    const onyx_options options = ONYX_OPTIONS(.threads = 1, .max_memory_bytes = budget);
    onyx_model *opened = NULL;
    onyx_session *session = NULL;
    onyx_tensor input;
    onyx_status status = onyx_model_open_memory(model->data, model->size, "bad.onnx", &options, &opened, error);
    if (!status)
        status = onyx_session_new(opened, NULL, &session, error);
    if (!status)
        status = onyx_session_input(session, 0, &input, error);
    if (!status) {
        for (size_t k = 0; k < input.size_bytes / 4; k++)
            ((float *)input.data)[k] = 1e6f;
        status = onyx_session_run(session, NULL, error);
    }
    onyx_session_free(session);
    onyx_model_unref(opened);
    return status;
}

/* Every operator that is missing is named, once each, also behind others. */
static void test_unknown_operators(void)
{
    static const node nodes[] = {
        { "Frobnicate", NULL, { "x" }, "a" },  { "Relu", NULL, { "a" }, "b2" },
        { "Knit", "com.acme", { "b2" }, "c" }, { "Frobnicate", NULL, { "c" }, "d" },
        { "Relu", "com.acme", { "d" }, "e" },  { "Quux", NULL, { "e", "f" }, "y" },
    };
    static const char *const words[] = { "4 operators", "Frobnicate", "com.acme", "Knit", "Relu", "Quux", "bad.onnx" };
    writer model = model_of(nodes, 6);
    onyx_error error = { .message = "" };
    onyx_status status = try_all(&model, 0, &error);
    CHECK(status == ONYX_ERROR_UNSUPPORTED, "unknown operators: %s", onyx_status_name(status));
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        CHECK(strstr(error.message, words[i]), "'%s' does not say '%s'", error.message, words[i]);
    const char *first = strstr(error.message, "Frobnicate");
    CHECK(first && !strstr(first + 1, "Frobnicate"), "'%s' says the same twice", error.message);
    writer_free(&model);
}

/* Types and shapes that do not fit: the message names the operator and the node. */
static void test_senseless_nodes(void)
{
    static const node cases[] = {
        { "Add", NULL, { "x", "i" }, "y" },         { "MatMul", NULL, { "x", "i" }, "y" },
        { "Conv", NULL, { "g", "b" }, "y" },        { "Reshape", NULL, { "x", "f" }, "y" },
        { "Gather", NULL, { "x", "f" }, "y" },      { "And", NULL, { "x", "f" }, "y" },
        { "ConvInteger", NULL, { "g", "b" }, "y" }, { "Where", NULL, { "x", "f", "f" }, "y" },
        { "MatMul", NULL, { "x", "f" }, "y" },      { "Conv", NULL, { "x", "g" }, "y" },
        { "Add", NULL, { "g", "x" }, "y" },         { "Expand", NULL, { "x", "s" }, "y" },
        { "Gather", NULL, { "x", "s" }, "y" },      { "GatherND", NULL, { "x", "i" }, "y" },
        { "Relu", NULL, { "x", "f" }, "y" },        { "Add", NULL, { "x" }, "y" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        writer model = model_of(&cases[i], 1);
        onyx_error error = { .message = "" };
        onyx_status status = try_all(&model, 0, &error);
        CHECK(status && status != ONYX_ERROR_INTERNAL && strstr(error.message, cases[i].op) &&
                  strstr(error.message, "the node"),
              "%s of %s and %s: %s, '%s'", cases[i].op, cases[i].inputs[0],
              cases[i].inputs[1] ? cases[i].inputs[1] : "-", onyx_status_name(status), error.message);
        writer_free(&model);
    }
}

/* Graphs that are none: a value that nobody makes, one made twice, a circle, no output. */
static void test_senseless_graphs(void)
{
    static const struct {
        node nodes[2];
        int count;
        const char *word;
    } cases[] = {
        { { { "Relu", NULL, { "nobody" }, "y" } }, 1, "nobody" },
        { { { "Relu", NULL, { "x" }, "y" }, { "Abs", NULL, { "x" }, "y" } }, 2, "y" },
        { { { "Relu", NULL, { "a" }, "y" }, { "Abs", NULL, { "y" }, "a" } }, 2, "a" },
        { { { "Relu", NULL, { "x" }, "z" } }, 1, "y" },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        writer model = model_of(cases[i].nodes, cases[i].count);
        onyx_error error = { .message = "" };
        onyx_status status = try_all(&model, 0, &error);
        CHECK(status && status != ONYX_ERROR_INTERNAL && strstr(error.message, cases[i].word), "graph %zu: %s, '%s'", i,
              onyx_status_name(status), error.message);
        writer_free(&model);
    }
}

/* A small file that asks for much memory is refused before it gets it. */
static void test_budget(void)
{
    static const node cases[] = { { "Expand", NULL, { "x1", "huge" }, "y" } }; /* 2^20 x 3 * 2^20 floats: 12 TiB */
    const node nodes[] = { { "ReduceSum", NULL, { "x" }, "x1" }, cases[0] };
    for (size_t budget = 0; budget <= (size_t)1 << 26; budget += (size_t)1 << 26) {
        writer model = model_of(nodes, 2);
        onyx_error error = { .message = "" };
        onyx_status status = try_all(&model, budget, &error);
        CHECK(status == ONYX_ERROR_LIMIT && strstr(error.message, "max_memory_bytes"), "budget %zu: %s, '%s'", budget,
              onyx_status_name(status), error.message);
        writer_free(&model);
    }
}

/* A whole small model, cut at every length. */
static void test_truncated(void)
{
    static const node nodes[] = { { "MatMul", NULL, { "x", "t" }, "y" }, { "Transpose", NULL, { "f" }, "t" } };
    writer model = model_of(nodes, 2);
    int wrong = 0;
    for (size_t size = 0; size < model.size; size++) {
        writer cut = { .data = malloc(size + 1), .size = size };
        onyx_error error = { .message = "" };
        if (cut.data && size)
            memcpy(cut.data, model.data, size);
        onyx_status status = try_all(&cut, 0, &error);
        /* The last field of all is the import of a domain that nobody needs. */
        wrong += (status == ONYX_OK && size + 16 < model.size) || status == ONYX_ERROR_INTERNAL ||
                 (status && !strstr(error.message, "bad.onnx"));
        free(cut.data);
    }
    CHECK(wrong == 0, "%d of %zu cut models give no clear error", wrong, model.size);
    writer_free(&model);
}

/* y = relu(x); the session works before and after each wrong call. */
static bool still_works(onyx_session *session)
{
    onyx_tensor input, output;
    onyx_outputs *outputs = NULL;
    onyx_error error;
    if (onyx_session_input(session, 0, &input, &error))
        return false;
    for (int i = 0; i < 6; i++)
        ((float *)input.data)[i] = (float)(i - 3);
    bool good = onyx_session_run(session, &outputs, &error) == ONYX_OK &&
                onyx_outputs_get(outputs, 0, &output) == ONYX_OK && output.rank == 2 && output.dims[0] == 2 &&
                output.dims[1] == 3;
    for (int i = 0; good && i < 6; i++)
        good = ((const float *)output.data)[i] == fmaxf(0, (float)(i - 3));
    onyx_outputs_unref(outputs);
    return good;
}

static void test_calls(void)
{
    static const node relu = { "Relu", NULL, { "x" }, "y" };
    static _Alignas(64) float memory[32];
    static const onyx_tensor wrong[] = {
        { ONYX_TYPE_FLOAT64, 2, { 2, 3 }, memory, 48 },
        { ONYX_TYPE_FLOAT32, 3, { 1, 2, 3 }, memory, 24 },
        { ONYX_TYPE_FLOAT32, 2, { 2, 4 }, memory, 32 },
        { ONYX_TYPE_FLOAT32, 2, { -2, 3 }, memory, 24 },
        { ONYX_TYPE_FLOAT32, -1, { 2, 3 }, memory, 24 },
        { ONYX_TYPE_FLOAT32, 99, { 2, 3 }, memory, 24 },
        { ONYX_TYPE_UNDEFINED, 2, { 2, 3 }, memory, 24 },
        { ONYX_TYPE_FLOAT32, 2, { INT64_MAX, INT64_MAX }, memory, 24 },
        { ONYX_TYPE_FLOAT32, 2, { 2, 3 }, memory, 20 },
        { ONYX_TYPE_FLOAT32, 2, { 2, 3 }, NULL, 24 },
        { ONYX_TYPE_FLOAT32, 2, { 2, 3 }, (char *)memory + 4, 24 },
    };
    const size_t of_shape = 8; /* the first ones are wrong as shapes, too */
    const onyx_options options = ONYX_OPTIONS(.threads = 1);
    writer bytes = model_of(&relu, 1);
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_error error = { .message = "" };
    onyx_status status = onyx_model_open_memory(bytes.data, bytes.size, "good.onnx", &options, &model, &error);
    if (!status)
        status = onyx_session_new(model, NULL, &session, &error);
    CHECK(status == ONYX_OK && still_works(session), "the good model: %s", error.message);
    for (size_t i = 0; !status && i < sizeof wrong / sizeof *wrong; i++) {
        error = (onyx_error){ .message = "" };
        onyx_session *none = NULL;
        onyx_status bind = onyx_session_bind_input(session, 0, &wrong[i], &error);
        CHECK(bind && bind != ONYX_ERROR_INTERNAL && error.message[0], "bind, case %zu: %s '%s'", i,
              onyx_status_name(bind), error.message);
        if (i >= of_shape)
            continue;
        onyx_status reshape = onyx_session_reshape(session, &wrong[i], &error);
        CHECK(reshape && reshape != ONYX_ERROR_INTERNAL, "reshape, case %zu: %s", i, onyx_status_name(reshape));
        onyx_status make = onyx_session_new(model, &wrong[i], &none, &error);
        CHECK(make && make != ONYX_ERROR_INTERNAL && !none, "new, case %zu: %s", i, onyx_status_name(make));
        onyx_session_free(none);
        CHECK(still_works(session), "after case %zu the session is lost", i);
    }
    onyx_tensor t;
    onyx_value_info info;
    CHECK(onyx_session_input(session, 1, &t, &error) == ONYX_ERROR_ARGUMENT &&
              onyx_session_input(session, -1, &t, &error) == ONYX_ERROR_ARGUMENT &&
              onyx_session_bind_input(session, 7, NULL, &error) == ONYX_ERROR_ARGUMENT &&
              onyx_model_input_info(model, 1, &info) == ONYX_ERROR_ARGUMENT &&
              onyx_model_output_info(model, -1, &info) == ONYX_ERROR_ARGUMENT &&
              onyx_session_run(NULL, NULL, &error) == ONYX_ERROR_ARGUMENT &&
              onyx_model_open(NULL, NULL, &model, NULL) == ONYX_ERROR_ARGUMENT,
          "indices out of range and NULL are refused");
    onyx_session_free(session);
    onyx_model_unref(model);
    writer_free(&bytes);
}

int main(void)
{
    test_unknown_operators();
    test_senseless_nodes();
    test_senseless_graphs();
    test_budget();
    test_truncated();
    test_calls();
    return check_done();
}
