/* SPDX-License-Identifier: BSD-2-Clause
 *
 * bfloat16 kernels beside the products of tiles: stored in 16 bits, computed in float32. */
#include <assert.h>
#include <string.h>

#include "cpu/x86/half_bf16.h"

#include "cpu/kernels.h"

#define BF16_UNROLL _Pragma("GCC unroll 16")

BF16_INLINE __mmask16 first_lanes(size_t n)
{
    return n >= BF16_LANES ? 0xffff : (__mmask16)((1u << n) - 1);
}

BF16_INLINE vf load_part(const uint16_t *p, __mmask16 lanes)
{
    return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes, p)), 16));
}

BF16_INLINE void store_part(uint16_t *p, vf v, __mmask16 lanes)
{
    _mm256_mask_storeu_epi16(p, lanes, (__m256i)_mm512_cvtneps_pbh(v));
}

static void to_float(const uint16_t *src, float *dst, size_t n)
{
    size_t i = 0;
    for (; i + BF16_LANES <= n; i += BF16_LANES)
        vf_store(dst + i, bf16_load(src + i));
    if (i < n)
        vf_store_part(dst + i, load_part(src + i, first_lanes(n - i)), n - i);
}

static void from_float(const float *src, uint16_t *dst, size_t n)
{
    size_t i = 0;
    for (; i + BF16_LANES <= n; i += BF16_LANES)
        bf16_store(dst + i, vf_load(src + i));
    if (i < n)
        store_part(dst + i, vf_load_part(src + i, n - i), first_lanes(n - i));
}

/* ---- elementwise ---- */

vf bf16_act(vf x, cpu_activation a)
{
    return vf_act(a.act, x, a.a, a.b);
}

static void act(const uint16_t *src, uint16_t *dst, size_t n, cpu_activation activation)
{
    const vf a = vf_set1(activation.a);
    for (size_t i = 0; i < n; i += BF16_LANES) {
        const __mmask16 lanes = first_lanes(n - i);
        const vf x = load_part(src + i, lanes);
        store_part(dst + i,
                   activation.act == CPU_ACT_SILU         ? bf16_silu(x)
                   : activation.act == CPU_ACT_LEAKY_RELU ? vf_leaky_relu(x, a)
                   : activation.act == CPU_ACT_HARD_SWISH ? vf_hard_swish(x)
                                                          : bf16_act(x, activation),
                   lanes);
    }
}

BF16_INLINE void binary_loop(const cpu_binary OP, const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n)
{
    for (size_t i = 0; i < n; i += BF16_LANES) {
        const __mmask16 lanes = first_lanes(n - i);
        const vf x = load_part(a + i, lanes), y = load_part(b + i, lanes);
        store_part(dst + i,
                   OP == CPU_BINARY_ADD   ? vf_add(x, y)
                   : OP == CPU_BINARY_SUB ? vf_sub(x, y)
                                          : vf_mul(x, y),
                   lanes);
    }
}

static void binary(cpu_binary op, const uint16_t *a, const uint16_t *b, uint16_t *dst, size_t n)
{
    assert(op == CPU_BINARY_ADD || op == CPU_BINARY_SUB || op == CPU_BINARY_MUL);
    if (op == CPU_BINARY_ADD)
        binary_loop(CPU_BINARY_ADD, a, b, dst, n);
    else if (op == CPU_BINARY_SUB)
        binary_loop(CPU_BINARY_SUB, a, b, dst, n);
    else
        binary_loop(CPU_BINARY_MUL, a, b, dst, n);
}

/* ---- depthwise ---- */

