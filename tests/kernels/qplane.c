/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Blocked bytes: pooling against its definition, resize and reorders byte by byte. */
#include "oracle.h"

#include "cpu/qplane.h"

static guarded_region region_src, region_dst, region_scratch;

static void *random_bytes(guarded_region *region, size_t n)
{
    uint8_t *p = guarded(region, n);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)oracle_bits();
    return p;
}

static int oracle_max(const pool_shape *s, const uint8_t *plane, bool is_signed, int y, int x, int lane)
{
    int best = is_signed ? -128 : 0;
    for (int ky = 0; ky < s->kernel_h; ky++)
        for (int kx = 0; kx < s->kernel_w; kx++) {
            int iy = y * s->stride_h - s->pad_top + ky * s->dilation_h;
            int ix = x * s->stride_w - s->pad_left + kx * s->dilation_w;
            if (iy < 0 || iy >= s->h_in || ix < 0 || ix >= s->w_in)
                continue;
            uint8_t bits = plane[(iy * s->w_in + ix) * s->block + lane];
            int value = is_signed ? (int8_t)bits : bits;
            best = value > best ? value : best;
        }
    return best;
}

static void test_pool_shape(const cpu_kernels *k, pool_shape s, bool is_signed)
{
    s.block = k->block;
    s.channel_blocks = 2;
    int pad_bottom = oracle_int(0, s.kernel_h - 1), pad_right = oracle_int(0, s.kernel_w - 1);
    s.h_out = (s.h_in + s.pad_top + pad_bottom - (s.kernel_h - 1) * s.dilation_h - 1) / s.stride_h + 1;
    s.w_out = (s.w_in + s.pad_left + pad_right - (s.kernel_w - 1) * s.dilation_w - 1) / s.stride_w + 1;
    if (s.h_in + s.pad_top + pad_bottom <= (s.kernel_h - 1) * s.dilation_h ||
        s.w_in + s.pad_left + pad_right <= (s.kernel_w - 1) * s.dilation_w)
        return;
    size_t in = (size_t)(s.h_in * s.w_in * s.block), out = (size_t)(s.h_out * s.w_out * s.block);
    uint8_t *src = random_bytes(&region_src, 2 * in), *dst = guarded(&region_dst, 2 * out);
    void *scratch = guarded(&region_scratch, qplane_pool_scratch_bytes(&s));
    int wrong = 0;
    for (int block = 0; block < 2; block++) {
        qplane_max_pool(&k->qeltwise, &s, is_signed, src, dst, block, scratch);
        for (int y = 0; y < s.h_out; y++)
            for (int x = 0; x < s.w_out; x++)
                for (int lane = 0; lane < s.block; lane++) {
                    uint8_t got = dst[(size_t)block * out + (size_t)((y * s.w_out + x) * s.block + lane)];
                    wrong += got != (uint8_t)oracle_max(&s, src + (size_t)block * in, is_signed, y, x, lane);
                }
    }
    CHECK(wrong == 0, "byte max pool %s %dx%d s%d,%d d%d,%d on %dx%d: %d wrong", k->name, s.kernel_h, s.kernel_w,
          s.stride_h, s.stride_w, s.dilation_h, s.dilation_w, s.h_in, s.w_in, wrong);
    CHECK(guarded_front_intact(dst) && guarded_front_intact(scratch), "byte max pool %s wrote in front", k->name);
}

static void test_resize_shape(const cpu_kernels *k)
{
    enum { SIDE = 32 };
    resize_shape s = { 1, k->block, oracle_int(1, 16), oracle_int(1, 16), oracle_int(1, SIDE), oracle_int(1, SIDE) };
    int y_index[SIDE], x_index[SIDE], wrong = 0;
    for (int y = 0; y < s.h_out; y++)
        y_index[y] = y * s.h_in / s.h_out;
    for (int x = 0; x < s.w_out; x++)
        x_index[x] = oracle_int(0, s.w_in - 1);
    uint8_t *src = random_bytes(&region_src, (size_t)(s.h_in * s.w_in * s.block));
    uint8_t *dst = guarded(&region_dst, (size_t)(s.h_out * s.w_out * s.block));
    int middle = s.h_out / 2;
    qplane_resize_nearest(&s, src, dst, y_index, x_index, 0, 0, middle);
    qplane_resize_nearest(&s, src, dst, y_index, x_index, 0, middle, s.h_out);
    for (int y = 0; y < s.h_out; y++)
        for (int x = 0; x < s.w_out; x++)
            wrong += memcmp(dst + (y * s.w_out + x) * s.block, src + (y_index[y] * s.w_in + x_index[x]) * s.block,
                            (size_t)s.block) != 0;
    CHECK(wrong == 0 && guarded_front_intact(dst), "byte resize %s: %d pixels differ", k->name, wrong);
}

