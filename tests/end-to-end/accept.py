#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Real models on real pictures, against reference boxes: runs tools/accept_pictures.py of the shared folder.

usage: accept.py [MODEL...] [--formats F...]; without models: those below, RGB and NV12 (ONYX_ALL=1: everything).
"""
import os
import sys

import common
from common import Checks, environment, run

MODELS = ["yolov8n_640", "yolox_nano_416", "yolo26n_640"]


def main():
    checks = Checks()
    script = common.SHARED / "tools" / "accept_pictures.py"
    python = common.python_with("numpy")
    if not script.exists():
        checks.skip(f"no {script}")
    elif not common.has_gst():
        checks.skip("built without GStreamer")
    elif not python:
        checks.skip("no Python with numpy (tools/test makes one)")
    else:
        arguments = sys.argv[1:]
        if not arguments and os.environ.get("ONYX_ALL") != "1":
            arguments = [*MODELS, "--formats", "RGB", "NV12"]
        done = run(python, script, *arguments, env=environment(), timeout=3000)
        lines = done.stdout.splitlines()
        if done.returncode not in (0, 1) or not lines or " passed, " not in lines[-1]:
            checks.check(False, f"{script.name}: status {done.returncode}: {done.stderr[-800:]}")
        else:
            print("\n".join(lines[:-1]))
            checks.add(lines[-1])
    checks.done()


if __name__ == "__main__":
    main()
