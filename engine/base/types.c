/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Element types and the small floats. All conversions go through the bits of a float32, so that they mean the same in
 * any floating-point mode (workers flush denormals). */
#include "base/types.h"

#include <string.h>

#include "base/size.h"

static const struct {
    const char *name;
    unsigned bits;
} element_types[] = {
    [ONYX_TYPE_UNDEFINED] = { "undefined", 0 },
    [ONYX_TYPE_FLOAT32] = { "float32", 32 },
    [ONYX_TYPE_UINT8] = { "uint8", 8 },
    [ONYX_TYPE_INT8] = { "int8", 8 },
    [ONYX_TYPE_UINT16] = { "uint16", 16 },
    [ONYX_TYPE_INT16] = { "int16", 16 },
    [ONYX_TYPE_INT32] = { "int32", 32 },
    [ONYX_TYPE_INT64] = { "int64", 64 },
    [ONYX_TYPE_STRING] = { "string", 0 },
    [ONYX_TYPE_BOOL] = { "bool", 8 },
    [ONYX_TYPE_FLOAT16] = { "float16", 16 },
    [ONYX_TYPE_FLOAT64] = { "float64", 64 },
    [ONYX_TYPE_UINT32] = { "uint32", 32 },
    [ONYX_TYPE_UINT64] = { "uint64", 64 },
    [ONYX_TYPE_COMPLEX64] = { "complex64", 64 },
    [ONYX_TYPE_COMPLEX128] = { "complex128", 128 },
    [ONYX_TYPE_BFLOAT16] = { "bfloat16", 16 },
    [ONYX_TYPE_FLOAT8E4M3FN] = { "float8e4m3fn", 8 },
    [ONYX_TYPE_FLOAT8E4M3FNUZ] = { "float8e4m3fnuz", 8 },
    [ONYX_TYPE_FLOAT8E5M2] = { "float8e5m2", 8 },
    [ONYX_TYPE_FLOAT8E5M2FNUZ] = { "float8e5m2fnuz", 8 },
    [ONYX_TYPE_UINT4] = { "uint4", 4 },
    [ONYX_TYPE_INT4] = { "int4", 4 },
    [ONYX_TYPE_FLOAT4E2M1] = { "float4e2m1", 4 },
    [ONYX_TYPE_FLOAT8E8M0] = { "float8e8m0", 8 },
    [ONYX_TYPE_UINT2] = { "uint2", 2 },
    [ONYX_TYPE_INT2] = { "int2", 2 },
};

const char *onyx_type_name(onyx_type type)
{
    return (unsigned)type < ARRAY_LENGTH(element_types) ? element_types[type].name : "unknown";
}

unsigned onyx_type_bits(onyx_type type)
{
    return (unsigned)type < ARRAY_LENGTH(element_types) ? element_types[type].bits : 0;
}

bool type_is_packed(onyx_type type)
{
    unsigned bits = onyx_type_bits(type);
    return bits > 0 && bits < 8;
}

size_t type_size(onyx_type type)
{
    return type == ONYX_TYPE_STRING ? sizeof(const char *) : onyx_type_bits(type) / 8;
}

bool type_bytes(onyx_type type, size_t count, size_t *bytes)
{
    if (type_is_packed(type)) {
        size_t per_byte = 8 / onyx_type_bits(type);
        *bytes = count / per_byte + (count % per_byte != 0);
        return true;
    }
    size_t size = type_size(type);
    return size > 0 && size_mul(count, size, bytes);
}

static uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float bits_float(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

float bfloat16_to_float(uint16_t value)
{
    return bits_float((uint32_t)value << 16);
}

uint16_t float_to_bfloat16(float value)
{
    uint32_t bits = float_bits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)(bits >> 16 | 0x40); /* a NaN stays one, quiet */
    return (uint16_t)((bits + 0x7FFF + (bits >> 16 & 1)) >> 16);
}

