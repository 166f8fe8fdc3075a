/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Work on bytes: tables, additions and products are exact, so every instruction set must give the same bytes. */
#include "oracle.h"

static guarded_region region_a, region_b, region_dst;

static int value_at(const uint8_t *p, size_t i, bool is_signed)
{
    return is_signed ? (int8_t)p[i] : p[i];
}

static void fill_bytes(uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)oracle_bits();
}

static void test_lookup(const cpu_kernels *k, size_t n, bool in_place)
{
    uint8_t table[256], want[4200];
    uint8_t *src = guarded(&region_a, n), *dst = in_place ? src : guarded(&region_dst, n);
    fill_bytes(table, 256);
    for (size_t i = 0; i < n; i++) {
        src[i] = (uint8_t)(n > 255 ? i : oracle_bits());
        want[i] = table[src[i]];
    }
    k->qeltwise.lookup(src, dst, n, table);
    CHECK(!memcmp(want, dst, n), "lookup %s n=%zu", k->name, n);
    CHECK(guarded_front_intact(dst), "lookup %s wrote in front of dst", k->name);
}

static void test_limits(const cpu_kernels *k, size_t n)
{
    float *x = guarded(&region_a, n * sizeof(float)), low = -0.5f, high = 0.25f, want_low = low, want_high = high;
    for (size_t i = 0; i < n; i++) {
        x[i] = oracle_int(0, 9) ? oracle_float(-2, 2) : NAN;
        want_low = x[i] < want_low ? x[i] : want_low;
        want_high = x[i] > want_high ? x[i] : want_high;
    }
    k->qeltwise.limits(x, n, &low, &high);
    CHECK(low == want_low && high == want_high, "limits %s n=%zu: %g %g, expected %g %g", k->name, n, (double)low,
          (double)high, (double)want_low, (double)want_high);
}

static void test_binary(const cpu_kernels *k, size_t n, bool is_signed, bool product, bool in_place)
{
    int low = is_signed ? -128 : 0;
    qeltwise_scales s = { oracle_float(0.01f, 0.1f),
                          oracle_float(0.01f, 0.1f),
                          oracle_float(0.02f, 0.2f),
                          oracle_int(low, low + 255),
                          oracle_int(low, low + 255),
                          oracle_int(low, low + 255),
                          is_signed };
    uint8_t *a = guarded(&region_a, n), *b = guarded(&region_b, n), want[4200];
    fill_bytes(a, n);
    fill_bytes(b, n);
    for (size_t i = 0; i < n; i++) {
        int x = value_at(a, i, is_signed) - s.a_zero, y = value_at(b, i, is_signed) - s.b_zero;
        volatile float left = (float)x * (s.a_scale / s.dst_scale), right = (float)y * (s.b_scale / s.dst_scale);
        volatile float sum = left + right, scaled = (float)(x * y) * (s.a_scale * s.b_scale / s.dst_scale);
        double q = rint((double)(product ? scaled : sum)) + s.dst_zero;
        want[i] = (uint8_t)(int)(q < low ? low : q > low + 255 ? low + 255 : q);
    }
    uint8_t *dst = in_place ? b : guarded(&region_dst, n);
    (product ? k->qeltwise.mul : k->qeltwise.add)(a, b, dst, n, &s);
    CHECK(!memcmp(want, dst, n), "%s %s n=%zu signed=%d", product ? "mul" : "add", k->name, n, is_signed);
    CHECK(guarded_front_intact(dst), "binary %s wrote in front of dst", k->name);
}

static void test_max(const cpu_kernels *k, size_t n, bool in_place)
{
    uint8_t *a = guarded(&region_a, n), *b = guarded(&region_b, n), want[4200];
    for (int is_signed = 0; is_signed < 2; is_signed++) {
        fill_bytes(a, n);
        fill_bytes(b, n);
        for (size_t i = 0; i < n; i++)
            want[i] = value_at(a, i, is_signed) > value_at(b, i, is_signed) ? a[i] : b[i];
        uint8_t *dst = in_place ? a : guarded(&region_dst, n);
        if (is_signed)
            k->qeltwise.max_s8((int8_t *)a, (int8_t *)b, (int8_t *)dst, n);
        else
            k->qeltwise.max_u8(a, b, dst, n);
        CHECK(!memcmp(want, dst, n), "max %s n=%zu signed=%d", k->name, n, is_signed);
    }
}

static void bench_qeltwise(const cpu_kernels *k)
{
    enum { N = 1 << 14 };
    uint8_t *a = guarded(&region_a, N), *b = guarded(&region_b, N), *dst = guarded(&region_dst, N);
    qeltwise_scales s = { 0.02f, 0.03f, 0.04f, 3, 5, 7, false };
    ORACLE_BENCH(k->name, "lookup", 2 * N, k->qeltwise.lookup(a, dst, N, b));
    ORACLE_BENCH(k->name, "add u8", 3 * N, k->qeltwise.add(a, b, dst, N, &s));
    ORACLE_BENCH(k->name, "mul u8", 3 * N, k->qeltwise.mul(a, b, dst, N, &s));
    ORACLE_BENCH(k->name, "max u8", 3 * N, k->qeltwise.max_u8(a, b, dst, N));
}

void test_qeltwise(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_a = guarded_create(1 << 16);
    region_b = guarded_create(1 << 16);
    region_dst = guarded_create(1 << 16);
    if (bench)
        bench_qeltwise(k);
    for (size_t n = 1; n <= 4099 && !bench; n = n < 140 ? n + 1 : n * 2 + 3) {
        test_limits(k, n);
        for (int in_place = 0; in_place < 2; in_place++) {
            test_lookup(k, n, in_place);
            test_max(k, n, in_place);
            for (int form = 0; form < 4; form++)
                test_binary(k, n, form & 1, form & 2, in_place);
        }
    }
    guarded_free(&region_a);
    guarded_free(&region_b);
    guarded_free(&region_dst);
    oracle_report(counts);
}
