#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""meson install into a folder of its own, and a C program outside of the tree that is built against it with nothing
but pkg-config, and run.

A second build folder is configured for the prefix, but only for the pkg-config files: what is installed was built
already (--no-rebuild, DESTDIR).
"""
import os
import pathlib
import shutil

import common
from common import BUILD, SOURCE, Checks, environment, run

PROGRAM = r"""
#include <onyx.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    onyx_error error;
    onyx_model *model = NULL;
    onyx_session *session = NULL;
    onyx_tensor input, output;
    onyx_outputs *outputs = NULL;
    if (argc != 2 || onyx_model_open(argv[1], NULL, &model, &error) ||
        onyx_session_new(model, NULL, &session, &error) || onyx_session_input(session, 0, &input, &error)) {
        puts(error.message);
        return 1;
    }
    memset(input.data, 0, input.size_bytes);
    if (onyx_session_run(session, &outputs, &error)) {
        puts(error.message);
        return 1;
    }
    onyx_outputs_get(outputs, 0, &output);
    printf("onyx %s: %s %lldx%lldx%lld\n", onyx_version(), onyx_type_name(output.type), (long long)output.dims[0],
           (long long)output.dims[1], (long long)output.dims[2]);
    onyx_outputs_unref(outputs);
    onyx_session_free(session);
    onyx_model_unref(model);
    return 0;
}
"""


def find(root, name):
    found = sorted(root.rglob(name))
    return found[0] if found else None


def main():
    checks = Checks()
    with common.scratch() as name:
        folder = pathlib.Path(name)
        root = folder / "root"
        done = run("meson", "install", "-C", BUILD, "--no-rebuild", env=dict(os.environ, DESTDIR=str(root)))
        if not checks.same(done.returncode, 0, f"meson install: {done.stdout[-500:]} {done.stderr}"):
            checks.done()
        pc = find(root, "onyx-1.0.pc")
        wanted = ["onyx.h", "libonyx.so", "libonyx.so.0", "onyx"]
        if (BUILD / "gst" / "libgstonyx.so").exists():
            wanted += ["libgstonyx.so", "onyx-gst-1.0.pc", "onyxgst.h", "onyx-detect"]
        wanted += [path.name for path in (BUILD / "models").glob("*.onnx")]
        for wish in wanted:
            checks.check(find(root, wish), f"{wish} is installed")
        if not checks.check(pc, "onyx-1.0.pc is installed"):
            checks.done()
        plugin = find(root, "libgstonyx.so")
        if plugin:
            checks.same(plugin.parent.name, "gstreamer-1.0", "the plugin's folder")
        check_program(checks, folder, root, pc)
        if plugin:
            check_callback(checks, folder, root, pc)
    checks.done()


def check_program(checks, folder, root, pc):
    """Outside of the tree: only the installed files and pkg-config."""
    source, program, model = folder / "outside.c", folder / "outside", folder / "blocks.onnx"
    source.write_text(PROGRAM)
    common.write_model(model)
    env = environment(PKG_CONFIG_PATH=pc.parent, PKG_CONFIG_SYSROOT_DIR=root)
    env.pop("ONYX_CPU", None)
    flags = run("pkg-config", "--cflags", "--libs", "onyx-1.0", env=env)
    if not checks.same(flags.returncode, 0, f"pkg-config onyx-1.0: {flags.stderr}"):
        return
    compiler = os.environ.get("CC", "cc" if shutil.which("cc") else "gcc").split()
    done = run(*compiler, "-std=c11", "-Wall", "-Wextra", "-Werror", source, "-o", program, *flags.stdout.split(), env=env)
    if not checks.same(done.returncode, 0, f"a program outside of the tree: {done.stderr}"):
        return
    library = find(root, "libonyx.so.0").parent
    done = run(program, model, env=dict(os.environ, LD_LIBRARY_PATH=str(library)))
    checks.check(done.returncode == 0 and done.stdout.endswith(": float32 1x7x64\n"), f"it says: {done.stdout} {done.stderr}")
    version = run("pkg-config", "--modversion", "onyx-1.0", env=env).stdout.strip()
    checks.check(f"onyx {version}:" in done.stdout, f"pkg-config says {version}, the library {done.stdout}")
    onyx = find(root, "onyx-1.0.pc").parents[0]
    command = next((p for p in root.rglob("bin/onyx") if p.is_file()), None)
    checks.check(command and run(command, "--version", env=dict(os.environ)).returncode == 0,
                 f"the installed command runs ({onyx})")


def check_callback(checks, folder, root, pc):
    """The example that reads metadata. GStreamer itself is not below DESTDIR: only Onyx's prefix is changed."""
    for file in pc.parent.glob("*.pc"):
        text = file.read_text()
        (folder / file.name).write_text(text.replace("prefix=/", f"prefix={root}/", 1))
    env = environment(PKG_CONFIG_PATH=folder)
    flags = run("pkg-config", "--cflags", "--libs", "onyx-gst-1.0", "gstreamer-app-1.0", env=env)
    if flags.returncode:
        checks.skip(f"pkg-config onyx-gst-1.0 gstreamer-app-1.0: {flags.stderr}")
        return
    compiler = os.environ.get("CC", "cc" if shutil.which("cc") else "gcc").split()
    done = run(*compiler, "-std=gnu11", "-Wall", "-Werror", SOURCE / "pipelines" / "callback.c", "-o", folder / "callback",
               *flags.stdout.split(), env=env)
    checks.same(done.returncode, 0, f"callback.c outside of the tree: {done.stderr}")


if __name__ == "__main__":
    main()
