#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""onyx eval: equals pycocotools on stored cases (../shared/coco-eval), small cases worked out by hand, all inputs,
exit statuses and errors, the plot.

usage: eval.py ONYX
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

ONYX = sys.argv[1]
SHARED = pathlib.Path(os.environ.get("ONYX_SHARED", pathlib.Path(__file__).resolve().parents[2] / ".." / "shared"))
passed = failed = skipped = 0


def check(good, text):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", text)


def onyx(*arguments):
    return subprocess.run([ONYX, "eval", *map(str, arguments)], capture_output=True, text=True, check=False, timeout=60)


def measured(*arguments):
    run = onyx("--json", *arguments)
    check(run.returncode == 0, f"eval {arguments} exits {run.returncode}: {run.stderr}")
    return json.loads(run.stdout) if run.stdout else {"summary": {}, "classes": []}


def near(value, expected, text, tolerance=1e-6):
    value = -1 if value is None else value
    check(abs(value - expected) <= tolerance, f"{text}: {value}, expected {expected}")


def coco_vectors():
    global skipped
    for name in ("fakebbox100", "ignore"):
        folder = SHARED / "coco-eval" / name
        if not folder.is_dir():
            print(f"SKIPPED: {name}: there is no ../shared/coco-eval")
            skipped += 1
            continue
        expected = json.loads((folder / "expected.json").read_text())
        for options, key in ([], "stats"), (["--agnostic"], "stats_useCats0"):
            got = measured(*options, folder / "gt.json", folder / "det.json")
            for number, value in expected[key].items():
                near(got["summary"][number], value, f"{name} {key} {number}")
        for one in measured(folder / "gt.json", folder / "det.json")["classes"]:
            near(one["AP"], expected["AP_per_category"].get(str(one["id"]), -1), f"{name} AP of category {one['id']}")


def box(x, y, w, h):
    return {"bbox": [x, y, w, h], "area": w * h, "iscrowd": 0}


def coco(truth, names=("person",), images=1):
    return {"images": [{"id": i + 1, "file_name": f"frames/{i:03d}.jpg", "width": 200, "height": 100} for i in range(images)],
            "categories": [{"id": i + 1, "name": name} for i, name in enumerate(names)],
            "annotations": [{"id": i + 1, "image_id": image, "category_id": category, **own}
                            for i, (image, category, own) in enumerate(truth)]}


def result(image, category, bbox, score):
    return {"image_id": image, "category_id": category, "bbox": bbox, "score": score}


def line(objects, **more):
    """As onnxpublish writes it, for a frame of 200 x 100."""
    return {"resolution": {"width": 200, "height": 100}, "objects": [
        {"x": round(x), "y": round(y), "w": round(w), "h": round(h), "region_id": i, "detection": {
            "bounding_box": {"x_min": x / 200, "y_min": y / 100, "x_max": (x + w) / 200, "y_max": (y + h) / 100},
            "confidence": score, "label_id": 0, "label": label}} for i, (x, y, w, h, score, label) in enumerate(objects)], **more}


def by_hand(folder):
    """Two people, one found exactly, a wrong box between, the other found with IoU 0.5 to 0.6."""
    truth, found = folder / "truth.json", folder / "found.json"
    truth.write_text(json.dumps(coco([(1, 1, box(10, 10, 20, 40)), (1, 1, box(100, 10, 20, 40))])))
    found.write_text(json.dumps([result(1, 1, [10, 10, 20, 40], 0.9), result(1, 1, [50, 50, 10, 10], 0.8),
                                 result(1, 1, [100, 10, 20, 22], 0.7)]))  # IoU 22/40 = 0.55
    got = measured(truth, found)["summary"]
    # 51 recalls up to 0.5 at precision 1, 50 above it at 2/3 (IoU 0.50 and 0.55) or 0
    low, high = (51 + 50 * 2 / 3) / 101, 51 / 101
    near(got["AP50"], low, "by hand: AP50")
    near(got["AP75"], high, "by hand: AP75")
    near(got["AP"], (2 * low + 8 * high) / 10, "by hand: AP")
    near(got["AR_1"], 0.5, "by hand: AR of one detection")
    near(got["AR_100"], (2 * 1 + 8 * 0.5) / 10, "by hand: AR")
    near(got["AP_large"], -1, "by hand: no large truth")
    one = measured(truth, found)["classes"][0]
    check(one["name"] == "person" and one["truth"] == 2, f"by hand: class is {one}")
    # nothing found; nothing there
    found.write_text("[]")
    near(measured(truth, found)["summary"]["AP"], 0, "nothing found")
    truth.write_text(json.dumps(coco([])))
    near(measured(truth, found)["summary"]["AP"], -1, "nothing there")


