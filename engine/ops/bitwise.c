/* SPDX-License-Identifier: BSD-2-Clause
 *
 * BitwiseAnd, BitwiseOr, BitwiseXor, BitwiseNot and BitShift, on the bits of 64-bit lanes. */
#include "ops/elementwise.h"
#include "ops/rows.h"

#define BITWISE(RUN, EXPRESSION)                                                                                       \
    BINARY_LOOP(RUN##_bits, uint64_t, uint64_t, void, EXPRESSION)                                                      \
    onyx_status RUN(op_run_context *context)                                                                           \
    {                                                                                                                  \
        static const binary_loops loops = { NULL, NULL, RUN##_bits, RUN##_bits, false };                               \
        return binary_run(context, &loops, lane_of(context->inputs[0]->type));                                         \
    }

/* clang-format off */
BITWISE(op_run_bitwise_and, x & y)
BITWISE(op_run_bitwise_or, x | y)
BITWISE(op_run_bitwise_xor, x ^ y)
/* clang-format on */

UNARY_LOOP(not_bits, uint64_t, uint64_t, void, ~x)

onyx_status op_run_bitwise_not(op_run_context *context)
{
    static const unary_loops loops = { NULL, NULL, not_bits, not_bits, false };
    return unary_run(context, &loops);
}

onyx_status op_parse_bit_shift(const op_parse_context *context, void *params)
{
    static const char *const names[] = { "LEFT", "RIGHT" };
    int index;
    STATUS_TRY(op_attribute_choice(context, "direction", "", names, 2, &index));
    ((bit_shift_params *)params)->right = index == 1;
    return ONYX_OK;
}

/* By as many bits as there are or more, or by a negative number: what filling up gives, 0 or copies of the sign. Signed
 * numbers are as negative in 64 bits as in their own. */
BINARY_LOOP(left_bits, uint64_t, uint64_t, void, y < 64 ? x << y : 0)
BINARY_LOOP(right_bits, uint64_t, uint64_t, void, y < 64 ? x >> y : 0)
BINARY_LOOP(right_signed, int64_t, int64_t, void, y >= 0 && y < 64 ? x >> y : -(x < 0))

onyx_status op_run_bit_shift(op_run_context *context)
{
    static const binary_loops left = { NULL, NULL, left_bits, left_bits, false };
    static const binary_loops right = { NULL, NULL, right_signed, right_bits, false };
    const bit_shift_params *p = context->params;
    return binary_run(context, p->right ? &right : &left, lane_of(context->inputs[0]->type));
}
