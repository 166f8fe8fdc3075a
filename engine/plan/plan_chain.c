/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Two layers as one step, where what lies between would leave the cache: a 1x1 convolution whose only reader is a
 * depthwise one. The first emits nothing; the second emits both. */
#include "plan/planner.h"

#include <string.h>

#include "cpu/conv_chain.h"
#include "cpu/pack_form.h"
#include "ops/params.h"

/* What lies between is worth it from this size on: less stays in the second-level cache by itself. */
#define LEAST_BYTES ((size_t)1 << 20)

typedef struct chain_step {
    conv_chain chain;
    conv_arguments point, depth; /* all but src and dst */
    size_t src_floats, dst_floats; /* of one image */
} chain_step;

static void run_chain(const step_context *context, int part)
{
    const program_step *step = context->step;
    const chain_step *s = step->params;
    const size_t image = (size_t)(part / s->chain.parts);
    conv_arguments point = s->point, depth = s->depth;
    point.src = (const float *)context->tensors[step->inputs[0]].data + image * s->src_floats;
    depth.dst = (float *)context->tensors[step->outputs[0]].data + image * s->dst_floats;
    conv_chain_run(&s->chain, &point, &depth, part % s->chain.parts, context->scratch);
}

static bool is_conv(const graph_node *node)
{
    return graph_is(node, "Conv") || graph_is_in(node, OP_DOMAIN_ONYX, "FusedConv");
}

static graph_value *bias_of(const graph_node *conv)
{
    return conv->input_count > 2 ? conv->inputs[2] : NULL;
}

/* The shape of a convolution of images in blocks with constant weights and without residual. */
static bool shape_of(const planner *p, const graph_node *conv, conv_shape *shape)
{
    image_dims x, y;
    return is_conv(conv) && !(conv->input_count > 3 && conv->inputs[3]) && conv->inputs[0]->info.rank == 4 &&
           plan_can_block(p, conv->inputs[0]) && plan_can_block(p, conv->outputs[0]) &&
           plan_is_float_constant(conv->inputs[1]) && (!bias_of(conv) || plan_is_float_constant(bias_of(conv))) &&
           plan_image_dims(p, conv->inputs[0], &x) && plan_image_dims(p, conv->outputs[0], &y) &&
           plan_conv_shape(conv->params, conv, &x, &y, shape);
}

/* The 1x1 convolution of a pair that is worth one step. */
static bool choose(const planner *p, const graph_node *point, const graph_node *depth, conv_chain *chain)
{
    conv_shape first, second;
    image_dims between;
    return depth && depth->input_count >= 2 && depth->inputs[0] == point->outputs[0] &&
           depth->inputs[1] != point->outputs[0] && shape_of(p, point, &first) && shape_of(p, depth, &second) &&
           plan_image_dims(p, point->outputs[0], &between) && between.blocked_elements * sizeof(float) > LEAST_BYTES &&
           conv_chain_choose(p->kernels, &first, &second, chain);
}

/* ---- weights ---- */

static void pack_point(const void *form, const void *source, void *packed)
{
    conv_chain_pack(form, source, packed);
}

static conv_arguments arguments_of(planner *p, const graph_node *conv, const void *packed)
{
    const op_activation *act = &((const conv_params *)conv->params)->activation;
    return (conv_arguments){ .packed = packed,
                             .bias = plan_padded_bias(p, bias_of(conv), (int)conv->outputs[0]->info.dims[1]),
                             .activation = { (cpu_act)act->act, act->a, act->b } };
}

static bool pack_weights(planner *p, const graph_node *point, const graph_node *depth, chain_step *s)
{
    conv_plan depth_form;
    conv_chain point_form;
    conv_chain_pack_form(&s->chain, &point_form);
    conv_pack_form(&s->chain.depth, &depth_form);
    s->point = arguments_of(p, point, plan_pack(p, point->inputs[1], pack_point, &point_form, sizeof(point_form),
                                                s->chain.point_bytes));
    s->depth = arguments_of(p, depth, plan_pack(p, depth->inputs[1], plan_pack_conv, &depth_form, sizeof(depth_form),
                                                s->chain.depth.packed_bytes));
    return s->point.packed && s->point.bias && s->depth.packed && s->depth.bias;
}

/* ---- the step ---- */

static int64_t operations(const conv_shape *s, int64_t images)
{
    return 2 * images * s->c_out * s->h_out * s->w_out * (s->c_in / s->groups) * s->kernel_h * s->kernel_w;
}

static const char *title(planner *p, const graph_node *point, const graph_node *depth)
{
    const graph_node *nodes[2] = { point, depth };
    const char *names[2];
    for (int i = 0; i < 2; i++) {
        const op_act act = ((const conv_params *)nodes[i]->params)->activation.act;
        names[i] = act == OP_ACT_NONE ? "Conv" : arena_printf(p->program->arena, "Conv+%s", op_act_name(act));
    }
    const char *both = names[0] && names[1] ? arena_printf(p->program->arena, "%s, %s", names[0], names[1]) : NULL;
    return both ? both : "Conv";
}

static plan_result emit(planner *p, const graph_node *point, graph_node *depth)
{
    chain_step s;
    image_dims x, y;
    memset(&s, 0, sizeof(s));
    if (!choose(p, point, depth, &s.chain) || !plan_image_dims(p, point->inputs[0], &x) ||
        !plan_image_dims(p, depth->outputs[0], &y) || !pack_weights(p, point, depth, &s))
        return PLAN_FAILED;
    s.src_floats = x.blocked_elements;
    s.dst_floats = y.blocked_elements;
    const int input = plan_blocked(p, point->inputs[0]);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, depth->outputs[0]);
    program_step *step = plan_add_step(p, depth, "conv_chain", run_chain, (int)x.n * s.chain.parts,
                                       s.chain.scratch_bytes, &input, 1, &output, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->op = title(p, point, depth);
    step->operations = operations(&s.chain.point, x.n) + operations(&s.chain.depth.shape, x.n);
    step->moved_bytes += (int64_t)(s.chain.point_bytes + s.chain.depth.packed_bytes);
    return PLAN_DONE;
}

plan_result plan_chain(planner *p, graph_node *node)
{
    const graph_node *before = p->forms[node->inputs[0]->id].chained;
    graph_value *y = node->outputs[0];
    conv_chain chain;
    if (before)
        return emit(p, before, node);
    if (p->options->precision == ONYX_PRECISION_STRICT || !plan_has_blocked(p, node->inputs[0]) ||
        !choose(p, node, graph_single_user(y), &chain))
        return PLAN_PASS;
    p->forms[y->id].chained = node;
    return PLAN_DONE;
}
