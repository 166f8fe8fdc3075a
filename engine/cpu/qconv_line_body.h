/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The part of qconv_body.h that does short rows as one line (qconv_plan.line): rows of the strip are dealt out to
 * stride_h phases, and a row's right padding is the next one's left padding, so that all outputs of a part are a
 * constant step apart, with a few at each row's end that nobody wants. Their bytes go to a line of their own first. */
#ifndef ONYX_CPU_QCONV_LINE_BODY_H
#define ONYX_CPU_QCONV_LINE_BODY_H

/* Row y of the strip's source, as a row of the line. */
static inline size_t qconv_line_slot(const qconv_plan *plan, int y)
{
    const int stride = plan->shape.stride_h;
    return (size_t)(y % stride * plan->phase_rows + y / stride);
}

static inline bool qconv_phase_is_read(const qconv_shape *s, int phase)
{
    for (int ky = 0; ky < s->kernel_h; ky++)
        if (ky * s->dilation_h % s->stride_h == phase)
            return true;
    return false;
}

static void qconv_prepare_line(qconv_job *j, void *scratch)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    const int first = j->row_begin * s->stride_h - s->pad_top, slots = s->stride_h * plan->phase_rows;
    const int rows = (j->row_end - 1 - j->row_begin) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    const int zero = j->arguments->src_zero + (s->src_signed ? 128 : 0) - (VQ_SIGNED ? 128 : 0);
    const size_t pads = (size_t)s->pad_left;
    uint8_t *strip = (uint8_t *)scratch + plan->strip_at;
    j->source = strip;
    j->pixel_stride = (size_t)plan->pixel_bytes;
    j->row_stride = (size_t)plan->line * j->pixel_stride;
    j->block_stride = (size_t)slots * j->row_stride + pads * j->pixel_stride;
    j->tap_x = (size_t)s->dilation_w * j->pixel_stride;
    j->step_x = (size_t)s->stride_w * j->pixel_stride;
    for (int block = 0; block < plan->src_blocks; block++) {
        for (int slot = 0; slot < slots; slot++, strip += j->row_stride) {
            const int phase = slot / plan->phase_rows, y = slot % plan->phase_rows * s->stride_h + phase;
            if (y < rows && qconv_phase_is_read(s, phase))
                qconv_strip_row(j, block, first + y, strip, zero);
            else
                qconv_fill(plan, strip, pads, zero);
        }
        qconv_fill(plan, strip, pads, zero);
        strip += pads * j->pixel_stride;
    }
}

/* The line's outputs that are wanted of `wide` channel blocks, through the table, to their places. */
static void qconv_line_out(const qconv_job *j, const uint8_t *line, int first, int wide)
{
    const qconv_plan *plan = j->plan;
    const size_t row = (size_t)plan->shape.w_out * VF_LANES, plane = (size_t)plan->shape.h_out * row;
    const size_t step = (size_t)(plan->line / plan->shape.stride_w) * VF_LANES;
    for (int b = 0; b < wide; b++) {
        const uint8_t *src = line + (size_t)(b * plan->strip_rows) * step;
        uint8_t *dst = (uint8_t *)j->arguments->dst + (size_t)(first + b) * plane + (size_t)j->row_begin * row;
        for (int y = j->row_begin; y < j->row_end; y++, src += step, dst += row) {
            if (j->arguments->table)
                plan->kernels->qeltwise.lookup(src, dst, row, j->arguments->table);
            else
                memcpy(dst, src, row);
        }
    }
}

#endif
