/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Pooling kernels against a window-by-window double oracle: kernels, strides, dilations and pads of every kind, NaN and
 * infinities among the values, nothing written outside the channel block. */
#include "oracle.h"

static guarded_region region_src, region_dst, region_scratch;
static double expected[1 << 16];

typedef struct window_result {
    double max, sum;
    int inside, padded;
} window_result;

/* One output element, by the definition. */
static window_result window(const pool_shape *s, const float *plane, int y, int x, int lane)
{
    window_result r = { -INFINITY, 0, 0, 0 };
    for (int ky = 0; ky < s->kernel_h; ky++) {
        for (int kx = 0; kx < s->kernel_w; kx++) {
            int iy = y * s->stride_h - s->pad_top + ky * s->dilation_h;
            int ix = x * s->stride_w - s->pad_left + kx * s->dilation_w;
            r.padded += iy < s->h_in + s->pad_bottom && ix < s->w_in + s->pad_right;
            if (iy < 0 || iy >= s->h_in || ix < 0 || ix >= s->w_in)
                continue;
            double value = plane[((size_t)iy * (size_t)s->w_in + (size_t)ix) * (size_t)s->block + (size_t)lane];
            r.max = isnan(r.max) || r.max >= value ? r.max : value;
            r.sum += value;
            r.inside++;
        }
    }
    return r;
}

static void oracle_pool(const pool_shape *s, const float *plane, bool maximum)
{
    double *out = expected;
    for (int y = 0; y < s->h_out; y++) {
        for (int x = 0; x < s->w_out; x++) {
            for (int lane = 0; lane < s->block; lane++) {
                window_result r = window(s, plane, y, x, lane);
                int taps = s->count_include_pad ? r.padded : r.inside;
                *out++ = maximum ? r.max : taps ? r.sum / taps : 0;
            }
        }
    }
}

static void test_shape(const cpu_kernels *k, pool_shape s)
{
    s.block = k->block;
    s.channel_blocks = 2;
    int extent_h = (s.kernel_h - 1) * s.dilation_h + 1, extent_w = (s.kernel_w - 1) * s.dilation_w + 1;
    s.h_out = (s.h_in + s.pad_top + s.pad_bottom - extent_h) / s.stride_h + 1;
    s.w_out = (s.w_in + s.pad_left + s.pad_right - extent_w) / s.stride_w + 1;
    if (s.h_in + s.pad_top + s.pad_bottom < extent_h || s.w_in + s.pad_left + s.pad_right < extent_w)
        return;
    size_t in = (size_t)(s.h_in * s.w_in * s.block), out = (size_t)(s.h_out * s.w_out * s.block);
    float *src = guarded(&region_src, 2 * in * sizeof(float));
    void *scratch = guarded(&region_scratch, pool_scratch_bytes(&s));
    for (int block = 1; block >= 0; block--) {
        float *dst = guarded(&region_dst, 2 * out * sizeof(float));
        oracle_fill(src, 2 * in);
        oracle_pool(&s, src + (size_t)block * in, true);
        k->pool.max(&s, src, dst, block, scratch);
        char what[96];
        snprintf(what, sizeof(what), "max %dx%d s%d,%d d%d,%d pad %d,%d,%d,%d on %dx%d", s.kernel_h, s.kernel_w,
                 s.stride_h, s.stride_w, s.dilation_h, s.dilation_w, s.pad_top, s.pad_left, s.pad_bottom, s.pad_right,
                 s.h_in, s.w_in);
        oracle_check(what, k->name, dst + (size_t)block * out, expected, out, 0, 0);
        CHECK(guarded_front_intact(dst) && guarded_front_intact(scratch), "%s %s wrote in front", what, k->name);
        CHECK(((const uint32_t *)(const void *)dst)[block ? 0 : out] == 0xa5a5a5a5u, "%s %s: other block", what,
              k->name);

        for (int pad = 0; pad < 2; pad++) {
            s.count_include_pad = pad;
            oracle_fill_plain(src, 2 * in, -3, 5);
            oracle_pool(&s, src + (size_t)block * in, false);
            k->pool.average(&s, src, dst, block, scratch);
            memcpy(what, "avg", 3);
            oracle_check(what, k->name, dst + (size_t)block * out, expected, out, 1e-6, 3e-6);
        }
    }
}

