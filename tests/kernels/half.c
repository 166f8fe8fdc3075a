/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Kernels of 16-bit images of one table against double precision: convolutions of odd shapes with all activations and
 * residual modes, guard pages behind the buffers, parts in any order; activations, sums, pools and reorders. */
#include "conv_oracle.h"

enum { MAX_VALUES = 1 << 19 };

static guarded_region region_src, region_dst, region_other, region_packed, region_scratch, region_bias, region_residual;
static int lanes_of; /* of the table */
static float plain[MAX_VALUES], weights[MAX_VALUES], got[MAX_VALUES], addend[MAX_VALUES];

static void *aligned(guarded_region *region, size_t bytes)
{
    return guarded(region, (bytes + 63) & ~(size_t)63);
}

static bool is_float16(const cpu_kernels *kernels)
{
    return kernels->half.format == HALF_FLOAT16;
}

/* Largest relative error of rounding. */
static double rounding(const cpu_kernels *kernels)
{
    return is_float16(kernels) ? 0x1p-11 : 0x1p-8;
}

/* Random numbers that the format holds. */
static void fill_halves(const cpu_kernels *kernels, float *values, uint16_t *halves, size_t n, float low, float high)
{
    static uint16_t own[MAX_VALUES];
    halves = halves ? halves : own;
    oracle_fill_plain(values, n, low, high);
    kernels->half.from_float(values, halves, n);
    kernels->half.to_float(halves, values, n);
}

static cpu_activation random_activation(void)
{
    static const cpu_activation all[] = {
        { CPU_ACT_NONE, 0, 0 },          { CPU_ACT_SILU, 0, 0 },  { CPU_ACT_RELU, 0, 0 },
        { CPU_ACT_LEAKY_RELU, 0.1f, 0 }, { CPU_ACT_CLIP, -1, 2 }, { CPU_ACT_SIGMOID, 0, 0 },
        { CPU_ACT_HARD_SWISH, 0, 0 },
    };
    return all[oracle_int(0, 6)];
}

static size_t blocked(int c, int pixels)
{
    return (size_t)((c + lanes_of - 1) / lanes_of) * (size_t)lanes_of * (size_t)pixels;
}

static size_t blocked_at(int pixels, int c, int i)
{
    return ((size_t)(c / lanes_of) * (size_t)pixels + (size_t)i) * (size_t)lanes_of + (size_t)(c % lanes_of);
}

/* Partial sums of output (o, y, x) in the order in which float16 tiles make them: pieces of whole channel blocks, put
 * aside and added up at the end (depthwise: one piece on top of the bias). -> root of the sum of their squares. */
static double float16_partial_sums(const conv_shape *s, int o, int y, int x, double bias)
{
    const int inputs = s->c_in / s->groups, group = o / (s->c_out / s->groups), taps = s->kernel_h * s->kernel_w;
    const int piece_blocks = taps * HALF_LANES < HALF_CHUNK ? HALF_CHUNK / (taps * HALF_LANES) : 1;
    const int blocks = (inputs + HALF_LANES - 1) / HALF_LANES;
    const bool depthwise = inputs == 1 && s->groups > 1;
    double squares = 0, aside = depthwise ? 0 : bias, sum = depthwise ? bias : 0;
    for (int block = 0; block < blocks; block++) {
        for (int i = 0; i < taps * HALF_LANES; i++) {
            const int tap = i / HALF_LANES, c = block * HALF_LANES + i % HALF_LANES;
            const int ky = tap / s->kernel_w, kx = tap % s->kernel_w;
            const int iy = y * s->stride_h + ky * s->dilation_h - s->pad_top;
            const int ix = x * s->stride_w + kx * s->dilation_w - s->pad_left;
            if (c >= inputs || iy < 0 || ix < 0 || iy >= s->h_in || ix >= s->w_in)
                continue;
            sum += (double)plain[((group * inputs + c) * s->h_in + iy) * s->w_in + ix] *
                   weights[(o * inputs + c) * taps + tap];
            squares += sum * sum;
        }
        if ((block + 1) % piece_blocks == 0 || block == blocks - 1) {
            aside += sum;
            sum = 0;
            squares += aside * aside;
        }
    }
    return sqrt(squares);
}

