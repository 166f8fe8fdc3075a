#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A generated file equals what its command prints now.

usage: generated.py FILE COMMAND...
"""
import difflib
import subprocess
import sys


def main():
    path, command = sys.argv[1], sys.argv[2:]
    made = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    with open(path, encoding="utf-8") as file:
        stored = file.read()
    if made == stored:
        print("1 passed, 0 failed, 0 skipped")
        return 0
    sys.stdout.writelines(list(difflib.unified_diff(stored.splitlines(True), made.splitlines(True), "stored", "made now"))[:40])
    print(f"FAILED {path} is out of date; make it again: {' '.join(command)} > {path}")
    print("0 passed, 1 failed, 0 skipped")
    return 1


if __name__ == "__main__":
    sys.exit(main())
