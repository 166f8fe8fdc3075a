/* SPDX-License-Identifier: BSD-2-Clause
 *
 * What the sweeps share: tensors, random numbers, attributes, comparing. */
#include "own.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "base/types.h"
#include "check.h"
#include "ops/lanes.h"
#include "ops/shape.h"

onyx_tensor own_tensor(runner *r, onyx_type type, int rank, const int64_t *dims)
{
    onyx_tensor tensor = { .type = type, .rank = rank };
    size_t count = 0;
    for (int i = 0; i < rank; i++)
        tensor.dims[i] = dims[i];
    if (!size_count(dims, rank, &count) || !type_bytes(type, count, &tensor.size_bytes))
        abort();
    tensor.data = runner_alloc(r, tensor.size_bytes);
    if (!tensor.data)
        abort();
    memset(tensor.data, 0, tensor.size_bytes);
    return tensor;
}

static uint32_t state = 1;

void own_seed(uint32_t seed)
{
    state = seed * 2654435761u + 1;
}

uint32_t own_random(void)
{
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

int64_t own_random_in(int64_t low, int64_t high)
{
    return low + (int64_t)(own_random() % (uint32_t)(high - low + 1));
}

void own_fill(onyx_tensor *tensor, double low, double high)
{
    size_t count = own_count(tensor);
    bool whole = type_in(tensor->type, TYPES_INT);
    for (size_t i = 0; i < count; i++) {
        double x = low + (high - low) * (own_random() / 4294967295.0);
        x = whole ? rint(x) : x;
        lanes_store(LANE_F64, &x, 1, tensor->type, tensor->data, i);
    }
}

double own_get(const onyx_tensor *tensor, size_t i)
{
    double x;
    lanes_load(LANE_F64, tensor->type, tensor->data, i, 1, &x);
    return x;
}

size_t own_count(const onyx_tensor *tensor)
{
    return tensor_count(tensor);
}

op_attribute own_int(const char *name, int64_t value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_INT, .i = value };
}

op_attribute own_float(const char *name, float value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_FLOAT, .f = value };
}

op_attribute own_string(const char *name, const char *value)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_STRING, .s = value, .s_length = strlen(value) };
}

op_attribute own_ints(const char *name, const int64_t *values, int count)
{
    return (op_attribute){ .name = name, .type = OP_ATTRIBUTE_INTS, .ints = values, .count = count };
}

void own_compare(const char *what, const onyx_tensor *actual, int rank, const int64_t *dims, const double *expected,
                 double relative, double absolute)
{
    char a[SHAPE_TEXT_SIZE], b[SHAPE_TEXT_SIZE];
    if (actual->rank != rank || memcmp(actual->dims, dims, (size_t)rank * sizeof(*dims)) != 0) {
        own_check(false, "%s: expected shape %s, actual %s", what, shape_text(rank, dims, a),
                  shape_text(actual->rank, actual->dims, b));
        return;
    }
    size_t count = own_count(actual);
    for (size_t i = 0; i < count; i++) {
        double x = own_get(actual, i), y = expected[i];
        bool same = x == y || (x != x && y != y) || fabs(x - y) <= absolute + relative * fabs(y);
        if (!same) {
            own_check(false, "%s: %s, index %zu: expected %.9g, actual %.9g", what, shape_text(rank, dims, a), i, y, x);
            return;
        }
    }
    own_check(true, "%s", what);
}

bool own_check(bool ok, const char *format, ...)
{
    if (ok) {
        check_passed++;
        return true;
    }
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    check_failed++;
    printf("FAILED %s\n", text);
    return false;
}

int own_done(void)
{
    return check_done();
}
