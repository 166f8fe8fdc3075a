/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Graphs, and the kernels that their programs are to have: what plans.c runs. */
#ifndef ONYX_TESTS_GRAPH_PLAN_CASES_H
#define ONYX_TESTS_GRAPH_PLAN_CASES_H

#include <stdbool.h>

typedef struct plan_case {
    const char *name;
    const char *kernels; /* comma-separated; each is the kernel of some step. "gemm_": any that begins so */
    const char *without; /* kernels that no step has; NULL: "reference" */
    const char *text;
    int bytes; /* only where some kernel multiplies so many bytes at a time */
} plan_case;

#define HALVES                                                                                                        \
    "input x f32 2,3,6,5\ninit w f32 26,3,3,3\ninit d f32 26,1,3,3\ninit p f32 26,26,1,1\ninit s i64 2 = 26,26\n"     \
    "init q f32 52,26,1,1\na0 = Conv(x, w) pads=[1,1,1,1]\na = Relu(a0)\nb = Conv(a, d) pads=[1,1,1,1] group=26\n"
#define SHUFFLE(from, to)                                                                                             \
    to "1 = Reshape(" from ", into)\n" to "2 = Transpose(" to "1) perm=[0,2,1,3,4]\n" to " = Reshape(" to "2, back)\n"

