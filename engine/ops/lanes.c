/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Conversions between stored element types and lanes. */
#include "ops/lanes.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#include "base/types.h"
#include "ops/shape.h"

lane lane_of(onyx_type type)
{
    if (type == ONYX_TYPE_FLOAT64)
        return LANE_F64;
    if (type_in(type, TYPES_SIGNED) || type == ONYX_TYPE_INT4 || type == ONYX_TYPE_INT2)
        return LANE_I64;
    if (type_in(type, TYPES_UNSIGNED | TYPES_BOOL) || type == ONYX_TYPE_UINT4 || type == ONYX_TYPE_UINT2)
        return LANE_U64;
    return LANE_F32;
}

size_t lane_size(lane l)
{
    return l == LANE_F32 ? 4 : 8;
}

bool lane_is_stored(lane l, onyx_type type)
{
    return (l == LANE_F32 && type == ONYX_TYPE_FLOAT32) || (l == LANE_F64 && type == ONYX_TYPE_FLOAT64) ||
           (l == LANE_I64 && type == ONYX_TYPE_INT64) || (l == LANE_U64 && type == ONYX_TYPE_UINT64);
}

static int64_t i64_of_double(double x)
{
    if (!(x > -9223372036854775808.0)) /* also NaN */
        return x != x ? 0 : INT64_MIN;
    return x < 9223372036854775808.0 ? (int64_t)x : INT64_MAX;
}

static uint64_t u64_of_double(double x)
{
    if (!(x > 0)) /* negative numbers wrap, as a cast by way of int64 does */
        return x != x ? 0 : (uint64_t)i64_of_double(x);
    return x < 18446744073709551616.0 ? (uint64_t)x : UINT64_MAX;
}

float double_to_float_odd(double value)
{
    float nearest = (float)value;
    uint32_t bits;
    memcpy(&bits, &nearest, sizeof(bits));
    if ((double)nearest == value || nearest != nearest || isinf(nearest) || (bits & 1))
        return nearest;
    return nextafterf(nearest, value > (double)nearest ? INFINITY : -INFINITY);
}

static int packed_bits(onyx_type type)
{
    return type == ONYX_TYPE_INT2 || type == ONYX_TYPE_UINT2 ? 2 : 4;
}

/* The raw bits of a packed element. */
static unsigned packed_get(onyx_type type, const uint8_t *data, size_t index)
{
    unsigned bits = (unsigned)packed_bits(type), per_byte = 8 / bits;
    return data[index / per_byte] >> (index % per_byte * bits) & ((1u << bits) - 1);
}

static int64_t packed_int(onyx_type type, const uint8_t *data, size_t index)
{
    int bits = packed_bits(type);
    int64_t value = packed_get(type, data, index);
    bool is_signed = type == ONYX_TYPE_INT4 || type == ONYX_TYPE_INT2;
    return is_signed && value >= (1 << (bits - 1)) ? value - (1 << bits) : value;
}

static bool is_small_float(onyx_type type)
{
    return type_in(type, TYPES_FLOAT8) || type == ONYX_TYPE_FLOAT8E8M0;
}

/* ---- loads: STORED is the C type behind `type`, VALUE what element x is in lane terms ---- */

#define LOAD(STORED, LANE, VALUE)                                                                                      \
    do {                                                                                                               \
        const STORED *in = (const STORED *)data + first;                                                               \
        LANE *out = dst;                                                                                               \
        for (size_t i = 0; i < n; i++) {                                                                               \
            STORED x = in[i];                                                                                          \
            out[i] = (LANE)(VALUE);                                                                                    \
        }                                                                                                              \
        return;                                                                                                        \
    } while (0)

