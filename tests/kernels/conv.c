/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Convolution of one kernel table against double precision: odd shapes, all activations and residual modes, guard pages
 * behind the buffers, parts in any order. */
#include "conv_oracle.h"

#include "cpu/conv_tile.h"

enum { MAX_FLOATS = 1 << 20 };

static guarded_region region_src, region_dst, region_other, region_packed, region_scratch, region_bias, region_residual,
    region_mapped;

/* A buffer of n floats that starts at 64 bytes; what lies between its end and the guard page must stay as it is. */
static float *aligned(guarded_region *region, size_t n)
{
    return guarded(region, (n * sizeof(float) + 63) & ~(size_t)63);
}

typedef struct buffers {
    float *src, *plain, *weights, *bias, *residual, *dst, *other;
    size_t src_floats, dst_floats;
    void *packed, *scratch;
} buffers;

static float plain[MAX_FLOATS], weights[MAX_FLOATS];
static char file_bytes[sizeof(weights) + 1];
static double sums[MAX_FLOATS], magnitudes[MAX_FLOATS];

static size_t blocked_at(int block, int h, int w, int c, int y, int x)
{
    return (((size_t)(c / block) * (size_t)h + (size_t)y) * (size_t)w + (size_t)x) * (size_t)block +
           (size_t)(c % block);
}

/* s: the shape asked for; the plan's may have its groups joined. */
static void prepare(const conv_plan *plan, const conv_shape *s, buffers *b)
{
    int block = plan->block;
    size_t plane = (size_t)s->h_in * (size_t)s->w_in, inputs = (size_t)s->c_in * plane;
    oracle_fill_plain(plain, inputs, -2, 2);
    oracle_fill_plain(weights, (size_t)s->c_out * (size_t)(s->c_in / s->groups * s->kernel_h * s->kernel_w), -1, 1);
    b->src_floats = s->src_plain ? inputs : conv_oracle_blocked(s->c_in, block, s->h_in, s->w_in);
    b->dst_floats = conv_oracle_blocked(s->c_out, block, s->h_out, s->w_out);
    b->src = aligned(&region_src, b->src_floats);
    b->dst = aligned(&region_dst, b->dst_floats);
    b->other = aligned(&region_other, b->dst_floats);
    b->residual = aligned(&region_residual, b->dst_floats);
    b->packed = aligned(&region_packed, plan->packed_bytes / sizeof(float));
    b->scratch = aligned(&region_scratch, plan->scratch_bytes / sizeof(float));
    if (s->src_plain) {
        memcpy(b->src, plain, inputs * sizeof(float));
    } else {
        oracle_fill_plain(b->src, b->src_floats, -1000, 1000); /* what pad lanes hold is nobody's business */
        for (int c = 0; c < s->c_in; c++)
            for (size_t i = 0; i < plane; i++)
                b->src[blocked_at(block, 1, (int)plane, c, 0, (int)i)] = plain[(size_t)c * plane + i];
    }
    oracle_fill_plain(b->residual, b->dst_floats, -1, 1);
    size_t biases = (size_t)((s->c_out + block - 1) / block * block);
    b->bias = aligned(&region_bias, biases);
    memset(b->bias, 0, biases * sizeof(float));
    oracle_fill_plain(b->bias, (size_t)s->c_out, -1, 1);
    size_t taps = (size_t)(s->c_out * (s->c_in / s->groups) * s->kernel_h * s->kernel_w);
    memcpy(file_bytes + 1, weights, taps * sizeof(float));
    conv_pack(plan, (const float *)(file_bytes + 1), b->packed); /* as in a file, where they lie anywhere */
}

