/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Operators that are taken apart when a file is loaded (model/expand.c): each against the same model written by hand,
 * both run node by node. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "evaluate.h"
#include "text.h"

enum { MOST = 6 };

typedef struct pair {
    const char *name, *inputs, *given, *by_hand;
} pair;

#define ROWS "input x f32 2,3,8\ninput s f32 2,3,8\ninit g f32 8\ninit b f32 8\ninit c f32 8\n"
#define PICTURE "input x f32 1,3,5,6\ninit w f32 3,3,3,3\ninit b f32 3\n"
#define MATRICES "input x f32 3,4\ninit w f32 4,5\ninit wt f32 5,4\ninit c f32 5\n"
#define BYTES                                                                                                          \
    "input x f32 1,5,6,3\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit ys f32 - = 0.02\ninit yz u8 - = 130\n"        \
    "init w u8 4,3,3,3\ninit ws f32 - = 0.01\ninit wz u8 - = 128\nq = QuantizeLinear(x, xs, xz)\n"
#define BITS                                                                                                           \
    "input x f32 3,20\ninit b u8 2,2,8\ninit s f32 4\ninit e f32 - = 8\ninit t u8 - = 16\ninit wide i64 3 = 2,2,16\n"      \
    "init each i64 3 = 2,2,1\ninit flat i64 2 = 2,32\ninit i0 i64 1 = 0\ninit i1 i64 1 = 1\ninit i3 i64 1 = 3\n"       \
    "init k i64 1 = 20\n"
#define NIBBLES                                                                                                        \
    "lo = Mod(b, t)\nhi = Div(b, t)\nlu = Unsqueeze(lo, i3)\nhu = Unsqueeze(hi, i3)\nn = Concat(lu, hu) axis=3\n"    \
    "r = Reshape(n, wide)\nf = Cast(r) to=f32\n"
#define BLOCKS                                                                                                         \
    "q = Reshape(s, each)\nm = Mul(z, q)\nv = Reshape(m, flat)\nw = Slice(v, i0, k, i1)\ng = Gemm(x, w) transB=1\n"
#define HEADS "input q f32 2,5,8\ninput k f32 2,6,8\ninput v f32 2,6,8\ninit b f32 24\ninit m f32 2,2,5,6\n"

