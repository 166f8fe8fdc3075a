/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the tests of the elementwise-like kernels share: buffers that end at a page nobody may touch, repeatable
 * numbers with the awkward ones among them, comparison with a double, and timing for --bench. */
#ifndef ONYX_TESTS_KERNELS_ORACLE_H
#define ONYX_TESTS_KERNELS_ORACLE_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "cpu/kernels.h"
#include "families.h"

/* Moves this file's counts to the caller's. */
__attribute__((unused)) static void oracle_report(test_counts *counts)
{
    counts->passed += check_passed;
    counts->failed += check_failed;
    counts->skipped += check_skipped;
    check_passed = check_failed = check_skipped = 0;
}

/* A mapping with an inaccessible page behind it. guarded() places a buffer so that it ends there. */
typedef struct guarded_region {
    unsigned char *start;
    size_t bytes;
} guarded_region;

__attribute__((unused)) static guarded_region guarded_create(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    bytes = (bytes + 2 * page - 1) / page * page; /* at least a page in front, for the canary */
    unsigned char *start = mmap(NULL, bytes + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (start == MAP_FAILED || mprotect(start + bytes, page, PROT_NONE)) {
        perror("mmap");
        exit(2);
    }
    return (guarded_region){ start, bytes };
}

__attribute__((unused)) static void guarded_free(guarded_region *region)
{
    munmap(region->start, region->bytes + (size_t)sysconf(_SC_PAGESIZE));
}

enum { GUARDED_CANARY = 64 };

/* The last `bytes` of the region, filled with 0xa5 like the bytes in front of them. */
__attribute__((unused)) static void *guarded(guarded_region *region, size_t bytes)
{
    unsigned char *p = region->start + region->bytes - bytes;
    memset(p - GUARDED_CANARY, 0xa5, bytes + GUARDED_CANARY);
    return p;
}

__attribute__((unused)) static bool guarded_front_intact(const void *buffer)
{
    const unsigned char *p = buffer;
    for (int i = 1; i <= GUARDED_CANARY; i++)
        if (p[-i] != 0xa5)
            return false;
    return true;
}

static uint32_t oracle_state = 12345;

__attribute__((unused)) static uint32_t oracle_bits(void)
{
    oracle_state ^= oracle_state << 13;
    oracle_state ^= oracle_state >> 17;
    oracle_state ^= oracle_state << 5;
    return oracle_state;
}

__attribute__((unused)) static int oracle_int(int low, int high)
{
    return low + (int)(oracle_bits() % (uint32_t)(high - low + 1));
}

__attribute__((unused)) static float oracle_float(float low, float high)
{
    return low + (high - low) * (float)(oracle_bits() >> 8) * 0x1p-24f;
}

static const float oracle_specials[] = {
    0.0f,   -0.0f,   INFINITY,  -INFINITY, NAN,        -NAN,    FLT_MAX, -FLT_MAX,    FLT_MIN, -FLT_MIN,
    1e-40f, -1e-42f, 0x1p-149f, 1.0f,      -1.0f,      0.5f,    1.5f,    2.5f,        -0.5f,   -2.5f,
    88.5f,  88.9f,   -87.2f,    -87.6f,    -95.0f,     -103.9f, -200.0f, 300.0f,      3.0f,    -3.0f,
    0.625f, 0.95f,   20.5f,     -20.5f,    8388609.0f, 1e10f,   -1e10f,  0.70710678f,
};

enum { ORACLE_SPECIALS = sizeof(oracle_specials) / sizeof(oracle_specials[0]) };

/* Numbers around 0, of all magnitudes, and special ones. */
__attribute__((unused)) static void oracle_fill(float *values, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t kind = oracle_bits() % 8;
        if (kind == 0)
            values[i] = oracle_specials[oracle_bits() % ORACLE_SPECIALS];
        else if (kind < 3)
            values[i] = ldexpf(oracle_float(-1, 1), oracle_int(-30, 12));
        else
            values[i] = oracle_float(-12, 12);
    }
}

__attribute__((unused)) static void oracle_fill_plain(float *values, size_t n, float low, float high)
{
    for (size_t i = 0; i < n; i++)
        values[i] = oracle_float(low, high);
}

__attribute__((unused)) static bool oracle_close(float actual, double expected, double relative, double absolute)
{
    if (isnan(expected))
        return isnan(actual);
    if (isinf((float)expected) || isinf(actual))
        return actual == (float)expected || fabs((double)actual - expected) <= absolute + relative * fabs(expected) ||
               (fabs(expected) > FLT_MAX * (1 - relative) && fabsf(actual) > FLT_MAX * (1 - relative) &&
                signbit(actual) == (signbit(expected) != 0));
    return fabs((double)actual - expected) <= absolute + relative * fabs(expected);
}

/* One check for a whole buffer: the first element that differs is named. */
__attribute__((unused)) static bool oracle_check(const char *what, const char *table, const float *actual,
                                                 const double *expected, size_t n, double relative, double absolute)
{
    for (size_t i = 0; i < n; i++) {
        if (!oracle_close(actual[i], expected[i], relative, absolute))
            return CHECK(false, "%s %s n=%zu [%zu]: expected %.9g, got %.9g", what, table, n, i, expected[i],
                         (double)actual[i]);
    }
    return CHECK(true, "%s", what);
}

__attribute__((unused)) static double oracle_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Prints the best rate of a few repeats of `statement`, which moves `bytes` (read and written). */
#define ORACLE_BENCH(table, what, bytes, statement)                                                                    \
    do {                                                                                                               \
        double best_ = 1e9, until_ = oracle_seconds() + 0.02;                                                          \
        do {                                                                                                           \
            double t_ = oracle_seconds();                                                                              \
            statement;                                                                                                 \
            t_ = oracle_seconds() - t_;                                                                                \
            best_ = t_ < best_ ? t_ : best_;                                                                           \
        } while (oracle_seconds() < until_);                                                                           \
        printf("%-8s %-36s %9.2f us %8.2f GB/s\n", (table), (what), best_ * 1e6, (double)(bytes) / best_ * 1e-9);      \
    } while (0)

#endif
