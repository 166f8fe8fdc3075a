/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Random numbers: RandomNormal, RandomUniform (and Like), Bernoulli, Multinomial. Each number follows from the node's
 * seed, or where it has none from its result's name, and its own place alone, so that results depend neither on threads
 * nor on what ran before: a run gives the numbers of the run before. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* splitmix64 */
static uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

/* In [0, 1). */
static double uniform(uint64_t seed, uint64_t place)
{
    return (double)(mixed(mixed(seed) ^ place) >> 11) * 0x1p-53;
}

static double normal(uint64_t seed, uint64_t place)
{
    const double u = uniform(seed, 2 * place), v = uniform(seed, 2 * place + 1);
    return sqrt(-2 * log(1 - u)) * cos(2 * 3.14159265358979323846 * v);
}

/* Beyond those of the attribute, which has 32 bits. */
static uint64_t seed_of_name(const char *name)
{
    uint64_t seed = 1;
    for (; name && *name; name++)
        seed = mixed(seed ^ (unsigned char)*name);
    return seed | UINT64_C(1) << 63;
}

onyx_status op_parse_random(const op_parse_context *context, void *params)
{
    random_params *p = params;
    const bool normal_one = strncmp(context->row->name, "RandomNormal", 12) == 0;
    const bool multinomial = strcmp(context->row->name, "Multinomial") == 0;
    const op_attribute *shape = op_attribute_find(&context->attributes, "shape", OP_ATTRIBUTE_INTS);
    const op_attribute *seed = op_attribute_find(&context->attributes, "seed", OP_ATTRIBUTE_FLOAT);
    if (seed)
        memcpy(&p->seed, &seed->f, sizeof(seed->f));
    else
        p->seed = seed_of_name(context->result);
    p->first = op_attribute_float(&context->attributes, normal_one ? "mean" : "low", 0);
    p->second = op_attribute_float(&context->attributes, normal_one ? "scale" : "high", 1);
    p->count = op_attribute_int(&context->attributes, "sample_size", 1);
    p->type = (onyx_type)op_attribute_int(&context->attributes, "dtype",
                                          multinomial            ? ONYX_TYPE_INT32
                                          : context->input_count ? ONYX_TYPE_UNDEFINED
                                                                 : ONYX_TYPE_FLOAT32);
    p->rank = shape ? shape->count : -1;
    if (p->rank > ONYX_MAX_RANK || p->count < 1 || (!context->input_count && !shape))
        return status_fail(context->error, ONYX_ERROR_SHAPE, "a shape of %d dimensions, %lld samples", p->rank,
                           (long long)p->count);
    for (int i = 0; i < p->rank; i++) {
        p->dims[i] = shape->ints[i];
        if (p->dims[i] < 0)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "dimension %d is %lld", i, (long long)p->dims[i]);
    }
    if (p->type && !type_in(p->type, multinomial ? TYPES_INDEX : TYPES_NUMBER | TYPES_BOOL))
        return status_fail(context->error, ONYX_ERROR_TYPE, "dtype = %d is not supported", (int)p->type);
    return ONYX_OK;
}

onyx_status op_shape_random(op_shape_context *context)
{
    const random_params *p = context->params;
    op_value *out = &context->outputs[0];
    if (!context->input_count) {
        shape_set(out, p->type, p->rank, p->dims);
        return ONYX_OK;
    }
    STATUS_TRY(shape_begin(context));
    shape_copy(out, context->inputs[0]);
    if (p->type)
        out->type = p->type;
    if (out->type != ONYX_TYPE_UNDEFINED && !type_in(out->type, TYPES_NUMBER | TYPES_BOOL))
        return shape_fail(context, "random %s", onyx_type_name(out->type));
    return ONYX_OK;
}

static onyx_status fill(op_run_context *context, double (*number)(uint64_t, uint64_t), double offset, double factor)
{
    const random_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    for (size_t i = 0; i < tensor_count(out); i++) {
        const double x = offset + factor * number(p->seed, i);
        lanes_store(LANE_F64, &x, 1, out->type, out->data, i);
    }
    return ONYX_OK;
}

onyx_status op_run_random_normal(op_run_context *context)
{
    const random_params *p = context->params;
    return fill(context, normal, (double)p->first, (double)p->second);
}

onyx_status op_run_random_uniform(op_run_context *context)
{
    const random_params *p = context->params;
    return fill(context, uniform, (double)p->first, (double)p->second - (double)p->first);
}

onyx_status op_run_bernoulli(op_run_context *context)
{
    const random_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    for (size_t i = 0; i < tensor_count(out); i++) {
        double chance;
        lanes_load(LANE_F64, x->type, x->data, i, 1, &chance);
        const double drawn = uniform(p->seed, i) < chance;
        lanes_store(LANE_F64, &drawn, 1, out->type, out->data, i);
    }
    return ONYX_OK;
}

/* ---- Multinomial: logarithms of chances [n, classes] -> classes [n, samples] ---- */

onyx_status op_shape_multinomial(op_shape_context *context)
{
    const random_params *p = context->params;
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_rank(context, 0, 2));
    const op_value *x = context->inputs[0];
    if (x->rank == 2 && x->dims[1] == 0)
        return shape_fail(context, "there are no classes");
    const int64_t dims[2] = { x->rank == 2 ? x->dims[0] : -1, p->count };
    shape_set(&context->outputs[0], p->type, 2, dims);
    return ONYX_OK;
}

onyx_status op_run_multinomial(op_run_context *context)
{
    const random_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    const size_t classes = (size_t)x->dims[1];
    onyx_status status = ONYX_OK;
    double *sums = run_scratch(context, classes, sizeof(*sums), &status);
    STATUS_TRY(status);
    for (size_t i = 0; i < tensor_count(out); i++) {
        const size_t row = i / (size_t)p->count;
        if (i % (size_t)p->count == 0) {
            double most = -INFINITY, sum = 0;
            lanes_load(LANE_F64, x->type, x->data, row * classes, classes, sums);
            for (size_t k = 0; k < classes; k++)
                most = MAX(most, sums[k]);
            for (size_t k = 0; k < classes; k++)
                sums[k] = sum += exp(sums[k] - most);
        }
        const double drawn = uniform(p->seed, i) * sums[classes - 1];
        int64_t found = 0;
        while (found < (int64_t)classes - 1 && !(drawn < sums[found]))
            found++;
        lanes_store(LANE_I64, &found, 1, out->type, out->data, i);
    }
    return ONYX_OK;
}
