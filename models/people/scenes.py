#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Renders scenes with onnxtestscene and stores frames with their exact truth.

Needs the built plug-in on GST_PLUGIN_PATH (or --plugin FOLDER). Every scene has its own seed, camera, light, crowd and
size; a few frames far apart in time are taken of each. Seeds of training and of checking never meet.

    scenes.py --data FOLDER [--plugin build/gst] [--train 400] [--check 40]
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import tempfile

import numpy as np

import store

FIRST = {"scene-train": 100_000, "scene-check": 900_000}  # first seed of each set
FRAMES = 6
SIZES = ((1280, 720), (448, 252), (960, 540), (448, 336), (640, 480), (448, 252))
CAMERAS, LIGHTS = ("corner", "entrance", "aisle", "overhead"), ("day", "evening", "dim", "harsh")
LEAST_SEEN, LEAST_HEIGHT = 0.3, 0.03  # of a person, of the frame's height: less neither teaches nor counts


def settings(seed):
    pick = random.Random(seed)
    return {"seed": seed, "camera": CAMERAS[seed % 4], "light": pick.choice(LIGHTS),
            "people": pick.choice((0, 2, 4, 6, 8, 10, 12, 16, 24)), "crowding": round(pick.random(), 2),
            "occlusion": round(pick.uniform(0, 0.8), 2), "noise": round(pick.random() ** 2, 2)}


def box_of(person, width, height):
    x0, y0 = max(person["x"], 0), max(person["y"], 0)
    x1, y1 = min(person["x"] + person["w"], width), min(person["y"] + person["h"], height)
    unclear = person["visibility"] < LEAST_SEEN or y1 - y0 < LEAST_HEIGHT * height
    return [x0, y0, x1, y1, store.IGNORE if unclear else store.PERSON]


def render(seed, folder):
    """Yields (picture, boxes) of one scene."""
    width, height = SIZES[random.Random(seed + 1).randrange(len(SIZES))]
    truth, pixels = folder / "truth.json", folder / "pixels.rgb"
    source = [f"{key}={value}" for key, value in settings(seed).items()]
    caps = f"video/x-raw,format=RGB,width={width},height={height},framerate=1/7"
    command = ["gst-launch-1.0", "-q", "onnxtestscene", f"num-buffers={FRAMES}", *source, "!", caps, "!",
               "onnxpublish", f"location={truth}", "!", "filesink", f"location={pixels}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    lines = [json.loads(line) for line in truth.read_text(encoding="utf-8").splitlines()]
    frame_bytes = os.path.getsize(pixels) // FRAMES
    # Rows of RGB are padded to four bytes.
    frames = np.fromfile(pixels, np.uint8).reshape(FRAMES, height, frame_bytes // height)
    for line, frame in zip(lines, frames, strict=True):
        picture = frame[:, :width * 3].reshape(height, width, 3)
        yield picture, [box_of(person, width, height) for person in line["truth"]]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the stores")
    parser.add_argument("--plugin", help="folder of libgstonyx.so")
    parser.add_argument("--train", type=int, default=400, help="scenes to train on")
    parser.add_argument("--check", type=int, default=40, help="scenes to check with")
    arguments = parser.parse_args()
    if arguments.plugin:
        os.environ["GST_PLUGIN_PATH"] = arguments.plugin
    for name, count in (("scene-check", arguments.check), ("scene-train", arguments.train)):
        if store.exists(arguments.data, name):
            continue
        writer = store.Writer(arguments.data, name)
        with tempfile.TemporaryDirectory() as folder:
            for seed in range(FIRST[name], FIRST[name] + count):
                for picture, boxes in render(seed, pathlib.Path(folder)):
                    writer.add(picture, boxes, f"{settings(seed)['camera']}-{seed}")
                if (seed + 1) % 20 == 0:
                    print(f"{name}: {seed + 1 - FIRST[name]} of {count} scenes", flush=True)
        writer.close()


if __name__ == "__main__":
    main()
