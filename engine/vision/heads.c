/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The table of heads, and what several of them need. Order matters: the first row that recognises the outputs wins, so
 * rows with the firmer evidence stand first. */
#include "vision/heads.h"

#include <math.h>
#include <stdlib.h>

#include "base/size.h"

#define UNIT (1 / 255.0)
#define PREPROCESS_RGB01(how)                                                                                          \
    {                                                                                                                  \
        .scaling = how, .channels = 3, .scale = { UNIT, UNIT, UNIT }, .pad = 114                                       \
    }
/* ImageNet's statistics of 0..255 pixels, r g b; here as pixel * scale - mean. */
#define STATISTICS_RGB                                                                                                 \
    .mean = { 123.675 / 58.395, 116.28 / 57.12, 103.53 / 57.375 }, .scale = { 1 / 58.395, 1 / 57.12, 1 / 57.375 }
#define STATISTICS_BGR                                                                                                 \
    .mean = { 103.53 / 57.375, 116.28 / 57.12, 123.675 / 58.395 }, .scale = { 1 / 57.375, 1 / 57.12, 1 / 58.395 }

const struct vision_head vision_heads[] = {
    { "efficient-nms", "num_dets, boxes [1,N,4], scores [1,N], classes [1,N] (EfficientNMS)", true,
      PREPROCESS_RGB01(ONYX_SCALING_LETTERBOX), head_efficient_nms_recognise, head_efficient_nms_decode, NULL },
    { "yolov7-nms", "[N,7]: batch, corners, class, score (YOLOv7 --end2end)", true,
      PREPROCESS_RGB01(ONYX_SCALING_LETTERBOX), head_rows7_recognise, head_rows7_decode, NULL },
    { "ultraface",
      "[1,N,2] and [1,N,4] in 0..1 (UltraFace)",
      false,
      { .scaling = ONYX_SCALING_STRETCH,
        .channels = 3,
        .mean = { 127 / 128.0, 127 / 128.0, 127 / 128.0 },
        .scale = { 1 / 128.0, 1 / 128.0, 1 / 128.0 } },
      head_faces_recognise,
      head_boxes_decode,
      NULL },
    { "boxes+scores",
      "[1,N,4] corners and [1,N,C] or [1,C,N] scores (YOLO-NAS, PP-YOLOE)",
      false,
      { .scaling = ONYX_SCALING_LETTERBOX, .channels = 3, .scale = { UNIT, UNIT, UNIT }, .pad = 114 },
      head_boxes_recognise,
      head_boxes_decode,
      NULL },
    { "yolov5", "[1,N,5+C] with 3 anchors a cell (YOLOv3/v5/v7; with masks [1,N,5+C+32] and [1,32,h,w])", false,
      PREPROCESS_RGB01(ONYX_SCALING_LETTERBOX), head_yolov5_recognise, head_yolov5_decode, NULL },
    { "yolov8",
      "[1,4+C,N] or [1,N,4+C] (YOLOv8/v9/11/12; with masks 4+C+32 and [1,32,h,w], keypoints 4+C+3K, rotated 4+C+1)",
      false, PREPROCESS_RGB01(ONYX_SCALING_LETTERBOX), head_yolov8_recognise, head_yolov8_decode, NULL },
    { "yolov6", "[1,N,5+C] named outputs, decoded (YOLOv6)", false, PREPROCESS_RGB01(ONYX_SCALING_LETTERBOX),
      head_yolov6_recognise, head_yolov5_decode, NULL },
    { "nanodet-plus",
      "[1,N,C+4B], strides 8 to 64 (NanoDet-Plus)",
      false,
      { .scaling = ONYX_SCALING_STRETCH, .bgr = true, .channels = 3, STATISTICS_BGR },
      head_nanodet_plus_recognise,
      head_nanodet_plus_decode,
      NULL },
    { "yolox",
      "[1,N,5+C], one raw row a cell of strides 8, 16, 32 (YOLOX)",
      false,
      { .scaling = ONYX_SCALING_LETTERBOX_TOP_LEFT, .bgr = true, .channels = 3, .scale = { 1, 1, 1 }, .pad = 114 },
      head_yolox_recognise,
      head_yolox_decode,
      NULL },
    { "end-to-end", "[1,N,6] corners, score, class (YOLOv10/26, nms=True; also 6+32 with masks, 6+3K, 7 rotated)", true,
      PREPROCESS_RGB01(ONYX_SCALING_LETTERBOX), head_end_to_end_recognise, head_end_to_end_decode, NULL },
    { "rt-detr", "[1,Q,4+C], Q queries with boxes in 0..1 (RT-DETR)", true, PREPROCESS_RGB01(ONYX_SCALING_STRETCH),
      head_rtdetr_recognise, head_rtdetr_decode, NULL },
    { "nanodet",
      "3 strides of [n,C] and [n,4B] (NanoDet)",
      false,
      { .scaling = ONYX_SCALING_LETTERBOX, .bgr = true, .channels = 3, STATISTICS_BGR },
      head_nanodet_recognise,
      head_distribution_decode,
      NULL },
    { "picodet",
      "4 strides of [1,n,C] and [1,n,4B] (PicoDet)",
      false,
      { .scaling = ONYX_SCALING_STRETCH, .channels = 3, STATISTICS_RGB },
      head_picodet_recognise,
      head_distribution_decode,
      NULL },
    { "yunet",
      "3 strides of [1,n,1] twice, [1,n,4], [1,n,10] (YuNet faces)",
      false,
      { .scaling = ONYX_SCALING_LETTERBOX_TOP_LEFT, .bgr = true, .channels = 3, .scale = { 1, 1, 1 } },
      head_yunet_recognise,
      head_yunet_decode,
      head_yunet_keypoints },
    { "fastestdet",
      "[1,5+C,h,w] of stride 16 (FastestDet)",
      false,
      { .scaling = ONYX_SCALING_STRETCH, .bgr = true, .channels = 3, .scale = { UNIT, UNIT, UNIT } },
      head_fastestdet_recognise,
      head_fastestdet_decode,
      NULL },
};
const int vision_head_count = (int)ARRAY_LENGTH(vision_heads);

