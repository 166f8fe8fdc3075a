/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The strip of a picture for AMX's tiles: plain rows of up to four channels, of bytes or of floats that become bytes,
 * to pixels of four bytes a row, of one, two or four rows (plan.rest_rows); see qconv_matrix.c. */
#ifndef ONYX_CPU_X86_QCONV_AMX_PICTURE_BODY_H
#define ONYX_CPU_X86_QCONV_AMX_PICTURE_BODY_H

#include "cpu/kernels.h"
#include "cpu/qconv_job_body.h"

enum { AMX_PICTURE_PIXELS = 16, AMX_PICTURE_ROWS = 4 };

typedef struct amx_picture {
    const qconv_plan *plan;
    const qconv_arguments *arguments;
    uint8_t *bytes; /* of a source of floats: rest_rows rows, [y % rest_rows][channel][w_in] */
    int next;       /* the first row that has not become bytes */
    uint8_t flip, zero;
} amx_picture;

/* The planes of row y as bytes. */
static void amx_picture_row(amx_picture *p, int y, const uint8_t *planes[4])
{
    const qconv_shape *s = &p->plan->shape;
    const qconv_arguments *a = p->arguments;
    const size_t w = (size_t)s->w_in, plane = (size_t)s->h_in * w;
    uint8_t *row = p->bytes + (size_t)(y % p->plan->rest_rows) * (size_t)s->c_in * w;
    for (int c = 0; c < 4; c++) { /* those that are not there have weights 0 */
        const size_t channel = c < s->c_in ? (size_t)c : 0;
        planes[c] = s->src_float ? row + channel * w : (const uint8_t *)a->src + channel * plane + (size_t)y * w;
    }
    if (!s->src_float || y < p->next)
        return;
    p->next = y + 1;
    for (size_t c = 0; c < (size_t)s->c_in; c++) {
        const float *src = (const float *)a->src + c * plane + (size_t)y * w;
        if (s->src_signed)
            p->plan->kernels->eltwise.quantize_s8(src, (int8_t *)row + c * w, w, a->src_scale, a->src_zero);
        else
            p->plan->kernels->eltwise.quantize_u8(src, row + c * w, w, a->src_scale, a->src_zero);
    }
}

/* 16 pixels of one row, four bytes each, `order` giving their places; real: which there are. */
static inline __attribute__((always_inline)) __m512i amx_picture_load(const uint8_t *const planes[4], size_t x,
                                                                      __mmask16 real, __m512i order, __m512i flip)
{
    __m512i all = _mm512_castsi128_si512(_mm_maskz_loadu_epi8(real, planes[0] + x));
    all = _mm512_inserti32x4(all, _mm_maskz_loadu_epi8(real, planes[1] + x), 1);
    all = _mm512_inserti32x4(all, _mm_maskz_loadu_epi8(real, planes[2] + x), 2);
    all = _mm512_inserti32x4(all, _mm_maskz_loadu_epi8(real, planes[3] + x), 3);
    return _mm512_xor_si512(_mm512_permutexvar_epi8(order, all), flip);
}

/* 16 pixels of `count` rows; there: which of these are in the picture. */
static inline __attribute__((always_inline)) void amx_picture_pixels(const uint8_t *const planes[AMX_PICTURE_ROWS][4],
                                                                     const bool *there, size_t x, __mmask16 real,
                                                                     const amx_picture *p, uint8_t *dst,
                                                                     const int count)
{
    /* pixel i's bytes, in their order; of four rows the pixels' order is such that unpacking puts it right */
    const __m512i spread = _mm512_set1_epi32(0x30201000), flip = _mm512_set1_epi8((char)p->flip);
    const __m512i straight = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i turned = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    const __m512i pixel = count == 4 ? turned : straight;
    const __m512i order = _mm512_add_epi8(spread, _mm512_mullo_epi32(pixel, _mm512_set1_epi32(0x01010101)));
    __m512i row[AMX_PICTURE_ROWS];
#pragma GCC unroll 4
    for (int k = 0; k < count; k++)
        row[k] = there[k] ? amx_picture_load(planes[k], x, real, order, flip) : _mm512_set1_epi8((char)p->zero);
    if (count == 1) {
        _mm512_storeu_si512(dst, row[0]);
    } else if (count == 2) {
        const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
        const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
        _mm512_storeu_si512(dst, _mm512_permutex2var_epi32(row[0], low, row[1]));
        _mm512_storeu_si512(dst + 64, _mm512_permutex2var_epi32(row[0], high, row[1]));
    } else {
        const __m512i a = _mm512_unpacklo_epi32(row[0], row[1]), b = _mm512_unpacklo_epi32(row[2], row[3]);
        const __m512i c = _mm512_unpackhi_epi32(row[0], row[1]), d = _mm512_unpackhi_epi32(row[2], row[3]);
        _mm512_storeu_si512(dst, _mm512_unpacklo_epi64(a, b));
        _mm512_storeu_si512(dst + 64, _mm512_unpackhi_epi64(a, b));
        _mm512_storeu_si512(dst + 128, _mm512_unpacklo_epi64(c, d));
        _mm512_storeu_si512(dst + 192, _mm512_unpackhi_epi64(c, d));
    }
}

