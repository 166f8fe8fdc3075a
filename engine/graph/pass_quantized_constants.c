/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Part of the pass `quantized`: scales, zero points and biases, as they are found and as kernels take them. */
#include <math.h>
#include <stdlib.h>

#include "graph/pass_quantized.h"

static int byte_at(const onyx_tensor *bytes, int64_t i)
{
    return bytes->type == ONYX_TYPE_INT8 ? ((const int8_t *)bytes->data)[i] : ((const uint8_t *)bytes->data)[i];
}

/* ---- zero points ---- */

bool quantized_zero(graph *g, graph_value *value, int *zero)
{
    if (!value || !value->is_constant || !quantized_is_byte(value) || graph_element_count(value) != 1)
        return false;
    const onyx_tensor *tensor = graph_constant(g, value);
    if (!tensor)
        return false;
    *zero = byte_at(tensor, 0);
    return true;
}

onyx_status quantized_default_zero(graph *g, onyx_type type, graph_value **value, onyx_error *error)
{
    uint8_t zero = 0;
    const onyx_tensor tensor = { .type = type, .data = &zero, .size_bytes = 1 };
    if (!*value)
        *value = graph_add_constant(g, "zero_point", &tensor, NULL);
    return *value ? ONYX_OK : status_no_memory(error, 1, "a constant");
}

onyx_status quantized_zero_value(graph *g, const byte_scale *scale, graph_value **value, onyx_error *error)
{
    *value = scale->zero_value;
    return quantized_default_zero(g, scale->type, value, error);
}

/* ---- QuantizeLinear, DequantizeLinear ---- */

static bool read_scale(graph *g, const graph_node *node, const graph_value *bytes, byte_scale *scale)
{
    *scale = (byte_scale){ .scale_value = graph_input(node, 1), .zero_value = graph_input(node, 2) };
    if (!quantized_is_byte(bytes) || ((const quantize_params *)node->params)->block_size != 0)
        return false;
    scale->type = bytes->info.type;
    if (!graph_is_f32(scale->scale_value) || !graph_scalar(g, scale->scale_value, &scale->scale) ||
        !(scale->scale > 0) || isinf(scale->scale))
        return false;
    return !scale->zero_value || quantized_zero(g, scale->zero_value, &scale->zero);
}

bool quantized_is_q(graph *g, const graph_node *node, byte_scale *scale)
{
    return node && (graph_is(node, "QuantizeLinear") || graph_is_in(node, OP_DOMAIN_MICROSOFT, "QuantizeLinear")) &&
           graph_is_f32(node->inputs[0]) && read_scale(g, node, node->outputs[0], scale);
}

bool quantized_is_dq(graph *g, const graph_node *node, byte_scale *scale)
{
    return node && (graph_is(node, "DequantizeLinear") || graph_is_in(node, OP_DOMAIN_MICROSOFT, "DequantizeLinear")) &&
           graph_is_f32(node->outputs[0]) && read_scale(g, node, node->inputs[0], scale);
}

graph_node *quantized_maker_dq(graph *g, const graph_value *value, byte_scale *scale)
{
    return value && quantized_is_dq(g, value->producer, scale) ? value->producer : NULL;
}

onyx_status quantized_two_inputs(graph *g, graph_value *x, const byte_scale *x_scale, graph_value *w,
                                 const byte_scale *w_scale, const byte_scale *y_scale, graph_value *inputs[8],
                                 onyx_error *error)
{
    inputs[0] = x;
    inputs[1] = x_scale->scale_value;
    STATUS_TRY(quantized_zero_value(g, x_scale, &inputs[2], error));
    inputs[3] = w;
    inputs[4] = w_scale->scale_value;
    STATUS_TRY(quantized_zero_value(g, w_scale, &inputs[5], error));
    inputs[6] = y_scale->scale_value;
    return quantized_zero_value(g, y_scale, &inputs[7], error);
}

/* ---- scales of integer operators ---- */

const graph_node *quantized_maker_integer(const graph_node *mul, const char *op, graph_value **factor)
{
    for (int i = 0; i < 2; i++) {
        const graph_value *floats = mul->inputs[i];
        const graph_node *cast = graph_maker(floats, "Cast");
        const graph_node *maker = cast ? graph_maker(cast->inputs[0], op) : NULL;
        *factor = mul->inputs[1 - i];
        if (maker && graph_is_f32(floats) && graph_sole(floats) && graph_sole(cast->inputs[0]) &&
            graph_same_shape(floats, mul->outputs[0]))
            return maker;
    }
    return NULL;
}

/* One number, or one for each index of `axis`: as a constant of rank 1. *scale NULL: it is no such constant. */
static onyx_status scale_along(graph *g, graph_value *value, const graph_value *like, int axis, graph_value **scale,
                               onyx_error *error)
{
    const float *numbers;
    int step;
    *scale = NULL;
    if (!value || !graph_along_axis(g, value, like, axis, &numbers, &step))
        return ONYX_OK;
    const int64_t count = step ? like->info.dims[axis] : 1;
    return graph_add_strided(g, value->name, numbers, step, 1, &count, scale, error);
}

