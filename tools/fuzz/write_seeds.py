#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of the fuzz target `engine`: small models that, between them, take the ways of a real one: fused and
blocked convolutions, the three quantised forms, attention, shapes that depend on data, free dimensions.

usage: write_seeds.py FOLDER (needs the packages of tools/requirements.txt)"""
import pathlib
import sys

import numpy as np
from onnx import TensorProto, helper, numpy_helper

RANDOM = np.random.default_rng(1)


class Net:
    """A graph in the making: every call of `add` is a node, its result the name of the first output."""

    def __init__(self):
        self.nodes, self.weights, self.inputs, self.outputs, self.count = [], [], [], [], 0

    def input(self, name, dims, kind=TensorProto.FLOAT):
        self.inputs.append(helper.make_tensor_value_info(name, kind, dims))
        return name

    def constant(self, values, kind=np.float32):
        self.count += 1
        self.weights.append(numpy_helper.from_array(np.asarray(values, dtype=kind), f"c{self.count}"))
        return f"c{self.count}"

    def random(self, *dims, kind=np.float32):
        values = RANDOM.standard_normal(dims) * 0.3 if kind in (np.float32, np.float16) else RANDOM.integers(-9, 9, dims)
        return self.constant(values, kind)

    def add(self, operator, *inputs, outputs=1, domain=None, **attributes):
        self.count += 1
        names = [f"v{self.count}_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(operator, inputs, names, f"n{self.count}", domain=domain, **attributes))
        return names[0] if outputs == 1 else names

    def output(self, name, kind=TensorProto.FLOAT, rank=None):
        self.outputs.append(helper.make_tensor_value_info(name, kind, None if rank is None else [None] * rank))

    def write(self, path, opset=17):
        graph = helper.make_graph(self.nodes, "seed", self.inputs, self.outputs, self.weights)
        imports = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        path.write_bytes(helper.make_model(graph, opset_imports=imports, ir_version=8).SerializeToString())


def silu(net, x):
    return net.add("Mul", x, net.add("Sigmoid", x))


def detector():
    net = Net()
    x = net.input("x", [1, 3, 16, 16])
    x = silu(net, net.add("Conv", x, net.random(8, 3, 3, 3), net.random(8), pads=[1, 1, 1, 1], strides=[2, 2]))
    y = net.add("Conv", x, net.random(8, 8, 3, 3), pads=[1, 1, 1, 1])
    y = net.add("BatchNormalization", y, net.random(8), net.random(8), net.random(8), net.constant([1.0] * 8))
    y = net.add("Add", x, net.add("Relu", y))
    a, b = net.add("Split", y, net.constant([4, 4], np.int64), outputs=2, axis=1)
    pooled = net.add("MaxPool", b, kernel_shape=[5, 5], pads=[2, 2, 2, 2])
    y = net.add("Concat", a, pooled, net.add("Slice", y, net.constant([2], np.int64), net.constant([6], np.int64),
                                             net.constant([1], np.int64)), axis=1)
    small = net.add("Conv", y, net.random(4, 12, 1, 1), strides=[2, 2])
    big = net.add("Resize", small, "", net.constant([1, 1, 2, 2]), mode="nearest", nearest_mode="floor",
                  coordinate_transformation_mode="asymmetric")
    y = net.add("Concat", y, big, axis=1)
    y = net.add("Reshape", y, net.constant([1, 16, -1], np.int64))
    net.output(net.add("Softmax", net.add("Transpose", y, perm=[0, 2, 1]), axis=-1))
    return net


def convolutions():
    net = Net()
    x = net.input("x", ["n", 8, "h", "w"])
    y = net.add("Conv", x, net.random(8, 1, 3, 3), net.random(8), group=8, pads=[1, 1, 1, 1])
    y = net.add("Clip", y, net.constant(0.0), net.constant(6.0))
    y = net.add("Conv", y, net.random(8, 4, 3, 3), group=2, dilations=[2, 2], pads=[2, 2, 2, 2])
    y = net.add("LeakyRelu", y, alpha=0.1)
    y = net.add("Conv", y, net.random(4, 8, 1, 5), auto_pad="SAME_UPPER")
    y = net.add("ConvTranspose", y, net.random(4, 4, 2, 2), strides=[2, 2])
    y = net.add("AveragePool", y, kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2], count_include_pad=1)
    y = net.add("HardSwish", y)
    y = net.add("Pad", y, net.constant([0, 0, 1, 2, 0, 0, 3, 0], np.int64), mode="reflect")
    net.output(net.add("Flatten", net.add("GlobalAveragePool", y)))
    return net


def pointwise():
    net = Net()
    x = net.add("Conv", net.input("x", [1, 8, 8, 8]), net.random(8, 8, 3, 3), pads=[1, 1, 1, 1])
    y = net.add("MaxPool", net.add("Conv", x, net.random(8, 8, 1, 1)), kernel_shape=[2, 2])
    net.output(net.add("Conv", net.add("Conv", y, net.random(8, 8, 1, 1)), net.random(8, 1, 3, 3), group=8))
    return net


def quantised(dynamic):
    net = Net()
    x = net.input("x", [1, 4, 8, 8])
    weights, bias = net.random(8, 4, 3, 3, kind=np.int8), net.random(8, kind=np.int32)
    zero8, zero = net.constant([0] * 8, np.int8), net.constant(3, np.uint8)
    if dynamic:
        q, scale, point = net.add("DynamicQuantizeLinear", x, outputs=3)
        y = net.add("Cast", net.add("ConvInteger", q, weights, point, pads=[1, 1, 1, 1]), to=TensorProto.FLOAT)
        y = net.add("Mul", y, net.add("Mul", scale, net.constant(0.01)))
        q, scale, point = net.add("DynamicQuantizeLinear", net.add("Reshape", y, net.constant([8, 64], np.int64)), outputs=3)
        y = net.add("MatMulInteger", q, net.random(64, 8, kind=np.int8), point)
        net.output(net.add("Mul", net.add("Cast", y, to=TensorProto.FLOAT), scale))
        return net
    in_scale, out_scale, w_scale = net.constant(0.02), net.constant(0.05), net.constant([0.01] * 8)
    x = net.add("DequantizeLinear", net.add("QuantizeLinear", x, in_scale, zero), in_scale, zero)
    w = net.add("DequantizeLinear", weights, w_scale, zero8, axis=0)
    b = net.add("DequantizeLinear", bias, net.constant([0.0002] * 8), net.constant([0] * 8, np.int32), axis=0)
    y = silu(net, net.add("Conv", x, w, b, pads=[1, 1, 1, 1]))
    y = net.add("DequantizeLinear", net.add("QuantizeLinear", y, out_scale, zero), out_scale, zero)
    z = net.add("MaxPool", y, kernel_shape=[3, 3], pads=[1, 1, 1, 1])
    y = net.add("Concat", y, net.add("Add", y, z), axis=1)
    net.output(net.add("DequantizeLinear", net.add("QuantizeLinear", y, out_scale, zero), out_scale, zero))
    return net


def qlinear():
    net = Net()
    x = net.input("x", [1, 4, 6, 6])
    scale, zero, small = net.constant(0.03), net.constant(7, np.uint8), net.constant(0.01)
    q = net.add("QuantizeLinear", x, scale, zero)
    w = net.random(8, 4, 3, 3, kind=np.int8)
    y = net.add("QLinearConv", q, scale, zero, w, small, net.constant(0, np.int8), scale, zero,
                net.random(8, kind=np.int32), pads=[1, 1, 1, 1])
    s = net.add("QLinearSigmoid", y, scale, zero, small, net.constant(0, np.uint8), domain="com.microsoft")
    y = net.add("QLinearMul", y, scale, zero, s, small, net.constant(0, np.uint8), scale, zero, domain="com.microsoft")
    y = net.add("QLinearAdd", y, scale, zero, y, scale, zero, scale, zero, domain="com.microsoft")
    y = net.add("QLinearConcat", scale, zero, y, scale, zero, y, scale, zero, domain="com.microsoft", axis=1)
    m = net.add("Reshape", y, net.constant([16, 36], np.int64))
    m = net.add("QLinearMatMul", m, scale, zero, net.random(36, 5, kind=np.int8), small, net.constant(0, np.int8), scale,
                zero)
    net.output(net.add("DequantizeLinear", m, scale, zero))
    return net


def attention():
    net = Net()
    x = net.input("x", ["batch", 6, 8])
    y = net.add("LayerNormalization", x, net.random(8), net.random(8))
    q, k, v = (net.add("Transpose", net.add("Reshape", net.add("MatMul", y, net.random(8, 8)), net.constant([0, 0, 2, 4],
               np.int64)), perm=[0, 2, 1, 3]) for _ in range(3))
    s = net.add("Softmax", net.add("Div", net.add("MatMul", q, net.add("Transpose", k, perm=[0, 1, 3, 2])),
                                   net.constant(2.0)))
    y = net.add("Add", x, net.add("Reshape", net.add("Transpose", net.add("MatMul", s, v), perm=[0, 2, 1, 3]),
                                  net.constant([0, 0, 8], np.int64)))
    g = net.add("Mul", net.add("Mul", y, net.add("Add", net.add("Erf", net.add("Div", y, net.constant(1.4142135))),
                                                 net.constant(1.0))), net.constant(0.5))
    g = net.add("ReduceMean", g, axes=[1], keepdims=0)
    net.output(net.add("Gemm", g, net.random(3, 8), net.random(3), transB=1))
    return net


def dynamic_shapes():
    net = Net()
    x = net.input("x", ["n", 6])
    shape = net.add("Shape", x)
    n = net.add("Gather", shape, net.constant(0, np.int64))
    y = net.add("Reshape", x, net.add("Concat", net.add("Unsqueeze", n, net.constant([0], np.int64)),
                                      net.constant([2, -1], np.int64), axis=0))
    values, places = net.add("TopK", y, net.constant([2], np.int64), outputs=2, axis=-1)
    y = net.add("GatherElements", y, places, axis=2)
    y = net.add("Where", net.add("Greater", y, net.constant(0.0)), y, values)
    y = net.add("Expand", y, net.constant([2, 1, 1, 1], np.int64))
    flat = net.add("Reshape", y, net.constant([-1], np.int64))
    steps = net.add("Range", net.constant(0, np.int64), n, net.constant(1, np.int64))
    net.output(net.add("Gather", flat, steps))
    places = net.add("NonZero", net.add("Relu", flat))
    net.output(net.add("Gather", flat, net.add("Squeeze", places, net.constant([0], np.int64))))
    return net


def boxes():
    net = Net()
    b, s = net.input("boxes", [1, 6, 4]), net.input("scores", [1, 2, 6])
    kept = net.add("NonMaxSuppression", b, s, net.constant([5], np.int64), net.constant([0.5]), net.constant([0.1]))
    net.output(net.add("Slice", kept, net.constant([2], np.int64), net.constant([3], np.int64), net.constant([1], np.int64)),
               TensorProto.INT64)
    net.output(net.add("ScatterND", net.add("Cast", net.add("ArgMax", s, axis=1, keepdims=0), to=TensorProto.FLOAT),
                       net.constant([[0, 1]], np.int64), net.constant([2.0])))
    return net


def halves():
    net = Net()
    x = net.input("x", [1, 4, 8, 8], TensorProto.FLOAT16)
    y = silu(net, net.add("Conv", x, net.random(8, 4, 3, 3, kind=np.float16), pads=[1, 1, 1, 1]))
    y = net.add("Resize", y, "", "", net.constant([1, 8, 12, 12], np.int64), mode="linear")
    y = net.add("DepthToSpace", y, blocksize=2)
    net.output(net.add("Cast", net.add("ReduceMax", y, axes=[2, 3]), to=TensorProto.FLOAT))
    return net


def body(name, nodes, inputs, outputs):
    kinds = {"i": TensorProto.INT64, "go": TensorProto.BOOL, "more": TensorProto.BOOL}
    values = [[helper.make_tensor_value_info(n, kinds.get(n, TensorProto.FLOAT), [] if n in kinds else None) for n in list]
              for list in (inputs, outputs)]
    return helper.make_graph([helper.make_node(op, i, o, f"{name}_{o[0]}", **a) for op, i, o, a in nodes], name, *values)


def control():
    """A branch and loops that are written out, and such that are run; a sequence that is a list."""
    net = Net()
    x = net.input("x", [2, 3])
    zero, trips = net.constant(0.0), net.constant(2, np.int64)
    positive = net.add("Greater", net.add("ReduceSum", x, keepdims=0), zero)
    branches = {"then_branch": body("then", [("Neg", [x], ["t"], {})], [], ["t"]),
                "else_branch": body("other", [("Mul", [x, zero], ["e"], {})], [], ["e"])}
    y = net.add("If", positive, **branches)
    y = net.add("Add", y, net.add("If", net.constant(True, np.bool_), **branches))
    state = [("Add", ["s", x], ["n"], {}), ("Neg", ["n"], ["item"], {}), ("Identity", ["go"], ["more"], {})]
    loop = body("loop", state, ["i", "go", "s"], ["more", "n", "item"])
    ran = net.add("Cast", net.add("Add", net.add("Cast", positive, to=TensorProto.INT64), trips), to=TensorProto.INT64)
    y, items = net.add("Loop", ran, "", y, outputs=2, body=loop)
    y, more = net.add("Loop", trips, positive, y, outputs=2, body=loop)
    y = net.add("Add", y, net.add("Loop", trips, "", y, outputs=2, body=loop)[0])
    scan = body("scan", [("Add", ["s", "row"], ["n"], {}), ("Exp", ["n"], ["item"], {})], ["s", "row"], ["n", "item"])
    last, rows = net.add("Scan", net.add("ReduceMin", y, axes=[1], keepdims=0), y, outputs=2, num_scan_inputs=1,
                         scan_input_axes=[1], scan_output_axes=[1], body=scan)
    sums, _ = net.add("Scan", net.add("ReduceMin", x, keepdims=0), net.add("ReduceMax", items, axes=[1, 2], keepdims=0),
                      outputs=2, num_scan_inputs=1, body=scan)
    parts = net.add("SplitToSequence", net.add("Concat", y, rows, axis=0), axis=0, keepdims=0)
    parts = net.add("SequenceInsert", parts, net.add("SequenceAt", parts, trips), trips)
    net.output(net.add("ConcatFromSequence", parts, axis=0, new_axis=1), rank=2)
    for name, rank in ((more, 3), (last, 1), (sums, 0)):
        net.output(name, rank=rank)
    return net


def packed_rows():
    """Weights of a few bits, recurrent layers of several sequences, a transposed convolution, samples of a grid."""
    net = Net()
    x = net.input("x", [4, 2, 16])
    y = net.add("MatMulNBits", x, net.constant(RANDOM.integers(0, 255, (16, 1, 8)), np.uint8), net.random(16),
                net.constant(RANDOM.integers(0, 255, 16), np.uint8), "", net.random(16), domain="com.microsoft", K=16, N=16,
                bits=4, block_size=16)
    y = net.add("MatMulBnb4", y, net.constant(RANDOM.integers(0, 255, 128), np.uint8), net.random(16),
                domain="com.microsoft", K=16, N=16, block_size=16, quant_type=1)
    for operator, gates in (("LSTM", 4), ("GRU", 3)):
        y = net.add(operator, y, net.random(2, gates * 8, 16), net.random(2, gates * 8, 8), hidden_size=8,
                    direction="bidirectional")
        y = net.add("Reshape", net.add("Transpose", y, perm=[0, 2, 1, 3]), net.constant([4, 2, 16], np.int64))
    picture = net.add("Reshape", y, net.constant([1, 4, 4, 8], np.int64))
    y = net.add("Relu", net.add("ConvTranspose", picture, net.random(4, 5, 4, 4), net.random(5), strides=[2, 2],
                                pads=[1, 1, 1, 1]))
    net.output(net.add("GridSample", y, net.random(1, 3, 3, 2), align_corners=1))
    return net


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for name, net in {"detector": detector(), "convolutions": convolutions(), "qdq": quantised(False),
                      "dynamic": quantised(True), "qlinear": qlinear(), "attention": attention(),
                      "shapes": dynamic_shapes(), "boxes": boxes(), "halves": halves(),
                      "pointwise": pointwise(), "control": control(), "packed-rows": packed_rows()}.items():
        net.write(folder / f"{name}.onnx")


if __name__ == "__main__":
    main()
