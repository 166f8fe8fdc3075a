/* SPDX-License-Identifier: BSD-2-Clause
 *
 * Every head with synthetic tensors made from known boxes: what is decoded must be what was put in, with the recipe and
 * without it. Then masks, keypoints, parameters, numbers that are not finite, and refusals. */
#include <math.h>
#include <string.h>

#include "check.h"
#include "fixtures.h"
#include "vision/vision.h"

/* --------------------------------------------------------------------------------------------------------- checks */

static vision_detections *found;

static vision_recipe *recipe_of(const fixture *f)
{
    onyx_value_info input = {
        .name = "images", .type = ONYX_TYPE_FLOAT32, .rank = 4, .dims = { 1, 3, f->height, f->width }
    };
    onyx_value_info outputs[MOST_TENSORS];
    memset(outputs, 0, sizeof outputs);
    for (int i = 0; i < f->count; i++) {
        outputs[i].name = f->names[i];
        outputs[i].type = f->tensors[i].type;
        outputs[i].rank = f->tensors[i].rank;
        memcpy(outputs[i].dims, f->tensors[i].dims, sizeof outputs[i].dims);
    }
    vision_model_info info = { .metadata = f->metadata,
                               .metadata_count = f->metadata_count,
                               .inputs = &input,
                               .input_count = 1,
                               .outputs = outputs,
                               .output_count = f->count };
    vision_recipe *recipe = NULL;
    onyx_error error;
    CHECK(vision_recipe_new(&info, &recipe, &error) == ONYX_OK, "%s: recipe: %s", f->name, error.message);
    return recipe;
}

static onyx_geometry geometry_of(const fixture *f)
{
    onyx_geometry g;
    onyx_image picture = { .width = f->width * 2, .height = f->height * 19 / 10 };
    vision_geometry(&picture, NULL, ONYX_SCALING_LETTERBOX, f->width, f->height, &g, NULL);
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
        float box[4] = { expected_coordinate(t->x0, g.scale_x, g.offset_x, w),
                         expected_coordinate(t->y0, g.scale_y, g.offset_y, h),
                         expected_coordinate(t->x1, g.scale_x, g.offset_x, w),
                         expected_coordinate(t->y1, g.scale_y, g.offset_y, h) };
        bool same_class_before = i == 3 && label_of(f, &truths[2]) == label_of(f, t);
        if (same_class_before)
            continue; /* suppressed */
        if (!CHECK(want < found->count, "%s %s: only %d found", f->name, how, found->count))
            return;
        const vision_detection *d = &found->items[want++];
        CHECK(fabsf(d->x0 - box[0]) <= slack && fabsf(d->y0 - box[1]) <= slack && fabsf(d->x1 - box[2]) <= slack &&
                  fabsf(d->y1 - box[3]) <= slack && fabsf(d->score - t->score) < 0.002f &&
                  d->label_id == label_of(f, t) + first_label,
              "%s %s: box %d is %.2f %.2f %.2f %.2f score %.3f label %d, expected %.2f %.2f %.2f %.2f %.3f %d", f->name,
              how, i, (double)d->x0, (double)d->y0, (double)d->x1, (double)d->y1, (double)d->score, d->label_id,
              (double)box[0], (double)box[1], (double)box[2], (double)box[3], (double)t->score,
              label_of(f, t) + first_label);
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
        float x = vision_to_picture_x(&g, truths[0].x0 + (float)k),
              y = vision_to_picture_y(&g, truths[0].y0 + 2 * (float)k);
        CHECK(fabsf(p.x - x) < 0.05f && fabsf(p.y - y) < 0.05f, "yunet point %d at %g %g", k, (double)p.x, (double)p.y);
    }
    fixture_free(&f);

    f = (fixture){ .name = "ultraface", .width = 320, .height = 240, .classes = 2 };
    make_boxes(&f, 4420, true, false);
    fixture all = f; /* class 0 is the background, so only the truth of class 1 counts */
    vision_decode_params params = VISION_DECODE_PARAMS;
    vision_recipe *recipe = recipe_of(&all);
    CHECK(recipe && !strcmp(vision_recipe_family(recipe), "ultraface") &&
              !strcmp(vision_recipe_label(recipe, 1), "face"),
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
    CHECK(row[0] > 200 && row[2] < 55 && row[1] > 90 && row[1] < 165, "%s: sampled %d %d %d", f->name, row[0], row[1],
          row[2]);
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
        CHECK(recipe->keypoints == 4 && recipe->keypoint_dims == 3 && recipe->task == VISION_TASK_POSE, "%s: recipe",
              f.name);
        if (decode(&f, recipe, &params) &&
            CHECK(found->count >= 2 && found->items[1].keypoint_count == 4, "%s: points", f.name)) {
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
    if (decode(&f, recipe, &params) &&
        CHECK(found->count == 1 && found->items[0].rotated, "obb: %d found", found->count)) {
        const vision_detection *d = &found->items[0];
        CHECK(fabsf(d->x0 - vision_to_picture_x(&g, 120)) < 0.01f &&
                  fabsf(d->x1 - vision_to_picture_x(&g, 160)) < 0.01f &&
                  fabsf(d->y0 - vision_to_picture_y(&g, 120)) < 0.01f &&
                  fabsf(d->y1 - vision_to_picture_y(&g, 200)) < 0.01f,
              "obb: %g %g %g %g", (double)d->x0, (double)d->y0, (double)d->x1, (double)d->y1);
        CHECK(fabsf(d->corners[0][0] - vision_to_picture_x(&g, 160)) < 0.01f, "obb: corner %g",
              (double)d->corners[0][0]);
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
    CHECK(found->count == 2 && found->items[0].label_id == 0 && found->items[1].label_id == 4, "classes: %d found",
          found->count);
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
                put(data, true, rows, 84, 100, 0, bad[b]);  /* a box of a good row */
                put(data, true, rows, 84, 161, 50, bad[b]); /* a score of another */
            } else {
                int columns = kind == 3 ? 6 : 85, row = kind == 1 ? 50 : kind == 3 ? 0 : -1;
                for (size_t i = 0; row < 0 && i < count; i += 85)
                    if (data[i + 4] > 0.9f)
                        row = (int)(i / 85);
                data[row * columns] = bad[b];
            }
            decode(&f, NULL, &params);
            CHECK(found->count <= good && found->ignored >= 1, "kind %d: %d of %d found, %d ignored", kind,
                  found->count, good, found->ignored);
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
    CHECK(vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, &error) == ONYX_ERROR_UNSUPPORTED,
          "strings");
    f.tensors[0].type = ONYX_TYPE_FLOAT32;
    f.tensors[0].dims[1] = -84;
    CHECK(vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, &error) == ONYX_ERROR_ARGUMENT,
          "negative");
    fixture_free(&f);
}

