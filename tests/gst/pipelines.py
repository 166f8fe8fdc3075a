#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Whole pipelines from outside: GStreamer's leaks tracer finds nothing, and a long run does not grow.

usage: pipelines.py WRITE_MODEL
Needs GST_PLUGIN_PATH and GST_REGISTRY as meson sets them."""
import json
import os
import pathlib
import subprocess
import sys
import tempfile

passed = failed = 0


def check(good, what):
    global passed, failed
    passed, failed = passed + bool(good), failed + (not good)
    if not good:
        print("FAILED", what)


def launch(line, **environment):
    return subprocess.run(["gst-launch-1.0", "-q", *line.split()], capture_output=True, text=True, timeout=120,
                          env={**os.environ, "GST_DEBUG_NO_COLOR": "1", **environment})


def leaks(model, scratch):
    # async=false: of a pipeline that fails before its sink has a frame, gst-launch 1.22 itself may never return.
    lines = {
        "all": f"videotestsrc num-buffers=20 ! video/x-raw,format=NV12,width=320,height=240 ! onnxinfer model={model} ! "
               f"onnxdecode-yolo confidence-threshold=0.05 ! onnxoverlay ! onnxpublish location={scratch}/a.json "
               f"post-messages=true ! fakesink",
        "queues": f"videotestsrc num-buffers=20 ! video/x-raw,format=RGB ! tee name=t t. ! queue ! fakesink t. ! queue ! "
                  f"onnxinfer model={model} inference-interval=3 ! queue ! onnxdecode-yolo keep-tensors=true ! queue ! "
                  f"onnxoverlay ! videoscale ! video/x-raw,width=100 ! onnxpublish location={scratch}/b.json ! fakesink",
        "no model": "videotestsrc num-buffers=2 ! onnxinfer ! fakesink async=false",
        "no tensors": "videotestsrc num-buffers=2 ! onnxdecode-yolo ! fakesink async=false",
    }
    for name, line in lines.items():
        run = launch(line, GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7",
                     ONYX_MODELS=scratch)  # so that there is no built-in model
        alive = [text for text in run.stderr.splitlines() if "object-alive, " in text and "new format" not in text]
        check((run.returncode == 0) == (not name.startswith("no ")), f"{name}: exit status {run.returncode}\n{run.stderr[-2000:]}")
        check(not alive, f"{name}: leaks\n" + "\n".join(alive[:10]))
    for name in "ab":
        frames = [json.loads(line) for line in pathlib.Path(scratch, f"{name}.json").read_text().splitlines()]
        check(len(frames) == (20 if name == "a" else 7), f"{name}: {len(frames)} lines")
        check(all("objects" in frame for frame in frames), f"{name}: objects")


def peak_kb(line):
    """Peak resident memory of a run."""
    process = subprocess.Popen(["gst-launch-1.0", "-q", *line.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    return usage.ru_maxrss if status == 0 else None


def growth(model):
    line = ("videotestsrc pattern=snow num-buffers={} ! video/x-raw,format=I420,width=64,height=64 ! onnxinfer model=" + str(model) +
            " ! onnxdecode-yolo confidence-threshold=0.01 ! onnxoverlay ! onnxpublish location=/dev/null ! fakesink")
    short, long = peak_kb(line.format(300)), peak_kb(line.format(3000))
    check(short and long and long - short < 2048, f"peak memory {short} KiB after 300 frames, {long} KiB after 3000")


def main():
    with tempfile.TemporaryDirectory() as scratch:
        model = pathlib.Path(scratch) / "tiny.onnx"
        subprocess.run([sys.argv[1], str(model)], check=True)
        leaks(model, scratch)
        growth(model)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed or not passed else 0)


main()
