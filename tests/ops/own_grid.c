/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GridSample over random sizes, of two and three axes, in every mode and padding. The expected value of each output is
 * the sum over all inputs of the product of the weights that each axis gives them; what is outside is folded back step
 * by step. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/size.h"
#include "own.h"

static const char *const modes[2][3] = { { "nearest", "linear", "cubic" }, { "nearest", "bilinear", "bicubic" } };
static const char *const paddings[] = { "zeros", "border", "reflection" };

typedef struct grid_case {
    int mode, padding;
    bool corners;
} grid_case;

static double folded(const grid_case *c, double x, double n)
{
    const double low = c->corners ? 0 : -0.5, high = n - 1 - low;
    if (c->padding == 1)
        return fmin(fmax(x, 0), n - 1);
    while (c->padding == 2 && (x < low || x > high))
        x = low == high ? low : x < low ? 2 * low - x : 2 * high - x;
    return x;
}

static double kernel(int mode, double d)
{
    d = fabs(d);
    if (mode == 1)
        return d < 1 ? 1 - d : 0;
    return d <= 1 ? 1.25 * d * d * d - 2.25 * d * d + 1 : d < 2 ? -0.75 * (d * d * d - 5 * d * d + 8 * d - 4) : 0;
}

/* weights[i]: how much element i of an axis of n counts. */
static void axis_weights(const grid_case *c, double at, int64_t n, double *weights)
{
    double x = c->corners ? (at + 1) / 2 * (double)(n - 1) : ((at + 1) * (double)n - 1) / 2;
    memset(weights, 0, (size_t)n * sizeof(*weights));
    if (c->mode != 2 || c->padding != 1) /* as PyTorch, where these models come from, and ONNX Runtime have it */
        x = folded(c, c->mode ? x : rint(x), (double)n);
    for (int64_t k = (int64_t)floor(x) - 2; k <= (int64_t)floor(x) + 3; k++) {
        const double w = c->mode ? kernel(c->mode, x - (double)k) : (double)k == x, i = folded(c, (double)k, (double)n);
        if (i >= 0 && i < (double)n)
            weights[(int64_t)i] += w;
    }
}

static void one_case(void)
{
    runner *r = runner_new(NULL);
    const grid_case c = { (int)own_random_in(0, 2), (int)own_random_in(0, 2), own_random() % 2 };
    const int axes = (int)own_random_in(2, 3), version = axes == 2 && own_random() % 2 ? 16 : 20;
    int64_t in[5] = { own_random_in(1, 2), 3, 1, 1, 1 }, out[5] = { in[0], 3, 1, 1, 1 }, grid_dims[5] = { in[0] };
    int64_t plane = 1, points = 1;
    for (int d = 0; d < axes; d++) {
        plane *= in[2 + d] = own_random_in(1, 6);
        points *= grid_dims[1 + d] = out[2 + d] = own_random_in(1, axes == 2 ? 20 : 5);
    }
    grid_dims[1 + axes] = axes;
    onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 2 + axes, in), y = { 0 };
    onyx_tensor grid = own_tensor(r, ONYX_TYPE_FLOAT32, 2 + axes, grid_dims);
    own_fill(&x, -1, 1);
    own_fill(&grid, -2.5, 2.5);
    const op_attribute attributes[] = { own_string("mode", modes[version == 16][c.mode]),
                                        own_string("padding_mode", paddings[c.padding]),
                                        own_int("align_corners", c.corners) };
    const onyx_tensor *inputs[2] = { &x, &grid };
    onyx_error error = { 0 };
    const onyx_status status = runner_node(r, "", "GridSample", version, attributes, ARRAY_LENGTH(attributes), inputs,
                                           2, &y, 1, &error);
    double *expected = calloc((size_t)(in[0] * 3 * points), sizeof(*expected)), weights[3][6];
    for (int64_t point = 0; point < in[0] * points; point++) {
        for (int d = 0; d < axes; d++)
            axis_weights(&c, own_get(&grid, (size_t)(point * axes + axes - 1 - d)), in[2 + d], weights[d]);
        for (int64_t channel = 0; channel < 3; channel++)
            for (int64_t i = 0; i < plane; i++) {
                const int64_t image = point / points;
                double w = 1;
                for (int64_t d = axes - 1, rest = i; d >= 0; rest /= in[2 + d--])
                    w *= weights[d][rest % in[2 + d]];
                expected[(image * 3 + channel) * points + point % points] +=
                    w * own_get(&x, (size_t)((image * 3 + channel) * plane + i));
            }
    }
    char what[120];
    snprintf(what, sizeof(what), "GridSample %d axes %s %s corners %d", axes, modes[0][c.mode], paddings[c.padding],
             c.corners);
    if (own_check(status == ONYX_OK, "%s: %s", what, error.message))
        own_compare(what, &y, 2 + axes, out, expected, 1e-4, 1e-5);
    free(expected);
    runner_free(r);
}

/* Coordinates that no input has. */
static void senseless(void)
{
    static const float odd[] = { NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e9f, -0.0f, 1.0f };
    for (int i = 0; i < 18; i++) {
        runner *r = runner_new(NULL);
        const int64_t in[4] = { 1, 1, 2, 3 }, grid_dims[4] = { 1, 2, 4, 2 };
        onyx_tensor x = own_tensor(r, ONYX_TYPE_FLOAT32, 4, in), y = { 0 };
        onyx_tensor grid = own_tensor(r, ONYX_TYPE_FLOAT32, 4, grid_dims);
        own_fill(&x, -1, 1);
        for (int k = 0; k < 16; k++)
            ((float *)grid.data)[k] = odd[k < 8 ? k : own_random_in(0, 7)];
        const op_attribute attributes[] = { own_string("mode", modes[0][i % 3]),
                                            own_string("padding_mode", paddings[i / 3 % 3]),
                                            own_int("align_corners", i / 9) };
        const onyx_tensor *inputs[2] = { &x, &grid };
        onyx_error error = { 0 };
        own_check(runner_node(r, "", "GridSample", 20, attributes, 3, inputs, 2, &y, 1, &error) == ONYX_OK,
                  "GridSample of senseless coordinates: %s", error.message);
        runner_free(r);
    }
}

void own_grid(void)
{
    own_seed(11);
    for (int i = 0; i < 600; i++)
        one_case();
    senseless();
}
