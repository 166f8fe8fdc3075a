/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Conv, ConvTranspose, ConvInteger, QLinearConv and the pools over random geometries. The expected values come from
 * loops over every output and tap with multi-dimensional indices. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "own.h"

enum { MOST = 3 };

/* Sizes of one case; all arrays by spatial dimension. */
typedef struct geometry {
    int spatial;
    int64_t batch, groups, c_in, c_out; /* channels of all groups */
    int64_t in[MOST], out[MOST], kernel[MOST], stride[MOST], dilation[MOST], pads[2 * MOST];
    const char *auto_pad;
    bool ceil_mode;
} geometry;

static const char *const auto_pads[] = { "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID" };

/* Output sizes, by the specification's formulas; fills pads for auto_pad. False when a window does not fit. */
static bool output_sizes(geometry *g)
{
    for (int i = 0; i < g->spatial; i++) {
        int64_t reach = (g->kernel[i] - 1) * g->dilation[i] + 1;
        int64_t *begin = &g->pads[i], *end = &g->pads[g->spatial + i];
        if (strncmp(g->auto_pad, "SAME", 4) == 0) {
            g->out[i] = (int64_t)ceil((double)g->in[i] / (double)g->stride[i]);
            int64_t total = MAX((g->out[i] - 1) * g->stride[i] + reach - g->in[i], 0);
            *begin = strcmp(g->auto_pad, "SAME_UPPER") == 0 ? total / 2 : (total + 1) / 2;
            *end = total - *begin;
            continue;
        }
        if (strcmp(g->auto_pad, "VALID") == 0)
            *begin = *end = 0;
        double windows = (double)(g->in[i] + *begin + *end - reach) / (double)g->stride[i];
        if (windows < 0)
            return false;
        g->out[i] = (int64_t)(g->ceil_mode ? ceil(windows) : floor(windows)) + 1;
        while (g->ceil_mode && (g->out[i] - 1) * g->stride[i] >= g->in[i] + *begin)
            g->out[i]--;
    }
    return true;
}

static geometry random_geometry(bool pool)
{
    geometry g = { .spatial = (int)own_random_in(1, 3), .batch = own_random_in(1, 2) };
    g.groups = own_random_in(1, 3);
    g.c_in = g.groups * own_random_in(1, 3);
    g.c_out = pool ? g.c_in : g.groups * own_random_in(1, 6);
    g.auto_pad = auto_pads[own_random() % 6 < 3 ? 0 : own_random() % 4];
    g.ceil_mode = pool && own_random() % 2;
    for (int i = 0; i < g.spatial; i++) {
        g.in[i] = own_random_in(1, g.spatial == 3 ? 7 : 13);
        g.kernel[i] = own_random_in(1, 4);
        g.stride[i] = own_random_in(1, 3);
        g.dilation[i] = own_random_in(1, 2);
        int64_t reach = (g.kernel[i] - 1) * g.dilation[i] + 1;
        g.pads[i] = own_random_in(0, reach - 1);
        g.pads[g.spatial + i] = own_random_in(0, reach - 1);
    }
    return g;
}

static int window_attributes(const geometry *g, op_attribute *list)
{
    int n = 0;
    list[n++] = own_ints("kernel_shape", g->kernel, g->spatial);
    list[n++] = own_ints("strides", g->stride, g->spatial);
    list[n++] = own_ints("dilations", g->dilation, g->spatial);
    list[n++] = own_string("auto_pad", g->auto_pad);
    if (strcmp(g->auto_pad, "NOTSET") == 0)
        list[n++] = own_ints("pads", g->pads, 2 * g->spatial);
    list[n++] = own_int("group", g->groups);
    list[n++] = own_int("ceil_mode", g->ceil_mode);
    return n;
}

static int64_t product(const int64_t *dims, int n)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        p *= dims[i];
    return p;
}

static void unravel(int64_t i, const int64_t *dims, int n, int64_t *index)
{
    for (int d = n - 1; d >= 0; d--) {
        index[d] = i % dims[d];
        i /= dims[d];
    }
}

