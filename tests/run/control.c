/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Models with sub-graphs: branches and loops that are written out, those that are run, sequences that are lists, and
 * what is wrong about such models. Everything through the public interface. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model/wire_writer.h"
#include "check.h"
#include "onyx.h"

enum { BODIES_MOST = 2, ATTRIBUTE_GRAPH = 5, ATTRIBUTE_INT = 2 };

/* Names between spaces; "-" is an absent one. */
static void put_names(writer *w, unsigned field, const char *names)
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

static void put(writer *graph, const char *op, const char *inputs, const char *outputs, extras e)
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
static void put_value(writer *graph, unsigned field, const char *name, int type, bool scalar)
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

static void put_input(writer *graph, const char *name, int type)
{
    put_value(graph, 11, name, type, type != ONYX_TYPE_FLOAT32);
}

static void put_output(writer *graph, const char *name)
{
    put_value(graph, 12, name, ONYX_TYPE_FLOAT32, false);
}

static void put_constant(writer *graph, const char *name, int type, int rank, const void *data, size_t bytes)
{
    writer t = make_tensor(name, type, rank, (int64_t[]){ 1 });
    write_bytes(&t, 9, data, bytes);
    write_message(graph, 5, &t);
}

/* Input x float32 [2, 3], n a scalar int64 if wanted; constants yes, no, zero, one, two (float32), i0, i1, i4, last. */
static writer begin(bool counted)
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
static writer branch(const char *op, const char *inputs)
{
    writer graph = { 0 };
    put(&graph, op, inputs, "branch_result", NOTHING);
    put_output(&graph, "branch_result");
    return graph;
}

/* c = sum of x > 0 */
static void put_positive(writer *graph)
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

/* Runs the model of a graph (freed) with x = value and n = count, `runs` times in one session, x negated each time. */
static result run(writer *graph, int outputs, float value, int64_t count, int runs)
{
    const onyx_options options = ONYX_OPTIONS(.threads = 1);
    result r = { .error = { .message = "" } };
    writer bytes = make_model(graph);
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_tensor t;
    r.status = onyx_model_open_memory(bytes.data, bytes.size, "control.onnx", &options, &model, &r.error);
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
    writer_free(&bytes);
    return r;
}

/* ---- branches ---- */

/* The branch that is not taken may hold anything. */
static void test_known_branch(void)
{
    for (int taken = 0; taken < 2; taken++) {
        writer graph = begin(false);
        put(&graph, "If", taken ? "yes" : "no", "y",
            taken ? BRANCHES(branch("Neg", "x"), branch("Frobnicate", "x"))
                  : BRANCHES(branch("Frobnicate", "x"), branch("Neg", "x")));
        put_output(&graph, "y");
        result r = run(&graph, 1, 2, 0, 1);
        CHECK(!r.status && r.data[0][5] == -12, "branch %d: %g, %s", taken, r.data[0][5], r.error.message);
    }
}

/* Both ways in one session; outer values that are constants and ones that are not; branches of other shapes. */
static void test_branch_of_data(void)
{
    for (int runs = 1; runs <= 4; runs++) {
        writer graph = begin(false);
        put_positive(&graph);
        put(&graph, "Add", "x one", "moved", NOTHING);
        put(&graph, "If", "c", "z", BRANCHES(branch("Mul", "moved two"), branch("Sub", "moved two")));
        put(&graph, "Add", "z x", "y", NOTHING);
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, 0, runs);
        const float x = runs % 2 ? 6 : -6, expected = (runs % 2 ? (x + 1) * 2 : x + 1 - 2) + x;
        CHECK(!r.status && r.data[0][5] == expected, "run %d: %g for %g, %s", runs, r.data[0][5], expected,
              r.error.message);
    }
    for (int runs = 1; runs <= 2; runs++) {
        writer graph = begin(false), shorter = { 0 };
        put_positive(&graph);
        put(&shorter, "ReduceSum", "x", "branch_result", NUMBER("keepdims", 0));
        put_output(&shorter, "branch_result");
        put(&graph, "If", "c", "y", BRANCHES(branch("Identity", "x"), shorter));
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, 0, runs);
        CHECK(!r.status && r.rank[0] == (runs == 1 ? 2 : 0) && r.data[0][0] == (runs == 1 ? 1 : -21),
              "shapes, run %d: rank %d, %g, %s", runs, r.rank[0], r.data[0][0], r.error.message);
    }
}

