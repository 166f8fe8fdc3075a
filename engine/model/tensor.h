/* SPDX-License-Identifier: BSD-2-Clause
 *
 * TensorProto and SparseTensorProto -> model_tensor: payload from raw_data, the typed fields or an external file,
 * always checked against the shape. */
#ifndef ONYX_MODEL_TENSOR_H
#define ONYX_MODEL_TENSOR_H

#include "model/mapping.h"
#include "model/model.h"
#include "model/wire.h"

struct Onnx__TensorProto; /* of onnx.pb-c.h, which is generated */
struct Onnx__SparseTensorProto;

typedef struct tensor_reader {
    arena *arena;
    const wire_scan *scan;
    model_mapping *files; /* the model's own first; external ones are added behind it */
    size_t max_model_bytes;
    onyx_error *error;
} tensor_reader;

/* aligned: the data is a copy in the arena; else a view wherever the file's bytes can be used as they are. */
onyx_status tensor_read(const tensor_reader *reader, const struct Onnx__TensorProto *proto, bool aligned,
                        model_tensor *result);
/* Dense, in the arena. */
onyx_status tensor_read_sparse(const tensor_reader *reader, const struct Onnx__SparseTensorProto *proto,
                               model_tensor *result);

/* A terminated copy in the arena, repaired to UTF-8; NULL when the arena is full. */
const char *tensor_text(arena *a, ProtobufCBinaryData bytes);
onyx_status tensor_no_room(onyx_error *error);

/* Whether the number is one of onyx_type's. */
bool tensor_type_known(int64_t type);

#endif
