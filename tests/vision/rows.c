/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Every table of row kernels against plain C, to the bit, at odd sizes and with guard pages. */
#include <math.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cpuid.h"
#include "check.h"
#include "vision/columns.h"
#include "vision/rows.h"

static uint32_t seed = 1;

static uint32_t next_random(void)
{
    seed = seed * 1664525u + 1013904223u;
    return seed >> 8;
}

static void compare_rows(const vision_rows *rows, int n, int offset)
{
    enum { MOST = 600 };
    const vision_rows *c = &vision_rows_c;
    static uint8_t a[MOST * 4 + 8], b[MOST * 4 + 8], bytes[2][3][MOST + 80];
    static int16_t planes[2][4][MOST * 5 + 200];
    static float values[2][MOST + 80];
    static uint16_t halves[2][MOST + 80];
    for (size_t i = 0; i < sizeof a; i++) {
        a[i] = (uint8_t)next_random();
        b[i] = (uint8_t)next_random();
    }
    memset(planes, 0x55, sizeof planes);
    static const int weights[] = { 0, 1, 16384, 32767, 12345 }, ups[] = { 0, 4, 6 };
    for (size_t k = 0; k < 5; k++) {
        int16_t *out[2][4];
        for (int side = 0; side < 2; side++)
            for (int q = 0; q < 4; q++)
                out[side][q] = planes[side][q] + offset;
        const vision_rows *table[2] = { c, rows };
        for (int kind = 1; kind <= 12; kind++) {
            for (int side = 0; side < 2; side++) {
                const vision_rows *t = table[side];
                int16_t *missing[4] = { NULL, out[side][1], NULL, out[side][3] };
                if (kind == 1)
                    t->expand1(a + offset, b + offset, weights[k], n, out[side][0]);
                else if (kind == 2)
                    t->expand2(a + offset, b + offset, weights[k], n, out[side]);
                else if (kind == 3)
                    t->expand3(a + offset, b + offset, weights[k], n, out[side]);
                else if (kind == 4)
                    t->expand4(a + offset, b + offset, weights[k], n, out[side]);
                else if (kind == 5)
                    t->expand2(a + offset, b + offset, weights[k], n, missing);
                else if (kind == 6)
                    t->expand4(a + offset, b + offset, weights[k], n, missing);
                else if (kind < 10) /* wide samples, whose unused bits are random */
                    t->expand1_wide(a + offset, b + offset, weights[k], n, ups[kind - 7], out[side][0]);
                else
                    t->expand2_wide(a + offset, b + offset, weights[k], n, ups[kind - 10], out[side]);
            }
            CHECK(!memcmp(planes[0], planes[1], sizeof planes[0]), "%s expand kind %d n %d weight %d", rows->name, kind,
                  n, weights[k]);
        }
    }
    static int32_t index[MOST];
    static int16_t weight[MOST], in[3][MOST * 5 + 200];
    static const double ratios[] = { 0.3, 1, 1.7, 3, 3.9, 5 };
    for (int q = 0; q < 3; q++)
        for (int i = 0; i < MOST * 5 + 200; i++)
            in[q][i] = (int16_t)(next_random() % 32641);
    for (size_t k = 0; k < 6; k++) {
        for (int i = 0; i < n; i++) {
            index[i] = (int32_t)(i * ratios[k]);
            weight[i] = (int16_t)(i % 7 == 0 ? 16384 : i % 5 == 0 ? 0 : next_random() % 16385);
        }
        c->blend(in[0], index, weight, n, planes[0][0] + offset);
        rows->blend(in[0], index, weight, n, planes[1][0] + offset);
        CHECK(!memcmp(planes[0], planes[1], sizeof planes[0]), "%s blend n %d ratio %g", rows->name, n, ratios[k]);
    }
    for (int q = 0; q < 3; q++)
        for (int i = 0; i < n; i++)
            in[q][i] = (int16_t)(next_random() % 16321);
    memset(bytes, 0, sizeof bytes);
    vision_colour colours[2] = { { 1024, 5387, 13074, 3210, 6660, 16525 }, { 0, 0, 14746, 1535, 3838, 17000 } };
    for (int k = 0; k < 2; k++) {
        c->colour(in[0], in[1], in[2], n, &colours[k], bytes[0][0] + offset, bytes[0][1], bytes[0][2]);
        rows->colour(in[0], in[1], in[2], n, &colours[k], bytes[1][0] + offset, bytes[1][1], bytes[1][2]);
        CHECK(!memcmp(bytes[0], bytes[1], sizeof bytes[0]), "%s colour n %d", rows->name, n);
    }
    memset(planes, 0, sizeof planes);
    int halves_c = c->near_half(in[0] + offset, n, planes[0][0]),
        halves_here = rows->near_half(in[0] + offset, n, planes[1][0]);
    CHECK(halves_c == halves_here && !memcmp(planes[0][0], planes[1][0], (size_t)halves_c * 2), "%s near_half n %d",
          rows->name, n);
    c->round8(in[0] + offset, n, bytes[0][0] + offset);
    rows->round8(in[0] + offset, n, bytes[1][0] + offset);
    CHECK(!memcmp(bytes[0], bytes[1], sizeof bytes[0]), "%s round8 n %d", rows->name, n);
    memset(values, 0, sizeof values);
    memset(halves, 0, sizeof halves);
    vision_affine plain, statistics;
    vision_affine_set(&plain, 1 / 255.0, 0, true);
    vision_affine_set(&statistics, 1 / 57.375, 103.53 / 57.375, true);
    c->store_f32(a + offset, n, &plain, values[0] + offset);
    rows->store_f32(a + offset, n, &plain, values[1] + offset);
    CHECK(!memcmp(values[0], values[1], sizeof values[0]), "%s store_f32 n %d", rows->name, n);
    c->store_f32(a + offset, n, &statistics, values[0] + offset);
    rows->store_f32(a + offset, n, &statistics, values[1] + offset);
    for (int i = 0; i < n; i++)
        CHECK(fabsf(values[0][i + offset] - values[1][i + offset]) < 4e-7f, "%s store_f32 with a mean: %g, %g",
              rows->name, (double)values[0][i + offset], (double)values[1][i + offset]);
    memset(values, 0, sizeof values);
    c->store_f16(a + offset, n, &plain, halves[0] + offset);
    rows->store_f16(a + offset, n, &plain, halves[1] + offset);
    CHECK(!memcmp(halves[0], halves[1], sizeof halves[0]), "%s store_f16 n %d", rows->name, n);
    c->fill_f32(0.447f, n, values[0] + offset);
    rows->fill_f32(0.447f, n, values[1] + offset);
    CHECK(!memcmp(values[0], values[1], sizeof values[0]), "%s fill_f32 n %d", rows->name, n);
}