/* An If in an If, which reads a value of the outer branch and one of the graph. */
static void test_nested(void)
{
    writer graph = begin(false), outer = { 0 };
    put_positive(&graph);
    put(&outer, "Add", "x x", "double", NOTHING);
    put(&outer, "Not", "c", "d", NOTHING);
    put(&outer, "If", "d", "branch_result", BRANCHES(branch("Neg", "double"), branch("Mul", "double x")));
    put_output(&outer, "branch_result");
    put(&graph, "If", "c", "y", BRANCHES(outer, branch("Neg", "x")));
    put_output(&graph, "y");
    result r = run(&graph, 1, 1, 0, 1);
    CHECK(!r.status && r.data[0][2] == 18, "nested: %g, %s", r.data[0][2], r.error.message);
}

/* ---- loops ---- */

/* s' = s + x * i (+ s of the iteration before), item = s'; until `until` where there is one. */
static writer adding_body(const char *condition)
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

static void check_sums(const char *what, const result *r, int trips)
{
    float sum = 1;
    bool good = !r->status && r->rank[1] == 3 && r->dims[1][0] == trips;
    for (int i = 0; i < trips && good; i++) {
        sum += (float)i;
        good = r->data[1][i * 6] == -sum && r->data[1][i * 6 + 5] == -6 * sum;
    }
    CHECK(good && r->data[0][5] == 6 * sum, "%s, %d times: %lld items, %g, %s", what, trips, (long long)r->dims[1][0],
          r->data[0][5], r->error.message);
}

static void test_loops(void)
{
    static const float limit = 50;
    for (int way = 0; way < 4; way++) { /* written out; counted by data; until data says so; both */
        writer graph = begin(true);
        put_constant(&graph, "limit", ONYX_TYPE_FLOAT32, 0, &limit, 4);
        put(&graph, "Loop",
            way == 0   ? "i4 yes x"
            : way == 2 ? "- yes x"
                       : "n - x",
            "y items", BODY(adding_body(way >= 2 ? "limit" : NULL)));
        put_output(&graph, "y");
        put_output(&graph, "items");
        result r = run(&graph, 2, 1, 4, 1);
        check_sums("loop", &r, way >= 2 && way < 3 ? 5 : 4);
    }
    for (int counted = 0; counted < 2; counted++) { /* never: the state as it was, no items of their shape */
        writer graph = begin(true);
        put(&graph, "Loop", counted ? "n - x" : "i0 - x", "y items", BODY(adding_body(NULL)));
        put_output(&graph, "y");
        put_output(&graph, "items");
        result r = run(&graph, 2, 1, 0, 1);
        CHECK(!r.status && r.data[0][1] == 2 && r.rank[1] == 3 && r.dims[1][0] == 0 && r.dims[1][2] == 3,
              "no iteration: rank %d, %s", r.rank[1], r.error.message);
    }
}

/* A state that grows is another shape in each iteration. */
static void test_growing(void)
{
    for (int counted = 0; counted < 2; counted++) {
        writer graph = begin(true), body = { 0 };
        put_input(&body, "i", ONYX_TYPE_INT64);
        put_input(&body, "go_on", ONYX_TYPE_BOOL);
        put_input(&body, "s", ONYX_TYPE_FLOAT32);
        put(&body, "Concat", "s x", "next", NUMBER("axis", 0));
        put_value(&body, 12, "go_on", ONYX_TYPE_BOOL, true);
        put_output(&body, "next");
        put(&graph, "Loop", counted ? "n yes x" : "i4 yes x", "z", BODY(body));
        put(&graph, "Neg", "z", "y", NOTHING);
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, 4, 3);
        CHECK(!r.status && r.dims[0][0] == 10 && r.data[0][29] == -6, "growing: %lld rows, %g, %s",
              (long long)r.dims[0][0], r.data[0][29], r.error.message);
    }
}

