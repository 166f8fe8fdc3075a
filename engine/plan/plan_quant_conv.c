/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolutions of bytes on blocked data: QConv and QLinearConv give bytes, ConvInteger sums, QConvFloat float32. Groups
 * that are not single channels run as dense convolutions, as many of them together as fill whole channel blocks, of
 * which the last ones may have fewer; what a filter does not see has weights equal to its zero point. */
#include "plan/plan_quant.h"

#include <stdlib.h>
#include <string.h>

#include "cpu/pack_form.h"
#include "ops/params.h"

/* Up to this many input channels the first layer reads plain data instead of padding them to a block. */
#define PLAIN_CHANNELS 4

typedef struct qconv_step {
    qconv_plan plan, last; /* of the last bundle, which may have fewer filters in as many blocks */
    const void *packed;
    const int32_t *bias;
    const float *scale; /* by channel; QConvFloat: of the weights alone; ConvInteger: NULL */
    const float *float_bias;
    const uint8_t *table;
    int src_zero, dst_zero;
    float src_scale; /* of a source of floats */
    cpu_activation activation;
    bool finds_limits;  /* output 1 */
    int channel_blocks; /* of the whole output */
    int bundles;        /* of groups; 1 where the convolution is dense or depthwise. A plan is that of one bundle: */
    int filters;
    size_t packed_step, src_step, dst_step; /* bytes from one bundle to the next */
    size_t scale_at;                        /* QConvFloat: offset in scratch of the scales of this run */
    size_t src_bytes, dst_bytes;            /* of one image */
    size_t sums;                            /* of one image, QConv: elements of input 1 */
} qconv_step;

/* A part of the step: image, bundle of groups, part of the plan. */
typedef struct qconv_part {
    size_t image, bundle;
    int part;
} qconv_part;

static qconv_part part_of(const qconv_step *s, int part)
{
    const int bundle = part / s->plan.parts;
    return (qconv_part){ (size_t)(bundle / s->bundles), (size_t)(bundle % s->bundles), part % s->plan.parts };
}

static const qconv_plan *plan_of(const qconv_step *s, const qconv_part *at)
{
    return at->bundle + 1 == (size_t)s->bundles ? &s->last : &s->plan;
}

static qconv_arguments arguments_of(const step_context *context, const qconv_part *at)
{
    const program_step *step = context->step;
    const qconv_step *s = step->params;
    const size_t filter = at->bundle * (size_t)s->filters;
    return (qconv_arguments){
        .src =
            (const char *)context->tensors[step->inputs[0]].data + at->image * s->src_bytes + at->bundle * s->src_step,
        .src_zero = s->src_zero,
        .src_scale = s->src_scale,
        .dst = (char *)context->tensors[step->outputs[0]].data + at->image * s->dst_bytes + at->bundle * s->dst_step,
        .packed = (const char *)s->packed + at->bundle * s->packed_step,
        .bias = s->bias ? s->bias + filter : NULL,
        .scale = s->scale ? s->scale + filter : NULL,
        .dst_zero = s->dst_zero,
        .table = s->table,
        .float_bias = s->float_bias ? s->float_bias + filter : NULL,
        .activation = s->activation,
    };
}

static void run_qconv(const step_context *context, int part)
{
    const qconv_step *s = context->step->params;
    const qconv_part at = part_of(s, part);
    qconv_arguments arguments = arguments_of(context, &at);
    if (s->sums)
        arguments.sum = (const int32_t *)context->tensors[context->step->inputs[1]].data + at.image * s->sums;
    s->plan.run(plan_of(s, &at), &arguments, at.part, context->scratch);
}

