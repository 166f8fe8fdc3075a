/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Heads beside YOLO's: NanoDet and PicoDet (distances as distributions), YuNet and UltraFace (faces), FastestDet,
 * RT-DETR, and graphs that end in EfficientNMS. */
#include "vision/heads.h"

#include <math.h>
#include <string.h>

#include "base/size.h"

enum { MOST_BINS = 64 };

/* ---------------------------------------------------------------------------------------------- RT-DETR, boxes */

bool head_rtdetr_recognise(const head_input *input, head_match *m)
{
    const vision_recipe *hints = input->hints;
    for (int i = 0; i < input->count; i++) {
        const head_tensor *t = &input->tensors[i];
        if (t->rank != 2 || t->declared_rank != 3 || t->dims[0] < 10 || t->dims[0] > 2000 || t->dims[1] < 5)
            continue;
        int64_t classes = t->dims[1] - 4;
        if (hints->classes ? classes != hints->classes : classes != 80)
            continue;
        m->used[0] = i;
        m->used_count = 1;
        m->rows = (int)t->dims[0];
        m->columns = (int)t->dims[1];
        m->classes = (int)classes;
        return true;
    }
    return false;
}

void head_rtdetr_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    float width = (float)input->width, height = (float)input->height;
    for (int row = 0; row < m->rows; row++) {
        const float *r = input->tensors[m->used[0]].data + (size_t)row * (size_t)m->columns;
        int label = 0;
        for (int c = 1; c < m->classes; c++)
            if (r[4 + c] > r[4 + label])
                label = c;
        float score = r[4 + label], w = r[2] / 2 * width, h = r[3] / 2 * height, x = r[0] * width, y = r[1] * height;
        if (!isfinite(score))
            list->ignored++;
        else if (score >= threshold)
            candidate_push(list, x - w, y - h, x + w, y + h, score, label, row);
    }
}

/* boxes [N,4] at used[0], scores [N,C] (or [C,N], by_column) at used[1] */
static bool find_boxes_and_scores(const head_input *input, head_match *m, bool faces)
{
    for (int i = 0; i < input->count; i++)
        for (int k = 0; k < input->count; k++) {
            const head_tensor *boxes = &input->tensors[i], *scores = &input->tensors[k];
            if (i == k || boxes->rank != 2 || scores->rank != 2 || boxes->dims[1] != 4 || boxes->dims[0] < 2 ||
                boxes->dims[0] > 1 << 22)
                continue;
            bool rows_first = scores->dims[0] == boxes->dims[0], columns_first = scores->dims[1] == boxes->dims[0];
            int64_t classes = scores->dims[rows_first];
            if ((!rows_first && !columns_first) || classes < 1 || classes > 20000 || (faces && classes != 2))
                continue;
            m->used[0] = i;
            m->used[1] = k;
            m->used_count = 2;
            m->rows = (int)boxes->dims[0];
            m->columns = m->classes = (int)classes;
            m->by_column = !rows_first;
            return true;
        }
    return false;
}

bool head_faces_recognise(const head_input *input, head_match *m)
{
    head_match grid = *m; /* one row a cell is no table of priors */
    return input->count == 2 && find_boxes_and_scores(input, m, true) && !head_find_grid(input, m->rows, 1, &grid);
}

bool head_boxes_recognise(const head_input *input, head_match *m)
{
    return input->count == 2 && find_boxes_and_scores(input, m, false);
}

void head_boxes_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *boxes = input->tensors[m->used[0]].data, *scores = input->tensors[m->used[1]].data;
    bool faces = !strcmp(m->head->name, "ultraface"); /* class 0 is the background */
    float largest = 0;
    for (size_t i = 0; i < (size_t)m->rows * 4; i++)
        if (isfinite(boxes[i]) && boxes[i] > largest)
            largest = boxes[i];
    /* Corners in 0..1 (a little more at the edges) or in pixels. */
    float width = largest <= 4 ? (float)input->width : 1, height = largest <= 4 ? (float)input->height : 1;
    for (int row = 0; row < m->rows; row++) {
        int label = faces;
        float score = head_value(scores, m, row, label);
        for (int c = label + 1; c < m->classes; c++)
            if (head_value(scores, m, row, c) > score)
                score = head_value(scores, m, row, label = c);
        const float *b = boxes + (size_t)row * 4;
        if (!isfinite(score))
            list->ignored++;
        else if (score >= threshold)
            candidate_push(list, b[0] * width, b[1] * height, b[2] * width, b[3] * height, score, label, row);
    }
}

/* ------------------------------------------------------------------------------------------ NanoDet and PicoDet */

