/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Elementwise kernels against double precision: every function at every length of up to two vectors and a few odd ones,
 * in place and not, special values included. */
#include "oracle.h"

enum { MAX_N = 1 << 16 };

static guarded_region region_a, region_b, region_dst;
static double expected[MAX_N];

static const struct {
    const char *name;
    float a, b;
    double relative, absolute;
} acts[CPU_ACT_COUNT] = {
    [CPU_ACT_NONE] = { "none", 0, 0, 0, 0 },
    [CPU_ACT_RELU] = { "relu", 0, 0, 0, 0 },
    [CPU_ACT_LEAKY_RELU] = { "leaky-relu", 0.1f, 0, 1.2e-7, 1e-38 },
    [CPU_ACT_CLIP] = { "clip", -1.5f, 6, 0, 0 },
    [CPU_ACT_SIGMOID] = { "sigmoid", 0, 0, 4e-6, 2e-6 },
    [CPU_ACT_SILU] = { "silu", 0, 0, 4e-6, 2e-6 },
    [CPU_ACT_HARD_SIGMOID] = { "hard-sigmoid", 0.2f, 0.5f, 4e-6, 2e-6 },
    [CPU_ACT_HARD_SWISH] = { "hard-swish", 0, 0, 4e-6, 2e-6 },
    [CPU_ACT_TANH] = { "tanh", 0, 0, 4e-6, 2e-6 },
    [CPU_ACT_GELU] = { "gelu", 0, 0, 4e-6, 2e-6 },
    [CPU_ACT_MISH] = { "mish", 0, 0, 4e-6, 2e-6 },
    [CPU_ACT_ELU] = { "elu", 0.7f, 0, 4e-6, 2e-6 },
    [CPU_ACT_SWISH] = { "swish", 1.59576912f, 0.0713548163f, 4e-6, 2e-6 },
};

static const struct {
    const char *name;
    double relative, absolute;
} unaries[CPU_UNARY_COUNT] = {
    [CPU_UNARY_EXP] = { "exp", 1e-6, 1e-40 },
    [CPU_UNARY_LOG] = { "log", 1e-6, 1e-7 },
    [CPU_UNARY_SQRT] = { "sqrt", 1.2e-7, 1e-45 },
    [CPU_UNARY_RECIPROCAL] = { "reciprocal", 1.2e-7, 1.5e-45 },
    [CPU_UNARY_NEG] = { "neg", 0, 0 },
    [CPU_UNARY_ABS] = { "abs", 0, 0 },
    [CPU_UNARY_ERF] = { "erf", 4e-6, 1e-6 },
    [CPU_UNARY_FLOOR] = { "floor", 0, 0 },
    [CPU_UNARY_CEIL] = { "ceil", 0, 0 },
    [CPU_UNARY_ROUND] = { "round", 0, 0 },
};

static const char *const binaries[CPU_BINARY_COUNT] = { "add", "sub", "mul", "div", "max", "min", "pow" };

static double clip(double x, double low, double high)
{
    return x < low ? low : x > high ? high : x;
}

/* The limit at -inf, where x times a vanishing factor is no number. */
static double oracle_act(cpu_act act, double x, double a, double b)
{
    bool bottom = isinf(x) && x < 0;
    switch (act) {
    case CPU_ACT_RELU:
        return x < 0 ? 0 : x;
    case CPU_ACT_LEAKY_RELU:
        return x < 0 ? a * x : x;
    case CPU_ACT_CLIP:
        return clip(x, a, b);
    case CPU_ACT_SIGMOID:
        return 1 / (1 + exp(-x));
    case CPU_ACT_SILU:
        return bottom ? 0 : x / (1 + exp(-x));
    case CPU_ACT_HARD_SIGMOID:
        return clip(a * x + b, 0, 1);
    case CPU_ACT_HARD_SWISH:
        return bottom ? 0 : x * clip(x / 6 + 0.5, 0, 1);
    case CPU_ACT_TANH:
        return tanh(x);
    case CPU_ACT_GELU:
        return bottom ? 0 : 0.5 * x * erfc(-x * sqrt(0.5));
    case CPU_ACT_MISH:
        return bottom ? 0 : x * tanh(log1p(exp(x)));
    case CPU_ACT_ELU:
        return x < 0 ? a * expm1(x) : x;
    case CPU_ACT_SWISH:
        return bottom ? 0 : x / (1 + exp(-x * (a + b * x * x)));
    default:
        return x;
    }
}

