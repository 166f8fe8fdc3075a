/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Sessions side by side: of one model in several threads, of several models, with shapes that are compiled meanwhile.
 * Every run has the bits that it has alone. Idle sessions use no processor time. Meant to be run under TSan as well. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "net.h"

enum { THREADS = 3, SHAPES = 3 };
static const int sizes[SHAPES][2] = { { 64, 64 }, { 48, 80 }, { 65, 33 } };

typedef struct stream {
    onyx_model *model;
    const float (*expected)[NET_OUTPUTS];
    int first, runs, wrong;
} stream;

static onyx_model *open_net(const writer *bytes, int threads)
{
    const onyx_options options = ONYX_OPTIONS(.threads = threads);
    onyx_model *model = NULL;
    onyx_error error = { .message = "" };
    CHECK(onyx_model_open_memory(bytes->data, bytes->size, "net", &options, &model, &error) == ONYX_OK, "%s",
          error.message);
    return model;
}

/* No CHECK here: its counts belong to the main thread. */
static bool run_once(onyx_session *session, float y[NET_OUTPUTS])
{
    onyx_outputs *outputs = NULL;
    onyx_tensor t;
    if (onyx_session_run(session, &outputs, NULL) || onyx_outputs_get(outputs, 0, &t))
        return false;
    memcpy(y, t.data, sizeof(float) * NET_OUTPUTS);
    onyx_outputs_unref(outputs);
    return true;
}

static void fill(onyx_session *session)
{
    onyx_tensor x;
    if (onyx_session_input(session, 0, &x, NULL))
        return;
    uint32_t state = 7;
    for (size_t i = 0; i < x.size_bytes / sizeof(float); i++) {
        state = state * 1664525u + 1013904223u;
        ((float *)x.data)[i] = (float)(state >> 8) / (float)(1 << 24);
    }
}

/* Under valgrind a fused multiply-add takes a thousand times as long; who waits for whom is the same in plain C. */
static bool is_slow(void)
{
    return getenv("ONYX_TEST_ROUNDS") != NULL;
}

static void *run_stream(void *context)
{
    stream *s = context;
    for (int k = 0; k < SHAPES; k++) {
        const int size = (s->first + k) % SHAPES;
        const onyx_tensor shape = net_shape(sizes[size][0], sizes[size][1]);
        onyx_session *session = NULL;
        float y[NET_OUTPUTS];
        if (onyx_session_new(s->model, &shape, &session, NULL)) {
            s->wrong++;
            continue;
        }
        fill(session);
        for (int i = 0; i < s->runs; i++)
            s->wrong += !run_once(session, y) || memcmp(y, s->expected[size], sizeof(y)) != 0;
        onyx_session_free(session);
    }
    return NULL;
}

