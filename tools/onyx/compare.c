/* SPDX-License-Identifier: BSD-2-Clause
 *
 * See compare.h. Elements are read one by one through memcpy: no speed is needed, and payloads may be unaligned. */
#include "compare.h"
#include "base/size.h"
#include "base/types.h"
#include "command.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

typedef enum element_kind {
    ELEMENT_FLOAT,
    ELEMENT_COMPLEX,
    ELEMENT_SIGNED,
    ELEMENT_UNSIGNED,
    ELEMENT_TEXT
} element_kind;

static element_kind kind_of(onyx_type type)
{
    switch (type) {
    case ONYX_TYPE_STRING:
        return ELEMENT_TEXT;
    case ONYX_TYPE_COMPLEX64:
    case ONYX_TYPE_COMPLEX128:
        return ELEMENT_COMPLEX;
    case ONYX_TYPE_INT8:
    case ONYX_TYPE_INT16:
    case ONYX_TYPE_INT32:
    case ONYX_TYPE_INT64:
    case ONYX_TYPE_INT4:
    case ONYX_TYPE_INT2:
        return ELEMENT_SIGNED;
    case ONYX_TYPE_UINT8:
    case ONYX_TYPE_UINT16:
    case ONYX_TYPE_UINT32:
    case ONYX_TYPE_UINT64:
    case ONYX_TYPE_UINT4:
    case ONYX_TYPE_UINT2:
    case ONYX_TYPE_BOOL:
        return ELEMENT_UNSIGNED;
    default:
        return ELEMENT_FLOAT;
    }
}

/* The bits of element i, in the low end; at most 64. */
static uint64_t raw_bits(const onyx_tensor *t, size_t i)
{
    unsigned bits = onyx_type_bits(t->type);
    uint64_t value = 0;
    if (bits < 8) {
        size_t per_byte = 8 / bits;
        unsigned char byte = ((const unsigned char *)t->data)[i / per_byte];
        return (uint64_t)(byte >> (i % per_byte * bits)) & ((1u << bits) - 1);
    }
    memcpy(&value, (const char *)t->data + i * (bits / 8), bits / 8); /* little-endian, as the engine requires */
    return value;
}

static int64_t read_signed(const onyx_tensor *t, size_t i)
{
    unsigned shift = 64 - onyx_type_bits(t->type);
    return (int64_t)(raw_bits(t, i) << shift) >> shift;
}

static double read_float(const onyx_tensor *t, size_t i)
{
    uint64_t bits = raw_bits(t, i);
    switch (t->type) {
    case ONYX_TYPE_FLOAT64: {
        double value;
        memcpy(&value, &bits, sizeof value);
        return value;
    }
    case ONYX_TYPE_FLOAT32: {
        float value;
        uint32_t low = (uint32_t)bits;
        memcpy(&value, &low, sizeof value);
        return (double)value;
    }
    case ONYX_TYPE_FLOAT16:
        return (double)half_to_float((uint16_t)bits);
    case ONYX_TYPE_BFLOAT16:
        return (double)bfloat16_to_float((uint16_t)bits);
    default:
        return (double)small_float_to_float(t->type, (uint8_t)bits);
    }
}

static void read_complex(const onyx_tensor *t, size_t i, double *re, double *im)
{
    if (t->type == ONYX_TYPE_COMPLEX64) {
        float pair[2];
        memcpy(pair, (const char *)t->data + i * sizeof pair, sizeof pair);
        *re = (double)pair[0];
        *im = (double)pair[1];
    } else {
        double pair[2];
        memcpy(pair, (const char *)t->data + i * sizeof pair, sizeof pair);
        *re = pair[0];
        *im = pair[1];
    }
}

static const char *read_text(const onyx_tensor *t, size_t i)
{
    const char *text;
    memcpy(&text, (const char *)t->data + i * sizeof text, sizeof text);
    return text ? text : "";
}

static void element_text(char *text, size_t size, const onyx_tensor *t, size_t i)
{
    double re, im;
    switch (kind_of(t->type)) {
    case ELEMENT_TEXT:
        snprintf(text, size, "\"%.60s\"", read_text(t, i));
        break;
    case ELEMENT_COMPLEX:
        read_complex(t, i, &re, &im);
        snprintf(text, size, "%.9g%+.9gi", re, im);
        break;
    case ELEMENT_SIGNED:
        snprintf(text, size, "%lld", (long long)read_signed(t, i));
        break;
    case ELEMENT_UNSIGNED:
        snprintf(text, size, "%llu", (unsigned long long)raw_bits(t, i));
        break;
    case ELEMENT_FLOAT:
        snprintf(text, size, "%.9g", read_float(t, i));
        break;
    }
}

