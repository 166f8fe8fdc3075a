/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernels that only move elements, on 4-bit and 2-bit types: inputs are spread to one byte per element, the kernel runs
 * on bytes, and outputs are packed again. */
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/shape.h"
#include "ops/strided.h"

#define MAX_TENSORS 64

static unsigned bits_of(onyx_type type)
{
    return type == ONYX_TYPE_INT2 || type == ONYX_TYPE_UINT2 ? 2 : 4;
}

static void spread(const onyx_tensor *packed, uint8_t *bytes)
{
    unsigned bits = bits_of(packed->type), per_byte = 8 / bits, mask = (1u << bits) - 1;
    const uint8_t *data = packed->data;
    size_t n = tensor_count(packed);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(data[i / per_byte] >> (i % per_byte * bits) & mask);
}

static void pack(const uint8_t *bytes, onyx_tensor *packed)
{
    unsigned bits = bits_of(packed->type), per_byte = 8 / bits;
    uint8_t *data = packed->data;
    size_t n = tensor_count(packed);
    memset(data, 0, (n + per_byte - 1) / per_byte);
    for (size_t i = 0; i < n; i++)
        data[i / per_byte] |= (uint8_t)(bytes[i] << (i % per_byte * bits));
}

/* A byte tensor of the same dims. */
static onyx_status unpacked_like(op_run_context *context, const onyx_tensor *packed, onyx_tensor *bytes)
{
    onyx_status status = ONYX_OK;
    *bytes = *packed;
    bytes->type = ONYX_TYPE_UINT8;
    bytes->size_bytes = tensor_count(packed);
    bytes->data = run_scratch(context, bytes->size_bytes, 1, &status);
    return status;
}

onyx_status packed_run(op_run_context *context, op_run_function *run)
{
    bool any = false;
    for (int i = 0; i < context->input_count; i++)
        any = any || (context->inputs[i] && type_is_packed(context->inputs[i]->type));
    if (!any)
        return run(context);
    if (context->input_count > MAX_TENSORS || context->output_count > MAX_TENSORS)
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "more than %d tensors of a packed type",
                           MAX_TENSORS);

    onyx_tensor inputs[MAX_TENSORS], outputs[MAX_TENSORS];
    const onyx_tensor *input_list[MAX_TENSORS];
    onyx_tensor *output_list[MAX_TENSORS];
    for (int i = 0; i < context->input_count; i++) {
        input_list[i] = context->inputs[i];
        if (!input_list[i] || !type_is_packed(input_list[i]->type))
            continue;
        STATUS_TRY(unpacked_like(context, context->inputs[i], &inputs[i]));
        spread(context->inputs[i], inputs[i].data);
        input_list[i] = &inputs[i];
    }
    for (int i = 0; i < context->output_count; i++) {
        output_list[i] = context->outputs[i];
        if (!output_list[i] || !type_is_packed(output_list[i]->type))
            continue;
        STATUS_TRY(unpacked_like(context, context->outputs[i], &outputs[i]));
        output_list[i] = &outputs[i];
    }
    op_run_context inner = *context;
    inner.inputs = input_list;
    inner.outputs = output_list;
    STATUS_TRY(run(&inner));
    for (int i = 0; i < context->output_count; i++) {
        if (output_list[i] == &outputs[i])
            pack(outputs[i].data, context->outputs[i]);
    }
    return ONYX_OK;
}
