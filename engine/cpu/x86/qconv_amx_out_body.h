/* SPDX-License-Identifier: BSD-2-Clause
 *
 * A part of an 8-bit convolution by AMX's tiles at work, and how the sums of a block leave for the output. */
#ifndef ONYX_CPU_X86_QCONV_AMX_OUT_BODY_H
#define ONYX_CPU_X86_QCONV_AMX_OUT_BODY_H

#include "cpu/qconv_job_body.h"

#define AMX_INLINE static inline __attribute__((always_inline))

enum {
    PIECES = 16,    /* of a block's sums: */
    PIECE = 4 * 16, /* four pixels of a vector of filters */
    NARROW_PIXELS = 64,
    WIDE_PIXELS = 32,
    FAR_BYTES = 128 * 1024,  /* of weights: fewer are not worth being fetched */
    FIRST_BYTES = 32 * 1024, /* of them are fetched before the first product */
};

/* What leaves, blocked; of matrix products (rows), plain. */
typedef enum amx_kind { AMX_BYTES, AMX_TABLE, AMX_SILU, AMX_OTHER, AMX_PLAIN_BYTES, AMX_PLAIN_OTHER } amx_kind;

typedef struct amx_job amx_job;

struct amx_job {
    qconv_job part;
    void (*multiply)(amx_job *t, const uint8_t *strip, size_t first, const uint8_t *w, const int32_t *bias,
                     int filters);
    const qconv_step *list;
    int steps, pace;                  /* pieces a step, so that all are done with the last one */
    int pitch, end;                   /* outputs of a row of the line; the pixel of the image behind the part's last */
    int zero;                         /* of the output, unsigned */
    bool looks_up;                    /* bytes in the table */
    size_t plane;                     /* pixels of a channel block of the output */
    const uint8_t *ahead, *ahead_end; /* weights from afar, fetched so many lines of 64 bytes a step */
    int ahead_lines;
    const uint8_t *weights_end; /* of the part, where these come from afar; else NULL */
    const int32_t *row_sums;    /* rows: of the sources of the part's rows, where weights have zero points; else NULL */
    /* The block that waits to leave: */
    int piece, per_vector;       /* the next piece; pieces of each vector of filters */
    int block;                   /* its first channel block */
    const int32_t *waiting_sums; /* of its rows, or NULL */
    bool run;                    /* its pixels are neighbours in the image, too */
    size_t first[2];             /* each vector's first pixel, or its channel block's, among all of the output */
    _Alignas(64) int32_t places[NARROW_PIXELS]; /* no run: each pixel's in its channel block, or -1 */
    _Alignas(64) uint8_t table[256];            /* of the output's bytes as unsigned ones, where these are looked up */
    _Alignas(64) int32_t sums[PIECES * PIECE];
};

/* What all pieces of bytes need, in registers. */
typedef struct amx_bytes {
    __m512i table[4], zero, order;
    vf high;
    bool clamp;
    uint8_t *dst;
} amx_bytes;

AMX_INLINE void bytes_begin(const amx_job *t, amx_bytes *b)
{
    b->zero = _mm512_set1_epi16((short)t->zero);
    b->order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    b->high = vf_set1((float)(255 - t->zero));
    b->clamp = t->part.clamp;
    b->dst = t->part.arguments->dst;
    for (int i = 0; i < 4; i++)
        b->table[i] = _mm512_load_si512(t->table + 64 * i);
}

AMX_INLINE __m512i piece_bytes(const amx_bytes *b, const int32_t *sums, vf scale, const bool looks_up)
{
    vf values[4];
    vi q[4];
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        values[k] = vf_mul(vf_from_vi(vi_load(sums + 16 * k)), scale);
    if (b->clamp)
#pragma GCC unroll 4
        for (int k = 0; k < 4; k++)
            values[k] = vf_min(b->high, values[k]);
#pragma GCC unroll 4
    for (int k = 0; k < 4; k++)
        q[k] = vi_from_vf(values[k]);
    const __m512i first = _mm512_adds_epi16(_mm512_packs_epi32(q[0], q[1]), b->zero);
    const __m512i second = _mm512_adds_epi16(_mm512_packs_epi32(q[2], q[3]), b->zero);
    const __m512i x = _mm512_permutexvar_epi32(b->order, _mm512_packus_epi16(first, second));
    if (!looks_up)
        return x;
    const __m512i low = _mm512_permutex2var_epi8(b->table[0], x, b->table[1]);
    const __m512i high = _mm512_permutex2var_epi8(b->table[2], x, b->table[3]);
    return _mm512_mask_blend_epi8(_mm512_movepi8_mask(x), low, high);
}

