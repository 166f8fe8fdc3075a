/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Bad models: each must give a clear error, or a model, and nothing else. Run under sanitizers and valgrind. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "check.h"
#include "model/model.h"
#include "wire_writer.h"

/* Loads from a copy of exactly that size, so that a read past the end is seen. */
static onyx_status try_load(const void *bytes, size_t size, const onyx_options *options, onyx_error *error)
{
    model_file *file = NULL;
    void *copy = malloc(size ? size : 1);
    if (!copy)
        abort();
    if (size)
        memcpy(copy, bytes, size);
    onyx_status status = model_load_memory(copy, size, "bad.onnx", options, &file, error);
    model_free(status ? NULL : file);
    free(copy);
    return status;
}

/* Something of everything. */
static writer small_model(void)
{
    writer graph = { 0 }, inner = { 0 }, a = { 0 }, function = { 0 }, metadata = { 0 };
    writer node = make_node("If", "x", "y"), sub = make_node("Relu", "x", "z");
    write_message(&inner, 1, &sub);
    write_text(&a, 1, "then_branch");
    write_message(&a, 6, &inner);
    write_int(&a, 20, 5);
    write_message(&node, 5, &a);
    writer t = make_tensor("t", ONYX_TYPE_INT64, 1, (int64_t[]){ 2 });
    write_int(&t, 7, 42);
    write_int(&t, 7, -42);
    write_text(&a, 1, "value");
    write_message(&a, 5, &t);
    write_int(&a, 20, 4);
    write_message(&node, 5, &a);
    write_text(&a, 1, "ints");
    write_bytes(&a, 8, "\1\2\3", 3);
    write_int(&a, 20, 7);
    write_message(&node, 5, &a);
    write_message(&graph, 1, &node);
    write_text(&graph, 2, "g");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 1, 2 });
    write_bytes(&t, 9, "12345678", 8);
    write_message(&graph, 5, &t);
    t = make_tensor("b", ONYX_TYPE_INT8, 1, (int64_t[]){ 3 });
    write_bytes(&t, 5, "\1\2\3", 3);
    write_message(&graph, 5, &t);
    t = make_tensor("s", ONYX_TYPE_STRING, 1, (int64_t[]){ 1 });
    write_text(&t, 6, "text");
    write_message(&graph, 5, &t);
    writer v = make_value("x", ONYX_TYPE_FLOAT32, 1, 2);
    write_message(&graph, 11, &v);
    v = make_value("y", ONYX_TYPE_FLOAT32, 1, 2);
    write_message(&graph, 12, &v);
    writer sparse = { 0 };
    t = make_tensor("sp", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 1 });
    write_bytes(&t, 9, "1234", 4);
    write_message(&sparse, 1, &t);
    t = make_tensor("", ONYX_TYPE_INT64, 1, (int64_t[]){ 1 });
    write_int(&t, 7, 3);
    write_message(&sparse, 2, &t);
    write_int(&sparse, 3, 5);
    write_message(&graph, 15, &sparse);
    write_text(&function, 1, "F");
    write_text(&function, 10, "mine");
    node = make_node("Relu", "a", "b");
    write_message(&function, 7, &node);
    write_text(&metadata, 1, "key");
    write_text(&metadata, 2, "value");

    writer model = { 0 }, opset = { 0 };
    write_int(&model, 1, 8);
    write_text(&model, 2, "tests");
    write_message(&model, 25, &function);
    write_message(&model, 14, &metadata);
    write_message(&model, 7, &graph);
    write_int(&opset, 2, 17);
    write_message(&model, 8, &opset);
    return model;
}

static void test_truncation(void)
{
    writer model = small_model();
    onyx_error error;
    int wrong = 0;
    for (size_t size = 0; size < model.size; size++) {
        error = (onyx_error){ 0 };
        onyx_status status = try_load(model.data, size, NULL, &error);
        wrong += status != ONYX_ERROR_FORMAT || strncmp(error.message, "bad.onnx: ", 10) != 0;
    }
    CHECK(wrong == 0, "%d of %zu truncated models give no clear error", wrong, model.size);
    CHECK(try_load(model.data, model.size, NULL, &error) == ONYX_OK, "the whole model: %s", error.message);
    writer_free(&model);
}

