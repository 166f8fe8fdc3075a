#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Cheap rules over all files of the project: licence line, features by #if, no machine paths, names, file length,
commit subjects.

usage: text.py ROOT
"""
import pathlib
import re
import subprocess
import sys

SOURCES = {".c", ".h", ".cu", ".py", ".sh", ".build", ".proto"}
WIDEST = 120  # of C, but for the rows of tables in tests; clang-format keeps it elsewhere
LONGEST = 600  # design, section 10: a longer file asks for a second room (warning; row tables are exempt)
MACHINE_PATH = re.compile(r"(?<![\w.])/(?:work|home|root|tmp/bash|Users)/[\w.-]+")
FEATURE = re.compile(r"^\s*#\s*if(?:n?def\s+|.*\bdefined\s*\(?\s*)(?:HAVE_|ONYX_HAVE|ONYX_WITH|ENABLE_|WITH_|USE_)", re.MULTILINE)
SUBJECT = re.compile(r"^[a-z0-9][a-z0-9 ,+/_.-]*: \S.*[^.]$")


def is_source(path):
    if path.suffix in SOURCES or path.name == "meson.build":
        return True
    try:
        with open(path, "rb") as file:
            return file.read(2) == b"#!"
    except OSError:
        return False


def tracked(root):
    listing = subprocess.run(["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
                             capture_output=True, check=False)
    if listing.returncode == 0:
        return [root / name for name in listing.stdout.decode().split("\0") if name]
    return [p for p in root.rglob("*") if p.is_file() and not any(q.startswith((".git", "build", ".cache")) for q in p.parts)]


def complaints(path, text):
    head = "\n".join(text.splitlines()[:4])
    if "SPDX-License-Identifier:" not in head:
        yield "no SPDX-License-Identifier in the first lines"
    for match in FEATURE.finditer(text):
        yield f"line {text.count(chr(10), 0, match.start()) + 1}: features are 0 or 1 and asked with #if: {match.group(0).strip()}"
    if path.suffix in (".c", ".h") and re.search(r"\bTODO\b(?!.*#\d)", text):
        yield "TODO without an issue number"
    for number, line in enumerate(text.splitlines(), 1):
        found = MACHINE_PATH.search(line)
        if found:
            yield f"line {number}: path of one machine: {found.group(0)}"
        if path.suffix in (".c", ".h") and "tests" not in path.parts and len(line) > WIDEST:
            yield f"line {number}: {len(line)} columns, more than {WIDEST}"
        if line.endswith((" ", "\t")) and path.suffix != ".md":
            yield f"line {number}: blanks at the end"


def commit_subjects(root):
    log = subprocess.run(["git", "-C", str(root), "log", "--format=%s", "-n", "200"], capture_output=True, text=True, check=False)
    for subject in log.stdout.splitlines() if log.returncode == 0 else []:
        if subject.startswith(("Merge ", "Revert ")):
            continue
        if len(subject) > 65:
            yield f"commit subject longer than 65 characters: {subject}"
        elif not SUBJECT.match(subject):
            yield f'commit subject is not "area: what" without a full stop: {subject}'


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    passed = failed = 0
    for path in sorted(tracked(root)):
        if not path.is_file() or path.name == "LICENSE" or not is_source(path) or path == pathlib.Path(__file__).resolve():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found = list(complaints(path, text))
        for complaint in found:
            print(f"FAILED {path.relative_to(root)}: {complaint}")
        passed, failed = passed + (not found), failed + bool(found)
        lines = text.count("\n")
        if lines > LONGEST and path.suffix in (".c", ".h", ".cu"):
            print(f"warning: {path.relative_to(root)} has {lines} lines; would two files be clearer?")
    for subject in commit_subjects(root):
        print("warning:", subject)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
