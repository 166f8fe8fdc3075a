/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Old operator forms: a graph of one old node is upgraded and run; the result must equal that of the newest form, which
 * is written out here by hand. */
#include <stdio.h>
#include <string.h>

#include "base/size.h"
#include "own.h"

enum { MOST = 4 };

/* One old node and its newest form; inputs a, b (b may be NULL) are given to both, modern inputs follow as tensors. */
typedef struct old_case {
    const char *op;
    int version;
    const op_attribute *attributes;
    int attribute_count;
    const onyx_tensor *inputs[MOST];
    int input_count;
    const char *modern_op;
    const op_attribute *modern_attributes;
    int modern_attribute_count;
    const onyx_tensor *modern_inputs[MOST];
    int modern_input_count;
} old_case;

static model_file *one_node_file(const old_case *c)
{
    static const char *const names[MOST] = { "a", "b", "c", "d" };
    arena *a = arena_new(0);
    model_file *file = arena_alloc(a, sizeof(*file));
    model_graph *graph = file->graph = arena_alloc(a, sizeof(*graph));
    model_node *node = graph->nodes = arena_alloc(a, sizeof(*node));
    file->arena = a;
    file->path = "";
    file->max_nodes = 100;
    graph->name = "";
    graph->node_count = graph->output_count = 1;
    graph->inputs = arena_alloc(a, MOST * sizeof(*graph->inputs));
    graph->outputs = arena_alloc(a, sizeof(*graph->outputs));
    graph->input_count = c->input_count;
    graph->outputs[0].name = "y";
    node->name = node->domain = node->overload = "";
    node->op_type = c->op;
    node->version = c->version;
    node->inputs = arena_alloc(a, MOST * sizeof(*node->inputs));
    node->input_count = c->input_count;
    node->outputs = arena_alloc(a, sizeof(*node->outputs));
    node->outputs[0] = "y";
    node->output_count = 1;
    if (c->attribute_count)
        node->attributes = arena_copy(a, c->attributes, (size_t)c->attribute_count * sizeof(*c->attributes));
    node->attribute_count = c->attribute_count;
    for (int i = 0; i < c->input_count; i++)
        graph->inputs[i].name = node->inputs[i] = names[i];
    return file;
}

static void run_case(runner *r, const old_case *c)
{
    onyx_error error = { 0 };
    onyx_tensor old = { 0 }, modern = { 0 };
    model_file *file = one_node_file(c);
    onyx_status status = model_upgrade(file, &error);
    if (status == ONYX_OK)
        status = runner_graph(r, file->graph, c->inputs, &old, &error);
    own_check(status == ONYX_OK, "%s-%d: %s", c->op, c->version, error.message);
    onyx_status modern_status =
        runner_node(r, "", c->modern_op ? c->modern_op : c->op, 21, c->modern_attributes, c->modern_attribute_count,
                    c->modern_inputs, c->modern_input_count, &modern, 1, &error);
    own_check(modern_status == ONYX_OK, "newest form of %s-%d: %s", c->op, c->version, error.message);
    if (status == ONYX_OK && modern_status == ONYX_OK) {
        bool same = old.type == modern.type && old.rank == modern.rank &&
                    memcmp(old.dims, modern.dims, (size_t)old.rank * sizeof(int64_t)) == 0 &&
                    memcmp(old.data, modern.data, old.size_bytes) == 0;
        own_check(same, "%s-%d: differs from the newest form", c->op, c->version);
    }
    arena_free(file->arena);
}

/* ---- tensors ---- */

static onyx_tensor numbers(runner *r, onyx_type type, int rank, const int64_t *dims)
{
    onyx_tensor t = own_tensor(r, type, rank, dims);
    own_fill(&t, -2, 2);
    return t;
}

static onyx_tensor integers(runner *r, const int64_t *values, int64_t count)
{
    onyx_tensor t = own_tensor(r, ONYX_TYPE_INT64, 1, &count);
    memcpy(t.data, values, (size_t)count * sizeof(*values));
    return t;
}

