/* SPDX-License-Identifier: BSD-2-Clause
 *
 * onyx_session: the memory of one run at a time, and the walk over the program's steps. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/size.h"
#include "run/run.h"

/* ---- making and freeing ---- */

static void free_memory(onyx_session *session)
{
    const program *p = session->program;
    if (!p)
        return;
    control_free(session);
    memory_free(session->arena);
    memory_free(session->scratch);
    for (int i = 0; session->own_inputs && i < p->input_count; i++)
        memory_free(session->own_inputs[i]);
    for (int i = 0; session->dynamic && i < p->slot_count; i++)
        memory_free(session->dynamic[i].data);
    free(session->own_inputs);
    free(session->bound);
    free(session->input_slots);
    free(session->output_slots);
    free(session->dynamic);
    free(session->tensors);
    free(session->step_inputs);
    free(session->step_outputs);
    free(session->value_pointers);
    free(session->values);
    free(session->times);
    outputs_pool_close(session->outputs);
    for (int i = 0; i < SCRATCH_BLOCKS; i++)
        memory_free(session->step_scratch[i].data);
}

static bool allocate(onyx_session *session)
{
    const program *p = session->program;
    const size_t slots = (size_t)p->slot_count + 1;
    size_t inputs = 1, outputs = 1;
    for (int i = 0; i < p->step_count; i++) {
        inputs = MAX(inputs, (size_t)p->steps[i].input_count);
        outputs = MAX(outputs, (size_t)p->steps[i].output_count);
    }
    session->scratch_stride = size_align(p->scratch_bytes + ONYX_SLACK, 4096);
    session->arena = memory_alloc(p->arena_bytes);
    session->scratch = memory_alloc(session->scratch_stride * (size_t)workers_count(session->model->pool));
    session->tensors = calloc(slots, sizeof(*session->tensors));
    session->dynamic = p->has_dynamic ? calloc(slots, sizeof(*session->dynamic)) : NULL;
    session->own_inputs = calloc((size_t)p->input_count + 1, sizeof(*session->own_inputs));
    session->bound = calloc((size_t)p->input_count + 1, sizeof(*session->bound));
    session->input_slots = calloc(slots, sizeof(int));
    session->output_slots = calloc(slots, sizeof(int));
    session->step_inputs = calloc(inputs, sizeof(*session->step_inputs));
    session->step_outputs = calloc(outputs, sizeof(*session->step_outputs));
    session->value_pointers = calloc(inputs, sizeof(*session->value_pointers));
    session->values = calloc(inputs + outputs, sizeof(*session->values));
    session->times = calloc((size_t)p->step_count + 1, sizeof(*session->times));
    session->outputs = outputs_pool_new();
    return session->arena && session->scratch && session->tensors && (session->dynamic || !p->has_dynamic) &&
           session->own_inputs && session->bound && session->input_slots && session->output_slots &&
           session->step_inputs && session->step_outputs && session->value_pointers && session->values &&
           session->times && session->outputs && control_new(session);
}

static void place_slots(onyx_session *session)
{
    const program *p = session->program;
    for (int i = 0; i < p->slot_count; i++) {
        const program_slot *slot = &p->slots[i];
        session->tensors[i] = slot->tensor;
        if (slot->kind == SLOT_ARENA)
            session->tensors[i].data = (char *)session->arena + p->slots[slot->root].place + slot->offset;
        else if (slot->kind == SLOT_INPUT)
            session->input_slots[session->input_slot_count++] = i;
        else if (slot->kind == SLOT_OUTPUT)
            session->output_slots[session->output_slot_count++] = i;
    }
}

/* Points every slot that lies in input `index` at `memory`. */
static void place_input(onyx_session *session, int index, void *memory)
{
    const program *p = session->program;
    for (int i = 0; i < session->input_slot_count; i++) {
        const program_slot *slot = &p->slots[session->input_slots[i]];
        if (slot->index == index)
            session->tensors[session->input_slots[i]].data = (char *)memory + slot->offset;
    }
}

