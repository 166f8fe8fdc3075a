/* SPDX-License-Identifier: BSD-2-Clause
 *
 * 8-bit convolution against an integer oracle: exact for 8-bit and int32 output, at random shapes, strides, pads,
 * zero points and signs, with the extreme values that 16-bit sums would overflow on. */
#include "cpu/pack_form.h"
#include "oracle.h"

static guarded_region region_src, region_sum, region_dst, region_packed, region_scratch;
static int lines; /* plans that do short rows as one */

typedef struct problem {
    qconv_shape shape;
    int src_zero, dst_zero;
    int8_t *src, *weights; /* plain, bits of either type */
    int8_t *laid;          /* the weights as the kernel takes them */
    int *zeros;            /* of the weights */
    int32_t *bias;
    int32_t *sum; /* plain, where the shape has one */
    float *scale, *float_bias;
    float src_scale; /* of a source of floats */
    float *residual; /* of rows, added with_table */
    cpu_act act;
    uint8_t table[256];
    bool with_table;
} problem;

static void *need(size_t bytes)
{
    void *p = calloc(bytes ? bytes : 1, 1);
    if (!p)
        exit(2);
    return p;
}

static int value_of(int8_t bits, bool is_signed)
{
    return is_signed ? bits : (uint8_t)bits;
}

/* extreme: only the smallest and largest values */
static void fill_bytes(int8_t *out, size_t n, bool is_signed, bool extreme)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = oracle_bits();
        out[i] = (int8_t)(extreme ? (is_signed ? (bits & 1 ? 127 : -128) : (bits & 1 ? 255 : 0)) : (int)bits);
    }
}

/* With zero points, weights are far from the range's ends but for a few: these are then folded. */
static problem problem_create(const cpu_kernels *kernels, qconv_shape s, bool extreme)
{
    size_t in = (size_t)(s.c_in * s.h_in * s.w_in), filter = (size_t)(s.c_in / s.groups * s.kernel_h * s.kernel_w);
    problem p = { .shape = s,
                  .src_zero = s.src_signed ? oracle_int(-128, 127) : oracle_int(0, 255),
                  .dst_zero = s.output == QCONV_S8 ? oracle_int(-128, 127) : oracle_int(0, 255),
                  .src = need(in),
                  .weights = need((size_t)s.c_out * filter),
                  .laid = need((size_t)s.c_out * filter),
                  .bias = need((size_t)s.c_out * 4),
                  .scale = need((size_t)s.c_out * 4),
                  .float_bias = need((size_t)s.c_out * 4),
                  .zeros = need((size_t)s.c_out * sizeof(int)),
                  .sum = need(s.sum_up_h ? (size_t)(s.c_out * (s.h_out / s.sum_up_h) * (s.w_out / s.sum_up_w)) * 4 : 0),
                  .src_scale = oracle_int(0, 3) ? oracle_float(0.001f, 2) : 1e-32f,
                  .residual = need(s.rows ? (size_t)(s.h_out * s.c_out) * 4 : 0),
                  .act = CPU_ACT_SILU,
                  .with_table = oracle_int(0, 1) };
    const bool wild = !oracle_int(0, 5); /* scales below 0, or of either sign, up to where sums are beyond the ends */
    const float greatest = oracle_int(0, 1) ? 1 : 0;
    static const cpu_act acts[] = { CPU_ACT_NONE, CPU_ACT_GELU, CPU_ACT_SILU, CPU_ACT_RELU };
    if (s.rows)
        p.act = acts[oracle_int(0, 3)];
    for (int i = 0; s.rows && i < s.h_out * s.c_out; i++)
        p.residual[i] = oracle_float(-2, 2);
    fill_bytes(p.src, in, s.src_signed, extreme);
    fill_bytes(p.weights, (size_t)s.c_out * filter, s.weights_signed, extreme);
    const bool calm = s.weights_zero && oracle_int(0, 2);
    for (size_t i = 0; calm && i < (size_t)s.c_out * filter; i++)
        p.weights[i] = (int8_t)(oracle_int(-40, 40) + (s.weights_signed ? 0 : 128));
    for (int i = 0; calm && i < 3; i++)
        fill_bytes(p.weights + oracle_int(0, s.c_out * (int)filter - 1), 1, s.weights_signed, true);
    for (int c = 0; c < s.c_out; c++) {
        p.zeros[c] = s.weights_signed ? 0 : 128;
        if (s.weights_zero)
            p.zeros[c] = (calm ? oracle_int(-50, 50) : oracle_int(-128, 127)) + (s.weights_signed ? 0 : 128);
        p.bias[c] = oracle_int(-20000, 20000);
        p.scale[c] = oracle_float(0.5f, 1.5f) * 0.01f / sqrtf((float)filter);
        if (wild && s.output != QCONV_F32)
            p.scale[c] = oracle_float(-1, greatest) * (oracle_int(0, 1) ? 1e6f : 0.01f);
        p.float_bias[c] = oracle_float(-1, 1);
    }
    for (int c = 0; c < s.c_out; c++) {
        int sum = 0;
        for (size_t i = 0; i < filter; i++) {
            int size = abs(value_of(p.weights[(size_t)c * filter + i], s.weights_signed) - p.zeros[c]);
            p.shape.largest_weight = size > p.shape.largest_weight ? size : p.shape.largest_weight;
            sum += size;
        }
        p.shape.largest_filter = sum > p.shape.largest_filter ? sum : p.shape.largest_filter;
    }
    for (size_t i = 0; i < (size_t)s.c_out * filter; i++)
        p.laid[s.rows ? i % filter * (size_t)s.c_out + i / filter : i] = p.weights[i];
    qconv_fold_zeros(kernels, p.laid, p.zeros, &p.shape);
    for (int i = 0; s.sum_up_h && i < s.c_out * (s.h_out / s.sum_up_h) * (s.w_out / s.sum_up_w); i++)
        p.sum[i] = oracle_int(-20000, 20000);
    for (int i = 0; i < 256; i++)
        p.table[i] = (uint8_t)oracle_bits();
    return p;
}

