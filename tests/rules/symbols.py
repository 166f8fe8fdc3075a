#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The exported symbols of libonyx equal the stored list, and onyx.h declares exactly them.

usage: symbols.py LIBRARY LIST HEADER [--update]
"""
import re
import subprocess
import sys


def exported(library):
    table = subprocess.run(["nm", "-D", "--defined-only", library], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in table.splitlines())
    return {row[2] for row in rows if len(row) == 3 and row[1] != "A"}


def declared(header):
    text = re.sub(r"/\*.*?\*/", "", open(header, encoding="utf-8").read(), flags=re.DOTALL)
    return set(re.findall(r"ONYX_API[^;{]*?\b(onyx_\w+)\s*\(", text))


def main():
    library, stored, header = sys.argv[1:4]
    symbols = exported(library)
    if "--update" in sys.argv:
        with open(stored, "w", encoding="utf-8") as file:
            file.write("".join(symbol + "\n" for symbol in sorted(symbols)))
        return 0
    wanted = {line.strip() for line in open(stored, encoding="utf-8") if line.strip()}
    plain = {symbol.split("@")[0] for symbol in symbols}
    failed = 0
    checks = [
        ("exported but not in the list", symbols - wanted),
        ("in the list but not exported (an ABI break)", wanted - symbols),
        ("declared in onyx.h but not exported", declared(header) - plain),
        ("exported but not declared in onyx.h", plain - declared(header)),
    ]
    for what, names in checks:
        if names:
            print(f"FAILED {what}: {', '.join(sorted(names))}")
            failed += 1
    print(f"{len(checks) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
