/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What is wrong about models with sub-graphs, how much they may ask for, and what happens when memory ends. Built with
 * the linker's --wrap. */
#include <stdlib.h>

#include "control_graphs.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);

#define TRY(call)                                                                                                      \
    do {                                                                                                               \
        const onyx_status try_status = (call);                                                                         \
        if (try_status != ONYX_OK)                                                                                     \
            return try_status;                                                                                         \
    } while (0)

static long allocations_left = -1; /* negative: no limit */
static long allocations;

static bool fails(void)
{
    allocations++;
    return allocations_left >= 0 && allocations_left-- == 0;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *memory, size_t size)
{
    return fails() ? NULL : __real_realloc(memory, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return fails() ? NULL : __real_aligned_alloc(alignment, size);
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

/* A value of x's type whose shape nobody knows before the run: where x is not zero. */
static void put_unknown(writer *graph, const char *name)
{
    put(graph, "NonZero", "x", "places", NOTHING);
    put(graph, "Cast", "places", name, NUMBER("to", ONYX_TYPE_FLOAT32));
}

static void test_wrong_scans(void)
{
    static const int64_t axes[] = { -100, 1000, INT64_MIN, INT64_MAX, 2 };
    for (size_t i = 0; i < sizeof(axes) / sizeof(axes[0]); i++)
        for (int output = 0; output < 2; output++) {
            writer graph = begin(false), body = summing_body();
            put_unknown(&graph, "wide"); /* [2, 6]; or, of x - x, [2, 0]: no iteration */
            put(&graph, "Sub", "x x", "none", NOTHING);
            put(&graph, "NonZero", "none", "no_places", NOTHING);
            put(&graph, "Cast", "no_places", "nothing", NUMBER("to", ONYX_TYPE_FLOAT32));
            put_scan(&graph, output ? "zero nothing" : "zero wide", "y items", &body, output ? 1 : axes[i],
                     output ? axes[i] : 0, false);
            put_output(&graph, "y");
            put_output(&graph, "items");
            if (output && axes[i] == 2) { /* may be one: how many dimensions an item has is not known */
                result r = run(&graph, 2, 1, 0, 1);
                CHECK(!r.status && r.dims[1][0] == 0, "axis 2: %s", r.error.message);
            } else
                check_refused("a scan's axis", &graph, ONYX_ERROR_SHAPE, "no axis");
        }
}

/* The state is of another type after the one iteration, and nobody knows its shape. */
static void test_wrong_types(void)
{
    writer graph = begin(true), body = { 0 };
    put_unknown(&graph, "wide");
    put_input(&body, "i", ONYX_TYPE_INT64);
    put_input(&body, "go_on", ONYX_TYPE_BOOL);
    put_input(&body, "s", ONYX_TYPE_FLOAT32);
    put(&body, "Cast", "s", "next", NUMBER("to", ONYX_TYPE_INT8));
    put(&body, "Less", "i i0", "more", NOTHING);
    put_value(&body, 12, "more", ONYX_TYPE_BOOL, true);
    put_output(&body, "next");
    put(&graph, "Loop", "n yes wide", "y", BODY(body));
    put_output(&graph, "y");
    check_refused("a state's type", &graph, ONYX_ERROR_TYPE, "int8 in its sub-graph");
}

/* A sub-graph of another operator is none of the node's. */
static void test_foreign_body(void)
{
    writer graph = begin(true), many = branch("Neg", "formal0");
    for (int i = 0; i < 200; i++) {
        char name[24];
        snprintf(name, sizeof(name), "formal%d", i);
        put_input(&many, name, ONYX_TYPE_FLOAT32);
    }
    put(&graph, "Loop", "n - x", "y items",
        (extras){ .body_names = { "body", "else_branch" }, .bodies = { adding_body(NULL), many } });
    put_output(&graph, "y");
    result r = run(&graph, 1, 1, 2, 1);
    CHECK(!r.status && r.data[0][0] == 2, "foreign sub-graph: %g, %s", r.data[0][0], r.error.message);
}

static void test_wrong_sequences(void)
{
    static const char *const readers[] = { "SequenceAt", "ConcatFromSequence" };
    for (int i = 0; i < 2; i++) {
        writer graph = begin(false);
        put(&graph, "SequenceConstruct", "- x", "s", NOTHING);
        put(&graph, readers[i], i == 0 ? "s i0" : "s", "y", NUMBER("axis", 0));
        put_output(&graph, "y");
        check_refused("an absent item", &graph, ONYX_ERROR_FORMAT, "lacks input 0");
    }
    static const int64_t none = 0;
    writer graph = begin(false);
    writer t = make_tensor("no_parts", ONYX_TYPE_INT64, 1, &none);
    write_message(&graph, 5, &t);
    put(&graph, "SplitToSequence", "x no_parts", "s", NOTHING);
    put(&graph, "SequenceLength", "s", "y", NOTHING);
    put_output(&graph, "y");
    check_refused("no parts", &graph, ONYX_ERROR_SHAPE, "no parts of 2");
}

/* ---- budgets ---- */

/* Functions of two branches, each of which calls the next one: 2 ** DEPTH sub-graphs in a small file. */
static void test_many_bodies(void)
{
    enum { DEPTH = 13 };
    writer graph = begin(false);
    put_positive(&graph);
    put_call(&graph, "f13", "x c", "y");
    put_output(&graph, "y");
    writer model = make_model(&graph);
    put_import(&model, 8);
    for (int i = 0; i <= DEPTH; i++) {
        char name[16], callee[16];
        writer body = { 0 }, branches[2] = { { 0 }, { 0 } };
        snprintf(name, sizeof(name), "f%d", i);
        snprintf(callee, sizeof(callee), "f%d", i - 1);
        for (int k = 0; k < 2 && i > 0; k++) {
            put_call(&branches[k], callee, "a c", "branch_result");
            put_output(&branches[k], "branch_result");
        }
        if (i > 0)
            put(&body, "If", "c", "o", BRANCHES(branches[0], branches[1]));
        else
            put(&body, "Neg", "a", "o", NOTHING);
        put_function(&model, name, "a c", "o", &body);
    }
    result r = run_model(&model, 1, 1, 0, 1);
    CHECK(r.status == ONYX_ERROR_LIMIT && strstr(r.error.message, "sub-graphs that depend on data"), "%s, '%s'",
          onyx_status_name(r.status), r.error.message);
    writer_free(&model);
}

/* ---- memory ---- */

/* A loop that runs, with a branch in it, scan outputs and a Scan behind it. */
static writer whole_model(void)
{
    writer graph = begin(true), scanning = summing_body(), body = { 0 };
    put_input(&body, "i", ONYX_TYPE_INT64);
    put_input(&body, "go_on", ONYX_TYPE_BOOL);
    put_input(&body, "s", ONYX_TYPE_FLOAT32);
    put(&body, "ReduceSum", "s", "sum", NUMBER("keepdims", 0));
    put(&body, "Less", "sum two", "small", NOTHING);
    put(&body, "If", "small", "next", BRANCHES(branch("Add", "s one"), branch("Mul", "s two")));
    put(&body, "Neg", "next", "item", NOTHING);
    put_value(&body, 12, "go_on", ONYX_TYPE_BOOL, true);
    put_output(&body, "next");
    put_output(&body, "item");
    put(&graph, "Loop", "n yes x", "last items", BODY(body));
    put(&graph, "Mul", "x zero", "start", NOTHING);
    put_scan(&graph, "start items", "y sums", &scanning, 0, 1, true);
    put_output(&graph, "sums");
    return make_model(&graph);
}

static onyx_status run_once(onyx_session *session, float *first, onyx_error *error)
{
    onyx_outputs *outputs = NULL;
    onyx_tensor t;
    TRY(onyx_session_run(session, &outputs, error));
    onyx_status status = onyx_outputs_get(outputs, 0, &t);
    *first = ((const float *)t.data)[0];
    onyx_outputs_unref(outputs);
    return status;
}

static onyx_status open_once(const writer *bytes, onyx_model **model, onyx_session **session, onyx_error *error)
{
    const onyx_options options = ONYX_OPTIONS(.threads = 1);
    onyx_tensor t;
    TRY(onyx_model_open_memory(bytes->data, bytes->size, "control.onnx", &options, model, error));
    TRY(onyx_session_new(*model, NULL, session, error));
    TRY(onyx_session_input(*session, 0, &t, error));
    for (int i = 0; i < 6; i++)
        ((float *)t.data)[i] = (float)i - 2;
    TRY(onyx_session_input(*session, 1, &t, error));
    *(int64_t *)t.data = 3;
    return ONYX_OK;
}

/* The n-th allocation fails, for every n: the fault is told, and nothing is lost. */
static void test_memory_ends(void)
{
    writer bytes = whole_model();
    onyx_status status = ONYX_ERROR_MEMORY;
    float expected = 0, found = 0;
    long n = -1;
    for (; status != ONYX_OK || n == 0; n += n < 0 || n < 400 ? 1 : 7) {
        onyx_model *model = NULL;
        onyx_session *session = NULL;
        onyx_error error = { .message = "" };
        allocations_left = n;
        status = open_once(&bytes, &model, &session, &error);
        if (!status)
            status = run_once(session, &found, &error);
        allocations_left = -1;
        onyx_session_free(session);
        onyx_model_unref(model);
        if (n < 0) {
            CHECK(!status, "%s", error.message);
            expected = found;
            status = ONYX_ERROR_MEMORY;
        } else if (!CHECK(status == ONYX_OK ? found == expected
                                            : status == ONYX_ERROR_MEMORY || status == ONYX_ERROR_LIMIT,
                          "allocation %ld fails: %s, '%s'", n, onyx_status_name(status), error.message))
            break;
    }
    writer_free(&bytes);
}

/* From the third run on, nothing is allocated. */
static void test_steady(void)
{
    writer bytes = whole_model();
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_error error = { .message = "" };
    float found;
    CHECK(!open_once(&bytes, &model, &session, &error), "%s", error.message);
    for (int i = 0; i < 4; i++) {
        const long before = allocations;
        CHECK(!run_once(session, &found, &error), "%s", error.message);
        CHECK(i < 2 || allocations == before, "run %d allocates %ld times", i, allocations - before);
    }
    onyx_session_free(session);
    onyx_model_unref(model);
    writer_free(&bytes);
}

int main(void)
{
    test_wrong();
    test_wrong_scans();
    test_wrong_types();
    test_foreign_body();
    test_wrong_sequences();
    test_depth();
    test_many_bodies();
    test_memory_ends();
    test_steady();
    return check_done();
}