static void problem_free(problem *p)
{
    free(p->src);
    free(p->weights);
    free(p->laid);
    free(p->zeros);
    free(p->bias);
    free(p->sum);
    free(p->scale);
    free(p->float_bias);
    free(p->residual);
}

static int64_t window_sum(const problem *p, int c, int y, int x)
{
    const qconv_shape *s = &p->shape;
    int channels = s->c_in / s->groups, first = c / (s->c_out / s->groups) * channels;
    int64_t acc = p->bias[c];
    if (s->sum_up_h)
        acc += p->sum[(c * (s->h_out / s->sum_up_h) + y / s->sum_up_h) * (s->w_out / s->sum_up_w) + x / s->sum_up_w];
    const int8_t *w = p->weights + (size_t)c * (size_t)(channels * s->kernel_h * s->kernel_w);
    for (int k = first; k < first + channels; k++)
        for (int ky = 0; ky < s->kernel_h; ky++)
            for (int kx = 0; kx < s->kernel_w; kx++, w++) {
                int iy = y * s->stride_h - s->pad_top + ky * s->dilation_h;
                int ix = x * s->stride_w - s->pad_left + kx * s->dilation_w;
                if (iy < 0 || iy >= s->h_in || ix < 0 || ix >= s->w_in)
                    continue;
                int value = value_of(p->src[(k * s->h_in + iy) * s->w_in + ix], s->src_signed) - p->src_zero;
                acc += (int64_t)value * (value_of(*w, s->weights_signed) - p->zeros[c]);
            }
    return acc;
}

static double activated(cpu_act act, double x)
{
    return act == CPU_ACT_SILU   ? x / (1 + exp(-x))
           : act == CPU_ACT_GELU ? x / 2 * (1 + erf(x / sqrt(2)))
           : act == CPU_ACT_RELU ? (x > 0 ? x : 0)
                                 : x;
}

