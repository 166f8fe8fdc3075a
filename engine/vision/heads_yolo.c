/* SPDX-License-Identifier: BSD-2-Clause
 *
 * The heads of the YOLO families. All give one table whose rows are boxes. */
#include "vision/heads.h"

#include <math.h>
#include <string.h>

#include "base/size.h"
#include "vision/rows.h"

enum { MOST_COLUMNS = 20000, MOST_ROWS = 1 << 22 };

static bool plausible_columns(int64_t columns)
{
    return columns >= 5 && columns <= MOST_COLUMNS;
}

/* Takes tensor `index` as the table. rows_first: dims are [rows, columns]. */
static void take_table(const head_input *input, head_match *m, int index, bool rows_first)
{
    const head_tensor *t = &input->tensors[index];
    m->used[0] = index;
    m->used_count = 1;
    m->by_column = !rows_first;
    m->rows = (int)t->dims[rows_first ? 0 : 1];
    m->columns = (int)t->dims[rows_first ? 1 : 0];
}

static bool table_sizes_fit(const head_tensor *t)
{
    return t->rank == 2 && t->dims[0] <= MOST_ROWS && t->dims[1] <= MOST_ROWS;
}

/* Splits columns into `before` box values, classes and what the task adds; false if that does not come out. */
static bool split_columns(const head_input *input, head_match *m, int before)
{
    const vision_recipe *hints = input->hints;
    int rest = m->columns - before;
    m->task = hints->task == VISION_TASK_UNKNOWN ? VISION_TASK_DETECT : hints->task;
    m->proto = -1;
    if (m->task == VISION_TASK_DETECT || m->task == VISION_TASK_SEGMENT) {
        int proto = head_find_protos(input);
        int coefficients = proto >= 0 ? (int)input->tensors[proto].dims[0] : 0;
        bool sure = m->task == VISION_TASK_SEGMENT || !hints->classes || rest == hints->classes + coefficients;
        m->task = VISION_TASK_DETECT;
        if (proto >= 0 && rest > coefficients && sure) {
            m->task = VISION_TASK_SEGMENT;
            m->proto = proto;
            m->extras = coefficients;
        }
    } else if (m->task == VISION_TASK_POSE) {
        m->keypoints = hints->keypoints;
        m->keypoint_dims = hints->keypoint_dims;
        m->extras = m->keypoints * m->keypoint_dims;
    } else if (m->task == VISION_TASK_OBB) {
        m->extras = 1;
    } else {
        return false;
    }
    m->classes = rest - m->extras;
    m->extra_column = before + m->classes;
    return m->classes >= 1;
}

/* ------------------------------------------------------------------------------------------------------- YOLOv8 */

/* Is [rows, columns] a transposed YOLOv8 table rather than a YOLOX one? Both have one row a cell. */
static bool is_transposed_yolov8(const head_input *input, const head_tensor *t)
{
    const vision_recipe *hints = input->hints;
    int64_t columns = t->dims[1];
    if (hints->from_metadata && hints->task != VISION_TASK_UNKNOWN)
        return true; /* only Ultralytics names a task */
    if (hints->classes)
        return columns == 4 + hints->classes;
    return columns == 84 || !strncmp(t->name, "output0", 7);
}

bool head_yolov8_recognise(const head_input *input, head_match *m)
{
    bool told = input->hints->from_metadata && input->hints->task != VISION_TASK_UNKNOWN && !input->hints->transformer;
    for (int i = 0; i < input->count; i++) {
        const head_tensor *t = &input->tensors[i];
        if (!table_sizes_fit(t))
            continue;
        int64_t a = t->dims[0], b = t->dims[1];
        bool columns_first = plausible_columns(a) && (b == -1 || head_find_grid(input, b, 1, m));
        bool rows_first =
            !columns_first && plausible_columns(b) && head_find_grid(input, a, 1, m) && is_transposed_yolov8(input, t);
        /* Other strides than we know, but the file says what it is; not what an end-to-end head looks like. */
        if (!columns_first && !rows_first && told && !input->hints->end_to_end && a > 0 && b > 0) {
            columns_first = plausible_columns(a) && b > a && !(a == 300 && b < 300);
            rows_first = !columns_first && plausible_columns(b) && a > b && a > 1000;
        }
        if (!columns_first && !rows_first)
            continue;
        take_table(input, m, i, rows_first);
        if (split_columns(input, m, 4))
            return true;
    }
    return false;
}

