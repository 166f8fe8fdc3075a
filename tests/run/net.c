/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The network: weights are small noise, so that values neither vanish nor grow. */
#include "net.h"

static uint32_t next(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

static void add_tensor(writer *graph, const char *name, int rank, const int64_t *dims, float scale, float shift)
{
    writer tensor = make_tensor(name, ONYX_TYPE_FLOAT32, rank, dims);
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    float *values = malloc(count * sizeof(*values));
    uint32_t state = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        values[i] = ((float)(next(&state) >> 8) / (float)(1 << 24) - 0.5f) * scale + shift;
    write_bytes(&tensor, 9, values, count * sizeof(*values));
    free(values);
    write_message(graph, 5, &tensor);
}

static void add_ints(writer *node, const char *name, int a, int b, int count)
{
    writer attribute = { 0 };
    write_text(&attribute, 1, name);
    for (int i = 0; i < count; i++)
        write_int(&attribute, 8, i < 2 ? a : b);
    write_int(&attribute, 20, 7);
    write_message(node, 5, &attribute);
}

static void add_int(writer *node, const char *name, int value)
{
    writer attribute = { 0 };
    write_text(&attribute, 1, name);
    write_int(&attribute, 3, value);
    write_int(&attribute, 20, 2);
    write_message(node, 5, &attribute);
}

/* y = op(x, inputs...); `output` also names the node. */
static writer start_node(const char *op, const char *x, const char *output, const char *const *inputs)
{
    writer node = { 0 };
    write_text(&node, 1, x);
    for (; inputs && *inputs; inputs++)
        write_text(&node, 1, *inputs);
    write_text(&node, 2, output);
    write_text(&node, 3, output);
    write_text(&node, 4, op);
    return node;
}

static void add_node(writer *graph, const char *op, const char *x, const char *output)
{
    writer node = start_node(op, x, output, NULL);
    write_message(graph, 1, &node);
}

static void add_conv(writer *graph, const char *x, const char *output, int c_in, int c_out, int kernel, int stride,
                     int groups)
{
    char weights[64];
    snprintf(weights, sizeof weights, "%s.weight", output);
    const float fan = (float)(c_in / groups * kernel * kernel);
    add_tensor(graph, weights, 4, (int64_t[]){ c_out, c_in / groups, kernel, kernel }, 6 / (fan > 16 ? fan / 4 : 4), 0);
    writer node = start_node("Conv", x, output, (const char *[]){ weights, NULL });
    add_ints(&node, "strides", stride, stride, 2);
    add_ints(&node, "pads", kernel / 2, kernel / 2, 4);
    add_int(&node, "group", groups);
    write_message(graph, 1, &node);
}

static void add_norm(writer *graph, const char *x, const char *output, int channels)
{
    add_tensor(graph, "norm.scale", 1, (int64_t[]){ channels }, 0.2f, 1);
    add_tensor(graph, "norm.bias", 1, (int64_t[]){ channels }, 0.2f, 0);
    add_tensor(graph, "norm.mean", 1, (int64_t[]){ channels }, 0.2f, 0);
    add_tensor(graph, "norm.var", 1, (int64_t[]){ channels }, 0.2f, 1);
    writer node = start_node("BatchNormalization", x, output,
                             (const char *[]){ "norm.scale", "norm.bias", "norm.mean", "norm.var", NULL });
    write_message(graph, 1, &node);
}

static writer image_value(const char *name)
{
    writer shape = { 0 }, tensor = { 0 }, type = { 0 }, value = { 0 };
    static const char *const free_dims[] = { NULL, NULL, "h", "w" };
    for (int i = 0; i < 4; i++) {
        writer dim = { 0 };
        if (free_dims[i])
            write_text(&dim, 2, free_dims[i]);
        else
            write_int(&dim, 1, i == 0 ? 1 : 3);
        write_message(&shape, 1, &dim);
    }
    write_int(&tensor, 1, ONYX_TYPE_FLOAT32);
    write_message(&tensor, 2, &shape);
    write_message(&type, 1, &tensor);
    write_text(&value, 1, name);
    write_message(&value, 2, &type);
    return value;
}

writer net_bytes(void)
{
    writer graph = { 0 };
    add_conv(&graph, "x", "stem", 3, 48, 3, 2, 1);
    add_node(&graph, "Relu", "stem", "stem.relu");
    add_conv(&graph, "stem.relu", "wide", 48, 192, 3, 1, 1);
    add_norm(&graph, "wide", "wide.norm", 192); /* its folding makes a constant that is not the file's */
    add_node(&graph, "Sigmoid", "wide.norm", "wide.act");
    add_conv(&graph, "wide.act", "each", 192, 192, 3, 1, 192);
    add_conv(&graph, "each", "point", 192, 256, 1, 1, 1);
    add_conv(&graph, "point", "down", 256, 256, 3, 2, 1);
    add_node(&graph, "Relu", "down", "down.relu");
    add_node(&graph, "GlobalAveragePool", "down.relu", "pooled");
    add_node(&graph, "Flatten", "pooled", "flat");
    add_tensor(&graph, "last.weight", 2, (int64_t[]){ 256, NET_OUTPUTS }, 0.2f, 0);
    writer product = start_node("MatMul", "flat", "y", (const char *[]){ "last.weight", NULL });
    write_message(&graph, 1, &product);
    writer input = image_value("x"), output = make_value("y", ONYX_TYPE_FLOAT32, 1, NET_OUTPUTS);
    write_message(&graph, 11, &input);
    write_message(&graph, 12, &output);
    return make_model(&graph);
}

onyx_tensor net_shape(int height, int width)
{
    return (onyx_tensor){ .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, height, width } };
}

onyx_session *net_session(onyx_model *model, int height, int width, uint32_t seed)
{
    const onyx_tensor shape = net_shape(height, width);
    onyx_session *session = NULL;
    onyx_tensor x;
    onyx_error error = { .message = "" };
    onyx_status status = onyx_session_new(model, &shape, &session, &error);
    if (!status)
        status = onyx_session_input(session, 0, &x, &error);
    if (!CHECK(status == ONYX_OK, "a session for %d x %d: %s", height, width, error.message)) {
        onyx_session_free(session);
        return NULL;
    }
    for (size_t i = 0; i < x.size_bytes / sizeof(float); i++)
        ((float *)x.data)[i] = (float)(next(&seed) >> 8) / (float)(1 << 24);
    return session;
}

bool net_run(onyx_session *session, float y[NET_OUTPUTS])
{
    onyx_outputs *outputs = NULL;
    onyx_tensor t;
    onyx_error error = { .message = "" };
    onyx_status status = onyx_session_run(session, &outputs, &error);
    if (!CHECK(status == ONYX_OK, "a run: %s", error.message))
        return false;
    onyx_outputs_get(outputs, 0, &t);
    bool right = t.size_bytes == sizeof(float) * NET_OUTPUTS;
    if (right)
        memcpy(y, t.data, t.size_bytes);
    onyx_outputs_unref(outputs);
    return CHECK(right, "y has %zu bytes", t.size_bytes);
}