const char *vision_head_help(int index)
{
    return index >= 0 && index < vision_head_count ? vision_heads[index].help : NULL;
}

bool head_find(const head_input *input, head_match *match)
{
    for (int i = 0; i < vision_head_count; i++) {
        *match = (head_match){ .head = &vision_heads[i], .proto = -1, .task = VISION_TASK_DETECT };
        if (vision_heads[i].recognise(input, match))
            return true;
    }
    return false;
}

void candidate_push(candidate_list *list, float x0, float y0, float x1, float y1, float score, int label, int row)
{
    if (!isfinite(x0) || !isfinite(y0) || !isfinite(x1) || !isfinite(y1) || !isfinite(score)) {
        list->ignored++;
        return;
    }
    if (list->count == list->capacity) {
        int capacity = list->capacity ? list->capacity * 2 : 256;
        candidate *items = capacity < 1 << 24 ? realloc(list->items, (size_t)capacity * sizeof *items) : NULL;
        if (!items) {
            list->out_of_memory = true;
            return;
        }
        list->items = items;
        list->capacity = capacity;
    }
    list->items[list->count++] =
        (candidate){ .x0 = x0, .y0 = y0, .x1 = x1, .y1 = y1, .score = score, .label = label, .row = row };
}

int64_t head_grid_rows(int width, int height, int first, int last, int *levels, int *strides)
{
    int64_t rows = 0;
    int count = 0;
    if (width < 1 || height < 1)
        return 0;
    for (int stride = first; stride <= last; stride *= 2, count++) {
        rows += (int64_t)((width + stride - 1) / stride) * ((height + stride - 1) / stride);
        if (strides)
            strides[count] = stride;
    }
    if (levels)
        *levels = count;
    return rows;
}

bool head_find_grid(const head_input *input, int64_t rows, int anchors, head_match *match)
{
    static const int ranges[][2] = { { 8, 32 }, { 8, 64 }, { 4, 32 }, { 16, 32 }, { 4, 64 }, { 8, 16 } };
    for (size_t i = 0; rows > 0 && i < ARRAY_LENGTH(ranges); i++)
        if (head_grid_rows(input->width, input->height, ranges[i][0], ranges[i][1], &match->levels, match->strides) *
                anchors ==
            rows)
            return true;
    match->levels = 0;
    return false;
}

int head_find_protos(const head_input *input)
{
    for (int i = 0; i < input->count; i++) {
        const head_tensor *t = &input->tensors[i];
        if (t->rank == 3 && t->dims[0] >= 4 && t->dims[0] <= 256 && (t->dims[1] < 0 || t->dims[1] >= 4) &&
            (t->dims[2] < 0 || t->dims[2] >= 4))
            return i;
    }
    return -1;
}

void head_keypoints(const head_input *input, const head_match *m, const candidate *c, vision_keypoint *points)
{
    const float *data = input->tensors[m->used[0]].data;
    for (int k = 0; k < m->keypoints; k++) {
        int column = m->extra_column + k * m->keypoint_dims;
        points[k].x = head_value(data, m, c->row, column);
        points[k].y = head_value(data, m, c->row, column + 1);
        points[k].score = m->keypoint_dims > 2 ? head_value(data, m, c->row, column + 2) : 1;
    }
}
