#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the network as ONNX: free batch, height and width; metadata say how to feed and read it.

The graph is written node by node rather than traced: it stays the same whatever the version of PyTorch, and the cells'
centres come from shapes, so that an engine computes them once a size and not once a picture.

    export.py CHECKPOINT OUT.onnx          (needs torch, numpy, onnx; onnxruntime checks the result)
    export.py --least 0.4 CHECKPOINT OUT   boxes of a score below 0.4 stay unseen at the decoder's default threshold
    export.py --random OUT.onnx            untrained weights, to measure speed
"""
import argparse
import hashlib
import json
import math
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

import model as network

VERSION = "1.0"
THRESHOLD = 0.25  # the default of onnxdecode-yolo


class Graph:
    """Nodes and constants under construction; every call returns the name of what it made."""

    def __init__(self):
        self.nodes, self.constants, self.made = [], [], {}

    def constant(self, values, name):
        key = (name, np.asarray(values).tobytes())
        if key not in self.made:
            self.constants.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
            self.made[key] = name
        return self.made[key]

    def op(self, kind, inputs, name, **attributes):
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def conv(self, x, conv, name):
        weight = conv.weight.detach().float().numpy()
        inputs = [x, self.constant(weight, name + ".weight")]
        if conv.bias is not None:
            inputs.append(self.constant(conv.bias.detach().float().numpy(), name + ".bias"))
        side, pad = list(conv.kernel_size), list(conv.padding)
        return self.op("Conv", inputs, name + ".conv", kernel_shape=side, strides=list(conv.stride), pads=pad * 2,
                       group=conv.groups)

    def unit(self, x, unit, name):
        x = self.conv(x, unit.conv, name)
        return self.op("Relu", [x], name + ".relu") if isinstance(unit.active, torch.nn.ReLU) else x

    def residual(self, x, block, name):
        y = self.unit(self.unit(x, block.first, name + ".first"), block.second, name + ".second")
        return self.op("Add", [x, y], name + ".add")

    def split(self, x, stage, name):
        a = self.unit(x, stage.through, name + ".through")
        for i, block in enumerate(stage.blocks):
            a = self.residual(a, block, f"{name}.{i}")
        b = self.unit(x, stage.past, name + ".past")
        return self.unit(self.op("Concat", [a, b], name + ".concat", axis=1), stage.join, name + ".join")

    def pool(self, x, pool, name):
        levels = [self.unit(x, pool.first, name + ".first")]
        for i in range(3):
            levels.append(self.op("MaxPool", [levels[-1]], f"{name}.{i}", kernel_shape=[5, 5], strides=[1, 1],
                                  pads=[2, 2, 2, 2]))
        return self.unit(self.op("Concat", levels, name + ".concat", axis=1), pool.last, name + ".last")

    def up(self, x, name):
        scales = self.constant(np.array([1, 1, 2, 2], np.float32), "twice")
        return self.op("Resize", [x, "", scales], name, mode="nearest", nearest_mode="floor",
                       coordinate_transformation_mode="asymmetric")

    def axis_centres(self, like, axis, stride, name):
        """Centres of the cells along one axis, as [1, 1, h, 1] or [1, 1, 1, w]."""
        size = self.op("Shape", [like], name + ".size", start=axis, end=axis + 1)
        size = self.op("Squeeze", [size, self.constant(np.array([0]), "first")], name + ".count")
        index = self.op("Range", [self.constant(np.array(0), "zero"), size, self.constant(np.array(1), "one")],
                        name + ".index")
        index = self.op("Cast", [index], name + ".float", to=TensorProto.FLOAT)
        index = self.op("Mul", [index, self.constant(np.float32(stride), f"stride{stride}")], name + ".scaled")
        index = self.op("Add", [index, self.constant(np.float32(stride / 2), f"half{stride}")], name + ".centre")
        shape = np.array([1, 1, -1, 1] if axis == 2 else [1, 1, 1, -1])
        return self.op("Reshape", [index, self.constant(shape, f"along{axis}")], name)

    def offsets(self, like, stride, name):
        """What is added to (moves, sizes): [1, 4, h, w] of x, y, 0, 0."""
        x = self.axis_centres(like, 3, stride, name + ".x")
        y = self.axis_centres(like, 2, stride, name + ".y")
        nought = self.constant(np.float32(0), "nought")
        zero_x, zero_y = self.op("Mul", [x, nought], name + ".x0"), self.op("Mul", [y, nought], name + ".y0")
        full_x, full_y = self.op("Add", [x, zero_y], name + ".xs"), self.op("Add", [y, zero_x], name + ".ys")
        zeros = self.op("Add", [zero_x, zero_y], name + ".zeros")
        return self.op("Concat", [full_x, full_y, zeros, zeros], name, axis=1)

    def head(self, x, head, stride, name):
        x = self.unit(x, head.unit, name + ".unit")
        edges = self.conv(x, head.boxes, name + ".boxes")
        reach = self.constant(np.float32(network.REACH), "reach")
        edges = self.op("Exp", [self.op("Min", [edges, reach], name + ".reach")], name + ".edges")
        # Edges to middle and size are a fixed linear map, so a 1x1 convolution.
        mix = np.zeros((4, 4, 1, 1), np.float32)
        for axis in range(2):
            mix[axis, axis], mix[axis, axis + 2] = -stride / 2, stride / 2
            mix[axis + 2, axis] = mix[axis + 2, axis + 2] = stride
        boxes = self.op("Conv", [edges, self.constant(mix, f"mix{stride}")], name + ".mix", kernel_shape=[1, 1])
        boxes = self.op("Add", [boxes, self.offsets(edges, stride, name + ".offsets")], name + ".placed")
        score = self.op("Sigmoid", [self.conv(x, head.score, name + ".score")], name + ".sure")
        table = self.op("Concat", [boxes, score], name + ".table", axis=1)
        return self.op("Reshape", [table, self.constant(np.array([0, 5, -1]), "rows")], name + ".rows")


def build(net):
    g = Graph()
    x = g.unit("images", net.stem, "stem")
    x = g.unit(x, net.down4, "down4")
    x8 = g.split(g.unit(x, net.down8, "down8"), net.stage8, "stage8")
    x16 = g.split(g.unit(x8, net.down16, "down16"), net.stage16, "stage16")
    x = x16
    for i, unit in enumerate(net.down32):
        x = g.unit(x, unit, f"down32.{i}")
    x = g.pool(g.split(x, net.stage32, "stage32"), net.pool, "pool")
    n32 = g.unit(x, net.side32, "side32")
    n16 = g.op("Add", [g.unit(x16, net.side16, "side16"), g.up(n32, "up32")], "add16")
    n16 = g.unit(n16, net.mix16, "mix16")
    n8 = g.op("Add", [g.unit(x8, net.side8, "side8"), g.up(n16, "up16")], "add8")
    rows = [g.head(n, head, stride, f"head{stride}")
            for n, head, stride in zip((n8, n16, n32), net.heads, network.STRIDES)]
    g.op("Concat", rows, "output0", axis=2)
    image = helper.make_tensor_value_info("images", TensorProto.FLOAT, ["batch", 3, "height", "width"])
    output = helper.make_tensor_value_info("output0", TensorProto.FLOAT, ["batch", 5, "cells"])
    return helper.make_graph(g.nodes, "people", [image], [output], g.constants)


def metadata(size, note=""):
    width, height = size
    return {"description": "Onyx people detector", "author": "Onyx", "license": "BSD-2-Clause", "version": VERSION,
            "task": "detect", "stride": "32", "batch": "1", "imgsz": str([height, width]), "names": "{0: 'person'}",
            **({"onyx_note": note} if note else {})}


def to_onnx(net, size, note=""):
    made = helper.make_model(build(net), opset_imports=[helper.make_opsetid("", 17)], producer_name="onyx people",
                             producer_version=VERSION, ir_version=8)
    helper.set_model_props(made, metadata(size, note))
    onnx.checker.check_model(made, full_check=True)
    return made


def check(made, net, size):
    """The file against the network, at its own size and at another, two pictures at once; -> the greatest difference."""
    import onnxruntime
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    worst = 0.0
    for width, height in (size, (320, 192)):
        x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1))
        with torch.no_grad():
            want = net(x).numpy()
        got = session.run(None, {"images": x.numpy()})[0]
        assert got.shape == want.shape, (got.shape, want.shape)
        worst = max(worst, float((np.abs(got - want) / (1 + np.abs(want))).max()))
    return worst


def load(path, weights="ema"):
    """The network of a checkpoint, folded, and what the checkpoint says."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    net = network.People()
    net.load_state_dict(state[weights])
    return net.eval().fuse(), state


