/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Packs the weights of 8-bit convolutions, for every instruction set.
 *
 * Packed weights: int32 sum[c], the sum over a filter of weight - zero, and int32 zero[c], both for c_out rounded up to
 * the block, where zero is in terms of int8 weights; int32 number of each extra group: tap + taps * (channel / 4); then
 * from the next multiple of 64 bytes
 *
 *   dense          [tile of plan.filter_blocks vectors][source block][kh][kw][group of channels][vector][lane][group's
 *                  channels] as int8 (uint8 weights less 128, folded ones less their zero), 16 bits in groups of 2,
 * each tile followed by [extra group][vector][lane][4]; tiles are as even as can be (qconv_wide) depthwise
 * [block][kh][kw][lane] as int32 weight - zero depthwise_dot  [block][kh][ceil(kw / 4)][lane][4] as int8 plain C
 * [c_out][c_in / groups][kh][kw] as int16 weight - zero
 *
 * qconv_matrix.c and qconv_winograd.c say what theirs are. */
#include <assert.h>
#include <string.h>

#include "base/size.h"
#include "cpu/kernels.h"
#include "cpu/qconv_private.h"

enum { FEW_EXTRA = 2 };

/* A weight less its zero point is its byte, an int8's sign turned round, less this: the loops over all of a model's
 * weights work on bytes. */
typedef struct byte_base {
    uint8_t flip, base;
} byte_base;

static byte_base base_of(const qconv_shape *s, int zero)
{
    return s->weights_signed ? (byte_base){ 0x80, (uint8_t)(zero + 128) } : (byte_base){ 0, (uint8_t)zero };
}

void qconv_measure(const void *weights, const int *zeros, int filters, qconv_shape *s)
{
    const size_t filter = (size_t)(s->c_in / s->groups) * (size_t)s->kernel_h * (size_t)s->kernel_w;
    const uint8_t *w = weights;
    if (s->kernel_h != 3 || s->kernel_w != 3 || filter > INT32_MAX / 512)
        return;
    for (int c = 0; c < filters; c++, w += filter) {
        const byte_base b = base_of(s, zeros[c]);
        int sum = 0;
        uint8_t largest = 0;
        for (size_t i = 0; i < filter; i++) {
            const uint8_t byte = w[i] ^ b.flip;
            const uint8_t size = (uint8_t)(byte > b.base ? byte - b.base : b.base - byte);
            sum += size;
            largest = size > largest ? size : largest;
        }
        s->largest_filter = MAX(s->largest_filter, sum);
        s->largest_weight = MAX(s->largest_weight, (int)largest);
    }
}

/* Weights from one filter, or one channel, to the next. */
static size_t filter_step(const qconv_shape *s)
{
    return s->rows ? 1 : (size_t)(s->c_in / s->groups) * (size_t)s->kernel_h * (size_t)s->kernel_w;
}

static size_t channel_step(const qconv_shape *s)
{
    return s->rows ? (size_t)s->c_out : (size_t)s->kernel_h * (size_t)s->kernel_w;
}

/* One dense filter's weight for a channel, as int8; 0 behind the last channel and the last filter. */
static int dense_weight(const qconv_plan *plan, const qconv_weights *w, int filter, int channel, int tap)
{
    const qconv_shape *s = &plan->shape;
    if (filter >= s->c_out || channel >= s->c_in)
        return 0;
    size_t at = (size_t)filter * filter_step(s) + (size_t)channel * channel_step(s) + (size_t)tap;
    int value = qconv_weight_at(plan, w->values, at);
    return value - (s->zeros_folded ? qconv_zero_of(plan, w->zeros, filter) : s->weights_signed ? 0 : 128);
}

/* The same where weights stay as they are, but for their sign: one filter's for four channels, less those behind the
 * last. */
static void pack_plain_group(const qconv_plan *plan, const uint8_t *weights, int filter, int channel, int limit,
                             int tap, uint8_t *out, size_t pair_step)
{
    const qconv_shape *s = &plan->shape;
    const size_t step = channel_step(s);
    const uint8_t *at = weights + (size_t)filter * filter_step(s) + (size_t)channel * step + (size_t)tap;
    const uint8_t flip = s->weights_signed ? 0 : 0x80;
    const int count = filter < s->c_out ? limit - channel : 0;
    for (int k = 0; k < 4; k++)
        out[(size_t)(k / 2) * pair_step + (size_t)(k % 2)] = k < count ? at[(size_t)k * step] ^ flip : 0;
}

