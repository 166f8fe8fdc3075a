/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random small graphs of the operators that passes look at, with many shared values and outputs: what all passes make
 * of them must be valid and compute the same. ONYX_TEST_SEEDS=first:count replaces the usual seeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "check.h"
#include "evaluate.h"
#include "text.h"

enum { MOST_VALUES = 64, MOST_OUTPUTS = 8 };

typedef struct shape {
    int rank;
    int dims[4];
} shape;

typedef struct writer {
    uint32_t state;
    char text[32768];
    size_t used;
    shape shapes[MOST_VALUES];
    int count; /* values v0, v1, ... */
    int constants;
} writer;

static int pick(writer *w, int below)
{
    w->state = w->state * 1664525u + 1013904223u;
    return (int)((uint64_t)(w->state >> 8) * (uint64_t)below >> 24);
}

__attribute__((format(printf, 2, 3))) static void put(writer *w, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int wrote = vsnprintf(w->text + w->used, sizeof(w->text) - w->used, format, arguments);
    va_end(arguments);
    w->used = MIN(w->used + (size_t)wrote, sizeof(w->text) - 1);
}

static int add(writer *w, shape s)
{
    w->shapes[w->count] = s;
    return w->count++;
}

static bool same(const shape *a, const shape *b)
{
    return a->rank == b->rank && memcmp(a->dims, b->dims, sizeof(int) * (size_t)a->rank) == 0;
}

static int find_same(writer *w, int x)
{
    for (int tries = 0; tries < 20; tries++) {
        const int other = pick(w, w->count);
        if (same(&w->shapes[x], &w->shapes[other]))
            return other;
    }
    return x;
}

/* ---- one node each, of v<x>; false where x does not fit ---- */

static bool conv(writer *w, int x)
{
    shape s = w->shapes[x];
    if (s.rank < 3)
        return false;
    const bool flat = s.rank == 3;
    const int kernel = pick(w, 2) ? 3 : 1, pad = kernel == 3 && pick(w, 3) ? 1 : 0, stride = 1 + (pick(w, 4) == 0);
    const int group = pick(w, 3) == 0 ? s.dims[1] : 1, out = group > 1 ? s.dims[1] : 2 + 2 * pick(w, 3);
    const int id = w->constants++;
    for (int i = 2; i < s.rank; i++) {
        if (s.dims[i] + 2 * pad < kernel)
            return false;
        s.dims[i] = (s.dims[i] + 2 * pad - kernel) / stride + 1;
    }
    put(w, flat ? "init w%d f32 %d,%d,%d\n" : "init w%d f32 %d,%d,%d,%d\n", id, out, s.dims[1] / group, kernel, kernel);
    const bool bias = pick(w, 2);
    if (bias)
        put(w, "init b%d f32 %d\n", id, out);
    s.dims[1] = out;
    put(w, "v%d = Conv(v%d, w%d", w->count, x, id);
    put(w, bias ? ", b%d)" : ")", id);
    put(w, flat ? " group=%d pads=[%d,%d] strides=[%d]\n" : " group=%d pads=[%d,%d,%d,%d] strides=[%d,%d]\n", group,
        pad, pad, flat ? stride : pad, pad, stride, stride);
    add(w, s);
    return true;
}

static bool unary(writer *w, int x)
{
    static const char *const ops[] = { "Relu", "Sigmoid",  "Tanh",      "HardSwish",   "Softplus",
                                       "Neg",  "Identity", "LeakyRelu", "HardSigmoid", "Erf" };
    put(w, "v%d = %s(v%d)\n", w->count, ops[pick(w, (int)ARRAY_LENGTH(ops))], x);
    add(w, w->shapes[x]);
    return true;
}

static bool silu(writer *w, int x)
{
    put(w, "s%d = Sigmoid(v%d)\nv%d = Mul(v%d, s%d)\n", w->count, x, w->count, x, w->count);
    add(w, w->shapes[x]);
    return true;
}

static bool hard_swish(writer *w, int x)
{
    const int id = w->constants++, n = w->count;
    put(w, "init a%d f32 - = 3\ninit z%d f32 - = 0\ninit h%d f32 - = 6\n", id, id, id);
    put(w, "hp%d = Add(v%d, a%d)\nhq%d = Clip(hp%d, z%d, h%d)\nhr%d = Mul(v%d, hq%d)\nv%d = Div(hr%d, h%d)\n", n, x, id,
        n, n, id, id, n, x, n, n, n, id);
    add(w, w->shapes[x]);
    return true;
}

