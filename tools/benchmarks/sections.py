# SPDX-License-Identifier: BSD-2-Clause
"""The sections of docs/performance.md: what each measures (jobs), and how it is told (Markdown).

A section is an object with `name`, `title`, `command`, jobs(context) and tell(results, context). A job measures one
thing and returns plain JSON; results are [(job's name, stored result)].
"""
import collections
import dataclasses
import json
import math
import os
import pathlib
import re
import shutil
import statistics
import sys
import tempfile
import textwrap
import time

from .results import Failure, Skip, file_key, run

# Names as ../shared/models has them; other folders are taken as they are.
QUANTISED = ("qlinear", "qdq", "int8")
SLOW_PEER = 12.0  # seconds of a pair of processes, for the estimate


@dataclasses.dataclass
class Job:
    name: str
    settings: dict
    seconds: float
    function: object


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows])


def number(value, digits=1):
    return "-" if value is None else f"{value:.{digits}f}"


def paragraph(text):
    return "\n".join(textwrap.wrap(text, 118, break_long_words=False, break_on_hyphens=False))


def shape_of(text):
    sizes = [int(part) for part in text.strip().split("x") if part.isdigit()]
    return sizes if len(sizes) == 4 else None


def kind_of(step):
    """The kernel; a convolution's window and stride too, from its operations; a reference kernel's operator."""
    kernel, operator = step["kernel"] or "-", step["operator"] or ""
    if kernel == "reference":
        return f"{kernel}: {operator}"
    before, _, after = (step["shapes"] or "").partition("->")
    source, target = shape_of(before), shape_of(after)
    if "Conv" not in operator or not source or not target or not step["operations"]:
        return kernel
    window = step["operations"] / (2 * math.prod(target) * (1 if "depthwise" in kernel else source[1]))
    side = math.isqrt(round(window))
    if side < 1 or side * side != window:
        return kernel
    stride = round(source[3] / target[3])
    return f"{kernel} {side}x{side}" + (f"/{stride}" if stride > 1 else "")


def is_quantised(name):
    return any(part in name for part in QUANTISED)


# ------------------------------------------------------------------------------------------------- against the peers

class Peers:
    """Alternating processes of vs_peers.py, one stored result a model and peer."""

    def __init__(self, name, title, peers, threads=1, isa=None, wanted=lambda name: True, needs=None, note=""):
        self.name, self.title, self.peers, self.threads = name, title, peers, threads
        self.isa, self.wanted, self.needs, self.note = isa, wanted, needs, note
        self.command = f"tools/bench --only {name}"

    def jobs(self, context):
        if not context.vs_peers.exists():
            raise Skip(f"no {context.vs_peers}, which runs the other engines")
        if self.needs and not set(self.needs) <= set(context.processor["flags"]):
            raise Skip(f"this processor has no {' '.join(self.needs)}")
        if self.threads > context.processor["cores"]:
            raise Skip(f"{self.threads} threads on {context.processor['cores']} core(s)")
        for name, path in context.models:
            if not self.wanted(name):
                continue
            for peer in self.peers:
                settings = {"model": file_key(path), "peer": peer, "version": context.version_of(peer),
                            "threads": self.threads, "isa": self.isa, "pairs": context.pairs, "runs": context.runs,
                            "tool": file_key(context.vs_peers)}
                yield Job(f"{self.name}/{name}/{peer}", settings, context.pairs * (2 + SLOW_PEER * context.runs / 60),
                          lambda path=path, peer=peer: self.measure(context, path, peer))

    def measure(self, context, path, peer):
        with tempfile.TemporaryDirectory() as folder:
            out = pathlib.Path(folder) / "out.json"
            context.prepare_python()
            command = [context.python, context.vs_peers, "--onyx", context.onyx, "--models", path, "--peer", peer,
                       "--threads", self.threads, "--pairs", context.pairs, "--runs", context.runs, "--cache", context.cache / "ncnn", "--json", out]
            if self.isa:
                command += ["--isa", self.isa]
            # Exit status 1: this model failed with this peer, which is told in the table.
            try:
                run(*command, timeout=1800)
            except Failure as failure:
                if not out.exists():
                    raise failure
            row = json.loads(out.read_text(encoding="utf-8"))["rows"][0]
        base = [r.get("rss_base_mb") for r in row.get("peer_runs", []) if r.get("rss_base_mb") is not None]
        row["peer_base_mb"] = statistics.median(base) if base else None
        return {key: value for key, value in row.items() if key not in ("peer_runs", "onyx_runs", "inputs")}

    def rows(self, results):
        """{model: {peer: row}} in the order measured."""
        found = collections.OrderedDict()
        for name, result in results:
            _, model, peer = name.split("/")
            found.setdefault(model, {})[peer] = result["value"]
        return found

    def tell(self, results, context):
        head = ["model", "Onyx ms"]
        for peer in self.peers:
            head += [f"{context.title_of(peer)} ms", "ratio"]
        single = self.rows(context.results_of("peers")) if self.threads > 1 else None
        if single is not None:
            head.append("Onyx: one thread's time by this")
        lines = []
        for model, row in self.rows(results).items():
            onyx = [r["onyx_median_ms"] for r in row.values() if r.get("onyx_median_ms")]
            line = [model, number(min(onyx) if onyx else None, 2)]
            for peer in self.peers:
                r = row.get(peer, {})
                if "ratio" in r:
                    line += [number(r["peer_median_ms"], 2),
                             f"{r['ratio']:.2f} ({r['ratio_min']:.2f}-{r['ratio_max']:.2f})"]
                else:
                    line += ["-", "failed" if "error" in r else "-"]
            if single is not None:
                alone = [r["onyx_median_ms"] for r in single.get(model, {}).values() if r.get("onyx_median_ms")]
                line.append(number(min(alone) / min(onyx), 2) if alone and onyx else "-")
            lines.append(line)
        versions = ", ".join(f"{peer.split('-')[0]} {context.version_of(peer)}" for peer in self.peers)
        note = f"{versions}. {self.note}" if self.note else f"{versions}."
        return paragraph(note) + "\n\n" + table(head, lines)


