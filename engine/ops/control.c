/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators with sub-graphs, and those of sequences and optionals: none has a kernel. The graph writes them out where
 * what they take is known (graph/control.c, graph/sequences.c), the runtime runs the rest. */
#include "ops/rows.h"
#include "ops/shape.h"

static scan_list read_list(const op_parse_context *context, const char *name)
{
    const op_attribute *attribute = op_attribute_find(&context->attributes, name, OP_ATTRIBUTE_INTS);
    return attribute ? (scan_list){ attribute->ints, attribute->count } : (scan_list){ NULL, 0 };
}

onyx_status op_parse_scan(const op_parse_context *context, void *params)
{
    scan_params *p = params;
    const int64_t count = op_attribute_int(&context->attributes, "num_scan_inputs", 0);
    if (count < 1 || count > context->input_count)
        return status_fail(context->error, ONYX_ERROR_FORMAT, "num_scan_inputs is %lld", (long long)count);
    p->count = (int)count;
    p->input_axes = read_list(context, "scan_input_axes");
    p->input_directions = read_list(context, "scan_input_directions");
    p->output_axes = read_list(context, "scan_output_axes");
    p->output_directions = read_list(context, "scan_output_directions");
    return ONYX_OK;
}

onyx_status op_parse_sequence(const op_parse_context *context, void *params)
{
    sequence_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", 0);
    p->new_axis = op_attribute_int(&context->attributes, "new_axis", 0) != 0;
    p->keep_dims = op_attribute_int(&context->attributes, "keepdims", 1) != 0;
    p->type = (onyx_type)op_attribute_int(&context->attributes, "dtype", ONYX_TYPE_FLOAT32);
    return ONYX_OK;
}

/* The graph infers from the sub-graphs, which it alone knows. */
onyx_status op_shape_control(op_shape_context *context)
{
    (void)context;
    return ONYX_OK;
}

static void set_kind(op_shape_context *context, op_kind kind, onyx_type type)
{
    for (int i = 0; i < context->output_count; i++)
        context->outputs[i] = (op_value){ .kind = kind, .type = type, .rank = -1 };
}

static onyx_type first_type(const op_shape_context *context)
{
    return shape_input(context, 0) ? shape_input(context, 0)->type : ONYX_TYPE_UNDEFINED;
}

onyx_status op_shape_sequence(op_shape_context *context)
{
    const sequence_params *params = context->params;
    set_kind(context, OP_KIND_SEQUENCE, context->input_count ? first_type(context) : params->type);
    return ONYX_OK;
}

/* An item of a sequence, or what is in an optional. */
onyx_status op_shape_item(op_shape_context *context)
{
    set_kind(context, OP_KIND_TENSOR, first_type(context));
    return ONYX_OK;
}

onyx_status op_shape_length(op_shape_context *context)
{
    shape_set(&context->outputs[0], ONYX_TYPE_INT64, 0, NULL);
    return ONYX_OK;
}

onyx_status op_shape_optional(op_shape_context *context)
{
    set_kind(context, OP_KIND_OPTIONAL, first_type(context));
    return ONYX_OK;
}

onyx_status op_shape_has_element(op_shape_context *context)
{
    shape_set(&context->outputs[0], ONYX_TYPE_BOOL, 0, NULL);
    return ONYX_OK;
}
