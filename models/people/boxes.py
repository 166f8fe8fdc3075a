# SPDX-License-Identifier: BSD-2-Clause
"""Boxes x0, y0, x1, y1 in numpy: overlap, suppression, average precision."""
import numpy as np


def area(a):
    return np.maximum(a[:, 2] - a[:, 0], 0) * np.maximum(a[:, 3] - a[:, 1], 0)


def shared(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:4], b[None, :, 2:4])
    return np.maximum(high - low, 0).prod(2)


def iou(a, b):
    common = shared(a, b)
    return common / np.maximum(area(a)[:, None] + area(b)[None] - common, 1e-9)


def inside(a, b):
    """How much of each a lies in each b."""
    return shared(a, b) / np.maximum(area(a)[:, None], 1e-9)


def nms(boxes, scores, limit):
    """Greedy; -> kept indices by falling score."""
    order, kept = np.argsort(-scores, kind="stable"), []
    while len(order):
        best, order = order[0], order[1:]
        kept.append(best)
        order = order[iou(boxes[best][None], boxes[order])[0] <= limit]
    return np.array(kept, int)


def match(found, truth, ignored, limit=0.5):
    """Greedy by falling score, as COCO does: -> 1 hit, 0 false, -1 not counted, a row of `found`."""
    verdict, free = np.zeros(len(found), int), np.ones(len(truth), bool)
    overlap = iou(found, truth) if len(truth) else None
    for i in range(len(found)):
        if overlap is not None:
            candidates = np.where(free, overlap[i], 0)
            best = int(candidates.argmax())
            if candidates[best] >= limit:
                free[best], verdict[i] = False, 1
                continue
        if len(ignored) and inside(found[i:i + 1], ignored).max() >= limit:
            verdict[i] = -1
    return verdict, ~free


def average_precision(scores, hits, total):
    """COCO's: 101 points of recall, precision made falling. None where there is nothing to find."""
    if not total:
        return None
    order = np.argsort(-np.asarray(scores), kind="stable")
    hits = np.asarray(hits, float)[order]
    true = np.cumsum(hits)
    recall, precision = true / total, true / np.arange(1, len(hits) + 1)
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
    return float(np.mean([precision[i] if i < len(precision) else 0 for i in at]))