class Memory:
    """Load, first result and memory: told from what Peers measured at one thread."""

    name, title = "memory", "Loading and memory"
    command = "tools/bench --only peers,memory"
    source = "peers"

    def jobs(self, context):
        yield Job("memory/library", {"library": context.key}, 1, lambda: self.library(context))

    def library(self, context):
        with tempfile.TemporaryDirectory() as folder:
            stripped = pathlib.Path(folder) / "libonyx.so"
            shutil.copy(context.library, stripped)
            if shutil.which("strip"):
                run("strip", "--strip-unneeded", stripped)
            return {"bytes": stripped.stat().st_size}

    def tell(self, results, context):
        size = results[0][1]["value"]["bytes"] / 1e6
        head = ["model", "load ms: Onyx"]
        lines, peers = [], context.section("peers")
        rows = peers.rows(context.results_of("peers"))
        for peer in peers.peers:
            head.append(context.title_of(peer))
        head.append("first result ms: Onyx")
        head += [context.title_of(peer) for peer in peers.peers]
        head.append("peak MB: Onyx")
        head += [context.title_of(peer) for peer in peers.peers]
        for model, row in rows.items():
            whole = [r for r in row.values() if "ratio" in r]
            if not whole:
                continue
            line = [model]
            for onyx, other, digits in (("onyx_load_ms", "peer_load_ms", 0), ("onyx_first_ms", "peer_first_ms", 0)):
                line.append(number(statistics.median(r[onyx] for r in whole), digits))
                line += [number(row.get(peer, {}).get(other), digits) for peer in peers.peers]
            line.append(number(statistics.median(r["onyx_peak_rss_mb"] for r in whole), 0))
            for peer in peers.peers:
                r = row.get(peer, {})
                peak, base = r.get("peer_peak_rss_mb"), r.get("peer_base_mb")
                line.append("-" if peak is None else f"{peak - (base or 0):.0f} + {base or 0:.0f}")
            lines.append(line)
        note = (f"libonyx.so, stripped: {size:.2f} MB. The other engines are measured through their Python packages: their "
                "memory is told as what the engine takes + what interpreter and numpy take without it.")
        return paragraph(note) + "\n\n" + table(head, lines)


# ------------------------------------------------------------------------------------------------------ inside Onyx

