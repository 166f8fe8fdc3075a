/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that are others in a row, mostly those that ONNX Runtime's optimiser writes into the files it saves. They
 * are taken apart again when the file is loaded: passes then see what they know. A form that is not known leaves the
 * node as it is, and it is refused by name. */
#include <string.h>

#include "base/size.h"
#include "model/expand_parts.h"

static const char *add(expansion *e, const char *a, const char *b)
{
    return emit(e, "Add", 14, NAMES(a, b), NULL, NULL);
}

/* [n, ..., c] <-> [n, c, ...] of `spatial` dims; to: the name, or NULL. */
static const char *turn(expansion *e, const char *x, int spatial, bool channels_first, const char *to)
{
    int64_t *perm = arena_alloc(e->u->file->arena, sizeof(*perm) * (size_t)(spatial + 2));
    if (!perm) {
        e->status = status_no_memory(e->u->error, sizeof(*perm), "upgrading operators");
        return "";
    }
    for (int i = 1; i <= spatial; i++)
        perm[channels_first ? i + 1 : i] = channels_first ? i : i + 1;
    perm[channels_first ? 1 : spatial + 1] = channels_first ? spatial + 1 : 1;
    const op_attribute attribute = { .name = "perm", .type = OP_ATTRIBUTE_INTS, .ints = perm, .count = spatial + 2 };
    return emit(e, "Transpose", 13, NAMES(x), WITH(attribute), to ? NAMES(to) : NULL);
}

/* ---- activations and normalisations ---- */

static bool bias_gelu(expansion *e)
{
    emit(e, "Gelu", 20, NAMES(add(e, input(e, 0), input(e, 1))), NULL, NAMES(output(e, 0)));
    return true;
}

static bool fast_gelu(expansion *e)
{
    const op_attribute approximate = { .name = "approximate", .type = OP_ATTRIBUTE_STRING, .s = "tanh", .s_length = 4 };
    const char *x = *input(e, 1) ? add(e, input(e, 0), input(e, 1)) : input(e, 0);
    emit(e, "Gelu", 20, NAMES(x), WITH(approximate), NAMES(output(e, 0)));
    return true;
}

static bool swiglu(expansion *e)
{
    const char *gate =
        emit(e, "Swish", 24, NAMES(input(e, 0)), WITH(float_of("alpha", float_attribute(e, "alpha", 1))), NULL);
    emit(e, "Mul", 14, NAMES(gate, input(e, 1)), NULL, NAMES(output(e, 0)));
    return true;
}

/* x + skip (+ bias), which is an output too; then the normalisation of it. */
static const char *skip_sum(expansion *e, int bias)
{
    const char *sum = output(e, 3);
    if (!*input(e, bias))
        return emit(e, "Add", 14, NAMES(input(e, 0), input(e, 1)), NULL, *sum ? NAMES(sum) : NULL);
    const char *part = add(e, input(e, 0), input(e, 1));
    return emit(e, "Add", 14, NAMES(part, input(e, bias)), NULL, *sum ? NAMES(sum) : NULL);
}

static bool skip_layer_norm(expansion *e)
{
    if (*output(e, 1) || *output(e, 2))
        return false;
    const char *sum = skip_sum(e, 4);
    emit(e, "LayerNormalization", 17, *input(e, 3) ? NAMES(sum, input(e, 2), input(e, 3)) : NAMES(sum, input(e, 2)),
         WITH(float_of("epsilon", float_attribute(e, "epsilon", 1e-12f)), int_of("axis", -1)), NAMES(output(e, 0)));
    return true;
}

static bool skip_rms_norm(expansion *e)
{
    if (*output(e, 1) || *output(e, 2))
        return false;
    const char *sum = skip_sum(e, 3);
    emit(e, "RMSNormalization", 23, NAMES(sum, input(e, 2)),
         WITH(float_of("epsilon", float_attribute(e, "epsilon", 1e-12f)), int_of("axis", -1)), NAMES(output(e, 0)));
    return true;
}

