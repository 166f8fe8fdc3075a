/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Chains of convolutions: strips of the last one's rows, each with the rows of the others that it needs. Rows that two
 * strips of a part need are kept from one to the next; those that two parts need are computed twice, with the same
 * bits. Worth it where a tensor between two of them is too large for the near cache, so that it would be written to the
 * far one and read again. */
#include <string.h>

#include "cpu/conv_private.h"

/* Bands may take this much of the near cache: the rest is for weights, and for what streams in and out. */
static const double BAND_SHARE = 0.35;

/* Strips and parts begin at multiples of this where they are that high: Winograd's tiles have four rows. */
enum { ROW_STEP = 4 };

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
static conv_band band_of(const conv_strips *chain, int i, conv_range range)
{
    const conv_shape *s = &chain->plans[i + 1].shape;
    /* A strip in the border alone needs no row; one is there to be pointed at. */
    if (!has_border(&chain->plans[i + 1]))
        return (conv_band){ .first = conv_min(conv_max(range.begin, 0), s->h_in - 1), .rows = chain->band_rows[i] };
    int reach = (s->w_out - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
    return (conv_band){ .first = range.begin,
                        .rows = chain->band_rows[i],
                        .left = s->pad_left,
                        .pitch = conv_max(reach, s->pad_left + s->w_in) };
}

static size_t band_row_floats(const conv_strips *chain, int i, const conv_band *band)
{
    const int width = band->pitch ? band->pitch : chain->plans[i].shape.w_out;
    return (size_t)width * (size_t)chain->plans[i].block;
}

static int blocks_of(const conv_plan *plan)
{
    return conv_ceil_div(plan->shape.c_out, plan->block);
}

/* Rows of the band behind each link, and its floats, for strips of chain->rows. */
static size_t set_bands(conv_strips *chain)
{
    size_t floats = 0;
    for (int i = 0; i < chain->count - 1; i++) {
        const conv_range last = { 0, rows_of(chain->plans, chain->count, i + 1, chain->rows) };
        const conv_range needed = input_rows(&chain->plans[i + 1].shape, last);
        const int rows = rows_of(chain->plans, chain->count, i, chain->rows);
        chain->band_rows[i] = has_border(&chain->plans[i + 1]) ? needed.end - needed.begin : rows;
        const conv_band band = band_of(chain, i, needed);
        chain->band_floats[i] = band_row_floats(chain, i, &band) * (size_t)(blocks_of(&chain->plans[i]) * band.rows);
        floats += chain->band_floats[i];
    }
    return floats;
}

/* The border of rows [begin, end) of the band behind a link. */
static void clear_border(const conv_plan *plan, const conv_band *band, int begin, int end, float *to)
{
    const size_t pixel = sizeof(float) * (size_t)plan->block;
    for (int block = 0; block < blocks_of(plan); block++)
        for (int y = begin; y < end; y++) {
            const ptrdiff_t at = ((ptrdiff_t)block * band->rows + y - band->first) * band->pitch;
            const int right = band->left + plan->shape.w_out;
            if (y < 0 || y >= plan->shape.h_out) {
                memset(to + at * plan->block, 0, pixel * (size_t)band->pitch);
                continue;
            }
            memset(to + at * plan->block, 0, pixel * (size_t)band->left);
            memset(to + (at + right) * plan->block, 0, pixel * (size_t)(band->pitch - right));
        }
}

/* Moves rows [band->first, end) of a band to its start, from where they stand in the one that began at row `before`. */
static void keep_rows(const conv_strips *chain, int i, const conv_band *band, int before, int end, float *data)
{
    const size_t row = band_row_floats(chain, i, band);
    for (int block = 0; block < blocks_of(&chain->plans[i]) && band->first < end; block++) {
        float *plane = data + (size_t)block * (size_t)band->rows * row;
        memmove(plane, plane + (size_t)(band->first - before) * row, (size_t)(end - band->first) * row * sizeof(float));
    }
}

static bool fits(const conv_plan *a, const conv_plan *b)
{
    return a->run_rows && b->run_rows && a->kernels == b->kernels && !b->shape.src_plain &&
           a->shape.c_out == b->shape.c_in && a->shape.h_out == b->shape.h_in && a->shape.w_out == b->shape.w_in;
}

static int row_step(const conv_strips *chain)
{
    return chain->rows < ROW_STEP ? 1 : ROW_STEP;
}

/* Strips that are so many that the bands stay near, and parts of them for all threads. */
static bool cut_strips(conv_strips *chain, int threads)
{
    const int height = chain->plans[chain->count - 1].shape.h_out;
    bool fit = false;
    for (int strips = threads > 1 ? 2 * threads : 1; !fit; strips++) {
        chain->rows = conv_ceil_div(height, conv_min(strips, height));
        if (chain->rows > ROW_STEP)
            chain->rows = chain->rows / ROW_STEP * ROW_STEP;
        fit = (double)set_bands(chain) * sizeof(float) <= BAND_SHARE * conv_near_bytes();
        if (chain->rows == 1)
            break;
    }
    chain->parts = threads > 1 ? conv_min(conv_ceil_div(height, row_step(chain)), 2 * threads) : 1;
    return fit;
}

bool conv_strips_choose(const conv_plan *plans, int count, double alone, conv_strips *chain)
{
    assert(count >= 2 && count <= CONV_STRIPS_MOST);
    *chain = (conv_strips){ .count = count };
    for (int i = 0; i + 1 < count; i++)
        if (!fits(&plans[i], &plans[i + 1]))
            return false;
    for (int i = 0; i < count; i++)
        chain->plans[i] = plans[i];
    /* Whether at all must not depend on the threads: the bits may, where a chain has another algorithm in it. */
    if (!cut_strips(chain, 1))
        return false;
    double cycles = 0, moved = 0, weights = 0;
    for (int i = 0; i < count; i++) {
        cycles += plans[i].cycles;
        weights += (double)plans[i].packed_bytes;
        double bytes = (double)pixel_floats(&plans[i]) * plans[i].shape.w_out * plans[i].shape.h_out * sizeof(float);
        if (i < count - 1 && bytes > conv_near_bytes() / 2)
            moved += bytes; /* out and in again, and about half of that while computing */
        chain->scratch_bytes =
            plans[i].scratch_bytes > chain->scratch_bytes ? plans[i].scratch_bytes : chain->scratch_bytes;
    }
    if (weights > conv_near_bytes()) /* every strip reads them again */
        cycles += conv_ceil_div(plans[count - 1].shape.h_out, chain->rows) * weights / CONV_FAR_RATE;
    chain->cycles = cycles - moved / CONV_FAR_RATE;
    if (chain->cycles > 0.97 * alone) /* a strip's start and end cost something, too */
        return false;
    cut_strips(chain, conv_max(1, plans[0].shape.threads));
    chain->scratch_bytes = conv_round_bytes(chain->scratch_bytes);
    for (int i = 0; i < count - 1; i++)
        chain->scratch_bytes += conv_round_bytes(chain->band_floats[i] * sizeof(float));
    return true;
}

typedef struct strips_run {
    const conv_strips *chain;
    conv_arguments links[CONV_STRIPS_MOST];
    int done[CONV_STRIPS_MOST];  /* rows of the band behind a link that are there, up to this one */
    int first[CONV_STRIPS_MOST]; /* of that band */
    void *scratch;
} strips_run;

/* Rows [rows) of the last one: what they need of the others and is not there yet. */
static void run_strip(strips_run *r, conv_range rows, bool begins)
{
    const conv_strips *chain = r->chain;
    const int last = chain->count - 1;
    conv_range needed[CONV_STRIPS_MOST];
    needed[last] = rows;
    for (int i = last - 1; i >= 0; i--) {
        const conv_plan *plan = &chain->plans[i];
        const conv_range range = input_rows(&chain->plans[i + 1].shape, needed[i + 1]);
        const conv_band at = band_of(chain, i, range);
        float *band = r->links[i].dst;
        const int kept = begins ? at.first : r->done[i];
        if (!begins)
            keep_rows(chain, i, &at, r->first[i], kept, band);
        needed[i] = (conv_range){ conv_max(kept, conv_max(at.first, 0)), conv_min(range.end, plan->shape.h_out) };
        if (at.pitch > 0)
            clear_border(plan, &at, conv_max(kept, at.first), range.end, band);
        r->links[i].dst_band = r->links[i + 1].src_band = at;
        r->first[i] = at.first;
        r->done[i] = at.pitch > 0 ? range.end : conv_min(range.end, plan->shape.h_out);
    }
    for (int i = 0; i <= last; i++)
        if (needed[i].begin < needed[i].end)
            chain->plans[i].run_rows(&chain->plans[i], &r->links[i], needed[i].begin, needed[i].end, r->scratch);
}

void conv_strips_rows(const conv_strips *chain, const conv_arguments *arguments, int begin, int end, void *scratch)
{
    strips_run r = { .chain = chain };
    char *band = scratch;
    for (int i = 0; i < chain->count; i++)
        r.links[i] = arguments[i];
    for (int i = 0; i < chain->count - 1; i++) {
        r.links[i].dst = (float *)band;
        r.links[i].residual = NULL;
        r.links[i + 1].src = r.links[i].dst;
        band += conv_round_bytes(chain->band_floats[i] * sizeof(float));
    }
    r.scratch = band;
    for (int y = begin; y < end; y += chain->rows)
        run_strip(&r, (conv_range){ y, conv_min(y + chain->rows, end) }, y == begin);
}

void conv_strips_run(const conv_strips *chain, const conv_arguments *arguments, int part, void *scratch)
{
    const int height = chain->plans[chain->count - 1].shape.h_out, step = row_step(chain);
    const conv_range rows = conv_cut(conv_ceil_div(height, step), chain->parts, part);
    conv_strips_rows(chain, arguments, rows.begin * step, conv_min(rows.end * step, height), scratch);
}
