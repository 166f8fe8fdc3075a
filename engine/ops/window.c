/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Geometry of sliding windows: attributes of Conv, ConvTranspose and the pools, resolved to numbers. */
#include <string.h>

#include "ops/rows.h"
#include "ops/shape.h"

/* Attributes are bounded so that no product of two overflows. */
#define LARGEST (INT64_C(1) << 31)

static onyx_status read_ints(const op_parse_context *context, const char *name, int capacity, int64_t lowest,
                             int64_t *values, int *count)
{
    const op_attribute *attribute = op_attribute_find(&context->attributes, name, OP_ATTRIBUTE_INTS);
    *count = 0;
    if (!attribute)
        return ONYX_OK;
    if (attribute->count > capacity)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute %s has %d entries", name, attribute->count);
    for (int i = 0; i < attribute->count; i++) {
        if (attribute->ints[i] < lowest || attribute->ints[i] > LARGEST)
            return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute %s has an entry of %lld", name,
                               (long long)attribute->ints[i]);
        values[i] = attribute->ints[i];
    }
    *count = attribute->count;
    return ONYX_OK;
}

static onyx_status parse_window(const op_parse_context *context, window_params *p)
{
    static const char *const names[] = { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID" };
    const char *auto_pad = op_attribute_string(&context->attributes, "auto_pad", "NOTSET");
    size_t found = 0;
    while (found < ARRAY_LENGTH(names) && strcmp(names[found], auto_pad) != 0)
        found++;
    if (found == ARRAY_LENGTH(names) && auto_pad[0])
        return status_fail(context->error, ONYX_ERROR_UNSUPPORTED, "auto_pad \"%s\" is unknown", auto_pad);
    p->auto_pad = auto_pad[0] ? (op_auto_pad)found : OP_AUTO_PAD_NOTSET;
    p->ceil_mode = op_attribute_int(&context->attributes, "ceil_mode", 0) != 0;
    STATUS_TRY(read_ints(context, "kernel_shape", OP_MAX_SPATIAL, 1, p->kernel, &p->kernel_count));
    STATUS_TRY(read_ints(context, "strides", OP_MAX_SPATIAL, 1, p->strides, &p->stride_count));
    STATUS_TRY(read_ints(context, "dilations", OP_MAX_SPATIAL, 1, p->dilations, &p->dilation_count));
    return read_ints(context, "pads", 2 * OP_MAX_SPATIAL, -LARGEST, p->pads, &p->pad_count);
}

onyx_status op_parse_conv(const op_parse_context *context, void *params)
{
    conv_params *p = params;
    STATUS_TRY(parse_window(context, &p->window));
    STATUS_TRY(read_ints(context, "output_padding", OP_MAX_SPATIAL, 0, p->output_padding, &p->output_padding_count));
    STATUS_TRY(read_ints(context, "output_shape", OP_MAX_SPATIAL, 0, p->output_shape, &p->output_shape_count));
    p->group = op_attribute_int(&context->attributes, "group", 1);
    if (p->group < 1)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "group is %lld", (long long)p->group);
    return ONYX_OK;
}

onyx_status op_parse_pool(const op_parse_context *context, void *params)
{
    pool_params *p = params;
    STATUS_TRY(parse_window(context, &p->window));
    p->count_include_pad = op_attribute_int(&context->attributes, "count_include_pad", 0) != 0;
    p->column_major = op_attribute_int(&context->attributes, "storage_order", 0) != 0;
    if (p->window.kernel_count == 0)
        return status_fail(context->error, ONYX_ERROR_SHAPE, "attribute kernel_shape is missing");
    return ONYX_OK;
}

/* Strides, dilations and explicit pads; kernel and in are set by the caller. */
static onyx_status fill_window(const window_params *p, op_window *w, onyx_error *error)
{
    int n = w->spatial;
    if ((p->stride_count && p->stride_count != n) || (p->dilation_count && p->dilation_count != n) ||
        (p->pad_count && p->pad_count != 2 * n))
        return status_fail(error, ONYX_ERROR_SHAPE, "strides, dilations or pads do not fit %d spatial dimensions", n);
    for (int i = 0; i < n; i++) {
        w->stride[i] = p->stride_count ? p->strides[i] : 1;
        w->dilation[i] = p->dilation_count ? p->dilations[i] : 1;
        bool explicit_pads = p->pad_count && p->auto_pad == OP_AUTO_PAD_NOTSET;
        w->pad_begin[i] = explicit_pads ? p->pads[i] : 0;
        w->pad_end[i] = explicit_pads ? p->pads[n + i] : 0;
        w->out[i] = -1;
    }
    return ONYX_OK;
}

