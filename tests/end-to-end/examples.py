#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The C examples of pipelines/ are run and find what is in the picture.

picture   libonyx alone
callback  a GStreamer pipeline
camera    libv4l2 with mapped buffers: fake_camera.c, loaded in front, plays the driver and checks that the engine is
          handed the mapped memory itself
"""
import pathlib

import common
from common import BUILD, Checks, environment, found_all, objects_of_text, run

EXAMPLES = BUILD / "pipelines"


def picture(checks, folder, model):
    path = folder / "blocks.ppm"
    common.write_ppm(path)
    done = run(EXAMPLES / "onyx-picture", model, path)
    checks.same(done.returncode, 0, f"onyx-picture: {done.stderr}")
    checks.check(found_all(objects_of_text(done.stdout)), f"onyx-picture found: {done.stdout}")
    bad = folder / "bad.ppm"
    bad.write_bytes(b"P6\n9 9\n255\nshort")
    done = run(EXAMPLES / "onyx-picture", model, bad)
    checks.check(done.returncode == 1 and "PPM" in done.stderr, f"onyx-picture with a short file: {done.stderr}")
    done = run(EXAMPLES / "onyx-picture", path, path)
    checks.check(done.returncode == 1 and done.stderr.strip(), f"onyx-picture with a picture as model: {done.stderr}")


def callback(checks, folder, model):
    if not (EXAMPLES / "onyx-callback").exists() or not common.has_gst():
        checks.skip("onyx-callback: built without GStreamer")
        return
    clip = folder / "blocks.avi"
    made = common.write_clip(clip, frames=5)
    if not checks.same(made.returncode, 0, f"clip: {made.stderr}"):
        return
    done = run(EXAMPLES / "onyx-callback", model, clip)
    checks.same(done.returncode, 0, f"onyx-callback: {done.stderr}")
    objects = objects_of_text(done.stdout)
    checks.same(len(objects), 15, f"objects in 5 frames: {done.stdout}")
    checks.check(found_all(sorted(set(objects))), f"onyx-callback found: {done.stdout}")
    checks.check("5 frames, 15 objects" in done.stdout, f"closing line: {done.stdout}")
    done = run(EXAMPLES / "onyx-callback", folder / "no.onnx", clip)
    checks.check(done.returncode == 1 and "no.onnx" in done.stderr, f"onyx-callback without a model: {done.stderr}")


def camera(checks, folder, model):
    if not (EXAMPLES / "onyx-camera").exists():
        checks.skip("onyx-camera: built without libv4l2")
        return
    fake = BUILD / "tests" / "end-to-end" / "libfake_camera.so"
    raw = folder / "frame.rgb"
    raw.write_bytes(common.picture())
    for pixels in ("NV12", "YU12", "YUYV", "UYVY", "RGB3", "BGR3"):
        log = folder / f"{pixels}.log"
        env = environment(LD_PRELOAD=fake, FAKE_CAMERA_PICTURE=raw, FAKE_CAMERA_SIZE=f"{common.WIDTH}x{common.HEIGHT}",
                          FAKE_CAMERA_FORMAT=pixels, FAKE_CAMERA_LOG=log)
        done = run(EXAMPLES / "onyx-camera", model, "/dev/video0", "12", env=env)
        checks.same(done.returncode, 0, f"onyx-camera {pixels}: {done.stderr}")
        objects = objects_of_text(done.stdout)
        checks.same(len(objects), 36, f"onyx-camera {pixels}: objects in 12 frames: {done.stdout[:600]}")
        checks.check(found_all(sorted(set(objects))), f"onyx-camera {pixels} found: {done.stdout[:600]}")
        said = log.read_text() if log.exists() else ""
        checks.same(said.split(), "images 12 mapped 12 queued_twice 0 unmapped 4 closed 1".split(),
                    f"what the driver saw with {pixels}")


def main():
    checks = Checks()
    with common.scratch() as name:
        folder = pathlib.Path(name)
        model = folder / "blocks.onnx"
        common.write_model(model)
        picture(checks, folder, model)
        callback(checks, folder, model)
        camera(checks, folder, model)
    checks.done()


if __name__ == "__main__":
    main()