/* Inputs: x, x_scale, x_zero. */
static void run_qconv_float(const step_context *context, int part)
{
    const program_step *step = context->step;
    const qconv_step *s = step->params;
    const qconv_part at = part_of(s, part);
    qconv_arguments arguments = arguments_of(context, &at);
    const float x_scale = *(const float *)context->tensors[step->inputs[1]].data;
    const void *zero = context->tensors[step->inputs[2]].data;
    float *scale = (float *)(void *)((char *)context->scratch + s->scale_at);
    for (int c = 0; c < plan_of(s, &at)->shape.c_out; c++)
        scale[c] = x_scale * arguments.scale[c];
    arguments.scale = scale;
    if (s->finds_limits) {
        float *limits = (float *)context->tensors[step->outputs[1]].data + (size_t)part * 2 * (size_t)s->channel_blocks;
        if (s->bundles > 1)
            memset(limits, 0, 2 * sizeof(*limits) * (size_t)s->channel_blocks);
        arguments.limits = limits + 2 * at.bundle * (size_t)(s->filters / s->plan.block);
    }
    arguments.src_zero = s->plan.shape.src_signed ? *(const int8_t *)zero : *(const uint8_t *)zero;
    s->plan.run(plan_of(s, &at), &arguments, at.part, context->scratch);
}

/* ---- constants ---- */

const onyx_tensor *plan_constant(planner *p, graph_value *value, onyx_type type)
{
    return value && value->is_constant && value->info.type == type ? graph_constant(p->graph, value) : NULL;
}

bool plan_byte_zero(planner *p, graph_value *value, int i, int *zero)
{
    *zero = 0;
    if (!value)
        return true;
    const onyx_tensor *tensor = value->is_constant ? graph_constant(p->graph, value) : NULL;
    if (!tensor || (tensor->type != ONYX_TYPE_UINT8 && tensor->type != ONYX_TYPE_INT8) ||
        graph_element_count(value) < 1)
        return false;
    const int at = graph_element_count(value) > 1 ? i : 0;
    *zero = tensor->type == ONYX_TYPE_INT8 ? ((const int8_t *)tensor->data)[at] : ((const uint8_t *)tensor->data)[at];
    return true;
}

plan_result plan_byte_zeros(planner *p, graph_value *value, qconv_shape *shape, int **zeros)
{
    int *list = plan_alloc(p, sizeof(*list) * (size_t)shape->c_out);
    if (!list)
        return PLAN_FAILED;
    for (int c = 0; c < shape->c_out; c++) {
        if (!plan_byte_zero(p, value, c, &list[c]))
            return PLAN_PASS;
        shape->weights_zero |= list[c] != (shape->weights_signed ? 0 : 128);
    }
    *zeros = list;
    return PLAN_DONE;
}

float *plan_byte_scales(planner *p, graph_value *value, float factor, float divisor, int channels)
{
    const onyx_tensor *tensor = plan_constant(p, value, ONYX_TYPE_FLOAT32);
    float *scales = tensor ? plan_packed(p, size_align((size_t)channels, 16) * sizeof(float)) : NULL;
    if (!scales)
        return NULL;
    memset(scales, 0, size_align((size_t)channels, 16) * sizeof(float));
    for (int c = 0; c < channels; c++)
        scales[c] = factor * ((const float *)tensor->data)[graph_element_count(value) > 1 ? c : 0] / divisor;
    return scales;
}

void *plan_constant_copy(planner *p, graph_value *value, int count)
{
    const onyx_tensor *tensor = graph_constant(p->graph, value);
    void *copy = tensor ? plan_packed(p, (size_t)count * 4) : NULL;
    if (copy)
        memcpy(copy, tensor->data, (size_t)count * 4);
    return copy;
}

typedef struct weights_form {
    qconv_plan plan;
    int zeros[];
} weights_form;

static void pack_weights(const void *form, const void *source, void *packed)
{
    const weights_form *f = form;
    qconv_pack(&f->plan, source, f->zeros, packed);
}

