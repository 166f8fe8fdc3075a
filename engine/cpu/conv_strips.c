/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Chains of convolutions: strips of the last one's rows, each with the rows of the others that it needs. Rows that two
 * strips need are computed twice, with the same bits. Worth it where a tensor between two of them is too large for the
 * near cache, so that it would be written to the far one and read again. */
#include <string.h>

#include "cpu/conv_private.h"

/* Bands may take this much of the near cache: the rest is for weights, and for what streams in and out. */
static const double BAND_SHARE = 0.6;

/* Rows of the input, before they are cut at the image's borders. */
static conv_range input_rows(const conv_shape *s, conv_range out)
{
    return (conv_range){ out.begin * s->stride_h - s->pad_top,
                         (out.end - 1) * s->stride_h - s->pad_top + (s->kernel_h - 1) * s->dilation_h + 1 };
}

/* Most rows that link i computes for a strip of `rows` rows of the last. */
static int rows_of(const conv_plan *plans, int count, int i, int rows)
{
    conv_range range = { 0, rows };
    for (int k = count - 1; k > i; k--)
        range = input_rows(&plans[k].shape, range);
    return conv_min(range.end - range.begin, plans[i].shape.h_out);
}

static size_t pixel_floats(const conv_plan *plan)
{
    return (size_t)conv_ceil_div(plan->shape.c_out, plan->block) * (size_t)plan->block;
}

/* Whether the band between has a border for its reader. Padding as large as the kernel would make bands of border. */
static bool has_border(const conv_plan *reader)
{
    const conv_shape *s = &reader->shape;
    int reach_h = (s->kernel_h - 1) * s->dilation_h, reach_w = (s->kernel_w - 1) * s->dilation_w;
    int below = (s->h_out - 1) * s->stride_h - s->pad_top + reach_h - (s->h_in - 1);
    int behind = (s->w_out - 1) * s->stride_w - s->pad_left + reach_w - (s->w_in - 1);
    return reader->takes_border && s->pad_top >= 0 && s->pad_left >= 0 && s->pad_top <= reach_h &&
           s->pad_left <= reach_w && below <= reach_h && behind <= reach_w;
}

