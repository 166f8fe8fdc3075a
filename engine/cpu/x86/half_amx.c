/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Products of tiles of bfloat16, AMX: blocks of 2 x 2 tiles (32 outputs of 32 filters), or of 4 x 1 (64 of 16), whose
 * sums begin with the bias. The tile unit takes 64 cycles for a step of either; meanwhile the vector units finish what
 * the block before has left: residual, activation, rounding, four vectors at a time. */
#include <assert.h>

#include "cpu/x86/half_bf16.h"

#include "cpu/x86/amx.h"

enum { WORKS = 16 }; /* of a block: of four vectors */

/* ---- what follows the sums ---- */

typedef enum finish_kind {
    FINISH_NONE,
    FINISH_CLIP,
    FINISH_SILU,
    FINISH_GELU,
    FINISH_LINES, /* LeakyReLU and HardSwish */
    FINISH_ANY,
    FINISH_KINDS
} finish_kind;

/* Outputs [first, first + OUTPUTS) of the block that waits, of one filter block or two: BLOCKS * OUTPUTS vectors. */
BF16_INLINE void finish_outputs(const half_products *p, int first, const finish_kind KIND, const int BLOCKS,
                                const int OUTPUTS)
{
    const half_line *line = &p->waiting;
    const int n = BLOCKS * OUTPUTS;
    const vf low = vf_set1(p->activation.a), high = vf_set1(p->activation.b);
    vf v[4];
    ptrdiff_t at[4];
#pragma GCC unroll 4
    for (int k = 0; k < n; k++) {
        v[k] = vf_load(p->sums[BLOCKS * first + k]);
        at[k] = p->waiting_places[first + k / BLOCKS] + k % BLOCKS * p->block_out;
    }
    if (line->residual && p->residual_before) {
#pragma GCC unroll 4
        for (int k = 0; k < n; k++)
            v[k] = vf_add(v[k], bf16_load(line->residual + at[k]));
    }
#pragma GCC unroll 4
    for (int k = 0; k < n; k++) {
        if (KIND == FINISH_CLIP)
            v[k] = vf_clip(v[k], low, high);
        else if (KIND == FINISH_SILU)
            v[k] = bf16_silu(v[k]);
        else if (KIND == FINISH_GELU)
            v[k] = vf_gelu(v[k]);
        else if (KIND == FINISH_LINES)
            v[k] = p->activation.act == CPU_ACT_LEAKY_RELU ? vf_leaky_relu(v[k], low) : vf_hard_swish(v[k]);
        else if (KIND == FINISH_ANY)
            v[k] = bf16_act(v[k], p->activation);
    }
    if (line->residual && !p->residual_before) {
#pragma GCC unroll 4
        for (int k = 0; k < n; k++)
            v[k] = vf_add(v[k], bf16_load(line->residual + at[k]));
    }
    if (p->wide_dst) {
#pragma GCC unroll 4
        for (int k = 0; k < n; k++)
            vf_store((float *)line->dst + at[k], v[k]);
    } else {
#pragma GCC unroll 4
        for (int k = 0; k < n; k++)
            bf16_store((uint16_t *)line->dst + at[k], v[k]);
    }
}

/* Works [begin, end) of the block that waits: four vectors each, at once but for long functions, which are rare. */
BF16_INLINE void finish(const half_products *p, int begin, int end, const finish_kind KIND, const int BLOCKS)
{
    const int n = 4 / BLOCKS, count = p->waiting.count;
    const bool ALONE = KIND == FINISH_GELU || KIND == FINISH_ANY;
    int output = begin * n, last = end * n < count ? end * n : count;
    for (; !ALONE && output + n <= last; output += n)
        finish_outputs(p, output, KIND, BLOCKS, n);
    for (; output < last; output++)
        finish_outputs(p, output, KIND, BLOCKS, 1);
}

/* The line's addend, to the sums of works [begin, end). */
static __attribute__((noinline)) void add(half_products *p, int begin, int end)
{
    const half_line *line = &p->waiting;
    const int blocks = line->filters, n = 4 / blocks, last = end * n < line->count ? end * n : line->count;
    for (int output = begin * n; output < last; output++)
        for (int f = 0; f < blocks; f++) {
            float *sums = p->sums[blocks * output + f];
            vf_store(sums, vf_add(vf_load(sums), vf_load(line->addend + p->waiting_places[output] + f * p->block_out)));
        }
}

