/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A model's file that is cut while sessions run: these need it no more, and a new program says that it has changed. (A
 * page of a mapped file that has gone would end the process.) */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

enum { WIDTH = 64, ROWS = 4096 / WIDTH, COUNT = ROWS * WIDTH };

/* y = x + c, of one shape: c is read as it is. */
static writer sum_bytes(void)
{
    writer body = { 0 }, tensor = make_tensor("c", ONYX_TYPE_FLOAT32, 2, (int64_t[]){ ROWS, WIDTH }), node = { 0 };
    float values[COUNT];
    for (int i = 0; i < COUNT; i++)
        values[i] = (float)i;
    write_bytes(&tensor, 9, values, sizeof(values));
    write_message(&body, 5, &tensor);
    write_text(&node, 1, "x");
    write_text(&node, 1, "c");
    write_text(&node, 2, "y");
    write_text(&node, 4, "Add");
    write_message(&body, 1, &node);
    writer x = make_value("x", ONYX_TYPE_FLOAT32, ROWS, WIDTH), y = make_value("y", ONYX_TYPE_FLOAT32, ROWS, WIDTH);
    write_message(&body, 11, &x);
    write_message(&body, 12, &y);
    return make_model(&body);
}

static onyx_model *open_stored(const writer *bytes, char *path)
{
    onyx_model *model = NULL;
    onyx_error error = { .message = "" };
    const int descriptor = mkstemp(path);
    const bool stored = descriptor >= 0 && write(descriptor, bytes->data, bytes->size) == (ssize_t)bytes->size;
    CHECK(stored && onyx_model_open(path, NULL, &model, &error) == ONYX_OK, "%s: %s", path, error.message);
    if (descriptor >= 0)
        close(descriptor);
    return model;
}

static void test_run(void)
{
    char path[] = "/tmp/onyx-changed-XXXXXX";
    writer bytes = sum_bytes();
    onyx_model *model = open_stored(&bytes, path);
    onyx_session *session = NULL;
    onyx_outputs *outputs = NULL;
    onyx_tensor x, y = { 0 };
    onyx_error error = { .message = "" };

    CHECK(model && truncate(path, 0) == 0 && onyx_session_new(model, NULL, &session, &error) == ONYX_OK &&
              onyx_session_input(session, 0, &x, &error) == ONYX_OK,
          "%s", error.message);
    if (session) {
        memset(x.data, 0, x.size_bytes);
        CHECK(onyx_session_run(session, &outputs, &error) == ONYX_OK && onyx_outputs_get(outputs, 0, &y) == ONYX_OK,
              "%s", error.message);
        int wrong = y.data ? 0 : COUNT;
        for (int i = 0; y.data && i < COUNT; i++)
            wrong += ((const float *)y.data)[i] != (float)i;
        CHECK(wrong == 0, "%d of %d elements are wrong once the file is cut", wrong, COUNT);
        onyx_outputs_unref(outputs);
    }
    onyx_session_free(session);
    onyx_model_unref(model);
    unlink(path);
    writer_free(&bytes);
}

static void test_new_shape(void)
{
    char path[] = "/tmp/onyx-changed-XXXXXX";
    writer bytes = net_bytes();
    onyx_model *model = open_stored(&bytes, path);
    onyx_session *session = model ? net_session(model, 64, 64, 7) : NULL, *other = NULL;
    const onyx_tensor known = net_shape(64, 64), fresh = net_shape(48, 80);
    onyx_error error = { .message = "" };
    float before[NET_OUTPUTS], after[NET_OUTPUTS];

    if (session && net_run(session, before) && CHECK(truncate(path, 0) == 0, "truncate")) {
        CHECK(net_run(session, after) && memcmp(before, after, sizeof(before)) == 0, "another result");
        CHECK(onyx_session_new(model, &fresh, &other, &error) == ONYX_ERROR_IO && strstr(error.message, "changed") &&
                  strstr(error.message, path),
              "a new shape: %s", error.message);
        CHECK(onyx_session_new(model, &known, &other, &error) == ONYX_OK, "a known shape: %s", error.message);
    }
    onyx_session_free(other);
    onyx_session_free(session);
    onyx_model_unref(model);
    unlink(path);
    writer_free(&bytes);
}

int main(void)
{
    test_run();
    test_new_shape();
    return check_done();
}
