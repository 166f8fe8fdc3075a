#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""How good a model is, source by source: AP50, recall of large people, false alarms.

Pictures are letterboxed as the model's metadata ask for; boxes pass the suppression that onnxdecode-yolo uses. What the
table calls `clip (one teacher)` are the boxes of score 0.5 or more of YOLOX-Nano's single look at the frame.

    evaluate.py MODEL.onnx|CHECKPOINT.pt --data FOLDER [--size 384 224] [--json FILE] [--pictures FOLDER]
"""
import argparse
import collections
import json
import pathlib

import numpy as np
from PIL import Image, ImageDraw

import boxes as boxlib
import store

THRESHOLD = 0.25  # the default of the decoder
SUPPRESS = 0.45   # likewise
LEAST = 0.01
CHECKS = ("scene-check", "clip-check", "photo-check", "picture-check")


def letterbox(picture, size):
    """-> uint8 [h, w, 3], scale, left, top."""
    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    w, h = round(width * scale), round(height * scale)
    left, top = (size[0] - w) // 2, (size[1] - h) // 2
    canvas = np.full((size[1], size[0], 3), 114, np.uint8)
    canvas[top:top + h, left:left + w] = Image.fromarray(picture).resize((w, h), Image.Resampling.BILINEAR)
    return canvas, (w / width, h / height), left, top


def rows_of(table, scale, left, top, width, height):
    """A picture's [5, N] -> x0, y0, x1, y1, score in its pixels, by falling score."""
    table = table[:, table[4] >= LEAST].T
    centre, half = table[:, :2], table[:, 2:4] / 2
    found = np.hstack([centre - half, centre + half])
    kept = boxlib.nms(found, table[:, 4], SUPPRESS)
    found = (found[kept] - [left, top, left, top]) / [*scale, *scale]
    found[:, 0::2] = found[:, 0::2].clip(0, width)
    found[:, 1::2] = found[:, 1::2].clip(0, height)
    return np.hstack([found, table[kept, 4:5]])


def detect(predict, stored, size, batch=8, every=1):
    """Yields (index, rows) of each picture. predict: float32 [n, 3, h, w] of 0..1 -> [n, 5, cells]."""
    chosen = range(0, len(stored), every)
    for start in range(0, len(chosen), batch):
        indices = chosen[start:start + batch]
        boxed = [letterbox(stored.picture(i), size) for i in indices]
        blob = np.stack([b[0] for b in boxed]).transpose(0, 3, 1, 2).astype(np.float32) / 255
        for i, table, (_, scale, left, top) in zip(indices, predict(blob), boxed):
            r = stored.records[i]
            yield i, rows_of(table, scale, left, top, r["width"], r["height"])


class Tally:
    """Hits and misses of one source."""

    def __init__(self):
        self.scores, self.hits = [], []
        self.people = self.pictures = self.large = self.large_found = self.empty = self.alarms = 0

    def add(self, rows, truth, ignored, height):
        verdict, _ = boxlib.match(rows[:, :4], truth, ignored)
        counted = verdict >= 0
        self.scores += list(rows[counted, 4])
        self.hits += list(verdict[counted])
        self.people += len(truth)
        self.pictures += 1
        sure = rows[rows[:, 4] >= THRESHOLD]
        large = truth[:, 3] - truth[:, 1] > height / 4
        _, found = boxlib.match(sure[:, :4], truth, ignored)
        self.large += int(large.sum())
        self.large_found += int((large & found).sum())
        if not len(truth) and not len(ignored):
            self.empty += 1
            self.alarms += bool(len(sure))

    def result(self):
        ap = boxlib.average_precision(self.scores, self.hits, self.people)
        return {"pictures": self.pictures, "people": self.people, "AP50": ap, "large": self.large,
                "large recall": self.large_found / self.large if self.large else None, "without people": self.empty,
                "false alarms": self.alarms}


def evaluate(predict, data, size, every=1, names=CHECKS, pictures=None):
    """-> {source: figures}; sources of a store are summed up under the store's name."""
    tallies = collections.defaultdict(Tally)
    for name in names:
        if not store.exists(data, name):
            continue
        stored = store.Store(data, name)
        for i, rows in detect(predict, stored, size, every=every):
            record, truth = stored.records[i], stored.boxes(i)
            people, ignored = truth[truth[:, 4] == store.PERSON, :4], truth[truth[:, 4] == store.IGNORE, :4]
            group = record["group"].rsplit("-", 1)[0] if name == "scene-check" else record["group"]
            for key in (name, f"{name}/{group}"):
                tallies[key].add(rows, people, ignored, record["height"])
            if "plain" in record and name == "clip-check":
                plain = stored.boxes(i, "plain")
                tallies["clip (one teacher)"].add(rows, plain[plain[:, 4] >= 0.5, :4], np.zeros((0, 4)),
                                                  record["height"])
            if pictures and i % 7 == 0:
                draw(stored.picture(i), rows, people, pathlib.Path(pictures) / f"{name}-{i:04d}.png")
    return {key: tally.result() for key, tally in tallies.items()}


def draw(picture, rows, truth, path):
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    for box in truth:
        pen.rectangle([float(v) for v in box[:4]], outline=(0, 200, 0))
    for row in rows[rows[:, 4] >= THRESHOLD]:
        pen.rectangle([float(v) for v in row[:4]], outline=(255, 40, 40))
        pen.text((float(row[0]) + 2, float(row[1])), f"{row[4]:.2f}", fill=(255, 255, 0))
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def table(results, sources=True):
    lines = ["| source | pictures | people | AP50 | recall of large people | false alarms |", "|---|---|---|---|---|---|"]
    for key, r in sorted(results.items()):
        if "/" in key and not sources:
            continue
        ap = "-" if r["AP50"] is None else f"{r['AP50']:.3f}"
        large = "-" if r["large recall"] is None else f"{r['large recall']:.3f} of {r['large']}"
        alarms = f"{r['false alarms']} of {r['without people']}" if r["without people"] else "-"
        lines.append(f"| {key} | {r['pictures']} | {r['people']} | {ap} | {large} | {alarms} |")
    return "\n".join(lines)


def predictor(path):
    """-> predict for evaluate(), of an ONNX file or a checkpoint."""
    if str(path).endswith(".onnx"):
        import onnxruntime
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return lambda blob: session.run(None, {"images": blob})[0]
    import torch
    import export
    net, _ = export.load(path)

    def predict(blob):
        with torch.no_grad():
            return net(torch.from_numpy(blob)).numpy()
    return predict


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--data", required=True, help="folder of the stores")
    parser.add_argument("--size", type=int, nargs=2, default=(384, 224), metavar=("WIDTH", "HEIGHT"))
    parser.add_argument("--json", type=pathlib.Path, help="write the figures here too")
    parser.add_argument("--pictures", help="draw every seventh picture into this folder: truth green, found red")
    arguments = parser.parse_args()
    results = evaluate(predictor(arguments.model), arguments.data, tuple(arguments.size), pictures=arguments.pictures)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(table(results))


if __name__ == "__main__":
    main()
