#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The public ONNX backend suite through the whole engine: `onyx conformance` on what tests/ops/fetch_suite fetched, with
the passes and fast kernels of this machine, of AVX2 or plain C, and node by node. tests/ops runs the same vectors
through the rows alone.
"""
import os
import pathlib
import platform

import common
from common import ONYX, Checks, environment, run


def main():
    checks = Checks()
    folder = pathlib.Path(os.environ.get("ONYX_SUITE", common.CACHE / "suite"))
    if not next(folder.glob("*/complete"), None):
        checks.skip(f"no ONNX suite in {folder}: tests/ops/fetch_suite {folder}")
        checks.done()
    excluded = common.SOURCE / "tests" / "ops" / "suite.txt"
    ways = [("as it comes", (), {}), ("plain C kernels", (), {"ONYX_CPU": "c"}),
            ("node by node", ("--unoptimised",), {}), ("2 threads", ("--threads", "2"), {})]
    if platform.machine() == "x86_64":
        ways.append(("AVX2", (), {"ONYX_CPU": "avx2"}))
    for what, options, env in ways:
        done = run(ONYX, "conformance", "--exclude", excluded, *options, folder, env=environment(**env), timeout=900)
        lines = done.stdout.splitlines()
        print(what + ": " + (lines[-1] if lines else done.stderr))
        print("".join(f"  {line}\n" for line in lines if line.startswith("FAILED")), end="")
        if lines and " passed, " in lines[-1]:
            checks.add(lines[-1])
        else:
            checks.check(False, f"onyx conformance, {what}: status {done.returncode} {done.stderr[-500:]}")
    checks.done()


if __name__ == "__main__":
    main()
