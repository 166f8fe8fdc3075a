/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Good models: every kind of tensor data, attributes, sub-graphs, functions, types; and the models that are given. */
#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "base/size.h"
#include "base/types.h"
#include "check.h"
#include "model/model.h"
#include "wire_writer.h"

/* Loads a model built in memory and frees the bytes' writer with it. */
static model_file *load(writer *model, writer *kept)
{
    model_file *file = NULL;
    onyx_error error = { 0 };
    onyx_status status = model_load_memory(model->data, model->size, "test.onnx", NULL, &file, &error);
    CHECK(status == ONYX_OK, "%s", error.message);
    *kept = *model;
    return status ? NULL : file;
}

/* A model whose graph has the one initializer. */
static model_file *load_tensor(writer *tensor, writer *kept)
{
    writer graph = { 0 };
    write_message(&graph, 5, tensor);
    writer model = make_model(&graph);
    return load(&model, kept);
}

static void expect_data(writer *tensor, const char *what, const void *data, size_t size)
{
    writer kept;
    model_file *file = load_tensor(tensor, &kept);
    if (file && CHECK(file->graph->initializer_count == 1, "%s: one initializer", what)) {
        const onyx_tensor *t = &file->graph->initializers[0].tensor;
        CHECK(t->size_bytes == size && t->data && memcmp(t->data, data, size) == 0, "%s: %zu bytes are wrong", what,
              t->size_bytes);
    }
    model_free(file);
    writer_free(&kept);
}

static void write_packed(writer *w, unsigned field, const int64_t *values, int count)
{
    writer packed = { 0 };
    for (int i = 0; i < count; i++)
        write_varint(&packed, (uint64_t)values[i]);
    write_message(w, field, &packed);
}