/* A smaller residual, any of whose pixels an output may take; the whole one becomes what they are together. */
static const float *map_residual(const conv_plan *plan, float *whole, conv_residual_map *map)
{
    static int offsets[MAX_FLOATS];
    const conv_shape *s = &plan->shape;
    const int pixels = s->h_out * s->w_out, block = plan->block, own = oracle_int(1, pixels);
    const size_t planes = conv_oracle_blocked(s->c_out, block, 1, 1) / (size_t)block, floats = (size_t)(own * block);
    float *mapped = aligned(&region_mapped, planes * floats);
    oracle_fill_plain(mapped, planes * floats, -1, 1);
    for (int i = 0; i < pixels; i++) {
        offsets[i] = oracle_int(0, own - 1) * block;
        for (size_t plane = 0; plane < planes; plane++)
            memcpy(whole + (plane * (size_t)pixels + (size_t)i) * (size_t)block, mapped + plane * floats + offsets[i],
                   sizeof(float) * (size_t)block);
    }
    *map = (conv_residual_map){ offsets, (ptrdiff_t)floats };
    return mapped;
}

/* Every output against double; true if all are within the family's bound. */
static bool compare(const conv_plan *plan, const conv_shape *s, const conv_arguments *a, const float *residual,
                    const char *mode)
{
    bool winograd = strstr(plan->name, "winograd") != NULL, strassen = strstr(plan->name, "strassen") != NULL;
    size_t n = 0;
    double range = 0, k = (double)(s->c_in / s->groups) * s->kernel_h * s->kernel_w;
    for (int o = 0; o < s->c_out; o++)
        for (int i = 0; i < s->h_out * s->w_out; i++, n++) {
            conv_oracle_sum(s, plain, weights, o, i / s->w_out, i % s->w_out, &sums[n], &magnitudes[n]);
            range = fmax(range, fabs(sums[n]));
        }
    n = 0;
    for (int o = 0; o < s->c_out; o++)
        for (int i = 0; i < s->h_out * s->w_out; i++, n++) {
            size_t at = blocked_at(plan->block, s->h_out, s->w_out, o, i / s->w_out, i % s->w_out);
            double add = residual ? (double)residual[at] : 0, x = sums[n] + (double)a->bias[o];
            double y = a->residual_before ? conv_oracle_act(&a->activation, x + add)
                                          : conv_oracle_act(&a->activation, x) + add;
            double bound = winograd   ? 5e-5 * range
                           : strassen ? 4e-6 * range
                                      : 2 * k * FLT_EPSILON * (magnitudes[n] + fabs((double)a->bias[o]));
            bound = 1.2 * bound + 4e-6 * fabs(y) + 2e-6;
            if (!(fabs((double)a->dst[at] - y) <= bound))
                return CHECK(false, "%s %s %s act %d: filter %d y %d x %d: expected %.9g, got %.9g (bound %.2g)",
                             plan->name, conv_oracle_text(s), mode, a->activation.act, o, i / s->w_out, i % s->w_out, y,
                             (double)a->dst[at], bound);
        }
    return CHECK(true, "%s", plan->name);
}

