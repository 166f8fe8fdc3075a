/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Softmax along any axis of plain data, its mean of channels, and LayerNormalization and RMSNormalization of rows. */
#include "plan/planner.h"

#include <math.h>
#include <string.h>

#include "ops/params.h"

/* Rows shorter than this are done as columns, in groups that are transposed in scratch; fewer columns, of at most so
 * many numbers in all, as rows. */
#define SHORT_ROW 16
#define SHORT_GROUP 256
#define FEW_COLUMNS ((size_t)1 << 15)

typedef struct softmax_step {
    layout_transpose_32 *transpose; /* for short rows and few columns, else NULL */
    softmax_rows_f32 *rows_kernel;
    softmax_columns_f32 *columns_kernel;
    size_t outer, n, inner;
    int parts; /* of the rows, or of the columns of one outer index */
} softmax_step;

/* Rows [begin, end) of a few elements each. */
static void run_short_rows(const softmax_step *s, const float *src, float *dst, size_t begin, size_t end,
                           float *scratch)
{
    float *columns = scratch;
    for (size_t row = begin; row < end; row += SHORT_GROUP) {
        const size_t rows = MIN((size_t)SHORT_GROUP, end - row);
        s->transpose((const uint32_t *)(src + row * s->n), s->n, (uint32_t *)columns, rows, rows, s->n);
        s->columns_kernel(columns, columns, s->n, rows, 0, rows);
        s->transpose((const uint32_t *)columns, rows, (uint32_t *)(dst + row * s->n), s->n, s->n, rows);
    }
}

static void run_softmax(const step_context *context, int part)
{
    const program_step *step = context->step;
    const softmax_step *s = step->params;
    const float *src = context->tensors[step->inputs[0]].data;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    if (s->inner == 1) {
        plan_range(s->outer, 1, s->parts, part, &begin, &end);
        if (begin < end && s->transpose)
            run_short_rows(s, src, dst, begin, end, context->scratch);
        else if (begin < end)
            s->rows_kernel(src + begin * s->n, dst + begin * s->n, end - begin, s->n);
        return;
    }
    const size_t at = (size_t)(part / s->parts) * s->n * s->inner;
    if (s->transpose) {
        float *rows = context->scratch;
        s->transpose((const uint32_t *)(src + at), s->inner, (uint32_t *)rows, s->n, s->n, s->inner);
        s->rows_kernel(rows, rows, s->inner, s->n);
        s->transpose((const uint32_t *)rows, s->n, (uint32_t *)(dst + at), s->inner, s->inner, s->n);
        return;
    }
    plan_range(s->inner, 16, s->parts, part % s->parts, &begin, &end);
    if (begin < end)
        s->columns_kernel(src + at, dst + at, s->n, s->inner, begin, end);
}