static onyx_status use_program(onyx_session *session, onyx_model *model, const onyx_tensor *inputs, onyx_error *error)
{
    const int count = onyx_model_input_count(model);
    onyx_tensor *shapes = calloc((size_t)count + 1, sizeof(*shapes));
    if (!shapes)
        return status_no_memory(error, sizeof(*shapes), "input shapes");
    if (inputs)
        memcpy(shapes, inputs, sizeof(*shapes) * (size_t)count);
    else
        model_default_shapes(model, shapes);
    session->model = model;
    onyx_status status = model_compile(model, shapes, &session->compiled, error);
    free(shapes);
    if (status != ONYX_OK)
        return status;
    session->program = session->compiled->program;
    if (!allocate(session))
        return status_no_memory(error, session->program->arena_bytes, "a session");
    place_slots(session);
    return ONYX_OK;
}

onyx_status onyx_session_new(onyx_model *model, const onyx_tensor *inputs, onyx_session **result, onyx_error *error)
{
    if (!model || !result)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_session_new: model and session must not be NULL");
    onyx_session *session = calloc(1, sizeof(*session));
    if (!session)
        return status_no_memory(error, sizeof(*session), "a session");
    onyx_model_ref(model);
    onyx_status status = use_program(session, model, inputs, error);
    if (status != ONYX_OK) {
        session->model = model;
        onyx_session_free(session);
        return status;
    }
    *result = session;
    return ONYX_OK;
}

void onyx_session_free(onyx_session *session)
{
    if (!session)
        return;
    free_memory(session);
    model_release(session->model, session->compiled);
    onyx_model_unref(session->model);
    free(session);
}

onyx_status onyx_session_reshape(onyx_session *session, const onyx_tensor *inputs, onyx_error *error)
{
    if (!session)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_session_reshape: session must not be NULL");
    onyx_session fresh = { .profiling = session->profiling };
    onyx_status status = use_program(&fresh, session->model, inputs, error);
    onyx_session *old = status == ONYX_OK ? session : &fresh;
    free_memory(old);
    model_release(session->model, old->compiled);
    if (status == ONYX_OK)
        *session = fresh;
    return status;
}

/* ---- inputs ---- */

static onyx_status own_input(onyx_session *session, int index, onyx_error *error)
{
    const program_slot *slot = &session->program->slots[session->program->inputs[index]];
    if (!session->own_inputs[index]) {
        session->own_inputs[index] = memory_alloc_zero(slot->tensor.size_bytes);
        if (!session->own_inputs[index])
            return status_no_memory(error, slot->tensor.size_bytes, "an input");
    }
    if (!session->bound[index])
        place_input(session, index, session->own_inputs[index]);
    return ONYX_OK;
}

static bool index_valid(const onyx_session *session, int index)
{
    return session && index >= 0 && index < session->program->input_count;
}

onyx_status onyx_session_input(onyx_session *session, int index, onyx_tensor *tensor, onyx_error *error)
{
    if (!index_valid(session, index) || !tensor)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_session_input: no input %d", index);
    STATUS_TRY(own_input(session, index, error));
    *tensor = session->program->slots[session->program->inputs[index]].tensor;
    tensor->data = session->own_inputs[index];
    return ONYX_OK;
}

onyx_status onyx_session_bind_input(onyx_session *session, int index, const onyx_tensor *tensor, onyx_error *error)
{
    if (!index_valid(session, index))
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_session_bind_input: no input %d", index);
    const onyx_tensor *own = &session->program->slots[session->program->inputs[index]].tensor;
    if (!tensor) {
        session->bound[index] = false;
        return own_input(session, index, error);
    }
    if (tensor->type != own->type || tensor->rank != own->rank ||
        memcmp(tensor->dims, own->dims, sizeof(int64_t) * (size_t)own->rank) != 0)
        return status_fail(error, ONYX_ERROR_SHAPE, "onyx_session_bind_input: input %d has another type or shape",
                           index);
    if (!tensor->data || tensor->size_bytes < own->size_bytes || (uintptr_t)tensor->data % ONYX_ALIGNMENT)
        return status_fail(error, ONYX_ERROR_ARGUMENT,
                           "onyx_session_bind_input: input %d needs %zu bytes, aligned to %d", index, own->size_bytes,
                           ONYX_ALIGNMENT);
    session->bound[index] = true;
    place_input(session, index, tensor->data);
    return ONYX_OK;
}