/* Along axis 1, from the end; the length depends on data the second time. */
static void test_scan(void)
{
    for (int dynamic = 0; dynamic < 2; dynamic++) {
        writer graph = begin(false), body = { 0 }, node = { 0 };
        put_value(&body, 11, "s", ONYX_TYPE_FLOAT32, false);
        put_value(&body, 11, "item", ONYX_TYPE_FLOAT32, false);
        put(&body, "Add", "s item", "next", NOTHING);
        put(&body, "Identity", "next", "copy", NOTHING);
        put_output(&body, "next");
        put_output(&body, "copy");
        put(&graph, "ReduceSum", "x", "none", NUMBER("keepdims", 0));
        put(&graph, "Mul", "none zero", "start", NOTHING);
        if (dynamic) { /* all columns, but nobody knows */
            put(&graph, "NonZero", "x", "places", NOTHING);
            put(&graph, "GatherND", "x pairs", "flat", NOTHING);
            put(&graph, "Transpose", "places", "pairs", NOTHING);
            put(&graph, "Reshape", "flat shape", "wide", NOTHING);
            const int64_t dims[2] = { 2, -1 };
            writer t = make_tensor("shape", ONYX_TYPE_INT64, 1, (int64_t[]){ 2 });
            write_bytes(&t, 9, dims, sizeof(dims));
            write_message(&graph, 5, &t);
        } else
            put(&graph, "Identity", "x", "wide", NOTHING);
        put_names(&node, 1, "start wide");
        put_names(&node, 2, "y items");
        write_text(&node, 3, "scan");
        write_text(&node, 4, "Scan");
        writer attribute = { 0 };
        write_text(&attribute, 1, "body");
        write_message(&attribute, 6, &body);
        write_int(&attribute, 20, ATTRIBUTE_GRAPH);
        write_message(&node, 5, &attribute);
        write_text(&attribute, 1, "num_scan_inputs");
        write_int(&attribute, 3, 1);
        write_int(&attribute, 20, ATTRIBUTE_INT);
        write_message(&node, 5, &attribute);
        static const char *const lists[] = { "scan_input_axes", "scan_input_directions", "scan_output_axes",
                                             "scan_output_directions" };
        for (int i = 0; i < 4; i++) {
            write_text(&attribute, 1, lists[i]);
            write_int(&attribute, 8, 1);
            write_int(&attribute, 20, 7);
            write_message(&node, 5, &attribute);
        }
        write_message(&graph, 1, &node);
        put_output(&graph, "y");
        put_output(&graph, "items");
        result r = run(&graph, 2, 1, 0, 1);
        static const float sums[6] = { 6, 5, 3, 15, 11, 6 };
        bool good = !r.status && r.rank[1] == 2 && r.dims[1][0] == 2 && r.dims[1][1] == 3;
        for (int i = 0; i < 6 && good; i++)
            good = r.data[1][i] == sums[i];
        CHECK(good && r.data[0][0] == 6 && r.data[0][1] == 15, "scan %d: %lldx%lld, %g %g, %s", dynamic,
              (long long)r.dims[1][0], (long long)r.dims[1][1], r.data[0][0], r.data[1][5], r.error.message);
    }
}

/* ---- sequences ---- */

static void test_sequences(void)
{
    writer graph = begin(false);
    put(&graph, "Neg", "x", "a", NOTHING);
    put(&graph, "SequenceConstruct", "x a", "s", NOTHING);
    put(&graph, "SequenceInsert", "s a i0", "s2", NOTHING); /* a x a */
    put(&graph, "SequenceErase", "s2 last", "s3", NOTHING); /* a x */
    put(&graph, "SequenceInsert", "s3 x", "s4", NOTHING);   /* a x x */
    put(&graph, "SequenceAt", "s4 last", "y", NOTHING);
    put(&graph, "SequenceLength", "s4", "length", NOTHING);
    put(&graph, "Cast", "length", "number", NUMBER("to", ONYX_TYPE_FLOAT32));
    put(&graph, "ConcatFromSequence", "s4", "all", NUMBER("axis", 0));
    put_output(&graph, "y");
    put_output(&graph, "number");
    put_output(&graph, "all");
    result r = run(&graph, 3, 1, 0, 1);
    CHECK(!r.status && r.data[0][5] == 6 && r.data[1][0] == 3 && r.dims[2][0] == 6 && r.data[2][5] == -6 &&
              r.data[2][6] == 1,
          "sequences: %g %g %lld, %s", r.data[0][5], r.data[1][0], (long long)r.dims[2][0], r.error.message);
}

/* ---- what is wrong ---- */

static void check_refused(const char *what, writer *graph, onyx_status status, const char *words)
{
    result r = run(graph, 0, 1, 3, 1);
    CHECK(r.status == status && strstr(r.error.message, words), "%s: %s, '%s'", what, onyx_status_name(r.status),
          r.error.message);
}