/* False and a message at the first element that differs. */
static bool matches(const problem *p, const cpu_kernels *k, const void *dst, char *why, size_t room)
{
    const qconv_shape *s = &p->shape;
    for (int c = 0; c < s->c_out; c++)
        for (int y = 0; y < s->h_out; y++)
            for (int x = 0; x < s->w_out; x++) {
                size_t at = (size_t)(((c / k->block * s->h_out + y) * s->w_out + x) * k->block + c % k->block);
                if (s->rows)
                    at = (size_t)(y * s->c_out + c);
                int64_t acc = window_sum(p, c, y, x);
                double want = (double)acc, got;
                bool same;
                if (s->output == QCONV_S32) {
                    got = ((const int32_t *)dst)[at];
                    same = got == want;
                } else if (s->output == QCONV_F32) {
                    got = (double)((const float *)dst)[at];
                    want = want * (double)p->scale[c] + (double)p->float_bias[c];
                    if (s->rows)
                        want += p->with_table ? (double)p->residual[at] : 0;
                    want = activated(p->act, want);
                    same = fabs(got - want) <= 4e-6 * fabs(want) + 4e-6;
                } else {
                    int low = s->output == QCONV_U8 ? 0 : -128;
                    double q = rint((double)((float)acc * p->scale[c])) + p->dst_zero;
                    uint8_t byte = (uint8_t)(int)(q < low ? low : q > low + 255 ? low + 255 : q);
                    want = p->with_table ? p->table[byte] : byte;
                    got = ((const uint8_t *)dst)[at];
                    same = got == want;
                }
                if (!same) {
                    snprintf(why, room, "c=%d y=%d x=%d: expected %.9g, got %.9g", c, y, x, want, got);
                    return false;
                }
            }
    return true;
}

/* A number that becomes the byte: some way from the next ones', or beyond the ends. */
static float float_of(const problem *p, int8_t bits)
{
    const int low = p->shape.src_signed ? -128 : 0, byte = value_of(bits, p->shape.src_signed);
    const float exact = ((float)(byte - p->src_zero) + oracle_float(-0.49f, 0.49f)) * p->src_scale;
    const int beyond = oracle_int(0, 3);
    if (byte == low && beyond < 3)
        return beyond == 0 ? -INFINITY : beyond == 1 ? NAN : -3e38f;
    if (byte == low + 255 && beyond < 2)
        return beyond == 0 ? INFINITY : 3e38f;
    return exact;
}

static float *lay_out_floats(const problem *p)
{
    const size_t n = (size_t)(p->shape.c_in * p->shape.h_in * p->shape.w_in);
    float *out = guarded(&region_src, n * sizeof(float));
    for (size_t i = 0; i < n; i++)
        out[i] = float_of(p, p->src[i]);
    return out;
}

/* The source as the kernel wants it, with garbage in the lanes behind the last channel. */
static void *lay_out(const problem *p, const cpu_kernels *k)
{
    const qconv_shape *s = &p->shape;
    int block = k->block, blocks = (s->c_in + block - 1) / block;
    size_t plane = (size_t)(s->h_in * s->w_in);
    if (s->src_float)
        return lay_out_floats(p);
    if (s->rows) {
        uint8_t *rows = guarded(&region_src, (size_t)s->c_in * plane);
        for (size_t i = 0; i < (size_t)s->c_in * plane; i++)
            rows[i % plane * (size_t)s->c_in + i / plane] = (uint8_t)p->src[i];
        return rows;
    }
    if (s->src_plain) {
        void *plain = guarded(&region_src, (size_t)s->c_in * plane);
        memcpy(plain, p->src, (size_t)s->c_in * plane);
        return plain;
    }
    uint8_t *out = guarded(&region_src, (size_t)(blocks * block) * plane);
    for (int c = 0; c < s->c_in; c++)
        for (size_t i = 0; i < plane; i++)
            out[((size_t)(c / block) * plane + i) * (size_t)block + (size_t)(c % block)] =
                (uint8_t)p->src[(size_t)c * plane + i];
    return out;
}

/* The sums as the kernel wants them, likewise. */
static const int32_t *lay_out_sums(const problem *p, const cpu_kernels *k)
{
    const qconv_shape *s = &p->shape;
    if (!s->sum_up_h)
        return NULL;
    const size_t plane = (size_t)(s->h_out / s->sum_up_h * (s->w_out / s->sum_up_w)), block = (size_t)k->block;
    int32_t *out = guarded(&region_sum, ((size_t)s->c_out + block - 1) / block * block * plane * 4);
    for (size_t c = 0; c < (size_t)s->c_out; c++)
        for (size_t i = 0; i < plane; i++)
            out[(c / block * plane + i) * block + c % block] = p->sum[c * plane + i];
    return out;
}

