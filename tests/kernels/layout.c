/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Reorders move bits: everything is compared exactly, gaps between rows must stay as they were. */
#include "oracle.h"

static guarded_region region_src, region_dst;

static void test_block(const cpu_kernels *k, int lanes, size_t hw, size_t gap)
{
    size_t block = (size_t)k->block, stride = hw + gap, plain = stride * (size_t)lanes - gap;
    float *src = guarded(&region_src, plain * sizeof(float)), *dst = guarded(&region_dst, hw * block * sizeof(float));
    oracle_fill(src, plain);
    k->layout.block(src, stride, lanes, hw, dst);
    int wrong = 0;
    for (size_t i = 0; i < hw; i++) {
        for (size_t lane = 0; lane < block; lane++) {
            float zero = 0;
            const float *want = lane < (size_t)lanes ? src + lane * stride + i : &zero;
            wrong += memcmp(want, dst + i * block + lane, sizeof(float)) != 0;
        }
    }
    CHECK(wrong == 0, "block %s lanes=%d hw=%zu: %d differ", k->name, lanes, hw, wrong);
    CHECK(guarded_front_intact(dst), "block %s wrote in front of dst", k->name);

    float *blocked = guarded(&region_src, hw * block * sizeof(float)),
          *back = guarded(&region_dst, plain * sizeof(float));
    oracle_fill(blocked, hw * block);
    k->layout.unblock(blocked, lanes, hw, back, stride);
    wrong = 0;
    for (size_t lane = 0; lane < (size_t)lanes; lane++) {
        for (size_t i = 0; i < stride && lane * stride + i < plain; i++) {
            static const uint32_t untouched = 0xa5a5a5a5u;
            const void *want = i < hw ? (const void *)(blocked + i * block + lane) : (const void *)&untouched;
            wrong += memcmp(want, back + lane * stride + i, sizeof(float)) != 0;
        }
    }
    CHECK(wrong == 0, "unblock %s lanes=%d hw=%zu: %d differ", k->name, lanes, hw, wrong);
    CHECK(guarded_front_intact(back), "unblock %s wrote in front of dst", k->name);
}

static void test_transpose(const cpu_kernels *k, size_t rows, size_t cols, size_t src_gap, size_t dst_gap)
{
    size_t src_stride = cols + src_gap, dst_stride = rows + dst_gap;
    size_t from = src_stride * rows - src_gap, to = dst_stride * cols - dst_gap;
    uint32_t *src = guarded(&region_src, from * sizeof(*src)), *dst = guarded(&region_dst, to * sizeof(*dst));
    for (size_t i = 0; i < from; i++)
        src[i] = oracle_bits();
    k->layout.transpose(src, src_stride, dst, dst_stride, rows, cols);
    int wrong = 0;
    for (size_t j = 0; j < cols; j++)
        for (size_t i = 0; i < dst_stride && j * dst_stride + i < to; i++)
            wrong += dst[j * dst_stride + i] != (i < rows ? src[i * src_stride + j] : 0xa5a5a5a5u);
    CHECK(wrong == 0, "transpose %s %zux%zu: %d differ", k->name, rows, cols, wrong);
    CHECK(guarded_front_intact(dst), "transpose %s wrote in front of dst", k->name);
}

static void test_split3(const cpu_kernels *k, size_t count, size_t gap)
{
    const size_t plane = count + gap, from = 3 * count, to = 3 * plane - gap;
    uint32_t *src = guarded(&region_src, from * sizeof(*src)), *dst = guarded(&region_dst, to * sizeof(*dst));
    int wrong = 0;
    for (size_t i = 0; i < from; i++)
        src[i] = oracle_bits();
    k->layout.split3_32(src, count, dst, plane);
    for (size_t c = 0; c < 3; c++)
        for (size_t i = 0; i < plane && c * plane + i < to; i++)
            wrong += dst[c * plane + i] != (i < count ? src[3 * i + c] : 0xa5a5a5a5u);
    CHECK(wrong == 0, "split3_32 %s %zu: %d differ", k->name, count, wrong);
    CHECK(guarded_front_intact(dst), "split3_32 %s wrote in front of dst", k->name);

    uint8_t *bytes = guarded(&region_src, from), *planes = guarded(&region_dst, to);
    for (size_t i = 0; i < from; i++)
        bytes[i] = (uint8_t)(oracle_bits() >> 24);
    k->layout.split3_8(bytes, count, planes, plane);
    for (size_t c = 0, i = wrong = 0; c < 3; c++)
        for (i = 0; i < plane && c * plane + i < to; i++)
            wrong += planes[c * plane + i] != (i < count ? bytes[3 * i + c] : 0xa5);
    CHECK(wrong == 0, "split3_8 %s %zu: %d differ", k->name, count, wrong);
    CHECK(guarded_front_intact(planes), "split3_8 %s wrote in front of dst", k->name);
}

static void test_rows(const cpu_kernels *k, size_t first, size_t channels, size_t pixels, size_t gap)
{
    const size_t block = (size_t)k->block, blocks = (first + channels + block - 1) / block;
    const size_t stride = pixels * block, row = channels + gap, to = row * pixels - gap;
    float *src = guarded(&region_src, blocks * stride * sizeof(float)), *dst = guarded(&region_dst, to * sizeof(float));
    oracle_fill(src, blocks * stride);
    k->layout.rows(src, stride, first, channels, pixels, dst, row);
    int wrong = 0;
    for (size_t i = 0; i < pixels; i++)
        for (size_t c = 0; c < row && i * row + c < to; c++) {
            static const uint32_t untouched = 0xa5a5a5a5u;
            const size_t at = first + c;
            const void *want = c < channels ? (const void *)(src + at / block * stride + i * block + at % block)
                                            : (const void *)&untouched;
            wrong += memcmp(want, dst + i * row + c, sizeof(float)) != 0;
        }
    CHECK(wrong == 0, "rows %s first=%zu channels=%zu pixels=%zu: %d differ", k->name, first, channels, pixels, wrong);
    CHECK(guarded_front_intact(dst), "rows %s wrote in front of dst", k->name);
}