static const pair pairs[] = {
    { "BiasGelu", ROWS, "y = com.microsoft.BiasGelu(x, b)\n", "a = Add(x, b)\ny = Gelu(a)\n" },
    { "FastGelu", ROWS, "y = com.microsoft.FastGelu(x)\n", "y = Gelu(x) approximate=\"tanh\"\n" },
    { "FastGelu with bias", ROWS, "y = com.microsoft.FastGelu(x, b)\n",
      "a = Add(x, b)\ny = Gelu(a) approximate=\"tanh\"\n" },
    { "SwiGLU", ROWS, "y = SwiGLU(x, s) alpha=1.5\n", "a = Swish(x) alpha=1.5\ny = Mul(a, s)\n" },
    { "SkipLayerNormalization", ROWS, "y = com.microsoft.SkipLayerNormalization(x, s, g, b, c) epsilon=0.01\n",
      "a = Add(x, s)\nd = Add(a, c)\ny = LayerNormalization(d, g, b) epsilon=0.01\n" },
    { "SkipLayerNormalization and its sum", ROWS,
      "a, , , d = com.microsoft.SkipLayerNormalization(x, s, g) epsilon=0.01\ny = Add(a, d)\n",
      "d = Add(x, s)\na = LayerNormalization(d, g) epsilon=0.01\ny = Add(a, d)\n" },
    { "SkipSimplifiedLayerNormalization", ROWS,
      "y = com.microsoft.SkipSimplifiedLayerNormalization(x, s, g, c) epsilon=0.01\n",
      "a = Add(x, s)\nd = Add(a, c)\ny = RMSNormalization(d, g) epsilon=0.01\n" },
    { "SimplifiedLayerNormalization", ROWS, "y = SimplifiedLayerNormalization(x, g) epsilon=0.01\n",
      "y = RMSNormalization(x, g) epsilon=0.01\n" },
    { "FusedGemm", MATRICES, "y = com.microsoft.FusedGemm(x, wt, c) transB=1 alpha=0.5 activation=\"Relu\"\n",
      "a = Gemm(x, wt, c) transB=1 alpha=0.5\ny = Relu(a)\n" },
    { "FusedGemm with a slope", MATRICES,
      "y = com.microsoft.FusedGemm(x, w) activation=\"LeakyRelu\" activation_alpha=0.3\n",
      "a = Gemm(x, w)\ny = LeakyRelu(a) alpha=0.3\n" },
    { "FusedMatMul", MATRICES, "y = com.microsoft.FusedMatMul(x, wt) transB=1 alpha=0.5\n",
      "y = Gemm(x, wt) transB=1 alpha=0.5\n" },
    { "FusedConv", PICTURE, "y = com.microsoft.FusedConv(x, w, b) pads=[1,1,1,1] activation=\"Relu\"\n",
      "a = Conv(x, w, b) pads=[1,1,1,1]\ny = Relu(a)\n" },
    { "FusedConv with a sum", PICTURE, "y = com.microsoft.FusedConv(x, w, , x) pads=[1,1,1,1]\n",
      "a = Conv(x, w) pads=[1,1,1,1]\ny = Add(a, x)\n" },
    { "FusedConv with a sum and a slope", PICTURE,
      "y = com.microsoft.FusedConv(x, w, b, x) pads=[1,1,1,1] activation=\"LeakyRelu\" activation_params=[0.25]\n",
      "a = Conv(x, w, b) pads=[1,1,1,1]\nc = Add(a, x)\ny = LeakyRelu(c) alpha=0.25\n" },
    { "FusedConv with limits", PICTURE "init low f32 - = -0.5\ninit high f32 - = 0.75\n",
      "y = com.microsoft.FusedConv(x, w) activation=\"Clip\" activation_params=[-0.5,0.75]\n",
      "a = Conv(x, w)\ny = Clip(a, low, high)\n" },
    { "FusedConv with HardSigmoid", PICTURE,
      "y = com.microsoft.FusedConv(x, w) activation=\"HardSigmoid\" activation_params=[0.25,0.625]\n",
      "a = Conv(x, w)\ny = HardSigmoid(a) alpha=0.25 beta=0.625\n" },
    { "DynamicQuantizeMatMul", MATRICES "init i i8 4,5\ninit is f32 - = 0.03\ninit iz i8 - = 3\n",
      "y = com.microsoft.DynamicQuantizeMatMul(x, i, is, iz, c)\n",
      "q, qs, qz = DynamicQuantizeLinear(x)\np = MatMulInteger(q, i, qz, iz)\nf = Cast(p) to=f32\nt = Mul(qs, is)\n"
      "u = Mul(f, t)\ny = Add(u, c)\n" },
    { "MatMulIntegerToFloat", MATRICES "init i i8 4,5\ninit is f32 - = 0.03\ninit xs f32 - = 0.02\ninit xz u8 - = 99\n",
      "q = QuantizeLinear(x, xs, xz)\ny = com.microsoft.MatMulIntegerToFloat(q, i, xs, is, xz)\n",
      "q = QuantizeLinear(x, xs, xz)\np = MatMulInteger(q, i, xz)\nf = Cast(p) to=f32\nt = Mul(xs, is)\n"
      "y = Mul(f, t)\n" },
    { "NhwcMaxPool", BYTES,
      "p = com.microsoft.NhwcMaxPool(q) kernel_shape=[3,2] strides=[2,1] pads=[1,0,1,1]\ny = DequantizeLinear(p, xs, "
      "xz)\n",
      "t = Transpose(q) perm=[0,3,1,2]\nu = MaxPool(t) kernel_shape=[3,2] strides=[2,1] pads=[1,0,1,1]\n"
      "p = Transpose(u) perm=[0,2,3,1]\ny = DequantizeLinear(p, xs, xz)\n" },
    { "QLinearConv of channels last", BYTES,
      "p = com.microsoft.QLinearConv(q, xs, xz, w, ws, wz, ys, yz) channels_last=1 kernel_shape=[3,3]\n"
      "y = DequantizeLinear(p, ys, yz)\n",
      "t = Transpose(q) perm=[0,3,1,2]\nu = QLinearConv(t, xs, xz, w, ws, wz, ys, yz)\n"
      "p = Transpose(u) perm=[0,2,3,1]\ny = DequantizeLinear(p, ys, yz)\n" },
    { "MultiHeadAttention", HEADS, "y = com.microsoft.MultiHeadAttention(q, k, v, b, , m) num_heads=2 scale=0.3\n",
      "b0, b1, b2 = Split(b) axis=0 num_outputs=3\nq1 = Add(q, b0)\nk1 = Add(k, b1)\nv1 = Add(v, b2)\n"
      "y = Attention(q1, k1, v1, m) q_num_heads=2 kv_num_heads=2 scale=0.3\n" },
    { "Attention", "input x f32 2,5,8\ninit w f32 8,24\ninit b f32 24\n",
      "y = com.microsoft.Attention(x, w, b) num_heads=2 unidirectional=1\n",
      "a = MatMul(x, w)\nc = Add(a, b)\nq, k, v = Split(c) axis=2 num_outputs=3\n"
      "y = Attention(q, k, v) q_num_heads=2 kv_num_heads=2 is_causal=1\n" },
    { "RotaryEmbedding", "input x f32 1,3,8\ninit p i64 1,3 = 2,0,1\ninit c f32 4,2\ninit s f32 4,2\n",
      "y = com.microsoft.RotaryEmbedding(x, p, c, s) num_heads=2\n", "y = RotaryEmbedding(x, c, s, p) num_heads=2\n" },
    { "RotaryEmbedding from one position on, heads as the tables have them",
      "input x f32 2,3,8\ninit o i64 1 = 1\ninit p i64 2,3 = 1,2,3,1,2,3\ninit c f32 4,2\ninit s f32 4,2\n",
      "y = com.microsoft.RotaryEmbedding(x, o, c, s)\n", "y = RotaryEmbedding(x, c, s, p) num_heads=2\n" },
    { "QLinearWhere", BYTES "init t u8 1,5,6,3\ninit o f32 - = 0\ninit as f32 - = 0.03\ninit az u8 - = 7\n",
      "c = Greater(x, o)\np = com.microsoft.QLinearWhere(c, q, xs, xz, t, as, az, ys, yz)\n"
      "y = DequantizeLinear(p, ys, yz)\n",
      "c = Greater(x, o)\nf = DequantizeLinear(q, xs, xz)\ng = DequantizeLinear(t, as, az)\nh = Where(c, f, g)\n"
      "p = QuantizeLinear(h, ys, yz)\ny = DequantizeLinear(p, ys, yz)\n" },
    { "QLinearReduceMean", BYTES "init a i64 2 = 1,2\n",
      "p = com.microsoft.QLinearReduceMean(q, xs, xz, ys, yz) axes=[1,2] keepdims=0\ny = DequantizeLinear(p, ys, yz)\n",
      "f = DequantizeLinear(q, xs, xz)\nm = ReduceMean(f, a) keepdims=0\np = QuantizeLinear(m, ys, yz)\n"
      "y = DequantizeLinear(p, ys, yz)\n" },
    { "QLinearReduceMean of all", BYTES,
      "p = com.microsoft.QLinearReduceMean(q, xs, xz, ys, yz)\ny = DequantizeLinear(p, ys, yz)\n",
      "f = DequantizeLinear(q, xs, xz)\nm = ReduceMean(f)\np = QuantizeLinear(m, ys, yz)\n"
      "y = DequantizeLinear(p, ys, yz)\n" },
    { "MatMulNBits", BITS, "y = com.microsoft.MatMulNBits(x, b, s) K=20 N=2 bits=4 block_size=16\n",
      NIBBLES "z = Sub(f, e)\n" BLOCKS "y = Identity(g)\n" },
    { "MatMulNBits with zero points and bias",
      BITS "init p u8 2 = 147,46\ninit zf f32 2,2,1 = 3,9,14,2\ninit c f32 2\n",
      "y = com.microsoft.MatMulNBits(x, b, s, p, , c) K=20 N=2 bits=4 block_size=16\n",
      NIBBLES "z = Sub(f, zf)\n" BLOCKS "y = Add(g, c)\n" },
    { "MatMulNBits of bytes", BITS "init b8 u8 2,2,16\ninit p u8 4 = 3,9,140,2\ninit zf f32 2,2,1 = 3,9,140,2\n",
      "y = com.microsoft.MatMulNBits(x, b8, s, p) K=20 N=2 bits=8 block_size=16\n",
      "f = Cast(b8) to=f32\nz = Sub(f, zf)\n" BLOCKS "y = Identity(g)\n" },
    { "MatMulNBits with zero points that are floats", BITS "init zf f32 4 = 3,9.5,14,2\ninit sh i64 3 = 2,2,1\n",
      "y = com.microsoft.MatMulNBits(x, b, s, zf) K=20 N=2 bits=4 block_size=16\n",
      NIBBLES "zr = Reshape(zf, sh)\nz = Sub(f, zr)\n" BLOCKS "y = Identity(g)\n" },
    { "MatMulNBits of two bits",
      "input x f32 3,16\ninit b u8 1,1,4 = 228,228,228,228\ninit s f32 1 = 0.5\n"
      "init w f32 1,16 = -1,-0.5,0,0.5,-1,-0.5,0,0.5,-1,-0.5,0,0.5,-1,-0.5,0,0.5\n",
      "y = com.microsoft.MatMulNBits(x, b, s) K=16 N=1 bits=2 block_size=16\n", "y = Gemm(x, w) transB=1\n" },
    { "MatMulBnb4, NF4",
      "input x f32 3,4\ninit b u8 4 = 240,127,7,248\ninit m f32 2 = 2,10\n"
      "init w f32 2,4 = 2,-2,0,2,-10,0,10,0.7958029955625534\n",
      "y = com.microsoft.MatMulBnb4(x, b, m) K=4 N=2 block_size=4 quant_type=1\n", "y = Gemm(x, w) transB=1\n" },
    { "MatMulBnb4, FP4",
      "input x f32 3,4\ninit b u8 4 = 48,123,92,213\ninit m f32 2 = 2,10\n"
      "init w f32 2,4 = 2,0,0.5,-2,5,-3.3333333,-5,5\n",
      "y = com.microsoft.MatMulBnb4(x, b, m) K=4 N=2 block_size=4 quant_type=0\n", "y = Gemm(x, w) transB=1\n" },
};

