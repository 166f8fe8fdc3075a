/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Cast and CastLike: by way of the natural lane of the source. Strings can be read; none are made, because a tensor has
 * no owner for them. */
#include <stdlib.h>
#include <string.h>

#include "base/types.h"
#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

#define CHUNK 512
#define PART 65536

#define TYPES_CASTABLE (TYPES_ALL & ~(TYPES_STRING | TYPES_COMPLEX))

onyx_status op_parse_cast(const op_parse_context *context, void *params)
{
    cast_params *p = params;
    int64_t to = op_attribute_int(&context->attributes, "to", 0);
    if (to < 0 || to > 63)
        return status_fail(context->error, ONYX_ERROR_TYPE, "attribute to = %lld is no type", (long long)to);
    p->to = (onyx_type)to;
    p->saturate = op_attribute_int(&context->attributes, "saturate", 1) != 0;
    p->round_mode = op_attribute_string(&context->attributes, "round_mode", "up")[0];
    return ONYX_OK;
}

static onyx_status shape_cast_to(op_shape_context *context, onyx_type to)
{
    STATUS_TRY(shape_begin(context));
    if (to != ONYX_TYPE_UNDEFINED && !type_in(to, TYPES_CASTABLE))
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "cast to %s (%d) is not supported",
                           onyx_type_name(to), (int)to);
    shape_copy(&context->outputs[0], context->inputs[0]);
    context->outputs[0].type = to;
    return ONYX_OK;
}

onyx_status op_shape_cast(op_shape_context *context)
{
    const cast_params *p = context->params;
    if (p->to == ONYX_TYPE_UNDEFINED)
        return status_fail(context->error, ONYX_ERROR_TYPE, "attribute to is missing");
    return shape_cast_to(context, p->to);
}

onyx_status op_shape_cast_like(op_shape_context *context)
{
    return shape_cast_to(context, context->inputs[1]->type);
}

typedef struct cast_job {
    const onyx_tensor *in;
    onyx_tensor *out;
    const cast_params *params;
    size_t count, part_size;
} cast_job;

static type_rounding rounding_of(char mode)
{
    return mode == 'd' ? TYPE_ROUND_DOWN : mode == 'n' ? TYPE_ROUND_NEAREST : TYPE_ROUND_UP;
}

/* Small floats have options of their own. */
static void store_small_floats(const cast_job *job, const float *values, size_t n, size_t first)
{
    uint8_t *out = (uint8_t *)job->out->data + first;
    onyx_type type = job->out->type;
    bool saturate = job->params->saturate;
    if (type == ONYX_TYPE_FLOAT8E8M0) {
        for (size_t i = 0; i < n; i++)
            out[i] = float_to_float8e8m0(values[i], rounding_of(job->params->round_mode), saturate);
        return;
    }
    for (size_t i = 0; i < n; i++)
        out[i] = float_to_small_float(type, values[i], saturate);
}

/* "1.5", "-inf", "NaN", "12"; integers of 64 bits exactly. False where the text is no number. */
static bool cast_string(const char *text, onyx_tensor *out, size_t i)
{
    char *end;
    bool to_integer = type_in(out->type, TYPES_INT);
    long long integer = to_integer ? strtoll(text, &end, 10) : 0;
    if (to_integer && end != text && *end == '\0') {
        int64_t value = integer;
        lanes_store(LANE_I64, &value, 1, out->type, out->data, i);
        return true;
    }
    double number = strtod(text, &end);
    lanes_store(LANE_F64, &number, 1, out->type, out->data, i);
    return end != text && *end == '\0';
}

static onyx_status cast_strings(op_run_context *context)
{
    const char *const *texts = context->inputs[0]->data;
    size_t count = tensor_count(context->inputs[0]);
    for (size_t i = 0; i < count; i++) {
        if (!cast_string(texts[i], context->outputs[0], i))
            return status_fail(context->error, ONYX_ERROR_TYPE, "\"%.40s\" is no number", texts[i]);
    }
    return ONYX_OK;
}

static void cast_part(void *context, int part, int worker)
{
    const cast_job *job = context;
    size_t begin = (size_t)part * job->part_size, end = MIN(begin + job->part_size, job->count);
    onyx_type from = job->in->type, to = job->out->type;
    bool small = type_in(to, TYPES_FLOAT8 | TYPE_BIT(ONYX_TYPE_FLOAT8E8M0));
    lane l = small ? LANE_F32 : lane_of(from);
    double values[CHUNK];
    (void)worker;
    for (size_t i = begin; i < end; i += CHUNK) {
        size_t n = MIN((size_t)CHUNK, end - i);
        lanes_load(l, from, job->in->data, i, n, values);
        if (small)
            store_small_floats(job, (const float *)(const void *)values, n, i);
        else
            lanes_store(l, values, n, to, job->out->data, i);
    }
}

onyx_status op_run_cast(op_run_context *context)
{
    const onyx_tensor *in = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    cast_job job = { .in = in, .out = out, .params = context->params, .count = tensor_count(in), .part_size = PART };
    if (in->type == out->type) {
        if (in->data != out->data)
            memcpy(out->data, in->data, out->size_bytes);
        return ONYX_OK;
    }
    if (in->type == ONYX_TYPE_STRING)
        return cast_strings(context);
    if (job.count / PART >= 1024)
        job.part_size = size_align(job.count / 1024 + 1, CHUNK);
    workers_run(context->pool, cast_part, &job, (int)((job.count + job.part_size - 1) / job.part_size));
    return ONYX_OK;
}