/* Output sizes, and pads where auto_pad gives them. */
static onyx_status slide_window(const window_params *p, op_window *w, onyx_error *error)
{
    for (int i = 0; i < w->spatial; i++) {
        int64_t in = w->in[i], stride = w->stride[i];
        if (in < 0 || w->kernel[i] < 0)
            continue;
        int64_t reach;
        if (__builtin_mul_overflow(w->kernel[i] - 1, w->dilation[i], &reach) || reach > LARGEST || in > INT64_MAX / 8)
            return status_fail(error, ONYX_ERROR_SHAPE, "the window is too large");
        reach += 1;
        if (p->auto_pad == OP_AUTO_PAD_SAME_UPPER || p->auto_pad == OP_AUTO_PAD_SAME_LOWER) {
            w->out[i] = (in + stride - 1) / stride;
            int64_t pad = MAX((w->out[i] - 1) * stride + reach - in, 0);
            w->pad_begin[i] = p->auto_pad == OP_AUTO_PAD_SAME_LOWER ? (pad + 1) / 2 : pad / 2;
            w->pad_end[i] = pad - w->pad_begin[i];
            continue;
        }
        int64_t room = in + w->pad_begin[i] + w->pad_end[i] - reach;
        if (room < 0)
            return status_fail(error, ONYX_ERROR_SHAPE, "the window of %lld does not fit %lld", (long long)reach,
                               (long long)(room + reach));
        w->out[i] = room / stride + 1;
        /* A window that ceil_mode adds must start within the input or the padding before it. */
        if (p->ceil_mode && room % stride && w->out[i] * stride < in + w->pad_begin[i])
            w->out[i]++;
    }
    return ONYX_OK;
}

/* w_dims: [_, _, kernel...]; rank, spatial sizes and kernel are taken and checked. */
static onyx_status begin_conv(const conv_params *params, int rank, const int64_t *x_dims, const int64_t *w_dims,
                              op_window *w, onyx_error *error)
{
    const window_params *p = &params->window;
    memset(w, 0, sizeof(*w));
    if (rank < 3)
        return status_fail(error, ONYX_ERROR_SHAPE, "the input has rank %d", rank);
    w->spatial = rank - 2;
    if (p->kernel_count && p->kernel_count != w->spatial)
        return status_fail(error, ONYX_ERROR_SHAPE, "kernel_shape does not fit rank %d", rank);
    for (int i = 0; i < w->spatial; i++) {
        w->in[i] = x_dims[2 + i];
        w->kernel[i] = w_dims[2 + i];
        if (p->kernel_count && w->kernel[i] >= 0 && w->kernel[i] != p->kernel[i])
            return status_fail(error, ONYX_ERROR_SHAPE, "kernel_shape differs from the weights' shape");
        if (w->kernel[i] == 0 || w->kernel[i] > LARGEST)
            return status_fail(error, ONYX_ERROR_SHAPE, "the kernel is empty or too large");
    }
    return fill_window(p, w, error);
}

onyx_status op_conv_window(const conv_params *params, int rank, const int64_t *x_dims, const int64_t *w_dims,
                           op_window *window, onyx_error *error)
{
    STATUS_TRY(begin_conv(params, rank, x_dims, w_dims, window, error));
    if (x_dims[1] >= 0 && w_dims[1] >= 0 &&
        (w_dims[1] == 0 || x_dims[1] / w_dims[1] != params->group || x_dims[1] % w_dims[1]))
        return status_fail(error, ONYX_ERROR_SHAPE, "%lld channels do not fit weights of %lld in %lld groups",
                           (long long)x_dims[1], (long long)w_dims[1], (long long)params->group);
    if (w_dims[0] >= 0 && w_dims[0] % params->group)
        return status_fail(error, ONYX_ERROR_SHAPE, "%lld filters do not fit %lld groups", (long long)w_dims[0],
                           (long long)params->group);
    return slide_window(&params->window, window, error);
}

