/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What a session says of its weights: as many as the file has, wherever it keeps them. */
#include "control_graphs.h"

enum { ATTRIBUTE_TENSOR = 4, ATTRIBUTE_FLOATS = 6, ATTRIBUTE_SPARSE_TENSOR = 11 };

static const float weights[12] = { 1, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 12 };

static void put_constant_node(writer *graph, const char *attribute_name, int type, unsigned field, writer *value)
{
    writer node = { 0 }, attribute = { 0 };
    write_text(&attribute, 1, attribute_name);
    if (type == ATTRIBUTE_FLOATS)
        for (int i = 0; i < 12; i++)
            write_float(&attribute, field, weights[i]);
    else
        write_message(&attribute, field, value);
    write_int(&attribute, 20, type);
    write_text(&node, 2, "w");
    write_text(&node, 4, "Constant");
    write_message(&node, 5, &attribute);
    write_message(graph, 1, &node);
}

/* The three that are not 0. */
static writer sparse_weights(void)
{
    static const float values[] = { 1, 4, 12 };
    static const int64_t places[] = { 0, 3, 11 }, count = 3;
    writer sparse = { 0 }, v = make_tensor("", ONYX_TYPE_FLOAT32, 1, &count);
    writer i = make_tensor("", ONYX_TYPE_INT64, 1, &count);
    write_bytes(&v, 9, values, sizeof(values));
    write_bytes(&i, 9, places, sizeof(places));
    write_message(&sparse, 1, &v);
    write_message(&sparse, 2, &i);
    write_int(&sparse, 3, 12);
    return sparse;
}

static writer dense_weights(const char *name)
{
    writer t = make_tensor(name, ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 12 });
    write_bytes(&t, 9, weights, sizeof(weights));
    return t;
}

int main(void)
{
    static const char *const kept_as[] = { "initializer", "value", "value_floats", "sparse_value" };
    for (int kind = 0; kind < 4; kind++) {
        writer graph = begin(false), value = kind == 3 ? sparse_weights() : dense_weights(kind ? "" : "w");
        if (kind == 0)
            write_message(&graph, 5, &value);
        else if (kind == 2)
            put_constant_node(&graph, kept_as[kind], ATTRIBUTE_FLOATS, 7, NULL);
        else
            put_constant_node(&graph, kept_as[kind], kind == 1 ? ATTRIBUTE_TENSOR : ATTRIBUTE_SPARSE_TENSOR,
                              kind == 1 ? 5 : 22, &value);
        writer_free(&value);
        put(&graph, "Neg", "w", "turned", NOTHING);
        put(&graph, "ReduceMin", "turned", "least", NUMBER("keepdims", 0));
        put(&graph, "Mul", "x least", "y", NOTHING);
        put_output(&graph, "y");
        writer bytes = make_model(&graph);
        const result r = run_model(&bytes, 1, 1, 0, 1);
        CHECK(!r.status && r.data[0][5] == -72, "%s: %g, %s", kept_as[kind], r.data[0][5], r.error.message);
        onyx_model *model = NULL;
        onyx_session *session = NULL;
        onyx_session_info info = { .size = sizeof(info) };
        onyx_error error = { .message = "" };
        CHECK(!onyx_model_open_memory(bytes.data, bytes.size, "weights.onnx", NULL, &model, &error) &&
                  !onyx_session_new(model, NULL, &session, &error) && !onyx_session_describe(session, &info),
              "%s: %s", kept_as[kind], error.message);
        /* with the constants yes, no, zero, one and two, which `begin` writes */
        CHECK(info.parameters == 12 + 5, "%s: %lld weights", kept_as[kind], (long long)info.parameters);
        onyx_session_free(session);
        onyx_model_unref(model);
        writer_free(&bytes);
    }
    return check_done();
}