static void test_typed_data(void)
{
    static const struct {
        int type;
        unsigned field;
        int64_t values[4]; /* as stored in the field */
        int entries;
        int64_t count; /* elements of the tensor */
        uint8_t bytes[32];
        size_t size;
    } cases[] = {
        { ONYX_TYPE_INT32, 5, { -2, 1 << 20 }, 2, 2, { 0xFE, 0xFF, 0xFF, 0xFF, 0, 0, 0x10, 0 }, 8 },
        { ONYX_TYPE_INT8, 5, { -1, 127, -128 }, 3, 3, { 0xFF, 0x7F, 0x80 }, 3 },
        { ONYX_TYPE_UINT8, 5, { 255, 0 }, 2, 2, { 255, 0 }, 2 },
        { ONYX_TYPE_INT16, 5, { -2, 300 }, 2, 2, { 0xFE, 0xFF, 0x2C, 1 }, 4 },
        { ONYX_TYPE_UINT16, 5, { 65535 }, 1, 1, { 0xFF, 0xFF }, 2 },
        { ONYX_TYPE_BOOL, 5, { 1, 0, 256 }, 3, 3, { 1, 0, 1 }, 3 },
        { ONYX_TYPE_FLOAT16, 5, { 0x3C00, 0xC000 }, 2, 2, { 0, 0x3C, 0, 0xC0 }, 4 },
        { ONYX_TYPE_BFLOAT16, 5, { 0x3F80 }, 1, 1, { 0x80, 0x3F }, 2 },
        { ONYX_TYPE_FLOAT8E4M3FN, 5, { 0x7E, 0x80 }, 2, 2, { 0x7E, 0x80 }, 2 },
        { ONYX_TYPE_FLOAT8E5M2FNUZ, 5, { 0x11 }, 1, 1, { 0x11 }, 1 },
        { ONYX_TYPE_FLOAT8E8M0, 5, { 0x7F }, 1, 1, { 0x7F }, 1 },
        { ONYX_TYPE_UINT4, 5, { 0x21, 0x03 }, 2, 3, { 0x21, 0x03 }, 2 },
        { ONYX_TYPE_INT4, 5, { 0xF8 }, 1, 2, { 0xF8 }, 1 },
        { ONYX_TYPE_FLOAT4E2M1, 5, { 0x71 }, 1, 2, { 0x71 }, 1 },
        { ONYX_TYPE_UINT2, 5, { 0xE4, 0x01 }, 2, 5, { 0xE4, 0x01 }, 2 },
        { ONYX_TYPE_INT2, 5, { 0x03 }, 1, 1, { 0x03 }, 1 },
        { ONYX_TYPE_INT64, 7, { INT64_MIN, 5 }, 2, 2, { 0, 0, 0, 0, 0, 0, 0, 0x80, 5 }, 16 },
        { ONYX_TYPE_UINT32, 11, { 0xFFFFFFFF, 1 }, 2, 2, { 255, 255, 255, 255, 1, 0, 0, 0 }, 8 },
        { ONYX_TYPE_UINT64, 11, { -1 }, 1, 1, { 255, 255, 255, 255, 255, 255, 255, 255 }, 8 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        const char *name = onyx_type_name((onyx_type)cases[i].type);
        writer packed = make_tensor("w", cases[i].type, 1, &cases[i].count);
        write_packed(&packed, cases[i].field, cases[i].values, cases[i].entries);
        expect_data(&packed, name, cases[i].bytes, cases[i].size);
        writer single = make_tensor("w", cases[i].type, 1, &cases[i].count); /* one field an element, as proto2 may */
        for (int k = 0; k < cases[i].entries; k++)
            write_int(&single, cases[i].field, cases[i].values[k]);
        expect_data(&single, name, cases[i].bytes, cases[i].size);
        writer raw = make_tensor("w", cases[i].type, 1, &cases[i].count);
        write_bytes(&raw, 9, cases[i].bytes, cases[i].size);
        expect_data(&raw, name, cases[i].bytes, cases[i].size);
    }
}

static void test_float_data(void)
{
    const float floats[4] = { 1, -2.5f, 3e38f, 0 };
    const double doubles[4] = { 1, -2.5, 1e300, 0 };
    writer t = make_tensor("w", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 2, 2 });
    write_bytes(&t, 4, floats, sizeof floats);
    expect_data(&t, "float_data", floats, sizeof floats);
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 4 }); /* in two parts, and single ones */
    write_bytes(&t, 4, floats, 8);
    write_float(&t, 4, floats[2]);
    write_float(&t, 4, floats[3]);
    expect_data(&t, "float_data in parts", floats, sizeof floats);
    t = make_tensor("w", ONYX_TYPE_COMPLEX64, 1, (int64_t[]){ 2 });
    write_bytes(&t, 4, floats, sizeof floats);
    expect_data(&t, "complex64", floats, sizeof floats);
    t = make_tensor("w", ONYX_TYPE_FLOAT64, 1, (int64_t[]){ 4 });
    write_bytes(&t, 10, doubles, sizeof doubles);
    expect_data(&t, "double_data", doubles, sizeof doubles);
    t = make_tensor("w", ONYX_TYPE_COMPLEX128, 1, (int64_t[]){ 2 });
    write_bytes(&t, 10, doubles, sizeof doubles);
    expect_data(&t, "complex128", doubles, sizeof doubles);
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 0, NULL);
    write_bytes(&t, 9, floats, 4);
    expect_data(&t, "a scalar", floats, 4);
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 0, 5 });
    expect_data(&t, "an empty tensor", floats, 0);
    t = make_tensor("w", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 1 }); /* of two raw_data the last one counts */
    write_bytes(&t, 9, doubles, 3);
    write_bytes(&t, 9, floats, 4);
    expect_data(&t, "raw_data twice", floats, 4);
}

