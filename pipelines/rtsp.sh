#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# What an IP camera sees, as JSON lines on standard output.
#
#     pipelines/rtsp.sh MODEL.onnx rtsp://user:password@host/path
#
# latency: milliseconds that rtspsrc may hold frames back to smooth the network.
[ $# -eq 2 ] || { echo "usage: $0 MODEL.onnx rtsp://HOST/PATH" >&2; exit 2; }
# shellcheck disable=SC2086 # SINK may hold properties
exec gst-launch-1.0 -q rtspsrc location="$2" latency="${LATENCY:-200}" ! decodebin ! \
  queue leaky=downstream max-size-buffers=1 max-size-bytes=0 max-size-time=0 ! \
  onnxinfer model="$1" ! onnxdecode-yolo ! onnxpublish location=- ! \
  ${SINK:-fakesink}