def calm(net, least):
    """Shifts all scores so that what was `least` becomes the decoder's default threshold; their order stays."""
    shift = math.log(THRESHOLD / (1 - THRESHOLD)) - math.log(least / (1 - least))
    with torch.no_grad():
        for head in net.heads:
            head.score.bias += shift


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint", nargs="?")
    parser.add_argument("output")
    parser.add_argument("--random", action="store_true", help="untrained weights")
    parser.add_argument("--size", type=int, nargs=2, default=(384, 224), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--least", type=float, default=THRESHOLD, metavar="SCORE",
                        help="score of the network from which on boxes are shown by default (0.25: as they are)")
    arguments = parser.parse_args()
    if bool(arguments.checkpoint) == arguments.random:
        parser.error("give a checkpoint or --random")
    if arguments.random:
        torch.manual_seed(1)
        net = network.People().eval().fuse()
        note = "untrained"
    else:
        net, state = load(arguments.checkpoint)
        note = f"step {state['step']}, shown from {arguments.least}"
    calm(net, arguments.least)
    made = to_onnx(net, tuple(arguments.size), note)
    worst = check(made, net, tuple(arguments.size))
    if worst > 1e-4:
        sys.exit(f"the file computes something else than the network: {worst:.2g}")
    data = made.SerializeToString()
    with open(arguments.output, "wb") as file:
        file.write(data)
    print(json.dumps({"file": arguments.output, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(),
                      "parameters": network.count(net), "difference": worst}))


if __name__ == "__main__":
    main()