/* 32 bits: the weights of one filter for a group of channels; rest: what of them does not fit int8. */
static void pack_group(const qconv_plan *plan, const qconv_weights *w, int filter, int channel, int limit, int tap,
                       bool rest, uint8_t *out, size_t pair_step)
{
    for (int k = 0; k < plan->units->group; k++) {
        int value = channel + k < limit ? dense_weight(plan, w, filter, channel + k, tap) : 0;
        if (plan->units->group == 4)
            value = rest ? value - qconv_clamp_int8(value) : qconv_clamp_int8(value);
        if (plan->units->group == 2) {
            int16_t wide = (int16_t)value;
            memcpy(out + 2 * k, &wide, 2);
        } else {
            out[k / 2 * (int)pair_step + k % 2] = (uint8_t)value;
        }
    }
}

/* [4][lanes] -> [lanes][4]: by the compiler's vectors. */
static inline void interleave(const uint8_t *const row[4], uint8_t flip, uint8_t *out, const int lanes)
{
    const uint8_t *a = row[0], *b = row[1], *c = row[2], *d = row[3];
    for (int lane = 0; lane < lanes; lane++) {
        out[4 * lane] = a[lane] ^ flip;
        out[4 * lane + 1] = b[lane] ^ flip;
        out[4 * lane + 2] = c[lane] ^ flip;
        out[4 * lane + 3] = d[lane] ^ flip;
    }
}

/* The same of a vector of filters of rows, for four channels that are there. */
static void pack_row_group(const qconv_plan *plan, const uint8_t *weights, int filter, int channel, uint8_t *out)
{
    const int lanes = plan->units->lanes, left = plan->shape.c_out - filter;
    const size_t next = (size_t)plan->shape.c_out;
    const uint8_t *at = weights + (size_t)channel * next + (size_t)filter, flip = plan->shape.weights_signed ? 0 : 0x80;
    const uint8_t *row[4];
    uint8_t rest[4][16];
    for (size_t k = 0; k < 4; k++, at += next) {
        row[k] = at;
        if (left >= lanes)
            continue;
        memset(rest[k], flip, sizeof(rest[k]));
        memcpy(rest[k], at, (size_t)left);
        row[k] = rest[k];
    }
    if (lanes == 16)
        interleave(row, flip, out, 16);
    else if (lanes == 8)
        interleave(row, flip, out, 8);
    else
        interleave(row, flip, out, lanes);
}

/* The same group of `wide` vectors of filters. */
static uint8_t *pack_vectors(const qconv_plan *plan, const qconv_weights *w, int first, int wide, int channel,
                             int limit, int tap, bool rest, uint8_t *out)
{
    const qconv_units *u = plan->units;
    const qconv_shape *s = &plan->shape;
    const bool plain = u->group == 4 && !s->zeros_folded, by_rows = plain && s->rows && !u->split_pairs;
    const int end = limit < s->c_in ? limit : s->c_in;
    const size_t pair_step = u->split_pairs ? 2 * (size_t)u->lanes : 2;
    for (int f = first; f < first + wide; f++, out += 4 * u->lanes) {
        const int filter = f * u->lanes;
        if (by_rows && channel + 4 <= end && filter < s->c_out) {
            pack_row_group(plan, w->values, filter, channel, out);
            continue;
        }
        for (int lane = 0; lane < u->lanes; lane++) {
            /* split: [lane][2] of the first pairs, then of the second */
            uint8_t *at = out + lane * (u->split_pairs ? 2 : 4);
            if (plain)
                pack_plain_group(plan, w->values, filter + lane, channel, end, tap, at, pair_step);
            else
                pack_group(plan, w, filter + lane, channel, limit, tap, rest, at, pair_step);
        }
    }
    return out;
}