static bool rms_norm(expansion *e)
{
    if (*output(e, 1))
        return false;
    emit(e, "RMSNormalization", 23, NAMES(input(e, 0), input(e, 1)),
         WITH(float_of("epsilon", float_attribute(e, "epsilon", 1e-5f)), int_of("axis", int_attribute(e, "axis", -1))),
         NAMES(output(e, 0)));
    return true;
}

/* ---- products ---- */

static bool fused_gemm(expansion *e)
{
    static const struct {
        const char *op;
        int version;
    } known[] = { { "Relu", 14 }, { "LeakyRelu", 16 }, { "Sigmoid", 13 }, { "Tanh", 13 }, { "Elu", 22 } };
    const char *activation = string_attribute(e, "activation", "");
    for (size_t i = 0; i < ARRAY_LENGTH(known); i++) {
        if (strcmp(activation, known[i].op) != 0)
            continue;
        const char *sum = emit(
            e, "Gemm", 13,
            *input(e, 2) ? NAMES(input(e, 0), input(e, 1), input(e, 2)) : NAMES(input(e, 0), input(e, 1)),
            WITH(int_of("transA", int_attribute(e, "transA", 0)), int_of("transB", int_attribute(e, "transB", 0)),
                 float_of("alpha", float_attribute(e, "alpha", 1)), float_of("beta", float_attribute(e, "beta", 1))),
            NULL);
        const bool leaky = strcmp(activation, "LeakyRelu") == 0, elu = strcmp(activation, "Elu") == 0;
        const float slope = float_attribute(e, "activation_alpha", leaky ? 0.01f : 1);
        emit(e, activation, known[i].version, NAMES(sum), leaky || elu ? WITH(float_of("alpha", slope)) : NULL,
             NAMES(output(e, 0)));
        return true;
    }
    return false;
}

/* bytes * bytes as float32, times both scales, plus the bias. */
static void scaled_product(expansion *e, const char *a, const char *b, const char *a_scale, const char *b_scale,
                           const char *a_zero, const char *b_zero, const char *bias)
{
    const char *sums = emit(e, "MatMulInteger", 10, NAMES(a, b, a_zero, b_zero), NULL, NULL);
    const char *floats = emit(e, "Cast", 13, NAMES(sums), WITH(int_of("to", ONYX_TYPE_FLOAT32)), NULL);
    const char *scale = emit(e, "Mul", 14, NAMES(a_scale, b_scale), NULL, NULL);
    const char *product = emit(e, "Mul", 14, NAMES(floats, scale), NULL, *bias ? NULL : NAMES(output(e, 0)));
    if (*bias)
        emit(e, "Add", 14, NAMES(product, bias), NULL, NAMES(output(e, 0)));
}

static bool integer_product(expansion *e)
{
    scaled_product(e, input(e, 0), input(e, 1), input(e, 2), input(e, 3), input(e, 4), input(e, 5), input(e, 6));
    return true;
}

static bool dynamic_product(expansion *e)
{
    const char *made[3]; /* bytes, scale, zero point */
    if (!emit_three(e, "DynamicQuantizeLinear", 11, input(e, 0), NULL, made))
        return true;
    scaled_product(e, made[0], input(e, 1), made[1], input(e, 2), made[2], input(e, 3), input(e, 4));
    return true;
}

/* ---- bytes, by way of float32 ---- */

/* Inputs `first` to first + 2: value, scale, zero point. */
static const char *dequantised(expansion *e, int first)
{
    const char *const *inputs = NAMES(input(e, first), input(e, first + 1), input(e, first + 2));
    return emit(e, "DequantizeLinear", 13, inputs, NULL, NULL);
}

/* The node's output, of scale and zero point `first` and first + 1. */
static void quantise(expansion *e, const char *x, int first)
{
    emit(e, "QuantizeLinear", 13, NAMES(x, input(e, first), input(e, first + 1)), NULL, NAMES(output(e, 0)));
}

