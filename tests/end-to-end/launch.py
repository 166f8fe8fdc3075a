#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""gst-launch-1.0 and the shell commands of pipelines/ end to end, with the model of tiny_model.py, whose answer is
known: the issue's main line, every frame format, onyx detect, several sources, RTSP over the loopback, no leak."""
import json
import os
import pathlib
import subprocess
import time

import common
from common import BUILD, ONYX, SOURCE, Checks, environment, found_all, objects_of, objects_of_text, run

FORMATS = ("NV12", "I420", "YV12", "YUY2", "UYVY", "RGB", "BGR", "RGBx", "BGRx", "RGBA", "BGRA", "ARGB", "Y42B", "NV16", "NV61",
           "Y444", "NV24", "Y41B", "AYUV", "VUYA", "GBR", "I420_10LE", "P010_10LE", "I422_10LE", "Y444_10LE", "I420_12LE",
           "I422_12LE", "Y444_12LE")


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def check_main_line(checks, folder, model, clip):
    """The line of the README, with a sink that needs no display."""
    done = run("gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "decodebin", "!", "onnxinfer", f"model={model}",
               "!", "onnxdecode-yolo", "!", "onnxoverlay", "!", "videoconvert", "!", "fakesink")
    checks.same(done.returncode, 0, f"the README's line: {done.stderr}")
    done = run(SOURCE / "pipelines" / "file.sh", model, clip, env=environment(SINK="fakesink"))
    checks.same(done.returncode, 0, f"pipelines/file.sh: {done.stderr}")


def check_log(checks, folder, model, clip):
    """What docs/debugging.md promises of GST_DEBUG: the fate of every frame."""
    done = run("gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "decodebin", "!", "onnxinfer", f"model={model}",
               "inference-interval=2", "!", "onnxdecode-yolo", "!", "onnxoverlay", "!", "onnxpublish",
               f"location={folder / 'log.json'}", "!", "fakesink", env=environment(GST_DEBUG="onnx*:6"))
    for text in ("inferred in", "passes: inference-interval", "3 detections", "examined, drawn into", "boxes are held",
                 "gets no line"):
        checks.same(done.stderr.count(text), 5, f"frames of 10 with '{text}' in the log")


def check_formats(checks, folder, model, raw):
    for pixels in FORMATS:
        out = folder / f"{pixels}.jsonl"
        done = run("gst-launch-1.0", "-q", "filesrc", f"location={raw}", "!", "rawvideoparse", "format=rgb",
                   f"width={common.WIDTH}", f"height={common.HEIGHT}", "framerate=10/1", "!", "videoconvert", "!",
                   f"video/x-raw,format={pixels}", "!", "onnxinfer", f"model={model}", "!", "onnxdecode-yolo", "!",
                   "onnxoverlay", "!", "onnxpublish", f"location={out}", "!", "fakesink")
        checks.same(done.returncode, 0, f"{pixels}: {done.stderr}")
        lines = lines_of(out)
        checks.same(len(lines), 2, f"{pixels}: JSON lines")
        for line in lines:
            checks.check(found_all(objects_of(line)), f"{pixels}: {line}")
            checks.same(line.get("resolution"), {"width": common.WIDTH, "height": common.HEIGHT}, f"{pixels} resolution")


def nearly_same(objects, others):
    """Whether each of the sure ones of `objects` is among `others`, a few pixels and hundredths aside."""
    def near(a, b):
        pixels = max(abs(p - q) for p, q in zip((a["x"], a["y"], a["w"], a["h"]), (b["x"], b["y"], b["w"], b["h"])))
        return pixels <= 4 and abs(a["detection"]["confidence"] - b["detection"]["confidence"]) <= 0.05

    sure = [o for o in objects if o["detection"]["confidence"] > 0.5]
    return sure and sum(any(near(a, b) for b in others) for a in sure) >= 0.9 * len(sure)