def crowds(folder):
    """Many detections in a crowd are no errors; outside they are."""
    truth, found = folder / "truth.json", folder / "found.json"
    crowd = {**box(100, 0, 100, 100), "iscrowd": 1}
    truth.write_text(json.dumps(coco([(1, 1, box(10, 10, 20, 40)), (1, 1, crowd)])))
    inside = [result(1, 1, [110 + 10 * i, 20, 10, 30], 0.95) for i in range(5)]
    found.write_text(json.dumps([result(1, 1, [10, 10, 20, 40], 0.9), *inside]))
    near(measured(truth, found)["summary"]["AP"], 1, "detections in a crowd")
    found.write_text(json.dumps([result(1, 1, [10, 10, 20, 40], 0.9), result(1, 1, [60, 20, 10, 30], 0.95)]))
    near(measured(truth, found)["summary"]["AP"], 0.5, "a detection outside of the crowd")


def scenes(folder):
    """Lines with truth and objects; whole and seen boxes; visibility; timestamps in another order and a missing frame."""
    truth, found = folder / "truth.jsonl", folder / "found.jsonl"
    people = [{"x": 10.0, "y": 10.0, "w": 20.0, "h": 80.0, "id": 1, "label": "person", "visibility": 0.5,
               "seen": {"x": 10, "y": 10, "w": 20, "h": 40}, "ground": [20, 88]},
              {"x": 150.0, "y": 10.0, "w": 20.0, "h": 80.0, "id": 2, "label": "person", "visibility": 0.1,
               "seen": {"x": 150, "y": 10, "w": 20, "h": 8}, "ground": [160, 88]}]
    both = [line([(10, 10, 20, 40, 0.9, "person"), (0, 0, 5, 5, 0.99, "bottle")], timestamp=0, truth=people)]
    truth.write_text("\n".join(json.dumps(one) for one in both) + "\n")
    near(measured("--box", "seen", truth)["summary"]["AP"], 1, "scene: seen box")
    near(measured(truth)["summary"]["AP50"], 1, "scene: whole box, IoU 0.5")
    near(measured(truth)["summary"]["AP75"], 0, "scene: whole box, IoU 0.75")
    near(measured("--box", "seen", "--min-visibility", "0.05", truth)["summary"]["AR_100"], 0.5, "scene: nearly hidden person counts")
    near(measured("--min-height", "90", truth)["summary"]["AP"], -1, "scene: nobody is that high")
    frames = [{"resolution": {"width": 200, "height": 100}, "timestamp": i * 40, "objects": [],
               "truth": [{"x": 10.5 + 20 * i, "y": 5.25, "w": 15, "h": 60, "id": 1, "label": "person", "visibility": 1}]} for i in range(5)]
    truth.write_text("\n".join(map(json.dumps, frames)))
    lines = [line([(10.5 + 20 * i, 5.25, 15, 60, 0.9, "person")], timestamp=i * 40) for i in (3, 1, 0, 4, 7)]
    found.write_text("\n".join(map(json.dumps, lines)))
    run = onyx("--json", truth, found)
    near(json.loads(run.stdout)["summary"]["AR_100"], 0.8, "lines by timestamp")
    check("1 frames" in run.stderr, f"a frame without truth is told about: {run.stderr}")
    check(measured("--match", "order", truth, found)["summary"]["AP"] < 0.6, "lines by order where the order is wrong")


def lines_on_coco(folder):
    truth, found = folder / "truth.json", folder / "found.jsonl"
    truth.write_text(json.dumps(coco([(i + 1, 2, box(10 * i, 10, 20, 40)) for i in range(3)], ("cat", "person"), 3)))
    objects = [[(10 * i, 10, 20, 40, 0.5, "person"), (100, 10, 20, 40, 0.8, "dog")] for i in range(3)]
    found.write_text("\n".join(json.dumps(line(o)) for o in objects))
    near(measured(truth, found)["summary"]["AP"], 1, "lines on COCO by order")
    found.write_text("\n".join(json.dumps(line(objects[i], source=f"/somewhere/{i:03d}.png")) for i in (2, 0, 1)))
    near(measured(truth, found)["summary"]["AP"], 1, "lines on COCO by name")
    check("classes that the truth does not have" in onyx(truth, found).stderr, "detections of other classes are told about")