static void pack_dense(const qconv_plan *plan, const qconv_weights *w, const int32_t *extra, uint8_t *out)
{
    const qconv_shape *s = &plan->shape;
    const qconv_units *u = plan->units;
    int blocks = (s->c_out + u->lanes - 1) / u->lanes, taps = s->kernel_h * s->kernel_w;
    for (int first = 0, wide; first < blocks; first += wide) {
        wide = qconv_wide(plan->filter_blocks, blocks - first);
        for (int block = 0; block < plan->src_blocks; block++) {
            int start = block * plan->block_channels, limit = start + plan->block_channels;
            for (int tap = 0; tap < taps; tap++)
                for (int g = 0; g < qconv_groups(plan, block); g++)
                    out = pack_vectors(plan, w, first, wide, start + g * u->group, limit, tap, false, out);
        }
        for (int i = 0; i < s->extra_groups; i++)
            out = pack_vectors(plan, w, first, wide, extra[i] / taps * 4, s->c_in, extra[i] % taps, true, out);
    }
}

/* Whether some filter's weight of this group less its zero point does not fit int8. */
static bool group_overflows(const void *weights, const int *zeros, const qconv_shape *s, int number)
{
    const int taps = s->kernel_h * s->kernel_w, tap = number % taps, first = number / taps * 4;
    const int end = first + 4 < s->c_in ? first + 4 : s->c_in;
    for (int c = 0; c < s->c_out; c++)
        for (int k = first; k < end; k++) {
            const size_t at = (size_t)c * filter_step(s) + (size_t)k * channel_step(s) + (size_t)tap;
            const int w = s->weights_signed ? ((const int8_t *)weights)[at] : ((const uint8_t *)weights)[at];
            if (qconv_clamp_int8(w - zeros[c]) != w - zeros[c])
                return true;
        }
    return false;
}

void qconv_fold_zeros(const cpu_kernels *kernels, const void *weights, const int *zeros, qconv_shape *s)
{
    const qconv_units *units = kernels->qconv.units;
    if (!units || s->groups != 1 || !s->weights_zero)
        return;
    const int taps = s->kernel_h * s->kernel_w, groups = (s->c_in + 3) / 4 * taps;
    const int most = groups / 4 > FEW_EXTRA ? groups / 4 : FEW_EXTRA;
    int extra = 0;
    if (units->group == 4) {
        for (size_t i = 0; i < (size_t)s->c_out; i++) /* -255 .. 254 are sums of two */
            if ((s->weights_signed ? 127 : 255) - zeros[i] > 254)
                return;
        for (int number = 0; number < groups && extra <= most; number++)
            extra += group_overflows(weights, zeros, s, number);
    }
    if (extra > most)
        return;
    s->weights_zero = false;
    s->zeros_folded = true;
    s->extra_groups = extra;
}

static void pack_depthwise_dot(const qconv_plan *plan, const void *weights, const int *zeros, int8_t *out)
{
    const qconv_shape *s = &plan->shape;
    int blocks = (s->c_out + plan->block - 1) / plan->block, fours = qconv_fours(plan);
    for (int b = 0; b < blocks; b++)
        for (int ky = 0; ky < s->kernel_h; ky++)
            for (int four = 0; four < fours; four++)
                for (int lane = 0; lane < plan->block; lane++)
                    for (int k = 0; k < 4; k++) {
                        int c = b * plan->block + lane, kx = 4 * four + k;
                        size_t at = ((size_t)c * (size_t)s->kernel_h + (size_t)ky) * (size_t)s->kernel_w + (size_t)kx;
                        bool real = c < s->c_out && kx < s->kernel_w;
                        const int value = real ? qconv_weight_at(plan, weights, at) - qconv_zero_of(plan, zeros, c) : 0;
                        *out++ = (int8_t)value;
                    }
}

static void pack_depthwise(const qconv_plan *plan, const void *weights, const int *zeros, void *packed)
{
    const qconv_shape *s = &plan->shape;
    int block = plan->block, taps = s->kernel_h * s->kernel_w, blocks = (s->c_out + block - 1) / block;
    int32_t *out = packed;
    for (int b = 0; b < blocks; b++)
        for (int tap = 0; tap < taps; tap++)
            for (int lane = 0; lane < block; lane++) {
                int c = b * block + lane;
                size_t at = (size_t)c * (size_t)taps + (size_t)tap;
                *out++ = c < s->c_out ? qconv_weight_at(plan, weights, at) - qconv_zero_of(plan, zeros, c) : 0;
            }
}

