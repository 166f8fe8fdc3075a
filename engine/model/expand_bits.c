/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Products by weights of two, four or eight bits with a scale for each block of them (ONNX Runtime's MatMulNBits and
 * MatMulBnb4: what its quantiser of weights, and the q4 and bnb4 files of transformers.js, hold). They are written as
 * the arithmetic that makes floats of these, all of it of constants, which is done when the graph is folded. */
#include <string.h>

#include "base/size.h"
#include "model/expand_parts.h"

static const char *ints(expansion *e, int count, const int64_t *list)
{
    const char *name = "";
    const int64_t *kept = arena_copy(e->u->file->arena, list, sizeof(*list) * (size_t)count);
    if (!kept)
        e->status = status_no_memory(e->u->error, sizeof(*list), "upgrading operators");
    if (e->status == ONYX_OK)
        e->status = upgrade_insert_constant(
            e->u, (op_attribute){ .type = OP_ATTRIBUTE_INTS, .ints = kept, .count = count }, &name);
    return name;
}

#define INTS(e, ...)                                                                                                   \
    ints(e, (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)), (const int64_t[]){ __VA_ARGS__ })

static const char *byte(expansion *e, int64_t value)
{
    return emit(e, "Cast", 13, NAMES(INTS(e, value)), WITH(int_of("to", ONYX_TYPE_UINT8)), NULL);
}

static const char *reshape(expansion *e, const char *x, const char *shape)
{
    return emit(e, "Reshape", 14, NAMES(x, shape), NULL, NULL);
}

/* The first `count` along axis 1. */
static const char *first_of(expansion *e, const char *x, int64_t count)
{
    return emit(e, "Slice", 13, NAMES(x, INTS(e, 0), INTS(e, count), INTS(e, 1)), NULL, NULL);
}

/* Rows of bytes [rows][n]: the numbers in them [rows][n * 8 / bits], from the lowest bits on, or from the highest. */
static const char *fields(expansion *e, const char *bytes, int bits, bool high_first)
{
    static const op_attribute right = { .name = "direction", .type = OP_ATTRIBUTE_STRING, .s = "RIGHT", .s_length = 5 };
    const char *parts[9] = { NULL }, *last = INTS(e, -1);
    if (bits == 8)
        return bytes;
    for (int i = 0; i < 8 / bits; i++) {
        const int shift = high_first ? 8 - bits * (i + 1) : bits * i;
        const char *part = emit(e, "BitShift", 11, NAMES(bytes, byte(e, shift)), WITH(right), NULL);
        part = emit(e, "BitwiseAnd", 18, NAMES(part, byte(e, (1 << bits) - 1)), NULL, NULL);
        parts[i] = emit(e, "Unsqueeze", 13, NAMES(part, last), NULL, NULL);
    }
    const char *all = emit(e, "Concat", 13, parts, WITH(int_of("axis", -1)), NULL);
    return reshape(e, all, INTS(e, 0, -1));
}

static const char *like(expansion *e, const char *x, const char *other)
{
    return emit(e, "CastLike", 15, NAMES(x, other), NULL, NULL);
}

/* The node's product of input 0 by weights [columns][k], and the bias. */
static void product_of_rows(expansion *e, const char *weights, const char *bias)
{
    const char *b = emit(e, "Transpose", 13, NAMES(weights), NULL, NULL);
    const char *y = emit(e, "MatMul", 13, NAMES(input(e, 0), b), NULL, *bias ? NULL : NAMES(output(e, 0)));
    if (*bias)
        emit(e, "Add", 14, NAMES(y, bias), NULL, NAMES(output(e, 0)));
}

static bool sizes_of(const expansion *e, int64_t *columns, int64_t *k, int64_t *block)
{
    *columns = int_attribute(e, "N", 0);
    *k = int_attribute(e, "K", 0);
    *block = int_attribute(e, "block_size", 0);
    return *columns > 0 && *k > 0 && *block > 0 && MAX(*columns, MAX(*k, *block)) < INT32_MAX;
}