typedef void finish_run(const half_products *p, int begin, int end);
#define FINISH(name, kind, blocks)                                                                                     \
    static __attribute__((noinline)) void name(const half_products *p, int begin, int end)                             \
    {                                                                                                                  \
        finish(p, begin, end, kind, blocks);                                                                           \
    }
FINISH(finish_none_2, FINISH_NONE, 2)
FINISH(finish_clip_1, FINISH_CLIP, 1)
FINISH(finish_clip_2, FINISH_CLIP, 2)
FINISH(finish_silu_1, FINISH_SILU, 1)
FINISH(finish_silu_2, FINISH_SILU, 2)
FINISH(finish_gelu_2, FINISH_GELU, 2)
FINISH(finish_lines_1, FINISH_LINES, 1)
FINISH(finish_lines_2, FINISH_LINES, 2)
FINISH(finish_any_1, FINISH_ANY, 1)
FINISH(finish_any_2, FINISH_ANY, 2)

static finish_run *finish_of(const half_products *p)
{
    static finish_run *const runs[FINISH_KINDS][2] = {
        [FINISH_NONE] = { finish_clip_1, finish_none_2 },    [FINISH_CLIP] = { finish_clip_1, finish_clip_2 },
        [FINISH_SILU] = { finish_silu_1, finish_silu_2 },    [FINISH_GELU] = { finish_any_1, finish_gelu_2 },
        [FINISH_LINES] = { finish_lines_1, finish_lines_2 }, [FINISH_ANY] = { finish_any_1, finish_any_2 }
    };
    const cpu_act act = p->activation.act;
    const bool lines = act == CPU_ACT_LEAKY_RELU || act == CPU_ACT_HARD_SWISH;
    return runs[act == CPU_ACT_NONE   ? FINISH_NONE
                : act == CPU_ACT_CLIP ? FINISH_CLIP
                : act == CPU_ACT_SILU ? FINISH_SILU
                : act == CPU_ACT_GELU ? FINISH_GELU
                : lines               ? FINISH_LINES
                                      : FINISH_ANY][p->waiting.filters - 1];
}

BF16_INLINE void leave(half_products *p, finish_run *run, int begin, int end)
{
    if (p->waiting.addend)
        add(p, begin, end);
    run(p, begin, end);
}

/* ---- tiles ---- */

/* The next lines of what will be wanted, if anything: sources, weights. */
static __attribute__((noinline)) void fetch_rows(half_products *p)
{
    for (int i = 0; i < p->fetch && p->runs > 0; i++) {
        _mm_prefetch(p->next + p->run_at, _MM_HINT_T1);
        p->run_at += 64;
        if (p->run_at >= p->run_bytes) {
            p->run_at = 0;
            p->next += p->run_stride;
            p->runs--;
        }
    }
}

static __attribute__((noinline)) void fetch_weights(half_products *p)
{
    const char *at = p->ahead;
    for (int i = 0; i < p->ahead_lines; i++, at += 64)
        _mm_prefetch(at, _MM_HINT_T1);
    p->ahead = at;
}

BF16_INLINE void step_pair(const char *src, ptrdiff_t stride, const uint16_t *weights)
{
    AMX_LOAD(4, src, stride);
    AMX_LOAD(6, weights, AMX_ROW_BYTES);
    AMX_DOT_BF16(0, 4, 6);
    AMX_LOAD(7, weights + AMX_TILE_BYTES / 2, AMX_ROW_BYTES);
    AMX_DOT_BF16(1, 4, 7);
    AMX_LOAD(5, src + 16 * stride, stride);
    AMX_DOT_BF16(2, 5, 6);
    AMX_DOT_BF16(3, 5, 7);
}

BF16_INLINE void step_single(const char *src, ptrdiff_t stride, const uint16_t *weights)
{
    AMX_LOAD(6, weights, AMX_ROW_BYTES);
    AMX_LOAD(4, src, stride);
    AMX_DOT_BF16(0, 4, 6);
    AMX_LOAD(5, src + 16 * stride, stride);
    AMX_DOT_BF16(1, 5, 6);
    AMX_LOAD(7, src + 32 * stride, stride);
    AMX_DOT_BF16(2, 7, 6);
    AMX_LOAD(4, src + 48 * stride, stride);
    AMX_DOT_BF16(3, 4, 6);
}