/* Offset in the input plane that tap `tap` of output `out` reads, or -1 outside. */
static int64_t read_at(const geometry *g, int64_t out, int64_t tap)
{
    int64_t o[MOST], k[MOST], offset = 0;
    unravel(out, g->out, g->spatial, o);
    unravel(tap, g->kernel, g->spatial, k);
    for (int d = 0; d < g->spatial; d++) {
        int64_t i = o[d] * g->stride[d] + k[d] * g->dilation[d] - g->pads[d];
        if (i < 0 || i >= g->in[d])
            return -1;
        offset = offset * g->in[d] + i;
    }
    return offset;
}

static void full_dims(int64_t n, int64_t c, const int64_t *spatial, int count, int64_t *dims)
{
    dims[0] = n;
    dims[1] = c;
    memcpy(dims + 2, spatial, (size_t)count * sizeof(*dims));
}

/* Sum over taps of (x - x_zero) * (w - w_zero of the filter), plus bias. */
static double *expected_conv(const geometry *g, const onyx_tensor *x, double x_zero, const onyx_tensor *w,
                             const double *w_zero, const onyx_tensor *bias)
{
    int64_t plane = product(g->out, g->spatial), taps = product(g->kernel, g->spatial);
    int64_t in_plane = product(g->in, g->spatial), c_in = g->c_in / g->groups, c_out = g->c_out / g->groups;
    double *y = calloc((size_t)(g->batch * g->c_out * plane + 1), sizeof(*y));
    for (int64_t i = 0; i < g->batch * g->c_out * plane; i++) {
        int64_t m = i / plane % g->c_out, n = i / plane / g->c_out, group = m / c_out;
        y[i] = bias ? own_get(bias, (size_t)m) : 0;
        for (int64_t c = 0; c < c_in; c++) {
            for (int64_t t = 0; t < taps; t++) {
                int64_t at = read_at(g, i % plane, t);
                if (at >= 0)
                    y[i] += (own_get(x, (size_t)((n * g->c_in + group * c_in + c) * in_plane + at)) - x_zero) *
                            (own_get(w, (size_t)((m * c_in + c) * taps + t)) - (w_zero ? w_zero[m] : 0));
            }
        }
    }
    return y;
}

static void conv_case(onyx_type type, double relative, double absolute)
{
    geometry g = random_geometry(false);
    if (!output_sizes(&g))
        return;
    runner *r = runner_new(NULL);
    int64_t x_dims[5], w_dims[5], y_dims[5];
    op_attribute attributes[8];
    onyx_error error = { 0 };
    full_dims(g.batch, g.c_in, g.in, g.spatial, x_dims);
    full_dims(g.c_out, g.c_in / g.groups, g.kernel, g.spatial, w_dims);
    full_dims(g.batch, g.c_out, g.out, g.spatial, y_dims);
    onyx_tensor x = own_tensor(r, type, g.spatial + 2, x_dims), w = own_tensor(r, type, g.spatial + 2, w_dims),
                y = { 0 };
    onyx_tensor b = own_tensor(r, type, 1, &g.c_out);
    own_fill(&x, -1, 1);
    own_fill(&w, -1, 1);
    own_fill(&b, -1, 1);
    const onyx_tensor *inputs[3] = { &x, &w, own_random() % 2 ? &b : NULL };
    onyx_status status =
        runner_node(r, "", "Conv", 22, attributes, window_attributes(&g, attributes), inputs, 3, &y, 1, &error);
    double *expected = expected_conv(&g, &x, 0, &w, NULL, inputs[2]);
    if (own_check(status == ONYX_OK, "Conv: %s", error.message))
        own_compare("Conv", &y, g.spatial + 2, y_dims, expected, relative, absolute);
    free(expected);
    runner_free(r);
}

