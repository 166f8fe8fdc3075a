#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Each header compiles alone: all of engine/ as C11, onyx.h also strictly and as C++, gst/ with GStreamer's flags.

usage: headers.py ROOT CC [CXX or ""] [pkg-config flags for gst/ ...]
"""
import pathlib
import subprocess
import sys

WARNINGS = ["-Wall", "-Wextra", "-Wundef", "-Werror", "-Wno-unused-function", "-Wno-unused-parameter", "-fsyntax-only"]
SPECIAL = {"engine/cpu/x86": ["-mavx2", "-mfma", "-mf16c", "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mavx512vnni"]}


def compile_one(command, header, language):
    text = f'#include "{header}"\n'
    return subprocess.run([*command, "-x", language, "-"], input=text, capture_output=True, text=True, check=False)


def flags_for(relative):
    return next((flags for folder, flags in SPECIAL.items() if str(relative).startswith(folder)), [])


def main():
    root, cc, cxx, gst = pathlib.Path(sys.argv[1]), sys.argv[2].split(), sys.argv[3].split(), sys.argv[4:]
    base = [*cc, "-std=c11", "-D_GNU_SOURCE", f"-I{root}/engine", *WARNINGS]
    jobs = []
    for header in sorted(root.glob("engine/**/*.h")):
        relative = header.relative_to(root)
        if "arm" in relative.parts or relative.name.endswith(("_body.h", "_loops.h")):
            continue  # another processor's intrinsics; bodies that are included once per instruction set or type
        jobs.append((str(relative), [*base, *flags_for(relative)], header, "c"))
    public = root / "engine/onyx.h"
    jobs.append(("onyx.h -Wpedantic", [*cc, "-std=c11", "-Wpedantic", *WARNINGS], public, "c"))
    if cxx:
        jobs.append(("onyx.h as C++", [*cxx, "-std=c++11", "-Wpedantic", *WARNINGS], public, "c++"))
    if gst:
        for header in sorted(root.glob("gst/**/*.h")):
            jobs.append((str(header.relative_to(root)), [*base, f"-I{root}/gst", f"-I{root}/gst/meta", *gst], header, "c"))
    passed = failed = 0
    for name, command, header, language in jobs:
        run = compile_one(command, header, language)
        passed, failed = passed + (run.returncode == 0), failed + (run.returncode != 0)
        if run.returncode:
            print(f"FAILED {name}:\n{run.stderr.strip()}")
    if not cxx:
        print("SKIPPED: onyx.h as C++: no C++ compiler")
    print(f"{passed} passed, {failed} failed, {0 if cxx else 1} skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
