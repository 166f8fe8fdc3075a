/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Element types: sizes, groups, conversions of the small floats. Packed sub-byte types (4 and 2 bits) are stored as
 * ONNX does: two (four) elements a byte, the first in the low bits. */
#ifndef ONYX_BASE_TYPES_H
#define ONYX_BASE_TYPES_H

#include "onyx.h"

#define TYPE_BIT(type) (UINT64_C(1) << (type))

/* Bytes of `count` elements, rounded up for packed types; strings are pointers (const char *). False on overflow or an
 * unknown type. */
bool type_bytes(onyx_type type, size_t count, size_t *bytes);
/* Bytes of one element; 0 for packed types. */
size_t type_size(onyx_type type);
bool type_is_packed(onyx_type type);

float half_to_float(uint16_t half);
void halves_to_floats(const uint16_t *halves, float *floats, size_t count); /* the same, many at once */
uint16_t float_to_half(float value); /* round to nearest even */
float bfloat16_to_float(uint16_t value);
uint16_t float_to_bfloat16(float value);
/* float8 and smaller; `type` says which. saturate as ONNX Cast defines it. */
float small_float_to_float(onyx_type type, uint8_t bits);
uint8_t float_to_small_float(onyx_type type, float value, bool saturate);

/* Cast's round_mode, which only float8e8m0 has: up is away from zero, nearest puts ties up. float_to_small_float
 * takes Cast's default, up. The sign is dropped; float8e8m0 has none. */
typedef enum type_rounding { TYPE_ROUND_UP, TYPE_ROUND_DOWN, TYPE_ROUND_NEAREST } type_rounding;
uint8_t float_to_float8e8m0(float value, type_rounding rounding, bool saturate);

#endif
