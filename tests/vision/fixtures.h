/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Tensors of every head, made from known boxes. */
#ifndef ONYX_TESTS_VISION_FIXTURES_H
#define ONYX_TESTS_VISION_FIXTURES_H

#include <math.h>
#include <string.h>

#include "base/types.h"
#include "vision/vision.h"

enum { TRUTHS = 4, MOST_TENSORS = 12 };

/* Boxes in pixels of the input. The last two overlap, with different classes. */
typedef struct truth {
    float x0, y0, x1, y1, score;
    int label;
} truth;

static const truth truths[TRUTHS] = {
    { 40, 60, 120, 200, 0.9f, 2 },
    { 130, 76, 170, 110, 0.75f, 0 },
    { 200, 150, 300, 260, 0.625f, 1 },
    { 204, 154, 300, 262, 0.5f, 4 },
};

/* ------------------------------------------------------------------------------------------------------- tensors */

typedef struct fixture {
    const char *name;
    int width, height;
    onyx_tensor tensors[MOST_TENSORS];
    const char *names[MOST_TENSORS];
    int count;
    vision_metadata metadata[8];
    int metadata_count;
    int classes; /* that the head has; labels are taken modulo it */
    bool faces;  /* all labels are the head's only class */
} fixture;

static float *add_tensor(fixture *f, const char *name, int rank, int64_t a, int64_t b, int64_t c, int64_t d)
{
    onyx_tensor *t = &f->tensors[f->count];
    *t = (onyx_tensor){ .type = ONYX_TYPE_FLOAT32, .rank = rank, .dims = { a, b, c, d } };
    size_t elements = 1;
    for (int i = 0; i < rank; i++)
        elements *= (size_t)t->dims[i];
    t->size_bytes = elements * sizeof(float);
    t->data = calloc(elements, sizeof(float));
    f->names[f->count++] = name;
    return t->data;
}

static void add_metadata(fixture *f, const char *key, const char *value)
{
    f->metadata[f->metadata_count++] = (vision_metadata){ key, value };
}

static void fixture_free(fixture *f)
{
    for (int i = 0; i < f->count; i++)
        free(f->tensors[i].data);
}

static void to_half(onyx_tensor *t)
{
    size_t count = t->size_bytes / sizeof(float);
    uint16_t *halves = malloc(count * sizeof *halves);
    for (size_t i = 0; i < count; i++)
        halves[i] = float_to_half(((float *)t->data)[i]);
    free(t->data);
    t->data = halves;
    t->size_bytes = count * sizeof *halves;
    t->type = ONYX_TYPE_FLOAT16;
}

static int grid_rows(const fixture *f, int first, int last)
{
    int rows = 0;
    for (int s = first; s <= last; s *= 2)
        rows += ((f->width + s - 1) / s) * ((f->height + s - 1) / s);
    return rows;
}

/* The cell of stride `s` at a truth's centre, and the index of its row. */
static int cell_row(const fixture *f, const truth *t, int first, int s, int *cell_x, int *cell_y)
{
    *cell_x = (int)((t->x0 + t->x1) / 2 / (float)s);
    *cell_y = (int)((t->y0 + t->y1) / 2 / (float)s);
    int columns = (f->width + s - 1) / s;
    return (s > first ? grid_rows(f, first, s / 2) : 0) + *cell_y * columns + *cell_x;
}

static int stride_of(int i)
{
    return 8 << i % 3;
}

static int label_of(const fixture *f, const truth *t)
{
    return f->faces ? 0 : t->label % f->classes;
}

/* ------------------------------------------------------------------------------------------------ the families */

static void put(float *data, bool by_column, int rows, int columns, int row, int column, float value)
{
    data[by_column ? column * rows + row : row * columns + column] = value;
}

static void put_centred(float *data, bool by_column, int rows, int columns, int row, const truth *t)
{
    float values[4] = { (t->x0 + t->x1) / 2, (t->y0 + t->y1) / 2, t->x1 - t->x0, t->y1 - t->y0 };
    for (int k = 0; k < 4; k++)
        put(data, by_column, rows, columns, row, k, values[k]);
}

static void make_yolov8(fixture *f, bool by_column, const char *name)
{
    int rows = grid_rows(f, 8, 32), columns = 4 + f->classes;
    float *data = by_column ? add_tensor(f, name, 3, 1, columns, rows, 0) : add_tensor(f, name, 3, 1, rows, columns, 0);
    for (int i = 0; i < TRUTHS; i++) {
        put_centred(data, by_column, rows, columns, 100 + 61 * i, &truths[i]);
        put(data, by_column, rows, columns, 100 + 61 * i, 4 + label_of(f, &truths[i]), truths[i].score);
        put_centred(data, by_column, rows, columns, 900 + 61 * i, &truths[i]); /* a weaker copy, to be suppressed */
        put(data, by_column, rows, columns, 900 + 61 * i, 4 + label_of(f, &truths[i]), truths[i].score - 0.1f);
    }
}