/* A row of `bytes` bytes whose end is the end of what may be read. */
typedef struct guarded {
    uint8_t *pages, *row;
    size_t size;
} guarded;

static guarded guarded_row(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE), size = (bytes + page - 1) / page * page + page;
    guarded g = { mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), NULL, size };
    if (g.pages == MAP_FAILED || mprotect(g.pages + size - page, page, PROT_NONE))
        abort();
    g.row = g.pages + size - page - bytes;
    for (size_t i = 0; i < bytes; i++)
        g.row[i] = (uint8_t)next_random();
    return g;
}

/* sample is expand and blend in one: of plain C, to the bit. */
static void compare_sample(const vision_rows *rows, const axis *a, int n, int step, int channels, int weight)
{
    static column_taps taps;
    column_taps_make(a, 0, n, step, step - 1, &taps);
    if (!taps.picks.windows)
        return;
    static int16_t planes[4][TILE_SPAN + 8], want[4][TILE_COLUMNS], got[4][TILE_COLUMNS + 32];
    uint8_t place[3];
    int16_t *expanded[4] = { planes[0], planes[1], planes[2], planes[3] }, *out[3] = { got[0], got[1], got[2] };
    int bytes = taps.count * step;
    guarded first = guarded_row((size_t)bytes), second = guarded_row((size_t)bytes);
    const vision_rows *c = &vision_rows_c;
    if (step == 1)
        c->expand1(first.row, second.row, weight, taps.count, planes[0]);
    else
        (step == 2   ? c->expand2
         : step == 3 ? c->expand3
                     : c->expand4)(first.row, second.row, weight, taps.count, expanded);
    memset(got, 0x5a, sizeof got);
    for (int k = 0; k < channels; k++) {
        place[k] = (uint8_t)((step - 1 - k + 4 * step) % step);
        planes[place[k]][taps.count] = planes[place[k]][taps.count - 1];
        c->blend(planes[place[k]], taps.index, taps.weight, n, want[k]);
    }
    rows->sample(first.row, second.row, weight, bytes, &taps.picks, channels, place, n, out);
    for (int k = 0; k < channels; k++)
        CHECK(!memcmp(want[k], got[k], (size_t)n * 2) && got[k][n] == 0x5a5a,
              "%s sample %g -> %d step %d channel %d weight %d windows %d", rows->name, a->source, n, step, k, weight,
              taps.picks.windows);
    munmap(first.pages, first.size);
    munmap(second.pages, second.size);
}

static void test_sample(const vision_rows *rows)
{
    static const double ratios[] = { 0.3, 1, 1.5, 1.77, 3, 4.2, 6, 9, 13 };
    static const int counts[] = { 1, 2, 7, 31, 32, 33, 64, 100, 320 };
    for (size_t r = 0; rows->sample && r < sizeof ratios / sizeof ratios[0]; r++)
        for (size_t k = 0; k < sizeof counts / sizeof counts[0]; k++)
            for (int step = 1; step <= 4; step++)
                for (int channels = 1; channels <= (step < 3 ? step : 3); channels++)
                    for (int shift = 0; shift < 3; shift++) {
                        int source = (int)fmax(1, ratios[r] * counts[k]);
                        axis a = { .source = source, .size = counts[k], .shift = shift, .site = 0.5 * (r & 1) };
                        a.last = (source - 1) >> shift;
                        if (a.last < TILE_SPAN - 4)
                            compare_sample(rows, &a, counts[k], step, channels, k & 1 ? 0 : 9999);
                    }
}

int main(void)
{
    uint32_t here = cpuid_flags(NULL);
    static const uint32_t levels[] = { CPU_AVX2, CPU_AVX2 | CPU_AVX512, CPU_AVX2 | CPU_AVX512 | CPU_AVX512_VBMI,
                                       CPU_NEON };
    test_sample(&vision_rows_c);
    for (size_t l = 0; l < sizeof levels / sizeof levels[0]; l++) {
        const vision_rows *rows = vision_rows_for(levels[l] & here);
        if (rows == &vision_rows_c)
            continue;
        for (int n = 0; n <= 140; n++)
            compare_rows(rows, n, n % 4);
        compare_rows(rows, 600, 0);
        test_sample(rows);
        printf("row kernels %s compared with c\n", rows->name);
    }
    return check_done();
}
