/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Rows of pass_cases: matrix products, attention, Einsum, products between pictures and rows. */
    { "linear", "FusedMatMul 1, total 1",
      "input x f32 2,5,8\ninit w f32 8,6\ninit b f32 6\na = MatMul(x, w)\nc = Add(b, a)\ny = Relu(c)\noutput y\n" },
    { "linear with layer scale", "FusedMatMul 1, total 1",
      "input x f32 2,5,8\ninput z f32 2,5,6\ninit w f32 8,6\ninit b f32 6\ninit g f32 6\na = MatMul(x, w)\nc = Add(b, a)\nd = Mul(c, g)\ny = Add(z, d)\noutput y\n" },
    { "linear, residual, activation", "FusedMatMul 1, total 1",
      "input x f32 2,5,8\ninput z f32 2,5,6\ninit w f32 8,6\na = MatMul(x, w)\nd = Add(a, z)\ny = Relu(d)\noutput y\n" },
    { "linear and a factor behind the residual", "FusedMatMul 1, Mul 1, total 2",
      "input x f32 2,5,8\ninput z f32 2,5,6\ninit w f32 8,6\ninit g f32 6\na = MatMul(x, w)\nd = Add(a, z)\ny = Mul(d, g)\noutput y\n" },
    { "linear and a smaller summand", "MatMul 1, Add 1, total 2",
      "input x f32 2,5,8\ninput z f32 1,5,6\ninit w f32 8,6\na = MatMul(x, w)\ny = Add(a, z)\noutput y\n" },
    { "gemm", "FusedMatMul 1, total 1",
      "input x f32 8,5\ninit w f32 6,8\ninit b f32 1,6\ny = Gemm(x, w, b) transA=1 transB=1 alpha=0.5 beta=2.0\noutput y\n" },
    { "gemm with a matrix", "Gemm 1",
      "input x f32 5,8\ninput c f32 5,6\ninit w f32 8,6\ny = Gemm(x, w, c)\noutput y\n" },
    { "attention", "Attention 1, total 1",
      "input q f32 1,2,4,9\ninput k f32 1,2,4,9\ninput v f32 1,2,5,9\n" SCALAR("s", "0.5")
      "a = Mul(q, s)\nb = Transpose(a) perm=[0,1,3,2]\nc = MatMul(b, k)\nd = Softmax(c)\ne = Transpose(d) perm=[0,1,3,2]\ny = MatMul(v, e)\noutput y\n" },
    { "attention of a vision transformer", "Attention 1, total 1",
      "input q f32 1,9,2,4\ninput k f32 1,9,2,4\ninput v f32 1,9,2,4\n" SCALAR("s", "2")
      "a = Transpose(q) perm=[0,2,1,3]\nb = Transpose(k) perm=[0,2,3,1]\nw = Transpose(v) perm=[0,2,1,3]\n"
      "c = MatMul(a, b)\nd = Div(c, s)\ne = Softmax(d)\nf = MatMul(e, w)\ny = Transpose(f) perm=[0,2,1,3]\noutput y\n" },
    { "attention of one joined value", "FusedMatMul 1, MatMul 1, Reshape 2, Attention 1, total 5",
      "input x f32 2,11,6\ninit w f32 6,24\ninit b f32 24\ninit p f32 8,6\ninit s i64 5 = 2,11,3,2,4\ninit back i64 3 = 2,11,8\n"
      "init i0 i64 - = 0\ninit i1 i64 - = 1\ninit i2 i64 - = -1\ninit m f32 2,11,11\n" SCALAR("f", "0.5")
      "a = MatMul(x, w)\nc = Add(a, b)\nd = Reshape(c, s)\ne = Transpose(d) perm=[2,0,3,1,4]\nq = Gather(e, i0) axis=0\n"
      "k = Gather(e, i1) axis=0\nv = Gather(e, i2) axis=0\nt = Transpose(k) perm=[0,1,3,2]\ng = MatMul(q, t)\nh = Mul(g, f)\n"
      "j = Add(h, m)\nl = Softmax(j)\nn = MatMul(l, v)\no = Transpose(n) perm=[0,2,1,3]\nr = Reshape(o, back)\ny = MatMul(r, p)\noutput y\n" },
    { "attention over pixels", "Attention 1, Conv 1, Reshape 2, total 4",
      "input x f32 2,4,3,5\ninit w f32 24,4,1,1\ninit s i64 4 = 2,2,12,15\ninit sizes i64 3 = 3,4,5\ninit back i64 4 = 2,10,3,5\n"
      "c = Conv(x, w)\na = Reshape(c, s)\nq, k, v = Split(a, sizes) axis=2\nd = Transpose(q) perm=[0,1,3,2]\n"
      "init from i64 1 = 1\ninit until i64 1 = 4\ninit ax i64 1 = 2\nk1 = Slice(k, from, until, ax)\n"
      "e = MatMul(d, k1)\nf = Softmax(e) axis=3\ng = Transpose(f) perm=[0,1,3,2]\nh = MatMul(v, g)\ny = Reshape(h, back)\noutput y\n" },
    { "attention over one window for all", "Attention 1, total 1",
      "input q f32 3,2,9,4\ninput k f32 2,7,4\ninput v f32 1,1,7,5\ninit m f32 3,1,9,7\nt = Transpose(k) perm=[0,2,1]\n"
      "a = MatMul(q, t)\nb = Add(m, a)\nc = Softmax(b)\ny = MatMul(c, v)\noutput y\n" },
    { "attention over shifted windows", "Attention 1, total 1",
      "input q f32 4,3,9,4\ninput k f32 4,3,9,4\ninput v f32 4,3,9,5\ninit f f32 3,1,1\ninit table f32 1,3,9,9\n"
      "init mask f32 2,1,9,9\ninit cut i64 5 = 2,2,3,9,9\ninit back i64 4 = 4,3,9,9\ninit row f32 9\n"
      "t = Transpose(k) perm=[0,1,3,2]\na = MatMul(q, t)\nb = Mul(a, f)\nc = Add(b, table)\nd = Reshape(c, cut)\n"
      "e = Add(mask, d)\nh = Reshape(e, back)\ni = Add(h, row)\nj = Softmax(i)\ny = MatMul(j, v)\noutput y\n" },
    { "attention with factors of windows", "Attention 1, total 1",
      "input q f32 4,3,9,4\ninput k f32 4,3,4,9\ninput v f32 4,3,9,5\ninit f f32 2,1,1,1\ninit u f32 3,1,1\n"
      "init cut i64 5 = 2,2,3,9,9\ninit back i64 4 = 4,3,9,9\na = MatMul(q, k)\nb = Reshape(a, cut)\nc = Mul(b, f)\n"
      "d = Reshape(c, back)\ne = Mul(d, u)\nj = Softmax(e)\ny = MatMul(j, v)\noutput y\n" },
    { "attention with factors of rows", "Mul 1, Softmax 1",
      "input q f32 4,3,9,4\ninput k f32 4,3,4,9\ninput v f32 4,3,9,5\ninit f f32 9,1\na = MatMul(q, k)\n"
      "b = Mul(a, f)\nc = Softmax(b)\ny = MatMul(c, v)\noutput y\n" },
    { "attention with a factor behind its bias", "Softmax 1, Attention 0",
      "input q f32 4,3,9,4\ninput k f32 4,3,4,9\ninput v f32 4,3,9,5\ninit f f32 3,1,1\ninit m f32 9,9\n"
      "a = MatMul(q, k)\nb = Add(a, m)\nc = Mul(b, f)\nd = Softmax(c)\ny = MatMul(d, v)\noutput y\n" },
    { "attention of other matrices than the product's", "Softmax 1, Attention 0",
      "input q f32 4,3,9,4\ninput k f32 4,3,4,9\ninput v f32 3,4,9,5\ninit s i64 4 = 3,4,9,9\na = MatMul(q, k)\n"
      "b = Reshape(a, s)\nc = Softmax(b)\ny = MatMul(c, v)\noutput y\n" },
    { "attention of few queries", "FusedMatMul 1, Softmax 1, MatMul 1, total 3",
      "input q f32 1,2,3,4\ninput k f32 1,2,9,4\ninput v f32 1,2,9,4\nt = Transpose(k) perm=[0,1,3,2]\n"
      "a = MatMul(q, t)\nb = Softmax(a)\ny = MatMul(b, v)\noutput y\n" },
    { "attention of no depth", "Attention 0, Softmax 1",
      "input q f32 1,2,9,0\ninput k f32 1,2,0,9\ninput v f32 1,2,9,4\na = MatMul(q, k)\nb = Softmax(a)\n"
      "y = MatMul(b, v)\noutput y\n" },
    { "attention whose weights are read", "Softmax 1, MatMul 2, total 3",
      "input q f32 1,9,4\ninput k f32 1,4,9\ninput v f32 1,9,4\na = MatMul(q, k)\nb = Softmax(a)\ny = MatMul(b, v)\n"
      "output y\noutput b\n" },
    { "attention with a mask that is no constant", "Attention 1, total 1",
      "input q f32 1,9,4\ninput k f32 1,4,9\ninput v f32 1,9,4\ninput m f32 1,9,9\na = MatMul(q, k)\nd = Add(a, m)\n"
      "b = Softmax(d)\ny = MatMul(b, v)\noutput y\n" },
    { "attention with a mask of keys, and a table", "Attention 1, Add 1, total 2",
      "input q f32 2,3,9,4\ninput k f32 2,3,4,9\ninput v f32 2,3,9,4\ninput m f32 2,1,1,9\ninit t f32 3,9,9\n"
      "a = MatMul(q, k)\nc = Add(a, t)\nd = Add(m, c)\nb = Softmax(d)\ny = MatMul(b, v)\noutput y\n" },
    { "attention whose batch is split between its products", "Attention 1, total 1",
      "input x f32 6,9,24\ninit s i64 4 = 6,9,2,4\ninit cut i64 3 = 8,8,8\n" SCALAR("f", "0.5") "init t f32 2,9,9\n"
      "init five i64 5 = 2,3,2,9,9\ninit four i64 4 = 6,2,9,9\na, b, c = Split(x, cut) axis=2\nq = Reshape(a, s)\n"
      "k = Reshape(b, s)\nv = Reshape(c, s)\nqt = Transpose(q) perm=[0,2,1,3]\nkt = Transpose(k) perm=[0,2,3,1]\n"
      "vt = Transpose(v) perm=[0,2,1,3]\nks = Mul(kt, f)\np = MatMul(qt, ks)\nh = Reshape(p, five)\nm = Add(h, t)\n"
      "w = Softmax(m) axis=4\nu = Reshape(w, four)\nz = MatMul(u, vt)\ny = Transpose(z) perm=[0,2,1,3]\noutput y\n" },
    { "attention with two masks", "Attention 0, Softmax 1",
      "input q f32 1,9,4\ninput k f32 1,4,9\ninput v f32 1,9,4\ninput m f32 1,9,9\ninput n f32 1,9,9\na = MatMul(q, k)\n"
      "c = Add(a, m)\nd = Add(n, c)\nb = Softmax(d)\ny = MatMul(b, v)\noutput y\n" },
    { "attention as PyTorch exports it", "Attention 1, Where 1, total 2",
      "input q f32 1,3,9,4\ninput k f32 1,3,4,2\ninput v f32 1,3,2,4\ninput m bool 1,1,9,2\n" SCALAR("zero", "0")
      SCALAR("least", "-inf")
      "t = Where(m, zero, least)\na = MatMul(q, k)\nc = Add(a, t)\nb = Softmax(c)\nn = IsNaN(b)\n"
      "w = Where(n, zero, b)\ny = MatMul(w, v)\noutput y\n" },
    { "attention with ones for what is no number", "Attention 0, Softmax 1",
      "input q f32 1,3,9,4\ninput k f32 1,3,4,2\ninput v f32 1,3,2,4\n" SCALAR("one", "1")
      "a = MatMul(q, k)\nb = Softmax(a)\nn = IsNaN(b)\nw = Where(n, one, b)\ny = MatMul(w, v)\noutput y\n" },
    { "softmax over queries", "Softmax 1, MatMul 2, total 3",
      "input q f32 1,9,4\ninput k f32 1,4,9\ninput v f32 1,9,4\na = MatMul(q, k)\nb = Softmax(a) axis=1\ny = MatMul(b, v)\noutput y\n" },
    { "a picture between rows", "MatMul 0, FusedMatMul 0, Conv 2, FusedConv 1, Transpose 2, Reshape 2, Add 1, total 8",
      "input x f32 2,15,16\ninput r f32 2,15,18\ninit w f32 16,20\ninit b f32 20\ninit v f32 20,1,3,3\ninit u f32 20,18\n"
      "init cut i64 4 = 2,20,3,5\ninit back i64 3 = 2,20,15\na = MatMul(x, w)\nc = Add(a, b)\nd = Transpose(c) perm=[0,2,1]\n"
      "e = Reshape(d, cut)\nf = Conv(e, v) pads=[1,1,1,1] group=20\nh = Relu(f)\ni = Reshape(h, back)\n"
      "j = Transpose(i) perm=[0,2,1]\nk = MatMul(j, u)\ny = Add(r, k)\noutput y\n" },
    { "a picture between rows, with activations", "MatMul 0, FusedMatMul 0, FusedConv 3, Transpose 2, Reshape 2, total 7",
      "input x f32 15,16\ninit w f32 20,16\ninit b f32 20\ninit v f32 20,1,3,3\ninit u f32 20,18\n" SCALAR("s", "0.5")
      "init cut i64 4 = 1,20,3,5\ninit back i64 2 = 20,15\nt = Transpose(w) perm=[1,0]\na = MatMul(x, t)\n"
      "g = Mul(a, s)\nc = Add(g, b)\nl = Relu(c)\nd = Transpose(l) perm=[1,0]\n"
      "e = Reshape(d, cut)\nf = Conv(e, v) pads=[1,1,1,1] group=20\nh = Relu(f)\ni = Reshape(h, back)\n"
      "j = Transpose(i) perm=[1,0]\nk = MatMul(j, u)\ny = Relu(k)\noutput y\n" },
    { "rows that become a picture", "Transpose 1, Reshape 1, Conv 1, total 4",
      "input x f32 2,15,16\ninit w f32 9,16,3,3\ninit cut i64 4 = 2,16,3,5\na = Exp(x)\nb = Transpose(a) perm=[0,2,1]\n"
      "c = Reshape(b, cut)\ny = Conv(c, w)\noutput y\n" },
    { "products whose larger side would be turned", "FusedMatMul 1, MatMul 1, Transpose 1, FusedConv 1",
      "input x f32 2,15,32\ninit w f32 32,20\ninit v f32 20,1,3,3\ninit u f32 20,24\ninit cut i64 4 = 2,20,3,5\n"
      "init back i64 3 = 2,20,15\na = MatMul(x, w)\nd = Transpose(a) perm=[0,2,1]\ne = Reshape(d, cut)\n"
      "f = Conv(e, v) pads=[1,1,1,1] group=20\nh = Relu(f)\ni = Reshape(h, back)\nj = Transpose(i) perm=[0,2,1]\n"
      "y = MatMul(j, u)\noutput y\n" },
    { "rows that become another picture", "Transpose 1, Reshape 1, MatMul 1, Conv 1",
      "input x f32 2,15,16\ninit w f32 16,20\ninit v f32 9,10,3,3\ninit cut i64 4 = 4,10,3,5\na = MatMul(x, w)\n"
      "b = Transpose(a) perm=[0,2,1]\nc = Reshape(b, cut)\ny = Conv(c, v)\noutput y\n" },
    { "talking heads", "Conv 2, Softmax 1, total 3",
      "input x f32 2,4,9,10\ninit w f32 4,4\ninit b f32 4\ninit v f32 4,3\ninit c f32 3\na = Transpose(x) perm=[0,2,3,1]\n"
      "d = MatMul(a, w)\ne = Add(d, b)\nf = Transpose(e) perm=[0,3,1,2]\ng = Softmax(f)\nh = Transpose(g) perm=[0,2,3,1]\n"
      "i = MatMul(h, v)\nj = Add(i, c)\ny = Transpose(j) perm=[0,3,1,2]\noutput y\n" },
    { "more heads than there were", "FusedMatMul 1, Transpose 2, total 3",
      "input x f32 2,3,9,10\ninit w f32 3,4\ninit b f32 4\na = Transpose(x) perm=[0,2,3,1]\n"
      "d = MatMul(a, w)\ne = Add(d, b)\ny = Transpose(e) perm=[0,3,1,2]\noutput y\n" },
    { "few channels of rows", "MatMul 1, Transpose 1, total 2",
      "input x f32 2,9,10,4\ninit w f32 4,4\na = MatMul(x, w)\ny = Transpose(a) perm=[0,3,1,2]\noutput y\n" },
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
    { "attention by heads", "Attention 1, total 1",
      "input q f32 2,3,9,16\ninput k f32 2,3,11,16\ninput v f32 2,3,11,8\ny = Attention(q, k, v)\noutput y\n" },
    { "attention of flat operands, causal", "Attention 1, Reshape 4, total 5",
      "input q f32 2,9,48\ninput k f32 2,9,48\ninput v f32 2,9,24\n"
      "y = Attention(q, k, v) q_num_heads=3 kv_num_heads=3 is_causal=1 scale=0.3\noutput y\n" },
    { "attention with a mask", "Attention 1, Reshape 4, total 5",
      "input q f32 2,9,48\ninput k f32 2,10,48\ninput v f32 2,10,24\ninput m f32 9,10\n"
      "y = Attention(q, k, v, m) q_num_heads=3 kv_num_heads=3\noutput y\n" },
    { "attention with a mask of truth values, causal", "Attention 1, Where 1, Add 1, total 3",
      "input q f32 2,3,9,8\ninput k f32 2,3,5,8\ninput v f32 2,3,5,8\ninput m bool 2,1,1,5\n"
      "y = Attention(q, k, v, m) is_causal=1\noutput y\n" },
    { "attention of groups", "Attention 1, Reshape 3, total 4",
      "input q f32 2,4,9,16\ninput k f32 2,2,11,16\ninput v f32 2,2,11,8\ny = Attention(q, k, v)\noutput y\n" },
    { "attention of groups, flat, with masks of heads", "Attention 1, Where 1",
      "input q f32 2,9,32\ninput k f32 2,5,16\ninput v f32 2,5,16\ninput m bool 4,9,5\n"
      "y = Attention(q, k, v, m) q_num_heads=4 kv_num_heads=2\noutput y\n" },
    { "attention that stays", "Attention 1, total 1",
      "input q f32 2,4,9,16\nz = Attention(q, q, q) softcap=2.0\noutput z\n" },
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
