/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows of pass_cases: graphs of bytes. */

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

    { "pad of bytes", "Pad 0, QuantizeLinear 1",
      BYTES "init p i64 8 = 0,0,0,0,0,0,1,1\nd0 = Pad(d, p)\nq1 = QuantizeLinear(d0, xs, xz)\nd1 = DequantizeLinear(q1, xs, xz)\n"
      "w = DequantizeLinear(wq, ws, wz) axis=0\nc = Conv(d1, w) strides=[2,2]\nr = QuantizeLinear(c, cs, cz)\n"
      "y = DequantizeLinear(r, cs, cz)\noutput y\n", 0.03 },
    { "pad of bytes that get another scale", "Pad 1",
      BYTES "init p i64 8 = 0,0,0,0,0,0,1,1\nd0 = Pad(d, p)\nq1 = QuantizeLinear(d0, cs, cz)\nd1 = DequantizeLinear(q1, xs, xz)\n"
      "w = DequantizeLinear(wq, ws, wz) axis=0\nc = Conv(d1, w) strides=[2,2]\nr = QuantizeLinear(c, cs, cz)\n"
      "y = DequantizeLinear(r, cs, cz)\noutput y\n", 0.03 },
    { "bytes are turned before they are numbers", "Transpose 1, Cast 1, Conv 1, total 3",
      "input x u8 1,8,8,4\ninit w f32 6,4,3,3\na = Cast(x) to=f32\nt = Transpose(a) perm=[0,3,1,2]\ny = Conv(t, w)\noutput y\n" },

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
    { "sums whose only factor is that of what was quantised at run time", "QConvFloat 1, QMatMulFloat 1, total 4",
      "input x f32 1,6,5,7\ninit w i8 9,6,1,1\ninit v i8 7,4\nq, s, z = DynamicQuantizeLinear(x)\n"
      "p = ConvInteger(q, w, z)\nc = Cast(p) to=f32\nm = Mul(c, s)\ny = Relu(m)\n"
      "r, t, u = DynamicQuantizeLinear(y)\nh = MatMulInteger(r, v, u)\ni = Cast(h) to=f32\nj = Mul(t, i)\noutput j\n",
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
    { "products of two matrices between quantisations", "QLinearMatMul 2, MatMul 0, QuantizeLinear 3, DequantizeLinear 1",
      "input x f32 2,3,17,18\ninput v f32 2,3,17,18\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit y i8 - = 3\n"
      "init t f32 - = 0.04\nq = QuantizeLinear(x, s, z)\nd = DequantizeLinear(q, s, z)\n"
      "k0 = Transpose(v) perm=[0,1,3,2]\nk = QuantizeLinear(k0, s, z)\ne = DequantizeLinear(k, s, z)\na = MatMul(d, e)\n"
      "b = QuantizeLinear(a, t, z)\nc = DequantizeLinear(b, t, z)\nf = QuantizeLinear(v, s, y)\n"
      "g = DequantizeLinear(f, s, y)\nh = MatMul(c, g)\ni = QuantizeLinear(h, t, z)\nj = DequantizeLinear(i, t, z)\n"
      "output j\n", 0.02 },
    { "products of many small matrices of bytes", "QLinearMatMul 0, MatMul 1",
      "input x f32 300,5,8\ninput v f32 300,8,40\ninit s f32 - = 0.05\ninit z u8 - = 117\nq = QuantizeLinear(x, s, z)\n"
      "r = QuantizeLinear(v, s, z)\np = QLinearMatMul(q, s, z, r, s, z, s, z)\ny = DequantizeLinear(p, s, z)\noutput y\n",
      0.02 },
    { "products of two matrices of bytes that stay those of floats", "QLinearMatMul 0, MatMul 2",
      "input x f32 2,3,5,8\ninput v f32 8,5\ninit s f32 - = 0.05\ninit z u8 - = 117\ninit t f32 - = 0.04\n"
      "q = QuantizeLinear(x, s, z)\nd = DequantizeLinear(q, s, z)\nk = QuantizeLinear(v, s, z)\n"
      "e = DequantizeLinear(k, s, z)\na = MatMul(d, e)\nb = QuantizeLinear(a, t, z)\nc = DequantizeLinear(b, t, z)\n"
      "l = QLinearMatMul(q, s, z, k, s, z, t, z)\nm = DequantizeLinear(l, t, z)\nf = MatMul(d, v)\n"
      "output c\noutput f\noutput m\n", 0.02 },
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