/* FROM_DOUBLE turns a double into the lane; FROM_FLOAT a float. */
#define LOAD_ANY(LANE, FROM_DOUBLE, FROM_FLOAT)                                                                        \
    do {                                                                                                               \
        switch (type) {                                                                                                \
        case ONYX_TYPE_FLOAT32:                                                                                        \
            LOAD(float, LANE, FROM_FLOAT(x));                                                                          \
        case ONYX_TYPE_FLOAT64:                                                                                        \
            LOAD(double, LANE, FROM_DOUBLE(x));                                                                        \
        case ONYX_TYPE_FLOAT16:                                                                                        \
            LOAD(uint16_t, LANE, FROM_FLOAT(half_to_float(x)));                                                        \
        case ONYX_TYPE_BFLOAT16:                                                                                       \
            LOAD(uint16_t, LANE, FROM_FLOAT(bfloat16_to_float(x)));                                                    \
        case ONYX_TYPE_INT8:                                                                                           \
            LOAD(int8_t, LANE, x);                                                                                     \
        case ONYX_TYPE_INT16:                                                                                          \
            LOAD(int16_t, LANE, x);                                                                                    \
        case ONYX_TYPE_INT32:                                                                                          \
            LOAD(int32_t, LANE, x);                                                                                    \
        case ONYX_TYPE_INT64:                                                                                          \
            LOAD(int64_t, LANE, x);                                                                                    \
        case ONYX_TYPE_BOOL:                                                                                           \
            LOAD(uint8_t, LANE, x != 0);                                                                               \
        case ONYX_TYPE_UINT8:                                                                                          \
            LOAD(uint8_t, LANE, x);                                                                                    \
        case ONYX_TYPE_UINT16:                                                                                         \
            LOAD(uint16_t, LANE, x);                                                                                   \
        case ONYX_TYPE_UINT32:                                                                                         \
            LOAD(uint32_t, LANE, x);                                                                                   \
        case ONYX_TYPE_UINT64:                                                                                         \
            LOAD(uint64_t, LANE, x);                                                                                   \
        default:                                                                                                       \
            break;                                                                                                     \
        }                                                                                                              \
        LANE *out = dst;                                                                                               \
        const uint8_t *bytes = data;                                                                                   \
        for (size_t i = 0; i < n; i++) {                                                                               \
            if (is_small_float(type))                                                                                  \
                out[i] = (LANE)FROM_FLOAT(small_float_to_float(type, bytes[first + i]));                               \
            else if (type == ONYX_TYPE_FLOAT4E2M1)                                                                     \
                out[i] = (LANE)FROM_FLOAT(small_float_to_float(type, (uint8_t)packed_get(type, bytes, first + i)));    \
            else                                                                                                       \
                out[i] = (LANE)packed_int(type, bytes, first + i);                                                     \
        }                                                                                                              \
    } while (0)

static void load_f32(onyx_type type, const void *data, size_t first, size_t n, void *dst)
{
    LOAD_ANY(float, (float), (float));
}

static void load_f64(onyx_type type, const void *data, size_t first, size_t n, void *dst)
{
    LOAD_ANY(double, (double), (double));
}

static void load_i64(onyx_type type, const void *data, size_t first, size_t n, void *dst)
{
    LOAD_ANY(int64_t, i64_of_double, i64_of_double);
}

static void load_u64(onyx_type type, const void *data, size_t first, size_t n, void *dst)
{
    LOAD_ANY(uint64_t, u64_of_double, u64_of_double);
}

void lanes_load(lane to, onyx_type type, const void *data, size_t first, size_t n, void *dst)
{
    if (n == 0)
        return;
    if (lane_is_stored(to, type)) {
        memcpy(dst, (const char *)data + first * lane_size(to), n * lane_size(to));
        return;
    }
    switch (to) {
    case LANE_F32:
        load_f32(type, data, first, n, dst);
        break;
    case LANE_F64:
        load_f64(type, data, first, n, dst);
        break;
    case LANE_I64:
        load_i64(type, data, first, n, dst);
        break;
    case LANE_U64:
        load_u64(type, data, first, n, dst);
        break;
    }
}

/* ---- stores ---- */

static void packed_put(onyx_type type, uint8_t *data, size_t index, unsigned value)
{
    unsigned bits = (unsigned)packed_bits(type), per_byte = 8 / bits, shift = (unsigned)(index % per_byte) * bits;
    unsigned mask = ((1u << bits) - 1) << shift;
    if (shift == 0) /* the first of its byte clears the rest, so that padding bits are 0 */
        data[index / per_byte] = 0;
    data[index / per_byte] = (uint8_t)((data[index / per_byte] & ~mask) | (value << shift & mask));
}

/* float4e2m1 has no NaN: it becomes -0. */
static unsigned float4_of(float x)
{
    return x != x ? 8 : float_to_small_float(ONYX_TYPE_FLOAT4E2M1, x, true);
}

#define STORE(STORED, VALUE)                                                                                           \
    do {                                                                                                               \
        STORED *out = (STORED *)data + first;                                                                          \
        for (size_t i = 0; i < n; i++)                                                                                 \
            out[i] = (STORED)(VALUE);                                                                                  \
        return;                                                                                                        \
    } while (0)

