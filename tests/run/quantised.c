/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A quantised network as it is planned against the same by reference kernels, to the last bit: grouped, depthwise,
 * Winograd and deep convolutions, a matrix product, an upsampling in front of one, a factor per channel, dequantised
 * heads that are joined. */
#include "net.h"

enum { SIDE = 64 };

static uint32_t next(uint32_t *state)
{
    return *state = *state * 1664525u + 1013904223u;
}

static void add_floats(writer *graph, const char *name, int count, float value)
{
    const int64_t dims[] = { count };
    writer tensor = make_tensor(name, ONYX_TYPE_FLOAT32, count > 1, dims);
    for (int i = 0; i < count; i++)
        write_float(&tensor, 4, value * (1 + 0.01f * (float)i)); /* float_data */
    write_message(graph, 5, &tensor);
}

static void add_bytes(writer *graph, const char *name, onyx_type type, int rank, const int64_t *dims, int fixed)
{
    writer tensor = make_tensor(name, (int)type, rank, dims);
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    uint8_t *bytes = malloc(count);
    uint32_t state = (uint32_t)count + 3;
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(fixed >= 0 ? (uint32_t)fixed : next(&state) >> 24);
    write_bytes(&tensor, 9, bytes, count);
    free(bytes);
    write_message(graph, 5, &tensor);
}

static void add_attribute(writer *node, const char *name, const int *values, int count, bool list)
{
    writer attribute = { 0 };
    write_text(&attribute, 1, name);
    for (int i = 0; i < count; i++)
        write_int(&attribute, list ? 8 : 3, values[i]);
    write_int(&attribute, 20, list ? 7 : 2);
    write_message(node, 5, &attribute);
}

static writer start_node(const char *op, const char *output, const char *const *inputs)
{
    writer node = { 0 };
    for (; *inputs; inputs++)
        write_text(&node, 1, *inputs);
    write_text(&node, 2, output);
    write_text(&node, 4, op);
    return node;
}

#define INPUTS(...) ((const char *const[]){ __VA_ARGS__, NULL })

static void add_node(writer *graph, const char *op, const char *output, const char *const *inputs)
{
    writer node = start_node(op, output, inputs);
    write_message(graph, 1, &node);
}

/* Bytes have scale "s" and zero point "z" throughout. */
static void add_conv(writer *graph, const char *x, const char *y, int c_in, int c_out, int kernel, int stride,
                     int groups)
{
    /* "t" is for products: no sum of them lies half-way between two bytes, where the order of roundings decides */
    const char *scale = strcmp(x, "m1") ? "s" : "t";
    char weights[32], scales[32], zeros[32];
    snprintf(weights, sizeof weights, "%s.w", y);
    snprintf(scales, sizeof scales, "%s.s", y);
    snprintf(zeros, sizeof zeros, "%s.z", y);
    add_bytes(graph, weights, ONYX_TYPE_INT8, 4, (int64_t[]){ c_out, c_in / groups, kernel, kernel }, -1);
    add_floats(graph, scales, c_out, 0.03f / (float)(c_in / groups * kernel));
    add_bytes(graph, zeros, ONYX_TYPE_INT8, 1, (int64_t[]){ c_out }, 0);
    writer node = start_node("QLinearConv", y, INPUTS(x, scale, "z", weights, scales, zeros, "s", "z"));
    add_attribute(&node, "strides", (int[]){ stride, stride }, 2, true);
    add_attribute(&node, "pads", (int[]){ kernel / 2, kernel / 2, kernel / 2, kernel / 2 }, 4, true);
    add_attribute(&node, "group", &groups, 1, false);
    write_message(graph, 1, &node);
}

static writer untold_value(const char *name)
{
    writer tensor = { 0 }, type = { 0 }, value = { 0 };
    write_int(&tensor, 1, ONYX_TYPE_FLOAT32);
    write_message(&type, 1, &tensor);
    write_text(&value, 1, name);
    write_message(&value, 2, &type);
    return value;
}

