# SPDX-License-Identifier: BSD-2-Clause
"""What every section of tools/bench uses: the machine, kept results, commands that fail with one line."""
import datetime
import hashlib
import json
import os
import pathlib
import platform
import subprocess
import time


class Failure(Exception):
    """To be told in one line."""


class Skip(Exception):
    """Something is not here: the section is left out, visibly."""


def run(*command, env=None, timeout=600, **options):
    """-> stdout; a Failure with the end of what was said otherwise."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env, check=False, **options)
    except subprocess.TimeoutExpired as expired:
        raise Failure(f"{' '.join(command[:3])}: not done after {timeout} s") from expired
    except OSError as error:
        raise Failure(f"{command[0]}: {error.strerror}") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "nothing said").splitlines()
        raise Failure(f"{' '.join(command[:3])}: exit status {done.returncode}: {said[-1][:200]}")
    return done.stdout


def processor():
    """Name and features; on a virtual machine the name alone says little."""
    fields = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        fields.setdefault(key.strip(), value.strip())
    flags = fields.get("flags", fields.get("Features", "")).split()
    known = {"avx2": "AVX2", "avx512f": "AVX-512", "avx512_vnni": "VNNI", "avx512_bf16": "AVX-512 BF16",
             "avx512_fp16": "AVX-512 FP16", "amx_int8": "AMX int8", "amx_bf16": "AMX bf16", "asimd": "NEON",
             "asimddp": "dot product", "asimdhp": "fp16"}
    name = fields.get("model name", platform.machine())
    if "cpu family" in fields:
        name += f" (family {fields['cpu family']}, model {fields.get('model', '?')})"
    return {"name": name, "features": ", ".join(text for flag, text in known.items() if flag in flags),
            "flags": flags, "cores": len(os.sched_getaffinity(0))}


def system():
    try:
        release = platform.freedesktop_os_release()
    except OSError:
        release = {}
    return f"{release.get('PRETTY_NAME', platform.system())}, Linux {'.'.join(platform.release().split('.')[:2])}"


class Store:
    """One JSON file a result, so that an interrupted run goes on. A result counts as long as the library that was
    measured, the model's file and the settings are the same."""

    def __init__(self, folder, key, fresh):
        self.folder, self.key, self.fresh = pathlib.Path(folder), key, fresh
        self.folder.mkdir(parents=True, exist_ok=True)

    def path(self, name, settings):
        digest = hashlib.sha256(json.dumps([self.key, settings], sort_keys=True).encode()).hexdigest()[:12]
        return self.folder / f"{name.replace('/', '_')}-{digest}.json"

    def get(self, name, settings):
        path = self.path(name, settings)
        if self.fresh or not path.exists():
            return None
        try:
            whole = json.loads(path.read_text(encoding="utf-8"))
        except ValueError:
            return None
        value = whole.get("value")
        return None if isinstance(value, dict) and "error" in value else whole  # what failed is tried again

    def put(self, name, settings, value):
        path = self.path(name, settings)
        whole = {"name": name, "settings": settings, "date": datetime.datetime.now(datetime.timezone.utc).isoformat(),
                 "load": os.getloadavg()[0], "value": value}
        part = path.with_suffix(".part")
        part.write_text(json.dumps(whole, indent=1) + "\n", encoding="utf-8")
        part.replace(path)
        return whole


class Progress:
    """A line a job on stderr, with what is left by the jobs' own estimates, scaled by how they came out so far."""

    def __init__(self, jobs, say):
        self.left, self.guessed, self.spent, self.say = sum(job.seconds for job in jobs), 0.0, 0.0, say
        self.count, self.number = len(jobs), 0

    def measure(self, job, function):
        self.number += 1
        factor = self.spent / self.guessed if self.guessed else 1.0
        self.say(f"[{self.number}/{self.count}, {max(1, round(self.left * factor / 60))} min left] {job.name}")
        start = time.monotonic()
        try:
            return function()
        finally:
            self.left -= job.seconds
            self.guessed += job.seconds
            self.spent += time.monotonic() - start


def file_key(path):
    """Names a file's content."""
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:16]
