/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Each pass on small graphs: with all passes, and with each one alone, the graph must compute what it computed before
 * (reference kernels, random input), stay valid, and, with all, come out as the case says; a second time nothing may
 * change. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "evaluate.h"
#include "text.h"

#include "pass_cases.h"

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

/* Every "Name count" of the comma-separated list is so; "total count" counts all nodes. */
static bool comes_out(const graph *g, const char *expect)
{
    char name[64];
    int wanted, used;
    for (const char *at = expect; *at; at += used + (at[used] == ',')) {
        if (sscanf(at, " %63[^ ] %d%n", name, &wanted, &used) != 2)
            return false;
        const int have = strcmp(name, "total") == 0 ? g->node_count : count_op(g, name);
        if (have != wanted)
            return false;
    }
    return true;
}

enum { MOST_INPUTS = 8, MOST_OUTPUTS = 8 };

typedef struct run {
    graph *g;
    onyx_tensor outputs[MOST_OUTPUTS];
} run;

static bool open_graph(const model_file *file, graph **g)
{
    onyx_error error;
    if (CHECK(graph_build(file, NULL, NULL, g, &error) == ONYX_OK, "build: %s", error.message) &&
        CHECK(graph_infer(*g, true, &error) == ONYX_OK, "infer: %s", error.message))
        return true;
    return false;
}

/* `only`: the one pass that runs, or NULL for all. */
static bool optimise(graph *g, const char *only, onyx_error *error)
{
    char disabled[1024] = "";
    int count;
    const graph_pass *passes = graph_passes(&count);
    for (int i = 0; i < count && only; i++)
        if (strcmp(passes[i].name, only) != 0 && strcmp(passes[i].name, "dead") != 0)
            snprintf(disabled + strlen(disabled), sizeof(disabled) - strlen(disabled), "%s,", passes[i].name);
    const graph_pass_options options = { .disabled = disabled };
    return graph_optimise(g, &options, error) == ONYX_OK;
}

static void free_outputs(onyx_tensor *outputs)
{
    for (int i = 0; i < MOST_OUTPUTS; i++)
        memory_free(outputs[i].data);
    memset(outputs, 0, sizeof(*outputs) * MOST_OUTPUTS);
}

static bool settled(graph *g, const char **which)
{
    int count;
    onyx_error error;
    const graph_pass *passes = graph_passes(&count);
    const graph_pass_options options = { 0 };
    for (int i = 0; i < count; i++) {
        bool changed = false;
        *which = passes[i].name;
        if (passes[i].run(g, &options, &changed, &error) != ONYX_OK || changed)
            return false;
    }
    return true;
}

static void check_optimised(const pass_case *c, const model_file *file, const char *only, const onyx_tensor *inputs,
                            const onyx_tensor *wanted)
{
    graph *g;
    onyx_error error;
    onyx_tensor outputs[MOST_OUTPUTS] = { 0 };
    const char *pass = only ? only : "all passes", *which = "";
    if (!open_graph(file, &g))
        return;
    const bool optimised = optimise(g, only, &error);
    bool good = CHECK(optimised, "%s, %s: %s", c->name, pass, error.message) &&
                CHECK(graph_check(g, &error) == ONYX_OK, "%s, %s: %s", c->name, pass, error.message) &&
                CHECK(evaluate(g, inputs, outputs, &error) == ONYX_OK, "%s, %s: %s", c->name, pass, error.message);
    for (int i = 0; i < g->output_count && good; i++) {
        const double difference = evaluate_difference(&wanted[i], &outputs[i]);
        good = CHECK(difference <= (c->bound != 0 ? c->bound : 2e-5), "%s, %s: output %d differs by %g of its range",
                     c->name, pass, i, difference);
    }
    if (good && !only) {
        good = CHECK(comes_out(g, c->expect), "%s: not '%s'", c->name, c->expect) &&
               CHECK(settled(g, &which), "%s: %s changes the graph again", c->name, which);
    }
    if (!good)
        graph_dump(g, print_line, NULL);
    free_outputs(outputs);
    graph_free(g);
}