static bool close_enough(double expected, double actual, const compare_bounds *b, difference *d)
{
    if (isnan(expected) || isnan(actual))
        return isnan(expected) && isnan(actual);
    if (isinf(expected) || isinf(actual))
        return expected == actual;
    double off = fabs(actual - expected);
    d->max_abs = fmax(d->max_abs, off);
    if (expected != 0)
        d->max_rel = fmax(d->max_rel, off / fabs(expected));
    return off <= b->atol + b->rtol * fabs(expected);
}

static bool same_element(const onyx_tensor *expected, const onyx_tensor *actual, size_t i, const compare_bounds *b,
                         difference *d)
{
    double re[2], im[2];
    switch (kind_of(expected->type)) {
    case ELEMENT_TEXT:
        return strcmp(read_text(expected, i), read_text(actual, i)) == 0;
    case ELEMENT_COMPLEX: {
        read_complex(expected, i, &re[0], &im[0]);
        read_complex(actual, i, &re[1], &im[1]);
        bool real_same = close_enough(re[0], re[1], b, d); /* both halves are looked at, so that max_abs covers them */
        return close_enough(im[0], im[1], b, d) && real_same;
    }
    case ELEMENT_SIGNED: {
        int64_t a = read_signed(expected, i), c = read_signed(actual, i);
        d->max_abs = fmax(d->max_abs, fabs((double)a - (double)c));
        return a == c;
    }
    case ELEMENT_UNSIGNED: {
        uint64_t a = raw_bits(expected, i), c = raw_bits(actual, i);
        d->max_abs = fmax(d->max_abs, fabs((double)a - (double)c));
        return a == c;
    }
    case ELEMENT_FLOAT:
        return close_enough(read_float(expected, i), read_float(actual, i), b, d);
    }
    return false;
}

static compare_bounds widen(const onyx_tensor *expected, size_t count, const compare_bounds *wish)
{
    compare_bounds b = *wish;
    if (expected->type == ONYX_TYPE_FLOAT16) {
        b.rtol = fmax(b.rtol, 0x1p-9);
        b.atol = fmax(b.atol, 0x1p-14);
    } else if (expected->type == ONYX_TYPE_BFLOAT16) {
        b.rtol = fmax(b.rtol, 0x1p-6);
    }
    if (b.atol_range > 0 && kind_of(expected->type) == ELEMENT_FLOAT) {
        double low = INFINITY, high = -INFINITY;
        for (size_t i = 0; i < count; i++) {
            double value = read_float(expected, i);
            if (isfinite(value)) {
                low = fmin(low, value);
                high = fmax(high, value);
            }
        }
        if (high > low)
            b.atol = fmax(b.atol, b.atol_range * (high - low));
    }
    return b;
}

static void describe(difference *d, const onyx_tensor *expected, const onyx_tensor *actual, size_t at)
{
    char place[160] = "", values[2][80];
    size_t used = 0, rest = at, strides[ONYX_MAX_RANK], stride = 1;
    for (int i = expected->rank - 1; i >= 0; i--) {
        strides[i] = stride;
        stride *= (size_t)expected->dims[i];
    }
    for (int i = 0; i < expected->rank; i++) {
        int written = snprintf(place + used, sizeof place - used, "%s%zu", i ? "," : "", rest / strides[i]);
        used += written > 0 && used + (size_t)written < sizeof place ? (size_t)written : 0;
        rest %= strides[i];
    }
    element_text(values[0], sizeof values[0], expected, at);
    element_text(values[1], sizeof values[1], actual, at);
    snprintf(d->text, sizeof d->text, "at [%s] expected %s, actual %s", place, values[0], values[1]);
}

/* ---- rows sorted by a score ---- */

/* One [rows, columns] matrix of an output. */
typedef struct matrix {
    const onyx_tensor *expected, *actual;
    size_t first, rows, columns; /* first: index of its first element */
} matrix;

static double at(const onyx_tensor *t, const matrix *m, size_t row, size_t column)
{
    return read_float(t, m->first + row * m->columns + column);
}

/* The column that the rows are sorted by: never rising, the same in both tensors within *tie, with the most different
 * values; false where there is none. *tie is the absolute part of the bound on this column's own range. */
