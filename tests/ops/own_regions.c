/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that read between pixels where data says, and transforms: RoiAlign, MaxRoiPool, DeformConv, DFT, STFT,
 * LpPool, MaxUnpool, AffineGrid, random numbers. Expected values are sums in double over everything, without the
 * shortcuts of the kernels. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "own.h"

static const double turn = 2 * 3.14159265358979323846;

/* The picture at a place between pixels; 0 beyond `margin` outside of it, the border's value within. */
static double read_at(const onyx_tensor *x, int64_t plane, double at_y, double at_x, bool clamp)
{
    const int64_t h = x->dims[2], w = x->dims[3];
    double sum = 0;
    if (clamp && (at_y < -1 || at_x < -1 || at_y > (double)h || at_x > (double)w))
        return 0;
    if (clamp) {
        at_y = fmin(fmax(at_y, 0), (double)(h - 1));
        at_x = fmin(fmax(at_x, 0), (double)(w - 1));
    }
    for (int64_t i = 0; i < h * w; i++) {
        const double wy = 1 - fabs(at_y - (double)(i / w)), wx = 1 - fabs(at_x - (double)(i % w));
        if (wy > 0 && wx > 0)
            sum += wy * wx * own_get(x, (size_t)(plane * h * w + i));
    }
    return sum;
}

static void roi_align(void)
{
    runner *r = runner_new(NULL);
    const int64_t in[4] = { 2, 2, own_random_in(1, 9), own_random_in(1, 9) }, count = own_random_in(1, 3);
    const int64_t oh = own_random_in(1, 4), ow = own_random_in(1, 4), samples = own_random_in(0, 3);
    const int64_t out[4] = { count, 2, oh, ow };
    const bool half = own_random() % 2;
    const float scale = own_random() % 2 ? 1 : 0.5f;
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, in), y = { 0 };
    onyx_tensor boxes = own_tensor(r, ONYX_TYPE_FLOAT32, 2, (int64_t[]){ count, 4 });
    onyx_tensor images = own_tensor(r, ONYX_TYPE_INT64, 1, &count);
    own_fill(&x, -1, 1);
    own_fill(&boxes, -4, 14);
    own_fill(&images, 0, 1);
    for (int64_t i = 0; i < count; i++) { /* corners in order */
        float *box = (float *)boxes.data + 4 * i;
        for (int k = 0; k < 2; k++)
            if (box[k] > box[2 + k]) {
                const float swap = box[k];
                box[k] = box[2 + k];
                box[2 + k] = swap;
            }
    }
    const op_attribute attributes[] = { own_int("output_height", oh), own_int("output_width", ow),
                                        own_int("sampling_ratio", samples), own_float("spatial_scale", scale),
                                        own_string("coordinate_transformation_mode",
                                                   half ? "half_pixel" : "output_half_pixel") };
    const onyx_tensor *inputs[3] = { &x, &boxes, &images };
    onyx_error error = { 0 };
    const onyx_status status =
        runner_node(r, "", "RoiAlign", 16, attributes, ARRAY_LENGTH(attributes), inputs, 3, &y, 1, &error);
    double *expected = calloc((size_t)(count * 2 * oh * ow), sizeof(*expected));
    for (int64_t i = 0; i < count * 2 * oh * ow; i++) {
        const float *box = (const float *)boxes.data + i / (2 * oh * ow) * 4;
        const double shift = half ? 0.5 : 0, x0 = (double)(box[0] * scale) - shift,
                     y0 = (double)(box[1] * scale) - shift;
        double w = (double)(box[2] * scale) - shift - x0, h = (double)(box[3] * scale) - shift - y0;
        if (!half) {
            w = fmax(w, 1);
            h = fmax(h, 1);
        }
        const int64_t ny = samples ? samples : (int64_t)ceil(h / (double)oh);
        const int64_t nx = samples ? samples : (int64_t)ceil(w / (double)ow);
        const int64_t plane = ((const int64_t *)images.data)[i / (2 * oh * ow)] * 2 + i / (oh * ow) % 2;
        for (int64_t k = 0; k < ny * nx; k++) {
            const double cell_y = (double)(i / ow % oh) + ((double)(k / nx) + 0.5) / (double)ny;
            const double cell_x = (double)(i % ow) + ((double)(k % nx) + 0.5) / (double)nx;
            expected[i] += read_at(&x, plane, y0 + cell_y * h / (double)oh, x0 + cell_x * w / (double)ow, true) /
                           (double)(ny * nx);
        }
    }
    if (own_check(status == ONYX_OK, "RoiAlign: %s", error.message))
        own_compare("RoiAlign", &y, 4, out, expected, 1e-4, 1e-4);
    free(expected);
    runner_free(r);
}

