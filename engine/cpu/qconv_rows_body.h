/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The part of qconv_body.h that knows plain rows, the operands of a matrix product: a row is a pixel whose channel
 * blocks lie side by side, the last of which may be narrower. */
#ifndef ONYX_CPU_QCONV_ROWS_BODY_H
#define ONYX_CPU_QCONV_ROWS_BODY_H

/* ---- the way in ---- */

/* A row as values of the strip; zeros behind the last channel. */
static void qconv_expand_row(const uint8_t *src, size_t channels, uint8_t flip, uint8_t *dst)
{
    const size_t whole = channels / VF_LANES * VF_LANES;
    uint8_t rest[VF_LANES] = { 0 };
    if (whole)
        vq_expand(dst, src, whole, flip);
    if (whole == channels)
        return;
    memcpy(rest, src + whole, channels - whole);
    vq_expand(dst + whole * VQ_BYTES, rest, VF_LANES, flip);
}

/* All of the part's rows, the sums of their channels too where these are wanted. */
static void qconv_prepare_rows(qconv_job *j, void *scratch)
{
    const qconv_shape *s = &j->plan->shape;
    const size_t channels = (size_t)s->c_in, pixel = (size_t)j->plan->pixel_bytes;
    const uint8_t *src = (const uint8_t *)j->arguments->src + (size_t)j->row_begin * channels;
    j->source = src;
    j->pixel_stride = channels;
    if (!j->plan->in_place) {
        uint8_t *strip = (uint8_t *)scratch + j->plan->strip_at;
        j->source = strip;
        j->pixel_stride = pixel;
        for (int row = j->row_begin; row < j->row_end; row++, src += channels, strip += pixel)
            qconv_expand_row(src, channels, s->src_signed != (VQ_SIGNED != 0) ? 0x80 : 0, strip);
    }
    j->row_stride = j->step_x = j->pixel_stride;
    j->block_stride = VF_LANES * VQ_BYTES;
    if (!s->weights_zero)
        return;
    const int rows = j->row_end - j->row_begin, whole = s->c_in / VF_LANES;
    j->pixel_sums = (int32_t *)(void *)((uint8_t *)scratch + j->plan->sums_at);
    for (int row = 0; row < rows; row++) {
        const uint8_t *p = j->source + (size_t)row * pixel;
        int32_t sum = 0;
        for (int block = 0; block < whole; block++, p += VF_LANES * VQ_BYTES)
            sum += vq_sum(p);
        j->pixel_sums[row] = sum + qconv_sum_some(p, s->c_in % VF_LANES);
    }
    j->window_sums = j->pixel_sums;
}

/* ---- the way out ---- */

/* The first channel of a tile's results in their first row, and from one row to the next, in elements. */
typedef struct qconv_matrix_place {
    size_t at, stride;
    int channel, left; /* left: channels from there on */
} qconv_matrix_place;

/* Of one vector: what is added, the function, the limits; then the store of as many lanes as are left. */
QCONV_INLINE void qconv_row_vector(const qconv_job *j, vf x, int channel, size_t at, int lanes, const cpu_act act)
{
    const qconv_arguments *a = j->arguments;
    float rest[VF_LANES] = { 0 }, *dst = (float *)a->dst + at;
    if (a->residual && lanes < VF_LANES)
        memcpy(rest, a->residual + at, (size_t)lanes * sizeof(float));
    if (a->residual)
        x = vf_add(x, vf_load(lanes < VF_LANES ? rest : a->residual + at));
    x = vf_act(act, x, a->activation.a, a->activation.b);
    if (a->limits) {
        float *limits = j->limits + 2 * channel;
        vf_store(limits, vf_min(vf_load(limits), x));
        vf_store(limits + VF_LANES, vf_max(vf_load(limits + VF_LANES), x));
    }
    if (lanes >= VF_LANES) {
        vf_store(dst, x);
        return;
    }
    vf_store(rest, x);
    memcpy(dst, rest, (size_t)lanes * sizeof(float));
}

QCONV_INLINE void qconv_row_floats(const qconv_job *j, const int32_t *acc, const qconv_matrix_place *to, int filters,
                                   int pixels, const cpu_act act)
{
    for (int f = 0; f < filters; f++) {
        const int channel = to->channel + f * VF_LANES, lanes = to->left - f * VF_LANES;
        const vf scale = vf_load(j->scale + channel), bias = vf_load(j->float_bias + channel);
        for (int p = 0; p < pixels; p++, acc += VF_LANES)
            qconv_row_vector(j, vf_fma(vf_from_vi(vi_load(acc)), scale, bias), channel,
                             to->at + (size_t)p * to->stride + (size_t)f * VF_LANES, lanes, act);
    }
}