/* What lies between link i and the next, which needs rows [range) of it, perhaps beyond the image. */
static conv_band band_of(const conv_plan *plans, int i, conv_range range)
{
    const conv_shape *s = &plans[i + 1].shape;
    if (!has_border(&plans[i + 1])) {
        /* A strip in the border alone needs no row; one is there to be pointed at. */
        int first = conv_min(conv_max(range.begin, 0), s->h_in - 1);
        return (conv_band){ .first = first, .rows = conv_max(conv_min(range.end, s->h_in), first + 1) - first };
    }
    int reach = (s->w_out - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    return (conv_band){ .first = range.begin,
                        .rows = range.end - range.begin,
                        .left = s->pad_left,
                        .pitch = conv_max(reach, s->pad_left + s->w_in) };
}

/* Floats of the largest band behind link i. */
static size_t most_floats(const conv_plan *plans, int count, int i, int rows)
{
    conv_range range = { 0, rows_of(plans, count, i + 1, rows) };
    const conv_band band = band_of(plans, i, input_rows(&plans[i + 1].shape, range));
    const size_t width = (size_t)(band.pitch ? band.pitch : plans[i].shape.w_out);
    return pixel_floats(&plans[i]) * width * (size_t)(band.pitch ? band.rows : rows_of(plans, count, i, rows));
}

static void clear_pixels(const conv_plan *plan, float *row, int n)
{
    memset(row, 0, sizeof(float) * (size_t)n * (size_t)plan->block);
}

/* The border of the band behind a link. */
static void clear_border(const conv_plan *plan, const conv_band *band, float *to)
{
    const int width = plan->shape.w_out, right = band->pitch - band->left - width;
    const size_t pitch = (size_t)band->pitch * (size_t)plan->block;
    for (int block = 0; block < conv_ceil_div(plan->shape.c_out, plan->block); block++)
        for (int y = band->first; y < band->first + band->rows; y++, to += pitch) {
            const bool inside = y >= 0 && y < plan->shape.h_out;
            clear_pixels(plan, to, inside ? band->left : band->pitch);
            if (inside)
                clear_pixels(plan, to + (band->left + width) * plan->block, right);
        }
}

static bool fits(const conv_plan *a, const conv_plan *b)
{
    return a->run_rows && b->run_rows && a->kernels == b->kernels && !b->shape.src_plain &&
           a->shape.c_out == b->shape.c_in && a->shape.h_out == b->shape.h_in && a->shape.w_out == b->shape.w_in;
}

/* Cuts the last one's rows in so few strips that the bands stay near and that there is work for all threads. */
static bool cut_strips(const conv_plan *plans, int count, int threads, conv_strips *chain)
{
    int height = plans[count - 1].shape.h_out, step = conv_max(1, threads);
    for (int parts = conv_min(step > 1 ? 2 * step : 1, height);; parts = conv_min(parts + step, height)) {
        size_t bands = 0;
        chain->rows = conv_ceil_div(height, parts);
        for (int i = 0; i < count - 1; i++) {
            chain->band_floats[i] = most_floats(plans, count, i, chain->rows);
            bands += chain->band_floats[i];
        }
        chain->parts = parts;
        if ((double)bands * sizeof(float) <= BAND_SHARE * conv_near_bytes())
            return true;
        if (parts == height)
            return false;
    }
}

bool conv_strips_choose(const conv_plan *plans, int count, double alone, conv_strips *chain)
{
    assert(count >= 2 && count <= CONV_STRIPS_MOST);
    *chain = (conv_strips){ .count = count };
    for (int i = 0; i + 1 < count; i++)
        if (!fits(&plans[i], &plans[i + 1]))
            return false;
    /* Whether at all must not depend on the threads: the bits may, where a chain has another algorithm in it. */
    if (!cut_strips(plans, count, 1, chain))
        return false;
    double cycles = 0, moved = 0;
    for (int i = 0; i < count; i++) {
        double computed = (double)chain->parts * rows_of(plans, count, i, chain->rows);
        cycles += plans[i].cycles * (computed > plans[i].shape.h_out ? computed / plans[i].shape.h_out : 1);
        double bytes = (double)pixel_floats(&plans[i]) * plans[i].shape.w_out * plans[i].shape.h_out * sizeof(float);
        if (i < count - 1 && bytes > conv_near_bytes() / 2)
            moved += bytes; /* out and in again, and about half of that while computing */
        chain->plans[i] = plans[i];
        chain->scratch_bytes =
            plans[i].scratch_bytes > chain->scratch_bytes ? plans[i].scratch_bytes : chain->scratch_bytes;
    }
    chain->cycles = cycles - moved / CONV_FAR_RATE;
    if (chain->cycles > 0.97 * alone) /* a strip's start and end cost something, too */
        return false;
    cut_strips(plans, count, plans[0].shape.threads, chain);
    chain->scratch_bytes = conv_round_bytes(chain->scratch_bytes);
    for (int i = 0; i < count - 1; i++)
        chain->scratch_bytes += conv_round_bytes(chain->band_floats[i] * sizeof(float));
    return true;
}

void conv_strips_run(const conv_strips *chain, const conv_arguments *arguments, int part, void *scratch)
{
    conv_arguments links[CONV_STRIPS_MOST];
    conv_range rows[CONV_STRIPS_MOST];
    int last = chain->count - 1;
    char *band = scratch;
    rows[last] = conv_cut(chain->plans[last].shape.h_out, chain->parts, part);
    for (int i = last; i >= 0; i--)
        links[i] = arguments[i];
    for (int i = last - 1; i >= 0; i--) {
        const conv_band at = band_of(chain->plans, i, input_rows(&chain->plans[i + 1].shape, rows[i + 1]));
        rows[i] = (conv_range){ conv_max(at.first, 0), conv_min(at.first + at.rows, chain->plans[i].shape.h_out) };
        links[i].dst = (float *)band;
        links[i].dst_band = links[i + 1].src_band = at;
        links[i].residual = NULL;
        links[i + 1].src = links[i].dst;
        if (at.pitch > 0)
            clear_border(&chain->plans[i], &at, links[i].dst);
        band += conv_round_bytes(chain->band_floats[i] * sizeof(float));
    }
    for (int i = 0; i <= last; i++)
        chain->plans[i].run_rows(&chain->plans[i], &links[i], rows[i].begin, rows[i].end, band);
}
