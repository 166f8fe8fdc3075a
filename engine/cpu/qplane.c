/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Blocked bytes: pooling is separable, and a maximum over neighbouring columns is one maximum of two rows that lie
 * `block` bytes apart, so that the table's maximum over long rows does all of it. */
#include "cpu/qplane.h"

#include <assert.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

typedef struct qplane_pool {
    const qeltwise_kernels *kernels;
    const pool_shape *shape;
    bool is_signed;
    size_t block, padded;  /* bytes of a pixel; columns of a row with its pads */
    uint8_t *row, *merged; /* one padded source row; its maxima at every column */
    uint8_t *ring;         /* rows reduced along x */
} qplane_pool;

static size_t padded_columns(const pool_shape *s)
{
    size_t needed =
        (size_t)(s->w_out - 1) * (size_t)s->stride_w + (size_t)(s->kernel_w - 1) * (size_t)s->dilation_w + 1;
    size_t real = (size_t)s->pad_left + (size_t)s->w_in;
    return needed > real ? needed : real;
}

static size_t ring_rows(const pool_shape *s)
{
    size_t rows = (size_t)(s->kernel_h - 1) * (size_t)s->dilation_h + 1;
    return rows < (size_t)s->h_in ? rows : (size_t)s->h_in;
}

size_t qplane_pool_scratch_bytes(const pool_shape *s)
{
    return (2 * padded_columns(s) + ring_rows(s) * (size_t)s->w_out) * (size_t)s->block;
}

/* dst = max(a, b) */
static void merge(const qplane_pool *p, const uint8_t *a, const uint8_t *b, uint8_t *dst, size_t n)
{
    if (p->is_signed)
        p->kernels->max_s8((const int8_t *)a, (const int8_t *)b, (int8_t *)dst, n);
    else
        p->kernels->max_u8(a, b, dst, n);
}

/* memcpy of a constant size is one or two moves. */
static inline void copy_pixel(uint8_t *dst, const uint8_t *src, size_t block)
{
    if (block == 16)
        memcpy(dst, src, 16);
    else if (block == 8)
        memcpy(dst, src, 8);
    else if (block == 4)
        memcpy(dst, src, 4);
    else
        memcpy(dst, src, block);
}

/* out: w_out pixels, each the maximum of its window's columns in the padded row. */
static void reduce_columns(const qplane_pool *p, uint8_t *out)
{
    const pool_shape *s = p->shape;
    const size_t step = (size_t)s->dilation_w * p->block;
    const size_t bytes = ((size_t)(s->w_out - 1) * (size_t)s->stride_w + 1) * p->block;
    const uint8_t *row = p->row;
    uint8_t *merged = s->stride_w == 1 ? out : p->merged;
    if (s->kernel_w > 1) {
        merge(p, row, row + step, merged, bytes);
        for (int k = 2; k < s->kernel_w; k++)
            merge(p, merged, row + (size_t)k * step, merged, bytes);
        row = merged;
    }
    for (size_t x = 0; row != out && x < (size_t)s->w_out; x++)
        copy_pixel(out + x * p->block, row + x * (size_t)s->stride_w * p->block, p->block);
}

/* One row of outputs: source rows `step` bytes apart, reduced along y and then along x. */
static void reduce_rows(const qplane_pool *p, const uint8_t *src, size_t step, int rows, uint8_t *out)
{
    const size_t bytes = (size_t)p->shape->w_in * p->block;
    uint8_t *row = p->row + (size_t)p->shape->pad_left * p->block;
    if (rows == 1)
        memcpy(row, src, bytes);
    else
        merge(p, src, src + step, row, bytes);
    for (int k = 2; k < rows; k++)
        merge(p, row, src + (size_t)k * step, row, bytes);
    reduce_columns(p, out);
}

void qplane_max_pool(const qeltwise_kernels *kernels, const pool_shape *s, bool is_signed, const void *src, void *dst,
                     int channel_block, void *scratch)
{
    qplane_pool p = { kernels, s, is_signed, (size_t)s->block, padded_columns(s), scratch, NULL, NULL };
    size_t out_bytes = (size_t)s->w_out * p.block, in_bytes = (size_t)s->w_in * p.block, ring = ring_rows(s);
    const uint8_t *in = (const uint8_t *)src + (size_t)channel_block * (size_t)s->h_in * in_bytes;
    uint8_t *out = (uint8_t *)dst + (size_t)channel_block * (size_t)s->h_out * out_bytes;
    int smallest = is_signed ? -128 : 0, done = 0;
    p.merged = p.row + p.padded * p.block;
    p.ring = p.merged + p.padded * p.block;
    memset(p.row, smallest, p.padded * p.block);
    for (int y = 0; y < s->h_out; y++, out += out_bytes) {
        int start = y * s->stride_h - s->pad_top, first, last;
        pool_taps(start, s->kernel_h, s->dilation_h, s->h_in, &first, &last);
        if (first == last) {
            memset(out, smallest, out_bytes);
            continue;
        }
        if (s->stride_h > 1) { /* windows that share few rows */
            reduce_rows(&p, in + (size_t)(start + first * s->dilation_h) * in_bytes, (size_t)s->dilation_h * in_bytes,
                        last - first, out);
            continue;
        }
        int end = start + (last - 1) * s->dilation_h + 1;
        for (done = done > start ? done : start; done < end; done++)
            reduce_rows(&p, in + (size_t)done * in_bytes, 0, 1, p.ring + (size_t)done % ring * out_bytes);
        for (int k = first; k < last; k++) {
            const uint8_t *row = p.ring + (size_t)(start + k * s->dilation_h) % ring * out_bytes;
            if (k == first)
                memcpy(out, row, out_bytes);
            else
                merge(&p, out, row, out, out_bytes);
        }
    }
}

