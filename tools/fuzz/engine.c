/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Fuzz target: any bytes as a model that is opened, planned and run through the public interface. Nothing may happen
 * but an error with a message, or outputs that can be read.
 *
 *     CC=clang CFLAGS=-fsanitize=fuzzer-no-link meson setup build-fuzz -Db_sanitize=address,undefined -Db_lundef=false
 * \ -Dbuildtype=debug -Doptimization=1 -Dgst=disabled && ninja -C build-fuzz tests/model/fuzz_engine
 *     build-fuzz/tests/model/fuzz_engine -max_len=8192 -timeout=60 CORPUS tools/fuzz/seeds/engine
 *
 * Without clang: build-asan/tests/model/fuzz_engine_replay -n 100000 tools/fuzz/seeds/engine */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "onyx.h"

enum { FREE_DIM = 3, ELEMENTS_MOST = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An error must have its words, and tell of no bug. */
static void expect_message(onyx_status status, const onyx_error *error)
{
    if (status && (error->status != status || !error->message[0] || status == ONYX_ERROR_INTERNAL))
        abort();
}

/* Small shapes for all inputs, so that time goes to new ways rather than to large sums; NULL when they cannot be. */
static onyx_tensor *shapes_of(const onyx_model *model)
{
    int count = onyx_model_input_count(model);
    onyx_tensor *shapes = calloc((size_t)count + 1, sizeof *shapes);
    for (int i = 0; shapes && i < count; i++) {
        onyx_value_info info;
        int64_t elements = 1;
        if (onyx_model_input_info(model, i, &info))
            abort();
        shapes[i].type = info.type;
        shapes[i].rank = info.rank < 0 ? 2 : info.rank;
        for (int d = 0; d < shapes[i].rank; d++) {
            int64_t dim = info.rank < 0 || info.dims[d] < 0 ? FREE_DIM : info.dims[d];
            shapes[i].dims[d] = dim;
            elements = dim > ELEMENTS_MOST ? ELEMENTS_MOST + 1 : elements * dim;
            if (elements > ELEMENTS_MOST) {
                free(shapes);
                return NULL;
            }
        }
    }
    return shapes;
}

/* Numbers of every kind: a byte pattern that is small integers, and, as floats, both signs and all sizes. */
static onyx_status fill(const onyx_model *model, onyx_session *session, onyx_error *error)
{
    for (int i = 0; i < onyx_model_input_count(model); i++) {
        onyx_tensor t;
        onyx_status status = onyx_session_input(session, i, &t, error);
        if (status)
            return status;
        if (t.type == ONYX_TYPE_STRING)
            continue;
        uint8_t *bytes = t.data;
        for (size_t k = 0; k < t.size_bytes; k++)
            bytes[k] = (uint8_t)(t.type == ONYX_TYPE_BOOL ? k & 1 : k % 4 == 3 ? 0x3e + k % 3 : k * 37);
    }
    return ONYX_OK;
}

/* Reads every byte of the outputs. */
static unsigned touch(const onyx_outputs *outputs)
{
    unsigned sum = 0;
    for (int i = 0; i < onyx_outputs_count(outputs); i++) {
        onyx_tensor t;
        if (onyx_outputs_get(outputs, i, &t))
            abort();
        const uint8_t *bytes = t.data;
        for (size_t k = 0; k < t.size_bytes; k++)
            sum += bytes[k];
    }
    return sum;
}

static onyx_status run(onyx_model *model, const onyx_tensor *shapes, onyx_error *error)
{
    volatile unsigned sum = 0;
    onyx_session *session = NULL;
    onyx_status status = onyx_session_new(model, shapes, &session, error);
    for (int i = 0; i < 2 && !status; i++) {
        onyx_outputs *outputs = NULL;
        status = fill(model, session, error);
        if (!status)
            status = onyx_session_run(session, &outputs, error);
        if (!status) {
            sum += touch(outputs);
            onyx_outputs_unref(outputs);
        }
    }
    (void)sum;
    onyx_session_free(session);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const onyx_options options = ONYX_OPTIONS(.threads = 1, .max_memory_bytes = (size_t)64 << 20, .max_nodes = 1000);
    onyx_error error = { .message = "" };
    onyx_model *model = NULL;
    onyx_status status = size ? onyx_model_open_memory(data, size, "fuzz.onnx", &options, &model, &error) : ONYX_OK;
    expect_message(status, &error);
    onyx_tensor *shapes = model ? shapes_of(model) : NULL;
    if (shapes)
        expect_message(run(model, shapes, &error), &error);
    free(shapes);
    onyx_model_unref(model);
    return 0;
}