static double oracle_unary(cpu_unary which, double x)
{
    switch (which) {
    case CPU_UNARY_EXP:
        return exp(x);
    case CPU_UNARY_LOG:
        return log(x);
    case CPU_UNARY_SQRT:
        return sqrt(x);
    case CPU_UNARY_RECIPROCAL:
        return 1 / x;
    case CPU_UNARY_NEG:
        return -x;
    case CPU_UNARY_ABS:
        return fabs(x);
    case CPU_UNARY_ERF:
        return erf(x);
    case CPU_UNARY_FLOOR:
        return floor(x);
    case CPU_UNARY_CEIL:
        return ceil(x);
    case CPU_UNARY_ROUND:
        return rint(x);
    default:
        return NAN;
    }
}

static double oracle_binary(cpu_binary which, double x, double y)
{
    switch (which) {
    case CPU_BINARY_ADD:
        return x + y;
    case CPU_BINARY_SUB:
        return x - y;
    case CPU_BINARY_MUL:
        return x * y;
    case CPU_BINARY_DIV:
        return x / y;
    case CPU_BINARY_MAX:
        return isnan(x) || isnan(y) ? NAN : x > y ? x : y;
    case CPU_BINARY_MIN:
        return isnan(x) || isnan(y) ? NAN : x < y ? x : y;
    case CPU_BINARY_POW:
        return pow(x, y);
    default:
        return NAN;
    }
}

static const size_t sizes[] = { 1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15, 16, 17,  18,  19,
                                20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 47, 64, 100, 999, 4099 };

enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };

static void test_act(const cpu_kernels *k, cpu_act act, size_t n, bool in_place)
{
    float *src = guarded(&region_a, n * sizeof(float)), *dst = src;
    oracle_fill(src, n);
    for (size_t i = 0; i < n; i++)
        expected[i] = oracle_act(act, src[i], acts[act].a, acts[act].b);
    if (!in_place)
        dst = guarded(&region_dst, n * sizeof(float));
    k->eltwise.act[act](src, dst, n, acts[act].a, acts[act].b);
    oracle_check(acts[act].name, k->name, dst, expected, n, acts[act].relative, acts[act].absolute);
    CHECK(guarded_front_intact(dst), "%s %s wrote in front of dst", acts[act].name, k->name);
}

static void test_unary(const cpu_kernels *k, cpu_unary which, size_t n, bool in_place)
{
    float *src = guarded(&region_a, n * sizeof(float)), *dst = src;
    oracle_fill(src, n);
    for (size_t i = 0; i < n; i++)
        expected[i] = oracle_unary(which, src[i]);
    if (!in_place)
        dst = guarded(&region_dst, n * sizeof(float));
    k->eltwise.unary[which](src, dst, n);
    oracle_check(unaries[which].name, k->name, dst, expected, n, unaries[which].relative, unaries[which].absolute);
}

/* alias: 0 dst apart, 1 dst is a, 2 dst is b */
static void test_binary(const cpu_kernels *k, cpu_binary which, size_t n, int a_step, int b_step, int alias)
{
    float *a = guarded(&region_a, (a_step ? n : 1) * sizeof(float));
    float *b = guarded(&region_b, (b_step ? n : 1) * sizeof(float));
    oracle_fill(a, a_step ? n : 1);
    oracle_fill(b, b_step ? n : 1);
    if (which == CPU_BINARY_POW && !b_step) {
        static const float exponents[] = { 2, 3, 0.5f, -1, 1, 0, 1.7f };
        b[0] = exponents[oracle_bits() % 7];
    }
    for (size_t i = 0; i < n; i++)
        expected[i] = oracle_binary(which, a[a_step ? i : 0], b[b_step ? i : 0]);
    float *dst = alias == 1 ? a : alias == 2 ? b : guarded(&region_dst, n * sizeof(float));
    k->eltwise.binary[which](a, a_step, b, b_step, dst, n);
    oracle_check(binaries[which], k->name, dst, expected, n, 3e-7, 1.5e-45);
}

static void test_period(const cpu_kernels *k, cpu_binary which, size_t period, size_t times, bool swap, bool in_place)
{
    size_t n = period * times;
    float *a = guarded(&region_a, n * sizeof(float)), *b = guarded(&region_b, period * sizeof(float));
    oracle_fill(a, n);
    oracle_fill(b, period);
    for (size_t i = 0; i < n; i++) {
        double x = a[i], y = b[i % period];
        expected[i] = swap ? oracle_binary(which, y, x) : oracle_binary(which, x, y);
    }
    float *dst = in_place ? a : guarded(&region_dst, n * sizeof(float));
    k->eltwise.binary_period[which](a, b, period, swap, dst, n);
    oracle_check(binaries[which], k->name, dst, expected, n, 3e-7, 1.5e-45);
}