static bool run(const pair *p, const char *nodes, onyx_tensor *output)
{
    char text[2048];
    arena *memory = arena_new(0);
    onyx_error error = { .message = "" };
    onyx_tensor inputs[MOST] = { 0 };
    graph *g = NULL;
    snprintf(text, sizeof(text), "%s%soutput y\n", p->inputs, nodes);
    model_file *file = memory ? text_model(text, 0, memory) : NULL;
    bool good = CHECK(file != NULL, "%s: no model", p->name) &&
                CHECK(model_upgrade(file, &error) == ONYX_OK && graph_build(file, NULL, NULL, &g, &error) == ONYX_OK &&
                          graph_infer(g, true, &error) == ONYX_OK,
                      "%s: %s", p->name, error.message);
    for (int i = 0; good && i < g->input_count; i++)
        good = evaluate_random_input(g->inputs[i], 5u + (uint32_t)i, &inputs[i]);
    good = good && CHECK(evaluate(g, inputs, output, &error) == ONYX_OK, "%s: %s", p->name, error.message);
    for (int i = 0; i < MOST; i++)
        memory_free(inputs[i].data);
    graph_free(g);
    arena_free(memory);
    return good;
}

/* Forms that are not known are refused by the operator's name, not misread. */
static void refused(const char *inputs, const char *node)
{
    char text[1024];
    arena *memory = arena_new(0);
    onyx_error error = { .message = "" };
    graph *g = NULL;
    snprintf(text, sizeof(text), "%s%soutput y\n", inputs, node);
    model_file *file = text_model(text, 0, memory);
    const onyx_status status = !file                         ? ONYX_ERROR_INTERNAL
                               : model_upgrade(file, &error) ? ONYX_ERROR_INTERNAL
                                                             : graph_build(file, NULL, NULL, &g, &error);
    CHECK(status == ONYX_ERROR_UNSUPPORTED && strstr(error.message, "com.microsoft"), "%s: %s, '%s'", node,
          onyx_status_name(status), error.message);
    graph_free(g);
    arena_free(memory);
}

