# SPDX-License-Identifier: BSD-2-Clause
"""Pictures and their boxes as two files: NAME.bin (RGB bytes, one picture after the other) and NAME.json.

A record: offset, width, height, group (the clip or seed it comes from), boxes [x0, y0, x1, y1, kind]; kind 0 is a
person, 1 a place that neither teaches nor counts. `plain` may hold boxes [x0, y0, x1, y1, score] of one teacher alone.
"""
import json
import os
import pathlib

import numpy as np
from PIL import Image

SIDE = 448  # longer side of what is stored: nothing is learnt from more
PERSON, IGNORE = 0, 1


class Writer:
    """Files appear under their names only when all is there."""

    def __init__(self, folder, name):
        self.path = pathlib.Path(folder) / name
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.file = open(f"{self.path}.bin.part", "wb")
        self.records = []

    def add(self, picture, boxes, group, **more):
        """picture: PIL or array; boxes in its pixels. Scaled down to SIDE, never up."""
        if not isinstance(picture, Image.Image):
            picture = Image.fromarray(picture)
        picture = picture.convert("RGB")
        scale = min(1.0, SIDE / max(picture.size))
        size = tuple(max(1, round(side * scale)) for side in picture.size)
        sx, sy = size[0] / picture.width, size[1] / picture.height
        if size != picture.size:
            picture = picture.resize(size, Image.Resampling.BOX if scale <= 0.5 else Image.Resampling.BILINEAR)

        def scaled(rows):
            by = np.array([sx, sy, sx, sy, 1])
            return (np.asarray(rows, np.float64).reshape(-1, 5) * by).round(3).tolist()

        record = {"offset": self.file.tell(), "width": size[0], "height": size[1], "group": group,
                  "boxes": scaled(boxes)}
        for key, value in more.items():
            record[key] = scaled(value) if key == "plain" else value
        self.records.append(record)
        self.file.write(np.asarray(picture, np.uint8).tobytes())

    def close(self):
        self.file.close()
        with open(f"{self.path}.json.part", "w", encoding="utf-8") as file:
            json.dump(self.records, file)
        os.replace(f"{self.path}.bin.part", f"{self.path}.bin")
        os.replace(f"{self.path}.json.part", f"{self.path}.json")
        people = sum(b[4] == PERSON for r in self.records for b in r["boxes"])
        print(f"{self.path.name}: {len(self.records)} pictures, {people} people", flush=True)


class Store:
    def __init__(self, folder, name):
        path = pathlib.Path(folder) / name
        self.name = name
        self.records = json.loads(path.with_name(name + ".json").read_text(encoding="utf-8"))
        self.bytes = np.memmap(path.with_name(name + ".bin"), np.uint8, "r")

    def __len__(self):
        return len(self.records)

    def picture(self, index):
        r = self.records[index]
        size = r["width"] * r["height"] * 3
        return self.bytes[r["offset"]:r["offset"] + size].reshape(r["height"], r["width"], 3)

    def boxes(self, index, key="boxes"):
        return np.array(self.records[index].get(key, []), np.float32).reshape(-1, 5)


def exists(folder, name):
    return (pathlib.Path(folder) / (name + ".json")).exists()
