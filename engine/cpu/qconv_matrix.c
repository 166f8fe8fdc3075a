/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution by products of whole matrices: 16 pixels times 16 filters over 64 bytes of each, AMX's tiles.
 *
 * The strip: four channel blocks side by side are a plane of 64-byte pixels. What is left of one or two blocks is a
 * plane of 16- or 32-byte pixels, of which 64 bytes hold neighbours too: so many taps of a row of the kernel at once,
 * those beyond its end with weights 0. Three blocks are a plane of 64 with nothing in a quarter. Rows are dealt out to
 * stride_h phases, each row is a whole number of stride_w pixels, and its right padding is the left one of the next: so
 * all outputs of a strip are one line of pixels a constant step apart, with a few at each row's end that nobody wants,
 * and products of 16 have no rest.
 *
 *   [plane][phase][phase_rows][line][pixel's bytes], a plane's last row followed by pad_left pixels
 *
 * A plain source of up to four channels, the first layer's picture, is one such narrower plane: a pixel is four bytes
 * of each of rest_rows rows, its own and those below, so that a product has all taps of 3x3 or a quarter of 7x7. The
 * rows of a matrix are pixels of planes of 64 columns.
 *
 * Packed, behind the header of qconv.c: [two vectors of filters, or the last one][step][vector][16 groups of 4
 * channels] [16 filters][4] int8, where steps are [plane][kh][kw], of the narrower plane [ceil(kh / rest_rows)]
 * [ceil(kw / rest_taps)], then those of them, once more, in which some weight does not fit int8: for what is left of
 * it. */
#include <assert.h>
#include <limits.h>
#include <string.h>

#include "base/size.h"
#include "cpu/kernels.h"
#include "cpu/qconv_private.h"

enum {
    TILE_ROWS = 16,
    TILE_BYTES = 1024,
    LANES = 16,
    BLOCKS = 4,               /* of channels in a plane */
    PICTURE_CHANNELS = 4,     /* of a plain source, at most: and bytes of a pixel in a row */
    PICTURE_ROWS = 4,         /* that a pixel may have; 1, 2 or 4 */
    PICTURE_TAPS = 9,         /* at least: fewer are faster one by one */
    FEWEST_ROWS = 8,          /* of a matrix product: a vector is faster by VNNI */
    GROUP_BLOCKS = 2,         /* vectors of filters that are done together */
    MOST_PIXELS = 64,         /* of a line, that are done together */
    STRIP_BYTES = 256 * 1024, /* of the second cache, which is 2 MB wherever AMX is */
    STRIPS_WANTED = 8,        /* where several workers are to find something to do */
    MOST_STEPS = 4096,
    DEEP_BYTES = 1024 * 1024, /* of weights: too many to read for every strip */
    FILTER_PARTS = 4,
};

static int divide_up(int n, int by)
{
    return (n + by - 1) / by;
}

bool qconv_matrix_fits(const qconv_shape *s)
{
    const bool picture = s->c_in <= PICTURE_CHANNELS && s->dilation_h == 1 && s->dilation_w == 1 &&
                         s->kernel_h * s->kernel_w >= PICTURE_TAPS;
    return s->groups == 1 && (!s->src_plain || picture) && (!s->rows || s->h_out >= FEWEST_ROWS) &&
           (!s->weights_zero || s->rows) &&
           (int64_t)divide_up(s->c_in, LANES) * s->kernel_h * s->kernel_w <= MOST_STEPS;
}

static int whole_steps(const qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const int narrow =
        plan->rest_bytes ? divide_up(s->kernel_h, plan->rest_rows) * divide_up(s->kernel_w, plan->rest_taps) : 0;
    return s->kernel_h * s->kernel_w * plan->planes + narrow;
}

/* A group of four channels in one tap: its step, and its row of the step's weights. */
static void group_place(const qconv_plan *plan, int channel, int tap, int *step, int *row)
{
    const int kernel_w = plan->shape.kernel_w, ky = tap / kernel_w, kx = tap % kernel_w;
    const int plane = channel / (BLOCKS * LANES), at = channel % (BLOCKS * LANES) / 4;
    if (plane < plan->planes) {
        *step = plane * plan->shape.kernel_h * kernel_w + tap;
        *row = at;
        return;
    }
    *step = plan->planes * plan->shape.kernel_h * kernel_w;
    *step += ky / plan->rest_rows * divide_up(kernel_w, plan->rest_taps) + kx / plan->rest_taps;
    *row = kx % plan->rest_taps * (plan->rest_bytes / 4) + ky % plan->rest_rows + at;
}

static void choose_strips(qconv_plan *plan, size_t weights)
{
    const qconv_shape *s = &plan->shape;
    const size_t row = (size_t)plan->line * (size_t)(plan->planes * 64 + plan->rest_bytes) * (size_t)s->stride_h;
    const int fit = MAX((int)(STRIP_BYTES / row), 1);
    int strips = divide_up(s->h_out, fit);
    plan->filter_parts = 1;
    if (s->threads > 1 && weights > DEEP_BYTES && strips == 1) { /* these are read once a run */
        const int groups = divide_up(divide_up(s->c_out, LANES), GROUP_BLOCKS);
        plan->filter_parts = MIN(groups, (int)FILTER_PARTS);
    } else if (s->threads > 1) { /* few rows: what neighbouring strips read twice would weigh more */
        strips = MAX(strips, MIN((int)STRIPS_WANTED, s->h_out / 4));
    }
    plan->strip_rows = divide_up(s->h_out, strips);
    plan->strips = divide_up(s->h_out, plan->strip_rows);
    plan->parts = plan->strips * plan->filter_parts;
    plan->strip_rows_in = (plan->strip_rows - 1) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    plan->phase_rows = divide_up(plan->strip_rows_in, s->stride_h);
}

/* How the channels, or the rows of a picture, fill pixels: with the fewest products. */
static void choose_planes(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    const int blocks = divide_up(s->c_in, LANES), left = blocks % BLOCKS;
    plan->rest_rows = 1;
    plan->planes = s->src_plain ? 0 : blocks / BLOCKS + (left == 3);
    plan->rest_bytes = left == 3 ? 0 : left * LANES;
    plan->rest_taps = left == 0 || left == 3 || s->dilation_w > 1 ? 1 : BLOCKS / left;
    if (s->rows) {
        plan->planes = divide_up(blocks, BLOCKS);
        plan->rest_bytes = 0;
        plan->rest_taps = 1;
    }
    plan->steps = s->src_plain ? INT_MAX : whole_steps(plan);
    for (int rows = 1; s->src_plain && rows <= PICTURE_ROWS; rows *= 2) {
        qconv_plan with = *plan;
        with.rest_rows = rows;
        with.rest_bytes = rows * PICTURE_CHANNELS;
        with.rest_taps = 64 / with.rest_bytes;
        with.steps = whole_steps(&with);
        if (with.steps < plan->steps)
            *plan = with;
    }
    plan->steps += MIN(s->extra_groups, plan->steps);
}

void qconv_matrix_plan(qconv_plan *plan)
{
    const qconv_shape *s = &plan->shape;
    assert(plan->block == LANES);
    plan->matrix = plan->kernels->qconv.matrix;
    plan->name = plan->matrix->name;
    plan->run = plan->matrix->run;
    plan->in_place = false;
    choose_planes(plan);
    plan->line = qconv_line_pixels(plan);
    const size_t vectors = (size_t)divide_up(s->c_out, LANES), weights = vectors * (size_t)plan->steps * TILE_BYTES;
    choose_strips(plan, weights);
    plan->packed_bytes = qconv_filters_at(plan) + weights;

    /* scratch: what qconv_choose has put in front; the steps, and which come again; the strip, and what is read behind
     * it
     */
    const size_t pixels = (size_t)(s->stride_h * plan->phase_rows) * (size_t)plan->line + (size_t)s->pad_left;
    const size_t pixel = (size_t)(plan->planes * 64 + plan->rest_bytes), taps = (size_t)(s->kernel_w * s->dilation_w);
    plan->up_at = plan->taps_at + (size_t)plan->steps * sizeof(qconv_step);
    plan->strip_at = size_align(plan->up_at + (size_t)plan->steps * sizeof(uint16_t), 64);
    plan->scratch_bytes = plan->strip_at + size_align(pixels * pixel, 64) + 64 * (size_t)(plan->planes + 1);
    plan->scratch_bytes += 64 * ((size_t)(MOST_PIXELS * s->stride_w) + taps + (size_t)plan->line);
    plan->bytes_at = size_align(plan->scratch_bytes, 64);
    if (s->src_float)
        plan->scratch_bytes = plan->bytes_at + (size_t)(plan->rest_rows * s->c_in) * (size_t)s->w_in;
    plan->sums_at = size_align(plan->scratch_bytes, 64);
    if (s->weights_zero)
        plan->scratch_bytes = plan->sums_at + (size_t)(plan->strip_rows + MOST_PIXELS) * sizeof(int32_t);
}

size_t qconv_plane_bytes(const qconv_plan *plan, int pixel)
{
    const size_t rows = (size_t)(plan->shape.stride_h * plan->phase_rows);
    return size_align((rows * (size_t)plan->line + (size_t)plan->shape.pad_left) * (size_t)pixel, 64);
}

/* again[step]: the number of the step that is done for what of this one's weights does not fit int8, or 0. How many
 * steps there are. */
static int number_again(const qconv_plan *plan, const int32_t *extra, uint16_t *again)
{
    const int taps = plan->shape.kernel_h * plan->shape.kernel_w, count = whole_steps(plan);
    int step, row, next = count;
    memset(again, 0, (size_t)count * sizeof(*again));
    for (int i = 0; i < plan->shape.extra_groups; i++) {
        group_place(plan, extra[i] / taps * 4, extra[i] % taps, &step, &row);
        again[step] = 1;
    }
    for (int i = 0; i < count; i++)
        if (again[i])
            again[i] = (uint16_t)next++;
    return next;
}

int qconv_matrix_steps(const qconv_plan *plan, const int32_t *extra, uint16_t *again, qconv_step *list)
{
    const qconv_shape *s = &plan->shape;
    const size_t line = (size_t)plan->line;
    int step = 0;
    for (int plane = 0; plane < plan->planes + (plan->rest_bytes > 0); plane++) {
        const bool narrow = plane == plan->planes;
        const size_t pixel = narrow ? (size_t)plan->rest_bytes : 64,
                     start = (size_t)plane * qconv_plane_bytes(plan, 64);
        for (int ky = 0; ky < s->kernel_h; ky += narrow ? plan->rest_rows : 1)
            for (int kx = 0; kx < s->kernel_w; kx += narrow ? plan->rest_taps : 1) {
                const int y = ky * s->dilation_h, slot = y % s->stride_h * plan->phase_rows + y / s->stride_h;
                list[step].offset = start + ((size_t)slot * line + (size_t)(kx * s->dilation_w)) * pixel;
                list[step++].step = pixel * (size_t)s->stride_w;
            }
    }
    assert(step == whole_steps(plan));
    const int count = number_again(plan, extra, again);
    for (int i = 0; i < step; i++)
        if (again[i])
            list[again[i]] = list[i];
    return count;
}

/* One filter's weights for the first `channels` of a group, `next` bytes apart, less their zero point: clamped to int8,
 * or what that leaves. */
static void pack_filter(const uint8_t *weights, size_t next, int channels, bool is_signed, int zero, bool rest,
                        uint8_t out[4])
{
    for (int k = 0; k < channels; k++, weights += next) {
        const int value = (is_signed ? (int8_t)*weights : *weights) - zero, near = qconv_clamp_int8(value);
        out[k] = (uint8_t)(rest ? value - near : near);
    }
}

/* A group's weights of a vector of filters; rest: what of them does not fit int8. */
static void pack_group(const qconv_plan *plan, const qconv_weights *w, int vector, int channel, int tap, bool rest,
                       uint8_t *out)
{
    const qconv_shape *s = &plan->shape;
    const int first = vector * LANES, filters = MIN(s->c_out - first, (int)LANES), channels = MIN(s->c_in - channel, 4);
    const size_t taps = (size_t)(s->kernel_h * s->kernel_w), filter = s->rows ? 1 : (size_t)s->c_in * taps;
    const size_t next = s->rows ? (size_t)s->c_out : taps; /* channel */
    const uint8_t *plain = (const uint8_t *)w->values + (size_t)first * filter + (size_t)channel * next + (size_t)tap;
    const uint8_t flip = s->weights_signed ? 0 : 0x80;
    for (int lane = 0; lane < filters; lane++, plain += filter, out += 4) {
        if (s->zeros_folded)
            pack_filter(plain, next, channels, s->weights_signed, qconv_zero_of(plan, w->zeros, first + lane), rest,
                        out);
        else
            for (int k = 0; k < channels; k++)
                out[k] = plain[(size_t)k * next] ^ flip;
    }
}

/* Vectors of filters that are done together with this one. */
static int wide_of(const qconv_plan *plan, int vector)
{
    const int vectors = divide_up(plan->shape.c_out, LANES), first = vector / GROUP_BLOCKS * GROUP_BLOCKS;
    return MIN(vectors - first, (int)GROUP_BLOCKS);
}

size_t qconv_matrix_vector_step(const qconv_plan *plan, int vector)
{
    return (size_t)wide_of(plan, vector) * TILE_BYTES;
}

uint8_t *qconv_matrix_vector(const qconv_plan *plan, int vector, int step, uint8_t *out)
{
    const int first = vector / GROUP_BLOCKS * GROUP_BLOCKS, wide = wide_of(plan, vector);
    return out + ((size_t)first * (size_t)plan->steps + (size_t)(step * wide + vector - first)) * TILE_BYTES;
}

void qconv_matrix_pack(const qconv_plan *plan, const qconv_weights *w, const int32_t *extra, uint8_t *out)
{
    const qconv_shape *s = &plan->shape;
    const int taps = s->kernel_h * s->kernel_w, vectors = divide_up(s->c_out, LANES);
    uint16_t again[MOST_STEPS];
    int step, row;
    memset(out, 0, (size_t)vectors * (size_t)plan->steps * TILE_BYTES);
    number_again(plan, extra, again);
    for (int vector = 0; vector < vectors; vector++) {
        for (int channel = 0; channel < s->c_in; channel += 4)
            for (int tap = 0; tap < taps; tap++) {
                group_place(plan, channel, tap, &step, &row);
                pack_group(plan, w, vector, channel, tap, false,
                           qconv_matrix_vector(plan, vector, step, out) + row * 64);
            }
        for (int i = 0; i < s->extra_groups; i++) {
            const int channel = extra[i] / taps * 4, tap = extra[i] % taps;
            group_place(plan, channel, tap, &step, &row);
            pack_group(plan, w, vector, channel, tap, true,
                       qconv_matrix_vector(plan, vector, again[step], out) + row * 64);
        }
    }
}