def check_deep_clips(checks, folder):
    """Clips of 10 bits and of more chroma go from the decoder to the overlay as they are, and people are found where they
    are in the clip's 8-bit form."""
    if not (BUILD / "models" / "people.onnx").exists() or not common.has_element("x264enc"):
        checks.skip("deep clips: no built-in model, or no x264enc")
        return
    for pixels in ("I420_10LE", "Y42B", "I422_10LE", "Y444"):
        clip = folder / f"{pixels}.mkv"
        done = run("gst-launch-1.0", "-q", "onnxtestscene", "num-buffers=4", "seed=3", "!",
                   "video/x-raw,format=NV12,width=640,height=360", "!", "videoconvert", "!", f"video/x-raw,format={pixels}",
                   "!", "x264enc", "pass=quant", "quantizer=12", "!", "matroskamux", "!", "filesink", f"location={clip}")
        if not checks.same(done.returncode, 0, f"{pixels} clip: {done.stderr}"):
            continue
        found = []
        for way in ((), ("videoconvert", "!", "video/x-raw,format=I420", "!")):
            out = folder / f"{pixels}-{len(way)}.jsonl"
            done = run("gst-launch-1.0", "-v", "filesrc", f"location={clip}", "!", "decodebin", "!", *way, "onnxinfer", "!",
                       "onnxdecode-yolo", "!", "onnxoverlay", "name=last", "!", "onnxpublish", f"location={out}", "!",
                       "fakesink")
            checks.same(done.returncode, 0, f"{pixels} clip: {done.stderr}")
            caps = next((line for line in done.stdout.splitlines() if "last.GstPad:src: caps" in line), "")
            checks.check(f"format=(string){'I420' if way else pixels}," in caps, f"{pixels} clip: caps {caps}")
            found.append([line["objects"] for line in lines_of(out)])
        checks.same([len(frames) for frames in found], [4, 4], f"{pixels} clip: frames")
        for deep, flat in zip(*found):
            checks.check(nearly_same(deep, flat) and nearly_same(flat, deep), f"{pixels} clip: {deep} but in I420 {flat}")
        done = run(ONYX, "detect", clip, "--frames", "2", "-o", folder / "deep.mp4", "-o", folder / "deep.png")
        checks.check(done.returncode == 0 and "person" in done.stdout, f"onyx detect {pixels}: {done.stdout} {done.stderr}")


def check_detect(checks, folder, model, clip, ppm):
    mp4, png = folder / "out.mp4", folder / "out.png"
    done = run(ONYX, "detect", model, clip, "-o", mp4, "-o", png)
    checks.same(done.returncode, 0, f"onyx detect: {done.stderr}")
    objects = objects_of_text(done.stdout)
    checks.same(len(objects), 30, f"onyx detect: objects in 10 frames: {done.stdout}")
    checks.check(found_all(sorted(set(objects))), f"onyx detect found: {sorted(set(objects))}")
    checks.check("10 frames, 30 objects" in done.stderr, f"onyx detect says: {done.stderr}")
    checks.check(mp4.exists() and b"ftyp" in mp4.read_bytes()[:64], "onyx detect wrote an MP4")
    checks.check(png.exists() and png.read_bytes()[1:4] == b"PNG", "onyx detect wrote a PNG")
    done = run(ONYX, "detect", model, ppm, "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    checks.check(done.returncode == 0 and len(lines) == 1 and found_all(objects_of(lines[0])),
                 f"onyx detect --json of a picture: {done.stdout} {done.stderr}")
    for options in ((), ("--json",)):
        with open("/dev/full", "w") as full:
            done = subprocess.run([ONYX, "detect", model, ppm, *options], stdout=full, stderr=subprocess.PIPE, text=True,
                                  env=environment())
        checks.check(done.returncode == 1 and "written" in done.stderr, f"onyx detect {options} > /dev/full: {done.stderr}")
    done = run(ONYX, "detect", model, clip, "--frames", "4")
    checks.check(done.returncode == 0 and "frame 3:" in done.stdout and "frame 4:" not in done.stdout,
                 f"onyx detect --frames: {done.stdout} {done.stderr}")
    same = folder / "same.mp4"
    same.write_bytes(clip.read_bytes())
    for arguments, status, word in (((model, folder / "no.mp4"), 1, "no.mp4"), ((folder / "no.onnx", clip), 1, "no.onnx"),
                                    ((model, clip, "-o", "x.gif"), 2, ".png or .mp4"), ((model,), 2, "usage"),
                                    ((model, clip, "-p", "fp17"), 2, "int8"), ((model, clip, "-c", "2"), 2, "from 0 to 1"),
                                    ((model, clip, "-q", "--eval", "/dev/full"), 1, "10 lines"),
                                    ((model, clip, "--eval", model), 2, "cannot be written"),
                                    ((model, same.as_uri(), "-o", same), 2, "cannot be written")):
        done = run(ONYX, "detect", *arguments)
        checks.check(done.returncode == status and word in done.stderr, f"onyx detect {arguments}: {done.stderr}")
    checks.same(same.stat().st_size, clip.stat().st_size, "bytes of the source that was the output, too")


def check_terminated(checks, folder, model):
    """SIGTERM, as a service is stopped: the file is whole."""
    mp4 = folder / "stopped.mp4"
    with subprocess.Popen([ONYX, "detect", "-q", model, "scene", "-o", mp4], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          text=True, env=environment()) as process:
        for _ in range(600):
            if mp4.exists() and mp4.stat().st_size > 0:
                break
            time.sleep(0.1)
        process.terminate()
        said = process.communicate(timeout=60)[1]
    checks.check(process.returncode == 0 and b"moov" in mp4.read_bytes(), f"onyx detect and SIGTERM: {process.returncode}, {said}")