const void *plan_pack_bytes(planner *p, const qconv_plan *plan, const graph_value *w, const int *zeros)
{
    const size_t bytes = sizeof(int) * (size_t)plan->shape.c_out, form_bytes = sizeof(weights_form) + bytes;
    weights_form *form = plan_alloc(p, form_bytes);
    if (!form)
        return NULL;
    qconv_pack_form(plan, &form->plan);
    memcpy(form->zeros, zeros, bytes);
    return plan_pack(p, w, pack_weights, form, form_bytes, plan->packed_bytes);
}

/* ---- planning ---- */

static bool fill_shape(const graph_node *node, const graph_value *w, const image_dims *x, const image_dims *y,
                       qconv_shape *shape)
{
    const conv_params *params = node->params;
    op_window window;
    if (!op_conv_geometry(params, &node->inputs[0]->info, &w->info, &window) || window.spatial > 2 ||
        !plan_window_fits(&window))
        return false;
    const int last = window.spatial - 1;
    *shape = (qconv_shape){
        .c_in = x->c,
        .c_out = y->c,
        .groups = (int)params->group,
        .h_in = x->h,
        .w_in = x->w,
        .h_out = y->h,
        .w_out = y->w,
        .kernel_h = 1,
        .kernel_w = (int)window.kernel[last],
        .stride_h = 1,
        .stride_w = (int)window.stride[last],
        .dilation_h = 1,
        .dilation_w = (int)window.dilation[last],
        .pad_left = (int)window.pad_begin[last],
        .src_signed = node->inputs[0]->info.type == ONYX_TYPE_INT8,
        .weights_signed = w->info.type == ONYX_TYPE_INT8,
    };
    if (window.spatial == 2) {
        shape->kernel_h = (int)window.kernel[0];
        shape->stride_h = (int)window.stride[0];
        shape->dilation_h = (int)window.dilation[0];
        shape->pad_top = (int)window.pad_begin[0];
    }
    return true;
}

/* The step that quantises the source, which the convolution does itself while it copies rows; or -1. */
static int quantizer_of(planner *p, const graph_node *node, float *scale)
{
    int zero, own_zero;
    const int at = plan_quantizer(p, node->inputs[0], scale, &zero);
    return at >= 0 && plan_byte_zero(p, graph_input(node, 2), 0, &own_zero) && own_zero == zero ? at : -1;
}

static bool choose(planner *p, const graph_node *node, qconv_shape *shape, qconv_plan *plan)
{
    float scale;
    shape->src_plain = shape->c_in <= PLAIN_CHANNELS && shape->groups == 1 && !plan_has_blocked(p, node->inputs[0]);
    shape->src_float = shape->src_plain && quantizer_of(p, node, &scale) >= 0;
    if (qconv_choose(p->kernels, shape, plan))
        return true;
    shape->src_plain = shape->src_float = false;
    return qconv_choose(p->kernels, shape, plan);
}

#define MOST_WASTE 32 /* products with nothing for one that counts */

/* Bundles of so many groups begin where blocks of channels do, on both sides, and the last one ends where they end. */
static bool fill_blocks(const qconv_shape *s, int bundle, int block)
{
    const int in = s->c_in / s->groups * bundle, out = s->c_out / s->groups * bundle;
    const int bundles = (s->groups + bundle - 1) / bundle;
    return bundles == 1 ||
           (in % block == 0 && out % block == 0 && (s->c_in + block - 1) / block == bundles * (in / block) &&
            (s->c_out + block - 1) / block == bundles * (out / block));
}

/* How many groups are done as one dense convolution: 1 for what is dense or depthwise; 0: that would be too dear. */
static int bundle_groups(const qconv_shape *s, int block)
{
    if (s->groups == 1 || (s->groups == s->c_in && s->groups == s->c_out))
        return 1;
    int bundle = 1;
    while (!fill_blocks(s, bundle, block))
        bundle++;
    return bundle > MOST_WASTE ? 0 : bundle;
}