static __attribute__((noinline)) void store_apart(uint8_t *dst, const int32_t *places, __m512i bytes)
{
    uint8_t pixels[64];
    _mm512_storeu_si512(pixels, bytes);
    for (int k = 0; k < 4; k++)
        if (places[k] >= 0)
            memcpy(dst + 16 * (size_t)places[k], pixels + 16 * k, 16);
}

/* Pieces begin .. end of one vector, as bytes; places: of its first piece. */
AMX_INLINE void store_bytes(const amx_bytes *b, const int32_t *sums, vf scale, uint8_t *dst, const int32_t *places,
                            bool run, int begin, int end, const bool looks_up)
{
    for (int i = begin; i < end; i++) {
        const __m512i bytes = piece_bytes(b, sums + PIECE * i, scale, looks_up);
        const int32_t *at = places + 4 * i;
        if (run)
            _mm512_storeu_si512(dst + 64 * i, bytes);
        else if (at[0] >= 0 && at[3] - at[0] == 3)
            _mm512_storeu_si512(dst + 16 * (size_t)at[0], bytes);
        else
            store_apart(dst, at, bytes);
    }
}

AMX_INLINE void pieces_bytes(const amx_job *t, const amx_bytes *b, int begin, int end, const bool looks_up)
{
    const int per = t->per_vector;
    if (begin < per)
        store_bytes(b, t->sums, vf_load(t->part.scale + 16 * t->block), b->dst + 16 * t->first[0], t->places, t->run,
                    begin, end < per ? end : per, looks_up);
    if (end > per)
        store_bytes(b, t->sums + PIECE * per, vf_load(t->part.scale + 16 * t->block + 16), b->dst + 16 * t->first[1],
                    t->places, t->run, begin > per ? begin - per : 0, end - per, looks_up);
}

AMX_INLINE void store_piece_floats(const amx_job *t, const int32_t *sums, size_t first, int p, int block,
                                   const bool silu)
{
    const cpu_activation activation = t->part.arguments->activation;
    const vf scale = vf_load(t->part.scale + 16 * block), bias = vf_load(t->part.float_bias + 16 * block);
    float *dst = (float *)t->part.arguments->dst + 16 * first, *limits = t->part.limits + 32 * block;
    vf low = vf_load(limits), high = vf_load(limits + 16);
    for (int k = 0; k < 4; k++) {
        vf x = vf_fma(vf_from_vi(vi_load(sums + 16 * k)), scale, bias);
        const int place = t->run ? p + k : t->places[p + k];
        x = silu ? vf_silu(x) : vf_act(activation.act, x, activation.a, activation.b);
        if (place < 0)
            continue;
        low = vf_min(low, x);
        high = vf_max(high, x);
        vf_store(dst + 16 * (size_t)place, x);
    }
    vf_store(limits, low);
    vf_store(limits + 16, high);
}

static __attribute__((noinline)) void store_piece_other(const amx_job *t, const int32_t *sums, size_t first, int p,
                                                        int block)
{
    if (t->part.plan->shape.output == QCONV_F32) {
        store_piece_floats(t, sums, first, p, block, false);
        return;
    }
    int32_t *dst = (int32_t *)t->part.arguments->dst + 16 * first;
    for (int k = 0; k < 4; k++) {
        const int place = t->run ? p + k : t->places[p + k];
        if (place >= 0)
            vi_store(dst + 16 * (size_t)place, vi_load(sums + 16 * k));
    }
}

/* ---- rows ---- */

/* Of one vector of a row: what is added, the function, the limits; then as many lanes as there are columns. */
AMX_INLINE void store_row_floats(const amx_job *t, vf x, int channel, size_t at, size_t lanes, const cpu_act act)
{
    const qconv_arguments *a = t->part.arguments;
    float *limits = t->part.limits + 2 * channel;
    if (a->residual)
        x = vf_add(x, vf_load_part(a->residual + at, lanes));
    x = vf_act(act, x, a->activation.a, a->activation.b);
    if (a->limits) {
        vf_store(limits, vf_min(vf_load(limits), x));
        vf_store(limits + 16, vf_max(vf_load(limits + 16), x));
    }
    vf_store_part((float *)a->dst + at, x, lanes);
}