/* Four rows at once of a K x K kernel, as conv_depthwise_body.h has them; sums in the same order. */
BF16_INLINE void depthwise_rows(const uint16_t *const *src, const float *weights, const float *bias,
                                uint16_t *const *dst, int count, int low, int high, cpu_activation activation,
                                const int K, const int STRIDE)
{
    enum { R = HALF_DEPTHWISE_ROWS };
    const int LIVE = (K + STRIDE - 1) / STRIDE, ROWS = (R - 1) * STRIDE + K;
    const cpu_activation act = bf16_activation(activation);
    const bool any = act.act != CPU_ACT_NONE;
    const vf least = vf_set1(any ? act.a : -INFINITY), most = vf_set1(any ? act.b : INFINITY);
    const uint16_t *from[11];
    uint16_t *to[R];
    vf acc[R * 5], w[9];
    BF16_UNROLL
    for (int q = 0; q < ROWS; q++)
        from[q] = src[q];
    BF16_UNROLL
    for (int r = 0; r < R; r++)
        to[r] = dst[r];
    BF16_UNROLL
    for (int k = 0; k < 9; k++)
        w[k] = vf_load(weights + k * BF16_LANES);
    _Pragma("GCC unroll 20") for (int i = 0; i < R * LIVE; i++) acc[i] = vf_load(bias);
    for (int p = 1 - LIVE; p < count; p++) { /* outputs before the first are left out */
        BF16_UNROLL
        for (int phase = 0; phase < STRIDE; phase++) {
            const int column = p * STRIDE + K - STRIDE + phase;
            if (column < low || column >= high)
                continue;
            BF16_UNROLL
            for (int q = 0; q < ROWS; q++) {
                const vf x = bf16_load(from[q] + (ptrdiff_t)column * BF16_LANES);
                BF16_UNROLL
                for (int r = 0; r < R; r++) {
                    const int ky = q - r * STRIDE;
                    if (ky < 0 || ky >= K)
                        continue;
                    BF16_UNROLL
                    for (int kx = K - STRIDE + phase, j = 0; kx >= 0; kx -= STRIDE, j++)
                        acc[r * LIVE + j] =
                            vf_fma_tied(x, K == 3 ? w[ky * 3 + kx] : vf_load(weights + (ky * K + kx) * BF16_LANES),
                                        acc[r * LIVE + j]);
                }
            }
        }
        BF16_UNROLL
        for (int r = 0; r < R; r++) {
            if (p >= 0)
                bf16_store(to[r] + (ptrdiff_t)p * BF16_LANES, vf_clip(acc[r * LIVE], least, most));
            BF16_UNROLL
            for (int j = 0; j + 1 < LIVE; j++)
                acc[r * LIVE + j] = acc[r * LIVE + j + 1];
            acc[r * LIVE + LIVE - 1] = vf_load(bias);
        }
    }
}

#define DEPTHWISE(kernel, stride)                                                                                      \
    static void depthwise_##kernel##_##stride(const uint16_t *const *src, const float *weights, const float *bias,     \
                                              uint16_t *const *dst, int count, int low, int high,                      \
                                              cpu_activation activation)                                               \
    {                                                                                                                  \
        depthwise_rows(src, weights, bias, dst, count, low, high, activation, kernel, stride);                         \
    }
DEPTHWISE(3, 1)
DEPTHWISE(3, 2)
DEPTHWISE(5, 1)

/* Sums of n pixels. */
BF16_INLINE void finish_loop(const float *sums, const uint16_t *residual, uint16_t *dst, size_t n, cpu_activation a,
                             bool before, const cpu_act ACT)
{
    const vf low = vf_set1(a.a), high = vf_set1(a.b);
    for (size_t i = 0; i < n * BF16_LANES; i += BF16_LANES) {
        vf x = vf_load(sums + i);
        if (residual && before)
            x = vf_add(x, bf16_load(residual + i));
        if (ACT == CPU_ACT_CLIP)
            x = vf_clip(x, low, high);
        else if (ACT == CPU_ACT_SILU)
            x = bf16_silu(x);
        else if (ACT == CPU_ACT_LEAKY_RELU)
            x = vf_leaky_relu(x, low);
        else if (ACT == CPU_ACT_HARD_SWISH)
            x = vf_hard_swish(x);
        else if (ACT != CPU_ACT_NONE)
            x = bf16_act(x, a);
        if (residual && !before)
            x = vf_add(x, bf16_load(residual + i));
        bf16_store(dst + i, x);
    }
}

static void finish(const float *sums, const uint16_t *residual, uint16_t *dst, size_t n, cpu_activation activation,
                   bool residual_before)
{
    const cpu_activation a = bf16_activation(activation);
    if (a.act == CPU_ACT_NONE)
        finish_loop(sums, residual, dst, n, a, residual_before, CPU_ACT_NONE);
    else if (a.act == CPU_ACT_CLIP)
        finish_loop(sums, residual, dst, n, a, residual_before, CPU_ACT_CLIP);
    else if (a.act == CPU_ACT_SILU)
        finish_loop(sums, residual, dst, n, a, residual_before, CPU_ACT_SILU);
    else if (a.act == CPU_ACT_LEAKY_RELU)
        finish_loop(sums, residual, dst, n, a, residual_before, CPU_ACT_LEAKY_RELU);
    else if (a.act == CPU_ACT_HARD_SWISH)
        finish_loop(sums, residual, dst, n, a, residual_before, CPU_ACT_HARD_SWISH);
    else
        finish_loop(sums, residual, dst, n, a, residual_before, CPU_ACT_SIGMOID); /* which stands for any */
}

/* ---- pool ---- */

/* 32 bfloat16 as integers that are ordered as they are, NaN above all; and back. Of x ^ (sign & 0x7fff), negative NaNs
 * are below -inf, 0x807f, so that taking 0x7f away brings them around to the top. */
