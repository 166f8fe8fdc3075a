/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution by AMX's tiles: see qconv_matrix.c for the strip and the weights. A block of the line's pixels and
 * of filters has its sums in four tiles, which start with the bias; while the next block is multiplied, its 16 pieces
 * of four pixels leave for the output between the steps, because vectors and tiles have units of their own. */
#include "cpu/x86/math_avx512.h"

#define VQ_SIGNED 0
#include "cpu/kernels.h"
#include "cpu/qconv_job_body.h"
#include "cpu/x86/amx.h"
#include "cpu/x86/qconv_amx_out_body.h"

/* ---- the strip ---- */

/* Whether some product starts in row r of the strip, of so many rows of outputs: strides may leap over rows. */
static bool amx_needs_row(const qconv_plan *plan, int r, int rows)
{
    const qconv_shape *s = &plan->shape;
    for (int ky = 0; ky < s->kernel_h && ky * s->dilation_h <= r; ky += plan->rest_rows) {
        const int top = r - ky * s->dilation_h;
        if (top % s->stride_h == 0 && top / s->stride_h < rows)
            return true;
    }
    return false;
}

#include "cpu/x86/qconv_amx_picture_body.h"
#include "cpu/x86/qconv_amx_pack_body.h"

AMX_INLINE __m512i flipped(const uint8_t *src, __m512i flip)
{
    return _mm512_xor_si512(_mm512_loadu_si512(src), flip);
}

/* Four pixels of four channel blocks side by side. */
AMX_INLINE void four_blocks(const uint8_t *const src[4], size_t at, uint8_t *dst, __m512i flip)
{
    const __m512i a = flipped(src[0] + at, flip), b = flipped(src[1] + at, flip);
    const __m512i c = flipped(src[2] + at, flip), d = flipped(src[3] + at, flip);
    const __m512i ab = _mm512_shuffle_i32x4(a, b, 0x44), cd = _mm512_shuffle_i32x4(c, d, 0x44);
    const __m512i AB = _mm512_shuffle_i32x4(a, b, 0xEE), CD = _mm512_shuffle_i32x4(c, d, 0xEE);
    _mm512_storeu_si512(dst, _mm512_shuffle_i32x4(ab, cd, 0x88));
    _mm512_storeu_si512(dst + 64, _mm512_shuffle_i32x4(ab, cd, 0xDD));
    _mm512_storeu_si512(dst + 128, _mm512_shuffle_i32x4(AB, CD, 0x88));
    _mm512_storeu_si512(dst + 192, _mm512_shuffle_i32x4(AB, CD, 0xDD));
}

AMX_INLINE void two_blocks(const uint8_t *const src[4], size_t at, uint8_t *dst, __m512i flip)
{
    const __m512i low = _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11),
                  high = _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15);
    const __m512i a = flipped(src[0] + at, flip), b = flipped(src[1] + at, flip);
    _mm512_storeu_si512(dst, _mm512_permutex2var_epi64(a, low, b));
    _mm512_storeu_si512(dst + 64, _mm512_permutex2var_epi64(a, high, b));
}

/* n pixels of `blocks` (1, 2 or 4) channel blocks; the last ones again where n is no multiple of four. */
AMX_INLINE void join_row(const uint8_t *const src[4], int n, uint8_t *dst, uint8_t flip, const int blocks)
{
    const __m512i f = _mm512_set1_epi8((char)flip);
    for (int x = 0; x < n; x += 4) {
        const size_t at = 16 * (size_t)(x + 4 <= n ? x : n - 4);
        uint8_t *to = dst + at * (size_t)blocks;
        if (blocks == 4)
            four_blocks(src, at, to, f);
        else if (blocks == 2)
            two_blocks(src, at, to, f);
        else
            _mm512_storeu_si512(to, flipped(src[0] + at, f));
    }
}

static void join_few(const uint8_t *const src[4], int n, uint8_t *dst, uint8_t flip, int blocks)
{
    for (int x = 0; x < n; x++)
        for (int b = 0; b < blocks; b++)
            for (int k = 0; k < 16; k++)
                *dst++ = src[b][16 * x + k] ^ flip;
}

