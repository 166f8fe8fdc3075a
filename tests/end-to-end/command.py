#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""The onyx command: help, exit statuses, messages with a cure, JSON that a program can read, conformance that sees
failures."""
import json
import pathlib
import shutil
import struct
import subprocess

import common
from common import ONYX, Checks, run
from tiny_model import block, integer, model, node, number, tensor, value_info

VERBS = ("info", "run", "conformance", "bench", "profile", "graph", "operators")


def check_help(checks):
    done = run(ONYX, "--help")
    checks.same(done.returncode, 0, "onyx --help")
    for verb in (*VERBS, "detect"):
        checks.check(f"  {verb} " in done.stdout, f"onyx --help names {verb}")
    for verb in VERBS:
        done = run(ONYX, verb, "--help")
        checks.check(done.returncode == 0 and done.stdout.startswith(f"usage: onyx {verb}"), f"onyx {verb} --help")
    checks.same(run(ONYX, "--version").returncode, 0, "onyx --version")


def check_misuse(checks, tiny):
    for arguments, cure in [
        ((), "onyx --help"), (("bensh",), 'did you mean "bench"'), (("bench",), "onyx bench [options] MODEL"),
        (("bench", tiny, "--thread", "2"), "did you mean --threads"), (("bench", tiny, "--runs", "0"), ">= 1"),
        (("bench", tiny, "--precision", "fp17"), "fp16"), (("run", tiny), "--test-data"),
        (("bench", tiny, "--dim", "batch=2"), "no input has a free dimension"),
        (("info", tiny, tiny), "one argument too many"),
        (("bench", tiny, "--disable-pass", "dead,conv_bm"), 'no pass "conv_bm"'),
        (("profile", tiny, "--trace", tiny), "cannot be written"),
        (("bench", tiny, "--runs"), "wants a value"), (("conformance", "/nowhere-at-all"), "No such file"),
    ]:
        done = run(ONYX, *arguments)
        checks.check(done.returncode == 2 and cure in done.stderr,
                     f"onyx {' '.join(map(str, arguments))}: status {done.returncode}, {done.stderr.strip()}")


def check_lost_output(checks, tiny):
    """What cannot be written is no success."""
    for arguments in (("--version",), ("--help",), ("info", tiny), ("bench", tiny, "--runs", "1", "--json"),
                      ("graph", tiny), ("operators",)):
        with open("/dev/full", "w") as full:
            done = subprocess.run([ONYX, *map(str, arguments)], stdout=full, stderr=subprocess.PIPE, text=True)
        checks.check(done.returncode == 1 and "standard output" in done.stderr,
                     f"onyx {arguments[0]} > /dev/full: {done.returncode}, {done.stderr}")


def check_json(checks, tiny):
    done = run(ONYX, "bench", tiny, "--threads", "1", "--runs", "5", "--warmup", "1", "--precision", "fp32", "--json")
    if checks.same(done.returncode, 0, f"onyx bench: {done.stderr}"):
        figures = json.loads(done.stdout)
        for key in ("min_ms", "median_ms", "p95_ms", "load_ms", "first_ms", "peak_rss_mb"):
            checks.check(figures.get(key, 0) > 0, f"bench --json {key}: {figures.get(key)}")
        checks.check(figures["min_ms"] <= figures["median_ms"] <= figures["p95_ms"], f"order of times: {figures}")
        checks.same((figures["threads"], figures["runs"]), (1, 5), "bench --json threads and runs")
    done = run(ONYX, "info", tiny, "--json")
    if checks.same(done.returncode, 0, f"onyx info: {done.stderr}"):
        info = json.loads(done.stdout)
        checks.same(info["inputs"], [{"name": "images", "type": "float32", "dims": [1, 3, 64, 64]}], "info inputs")
        checks.same(info["outputs"][0]["dims"], [1, 7, 64], "info output dims")
        checks.same({o["name"]: o["count"] for o in info["operators"]},
                    {"AveragePool": 1, "Conv": 1, "Relu": 1, "Reshape": 1, "Concat": 1}, "info operators")
        checks.check(all(o["supported"] for o in info["operators"]), "info: all supported")
        checks.same(info["metadata"].get("stride"), "8", "info metadata")
    done = run(ONYX, "operators", "--json")
    checks.check(done.returncode == 0 and len(json.loads(done.stdout)["operators"]) > 20, "operators --json")


def check_profile_and_graph(checks, tiny, folder):
    trace = folder / "trace.json"
    done = run(ONYX, "profile", tiny, "--runs", "3", "--trace", trace)
    checks.check(done.returncode == 0 and "GFLOP/s" in done.stdout and "by kernel" in done.stdout,
                 f"onyx profile: {done.stdout[:300]} {done.stderr}")
    events = json.loads(trace.read_text())["traceEvents"] if trace.exists() else []
    checks.check(events and all(e["ph"] == "X" and e["dur"] >= 0 for e in events), f"Chrome trace: {events[:2]}")
    done = run(ONYX, "profile", tiny, "--runs", "3", "--json")
    checks.check(done.returncode == 0 and json.loads(done.stdout)["peak_flops"] > 1e8, "profile --json")
    for options in ((), ("--optimised",), ("--dot",), ("--dot", "--optimised")):
        done = run(ONYX, "graph", *options, tiny)
        checks.check(done.returncode == 0 and "images" in done.stdout, f"onyx graph {options}: {done.stderr}")


def check_dims(checks, folder):
    free = folder / "free.onnx"
    dims = [None, "width", 4]
    graph = node("Exp", ["x"], "y") + block(2, "g")
    graph += block(11, value_info("x", dims)) + block(12, value_info("y", dims))
    free.write_bytes(number(1, 8) + block(7, graph) + block(8, number(2, 17)))
    for given, shape in ((("x:0=3", "width=5"), "3x5x4"), (("x:1=6",), "1x6x4"), (("x:0=2", "x:1=7"), "2x7x4")):
        done = run(ONYX, "profile", free, "--runs", "2", *(word for d in given for word in ("--dim", d)))
        checks.check(done.returncode == 0 and f"{shape} -> {shape}" in done.stdout,
                     f"--dim {given}: {done.stdout} {done.stderr}")
    for given in ("x:2=3", "x:3=3", "y:0=3", "x=3", "x:=3"):
        done = run(ONYX, "profile", free, "--runs", "2", "--dim", given)
        checks.check(done.returncode == 2 and "free dimension" in done.stderr,
                     f"--dim {given}: {done.returncode}, {done.stderr}")


def write_test(folder, values, dims=(1, 7, 64), type_of=None):
    """A backend test of the tiny model on a black picture."""
    data = folder / "test_data_set_0"
    data.mkdir(parents=True)
    (folder / "model.onnx").write_bytes(model())
    (data / "input_0.pb").write_bytes(tensor("images", [1, 3, 64, 64], [0.0] * (3 * 64 * 64)))
    (data / "output_0.pb").write_bytes((type_of or tensor)("output0", list(dims), values))


def right_values():
    from tiny_model import boxes
    return boxes() + [0.0] * (3 * 64)


def double_tensor(name, dims, values):
    packed = struct.pack("<%dd" % len(values), *values)
    return b"".join(number(1, d) for d in dims) + number(2, 11) + block(8, name) + block(9, packed)


def check_conformance(checks, folder):
    suite = folder / "suite"
    values = right_values()
    write_test(suite / "right", values)
    done = run(ONYX, "conformance", suite)
    checks.check(done.returncode == 0 and done.stdout.endswith("1 passed, 0 failed, 0 skipped\n"), f"right: {done.stdout}")
    done = run(ONYX, "run", suite / "right" / "model.onnx", "--test-data", suite / "right" / "test_data_set_0", "--json")
    checks.check(done.returncode == 0 and json.loads(done.stdout)["passed"] is True, f"onyx run: {done.stdout} {done.stderr}")

    wrong = list(values)
    wrong[64 + 5] += 0.5
    write_test(suite / "wrong-value", wrong)
    write_test(suite / "wrong-shape", values, dims=(1, 64, 7))
    write_test(suite / "wrong-type", values, type_of=double_tensor)
    (suite / "no-data").mkdir()
    (suite / "no-data" / "model.onnx").write_bytes(model())
    unknown = suite / "unknown-operator"
    write_test(unknown, values)
    (unknown / "model.onnx").write_bytes(model().replace(b"\x04Relu", b"\x04Rilu"))
    done = run(ONYX, "conformance", suite)
    checks.check(done.returncode == 1 and done.stdout.endswith("1 passed, 4 failed, 1 skipped\n"), f"suite: {done.stdout}")
    for words in (("wrong-value", "output_0.pb", "[0,1,5]", "expected 4.5", "actual 4"), ("wrong-shape", "1x64x7", "1x7x64"),
                  ("wrong-type", "float64", "float32"), ("no-data", "test_data_set_0"), ("skipped 1", "Rilu")):
        checks.check(any(all(w in line for w in words) for line in done.stdout.splitlines()),
                     f"conformance says {words}: {done.stdout}")
    done = run(ONYX, "conformance", suite, "--atol-range", "0.02", "--filter", "wrong-value")
    checks.check(done.stdout.endswith("1 passed, 0 failed, 0 skipped\n"), f"--atol-range: {done.stdout}")
    done = run(ONYX, "conformance", suite, "--filter", "unknown*", "--strict")
    checks.check(done.returncode == 1, f"--strict: {done.stdout}")
    excluded = folder / "excluded.txt"
    excluded.write_text("# reasons\nwrong-* not right on purpose\nno-data has none\n")
    done = run(ONYX, "conformance", suite, "--exclude", excluded)
    checks.check(done.returncode == 0 and done.stdout.endswith("1 passed, 0 failed, 5 skipped\n"), f"--exclude: {done.stdout}")
    done = run(ONYX, "run", suite / "wrong-value" / "model.onnx", "--test-data", suite / "wrong-value" / "test_data_set_0")
    checks.check(done.returncode == 1 and "[0,1,5]" in done.stdout, f"onyx run on a wrong value: {done.stdout}")


def half_tensor(name, dims, values):
    packed = struct.pack("<%de" % len(values), *values)
    return b"".join(number(1, d) for d in dims) + number(2, 10) + block(8, name) + block(9, packed)


def check_half_bounds(checks, folder):
    """Whole models with float16 weights have float16's bounds, though what goes in and out is float32; others do not."""
    suite = folder / "half"
    for name, kind, weights in (("half", 10, half_tensor), ("single", 1, tensor)):
        data = suite / name / "test_data_set_0"
        data.mkdir(parents=True)
        graph = node("Cast", ["x"], "n0", integer("to", kind))
        for i in range(32):
            graph += node("Add", [f"n{i}", "w"], f"n{i + 1}")
        graph += node("Cast", ["n32"], "y", integer("to", 1)) + block(2, "g") + block(5, weights("w", [2], [0.0, 1.0]))
        graph += block(11, value_info("x", [2])) + block(12, value_info("y", [2]))
        (suite / name / "model.onnx").write_bytes(number(1, 8) + block(7, graph) + block(8, number(2, 17)))
        (data / "input_0.pb").write_bytes(tensor("x", [2], [0.0, 0.0]))
        (data / "output_0.pb").write_bytes(tensor("y", [2], [0.3, 32.0]))
    done = run(ONYX, "conformance", "--verbose", suite)
    checks.check("1 passed, 1 failed" in done.stdout and "single: " in done.stdout, f"float16's bounds: {done.stdout}")


