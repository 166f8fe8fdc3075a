/* SPDX-License-Identifier: BSD-2-Clause
 *
 * AMX's instructions as its kernels use them, against plain sums: on a processor that has AMX this checks that it does
 * what tests/amx.c does, elsewhere that tests/amx.c does what is written here. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "base/cpuid.h"
#include "check.h"

enum { MAX_ROWS = 16, MAX_BYTES = 64, STRIDE = 80 };

typedef struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t bytes[16];
    uint8_t rows[16];
} tile_config;

typedef struct operands {
    int m, n, k; /* rows of a, columns of b, 32-bit groups of a row of a */
    uint8_t a[MAX_ROWS * STRIDE], b[MAX_ROWS * STRIDE], c[MAX_ROWS * STRIDE], out[MAX_ROWS * STRIDE];
} operands;

static uint32_t state = 1;

static uint32_t draw(void)
{
    state = state * 1664525u + 1013904223u;
    return state >> 8;
}

static void configure(const operands *o)
{
    tile_config config = { .palette = 1 };
    config.rows[0] = config.rows[1] = (uint8_t)o->m;
    config.bytes[0] = (uint16_t)(4 * o->n);
    config.bytes[1] = (uint16_t)(4 * o->k);
    config.rows[2] = (uint8_t)o->k;
    config.bytes[2] = (uint16_t)(4 * o->n);
    __asm__ volatile("ldtilecfg %0" ::"m"(config)); /* gcc 12's _tile_loadconfig reads 8 bytes only */
}

#define RUN(o, multiply)                                                                                               \
    do {                                                                                                               \
        configure(o);                                                                                                  \
        _tile_loadd(0, (o)->c, STRIDE);                                                                                \
        _tile_loadd(1, (o)->a, STRIDE);                                                                                \
        _tile_stream_loadd(2, (o)->b, STRIDE);                                                                         \
        multiply(0, 1, 2);                                                                                             \
        _tile_stored(0, (o)->out, STRIDE);                                                                             \
        _tile_release();                                                                                               \
    } while (0)

static void check_bytes(const operands *o, bool a_signed, bool b_signed)
{
    int wrong = 0;
    for (int m = 0; m < o->m; m++)
        for (int n = 0; n < o->n; n++) {
            int32_t sum, got;
            memcpy(&sum, o->c + m * STRIDE + 4 * n, 4);
            memcpy(&got, o->out + m * STRIDE + 4 * n, 4);
            for (int k = 0; k < 4 * o->k; k++) {
                const uint8_t a = o->a[m * STRIDE + k], b = o->b[k / 4 * STRIDE + 4 * n + k % 4];
                sum += (a_signed ? (int8_t)a : a) * (b_signed ? (int8_t)b : b);
            }
            wrong += got != sum;
        }
    CHECK(wrong == 0, "8 bit, %d x %d x %d, signs %d %d: %d sums are wrong", o->m, o->n, o->k, a_signed, b_signed,
          wrong);
}

static float bfloat16(uint8_t *at)
{
    const float value = (float)((int)draw() % 2001 - 1000) / 256;
    uint32_t bits;
    memcpy(&bits, &value, 4);
    memcpy(at, (uint8_t *)&bits + 2, 2);
    bits &= 0xFFFF0000;
    float kept;
    memcpy(&kept, &bits, 4);
    return kept;
}

static void test_bfloat16(operands *o)
{
    float a[MAX_ROWS][32], b[MAX_ROWS][32];
    for (int m = 0; m < o->m; m++)
        for (int k = 0; k < 2 * o->k; k++)
            a[m][k] = bfloat16(o->a + m * STRIDE + 2 * k);
    for (int k = 0; k < o->k; k++)
        for (int n = 0; n < 2 * o->n; n++)
            b[k][n] = bfloat16(o->b + k * STRIDE + 2 * n);
    for (int m = 0; m < o->m; m++)
        for (int n = 0; n < o->n; n++)
            memcpy(o->c + m * STRIDE + 4 * n, &(float){ (float)(m - n) }, 4);
    RUN(o, _tile_dpbf16ps);
    double worst = 0;
    for (int m = 0; m < o->m; m++)
        for (int n = 0; n < o->n; n++) {
            float got;
            double sum = m - n, size = fabs(sum);
            memcpy(&got, o->out + m * STRIDE + 4 * n, 4);
            for (int k = 0; k < 2 * o->k; k++) {
                const double product = (double)a[m][k] * (double)b[k / 2][2 * n + k % 2];
                sum += product;
                size += fabs(product);
            }
            worst = fmax(worst, fabs((double)got - sum) / fmax(size, 1e-3));
        }
    CHECK(worst < 4e-6, "bf16, %d x %d x %d: error %g of the terms", o->m, o->n, o->k, worst);
}

static void test_shape(int m, int n, int k)
{
    operands o = { .m = m, .n = n, .k = k };
    for (size_t i = 0; i < sizeof(o.a); i++) {
        o.a[i] = (uint8_t)draw();
        o.b[i] = (uint8_t)draw();
        o.c[i] = (uint8_t)(i % 4 == 3 ? 0 : draw());
    }
    RUN(&o, _tile_dpbuud);
    check_bytes(&o, false, false);
    RUN(&o, _tile_dpbusd);
    check_bytes(&o, false, true);
    RUN(&o, _tile_dpbsud);
    check_bytes(&o, true, false);
    RUN(&o, _tile_dpbssd);
    check_bytes(&o, true, true);
    configure(&o);
    _tile_loadd(0, o.c, STRIDE);
    _tile_zero(0);
    _tile_stored(0, o.out, STRIDE);
    _tile_release();
    int left = 0;
    for (int i = 0; i < m; i++)
        for (int j = 0; j < 4 * n; j++)
            left += o.out[i * STRIDE + j] != 0;
    CHECK(left == 0, "tilezero left %d bytes", left);
    test_bfloat16(&o);
}

int main(void)
{
    if ((cpuid_flags(NULL) & (CPU_AMX_INT8 | CPU_AMX_BF16)) != (CPU_AMX_INT8 | CPU_AMX_BF16)) {
        check_skip("neither AMX nor what tests/amx.c needs to stand in for it");
        return check_done();
    }
    test_shape(16, 16, 16);
    test_shape(1, 1, 1);
    test_shape(16, 5, 9);
    test_shape(7, 16, 3);
    return check_done();
}
