/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Whether a model scales pixels itself (onyx_model_scales_pixels): by which operators, behind which, and what looks
 * like it and is none. */
#include "control_graphs.h"

typedef struct scaling {
    const char *nodes; /* operator inputs -> output; ... */
    bool scales;
} scaling;

/* Initializers: small 1/255, large 255, mean 123.7, unit 0.485, and half (float16) 1/256. */
static const scaling cases[] = {
    { "Mul x,small y", true },
    { "Mul small,x y", true },
    { "Div x,large y", true },
    { "Div large,x y", false }, /* 255 / x */
    { "Sub x,mean y", true },
    { "Add mean,x y", true },
    { "Sub x,unit y", false },
    { "Mul x,unit y", false },
    { "Mul x,large y", false },
    { "Div x,unit y", false },
    { "Mul x,x y", false },
    { "Mul x,nothing y", false },
    { "Relu x y", false },
    { "Identity x a; Mul a,small y", true },
    { "Relu x a; Mul a,small y", false },
    { "Mul x,unit a; Mul a,small y", false },
    { "Identity x a; Identity a b; Relu b c; Mul c,small y", false },
    { "Mul a,small y; Identity x a", true }, /* in no order */
    { "Cast x a; Mul a,half b; Cast b y", true },
    { "Identity y y", false },
    { "Identity x x", false }, /* a circle, which compiling refuses */
};

static writer graph_of(const char *nodes)
{
    static const float small = 1 / 255.0f, large = 255, mean[3] = { 103.9f, 116.8f, 123.7f }, unit = 0.485f;
    static const uint16_t half = 0x1C00; /* 2^-8 */
    writer graph = { 0 }, x = make_value("x", ONYX_TYPE_FLOAT32, 2, 3);
    char line[200], *rest = line;
    write_text(&graph, 2, "g");
    write_message(&graph, 11, &x);
    put_constant(&graph, "small", ONYX_TYPE_FLOAT32, 0, &small, 4);
    put_constant(&graph, "large", ONYX_TYPE_FLOAT32, 0, &large, 4);
    put_constant(&graph, "unit", ONYX_TYPE_FLOAT32, 0, &unit, 4);
    put_constant(&graph, "half", ONYX_TYPE_FLOAT16, 0, &half, 2);
    writer t = make_tensor("mean", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 3 });
    write_bytes(&t, 9, mean, sizeof(mean));
    write_message(&graph, 5, &t);
    snprintf(line, sizeof(line), "%s", nodes);
    while (*rest) {
        char op[32], inputs[64], output[32], *end = strchr(rest, ';');
        if (sscanf(rest, " %31s %63s %31[^; ]", op, inputs, output) != 3)
            break;
        for (char *comma = inputs; (comma = strchr(comma, ',')) != NULL;)
            *comma = ' ';
        const bool cast = strcmp(op, "Cast") == 0; /* to float16, and the output back */
        put(&graph, op, inputs, output,
            cast ? NUMBER("to", *output == 'y' ? ONYX_TYPE_FLOAT32 : ONYX_TYPE_FLOAT16) : NOTHING);
        rest = end ? end + 1 : rest + strlen(rest);
    }
    put_output(&graph, "y");
    return graph;
}

int main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        writer graph = graph_of(cases[i].nodes), bytes = make_model(&graph);
        onyx_model *model = NULL;
        onyx_error error;
        const onyx_status status = onyx_model_open_memory(bytes.data, bytes.size, "pixels.onnx", NULL, &model, &error);
        if (status == ONYX_OK) {
            CHECK(onyx_model_scales_pixels(model, 0) == cases[i].scales, "%s", cases[i].nodes);
            CHECK(!onyx_model_scales_pixels(model, 1) && !onyx_model_scales_pixels(model, -1), "no such input");
        } else {
            CHECK(!cases[i].scales, "%s: %s", cases[i].nodes, error.message);
        }
        onyx_model_unref(model);
        writer_free(&bytes);
    }
    CHECK(!onyx_model_scales_pixels(NULL, 0), "no model");
    return check_done();
}
