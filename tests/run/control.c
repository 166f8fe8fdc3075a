/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Models with sub-graphs: branches and loops that are written out, those that are run, sequences that are lists.
 * Everything through the public interface. */
#include <pthread.h>

#include "control_graphs.h"

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

/* A name of one branch is not that of an outer value which the other one reads. */
static void test_shadow(void)
{
    static const float ten = 10;
    for (int runs = 1; runs <= 2; runs++) {
        writer graph = begin(false), own = branch("Add", "x a");
        put_positive(&graph);
        put(&graph, "Abs", "x", "a", NOTHING);
        put_constant(&own, "a", ONYX_TYPE_FLOAT32, 0, &ten, sizeof(ten));
        put(&graph, "If", "c", "y", BRANCHES(own, branch("Mul", "x a")));
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, 0, runs);
        CHECK(!r.status && r.data[0][1] == (runs == 1 ? 12 : -4), "run %d: %g, %s", runs, r.data[0][1],
              r.error.message);
    }
}

/* An input that a call leaves out is absent in the sub-graphs of the function, too. */
static void test_absent(void)
{
    for (int known = 0; known < 2; known++)
        for (int runs = 1; runs <= 2; runs++) {
            writer graph = begin(false), body = { 0 };
            put_positive(&graph);
            put_call(&graph, "limited", known ? "x - two yes" : "x - two c", "y");
            put_output(&graph, "y");
            writer model = make_model(&graph);
            put_import(&model, 8);
            put(&body, "If", "choice", "o", BRANCHES(branch("Clip", "a low high"), branch("Neg", "a")));
            put_function(&model, "limited", "a low high choice", "o", &body);
            result r = run_model(&model, 1, 1, 0, runs);
            const float expected = runs == 1 ? 2 : known ? -6 : 6;
            CHECK(!r.status && r.data[0][5] == expected, "known %d, run %d: %g, %s", known, runs, r.data[0][5],
                  r.error.message);
            writer_free(&model);
        }
}

/* ---- loops ---- */

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

/* y = x + trips * inner trips */
static writer nested_loops(const int64_t *trips, const int64_t *inner_trips)
{
    writer graph = begin(false), bodies[2] = { { 0 }, { 0 } };
    put_constant(&graph, "trips", ONYX_TYPE_INT64, 0, trips, sizeof(*trips));
    put_constant(&graph, "inner_trips", ONYX_TYPE_INT64, 0, inner_trips, sizeof(*inner_trips));
    for (int i = 1; i >= 0; i--) {
        put_input(&bodies[i], "i", ONYX_TYPE_INT64);
        put_input(&bodies[i], i ? "on" : "go_on", ONYX_TYPE_BOOL);
        put_input(&bodies[i], i ? "t" : "s", ONYX_TYPE_FLOAT32);
        if (i)
            put(&bodies[1], "Add", "t one", "next", NOTHING);
        else
            put(&bodies[0], "Loop", "inner_trips - s", "after", BODY(bodies[1]));
        put_value(&bodies[i], 12, i ? "on" : "go_on", ONYX_TYPE_BOOL, true);
        put_output(&bodies[i], i ? "next" : "after");
    }
    put(&graph, "Loop", "trips - x", "y", BODY(bodies[0]));
    put_output(&graph, "y");
    return graph;
}

/* Loops in loops become some nodes, not as many as there are iterations. */
static void test_nested_loops(void)
{
    static const int64_t trips[][2] = { { 3, 5 }, { 100, 100 }, { 900, 1000 } };
    for (size_t i = 0; i < sizeof(trips) / sizeof(trips[0]); i++) {
        writer graph = nested_loops(&trips[i][0], &trips[i][1]);
        result r = run(&graph, 1, 1, 0, 1);
        CHECK(!r.status && r.data[0][5] == 6 + (float)(trips[i][0] * trips[i][1]), "%d times %d: %g, %s",
              (int)trips[i][0], (int)trips[i][1], r.data[0][5], r.error.message);
    }
}

