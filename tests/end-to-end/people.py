#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The people detector that comes with Onyx, as a user gets it: onnxinfer without `model`, on scenes of seeds that no
training saw, measured by onyx eval. Skipped where there is no models/people/people.onnx (or $ONYX_MODELS).

As models/people/scenes.py has it for checking, truth of which less than 30 % is seen, or that is lower than 3 % of the
frame, is left out.
"""
import json
import os
import pathlib

import common
from common import BUILD, ONYX, Checks, has_gst, run

LEAST_AP50 = 0.90
MOST_LOST = 0.02  # by 8 bits
FIRST_SEED, SCENES = 910_000, 20  # neither trained on (100000...) nor chosen by (900000...)
CAMERAS, LIGHTS = ("corner", "entrance", "aisle", "overhead"), ("day", "evening", "dim", "harsh")
WIDTH, HEIGHT, FRAMES = 1280, 720, 4


def folder_of_models():
    """Where the plugin looks, too."""
    return pathlib.Path(os.environ.get("ONYX_MODELS") or BUILD / "models")


def scene(number):
    """Varied, but the same on every machine: no random numbers."""
    return {"seed": FIRST_SEED + number, "camera": CAMERAS[number % 4], "light": LIGHTS[(number // 4 + number) % 4],
            "people": (2, 4, 6, 8, 10, 12, 16)[number % 7], "crowding": (number * 37 % 100) / 100,
            "occlusion": (number * 53 % 80) / 100, "noise": (number * 29 % 50) / 100}


def detect(checks, number, out, *properties):
    words = [f"{key}={value}" for key, value in scene(number).items()]
    done = run("gst-launch-1.0", "onnxtestscene", f"num-buffers={FRAMES}", *words, "!",
               f"video/x-raw,format=NV12,width={WIDTH},height={HEIGHT},framerate=1/7", "!", "onnxinfer", *properties, "!",
               "onnxdecode-yolo", "confidence-threshold=0.01", "!", "onnxpublish", f"location={out}", "!", "fakesink",
               timeout=120)
    checks.same(done.returncode, 0, f"scene {number}: {done.stderr[-400:]}")
    if number == 0:
        said = done.stdout.count("using the built-in people detector")
        checks.same(said, 1, f"it is said once that the built-in model is used: {done.stdout}")


def average_precision(checks, folder, name, *properties):
    lines = folder / f"{name}.jsonl"
    with open(lines, "w", encoding="utf-8") as whole:
        for number in range(SCENES):
            part = folder / f"{name}-{number}.jsonl"
            detect(checks, number, part, *properties)
            if part.exists():
                whole.write(part.read_text(encoding="utf-8"))
    done = run(ONYX, "eval", lines, "--json", "--match", "order", "--min-visibility", "0.3", "--min-height", str(0.03 * HEIGHT))
    if not checks.same(done.returncode, 0, f"onyx eval: {done.stderr}"):
        return 0.0
    found = json.loads(done.stdout)
    checks.same(found["pictures"], SCENES * FRAMES, f"{name}: pictures")
    print(f"{name}: AP50 {found['summary']['AP50']:.4f}, AP {found['summary']['AP']:.4f}, {found['truth']} people in "
          f"{found['pictures']} pictures", flush=True)
    return found["summary"]["AP50"]


def main():
    checks = Checks()
    models = folder_of_models()
    if not has_gst():
        checks.skip("built without GStreamer")
        checks.done()
    if not (models / "people.onnx").exists():
        checks.skip(f"no {models}/people.onnx: the built-in model is not here")
        checks.done()
    with common.scratch() as name:
        folder = pathlib.Path(name)
        whole = average_precision(checks, folder, "float")
        checks.check(whole >= LEAST_AP50, f"AP50 on unseen scenes: expected at least {LEAST_AP50}, actual {whole:.4f}")
        if (models / "people-int8.onnx").exists():
            small = average_precision(checks, folder, "int8", "precision=int8")
            checks.check(abs(whole - small) <= MOST_LOST,
                         f"AP50 of int8: expected within {MOST_LOST} of {whole:.4f}, actual {small:.4f}")
        else:
            checks.skip(f"no {models}/people-int8.onnx")
    checks.done()


if __name__ == "__main__":
    main()
