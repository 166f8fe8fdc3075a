# shellcheck shell=bash
# SPDX-License-Identifier: BSD-2-Clause
# Sourced by tools/test and tools/demo: what is missing on a bare Debian 12 or 13 is installed, and Onyx is built.
# Needs: $root (the repository). Everything here may run again and again.

say() { printf '\033[1m== %s\033[0m\n' "$*" >&2; }
die() { printf '%s: %s\n' "${0##*/}" "$*" >&2; exit 1; }

# dpkg-dev: with it meson installs into the multiarch folder, which ld.so and pkg-config know, not into lib64.
build_packages=(gcc libc6-dev dpkg-dev meson ninja-build pkg-config protobuf-c-compiler libprotobuf-c-dev
  libopenblas-dev libgstreamer1.0-dev libgstreamer-plugins-base1.0-dev libjson-glib-dev libcairo2-dev libpango1.0-dev
  libv4l-dev)
play_packages=(gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad
  gstreamer1.0-plugins-ugly gstreamer1.0-libav gstreamer1.0-x fonts-dejavu-core)
test_packages=(clang g++ python3-venv ca-certificates unzip libgstrtspserver-1.0-dev git)

# as_root COMMAND...: directly, or with sudo.
as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"
  elif command -v sudo >/dev/null; then sudo "$@"
  else die "cannot become root for: $*
Install these packages as root first, then run this again with --no-install."
  fi
}

# install_packages NAME...: only those that are missing; silent when there is nothing to do.
installed=no
install_packages() {
  local missing=() name
  command -v apt-get >/dev/null || die "no apt-get here: install the counterparts of these Debian packages yourself,
then use --no-install: $*"
  for name in "$@"; do
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$name" 2>/dev/null)" = installed ] || missing+=("$name")
  done
  [ ${#missing[@]} = 0 ] && return
  say "installing ${missing[*]}"
  as_root apt-get update -qq || echo "apt-get update failed; trying with the lists that are there" >&2
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q -o Dpkg::Use-Pty=0 --no-install-recommends \
    "${missing[@]}" | show_apt || die "apt-get could not install: ${missing[*]}"
  installed=yes
}

# apt's many lines as a few: a mark every 25 packages.
show_apt() {
  awk '/^Need to get/ { print "  " $0 }
    /^Get:/ { got++; if (got % 25 == 0) print "  " got " packages fetched" }
    /^Setting up/ { set_up++; if (set_up % 25 == 0) print "  " set_up " packages set up" }
    { fflush() }
    END { print "  " set_up + 0 " packages set up, done" }' >&2
}

# has_new_models FOLDER: a built-in model came after the folder was set up, which meson does not notice by itself.
has_new_models() {
  local path
  for path in "$root"/models/people/*.onnx; do
    [ ! -f "$path" ] || [ -f "$1/models/${path##*/}" ] || return 0
  done
  return 1
}

# build_onyx FOLDER [MESON OPTION...]: sets up once, then builds what changed, of $build_targets (empty: everything).
build_targets=()
build_onyx() {
  local folder=$1
  shift
  if [ ! -f "$folder/build.ninja" ]; then
    say "meson setup $folder $*"
    meson setup "$folder" "$root" "$@" >"$folder.log" 2>&1 || { cat "$folder.log" >&2; die "meson setup failed"; }
    sed -n '/^onyx /,$p' "$folder.log" >&2
    rm -f "$folder.log"
  elif [ $installed = yes ] || has_new_models "$folder"; then
    say "meson setup --reconfigure $folder" # what was missing before may be used now
    meson setup --reconfigure "$folder" "$root" >&2 || die "meson setup failed"
  fi
  say "ninja -C $folder ${build_targets[*]}"
  ninja -C "$folder" ${build_targets[@]+"${build_targets[@]}"} >&2 || die "the build failed"
}