static void test_global(const cpu_kernels *k, int h, int w)
{
    pool_shape s = { .channel_blocks = 2,
                     .block = k->block,
                     .h_in = h,
                     .w_in = w,
                     .h_out = 1,
                     .w_out = 1,
                     .kernel_h = h,
                     .kernel_w = w,
                     .stride_h = 1,
                     .stride_w = 1,
                     .dilation_h = 1,
                     .dilation_w = 1 };
    size_t in = (size_t)(h * w * s.block);
    float *src = guarded(&region_src, 2 * in * sizeof(float));
    float *dst = guarded(&region_dst, 2 * (size_t)s.block * sizeof(float));
    oracle_fill_plain(src, 2 * in, -1, 3);
    for (int block = 0; block < 2; block++) {
        oracle_pool(&s, src + (size_t)block * in, false);
        k->pool.global_average(&s, src, dst, block, NULL);
        oracle_check("global average", k->name, dst + block * s.block, expected, (size_t)s.block, 1e-5, 1e-5);
    }
    CHECK(guarded_front_intact(dst), "global average %s", k->name);
}

static void bench_pool(const cpu_kernels *k)
{
    static const pool_shape shapes[] = {
        { .h_in = 20,
          .w_in = 20,
          .kernel_h = 5,
          .kernel_w = 5,
          .stride_h = 1,
          .stride_w = 1,
          .pad_top = 2,
          .pad_left = 2,
          .h_out = 20,
          .w_out = 20 },
        { .h_in = 112,
          .w_in = 112,
          .kernel_h = 3,
          .kernel_w = 3,
          .stride_h = 2,
          .stride_w = 2,
          .pad_top = 1,
          .pad_left = 1,
          .h_out = 56,
          .w_out = 56 },
        { .h_in = 80,
          .w_in = 80,
          .kernel_h = 2,
          .kernel_w = 2,
          .stride_h = 2,
          .stride_w = 2,
          .h_out = 40,
          .w_out = 40 },
    };
    static const char *const names[] = { "max 5x5 s1 20x20", "max 3x3 s2 112x112", "max 2x2 s2 80x80" };
    for (int i = 0; i < 3; i++) {
        pool_shape s = shapes[i];
        s.block = k->block;
        s.channel_blocks = 1;
        s.dilation_h = s.dilation_w = 1;
        size_t in = (size_t)(s.h_in * s.w_in * s.block), out = (size_t)(s.h_out * s.w_out * s.block);
        float *src = guarded(&region_src, in * sizeof(float)), *dst = guarded(&region_dst, out * sizeof(float));
        void *scratch = guarded(&region_scratch, pool_scratch_bytes(&s));
        oracle_fill_plain(src, in, -1, 1);
        ORACLE_BENCH(k->name, names[i], (in + out) * sizeof(float), k->pool.max(&s, src, dst, 0, scratch));
        ORACLE_BENCH(k->name, "  average", (in + out) * sizeof(float), k->pool.average(&s, src, dst, 0, scratch));
        s.h_out = s.w_out = 1;
        ORACLE_BENCH(k->name, "  global average", in * sizeof(float), k->pool.global_average(&s, src, dst, 0, NULL));
    }
}

void test_pool(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_src = guarded_create(1 << 21);
    region_dst = guarded_create(1 << 21);
    region_scratch = guarded_create(1 << 21);
    if (bench) {
        bench_pool(k);
    } else {
        static const int kernels[] = { 1, 2, 3, 4, 5, 7, 13 };
        for (int i = 0; i < 400; i++) {
            pool_shape s = { .h_in = oracle_int(1, 23),
                             .w_in = oracle_int(1, 23),
                             .kernel_h = kernels[oracle_int(0, 6)],
                             .kernel_w = kernels[oracle_int(0, 6)],
                             .stride_h = oracle_int(1, 3),
                             .stride_w = oracle_int(1, 3),
                             .dilation_h = oracle_int(0, 9) ? 1 : 2,
                             .dilation_w = oracle_int(0, 9) ? 1 : 3 };
            s.pad_top = oracle_int(0, s.kernel_h - 1);
            s.pad_left = oracle_int(0, s.kernel_w - 1);
            s.pad_bottom = oracle_int(0, s.kernel_h - 1);
            s.pad_right = oracle_int(0, s.kernel_w - 1);
            test_shape(k, s);
        }
        test_shape(k, (pool_shape){ .h_in = 20,
                                    .w_in = 20,
                                    .kernel_h = 5,
                                    .kernel_w = 5,
                                    .stride_h = 1,
                                    .stride_w = 1,
                                    .dilation_h = 1,
                                    .dilation_w = 1,
                                    .pad_top = 2,
                                    .pad_left = 2,
                                    .pad_bottom = 2,
                                    .pad_right = 2 });
        for (int n = 1; n < 12; n++)
            test_global(k, n, 13 - n);
        test_global(k, 40, 40);
    }
    guarded_free(&region_src);
    guarded_free(&region_dst);
    guarded_free(&region_scratch);
    oracle_report(counts);
}