static bool quantised_where(expansion *e)
{
    const char *x = dequantised(e, 1), *y = dequantised(e, 4);
    quantise(e, emit(e, "Where", 16, NAMES(input(e, 0), x, y), NULL, NULL), 7);
    return true;
}

static bool quantised_mean(expansion *e)
{
    const op_attribute *axes = upgrade_find(e->node, "axes");
    const char *list = "";
    if (!*input(e, 4)) /* without it, the type of the result is not said here */
        return false;
    if (axes)
        e->status = upgrade_insert_constant(e->u, *axes, &list);
    quantise(e,
             emit(e, "ReduceMean", 18, NAMES(dequantised(e, 0), list),
                  WITH(int_of("keepdims", int_attribute(e, "keepdims", 1))), NULL),
             3);
    return true;
}

/* ---- channels last ---- */

static int spatial_dims(const expansion *e)
{
    const op_attribute *kernel = upgrade_find(e->node, "kernel_shape");
    return kernel && kernel->type == OP_ATTRIBUTE_INTS && kernel->count >= 1 && kernel->count <= ONYX_MAX_RANK - 2
               ? kernel->count
               : 0;
}

/* The node's attributes but those that the operator itself does not have; ends without a name. NULL: out of memory. */
static op_attribute *plain_attributes(expansion *e)
{
    static const char *const extra[] = { "channels_last", "activation", "activation_params" };
    op_attribute *list = arena_alloc(e->u->file->arena, sizeof(*list) * ((size_t)e->node->attribute_count + 1));
    int kept = 0;
    for (int i = 0; list && i < e->node->attribute_count; i++) {
        bool keep = true;
        for (size_t k = 0; k < ARRAY_LENGTH(extra); k++)
            keep = keep && strcmp(e->node->attributes[i].name, extra[k]) != 0;
        if (keep)
            list[kept++] = e->node->attributes[i];
    }
    if (!list)
        e->status = status_no_memory(e->u->error, sizeof(*list), "upgrading operators");
    return list;
}

static bool nhwc_max_pool(expansion *e)
{
    const int spatial = spatial_dims(e);
    const op_attribute *attributes = spatial ? plain_attributes(e) : NULL;
    if (!attributes || *output(e, 1))
        return false;
    const char *y = emit(e, "MaxPool", 12, NAMES(turn(e, input(e, 0), spatial, true, NULL)), attributes, NULL);
    turn(e, y, spatial, false, output(e, 0));
    return true;
}

/* Weights lie as ever. */
static bool quantised_conv(expansion *e)
{
    const bool last = int_attribute(e, "channels_last", 0) != 0;
    const int spatial = last ? spatial_dims(e) : 1;
    const op_attribute *attributes = spatial && e->node->input_count >= 8 ? plain_attributes(e) : NULL;
    if (!attributes)
        return false;
    const char *inputs[10] = { NULL };
    for (int i = 0; i < MIN(e->node->input_count, 9); i++)
        inputs[i] = input(e, i);
    if (last)
        inputs[0] = turn(e, inputs[0], spatial, true, NULL);
    const char *y = emit(e, "QLinearConv", 10, inputs, attributes, last ? NULL : NAMES(output(e, 0)));
    if (last)
        turn(e, y, spatial, false, output(e, 0));
    return true;
}

/* ---- FusedConv: x, weights, bias, what is added before the activation ---- */

typedef struct known_activation {
    const char *op;
    int version;
    const char *names[2]; /* of its parameters */
    float values[2];      /* where they are not given */
} known_activation;

static void activate(expansion *e, const known_activation *known, const char *x)
{
    const op_attribute *given = upgrade_find(e->node, "activation_params");
    op_attribute list[3] = { { .name = NULL } };
    const char *inputs[4] = { x, NULL, NULL, NULL };
    for (int i = 0; i < 2 && known->names[i]; i++) {
        list[i] = float_of(known->names[i], given && given->type == OP_ATTRIBUTE_FLOATS && i < given->count
                                                ? given->floats[i]
                                                : known->values[i]);
        list[i + 1].name = NULL;
        if (strcmp(known->op, "Clip") == 0 && e->status == ONYX_OK) /* whose limits are inputs */
            e->status = upgrade_insert_constant(e->u, list[i], &inputs[1 + i]);
    }
    emit(e, known->op, known->version, inputs, inputs[1] ? NULL : list, NAMES(output(e, 0)));
}

