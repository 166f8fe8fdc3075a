/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Packed weights: programs of other shapes use what is there, with the same results as a model that packs for itself;
 * what no program uses any more is freed. */
#include <string.h>

#include "net.h"
#include "run/run.h"

static onyx_model *open_net(const writer *bytes, int threads)
{
    const onyx_options options = ONYX_OPTIONS(.threads = threads);
    onyx_model *model = NULL;
    onyx_error error = { .message = "" };
    CHECK(onyx_model_open_memory(bytes->data, bytes->size, "net", &options, &model, &error) == ONYX_OK, "%s",
          error.message);
    return model;
}

/* y of a model that has never seen another shape. */
static bool alone(const writer *bytes, int height, int width, float y[NET_OUTPUTS])
{
    onyx_model *model = open_net(bytes, 1);
    onyx_session *session = model ? net_session(model, height, width, 7) : NULL;
    const bool ran = session && net_run(session, y);
    onyx_session_free(session);
    onyx_model_unref(model);
    return ran;
}

static size_t program_bytes(const onyx_session *session)
{
    onyx_session_info info = { .size = sizeof(info) };
    onyx_session_describe(session, &info);
    return info.packed_weight_bytes;
}

/* Images large enough that the same algorithms serve them all: another algorithm has another form. */
static void test_shapes_share(const writer *bytes)
{
    static const int sizes[][2] = { { 160, 144 }, { 160, 160 }, { 152, 152 }, { 161, 145 } };
    enum { COUNT = sizeof(sizes) / sizeof(sizes[0]) };
    onyx_session *sessions[COUNT] = { 0 };
    onyx_model *model = open_net(bytes, 2);
    size_t first = 0;
    for (int i = 0; model && i < COUNT; i++) {
        sessions[i] = net_session(model, sizes[i][0], sizes[i][1], 7);
        if (!sessions[i])
            break;
        if (i == 0)
            first = packed_store_bytes(model->store);
        const size_t own = program_bytes(sessions[i]);
        CHECK(first > 1 << 20 && own > 1 << 20, "the first program packs %zu bytes, program %d has %zu", first, i, own);
        CHECK(packed_store_bytes(model->store) < first + first / 2, "%zu bytes after shape %d, %zu after the first",
              packed_store_bytes(model->store), i, first);
        float y[NET_OUTPUTS], expected[NET_OUTPUTS];
        if (net_run(sessions[i], y) && alone(bytes, sizes[i][0], sizes[i][1], expected))
            CHECK(memcmp(y, expected, sizeof(y)) == 0, "%d x %d: other bits beside other shapes than alone",
                  sizes[i][0], sizes[i][1]);
    }
    for (int i = 0; i < COUNT; i++)
        onyx_session_free(sessions[i]);
    onyx_model_unref(model);
}

/* Two sessions of one shape are one program. */
static void test_sessions_share(const writer *bytes)
{
    onyx_model *model = open_net(bytes, 1);
    onyx_session *a = model ? net_session(model, 64, 96, 1) : NULL;
    const size_t before = a ? packed_store_bytes(model->store) : 0;
    onyx_session *b = a ? net_session(model, 64, 96, 2) : NULL;
    CHECK(b && a->program == b->program && packed_store_bytes(model->store) == before, "a second session packs again");
    onyx_session_free(a);
    onyx_session_free(b);
    onyx_model_unref(model);
}

/* Far more shapes than programs are kept: the store holds no more than the kept ones share out, which is the same when
 * the shapes come round again. Algorithms differ with the shape and the machine's caches, and so do their forms: direct
 * and two of Winograd. */
static void test_many_shapes(const writer *bytes)
{
    enum { SHAPES = COMPILED_KEPT + COMPILED_KEPT / 2 };
    onyx_model *model = open_net(bytes, 2);
    onyx_session *session = model ? net_session(model, 32, 32, 7) : NULL;
    size_t first_round[SHAPES] = { 0 }, largest = session ? program_bytes(session) : 0;
    for (int i = 0; session && i < 2 * SHAPES; i++) {
        const onyx_tensor shape = net_shape(33 + i % SHAPES, 40);
        onyx_error error = { .message = "" };
        CHECK(onyx_session_reshape(session, &shape, &error) == ONYX_OK, "%s", error.message);
        const size_t held = packed_store_bytes(model->store), own = program_bytes(session);
        largest = own > largest ? own : largest;
        CHECK(held < 3 * largest, "%zu bytes after %d shapes, the largest packs %zu", held, i + 2, largest);
        if (i < SHAPES)
            first_round[i] = held;
        else if (i % SHAPES >= COMPILED_KEPT)
            CHECK(held == first_round[i % SHAPES], "shape %d: %zu bytes, %zu in the round before", i, held,
                  first_round[i % SHAPES]);
    }
    float y[NET_OUTPUTS], expected[NET_OUTPUTS];
    onyx_session *again = session ? net_session(model, 96, 64, 7) : NULL;
    if (again && net_run(again, y) && alone(bytes, 96, 64, expected))
        CHECK(memcmp(y, expected, sizeof(y)) == 0, "other bits after many shapes");
    onyx_session_free(again);
    onyx_session_free(session);
    onyx_model_unref(model);
}

/* What the weights of the network take packed for 64 x 64, whichever algorithms are chosen there. */
static size_t packed_bytes(const writer *bytes)
{
    onyx_model *model = open_net(bytes, 1);
    onyx_session *session = model ? net_session(model, 64, 64, 1) : NULL;
    const size_t packed = session ? packed_store_bytes(model->store) : 0;
    onyx_session_free(session);
    onyx_model_unref(model);
    return packed;
}

/* A budget that the packed weights pass by a byte. */
static void test_limit(const writer *bytes)
{
    const size_t packed = packed_bytes(bytes);
    const onyx_options options = ONYX_OPTIONS(.threads = 1, .max_memory_bytes = packed - 1);
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_error error = { .message = "" };
    const onyx_tensor shape = net_shape(64, 64);
    CHECK(packed > 1 << 20, "%zu bytes packed", packed);
    onyx_status status = onyx_model_open_memory(bytes->data, bytes->size, "net", &options, &model, &error);
    if (status == ONYX_OK)
        status = onyx_session_new(model, &shape, &session, &error);
    CHECK(status == ONYX_ERROR_LIMIT && strstr(error.message, "max_memory_bytes"), "status %d, '%s'", status,
          error.message);
    onyx_session_free(session);
    onyx_model_unref(model);
}

int main(void)
{
    writer bytes = net_bytes();
    test_shapes_share(&bytes);
    test_sessions_share(&bytes);
    test_many_shapes(&bytes);
    test_limit(&bytes);
    writer_free(&bytes);
    return check_done();
}
