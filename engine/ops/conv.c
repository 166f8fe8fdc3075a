/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Conv, ConvTranspose, FusedConv, ConvInteger and QLinearConv, for any number of spatial dimensions. Taps outside of
 * the input read zero (quantised: the zero point), so they are left out of the sums. */
#include <stdlib.h>
#include <string.h>

#include "ops/lanes.h"
#include "ops/quantize.h"
#include "ops/rows.h"
#include "ops/shape.h"

#define CONV_CHUNK 512 /* columns at a time: four rows of sums stay in the first cache */

typedef struct conv_task {
    op_window window;
    int64_t batch, groups, c_in, c_out; /* channels of one group */
    int64_t in_plane, out_plane, taps;
    const void *x, *w, *bias;
    void *dst;
} conv_task;

static int64_t ceil_div(int64_t a, int64_t b) /* b > 0 */
{
    return a >= 0 ? (a + b - 1) / b : -(-a / b);
}

/* Columns i in [begin, end) with 0 <= i * stride + offset < width. */
static void conv_columns(int64_t offset, int64_t stride, int64_t width, int64_t begin, int64_t end, int64_t *from,
                         int64_t *to)
{
    *from = MAX(begin, ceil_div(-offset, stride));
    *to = MIN(end, ceil_div(width - offset, stride));
}

/* The element offset of the input row that outer tap `tap` of output row `row` reads; false when it lies outside. */
static bool conv_input_row(const op_window *w, int64_t row, int64_t tap, int64_t *offset)
{
    int64_t stride = w->in[w->spatial - 1];
    *offset = 0;
    for (int d = w->spatial - 2; d >= 0; d--) {
        int64_t o = row % w->out[d], k = tap % w->kernel[d];
        int64_t i = o * w->stride[d] + k * w->dilation[d] - w->pad_begin[d];
        row /= w->out[d];
        tap /= w->kernel[d];
        if (i < 0 || i >= w->in[d])
            return false;
        *offset += i * stride;
        stride *= w->in[d];
    }
    return true;
}

/* The same for transposed convolution: the output row that tap `tap` of input row `row` adds to. */
static bool conv_output_row(const op_window *w, int64_t row, int64_t tap, int64_t *offset)
{
    int64_t stride = w->out[w->spatial - 1];
    *offset = 0;
    for (int d = w->spatial - 2; d >= 0; d--) {
        int64_t i = row % w->in[d], k = tap % w->kernel[d];
        int64_t o = i * w->stride[d] + k * w->dilation[d] - w->pad_begin[d];
        row /= w->in[d];
        tap /= w->kernel[d];
        if (o < 0 || o >= w->out[d])
            return false;
        *offset += o * stride;
        stride *= w->out[d];
    }
    return true;
}

#define IN float
#define ACC float
#define PRODUCT(a, b) ((a) * (b))
#define NAME(x) x##_f32
#include "ops/conv_loops.h"

#define IN double
#define ACC double
#define PRODUCT(a, b) ((a) * (b))
#define NAME(x) x##_f64
#include "ops/conv_loops.h"

#define T float
#define NAME(x) x##_f32
#include "ops/conv_transpose_loops.h"

#define T double
#define NAME(x) x##_f64
#include "ops/conv_transpose_loops.h"

/* Centred 8-bit values; sums wrap. */
#define IN int16_t
#define ACC uint32_t
#define PRODUCT(a, b) ((uint32_t)((int32_t)(a) * (int32_t)(b)))
#define NAME(x) x##_s16
#include "ops/conv_loops.h"

/* ---- shapes ---- */

static onyx_status shape_conv_at(op_shape_context *context, int x_index, int w_index, int bias_index, onyx_type type)
{
    const op_value *x = context->inputs[x_index], *w = context->inputs[w_index];
    const op_value *bias = bias_index < 0 ? NULL : shape_input(context, bias_index);
    op_value *out = &context->outputs[0];
    out->type = type;
    if (x->rank < 0 || w->rank < 0)
        return ONYX_OK;
    STATUS_TRY(shape_rank(context, w_index, x->rank));
    op_window window;
    STATUS_TRY(op_conv_window(context->params, x->rank, x->dims, w->dims, &window, context->error));
    if (bias) {
        STATUS_TRY(shape_rank(context, bias_index, 1));
        if (bias->rank == 1 && bias->dims[0] >= 0 && w->dims[0] >= 0 && bias->dims[0] != w->dims[0])
            return shape_fail(context, "the bias has %lld elements for %lld filters", (long long)bias->dims[0],
                              (long long)w->dims[0]);
    }
    out->rank = x->rank;
    out->dims[0] = x->dims[0];
    out->dims[1] = w->dims[0];
    memcpy(out->dims + 2, window.out, (size_t)window.spatial * sizeof(int64_t));
    return ONYX_OK;
}

