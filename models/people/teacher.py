# SPDX-License-Identifier: BSD-2-Clause
"""Two detectors that are free to use (Apache-2.0) say where people are: YOLOX-Nano and PicoDet-S, run by ONNX Runtime.

Each looks at the whole picture and at overlapping parts of it, both ways round; boxes of all looks that agree are
averaged. What both are sure of teaches, what only one half believes is left out of teaching and counting.
"""
import numpy as np

import boxes as boxlib

SURE, DOUBTFUL = 0.42, 0.12  # scores of the pair: above, a person; between, neither person nor background
LEAST = 0.05                 # scores of a single look below this are not kept
SAME = 0.55                  # overlap of two looks at one person


def session(path):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def grids(strides, size):
    """Cells of all strides: x, y, stride."""
    rows = []
    for stride in strides:
        y, x = np.mgrid[0:-(-size // stride), 0:-(-size // stride)]
        rows.append(np.stack([x.ravel(), y.ravel(), np.full(x.size, stride)], 1))
    return np.vstack(rows).astype(np.float32)


class Yolox:
    """Letterbox to the top left of 416x416, BGR 0..255."""

    def __init__(self, path):
        self.session, self.cells = session(path), grids((8, 16, 32), 416)

    def __call__(self, picture):
        from PIL import Image
        height, width = picture.shape[:2]
        scale = min(416 / width, 416 / height)
        size = (round(width * scale), round(height * scale))
        canvas = np.full((416, 416, 3), 114, np.uint8)
        canvas[:size[1], :size[0]] = Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR)
        blob = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1)[None], np.float32)
        out = self.session.run(None, {self.session.get_inputs()[0].name: blob})[0][0]
        stride = self.cells[:, 2:]
        centre, side = (out[:, :2] + self.cells[:, :2]) * stride, np.exp(out[:, 2:4]) * stride
        found = np.hstack([centre - side / 2, centre + side / 2]) / scale
        return finish(found, out[:, 4] * out[:, 5], width, height)


class Picodet:
    """Stretched to 320x320, standardised RGB."""
    MEAN = np.array([123.675, 116.28, 103.53], np.float32)
    SPREAD = np.array([58.395, 57.12, 57.375], np.float32)

    def __init__(self, path):
        self.session, self.cells = session(path), grids((8, 16, 32, 64), 320)

    def __call__(self, picture):
        from PIL import Image
        height, width = picture.shape[:2]
        small = np.asarray(Image.fromarray(picture).resize((320, 320), Image.Resampling.BILINEAR), np.float32)
        blob = np.ascontiguousarray(((small - self.MEAN) / self.SPREAD).transpose(2, 0, 1)[None])
        out = self.session.run(None, {self.session.get_inputs()[0].name: blob})
        scores = np.concatenate([o[0] for o in out[:4]])[:, 0]
        sides = np.concatenate([o[0] for o in out[4:]]).reshape(-1, 4, 8)
        sides = np.exp(sides - sides.max(2, keepdims=True))
        stride = self.cells[:, 2:]
        sides = (sides @ np.arange(8, dtype=np.float32)) / sides.sum(2) * stride
        centre = self.cells[:, :2] * stride + 0.5 * (stride - 1)
        found = np.hstack([centre - sides[:, :2], centre + sides[:, 2:]])
        return finish(found * np.array([width, height, width, height]) / 320, scores, width, height)


def finish(found, scores, width, height):
    """-> rows x0, y0, x1, y1, score, cut to the picture, doubles removed."""
    keep = scores >= LEAST
    rows = np.hstack([found[keep], scores[keep, None]]).astype(np.float32)
    rows[:, 0:4:2] = rows[:, 0:4:2].clip(0, width)
    rows[:, 1:4:2] = rows[:, 1:4:2].clip(0, height)
    return rows[boxlib.nms(rows[:, :4], rows[:, 4], 0.6)]


def windows(width, height):
    """The whole, and parts of it where the picture is large enough to show more that way."""
    yield 0, 0, width, height
    if max(width, height) < 440:
        return
    w, h = round(width * 0.6), round(height * 0.6)
    for y in (0, height - h):
        for x in (0, width - w):
            yield x, y, x + w, y + h


def looks(detector, picture):
    """Rows of every look, in the picture's pixels; in parts, what an inner edge cuts is dropped."""
    height, width = picture.shape[:2]
    for x0, y0, x1, y1 in windows(width, height):
        part = np.ascontiguousarray(picture[y0:y1, x0:x1])
        for mirrored in (False, True):
            rows = detector(np.ascontiguousarray(part[:, ::-1]) if mirrored else part)
            if mirrored:
                rows[:, [0, 2]] = (x1 - x0) - rows[:, [2, 0]]
            rows[:, :4] += [x0, y0, x0, y0]
            margin = 3
            whole = (((x0 == 0) | (rows[:, 0] > x0 + margin)) & ((y0 == 0) | (rows[:, 1] > y0 + margin)) &
                     ((x1 == width) | (rows[:, 2] < x1 - margin)) & ((y1 == height) | (rows[:, 3] < y1 - margin)))
            yield rows[whole]


def agree(looks_of_detectors):
    """Averages boxes that mean the same. A detector's word is the mean of its two best looks; the pair's the mean of
    both words, so that one alone hardly makes a person."""
    rows = [(row, which) for which, list_of_rows in enumerate(looks_of_detectors) for look in list_of_rows
            for row in look]
    rows.sort(key=lambda pair: -pair[0][4])
    means = np.empty((len(rows), 4), np.float32)
    groups = []
    for row, which in rows:
        overlaps = boxlib.iou(row[None, :4], means[:len(groups)])[0]
        best = int(overlaps.argmax()) if len(groups) else 0
        if not len(groups) or overlaps[best] <= SAME:
            best = len(groups)
            groups.append({"sum": np.zeros(4, np.float32), "weight": 0, "scores": [[] for _ in looks_of_detectors]})
        group = groups[best]
        group["sum"] += row[:4] * row[4]
        group["weight"] += row[4]
        group["scores"][which].append(row[4])
        means[best] = group["sum"] / group["weight"]
    result = []
    for box, group in zip(means, groups):
        words = [np.mean((sorted(s)[::-1] + [0, 0])[:2]) for s in group["scores"]]
        result.append([*box, float(np.mean(words))])
    result = np.array(result, np.float32).reshape(-1, 5)
    return result[boxlib.nms(result[:, :4], result[:, 4], 0.65)]


def tidy(rows):
    """Doubts about parts of a person whom the pair is sure of go: they would excuse a second box for him."""
    sure, doubts = rows[rows[:, 4] == 0], rows[rows[:, 4] == 1]
    if not len(sure) or not len(doubts):
        return rows
    return np.concatenate([sure, doubts[boxlib.inside(doubts, sure).max(1) < 0.6]])


class Teacher:
    def __init__(self, models):
        self.detectors = [Yolox(models / "yolox_nano_416/model.onnx"), Picodet(models / "picodet_s_320/model.onnx")]

    def __call__(self, picture):
        """-> boxes with kind (0 person, 1 leave out), and the first detector's own boxes of one look with scores."""
        rows = agree([list(looks(detector, picture)) for detector in self.detectors])
        rows = rows[rows[:, 4] >= DOUBTFUL]
        rows[:, 4] = rows[:, 4] < SURE
        plain = self.detectors[0](picture)
        return tidy(rows), plain[plain[:, 4] >= 0.2]