static const plan_case cases[] = {
    { "channels of ShuffleNet", "layout_gather", "reference,layout_block,copy_rows",
      HALVES "init into i64 5 = 2,2,26,6,5\ninit back i64 4 = 2,52,6,5\nc = Concat(a, b) axis=1\n" SHUFFLE("c", "e")
      "f, g = Split(e, s) axis=1\nh = Conv(g, p)\ni = Concat(f, h) axis=1\n" SHUFFLE("i", "j")
      "k, l = Split(j, s) axis=1\nm = Conv(k, p)\nn = Conv(l, p)\noutput m\noutput n\n" },
    { "shuffle of three groups, an output too", "layout_gather", NULL,
      "input x f32 1,3,4,4\ninit w f32 27,3,1,1\ninit into i64 5 = 1,3,9,4,4\ninit back i64 4 = 1,27,4,4\n"
      "a = Conv(x, w)\n"
      SHUFFLE("a", "y") "output y\n" },
    { "slices of channels", "layout_gather", NULL,
      "input x f32 1,3,4,4\ninit w f32 27,3,1,1\ninit v f32 9,11,1,1\ninit b i64 1 = 5\ninit e i64 1 = 16\n"
      "init one i64 1 = 1\n"
      "a = Conv(x, w)\nc = Slice(a, b, e, one)\ny = Conv(c, v)\noutput y\n" },
    { "1x1 and depthwise", "conv_chain", NULL,
      "input x0 f32 2,3,100,90\ninit u f32 20,3,1,1\nx = Conv(x0, u)\ninit w f32 32,20,1,1\ninit b f32 32\n"
      "init d f32 32,1,3,3\ninit f f32 32\nc = Conv(x, w, b)\nr = Relu(c)\n"
      "e = Conv(r, d, f) pads=[1,1,1,1] group=32\ny = Relu(e)\noutput y\n" },
    { "1x1 and depthwise, wide, two", "conv_chain", NULL,
      "input x0 f32 1,3,93,101\ninit u f32 16,3,1,1\nx = Conv(x0, u)\ninit w f32 40,16,1,1\ninit d f32 40,1,5,5\n"
      "c = Conv(x, w)\nr = HardSwish(c)\n"
      "e = Conv(r, d) pads=[2,2,2,2] strides=[2,2] group=40\ny = HardSwish(e)\noutput y\n" },
    { "1x1 and depthwise, padded on one side", "conv_chain", NULL,
      "input x0 f32 1,3,93,101\ninit u f32 16,3,1,1\nx = Conv(x0, u)\ninit w f32 40,16,1,1\ninit d f32 40,1,3,3\n"
      "c = Conv(x, w)\n"
      "y = Conv(c, d) pads=[0,0,3,2] strides=[2,2] group=40\noutput y\n" },
    { "1x1 whose weights leave no room for rows", "", "reference,conv_chain",
      "input x0 f32 1,3,20,20\ninit u f32 800,3,1,1\nx = Conv(x0, u)\ninit w f32 800,800,1,1\ninit d f32 800,1,3,3\n"
      "c = Conv(x, w)\ny = Conv(c, d) pads=[1,1,1,1] group=800\noutput y\n" },
    { "a chain from the first layer to a pool", "conv_chain", "reference,pool_max,layout_block",
      "input x f32 2,3,1201,43\ninit u f32 24,3,3,3\ninit v f32 24\ninit w f32 30,24,1,1\ninit d f32 30,1,3,3\n"
      "init f f32 30\ninit p f32 20,30,1,1\na = Conv(x, u, v) pads=[1,1,1,1] strides=[2,2]\nr = Relu(a)\nb = Conv(r, w)\n"
      "c = HardSwish(b)\ne = Conv(c, d, f) pads=[1,1,1,1] group=30\ng = Relu(e)\nh = Conv(g, p)\n"
      "y = MaxPool(h) kernel_shape=[3,3] strides=[2,2] pads=[1,1,1,1]\noutput y\n" },
    { "a first layer and a pool", "conv_chain", "reference,pool_max,layout_block",
      "input x f32 1,3,1181,43\ninit u f32 24,3,3,3\ninit v f32 24\na = Conv(x, u, v) pads=[1,1,1,1] strides=[2,2]\n"
      "r = Relu(a)\ny = MaxPool(r) kernel_shape=[3,3] strides=[2,2] pads=[0,1,1,0] ceil_mode=1\noutput y\n" },
    { "chains end where somebody else reads", "conv_chain,pool_max", NULL,
      "input x0 f32 1,3,120,100\ninit u f32 20,3,1,1\nx = Conv(x0, u)\ninit w f32 32,20,1,1\ninit d f32 32,1,3,3\n"
      "c = Conv(x, w)\ne = Conv(c, d) pads=[1,1,1,1] group=32\nz = Relu(e)\n"
      "y = MaxPool(z) kernel_shape=[2,2] strides=[2,2]\noutput y\noutput z\n" },
    { "a sum in front of 1x1 and depthwise", "conv_chain", "reference,eltwise_binary,resize_nearest",
      "input x f32 2,3,104,90\ninput z f32 2,3,26,45\ninit u f32 40,3,1,1\ninit v f32 40,3,3,3\ninit w f32 32,40,1,1\n"
      "init b f32 32\ninit d f32 32,1,3,3\ninit e f32 24,32,1,1\ninit s f32 4 = 1,1,4,2\n"
      "a0 = Conv(x, u)\na = Relu(a0)\nc0 = Conv(z, v) pads=[1,1,1,1]\nc = Relu(c0)\nup = Resize(c,,s)\nf = Add(up, a)\n"
      "g = Conv(f, w, b)\nh = Conv(g, d) pads=[1,1,1,1] group=32\ni = Relu(h)\ny = Conv(i, e)\noutput y\noutput a\n" },
    { "a sum of two in front of a pool", "conv_chain", "reference,eltwise_binary,pool_max",
      "input x f32 1,3,120,101\ninit u f32 40,3,1,1\ninit v f32 40,3,1,1\na0 = Conv(x, u)\na = Relu(a0)\nc0 = Conv(x, v)\n"
      "c = Tanh(c0)\nf = Add(a, c)\ny = MaxPool(f) kernel_shape=[3,3] strides=[2,2]\noutput y\noutput a\noutput c\n" },
    { "halves of a stage, one at the end of a Concat", "", "reference,copy_rows",
      "input x f32 1,3,83,81\ninit u f32 20,3,1,1\ninit wa f32 32,20,1,1\ninit wb f32 16,20,1,1\ninit bb f32 16\n"
      "init wc f32 48,32,3,3\ninit wd f32 16,64,1,1\nz = Conv(x, u)\na0 = Conv(z, wa)\na = Relu(a0)\nb0 = Conv(z, wb, bb)\n"
      "b = Relu(b0)\nc = Conv(a, wc) pads=[1,1,1,1]\nd = Concat(c, b) axis=1\ny = Conv(d, wd)\noutput y\n" },
    { "halves of a stage within another Concat", "", "reference",
      "input x f32 1,3,83,81\ninit u f32 20,3,1,1\ninit wa f32 32,20,1,1\ninit wb f32 16,20,1,1\n"
      "init wc f32 48,32,3,3\ninit wd f32 16,128,1,1\nz = Conv(x, u)\na = Conv(z, wa)\nb = Conv(z, wb)\n"
      "c = Conv(a, wc) pads=[1,1,1,1]\nd = Concat(c, b) axis=1\ne = Relu(d)\nf = Concat(e, d) axis=1\n"
      "y = Conv(f, wd)\nw0 = Neg(d)\noutput y\noutput w0\n" },
    { "parts of a layer, in blocks and as planes", "softmax_rows", "reference",
      "input x f32 2,3,5,3\ninit u f32 48,3,1,1\ninit w f32 16,24,1,1\ninit n i64 2 = 24,24\na = Conv(x, u)\n"
      "b, c = Split(a, n) axis=1\nd = Softmax(b)\ne = Conv(c, w)\ninput z f32 1,3,5,3\ninit m i64 3 = 16,8,24\n"
      "f = Conv(z, u)\ninit v f32 16,16,1,1\ng, h, i = Split(f, m) axis=1\nj = Conv(g, v)\nk = Softmax(i)\n"
      "init t f32 48,3,1,1\nl = Conv(x, t)\no, q = Split(l, n) axis=1\nr = Conv(o, w)\ns = Softmax(q)\n"
      "output d\noutput e\noutput j\noutput k\noutput r\noutput s\n" },
    { "small groups", "", "reference",
      "input x f32 2,3,9,8\ninit u f32 32,3,1,1\ninit w f32 32,4,3,3\ninit m f32 64,1,3,3\na = Conv(x, u)\n"
      "b = Conv(a, w) group=8 pads=[1,1,1,1]\n"
      "c = Relu(b)\ny = Conv(c, m) group=32\noutput y\n" },
    { "small groups, the last block not whole", "", "reference",
      "input x f32 2,3,19,18\ninit u f32 40,3,1,1\ninit w f32 40,8,3,3\ninit v f32 24,40,1,1\na = Conv(x, u)\n"
      "b = Conv(a, w) group=5 pads=[1,1,1,1]\nc = Relu(b)\ny = Conv(c, v)\noutput y\n" },
    { "rows of a head", "layout_rows,layout_gather", "reference,transpose,layout_unblock,copy_rows",
      "input x f32 1,3,9,7\ninit w f32 20,3,1,1\ninit v f32 20,3,2,2\ninit u f32 21,20,1,1\ninit s i64 2 = 3,18\n"
      "init f i64 3 = 0,0,-1\n"
      "a = Conv(x, w)\nb = Conv(x, v)\nc = Conv(a, u)\nd = Conv(b, u)\ne, e2 = Split(c, s) axis=1\ne3 = Sigmoid(e2)\n"
      "h = Concat(e3, e) axis=1\ni = Reshape(h, f)\nj = Reshape(d, f)\nk = Concat(i, j) axis=2\n"
      "y = Transpose(k) perm=[0,2,1]\noutput y\n" },
    { "rows of pieces of others", "layout_rows", "reference,layout_gather,transpose,layout_unblock,copy_rows",
      "input x f32 2,3,9,7\ninit w f32 21,3,1,1\ninit v f32 37,3,3,3\ninit s i64 2 = 17,4\n"
      "a = Conv(x, w)\nb0 = Conv(x, v) pads=[1,1,1,1]\nb = Relu(b0)\ne, f = Split(a, s) axis=1\n"
      "c = Concat(f, b, e) axis=1\ny = Transpose(c) perm=[0,2,3,1]\noutput y\n" },
    { "rows to blocks", "layout_block_rows", "reference,transpose,layout_block",
      "input x f32 2,9,7,21\ninit w f32 21,37\ninit d f32 37,1,3,3\ninit e f32 5,37,1,1\na = MatMul(x, w)\n"
      "b = Transpose(a) perm=[0,3,1,2]\nc = Conv(b, d) pads=[1,1,1,1] group=37\ny = Conv(b, e)\noutput y\noutput c\n" },
    { "pictures of bytes with channels last", "transpose_split3,eltwise_cast", "reference,transpose",
      "input x u8 2,31,33,3\ninit w f32 8,3,3,3\na = Cast(x) to=f32\nt = Transpose(a) perm=[0,3,1,2]\n"
      "y = Conv(t, w) pads=[1,1,1,1]\noutput y\n" },
    { "signed bytes with channels last", "transpose_split3,eltwise_cast", "reference,transpose",
      "input x i8 1,300,301,3\nt = Transpose(x) perm=[0,3,1,2]\ny = Cast(t) to=f32\noutput y\n" },
    { "pixels of three channels", "transpose_split3", "reference,transpose",
      "input x f32 3,37,41,3\ny = Transpose(x) perm=[0,3,1,2]\noutput y\n" },
    { "rows of too many pieces", "layout_rows,layout_gather", "reference,transpose,layout_unblock",
      "input x f32 2,3,4,5\ninit w f32 27,3,1,1\ninit into i64 5 = 2,3,9,4,5\ninit back i64 4 = 2,27,4,5\n"
      "a = Conv(x, w)\n" SHUFFLE("a", "b") "y = Transpose(b) perm=[0,2,3,1]\noutput y\n" },
    { "rows of patches", "conv_rows", "reference,transpose,layout_rows,layout_unblock",
      "input x f32 2,3,8,12\ninit w f32 37,3,4,4\ninit f i64 3 = 0,0,-1\na = Conv(x, w) strides=[4,4]\n"
      "b = Reshape(a, f)\n"
      "y = Transpose(b) perm=[0,2,1]\noutput y\n" },
    { "rows of anchors, boxes among them", "conv_rows", "reference,layout_rows,transpose,layout_unblock,copy_rows,columns",
      "input x f32 2,3,13,11\ninit w f32 21,3,1,1\ninit into i64 5 = 2,3,7,13,11\ninit s i64 3 = 2,3,2\n"
      "init grid f32 1,1,13,11,2\ninit anchor f32 3,1,1,3\ninit two f32 - = 2\ninit back i64 3 = 2,-1,7\n"
      "c0 = Conv(x, w)\nc = Sigmoid(c0)\nr = Reshape(c, into)\nt = Transpose(r) perm=[0,1,3,4,2]\n"
      "a, b, rest = Split(t, s) axis=4\nd = Mul(a, two)\ne = Sub(grid, d)\nf = Mul(b, b)\ng = Mul(f, anchor)\n"
      "h = Concat(e, g, rest) axis=4\ny = Reshape(h, back)\noutput y\n" },
    { "rows of anchors of a pool, boxes among them", "layout_rows", "reference,transpose,layout_unblock,copy_rows,columns",
      "input x f32 2,3,13,11\ninit w f32 21,3,1,1\ninit into i64 5 = 2,3,7,13,11\ninit s i64 3 = 2,3,2\n"
      "init grid f32 1,1,13,11,2\ninit anchor f32 3,1,1,3\ninit two f32 - = 2\ninit back i64 3 = 2,-1,7\n"
      "c0 = Conv(x, w)\nc = MaxPool(c0) kernel_shape=[3,3] pads=[1,1,1,1]\nr = Reshape(c, into)\nt = Transpose(r) perm=[0,1,3,4,2]\n"
      "a, b, rest = Split(t, s) axis=4\nd = Mul(a, two)\ne = Sub(grid, d)\nf = Mul(b, b)\ng = Mul(f, anchor)\n"
      "h = Concat(e, g, rest) axis=4\ny = Reshape(h, back)\noutput y\n" },
    { "rows of anchors, plain too", "layout_rows,layout_unblock,columns", "reference",
      "input x f32 1,3,6,5\ninit w f32 34,3,1,1\ninit into i64 4 = 1,2,17,30\ninit s i64 3 = 9,3,5\n"
      "c0 = Conv(x, w)\nc = Relu(c0)\nr = Reshape(c, into)\nt = Transpose(r) perm=[0,1,3,2]\n"
      "a, b, d = Split(t, s) axis=3\ne = Exp(a)\nf = Sigmoid(d)\ny = Concat(e, b, f) axis=3\noutput y\noutput t\noutput c\n" },
    { "reductions of rows and columns", "reduce_rows,reduce_columns", NULL,
      "input x f32 3,5,70,18\ninit last i64 1 = -1\ninit mid i64 2 = 1,2\ninit lead i64 1 = 0\n"
      "a = ReduceL2(x, last)\nb = ReduceSumSquare(x, last) keepdims=0\nc = ReduceMean(x, mid) keepdims=0\n"
      "d = ReduceMax(x, lead)\ne = ReduceMin(x, mid)\nf = ReduceL1(x, mid)\ng = ReduceL2(x, lead) keepdims=0\n"
      "h = ReduceSum(x, mid)\ni = ReduceSumSquare(x, mid)\nj = ReduceMean(x, last)\n"
      "output a\noutput b\noutput c\noutput d\noutput e\noutput f\noutput g\noutput h\n" },
    { "sums of many", "reduce_rows,reduce_columns", "reference",
      "input x f32 1,66000,3\ninput z f32 2,66000\ninit k f32 - = 0.1\ninit o f32 - = 0\ninit mid i64 1 = 1\n"
      "p = Mul(x, o)\nq = Mul(z, o)\na = Add(p, k)\nb = Add(q, k)\n"
      "c = ReduceMean(a, mid)\nd = ReduceSum(a, mid)\ne = ReduceL1(a, mid)\nf = ReduceL2(a, mid)\n"
      "g = ReduceMean(b, mid)\nh = ReduceL2(b, mid)\ni = ReduceMax(b, mid)\nj = ReduceMin(a, mid)\n"
      "output c\noutput d\noutput e\noutput f\noutput g\noutput h\noutput i\noutput j\n" },
    { "groups that fill blocks", "group_norm", "reference,layout_unblock",
      "input x f32 2,3,9,30\ninit w f32 32,3,1,1\ninit s f32 32\ninit b f32 32\ninit v f32 8,32,1,1\na = Conv(x, w)\n"
      "c = GroupNormalization(a, s, b) num_groups=2\nd = GroupNormalization(c, s, b) num_groups=1 epsilon=0.1\ny = Conv(d, v)\noutput y\n" },
    { "groups that do not, and channels", "group_norm", NULL,
      "input x f32 2,3,70,31\ninit w f32 24,3,1,1\ninit s f32 24\ninit b f32 24\na = Conv(x, w)\n"
      "c = GroupNormalization(a, s, b) num_groups=3\nd = InstanceNormalization(c, s, b)\n"
      "input z f32 3,24,5\ny = GroupNormalization(z, s, b) num_groups=4\noutput d\noutput y\n" },
    { "groups far from zero", "group_norm", "reference",
      "input x f32 2,24,70,31\ninit k f32 - = 1000\ninit s f32 24\ninit b f32 24\na = Add(x, k)\n"
      "c = GroupNormalization(a, s, b) num_groups=3\nd = InstanceNormalization(a, s, b)\n"
      "input z f32 2,24,2\ne = Add(z, k)\ny = InstanceNormalization(e, s, b)\n"
      "input u f32 2,24,1\nf = Add(u, k)\ng = InstanceNormalization(f, s, b)\noutput c\noutput d\noutput y\noutput g\n" },
    { "softmax of few columns", "softmax_columns", NULL,
      "input x f32 3,70,5\ninput z f32 2,33,15,1\na = Softmax(x) axis=1\ny = Softmax(z) axis=1\noutput a\noutput y\n" },
    { "columns in place", "columns", "reference,copy_rows",
      "input x f32 3,70,6\ninit s i64 3 = 1,3,2\ninit v f32 3,70,3\ninit k f32 - = 0.5\n"
      "t = Exp(x)\na, b, d = Split(t, s) axis=2\ne = Div(k, a)\nf = Add(v, b)\ng = Exp(f)\ny = Concat(e, g, d) axis=2\noutput y\n" },
    { "planes straight into a Concat", "conv_planes", "reference,copy_rows,layout_unblock",
      "input x f32 2,3,9,7\ninit w f32 20,3,1,1\ninit v f32 20,3,2,2\ninit f i64 3 = 0,0,-1\n"
      "a = Conv(x, w)\nb = Conv(x, v)\nc = Reshape(a, f)\nd = Reshape(b, f)\ny = Concat(c, d) axis=2\noutput y\n" },
    { "images straight into a Concat", "conv_planes", "reference,copy_rows,layout_unblock",
      "input x f32 2,3,9,7\ninit w f32 20,3,1,1\ninit v f32 37,3,2,2\ninit f i64 2 = 2,-1\n"
      "a = Conv(x, w)\nb = Conv(x, v)\nc = Reshape(a, f)\nd = Flatten(b)\ny = Concat(c, d) axis=1\noutput y\n" },
    { "planes of pools straight into a Concat", "layout_unblock", "reference,copy_rows",
      "input x f32 2,3,9,7\ninit w f32 20,3,1,1\ninit v f32 20,3,2,2\ninit f i64 3 = 0,0,-1\n"
      "a0 = Conv(x, w)\nb0 = Conv(x, v)\na = MaxPool(a0) kernel_shape=[2,2]\nb = MaxPool(b0) kernel_shape=[2,2]\nc = Reshape(a, f)\nd = Reshape(b, f)\ny = Concat(c, d) axis=2\noutput y\n" },
    { "images of pools straight into a Concat", "layout_unblock", "reference,copy_rows",
      "input x f32 2,3,9,7\ninit w f32 20,3,1,1\ninit v f32 37,3,2,2\ninit f i64 2 = 2,-1\n"
      "a0 = Conv(x, w)\nb0 = Conv(x, v)\na = MaxPool(a0) kernel_shape=[2,2]\nb = MaxPool(b0) kernel_shape=[2,2]\nc = Reshape(a, f)\nd = Flatten(b)\ny = Concat(c, d) axis=1\noutput y\n" },
    { "planes that others read, too", "conv_planes,copy_rows", NULL,
      "input x f32 1,3,9,7\ninit w f32 20,3,1,1\ninit v f32 20,3,2,2\ninit f i64 3 = 0,0,-1\n"
      "a = Conv(x, w)\nb = Conv(x, v)\nc = Reshape(a, f)\nd = Reshape(b, f)\ny = Concat(c, d) axis=2\noutput y\noutput c\n" },
    { "planes of large layers in strips", "conv_planes", "reference,layout_unblock,copy_rows",
      "input x f32 2,3,150,141\ninit w f32 24,3,3,3\ninit v f32 23,24,1,1\ninit u f32 23,24,2,2\ninit b f32 23\n"
      "init f i64 3 = 0,0,-1\na0 = Conv(x, w) pads=[1,1,1,1]\na = Relu(a0)\nc0 = Conv(a, v, b)\nc = Sigmoid(c0)\n"
      "d = Conv(a, u, b) strides=[2,2]\ne = Reshape(c, f)\ng = Reshape(d, f)\ny = Concat(e, g) axis=2\noutput y\n" },
    { "planes of an output", "conv_planes", "reference,layout_unblock,copy_rows",
      "input x f32 2,3,50,41\ninit w f32 24,3,3,3\ninit v f32 21,24,1,1\na = Conv(x, w)\ny = Conv(a, v)\noutput y\n" },
    { "rows of a single picture", "conv_rows", "reference,transpose,layout_unblock",
      "input x f32 1,3,8,12\ninit w f32 37,3,4,4\ninit f i64 2 = 37,-1\na = Conv(x, w) strides=[4,4]\n"
      "b = Reshape(a, f)\ny = Transpose(b) perm=[1,0]\noutput y\n" },
    { "columns of a few numbers", "copy_rows", "reference",
      "input x f32 9,11\ninput z u8 5,7\ninit s i64 4 = 1,2,4,4\ninit t i64 2 = 3,4\na, b, c, d = Split(x, s) axis=1\n"
      "e, f = Split(z, t) axis=1\ng = Neg(b)\ny = Concat(g, c, d, a) axis=1\nh = Concat(f, e) axis=1\noutput y\noutput h\n" },
    { "upsampling by a transposed convolution", "conv_depth_to_space", "reference,layout_unblock,layout_block",
      "input x f32 2,3,9,7\ninit u f32 20,3,1,1\ninit w f32 20,24,2,2\ninit b f32 24\ninit v f32 24,32,3,3\n"
      "init z f32 9,32,1,1\na = Conv(x, u)\nc = ConvTranspose(a, w, b) strides=[2,2]\nd = Relu(c)\n"
      "e = ConvTranspose(d, v) strides=[3,3]\ny = Conv(e, z)\noutput y\n" },
    { "upsampling to a map", "conv_depth_to_space", "reference,layout_unblock",
      "input x f32 2,3,9,7\ninit u f32 20,3,1,1\ninit w f32 20,1,2,2\ninit b f32 1\ninit v f32 20,3,4,4\n"
      "a = Conv(x, u)\nc = ConvTranspose(a, w, b) strides=[2,2]\ny = Sigmoid(c)\nz = ConvTranspose(a, v) strides=[4,4]\n"
      "output y\noutput z\n" },
    { "super-resolution, both orders", "conv_depth_to_space,depth_to_space", "reference",
      "input x f32 2,3,9,7\ninit u f32 27,3,1,1\ninit w f32 36,27,1,1\na = Conv(x, u)\nb = Conv(a, w)\n"
      "y = DepthToSpace(b) blocksize=3 mode=\"CRD\"\nc = MaxPool(a) kernel_shape=[2,2]\n"
      "z = DepthToSpace(c) blocksize=3 mode=\"DCR\"\noutput y\noutput z\n" },
    { "means of distributions", "conv_softmax_mean,softmax_mean", "reference,layout_unblock,softmax_columns",
      "input x f32 2,3,9,17\ninput z f32 2,20,5\ninit w f32 20,3,1,1\ninit k f32 1,5,1,1 = 0,1,2,3,4\n"
      "init v f32 20,3,2,2\ninit r i64 4 = 2,4,5,-1\na = Conv(x, w)\na2 = Conv(x, v)\nb = Reshape(a, r)\nc = Transpose(b) perm=[0,2,1,3]\nd = Softmax(c) axis=1\n"
      "e = Conv(d, k)\ns = MaxPool(a2) kernel_shape=[2,2]\ni = Reshape(s, r)\nj = Transpose(i) perm=[0,2,1,3]\n"
      "l = Softmax(j) axis=1\nm = Conv(l, k)\nn = Reshape(z, r)\no = Transpose(n) perm=[0,2,1,3]\nq = Softmax(o) axis=1\n"
      "t = Conv(q, k)\noutput e\noutput m\noutput t\n" },
    { "classes of pixels, columns and rows", "arg_max", "reference,layout_unblock",
      "input x f32 2,3,9,17\ninput z f32 2,20,5\ninit w f32 20,3,1,1\ninit v f32 7,20,1,1\na = Conv(x, w)\n"
      "b = Conv(a, v)\nc = ArgMax(b) axis=1 keepdims=0\nd = ArgMax(z) axis=1\ne = ArgMax(z) axis=-1 keepdims=0\n"
      "f = ArgMax(z) axis=0\noutput c\noutput d\noutput e\noutput f\n" },
    { "dense blocks: each reads all before it", "", "reference,copy_rows,eltwise_period,eltwise_act",
      "input x f32 1,3,9,17\ninit u f32 32,3,1,1\ninit v f32 16,32,3,3\ninit w f32 16,48,3,3\ninit k f32 8,64,1,1\n"
      "init s f32 1,64,1,1\ninit o f32 1,64,1,1\na = Conv(x, u)\nb = Conv(a, v) pads=[1,1,1,1]\n"
      "c = Concat(a, b) axis=1\nd = Conv(c, w) pads=[1,1,1,1]\ne = Concat(a, b, d) axis=1\nf = Mul(e, s)\n"
      "g = Add(f, o)\nh = Relu(g)\ni = Conv(h, k)\ny = Sigmoid(i)\nz = Conv(e, k)\noutput y\noutput z\n" },
    { "necks below the upsampling", "resize_linear", "reference,copy_rows,eltwise_act,eltwise_binary,resize_nearest",
      "input x f32 2,3,11,9\ninput big f32 2,3,22,18\ninit u f32 72,3,1,1\ninit v f32 40,3,1,1\ninit w f32 37,112,1,1\n"
      "init b f32 37\ninit p f32 24,112,1,1\ninit s f32 4 = 1,1,2,2\n"
      "a = Conv(x, u)\nup = Resize(a,,s)\nc = Conv(big, v)\nd = Concat(up, c) axis=1\n"
      "e = Conv(d, w, b)\nf = Sigmoid(e)\ny = Mul(e, f)\ng = Conv(d, p)\nz = HardSwish(g)\n"
      "up2 = Resize(a,,s) mode=\"linear\"\nh = Concat(c, up2) axis=1\ni = Conv(h, p)\nq = Relu(i)\n"
      "output y\noutput z\noutput q\n" },
    { "a pyramid's sums", "", "reference,resize_nearest,eltwise_binary",
      "input x f32 2,3,7,5\ninput big f32 2,20,21,10\ninit u f32 37,3,1,1\ninit v f32 37,20,5,5\ninit b f32 37\n"
      "init w f32 9,37,1,1\ninit w2 f32 9,3,1,1\ninit s f32 4 = 1,1,3,2\na = Conv(x, u)\nup = Resize(a,,s) nearest_mode=\"ceil\"\n"
      "c = Conv(big, v, b) pads=[2,2,2,2]\nd = Add(up, c)\ne = Conv(d, w)\nf = Conv(x, w2)\ng = Resize(f,,s)\n"
      "h = Add(e, g)\ny = HardSwish(h)\noutput y\n" },
    { "a sum behind an activation", "resize_nearest", "reference,eltwise_binary",
      "input x f32 1,3,7,5\ninput big f32 1,20,14,10\ninit u f32 37,3,1,1\ninit v f32 37,20,1,1\ninit s f32 4 = 1,1,2,2\n"
      "a = Conv(x, u)\nup = Resize(a,,s)\nc = Conv(big, v)\nd = Relu(c)\ny = Add(up, d)\noutput y\n" },
    { "sums of upsampled values that others read", "resize_nearest", NULL,
      "input x f32 1,3,7,5\ninput big f32 1,20,14,10\ninit u f32 37,3,1,1\ninit v f32 37,20,1,1\ninit s f32 4 = 1,1,2,2\n"
      "a = Conv(x, u)\nup = Resize(a,,s)\nc = Conv(big, v)\nd = Add(up, c)\ny = Relu(d)\nz = Exp(up)\noutput y\n"
      "output z\n" },
    { "strips that end with an upsampled sum", "conv_strips", "reference,resize_nearest",
      "input x f32 2,3,300,282\ninput low f32 2,20,50,94\ninit w f32 24,3,3,3\ninit v f32 23,24,1,1\n"
      "init u f32 23,20,1,1\ninit s f32 4 = 1,1,3,1.5\na0 = Conv(x, w) pads=[1,1,1,1] strides=[2,2]\na = Relu(a0)\n"
      "c = Conv(a, v)\nd = Conv(low, u)\nup = Resize(d,,s)\ne = Add(c, up)\ny = LeakyRelu(e)\noutput y\n" },
    { "pad of blocks", "pad_blocked", NULL,
      "input x f32 2,3,6,5\ninit w f32 11,3,3,3\ninit v f32 4,30,2,2\ninit pads i64 8 = 0,0,1,2,0,19,2,0\n"
      "a = Conv(x, w)\nr = Relu(a)\nb = Pad(r, pads)\nm = MaxPool(b) kernel_shape=[2,2]\nc = Conv(b, v)\noutput c\n"
      "output m\n" },
    { "RMS norm", "rms_norm", "reference",
      "input x f32 3,7,19\ninit s f32 19\ny = RMSNormalization(x, s) axis=-1\noutput y\n" },
    { "layer norm", "layer_norm", NULL,
      "input x f32 3,7,19\ninit s f32 19\ninit b f32 19\ny = LayerNormalization(x, s, b) axis=-1\n"
      "z = LayerNormalization(x, s) axis=2 epsilon=0.01\noutput y\noutput z\n" },
    { "product and residual", "", "reference,eltwise_binary",
      "input x f32 3,37,29\ninput z f32 3,37,41\ninput v f32 3,29,41\ninit w f32 29,41\na = MatMul(x, w)\nb = Add(z, a)\n"
      "c = MatMul(x, v)\nd = Add(c, b)\ny = Relu(d)\noutput y\n" },
    { "patches", "transpose_runs", "reference,conv_rows",
      "input x f32 2,3,32,48\ninit w f32 100,3,16,16\ninit b f32 100\nc = Conv(x, w, b) strides=[16,16]\n"
      "y = Transpose(c) perm=[0,2,3,1]\noutput y\n" },
    { "runs of all sizes", "transpose_runs", NULL,
      "input a f32 3,4,5,2,1\ninput b f32 3,4,5,2,2\ninput c f32 3,4,5,2,4\ninput d f32 3,4,5,2,8\ninput e f32 3,4,5,2,16\n"
      "input f f32 3,4,5,2,9\n"
      "t = Transpose(a) perm=[1,3,2,0,4]\nu = Transpose(b) perm=[1,3,2,0,4]\nv = Transpose(c) perm=[1,3,2,0,4]\n"
      "w = Transpose(d) perm=[1,3,2,0,4]\nx = Transpose(e) perm=[1,3,2,0,4]\ny = Transpose(f) perm=[1,3,2,0,4]\n"
      "output t\noutput u\noutput v\noutput w\noutput x\noutput y\n" },
    { "three dimensions", "", "reference",
      "input x f32 1,5,4,9,11\ninit w f32 17,5,3,3,3\ninit v f32 9,17,3,1,1\na = Conv(x, w) pads=[1,1,1,1,1,1]\n"
      "b = Relu(a)\ny = Conv(b, v)\noutput y\n" },
    { "talking heads", "softmax_rows", "reference,transpose,layout_block,softmax_columns",
      "input x f32 2,4,33,31\ninit w f32 4,4\ninit b f32 4\ninit v f32 4,3\ninit c f32 3\nz = Exp(x)\n"
      "a = Transpose(z) perm=[0,2,3,1]\nd = MatMul(a, w)\ne = Add(d, b)\nf = Transpose(e) perm=[0,3,1,2]\n"
      "g = Softmax(f)\nh = Transpose(g) perm=[0,2,3,1]\ni = MatMul(h, v)\nj = Add(i, c)\nk = Transpose(j) perm=[0,3,1,2]\n"
      "y = Tanh(k)\noutput y\n" },
    { "a 1x1 convolution of few planes", "", "reference,layout_block,layout_unblock",
      "input x f32 2,7,9,7\ninit w f32 5,7,1,1\ninit b f32 5\na = Conv(x, w, b)\ny = Relu(a)\noutput y\n" },
    { "a picture between rows", "layout_block_rows", "reference,transpose,layout_block,layout_unblock",
      "input x f32 1,480,32\ninit w f32 32,64\ninit v f32 64,1,3,3\ninit u f32 64,32\ninit cut i64 4 = 1,64,20,24\n"
      "init back i64 3 = 1,64,480\na = MatMul(x, w)\nd = Transpose(a) perm=[0,2,1]\ne = Reshape(d, cut)\n"
      "f = Conv(e, v) pads=[1,1,1,1] group=64\nh = Gelu(f)\ni = Reshape(h, back)\nj = Transpose(i) perm=[0,2,1]\n"
      "k = MatMul(j, u)\ny = Add(k, x)\noutput y\n" },
    { "attention", "attention", "reference,softmax_rows,transpose",
      "input q f32 2,35,3,7\ninput k f32 2,50,3,7\ninput v f32 2,50,3,6\ninit m f32 3,35,50\n"
      "a = Transpose(q) perm=[0,2,1,3]\nb = Transpose(k) perm=[0,2,3,1]\nw = Transpose(v) perm=[0,2,1,3]\nc = MatMul(a, b)\n"
      "d = Add(c, m)\ne = Softmax(d)\nf = MatMul(e, w)\ny = Transpose(f) perm=[0,2,1,3]\noutput y\n" },
    { "points of a grid", "grid_sample", "reference",
      "input x f32 2,5,7,9\ninput s f32 2,30,11,2\ninit f f32 - = 2.6\ng = Mul(s, f)\ny = GridSample(x, g)\n"
      "z = GridSample(x, g) padding_mode=\"border\" align_corners=1\noutput y\noutput z\n" },
    { "points of a grid, all inside", "grid_sample", "reference",
      "input x f32 1,3,40,50\ninput s f32 1,30,11,2\ninit f f32 - = 0.9\ng = Mul(s, f)\n"
      "y = GridSample(x, g) align_corners=1\noutput y\n" },
    { "attention of two layers with a computed mask", "attention,attention_bias", "reference,softmax_rows",
      "input q f32 2,3,35,7\ninput k f32 2,3,7,50\ninput v f32 2,3,50,7\ninput x f32 2,1,35,50\nm = Exp(x)\n"
      "a = MatMul(q, k)\nb = Add(a, m)\nc = Softmax(b)\nd = MatMul(c, v)\ne = MatMul(d, k)\nf = Add(e, m)\n"
      "g = Softmax(f)\ny = MatMul(g, v)\noutput y\n" },
    { "attention with a computed mask of keys", "attention,attention_bias", "reference,softmax_rows",
      "input q f32 2,3,35,7\ninput k f32 2,3,7,50\ninput v f32 2,3,50,7\ninput x f32 2,1,1,50\nm = Exp(x)\n"
      "a = MatMul(q, k)\nb = Add(a, m)\nc = Softmax(b)\ny = MatMul(c, v)\noutput y\n" },
    { "attention over shifted windows", "attention", "reference,softmax_rows,eltwise_broadcast",
      "input q f32 4,3,33,4\ninput k f32 4,3,35,4\ninput v f32 4,3,35,5\ninit f f32 3,1,1\ninit table f32 1,3,33,35\n"
      "init mask f32 2,1,33,35\ninit cut i64 5 = 2,2,3,33,35\ninit back i64 4 = 4,3,33,35\n"
      "t = Transpose(k) perm=[0,1,3,2]\na = MatMul(q, t)\nb = Mul(a, f)\nc = Add(b, table)\nd = Reshape(c, cut)\n"
      "e = Add(d, mask)\nh = Reshape(e, back)\ni = Softmax(h)\ny = MatMul(i, v)\noutput y\n" },
    { "attention over pixels", "attention", "reference,softmax_rows,transpose",
      "input x f32 2,4,9,10\ninit w f32 24,4,1,1\ninit s i64 4 = 2,2,12,90\ninit sizes i64 3 = 3,3,6\n"
      "init back i64 4 = 2,12,9,10\nc = Conv(x, w)\na = Reshape(c, s)\nq, k, v = Split(a, sizes) axis=2\n"
      "d = Transpose(q) perm=[0,1,3,2]\ne = MatMul(d, k)\nf = Softmax(e) axis=3\ng = Transpose(f) perm=[0,1,3,2]\n"
      "h = MatMul(v, g)\ni = Reshape(h, back)\nj = Reshape(v, back)\ny = Add(i, j)\noutput y\n" },
    { "softmax of the beginning of what others read", "softmax_rows", NULL,
      "input x f32 4,70\ninit n i64 2 = 2,2\nc = Exp(x)\na, b = Split(c, n) axis=0\nd = Softmax(a)\ny = Neg(d)\n"
      "z = Neg(c)\nw = Neg(b)\noutput y\noutput z\noutput w\n" },
    { "softmax of a Concat, a part of which others read", "softmax_rows", "reference,copy_rows",
      "input x f32 4,70\na = Neg(x)\nb = Exp(x)\nc = Concat(a, b) axis=0\nd = Softmax(c)\ny = Neg(d)\nz = Exp(a)\n"
      "output y\noutput z\n" },
    { "softmax of a Concat that overlaps another value", "softmax_rows", "reference,copy_rows",
      "input x f32 4,70\ninit n i64 2 = 1,3\nc = Exp(x)\na, b = Split(c, n) axis=0\ne = Neg(x)\n"
      "d = Concat(e, a) axis=0\nf = Softmax(d)\ny = Neg(f)\nz = Neg(c)\noutput y\noutput z\n" },
    { "columns of a Concat, a part of which others read", "columns", "reference",
      "input x f32 40,70\ninit n i64 2 = 2,68\na = Neg(x)\nb = Exp(x)\nc = Concat(a, b) axis=0\n"
      "p, q = Split(c, n) axis=1\nr = Sigmoid(p)\nd = Concat(r, q) axis=1\ny = Neg(d)\nz = Exp(a)\noutput y\n"
      "output z\n" },
    { "softmax of short rows", "softmax_rows", NULL, "input x f32 2,333,2\ny = Softmax(x) axis=-1\noutput y\n" },
    { "softmax of short rows, eleven", "softmax_rows", NULL,
      "input x f32 1,70,11\ny = Softmax(x) axis=-1\noutput y\n" },
    { "transposes", "transpose,transpose_runs", NULL,
      "input x f32 2,3,4,5,6\ninput d f64 3,4,5\ninput h f32 7,2,9,2\na = Transpose(x) perm=[0,3,1,4,2]\n"
      "b = Transpose(x) perm=[4,3,2,1,0]\n"
      "c = Transpose(x) perm=[1,0,3,2,4]\ne = Transpose(d) perm=[1,0,2]\nf = Transpose(h) perm=[0,2,1,3]\n"
      "g = Transpose(h) perm=[2,0,1,3]\noutput a\noutput b\noutput c\noutput e\noutput f\noutput g\n" },
    { "LSTM, both ways", "lstm_cells", NULL,
      "input x f32 5,2,7\ninit w f32 2,44,7\ninit r f32 2,44,11\ninit b f32 2,88\ninput h f32 2,2,11\n"
      "input c f32 2,2,11\n"
      "y, yh, yc = LSTM(x, w, r, b, , h, c) hidden_size=11 direction=\"bidirectional\"\noutput y\noutput yh\n"
      "output yc\n" },
    { "LSTM of more sequences than one part takes", "lstm_cells", NULL,
      "input x f32 4,10,7\ninit w f32 2,44,7\ninit r f32 2,44,11\ninput h f32 2,10,11\ninput c f32 2,10,11\n"
      "y, yh, yc = LSTM(x, w, r, , , h, c) hidden_size=11 direction=\"bidirectional\"\noutput y\noutput yh\n"
      "output yc\n" },
    { "LSTM, reverse, the last state", "lstm_cells", NULL,
      "input x f32 5,1,7\ninit w f32 1,64,7\ninit r f32 1,64,16\n"
      ", yh = LSTM(x, w, r) hidden_size=16 direction=\"reverse\"\noutput yh\n" },
    { "GRU, linear before reset", "gru_cells", NULL,
      "input x f32 4,3,6\ninit w f32 2,27,6\ninit r f32 2,27,9\ninit b f32 2,54\n"
      "y, yh = GRU(x, w, r, b) hidden_size=9 direction=\"bidirectional\" linear_before_reset=1\noutput y\n"
      "output yh\n" },
    { "GRU of more sequences than one part takes", "gru_cells", NULL,
      "input x f32 9,4,6\ninit w f32 2,27,6\ninit r f32 2,27,9\ninput h f32 9,2,9\ninit b f32 2,54\n"
      "y, yh = GRU(x, w, r, b, , h) hidden_size=9 layout=1 direction=\"bidirectional\"\noutput y\noutput yh\n" },
    { "GRU, batches first", "gru_cells", NULL,
      "input x f32 3,4,6\ninit w f32 1,27,6\ninit r f32 1,27,9\ninput h f32 3,1,9\ninit b f32 1,54\n"
      "y, yh = GRU(x, w, r, b, , h) hidden_size=9 layout=1\noutput y\noutput yh\n" },
    { "a function of what is dequantised into one", "eltwise_dequantize", "reference,eltwise_act,copy_rows",
      "input x f32 2,3,40,33\ninput v f32 2,3,4,7\ninit s f32 1 = 0.05\ninit z u8 1 = 120\ninit f i64 3 = 0,0,-1\n"
      "a = QuantizeLinear(x, s, z)\nb = DequantizeLinear(a, s, z)\nc = QuantizeLinear(v, s, z)\n"
      "d = DequantizeLinear(c, s, z)\ne = Reshape(b, f)\ng = Reshape(d, f)\nh = Concat(e, g) axis=2\n"
      "y = Sigmoid(h)\noutput y\n" },
    { "a function of what others read, too", "eltwise_dequantize,eltwise_act", NULL,
      "input x f32 2,3,40,33\ninput v f32 2,3,4,7\ninit s f32 1 = 0.05\ninit z u8 1 = 120\ninit f i64 3 = 0,0,-1\n"
      "a = QuantizeLinear(x, s, z)\nb = DequantizeLinear(a, s, z)\nc = Reshape(b, f)\nd = Reshape(v, f)\n"
      "e = Concat(c, d) axis=2\ny = Sigmoid(e)\ng = Sigmoid(b)\nh = Sqrt(b)\noutput y\noutput g\noutput h\n" },
    { "quantised at run time, in parts, once from its end", "eltwise_quantize", "eltwise_cast",
      "input x f32 2,8,96,96\ninit w u8 40,8,1,1\ninit z u8 - = 120\ninit v u8 6,40,1,1\ninit s f32 - = 0.01\n"
      "q, xs, xz = DynamicQuantizeLinear(x)\na = ConvInteger(q, w, xz, z)\nb = Cast(a) to=f32\nc = Mul(xs, s)\n"
      "d = Mul(b, c)\nr, rs, rz = DynamicQuantizeLinear(d)\ne = ConvInteger(r, v, rz, z)\nf = Cast(e) to=f32\n"
      "g = Mul(rs, s)\ny = Mul(f, g)\noutput y\n", 1 },
    { "products of rows of bytes", "eltwise_quantize", "reference,eltwise_binary,eltwise_act,quantize_limits",
      "input v f32 2,3,40\ninput x f32 6,70\ninit xs f32 - = 0.01\ninit xz i8 - = -17\ninit w i8 70,33\n"
      "init ws f32 33\ninit wz i8 33 = 3\ninit b f32 33\ninit u i8 33,40\ninit us f32 1 = 0.01\ninit g i64 3 = 2,3,-1\n"
      "a = QuantizeLinear(x, xs, xz)\nb1 = DequantizeLinear(a, xs, xz)\nc = DequantizeLinear(w, ws, wz) axis=1\n"
      "d = Gemm(b1, c, b)\ne = Relu(d)\nq, s, z = DynamicQuantizeLinear(e)\nf = MatMulInteger(q, u, z)\n"
      "h = Cast(f) to=f32\ni = Mul(s, us)\nj = Mul(h, i)\nk = Reshape(j, g)\ny = Add(k, v)\nm = MatMulInteger(a, w, xz)\n"
      "output y\noutput m\n", 1 },
    { "rows of a product, cut, with limits of their own", "eltwise_quantize,quantize_limits", NULL,
      "input x f32 1,64,32\ninit w i8 32,64\ninit ws f32 - = 0.01\ninit h i64 2 = 32,32\n"
      "q, s, z = DynamicQuantizeLinear(x)\nf = MatMulInteger(q, w, z)\ng = Cast(f) to=f32\ni = Mul(s, ws)\n"
      "m = Mul(g, i)\na, as, az = DynamicQuantizeLinear(m)\nb, c = Split(m, h) axis=1\n"
      "d, ds, dz = DynamicQuantizeLinear(b)\ne, es, ez = DynamicQuantizeLinear(c)\ninit v i8 64,7\n"
      "j = MatMulInteger(a, v, az)\nk = Cast(j) to=f32\nn = Mul(as, ws)\ny = Mul(k, n)\noutput y\n"
      "output d\noutput ds\noutput dz\noutput e\noutput es\noutput ez\n", 1 },
    { "sums and products of bytes that broadcast", "qeltwise_add,qeltwise_mul,transpose,transpose_runs",
      "reference,layout_block",
      "input x f32 4,5,9,33\ninit s f32 - = 0.02\ninit z u8 - = 117\ninit t f32 - = 0.0317\ninit a u8 5,1,33\n"
      "init b u8 4,1,9,1\ninit c u8 33\ninit d u8 -\ninit e u8 4,5,9,1\nq = QuantizeLinear(x, s, z)\n"
      "f = com.microsoft.QLinearAdd(a, s, z, q, s, z, t, z)\ng = com.microsoft.QLinearMul(f, t, z, b, t, z, s, z)\n"
      "h = com.microsoft.QLinearAdd(g, s, z, c, s, z, t, z)\ni = com.microsoft.QLinearMul(h, t, z, d, t, z, s, z)\n"
      "j = com.microsoft.QLinearAdd(i, s, z, e, t, z, t, z)\nk = Transpose(j) perm=[0,1,3,2]\n"
      "l = Transpose(j) perm=[3,0,2,1]\ny = DequantizeLinear(k, t, z)\nv = DequantizeLinear(l, t, z)\n"
      "output y\noutput v\n" },
    { "rows of bytes that become bytes", "eltwise_dequantize", "reference,qeltwise_lookup",
      "input x f32 7,19\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit cs f32 - = 0.02\ninit cz i8 - = 5\n"
      "init w i8 19,50\ninit ws f32 - = 0.002\ninit wz i8 - = 0\na = QuantizeLinear(x, xs, xz)\n"
      "f = QLinearMatMul(a, xs, xz, w, ws, wz, cs, cz)\ng = DequantizeLinear(f, cs, cz)\nh = Sigmoid(g)\n"
      "i = QuantizeLinear(h, ws, cz)\nz = DequantizeLinear(i, ws, cz)\noutput z\n", 1 },
    { "products of bytes by bytes of the same run", "qconv_pack,transpose", "reference,gemm_",
      "input x f32 2,3,37,70\ninput v f32 2,3,37,70\ninput w f32 2,3,37,70\ninit s f32 - = 0.02\ninit z u8 - = 117\n"
      "init t f32 - = 0.0973\ninit y u8 - = 131\ninit e f32 - = 0.0039\ninit n u8 - = 0\nq = QuantizeLinear(x, s, z)\n"
      "k0 = QuantizeLinear(v, s, z)\nk = Transpose(k0) perm=[0,1,3,2]\nu = QuantizeLinear(w, s, y)\n"
      "dq = DequantizeLinear(q, s, z)\ndk = DequantizeLinear(k, s, z)\ndv = DequantizeLinear(u, s, y)\n"
      "a = MatMul(dq, dk)\nb = QuantizeLinear(a, t, n)\nc = DequantizeLinear(b, e, n)\nh = MatMul(c, dv)\n"
      "i = QuantizeLinear(h, s, z)\no = DequantizeLinear(i, s, z)\noutput o\n", 4 },
    { "products of signed bytes by bytes of the same run", "qconv_pack", "reference,gemm_",
      "input x f32 5,9,33\ninput v f32 5,33,130\ninit s f32 - = 0.02\ninit z i8 - = -7\ninit y i8 - = 0\n"
      "init t f32 - = 0.0973\nq = QuantizeLinear(x, s, z)\nr = QuantizeLinear(v, s, y)\n"
      "p = QLinearMatMul(q, s, z, r, s, y, t, z)\no = DequantizeLinear(p, t, z)\noutput o\n", 4 },
    { "groups of bytes, the last bundle with fewer", "eltwise_quantize,eltwise_dequantize", "reference,eltwise_cast",
      "input x f32 2,84,9,7\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit cs f32 - = 0.02\ninit cz u8 - = 130\n"
      "init w i8 84,12,3,3\ninit ws f32 84\ninit wz i8 84 = 0\ninit b i32 84\ninit v i8 56,12,1,1\ninit z i8 - = 0\n"
      "a = QuantizeLinear(x, xs, xz)\nc = QLinearConv(a, xs, xz, w, xs, z, cs, cz, b) group=7 pads=[1,1,1,1]\n"
      "y = DequantizeLinear(c, cs, cz)\noutput y\nq, qs, qz = DynamicQuantizeLinear(x)\n"
      "d = ConvInteger(q, v, qz, z) group=7\ne = Cast(d) to=f32\nf = Mul(qs, xs)\ng = Mul(e, f)\n"
      "init k f32 56,1,1 = -9\nl = Add(g, k)\nh = Sigmoid(l)\nr, rs, rz = DynamicQuantizeLinear(h)\n"
      "output rs\noutput rz\n", 1 },
    { "bytes by way of an upsampling", "eltwise_quantize,qeltwise_lookup", "reference,qplane_resize_nearest",
      "input x f32 2,90,12,12\ninput v f32 2,20,24,36\ninit xs f32 - = 0.01\n"
      "init xz u8 - = 117\ninit cs f32 - = 0.02\ninit cz u8 - = 130\ninit w i8 70,110,1,1\ninit ws f32 - = 0.002\n"
      "init wz i8 - = 3\ninit up f32 4 = 1,1,2,3\na = QuantizeLinear(x, cs, cz)\nb = QuantizeLinear(v, xs, xz)\n"
      "r = Resize(a, , up)\nd = DequantizeLinear(r, cs, cz)\ne = QuantizeLinear(d, xs, xz)\nc = Concat(b, e) axis=1\n"
      "f = QLinearConv(c, xs, xz, w, ws, wz, cs, cz)\nz = DequantizeLinear(f, cs, cz)\noutput z\n", 1 },
    { "a picture that the first layer quantises", "eltwise_dequantize", "reference,eltwise_quantize",
      "input x f32 2,3,23,37\ninit xs f32 - = 0.01\ninit xz i8 - = -17\ninit cs f32 - = 0.02\ninit cz i8 - = 5\n"
      "init w i8 20,3,3,3\ninit ws f32 - = 0.002\ninit wz i8 - = 0\na = QuantizeLinear(x, xs, xz)\n"
      "f = QLinearConv(a, xs, xz, w, ws, wz, cs, cz) pads=[1,1,1,1] strides=[2,2]\n"
      "z = DequantizeLinear(f, cs, cz)\noutput z\n", 1 },
    { "a quantised picture that others read, too", "eltwise_quantize", "reference",
      "input x f32 1,3,23,37\ninit xs f32 - = 0.01\ninit xz u8 - = 117\ninit cs f32 - = 0.02\ninit cz u8 - = 130\n"
      "init w i8 20,3,3,3\ninit ws f32 - = 0.002\ninit wz i8 - = 0\na = QuantizeLinear(x, xs, xz)\n"
      "f = QLinearConv(a, xs, xz, w, ws, wz, cs, cz)\nz = DequantizeLinear(f, cs, cz)\noutput z\noutput a\n", 1 },
};