static void test_shape(const cpu_kernels *kernels, const conv_shape *s)
{
    conv_plan plan;
    buffers b;
    if (!conv_choose(kernels, s, &plan)) {
        CHECK(s->groups > 32, "%s: no algorithm takes %s", kernels->name, conv_oracle_text(s));
        return;
    }
    if (!CHECK(plan.parts >= 1 && plan.scratch_bytes % 4 == 0 && plan.scratch_bytes <= MAX_FLOATS * sizeof(float) &&
                   plan.packed_bytes <= MAX_FLOATS * sizeof(float),
               "%s %s: parts %d scratch %zu packed %zu", plan.name, conv_oracle_text(s), plan.parts, plan.scratch_bytes,
               plan.packed_bytes))
        return;
    prepare(&plan, s, &b);
    int mode = oracle_int(0, plan.maps_residual ? 4 : 3); /* none, after, before, after and in place, mapped */
    static const char *const modes[] = { "", "residual after", "residual before", "residual in place",
                                         "residual mapped" };
    conv_arguments a = { .src = b.src,
                         .dst = b.dst,
                         .packed = b.packed,
                         .bias = b.bias,
                         .residual = mode ? b.residual : NULL,
                         .activation = conv_oracle_activation(),
                         .residual_before = mode == 2 || mode == 4,
                         .next = oracle_int(0, 1) ? b.packed : NULL,
                         .next_bytes = (size_t)oracle_int(1, 200000) };
    if (mode == 4)
        a.residual = map_residual(&plan, b.residual, &a.map);
    const float *residual = a.residual;
    if (mode == 3) {
        memcpy(b.dst, b.residual, b.dst_floats * sizeof(float));
        a.residual = b.dst;
    } else {
        memset(b.dst, 0xff, b.dst_floats * sizeof(float));
    }
    conv_oracle_run(&plan, &a, b.scratch, false);
    compare(&plan, s, &a, mode ? b.residual : NULL, modes[mode]);
    bool finite = true;
    for (size_t i = 0; i < b.dst_floats; i++)
        finite &= isfinite(b.dst[i]) != 0;
    CHECK(finite, "%s %s: not all of the output was written", plan.name, conv_oracle_text(s));
    CHECK(conv_oracle_intact(b.dst, b.dst_floats * sizeof(float)) &&
              conv_oracle_intact(b.scratch, plan.scratch_bytes) && conv_oracle_intact(b.packed, plan.packed_bytes),
          "%s %s: wrote outside", plan.name, conv_oracle_text(s));
    conv_arguments again = a;
    again.dst = b.other;
    again.residual = residual;
    conv_oracle_run(&plan, &again, b.scratch, true);
    CHECK(memcmp(b.dst, b.other, b.dst_floats * sizeof(float)) == 0, "%s %s: order of parts changes bits", plan.name,
          conv_oracle_text(s));
}