static void test_reorder(const cpu_kernels *k, int lanes, size_t hw)
{
    size_t block = (size_t)k->block, stride = hw + 3, plain = stride * (size_t)lanes;
    uint8_t *src = random_bytes(&region_src, plain), *dst = guarded(&region_dst, hw * block);
    qplane_block(src, stride, lanes, k->block, hw, dst, 7);
    int wrong = 0;
    for (size_t i = 0; i < hw; i++)
        for (size_t lane = 0; lane < block; lane++)
            wrong += dst[i * block + lane] != (lane < (size_t)lanes ? src[lane * stride + i] : 7);
    CHECK(wrong == 0, "byte block %s lanes=%d hw=%zu", k->name, lanes, hw);
    uint8_t *back = guarded(&region_scratch, plain);
    qplane_unblock(dst, lanes, k->block, hw, back, stride);
    for (size_t lane = 0; lane < (size_t)lanes; lane++)
        wrong += memcmp(back + lane * stride, src + lane * stride, hw) != 0 || back[lane * stride + hw] != 0xa5;
    CHECK(wrong == 0, "byte unblock %s lanes=%d hw=%zu", k->name, lanes, hw);
}

static void test_transpose(size_t rows, size_t cols)
{
    const size_t src_stride = cols + (size_t)oracle_int(0, 3), dst_stride = rows + (size_t)oracle_int(0, 3);
    const uint8_t *src = random_bytes(&region_src, (rows - 1) * src_stride + cols);
    uint8_t *dst = guarded(&region_dst, (cols - 1) * dst_stride + rows);
    int wrong = 0;
    qplane_transpose(src, src_stride, dst, dst_stride, rows, cols);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < cols; j++)
            wrong += dst[j * dst_stride + i] != src[i * src_stride + j];
    CHECK(wrong == 0 && guarded_front_intact(dst), "transpose %zux%zu: %d differ", rows, cols, wrong);
}

void test_qplane(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_src = guarded_create(1 << 18);
    region_dst = guarded_create(1 << 18);
    region_scratch = guarded_create(1 << 18);
    if (bench) {
        pool_shape s = { 1, k->block, 20, 20, 20, 20, 5, 5, 1, 1, 1, 1, 2, 2, false, 2, 2 };
        size_t bytes = (size_t)(400 * k->block);
        uint8_t *src = random_bytes(&region_src, bytes), *dst = guarded(&region_dst, bytes);
        void *scratch = guarded(&region_scratch, qplane_pool_scratch_bytes(&s));
        ORACLE_BENCH(k->name, "byte max 5x5 s1 20x20", 2 * bytes,
                     qplane_max_pool(&k->qeltwise, &s, false, src, dst, 0, scratch));
    }
    for (int i = 0; i < 150 && !bench; i++) {
        pool_shape s = { .h_in = oracle_int(1, 17),
                         .w_in = oracle_int(1, 17),
                         .kernel_h = oracle_int(1, 6),
                         .kernel_w = oracle_int(1, 6),
                         .stride_h = oracle_int(1, 3),
                         .stride_w = oracle_int(1, 3),
                         .dilation_h = 1 + !oracle_int(0, 4),
                         .dilation_w = 1 + !oracle_int(0, 4) };
        s.pad_top = oracle_int(0, s.kernel_h - 1);
        s.pad_left = oracle_int(0, s.kernel_w - 1);
        test_pool_shape(k, s, i & 1);
        test_resize_shape(k);
        test_reorder(k, 1 + i % k->block, 1 + (size_t)i % 37);
        test_transpose((size_t)oracle_int(1, 70), (size_t)oracle_int(1, 70));
    }
    guarded_free(&region_src);
    guarded_free(&region_dst);
    guarded_free(&region_scratch);
    oracle_report(counts);
}