BF16_INLINE __m512i flip(__m512i x)
{
    return _mm512_ternarylogic_epi32(x, _mm512_srai_epi16(x, 15), _mm512_set1_epi16(0x7fff), 0x78);
}
BF16_INLINE __m512i ordered(__m512i x)
{
    return _mm512_sub_epi16(flip(x), _mm512_set1_epi16(0x7f));
}
BF16_INLINE __m512i unordered(__m512i x)
{
    return flip(_mm512_add_epi16(x, _mm512_set1_epi16(0x7f)));
}

enum { POOL_COLUMNS = 160 };

/* Maxima, ordered, of n elements of each of `rows` >= 1 rows that are `step` elements apart. */
static void pool_columns(const uint16_t *src, size_t step, int rows, size_t n, uint16_t *dst)
{
    for (size_t i = 0; i < n; i += 2 * BF16_LANES) {
        const __mmask32 lanes = n - i >= 2 * BF16_LANES ? UINT32_MAX : UINT32_MAX >> 16; /* n: of whole pixels */
        __m512i most = ordered(_mm512_maskz_loadu_epi16(lanes, src + i));
        for (int row = 1; row < rows; row++)
            most = _mm512_max_epi16(most, ordered(_mm512_maskz_loadu_epi16(lanes, src + (size_t)row * step + i)));
        _mm512_mask_storeu_epi16(dst + i, lanes, most);
    }
}

static int taps_from(int start, int dilation)
{
    return start >= 0 ? 0 : (-start + dilation - 1) / dilation;
}
static int taps_to(int start, int taps, int dilation, int size)
{
    const int inside = start >= size ? 0 : (size - 1 - start) / dilation + 1;
    return inside < taps ? inside : taps;
}

/* Output x of a row, from maxima of columns, of which `column` is first; or where they are too many for that, NULL, and
 * the source's rows themselves. */
static void pool_output(const half_pool *s, const uint16_t *columns, int column, const uint16_t *src, int rows, int x,
                        uint16_t *dst)
{
    const int start = x * s->stride_w - s->pad_left, last = taps_to(start, s->kernel_w, s->dilation_w, s->w_in);
    const size_t step = (size_t)s->w_in * (size_t)s->dilation_h * BF16_LANES;
    uint16_t own[BF16_LANES];
    __m256i most = _mm256_set1_epi16(INT16_MIN); /* -inf */
    for (int k = taps_from(start, s->dilation_w); k < last && rows > 0; k++) {
        const ptrdiff_t at = start + k * s->dilation_w;
        const uint16_t *tap = own;
        if (columns)
            tap = columns + (at - column) * BF16_LANES;
        else
            pool_columns(src + at * BF16_LANES, step, rows, BF16_LANES, own);
        most = _mm256_max_epi16(most, _mm256_loadu_si256((const __m256i *)(const void *)tap));
    }
    const __m512i back = unordered(_mm512_castsi256_si512(most));
    _mm256_storeu_si256((__m256i *)(void *)dst, _mm512_castsi512_si256(back));
}

BF16_INLINE __m512i load_two(const uint16_t *a, const uint16_t *b)
{
    const __m256i first = _mm256_loadu_si256((const __m256i *)(const void *)a);
    return _mm512_inserti64x4(_mm512_castsi256_si512(first), _mm256_loadu_si256((const __m256i *)(const void *)b), 1);
}

/* n outputs whose windows are inside, two at a time, from the maxima of columns. */
static void pool_inside(const half_pool *s, const uint16_t *columns, int n, uint16_t *dst)
{
    const ptrdiff_t step = (ptrdiff_t)s->stride_w * BF16_LANES, next = (ptrdiff_t)s->dilation_w * BF16_LANES;
    for (int i = 0; i < n; i += 2, columns += 2 * step, dst += 2 * BF16_LANES) {
        const bool both = i + 1 < n;
        const uint16_t *a = columns, *b = both ? columns + step : columns;
        __m512i most = load_two(a, b);
        for (int k = 1; k < s->kernel_w; k++)
            most = _mm512_max_epi16(most, load_two(a += next, b += next));
        _mm512_mask_storeu_epi64(dst, both ? 0xff : 0x0f, unordered(most));
    }
}

static int at_least(int a, int b)
{
    return a > b ? a : b;
}
static int at_most(int a, int b)
{
    return a < b ? a : b;
}

/* Columns that a row of windows reaches over. */
static int pool_reach(const half_pool *s, int outputs)
{
    return (outputs - 1) * s->stride_w + (s->kernel_w - 1) * s->dilation_w + 1;
}

