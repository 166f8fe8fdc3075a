#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real models against stored vectors: makes ONNX backend tests with the shared folder's tools/vectors.py (ONNX Runtime,
all its optimisations off) and runs `onyx conformance` on them.

Bounds: rtol 1e-3, an absolute part of the output's range, and the part of the elements that may lie outside.
float32    1e-4 and none: the promise for every float32 model.
float16    2e-2 and none: ONNX Runtime rounds every intermediate value to float16 (2^-11 relative), Onyx not all of them.
quantised  3e-2 and 1e-3: a value near a rounding boundary falls on one side or the other by the last bit of a float
           sum, one step of 8 bits is 4e-3 of a range, and later layers carry it on. ONNX Runtime's own optimised run of
           yolo11n_qdq differs from its plain run by up to 0.10 of the range, in 92 of 705600 elements by more than 3e-2
           (2026-11-21, onnxruntime 1.31.1).
"""
import os

import common
from common import ONYX, Checks, run

BOUNDS = (("float32", "1e-4", "0"), ("float16", "2e-2", "0"), ("quantised", "3e-2", "1e-3"))


def kind_of(name):
    if any(mark in name for mark in ("int8", "qdq", "qlinear")):
        return "quantised"
    return "float16" if "fp16" in name else "float32"


def make(python, folder):
    """Writes the vectors once; newer models or tools make them again. -> error text or None."""
    sources = [common.SHARED / "tools" / "vectors.py", *(common.SHARED / "models").glob("*/model.onnx")]
    done = folder / "done"
    if done.exists() and done.stat().st_mtime > max(s.stat().st_mtime for s in sources):
        return None
    made = run(python, sources[0], folder, timeout=900)
    if made.returncode:
        return (made.stdout + made.stderr)[-800:]
    done.touch()
    return None


def main():
    checks = Checks()
    python = common.python_with("numpy", "onnx", "onnxruntime", "PIL")
    if not (common.SHARED / "tools" / "vectors.py").exists():
        checks.skip(f"no {common.SHARED}/tools/vectors.py")
        checks.done()
    if not python:
        checks.skip("no Python with numpy, onnx, onnxruntime and pillow (tools/test makes one)")
        checks.done()
    folder = common.CACHE / "vectors"
    folder.mkdir(parents=True, exist_ok=True)
    problem = make(python, folder)
    if not checks.check(not problem, f"vectors.py: {problem}"):
        checks.done()
    for threads in ("1", "2") if os.environ.get("ONYX_ALL") == "1" else ("1",):
        for kind, bound, outliers in BOUNDS:
            tests = sorted(p.parent for p in folder.glob("*/model.onnx") if kind_of(p.parent.name) == kind)
            if not tests:
                continue
            done = run(ONYX, "conformance", "--strict", "-v", "--jobs", "1", "--threads", threads, "--rtol", "1e-3",
                       "--atol-range", bound, "--outliers", outliers, *tests, timeout=900)
            lines = done.stdout.splitlines()
            print(f"{kind}, {threads} threads, {bound} of the range, {outliers} outside")
            print("\n".join("  " + line for line in lines[:-1]))
            if lines and " passed, " in lines[-1]:
                checks.add(lines[-1])
            else:
                checks.check(False, f"onyx conformance: status {done.returncode} {done.stderr[-500:]}")
    checks.done()


if __name__ == "__main__":
    main()
