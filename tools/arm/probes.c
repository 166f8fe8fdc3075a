/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Loops around the straight parts of the NEON kernels, so that tools/arm/mca finds them alone: the transforms of
 * Winograd and the ends of the 8-bit convolution. The code is that of the kernels' own bodies; nothing here is run. */
#include "cpu/arm/math_neon.h"

#include "cpu/conv.h"

#define VF_HAS_LANE_FMA 1
#define vf_fma_lane(w, x, lane, acc) vfmaq_laneq_f32(acc, w, x, lane)
#include "cpu/conv_winograd_body.h"

void probe_winograd_input(const float *const *rows, float *v, ptrdiff_t point_stride, int count);
void probe_winograd_output(const float *m, ptrdiff_t point_stride, const float *bias, float *dst, ptrdiff_t row_stride,
                           int count);
void probe_int8_silu(const int32_t *acc, const float *scale, const float *bias, float *dst, int count);
void probe_int8_bytes(const int32_t *acc, const float *scale, uint8_t *dst, int count);

/* One tile of four columns that are new to it and two that are not: 36 values from the columns' transforms. */
void probe_winograd_input(const float *const *rows, float *v, ptrdiff_t point_stride, int count)
{
    vf columns[6 * 6];
    for (int i = 0; i < 12; i++)
        columns[i] = vf_zero();
    for (int t = 0; t < count; t++, v += VF_LANES) {
        for (int i = 0; i < 12; i++)
            columns[i] = columns[24 + i];
        CONV_UNROLL
        for (int c = 2; c < 6; c++) {
            vf d[6];
            CONV_UNROLL
            for (int i = 0; i < 6; i++)
                d[i] = vf_load(rows[i] + (4 * t + c) * VF_LANES);
            winograd_input_6(d, 1, columns + c * 6);
        }
        CONV_UNROLL
        for (int i = 0; i < 6; i++) {
            vf out[6];
            winograd_input_6(columns + i, 6, out);
            CONV_UNROLL
            for (int j = 0; j < 6; j++)
                vf_store(v + (i * 6 + j) * point_stride, out[j]);
        }
    }
}

void probe_winograd_output(const float *m, ptrdiff_t point_stride, const float *bias, float *dst, ptrdiff_t row_stride,
                           int count)
{
    const conv_epilogue none = { .act = CONV_EPILOGUE_NONE };
    for (; count > 0; count--, m += VF_LANES, dst += 4 * VF_LANES)
        winograd_output(m, point_stride, &none, bias, NULL, 0, dst, row_stride, 4, 4, WINOGRAD_SIDE_UNIT);
}

void probe_int8_silu(const int32_t *acc, const float *scale, const float *bias, float *dst, int count)
{
    const vf s = vf_load(scale), b = vf_load(bias);
    for (int p = 0; p < count; p++)
        vf_store(dst + p * VF_LANES, vf_silu(vf_fma(vf_from_vi(vi_load(acc + p * VF_LANES)), s, b)));
}

void probe_int8_bytes(const int32_t *acc, const float *scale, uint8_t *dst, int count)
{
    const vf s = vf_load(scale), high = vf_set1(255);
    for (int p = 0; p + 4 <= count; p += 4, acc += 4 * VF_LANES, dst += 4 * VF_LANES) {
        vi q[4];
        CONV_UNROLL
        for (int k = 0; k < 4; k++)
            q[k] = vi_from_vf(vf_min(high, vf_mul(vf_from_vi(vi_load(acc + k * VF_LANES)), s)));
        vi_store_bytes_4(dst, q[0], q[1], q[2], q[3], 3, 0);
    }
}