/* ConvInteger (scales NULL) and QLinearConv, with a zero point (and scale) for each filter or for all. */
static void integer_conv_case(bool quantised)
{
    static const onyx_type bytes[] = { ONYX_TYPE_UINT8, ONYX_TYPE_INT8 };
    geometry g = random_geometry(false);
    if (!output_sizes(&g))
        return;
    runner *r = runner_new(NULL);
    int64_t x_dims[5], w_dims[5], y_dims[5], per_filter = own_random() % 2 ? g.c_out : 1, one = 1;
    onyx_type x_type = bytes[own_random() % 2], w_type = bytes[own_random() % 2];
    op_attribute attributes[8];
    onyx_error error = { 0 };
    full_dims(g.batch, g.c_in, g.in, g.spatial, x_dims);
    full_dims(g.c_out, g.c_in / g.groups, g.kernel, g.spatial, w_dims);
    full_dims(g.batch, g.c_out, g.out, g.spatial, y_dims);
    onyx_tensor x = own_tensor(r, x_type, g.spatial + 2, x_dims), w = own_tensor(r, w_type, g.spatial + 2, w_dims),
                y = { 0 };
    onyx_tensor x_zero = own_tensor(r, x_type, 0, NULL), w_zero = own_tensor(r, w_type, 1, &per_filter);
    onyx_tensor b = own_tensor(r, ONYX_TYPE_INT32, 1, &g.c_out), x_scale = own_tensor(r, ONYX_TYPE_FLOAT32, 0, NULL);
    onyx_tensor w_scale = own_tensor(r, ONYX_TYPE_FLOAT32, 1, &per_filter), y_zero = own_tensor(r, x_type, 1, &one);
    onyx_tensor y_scale = own_tensor(r, ONYX_TYPE_FLOAT32, 0, NULL);
    onyx_tensor *all[] = { &x, &w, &x_zero, &w_zero, &y_zero };
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        own_fill(all[i], all[i]->type == ONYX_TYPE_INT8 ? -128 : 0, all[i]->type == ONYX_TYPE_INT8 ? 127 : 255);
    own_fill(&b, -1000, 1000);
    own_fill(&x_scale, 0.01, 0.1);
    own_fill(&w_scale, 0.01, 0.1);
    own_fill(&y_scale, 5, 20);
    const onyx_tensor *q[9] = { &x, &x_scale, &x_zero, &w, &w_scale, &w_zero, &y_scale, &y_zero, &b };
    const onyx_tensor *plain[4] = { &x, &w, &x_zero, &w_zero };
    onyx_status status =
        runner_node(r, "", quantised ? "QLinearConv" : "ConvInteger", 10, attributes, window_attributes(&g, attributes),
                    quantised ? q : plain, quantised ? 9 : 4, &y, 1, &error);
    double *zeros = calloc((size_t)g.c_out, sizeof(*zeros));
    for (int64_t m = 0; m < g.c_out; m++)
        zeros[m] = own_get(&w_zero, (size_t)(per_filter > 1 ? m : 0));
    double *expected = expected_conv(&g, &x, own_get(&x_zero, 0), &w, zeros, quantised ? &b : NULL);
    int64_t plane = product(g.out, g.spatial);
    double low = x_type == ONYX_TYPE_INT8 ? -128 : 0;
    for (int64_t i = 0; i < g.batch * g.c_out * plane && quantised; i++) {
        double scale = own_get(&x_scale, 0) * own_get(&w_scale, (size_t)(per_filter > 1 ? i / plane % g.c_out : 0));
        double v = rint(expected[i] * scale / own_get(&y_scale, 0)) + own_get(&y_zero, 0);
        expected[i] = MIN(MAX(v, low), low + 255);
    }
    /* One step for a tie that float32 rounds the other way. */
    if (own_check(status == ONYX_OK, "ConvInteger or QLinearConv: %s", error.message))
        own_compare(quantised ? "QLinearConv" : "ConvInteger", &y, g.spatial + 2, y_dims, expected, 0,
                    quantised ? 1 : 0);
    free(zeros);
    free(expected);
    runner_free(r);
}