/* INTEGER turns a lane value into an integer that wraps; FLOAT into a float for the 16-bit and smaller floats. */
#define STORE_ANY(LANE, INTEGER, FLOAT)                                                                                \
    do {                                                                                                               \
        const LANE *in = src;                                                                                          \
        switch (type) {                                                                                                \
        case ONYX_TYPE_FLOAT32:                                                                                        \
            STORE(float, in[i]);                                                                                       \
        case ONYX_TYPE_FLOAT64:                                                                                        \
            STORE(double, in[i]);                                                                                      \
        case ONYX_TYPE_FLOAT16:                                                                                        \
            STORE(uint16_t, float_to_half(FLOAT(in[i])));                                                              \
        case ONYX_TYPE_BFLOAT16:                                                                                       \
            STORE(uint16_t, float_to_bfloat16(FLOAT(in[i])));                                                          \
        case ONYX_TYPE_INT8:                                                                                           \
        case ONYX_TYPE_UINT8:                                                                                          \
            STORE(uint8_t, INTEGER(in[i]));                                                                            \
        case ONYX_TYPE_INT16:                                                                                          \
        case ONYX_TYPE_UINT16:                                                                                         \
            STORE(uint16_t, INTEGER(in[i]));                                                                           \
        case ONYX_TYPE_INT32:                                                                                          \
        case ONYX_TYPE_UINT32:                                                                                         \
            STORE(uint32_t, INTEGER(in[i]));                                                                           \
        case ONYX_TYPE_INT64:                                                                                          \
        case ONYX_TYPE_UINT64:                                                                                         \
            STORE(uint64_t, INTEGER(in[i]));                                                                           \
        case ONYX_TYPE_BOOL:                                                                                           \
            STORE(uint8_t, in[i] != 0);                                                                                \
        default:                                                                                                       \
            break;                                                                                                     \
        }                                                                                                              \
        uint8_t *bytes = data;                                                                                         \
        for (size_t i = 0; i < n; i++) {                                                                               \
            if (is_small_float(type))                                                                                  \
                bytes[first + i] = float_to_small_float(type, FLOAT(in[i]), true);                                     \
            else if (type == ONYX_TYPE_FLOAT4E2M1)                                                                     \
                packed_put(type, bytes, first + i, float4_of(FLOAT(in[i])));                                           \
            else                                                                                                       \
                packed_put(type, bytes, first + i, (unsigned)INTEGER(in[i]));                                          \
        }                                                                                                              \
    } while (0)

/* To unsigned integers beyond int64, else by way of int64 so that negative numbers wrap. */
static uint64_t wrap_of_double(double x)
{
    return u64_of_double(x);
}

static void store_f32(const void *src, size_t n, onyx_type type, void *data, size_t first)
{
    if (type == ONYX_TYPE_INT64) {
        STORE(int64_t, i64_of_double((double)((const float *)src)[i]));
    }
    STORE_ANY(float, wrap_of_double, (float));
}

static void store_f64(const void *src, size_t n, onyx_type type, void *data, size_t first)
{
    if (type == ONYX_TYPE_INT64) {
        STORE(int64_t, i64_of_double(((const double *)src)[i]));
    }
    STORE_ANY(double, wrap_of_double, double_to_float_odd);
}

static void store_i64(const void *src, size_t n, onyx_type type, void *data, size_t first)
{
    STORE_ANY(int64_t, (uint64_t), (float));
}

static void store_u64(const void *src, size_t n, onyx_type type, void *data, size_t first)
{
    STORE_ANY(uint64_t, (uint64_t), (float));
}

void lanes_store(lane from, const void *src, size_t n, onyx_type type, void *data, size_t first)
{
    if (n == 0)
        return;
    if (lane_is_stored(from, type)) {
        memcpy((char *)data + first * lane_size(from), src, n * lane_size(from));
        return;
    }
    switch (from) {
    case LANE_F32:
        store_f32(src, n, type, data, first);
        break;
    case LANE_F64:
        store_f64(src, n, type, data, first);
        break;
    case LANE_I64:
        store_i64(src, n, type, data, first);
        break;
    case LANE_U64:
        store_u64(src, n, type, data, first);
        break;
    }
}

const void *lanes_of_tensor(op_run_context *context, const onyx_tensor *tensor, lane to, onyx_status *status)
{
    if (lane_is_stored(to, tensor->type))
        return tensor->data;
    size_t n = tensor_count(tensor);
    void *copy = run_scratch(context, n, lane_size(to), status);
    if (copy)
        lanes_load(to, tensor->type, tensor->data, 0, n, copy);
    return copy;
}

void *lanes_for_output(op_run_context *context, onyx_tensor *tensor, lane to, onyx_status *status)
{
    if (lane_is_stored(to, tensor->type))
        return tensor->data;
    return run_scratch(context, tensor_count(tensor), lane_size(to), status);
}

void lanes_finish_output(onyx_tensor *tensor, lane from, const void *data)
{
    if (data != tensor->data)
        lanes_store(from, data, tensor_count(tensor), tensor->type, tensor->data, 0);
}