/* The weights of one convolution for all groups of each bundle, to be freed; NULL: memory is out. */
static uint8_t *spread_weights(const uint8_t *w, const int *zeros, const qconv_shape *s, int bundle)
{
    const size_t taps = (size_t)s->kernel_h * (size_t)s->kernel_w, out = (size_t)(s->c_out / s->groups);
    const size_t filter = (size_t)(s->c_in / s->groups) * taps, wide = filter * (size_t)bundle;
    uint8_t *spread = memory_alloc((size_t)s->c_out * wide);
    for (size_t c = 0; spread && c < (size_t)s->c_out; c++) {
        memset(spread + c * wide, zeros[c] & 255, wide);
        memcpy(spread + c * wide + c / out % (size_t)bundle * filter, w + c * filter, filter);
    }
    return spread;
}

/* Packs the only bundle, later and beside other weights. */
static bool pack_later(planner *p, qconv_step *s, const graph_value *w, const int *zeros)
{
    s->packed_step = s->plan.packed_bytes;
    s->packed = plan_pack_bytes(p, &s->plan, w, zeros);
    return s->packed != NULL;
}

/* Packs every bundle. */
static bool pack(planner *p, qconv_step *s, const uint8_t *w, const int *zeros)
{
    const qconv_shape *shape = &s->plan.shape;
    const size_t filter = (size_t)shape->c_in * (size_t)(shape->kernel_h * shape->kernel_w);
    s->packed_step = size_align(s->plan.packed_bytes, ONYX_ALIGNMENT);
    char *packed = plan_packed(p, s->packed_step * (size_t)s->bundles);
    for (int i = 0; packed && i < s->bundles; i++) {
        const qconv_part at = { .bundle = (size_t)i };
        qconv_pack(plan_of(s, &at), w + (size_t)i * (size_t)s->filters * filter, zeros + i * s->filters,
                   packed + (size_t)i * s->packed_step);
    }
    s->packed = packed;
    return packed != NULL;
}

/* The sums that a QConv adds repeat whole rows and columns of its output; no sums do, too. */
static bool fill_sums(planner *p, const graph_value *sums, const image_dims *y, qconv_shape *shape, size_t *elements)
{
    image_dims d;
    if (!sums)
        return true;
    if (!plan_image_dims(p, sums, &d) || y->h % d.h || y->w % d.w)
        return false;
    shape->sum_up_h = y->h / d.h;
    shape->sum_up_w = y->w / d.w;
    *elements = d.blocked_elements;
    return true;
}

/* What all have in common: shape, kernel and packed weights. zeros: of the weights; sums: what a QConv adds, or NULL */
static plan_result begin(planner *p, graph_node *node, graph_value *w, graph_value *zeros, const graph_value *sums,
                         qconv_output output, qconv_step *s)
{
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    image_dims xd, yd;
    qconv_shape shape;
    if (!p->kernels->qconv.units) /* plain C: the rows' kernels are faster than the definition */
        return PLAN_PASS;
    if (!plan_can_block_bytes(p, x) || !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd) || !w->is_constant ||
        !graph_constant(p->graph, w) || !fill_shape(node, w, &xd, &yd, &shape) ||
        !fill_sums(p, sums, &yd, &shape, &s->sums))
        return PLAN_PASS;
    int *list;
    const plan_result read = plan_byte_zeros(p, zeros, &shape, &list);
    if (read != PLAN_DONE)
        return read;
    shape.output = output;
    shape.threads = plan_threads(p);
    const uint8_t *weights = graph_constant(p->graph, w)->data;
    uint8_t *spread = NULL;
    const int bundle = bundle_groups(&shape, p->kernels->block);
    if (!bundle)
        return PLAN_PASS;
    qconv_measure(weights, list, yd.c, &shape);
    s->bundles = 1;
    s->filters = yd.c;
    if (shape.groups > 1 && !(shape.groups == xd.c && shape.groups == yd.c)) {
        weights = spread = spread_weights(weights, list, &shape, bundle);
        if (!spread)
            return plan_no_memory(p);
        s->bundles = (shape.groups + bundle - 1) / bundle;
        s->filters = yd.c / shape.groups * bundle;
        shape.c_in = xd.c / shape.groups * bundle;
        shape.c_out = s->filters;
        shape.groups = 1;
    }
    if (s->bundles == 1)
        qconv_fold_zeros(p->kernels, weights, list, &shape);
    if (!choose(p, node, &shape, &s->plan)) {
        memory_free(spread);
        return PLAN_PASS;
    }
    s->last = s->plan;
    s->last.shape.c_out = yd.c - (s->bundles - 1) * s->filters;
    s->src_bytes = s->plan.shape.src_plain ? (size_t)xd.c * (size_t)xd.h * (size_t)xd.w : xd.blocked_elements;
    s->src_bytes *= s->plan.shape.src_float ? sizeof(float) : 1;
    s->dst_bytes = yd.blocked_elements * (output == QCONV_F32 || output == QCONV_S32 ? sizeof(float) : 1);
    s->src_step = s->src_bytes / (size_t)s->bundles;
    s->dst_step = s->dst_bytes / (size_t)s->bundles;
    const bool packed = spread ? pack(p, s, weights, list) : pack_later(p, s, w, list);
    memory_free(spread);
    return packed ? PLAN_DONE : PLAN_FAILED;
}