/* A float of sign, exponent and mantissa bits, as ONNX defines the small ones. */
typedef struct small_format {
    int exponent_bits, mantissa_bits, bias;
    uint32_t largest;   /* the code of the largest finite value */
    uint32_t infinity;  /* 0: none */
    uint32_t nan;       /* 0: none */
    bool unsigned_zero; /* -0 does not exist (its code is the NaN) */
} small_format;

static const small_format half_format = { 5, 10, 15, 0x7BFF, 0x7C00, 0x7E00, false };

static const small_format *small_format_of(onyx_type type)
{
    static const small_format e4m3fn = { 4, 3, 7, 0x7E, 0, 0x7F, false };
    static const small_format e4m3fnuz = { 4, 3, 8, 0x7F, 0, 0x80, true };
    static const small_format e5m2 = { 5, 2, 15, 0x7B, 0x7C, 0x7E, false };
    static const small_format e5m2fnuz = { 5, 2, 16, 0x7F, 0, 0x80, true };
    static const small_format e2m1 = { 2, 1, 1, 0x7, 0, 0, false };
    switch (type) {
    case ONYX_TYPE_FLOAT8E4M3FN:
        return &e4m3fn;
    case ONYX_TYPE_FLOAT8E4M3FNUZ:
        return &e4m3fnuz;
    case ONYX_TYPE_FLOAT8E5M2:
        return &e5m2;
    case ONYX_TYPE_FLOAT8E5M2FNUZ:
        return &e5m2fnuz;
    case ONYX_TYPE_FLOAT4E2M1:
        return &e2m1;
    default:
        return NULL;
    }
}

/* The finite or infinite value of a code without its sign. */
static float small_decode(const small_format *format, uint32_t code, uint32_t sign)
{
    uint32_t exponent = code >> format->mantissa_bits;
    uint32_t mantissa = code & ((1u << format->mantissa_bits) - 1);
    if (exponent == 0) {
        if (mantissa == 0)
            return bits_float(sign);
        int shift = __builtin_clz(mantissa) - (31 - format->mantissa_bits);
        mantissa = mantissa << shift & ((1u << format->mantissa_bits) - 1);
        exponent = (uint32_t)(1 - shift); /* wraps, and the sum below wraps back */
    }
    return bits_float(sign | (exponent + 127 - (uint32_t)format->bias) << 23 |
                      mantissa << (23 - format->mantissa_bits));
}

/* The code, without sign, that is nearest to |value| (ties to even); may be past the largest. value is finite. */
static uint32_t small_round(const small_format *format, uint32_t bits)
{
    int exponent = (int)(bits >> 23) - 127 + format->bias;
    uint32_t mantissa = (bits & 0x7FFFFF) | 0x800000;
    int drop = 23 - format->mantissa_bits;
    if (bits < 0x800000)
        return 0; /* float32's own denormals lie below every small float's half step */
    if (exponent <= 0) {
        drop += 1 - exponent;
        if (drop > 25)
            return 0;
        exponent = 1;
    }
    uint32_t kept = mantissa >> drop, rest = mantissa & ((1u << drop) - 1), half = 1u << (drop - 1);
    kept += rest > half || (rest == half && (kept & 1));
    /* The implicit bit carries into the exponent field by itself; a denormal lacks it. */
    return kept + ((uint32_t)(exponent - 1) << format->mantissa_bits);
}

static uint32_t small_encode(const small_format *format, float value, bool saturate)
{
    uint32_t bits = float_bits(value), magnitude = bits & 0x7FFFFFFF;
    uint32_t sign = (bits >> 31) << (format->exponent_bits + format->mantissa_bits);
    uint32_t nan = format->unsigned_zero ? format->nan : format->nan | sign;
    if (magnitude > 0x7F800000)
        return format->nan ? nan : format->largest;
    uint32_t code = magnitude == 0x7F800000 ? format->largest + 1 : small_round(format, magnitude);
    if (code > format->largest) {
        if (saturate || !format->nan)
            code = format->largest;
        else if (format->infinity)
            code = format->infinity;
        else
            return nan;
    }
    return code == 0 && format->unsigned_zero ? 0 : code | sign;
}

