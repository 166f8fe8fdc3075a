/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The graphs of passes.c, as exporters write them: PyTorch unless said otherwise. */
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
/* x quantised and dequantised again as d; weights, scales and zero points to go on with. */
#define BYTES                                                                                                          \
    "input x f32 1,4,8,8\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit cs f32 - = 0.02\ninit cz u8 - = 130\n"     \
    "init ss f32 - = 0.005\ninit z u8 - = 0\ninit wq i8 6,4,3,3\ninit ws f32 6 = 0.02,0.01,0.03,0.02,0.01,0.015\n"   \
    "init wz i8 6 = 0\nq = QuantizeLinear(x, xs, xz)\nd = DequantizeLinear(q, xs, xz)\n"
/* Bytes a, another scale of which a convolution reads upsampled, beside b. */
#define NECK                                                                                                           \
    "input x f32 2,90,12,12\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit cs f32 - = 0.02\ninit cz u8 - = 130\n"    \
    "init wq i8 70,99,1,1\ninit ws f32 - = 0.002\ninit wz i8 - = 3\na = QuantizeLinear(x, cs, cz)\n"
#define NECK_CONV                                                                                                      \
    "r = Resize(a, , up)\nr1 = DequantizeLinear(r, cs, cz)\nr2 = QuantizeLinear(r1, xs, xz)\nc = Concat(r2, b) axis=1\n" \
    "y = QLinearConv(c, xs, xz, wq, ws, wz, cs, cz)\nz = DequantizeLinear(y, cs, cz)\noutput z\n"
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
    { "convolution over one dimension", "FusedConv 1, Reshape 2",
      "input x f32 2,4,9\ninit w f32 6,2,3\ninit b f32 6\nc = Conv(x, w, b) group=2 pads=[1,2] strides=[2] dilations=[2]\ny = Relu(c)\noutput y\n" },

    { "softmax of old", "Softmax 1, Reshape 2", "input x f32 2,3,4\ny = Softmax(x) axis=1\noutput y\n", 0, 11 },
    { "softmax of old, last axis", "Softmax 1, total 1", "input x f32 2,3,4\ny = Softmax(x) axis=2\noutput y\n", 0, 11 },

    { "batch norm", "Conv 1, total 1",
      CONV3 "init s f32 6\ninit o f32 6\ninit m f32 6\ninit v f32 6 = 1,2,0.5,0.7,3,1.5\ny = BatchNormalization(c, s, o, m, v)\noutput y\n" },
    { "batch norm of a transposed convolution", "ConvTranspose 1, total 1",
      "input x f32 1,4,5,5\ninit w f32 4,3,2,2\nc = ConvTranspose(x, w) group=2 strides=[2,2]\n"
      "init s f32 6\ninit o f32 6\ninit m f32 6\ninit v f32 6 = 1,2,0.5,0.7,3,1.5\ny = BatchNormalization(c, s, o, m, v)\noutput y\n" },
    { "batch norm with statistics of its own", "InstanceNormalization 1, total 1",
      "input x f32 1,5,12,1\ninit a i64 3 = 0,2,3\ninit r i64 1 = 5\n" SCALAR("n", "12") "init s f32 5\ninit b f32 5\n"
      "m = ReduceMean(x, a)\nd = Sub(x, m)\nq = ReduceSumSquare(d, a) keepdims=0\nv = Div(q, n)\nf = Reshape(m, r)\n"
      "y = BatchNormalization(x, s, b, f, v) epsilon=0.001\noutput y\n" },
    { "statistics of another count", "ReduceSumSquare 1, InstanceNormalization 0",
      "input x f32 1,5,12,1\ninit a i64 3 = 0,2,3\ninit r i64 1 = 5\n" SCALAR("n", "11") "init s f32 5\ninit b f32 5\n"
      "m = ReduceMean(x, a)\nd = Sub(x, m)\nq = ReduceSumSquare(d, a) keepdims=0\nv = Div(q, n)\nf = Reshape(m, r)\n"
      "y = BatchNormalization(x, s, b, f, v) epsilon=0.001\noutput y\n" },
    { "batch norm alone", "Mul 1, Add 1, total 2",
      "input x f32 1,6,5,5\ninit s f32 6\ninit o f32 6\ninit m f32 6\ninit v f32 6 = 1,2,0.5,0.7,3,1.5\ny = BatchNormalization(x, s, o, m, v)\noutput y\n" },
    { "batch norm of a matrix", "FusedMatMul 1, total 1",
      "input x f32 5,8\ninit w f32 6,8\ninit b f32 6\nc = Gemm(x, w, b) transB=1\n"
      "init s f32 6\ninit o f32 6\ninit m f32 6\ninit v f32 6 = 1,2,0.5,0.7,3,1.5\nn = BatchNormalization(c, s, o, m, v)\ny = Relu(n)\noutput y\n" },

    { "factors behind", "Conv 1, total 1",
      CONV3 "init s f32 6,1,1\n" SCALAR("k", "3")
      "d = Mul(c, s)\ne = Div(d, k)\nf = Sub(k, e)\ninit t f32 1,6,1,1\ny = Add(t, f)\noutput y\n" },
    { "factor read twice", "Mul 1",
      CONV3 SCALAR("k", "3") "d = Mul(c, k)\ny = Add(d, c)\noutput y\n" },
    { "not along channels", "Conv 1, Mul 1", CONV3 "init s f32 8\ny = Mul(c, s)\noutput y\n" },
    { "factors in front", "Conv 1, total 1",
      "input x f32 2,4,8,8\ninit m f32 1,4,1,1\ninit s f32 4,1,1\ninit w f32 6,2,3,3\na = Sub(x, m)\nb = Div(a, s)\nc = Conv(b, w) group=2\noutput c\n" },
    { "factor and summand in front", "FusedConv 1, total 1",
      "input x f32 1,4,8,8\n" SCALAR("k", "0.5") SCALAR("l", "1.5") "init w f32 6,4,1,1\na = Mul(k, x)\nb = Add(a, l)\nc = Conv(b, w)\n"
      "y = Relu(c)\noutput y\n" },
    { "factor and summand before padding", "Add 1, FusedConv 1, total 2",
      "input x f32 1,4,8,8\ninit k f32 4,1,1 = 0.5,2,-1,3\n" SCALAR("l", "1.5") "init w f32 4,1,3,3\na = Div(x, k)\nb = Sub(a, l)\n"
      "c = Conv(b, w) pads=[1,1,1,1] group=4\ny = Relu(c)\noutput y\n" },
    { "factor of zero before padding", "Mul 1, Add 1, Conv 1",
      "input x f32 1,4,8,8\ninit k f32 4,1,1 = 0.5,2,0,3\n" SCALAR("l", "1.5") "init w f32 6,4,3,3\na = Mul(x, k)\nb = Add(a, l)\n"
      "c = Conv(b, w) pads=[1,1,1,1]\noutput c\n" },
    { "summand before padding", "Sub 1, Conv 1",
      "input x f32 1,4,8,8\ninit m f32 1,4,1,1\ninit w f32 6,4,3,3\na = Sub(x, m)\nc = Conv(a, w) pads=[1,1,1,1]\noutput c\n" },
    { "pad of bytes", "Pad 0, QuantizeLinear 1",
      BYTES "init p i64 8 = 0,0,0,0,0,0,1,1\nd0 = Pad(d, p)\nq1 = QuantizeLinear(d0, xs, xz)\nd1 = DequantizeLinear(q1, xs, xz)\n"
      "w = DequantizeLinear(wq, ws, wz) axis=0\nc = Conv(d1, w) strides=[2,2]\nr = QuantizeLinear(c, cs, cz)\n"
      "y = DequantizeLinear(r, cs, cz)\noutput y\n", 0.03 },
    { "pad of bytes that get another scale", "Pad 1",
      BYTES "init p i64 8 = 0,0,0,0,0,0,1,1\nd0 = Pad(d, p)\nq1 = QuantizeLinear(d0, cs, cz)\nd1 = DequantizeLinear(q1, xs, xz)\n"
      "w = DequantizeLinear(wq, ws, wz) axis=0\nc = Conv(d1, w) strides=[2,2]\nr = QuantizeLinear(c, cs, cz)\n"
      "y = DequantizeLinear(r, cs, cz)\noutput y\n", 0.03 },
    { "pad before a maximum pool", "Relu 1, MaxPool 1, total 2",
      "input x f32 1,4,7,7\ninit p i64 8 = 0,0,1,1,0,0,1,1\nr = Relu(x)\na = Pad(r, p)\ny = MaxPool(a) kernel_shape=[3,3] strides=[2,2]\noutput y\n" },
    { "pad before a maximum pool of what may be negative", "Pad 1",
      "input x f32 1,4,7,7\ninit p i64 8 = 0,0,1,1,0,0,1,1\nr = Neg(x)\na = Pad(r, p)\ny = MaxPool(a) kernel_shape=[3,3] strides=[2,2]\noutput y\n" },
    { "pad that the taps of a maximum pool lie in", "Pad 1",
      "input x f32 1,4,3,3\ninit p i64 8 = 0,0,1,1,0,0,1,1\nr = Relu(x)\na = Pad(r, p)\ny = MaxPool(a) kernel_shape=[2,2] dilations=[4,4]\noutput y\n" },
    { "pad", "Conv 1, total 1",
      "input x f32 1,4,8,8\ninit p i64 8 = 0,0,1,0,0,0,2,1\ninit w f32 6,4,3,3\na = Pad(x, p)\nc = Conv(a, w) pads=[0,1,0,1]\noutput c\n" },
    { "pad with a number", "Pad 1",
      "input x f32 1,4,8,8\ninit p i64 8 = 0,0,1,0,0,0,2,1\ninit w f32 6,4,3,3\n" SCALAR("v", "1") "a = Pad(x, p, v)\nc = Conv(a, w)\noutput c\n" },
    { "pad of channels", "Pad 1",
      "input x f32 1,3,8,8\ninit p i64 8 = 0,1,0,0,0,0,0,0\ninit w f32 6,4,3,3\na = Pad(x, p)\nc = Conv(a, w)\noutput c\n" },
    { "pad of a pool", "AveragePool 1, total 1",
      "input x f32 1,4,8,8\ninit p i64 8 = 0,0,1,0,0,0,0,1\na = Pad(x, p)\nc = AveragePool(a) kernel_shape=[3,3] strides=[2,2]\noutput c\n" },
    { "pad of a pool that leaves padding out", "Pad 1",
      "input x f32 1,4,8,8\ninit p i64 8 = 0,0,1,0,0,0,0,1\na = Pad(x, p)\nc = AveragePool(a) kernel_shape=[3,3] pads=[1,1,1,1]\noutput c\n" },

    { "columns of a head", "ColumnChain 1, Reshape 1, Transpose 1, FusedConv 1, total 4",
      "input x f32 2,4,5,3\ninit w f32 14,4,1,1\ninit into i64 5 = 2,2,7,5,3\ninit s i64 3 = 2,2,3\n" SCALAR("two", "2")
      "init grid f32 1,1,5,3,2\ninit anchor f32 1,2,1,1,2\n" SCALAR("stride", "8") SCALAR("one", "1")
      "c = Conv(x, w)\nr = Reshape(c, into)\nt = Transpose(r) perm=[0,1,3,4,2]\ng = Sigmoid(t)\n"
      "xy, wh, rest = Split(g, s) axis=4\na = Mul(xy, two)\nb = Add(a, grid)\nd = Mul(b, stride)\n"
      "e = Mul(wh, two)\nf = Pow(e, two)\nh = Mul(f, anchor)\ni = Sub(one, h)\ny = Concat(d, i, rest) axis=4\noutput y\n" },
    { "columns by slices", "ColumnChain 1, total 1",
      "input x f32 3,5\ninit b i64 1 = 0\ninit m i64 1 = 3\ninit e i64 1 = 9\ninit last i64 1 = -1\ninit v f32 3\n"
      "a = Slice(x, b, m, last)\nc = Slice(x, m, e, last)\nd = Exp(a)\nf = Div(v, d)\ng = Sigmoid(c)\n"
      "y = Concat(f, g) axis=-1\noutput y\n" },
    { "columns in another order", "Concat 1",
      "input x f32 3,4\ninit s i64 2 = 2,2\na, b = Split(x, s) axis=1\nc = Exp(a)\ny = Concat(b, c) axis=1\noutput y\n" },
    { "columns that others read", "Concat 1",
      "input x f32 3,4\ninit s i64 2 = 2,2\na, b = Split(x, s) axis=1\nc = Exp(a)\ny = Concat(c, b) axis=1\noutput y\noutput c\n" },
    { "columns of an operand that is larger", "Concat 1",
      "input x f32 1,4\ninit s i64 2 = 2,2\ninit v f32 3,2\na, b = Split(x, s) axis=1\nc = Add(a, v)\nd = Add(b, v)\n"
      "y = Concat(c, d) axis=1\noutput y\n" },

    { "parts of a transposed Concat", "Transpose 2, Split 0, Concat 0, total 6",
      "input x f32 2,3,5\ninput z f32 2,4,5\ninit s i64 2 = 3,4\na = Exp(x)\nb = Neg(z)\nc = Concat(a, b) axis=1\n"
      "t = Transpose(c) perm=[0,2,1]\nd, e = Split(t, s) axis=2\nf = Relu(d)\ng = Abs(e)\noutput f\noutput g\n" },
    { "parts that do not fit a transposed Concat", "Concat 1, Split 1",
      "input x f32 2,3,5\ninput z f32 2,4,5\ninit s i64 2 = 2,5\nc = Concat(x, z) axis=1\nt = Transpose(c) perm=[0,2,1]\n"
      "d, e = Split(t, s) axis=2\nf = Relu(d)\ng = Abs(e)\noutput f\noutput g\n" },
    { "a transposed Concat that others read", "Concat 1, Split 1",
      "input x f32 2,3,5\ninput z f32 2,4,5\ninit s i64 2 = 3,4\nc = Concat(x, z) axis=1\nt = Transpose(c) perm=[0,2,1]\n"
      "d, e = Split(t, s) axis=2\nf = Relu(d)\ng = Abs(e)\nh = Exp(t)\noutput f\noutput g\noutput h\n" },

    { "rows of the best boxes", "GatherND 1, GatherElements 0, Expand 0",
      "input x f32 2,9,5\ninit k i64 1 = 3\ninit last i64 1 = 2\ninit s i64 3 = 2,3,5\nm = ReduceMax(x, last) keepdims=0\n"
      "v, i = TopK(m, k) axis=1\nu = Unsqueeze(i, last)\ne = Expand(u, s)\ny = GatherElements(x, e) axis=1\noutput y\noutput v\n" },
    { "rows of two dimensions", "GatherND 1, Tile 0",
      "input x f32 9,2,5\ninit k i64 1 = 3\ninit r i64 3 = 1,2,5\ninit two i64 2 = 1,2\nm = ReduceMax(x, two)\n"
      "v, i = TopK(m, k) axis=0\ne = Tile(i, r)\ny = GatherElements(x, e) axis=0\noutput y\noutput v\n" },
    { "rows cut short", "GatherElements 1",
      "input x f32 2,9,5\ninit k i64 1 = 3\ninit last i64 1 = 2\ninit s i64 3 = 2,3,4\nm = ReduceMax(x, last) keepdims=0\n"
      "v, i = TopK(m, k) axis=1\nu = Unsqueeze(i, last)\ne = Expand(u, s)\ny = GatherElements(x, e) axis=1\noutput y\n" },

    { "upsampling", "FusedConv 1, DepthToSpace 1, total 2",
      "input x f32 2,4,3,5\ninit w f32 4,6,2,2\ninit b f32 6\nc = ConvTranspose(x, w, b) strides=[2,2]\ny = Relu(c)\noutput y\n" },
    { "upsampling of few channels", "FusedConv 1, DepthToSpace 1, total 2",
      "input x f32 1,4,3,5\ninit w f32 4,2,3,3\nc = ConvTranspose(x, w) strides=[3,3]\ny = Sigmoid(c)\noutput y\n" },
    { "upsampling with overlap", "ConvTranspose 1, total 1",
      "input x f32 1,4,3,5\ninit w f32 4,2,3,3\ny = ConvTranspose(x, w) strides=[2,2]\noutput y\n" },
    { "upsampling with gaps", "ConvTranspose 1, total 1",
      "input x f32 1,4,3,5\ninit w f32 4,2,2,2\ny = ConvTranspose(x, w) strides=[2,2] output_padding=[1,0]\noutput y\n" },
    { "upsampling in groups", "ConvTranspose 1, total 1",
      "input x f32 1,4,3,5\ninit w f32 4,2,2,2\ny = ConvTranspose(x, w) strides=[2,2] group=2\noutput y\n" },

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

    { "layer norm", "LayerNormalization 1, total 1",
      "input x f32 2,5,8\ninit ax i64 1 = -1\n" SCALAR("two", "2") SCALAR("e", "0.001") "init g f32 8\ninit b f32 8\n"
      "m = ReduceMean(x, ax)\nd = Sub(x, m)\nq = Pow(d, two)\nv = ReduceMean(q, ax)\nw = Add(v, e)\nr = Sqrt(w)\nn = Div(d, r)\n"
      "h = Mul(n, g)\ny = Add(h, b)\noutput y\n" },
    { "layer norm without scale", "LayerNormalization 1, total 1",
      "input x f32 2,5,8\ninit ax i64 2 = -1,1\n" SCALAR("e", "0.001")
      "m = ReduceMean(x, ax)\nd = Sub(x, m)\nf = Sub(x, m)\nq = Mul(f, f)\nv = ReduceMean(q, ax)\nw = Add(v, e)\nr = Sqrt(w)\ny = Div(d, r)\noutput y\n" },

    { "padding between transposes", "Conv 2, total 2",
      CONV3 "init p i64 8 = 0,0,0,0,0,1,1,0\ninit v f32 5,6,3,3\nt = Transpose(c) perm=[0,2,3,1]\nq = Pad(t, p)\n"
      "u = Transpose(q) perm=[0,3,1,2]\ny = Conv(u, v) strides=[2,2]\noutput y\n" },
    { "squeezed and excited with channels last", "FusedConv 3, GlobalAveragePool 1, Mul 1, total 6",
      CONV3 "init a i64 2 = 1,2\ninit d f32 2,6,1,1\ninit u f32 6,2,1,1\ninit v f32 5,6,1,1\n"
      "t = Transpose(c) perm=[0,2,3,1]\nr = Relu(t)\nm = ReduceMean(r, a)\nn = Transpose(m) perm=[0,3,1,2]\n"
      "e = Conv(n, d)\nf = Relu(e)\ng = Conv(f, u)\nh = HardSigmoid(g)\ni = Transpose(h) perm=[0,2,3,1]\n"
      "j = Mul(r, i)\nk = Transpose(j) perm=[0,3,1,2]\ny = Conv(k, v)\noutput y\n" },
    { "channels last: an axis each", "Transpose 0",
      CONV3 "init k f32 6\ninit l f32 1,1,6\ninit b0 i64 2 = 1,0\ninit b1 i64 2 = 7,4\ninit ax i64 2 = 1,-1\n"
      "init z i64 2 = 1,0\ninit za i64 1 = 2\ninit v f32 5,8,1,1\nt = Transpose(c) perm=[0,2,3,1]\no = Mul(t, k)\nq = Add(l, o)\n"
      "r = Softmax(q) axis=-1\ns = Concat(q, r) axis=3\na = Slice(s, b0, b1, ax)\nd = Concat(a, a) axis=3\n"
      "e = Pad(d, z,, za)\nf = Transpose(e) perm=[0,3,1,2]\ny = Conv(f, v)\noutput y\n" },
    { "means with channels last that drop dims", "Transpose 0",
      CONV3 "init a i64 2 = 1,2\ninit e i64 1 = 3\nt = Transpose(c) perm=[0,2,3,1]\nr = Exp(t)\nm = ReduceMean(r, a) keepdims=0\n"
      "n = ReduceMax(r, e)\no = Transpose(n) perm=[0,3,1,2]\np = Relu(o)\noutput m\noutput p\n" },
    { "factors and summands of a picture with channels last", "Conv 1, Transpose 1, total 2",
      "input x f32 1,8,8,4\ninit m f32 4\n" SCALAR("k", "0.5") "init w f32 6,4,3,3\na = Mul(x, k)\nb = Sub(a, m)\n"
      "t = Transpose(b) perm=[0,3,1,2]\ny = Conv(t, w)\noutput y\n" },
    { "bytes are turned before they are numbers", "Transpose 1, Cast 1, Conv 1, total 3",
      "input x u8 1,8,8,4\ninit w f32 6,4,3,3\na = Cast(x) to=f32\nt = Transpose(a) perm=[0,3,1,2]\ny = Conv(t, w)\noutput y\n" },
    { "channels last that others read too", "Transpose 1, Relu 1, total 3",
      "input x f32 1,8,8,4\ninit w f32 6,4,3,3\na = Relu(x)\nt = Transpose(a) perm=[0,3,1,2]\ny = Conv(t, w)\noutput y\noutput a\n" },
    { "channels last of rank five", "Conv 2, Reshape 2, total 4",
      "input x f32 1,2,4,4,4\ninit w f32 3,2,1,1,1\ninit v f32 2,3,1,1,1\ninit k f32 3\nc = Conv(x, w)\n"
      "t = Transpose(c) perm=[0,2,3,4,1]\na = Mul(t, k)\nu = Transpose(a) perm=[0,4,1,2,3]\ny = Conv(u, v)\noutput y\n" },
    { "transposes cancel", "total 1",
      "input x f32 2,3,4\na = Transpose(x) perm=[0,2,1]\nb = Relu(a)\nc = Transpose(b) perm=[0,2,1]\noutput c\n" },
    { "transposes merge", "Transpose 1, total 1",
      "input x f32 2,3,4\na = Transpose(x) perm=[2,0,1]\nc = Transpose(a) perm=[1,0,2]\noutput c\n" },
    { "transpose of ones", "Reshape 1, total 1", "input x f32 2,1,4\na = Transpose(x) perm=[1,0,2]\noutput a\n" },
    { "softmax between transposes", "Softmax 1, total 1",
      "input x f32 1,7,4,5\na = Transpose(x) perm=[0,3,2,1]\nb = Softmax(a) axis=3\nc = Transpose(b) perm=[0,3,2,1]\noutput c\n" },
    { "transposes of both summands", "Transpose 1, Add 1, total 2",
      "input x f32 2,3,4\ninput z f32 2,3,4\na = Transpose(x) perm=[0,2,1]\nb = Transpose(z) perm=[0,2,1]\nc = Add(a, b)\noutput c\n" },
    { "scaled between transposes", "Mul 1, total 1",
      "input x f32 2,3,4\n" SCALAR("k", "3") "a = Transpose(x) perm=[1,2,0]\nb = Mul(k, a)\nc = Transpose(b) perm=[2,0,1]\noutput c\n" },

    { "concat of a split", "Concat 1, Neg 1, Split 1",
      "input x f32 1,6,4,4\ninit s i64 2 = 2,4\na, b = Split(x, s) axis=1\nc = Neg(b)\nd = Concat(a, b, c) axis=1\noutput d\n" },
    { "concat of a split alone", "total 1",
      "input x f32 1,6,4,4\nn = Neg(x)\na, b = Split(n) axis=1 num_outputs=2\nd = Concat(a, b) axis=-3\noutput d\n" },
    { "concat in the wrong order", "Concat 1, Split 1",
      "input x f32 1,6,4,4\na, b = Split(x) axis=1 num_outputs=2\nd = Concat(b, a) axis=1\noutput d\n" },
    { "concat of slices", "total 1",
      "input x f32 1,6,4\ninit z i64 1 = 0\ninit t i64 1 = 2\ninit m i64 1 = 100\ninit ax i64 1 = 1\nn = Neg(x)\n"
      "a = Slice(n, z, t, ax)\nb = Slice(n, t, m, ax)\nd = Concat(a, b) axis=1\noutput d\n" },
    { "nested concat", "Concat 1, total 1",
      "input x f32 1,6,4\ninput z f32 1,2,4\na = Concat(x, z) axis=1\nb = Concat(z, a, x) axis=1\noutput b\n" },
    { "split of a concat", "total 2",
      "input x f32 1,6,4\ninput z f32 1,2,4\ninit s i64 2 = 6,2\na = Concat(x, z) axis=1\nb, c = Split(a, s) axis=1\nd = Neg(b)\ne = Exp(c)\noutput d\noutput e\n" },
    { "slice of a concat", "Slice 1, total 2",
      "input x f32 1,6,4\ninput z f32 1,4,4\ninit s i64 1 = 7\ninit t i64 1 = 9\ninit ax i64 1 = 1\na = Concat(x, z) axis=1\nb = Slice(a, s, t, ax)\nd = Neg(b)\noutput d\n" },

    { "half of the channels by gather", "Slice 2",
      "input x f32 1,6,4,4\ninit r i64 5 = 2,-1,3,4,4\ninit z i64 - = 0\ninit o i64 - = 1\n"
      "a = Reshape(x, r)\nb = Gather(a, z) axis=0\nc = Gather(a, o) axis=0\nd = Div(b, c)\noutput d\n" },
    { "shuffle", "ChannelShuffle 1, total 3",
      "input x f32 2,6,4,5\ninit r i64 5 = 2,2,3,4,5\ninit s i64 4 = 2,6,4,5\nn = Neg(x)\na = Reshape(n, r)\nb = Transpose(a) perm=[0,2,1,3,4]\nc = Reshape(b, s)\ny = Neg(c)\noutput y\n" },
    { "shuffle without batch", "ChannelShuffle 1, Reshape 1, total 3",
      "input x f32 1,6,4,5\ninit r i64 3 = 3,2,20\ninit s i64 5 = 2,-1,3,4,5\na = Reshape(x, r)\nb = Transpose(a) perm=[1,0,2]\nc = Reshape(b, s)\ny = Neg(c)\noutput y\n" },

    { "focus", "FusedConv 1, total 1",
      "input x f32 1,3,8,12\ninit z i64 1 = 0\ninit o i64 1 = 1\ninit m i64 1 = 9223372036854775807\ninit two i64 1 = 2\ninit three i64 1 = 3\n"
      "a = Slice(x, z, m, two, two)\naa = Slice(a, z, m, three, two)\nb = Slice(x, o, m, two, two)\nbb = Slice(b, z, m, three, two)\n"
      "c = Slice(x, z, m, two, two)\ncc = Slice(c, o, m, three, two)\nd = Slice(x, o, m, two, two)\ndd = Slice(d, o, m, three, two)\n"
      "e = Concat(aa, bb, cc, dd) axis=1\ninit w f32 5,12,3,3\ninit bias f32 5\nf = Conv(e, w, bias) pads=[1,1,1,1]\ns = Sigmoid(f)\ny = Mul(f, s)\noutput y\n" },
    { "space to depth", "Conv 1, total 1",
      "input x f32 2,3,8,12\na = SpaceToDepth(x) blocksize=4\ninit w f32 5,48,2,1\ny = Conv(a, w) strides=[1,2] pads=[0,1,1,0]\noutput y\n" },
    { "space to depth by reshapes", "Conv 1, total 1",
      "input x f32 2,3,8,12\ninit r i64 6 = 2,3,4,2,6,2\ninit s i64 4 = 2,12,4,6\na = Reshape(x, r)\nb = Transpose(a) perm=[0,3,5,1,2,4]\nc = Reshape(b, s)\n"
      "init w f32 5,12,3,3\ny = Conv(c, w)\noutput y\n" },
    { "focus with another reader", "Concat 1",
      "input x f32 1,3,8,12\na = SpaceToDepth(x) blocksize=2\nb = Concat(a, a) axis=1\ninit w f32 5,24,3,3\ny = Conv(b, w)\noutput y\n" },

    { "a factor and a summand for each channel", "FusedConv 1, total 1",
      "input x f32 2,24,5,3\ninit s f32 24,1,1\ninit o f32 1,24,1,1\na = Mul(s, x)\nb = Add(a, o)\ny = Relu(b)\noutput y\n" },
    { "of few channels, or of one pixel", "Mul 2, Add 2, total 4",
      "input x f32 2,3,5,3\ninit s f32 3,1,1\ninit o f32 1,3,1,1\na = Mul(s, x)\ny = Add(a, o)\n"
      "input v f32 2,24,1,1\ninit t f32 24,1,1\nb = Mul(v, t)\nz = Add(b, t)\noutput y\noutput z\n" },
    { "a factor that is read twice", "Mul 1, Add 1, total 3",
      "input x f32 2,24,5,3\ninit s f32 24,1,1\ninit o f32 1,24,1,1\na = Mul(s, x)\nb = Add(a, o)\ny = Neg(a)\n"
      "output y\noutput b\n" },

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