static void join(const uint8_t *const src[4], int n, uint8_t *dst, uint8_t flip, int blocks)
{
    if (n < 4)
        join_few(src, n, dst, flip, blocks);
    else if (blocks == 4)
        join_row(src, n, dst, flip, 4);
    else if (blocks == 2)
        join_row(src, n, dst, flip, 2);
    else
        join_row(src, n, dst, flip, 1);
}

/* One plane of the strip: from channel block `first`, pixels of `blocks` of them. */
static void prepare_plane(const qconv_job *j, int first, int blocks, uint8_t *strip)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    const int top = j->row_begin * s->stride_h - s->pad_top, room = plan->strip_w - s->pad_left;
    const int rows = (j->row_end - 1 - j->row_begin) * s->stride_h + (s->kernel_h - 1) * s->dilation_h + 1;
    const int columns = room < s->w_in ? room : s->w_in;
    const size_t pixel = 16 * (size_t)blocks, line = (size_t)plan->line * pixel, left = (size_t)s->pad_left * pixel;
    const size_t row_bytes = (size_t)s->w_in * 16, block_bytes = (size_t)s->h_in * row_bytes;
    const uint8_t flip = s->src_signed ? 0x80 : 0, zero = (uint8_t)(j->arguments->src_zero + flip);
    const bool leaps = s->kernel_h < s->stride_h && s->dilation_h == 1; /* whole phases */
    const uint8_t *src[4];
    for (int b = 0; b < 4; b++) { /* those that are not there have weights 0 */
        const int block = first + b < plan->src_blocks ? first + b : first;
        src[b] = (const uint8_t *)j->arguments->src + (size_t)block * block_bytes;
    }
    for (int r = 0; r < rows; r++) {
        const int y = top + r, slot = r % s->stride_h * plan->phase_rows + r / s->stride_h;
        if (leaps && !amx_needs_row(plan, r, j->row_end - j->row_begin))
            continue;
        uint8_t *dst = strip + (size_t)slot * line;
        if (y < 0 || y >= s->h_in || columns <= 0) {
            memset(dst, zero, line);
            continue;
        }
        const uint8_t *const at[4] = { src[0] + (size_t)y * row_bytes, src[1] + (size_t)y * row_bytes,
                                       src[2] + (size_t)y * row_bytes, src[3] + (size_t)y * row_bytes };
        const size_t used = left + (size_t)columns * pixel;
        memset(dst, zero, left);
        join(at, columns, dst + left, flip, blocks);
        memset(dst + used, zero, line - used);
    }
    for (int phase = 0; phase < s->stride_h; phase++) { /* right of each phase's last row */
        const int slot = phase * plan->phase_rows + (rows - phase + s->stride_h - 1) / s->stride_h;
        memset(strip + (size_t)slot * line, zero, left);
    }
}

/* Rows of a matrix: planes of 64 of its columns. sums: of each row, where these are wanted. */
static void prepare_rows(const qconv_job *j, uint8_t *strip, int32_t *sums)
{
    const qconv_plan *plan = j->plan;
    const size_t columns = (size_t)plan->shape.c_in, rows = (size_t)(j->row_end - j->row_begin);
    const uint8_t *src = (const uint8_t *)j->arguments->src + (size_t)j->row_begin * columns;
    const __m512i flip = _mm512_set1_epi8((char)(plan->shape.src_signed ? 0x80 : 0)), ones = _mm512_set1_epi8(1);
    if (sums)
        memset(sums, 0, (rows + NARROW_PIXELS) * sizeof(*sums));
    for (size_t at = 0; at < columns; at += 64, strip += qconv_plane_bytes(plan, 64)) {
        const size_t left = columns - at;
        const __mmask64 real = left < 64 ? (1ull << left) - 1 : ~0ull;
        for (size_t row = 0; row < rows; row++) {
            const __m512i bytes = _mm512_maskz_loadu_epi8(real, src + row * columns + at);
            const __m512i x = _mm512_maskz_mov_epi8(real, _mm512_xor_si512(bytes, flip));
            _mm512_storeu_si512(strip + 64 * row, x);
            if (sums)
                sums[row] += _mm512_reduce_add_epi32(_mm512_dpbusd_epi32(_mm512_setzero_si512(), x, ones));
        }
    }
}