/* Output = stride * (in - 1) + output_padding + reach - pads, or output_shape, which then gives the pads. */
onyx_status op_conv_transpose_window(const conv_params *params, int rank, const int64_t *x_dims, const int64_t *w_dims,
                                     op_window *window, onyx_error *error)
{
    const window_params *p = &params->window;
    op_window *w = window;
    STATUS_TRY(begin_conv(params, rank, x_dims, w_dims, w, error));
    if (x_dims[1] >= 0 && w_dims[0] >= 0 && x_dims[1] != w_dims[0])
        return status_fail(error, ONYX_ERROR_SHAPE, "%lld channels do not fit weights of %lld", (long long)x_dims[1],
                           (long long)w_dims[0]);
    if (x_dims[1] >= 0 && x_dims[1] % params->group)
        return status_fail(error, ONYX_ERROR_SHAPE, "%lld channels do not fit %lld groups", (long long)x_dims[1],
                           (long long)params->group);
    if ((params->output_padding_count && params->output_padding_count != w->spatial) ||
        (params->output_shape_count && params->output_shape_count != w->spatial && params->output_shape_count != rank))
        return status_fail(error, ONYX_ERROR_SHAPE, "output_padding or output_shape do not fit rank %d", rank);
    for (int i = 0; i < w->spatial; i++) {
        if (w->in[i] < 0 || w->kernel[i] < 0)
            continue;
        int64_t more = params->output_padding_count ? params->output_padding[i] : 0, full;
        if (__builtin_mul_overflow(w->kernel[i] - 1, w->dilation[i], &full) || full > LARGEST || w->in[i] > LARGEST ||
            w->in[i] == 0)
            return status_fail(error, ONYX_ERROR_SHAPE, "the window is too large or the input empty");
        full += 1 + more;
        if (w->stride[i] > 0 && w->in[i] - 1 > (INT64_MAX / 4) / w->stride[i])
            return status_fail(error, ONYX_ERROR_SHAPE, "the output is too large");
        full += w->stride[i] * (w->in[i] - 1);
        bool same = p->auto_pad == OP_AUTO_PAD_SAME_UPPER || p->auto_pad == OP_AUTO_PAD_SAME_LOWER;
        if (params->output_shape_count || same) {
            int skip = params->output_shape_count == rank ? 2 : 0;
            w->out[i] = params->output_shape_count ? params->output_shape[skip + i] : w->in[i] * w->stride[i];
            int64_t pad = MAX(full - w->out[i], 0);
            /* The odd one goes to the end for SAME_UPPER, to the beginning otherwise. */
            w->pad_begin[i] = p->auto_pad == OP_AUTO_PAD_SAME_UPPER ? pad / 2 : pad - pad / 2;
            w->pad_end[i] = pad - w->pad_begin[i];
        } else {
            w->out[i] = full - w->pad_begin[i] - w->pad_end[i];
        }
        if (w->out[i] < 1)
            return status_fail(error, ONYX_ERROR_SHAPE, "the output would have size %lld", (long long)w->out[i]);
    }
    return ONYX_OK;
}

onyx_status op_pool_window(const pool_params *params, int rank, const int64_t *x_dims, op_window *window,
                           onyx_error *error)
{
    const window_params *p = &params->window;
    memset(window, 0, sizeof(*window));
    if (rank < 3 || p->kernel_count != rank - 2)
        return status_fail(error, ONYX_ERROR_SHAPE, "kernel_shape does not fit rank %d", rank);
    window->spatial = rank - 2;
    for (int i = 0; i < window->spatial; i++) {
        window->in[i] = x_dims[2 + i];
        window->kernel[i] = p->kernel[i];
    }
    STATUS_TRY(fill_window(p, window, error));
    for (int i = 0; i < window->spatial; i++) {
        int64_t reach = (window->kernel[i] - 1) * window->dilation[i] + 1;
        if (window->pad_begin[i] < 0 || window->pad_end[i] < 0 || window->pad_begin[i] >= reach)
            return status_fail(error, ONYX_ERROR_SHAPE, "pads are negative or not smaller than the window");
    }
    return slide_window(p, window, error);
}

bool op_conv_geometry(const conv_params *params, const op_value *x, const op_value *w, op_window *window)
{
    if (x->rank < 3 || w->rank != x->rank || op_conv_window(params, x->rank, x->dims, w->dims, window, NULL) != ONYX_OK)
        return false;
    for (int i = 0; i < window->spatial; i++) {
        if (window->out[i] < 0)
            return false;
    }
    return x->dims[0] >= 0 && x->dims[1] >= 0 && w->dims[0] >= 0 && w->dims[1] >= 0;
}

bool op_pool_geometry(const pool_params *params, const op_value *x, op_window *window)
{
    if (x->rank < 3 || op_pool_window(params, x->rank, x->dims, window, NULL) != ONYX_OK)
        return false;
    for (int i = 0; i < window->spatial; i++) {
        if (window->out[i] < 0)
            return false;
    }
    return x->dims[0] >= 0 && x->dims[1] >= 0;
}