static void test_strings(void)
{
    writer kept, t = make_tensor("w", ONYX_TYPE_STRING, 1, (int64_t[]){ 2 });
    write_text(&t, 6, "one");
    write_bytes(&t, 6, "\xFF\xFE", 2); /* strings are bytes: kept */
    model_file *file = load_tensor(&t, &kept);
    if (file) {
        const char *const *strings = file->graph->initializers[0].tensor.data;
        CHECK(strcmp(strings[0], "one") == 0 && strcmp(strings[1], "\xFF\xFE") == 0, "string_data");
    }
    model_free(file);
    writer_free(&kept);
}

static writer sparse_tensor(int index_rank, const int64_t *index_dims, const int64_t *indices, int index_count)
{
    const float values[2] = { 5, 7 };
    writer sparse = { 0 };
    writer v = make_tensor("s", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 2 });
    write_bytes(&v, 9, values, sizeof values);
    writer i = make_tensor("", ONYX_TYPE_INT64, index_rank, index_dims);
    write_packed(&i, 7, indices, index_count);
    write_message(&sparse, 1, &v);
    write_message(&sparse, 2, &i);
    write_int(&sparse, 3, 2);
    write_int(&sparse, 3, 3);
    return sparse;
}

static void test_sparse(void)
{
    const float expected[6] = { 0, 5, 0, 0, 0, 7 };
    for (int form = 0; form < 3; form++) {
        writer kept, graph = { 0 };
        writer sparse = form == 0 ? sparse_tensor(1, (int64_t[]){ 2 }, (int64_t[]){ 1, 5 }, 2)
                                  : sparse_tensor(2, (int64_t[]){ 2, 2 }, (int64_t[]){ 0, 1, 1, 2 }, 4);
        if (form < 2) {
            write_message(&graph, 15, &sparse);
        } else {
            writer attribute = { 0 }, node = make_node("Constant", "", "y");
            write_text(&attribute, 1, "sparse_value");
            write_int(&attribute, 20, 11);
            write_message(&attribute, 22, &sparse);
            write_message(&node, 5, &attribute);
            write_message(&graph, 1, &node);
        }
        writer model = make_model(&graph);
        model_file *file = load(&model, &kept);
        if (file) {
            const onyx_tensor *t =
                form < 2 ? &file->graph->initializers[0].tensor : file->graph->nodes[0].attributes[0].tensor;
            CHECK(t->rank == 2 && t->dims[1] == 3 && memcmp(t->data, expected, sizeof expected) == 0,
                  "sparse tensor, form %d", form);
        }
        model_free(file);
        writer_free(&kept);
    }
}

/* One attribute of each kind on a node. */
static writer node_with_attributes(void)
{
    writer node = make_node("Made", "x", "y"), a = { 0 }, inner = { 0 };
    write_text(&a, 1, "f");
    write_float(&a, 2, 1.5f);
    write_int(&a, 20, 1);
    write_message(&node, 5, &a);
    write_text(&a, 1, "i");
    write_int(&a, 3, -7);
    write_int(&a, 20, 2);
    write_message(&node, 5, &a);
    write_text(&a, 1, "s");
    write_bytes(&a, 4, "a\0b", 3);
    write_int(&a, 20, 3);
    write_message(&node, 5, &a);
    writer t = make_tensor("t", ONYX_TYPE_INT64, 1, (int64_t[]){ 1 });
    write_int(&t, 7, 42);
    write_text(&a, 1, "t");
    write_message(&a, 5, &t);
    write_int(&a, 20, 4);
    write_message(&node, 5, &a);
    writer sub = make_node("Inner", "x", "z");
    write_message(&inner, 1, &sub);
    write_text(&inner, 2, "inner graph");
    write_text(&a, 1, "g");
    write_message(&a, 6, &inner);
    write_int(&a, 20, 5);
    write_message(&node, 5, &a);
    write_text(&a, 1, "floats");
    write_bytes(&a, 7, (float[]){ 1, 2 }, 8);
    write_int(&a, 20, 6);
    write_message(&node, 5, &a);
    write_text(&a, 1, "ints"); /* without its type, as old files have it */
    write_int(&a, 8, 3);
    write_int(&a, 8, 4);
    write_message(&node, 5, &a);
    write_text(&a, 1, "strings");
    write_text(&a, 9, "p");
    write_text(&a, 9, "q");
    write_int(&a, 20, 8);
    write_message(&node, 5, &a);
    return node;
}

