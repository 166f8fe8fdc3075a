/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A run of a session in steady state allocates nothing. This program's own malloc family stands in front of the C
 * library's for everything in the process, the engine, its threads and OpenBLAS included, and counts.
 *
 * usage: allocations MODEL... (a path ending in .onnx, or a name under shared/models; skipped where there is none) */
#include "check.h"
#include "onyx.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

void *__libc_malloc(size_t bytes);
void *__libc_calloc(size_t count, size_t bytes);
void *__libc_realloc(void *memory, size_t bytes);
void *__libc_memalign(size_t alignment, size_t bytes);
void __libc_free(void *memory);

static atomic_long calls;

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wmissing-prototypes"
#endif

void *malloc(size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_calloc(count, bytes);
}

void *realloc(void *memory, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_realloc(memory, bytes);
}

void *aligned_alloc(size_t alignment, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    return __libc_memalign(alignment, bytes);
}

int posix_memalign(void **memory, size_t alignment, size_t bytes)
{
    atomic_fetch_add(&calls, 1);
    *memory = __libc_memalign(alignment, bytes);
    return *memory ? 0 : ENOMEM;
}

void free(void *memory)
{
    __libc_free(memory);
}

enum { RUNS = 100, WARMUP = 3 };

/* One picture through pre-processing, network and decoder, as an application does it. */
static onyx_status look(onyx_session *session, onyx_recipe *recipe, const onyx_image *image, bool decode,
                        onyx_error *error)
{
    onyx_geometry geometry;
    onyx_detection found[100];
    onyx_outputs *outputs = NULL;
    int count;
    onyx_status status = onyx_session_set_image(session, image, onyx_recipe_preprocess(recipe), &geometry, error);
    if (!status)
        status = onyx_session_run(session, &outputs, error);
    if (!status && decode)
        status = onyx_recipe_decode(recipe, outputs, &geometry, 0.25f, 0.45f, found, 100, &count, error);
    if (outputs)
        onyx_outputs_unref(outputs);
    return status;
}

static void check_model(const char *path, int threads)
{
    static uint8_t pixels[640 * 480 * 3];
    onyx_options options = ONYX_OPTIONS(.threads = threads);
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_recipe *recipe = NULL;
    onyx_error error = { .message = "" };
    for (size_t i = 0; i < sizeof pixels; i++)
        pixels[i] = (uint8_t)(i * 2654435761u >> 24);
    onyx_image image = { ONYX_PIXEL_RGB, 640, 480, { pixels }, { 640 * 3 }, ONYX_MATRIX_BT601, false };

    onyx_status status = onyx_model_open(path, &options, &model, &error);
    if (!status)
        status = onyx_session_new(model, NULL, &session, &error);
    if (!status)
        status = onyx_recipe_new(model, &recipe, &error);
    /* Not every model has a head that is read as boxes: then the run alone is checked. */
    bool decode = !status && look(session, recipe, &image, true, &error) == ONYX_OK;
    for (int i = 0; i < WARMUP && !status; i++)
        status = look(session, recipe, &image, decode, &error);
    long before = atomic_load(&calls);
    for (int i = 0; i < RUNS && !status; i++)
        status = look(session, recipe, &image, decode, &error);
    long during = atomic_load(&calls) - before;
    if (CHECK(status == ONYX_OK, "%s, %d threads: %s", path, threads, error.message))
        CHECK(during == 0, "%s, %d threads: %ld allocations in %d runs", path, threads, during, RUNS);
    if (recipe)
        onyx_recipe_free(recipe);
    if (session)
        onyx_session_free(session);
    onyx_model_unref(model);
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
        check_model(path, 1);
        check_model(path, 2);
    }
    return check_done();
}