static bool is_bytes(const expansion *e, const char *name)
{
    const model_graph *g = e->u->file->graph;
    for (int i = 0; i < g->initializer_count; i++)
        if (strcmp(g->initializers[i].name, name) == 0)
            return g->initializers[i].tensor.type == ONYX_TYPE_UINT8;
    return true;
}

/* x, bytes [columns][blocks][block * bits / 8], scales and zero points of each block, order of k, bias. */
bool expand_bits_product(expansion *e)
{
    int64_t columns, k, block;
    const int64_t bits = int_attribute(e, "bits", 4);
    if (!sizes_of(e, &columns, &k, &block) || (bits != 2 && bits != 4 && bits != 8) || *input(e, 4))
        return false;
    const int64_t blocks = (k + block - 1) / block;
    const char *scales = reshape(e, input(e, 2), INTS(e, columns, blocks, 1)), *zeros = input(e, 3);
    const char *w = reshape(e, input(e, 1), INTS(e, columns, -1));
    w = reshape(e, fields(e, w, (int)bits, false), INTS(e, columns, blocks, block));
    if (!*zeros)
        zeros = INTS(e, (int64_t)1 << (bits - 1));
    else if (!is_bytes(e, zeros))
        zeros = reshape(e, zeros, INTS(e, columns, blocks, 1));
    else
        zeros = reshape(e, first_of(e, fields(e, reshape(e, zeros, INTS(e, columns, -1)), (int)bits, false), blocks),
                        INTS(e, columns, blocks, 1));
    w = emit(e, "Sub", 14, NAMES(like(e, w, scales), like(e, zeros, scales)), NULL, NULL);
    w = reshape(e, emit(e, "Mul", 14, NAMES(w, scales), NULL, NULL), INTS(e, columns, -1));
    product_of_rows(e, first_of(e, w, k), input(e, 5));
    return true;
}

/* What four bits stand for: FP4 with a sign, two bits of exponent and one more (bitsandbytes), and NF4, the quantiles
 * of a normal distribution (Dettmers et al., QLoRA, 2023, appendix E). */
static const float bnb4_values[2][16] = {
    { 0, 5.208333333e-03f, 0.66666667f, 1, 0.33333333f, 0.5f, 0.16666667f, 0.25f, -0.0f, -5.208333333e-03f,
      -0.66666667f, -1, -0.33333333f, -0.5f, -0.16666667f, -0.25f },
    { -1, -0.6961928009986877f, -0.5250730514526367f, -0.39491748809814453f, -0.28444138169288635f,
      -0.18477343022823334f, -0.09105003625154495f, 0, 0.07958029955625534f, 0.16093020141124725f, 0.24611230194568634f,
      0.33791524171829224f, 0.44070982933044434f, 0.5626170039176941f, 0.7229568362236023f, 1 },
};

/* x, bytes of all weights [columns * k / 2], the largest of each block of them. */
bool expand_bnb4_product(expansion *e)
{
    int64_t columns, k, block;
    const int64_t type = int_attribute(e, "quant_type", -1);
    const char *table = "";
    if (!sizes_of(e, &columns, &k, &block) || type < 0 || type > 1 || int_attribute(e, "transB", 1) != 1 ||
        columns * k % block)
        return false;
    const op_attribute values = { .type = OP_ATTRIBUTE_FLOATS, .floats = bnb4_values[type], .count = 16 };
    if (e->status == ONYX_OK)
        e->status = upgrade_insert_constant(e->u, values, &table);
    const char *w = first_of(e, fields(e, reshape(e, input(e, 1), INTS(e, 1, -1)), 4, true), columns * k);
    w = emit(e, "Cast", 13, NAMES(w), WITH(int_of("to", ONYX_TYPE_INT32)), NULL);
    w = reshape(e, emit(e, "Gather", 13, NAMES(table, w), NULL, NULL), INTS(e, -1, block));
    w = emit(e, "Mul", 14, NAMES(like(e, w, input(e, 2)), reshape(e, input(e, 2), INTS(e, -1, 1))), NULL, NULL);
    product_of_rows(e, reshape(e, w, INTS(e, columns, k)), "");
    return true;
}