static double half_oracle(uint16_t h)
{
    int exponent = h >> 10 & 31, mantissa = h & 0x3ff;
    double value = exponent == 31 ? (mantissa ? NAN : INFINITY)
                   : exponent     ? ldexp(1024 + mantissa, exponent - 25)
                                  : ldexp(mantissa, -24);
    return h & 0x8000 ? -value : value;
}

/* Every half to float and back; floats at and beside the middle between two halves. */
static void test_half(const cpu_kernels *k)
{
    uint16_t *half = guarded(&region_a, 65536 * sizeof(uint16_t));
    float *value = guarded(&region_dst, 65536 * sizeof(float));
    for (int i = 0; i < 65536; i++) {
        half[i] = (uint16_t)i;
        expected[i] = half_oracle((uint16_t)i);
    }
    k->eltwise.half_to_float(half, value, 65536);
    oracle_check("half_to_float", k->name, value, expected, 65536, 0, 0);
    uint16_t *back = guarded(&region_b, 65536 * sizeof(uint16_t));
    k->eltwise.float_to_half(value, back, 65536);
    int wrong = -1;
    for (int i = 0; i < 65536; i++)
        if (isnan(expected[i]) ? !isnan(half_oracle(back[i])) : back[i] != i)
            wrong = i;
    CHECK(wrong < 0, "float_to_half %s: %04x comes back as %04x", k->name, (unsigned)wrong,
          back[wrong < 0 ? 0 : wrong]);

    int at = -1;
    for (int sign = 0; sign < 2; sign++) {
        for (int h = 0; h < 0x7c00; h++) {
            double low = half_oracle((uint16_t)h), high = h == 0x7bff ? 65536 : half_oracle((uint16_t)(h + 1));
            float middle = (float)((low + high) / 2),
                  sides[3] = { nextafterf(middle, 0), middle, nextafterf(middle, 1e9f) };
            uint16_t got[3];
            for (int s = 0; s < 3; s++)
                sides[s] = sign ? -sides[s] : sides[s];
            k->eltwise.float_to_half(sides, got, 3);
            int want[3] = { h, h & 1 ? h + 1 : h, h + 1 };
            for (int s = 0; s < 3; s++)
                if (got[s] != (want[s] | sign << 15))
                    at = h;
        }
    }
    CHECK(at < 0, "float_to_half %s: rounding at %04x", k->name, (unsigned)at);
    for (size_t n = 1; n <= 33; n++) {
        half = guarded(&region_a, n * sizeof(uint16_t));
        value = guarded(&region_dst, n * sizeof(float));
        for (size_t i = 0; i < n; i++)
            expected[i] = half_oracle(half[i] = (uint16_t)(oracle_bits() & 0x7bff));
        k->eltwise.half_to_float(half, value, n);
        oracle_check("half_to_float", k->name, value, expected, n, 0, 0);
        back = guarded(&region_b, n * sizeof(uint16_t));
        k->eltwise.float_to_half(value, back, n);
        CHECK(!memcmp(half, back, n * sizeof(uint16_t)) && guarded_front_intact(back), "float_to_half %s n=%zu",
              k->name, n);
    }
}

static int quantize_oracle(float x, float scale, int zero_point, int low, int high)
{
    float q = x / scale;
    if (isnan(q))
        return low;
    double rounded = rint((double)q) + zero_point;
    return rounded < low ? low : rounded > high ? high : (int)rounded;
}

static void test_quantize(const cpu_kernels *k, size_t n, float scale, int zero_point)
{
    float *src = guarded(&region_a, n * sizeof(float)), *back = guarded(&region_b, n * sizeof(float));
    oracle_fill(src, n);
    for (size_t i = 0; i < n; i += 3)
        src[i] = (float)oracle_int(-300, 300) * 0.5f * scale; /* halves: ties */
    int wrong_u8 = 0, wrong_s8 = 0;
    uint8_t *u8 = guarded(&region_dst, n);
    k->eltwise.quantize_u8(src, u8, n, scale, zero_point & 255);
    for (size_t i = 0; i < n; i++) {
        wrong_u8 += u8[i] != quantize_oracle(src[i], scale, zero_point & 255, 0, 255);
        expected[i] = (double)(u8[i] - (zero_point & 255)) * scale;
    }
    CHECK(wrong_u8 == 0 && guarded_front_intact(u8), "quantize_u8 %s n=%zu: %d wrong", k->name, n, wrong_u8);
    k->eltwise.dequantize_u8(u8, back, n, scale, zero_point & 255);
    oracle_check("dequantize_u8", k->name, back, expected, n, 6e-8, 0);
    int8_t *s8 = guarded(&region_dst, n);
    k->eltwise.quantize_s8(src, s8, n, scale, zero_point);
    for (size_t i = 0; i < n; i++) {
        wrong_s8 += s8[i] != quantize_oracle(src[i], scale, zero_point, -128, 127);
        expected[i] = (double)(s8[i] - zero_point) * scale;
    }
    CHECK(wrong_s8 == 0 && guarded_front_intact(s8), "quantize_s8 %s n=%zu: %d wrong", k->name, n, wrong_s8);
    k->eltwise.dequantize_s8(s8, back, n, scale, zero_point);
    oracle_check("dequantize_s8", k->name, back, expected, n, 6e-8, 0);
}

