/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: any bytes as a model, and as each of the messages that files of values hold. Nothing may happen but an
 * error with a message, or a result that can be read.
 *
 *     CC=clang-14 meson setup build-fuzz && ninja -C build-fuzz fuzz_model
 *     build-fuzz/tests/model/fuzz_model -max_len=65536 CORPUS tools/fuzz/seeds/model */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "model/model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads every byte of a tensor, so that a view out of bounds is seen. */
static unsigned touch(const onyx_tensor *tensor)
{
    unsigned sum = 0;
    if (tensor->type == ONYX_TYPE_STRING) {
        const char *const *strings = tensor->data;
        for (size_t i = 0; i < tensor->size_bytes / sizeof *strings; i++)
            sum += (unsigned)strlen(strings[i]);
        return sum;
    }
    const uint8_t *bytes = tensor->data;
    for (size_t i = 0; i < tensor->size_bytes; i += i < 4096 ? 1 : 4096)
        sum += bytes[i];
    return sum;
}

static unsigned touch_graph(const model_graph *graph)
{
    unsigned sum = 0;
    for (int i = 0; i < graph->initializer_count; i++)
        sum += touch(&graph->initializers[i].tensor);
    for (int i = 0; i < graph->node_count; i++) {
        for (int k = 0; k < graph->nodes[i].attribute_count; k++) {
            const op_attribute *a = &graph->nodes[i].attributes[k];
            sum += a->tensor ? touch(a->tensor) : 0;
            sum += a->type == OP_ATTRIBUTE_GRAPH && a->graph ? touch_graph(a->graph) : 0;
        }
    }
    return sum;
}

static unsigned touch_item(const model_item *item)
{
    unsigned sum = item->kind == OP_KIND_TENSOR || item->kind == OP_KIND_MAP ? touch(&item->tensor.tensor) : 0;
    for (int i = 0; i < item->count; i++)
        sum += touch_item(&item->items[i]);
    return sum;
}

/* An error must have its words. */
static void expect_message(onyx_status status, const onyx_error *error)
{
    if (status && (error->status != status || !error->message[0]))
        abort();
}

static unsigned read_values(const uint8_t *data, size_t size)
{
    unsigned sum = 0;
    char path[64];
    int descriptor = memfd_create("fuzz", MFD_CLOEXEC);
    if (descriptor < 0 || write(descriptor, data, size) != (ssize_t)size)
        abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", descriptor);
    for (int kind = OP_KIND_TENSOR; kind <= OP_KIND_MAP; kind++) {
        onyx_error error = { 0 };
        model_item item;
        arena *memory = arena_new((size_t)64 << 20);
        onyx_status status = model_read_value(path, (op_kind)kind, memory, &item, &error);
        expect_message(status, &error);
        if (!status)
            sum += touch_item(&item);
        arena_free(memory);
    }
    close(descriptor);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const onyx_options options = ONYX_OPTIONS(.max_memory_bytes = (size_t)64 << 20, .max_nodes = 10000);
    onyx_error error = { 0 };
    model_file *file = NULL;
    volatile unsigned sum = 0;
    onyx_status status = model_load_memory(data, size, "fuzz.onnx", &options, &file, &error);
    expect_message(status, &error);
    if (!status) {
        sum += touch_graph(file->graph);
        model_free(file);
    }
    sum += read_values(data, size);
    (void)sum;
    return 0;
}
