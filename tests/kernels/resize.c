/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Resize kernels: nearest must move bits, linear is held against double. Rows are asked for in uneven strips. */
#include "oracle.h"

enum { MAX_SIDE = 64 };

static guarded_region region_src, region_dst;
static double expected[MAX_SIDE * MAX_SIDE * 16];

static float *plane(float *start, int block, int height, int width, int lanes)
{
    return start + (size_t)block * (size_t)height * (size_t)width * (size_t)lanes;
}

static void test_nearest(const cpu_kernels *k, resize_shape s, bool doubled)
{
    int y_index[MAX_SIDE], x_index[MAX_SIDE];
    s.block = k->block;
    s.channel_blocks = 2;
    if (doubled) {
        s.h_out = 2 * s.h_in;
        s.w_out = 2 * s.w_in;
    }
    for (int y = 0; y < s.h_out; y++)
        y_index[y] = doubled ? y / 2 : oracle_int(0, s.h_in - 1);
    for (int x = 0; x < s.w_out; x++)
        x_index[x] = doubled ? x / 2 : oracle_int(0, s.w_in - 1);
    size_t in = (size_t)(s.h_in * s.w_in * s.block), out = (size_t)(s.h_out * s.w_out * s.block);
    float *src = guarded(&region_src, 2 * in * sizeof(float)), *dst = guarded(&region_dst, 2 * out * sizeof(float));
    oracle_fill(src, 2 * in);
    int wrong = 0;
    for (int block = 0; block < 2; block++) {
        for (int y = 0, strip = 1; y < s.h_out; y += strip, strip = strip % 4 + 1)
            k->resize.nearest(&s, src, dst, y_index, x_index, block, y, y + strip < s.h_out ? y + strip : s.h_out);
        const float *from = plane(src, block, s.h_in, s.w_in, s.block),
                    *to = plane(dst, block, s.h_out, s.w_out, s.block);
        for (int y = 0; y < s.h_out; y++)
            for (int x = 0; x < s.w_out; x++)
                wrong += memcmp(to + (y * s.w_out + x) * s.block, from + (y_index[y] * s.w_in + x_index[x]) * s.block,
                                (size_t)s.block * sizeof(float)) != 0;
    }
    CHECK(wrong == 0, "nearest %s %dx%d -> %dx%d: %d pixels differ", k->name, s.h_in, s.w_in, s.h_out, s.w_out, wrong);
    CHECK(guarded_front_intact(dst), "nearest %s wrote in front of dst", k->name);
}

static void random_taps(int *index, int *next, float *weight, int n, int size)
{
    for (int i = 0; i < n; i++) {
        index[i] = oracle_int(0, size - 1);
        next[i] = index[i] + 1 < size ? index[i] + 1 : index[i];
        weight[i] = oracle_int(0, 4) ? oracle_float(0, 1) : 0;
    }
}

static void test_linear(const cpu_kernels *k, resize_shape s)
{
    int yi[MAX_SIDE], yn[MAX_SIDE], xi[MAX_SIDE], xn[MAX_SIDE];
    float yw[MAX_SIDE], xw[MAX_SIDE];
    s.block = k->block;
    s.channel_blocks = 2;
    random_taps(yi, yn, yw, s.h_out, s.h_in);
    random_taps(xi, xn, xw, s.w_out, s.w_in);
    resize_taps y_taps = { yi, yn, yw }, x_taps = { xi, xn, xw };
    size_t in = (size_t)(s.h_in * s.w_in * s.block), out = (size_t)(s.h_out * s.w_out * s.block);
    float *src = guarded(&region_src, 2 * in * sizeof(float)), *dst = guarded(&region_dst, 2 * out * sizeof(float));
    oracle_fill_plain(src, 2 * in, -2, 2);
    for (int block = 0; block < 2; block++) {
        const float *from = plane(src, block, s.h_in, s.w_in, s.block);
        double *e = expected;
        for (int y = 0; y < s.h_out; y++) {
            for (int x = 0; x < s.w_out; x++) {
                for (int lane = 0; lane < s.block; lane++) {
                    double wy = yw[y], wx = xw[x];
                    double a = from[(yi[y] * s.w_in + xi[x]) * s.block + lane];
                    double b = from[(yi[y] * s.w_in + xn[x]) * s.block + lane];
                    double c = from[(yn[y] * s.w_in + xi[x]) * s.block + lane];
                    double d = from[(yn[y] * s.w_in + xn[x]) * s.block + lane];
                    *e++ = (1 - wy) * ((1 - wx) * a + wx * b) + wy * ((1 - wx) * c + wx * d);
                }
            }
        }
        int middle = s.h_out / 2;
        k->resize.linear(&s, src, dst, &y_taps, &x_taps, block, 0, middle);
        k->resize.linear(&s, src, dst, &y_taps, &x_taps, block, middle, s.h_out);
        oracle_check("linear", k->name, plane(dst, block, s.h_out, s.w_out, s.block), expected, out, 0, 1e-6);
    }
    CHECK(guarded_front_intact(dst), "linear %s wrote in front of dst", k->name);
}

static void bench_resize(const cpu_kernels *k)
{
    resize_shape s = { 1, k->block, 20, 20, 40, 40 };
    int index[40], next[40];
    float weight[40];
    size_t in = (size_t)(400 * s.block), out = 4 * in;
    float *src = guarded(&region_src, in * sizeof(float)), *dst = guarded(&region_dst, out * sizeof(float));
    oracle_fill_plain(src, in, -2, 2);
    for (int i = 0; i < 40; i++)
        index[i] = i / 2;
    ORACLE_BENCH(k->name, "nearest x2 20x20", (in + out) * sizeof(float),
                 k->resize.nearest(&s, src, dst, index, index, 0, 0, 40));
    index[39] = 18;
    ORACLE_BENCH(k->name, "nearest 20x20 -> 40x40", (in + out) * sizeof(float),
                 k->resize.nearest(&s, src, dst, index, index, 0, 0, 40));
    random_taps(index, next, weight, 40, 20);
    resize_taps taps = { index, next, weight };
    ORACLE_BENCH(k->name, "linear 20x20 -> 40x40", (in + out) * sizeof(float),
                 k->resize.linear(&s, src, dst, &taps, &taps, 0, 0, 40));
}

void test_resize(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_src = guarded_create(2 * MAX_SIDE * MAX_SIDE * 16 * sizeof(float));
    region_dst = guarded_create(2 * MAX_SIDE * MAX_SIDE * 16 * sizeof(float));
    if (bench) {
        bench_resize(k);
    } else {
        for (int i = 0; i < 60; i++) {
            resize_shape s = { 0, 0, oracle_int(1, 31), oracle_int(1, 31), oracle_int(1, 40), oracle_int(1, 40) };
            test_nearest(k, s, false);
            test_nearest(k, s, true);
            test_linear(k, s);
        }
    }
    guarded_free(&region_src);
    guarded_free(&region_dst);
    oracle_report(counts);
}