onyx_status op_shape_conv(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    return shape_conv_at(context, 0, 1, 2, context->inputs[0]->type);
}

onyx_status op_shape_fused_conv(op_shape_context *context)
{
    STATUS_TRY(op_shape_conv(context));
    STATUS_TRY(shape_same_type(context, 0, 3));
    const op_value *residual = shape_input(context, 3), *out = &context->outputs[0];
    if (!residual || residual->rank < 0 || out->rank < 0)
        return ONYX_OK;
    bool same = residual->rank == out->rank;
    for (int i = 0; i < out->rank && same; i++)
        same = residual->dims[i] < 0 || out->dims[i] < 0 || residual->dims[i] == out->dims[i];
    return same ? ONYX_OK : shape_fail(context, "the residual's shape differs from the output's");
}

onyx_status op_shape_conv_transpose(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_same_type(context, 0, 1));
    STATUS_TRY(shape_same_type(context, 0, 2));
    const op_value *x = context->inputs[0], *w = context->inputs[1], *bias = shape_input(context, 2);
    const conv_params *p = context->params;
    op_value *out = &context->outputs[0];
    out->type = x->type;
    if (x->rank < 0 || w->rank < 0)
        return ONYX_OK;
    STATUS_TRY(shape_rank(context, 1, x->rank));
    op_window window;
    STATUS_TRY(op_conv_transpose_window(p, x->rank, x->dims, w->dims, &window, context->error));
    out->rank = x->rank;
    out->dims[0] = x->dims[0];
    out->dims[1] = w->dims[1] < 0 ? -1 : w->dims[1] * p->group;
    if (bias && bias->rank == 1 && bias->dims[0] >= 0 && out->dims[1] >= 0 && bias->dims[0] != out->dims[1])
        return shape_fail(context, "the bias has %lld elements for %lld filters", (long long)bias->dims[0],
                          (long long)out->dims[1]);
    memcpy(out->dims + 2, window.out, (size_t)window.spatial * sizeof(int64_t));
    return ONYX_OK;
}

/* ---- runs ---- */

/* Fills what follows from the shapes. A pointwise convolution is seen as one long row. */
static onyx_status conv_begin(op_run_context *context, const onyx_tensor *x, const onyx_tensor *w, bool transposed,
                              conv_task *t)
{
    const conv_params *p = context->params;
    STATUS_TRY(transposed ? op_conv_transpose_window(p, x->rank, x->dims, w->dims, &t->window, context->error)
                          : op_conv_window(p, x->rank, x->dims, w->dims, &t->window, context->error));
    op_window *win = &t->window;
    t->batch = x->dims[0];
    t->groups = p->group;
    t->c_in = x->dims[1] / p->group;
    t->c_out = transposed ? w->dims[1] : w->dims[0] / p->group;
    t->taps = (int64_t)dims_product(win->kernel, 0, win->spatial);
    t->in_plane = (int64_t)dims_product(win->in, 0, win->spatial);
    t->out_plane = (int64_t)dims_product(win->out, 0, win->spatial);
    bool pointwise = t->taps == 1 && t->in_plane == t->out_plane;
    for (int i = 0; i < win->spatial && pointwise; i++)
        pointwise = win->stride[i] == 1 && win->pad_begin[i] == 0 && win->pad_end[i] == 0;
    if (pointwise) {
        win->spatial = 1;
        win->in[0] = win->out[0] = t->in_plane;
    }
    return ONYX_OK;
}

static onyx_status part_count(op_run_context *context, int64_t a, int64_t b, int *parts)
{
    int64_t n;
    *parts = 0;
    if (__builtin_mul_overflow(a, b, &n) || n > INT32_MAX)
        return status_fail(context->error, ONYX_ERROR_LIMIT, "too many output planes");
    *parts = (int)n;
    return ONYX_OK;
}

