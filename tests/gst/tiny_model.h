/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tiny ONNX files, written byte by byte, for tests of the elements: a detector whose answer is known, and models that
 * an element must refuse.
 *
 * The detector has a YOLOv8 head on a 32x32 input: one Conv over the whole picture and a Reshape to [1, 4 + 2, 21].
 * Row i of 0..3 is the box of quadrant i (top left, top right, bottom left, bottom right); the score of its class 0
 * ("red") is the mean of the red channel there, that of class 1 ("blue") the mean of the blue one. All other rows have
 * score 0. */
#ifndef ONYX_TESTS_TINY_MODEL_H
#define ONYX_TESTS_TINY_MODEL_H

#include <glib.h>

#define TINY_SIZE 32
#define TINY_ROWS 21
#define TINY_CLASSES 2

typedef enum {
    TINY_DETECTOR,
    TINY_NOT_FINITE, /* the detector, but rows 0 and 1 hold NaN and infinity */
    TINY_CLASSIFIER, /* one output [1, 10]: no head that a decoder knows */
    TINY_TWO_INPUTS, /* the detector with a second input that nothing feeds */
    TINY_NO_PICTURE, /* one input of rank 2 */
    TINY_UNKNOWN_OPERATOR
} TinyKind;

/* Writes the model; names is the metadata's text, such as "{0: 'red', 1: 'blue'}", or NULL for none. */
void tiny_model_write(const gchar *path, TinyKind kind, const gchar *names);

#endif
