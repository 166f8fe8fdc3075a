# SPDX-License-Identifier: BSD-2-Clause
"""write_node_tests.py FOLDER: the node tests of the installed onnx package, which from release 1.23 on exist only as
Python objects, as folders in the form of the older releases."""

import json
import pathlib
import sys
import warnings

warnings.simplefilter("ignore")
from onnx import TensorProto, numpy_helper  # noqa: E402
from onnx.backend.test.loader import load_model_tests  # noqa: E402

WRITERS = {
    "map_type": numpy_helper.from_dict,
    "sequence_type": numpy_helper.from_list,
    "optional_type": numpy_helper.from_optional,
}


def message(value, info):
    if isinstance(value, TensorProto):
        return value
    return WRITERS.get(info.type.WhichOneof("value"), numpy_helper.from_array)(value, info.name)


def write(case, folder):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(case.model.SerializeToString())
    if (case.rtol, case.atol) != (1e-3, 1e-7):
        (folder / "data.json").write_text(json.dumps({"rtol": case.rtol, "atol": case.atol}))
    for i, (inputs, outputs) in enumerate(case.data_sets):
        data = folder / f"test_data_set_{i}"
        data.mkdir(exist_ok=True)
        graph = case.model.graph
        for what, values, infos in (("input", inputs, graph.input), ("output", outputs, graph.output)):
            for j, (value, info) in enumerate(zip(values, infos)):
                (data / f"{what}_{j}.pb").write_bytes(message(value, info).SerializeToString())


cases = load_model_tests(kind="node")
for case in cases:
    write(case, pathlib.Path(sys.argv[1]) / "node" / case.name)
print(f"{len(cases)} node tests")