/* Regions that no picture has, in both modes. */
static void senseless_regions(void)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e9f, -1e9f, 0 };
    for (int i = 0; i < 40; i++) {
        runner *r = runner_new(NULL);
        const int64_t count = 4;
        onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, (int64_t[]){ 1, 1, 3, 2 }), y = { 0 };
        onyx_tensor boxes = own_tensor(r, ONYX_TYPE_FLOAT32, 2, (int64_t[]){ count, 4 });
        onyx_tensor images = own_tensor(r, ONYX_TYPE_INT64, 1, &count);
        onyx_tensor pooled = own_tensor(r, ONYX_TYPE_FLOAT32, 2, (int64_t[]){ 2, 5 });
        own_fill(&x, -1, 1);
        for (int k = 0; k < 16; k++)
            ((float *)boxes.data)[k] = odd[own_random() % 8];
        for (int k = 0; k < 10; k++)
            ((float *)pooled.data)[k] = k % 5 ? odd[own_random() % 8] : 0;
        const op_attribute attributes[] = { own_string("mode", i % 2 ? "max" : "avg"), own_int("sampling_ratio", i % 3),
                                            own_int("output_height", 2), own_int("output_width", 3) };
        const int64_t shape[2] = { 2, 3 };
        const op_attribute pool[] = { own_ints("pooled_shape", shape, 2) };
        const onyx_tensor *inputs[3] = { &x, &boxes, &images }, *others[2] = { &x, &pooled };
        onyx_error error = { 0 };
        own_check(runner_node(r, "", "RoiAlign", 16, attributes, 4, inputs, 3, &y, 1, &error) == ONYX_OK,
                  "RoiAlign of senseless regions: %s", error.message);
        own_check(runner_node(r, "", "MaxRoiPool", 1, pool, 1, others, 2, &y, 1, &error) == ONYX_OK,
                  "MaxRoiPool of senseless regions: %s", error.message);
        ((int64_t *)images.data)[1] = i % 2 ? -1 : 1;
        own_check(runner_node(r, "", "RoiAlign", 16, attributes, 4, inputs, 3, &y, 1, &error) == ONYX_ERROR_SHAPE,
                  "RoiAlign of an image that is not there");
        runner_free(r);
    }
}