AMX_INLINE void store_piece_rows(const amx_job *t, const int32_t *sums, int piece, int block, const cpu_act act)
{
    const qconv_job *j = &t->part;
    const size_t columns = (size_t)j->plan->shape.c_out, left = columns - 16 * (size_t)block;
    const size_t lanes = left < 16 ? left : 16;
    const vf scale = vf_load(j->scale + 16 * block), bias = vf_load(j->float_bias + 16 * block);
    for (int k = 0; k < 4; k++) {
        const int row = t->run ? (int)t->first[0] + 4 * piece + k : t->places[4 * piece + k];
        const size_t at = (size_t)row * columns + 16 * (size_t)block;
        const vi sum = vi_load(sums + 16 * k);
        if (row < 0)
            continue;
        if (j->plan->shape.output == QCONV_S32)
            vf_store_part((float *)j->arguments->dst + at, _mm512_castsi512_ps(sum), lanes);
        else
            store_row_floats(t, vf_fma(vf_from_vi(sum), scale, bias), 16 * block, at, lanes, act);
    }
}

/* Floats or sums; the usual functions without a choice for every vector. */
static __attribute__((noinline)) void store_piece_plain(const amx_job *t, const int32_t *sums, int piece, int block)
{
    const cpu_act act = t->part.arguments->activation.act;
    if (act == CPU_ACT_NONE)
        store_piece_rows(t, sums, piece, block, CPU_ACT_NONE);
    else if (act == CPU_ACT_GELU)
        store_piece_rows(t, sums, piece, block, CPU_ACT_GELU);
    else
        store_piece_rows(t, sums, piece, block, act);
}

AMX_INLINE void store_piece_plain_bytes(const amx_job *t, const amx_bytes *b, const int32_t *sums, int piece, int block)
{
    const size_t columns = (size_t)t->part.plan->shape.c_out, left = columns - 16 * (size_t)block;
    const __mmask16 lanes = left < 16 ? (__mmask16)((1u << left) - 1) : 0xffff;
    const __m512i bytes = piece_bytes(b, sums, vf_load(t->part.scale + 16 * block), t->looks_up);
    const __m128i row[4] = { _mm512_castsi512_si128(bytes), _mm512_extracti32x4_epi32(bytes, 1),
                             _mm512_extracti32x4_epi32(bytes, 2), _mm512_extracti32x4_epi32(bytes, 3) };
    uint8_t *dst = b->dst + 16 * (size_t)block;
    for (int k = 0; k < 4; k++) {
        const int at = t->run ? (int)t->first[0] + 4 * piece + k : t->places[4 * piece + k];
        if (at >= 0)
            _mm_mask_storeu_epi8(dst + (size_t)at * columns, lanes, row[k]);
    }
}

/* Weights are taken as they are: less their zero points, times the rows' sums. */
AMX_INLINE void subtract_zeros(const amx_job *t, int32_t *sums, int piece, int block)
{
    const vi zeros = vi_load(t->part.zeros + 16 * block);
    for (int k = 0; k < 4; k++, sums += 16)
        vi_store(sums, vi_sub(vi_load(sums), vi_mul(zeros, vi_set1(t->waiting_sums[4 * piece + k]))));
}

/* The next `count` pieces of the block that waits, or what is left of it. */
AMX_INLINE void pieces(amx_job *t, const amx_bytes *b, int count, const amx_kind kind)
{
    const int begin = t->piece, end = begin + count < PIECES ? begin + count : PIECES, per_vector = t->per_vector;
    t->piece = end;
    if (begin == end)
        return;
    if (kind == AMX_BYTES || kind == AMX_TABLE) {
        pieces_bytes(t, b, begin, end, kind == AMX_TABLE);
        return;
    }
    for (int piece = begin; piece < end; piece++) {
        int32_t *sums = t->sums + PIECE * piece;
        const int second = piece >= per_vector, block = t->block + second, p = 4 * (piece & (per_vector - 1));
        if ((kind == AMX_PLAIN_BYTES || kind == AMX_PLAIN_OTHER) && t->waiting_sums)
            subtract_zeros(t, sums, piece & (per_vector - 1), block);
        if (kind == AMX_PLAIN_BYTES)
            store_piece_plain_bytes(t, b, sums, piece & (per_vector - 1), block);
        else if (kind == AMX_PLAIN_OTHER)
            store_piece_plain(t, sums, piece & (per_vector - 1), block);
        else if (kind == AMX_SILU)
            store_piece_floats(t, sums, t->first[second], p, block, true);
        else
            store_piece_other(t, sums, t->first[second], p, block);
    }
}

#endif
