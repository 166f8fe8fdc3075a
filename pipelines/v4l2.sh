#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Boxes over a USB camera.
#
#     pipelines/v4l2.sh MODEL.onnx [/dev/videoN]
#
# decodebin takes what the camera gives, raw or MJPEG. The leaky queue keeps only the newest frame, so that a model
# slower than the camera delays the picture by one frame and not by more and more.
[ $# -ge 1 ] || { echo "usage: $0 MODEL.onnx [/dev/videoN]" >&2; exit 2; }
# shellcheck disable=SC2086 # SINK may hold properties
exec gst-launch-1.0 v4l2src device="${2:-/dev/video0}" ! decodebin ! \
  queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! \
  onnxinfer model="$1" ! onnxdecode-yolo ! onnxoverlay ! \
  videoconvert ! ${SINK:-autovideosink}
