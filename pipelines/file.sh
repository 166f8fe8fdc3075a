#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Boxes over a video file, in a window.
#
#     pipelines/file.sh MODEL.onnx VIDEO
#
# Without a display: SINK=fakesink pipelines/file.sh ... (and see onnxpublish for JSON lines instead of a picture).
[ $# -eq 2 ] || { echo "usage: $0 MODEL.onnx VIDEO" >&2; exit 2; }
# shellcheck disable=SC2086 # SINK may hold properties
exec gst-launch-1.0 filesrc location="$2" ! decodebin ! \
  onnxinfer model="$1" ! onnxdecode-yolo ! onnxoverlay ! \
  videoconvert ! ${SINK:-autovideosink}