/* What half.h allows for an output y, with residual `add`, whose sum has terms of `magnitude` in all. */
static double bound_of(const cpu_kernels *kernels, const half_conv_plan *plan, const cpu_activation *activation,
                       double magnitude, double partial_sums, double y, double add)
{
    const conv_shape *s = &plan->shape;
    if (is_float16(kernels))
        return 0x1p-11 * (3.5 * partial_sums + 2 * fabs(add) + 8 * fabs(y)) + 4e-4;
    const double k = (double)(s->c_in / s->groups) * s->kernel_h * s->kernel_w + 2;
    const bool curved = activation->act == CPU_ACT_SILU;
    return k * 0x1p-23 * magnitude + (curved ? 7e-4 : 1e-6) * (fabs(y) + fabs(add)) +
           (plan->wide_dst ? 0 : 0x1.01p-8) * fabs(y) + 2e-6;
}

/* Every output; residual: as floats in half layout, or NULL. */
static void compare(const cpu_kernels *kernels, const half_conv_plan *plan, const half_conv_arguments *a,
                    const float *bias, const float *residual)
{
    const conv_shape *s = &plan->shape;
    const int pixels = s->h_out * s->w_out;
    if (plan->wide_dst)
        memcpy(got, a->dst, blocked(s->c_out, pixels) * sizeof(float));
    else
        kernels->half.to_float(a->dst, got, blocked(s->c_out, pixels));
    for (int o = 0; o < s->c_out; o++)
        for (int i = 0; i < pixels; i++) {
            double sum, magnitude, add = residual ? (double)residual[blocked_at(pixels, o, i)] : 0;
            conv_oracle_sum(s, plain, weights, o, i / s->w_out, i % s->w_out, &sum, &magnitude);
            double x = sum + (double)bias[o];
            double y = a->residual_before ? conv_oracle_act(&a->activation, x + add)
                                          : conv_oracle_act(&a->activation, x) + add;
            double partial_sums =
                is_float16(kernels) ? float16_partial_sums(s, o, i / s->w_out, i % s->w_out, (double)bias[o]) : 0;
            double bound = bound_of(kernels, plan, &a->activation, magnitude + fabs((double)bias[o]) + fabs(add),
                                    partial_sums, y, add);
            double actual = (double)got[blocked_at(pixels, o, i)];
            if (!(fabs(actual - y) <= bound)) {
                CHECK(false, "%s %s act %d: filter %d y %d x %d: expected %.6g, got %.6g (bound %.2g)", plan->name,
                      conv_oracle_text(s), a->activation.act, o, i / s->w_out, i % s->w_out, y, actual, bound);
                return;
            }
        }
    CHECK(true, "%s", plan->name);
}

