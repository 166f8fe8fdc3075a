/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of convolutions share: the sum in double, activations in double, a shape as text, a look at the bytes
 * around a buffer; shapes, activations and buffers to start from. */
#ifndef ONYX_TESTS_KERNELS_CONV_ORACLE_H
#define ONYX_TESTS_KERNELS_CONV_ORACLE_H

#include <stdlib.h>

#include "oracle.h"

/* Whether what lies between the end of a buffer at 64 bytes and its guard page is as guarded() left it. */
__attribute__((unused)) static bool conv_oracle_intact(const void *buffer, size_t bytes)
{
    const unsigned char *p = (const unsigned char *)buffer + bytes;
    for (size_t i = 0; (bytes + i) % 64 != 0; i++)
        if (p[i] != 0xa5)
            return false;
    return guarded_front_intact(buffer);
}

__attribute__((unused)) static double conv_oracle_act(const cpu_activation *activation, double x)
{
    double a = activation->a, b = activation->b;
    switch (activation->act) {
    case CPU_ACT_RELU:
        return fmax(x, 0);
    case CPU_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case CPU_ACT_CLIP:
        return fmin(fmax(x, a), b);
    case CPU_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CPU_ACT_SILU:
        return x / (1 + exp(-x));
    case CPU_ACT_HARD_SIGMOID:
        return fmin(fmax(a * x + b, 0), 1);
    case CPU_ACT_HARD_SWISH:
        return x * fmin(fmax(x / 6 + 0.5, 0), 1);
    case CPU_ACT_TANH:
        return tanh(x);
    case CPU_ACT_GELU:
        return 0.5 * x * erfc(-x * sqrt(0.5));
    case CPU_ACT_MISH:
        return x * tanh(log1p(exp(x)));
    case CPU_ACT_ELU:
        return x < 0 ? a * expm1(x) : x;
    case CPU_ACT_SWISH:
        return x / (1 + exp(-x * (a + b * x * x)));
    default:
        return x;
    }
}

/* Sum (without bias) and sum of magnitudes of one output, from plain [c, h, w] and weights as in the file. */
__attribute__((unused)) static void conv_oracle_sum(const conv_shape *s, const float *plain, const float *weights,
                                                    int o, int y, int x, double *sum, double *magnitude)
{
    int inputs = s->c_in / s->groups, group = o / (s->c_out / s->groups);
    *sum = *magnitude = 0;
    for (int c = 0; c < inputs; c++)
        for (int ky = 0; ky < s->kernel_h; ky++)
            for (int kx = 0; kx < s->kernel_w; kx++) {
                int iy = y * s->stride_h + ky * s->dilation_h - s->pad_top;
                int ix = x * s->stride_w + kx * s->dilation_w - s->pad_left;
                if (iy < 0 || ix < 0 || iy >= s->h_in || ix >= s->w_in)
                    continue;
                double v = (double)plain[((group * inputs + c) * s->h_in + iy) * s->w_in + ix] *
                           weights[((o * inputs + c) * s->kernel_h + ky) * s->kernel_w + kx];
                *sum += v;
                *magnitude += fabs(v);
            }
}

__attribute__((unused)) static const char *conv_oracle_text(const conv_shape *s)
{
    static char text[200];
    snprintf(text, sizeof(text), "c %d>%d groups %d in %dx%d out %dx%d k %dx%d s %d,%d d %d,%d pad %d,%d%s%s", s->c_in,
             s->c_out, s->groups, s->h_in, s->w_in, s->h_out, s->w_out, s->kernel_h, s->kernel_w, s->stride_h,
             s->stride_w, s->dilation_h, s->dilation_w, s->pad_top, s->pad_left, s->src_plain ? " plain" : "",
             s->exact ? " exact" : "");
    return text;
}

/* Of the output, with pads on both sides together. */
__attribute__((unused)) static int conv_oracle_size(int in, int kernel, int stride, int dilation, int pads)
{
    return (in + pads - (kernel - 1) * dilation - 1) / stride + 1;
}

/* A 1x1 kernel on h x w pixels; what another one has is set behind it. */
__attribute__((unused)) static conv_shape conv_oracle_point(int c_in, int c_out, int h, int w)
{
    return (conv_shape){ c_in, c_out, 1, h, w, h, w, 1, 1, 1, 1, 1, 1, 0, 0, false, false };
}

/* Floats of c channels in blocks. */
__attribute__((unused)) static size_t conv_oracle_blocked(int c, int block, int h, int w)
{
    return (size_t)((c + block - 1) / block) * (size_t)block * (size_t)h * (size_t)w;
}

/* Aligned, and readable to the end of the last vector; the caller frees it. */
__attribute__((unused)) static float *conv_oracle_floats(size_t n, float low, float high)
{
    float *p = aligned_alloc(64, (n * sizeof(float) + 127) & ~(size_t)63);
    if (p)
        oracle_fill_plain(p, n, low, high);
    return p;
}

/* SiLU, ReLU or none for the most part. */
__attribute__((unused)) static cpu_activation conv_oracle_activation(void)
{
    static const cpu_activation all[] = {
        { CPU_ACT_NONE, 0, 0 },
        { CPU_ACT_SILU, 0, 0 },
        { CPU_ACT_RELU, 0, 0 },
        { CPU_ACT_LEAKY_RELU, 0.1f, 0 },
        { CPU_ACT_CLIP, -1, 2 },
        { CPU_ACT_SIGMOID, 0, 0 },
        { CPU_ACT_HARD_SIGMOID, 0.2f, 0.5f },
        { CPU_ACT_HARD_SWISH, 0, 0 },
        { CPU_ACT_TANH, 0, 0 },
        { CPU_ACT_GELU, 0, 0 },
        { CPU_ACT_MISH, 0, 0 },
        { CPU_ACT_ELU, 0.5f, 0 },
        { CPU_ACT_SWISH, 1.702f, 0 },
        { CPU_ACT_SWISH, 1.6f, 0.07f },
    };
    int count = sizeof(all) / sizeof(all[0]);
    return all[oracle_int(0, 2) ? oracle_int(0, 2) : oracle_int(0, count - 1)];
}

/* All parts, in order or backwards. */
__attribute__((unused)) static void conv_oracle_run(const conv_plan *plan, const conv_arguments *a, void *scratch,
                                                    bool backwards)
{
    memset(scratch, 0xff, plan->scratch_bytes); /* NaN: contents need not be kept, nor be anything */
    for (int part = 0; part < plan->parts; part++)
        plan->run(plan, a, backwards ? plan->parts - 1 - part : part, scratch);
}

#endif