class Times:
    """Onyx alone: works where there is no other engine."""

    name, title = "times", "Onyx alone"
    named_only = True  # part of other sections' figures
    command = "tools/bench --only times"

    def jobs(self, context):
        for name, path in context.models:
            yield Job(f"times/{name}", {"model": file_key(path), "runs": context.runs}, 2 + context.runs / 15,
                      lambda path=path: json.loads(run(context.onyx, "bench", path, "--threads", 1, "--runs", context.runs,
                                                       "--json")))

    def tell(self, results, context):
        keys = ("median_ms", "min_ms", "p95_ms", "load_ms", "first_ms", "peak_rss_mb")
        lines = [[name.split("/")[1]] + [number(result["value"][key], 2 if i < 3 else 1) for i, key in enumerate(keys)]
                 for name, result in results]
        return table(["model", "median ms", "least ms", "p95 ms", "load ms", "first result ms", "peak MB"], lines)


class Nodes:
    """Every kind of step with its part of the peak, over all models."""

    name, title = "nodes", "Kinds of nodes"
    command = "tools/bench --only nodes"
    rounds = 3

    def ways(self, context):
        yield "native", {}
        if "avx512f" in context.processor["flags"]:
            yield "avx2", {"ONYX_CPU": "avx2"}

    def jobs(self, context):
        for way, env in self.ways(context):
            for name, path in context.models:
                yield Job(f"nodes/{way}/{name}", {"model": file_key(path), "runs": context.runs}, 4 + context.runs / 5,
                          lambda path=path, env=env: self.measure(context, path, env))

    def measure(self, context, path, env):
        """The best of some processes, summed per kernel: [kernel, steps, ns, operations, bytes]."""
        best = None
        for _ in range(self.rounds):
            text = run(context.onyx, "profile", path, "--runs", context.runs, "--json", env=dict(os.environ, **env))
            found = json.loads(text)
            if best is None or found["steps_ns"] < best["steps_ns"]:
                best = found
        sums = collections.OrderedDict()
        for step in best["steps"]:
            row = sums.setdefault(kind_of(step), [0, 0.0, 0, 0])
            row[0] += 1
            row[1] += step["ns"]
            row[2] += step["operations"]
            row[3] += step["moved_bytes"]
        return {"cpu": best["cpu"], "peak_flops": best["peak_flops"], "steps_ns": best["steps_ns"],
                "run_ns": best["run_ns"], "kernels": sums}

    def tell(self, results, context):
        parts = []
        for way, _ in self.ways(context):
            mine = [(name, r["value"]) for name, r in results if name.split("/")[1] == way]
            if not mine:
                continue
            peak = max(v["peak_flops"] for _, v in mine)
            total = sum(v["steps_ns"] for _, v in mine)
            kinds = collections.defaultdict(lambda: [0, 0.0, 0, 0, set()])
            for name, value in mine:
                for kernel, row in value["kernels"].items():
                    kind = kinds[kernel]
                    for i in range(4):
                        kind[i] += row[i]
                    kind[4].add(name)
            lines = []
            for kernel, (steps, ns, operations, moved, models) in sorted(kinds.items(), key=lambda item: -item[1][1]):
                lines.append([f"`{kernel}`", len(models), steps, number(ns / 1e6, 2), f"{100 * ns / total:.1f} %",
                              number(operations / ns, 0) if operations else "-",
                              f"{100 * operations * 1e9 / ns / peak:.0f} %" if operations else "-", number(moved / ns, 1)])
            parts.append(f"{mine[0][1]['cpu']}, {len(mine)} models one after the other, one thread; float32 peak "
                         f"{peak / 1e9:.0f} GFLOP/s:\n\n" +
                         table(["kernel", "models", "steps", "ms", "share", "GFLOP/s", "of peak", "GB/s"], lines))
        note = ("Times of all models' steps, summed by kernel; of convolutions, by window and stride too. Operations count 2 "
                "a multiply-add of the plain algorithm (Winograd needs fewer, so its part of the peak may pass 100 %; so may "
                "8-bit kernels, since the peak is float32's); bytes are inputs, outputs and weights, once each.")
        return paragraph(note) + "\n\n" + "\n\n".join(parts)