static void deform_conv(void)
{
    runner *r = runner_new(NULL);
    const int64_t groups = own_random_in(1, 2), maps = own_random_in(1, 2), kh = own_random_in(1, 3),
                  kw = own_random_in(1, 3);
    const int64_t stride = own_random_in(1, 2), dilation = own_random_in(1, 2), pad = own_random_in(0, 2);
    const int64_t in[4] = { 2, 4, own_random_in(6, 9), own_random_in(6, 9) };
    const int64_t out[4] = { 2, 6, (in[2] + 2 * pad - dilation * (kh - 1) - 1) / stride + 1,
                             (in[3] + 2 * pad - dilation * (kw - 1) - 1) / stride + 1 };
    const int64_t taps = kh * kw, points = out[2] * out[3];
    const bool masked = own_random() % 2, biased = own_random() % 2;
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, in), y = { 0 };
    onyx_tensor w = own_tensor(r, ONYX_TYPE_FLOAT32, 4, (int64_t[]){ 6, 4 / groups, kh, kw });
    onyx_tensor offset = own_tensor(r, ONYX_TYPE_FLOAT32, 4, (int64_t[]){ 2, maps * taps * 2, out[2], out[3] });
    onyx_tensor mask = own_tensor(r, ONYX_TYPE_FLOAT32, 4, (int64_t[]){ 2, maps * taps, out[2], out[3] });
    onyx_tensor bias = own_tensor(r, ONYX_TYPE_FLOAT32, 1, (int64_t[]){ 6 });
    onyx_tensor *const all[] = { &x, &w, &offset, &mask, &bias };
    for (size_t i = 0; i < ARRAY_LENGTH(all); i++)
        own_fill(all[i], i == 2 ? -3 : -1, i == 2 ? 3 : 1);
    const int64_t pads[4] = { pad, pad, pad, pad }, strides[2] = { stride, stride },
                  dilations[2] = { dilation, dilation };
    const op_attribute attributes[] = { own_ints("pads", pads, 4), own_ints("strides", strides, 2),
                                        own_ints("dilations", dilations, 2), own_int("group", groups),
                                        own_int("offset_group", maps) };
    const onyx_tensor *inputs[5] = { &x, &w, &offset, biased ? &bias : NULL, masked ? &mask : NULL };
    onyx_error error = { 0 };
    const onyx_status status =
        runner_node(r, "", "DeformConv", 19, attributes, ARRAY_LENGTH(attributes), inputs, 5, &y, 1, &error);
    double *expected = calloc((size_t)(2 * 6 * points), sizeof(*expected));
    for (int64_t i = 0; i < 2 * 6 * points; i++) {
        const int64_t n = i / (6 * points), o = i / points % 6, at = i % points;
        expected[i] = biased ? own_get(&bias, (size_t)o) : 0;
        for (int64_t k = 0; k < 4 / groups * taps; k++) {
            const int64_t c = o / (6 / groups) * (4 / groups) + k / taps, tap = k % taps;
            const int64_t map = (n * maps + c / (4 / maps)) * taps + tap;
            const double dy = own_get(&offset, (size_t)(2 * map * points + at));
            const double dx = own_get(&offset, (size_t)((2 * map + 1) * points + at));
            const double factor = masked ? own_get(&mask, (size_t)(map * points + at)) : 1;
            expected[i] += own_get(&w, (size_t)(o * (4 / groups) * taps + k)) * factor *
                           read_at(&x, n * 4 + c, (double)(at / out[3] * stride - pad + tap / kw * dilation) + dy,
                                   (double)(at % out[3] * stride - pad + tap % kw * dilation) + dx, false);
        }
    }
    if (own_check(status == ONYX_OK, "DeformConv: %s", error.message))
        own_compare("DeformConv", &y, 4, out, expected, 1e-4, 1e-4);
    free(expected);
    runner_free(r);
}

/* Lengths that are powers of two, products and primes, cut and filled up; forth and back. */
static void transforms(int64_t n, int64_t length, bool one_sided)
{
    runner *r = runner_new(NULL);
    const int64_t in[3] = { 2, n, 1 }, out[3] = { 2, one_sided ? length / 2 + 1 : length, 2 },
                  back_dims[3] = { 2, length, one_sided ? 1 : 2 };
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 3, in), y = { 0 }, back = { 0 };
    onyx_tensor wanted = own_tensor(r, ONYX_TYPE_INT64, 0, NULL);
    own_fill(&x, -1, 1);
    *(int64_t *)wanted.data = length;
    const op_attribute forth_list[] = { own_int("onesided", one_sided) };
    const op_attribute back_list[] = { own_int("onesided", one_sided), own_int("inverse", 1) };
    const onyx_tensor *forth_inputs[2] = { &x, &wanted }, *back_inputs[2] = { &y, &wanted };
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, "", "DFT", 20, forth_list, 1, forth_inputs, 2, &y, 1, &error);
    double *expected = calloc((size_t)(2 * 2 * length), sizeof(*expected));
    for (int64_t i = 0; i < 2 * out[1]; i++)
        for (int64_t k = 0; k < (n < length ? n : length); k++) {
            const double value = own_get(&x, (size_t)(i / out[1] * n + k));
            const double angle = turn * (double)(k * (i % out[1]) % length) / (double)length;
            expected[2 * i] += value * cos(angle);
            expected[2 * i + 1] -= value * sin(angle);
        }
    if (own_check(status == ONYX_OK, "DFT: %s", error.message))
        own_compare("DFT", &y, 3, out, expected, 1e-5, 1e-4);
    status = runner_node(r, "", "DFT", 20, back_list, 2, back_inputs, 2, &back, 1, &error);
    memset(expected, 0, (size_t)(4 * length) * sizeof(*expected));
    for (int64_t i = 0; i < 2 * length; i++)
        if (i % length < n)
            expected[i * back_dims[2]] = own_get(&x, (size_t)(i / length * n + i % length));
    if (own_check(status == ONYX_OK, "inverse DFT: %s", error.message))
        own_compare("inverse DFT", &back, 3, back_dims, expected, 1e-5, 1e-5);
    free(expected);
    runner_free(r);
}

