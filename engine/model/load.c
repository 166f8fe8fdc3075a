/* SPDX-License-Identifier: BSD-2-Clause
 *
 * map -> scan -> unpack -> convert -> upgrade. What exists only during the load (the reduced copy, the unpacked
 * messages) is charged to the same budget as what stays. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "model/convert.h"
#include "model/mapping.h"
#include "model/model.h"
#include "model/wire.h"
#include "onnx.pb-c.h"

#define DEFAULT_MODEL_BYTES ((uint64_t)64 << 30)
#define DEFAULT_NODES 1000000

/* The options with defaults filled in; a caller built against an older header has a shorter struct. */
static onyx_options complete(const onyx_options *given)
{
    onyx_options o = { 0 };
    if (given)
        memcpy(&o, given, MIN(given->size, sizeof o));
    if (!o.max_model_bytes)
        o.max_model_bytes = (size_t)MIN(DEFAULT_MODEL_BYTES, (uint64_t)SIZE_MAX);
    o.max_memory_bytes = memory_limit(&o);
    if (!o.max_nodes)
        o.max_nodes = DEFAULT_NODES;
    return o;
}

__attribute__((format(printf, 3, 4))) static void note(const onyx_options *options, onyx_log_level level,
                                                       const char *format, ...)
{
    char message[512];
    if (!options->log)
        return;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    options->log(level, message, options->log_user);
}

/* What people hand over instead of a model, told by its first bytes. NULL: nothing known. */
static const char *other_format(const uint8_t *data, size_t size)
{
    static const struct {
        size_t offset;
        const char *bytes, *what;
    } formats[] = {
        { 0, "version https://git-lfs", "a git-lfs pointer: the model itself has not been fetched (git lfs pull)" },
        { 0, "<!DOCTYPE", "an HTML page (a download that failed?)" },
        { 0, "<!doctype", "an HTML page (a download that failed?)" },
        { 0, "<html", "an HTML page (a download that failed?)" },
        { 0, "<?xml", "an XML file (an OpenVINO model?)" },
        { 0, "PK\003\004", "a zip archive (a PyTorch file? export it to ONNX, or unpack it)" },
        { 0, "\037\213", "a gzip archive: unpack it" },
        { 0, "7z\274\257", "a 7z archive: unpack it" },
        { 0, "\200\002", "a Python pickle (a PyTorch file? export it to ONNX)" },
        { 0, "\211HDF", "an HDF5 file (a Keras model?)" },
        { 0, "\211PNG", "a PNG picture" },
        { 0, "\377\330\377", "a JPEG picture" },
        { 0, "\177ELF", "a program or library" },
        { 0, "GGUF", "a GGUF file" },
        { 0, "7767517", "an ncnn model" },
        { 4, "TFL3", "a TensorFlow Lite model" },
        { 4, "ORTM", "a model in ONNX Runtime's own format" },
        { 4, "ftyp", "an MP4 video" },
    };
    for (size_t i = 0; i < ARRAY_LENGTH(formats); i++) {
        size_t length = strlen(formats[i].bytes);
        if (size >= formats[i].offset + length && memcmp(data + formats[i].offset, formats[i].bytes, length) == 0)
            return formats[i].what;
    }
    size_t zeros = 0;
    while (zeros < size && zeros < 64 && data[zeros] == 0)
        zeros++;
    return zeros == MIN(size, 64) ? "nothing but zeros (a download that was not finished?)" : NULL;
}

static onyx_status check_first_bytes(const model_mapping *file, onyx_error *error)
{
    if (file->size == 0)
        return status_fail(error, ONYX_ERROR_FORMAT, "this is no ONNX model: the file is empty");
    const char *what = other_format(file->data, file->size);
    if (what)
        return status_fail(error, ONYX_ERROR_FORMAT, "this is no ONNX model, but %s", what);
    return ONYX_OK;
}

/* The scan and everything after it; file->arena and file->mappings stand. `limit` bytes may be used besides the arena.
 */
static onyx_status load_scanned(model_file *file, const wire_scan *scan, size_t limit, const onyx_options *options,
                                onyx_error *error)
{
    ProtobufCMessage *message;
    arena *scratch = arena_new(limit);
    if (!scratch)
        return status_no_memory(error, 0, "unpacking");
    tensor_reader reader = { .arena = file->arena,
                             .scan = scan,
                             .files = file->mappings,
                             .max_model_bytes = options->max_model_bytes,
                             .error = error };
    onyx_status status = wire_unpack(&onnx__model_proto__descriptor, scan, scratch, &message, error);
    if (!status)
        status = convert_model(file, &reader, (const Onnx__ModelProto *)message);
    arena_free(scratch);
    return status;
}