/* ---- running ---- */

typedef struct step_job {
    onyx_session *session;
    const program_step *step;
} step_job;

static void run_part(void *context, int part, int worker)
{
    const step_job *job = context;
    const step_context step = {
        .step = job->step, .tensors = job->session->tensors,
        .scratch = job->session->scratch + job->session->scratch_stride * (size_t)worker,
    };
    job->step->run(&step, part);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static onyx_status run_step(onyx_session *session, const program_step *step, onyx_error *error)
{
    if (step->control)
        return session_run_control(session, step, error);
    if (!step->run)
        return session_run_reference(session, step, error);
    step_job job = { session, step };
    if (step->parts == 1)
        run_part(&job, 0, 0);
    else
        workers_run(session->model->pool, run_part, &job, step->parts);
    return ONYX_OK;
}

static onyx_status run_steps(onyx_session *session, onyx_error *error)
{
    const program *p = session->program;
    const int64_t begin = session->profiling ? now_ns() : 0;
    for (int i = 0; i < p->step_count; i++) {
        if (!session->profiling) {
            STATUS_TRY(run_step(session, &p->steps[i], error));
            continue;
        }
        const int64_t start = now_ns();
        STATUS_TRY(run_step(session, &p->steps[i], error));
        step_times *times = &session->times[i];
        times->last_start_ns = start - begin;
        times->last_ns = now_ns() - start;
        times->total_ns += times->last_ns;
        times->runs++;
    }
    return ONYX_OK;
}

/* Outputs whose size was found in this run move from the session's buffers into the outputs' own. */
static onyx_status keep_dynamic(onyx_session *session, onyx_outputs *outputs, onyx_error *error)
{
    const program *p = session->program;
    for (int i = 0; i < p->output_count; i++) {
        const int slot = p->outputs[i];
        if (p->slots[slot].kind != SLOT_DYNAMIC)
            continue;
        const onyx_tensor *found = &session->tensors[slot];
        if (!grown_reserve(&outputs->dynamic[i], found->size_bytes))
            return status_no_memory(error, found->size_bytes, "an output");
        outputs->tensors[i] = *found;
        outputs->tensors[i].data = outputs->dynamic[i].data;
        if (found->size_bytes)
            memcpy(outputs->dynamic[i].data, found->data, found->size_bytes);
    }
    return ONYX_OK;
}

onyx_status session_run_inside(onyx_session *session, onyx_outputs **result, onyx_error *error)
{
    const program *p = session->program;
    for (int i = 0; i < p->input_count; i++)
        if (!session->bound[i])
            STATUS_TRY(own_input(session, i, error));
    onyx_outputs *outputs = outputs_take(session->outputs, p);
    if (!outputs)
        return status_no_memory(error, p->outputs_bytes, "outputs");
    for (int i = 0; i < session->output_slot_count; i++) {
        const program_slot *slot = &p->slots[session->output_slots[i]];
        session->tensors[session->output_slots[i]].data =
            (char *)outputs->block + p->slots[slot->root].place + slot->offset;
    }
    onyx_status status = run_steps(session, error);
    if (status == ONYX_OK && p->has_dynamic)
        status = keep_dynamic(session, outputs, error);
    if (status != ONYX_OK || !result) {
        onyx_outputs_unref(outputs);
        return status;
    }
    *result = outputs;
    return ONYX_OK;
}

onyx_status onyx_session_run(onyx_session *session, onyx_outputs **result, onyx_error *error)
{
    if (!session)
        return status_fail(error, ONYX_ERROR_ARGUMENT, "onyx_session_run: session must not be NULL");
    control_start(session);
    const unsigned mode = workers_set_float_mode();
    workers_enter(session->model->pool);
    onyx_status status = session_run_inside(session, result, error);
    workers_leave(session->model->pool);
    workers_restore_float_mode(mode);
    return status;
}
