/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx_model: open, describe, and the cache of programs. */
#include <stdlib.h>
#include <string.h>

#include "base/cpuid.h"
#include "base/size.h"
#include "run/run.h"

/* ---- options ---- */

static void log_text(const onyx_options *options, onyx_log_level level, const char *text)
{
    if (options->log)
        options->log(level, text, options->log_user);
}

/* "cuda,cpu": the first device that this build has. */
static onyx_status check_device(const onyx_options *options, onyx_error *error)
{
    const char *wish = options->device ? options->device : "cpu";
    for (const char *at = wish; *at;) {
        size_t length = strcspn(at, ", ");
        if (length == 3 && strncmp(at, "cpu", 3) == 0)
            return ONYX_OK;
        if (length == 4 && strncmp(at, "cuda", 4) == 0)
            log_text(options, ONYX_LOG_WARNING, "device 'cuda' is not built into this libonyx; trying the next one");
        else if (length)
            return status_fail(error, ONYX_ERROR_ARGUMENT, "unknown device '%.*s' in '%s'; known are cpu and cuda",
                               (int)length, at, wish);
        at += length;
        at += strspn(at, ", ");
    }
    return status_fail(error, ONYX_ERROR_DEVICE, "no device of '%s' can be used: this libonyx has only 'cpu'", wish);
}

static bool copy_options(onyx_model *model, const onyx_options *given)
{
    model->options = (onyx_options){ .size = sizeof(onyx_options) };
    if (!given)
        return true;
    memcpy(&model->options, given, MIN(given->size, sizeof(onyx_options)));
    const char **strings[] = { &model->options.device, &model->options.disable_pass };
    for (size_t i = 0; i < ARRAY_LENGTH(strings); i++)
        if (*strings[i] && !(*strings[i] = arena_string(model->strings, *strings[i], strlen(*strings[i]))))
            return false;
    return true;
}

/* ---- open ---- */

static void fill_info(const model_value *value, onyx_value_info *info)
{
    *info = (onyx_value_info){ .name = value->name, .type = value->type, .rank = value->rank };
    memcpy(info->dims, value->dims, sizeof(info->dims));
    memcpy(info->dim_names, value->dim_names, sizeof(info->dim_names));
}

static onyx_value_info *fill_infos(arena *memory, const model_value *values, int count)
{
    onyx_value_info *infos = arena_alloc(memory, sizeof(*infos) * (size_t)(count + 1));
    for (int i = 0; infos && i < count; i++)
        fill_info(&values[i], &infos[i]);
    return infos;
}

bool model_is_fixed(const onyx_model *model)
{
    const model_graph *g = model->file->graph;
    for (int i = 0; i < g->input_count; i++) {
        if (g->inputs[i].rank < 0)
            return false;
        for (int k = 0; k < g->inputs[i].rank; k++)
            if (g->inputs[i].dims[k] < 0)
                return false;
    }
    return true;
}

onyx_status model_compile_fixed(onyx_model *model, onyx_error *error)
{
    onyx_tensor *shapes = calloc((size_t)onyx_model_input_count(model) + 1, sizeof(*shapes));
    if (!shapes)
        return status_no_memory(error, sizeof(*shapes), "input shapes");
    model_default_shapes(model, shapes);
    compiled *c = NULL;
    onyx_status status = model_compile(model, shapes, &c, error);
    model_release(model, c);
    free(shapes);
    return status;
}

/* Files whose shapes are fixed are compiled at once; of others only the operators can be checked yet. */
static onyx_status first_check(onyx_model *model, onyx_error *error)
{
    if (model_is_fixed(model))
        return model_compile_fixed(model, error);
    graph *checked = NULL;
    onyx_status status = graph_build(model->file, NULL, &model->options, &checked, error);
    graph_free(checked);
    return status;
}

static onyx_status check_options(const onyx_options *options, onyx_error *error)
{
    if (options->threads < 0)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "%d threads wanted; 0 is as many as this process may use",
                           options->threads);
    if ((unsigned)options->precision > ONYX_PRECISION_FP16)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "there is no precision %d", (int)options->precision);
    return check_device(options, error);
}

/* What a wish for less precision comes to on this processor. */
static void say_precision(const onyx_options *options, uint32_t flags)
{
    const char *text = NULL;
    if (options->precision == ONYX_PRECISION_BF16 && !(flags & CPU_AMX_BF16))
        text = "precision bf16: this processor has no AMX, without which bf16 is no faster than fp32 (AVX512-BF16 has "
               "half its rate); all is computed in fp32, as with precision fp32";
    else if (options->precision == ONYX_PRECISION_FP16 && !(flags & CPU_FP16))
        text = "precision fp16: this build uses float16 arithmetic on no processor but ARMv8.2; all is computed in "
               "fp32, as with precision fp32";
    if (text)
        log_text(options, ONYX_LOG_WARNING, text);
}