def check_bad_models(checks, folder):
    bad = folder / "bad.onnx"
    for what, content in (("empty", b""), ("text", b"this is no model at all\n" * 20), ("cut", model()[:-200])):
        bad.write_bytes(content)
        for verb in ("info", "bench"):
            done = run(ONYX, verb, bad)
            checks.check(done.returncode == 1 and "bad.onnx" in done.stderr,
                         f"onyx {verb} of a file that is {what}: status {done.returncode}, {done.stderr.strip()}")
    bad.write_bytes(model().replace(b"\x04Relu", b"\x04Rilu"))
    done = run(ONYX, "info", bad)
    checks.check(done.returncode == 1 and "Rilu" in done.stdout and "UNSUPPORTED" in done.stdout,
                 f"info of an unknown operator: {done.stdout} {done.stderr}")


def main():
    checks = Checks()
    with common.scratch() as name:
        folder = pathlib.Path(name)
        tiny = folder / "blocks.onnx"
        common.write_model(tiny)
        check_help(checks)
        check_misuse(checks, tiny)
        check_lost_output(checks, tiny)
        check_json(checks, tiny)
        check_profile_and_graph(checks, tiny, folder)
        check_dims(checks, folder)
        check_conformance(checks, folder)
        check_half_bounds(checks, folder)
        check_bad_models(checks, folder)
        shutil.rmtree(folder / "suite", ignore_errors=True)
    checks.done()


if __name__ == "__main__":
    main()