/* Expectation of softmax over the bins. */
static float expected_distance(const float *bins, int count)
{
    float most = bins[0], sum = 0, weighted = 0;
    for (int i = 1; i < count; i++)
        most = fmaxf(most, bins[i]);
    for (int i = 0; i < count; i++) {
        float e = expf(bins[i] - most);
        sum += e;
        weighted += e * (float)i;
    }
    return weighted / sum;
}

/* The box of a cell from four distributions; x, y is the cell's point. */
static void push_distances(candidate_list *list, const float *bins, int count, float x, float y, float stride,
                           float score, int label, int row)
{
    float side[4];
    for (int i = 0; i < 4; i++)
        side[i] = expected_distance(bins + i * count, count) * stride;
    candidate_push(list, x - side[0], y - side[1], x + side[2], y + side[3], score, label, row);
}

/* Best class of a row of scores; false if it does not reach the threshold. */
static bool row_passes(const float *scores, int classes, float threshold, candidate_list *list, float *score,
                       int *label)
{
    float check = 0;
    *label = 0;
    for (int c = 0; c < classes; c++) {
        check += scores[c] - scores[c];
        if (scores[c] > scores[*label])
            *label = c;
    }
    *score = scores[*label];
    if (check == 0)
        return *score >= threshold;
    list->ignored++;
    return false;
}

static int64_t cells(const head_input *input, int stride)
{
    return head_grid_rows(input->width, input->height, stride, stride, NULL, NULL);
}

/* Two tensors for each stride: scores [n,C] and distances [n,4 bins]. used[2 l] and used[2 l + 1]. The names and the
 * order of the outputs are not to be trusted, so they are paired by their sizes. */
static bool recognise_distributions(const head_input *input, head_match *m, int levels)
{
    if (input->count != levels * 2 || input->width < 1)
        return false;
    int64_t widths[2] = { 0, 0 }; /* the two numbers of columns */
    for (int i = 0; i < input->count; i++) {
        const head_tensor *t = &input->tensors[i];
        if (t->rank != 2 || t->dims[1] < 1 || t->dims[1] > 20000)
            return false;
        if (!widths[0] || widths[0] == t->dims[1])
            widths[0] = t->dims[1];
        else if (!widths[1] || widths[1] == t->dims[1])
            widths[1] = t->dims[1];
        else
            return false;
    }
    /* Distances are the ones with 4 times 8 (or at least a few) bins; the other are the classes. */
    int64_t bins = widths[1] == 32 || (widths[0] != 32 && widths[1] % 4 == 0) ? widths[1] : widths[0];
    int64_t classes = bins == widths[1] ? widths[0] : widths[1];
    if (!widths[1] || bins % 4 || bins < 8 || bins > 4 * MOST_BINS)
        return false;
    for (int l = 0; l < levels; l++) {
        int scores = -1, distances = -1;
        m->strides[l] = 8 << l;
        for (int i = 0; i < input->count; i++) {
            const head_tensor *t = &input->tensors[i];
            if (t->dims[0] != cells(input, m->strides[l]))
                continue;
            if (t->dims[1] == classes)
                scores = i;
            else
                distances = i;
        }
        if (scores < 0 || distances < 0)
            return false;
        m->used[2 * l] = scores;
        m->used[2 * l + 1] = distances;
    }
    m->used_count = levels * 2;
    m->levels = levels;
    m->classes = (int)classes;
    m->bins = (int)bins / 4;
    return true;
}

bool head_nanodet_recognise(const head_input *input, head_match *m)
{
    return recognise_distributions(input, m, 3);
}

bool head_picodet_recognise(const head_input *input, head_match *m)
{
    return recognise_distributions(input, m, 4);
}

void head_distribution_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    for (int l = 0; l < m->levels; l++) {
        const float *scores = input->tensors[m->used[2 * l]].data, *bins = input->tensors[m->used[2 * l + 1]].data;
        int stride = m->strides[l], columns = (input->width + stride - 1) / stride, count = (int)cells(input, stride);
        for (int cell = 0; cell < count; cell++) {
            float score, middle = 0.5f * (float)(stride - 1);
            int label;
            if (row_passes(scores + (size_t)cell * (size_t)m->classes, m->classes, threshold, list, &score, &label))
                push_distances(list, bins + (size_t)cell * (size_t)m->bins * 4, m->bins,
                               (float)(cell % columns * stride) + middle, (float)(cell / columns * stride) + middle,
                               (float)stride, score, label, cell);
        }
    }
}

