/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Steps that take what only a run knows, shapes or values, though the shapes of their results are known before: what
 * does not fit is refused then, and never read. */
#include "control_graphs.h"

enum { LENGTH = -1 }; /* of a constant: as long as is tried */

/* Inputs: c, the constant; numbers int64 [n] and flat float32 [n], rows [n, 2], columns [2, n], where n is 6 as long as
 * x is above 0; all seven numbers; picture [2, 1, 1, 1]. */
static const struct {
    const char *op, *inputs;
    int type, rank;
    int64_t dims[2];
} cases[] = {
    { "Add", "rows c", ONYX_TYPE_FLOAT32, 2, { LENGTH, 2 } },
    { "MatMul", "columns c", ONYX_TYPE_FLOAT32, 2, { LENGTH, 3 } },
    { "ReverseSequence", "c numbers", ONYX_TYPE_FLOAT32, 2, { 2, LENGTH } },
    { "ScatterElements", "all c flat", ONYX_TYPE_INT64, 1, { LENGTH } },
    { "RoiAlign", "picture c numbers", ONYX_TYPE_FLOAT32, 2, { LENGTH, 4 } },
};

static void put_zeros(writer *graph, const char *name, int type, int rank, const int64_t *dims)
{
    static const char zeros[256];
    size_t bytes = type == ONYX_TYPE_FLOAT32 ? 4 : 8;
    for (int i = 0; i < rank; i++)
        bytes *= (size_t)dims[i];
    writer t = make_tensor(name, type, rank, dims);
    write_bytes(&t, 9, zeros, bytes);
    write_message(graph, 5, &t);
}

static void put_unknown_values(writer *graph)
{
    put(graph, "Greater", "x zero", "above", NOTHING);
    put(graph, "NonZero", "above", "places", NOTHING);
    put(graph, "Gather", "places i0", "numbers", NOTHING);
    put(graph, "Cast", "numbers", "flat", NUMBER("to", ONYX_TYPE_FLOAT32));
    put(graph, "Cast", "places", "columns", NUMBER("to", ONYX_TYPE_FLOAT32));
    put(graph, "Transpose", "columns", "rows", NOTHING);
}

static void test_fitting(size_t index, int64_t length, int runs, bool fits)
{
    writer graph = begin(false);
    int64_t dims[2];
    for (int i = 0; i < 2; i++)
        dims[i] = cases[index].dims[i] == LENGTH ? length : cases[index].dims[i];
    put_zeros(&graph, "c", cases[index].type, cases[index].rank, dims);
    put_zeros(&graph, "all", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 7 });
    put_zeros(&graph, "picture", ONYX_TYPE_FLOAT32, 4, (int64_t[]){ 2, 1, 1, 1 });
    put_unknown_values(&graph);
    put(&graph, cases[index].op, cases[index].inputs, "y", NOTHING);
    put_output(&graph, "y");
    result r = run(&graph, 1, 1, 0, runs);
    CHECK(fits ? !r.status : r.status == ONYX_ERROR_SHAPE, "%s, %d for 6, run %d: %s, %s", cases[index].op,
          (int)length, runs, onyx_status_name(r.status), r.error.message);
}

/* One result of a step is known before the run, the other is not: a view of the first. */
static void test_one_known(void)
{
    static const int64_t first = 1, last = 2;
    writer graph = begin(false);
    put_zeros(&graph, "w", ONYX_TYPE_FLOAT32, 3, (int64_t[]){ 1, 8, 2 });
    put_zeros(&graph, "r", ONYX_TYPE_FLOAT32, 3, (int64_t[]){ 1, 8, 2 });
    put_constant(&graph, "first", ONYX_TYPE_INT64, 1, &first, sizeof(first));
    put_constant(&graph, "last_one", ONYX_TYPE_INT64, 1, &last, sizeof(last));
    put_unknown_values(&graph);
    put(&graph, "Unsqueeze", "rows first", "steps", NOTHING); /* [n, 1, 2] */
    put(&graph, "LSTM", "steps w r", "all_states state", NUMBER("hidden_size", 2));
    put(&graph, "Slice", "state first last_one last_one", "half", NOTHING);
    put(&graph, "Exp", "half", "y", NOTHING);
    put(&graph, "ReduceSum", "all_states", "z", NUMBER("keepdims", 0));
    put_output(&graph, "y");
    put_output(&graph, "z");
    result r = run(&graph, 2, 1, 0, 3);
    CHECK(!r.status && r.data[0][0] == 1 && r.data[1][0] == 0, "LSTM: %g %g, %s", r.data[0][0], r.data[1][0],
          r.error.message);
}

/* Shapes are known, but not the values that say whether they are right. */
static void test_values(void)
{
    static const int64_t two = 2, none = 0;
    for (int n = 1; n <= 1000; n += 1 + (n > 2) * 900) {
        writer graph = begin(true);
        put_zeros(&graph, "window", ONYX_TYPE_FLOAT32, 1, &two);
        put(&graph, "STFT", "x i1 window n", "y", NOTHING);
        put_output(&graph, "y");
        result r = run(&graph, 1, 1, n, 1);
        CHECK(n == 2 ? !r.status : r.status == ONYX_ERROR_SHAPE, "frames of %d: %s, %s", n, onyx_status_name(r.status),
              r.error.message);
    }
    writer graph = begin(true);
    put_constant(&graph, "from", ONYX_TYPE_INT64, 1, &none, sizeof(none));
    put(&graph, "Unsqueeze", "n from", "list", NOTHING);
    put(&graph, "Slice", "list from from", "shape", NOTHING);
    put(&graph, "Reshape", "x shape", "y", NOTHING);
    put_output(&graph, "y");
    result r = run(&graph, 1, 1, 1, 1);
    CHECK(r.status == ONYX_ERROR_SHAPE, "six elements as one: %s, %s", onyx_status_name(r.status), r.error.message);
}

/* All inputs are known, and the result has more elements than can be counted: nothing is left to be planned later. */
static void test_impossible(void)
{
    const int64_t most = (int64_t)1 << 40;
    writer graph = begin(false);
    put_zeros(&graph, "a", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ most, 0 });
    put_zeros(&graph, "b", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 0, most });
    put(&graph, "MatMul", "a b", "y", NOTHING);
    put_output(&graph, "y");
    result r = run(&graph, 1, 1, 0, 1);
    CHECK(r.status == ONYX_ERROR_SHAPE, "2^80 elements: %s, %s", onyx_status_name(r.status), r.error.message);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        test_fitting(i, 6, 1, true);
        test_fitting(i, 6, 2, false); /* n is 0 in the second run */
        test_fitting(i, 5, 1, false);
        test_fitting(i, 7, 1, false);
    }
    test_one_known();
    test_values();
    test_impossible();
    return check_done();
}
