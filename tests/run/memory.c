/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What opening a model takes at most: its weights packed, and not the file's pages beside these. */
#include <malloc.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "run/run.h"

enum { LAYERS = 16, WIDTH = 1024, ROWS = 32, WEIGHT_BYTES = WIDTH * WIDTH * 4 };

/* A product with a matrix of noise, and Relu. */
static void add_layer(writer *body, int i)
{
    char in[16], product[16], out[16], weights[16];
    snprintf(in, sizeof in, i ? "y%d" : "x", i - 1);
    snprintf(product, sizeof product, "p%d", i);
    snprintf(out, sizeof out, i < LAYERS - 1 ? "y%d" : "y", i);
    snprintf(weights, sizeof weights, "w%d", i);
    writer tensor = make_tensor(weights, ONYX_TYPE_FLOAT32, 2, (int64_t[]){ WIDTH, WIDTH });
    float *values = malloc(WEIGHT_BYTES);
    uint32_t state = (uint32_t)i;
    for (int k = 0; values && k < WIDTH * WIDTH; k++)
        values[k] = (float)((state = state * 1664525u + 1013904223u) >> 8) / (1 << 28) - 1.0f / 32;
    write_bytes(&tensor, 9, values, WEIGHT_BYTES);
    free(values);
    write_message(body, 5, &tensor);
    writer node = { 0 }, relu = make_node("Relu", product, out);
    write_text(&node, 1, in);
    write_text(&node, 1, weights);
    write_text(&node, 2, product);
    write_text(&node, 4, "MatMul");
    write_message(body, 1, &node);
    write_message(body, 1, &relu);
}

static bool store_model(int descriptor)
{
    writer body = { 0 };
    for (int i = 0; i < LAYERS; i++)
        add_layer(&body, i);
    writer x = make_value("x", ONYX_TYPE_FLOAT32, ROWS, WIDTH), y = make_value("y", ONYX_TYPE_FLOAT32, ROWS, WIDTH);
    write_message(&body, 11, &x);
    write_message(&body, 12, &y);
    writer model = make_model(&body);
    const bool stored = write(descriptor, model.data, model.size) == (ssize_t)model.size;
    writer_free(&model);
    return stored;
}

static size_t peak_bytes(void)
{
    struct rusage usage;
    return getrusage(RUSAGE_SELF, &usage) ? 0 : (size_t)usage.ru_maxrss * 1024;
}

/* In a process of its own, whose peak is that of nothing else. */
static int open_model(const char *path)
{
    const onyx_options options = ONYX_OPTIONS(.threads = 1);
    const size_t before = peak_bytes();
    onyx_model *model = NULL;
    onyx_error error = { .message = "" };
    if (CHECK(onyx_model_open(path, &options, &model, &error) == ONYX_OK, "%s", error.message)) {
        const size_t packed = packed_store_bytes(model->store), taken = peak_bytes() - before;
        CHECK(packed >= (size_t)LAYERS * WEIGHT_BYTES, "only %zu bytes are packed: nothing is tested", packed);
        CHECK(taken < packed + (size_t)LAYERS / 2 * WEIGHT_BYTES,
              "opening takes %zu bytes, of which %zu are packed weights; the file has %zu", taken, packed,
              (size_t)LAYERS * WEIGHT_BYTES);
    }
    onyx_model_unref(model);
    return check_failed;
}

int main(void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    check_skip("a sanitizer keeps what is freed");
    return check_done();
#endif
    mallopt(M_MMAP_THRESHOLD, 1 << 20); /* else large blocks that this process has freed keep later ones in the heap */
    char path[] = "/tmp/onyx-memory-XXXXXX";
    const int descriptor = mkstemp(path);
    int status = -1;
    if (CHECK(descriptor >= 0 && store_model(descriptor), "no temporary model")) {
        fflush(stdout);
        if (fork() == 0)
            exit(open_model(path));
        wait(&status);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "see above");
    close(descriptor);
    unlink(path);
    return check_done();
}