static plan_result emit(planner *p, graph_node *node, const graph_value *w, const char *title, step_function *run,
                        size_t scratch, const int *inputs, int input_count, qconv_step *s)
{
    const qconv_shape *shape = &s->plan.shape;
    const int64_t n = node->outputs[0]->info.dims[0];
    const int parts = (int)n * s->bundles * s->plan.parts, block = s->plan.block;
    int outputs[2] = { plan_new_blocked(p, node->outputs[0]), -1 };
    s->channel_blocks = (s->bundles * s->filters + block - 1) / block;
    if (s->finds_limits)
        outputs[1] = plan_new_limits(p, node, parts, s->channel_blocks, 1, &p->forms[node->outputs[0]->id].limits);
    program_step *step = plan_add_step(p, node, s->plan.name, run, parts, scratch, inputs, input_count, outputs,
                                       1 + s->finds_limits, s, sizeof(*s));
    if (!step)
        return PLAN_FAILED;
    step->op = title;
    step->operations = 2 * n * graph_element_count(w) * shape->h_out * shape->w_out;
    step->moved_bytes += (int64_t)s->packed_step * s->bundles;
    return PLAN_DONE;
}

/* The slot of the source in the form that the plan wants; -1: memory is out. */
static int source_of(planner *p, const graph_node *node, qconv_step *s)
{
    if (!s->plan.shape.src_float)
        return s->plan.shape.src_plain ? plan_plain(p, node->inputs[0]) : plan_blocked(p, node->inputs[0]);
    const int at = quantizer_of(p, node, &s->src_scale);
    return plan_take_step(p, at).inputs[0];
}