static void prepare_strip(const qconv_job *j, uint8_t *strip, uint8_t *bytes, int32_t *row_sums)
{
    const qconv_plan *plan = j->plan;
    if (plan->shape.rows) {
        prepare_rows(j, strip, row_sums);
        return;
    }
    if (plan->shape.src_plain) {
        amx_prepare_picture(j, strip, bytes);
        return;
    }
    for (int plane = 0; plane < plan->planes; plane++, strip += qconv_plane_bytes(plan, 64))
        prepare_plane(j, 4 * plane, 4, strip);
    if (plan->rest_bytes)
        prepare_plane(j, 4 * plan->planes, plan->rest_bytes / 16, strip);
}

/* ---- the products ---- */

/* 32 pixels of the line from `at` on, two vectors of filters. */
AMX_INLINE void step_wide(const uint8_t *at, size_t step, const uint8_t *w)
{
    AMX_LOAD(4, at, step);
    AMX_LOAD(6, w, AMX_ROW_BYTES);
    AMX_LOAD(7, w + AMX_TILE_BYTES, AMX_ROW_BYTES);
    AMX_LOAD(5, at + AMX_ROWS * step, step);
    AMX_DOT_U8_S8(0, 4, 6);
    AMX_DOT_U8_S8(2, 4, 7);
    AMX_DOT_U8_S8(1, 5, 6);
    AMX_DOT_U8_S8(3, 5, 7);
}

/* 64 pixels, one vector. */
AMX_INLINE void step_narrow(const uint8_t *at, size_t step, const uint8_t *w)
{
    const size_t rows = AMX_ROWS * step;
    AMX_LOAD(4, at, step);
    AMX_LOAD(6, w, AMX_ROW_BYTES);
    AMX_LOAD(5, at + rows, step);
    AMX_LOAD(7, at + 2 * rows, step);
    AMX_DOT_U8_S8(0, 4, 6);
    AMX_LOAD(4, at + 3 * rows, step);
    AMX_DOT_U8_S8(1, 5, 6);
    AMX_DOT_U8_S8(2, 7, 6);
    AMX_DOT_U8_S8(3, 4, 6);
}

static __attribute__((noinline)) void fetch_weights(amx_job *t)
{
    const uint8_t *at = t->ahead;
    for (int i = 0; i < t->ahead_lines; i++, at += 64)
        _mm_prefetch((const char *)at, _MM_HINT_T1);
    t->ahead = at;
}

/* One block of the line's pixels from the first one, whose sums then wait; filters: 2 or 1 vectors, or 0, and what
 * waits leaves. */
AMX_INLINE void multiply(amx_job *t, const uint8_t *strip, size_t first, const uint8_t *w, const int32_t *bias,
                         int filters, const amx_kind kind)
{
    const qconv_step *step = t->list;
    const int32_t *second = bias + (filters == 2 ? 16 : 0);
    amx_bytes bytes;
    bytes_begin(t, &bytes);
    AMX_FENCE();
    if (filters) {
        AMX_LOAD(0, bias, 0);
        AMX_LOAD(1, bias, 0);
        AMX_LOAD(2, second, 0);
        AMX_LOAD(3, second, 0);
    }
    for (int i = 0; i < t->steps; i++, step++, w += filters * AMX_TILE_BYTES) {
        const uint8_t *at = strip + step->offset + first * step->step;
        if (filters == 2)
            step_wide(at, step->step, w);
        else if (filters)
            step_narrow(at, step->step, w);
        pieces(t, &bytes, t->pace, kind);
        if (t->ahead < t->ahead_end)
            fetch_weights(t);
    }
    if (filters) {
        AMX_STORE(0, t->sums, AMX_ROW_BYTES);
        AMX_STORE(1, t->sums + 256, AMX_ROW_BYTES);
        AMX_STORE(2, t->sums + 512, AMX_ROW_BYTES);
        AMX_STORE(3, t->sums + 768, AMX_ROW_BYTES);
    }
}

#define MULTIPLY(name, kind)                                                                                           \
    static void name(amx_job *t, const uint8_t *strip, size_t first, const uint8_t *w, const int32_t *bias,            \
                     int filters)                                                                                      \
    {                                                                                                                  \
        multiply(t, strip, first, w, bias, filters, kind);                                                             \
    }