static onyx_tensor floats(runner *r, const float *values, int64_t count)
{
    onyx_tensor t = own_tensor(r, ONYX_TYPE_FLOAT32, count == 1 ? 0 : 1, &count);
    memcpy(t.data, values, (size_t)count * sizeof(*values));
    return t;
}

#define INTS(...) ((const int64_t[]){ __VA_ARGS__ })

/* ---- families ---- */

/* Attributes of integers that are input 1 now. */
static void integer_attributes(runner *r)
{
    static const struct {
        const char *op, *attribute;
        int version;
        int64_t values[4];
        int count;
    } cases[] = {
        { "ReduceMax", "axes", 11, { 0, 2 }, 2 },    { "ReduceMean", "axes", 13, { -1 }, 1 },
        { "ReduceSum", "axes", 11, { 1 }, 1 },       { "ReduceL2", "axes", 1, { 0 }, 1 },
        { "ReduceLogSumExp", "axes", 13, { 1 }, 1 }, { "Unsqueeze", "axes", 11, { 0, 3 }, 2 },
        { "Squeeze", "axes", 1, { 1 }, 1 },          { "Reshape", "shape", 1, { 3, -1 }, 2 },
    };
    onyx_tensor x = numbers(r, ONYX_TYPE_FLOAT32, 3, INTS(3, 1, 4));
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        onyx_tensor list = integers(r, cases[i].values, cases[i].count);
        op_attribute old = own_ints(cases[i].attribute, cases[i].values, cases[i].count);
        run_case(r, &(old_case){ .op = cases[i].op,
                                 .version = cases[i].version,
                                 .attributes = &old,
                                 .attribute_count = 1,
                                 .inputs = { &x },
                                 .input_count = 1,
                                 .modern_inputs = { &x, &list },
                                 .modern_input_count = 2 });
    }
    /* Without axes: all of them. */
    run_case(r, &(old_case){ .op = "ReduceSum",
                             .version = 1,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_inputs = { &x },
                             .modern_input_count = 1 });
}

static void slices_and_pads(runner *r)
{
    onyx_tensor x = numbers(r, ONYX_TYPE_FLOAT32, 3, INTS(3, 4, 5)), h = numbers(r, ONYX_TYPE_FLOAT16, 2, INTS(2, 3));
    onyx_tensor starts = integers(r, INTS(1, 0), 2), ends = integers(r, INTS(4, -1), 2),
                axes = integers(r, INTS(2, 0), 2);
    op_attribute slice[] = { own_ints("starts", INTS(1, 0), 2), own_ints("ends", INTS(4, -1), 2),
                             own_ints("axes", INTS(2, 0), 2) };
    run_case(r, &(old_case){ .op = "Slice",
                             .version = 9,
                             .attributes = slice,
                             .attribute_count = 3,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_inputs = { &x, &starts, &ends, &axes },
                             .modern_input_count = 4 });
    run_case(r, &(old_case){ .op = "Slice",
                             .version = 1,
                             .attributes = slice,
                             .attribute_count = 2,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_inputs = { &x, &starts, &ends },
                             .modern_input_count = 3 });

    onyx_tensor pads = integers(r, INTS(0, 1, 2, 0), 4), value = own_tensor(r, ONYX_TYPE_FLOAT16, 0, NULL);
    ((uint16_t *)value.data)[0] = 0x3e00; /* 1.5 */
    op_attribute pad[] = { own_ints("pads", INTS(0, 1, 2, 0), 4), own_float("value", 1.5f),
                           own_string("mode", "constant") };
    run_case(r, &(old_case){ .op = "Pad",
                             .version = 2,
                             .attributes = pad,
                             .attribute_count = 3,
                             .inputs = { &h },
                             .input_count = 1,
                             .modern_inputs = { &h, &pads, &value },
                             .modern_input_count = 3 });
    op_attribute edge[] = { own_ints("pads", INTS(0, 1, 2, 0), 4), own_string("mode", "edge") };
    run_case(r, &(old_case){ .op = "Pad",
                             .version = 2,
                             .attributes = edge,
                             .attribute_count = 2,
                             .inputs = { &h },
                             .input_count = 1,
                             .modern_attributes = edge + 1,
                             .modern_attribute_count = 1,
                             .modern_inputs = { &h, &pads },
                             .modern_input_count = 2 });
}

