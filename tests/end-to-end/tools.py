#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""onyx detect without a model and on the rendered scene, what tools/demo makes of its arguments, and tools/bench on a tiny
model: with the model of tiny_model.py in the place of the built-in one, so that no trained weights are needed."""
import json
import os
import pathlib
import shutil
import sys

import common
from common import BUILD, ONYX, SOURCE, Checks, environment, found_all, has_gst, objects_of_text, run


def check_builtin(checks, folder, env):
    """The model is left out: that of $ONYX_MODELS is used, and said once."""
    ppm = folder / "picture.ppm"
    common.write_ppm(ppm)
    done = run(ONYX, "detect", ppm, env=env)
    checks.check(done.returncode == 0 and found_all(objects_of_text(done.stdout)), f"detect: {done.stdout} {done.stderr}")
    checks.same(done.stderr.count("built-in people detector"), 1, f"it says which model: {done.stderr}")
    done = run(ONYX, "detect", ppm, env=environment(ONYX_MODELS=folder / "none"))
    checks.check(done.returncode == 1 and "people.onnx is not in" in done.stderr, f"without it: {done.stderr}")
    done = run(ONYX, "detect", "model.onnx", env=env)
    checks.check(done.returncode == 2 and "name a source" in done.stderr, f"a model alone: {done.stderr}")


def check_scene(checks, folder, env):
    sheet, jpg, lines = folder / "sheet.png", folder / "best.jpg", folder / "lines.jsonl"
    done = run(ONYX, "detect", "scene:seed=3 people=2", "--frames", "5", "--quiet", "--sheet", sheet, "-o", jpg, "--eval",
               lines, env=env)
    checks.check(done.returncode == 0 and "5 frames" in done.stderr, f"a scene: {done.stdout} {done.stderr}")
    checks.check(sheet.exists() and sheet.read_bytes()[1:4] == b"PNG", "a contact sheet")
    # 3 pictures of 480x270 and the gaps between, in one row: 5 frames have no second whole one.
    size = [int.from_bytes(sheet.read_bytes()[at:at + 4], "big") for at in (16, 20)] if sheet.exists() else None
    checks.same(size, [3 * 480 + 2 * 6, 270], "its size")
    checks.check(jpg.exists() and jpg.read_bytes()[:2] == b"\xff\xd8", "a JPEG")
    rows = [json.loads(line) for line in lines.read_text().splitlines()] if lines.exists() else []
    checks.check(len(rows) == 5 and all("truth" in row for row in rows), f"lines with truth: {str(rows)[:300]}")
    done = run(ONYX, "detect", "scene:no-such-property=1", env=env)
    checks.check(done.returncode == 1 and "no-such-property" in done.stderr, f"a wrong property: {done.stderr}")


def check_demo(checks, folder):
    """What needs no build: the words."""
    demo = SOURCE / "tools" / "demo"
    model = folder / "weights.bin"
    model.write_bytes((folder / "people.onnx").read_bytes())
    cases = ((("--help",), 0, "--camera"), (("a.onnx", "b.onnx"), 1, "a.onnx: no such file"), (("no.mp4",), 1, "no.mp4"),
             ((model, model), 1, "two models"), ((demo, demo), 1, "two sources"), (("--frames",), 2, "usage"),
             (("--fast",), 2, "unknown option"), (("--camera", "/dev/no-camera"), 1, "/dev/no-camera"))
    for words, status, text in cases:
        done = run(demo, *words, env=environment(ONYX_MODELS=folder))
        checks.check(done.returncode == status and text in done.stdout + done.stderr,
                     f"tools/demo {words}: expected {status} and '{text}', actual {done.returncode}: {done.stderr}")
    done = run(demo, env=environment(ONYX_MODELS=folder / "none"))
    checks.check(done.returncode == 1 and "people.onnx" in done.stderr, f"tools/demo without weights: {done.stderr}")


def check_bench(checks, folder):
    bench, out = SOURCE / "tools" / "bench", folder / "performance.md"
    out.write_text("# Mine\n\n<!-- tools/bench times -->\nold\n<!-- end of times -->\n\nkept\n")
    command = (sys.executable, bench, "--build", BUILD, "--no-build", "--quick", "--only", "times,nodes", "--models",
               folder / "people.onnx", "--python", sys.executable, "--write", out)
    env = environment(ONYX_CACHE=folder / "cache", PYTHONDONTWRITEBYTECODE="1")
    done = run(*command, env=env)
    text = out.read_text()
    checks.same(done.returncode, 0, f"tools/bench: {done.stderr}")
    checks.check(text.startswith("# Mine\n\n<!-- tools/bench times -->\n") and "\nkept\n" in text and "old" not in text,
                 f"what is a person's stays, what is bench's goes: {text}")
    checks.check("| people |" in text and "## Kinds of nodes" in text, f"its tables: {text}")
    done = run(*command, env=env)
    checks.check("0 measurements" in done.stderr and out.read_text() == text, f"nothing is measured twice: {done.stderr}")
    done = run(sys.executable, bench, "--only", "nothing", env=env)
    checks.check(done.returncode == 2 and "no section nothing" in done.stderr, f"a wrong section: {done.stderr}")


def main():
    checks = Checks()
    with common.scratch() as name:
        folder = pathlib.Path(name)
        common.write_model(folder / "people.onnx")
        if has_gst():
            env = environment(ONYX_MODELS=folder)
            check_builtin(checks, folder, env)
            check_scene(checks, folder, env)
        else:
            checks.skip("built without GStreamer")
        if shutil.which("bash") and os.name == "posix":
            check_demo(checks, folder)
        check_bench(checks, folder)
    checks.done()


if __name__ == "__main__":
    main()