onyx_status quantized_read_scales(graph *g, graph_value *factor, const graph_value *like, int axis,
                                  graph_value **x_scale, graph_value **w_scale, onyx_error *error)
{
    const graph_node *product = graph_maker(factor, "Mul");
    *w_scale = NULL;
    for (int i = 0; product && i < 2 && !*w_scale; i++) {
        *x_scale = product->inputs[i];
        if (graph_is_f32(*x_scale) && graph_element_count(*x_scale) == 1)
            STATUS_TRY(scale_along(g, product->inputs[1 - i], like, axis, w_scale, error));
    }
    if (*w_scale)
        return ONYX_OK;
    if (graph_is_f32(factor) && !factor->is_constant && graph_element_count(factor) == 1) { /* that of weights was 1 */
        *x_scale = factor;
        return graph_add_numbers(g, "one", &(double){ 1 }, 1, &(int64_t){ 1 }, w_scale, error);
    }
    STATUS_TRY(scale_along(g, factor, like, axis, w_scale, error));
    return *w_scale ? graph_add_numbers(g, "one", &(double){ 1 }, 0, NULL, x_scale, error) : ONYX_OK;
}

/* ---- biases ---- */

bool quantized_read_bias(graph *g, graph_value *value, int64_t channels, double *bias)
{
    const graph_node *dq = graph_maker(value, "DequantizeLinear");
    if (value && graph_element_count(value) != channels)
        return false;
    const float *floats = value && value->is_constant ? graph_constant_f32(g, value) : NULL;
    if (!value || floats) {
        for (int64_t i = 0; i < channels; i++)
            bias[i] = floats ? floats[i] : 0;
        return true;
    }
    if (!dq || !dq->inputs[0]->is_constant || dq->inputs[0]->info.type != ONYX_TYPE_INT32 ||
        dq->inputs[1]->info.rank > 1)
        return false;
    const onyx_tensor *numbers = graph_constant(g, dq->inputs[0]);
    const float *scales = graph_constant_f32(g, dq->inputs[1]);
    const int64_t scale_count = graph_element_count(dq->inputs[1]), step = scale_count > 1;
    double zero;
    if (!numbers || !scales || (scale_count != 1 && scale_count != channels) ||
        (graph_input(dq, 2) && (!graph_uniform(g, dq->inputs[2], &zero) || zero != 0)))
        return false;
    for (int64_t i = 0; i < channels; i++)
        bias[i] = (double)((const int32_t *)numbers->data)[i] * scales[i * step];
    return true;
}

/* What the sum of output c may reach without its bias, for any bytes: so many as a weight less its zero point can be,
 * if that is no more than `enough`, else what these weights are. */
static double largest_sum(const onyx_tensor *w, const byte_weights *weights, int64_t c, int zero, double enough)
{
    const int64_t count = graph_element_count(weights->w) / weights->outputs;
    if ((double)count * 255 * 255 <= enough)
        return (double)count * 255 * 255;
    const int64_t step = weights->columns ? weights->outputs : 1, first = weights->columns ? c : c * count;
    double sum = 0;
    for (int64_t i = 0; i < count; i++)
        sum += abs(byte_at(w, first + i * step) - zero);
    return sum * 255;
}

/* A bias may become a whole number of `unit`s: results in steps of `step` move by a quarter of one at most. */
static bool bias_rounds(double bias, double unit, float step)
{
    return fabs(bias - rint(bias / unit) * unit) <= fabs((double)step) / 4;
}

onyx_status quantized_add_sums(graph *g, const char *name, const int32_t *sums, int64_t count, graph_value **value,
                               onyx_error *error)
{
    const onyx_tensor tensor = { .type = ONYX_TYPE_INT32,
                                 .rank = 1,
                                 .dims = { count },
                                 .data = (void *)sums,
                                 .size_bytes = (size_t)count * sizeof(*sums) };
    *value = graph_add_constant(g, name, &tensor, NULL);
    return *value ? ONYX_OK : status_no_memory(error, tensor.size_bytes, "a constant");
}

onyx_status quantized_integer_bias(graph *g, const char *name, const double *bias, float x_scale, float y_scale,
                                   const byte_weights *weights, graph_value **value, onyx_error *error)
{
    const float *scales = graph_constant_f32(g, weights->scale);
    const int64_t step = graph_element_count(weights->scale) > 1;
    const onyx_tensor *w = graph_constant(g, weights->w),
                      *zeros = weights->zero ? graph_constant(g, weights->zero) : NULL;
    const int64_t zero_step = zeros && graph_element_count(weights->zero) > 1;
    int32_t *sums = malloc((size_t)weights->outputs * sizeof(*sums) + 1);
    bool fits = true;
    *value = NULL;
    if (!sums || !scales || !w || (weights->zero && !zeros)) {
        free(sums);
        return status_no_memory(error, (size_t)weights->outputs * sizeof(*sums), "a constant");
    }
    for (int64_t i = 0; i < weights->outputs && fits; i++) {
        const double unit = (double)x_scale * scales[i * step], number = rint(bias[i] / unit);
        const int zero = zeros ? byte_at(zeros, i * zero_step) : 0;
        const double room = INT32_MAX - fabs(number);
        fits = largest_sum(w, weights, i, zero, room) <= room && bias_rounds(bias[i], unit, y_scale);
        sums[i] = fits ? (int32_t)number : 0;
    }
    onyx_status status = fits ? quantized_add_sums(g, name, sums, weights->outputs, value, error) : ONYX_OK;
    free(sums);
    return status;
}
