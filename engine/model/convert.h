/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The unpacked messages -> the structures of model.h, all in the file's arena. */
#ifndef ONYX_MODEL_CONVERT_H
#define ONYX_MODEL_CONVERT_H

#include "model/model.h"
#include "model/tensor.h"

struct Onnx__ModelProto; /* of onnx.pb-c.h, which is generated */

/* Fills everything of *file but arena, path, mappings and max_nodes, which reader and file have already. */
onyx_status convert_model(model_file *file, const tensor_reader *reader, const struct Onnx__ModelProto *proto);

#endif
