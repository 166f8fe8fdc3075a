/* SPDX-License-Identifier: BSD-2-Clause
 *
 * External data: read where it is allowed, refused with a reason everywhere else. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/size.h"
#include "check.h"
#include "model/model.h"
#include "wire_writer.h"

static char folder[] = "/tmp/onyx-external-XXXXXX";

static void in_folder(char path[static 256], const char *name)
{
    snprintf(path, 256, "%s/%s", folder, name);
}

static void store(const char *name, const void *data, size_t size)
{
    char path[256];
    in_folder(path, name);
    FILE *file = fopen(path, "wb");
    if (!CHECK(file && fwrite(data, 1, size, file) == size, "%s is written", path))
        exit(1);
    fclose(file);
}

static void write_pair(writer *tensor, const char *key, const char *value)
{
    writer pair = { 0 };
    write_text(&pair, 1, key);
    write_text(&pair, 2, value);
    write_message(tensor, 13, &pair);
}

/* A model in the folder "models" with one initializer of 4 floats at `location`. */
static writer model_with(const char *location, const char *offset, const char *length)
{
    writer graph = { 0 }, tensor = make_tensor("w", ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 4 });
    if (location)
        write_pair(&tensor, "location", location);
    if (offset)
        write_pair(&tensor, "offset", offset);
    if (length)
        write_pair(&tensor, "length", length);
    write_int(&tensor, 14, 1);
    write_message(&graph, 5, &tensor);
    return make_model(&graph);
}

static onyx_status load(writer *model, float *first, onyx_error *error)
{
    char path[256];
    model_file *file = NULL;
    store("models/model.onnx", model->data, model->size);
    writer_free(model);
    in_folder(path, "models/model.onnx");
    onyx_status status = model_load(path, NULL, &file, error);
    if (!status) {
        memcpy(first, file->graph->initializers[0].tensor.data, sizeof *first);
        model_drop_pages(file);
        model_free(file);
    }
    return status;
}

