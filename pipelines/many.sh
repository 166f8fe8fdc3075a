#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Several sources in one process: every URI gets a branch of its own; the model is loaded once and shared.
#
#     pipelines/many.sh MODEL.onnx file:///videos/a.mp4 rtsp://camera/1 ...
#
# JSON lines of branch N go to sourceN.jsonl in the current folder (or $OUT).
[ $# -ge 2 ] || { echo "usage: $0 MODEL.onnx URI..." >&2; exit 2; }
model=$1
shift
count=$#
number=0
while [ $number -lt $count ]; do
  uri=$1
  shift
  set -- "$@" uridecodebin uri="$uri" ! queue ! onnxinfer model="$model" threads=1 ! onnxdecode-yolo ! \
    onnxpublish location="${OUT:-.}/source$number.jsonl" ! fakesink
  number=$((number + 1))
done
exec gst-launch-1.0 -q "$@"
