/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See testset.h. Inputs are matched with the graph's by the name inside the file, else by their number. */
#include "testset.h"
#include "base/memory.h"
#include "command.h"
#include "model/model.h"

#include <assert.h>
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static void conclude(test_result *result, test_outcome outcome,
                                                           const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    result->outcome = outcome;
    vsnprintf(result->reason, sizeof result->reason, format, arguments);
    va_end(arguments);
}

/* The engine's refusal: what this build does not have is no failure of the test. */
static void conclude_error(test_result *result, onyx_status status, const onyx_error *error)
{
    conclude(result, status == ONYX_ERROR_UNSUPPORTED ? TEST_SKIPPED : TEST_FAILED, "%s: %s", onyx_status_name(status),
             error->message);
}

int testset_count_files(const char *folder, const char *prefix)
{
    char path[PATH_MAX];
    for (int i = 0;; i++) {
        snprintf(path, sizeof path, "%s/%s%d.pb", folder, prefix, i);
        if (access(path, F_OK) != 0)
            return i;
    }
}

static int find_value(const onyx_model *model, bool inputs, const char *name)
{
    int count = inputs ? onyx_model_input_count(model) : onyx_model_output_count(model);
    for (int i = 0; i < count && name && *name; i++) {
        onyx_value_info info;
        if (inputs)
            onyx_model_input_info(model, i, &info);
        else
            onyx_model_output_info(model, i, &info);
        if (strcmp(info.name, name) == 0)
            return i;
    }
    return -1;
}

/* Reads input_i.pb files into inputs[by graph position]. */
static onyx_status read_inputs(const onyx_model *model, const char *folder, arena *memory, onyx_tensor *inputs,
                               onyx_error *error)
{
    int wanted = onyx_model_input_count(model), files = testset_count_files(folder, "input_");
    if (files != wanted)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "%s: the model has %d inputs, but there are %d files input_N.pb",
                           folder, wanted, files);
    for (int i = 0; i < files; i++) {
        char path[PATH_MAX];
        model_tensor read;
        snprintf(path, sizeof path, "%s/input_%d.pb", folder, i);
        STATUS_TRY(model_read_tensor(path, memory, &read, error));
        int at = find_value(model, true, read.name);
        inputs[at >= 0 ? at : i] = read.tensor;
    }
    return ONYX_OK;
}

static onyx_status feed(onyx_session *session, const onyx_tensor *inputs, int count, onyx_error *error)
{
    for (int i = 0; i < count; i++) {
        onyx_tensor place;
        STATUS_TRY(onyx_session_input(session, i, &place, error));
        if (place.size_bytes != inputs[i].size_bytes)
            return status_fail(error, ONYX_ERROR_INTERNAL, "input %d has %zu bytes in the session, %zu in the file", i,
                               place.size_bytes, inputs[i].size_bytes);
        if (place.size_bytes)
            memcpy(place.data, inputs[i].data, place.size_bytes);
    }
    return ONYX_OK;
}

/* Compares output_i.pb with what came out; concludes at the first output that differs. */
static void judge(const onyx_model *model, const char *folder, const onyx_outputs *outputs,
                  const compare_bounds *bounds, testset_output_function *each, void *user, arena *memory,
                  test_result *result)
{
    int files = testset_count_files(folder, "output_");
    if (files == 0)
        conclude(result, TEST_FAILED, "%s: no output_0.pb", folder);
    for (int i = 0; i < files; i++) {
        char path[PATH_MAX], file[32];
        model_tensor expected;
        onyx_tensor actual;
        onyx_value_info info = { .name = "" };
        onyx_error error;
        difference d;
        snprintf(file, sizeof file, "output_%d.pb", i);
        snprintf(path, sizeof path, "%s/%s", folder, file);
        onyx_status status = model_read_tensor(path, memory, &expected, &error);
        if (status) {
            conclude_error(result, status, &error);
            return;
        }
        int at = find_value(model, false, expected.name);
        at = at >= 0 ? at : i;
        if (onyx_outputs_get(outputs, at, &actual)) {
            conclude(result, TEST_FAILED, "%s: the model has no output %d", path, at);
            return;
        }
        onyx_model_output_info(model, at, &info);
        bool same = compare_tensors(&expected.tensor, &actual, bounds, &d);
        if (each)
            each(file, info.name, &actual, &d, same, user);
        if (same && d.moved && result->outcome == TEST_PASSED)
            snprintf(result->reason, sizeof result->reason, "%zu rows of tied scores in another order", d.moved);
        else if (same && d.different && result->outcome == TEST_PASSED)
            snprintf(result->reason, sizeof result->reason, "%zu of %zu outside of the bound, as --outliers allows",
                     d.different, d.count);
        if (same || result->outcome == TEST_FAILED)
            continue;
        const char *set = strrchr(folder, '/');
        if (d.different)
            conclude(result, TEST_FAILED, "%s/%s (%s): %s; %zu of %zu differ, largest error %.3g",
                     set ? set + 1 : folder, file, info.name, d.text, d.different, d.count, d.max_abs);
        else
            conclude(result, TEST_FAILED, "%s/%s (%s): %s", set ? set + 1 : folder, file, info.name, d.text);
    }
}

