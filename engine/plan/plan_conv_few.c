/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 1x1 convolutions between a few channels, as talking heads of transformers are: on plain planes, where blocks of
 * channels would be empty for the most part. The weights times the planes are a product of a few long rows. */
#include "plan/planner.h"

#include <string.h>

enum { MOST_CHANNELS = 8 };

typedef struct few_step {
    gemm_plan plan;
    const float *weights; /* [c_out, c_in] */
    const float *bias;
    cpu_activation activation;
    size_t src_elements, dst_elements; /* of an image */
} few_step;

static void run_few(const step_context *context, int part)
{
    const program_step *step = context->step;
    const few_step *s = step->params;
    const size_t image = (size_t)(part / s->plan.parts), hw = s->plan.shape.n;
    const gemm_arguments arguments = {
        .a = s->weights,
        .a_stride = s->plan.shape.k,
        .b = (const float *)context->tensors[step->inputs[0]].data + image * s->src_elements,
        .b_stride = hw,
        .c = (float *)context->tensors[step->outputs[0]].data + image * s->dst_elements,
        .c_stride = hw,
        .alpha = 1,
        .bias = s->bias,
        .bias_per_row = true,
        .activation = s->activation,
    };
    s->plan.run(&s->plan, &arguments, part % s->plan.parts, context->scratch);
}

plan_result plan_conv_few(planner *p, graph_node *node)
{
    const conv_params *params = node->params;
    graph_value *x = node->inputs[0], *w = node->inputs[1], *y = node->outputs[0];
    graph_value *bias = graph_input(node, 2);
    image_dims xd, yd;
    conv_shape shape;
    if (node->input_count > 3 || !plan_can_block(p, x) || !plan_is_float_constant(w) ||
        (bias && !plan_is_float_constant(bias)) || !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd) ||
        xd.c > MOST_CHANNELS || yd.c > MOST_CHANNELS || plan_has_blocked(p, x) || plan_read_blocked(p, y) ||
        !plan_conv_shape(params, node, &xd, &yd, &shape) || shape.groups > 1 || !conv_is_line(&shape))
        return PLAN_PASS;
    const size_t hw = (size_t)xd.h * (size_t)xd.w;
    few_step s = { .activation = { (cpu_act)params->activation.act, params->activation.a, params->activation.b },
                   .src_elements = (size_t)xd.c * hw,
                   .dst_elements = (size_t)yd.c * hw };
    const gemm_shape product = { .m = (size_t)yd.c, .n = hw, .k = (size_t)xd.c };
    gemm_choose(p->kernels, &product, false, &s.plan);
    const size_t count = (size_t)yd.c * (size_t)xd.c;
    float *weights = plan_packed(p, count * sizeof(float));
    s.weights = weights;
    s.bias = plan_padded_bias(p, bias, yd.c);
    const int input = plan_plain(p, x), output = plan_new_plain(p, y);
    if (!weights || !s.bias || input < 0 || output < 0)
        return PLAN_FAILED;
    memcpy(weights, w->constant.data, count * sizeof(float));
    program_step *step = plan_add_step(p, node, s.plan.name, run_few, (int)xd.n * s.plan.parts, s.plan.scratch_bytes,
                                       &input, 1, &output, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->operations = 2 * xd.n * (int64_t)(count * hw);
    return PLAN_DONE;
}
