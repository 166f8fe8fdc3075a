#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# Boxes over a Raspberry Pi's own camera (package gstreamer1.0-libcamera).
#
#     pipelines/libcamera.sh MODEL.onnx
#
# The Pi's camera processor scales and converts by itself: NV12 at 1280x720 costs the CPU nothing.
[ $# -eq 1 ] || { echo "usage: $0 MODEL.onnx" >&2; exit 2; }
# shellcheck disable=SC2086 # SINK may hold properties
exec gst-launch-1.0 libcamerasrc ! video/x-raw,format=NV12,width=1280,height=720,framerate=30/1 ! \
  queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! \
  onnxinfer model="$1" ! onnxdecode-yolo ! onnxoverlay ! \
  videoconvert ! ${SINK:-autovideosink}