static void test_problem(const cpu_kernels *k, const problem *p)
{
    const qconv_shape *s = &p->shape;
    qconv_plan plan;
    char what[200], why[120] = "";
    snprintf(what, sizeof(what),
             "qconv %s c%d-%d g%d k%dx%d s%d,%d d%d,%d p%d,%d %dx%d->%dx%d plain%d,%d %c8*%c8%s out%d", k->name,
             s->c_in, s->c_out, s->groups, s->kernel_h, s->kernel_w, s->stride_h, s->stride_w, s->dilation_h,
             s->dilation_w, s->pad_top, s->pad_left, s->h_in, s->w_in, s->h_out, s->w_out, s->src_plain, s->src_float,
             s->src_signed ? 's' : 'u', s->weights_signed ? 's' : 'u', s->weights_zero ? "z" : "", s->output);
    if (!CHECK(qconv_choose(k, s, &plan), "%s: refused", what))
        return;
    lines += !plan.matrix && plan.line > 0;
    int bytes = s->output == QCONV_S32 || s->output == QCONV_F32 ? 4 : 1;
    int channels = s->rows ? s->c_out : (s->c_out + k->block - 1) / k->block * k->block;
    unsigned char *packed = guarded(&region_packed, (plan.packed_bytes + 63) / 64 * 64);
    unsigned char *scratch = guarded(&region_scratch, (plan.scratch_bytes + 63) / 64 * 64);
    unsigned char *dst = guarded(&region_dst, (size_t)(channels * s->h_out * s->w_out * bytes));
    qconv_plan form;
    qconv_pack_form(&plan, &form);
    qconv_pack(&form, p->laid, s->weights_zero || s->zeros_folded ? p->zeros : NULL, packed);
    qconv_arguments a = { .src = lay_out(p, k),
                          .src_zero = p->src_zero,
                          .src_scale = p->src_scale,
                          .dst = dst,
                          .packed = packed,
                          .bias = p->bias,
                          .sum = lay_out_sums(p, k),
                          .scale = p->scale,
                          .dst_zero = p->dst_zero,
                          .float_bias = p->float_bias,
                          .table = p->with_table && bytes == 1 ? p->table : NULL,
                          .residual = s->rows && p->with_table ? p->residual : NULL,
                          .activation = { p->act, 0, 0 } };
    for (int part = plan.parts - 1; part >= 0; part--)
        plan.run(&plan, &a, part, scratch);
    CHECK(matches(p, k, dst, why, sizeof(why)), "%s: %s", what, why);
    CHECK(guarded_front_intact(dst) && guarded_front_intact(packed) && guarded_front_intact(scratch),
          "%s: wrote in front of a buffer", what);
}

static void test_shape(const cpu_kernels *k, qconv_shape s, bool extreme)
{
    problem p = problem_create(k, s, extreme);
    test_problem(k, &p);
    problem_free(&p);
}

/* Shapes that Winograd takes: any rest of tiles, channels and batches; few: one batch, whose filters are in parts. */
static void test_winograd(const cpu_kernels *k, bool few)
{
    qconv_shape s = { .c_in = oracle_int(32, 50),
                      .c_out = few ? oracle_int(60, 150) : oracle_int(1, 70),
                      .groups = 1,
                      .h_out = few ? oracle_int(17, 20) : oracle_int(21, 34),
                      .w_out = few ? oracle_int(19, 24) : oracle_int(35, 50),
                      .kernel_h = 3,
                      .kernel_w = 3,
                      .stride_h = 1,
                      .stride_w = 1,
                      .dilation_h = 1,
                      .dilation_w = 1,
                      .pad_top = oracle_int(0, 2),
                      .pad_left = oracle_int(0, 2),
                      .src_signed = oracle_int(0, 1),
                      .weights_signed = oracle_int(0, 1),
                      .weights_zero = !oracle_int(0, 2),
                      .output = (qconv_output)oracle_int(0, 3) };
    s.h_in = s.h_out + 2 - s.pad_top - oracle_int(0, 2 - s.pad_top);
    s.w_in = s.w_out + 2 - s.pad_left - oracle_int(0, 2 - s.pad_left);
    test_shape(k, s, !oracle_int(0, 3));
}

