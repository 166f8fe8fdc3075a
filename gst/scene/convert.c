/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Plain loops in integers, which compilers turn into vectors. */
#include "convert.h"

#include <math.h>

void convert_matrix_make(convert_matrix *m, double kr, double kb, int full_range)
{
    const double kg = 1 - kr - kb, luma = full_range ? 1.0 : 219.0 / 255.0, chroma = full_range ? 1.0 : 224.0 / 255.0;
    const double one = 65536;
    m->y[0] = (int32_t)floor(kr * luma * one + 0.5);
    m->y[1] = (int32_t)floor(kg * luma * one + 0.5);
    m->y[2] = (int32_t)floor(kb * luma * one + 0.5);
    m->cb[0] = (int32_t)floor(-kr / (2 * (1 - kb)) * chroma * one + 0.5);
    m->cb[1] = (int32_t)floor(-kg / (2 * (1 - kb)) * chroma * one + 0.5);
    m->cb[2] = -m->cb[0] - m->cb[1]; /* grey has no colour */
    m->cr[1] = (int32_t)floor(-kg / (2 * (1 - kr)) * chroma * one + 0.5);
    m->cr[2] = (int32_t)floor(-kb / (2 * (1 - kr)) * chroma * one + 0.5);
    m->cr[0] = -m->cr[1] - m->cr[2];
    m->y_offset = full_range ? 0 : 16;
}

void convert_luma(const convert_matrix *m, const uint32_t *pixels, int width, int height, uint8_t *to, ptrdiff_t stride)
{
    const int32_t r = m->y[0], g = m->y[1], b = m->y[2], add = (m->y_offset << 16) + 32768;
    for (int y = 0; y < height; y++) {
        const uint32_t *restrict row = pixels + (size_t)y * (size_t)width;
        uint8_t *restrict out = to + y * stride;
        for (int x = 0; x < width; x++) {
            int32_t sum = (r * (int32_t)(row[x] >> 16 & 255) + g * (int32_t)(row[x] >> 8 & 255) +
                           b * (int32_t)(row[x] & 255) + add) >>
                          16;
            out[x] = (uint8_t)(sum > 255 ? 255 : sum);
        }
    }
}

static uint8_t chroma_byte(int32_t sum)
{
    sum = (sum + (128 << 18) + (1 << 17)) >> 18; /* four pixels */
    return (uint8_t)(sum < 0 ? 0 : sum > 255 ? 255 : sum);
}

void convert_chroma(const convert_matrix *m, const uint32_t *pixels, int width, int height, uint8_t *cb, uint8_t *cr,
                    int step, ptrdiff_t cb_stride, ptrdiff_t cr_stride)
{
    for (int y = 0; y < height; y += 2) {
        const uint32_t *top = pixels + (size_t)y * (size_t)width, *low = y + 1 < height ? top + width : top;
        uint8_t *u = cb + y / 2 * cb_stride, *v = cr + y / 2 * cr_stride;
        for (int x = 0; x < width; x += 2) {
            int next = x + 1 < width ? x + 1 : x;
            uint32_t a = top[x], b = top[next], c = low[x], d = low[next];
            int32_t blue = (int32_t)((a & 255) + (b & 255) + (c & 255) + (d & 255));
            int32_t g = (int32_t)((a >> 8 & 255) + (b >> 8 & 255) + (c >> 8 & 255) + (d >> 8 & 255));
            int32_t r = (int32_t)((a >> 16 & 255) + (b >> 16 & 255) + (c >> 16 & 255) + (d >> 16 & 255));
            u[x / 2 * step] = chroma_byte(m->cb[0] * r + m->cb[1] * g + m->cb[2] * blue);
            v[x / 2 * step] = chroma_byte(m->cr[0] * r + m->cr[1] * g + m->cr[2] * blue);
        }
    }
}

void convert_packed(const uint32_t *pixels, int width, int height, uint8_t *to, ptrdiff_t stride, int step, int red,
                    int green, int blue, int other)
{
    for (int y = 0; y < height; y++) {
        const uint32_t *row = pixels + (size_t)y * (size_t)width;
        uint8_t *out = to + y * stride;
        for (int x = 0; x < width; x++, out += step) {
            out[red] = (uint8_t)(row[x] >> 16);
            out[green] = (uint8_t)(row[x] >> 8);
            out[blue] = (uint8_t)row[x];
            if (other >= 0)
                out[other] = 255;
        }
    }
}
