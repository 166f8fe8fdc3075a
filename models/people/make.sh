#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# From nothing to the two model files: scenes, real frames, training, export, int8, figures. What is done is not done
# again, and training goes on where it was: start it again with the same arguments after an interruption.
#
#   PYTHON=venv/bin/python models/people/make.sh WORK [train.py's options]
#
# WORK: folder for the data (2 GB), checkpoints and results. GST_PLUGIN_PATH: folder of the built libgstonyx.so.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
work=${1:?usage: make.sh WORK [options of train.py]}
shift
least=0.35 # fewer than 1 of 20 photographs without people gets a box at the default threshold: evaluate.py

"$python" "$here/scenes.py" --data "$work/data"
"$python" "$here/gather.py" --data "$work/data"
"$python" "$here/train.py" --data "$work/data" --run "$work/run" "$@"
"$python" "$here/export.py" --least "$least" "$work/run/best.pt" "$work/people.onnx"
"$python" "$here/quantise.py" "$work/people.onnx" "$work/people-int8.onnx" --data "$work/data"
"$python" "$here/evaluate.py" "$work/people.onnx" --data "$work/data" --json "$work/people.json" --pictures "$work/pictures"
"$python" "$here/evaluate.py" "$work/people-int8.onnx" --data "$work/data" --json "$work/people-int8.json"