static void activate(const op_activation *activation, lane l, void *data, size_t n)
{
    if (l == LANE_F32)
        op_activation_apply_f32(activation, data, n);
    else
        op_activation_apply_f64(activation, data, n);
}

static void add(lane l, void *dst, const void *src, size_t n)
{
    float *d32 = dst;
    double *d64 = dst;
    for (size_t i = 0; i < n; i++) {
        if (l == LANE_F32)
            d32[i] += ((const float *)src)[i];
        else
            d64[i] += ((const double *)src)[i];
    }
}

static onyx_status run_conv(op_run_context *context, bool transposed)
{
    const onyx_tensor *x = context->inputs[0], *w = context->inputs[1], *bias = run_input(context, 2);
    const onyx_tensor *residual = run_input(context, 3);
    const conv_params *p = context->params;
    onyx_tensor *out = context->outputs[0];
    lane l = lane_of(x->type);
    conv_task task = { 0 };
    onyx_status status = ONYX_OK;
    int parts;
    STATUS_TRY(conv_begin(context, x, w, transposed, &task));
    const void *added = residual ? lanes_of_tensor(context, residual, l, &status) : NULL;
    task.x = lanes_of_tensor(context, x, l, &status);
    task.w = lanes_of_tensor(context, w, l, &status);
    task.bias = bias ? lanes_of_tensor(context, bias, l, &status) : NULL;
    task.dst = lanes_for_output(context, out, l, &status);
    STATUS_TRY(status);
    STATUS_TRY(part_count(context, task.batch * task.groups, transposed ? task.c_out : (task.c_out + 3) / 4, &parts));
    if (task.out_plane == 0)
        return ONYX_OK;
    workers_function *const loops[2][2] = { { conv_part_f32, conv_part_f64 },
                                            { transposed_part_f32, transposed_part_f64 } };
    workers_run(context->pool, loops[transposed][l == LANE_F64], &task, parts);
    size_t count = tensor_count(out);
    if (added && p->residual_before)
        add(l, task.dst, added, count);
    activate(&p->activation, l, task.dst, count);
    if (added && !p->residual_before)
        add(l, task.dst, added, count);
    lanes_finish_output(out, l, task.dst);
    return ONYX_OK;
}

onyx_status op_run_conv(op_run_context *context)
{
    return run_conv(context, false);
}

onyx_status op_run_conv_transpose(op_run_context *context)
{
    return run_conv(context, true);
}

/* ---- fused ---- */

onyx_status op_parse_activation(const op_parse_context *context, op_activation *activation)
{
    const char *name = op_attribute_string(&context->attributes, "activation", "none");
    if (!op_act_find(name, &activation->act))
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "activation \"%s\" is unknown", name);
    activation->a = op_attribute_float(&context->attributes, "activation_a", 0);
    activation->b = op_attribute_float(&context->attributes, "activation_b", 0);
    return ONYX_OK;
}

onyx_status op_parse_fused_conv(const op_parse_context *context, void *params)
{
    conv_params *p = params;
    STATUS_TRY(op_parse_conv(context, params));
    p->residual_before = op_attribute_int(&context->attributes, "residual_before", 0) != 0;
    return op_parse_activation(context, &p->activation);
}

/* ---- integers ---- */

/* A scalar, or a vector of one element or one per filter. */
static onyx_status check_per_filter(op_shape_context *context, int index, const op_value *w)
{
    const op_value *v = shape_input(context, index);
    if (!v || v->rank <= 0)
        return ONYX_OK;
    const int64_t count = v->dims[0], filters = w->rank > 0 ? w->dims[0] : -1;
    if (v->rank == 1 && (count < 0 || count == 1 || filters < 0 || count == filters))
        return ONYX_OK;
    return shape_fail(context, "input %d has neither one element nor one per filter", index);
}

onyx_status op_shape_conv_integer(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 1, TYPES_BYTE));
    STATUS_TRY(shape_zero_point(context, 2, 0));
    STATUS_TRY(shape_scalar(context, 2));
    STATUS_TRY(shape_zero_point(context, 3, 1));
    STATUS_TRY(check_per_filter(context, 3, context->inputs[1]));
    return shape_conv_at(context, 0, 1, -1, ONYX_TYPE_INT32);
}

