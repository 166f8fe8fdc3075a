/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The graphs of passes.c, as exporters write them: PyTorch unless said otherwise. Here what is of no kind; the others
 * stand in files of their own. */
#ifndef ONYX_TESTS_GRAPH_PASS_CASES_H
#define ONYX_TESTS_GRAPH_PASS_CASES_H

typedef struct pass_case {
    const char *name;
    const char *expect; /* "Name count, ..." after all passes */
    const char *text;
    double bound; /* of the range; 0: 2e-5 */
    int opset;    /* 0: the newest */
} pass_case;

#define CONV3 "input x f32 1,4,8,8\ninit w f32 6,4,3,3\ninit b f32 6\nc = Conv(x, w, b) pads=[1,1,1,1]\n"
#define SCALAR(name, value) "init " name " f32 - = " value "\n"

static const pass_case pass_cases[] = {
    { "dead", "total 1", "input x f32 4\na = Exp(x)\nb = Neg(x)\noutput b\n" },
    { "dead mask", "total 1", "input x f32 1,2,4,4\ny, i = MaxPool(x) kernel_shape=[2,2]\noutput y\n" },

    { "a constant of more than a megabyte", "total 1",
      "input x f32 1,600\ninit a f32 600,1\ninit b f32 1,600\nc = MatMul(a, b)\nd = Exp(c)\ny = MatMul(x, d)\noutput y\n" },

    { "large weights in a Constant node", "FusedConv 1, total 1",
      "input x f32 1,2100,1,1\nnode w f32 2048,2100,1,1\nnode b f32 2048\nc = Conv(x, w, b)\ny = Relu(c)\noutput y\n" },
    { "identity chain", "total 1",
      "input x f32 2,3\nr = Relu(x)\na = Identity(r)\nb = Dropout(a)\nc = Cast(b) to=f32\nd = Concat(c) axis=0\noutput d\n" },
    { "identity at output", "total 1", "input x f32 2,3\ny = Identity(x)\noutput y\n" },
    { "two outputs, one value", "Relu 1", "input x f32 2,3\na = Relu(x)\nb = Identity(a)\noutput a\noutput b\n" },
    { "neutral numbers", "total 1",
      "input x f32 2,3\n" SCALAR("one", "1") SCALAR("zero", "0")
      "a = Mul(x, one)\nb = Add(zero, a)\nc = Sub(b, zero)\nd = Div(c, one)\ne = Pow(d, one)\nf = Neg(e)\noutput f\n" },
    { "not neutral", "Sub 1, Div 1",
      "input x f32 2,3\n" SCALAR("one", "1") SCALAR("zero", "0")
      "a = Sub(zero, x)\nb = Exp(a)\nc = Add(b, one)\nd = Div(one, c)\ne = Exp(d)\noutput e\n" },
    { "neutral but larger", "Mul 1", "input x f32 3\ninit one f32 2,3 = 1\ny = Mul(x, one)\noutput y\n" },
    { "reshapes", "Reshape 1, total 2",
      "input x f32 2,3,4\ninit s i64 2 = 6,-1\ninit ax i64 1 = 0\n"
      "a = Neg(x)\nb = Reshape(a, s)\nc = Unsqueeze(b, ax)\nd = Flatten(c) axis=2\ne = Squeeze(c, ax)\nf = Flatten(e) axis=0\noutput f\n" },
    { "reshape back", "total 1",
      "input x f32 2,3,4\ninit s i64 2 = 6,4\ninit t i64 3 = 2,3,4\na = Neg(x)\nb = Reshape(a, s)\nc = Reshape(b, t)\noutput c\n" },
    { "slice of all", "total 1",
      "input x f32 2,3\ninit s i64 1 = 0\ninit e i64 1 = 9223372036854775807\ninit a i64 1 = 1\n"
      "n = Neg(x)\ny = Slice(n, s, e, a)\noutput y\n" },
    { "slice backwards", "Slice 1",
      "input x f32 2,3\ninit s i64 1 = -1\ninit e i64 1 = -9223372036854775807\ninit a i64 1 = 1\ninit m i64 1 = -1\n"
      "n = Neg(x)\ny = Slice(n, s, e, a, m)\noutput y\n" },
    { "resize by one", "total 1",
      "input x f32 1,2,4,4\ninit s f32 4 = 1,1,1,1\nn = Neg(x)\ny = Resize(n,,s) mode=\"linear\"\noutput y\n" },
    { "casts", "Cast 1",
      "input x u8 2,3\na = Cast(x) to=i32\nb = Cast(a) to=f32\noutput b\n" },
    { "lossy casts", "Cast 2", "input x f32 2,3\na = Cast(x) to=i32\nb = Cast(a) to=f32\noutput b\n" },
    { "expand", "total 1",
      "input x f32 1,3\ninput y f32 4,3\ninit s i64 2 = 4,3\ne = Expand(x, s)\nz = Add(e, y)\noutput z\n" },
    { "expand that is needed", "total 2",
      "input x f32 1,3\ninput y f32 1,3\ninit s i64 2 = 4,3\ne = Expand(x, s)\nz = Add(e, y)\noutput z\n" },

    { "common", "total 3",
      "input x f32 2,3\n" SCALAR("a", "2") SCALAR("b", "2")
      "p = Mul(x, a)\nq = Mul(x, b)\ns = Exp(p)\nt = Exp(q)\nz = Add(s, t)\noutput z\n" },
    { "common, other attributes", "LeakyRelu 2",
      "input x f32 2,3\np = LeakyRelu(x) alpha=0.1\nq = LeakyRelu(x) alpha=0.2\nz = Div(p, q)\noutput z\n" },

    { "half", "Cast 2, FusedConv 1, total 3",
      "input x f16 1,3,6,6\ninit w f16 4,3,3,3\ninit b f16 4\nc = Conv(x, w, b)\ns = Sigmoid(c)\ny = Mul(c, s)\noutput y\n",
      4e-3 },
    { "half and int", "Cast 4",
      "input x f16 3,4\na = Neg(x)\nb = Cast(a) to=i32\nc = Cast(b) to=f16\nd = Mul(c, a)\noutput d\n", 4e-3 },
    { "brain", "Cast 2", "input x bf16 3,4\na = Exp(x)\nb = Tanh(a)\nd = Mul(a, b)\noutput d\n", 2e-2 },
    { "half with top-k", "Cast 2",
      "input x f16 1,20\ninit k i64 1 = 5\na = Neg(x)\nf = Cast(a) to=f32\nv, i = TopK(f, k)\nh = Cast(v) to=f16\nz = Neg(h)\noutput z\noutput i\n",
      4e-3 },

    { "limits", "Clip 1, total 1",
      "input x f32 2,30\n" SCALAR("six", "1.5") "r = Relu(x)\nm = Min(r, six)\noutput m\n" },
    { "limits, one relu", "Relu 1, total 1",
      "input x f32 2,30\n" SCALAR("zero", "0") "r = Max(zero, x)\nm = Relu(r)\noutput m\n" },
    { "leaky by max", "LeakyRelu 1, total 1",
      "input x f32 2,30\n" SCALAR("a", "0.1") "m = Mul(a, x)\ny = Max(x, m)\noutput y\n" },
    { "prelu", "LeakyRelu 1", "input x f32 1,3,4,4\ninit a f32 3,1,1 = 0.25\ny = PRelu(x, a)\noutput y\n" },
    { "square", "Mul 1, total 1", "input x f32 2,3\n" SCALAR("two", "2") "y = Pow(x, two)\noutput y\n" },
    { "mean over space", "GlobalAveragePool 1, Reshape 1",
      "input x f32 2,3,4,5\ninit a i64 2 = -1,2\ny = ReduceMean(x, a) keepdims=0\noutput y\n" },
    { "global pool", "GlobalMaxPool 1, total 1", "input x f32 2,3,4,5\ny = MaxPool(x) kernel_shape=[4,5]\noutput y\n" },

    { "softmax of old", "Softmax 1, Reshape 2", "input x f32 2,3,4\ny = Softmax(x) axis=1\noutput y\n", 0, 11 },
    { "softmax of old, last axis", "Softmax 1, total 1", "input x f32 2,3,4\ny = Softmax(x) axis=2\noutput y\n", 0, 11 },
    { "batch norm with statistics of its own", "InstanceNormalization 1, total 1",
      "input x f32 1,5,12,1\ninit a i64 3 = 0,2,3\ninit r i64 1 = 5\n" SCALAR("n", "12") "init s f32 5\ninit b f32 5\n"
      "m = ReduceMean(x, a)\nd = Sub(x, m)\nq = ReduceSumSquare(d, a) keepdims=0\nv = Div(q, n)\nf = Reshape(m, r)\n"
      "y = BatchNormalization(x, s, b, f, v) epsilon=0.001\noutput y\n" },
    { "statistics of another count", "ReduceSumSquare 1, InstanceNormalization 0",
      "input x f32 1,5,12,1\ninit a i64 3 = 0,2,3\ninit r i64 1 = 5\n" SCALAR("n", "11") "init s f32 5\ninit b f32 5\n"
      "m = ReduceMean(x, a)\nd = Sub(x, m)\nq = ReduceSumSquare(d, a) keepdims=0\nv = Div(q, n)\nf = Reshape(m, r)\n"
      "y = BatchNormalization(x, s, b, f, v) epsilon=0.001\noutput y\n" },

    { "silu", "Silu 1, total 1", "input x f32 3,40\ns = Sigmoid(x)\ny = Mul(s, x)\noutput y\n" },
    { "not silu", "Mul 1", "input x f32 3,40\ninput z f32 3,40\ns = Sigmoid(x)\ny = Mul(s, z)\noutput y\n" },
    { "hard swish of paddle", "HardSwish 1, total 1",
      "input x f32 3,40\n" SCALAR("a", "3") SCALAR("z", "0") SCALAR("s", "6")
      "b = Add(x, a)\nc = Clip(b, z, s)\nd = Mul(x, c)\ny = Div(d, s)\noutput y\n" },
    { "hard swish by hard sigmoid", "HardSwish 1, total 1",
      "input x f32 3,40\nh = HardSigmoid(x) alpha=0.16666667 beta=0.5\ny = Mul(h, x)\noutput y\n" },
    { "hard swish of tensorflow", "HardSwish 1, total 1",
      "input x f32 3,40\n" SCALAR("a", "3") SCALAR("s", "6") SCALAR("k", "0.16666667")
      "b = Add(a, x)\nc = Relu(b)\nd = Min(c, s)\ne = Mul(d, k)\ny = Mul(x, e)\noutput y\n" },
    { "hard sigmoid", "HardSigmoid 1, total 1",
      "input x f32 3,40\n" SCALAR("a", "3") SCALAR("z", "0") SCALAR("s", "6")
      "b = Add(x, a)\nc = Clip(b, z, s)\ny = Div(c, s)\noutput y\n" },
    { "gelu", "Gelu 1, total 1",
      "input x f32 3,40\n" SCALAR("r", "1.4142135") SCALAR("o", "1") SCALAR("h", "0.5")
      "a = Div(x, r)\nb = Erf(a)\nc = Add(b, o)\nd = Mul(x, c)\ny = Mul(d, h)\noutput y\n" },
    { "gelu, half first", "Gelu 1, total 1",
      "input x f32 3,40\n" SCALAR("r", "0.70710677") SCALAR("o", "1") SCALAR("h", "0.5")
      "a = Mul(r, x)\nb = Erf(a)\nc = Add(o, b)\nd = Mul(x, h)\ny = Mul(d, c)\noutput y\n" },
    { "mish", "Mish 1, total 1", "input x f32 3,40\ns = Softplus(x)\nt = Tanh(s)\ny = Mul(x, t)\noutput y\n" },
    { "sigmoid in parts", "Silu 1, total 1",
      "input x f32 3,40\n" SCALAR("o", "1") "n = Neg(x)\ne = Exp(n)\ns = Add(e, o)\ny = Div(o, s)\nz = Mul(x, y)\noutput z\n" },
    { "silu of a biased value", "Silu 1, Add 1, total 2",
      "input x f32 3,40\n" SCALAR("o", "1") "b = Add(x, o)\ns = Sigmoid(b)\ny = Mul(b, s)\noutput y\n" },
    { "hard swish of a biased value", "HardSwish 1, Add 1, total 2",
      "input x f32 3,40\n" SCALAR("o", "1") SCALAR("a", "3") SCALAR("z", "0") SCALAR("s", "6")
      "b = Add(x, o)\nc = Add(b, a)\nd = Clip(c, z, s)\ne = Mul(b, d)\ny = Div(e, s)\noutput y\n" },

    { "GELU by a sigmoid", "Swish 1, total 1",
      "input x f32 3,40\n" SCALAR("a", "1.702") "b = Mul(x, a)\ns = Sigmoid(b)\ny = Mul(x, s)\noutput y\n" },
    { "GELU by tanh", "Gelu 1, total 1",
      "input x f32 3,40\n" SCALAR("three", "3") SCALAR("c", "0.044715") SCALAR("r", "0.7978845608") SCALAR("o", "1")
      SCALAR("half", "0.5") "p = Pow(x, three)\nq = Mul(p, c)\ns = Add(x, q)\nu = Mul(s, r)\nt = Tanh(u)\nv = Add(t, o)\n"
      "h = Mul(x, half)\ny = Mul(h, v)\noutput y\n" },
    { "almost GELU by tanh", "Gelu 0, Tanh 1",
      "input x f32 3,40\n" SCALAR("three", "3") SCALAR("c", "0.05") SCALAR("r", "0.7978845608") SCALAR("o", "1")
      SCALAR("half", "0.5") "p = Pow(x, three)\nq = Mul(p, c)\ns = Add(x, q)\nu = Mul(s, r)\nt = Tanh(u)\nv = Add(t, o)\n"
      "h = Mul(x, half)\ny = Mul(h, v)\noutput y\n" },
    { "product and GELU by tanh", "FusedMatMul 2, total 2",
      "input x f32 5,8\ninit w f32 8,8\na = MatMul(x, w)\nb = Gelu(a) approximate=\"tanh\"\nc = MatMul(b, w)\n"
      "y = com.microsoft.QuickGelu(c)\noutput y\n" },

    { "RMS norm", "RMSNormalization 1, total 1",
      "input x f32 2,5,8\ninit ax i64 1 = -1\n" SCALAR("two", "2") SCALAR("e", "0.001") "init g f32 8\n"
      "q = Pow(x, two)\nv = ReduceMean(q, ax)\nw = Add(v, e)\nr = Sqrt(w)\ni = Reciprocal(r)\nn = Mul(x, i)\n"
      "y = Mul(g, n)\noutput y\n" },
    { "RMS norm and a bias", "RMSNormalization 1, Add 1, total 2",
      "input x f32 2,5,8\ninit ax i64 1 = -1\n" SCALAR("e", "0.001") "init g f32 8\n"
      "q = Mul(x, x)\nv = ReduceMean(q, ax)\nw = Add(v, e)\nr = Sqrt(w)\nn = Div(x, r)\ny = Add(n, g)\noutput y\n" },
    { "layer norm", "LayerNormalization 1, total 1",
      "input x f32 2,5,8\ninit ax i64 1 = -1\n" SCALAR("two", "2") SCALAR("e", "0.001") "init g f32 8\ninit b f32 8\n"
      "m = ReduceMean(x, ax)\nd = Sub(x, m)\nq = Pow(d, two)\nv = ReduceMean(q, ax)\nw = Add(v, e)\nr = Sqrt(w)\nn = Div(d, r)\n"
      "h = Mul(n, g)\ny = Add(h, b)\noutput y\n" },
    { "layer norm without scale", "LayerNormalization 1, total 1",
      "input x f32 2,5,8\ninit ax i64 2 = -1,1\n" SCALAR("e", "0.001")
      "m = ReduceMean(x, ax)\nd = Sub(x, m)\nf = Sub(x, m)\nq = Mul(f, f)\nv = ReduceMean(q, ax)\nw = Add(v, e)\nr = Sqrt(w)\ny = Div(d, r)\noutput y\n" },

    { "dfl", "SoftmaxMean 1, total 1",
      "input x f32 1,64,30\ninit r i64 4 = 1,4,16,30\ninit s i64 3 = 1,4,30\ninit w f32 1,16,1,1 = 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15\n"
      "a = Reshape(x, r)\nb = Transpose(a) perm=[0,2,1,3]\nc = Softmax(b) axis=1\nd = Conv(c, w)\ny = Reshape(d, s)\noutput y\n" },

    { "dfl of a head", "SoftmaxMean 2, Transpose 0, Concat 1",
      CONV3 "init v f32 6,4,4,4\ne = Conv(x, v)\ninit f i64 3 = 1,6,-1\ng = Reshape(c, f)\nh = Reshape(e, f)\n"
      "i = Concat(g, h) axis=2\ninit r i64 4 = 1,2,3,-1\ninit s i64 3 = 1,2,-1\ninit k f32 1,3,1,1 = 0,1,2\n"
      "a = Reshape(i, r)\nd = Transpose(a) perm=[0,2,1,3]\nl = Softmax(d) axis=1\nm = Conv(l, k)\ny = Reshape(m, s)\noutput y\n" },

    { "scores of a head", "FusedConv 2, Reshape 2, Concat 1, total 5",
      CONV3 "input z f32 1,4,4,4\ninit v f32 6,4,1,1\nd = Conv(z, v)\ninit r i64 3 = 1,6,-1\ne = Reshape(c, r)\nf = Reshape(d, r)\n"
      "h = Concat(e, f) axis=-1\ny = Sigmoid(h)\noutput y\n" },
    { "scores with another reader", "Conv 1, Sigmoid 1, FusedConv 0",
      CONV3 "init r i64 3 = 1,6,-1\ne = Reshape(c, r)\ny = Sigmoid(e)\noutput y\noutput c\n" },
    { "norm alone", "Mul 1, Add 1, Relu 1, total 3",
      "input x f32 1,4,5,5\ninit s f32 4\ninit b f32 4\ninit m f32 4\ninit v f32 4 = 1\n"
      "r = Relu(x)\ny = BatchNormalization(r, s, b, m, v)\noutput y\n" },
    { "group norm", "GroupNormalization 1, total 1",
      "input x f32 2,12,5,4\ninit into i64 3 = 0,3,-1\ninit back i64 4 = 2,12,5,4\ninit s f32 3\ninit b f32 3\n"
      "init w f32 12,1,1\ninit v f32 1,12,1,1\na = Reshape(x, into)\nc = InstanceNormalization(a, s, b) epsilon=0.001\n"
      "d = Reshape(c, back)\ne = Mul(d, w)\ny = Add(v, e)\noutput y\n" },
    { "group norm of groups' scales", "GroupNormalization 1, total 1",
      "input x f32 2,12,5,4\ninit s f32 3\ninit b f32 3\ninit w f32 12,1,1\nc = GroupNormalization(x, s, b) num_groups=3\n"
      "y = Mul(c, w)\noutput y\n", 0, 18 },
    { "norm of parts of channels", "InstanceNormalization 1, Reshape 2, total 3",
      "input x f32 2,3,8,4\ninit into i64 3 = 2,6,16\ninit back i64 4 = 2,3,8,4\ninit s f32 6\ninit b f32 6\n"
      "a = Reshape(x, into)\nc = InstanceNormalization(a, s, b)\ny = Reshape(c, back)\noutput y\n" },

#include "pass_cases_conv.h"
#include "pass_cases_moves.h"
#include "pass_cases_products.h"
#include "pass_cases_quantised.h"
};

#endif
