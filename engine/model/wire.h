/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The scan that every file passes before anything is unpacked: it checks all lengths, nesting and counts, and writes a
 * reduced copy of the message in which tensor payloads are replaced by the number of a view, and unknown fields are
 * gone. The reduced copy is small, so that protobuf-c's copies and its 2 GB limit do not matter. */
#ifndef ONYX_MODEL_WIRE_H
#define ONYX_MODEL_WIRE_H

#include <protobuf-c/protobuf-c.h>

#include "base/memory.h"
#include "base/status.h"

typedef struct wire_limits {
    size_t max_nodes; /* NodeProto messages */
    size_t max_bytes; /* of the reduced copy and the table of views, and again of the unpacked structures */
} wire_limits;

/* The content of one occurrence of TensorProto's raw_data, or of one of its packed fields: for these the encoded
 * elements one after the other (an unpacked element is a view of its own). */
typedef struct wire_view {
    const uint8_t *data;
    size_t size;
    uint32_t field; /* TensorProto's field number */
} wire_view;

typedef struct wire_scan {
    uint8_t *bytes; /* the reduced message */
    size_t size, capacity;
    wire_view *views;
    size_t view_count, view_capacity;
    size_t node_count;
} wire_scan;

/* Nested messages, as protobuf's own readers allow. */
#define WIRE_MAX_DEPTH 100

/* Fills *scan, which wire_free gives back, also after a failure. Views point into `bytes`. */
onyx_status wire_reduce(const ProtobufCMessageDescriptor *message, const void *bytes, size_t size,
                        const wire_limits *limits, wire_scan *scan, onyx_error *error);
void wire_free(wire_scan *scan);

/* Unpacks the reduced message with all its memory in `scratch`: nothing needs to be freed but that. */
onyx_status wire_unpack(const ProtobufCMessageDescriptor *message, const wire_scan *scan, arena *scratch,
                        ProtobufCMessage **result, onyx_error *error);

/* Reads one varint of at most `size` bytes; its length, or 0 where there is none. */
size_t wire_varint(const uint8_t *data, size_t size, uint64_t *value);

#endif
