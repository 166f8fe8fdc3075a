/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Every head with synthetic tensors made from known boxes: what is decoded must be what was put in, with the recipe and
 * without it. Then masks, keypoints, parameters, numbers that are not finite, and refusals. */
#include <math.h>
#include <string.h>

#include "base/types.h"
#include "check.h"
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
    float *scores = add_tensor(f, "det_scores", 2, 1, 100, 0, 0), *classes = add_tensor(f, "det_classes", 2, 1, 100, 0, 0);
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
            (kind ? bins : scores)[l] = batch ? add_tensor(f, "x", 3, 1, n, columns, 0) : add_tensor(f, "x", 2, n, columns, 0, 0);
        }
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        int l = 1 + i % 2, s = 8 << l, x, y, row = cell_row(f, t, s, s, &x, &y);
        scores[l][row * f->classes + label_of(f, t)] = t->score;
        put_distribution(bins[l] + row * 32, t, (float)(x * s) + 0.5f * (float)(s - 1), (float)(y * s) + 0.5f * (float)(s - 1), (float)s);
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

/* --------------------------------------------------------------------------------------------------------- checks */

static vision_detections *found;

static vision_recipe *recipe_of(const fixture *f)
{
    onyx_value_info input = { .name = "images", .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, f->height, f->width } };
    onyx_value_info outputs[MOST_TENSORS];
    memset(outputs, 0, sizeof outputs);
    for (int i = 0; i < f->count; i++) {
        outputs[i].name = f->names[i];
        outputs[i].type = f->tensors[i].type;
        outputs[i].rank = f->tensors[i].rank;
        memcpy(outputs[i].dims, f->tensors[i].dims, sizeof outputs[i].dims);
    }
    vision_model_info info = { .metadata = f->metadata, .metadata_count = f->metadata_count, .inputs = &input,
                               .input_count = 1, .outputs = outputs, .output_count = f->count };
    vision_recipe *recipe = NULL;
    onyx_error error;
    CHECK(vision_recipe_new(&info, &recipe, &error) == ONYX_OK, "%s: recipe: %s", f->name, error.message);
    return recipe;
}

static onyx_geometry geometry_of(const fixture *f)
{
    onyx_geometry g;
    vision_geometry(f->width * 2, f->height * 19 / 10, NULL, ONYX_SCALING_LETTERBOX, f->width, f->height, &g, NULL);
    return g;
}

static bool decode(const fixture *f, const vision_recipe *recipe, const vision_decode_params *params)
{
    onyx_geometry g = geometry_of(f);
    onyx_error error;
    onyx_status status = vision_decode(recipe, f->tensors, f->names, f->count, &g, params, found, &error);
    return CHECK(status == ONYX_OK, "%s (%s recipe): %s", f->name, recipe ? "with" : "without", error.message);
}

static float expected_coordinate(float value, float scale, float offset, float limit)
{
    return fminf(fmaxf((value - offset) / scale, 0), limit);
}

/* All truths, in order, and nothing else; positions within `slack` pixels of the picture. */
static void check_truths(const fixture *f, const char *how, float slack, int first_label)
{
    onyx_geometry g = geometry_of(f);
    int want = 0;
    for (int i = 0; i < TRUTHS; i++) {
        const truth *t = &truths[i];
        float w = (float)g.picture_width, h = (float)g.picture_height;
        float box[4] = { expected_coordinate(t->x0, g.scale_x, g.offset_x, w), expected_coordinate(t->y0, g.scale_y, g.offset_y, h),
                         expected_coordinate(t->x1, g.scale_x, g.offset_x, w), expected_coordinate(t->y1, g.scale_y, g.offset_y, h) };
        bool same_class_before = i == 3 && label_of(f, &truths[2]) == label_of(f, t);
        if (same_class_before)
            continue; /* suppressed */
        if (!CHECK(want < found->count, "%s %s: only %d found", f->name, how, found->count))
            return;
        const vision_detection *d = &found->items[want++];
        CHECK(fabsf(d->x0 - box[0]) <= slack && fabsf(d->y0 - box[1]) <= slack && fabsf(d->x1 - box[2]) <= slack &&
                  fabsf(d->y1 - box[3]) <= slack && fabsf(d->score - t->score) < 0.002f &&
                  d->label_id == label_of(f, t) + first_label,
              "%s %s: box %d is %.2f %.2f %.2f %.2f score %.3f label %d, expected %.2f %.2f %.2f %.2f %.3f %d", f->name, how,
              i, (double)d->x0, (double)d->y0, (double)d->x1, (double)d->y1, (double)d->score, d->label_id, (double)box[0],
              (double)box[1], (double)box[2], (double)box[3], (double)t->score, label_of(f, t) + first_label);
    }
    CHECK(found->count == want, "%s %s: %d found, expected %d", f->name, how, found->count, want);
}

