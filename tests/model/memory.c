/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Loading when memory ends: the n-th allocation fails, for every n. Built with the linker's --wrap. */
#include <string.h>

#include "check.h"
#include "model/model.h"
#include "wire_writer.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *memory, size_t size);

static long allocations_left = -1; /* negative: no limit */

static bool fails(void)
{
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

int main(void)
{
    writer graph = { 0 };
    for (int i = 0; i < 300; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        writer t = make_tensor(name, ONYX_TYPE_INT16, 1, (int64_t[]){ 3 });
        write_bytes(&t, 5, "\1\2\3", 3);
        write_message(&graph, 5, &t);
        writer node = make_node("Add", name, "y");
        write_message(&graph, 1, &node);
    }
    writer v = make_value("x", ONYX_TYPE_FLOAT32, 1, 2);
    write_message(&graph, 11, &v);
    writer model = make_model(&graph);
    onyx_status status = ONYX_ERROR_MEMORY;
    long n = 0;
    for (; status != ONYX_OK && n < 10000; n++) {
        model_file *file = NULL;
        onyx_error error = { 0 };
        allocations_left = n;
        status = model_load_memory(model.data, model.size, "m.onnx", NULL, &file, &error);
        allocations_left = -1;
        if (status == ONYX_OK)
            model_free(file);
        else if (!CHECK(status == ONYX_ERROR_MEMORY || status == ONYX_ERROR_LIMIT, "allocation %ld fails: %s, '%s'", n,
                        onyx_status_name(status), error.message))
            break;
    }
    CHECK(status == ONYX_OK && n > 5, "the model loads after %ld allocations", n);
    writer_free(&model);
    return check_done();
}