/* n pixels; the last ones again where n is no multiple of 16. */
static inline __attribute__((always_inline)) void amx_picture_line(const uint8_t *const planes[AMX_PICTURE_ROWS][4],
                                                                   const bool *there, size_t n, const amx_picture *p,
                                                                   uint8_t *dst, const int count)
{
    const size_t pixel = 4 * (size_t)count;
    const bool is_short = n < AMX_PICTURE_PIXELS;
    const __mmask16 real = (__mmask16)(is_short ? (1u << n) - 1 : 0xffff);
    uint8_t few[AMX_PICTURE_PIXELS * 4 * AMX_PICTURE_ROWS];
    for (size_t i = 0; i < n; i += AMX_PICTURE_PIXELS) {
        const size_t x = is_short || i + AMX_PICTURE_PIXELS <= n ? i : n - AMX_PICTURE_PIXELS;
        amx_picture_pixels(planes, there, x, real, p, is_short ? few : dst + x * pixel, count);
    }
    if (is_short)
        memcpy(dst, few, n * pixel);
}

static void amx_prepare_picture(const qconv_job *j, uint8_t *strip, uint8_t *bytes)
{
    const qconv_plan *plan = j->plan;
    const qconv_shape *s = &plan->shape;
    const uint8_t flip = s->src_signed ? 0x80 : 0;
    amx_picture p = { plan, j->arguments, bytes, 0, flip, (uint8_t)(j->arguments->src_zero + flip) };
    const int top = j->row_begin * s->stride_h - s->pad_top, room = plan->strip_w - s->pad_left;
    const int rows = j->row_end - j->row_begin, end = (rows - 1) * s->stride_h + s->kernel_h;
    const size_t pixel = (size_t)plan->rest_bytes, line = (size_t)plan->line * pixel;
    const size_t left = (size_t)s->pad_left * pixel, columns = (size_t)(room < 0 ? 0 : room < s->w_in ? room : s->w_in);
    const size_t used = left + columns * pixel;
    for (int r = 0; r < end; r++) {
        if (!amx_needs_row(plan, r, rows))
            continue;
        uint8_t *dst = strip + (size_t)(r % s->stride_h * plan->phase_rows + r / s->stride_h) * line;
        const uint8_t *planes[AMX_PICTURE_ROWS][4] = { { NULL } };
        bool there[AMX_PICTURE_ROWS] = { false };
        for (int k = 0; k < plan->rest_rows; k++) {
            const int y = top + r + k;
            there[k] = y >= 0 && y < s->h_in && columns > 0;
            if (there[k])
                amx_picture_row(&p, y, planes[k]);
        }
        memset(dst, p.zero, left);
        if (plan->rest_rows == 4)
            amx_picture_line(planes, there, columns, &p, dst + left, 4);
        else if (plan->rest_rows == 2)
            amx_picture_line(planes, there, columns, &p, dst + left, 2);
        else
            amx_picture_line(planes, there, columns, &p, dst + left, 1);
        memset(dst + used, p.zero, line + left - used); /* the right padding, which is the next row's left one */
    }
}

#endif