/* Zero points that are neither one for all nor one for each of three filters. */
static void zero_points_refused(bool quantised, int64_t count)
{
    const int64_t x_dims[4] = { 1, 1, 2, 2 }, w_dims[4] = { 3, 1, 1, 1 };
    runner *r = runner_new(NULL);
    onyx_error error = { 0 };
    onyx_tensor x = own_tensor(r, ONYX_TYPE_UINT8, 4, x_dims), w = own_tensor(r, ONYX_TYPE_INT8, 4, w_dims), y = { 0 };
    onyx_tensor scale = own_tensor(r, ONYX_TYPE_FLOAT32, 0, NULL), x_zero = own_tensor(r, ONYX_TYPE_UINT8, 0, NULL);
    onyx_tensor w_zero = own_tensor(r, ONYX_TYPE_INT8, 1, &count);
    const onyx_tensor *q[8] = { &x, &scale, &x_zero, &w, &scale, &w_zero, &scale, &x_zero };
    const onyx_tensor *plain[4] = { &x, &w, &x_zero, &w_zero };
    const onyx_status status = runner_node(r, "", quantised ? "QLinearConv" : "ConvInteger", 10, NULL, 0,
                                           quantised ? q : plain, quantised ? 8 : 4, &y, 1, &error);
    own_check(status == ONYX_ERROR_SHAPE && strstr(error.message, "one per filter"), "%d zero points: %s, '%s'",
              (int)count, onyx_status_name(status), error.message);
    runner_free(r);
}

/* Gradient of Conv: every input is spread over the taps that would have read it. */
static void conv_transpose_case(void)
{
    geometry g = random_geometry(false); /* here `out` is the input of the operator and `in` its output */
    g.auto_pad = "NOTSET";
    if (!output_sizes(&g))
        return;
    runner *r = runner_new(NULL);
    int64_t x_dims[5], w_dims[5], y_dims[5], padding[MOST];
    int64_t plane = product(g.out, g.spatial), taps = product(g.kernel, g.spatial), y_plane = product(g.in, g.spatial);
    int64_t c_out = g.c_in / g.groups, c_in = g.c_out / g.groups;
    op_attribute attributes[8];
    onyx_error error = { 0 };
    full_dims(g.batch, g.c_out, g.out, g.spatial, x_dims);
    full_dims(g.c_out, c_out, g.kernel, g.spatial, w_dims);
    full_dims(g.batch, g.c_in, g.in, g.spatial, y_dims);
    for (int i = 0; i < g.spatial; i++) { /* what the floor of Conv's output size dropped */
        int64_t reach = (g.kernel[i] - 1) * g.dilation[i] + 1;
        padding[i] = g.in[i] - ((g.out[i] - 1) * g.stride[i] + reach - g.pads[i] - g.pads[g.spatial + i]);
    }
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, g.spatial + 2, x_dims), y = { 0 };
    onyx_tensor w = own_tensor(r, ONYX_TYPE_FLOAT32, g.spatial + 2, w_dims);
    own_fill(&x, -1, 1);
    own_fill(&w, -1, 1);
    const onyx_tensor *inputs[2] = { &x, &w };
    int n = window_attributes(&g, attributes);
    attributes[n++] = own_ints("output_padding", padding, g.spatial);
    onyx_status status = runner_node(r, "", "ConvTranspose", 22, attributes, n, inputs, 2, &y, 1, &error);
    double *expected = calloc((size_t)(g.batch * g.c_in * y_plane), sizeof(*expected));
    for (int64_t i = 0; i < g.batch * g.c_out * plane; i++) {
        int64_t c = i / plane % g.c_out, image = i / plane / g.c_out, group = c / c_in;
        for (int64_t m = 0; m < c_out; m++) {
            for (int64_t t = 0; t < taps; t++) {
                int64_t at = read_at(&g, i % plane, t);
                if (at >= 0)
                    expected[(image * g.c_in + group * c_out + m) * y_plane + at] +=
                        own_get(&x, (size_t)i) * own_get(&w, (size_t)((c * c_out + m) * taps + t));
            }
        }
    }
    if (own_check(status == ONYX_OK, "ConvTranspose: %s", error.message))
        own_compare("ConvTranspose", &y, g.spatial + 2, y_dims, expected, 1e-5, 1e-5);
    free(expected);
    runner_free(r);
}

