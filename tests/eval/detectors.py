#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How many of onnxtestscene's people do detectors find that were trained on photographs?

Renders scenes with gst-launch-1.0 (GST_PLUGIN_PATH must have libgstonyx), runs the detectors of ../shared/models with
onnxruntime, and prints recall and false alarms of each. People count if they are taller than --height pixels and at
least half seen; found means a score of at least 0.4 and an IoU of at least 0.5 with the whole or the seen box.

usage: detectors.py [--seeds 1,2] [--frames 10] [--height 80] [--save FOLDER] [detector ...]
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile

import numpy
import onnxruntime
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 1280, 720
SHARED = pathlib.Path(os.environ.get("ONYX_SHARED", pathlib.Path(__file__).resolve().parents[2] / ".." / "shared"))
CAMERAS = ["corner", "entrance", "aisle", "overhead"]
SCORE, IOU = 0.4, 0.5


def resized(frame, width, height, stretch=False, corner=False, pad=114):
    """The picture on a canvas, and how a point of it goes back: x = (x' - left) / scale_x."""
    scale = min(width / WIDTH, height / HEIGHT)
    size = (width, height) if stretch else (round(WIDTH * scale), round(HEIGHT * scale))
    left, top = (0, 0) if stretch or corner else ((width - size[0]) // 2, (height - size[1]) // 2)
    canvas = numpy.full((height, width, 3), pad, numpy.float32)
    canvas[top:top + size[1], left:left + size[0]] = numpy.asarray(Image.fromarray(frame).resize(size, Image.BILINEAR))
    return canvas, (size[0] / WIDTH, size[1] / HEIGHT, left, top)


def nchw(canvas, bgr=False, mean=(0, 0, 0), std=(1, 1, 1)):
    canvas = canvas[:, :, ::-1] if bgr else canvas
    return numpy.ascontiguousarray(((canvas - mean) / std).transpose(2, 0, 1)[None].astype(numpy.float32))


def back(boxes, scores, way):
    sx, sy, left, top = way
    boxes = (boxes - [left, top, left, top]) / [sx, sy, sx, sy]
    return suppress(numpy.clip(boxes, 0, [WIDTH, HEIGHT, WIDTH, HEIGHT]), scores)


def ious(box, boxes):
    low, high = numpy.maximum(box[:2], boxes[:, :2]), numpy.minimum(box[2:], boxes[:, 2:])
    both = numpy.prod(numpy.clip(high - low, 0, None), axis=1)
    return both / (numpy.prod(box[2:] - box[:2]) + numpy.prod(boxes[:, 2:] - boxes[:, :2], axis=1) - both + 1e-9)


def suppress(boxes, scores, iou=0.6):
    order, kept = numpy.argsort(-scores, kind="stable"), []
    for i in order:
        if not kept or ious(boxes[i], boxes[kept]).max() < iou:
            kept.append(i)
    return boxes[kept], scores[kept]


def corners(rows):
    return numpy.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, :2] + rows[:, 2:4] / 2], axis=1)


def yolo(session, frame):
    canvas, way = resized(frame, 640, 640)
    rows = session.run(None, {session.get_inputs()[0].name: nchw(canvas, std=(255,) * 3)})[0][0].T
    rows = rows[(rows[:, 4] >= SCORE) & (rows[:, 4:].argmax(1) == 0)]
    return back(corners(rows), rows[:, 4], way)