static void check_attributes(const model_node *node)
{
    const op_attribute *a = node->attributes;
    if (!CHECK(node->attribute_count == 8, "%d attributes", node->attribute_count))
        return;
    CHECK(a[0].type == OP_ATTRIBUTE_FLOAT && a[0].f == 1.5f, "attribute f");
    CHECK(a[1].type == OP_ATTRIBUTE_INT && a[1].i == -7, "attribute i");
    CHECK(a[2].type == OP_ATTRIBUTE_STRING && a[2].s_length == 3 && memcmp(a[2].s, "a\0b", 4) == 0, "attribute s");
    CHECK(a[3].type == OP_ATTRIBUTE_TENSOR && *(const int64_t *)a[3].tensor->data == 42 &&
              (uintptr_t)a[3].tensor->data % ONYX_ALIGNMENT == 0,
          "attribute t");
    const model_graph *inner = a[4].graph;
    CHECK(a[4].type == OP_ATTRIBUTE_GRAPH && inner->node_count == 1 && strcmp(inner->name, "inner graph") == 0 &&
              strcmp(inner->nodes[0].op_type, "Inner") == 0 && inner->nodes[0].version == 17,
          "attribute g");
    CHECK(a[5].type == OP_ATTRIBUTE_FLOATS && a[5].count == 2 && a[5].floats[1] == 2, "attribute floats");
    CHECK(a[6].type == OP_ATTRIBUTE_INTS && a[6].count == 2 && a[6].ints[1] == 4, "attribute ints");
    CHECK(a[7].type == OP_ATTRIBUTE_STRINGS && a[7].count == 2 && strcmp(a[7].strings[1], "q") == 0,
          "attribute strings");
}

static void test_whole_model(void)
{
    writer kept, graph = { 0 }, metadata = { 0 }, function = { 0 }, a = { 0 }, opset = { 0 };
    writer node = node_with_attributes();
    write_message(&graph, 1, &node);
    write_text(&graph, 2, "the graph");
    writer t = make_tensor("w", ONYX_TYPE_UINT8, 1, (int64_t[]){ 1 });
    write_bytes(&t, 9, "\5", 1);
    write_message(&graph, 5, &t);
    writer v = make_value("x", ONYX_TYPE_FLOAT32, 1, -1);
    write_message(&graph, 11, &v);
    v = make_value("w", ONYX_TYPE_UINT8, 1, 1); /* an initializer: no input */
    write_message(&graph, 11, &v);
    v = make_value("y", ONYX_TYPE_FLOAT16, 3, 4);
    write_message(&graph, 12, &v);
    write_text(&graph, 10, "documentation");

    write_text(&function, 1, "F");
    write_text(&function, 10, "mine");
    write_text(&function, 4, "a");
    write_text(&function, 5, "b");
    write_text(&function, 6, "alpha");
    node = make_node("LeakyRelu", "a", "b");
    write_text(&a, 1, "alpha");
    write_text(&a, 21, "alpha");
    write_int(&a, 20, 1);
    write_message(&node, 5, &a);
    write_message(&function, 7, &node);
    write_int(&opset, 2, 16);
    write_message(&function, 9, &opset);

    writer model = make_model(&graph);
    write_text(&model, 3, "1.2");
    write_text(&metadata, 1, "names");
    write_text(&metadata, 2, "{0: 'person'}");
    write_message(&model, 14, &metadata);
    write_message(&model, 25, &function);
    write_text(&opset, 1, "ai.onnx"); /* once more under its other name */
    write_int(&opset, 2, 17);
    write_message(&model, 8, &opset);
    write_text(&opset, 1, "mine");
    write_int(&opset, 2, 1);
    write_message(&model, 8, &opset);
    model_file *file = load(&model, &kept);
    if (file) {
        const model_graph *g = file->graph;
        CHECK(strcmp(file->producer, "tests 1.2") == 0, "producer '%s'", file->producer);
        CHECK(file->ir_version == 8 && file->opset_count == 2 && model_opset_version(file, "ai.onnx") == 17 &&
                  model_opset_version(file, "mine") == 1 && model_opset_version(file, "other") == 0,
              "versions");
        CHECK(file->metadata_count == 1 && strcmp(file->metadata[0].value, "{0: 'person'}") == 0, "metadata");
        CHECK(g->input_count == 1 && strcmp(g->inputs[0].name, "x") == 0 && g->inputs[0].rank == 2 &&
                  g->inputs[0].dims[0] == 1 && g->inputs[0].dims[1] == -1,
              "inputs");
        CHECK(g->output_count == 1 && g->outputs[0].type == ONYX_TYPE_FLOAT16, "outputs");
        CHECK(g->node_count == 1 && g->nodes[0].version == 17 && g->nodes[0].input_count == 1, "nodes");
        check_attributes(&g->nodes[0]);
        CHECK(file->function_count == 1 && strcmp(file->functions[0].domain, "mine") == 0 &&
                  file->functions[0].nodes[0].version == 16 &&
                  strcmp(file->functions[0].nodes[0].attributes[0].reference, "alpha") == 0,
              "functions");
    }
    model_free(file);
    writer_free(&kept);
}