#define TALL_PRODUCT                                                                                                  \
    "input x f32 2,150,400\ninit w f32 400,320\ninit b f32 320\na = MatMul(x, w)\nc = Add(a, b)\ny = Relu(c)\noutput y\n"

static const plan_case product_case =
    { "a tall product", "gemm_strassen_f32_", "reference,eltwise_binary,eltwise_act", TALL_PRODUCT };

/* With precision=strict. */
static const plan_case strict_product_case =
    { "a tall product, strict", "gemm_f32_", "reference,gemm_strassen_f32_", TALL_PRODUCT };

/* With precision=bf16. */
static const plan_case tiles_product_case = { "a tall product of bfloat16", "gemm_tiles_bf16_",
                                              "reference,gemm_strassen_f32_,eltwise_act", TALL_PRODUCT };

static const plan_case tiles_chain_case = {
    "two products of bfloat16 in a row", "gemm_chain_bf16", "reference,gemm_tiles_bf16_,eltwise_act,eltwise_binary",
    "input x f32 1,150,40\ninit w f32 40,96\ninit b f32 96\ninit v f32 96,70\ninit d f32 70\na = MatMul(x, w)\n"
    "c = Add(a, b)\ne = Relu(c)\nf = MatMul(e, v)\ng = Add(f, d)\noutput g\n"
};
static const plan_case tiles_attention_case = {
    "attention by tiles", "attention_bf16", "reference,softmax_rows,attention",
    "input q f32 2,35,3,7\ninput k f32 2,70,3,7\ninput v f32 2,70,3,6\ninput m f32 3,35,70\n"
    "a = Transpose(q) perm=[0,2,1,3]\nb = Transpose(k) perm=[0,2,3,1]\nw = Transpose(v) perm=[0,2,1,3]\nc = MatMul(a, b)\n"
    "d = Add(c, m)\ne = Softmax(d)\nf = MatMul(e, w)\ny = Transpose(f) perm=[0,2,1,3]\noutput y\n"
};