/* A function may be named like an operator: the condition goes through one that is not Identity. */
static void test_named_identity(void)
{
    writer graph = begin(false), body = { 0 }, function = { 0 };
    put_input(&body, "i", ONYX_TYPE_INT64);
    put_input(&body, "go_on", ONYX_TYPE_BOOL);
    put_input(&body, "s", ONYX_TYPE_FLOAT32);
    put_call(&body, "Identity", "go_on", "more");
    put(&body, "Add", "s one", "next", NOTHING);
    put_value(&body, 12, "more", ONYX_TYPE_BOOL, true);
    put_output(&body, "next");
    put(&graph, "Loop", "i4 yes x", "y", BODY(body));
    put_output(&graph, "y");
    writer model = make_model(&graph);
    put_import(&model, 8);
    put(&function, "Not", "a", "o", NOTHING);
    put_function(&model, "Identity", "a", "o", &function);
    result r = run_model(&model, 1, 1, 0, 1);
    CHECK(!r.status && r.data[0][0] == 2, "once: %g, %s", r.data[0][0], r.error.message);
    writer_free(&model);
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
        writer graph = begin(false);
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
        writer body = summing_body();
        put_scan(&graph, "start wide", "y items", &body, 1, 1, true);
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

/* Nothing is split into no parts. */
static void test_no_parts(void)
{
    static const int64_t none = 0;
    writer graph = begin(false);
    put_constant(&graph, "from", ONYX_TYPE_INT64, 1, &none, sizeof(none));
    put(&graph, "Slice", "x from from", "empty", NOTHING);
    put(&graph, "SplitToSequence", "empty", "s", NOTHING);
    put(&graph, "SequenceInsert", "s x", "s2", NOTHING);
    put(&graph, "SequenceLength", "s2", "length", NOTHING);
    put(&graph, "Cast", "length", "y", NUMBER("to", ONYX_TYPE_FLOAT32));
    put_output(&graph, "y");
    result r = run(&graph, 1, 1, 0, 1);
    CHECK(!r.status && r.data[0][0] == 1, "no parts: %g, %s", r.data[0][0], r.error.message);
}

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

/* ---- nodes that are planned when their shapes are known ---- */

/* As many rows as x has elements above 0: six or none, in turn, in one session. */
static void test_late(void)
{
    static const float weights[4] = { 1, 10, 100, 1000 };
    for (int runs = 1; runs <= 3; runs++) {
        writer graph = begin(false), t = make_tensor("w", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 2, 2 });
        write_bytes(&t, 9, weights, sizeof(weights));
        write_message(&graph, 5, &t);
        put(&graph, "Greater", "x zero", "above", NOTHING);
        put(&graph, "NonZero", "above", "places", NOTHING);
        put(&graph, "Transpose", "places", "pairs", NOTHING);
        put(&graph, "Cast", "pairs", "rows", NUMBER("to", ONYX_TYPE_FLOAT32));
        put(&graph, "MatMul", "rows w", "product", NOTHING);
        put(&graph, "Relu", "product", "y", NOTHING);
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, 0, runs);
        const int rows = runs == 2 ? 0 : 6;
        bool good = !r.status && r.rank[0] == 2 && r.dims[0][0] == rows && r.dims[0][1] == 2;
        for (int i = 0; i < rows && good; i++)
            good = r.data[0][2 * i] == (float)(i / 3 + i % 3 * 100) &&
                   r.data[0][2 * i + 1] == (float)(i / 3 * 10 + i % 3 * 1000);
        CHECK(good, "late, run %d: %lld rows, %s", runs, (long long)r.dims[0][0], r.error.message);
    }
}

/* ---- sessions side by side ---- */

