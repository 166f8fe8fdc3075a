/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Thin layers as one step, where what lies between them would leave the near cache: a 1x1 convolution whose only reader
 * is a depthwise one (the first then emits nothing, the second emits both), the convolution, sum or chain in front of
 * such a pair, 1x1 convolutions behind a chain, and maximum pools behind a chain or convolution. */
#include "plan/planner.h"

#include <string.h>

#include "cpu/conv_chain.h"
#include "cpu/pack_form.h"
#include "ops/params.h"

/* What lies between is worth it from this size on: less stays in the second-level cache by itself. */
#define LEAST_BYTES ((size_t)512 << 10)

typedef struct chain_step {
    conv_chain chain;
    conv_arguments arguments[CONV_CHAIN_MOST]; /* all but src and dst */
    size_t src_floats, dst_floats, residual_floats; /* of one image */
} chain_step;

static bool begins_with_sum(const chain_step *s)
{
    return s->chain.links[0].kind == CONV_LINK_SUM;
}

static void run_chain(const step_context *context, int part)
{
    const program_step *step = context->step;
    const chain_step *s = step->params;
    const size_t image = (size_t)(part / s->chain.parts);
    conv_arguments arguments[CONV_CHAIN_MOST];
    memcpy(arguments, s->arguments, sizeof(*arguments) * (size_t)s->chain.count);
    arguments[0].src = (const float *)context->tensors[step->inputs[0]].data + image * s->src_floats;
    if (begins_with_sum(s))
        arguments[0].residual = (const float *)context->tensors[step->inputs[1]].data + image * s->residual_floats;
    arguments[s->chain.count - 1].dst = (float *)context->tensors[step->outputs[0]].data + image * s->dst_floats;
    conv_chain_run(&s->chain, arguments, part % s->chain.parts, context->scratch);
}

/* ---- nodes ---- */

static bool is_conv(const graph_node *node)
{
    return graph_is(node, "Conv") || graph_is_in(node, OP_DOMAIN_ONYX, "FusedConv");
}

/* The shape of a convolution of images in blocks with constant weights and without residual. */
static bool shape_of(const planner *p, const graph_node *conv, conv_shape *shape)
{
    const graph_value *bias = graph_input(conv, 2);
    image_dims x, y;
    return is_conv(conv) && !graph_input(conv, 3) && conv->inputs[0]->info.rank == 4 &&
           plan_can_block(p, conv->inputs[0]) && plan_can_block(p, conv->outputs[0]) &&
           plan_is_float_constant(conv->inputs[1]) && (!bias || plan_is_float_constant(bias)) &&
           plan_image_dims(p, conv->inputs[0], &x) && plan_image_dims(p, conv->outputs[0], &y) &&
           plan_conv_shape(conv->params, conv, &x, &y, shape);
}

static bool is_large(const planner *p, const graph_value *value)
{
    image_dims dims;
    return plan_image_dims(p, value, &dims) && dims.blocked_elements * sizeof(float) > LEAST_BYTES;
}

/* A pair that is worth one step. */
static bool choose_pair(const planner *p, const graph_node *point, const graph_node *depth, conv_link *links)
{
    conv_shape first, second;
    conv_chain chain;
    return depth && depth->input_count >= 2 && depth->inputs[0] == point->outputs[0] &&
           depth->inputs[1] != point->outputs[0] && shape_of(p, point, &first) && shape_of(p, depth, &second) &&
           is_large(p, point->outputs[0]) && conv_link_point(p->kernels, &first, &links[0]) &&
           conv_link_depthwise(p->kernels, &second, &links[1]) && conv_chain_choose(links, 2, 1, &chain);
}

/* ---- weights ---- */

static void pack_link(const void *form, const void *source, void *packed)
{
    conv_link_pack(form, source, packed);
}

static bool arguments_of(planner *p, const graph_node *conv, const conv_link *link, conv_arguments *a)
{
    const op_activation *act = &((const conv_params *)conv->params)->activation;
    conv_link form;
    conv_link_pack_form(link, &form);
    *a = (conv_arguments){
        .packed = plan_pack(p, conv->inputs[1], pack_link, &form, sizeof(form), link->plan.packed_bytes),
        .bias = plan_padded_bias(p, graph_input(conv, 2), (int)conv->outputs[0]->info.dims[1]),
        .activation = { (cpu_act)act->act, act->a, act->b },
    };
    return a->packed && a->bias;
}