/* p = 3, with padding, ends and dilation, against the sum over every place. */
static void lp_pool(void)
{
    runner *r = runner_new(NULL);
    const int64_t in[4] = { 1, 2, 7, 6 }, kernel[2] = { 3, 2 }, strides[2] = { 2, 1 }, pads[4] = { 1, 0, 1, 1 };
    const int64_t dilations[2] = { 1, 2 }, out[4] = { 1, 2, 4, 5 };
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, in), y = { 0 };
    own_fill(&x, -1, 1);
    const op_attribute attributes[] = { own_ints("kernel_shape", kernel, 2), own_ints("strides", strides, 2),
                                        own_ints("pads", pads, 4), own_ints("dilations", dilations, 2),
                                        own_int("p", 3) };
    const onyx_tensor *inputs[1] = { &x };
    onyx_error error = { 0 };
    const onyx_status status = runner_node(r, "", "LpPool", 18, attributes, 5, inputs, 1, &y, 1, &error);
    double expected[40] = { 0 };
    for (int i = 0; i < 40; i++) {
        for (int k = 0; k < 6; k++) {
            const int row = i / 5 % 4 * 2 - 1 + k / 2, column = i % 5 + k % 2 * 2;
            if (row >= 0 && row < 7 && column < 6)
                expected[i] += pow(fabs(own_get(&x, (size_t)(i / 20 * 42 + row * 6 + column))), 3);
        }
        expected[i] = cbrt(expected[i]);
    }
    if (own_check(status == ONYX_OK, "LpPool: %s", error.message))
        own_compare("LpPool", &y, 4, out, expected, 1e-5, 1e-6);
    runner_free(r);
}

/* What MaxPool took goes back to where it stood in a picture that the windows do not fill, or that the pads leave. */
static void unpool(void)
{
    runner *r = runner_new(NULL);
    const int64_t in[4] = { 2, 3, own_random_in(3, 9), own_random_in(3, 9) }, four = 4;
    const int64_t kernel[2] = { own_random_in(1, 3), own_random_in(1, 3) };
    const int64_t strides[2] = { own_random_in(1, 3), own_random_in(1, 3) };
    const int64_t pads[4] = { kernel[0] - 1, 0, 0, kernel[1] - 1 };
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, in), shape = own_tensor(r, ONYX_TYPE_INT64, 1, &four);
    onyx_tensor pooled[2] = { { 0 } }, y = { 0 };
    own_fill(&x, 1, 2);
    memcpy(shape.data, in, sizeof(in));
    const op_attribute attributes[] = { own_ints("kernel_shape", kernel, 2), own_ints("strides", strides, 2),
                                        own_ints("pads", pads, 4) };
    const onyx_tensor *inputs[1] = { &x }, *back[3] = { &pooled[0], &pooled[1], &shape };
    onyx_error error = { 0 };
    onyx_status status = runner_node(r, "", "MaxPool", 12, attributes, 3, inputs, 1, pooled, 2, &error);
    if (status == ONYX_OK)
        status = runner_node(r, "", "MaxUnpool", 11, attributes, 3, back, 3, &y, 1, &error);
    if (own_check(status == ONYX_OK, "MaxUnpool: %s", error.message)) {
        double expected[2 * 3 * 9 * 9] = { 0 };
        for (size_t i = 0; i < own_count(&pooled[0]); i++)
            expected[((const int64_t *)pooled[1].data)[i]] = own_get(&pooled[0], i);
        own_compare("MaxUnpool", &y, 4, in, expected, 0, 0);
    }
    runner_free(r);
}