class Input:
    """The way into the network, every format."""

    name, title = "input", "From every format to the network's input"
    command = "tools/bench --only input"
    line = re.compile(r"^(\S+)\s+(\d+x\d+) -> (\d+x\d+): ([\d.]+) ms", re.MULTILINE)

    def jobs(self, context):
        program = context.build / "tests" / "vision" / "vision_preprocess"
        if not program.exists():
            raise Skip(f"no {program}: ninja -C {context.build} tests/vision/vision_preprocess")
        yield Job("input/all", {"program": file_key(program), "runs": context.runs}, 15, lambda: self.measure(program))

    def measure(self, program):
        best = {}
        for _ in range(3):
            for name, size, _, ms in self.line.findall(run(program, "--bench")):
                key = f"{name} {size}"
                best[key] = min(best.get(key, 1e9), float(ms))
        if not best:
            raise Failure(f"{program} --bench printed no times")
        return best

    def tell(self, results, context):
        best = results[0][1]["value"]
        sizes = list(dict.fromkeys(key.split()[1] for key in best))
        names = list(dict.fromkeys(key.split()[0] for key in best))
        lines = [[name] + [number(best.get(f"{name} {size}"), 2) for size in sizes] for name in names]
        return ("One core, ms a frame, best of three processes: letterboxed to 640x640 float32.\n\n" +
                table(["format", *sizes], lines))


# ----------------------------------------------------------------------------------------------------- whole pipelines

class Pipeline:
    """A clip through decoder, network and decoder of boxes on one core, against the parts alone."""

    name, title = "pipeline", "A whole pipeline"
    command = "tools/bench --only pipeline"
    frames = 200

    def jobs(self, context):
        if not shutil.which("gst-launch-1.0") or not (context.build / "gst" / "libgstonyx.so").exists():
            raise Skip("no GStreamer in this build")
        chosen = [m for m in context.models if m[0] in ("yolov8n_640", "yolo11n_640", "yolox_nano_416", "people")]
        for name, path in chosen or context.models[:1]:
            yield Job(f"pipeline/{name}", {"model": file_key(path), "runs": context.runs}, 60,
                      lambda path=path: self.measure(context, path))

    def clip(self, context):
        """1080p H.264 of the test scene, made once."""
        path = context.cache / "clip.mp4"
        if not path.exists():
            part = context.cache / "clip.part"
            run("gst-launch-1.0", "-q", "onnxtestscene", f"num-buffers={self.frames}", "seed=1", "!",
                "video/x-raw,format=NV12,width=1920,height=1080,framerate=25/1", "!", "videoconvert", "!", "x264enc",
                "bitrate=6000", "speed-preset=veryfast", "!", "h264parse", "!", "mp4mux", "!", "filesink",
                f"location={part}", env=context.gst_env)
            part.replace(path)
        return path

    def seconds(self, context, *elements):
        """Best of three; the registry is warm after the first."""
        best = None
        for _ in range(3):
            start = time.monotonic()
            run("taskset", "-c", "0", "gst-launch-1.0", "-q", "filesrc", f"location={self.clip(context)}", "!", "qtdemux",
                "!", "h264parse", "!", "avdec_h264", "max-threads=1", "!", *elements, env=context.gst_env)
            spent = time.monotonic() - start
            best = spent if best is None else min(best, spent)
        return best

    def measure(self, context, path):
        self.clip(context)
        decode = self.seconds(context, "fakesink")
        bench = json.loads(run("taskset", "-c", "0", context.onyx, "bench", path, "--threads", 1, "--runs",
                               max(context.runs, 10), "--json"))
        whole = self.seconds(context, "onnxinfer", f"model={path}", "threads=1", "!", "onnxdecode-yolo", "!", "fakesink")
        engine = (bench["median_ms"] * self.frames + bench["load_ms"]) / 1e3
        return {"frames": self.frames, "decode": decode, "engine": engine, "whole": whole}

    def tell(self, results, context):
        lines = []
        for name, result in results:
            v = result["value"]
            lines.append([name.split("/")[1], number(v["decode"], 2), number(v["engine"], 2), number(v["whole"], 2),
                          f"{100 * v['whole'] / (v['decode'] + v['engine']):.1f} %", number(v["frames"] / v["whole"])])
        note = (f"{self.frames} frames of 1080p H.264 on one core: `filesrc ! qtdemux ! h264parse ! avdec_h264 ! onnxinfer "
                "threads=1 ! onnxdecode-yolo ! fakesink`, against decoding alone and the engine alone, seconds.")
        return (paragraph(note) + "\n\n" +
                table(["model", "decoding alone", "engine alone", "pipeline", "of their sum", "frames a second"], lines))


