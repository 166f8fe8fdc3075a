#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a model finds in the very pixels that a pipeline hands to onnxinfer, without Onyx, in double precision and with
ONNX Runtime, in two orders that are both right: the frame converted to RGB at full size (chroma interpolated where the
caps say that it lies) and then resized, as the shared folder's expected.py does it with pictures; and the planes resized
and then converted, as libraries do it in one pass.

Reference boxes are made from the picture file. Decoders differ, subsampled chroma loses colour, and 8-bit networks jump:
some boxes change before any of our code sees the frame, and some with the order of exact arithmetic. This program tells
these cases from faults of ours.

usage: ideal_pixels.py SHARED MODEL:PICTURE:FORMAT...
Prints a line for each: "MODEL PICTURE FORMAT agrees", or "... deviates: " and how from the reference.

needs: numpy, pillow, onnxruntime; gst-launch-1.0
"""
import json
import pathlib
import subprocess
import sys
import tempfile

# A score that has used up this part of its slack before our code sees the frame is no measure of our code.
NEARLY = 0.9

def frame_of(picture, pixel_format, folder):
    """-> raw bytes, width, height, chroma is centred, matrix, full range."""
    raw = folder / "frame"
    decoder = "pngdec" if picture.suffix == ".png" else "jpegdec"
    shown = subprocess.run(["gst-launch-1.0", "-v", "filesrc", f"location={picture}", "!", decoder, "!", "videoconvert",
                            "!", f"video/x-raw,format={pixel_format}", "!", "filesink", "name=out", f"location={raw}"],
                           capture_output=True, text=True, check=True).stdout
    caps = next(line for line in shown.splitlines() if "out.GstPad:sink: caps = " in line)

    def field(name, otherwise):
        return caps.split(name + "=")[1].split(")")[1].split(",")[0].strip() if name + "=" in caps else otherwise

    height = int(field("height", "0"))
    site = field("chroma-site", "jpeg")  # videoconvert names none where it has made the chroma itself, centred
    colorimetry = field("colorimetry", "bt709" if height > 576 else "bt601")
    matrix = "bt709" if "709" in colorimetry or colorimetry.startswith("2:3") else "bt601"
    return raw.read_bytes(), int(field("width", "0")), height, site != "mpeg2", matrix, colorimetry.startswith("1:")


def planes(data, width, height, pixel_format, np):
    """-> y (h, w), u, v (subsampled), vertical and horizontal subsampling."""
    data = np.frombuffer(data, np.uint8)
    stride, rows = (width + 3) // 4 * 4, (height + 1) // 2 * 2
    half_width, half_height = (width + 1) // 2, rows // 2
    if pixel_format == "YUY2":
        stride = (width * 2 + 3) // 4 * 4
        lines = data[:stride * height].reshape(height, stride)
        return lines[:, 0::2][:, :width], lines[:, 1::4][:, :half_width], lines[:, 3::4][:, :half_width], 1, 2
    y = data[:stride * rows].reshape(rows, stride)[:height, :width]
    rest = data[stride * rows:]
    if pixel_format == "NV12":
        uv = rest[:stride * half_height].reshape(half_height, stride)
        return y, uv[:, 0::2][:, :half_width], uv[:, 1::2][:, :half_width], 2, 2
    stride_uv = (half_width + 3) // 4 * 4
    u = rest[:stride_uv * half_height].reshape(half_height, stride_uv)
    v = rest[stride_uv * half_height:2 * stride_uv * half_height].reshape(half_height, stride_uv)
    return y, u[:, :half_width], v[:, :half_width], 2, 2


def resample(plane, size, frame_size, down, site, np):
    """A plane at another size. All pairs are y, x; down: 2 where the plane has half the frame's samples, whose first lies
    at `site` then."""
    def taps(n, source, among, half, offset):
        position = ((np.arange(n) + 0.5) * source / n - 0.5 - (offset if half == 2 else 0)) / half
        low = np.floor(position)
        first = np.clip(low, 0, among - 1).astype(int)
        return first, np.clip(low + 1, 0, among - 1).astype(int), position - low

    y0, y1, wy = taps(size[0], frame_size[0], plane.shape[0], down[0], site[0])
    x0, x1, wx = taps(size[1], frame_size[1], plane.shape[1], down[1], site[1])
    plane = plane.astype(np.float64)
    rows = plane[:, x0] * (1 - wx) + plane[:, x1] * wx
    return rows[y0] * (1 - wy)[:, None] + rows[y1] * wy[:, None]


def to_rgb(frame, pixel_format, np, size=None):
    """frame: what frame_of gives. At its own size, or in one pass at another (height, width)."""
    data, width, height, centred, matrix, full = frame
    if pixel_format == "RGB":
        stride = (width * 3 + 3) // 4 * 4
        return np.frombuffer(data, np.uint8).reshape(height, stride)[:, :width * 3].reshape(height, width, 3)
    size = size or (height, width)
    y, u, v, *down = planes(data, width, height, pixel_format, np)
    site = (0.5, 0.5 if centred else 0.0)
    y = resample(y, size, (height, width), (1, 1), site, np)
    u, v = (resample(plane, size, (height, width), down, site, np) for plane in (u, v))
    red, blue = (0.2126, 0.0722) if matrix == "bt709" else (0.299, 0.114)
    green = 1 - red - blue
    luma, chroma = (1, 1) if full else (255 / 219, 255 / 224)
    y, u, v = (y - (0 if full else 16)) * luma, (u - 128) * chroma, (v - 128) * chroma
    rgb = np.stack([y + 2 * (1 - red) * v,
                    y - 2 * (1 - blue) * blue / green * u - 2 * (1 - red) * red / green * v,
                    y + 2 * (1 - blue) * u], -1)
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


def complaints_about(frame, pixel_format, session, recipe, judge, expected, np):
    """Of the first of the two orders that deviates. judge: found -> complaints."""
    image, resize = to_rgb(frame, pixel_format, np), expected.resize_bilinear
    ways = [resize] if pixel_format == "RGB" else [
        resize, lambda _, width, height: to_rgb(frame, pixel_format, np, (height, width))]
    try:
        for way in ways:
            expected.resize_bilinear = way
            found = expected.detect(session, image, recipe, 0.25)
            complaints = judge([(d["box"], d["score"], d["label_id"]) for d in found])
            if complaints:
                return complaints
    finally:
        expected.resize_bilinear = resize
    return []


def main():
    shared = pathlib.Path(sys.argv[1])
    sys.path.insert(0, str(shared / "tools"))
    import accept_pictures
    import expected
    import numpy as np
    import onnxruntime
    recipes = json.loads((shared / "models" / "models.json").read_text())
    reference = json.loads((shared / "expected" / "detections.json").read_text())
    sessions = {}
    with tempfile.TemporaryDirectory() as scratch:
        for case in sys.argv[2:]:
            model, picture, pixel_format = case.split(":")
            if model not in sessions:
                sessions = {model: onnxruntime.InferenceSession(shared / "models" / model / "model.onnx")}
            frame = frame_of(shared / "images" / picture, pixel_format, pathlib.Path(scratch))
            floor, overlap, slack, ceiling = accept_pictures.limits_for(model, picture, pixel_format)
            limits, wanted = (floor, overlap, NEARLY * slack, ceiling), reference[model][picture]
            complaints = complaints_about(frame, pixel_format, sessions[model], recipes[model],
                                          lambda found: accept_pictures.compare(wanted, found, limits), expected, np)
            print(model, picture, pixel_format, "deviates: " + "; ".join(complaints) if complaints else "agrees")


if __name__ == "__main__":
    main()
