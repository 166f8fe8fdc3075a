/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Weights of a matrix product, row by row of [c_in][c_out] bytes, into AMX's tiles. */
#ifndef ONYX_CPU_X86_QCONV_AMX_PACK_BODY_H
#define ONYX_CPU_X86_QCONV_AMX_PACK_BODY_H

/* Four channels of 64 columns -> [vector of filters][16 filters][4 channels] */
AMX_INLINE void interleave(const __m512i row[4], __m512i out[4])
{
    const __m512i a = _mm512_unpacklo_epi8(row[0], row[1]), b = _mm512_unpackhi_epi8(row[0], row[1]);
    const __m512i c = _mm512_unpacklo_epi8(row[2], row[3]), d = _mm512_unpackhi_epi8(row[2], row[3]);
    /* lane i: columns 16 i and the following three, seven, ... */
    const __m512i q0 = _mm512_unpacklo_epi16(a, c), q1 = _mm512_unpackhi_epi16(a, c);
    const __m512i q2 = _mm512_unpacklo_epi16(b, d), q3 = _mm512_unpackhi_epi16(b, d);
    const __m512i low01 = _mm512_shuffle_i32x4(q0, q1, 0x44), high01 = _mm512_shuffle_i32x4(q0, q1, 0xEE);
    const __m512i low23 = _mm512_shuffle_i32x4(q2, q3, 0x44), high23 = _mm512_shuffle_i32x4(q2, q3, 0xEE);
    out[0] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    out[1] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
    out[2] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    out[3] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
}

/* Columns `column` and the 63 behind it, of all steps; channels behind the last have weights 0. */
static void pack_columns(const qconv_plan *plan, const uint8_t *weights, size_t column, uint8_t *filters, int32_t *sums)
{
    const qconv_shape *s = &plan->shape;
    const size_t columns = (size_t)s->c_out, left = columns - column, channels = (size_t)s->c_in;
    const __mmask64 real = left < 64 ? (1ull << left) - 1 : ~0ull;
    const __m512i flip = _mm512_maskz_set1_epi8(real, (char)(s->weights_signed ? 0 : 0x80)), ones = _mm512_set1_epi8(1);
    const int vectors = left < 64 ? (int)(left + 15) / 16 : 4;
    __m512i totals[4] = { _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(),
                          _mm512_setzero_si512() };
    uint8_t *tiles[4] = { NULL };
    size_t next[4] = { 0 }; /* from step to step */
    for (int v = 0; v < vectors; v++) {
        tiles[v] = qconv_matrix_vector(plan, (int)column / 16 + v, 0, filters);
        next[v] = qconv_matrix_vector_step(plan, (int)column / 16 + v);
    }
    for (size_t channel = 0; channel < 64 * (size_t)plan->steps; channel += 4) {
        __m512i row[4], out[4];
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; k++) {
            row[k] = _mm512_setzero_si512();
            if (channel + k < channels)
                row[k] =
                    _mm512_xor_si512(_mm512_maskz_loadu_epi8(real, weights + (channel + k) * columns + column), flip);
        }
        interleave(row, out);
        for (int v = 0; v < vectors; v++) {
            _mm512_store_si512(tiles[v] + channel / 64 * next[v] + channel % 64 * 16, out[v]);
            totals[v] = _mm512_dpbusd_epi32(totals[v], ones, out[v]);
        }
    }
    for (int v = 0; v < vectors; v++)
        _mm512_storeu_si512(sums + column + 16 * (size_t)v, totals[v]);
}

/* sums: with room for whole vectors. */
static void amx_pack_rows(const qconv_plan *plan, const uint8_t *weights, uint8_t *filters, int32_t *sums)
{
    for (size_t column = 0; column < (size_t)plan->shape.c_out; column += 64)
        pack_columns(plan, weights, column, filters, sums);
}

#endif
