/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Chains of convolutions: strips of the last one's rows, each with the rows of the others that it needs. Rows that two
 * strips need are computed twice, with the same bits. Worth it where a tensor between two of them is too large for the
 * near cache, so that it would be written to the far one and read again. */
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

static size_t row_floats(const conv_plan *plan)
{
    return (size_t)conv_ceil_div(plan->shape.c_out, plan->block) * (size_t)plan->block * (size_t)plan->shape.w_out;
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
            chain->band_floats[i] = row_floats(&plans[i]) * (size_t)rows_of(plans, count, i, chain->rows);
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
        double bytes = (double)row_floats(&plans[i]) * plans[i].shape.h_out * sizeof(float);
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
        const conv_shape *s = &chain->plans[i].shape;
        rows[i] = input_rows(&chain->plans[i + 1].shape, rows[i + 1]);
        rows[i] = (conv_range){ conv_max(rows[i].begin, 0), conv_min(rows[i].end, s->h_out) };
        /* A strip in the border alone needs none; one row is there to be pointed at. */
        rows[i].begin = conv_min(rows[i].begin, s->h_out - 1);
        rows[i].end = conv_max(rows[i].end, rows[i].begin + 1);
        links[i].dst = (float *)band;
        links[i].dst_band = (conv_band){ rows[i].begin, rows[i].end - rows[i].begin };
        links[i].residual = NULL;
        links[i + 1].src = links[i].dst;
        links[i + 1].src_band = links[i].dst_band;
        band += conv_round_bytes(chain->band_floats[i] * sizeof(float));
    }
    for (int i = 0; i <= last; i++)
        chain->plans[i].run_rows(&chain->plans[i], &links[i], rows[i].begin, rows[i].end, band);
}