int main(void)
{
    for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
        onyx_tensor wanted = { 0 }, have = { 0 };
        if (run(&pairs[i], pairs[i].by_hand, &wanted) && run(&pairs[i], pairs[i].given, &have)) {
            const double difference = evaluate_difference(&wanted, &have);
            CHECK(difference <= 1e-6, "%s: differs by %g", pairs[i].name, difference);
        }
        memory_free(wanted.data);
        memory_free(have.data);
    }
    refused(MATRICES, "y = com.microsoft.FusedGemm(x, w) activation=\"Cosh\"\n");
    refused(HEADS, "y = com.microsoft.MultiHeadAttention(q) num_heads=2\n");
    refused(BITS, "y = com.microsoft.MatMulNBits(x, b, s) K=20 N=2 bits=3 block_size=16\n");
    refused(BITS, "y = com.microsoft.MatMulNBits(x, b, s) K=20 bits=4 block_size=16\n");
    refused(BITS, "y = com.microsoft.MatMulBnb4(x, b, s) K=20 N=2 block_size=16 quant_type=1\n");
    refused(HEADS, "y = com.microsoft.MultiHeadAttention(q, k, v)\n");
    refused(BYTES, "y = com.microsoft.NhwcMaxPool(q)\n");
    refused(BYTES, "y = com.microsoft.QLinearReduceMean(q, xs, xz, ys)\n");
    refused(ROWS, "y, i = com.microsoft.SkipLayerNormalization(x, s, g)\n");
    return check_done();
}