static void random_shape(const cpu_kernels *kernels, int kind)
{
    conv_shape s = { .groups = 1, .stride_h = 1, .stride_w = 1, .dilation_h = 1, .dilation_w = 1 };
    int small = oracle_int(0, 1);
    s.threads = oracle_int(0, 4);
    s.c_in = small ? oracle_int(1, 9) : oracle_int(1, 70);
    s.c_out = small ? oracle_int(1, 70) : oracle_int(1, 40);
    s.h_in = oracle_int(1, small ? 40 : 14);
    s.w_in = oracle_int(1, small ? 40 : 20);
    int pad_bottom, pad_right;
    switch (kind) {
    case 0: /* 3x3 stride 1 */
        s.kernel_h = s.kernel_w = 3;
        s.exact = oracle_int(0, 2) == 0;
        break;
    case 1: /* 1x1 */
        s.kernel_h = s.kernel_w = 1;
        s.stride_h = s.stride_w = oracle_int(0, 3) ? 1 : oracle_int(1, 3);
        break;
    case 2: /* plain source */
        s.src_plain = true;
        s.c_in = oracle_int(1, 4);
        s.kernel_h = oracle_int(1, 7);
        s.kernel_w = oracle_int(1, 7);
        s.stride_h = oracle_int(1, 3);
        s.stride_w = oracle_int(1, 3);
        s.dilation_w = oracle_int(0, 4) ? 1 : 2;
        break;
    case 3: /* depthwise */
        s.groups = s.c_out = s.c_in;
        s.kernel_h = oracle_int(0, 2) ? oracle_int(1, 2) * 2 + 1 : oracle_int(1, 7);
        s.kernel_w = oracle_int(0, 2) ? oracle_int(1, 2) * 2 + 1 : oracle_int(1, 7);
        s.stride_h = oracle_int(1, 3);
        s.stride_w = oracle_int(1, 3);
        s.dilation_h = oracle_int(0, 3) ? 1 : 2;
        s.dilation_w = oracle_int(0, 3) ? 1 : 2;
        break;
    case 9: /* depthwise, square and dilated */
        s.groups = s.c_out = s.c_in;
        s.kernel_h = s.kernel_w = oracle_int(1, 3) * 2 + 1;
        s.stride_h = oracle_int(0, 5) ? 1 : 2;
        s.dilation_h = oracle_int(1, 4);
        s.dilation_w = oracle_int(1, 4);
        break;
    case 4: /* groups, whole blocks each or not */
        s.groups = oracle_int(0, 1) ? oracle_int(2, 3) : oracle_int(4, 13);
        s.c_in = s.groups * (s.groups > 3 ? 1 << oracle_int(0, 3) : oracle_int(0, 3) ? 16 : oracle_int(1, 20));
        s.c_out = s.groups * (s.groups > 3       ? 1 << oracle_int(0, 3)
                              : oracle_int(0, 3) ? 16 * oracle_int(1, 2)
                                                 : oracle_int(1, 20));
        s.kernel_h = s.kernel_w = oracle_int(1, 3);
        s.stride_h = s.stride_w = oracle_int(1, 2);
        break;
    case 5: /* plain source, as Winograd takes it, and a little more */
        s.src_plain = true;
        s.c_in = oracle_int(1, 4);
        s.kernel_h = oracle_int(4, 9);
        s.kernel_w = oracle_int(4, 9);
        s.stride_h = s.stride_w = 2;
        s.exact = oracle_int(0, 4) == 0;
        s.h_in *= 2;
        s.w_in *= 3;
        break;
    case 6: /* taps far apart */
        s.groups = oracle_int(0, 3) ? 1 : 2;
        s.c_in = s.groups * (s.groups > 1 ? 16 : oracle_int(1, 40));
        s.c_out = s.groups * (s.groups > 1 ? 32 : oracle_int(1, 90));
        s.kernel_h = oracle_int(0, 1) * 2 + 1;
        s.kernel_w = oracle_int(1, 2) * 2 + 1;
        s.dilation_h = oracle_int(1, 9);
        s.dilation_w = oracle_int(2, 9);
        break;
    case 8: /* one row or column */
        s.kernel_w = oracle_int(2, 8);
        s.kernel_h = 1;
        if (oracle_int(0, 1)) {
            s.kernel_h = s.kernel_w;
            s.kernel_w = 1;
        }
        break;
    default: /* anything */
        s.kernel_h = oracle_int(1, 5);
        s.kernel_w = oracle_int(1, 5);
        s.stride_h = oracle_int(1, 4);
        s.stride_w = oracle_int(1, 4);
        s.dilation_h = oracle_int(1, 3);
        s.dilation_w = oracle_int(1, 3);
    }
    s.pad_top = oracle_int(0, s.kernel_h - 1);
    s.pad_left = oracle_int(0, s.kernel_w - 1);
    pad_bottom = oracle_int(0, s.kernel_h);
    pad_right = oracle_int(0, s.kernel_w);
    if (kind == 6 || kind == 9) {
        s.pad_top = pad_bottom = s.kernel_h / 2 * s.dilation_h;
        s.pad_left = pad_right = s.kernel_w / 2 * s.dilation_w + oracle_int(-1, 1);
    }
    if (kind == 1 && oracle_int(0, 4))
        pad_bottom = pad_right = 0;
    if (kind == 8) {
        pad_bottom = s.kernel_h == 1 ? 0 : pad_bottom;
        pad_right = s.kernel_w == 1 ? 0 : pad_right;
    }
    if (kind != 6 && kind != 9 && kind >= 5 && oracle_int(0, 5) == 0)
        s.pad_top = s.pad_left = -1;
    s.h_out = conv_oracle_size(s.h_in, s.kernel_h, s.stride_h, s.dilation_h, s.pad_top + pad_bottom);
    s.w_out = conv_oracle_size(s.w_in, s.kernel_w, s.stride_w, s.dilation_w, s.pad_left + pad_right);
    if (s.h_out > 0 && s.w_out > 0 && s.h_in + s.pad_top + pad_bottom >= (s.kernel_h - 1) * s.dilation_h + 1 &&
        s.w_in + s.pad_left + pad_right >= (s.kernel_w - 1) * s.dilation_w + 1)
        test_shape(kernels, &s);
}

