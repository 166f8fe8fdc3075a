#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Two sessions of one process side by side, and what an idle one costs: through libonyx.so itself, as a program uses it.

usage: sessions.py LIBONYX.so MODEL.onnx RUNS      -> JSON
"""
import ctypes
import json
import os
import statistics
import sys
import threading
import time

ERROR_BYTES = 1 << 14  # more than an onyx_error has


class Options(ctypes.Structure):
    """The first fields of onyx_options; its size says where this ends."""
    _fields_ = [("size", ctypes.c_size_t), ("threads", ctypes.c_int), ("precision", ctypes.c_int)]


class Engine:
    def __init__(self, library, path, threads):
        self.lib = ctypes.CDLL(library)
        self.lib.onyx_session_run.argtypes = [ctypes.c_void_p] * 3
        self.model, self.error = ctypes.c_void_p(), ctypes.create_string_buffer(ERROR_BYTES)
        options = Options(ctypes.sizeof(Options), threads, 0)
        self.must(self.lib.onyx_model_open(path.encode(), ctypes.byref(options), ctypes.byref(self.model), self.error))

    def must(self, status):
        if status:
            sys.exit(f"status {status}: {self.error.raw[4:].split(bytes(1))[0].decode(errors='replace')}")

    def session(self):
        made = ctypes.c_void_p()
        self.must(self.lib.onyx_session_new(self.model, None, ctypes.byref(made), self.error))
        return made

    def run(self, session):
        self.must(self.lib.onyx_session_run(session, None, self.error))


def times(engine, session, runs, core, start=None):
    """Seconds of each run, on one core."""
    os.sched_setaffinity(0, {core})  # of this thread
    for _ in range(3):
        engine.run(session)
    if start:
        start.wait()
    spent = []
    for _ in range(runs):
        begin = time.perf_counter()
        engine.run(session)
        spent.append(time.perf_counter() - begin)
    return spent


def together(engine, sessions, runs, cores):
    start, found = threading.Barrier(len(sessions)), [None] * len(sessions)

    def work(i):
        found[i] = times(engine, sessions[i], runs, cores[i], start)
    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(sessions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def main():
    library, path, runs = sys.argv[1], sys.argv[2], int(sys.argv[3])
    allowed = sorted(os.sched_getaffinity(0))
    engine = Engine(library, path, 1)
    sessions = [engine.session(), engine.session()]
    pairs = []
    for _ in range(3):  # alternating, so that a slow minute meets both
        alone = statistics.median(together(engine, sessions[:1], runs, allowed)[0])
        both = together(engine, sessions, runs, allowed[:2] if len(allowed) > 1 else allowed * 2)
        pairs.append([alone * 1e3, *(statistics.median(spent) * 1e3 for spent in both)])
    os.sched_setaffinity(0, allowed)
    wide = Engine(library, path, min(2, len(allowed)))
    session = wide.session()
    for _ in range(3):
        wide.run(session)
    time.sleep(0.1)
    before = time.process_time()
    time.sleep(2)
    idle = (time.process_time() - before) / 2
    print(json.dumps({"pairs": pairs, "idle": idle, "cores": min(2, len(allowed))}))


if __name__ == "__main__":
    main()