/* value -> optional(sequence(map(int64, tensor(float)))), and friends */
static void test_types(void)
{
    static const struct {
        int wrappers[3]; /* TypeProto's field numbers, outermost first; 0 ends */
        op_kind kind;
        int rank;
    } cases[] = {
        { { 4 }, OP_KIND_SEQUENCE, -1 }, { { 9 }, OP_KIND_OPTIONAL, 2 },        { { 9, 4 }, OP_KIND_OPTIONAL, -1 },
        { { 5 }, OP_KIND_MAP, -1 },      { { 9, 4, 5 }, OP_KIND_OPTIONAL, -1 },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        writer kept, graph = { 0 }, dim = { 0 }, shape = { 0 }, tensor = { 0 }, type = { 0 }, value = { 0 };
        write_text(&dim, 2, "batch");
        write_message(&shape, 1, &dim);
        write_int(&dim, 1, 3);
        write_message(&shape, 1, &dim);
        write_int(&tensor, 1, ONYX_TYPE_FLOAT32);
        write_message(&tensor, 2, &shape);
        write_message(&type, 1, &tensor);
        for (int k = 2; k >= 0; k--) {
            writer inner = { 0 }, outer = { 0 };
            unsigned field = (unsigned)cases[i].wrappers[k];
            if (!field)
                continue;
            if (field == 5)
                write_int(&inner, 1, ONYX_TYPE_INT64);
            write_message(&inner, field == 5 ? 2 : 1, &type);
            write_message(&outer, field, &inner);
            type = outer;
        }
        write_text(&value, 1, "v");
        write_message(&value, 2, &type);
        write_message(&graph, 11, &value);
        writer model = make_model(&graph);
        model_file *file = load(&model, &kept);
        if (file) {
            const model_value *v = &file->graph->inputs[0];
            CHECK(v->kind == cases[i].kind && v->type == ONYX_TYPE_FLOAT32 && v->rank == cases[i].rank,
                  "type %zu: kind %d, element %d, rank %d", i, v->kind, v->type, v->rank);
            CHECK(v->rank < 0 || (v->dims[0] == -1 && strcmp(v->dim_names[0], "batch") == 0 && v->dims[1] == 3),
                  "shape of type %zu", i);
        }
        model_free(file);
        writer_free(&kept);
    }
}