static onyx_status prepare(onyx_model *model, onyx_error *error)
{
    const model_graph *g = model->file->graph;
    STATUS_TRY(check_options(&model->options, error));
    say_precision(&model->options, cpuid_flags(NULL));
    model->inputs = fill_infos(model->strings, g->inputs, g->input_count);
    model->outputs = fill_infos(model->strings, g->outputs, g->output_count);
    if (!model->inputs || !model->outputs)
        return status_no_memory(error, sizeof(onyx_value_info), "input descriptions");
    const int threads = model->options.threads > 0 ? model->options.threads : workers_available_cores();
    STATUS_TRY(workers_new(threads, model->options.pin_threads, &model->pool, error));
    cpu_kernels_init(&model->kernels, cpuid_flags(NULL));
    model->store = packed_store_new();
    if (!model->store)
        return status_no_memory(error, 0, "packed weights");
    STATUS_TRY(first_check(model, error));
    model_drop_pages(model->file);
    return ONYX_OK;
}

static onyx_status open_model(const char *path, const void *bytes, size_t size_bytes, const onyx_options *options,
                              onyx_model **result, onyx_error *error)
{
    onyx_model *model = calloc(1, sizeof(*model));
    if (!model)
        return status_no_memory(error, sizeof(*model), "a model");
    atomic_init(&model->references, 1);
    atomic_init(&model->bodies, 0);
    pthread_mutex_init(&model->mutex, NULL);
    model->strings = arena_new(0);
    onyx_status status =
        model->strings && copy_options(model, options) ? ONYX_OK : status_no_memory(error, 0, "options");
    if (status == ONYX_OK)
        status = bytes ? model_load_memory(bytes, size_bytes, path, &model->options, &model->file, error)
                       : model_load(path, &model->options, &model->file, error);
    if (status == ONYX_OK)
        status = prepare(model, error);
    if (status != ONYX_OK) {
        onyx_model_unref(model);
        return status;
    }
    *result = model;
    return ONYX_OK;
}

onyx_status onyx_model_open(const char *path, const onyx_options *options, onyx_model **model, onyx_error *error)
{
    if (!path || !model)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_model_open: path and model must not be NULL");
    return open_model(path, NULL, 0, options, model, error);
}

onyx_status onyx_model_open_memory(const void *bytes, size_t size_bytes, const char *name, const onyx_options *options,
                                   onyx_model **model, onyx_error *error)
{
    if (!bytes || !model)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_model_open_memory: bytes and model must not be NULL");
    return open_model(name ? name : "(memory)", bytes, size_bytes, options, model, error);
}

onyx_model *onyx_model_ref(onyx_model *model)
{
    atomic_fetch_add_explicit(&model->references, 1, memory_order_relaxed);
    return model;
}

static void free_compiled(compiled *c)
{
    control_free_compiled(c);
    program_free(c->program);
    free(c->shapes);
    free(c);
}

void onyx_model_unref(onyx_model *model)
{
    if (!model || atomic_fetch_sub_explicit(&model->references, 1, memory_order_acq_rel) != 1)
        return;
    for (int i = 0; i < model->program_count; i++)
        free_compiled(model->programs[i]);
    free(model->programs);
    packed_store_free(model->store);
    if (model->root) {
        atomic_fetch_sub(&model->root->bodies, 1);
    } else {
        workers_free(model->pool);
        model_free(model->file);
        arena_free(model->strings);
    }
    pthread_mutex_destroy(&model->mutex);
    free(model);
}

/* ---- programs ---- */

bool model_same_shapes(const onyx_tensor *a, const onyx_tensor *b, int count)
{
    for (int i = 0; i < count; i++)
        if (a[i].type != b[i].type || a[i].rank != b[i].rank ||
            memcmp(a[i].dims, b[i].dims, sizeof(int64_t) * (size_t)MAX(a[i].rank, 0)) != 0)
            return false;
    return true;
}

/* Drops the least recently used programs that no session uses, down to the number that is kept. */
static void trim_programs(onyx_model *model)
{
    while (model->program_count > COMPILED_KEPT) {
        int oldest = -1;
        for (int i = 0; i < model->program_count; i++)
            if (!model->programs[i]->users &&
                (oldest < 0 || model->programs[i]->last_use < model->programs[oldest]->last_use))
                oldest = i;
        if (oldest < 0)
            return;
        free_compiled(model->programs[oldest]);
        model->programs[oldest] = model->programs[--model->program_count];
    }
}