/* An axis of one element has one corner for both. */
static void affine_grid(void)
{
    static const float matrix[6] = { 1, 0, 0, 0, 1, 0 };
    static const int64_t size[4] = { 1, 1, 1, 3 };
    static const double corners[6] = { -1, 1, 0, 1, 1, 1 }, centres[6] = { -2.0 / 3, 0, 0, 0, 2.0 / 3, 0 };
    for (int align = 0; align < 2; align++) {
        runner *r = runner_new(NULL);
        onyx_tensor theta = own_tensor(r, ONYX_TYPE_FLOAT32, 3, (int64_t[]){ 1, 2, 3 }), y = { 0 };
        onyx_tensor sizes = own_tensor(r, ONYX_TYPE_INT64, 1, (int64_t[]){ 4 });
        memcpy(theta.data, matrix, sizeof(matrix));
        memcpy(sizes.data, size, sizeof(size));
        const op_attribute attribute = own_int("align_corners", align);
        const onyx_tensor *inputs[2] = { &theta, &sizes };
        onyx_error error = { 0 };
        if (own_check(runner_node(r, "", "AffineGrid", 20, &attribute, 1, inputs, 2, &y, 1, &error) == ONYX_OK,
                      "AffineGrid: %s", error.message))
            own_compare("AffineGrid", &y, 4, (int64_t[]){ 1, 1, 3, 2 }, align ? corners : centres, 1e-6, 1e-6);
        runner_free(r);
    }
}

/* The mean and the spread are those asked for; two nodes of different seeds differ, two runs of one do not. */
static void random_numbers(void)
{
    runner *r = runner_new(NULL);
    const int64_t shape[2] = { 100, 100 };
    onyx_tensor a = { 0 }, b = { 0 }, c = { 0 };
    onyx_error error = { 0 };
    const op_attribute first[] = { own_ints("shape", shape, 2), own_float("mean", 3), own_float("scale", 2),
                                   own_float("seed", 1) };
    const op_attribute second[] = { first[0], first[1], first[2], own_float("seed", 2) };
    own_check(runner_node(r, "", "RandomNormal", 1, first, 4, NULL, 0, &a, 1, &error) == ONYX_OK &&
                  runner_node(r, "", "RandomNormal", 1, first, 4, NULL, 0, &b, 1, &error) == ONYX_OK &&
                  runner_node(r, "", "RandomNormal", 1, second, 4, NULL, 0, &c, 1, &error) == ONYX_OK,
              "RandomNormal: %s", error.message);
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 10000; i++) {
        sum += own_get(&a, i) / 10000;
        squares += own_get(&a, i) * own_get(&a, i) / 10000;
    }
    own_check(fabs(sum - 3) < 0.1 && fabs(sqrt(squares - sum * sum) - 2) < 0.1, "RandomNormal: mean %g, spread %g", sum,
              sqrt(squares - sum * sum));
    own_check(memcmp(a.data, b.data, a.size_bytes) == 0 && memcmp(a.data, c.data, a.size_bytes) != 0,
              "RandomNormal: seeds");
    runner_free(r);
}

void own_regions(void)
{
    static const int64_t lengths[][2] = { { 1, 1 },     { 8, 8 },   { 60, 60 },  { 67, 67 },
                                          { 100, 134 }, { 50, 31 }, { 201, 201 } };
    own_seed(23);
    for (int i = 0; i < 150; i++) {
        roi_align();
        deform_conv();
        unpool();
    }
    affine_grid();
    senseless_regions();
    for (size_t i = 0; i < ARRAY_LENGTH(lengths); i++) {
        transforms(lengths[i][0], lengths[i][1], false);
        if (lengths[i][0] <= lengths[i][1])
            transforms(lengths[i][0], lengths[i][1], true);
    }
    lp_pool();
    random_numbers();
}
