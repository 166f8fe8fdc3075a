#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Makes the int8 model: QuantizeLinear/DequantizeLinear around every convolution of the body, weights per channel.

Scales come from training pictures as they are in use (letterboxed, a few spoilt); bytes are unsigned after ReLU's
half-line, signed for weights. What turns maps into boxes stays float: e to the power of a byte would jump by pixels.

    quantise.py MODEL.onnx OUT.onnx --data FOLDER [--pictures 160]      (onnxruntime's quantiser)
"""
import argparse
import hashlib
import json
import pathlib
import tempfile

import numpy as np
import onnx
from onnxruntime import quantization

import evaluate
import store


class Pictures(quantization.CalibrationDataReader):
    """Letterboxed pictures of all training stores, spread evenly."""

    def __init__(self, data, count, size):
        names = [n for n in ("photo-train", "scene-train", "clip-train") if store.exists(data, n)]
        self.left = []
        for name in names:
            stored = store.Store(data, name)
            for i in np.linspace(0, len(stored) - 1, count // len(names)).astype(int):
                self.left.append((stored, int(i)))
        self.size = size

    def get_next(self):
        if not self.left:
            return None
        stored, i = self.left.pop()
        picture = evaluate.letterbox(stored.picture(i), self.size)[0]
        return {"images": picture.transpose(2, 0, 1)[None].astype(np.float32) / 255}


def body(graph):
    """Names of the nodes to quantise: everything up to the heads' last convolutions, without what decodes."""
    kinds = {"Conv", "Relu", "Add", "Concat", "MaxPool", "Resize"}
    decoding = (".mix", ".placed", ".table", ".offsets", ".rows", ".edges", ".reach", ".sure")
    chosen = [n.name for n in graph.node if n.op_type in kinds and n.name != "output0" and
              not any(part in n.name for part in decoding) and not n.name.startswith("head") or
              n.name.endswith((".unit.conv", ".unit.relu", ".boxes.conv", ".score.conv"))]
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("output")
    parser.add_argument("--data", required=True, help="folder of the stores")
    parser.add_argument("--pictures", type=int, default=160)
    parser.add_argument("--size", type=int, nargs=2, default=(384, 224), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--method", choices=("minmax", "percentile", "entropy"), default="percentile")
    arguments = parser.parse_args()
    methods = {"minmax": quantization.CalibrationMethod.MinMax, "entropy": quantization.CalibrationMethod.Entropy,
               "percentile": quantization.CalibrationMethod.Percentile}
    source = onnx.load(arguments.model)
    with tempfile.TemporaryDirectory() as folder:
        made = pathlib.Path(folder) / "int8.onnx"
        quantization.quantize_static(
            arguments.model, str(made), Pictures(arguments.data, arguments.pictures, tuple(arguments.size)),
            quant_format=quantization.QuantFormat.QDQ, nodes_to_quantize=body(source.graph), per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
            calibrate_method=methods[arguments.method],
            extra_options={"CalibPercentile": 99.99, "ActivationSymmetric": False, "WeightSymmetric": True})
        model = onnx.load(str(made))
    props = {p.key: p.value for p in source.metadata_props}
    props["description"] += " (int8)"
    onnx.helper.set_model_props(model, props)
    del model.graph.value_info[:]
    onnx.checker.check_model(model, full_check=True)
    data = model.SerializeToString()
    pathlib.Path(arguments.output).write_bytes(data)
    print(json.dumps({"file": arguments.output, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}))


if __name__ == "__main__":
    main()