int main(void)
{
    static const struct {
        const char *location, *offset, *length;
        onyx_status status;
        const char *word; /* of the message */
        float first;
    } cases[] = {
        { "w.bin", NULL, NULL, ONYX_OK, "", 0 },
        { "w.bin", "4", "16", ONYX_OK, "", 1 },
        { "./w.bin", "16", NULL, ONYX_OK, "", 4 },
        { "sub/deep/w.bin", NULL, "16", ONYX_OK, "", 0 },
        { "sub//deep/./w.bin", NULL, "16", ONYX_OK, "", 0 },
        { "w.bin", "17", NULL, ONYX_ERROR_FORMAT, "which has only 32", 0 },
        { "w.bin", "18446744073709551615", NULL, ONYX_ERROR_FORMAT, "which has only 32", 0 },
        { "w.bin", "18446744073709551616", NULL, ONYX_ERROR_FORMAT, "no number", 0 },
        { "w.bin", "-4", NULL, ONYX_ERROR_FORMAT, "no number", 0 },
        { "w.bin", "4x", NULL, ONYX_ERROR_FORMAT, "no number", 0 },
        { "w.bin", "", NULL, ONYX_ERROR_FORMAT, "no number", 0 },
        { "w.bin", NULL, "12", ONYX_ERROR_FORMAT, "need 16 bytes", 0 },
        { NULL, NULL, NULL, ONYX_ERROR_FORMAT, "no location", 0 },
        { "missing.bin", NULL, NULL, ONYX_ERROR_IO, "'missing.bin' cannot be opened: No such file", 0 },
        { "../secret.bin", NULL, NULL, ONYX_ERROR_FORMAT, "not beneath", 0 },
        { "sub/../../secret.bin", NULL, NULL, ONYX_ERROR_FORMAT, "not beneath", 0 },
        { "sub/..", NULL, NULL, ONYX_ERROR_FORMAT, "not beneath", 0 },
        { "..", NULL, NULL, ONYX_ERROR_FORMAT, "not beneath", 0 },
        { "/etc/passwd", NULL, NULL, ONYX_ERROR_FORMAT, "not beneath", 0 },
        { "", NULL, NULL, ONYX_ERROR_FORMAT, "not beneath", 0 },
        { "link.bin", NULL, NULL, ONYX_ERROR_IO, "links are not followed", 0 },
        { "linked/secret.bin", NULL, NULL, ONYX_ERROR_IO, "links are not followed", 0 },
        { "hard.bin", NULL, NULL, ONYX_ERROR_IO, "2 names", 0 },
        { "sub", NULL, NULL, ONYX_ERROR_IO, "folder", 0 },
        { "fifo", NULL, NULL, ONYX_ERROR_IO, "no regular file", 0 },
        { "w.bin/x", NULL, NULL, ONYX_ERROR_IO, "cannot be opened", 0 },
        { "empty.bin", NULL, NULL, ONYX_ERROR_FORMAT, "has only 0", 0 },
    };
    const float data[8] = { 0, 1, 2, 3, 4, 5, 6, 7 };
    char path[256], other[256], command[64];
    if (!mkdtemp(folder)) {
        check_skip("no folder for temporary files");
        return check_done();
    }
    static const char *const folders[] = { "models", "models/sub", "models/sub/deep", "outside" };
    for (size_t i = 0; i < ARRAY_LENGTH(folders); i++) {
        in_folder(path, folders[i]);
        CHECK(mkdir(path, 0700) == 0, "%s", path);
    }
    store("models/w.bin", data, sizeof data);
    store("models/sub/deep/w.bin", data, sizeof data);
    store("models/empty.bin", data, 0);
    store("secret.bin", data, sizeof data);
    store("outside/secret.bin", data, sizeof data);
    in_folder(path, "models/link.bin");
    CHECK(symlink("../secret.bin", path) == 0, "symlink");
    in_folder(path, "models/linked");
    CHECK(symlink("../outside", path) == 0, "symlink of a folder");
    in_folder(path, "secret.bin");
    in_folder(other, "models/hard.bin");
    CHECK(link(path, other) == 0, "link");
    in_folder(path, "models/fifo");
    CHECK(mkfifo(path, 0600) == 0, "mkfifo");

    for (size_t i = 0; i < ARRAY_LENGTH(cases); i++) {
        onyx_error error = { 0 };
        float first = -1;
        writer model = model_with(cases[i].location, cases[i].offset, cases[i].length);
        onyx_status status = load(&model, &first, &error);
        CHECK(status == cases[i].status && strstr(error.message, cases[i].word) && (status || first == cases[i].first),
              "location '%s', offset '%s': %s, '%s', %g", cases[i].location, cases[i].offset, onyx_status_name(status),
              error.message, first);
    }

    writer model = model_with("w.bin", NULL, NULL);
    model_file *file = NULL;
    onyx_error error = { 0 };
    CHECK(model_load_memory(model.data, model.size, "m", NULL, &file, &error) == ONYX_ERROR_UNSUPPORTED,
          "external data of a model from memory: %s", error.message);

    /* The model itself may be reached through a link, and its folder is where the link lies. */
    store("models/real.onnx", model.data, model.size);
    in_folder(path, "models/alias.onnx");
    CHECK(symlink("real.onnx", path) == 0 && model_load(path, NULL, &file, &error) == ONYX_OK, "%s", error.message);
    in_folder(path, "models/real.onnx");
    CHECK(truncate(path, 10) == 0 && model_check_unchanged(file, &error) == ONYX_ERROR_IO, "a truncated file");
    model_free(file);
    writer_free(&model);

    /* A folder of links to the files of another one, where these have other names; and what else such links may name.
     */
    static const struct {
        const char *name, *target;
        bool good;
    } links[] = { { "w.bin", "../blobs/0f", true },      { "w.bin", "../secret.bin", false },
                  { "w.bin", "../blobs/sub/0f", false }, { "w.bin", "../blobs/linked", false },
                  { "w.bin", "../blobs/hard", false },   { "w.bin", "../blobs", false },
                  { "w.bin", "../blobs/none", false } };
    model = model_with("w.bin", NULL, NULL);
    static const char *const more[] = { "blobs", "blobs/sub", "snapshot" };
    for (size_t i = 0; i < ARRAY_LENGTH(more); i++) {
        in_folder(path, more[i]);
        CHECK(mkdir(path, 0700) == 0, "%s", path);
    }
    store("blobs/0e", model.data, model.size);
    store("blobs/0f", data, sizeof data);
    store("blobs/sub/0f", data, sizeof data);
    in_folder(path, "blobs/linked");
    CHECK(symlink("../secret.bin", path) == 0, "symlink");
    in_folder(path, "secret.bin");
    in_folder(other, "blobs/hard");
    CHECK(link(path, other) == 0, "link");
    for (size_t i = 0; i < ARRAY_LENGTH(links); i++) {
        in_folder(path, "snapshot/w.bin");
        unlink(path);
        CHECK(symlink(links[i].target, path) == 0, "symlink");
        in_folder(path, "snapshot/model.onnx");
        unlink(path);
        CHECK(symlink("../blobs/0e", path) == 0, "symlink");
        const bool good = model_load(path, NULL, &file, &error) == ONYX_OK;
        CHECK(good == links[i].good, "a link to the model, and one to %s: %s", links[i].target, error.message);
        if (good)
            model_free(file);
        unlink(path); /* the same with a model that lies there itself */
        store("snapshot/model.onnx", model.data, model.size);
        CHECK(model_load(path, NULL, &file, &error) == ONYX_ERROR_IO, "a link to %s from a real folder",
              links[i].target);
    }
    writer_free(&model);

    snprintf(command, sizeof command, "rm -r %s", folder);
    CHECK(system(command) == 0, "%s", command);
    return check_done();
}