static void make_yolov5(fixture *f, int anchors, const char *name)
{
    int rows = grid_rows(f, 8, 32) * anchors, columns = 5 + f->classes;
    float *data = add_tensor(f, name, 3, 1, rows, columns, 0);
    for (int i = 0; i < TRUTHS; i++) {
        put_centred(data, false, rows, columns, 50 + 97 * i, &truths[i]);
        put(data, false, rows, columns, 50 + 97 * i, 4, 0.95f);
        put(data, false, rows, columns, 50 + 97 * i, 5 + label_of(f, &truths[i]), truths[i].score / 0.95f);
    }
    if (anchors == 1) /* a decoded table: the last cells have their centres at the bottom right */
        for (int s = 8; s <= 32; s *= 2) {
            truth last = { (float)f->width - 20, (float)f->height - 20, (float)f->width, (float)f->height, 0, 0 };
            put_centred(data, false, rows, columns, grid_rows(f, 8, s) - 1, &last);
        }
}

static void make_yolox(fixture *f)
{
    int rows = grid_rows(f, 8, 32), columns = 5 + f->classes, x, y;
    float *data = add_tensor(f, "output", 3, 1, rows, columns, 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        int s = stride_of(i);
        float *row = data + cell_row(f, t, 8, s, &x, &y) * columns;
        row[0] = (t->x0 + t->x1) / 2 / (float)s - (float)x;
        row[1] = (t->y0 + t->y1) / 2 / (float)s - (float)y;
        row[2] = logf((t->x1 - t->x0) / (float)s);
        row[3] = logf((t->y1 - t->y0) / (float)s);
        row[4] = 0.95f;
        row[5 + label_of(f, t)] = t->score / 0.95f;
    }
}

static void make_end_to_end(fixture *f, int extras)
{
    float *data = add_tensor(f, "output0", 3, 1, 300, 6 + extras, 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        float row[6] = { t->x0, t->y0, t->x1, t->y1, t->score, (float)label_of(f, t) };
        memcpy(data + i * (6 + extras), row, sizeof row);
    }
}

static void make_rows7(fixture *f)
{
    float *data = add_tensor(f, "output", 2, TRUTHS, 7, 0, 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        float row[7] = { 0, t->x0, t->y0, t->x1, t->y1, (float)label_of(f, t), t->score };
        memcpy(data + i * 7, row, sizeof row);
    }
}

static void make_efficient_nms(fixture *f)
{
    float *number = add_tensor(f, "num_dets", 2, 1, 1, 0, 0), *boxes = add_tensor(f, "det_boxes", 3, 1, 100, 4, 0);
    float *scores = add_tensor(f, "det_scores", 2, 1, 100, 0, 0),
          *classes = add_tensor(f, "det_classes", 2, 1, 100, 0, 0);
    number[0] = TRUTHS;
    for (int i = 0; i < 100; i++)
        scores[i] = 0.99f; /* stale, behind the number */
    for (int i = 0; i < TRUTHS; i++) {
        memcpy(boxes + 4 * i, &truths[i], 4 * sizeof(float));
        scores[i] = truths[i].score;
        classes[i] = (float)label_of(f, &truths[i]);
    }
}

static void make_rtdetr(fixture *f)
{
    float *data = add_tensor(f, "output0", 3, 1, 300, 4 + f->classes, 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        float *row = data + i * (4 + f->classes), w = (float)f->width, h = (float)f->height;
        row[0] = (t->x0 + t->x1) / 2 / w;
        row[1] = (t->y0 + t->y1) / 2 / h;
        row[2] = (t->x1 - t->x0) / w;
        row[3] = (t->y1 - t->y0) / h;
        row[4 + label_of(f, t)] = t->score;
    }
}

/* Logits whose softmax expectation over 8 bins is `distance`: the two bins around it. */
static void put_distance(float *bins, float distance)
{
    int low = (int)distance;
    float rest = distance - (float)low;
    for (int i = 0; i < 8; i++)
        bins[i] = -40;
    bins[low] = rest < 1 ? logf(1 - rest) : -40;
    if (rest > 0)
        bins[low + 1] = logf(rest);
}

