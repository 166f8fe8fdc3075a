/* SPDX-License-Identifier: BSD-2-Clause
 *
 * LpNormalization and MeanVarianceNormalization: over axes that may lie anywhere, in float64. */
#include <math.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/rows.h"
#include "ops/shape.h"

/* ---- LpNormalization ---- */

onyx_status op_parse_lp_norm(const op_parse_context *context, void *params)
{
    lp_norm_params *p = params;
    p->axis = op_attribute_int(&context->attributes, "axis", -1);
    p->p = op_attribute_int(&context->attributes, "p", 2);
    if (p->p != 1 && p->p != 2)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "p is %lld, not 1 or 2", (long long)p->p);
    return ONYX_OK;
}

onyx_status op_shape_lp_norm(op_shape_context *context)
{
    int axis;
    STATUS_TRY(shape_same(context));
    const op_value *x = context->inputs[0];
    if (x->rank >= 0 && !axis_resolve(((const lp_norm_params *)context->params)->axis, x->rank, &axis))
        return shape_fail(context, "axis is out of range for rank %d", x->rank);
    return ONYX_OK;
}

onyx_status op_run_lp_norm(op_run_context *context)
{
    const lp_norm_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    int axis = 0;
    axis_resolve(p->axis, x->rank, &axis);
    const size_t count = tensor_count(x), inner = dims_product(x->dims, axis + 1, x->rank);
    const size_t n = (size_t)x->dims[axis];
    double *values = run_scratch(context, count, sizeof(*values), &status);
    STATUS_TRY(status);
    lanes_load(LANE_F64, x->type, x->data, 0, count, values);
    for (size_t line = 0; count && line < count / n; line++) {
        double *first = values + line / inner * n * inner + line % inner, sum = 0;
        for (size_t i = 0; i < n; i++)
            sum += p->p == 1 ? fabs(first[i * inner]) : first[i * inner] * first[i * inner];
        sum = p->p == 1 ? sum : sqrt(sum);
        for (size_t i = 0; i < n; i++)
            first[i * inner] = sum == 0 ? 0 : first[i * inner] / sum;
    }
    lanes_store(LANE_F64, values, count, out->type, out->data, 0);
    return ONYX_OK;
}

/* ---- MeanVarianceNormalization ---- */

onyx_status op_parse_mvn(const op_parse_context *context, void *params)
{
    axes_params *p = params;
    STATUS_TRY(op_parse_axes(context, params));
    if (p->axis_count < 0)
        *p = (axes_params){ .axes = { 0, 2, 3 }, .axis_count = 3 };
    return ONYX_OK;
}

onyx_status op_shape_mvn(op_shape_context *context)
{
    const axes_params *p = context->params;
    int axis;
    STATUS_TRY(shape_same(context));
    const op_value *x = context->inputs[0];
    for (int i = 0; i < p->axis_count && x->rank >= 0; i++)
        if (!axis_resolve(p->axes[i], x->rank, &axis))
            return shape_fail(context, "axis %lld is out of range for rank %d", (long long)p->axes[i], x->rank);
    return ONYX_OK;
}

/* The number of the group of elements that element i belongs to: its indices along the other axes. */
static size_t group_of(const onyx_tensor *x, const bool *together, size_t i)
{
    size_t group = 0, stride = 1;
    for (int d = x->rank - 1; d >= 0; d--) {
        const size_t n = (size_t)x->dims[d];
        if (!together[d]) {
            group += i % n * stride;
            stride *= n;
        }
        i /= n;
    }
    return group;
}

onyx_status op_run_mvn(op_run_context *context)
{
    const axes_params *p = context->params;
    const onyx_tensor *x = context->inputs[0];
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    bool together[ONYX_MAX_RANK] = { false };
    for (int i = 0; i < p->axis_count; i++) {
        int axis = 0;
        axis_resolve(p->axes[i], x->rank, &axis);
        together[axis] = true;
    }
    size_t groups = 1;
    const size_t count = tensor_count(x);
    if (!count)
        return ONYX_OK;
    for (int d = 0; d < x->rank; d++)
        groups *= together[d] ? 1 : (size_t)x->dims[d];
    double *values = run_scratch(context, count, sizeof(*values), &status);
    STATUS_TRY(status);
    double *means = run_scratch(context, 2 * groups, sizeof(*means), &status), *squares = means + groups;
    STATUS_TRY(status);
    const double each = (double)(count / groups);
    memset(means, 0, 2 * groups * sizeof(*means));
    lanes_load(LANE_F64, x->type, x->data, 0, count, values);
    for (size_t i = 0; i < count; i++)
        means[group_of(x, together, i)] += values[i] / each;
    for (size_t i = 0; i < count; i++) {
        const size_t group = group_of(x, together, i);
        values[i] -= means[group];
        squares[group] += values[i] * values[i] / each;
    }
    for (size_t i = 0; i < count; i++)
        values[i] /= sqrt(squares[group_of(x, together, i)]) + 1e-9;
    lanes_store(LANE_F64, values, count, out->type, out->data, 0);
    return ONYX_OK;
}