static void test_binaries(const cpu_kernels *k)
{
    static const size_t periods[] = { 4, 8, 12, 16, 20, 32, 36, 60, 64, 68, 100 };
    for (cpu_binary which = 0; which < CPU_BINARY_COUNT; which++) {
        for (int s = 0; s < SIZES; s++) {
            for (int alias = 0; alias < 3; alias++)
                test_binary(k, which, sizes[s], 1, 1, alias);
            test_binary(k, which, sizes[s], 1, 0, s & 1);
            test_binary(k, which, sizes[s], 0, 1, s & 1 ? 0 : 2);
        }
        for (size_t p = 0; p < sizeof(periods) / sizeof(periods[0]); p++)
            for (size_t times = 1; times <= 37; times = times * 2 + 1)
                for (int form = 0; form < 4; form++)
                    test_period(k, which, periods[p], times, form & 1, form & 2);
    }
}

static void bench_eltwise(const cpu_kernels *k)
{
    enum { N = 1 << 14 };
    float *a = guarded(&region_a, N * sizeof(float)), *b = guarded(&region_b, N * sizeof(float));
    float *dst = guarded(&region_dst, N * sizeof(float));
    oracle_fill_plain(a, N, -4, 4);
    oracle_fill_plain(b, N, 1, 2);
    for (cpu_act act = 0; act < CPU_ACT_COUNT; act++)
        ORACLE_BENCH(k->name, acts[act].name, N * 8, k->eltwise.act[act](a, dst, N, acts[act].a, acts[act].b));
    for (cpu_unary u = 0; u < CPU_UNARY_COUNT; u++)
        ORACLE_BENCH(k->name, unaries[u].name, N * 8, k->eltwise.unary[u](b, dst, N));
    for (cpu_binary op = 0; op < CPU_BINARY_COUNT; op++)
        ORACLE_BENCH(k->name, binaries[op], N * 12, k->eltwise.binary[op](b, 1, a, 1, dst, N));
    ORACLE_BENCH(k->name, "add one value", N * 8, k->eltwise.binary[CPU_BINARY_ADD](b, 1, a, 0, dst, N));
    for (size_t period = 4; period <= 1024; period *= 4)
        ORACLE_BENCH(k->name, "add by period 4, 16, 64 ...", N * 8,
                     k->eltwise.binary_period[CPU_BINARY_ADD](b, a, period, false, dst, N));
    ORACLE_BENCH(k->name, "float_to_half", N * 6, k->eltwise.float_to_half(a, (uint16_t *)dst, N));
    ORACLE_BENCH(k->name, "half_to_float", N * 6, k->eltwise.half_to_float((uint16_t *)a, dst, N));
    ORACLE_BENCH(k->name, "quantize_u8", N * 5, k->eltwise.quantize_u8(a, (uint8_t *)dst, N, 0.02f, 128));
    ORACLE_BENCH(k->name, "dequantize_u8", N * 5, k->eltwise.dequantize_u8((uint8_t *)a, dst, N, 0.02f, 128));
}

void test_eltwise(const cpu_kernels *k, bool bench, test_counts *counts)
{
    region_a = guarded_create(MAX_N * sizeof(float));
    region_b = guarded_create(MAX_N * sizeof(float));
    region_dst = guarded_create(MAX_N * sizeof(float));
    if (bench) {
        bench_eltwise(k);
    } else {
        for (int s = 0; s < SIZES; s++) {
            for (cpu_act act = 0; act < CPU_ACT_COUNT; act++) {
                test_act(k, act, sizes[s], false);
                test_act(k, act, sizes[s], true);
            }
            for (cpu_unary which = 0; which < CPU_UNARY_COUNT; which++) {
                test_unary(k, which, sizes[s], false);
                test_unary(k, which, sizes[s], true);
            }
            test_quantize(k, sizes[s], 0.047f, 0);
            test_quantize(k, sizes[s], 0.25f, -128);
            test_quantize(k, sizes[s], 1.7f, 37);
            test_quantize(k, sizes[s], 1e-35f, 3);
            test_quantize(k, sizes[s], 2e33f, -3);
        }
        test_binaries(k);
        test_half(k);
    }
    guarded_free(&region_a);
    guarded_free(&region_b);
    guarded_free(&region_dst);
    oracle_report(counts);
}