static void push_centred(candidate_list *list, const float *data, const head_match *m, int row, float score, int label)
{
    float x = head_value(data, m, row, 0), y = head_value(data, m, row, 1);
    float w = head_value(data, m, row, 2) / 2, h = head_value(data, m, row, 3) / 2;
    int before = list->count;
    candidate_push(list, x - w, y - h, x + w, y + h, score, label, row);
    if (m->task == VISION_TASK_OBB && list->count > before) {
        float angle = head_value(data, m, row, m->extra_column);
        list->items[before].angle = isfinite(angle) ? angle : 0;
    }
}

/* The class of the best score: the first that reaches it. */
static int best_class(const float *data, const head_match *m, int row, int first, float best)
{
    for (int c = 0; c < m->classes; c++)
        if (head_value(data, m, row, first + c) == best)
            return c;
    return 0;
}

/* Rows lie side by side: the best score of many rows at once, class by class, then a look at the few that pass. */
static void decode_by_column(const float *data, const head_match *m, float threshold, candidate_list *list)
{
    enum { BLOCK = 512 };
    const vision_rows *rows = vision_rows_here();
    float best[BLOCK], check[BLOCK];
    for (int start = 0; start < m->rows; start += BLOCK) {
        int count = MIN(BLOCK, m->rows - start);
        for (int i = 0; i < count; i++) {
            best[i] = -INFINITY;
            check[i] = 0;
        }
        for (int c = 0; c < m->classes; c++)
            rows->max_f32(data + (size_t)(4 + c) * (size_t)m->rows + (size_t)start, count, best, check);
        for (int i = 0; i < count; i++) {
            if (!(check[i] == 0)) /* a score of the row was not finite */
                list->ignored++;
            else if (best[i] >= threshold)
                push_centred(list, data, m, start + i, best[i], best_class(data, m, start + i, 4, best[i]));
        }
    }
}

void head_yolov8_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *data = input->tensors[m->used[0]].data;
    if (m->by_column) {
        decode_by_column(data, m, threshold, list);
        return;
    }
    for (int row = 0; row < m->rows; row++) {
        const float *scores = data + (size_t)row * (size_t)m->columns + 4;
        int label = 0;
        float check = 0;
        for (int c = 0; c < m->classes; c++) {
            check += scores[c] - scores[c];
            if (scores[c] > scores[label])
                label = c;
        }
        if (!(check == 0))
            list->ignored++;
        else if (scores[label] >= threshold)
            push_centred(list, data, m, row, scores[label], label);
    }
}

/* ------------------------------------------------------------------------------------- YOLOv5, v6 and YOLOX rows */

/* A table of 5 + C columns with `anchors` rows a cell. */
static bool recognise_objectness(const head_input *input, head_match *m, int anchors, bool (*fits)(const head_tensor *))
{
    const vision_recipe *hints = input->hints;
    for (int i = 0; i < input->count; i++) {
        const head_tensor *t = &input->tensors[i];
        if (!table_sizes_fit(t) || (fits && !fits(t)))
            continue;
        int64_t a = t->dims[0], b = t->dims[1];
        bool rows_first = b >= 6 && plausible_columns(b) && head_find_grid(input, a, anchors, m);
        bool columns_first = !rows_first && a >= 6 && plausible_columns(a) && head_find_grid(input, b, anchors, m);
        /* Free rows: take the table that the exporters of YOLOv5 and YOLOX write. */
        if (!rows_first && !columns_first && a == -1 && b >= 6)
            rows_first = (anchors == 3) == hints->from_metadata && !hints->end_to_end &&
                         (hints->classes ? b >= 5 + hints->classes : b == 85);
        if (!rows_first && !columns_first)
            continue;
        take_table(input, m, i, rows_first);
        if (split_columns(input, m, 5))
            return true;
    }
    return false;
}

