/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows of pass_cases: what only moves elements: Transpose, layouts, Concat, Split, Slice, Gather, shuffles. */
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
