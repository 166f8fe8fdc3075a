/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The real models beside the tree: how many nodes of each kind they optimise to, and, for the small ones (all with
 * ONYX_TEST_ALL=1), that the reference kernels give the same results before and after. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "evaluate.h"
#include "graph/passes.h"

enum { MOST_OUTPUTS = 16 };

static const struct {
    const char *name;
    const char *expect; /* "Name count, ..." after all passes */
    bool small;         /* few operations */
    int64_t side;       /* of free dims of the input */
    double bound;       /* of the range; 0: not run, as rounding changes what top-k picks */
    double in_file;     /* at least: a pass that looks must not copy */
} cases[] = {
    { "yunet_n_dynamic", "Relu 0, Add 2, Shape 0", true, 96, 1e-4, 0 },
    { "ultraface_rfb_320", "BatchNormalization 0, Relu 0, Shape 0", true, 0, 1e-4, 0 },
    { "fastestdet_352", "Relu 0, Softmax 1, Gather 0, Pad 0, Transpose 0", true, 0, 1e-4, 0 },
    { "nanodet_m_320", "LeakyRelu 0, ChannelShuffle 16, Shape 0", true, 0, 1e-4, 0 },
    { "picodet_s_320", "Clip 0, Div 0, HardSwish 0", true, 0, 1e-4, 0 },
    { "yunet_n_640", "Relu 0, Add 2", false, 0, 1e-4, 0 },
    { "yolox_nano_416", "Slice 0, Silu 0, Add 0", false, 0, 1e-4, 0 },
    { "yolov5n_640", "Silu 0, Pow 0", false, 0, 1e-4, 0.87 },
    { "yolov8n_640", "Silu 0, Sigmoid 0, Conv 5, Transpose 0", false, 0, 1e-4, 0.95 },
    { "yolov8n-seg_320", "Silu 0, Transpose 0, ConvTranspose 0", false, 0, 1e-4, 0.93 },
    { "yolo11n_640", "Silu 0, Sigmoid 0, Transpose 0", false, 0, 1e-4, 0.90 },
    { "yolo26n_640", "Silu 0", false, 0, 1e-4, 0.89 },
    { "yolov10n_640_fp16", "Silu 0, Cast 3", false, 0, 0, 0 },
};

static void print_line(const char *text, void *user)
{
    (void)user;
    printf("    %s\n", text);
}

static int count_op(const graph *g, const char *name)
{
    int count = 0;
    for (const graph_node *node = g->first; node; node = node->next)
        count += strcmp(node->row->name, name) == 0;
    return count;
}

/* The part of all weights of convolutions that is still read where it lies in the file. */
static double share_in_file(const graph *g)
{
    size_t all = 0, in_file = 0;
    for (const graph_node *node = g->first; node; node = node->next) {
        const graph_value *weights = graph_is_conv(node) ? node->inputs[1] : NULL;
        if (!weights || !weights->is_constant)
            continue;
        all += weights->constant.size_bytes;
        if (buffer_is_borrowed(weights->storage))
            in_file += weights->constant.size_bytes;
    }
    return all ? (double)in_file / (double)all : 0;
}

static bool comes_out(const graph *g, const char *expect)
{
    char name[64];
    int wanted, used;
    for (const char *at = expect; *at; at += used + (at[used] == ',')) {
        if (sscanf(at, " %63[^ ] %d%n", name, &wanted, &used) != 2)
            return false;
        if (count_op(g, name) != wanted)
            return CHECK(false, "%d nodes %s, not %d", count_op(g, name), name, wanted);
    }
    return true;
}

static bool open_graph(const model_file *file, int64_t side, graph **g)
{
    onyx_error error;
    onyx_tensor shapes[4] = { 0 };
    const model_graph *source = file->graph;
    for (int i = 0; i < source->input_count && i < 4; i++) {
        shapes[i].type = source->inputs[i].type;
        shapes[i].rank = source->inputs[i].rank;
        for (int d = 0; d < source->inputs[i].rank; d++)
            shapes[i].dims[d] = source->inputs[i].dims[d] >= 0 ? source->inputs[i].dims[d] : d ? side : 1;
    }
    return CHECK(graph_build(file, shapes, NULL, g, &error) == ONYX_OK, "build: %s", error.message) &&
           CHECK(graph_infer(*g, true, &error) == ONYX_OK, "infer: %s", error.message);
}

static void compare(graph *before, graph *after, const char *name, double bound)
{
    onyx_error error;
    onyx_tensor input, wanted[MOST_OUTPUTS] = { 0 }, have[MOST_OUTPUTS] = { 0 };
    if (!CHECK(before->input_count == 1 && before->output_count <= MOST_OUTPUTS, "%s: inputs", name) ||
        !CHECK(evaluate_random_input(before->inputs[0], 5, &input), "%s: input", name))
        return;
    if (CHECK(evaluate(before, &input, wanted, &error) == ONYX_OK, "%s: %s", name, error.message) &&
        CHECK(evaluate(after, &input, have, &error) == ONYX_OK, "%s, optimised: %s", name, error.message))
        for (int i = 0; i < before->output_count; i++) {
            const double difference = evaluate_difference(&wanted[i], &have[i]);
            CHECK(difference <= bound, "%s: output %d differs by %g of its range", name, i, difference);
        }
    memory_free(input.data);
    for (int i = 0; i < MOST_OUTPUTS; i++) {
        memory_free(wanted[i].data);
        memory_free(have[i].data);
    }
}

int main(int argc, char **argv)
{
    const bool all = getenv("ONYX_TEST_ALL") && strcmp(getenv("ONYX_TEST_ALL"), "1") == 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        char path[4096];
        onyx_error error;
        model_file *file = NULL;
        graph *before = NULL, *after = NULL;
        if (argc > 1 && strcmp(argv[1], cases[i].name) != 0)
            continue;
        snprintf(path, sizeof(path), "%s/models/%s/model.onnx", check_shared(), cases[i].name);
        FILE *there = fopen(path, "rb");
        if (!there) {
            check_skip(path);
            continue;
        }
        fclose(there);
        const graph_pass_options options = { 0 };
        if (CHECK(model_load(path, NULL, &file, &error) == ONYX_OK, "%s", error.message) &&
            open_graph(file, cases[i].side, &before) && open_graph(file, cases[i].side, &after) &&
            CHECK(graph_optimise(after, &options, &error) == ONYX_OK, "%s: %s", cases[i].name, error.message) &&
            CHECK(graph_check(after, &error) == ONYX_OK, "%s: %s", cases[i].name, error.message)) {
            CHECK(share_in_file(after) >= cases[i].in_file, "%s: %.3f of the weights left in the file, not %.2f",
                  cases[i].name, share_in_file(after), cases[i].in_file);
            CHECK(comes_out(after, cases[i].expect), "%s: not '%s'", cases[i].name, cases[i].expect);
            if (argc > 2)
                graph_dump(after, print_line, NULL);
            if ((cases[i].small || all) && cases[i].bound > 0)
                compare(before, after, cases[i].name, cases[i].bound);
        }
        graph_free(before);
        graph_free(after);
        model_free(file);
    }
    return check_done();
}