/* No rows at all is how graphs with NMS say that nothing was found. */
static void test_empty(void)
{
    fixture f = { .name = "empty", .width = 320, .height = 320, .classes = 80 };
    vision_decode_params params = VISION_DECODE_PARAMS;
    free(add_tensor(&f, "output", 2, 0, 7, 0, 0));
    f.tensors[0].data = NULL;
    if (decode(&f, NULL, &params))
        CHECK(found->count == 0, "nothing found");
    fixture_free(&f);
}

static int next_random(uint32_t *seed, int limit)
{
    *seed = *seed * 1664525u + 1013904223u;
    return (int)(*seed >> 8) % limit;
}

/* Any shapes and numbers: no crash, no box outside of the picture, no number that is not finite. */
static void test_random(void)
{
    static const int64_t sizes[] = { 0,  1,  2,  3,  4,  5,  6,  7,  10, 12,  16,  20,
                                     21, 32, 37, 38, 57, 63, 64, 84, 85, 100, 252, 300 };
    static const float odd[] = { NAN, INFINITY, -INFINITY, 1e30f, -1e30f, 0, 1, 64, 0.5f, 1e-30f };
    uint32_t seed = 99;
    vision_decode_params params = VISION_DECODE_PARAMS;
    int understood = 0;
    for (int round = 0; round < 4000; round++) {
        fixture f = { .name = "random", .width = 64 + 32 * (round % 3), .height = 64, .classes = 1 };
        int count = round % 5 == 0   ? 12
                    : round % 5 == 1 ? 4
                                     : 1 + next_random(&seed, 3),
            columns = next_random(&seed, 24);
        for (int i = 0; i < count; i++) {
            int rank = 2 + next_random(&seed, 3);
            int64_t dims[4] = { 1, sizes[next_random(&seed, 24)],
                                next_random(&seed, 2) ? sizes[columns] : sizes[next_random(&seed, 24)],
                                1 + next_random(&seed, 20) };
            if (rank == 2)
                dims[0] = sizes[next_random(&seed, 24)];
            float *data =
                add_tensor(&f, next_random(&seed, 2) ? "output0" : "outputs", rank, dims[0], dims[1], dims[2], dims[3]);
            size_t elements = f.tensors[i].size_bytes / sizeof(float);
            for (size_t k = 0; k < elements; k++) {
                int kind = next_random(&seed, 40);
                data[k] = kind < 10 ? odd[kind] : (float)next_random(&seed, 1000) * 0.001f;
            }
        }
        onyx_geometry g = geometry_of(&f);
        params.confidence = round % 7 == 0 ? 0 : 0.3f;
        if (!vision_decode(NULL, f.tensors, f.names, f.count, &g, &params, found, NULL))
            understood++;
        for (int i = 0; i < found->count; i++) {
            const vision_detection *d = &found->items[i];
            CHECK(d->x0 >= 0 && d->y0 >= 0 && d->x1 <= (float)g.picture_width && d->y1 <= (float)g.picture_height &&
                      d->x0 < d->x1 && d->y0 < d->y1 && isfinite(d->score) && d->label_id >= 0,
                  "round %d: box %g %g %g %g", round, (double)d->x0, (double)d->y0, (double)d->x1, (double)d->y1);
        }
        fixture_free(&f);
    }
    CHECK(understood > 50, "only %d of the random tensors were understood", understood);
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
    test_empty();
    test_random();
    vision_detections_free(found);
    return check_done();
}