static bool binary(writer *w, int x)
{
    static const char *const ops[] = { "Add", "Add", "Mul", "Sub" };
    put(w, "v%d = %s(v%d, v%d)\n", w->count, ops[pick(w, 4)], x, find_same(w, x));
    add(w, w->shapes[x]);
    return true;
}

static bool with_constant(writer *w, int x)
{
    static const char *const ops[] = { "Add", "Mul", "Sub", "Div", "Max", "Min" };
    const int id = w->constants++, kind = pick(w, 4);
    const shape *s = &w->shapes[x];
    if (kind == 0 && s->rank == 4)
        put(w, "init c%d f32 %d,1,1 = 1.5,-0.5,2,0.25\n", id, s->dims[1]);
    else if (kind == 1)
        put(w, "init c%d f32 %d = 1.25,-2,0.5,3\n", id, s->dims[s->rank - 1]);
    else
        put(w, "init c%d f32 - = %s\n", id, kind == 2 ? "2" : "-1.5");
    const char *op = ops[pick(w, 6)];
    if (pick(w, 3) && strcmp(op, "Div") != 0)
        put(w, "v%d = %s(c%d, v%d)\n", w->count, op, id, x);
    else
        put(w, "v%d = %s(v%d, c%d)\n", w->count, op, x, id);
    add(w, *s);
    return true;
}

static bool batch_norm(writer *w, int x)
{
    const int id = w->constants++, c = w->shapes[x].dims[1];
    if (w->shapes[x].rank < 2)
        return false;
    put(w, "init s%d_ f32 %d\ninit o%d_ f32 %d\ninit m%d_ f32 %d\ninit n%d_ f32 %d = 0.5,2,1\n", id, c, id, c, id, c,
        id, c);
    put(w, "v%d = BatchNormalization(v%d, s%d_, o%d_, m%d_, n%d_)\n", w->count, x, id, id, id, id);
    add(w, w->shapes[x]);
    return true;
}

static bool transpose(writer *w, int x)
{
    const shape s = w->shapes[x];
    shape t = s;
    int perm[4] = { 0, 1, 2, 3 };
    for (int i = s.rank - 1; i > 0; i--) {
        const int k = pick(w, i + 1), swap = perm[i];
        perm[i] = perm[k];
        perm[k] = swap;
    }
    put(w, "v%d = Transpose(v%d) perm=[", w->count, x);
    for (int i = 0; i < s.rank; i++) {
        put(w, i ? ",%d" : "%d", perm[i]);
        t.dims[i] = s.dims[perm[i]];
    }
    put(w, "]\n");
    add(w, t);
    return true;
}

static bool reshape(writer *w, int x)
{
    const shape s = w->shapes[x];
    const int id = w->constants++, kind = pick(w, 3);
    shape t = { .rank = 3 };
    if (kind == 0 && s.rank == 4) {
        t = (shape){ 3, { s.dims[0], s.dims[1], s.dims[2] * s.dims[3] } };
    } else if (kind == 1 && s.rank >= 2 && s.dims[1] % 2 == 0) {
        t = s.rank == 4 ? (shape){ 4, { s.dims[0], 2, s.dims[1] / 2, s.dims[2] * s.dims[3] } }
                        : (shape){ 3, { 2 * s.dims[0], s.dims[1] / 2, s.rank == 3 ? s.dims[2] : 1 } };
    } else {
        int count = 1;
        for (int i = 1; i < s.rank; i++)
            count *= s.dims[i];
        t = (shape){ 2, { s.dims[0], count } };
    }
    put(w, "init r%d i64 %d = %d", id, t.rank, t.dims[0]);
    for (int i = 1; i < t.rank; i++)
        put(w, ",%d", t.dims[i]);
    put(w, "\nv%d = Reshape(v%d, r%d)\n", w->count, x, id);
    add(w, t);
    return true;
}

static bool concat(writer *w, int x)
{
    shape s = w->shapes[x];
    const int axis = pick(w, s.rank), other = find_same(w, x);
    if (s.dims[axis] > 24)
        return false;
    put(w, "v%d = Concat(v%d, v%d) axis=%d\n", w->count, x, other, axis);
    s.dims[axis] *= 2;
    add(w, s);
    return true;
}