/* With precision=fp16 and bf16, where the processor has such arithmetic. */
static const plan_case half_cases[] = {
    { "views of 16 bits", "half_max_pool,half_resize_nearest,half_binary,half_act",
      "reference,half_block,layout_block,copy_rows,eltwise_binary,eltwise_act,max_pool",
      "input x f32 1,3,32,36\ninit w f32 32,3,3,3\ninit b f32 32\ninit v f32 16,16,3,3\ninit u f32 32,48,1,1\n"
      "init d f32 32,1,3,3\ninit t f32 40,64,3,3\ninit p i64 2 = 16,16\ninit up f32 4 = 1,1,2,2\n"
      "a = Conv(x, w, b) strides=[2,2] pads=[1,1,1,1]\nc, e = Split(a, p) axis=1\n"
      "f = Conv(e, v) pads=[1,1,1,1]\ng = Relu(f)\nh = Add(g, e)\ni = Concat(c, e, h) axis=1\nj = Conv(i, u)\n"
      "k = Conv(j, d) group=32 pads=[1,1,1,1]\nl = MaxPool(k) kernel_shape=[5,5] pads=[2,2,2,2]\nm = Mul(l, j)\n"
      "n = Sigmoid(m)\no = Resize(n, , up)\nq = Resize(j, , up)\nr = Concat(o, q) axis=1\n"
      "y = Conv(r, t) strides=[2,2] pads=[1,1,1,1]\noutput y\n" },
};

