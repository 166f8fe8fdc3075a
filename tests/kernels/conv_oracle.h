/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of convolutions share: the sum in double, activations in double, a shape as text, a look at the bytes
 * around a buffer. */
#ifndef ONYX_TESTS_KERNELS_CONV_ORACLE_H
#define ONYX_TESTS_KERNELS_CONV_ORACLE_H

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

#endif