plan_result plan_softmax(planner *p, graph_node *node)
{
    const softmax_params *params = node->params;
    graph_value *x = node->inputs[0];
    const int64_t axis = params->axis < 0 ? params->axis + x->info.rank : params->axis;
    if (x->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(x) < 1 || axis < 0 || axis >= x->info.rank)
        return PLAN_PASS;
    softmax_step s = { NULL, p->kernels->softmax.rows, p->kernels->softmax.columns, 1, 1, 1, 1 };
    for (int i = 0; i < x->info.rank; i++)
        *(i < axis ? &s.outer : i == axis || params->flatten ? &s.n : &s.inner) *= (size_t)x->info.dims[i];
    if (s.inner == 1 ? !s.rows_kernel : !s.columns_kernel)
        return PLAN_PASS;
    if (s.inner == 1 && s.n < SHORT_ROW && s.outer >= 64 && s.columns_kernel)
        s.transpose = p->kernels->layout.transpose;
    size_t scratch = s.transpose ? SHORT_ROW * SHORT_GROUP * sizeof(float) : 0;
    if (s.inner > 1 && s.inner < SHORT_ROW && s.n >= 2 * SHORT_ROW && s.n * s.inner <= FEW_COLUMNS && s.rows_kernel) {
        s.transpose = p->kernels->layout.transpose;
        scratch = s.n * s.inner * sizeof(float);
    }
    const int worth = plan_parts((size_t)graph_element_count(x) * 4 * sizeof(float));
    int total;
    if (s.inner == 1)
        total = s.parts = (int)MIN((size_t)worth, s.outer);
    else {
        s.parts = (int)MAX(1, MIN((size_t)worth / s.outer, s.inner / 64));
        total = (int)s.outer * s.parts;
    }
    const int input = plan_plain(p, x);
    if (input < 0)
        return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    if (output >= 0 && plan_may_overwrite(p, x, input))
        plan_place_in(p, input, output, 0); /* half the memory to go through */
    return plan_add_step(p, node, s.inner == 1 ? "softmax_rows" : "softmax_columns", run_softmax, total, scratch,
                         &input, 1, &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* ---- SoftmaxMean ---- */

/* Pixels of a blocked picture that are made planes at a time, in scratch. */
#define MEAN_PIXELS ((size_t)64)

typedef struct mean_step {
    softmax_mean_f32 *kernel;
    layout_unblock_f32 *unblock;
    const float *numbers; /* of the bins */
    size_t bins, groups, hw, block, channels;
    int parts; /* of an image */
} mean_step;

/* Pixels [first, first + count) of an image: src is the first of these in block 0, blocks `plane` floats apart. */
static void mean_of_blocks(const mean_step *s, const float *src, size_t plane, size_t image, size_t first, size_t count,
                           float *dst, float *planes)
{
    for (size_t i = 0, n; i < count; i += n) {
        n = MIN(MEAN_PIXELS, count - i);
        for (size_t c = 0; c < s->channels; c += s->block)
            s->unblock(src + c / s->block * plane + i * s->block, (int)MIN(s->block, s->channels - c), n,
                       planes + c * MEAN_PIXELS, MEAN_PIXELS);
        for (size_t g = 0; g < s->groups; g++)
            s->kernel(planes + g * s->bins * MEAN_PIXELS, MEAN_PIXELS, s->numbers, s->bins,
                      dst + (image * s->groups + g) * s->hw + first + i, n);
    }
}

static void run_mean_of_blocks(const step_context *context, int part)
{
    const mean_step *s = context->step->params;
    const size_t image = (size_t)(part / s->parts), blocks = (s->channels + s->block - 1) / s->block;
    const float *src =
        (const float *)context->tensors[context->step->inputs[0]].data + image * blocks * s->block * s->hw;
    size_t begin, end;
    plan_range(s->hw, 16, s->parts, part % s->parts, &begin, &end);
    if (begin < end)
        mean_of_blocks(s, src + begin * s->block, s->hw * s->block, image, begin, end - begin,
                       context->tensors[context->step->outputs[0]].data, context->scratch);
}

/* What a convolution does instead, see plan_conv_tail. */
static void mean_tail(const step_context *context, const void *params, const plan_band *band, void *scratch)
{
    mean_of_blocks(params, band->data, band->plane, band->image, band->first, band->pixels,
                   context->tensors[context->step->outputs[0]].data, scratch);
}

static void run_mean(const step_context *context, int part)
{
    const mean_step *s = context->step->params;
    const size_t group = (size_t)(part / s->parts); /* of all images */
    size_t begin, end;
    plan_range(s->hw, 16, s->parts, part % s->parts, &begin, &end);
    if (begin < end)
        s->kernel((const float *)context->tensors[context->step->inputs[0]].data + group * s->bins * s->hw + begin,
                  s->hw, s->numbers, s->bins,
                  (float *)context->tensors[context->step->outputs[0]].data + group * s->hw + begin, end - begin);
}

plan_result plan_softmax_mean(planner *p, graph_node *node)
{
    graph_value *x = node->inputs[0], *numbers = node->inputs[1], *y = node->outputs[0];
    const onyx_tensor *constant = numbers->is_constant ? graph_constant(p->graph, numbers) : NULL;
    if (!constant || !p->kernels->softmax.mean || graph_element_count(y) < 1)
        return PLAN_PASS;
    const bool blocked = plan_can_block(p, x) && plan_only_blocked(p, x);
    const float *copy = arena_copy(p->program->arena, constant->data, constant->size_bytes);
    mean_step s = { .kernel = p->kernels->softmax.mean,
                    .unblock = p->kernels->layout.unblock,
                    .numbers = copy,
                    .bins = (size_t)graph_element_count(numbers),
                    .groups = (size_t)y->info.dims[1],
                    .hw = 1,
                    .block = (size_t)p->kernels->block,
                    .channels = (size_t)x->info.dims[1] };
    for (int i = 2; i < x->info.rank; i++)
        s.hw *= (size_t)x->info.dims[i];
    const size_t images = (size_t)x->info.dims[0], scratch = size_align(s.channels, 16) * MEAN_PIXELS * sizeof(float);
    const int worth = plan_parts((size_t)graph_element_count(x) * 4 * sizeof(float));
    const size_t rows = blocked ? images : images * s.groups;
    s.parts = (int)MAX(1, MIN((size_t)worth / rows, s.hw / 64));
    const int input = blocked ? plan_blocked(p, x) : plan_plain(p, x), output = plan_new_plain(p, y);
    const void *params = arena_copy(p->program->arena, &s, sizeof(s));
    if (!copy || input < 0 || output < 0 || !params)
        return PLAN_FAILED;
    if (blocked && plan_conv_tail(p, x, "conv_softmax_mean", mean_tail, params, scratch, output))
        return PLAN_DONE;
    return plan_add_step(p, node, "softmax_mean", blocked ? run_mean_of_blocks : run_mean, (int)rows * s.parts,
                         blocked ? scratch : 0, &input, 1, &output, 1, params, 0)
               ? PLAN_DONE
               : PLAN_FAILED;
}

/* ---- LayerNormalization, RMSNormalization ---- */

typedef struct norm_step {
    layer_norm_f32 *kernel; /* NULL: RMSNormalization, by these */
    const cpu_kernels *kernels;
    size_t rows, n;
    float epsilon;
    int parts;
} norm_step;

static void run_norm(const step_context *context, int part)
{
    const program_step *step = context->step;
    const norm_step *s = step->params;
    const float *src = context->tensors[step->inputs[0]].data, *scale = context->tensors[step->inputs[1]].data;
    const float *bias = step->input_count > 2 ? context->tensors[step->inputs[2]].data : NULL;
    float *dst = context->tensors[step->outputs[0]].data;
    size_t begin, end;
    plan_range(s->rows, 1, s->parts, part, &begin, &end);
    for (size_t i = begin * s->n; !s->kernel && i < end * s->n; i += s->n) {
        const float factor = 1.0f / sqrtf(s->kernels->softmax.sum_squares(src + i, s->n) / (float)s->n + s->epsilon);
        s->kernels->eltwise.binary[CPU_BINARY_MUL](src + i, 1, &factor, 0, dst + i, s->n);
        s->kernels->eltwise.binary[CPU_BINARY_MUL](dst + i, 1, scale, 1, dst + i, s->n);
    }
    if (s->kernel && begin < end)
        s->kernel(src + begin * s->n, dst + begin * s->n, end - begin, s->n, scale, bias, s->epsilon);
}

/* A float32 tensor of the normalised dims. */
static bool is_row(const graph_value *value, size_t n)
{
    return value->info.type == ONYX_TYPE_FLOAT32 && graph_element_count(value) == (int64_t)n;
}

plan_result plan_layer_norm(planner *p, graph_node *node)
{
    const norm_params *params = node->params;
    graph_value *x = node->inputs[0], *bias = graph_input(node, 2);
    const int64_t axis = params->axis < 0 ? params->axis + x->info.rank : params->axis;
    const bool centred = graph_is(node, "LayerNormalization");
    norm_step s = { .kernel = centred ? p->kernels->softmax.layer_norm : NULL,
                    .kernels = p->kernels,
                    .rows = 1,
                    .n = 1,
                    .epsilon = params->epsilon };
    for (int i = 1; i < node->output_count; i++)
        if (node->outputs[i])
            return PLAN_PASS;
    for (int i = 0; i < x->info.rank; i++)
        *(i < axis ? &s.rows : &s.n) *= (size_t)x->info.dims[i];
    if (x->info.type != ONYX_TYPE_FLOAT32 || graph_element_count(x) < 1 || !is_row(node->inputs[1], s.n) ||
        (bias && !is_row(bias, s.n)))
        return PLAN_PASS;
    const int inputs[3] = { plan_plain(p, x), plan_plain(p, node->inputs[1]), bias ? plan_plain(p, bias) : -1 };
    if (inputs[0] < 0 || inputs[1] < 0 || (bias && inputs[2] < 0))
        return PLAN_FAILED;
    const int output = plan_new_plain(p, node->outputs[0]);
    s.parts = (int)MIN((size_t)plan_parts(s.rows * s.n * 3 * sizeof(float)), s.rows);
    return plan_add_step(p, node, centred ? "layer_norm" : "rms_norm", run_norm, s.parts, 0, inputs, bias ? 3 : 2,
                         &output, 1, &s, sizeof(s))
               ? PLAN_DONE
               : PLAN_FAILED;
}