MULTIPLY(multiply_bytes, AMX_BYTES)
MULTIPLY(multiply_table, AMX_TABLE)
MULTIPLY(multiply_silu, AMX_SILU)
MULTIPLY(multiply_other, AMX_OTHER)
MULTIPLY(multiply_plain_bytes, AMX_PLAIN_BYTES)
MULTIPLY(multiply_plain_other, AMX_PLAIN_OTHER)

/* Where the `count` pixels from `first` of the line are in the image. */
static void find_places(amx_job *t, int first, int count)
{
    const qconv_job *j = &t->part;
    const int w_out = j->plan->shape.w_out, row = first / t->pitch, left = first - row * t->pitch;
    const int place = (j->row_begin + row) * w_out + left;
    t->run = t->pitch == w_out ? place + count <= t->end : left + count <= w_out;
    t->first[0] = (j->plan->shape.rows ? 0 : (size_t)t->block * t->plane) + (t->run ? (size_t)place : 0);
    t->first[1] = t->first[0] + t->plane;
    if (t->run)
        return;
    const vi lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), pitch = vi_set1(t->pitch);
    vi x = vi_add(lanes, vi_set1(left)), at = vi_add(lanes, vi_set1(place));
    for (int i = 0; i < count; i += 16) {
        for (__mmask16 over; (over = _mm512_cmpge_epi32_mask(x, pitch)) != 0;) {
            x = _mm512_mask_sub_epi32(x, over, x, pitch);
            at = _mm512_mask_sub_epi32(at, over, at, vi_set1(t->pitch - w_out));
        }
        const __mmask16 real =
            _mm512_cmplt_epi32_mask(x, vi_set1(w_out)) & _mm512_cmplt_epi32_mask(at, vi_set1(t->end));
        vi_store(t->places + i, _mm512_mask_blend_epi32(real, vi_set1(-1), at));
        x = vi_add(x, vi_set1(16));
        at = vi_add(at, vi_set1(16));
    }
}

/* The sums that are added repeat rows and columns of the output. */
static void add_sums(amx_job *t, int filters, int pixels)
{
    const qconv_shape *s = &t->part.plan->shape;
    const size_t columns = (size_t)(s->w_out / s->sum_up_w), plane = (size_t)(s->h_out / s->sum_up_h) * columns * 16;
    const int start = (int)(t->first[0] - (size_t)t->block * t->plane); /* of a run */
    for (int p = 0; p < pixels; p++) {
        const int place = t->run ? start + p : t->places[p];
        if (place < 0)
            continue;
        const int y = place / s->w_out, x = place % s->w_out;
        const size_t at = ((size_t)(y / s->sum_up_h) * columns + (size_t)(x / s->sum_up_w)) * 16;
        for (int f = 0; f < filters; f++) {
            int32_t *sums = t->sums + (f * pixels + p) * 16;
            const int32_t *more = t->part.arguments->sum + (size_t)(t->block + f) * plane + at;
            vi_store(sums, vi_add(vi_load(sums), vi_load(more)));
        }
    }
}

/* What is fetched while a group of filters runs: the next one's weights; of a part's first group, its own as well, as
 * fast as they are wanted. */
static void fetch_ahead(amx_job *t, const uint8_t *w, int filters, int lines, bool is_first)
{
    const ptrdiff_t own = (ptrdiff_t)filters * t->steps * AMX_TILE_BYTES, left = t->weights_end - w;
    const ptrdiff_t begin = is_first && own > FIRST_BYTES ? FIRST_BYTES : own, end = 2 * own < left ? 2 * own : left;
    if (is_first)
        for (ptrdiff_t i = 0; i < begin; i += 64)
            _mm_prefetch((const char *)w + i, _MM_HINT_T1);
    t->ahead = w + begin;
    t->ahead_end = w + end;
    t->ahead_lines = (int)((end - begin) / 64 / (lines * t->steps)) + 1;
    if (is_first && t->ahead_lines < filters * AMX_TILE_BYTES / 64)
        t->ahead_lines = filters * AMX_TILE_BYTES / 64;
}