def check_many(checks, folder, model, clip):
    uri = clip.as_uri()
    done = run(SOURCE / "pipelines" / "many.sh", model, uri, uri, uri, env=environment(OUT=folder))
    checks.same(done.returncode, 0, f"pipelines/many.sh: {done.stderr}")
    for number in range(3):
        lines = lines_of(folder / f"source{number}.jsonl")
        checks.check(len(lines) == 10 and all(found_all(objects_of(line)) for line in lines), f"source {number}: {lines[:1]}")


def check_rtsp(checks, folder, model, raw):
    server_path = BUILD / "tests" / "end-to-end" / "rtsp_server"
    if not server_path.exists():
        checks.skip("rtsp: built without gst-rtsp-server")
        return
    frame = folder / "frame.rgb"
    frame.write_bytes(common.picture())
    server = subprocess.Popen([server_path, frame, str(common.WIDTH), str(common.HEIGHT)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, text=True)
    try:
        address = server.stdout.readline().strip()
        out = folder / "rtsp.jsonl"
        with open(out, "w", encoding="utf-8") as sink:
            client = subprocess.Popen([SOURCE / "pipelines" / "rtsp.sh", model, address], stdout=sink,
                                      stderr=subprocess.PIPE, text=True, env=environment())
            until = time.monotonic() + 60
            while time.monotonic() < until and client.poll() is None and out.read_text().count("\n") < 8:
                time.sleep(0.1)
            client.terminate()
            _, said = client.communicate(timeout=20)
        lines = [json.loads(line) for line in out.read_text().splitlines(True) if line.endswith("\n")]
        checks.check(len(lines) >= 8, f"rtsp: {len(lines)} frames; {said}")
        checks.check(lines and all(found_all(objects_of(line)) for line in lines), f"rtsp found: {lines[:1]}")
        done = run(ONYX, "detect", model, address, "--frames", "5", timeout=60)
        checks.check(done.returncode == 0 and found_all(sorted(set(objects_of_text(done.stdout)))),
                     f"onyx detect {address}: {done.stdout} {done.stderr}")
    finally:
        server.stdin.close()
        server.wait(timeout=20)


def check_leaks(checks, model, clip):
    env = environment(GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7", GST_DEBUG_NO_COLOR="1")
    done = run("gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "decodebin", "!", "videoconvert", "!", "onnxinfer",
               f"model={model}", "!", "onnxdecode-yolo", "!", "onnxoverlay", "!", "onnxpublish", "location=/dev/null", "!",
               "fakesink", env=env)
    leaked = [line for line in done.stderr.splitlines() if "object-alive, type-name" in line and "%s" not in line]
    checks.same(done.returncode, 0, f"with the leaks tracer: {done.stderr[-800:]}")
    checks.check(not leaked, "leaks tracer: " + "\n".join(leaked[:10]))


def check_clips(checks, folder):
    """Real clips, where there are any: every frame gets its JSON line and people are found."""
    clips = sorted((common.SHARED / "videos").glob("*-preview.mp4"))
    model = common.SHARED / "models" / "yolox_nano_416" / "model.onnx"
    if not clips or not model.exists():
        checks.skip(f"clips: no {common.SHARED}/videos")
        return
    for clip in clips:
        out = folder / (clip.stem + ".jsonl")
        done = run("gst-launch-1.0", "-q", "filesrc", f"location={clip}", "!", "decodebin", "!", "onnxinfer", f"model={model}",
                   "!", "onnxdecode-yolo", "!", "onnxoverlay", "!", "onnxpublish", f"location={out}", "!", "fakesink")
        checks.same(done.returncode, 0, f"{clip.name}: {done.stderr}")
        lines = lines_of(out)
        people = sum(any(o["detection"].get("label_id") == 0 for o in line.get("objects", [])) for line in lines)
        checks.check(len(lines) >= 20 and people >= len(lines) // 5, f"{clip.name}: people in {people} of {len(lines)} frames")


def main():
    checks = Checks()
    if not common.has_gst():
        checks.skip("built without GStreamer")
        checks.done()
    os.environ.pop("DISPLAY", None)
    with common.scratch() as name:
        folder = pathlib.Path(name)
        model, clip, raw, ppm = (folder / n for n in ("blocks.onnx", "blocks.avi", "blocks.raw", "blocks.ppm"))
        common.write_model(model)
        made = common.write_clip(clip)
        raw.write_bytes(common.picture() * 2)
        common.write_ppm(ppm)
        if not checks.same(made.returncode, 0, f"clip: {made.stderr}"):
            checks.done()
        raw.write_bytes(common.picture() * 2)
        check_main_line(checks, folder, model, clip)
        check_log(checks, folder, model, clip)
        check_formats(checks, folder, model, raw)
        check_deep_clips(checks, folder)
        check_detect(checks, folder, model, clip, ppm)
        check_terminated(checks, folder, model)
        check_many(checks, folder, model, clip)
        check_rtsp(checks, folder, model, raw)
        check_leaks(checks, model, clip)
        check_clips(checks, folder)
    checks.done()


if __name__ == "__main__":
    main()
