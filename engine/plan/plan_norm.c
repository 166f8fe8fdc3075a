/* SPDX-License-Identifier: BSD-2-Clause
 *
 * GroupNormalization and InstanceNormalization: the mean and variance of each group, which is one range of memory in
 * the plain form and, where groups fill blocks of channels, in the blocked one too; then a factor and a summand for
 * each of its channels. */
#include "plan/planner.h"

#include <math.h>

#include "ops/params.h"

/* CHUNK: floats that are looked at twice while they are near. FAR: a mean of more deviations is subtracted first, as a
 * float32 product with it would round away what makes numbers differ. */
enum { CHUNK = 2048, FAR = 8 };

typedef struct group_step {
    const cpu_kernels *kernels;
    const float *scale, *bias; /* of all channels, whole blocks */
    size_t channels, each, plane;
    float epsilon;
    bool blocked;
} group_step;

/* Chunks' own means and sums of squares about them are put together in double, so that large means lose nothing. A sum
 * of numbers far from zero is rounded to more than they differ by: then what it left is looked for about it. */
static void moments(const cpu_kernels *k, const float *src, size_t n, float *scratch, double *mean, double *variance)
{
    double squares = 0;
    *mean = 0;
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t count = MIN((size_t)CHUNK, n - i);
        const float near = k->softmax.sum(src + i, count) / (float)count;
        k->eltwise.binary[CPU_BINARY_SUB](src + i, 1, &near, 0, scratch, count);
        double own = (double)near, own_squares = (double)k->softmax.sum_squares(scratch, count);
        if (own * own * (double)count > FAR * FAR * own_squares) {
            const double rest = (double)k->softmax.sum(scratch, count) / (double)count;
            own += rest;
            own_squares = MAX(own_squares - rest * rest * (double)count, 0);
        }
        const double distance = own - *mean, part = (double)count / (double)(i + count);
        squares += own_squares + distance * distance * (double)i * part;
        *mean += distance * part;
    }
    *variance = squares / (double)n;
}

/* dst = (src - centre) * a + b; a, b: one number each (period 1), or as many as a block has lanes. */
static void apply(const group_step *s, const float *src, float *dst, size_t n, size_t period, const float *centre,
                  const float *a, const float *b)
{
    const eltwise_kernels *e = &s->kernels->eltwise;
    for (size_t i = 0; i < n; i += CHUNK) {
        const size_t count = MIN((size_t)CHUNK, n - i);
        const float *from = src + i;
        if (*centre != 0) {
            e->binary[CPU_BINARY_SUB](from, 1, centre, 0, dst + i, count);
            from = dst + i;
        }
        if (period == 1) {
            e->binary[CPU_BINARY_MUL](from, 1, a, 0, dst + i, count);
            e->binary[CPU_BINARY_ADD](dst + i, 1, b, 0, dst + i, count);
        } else {
            e->binary_period[CPU_BINARY_MUL](from, a, period, false, dst + i, count);
            e->binary_period[CPU_BINARY_ADD](dst + i, b, period, false, dst + i, count);
        }
    }
}

static void run_group(const step_context *context, int part)
{
    const program_step *step = context->step;
    const group_step *s = step->params;
    const size_t n = s->each * s->plane, first = (size_t)part * s->each % s->channels;
    const size_t period = s->blocked ? (size_t)s->kernels->block : 1;
    const float *src = (const float *)context->tensors[step->inputs[0]].data + (size_t)part * n;
    float *dst = (float *)context->tensors[step->outputs[0]].data + (size_t)part * n;
    double mean, variance;
    moments(s->kernels, src, n, context->scratch, &mean, &variance);
    const double factor = 1 / sqrt(variance + (double)s->epsilon);
    const float centre = fabs(mean) * factor > FAR ? (float)mean : 0;
    for (size_t c = 0; c < s->each; c += period) {
        float a[16], b[16];
        for (size_t i = 0; i < period; i++) {
            const double scale = (double)s->scale[first + c + i] * factor;
            a[i] = (float)scale;
            b[i] = (float)((double)s->bias[first + c + i] - (mean - (double)centre) * scale);
        }
        apply(s, src + c * s->plane, dst + c * s->plane, s->plane * period, period, &centre, a, b);
    }
}

plan_result plan_group_norm(planner *p, graph_node *node)
{
    const norm_params *params = node->params;
    graph_value *x = node->inputs[0];
    const bool instance = graph_is(node, "InstanceNormalization");
    if (x->info.type != ONYX_TYPE_FLOAT32 || x->info.rank < 2 || graph_element_count(x) < 1 ||
        (!instance && !params->per_channel_scale) || !plan_is_float_constant(node->inputs[1]) ||
        !plan_is_float_constant(node->inputs[2]) || x->info.dims[1] > INT32_MAX / 16)
        return PLAN_PASS;
    const int64_t channels = x->info.dims[1], groups = instance ? channels : params->groups, images = x->info.dims[0];
    group_step s = { .kernels = p->kernels,
                     .scale = plan_padded_bias(p, node->inputs[1], (int)channels),
                     .bias = plan_padded_bias(p, node->inputs[2], (int)channels),
                     .channels = (size_t)channels,
                     .each = (size_t)(channels / groups),
                     .plane = (size_t)(graph_element_count(x) / (images * channels)),
                     .epsilon = params->epsilon,
                     .blocked = plan_has_blocked(p, x) && channels / groups % p->kernels->block == 0 };
    if (!s.scale || !s.bias)
        return PLAN_FAILED;
    if (images * groups > INT32_MAX)
        return PLAN_PASS;
    const int input = s.blocked ? plan_blocked(p, x) : plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = s.blocked ? plan_new_blocked(p, node->outputs[0]) : plan_new_plain(p, node->outputs[0]);
    return plan_add_step(p, node, "group_norm", run_group, (int)(images * groups), CHUNK * sizeof(float), &input, 1,
                         &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