static bool find_score(const matrix *m, const compare_bounds *wish, size_t *score, double *tie)
{
    size_t best = 0;
    for (size_t c = 0; c < m->columns; c++) {
        double high = at(m->expected, m, 0, c), low = at(m->expected, m, m->rows - 1, c);
        double slack = wish->atol + wish->atol_range * (high - low);
        size_t different = 0;
        bool sorted = isfinite(high) && isfinite(low) && high > low;
        for (size_t r = 0; r < m->rows && sorted; r++) {
            double e = at(m->expected, m, r, c), a = at(m->actual, m, r, c);
            double before = r ? at(m->expected, m, r - 1, c) : e;
            different += before != e;
            sorted = before >= e && fabs(a - e) <= slack + wish->rtol * fabs(e);
        }
        if (sorted && different > best) {
            best = different;
            *score = c;
            *tie = slack;
        }
    }
    return best > 0;
}

static bool same_row(const matrix *m, size_t expected, size_t actual, const compare_bounds *b)
{
    difference ignored = { 0 };
    for (size_t c = 0; c < m->columns; c++)
        if (!close_enough(at(m->expected, m, expected, c), at(m->actual, m, actual, c), b, &ignored))
            return false;
    return true;
}

/* Pairs every actual row with an expected one of a tied score. taken: rows bytes, zeroed. */
static bool pair_rows(const matrix *m, const compare_bounds *b, size_t score, double tie, unsigned char *taken,
                      size_t *moved)
{
    double last = at(m->expected, m, m->rows - 1, score);
    for (size_t r = 0; r < m->rows; r++) {
        double here = at(m->expected, m, r, score), slack = tie + b->rtol * fabs(here);
        bool found = false;
        for (size_t i = 0; i < m->rows && !found; i++) {
            size_t q = (r + i) % m->rows; /* its own place first */
            if (taken[q] || fabs(at(m->expected, m, q, score) - here) > slack || !same_row(m, q, r, b))
                continue;
            found = true;
            taken[q] = 1;
            *moved += q != r;
        }
        if (!found && fabs(at(m->actual, m, r, score) - last) > slack)
            return false;
        *moved += !found;
    }
    return true;
}

/* `wish` are the bounds before the range was added: scores have a range of their own. */
static bool same_but_for_ties(const onyx_tensor *expected, const onyx_tensor *actual, const compare_bounds *b,
                              const compare_bounds *wish, size_t *moved)
{
    enum { COLUMNS_MIN = 5, COLUMNS_MAX = 1024, ROWS_MAX = 4096 };
    if (kind_of(expected->type) != ELEMENT_FLOAT || expected->rank < 2)
        return false;
    size_t rows = (size_t)expected->dims[expected->rank - 2], columns = (size_t)expected->dims[expected->rank - 1];
    size_t count = 0;
    if (rows < 2 || rows > ROWS_MAX || columns < COLUMNS_MIN || columns > COLUMNS_MAX ||
        !size_count(expected->dims, expected->rank, &count))
        return false;
    compare_bounds scores = *wish;
    scores.rtol = b->rtol; /* a narrow type's */
    for (size_t first = 0; first < count; first += rows * columns) {
        unsigned char taken[ROWS_MAX] = { 0 };
        matrix m = { expected, actual, first, rows, columns };
        size_t score = 0;
        double tie = 0;
        if (!find_score(&m, &scores, &score, &tie) || !pair_rows(&m, b, score, tie, taken, moved))
            return false;
    }
    return true;
}

bool compare_tensors(const onyx_tensor *expected, const onyx_tensor *actual, const compare_bounds *wish, difference *d)
{
    *d = (difference){ 0 };
    if (expected->type != actual->type) {
        snprintf(d->text, sizeof d->text, "type: expected %s, actual %s", onyx_type_name(expected->type),
                 onyx_type_name(actual->type));
        return false;
    }
    if (expected->rank != actual->rank ||
        memcmp(expected->dims, actual->dims, (size_t)expected->rank * sizeof expected->dims[0]) != 0) {
        char shapes[2][128];
        dims_text(shapes[0], sizeof shapes[0], expected->rank, expected->dims, NULL);
        dims_text(shapes[1], sizeof shapes[1], actual->rank, actual->dims, NULL);
        snprintf(d->text, sizeof d->text, "shape: expected %s, actual %s", shapes[0], shapes[1]);
        return false;
    }
    if (!size_count(expected->dims, expected->rank, &d->count)) {
        snprintf(d->text, sizeof d->text, "shape: too large");
        return false;
    }
    compare_bounds b = widen(expected, d->count, wish);
    for (size_t i = 0; i < d->count; i++) {
        if (same_element(expected, actual, i, &b, d))
            continue;
        if (!d->different++)
            describe(d, expected, actual, i);
    }
    if (d->different == 0)
        return true;
    if (same_but_for_ties(expected, actual, &b, wish, &d->moved))
        return true;
    return kind_of(expected->type) == ELEMENT_FLOAT && (double)d->different <= wish->outliers * (double)d->count;
}