class Start:
    """From nothing to the first detections: gst-launch-1.0, a whole process."""

    name, title = "start", "Cold start"
    command = "tools/bench --only start"

    def jobs(self, context):
        if not shutil.which("gst-launch-1.0") or not (context.build / "gst" / "libgstonyx.so").exists():
            raise Skip("no GStreamer in this build")
        for name, path in context.models:
            if is_quantised(name):
                continue
            yield Job(f"start/{name}", {"model": file_key(path)}, 5, lambda path=path: self.measure(context, path))

    def measure(self, context, path):
        times = []
        for _ in range(7):
            start = time.monotonic()
            run("gst-launch-1.0", "-q", "videotestsrc", "num-buffers=1", "!",
                "video/x-raw,format=NV12,width=1280,height=720", "!", "onnxinfer", f"model={path}", "!", "onnxdecode-yolo",
                "!", "onnxpublish", "!", "fakesink", env=context.gst_env)
            times.append(1e3 * (time.monotonic() - start))
        return {"median_ms": statistics.median(times[1:]), "min_ms": min(times[1:])}

    def tell(self, results, context):
        lines = [[name.split("/")[1], number(r["value"]["median_ms"], 0), number(r["value"]["min_ms"], 0)]
                 for name, r in results]
        note = ("A whole process, ms from its start to its end, the registry of plugins known: `gst-launch-1.0 videotestsrc "
                "num-buffers=1 ! video/x-raw,format=NV12,width=1280,height=720 ! onnxinfer model=... ! onnxdecode-yolo ! "
                "onnxpublish ! fakesink`; median and least of six.")
        return (paragraph(note) + "\n\n" + table(["model", "median", "least"], lines))


class Sessions:
    """Two sessions of a process, each on a core of its own, against one alone; and an idle one."""

    name, title = "sessions", "Sessions side by side"
    command = "tools/bench --only sessions"
    chosen = ("yolov8n_640", "yolox_nano_416", "people")

    def jobs(self, context):
        if context.processor["cores"] < 2:
            raise Skip("one core")
        models = [m for m in context.models if m[0] in self.chosen] or context.models[:1]
        for name, path in models:
            yield Job(f"sessions/{name}", {"model": file_key(path), "runs": context.runs}, 10 + context.runs / 3,
                      lambda path=path: self.measure(context, path))

    def measure(self, context, path):
        script = pathlib.Path(__file__).resolve().parent / "sessions.py"
        return json.loads(run(sys.executable, script, context.library, path, max(5, context.runs)))

    def tell(self, results, context):
        lines = []
        for name, result in results:
            pairs = result["value"]["pairs"]
            alone = statistics.median(p[0] for p in pairs)
            both = statistics.median((p[1] + p[2]) / 2 for p in pairs)
            loss = statistics.median((p[1] + p[2]) / 2 / p[0] for p in pairs) - 1
            lines.append([name.split("/")[1], number(alone, 2), number(both, 2), f"{100 * loss:+.1f} %",
                          f"{100 * result['value']['idle']:.2f} %"])
        note = ("Two sessions of one process at once, each with one thread on a core of its own, against one that is alone; "
                "and what a session of two threads takes of a core while it waits. Medians of three alternating pairs.")
        return (paragraph(note) + "\n\n" +
                table(["model", "alone ms", "two at once ms", "loss", "idle, of a core"], lines))


def is_plain(name):
    return not is_quantised(name)


SECTIONS = [
    Peers("peers", "Against other engines, float32, one thread", ["onnxruntime", "openvino"], wanted=is_plain),
    Peers("peers2", "Two threads", ["onnxruntime", "openvino"], threads=2, wanted=is_plain),
    Peers("avx2", "AVX2", ["onnxruntime", "openvino"], isa="avx2", wanted=is_plain,
          needs=["avx512f"], note="All engines are held to AVX2 and FMA."),
    Peers("int8", "8-bit models", ["onnxruntime", "openvino"], wanted=is_quantised),
    Peers("bf16", "bfloat16", ["openvino-bf16"], wanted=is_plain, needs=["amx_bf16"],
          note="Both with bfloat16 (`precision=bf16`)."),
    Peers("ncnn", "ncnn", ["ncnn"], wanted=is_plain, note="Where pnnx converts the model."),
    Memory(), Nodes(), Input(), Pipeline(), Start(), Sessions(), Times(),
]