#include "pass_cases_products.h"

    { "relu", "FusedConv 1, total 1", CONV3 "y = Relu(c)\noutput y\n" },
    { "relu6", "FusedConv 1, total 1", CONV3 SCALAR("z", "0") SCALAR("s", "1") "y = Clip(c, z, s)\noutput y\n" },
    { "leaky", "FusedConv 1, total 1", CONV3 "y = LeakyRelu(c) alpha=0.1\noutput y\n" },
    { "elu", "FusedConv 1, total 1", CONV3 "y = Elu(c) alpha=0.5\noutput y\n" },
    { "activation of an output", "Conv 1, Relu 1", CONV3 "y = Relu(c)\noutput y\noutput c\n" },
    { "residual", "FusedConv 1, total 1", CONV3 "input r f32 1,6,8,8\ns = Sigmoid(c)\nm = Mul(c, s)\ny = Add(r, m)\noutput y\n" },
    { "residual before", "FusedConv 1, total 1", CONV3 "input r f32 1,6,8,8\na = Add(c, r)\ny = Relu(a)\noutput y\n" },
    { "residual that broadcasts", "Add 1", CONV3 "input r f32 1,6,1,1\ny = Add(r, c)\noutput y\n" },
    { "residual of two convolutions", "FusedConv 1, Conv 1, total 2",
      CONV3 "input z f32 1,4,8,8\ninit v f32 6,4,1,1\nd = Conv(z, v)\na = Add(c, d)\ny = Relu(a)\noutput y\n" },
    { "residual that comes late", "FusedConv 1, Exp 1, total 2",
      CONV3 "input r f32 1,6,8,8\nm = Tanh(c)\ne = Exp(r)\ny = Add(m, e)\noutput y\n" },
    { "a value added to itself", "Add 1, Conv 1", CONV3 "y = Add(c, c)\noutput y\n" },
    { "bottleneck", "FusedConv 3, Split 1, Concat 1, total 5",
      "input x f32 1,8,6,6\ninit w0 f32 8,8,1,1\nc0 = Conv(x, w0)\ns0 = Sigmoid(c0)\nm0 = Mul(c0, s0)\na, b = Split(m0) axis=1 num_outputs=2\n"
      "init w1 f32 4,4,3,3\nc1 = Conv(b, w1) pads=[1,1,1,1]\ns1 = Sigmoid(c1)\nm1 = Mul(c1, s1)\ninit w2 f32 4,4,3,3\nc2 = Conv(m1, w2) pads=[1,1,1,1]\n"
      "s2 = Sigmoid(c2)\nm2 = Mul(c2, s2)\nd = Add(b, m2)\ny = Concat(a, b, d) axis=1\noutput y\n" },

    { "quantised convolution", "QuantizeLinear 1, QConv 1, DequantizeLinear 1, total 3",
      BYTES "w = DequantizeLinear(wq, ws, wz) axis=0\nc = Conv(d, w) pads=[1,1,1,1]\n"
      "c1 = QuantizeLinear(c, cs, cz)\nc2 = DequantizeLinear(c1, cs, cz)\ns = Sigmoid(c2)\ns1 = QuantizeLinear(s, ss, z)\n"
      "s2 = DequantizeLinear(s1, ss, z)\nm = Mul(c2, s2)\nm1 = QuantizeLinear(m, cs, z)\ny = DequantizeLinear(m1, cs, z)\noutput y\n",
      1e-2 },
    { "quantised convolution with limits", "QConv 1, total 3",
      BYTES "w = DequantizeLinear(wq, ws, wz) axis=0\ninit bq i32 6 = 100,-50,7,900,-300,0\ninit bs f32 6 = 0.0002\nb = DequantizeLinear(bq, bs) axis=0\n"
      "c = Conv(d, w, b) strides=[2,2]\n" SCALAR("low", "0") SCALAR("high", "0.3") "r = Clip(c, low, high)\n"
      "c1 = QuantizeLinear(r, cs, cz)\ny = DequantizeLinear(c1, cs, cz)\noutput y\n", 1e-2 },
    { "quantised convolution with a bias between its sums", "QConv 0, Conv 1",
      "input x f32 1,4,6,6\ninit xs f32 - = 0.1\ninit xz u8 - = 117\ninit w i8 6,4,1,1 = 1\ninit ws f32 - = 1\n"
      "init b f32 6 = 0.04,-0.04,0.03,0.13,0.24,-0.07\ninit ys f32 - = 0.01\nq = QuantizeLinear(x, xs, xz)\n"
      "d = DequantizeLinear(q, xs, xz)\ne = DequantizeLinear(w, ws)\nc = Conv(d, e, b)\ny = QuantizeLinear(c, ys, xz)\noutput y\n", 1 },
    { "quantised convolution that gives floats", "QConvFloat 1, QuantizeLinear 1, total 2",
      BYTES "w = DequantizeLinear(wq, ws, wz) axis=0\ninit b f32 6\nc = Conv(d, w, b)\ns = Sigmoid(c)\ny = Mul(c, s)\noutput y\n", 1e-5 },
    { "quantised at run time", "DynamicQuantizeLinear 1, QConvFloat 1, total 2",
      "input x f32 1,4,8,8\ninit w u8 6,4,3,3\ninit wz u8 - = 120\ninit b f32 1,6,1,1\n" SCALAR("ws", "0.01")
      "q, xs, xz = DynamicQuantizeLinear(x)\nc = ConvInteger(q, w, xz, wz)\nk = Mul(xs, ws)\nf = Cast(c) to=f32\nm = Mul(f, k)\n"
      "a = Add(m, b)\ns = Sigmoid(a)\ny = Mul(a, s)\noutput y\n", 1e-5 },
    { "moves between quantisations", "Concat 1, Split 1, MaxPool 1, QLookup 2, QuantizeLinear 1, DequantizeLinear 1, total 7",
      BYTES "a, b = Split(d) axis=1 num_outputs=2\na1 = QuantizeLinear(a, xs, xz)\nb1 = QuantizeLinear(b, xs, xz)\n"
      "a2 = DequantizeLinear(a1, xs, xz)\nb2 = DequantizeLinear(b1, xs, xz)\np = MaxPool(b2) kernel_shape=[3,3] pads=[1,1,1,1]\n"
      "p1 = QuantizeLinear(p, xs, xz)\np2 = DequantizeLinear(p1, xs, xz)\nc = Concat(a2, p2) axis=1\nc1 = QuantizeLinear(c, cs, cz)\n"
      "y = DequantizeLinear(c1, cs, cz)\noutput y\n" },
    { "sum of bytes", "QLinearAdd 1, total 4",
      BYTES "input x2 f32 1,4,8,8\ne = QuantizeLinear(x2, cs, cz)\ne1 = DequantizeLinear(e, cs, cz)\na = Add(d, e1)\n"
      "a1 = QuantizeLinear(a, ss, xz)\ny = DequantizeLinear(a1, ss, xz)\noutput y\n", 1e-2 },
    { "QLinear operators", "QConv 1, QuantizeLinear 1, DequantizeLinear 1, total 3",
      BYTES "c = QLinearConv(q, xs, xz, wq, ws, wz, cs, cz)\ns = com.microsoft.QLinearSigmoid(c, cs, cz, ss, z)\n"
      "m = com.microsoft.QLinearMul(c, cs, cz, s, ss, z, cs, z)\ny = DequantizeLinear(m, cs, z)\noutput y\n" },
    { "bytes by way of an upsampling", "QConv 1, ConvInteger 1, QLookup 1, QuantizeLinear 2, DequantizeLinear 1, total 6",
      NECK "init up f32 4 = 1,1,2,3\ninput v f32 2,9,24,36\nb = QuantizeLinear(v, xs, xz)\n" NECK_CONV },
    { "bytes by way of an uneven upsampling", "QConv 1, Resize 1, Concat 1, QLookup 1, total 7",
      NECK "init up f32 4 = 1,1,2,1.5\ninput v f32 2,9,24,18\nb = QuantizeLinear(v, xs, xz)\n" NECK_CONV },
    { "few bytes by way of an upsampling", "QConv 1, Resize 1, Concat 1, total 5",
      "input x f32 1,24,8,8\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit wq i8 30,40,1,1\ninit wz i8 - = 0\n"
      "init up f32 4 = 1,1,2,2\ninput v f32 1,16,16,16\na = QuantizeLinear(x, xs, xz)\nb = QuantizeLinear(v, xs, xz)\n"
      "r = Resize(a, , up)\nc = Concat(r, b) axis=1\ny = QLinearConv(c, xs, xz, wq, xs, wz, xs, xz)\noutput y\n" },
    { "another scale twice", "QLookup 1, total 3",
      BYTES "q1 = QuantizeLinear(d, cs, cz)\nd1 = DequantizeLinear(q1, cs, cz)\nq2 = QuantizeLinear(d1, ss, z)\ny = DequantizeLinear(q2, ss, z)\noutput y\n" },

    { "siblings", "Conv 2, Split 1, Sigmoid 2, total 5",
      "input x f32 1,8,6,7\ninit wa f32 1,8,1,1\ninit wb f32 4,8,1,1\ninit wc f32 10,8,1,1\ninit bb f32 4\n"
      "init da f32 1,1,3,3\ninit db f32 4,1,3,3\ninit dc f32 10,1,3,3\ninit dbias f32 10\n"
      "a = Conv(x, wa)\nb = Conv(x, wb, bb)\nc = Conv(x, wc)\na2 = Conv(a, da) pads=[1,1,1,1]\na3 = Sigmoid(a2)\n"
      "b2 = Conv(b, db) pads=[1,1,1,1] group=4\nc2 = Conv(c, dc, dbias) pads=[1,1,1,1] group=10\nc3 = Sigmoid(c2)\n"
      "output a3\noutput b2\noutput c3\n" },
    { "siblings with one activation", "FusedConv 1, Split 1, total 2",
      "input x f32 2,8,6,7\ninit wa f32 3,8,3,3\ninit wb f32 5,8,3,3\na = Conv(x, wa) strides=[2,2]\nb = Conv(x, wb) strides=[2,2]\n"
      "ra = Relu(a)\nrb = Relu(b)\noutput ra\noutput rb\n" },
    { "siblings of whole blocks", "FusedConv 3, Split 1, Concat 1, total 5",
      "input x f32 1,32,64,65\ninit wa f32 32,32,1,1\ninit wb f32 16,32,1,1\ninit bb f32 16\ninit wc f32 16,32,3,3\n"
      "init wd f32 16,32,1,1\na0 = Conv(x, wa)\na = Relu(a0)\nb0 = Conv(x, wb, bb)\nb = Relu(b0)\n"
      "c0 = Conv(a, wc) pads=[1,1,1,1]\nc = Relu(c0)\nd = Concat(c, b) axis=1\ne0 = Conv(d, wd)\ne = Relu(e0)\noutput e\n" },
    { "siblings of whole blocks that stay apart", "Conv 10, Split 0",
      "input v f32 1,32,9,8\ninput x f32 1,32,64,65\ninput z f32 2,32,64,65\ninit wa f32 32,32,1,1\ninit wb f32 16,32,1,1\ninit wc f32 16,32,3,3\n"
      "init wd f32 16,16,3,3\na = Conv(x, wa)\nb = Conv(x, wb)\nc = Conv(a, wc) pads=[1,1,1,1]\nd = Concat(b, c) axis=1\n"
      "e = Conv(z, wb)\nf = Conv(z, wb)\ng = Conv(e, wd)\nh = Conv(f, wd)\ni = Conv(v, wa)\nj = Conv(v, wb)\n"
      "k = Conv(i, wc)\nl = Conv(j, wd)\noutput d\noutput g\noutput h\noutput k\noutput l\n" },
    { "pools of a pyramid", "MaxPool 3, total 5",
      "input x f32 2,3,11,6\na = Exp(x)\nb = MaxPool(a) kernel_shape=[3,5] pads=[1,2,1,2]\n"
      "c = MaxPool(a) kernel_shape=[7,5] pads=[3,2,3,2]\nd = MaxPool(a) kernel_shape=[9,9] pads=[4,4,4,4]\n"
      "e = Concat(a, b, c, d) axis=1\noutput e\n" },
    { "pools of a pyramid beside the same as a cascade", "MaxPool 3, Concat 1, total 4",
      "input x f32 2,3,11,6\na = MaxPool(x) kernel_shape=[3,5] pads=[1,2,1,2]\n"
      "b = MaxPool(x) kernel_shape=[7,5] pads=[3,2,3,2]\nc = MaxPool(x) kernel_shape=[9,9] pads=[4,4,4,4]\n"
      "d = MaxPool(a) kernel_shape=[5,1] pads=[2,0,2,0]\ne = MaxPool(d) kernel_shape=[3,5] pads=[1,2,1,2]\n"
      "y = Concat(a, b, c, d, e) axis=1\noutput y\n" },
    { "pools that have nothing in common", "MaxPool 7, total 7",
      "input x f32 1,3,11,12\na = MaxPool(x) kernel_shape=[3,3] pads=[1,1,1,1]\n"
      "b = MaxPool(x) kernel_shape=[7,7] pads=[3,3,3,3] strides=[2,2]\nc = MaxPool(x) kernel_shape=[1,9] pads=[0,4,0,4]\n"
      "d = MaxPool(x) kernel_shape=[4,4] pads=[2,2,1,1]\ne = MaxPool(x) kernel_shape=[3,5] pads=[2,2,0,2]\n"
      "f = MaxPool(x) kernel_shape=[3,3] pads=[2,2,2,2] dilations=[2,2]\ng = MaxPool(x) kernel_shape=[3,3] pads=[1,1,1,1]\n"
      "output a\noutput b\noutput c\noutput d\noutput e\noutput f\noutput g\n" },
    { "siblings that differ", "Conv 4, total 4",
      "input x f32 1,8,6,7\ninit wa f32 3,8,3,3\ninit wb f32 5,8,3,3\ninit wc f32 5,8,1,1\ninit wd f32 16,8,1,1\n"
      "a = Conv(x, wa) strides=[2,2]\nb = Conv(x, wb)\nc = Conv(x, wc)\nd = Conv(x, wd)\n"
      "output a\noutput b\noutput c\noutput d\n" },
    { "neck of YOLO", "Conv 1, FusedConv 1, Resize 1, Concat 0, total 3",
      "input a f32 2,40,5,7\ninput b f32 2,24,10,14\ninit w f32 32,64,1,1\ninit bias f32 32\ninit s f32 4 = 1,1,2,2\n"
      "u = Resize(a,,s) mode=\"nearest\" coordinate_transformation_mode=\"asymmetric\" nearest_mode=\"floor\"\n"
      "c = Concat(u, b) axis=1\nd = Conv(c, w, bias)\ns1 = Sigmoid(d)\ny = Mul(d, s1)\noutput y\n" },
    { "two convolutions of a neck, the second part", "Conv 2, FusedConv 2, Resize 2, Concat 1, total 7",
      "input a f32 1,40,9,8\ninput b f32 1,24,18,16\ninput e f32 1,8,18,16\ninit w f32 32,72,1,1\ninit v f32 48,72,1,1\n"
      "init into i64 4 = 1,40,18,16\nu = Resize(a,,,into)\nc = Concat(b, u, e) axis=-3\n"
      "d = Conv(c, w) auto_pad=\"SAME_UPPER\"\nf = HardSwish(d)\ng = Conv(c, v)\ny = Relu(g)\noutput f\noutput y\n" },
    { "neck that others read, too", "Conv 1, FusedConv 1, Resize 2, Concat 1",
      "input a f32 1,64,8,8\ninput b f32 1,24,24,16\ninit w f32 32,88,1,1\ninit s f32 4 = 1,1,3,2\n"
      "u = Resize(a,,s)\nc = Concat(u, b) axis=1\ny = Conv(c, w)\nz = Exp(c)\noutput y\noutput z\n" },
    { "pyramid", "Conv 2, FusedConv 1, Resize 2, Concat 1, Add 1",
      "input a f32 1,40,4,3\ninput b f32 1,150,8,6\ninput d f32 1,20,16,12\ninput e f32 1,40,4,3\ninit w f32 17,250,1,1\n"
      "init bias f32 17\ninit s f32 4 = 1,1,4,4\ninit into i64 2 = 16,12\n"
      "u = Resize(a,,s) mode=\"linear\"\nv = Resize(b,,,into) axes=[2,3] mode=\"linear\" coordinate_transformation_mode=\"align_corners\"\n"
      "t = Resize(e,,s) mode=\"linear\"\nc = Concat(u, v, d, t) axis=1\nf = Conv(c, w, bias)\ny = Relu(f)\noutput y\n" },
    { "upsampling alone", "FusedConv 1, Resize 1, total 2",
      "input a f32 1,40,8,9\ninit w f32 32,40,1,1\ninit bias f32 32\ninit into i64 3 = 40,16,18\n"
      "u = Resize(a,,,into) axes=[1,2,3]\nc = Conv(u, w, bias)\ny = LeakyRelu(c)\noutput y\n" },
    { "upsampling of all parts", "Conv 1, Resize 1, Concat 1, total 3",
      "input a f32 1,40,8,9\ninput b f32 1,8,8,9\ninit w f32 32,48,1,1\ninit bias f32 32\ninit s f32 4 = 1,1,2,2\n"
      "u = Resize(a,,s) mode=\"linear\"\nv = Resize(b,,s) mode=\"linear\"\nc = Concat(u, v) axis=1\ny = Conv(c, w, bias)\noutput y\n" },
    { "upsampling in one dimension", "FusedConv 1, Resize 1",
      "input a f32 1,64,100\ninit w f32 64,64,1\ninit s f32 3 = 1,1,2\nu = Resize(a,,s)\nc = Conv(u, w)\ny = Relu(c)\noutput y\n" },
    { "upsampling below two convolutions", "FusedConv 2, Resize 1, total 3",
      "input a f32 1,40,8,9\ninit w f32 32,40,1,1\ninit v f32 48,32,1,1\ninit s f32 4 = 1,1,2,2\nu = Resize(a,,s)\n"
      "c = Conv(u, w)\nd = Relu(c)\ne = Conv(d, v)\ny = Tanh(e)\noutput y\n" },
    { "an activation of what is blended", "FusedConv 1, Resize 1, total 2",
      "input a f32 1,40,8,9\ninit w f32 32,40,1,1\ninit s f32 4 = 1,1,2,2\nu = Resize(a,,s) mode=\"linear\"\nc = Conv(u, w)\n"
      "y = Relu(c)\noutput y\n" },
    { "neck with a sum", "Conv 1, FusedConv 1, Resize 1, Add 1, total 4",
      "input a f32 1,100,5,7\ninput b f32 1,24,10,14\ninput r f32 1,32,10,14\ninit w f32 32,124,1,1\ninit s f32 4 = 1,1,2,2\n"
      "u = Resize(a,,s)\nc = Concat(u, b) axis=1\nd = Conv(c, w)\nf = Add(d, r)\ny = Relu(f)\noutput y\n" },
    { "necks of other kinds", "FusedConv 3, Conv 2, Resize 3, total 9",
      "input a f32 1,40,8,9\ninput b f32 1,24,16,18\ninit w f32 32,64,1,1\ninit v f32 32,64,3,3\ninit g f32 32,32,1,1\n"
      "init s f32 4 = 1,1,2,2\ninit r f32 32,40,1,1\ninit p f32 32,40,1,1\ninit half f32 4 = 1,1,0.5,0.5\n"
      "u = Resize(a,,s)\nc = Concat(u, b) axis=1\nd = Conv(c, v) pads=[1,1,1,1]\ne = Relu(d)\n"       /* wide */
      "f = Conv(c, g) group=2\nh = Relu(f)\n"                                                           /* grouped */
      "i = Conv(c, w)\nj = Relu(i)\nk = Add(j, h)\n"                     /* something added behind the activation */
      "l = Resize(a,,half)\nm = Conv(l, r)\n"                                                          /* smaller */
      "n = Resize(a,,s) mode=\"cubic\"\no = Conv(n, p)\noutput e\noutput k\noutput m\noutput o\n" },
    { "neck that is too small", "Concat 1",
      "input a f32 1,16,4,4\ninput b f32 1,16,8,8\ninit w f32 8,32,1,1\ninit s f32 4 = 1,1,2,2\n"
      "u = Resize(a,,s)\nc = Concat(u, b) axis=1\ny = Conv(c, w)\noutput y\n" },
    { "neck with few channels behind", "Concat 1",
      "input a f32 1,8,32,32\ninput b f32 1,8,64,64\ninit w f32 64,16,1,1\ninit s f32 4 = 1,1,2,2\n"
      "u = Resize(a,,s)\nc = Concat(u, b) axis=1\ny = Conv(c, w)\noutput y\n" },
    { "norm alone", "Mul 1, Add 1, Relu 1, total 3",
      "input x f32 1,4,5,5\ninit s f32 4\ninit b f32 4\ninit m f32 4\ninit v f32 4 = 1\n"
      "r = Relu(x)\ny = BatchNormalization(r, s, b, m, v)\noutput y\n" },
    { "patches of a transformer", "FusedMatMul 1, Transpose 1, Reshape 3, Conv 0, total 5",
      "input x f32 2,3,16,24\ninit w f32 100,3,8,8\ninit b f32 100\ninit s i64 3 = 2,100,-1\nc = Conv(x, w, b) strides=[8,8]\n"
      "r = Reshape(c, s)\ny = Transpose(r) perm=[0,2,1]\noutput y\n" },
    { "patches that overlap", "Conv 1, FusedMatMul 0",
      "input x f32 1,3,20,20\ninit w f32 100,3,8,8\nc = Conv(x, w) strides=[4,4]\ny = Transpose(c) perm=[0,2,3,1]\noutput y\n" },
    { "patches that leave a rest", "Conv 1, FusedMatMul 0",
      "input x f32 1,3,20,16\ninit w f32 100,3,8,8\nc = Conv(x, w) strides=[8,8]\ny = Transpose(c) perm=[0,2,3,1]\noutput y\n" },
    { "patches to few channels", "Conv 1, FusedMatMul 0",
      "input x f32 1,3,16,16\ninit w f32 10,3,4,4\nc = Conv(x, w) strides=[4,4]\ny = Transpose(c) perm=[0,2,3,1]\noutput y\n" },
    { "rows of one head", "Transpose 1, Reshape 1, Relu 1, total 3",
      "input x f32 2,5,3,4\ninit f i64 3 = 0,0,-1\nr = Relu(x)\na = Reshape(r, f)\ny = Transpose(a) perm=[0,2,1]\noutput y\n" },
    { "rows of two heads", "Transpose 2, Reshape 2, Concat 1, Relu 2, total 7",
      "input x f32 2,5,3,4\ninput x2 f32 2,5,2,2\ninit f i64 3 = 0,0,-1\nr = Relu(x)\ns = Relu(x2)\na = Reshape(r, f)\nb = Reshape(s, f)\n"
      "c = Concat(a, b) axis=-1\ny = Transpose(c) perm=[0,2,1]\noutput y\n" },
    { "product of bytes, quantised at run time", "DynamicQuantizeLinear 1, QMatMulFloat 1, total 2",
      "input x f32 3,5,40\ninit w i8 40,9\ninit wz i8 - = 3\ninit ws f32 - = 0.02\ninit b f32 9\n"
      "q, s, z = DynamicQuantizeLinear(x)\np = MatMulInteger(q, w, z, wz)\nc = Cast(p) to=f32\nf = Mul(s, ws)\nm = Mul(c, f)\n"
      "y = Add(m, b)\noutput y\n" },
    { "product of bytes by columns, in rows of another shape", "DynamicQuantizeLinear 2, QMatMulFloat 2, total 4",
      "input x f32 2,3,40\ninit w u8 40,9\ninit wz u8 9 = 120,121,130,0,255,128,1,7,90\n"
      "init ws f32 9 = 0.02,0.01,0.03,0.005,0.002,0.01,0.02,0.001,0.01\ninit b f32 9\ninit v i8 9,40\n"
      "init flat i64 2 = 6,40\ninit back i64 3 = 2,3,-1\ninit flat2 i64 2 = -1,9\ninit c f32 40\n" SCALAR("vs", "0.02")
      "r = Reshape(x, flat)\nq, s, z = DynamicQuantizeLinear(r)\np = MatMulInteger(q, w, z, wz)\nf = Cast(p) to=f32\n"
      "k = Mul(ws, s)\nm = Mul(k, f)\na = Add(b, m)\nd = Reshape(a, back)\ne = Relu(d)\n"
      "t = Reshape(e, flat2)\ng, gs, gz = DynamicQuantizeLinear(t)\nh = MatMulInteger(g, v, gz)\n"
      "i = Cast(h) to=f32\nj = Mul(gs, vs)\nl = Mul(i, j)\nn = Add(l, c)\no = Reshape(n, back)\ny = Add(x, o)\noutput y\n",
      1e-5 },
    { "product of bytes that nobody scales", "QMatMulFloat 1, QuantizeLinear 1, total 2",
      "input x f32 5,11\ninit w i8 11,7\ninit s f32 - = 0.05\ninit z i8 - = -7\nq = QuantizeLinear(x, s, z)\n"
      "p = MatMulInteger(q, w, z)\ny = Cast(p) to=f32\noutput y\n" },
    { "product of two matrices quantised at run time", "DynamicQuantizeLinear 2, MatMulInteger 0, MatMul 1",
      "input x f32 3,5,40\ninput v f32 3,40,6\nq, s, z = DynamicQuantizeLinear(x)\nr, t, u = DynamicQuantizeLinear(v)\n"
      "p = MatMulInteger(q, r, z, u)\nc = Cast(p) to=f32\ny = Neg(c)\noutput y\n", 1e-5 },
    { "products between quantisations", "QuantizeLinear 1, QMatMul 2, DequantizeLinear 1, MatMul 0, Gemm 0, total 4",
      "input x f32 6,20\ninit xs f32 - = 0.02\ninit xz u8 - = 117\ninit w i8 20,9\n"
      "init ws f32 9 = 0.02,0.01,0.03,0.005,0.002,0.01,0.02,0.001,0.01\ninit wz i8 9 = 0\ninit b f32 9\n"
      "init v u8 5,9\ninit vs f32 - = 0.01\ninit vz u8 - = 140\ninit c i32 5 = 100,-400,3000,7,-9000\n"
      "init cs f32 - = 0.0002\ninit ys f32 - = 0.04\ninit yz u8 - = 90\nq = QuantizeLinear(x, xs, xz)\n"
      "d = DequantizeLinear(q, xs, xz)\ne = DequantizeLinear(w, ws, wz) axis=1\nf = MatMul(d, e)\ng = Add(f, b)\n"
      "h = QuantizeLinear(g, ys, yz)\ni = DequantizeLinear(h, ys, yz)\nj = Sigmoid(i)\nk = Mul(i, j)\n"
      "l = QuantizeLinear(k, xs, xz)\nm = DequantizeLinear(l, xs, xz)\nn = DequantizeLinear(v, vs, vz)\n"
      "o = DequantizeLinear(c, cs)\np = Gemm(m, n, o) transB=1\nr = Relu(p)\ninit rs f32 - = 0.005\n"
      "t = QuantizeLinear(r, rs, yz)\ny = DequantizeLinear(t, rs, yz)\noutput y\n", 0.02 },
    { "product of dequantised matrices beside a sum", "QuantizeLinear 1, QMatMulFloat 1, total 2",
      "input x f32 2,6,20\ninput v f32 2,6,9\ninit s f32 - = 0.02\ninit z u8 - = 117\ninit w i8 20,9\ninit b f32 9\n"
      "q = QuantizeLinear(x, s, z)\nd = DequantizeLinear(q, s, z)\ne = DequantizeLinear(w, s)\nf = MatMul(d, e)\n"
      "g = Add(f, b)\nh = Add(v, g)\ny = Tanh(h)\noutput y\n", 1e-5 },
    { "product of bytes with a bias between its sums", "QMatMul 0, QMatMulFloat 1",
      "input x f32 4,2\ninit s f32 - = 0.1\ninit z u8 - = 117\ninit w i8 2,6 = 1\ninit ws f32 - = 1\n"
      "init b f32 6 = 0.04,-0.04,0.03,0.13,0.24,-0.07\ninit ys f32 - = 0.01\nq = QuantizeLinear(x, s, z)\n"
      "d = DequantizeLinear(q, s, z)\ne = DequantizeLinear(w, ws)\nf = MatMul(d, e)\ng = Add(f, b)\n"
      "y = QuantizeLinear(g, ys, z)\noutput y\n", 1 },
    { "products of bytes that stay products of floats", "QMatMul 0, QMatMulFloat 0, MatMul 2",
      "input x f32 4,9,9\ninit s f32 - = 0.02\ninit z u8 - = 117\ninit w i8 9,9\ninit v i8 4,9,9\n"
      "init ws f32 9 = 0.02,0.01,0.03,0.005,0.002,0.01,0.02,0.001,0.01\ninit wz i8 9 = 0\nq = QuantizeLinear(x, s, z)\n"
      "d = DequantizeLinear(q, s, z)\ne = DequantizeLinear(w, ws, wz) axis=0\nf = MatMul(d, e)\n"
      "g = DequantizeLinear(v, s)\nh = MatMul(d, g)\noutput f\noutput h\n", 1e-5 },
    { "QLinear products", "QMatMul 2, QLinearMatMul 0, QGemm 0",
      "input x f32 3,5,40\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit w u8 40,9\ninit ws f32 1 = 0.01\n"
      "init wz u8 1 = 130\ninit ys f32 - = 0.04\ninit g i8 7,9\ninit gs f32 7 = 0.02,0.01,0.03,0.005,0.002,0.01,0.02\n"
      "init gz i8 7 = -4\ninit c i32 7\ninit f i64 2 = 15,9\na = QuantizeLinear(x, s, z)\n"
      "b = QLinearMatMul(a, s, z, w, ws, wz, ys, z)\nd = Reshape(b, f)\n"
      "e = com.microsoft.QGemm(d, ys, z, g, gs, gz, c, s, z) transB=1\nh = DequantizeLinear(e, s, z)\noutput h\n", 0.02 },
    { "products of bytes", "QLinearMatMul 0, com.microsoft.QGemm 0, QGemm 0, QLinearSoftmax 0, Softmax 1",
      "input x f32 5,40\ninput v f32 40,5\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit w u8 40,9\ninit ws f32 1 = 0.01\n"
      "init wz u8 1 = 130\ninit ys f32 - = 0.04\ninit g i8 7,9\ninit gz i8 - = -4\ninit c i32 7\ninit ps f32 - = 0.004\n"
      "init pz u8 - = 0\na = QuantizeLinear(x, s, z)\nb = QuantizeLinear(v, s, z)\n"
      "d = QLinearMatMul(a, s, z, w, ws, wz, ys, z)\ne = com.microsoft.QLinearSoftmax(d, ys, z, ps, pz) axis=-1 opset=13\n"
      "f = com.microsoft.QGemm(d, ys, z, g, ws, gz, c) transB=1 alpha=0.5\nh = QLinearMatMul(b, s, z, a, s, z, ys, z)\n"
      "i = DequantizeLinear(h, ys, z)\nj = DequantizeLinear(e, ps, pz)\noutput f\noutput i\noutput j\n", 0.02 },
    { "bytes that are averaged", "QLinearAveragePool 0, AveragePool 1, QuantizeLinear 2, DequantizeLinear 2, total 5",
      "input x f32 2,5,7,9\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit t f32 - = 0.04\nq = QuantizeLinear(x, s, z)\n"
      "p = com.microsoft.QLinearAveragePool(q, s, z, t, z) kernel_shape=[3,2] strides=[2,1] pads=[1,0,1,0] "
      "count_include_pad=1\ny = DequantizeLinear(p, t, z)\noutput y\n", 0.02 },
    { "a table between a transpose and a product", "QLookup 1, Transpose 0, FusedMatMul 1, QuantizeLinear 2, DequantizeLinear 2, total 6",
      "input x f32 3,5,8\ninput v f32 3,7,8\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit t f32 - = 0.04\n"
      "a = QuantizeLinear(x, s, z)\nb = DequantizeLinear(a, s, z)\nc = QuantizeLinear(v, s, z)\nd = Transpose(c) perm=[0,2,1]\n"
      "e = DequantizeLinear(d, s, z)\nf = Tanh(e)\ng = QuantizeLinear(f, t, z)\nh = DequantizeLinear(g, t, z)\n"
      "y = MatMul(b, h)\noutput y\n", 1e-5 },
    { "a row of bytes beside a matrix", "QLinearMul 1, QLinearAdd 1, Mul 0, Add 0",
      "input x f32 4,9\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit r u8 9\na = QuantizeLinear(x, s, z)\n"
      "b = DequantizeLinear(a, s, z)\nc = DequantizeLinear(r, s, z)\nd = Mul(b, c)\ne = QuantizeLinear(d, s, z)\n"
      "f = DequantizeLinear(e, s, z)\ng = Add(c, f)\nh = QuantizeLinear(g, s, z)\ny = DequantizeLinear(h, s, z)\noutput y\n", 0.02 },
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
    { "branches of a block", "FusedConv 1, total 1",
      "input x f32 2,16,7,9\ninit w f32 16,16,3,3\ninit v f32 16,16,1,1\ninit b f32 16\ninit s f32 16\ninit m f32 16\n"
      "init va f32 16 = 0.5\na = Conv(x, w, b) pads=[1,1,1,1]\nc = Conv(x, v)\nd = BatchNormalization(x, s, b, m, va)\n"
      "e = Add(d, c)\nf = Add(e, a)\ny = Relu(f)\noutput y\n" },
    { "branches of a depthwise block", "Conv 1, total 1",
      "input x f32 1,16,8,8\ninit w f32 16,1,3,3\ninit v f32 16,1,7,7\ninit s f32 16,1,1\ninit u f32 1,16,1,1\n"
      "a = Conv(x, w) group=16 pads=[1,1,1,1]\nc = Conv(x, v) group=16 pads=[3,3,3,3]\nd = Add(a, c)\n"
      "e = Mul(x, s)\nf = Sub(d, e)\ng = Mul(f, u)\ny = Add(x, g)\noutput y\n" },
    { "branches with strides and dilations", "Conv 1, total 1",
      "input x f32 1,16,9,11\ninit w f32 8,16,3,2\ninit v f32 8,4,1,2\ninit b f32 8\n"
      "a = Conv(x, w) pads=[2,2,0,0] strides=[2,2] dilations=[1,2]\nc = Conv(x, v, b) group=4 pads=[0,2,0,0] strides=[2,2] dilations=[3,2]\n"
      "y = Sub(c, a)\noutput y\n" },
    { "branches that are more work as one", "Conv 2, FusedConv 2, total 4",
      "input x f32 1,16,8,8\ninit w f32 16,1,3,3\ninit v f32 16,16,1,1\ninit r f32 16,16,1,5\ninit q f32 16,16,5,1\n"
      "a = Conv(x, w) group=16 pads=[1,1,1,1]\nc = Conv(x, v)\nd = Add(a, c)\n"
      "e = Conv(x, r) pads=[0,2,0,2]\nf = Conv(x, q) pads=[2,0,2,0]\ng = Add(e, f)\noutput d\noutput g\n" },
    { "branches that others read", "Conv 2, Add 1, total 3",
      "input x f32 1,16,8,8\ninit w f32 16,16,3,3\ninit v f32 16,16,1,1\n"
      "a = Conv(x, w) pads=[1,1,1,1]\nc = Conv(x, v)\ny = Add(a, c)\noutput y\noutput a\noutput c\n" },
    { "attention by heads", "Attention 1, total 1",
      "input q f32 2,3,9,16\ninput k f32 2,3,11,16\ninput v f32 2,3,11,8\ny = Attention(q, k, v)\noutput y\n" },
    { "attention of flat operands, causal", "Attention 1, Reshape 4, total 5",
      "input q f32 2,9,48\ninput k f32 2,9,48\ninput v f32 2,9,24\n"
      "y = Attention(q, k, v) q_num_heads=3 kv_num_heads=3 is_causal=1 scale=0.3\noutput y\n" },
    { "attention with a mask", "Softmax 1",
      "input q f32 2,9,48\ninput k f32 2,10,48\ninput v f32 2,10,24\ninput m f32 9,10\n"
      "y = Attention(q, k, v, m) q_num_heads=3 kv_num_heads=3\noutput y\n" },
    { "attention that stays", "Attention 2, total 2",
      "input q f32 2,4,9,16\ninput k f32 2,2,11,16\ninput v f32 2,2,11,8\ny = Attention(q, k, v)\n"
      "z = Attention(q, q, q) softcap=2.0\noutput y\noutput z\n" },
    { "einsum, stacks of matrices", "FusedMatMul 1, Transpose 2, total 3",
      "input a f32 2,5,3,4\ninput b f32 2,6,3,4\ny = Einsum(a, b) equation=\"bqhc,bkhc->bhqk\"\noutput y\n" },
    { "einsum, dense layers", "MatMul 1, FusedMatMul 1, total 2",
      "input a f32 1,5,4\ninit w f32 4,3\ninit v f32 6,3\ninit b f32 6\nc = Einsum(a, w) equation=\"...i,ij->...j\"\n"
      "d = Einsum(c, v) equation=\"bnk,jk->bnj\"\ny = Add(d, b)\noutput y\n" },
    { "einsum, positions by row", "Reshape 2, FusedMatMul 1, total 3",
      "input a f32 1,5,6,4\ninput b f32 5,6,4\ny = Einsum(a, b) equation=\"bhwc,hkc->bhwk\"\noutput y\n" },
    { "einsum, the right one first", "FusedMatMul 1, total 1",
      "input a f32 7,4\ninput b f32 5,4\ny = Einsum(a, b) equation=\"ij,kj->ki\"\noutput y\n" },
    { "einsum, sums and products", "Einsum 0",
      "input a f32 2,3\ninput b f32 3,4\ninput c f32 4,5\ninput d f32 5\ny = Einsum(a, b, c) equation=\"ij,jk,kl->il\"\n"
      "z = Einsum(a, b) equation=\"ij,kl->lik\"\nu = Einsum(a, d) equation=\"ij,k->i\"\nv = Einsum(d, d) equation=\"i,i\"\n"
      "w = Einsum(b) equation=\"ij->ji\"\ns = Einsum(b) equation=\"ij->\"\n"
      "output y\noutput z\noutput u\noutput v\noutput w\noutput s\n" },
    { "einsum, ones that broadcast", "Einsum 0",
      "input a f32 2,1,4\ninput b f32 3,4\ny = Einsum(a, b) equation=\"...i,...i->...\"\nz = Einsum(a, b) equation=\"bij,ij->bj\"\n"
      "output y\noutput z\n" },
    { "einsum of a diagonal", "Einsum 1", "input a f32 3,3\ny = Einsum(a) equation=\"ii->i\"\noutput y\n" },
    { "factors and residuals behind a transposed product", "FusedMatMul 2, Transpose 3, Conv 1, Relu 1, total 7",
      "input x f32 1,6,4,3\ninit w f32 3,9\ninit v f32 9,9\ninit s f32 9,1,1\ninit b f32 1,9,1,1\ninit d f32 9,1,3,3\n"
      "a = MatMul(x, w)\nc = Transpose(a) perm=[0,3,1,2]\ne = Mul(s, c)\nf = Sub(e, b)\n"
      "h = Conv(f, d) group=9 pads=[1,1,1,1]\ni = Transpose(h) perm=[0,2,3,1]\nj = MatMul(i, v)\n"
      "k = Transpose(j) perm=[0,3,1,2]\ny = Add(f, k)\nz = Relu(h)\noutput y\noutput z\n" },
    { "what stays behind a transposed product", "MatMul 2, Transpose 2, Add 2, total 6",
      "input x f32 1,6,4,3\ninput r f32 1,8,6,4\ninit w f32 3,8\ninit v f32 3,8\ninit b f32 1,8,6,4\n"
      "a = MatMul(x, w)\nc = Transpose(a) perm=[0,3,1,2]\ny = Add(c, r)\n"
      "d = MatMul(x, v)\ne = Transpose(d) perm=[0,3,1,2]\nz = Add(e, b)\noutput y\noutput z\n" },
    { "kernels over padding", "Conv 4, Relu 1, total 5",
      "input x f32 2,6,1,11\ninit w f32 8,6,3,3\ninit b f32 8\ninit d f32 8,1,5,5\ninit v f32 4,8,2,2\ninit u f32 4,6,3,4\n"
      "r = Relu(x)\na = Conv(r, w, b) pads=[1,1,1,1]\nc = Conv(a, d) group=8 pads=[2,2,2,2]\n"
      "y = Conv(c, v) pads=[1,0,1,1] strides=[2,1]\nz = Conv(r, u) pads=[0,3,2,14] strides=[1,2]\noutput y\noutput z\n" },
};

#endif