void testset_run_folder(onyx_model *model, const char *folder, const compare_bounds *bounds,
                        testset_output_function *each, void *user, test_result *result)
{
    onyx_session *session = NULL;
    onyx_outputs *outputs = NULL;
    onyx_error error;
    int count = onyx_model_input_count(model);
    arena *memory = arena_new(0);
    onyx_tensor *inputs = calloc((size_t)count + 1, sizeof *inputs);
    onyx_status status = memory && inputs ? ONYX_OK : status_no_memory(&error, (size_t)count, "test data");

    *result = (test_result){ .outcome = TEST_PASSED };
    if (!status)
        status = read_inputs(model, folder, memory, inputs, &error);
    if (!status)
        status = onyx_session_new(model, inputs, &session, &error);
    if (!status)
        status = feed(session, inputs, count, &error);
    if (!status) {
        int64_t start = clock_ns();
        status = onyx_session_run(session, &outputs, &error);
        result->taken_ns = clock_ns() - start;
    }
    if (status)
        conclude_error(result, status, &error);
    else
        judge(model, folder, outputs, bounds, each, user, memory, result);
    onyx_outputs_unref(outputs);
    onyx_session_free(session);
    free(inputs);
    if (memory)
        arena_free(memory);
}

/* {"rtol": x, "atol": y} as ONNX's runner reads it: wider bounds of a single test. */
static void read_bounds(const char *folder, compare_bounds *b)
{
    char path[PATH_MAX], text[512];
    snprintf(path, sizeof path, "%s/data.json", folder);
    FILE *file = fopen(path, "r");
    if (!file)
        return;
    size_t length = fread(text, 1, sizeof text - 1, file);
    fclose(file);
    text[length] = '\0';
    const struct {
        const char *key;
        double *value;
    } keys[] = { { "\"rtol\"", &b->rtol }, { "\"atol\"", &b->atol } };
    for (int i = 0; i < 2; i++) {
        const char *at = strstr(text, keys[i].key);
        at = at ? strchr(at, ':') : NULL;
        if (at)
            *keys[i].value = fmax(*keys[i].value, strtod(at + 1, NULL));
    }
}

static const char *kind_name(op_kind kind)
{
    switch (kind) {
    case OP_KIND_SEQUENCE:
        return "a sequence";
    case OP_KIND_OPTIONAL:
        return "an optional";
    case OP_KIND_MAP:
        return "a map";
    case OP_KIND_TENSOR:
        break;
    }
    return "a tensor";
}

/* Whether the weights are float16, but for integers, whatever inputs and outputs are (converters keep these float32 on
 * request). */
static bool is_half(const model_graph *g)
{
    size_t half = 0, single = 0;
    for (int i = 0; i < g->initializer_count; i++) {
        const onyx_tensor *tensor = &g->initializers[i].tensor;
        half += tensor->type == ONYX_TYPE_FLOAT16 ? tensor->size_bytes : 0;
        single += tensor->type == ONYX_TYPE_FLOAT32 ? tensor->size_bytes : 0;
    }
    return half > single;
}

