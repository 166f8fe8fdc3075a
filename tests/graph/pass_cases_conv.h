/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows of pass_cases: convolutions and pools, and what becomes a part of them. */
    { "convolution over one dimension", "FusedConv 1, Reshape 2",
      "input x f32 2,4,9\ninit w f32 6,2,3\ninit b f32 6\nc = Conv(x, w, b) group=2 pads=[1,2] strides=[2] dilations=[2]\ny = Relu(c)\noutput y\n" },

    { "batch norm", "Conv 1, total 1",
      CONV3 "init s f32 6\ninit o f32 6\ninit m f32 6\ninit v f32 6 = 1,2,0.5,0.7,3,1.5\ny = BatchNormalization(c, s, o, m, v)\noutput y\n" },
    { "batch norm of a transposed convolution", "Conv 1, DepthToSpace 1, total 2",
      "input x f32 1,4,5,5\ninit w f32 4,3,2,2\nc = ConvTranspose(x, w) group=2 strides=[2,2]\n"
      "init s f32 6\ninit o f32 6\ninit m f32 6\ninit v f32 6 = 1,2,0.5,0.7,3,1.5\ny = BatchNormalization(c, s, o, m, v)\noutput y\n" },
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

    { "upsampling", "FusedConv 1, DepthToSpace 1, total 2",
      "input x f32 2,4,3,5\ninit w f32 4,6,2,2\ninit b f32 6\nc = ConvTranspose(x, w, b) strides=[2,2]\ny = Relu(c)\noutput y\n" },
    { "upsampling of few channels", "FusedConv 1, DepthToSpace 1, total 2",
      "input x f32 1,4,3,5\ninit w f32 4,2,3,3\nc = ConvTranspose(x, w) strides=[3,3]\ny = Sigmoid(c)\noutput y\n" },
    { "upsampling with overlap", "ConvTranspose 1, total 1",
      "input x f32 1,4,3,5\ninit w f32 4,2,3,3\ny = ConvTranspose(x, w) strides=[2,2]\noutput y\n" },
    { "upsampling with gaps", "ConvTranspose 1, total 1",
      "input x f32 1,4,3,5\ninit w f32 4,2,2,2\ny = ConvTranspose(x, w) strides=[2,2] output_padding=[1,0]\noutput y\n" },
    { "upsampling in groups", "Conv 1, DepthToSpace 1, total 2",
      "input x f32 1,4,3,5\ninit w f32 4,2,2,2\ny = ConvTranspose(x, w) strides=[2,2] group=2\noutput y\n" },
    { "upsampling with overlap of whole strides", "FusedConv 1, DepthToSpace 1, Slice 1, total 3",
      "input x f32 2,4,3,5\ninit w f32 4,6,4,4\ninit b f32 6\nc = ConvTranspose(x, w, b) strides=[2,2] pads=[1,1,1,1]\n"
      "y = Relu(c)\noutput y\n" },
    { "upsampling with overlap, nothing cut off", "Conv 1, DepthToSpace 1, total 2",
      "input x f32 1,4,3,5\ninit w f32 4,5,4,6\ny = ConvTranspose(x, w) strides=[2,2]\noutput y\n" },
    { "upsampling with overlap, cut off unevenly", "Conv 1, DepthToSpace 1, Slice 1, total 3",
      "input x f32 1,4,3,5\ninit w f32 4,3,6,9\ny = ConvTranspose(x, w) strides=[3,3] pads=[1,3,0,4] group=2\noutput y\n" },
    { "upsampling with overlap to few channels", "ConvTranspose 1, total 1",
      "input x f32 1,4,3,5\ninit w f32 4,1,4,4\ny = ConvTranspose(x, w) strides=[2,2]\noutput y\n" },
    { "a transposed convolution of stride 1", "Conv 1, total 1",
      "input x f32 1,4,7,5\ninit w f32 4,6,3,2\ninit b f32 6\ny = ConvTranspose(x, w, b) pads=[1,0,0,1]\noutput y\n" },
    { "a transposed convolution of no stride and much padding", "ConvTranspose 1, total 1",
      "input x f32 1,4,7,5\ninit w f32 4,6,3,3\ny = ConvTranspose(x, w) pads=[3,0,0,1]\noutput y\n" },

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
    { "kernels over padding", "Conv 4, Relu 1, total 5",
      "input x f32 2,6,1,11\ninit w f32 8,6,3,3\ninit b f32 8\ninit d f32 8,1,5,5\ninit v f32 4,8,2,2\ninit u f32 4,6,3,4\n"
      "r = Relu(x)\na = Conv(r, w, b) pads=[1,1,1,1]\nc = Conv(a, d) group=8 pads=[2,2,2,2]\n"
      "y = Conv(c, v) pads=[1,0,1,1] strides=[2,1]\nz = Conv(r, u) pads=[0,3,2,14] strides=[1,2]\noutput y\noutput z\n" },
    { "three dimensions", "Conv 1, Concat 2, Slice 3, Transpose 2, Reshape 2, total 10",
      "input x f32 2,4,7,6,5\ninit w f32 6,4,3,3,3\ninit b f32 6\n"
      "y = Conv(x, w, b) pads=[1,0,1,2,1,1] strides=[2,1,2] dilations=[2,1,1]\noutput y\n" },
    { "three dimensions, the last kernel small, with a residual", "FusedConv 1, Concat 1, Slice 2, Transpose 3",
      "input x f32 1,4,7,6,5\ninput r f32 1,6,5,4,4\ninit w f32 6,4,3,3,2\nc = Conv(x, w)\nd = Add(r, c)\ny = Relu(d)\n"
      "output y\n" },
    { "one dimension of three without a kernel, grouped", "Conv 1, Transpose 2, Reshape 2, total 5",
      "input x f32 2,4,7,6,5\ninit w f32 6,2,3,1,3\ny = Conv(x, w) group=2 pads=[1,0,0,1,0,1]\noutput y\n" },
    { "the first dimension without a kernel", "Conv 1, Transpose 2, Slice 1",
      "input x f32 2,4,7,6,5\ninit w f32 6,4,1,2,2\ny = Conv(x, w) strides=[3,1,1]\noutput y\n" },
    { "dimensions side by side without a kernel", "Conv 1, Reshape 2, total 3",
      "input x f32 2,4,7,6,5\ninit w f32 6,4,3,1,1\ny = Conv(x, w) strides=[2,1,1] pads=[1,0,0,1,0,0]\noutput y\n" },
    { "the first dimensions without a kernel", "FusedConv 1, Reshape 2, total 3",
      "input x f32 2,4,7,6,5\ninit w f32 6,4,1,1,3\nc = Conv(x, w)\ny = Relu(c)\noutput y\n" },
    { "three dimensions by channels", "Conv 1, total 1",
      "input x f32 2,4,7,6,5\ninit w f32 4,1,3,3,3\ny = Conv(x, w) group=4\noutput y\n" },
    { "kernels of many taps in all of three dimensions", "Conv 1, total 1",
      "input x f32 1,1,9,9,9\ninit w f32 2,1,9,9,9\ny = Conv(x, w)\noutput y\n" },
