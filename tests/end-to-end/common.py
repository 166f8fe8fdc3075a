# SPDX-License-Identifier: BSD-2-Clause
"""What the end-to-end tests share: counted checks, the build's places from the environment, small pictures."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(os.environ.get("ONYX_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ONYX_BUILD", SOURCE / "build"))
SHARED = pathlib.Path(os.environ.get("ONYX_SHARED", SOURCE.parent / "shared"))
CACHE = pathlib.Path(os.environ.get("ONYX_CACHE", SOURCE / ".cache"))
ONYX = BUILD / "tools" / "onyx" / "onyx"
HERE = SOURCE / "tests" / "end-to-end"


class Checks:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def check(self, ok, what):
        """Counts one check; prints what failed."""
        self.passed, self.failed = self.passed + bool(ok), self.failed + (not ok)
        if not ok:
            print("FAILED", what, flush=True)
        return ok

    def same(self, actual, expected, what):
        return self.check(actual == expected, f"{what}: expected {expected!r}, actual {actual!r}")

    def skip(self, why):
        self.skipped += 1
        print("SKIPPED:", why, flush=True)

    def add(self, text):
        """Takes over the closing line of another program's output."""
        numbers = [int(word) for word in text.replace(",", "").split() if word.isdigit()]
        self.passed, self.failed = self.passed + numbers[0], self.failed + numbers[1]
        self.skipped += numbers[2] if len(numbers) > 2 else 0

    def done(self):
        print(f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped")
        sys.exit(1 if self.failed else 0)


def environment(**more):
    """For programs of the build tree: they find the plugin, and use a registry of their own."""
    env = dict(os.environ, GST_PLUGIN_PATH=str(BUILD / "gst"), GST_REGISTRY=str(BUILD / "tests" / "registry.bin"),
               GST_REGISTRY_FORK="yes")
    env.update({key: str(value) for key, value in more.items()})
    return env


def run(*command, timeout=120, env=None, **options):
    """-> CompletedProcess with text; a timeout counts as status 124."""
    command = [str(word) for word in command]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env or environment(),
                              check=False, **options)
    except subprocess.TimeoutExpired as expired:
        text = expired.stdout.decode(errors="replace") if expired.stdout else ""
        return subprocess.CompletedProcess(command, 124, text, f"not done after {timeout} s")


def scratch():
    """A folder that is removed at the end of a with block."""
    return tempfile.TemporaryDirectory(prefix="onyx-")


def python_with(*modules):
    """The Python of tools/test (ONYX_PYTHON) or this one, if it has all modules; else None."""
    for candidate in (os.environ.get("ONYX_PYTHON"), sys.executable):
        if candidate and subprocess.run([candidate, "-c", "import " + ", ".join(modules)], capture_output=True,
                                        check=False).returncode == 0:
            return candidate
    return None


def has_gst():
    return (BUILD / "gst" / "libgstonyx.so").exists() and shutil.which("gst-launch-1.0")


def has_element(name):
    return run("gst-inspect-1.0", name).returncode == 0


# ---- a picture with blocks that the model of tiny_model.py finds

WIDTH, HEIGHT = 128, 96
# label id, colour, x, y: each 16x16, on the network's grid after a letterbox to 64x64
BLOCKS = [(0, (255, 0, 0), 32, 16), (1, (0, 255, 0), 96, 48), (2, (0, 0, 255), 0, 80)]


def picture():
    """RGB bytes of the picture."""
    pixels = bytearray(WIDTH * HEIGHT * 3)
    for _, colour, x0, y0 in BLOCKS:
        for y in range(y0, y0 + 16):
            for x in range(x0, x0 + 16):
                at = (y * WIDTH + x) * 3
                pixels[at:at + 3] = bytes(colour)
    return bytes(pixels)


def write_ppm(path):
    path.write_bytes(b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + picture())


def write_model(path):
    subprocess.run([sys.executable, HERE / "tiny_model.py", str(path)], check=True)


def write_clip(path, frames=10, encoder="jpegenc quality=98 ! avimux"):
    """A clip of the picture, standing still."""
    raw = path.with_suffix(".raw")
    raw.write_bytes(picture() * frames)
    made = run("gst-launch-1.0", "-q", "filesrc", f"location={raw}", "!", "rawvideoparse", "format=rgb",
               f"width={WIDTH}", f"height={HEIGHT}", "framerate=10/1", "!", "videoconvert", "!", *encoder.split(), "!",
               "filesink", f"location={path}")
    raw.unlink()
    return made


def found_all(objects, slack=1.5):
    """Whether [(label id, x0, y0, x1, y1)] are the picture's blocks, each once and nothing else."""
    rest = list(objects)
    for label, _, x, y in BLOCKS:
        near = [o for o in rest if o[0] == label and
                max(abs(a - b) for a, b in zip(o[1:], (x, y, x + 16, y + 16))) <= slack]
        if len(near) != 1:
            return False
        rest.remove(near[0])
    return not rest


def objects_of(line):
    """One JSON line of onnxpublish -> [(label id, x0, y0, x1, y1)]."""
    return [(o["detection"]["label_id"], o["x"], o["y"], o["x"] + o["w"], o["y"] + o["h"])
            for o in line.get("objects", [])]


LABELS = {"red": 0, "green": 1, "blue": 2}


def objects_of_text(text):
    """The examples' "red 1.00  x 32-48 y 16-32" lines -> [(label id, x0, y0, x1, y1)]."""
    objects = []
    for line in text.splitlines():
        words = line.split()
        if "x" not in words or "y" not in words:
            continue
        label = next((LABELS[word] for word in words if word in LABELS), None)
        if label is None:
            continue
        x0, x1 = words[words.index("x") + 1].split("-")
        y0, y1 = words[words.index("y") + 1].split("-")
        objects.append((label, float(x0), float(y0), float(x1), float(y1)))
    return objects