/* Four vectors of a row are one of bytes; what is left of them goes alone. */
QCONV_INLINE void qconv_row_bytes(const qconv_job *j, const int32_t *acc, const qconv_matrix_place *to, int filters,
                                  int pixels, const bool is_signed)
{
    const int zero = j->arguments->dst_zero, smallest = is_signed ? -128 : 0;
    const vf high = vf_set1((float)(smallest + 255 - zero));
    for (int p = 0; p < pixels; p++) {
        uint8_t *dst = (uint8_t *)j->arguments->dst + to->at + (size_t)p * to->stride, bytes[4 * VF_LANES];
        for (int f = 0; f < filters; f += 4) {
            const int left = to->left - f * VF_LANES, count = filters - f < 4 ? filters - f : 4;
            const size_t lanes = (size_t)(left < count * VF_LANES ? left : count * VF_LANES);
            vi q[4];
#pragma GCC unroll 4
            for (int k = 0; k < 4; k++) {
                const int filter = f + (k < count ? k : 0);
                const vf sum = vf_from_vi(vi_load(acc + (filter * pixels + p) * VF_LANES));
                q[k] = vi_from_vf(vf_min(high, vf_mul(sum, vf_load(j->scale + to->channel + filter * VF_LANES))));
            }
            vi_store_bytes_4(lanes < 4 * VF_LANES ? bytes : dst, q[0], q[1], q[2], q[3], zero, is_signed);
            if (lanes < 4 * VF_LANES)
                memcpy(dst, bytes, lanes);
            dst += lanes;
        }
    }
}

static void qconv_row_sums(const qconv_job *j, const int32_t *acc, const qconv_matrix_place *to, int filters,
                           int pixels)
{
    for (int f = 0; f < filters; f++)
        for (int p = 0; p < pixels; p++, acc += VF_LANES) {
            const int left = to->left - f * VF_LANES;
            memcpy((int32_t *)j->arguments->dst + to->at + (size_t)p * to->stride + (size_t)f * VF_LANES, acc,
                   (size_t)(left < VF_LANES ? left : VF_LANES) * sizeof(int32_t));
        }
}

/* As qconv_finish. */
static void qconv_finish_rows(const qconv_job *j, const int32_t *acc, int first, int filters, int row, int pixels)
{
    const qconv_shape *s = &j->plan->shape;
    const int channel = first * VF_LANES;
    const size_t stride = (size_t)s->c_out, at = (size_t)row * stride + (size_t)channel;
    const qconv_matrix_place to = { at, stride, channel, s->c_out - channel };
    const cpu_act act = j->arguments->activation.act;
    if (s->output == QCONV_S32)
        qconv_row_sums(j, acc, &to, filters, pixels);
    else if (s->output == QCONV_U8)
        qconv_row_bytes(j, acc, &to, filters, pixels, false);
    else if (s->output == QCONV_S8)
        qconv_row_bytes(j, acc, &to, filters, pixels, true);
    else if (act == CPU_ACT_NONE) /* the usual ones, without the choice in the loop */
        qconv_row_floats(j, acc, &to, filters, pixels, CPU_ACT_NONE);
    else if (act == CPU_ACT_GELU)
        qconv_row_floats(j, acc, &to, filters, pixels, CPU_ACT_GELU);
    else if (act == CPU_ACT_SWISH)
        __builtin_unreachable();
    else
        qconv_row_floats(j, acc, &to, filters, pixels, act);
}

/* The table over the columns of the channel blocks [begin, end) of the part's rows. */
static void qconv_table_rows(const qconv_job *j, int begin, int end)
{
    const qconv_shape *s = &j->plan->shape;
    const size_t stride = (size_t)s->c_out, first = (size_t)begin * VF_LANES, rest = (size_t)end * VF_LANES;
    const size_t columns = (rest < stride ? rest : stride) - first;
    uint8_t *dst = (uint8_t *)j->arguments->dst + (size_t)j->row_begin * stride + first;
    size_t rows = (size_t)(j->row_end - j->row_begin), n = columns;
    if (!j->arguments->table || !j->bytes)
        return;
    if (columns == stride) {
        n *= rows;
        rows = 1;
    }
    for (size_t row = 0; row < rows; row++, dst += stride)
        j->plan->kernels->qeltwise.lookup(dst, dst, n, j->arguments->table);
}

#endif