static onyx_status add_program(onyx_model *model, const onyx_tensor *shapes, compiled **result, onyx_error *error)
{
    const int inputs = model->file->graph->input_count;
    const plan_options wish = {
        .kernels = &model->kernels, .unoptimised = model->options.unoptimised,
        .disabled_passes = model->options.disable_pass, .precision = model->options.precision, .pool = model->pool,
        .store = model->store,
    };
    if (model->program_count == model->program_capacity) {
        int capacity = model->program_capacity ? 2 * model->program_capacity : 4;
        compiled **larger = realloc(model->programs, sizeof(*larger) * (size_t)capacity);
        if (!larger)
            return status_no_memory(error, sizeof(*larger) * (size_t)capacity, "programs");
        model->programs = larger;
        model->program_capacity = capacity;
    }
    compiled *c = calloc(1, sizeof(*c));
    onyx_tensor *copy = calloc((size_t)inputs + 1, sizeof(*copy));
    onyx_status status = c && copy ? plan_compile(model->file, shapes, &model->options, &wish, &c->program, error)
                                   : status_no_memory(error, sizeof(*c), "a program");
    if (status != ONYX_OK) {
        free(c);
        free(copy);
        return status;
    }
    memcpy(copy, shapes, sizeof(*copy) * (size_t)inputs);
    c->shapes = copy;
    status = control_compile(model, c, error);
    if (status != ONYX_OK) {
        free_compiled(c);
        return status;
    }
    model->programs[model->program_count++] = c;
    *result = c;
    return ONYX_OK;
}

onyx_status model_compile(onyx_model *model, const onyx_tensor *shapes, compiled **result, onyx_error *error)
{
    onyx_status status = ONYX_OK;
    compiled *found = NULL;
    pthread_mutex_lock(&model->mutex);
    for (int i = 0; i < model->program_count && !found; i++)
        if (model_same_shapes(model->programs[i]->shapes, shapes, model->file->graph->input_count))
            found = model->programs[i];
    if (!found)
        status = add_program(model, shapes, &found, error);
    if (status == ONYX_OK) {
        found->users++;
        found->last_use = ++model->clock;
        trim_programs(model);
        *result = found;
    }
    pthread_mutex_unlock(&model->mutex);
    return status;
}

void model_release(onyx_model *model, compiled *c)
{
    if (!c)
        return;
    pthread_mutex_lock(&model->mutex);
    c->users--;
    trim_programs(model);
    pthread_mutex_unlock(&model->mutex);
}

/* ---- default shapes ---- */

/* Ultralytics' imgsz: "[height, width]" or one number. */
static void image_size(const onyx_model *model, int64_t *height, int64_t *width)
{
    const char *text = onyx_model_metadata(model, "imgsz");
    long h = 640, w = 640;
    if (text) {
        char *end;
        text += strspn(text, "[( ");
        h = strtol(text, &end, 10);
        const char *second = end + strspn(end, ", ");
        w = strtol(second, &end, 10);
        if (end == second)
            w = h;
    }
    *height = h > 0 && h <= 16384 ? h : 640;
    *width = w > 0 && w <= 16384 ? w : 640;
}

void model_default_shapes(const onyx_model *model, onyx_tensor *shapes)
{
    int64_t height, width;
    image_size(model, &height, &width);
    for (int i = 0; i < model->file->graph->input_count; i++) {
        const model_value *input = &model->file->graph->inputs[i];
        onyx_tensor *shape = &shapes[i];
        *shape = (onyx_tensor){ .type = input->type, .rank = MAX(input->rank, 0) };
        const bool channels_last =
            input->rank == 4 && (input->dims[3] == 3 || input->dims[3] == 1) && input->dims[1] < 0;
        const int row = input->rank == 4 ? (channels_last ? 1 : 2) : -1;
        for (int k = 0; k < input->rank; k++)
            shape->dims[k] = input->dims[k] >= 0 ? input->dims[k]
                             : row < 0 || k == 0 ? 1
                             : k == row          ? height
                             : k == row + 1      ? width
                                                 : 3;
    }
}

/* ---- describing ---- */

int onyx_model_input_count(const onyx_model *model)
{
    return model->file->graph->input_count;
}

int onyx_model_output_count(const onyx_model *model)
{
    return model->file->graph->output_count;
}

onyx_status onyx_model_input_info(const onyx_model *model, int index, onyx_value_info *info)
{
    if (index < 0 || index >= onyx_model_input_count(model))
        return ONYX_ERROR_ARGUMENT;
    *info = model->inputs[index];
    return ONYX_OK;
}

onyx_status onyx_model_output_info(const onyx_model *model, int index, onyx_value_info *info)
{
    if (index < 0 || index >= onyx_model_output_count(model))
        return ONYX_ERROR_ARGUMENT;
    *info = model->outputs[index];
    return ONYX_OK;
}

const char *onyx_model_metadata(const onyx_model *model, const char *key)
{
    for (int i = 0; i < model->file->metadata_count; i++)
        if (strcmp(model->file->metadata[i].key, key) == 0)
            return model->file->metadata[i].value;
    return NULL;
}

bool onyx_model_metadata_at(const onyx_model *model, int index, const char **key, const char **value)
{
    if (index < 0 || index >= model->file->metadata_count)
        return false;
    *key = model->file->metadata[index].key;
    *value = model->file->metadata[index].value;
    return true;
}

const char *onyx_model_producer(const onyx_model *model)
{
    return model->file->producer ? model->file->producer : "";
}

const char *onyx_model_graph_name(const onyx_model *model)
{
    return model->file->graph->name ? model->file->graph->name : "";
}

const char *onyx_version(void)
{
    return "0.1.0";
}

const char *onyx_cpu_name(void)
{
    return cpuid_name(cpuid_flags(NULL));
}