/* float16's blocks are none of float32's. */
static const plan_case float16_case =
    { "rows and planes of float16", "half_rows,half_unblock", "reference,transpose,copy_rows",
      "input x f32 1,3,9,7\ninit w f32 20,3,1,1\ninit v f32 21,20,1,1\ninit u f32 21,20,2,2\ninit f i64 3 = 0,0,-1\n"
      "a = Conv(x, w)\nb = Conv(a, v)\nc = Conv(a, u)\nd = Reshape(b, f)\ne = Reshape(c, f)\ng = Concat(d, e) axis=2\n"
      "y = Transpose(g) perm=[0,2,1]\nh = Conv(a, v) strides=[2,2]\ni = Conv(a, u) strides=[2,2]\nj = Reshape(h, f)\n"
      "k = Reshape(i, f)\nl = Concat(j, k) axis=2\nz = Softmax(l) axis=1\noutput y\noutput z\n" };

/* bfloat16 has float32's blocks: what nobody reads in 16 bits is written so, and reorders go vector by vector. */
static const plan_case bfloat16_case = {
    "bfloat16 and float32 in blocks", "half_widen,half_narrow", "reference,half_block,half_unblock,layout_block",
    "input x f32 1,3,16,18\ninit w f32 24,3,3,3\ninit v f32 20,24,3,3\ninit p f32 20,20,1,1\na = Conv(x, w)\nb = Elu(a)\n"
    "c = AveragePool(b) kernel_shape=[3,3]\nd = Conv(c, v)\nf = Relu(d)\ng = Add(f, d)\n"
    "e = AveragePool(g) kernel_shape=[2,2]\nk = MaxPool(f) kernel_shape=[2,2]\nl = Elu(k)\nm = Conv(l, p)\noutput e\n"
    "output m\nn = Conv(f, p)\noutput n\n"
};

/* What no dense convolution will read stays float32, a depthwise layer too. */
static const plan_case unwanted_half_case = {
    "a depthwise layer between float32", "conv_tiles_bf16_", "reference,half_",
    "input x f32 1,3,32,36\ninit w f32 32,3,4,4\ninit d f32 32,1,7,7\na = Conv(x, w) strides=[4,4]\n"
    "b = Conv(a, d) group=32 pads=[3,3,3,3]\nc = Add(a, b)\ny = Transpose(c) perm=[0,2,3,1]\noutput y\n"
};

#endif
