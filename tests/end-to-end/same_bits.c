/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The outputs of a model have the same bits with 1, 2 and 3 threads, in a second session of the same model, and in a
 * second run.
 *
 * usage: same_bits MODEL... (a path ending in .onnx, or a name under shared/models; skipped where there is none) */
#include "check.h"
#include "onyx.h"

#include <string.h>
#include <unistd.h>

enum { OUTPUTS_MAX = 16 };

typedef struct result {
    int count;
    void *data[OUTPUTS_MAX];
    size_t bytes[OUTPUTS_MAX];
} result;

/* Picture-like noise in the engine's own input memory, whatever its type. */
static onyx_status fill(const onyx_model *model, onyx_session *session, onyx_error *error)
{
    uint32_t state = 1;
    for (int i = 0; i < onyx_model_input_count(model); i++) {
        onyx_tensor t;
        onyx_status status = onyx_session_input(session, i, &t, error);
        if (status)
            return status;
        size_t count = t.size_bytes / (onyx_type_bits(t.type) / 8);
        for (size_t k = 0; k < count; k++) {
            state = state * 1664525u + 1013904223u;
            float value = (float)(state >> 8) / (float)(1 << 24);
            uint16_t half = (uint16_t)(0x3800 | (state >> 22)); /* 0.5 .. 1 */
            if (t.type == ONYX_TYPE_FLOAT32)
                memcpy((char *)t.data + 4 * k, &value, 4);
            else if (t.type == ONYX_TYPE_FLOAT16)
                memcpy((char *)t.data + 2 * k, &half, 2);
        }
    }
    return ONYX_OK;
}

static onyx_status keep(const onyx_outputs *outputs, result *r)
{
    r->count = onyx_outputs_count(outputs);
    if (r->count > OUTPUTS_MAX)
        r->count = OUTPUTS_MAX;
    for (int i = 0; i < r->count; i++) {
        onyx_tensor t;
        onyx_status status = onyx_outputs_get(outputs, i, &t);
        if (status)
            return status;
        r->data[i] = malloc(t.size_bytes + 1);
        r->bytes[i] = t.size_bytes;
        if (!r->data[i])
            return ONYX_ERROR_MEMORY;
        memcpy(r->data[i], t.data, t.size_bytes);
    }
    return ONYX_OK;
}

/* `runs` runs of one session; the last one's outputs are kept. */
static onyx_status compute(onyx_model *model, int runs, result *r, onyx_error *error)
{
    onyx_session *session = NULL;
    onyx_outputs *outputs = NULL;
    onyx_status status = onyx_session_new(model, NULL, &session, error);
    if (!status)
        status = fill(model, session, error);
    for (int i = 0; i < runs && !status; i++) {
        if (outputs)
            onyx_outputs_unref(outputs);
        outputs = NULL;
        status = onyx_session_run(session, &outputs, error);
    }
    if (!status)
        status = keep(outputs, r);
    if (outputs)
        onyx_outputs_unref(outputs);
    if (session)
        onyx_session_free(session);
    return status;
}

static void release(result *r)
{
    for (int i = 0; i < r->count; i++)
        free(r->data[i]);
    *r = (result){ 0 };
}

static void compare(const char *path, const char *what, const result *a, const result *b)
{
    CHECK(a->count == b->count, "%s, %s: %d and %d outputs", path, what, a->count, b->count);
    for (int i = 0; i < a->count && i < b->count; i++)
        CHECK(a->bytes[i] == b->bytes[i] && memcmp(a->data[i], b->data[i], a->bytes[i]) == 0,
              "%s, %s: output %d has other bits", path, what, i);
}

static void check_model(const char *path)
{
    result first = { 0 };
    for (int threads = 1; threads <= 3; threads++) {
        onyx_options options = ONYX_OPTIONS(.threads = threads);
        onyx_model *model = NULL;
        onyx_error error = { .message = "" };
        char what[64];
        onyx_status status = onyx_model_open(path, &options, &model, &error);
        for (int again = 0; again < 2 && !status; again++) {
            result r = { 0 };
            status = compute(model, 1 + again, &r, &error);
            snprintf(what, sizeof what, "%d threads, run %d of session %d", threads, 1 + again, 1 + again);
            if (!status && first.count)
                compare(path, what, &first, &r);
            if (!status && !first.count)
                first = r;
            else
                release(&r);
        }
        CHECK(status == ONYX_OK, "%s: %s", path, error.message);
        onyx_model_unref(model);
    }
    release(&first);
}

/* A path, or the name of a model in the shared folder. */
int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char path[4096];
        if (strstr(argv[i], ".onnx"))
            snprintf(path, sizeof path, "%s", argv[i]);
        else
            snprintf(path, sizeof path, "%s/models/%s/model.onnx", check_shared(), argv[i]);
        if (access(path, R_OK) != 0) {
            check_skip(path);
            continue;
        }
        check_model(path);
    }
    return check_done();
}