static void check_case(const pass_case *c)
{
    int count;
    graph *g = NULL;
    onyx_error error;
    onyx_tensor inputs[MOST_INPUTS] = { 0 }, wanted[MOST_OUTPUTS] = { 0 };
    arena *memory = arena_new(0);
    const graph_pass *passes = graph_passes(&count);
    const model_file *file = text_model(c->text, c->opset, memory);
    if (CHECK(file != NULL, "%s: no model", c->name) && open_graph(file, &g)) {
        bool ready = true;
        for (int i = 0; i < g->input_count; i++)
            ready = ready && evaluate_random_input(g->inputs[i], 7u + (uint32_t)i, &inputs[i]);
        ready = CHECK(ready, "%s: no inputs", c->name) &&
                CHECK(evaluate(g, inputs, wanted, &error) == ONYX_OK, "%s: %s", c->name, error.message);
        if (ready)
            check_optimised(c, file, NULL, inputs, wanted);
        for (int i = 0; i < count && ready; i++)
            check_optimised(c, file, passes[i].name, inputs, wanted);
    }
    for (int i = 0; i < MOST_INPUTS; i++)
        memory_free(inputs[i].data);
    free_outputs(wanted);
    graph_free(g);
    arena_free(memory);
}

/* Taps that meet padding alone go, and only these. */
static void check_trim(const char *window, const char *kernel, int64_t height, int64_t width)
{
    char text[200];
    arena *memory = arena_new(0);
    onyx_error error = { .message = "" };
    graph *g = NULL;
    snprintf(text, sizeof(text), "input x f32 1,2,1,9\ninit w f32 3,2,%s\ny = Conv(x, w) %s\noutput y\n", kernel, window);
    const model_file *file = text_model(text, 0, memory);
    if (CHECK(file && open_graph(file, &g) && optimise(g, NULL, &error), "%s: %s", window, error.message)) {
        const int64_t *dims = g->first->inputs[1]->info.dims;
        CHECK(dims[2] == height && dims[3] == width, "%s: a kernel of %d x %d is left", window, (int)dims[2], (int)dims[3]);
    }
    graph_free(g);
    arena_free(memory);
}

/* Strict arithmetic adds up in the order of the file. */
static void check_strict(void)
{
    arena *memory = arena_new(0);
    onyx_error error = { .message = "" };
    graph *g = NULL;
    const model_file *file = text_model("input a f32 1,64,8,8\ninput b f32 1,64,16,16\ninit w f32 64,128,1,1\n"
                                        "init s f32 4 = 1,1,2,2\nu = Resize(a,,s)\nc = Concat(u, b) axis=1\n"
                                        "y = Conv(c, w)\noutput y\n",
                                        0, memory);
    const graph_pass_options strict = { .precision = ONYX_PRECISION_STRICT };
    if (CHECK(file && open_graph(file, &g) && graph_optimise(g, &strict, &error) == ONYX_OK, "%s", error.message))
        CHECK(g->node_count == 3, "strict: a sum in two parts");
    graph_free(g);
    arena_free(memory);
}

/* Attention whose causal mask would be larger than memory, or than a number can say, stays whole; a mask of nothing is
 * refused. */
