/* SPDX-License-Identifier: BSD-2-Clause
 *
 * From the command's options to a session with filled inputs, and what the process can tell of itself. */
#include "command.h"
#include "base/size.h"
#include "base/status.h"
#include "base/types.h"
#include "graph/graph.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *name;
    onyx_precision value;
} precisions[] = {
    { "auto", ONYX_PRECISION_AUTO }, { "fp32", ONYX_PRECISION_FP32 }, { "strict", ONYX_PRECISION_STRICT },
    { "bf16", ONYX_PRECISION_BF16 }, { "fp16", ONYX_PRECISION_FP16 },
};

/* Whether each comma-separated name is a pass. */
static bool are_passes(const char *verb, const char *names)
{
    int count;
    const graph_pass *passes = graph_passes(&count);
    for (const char *at = names; at && *at; at += strspn(at, ", ")) {
        const size_t length = strcspn(at, ", ");
        bool known = length == 0;
        for (int i = 0; i < count && !known; i++)
            known = strlen(passes[i].name) == length && strncmp(passes[i].name, at, length) == 0;
        if (!known) {
            misused(verb, "--disable-pass: there is no pass \"%.*s\" (onyx graph --passes lists them)", (int)length,
                    at);
            return false;
        }
        at += length;
    }
    return true;
}

bool run_options(const char *verb, const run_wish *wish, onyx_options *options)
{
    *options =
        ONYX_OPTIONS(.threads = wish->threads, .unoptimised = wish->unoptimised, .disable_pass = wish->disable_pass);
    if (!are_passes(verb, wish->disable_pass))
        return false;
    if (!wish->precision)
        return true;
    for (size_t i = 0; i < ARRAY_LENGTH(precisions); i++) {
        if (strcmp(wish->precision, precisions[i].name) == 0) {
            options->precision = precisions[i].value;
            return true;
        }
    }
    misused(verb, "unknown precision \"%s\"; there are auto, fp32, strict, bf16 and fp16", wish->precision);
    return false;
}

/* "name=n" -> its name's length and number. */
static bool split_dim(const char *text, size_t *length, int64_t *value)
{
    const char *equals = strrchr(text, '=');
    char *end = NULL;
    if (!equals || equals == text)
        return false;
    long long number = strtoll(equals + 1, &end, 10);
    if (end == equals + 1 || *end || number < 0)
        return false;
    *length = (size_t)(equals - text);
    *value = number;
    return true;
}

/* Whether `text` up to `length` means this dimension: by its name, or by its place as INPUT:AXIS. */
static bool means_dim(const char *text, size_t length, const onyx_value_info *info, int axis)
{
    char place[16];
    const char *name = info->dim_names[axis];
    const size_t input = strlen(info->name), end = (size_t)snprintf(place, sizeof place, ":%d", axis);
    if (name && strlen(name) == length && strncmp(name, text, length) == 0)
        return true;
    return length == input + end && strncmp(text, info->name, input) == 0 && strncmp(text + input, place, end) == 0;
}

/* Puts the dims that --dim names into `tensor`; counts free dims that stay open, and marks the items that were used. */
static int apply_dims(const onyx_value_info *info, const option_list *dims, bool *used, onyx_tensor *tensor)
{
    int open = 0;
    for (int axis = 0; axis < info->rank; axis++) {
        if (info->dims[axis] >= 0) {
            tensor->dims[axis] = info->dims[axis];
            continue;
        }
        bool named = false;
        for (int i = 0; i < dims->count; i++) {
            size_t length = 0;
            int64_t value = 0;
            if (!split_dim(dims->items[i], &length, &value) || !means_dim(dims->items[i], length, info, axis))
                continue;
            tensor->dims[axis] = value;
            used[i] = named = true;
        }
        open += !named;
    }
    return open;
}

static onyx_status check_dims(const option_list *dims, const bool *used, onyx_error *error)
{
    for (int i = 0; i < dims->count; i++) {
        size_t length;
        int64_t value;
        if (!split_dim(dims->items[i], &length, &value))
            return status_fail(error, ONYX_ERROR_ARGUMENT, "--dim wants NAME=N or INPUT:AXIS=N with N >= 0, not \"%s\"",
                               dims->items[i]);
        if (!used[i])
            return status_fail(error, ONYX_ERROR_ARGUMENT,
                               "--dim %s: no input has a free dimension of that name or place (onyx info lists them)",
                               dims->items[i]);
    }
    return ONYX_OK;
}

