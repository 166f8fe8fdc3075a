/* SPDX-License-Identifier: BSD-2-Clause
 *
 * DepthToSpace of blocked pictures, as upsampling convolutions and super-resolution end: each place of a square of
 * output pixels takes its channels from one input pixel. With the places' channels together (mode DCR) the output is
 * blocked, with the channels' places together (CRD) it is plain: either way they are rows, see layout_rows_f32. */
#include "plan/planner.h"

#include <string.h>

#include "ops/params.h"

typedef struct space_step {
    layout_rows_f32 *rows;
    bool plain;               /* the output */
    size_t lanes, square;     /* channels of a block; output pixels by input pixel, each way */
    size_t channels, h, w;    /* of the output; of the input */
    size_t src_image, blocks; /* floats of an image of the input; channel blocks of the output */
    size_t src_lanes;         /* of all blocks of the input */
} space_step;

/* Row y of the input, `plane` floats from block to block, gives rows y * square ... of the output. */
static void plain_row(const space_step *s, const float *src, size_t plane, size_t y, float *image)
{
    const size_t width = s->w * s->square;
    for (size_t c = 0; c < s->channels; c++)
        for (size_t i = 0; i < s->square; i++)
            s->rows(src, plane, (c * s->square + i) * s->square, s->square, s->w,
                    image + ((c * s->h + y) * s->square + i) * width, s->square);
}

/* Channels [first, first + count) to the first lanes of a row of pixels, `stride` apart. Lanes behind them take what
 * follows, which is as finite as anything; behind the source's last lane there is nothing. */
static void place_row(const space_step *s, const float *src, size_t plane, size_t first, size_t count, float *dst,
                      size_t stride)
{
    if (first + s->lanes <= s->src_lanes)
        count = s->lanes;
    for (size_t k = 0; k < s->w && count < s->lanes; k++)
        memset(dst + k * stride, 0, s->lanes * sizeof(float));
    s->rows(src, plane, first, count, s->w, dst, stride);
}

static void blocked_row(const space_step *s, const float *src, size_t plane, size_t y, float *image)
{
    const size_t width = s->w * s->square * s->lanes; /* floats */
    for (size_t b = 0; b < s->blocks; b++) {
        const size_t count = MIN(s->lanes, s->channels - b * s->lanes);
        for (size_t i = 0; i < s->square; i++) {
            float *dst = image + ((b * s->h + y) * s->square + i) * width;
            for (size_t j = 0; j < s->square; j++)
                place_row(s, src, plane, (i * s->square + j) * s->channels + b * s->lanes, count, dst + j * s->lanes,
                          s->square * s->lanes);
        }
    }
}

static void space_row(const space_step *s, const float *src, size_t plane, size_t image, size_t y, float *dst)
{
    const size_t pixels = s->h * s->w * s->square * s->square;
    if (s->plain)
        plain_row(s, src, plane, y, dst + image * s->channels * pixels);
    else
        blocked_row(s, src, plane, y, dst + image * s->blocks * s->lanes * pixels);
}

static void run_space(const step_context *context, int part)
{
    const space_step *s = context->step->params;
    const size_t image = (size_t)part / s->h, y = (size_t)part % s->h;
    const float *src = (const float *)context->tensors[context->step->inputs[0]].data + image * s->src_image;
    space_row(s, src + y * s->w * s->lanes, s->h * s->w * s->lanes, image, y,
              context->tensors[context->step->outputs[0]].data);
}

/* What a convolution does instead, see plan_conv_tail. */
static void space_tail(const step_context *context, const void *params, const plan_band *band, void *scratch)
{
    const space_step *s = params;
    (void)scratch;
    for (size_t at = 0; at < band->pixels; at += s->w)
        space_row(s, band->data + at * s->lanes, band->plane, band->image, (band->first + at) / s->w,
                  context->tensors[context->step->outputs[0]].data);
}

plan_result plan_depth_to_space(planner *p, graph_node *node)
{
    const space_params *params = node->params;
    graph_value *x = node->inputs[0], *y = node->outputs[0];
    image_dims xd, yd;
    if (x->info.rank != 4 || !plan_can_block(p, x) || !plan_only_blocked(p, x) || !plan_can_block(p, y) ||
        !plan_image_dims(p, x, &xd) || !plan_image_dims(p, y, &yd))
        return PLAN_PASS;
    const space_step s = { .rows = p->kernels->layout.rows,
                           .plain = params->column_row_depth,
                           .lanes = (size_t)p->kernels->block,
                           .square = (size_t)params->block,
                           .channels = (size_t)yd.c,
                           .h = (size_t)xd.h,
                           .w = (size_t)xd.w,
                           .src_image = xd.blocked_elements,
                           .src_lanes = (size_t)xd.channel_blocks * (size_t)p->kernels->block,
                           .blocks = (size_t)yd.channel_blocks };
    const int input = plan_blocked(p, x), output = s.plain ? plan_new_plain(p, y) : plan_new_blocked(p, y);
    const void *copy = arena_copy(p->program->arena, &s, sizeof(s));
    if (input < 0 || output < 0 || !copy)
        return PLAN_FAILED;
    if (plan_conv_tail(p, x, "conv_depth_to_space", space_tail, copy, 0, output))
        return PLAN_DONE;
    return plan_add_step(p, node, "depth_to_space", run_space, (int)(xd.n * xd.h), 0, &input, 1, &output, 1, copy, 0)
               ? PLAN_DONE
               : PLAN_FAILED;
}