static void count_notes(onyx_log_level level, const char *message, void *user)
{
    (void)level;
    (void)message;
    ++*(int *)user;
}

static void test_versions(void)
{
    int notes = 0;
    onyx_options options = ONYX_OPTIONS(.log = count_notes, .log_user = &notes);
    model_file *file = NULL;
    onyx_error error = { 0 };
    writer model = { 0 }, graph = { 0 }, opset = { 0 };
    write_int(&model, 1, MODEL_NEWEST_IR + 3);
    write_message(&model, 7, &graph);
    write_int(&opset, 2, MODEL_NEWEST_OPSET + 1);
    write_message(&model, 8, &opset);
    CHECK(!model_load_memory(model.data, model.size, "new", &options, &file, &error) && notes == 2,
          "a newer file: %d notes, %s", notes, error.message);
    model_free(file);
    writer_free(&model);
    write_int(&model, 1, 2); /* before opsets */
    write_message(&model, 7, &graph);
    CHECK(!model_load_memory(model.data, model.size, "old", NULL, &file, &error) && model_opset_version(file, "") == 1,
          "an IR 2 file: %s", error.message);
    model_free(file);
    writer_free(&model);
}

static void test_shared_models(void)
{
    char folder[1024], path[2048];
    snprintf(folder, sizeof folder, "%s/models", check_shared());
    DIR *directory = opendir(folder);
    if (!directory) {
        check_skip("no models beside the source tree");
        return;
    }
    for (const struct dirent *entry; (entry = readdir(directory));) {
        snprintf(path, sizeof path, "%s/%s/model.onnx", folder, entry->d_name);
        if (entry->d_name[0] == '.' || access(path, R_OK) != 0)
            continue;
        model_file *file = NULL;
        onyx_error error = { 0 };
        if (!CHECK(!model_load(path, NULL, &file, &error), "%s", error.message))
            continue;
        CHECK(file->graph->node_count > 10 && file->graph->input_count == 1 && file->graph->output_count >= 1,
              "%s: %d nodes, %d inputs", path, file->graph->node_count, file->graph->input_count);
        size_t weights = 0;
        for (int i = 0; i < file->graph->initializer_count; i++)
            weights += file->graph->initializers[i].tensor.size_bytes;
        CHECK(arena_used(file->arena) < weights / 2 + (2 << 20), "%s: weights are copied (%zu bytes of arena)", path,
              arena_used(file->arena));
        model_drop_pages(file);
        CHECK(model_check_unchanged(file, &error) == ONYX_OK, "%s", error.message);
        model_free(file);
    }
    closedir(directory);
}

static bool store(const char *path, writer *message)
{
    FILE *file = fopen(path, "wb");
    bool ok = file && (!message->size || fwrite(message->data, 1, message->size, file) == message->size);
    if (file)
        fclose(file);
    writer_free(message);
    return ok;
}

