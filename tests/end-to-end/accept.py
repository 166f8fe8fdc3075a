#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real models on real pictures, against reference boxes: runs tools/accept_pictures.py of the shared folder.

usage: accept.py [MODEL...] [--formats F...]; without models: those below, RGB and NV12 (ONYX_ALL=1: everything).

A case that fails is looked at again without Onyx (ideal_pixels.py). Where ONNX Runtime, given the pixels of the very
frame in double precision, deviates from the reference too, the decoder, the chroma's subsampling or the order of exact
arithmetic has changed the boxes: the case is counted as skipped, and named. What only our pipeline gets wrong is a
failure.
"""
import os
import re
import sys

import common
from common import HERE, Checks, environment, run

MODELS = ["yolov8n_640", "yolox_nano_416", "yolo26n_640"]


def judge(checks, python, lines):
    """lines: accept_pictures.py's output without its end. -> cases that stay failures."""
    complaints = {}
    for line in lines:
        case = re.match(r"(\S+) (\S+) (\S+): (.*)", line)
        if case:
            complaints.setdefault(":".join(case.groups()[:3]), []).append(case[4])
    if not complaints:
        return
    ideal = run(python, HERE / "ideal_pixels.py", common.SHARED, *complaints, timeout=1800)
    verdicts = {":".join(line.split()[:3]): line for line in ideal.stdout.splitlines() if len(line.split()) > 3}
    for case, texts in complaints.items():
        verdict = verdicts.get(case, f"not judged: {ideal.stderr[-300:]}")
        if " deviates: " in verdict:
            checks.skip(f"{case}: {'; '.join(texts)}; ONNX Runtime on the same frame {verdict.split(' ', 3)[3]}")
        else:
            checks.check(False, f"{case}: {'; '.join(texts)} ({verdict})")


def main():
    checks = Checks()
    script = common.SHARED / "tools" / "accept_pictures.py"
    python = common.python_with("numpy", "onnxruntime", "PIL")
    if not script.exists():
        checks.skip(f"no {script}")
    elif not common.has_gst():
        checks.skip("built without GStreamer")
    elif not python:
        checks.skip("no Python with numpy, onnxruntime and pillow (tools/test makes one)")
    else:
        arguments = sys.argv[1:]
        if not arguments and os.environ.get("ONYX_ALL") != "1":
            arguments = [*MODELS, "--formats", "RGB", "NV12"]
        done = run(python, script, *arguments, env=environment(), timeout=3000)
        lines = done.stdout.splitlines()
        if done.returncode not in (0, 1) or not lines or " passed, " not in lines[-1]:
            checks.check(False, f"{script.name}: status {done.returncode}: {done.stderr[-800:]}")
        else:
            checks.passed += int(lines[-1].split()[0])
            judge(checks, python, lines[:-1])
    checks.done()


if __name__ == "__main__":
    main()