bool head_yolov5_recognise(const head_input *input, head_match *m)
{
    return recognise_objectness(input, m, 3, NULL);
}

static bool is_named_outputs(const head_tensor *t)
{
    return !strcmp(t->name, "outputs");
}

bool head_yolov6_recognise(const head_input *input, head_match *m)
{
    return recognise_objectness(input, m, 1, is_named_outputs);
}

bool head_yolox_recognise(const head_input *input, head_match *m)
{
    return recognise_objectness(input, m, 1, NULL);
}

/* Calls for rows whose objectness x best class reaches the threshold; classes are looked at only where the objectness
 * alone does, since no class score is over 1. */
static bool objectness_row(const float *data, const head_match *m, int row, float threshold, candidate_list *list,
                           float *score, int *label)
{
    float objectness = head_value(data, m, row, 4), best = -INFINITY, check = 0;
    if (!isfinite(objectness)) {
        list->ignored++;
        return false;
    }
    if (!(objectness >= threshold))
        return false;
    *label = 0;
    for (int c = 0; c < m->classes; c++) {
        float value = head_value(data, m, row, 5 + c);
        check += value - value;
        if (value > best) {
            best = value;
            *label = c;
        }
    }
    *score = objectness * best;
    if (check == 0)
        return *score >= threshold;
    list->ignored++;
    return false;
}

void head_yolov5_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *data = input->tensors[m->used[0]].data;
    float score;
    int label;
    for (int row = 0; row < m->rows; row++)
        if (objectness_row(data, m, row, threshold, list, &score, &label))
            push_centred(list, data, m, row, score, label);
}

/* Exported with --decode_in_inference, the rows already are pixels: then the last cell of each grid, at the bottom
 * right, has its centre there; a raw row has a small offset from its cell. */
static bool is_decoded_yolox(const float *data, const head_match *m, int width, int height)
{
    int end = 0;
    for (int l = 0; l < m->levels; l++) {
        int stride = m->strides[l];
        end += ((width + stride - 1) / stride) * ((height + stride - 1) / stride);
        float x = head_value(data, m, end - 1, 0), y = head_value(data, m, end - 1, 1);
        if (!(x > (float)width * 0.5f && y > (float)height * 0.5f))
            return false;
    }
    return m->levels > 0;
}

void head_yolox_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *data = input->tensors[m->used[0]].data;
    if (is_decoded_yolox(data, m, input->width, input->height)) {
        head_yolov5_decode(input, m, threshold, list);
        return;
    }
    int row = 0;
    for (int l = 0; l < m->levels; l++) {
        int stride = m->strides[l], columns = (input->width + stride - 1) / stride;
        int end = row + columns * ((input->height + stride - 1) / stride);
        for (int cell = 0; row < end; row++, cell++) {
            float score;
            int label;
            if (!objectness_row(data, m, row, threshold, list, &score, &label))
                continue;
            float x = (head_value(data, m, row, 0) + (float)(cell % columns)) * (float)stride;
            float y = (head_value(data, m, row, 1) + (float)(cell / columns)) * (float)stride;
            float w = expf(head_value(data, m, row, 2)) * (float)stride / 2;
            float h = expf(head_value(data, m, row, 3)) * (float)stride / 2;
            candidate_push(list, x - w, y - h, x + w, y + h, score, label, row);
        }
    }
}

/* -------------------------------------------------------------------------------------------------- end to end */

