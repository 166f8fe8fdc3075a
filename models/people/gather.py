#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Stores the real frames: labelled photographs, and clips and pictures that the teacher labels.

Needs the folder `shared` (see PROVENANCE.md), ffmpeg, and ONNX Runtime for the teacher. The last third of each clip and
the photographs of the split `val` are only for checking. Clips and pictures whose licence does not allow training are
stored for checking alone.

    gather.py --data FOLDER [--shared ../shared]
"""
import argparse
import collections
import json
import multiprocessing
import os
import pathlib
import subprocess

import numpy as np
from PIL import Image, ImageOps

import store
import teacher

# Clip, width, height, every n-th frame of the first two thirds, of the last third.
CLIPS = (("one-by-one-person-detection", 768, 432, 5, 6), ("pets09-s2l1", 768, 576, 3, 6),
         ("people-preview", 480, 270, 1, 1), ("store-aisle-preview", 480, 270, 1, 1), ("car-detection", 768, 432, 12, 12))
ONLY_CHECK = (("mot17-street-8f", 1920, 1080, 1),)  # CC BY-NC-SA
CHUNK = 24  # frames around the cut between training and checking that neither gets


def labelled(shared, data):
    """The photographs of people/, split as their labels say."""
    folder = shared / "people"
    truth = json.loads((folder / "labels.json").read_text(encoding="utf-8"))
    boxes = collections.defaultdict(list)
    for item in truth["annotations"]:
        x, y, w, h = item["bbox"]
        kind = store.IGNORE if item.get("iscrowd") else store.PERSON
        boxes[item["image_id"]].append([x, y, x + w, y + h, kind])
    for split, name in (("train", "photo-train"), ("val", "photo-check")):
        if store.exists(data, name):
            continue
        writer = store.Writer(data, name)
        for image in truth["images"]:
            if image["split"] == split:
                with Image.open(folder / "images" / image["file_name"]) as picture:
                    writer.add(picture, boxes[image["id"]], image["source"])
        writer.close()


def frames(path, width, height):
    command = ["ffmpeg", "-v", "error", "-threads", "1", "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    size = width * height * 3
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        while len(data := process.stdout.read(size)) == size:
            yield np.frombuffer(data, np.uint8).reshape(height, width, 3)
    if process.returncode:
        raise RuntimeError(f"{path}: ffmpeg failed")


teach = None  # a worker's teacher


def prepare(models):
    global teach
    teach = teacher.Teacher(models)


def look(item):
    """In a worker: (frame, what to keep with it) -> the same and what the teacher sees."""
    return *item, *teach(item[0])


def chosen(path, width, height, every, check_every):
    """Frames of a clip, each with its number and whether it is for checking."""
    total = sum(1 for _ in frames(path, width, height))
    cut = total * 2 // 3
    gap = min(CHUNK, total // 12)
    print(f"{path.stem}: {total} frames, checked from frame {cut}", flush=True)
    for i, frame in enumerate(frames(path, width, height)):
        if i < cut - gap and i % every == 0:
            yield frame, (i, False)
        elif i >= cut and (i - cut) % check_every == 0:
            yield frame, (i, True)


def clips(shared, data, workers):
    if store.exists(data, "clip-check"):
        return
    learn, check = store.Writer(data, "clip-train"), store.Writer(data, "clip-check")
    for name, width, height, every, check_every in CLIPS:
        path = shared / "videos" / (name + ".mp4")
        for frame, (i, checks), rows, plain in workers.imap(look, chosen(path, width, height, every, check_every)):
            (check if checks else learn).add(frame, rows, name, plain=plain, frame=i)
    for name, width, height, every in ONLY_CHECK:
        numbered = ((frame, i) for i, frame in enumerate(frames(shared / "videos" / (name + ".mp4"), width, height)))
        for frame, i, rows, plain in workers.imap(look, (item for item in numbered if item[1] % every == 0)):
            check.add(frame, rows, name, plain=plain, frame=i)
    learn.close()
    check.close()


def opened(folder):
    for path in sorted(folder.iterdir()):
        if path.suffix in (".png", ".jpg"):
            with Image.open(path) as picture:
                picture = ImageOps.exif_transpose(picture).convert("RGB")
            picture.thumbnail((1280, 1280))
            yield np.asarray(picture), path.stem


def pictures(shared, data, workers):
    """Photographs of unstated licence: for checking alone."""
    if store.exists(data, "picture-check"):
        return
    writer = store.Writer(data, "picture-check")
    for picture, name, rows, plain in workers.imap(look, opened(shared / "images")):
        writer.add(Image.fromarray(picture), rows, name, plain=plain)
    writer.close()


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of the stores")
    parser.add_argument("--shared", type=pathlib.Path,
                        default=os.environ.get("ONYX_SHARED", here.parent.parent.parent / "shared"))
    arguments = parser.parse_args()
    shared = pathlib.Path(arguments.shared)
    labelled(shared, arguments.data)
    with multiprocessing.Pool(os.cpu_count(), prepare, (shared / "models",)) as workers:
        clips(shared, arguments.data, workers)
        pictures(shared, arguments.data, workers)


if __name__ == "__main__":
    main()