static onyx_status run_centred(op_run_context *context, const onyx_tensor *x, const onyx_tensor *x_zero,
                               const onyx_tensor *w, const onyx_tensor *w_zero, const onyx_tensor *bias, void *dst,
                               conv_task *task)
{
    onyx_status status = ONYX_OK;
    int parts;
    memset(task, 0, sizeof(*task));
    STATUS_TRY(conv_begin(context, x, w, false, task));
    task->x = centred(context, x, x_zero, 1, &status);
    task->w = centred(context, w, w_zero, dims_product(w->dims, 1, w->rank), &status);
    STATUS_TRY(status);
    task->bias = bias ? bias->data : NULL;
    task->dst = dst;
    STATUS_TRY(part_count(context, task->batch * task->groups, (task->c_out + 3) / 4, &parts));
    if (task->out_plane > 0)
        workers_run(context->pool, conv_part_s16, task, parts);
    return ONYX_OK;
}

onyx_status op_run_conv_integer(op_run_context *context)
{
    conv_task task;
    return run_centred(context, context->inputs[0], run_input(context, 2), context->inputs[1], run_input(context, 3),
                       NULL, context->outputs[0]->data, &task);
}

/* x, x_scale, x_zero, w, w_scale, w_zero, y_scale, y_zero, bias */
onyx_status op_shape_qlinear_conv(op_shape_context *context)
{
    STATUS_TRY(shape_begin(context));
    STATUS_TRY(shape_type(context, 3, TYPES_BYTE));
    STATUS_TRY(shape_scale(context, 1));
    STATUS_TRY(shape_scale(context, 6));
    STATUS_TRY(shape_type(context, 4, TYPES_F32));
    STATUS_TRY(shape_zero_point(context, 2, 0));
    STATUS_TRY(shape_scalar(context, 2));
    STATUS_TRY(shape_zero_point(context, 5, 3));
    STATUS_TRY(shape_type(context, 7, TYPES_BYTE));
    STATUS_TRY(shape_scalar(context, 7));
    STATUS_TRY(shape_type(context, 8, TYPE_BIT(ONYX_TYPE_INT32)));
    for (int i = 4; i < 6; i++)
        STATUS_TRY(check_per_filter(context, i, context->inputs[3]));
    const op_value *y_zero = context->inputs[7];
    return shape_conv_at(context, 0, 3, 8, y_zero->type);
}

/* sums += more, each element for the pixels of out that lie over it. */
static void add_sums(int32_t *sums, const onyx_tensor *out, const onyx_tensor *more)
{
    const int32_t *from = more->data;
    const size_t count = tensor_count(out);
    for (size_t i = 0; i < count; i++) {
        size_t left = i, at = 0, step = 1;
        for (int k = out->rank - 1; k >= 0; k--) {
            const size_t dim = (size_t)out->dims[k], here = (size_t)more->dims[k];
            at += left % dim / (dim / here) * step;
            left /= dim;
            step *= here;
        }
        sums[i] = (int32_t)((uint32_t)sums[i] + (uint32_t)from[at]);
    }
}

/* Input 10 is that of the onyx domain's QConv. */
onyx_status op_run_qlinear_conv(op_run_context *context)
{
    const onyx_tensor *const *in = context->inputs;
    onyx_tensor *out = context->outputs[0];
    onyx_status status = ONYX_OK;
    conv_task task;
    int32_t *sums = run_scratch(context, tensor_count(out), sizeof(*sums), &status);
    if (!sums)
        return status;
    STATUS_TRY(run_centred(context, in[0], in[2], in[3], in[5], run_input(context, 8), sums, &task));
    if (run_input(context, 10))
        add_sums(sums, out, run_input(context, 10));
    size_t planes = (size_t)(task.batch * task.groups * task.c_out), plane = (size_t)task.out_plane;
    for (size_t i = 0; i < planes; i++) {
        size_t filter = i % (size_t)(task.groups * task.c_out);
        requantize(out, i * plane, sums + i * plane, plane,
                   scale_at(in[1], 0) * scale_at(in[4], filter) / scale_at(in[6], 0), zero_point_at(in[7], 0));
    }
    return ONYX_OK;
}