static bool split(writer *w, int x)
{
    shape s = w->shapes[x];
    const int axis = pick(w, s.rank);
    if (s.dims[axis] % 2)
        return false;
    s.dims[axis] /= 2;
    put(w, "v%d, v%d = Split(v%d) axis=%d num_outputs=2\n", w->count, w->count + 1, x, axis);
    const int a = add(w, s), b = add(w, s);
    if (pick(w, 2)) {
        s.dims[axis] *= 2;
        put(w, "v%d = Concat(v%d, v%d) axis=%d\n", w->count, a, b, axis);
        add(w, s);
    }
    return true;
}

static bool slice(writer *w, int x)
{
    shape s = w->shapes[x];
    const int id = w->constants++, axis = pick(w, s.rank), from = pick(w, s.dims[axis]);
    const int to = from + 1 + pick(w, s.dims[axis] - from), step = 1 + (pick(w, 4) == 0);
    put(w, "init f%d i64 1 = %d\ninit t%d i64 1 = %d\ninit x%d i64 1 = %d\ninit e%d i64 1 = %d\n", id, from, id, to, id,
        axis, id, step);
    put(w, "v%d = Slice(v%d, f%d, t%d, x%d, e%d)\n", w->count, x, id, id, id, id);
    s.dims[axis] = (to - from + step - 1) / step;
    add(w, s);
    return true;
}

static bool softmax(writer *w, int x)
{
    put(w, "v%d = Softmax(v%d) axis=%d\n", w->count, x, pick(w, w->shapes[x].rank));
    add(w, w->shapes[x]);
    return true;
}

static bool pool(writer *w, int x)
{
    shape s = w->shapes[x];
    static const char *const ops[] = { "MaxPool", "AveragePool" };
    if (s.rank != 4 || s.dims[2] < 3 || s.dims[3] < 3)
        return false;
    put(w, "v%d = %s(v%d) kernel_shape=[3,3] pads=[1,1,1,1] strides=[1,1]\n", w->count, ops[pick(w, 2)], x);
    add(w, s);
    return true;
}

static bool pad(writer *w, int x)
{
    shape s = w->shapes[x];
    const int id = w->constants++, bottom = pick(w, 2);
    if (s.rank != 4)
        return false;
    put(w, "init g%d i64 8 = 0,0,1,0,0,0,%d,1\nv%d = Pad(v%d, g%d)\n", id, bottom, w->count, x, id);
    s.dims[2] += 1 + bottom;
    s.dims[3] += 1;
    add(w, s);
    return true;
}

static bool linear(writer *w, int x)
{
    shape s = w->shapes[x];
    const int id = w->constants++, out = 2 + 2 * pick(w, 3);
    if (s.rank < 2 || s.dims[s.rank - 1] > 40)
        return false;
    put(w, "init l%d f32 %d,%d\nv%d = MatMul(v%d, l%d)\n", id, s.dims[s.rank - 1], out, w->count, x, id);
    s.dims[s.rank - 1] = out;
    add(w, s);
    return true;
}

static bool mean(writer *w, int x)
{
    shape s = w->shapes[x];
    const int id = w->constants++;
    if (s.rank != 4)
        return false;
    put(w, "init y%d i64 2 = 2,3\nv%d = ReduceMean(v%d, y%d)\n", id, w->count, x, id);
    s.dims[2] = s.dims[3] = 1;
    add(w, s);
    return true;
}

/* As exporters of frameworks with channels last do: some nodes between two transposes. */
static bool channels_last(writer *w, int x)
{
    static bool (*const between[])(writer *, int) = { unary, with_constant, binary, concat, slice, softmax, pad, transpose };
    shape s = w->shapes[x];
    if (s.rank != 4)
        return false;
    put(w, "v%d = Transpose(v%d) perm=[0,2,3,1]\n", w->count, x);
    int y = add(w, (shape){ 4, { s.dims[0], s.dims[2], s.dims[3], s.dims[1] } });
    for (int i = 0, wanted = 1 + pick(w, 3); i < wanted; i++)
        if (between[pick(w, (int)ARRAY_LENGTH(between))](w, y))
            y = w->count - 1;
    s = w->shapes[y];
    put(w, "v%d = Transpose(v%d) perm=[0,3,1,2]\n", w->count, y);
    add(w, (shape){ 4, { s.dims[0], s.dims[3], s.dims[1], s.dims[2] } });
    return true;
}