static uint32_t next_random(uint32_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

static void test_damage(void)
{
    const onyx_options options = ONYX_OPTIONS(.max_memory_bytes = 64 << 20);
    writer model = small_model();
    onyx_error error;
    int good = 0, bad = 0;
    for (size_t bit = 0; bit < model.size * 8; bit++) {
        model.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        *(try_load(model.data, model.size, &options, &error) ? &bad : &good) += 1;
        model.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint32_t state = 12345;
    uint8_t *damaged = malloc(model.size);
    for (int round = 0; damaged && round < 5000; round++) {
        memcpy(damaged, model.data, model.size);
        for (uint32_t changes = 1 + next_random(&state) % 8; changes > 0; changes--)
            damaged[next_random(&state) % model.size] = (uint8_t)next_random(&state);
        *(try_load(damaged, model.size, &options, &error) ? &bad : &good) += 1;
    }
    free(damaged);
    CHECK(bad > good, "%d damaged models are refused, %d load", bad, good);
    writer_free(&model);
}

static void expect(writer *model, const onyx_options *options, onyx_status status, const char *word, const char *what)
{
    onyx_error error = { 0 };
    onyx_status got = try_load(model->data, model->size, options, &error);
    CHECK(got == status && strstr(error.message, word), "%s: %s, '%s'", what, onyx_status_name(got), error.message);
    writer_free(model);
}

/* A model whose only initializer is the tensor. */
static writer model_of_tensor(writer *tensor)
{
    writer graph = { 0 };
    write_message(&graph, 5, tensor);
    return make_model(&graph);
}

static void test_nesting(void)
{
    for (int depth = 20; depth <= 100000; depth *= 10) {
        writer graph = { 0 };
        for (int i = 0; i < depth && graph.size < 1 << 24; i++) {
            writer a = { 0 }, node = { 0 }, outer = { 0 };
            write_text(&a, 1, "g");
            write_int(&a, 20, 5);
            write_message(&a, 6, &graph);
            write_text(&node, 4, "If");
            write_message(&node, 5, &a);
            write_message(&outer, 1, &node);
            graph = outer;
            if (i > 1000)
                i += depth / 100;
        }
        writer model = make_model(&graph);
        if (depth == 20)
            expect(&model, NULL, ONYX_OK, "", "graphs nested 20 deep");
        else
            expect(&model, NULL, ONYX_ERROR_LIMIT, "nested deeper", "graphs nested too deep");
    }
    writer type = { 0 }, value = { 0 }, graph = { 0 };
    for (int i = 0; i < 1000; i++) {
        writer inner = { 0 }, outer = { 0 };
        write_message(&inner, 1, &type);
        write_message(&outer, 4, &inner);
        type = outer;
    }
    write_message(&value, 2, &type);
    write_message(&graph, 11, &value);
    writer model = make_model(&graph);
    expect(&model, NULL, ONYX_ERROR_LIMIT, "nested deeper", "sequences of sequences");
}

static void test_counts(void)
{
    writer graph = { 0 }, model;
    for (int i = 0; i < 100000; i++)
        write_bytes(&graph, 1, "", 0);
    model = make_model(&graph);
    expect(&model, &ONYX_OPTIONS(.max_nodes = 50000), ONYX_ERROR_LIMIT, "50000 nodes", "too many nodes");
    for (int i = 0; i < 100000; i++)
        write_bytes(&graph, 5, "", 0);
    model = make_model(&graph);
    expect(&model, &ONYX_OPTIONS(.max_memory_bytes = 3 << 20), ONYX_ERROR_LIMIT, "max_memory_bytes",
           "many small messages");
    writer t = make_tensor("w", ONYX_TYPE_INT32, 1, (int64_t[]){ 100000 });
    for (int i = 0; i < 100000; i++)
        write_int(&t, 5, 1);
    model = model_of_tensor(&t);
    expect(&model, &ONYX_OPTIONS(.max_memory_bytes = 3 << 20), ONYX_ERROR_LIMIT, "max_memory_bytes",
           "many single elements");
    model = small_model();
    expect(&model, &ONYX_OPTIONS(.max_model_bytes = 100), ONYX_ERROR_LIMIT, "max_model_bytes", "a large file");
    model = small_model();
    size_t limit = 16;
    onyx_error error;
    while (limit < 1 << 20 && try_load(model.data, model.size, &ONYX_OPTIONS(.max_memory_bytes = limit), &error))
        limit += 64;
    CHECK(limit > 1000 && limit < 1 << 20, "a small model loads within %zu bytes", limit);
    writer_free(&model);
}

static void test_tensors(void)
{
    const int64_t four = 4, huge[3] = { INT64_MAX, INT64_MAX, 2 }, large = INT64_C(1) << 40, negative = -1;
    const int64_t many[13] = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
    writer t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, &four);
    write_bytes(&t, 9, "123456789012345", 15);
    writer model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "tensor 'w': its shape and type need 16 bytes, raw_data has 15", "short");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, &four);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "fewer", "no data");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, &four);
    write_bytes(&t, 4, "12345678901234567890", 20);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "more", "too much float_data");
    t = make_tensor("w", ONYX_TYPE_FLOAT16, 1, &four);
    write_bytes(&t, 4, "1234567890123456", 16);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "int32_data", "float16 in float_data");
    t = make_tensor("w", ONYX_TYPE_INT4, 1, &four);
    write_bytes(&t, 5, "\1\2\3", 3);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "more", "4 int4 in 3 bytes");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, &four);
    write_bytes(&t, 4, "123", 3);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "ends inside an element", "3 bytes of float_data");
    t = make_tensor("w", ONYX_TYPE_INT32, 1, &four);
    write_bytes(&t, 5, "\1\2\3\x84", 4);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "ends inside an element", "an open varint");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 3, huge);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "too large", "a huge shape");
    t = make_tensor("w", ONYX_TYPE_INT32, 1, &large);
    write_bytes(&t, 5, "\1\2", 2);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "fewer", "a large shape with little data");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, &negative);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "dimension 0 is -1", "a negative dimension");
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 13, many);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_UNSUPPORTED, "13 dimensions", "rank 13");
    t = make_tensor("w", 27, 1, &four);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_UNSUPPORTED, "element type 27", "an unknown type");
    t = make_tensor("w", 0, 1, &four);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "element type 0", "no type");
    t = make_tensor("w", ONYX_TYPE_STRING, 1, &large);
    write_text(&t, 6, "x");
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "string_data has 1", "a string too few");
    t = make_tensor("", ONYX_TYPE_FLOAT32, 0, NULL);
    write_float(&t, 4, 1);
    model = model_of_tensor(&t);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "no name", "an initializer without name");
}