static bool fused_conv(expansion *e)
{
    static const known_activation activations[] = {
        { "Relu", 14, { NULL }, { 0 } },
        { "Tanh", 13, { NULL }, { 0 } },
        { "Sigmoid", 13, { NULL }, { 0 } },
        { "LeakyRelu", 16, { "alpha" }, { 0.01f } },
        { "HardSigmoid", 6, { "alpha", "beta" }, { 0.2f, 0.5f } },
        { "Clip", 13, { "min", "max" }, { -3.402823466e38f, 3.402823466e38f } },
    };
    const char *name = string_attribute(e, "activation", "");
    const known_activation *found = NULL;
    for (size_t i = 0; i < ARRAY_LENGTH(activations); i++)
        if (strcmp(name, activations[i].op) == 0)
            found = &activations[i];
    const op_attribute *attributes = found || !*name ? plain_attributes(e) : NULL;
    if (!attributes)
        return false;
    const bool added = *input(e, 3);
    const char *const *last = NAMES(output(e, 0));
    const char *y = emit(e, "Conv", 11,
                         *input(e, 2) ? NAMES(input(e, 0), input(e, 1), input(e, 2)) : NAMES(input(e, 0), input(e, 1)),
                         attributes, added || found ? NULL : last);
    if (added)
        y = emit(e, "Add", 14, NAMES(y, input(e, 3)), NULL, found ? NULL : last);
    if (found)
        activate(e, found, y);
    return true;
}

/* ---- attention ---- */

static void attend(expansion *e, const char *q, const char *k, const char *v, const char *mask, const char *past_key,
                   const char *past_value)
{
    const int64_t heads = int_attribute(e, "num_heads", 0);
    const float scale = float_attribute(e, "scale", 0);
    const op_attribute q_heads = int_of("q_num_heads", heads), kv_heads = int_of("kv_num_heads", heads);
    const op_attribute causal = int_of("is_causal", int_attribute(e, "unidirectional", 0));
    const char *outputs[4] = { output(e, 0), output(e, 1), output(e, 2), NULL };
    for (int i = 2; i > 0 && !*outputs[i]; i--)
        outputs[i] = NULL;
    emit(e, "Attention", 23, NAMES(q, k, v, mask, past_key, past_value),
         scale > 0 ? WITH(q_heads, kv_heads, causal, float_of("scale", scale)) : WITH(q_heads, kv_heads, causal),
         outputs);
}

/* Three values of one width from one. */
static bool split_in_three(expansion *e, const char *x, int64_t axis, const char *parts[3])
{
    return emit_three(e, "Split", 18, x, WITH(int_of("axis", axis), int_of("num_outputs", 3)), parts);
}

/* x, weights [width, 3 * width], bias, mask, past, attention bias: without masks that count, and without past. */
static bool packed_attention(expansion *e)
{
    const char *parts[3];
    if (int_attribute(e, "num_heads", 0) < 1 || *input(e, 3) || *input(e, 4) || *input(e, 6) || *output(e, 1) ||
        upgrade_find(e->node, "qkv_hidden_sizes") || int_attribute(e, "do_rotary", 0))
        return false;
    const char *all = emit(e, "MatMul", 13, NAMES(input(e, 0), input(e, 1)), NULL, NULL);
    if (*input(e, 2))
        all = add(e, all, input(e, 2));
    if (split_in_three(e, all, -1, parts))
        attend(e, parts[0], parts[1], parts[2], input(e, 5), "", "");
    return true;
}