bool head_nanodet_plus_recognise(const head_input *input, head_match *m)
{
    const head_tensor *t = &input->tensors[0];
    if (input->count != 1 || t->rank != 2 || t->dims[1] < 33 || t->dims[1] > 20000 || input->hints->from_metadata ||
        t->dims[0] != head_grid_rows(input->width, input->height, 8, 64, &m->levels, m->strides))
        return false;
    m->used[0] = 0;
    m->used_count = 1;
    m->bins = 8;
    m->rows = (int)t->dims[0];
    m->columns = (int)t->dims[1];
    m->classes = m->columns - 32;
    return true;
}

void head_nanodet_plus_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *row = input->tensors[m->used[0]].data;
    int index = 0;
    for (int l = 0; l < m->levels; l++) {
        int stride = m->strides[l], columns = (input->width + stride - 1) / stride, count = (int)cells(input, stride);
        for (int cell = 0; cell < count; cell++, index++, row += m->columns) {
            float score;
            int label;
            if (row_passes(row, m->classes, threshold, list, &score, &label))
                push_distances(list, row + m->classes, m->bins, (float)(cell % columns * stride),
                               (float)(cell / columns * stride), (float)stride, score, label, index);
        }
    }
}

/* -------------------------------------------------------------------------------------------------------- YuNet */

/* For each stride: used[4 l] and [4 l + 1] the two score columns (their product counts, so their order does not
 * matter), [4 l + 2] boxes, [4 l + 3] landmarks. */
bool head_yunet_recognise(const head_input *input, head_match *m)
{
    if (input->count != 12)
        return false;
    int found[3][4] = { { 0 } }, counts[3][3] = { { 0 } };
    for (int i = 0; i < 12; i++) {
        const head_tensor *t = &input->tensors[i];
        /* Before a run the number of cells may be free: then the order of the outputs tells the stride. */
        int kind = t->rank != 2 ? -1 : t->dims[1] == 1 ? 0 : t->dims[1] == 4 ? 1 : t->dims[1] == 10 ? 2 : -1, level = 0;
        if (kind < 0)
            return false;
        if (t->dims[0] < 0)
            level = i % 3;
        else
            while (level < 3 && t->dims[0] != cells(input, 8 << level))
                level++;
        if (level == 3 || counts[level][kind] == (kind == 0 ? 2 : 1))
            return false;
        found[level][kind == 0 ? counts[level][0] : kind + 1] = i;
        counts[level][kind]++;
    }
    m->levels = 3;
    m->used_count = 12;
    m->classes = 1;
    m->keypoints = 5;
    m->keypoint_dims = 2;
    m->task = VISION_TASK_POSE;
    for (int l = 0; l < 3; l++) {
        m->strides[l] = 8 << l;
        memcpy(m->used + 4 * l, found[l], sizeof found[l]);
    }
    return true;
}

void head_yunet_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    int row = 0;
    for (int l = 0; l < m->levels; l++) {
        const float *first = input->tensors[m->used[4 * l]].data, *second = input->tensors[m->used[4 * l + 1]].data;
        const float *boxes = input->tensors[m->used[4 * l + 2]].data;
        int columns = (input->width + m->strides[l] - 1) / m->strides[l], count = (int)cells(input, m->strides[l]);
        float stride = (float)m->strides[l];
        for (int cell = 0; cell < count; cell++, row++) {
            float score = sqrtf(fminf(fmaxf(first[cell], 0), 1) * fminf(fmaxf(second[cell], 0), 1));
            const float *b = boxes + (size_t)cell * 4;
            if (!isfinite(first[cell]) || !isfinite(second[cell])) {
                list->ignored++;
                continue;
            }
            if (!(score >= threshold))
                continue;
            float x = ((float)(cell % columns) + b[0]) * stride, y = ((float)(cell / columns) + b[1]) * stride;
            float w = expf(b[2]) * stride / 2, h = expf(b[3]) * stride / 2;
            candidate_push(list, x - w, y - h, x + w, y + h, score, 0, row);
        }
    }
}

void head_yunet_keypoints(const head_input *input, const head_match *m, const candidate *c, vision_keypoint *points)
{
    int cell = c->row, l = 0;
    for (; l < m->levels - 1 && cell >= cells(input, m->strides[l]); l++)
        cell -= (int)cells(input, m->strides[l]);
    int columns = (input->width + m->strides[l] - 1) / m->strides[l];
    const float *values = input->tensors[m->used[4 * l + 3]].data + (size_t)cell * 10;
    for (int k = 0; k < 5; k++) {
        points[k].x = ((float)(cell % columns) + values[2 * k]) * (float)m->strides[l];
        points[k].y = ((float)(cell / columns) + values[2 * k + 1]) * (float)m->strides[l];
        points[k].score = 1;
    }
}

/* --------------------------------------------------------------------------------------------------- FastestDet */