void qplane_resize_nearest(const resize_shape *s, const void *src, void *dst, const int *y_index, const int *x_index,
                           int channel_block, int y_begin, int y_end)
{
    size_t block = (size_t)s->block, in_row = (size_t)s->w_in * block, out_row = (size_t)s->w_out * block;
    const uint8_t *in = (const uint8_t *)src + (size_t)channel_block * (size_t)s->h_in * in_row;
    uint8_t *out = (uint8_t *)dst + (size_t)channel_block * (size_t)s->h_out * out_row;
    for (int y = y_begin; y < y_end; y++) {
        if (y > y_begin && y_index[y] == y_index[y - 1]) {
            memcpy(out + (size_t)y * out_row, out + (size_t)(y - 1) * out_row, out_row);
            continue;
        }
        const uint8_t *row = in + (size_t)y_index[y] * in_row;
        for (size_t x = 0; x < (size_t)s->w_out; x++)
            copy_pixel(out + (size_t)y * out_row + x * block, row + (size_t)x_index[x] * block, block);
    }
}

#ifdef __SSE2__
/* dst[j][i] = src[i][j]: four times, rows i and i + 8 are interleaved. */
static void transpose_16(const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride)
{
    __m128i rows[16], next[16];
    for (size_t i = 0; i < 16; i++)
        rows[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * src_stride));
    for (int round = 0; round < 4; round++) {
        for (int i = 0; i < 8; i++) {
            next[2 * i] = _mm_unpacklo_epi8(rows[i], rows[i + 8]);
            next[2 * i + 1] = _mm_unpackhi_epi8(rows[i], rows[i + 8]);
        }
        memcpy(rows, next, sizeof(rows));
    }
    for (size_t i = 0; i < 16; i++)
        _mm_storeu_si128((__m128i *)(void *)(dst + i * dst_stride), rows[i]);
}
#endif

/* Moves whole squares of 16 pixels and 16 channels; how many pixels that were. */
static size_t move_squares(const uint8_t *src, size_t src_step, size_t src_stride, uint8_t *dst, size_t dst_step,
                           size_t dst_stride, size_t hw)
{
    size_t i = 0;
#ifdef __SSE2__
    for (; i + 16 <= hw; i += 16)
        transpose_16(src + i * src_step, src_stride, dst + i * dst_step, dst_stride);
#else
    (void)src, (void)src_step, (void)src_stride, (void)dst, (void)dst_step, (void)dst_stride, (void)hw;
#endif
    return i;
}

void qplane_block(const void *src, size_t plane_stride, int lanes, int block, size_t hw, void *dst, uint8_t fill)
{
    const uint8_t *in = src;
    uint8_t *out = dst;
    assert(lanes >= 1 && lanes <= block);
    const size_t done = block == 16 && lanes == 16 ? move_squares(in, 1, plane_stride, out, 16, 16, hw) : 0;
    for (int lane = 0; lane < block; lane++)
        for (size_t i = done; i < hw; i++)
            out[i * (size_t)block + (size_t)lane] = lane < lanes ? in[(size_t)lane * plane_stride + i] : fill;
}

void qplane_unblock(const void *src, int lanes, int block, size_t hw, void *dst, size_t plane_stride)
{
    const uint8_t *in = src;
    uint8_t *out = dst;
    assert(lanes >= 1 && lanes <= block);
    const size_t done = block == 16 && lanes == 16 ? move_squares(in, 16, 16, out, 1, plane_stride, hw) : 0;
    for (int lane = 0; lane < lanes; lane++)
        for (size_t i = done; i < hw; i++)
            out[(size_t)lane * plane_stride + i] = in[i * (size_t)block + (size_t)lane];
}

void qplane_transpose(const uint8_t *src, size_t src_stride, uint8_t *dst, size_t dst_stride, size_t rows, size_t cols)
{
#ifdef __SSE2__
    if (rows >= 16 && cols >= 16) { /* the last squares overlap those before */
        for (size_t j = 0; j < cols; j += 16)
            for (size_t i = 0; i < rows; i += 16) {
                const size_t row = i + 16 > rows ? rows - 16 : i, col = j + 16 > cols ? cols - 16 : j;
                transpose_16(src + row * src_stride + col, src_stride, dst + col * dst_stride + row, dst_stride);
            }
        return;
    }
#endif
    for (size_t j = 0; j < cols; j++)
        for (size_t i = 0; i < rows; i++)
            dst[j * dst_stride + i] = src[i * src_stride + j];
}