static void limits(runner *r)
{
    onyx_tensor x = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(3, 4)), h = numbers(r, ONYX_TYPE_FLOAT16, 1, INTS(9));
    float low = -0.5f, high = 0.75f;
    onyx_tensor min = floats(r, &low, 1), max = floats(r, &high, 1);
    op_attribute both[] = { own_float("min", low), own_float("max", high) };
    run_case(r, &(old_case){ .op = "Clip",
                             .version = 6,
                             .attributes = both,
                             .attribute_count = 2,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_inputs = { &x, &min, &max },
                             .modern_input_count = 3 });
    run_case(r, &(old_case){ .op = "Clip",
                             .version = 6,
                             .attributes = both + 1,
                             .attribute_count = 1,
                             .inputs = { &h },
                             .input_count = 1,
                             .modern_inputs = { &h, NULL, &max },
                             .modern_input_count = 3 });
    run_case(r, &(old_case){ .op = "Clip",
                             .version = 6,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_inputs = { &x },
                             .modern_input_count = 1 });
    op_attribute text = own_string("to", "INT32"), number = own_int("to", ONYX_TYPE_INT32);
    run_case(r, &(old_case){ .op = "Cast",
                             .version = 1,
                             .attributes = &text,
                             .attribute_count = 1,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_attributes = &number,
                             .modern_attribute_count = 1,
                             .modern_inputs = { &x },
                             .modern_input_count = 1 });
    onyx_tensor k = integers(r, INTS(2), 1);
    op_attribute topk[] = { own_int("axis", 0), own_int("k", 2) };
    run_case(r, &(old_case){ .op = "TopK",
                             .version = 1,
                             .attributes = topk,
                             .attribute_count = 2,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_attributes = topk,
                             .modern_attribute_count = 1,
                             .modern_inputs = { &x, &k },
                             .modern_input_count = 2 });
    op_attribute ratio[] = { own_float("ratio", 0.9f), own_int("is_test", 0) };
    run_case(r, &(old_case){ .op = "Dropout",
                             .version = 6,
                             .attributes = ratio,
                             .attribute_count = 2,
                             .inputs = { &x },
                             .input_count = 1,
                             .modern_op = "Identity",
                             .modern_inputs = { &x },
                             .modern_input_count = 1 });
}

/* broadcast = 1, with and without an axis; the slope of PRelu. */
static void broadcasting(runner *r)
{
    onyx_tensor x = numbers(r, ONYX_TYPE_FLOAT32, 4, INTS(2, 3, 4, 5)),
                b = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(3, 4));
    onyx_tensor aligned = b, tail = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(4, 5));
    onyx_tensor slope = numbers(r, ONYX_TYPE_FLOAT32, 1, INTS(3)), channels = slope;
    static const char *const ops[] = { "Add", "Sub", "Mul", "Div", "Greater", "Less" };
    op_attribute attributes[] = { own_int("broadcast", 1), own_int("axis", 1) };
    aligned.rank = 3;
    aligned.dims[2] = 1;
    channels.rank = 3;
    channels.dims[1] = channels.dims[2] = 1;
    for (size_t i = 0; i < ARRAY_LENGTH(ops); i++) {
        run_case(r, &(old_case){ .op = ops[i],
                                 .version = 6,
                                 .attributes = attributes,
                                 .attribute_count = 2,
                                 .inputs = { &x, &b },
                                 .input_count = 2,
                                 .modern_inputs = { &x, &aligned },
                                 .modern_input_count = 2 });
        run_case(r, &(old_case){ .op = ops[i],
                                 .version = 1,
                                 .attributes = attributes,
                                 .attribute_count = 1,
                                 .inputs = { &x, &tail },
                                 .input_count = 2,
                                 .modern_inputs = { &x, &tail },
                                 .modern_input_count = 2 });
    }
    run_case(r, &(old_case){ .op = "PRelu",
                             .version = 6,
                             .inputs = { &x, &slope },
                             .input_count = 2,
                             .modern_inputs = { &x, &channels },
                             .modern_input_count = 2 });
}