/* Every lane from a random lane of a random source; lane `empty` from none. */
static void test_gather(const cpu_kernels *k, int count, size_t hw, int empty)
{
    const size_t block = (size_t)k->block, floats = hw * block;
    float *src = guarded(&region_src, floats * (size_t)count * sizeof(float)),
          *dst = guarded(&region_dst, floats * sizeof(float));
    const float *sources[LAYOUT_MAX_PICKS];
    layout_pick picks[LAYOUT_MAX_PICKS] = { 0 };
    int from[16], wrong = 0;
    oracle_fill(src, floats * (size_t)count);
    for (int i = 0; i < count; i++)
        sources[i] = src + (size_t)i * floats;
    for (int lane = 0; lane < k->block; lane++) {
        from[lane] = (int)(oracle_bits() >> 8) % count;
        picks[from[lane]].index[lane] = (int)(oracle_bits() >> 8) % k->block;
        picks[from[lane]].mask |= lane == empty ? 0 : UINT32_C(1) << lane;
    }
    k->layout.gather(sources, picks, count, hw, k->block, dst);
    for (size_t i = 0; i < hw; i++)
        for (int lane = 0; lane < k->block; lane++) {
            const float zero = 0, *at = sources[from[lane]] + i * block + picks[from[lane]].index[lane];
            wrong += memcmp(lane == empty ? &zero : at, dst + i * block + (size_t)lane, sizeof(float)) != 0;
        }
    CHECK(wrong == 0, "gather %s count=%d hw=%zu: %d differ", k->name, count, hw, wrong);
    CHECK(guarded_front_intact(dst), "gather %s wrote in front of dst", k->name);
}

static void bench_layout(const cpu_kernels *k)
{
    size_t block = (size_t)k->block, hw = 1600, bytes = hw * block * sizeof(float);
    float *src = guarded(&region_src, bytes), *dst = guarded(&region_dst, bytes);
    oracle_fill(src, hw * block);
    ORACLE_BENCH(k->name, "block 40x40", 2 * bytes, k->layout.block(src, hw, (int)block, hw, dst));
    ORACLE_BENCH(k->name, "unblock 40x40", 2 * bytes, k->layout.unblock(src, (int)block, hw, dst, hw));
    ORACLE_BENCH(k->name, "rows of 85", 2 * 85 * 64 * 4, k->layout.rows(src, 64 * block, 0, 85, 64, dst, 85));
    ORACLE_BENCH(k->name, "rows of 85 from 85", 2 * 85 * 64 * 4, k->layout.rows(src, 64 * block, 5, 85, 64, dst, 85));
    ORACLE_BENCH(k->name, "block 3 of a block", 2 * bytes, k->layout.block(src, hw, 3, hw, dst));
    ORACLE_BENCH(k->name, "unblock 5 of a block", 2 * bytes, k->layout.unblock(src, 5, hw, dst, hw));
    uint32_t *a = guarded(&region_src, 84 * 840 * 4), *b = guarded(&region_dst, 84 * 840 * 4);
    ORACLE_BENCH(k->name, "transpose 84x840", 2 * 84 * 840 * 4, k->layout.transpose(a, 840, b, 84, 84, 840));
    ORACLE_BENCH(k->name, "transpose 840x84", 2 * 84 * 840 * 4, k->layout.transpose(a, 84, b, 840, 840, 84));
    ORACLE_BENCH(k->name, "transpose 20000x3", 2 * 60000 * 4, k->layout.transpose(a, 3, b, 20000, 20000, 3));
    ORACLE_BENCH(k->name, "split3_32 20000", 2 * 60000 * 4, k->layout.split3_32(a, 20000, b, 20000));
    ORACLE_BENCH(k->name, "split3_8 20000", 2 * 60000, k->layout.split3_8((uint8_t *)a, 20000, (uint8_t *)b, 20000));
}

void test_layout(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_src = guarded_create(1 << 20);
    region_dst = guarded_create(1 << 20);
    if (bench) {
        bench_layout(k);
    } else {
        for (int lanes = 1; lanes <= k->block; lanes++)
            for (size_t hw = 1; hw <= 35; hw++)
                test_block(k, lanes, hw, hw % 3);
        test_block(k, k->block, 400, 0);
        test_block(k, k->block - 1, 401, 5);
        for (size_t rows = 1; rows <= 35; rows++)
            for (size_t cols = 1; cols <= 35; cols++)
                test_transpose(k, rows, cols, (rows + cols) % 3, rows % 2);
        test_transpose(k, 84, 333, 0, 0);
        for (size_t count = 1; count <= 100; count++)
            test_split3(k, count, count % 4);
        for (size_t first = 0; first <= 17; first++)
            for (size_t channels = 1; channels <= 37; channels++)
                test_rows(k, first, channels, 1 + (first + channels) % 5, channels % 3);
        test_rows(k, 85, 85, 33, 0);
        for (int count = 1; count <= LAYOUT_MAX_PICKS; count++)
            for (size_t hw = 1; hw <= 9; hw++)
                test_gather(k, count, hw, count % (k->block + 1));
    }
    guarded_free(&region_src);
    guarded_free(&region_dst);
    oracle_report(counts);
}