def yolo(folder):
    labels, found = folder / "labels", folder / "found.jsonl"
    labels.mkdir()
    (labels / "a.txt").write_text("0 0.1 0.3 0.1 0.4\n1 0.75 0.5 0.1 0.2\n")
    (labels / "b.txt").write_text("0 0.5 0.4 0.6 0.4 0.6 0.8 0.5 0.8\n")
    (labels / "c.txt").write_text("")
    (labels / "classes.txt").write_text("person\nbottle\n")
    frames = [line([(10, 10, 20, 40, 0.9, "person"), (140, 40, 20, 20, 0.9, "bottle")]), line([(100, 40, 20, 40, 0.9, "person")]), line([])]
    found.write_text("\n".join(map(json.dumps, frames)))
    got = measured("--names", labels / "classes.txt", labels, found)
    near(got["summary"]["AP"], 1, "YOLO labels")
    check([c["name"] for c in got["classes"]] == ["person", "bottle"], f"YOLO labels: classes {got['classes']}")
    results = folder / "results.json"
    results.write_text(json.dumps([result("a", 0, [10, 10, 20, 40], 0.9), result("b.jpg", 0, [100, 40, 20, 40], 0.9)]))
    near(measured("--size", "200x100", labels, results)["classes"][0]["AP"], 1, "YOLO labels against COCO results")
    check("--size" in onyx(labels, results).stderr, "YOLO labels without a size")
    (labels / "d.txt").write_text("0 0.5 nonsense\n")
    run = onyx(labels, found)
    check(run.returncode == 1 and "d.txt:1" in run.stderr, f"bad label: {run.returncode} {run.stderr}")


def errors(folder):
    good, bad, empty = folder / "good.json", folder / "bad.json", folder / "empty.json"
    good.write_text(json.dumps(coco([(1, 1, box(10, 10, 20, 40))])))
    bad.write_text('{"objects": 3}\n{"x"')
    empty.write_text("")
    unknown = folder / "unknown.json"
    unknown.write_text(json.dumps([result(77, 1, [0, 0, 1, 1], 0.5)]))
    deep = folder / "deep.json"
    deep.write_text('{"objects": ' + "[" * 1000000 + "]" * 1000000 + "}\n")
    nan = folder / "nan.json"
    nan.write_text(json.dumps([result(1, 1, [0, 0, 1e999, 1], 0.5)]).replace("Infinity", "1e999"))
    for arguments, status, text in (
            (["--help"], 0, "usage"), ([], 2, "missing argument"), (["--boks", good], 2, "did you mean --box"),
            (["--box", "half", good, good], 2, "whole or seen"), (["--match", "luck", good, good], 2, "auto, order"),
            (["--size", "3by4", good, good], 2, "WIDTHxHEIGHT"), ([folder / "none.json", good], 1, "none.json"),
            ([good, bad], 1, "bad.json:1"), ([good, good], 1, "\"objects\""), ([good, unknown], 1, "no image 77"),
            ([good, nan], 1, "nan.json"), ([good, deep], 1, "deep.json"), ([deep, good], 1, "deep.json"),
            ([bad, good], 1, "bad.json"), ([empty, good], 1, "empty.json"),
            (["--plot", good, good, good], 2, "cannot be written"), (["--require", "0.9", good, empty], 1, "below")):
        run = onyx(*arguments)
        check(run.returncode == status and text in run.stdout + run.stderr,
              f"eval {' '.join(map(str, arguments))}: exit {run.returncode}, expected {status} and \"{text}\": {run.stderr or run.stdout}")


def plots(folder):
    truth, found, svg = folder / "truth.json", folder / "found.json", folder / "plot.svg"
    truth.write_text(json.dumps(coco([(1, 1, box(10, 10, 20, 40)), (1, 2, box(100, 10, 20, 40))], ("per<son", "b&ttle"))))
    found.write_text(json.dumps([result(1, 1, [10, 10, 20, 40], 0.9), result(1, 2, [100, 10, 20, 38], 0.9)]))
    for options in [], ["--agnostic"]:
        run = onyx("--plot", svg, *options, truth, found)
        check(run.returncode == 0, f"plot: {run.stderr}")
        root = xml.etree.ElementTree.parse(svg).getroot()
        words = [node.text for node in root.iter("{http://www.w3.org/2000/svg}text")]
        check("recall" in words and "precision" in words, f"plot: the axes have names: {words}")
        check(any("per<son" in word for word in words) != bool(options), f"plot: the curves have names: {words}")
    check(onyx("--plot", folder / "none" / "plot.svg", truth, found).returncode == 1, "a plot that cannot be written")


def main():
    coco_vectors()
    for test in by_hand, crowds, scenes, lines_on_coco, yolo, errors, plots:
        with tempfile.TemporaryDirectory() as folder:
            test(pathlib.Path(folder))
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