/* ---- the step ---- */

static int64_t operations(const conv_shape *s)
{
    return 2 * (int64_t)s->c_out * s->h_out * s->w_out * (s->c_in / s->groups) * s->kernel_h * s->kernel_w;
}

/* What nodes add to a chain, or are one of their own. */
typedef struct addition {
    const graph_node *nodes[2];
    conv_link links[2];
    int count;
} addition;

/* The chain of the step that wrote x, or the one that its convolution or sum may begin; false: there is none that x
 * alone waits for. */
static bool chain_before(const planner *p, const graph_value *x, int *at, chain_step *s)
{
    image_dims d;
    *at = plan_producer_any(p, x);
    if (*at < 0 || !is_large(p, x) || !plan_image_dims(p, x, &d))
        return false;
    const program_step *step = &p->program->steps[*at];
    if (step->run == run_chain) {
        *s = *(const chain_step *)step->params;
        return true;
    }
    conv_plan plan;
    memset(s, 0, sizeof(*s));
    s->chain.count = 1;
    if (plan_is_sum(p, step)) {
        s->src_floats = s->residual_floats = d.blocked_elements;
        return conv_link_sum(p->kernels, d.c, d.h, d.w, &s->chain.links[0]);
    }
    return plan_conv_of_step(step, &plan, &s->arguments[0], &s->src_floats) &&
           conv_link_first(&plan, &s->chain.links[0]);
}

/* Adds to what stands before, where that is to be: the links, in s. */
static bool join(planner *p, const addition *more, int *before, chain_step *s)
{
    conv_link links[CONV_CHAIN_MOST];
    const int threads = plan_threads(p);
    if (!chain_before(p, more->nodes[0]->inputs[0], before, s) || s->chain.count + more->count > CONV_CHAIN_MOST)
        return false;
    const int count = s->chain.count;
    memcpy(links, s->chain.links, sizeof(*links) * (size_t)count);
    memcpy(links + count, more->links, sizeof(*links) * (size_t)more->count);
    return conv_chain_choose(links, count + more->count, threads, &s->chain);
}

static const char *title_of(planner *p, const graph_node *node)
{
    return is_conv(node) ? plan_conv_title(p, &((const conv_params *)node->params)->activation, false)
                         : node->row->name;
}

static bool describe(planner *p, const addition *more, const chain_step *s, program_step *step)
{
    image_dims x;
    for (int i = 0; i < more->count; i++) {
        const char *title = title_of(p, more->nodes[i]);
        step->op = step->op[0] ? arena_printf(p->program->arena, "%s, %s", step->op, title) : title;
        if (!step->op)
            return false;
    }
    if (!plan_image_dims(p, more->nodes[0]->inputs[0], &x))
        return false;
    step->operations = 0;
    for (int i = 0; i < s->chain.count; i++) {
        const conv_link *link = &s->chain.links[i];
        if (link->kind != CONV_LINK_POOL && link->kind != CONV_LINK_SUM)
            step->operations += x.n * operations(&link->plan.shape);
        step->moved_bytes += (int64_t)link->plan.packed_bytes;
    }
    return true;
}

/* The inputs of the step that was `taken` for a chain; an operand of a sum that was only resized is read where it came
 * from. */
static void inputs_of(planner *p, const graph_node *first, const program_step *taken, chain_step *s, int inputs[2])
{
    resize_tables *nearest = &s->chain.links[0].nearest;
    const graph_node *sum = first->inputs[0]->producer; /* or a view of it, which has an input less */
    inputs[0] = taken->inputs[0];
    inputs[1] = taken->input_count > 1 ? taken->inputs[1] : -1;
    if (taken->run == run_chain || !begins_with_sum(s))
        return;
    for (int i = MIN(sum->input_count, 2) - 1; i >= 0; i--) {
        const int slot = plan_take_resize(p, sum->inputs[i], nearest);
        if (slot < 0)
            continue;
        inputs[0] = taken->inputs[1 - i];
        inputs[1] = slot;
        s->residual_floats = (size_t)nearest->shape.channel_blocks * (size_t)nearest->shape.block *
                             (size_t)nearest->shape.h_in * (size_t)nearest->shape.w_in;
        return;
    }
}