bool head_end_to_end_recognise(const head_input *input, head_match *m)
{
    const vision_recipe *hints = input->hints;
    for (int i = 0; i < input->count && !hints->transformer; i++) {
        const head_tensor *t = &input->tensors[i];
        if (!table_sizes_fit(t) || t->dims[1] < 6 || t->dims[1] > MOST_COLUMNS || t->dims[0] > 10000 ||
            (t->declared_rank != 3 && !hints->end_to_end))
            continue;
        take_table(input, m, i, true);
        int extras = m->columns - 6, proto = head_find_protos(input);
        int coefficients = proto >= 0 ? (int)input->tensors[proto].dims[0] : 0;
        m->task = VISION_TASK_DETECT;
        m->proto = -1;
        m->extra_column = 6;
        m->extras = extras;
        m->classes = hints->classes;
        if (extras == 0)
            return hints->end_to_end || m->rows <= 1000;
        if (proto >= 0 && extras == coefficients) {
            m->task = VISION_TASK_SEGMENT;
            m->proto = proto;
            return true;
        }
        if (hints->task == VISION_TASK_POSE && hints->keypoints && extras == hints->keypoints * hints->keypoint_dims) {
            m->task = VISION_TASK_POSE;
            m->keypoints = hints->keypoints;
            m->keypoint_dims = hints->keypoint_dims;
            return true;
        }
        if (hints->task == VISION_TASK_OBB && extras == 1) {
            m->task = VISION_TASK_OBB;
            return true;
        }
        if (!hints->from_metadata && extras == 51 && m->rows == 300) { /* COCO's 17 points */
            m->task = VISION_TASK_POSE;
            m->keypoints = 17;
            m->keypoint_dims = 3;
            return true;
        }
    }
    return false;
}

/* A class number that was written as a float; -1 if it is none. */
static int label_of(float value)
{
    return value >= 0 && value < 1e6f ? (int)(value + 0.5f) : -1;
}

void head_end_to_end_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *data = input->tensors[m->used[0]].data;
    for (int row = 0; row < m->rows; row++) {
        const float *r = data + (size_t)row * (size_t)m->columns;
        int label = label_of(r[5]);
        if (!isfinite(r[4]) || label < 0) {
            list->ignored++;
            continue;
        }
        if (!(r[4] >= threshold))
            continue;
        if (m->task != VISION_TASK_OBB) {
            candidate_push(list, r[0], r[1], r[2], r[3], r[4], label, row);
            continue;
        }
        int before = list->count;
        candidate_push(list, r[0] - r[2] / 2, r[1] - r[3] / 2, r[0] + r[2] / 2, r[1] + r[3] / 2, r[4], label, row);
        if (list->count > before)
            list->items[before].angle = isfinite(r[6]) ? r[6] : 0;
    }
}

/* [N,7] without a batch dimension: the first column is the picture's number. */
bool head_rows7_recognise(const head_input *input, head_match *m)
{
    if (input->count != 1 || input->tensors[0].declared_rank != 2 || input->tensors[0].dims[1] != 7 ||
        input->hints->task == VISION_TASK_OBB || input->hints->task == VISION_TASK_POSE)
        return false;
    head_match grid = *m;
    int64_t rows = input->tensors[0].dims[0];
    if (rows > 10000 || head_find_grid(input, rows, 1, &grid) || head_find_grid(input, rows, 3, &grid))
        return false;
    take_table(input, m, 0, true);
    m->classes = input->hints->classes;
    return true;
}

void head_rows7_decode(const head_input *input, const head_match *m, float threshold, candidate_list *list)
{
    const float *data = input->tensors[m->used[0]].data;
    for (int row = 0; row < m->rows; row++) {
        const float *r = data + (size_t)row * 7;
        int label = label_of(r[5]);
        if (!isfinite(r[6]) || label < 0)
            list->ignored++;
        else if (r[0] == 0 && r[6] >= threshold)
            candidate_push(list, r[1], r[2], r[3], r[4], r[6], label, row);
    }
}