/* All pixels of the strip times one or two vectors of filters. */
static void multiply_strip(amx_job *t, const uint8_t *strip, const uint8_t *w, int block, int filters, bool is_first)
{
    const qconv_job *j = &t->part;
    const int count = (j->row_end - j->row_begin - 1) * t->pitch + j->plan->shape.w_out;
    const int pixels = filters == 2 ? WIDE_PIXELS : NARROW_PIXELS;
    if (t->weights_end)
        fetch_ahead(t, w, filters, (count + pixels - 1) / pixels, is_first);
    for (int first = 0; first < count; first += pixels) {
        t->multiply(t, strip, (size_t)first, w, j->bias + 16 * block, filters);
        t->piece = 0;
        t->waiting_sums = t->row_sums ? t->row_sums + first : NULL;
        t->per_vector = pixels / 4;
        t->block = block;
        find_places(t, first, pixels);
        if (j->arguments->sum)
            add_sums(t, filters, pixels);
    }
}

static void prepare(amx_job *t, const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const qconv_shape *s = &plan->shape;
    qconv_job *j = &t->part;
    qconv_start(j, plan, a, part);
    qconv_prepare_filters(j, scratch, false);
    qconv_step *list = (qconv_step *)(void *)((uint8_t *)scratch + plan->taps_at);
    const int32_t *extra = (const int32_t *)a->packed + 2 * ((s->c_out + 15) & -16);
    t->list = list;
    t->steps = qconv_matrix_steps(plan, extra, (uint16_t *)(void *)((uint8_t *)scratch + plan->up_at), list);
    t->pace = (PIECES + t->steps - 1) / t->steps;
    t->pitch = plan->line / s->stride_w;
    t->end = j->row_end * s->w_out;
    t->plane = (size_t)s->h_out * (size_t)s->w_out;
    t->looks_up = j->bytes && (a->table || j->bytes_signed);
    if (s->rows)
        t->multiply = j->bytes ? multiply_plain_bytes : multiply_plain_other;
    else if (j->bytes)
        t->multiply = t->looks_up ? multiply_table : multiply_bytes;
    else if (s->output == QCONV_F32 && a->activation.act == CPU_ACT_SILU)
        t->multiply = multiply_silu;
    else
        t->multiply = multiply_other;
    t->piece = PIECES;
    t->waiting_sums = NULL;
    t->ahead = t->ahead_end = NULL;
    t->zero = a->dst_zero + (j->bytes_signed ? 128 : 0);
    const int flip = j->bytes_signed ? 0x80 : 0;
    for (int i = 0; t->looks_up && i < 256; i++)
        t->table[i] = a->table ? a->table[i ^ flip] : (uint8_t)(i ^ flip);
}

static void qconv_amx(const qconv_plan *plan, const qconv_arguments *a, int part, void *scratch)
{
    const int blocks = (plan->shape.c_out + 15) / 16, groups = (blocks + 1) / 2, filter_part = part / plan->strips;
    const int begin = groups * filter_part / plan->filter_parts * 2, after = groups * (filter_part + 1);
    const int end = after / plan->filter_parts * 2 < blocks ? after / plan->filter_parts * 2 : blocks;
    const uint8_t *w = (const uint8_t *)a->packed + qconv_filters_at(plan);
    const size_t vector = (size_t)plan->steps * AMX_TILE_BYTES;
    uint8_t *strip = (uint8_t *)scratch + plan->strip_at;
    amx_job t;
    prepare(&t, plan, a, part, scratch);
    t.weights_end = vector * (size_t)blocks > FAR_BYTES ? w + (size_t)end * vector : NULL;
    int32_t *row_sums = plan->shape.weights_zero ? (int32_t *)(void *)((uint8_t *)scratch + plan->sums_at) : NULL;
    t.row_sums = row_sums;
    prepare_strip(&t.part, strip, (uint8_t *)scratch + plan->bytes_at, row_sums);
    amx_begin();
    for (int block = begin; block < end; block += 2)
        multiply_strip(&t, strip, w + (size_t)block * vector, block, blocks - block < 2 ? 1 : 2, block == begin);
    amx_end();
    t.multiply(&t, strip, 0, a->packed, t.part.bias, 0);
    qconv_finish_limits(&t.part);
}

static const qconv_matrix matrix = { "qconv_amx", qconv_amx, amx_pack_rows };

void qconv_fill_amx(qconv_kernels *kernels)
{
    kernels->matrix = &matrix;
}
