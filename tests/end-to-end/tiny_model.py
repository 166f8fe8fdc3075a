#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes a small ONNX detector without any library: it finds red, green and blue blocks.

usage: tiny_model.py OUT.onnx

Input 1x3x64x64, RGB 0..1. One anchor per 8x8 cell; the score of class c in a cell is relu(mean of channel c there
minus the means of the other two). Output in YOLOv8's form: 1x(4+3)x64 of centre x, centre y, width, height (8x8, the
cell) and scores, with Ultralytics' metadata, so that everything is recognised without a property. What it finds in a
picture can be worked out by hand, which is what the end-to-end tests do.
"""
import struct
import sys

CELLS, SIZE = 8, 8


def varint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, data):
    data = data.encode() if isinstance(data, str) else data
    return varint(field << 3 | 2) + varint(len(data)) + data


def tensor(name, dims, values):
    """TensorProto of float32 (data type 1)."""
    packed = struct.pack("<%df" % len(values), *values)
    return b"".join(number(1, d) for d in dims) + number(2, 1) + block(8, name) + block(9, packed)


def tensor_int64(name, values):
    packed = struct.pack("<%dq" % len(values), *values)
    return number(1, len(values)) + number(2, 7) + block(8, name) + block(9, packed)


def ints(name, values):
    """AttributeProto INTS (type 7)."""
    return block(5, block(1, name) + b"".join(number(8, v) for v in values) + number(20, 7))


def integer(name, value):
    return block(5, block(1, name) + number(3, value) + number(20, 2))


def node(kind, inputs, output, attributes=b""):
    text = b"".join(block(1, i) for i in inputs) + block(2, output) + block(3, output + "_" + kind) + block(4, kind)
    return block(1, text + attributes)


def dimension(size):
    """A number; the name of a free one; None: a free one without a name."""
    return block(1, number(1, size) if isinstance(size, int) else block(2, size) if size else b"")


def value_info(name, dims):
    shape = b"".join(dimension(d) for d in dims)
    return block(1, name) + block(2, block(1, number(1, 1) + block(2, shape)))


def entry(key, value):
    return block(14, block(1, key) + block(2, value))


def boxes():
    centres = [(i + 0.5) * SIZE for i in range(CELLS)]
    xs = [centres[i % CELLS] for i in range(CELLS * CELLS)]
    ys = [centres[i // CELLS] for i in range(CELLS * CELLS)]
    return xs + ys + [float(SIZE)] * (2 * CELLS * CELLS)


def model():
    count = CELLS * CELLS
    mix = [1.0 if i == j else -1.0 for i in range(3) for j in range(3)]
    graph = b"".join([
        node("AveragePool", ["images"], "means", ints("kernel_shape", [SIZE, SIZE]) + ints("strides", [SIZE, SIZE])),
        node("Conv", ["means", "mix"], "mixed", ints("kernel_shape", [1, 1])),
        node("Relu", ["mixed"], "positive"),
        node("Reshape", ["positive", "shape"], "scores"),
        node("Concat", ["boxes", "scores"], "output0", integer("axis", 1)),
        block(2, "colour-blocks"),
        block(5, tensor("mix", [3, 3, 1, 1], mix)),
        block(5, tensor("boxes", [1, 4, count], boxes())),
        block(5, tensor_int64("shape", [1, 3, count])),
        block(11, value_info("images", [1, 3, CELLS * SIZE, CELLS * SIZE])),
        block(12, value_info("output0", [1, 7, count])),
    ])
    return b"".join([
        number(1, 8), block(2, "onyx tests"), block(7, graph), block(8, number(2, 17)),
        entry("names", "{0: 'red', 1: 'green', 2: 'blue'}"), entry("stride", "8"), entry("task", "detect"),
        entry("imgsz", "[%d, %d]" % (CELLS * SIZE, CELLS * SIZE)), entry("description", "Ultralytics-style export"),
    ])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__.strip())
    with open(sys.argv[1], "wb") as out:
        out.write(model())
