#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Brings the two model files of a run here and fills in PROVENANCE.md, so that no figure is copied by hand.

WORK holds what make.sh leaves: people.onnx, people-int8.onnx, and evaluate.py's people.json and people-int8.json. With
--onyx, speed is measured too (least processor time of a run, one thread, in turns); do that on a quiet machine.

    release.py WORK [--onyx build/tools/onyx/onyx] [--compare ../shared/models/yolox_nano_416/model.onnx]
"""
import argparse
import datetime
import hashlib
import json
import pathlib
import re
import shutil
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
FILES = {"people.onnx": 1_500_000, "people-int8.onnx": 500_000}  # and their limits in bytes
# what, target, store, figure
TARGETS = (
    ("scenes of unseen seeds, AP50", "0.90", "scene-check", "AP50"),
    ("clips' last thirds, against the teacher, AP50", "0.75", "clip-check", "AP50"),
    ("the same against one look of YOLOX-Nano, score of 0.5 or more, AP50", "0.75", "clip (one teacher)", "AP50"),
    ("photographs kept back, recall of large people", "0.60", "photo-check", "large recall"),
    ("photographs kept back, false alarms on those without people", "< 1 of 20", "photo-check", "false alarms"),
    ("single pictures, against the teacher, recall of large people", "0.60", "picture-check", "large recall"),
)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def cell(result, figure):
    if result is None or result.get(figure) is None:
        return "-"
    if figure == "false alarms":
        return f"{result[figure]} of {result['without people']}" if result["without people"] else "-"
    return f"{result[figure]:.3f}"


def targets(both):
    return table(["source", "target", "float", "int8"],
                 [[what, wanted, *(cell(figures.get(store), figure) for figures in both)]
                  for what, wanted, store, figure in TARGETS])


def sources(both):
    head = ["source", "pictures", "people", "AP50", "int8", "recall of large people", "int8", "false alarms", "int8"]
    rows = []
    for key in sorted(both[0]):
        first = both[0][key]
        row = [key, str(first["pictures"]), str(first["people"])]
        for figure in ("AP50", "large recall", "false alarms"):
            for figures in both:
                text = cell(figures.get(key), figure)
                row.append(f"{text} of {first['large']}" if figure == "large recall" and text != "-" else text)
        rows.append(row)
    return table(head, rows)


def files(work):
    rows = []
    for name, limit in FILES.items():
        data = (work / name).read_bytes()
        if len(data) > limit:
            raise SystemExit(f"{name} has {len(data)} bytes, more than {limit}")
        rows.append([name, f"{len(data):,}", hashlib.sha256(data).hexdigest()])
    return table(["file", "bytes", "sha256"], rows)


def speed(onyx, models, rounds=5):
    """Least processor time of a run; the models take turns, so that what else runs meets all of them."""
    least, cpu = {}, ""
    for _ in range(rounds):
        for path in models:
            done = subprocess.run([str(onyx), "bench", str(path), "--threads", "1", "--runs", "40", "--json"],
                                  capture_output=True, text=True, check=True)
            found = json.loads(done.stdout)
            least[path] = min(least.get(path, 1e9), found["cpu_min_ms"])
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    names = [p.parent.name if p.name == "model.onnx" else p.name for p in models]
    rows = [[name, f"{least[p]:.2f}", f"{least[models[-1]] / least[p]:.2f}"] for name, p in zip(names, models)]
    return (f"{datetime.date.today()}, {cpu}, one thread, {onyx.name} bench, least processor time of {rounds} x 40 runs:\n\n"
            + table(["model", "ms", f"times as fast as {names[-1]}"], rows))


def put(text, name, body):
    begin, end = f"<!-- release.py {name} -->", f"<!-- end of {name} -->"
    if begin not in text or end not in text:
        raise SystemExit(f"PROVENANCE.md has no place for {name}")
    return re.sub(re.escape(begin) + ".*?" + re.escape(end), lambda _: f"{begin}\n{body}\n{end}", text, flags=re.DOTALL)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--onyx", type=pathlib.Path, help="the command, to measure speed")
    parser.add_argument("--compare", type=pathlib.Path, default=HERE.parents[2] / "shared/models/yolox_nano_416/model.onnx")
    parser.add_argument("--into", type=pathlib.Path, default=HERE, help="folder of PROVENANCE.md (default: this one)")
    arguments = parser.parse_args()
    both = [json.loads((arguments.work / f"{stem}.json").read_text(encoding="utf-8")) for stem in ("people", "people-int8")]
    target = arguments.into / "PROVENANCE.md"
    text = target.read_text(encoding="utf-8")
    text = put(text, "state", f"Weights of {datetime.date.today()}.")
    text = put(text, "files", files(arguments.work))
    text = put(text, "targets", targets(both))
    text = put(text, "sources", sources(both))
    if arguments.onyx:
        text = put(text, "speed", speed(arguments.onyx, [arguments.work / name for name in FILES] + [arguments.compare]))
    for name in FILES:
        shutil.copyfile(arguments.work / name, arguments.into / name)
    target.write_text(text, encoding="utf-8")
    print(targets(both))


if __name__ == "__main__":
    main()