static void test_sparse(void)
{
    static const struct {
        int64_t index, dims;
        onyx_status status;
    } cases[] = {
        { 5, 5, ONYX_ERROR_FORMAT },
        { -1, 5, ONYX_ERROR_FORMAT },
        { 0, -5, ONYX_ERROR_FORMAT },
        { 0, INT64_C(1) << 50, ONYX_ERROR_LIMIT },
        { 4, 5, ONYX_OK },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        writer sparse = { 0 }, graph = { 0 };
        writer t = make_tensor("sp", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 1 });
        write_bytes(&t, 9, "1234", 4);
        write_message(&sparse, 1, &t);
        t = make_tensor("", ONYX_TYPE_INT64, 1, (int64_t[]){ 1 });
        write_int(&t, 7, cases[i].index);
        write_message(&sparse, 2, &t);
        write_int(&sparse, 3, cases[i].dims);
        write_message(&graph, 15, &sparse);
        writer model = make_model(&graph);
        expect(&model, NULL, cases[i].status, cases[i].status ? "sp" : "", "a sparse tensor");
    }
}

static void test_structure(void)
{
    writer model = { 0 }, graph = { 0 }, opset = { 0 };
    write_int(&model, 1, 8);
    write_message(&model, 7, &graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "opset_import is missing", "no opset");
    write_int(&model, 1, 8);
    write_int(&opset, 2, 17);
    write_message(&model, 8, &opset);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "a graph is expected", "no graph");
    write_message(&model, 7, &graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "ir_version", "no ir_version");
    for (int i = 0; i < 2; i++) {
        write_int(&opset, 2, i ? 11 : 12);
        write_message(&model, 8, &opset);
    }
    write_int(&model, 1, 8);
    write_message(&model, 7, &graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "versions 12 and 11", "two versions");
    write_int(&opset, 2, -3);
    write_message(&model, 8, &opset);
    write_int(&model, 1, 8);
    write_message(&model, 7, &graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "impossible", "a negative version");
    writer node = { 0 };
    write_text(&node, 3, "n\n\033[1m");
    write_message(&graph, 1, &node);
    model = make_model(&graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "has no operator", "a node without operator");
    writer a = { 0 };
    write_text(&a, 1, "value");
    write_int(&a, 20, 4);
    node = make_node("Constant", "", "y");
    write_message(&node, 5, &a);
    write_message(&graph, 1, &node);
    model = make_model(&graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "node 'a node' (Constant): attribute 'value'",
           "an attribute without tensor");
    write_int(&graph, 1, 5);
    model = make_model(&graph);
    expect(&model, NULL, ONYX_ERROR_FORMAT, "wire type", "a number in place of a message");
}

