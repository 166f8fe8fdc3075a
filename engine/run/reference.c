/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Steps that an operator's reference kernel runs, and those whose shapes are known only now: these call the row's shape
 * function with the inputs as constants, and take memory for what they find from buffers that grow and are kept. */
#include <string.h>

#include "base/size.h"
#include "ops/shape.h"
#include "run/run.h"

static onyx_status set_output(op_run_context *context, int index, onyx_type type, int rank, const int64_t *dims)
{
    onyx_session *session = context->owner;
    onyx_tensor *tensor = context->outputs[index];
    const int slot = (int)(tensor - session->tensors);
    onyx_tensor found = { .type = type, .rank = rank };
    size_t count;
    if (rank < 0 || rank > ONYX_MAX_RANK || !size_count(dims, rank, &count) ||
        !type_bytes(type, count, &found.size_bytes))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "output %d has an impossible shape", index);
    memcpy(found.dims, dims, sizeof(*dims) * (size_t)rank);
    if (session->program->slots[slot].kind != SLOT_DYNAMIC) { /* planned from what was known of the inputs */
        if (model_same_shapes(tensor, &found, 1))
            return ONYX_OK;
        return status_fail(context->error, ONYX_ERROR_SHAPE, "its inputs do not fit together");
    }
    if (found.size_bytes > memory_limit(&session->model->options))
        return status_fail(context->error, ONYX_ERROR_LIMIT, "output %d needs %zu bytes, more than max_memory_bytes",
                           index, found.size_bytes);
    if (!grown_reserve(&session->dynamic[slot], found.size_bytes))
        return status_no_memory(context->error, found.size_bytes, "an output");
    found.data = session->dynamic[slot].data;
    *tensor = found;
    return ONYX_OK;
}

static void *scratch(op_run_context *context, size_t bytes)
{
    onyx_session *session = context->owner;
    if (session->step_scratch_used == SCRATCH_BLOCKS)
        return NULL;
    grown *block = &session->step_scratch[session->step_scratch_used++];
    return grown_reserve(block, bytes) ? block->data : NULL;
}

/* Shapes of a dynamic step's outputs from what its inputs are now; what does not fit is refused. */
static onyx_status find_shapes(onyx_session *session, const program_step *step, op_run_context *context)
{
    op_value *outputs = session->values + step->input_count;
    for (int i = 0; i < step->input_count; i++) {
        const onyx_tensor *tensor = context->inputs[i];
        session->value_pointers[i] = tensor ? &session->values[i] : NULL;
        if (tensor)
            session->values[i] = value_of_tensor(tensor);
    }
    for (int i = 0; i < step->output_count; i++)
        outputs[i] = (op_value){ .rank = -1 };
    op_shape_context shapes = {
        .row = step->row,
        .params = step->row_params,
        .version = step->version,
        .input_count = step->input_count,
        .output_count = step->output_count,
        .inputs = session->value_pointers,
        .outputs = outputs,
        .error = context->error,
    };
    STATUS_TRY(step->row->shape(&shapes));
    for (int i = 0; i < step->output_count && !(step->row->flags & OP_DYNAMIC); i++)
        if (context->outputs[i])
            STATUS_TRY(set_output(context, i, outputs[i].type, outputs[i].rank, outputs[i].dims));
    return ONYX_OK;
}

onyx_status session_run_reference(onyx_session *session, const program_step *step, onyx_error *error)
{
    op_run_context context = {
        .row = step->row, .params = step->row_params, .version = step->version, .input_count = step->input_count,
        .output_count = step->output_count, .inputs = session->step_inputs, .outputs = session->step_outputs,
        .set_output = set_output, .scratch = scratch, .pool = session->model->pool, .error = error, .owner = session,
    };
    for (int i = 0; i < step->input_count; i++)
        session->step_inputs[i] = step->inputs[i] < 0 ? NULL : &session->tensors[step->inputs[i]];
    for (int i = 0; i < step->output_count; i++)
        session->step_outputs[i] = step->outputs[i] < 0 ? NULL : &session->tensors[step->outputs[i]];
    session->step_scratch_used = 0;
    onyx_status status = step->dynamic ? find_shapes(session, step, &context) : ONYX_OK;
    if (status == ONYX_OK)
        status = step->row->run(&context);
    return status == ONYX_OK ? ONYX_OK : status_context(error, status, "node '%s' (%s)", step->name, step->op);
}