/* The addition as a step, joined with what stands before it where that pays; alone only if it is a pair. */
static plan_result emit(planner *p, const addition *more)
{
    const graph_node *last = more->nodes[more->count - 1];
    const int threads = plan_threads(p);
    image_dims x, y;
    chain_step s;
    int before;
    const bool joined = join(p, more, &before, &s);
    if (!joined && more->count < 2)
        return PLAN_PASS;
    if (!plan_image_dims(p, more->nodes[0]->inputs[0], &x) || !plan_image_dims(p, last->outputs[0], &y))
        return PLAN_FAILED;
    if (!joined) {
        memset(&s, 0, sizeof(s));
        s.src_floats = x.blocked_elements;
        if (!conv_chain_choose(more->links, more->count, threads, &s.chain))
            return PLAN_FAILED;
    }
    s.dst_floats = y.blocked_elements;
    for (int i = 0; i < more->count; i++)
        if (more->links[i].kind != CONV_LINK_POOL &&
            !arguments_of(p, more->nodes[i], &more->links[i], &s.arguments[s.chain.count - more->count + i]))
            return PLAN_FAILED;
    program_step taken = { .op = "" };
    if (joined)
        taken = plan_take_step(p, before);
    int inputs[2] = { -1, -1 };
    if (joined)
        inputs_of(p, more->nodes[0], &taken, &s, inputs);
    else
        inputs[0] = plan_blocked(p, more->nodes[0]->inputs[0]);
    if (inputs[0] < 0)
        return PLAN_FAILED;
    const int output = plan_new_blocked(p, last->outputs[0]);
    program_step *step =
        plan_add_step(p, last, "conv_chain", run_chain, (int)x.n * s.chain.parts, s.chain.scratch_bytes, inputs,
                      begins_with_sum(&s) ? 2 : 1, &output, 1, &s, sizeof(s));
    if (!step)
        return PLAN_FAILED;
    step->op = taken.op;
    return describe(p, more, &s, step) ? PLAN_DONE : PLAN_FAILED;
}

static bool in_chain(const planner *p, const graph_value *x)
{
    const int i = plan_producer_any(p, x);
    return i >= 0 && p->program->steps[i].run == run_chain;
}

plan_result plan_chain_pool(planner *p, const graph_node *node, const pool_shape *pool)
{
    const int channels = (int)node->inputs[0]->info.dims[1];
    const conv_shape shape = { .c_in = channels,
                               .c_out = channels,
                               .groups = channels,
                               .h_in = pool->h_in,
                               .w_in = pool->w_in,
                               .h_out = pool->h_out,
                               .w_out = pool->w_out,
                               .kernel_h = pool->kernel_h,
                               .kernel_w = pool->kernel_w,
                               .stride_h = pool->stride_h,
                               .stride_w = pool->stride_w,
                               .dilation_h = pool->dilation_h,
                               .dilation_w = pool->dilation_w,
                               .pad_top = pool->pad_top,
                               .pad_left = pool->pad_left };
    addition more = { .nodes = { node }, .count = 1 };
    return conv_link_pool(p->kernels, &shape, &more.links[0]) ? emit(p, &more) : PLAN_PASS;
}

plan_result plan_chain(planner *p, graph_node *node)
{
    const graph_node *before = p->forms[node->inputs[0]->id].chained;
    graph_value *y = node->outputs[0];
    conv_shape shape;
    addition more = { .nodes = { before, node }, .count = 2 };
    if (before)
        return choose_pair(p, before, node, more.links) ? emit(p, &more) : PLAN_FAILED;
    if (p->options->precision == ONYX_PRECISION_STRICT || !plan_has_blocked(p, node->inputs[0]))
        return PLAN_PASS;
    if (choose_pair(p, node, graph_single_user(y), more.links)) {
        p->forms[y->id].chained = node;
        return PLAN_DONE;
    }
    more = (addition){ .nodes = { node }, .count = 1 };
    return in_chain(p, node->inputs[0]) && shape_of(p, node, &shape) &&
                   conv_link_point(p->kernels, &shape, &more.links[0])
               ? emit(p, &more)
               : PLAN_PASS;
}