static void check_long_attention(void)
{
    static const char *const texts[] = {
        "input q f32 1,1,131072,1\ny = Attention(q, q, q) is_causal=1\noutput y\n",
        "input q f32 1,1,4294967296,1\ny = Attention(q, q, q) is_causal=1\noutput y\n",
        "input q f32 1,1,1,4\ninput k f32 1,1,5,4\ninput m f32 0,5\ny = Attention(q, k, k, m)\noutput y\n",
    };
    for (int i = 0; i < 3; i++) {
        arena *memory = arena_new(0);
        onyx_error error = { .message = "" };
        graph *g = NULL;
        const model_file *file = text_model(texts[i], 0, memory);
        onyx_status status = file ? graph_build(file, NULL, NULL, &g, &error) : ONYX_ERROR_MEMORY;
        if (status == ONYX_OK)
            status = graph_infer(g, true, &error);
        CHECK((status == ONYX_OK) == (i < 2), "attention %d: %s", i, status ? error.message : "is taken");
        if (status == ONYX_OK)
            CHECK(optimise(g, NULL, &error) && g->node_count == 1, "attention %d: %s", i, error.message);
        graph_free(g);
        arena_free(memory);
    }
}

/* What a few bytes of shapes ask for is not written down as a constant. */
static void check_large_shapes(void)
{
    static const char *const texts[] = {
        "input x f32 1,1,64,4096,4096\ninit w f32 1,1,8,8,8\ny = Conv(x, w) pads=[7,7,7,7,7,7]\noutput y\n",
        "input x f32 1,33554432,1,1\ninit a f32 32\ninit b f32 32\ninit s i64 3 = 1,32,-1\ninit t i64 4 = 1,-1,1,1\n"
        "c = Reshape(x, s)\nd = InstanceNormalization(c, a, b)\ny = Reshape(d, t)\noutput y\n",
        "input x f32 1,1\ninput w f32 1,33554432\ninit s f32 - = 2\na = MatMul(x, w)\ny = Add(a, s)\noutput y\n",
        "input x f32 1,1\ninput w f32 1,33554432\ninit s f32 - = 2\ny = Gemm(x, w, s)\noutput y\n",
        "input x f32 1,33554432\ninit e f32 - = 0.1\ninit p f32 - = 2\na = ReduceMean(x) axes=[1]\nb = Sub(x, a)\n"
        "c = Pow(b, p)\nd = ReduceMean(c) axes=[1]\nf = Add(d, e)\nh = Sqrt(f)\ny = Div(b, h)\noutput y\n",
        "input x f32 8388608,8\ninit n i64 2 = 4,4\ninit f f32 4\na, b = Split(x, n) axis=1\nc = Mul(a, f)\n"
        "y = Concat(c, b) axis=1\noutput y\n",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        arena *memory = arena_new(0);
        onyx_error error = { .message = "" };
        graph *g = NULL;
        const model_file *file = text_model(texts[i], 0, memory);
        size_t bytes = 0;
        if (CHECK(file && open_graph(file, &g) && optimise(g, NULL, &error), "shapes %zu: %s", i, error.message))
            for (int k = 0; k < g->value_count; k++)
                bytes += g->values[k]->is_constant ? g->values[k]->constant.size_bytes : 0;
        CHECK(bytes < 64 << 20, "shapes %zu: %zu bytes of constants", i, bytes);
        graph_free(g);
        arena_free(memory);
    }
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        check_large_shapes();
        check_long_attention();
        check_trim("pads=[1,1,1,1]", "3,3", 1, 3);
        check_trim("pads=[2,0,0,0]", "3,3", 1, 3);
        check_trim("pads=[0,0,2,0]", "3,3", 1, 3);
        check_trim("pads=[1,1,2,1]", "3,3", 2, 3);                    /* two rows of results, one of which reads row 0 */
        check_trim("pads=[2,2,2,2] dilations=[2,2]", "3,3", 1, 3);
        check_trim("pads=[1,12,1,0] strides=[1,21]", "3,13", 1, 1); /* one column, of padding and one pixel */
        check_trim("auto_pad=\"SAME_UPPER\"", "3,3", 1, 3);
        check_strict();
    }
    for (size_t i = 0; i < sizeof(pass_cases) / sizeof(*pass_cases); i++)
        if (argc < 2 || strcmp(argv[1], pass_cases[i].name) == 0)
            check_case(&pass_cases[i]);
    return check_done();
}