static void test_other_files(void)
{
    static const struct {
        const char *bytes;
        size_t size;
        const char *word;
    } cases[] = {
        { "", 0, "empty" },
        { "<!DOCTYPE html><html>", 21, "HTML" },
        { "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n", 64, "git-lfs" },
        { "PK\003\004abcdef", 10, "zip" },
        { "\034\0\0\0TFL3", 8, "TensorFlow Lite" },
        { "\0\0\0\0\0\0\0\0", 8, "zeros" },
        { "hello, world", 12, "no ONNX file" },
        { "\x0a\x05junk!", 7, "no ONNX file" },
        { "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", 12, "no valid number" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        writer bytes = { 0 };
        write_raw(&bytes, cases[i].bytes, cases[i].size);
        expect(&bytes, NULL, ONYX_ERROR_FORMAT, cases[i].word, cases[i].word);
    }
}

static void test_paths(void)
{
    static const struct {
        const char *path, *word;
    } cases[] = {
        { "/nonexistent/model.onnx", "No such file" },
        { "/tmp", "folder" },
        { "/dev/null", "no regular file" },
        { "", "cannot be opened" },
    };
    onyx_error error;
    model_file *file = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        onyx_status status = model_load(cases[i].path, NULL, &file, &error);
        CHECK(status == ONYX_ERROR_IO && strstr(error.message, cases[i].word), "'%s': %s", cases[i].path,
              error.message);
    }
    CHECK(model_load(NULL, NULL, &file, &error) == ONYX_ERROR_ARGUMENT && !file, "no path");
    char fifo[] = "/tmp/onyx-fifo-XXXXXX";
    if (mkdtemp(fifo)) { /* must not hang */
        char path[64];
        snprintf(path, sizeof path, "%s/fifo", fifo);
        CHECK(mkfifo(path, 0600) == 0 && model_load(path, NULL, &file, &error) == ONYX_ERROR_IO, "a FIFO");
        unlink(path);
        rmdir(fifo);
    }
}

int main(void)
{
    test_truncation();
    test_damage();
    test_nesting();
    test_counts();
    test_tensors();
    test_sparse();
    test_structure();
    test_other_files();
    test_paths();
    return check_done();
}