/* What is in front of all packed weights: each filter's sum, and its zero point. */
static void fill_header(const qconv_plan *plan, const uint8_t *weights, const int *zeros, int32_t *sums,
                        int32_t *header_zeros)
{
    const qconv_shape *s = &plan->shape;
    const size_t filter = (size_t)(s->c_in / s->groups) * (size_t)s->kernel_h * (size_t)s->kernel_w;
    const size_t filters = (size_t)s->c_out;
    const uint8_t flip = base_of(s, 0).flip;
    for (size_t i = 0; s->rows && i < filter; i++)
        for (size_t c = 0; c < filters; c++)
            sums[c] = (int32_t)((uint32_t)sums[c] + (weights[i * filters + c] ^ flip));
    for (size_t c = 0; c < filters; c++) {
        const int zero = qconv_zero_of(plan, zeros, (int)c);
        uint32_t sum = (uint32_t)sums[c]; /* of bytes: beyond int32 only where the difference may be, too */
        for (size_t i = 0; !s->rows && i < filter; i++)
            sum += weights[c * filter + i] ^ flip;
        sums[c] = (int32_t)(sum - (uint32_t)filter * base_of(s, zero).base);
        header_zeros[c] = zero - (s->weights_signed ? 0 : 128);
    }
}

/* The same where the sums are those of weights as int8 already. */
static void finish_header(const qconv_plan *plan, const int *zeros, int32_t *sums, int32_t *header_zeros)
{
    const uint32_t filter = (uint32_t)plan->shape.c_in;
    for (int c = 0; c < plan->shape.c_out; c++) {
        header_zeros[c] = qconv_zero_of(plan, zeros, c) - (plan->shape.weights_signed ? 0 : 128);
        sums[c] = (int32_t)((uint32_t)sums[c] - filter * (uint32_t)header_zeros[c]);
    }
}

void qconv_pack(const qconv_plan *plan, const void *weights, const int *zeros, void *packed)
{
    const qconv_shape *s = &plan->shape;
    size_t filter = (size_t)(s->c_in / s->groups) * (size_t)s->kernel_h * (size_t)s->kernel_w;
    size_t c_out = size_align((size_t)s->c_out, (size_t)plan->block);
    const size_t one = s->rows ? channel_step(s) : 1; /* from one weight of a filter to the next */
    int32_t *sums = packed, *header_zeros = sums + c_out;
    uint8_t *body = (uint8_t *)packed + qconv_filters_at(plan);
    assert(zeros || !(s->weights_zero || s->zeros_folded));
    if (plan->winograd) {
        qconv_winograd_pack(plan, weights, zeros, packed);
        return;
    }
    memset(packed, 0, qconv_filters_at(plan));
    if (plan->matrix && s->rows && !s->zeros_folded) {
        plan->matrix->pack_rows(plan, weights, body, sums);
        finish_header(plan, zeros, sums, header_zeros);
        return;
    }
    int32_t *extra = header_zeros + c_out;
    for (int number = 0, found = 0; found < s->extra_groups; number++)
        if (group_overflows(weights, zeros, s, number))
            extra[found++] = number;
    fill_header(plan, weights, zeros, sums, header_zeros);
    if (plan->matrix) {
        qconv_matrix_pack(plan, &(qconv_weights){ weights, zeros }, extra, body);
    } else if (!plan->units) {
        int16_t *out = (int16_t *)(void *)body;
        for (size_t i = 0; i < (size_t)s->c_out * filter; i++) {
            const size_t at = i / filter * filter_step(s) + i % filter * one;
            out[i] = (int16_t)(qconv_weight_at(plan, weights, at) - qconv_zero_of(plan, zeros, (int)(i / filter)));
        }
    } else if (plan->depthwise_dot) {
        pack_depthwise_dot(plan, weights, zeros, (int8_t *)(void *)body);
    } else if (qconv_is_depthwise(s)) {
        pack_depthwise(plan, weights, zeros, body);
    } else {
        pack_dense(plan, &(qconv_weights){ weights, zeros }, extra, body);
    }
}