/* Inputs and outputs that are no tensors cannot be handed over through onyx.h. */
static bool only_tensors(const char *path, const onyx_options *options, bool *half, test_result *result)
{
    model_file *file = NULL;
    onyx_error error;
    onyx_status status = model_load(path, options, &file, &error);
    if (status) {
        conclude_error(result, status, &error);
        return false;
    }
    const model_graph *g = file->graph;
    const model_value *odd = NULL;
    for (int i = 0; i < g->input_count && !odd; i++)
        odd = g->inputs[i].kind != OP_KIND_TENSOR ? &g->inputs[i] : NULL;
    for (int i = 0; i < g->output_count && !odd; i++)
        odd = g->outputs[i].kind != OP_KIND_TENSOR ? &g->outputs[i] : NULL;
    if (odd)
        conclude(result, TEST_SKIPPED, "%s is %s, not a tensor", odd->name, kind_name(odd->kind));
    *half = is_half(g);
    model_free(file);
    return !odd;
}

typedef struct missing_operators {
    char names[512];
    size_t used;
    int nodes, quantised; /* nodes in all, and those that work on 8-bit integers */
} missing_operators;

/* From this many nodes on a test is a model of its own, not an operator's. */
#define MODEL_NODES 32

static bool works_on_bytes(const char *name)
{
    static const char *const names[] = { "QuantizeLinear", "DequantizeLinear", "DynamicQuantizeLinear", "ConvInteger",
                                         "MatMulInteger" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(name, names[i]) == 0)
            return true;
    return strncmp(name, "QLinear", 7) == 0;
}

/* Rounding decides in whole models of small types: near a boundary the last bit of a float sum moves a value by one
 * step (2^-8 of a range, 2^-11 of a float16), and later layers carry it on. Their bounds are therefore parts of the
 * output's range; the reasons and ONNX Runtime's own spread stand in tests/end-to-end/vectors.py. */
static void widen_for_model(const onyx_model *model, const missing_operators *operators, bool half,
                            onyx_precision precision, compare_bounds *b)
{
    if (operators->nodes < MODEL_NODES)
        return;
    if (precision == ONYX_PRECISION_BF16) { /* 2^-8 of every value that is stored between layers */
        b->atol_range = fmax(b->atol_range, 6e-2);
        b->outliers = fmax(b->outliers, 1e-2);
    }
    if (operators->quantised) {
        b->atol_range = fmax(b->atol_range, 3e-2);
        b->outliers = fmax(b->outliers, 1e-3);
    }
    for (int i = 0; i < onyx_model_output_count(model); i++) {
        onyx_value_info info;
        half |= onyx_model_output_info(model, i, &info) == ONYX_OK && info.type == ONYX_TYPE_FLOAT16;
    }
    if (half)
        b->atol_range = fmax(b->atol_range, 2e-2);
}

static void note_missing(const char *domain, const char *name, int version, int count, bool supported, void *user)
{
    missing_operators *missing = user;
    missing->nodes += count;
    missing->quantised += works_on_bytes(name) ? count : 0;
    if (supported)
        return;
    int written = snprintf(missing->names + missing->used, sizeof missing->names - missing->used, "%s%s%s%s %d",
                           missing->used ? ", " : "", domain, *domain ? "." : "", name, version);
    if (written > 0 && missing->used + (size_t)written < sizeof missing->names)
        missing->used += (size_t)written;
}

void testset_run_test(const char *folder, const onyx_options *options, const compare_bounds *bounds_wish,
                      test_result *result)
{
    char path[PATH_MAX];
    compare_bounds b = *bounds_wish;
    onyx_model *model = NULL;
    onyx_error error;
    missing_operators missing = { .used = 0 };
    int64_t taken_ns = 0;
    bool half = false;

    *result = (test_result){ .outcome = TEST_PASSED };
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (onyx_model_list_operators(path, options, note_missing, &missing, &error) == ONYX_OK && missing.used) {
        conclude(result, TEST_SKIPPED, "no %s", missing.names);
        return;
    }
    if (!only_tensors(path, options, &half, result))
        return;
    onyx_status status = onyx_model_open(path, options, &model, &error);
    if (status) {
        conclude_error(result, status, &error);
        return;
    }
    read_bounds(folder, &b);
    widen_for_model(model, &missing, half, options->precision, &b);
    for (int set = 0; result->outcome == TEST_PASSED; set++) {
        snprintf(path, sizeof path, "%s/test_data_set_%d", folder, set);
        if (access(path, F_OK) != 0) {
            if (set == 0)
                conclude(result, TEST_FAILED, "no test_data_set_0 beside model.onnx");
            break;
        }
        testset_run_folder(model, path, &b, NULL, NULL, result);
        taken_ns += result->taken_ns;
    }
    result->taken_ns = taken_ns;
    onyx_model_unref(model);
}
