/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The comparison behind `onyx run` and `onyx conformance`: what it lets pass and what it must not. */
#include "check.h"
#include "onyx/compare.h"

#include <math.h>
#include <string.h>

static onyx_tensor tensor(onyx_type type, int rank, const int64_t *dims, void *data, size_t bytes)
{
    onyx_tensor t = { .type = type, .rank = rank, .data = data, .size_bytes = bytes };
    memcpy(t.dims, dims, (size_t)rank * sizeof *dims);
    return t;
}

static bool floats(const float *expected, const float *actual, int64_t rows, int64_t columns, compare_bounds b,
                   difference *d)
{
    int64_t dims[] = { rows, columns };
    size_t bytes = (size_t)(rows * columns) * sizeof(float);
    onyx_tensor e = tensor(ONYX_TYPE_FLOAT32, 2, dims, (void *)expected, bytes);
    onyx_tensor a = tensor(ONYX_TYPE_FLOAT32, 2, dims, (void *)actual, bytes);
    return compare_tensors(&e, &a, &b, d);
}

static void check_values(void)
{
    const compare_bounds b = BOUNDS_DEFAULT;
    difference d;
    float e[4] = { 1, NAN, INFINITY, 0 }, a[4] = { 1.0009f, NAN, INFINITY, 0 };
    CHECK(floats(e, a, 1, 4, b, &d), "within the bound, NaN and infinity alike: %s", d.text);
    a[0] = 1.0012f;
    CHECK(!floats(e, a, 1, 4, b, &d) && d.different == 1, "outside of rtol");
    a[0] = 1;
    a[1] = 0;
    CHECK(!floats(e, a, 1, 4, b, &d), "a number where NaN is expected");
    a[1] = NAN;
    a[2] = -INFINITY;
    CHECK(!floats(e, a, 1, 4, b, &d), "minus infinity where plus is expected");
    a[2] = INFINITY;
    a[3] = 2e-7f;
    CHECK(!floats(e, a, 1, 4, b, &d), "outside of atol at zero");
    e[1] = a[1] = -9;
    e[2] = a[2] = 1;
    a[3] = 0.0009f;
    CHECK(floats(e, a, 1, 4, (compare_bounds){ .rtol = 1e-3, .atol_range = 1e-4 }, &d), "1e-4 of a range of 10");
    CHECK(!floats(e, a, 1, 4, (compare_bounds){ .rtol = 1e-3, .atol_range = 1e-5 }, &d), "1e-5 of a range of 10");
    CHECK(floats(e, a, 1, 4, (compare_bounds){ .rtol = 1e-3, .outliers = 0.25 }, &d), "one of four may lie outside");
    CHECK(!floats(e, a, 1, 4, (compare_bounds){ .rtol = 1e-3, .outliers = 0.2 }, &d), "one of five may lie outside");
}

static void check_integers(void)
{
    const compare_bounds loose = { .rtol = 1, .atol = 100, .outliers = 1 };
    difference d;
    int64_t dims[] = { 3 }, e[] = { 1, INT64_MAX, -5 }, a[] = { 1, INT64_MAX - 1, -5 };
    onyx_tensor et = tensor(ONYX_TYPE_INT64, 1, dims, e, sizeof e), at = tensor(ONYX_TYPE_INT64, 1, dims, a, sizeof a);
    CHECK(!compare_tensors(&et, &at, &loose, &d), "integers are compared exactly, whatever the bounds");
    a[1]++;
    CHECK(compare_tensors(&et, &at, &loose, &d), "equal integers: %s", d.text);
    uint8_t packed[] = { 0xf1, 0x02 }, other[] = { 0xf1, 0x92 }; /* int4 1, -1, 2; the last nibble is padding */
    et = tensor(ONYX_TYPE_INT4, 1, dims, packed, 2);
    at = tensor(ONYX_TYPE_INT4, 1, dims, other, 2);
    CHECK(compare_tensors(&et, &at, &loose, &d), "the padding of packed types does not count: %s", d.text);
    other[0] = 0x71;
    CHECK(!compare_tensors(&et, &at, &loose, &d) && strstr(d.text, "expected -1, actual 7"), "int4: %s", d.text);
    at.type = ONYX_TYPE_UINT4;
    CHECK(!compare_tensors(&et, &at, &loose, &d) && strstr(d.text, "type"), "another type: %s", d.text);
    const char *words[] = { "a", "b", "c" }, *others[] = { "a", "b", "d" };
    et = tensor(ONYX_TYPE_STRING, 1, dims, words, sizeof words);
    at = tensor(ONYX_TYPE_STRING, 1, dims, others, sizeof others);
    CHECK(!compare_tensors(&et, &at, &loose, &d) && strstr(d.text, "\"d\""), "strings: %s", d.text);
}

/* Rows x0 y0 x1 y1 score class, sorted by the score. */
static void check_ties(void)
{
    const compare_bounds b = { .rtol = 1e-3, .atol_range = 1e-4 };
    difference d;
    enum { N = 5, C = 6 };
    const float e[N * C] = { 10, 10,   20, 20, 0.9f, 0,  30, 30,   60, 60, 0.50001f, 1,  70, 10,   90,
                             30, 0.5f, 2,  5,  60,   15, 80, 0.3f, 0,  40, 5,        50, 15, 0.1f, 3 };
    float a[N * C];
    memcpy(a, e, sizeof a);
    memcpy(a + C, e + 2 * C, C * sizeof(float)); /* rows 1 and 2 change places */
    memcpy(a + 2 * C, e + C, C * sizeof(float));
    const bool same = floats(e, a, N, C, b, &d);
    CHECK(same && d.moved == 2, "tied rows may change places: %s, moved %zu", d.text, d.moved);
    a[C] = 75;
    CHECK(!floats(e, a, N, C, b, &d), "a tied row with another box");
    memcpy(a, e, sizeof a);
    memcpy(a, e + C, C * sizeof(float));
    memcpy(a + C, e, C * sizeof(float));
    CHECK(!floats(e, a, N, C, b, &d), "rows whose scores differ may not change places");
    memcpy(a, e, sizeof a);
    memcpy(a + C, a + 2 * C, C * sizeof(float));
    CHECK(!floats(e, a, N, C, b, &d), "one row twice in the place of two");
    memcpy(a, e, sizeof a);
    a[4 * C] = 66; /* another candidate made the cut */
    CHECK(floats(e, a, N, C, b, &d), "a row that ties with the last may have been cut off for another: %s", d.text);
    a[4 * C + 4] = 0.2f;
    CHECK(!floats(e, a, N, C, b, &d), "but not one with another score");
}

int main(void)
{
    check_values();
    check_integers();
    check_ties();
    return check_done();
}