/* Taps of output `out` that lie in the input (or its padding, which ceil_mode may leave too). */
static int64_t counted_taps(const geometry *g, int64_t out, bool include_pad)
{
    int64_t taps = product(g->kernel, g->spatial), count = 0;
    for (int64_t t = 0; t < taps; t++) {
        int64_t o[MOST], k[MOST];
        bool inside = true;
        unravel(out, g->out, g->spatial, o);
        unravel(t, g->kernel, g->spatial, k);
        for (int d = 0; d < g->spatial; d++) {
            int64_t i = o[d] * g->stride[d] + k[d] * g->dilation[d] - g->pads[d];
            inside = inside && (include_pad ? i < g->in[d] + g->pads[g->spatial + d] : i >= 0 && i < g->in[d]);
        }
        count += inside;
    }
    return count;
}

static void pool_case(bool max, onyx_type type)
{
    geometry g = random_geometry(true);
    if (!output_sizes(&g))
        return;
    runner *r = runner_new(NULL);
    int64_t x_dims[5], y_dims[5], plane = product(g.out, g.spatial), in_plane = product(g.in, g.spatial);
    int64_t taps = product(g.kernel, g.spatial);
    bool include_pad = own_random() % 2;
    op_attribute attributes[9];
    onyx_error error = { 0 };
    full_dims(g.batch, g.c_in, g.in, g.spatial, x_dims);
    full_dims(g.batch, g.c_in, g.out, g.spatial, y_dims);
    onyx_tensor x = own_tensor(r, type, g.spatial + 2, x_dims), y[2] = { { 0 } };
    own_fill(&x, type == ONYX_TYPE_UINT8 ? 0 : -100, 100);
    const onyx_tensor *input = &x;
    int n = window_attributes(&g, attributes);
    attributes[n++] = own_int("count_include_pad", include_pad);
    onyx_status status =
        runner_node(r, "", max ? "MaxPool" : "AveragePool", 22, attributes, n, &input, 1, y, max ? 2 : 1, &error);
    int64_t count = g.batch * g.c_in * plane;
    double *expected = calloc((size_t)count, sizeof(*expected)), *where = calloc((size_t)count, sizeof(*where));
    bool empty = false; /* a window with no element: left open by the specification */
    for (int64_t i = 0; i < count; i++) {
        double sum = 0, largest = -INFINITY;
        for (int64_t t = 0; t < taps; t++) {
            int64_t at = read_at(&g, i % plane, t);
            if (at < 0)
                continue;
            double v = own_get(&x, (size_t)(i / plane * in_plane + at));
            sum += v;
            if (v > largest) {
                largest = v;
                where[i] = (double)(i / plane * in_plane + at);
            }
        }
        int64_t divisor = counted_taps(&g, i % plane, include_pad);
        expected[i] = max ? largest : sum / (double)divisor;
        empty = empty || counted_taps(&g, i % plane, false) == 0;
    }
    if (own_check(status == ONYX_OK, "pool: %s", error.message) && !empty) {
        own_compare(max ? "MaxPool" : "AveragePool", &y[0], g.spatial + 2, y_dims, expected, 1e-5, 1e-4);
        if (max)
            own_compare("MaxPool's indices", &y[1], g.spatial + 2, y_dims, where, 0, 0);
    }
    free(expected);
    free(where);
    runner_free(r);
}

void own_windows(void)
{
    own_seed(1);
    for (int i = 0; i < 2; i++) {
        zero_points_refused(i, 0);
        zero_points_refused(i, 2);
    }
    for (int i = 0; i < 150; i++) {
        conv_case(ONYX_TYPE_FLOAT32, 1e-5, 1e-5);
        integer_conv_case(i % 2);
        conv_transpose_case();
        pool_case(true, i % 3 == 0 ? ONYX_TYPE_UINT8 : i % 3 == 1 ? ONYX_TYPE_INT8 : ONYX_TYPE_FLOAT32);
        pool_case(false, i % 2 ? ONYX_TYPE_FLOAT32 : ONYX_TYPE_FLOAT64);
    }
    for (int i = 0; i < 40; i++) {
        conv_case(ONYX_TYPE_FLOAT64, 1e-12, 1e-12);
        conv_case(ONYX_TYPE_FLOAT16, 1e-3, 1e-3);
        conv_case(ONYX_TYPE_BFLOAT16, 1e-2, 1e-2);
    }
}