/* Distances reach 7 strides, so each truth goes to the stride that can hold it. */
static void put_distribution(float *bins, const truth *t, float x, float y, float s)
{
    put_distance(bins, (x - t->x0) / s);
    put_distance(bins + 8, (y - t->y0) / s);
    put_distance(bins + 16, (t->x1 - x) / s);
    put_distance(bins + 24, (t->y1 - y) / s);
}

static void make_distributions(fixture *f, int levels, bool batch)
{
    float *scores[4], *bins[4];
    for (int kind = 0; kind < 2; kind++)
        for (int l = 0; l < levels; l++) {
            int n = grid_rows(f, 8 << l, 8 << l), columns = kind ? 32 : f->classes;
            (kind ? bins : scores)[l] =
                batch ? add_tensor(f, "x", 3, 1, n, columns, 0) : add_tensor(f, "x", 2, n, columns, 0, 0);
        }
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        int l = 1 + i % 2, s = 8 << l, x, y, row = cell_row(f, t, s, s, &x, &y);
        scores[l][row * f->classes + label_of(f, t)] = t->score;
        put_distribution(bins[l] + row * 32, t, (float)(x * s) + 0.5f * (float)(s - 1),
                         (float)(y * s) + 0.5f * (float)(s - 1), (float)s);
    }
}

static void make_nanodet_plus(fixture *f)
{
    int columns = f->classes + 32, x, y;
    float *data = add_tensor(f, "output", 3, 1, grid_rows(f, 8, 64), columns, 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        int s = 16;
        float *row = data + cell_row(f, t, 8, s, &x, &y) * columns;
        row[label_of(f, t)] = t->score;
        put_distribution(row + f->classes, t, (float)(x * s), (float)(y * s), (float)s);
    }
}

static void make_yunet(fixture *f)
{
    float *out[4][3];
    static const int columns[4] = { 1, 1, 4, 10 };
    for (int kind = 0; kind < 4; kind++)
        for (int l = 0; l < 3; l++)
            out[kind][l] = add_tensor(f, "x", 3, 1, grid_rows(f, 8 << l, 8 << l), columns[kind], 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        int l = i % 3, s = 8 << l, x, y, row = cell_row(f, t, s, s, &x, &y);
        out[0][l][row] = t->score;
        out[1][l][row] = t->score;
        float *box = out[2][l] + row * 4;
        box[0] = (t->x0 + t->x1) / 2 / (float)s - (float)x;
        box[1] = (t->y0 + t->y1) / 2 / (float)s - (float)y;
        box[2] = logf((t->x1 - t->x0) / (float)s);
        box[3] = logf((t->y1 - t->y0) / (float)s);
        for (int k = 0; k < 5; k++) {
            out[3][l][row * 10 + 2 * k] = (t->x0 + (float)k) / (float)s - (float)x;
            out[3][l][row * 10 + 2 * k + 1] = (t->y0 + 2 * (float)k) / (float)s - (float)y;
        }
    }
}

static void make_boxes(fixture *f, int rows, bool normalised, bool scores_by_column)
{
    float *boxes = add_tensor(f, "boxes", 3, 1, rows, 4, 0);
    float *scores = scores_by_column ? add_tensor(f, "scores", 3, 1, f->classes, rows, 0)
                                     : add_tensor(f, "scores", 3, 1, rows, f->classes, 0);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        float w = normalised ? (float)f->width : 1, h = normalised ? (float)f->height : 1;
        float box[4] = { t->x0 / w, t->y0 / h, t->x1 / w, t->y1 / h };
        memcpy(boxes + 4 * (7 * i), box, sizeof box);
        put(scores, scores_by_column, rows, f->classes, 7 * i, label_of(f, t), t->score);
    }
}

static void make_fastestdet(fixture *f)
{
    int w = f->width / 16, h = f->height / 16, rows = w * h, x, y;
    float *data = add_tensor(f, "758", 4, 1, 5 + f->classes, h, w);
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        int row = cell_row(f, t, 16, 16, &x, &y);
        float share_w = (t->x1 - t->x0) / (float)f->width, share_h = (t->y1 - t->y0) / (float)f->height;
        float values[5] = { t->score, atanhf((t->x0 + t->x1) / 32 - (float)x), atanhf((t->y0 + t->y1) / 32 - (float)y),
                            logf(share_w / (1 - share_w)), logf(share_h / (1 - share_h)) };
        for (int k = 0; k < 5; k++)
            put(data, true, rows, 0, row, k, values[k]);
        put(data, true, rows, 0, row, 5 + label_of(f, t), t->score);
    }
}

#endif