/* A loop over products that are large enough to be shared out, with a branch in it: n times. */
static writer product_loop(void)
{
    static const int64_t repeats[2] = { 64, 48 };
    static const float scale = 1.0f / 4096;
    writer graph = begin(true), body = { 0 }, t = make_tensor("repeats", ONYX_TYPE_INT64, 1, (int64_t[]){ 2 });
    write_bytes(&t, 9, repeats, sizeof(repeats));
    write_message(&graph, 5, &t);
    put_constant(&graph, "scale", ONYX_TYPE_FLOAT32, 0, &scale, sizeof(scale));
    put(&graph, "Tile", "x repeats", "wide", NOTHING); /* [128, 144] */
    put_input(&body, "i", ONYX_TYPE_INT64);
    put_input(&body, "go_on", ONYX_TYPE_BOOL);
    put_input(&body, "s", ONYX_TYPE_FLOAT32);
    put(&body, "Transpose", "s", "turned", NOTHING);
    put(&body, "MatMul", "s turned", "square", NOTHING);
    put(&body, "MatMul", "square s", "large", NOTHING);
    put(&body, "Mul", "large scale", "scaled", NOTHING);
    put(&body, "Equal", "i i1", "second", NOTHING);
    put(&body, "If", "second", "next", BRANCHES(branch("Tanh", "scaled"), branch("Softmax", "scaled")));
    put_value(&body, 12, "go_on", ONYX_TYPE_BOOL, true);
    put_output(&body, "next");
    put(&graph, "Loop", "n yes wide", "y", BODY(body));
    put_output(&graph, "y");
    return make_model(&graph);
}

enum { PRODUCTS = 128 * 144, SIDE_BY_SIDE = 3 };

typedef struct stream {
    onyx_model *model;
    float found[PRODUCTS];
    onyx_status status;
} stream;

static void *run_stream(void *user)
{
    stream *s = user;
    onyx_session *session = NULL;
    onyx_outputs *outputs = NULL;
    onyx_tensor t;
    s->status = onyx_session_new(s->model, NULL, &session, NULL);
    for (int k = 0; k < 3 && !s->status; k++) {
        onyx_session_input(session, 0, &t, NULL);
        for (int i = 0; i < 6; i++)
            ((float *)t.data)[i] = 0.1f * (float)i;
        onyx_session_input(session, 1, &t, NULL);
        *(int64_t *)t.data = 2 + k;
        s->status = onyx_session_run(session, &outputs, NULL);
        if (!s->status && !onyx_outputs_get(outputs, 0, &t) && t.size_bytes == sizeof(s->found))
            memcpy(s->found, t.data, sizeof(s->found));
        onyx_outputs_unref(outputs);
        outputs = NULL;
    }
    onyx_session_free(session);
    return NULL;
}

/* Sessions of one model whose sub-graphs are compiled meanwhile, on one thread and on two: the same bits. */
static void test_side_by_side(void)
{
    static stream streams[2][SIDE_BY_SIDE];
    writer bytes = product_loop();
    for (int threads = 1; threads <= 2; threads++) {
        const onyx_options options = ONYX_OPTIONS(.threads = threads);
        onyx_error error = { .message = "" };
        onyx_model *model = NULL;
        pthread_t callers[SIDE_BY_SIDE];
        stream *here = streams[threads - 1];
        CHECK(!onyx_model_open_memory(bytes.data, bytes.size, "control.onnx", &options, &model, &error), "%s",
              error.message);
        for (int i = 0; i < SIDE_BY_SIDE && model; i++) {
            here[i].model = model;
            pthread_create(&callers[i], NULL, run_stream, &here[i]);
        }
        for (int i = 0; i < SIDE_BY_SIDE && model; i++) {
            pthread_join(callers[i], NULL);
            CHECK(!here[i].status && here[i].found[1] != 0 &&
                      memcmp(here[i].found, streams[0][0].found, sizeof(here[i].found)) == 0,
                  "%d threads, session %d: %s, or other bits", threads, i, onyx_status_name(here[i].status));
        }
        onyx_model_unref(model);
    }
    writer_free(&bytes);
}

int main(void)
{
    test_known_branch();
    test_branch_of_data();
    test_nested();
    test_shadow();
    test_absent();
    test_loops();
    test_nested_loops();
    test_named_identity();
    test_growing();
    test_scan();
    test_sequences();
    test_late();
    test_no_parts();
    test_side_by_side();
    return check_done();
}