/* family: what the recipe must say. The head must also be found from the tensors alone where `alone`. */
static void check_family(fixture *f, const char *family, bool alone, float slack, int first_label)
{
    vision_decode_params params = VISION_DECODE_PARAMS;
    vision_recipe *recipe = recipe_of(f);
    const char *said = recipe ? vision_recipe_family(recipe) : NULL;
    CHECK(said && !strcmp(said, family), "%s: recognised as %s", f->name, said ? said : "nothing");
    if (decode(f, recipe, &params))
        check_truths(f, "with the recipe", slack, first_label);
    if (alone && decode(f, NULL, &params))
        check_truths(f, "without a recipe", slack, first_label);
    vision_recipe_unref(recipe);
}

static const char names5[] = "{0: 'a', 1: 'b', 2: 'c', 3: 'd', 4: 'e'}";

static void test_families(void)
{
    fixture f = { .name = "yolov8", .width = 320, .height = 320, .classes = 5 };
    make_yolov8(&f, true, "output0");
    check_family(&f, "yolov8", true, 0.01f, 0);
    to_half(&f.tensors[0]);
    f.name = "yolov8 float16";
    check_family(&f, "yolov8", true, 0.5f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov8 transposed", .width = 320, .height = 320, .classes = 80 };
    make_yolov8(&f, false, "output");
    check_family(&f, "yolov8", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov8 transposed, names", .width = 320, .height = 320, .classes = 5 };
    add_metadata(&f, "names", names5);
    make_yolov8(&f, false, "y");
    check_family(&f, "yolov8", false, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov8 one class", .width = 416, .height = 320, .classes = 1 };
    make_yolov8(&f, true, "output0");
    check_family(&f, "yolov8", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov5", .width = 320, .height = 320, .classes = 80 };
    make_yolov5(&f, 3, "output0");
    check_family(&f, "yolov5", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov5 one class", .width = 320, .height = 320, .classes = 1 };
    make_yolov5(&f, 3, "output0");
    check_family(&f, "yolov5", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov6", .width = 320, .height = 320, .classes = 80 };
    make_yolov5(&f, 1, "outputs");
    check_family(&f, "yolov6", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolox", .width = 416, .height = 416, .classes = 80 };
    make_yolox(&f);
    check_family(&f, "yolox", true, 0.05f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolox decoded", .width = 416, .height = 416, .classes = 80 };
    make_yolov5(&f, 1, "output");
    check_family(&f, "yolox", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "end-to-end", .width = 640, .height = 640, .classes = 80 };
    make_end_to_end(&f, 0);
    check_family(&f, "end-to-end", true, 0.01f, 0);
    to_half(&f.tensors[0]);
    f.name = "end-to-end float16";
    check_family(&f, "end-to-end", true, 1, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yolov7 rows", .width = 640, .height = 640, .classes = 80 };
    make_rows7(&f);
    check_family(&f, "yolov7-nms", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "efficient nms", .width = 640, .height = 640, .classes = 80 };
    make_efficient_nms(&f);
    check_family(&f, "efficient-nms", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "rt-detr", .width = 640, .height = 640, .classes = 80 };
    make_rtdetr(&f);
    check_family(&f, "rt-detr", true, 0.05f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "nanodet", .width = 320, .height = 320, .classes = 80 };
    make_distributions(&f, 3, false);
    check_family(&f, "nanodet", true, 0.05f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "picodet", .width = 416, .height = 416, .classes = 20 };
    make_distributions(&f, 4, true);
    check_family(&f, "picodet", true, 0.05f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "nanodet-plus", .width = 416, .height = 416, .classes = 80 };
    make_nanodet_plus(&f);
    check_family(&f, "nanodet-plus", true, 0.05f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "yunet", .width = 320, .height = 320, .classes = 1, .faces = true };
    make_yunet(&f);
    check_family(&f, "yunet", true, 0.05f, 0);
    CHECK(found->count && found->items[0].keypoint_count == 5, "yunet has 5 points");
    onyx_geometry g = geometry_of(&f);
    for (int k = 0; k < 5 && found->count; k++) {
        vision_keypoint p = found->items[0].keypoints[k];
        float x = vision_to_picture_x(&g, truths[0].x0 + (float)k), y = vision_to_picture_y(&g, truths[0].y0 + 2 * (float)k);
        CHECK(fabsf(p.x - x) < 0.05f && fabsf(p.y - y) < 0.05f, "yunet point %d at %g %g", k, (double)p.x, (double)p.y);
    }
    fixture_free(&f);

    f = (fixture){ .name = "ultraface", .width = 320, .height = 240, .classes = 2 };
    make_boxes(&f, 4420, true, false);
    fixture all = f; /* class 0 is the background, so only the truth of class 1 counts */
    vision_decode_params params = VISION_DECODE_PARAMS;
    vision_recipe *recipe = recipe_of(&all);
    CHECK(recipe && !strcmp(vision_recipe_family(recipe), "ultraface") && !strcmp(vision_recipe_label(recipe, 1), "face"),
          "ultraface and its labels");
    if (decode(&all, recipe, &params))
        CHECK(found->count == 1 && found->items[0].label_id == 1 && fabsf(found->items[0].score - 0.625f) < 1e-3f,
              "ultraface: %d found", found->count);
    vision_recipe_unref(recipe);
    fixture_free(&f);

    f = (fixture){ .name = "boxes and scores", .width = 320, .height = 320, .classes = 80 };
    make_boxes(&f, 2100, false, false);
    check_family(&f, "boxes+scores", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "boxes and scores by class", .width = 320, .height = 320, .classes = 80 };
    make_boxes(&f, 2100, false, true);
    check_family(&f, "boxes+scores", true, 0.01f, 0);
    fixture_free(&f);

    f = (fixture){ .name = "fastestdet", .width = 352, .height = 352, .classes = 80 };
    make_fastestdet(&f);
    check_family(&f, "fastestdet", true, 0.1f, 0);
    fixture_free(&f);
}

/* ------------------------------------------------------------------------------------------------ seg, pose, obb */

/* Prototype 0 is 1 left of the middle of the first truth and -1 right of it; the others are noise with weight 0. */
static void make_protos(fixture *f)
{
    int w = f->width / 4, h = f->height / 4;
    float *data = add_tensor(f, "output1", 4, 1, 32, h, w);
    float middle = (truths[0].x0 + truths[0].x1) / 8;
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            data[y * w + x] = (float)x + 0.5f < middle ? 1 : -1;
    for (int i = w * h; i < 32 * w * h; i++)
        data[i] = (float)(i % 17) - 8;
}

static void check_mask(const fixture *f)
{
    if (!CHECK(found->count > 0 && found->items[0].mask.width > 0, "%s: no mask", f->name))
        return;
    const vision_detection *d = &found->items[0];
    const vision_mask *m = &d->mask;
    CHECK(m->x0 <= d->x0 && m->y0 <= d->y0 && m->x1 >= d->x1 && m->y1 >= d->y1, "%s: mask covers its box", f->name);
    onyx_geometry g = geometry_of(f);
    float middle = vision_to_picture_x(&g, (truths[0].x0 + truths[0].x1) / 2), step = (m->x1 - m->x0) / (float)m->width;
    int wrong = 0;
    for (int y = 0; y < m->height; y++)
        for (int x = 0; x < m->width; x++) {
            bool inside = m->data[y * m->width + x] >= 128;
            wrong += inside != (m->x0 + ((float)x + 0.5f) * step < middle);
        }
    CHECK(!wrong, "%s: %d mask pixels are wrong", f->name, wrong);
    uint8_t row[3];
    vision_mask_row(m, (m->y0 + m->y1) / 2, middle - 3 * step, 3 * step, 3, row);
    CHECK(row[0] > 200 && row[2] < 55 && row[1] > 90 && row[1] < 165, "%s: sampled %d %d %d", f->name, row[0], row[1], row[2]);
}

static void test_segment(void)
{
    for (int dense = 0; dense < 2; dense++) {
        fixture f = { .name = dense ? "yolov8-seg" : "end-to-end seg", .width = 320, .height = 320, .classes = 5 };
        vision_decode_params params = VISION_DECODE_PARAMS;
        add_metadata(&f, "task", "segment");
        add_metadata(&f, "names", names5);
        if (dense) {
            int rows = grid_rows(&f, 8, 32), columns = 4 + 5 + 32;
            float *data = add_tensor(&f, "output0", 3, 1, columns, rows, 0);
            for (int i = 0; i < TRUTHS; i++) {
                put_centred(data, true, rows, columns, 100 + i, &truths[i]);
                put(data, true, rows, columns, 100 + i, 4 + truths[i].label, truths[i].score);
                put(data, true, rows, columns, 100 + i, 9, 5);
            }
        } else {
            make_end_to_end(&f, 32);
            for (int i = 0; i < TRUTHS; i++)
                ((float *)f.tensors[0].data)[i * 38 + 6] = 5;
        }
        make_protos(&f);
        check_family(&f, dense ? "yolov8" : "end-to-end", true, 0.01f, 0);
        vision_recipe *recipe = recipe_of(&f);
        CHECK(recipe->task == VISION_TASK_SEGMENT && recipe->classes == (dense ? 5 : 5), "%s: task", f.name);
        if (decode(&f, recipe, &params))
            check_mask(&f);
        if (decode(&f, NULL, &params))
            check_mask(&f);
        params.no_masks = true;
        if (decode(&f, recipe, &params))
            CHECK(found->count == TRUTHS && !found->items[0].mask.width, "%s: masks left out", f.name);
        vision_recipe_unref(recipe);
        fixture_free(&f);
    }
}

static void test_pose(void)
{
    for (int dense = 0; dense < 2; dense++) {
        fixture f = { .name = dense ? "yolov8-pose" : "end-to-end pose", .width = 320, .height = 320, .classes = 1 };
        add_metadata(&f, "task", "pose");
        add_metadata(&f, "kpt_shape", "[4, 3]");
        add_metadata(&f, "names", "{0: 'person'}");
        int rows = dense ? grid_rows(&f, 8, 32) : 300, columns = dense ? 5 + 12 : 6 + 12;
        float *data;
        if (dense) {
            data = add_tensor(&f, "output0", 3, 1, columns, rows, 0);
            for (int i = 0; i < TRUTHS; i++) {
                put_centred(data, true, rows, columns, i, &truths[i]);
                put(data, true, rows, columns, i, 4, truths[i].score);
            }
        } else {
            make_end_to_end(&f, 12);
            data = f.tensors[0].data;
        }
        for (int i = 0; i < TRUTHS; i++)
            for (int k = 0; k < 12; k++)
                put(data, dense, rows, columns, i, (dense ? 5 : 6) + k, k % 3 == 2 ? 0.5f : truths[i].x0 + (float)k);
        vision_decode_params params = VISION_DECODE_PARAMS;
        vision_recipe *recipe = recipe_of(&f);
        onyx_geometry g = geometry_of(&f);
        CHECK(recipe->keypoints == 4 && recipe->keypoint_dims == 3 && recipe->task == VISION_TASK_POSE, "%s: recipe", f.name);
        if (decode(&f, recipe, &params) && CHECK(found->count >= 2 && found->items[1].keypoint_count == 4, "%s: points", f.name)) {
            vision_keypoint p = found->items[1].keypoints[1];
            CHECK(fabsf(p.x - vision_to_picture_x(&g, truths[1].x0 + 3)) < 0.01f &&
                      fabsf(p.y - vision_to_picture_y(&g, truths[1].x0 + 4)) < 0.01f && p.score == 0.5f,
                  "%s: point at %g %g", f.name, (double)p.x, (double)p.y);
        }
        vision_recipe_unref(recipe);
        fixture_free(&f);
    }
}

static void test_rotated(void)
{
    fixture f = { .name = "yolov8-obb", .width = 320, .height = 320, .classes = 5 };
    add_metadata(&f, "task", "obb");
    add_metadata(&f, "names", names5);
    int rows = grid_rows(&f, 8, 32), columns = 4 + 5 + 1;
    float *data = add_tensor(&f, "output0", 3, 1, columns, rows, 0);
    truth t = { 100, 140, 180, 180, 0.8f, 3 };
    for (int copy = 0; copy < 2; copy++) {
        put_centred(data, true, rows, columns, 7 + copy, &t);
        put(data, true, rows, columns, 7 + copy, 4 + 3, 0.8f - 0.1f * (float)copy);
        put(data, true, rows, columns, 7 + copy, 9, 1.5707964f); /* a quarter turn */
    }
    vision_decode_params params = VISION_DECODE_PARAMS;
    vision_recipe *recipe = recipe_of(&f);
    onyx_geometry g = geometry_of(&f);
    if (decode(&f, recipe, &params) && CHECK(found->count == 1 && found->items[0].rotated, "obb: %d found", found->count)) {
        const vision_detection *d = &found->items[0];
        CHECK(fabsf(d->x0 - vision_to_picture_x(&g, 120)) < 0.01f && fabsf(d->x1 - vision_to_picture_x(&g, 160)) < 0.01f &&
                  fabsf(d->y0 - vision_to_picture_y(&g, 120)) < 0.01f && fabsf(d->y1 - vision_to_picture_y(&g, 200)) < 0.01f,
              "obb: %g %g %g %g", (double)d->x0, (double)d->y0, (double)d->x1, (double)d->y1);
        CHECK(fabsf(d->corners[0][0] - vision_to_picture_x(&g, 160)) < 0.01f, "obb: corner %g", (double)d->corners[0][0]);
    }
    vision_recipe_unref(recipe);
    fixture_free(&f);
}

/* ------------------------------------------------------------------------------------------------------ parameters */

static void test_parameters(void)
{
    fixture f = { .name = "parameters", .width = 320, .height = 320, .classes = 5 };
    make_yolov8(&f, true, "output0");
    vision_decode_params params = VISION_DECODE_PARAMS;
    decode(&f, NULL, &params);
    const vision_detection *items = found->items;
    CHECK(found->candidates == 2 * TRUTHS, "%d candidates", found->candidates);
    params.class_agnostic = true;
    decode(&f, NULL, &params);
    CHECK(found->count == TRUTHS - 1 && found->items == items, "agnostic: %d found, memory kept", found->count);
    params.class_agnostic = false;
    params.confidence = 0.7f;
    decode(&f, NULL, &params);
    CHECK(found->count == 2, "confidence: %d found", found->count);
    params.confidence = 0.25f;
    params.max_detections = 3;
    decode(&f, NULL, &params);
    CHECK(found->count == 3, "at most three: %d found", found->count);
    params.max_detections = 300;
    int classes[2] = { 0, 4 };
    params.classes = classes;
    params.class_count = 2;
    decode(&f, NULL, &params);
    CHECK(found->count == 2 && found->items[0].label_id == 0 && found->items[1].label_id == 4, "classes: %d found", found->count);
    params = VISION_DECODE_PARAMS;
    params.iou = 1;
    decode(&f, NULL, &params);
    CHECK(found->count == 2 * TRUTHS, "no suppression: %d found", found->count);
    params.confidence = 0;
    decode(&f, NULL, &params);
    CHECK(found->count <= 300 && found->count >= TRUTHS, "no threshold: %d found", found->count);
    fixture_free(&f);
}

static void test_not_finite(void)
{
    static const float bad[] = { NAN, INFINITY, -INFINITY };
    vision_decode_params params = VISION_DECODE_PARAMS;
    for (int kind = 0; kind < 4; kind++)
        for (int b = 0; b < 3; b++) {
            fixture f = { .name = "not finite", .width = 320, .height = 320, .classes = 80 };
            if (kind == 0)
                make_yolov8(&f, true, "output0");
            else if (kind == 1)
                make_yolov5(&f, 3, "output0");
            else if (kind == 2)
                make_yolox(&f);
            else
                make_end_to_end(&f, 0);
            decode(&f, NULL, &params);
            int good = found->count;
            float *data = f.tensors[0].data;
            size_t count = f.tensors[0].size_bytes / sizeof(float);
            int rows = grid_rows(&f, 8, 32);
            if (kind == 0) {
                put(data, true, rows, 84, 100, 0, bad[b]); /* a box of a good row */
                put(data, true, rows, 84, 161, 50, bad[b]); /* a score of another */
            } else {
                int columns = kind == 3 ? 6 : 85, row = kind == 1 ? 50 : kind == 3 ? 0 : -1;
                for (size_t i = 0; row < 0 && i < count; i += 85)
                    if (data[i + 4] > 0.9f)
                        row = (int)(i / 85);
                data[row * columns] = bad[b];
            }
            decode(&f, NULL, &params);
            CHECK(found->count <= good && found->ignored >= 1, "kind %d: %d of %d found, %d ignored", kind, found->count, good,
                  found->ignored);
            for (int i = 0; i < found->count; i++)
                CHECK(isfinite(found->items[i].x0) && isfinite(found->items[i].x1), "a box is not finite");
            for (size_t i = 0; i < count; i++)
                data[i] = bad[b];
            decode(&f, NULL, &params);
            CHECK(found->count == 0 && found->ignored > 0, "kind %d: all bad, %d found, %d ignored", kind, found->count,
                  found->ignored);
            fixture_free(&f);
        }
}

static void test_refusals(void)
{
    vision_decode_params params = VISION_DECODE_PARAMS;
    fixture f = { .name = "unknown", .width = 320, .height = 320, .classes = 80 };
    onyx_geometry g = geometry_of(&f);
    onyx_error error;
    add_tensor(&f, "logits", 2, 1, 1000, 0, 0);
    add_tensor(&f, "features", 4, 1, 2, 7, 7);
    onyx_status status = vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, &error);
    CHECK(status == ONYX_ERROR_UNSUPPORTED && strstr(error.message, "logits float32[1,1000]") &&
              strstr(error.message, "features float32[1,2,7,7]") && strstr(error.message, "yolox") && found->count == 0,
          "the message names what was seen: %s", error.message);
    status = vision_decode(NULL, f.tensors, NULL, 0, &g, &params, found, &error);
    CHECK(status == ONYX_ERROR_UNSUPPORTED, "no outputs");
    fixture_free(&f);
    f = (fixture){ .name = "short", .width = 320, .height = 320, .classes = 80 };
    make_yolov8(&f, true, "output0");
    f.tensors[0].size_bytes -= 4;
    status = vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, &error);
    CHECK(status == ONYX_ERROR_ARGUMENT, "memory shorter than the shape: %s", error.message);
    f.tensors[0].size_bytes += 4;
    f.tensors[0].type = ONYX_TYPE_STRING;
    CHECK(vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, &error) == ONYX_ERROR_UNSUPPORTED, "strings");
    f.tensors[0].type = ONYX_TYPE_FLOAT32;
    f.tensors[0].dims[1] = -84;
    CHECK(vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, &error) == ONYX_ERROR_ARGUMENT, "negative");
    fixture_free(&f);
}

int main(void)
{
    onyx_error error;
    if (!CHECK(vision_detections_new(&found, &error) == ONYX_OK, "memory"))
        return check_done();
    test_families();
    test_segment();
    test_pose();
    test_rotated();
    test_parameters();
    test_not_finite();
    test_refusals();
    vision_detections_free(found);
    return check_done();
}