/* Queries, keys, values [n, length, width], bias of all three, padding mask, attention bias, past keys and values. */
static bool multi_head_attention(expansion *e)
{
    const char *parts[3] = { input(e, 0), input(e, 1), input(e, 2) }, *bias[3];
    if (int_attribute(e, "num_heads", 0) < 1 || !*parts[1] || !*parts[2] || *input(e, 4) || *input(e, 8))
        return false;
    if (*input(e, 3) && split_in_three(e, input(e, 3), 0, bias))
        for (int i = 0; i < 3; i++)
            parts[i] = add(e, parts[i], bias[i]);
    attend(e, parts[0], parts[1], parts[2], input(e, 5), input(e, 6), input(e, 7));
    return true;
}

static bool rotary(expansion *e)
{
    if (int_attribute(e, "is_packed_batching", 0) || float_attribute(e, "scale", 1) != 1)
        return false;
    emit(e, "RotaryEmbedding", 23, NAMES(input(e, 0), input(e, 2), input(e, 3), input(e, 1)),
         WITH(int_of("interleaved", int_attribute(e, "interleaved", 0)),
              int_of("num_heads", int_attribute(e, "num_heads", 0)),
              int_of("rotary_embedding_dim", int_attribute(e, "rotary_embedding_dim", 0))),
         NAMES(output(e, 0)));
    return true;
}

/* ---- the table ---- */

typedef struct expand_row {
    const char *domain, *op_type;
    bool (*write)(expansion *e); /* false: nothing was written */
} expand_row;

static const expand_row rows[] = {
    { "", "SimplifiedLayerNormalization", rms_norm },
    { "", "SwiGLU", swiglu },
    { OP_DOMAIN_MICROSOFT, "Attention", packed_attention },
    { OP_DOMAIN_MICROSOFT, "BiasGelu", bias_gelu },
    { OP_DOMAIN_MICROSOFT, "DynamicQuantizeMatMul", dynamic_product },
    { OP_DOMAIN_MICROSOFT, "FastGelu", fast_gelu },
    { OP_DOMAIN_MICROSOFT, "FusedConv", fused_conv },
    { OP_DOMAIN_MICROSOFT, "FusedGemm", fused_gemm },
    { OP_DOMAIN_MICROSOFT, "MatMulBnb4", expand_bnb4_product },
    { OP_DOMAIN_MICROSOFT, "MatMulIntegerToFloat", integer_product },
    { OP_DOMAIN_MICROSOFT, "MatMulNBits", expand_bits_product },
    { OP_DOMAIN_MICROSOFT, "MultiHeadAttention", multi_head_attention },
    { OP_DOMAIN_MICROSOFT, "NhwcMaxPool", nhwc_max_pool },
    { OP_DOMAIN_MICROSOFT, "QLinearConv", quantised_conv },
    { OP_DOMAIN_MICROSOFT, "QLinearReduceMean", quantised_mean },
    { OP_DOMAIN_MICROSOFT, "QLinearWhere", quantised_where },
    { OP_DOMAIN_MICROSOFT, "RotaryEmbedding", rotary },
    { OP_DOMAIN_MICROSOFT, "SkipLayerNormalization", skip_layer_norm },
    { OP_DOMAIN_MICROSOFT, "SkipSimplifiedLayerNormalization", skip_rms_norm },
};

onyx_status upgrade_expand(upgrader *u, const model_node *node, bool *done)
{
    for (int i = 0; i < node->attribute_count; i++)
        if (node->attributes[i].reference)
            return ONYX_OK; /* in a function: what it says is not known here */
    for (size_t i = 0; i < ARRAY_LENGTH(rows); i++) {
        if (strcmp(node->op_type, rows[i].op_type) != 0 || strcmp(node->domain, rows[i].domain) != 0 ||
            node->output_count < 1 || !node->outputs[0][0])
            continue;
        expansion e = { .u = u, .node = node };
        *done = rows[i].write(&e);
        return e.status;
    }
    return ONYX_OK;
}

int model_expanded(int index, const char **domain, const char **op_type)
{
    if (index >= 0 && index < (int)ARRAY_LENGTH(rows)) {
        *domain = rows[index].domain;
        *op_type = rows[index].op_type;
    }
    return (int)ARRAY_LENGTH(rows);
}
