#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""What a model finds in the very pixels that a pipeline hands to onnxinfer, without Onyx: the frame is converted to RGB
in double precision at full size (chroma interpolated where the caps say that it lies), and the shared folder's
expected.py does the rest with ONNX Runtime.

Reference boxes are made from the picture file. Decoders differ, and subsampled chroma loses colour: some boxes change
before any of our code sees the frame. This program tells these cases from faults of ours.

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


def upsample(plane, height, width, down_y, down_x, centred, np):
    def taps(n, source, down, offset):
        position = (np.arange(n) - offset) / down
        low = np.floor(position)
        first = np.clip(low, 0, source - 1).astype(int)
        return first, np.clip(low + 1, 0, source - 1).astype(int), position - low

    x0, x1, wx = taps(width, plane.shape[1], down_x, 0.5 if centred else 0.0)
    y0, y1, wy = taps(height, plane.shape[0], down_y, 0.5 if down_y == 2 else 0.0)
    plane = plane.astype(np.float64)
    rows = plane[:, x0] * (1 - wx) + plane[:, x1] * wx
    return rows[y0] * (1 - wy)[:, None] + rows[y1] * wy[:, None]


def to_rgb(picture, pixel_format, folder, np):
    data, width, height, centred, matrix, full = frame_of(picture, pixel_format, folder)
    if pixel_format == "RGB":
        stride = (width * 3 + 3) // 4 * 4
        return np.frombuffer(data, np.uint8).reshape(height, stride)[:, :width * 3].reshape(height, width, 3)
    y, u, v, down_y, down_x = planes(data, width, height, pixel_format, np)
    red, blue = (0.2126, 0.0722) if matrix == "bt709" else (0.299, 0.114)
    green = 1 - red - blue
    luma, chroma = (1, 1) if full else (255 / 219, 255 / 224)
    y = (y.astype(np.float64) - (0 if full else 16)) * luma
    u = (upsample(u, height, width, down_y, down_x, centred, np) - 128) * chroma
    v = (upsample(v, height, width, down_y, down_x, centred, np) - 128) * chroma
    rgb = np.stack([y + 2 * (1 - red) * v,
                    y - 2 * (1 - blue) * blue / green * u - 2 * (1 - red) * red / green * v,
                    y + 2 * (1 - blue) * u], -1)
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


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
            image = to_rgb(shared / "images" / picture, pixel_format, pathlib.Path(scratch), np)
            found = [(d["box"], d["score"], d["label_id"])
                     for d in expected.detect(sessions[model], image, recipes[model], 0.25)]
            floor, overlap, slack, ceiling = accept_pictures.limits_for(model, picture, pixel_format)
            complaints = accept_pictures.compare(reference[model][picture], found,
                                                 (floor, overlap, NEARLY * slack, ceiling))
            print(model, picture, pixel_format, "deviates: " + "; ".join(complaints) if complaints else "agrees")


if __name__ == "__main__":
    main()