static void test_shape(const cpu_kernels *kernels, const conv_shape *s)
{
    half_conv_plan plan;
    if (!half_conv_choose(kernels, s, &plan)) {
        CHECK(s->groups != 1, "%s: no convolution of 16 bits takes %s", kernels->name, conv_oracle_text(s));
        return;
    }
    const int pixels = s->h_out * s->w_out;
    const size_t src_count =
        s->src_plain ? (size_t)s->c_in * (size_t)(s->h_in * s->w_in) : blocked(s->c_in, s->h_in * s->w_in);
    plan.wide_dst = plan.tiles && oracle_int(0, 3) == 0;
    const size_t dst_count = blocked(s->c_out, pixels), dst_bytes = dst_count * (plan.wide_dst ? 4 : 2);
    if (!CHECK(plan.packed_bytes <= MAX_VALUES * 2 && plan.scratch_bytes <= MAX_VALUES * 2, "%s: too large",
               conv_oracle_text(s)))
        return;
    fill_halves(kernels, weights, NULL, (size_t)s->c_out * (size_t)(s->c_in / s->groups * s->kernel_h * s->kernel_w),
                -1, 1);
    void *src = aligned(&region_src, src_count * (s->src_plain ? 4 : 2));
    void *dst = aligned(&region_dst, dst_bytes), *other = aligned(&region_other, dst_bytes);
    uint16_t *residual = aligned(&region_residual, dst_count * 2);
    const size_t bias_bytes = blocked(s->c_out, 1) * kernels->half.sum_bytes;
    void *bias = aligned(&region_bias, bias_bytes);
    void *packed = aligned(&region_packed, plan.packed_bytes), *scratch = aligned(&region_scratch, plan.scratch_bytes);
    fill_halves(kernels, plain, NULL, (size_t)(s->c_in * s->h_in * s->w_in), -2, 2);
    if (s->src_plain) {
        memcpy(src, plain, src_count * 4);
    } else {
        float *all = got; /* lanes behind the last channel hold anything finite */
        oracle_fill_plain(all, src_count, -1000, 1000);
        for (int c = 0; c < s->c_in; c++)
            for (int i = 0; i < s->h_in * s->w_in; i++)
                all[blocked_at(s->h_in * s->w_in, c, i)] = plain[c * s->h_in * s->w_in + i];
        kernels->half.from_float(all, src, src_count);
    }
    static float bias_values[512];
    memset(bias, 0, bias_bytes);
    if (kernels->half.sum_bytes == sizeof(float)) {
        oracle_fill_plain(bias_values, (size_t)s->c_out, -1, 1);
        memcpy(bias, bias_values, (size_t)s->c_out * sizeof(float));
    } else {
        fill_halves(kernels, bias_values, bias, (size_t)s->c_out, -1, 1);
    }
    fill_halves(kernels, addend, residual, dst_count, -1, 1);
    half_conv_plan form;
    half_conv_pack_form(&plan, &form);
    half_conv_pack(&form, weights, packed);
    const int mode = oracle_int(0, 2);
    half_conv_arguments a = { src, dst, packed, bias, mode ? residual : NULL, random_activation(), mode == 2 };
    memset(dst, 0xff, dst_bytes);
    memset(scratch, 0xff, plan.scratch_bytes);
    for (int part = 0; part < plan.parts; part++)
        half_conv_run(&plan, &a, part, scratch);
    compare(kernels, &plan, &a, bias_values, mode ? addend : NULL);
    CHECK(conv_oracle_intact(dst, dst_bytes) && conv_oracle_intact(scratch, plan.scratch_bytes) &&
              conv_oracle_intact(packed, plan.packed_bytes),
          "%s %s: wrote outside", plan.name, conv_oracle_text(s));
    a.dst = other;
    conv_shape shared = *s;
    const bool wide = plan.wide_dst;
    shared.threads = 3;
    if (CHECK(half_conv_choose(kernels, &shared, &plan) && plan.scratch_bytes <= MAX_VALUES * 2, "%s: not with threads",
              conv_oracle_text(s)))
        scratch = aligned(&region_scratch, plan.scratch_bytes);
    plan.wide_dst = wide;
    memset(scratch, 0xff, plan.scratch_bytes);
    for (int part = plan.parts - 1; part >= 0; part--)
        half_conv_run(&plan, &a, part, scratch);
    CHECK(memcmp(dst, other, dst_bytes) == 0, "%s %s: threads or the order of parts change bits", plan.name,
          conv_oracle_text(s));
}

