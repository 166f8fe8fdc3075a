/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heads that are understood: one row each of a table in heads.c, with a function that recognises it by the shapes
 * of a model's outputs (and what the recipe knows) and one that turns the tensors into candidates. */
#ifndef ONYX_VISION_HEADS_H
#define ONYX_VISION_HEADS_H

#include "vision/nms.h"
#include "vision/vision.h"

/* An output without its batch dimension: ranks 1 to 3 (0: a rank that no head has). dims are -1 where free (only before
 * a run). */
typedef struct head_tensor {
    const char *name;  /* never NULL */
    int declared_rank; /* with the batch */
    int rank;
    int64_t dims[3];
    const float *data; /* only in decode, and only for the tensors that the match uses */
} head_tensor;

enum { HEAD_TENSORS = 16, HEAD_LEVELS = 6 };

typedef struct head_input {
    const head_tensor *tensors;
    int count;
    int width, height;          /* of the network's input; 0: not known yet */
    const vision_recipe *hints; /* never NULL */
} head_input;

/* What recognise found out. */
typedef struct head_match {
    const struct vision_head *head;
    int used[HEAD_TENSORS], used_count; /* indices of tensors; what each is, the head knows */
    int proto;                          /* index of the mask prototypes, or -1 */
    vision_task task;
    bool by_column;    /* the table's rows lie side by side: value(row, column) = data[column * rows + row] */
    int rows, columns; /* -1: free */
    int classes, extra_column,
        extras; /* extras: mask coefficients, keypoint values or the angle, from that column on */
    int keypoints, keypoint_dims;
    int levels, strides[HEAD_LEVELS]; /* of the grids, finest first */
    int bins;                         /* of a distance distribution */
} head_match;

/* A growing list; candidate_push keeps count of what is not finite. */
typedef struct candidate_list {
    candidate *items;
    int count, capacity, ignored;
    bool out_of_memory;
} candidate_list;
/* Corners. Boxes and scores that are not finite are counted and left out. */
void candidate_push(candidate_list *list, float x0, float y0, float x1, float y1, float score, int label, int row);

struct vision_head {
    const char *name, *help;
    bool suppressed; /* NMS is done or not needed */
    onyx_preprocess preprocess;
    bool (*recognise)(const head_input *input, head_match *match);
    /* Pushes all rows with score >= threshold. */
    void (*decode)(const head_input *input, const head_match *match, float threshold, candidate_list *list);
    /* The keypoints of a candidate, in pixels of the input; NULL: head_keypoints. */
    void (*keypoints)(const head_input *input, const head_match *match, const candidate *c, vision_keypoint *points);
};

/* The view of an output with these dims; of rank 0 if no head could read it. */
void head_tensor_of(const char *name, onyx_type type, int rank, const int64_t *dims, head_tensor *t);
/* Tries the rows in order. */
bool head_find(const head_input *input, head_match *match);
extern const struct vision_head vision_heads[];
extern const int vision_head_count;

/* Cells of the grids with strides first, 2 first, ..., last; with `strides` (may be NULL) set. 0 if unknown. */
int64_t head_grid_rows(int width, int height, int first, int last, int *levels, int *strides);
/* The strides for which the grids have `rows` / anchors cells: true and levels, strides set. */
bool head_find_grid(const head_input *input, int64_t rows, int anchors, head_match *match);
/* The index of a tensor [n, h, w] with small n that can be mask prototypes, or -1. */
int head_find_protos(const head_input *input);

static inline float head_value(const float *data, const head_match *m, int row, int column)
{
    return m->by_column ? data[(size_t)column * (size_t)m->rows + (size_t)row]
                        : data[(size_t)row * (size_t)m->columns + (size_t)column];
}
void head_keypoints(const head_input *input, const head_match *match, const candidate *c, vision_keypoint *points);

/* heads_yolo.c */
bool head_end_to_end_recognise(const head_input *input, head_match *match);
void head_end_to_end_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_yolov5_recognise(const head_input *input, head_match *match);
bool head_yolov6_recognise(const head_input *input, head_match *match);
void head_yolov5_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_yolov8_recognise(const head_input *input, head_match *match);
void head_yolov8_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_yolox_recognise(const head_input *input, head_match *match);
void head_yolox_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_rows7_recognise(const head_input *input, head_match *match);
void head_rows7_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);

/* heads_other.c */
bool head_rtdetr_recognise(const head_input *input, head_match *match);
void head_rtdetr_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_nanodet_recognise(const head_input *input, head_match *match);
bool head_picodet_recognise(const head_input *input, head_match *match);
void head_distribution_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_nanodet_plus_recognise(const head_input *input, head_match *match);
void head_nanodet_plus_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_yunet_recognise(const head_input *input, head_match *match);
void head_yunet_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
void head_yunet_keypoints(const head_input *input, const head_match *match, const candidate *c,
                          vision_keypoint *points);
bool head_faces_recognise(const head_input *input, head_match *match);
bool head_boxes_recognise(const head_input *input, head_match *match);
void head_boxes_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_fastestdet_recognise(const head_input *input, head_match *match);
void head_fastestdet_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);
bool head_efficient_nms_recognise(const head_input *input, head_match *match);
void head_efficient_nms_decode(const head_input *input, const head_match *match, float threshold, candidate_list *list);

#endif