static qconv_shape point_shape(int c_in, int c_out, int h, int w)
{
    return (qconv_shape){ c_in, c_out, 1, h, w, h, w, 1, 1, 1, 1, 1, 1 };
}

/* Matrix products: any rest of rows, sums and columns; deep: more weights than are read for every strip. */
static void test_rows(const cpu_kernels *k, bool deep)
{
    qconv_shape s = point_shape(deep ? oracle_int(2200, 2300) : oracle_int(1, 200),
                                deep ? oracle_int(450, 500) : oracle_int(1, 150), oracle_int(1, deep ? 20 : 50), 1);
    s.rows = true;
    s.src_signed = oracle_int(0, 1);
    s.weights_signed = oracle_int(0, 1);
    s.weights_zero = oracle_int(0, 1);
    s.threads = oracle_int(1, 3);
    s.output = (qconv_output)oracle_int(0, 3);
    test_shape(k, s, !oracle_int(0, 3));
}

/* Short rows of many channels, which become one line: any rest of rows, phases of strides, pads of either side. */
static void test_line(const cpu_kernels *k)
{
    qconv_shape s = { .c_in = oracle_int(130, 260),
                      .c_out = oracle_int(1, 110),
                      .groups = 1,
                      .h_out = oracle_int(2, 9),
                      .w_out = oracle_int(4, 15),
                      .kernel_h = oracle_int(1, 3),
                      .kernel_w = oracle_int(1, 3),
                      .stride_h = oracle_int(1, 3),
                      .stride_w = oracle_int(1, 3),
                      .dilation_h = oracle_int(1, 2),
                      .dilation_w = oracle_int(1, 2),
                      .src_signed = oracle_int(0, 1),
                      .weights_signed = oracle_int(0, 1),
                      .weights_zero = !oracle_int(0, 3),
                      .threads = oracle_int(1, 3),
                      .output = oracle_int(0, 1) ? QCONV_U8 : QCONV_S8 };
    s.pad_top = oracle_int(0, s.kernel_h - 1);
    s.pad_left = oracle_int(0, s.kernel_w - 1);
    s.h_in = (s.h_out - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1 - s.pad_top - oracle_int(0, 1);
    s.w_in = (s.w_out - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1 - s.pad_left - oracle_int(0, 2);
    if (s.h_in > 0 && s.w_in > 0)
        test_shape(k, s, !oracle_int(0, 3));
}

/* What products of whole matrices cut otherwise: several planes of channels, and, deep, more weights than are read for
 * every strip. */
static void test_matrix(const cpu_kernels *k, bool deep)
{
    qconv_shape s = { .c_in = deep ? 256 : oracle_int(100, 300),
                      .c_out = deep ? oracle_int(465, 500) : oracle_int(1, 70),
                      .groups = 1,
                      .h_out = oracle_int(1, 6),
                      .w_out = oracle_int(1, 9),
                      .kernel_h = deep ? 3 : oracle_int(1, 3),
                      .kernel_w = deep ? 3 : oracle_int(1, 6),
                      .stride_h = oracle_int(1, 3),
                      .stride_w = oracle_int(1, 3),
                      .dilation_h = oracle_int(1, 2),
                      .dilation_w = oracle_int(1, 2),
                      .src_signed = oracle_int(0, 1),
                      .weights_signed = oracle_int(0, 1),
                      .weights_zero = oracle_int(0, 1),
                      .threads = deep ? 2 : oracle_int(1, 3),
                      .output = (qconv_output)oracle_int(0, 3) };
    s.pad_top = oracle_int(0, s.kernel_h - 1);
    s.pad_left = oracle_int(0, s.kernel_w - 1);
    s.h_in = (s.h_out - 1) * s.stride_h + (s.kernel_h - 1) * s.dilation_h + 1 - s.pad_top;
    s.w_in = (s.w_out - 1) * s.stride_w + (s.kernel_w - 1) * s.dilation_w + 1 - s.pad_left;
    if (s.h_in > 0 && s.w_in > 0)
        test_shape(k, s, !oracle_int(0, 3));
}

/* Output size for pads at the far side of at most the kernel. */
static int out_size(int in, int kernel, int dilation, int stride, int pad)
{
    int extent = (kernel - 1) * dilation + 1, far = oracle_int(0, kernel - 1);
    return in + pad + far < extent ? 0 : (in + pad + far - extent) / stride + 1;
}

/* A picture of few channels and every kernel: rows that go together in pixels, and what of them lies outside. */
static void test_picture(const cpu_kernels *k)
{
    qconv_shape s = point_shape(oracle_int(1, 5), oracle_int(1, 70), oracle_int(1, 19), oracle_int(1, 60));
    s.kernel_h = oracle_int(1, 9);
    s.kernel_w = oracle_int(1, 9);
    s.stride_h = oracle_int(1, 4);
    s.stride_w = oracle_int(1, 4);
    s.src_plain = true;
    s.src_float = oracle_int(0, 1);
    s.src_signed = oracle_int(0, 1);
    s.weights_signed = oracle_int(0, 1);
    s.weights_zero = !oracle_int(0, 3);
    s.threads = oracle_int(1, 3);
    s.output = (qconv_output)oracle_int(0, 3);
    s.pad_top = oracle_int(0, s.kernel_h - 1);
    s.pad_left = oracle_int(0, s.kernel_w - 1);
    s.h_out = out_size(s.h_in, s.kernel_h, 1, s.stride_h, s.pad_top);
    s.w_out = out_size(s.w_in, s.kernel_w, 1, s.stride_w, s.pad_left);
    if (s.h_out > 0 && s.w_out > 0)
        test_shape(k, s, !oracle_int(0, 3));
}

static void test_random(const cpu_kernels *k)
{
    static const int kernels[] = { 1, 1, 3, 3, 2, 5 };
    qconv_shape s = { .c_in = oracle_int(1, 70),
                      .c_out = oracle_int(1, 140),
                      .groups = 1,
                      .h_in = oracle_int(1, 14),
                      .w_in = oracle_int(1, 27),
                      .kernel_h = kernels[oracle_int(0, 5)],
                      .stride_h = oracle_int(1, 2),
                      .stride_w = oracle_int(1, 2),
                      .dilation_h = 1 + !oracle_int(0, 9),
                      .dilation_w = 1 + !oracle_int(0, 9),
                      .src_signed = oracle_int(0, 1),
                      .weights_signed = oracle_int(0, 2),
                      .threads = oracle_int(0, 2),
                      .weights_zero = !oracle_int(0, 2),
                      .output = (qconv_output)oracle_int(0, 3) };
    s.kernel_w = oracle_int(0, 3) ? s.kernel_h : kernels[oracle_int(0, 5)];
    switch (oracle_int(0, 5)) {
    case 0:
        s.src_plain = true;
        s.src_float = oracle_int(0, 1);
        s.c_in = s.src_float && oracle_int(0, 3) ? oracle_int(1, 4) : oracle_int(1, 16);
        break;
    case 1:
        s.groups = s.c_out = s.c_in;
        break;
    case 2:
        s.kernel_h = s.kernel_w = s.stride_h = s.stride_w = 1;
        s.sum_up_h = oracle_int(1, 3);
        s.sum_up_w = oracle_int(1, 3);
        s.h_in = (s.h_in + s.sum_up_h - 1) / s.sum_up_h * s.sum_up_h;
        s.w_in = (s.w_in + s.sum_up_w - 1) / s.sum_up_w * s.sum_up_w;
        break;
    }
    s.weights_signed = s.weights_signed != 0;
    s.pad_top = oracle_int(0, s.kernel_h - 1);
    s.pad_left = oracle_int(0, s.kernel_w - 1);
    s.h_out = out_size(s.h_in, s.kernel_h, s.dilation_h, s.stride_h, s.pad_top);
    s.w_out = out_size(s.w_in, s.kernel_w, s.dilation_w, s.stride_w, s.pad_left);
    if (s.h_out > 0 && s.w_out > 0)
        test_shape(k, s, !oracle_int(0, 3));
}

static const struct {
    const char *name;
    qconv_shape shape;
} benches[] = {
    { "3x3 160x160 16-32", { 16, 32, 1, 160, 160, 160, 160, 3, 3, 1, 1, 1, 1, 1, 1, .weights_signed = true } },
    { "3x3 80x80 64-64", { 64, 64, 1, 80, 80, 80, 80, 3, 3, 1, 1, 1, 1, 1, 1, .weights_signed = true } },
    { "3x3 40x40 64-64", { 64, 64, 1, 40, 40, 40, 40, 3, 3, 1, 1, 1, 1, 1, 1, .weights_signed = true } },
    { "3x3 20x20 128-128", { 128, 128, 1, 20, 20, 20, 20, 3, 3, 1, 1, 1, 1, 1, 1, .weights_signed = true } },
    { "3x3 s2 80x80 64-128", { 64, 128, 1, 80, 80, 40, 40, 3, 3, 2, 2, 1, 1, 1, 1, .weights_signed = true } },
    { "1x1 160x160 32-32", { 32, 32, 1, 160, 160, 160, 160, 1, 1, 1, 1, 1, 1, 0, 0, .weights_signed = true } },
    { "1x1 80x80 128-64", { 128, 64, 1, 80, 80, 80, 80, 1, 1, 1, 1, 1, 1, 0, 0, .weights_signed = true } },
    { "1x1 20x20 512-256", { 512, 256, 1, 20, 20, 20, 20, 1, 1, 1, 1, 1, 1, 0, 0, .weights_signed = true } },
    { "1x1 80x80 128-64, u8 weights", { 128, 64, 1, 80, 80, 80, 80, 1, 1, 1, 1, 1, 1, 0, 0, .weights_zero = true } },
    { "3x3 s2 640x640 3-16 plain",
      { 3, 16, 1, 640, 640, 320, 320, 3, 3, 2, 2, 1, 1, 1, 1, .src_plain = true, .weights_signed = true } },
    { "7x7 s2 224x224 3-64 plain",
      { 3, 64, 1, 224, 224, 112, 112, 7, 7, 2, 2, 1, 1, 3, 3, .src_plain = true, .weights_signed = true } },
    { "197x192 * 192x768, bytes",
      { 192, 768, 1, 197, 1, 197, 1, 1, 1, 1, 1, 1, 1, 0, 0, .rows = true, .weights_signed = true } },
    { "197x192 * 192x768, floats",
      { 192, 768, 1, 197, 1, 197, 1, 1, 1, 1, 1, 1, 1, .rows = true, .weights_signed = true, .output = QCONV_F32 } },
    { "197x768 * 768x192, floats",
      { 768, 192, 1, 197, 1, 197, 1, 1, 1, 1, 1, 1, 1, .rows = true, .weights_signed = true, .output = QCONV_F32 } },
    { "197x768 * 768x192, s8, floats",
      { 768, 192, 1, 197, 1, 197, 1, 1, 1, 1, 1, 1, 1, .rows = true, .src_signed = true, .weights_signed = true,
        .output = QCONV_F32 } },
    { "1x1024 * 1024x1000, floats",
      { 1024, 1000, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, .rows = true, .weights_signed = true, .output = QCONV_F32 } },
    { "depthwise 3x3 40x40 128", { 128, 128, 128, 40, 40, 40, 40, 3, 3, 1, 1, 1, 1, 1, 1, .weights_signed = true } },
};

static void bench_qconv(const cpu_kernels *k)
{
    for (size_t i = 0; i < sizeof(benches) / sizeof(benches[0]); i++) {
        qconv_shape s = benches[i].shape;
        qconv_plan plan;
        problem p = problem_create(k, s, false);
        if (!qconv_choose(k, &p.shape, &plan))
            exit(2);
        void *packed = aligned_alloc(64, (plan.packed_bytes + 127) / 64 * 64);
        void *scratch = aligned_alloc(64, (plan.scratch_bytes + 127) / 64 * 64);
        size_t outputs = (size_t)((s.c_out + 15) / 16 * 16 * s.h_out * s.w_out);
        size_t inputs = (size_t)((s.c_in + 15) / 16 * 16 * s.h_in * s.w_in);
        uint8_t *dst = need(4 * outputs), *src = need(inputs + 64);
        qconv_pack(&plan, p.laid, s.weights_zero ? p.zeros : NULL, packed);
        qconv_arguments a = { .src = src,
                              .src_zero = 3,
                              .dst = dst,
                              .packed = packed,
                              .bias = p.bias,
                              .scale = p.scale,
                              .table = p.table,
                              .float_bias = p.float_bias };
        double best = 1e9, until = oracle_seconds() + 0.04;
        do {
            double t = oracle_seconds();
            for (int part = 0; part < plan.parts; part++)
                plan.run(&plan, &a, part, scratch);
            t = oracle_seconds() - t;
            best = t < best ? t : best;
        } while (oracle_seconds() < until);
        double operations = 2.0 * s.h_out * s.w_out * s.c_out * (s.c_in / s.groups) * s.kernel_h * s.kernel_w;
        printf("%-20s %-32s %9.1f us %8.1f GOP/s\n", plan.name, benches[i].name, best * 1e6, operations / best * 1e-9);
        free(packed);
        free(scratch);
        free(dst);
        free(src);
        problem_free(&p);
    }
}

void test_qconv(const cpu_kernels *k, bool bench, test_counts *counts)
{
    if (bench) {
        if (k->qconv.units)
            bench_qconv(k);
        oracle_report(counts);
        return;
    }
    region_src = guarded_create(1 << 20);
    region_sum = guarded_create(2 << 20);
    region_dst = guarded_create(2 << 20);
    region_packed = guarded_create(4 << 20);
    region_scratch = guarded_create(4 << 20);
    for (int i = 0; i < 150; i++)
        test_random(k);
    for (int i = 0; i < 24; i++)
        test_winograd(k, i % 2);
    for (int i = 0; i < 100; i++)
        test_rows(k, i < 4);
    lines = 0;
    for (int i = 0; i < 60; i++)
        test_line(k);
    CHECK(!k->qconv.units || k->qconv.matrix || !k->qconv.units->deep_pixels || lines > 9, "%s: %d of 60 are lines",
          k->name, lines);
    for (int i = 0; i < 60; i++)
        test_picture(k);
    for (int i = 0; i < 24 && k->qconv.matrix; i++)
        test_matrix(k, i == 0);
    /* every tile width */
    for (int w = 1; w <= 26; w++)
        for (int blocks = 1; blocks <= 4; blocks++) {
            qconv_shape s = point_shape(9, blocks * k->block, 2, w);
            s.weights_signed = true;
            test_shape(k, s, w & 1);
        }
    qconv_plan plan;
    qconv_shape summed = point_shape(8, 8, 3, 4);
    summed.sum_up_h = summed.sum_up_w = 2;
    CHECK(!qconv_choose(k, &summed, &plan), "%s: sums for half a row must be refused", k->name);
    qconv_shape grouped = point_shape(8, 8, 1, 1);
    grouped.groups = 2;
    CHECK(!qconv_choose(k, &grouped, &plan), "%s: grouped convolution must be refused", k->name);
    qconv_shape far = { 8, 8, 1, 9, 9, 9, 9, 3, 3, 1, 1, 1 << 30, 1, 1 << 30, 1 };
    CHECK(!qconv_choose(k, &far, &plan), "%s: a dilation beyond reason must be refused", k->name);
    far = (qconv_shape){ 8, 8, 1, 9, 9, 3, 3, 1, 1, 1 << 27, 1 << 27, 1, 1, 1 << 27, 1 << 27 };
    CHECK(!qconv_choose(k, &far, &plan), "%s: a stride beyond reason must be refused", k->name);
    guarded_free(&region_src);
    guarded_free(&region_sum);
    guarded_free(&region_dst);
    guarded_free(&region_packed);
    guarded_free(&region_scratch);
    oracle_report(counts);
}