/* Large enough to be cut in parts and strips, many filter blocks, more input blocks than one. */
static void test_cuts(const cpu_kernels *kernels)
{
    static const conv_shape shapes[] = {
        { 32, 64, 1, 40, 40, 40, 40, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 32, 64, 1, 40, 40, 40, 40, 3, 3, 1, 1, 1, 1, 1, 1, false, true },
        { 48, 144, 1, 19, 23, 10, 12, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        { 100, 200, 1, 20, 21, 20, 21, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        /* half a filter block behind one, two and more; in slices of the sum; alone */
        { 70, 8, 1, 40, 41, 40, 41, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 2 },
        { 72, 24, 1, 56, 57, 56, 57, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 3 },
        { 120, 40, 1, 28, 29, 28, 29, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 580, 40, 1, 14, 15, 14, 15, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 1160, 71, 1, 7, 8, 7, 8, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 2 },
        { 3, 24, 1, 96, 98, 48, 49, 6, 6, 2, 2, 1, 1, 2, 2, true, false },
        { 3, 40, 1, 131, 330, 66, 165, 6, 6, 2, 2, 1, 1, 3, 2, true, false },
        { 3, 16, 1, 64, 70, 32, 35, 5, 6, 2, 2, 1, 1, 2, 2, true, false, 3 },
        { 3, 64, 1, 112, 113, 56, 57, 7, 7, 2, 2, 1, 1, 3, 3, true, false, 2 },
        { 1, 40, 1, 90, 75, 44, 37, 8, 7, 2, 2, 1, 1, 2, 2, true, false },
        { 80, 80, 80, 50, 51, 50, 51, 5, 5, 1, 1, 1, 1, 2, 2, false, false },
        { 64, 64, 64, 51, 50, 26, 25, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        { 256, 80, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 64, 128, 1, 13, 13, 13, 13, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 64, 64, 2, 24, 24, 24, 24, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        /* groups: Winograd for each, joined, the last one not whole, more than there are parts */
        { 64, 128, 4, 40, 40, 40, 40, 3, 3, 1, 1, 1, 1, 1, 1, false, false, 3 },
        { 72, 72, 18, 29, 30, 29, 30, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 104, 104, 13, 28, 28, 14, 14, 3, 3, 2, 2, 1, 1, 1, 1, false, false, 2 },
        { 256, 256, 16, 14, 14, 14, 14, 3, 3, 1, 1, 1, 1, 1, 1, false, false, 2 },
        { 88, 88, 11, 7, 7, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 24, 36, 3, 13, 17, 13, 17, 3, 3, 1, 1, 2, 2, 2, 2, false, false },
        /* joined groups, of whose inputs the others' filters read nothing; slices, padding, strides */
        { 240, 60, 3, 28, 28, 28, 28, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 60, 240, 3, 14, 14, 14, 14, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 2 },
        { 720, 180, 3, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 111, 255, 3, 13, 9, 13, 9, 3, 3, 1, 1, 1, 1, 1, 1, false, true },
        { 200, 72, 8, 15, 12, 8, 6, 3, 2, 2, 2, 1, 1, 1, 1, false, false, 3 },
        /* tiles of 2x2 */
        { 64, 100, 1, 4, 4, 4, 4, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 130, 70, 1, 7, 5, 7, 5, 3, 3, 1, 1, 1, 1, 1, 1, false, false },
        { 96, 256, 1, 13, 11, 14, 13, 3, 3, 1, 1, 1, 1, 1, 2, false, false, 3 },
        { 64, 48, 1, 12, 12, 6, 6, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        { 66, 70, 1, 15, 16, 8, 8, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        { 128, 130, 1, 26, 25, 13, 12, 3, 3, 2, 2, 1, 1, 0, 0, false, false, 2 },
        { 112, 128, 1, 48, 48, 24, 24, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        { 48, 128, 1, 12, 12, 6, 6, 3, 3, 2, 2, 1, 1, 1, 1, false, false },
        /* one row or column: all numbers of taps, several strips, filter groups and parts, rows without a whole tile */
        { 128, 192, 1, 17, 17, 17, 17, 7, 1, 1, 1, 1, 1, 3, 0, false, false },
        { 130, 100, 1, 17, 18, 17, 18, 1, 7, 1, 1, 1, 1, 0, 3, false, false, 3 },
        { 70, 64, 1, 40, 50, 40, 50, 1, 5, 1, 1, 1, 1, 0, 2, false, false },
        { 64, 64, 2, 41, 30, 40, 30, 4, 1, 1, 1, 1, 1, 1, 0, false, false },
        { 96, 64, 1, 8, 8, 8, 8, 1, 3, 1, 1, 1, 1, 0, 1, false, false, 2 },
        { 64, 96, 1, 1, 1500, 1, 1500, 1, 3, 1, 1, 1, 1, 0, 1, false, false },
        { 64, 96, 1, 9, 2, 9, 3, 1, 6, 1, 1, 1, 1, 0, 3, false, false },
        /* Strassen's: odd pixels, channels and filter blocks behind the halves, strips and filters cut for threads */
        { 256, 352, 1, 10, 12, 10, 12, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 301, 410, 1, 11, 9, 11, 9, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 3 },
        { 264, 592, 1, 9, 11, 9, 11, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 272, 272, 1, 14, 12, 14, 12, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 2 },
        /* few pixels: slices of the sum, a last block that is not whole */
        { 701, 100, 1, 7, 7, 7, 7, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        { 600, 41, 1, 3, 11, 3, 11, 1, 1, 1, 1, 1, 1, 0, 0, false, false, 3 },
        { 330, 200, 1, 14, 15, 14, 15, 1, 1, 1, 1, 1, 1, 0, 0, false, false },
        /* short rows: several slices of the sum, taps outside, groups, strides */
        { 128, 96, 1, 7, 7, 7, 7, 3, 3, 1, 1, 1, 1, 1, 1, false, true },
        { 96, 160, 1, 14, 13, 7, 7, 3, 3, 2, 2, 1, 1, 1, 1, false, true },
        { 256, 208, 1, 14, 14, 7, 7, 1, 1, 2, 2, 1, 1, 0, 0, false, false },
        { 128, 64, 2, 9, 6, 5, 3, 5, 5, 2, 2, 1, 1, 2, 2, false, false },
        { 64, 48, 1, 5, 3, 9, 7, 3, 3, 1, 1, 2, 2, 4, 4, false, true },
        /* tap by tap: several strips, filter groups and parts; taps that reach nothing */
        { 70, 150, 1, 40, 50, 40, 50, 3, 3, 1, 1, 6, 6, 6, 6, false, false },
        { 40, 100, 1, 12, 9, 12, 9, 3, 3, 1, 1, 24, 12, 24, 12, false, false, 3 },
        { 32, 160, 2, 150, 40, 150, 40, 3, 3, 1, 1, 2, 3, 2, 3, false, true, 2 },
        /* long rows, cut in pieces */
        { 18, 35, 1, 1, 1500, 1, 1500, 1, 3, 1, 1, 1, 1, 0, 1, false, false },
        { 3, 20, 1, 3, 2100, 2, 1051, 3, 5, 2, 2, 1, 1, 1, 3, true, false },
        { 17, 8, 1, 1, 1300, 1, 1300, 1, 5, 1, 1, 1, 2, 0, 4, false, false },
    };
    const conv_units *units = kernels->conv.units;
    int chosen[WINOGRAD_FORMS] = { 0 }, lines[WINOGRAD_LINE_FORMS] = { 0 }, by_taps = 0, of_seven = 0, strassen = 0;
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
        conv_plan plan;
        test_shape(kernels, &shapes[i]);
        if (!CHECK(conv_choose(kernels, &shapes[i], &plan), "%s: shape %zu is refused", kernels->name, i))
            continue;
        by_taps += strcmp(plan.name, units->taps_name) == 0;
        of_seven += strcmp(plan.name, units->phases_name) == 0;
        strassen += strcmp(plan.name, units->strassen_name) == 0;
        for (int form = 0; form < WINOGRAD_FORMS; form++)
            chosen[form] += strcmp(plan.name, units->winograd_name[form]) == 0;
        for (int form = 0; form < WINOGRAD_LINE_FORMS; form++)
            lines[form] += strcmp(plan.name, units->line_name[form]) == 0;
    }
    CHECK(of_seven >= 1, "%s: no shape is for %s", kernels->name, units->phases_name);
    CHECK(strassen >= 2, "%s: %d shapes are for %s", kernels->name, strassen, units->strassen_name);
    CHECK(by_taps >= 2, "%s: %d shapes are for %s", kernels->name, by_taps, units->taps_name);
    for (int form = 0; form < WINOGRAD_FORMS; form++)
        CHECK(chosen[form] > 0, "%s: no shape is for %s", kernels->name, units->winograd_name[form]);
    for (int form = 0; form < WINOGRAD_LINE_FORMS; form++)
        CHECK(lines[form] > 0, "%s: no shape is for %s", kernels->name, units->line_name[form]);
}

/* What several threads share: parts for all of them, that keep all busy to the end. */
static void test_sharing(const cpu_kernels *kernels)
{
    /* Plain C's tiles of 4 pixels are 25 in 20 x 20: it may take 0.83 where the second-level cache is small. */
    const double least = strcmp(kernels->name, "c") == 0 ? 0.82 : 0.88;
    static const struct {
        int kernel, stride, size, c_in, c_out;
    } layers[] = {
        { 3, 1, 160, 16, 16 }, { 3, 1, 80, 64, 64 },   { 3, 1, 40, 64, 64 },   { 3, 1, 20, 128, 128 },
        { 3, 1, 20, 256, 64 }, { 3, 1, 10, 128, 128 }, { 3, 2, 40, 128, 128 }, { 3, 2, 20, 128, 256 },
        { 1, 1, 80, 96, 128 }, { 1, 1, 40, 192, 128 }, { 1, 1, 20, 512, 256 },
    };
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++)
        for (int threads = 2; threads <= 4; threads += 2) {
            conv_plan plan;
            int in = layers[i].size * layers[i].stride, pad = layers[i].kernel / 2;
            conv_shape s = conv_oracle_point(layers[i].c_in, layers[i].c_out, in, in);
            s.h_out = s.w_out = layers[i].size;
            s.kernel_h = s.kernel_w = layers[i].kernel;
            s.stride_h = s.stride_w = layers[i].stride;
            s.pad_top = s.pad_left = pad;
            s.threads = threads;
            if (!CHECK(conv_choose(kernels, &s, &plan), "%s: %s", kernels->name, conv_oracle_text(&s)))
                continue;
            CHECK(plan.parts >= threads && plan.balance >= least, "%s %s: %d parts for %d threads, balance %.2f",
                  plan.name, conv_oracle_text(&s), plan.parts, threads, plan.balance);
        }
}

/* However many threads share a layer, and however few pixels a part of it has, its sums are made in one order. */
static void test_bits(const cpu_kernels *kernels)
{
    static const struct {
        int c_in, c_out, size;
    } layers[] = {
        { 512, 24, 14 }, { 450, 40, 14 }, { 512, 32, 14 }, { 330, 24, 13 }, { 256, 56, 15 }, { 272, 400, 15 }
    };
    for (size_t i = 0; i < sizeof(layers) / sizeof(layers[0]); i++) {
        conv_shape s = conv_oracle_point(layers[i].c_in, layers[i].c_out, layers[i].size, layers[i].size);
        buffers b = { 0 };
        conv_plan whole = { 0 };
        s.exact = true; /* half blocks would sum every other input apart */
        const size_t filters = (size_t)((s.c_out + kernels->block - 1) / kernels->block * kernels->block);
        CHECK(conv_choose(kernels, &s, &whole) && whole.packed_bytes >= filters * (size_t)s.c_in * sizeof(float),
              "%s: %s: %zu bytes of weights", kernels->name, conv_oracle_text(&s), whole.packed_bytes);
        s.exact = false;
        for (s.threads = 1; s.threads <= 8; s.threads++) {
            conv_plan plan;
            if (!CHECK(conv_choose(kernels, &s, &plan), "%s: %s", kernels->name, conv_oracle_text(&s)))
                return;
            if (s.threads == 1)
                prepare(&plan, &s, &b);
            b.packed = aligned(&region_packed, plan.packed_bytes / sizeof(float));
            b.scratch = aligned(&region_scratch, plan.scratch_bytes / sizeof(float));
            conv_pack(&plan, (const float *)(file_bytes + 1), b.packed);
            float *dst = s.threads == 1 ? b.dst : b.other;
            const conv_arguments a = { .src = b.src, .dst = dst, .packed = b.packed, .bias = b.bias };
            conv_oracle_run(&plan, &a, b.scratch, false);
            CHECK(memcmp(b.dst, dst, b.dst_floats * sizeof(float)) == 0, "%s %s: %d threads change bits", plan.name,
                  conv_oracle_text(&s), s.threads);
        }
    }
}

static void test_refusals(const cpu_kernels *kernels)
{
    conv_plan plan;
    conv_shape s = { 259, 259, 37, 8, 8, 8, 8, 3, 3, 1, 1, 1, 1, 1, 1, false, false };
    CHECK(!conv_choose(kernels, &s, &plan), "%s: many groups that do not fill blocks together must be refused",
          kernels->name);
    s = (conv_shape){ 3, 8, 1, 8, 8, 8, 8, 3, 3, 1, 1, 1 << 30, 1, 1, 1, true, false };
    CHECK(!conv_choose(kernels, &s, &plan), "%s: a dilation beyond reason must be refused", kernels->name);
    s = (conv_shape){ 16, 16, 1, 9, 9, 3, 3, 1, 1, 1 << 24, 1 << 24, 1, 1, 1 << 24, 1 << 24, false, false };
    CHECK(!conv_choose(kernels, &s, &plan), "%s: a stride beyond reason must be refused", kernels->name);
    s = conv_oracle_point(1 << 24, 64, 4, 4);
    CHECK(conv_choose(kernels, &s, &plan) && plan.scratch_bytes < 1 << 24, "%s, %s: %zu bytes of scratch",
          kernels->name, plan.name, plan.scratch_bytes);
}

void test_conv(const cpu_kernels *kernels, int rounds, test_counts *counts)
{
    size_t bytes = MAX_FLOATS * sizeof(float);
    guarded_region *regions[] = { &region_src,     &region_dst,  &region_other,    &region_packed,
                                  &region_scratch, &region_bias, &region_residual, &region_mapped };
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        *regions[i] = guarded_create(bytes);
    test_refusals(kernels);
    test_cuts(kernels);
    test_sharing(kernels);
    test_bits(kernels);
    for (int round = 0; round < rounds; round++)
        random_shape(kernels, round % 10);
    for (size_t i = 0; i < sizeof(regions) / sizeof(regions[0]); i++)
        guarded_free(regions[i]);
    oracle_report(counts);
}