onyx_status run_session(onyx_model *model, const run_wish *wish, onyx_session **session, onyx_error *error)
{
    if (!wish->dims.count)
        return onyx_session_new(model, NULL, session, error);

    bool used[OPTION_LIST_MAX] = { false };
    int count = onyx_model_input_count(model), open = 0;
    onyx_tensor *inputs = calloc((size_t)count + 1, sizeof *inputs);
    if (!inputs)
        return status_no_memory(error, (size_t)count * sizeof *inputs, "inputs");
    onyx_status status = ONYX_OK;
    for (int i = 0; i < count && !status; i++) {
        onyx_value_info info;
        status = onyx_model_input_info(model, i, &info);
        inputs[i].type = info.type;
        inputs[i].rank = info.rank;
        open += info.rank < 0 ? 1 : apply_dims(&info, &wish->dims, used, &inputs[i]);
    }
    if (!status)
        status = check_dims(&wish->dims, used, error);
    if (!status && !open) {
        status = onyx_session_new(model, inputs, session, error);
    } else if (!status) {
        /* Some dimensions are left to the engine's defaults: ask it for them, then lay --dim over. */
        onyx_session *made = NULL;
        status = onyx_session_new(model, NULL, &made, error);
        for (int i = 0; i < count && !status; i++) {
            onyx_value_info info;
            onyx_model_input_info(model, i, &info);
            status = onyx_session_input(made, i, &inputs[i], error);
            if (!status)
                apply_dims(&info, &wish->dims, used, &inputs[i]);
        }
        if (!status)
            status = onyx_session_reshape(made, inputs, error);
        if (status)
            onyx_session_free(made);
        else
            *session = made;
    }
    free(inputs);
    return status;
}

static uint32_t noise_next(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

static void fill(const onyx_tensor *tensor, size_t count, uint64_t *state)
{
    unsigned char *bytes = tensor->data;
    for (size_t i = 0; i < count; i++) {
        float value = (float)(noise_next(state) >> 8) / (float)(1 << 24);
        switch (tensor->type) {
        case ONYX_TYPE_FLOAT32:
            memcpy(bytes + i * sizeof value, &value, sizeof value);
            break;
        case ONYX_TYPE_FLOAT64: {
            double wide = value;
            memcpy(bytes + i * sizeof wide, &wide, sizeof wide);
            break;
        }
        case ONYX_TYPE_FLOAT16:
        case ONYX_TYPE_BFLOAT16: {
            uint16_t half = tensor->type == ONYX_TYPE_FLOAT16 ? float_to_half(value) : float_to_bfloat16(value);
            memcpy(bytes + i * sizeof half, &half, sizeof half);
            break;
        }
        case ONYX_TYPE_UINT8:
        case ONYX_TYPE_INT8:
            bytes[i] = (unsigned char)(value * 256);
            break;
        case ONYX_TYPE_STRING: {
            const char *text = "noise";
            memcpy(bytes + i * sizeof text, &text, sizeof text);
            break;
        }
        default: { /* little-endian one: also right for bool; packed and complex types stay zero */
            size_t size = type_size(tensor->type);
            if (size && tensor->type != ONYX_TYPE_COMPLEX64 && tensor->type != ONYX_TYPE_COMPLEX128) {
                memset(bytes + i * size, 0, size);
                bytes[i * size] = 1;
            }
        }
        }
    }
}

onyx_status run_fill_noise(const onyx_model *model, onyx_session *session, onyx_error *error)
{
    uint64_t state = 20261121;
    for (int i = 0; i < onyx_model_input_count(model); i++) {
        onyx_tensor tensor;
        size_t count = 0;
        STATUS_TRY(onyx_session_input(session, i, &tensor, error));
        if (!size_count(tensor.dims, tensor.rank, &count))
            return status_fail(error, ONYX_ERROR_SHAPE, "input %d is too large", i);
        fill(&tensor, count, &state);
    }
    return ONYX_OK;
}

int64_t clock_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void dims_text(char *text, size_t size, int rank, const int64_t *dims, const char *const *names)
{
    size_t used = 0;
    if (rank < 0) {
        snprintf(text, size, "unknown");
        return;
    }
    snprintf(text, size, "scalar");
    for (int i = 0; i < rank && used < size; i++) {
        const char *by = i ? "x" : "";
        int written;
        if (dims[i] >= 0)
            written = snprintf(text + used, size - used, "%s%lld", by, (long long)dims[i]);
        else
            written = snprintf(text + used, size - used, "%s%s", by, names && names[i] && *names[i] ? names[i] : "?");
        used += written > 0 ? (size_t)written : 0;
    }
}

double peak_rss_mb(void)
{
    char line[256];
    long kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    if (!file)
        return 0;
    while (fgets(line, sizeof line, file) && sscanf(line, "VmHWM: %ld", &kib) != 1)
        ;
    fclose(file);
    return (double)kib / 1024;
}

void processor_name(char *text, size_t size)
{
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    snprintf(text, size, "unknown");
    while (file && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || !colon)
            continue;
        colon[1 + strcspn(colon + 1, "\n")] = '\0';
        snprintf(text, size, "%s", colon + 1 + strspn(colon + 1, " "));
        break;
    }
    if (file)
        fclose(file);
}