static void write_model(writer *w, uint32_t seed)
{
    static bool (*const nodes[])(
        writer *, int) = { conv,   conv,          conv,          unary,      unary,     silu,      hard_swish, binary,
                           binary, with_constant, with_constant, batch_norm, transpose, transpose, reshape,    concat,
                           split,  slice,         softmax,       pool,       pad,       linear,    mean,
                           channels_last, channels_last };
    memset(w, 0, sizeof(*w));
    w->state = seed * 2654435761u + 1;
    put(w, "input v0 f32 1,4,6,6\ninput v1 f32 1,4,6,6\n");
    add(w, (shape){ 4, { 1, 4, 6, 6 } });
    add(w, (shape){ 4, { 1, 4, 6, 6 } });
    for (int i = 0, wanted = 6 + pick(w, 24); i < wanted && w->count < MOST_VALUES - 8; i++) {
        /* mostly the newest values, so that chains grow */
        const int x = pick(w, 3) ? w->count - 1 - pick(w, MIN(3, w->count)) : pick(w, w->count);
        int elements = 1;
        for (int d = 0; d < w->shapes[x].rank; d++)
            elements *= w->shapes[x].dims[d];
        if (elements <= 4096)
            nodes[pick(w, (int)ARRAY_LENGTH(nodes))](w, x);
    }
    put(w, "output v%d\n", w->count - 1);
    for (int i = 0; i < 2; i++) {
        const int x = 2 + pick(w, w->count - 2 > 0 ? w->count - 2 : 1);
        if (x < w->count - 1 && !strstr(w->text, "output v2\n"))
            put(w, "output v%d\n", x), i = 2;
    }
}

static void print_line(const char *text, void *user)
{
    (void)user;
    printf("    %s\n", text);
}

static void check_seed(uint32_t seed)
{
    static writer w;
    onyx_error error = { 0 };
    graph *g[2] = { NULL, NULL };
    onyx_tensor inputs[2] = { 0 }, outputs[2][MOST_OUTPUTS] = { 0 };
    arena *memory = arena_new(0);
    write_model(&w, seed);
    const model_file *file = text_model(w.text, 0, memory);
    bool good = CHECK(file != NULL, "seed %u: no model", seed);
    for (int i = 0; i < 2 && good; i++)
        good =
            CHECK(graph_build(file, NULL, NULL, &g[i], &error) == ONYX_OK && graph_infer(g[i], true, &error) == ONYX_OK,
                  "seed %u: %s", seed, error.message);
    const graph_pass_options options = { 0 };
    good = good && CHECK(graph_optimise(g[1], &options, &error) == ONYX_OK && graph_check(g[1], &error) == ONYX_OK,
                         "seed %u: %s", seed, error.message);
    for (int i = 0; i < 2 && good; i++)
        evaluate_random_input(g[0]->inputs[i], seed + 77u * (uint32_t)i, &inputs[i]);
    for (int i = 0; i < 2 && good; i++)
        good = CHECK(evaluate(g[i], inputs, outputs[i], &error) == ONYX_OK, "seed %u: %s", seed, error.message);
    for (int i = 0; good && i < g[0]->output_count; i++) {
        const double difference = evaluate_difference(&outputs[0][i], &outputs[1][i]);
        good = CHECK(difference <= 1e-4, "seed %u: output %d differs by %g of its range", seed, i, difference);
    }
    if (!good) {
        printf("%s", w.text);
        if (g[1])
            graph_dump(g[1], print_line, NULL);
    }
    for (int i = 0; i < 2; i++) {
        memory_free(inputs[i].data);
        for (int k = 0; k < MOST_OUTPUTS; k++)
            memory_free(outputs[i][k].data);
        graph_free(g[i]);
    }
    arena_free(memory);
}

int main(void)
{
    unsigned first = 1, count = 400;
    const char *wish = getenv("ONYX_TEST_SEEDS");
    if (wish && sscanf(wish, "%u:%u", &first, &count) != 2)
        count = 1;
    for (unsigned i = 0; i < count; i++)
        check_seed(first + i);
    return check_done();
}