static writer quantised_bytes(void)
{
    writer graph = { 0 };
    add_floats(&graph, "s", 1, 0.02f);
    add_floats(&graph, "t", 1, 0.01937f);
    add_bytes(&graph, "z", ONYX_TYPE_UINT8, 0, NULL, 117);
    add_node(&graph, "QuantizeLinear", "q", INPUTS("x", "s", "z"));
    add_conv(&graph, "q", "stem", 3, 48, 3, 2, 1);
    add_conv(&graph, "stem", "groups", 48, 96, 3, 1, 3);   /* whole blocks each */
    add_conv(&graph, "groups", "narrow", 96, 48, 1, 1, 8); /* several to a block */
    add_conv(&graph, "narrow", "each", 48, 48, 5, 1, 48);
    add_conv(&graph, "each", "every", 48, 48, 3, 2, 48);
    add_conv(&graph, "each", "winograd", 48, 40, 3, 1, 1);
    add_conv(&graph, "every", "deep", 48, 400, 3, 2, 1);
    add_conv(&graph, "deep", "deeper", 400, 160, 3, 1, 1);
    /* squeeze and excitation */
    add_node(&graph, "DequantizeLinear", "w", INPUTS("winograd", "s", "z"));
    add_node(&graph, "GlobalAveragePool", "p", INPUTS("w"));
    add_node(&graph, "QuantizeLinear", "p1", INPUTS("p", "s", "z"));
    add_node(&graph, "DequantizeLinear", "p2", INPUTS("p1", "s", "z"));
    add_node(&graph, "Mul", "m", INPUTS("p2", "w"));
    add_node(&graph, "QuantizeLinear", "m1", INPUTS("m", "t", "z"));
    add_conv(&graph, "m1", "near", 40, 20, 1, 1, 1);
    /* as in a neck */
    writer sizes4 = make_tensor("sizes", ONYX_TYPE_INT64, 1, (int64_t[]){ 4 });
    const int64_t up[] = { 1, 160, SIDE / 4, SIDE / 4 };
    write_bytes(&sizes4, 9, up, sizeof(up));
    write_message(&graph, 5, &sizes4);
    add_node(&graph, "Resize", "up", INPUTS("deeper", "", "", "sizes"));
    writer both = start_node("Concat", "both", INPUTS("every", "up"));
    add_attribute(&both, "axis", (int[]){ 1 }, 1, false);
    write_message(&graph, 1, &both);
    add_conv(&graph, "both", "neck", 208, 70, 1, 1, 1);
    add_conv(&graph, "neck", "far", 70, 20, 1, 2, 1);
    /* a matrix product of its rows */
    writer flat = make_tensor("flat", ONYX_TYPE_INT64, 1, (int64_t[]){ 3 });
    const int64_t rows[] = { 1, 20, SIDE * SIDE / 64 };
    write_bytes(&flat, 9, rows, sizeof(rows));
    write_message(&graph, 5, &flat);
    add_node(&graph, "Reshape", "rows", INPUTS("far", "flat"));
    add_bytes(&graph, "v", ONYX_TYPE_UINT8, 2, (int64_t[]){ SIDE * SIDE / 64, SIDE * SIDE / 64 }, -1);
    add_floats(&graph, "v.s", SIDE * SIDE / 64, 0.0005f);
    add_bytes(&graph, "v.z", ONYX_TYPE_UINT8, 0, NULL, 121);
    add_node(&graph, "QLinearMatMul", "mixed", INPUTS("rows", "t", "z", "v", "v.s", "v.z", "s", "z"));
    /* heads */
    add_node(&graph, "DequantizeLinear", "near1", INPUTS("near", "s", "z"));
    add_node(&graph, "DequantizeLinear", "far1", INPUTS("mixed", "s", "z"));
    writer shape = make_tensor("shape", ONYX_TYPE_INT64, 1, (int64_t[]){ 3 });
    const int64_t sizes[] = { 1, 20, -1 };
    write_bytes(&shape, 9, sizes, sizeof(sizes));
    write_message(&graph, 5, &shape);
    add_node(&graph, "Reshape", "near2", INPUTS("near1", "shape"));
    add_node(&graph, "Reshape", "far2", INPUTS("far1", "shape"));
    writer concat = start_node("Concat", "y", INPUTS("near2", "far2"));
    add_attribute(&concat, "axis", (int[]){ 2 }, 1, false);
    write_message(&graph, 1, &concat);
    writer input = untold_value("x"), output = untold_value("y");
    write_message(&graph, 11, &input);
    write_message(&graph, 12, &output);
    return make_model(&graph);
}

enum { OUTPUTS = 20 * (SIDE * SIDE / 4 + SIDE * SIDE / 64) };

static bool run(const writer *bytes, onyx_options options, float *y)
{
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_outputs *outputs = NULL;
    onyx_tensor t = { .size_bytes = 0 };
    onyx_error error = { .message = "" };
    if (CHECK(onyx_model_open_memory(bytes->data, bytes->size, "net", &options, &model, &error) == ONYX_OK, "%s",
              error.message))
        session = net_session(model, SIDE, SIDE, 5);
    if (session && CHECK(onyx_session_run(session, &outputs, &error) == ONYX_OK, "%s", error.message))
        onyx_outputs_get(outputs, 0, &t);
    const bool right = CHECK(t.size_bytes == sizeof(float) * OUTPUTS, "y has %zu bytes", t.size_bytes);
    if (right)
        memcpy(y, t.data, t.size_bytes);
    onyx_outputs_unref(outputs);
    onyx_session_free(session);
    onyx_model_unref(model);
    return right;
}

int main(void)
{
    writer bytes = quantised_bytes();
    float *expected = malloc(sizeof(float) * OUTPUTS), *y = malloc(sizeof(float) * OUTPUTS);
    if (run(&bytes, ONYX_OPTIONS(.threads = 1, .unoptimised = true), expected)) {
        for (int threads = 1; threads <= 2; threads++) {
            if (!run(&bytes, ONYX_OPTIONS(.threads = threads), y))
                continue;
            int differ = 0, first = 0;
            for (int i = OUTPUTS - 1; i >= 0; i--)
                if (y[i] != expected[i]) {
                    differ++;
                    first = i;
                }
            CHECK(!differ, "%d threads: %d of %d differ, y[%d] is %g, expected %g", threads, differ, OUTPUTS, first,
                  (double)y[first], (double)expected[first]);
        }
        int distinct = 0;
        for (int i = 1; i < OUTPUTS; i++)
            distinct += expected[i] != expected[i - 1];
        CHECK(distinct > OUTPUTS / 2, "only %d of %d results change: the network says nothing", distinct, OUTPUTS);
    }
    free(expected);
    free(y);
    writer_free(&bytes);
    return check_done();
}