/* Outputs [x, end) of a row; src: the first of the `rows` rows that its windows have inside. */
static void pool_outputs(const half_pool *s, const uint16_t *src, int rows, int x, int end, uint16_t *dst)
{
    uint16_t own[POOL_COLUMNS * BF16_LANES], *columns = NULL;
    const int start = x * s->stride_w - s->pad_left, from = at_least(start, 0);
    const int n = at_most(start + pool_reach(s, end - x), s->w_in) - from;
    int low = end, high = end; /* whose windows are inside, done at once */
    if (rows > 0 && n > 0 && pool_reach(s, end - x) <= POOL_COLUMNS) {
        columns = own;
        pool_columns(src + (ptrdiff_t)from * BF16_LANES, (size_t)s->w_in * (size_t)s->dilation_h * BF16_LANES, rows,
                     (size_t)n * BF16_LANES, columns);
        const int room = s->w_in - pool_reach(s, 1) + s->pad_left; /* where the last whole window begins, at most */
        low = at_most(at_least(x, (s->pad_left + s->stride_w - 1) / s->stride_w), end);
        high = at_least(low, at_most(end, room < 0 ? 0 : room / s->stride_w + 1));
    }
    for (int i = x; i < low; i++)
        pool_output(s, columns, from, src, rows, i, dst + (ptrdiff_t)i * BF16_LANES);
    if (high > low)
        pool_inside(s, columns + (ptrdiff_t)(low * s->stride_w - s->pad_left - from) * BF16_LANES, high - low,
                    dst + (ptrdiff_t)low * BF16_LANES);
    for (int i = high; i < end; i++)
        pool_output(s, columns, from, src, rows, i, dst + (ptrdiff_t)i * BF16_LANES);
}

static void max_pool(const half_pool *s, const uint16_t *src, uint16_t *dst, int row_begin, int row_end)
{
    const int reach = pool_reach(s, 1), most = at_least(1, (POOL_COLUMNS - reach) / s->stride_w + 1);
    for (int y = row_begin; y < row_end; y++) {
        const int top = y * s->stride_h - s->pad_top, first = taps_from(top, s->dilation_h);
        const int rows = taps_to(top, s->kernel_h, s->dilation_h, s->h_in) - first;
        const ptrdiff_t row = rows > 0 ? top + first * s->dilation_h : 0;
        for (int x = 0; x < s->w_out; x += most)
            pool_outputs(s, src + row * s->w_in * BF16_LANES, rows, x, at_most(s->w_out - x, most) + x,
                         dst + (ptrdiff_t)y * s->w_out * BF16_LANES);
    }
}

/* ---- the first layer's pixels ---- */

static void interleave(const float *src, size_t stride, int channels, size_t n, uint16_t *dst)
{
    const __m512i order = _mm512_setr_epi32(0x00100000, 0x00110001, 0x00120002, 0x00130003, 0x00140004, 0x00150005,
                                            0x00160006, 0x00170007, 0x00180008, 0x00190009, 0x001a000a, 0x001b000b,
                                            0x001c000c, 0x001d000d, 0x001e000e, 0x001f000f);
    const __m512i low = _mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const __m512i high = _mm512_add_epi32(low, _mm512_set1_epi32(8));
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 lanes = first_lanes(n - i);
        vf c[4];
        BF16_UNROLL
        for (int k = 0; k < 4; k++)
            c[k] = k < channels ? _mm512_maskz_loadu_ps(lanes, src + (size_t)k * stride + i) : vf_zero();
        const __m512i a = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(c[1], c[0]));
        const __m512i b = _mm512_permutexvar_epi16(order, (__m512i)_mm512_cvtne2ps_pbh(c[3], c[2]));
        const size_t left = n - i;
        const __mmask8 first = left >= 8 ? 0xff : (__mmask8)((1u << left) - 1);
        const __mmask8 second = left >= 16 ? 0xff : left <= 8 ? 0 : (__mmask8)((1u << (left - 8)) - 1);
        _mm512_mask_storeu_epi64(dst + 4 * i, first, _mm512_permutex2var_epi32(a, low, b));
        _mm512_mask_storeu_epi64(dst + 4 * i + 32, second, _mm512_permutex2var_epi32(a, high, b));
    }
}

void half_bf16_fill(half_kernels *kernels)
{
    *kernels = (half_kernels){
        .format = HALF_BFLOAT16,
        .lanes = BF16_LANES,
        .sum_bytes = sizeof(float),
        .depthwise_name = "conv_depthwise_bf16",
        .to_float = to_float,
        .from_float = from_float,
        .depthwise_rows = { { depthwise_3_1, depthwise_3_2 }, { depthwise_5_1 } },
        .finish = finish,
        .act = act,
        .binary = binary,
        .max_pool = max_pool,
        .interleave = interleave,
    };
}