static onyx_status load_mapped(model_file *file, const onyx_options *options, onyx_error *error)
{
    wire_scan scan;
    const model_mapping *own = file->mappings;
    STATUS_TRY(check_first_bytes(own, error));
    wire_limits limits = { .max_nodes = options->max_nodes, .max_bytes = options->max_memory_bytes / 3 };
    onyx_status status = wire_reduce(&onnx__model_proto__descriptor, own->data, own->size, &limits, &scan, error);
    if (!status)
        status = load_scanned(file, &scan, limits.max_bytes, options, error);
    wire_free(&scan);
    STATUS_TRY(status);
    STATUS_TRY(mapping_check(file->mappings, error));
    if (file->ir_version > MODEL_NEWEST_IR)
        note(options, ONYX_LOG_WARNING, "%s: IR version %lld is newer than the newest known, %d", file->path,
             (long long)file->ir_version, MODEL_NEWEST_IR);
    if (model_opset_version(file, "") > MODEL_NEWEST_OPSET)
        note(options, ONYX_LOG_WARNING, "%s: opset %d is newer than the newest known, %d", file->path,
             model_opset_version(file, ""), MODEL_NEWEST_OPSET);
    return model_upgrade(file, error);
}

static onyx_status model_new(const char *path, const onyx_options *options, model_file **file, onyx_error *error)
{
    model_file *f = calloc(1, sizeof *f);
    if (!f)
        return status_no_memory(error, sizeof *f, "a model");
    /* A third each for the reduced copy, the unpacked messages and what stays. */
    f->arena = arena_new(options->max_memory_bytes / 3);
    f->path = f->arena ? arena_string(f->arena, path, strlen(path)) : NULL;
    f->max_nodes = options->max_nodes;
    if (!f->path) {
        model_free(f);
        return status_no_memory(error, sizeof *f, "a model");
    }
    *file = f;
    return ONYX_OK;
}

/* Ends both ways of loading: on failure the message gets the path, and the file goes. */
static onyx_status finish(model_file *f, onyx_status status, model_file **file, onyx_error *error)
{
    if (status) {
        status_context(error, status, "%s", f->path);
        model_free(f);
        return status;
    }
    *file = f;
    return ONYX_OK;
}

onyx_status model_load(const char *path, const onyx_options *options, model_file **file, onyx_error *error)
{
    model_file *f;
    onyx_options o = complete(options);
    if (!path || !file)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "model_load: path or file is NULL");
    STATUS_TRY(model_new(path, &o, &f, error));
    onyx_status status = mapping_open(f->arena, path, o.max_model_bytes, &f->mappings, error);
    if (!status)
        status = load_mapped(f, &o, error);
    return finish(f, status, file, error);
}

onyx_status model_load_memory(const void *bytes, size_t size_bytes, const char *name, const onyx_options *options,
                              model_file **file, onyx_error *error)
{
    model_file *f;
    onyx_options o = complete(options);
    if ((!bytes && size_bytes) || !file)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "model_load_memory: bytes or file is NULL");
    STATUS_TRY(model_new(name ? name : "(memory)", &o, &f, error));
    onyx_status status = ONYX_OK;
    if (size_bytes > o.max_model_bytes)
        status = status_fail(error, ONYX_ERROR_LIMIT, "%zu bytes are more than %zu (max_model_bytes)", size_bytes,
                             o.max_model_bytes);
    if (!status)
        status = mapping_wrap(f->arena, f->path, bytes, size_bytes, &f->mappings, error);
    if (!status)
        status = load_mapped(f, &o, error);
    return finish(f, status, file, error);
}

void model_free(model_file *file)
{
    if (!file)
        return;
    mapping_close(file->mappings);
    arena_free(file->arena);
    free(file);
}

void model_drop_pages(const model_file *file)
{
    mapping_drop_pages(file->mappings);
}

void model_drop_bytes(const model_file *file, const void *bytes, size_t size)
{
    mapping_drop_bytes(file->mappings, bytes, size);
}

onyx_status model_check_unchanged(const model_file *file, onyx_error *error)
{
    onyx_status status = mapping_check(file->mappings, error);
    return status ? status_context(error, status, "%s", file->path) : ONYX_OK;
}

int model_opset_version(const model_file *file, const char *domain)
{
    if (strcmp(domain, "ai.onnx") == 0)
        domain = "";
    for (int i = 0; i < file->opset_count; i++)
        if (strcmp(file->opsets[i].domain, domain) == 0)
            return file->opsets[i].version;
    return 0;
}
