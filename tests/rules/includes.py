#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who may call whom (design, section 1): checks every #include of the tree against the table below.

usage: includes.py ROOT
"""
import pathlib
import re
import sys

# room -> rooms whose headers it may include, beside its own and onyx.h
MAY = {
    "engine/base": set(),
    "engine/ops": {"base"},
    "engine/cpu": {"base"},
    "engine/cuda": {"base"},
    "engine/model": {"base", "ops"},
    "engine/graph": {"base", "ops", "model"},
    "engine/plan": {"base", "ops", "model", "graph", "cpu", "cuda"},
    "engine/run": {"base", "ops", "model", "graph", "plan", "cpu", "cuda", "vision"},
    "engine/vision": {"base", "run"},
}
OUTSIDE = re.compile(r"^(glib|gst|gio|json-glib|cairo|pango|gdk|json-c|opencv)", re.IGNORECASE)
INCLUDE = re.compile(r'^\s*#\s*include\s+[<"]([^>"]+)[>"]', re.MULTILINE)
ROOMS = {room.split("/")[1] for room in MAY}


def complaints(root, path):
    relative = path.relative_to(root)
    room = "/".join(relative.parts[:2])
    own = relative.parts[1]
    text = path.read_text(encoding="utf-8")
    for match in INCLUDE.finditer(text):
        header = match.group(1)
        line = text.count("\n", 0, match.start()) + 1
        first = header.split("/")[0]
        if OUTSIDE.match(header):
            yield f"{relative}:{line}: the engine knows no {header}"
        elif "/" in header and first in ROOMS and first != own and first not in MAY.get(room, set()):
            yield f"{relative}:{line}: {room} may not include {header}"
        elif header.startswith(".."):
            yield f"{relative}:{line}: includes are written from engine/, not with .."


def main():
    root = pathlib.Path(sys.argv[1])
    passed = failed = 0
    for path in sorted(root.glob("engine/*/**/*.[ch]")):
        found = list(complaints(root, path))
        for complaint in found:
            print("FAILED", complaint)
        passed, failed = passed + (not found), failed + bool(found)
    for path in sorted(root.glob("gst/**/*.[ch]")):
        text = path.read_text(encoding="utf-8")
        bad = [h for h in INCLUDE.findall(text) if h.split("/")[0] in ROOMS - {"base", "vision"} and "/" in h]
        for header in bad:
            print(f"FAILED {path.relative_to(root)}: elements call onyx.h (and vision), not {header}")
        passed, failed = passed + (not bad), failed + bool(bad)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
