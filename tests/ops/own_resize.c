/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize over random sizes in every mode. The expected value of each output is the sum over all inputs of the product
 * of the weights that each dimension gives them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "own.h"

static const char *const modes[] = { "nearest", "linear", "cubic" };
static const char *const coordinates[] = { "half_pixel",    "half_pixel_symmetric", "pytorch_half_pixel",
                                           "align_corners", "asymmetric",           "tf_half_pixel_for_nn" };
static const char *const roundings[] = { "round_prefer_floor", "round_prefer_ceil", "floor", "ceil" };

typedef struct resize_case {
    int mode, coordinate, rounding;
    bool antialias, exclude_outside;
    float cubic_a;
} resize_case;

static double source(const resize_case *c, double x, double in, double out, double scale)
{
    switch (c->coordinate) {
    case 1:
        return in / 2 * (1 - out / (scale * in)) + (x + 0.5) / scale - 0.5;
    case 2:
        return out == 1 ? -0.5 : (x + 0.5) / scale - 0.5;
    case 3:
        return out == 1 ? 0 : x * (in - 1) / (scale * in - 1);
    case 4:
        return x / scale;
    case 5:
        return (x + 0.5) / scale;
    default:
        return (x + 0.5) / scale - 0.5;
    }
}

static double round_source(const resize_case *c, double x)
{
    switch (c->rounding) {
    case 0:
        return x == floor(x) + 0.5 ? floor(x) : floor(x + 0.5);
    case 1:
        return floor(x + 0.5);
    case 2:
        return floor(x);
    default:
        return ceil(x);
    }
}

static double kernel(const resize_case *c, double d)
{
    double a = (double)c->cubic_a;
    d = fabs(d);
    if (c->mode == 1)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return (a + 2) * d * d * d - (a + 3) * d * d + 1;
    return d < 2 ? a * d * d * d - 5 * a * d * d + 8 * a * d - 4 * a : 0;
}

/* weights[i]: how much input i counts for output o. Taps outside count for the border, or not at all. */
static void line_weights(const resize_case *c, int64_t o, int64_t in, int64_t out, double scale, double *weights)
{
    double x = source(c, (double)o, (double)in, (double)out, scale), sum = 0;
    double stretch = c->antialias && scale < 1 ? scale : 1;
    memset(weights, 0, (size_t)in * sizeof(*weights));
    if (scale == 1) { /* a dimension that keeps its size is not touched, whatever the mode's formula */
        weights[o] = 1;
        return;
    }
    if (c->mode == 0) {
        weights[(int64_t)MIN(MAX(round_source(c, x), 0), (double)(in - 1))] = 1;
        return;
    }
    for (int64_t i = (int64_t)floor(x - 3 / stretch); i <= (int64_t)ceil(x + 3 / stretch); i++) {
        double w = kernel(c, (x - (double)i) * stretch);
        bool outside = i < 0 || i >= in;
        if (c->exclude_outside && outside)
            continue;
        sum += w;
        weights[MIN(MAX(i, 0), in - 1)] += w;
    }
    for (int64_t i = 0; i < in && (c->antialias || c->exclude_outside); i++)
        weights[i] /= sum;
}

static void one_case(void)
{
    runner *r = runner_new(NULL);
    resize_case c = { .mode = (int)own_random_in(0, 2), .coordinate = (int)own_random_in(0, 5) };
    int64_t in[4] = { 1, 2, own_random_in(1, 9), own_random_in(1, 9) }, out[4] = { 1, 2, 0, 0 }, four = 4;
    bool by_scales = own_random() % 2;
    c.rounding = (int)own_random_in(0, 3);
    c.cubic_a = own_random() % 2 ? -0.75f : -0.5f;
    c.exclude_outside = own_random() % 2;
    c.antialias = c.mode && own_random() % 2;
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, in), scales = own_tensor(r, ONYX_TYPE_FLOAT32, 1, &four);
    onyx_tensor sizes = own_tensor(r, ONYX_TYPE_INT64, 1, &four), y = { 0 };
    double scale[4] = { 1, 1, 1, 1 };
    own_fill(&x, -1, 1);
    for (int i = 0; i < 4; i++) {
        /* Eighths, so that no product with the input's size is near a whole number by rounding. */
        float s = i < 2 ? 1 : (float)own_random_in(4, 24) / 8;
        if (i >= 2)
            out[i] = by_scales ? (int64_t)((float)in[i] * s) : own_random_in(1, 14);
        scale[i] = by_scales ? (double)s : (double)out[i] / (double)in[i];
        ((float *)scales.data)[i] = s;
        ((int64_t *)sizes.data)[i] = out[i];
    }
    /* What the formulas divide by zero for. */
    bool broken = out[2] < 1 || out[3] < 1;
    for (int i = 2; i < 4; i++)
        broken = broken || (c.coordinate == 3 && out[i] > 1 && scale[i] * (double)in[i] == 1);
    if (broken) {
        runner_free(r);
        return;
    }
    op_attribute attributes[] = { own_string("mode", modes[c.mode]),
                                  own_string("coordinate_transformation_mode", coordinates[c.coordinate]),
                                  own_string("nearest_mode", roundings[c.rounding]),
                                  own_float("cubic_coeff_a", c.cubic_a),
                                  own_int("antialias", c.antialias),
                                  own_int("exclude_outside", c.exclude_outside) };
    const onyx_tensor *inputs[4] = { &x, NULL, by_scales ? &scales : NULL, by_scales ? NULL : &sizes };
    onyx_error error = { 0 };
    onyx_status status =
        runner_node(r, "", "Resize", 19, attributes, ARRAY_LENGTH(attributes), inputs, 4, &y, 1, &error);
    size_t count = (size_t)(out[0] * out[1] * out[2] * out[3]);
    double *expected = calloc(count, sizeof(*expected)), rows[16], columns[16];
    for (size_t i = 0; i < count; i++) {
        int64_t w = (int64_t)i % out[3], h = (int64_t)i / out[3] % out[2], plane = (int64_t)i / (out[3] * out[2]);
        line_weights(&c, h, in[2], out[2], scale[2], rows);
        line_weights(&c, w, in[3], out[3], scale[3], columns);
        for (int64_t k = 0; k < in[2] * in[3]; k++)
            expected[i] += own_get(&x, (size_t)(plane * in[2] * in[3] + k)) * rows[k / in[3]] * columns[k % in[3]];
    }
    char what[160];
    snprintf(what, sizeof(what), "Resize %s %s %s antialias %d exclude %d from %lldx%lld", modes[c.mode],
             coordinates[c.coordinate], roundings[c.rounding], c.antialias, c.exclude_outside, (long long)in[2],
             (long long)in[3]);
    if (own_check(status == ONYX_OK, "%s: %s", what, error.message))
        own_compare(what, &y, 4, out, expected, 1e-4, 1e-5);
    free(expected);
    runner_free(r);
}

void own_resize(void)
{
    own_seed(2);
    for (int i = 0; i < 1500; i++)
        one_case();
}