bool head_fastestdet_recognise(const head_input *input, head_match *m)
{
    const head_tensor *t = &input->tensors[0];
    if (input->count != 1 || t->rank != 3 || t->dims[0] < 6 || t->dims[0] > 20000 || input->width < 1 ||
        t->dims[1] != (input->height + 15) / 16 || t->dims[2] != (input->width + 15) / 16)
        return false;
    m->used[0] = 0;
    m->used_count = 1;
    m->by_column = true;
    m->rows = (int)(t->dims[1] * t->dims[2]);
    m->columns = (int)t->dims[0];
    m->classes = m->columns - 5;
    m->levels = 1;
    m->strides[0] = 16;
    return true;
}

static float sigmoid(float x)
{
    return 1 / (1 + expf(-x));
}

void head_fastestdet_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const head_tensor *t = &input->tensors[m->used[0]];
    int columns = (int)t->dims[2];
    float cell_x = (float)input->width / (float)t->dims[2], cell_y = (float)input->height / (float)t->dims[1];
    for (int row = 0; row < m->rows; row++) {
        float objectness = head_value(t->data, m, row, 0);
        if (!isfinite(objectness)) {
            list->ignored++;
            continue;
        }
        /* score = objectness^0.6 class^0.4, and no class is over 1 */
        float factor = powf(fmaxf(objectness, 0), 0.6f);
        if (!(factor >= threshold))
            continue;
        int label = 0;
        for (int c = 1; c < m->classes; c++)
            if (head_value(t->data, m, row, 5 + c) > head_value(t->data, m, row, 5 + label))
                label = c;
        float score = factor * powf(fmaxf(head_value(t->data, m, row, 5 + label), 0), 0.4f);
        if (!(score >= threshold))
            continue;
        float x = ((float)(row % columns) + tanhf(head_value(t->data, m, row, 1))) * cell_x;
        float y = ((float)(row / columns) + tanhf(head_value(t->data, m, row, 2))) * cell_y;
        float w = sigmoid(head_value(t->data, m, row, 3)) * (float)input->width / 2;
        float h = sigmoid(head_value(t->data, m, row, 4)) * (float)input->height / 2;
        candidate_push(list, x - w, y - h, x + w, y + h, score, label, row);
    }
}

/* ------------------------------------------------------------------------------------------------- EfficientNMS */

/* The length of [n] or [1,n]; 0 for other shapes. */
static int64_t flat_length(const head_tensor *t)
{
    if (t->rank == 1)
        return t->dims[0];
    return t->rank == 2 && t->declared_rank == 2 && (t->dims[0] == 1 || t->dims[0] == -1) ? t->dims[1] : 0;
}

/* used: number, boxes, scores, classes */
bool head_efficient_nms_recognise(const head_input *input, head_match *m)
{
    if (input->count != 4)
        return false;
    int number = -1, boxes = -1, one = -1, two = -1;
    for (int i = 0; i < 4; i++) {
        const head_tensor *t = &input->tensors[i];
        if (t->rank == 2 && t->declared_rank == 3 && t->dims[1] == 4)
            boxes = i;
        else if (flat_length(t) == 1)
            number = i;
        else if (flat_length(t) && one < 0)
            one = i;
        else if (flat_length(t))
            two = i;
    }
    if (number < 0 || boxes < 0 || two < 0)
        return false;
    int64_t rows = input->tensors[boxes].dims[0];
    if (flat_length(&input->tensors[one]) != rows || flat_length(&input->tensors[two]) != rows || rows > 1 << 20)
        return false;
    bool classes_first = strstr(input->tensors[one].name, "class") || strstr(input->tensors[one].name, "label");
    int used[4] = { number, boxes, classes_first ? two : one, classes_first ? one : two };
    memcpy(m->used, used, sizeof used);
    m->used_count = 4;
    m->rows = (int)rows;
    m->classes = input->hints->classes;
    return true;
}

void head_efficient_nms_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *number = input->tensors[m->used[0]].data, *boxes = input->tensors[m->used[1]].data;
    const float *scores = input->tensors[m->used[2]].data, *classes = input->tensors[m->used[3]].data;
    int count = number[0] >= 0 && number[0] < (float)m->rows ? (int)number[0] : m->rows;
    for (int i = 0; i < count; i++) {
        const float *b = boxes + (size_t)i * 4;
        if (!isfinite(scores[i]) || !(classes[i] >= 0 && classes[i] < 1e6f))
            list->ignored++;
        else if (scores[i] >= threshold)
            candidate_push(list, b[0], b[1], b[2], b[3], scores[i], (int)(classes[i] + 0.5f), i);
    }
}