static void resizing(runner *r)
{
    static const float factors[4] = { 1, 1, 2, 1.5f };
    onyx_tensor x = numbers(r, ONYX_TYPE_FLOAT32, 4, INTS(1, 2, 3, 4)), scales = floats(r, factors, 4);
    op_attribute list = { .name = "scales", .type = OP_ATTRIBUTE_FLOATS, .floats = factors, .count = 4 };
    static const char *const modes[][2] = { { "nearest", "nearest" },
                                            { "linear", "linear" },
                                            { "bilinear", "linear" } };
    for (size_t i = 0; i < ARRAY_LENGTH(modes); i++) {
        op_attribute mode = own_string("mode", modes[i][0]);
        op_attribute seven[] = { mode, list },
                     one[] = { mode, own_float("height_scale", 2), own_float("width_scale", 1.5f) };
        op_attribute modern[] = { own_string("mode", modes[i][1]),
                                  own_string("coordinate_transformation_mode", "asymmetric"),
                                  own_string("nearest_mode", "floor") };
        const old_case newest = { .inputs = { &x },
                                  .input_count = 1,
                                  .modern_op = "Resize",
                                  .modern_attributes = modern,
                                  .modern_attribute_count = 3,
                                  .modern_inputs = { &x, NULL, &scales },
                                  .modern_input_count = 3 };
        old_case c = newest;
        c.op = "Upsample";
        c.version = 7;
        c.attributes = seven;
        c.attribute_count = 2;
        run_case(r, &c);
        c.version = 1;
        c.attributes = one;
        c.attribute_count = 3;
        run_case(r, &c);
        c.inputs[1] = &scales;
        c.input_count = 2;
        c.attributes = &mode;
        c.attribute_count = 1;
        c.version = 9;
        run_case(r, &c);
        c.op = "Resize";
        c.version = 10;
        run_case(r, &c);
    }
}

static void scatter_and_norm(runner *r)
{
    onyx_tensor x = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(3, 2)),
                updates = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(1, 2));
    onyx_tensor indices = integers(r, INTS(2, 1), 2);
    indices.rank = 2;
    indices.dims[0] = 1;
    indices.dims[1] = 2;
    run_case(r, &(old_case){ .op = "Scatter",
                             .version = 9,
                             .inputs = { &x, &indices, &updates },
                             .input_count = 3,
                             .modern_op = "ScatterElements",
                             .modern_inputs = { &x, &indices, &updates },
                             .modern_input_count = 3 });
    onyx_tensor a = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(2, 3)), b = numbers(r, ONYX_TYPE_FLOAT32, 2, INTS(3, 4));
    onyx_tensor c = numbers(r, ONYX_TYPE_FLOAT32, 1, INTS(4));
    op_attribute broadcast = own_int("broadcast", 1);
    run_case(r, &(old_case){ .op = "Gemm",
                             .version = 6,
                             .attributes = &broadcast,
                             .attribute_count = 1,
                             .inputs = { &a, &b, &c },
                             .input_count = 3,
                             .modern_inputs = { &a, &b, &c },
                             .modern_input_count = 3 });
}

int main(void)
{
    runner *r = runner_new(NULL);
    own_seed(6);
    integer_attributes(r);
    slices_and_pads(r);
    limits(r);
    broadcasting(r);
    resizing(r);
    scatter_and_norm(r);
    runner_free(r);
    return own_done();
}