def yolox(session, frame):
    canvas, way = resized(frame, 416, 416, corner=True)
    rows = session.run(None, {session.get_inputs()[0].name: nchw(canvas, bgr=True)})[0][0]
    grid = [(x, y, s) for s in (8, 16, 32) for y in range(416 // s) for x in range(416 // s)]
    grid = numpy.array(grid, numpy.float32)
    score = rows[:, 4] * rows[:, 5]
    boxes = numpy.concatenate([(rows[:, :2] + grid[:, :2]) * grid[:, 2:], numpy.exp(rows[:, 2:4]) * grid[:, 2:]], axis=1)
    keep = (score >= SCORE) & (rows[:, 5:].argmax(1) == 0)
    return back(corners(boxes[keep]), score[keep], way)


def distances(session, tensor, strides, shift, way):
    outputs = [o.reshape(-1, o.shape[-1]) for o in session.run(None, {session.get_inputs()[0].name: tensor})]
    boxes, scores = [], []
    for stride in strides:
        n = 320 // stride
        own = {o.shape[1]: o for o in outputs if o.shape[0] == n * n}
        bins = own[32].reshape(-1, 4, 8)
        bins = numpy.exp(bins - bins.max(2, keepdims=True))
        side = (bins / bins.sum(2, keepdims=True)) @ numpy.arange(8) * stride
        y, x = numpy.divmod(numpy.arange(n * n), n)
        cx, cy = x * stride + shift(stride), y * stride + shift(stride)
        keep = (own[80][:, 0] >= SCORE) & (own[80].argmax(1) == 0)
        boxes.append(numpy.stack([cx - side[:, 0], cy - side[:, 1], cx + side[:, 2], cy + side[:, 3]], 1)[keep])
        scores.append(own[80][keep, 0])
    return back(numpy.concatenate(boxes), numpy.concatenate(scores), way)


def picodet(session, frame):
    canvas, way = resized(frame, 320, 320, stretch=True)
    tensor = nchw(canvas, mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    return distances(session, tensor, (8, 16, 32, 64), lambda s: 0.5 * (s - 1), way)


def nanodet(session, frame):
    canvas, way = resized(frame, 320, 320)
    tensor = nchw(canvas, bgr=True, mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395))
    return distances(session, tensor, (8, 16, 32), lambda s: 0.5 * s, way)


DETECTORS = {"yolov8n_640": yolo, "yolo11n_640": yolo, "yolox_nano_416": yolox, "picodet_s_320": picodet, "nanodet_m_320": nanodet}


def render(seed, camera, frames, folder):
    raw, lines = folder / "raw", folder / "truth.json"
    light = ["day", "evening", "day", "harsh", "dim"][seed % 5]
    subprocess.run(["gst-launch-1.0", "-q", "onnxtestscene", f"seed={seed}", f"camera={camera}", f"num-buffers={frames}",
                    f"people={8 + seed * 3 % 9}", f"light={light}", "!", f"video/x-raw,format=RGB,width={WIDTH},height={HEIGHT},framerate=1/2",
                    "!", "onnxpublish", f"location={lines}", "!", "filesink", f"location={raw}"], check=True)
    pixels = numpy.fromfile(raw, numpy.uint8).reshape(-1, HEIGHT, WIDTH, 3)
    return list(zip(pixels, [json.loads(line)["truth"] for line in lines.read_text().splitlines()]))


def box_of(r):
    return [r["x"], r["y"], r["x"] + r["w"], r["y"] + r["h"]]


def compare(found, scores, truth, least):
    """(people that count, of them found, false alarms)"""
    whole = numpy.array([box_of(t) for t in truth] or numpy.zeros((0, 4)), numpy.float64).reshape(-1, 4)
    seen = numpy.array([box_of(t["seen"]) for t in truth] or numpy.zeros((0, 4)), numpy.float64).reshape(-1, 4)
    free, false = set(range(len(truth))), 0
    for box in found:
        best = numpy.maximum(ious(box, whole), ious(box, seen)) if len(truth) else numpy.zeros(0)
        match = max(free, key=lambda i: best[i], default=None)
        if match is not None and best[match] >= IOU:
            free.discard(match)
        elif not len(truth) or best.max() < 0.2:
            false += 1
    counted = {i for i, t in enumerate(truth) if t["h"] > least and t["visibility"] >= 0.5}
    return len(counted), len(counted - free), false


def save(path, frame, truth, found, scores):
    image = Image.fromarray(frame)
    draw = ImageDraw.Draw(image)
    for t in truth:
        draw.rectangle(box_of(t), outline=(0, 200, 0))
    for box, score in zip(found, scores):
        draw.rectangle(list(box), outline=(255, 0, 0), width=2)
        draw.text((box[0] + 3, box[1] + 2), f"{score:.2f}", fill=(255, 0, 0))
    image.save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--frames", type=int, default=10)
    parser.add_argument("--height", type=float, default=80)
    parser.add_argument("--save", type=pathlib.Path)
    parser.add_argument("detector", nargs="*", default=list(DETECTORS))
    options = parser.parse_args()
    sets = {}
    with tempfile.TemporaryDirectory() as folder:
        for camera in CAMERAS:
            sets[camera] = [f for seed in options.seeds.split(",") for f in render(int(seed), camera, options.frames, pathlib.Path(folder))]
    print(f"{'detector':16}" + "".join(f"{c:>16}" for c in CAMERAS) + f"{'all':>18}{'false/frame':>13}")
    for name in options.detector:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.log_severity_level = 1, 3
        session = onnxruntime.InferenceSession(str(SHARED / "models" / name / "model.onnx"), settings, providers=["CPUExecutionProvider"])
        cells, total = [], numpy.zeros(3, int)
        for camera, frames in sets.items():
            sums = numpy.zeros(3, int)
            for i, (frame, truth) in enumerate(frames):
                found, scores = DETECTORS[name](session, frame)
                sums += compare(found, scores, truth, options.height)
                if options.save:
                    options.save.mkdir(parents=True, exist_ok=True)
                    save(options.save / f"{name}-{camera}-{i:03d}.png", frame, truth, found, scores)
            cells.append(f"{sums[1]:5d}/{sums[0]:<4d}{sums[1] / max(sums[0], 1):6.1%}")
            total += sums
        count = sum(len(f) for f in sets.values())
        print(f"{name:16}" + "".join(f"{c:>16}" for c in cells) + f"{total[1]:7d}/{total[0]:<4d}{total[1] / max(total[0], 1):6.1%}{total[2] / count:13.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