static void random_shape(const cpu_kernels *kernels, int kind)
{
    conv_shape s = { .groups = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1 };
    s.c_in = oracle_int(1, oracle_int(0, 1) ? 9 : 70);
    s.c_out = oracle_int(1, 70);
    s.h_in = oracle_int(1, 14);
    s.w_in = oracle_int(1, 30);
    s.kernel_h = kind == 1 ? 1 : oracle_int(0, 1) ? 3 : oracle_int(1, 5);
    s.kernel_w = kind == 1 ? 1 : oracle_int(0, 1) ? 3 : oracle_int(1, 5);
    s.stride_h = oracle_int(1, 2);
    s.stride_w = oracle_int(0, 3) ? oracle_int(1, 2) : 3;
    if (kind == 0 || kind == 3)
        s.dilation_h = s.dilation_w = oracle_int(0, 3) ? 1 : 2;
    if (kind == 1 && oracle_int(0, 2))
        s.stride_h = s.stride_w = 1;
    if (kind == 2) {
        s.src_plain = true;
        s.c_in = oracle_int(1, 4);
    }
    if (kind == 3)
        s.groups = s.c_out = s.c_in;
    if (kind == 4) {
        s.groups = oracle_int(2, 3);
        s.c_in = s.groups * (oracle_int(0, 3) ? 8 * oracle_int(1, 2) : oracle_int(1, 20));
        s.c_out = s.groups * (oracle_int(0, 3) ? 8 * oracle_int(1, 2) : oracle_int(1, 20));
    }
    s.pad_top = oracle_int(oracle_int(0, 9) ? 0 : -1, s.kernel_h - 1);
    s.pad_left = oracle_int(oracle_int(0, 9) ? 0 : -1, s.kernel_w - 1);
    const int bottom = kind == 1 && oracle_int(0, 4) ? 0 : oracle_int(0, s.kernel_h);
    const int right = kind == 1 && oracle_int(0, 4) ? 0 : oracle_int(0, s.kernel_w);
    s.h_out = conv_oracle_size(s.h_in, s.kernel_h, s.stride_h, s.dilation_h, s.pad_top + bottom);
    s.w_out = conv_oracle_size(s.w_in, s.kernel_w, s.stride_w, s.dilation_w, s.pad_left + right);
    if (s.h_out > 0 && s.w_out > 0 && s.h_in + s.pad_top + bottom >= (s.kernel_h - 1) * s.dilation_h + 1 &&
        s.w_in + s.pad_left + right >= (s.kernel_w - 1) * s.dilation_w + 1)
        test_shape(kernels, &s);
}