float half_to_float(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, code = half & 0x7FFF;
    if (code >= 0x7C00)
        return bits_float(sign | 0x7F800000 | (code & 0x3FF) << 13 | (code > 0x7C00 ? 0x400000 : 0));
    return small_decode(&half_format, code, sign);
}

/* Without branches and without denormal operands, so that compilers make vectors of it in any float mode. */
void halves_to_floats(const uint16_t *halves, float *floats, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t half = halves[i], sign = (half & 0x8000) << 16, bits = (half & 0x7FFF) << 13;
        const uint32_t normal = bits + (112u << 23);
        const uint32_t tiny = float_bits(bits_float(bits + (113u << 23)) - bits_float(113u << 23));
        const uint32_t is_tiny = -(uint32_t)(bits < 1u << 23), is_special = -(uint32_t)(bits >= 0x0F800000);
        const uint32_t special = 0x7F800000 | (-(uint32_t)(bits > 0x0F800000) & 0x400000);
        floats[i] = bits_float(sign | (tiny & is_tiny) | (normal & ~is_tiny) | (special & is_special));
    }
}

uint16_t float_to_half(float value)
{
    uint32_t bits = float_bits(value);
    if ((bits & 0x7FFFFFFF) > 0x7F800000)
        return (uint16_t)((bits >> 16 & 0x8000) | 0x7E00 | (bits >> 13 & 0x3FF));
    return (uint16_t)small_encode(&half_format, value, false);
}

float small_float_to_float(onyx_type type, uint8_t bits)
{
    const uint32_t quiet_nan = 0x7FC00000;
    if (type == ONYX_TYPE_FLOAT8E8M0)
        return bits_float(bits == 0xFF ? quiet_nan : bits == 0 ? 0x400000 : (uint32_t)bits << 23);
    const small_format *format = small_format_of(type);
    if (!format)
        return bits_float(quiet_nan);
    int sign_shift = format->exponent_bits + format->mantissa_bits;
    uint32_t sign = (uint32_t)(bits >> sign_shift & 1) << 31, code = bits & ((1u << sign_shift) - 1);
    if (format->unsigned_zero ? bits == format->nan : format->nan && code > MAX(format->largest, format->infinity))
        return bits_float(sign | quiet_nan);
    if (format->infinity && code == format->infinity)
        return bits_float(sign | 0x7F800000);
    return small_decode(format, code, sign);
}

uint8_t float_to_float8e8m0(float value, type_rounding rounding, bool saturate)
{
    uint32_t bits = float_bits(value) & 0x7FFFFFFF;
    if (bits > 0x7F800000)
        return 0xFF;
    if (bits == 0x7F800000)
        return saturate ? 0xFE : 0xFF;
    if (bits < 0x400000) /* below 2^-127, the smallest */
        return saturate ? 0 : 0xFF;
    uint32_t exponent = bits >> 23, fraction = bits & 0x7FFFFF;
    if (exponent == 0) /* a denormal of float32: 2^-127 is its upper bit, half of the step to 2^-126 the next one */
        fraction = (fraction & 0x3FFFFF) << 1;
    exponent += rounding == TYPE_ROUND_UP ? fraction > 0 : rounding == TYPE_ROUND_NEAREST && fraction >= 0x400000;
    return (uint8_t)(exponent == 0xFF && saturate ? 0xFE : exponent);
}

uint8_t float_to_small_float(onyx_type type, float value, bool saturate)
{
    if (type == ONYX_TYPE_FLOAT8E8M0)
        return float_to_float8e8m0(value, TYPE_ROUND_UP, saturate);
    const small_format *format = small_format_of(type);
    return format ? (uint8_t)small_encode(format, value, saturate) : 0;
}