plan_result plan_qconv(planner *p, graph_node *node)
{
    graph_value *y = node->outputs[0], *bias = graph_input(node, 8), *table = graph_input(node, 9),
                *sums = graph_input(node, 10);
    const int channels = y->info.rank > 1 ? (int)y->info.dims[1] : 0;
    qconv_step s = { .src_zero = 0 };
    float x_scale, y_scale;
    if (!graph_scalar(p->graph, node->inputs[1], &x_scale) || !graph_scalar(p->graph, node->inputs[6], &y_scale) ||
        !plan_byte_zero(p, node->inputs[2], 0, &s.src_zero) || !plan_byte_zero(p, node->inputs[7], 0, &s.dst_zero) ||
        !plan_constant(p, node->inputs[4], ONYX_TYPE_FLOAT32) || (bias && !plan_constant(p, bias, ONYX_TYPE_INT32)) ||
        (table && !plan_constant(p, table, ONYX_TYPE_UINT8)))
        return PLAN_PASS;
    const plan_result result = begin(p, node, node->inputs[3], graph_input(node, 5), sums,
                                     y->info.type == ONYX_TYPE_INT8 ? QCONV_S8 : QCONV_U8, &s);
    if (result != PLAN_DONE)
        return result;
    s.scale = plan_byte_scales(p, node->inputs[4], x_scale, y_scale, channels);
    s.bias = bias ? plan_constant_copy(p, bias, channels) : NULL;
    s.table = table ? plan_constant_copy(p, table, 256 / 4) : NULL;
    if (!s.scale || (bias && !s.bias) || (table && !s.table))
        return PLAN_FAILED;
    const int inputs[2] = { source_of(p, node, &s), sums ? plan_blocked(p, sums) : -1 };
    if (inputs[0] < 0 || (sums && inputs[1] < 0))
        return PLAN_FAILED;
    return emit(p, node, node->inputs[3], table ? "QConv+table" : "QConv", run_qconv, s.plan.scratch_bytes, inputs,
                sums ? 2 : 1, &s);
}

plan_result plan_conv_integer(planner *p, graph_node *node)
{
    qconv_step s = { .src_zero = 0 };
    if (!plan_byte_zero(p, graph_input(node, 2), 0, &s.src_zero))
        return PLAN_PASS;
    const plan_result result = begin(p, node, node->inputs[1], graph_input(node, 3), NULL, QCONV_S32, &s);
    if (result != PLAN_DONE)
        return result;
    const int input = source_of(p, node, &s);
    if (input < 0)
        return PLAN_FAILED;
    return emit(p, node, node->inputs[1], "ConvInteger", run_qconv, s.plan.scratch_bytes, &input, 1, &s);
}

plan_result plan_qconv_float(planner *p, graph_node *node)
{
    const conv_params *params = node->params;
    graph_value *bias = graph_input(node, 6), *y = node->outputs[0];
    const int channels = y->info.rank > 1 ? (int)y->info.dims[1] : 0;
    qconv_step s = { .activation = { (cpu_act)params->activation.act, params->activation.a, params->activation.b } };
    if (!plan_constant(p, node->inputs[4], ONYX_TYPE_FLOAT32) || (bias && !plan_constant(p, bias, ONYX_TYPE_FLOAT32)) ||
        graph_element_count(node->inputs[1]) != 1 || !node->inputs[2] || graph_element_count(node->inputs[2]) != 1)
        return PLAN_PASS;
    const plan_result result = begin(p, node, node->inputs[3], graph_input(node, 5), NULL, QCONV_F32, &s);
    if (result != PLAN_DONE)
        return result;
    s.scale = plan_byte_scales(p, node->inputs[4], 1, 1, channels);
    s.float_bias = bias ? plan_constant_copy(p, bias, channels) : NULL;
    if (!s.scale || (bias && !s.float_bias))
        return PLAN_FAILED;
    const int inputs[3] = { source_of(p, node, &s), plan_plain(p, node->inputs[1]), plan_plain(p, node->inputs[2]) };
    if (inputs[0] < 0 || inputs[1] < 0 || inputs[2] < 0)
        return PLAN_FAILED;
    s.finds_limits = !node->inputs[1]->is_constant; /* a graph that quantises at run time: somebody will want them */
    s.scale_at = size_align(s.plan.scratch_bytes, ONYX_ALIGNMENT);
    const char *act = params->activation.act == OP_ACT_NONE ? "" : op_act_name(params->activation.act);
    const char *title = arena_printf(p->program->arena, "QConvFloat%s%s", act[0] ? "+" : "", act);
    return emit(p, node, node->inputs[3], title ? title : "QConvFloat", run_qconv_float,
                s.scale_at + (size_t)channels * sizeof(float), inputs, 3, &s);
}