static void test_values(void)
{
    char path[] = "/tmp/onyx-value-XXXXXX";
    int descriptor = mkstemp(path);
    if (descriptor < 0) {
        check_skip("no temporary file");
        return;
    }
    close(descriptor);
    onyx_error error = { 0 };
    arena *a = arena_new(0);
    model_tensor tensor;
    model_item item;
    writer t = make_tensor("t", ONYX_TYPE_INT32, 1, (int64_t[]){ 2 }), sequence = { 0 }, optional = { 0 }, map = { 0 };
    write_packed(&t, 5, (int64_t[]){ 8, 9 }, 2);
    store(path, &t);
    CHECK(!model_read_tensor(path, a, &tensor, &error) && strcmp(tensor.name, "t") == 0 &&
              ((int32_t *)tensor.tensor.data)[1] == 9,
          "%s", error.message);
    for (int i = 0; i < 2; i++) {
        t = make_tensor("", ONYX_TYPE_INT64, 0, NULL);
        write_int(&t, 7, i + 5);
        write_message(&sequence, 3, &t);
    }
    write_text(&sequence, 1, "seq");
    write_bytes(&optional, 5, sequence.data, sequence.size);
    write_int(&map, 3, 70);
    write_int(&map, 3, 71);
    write_bytes(&map, 5, sequence.data, sequence.size);
    store(path, &sequence);
    CHECK(!model_read_value(path, OP_KIND_SEQUENCE, a, &item, &error) && item.count == 2 &&
              strcmp(item.name, "seq") == 0 && *(int64_t *)item.items[1].tensor.tensor.data == 6,
          "%s", error.message);
    store(path, &optional);
    CHECK(!model_read_value(path, OP_KIND_OPTIONAL, a, &item, &error) && item.count == 1 &&
              item.items[0].kind == OP_KIND_SEQUENCE && item.items[0].count == 2,
          "%s", error.message);
    store(path, &map);
    CHECK(!model_read_value(path, OP_KIND_MAP, a, &item, &error) && item.tensor.tensor.dims[0] == 2 &&
              ((int64_t *)item.tensor.tensor.data)[1] == 71 && item.items[0].count == 2,
          "%s", error.message);
    store(path, &optional); /* empty: none */
    CHECK(!model_read_value(path, OP_KIND_OPTIONAL, a, &item, &error) && item.count == 0, "%s", error.message);
    arena_free(a);
    unlink(path);
}

/* A tensor of more than 2 GiB inside the file: a hole, so that it costs no room. */
static void test_large_file(void)
{
    const int64_t count = INT64_C(700) << 20;
    char path[] = "/tmp/onyx-large-XXXXXX";
    int descriptor = mkstemp(path);
    if (descriptor < 0) {
        check_skip("no temporary file");
        return;
    }
    /* The fields around the payload, with lengths that count it: model { ir, graph { tensor { raw_data } }, opset } */
    writer head = { 0 }, tail = { 0 }, opset = { 0 };
    writer tensor = make_tensor("w", ONYX_TYPE_FLOAT32, 1, &count);
    write_varint(&tensor, 9 << 3 | 2);
    write_varint(&tensor, (uint64_t)count * 4);
    uint64_t tensor_size = tensor.size + (uint64_t)count * 4;
    writer graph = { 0 };
    write_varint(&graph, 5 << 3 | 2);
    write_varint(&graph, tensor_size);
    write_int(&head, 1, 8);
    write_varint(&head, 7 << 3 | 2);
    write_varint(&head, graph.size + tensor_size);
    write_raw(&head, graph.data, graph.size);
    write_raw(&head, tensor.data, tensor.size);
    write_int(&opset, 2, 17);
    write_message(&tail, 8, &opset);
    off_t payload_end = (off_t)head.size + count * 4;
    if (pwrite(descriptor, head.data, head.size, 0) != (ssize_t)head.size ||
        pwrite(descriptor, "\x40", 1, payload_end - 1) != 1 ||
        pwrite(descriptor, tail.data, tail.size, payload_end) != (ssize_t)tail.size) {
        check_skip("no file of 3 GB can be made");
    } else {
        model_file *file = NULL;
        onyx_error error = { 0 };
        if (CHECK(!model_load(path, NULL, &file, &error), "a file past 2 GiB: %s", error.message)) {
            const onyx_tensor *t = &file->graph->initializers[0].tensor;
            CHECK(t->size_bytes == (size_t)count * 4 && ((const uint8_t *)t->data)[t->size_bytes - 1] == 0x40,
                  "the tensor past 2 GiB has %zu bytes", t->size_bytes);
            model_free(file);
        }
    }
    close(descriptor);
    unlink(path);
    writer_free(&head);
    writer_free(&tail);
    writer_free(&graph);
    writer_free(&tensor);
}

int main(void)
{
    test_typed_data();
    test_float_data();
    test_strings();
    test_sparse();
    test_whole_model();
    test_types();
    test_versions();
    test_values();
    test_large_file();
    test_shared_models();
    return check_done();
}