static void test_streams(const writer *bytes, const float (*expected)[NET_OUTPUTS], int threads, int models)
{
    onyx_model *opened[THREADS] = { NULL };
    pthread_t handles[THREADS];
    stream streams[THREADS];
    for (int i = 0; i < models; i++)
        opened[i] = open_net(bytes, threads);
    for (int i = 0; i < THREADS; i++) {
        streams[i] = (stream){ .model = opened[i % models], .expected = expected, .first = i, .runs = is_slow() ? 2 : 6 };
        pthread_create(&handles[i], NULL, run_stream, &streams[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(handles[i], NULL);
        CHECK(streams[i].wrong == 0, "%d threads, %d models: %d runs of stream %d are wrong", threads, models,
              streams[i].wrong, i);
    }
    for (int i = 0; i < models; i++)
        onyx_model_unref(opened[i]);
}

static int64_t process_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The least of three looks, so that a busy machine's accounting does not count. */
static void test_idle(const writer *bytes)
{
    onyx_model *model = open_net(bytes, 4);
    onyx_session *session = model ? net_session(model, 64, 64, 7) : NULL;
    int64_t least = INT64_MAX;
    float y[NET_OUTPUTS];
    for (int look = 0; session && look < 3; look++) {
        net_run(session, y);
        nanosleep(&(struct timespec){ .tv_nsec = 20000000 }, NULL);
        const int64_t before = process_ns();
        nanosleep(&(struct timespec){ .tv_nsec = 200000000 }, NULL);
        const int64_t used = process_ns() - before;
        least = used < least ? used : least;
    }
    CHECK(least < 2000000, "an idle session with 4 threads used %lld us of processor time in 200 ms",
          (long long)least / 1000);
    onyx_session_free(session);
    onyx_model_unref(model);
}

static void keep_log(onyx_log_level level, const char *message, void *user)
{
    (void)level;
    snprintf(user, 512, "%s", message);
}

/* The engine says what becomes of a precision that the processor does not have, and gives fp32's bits. */
static void test_precision(const writer *bytes, const float expected[NET_OUTPUTS])
{
    static const struct {
        onyx_precision precision;
        const char *name;
    } wishes[] = { { ONYX_PRECISION_BF16, "bf16" }, { ONYX_PRECISION_FP16, "fp16" }, { ONYX_PRECISION_FP32, NULL } };
    for (size_t i = 0; i < sizeof(wishes) / sizeof(wishes[0]); i++) {
        char said[512] = "";
        const onyx_options options =
            ONYX_OPTIONS(.threads = 1, .precision = wishes[i].precision, .log = keep_log, .log_user = said);
        onyx_model *model = NULL;
        float y[NET_OUTPUTS];
        CHECK(onyx_model_open_memory(bytes->data, bytes->size, "net", &options, &model, NULL) == ONYX_OK,
              "precision %zu", i);
        onyx_session *session = model ? net_session(model, sizes[0][0], sizes[0][1], 7) : NULL;
        if (!wishes[i].name)
            CHECK(!said[0], "fp32 is nothing to talk about, but: %s", said);
        else if (said[0] && session && net_run(session, y))
            CHECK(strstr(said, wishes[i].name) && strstr(said, "computed in fp32") &&
                      memcmp(y, expected, sizeof(y)) == 0,
                  "%s: '%s'", wishes[i].name, said);
        onyx_session_free(session);
        onyx_model_unref(model);
    }
}

static void test_options(const writer *bytes)
{
    static const struct {
        int threads, precision;
        const char *word;
    } cases[] = { { -1, 0, "-1 threads" },
                  { 100000, 0, "100000 threads" },
                  { 1, -1, "precision -1" },
                  { 1, ONYX_PRECISION_FP16 + 1, "precision 5" } };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const onyx_options options =
            ONYX_OPTIONS(.threads = cases[i].threads, .precision = (onyx_precision)cases[i].precision);
        onyx_model *model = NULL;
        onyx_error error = { .message = "" };
        CHECK(onyx_model_open_memory(bytes->data, bytes->size, "net", &options, &model, &error) ==
                      ONYX_ERROR_ARGUMENT &&
                  strstr(error.message, cases[i].word),
              "options %zu: %s", i, error.message);
        onyx_model_unref(model);
    }
}

int main(void)
{
    if (is_slow())
        setenv("ONYX_CPU", "c", 1);
    writer bytes = net_bytes();
    float expected[SHAPES][NET_OUTPUTS];
    for (int i = 0; i < SHAPES; i++) {
        onyx_model *model = open_net(&bytes, 1);
        onyx_session *session = model ? net_session(model, sizes[i][0], sizes[i][1], 7) : NULL;
        if (!session || !net_run(session, expected[i]))
            return check_done();
        onyx_session_free(session);
        onyx_model_unref(model);
    }
    for (int threads = 1; threads <= 4; threads++)
        test_streams(&bytes, expected, threads, 1);
    test_streams(&bytes, expected, 2, 2);
    test_idle(&bytes);
    test_precision(&bytes, expected[0]);
    test_options(&bytes);
    writer_free(&bytes);
    return check_done();
}