static void test_wrong(void)
{
    writer graph = begin(false);
    put_positive(&graph);
    put(&graph, "If", "c", "y", (extras){ .body_names = { "then_branch" }, .bodies = { branch("Neg", "x") } });
    put_output(&graph, "y");
    check_refused("no else", &graph, ONYX_ERROR_FORMAT, "lacks a sub-graph");

    graph = begin(false);
    put(&graph, "If", "yes", "y", BRANCHES(branch("Neg", "nobody"), branch("Neg", "x")));
    put_output(&graph, "y");
    check_refused("outer value", &graph, ONYX_ERROR_FORMAT, "'nobody'");

    graph = begin(false);
    put(&graph, "If", "yes", "y z", BRANCHES(branch("Neg", "x"), branch("Neg", "x")));
    put_output(&graph, "y");
    check_refused("outputs", &graph, ONYX_ERROR_FORMAT, "1 outputs");

    graph = begin(false);
    put_positive(&graph);
    put(&graph, "If", "c", "y", BRANCHES(branch("Neg", "x"), branch("Frobnicate", "x")));
    put_output(&graph, "y");
    check_refused("operator of a branch", &graph, ONYX_ERROR_UNSUPPORTED, "Frobnicate");

    graph = begin(false);
    put_positive(&graph);
    put(&graph, "If", "c", "y", BRANCHES(branch("Neg", "x"), branch("Identity", "c")));
    put_output(&graph, "y");
    check_refused("types of branches", &graph, ONYX_ERROR_TYPE, "bool");

    graph = begin(false); /* reads its own result */
    put(&graph, "If", "yes", "y", BRANCHES(branch("Neg", "y"), branch("Neg", "x")));
    put_output(&graph, "y");
    check_refused("circle", &graph, ONYX_ERROR_FORMAT, "its own output");

    graph = begin(false);
    writer twice = { 0 };
    put(&twice, "Neg", "x", "branch_result", NOTHING);
    put(&twice, "Abs", "x", "branch_result", NOTHING);
    put_output(&twice, "branch_result");
    put(&graph, "If", "yes", "y", BRANCHES(twice, branch("Neg", "x")));
    put_output(&graph, "y");
    check_refused("a name twice", &graph, ONYX_ERROR_FORMAT, "produced twice");

    graph = begin(false);
    put(&graph, "SequenceConstruct", "x x", "s", NOTHING);
    put(&graph, "SequenceAt", "s i4", "y", NOTHING);
    put_output(&graph, "y");
    check_refused("position", &graph, ONYX_ERROR_SHAPE, "position 4");

    graph = begin(true);
    put(&graph, "SequenceConstruct", "x x", "s", NOTHING);
    put(&graph, "SequenceAt", "s n", "y", NOTHING);
    put_output(&graph, "y");
    check_refused("position of data", &graph, ONYX_ERROR_UNSUPPORTED, "depends on data");

    graph = begin(false);
    put(&graph, "Loop", "huge yes x", "y items", BODY(adding_body(NULL)));
    put_output(&graph, "y");
    check_refused("a loop without end", &graph, ONYX_ERROR_LIMIT, "iterations in one run");
}

/* As deep as a file may nest, and deeper. */
static void test_depth(void)
{
    for (int depth = 4; depth <= 64; depth *= 4) {
        writer inner = branch("Neg", "x");
        for (int i = 0; i < depth; i++) {
            writer outer = { 0 };
            put(&outer, "If", "yes", "branch_result", BRANCHES(inner, branch("Frobnicate", "x")));
            put_output(&outer, "branch_result");
            inner = outer;
        }
        writer graph = begin(false);
        put(&graph, "If", "yes", "y", BRANCHES(inner, branch("Frobnicate", "x")));
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, 0, 1);
        CHECK(depth <= 16 ? !r.status && r.data[0][0] == -1 : r.status == ONYX_ERROR_LIMIT, "depth %d: %s, %s", depth,
              onyx_status_name(r.status), r.error.message);
    }
}

int main(void)
{
    test_known_branch();
    test_branch_of_data();
    test_nested();
    test_loops();
    test_growing();
    test_scan();
    test_sequences();
    test_wrong();
    test_depth();
    return check_done();
}