/* The sums of a block, from output `first` of the line on; what waits is finished meanwhile. */
BF16_INLINE void sum_block(half_products *p, const half_line *line, int first, const bool PAIR)
{
    finish_run *const run = p->waiting.count > 0 ? finish_of(p) : NULL;
    const int rate = ((WORKS << 16) + p->steps - 1) / p->steps;
    const uint16_t *weights = line->weights;
    const float *second = line->bias + (PAIR ? BF16_LANES : 0);
    int done = 0;
    AMX_FENCE();
    AMX_LOAD(0, line->bias, 0);
    AMX_LOAD(1, second, 0);
    AMX_LOAD(2, line->bias, 0);
    AMX_LOAD(3, second, 0);
    for (int step = 0; step < p->steps; step++) {
        const ptrdiff_t stride = p->strides[step >= p->wide];
        const char *src = line->src + p->offsets[step] + first * stride;
        if (PAIR)
            step_pair(src, stride, weights);
        else
            step_single(src, stride, weights);
        weights += (PAIR ? 2 : 1) * AMX_TILE_BYTES / 2;
        if (p->runs > 0)
            fetch_rows(p);
        if (p->ahead < p->ahead_end)
            fetch_weights(p);
        const int due = step + 1 < p->steps ? rate * (step + 1) >> 16 : WORKS;
        if (run && due > done)
            leave(p, run, done, due);
        done = due;
    }
    /* Output by output, its filter blocks side by side. */
    const size_t step_bytes = (PAIR ? 2 : 1) * AMX_ROW_BYTES;
    AMX_STORE(0, p->sums[0], step_bytes);
    AMX_STORE(1, p->sums[PAIR ? 1 : 16], step_bytes);
    AMX_STORE(2, p->sums[32], step_bytes);
    AMX_STORE(3, p->sums[PAIR ? 33 : 48], step_bytes);
}

static void run_line(half_products *p, const half_line *line)
{
    const int block = line->filters == 2 ? 32 : 64;
    assert(line->filters == 1 || line->filters == 2);
    for (int first = 0; first < line->count; first += block) {
        if (line->filters == 2)
            sum_block(p, line, first, true);
        else
            sum_block(p, line, first, false);
        p->waiting = *line;
        p->waiting.count = line->count - first < block ? line->count - first : block;
        p->waiting_places = p->places + first;
    }
}

static void begin(half_products *p)
{
    p->activation = bf16_activation(p->activation);
    if (p->activation.act == CPU_ACT_NONE) { /* for finish_clip_1 */
        p->activation.a = -INFINITY;
        p->activation.b = INFINITY;
    }
    p->waiting.count = 0;
    amx_begin();
}

static void end(half_products *p)
{
    if (p->waiting.count > 0)
        leave(p, finish_of(p), 0, WORKS);
    p->waiting.count = 0;
    amx_end();
}

static void pair(const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n, size_t step)
{
    for (size_t i = 0; i < n; i++, a += step * BF16_LANES, b += step * BF16_LANES, dst += 2 * BF16_LANES) {
        const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)a);
        const __m256i second = _mm256_loadu_si256((const __m256i *)(const void *)b);
        _mm256_storeu_si256((__m256i *)(void *)dst, first);
        _mm256_storeu_si256((__m256i *)(void *)(dst + BF16_LANES), second);
    }
}

static void columns(const float *src, size_t stride, size_t k, int filters, uint16_t *dst)
{
    const __m512i pairs =
        _mm512_setr_epi32(0x100000, 0x110001, 0x120002, 0x130003, 0x140004, 0x150005, 0x160006, 0x170007, 0x180008,
                          0x190009, 0x1a000a, 0x1b000b, 0x1c000c, 0x1d000d, 0x1e000e, 0x1f000f);
    const size_t tile = AMX_TILE_BYTES / sizeof(*dst), step = (size_t)filters * tile;
    for (size_t i = 0; i < (k + HALF_STEP - 1) / HALF_STEP * HALF_STEP; i += 2)
        for (int f = 0; f < filters; f++) {
            const float *at = src + i * stride + (size_t)f * BF16_LANES;
            const vf first = i < k ? vf_load(at) : vf_zero(), second = i + 1 < k ? vf_load(at + stride) : vf_zero();
            const __m512i both = (__m512i)_mm512_cvtne2ps_pbh(second, first);
            _mm512_storeu_si512(dst + i / HALF_STEP * step + (size_t)f * tile + i % HALF_STEP / 2 * 2 * BF16_LANES,
                                _mm512_permutexvar_epi16(pairs, both));
        }
}

void half_fill_amx(half_kernels *kernels)
{
    half_bf16_fill(kernels);
    kernels->direct_name = "conv_tiles_bf16_amx";
    kernels->product_name = "gemm_tiles_bf16_amx";
    kernels->tiles = (half_tile_kernels){ begin, run_line, end, pair, columns };
}
