#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""libonyx, stripped, stays small enough for a small board.

usage: library_size.py STRIP LIBRARY BUILDTYPE SANITIZE LIMIT_MB

Only release builds are measured: others have no reason to be small.
"""
import os
import subprocess
import sys
import tempfile


def main():
    strip, library, buildtype, sanitize, limit = sys.argv[1:6]
    if buildtype not in ("release", "minsize") or sanitize != "none":
        print(f"SKIPPED: a {buildtype} build with sanitizers '{sanitize}'\n0 passed, 0 failed, 1 skipped")
        return 0
    with tempfile.TemporaryDirectory() as folder:
        stripped = os.path.join(folder, "libonyx.so")
        if subprocess.run([strip, "-o", stripped, library]).returncode:
            print(f"SKIPPED: {strip} does not know this library\n0 passed, 0 failed, 1 skipped")
            return 0
        size = os.path.getsize(stripped)
    most = float(limit) * 1e6
    if size > most:
        print(f"FAILED {library}: {size} bytes stripped, {most:.0f} are allowed")
    print(f"{library}: {size} bytes stripped\n{int(size <= most)} passed, {int(size > most)} failed, 0 skipped")
    return size > most


if __name__ == "__main__":
    sys.exit(main())
