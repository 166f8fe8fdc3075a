#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Checks of the training code that need no data: `python models/people/selftest.py`."""
import pathlib
import tempfile
import unittest

import numpy as np
import torch

import augment
import boxes as boxlib
import evaluate
import export
import loss as objective
import model as network
import store
import teacher


def raw_maps(truth, width, height):
    """Maps of a network that is right about one box: every cell in it answers exactly."""
    maps = []
    for stride in network.STRIDES:
        x, y = network.centres(height // stride, width // stride, stride)[0]
        edges = torch.stack([x - truth[0], y - truth[1], truth[2] - x, truth[3] - y])
        inside = edges.amin(0) > 0
        score = torch.where(inside, 8.0, -8.0)
        maps.append(torch.cat([(edges.clamp(min=0.01) / stride).log(), score[None]])[None])
    return maps


class Boxes(unittest.TestCase):
    def test_overlap(self):
        a = np.array([[0, 0, 10, 10]], float)
        b = np.array([[0, 0, 10, 10], [5, 0, 15, 10], [20, 20, 30, 30]], float)
        np.testing.assert_allclose(boxlib.iou(a, b)[0], [1, 1 / 3, 0])
        np.testing.assert_allclose(boxlib.inside(a, b)[0], [1, 0.5, 0])

    def test_suppression_keeps_the_best(self):
        rows = np.array([[0, 0, 10, 10], [1, 0, 11, 10], [40, 0, 50, 10]], float)
        self.assertEqual(list(boxlib.nms(rows, np.array([0.5, 0.9, 0.1]), 0.5)), [1, 2])

    def test_match_counts_a_person_once_and_skips_what_is_left_out(self):
        found = np.array([[0, 0, 10, 10], [0, 0, 10, 11], [50, 50, 60, 60], [80, 0, 90, 10]], float)
        verdict, hit = boxlib.match(found, found[:1], np.array([[45, 45, 70, 70]], float))
        self.assertEqual(list(verdict), [1, 0, -1, 0])
        self.assertEqual(list(hit), [True])

    def test_average_precision(self):
        self.assertAlmostEqual(boxlib.average_precision([0.9, 0.8], [1, 1], 2), 1)
        self.assertIsNone(boxlib.average_precision([], [], 0))
        # One of two found, after a false one: precision 1/2 up to recall 1/2.
        self.assertAlmostEqual(boxlib.average_precision([0.9, 0.8], [0, 1], 2), 0.5 * 51 / 101)


class Teaching(unittest.TestCase):
    truth = torch.tensor([40.0, 30.0, 90.0, 140.0])

    def test_decoding_gives_the_box_back(self):
        table = network.decode(raw_maps(self.truth, 192, 160))[0]
        best = table[:, table[4] > 0.9]
        corners = torch.cat([best[:2] - best[2:4] / 2, best[:2] + best[2:4] / 2])
        self.assertGreater(best.shape[1], 10)
        self.assertLess(float((corners - self.truth[:, None]).abs().max()), 1e-3)

    def test_right_costs_less_than_wrong(self):
        people, there = self.truth[None, None], torch.ones(1, 1, dtype=torch.bool)
        nobody, none = torch.zeros(1, 0, 4), torch.zeros(1, 0, dtype=torch.bool)
        maps = raw_maps(self.truth, 192, 160)
        right, parts = objective.loss(maps, people, there, nobody, none)
        self.assertLess(parts[1], 1e-3)
        wrong, _ = objective.loss(raw_maps(self.truth + 30, 192, 160), people, there, nobody, none)
        self.assertGreater(float(wrong), 2 * float(right))
        # Nobody there: every answer is wrong, unless the place is left out.
        empty, _ = objective.loss(maps, nobody, none, nobody, none)
        excused, _ = objective.loss(maps, nobody, none, self.truth[None, None], there)
        self.assertLess(float(excused), 0.1 * float(empty))

    def test_a_cell_answers_for_one(self):
        two = torch.stack([self.truth, self.truth + torch.tensor([20.0, 0, 20, 0])])[None]
        boxes, logits, middles, strides = objective.corners(raw_maps(self.truth, 192, 160))
        who, aim = objective.assign(boxes, logits, middles, strides, two, torch.ones(1, 2, dtype=torch.bool))
        self.assertTrue(bool(((who >= 0) == (aim > 0)).all()))
        self.assertLessEqual(int((who >= 0).sum()), 2 * objective.ANSWERING)

    def test_the_file_computes_what_the_network_does(self):
        torch.manual_seed(1)
        net = network.People()
        with torch.no_grad():
            net.train()(torch.rand(2, 3, 64, 96))  # normalisation has seen something
        net.eval()
        x = torch.rand(1, 3, 64, 96)
        with torch.no_grad():
            before = net(x)
            net.fuse()
            self.assertLess(float((net(x) - before).abs().max()), 1e-3)
        self.assertLess(export.check(export.to_onnx(net, (384, 224)), net, (384, 224)), 1e-4)


class Data(unittest.TestCase):
    def test_samples_follow_from_their_number(self):
        rng = np.random.default_rng(1)
        with tempfile.TemporaryDirectory() as folder:
            writer = store.Writer(folder, "photo-train")
            for i in range(4):
                picture = rng.integers(0, 255, (120, 200, 3), dtype=np.uint8)
                rows = np.array([[40, 20, 80, 110, store.PERSON], [120, 30, 150, 60, store.IGNORE]], np.float32)
                writer.add(picture, rows, f"g{i}", plain=rows[:1] * 0.5)
            writer.close()
            mix = augment.Mix([store.Store(folder, "photo-train")], [1])
            for number in range(40):
                picture, rows = augment.sample(mix, 3, number, (192, 128), number % 2 == 0)
                again, same = augment.sample(mix, 3, number, (192, 128), number % 2 == 0)
                np.testing.assert_array_equal(picture, again)
                np.testing.assert_array_equal(rows, same)
                self.assertEqual(picture.shape, (128, 192, 3))
                self.assertTrue((rows[:, :4] >= 0).all() and (rows[:, 2] <= 192).all() and (rows[:, 3] <= 128).all())

    def test_letterbox_and_back(self):
        picture = np.zeros((100, 300, 3), np.uint8)
        _, scale, left, top = evaluate.letterbox(picture, (384, 224))
        box = np.array([30, 20, 90, 80]) * [*scale, *scale] + [left, top, left, top]
        table = np.array([[(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, box[2] - box[0], box[3] - box[1], 0.9]]).T
        np.testing.assert_allclose(evaluate.rows_of(table, scale, left, top, 300, 100), [[30, 20, 90, 80, 0.9]])

    def test_teachers_agree(self):
        here, there = np.array([[10, 10, 50, 90, 0.9]], np.float32), np.array([[12, 10, 52, 90, 0.7]], np.float32)
        rows = teacher.agree([[here, here], [there, there]])
        self.assertEqual(len(rows), 1)
        self.assertAlmostEqual(float(rows[0, 4]), 0.8, places=5)
        alone = teacher.agree([[here, here], [np.zeros((0, 5), np.float32)]])
        self.assertAlmostEqual(float(alone[0, 4]), 0.45, places=5)


if __name__ == "__main__":
    unittest.main()