/* Cut in parts and strips, sums of several pieces, many filter blocks, long rows. */
static void test_cuts(const cpu_kernels *kernels)
{
    static const conv_shape shapes[] = {
        { 64, 72, 1, 24, 26, 24, 26, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 128, 24, 1, 19, 23, 10, 12, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        { 260, 200, 1, 12, 21, 12, 21, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 3, 24, 1, 96, 98, 48, 49, 6, 6, 2, 2, 1, 1, 2, 2, true, false },
        { 80, 80, 80, 30, 51, 30, 51, 5, 5, 1, 1, 1, 1, 2, 2, false, false },
        { 40, 40, 40, 13, 50, 13, 50, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 24, 24, 24, 22, 37, 11, 19, 3, 3, 2, 2, 1, 1, 0, 1, false, false },
        { 20, 20, 20, 15, 75, 15, 75, 3, 3, 1, 1, 2, 2, 2, 2, false, false },
        { 18, 35, 1, 1, 1500, 1, 1500, 1, 3, 1, 1, 1, 1, 0, 1, false, false },
        { 3, 20, 1, 3, 2100, 2, 1051, 3, 5, 2, 2, 1, 1, 1, 3, true, false },
        { 520, 300, 1, 12, 21, 12, 21, 1, 1, 1, 1, 1, 1, 0, 0, false, false }, /* weights from afar */
        { 520, 300, 1, 25, 27, 13, 14, 1, 1, 2, 2, 1, 1, 0, 0, false, false },
        { 80, 72, 1, 5, 1100, 3, 367, 1, 1, 2, 3, 1, 1, 0, 0, false, false },
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        test_shape(kernels, &shapes[i]);
}

/* ---- the rest ---- */

static void test_refusals(const cpu_kernels *kernels)
{
    const conv_shape s = conv_oracle_point(1 << 22, 64, 4, 4);
    half_conv_plan plan;
    const bool chosen = half_conv_choose(kernels, &s, &plan);
    CHECK(!chosen || plan.scratch_bytes <= 64 << 20, "%s: %zu bytes of scratch", plan.name, plan.scratch_bytes);
}

static void test_act(const cpu_kernels *kernels)
{
    enum { N = 1003 };
    static uint16_t in[N], out[N];
    static const cpu_activation acts[] = { { CPU_ACT_NONE, 0, 0 },
                                           { CPU_ACT_SILU, 0, 0 },
                                           { CPU_ACT_RELU, 0, 0 },
                                           { CPU_ACT_CLIP, -1, 6 },
                                           { CPU_ACT_SIGMOID, 0, 0 } };
    fill_halves(kernels, plain, in, N, -24, 24);
    for (size_t k = 0; k < sizeof(acts) / sizeof(acts[0]); k++) {
        kernels->half.act(in, out, N, acts[k]);
        kernels->half.to_float(out, got, N);
        bool good = true;
        for (int i = 0; good && i < N; i++) {
            double y = conv_oracle_act(&acts[k], (double)plain[i]);
            const double bound = is_float16(kernels) ? 4e-3 * fabs(y) + 3e-4 : 4.7e-3 * fabs(y) + 3e-6;
            good = CHECK(fabs((double)got[i] - y) <= bound, "half act %d of %g: expected %g, got %g", acts[k].act,
                         (double)plain[i], y, (double)got[i]);
        }
    }
    static const float special[3] = { NAN, INFINITY, -INFINITY };
    kernels->half.from_float(special, in, 3);
    kernels->half.act(in, out, 3, (cpu_activation){ CPU_ACT_SILU, 0, 0 });
    kernels->half.to_float(out, got, 3);
    CHECK(isnan(got[0]) && isinf(got[1]) && got[1] > 0 && fabsf(got[2]) <= 3e-4f,
          "half silu of NaN, inf, -inf: %g %g %g", (double)got[0], (double)got[1], (double)got[2]);
}

static void test_binary(const cpu_kernels *kernels)
{
    enum { N = 517 };
    static uint16_t a[N], b[N], c[N];
    static const cpu_binary ops[] = { CPU_BINARY_ADD, CPU_BINARY_SUB, CPU_BINARY_MUL };
    fill_halves(kernels, plain, a, N, -8, 8);
    fill_halves(kernels, weights, b, N, -8, 8);
    for (int k = 0; k < 3; k++) {
        kernels->half.binary(ops[k], a, b, c, N);
        kernels->half.to_float(c, got, N);
        for (int i = 0; i < N; i++) {
            double x = (double)plain[i], y = (double)weights[i], z = k == 0 ? x + y : k == 1 ? x - y : x * y;
            if (!CHECK(fabs((double)got[i] - z) <= rounding(kernels) * fabs(z) + 1e-7,
                       "half binary %d [%d]: expected %g, got %g", k, i, z, (double)got[i]))
                break;
        }
    }
}

static float most_of(float a, float b)
{
    return isnan(a) || isnan(b) ? NAN : fmaxf(a, b);
}

static void test_pool_max(const cpu_kernels *kernels)
{
    enum { MAX_COLUMNS = 400 };
    for (int round = 0; round < 40; round++) {
        half_pool p = { .h_in = oracle_int(1, 12),
                        .w_in = oracle_int(1, 12),
                        .kernel_h = oracle_int(1, 5),
                        .kernel_w = oracle_int(1, 5),
                        .stride_h = oracle_int(1, 2),
                        .stride_w = oracle_int(1, 2),
                        .dilation_h = oracle_int(1, 2),
                        .dilation_w = oracle_int(1, 2) };
        if (round % 4 == 3) { /* long rows, and windows */
            p.w_in = oracle_int(150, MAX_COLUMNS - 8);
            p.kernel_w = round % 8 == 7 ? oracle_int(100, 200) : p.kernel_w;
        }
        p.pad_top = oracle_int(0, p.kernel_h / 2);
        p.pad_left = oracle_int(0, p.kernel_w / 2);
        p.h_out = conv_oracle_size(p.h_in, p.kernel_h, p.stride_h, p.dilation_h, 2 * p.pad_top);
        p.w_out = conv_oracle_size(p.w_in, p.kernel_w, p.stride_w, p.dilation_w, 2 * p.pad_left);
        if (p.h_out < 1 || p.w_out < 1 || p.w_out > MAX_COLUMNS)
            continue;
        static uint16_t in[12 * MAX_COLUMNS * HALF_MOST_LANES], out[16 * MAX_COLUMNS * HALF_MOST_LANES];
        fill_halves(kernels, plain, in, (size_t)(p.h_in * p.w_in * lanes_of), -4, 4);
        if (round % 5 == 0) { /* whichever its sign */
            plain[0] = round % 2 ? NAN : -NAN;
            kernels->half.from_float(plain, in, 1);
        }
        kernels->half.max_pool(&p, in, out, 0, p.h_out);
        kernels->half.to_float(out, got, (size_t)(p.h_out * p.w_out * lanes_of));
        bool good = true;
        for (int i = 0; good && i < p.h_out * p.w_out * lanes_of; i++) {
            float most = -INFINITY;
            for (int ky = 0; ky < p.kernel_h; ky++)
                for (int kx = 0; kx < p.kernel_w; kx++) {
                    int y = i / lanes_of / p.w_out * p.stride_h + ky * p.dilation_h - p.pad_top,
                        x = i / lanes_of % p.w_out * p.stride_w + kx * p.dilation_w - p.pad_left;
                    if (y >= 0 && x >= 0 && y < p.h_in && x < p.w_in)
                        most = most_of(most, plain[(y * p.w_in + x) * lanes_of + i % lanes_of]);
                }
            good =
                CHECK(got[i] == most || (isnan(got[i]) && isnan(most)), "half max_pool %dx%d [%d]: expected %g, got %g",
                      p.h_in, p.w_in, i, (double)most, (double)got[i]);
        }
    }
}

static void test_reorders(const cpu_kernels *kernels)
{
    enum { MAX_PIXELS = 160 };
    for (int lanes = 1; lanes <= lanes_of; lanes++)
        for (int hw = 1; hw < (lanes % 4 ? 23 : MAX_PIXELS); hw += 3) {
            const size_t stride = (size_t)hw + 5, values = (size_t)hw * (size_t)lanes_of;
            static uint16_t packed[MAX_PIXELS * HALF_MOST_LANES];
            static float back[HALF_MOST_LANES * (MAX_PIXELS + 8)];
            fill_halves(kernels, plain, NULL, (size_t)lanes_of * stride, -4, 4);
            half_block(kernels, plain, stride, lanes, (size_t)hw, packed);
            kernels->half.to_float(packed, got, values);
            bool good = true;
            for (int i = 0; i < (int)values; i++)
                good &= got[i] ==
                        (i % lanes_of < lanes ? plain[(size_t)(i % lanes_of) * stride + (size_t)(i / lanes_of)] : 0);
            CHECK(good, "half block of %d lanes, %d pixels", lanes, hw);
            memset(back, 0, sizeof(back));
            half_unblock(kernels, packed, lanes, (size_t)hw, back, stride);
            good = true;
            for (int c = 0; c < lanes_of; c++)
                for (size_t i = 0; i < stride; i++)
                    good &= back[(size_t)c * stride + i] ==
                            (c < lanes && i < (size_t)hw ? plain[(size_t)c * stride + i] : 0);
            CHECK(good, "half unblock of %d lanes, %d pixels", lanes, hw);
            if (lanes > 4)
                continue;
            memset(packed, 0xff, sizeof(packed));
            kernels->half.interleave(plain, stride, lanes, (size_t)hw, packed);
            kernels->half.to_float(packed, got, (size_t)hw * 4);
            good = packed[hw * 4] == 0xffff;
            for (int i = 0; i < hw * 4; i++)
                good &= got[i] == (i % 4 < lanes ? plain[(size_t)(i % 4) * stride + (size_t)(i / 4)] : 0);
            CHECK(good, "half interleave of %d lanes, %d pixels", lanes, hw);
        }
}

void test_float16(const cpu_kernels *kernels, int rounds, test_counts *counts)
{
    guarded_region *const regions[] = { &region_src,     &region_dst,  &region_other,   &region_packed,
                                        &region_scratch, &region_bias, &region_residual };
    if (kernels->half.format == HALF_NONE)
        return;
    lanes_of = kernels->half.lanes;
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        *regions[i] = guarded_create(MAX_VALUES * 4);
    for (int round = 0; round < rounds; round++)
        random_shape(kernels, round % 5);
    test_cuts(kernels);
    test_refusals(kernels);
    test_act(kernels);
    test_binary(kernels);
    test_pool_max(kernels);
    test_reorders(kernels);
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        guarded_free(regions[i]);
    oracle_report(counts);
}
